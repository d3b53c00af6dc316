"""Age, need and placement together, fitted to what is published of them two at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, sparse

from sufficiency.imports.release import ALL, GROUPS, IN_GROUP, PLACEMENTS, Fact

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SWEEPS: Final = 3000
_MANY_CELLS: Final = 4000


@dataclass(frozen=True)
class Joint:
    """Children by age, need and placement, whole, as they are fitted to the published numbers.

    Attributes:
        cells: columns age, need, placement (codes of the release), children (whole, above 0).
        facts: the published numbers, one a row: age, need, placement, low, high, symbol,
            reproduced.
        rounding_at_most: the most by which rounding moved a cell, in children.
    """

    cells: pd.DataFrame
    facts: pd.DataFrame
    rounding_at_most: float

    @property
    def missed(self) -> pd.DataFrame:
        """The facts that the joint count does not reproduce."""
        off = (self.facts["reproduced"] < self.facts["low"]) | (
            self.facts["reproduced"] > self.facts["high"]
        )
        return self.facts[off]


@dataclass(frozen=True)
class _Family:
    """Facts of one shape: no cell lies in two of them. ``of`` is -1 where a cell lies in none."""

    facts: IntArray
    of: IntArray
    low: FloatArray
    high: FloatArray


def fit_joint(facts: Sequence[Fact]) -> Joint:
    """Fit the joint count of age, need and placement to everything published, in whole children.

    Iterative proportional fitting from a count of one in every cell that no published nought
    rules out: the fit has every published number and no interaction of all three. It is rounded
    by whole-number programming, every cell to one of its two neighbours, so that every published
    number is met. Where the published numbers contradict each other the fewest children are put
    where they break one.
    """
    used = _without_totals(facts)
    ages = sorted({f.age for f in facts if f.age != ALL}, key=int)
    needs = sorted({f.need for f in facts if f.need != ALL})
    placements = [p for p in PLACEMENTS if any(f.placement == p for f in facts)]
    shape = (len(ages), len(needs), len(placements))
    if 0 in shape:
        return Joint(pd.DataFrame({"age": [], "need": [], "placement": [], "children": []}),
                     _fact_table(facts, []), 0.0)  # fmt: skip
    axes = ([*ages], needs, placements)
    allowed = np.ones(shape, dtype=bool)
    for fact in used:
        if fact.high == 0:
            allowed[_where(fact, axes)] = False
    cells = np.argwhere(allowed)
    number = np.full(shape, -1, dtype=np.int64)
    number[allowed] = np.arange(len(cells))
    families = _families([f for f in used if f.high > 0], axes, number)
    fitted = _fit(families, len(cells))
    whole = _round(families, fitted)
    total = np.zeros(shape)
    total[allowed] = whole
    reproduced = [float(total[_where(fact, axes)].sum()) for fact in facts]
    kept = whole > 0
    frame = pd.DataFrame(
        {
            "age": np.array(ages, dtype=np.int64)[cells[kept, 0]],
            "need": np.array(needs, dtype=object)[cells[kept, 1]].astype(str),
            "placement": np.array(placements, dtype=object)[cells[kept, 2]].astype(str),
            "children": whole[kept].astype(np.int64),
        }
    )
    moved = float(np.abs(whole - fitted).max()) if len(cells) else 0.0
    return Joint(frame, _fact_table(facts, reproduced), moved)


def _fact_table(facts: Sequence[Fact], reproduced: Sequence[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [str(f.age) for f in facts],
            "need": [f.need for f in facts],
            "placement": [f.placement for f in facts],
            "low": [f.low for f in facts],
            "high": [f.high for f in facts],
            "symbol": [f.symbol for f in facts],
            "reproduced": [*reproduced, *[0.0] * (len(facts) - len(reproduced))],
        }
    )


def _members(placement: str, placements: Sequence[str]) -> list[int]:
    """Positions of the placements that a code, a group or ``all`` stands for."""
    if placement == ALL:
        return list(range(len(placements)))
    group = GROUPS.get(placement)
    if group is None:
        return [i for i, p in enumerate(placements) if p == placement]
    inside = IN_GROUP.get(group)
    return [i for i, p in enumerate(placements)
            if (p in inside if inside else p.startswith(group))]  # fmt: skip


def _where(fact: Fact, axes: tuple[Sequence[Any], ...]) -> Any:
    """The index of the cells of a fact."""
    ages, needs, placements = axes
    age = list(range(len(ages))) if fact.age == ALL else [list(ages).index(fact.age)]
    need = list(range(len(needs))) if fact.need == ALL else [list(needs).index(fact.need)]
    return np.ix_(age, need, _members(fact.placement, placements))


def _without_totals(facts: Sequence[Fact]) -> list[Fact]:
    """Leave out totals that all their published parts make needless, or contradict.

    Parts that are all published by themselves say more than their total; a total is needed only
    where a part is missing.
    """
    exact = {(f.age, f.need, f.placement): f.low for f in facts if f.exact}
    ages = {f.age for f in facts if f.age != ALL}
    needs = {f.need for f in facts if f.need != ALL}
    placements = [f.placement for f in facts if f.placement not in (ALL, *GROUPS)]
    codes = list(dict.fromkeys(placements))

    def parts(fact: Fact) -> Iterator[list[tuple[int | str, str, str]]]:
        if fact.age == ALL:
            yield [(a, fact.need, fact.placement) for a in ages]
        if fact.need == ALL:
            yield [(fact.age, n, fact.placement) for n in needs]
        if fact.placement in (ALL, *GROUPS):
            inside = _members(fact.placement, codes)
            yield [(fact.age, fact.need, codes[i]) for i in inside]

    kept = []
    for fact in facts:
        if fact.high == math.inf and fact.low <= 0:
            continue
        known = any(group and all(key in exact for key in group) for group in parts(fact))
        if not known:
            kept.append(fact)
    return kept


def _families(facts: Sequence[Fact], axes: tuple[Sequence[Any], ...], number: Any
              ) -> list[_Family]:  # fmt: skip
    """Facts by shape, each with the cells that they hold."""
    shapes: dict[tuple[bool, bool, str], list[Fact]] = {}
    for fact in facts:
        level = "group" if fact.placement in GROUPS else str(fact.placement != ALL)
        shapes.setdefault((fact.age != ALL, fact.need != ALL, level), []).append(fact)
    cells = int(number.max()) + 1
    families = []
    for shape in sorted(shapes):
        members = shapes[shape]
        of = np.full(cells, -1, dtype=np.int64)
        for position, fact in enumerate(members):
            inside = number[_where(fact, axes)].ravel()
            of[inside[inside >= 0]] = position
        families.append(
            _Family(
                np.arange(len(members)),
                of,
                np.array([f.low for f in members], dtype=float),
                np.array([f.high for f in members], dtype=float),
            )
        )
    # The sharpest facts last: they are met best.
    return sorted(families, key=lambda family: len(family.low))


def _fit(families: Sequence[_Family], cells: int) -> FloatArray:
    """Iterative proportional fitting; a sum between its limits is left as it is."""
    x = np.ones(cells)
    for _ in range(_SWEEPS):
        off = 0.0
        for family in families:
            inside = family.of >= 0
            of = family.of[inside]
            sums = np.bincount(of, weights=x[inside], minlength=len(family.low))
            target = np.clip(sums, family.low, family.high)
            off = max(off, float(np.abs(target - sums).max(initial=0.0)))
            factor = np.where(sums > 0, target / np.where(sums > 0, sums, 1.0), 1.0)
            x[inside] *= factor[of]
        if off < 1e-7:
            break
    return x


def _round(families: Sequence[_Family], fitted: FloatArray) -> FloatArray:
    """Whole numbers next to the fitted ones that meet every fact, nearest in sum.

    Every cell is one of its two neighbours if there is such an answer; else cells may move
    farther, and what no answer can meet is missed by as few children as possible.
    """
    count = len(fitted)
    if not count:
        return fitted
    floor = np.floor(fitted + 1e-6)
    rest = np.clip(fitted - floor, 0.0, 1.0)
    rows, columns, low, high = [], [], [], []
    base = 0
    for family in families:
        inside = np.flatnonzero(family.of >= 0)
        rows.append(base + family.of[inside])
        columns.append(inside)
        low.append(family.low)
        high.append(family.high)
        base += len(family.low)
    row = np.concatenate(rows)
    matrix = sparse.csr_array(
        (np.ones(len(row)), (row, np.concatenate(columns))), shape=(base, count)
    )
    held = matrix @ floor
    lower, upper = np.concatenate(low) - held, np.concatenate(high) - held
    whole = np.ones(count, dtype=np.int64)
    answer = optimize.milp(
        1 - 2 * rest,
        constraints=optimize.LinearConstraint(matrix, lower, upper),
        integrality=whole,
        bounds=optimize.Bounds(0, 1),
        options={"mip_rel_gap": 0.1 if count <= _MANY_CELLS else 0.5},
    )
    if answer.x is not None:
        return floor + np.round(answer.x)
    # The published numbers contradict each other: miss as little as possible.
    slack = sparse.eye_array(base, format="csr")
    wide = sparse.hstack([matrix, slack, -slack], format="csr")
    least = -np.minimum(floor, 3.0)
    answer = optimize.milp(
        np.concatenate([np.abs(1 - 2 * rest) * 0.01, np.full(2 * base, 1.0)]),
        constraints=optimize.LinearConstraint(wide, lower, upper),
        integrality=np.concatenate([whole, np.zeros(2 * base, dtype=np.int64)]),
        bounds=optimize.Bounds(
            np.concatenate([least, np.zeros(2 * base)]),
            np.concatenate([np.full(count, 4.0), np.full(2 * base, np.inf)]),
        ),
        options={"mip_rel_gap": 0.05, "time_limit": 60.0},
    )
    if answer.x is None:
        return np.round(fitted)
    return floor + np.round(answer.x[:count])
