"""Suppression: which counts of a release may be shown, and the proof that the others stay hidden.

Everything that a release counts is a sum of the same *atoms*: children who share every attribute
that any of its tables uses. A *cell* is one such sum; a count that stands in three files is one
cell. So all files of a release together are one linear system, and whoever subtracts a table from
a total, or one file from another, solves that system. This module

1. rounds the atoms to whole children so that every total of every table still adds up
   (:func:`whole_numbers`);
2. holds back every count from 1 to below the threshold (*small*, shown as "fewer than 6"), and as
   many further counts (*withheld*) as are needed (:func:`protect`);
3. proves it. For each count held back there are *alternatives*: other atoms that agree with every
   published number and word of the release, and in which that count differs. For a small count
   they reach, wherever they can, from the least to the greatest number that its label allows, so
   that the release says no more than the label itself. The proof is checked in whole-number
   arithmetic.

The alternatives use only combinations of attributes that occur. So the proof holds against a
reader who knows which combinations are impossible (a primary school has no Year 9), and all the
more against one who does not. Alternatives may be fractions of children, as the plan's own numbers
are; that a reader who insists on whole children learns no more is tried in the tests.

The rule in words: 0 is shown. "Fewer than 6" stands for 1 to 5; inside a total that is itself fewer
than 6 it stands for 0 to 5, and a 0 there is shown as "fewer than 6" too. "Withheld" stands for 6
or more. The method is cell suppression with a linear programme for each pattern (Castro 2012,
"Recent advances in optimization techniques for statistical tabular data protection").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from sufficiency.problems import NotReleasableError
from sufficiency.vocabulary import LEAST_THRESHOLD, THRESHOLD

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Key = tuple[Any, ...]
_Name = tuple[str, Key]

WIDTH: Final = 2
"""Least width of the range in which the release leaves a small count: three possible numbers."""
LARGEST_DENOMINATOR: Final = 5040
"""Of the fractions that a corner of the linear programme is read as."""
GAP: Final = 0.1
"""Of a search for whole children; a tenth more withheld is not worth a longer one."""
STILL: Final = 1e-3
"""Loss of an atom's child that moves, beside the loss of a count that is withheld."""
NODES: Final = 400
"""Nodes of a search after which its best table is taken; a limit in seconds would not repeat."""
WITHHELD: Final = "withheld"


@dataclass(frozen=True)
class Margin:
    """A published breakdown: children by some attributes, in every block.

    Attributes:
        name: by which cells are looked up.
        by: columns of the atoms; none for the total of a block.
        weight: how dear it is to withhold a cell of it; dearer ones stay shown.
        kept: whether its cells are never withheld.
        blocks: the only blocks (years) in which it is published; all where None.
    """

    name: str
    by: tuple[str, ...]
    weight: float = 1.0
    kept: bool = False
    blocks: frozenset[Any] | None = None


@dataclass(frozen=True)
class Shown:
    """What a file says of a count: its words, and its number where it may be shown."""

    text: str
    number: int | None


@dataclass
class _Block:
    """One year: atoms, distinct cells, what is held back, and alternatives found so far.

    Attributes:
        label: the year.
        atoms: rows with at least one child.
        children: whole children by atom.
        matrix: cells by atoms, of ones.
        values: whole children by cell.
        weights: of cells; infinite for those that are kept.
        rows: (margin, key) to the position of its cell; several names may be one cell.
        lowest: least number that the label of a small cell allows.
        highest: greatest number that a reader would believe; infinite where nothing says so.
        small, withheld: what is held back.
        alternatives: (denominator, numerators of children by atom).
        reached: cells by alternative (the first is the truth): children of the cell there.
    """

    label: Any
    atoms: pd.DataFrame
    children: Whole
    matrix: Any
    values: Whole
    weights: Floats
    rows: dict[tuple[str, Key], int]
    lowest: Whole
    highest: Floats
    small: NDArray[np.bool_]
    withheld: NDArray[np.bool_]
    alternatives: list[tuple[int, Whole]] = field(default_factory=list)
    reached: list[Floats] = field(default_factory=list)


