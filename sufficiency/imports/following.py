"""Forecast numbers split over areas, needs and tiers: children known today are followed first.

A forecast seldom says where a child lives and what it needs all at once. To split each number
afresh every year would move children about: a plan would end in one area and a new one begin in
another. So the children of a number are those of the year before, a year group older, as far as
they stay; only the rest is split by shares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from sufficiency.demand.projection import (
    AGE_BANDS,
    OBSERVED_AREA_WEIGHT,
    SMOOTHING_CHILDREN,
    controlled_rounding,
)
from sufficiency.vocabulary import HIGHEST_YEAR_GROUP, NEEDS

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SPLIT_HOW: Final = (
    "children of today are followed a year group on each year as far as they stay (the planning "
    "model's ceasing_share); the others are split, needs by the mix of the age band today, areas "
    "half by the people of the age band and half by all plans today"
)

_NEEDS: Final = tuple(NEEDS)
_NOTHING: Final = 1e-9
_BAND_TOPS: Final = np.array([top for _, top in AGE_BANDS.values()])

NeedMix = Mapping[tuple[int, int], FloatArray]
"""Shares of the needs among new children, by academic year and year group, where they are known."""


def band_of(year_group: Any) -> IntArray:
    """Position of the age band of year groups."""
    age = np.asarray(year_group, dtype=np.int64) + 4
    found: IntArray = np.minimum(np.searchsorted(_BAND_TOPS, age), len(_BAND_TOPS) - 1)
    return found


@dataclass(frozen=True)
class Followed:
    """The split forecast.

    Attributes:
        children: academic_year, area, need, tier, year_group, children, joining (NaN where the
            forecast does not say it), draw; sums of the forecast's numbers are kept exactly.
        dropped: children of today whom no number of the first year covers, by year group.
    """

    children: pd.DataFrame
    dropped: dict[int, float]


def follow(
    rows: pd.DataFrame,
    today: pd.DataFrame,
    areas: pd.DataFrame,
    ceasing_share: Sequence[float],
    base_year: int,
    need_mix: NeedMix | None = None,
) -> Followed:
    """Split the numbers of a forecast over areas, needs and tiers.

    Args:
        rows: academic_year (every year from the first on), draw, area ("" = not said), locality
            ("" = not said), needs (tuple of codes, () = not said), tier (0 = not said),
            year_group, children, joining (NaN = not said). The numbers of a year do not overlap.
        today: area, need, tier, year_group, children in the base year.
        areas: the table areas.
        ceasing_share: share of plans that cease within the year, by age 0 to 25.
        base_year: academic year of ``today``.
        need_mix: shares of the needs (in the order of the SEN2 return) among new children of a
            year and year group, where it is known better than from all children today.

    Returns:
        Every number of ``rows``, split.
    """
    table = areas.sort_values("area", ignore_index=True)
    names = table["area"].astype("str").to_numpy(dtype=object)
    localities = table["locality"].astype("str").to_numpy(dtype=object)
    area_weights = _area_weights(table, today)
    mix = _need_mix(today)
    tiers, tier_mix = _tier_mix(today, rows)
    position = {name: i for i, name in enumerate(names.tolist())}
    start = today.groupby(["area", "need", "tier", "year_group"], as_index=False)[
        ["children"]
    ].sum()
    parts: list[pd.DataFrame] = []
    dropped: dict[int, float] = {}
    for draw in sorted(set(rows["draw"].to_numpy(dtype=np.int64).tolist())):
        of_draw = rows[rows["draw"] == draw]
        state = _State(
            np.array([position[a] for a in start["area"]], dtype=np.int64),
            np.array([_NEEDS.index(n) for n in start["need"]], dtype=np.int64),
            start["tier"].to_numpy(dtype=np.int64),
            start["year_group"].to_numpy(dtype=np.int64),
            start["children"].to_numpy(dtype=float),
            np.zeros(len(start)),
        )
        for year in sorted({int(y) for y in of_draw["academic_year"]}):
            groups = _Groups(of_draw[of_draw["academic_year"] == year], localities, position)
            rng = np.random.default_rng([draw, year])
            older = state.older()
            group = groups.find(older, localities)
            if year == base_year + 1:
                lost = group < 0
                for at in np.flatnonzero(lost).tolist():
                    key = int(older.year_group[at])
                    dropped[key] = dropped.get(key, 0.0) + float(older.children[at])
            kept = _stay(older, group, groups, ceasing_share)
            missing = groups.children - np.bincount(
                kept.group, weights=kept.state.children, minlength=len(groups.children)
            )
            new = _join(
                np.where(missing > _NOTHING, missing, 0.0), groups, localities,
                _Shares(area_weights, mix, tiers, tier_mix, need_mix or {}, year), rng,
            )  # fmt: skip
            state = _merged([kept.state, new])
            parts.append(
                pd.DataFrame(
                    {
                        "academic_year": year,
                        "area": names[state.area],
                        "need": np.array(_NEEDS, dtype=object)[state.need],
                        "tier": state.tier,
                        "year_group": state.year_group,
                        "children": state.children,
                        "joining": state.joining if groups.says_joining else np.nan,
                        "draw": draw,
                    }
                )
            )
    frame = pd.concat(parts, ignore_index=True)
    order = ["academic_year", "draw", "area", "need", "tier", "year_group"]
    frame = frame[frame["children"] > _NOTHING].sort_values(order, ignore_index=True)
    return Followed(frame.astype({"area": "str", "need": "str"}), dropped)


# ------------------------------------------------------------------ cells and groups


@dataclass(frozen=True)
class _State:
    """Children by cell: positions of area and need, tier, year group."""

    area: IntArray
    need: IntArray
    tier: IntArray
    year_group: IntArray
    children: FloatArray
    joining: FloatArray

    def older(self) -> _State:
        """The same children a year on, those past the last year group left out."""
        stays = self.year_group < HIGHEST_YEAR_GROUP
        return _State(
            self.area[stays], self.need[stays], self.tier[stays], self.year_group[stays] + 1,
            self.children[stays], np.zeros(int(stays.sum())),
        )  # fmt: skip


@dataclass(frozen=True)
class _Kept:
    state: _State
    group: IntArray


def _merged(states: Sequence[_State]) -> _State:
    """Cells of several states, each once."""
    columns = {
        name: np.concatenate([getattr(state, name) for state in states])
        for name in ("area", "need", "tier", "year_group", "children", "joining")
    }
    keys = np.column_stack([columns[k] for k in ("area", "need", "tier", "year_group")])
    unique, inverse = np.unique(keys.astype(np.int64), axis=0, return_inverse=True)
    flat = inverse.ravel()
    return _State(
        unique[:, 0], unique[:, 1], unique[:, 2], unique[:, 3],
        np.bincount(flat, weights=columns["children"], minlength=len(unique)).astype(float),
        np.bincount(flat, weights=columns["joining"], minlength=len(unique)).astype(float),
    )  # fmt: skip


class _Groups:
    """The numbers of one year and draw, and which cells each of them covers.

    Attributes:
        children, joining: as the forecast says (joining NaN where it does not).
        area: position, -1 where not said; locality: name, "" where not said.
        needs: tuples of codes; tier: 0 where not said; year_group.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        localities: npt.NDArray[np.object_],
        position: Mapping[str, int],
    ) -> None:
        self.children = rows["children"].to_numpy(dtype=float)
        self.joining = rows["joining"].to_numpy(dtype=float)
        self.says_joining = bool(len(rows)) and not bool(np.isnan(self.joining).any())
        self.area = np.array([position.get(str(a), -1) for a in rows["area"]], dtype=np.int64)
        self.locality = rows["locality"].astype("str").to_numpy(dtype=object)
        self.needs = [tuple(needs) for needs in rows["needs"]]
        self.tier = rows["tier"].to_numpy(dtype=np.int64)
        self.year_group = rows["year_group"].to_numpy(dtype=np.int64)
        self._index: dict[tuple[object, str, int, int], int] = {}
        for number in range(len(self.children)):
            where: object = ""
            if self.area[number] >= 0:
                where = int(self.area[number])
            elif self.locality[number]:
                where = str(self.locality[number])
            for need in self.needs[number] or ("",):
                key = (where, need, int(self.tier[number]), int(self.year_group[number]))
                self._index[key] = number

    def find(self, state: _State, localities: npt.NDArray[np.object_]) -> IntArray:
        """The number that covers each cell, -1 where none does; the sharpest goes first."""
        keys = np.column_stack([state.area, state.need, state.tier, state.year_group])
        unique, inverse = np.unique(keys, axis=0, return_inverse=True)
        found = np.full(len(unique), -1, dtype=np.int64)
        for number, (area, need, tier, year_group) in enumerate(unique.tolist()):
            places: tuple[object, ...] = (area, str(localities[area]), "")
            for where, code, level in product(places, (_NEEDS[need], ""), (tier, 0)):
                at = self._index.get((where, code, level, year_group))
                if at is not None:
                    found[number] = at
                    break
        return found[inverse.ravel()]


