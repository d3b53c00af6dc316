"""What a search may know of a standard form, and smaller forms that are made of one."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sufficiency.solving.highs import Bools, Floats, StandardForm
from sufficiency.solving.reading import Labels

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Structure:
    """What a search may know of a standard form; wrong hints cost time, never correctness.

    Attributes:
        switch: columns that are 0 or 1 and switch others on.
        reserve: columns that keep a small model feasible whatever else it holds.
        choice: by column, the row that it takes its share of, or -1.
        stage: by column, when that row is settled; later rows may take from earlier columns.
        alike_columns: group numbers of a coarser model, in which a group is one column.
        merge_columns: group numbers of the columns that stand in switch rows alone and may be
            added up: money of schemes that may draw on the same sources.
        switch_rows: rows among switches (and columns that stand in no other row) alone.
        defining: rows that define one column, with coefficient 1, as a sum of earlier ones.
        link: rows that hold one column at zero until a switch is on.
        shares: rows that bind shares of many columns, of which small models keep some of each.
        alike_rows, merge_rows: the same groups for rows.
    """

    switch: Bools
    reserve: Bools
    choice: Ints
    stage: Ints
    alike_columns: Ints
    merge_columns: Ints
    switch_rows: Bools
    defining: Bools
    link: Bools
    shares: Bools
    alike_rows: Ints
    merge_rows: Ints

    def part(self, columns: Ints, rows: Ints) -> Structure:
        """The structure of a form that has only these columns and rows, in this order."""
        number = np.full(len(self.defining) + 1, -1, dtype=np.int64)
        number[rows] = np.arange(len(rows))
        by_column = ("switch", "reserve", "choice", "stage", "alike_columns", "merge_columns")
        kept: dict[str, Any] = {
            field.name: getattr(self, field.name)[columns if field.name in by_column else rows]
            for field in fields(self)
        }
        return Structure(**{**kept, "choice": number[kept["choice"]]})


def matrix_of(form: StandardForm) -> Any:
    """The coefficients of a form, rows x columns, stored by column."""
    shape = (len(form.row_lower), len(form.cost))
    return sp.csc_matrix((form.value, form.index, form.start), shape=shape)


def form_of(
    matrix: Any,
    cost: Floats,
    bounds: tuple[Floats, Floats],
    row_bounds: tuple[Floats, Floats],
    integer: Bools | None = None,
    offset: float = 0.0,
) -> StandardForm:
    """A standard form without names, from a sparse matrix of rows x columns."""
    matrix = matrix.tocsc()
    matrix.sort_indices()
    return StandardForm(
        columns=Labels(),
        rows=Labels(),
        start=matrix.indptr.astype(np.int32),
        index=matrix.indices.astype(np.int32),
        value=np.asarray(matrix.data, dtype=float),
        cost=np.asarray(cost, dtype=float),
        offset=offset,
        lower=bounds[0],
        upper=bounds[1],
        integer=np.zeros(len(cost), dtype=bool) if integer is None else integer,
        row_lower=row_bounds[0],
        row_upper=row_bounds[1],
    )


class Folded:
    """A form without the columns that others define: each is replaced by its definition.

    In a model of school places these are the children who stay on where they are: two rows in
    five, and what makes the placements hard for a simplex method.
    """

    def __init__(self, form: StandardForm, structure: Structure) -> None:
        self.whole = form
        matrix = matrix_of(form).tocsr()
        self._defining = np.flatnonzero(structure.defining)
        entries = matrix[self._defining].tocoo()
        positive = entries.data > 0
        self._defined = np.zeros(len(self._defining), dtype=np.int64)
        self._defined[entries.row[positive]] = entries.col[positive]
        count = len(form.cost)
        self._parts = sp.csr_matrix(
            (
                -entries.data[~positive],
                (self._defined[entries.row[~positive]], entries.col[~positive]),
            ),
            shape=(count, count),
        )
        expand = sp.identity(count, format="csr") + powers(self._parts)
        kept = np.ones(count, dtype=bool)
        kept[self._defined] = False
        self.columns = np.flatnonzero(kept)
        self.rows = np.flatnonzero(~structure.defining)
        self._expand = expand.tocsc()[:, self.columns]
        self.form = form_of(
            matrix[self.rows] @ self._expand,
            np.asarray(self._expand.T @ form.cost),
            (form.lower[self.columns], form.upper[self.columns]),
            (form.row_lower[self.rows], form.row_upper[self.rows]),
            form.integer[self.columns] & structure.switch[self.columns],
            form.offset,
        )
        self.structure = structure.part(self.columns, self.rows)

    def unfold(self, values: Floats) -> Floats:
        """Values of all columns from those of the folded form."""
        return np.asarray(self._expand @ values, dtype=float)

    def unfold_prices(self, row_dual: Floats) -> Floats:
        """Prices of all rows: a definition is priced so that what it defines costs nothing more."""
        prices = np.zeros(len(self.whole.row_lower))
        prices[self.rows] = row_dual
        rest = self.whole.reduced_cost(prices)[self._defined]
        later = self._parts[:, self._defined][self._defined].T
        found = rest
        for _ in range(64):
            following = rest + later @ found
            if np.array_equal(following, found):
                break
            found = following
        prices[self._defining] = found
        return prices


class Pooled:
    """A form in which choice rows that nothing tells apart are one, and their columns too.

    Children of two areas who have the same choices at the same cost (in mainstream schools near
    home, say) need not be told apart; what is placed is shared out among them afterwards, in
    proportion. Exact for values that need not be whole.
    """

    def __init__(self, form: StandardForm, structure: Structure) -> None:
        self.whole, self._structure = form, structure
        columns, rows = _same(form, structure)
        smaller, column_group, row_group = merged(form, columns, rows)
        first_column = np.unique(columns, return_index=True)[1]
        first_row = np.unique(rows, return_index=True)[1]
        summed = sp.csr_matrix((np.ones(len(rows)), (row_group, np.arange(len(rows)))))
        part = (summed @ matrix_of(form)).tocsc()
        difference = part - part[:, first_column[column_group]]
        uncertain = abs(difference).max() > 1e-6 if difference.nnz else False
        uncertain |= bool(np.any(np.abs(form.cost - form.cost[first_column][column_group]) > 1e-2))
        if uncertain:  # two different columns fell into one group: tell all apart
            first_column, first_row = np.arange(len(columns)), np.arange(len(rows))
            smaller, column_group, row_group = merged(form, first_column, first_row)
        self.form, self._column_group, self._row_group = smaller, column_group, row_group
        self._first_row = first_row
        choice = np.where(structure.choice >= 0, first_row[row_group[structure.choice]], -1)
        self.structure = replace(structure, choice=choice).part(first_column, first_row)

    def expand(self, values: Floats) -> Floats:
        """Values of all columns, shared out in proportion to what each choice row has to give."""
        structure, rows = self._structure, len(self.whole.row_lower)
        found = values[self._column_group]
        chosen = np.flatnonzero(structure.choice >= 0)
        matrix = matrix_of(self.whole).tocsr()
        own = structure.choice
        total = np.zeros(rows)
        pool = np.bincount(own[chosen], minlength=rows) > 0
        given = np.where(pool, self.whole.row_lower, 0.0)
        stages = structure.stage[chosen]
        for stage in np.unique(stages):
            columns = chosen[stages == stage]
            here = np.unique(own[columns])
            so_far = np.zeros(len(found))
            earlier = chosen[stages < stage]
            so_far[earlier] = found[earlier]
            total[here] = given[here] - matrix[here] @ so_far
            of_group = np.bincount(self._row_group[here], total[here], len(self.form.row_lower))
            share = total[own[columns]] / np.maximum(of_group[self._row_group[own[columns]]], 1e-12)
            found[columns] = values[self._column_group[columns]] * np.maximum(share, 0.0)
        return np.asarray(found, dtype=float)

    def expand_prices(self, prices: Floats) -> Floats:
        """Prices of all rows: the same for all rows of a group."""
        return np.asarray(prices[self._row_group], dtype=float)

    def gather(self, values: Floats) -> Floats:
        """Values of the pooled columns from those of all: :meth:`expand` undone."""
        return np.asarray(np.bincount(self._column_group, values, len(self.form.cost)), dtype=float)

    def gather_prices(self, prices: Floats) -> Floats:
        """Prices of the pooled rows from those of all rows: of each group, its first one's."""
        return np.asarray(prices[self._first_row], dtype=float)


