"""Checks between cells, rows and tables: what each file alone cannot show.

CHECKS lists them all. Each takes a :class:`_Check` and notes errors (the run stops once all are
known) or warnings (they travel with the result).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely

from sufficiency.problems import Problems, near
from sufficiency.tables.manifest import LIST_TYPES, MANIFEST, NOT_RECORDED
from sufficiency.tables.reading import (
    GRID_EXTENT,
    Note,
    Saying,
    Tables,
    cell_text,
    looks_like_degrees,
    report_rows,
)
from sufficiency.vocabulary import KINDS, LEDGERS, LOCAL_STATE_SPECIALIST, academic_year_label

PLAUSIBLE_METRES: Final = 200_000.0
"""A provision farther from every area than this is questioned."""
HULL_MARGIN_METRES: Final = 2_000.0
_FAR_KINDS: Final = (
    "non_maintained_special",
    "independent_special",
    "out_of_area_state_special",
    "specialist_post_16",
    "further_education",
    "educated_elsewhere",
)
_YEAR_TYPES: Final = ("academic year", "financial year")


@dataclass(frozen=True)
class _Check:
    """The tables, the collector and the horizon (academic years) that every check uses."""

    tables: Tables
    problems: Problems
    base_year: int
    first_year: int
    last_year: int

    def rows(
        self,
        note: Note,
        table: str,
        wrong: Any,
        column: str,
        say: Saying | Callable[[dict[str, Any]], Saying],
    ) -> None:
        """Note the rows of a table that a mask marks; their years are shown as labels."""
        mask = np.asarray(wrong, dtype=bool)
        if mask.any():
            found = self.tables.frame(table).loc[mask]
            type_ = MANIFEST[table].column(column).type
            if type_ in _YEAR_TYPES:
                found = found.assign(**{column: [cell_text(v, type_) for v in found[column]]})
            report_rows(note, found, column, self.tables.file(table), say)


def check_tables(
    tables: Tables, problems: Problems, *, base_year: int, first_year: int, last_year: int
) -> None:
    """Check the tables against each other; fill ``boundary`` and ``inside_authority``.

    Args:
        tables: as read. A missing ``boundary`` becomes the hull of the areas widened by 2 km,
            with a warning; a blank ``provisions.inside_authority`` becomes yes or no.
        problems: collects errors and warnings; nothing is raised.
        base_year: academic year of children_today.
        first_year: first planned academic year.
        last_year: last planned academic year.
    """
    check = _Check(tables, problems, base_year, first_year, last_year)
    for function in CHECKS:
        function(check)
    _fill_inside_authority(check)


def check_places(tables: Tables, problems: Problems) -> None:
    """Check areas, provisions and candidate sites alone: identifiers, and points on the map."""
    check = _Check(tables, problems, 0, 0, 0)
    for function in (_duplicate_keys, _shared_identifiers, _coordinates, _distances):
        function(check)


# ------------------------------------------------------------------ identifiers


def _duplicate_keys(c: _Check) -> None:
    """No two rows of a table share a key; the problem names both."""
    for table in MANIFEST.values():
        if not table.key:
            continue
        frame = c.tables.frame(table.name)
        filled = np.ones(len(frame), dtype=bool)
        for column in map(table.column, table.key):
            if column.required:  # a blank is already a problem of its own
                cells = frame[column.name]
                filled &= (cells.notna() & (cells != column.blank_value)).to_numpy()
        repeated = frame.duplicated(list(table.key)).to_numpy() & filled
        if not repeated.any():
            continue
        groups = frame.groupby(list(table.key), sort=False, dropna=False)["_row"]
        first = groups.transform("min")
        key = ", ".join(table.key)

        def say(
            row: dict[str, Any], first: Any = first, frame: Any = frame, key: str = key
        ) -> Saying:
            earlier = int(first[frame["_row"] == row["_row"]].iloc[0])
            return f"repeats {key} of row {earlier}.", "keep one of the two rows, or add them up."

        c.rows(c.problems.error, table.name, repeated, table.key[0], say)


def _shared_identifiers(c: _Check) -> None:
    """Provisions, sites and schemes share one set of identifiers; none stands for two things."""
    places = set(c.tables.provisions["provision"]) - {""}
    sites = set(c.tables.candidate_sites["site"]) - {""}
    for table, column, taken, what in (
        ("candidate_sites", "site", places, "provision"),
        ("schemes", "scheme", places, "provision"),
        ("schemes", "scheme", sites, "candidate site"),
    ):
        wrong = c.tables.frame(table)[column].isin(taken)
        say = (f"is also the identifier of a {what}.", f"give the {column} another identifier.")
        c.rows(c.problems.error, table, wrong, column, say)
    for table, column in (("schemes", "scheme"), ("budgets", "source")):
        wrong = c.tables.frame(table)[column].str.contains("|", regex=False)
        say = ("holds the sign | that separates names.", "use another sign.")
        c.rows(c.problems.error, table, wrong, column, say)


def _references(c: _Check) -> None:
    """Every identifier that a column refers to exists."""
    for table in MANIFEST.values():
        frame = c.tables.frame(table.name) if table.key else None
        for column in table.columns:
            if frame is None or not column.reference or frame.empty:
                continue
            targets = [reference.split(".") for reference in column.reference]
            sources = [c.tables.frame(name) for name, _ in targets]
            absent = any(
                s.empty and (MANIFEST[name].required or name == "budgets")
                for s, (name, _) in zip(sources, targets, strict=True)
            )  # a required table that is absent is one problem already; budgets may be absent
            if absent:
                continue
            known = {v for s, (_, key) in zip(sources, targets, strict=True) for v in s[key]}
            wrong: Any
            if column.type in LIST_TYPES:
                wrong = [not known.issuperset(names) for names in frame[column.name]]
            else:
                wrong = ~frame[column.name].isin(known | {""})
            what = " or ".join(key for _, key in targets)
            files = " or ".join(c.tables.file(name) for name, _ in targets)

            def say(
                row: dict[str, Any],
                name: str = column.name,
                known: set[str] = known,
                what: str = what,
                files: str = files,
            ) -> Saying:
                value = row[name]
                words = (
                    [v for v in value if v not in known] if isinstance(value, tuple) else [value]
                )
                hint = near(words[0], sorted(known))
                return (
                    f"{words[0]!r} is no known {what}{hint}",
                    f"correct it, or add it to {files}.",
                )

            c.rows(c.problems.error, table.name, wrong, column.name, say)


# ------------------------------------------------------------------ places on the map


def _points(frame: pd.DataFrame) -> tuple[Any, Any]:
    return frame["easting"].to_numpy(float), frame["northing"].to_numpy(float)


def _coordinates(c: _Check) -> None:
    """Coordinates come in pairs, in metres, on the British National Grid."""
    _, _, high_x, high_y = GRID_EXTENT
    for table in ("areas", "provisions", "candidate_sites"):
        x, y = _points(c.tables.frame(table))
        if table == "provisions":
            say = ("only one of easting and northing is given.", "fill both, or leave both blank.")
            c.rows(c.problems.error, table, np.isnan(x) & ~np.isnan(y), "easting", say)
            c.rows(c.problems.error, table, np.isnan(y) & ~np.isnan(x), "northing", say)
        degrees = looks_like_degrees(x, y)
        say = ("the coordinates look like degrees.", "transform them to EPSG:27700 (metres).")
        c.rows(c.problems.error, table, degrees, "easting", say)
        swapped = ~degrees & (x > high_x) & (x <= high_y) & (y >= 0) & (y <= high_x)
        say = ("lies outside the British National Grid.", "easting and northing may be swapped.")
        c.rows(c.problems.error, table, swapped, "easting", say)
        for column, value, high in (("easting", x, high_x), ("northing", y, high_y)):
            outside = ~degrees & ~swapped & ((value < 0) | (value > high))
            remedy = f"write metres from 0 to {high:,.0f} in EPSG:27700."
            say = ("lies outside the British National Grid.", remedy)
            c.rows(c.problems.error, table, outside, column, say)


def _distances(c: _Check) -> None:
    """Areas lie near each other; provisions and sites within 200 km of some area.

    Far provision of a kind that children board at, or that others run, is only a warning.
    """
    x, y = _points(c.tables.areas)
    on_grid = np.isfinite(x) & np.isfinite(y) & ~looks_like_degrees(x, y)
    if not on_grid.any():
        return
    centre = np.array([[np.median(x[on_grid])], [np.median(y[on_grid])]])
    homes = np.vstack([x[on_grid], y[on_grid]])

    def far(at_x: Any, at_y: Any, others: Any) -> Any:
        metres = np.hypot(at_x[:, None] - others[0], at_y[:, None] - others[1])
        return np.min(metres, axis=1, initial=np.inf) > PLAUSIBLE_METRES

    for table, others, what in (
        ("areas", centre, "the other areas"),
        ("provisions", homes, "every area"),
        ("candidate_sites", homes, "every area"),
    ):
        frame = c.tables.frame(table)
        px, py = _points(frame)
        plausible = (px >= 0) & (py >= 0) & (px <= GRID_EXTENT[2]) & (py <= GRID_EXTENT[3])
        outlying = plausible & ~looks_like_degrees(px, py) & far(px, py, others)
        swapped = outlying & ~far(py, px, others)
        message = f"lies more than 200 km from {what}."
        say = (message, "easting and northing may be swapped.")
        c.rows(c.problems.error, table, swapped, "easting", say)
        distant = np.zeros(len(frame), dtype=bool)
        if table == "provisions":
            distant = frame["kind"].isin(_FAR_KINDS).to_numpy()
        say = (message, "correct easting and northing (metres, EPSG:27700).")
        c.rows(c.problems.error, table, outlying & ~swapped & ~distant, "easting", say)
        say = (message, "correct easting and northing, unless it truly lies so far away.")
        c.rows(c.problems.warn, table, outlying & ~swapped & distant, "easting", say)


# ------------------------------------------------------------------ order and horizon


def _ordered_columns(c: _Check) -> None:
    """The lower of a pair of columns does not exceed the upper."""
    for table in ("provisions", "place_limits", "schemes"):
        frame = c.tables.frame(table)
        wrong = frame["lowest_year_group"] > frame["highest_year_group"]
        say = ("is above highest_year_group.", "swap the two year groups, or correct one.")
        c.rows(c.problems.error, table, wrong, "lowest_year_group", say)
    schemes, provisions = c.tables.schemes, c.tables.provisions
    wrong = (schemes["latest_opening"] != -1) & (
        schemes["earliest_opening"] > schemes["latest_opening"]
    )
    say = ("is after latest_opening.", "swap the two years, or leave latest_opening blank.")
    c.rows(c.problems.error, "schemes", wrong, "earliest_opening", say)
    wrong = (provisions["closes"] != -1) & (provisions["opens"] >= provisions["closes"])
    say = ("is not before closes.", "closes is the first year without it; write a later year.")
    c.rows(c.problems.error, "provisions", wrong, "opens", say)
    projected = c.tables.projected_children
    wrong = projected["joining"] > projected["children"] + 1e-9
    say = ("exceeds children.", "count in children all who have a plan, new ones included.")
    c.rows(c.problems.error, "projected_children", wrong, "joining", say)


def _horizon(c: _Check) -> None:
    """Years lie inside the horizon; a forecast does not begin before the base year."""
    span = f"{academic_year_label(c.first_year)} to {academic_year_label(c.last_year)}"
    unused = ("lies outside the horizon.", f"the plan uses {span}; check the year.")
    for table, column, first in (
        ("commissioned_places", "academic_year", c.base_year),
        ("place_limits", "academic_year", c.base_year),
        ("population", "academic_year", c.base_year),
        ("projected_children", "academic_year", c.first_year),
        ("budgets", "financial_year", c.first_year),
        ("allocations", "financial_year", c.first_year),
    ):
        year = c.tables.frame(table)[column]
        early = (year != -1) & (year < c.base_year)
        late = (year != -1) & ~early & ((year < first) | (year > c.last_year))
        note = c.problems.error if table == "projected_children" else c.problems.warn
        say = unused
        if table == "projected_children":
            begin = f"begin with {academic_year_label(c.first_year)}; delete earlier rows."
            say = (unused[0], begin)
        elif table == "commissioned_places":
            say = (unused[0], f"check the year; the last row counts on into {span}.")
        c.rows(note, table, early, column, say)
        c.rows(c.problems.warn, table, late, column, unused)
    schemes = c.tables.schemes
    say = ("the scheme can never open within the horizon.", f"the plan covers {span}.")
    c.rows(c.problems.warn, "schemes", schemes["earliest_opening"] > c.last_year,
           "earliest_opening", say)  # fmt: skip
    past = (schemes["latest_opening"] != -1) & (schemes["latest_opening"] < c.first_year)
    c.rows(c.problems.warn, "schemes", past, "latest_opening", say)


def _forecast_years(c: _Check) -> None:
    """A forecast has children in every planned year."""
    given = set(c.tables.projected_children["academic_year"])
    absent = [y for y in range(c.first_year, c.last_year + 1) if y not in given]
    if given and absent:
        c.problems.error(
            "the forecast has no row for some planned years.",
            "add them, or shorten the horizon in the scenario.",
            file=c.tables.file("projected_children"),
            column="academic_year",
            value=", ".join(map(academic_year_label, absent)),
        )


# ------------------------------------------------------------------ places and children today


def _required_places(c: _Check) -> None:
    """State special schools and specialist bases have commissioned places."""
    provisions = c.tables.provisions
    wrong = provisions["kind"].isin(LOCAL_STATE_SPECIALIST) & ~provisions["provision"].isin(
        c.tables.commissioned_places["provision"]
    )
    file = c.tables.file("commissioned_places")
    if len(c.tables.commissioned_places):  # an absent table is one problem already
        c.rows(c.problems.error, "provisions", wrong, "provision", lambda row: (
            f"this {KINDS[row['kind']].lower()} has no commissioned places.",
            f"add a row for it to {file}; write 0 where none are commissioned.",
        ))  # fmt: skip


def _children_above_places(c: _Check) -> None:
    """Children today fit the places of the base year (warning: a school may be over-full)."""
    places = c.tables.commissioned_places.sort_values("academic_year", kind="stable")
    until_base = places[places["academic_year"] <= c.base_year].groupby("provision").last()
    now = until_base.combine_first(places.groupby("provision").first())
    children = c.tables.children_today.groupby("provision")["children"].sum()
    limit = (now["places"] - now["other_authority_children"]).dropna()
    above = (children.reindex(limit.index) - limit).pipe(lambda s: s[s > 1e-9])
    wrong = c.tables.provisions["provision"].isin(above.index)
    c.rows(c.problems.warn, "provisions", wrong, "provision", lambda row: (
        f"children today ({children[row['provision']]:,.6g}) exceed the places left by other "
        f"authorities ({limit[row['provision']]:,.6g}).",
        "check children_today and commissioned_places; the plan keeps these children there.",
    ))  # fmt: skip


def _children_misplaced(c: _Check) -> None:
    """Children today are in a provision that is open and takes their year group (warnings)."""
    today = c.tables.children_today
    provisions = c.tables.provisions.drop_duplicates("provision").set_index("provision")
    at = provisions.reindex(today["provision"]).reset_index()
    group = today["year_group"]
    wrong = (group < at["lowest_year_group"]) | (group > at["highest_year_group"])
    say = (
        "is outside the year groups that the provision takes.",
        "check the year group and provisions; the plan keeps these children until their next "
        "transition point.",
    )
    c.rows(c.problems.warn, "children_today", wrong, "year_group", say)
    shut = (at["opens"] > c.base_year) | ((at["closes"] != -1) & (at["closes"] <= c.base_year))
    say = (
        f"is not open in the base year {academic_year_label(c.base_year)}.",
        "correct opens or closes in provisions, or move the children.",
    )
    c.rows(c.problems.warn, "children_today", shut & (today["children"] > 0), "provision", say)


# ------------------------------------------------------------------ schemes


def _scheme_targets(c: _Check) -> None:
    """A scheme has a site or a provision, and one of them only."""
    schemes = c.tables.schemes
    remedy = "fill site for a new provision, or provision for an expansion, not both."
    both = (schemes["site"] != "") & (schemes["provision"] != "")
    c.rows(
        c.problems.error, "schemes", both, "site", ("site and provision are both given.", remedy)
    )
    neither = (schemes["site"] == "") & (schemes["provision"] == "")
    c.rows(c.problems.error, "schemes", neither, "site", ("site and provision are blank.", remedy))


def _expansions(c: _Check) -> None:
    """An expansion keeps to the kind, needs, tiers and year groups of what it expands."""
    schemes = c.tables.schemes
    hosts: dict[str, dict[str, Any]] = {
        str(row[key]): {str(k): v for k, v in row.items()}
        for frame, key in ((schemes, "scheme"), (c.tables.provisions, "provision"))
        for row in frame.to_dict("records")
    }

    def host(row: dict[str, Any]) -> dict[str, Any]:
        return hosts[row["provision"]]

    expands = np.array([name in hosts for name in schemes["provision"]], dtype=bool)
    rows = [{str(k): v for k, v in row.items()} for row in schemes.to_dict("records")]

    def where(test: Callable[[dict[str, Any], dict[str, Any]], bool]) -> Any:
        return [bool(e) and test(row, host(row)) for e, row in zip(expands, rows, strict=True)]

    def say(column: str) -> Callable[[dict[str, Any]], Saying]:
        type_ = MANIFEST["schemes"].column(column).type
        return lambda row: (
            f"the expansion goes beyond {column} of {row['provision']} "
            f"({cell_text(host(row)[column], type_)}).",
            "keep to what it expands, widen that in its own table, or plan a new provision at a "
            "candidate site.",
        )

    error = c.problems.error
    # blank needs are a problem already
    wider = where(lambda s, p: bool(p["needs"]) and not set(s["needs"]) <= set(p["needs"]))
    c.rows(error, "schemes", wider, "needs", say("needs"))
    c.rows(error, "schemes", where(
        lambda s, p: bool(s["tiers"] and p["tiers"]) and not set(s["tiers"]) <= set(p["tiers"])
    ), "tiers", say("tiers"))  # fmt: skip
    youngest = where(lambda s, p: bool(s["lowest_year_group"] < p["lowest_year_group"]))
    c.rows(error, "schemes", youngest, "lowest_year_group", say("lowest_year_group"))
    oldest = where(lambda s, p: bool(s["highest_year_group"] > p["highest_year_group"]))
    c.rows(error, "schemes", oldest, "highest_year_group", say("highest_year_group"))
    other_kind = where(lambda s, p: bool(s["kind"] and p["kind"]) and s["kind"] != p["kind"])
    c.rows(error, "schemes", other_kind, "kind", say("kind"))
    chained = where(lambda s, p: "scheme" in p and p["site"] == "")
    c.rows(error, "schemes", chained, "provision", (
        "is a scheme that creates no provision.",
        "name the provision itself, or the scheme with the site.",
    ))  # fmt: skip


def _prerequisite_cycles(c: _Check) -> None:
    """No scheme waits, through others, for itself."""
    schemes = c.tables.schemes
    names = set(schemes["scheme"])
    waits: dict[str, list[str]] = {
        name: sorted({*requires, provision} & names)
        for name, requires, provision in zip(
            schemes["scheme"], schemes["requires"], schemes["provision"], strict=True
        )
    }
    cleared: set[str] = set()
    for start in waits:
        path: list[str] = []
        branches: list[Iterator[str]] = [iter([start])]
        while branches:
            step = next(branches[-1], None)
            if step is None:
                branches.pop()
                if path:
                    cleared.add(path.pop())
            elif step in path:
                cycle = " -> ".join([*path[path.index(step) :], step])
                cleared.update(path)
                say = (f"the schemes wait for each other: {cycle}.", "remove one of the links.")
                c.rows(c.problems.error, "schemes", schemes["scheme"] == step, "requires", say)
                break
            elif step not in cleared:
                path.append(step)
                branches.append(iter(waits[step]))


def _profiles(c: _Check) -> None:
    """Capital profiles add up to 1; fill profiles rise to 1."""
    schemes = c.tables.schemes
    wrong = [bool(s) and abs(sum(s) - 1) > 1e-6 for s in schemes["capital_profile"]]
    c.rows(c.problems.error, "schemes", wrong, "capital_profile", lambda row: (
        f"the shares add up to {sum(row['capital_profile']):.6g}, not 1.", "correct the shares.",
    ))  # fmt: skip
    wrong = [bool(f) and (list(f) != sorted(f) or f[-1] != 1) for f in schemes["fill"]]
    say = ("a fill profile must rise and end at 1.", "order the shares; end at 1.")
    c.rows(c.problems.error, "schemes", wrong, "fill", say)


# ------------------------------------------------------------------ records


def _recorded(c: _Check) -> None:
    """A recorded figure speaks of known kinds and ledgers, and holds a figure."""
    frame, error = c.tables.recorded, c.problems.error
    known = (*KINDS, NOT_RECORDED)
    strange = [not set(known).issuperset(kinds) for kinds in frame["kinds"]]
    c.rows(error, "recorded", strange, "kinds", lambda row: (
        f"names no known kind{near(next(k for k in row['kinds'] if k not in known), known)}",
        f"use, separated by |: {', '.join(known)}.",
    ))  # fmt: skip
    mixed = [NOT_RECORDED in kinds and len(kinds) > 1 for kinds in frame["kinds"]]
    say = (f"{NOT_RECORDED} stands beside a kind.", "give it a row of its own.")
    c.rows(error, "recorded", mixed, "kinds", say)
    ledgers = [ledger for ledger in LEDGERS if ledger != "capital"]
    say = ("is no ledger of running costs.", f"write {' or '.join(ledgers)}, or leave it blank.")
    c.rows(error, "recorded", ~frame["ledger"].isin(["", *ledgers]), "ledger", say)
    empty = frame["children"].isna() & frame["pounds"].isna()
    say = ("holds neither children nor pounds.", "fill one of the two, or delete the row.")
    c.rows(error, "recorded", empty, "children", say)
    beside = frame["children"].notna() & (frame["ledger"] != "")
    say = ("children stand in no ledger.", "give children and pounds rows of their own.")
    c.rows(error, "recorded", beside, "ledger", say)


# ------------------------------------------------------------------ boundary


def _boundary(c: _Check) -> None:
    """A missing boundary is replaced; a given one holds most areas."""
    x, y = _points(c.tables.areas)
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return
    points = shapely.points(x[known], y[known])
    if c.tables.boundary is None:
        hull = shapely.convex_hull(shapely.multipoints(points))
        c.tables.boundary = shapely.buffer(hull, HULL_MARGIN_METRES)
        if "boundary" not in c.tables.sources:
            message = "no boundary is given; the hull of the areas widened by 2 km stands in."
            c.problems.warn(
                message, "add the authority's boundary to its geodata.", file="boundary"
            )
        return
    shapely.prepare(c.tables.boundary)
    outside = ~shapely.covers(c.tables.boundary, points)
    if outside.mean() > 0.5:
        c.problems.error(
            f"{outside.sum():,} of {len(outside):,} areas lie outside the boundary.",
            "supply the boundary of this authority, or correct the areas' coordinates.",
            file=c.tables.file("boundary"),
        )


def _fill_inside_authority(c: _Check) -> None:
    """Fill a blank inside_authority: near-home provision is inside, others by the boundary."""
    frame = c.tables.provisions
    x, y = _points(frame)
    inside = np.isnan(x) & np.isnan(y)
    located = np.isfinite(x) & np.isfinite(y)
    if c.tables.boundary is not None:
        shapely.prepare(c.tables.boundary)
        inside[located] = shapely.covers(c.tables.boundary, shapely.points(x[located], y[located]))
    filled = frame["inside_authority"].where(
        frame["inside_authority"] != "", pd.Series(np.where(inside, "yes", "no"), dtype="str")
    )
    c.tables.provisions = frame.assign(inside_authority=filled)


CHECKS: Final[tuple[Callable[[_Check], None], ...]] = (
    _duplicate_keys,
    _shared_identifiers,
    _references,
    _coordinates,
    _distances,
    _ordered_columns,
    _horizon,
    _forecast_years,
    _required_places,
    _children_above_places,
    _children_misplaced,
    _scheme_targets,
    _expansions,
    _prerequisite_cycles,
    _profiles,
    _recorded,
    _boundary,
)
"""Every check between cells, rows and tables."""
