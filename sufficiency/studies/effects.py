"""What a new school changes, read off two plans: with it and without it.

All of it is arithmetic on the tidy tables of plans. Children of the same area, need, tier and year
group are not told apart, so who moves is told of such *cells*: where a cell has more children at
the new school than before, it has as many fewer elsewhere, taken from each provision in proportion
to what it lost. Nothing here is about a child.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from sufficiency.plan import Plan
from sufficiency.plan.tables import weighted_quantile

CELL: Final = ["academic_year", "area", "need", "tier", "year_group"]
UNMET: Final = "unmet"
NOWHERE: Final = "educated_elsewhere"
SMALL: Final = 1e-6
"""Children below which a difference is rounding of the solver."""
LONG_JOURNEYS: Final = (45, 75)
"""Minutes that the statutory guidance names for primary and secondary age."""


def moves(plan: Plan, without: Plan, provision: str) -> pd.DataFrame:
    """Where the children of a provision would be without it.

    Args:
        plan: with the provision.
        without: the same children without it.
        provision: the new one.

    Returns:
        academic_year, area, need, tier, year_group, provision and kind (where they would be;
        "unmet" for no suitable place), children.
    """
    ours = _everyone(plan)
    here = ours[(ours["provision"] == provision) & (ours["children"] > SMALL)]
    cells = here[CELL].drop_duplicates()
    columns = [*CELL, "provision", "kind"]

    def of_cells(frame: pd.DataFrame) -> pd.Series:
        return frame.merge(cells, on=CELL).groupby(columns, sort=True)["children"].sum()

    change = of_cells(ours).sub(of_cells(_everyone(without)), fill_value=0.0).rename("change")
    found = change.reset_index()
    found["gain"], found["loss"] = found["change"].clip(lower=0), (-found["change"]).clip(lower=0)
    gained = found.groupby(CELL)["gain"].transform("sum")
    mine = found["gain"].where(found["provision"] == provision, 0.0)
    share = (mine / gained.where(gained > SMALL)).fillna(0.0)
    at_new = share.groupby([found[c] for c in CELL]).transform("sum")
    found["children"] = found["loss"] * at_new
    found = found[found["children"] > SMALL]
    return found[[*columns, "children"]].reset_index(drop=True)


def _everyone(plan: Plan) -> pd.DataFrame:
    columns = [*CELL, "provision", "kind", "children"]
    unmet = plan.unmet.assign(provision=UNMET, kind=UNMET)
    return pd.concat([plan.placements[columns], unmet[columns]], ignore_index=True)


def journeys(*plans: Plan) -> pd.DataFrame:
    """Minutes and km one way by (area, provision), of every stay in some plans."""
    parts = [
        plan.stays.merge(plan.cohorts[["cohort", "area"]], on="cohort")[
            ["area", "provision", "minutes", "km"]
        ]
        for plan in plans
    ]
    return pd.concat(parts).drop_duplicates(["area", "provision"]).reset_index(drop=True)


def saved_journeys(moved: pd.DataFrame, known: pd.DataFrame, provision: str) -> pd.DataFrame:
    """Moves with both journeys.

    Args:
        moved: from :func:`moves`.
        known: from :func:`journeys`.
        provision: the new one.

    Returns:
        ``moved`` with minutes, km (to the new school), minutes_without, km_without, and
        ``compared``: whether there is a journey without it to compare with (children without a
        suitable place, or educated elsewhere, have none).
    """
    ours = known[known["provision"] == provision].drop(columns="provision")
    found = moved.merge(ours, on="area", how="left").merge(
        known.rename(columns={"minutes": "minutes_without", "km": "km_without"}),
        on=["area", "provision"], how="left",
    )  # fmt: skip
    found["compared"] = found["minutes_without"].notna() & ~found["kind"].isin([UNMET, NOWHERE])
    return found


def journey_summary(saved: pd.DataFrame, years: Sequence[int]) -> pd.DataFrame:
    """Journeys of the children of a new school, with it and without it, by academic year.

    Returns:
        academic_year, children (at the school), compared (of them, with a journey without it),
        median and p90 minutes with and without it, median and p90 of the minutes saved,
        minutes_saved and km_saved (mean a child, one way), over 45 and over 75 with and without.
    """
    rows = []
    for year in years:
        here = saved[saved["academic_year"] == year]
        part = here[here["compared"]]
        weight = part["children"].to_numpy(float)
        total = float(weight.sum())
        ours, theirs = part["minutes"].to_numpy(float), part["minutes_without"].to_numpy(float)
        row = {
            "academic_year": year,
            "children": float(here["children"].sum()),
            "compared": total,
            "median_minutes": weighted_quantile(ours, weight, 0.5),
            "median_minutes_without": weighted_quantile(theirs, weight, 0.5),
            "p90_minutes": weighted_quantile(ours, weight, 0.9),
            "p90_minutes_without": weighted_quantile(theirs, weight, 0.9),
            "median_minutes_saved": weighted_quantile(theirs - ours, weight, 0.5),
            "p90_minutes_saved": weighted_quantile(theirs - ours, weight, 0.9),
            "minutes_saved": _mean(theirs - ours, weight),
            "km_saved": _mean(
                part["km_without"].to_numpy(float) - part["km"].to_numpy(float), weight
            ),
        }
        for limit in LONG_JOURNEYS:
            row[f"over_{limit}"] = float(weight[ours > limit].sum())
            row[f"over_{limit}_without"] = float(weight[theirs > limit].sum())
        rows.append(row)
    return pd.DataFrame(rows)


def _mean(values: np.ndarray, weight: np.ndarray) -> float:
    total = float(weight.sum())
    return float((values * weight).sum() / total) if total > 0 else math.nan


def everybody(plan: Plan, without: Plan) -> pd.DataFrame:
    """Journeys of all children with it and without it: travel_summary of both, all phases."""
    ours, theirs = (
        p.travel_summary[p.travel_summary["phase"] == "all"].drop(columns="phase")
        for p in (plan, without)
    )
    return ours.merge(theirs, on="academic_year", suffixes=("", "_without"))


def catchment(plan: Plan, provision: str) -> pd.DataFrame:
    """Children at a provision by area: academic_year, area, locality, children, minutes, km."""
    here = plan.placements[plan.placements["provision"] == provision]
    found = here.groupby(["academic_year", "area", "locality"], as_index=False)["children"].sum()
    known = journeys(plan)
    known = known[known["provision"] == provision].drop(columns="provision")
    found = found[found["children"] > SMALL]
    caught: pd.DataFrame = found.merge(known, on="area", how="left")
    return caught.sort_values(["academic_year", "area"], ignore_index=True)


def origins(moved: pd.DataFrame, plan: Plan, without: Plan) -> pd.DataFrame:
    """Where children of a new school would be, kind by kind, and what changes in all.

    Returns:
        academic_year, kind ("unmet" too), children (of the new school, who would be there), and
        change_of_all (children of the whole authority in the kind, with it less without it: as
        places that fall free are taken by others).
    """
    direct = moved.groupby(["academic_year", "kind"])["children"].sum()
    change = (
        plan.mix.set_index(["academic_year", "kind"])["children"]
        .sub(without.mix.set_index(["academic_year", "kind"])["children"], fill_value=0.0)
        .rename("change_of_all")
    )
    years = set(direct.index.get_level_values("academic_year"))
    both = pd.concat([direct, change], axis=1).fillna(0.0).reset_index()
    both = both[both["academic_year"].isin(years)]
    both = both[(both["children"] > SMALL) | (both["change_of_all"].abs() > SMALL)]
    return both.sort_values(["academic_year", "kind"]).reset_index(drop=True)


def rolls(plan: Plan, without: Plan) -> pd.DataFrame:
    """Children in every provision with and without the new school.

    Returns:
        provision, name, kind, academic_year, places (NaN: no limit), children_without, children,
        change.
    """
    keys = ["provision", "name", "kind", "academic_year"]
    ours = plan.occupancy.assign(
        places=plan.occupancy["commissioned_places"] + plan.occupancy["scheme_places"]
    )[[*keys, "places", "children"]]
    theirs = without.occupancy[["provision", "academic_year", "children"]].rename(
        columns={"children": "children_without"}
    )
    both: pd.DataFrame = ours.merge(theirs, on=["provision", "academic_year"], how="left")
    both["children_without"] = both["children_without"].fillna(0.0)
    both["change"] = both["children"] - both["children_without"]
    both.loc[both["change"].abs() < SMALL, "change"] = 0.0
    return both[[*keys, "places", "children_without", "children", "change"]]


def fill(plan: Plan, provision: str) -> pd.DataFrame:
    """How a new school fills: academic_year, places_offered, children, share_filled."""
    here = plan.occupancy[plan.occupancy["provision"] == provision]
    found = here[["academic_year", "scheme_places", "children"]].rename(
        columns={"scheme_places": "places_offered"}
    )
    found = found[found["places_offered"] > SMALL].reset_index(drop=True)
    return found.assign(share_filled=found["children"] / found["places_offered"])


def schemes(plans: Sequence[tuple[str, Plan]]) -> pd.DataFrame:
    """Schemes that open in some plan: plan, scheme, name, kind, places, capital_pounds, status,
    opens (-1 where the plan does not open it, though another does)."""
    opened = {
        str(s) for _, plan in plans for s in plan.schemes.loc[plan.schemes["opens"] >= 0, "scheme"]
    }
    columns = ["scheme", "name", "kind", "places", "capital_pounds", "status", "opens"]
    parts = [
        plan.schemes.loc[plan.schemes["scheme"].isin(opened), columns].assign(plan=label)
        for label, plan in plans
    ]
    found = pd.concat(parts, ignore_index=True)
    return found[["plan", *columns]]