def _same(form: StandardForm, structure: Structure) -> tuple[Ints, Ints]:
    """Group numbers of columns and rows, of which a group can be treated as one.

    Choice rows are alike when their columns are, pair by pair; columns are alike when they cost the
    same, stand in shared rows with the same coefficients, hang on the same switch, and lead to
    alike rows. Found from the last stage backwards, by random numbers in place of comparisons.
    """
    random, whole = np.random.default_rng(1), np.iinfo(np.int64)

    def draw(number: int) -> Ints:
        return random.integers(whole.min, whole.max, number, dtype=np.int64, endpoint=True)

    matrix = matrix_of(form)
    rounded = np.round(matrix.data * 1e7).astype(np.int64)
    by_column = sp.csc_matrix((rounded, matrix.indices, matrix.indptr), matrix.shape).T.tocsr()
    rows, count = len(form.row_lower), len(form.cost)
    chosen = np.flatnonzero(structure.choice >= 0)
    local = np.zeros(rows, dtype=bool)
    local[structure.choice[chosen]] = True
    # Sums of random integers that wrap around: what is alike has the same, to the last bit.
    mark = by_column @ np.where(local | structure.link, 0, draw(rows))
    mark += np.round(form.cost * 100.0).astype(np.int64) * draw(1)
    links = np.flatnonzero(structure.link)
    entries = matrix.tocsr()[links].tocoo()
    on = structure.switch[entries.col]
    switch_of, linked = np.zeros(len(links), np.int64), np.zeros(len(links), np.int64)
    switch_of[entries.row[on]], linked[entries.row[~on]] = entries.col[on], entries.col[~on]
    mark[linked] += draw(count)[switch_of]
    kind = np.zeros(rows, dtype=np.int64)
    row_groups = np.arange(rows, dtype=np.int64)
    column_groups = np.arange(count, dtype=np.int64)
    for stage in np.unique(structure.stage[chosen])[::-1]:
        columns = chosen[structure.stage[chosen] == stage]
        mark[columns] += by_column[columns] @ kind
        own = structure.choice[columns]
        here = np.unique(own)
        ids, marked = np.unique(mark[columns], return_inverse=True)
        total = np.zeros(rows, dtype=np.int64)
        np.add.at(total, own, draw(len(ids))[marked])
        _, first, group = np.unique(total[here], return_index=True, return_inverse=True)
        row_groups[here] = here[first][group]
        kind[here] = draw(len(first))[group]
        _, first, group = np.unique(
            mark[columns] + kind[own], return_index=True, return_inverse=True
        )
        column_groups[columns] = columns[first][group]
    pair = draw(count)[switch_of] + draw(count)[column_groups[linked]]
    _, first, group = np.unique(pair, return_index=True, return_inverse=True)
    row_groups[links] = links[first][group]
    return column_groups, row_groups


