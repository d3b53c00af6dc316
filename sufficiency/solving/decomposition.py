"""Schemes above, placements below: the search for large models, after Benders.

Any prices of rows give, in closed form, a cut: a linear function of the switches (schemes that are
open) that no plan can cost less than. The sharpest cuts come from placing children exactly for
given switches; the first comes from the relaxation. A small *master* model of switches and cuts
then proposes the next schedule and proves the bound. Nothing here knows what a rule means:
:class:`Structure` says which columns are switches and which rows share something out, the rest is
read from the standard form, so that a new rule changes no line of this module.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sufficiency.solving.highs import (
    Bools,
    Floats,
    Outcome,
    Progress,
    Session,
    SolveOptions,
    StandardForm,
    solve,
)
from sufficiency.solving.reading import Labels

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Structure:
    """What a search may know of a standard form; wrong hints cost time, never correctness.

    Attributes:
        switch: columns that are 0 or 1 and switch others on.
        switch_rows: rows among switches (and columns that stand in no other row) alone.
        defining: rows that define one column, with coefficient 1, as a sum of earlier ones.
        link: rows that hold one column at zero until a switch is on.
        shares: rows that bind shares of many columns, of which small models keep some of each.
        reserve: columns that keep a small model feasible whatever else it holds.
        choice: by column, the row that it takes its share of, or -1.
        stage: by column, when that row is settled; later rows may take from earlier columns.
        alike_columns, alike_rows: group numbers of a coarser model, in which the columns and rows
            of a group are one.
        merge_columns, merge_rows: group numbers of switch rows and of the columns that stand in
            them alone, which may be added up: money of schemes that may draw on the same sources.
    """

    switch: Bools
    switch_rows: Bools
    defining: Bools
    link: Bools
    shares: Bools
    reserve: Bools
    choice: Ints
    stage: Ints
    alike_columns: Ints
    alike_rows: Ints
    merge_columns: Ints
    merge_rows: Ints


CLOSE = 1e-4
"""Relative distance between the relaxation over few columns and its bound at which it is done."""

FAIR = 0.015
"""The same, at which its prices are good enough to place children from."""

SMALL = 30_000
"""Columns up to which the whole model is given to the solver as it is."""

EXACT = 1e-6
"""Relative distance between the cost of placements and their cut below which they are exact."""

NEAR = 1e-3
"""Reduced cost, as a share of the price of its choice row, up to which a column is tried first."""

NEAREST_CHOICES = 3
"""Columns of each choice row, by reduced cost, that a small relaxation holds."""


def _matrix(form: StandardForm) -> Any:
    shape = (len(form.row_lower), len(form.cost))
    return sp.csc_matrix((form.value, form.index, form.start), shape=shape)


def _with_matrix(form: StandardForm, matrix: Any, rows: Labels) -> StandardForm:
    matrix = matrix.tocsc()
    matrix.sort_indices()
    return replace(
        form,
        rows=rows,
        start=matrix.indptr.astype(np.int32),
        index=matrix.indices.astype(np.int32),
        value=np.asarray(matrix.data, dtype=float),
    )


class Folded:
    """A form without the columns that others define: each is replaced by its definition.

    In a model of school places these are the children who stay on where they are: two rows in
    five, and what makes the placements hard for a simplex method.
    """

    def __init__(self, form: StandardForm, structure: Structure) -> None:
        self.whole = form
        matrix = _matrix(form).tocsr()
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
        expand = sp.identity(count, format="csr")
        power = self._parts
        while power.nnz:
            expand = expand + power
            power = self._parts @ power
        kept = np.ones(count, dtype=bool)
        kept[self._defined] = False
        self.columns = np.flatnonzero(kept)
        self.rows = np.flatnonzero(~structure.defining)
        self._expand = expand.tocsc()[:, self.columns]
        self._matrix = matrix
        thin = _with_matrix(form, matrix[self.rows] @ self._expand, form.rows[self.rows])
        self.form = replace(
            thin,
            columns=form.columns[self.columns],
            cost=np.asarray(self._expand.T @ form.cost),
            lower=form.lower[self.columns],
            upper=form.upper[self.columns],
            integer=form.integer[self.columns] & structure.switch[self.columns],
            row_lower=form.row_lower[self.rows],
            row_upper=form.row_upper[self.rows],
        )
        self.structure = Structure(
            switch=structure.switch[self.columns],
            switch_rows=structure.switch_rows[self.rows],
            defining=np.zeros(len(self.rows), dtype=bool),
            link=structure.link[self.rows],
            shares=structure.shares[self.rows],
            reserve=structure.reserve[self.columns],
            choice=_renumber(structure.choice[self.columns], self.rows, len(form.row_lower)),
            stage=structure.stage[self.columns],
            alike_columns=structure.alike_columns[self.columns],
            alike_rows=structure.alike_rows[self.rows],
            merge_columns=structure.merge_columns[self.columns],
            merge_rows=structure.merge_rows[self.rows],
        )

    def unfold(self, values: Floats) -> Floats:
        """Values of all columns from those of the folded form."""
        return np.asarray(self._expand @ values, dtype=float)

    def unfold_prices(self, row_dual: Floats) -> Floats:
        """Prices of all rows: a definition is priced so that what it defines costs nothing more."""
        prices = np.zeros(len(self.whole.row_lower))
        prices[self.rows] = row_dual
        rest = (self.whole.cost - self._matrix.T @ prices)[self._defined]
        later = self._parts[:, self._defined][self._defined].T
        found = rest
        for _ in range(64):
            following = rest + later @ found
            if np.array_equal(following, found):
                break
            found = following
        prices[self._defining] = found
        return prices


def _renumber(rows: Ints, kept: Ints, count: int) -> Ints:
    number = np.full(count + 1, -1, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    return np.asarray(number[rows], dtype=np.int64)


class Prices:
    """Prices of rows: completed, so that they bound the objective, and turned into cuts."""

    def __init__(self, form: StandardForm, structure: Structure) -> None:
        self.form = form
        matrix = _matrix(form)
        by_column = matrix.T.tocsr()
        self._lower, self._upper = np.isfinite(form.row_lower), np.isfinite(form.row_upper)
        chosen = np.flatnonzero(structure.choice >= 0)
        self.own = structure.choice
        self.chosen = chosen
        self._levels = []
        for stage in np.unique(structure.stage[chosen])[::-1]:
            columns = chosen[structure.stage[chosen] == stage]
            self._levels.append((columns, by_column[columns]))
        self._local = np.unique(self.own[chosen])
        self._links = np.flatnonzero(structure.link)
        self._above = structure.link | structure.switch_rows
        entries = matrix.tocsr()[self._links].tocoo()
        on = structure.switch[entries.col]
        self.linked = np.full(len(self._links), -1, dtype=np.int64)
        self.linked_switch = np.full(len(self._links), -1, dtype=np.int64)
        self._most = np.zeros(len(self._links))
        self.linked[entries.row[~on]] = entries.col[~on]
        self.linked_switch[entries.row[on]] = entries.col[on]
        self._most[entries.row[on]] = -entries.data[on]
        self._reserve = np.flatnonzero(structure.reserve)
        self.switches = np.flatnonzero(structure.switch)
        self._plain = np.ones(len(form.cost), dtype=bool)
        self._plain[self.linked] = False
        self._plain[self.switches] = False
        mix = np.random.default_rng(1).random(len(form.row_lower)) * structure.shares
        self._kind_of_share = np.round(by_column @ mix, 6)
        alone = np.flatnonzero((np.diff(form.start) == 1) & np.isinf(form.upper))
        at = form.start[alone]
        self._alone = (alone, form.index[at], form.value[at])

    def completed(
        self, row_dual: Floats, closed: Bools | None = None, *, lift: bool = False
    ) -> Floats:
        """Prices with signs that hold, and no choice row priced above its cheapest choice.

        Choices that are ``closed`` are left out: what they could save, a cut credits to their
        switch. With ``lift`` each choice row gets the price of its cheapest choice even when the
        given one is lower: better for prices that come from another model.
        """
        prices = np.where(
            (row_dual > 0) & self._lower | (row_dual < 0) & self._upper, row_dual, 0.0
        )
        columns, rows, values = self._alone
        limit = self.form.cost[columns] / values
        for sign, trim in ((1, np.minimum), (-1, np.maximum)):
            where = np.sign(values) == sign
            prices[rows[where]] = trim(prices[rows[where]], limit[where])
        own = np.full(len(prices), math.inf) if lift else prices.copy()
        prices[self._local] = 0.0
        for columns, matrix in self._levels:
            reduced = self.form.cost[columns] - matrix @ prices
            if closed is not None:
                reduced = np.where(closed[columns], math.inf, reduced)
            cheapest = np.full(len(prices), math.inf)
            np.minimum.at(cheapest, self.own[columns], reduced)
            rows = np.unique(self.own[columns])
            prices[rows] = np.minimum(cheapest[rows], own[rows])
        return np.asarray(prices, dtype=float)

    def cut(self, prices: Floats) -> tuple[float, Floats]:
        """Constant and coefficients of switches of a bound on the cost of every plan.

        The rules among switches are the master's own, so their prices are left out; those of links
        too: what a switch is worth through them is the most that each linked column could save.
        """
        form = self.form
        prices = prices.copy()
        prices[self._above] = 0.0
        reduced = form.reduced_cost(prices)
        rows = np.where(prices > 0, form.row_lower, np.where(prices < 0, form.row_upper, 0.0))
        plain = reduced[self._plain]
        end = np.where(
            plain > 0,
            form.lower[self._plain],
            np.where(plain < 0, form.upper[self._plain], 0.0),
        )
        with np.errstate(invalid="ignore"):
            constant = form.offset + (prices * rows).sum() + (plain * end).sum()
        worth = np.zeros(len(form.cost))
        np.add.at(worth, self.linked_switch, self._most * np.minimum(reduced[self.linked], 0.0))
        return float(constant), (worth + reduced)[self.switches]

    def near(self, prices: Floats) -> Bools:
        """Columns that cost little more than the cheapest of their choice row, and all slacks."""
        reduced = self.form.reduced_cost(prices)
        near = np.ones(len(reduced), dtype=bool)
        price = np.abs(prices[self.own[self.chosen]])
        near[self.chosen] = reduced[self.chosen] <= NEAR * price
        near[self._reserve] = True
        return near

    def lowest(self, reduced: Floats, below: float) -> Ints:
        """Of each choice row the column of least reduced cost, and every other column, below."""
        others = np.flatnonzero((reduced < below) & (self.own < 0))
        low = self.chosen[reduced[self.chosen] < below]
        order = low[np.lexsort((reduced[low], self.own[low]))]
        return np.concatenate([order[_changes(self.own[order])], others])

    def worthwhile(self, prices: Floats, closed: Bools | None = None) -> Ints:
        """Columns that a small model holds: of each choice row the cheapest, and for each way of
        counting in shares the cheapest."""
        reduced = self.form.reduced_cost(prices)
        if closed is not None:
            reduced = np.where(closed, math.inf, reduced)
        chosen = self.chosen
        order = chosen[np.lexsort((reduced[chosen], self.own[chosen]))]
        fresh = _changes(self.own[order])
        number = np.arange(len(order))
        place = number - np.maximum.accumulate(np.where(fresh, number, 0))
        nearest = order[place < NEAREST_CHOICES]
        order = chosen[np.lexsort((reduced[chosen], self._kind_of_share[chosen], self.own[chosen]))]
        fresh = _changes(self.own[order]) | _changes(self._kind_of_share[order])
        return np.concatenate([nearest, order[fresh], self._reserve])


def _changes(values: NDArray[Any]) -> Bools:
    """Where a sorted array begins with a new value."""
    first = np.ones(len(values), dtype=bool)
    first[1:] = values[1:] != values[:-1]
    return first


def _coarse(form: StandardForm, structure: Structure) -> tuple[StandardForm, Ints]:
    """A smaller form in which columns and rows of a group are one; the row groups."""
    columns = np.unique(structure.alike_columns, return_inverse=True)[1]
    rows = np.unique(structure.alike_rows, return_inverse=True)[1]
    count, row_count = int(columns.max()) + 1, int(rows.max()) + 1
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
    thin = _with_matrix(
        form, summed @ _matrix(form) @ merge, Labels([("group", np.arange(row_count))])
    )
    coarse = replace(
        thin,
        columns=form.columns[first],
        cost=np.asarray(merge.T @ form.cost),
        lower=np.asarray(np.bincount(columns, form.lower, count), dtype=float),
        upper=np.asarray(np.bincount(columns, form.upper, count), dtype=float),
        integer=form.integer[first],
        row_lower=np.asarray(np.bincount(rows, form.row_lower, row_count), dtype=float),
        row_upper=np.asarray(np.bincount(rows, form.row_upper, row_count), dtype=float),
    )
    return coarse, np.asarray(rows, dtype=np.int64)


def _coarse_structure(structure: Structure) -> Structure:
    """The structure of the coarse form: groups are of one sort throughout."""
    columns, column_of = np.unique(structure.alike_columns, return_index=True)
    rows, row_of, row_group = np.unique(
        structure.alike_rows, return_index=True, return_inverse=True
    )
    choice = structure.choice[column_of]
    return Structure(
        switch=structure.switch[column_of],
        switch_rows=structure.switch_rows[row_of],
        defining=structure.defining[row_of],
        link=structure.link[row_of],
        shares=structure.shares[row_of],
        reserve=structure.reserve[column_of],
        choice=np.where(choice >= 0, row_group[choice], -1).astype(np.int64),
        stage=structure.stage[column_of],
        alike_columns=np.arange(len(columns)),
        alike_rows=np.arange(len(rows)),
        merge_columns=structure.merge_columns[column_of],
        merge_rows=structure.merge_rows[row_of],
    )


@dataclass(frozen=True)
class Placed:
    """Children placed for given switches: exact cost, column values, completed prices."""

    cost: float
    values: Floats
    prices: Floats
    row_dual: Floats


class Placements:
    """The model with its switches fixed, over a growing set of columns, kept warm in the solver."""

    def __init__(self, form: StandardForm, structure: Structure, prices: Prices) -> None:
        self.form, self.prices = form, prices
        self._kept = ~structure.link
        rows = form.rows[self._kept]
        matrix = _matrix(form).tocsr()[self._kept].tocsc()
        self._matrix = matrix
        # Bounds that the rows imply only add degeneracy; the switches are fixed.
        upper = np.where(structure.switch, form.upper, math.inf)
        self._loose = replace(
            _with_matrix(form, matrix, rows),
            upper=upper,
            integer=np.zeros(len(form.cost), dtype=bool),
            row_lower=form.row_lower[self._kept],
            row_upper=form.row_upper[self._kept],
        )
        self._scale = 1e-3
        self._session: Session | None = None
        self._held = np.zeros(0, dtype=np.int64)

    def closed(self, switches: Floats) -> Bools:
        """Columns that stand at zero because their switch is off."""
        on = np.zeros(len(self.form.cost))
        on[self.prices.switches] = switches
        closed = np.zeros(len(self.form.cost), dtype=bool)
        closed[self.prices.linked[on[self.prices.linked_switch] < 0.5]] = True
        return closed

    def place(
        self,
        switches: Floats,
        start: Floats,
        options: SolveOptions,
        stop: threading.Event,
        exact: float = EXACT,
    ) -> Placed | None:
        """Place everybody at least cost for switches of 0 and 1; None when stopped.

        Args:
            switches: values of the switch columns.
            start: completed prices from which the first columns are chosen.
            options: time limit and seed.
            stop: ends the work early when set.
            exact: relative distance from its own bound at which the cost is good enough.
        """
        closed = self.closed(switches)
        lower, upper = self._loose.lower.copy(), self._loose.upper.copy()
        lower[self.prices.switches] = upper[self.prices.switches] = switches
        upper[closed] = 0.0
        wanted = self.prices.near(start) | (self.prices.own < 0)
        wanted &= ~closed
        clock = time.monotonic()
        for _ in range(60):
            limit = None
            if options.time_limit is not None:
                limit = options.time_limit - (time.monotonic() - clock)
                if limit <= 0:
                    return None
            session = self._with(wanted, lower, upper, options)
            solution = session.run(stop, limit)
            if solution is None:
                return None
            objective, held_values, row_dual = solution
            values = np.zeros(len(closed))
            values[self._held] = held_values
            dual = np.zeros(len(self.form.row_lower))
            dual[self._kept] = row_dual / self._scale
            cost = objective / self._scale + self.form.offset
            reduced = self.form.reduced_cost(dual)
            reduced[closed] = 0.0
            reduced[self._held] = 0.0
            wanted = np.zeros(len(closed), dtype=bool)
            wanted[self.prices.lowest(reduced, -1e-3)] = True
            prices = self.prices.completed(dual, closed)
            constant, slope = self.prices.cut(prices)
            bound = constant + float(slope @ switches)
            if not wanted.any() or cost - bound <= exact * abs(cost):
                return Placed(cost, values, prices, dual)
        raise RuntimeError("the placements did not settle")

    def _with(self, wanted: Bools, lower: Floats, upper: Floats, options: SolveOptions) -> Session:
        """The solver's copy, with these columns as well and these bounds."""
        if self._session is None:
            self._held = np.flatnonzero(wanted)
            form = replace(self._loose, lower=lower, upper=upper, offset=0.0)
            form = replace(form, cost=form.cost * self._scale).with_columns(wanted)
            self._session = Session(form, replace(options, threads=1, time_limit=None))
            return self._session
        self._session.bounds(lower[self._held], upper[self._held])
        wanted = wanted.copy()
        wanted[self._held] = False
        new = np.flatnonzero(wanted)
        if len(new):
            self._session.add(
                self._loose.cost[new] * self._scale, lower[new], upper[new], self._matrix[:, new]
            )
            self._held = np.concatenate([self._held, new])
        return self._session