@dataclass
class Protected:
    """Counts of a release with what is held back.

    Attributes:
        threshold: counts from 1 to below it are small.
        largest_rounding: the furthest that rounding to whole children moved any count.
    """

    threshold: int
    largest_rounding: float
    _margins: dict[str, Margin]
    _blocks: dict[Any, _Block]

    def look_up(self, margin: str, block: Any, key: Key = ()) -> Shown:
        """What may be said of a count; a combination that does not occur counts 0."""
        found = self._blocks.get(block)
        row = None if found is None else found.rows.get((margin, key))
        if found is None:
            return Shown("0", 0)
        if row is None:
            unknown = _hidden_zero(self._margins, found, margin, key)
            return Shown(self.words, None) if unknown else Shown("0", 0)
        if found.small[row]:
            return Shown(self.words, None)
        if found.withheld[row]:
            return Shown(WITHHELD, None)
        number = int(found.values[row])
        return Shown(f"{number:,}", number)

    @property
    def words(self) -> str:
        """What stands for a small count."""
        return f"fewer than {self.threshold}"

    def truth(self, margin: str, block: Any, key: Key = ()) -> int:
        """The count itself, held back or not; never for a file."""
        found = self._blocks.get(block)
        row = None if found is None else found.rows.get((margin, key))
        return 0 if found is None or row is None else int(found.values[row])

    def atoms(self) -> pd.DataFrame:
        """The whole children that every count adds up, by atom; never for a file."""
        return pd.concat(
            block.atoms.assign(children=block.children) for block in self._blocks.values()
        )

    def summary(self) -> dict[str, int]:
        """How many counts there are, and how many of them are small, or withheld beside."""
        blocks = self._blocks.values()
        return {
            "counts": sum(len(b.values) for b in blocks),
            "small": sum(int(b.small.sum()) for b in blocks),
            "withheld": sum(int(b.withheld.sum()) for b in blocks),
            "alternatives": sum(len(b.alternatives) for b in blocks),
        }

    def alternatives(self) -> Iterator[tuple[Any, pd.DataFrame, Floats]]:
        """(block, atoms, children by atom) of every alternative of the proof."""
        for label, block in self._blocks.items():
            for denominator, numerators in block.alternatives:
                yield label, block.atoms, numerators / denominator


def _wider(margins: dict[str, Margin], block: _Block, margin: str, key: Key) -> list[_Name]:
    """Names of the cells that hold a cell."""
    by = margins[margin].by
    value = dict(zip(by, key, strict=True))
    return [
        (name, tuple(value[c] for c in wider.by))
        for name, wider in margins.items()
        if set(wider.by) < set(by) and (wider.blocks is None or block.label in wider.blocks)
    ]


def _inside_small(margins: dict[str, Margin], block: _Block, margin: str, key: Key) -> bool:
    """Whether a cell lies inside one that is small."""
    rows = [block.rows.get(name) for name in _wider(margins, block, margin, key)]
    return any(block.small[row] for row in rows if row is not None)


def _hidden_zero(margins: dict[str, Margin], block: _Block, margin: str, key: Key) -> bool:
    """Whether a count of 0 is shown as small: inside a small one, and inside no 0 that is shown."""
    wider = _wider(margins, block, margin, key)
    empty = [name for name in wider if name not in block.rows]
    if any(not _hidden_zero(margins, block, *name) for name in empty):
        return False
    return _inside_small(margins, block, margin, key)


# ------------------------------------------------------------------ whole children


def whole_numbers(
    atoms: pd.DataFrame,
    margins: Sequence[Margin],
    *,
    turns: Mapping[Any, int] | None = None,
    block: str = "academic_year",
    measure: str = "children",
) -> tuple[pd.DataFrame, float]:
    """Round expected children to whole ones so that every table still adds up.

    Every atom goes to the whole number below or above; as far as it can be done at once, so does
    every cell of every margin (controlled rounding). What is exact stays exact.

    Args:
        atoms: one row an atom: the attributes of all margins, ``block`` and ``measure``.
        margins: what is published.
        turns: by block, which of several such roundings; the first where it is not named.
        block: the column of the year; nothing is added over it.
        measure: the column of expected children.

    Returns:
        The atoms that keep at least one child, with whole ``measure``; and the furthest that any
        cell moved, in children.
    """
    parts, furthest = [], 0.0
    for label, part in atoms.groupby(block, sort=True):
        exact = _snap(part[measure].to_numpy(float))
        _, matrix = _cells(part, margins, label)
        rounded = _controlled(exact, matrix, (turns or {}).get(label, 0))
        furthest = max(furthest, float(np.abs(matrix @ (rounded - exact)).max(initial=0.0)))
        parts.append(part.assign(**{measure: rounded.astype(np.int64)}))
    whole = pd.concat(parts, ignore_index=True) if parts else atoms.astype({measure: np.int64})
    return whole[whole[measure] > 0].reset_index(drop=True), furthest