def _stay(older: _State, group: IntArray, groups: _Groups, ceasing_share: Sequence[float]) -> _Kept:
    """Those of the year before who stay: as many as cease leaves, and never above the number."""
    inside = group >= 0
    of = group[inside]
    age = older.year_group[inside] - 1 + 4
    share = np.clip(np.array(ceasing_share, dtype=float), 0.0, 1.0)
    expected = older.children[inside] * (1 - share[np.clip(age, 0, len(share) - 1)])
    size = len(groups.children)
    before = np.bincount(of, weights=older.children[inside], minlength=size)
    held = np.bincount(of, weights=expected, minlength=size)
    said = ~np.isnan(groups.joining)
    stay = np.where(
        said, np.minimum(before, np.maximum(groups.children - np.nan_to_num(groups.joining), 0.0)),
        np.minimum(held, groups.children),
    )  # fmt: skip
    factor = np.where(held > 0, stay / np.where(held > 0, held, 1.0), 0.0)
    # Where nobody was expected to stay but the forecast keeps some, all of them stay alike.
    even = np.where(before > 0, stay / np.where(before > 0, before, 1.0), 0.0)
    children = np.where(held[of] > 0, expected * factor[of], older.children[inside] * even[of])
    state = _State(
        older.area[inside], older.need[inside], older.tier[inside], older.year_group[inside],
        children, np.zeros(len(of)),
    )  # fmt: skip
    return _Kept(state, of)


