"""Prices of rows: any of them bound, in closed form, what a plan with given switches can cost."""

from __future__ import annotations

import math

import numpy as np

from sufficiency.solving.highs import Bools, Floats, StandardForm
from sufficiency.solving.structure import Ints, Structure, changes, matrix_of

Cut = tuple[float, Floats]
"""A bound on the cost of every plan: a constant, and a coefficient for each switch."""


class Prices:
    """Completes prices of rows that many columns share, and turns them into cuts.

    A row of *choice* (every child is placed) needs no price from a solver: whatever the shared
    rows cost, its price is what its cheapest column then costs. A *link* (no child is placed in
    a school that is not open) is priced by what the linked column would save below that.
    """

    def __init__(self, form: StandardForm, structure: Structure) -> None:
        self.form = form
        matrix = matrix_of(form)
        by_column, self.by_row = matrix.T.tocsr(), matrix.tocsr()
        self._lower, self._upper = np.isfinite(form.row_lower), np.isfinite(form.row_upper)
        self.own = structure.choice
        self.chosen = np.flatnonzero(structure.choice >= 0)
        self._levels = []
        for stage in np.unique(structure.stage[self.chosen])[::-1]:
            columns = self.chosen[structure.stage[self.chosen] == stage]
            self._levels.append((columns, by_column[columns]))
        self.local = np.unique(self.own[self.chosen])
        self.switches = np.flatnonzero(structure.switch)
        self.links = np.flatnonzero(structure.link)
        self.above = structure.link | structure.switch_rows
        entries = self.by_row[self.links].tocoo()
        on = structure.switch[entries.col]
        number = np.full(len(form.cost), -1, dtype=np.int64)
        number[self.switches] = np.arange(len(self.switches))
        self.linked = np.full(len(self.links), -1, dtype=np.int64)
        self.linked_switch = np.full(len(self.links), -1, dtype=np.int64)
        self._most = np.zeros(len(self.links))
        self.linked[entries.row[~on]] = entries.col[~on]
        self.linked_switch[entries.row[on]] = number[entries.col[on]]
        self._most[entries.row[on]] = -entries.data[on]
        plain = np.ones(len(form.cost), dtype=bool)
        plain[self.linked] = False
        plain[self.switches] = False
        self._plain = np.flatnonzero(plain)
        # Columns that stand in one row alone, without an end, limit the price of that row.
        alone = np.flatnonzero((np.diff(form.start) == 1) & np.isinf(form.upper))
        at = form.start[alone]
        self._alone = (alone, form.index[at], form.value[at])
        # Rows that do no more than limit one column follow from the price of that column.
        others = ~structure.switch
        single = np.asarray((self.by_row != 0) @ others.astype(int)).ravel() == 1
        limits = np.flatnonzero(single & self._upper & ~self._lower & ~self.above)
        entries = self.by_row[limits].tocoo()
        use = others[entries.col] & (entries.data > 0)
        use &= structure.choice[entries.col] < 0
        self.limits = (limits[entries.row[use]], entries.col[use], entries.data[use])
        self._limited = by_column[self.limits[1]]

    def completed(self, row_dual: Floats, share: Floats | None = None) -> Floats:
        """Prices of all rows from those that columns share.

        Args:
            row_dual: prices; those of choice rows and links are not read.
            share: by column, the share of its choice row that it may hold (see :meth:`share`);
                all of it where not given. Choice rows get the price that makes the cut highest
                at the switches which those shares belong to.
        """
        prices = np.where(
            (row_dual > 0) & self._lower | (row_dual < 0) & self._upper, row_dual, 0.0
        )
        columns, rows, values = self._alone
        limit = self.form.cost[columns] / values
        for sign, trim in ((1, np.minimum), (-1, np.maximum)):
            where = np.sign(values) == sign
            prices[rows[where]] = trim(prices[rows[where]], limit[where])
        rows, columns, values = self.limits
        prices[rows] = 0.0
        reduced = self.form.cost[columns] - self._limited @ prices
        prices[rows] = np.minimum(reduced, 0.0) / values
        prices[self.local] = 0.0
        prices[self.links] = 0.0
        for columns, matrix in self._levels:
            reduced = self.form.cost[columns] - matrix @ prices
            own = self.own[columns]
            price = np.full(len(prices), math.inf)
            if share is None:
                np.minimum.at(price, own, reduced)
            else:
                self._share_out(price, own, reduced, share[columns])
            rows = np.unique(own)
            prices[rows] = price[rows]
        return np.asarray(prices, dtype=float)

    def _share_out(self, price: Floats, own: Ints, reduced: Floats, share: Floats) -> None:
        """The price at which columns, cheapest first, add up to the whole of their row."""
        full = share >= 1.0 - 1e-9
        np.minimum.at(price, own[full], reduced[full])
        part = np.flatnonzero(~full & (share > 1e-9) & (reduced < price[own]))
        if not len(part):
            return
        part = part[np.lexsort((reduced[part], own[part]))]
        total = np.cumsum(share[part])
        fresh = changes(own[part])
        before = np.maximum.accumulate(np.where(fresh, total - share[part], -math.inf))
        reach = part[total - before >= 1.0 - 1e-9]
        np.minimum.at(price, own[reach], reduced[reach])

    def share(self, switches: Floats, values: Floats) -> Floats:
        """By column, the share of its choice row that switches let it hold.

        Args:
            switches: values of the switches, 0 to 1.
            values: values of all columns, which say how much each choice row shares out.
        """
        held = np.bincount(
            self.own[self.chosen], values[self.chosen], minlength=len(self.form.row_lower)
        )
        share = np.ones(len(self.form.cost))
        most = self._most * switches[self.linked_switch]
        share[self.linked] = np.minimum(1.0, most / np.maximum(held[self.own[self.linked]], 1e-9))
        return share

    def closed(self, switches: Floats) -> Bools:
        """Columns that stand at zero because their switch is off."""
        closed = np.zeros(len(self.form.cost), dtype=bool)
        closed[self.linked[switches[self.linked_switch] < 0.5]] = True
        return closed

    def cut(self, prices: Floats) -> Cut:
        """Constant and coefficients of switches of a bound on the cost of every plan.

        The rules among switches are the master's own, so their prices are left out; those of links
        too: what a switch is worth through them is the most that each linked column could save.
        """
        form = self.form
        prices = prices.copy()
        prices[self.above] = 0.0
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
        worth = np.bincount(
            self.linked_switch,
            self._most * np.minimum(reduced[self.linked], 0.0),
            minlength=len(self.switches),
        )
        return float(constant), worth + reduced[self.switches]

    def bound(self, prices: Floats) -> float:
        """A bound on the cost of every plan, whatever the switches."""
        constant, slope = self.cut(prices)
        lower, upper = self.form.lower[self.switches], self.form.upper[self.switches]
        return constant + float(np.minimum(slope * lower, slope * upper).sum())