def _snap(values: Floats) -> Floats:
    """The solver's rounding errors are no children."""
    near = np.round(values)
    return np.where(np.abs(values - near) < 1e-5, near, values)


def _controlled(exact: Floats, matrix: Any, turn: int) -> Floats:
    """Whole numbers beside ``exact`` with every cell beside its own exact sum, where possible.

    Turn 0 keeps nearest to the exact numbers; each further one is another corner of what may be.
    """
    below, above = np.floor(exact), np.ceil(exact)
    if np.array_equal(below, above):
        return exact
    sums = _snap(matrix @ exact)
    least, most = np.floor(sums), np.ceil(sums)
    # A corner of this polytope has few numbers between two whole ones; the exact numbers lie in it.
    drawn = np.random.default_rng(turn).uniform(-1.0, 1.0, len(exact))
    found = milp(
        1.0 - 2.0 * (exact - below) if turn == 0 else drawn,
        constraints=LinearConstraint(matrix, least - 1e-9, most + 1e-9),
        bounds=Bounds(below, above),
    )
    rounded = exact.copy() if found.x is None else _snap(found.x)
    between = np.flatnonzero(rounded != np.round(rounded))
    rounded[between] = np.floor(rounded[between])
    if len(between):
        part = matrix[:, between]
        count = matrix.shape[0]
        slack = sparse.eye(count)
        done = matrix @ rounded
        found = milp(
            np.r_[np.zeros(len(between)), np.ones(2 * count)],
            constraints=LinearConstraint(
                sparse.hstack([part, slack, -slack]).tocsr(), least - done, most - done
            ),
            bounds=Bounds(0.0, np.r_[np.ones(len(between)), np.full(2 * count, np.inf)]),
            integrality=np.r_[np.ones(len(between)), np.zeros(2 * count)],
            options={"node_limit": NODES},
        )
        up = exact[between] - rounded[between] if found.x is None else found.x[: len(between)]
        rounded[between] += np.round(up)
    return np.round(rounded)


def _cells(
    part: pd.DataFrame, margins: Sequence[Margin], label: Any
) -> tuple[list[tuple[str, Key]], Any]:
    """Names of the cells of a block, and the matrix of cells by atoms."""
    names: list[tuple[str, Key]] = []
    inside: list[NDArray[np.intp]] = []
    for margin in margins:
        if margin.blocks is not None and label not in margin.blocks:
            continue
        if not margin.by:
            names.append((margin.name, ()))
            inside.append(np.arange(len(part)))
            continue
        codes = part.groupby(list(margin.by), sort=True).ngroup().to_numpy()
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) > 0])
        keys = part[list(margin.by)].iloc[order[starts]].itertuples(index=False, name=None)
        names += [(margin.name, key) for key in keys]
        inside += np.split(order, starts[1:])
    counts = [len(rows) for rows in inside]
    where = np.repeat(np.arange(len(inside)), counts)
    columns = np.concatenate(inside) if inside else np.zeros(0, dtype=np.intp)
    matrix = sparse.csr_matrix(
        (np.ones(len(where)), (where, columns)), shape=(len(inside), len(part))
    )
    return names, matrix


# ------------------------------------------------------------------ holding back


