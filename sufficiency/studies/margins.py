"""What one more place is worth, how far that holds, and what an existing school could do first.

The price of a place is the dual value of the rule ``places``: what the least cost of placing
children falls by when a provision has one place more in one year. A place stays, so its worth *from
a September on* is the sum of its yearly prices, with what more places let a school take beyond
them. Such a price is exact for a small change and can only fall; **how far it holds is checked**:
children are placed again, exactly, with 1, 2, 5, 10 and 20 more places, and a price claims to be
valid only where one whole place is worth what it says.

For that, one question holds them all: "so many more places at this provision from that September"
is a scheme of its own, free of capital, which no plan opens unless it is told to.

What an existing school could do before anything is built (take another designation, or year groups
of the phase next to it) changes the inputs, and is a new question each; children are placed again.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sufficiency.pipeline import Loaded
from sufficiency.plan import Plan
from sufficiency.plan.finding import Finding
from sufficiency.problems import Problems, near
from sufficiency.reports import formatting as fmt
from sufficiency.rules import PlanningModel
from sufficiency.studies.inquiry import (
    Countdown,
    Inquiry,
    Schedule,
    Tell,
    by_id,
    check_names,
    inquire,
    stamp_of,
)
from sufficiency.vocabulary import (
    HIGHEST_YEAR_GROUP,
    LOCAL_STATE_SPECIALIST,
    LOWEST_YEAR_GROUP,
    NEEDS,
    academic_year_label,
    year_group_name,
)

KIND: Final = "marginal"
SIZES: Final = (1, 2, 5, 10, 20)
"""Places with which children are placed again, to see how far a price holds."""
PARTS: Final = (0.5, 0.1)
"""Parts of a place that are tried where the price does not hold for a whole one."""
TOLERANCE: Final = 0.05
"""Share by which the exact worth of places may differ from their price."""
POUNDS: Final = 500.0
"""Pounds of present value within which a worth is the same whatever the share."""
NO_KIND: Final = "educated_elsewhere"
"""Kind of the schemes that stand for more places: no price of a new place, no building."""
VALID, LESS, UNCHECKED, NOTHING = "valid", "worth less", "not checked", "worth nothing"


@dataclass(frozen=True)
class Change:
    """A change to an existing provision.

    Attributes:
        provision: identifier.
        needs: codes that it takes beside its own; empty for none.
        lowest, highest: year groups that it takes then; None as they are.
    """

    provision: str
    needs: tuple[str, ...] = ()
    lowest: int | None = None
    highest: int | None = None

    @property
    def what(self) -> str:
        """``designation`` or ``age range``."""
        return "designation" if self.needs else "age range"


def marginal(
    loaded: Loaded,
    *,
    provisions: Sequence[str] = (),
    checks: int = 12,
    sizes: Sequence[int] = SIZES,
    changes: Sequence[Change] | None = None,
    most_changes: int = 6,
    gap: float = 0.005,
    time_limit: float | None = 120.0,
    threads: int = 2,
    seed: int = 1,
    folder: Path | None = None,
    on_progress: Tell | None = None,
) -> Finding:
    """Worth of one more place, with its range of validity, and of changing existing schools.

    Args:
        loaded: from ``pipeline.load_scenario``.
        provisions: whose places are checked; those with the highest prices when empty.
        checks: how many of those.
        sizes: numbers of places with which children are placed again; 1 is always among them.
        changes: of existing provisions; found by :func:`likely_changes` when None.
        most_changes: of those that are found.
        gap, time_limit: of the search for the plan; seconds, None for no limit.
        threads, seed: for the solver.
        folder: in which answers are kept, so that a stopped study goes on; None: nowhere.
        on_progress: told each step in words.

    Returns:
        Tables ``values`` (see :func:`_values`), ``checks`` (:func:`_checks`), ``by_need``
        (:func:`_by_need`) and ``changes`` (:func:`_changes`).

    Raises:
        InputError: when a provision that is named does not exist or has no limit on places.
        NoPlanError: when no plan obeys the rules.
        Stopped: on Ctrl-C.
    """
    clock = time.monotonic()
    plain = inquire(loaded, gap=gap, time_limit=time_limit, threads=threads, seed=seed,
                    folder=folder, total=1, tell=on_progress)  # fmt: skip
    limited = limited_provisions(plain)
    check_names(provisions, limited, "provision with a limit on places", "--provision")
    if changes is not None:
        refuse_changes(loaded, changes)
    with plain:
        best = plain.best_or_why(words="The plan of least cost")
        wider = _with_more_places(plain, limited, (*PARTS, *sorted({1, *sizes})))
        with wider:
            wider.tell("Prices of places")
            outcome = wider.study.placed_for(best.opens)
            plan = wider.study.written(outcome)
            values = _values(wider, plan, best.opens)
            wanted = _to_check(values, provisions, checks)
            checked = _checks(wider, values, best.opens, wanted, tuple(sorted({1, *sizes})))
        values = _with_validity(values, checked)
        by_need = _by_need(loaded, values)
        asked_for = likely_changes(loaded, plan, most_changes) if changes is None else changes
        changed = _changes(plain, best.opens, asked_for, folder)
    stamp = stamp_of(
        plain, clock,
        opens=dict(sorted(best.opens.items())), gap=best.gap, tolerance=TOLERANCE,
        sizes=sorted({1, *sizes}), names=_names(loaded),
    )  # fmt: skip
    names = dict(stamp["names"])
    closed = [names[p] for p in provisions if p not in set(values["provision"])]
    return Finding(
        KIND,
        "What is one more place worth?",
        _sentences(values, checked, changed, closed),
        {"values": values, "checks": checked, "by_need": by_need, "changes": changed},
        {},
        stamp,
    )


def limited_provisions(asked: Inquiry) -> list[str]:
    """Provisions whose places are limited, those that schemes create included."""
    ids = asked.question.provisions["provision"].astype(str).tolist()
    return list(dict.fromkeys(ids[p] for p, _ in asked.question.place_keys))


def _names(loaded: Loaded) -> dict[str, str]:
    tables = loaded.tables
    return {
        **dict(zip(tables.provisions["provision"], tables.provisions["name"], strict=True)),
        **dict(zip(tables.schemes["scheme"], tables.schemes["name"], strict=True)),
    }


# ------------------------------------------------------------------ places as schemes


def more(provision: str, places: float) -> str:
    """The identifier of the scheme that stands for so many more places at a provision."""
    return f"{places:g} more at {provision}"


def _with_more_places(plain: Inquiry, provisions: Sequence[str], sizes: Sequence[float]) -> Inquiry:
    """The same question, in which any provision may be given more places in any September."""
    loaded = plain.loaded
    schemes = loaded.tables.schemes
    # Schemes that the planning model rules out stay out when it is told to allow one kind more.
    standing = schemes[schemes["scheme"].isin(list(plain.names))]
    first = loaded.scenario.first_year
    blank = {
        column: "" if pd.api.types.is_string_dtype(schemes[column]) else math.nan
        for column in schemes.columns
    }
    rows = [
        {
            **blank,
            "scheme": more(provision, places),
            "name": more(provision, places),
            "kind": NO_KIND,
            "provision": provision,
            "needs": (),
            "tiers": (),
            "lowest_year_group": 0,
            "highest_year_group": 0,
            "places": float(places),
            "earliest_opening": first,
            "latest_opening": -1,
            "capital_pounds": 0.0,
            "capital_profile": (1.0,),
            "fill": (1.0,),
            "requires": (),
            "funding_sources": (),
            "running_pounds": 0.0,
        }
        for provision in provisions
        for places in sizes
    ]
    added = pd.DataFrame(rows, columns=list(schemes.columns))
    both = pd.concat([standing, added], ignore_index=True) if len(standing) else added
    kinds = tuple(dict.fromkeys((*loaded.model.scheme_kinds, NO_KIND)))
    model = replace(loaded.model, scheme_kinds=kinds)
    tables = replace(loaded.tables, schemes=both)
    options = plain.study.options
    return inquire(
        replace(loaded, model=model, tables=tables),
        gap=options.gap, time_limit=options.time_limit, threads=options.threads,
        seed=options.seed, folder=plain.folder, tell=plain.tell,
    )  # fmt: skip


# ------------------------------------------------------------------ prices


def _values(wider: Inquiry, plan: Plan, opens: Schedule) -> pd.DataFrame:
    """What one more place is worth by its price, from each September on.

    Columns: provision, name, kind, designation, phases (separated by |),
    academic_year (from this September on), year_pounds (of that year alone), worth_pounds (from
    then on), funding_pounds (what a place costs from then on, place funding), present value.
    Rows of provisions that are not open are left out.
    """
    q, model = wider.question, wider.loaded.model
    yearly = plan.marginal_values.set_index(["provision", "academic_year"])["pounds"]
    frame = wider.question.provisions
    base, years = q.settings.base_year, q.years
    described = _described(wider.loaded)
    provisions = dict(enumerate(frame["provision"].astype(str)))
    rows: list[dict[str, Any]] = []
    closing, creating = frame["closes"].to_numpy(int), frame["scheme"].to_numpy(int)
    inside = frame["inside"].to_numpy(float)
    for p in dict.fromkeys(p for p, _ in q.place_keys):
        name = provisions[p]
        if creating[p] >= 0 and name not in opens:
            continue
        opened = int(opens[name]) if creating[p] >= 0 else base + 1
        closes = base + min(int(closing[p]), years + 1)
        kind = str(frame["kind"].iat[p])
        share = float(model.for_kind("over_capacity_share", kind))
        funded = float(model.for_kind("place_funding", kind)) * float(inside[p])
        worth = funding = 0.0
        for year in range(closes - 1, opened - 1, -1):
            t = year - base
            price = float(yearly.get((name, year), 0.0))
            # More places also widen what may be taken beyond them, at its own price.
            price += share * max(price - float(q.discount[t]) * model.price_over_capacity, 0.0)
            worth += price
            funding += float(q.discount[t]) * funded * float(model.ledger_weights["dsg"])
            rows.append(
                {
                    "provision": name,
                    **described[name],
                    "academic_year": year,
                    "year_pounds": price,
                    "worth_pounds": worth,
                    "funding_pounds": funding,
                }
            )
    table = pd.DataFrame(
        rows,
        columns=["provision", "name", "kind", "designation", "phases", "academic_year",
                 "year_pounds", "worth_pounds", "funding_pounds"],
    )  # fmt: skip
    table["_first"] = table.groupby("provision")["worth_pounds"].transform("max")
    table = table.sort_values(
        ["_first", "provision", "academic_year"], ascending=[False, True, True]
    )
    return table.drop(columns="_first").reset_index(drop=True)


def _described(loaded: Loaded) -> dict[str, dict[str, str]]:
    """Name, kind, designations of the needs it takes and phases of every provision and scheme."""
    model, found = loaded.model, dict[str, dict[str, str]]()
    created = loaded.tables.schemes
    created = created[created["site"] != ""]
    for frame, identifier in ((loaded.tables.provisions, "provision"), (created, "scheme")):
        for key, row in by_id(frame, identifier).items():
            groups = range(int(row["lowest_year_group"]), int(row["highest_year_group"]) + 1)
            found[key] = {
                "name": str(row["name"]),
                "kind": str(row["kind"]),
                "designation": "|".join(
                    d for d, needs in model.designations.items() if set(needs) & set(row["needs"])
                ),
                "phases": "|".join(dict.fromkeys(model.phase_name(g) for g in groups)),
            }
    return found


def _to_check(values: pd.DataFrame, provisions: Sequence[str], checks: int) -> list[str]:
    order = list(dict.fromkeys(values["provision"]))
    if provisions:
        return [p for p in order if p in provisions]
    dearest = values.groupby("provision")["worth_pounds"].max()
    return [p for p in order if float(dearest[p]) > POUNDS][:checks]


def _checks(
    wider: Inquiry,
    values: pd.DataFrame,
    opens: Schedule,
    provisions: Sequence[str],
    sizes: Sequence[int],
) -> pd.DataFrame:
    """Children placed again with more places.

    Columns: provision, name, academic_year (from), places, predicted_pounds (by the price),
    worth_pounds (exactly, place funding not counted), money_pounds, priced_pounds (its parts:
    money, and priced failures and prices that are not money), minutes (one-way minutes saved a day
    by all children in specialist places together, mean of the planned years), placed (child-years
    without a place or beyond what schools can hold, less), independent (child-years in independent
    and non-maintained schools, less), holds (1: within the tolerance).
    """
    first, last = wider.loaded.scenario.first_year, wider.loaded.scenario.last_year
    steps: list[tuple[str, int, int]] = []
    price = {
        (str(row["provision"]), int(row["academic_year"])): row for row in values.to_dict("records")
    }
    for provision in provisions:
        begins = max(first, int(opens.get(provision, first)))
        steps += [(provision, begins, n) for n in sizes]
        # One place alone in other Septembers: a price may hold in one year and not in another.
        steps += [
            (provision, year, 1) for year in (begins + 3, begins + 6)
            if year <= last and (provision, year) in price
        ]  # fmt: skip
    countdown = Countdown(len(steps) + 1, wider.tell)
    countdown("Placing children as they are")
    before = wider.measures(opens)
    names = _names(wider.loaded)
    rows: list[dict[str, Any]] = []

    def check(provision: str, year: int, places: float) -> bool:
        after = wider.measures({**opens, more(provision, places): year})
        row = price[provision, year]
        funding = places * float(row["funding_pounds"])
        predicted = places * float(row["worth_pounds"])
        worth = before["cost_pounds"] - after["cost_pounds"] + funding
        fits = holds(predicted, worth, places)
        rows.append(
            {
                "provision": provision,
                "name": names[provision],
                "academic_year": year,
                "places": float(places),
                "predicted_pounds": predicted,
                "worth_pounds": worth,
                "money_pounds": before["money_pounds"] - after["money_pounds"] + funding,
                "priced_pounds": before["priced_pounds"] - after["priced_pounds"],
                "minutes": (before["child_minutes"] - after["child_minutes"]) / (last - first + 1),
                "placed": before["unmet"] + before["beyond_limit"] - after["unmet"]
                - after["beyond_limit"],
                "independent": before["independent"] - after["independent"],
                "holds": int(fits),
            }
        )  # fmt: skip
        return fits

    for provision, year, places in steps:
        countdown(f"{places} more at {names[provision]}")
        starts = year == max(first, int(opens.get(provision, first)))
        if not check(provision, year, places) and places == 1 and starts:
            for part in PARTS:
                if check(provision, year, part):
                    break
    columns = [
        "provision", "name", "academic_year", "places", "predicted_pounds", "worth_pounds",
        "money_pounds", "priced_pounds", "minutes", "placed", "independent", "holds",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def holds(predicted: float, worth: float, places: float = 1.0) -> bool:
    """Whether places are worth what their price says, within the tolerance."""
    return abs(worth - predicted) <= max(TOLERANCE * abs(predicted), POUNDS * min(places, 1.0))


def _with_validity(values: pd.DataFrame, checks: pd.DataFrame) -> pd.DataFrame:
    """Values with what the checks say of them.

    Further columns: validity (``valid``: one place is worth what the price says; ``worth less``;
    ``worth nothing``: the price is nothing; ``not checked``), one_place_pounds (exact, NaN where
    not checked), valid_up_to (most places, or part of one, for which the price holds; of the first
    September; 0: for no part that was tried),
    halves_at (least places tried beyond which a further place is worth less than half; NaN: none
    tried), minutes, money_pounds, priced_pounds, placed, independent (of one place, NaN where not
    checked).
    """
    one = checks[checks["places"] == 1].set_index(["provision", "academic_year"])
    reach: dict[str, tuple[float, float]] = {}
    for provision, part in checks.groupby("provision"):
        start = part[part["academic_year"] == part["academic_year"].min()]
        fits = start[start["holds"] == 1]
        fails = start.loc[start["holds"] == 0, "places"]
        up_to = fits.loc[fits["places"] < fails.min(), "places"] if len(fails) else fits["places"]
        whole = start[start["places"] >= 1].sort_values("places")
        price = float(whole["predicted_pounds"].iloc[0])
        halves, before = math.nan, (0.0, 0.0)
        for n, worth in zip(whole["places"], whole["worth_pounds"], strict=True):
            per_place = (float(worth) - before[1]) / (float(n) - before[0])
            if math.isnan(halves) and per_place < price / 2 - POUNDS:
                halves = before[0]
            before = (float(n), float(worth))
        reach[str(provision)] = (float(up_to.max()) if len(up_to) else 0.0, halves)
    result = values.copy()
    keys = pd.MultiIndex.from_frame(values[["provision", "academic_year"]])
    known = keys.isin(one.index)
    exact = one.reindex(keys)
    result["validity"] = np.select(
        [
            known & (exact["holds"].to_numpy(float) > 0.5),
            known,
            values["worth_pounds"].to_numpy(float) <= POUNDS,
        ],
        [VALID, LESS, NOTHING],
        UNCHECKED,
    )
    result["one_place_pounds"] = exact["worth_pounds"].to_numpy(float)
    starts = values.groupby("provision")["academic_year"].transform("min")
    at_start = (values["academic_year"] == starts).to_numpy()
    for i, column in enumerate(("valid_up_to", "halves_at")):
        found = values["provision"].map({p: r[i] for p, r in reach.items()}).astype(float)
        result[column] = np.where(at_start, found, math.nan)
    for column in ("minutes", "money_pounds", "priced_pounds", "placed", "independent"):
        result[column] = exact[column].to_numpy(float)
    return result


def _by_need(loaded: Loaded, values: pd.DataFrame) -> pd.DataFrame:
    """Where one more place would be worth most, by designation, phase and September.

    Columns: designation, phase, academic_year, provision, name, worth_pounds, validity. A place is
    worth what its provision makes of it: any child whom it suits may use it.
    """
    rows: list[dict[str, Any]] = []
    local = values[values["kind"].isin(LOCAL_STATE_SPECIALIST)]
    for designation in loaded.model.designations:
        for phase in loaded.model.phases:
            suits = [
                designation in d.split("|") and phase in p.split("|")
                for d, p in zip(local["designation"], local["phases"], strict=True)
            ]
            for year, part in local[np.array(suits, bool)].groupby("academic_year"):
                top = part.sort_values(["worth_pounds", "provision"], ascending=[False, True])
                row = top.iloc[0]
                rows.append(
                    {
                        "designation": designation,
                        "phase": phase,
                        "academic_year": int(str(year)),
                        "provision": str(row["provision"]),
                        "name": str(row["name"]),
                        "worth_pounds": float(row["worth_pounds"]),
                        "validity": str(row["validity"]),
                    }
                )
    columns = ["designation", "phase", "academic_year", "provision", "name", "worth_pounds",
               "validity"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


# ------------------------------------------------------------------ existing schools


def read_changes(redesignate: Sequence[str], extend: Sequence[str]) -> list[Change]:
    """Changes as they are written on a command line.

    Args:
        redesignate: "PROVISION=CODES", codes of needs separated by comma or |.
        extend: "PROVISION=LOWEST..HIGHEST", year groups.

    Raises:
        InputError: for every one that is written otherwise, all of them together.
    """
    problems, found = Problems(), list[Change]()
    for text in redesignate:
        provision, _, codes = text.partition("=")
        needs = tuple(c.strip().upper() for c in codes.replace("|", ",").split(",") if c.strip())
        if not provision.strip() or not needs:
            problems.error(
                "this is no provision with needs.", "write PROVISION=ASD,SLCN.",
                file="--redesignate", value=text,
            )  # fmt: skip
            continue
        found.append(Change(provision.strip(), needs=needs))
    for text in extend:
        match = re.fullmatch(r"\s*([^=]+?)\s*=\s*(-?\d+)\s*\.\.\s*(-?\d+)\s*", text)
        if match is None:
            problems.error(
                "this is no provision with year groups.",
                "write PROVISION=0..13, with Reception as 0.", file="--extend", value=text,
            )  # fmt: skip
            continue
        found.append(Change(match[1], lowest=int(match[2]), highest=int(match[3])))
    problems.raise_if_any()
    return found


def refuse_changes(loaded: Loaded, changes: Sequence[Change]) -> None:
    """Refuse changes that cannot be, all of them together.

    Raises:
        InputError: when a provision or need does not exist, or nothing would change.
    """
    problems = Problems()
    table = by_id(loaded.tables.provisions, "provision")
    for change in changes:
        option = "--redesignate" if change.needs else "--extend"
        if change.provision not in table:
            problems.error(
                f"there is no such provision{near(change.provision, table)}",
                "use a provision of the table provisions.", file=option, value=change.provision,
            )  # fmt: skip
            continue
        row = table[change.provision]
        unknown = [n for n in change.needs if n not in NEEDS]
        for need in unknown:
            problems.error(
                f"{need} is no need{near(need, NEEDS)}", f"use codes of {', '.join(NEEDS)}.",
                file=option, value=need,
            )  # fmt: skip
        low = int(row["lowest_year_group"]) if change.lowest is None else change.lowest
        high = int(row["highest_year_group"]) if change.highest is None else change.highest
        if not LOWEST_YEAR_GROUP <= low <= high <= HIGHEST_YEAR_GROUP:
            problems.error(
                "these are no year groups.",
                f"write them as LOWEST..HIGHEST, from {LOWEST_YEAR_GROUP} to "
                f"{HIGHEST_YEAR_GROUP}.", file=option, value=f"{low}..{high}",
            )  # fmt: skip
        nothing = set(change.needs) <= set(row["needs"]) and not unknown
        same = low >= row["lowest_year_group"] and high <= row["highest_year_group"]
        if nothing and same:
            problems.error(
                f"{row['name']} takes them already, so nothing would change.",
                "name needs or year groups that it does not take.", file=option,
                value=change.provision,
            )  # fmt: skip
    problems.raise_if_any()


def likely_changes(loaded: Loaded, plan: Plan, most: int) -> list[Change]:
    """Changes to look at: where places stand vacant, towards where local places are short.

    For each local specialist provision with vacant places in the plan, most of them first: the
    designation, and the phase next to its own, in which most children who need more than a
    mainstream class are elsewhere.
    """
    first = loaded.scenario.first_year
    occupancy = plan.occupancy[plan.occupancy["academic_year"] >= first]
    local = occupancy[occupancy["kind"].isin(LOCAL_STATE_SPECIALIST)]
    vacant = local.groupby("provision")["vacant"].sum().sort_values(ascending=False, kind="stable")
    gaps = plan.gaps[plan.gaps["academic_year"] >= first]
    by_designation = gaps.groupby("designation")["gap"].sum()
    by_phase = gaps.groupby("phase")["gap"].sum()
    table = by_id(loaded.tables.provisions, "provision")
    found: list[Change] = []
    for provision, places in vacant.items():
        if places < 1 or str(provision) not in table or len(found) >= most:
            continue
        row = table[str(provision)]
        if row["inside_authority"] != "yes":
            continue
        missing = {
            d: tuple(n for n in needs if n not in row["needs"])
            for d, needs in loaded.model.designations.items()
        }
        wanting = [d for d in missing if missing[d] and by_designation.get(d, 0.0) > 0]
        if wanting:
            widest = max(wanting, key=lambda d: float(by_designation[d]))
            found.append(Change(str(provision), needs=missing[widest]))
        ranges = _next_phases(
            loaded.model, int(row["lowest_year_group"]), int(row["highest_year_group"])
        )
        nearby = {phase: r for phase, r in ranges.items() if by_phase.get(phase, 0.0) > 0}
        if nearby:
            phase = max(nearby, key=lambda p: float(by_phase[p]))
            low, high = nearby[phase]
            found.append(Change(str(provision), lowest=low, highest=high))
    return found[:most]


def _next_phases(model: PlanningModel, lowest: int, highest: int) -> dict[str, tuple[int, int]]:
    """Phases below and above an age range, each with the range that would take it in too."""
    points = sorted({LOWEST_YEAR_GROUP, *model.transition_points, model.last_year_group + 1})
    found: dict[str, tuple[int, int]] = {}
    below = [p for p in points if p < lowest]
    if below:
        found[model.phase_name(below[-1])] = (below[-1], highest)
    above = [p for p in points if p > highest + 1]
    if above:
        found[model.phase_name(highest + 1)] = (lowest, above[0] - 1)
    return found


def changed_by(loaded: Loaded, change: Change) -> Loaded:
    """The inputs with one provision changed."""
    provisions = loaded.tables.provisions.copy()
    here = provisions["provision"] == change.provision
    provisions["needs"] = [
        tuple(n for n in NEEDS if n in {*own, *change.needs}) if it else own
        for own, it in zip(provisions["needs"], here, strict=True)
    ]
    for column, value in (("lowest_year_group", change.lowest),
                          ("highest_year_group", change.highest)):  # fmt: skip
        if value is not None:
            provisions.loc[here, column] = value
    return replace(loaded, tables=replace(loaded.tables, provisions=provisions))


def _changes(
    plain: Inquiry, opens: Schedule, changes: Sequence[Change], folder: Path | None
) -> pd.DataFrame:
    """What changes of existing provisions are worth.

    Columns: provision, name, kind, what (designation or age range), words, needs (added, |),
    lowest_year_group, highest_year_group (then), vacant (child-years of vacant places in the plan,
    before), alone_pounds (worth where nothing new is built), with_plan_pounds (beside the schemes
    of the plan), money_pounds, priced_pounds (parts of alone_pounds), minutes (as in ``checks``,
    where nothing new is built), placed, independent (likewise), newly_taken (child-years that the
    provision then has of children it could not take before). Present value; most worth first.
    """
    countdown = Countdown(2 * len(changes) + 2, plain.tell)
    decided = {s: y for s, y in opens.items() if s in plain.decided}
    countdown("Placing children as schools are, with nothing new")
    bare = plain.measures(decided)
    countdown("Placing children as schools are, with the plan")
    planned = plain.measures(opens)
    rows: list[dict[str, Any]] = []
    table = by_id(plain.loaded.tables.provisions, "provision")
    vacancies = _vacancies(plain, opens)
    years = plain.question.years
    options = plain.study.options
    for change in changes:
        row = table[change.provision]
        words = _change_words(plain.loaded, change, row)
        asked = inquire(
            changed_by(plain.loaded, change),
            gap=options.gap, time_limit=options.time_limit, threads=options.threads,
            seed=options.seed, folder=folder,
        )  # fmt: skip
        countdown(f"{row['name']}: {words}, with nothing new")
        alone = _with_newly_taken(asked, decided, change, row)
        countdown(f"{row['name']}: {words}, with the plan")
        beside = asked.measures(opens)
        rows.append(
            {
                "provision": change.provision,
                "name": str(row["name"]),
                "kind": str(row["kind"]),
                "what": change.what,
                "words": words,
                "needs": "|".join(change.needs),
                "lowest_year_group": int(
                    row["lowest_year_group"] if change.lowest is None else change.lowest
                ),
                "highest_year_group": int(
                    row["highest_year_group"] if change.highest is None else change.highest
                ),
                "vacant": vacancies.get(change.provision, math.nan),
                "alone_pounds": bare["cost_pounds"] - alone["cost_pounds"],
                "with_plan_pounds": planned["cost_pounds"] - beside["cost_pounds"],
                "money_pounds": bare["money_pounds"] - alone["money_pounds"],
                "priced_pounds": bare["priced_pounds"] - alone["priced_pounds"],
                "minutes": (bare["child_minutes"] - alone["child_minutes"]) / years,
                "placed": bare["unmet"] + bare["beyond_limit"] - alone["unmet"]
                - alone["beyond_limit"],
                "independent": bare["independent"] - alone["independent"],
                "newly_taken": alone["newly_taken"],
            }
        )  # fmt: skip
    columns = ["provision", "name", "kind", "what", "words", "needs", "lowest_year_group",
               "highest_year_group", "vacant", "alone_pounds", "with_plan_pounds", "money_pounds",
               "priced_pounds", "minutes", "placed", "independent", "newly_taken"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values("alone_pounds", ascending=False, kind="stable").reset_index(drop=True)


def _vacancies(plain: Inquiry, opens: Schedule) -> Mapping[str, float]:
    """Child-years of vacant places by provision, in the plan."""
    text = json.dumps([plain.study.fingerprint(), sorted(opens.items())])
    key = "vacant-" + hashlib.sha256(text.encode()).hexdigest()[:32]

    def work() -> dict[str, float]:
        table = plain.plan(opens).occupancy
        table = table[table["academic_year"] >= plain.loaded.scenario.first_year]
        found = table.groupby("provision")["vacant"].sum(min_count=1).dropna()
        return {str(p): float(v) for p, v in found.items()}

    return plain.kept(key, work)


def _with_newly_taken(
    asked: Inquiry, opens: Schedule, change: Change, before: Mapping[str, Any]
) -> dict[str, float]:
    """Measures of a schedule, and child-years of children whom the provision could not take."""

    def work() -> dict[str, float]:
        measured = asked.measures(opens)
        placements = asked.plan(opens).placements
        here = placements[
            (placements["provision"] == change.provision)
            & (placements["academic_year"] >= asked.loaded.scenario.first_year)
        ]
        group = here["year_group"].to_numpy(int)
        new = ~here["need"].isin(list(before["needs"])).to_numpy()
        new |= (group < int(before["lowest_year_group"])) | (
            group > int(before["highest_year_group"])
        )
        return {**measured, "newly_taken": float(here.loc[new, "children"].sum())}

    text = json.dumps([asked.study.fingerprint(), sorted(opens.items()), change.provision])
    return asked.kept("taken-" + hashlib.sha256(text.encode()).hexdigest()[:32], work)


def _change_words(loaded: Loaded, change: Change, row: Mapping[str, Any]) -> str:
    if change.needs:
        return f"takes {fmt.in_words([NEEDS[n] for n in change.needs])} as well"
    low = int(row["lowest_year_group"]) if change.lowest is None else change.lowest
    high = int(row["highest_year_group"]) if change.highest is None else change.highest
    return f"takes {year_group_name(low)} to {year_group_name(high)}"


# ------------------------------------------------------------------ words


def _sentences(
    values: pd.DataFrame, checks: pd.DataFrame, changes: pd.DataFrame, closed: Sequence[str]
) -> list[str]:
    """The answer in plain English.

    Args:
        values, checks, changes: tables of the finding.
        closed: names of provisions that were asked for and are open in no planned year.
    """
    said: list[str] = []
    start = values.sort_values("academic_year").groupby("provision", sort=False).head(1)
    worth = start["one_place_pounds"].fillna(start["worth_pounds"])
    worthy = start.assign(worth=worth)[worth > POUNDS].sort_values("worth", ascending=False)
    if worthy.empty:
        said.append("No place is scarce: one more place is worth nothing anywhere.")
    else:
        top = worthy.iloc[0]
        text = (
            f"One more place is worth most at {top['name']}: {fmt.pounds(float(top['worth']))} at "
            f"present value, from {academic_year_label(int(top['academic_year']))} on"
        )
        if top["validity"] == VALID:
            text += f"; its price holds for {reach_words(float(top['valid_up_to']))}"
        elif top["validity"] == LESS:
            text += (
                f"; its price says {fmt.pounds(float(top['worth_pounds']))} and holds for "
                f"{reach_words(float(top['valid_up_to']))}"
            )
        said.append(text + ".")
    if closed:
        said[0] += (
            f" Asked for, but not open in the best plan: {fmt.in_words(closed)}; where nothing "
            "opens there is no margin. What opening it would be worth is what rank-sites answers."
        )
    ones = checks[checks["places"] == 1]
    if len(ones):
        said.append(
            f"Children were placed again with one more place in "
            f"{fmt.number_of(len(ones), 'case', 'cases')}; the price holds in "
            f"{int(ones['holds'].sum())} of them, within {fmt.percent(TOLERANCE)}. Elsewhere it "
            "claims nothing for a whole place."
        )
    helpful = changes[changes["alone_pounds"] > POUNDS]
    if len(changes) and helpful.empty:
        said.append("None of the changes to existing schools that were looked at is worth money.")
    elif len(changes):
        top = helpful.iloc[0]
        said.append(
            f"Before building: if {top['name']} {top['words']}, that is worth "
            f"{fmt.pounds(float(top['alone_pounds']))} where nothing new is built, and "
            f"{fmt.pounds(float(top['with_plan_pounds']))} beside the plan."
        )
    return said


def reach_words(places: float) -> str:
    """How far a price holds, in words."""
    parts = {0.0: "less than a tenth of a place", 0.1: "a tenth of a place", 0.5: "half a place"}
    return parts.get(places) or fmt.places(places)
