"""``sufficiency publish``: the part of a run that may be given to everybody.

A release is small on purpose: a few breakdowns at coarse margins, the scheme schedule and the
ledgers' totals. Every count of children in every file of it is a cell of :data:`MARGINS`, looked
up in one :class:`~sufficiency.reports.suppression.Protected`; so what is held back in one file is
held back in all, and the proof covers all files together. Cohorts, flows, stays, marginal values
and ledger lines (a line of a kind of provision divided by its unit cost is a count) stay internal.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import geopandas
import numpy as np
import pandas as pd
import shapely
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from shapely.geometry.base import BaseGeometry

from sufficiency.problems import InputError, NotReleasableError, Problem
from sufficiency.reports import formatting as fmt
from sufficiency.reports import geopackage, layouts
from sufficiency.reports.charts import COLOURS
from sufficiency.reports.facts import GROUPS, UNMET, Run, as_float, as_int, group_of
from sufficiency.reports.suppression import (
    WITHHELD,
    Margin,
    Protected,
    Shown,
    protect,
    whole_numbers,
)
from sufficiency.reports.workbook import Column, Sheet, write_sheets
from sufficiency.vocabulary import (
    HIGHEST_YEAR_GROUP,
    KINDS,
    LEDGERS,
    LOWEST_YEAR_GROUP,
    NEEDS,
    STATEMENT,
    THRESHOLD,
    academic_year_label,
    financial_year_label,
    no_formula,
)
from sufficiency.writing import OTHER_FOLDER, folder_aside

MARK: Final = "For release: small numbers are held back"
MANIFEST: Final = "release.json"
ROUNDINGS: Final = 8
"""Roundings of a year that are tried before a release is refused."""
PAGE: Final = "release.html"
WORKBOOK: Final = "release.xlsx"
GEOPACKAGE: Final = "release.gpkg"

MONEY_STEP: Final = 10_000
"""Pounds to which ledger totals are rounded."""
CHILDREN_BEHIND: Final = 10
"""A median journey or a ledger total is shown when ten times the threshold of children, or more,
stand behind it."""

NO_PLACE: Final = "No suitable place"
JOURNEYS: Final = {
    "up to 45": "Up to 45 minutes",
    "45 to 75": "More than 45 and up to 75 minutes",
    "over 75": "More than 75 minutes",
    "none": "No journey: educated elsewhere, or no place",
}
STANDS: Final = {
    "mainstream": "Suited by a mainstream class",
    "local": "Need more, and have a local place",
    "not local": "Need more, and have no local place",
}


def margins(last_year: int) -> list[Margin]:
    """Everything that a release counts, by its name.

    A breakdown names the wider attribute too (a kind its group), so that what lies inside what is
    read from the names of the columns.
    """
    kind = ("group", "kind")
    return [
        Margin("all children", (), kept=True),
        Margin("group of provision", ("group",), 8),
        Margin("kind of provision", kind, 4),
        Margin("phase", ("phase",), 8),
        Margin("phase and kind", ("phase", *kind), 1),
        Margin("group of needs", ("designation",), 6),
        Margin("need", ("designation", "need"), 4),
        Margin("group of needs and group of provision", ("designation", "group"), 2),
        Margin("locality", ("locality",), 8),
        Margin("need for a place", ("needing",), 8),
        Margin("local place", ("needing", "stands"), 8),
        Margin("locality and need for a place", ("locality", "needing"), 4),
        Margin("locality and local place", ("locality", "needing", "stands"), 4),
        Margin("provision", (*kind, "provision"), 2),
        Margin("journey", ("journey",), 4),
        Margin("locality and provision", ("locality", *kind, "provision"), 0.5,
               blocks=frozenset([last_year])),
    ]  # fmt: skip


@dataclass(frozen=True)
class Release:
    """A release that was written.

    Attributes:
        folder: where it stands.
        files: names within it.
        summary: of what is held back, from :meth:`Protected.summary`.
    """

    folder: Path
    files: tuple[str, ...]
    summary: dict[str, int]


# ------------------------------------------------------------------ the whole


Tell = Callable[[str], None]


def publish(
    run_folder: Path, out: Path, threshold: int = THRESHOLD, on_progress: Tell | None = None
) -> Release:
    """Write the releasable part of a run.

    Everything is written into a folder beside the wanted one and renamed when complete.

    Args:
        run_folder: a folder that :func:`sufficiency.pipeline.write_results` wrote.
        out: folder to make; an earlier release there is replaced, anything else refused.
        threshold: counts from 1 to below it are held back.
        on_progress: told each step in words.

    Raises:
        InputError: when the folder is no run, or ``out`` cannot be written.
        NotReleasableError: when the run did not pass its audit, or a count could be recovered.
    """
    out = Path(out).absolute()
    _refuse_unsafe(out)
    return write_release(Run.read(Path(run_folder)), out, threshold, on_progress)


def write_release(
    run: Run, out: Path, threshold: int = THRESHOLD, on_progress: Tell | None = None
) -> Release:
    """The same for a run that was read already.

    Raises:
        InputError: when ``out`` cannot be written.
        NotReleasableError: when the run did not pass its audit, or a count could be recovered.
    """
    _refuse_unsafe(out)
    audit = run.stamp.get("audit")
    if not audit or not audit.get("passed"):
        raise NotReleasableError(
            "This plan did not pass its audit, so its numbers are not released."
        )
    counts = protected(run, threshold, on_progress)
    if on_progress:
        on_progress("Writing the release")
    tables = release_tables(run, counts)
    with folder_aside(out, "the release", OTHER_FOLDER) as aside:
        (aside / "csv").mkdir()
        for name, table in tables.items():
            _write_csv(table, aside / "csv" / f"{name}.csv")
        (aside / PAGE).write_text(_page(run, counts, tables), encoding="utf-8", newline="\n")
        write_sheets(
            list(tables.values()), aside / WORKBOOK, heading=_title(run), mark=MARK,
            facts=_facts(run), numbers=" ".join(rules(counts)), created=run.stamp.get("created"),
        )  # fmt: skip
        geopackage.write_layers(
            _layers(run, counts), aside / GEOPACKAGE, f"{MARK}.", run.stamp.get("created")
        )
        files = sorted(str(p.relative_to(aside)) for p in aside.rglob("*") if p.is_file())
        _write_manifest(run, counts, aside, files)
    return Release(out, (*files, MANIFEST), counts.summary())


def _refuse_unsafe(out: Path) -> None:
    if out.exists() and not (
        out.is_dir() and ((out / MANIFEST).exists() or not any(out.iterdir()))
    ):
        raise InputError(
            [Problem("this folder exists and is not an earlier release.",
                     "choose another folder with --out; only an earlier release is replaced.",
                     file=str(out))]
        )  # fmt: skip


def _title(run: Run) -> str:
    return str(run.stamp.get("title") or run.stamp.get("name") or "Plan")


def _facts(run: Run) -> list[tuple[str, str]]:
    return [
        ("Authority", run.authority),
        ("Planned years", run.period),
        ("Base year", academic_year_label(run.base)),
        ("Planning model", str(dict(run.stamp.get("model", {})).get("title") or "")),
        ("Made on", fmt.date(run.stamp.get("created"))),
    ]


def rules(counts: Protected) -> list[str]:
    """How the numbers of a release are to be read."""
    least, words = counts.threshold, fmt.capital_first(counts.words)
    return [
        "Numbers are children and young people with an education, health and care plan, as the "
        "plan expects them. They are rounded to whole children so that every total adds up; a "
        f"number may differ from the plan's own by {max(1.0, counts.largest_rounding):.1f} at "
        "most.",
        f"0 is shown. “{words}” stands for 1 to {least - 1}; inside a total that is itself "
        f"{counts.words} it stands for 0 to {least - 1}. “{fmt.capital_first(WITHHELD)}” stands "
        f"for {least} or more: the number is held back because a smaller one could be worked out "
        "from it.",
        f"Ledger totals are rounded to £{MONEY_STEP:,}.",
    ]


def _write_manifest(run: Run, counts: Protected, folder: Path, files: Sequence[str]) -> None:
    data = {
        "statement": STATEMENT,
        "mark": MARK,
        "title": _title(run),
        "authority": run.authority,
        "created": run.stamp.get("created"),
        "software": dict(run.stamp.get("versions", {})).get("sufficiency"),
        "threshold": counts.threshold,
        "rules": rules(counts),
        "check": {
            **counts.summary(),
            "passed": True,
            "words": "For every count held back there are other numbers of children that agree "
            "with every published number and word of all files, and in which it differs.",
        },
        "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files},
    }
    text = json.dumps(data, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


# ------------------------------------------------------------------ counts


def protected(run: Run, threshold: int = THRESHOLD, on_progress: Tell | None = None) -> Protected:
    """The counts of a release of a run, with what is held back.

    Raises:
        NotReleasableError: when a count could be recovered whatever else is withheld.
    """
    published, exact = margins(run.last), atoms(run)
    # The release says how many places a provision has. A school must admit a child whose plan
    # names it, so a few more children than places are believed, and no more.
    believed = {}
    for r in run.plan.occupancy.itertuples(index=False):
        places = as_float(r.commissioned_places)
        if places == places or as_float(r.scheme_places) > 0:
            places = (0.0 if places != places else places) + as_float(r.scheme_places)
            key = _kind_key(str(r.kind), str(r.provision))
            believed["provision", as_int(r.academic_year), key] = places + threshold - 2
    turns: dict[Any, int] = {}
    done: dict[Any, Any] = {}

    def say(year: int) -> None:
        if on_progress:
            again = f", rounded in another way: try {turns[year] + 1}" if year in turns else ""
            on_progress(f"Holding back small numbers of {academic_year_label(year)}{again}")

    while True:
        whole, moved = whole_numbers(exact, published, turns=turns)
        try:
            return protect(
                whole, published, threshold=threshold, believed=believed, largest_rounding=moved,
                on_block=say, done=done,
            )  # fmt: skip
        except NotReleasableError as refused:
            # Few children in few schools: another rounding of the same plan may be hidden better.
            turns |= {year: turns.get(year, 0) + 1 for year in refused.blocks}
            if not refused.blocks or max(turns.values()) >= ROUNDINGS:
                raise


def atoms(run: Run) -> pd.DataFrame:
    """Expected children by every attribute that a release uses.

    Columns: academic_year, locality, designation, need, phase, group, kind, provision, needing
    (more than a mainstream class), stands (key of :data:`STANDS`), journey (key of
    :data:`JOURNEYS`), children.
    """
    people = layouts.everyone(run.plan)
    journeys = run.plan.stays[["cohort", "provision", "minutes"]]
    journeys = journeys.drop_duplicates(["cohort", "provision"])
    people = people.merge(journeys, on=["cohort", "provision"], how="left")
    minutes = people["minutes"].to_numpy(float)
    travels = ~np.isnan(minutes) & (people["kind"] != "educated_elsewhere").to_numpy()
    needing = (people["tier"] >= 2).to_numpy()
    local = layouts.in_local_place(people).to_numpy()
    designation = {
        need: name for name, needs in dict(run.rule("designations", {})).items() for need in needs
    }
    groups = {kind: group_of(str(kind)) for kind in people["kind"].unique()}
    people = people.assign(
        group=people["kind"].map(groups),
        designation=people["need"].map(designation).fillna("Other"),
        needing=needing,
        stands=np.where(needing, np.where(local, "local", "not local"), "mainstream"),
        journey=np.where(
            ~travels,
            "none",
            np.where(minutes > 75, "over 75", np.where(minutes > 45, "45 to 75", "up to 45")),
        ),
    )
    by = sorted({column for margin in margins(run.last) for column in margin.by})
    return people.groupby(["academic_year", *by], as_index=False)[["children"]].sum()


def _over_years(run: Run, counts: Protected, margin: str, key: tuple[Any, ...]) -> list[Any]:
    """A count by year: a number where it is shown, else its words."""
    return [_cell(counts.look_up(margin, year, key)) for year in run.years]


def _cell(shown: Shown) -> Any:
    return shown.text if shown.number is None else shown.number


def _kind_key(kind: str, *more: str) -> tuple[str, ...]:
    return (group_of(kind), kind, *more)


# ------------------------------------------------------------------ tables


def release_tables(run: Run, counts: Protected) -> dict[str, Sheet]:
    """All tables of a release, by the name of their CSV file."""
    years = [Column(label, "children", "whole") for label in run.labels]

    def rows(
        margin: str, entries: Sequence[tuple[tuple[Any, ...], tuple[str, ...]]], every: bool = True
    ) -> list[tuple[Any, ...]]:
        found = [(*words, *_over_years(run, counts, margin, key)) for key, words in entries]
        return [r for r in found if every or any(value != 0 for value in r[-len(years) :])]

    kinds = [*KINDS, UNMET]
    kind_words = {**KINDS, UNMET: NO_PLACE}
    groups = [*GROUPS, NO_PLACE]
    total = ("All children and young people",)
    designations = dict(run.rule("designations", {}))
    needs = [(d, n) for d, listed in designations.items() for n in listed if n in NEEDS]
    localities = _localities(run)
    named = run.plan.occupancy.drop_duplicates("provision")
    provisions = [
        (str(p), str(n), str(k))
        for p, n, k in zip(named["provision"], named["name"], named["kind"], strict=True)
    ]
    possible = _possible(run)
    phase_mix: list[tuple[Any, ...]] = []
    for phase in run.phases:
        entries = [
            ((group_of(k), k), (fmt.capital_first(phase), kind_words[k]))
            for k in kinds
            if (phase, k) in possible
        ]
        keyed = [((phase, *key), words) for key, words in entries]
        phase_mix += rows("phase and kind", keyed, every=False)
        phase_mix += rows("phase", [((phase,), (fmt.capital_first(phase), "All"))])
    need_groups: list[tuple[Any, ...]] = []
    for d in designations:
        keyed_groups = [((d, g), (d, g)) for g in groups]
        need_groups += rows("group of needs and group of provision", keyed_groups, every=False)
        need_groups += rows("group of needs", [((d,), (d, "All"))])
    where: list[tuple[Any, ...]] = []
    for locality in [*localities, ""]:
        place = locality or "All localities"
        key: tuple[Any, ...] = (locality,) if locality else ()
        prefix = "locality and " if locality else ""
        where += rows(
            prefix + "local place",
            [((*key, s != "mainstream", s), (place, STANDS[s])) for s in STANDS],
        )
        where += rows(
            prefix + "need for a place",
            [((*key, True), (place, "Need more than a mainstream class"))],
        )
        where += rows("locality" if locality else "all children", [(key, (place, "All"))])
    nothing_more = f"{STANDS['not local']}, if no further scheme opens"
    where.append(("All localities", nothing_more, *_without_schemes(run, counts)))
    lines = []
    for locality in localities:
        for p, name, kind in provisions:
            margin_key = (locality, *_kind_key(kind, p))
            value = _cell(counts.look_up("locality and provision", run.last, margin_key))
            if value != 0:
                lines.append((locality, p, name, KINDS[kind], value))
    return {
        "placement_mix": Sheet(
            "Placement mix", "Children and young people with a plan by kind of provision",
            "Children by kind of provision and academic year.", "the plan",
            [Column("Kind of provision", "name"), *years],
            rows("kind of provision", [(_kind_key(k), (kind_words[k],)) for k in kinds])
            + rows("all children", [((), total)]),
            note=f"{academic_year_label(run.base)} is the base year; later years are planned.",
        ),
        "placement_groups": Sheet(
            "Placement groups", "Children and young people with a plan by group of provision",
            "The same in five groups, and those without a suitable place.", "the plan",
            [Column("Group of provision", "name"), *years],
            rows("group of provision", [((g,), (g,)) for g in groups])
            + rows("all children", [((), total)]),
            note="; ".join(f"{g}: {', '.join(KINDS[k] for k in ks)}" for g, ks in GROUPS.items()),
        ),
        "phase_and_kind": Sheet(
            "Phase and kind", "Children by phase and kind of provision",
            "Children by phase, kind of provision and academic year.", "the plan",
            [Column("Phase", "name"), Column("Kind of provision", "name"), *years], phase_mix,
            note="A kind that takes no child of a phase is left out.",
        ),
        "needs": Sheet(
            "Needs", "Children by primary need", "Children by primary need and academic year.",
            "the plan",
            [Column("Group of needs", "name"), Column("Primary need", "name"), *years],
            rows("need", [((d, n), (d, NEEDS[n])) for d, n in needs])
            + rows("all children", [((), ("All needs", "All"))]),
        ),
        "needs_and_groups": Sheet(
            "Needs and provision", "Children by group of needs and group of provision",
            "Children by group of needs, group of provision and academic year.", "the plan",
            [Column("Group of needs", "name"), Column("Group of provision", "name"), *years],
            need_groups,
        ),
        "localities": Sheet(
            "Localities", "Children who need more than a mainstream class, by locality",
            "Children by locality, and how many have a local specialist place.", "the plan",
            [Column("Locality", "name"), Column("Children", "in words"), *years], where,
            note="A local place is one in a specialist base or state special school of the "
            "authority; from Year 12, further education and specialist post-16 count as well.",
        ),
        "provision": Sheet(
            "Provision", "Children in every provision", "Children by provision and academic year.",
            "the plan",
            [Column("Provision", "identifier"), Column("Name", "name"), Column("Kind", "name"),
             *years],
            rows("provision", [(_kind_key(k, p), (p, n, KINDS[k])) for p, n, k in provisions]),
            note="Children of this authority only.",
        ),
        "places": Sheet(
            "Places", "Places of every provision", "Commissioned places and places of schemes.",
            "the plan",
            [Column("Provision", "identifier"), Column("Name", "name"), Column("Kind", "name"),
             *[Column(label, "places", "count", missing="no limit") for label in run.labels]],
            _places(run, provisions),
            note="Places of schemes included; a new scheme fills over several years.",
        ),
        "journeys": Sheet(
            "Journeys", "Journeys to school or college, one way",
            "Children by length of journey, and the median journey.", "the plan",
            [Column("Journey", "in words"), *years],
            rows("journey", [((j,), (words,)) for j, words in JOURNEYS.items()])
            + rows("all children", [((), total)]) + _medians(run, counts),
            note="45 and 75 minutes are guides to suitability, not limits in law.",
        ),
        "localities_to_provision": Sheet(
            "Localities to provision", f"From where to where in {academic_year_label(run.last)}",
            "Children by home locality and provision in the last planned year.", "the plan",
            [Column("Locality", "name"), Column("Provision", "identifier"), Column("Name", "name"),
             Column("Kind", "name"), Column(academic_year_label(run.last), "children", "whole")],
            lines,
            note="Pairs that are not listed have no child.",
        ),
        **_money_tables(run, counts),
    }  # fmt: skip


def _possible(run: Run) -> set[tuple[str, str]]:
    """(phase, kind) that some provision takes, or that some child has all the same."""
    names = {str(k): str(v) for k, v in dict(run.rule("phase_names", {})).items()}
    starts = sorted((int(k), v) for k, v in names.items() if k.lstrip("-").isdigit())
    early = [(LOWEST_YEAR_GROUP, v) for k, v in names.items() if k.startswith("before")]
    begins = [*early, *starts]
    ends = [start - 1 for start, _ in begins[1:]] + [HIGHEST_YEAR_GROUP]
    people = layouts.everyone(run.plan)
    found = {(str(p), str(k)) for p, k in people[["phase", "kind"]].drop_duplicates().to_numpy()}
    found |= {(phase, UNMET) for _, phase in begins}
    for table in (run.table("provisions"), run.table("schemes")):
        if table.empty:
            continue
        rows = zip(
            table["kind"], table["lowest_year_group"], table["highest_year_group"], strict=True
        )
        for kind, lowest, highest in rows:
            found |= {
                (phase, str(kind))
                for (start, phase), end in zip(begins, ends, strict=True)
                if lowest <= end and highest >= start
            }
    return found


def _localities(run: Run) -> list[str]:
    return sorted({str(x) for x in layouts.everyone(run.plan)["locality"]})


def _without_schemes(run: Run, counts: Protected) -> list[Any]:
    """Children without a local place if no further scheme opens, held back with its like.

    The plan's own number may be the same before a scheme opens; so where that is held back, this
    is too.
    """
    found: list[Any] = []
    gaps = run.plan.gaps.groupby("academic_year")["gap_without_schemes"].sum()
    for year in run.years:
        number = round(as_float(gaps.get(year, 0.0)))
        own = counts.look_up("local place", year, (True, "not local"))
        if 0 < number < counts.threshold:
            found.append(counts.words)
        elif own.number is None:
            found.append(WITHHELD if number else counts.words)
        else:
            found.append(number)
    return found


def _medians(run: Run, counts: Protected) -> list[tuple[Any, ...]]:
    table = run.plan.travel_summary
    table = table[table["phase"] == "all"].set_index("academic_year")
    enough = CHILDREN_BEHIND * counts.threshold
    found = []
    for measure, words in (
        ("median_minutes", "Half of the children travel, in minutes, at most"),
        ("p90_minutes", "Nine in ten travel, in minutes, at most"),
    ):
        values: list[Any] = []
        for year in run.years:
            known = year in table.index and as_float(table.at[year, "children"]) >= enough
            values.append(round(as_float(table.at[year, measure])) if known else WITHHELD)
        found.append((words, *values))
    return found


def _places(run: Run, provisions: Sequence[tuple[str, str, str]]) -> list[tuple[Any, ...]]:
    table = run.plan.occupancy.set_index(["provision", "academic_year"])
    found = []
    for p, name, kind in provisions:
        mine = table.loc[[p]]
        limited = mine["commissioned_places"].notna().any() or (mine["scheme_places"] > 0).any()
        places = (mine["commissioned_places"].fillna(0.0) + mine["scheme_places"]).tolist()
        values = places if limited else [float("nan")] * len(places)
        found.append((p, name, KINDS[kind], *values))
    return found


def _money_tables(run: Run, counts: Protected) -> dict[str, Sheet]:
    plan = run.plan
    schemes = plan.schemes.sort_values(["opens", "name", "scheme"])
    schedule = [
        (str(r.scheme), str(r.name), KINDS.get(str(r.kind), str(r.kind)), as_float(r.places),
         as_float(r.capital_pounds), str(r.status),
         academic_year_label(as_int(r.opens)) if as_int(r.opens) >= 0 else "does not open")
        for r in schemes.itertuples(index=False)
    ]  # fmt: skip
    names = dict(zip(plan.schemes["scheme"], plan.schemes["name"], strict=True))
    capital = [
        (financial_year_label(as_int(r.financial_year)), str(r.scheme),
         str(names.get(r.scheme, "")), str(r.source) or "any", as_float(r.pounds))
        for r in plan.capital.itertuples(index=False)
    ]  # fmt: skip
    both = [(plan, "with the plan's schemes")]
    if run.without is not None:
        both.append((run.without, "if no further scheme opens"))
    money: list[tuple[Any, ...]] = []
    years = list(range(run.first, run.last + 1))
    enough = CHILDREN_BEHIND * counts.threshold
    behind = {y: counts.truth("all children", y) for y in run.years}
    for found, words in both:
        table = run.ledger_by_year(found)
        rounded = {
            ledger: [
                round(as_float(table.at[y, ledger]) / MONEY_STEP) * MONEY_STEP
                if ledger == "capital" or min(behind[y], behind[y - 1]) >= enough
                else WITHHELD
                for y in years
            ]
            for ledger in LEDGERS
        }
        money += [(LEDGERS[ledger], words, *values) for ledger, values in rounded.items()]
        if run.allocations:
            balance = [
                round(run.allocations[y] / MONEY_STEP) * MONEY_STEP - spent
                if y in run.allocations and not isinstance(spent, str)
                else fmt.NOT_AVAILABLE
                for y, spent in zip(years, rounded["dsg"], strict=True)
            ]
            money.append(("High-needs allocation less Dedicated Schools Grant", words, *balance))
    return {
        "schemes": Sheet(
            "Schemes", "Schemes and when they open", "Every scheme: places, capital, opening.",
            "the plan",
            [Column("Scheme", "identifier"), Column("Name", "name"), Column("Kind", "name"),
             Column("Places", "places", "whole"), Column("Capital", "£", "pounds"),
             Column("Status", "in words"), Column("Opens", "academic year")],
            schedule,
        ),
        "capital": Sheet(
            "Capital", "Capital spending by scheme, source and year",
            "Capital by financial year, scheme and source of funding.", "the plan",
            [Column("Financial year", "April to March"), Column("Scheme", "identifier"),
             Column("Name", "name"), Column("Source", "of funding"),
             Column("Spending", "£", "pounds")],
            capital,
        ),
        "ledgers": Sheet(
            "Ledgers", "The three ledgers by financial year",
            "Dedicated Schools Grant, general fund and capital, with and without the plan's "
            "schemes.", "the plan",
            [Column("Ledger", "name"), Column("Plan", "in words"),
             *[Column(financial_year_label(y), "£", "pounds") for y in years]],
            money,
            note="The three are never added: fees fall on the Dedicated Schools Grant, transport "
            "on the general fund, building on capital.",
        ),
    }  # fmt: skip


# ------------------------------------------------------------------ files


def _write_csv(table: Sheet, path: Path) -> None:
    """A table as CSV: units in the headers, words kept from becoming formulas."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([f"{c.name} ({c.unit})" for c in table.columns])
        for row in table.rows:
            writer.writerow([_plain(c, v) for c, v in zip(table.columns, row, strict=True)])