def protect(
    atoms: pd.DataFrame,
    margins: Sequence[Margin],
    *,
    threshold: int = THRESHOLD,
    believed: Mapping[tuple[str, Any, Key], float] | None = None,
    block: str = "academic_year",
    measure: str = "children",
    largest_rounding: float = 0.0,
    on_block: Callable[[Any], None] | None = None,
    done: dict[Any, _Block] | None = None,
) -> Protected:
    """Decide which counts are held back, and prove that none of them can be recovered.

    Args:
        atoms: from :func:`whole_numbers`.
        margins: everything that the release publishes; a count that stands in no margin must
            stand in no file.
        threshold: counts from 1 to below it are small.
        believed: by (margin, block, key), the greatest count that a reader would believe, such
            as the places of a school that the release publishes too. No alternative goes above
            it, or above the truth where that is greater.
        block: the column of the year.
        measure: the column of whole children.
        largest_rounding: from :func:`whole_numbers`, kept for the reader.
        on_block: told each year before its counts are held back; a large one takes a minute.
        done: filled with the years that are protected. Given again for the same margins, threshold
            and belief, a year whose atoms are the same is not worked out anew: no count is
            published over years.

    Raises:
        NotReleasableError: when no pattern protects a count; ``reasons`` name the counts, and
            ``blocks`` the years in which they stand.
        ValueError: when the threshold is below :data:`LEAST_THRESHOLD`.
    """
    if threshold < LEAST_THRESHOLD:
        raise ValueError(f"a threshold below {LEAST_THRESHOLD} would tell the numbers it hides")
    known = {m.name: m for m in margins}
    blocks: dict[Any, _Block] = {}
    done = {} if done is None else done
    reasons: list[str] = []
    refused: list[Any] = []
    for label, part in atoms.groupby(block, sort=True):
        part = part.reset_index(drop=True)
        before = done.get(label)
        if before is not None and _same_atoms(before, part, measure):
            blocks[label] = before
            continue
        if on_block:
            on_block(label)
        most = {(m, k): v for (m, b, k), v in (believed or {}).items() if b == label}
        found = _block(label, part, known, most, threshold, measure)
        if bare := _hold_back(found, threshold):
            reasons += bare
            refused.append(label)
            continue
        _publish_again(found)
        blocks[label] = done[label] = found
    if reasons:
        raise NotReleasableError(
            "These counts could be recovered from the others, whatever else is withheld.",
            reasons,
            refused,
        )
    result = Protected(threshold, largest_rounding, known, blocks)
    for found in blocks.values():
        _check_proof(found, threshold)
    return result


def _same_atoms(block: _Block, part: pd.DataFrame, measure: str) -> bool:
    """Whether a block was worked out from these very atoms."""
    return np.array_equal(block.children, part[measure].to_numpy(np.int64)) and block.atoms.equals(
        part.drop(columns=measure)
    )


def _block(
    label: Any,
    part: pd.DataFrame,
    margins: dict[str, Margin],
    believed: Mapping[tuple[str, Key], float],
    threshold: int,
    measure: str,
) -> _Block:
    names, matrix = _cells(part, list(margins.values()), label)
    children = part[measure].to_numpy(np.int64)
    rows: dict[tuple[str, Key], int] = {}
    same: dict[tuple[int, ...], int] = {}
    kept: list[int] = []
    weights: list[float] = []
    for at, name in enumerate(names):
        inside = tuple(sorted(matrix.indices[matrix.indptr[at] : matrix.indptr[at + 1]].tolist()))
        margin = margins[name[0]]
        weight = np.inf if margin.kept else margin.weight
        if inside not in same:
            same[inside] = len(kept)
            kept.append(at)
            weights.append(weight)
        rows[name] = same[inside]
        weights[same[inside]] = max(weights[same[inside]], weight)
    matrix = matrix[kept]
    values = np.rint(matrix @ children).astype(np.int64)
    found = _Block(
        label=label,
        atoms=part.drop(columns=measure),
        children=children,
        matrix=matrix,
        values=values,
        weights=np.array(weights),
        rows=rows,
        lowest=np.zeros(len(values), dtype=np.int64),
        highest=np.full(len(values), np.inf),
        small=(values > 0) & (values < threshold),
        withheld=np.zeros(len(values), dtype=bool),
        reached=[values.astype(float)],
    )
    for (margin_name, key), row in rows.items():
        if found.small[row] and not _inside_small(margins, found, margin_name, key):
            found.lowest[row] = 1
        if (margin_name, key) in believed:
            most = max(float(values[row]), float(np.ceil(believed[margin_name, key])))
            found.highest[row] = min(found.highest[row], most)
    found.highest[found.small] = np.minimum(found.highest[found.small], threshold - 1)
    return found


def _hold_back(block: _Block, threshold: int) -> list[str]:
    """Withhold counts until every small one is protected; says which cannot be."""
    system = _System(block, threshold)
    order = np.flatnonzero(block.small)
    # The dearest first: what they need is then there for the others.
    order = order[np.lexsort((order, block.values[order], -block.weights[order]))]
    for row in order.tolist():
        least, most = int(block.lowest[row]), int(block.highest[row])
        value = int(block.values[row])
        for goals in (range(most, value, -1), range(least, value)):
            for goal in goals:
                reached = [float(r[row]) for r in block.reached]
                if (max(reached) >= goal) if goal > value else (min(reached) <= goal):
                    break
                if system.move(row, goal):
                    break
    # What hides a small number must itself be off by a child or more. Moving it may withhold more.
    tried: set[int] = set()
    while todo := sorted(set(np.flatnonzero(~_hidden(block)).tolist()) - tried):
        for row in todo:
            tried.add(row)
            value = int(block.values[row])
            if block.withheld[row] and not system.move(row, value + 1) and value > threshold:
                system.move(row, value - 1)
    bare = np.flatnonzero(~_hidden(block)).tolist()
    return [f"{block.label}: {_name_of(block, row)}" for row in bare]