class Master:
    """Switches, the rules among them, and cuts below which no plan can cost."""

    def __init__(self, form: StandardForm, structure: Structure) -> None:
        rows = np.flatnonzero(structure.switch_rows)
        matrix = _matrix(form)
        touched = np.diff(matrix[rows].tocsc().indptr) > 0
        only = np.diff(form.start) == np.diff(matrix[rows].tocsc().indptr)
        columns = np.flatnonzero(structure.switch | (touched & only))
        part = matrix[rows][:, columns]
        # Pounds and zero-or-one in one row: each column and row is brought near 1.
        size = np.ones(len(rows))
        entries = part.tocoo()
        np.maximum.at(size, entries.row, np.abs(entries.data))
        span = np.where(np.isfinite(form.upper[columns]), form.upper[columns], 1.0)
        span = np.where(structure.switch[columns] | (span <= 0), 1.0, span)
        scaled = sp.diags(1.0 / size) @ part @ sp.diags(span)
        self._rows = scaled.tocsr()
        self._row_lower, self._row_upper = form.row_lower[rows] / size, form.row_upper[rows] / size
        self._lower, self._upper = form.lower[columns] / span, form.upper[columns] / span
        self._integer = structure.switch[columns]
        self._cost = np.where(structure.switch[columns], 0.0, form.cost[columns] * span)
        self._at = np.flatnonzero(structure.switch[columns])
        self.columns = columns
        self._cuts: list[tuple[float, Floats]] = []

    def add(self, cut: tuple[float, Floats]) -> None:
        """Add a cut: constant and coefficients of switches."""
        if math.isfinite(cut[0]) and bool(np.isfinite(cut[1]).all()):
            self._cuts.append(cut)

    def propose(
        self, options: SolveOptions, gap: float, stop: threading.Event
    ) -> tuple[float, Floats]:
        """The least bound over all schedules, and the schedule that has it (empty: none found)."""
        count = len(self.columns)
        known = list(self._cuts)
        if not known:
            return -math.inf, np.zeros(0)
        unit = 1e4 / max(1.0, max(abs(c) for c, _ in known))
        cuts = np.zeros((len(known), count + 1))
        cuts[:, self._at] = -unit * np.array([slope for _, slope in known])
        cuts[:, count] = 1.0
        rows = sp.hstack([self._rows, sp.csr_matrix((self._rows.shape[0], 1))])
        matrix = sp.vstack([rows, sp.csr_matrix(cuts)]).tocsc()
        matrix.sort_indices()
        constants = unit * np.array([c for c, _ in known])
        form = StandardForm(
            columns=Labels([("master", np.arange(count + 1))]),
            rows=Labels([("master", np.arange(matrix.shape[0]))]),
            start=matrix.indptr.astype(np.int32),
            index=matrix.indices.astype(np.int32),
            value=np.asarray(matrix.data, dtype=float),
            cost=np.concatenate([self._cost * unit, [1.0]]),
            offset=0.0,
            lower=np.concatenate([self._lower, [-1e9]]),
            upper=np.concatenate([self._upper, [1e9]]),
            integer=np.concatenate([self._integer, [False]]),
            row_lower=np.concatenate([self._row_lower, constants]),
            row_upper=np.concatenate([self._row_upper, np.full(len(constants), math.inf)]),
        )
        outcome = solve(form, replace(options, gap=gap, threads=1), stop=stop)
        if not outcome.found:
            return (outcome.bound / unit if math.isfinite(outcome.bound) else -math.inf,
                    np.zeros(0))  # fmt: skip
        return outcome.bound / unit, np.round(outcome.values[:count][self._at])


