"""What the run's tables say when they are read together: where, when it balances, what if.

Every number here is a sum or a difference of cells of the run's tables; nothing is estimated and
nothing is solved again. The page and the workbook both take them from here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sufficiency.plan import Plan
from sufficiency.reports import layouts
from sufficiency.reports.facts import GROUPS, Run, as_float, as_int, group_of, records
from sufficiency.vocabulary import KINDS, LEDGERS

SHOWN_GROUPS: Final = (*GROUPS, "No suitable place")
BANDS: Final = (15.0, 30.0, 45.0, 60.0, 75.0, 90.0)
"""Upper ends in minutes of the bands of journeys; the guides of 45 and 75 are among them."""
BAND_NAMES: Final = (
    "up to 15", "15 to 30", "30 to 45", "45 to 60", "60 to 75", "75 to 90", "over 90",
)  # fmt: skip

# ------------------------------------------------------------------ children


def mix_by(plan: Plan, column: str) -> pd.DataFrame:
    """Children by academic year, need or phase, and group of kinds.

    Args:
        plan: the plan with or without schemes.
        column: "need" or "phase" of tables/placements.csv.

    Returns:
        Columns academic_year, ``column``, group, children; those without a place included.
    """
    people = layouts.everyone(plan)
    groups = {kind: group_of(str(kind)) for kind in people["kind"].unique()}
    people = people.assign(group=people["kind"].map(groups))
    return people.groupby(["academic_year", column, "group"], as_index=False)[["children"]].sum()


def in_and_out(run: Run, plan: Plan) -> pd.DataFrame:
    """Children by academic year (rows) and by where they are placed.

    Columns inside, outside, unmet (the authority's children), others (children of other
    authorities in places of the provision inside the authority).
    """
    inside = run.inside()
    # By provision first: a large plan has half a million rows, and its provisions are some dozens.
    placed = plan.placements.groupby(["academic_year", "provision"], as_index=False)[
        "children"
    ].sum()
    where = placed["provision"].map(inside).fillna(True).astype(bool)
    placed["where"] = where.map({True: "inside", False: "outside"})
    found: pd.DataFrame = (
        placed.groupby(["academic_year", "where"])["children"].sum().unstack("where")
    )
    found = found.assign(unmet=plan.unmet.groupby("academic_year")["children"].sum())
    found = found.reindex(index=run.years, columns=["inside", "outside", "unmet"]).fillna(0.0)
    ours = plan.occupancy[plan.occupancy["provision"].map(inside).fillna(True)]
    others = ours.groupby("academic_year")["other_authority_children"].sum()
    return found.assign(others=others.reindex(run.years).fillna(0.0))


def outside_by_kind(run: Run, plan: Plan) -> pd.DataFrame:
    """Children placed outside the authority by kind of provision (rows) and academic year."""
    inside = run.inside()
    placed = plan.placements
    away = placed[~placed["provision"].map(inside).fillna(True).astype(bool)]
    found = away.groupby(["kind", "academic_year"])["children"].sum().unstack("academic_year")
    return found.reindex(index=[k for k in KINDS if k in found.index], columns=run.years).fillna(
        0.0
    )


def journeys(run: Run, plan: Plan) -> pd.DataFrame:
    """Children by band of one-way minutes (rows, of :data:`BAND_NAMES`) and academic year.

    The same children as in tables/travel_summary.csv: all that are placed, but for those who are
    educated elsewhere without a journey.
    """
    times = plan.stays[["cohort", "provision", "minutes"]].drop_duplicates(["cohort", "provision"])
    placed = plan.placements.merge(times, on=["cohort", "provision"], how="left")
    placed = placed.dropna(subset=["minutes"])
    placed = placed[(placed["kind"] != "educated_elsewhere") | (placed["minutes"] > 0)]
    at = np.searchsorted(np.array(BANDS), placed["minutes"].to_numpy(float), side="left")
    found = placed.assign(band=at).groupby(["band", "academic_year"])["children"].sum()
    wide = found.unstack("academic_year").reindex(index=range(len(BAND_NAMES)), columns=run.years)
    return wide.fillna(0.0).set_axis(list(BAND_NAMES), axis=0)


# ------------------------------------------------------------------ money


def spending_steps(run: Run, ledger: str = "dsg") -> pd.DataFrame:
    """From spending with committed schemes only to spending with the plan's schemes.

    Args:
        run: a run with a plan without schemes.
        ledger: dsg, general_fund or capital.

    Returns:
        By group of kinds: columns without, with_schemes, change, in pounds over the complete
        financial years. Its sums are the two totals of the ledger.
    """
    assert run.without is not None

    def by_group(plan: Plan) -> pd.Series:
        full = plan.ledger[plan.ledger["complete"].astype(bool) & (plan.ledger["ledger"] == ledger)]
        return full.groupby(full["kind"].astype(str).map(group_of))["pounds"].sum()

    found = pd.DataFrame({"without": by_group(run.without), "with_schemes": by_group(run.plan)})
    found = found.reindex([g for g in SHOWN_GROUPS if g in found.index]).fillna(0.0)
    return found.assign(change=found["with_schemes"] - found["without"])


def balance(run: Run, plan: Plan) -> pd.DataFrame:
    """High-needs spending against the allocation, by complete financial year (rows).

    Columns allocation, spending, in_year (allocation less spending; below zero: overspent),
    cumulative (sum of in_year since the first planned financial year; what was owed before is not
    in the tables). Years without an allocation hold NaN from there on. Empty when the scenario
    gives no allocations.
    """
    columns = ["allocation", "spending", "in_year", "cumulative"]
    if not run.allocations:
        return pd.DataFrame(columns=columns)
    spending = run.ledger_by_year(plan)["dsg"]
    given = pd.Series(run.allocations, dtype=float).reindex(spending.index)
    found = pd.DataFrame({"allocation": given, "spending": spending})
    found["in_year"] = found["allocation"] - found["spending"]
    found["cumulative"] = found["in_year"].cumsum(skipna=False)
    return found


def year_of_balance(table: pd.DataFrame) -> int | None:
    """The first financial year from which no later one is overspent; None when there is none."""
    known = table["in_year"].dropna()
    good = (known >= -0.5).to_numpy(bool)
    if not len(good) or not good[-1]:
        return None
    bad = np.flatnonzero(~good)
    return as_int(known.index[int(bad[-1]) + 1 if len(bad) else 0])


@dataclass(frozen=True)
class Test:
    """A price or number that is moved while the plan stays as it is.

    Attributes:
        name: in words.
        lines: the lines of tables/ledger.csv that move with it.
        share: by how much it is moved down and up.
    """

    name: str
    lines: tuple[str, ...]
    share: float


TESTS: Final = (
    Test("Fees of independent schools", ("fees",), 0.1),
    Test("Top-up funding", ("top_up",), 0.1),
    Test("Cost of transport", ("transport",), 0.1),
    Test("Children in every placement",
         ("fees", "top_up", "per_child_charge", "transport"), 0.1),
    Test("Cost of building", ("capital",), 0.2),
)  # fmt: skip
"""What is moved in the sensitivity of the report; the sizes are round, not forecasts."""


def sensitivity(run: Run) -> pd.DataFrame:
    """Ledgers priced again with one thing dearer or cheaper, the plan held fixed.

    Every line of a ledger is a price times a number of children, places or buildings, so moving
    the price by a share moves the line by the same share; the rest stays. Complete financial years.

    Returns:
        Columns test, share (below zero: cheaper or fewer), ledger, pounds (with the plan's
        schemes), pounds_without (committed schemes only, NaN without that plan), effect (pounds
        less pounds_without). First the plan itself, with an empty test and share 0.
    """
    plans = [run.plan, run.without]
    lines: list[pd.Series | None] = []
    for plan in plans:
        if plan is None:
            lines.append(None)
            continue
        full = plan.ledger[plan.ledger["complete"].astype(bool)]
        lines.append(full.groupby(["ledger", "line"])["pounds"].sum())
    cases: list[tuple[str, float, tuple[str, ...]]] = [("", 0.0, ())]
    cases += [(t.name, s * t.share, t.lines) for t in TESTS for s in (-1, 1)]
    rows = []
    for name, share, moved in cases:
        for ledger in LEDGERS:
            amounts = []
            for table in lines:
                if table is None:
                    amounts.append(math.nan)
                    continue
                part = table[table.index.get_level_values("ledger") == ledger]
                factor = np.where(part.index.get_level_values("line").isin(moved), 1 + share, 1.0)
                amounts.append(float((part.to_numpy(float) * factor).sum()))
            rows.append((name, share, ledger, *amounts, amounts[0] - amounts[1]))
    columns = ["test", "share", "ledger", "pounds", "pounds_without", "effect"]
    return pd.DataFrame(rows, columns=columns)


# ------------------------------------------------------------------ milestones

NOTIFY_MONTH: Final = 12
"""Place changes are told to the DfE by early December (high-needs place change process)."""


def timetable_words(run: Run) -> str:
    """On which timetable milestones rest, with its source; a sentence or two."""
    steps = run.rule("statutory_timetable")
    if not steps:
        return (
            "The run is older than the planning model's timetable, so months before the first "
            "capital are not counted back. Place changes are notified to the DfE by early December "
            "(high-needs place change process)."
        )
    return (
        f"Timetable of the planning model: {as_float(steps['consultation_weeks']):g} weeks of "
        f"consultation, {as_float(steps['representation_weeks']):g} weeks of representations and "
        f"{as_float(steps['decision_months']):g} months to the decision. "
        f"{run.source('statutory_timetable')}. Place changes are notified to the DfE by early "
        "December (high-needs place change process)."
    )


def milestones(run: Run) -> pd.DataFrame:
    """The latest months for each scheme that opens, counted back from the plan.

    The decision must stand when the first capital is spent, which the plan gives by financial
    year; April of that year is taken. The time for the decision, representations and consultation
    that come before it are those of the planning model (``statutory_timetable``).

    Returns:
        Columns scheme, name, kind, consultation, notice, decision, notify (months as "2026-04";
        empty where the run is older than the timetable), first_capital (financial year), opens,
        full (academic years; -1: not within the horizon), passed (whether the consultation's month
        lay before the run was made).
    """
    spending = run.plan.capital
    first = spending[spending["pounds"] > 0].groupby("scheme")["financial_year"].min()
    full = _full(run)
    made = str(run.stamp.get("created", ""))[:7]
    steps = run.rule("statutory_timetable")
    rows = []
    for s in records(run.opened):
        opens = as_int(s.opens)
        starts = as_int(first.get(s.scheme, opens))
        consultation = notice = decision = ""
        if steps:
            decided = pd.Timestamp(starts, 4, 1)
            ended = decided - pd.DateOffset(months=as_int(steps["decision_months"]))
            published = ended - pd.Timedelta(weeks=as_float(steps["representation_weeks"]))
            begun = published - pd.Timedelta(weeks=as_float(steps["consultation_weeks"]))
            consultation, notice, decision = (f"{day:%Y-%m}" for day in (begun, published, decided))
        rows.append(
            (s.scheme, s.name, s.kind, consultation, notice, decision,
             f"{opens - 1}-{NOTIFY_MONTH}", starts, opens, full.get(str(s.scheme), -1),
             "" < consultation < made, str(s.status))
        )  # fmt: skip
    columns = ["scheme", "name", "kind", "consultation", "notice", "decision", "notify",
               "first_capital", "opens", "full", "passed", "status"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _full(run: Run) -> dict[str, int]:
    """The academic year in which each open scheme first offers all of its places."""
    given = run.table("schemes")
    own: dict[str, Any] = {}
    if len(given) and "fill" in given:
        own = dict(zip(given["scheme"], given["fill"], strict=True))
    model = dict(run.rule("fill_profile", {}))
    found = {}
    for s in records(run.opened):
        fill = own.get(s.scheme)
        shares: Sequence[Any] = list(model.get(str(s.kind)) or model.get("default") or [1.0])
        if isinstance(fill, str) and fill:
            shares = fill.split("|")
        elif isinstance(fill, float | int) and fill == fill:
            shares = [fill]
        found[str(s.scheme)] = as_int(s.opens) + next(
            (i for i, share in enumerate(shares) if as_float(share) >= 1 - 1e-9), len(shares) - 1
        )
    return found
