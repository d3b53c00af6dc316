"""Children placed for a schedule: prices first, then a linear model of the columns they name."""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sufficiency.solving.climbing import FINE, QUICK, SLOW, Climb, Climbed, Cooling
from sufficiency.solving.highs import (
    Floats,
    Infeasible,
    SolveOptions,
    StandardForm,
    Vertex,
    solve,
    vertex,
)
from sufficiency.solving.prices import Cut, Prices
from sufficiency.solving.structure import Ints, Structure, changes, form_of, matrix_of, powers

EXACT = 1e-6
"""Relative distance between the cost of placements and their bound below which they are exact."""

ENOUGH = 3e-4
"""The same, when the plan is no better than one that is known and only its prices are wanted."""

ROUNDS = 200
"""Rounds of columns and rows, at most."""

HELD = 1e-3
"""Part of its choice that a column holds, where a climb has ended, to be in the model at once."""

NEAR = 0.01
"""Reduced cost, as a share of the price of its choice, up to which a column is in it as well."""

SURE = 0.95
"""Part of its choice from which an anchor is trusted not to come out negative."""

SHORT = 0.1
"""Part of its choice below which an anchor is asked not to be negative, once others are."""

MANY = 0.03
"""Changes, as a share of the rows, from which a round begins from an interior point again."""

FINER = 20
"""A plan that is nearer to the least cost of its schedule than the gap, by this factor, will do."""

REMEMBERED_PLANS = 12
"""Plans that are kept in mind at once for other schedules to be placed near them."""

NEARBY = 12
"""Switches in which a schedule may differ from that of a plan to be placed near it: what one scheme
changes in ten years. Further away a climb tells more of what to expect."""

DEAR = 3000.0
"""Reduced cost, pounds, above which a reserve is left out at first of a model made near a plan:
where its schedule differs little, hardly anybody needs a last resort that the plan did not."""

CLIMBS = 8
"""Climbs for switches between 0 and 1, at most."""

STIFFEST = 1e11
"""Price of breaking a row without slack at which it is taken for impossible to keep."""

