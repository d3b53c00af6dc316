"""Prices by ascent: the dual of placing children, smoothed, climbed from prices that are known."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.sparse as sp
from threadpoolctl import ThreadpoolController

from sufficiency.solving.highs import Bools, Floats
from sufficiency.solving.prices import Prices
from sufficiency.solving.structure import Ints, Structure, changes, matrix_of


@dataclass(frozen=True)
class Cooling:
    """How a climb goes about it; all shares are of what is at stake in a choice.

    Attributes:
        steps: temperatures, as shares, and steps at each.
        width: columns that cost more than the cheapest of their choice by this share are left out.
    """

    steps: tuple[tuple[float, int], ...]
    width: float


SLOW = Cooling(((0.03, 40), (0.01, 60), (0.0025, 100)), 0.5)
"""From rough prices."""

QUICK = Cooling(((0.01, 30), (0.0025, 60)), 0.25)
"""From prices for nearly the same switches."""

FINE = Cooling(((0.001, 100),), 0.25)
"""From where a quick climb has ended, for shares that are nearly those of the plan."""

HIGHEST = 10.0
"""How far a price of a row with coefficients near 1 may rise in a climb, in the same measure."""

AGAIN = 3
"""How often a climb is made again because columns that were left out are missed."""

ASTRAY = 0.05
"""The same, when prices have gone astray for want of them: the climb goes back to where it was."""

MISSED = 2e-4
"""What leaving them out may cost, as a share."""

CORRECTIONS = 20
"""Pairs of steps from which the curvature is read."""

_LIKELY = 1e-12


@dataclass(frozen=True)
class Climbed:
    """Where a climb has ended.

    Attributes:
        switches: for which it was made, 0 to 1.
        prices: completed prices of all rows.
        shared: prices of the rows that columns share.
        values: of columns of choice rows, near enough those of a plan.
        share: by column, the part of its choice that it holds.
        bound: what the prices say that any plan with these switches costs at least.
    """

    switches: Floats
    prices: Floats
    shared: Floats
    values: Floats
    share: Floats
    bound: float


@dataclass(frozen=True)
class _Stage:
    """Choices that are settled together: where their columns and rows lie, and what binds them."""

    columns: slice
    rows: slice
    start: Ints
    row_of: Ints
    earlier: sp.csr_matrix
    later: sp.csr_matrix


class Climb:
    """Finds prices of shared rows that bound the cost of given switches closely.

    What children cost at given prices is in closed form: each choice goes to its cheapest column.
    Smoothed (a choice is spread over columns by ``exp(-cost / temperature)``), that is a concave
    function with a gradient, and a quasi-Newton method climbs it while the temperature falls. One
    step costs a product with the matrix, and columns that are far too dear are left out of it. The
    shares at the end are nearly a plan: a linear model of few columns makes one of them.

    The prices need not be exact: any prices bound, and :class:`Prices` says by how much.
    """

    def __init__(self, structure: Structure, prices: Prices) -> None:
        self._prices, form = prices, prices.form
        self._matrix = matrix_of(form).tocsr()
        chosen = prices.chosen
        order = np.lexsort((prices.own[chosen], structure.stage[chosen]))
        self._columns = chosen[order]
        self._own = prices.own[self._columns]
        self._stage = structure.stage[self._columns]
        shared = ~structure.link & ~structure.switch_rows
        shared[prices.own[chosen]] = False
        limits, limited, values = prices.limits
        shared[limits] = False
        self._shared = np.flatnonzero(shared)
        self._limits = (limits, limited, values)
        by_column = matrix_of(form)
        plain = np.ones(len(form.cost), dtype=bool)
        plain[chosen] = False
        plain[structure.switch] = False
        touched = np.asarray(abs(self._matrix[self._shared]).sum(axis=0)).ravel() > 0
        self._plain = np.flatnonzero(plain & touched)
        self._on_plain = self._matrix[self._shared][:, self._plain].tocsr()
        self._by_plain = self._on_plain.T.tocsr()
        self._of_chosen = by_column[:, self._columns].tocsc()
        self._switch = np.flatnonzero(structure.switch)
        self._on_switch = self._matrix[:, self._switch].tocsr()
        # What is at stake in a choice: how far its columns are apart, on average.
        cost = form.cost[self._columns]
        usual = ~structure.reserve[self._columns]
        cheapest = np.full(len(form.row_lower), np.inf)
        np.minimum.at(cheapest, self._own[usual], cost[usual])
        apart = (cost - cheapest[self._own])[usual]
        self._scale = max(float(apart.mean()) if len(apart) else 1.0, 1.0)
        # Prices are measured so that every row has coefficients near 1.
        squared = self._of_chosen[self._shared].power(2)
        number = np.maximum(np.diff(squared.tocsr().indptr), 1)
        self._unit = np.sqrt(np.asarray(squared.sum(axis=1)).ravel() / number)
        self._unit[self._unit <= 0] = 1.0

    def climb(
        self,
        prices: Floats,
        switches: Floats,
        stop: threading.Event,
        cooling: Cooling = SLOW,
        time_limit: float | None = None,
    ) -> Climbed | None:
        """Climb from completed prices, for these switches.

        Returns:
            Where it ended; None when stopped, or when the time limit (seconds) is over.
        """
        until = math.inf if time_limit is None else time.monotonic() + time_limit
        form = self._prices.form
        fixed = self._on_switch @ switches
        lower, upper = form.row_lower - fixed, form.row_upper - fixed
        row_lower, row_upper = lower[self._shared], upper[self._shared]
        most = form.upper.copy()
        rows, limited, values = self._limits
        np.minimum.at(most, limited, np.maximum(upper[rows] / values, 0.0))
        plain_lower, plain_upper = form.lower[self._plain], most[self._plain]
        least, highest, plain_upper = self._range(row_lower, row_upper, plain_upper)
        right = np.where(np.isfinite(row_lower), row_lower, row_upper)
        right = np.where(np.isfinite(right), right, 0.0)
        two_sided = np.isfinite(row_lower) & np.isfinite(row_upper)
        plain_cost = form.cost[self._plain]
        plain_span = plain_upper - plain_lower

        scale = self._scale
        y = np.clip(prices[self._shared], least, highest)
        unit = scale / self._unit

        def smooth(point: Floats, part: _Part, temperature: float) -> tuple[float, Floats]:
            if stop.is_set() or time.monotonic() > until:
                raise _Stopped
            price = point * unit
            value, placed = part.value(price, temperature)
            reduced = plain_cost - self._by_plain @ price
            ratio = reduced / temperature
            on = 0.5 * (1.0 - np.tanh(ratio / 2.0))
            value += float(reduced @ plain_lower)
            value -= temperature * float(plain_span @ np.logaddexp(0.0, -ratio))
            end = np.where(two_sided & (price < 0), row_upper, right)
            value += float(price @ end)
            inside = self._on_plain @ (plain_lower + plain_span * on)
            gradient = end - part.shared @ placed - inside
            return -value / scale, -gradient * unit / scale

        point = y / unit
        # Left out columns may be needed to keep a row: its price would have no end.
        least = np.maximum(least, np.minimum(y, 0.0) - HIGHEST * unit)
        highest = np.minimum(highest, np.maximum(y, 0.0) + HIGHEST * unit)
        bounds = scipy.optimize.Bounds(least / unit, highest / unit)
        temperature = scale
        part = self._part(prices, switches, cooling.width * scale)
        number = again = 0
        try:
            while True:
                heat, most_steps = cooling.steps[number]
                temperature, start = heat * scale, point
                with _on_one_core():
                    found = scipy.optimize.minimize(
                        smooth, point, (part, temperature), jac=True, method="L-BFGS-B",
                        bounds=bounds, options={"maxiter": most_steps, "maxfun": 2 * most_steps,
                                                "maxcor": CORRECTIONS, "ftol": 1e-9},
                    )  # fmt: skip
                point = found.x
                prices = self._at(point * unit, switches, part, temperature)
                missed = self._missed(prices, switches, part)
                last = number == len(cooling.steps) - 1
                if last and (missed <= MISSED or again >= AGAIN):
                    break
                part = self._part(prices, switches, cooling.width * scale, part)
                if missed > ASTRAY and again < AGAIN:
                    point, again = start, again + 1
                elif last:
                    again += 1
                else:
                    number += 1
        except _Stopped:
            return None
        price = point * unit
        _, placed = part.value(price, temperature)
        held_by = np.zeros(len(form.cost))
        held_by[part.columns] = placed
        share = np.zeros(len(form.cost))
        share[part.columns] = part.shares(price, temperature)[1]
        shared = np.zeros(len(form.row_lower))
        shared[self._shared] = price
        completed = self._prices.completed(shared, self._prices.share(switches, held_by))
        constant, slope = self._prices.cut(completed)
        return Climbed(
            switches, completed, shared, held_by, share, constant + float(slope @ switches)
        )

    def _range(
        self, row_lower: Floats, row_upper: Floats, plain_upper: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Ends of each price, and what plain columns hold at most: one that holds as much as its
        row asks for makes a higher price of the row pointless."""
        least = np.where(np.isfinite(row_upper), -np.inf, 0.0)
        highest = np.where(np.isfinite(row_lower), np.inf, 0.0)
        alone = np.flatnonzero(np.diff(self._by_plain.indptr) == 1)
        at = self._by_plain.indptr[alone]
        rows, values = self._by_plain.indices[at], self._by_plain.data[at]
        size = np.where(np.isfinite(row_lower), row_lower, row_upper)[rows]
        enough = (plain_upper[alone] > 0) & (plain_upper[alone] * abs(values) >= abs(size))
        alone, rows, values = alone[enough], rows[enough], values[enough]
        limit = self._prices.form.cost[self._plain[alone]] / values
        up = values > 0
        np.minimum.at(highest, rows[up], np.maximum(limit[up], least[rows[up]]))
        np.maximum.at(least, rows[~up], np.minimum(limit[~up], highest[rows[~up]]))
        rest = plain_upper.copy()
        rest[alone] = 0.0
        return least, highest, np.where(np.isfinite(rest), rest, 0.0)

    def _at(self, price: Floats, switches: Floats, part: _Part, temperature: float) -> Floats:
        """Completed prices, on the way."""
        form = self._prices.form
        shared, values = np.zeros(len(form.row_lower)), np.zeros(len(form.cost))
        shared[self._shared] = price
        values[part.columns] = part.value(price, temperature)[1]
        return self._prices.completed(shared, self._prices.share(switches, values))

    def _missed(self, prices: Floats, switches: Floats, part: _Part) -> float:
        """How much cheaper choices are with the columns that were left out, as a share."""
        free = prices.copy()
        free[self._prices.links] = 0.0
        reduced = self._prices.form.reduced_cost(free)
        inside = np.full(len(prices), np.inf)
        np.minimum.at(inside, self._prices.own[part.columns], reduced[part.columns])
        open_ = self._columns[~self._prices.closed(switches)[self._columns]]
        every = np.full(len(prices), np.inf)
        np.minimum.at(every, self._prices.own[open_], reduced[open_])
        rows = np.flatnonzero(np.isfinite(inside))
        right = np.abs(self._prices.form.row_lower[rows])
        loss = float(right @ np.maximum(inside[rows] - every[rows], 0.0))
        return loss / max(abs(float(right @ prices[rows])), _LIKELY)

    def _part(
        self, prices: Floats, switches: Floats, width: float, former: _Part | None = None
    ) -> _Part:
        """The columns that may matter near these prices, for these switches, and former ones."""
        form = self._prices.form
        free = prices.copy()
        free[self._prices.links] = 0.0
        reduced = form.reduced_cost(free)[self._columns] + prices[self._own]
        near = np.full(len(form.row_lower), np.inf)
        weight = np.ones(len(form.cost))
        weight[self._prices.linked] = np.clip(switches[self._prices.linked_switch], 0.0, 1.0)
        weight = weight[self._columns]
        open_ = weight > 0
        np.minimum.at(near, self._own[open_], reduced[open_])
        use = open_ & (reduced <= near[self._own] + width)
        if former is not None:
            use |= np.isin(self._columns, former.columns, assume_unique=True)
        return _Part(self, use, weight[use])

    def rows_of(self, use: Bools) -> tuple[sp.csr_matrix, Ints, sp.csr_matrix]:
        """Shared rows, choice rows and their coefficients, for some of the chosen columns."""
        matrix = self._of_chosen[:, np.flatnonzero(use)].tocsr()
        rows = self._own[use][changes(self._own[use])]
        return matrix[self._shared], rows, matrix[rows]

    def columns_of(self, use: Bools) -> tuple[Ints, Ints, Ints]:
        """Columns, their choice rows, and their stages."""
        return self._columns[use], self._own[use], self._stage[use]