class SchemeSearch:
    """Finds and proves a plan for one form; keeps what it learnt for the next question.

    Args:
        form: the whole model.
        structure: what may be known of it.
        options: gap, time limit for the whole search, threads (2: the relaxation is worked on
            beside the schedules), seed.
    """

    def __init__(self, form: StandardForm, structure: Structure, options: SolveOptions) -> None:
        self.options = options
        # Placements that must be whole numbers have no prices to cut with: searched as they are.
        others = bool((form.integer & ~structure.switch).any())
        self._simple = len(form.cost) < SMALL or others or not structure.switch.any()
        self._switch = structure.switch
        self._whole = form
        if self._simple:
            return
        self.folded = Folded(form, structure)
        thin, hints = self.folded.form, self.folded.structure
        self._form, self._structure = thin, hints
        self.prices = Prices(thin, hints)
        self.placements = Placements(thin, hints, self.prices)
        self.master = Master(thin, hints)
        self._start: Floats | None = None
        self._coarse: tuple[StandardForm, Floats] | None = None
        self._stop, self._fair = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self.best: Placed | None = None
        self.bound = -math.inf
        self._clock = time.monotonic()

    # -- questions

    def run(self, on_progress: Callable[[Progress], None] | None = None) -> Outcome:
        """Search until the gap is proven or time is over; Ctrl-C keeps the best plan so far."""
        self._clock = time.monotonic()
        if self._simple:
            return solve(self._whole, self.options, on_progress)
        status = "time limit"
        beside = ThreadPoolExecutor(1)
        try:
            status = self._search(beside, on_progress)
        except KeyboardInterrupt:
            status = "interrupted"
        finally:
            self._stop.set()
            beside.shutdown(wait=True)
            self._stop.clear()
        if self.best is None:
            return Outcome(status, np.zeros(0), math.inf, self.bound, self._seconds())
        found = self._outcome(self.best, status, min(self.bound, self.best.cost))
        if found.gap <= self.options.gap and found.status != "interrupted":
            return replace(found, status="optimal")
        if found.status == "stalled":
            return self._in_full(found, on_progress)
        return found

    def place(self, switches: Floats) -> Outcome:
        """Placements of least cost for given switches, whatever time they take.

        Args:
            switches: values of all columns of the whole form, of which only the switches are read.
        """
        whole, on = self._whole, self._switch
        given = np.where(on, np.round(switches), 0.0)
        options = replace(self.options, time_limit=None)
        if self._simple:
            return solve(whole.with_fixed(on, given), options)
        start = self._start if self._start is not None else self._first_prices()
        placed = self.placements.place(given[on], start, options, self._stop, exact=0.0)
        if placed is None:
            return Outcome("interrupted", np.zeros(0), math.inf, -math.inf, self._seconds())
        return self._outcome(placed, "optimal", placed.cost)

    def _in_full(self, found: Outcome, on_progress: Callable[[Progress], None] | None) -> Outcome:
        """The whole model from the best plan so far, for the time that is left."""
        if self._out_of_time():
            return replace(found, status="time limit")

        def tell(progress: Progress) -> bool:
            bound = max(found.bound, progress.bound)
            gap = (progress.best - bound) / max(abs(progress.best), 1e-9)
            if on_progress is not None:
                on_progress(Progress(self._seconds(), progress.best, bound, gap))
            return gap <= self.options.gap

        last = solve(self._whole, self._left(), tell, found.values if found.found else None)
        bound = max(found.bound, last.bound)
        if not last.found or (found.found and found.objective < last.objective):
            last = replace(found, status=last.status)
        status = "optimal" if last.status == "enough" else last.status
        return replace(last, status=status, bound=min(bound, last.objective),
                       seconds=self._seconds())  # fmt: skip

    # -- the search

    def _search(
        self, beside: ThreadPoolExecutor, on_progress: Callable[[Progress], None] | None
    ) -> str:
        def tell() -> None:
            if on_progress is not None:
                cost = self.best.cost if self.best is not None else math.inf
                on_progress(Progress(self._seconds(), cost, self.bound, self._gap()))

        tell()
        start = self._first_prices()
        root = beside.submit(self._relax, start)
        if self.options.threads < 2:
            root.result()
        proposal = self._first_schedule()
        tell()
        # Placing starts from prices that are fair; poor ones would cost it more than the wait.
        while not (self._fair.is_set() or root.done() or self._out_of_time()):
            time.sleep(0.02)
        sharper = False
        tried: set[bytes] = set()
        while not self._out_of_time():
            if len(proposal) and proposal.tobytes() not in tried:
                tried.add(proposal.tobytes())
                placed = self.placements.place(
                    proposal, self._prices_now(start), self._left(), self._stop
                )
                if placed is None:
                    break
                self._learn(proposal, placed)
                tell()
            elif root.done():
                # The cuts know nothing better than plans that were placed exactly.
                if sharper:
                    return "stalled"
                sharper = True
            # While the bound is still poor, another plan would only take time from it.
            while not root.done() and self._gap() > self.options.gap and not self._out_of_time():
                time.sleep(0.02)
            if root.done():
                root.result()
            if self._gap() <= self.options.gap:
                return "optimal"
            patience, near = (6.0, 50.0) if sharper else (1.0, 5.0)
            bound, proposal = self.master.propose(
                self._left(patience * MASTER_SECONDS),
                max(self.options.gap / near, 1e-7),
                self._stop,
            )
            self.bound = max(self.bound, bound)
            tell()
            if self._gap() <= self.options.gap:
                return "optimal"
        return "time limit"

    def _learn(self, switches: Floats, placed: Placed) -> None:
        """Keep the better plan and what its prices say of other schedules."""
        with self._lock:
            if self.best is None or placed.cost < self.best.cost:
                self.best = placed
            self.master.add(self.prices.cut(placed.prices))
            if self._start is not None:
                self.master.add(self.prices.cut(self._mixed(switches, placed.prices)))

    def _mixed(self, switches: Floats, prices: Floats) -> Floats:
        """Prices of a plan, with the relaxation's where only closed columns stand in a row."""
        closed = self.placements.closed(switches)
        matrix = _matrix(self._form)
        filled = np.asarray(abs(matrix[:, self.prices.chosen]).sum(axis=1)).ravel()
        shut = np.asarray(abs(matrix[:, np.flatnonzero(closed)]).sum(axis=1)).ravel()
        only = (filled > 0) & (shut >= filled * (1 - 1e-12)) & ~self._structure.link
        assert self._start is not None
        return self.prices.completed(np.where(only, self._start, prices), closed)

    def _first_prices(self) -> Floats:
        """Prices from the coarse model's relaxation."""
        if self._start is not None:
            return self._start
        coarse, groups = _coarse(self._form, self._structure)
        outcome = solve(
            _relaxed(coarse),
            replace(self._left(), gap=0.0),
            crossover=False,
            stop=self._stop,
        )
        if not len(outcome.row_dual):
            return self.prices.completed(np.zeros(len(self._form.row_lower)), lift=True)
        self._coarse = coarse, outcome.row_dual
        prices = self.prices.completed(outcome.row_dual[groups], lift=True)
        self._take(prices)
        return prices

    def _first_schedule(self) -> Floats:
        """A good schedule for the coarse model, found there by the same method."""
        if self._coarse is None:
            return np.zeros(0)
        (form, row_dual), structure = self._coarse, _coarse_structure(self._structure)
        prices = Prices(form, structure)
        placements, master = Placements(form, structure, prices), Master(form, structure)
        start = prices.completed(row_dual)
        master.add(prices.cut(start))
        best, schedule = math.inf, np.zeros(0)
        for _ in range(COARSE_ROUNDS):
            bound, proposal = master.propose(self._left(MASTER_SECONDS), 1e-4, self._stop)
            if not len(proposal) or best <= bound + COARSE_GAP * abs(bound):
                break
            placed = placements.place(proposal, start, self._left(), self._stop, exact=1e-4)
            if placed is None:
                break
            if placed.cost < best:
                best, schedule = placed.cost, proposal
            master.add(prices.cut(placed.prices))
        return schedule

    def _relax(self, start: Floats) -> None:
        """Improve the bound: the relaxation over few columns, priced over all, again and again."""
        form = _relaxed(self._form)
        best = start
        last = start
        used = np.zeros(len(form.cost), dtype=bool)
        for _ in range(RELAXATIONS):
            keep = used | (self.prices.own < 0)
            keep[self.prices.worthwhile(best)] = True
            keep |= form.reduced_cost(last) < 0
            outcome = solve(
                form.with_columns(keep), replace(self._left(), threads=1), crossover=False,
                stop=self._stop,
            )  # fmt: skip
            if not len(outcome.row_dual) or self._stop.is_set():
                return
            used = np.zeros(len(form.cost), dtype=bool)
            used[np.flatnonzero(keep)[outcome.values > 1e-5]] = True
            last = self.prices.completed(outcome.row_dual)
            tried = [last] + [
                self.prices.completed(share * outcome.row_dual + (1 - share) * best, lift=lift)
                for share in (0.1, 0.3, 0.6, 1.0)
                for lift in (False, True)
            ]
            bounds = [self._form.bound(prices) for prices in tried]
            best = max(zip(bounds, tried, strict=True), key=lambda pair: pair[0])[1]
            self._take(best)
            if outcome.objective - max(bounds) <= FAIR * abs(outcome.objective):
                self._fair.set()
            near_enough = max(CLOSE, self.options.gap / 5) * abs(outcome.objective)
            if outcome.objective - max(bounds) <= near_enough:
                return

    def _take(self, prices: Floats) -> None:
        """Prices that may be the best so far: their bound and their cut."""
        with self._lock:
            value = self._form.bound(prices)
            if value > self.bound or self._start is None:
                self.bound = max(value, self.bound)
                self._start = prices
            self.master.add(self.prices.cut(prices))

    def _prices_now(self, otherwise: Floats) -> Floats:
        return self._start if self._start is not None else otherwise

    # -- clocks

    def _seconds(self) -> float:
        return time.monotonic() - self._clock

    def _out_of_time(self) -> bool:
        limit = self.options.time_limit
        return limit is not None and self._seconds() >= limit

    def _left(self, most: float | None = None) -> SolveOptions:
        limits = [] if most is None else [most]
        if self.options.time_limit is not None:
            limits.append(max(0.1, self.options.time_limit - self._seconds()))
        return replace(self.options, time_limit=min(limits, default=None))

    def _gap(self) -> float:
        if self.best is None or not math.isfinite(self.bound):
            return math.inf
        return max(0.0, self.best.cost - self.bound) / max(abs(self.best.cost), 1e-9)

    def _outcome(self, placed: Placed, status: str, bound: float) -> Outcome:
        return Outcome(
            status,
            self.folded.unfold(placed.values),
            placed.cost,
            bound,
            self._seconds(),
            self.folded.unfold_prices(placed.row_dual),
        )


MASTER_SECONDS = 5.0
"""Longest search for the next schedule."""

COARSE_ROUNDS = 30
COARSE_GAP = 5e-4
"""When the coarse model's schedule is good enough to start from."""

RELAXATIONS = 8
"""Relaxations over few columns, at most."""


def _relaxed(form: StandardForm) -> StandardForm:
    """Without whole numbers, and without bounds that rows imply: they would share their prices."""
    return replace(
        form,
        integer=np.zeros(len(form.cost), dtype=bool),
        upper=np.where(form.integer, form.upper, math.inf),
    )