def _plain(column: Column, value: Any) -> str:
    if isinstance(value, str):
        return no_formula(value)
    if value != value:
        return column.missing
    return str(int(value)) if float(value).is_integer() else f"{value:.10g}"


def _page(run: Run, counts: Protected, tables: dict[str, Sheet]) -> str:
    shipped = resources.files("sufficiency.reports")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((shipped / "release.html").read_text(encoding="utf-8"))
    return template.render(
        style=Markup((shipped / "page.css").read_text(encoding="utf-8")),
        title=_title(run),
        authority=run.authority,
        statement=str(run.stamp.get("statement") or STATEMENT),
        mark=MARK,
        facts=_facts(run),
        headlines=headlines(run, counts),
        rules=rules(counts),
        tables=[
            {
                "anchor": name,
                "sheet": table,
                "rows": [
                    [_words(c, v) for c, v in zip(table.columns, row, strict=True)]
                    for row in table.rows
                ],
            }
            for name, table in tables.items()
        ],
    )


def _words(column: Column, value: Any) -> str:
    """A cell as the page shows it."""
    if isinstance(value, str):
        return value
    if value != value:
        return column.missing
    if column.form == "pounds":
        return fmt.exact_pounds(value)
    return fmt.whole(value) if float(value).is_integer() else f"{value:,.1f}"