class _Stopped(Exception):
    """The owner of the climb asked for its end."""


class _OneCore:
    """Keeps the linear algebra of climbs to the core that each runs on.

    Its matrices are some tens of rows: threads for them take longer to wake than to work, stand in
    the way of whatever runs beside, and round sums as they happen to share them out. Climbs in two
    threads may overlap, so the first to begin sets it and the last to end undoes it; both in one
    thread kept for it, since only the one that set a limit may undo it.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._keeper = ThreadPoolExecutor(max_workers=1)
        self._limit = contextlib.ExitStack()

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._keeper.submit(self._set).result()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._keeper.submit(self._limit.close).result()

    def _set(self) -> None:
        self._limit.enter_context(_blas().limit(limits=1, user_api="blas"))


@functools.cache
def _blas() -> ThreadpoolController:
    """The libraries that are loaded, looked for once."""
    return ThreadpoolController()


_on_one_core = _OneCore()


class _Part:
    """Some of the columns, sorted by stage and choice, and what they cost at prices."""

    def __init__(self, climb: Climb, use: Bools, weight: Floats) -> None:
        form = climb._prices.form
        self.columns, own, stage = climb.columns_of(use)
        self.shared, rows, choices = climb.rows_of(use)
        self._by_column = self.shared.T.tocsr()
        self._cost, self._weight = form.cost[self.columns], np.log(weight)
        self._right = form.row_lower[rows]
        first = changes(own)
        start, row_of = np.flatnonzero(first), np.cumsum(first) - 1
        alone = sp.csr_matrix(
            (np.ones(len(own)), (row_of, np.arange(len(own)))), shape=choices.shape
        )
        flows = (choices - alone).tocsr()
        flows.eliminate_zeros()
        into = flows.T.tocsr()
        self._stages = []
        begin = np.flatnonzero(changes(stage)).tolist()
        for low, high in itertools.pairwise([*begin, len(stage)] if begin else []):
            where = slice(int(row_of[low]), int(row_of[high - 1]) + 1)
            self._stages.append(
                _Stage(
                    slice(low, high), where, start[where] - low, row_of[low:high] - where.start,
                    flows[where], into[low:high],
                )
            )  # fmt: skip

    def shares(self, price: Floats, temperature: float) -> tuple[Floats, Floats]:
        """What each choice costs at prices of the shared rows, smoothed, and how it is spread."""
        reduced = self._cost - self._by_column @ price
        rows = np.zeros(len(self._right))
        share = np.empty(len(self.columns))
        for stage in reversed(self._stages):
            cost = reduced[stage.columns]
            if stage.later.nnz:
                cost = cost - stage.later @ rows
            power = self._weight[stage.columns] - cost / temperature
            most = np.maximum.reduceat(power, stage.start)
            power -= most[stage.row_of]
            np.exp(power, out=power)
            total = np.add.reduceat(power, stage.start)
            rows[stage.rows] = -temperature * (np.log(total) + most)
            share[stage.columns] = power / total[stage.row_of]
        return rows, share

    def value(self, price: Floats, temperature: float) -> tuple[float, Floats]:
        """What the choices cost together, and what their columns hold."""
        rows, share = self.shares(price, temperature)
        placed = np.zeros(len(self.columns))
        for stage in self._stages:
            right = self._right[stage.rows]
            if stage.earlier.nnz:
                right = right - stage.earlier @ placed
            placed[stage.columns] = share[stage.columns] * right[stage.row_of]
        return float(self._right @ rows), placed