def powers(steps: Any) -> Any:
    """The sum of all powers, from the first, of a matrix whose powers end in zero."""
    power = total = steps
    while power.nnz:
        power = power @ steps
        power.eliminate_zeros()
        total = total + power
    return total


def merged(
    form: StandardForm, column_groups: Ints, row_groups: Ints
) -> tuple[StandardForm, Ints, Ints]:
    """A form in which the columns and the rows of a group are one, and the group of each.

    The column of a group is the sum of its members, in proportion to their upper bounds; rows
    are added up. Whatever obeys the form obeys the merged one, when members share in proportion.
    """
    columns = np.unique(column_groups, return_inverse=True)[1]
    rows = np.unique(row_groups, return_inverse=True)[1]
    count, row_count = int(columns.max(initial=-1)) + 1, int(rows.max(initial=-1)) + 1
    members = np.bincount(columns, minlength=count)
    weight = np.where(members[columns] > 1, np.maximum(form.upper, 1e-9), 1.0)
    weight = np.where(np.isfinite(weight), weight, 1.0)
    share = weight / np.bincount(columns, weight, count)[columns]
    shape = (len(form.cost), count)
    merge = sp.csc_matrix((share, (np.arange(len(form.cost)), columns)), shape=shape)
    summed = sp.csr_matrix(
        (np.ones(len(rows)), (rows, np.arange(len(rows)))), shape=(row_count, len(rows))
    )
    first = np.zeros(count, dtype=np.int64)
    first[columns[::-1]] = np.arange(len(columns))[::-1]

    def added(values: Floats, groups: Ints, number: int) -> Floats:
        return np.asarray(np.bincount(groups, values, number), dtype=float)

    smaller = form_of(
        summed @ matrix_of(form) @ merge,
        np.asarray(merge.T @ form.cost),
        (added(form.lower, columns, count), added(form.upper, columns, count)),
        (added(form.row_lower, rows, row_count), added(form.row_upper, rows, row_count)),
        form.integer[first],
        form.offset,
    )
    return smaller, np.asarray(columns, dtype=np.int64), np.asarray(rows, dtype=np.int64)


def relaxed(form: StandardForm) -> StandardForm:
    """Without whole numbers, and without bounds that rows imply: they would share their prices."""
    return replace(
        form,
        integer=np.zeros(len(form.cost), dtype=bool),
        upper=np.where(form.integer, form.upper, math.inf),
    )


def changes(values: NDArray[Any]) -> Bools:
    """Where a sorted array begins with a new value."""
    first = np.ones(len(values), dtype=bool)
    first[1:] = values[1:] != values[:-1]
    return first