def _hidden(block: _Block, table: Floats | None = None) -> NDArray[np.bool_]:
    """Which cells are shown, or held back in such a way that nobody can work them out.

    A small cell must be open over three whole numbers, or all that its label and places allow; a
    withheld one by one child.
    """
    if table is None:
        table = np.array(block.reached)
    least, most = table.min(axis=0), table.max(axis=0)
    numbers = np.floor(most + 1e-9) - np.ceil(least - 1e-9)
    need = np.minimum(WIDTH, block.highest - block.lowest)
    off = np.maximum(most - block.values, block.values - least)
    hidden: NDArray[np.bool_] = (~block.small | (numbers >= need)) & (
        ~block.withheld | (off >= 1 - 1e-9)
    )
    return hidden


def _name_of(block: _Block, row: int) -> str:
    margin, key = next(name for name, at in block.rows.items() if at == row)
    return f"{margin.replace('_', ' ')}: {', '.join(map(str, key)) or 'all'}"


class _System:
    """The linear programme of a block: move one count, at least loss of shown ones.

    Columns: rise and fall of each atom, then of each cell that is shown today. A row says:
    the change of a cell is its rise less its fall; a cell that is held back changes freely within
    its label and has no rise or fall of its own.
    """

    def __init__(self, block: _Block, threshold: int) -> None:
        self.block, self.threshold = block, threshold
        cells, self.atoms = block.matrix.shape
        unit = sparse.eye(cells)
        self.matrix = sparse.hstack([block.matrix, -block.matrix, -unit, unit]).tocsr()
        # Withholding a large count loses more.
        size = np.sqrt(np.maximum(block.values, 1))
        loss = np.where(np.isfinite(block.weights), block.weights, 0.0) * size
        # Few atoms move where one is as good as another: a corner that moves few has whole numbers.
        still = np.random.default_rng(0).uniform(0.8, 1.2, self.atoms) * STILL
        self.cost = np.r_[still, still, loss, loss]

    def move(self, row: int, goal: int) -> bool:
        """Find an alternative in which a count is ``goal``, and withhold what it changes."""
        block, values = self.block, self.block.values
        cells = len(values)
        lower, upper = np.zeros(cells), np.zeros(cells)
        lower[block.small] = (block.lowest - values)[block.small]
        lower[block.withheld] = (self.threshold - values)[block.withheld]
        held = block.small | block.withheld
        upper[held] = (block.highest - values)[held]
        lower[row] = upper[row] = goal - values[row]
        free = ~held & np.isfinite(block.weights)
        rise = np.where(free, block.highest - values, 0.0)
        fall = np.where(free, values - self.threshold, 0.0)
        least = np.zeros(2 * (self.atoms + cells))
        most = np.r_[np.full(self.atoms, np.inf), block.children.astype(float), rise, fall]
        rows, bounds = LinearConstraint(self.matrix, lower, upper), Bounds(least, most)
        change = self._solve(rows, bounds)
        if change is None:
            return False
        denominator, numerators = change
        alternative = denominator * block.children + numerators
        reached = np.rint(block.matrix @ alternative) / denominator
        block.withheld |= (reached != values) & ~block.small
        block.alternatives.append((denominator, alternative))
        block.reached.append(reached)
        return True

    def _solve(self, rows: LinearConstraint, bounds: Bounds) -> tuple[int, Whole] | None:
        """The change of atoms at least loss, exactly.

        A corner of the programme is often a fraction that can be read. In a large block it seldom
        is; then whole children are moved, first only the atoms that the corner moves, then any.
        """
        # The truth itself is a start at which one row alone is wrong, and no column wants to move:
        # a few steps of the dual simplex mend it. Presolve would throw that start away, and costs
        # more than the search.
        found = milp(self.cost, constraints=rows, bounds=bounds, options={"presolve": False})
        if found.x is None:
            return None
        change = self._exact(found.x)
        if change is not None:
            return change
        moved = np.abs(self._change(found.x)) > 1e-7
        for allowed in (moved, np.ones(self.atoms, dtype=bool)):
            whole = self._whole(rows, bounds, np.flatnonzero(allowed))
            if whole is not None:
                return 1, whole
        return None

    def _change(self, solution: Floats) -> Floats:
        """The change of every atom: its rise less its fall."""
        return solution[: self.atoms] - solution[self.atoms : 2 * self.atoms]

    def _whole(
        self, rows: LinearConstraint, bounds: Bounds, allowed: NDArray[np.intp]
    ) -> Whole | None:
        """Whole changes of some atoms at little loss; the other atoms stay."""
        cells = self.block.matrix.shape[0]
        # A cell that none of them touches stays as it is, unless it is the one to be moved.
        touched = self.block.matrix[:, allowed].getnnz(axis=1) > 0
        kept = np.flatnonzero(touched | (rows.lb > 0) | (rows.ub < 0))
        shown = 2 * self.atoms
        columns = np.r_[allowed, self.atoms + allowed, shown + kept, shown + cells + kept]
        found = milp(
            self.cost[columns],
            constraints=LinearConstraint(
                self.matrix[kept][:, columns], rows.lb[kept], rows.ub[kept]
            ),
            bounds=Bounds(bounds.lb[columns], bounds.ub[columns]),
            integrality=(columns < shown).astype(float),
            options={"node_limit": NODES, "mip_rel_gap": GAP},
        )
        if found.x is None:
            return None
        change = np.zeros(self.atoms, dtype=np.int64)
        rise, fall = np.split(found.x[: 2 * len(allowed)], 2)
        change[allowed] = np.rint(rise - fall).astype(np.int64)
        return change

    def _exact(self, solution: Floats) -> tuple[int, Whole] | None:
        """The changes of atoms as fractions of one denominator."""
        change = self._change(solution)
        off = np.unique(np.abs(change - np.round(change)).round(9))
        denominator = lcm(*(Fraction(x).limit_denominator(97).denominator for x in off.tolist()))
        scaled = change * denominator
        if denominator > LARGEST_DENOMINATOR or np.abs(scaled - np.round(scaled)).max() > 1e-4:
            return None
        return denominator, np.rint(scaled).astype(np.int64)