STIFF = 15.0
"""Price at which a row that has no slack of its own may be broken at first, as a multiple of the
mean price of a choice: few columns may not be able to keep it yet."""

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
    """The placements of a form, schedule by schedule.

    A climb of prices gives cuts, and shares that are nearly a plan. For a plan, of each choice row
    one column, the *anchor*, is what the others leave, so that neither the row nor the anchor is in
    the linear model: what remains are the rows that columns share, some thousands. The anchor is
    the column that holds most where the climb has ended, and the model has the few columns that
    hold anything there, or nearly do. That an anchor is not negative is asked where the climb was
    in two minds, and where it was broken; columns are let in when they are too cheap to leave out.
    An interior point begins, a simplex method goes on from its basis.
    """

    def __init__(
        self,
        form: StandardForm,
        structure: Structure,
        prices: Prices,
        guide: Floats,
        options: SolveOptions,
        switches: Floats,
        ahead: Callable[[Cut], tuple[float, Floats]],
    ) -> None:
        """Args:
        guide: completed prices to begin from.
        switches: 0 to 1, for which those prices were found.
        ahead: takes a cut; gives the least that cuts allow, and the switches that have it.
        """
        self.form, self._structure, self.prices = form, structure, prices
        self._options = replace(options, threads=1, time_limit=None)
        self._first, self._ahead = (guide, switches), ahead
        self._climb = Climb(structure, prices)
        self._climbs: list[tuple[Floats, Floats]] = []
        self._certain: dict[bytes, Placed] = {}
        self._plans: dict[bytes, Placed] = {}
        self._wanted = np.zeros(len(form.cost), dtype=bool)
        self._doubted = np.zeros(len(form.row_lower), dtype=bool)
        self._last: tuple[_Model, Vertex] | None = None
        self.latest: Placed | None = None
        """What the last climb or round found, whether or not it was the last that was needed."""
        self._by_column, self._by_row = matrix_of(form), prices.by_row
        # Rows that limit one column are its bounds; those among switches are settled beforehand.
        shared = ~structure.link & ~structure.switch_rows
        shared[prices.own[prices.chosen]] = False
        shared[prices.limits[0]] = False
        self._shared = np.flatnonzero(shared)
        entries = abs(self._by_row[structure.switch_rows]).sum(axis=0)
        inside = np.asarray(entries).ravel() > 0
        number = np.asarray((self._by_column != 0).sum(axis=0)).ravel()
        among = np.asarray((self._by_row[structure.switch_rows] != 0).sum(axis=0)).ravel()
        self._aside = np.flatnonzero(inside & (number == among) & ~structure.switch)
        plain = np.ones(len(form.cost), dtype=bool)
        plain[prices.chosen] = False
        plain[self._aside] = False
        plain[structure.switch] = False
        self._plain = np.flatnonzero(plain)
        self._choice = np.zeros(len(form.cost), dtype=bool)
        self._choice[prices.chosen] = True
        slack = np.diff(self._by_row[self._shared][:, self._plain].indptr) > 0
        down = np.isfinite(form.row_lower[self._shared]) & ~slack
        up = np.isfinite(form.row_upper[self._shared]) & ~slack
        self._stiff = np.concatenate([np.flatnonzero(down), np.flatnonzero(up)])
        self._stiff_sign = np.repeat([1.0, -1.0], [down.sum(), up.sum()])

    def another(self) -> Placements:
        """The same for another thread; what either learns is its own, until it is told."""
        other = copy.copy(self)
        other._climbs, other._plans = list(self._climbs), dict(self._plans)
        other._certain, other._last, other.latest = dict(self._certain), None, None
        other._wanted, other._doubted = self._wanted.copy(), self._doubted.copy()
        return other

    def told(self, other: Placements) -> None:
        """Take over what another has learnt."""
        for key, placed in other._plans.items():
            if key not in self._plans:
                self.remember(placed)
        self._wanted |= other._wanted
        self._doubted |= other._doubted

    def recall(self, placed: Placed, *, certain: bool) -> None:
        """Take over where another search has been.

        Args:
            placed: prices to begin from; and a plan where its cost is finite.
            certain: whether nobody can be placed at less cost for its switches.
        """
        self._climbs.append((placed.prices, placed.switches))
        if math.isfinite(placed.cost):
            self.remember(placed)
        if certain:
            self._certain[placed.switches.tobytes()] = placed

    def remember(self, placed: Placed) -> None:
        """Keep a plan, near which other schedules are placed without a climb.

        Schedules that a search tries differ little, and where children are in one tells which
        columns matter in the next.
        """
        self._plans.pop(placed.switches.tobytes(), None)
        self._plans[placed.switches.tobytes()] = placed
        while len(self._plans) > REMEMBERED_PLANS:
            self._plans.pop(next(iter(self._plans)))

    # -- questions

    def relax(
        self, near: float, stop: threading.Event, time_limit: float | None
    ) -> list[Placed] | None:
        """Prices for switches between 0 and 1, towards where their cuts see the least cost.

        Args:
            near: relative distance between a climb and the cuts at which it is done.
            stop: ends the work early when set; then None.
            time_limit: seconds.
        """
        left = _clock(time_limit)
        prices, switches = self._first
        found: list[Placed] = []
        for number in range(CLIMBS):
            climbed = self._climbed(prices, switches, stop, left(), SLOW if not number else QUICK)
            if climbed is None or self.latest is None:
                return None
            found.append(self.latest)
            least, wanted = self._ahead(self.prices.cut(climbed.prices))
            if not len(wanted) or climbed.bound - least <= near * abs(least):
                break
            prices, switches = climbed.prices, 0.5 * (switches + wanted)
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
            exact: relative distance from its own bound at which the cost is good enough; where it
                is no finer than a search asks, a part of the gap will do.
            known: cost of a plan that is known: placing for a dearer one ends early, with good
                prices and an infinite cost.

        Raises:
            Infeasible: when the rules do not allow these switches.
        """
        if exact >= EXACT:
            exact = max(exact, self._options.gap / FINER)
        left = _clock(time_limit)
        if self._last is not None and np.array_equal(self._last[0].switches, switches):
            # What was near enough before is gone on with.
            return self._exactly(*self._last, stop, left, exact, known)
        if (certain := self._certain.get(np.round(switches).tobytes())) is not None:
            return certain
        plan, apart = None, math.inf
        for other in self._plans.values():
            if (distance := float(np.abs(other.switches - switches).sum())) < apart:
                plan, apart = other, distance
        if plan is not None and apart <= NEARBY:
            return self._begun(self._changed(plan, switches), stop, left, exact, known)
        far = [float(np.abs(other - switches).sum()) for _, other in self._climbs]
        prices, cooling = self._first[0], SLOW
        if far:
            prices, cooling = self._climbs[int(np.argmin(far))][0], QUICK
        climbed = None
        for step in (cooling, FINE):
            climbed = self._climbed(prices, switches, stop, left(), step)
            if climbed is None:
                return None
            if climbed.bound > known:
                return self.latest
            prices = climbed.prices
        assert climbed is not None
        return self._begun(climbed, stop, left, exact, known)

    def forget(self) -> None:
        """Begin anew: after Ctrl-C, what was gone on with need not be what is held."""
        self._last = None

    # -- one question

    def _climbed(
        self,
        prices: Floats,
        switches: Floats,
        stop: threading.Event,
        time_limit: float | None,
        cooling: Cooling,
    ) -> Climbed | None:
        """A climb, which later ones may begin from."""
        climbed = self._climb.climb(prices, switches, stop, cooling, time_limit)
        if climbed is not None:
            self._climbs.append((climbed.prices, switches))
            values = climbed.values
            values[self.prices.switches] = switches
            self.latest = Placed(
                math.inf, values, switches, climbed.prices, climbed.shared, climbed.bound
            )
        return climbed

    def _changed(self, plan: Placed, switches: Floats) -> Climbed:
        """A plan as the end of a climb, for other switches: where its children are tells which
        columns matter, as far as they are open."""
        own, chosen = self.prices.own, self.prices.chosen
        total = np.bincount(own[chosen], plan.values[chosen], len(self.form.row_lower))
        share = np.zeros(len(plan.values))
        share[chosen] = plan.values[chosen] / np.maximum(total[own[chosen]], 1e-12)
        return Climbed(switches, plan.prices, plan.shared, plan.values, share, plan.bound)

    def _begun(
        self,
        climbed: Climbed,
        stop: threading.Event,
        left: Callable[[], float | None],
        exact: float,
        known: float,
    ) -> Placed | None:
        """The same from where a climb has ended, or from near a plan."""
        for lean in (True, False):
            model = _Model(self, climbed, lean)
            # What only switches bear upon costs the same whatever children do.
            if not model.settle_aside(stop):
                return None
            try:
                return self._exactly(model, None, stop, left, exact, known)
            except Infeasible:
                # A last resort that was left out may be what somebody needs.
                if not lean:
                    raise
        raise AssertionError

    def _exactly(
        self,
        model: _Model,
        found: Vertex | None,
        stop: threading.Event,
        left: Callable[[], float | None],
        exact: float,
        known: float,
    ) -> Placed | None:
        """Solve a model until nothing is broken and its cost is near enough; ``found`` is its last
        optimum, where it has been solved before."""
        self._last = None
        for _ in range(ROUNDS):
            if found is not None:
                placed = model.read(found)
                self.latest = placed
                distance = (placed.cost - placed.bound) / max(abs(placed.cost), 1.0)
                broken, cheap = model.broken(placed), model.cheap(placed)
                stiff = model.bent(found)
                if not len(broken) and not stiff and (distance <= exact or not len(cheap)):
                    self._last = model, found
                    self.remember(placed)
                    return placed
                if stiff and not len(broken) and not len(cheap):
                    model.stiffen()
                if placed.bound > known and abs(distance) <= ENOUGH:
                    return replace(placed, cost=math.inf)
                if len(broken) and distance <= exact:
                    # Rows alone are soon mended; whether columns are still worth it is seen then.
                    cheap = cheap[:0]
                few = len(broken) + len(cheap) < MANY * len(found.rows)
                if len(broken):
                    # Others that are nearly broken would be in the next round.
                    broken = model.short(placed)
                # What one schedule needed, others near it are likely to need as well.
                self._wanted[cheap] = True
                self._doubted[broken] = True
                model.change(broken, cheap, found if few else None)
            seconds = left()
            if seconds is not None and seconds <= 0:
                return None
            form, basis = model.form(found)
            found = vertex(form, replace(self._options, time_limit=seconds), stop, basis)
            if found is None:
                return None
        raise RuntimeError("the placements did not settle")


def _clock(time_limit: float | None) -> Callable[[], float | None]:
    """Seconds that are left of a time limit."""
    begun = time.monotonic()
    return lambda: None if time_limit is None else time_limit - (time.monotonic() - begun)


class _Model:
    """The linear model of one :meth:`Placements.place`, remade each round."""

    def __init__(self, owner: Placements, climbed: Climbed, lean: bool) -> None:
        form, prices, structure = owner.form, owner.prices, owner._structure
        self._owner, self.switches = owner, np.round(climbed.switches)
        self._aside = np.zeros(0)
        closed = prices.closed(self.switches)
        self._open = owner._choice & ~closed
        fixed = np.asarray(owner._by_column[:, prices.switches] @ self.switches).ravel()
        self._row_lower, self._row_upper = form.row_lower - fixed, form.row_upper - fixed
        upper = form.upper.copy()
        rows, limited, values = prices.limits
        np.minimum.at(upper, limited, np.maximum(self._row_upper[rows] / values, 0.0))
        self._upper = upper
        share = np.round(climbed.share, 4)
        reduced = form.reduced_cost(climbed.prices)
        able = np.flatnonzero(self._open)
        own = structure.choice[able]
        able = able[np.lexsort((reduced[able], -share[able], own))]
        self._anchor = np.full(len(form.row_lower), -1, dtype=np.int64)
        first = able[changes(structure.choice[able])]
        self._anchor[structure.choice[first]] = first
        self._choices = structure.choice[first]
        reserve = structure.reserve
        if lean:
            reserve = owner._wanted | (reserve & (reduced <= DEAR))
        held = self._open & (reserve | (share > HELD))
        near = reduced <= NEAR * np.abs(climbed.prices[structure.choice])
        held |= self._open & near
        held[owner._plain] = True
        held[first] = False
        self._held = np.flatnonzero(held)
        doubted = share[first] < SURE
        if lean:
            doubted |= owner._doubted[self._choices]
        self._guarded = self._choices[doubted]
        self._basis: tuple[NDArray[np.int8], NDArray[np.int8]] | None = None
        right = form.row_lower[self._choices]
        mean = float(np.abs(right * climbed.prices[self._choices]).sum())
        self._stiffness = STIFF * mean / max(float(np.abs(right).sum()), 1e-9)

    def bent(self, found: Vertex) -> bool:
        """Whether a row without slack is broken."""
        return bool(found.values[len(self._held) :].sum() > 1e-6)

    def stiffen(self) -> None:
        """Make it dearer to break a row without slack.

        Raises:
            Infeasible: when no price keeps it.
        """
        self._stiffness *= 10.0
        if self._stiffness > STIFFEST:
            raise Infeasible("no values obey the rows")

    def settle_aside(self, stop: threading.Event) -> bool:
        """Give values to the columns that only rows among switches hold; False when stopped."""
        owner = self._owner
        form, columns = owner.form, owner._aside
        rows = np.flatnonzero(owner._structure.switch_rows)
        low, high = self._row_lower[rows], self._row_upper[rows]
        if not len(columns):
            if (low > 1e-6).any() or (high < -1e-6).any():
                raise Infeasible("the rules among switches do not allow these")
            return True
        alone = form_of(
            owner._by_row[rows][:, columns], form.cost[columns],
            (form.lower[columns], form.upper[columns]), (low, high),
        )  # fmt: skip
        outcome = solve(alone, owner._options, stop=stop)
        if outcome.status == "infeasible":
            raise Infeasible("the rules among switches do not allow these")
        self._aside = outcome.values
        return outcome.found

    def form(
        self, found: Vertex | None
    ) -> tuple[StandardForm, tuple[NDArray[np.int8], NDArray[np.int8]] | None]:
        """What is held, with the anchors taken out; and the basis that was carried over."""
        owner, whole = self._owner, self._owner.form
        anchors, choices = self._anchor[self._choices], self._choices
        of_choices = owner._by_row[choices]
        own = sp.identity(len(choices), format="csc")
        later = own - of_choices[:, anchors]
        later.eliminate_zeros()
        # A later choice takes from earlier ones: what its anchor leaves follows from theirs.
        solve_for = own + powers(later)
        self._others = (solve_for @ of_choices[:, self._held]).tocsr()
        self._left = solve_for @ whole.row_lower[choices]
        shared = owner._by_row[owner._shared]
        anchored = shared[:, anchors]
        matrix = (shared[:, self._held] - anchored @ self._others).tocsr()
        matrix.data[np.abs(matrix.data) < 1e-11] = 0.0
        matrix.eliminate_zeros()
        moved = anchored @ self._left
        number = np.full(len(whole.row_lower), -1, dtype=np.int64)
        number[choices] = np.arange(len(choices))
        guarded = number[self._guarded]
        low = np.concatenate(
            [self._row_lower[owner._shared] - moved, np.full(len(guarded), -math.inf)]
        )
        high = np.concatenate([self._row_upper[owner._shared] - moved, self._left[guarded]])
        cost = whole.cost[self._held] - self._others.T @ whole.cost[anchors]
        self._offset = whole.offset + float(whole.cost[anchors] @ self._left)
        self._offset += float(whole.cost[owner.prices.switches] @ self.switches)
        count = len(owner._stiff)
        bending = sp.csr_matrix(
            (owner._stiff_sign, (owner._stiff, np.arange(count))), shape=(len(low), count)
        )
        bounds = (
            np.concatenate([whole.lower[self._held], np.zeros(count)]),
            np.concatenate([self._upper[self._held], np.full(count, math.inf)]),
        )
        rows = sp.vstack([matrix, self._others[guarded]])
        cost = np.concatenate([cost, np.full(count, self._stiffness)])
        form = form_of(sp.hstack([rows, bending]), cost * _POUNDS, bounds, (low, high))
        return form, self._basis if found is not None else None

    def read(self, found: Vertex) -> Placed:
        """The values and prices of an optimum, in terms of all columns and rows."""
        owner, form = self._owner, self._owner.form
        values = np.zeros(len(form.cost))
        held = found.values[: len(self._held)]
        values[self._held] = held
        values[self._anchor[self._choices]] = self._left - self._others @ held
        values[owner.prices.switches] = self.switches
        values[owner._aside] = self._aside
        shared = np.zeros(len(form.row_lower))
        shared[owner._shared] = found.row_dual[: len(owner._shared)] / _POUNDS
        prices = owner.prices.completed(shared, owner.prices.share(self.switches, values))
        constant, slope = owner.prices.cut(prices)
        cost = found.objective / _POUNDS + self._offset
        cost += float(form.cost[owner._aside] @ self._aside)
        bound = constant + float(slope @ self.switches)
        return Placed(cost, values, self.switches, prices, shared, bound)

    def broken(self, placed: Placed) -> Ints:
        """Choice rows whose anchor came out negative."""
        return self._choices[placed.values[self._anchor[self._choices]] < -1e-6]

    def short(self, placed: Placed) -> Ints:
        """Choice rows whose anchor holds little, and was not asked to hold anything so far."""
        owner, left = self._owner, placed.values[self._anchor[self._choices]]
        right = np.abs(owner.form.row_lower)
        short = left < SHORT * right[self._choices]
        # Where only those choose who came by other choices, and nobody did, what one may not owe
        # the next one like it would: they are asked together.
        held = owner._structure.choice[self._held]
        others = np.bincount(held[held >= 0], minlength=len(right)) > 0
        short |= (left < 1e-6) & others[self._choices] & (right[self._choices] == 0)
        return np.setdiff1d(self._choices[short], self._guarded)

    def cheap(self, placed: Placed) -> Ints:
        """Columns that are too cheap to be left out."""
        reduced = self._owner.form.reduced_cost(placed.prices)
        reduced[self._held] = math.inf
        reduced[self._anchor[self._choices]] = math.inf
        return np.flatnonzero(self._open & (reduced < 1.0))

    def change(self, broken: Ints, cheap: Ints, found: Vertex | None) -> None:
        """Let columns in, and ask by a row that broken anchors are not negative; the next round
        begins from the basis that was found, if any."""
        status = np.zeros(len(self._owner.form.cost), dtype=np.int8)
        if found is not None:
            status[self._held] = found.columns[: len(self._held)]
        held = np.zeros(len(status), dtype=bool)
        held[self._held] = held[cheap] = True
        kept = self._held
        self._held = np.flatnonzero(held)
        self._guarded = np.concatenate([self._guarded, broken])
        self._basis = None
        if found is not None:
            columns = np.concatenate([status[self._held], found.columns[len(kept) :]])
            rows = np.concatenate([found.rows, np.ones(len(broken), dtype=np.int8)])
            self._basis = columns, rows
