"""Where children live and are placed, when nobody has counted it: estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, sparse

from sufficiency.demand.projection import AGE_BANDS, controlled_rounding
from sufficiency.problems import Problems
from sufficiency.tables import read_table
from sufficiency.vocabulary import (
    HIGHEST_YEAR_GROUP,
    KINDS,
    LOCAL_STATE_SPECIALIST,
    LOWEST_YEAR_GROUP,
    NEEDS,
)

PLACED_HOW: Final = (
    "placed in the provisions of the published kind so that journeys as the crow flies are "
    "shortest in all and no school holds more than its roll, those in the authority first"
)

WRONG_NEED_KM: Final = 30.0
WRONG_AGE_KM: Final = 200.0
OUTSIDE_KM: Final = 100.0
"""Distance that counts for a need not listed, a year group not taken, a school of another
authority (judgement): what is known of a school weighs more than where it is."""

ROLL_UNKNOWN: Final = 30.0
"""Children at a provision whose roll and capacity are unknown, for the sharing out (judgement)."""

_MOST_PAIRS: Final = 400_000

_PHASES: Final[tuple[tuple[str, str, int, int], ...]] = (
    ("early-years", "early years", LOWEST_YEAR_GROUP, -1),
    ("primary", "primary", 0, 6),
    ("secondary", "secondary", 7, 11),
    ("post-16", "post-16", 12, HIGHEST_YEAR_GROUP),
)

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def read_areas(path: Path, problems: Problems) -> pd.DataFrame:
    """The table areas, each area once."""
    table = read_table("areas", path, problems)
    twice = table[table["area"].duplicated()]
    for row in twice.to_dict("records")[:20]:
        problems.error("the area stands twice.", "keep one of the rows.", file=path.name,
                       row=row["_row"], column="area", value=row["area"])  # fmt: skip
    if table.empty and not problems.errors:
        problems.error("has no rows.", "add the areas.", file=path.name)
    return table.sort_values("area", ignore_index=True)


def spread_over_areas(
    children: pd.DataFrame, areas: pd.DataFrame, by: Sequence[str]
) -> pd.DataFrame:
    """Spread whole children over areas by the people of their age band.

    Args:
        children: year_group, children (whole) and the columns ``by``, which tell its rows apart.
        areas: area and the age bands of the table areas.
        by: the columns that are kept.

    Returns:
        Columns area, ``by`` and children, whole, sorted. Every row of ``children`` keeps its
        children; every area has its share of every band to within one child
        (:func:`~sufficiency.demand.projection.controlled_rounding`).
    """
    ordered = children.sort_values(list(by), ignore_index=True)
    child = np.repeat(np.arange(len(ordered)), ordered["children"].to_numpy(dtype=np.int64))
    # Neighbouring areas must not take turns one after the other: few children, one corner.
    shuffled = np.random.default_rng(1).permutation(len(areas))
    people = np.nan_to_num(areas[list(AGE_BANDS)].to_numpy(dtype=float)).T[:, shuffled]
    highest = np.array([top for _, top in AGE_BANDS.values()])
    age = ordered["year_group"].to_numpy(dtype=np.int64)[child] + 4
    band = np.minimum(np.searchsorted(highest, age), len(highest) - 1)
    area = areas["area"].to_numpy()[shuffled][controlled_rounding(people, band)]
    found = ordered.iloc[child].assign(area=area, children=1)
    keys = ["area", *by]
    return found.groupby(keys, as_index=False, sort=True)[["children"]].sum()


@dataclass(frozen=True)
class Placed:
    """Children with their provisions.

    Attributes:
        children: the columns given and ``provision``; a row may have become several.
        stand_ins: rows of the table provisions, near home, for kinds of which none was given.
        overfull: children above the rolls, by kind.
        wrong_age: children in a provision that does not take their year group.
    """

    children: pd.DataFrame
    stand_ins: pd.DataFrame
    overfull: dict[str, float]
    wrong_age: float


def place_children(
    children: pd.DataFrame, areas: pd.DataFrame, provisions: pd.DataFrame, year: int
) -> Placed:
    """Share children of each kind of placement out over the provisions of that kind.

    Args:
        children: area, kind, need, year_group, children (whole, above 0); kind state_special is
            that of every authority, and its schools in other authorities are
            out_of_area_state_special.
        areas: area, easting, northing (metres, EPSG:27700).
        provisions: the table provisions as read; may be empty.
        year: academic year in which the provision must be open.

    Returns:
        The children placed. A kind of which no provision is given gets stand-ins near home, by
        phase, so that its children are not lost.
    """
    open_now = provisions[
        ((provisions["opens"] == -1) | (provisions["opens"] <= year))
        & ((provisions["closes"] == -1) | (provisions["closes"] > year))
    ]
    parts: list[pd.DataFrame] = []
    stand_ins: list[dict[str, Any]] = []
    overfull: dict[str, float] = {}
    wrong = 0.0
    for kind, group in children.groupby("kind", sort=True):
        kinds = ["state_special", "out_of_area_state_special"] if kind == "state_special" else [
            str(kind)]  # fmt: skip
        at = open_now[open_now["kind"].isin(kinds)].sort_values("provision", ignore_index=True)
        group = group.sort_values(["area", "need", "year_group"], ignore_index=True)
        if at.empty:
            at = stand_ins_of(str(kind), group, set(provisions["provision"]))
            stand_ins += [{str(k): v for k, v in r.items()} for r in at.to_dict("records")]
        flow, over = _flow(group, areas, at)
        if over > 0:
            overfull[str(kind)] = over
        cell, school = np.nonzero(flow)
        low, high = (at[f"{end}_year_group"].to_numpy(dtype=float) for end in ("lowest", "highest"))
        year_group = group["year_group"].to_numpy(dtype=float)[cell]
        moved = flow[cell, school]
        wrong += float(moved[(year_group < low[school]) | (year_group > high[school])].sum())
        part = group.iloc[cell].assign(
            provision=at["provision"].to_numpy()[school], children=moved.astype(np.int64)
        )
        parts.append(part)
    placed = pd.concat(parts, ignore_index=True) if parts else children.assign(provision="")
    columns = [c for c in provisions.columns if not str(c).startswith("_")]
    return Placed(placed, pd.DataFrame(stand_ins, columns=columns), overfull, wrong)


def stand_ins_of(kind: str, children: pd.DataFrame, taken: set[str]) -> pd.DataFrame:
    """Near-home provisions of a kind, one for each phase in which it has children today."""
    rows = []
    for suffix, phase, low, high in _PHASES:
        inside = children["year_group"].between(low, high)
        if not inside.any():
            continue
        name = f"{kind.replace('_', '-')}-{suffix}"
        while name in taken:
            name += "-stand-in"
        rows.append(
            {
                "provision": name,
                "name": f"{KINDS[kind]}, {phase} (not known by school)",
                "kind": kind,
                "easting": np.nan,
                "northing": np.nan,
                "lowest_year_group": low,
                "highest_year_group": high,
                "needs": tuple(sorted(NEEDS)),
                "tiers": (),
                "designation": "",
                "opens": -1,
                "closes": -1,
                "fee_pounds": np.nan,
                "top_up_pounds": np.nan,
                "physical_capacity": np.nan,
                "on_roll": np.nan,
                "inside_authority": "yes",
            }
        )
    return pd.DataFrame(rows)


def stand_in_places(
    stand_ins: pd.DataFrame, children: pd.DataFrame, base_year: int
) -> pd.DataFrame:
    """Commissioned places of stand-ins that must have some: those that children fill today."""
    limited = stand_ins[stand_ins["kind"].isin(LOCAL_STATE_SPECIALIST)]
    held = children.groupby("provision")["children"].sum()
    return pd.DataFrame(
        {
            "provision": limited["provision"],
            "academic_year": base_year,
            "places": held.reindex(limited["provision"]).to_numpy(dtype=float),
            "other_authority_children": 0.0,
        }
    )


def _flow(
    cells: pd.DataFrame, areas: pd.DataFrame, at: pd.DataFrame
) -> tuple[npt.NDArray[np.int64], float]:
    """Children of every cell (rows) at every provision (columns), and how many are above rolls."""
    count = cells["children"].to_numpy(dtype=np.int64)
    home = areas.set_index("area").loc[cells["area"], ["easting", "northing"]].to_numpy(dtype=float)
    school = at[["easting", "northing"]].to_numpy(dtype=float)
    near_home = np.isnan(school).any(axis=1)
    away = np.linalg.norm(home[:, None] - np.where(np.isnan(school), 0.0, school)[None], axis=2)
    cost = np.where(near_home[None], 0.0, away / 1000)
    year_group = cells["year_group"].to_numpy(dtype=float)[:, None]
    low, high = (at[f"{end}_year_group"].to_numpy(dtype=float) for end in ("lowest", "highest"))
    cost += WRONG_AGE_KM * ((year_group < low) | (year_group > high))
    # A range that is missed by little is missed less: else all of them go to the first school.
    cost += np.maximum(low - year_group, 0) + np.maximum(year_group - high, 0)
    for column, taken in enumerate(at["needs"]):
        if len(taken) < len(NEEDS):
            cost[:, column] += WRONG_NEED_KM * ~cells["need"].isin(list(taken)).to_numpy()
    outside = (at["kind"] == "out_of_area_state_special") | (at["inside_authority"] == "no")
    cost += OUTSIDE_KM * outside.to_numpy()
    # Mainstream schools and colleges are not full of children with plans: the nearest will do.
    free = str(at["kind"].iloc[0]) in ("mainstream", "further_education", "educated_elsewhere")
    if free or near_home.any() or cost.size > _MOST_PAIRS:
        flow = np.zeros(cost.shape, dtype=np.int64)
        flow[np.arange(len(count)), cost.argmin(axis=1)] = count
        return flow, 0.0
    roll = at["on_roll"].fillna(at["physical_capacity"]).fillna(ROLL_UNKNOWN)
    room = np.floor(roll.to_numpy(dtype=float))
    over = max(0.0, float(count.sum() - room.sum()))
    if over:
        scaled = room * count.sum() / room.sum() if room.sum() else np.ones(len(room))
        room = np.where(room > 0, np.ceil(scaled) + 1, 0) if room.sum() else scaled + count.sum()
    return _transport(cost, count, room), over


def _transport(cost: FloatArray, supply: IntArray, room: FloatArray) -> npt.NDArray[np.int64]:
    """Cheapest whole flow from rows to columns: all of each row, no column above its room.

    A corner of the transport problem is whole, and the simplex method ends in a corner.
    """
    rows, columns = cost.shape
    pair = np.arange(rows * columns)
    limits = sparse.csr_array(
        (
            np.ones(2 * len(pair)),
            (np.concatenate([pair // columns, rows + pair % columns]), np.tile(pair, 2)),
        ),
        shape=(rows + columns, len(pair)),
    )
    answer = optimize.milp(
        cost.ravel(),
        constraints=optimize.LinearConstraint(
            limits,
            np.concatenate([supply, np.zeros(columns)]),
            np.concatenate([supply, room]),
        ),
    )
    if answer.x is None:
        raise AssertionError(f"children could not be shared out: {answer.message}")
    whole: npt.NDArray[np.int64] = np.round(answer.x.reshape(rows, columns)).astype(np.int64)
    if (whole.sum(axis=1) != supply).any():
        raise AssertionError("children were lost in sharing them out over provisions")
    return whole