# ------------------------------------------------------------------ those who join


@dataclass(frozen=True)
class _Shares:
    """Shares by which new children are split."""

    areas: FloatArray
    needs: FloatArray
    tiers: IntArray
    tiers_by_need: FloatArray
    better: NeedMix
    year: int


def _area_weights(areas: pd.DataFrame, today: pd.DataFrame) -> FloatArray:
    """(bands, areas): half by people of the band, half by all plans today."""
    observed = today.groupby("area")["children"].sum().reindex(areas["area"]).fillna(0.0)
    plans = observed.to_numpy(dtype=float)
    rows = []
    for band in AGE_BANDS:
        people = np.nan_to_num(areas[band].to_numpy(dtype=float))
        weight = np.zeros(len(areas))
        if people.sum() > 0:
            weight += (1 - OBSERVED_AREA_WEIGHT) * people / people.sum()
        if plans.sum() > 0:
            weight += OBSERVED_AREA_WEIGHT * plans / plans.sum()
        rows.append(weight if weight.sum() > 0 else np.ones(len(areas)))
    return np.array(rows)


def _need_mix(today: pd.DataFrame) -> FloatArray:
    """(bands, needs): the mix of the band today, smoothed with that of all ages."""
    counts = np.zeros((len(AGE_BANDS), len(_NEEDS)))
    need = np.array([_NEEDS.index(n) for n in today["need"]], dtype=np.int64)
    np.add.at(counts, (band_of(today["year_group"]), need), today["children"].to_numpy(dtype=float))
    whole = counts.sum(axis=0)
    whole = whole / whole.sum() if whole.sum() > 0 else np.full(len(_NEEDS), 1 / len(_NEEDS))
    smoothed: FloatArray = counts + SMOOTHING_CHILDREN * whole
    return smoothed


def _tier_mix(today: pd.DataFrame, rows: pd.DataFrame) -> tuple[IntArray, FloatArray]:
    """Tiers in use and (needs, tiers): the mix of each need today; 0 is "not said"."""
    tiers = np.unique(np.append(today["tier"].to_numpy(np.int64), rows["tier"].to_numpy(np.int64)))
    counts = np.zeros((len(_NEEDS), len(tiers)))
    need = np.array([_NEEDS.index(n) for n in today["need"]], dtype=np.int64)
    tier = np.searchsorted(tiers, today["tier"].to_numpy(np.int64))
    np.add.at(counts, (need, tier), today["children"].to_numpy(dtype=float))
    whole = counts.sum(axis=0, keepdims=True)
    if whole.sum() == 0:
        whole = (tiers == 0).astype(float)[None] if 0 in tiers else np.ones((1, len(tiers)))
    return tiers, counts + SMOOTHING_CHILDREN * whole / whole.sum()