def _publish_again(block: _Block) -> None:
    """Show a withheld count again where the proof can do without the alternatives that move it."""
    held = np.flatnonzero(block.withheld)
    for row in sorted(held.tolist(), key=lambda r: (-block.weights[r], -block.values[r], r)):
        table = np.array(block.reached)
        stays = table[:, row] == block.values[row]
        left = table[stays]
        same_range = (left.max(axis=0) == table.max(axis=0)) & (
            left.min(axis=0) == table.min(axis=0)
        )
        open_still = _hidden(block, left)
        open_still[row] = True
        if same_range[block.small].all() and open_still.all():
            block.withheld[row] = False
            block.alternatives = [
                a for a, s in zip(block.alternatives, stays[1:], strict=True) if s
            ]
            block.reached = [r for r, s in zip(block.reached, stays, strict=True) if s]


def _check_proof(block: _Block, threshold: int) -> None:
    """Check the alternatives in whole numbers, against what the release will say.

    Raises:
        NotReleasableError: when the proof does not hold, which is an error of this module.
    """
    shown = ~block.small & ~block.withheld
    matrix = block.matrix.astype(np.int64)
    table = [block.values.astype(float)]
    for unit, found in block.alternatives:
        cells = matrix @ found
        agrees = (
            (found >= 0).all()
            and (cells[shown] == unit * block.values[shown]).all()
            and (cells[block.small] >= unit * block.lowest[block.small]).all()
            and (cells[block.small] < unit * threshold).all()
            and (cells <= unit * np.maximum(block.highest, block.values)).all()
            and (cells[block.withheld] >= unit * threshold).all()
        )
        if not agrees:
            raise NotReleasableError("An alternative contradicts the release.", [str(block.label)])
        table.append(cells / unit)
    bare = np.flatnonzero(~_hidden(block, np.array(table)))
    if len(bare):
        raise NotReleasableError(
            "A count held back could be recovered.",
            [f"{block.label}: {_name_of(block, row)}" for row in bare.tolist()],
        )
