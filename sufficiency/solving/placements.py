"""Children placed for given switches, or for switches between 0 and 1: the linear models."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from sufficiency.solving.highs import Floats, Session, SolveOptions, StandardForm
from sufficiency.solving.prices import Prices
from sufficiency.solving.structure import Ints, Structure, changes, form_of, matrix_of, powers

NEAR = 0.03
"""Reduced cost, as a share of the price of its choice row, up to which a column is held at once."""

EXACT = 1e-6
"""Relative distance between the cost of placements and their bound below which they are exact."""

ENOUGH = 3e-4
"""The same, when the plan is no better than one that is known and only its prices are wanted."""

ROUNDS = 200
"""Rounds of columns and rows, at most."""

_POUNDS = 1e-3
"""Costs are given to the solver in thousands."""


@dataclass(frozen=True)
class Placed:
    """What placing has found.

    Attributes:
        cost: of the placements; infinite when they are not exact.
        values: of all columns.
        switches: values of the switches among them.
        prices: completed prices of all rows.
        shared: prices of the rows that columns share, as the solver gave them.
        bound: what those prices say that any plan with these switches costs at least.
    """

    cost: float
    values: Floats
    switches: Floats
    prices: Floats
    shared: Floats
    bound: float


class Placements:
    """The placements of a form, as a linear model that stays in the solver.

    Of each choice row one column, the *anchor*, is what the others leave, so that neither the row
    nor the anchor is in the model: what remains are the rows that columns share, some thousands.
    That an anchor is not negative, and that a linked column keeps to its switch, is asked only
    where it was broken; columns are let in when they are the cheapest of their row.
    """

    def __init__(
        self,
        form: StandardForm,
        structure: Structure,
        prices: Prices,
        guide: Floats,
        options: SolveOptions,
    ) -> None:
        """Args: ``guide`` holds completed prices, by which anchors and columns are chosen."""
        self.form, self.prices, self._options = form, prices, options
        matrix = matrix_of(form)
        reduced = form.reduced_cost(guide)
        linked = np.zeros(len(form.cost), dtype=bool)
        linked[prices.linked] = True
        able = np.flatnonzero((structure.choice >= 0) & ~linked)
        able = able[np.lexsort((reduced[able], structure.choice[able]))]
        self._anchors = able[changes(structure.choice[able])]
        choice_rows = structure.choice[self._anchors]
        free = np.ones(len(form.cost), dtype=bool)
        free[self._anchors] = False
        self._columns = np.flatnonzero(free)
        by_row = matrix.tocsr()
        choices = by_row[choice_rows].tocsc()
        own = sp.identity(len(choice_rows), format="csc")
        later = own - choices[:, self._anchors]
        later.eliminate_zeros()
        solve = own + powers(later)
        self._others = (solve @ choices[:, self._columns]).tocsr()
        self._whole = solve @ form.row_lower[choice_rows]
        shared = np.ones(len(form.row_lower), dtype=bool)
        shared[choice_rows] = False
        self._shared = np.flatnonzero(shared)
        rows = by_row[self._shared]
        anchored = rows[:, self._anchors]
        rows = (rows[:, self._columns] - anchored @ self._others).tocsr()
        rows.data[np.abs(rows.data) < 1e-11] = 0.0
        rows.eliminate_zeros()
        moved = anchored @ self._whole
        self._rows = sp.vstack([rows, self._others]).tocsr()
        self._by_column = self._rows.tocsc()
        self._row_lower = np.concatenate(
            [form.row_lower[self._shared] - moved, np.full(len(choice_rows), -math.inf)]
        )
        self._row_upper = np.concatenate(
            [form.row_upper[self._shared] - moved, self._whole - form.lower[self._anchors]]
        )
        self._cost = form.cost[self._columns] - self._others.T @ form.cost[self._anchors]
        self._offset = form.offset + float(form.cost[self._anchors] @ self._whole)
        self._lower, self._upper = form.lower[self._columns], form.upper[self._columns]
        self._switch = structure.switch[self._columns]
        self._choice = structure.choice[self._columns] >= 0
        lazy = np.concatenate([structure.link[self._shared], np.ones(len(choice_rows), bool)])
        self._lazy = np.flatnonzero(lazy)
        self._held_rows = np.flatnonzero(~lazy)
        own_price = np.abs(guide[structure.choice[self._columns]])
        hold = ~self._choice | structure.reserve[self._columns]
        hold |= reduced[self._columns] <= NEAR * own_price
        self._held = np.flatnonzero(hold)
        self._session: Session | None = None
        self.latest: Placed | None = None
        """What the last round found, whether or not it was the last that was needed."""

    # -- questions

    def relax(
        self, near: float, stop: threading.Event, time_limit: float | None
    ) -> list[Placed] | None:
        """Let switches lie between 0 and 1: what each round found, the last one best.

        Args:
            near: relative distance between cost and bound at which it is done.
            stop: ends the work early when set; then None.
            time_limit: seconds.
        """
        found: list[Placed] = []
        self._bounds(self._lower, self._upper)
        clock = time.monotonic()
        for _ in range(ROUNDS):
            placed, columns, rows = self._round(stop, time_limit, clock)
            if placed is None:
                return None
            found.append(placed)
            done = abs(_distance(placed)) <= near
            if (done and len(found) > 1) or not (len(columns) or len(rows)):
                break
            self._let_in(columns, rows)
        return found

    def place(
        self,
        switches: Floats,
        stop: threading.Event,
        time_limit: float | None,
        *,
        exact: float = EXACT,
        known: float = math.inf,
    ) -> Placed | None:
        """Place everybody at least cost for switches of 0 and 1; None when stopped.

        Args:
            switches: values of the switch columns.
            stop: ends the work early when set.
            time_limit: seconds.
            exact: relative distance from its own bound at which the cost is good enough.
            known: cost of a plan that is known: placing for a dearer one ends early, with good
                prices and an infinite cost.

        Raises:
            Infeasible: when the rules do not allow these switches.
        """
        lower, upper = self._lower.copy(), self._upper.copy()
        lower[self._switch] = upper[self._switch] = switches
        upper[self.prices.closed(switches)[self._columns]] = 0.0
        self._bounds(lower, upper)
        clock = time.monotonic()
        for _ in range(ROUNDS):
            placed, columns, rows = self._round(stop, time_limit, clock)
            if placed is None:
                return None
            distance = _distance(placed)
            if not len(rows) and (distance <= exact or not len(columns)):
                return placed
            if placed.bound > known and abs(distance) <= ENOUGH:
                return replace(placed, cost=math.inf)
            self._let_in(columns, rows)
        raise RuntimeError("the placements did not settle")

    def forget(self) -> None:
        """Begin with a fresh solver: after Ctrl-C, what is in it need not be what is held."""
        self._session = None

    # -- one round

    def _round(
        self, stop: threading.Event, time_limit: float | None, clock: float
    ) -> tuple[Placed | None, Ints, Ints]:
        """Solve what is held; the columns and rows that should be let in."""
        assert self._session is not None
        none = np.zeros(0, dtype=np.int64)
        left = None if time_limit is None else time_limit - (time.monotonic() - clock)
        if left is not None and left <= 0:
            return None, none, none
        session, self._session = self._session, None
        solution = session.run(stop, left)
        if solution is None:  # what was stopped is given to a fresh solver next time
            return None, none, none
        self._session = session
        objective, held, dual = solution
        free = np.zeros(len(self._columns))
        free[self._held] = held
        values = np.zeros(len(self.form.cost))
        values[self._columns] = free
        values[self._anchors] = self._whole - self._others @ free
        shared = np.zeros(len(self.form.row_lower))
        known = self._held_rows < len(self._shared)
        shared[self._shared[self._held_rows[known]]] = dual[known] / _POUNDS
        switches = values[self.prices.switches]
        prices = self.prices.completed(shared, self.prices.share(switches, values))
        constant, slope = self.prices.cut(prices)
        bound = constant + float(slope @ switches)
        placed = Placed(objective / _POUNDS + self._offset, values, switches, prices, shared, bound)
        self.latest = placed
        reduced = self.form.reduced_cost(prices)[self._columns]
        reduced[self._held] = math.inf
        cheap = self._choice & (reduced < 1.0) & (self._current[1] > 0)
        broken = self._rows[self._lazy] @ free - self._row_upper[self._lazy] > 1e-6
        rows = np.setdiff1d(self._lazy[broken], self._held_rows, assume_unique=True)
        return placed, np.flatnonzero(cheap), rows

    def _bounds(self, lower: Floats, upper: Floats) -> None:
        self._current = lower, upper
        if self._session is not None:
            self._session.bounds(lower[self._held], upper[self._held])
            return
        form = form_of(
            self._rows[self._held_rows].tocsc()[:, self._held],
            self._cost[self._held] * _POUNDS,
            (lower[self._held], upper[self._held]),
            (self._row_lower[self._held_rows], self._row_upper[self._held_rows]),
        )
        self._session = Session(form, replace(self._options, threads=1, time_limit=None))

    def _let_in(self, columns: Ints, rows: Ints) -> None:
        assert self._session is not None
        lower, upper = self._current
        if len(columns):
            part = self._by_column[:, columns].tocsr()[self._held_rows]
            self._session.add_columns(
                self._cost[columns] * _POUNDS, lower[columns], upper[columns], part
            )
            self._held = np.concatenate([self._held, columns])
        if len(rows):
            part = self._rows[rows].tocsc()[:, self._held]
            self._session.add_rows(self._row_lower[rows], self._row_upper[rows], part)
            self._held_rows = np.concatenate([self._held_rows, rows])


def _distance(placed: Placed) -> float:
    """Relative distance between cost and bound."""
    return (placed.cost - placed.bound) / max(abs(placed.cost), 1.0)