def _join(
    missing: FloatArray,
    groups: _Groups,
    localities: npt.NDArray[np.object_],
    shares: _Shares,
    rng: np.random.Generator,
) -> _State:
    """Put the missing children of every number into cells: whole ones, and a part of one at last.

    The pieces are dealt out by controlled rounding, so that every need and area keeps to its share
    of them.
    """
    whole = np.floor(missing + _NOTHING).astype(np.int64)
    part = missing - whole
    has_part = part > 1e-6
    group = np.concatenate([np.repeat(np.arange(len(missing)), whole), np.flatnonzero(has_part)])
    size = np.concatenate([np.ones(int(whole.sum())), part[has_part]])
    order = np.lexsort((rng.permutation(len(group)), groups.year_group[group]))
    group, size = group[order], size[order]
    band = band_of(groups.year_group[group])
    need = _dealt_needs(group, band, groups, shares)
    order = np.lexsort((rng.permutation(len(group)), need))
    group, size, band, need = group[order], size[order], band[order], need[order]
    tier = _dealt_tiers(group, need, groups, shares)
    area = _dealt_areas(group, band, groups, localities, shares, rng)
    return _State(area, need, tier, groups.year_group[group], size, size.copy())


def _dealt_needs(group: IntArray, band: IntArray, groups: _Groups, shares: _Shares) -> IntArray:
    def weights(g: int, b: int) -> tuple[object, object, FloatArray]:
        better = shares.better.get((shares.year, int(groups.year_group[g])))
        weight = shares.needs[b] if better is None else better
        mix: object = b if better is None else ("year group", int(groups.year_group[g]))
        if groups.needs[g]:
            inside = np.isin(np.array(_NEEDS, dtype=object), list(groups.needs[g]))
            weight = np.where(inside, weight, 0.0)
            weight = weight if weight.sum() > 0 else inside.astype(float)
        return groups.needs[g], mix, weight

    return _dealt(group, band, weights)


def _dealt(
    group: IntArray,
    band: IntArray,
    weights: Callable[[int, int], tuple[object, object, FloatArray]],
) -> IntArray:
    """The column of every piece by controlled rounding, apart for each set of columns.

    Rounding keeps columns to their shares over a whole list, and so may give a piece a column in
    which its own number has no share: pieces that may not take the same columns are dealt apart.

    Args:
        group, band: number and age band of every piece.
        weights: for a number and a band: the set of columns, the mix, and its shares.
    """
    result = np.zeros(len(group), dtype=np.int64)
    mixes: dict[object, dict[object, int]] = {}
    tables: dict[object, list[FloatArray]] = {}
    members: dict[object, tuple[list[int], list[int]]] = {}
    known: dict[tuple[int, int], tuple[object, int]] = {}
    for at, key in enumerate(zip(group.tolist(), band.tolist(), strict=True)):
        if key not in known:
            columns, mix, weight = weights(*key)
            rows = mixes.setdefault(columns, {})
            if mix not in rows:
                rows[mix] = len(rows)
                tables.setdefault(columns, []).append(weight)
            known[key] = columns, rows[mix]
        columns, row = known[key]
        pieces, of = members.setdefault(columns, ([], []))
        pieces.append(at)
        of.append(row)
    for columns, (pieces, of) in members.items():
        table = np.array(tables[columns])
        inside = np.flatnonzero(table.sum(axis=0) > 0)
        dealt = controlled_rounding(table[:, inside], np.array(of, dtype=np.int64))
        result[pieces] = inside[dealt]
    return result


def _dealt_tiers(group: IntArray, need: IntArray, groups: _Groups, shares: _Shares) -> IntArray:
    said = groups.tier[group]
    dealt = shares.tiers[controlled_rounding(shares.tiers_by_need, need)]
    return np.where(said > 0, said, dealt)


def _dealt_areas(
    group: IntArray,
    band: IntArray,
    groups: _Groups,
    localities: npt.NDArray[np.object_],
    shares: _Shares,
    rng: np.random.Generator,
) -> IntArray:
    result = groups.area[group].copy()
    open_ = np.flatnonzero(result < 0)
    if not len(open_):
        return result
    # Neighbouring areas must not take turns one after the other: few children, one corner.
    shuffled = rng.permutation(len(localities))

    def weights(g: int, b: int) -> tuple[object, object, FloatArray]:
        locality = str(groups.locality[g])
        weight = shares.areas[b]
        if locality:
            weight = np.where(localities == locality, weight, 0.0)
            if weight.sum() <= 0:
                weight = (localities == locality).astype(float)
        return locality, b, weight[shuffled]

    result[open_] = shuffled[_dealt(group[open_], band[open_], weights)]
    return result