def headlines(run: Run, counts: Protected) -> list[str]:
    """What the release says first, from its own numbers."""
    last, base = academic_year_label(run.last), academic_year_label(run.base)

    def said(margin: str, year: int, *key: Any) -> str:
        return counts.look_up(margin, year, key).text

    opened = run.opened
    return [
        f"{said('all children', run.base)} children and young people have a plan in {base}; "
        f"{said('all children', run.last)} are expected in {last}.",
        f"In {last}, {said('need for a place', run.last, True)} of them need more than a "
        f"mainstream class: {said('local place', run.last, True, 'local')} have a local place, "
        f"{said('local place', run.last, True, 'not local')} have none.",
        f"{fmt.capital_first(fmt.number_of(len(opened), 'scheme opens', 'schemes open'))}, with "
        f"{fmt.places(as_float(opened['places'].sum()))} and "
        f"{fmt.pounds(as_float(opened['capital_pounds'].sum()))} of capital.",
        f"Children without any suitable place in {last}: "
        f"{said('kind of provision', run.last, NO_PLACE, UNMET)}.",
    ]


def _layers(run: Run, counts: Protected) -> list[geopackage.Layer]:
    shapes, points = geopackage.area_shapes(run), geopackage.area_points(run)
    table = run.table("areas")
    home: dict[str, list[str]] = {}
    if len(table):
        for area, locality in zip(table["area"], table["locality"], strict=True):
            home.setdefault(str(locality), []).append(str(area))
    localities = [name for name in _localities(run) if name in home]
    united: list[BaseGeometry] = [
        shapely.union_all([geopackage.polygons(shapes[a], points[a]) for a in home[name]])
        for name in localities
    ]
    centres = {
        name: shapely.MultiPoint([points[a] for a in home[name]]).centroid for name in localities
    }

    def columns(margin: str, keys: Sequence[tuple[Any, ...]], measure: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for year in run.years:
            shown = [counts.look_up(margin, year, key) for key in keys]
            name = geopackage.year_column(measure, year)
            found[name] = pd.array([s.number for s in shown], dtype="Int64")
            found[f"{name}_shown"] = [s.text for s in shown]
        return found

    named = run.plan.occupancy.drop_duplicates("provision")
    kinds = {str(p): str(k) for p, k in zip(named["provision"], named["kind"], strict=True)}
    where = {p: geopackage.provision_point(run, p) for p in kinds}
    lines = []
    for name in localities:
        for p, kind in kinds.items():
            key = (name, *_kind_key(kind, p))
            shown = counts.look_up("locality and provision", run.last, key)
            drawn = geopackage.line(centres[name], where[p])
            if shown.number and drawn is not None:
                lines.append((name, p, group_of(kind), shown.number, drawn))
    held = f"Empty where held back: the column “_shown” says “{counts.words}” or “{WITHHELD}”."
    last = academic_year_label(run.last)
    return [
        geopackage.Layer(
            "localities", f"Localities: children with a plan, and those without a local place. "
            f"{held} Edges are approximate.",
            geopandas.GeoDataFrame(
                {
                    "locality": localities,
                    **columns("locality", [(n,) for n in localities], "children"),
                    **columns("locality and local place",
                              [(n, True, "not local") for n in localities], "no_local_place"),
                },
                geometry=[geopackage.polygons(g, centres[n])
                          for g, n in zip(united, localities, strict=True)],
                crs=geopackage.CRS,
            ),
            geopackage.plain(),
        ),
        geopackage.Layer(
            "desire_lines", f"From the middle of a locality to a provision in {last}: only lines "
            "whose number may be shown.",
            geopandas.GeoDataFrame(
                {
                    "locality": [r[0] for r in lines],
                    "provision": [r[1] for r in lines],
                    "group": [r[2] for r in lines],
                    "children": pd.array([r[3] for r in lines], dtype="Int64"),
                },
                geometry=[r[4] for r in lines],
                crs=geopackage.CRS,
            ),
            geopackage.line_style(),
        ),
        geopackage.Layer(
            "provisions", f"Provision and its children of this authority. {held}",
            geopandas.GeoDataFrame(
                {
                    "provision": list(kinds),
                    "name": [str(n) for n in named["name"]],
                    "kind": [KINDS[k] for k in kinds.values()],
                    "group": [group_of(k) for k in kinds.values()],
                    **columns("provision", [_kind_key(k, p) for p, k in kinds.items()], "children"),
                },
                geometry=[where[p] for p in kinds],
                crs=geopackage.CRS,
            ),
            geopackage.categories(
                "group", [(g, g, COLOURS[g], geopackage.SHAPES[g]) for g in GROUPS], 3.2
            ),
        ),
        geopackage.schemes_layer(run),
    ]  # fmt: skip
