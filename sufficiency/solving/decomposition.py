"""Schemes above, placements below: the search for large models, after Benders.

Any prices of rows give, in closed form, a cut: a linear function of the switches (schemes that are
open) that no plan can cost less than. Prices come from placing children, first for switches
between 0 and 1, then for schedules that a small *master* model of switches and cuts proposes, which
also proves the bound. Nothing here knows what a rule means: :class:`Structure` says which columns
are switches and which rows share something out, the rest is read from the standard form, so that a
new rule changes no line of this room.
"""

from __future__ import annotations

import contextlib
import copy
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from sufficiency.solving.highs import (
    Bools,
    Floats,
    Infeasible,
    Outcome,
    Progress,
    SolveOptions,
    StandardForm,
    solve,
)
from sufficiency.solving.meanwhile import Meanwhile
from sufficiency.solving.memory import watched
from sufficiency.solving.placements import EXACT, Placed, Placements
from sufficiency.solving.prices import Cut, Prices
from sufficiency.solving.reading import Labels
from sufficiency.solving.structure import (
    Folded,
    Ints,
    Pooled,
    Structure,
    form_of,
    matrix_of,
    merged,
    relaxed,
)

SMALL = 30_000
"""Columns up to which the whole model is given to the solver as it is."""

ROOT = 1e-3
"""Relative distance between the relaxation and its bound at which it is good enough."""

MASTER_SECONDS = 5.0
"""Longest search for the next schedule, at first."""

LITTLE = 30_000
"""Columns up to which the whole model is searched once the master alone takes a second, and no
second schedule is placed beside the proposed one: the next proposal costs less than that."""

FINEST = 1e-3
"""Gap from which a wider one lets schedules be proposed no more carelessly: it would spare little.
"""

SHARPENINGS = 12
"""Cuts in closed form between two schedules, at most."""

ABSURD = 10.0
"""A cut whose numbers are larger than this, as a multiple of the dearest plan, is not kept."""

WRONG = 1e-6
"""Share by which rounding may lift a bound above the cost of a plan; what is further is no bound.
"""

REMEMBERED = 8
"""Placements whose prices are tried for such cuts."""

NEARER = (5.0, 50.0)
"""A schedule is proposed with a gap that is smaller than the one asked for by this factor, at
first; and when the same was proposed again."""

HALF_OPEN = 0.35
"""A scheme that a relaxation opens by more than this is open in the schedule nearest to it."""

ROUNDING_SECONDS = (60.0, 15.0)
"""Longest search for whole numbers once the schemes are found, and when a limit has ended that."""

EARLY = ("time limit", "memory limit", "interrupted")
"""How a search ends before the gap is proven."""

LEARNT = 8
"""Plans that are kept for another search to begin from: the last that were tried, and the last that
were placed exactly."""

CERTAIN = 1e-9
"""Relative distance between the cost of a plan and what its prices prove, at which no other way of
placing children in the same schools is cheaper."""

FITS = 0.1
"""How far a recalled relaxation may lie below the cheapest recalled plan, as a share."""

_QUICK = {
    "mip_heuristic_run_root_reduced_cost": False,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_allow_restart": False,
    "mip_pool_soft_limit": 10,
    "mip_pool_age_limit": 2,
}
"""The master is small: HiGHS' searches around its plans, beginning again, and keeping many cuts of
its own take longer than its branching."""


@dataclass(frozen=True)
class Limits:
    """What one question asks beyond the model: bounds of the switches, and rows among them.

    Attributes:
        lower, upper: by switch, in the order of the switch columns; the model's own where None.
        rows: (coefficients by switch, least, most) of further rows.
    """

    lower: Floats | None = None
    upper: Floats | None = None
    rows: tuple[tuple[Floats, float, float], ...] = ()

    def allow(self, switches: Floats) -> bool:
        """Whether switches obey them."""
        if self.lower is not None and bool((switches < self.lower - 1e-6).any()):
            return False
        if self.upper is not None and bool((switches > self.upper + 1e-6).any()):
            return False
        sums = [(float(c @ switches), least, most) for c, least, most in self.rows]
        return all(least - 1e-6 <= total <= most + 1e-6 for total, least, most in sums)

    def on(self, form: StandardForm, at: Ints) -> StandardForm:
        """A form that obeys them as well; ``at`` are its switch columns."""
        lower, upper = form.lower.copy(), form.upper.copy()
        if self.lower is not None:
            lower[at] = np.maximum(lower[at], self.lower)
        if self.upper is not None:
            upper[at] = np.minimum(upper[at], self.upper)
        form = replace(form, lower=lower, upper=upper)
        if not self.rows:
            return form
        more = np.zeros((len(self.rows), len(form.cost)))
        more[:, at] = [coefficients for coefficients, _, _ in self.rows]
        matrix = sp.vstack([matrix_of(form), sp.csr_matrix(more)])
        ends = [np.array([row[i] for row in self.rows], dtype=float) for i in (1, 2)]
        row_lower = np.concatenate([form.row_lower, ends[0]])
        row_upper = np.concatenate([form.row_upper, ends[1]])
        bounds = (form.lower, form.upper)
        longer = form_of(matrix, form.cost, bounds, (row_lower, row_upper), form.integer)
        rows = form.rows + Labels([("limit", np.arange(len(self.rows)))])
        return replace(longer, offset=form.offset, columns=form.columns, rows=rows)


@dataclass(frozen=True)
class Proposed:
    """What the master says.

    Attributes:
        bound: no plan costs less.
        switches: of the schedule that has it; empty when none was found.
        others: further schedules that were come upon, the best first.
    """

    bound: float
    switches: Floats = field(default_factory=lambda: np.zeros(0))
    others: tuple[Floats, ...] = ()


class Master:
    """Switches, the rules among them, and cuts below which no plan can cost."""

    def __init__(self, form: StandardForm, structure: Structure) -> None:
        rows = np.flatnonzero(structure.switch_rows)
        by_row = matrix_of(form).tocsr()[rows].tocsc()
        touched = np.diff(by_row.indptr)
        only = (touched > 0) & (np.diff(form.start) == touched)
        columns = np.flatnonzero(structure.switch | only)
        alone = form_of(
            by_row[:, columns],
            form.cost[columns],
            (form.lower[columns], form.upper[columns]),
            (form.row_lower[rows], form.row_upper[rows]),
            structure.switch[columns],
        )
        part = structure.part(columns, rows)
        small, groups, _ = merged(alone, part.merge_columns, part.merge_rows)
        self._at = groups[part.switch]
        # Pounds and zero-or-one in one row: each column and row is brought near 1.
        matrix = matrix_of(small)
        switch = small.integer
        size = np.ones(len(small.row_lower))
        entries = matrix.tocoo()
        np.maximum.at(size, entries.row, np.abs(entries.data))
        span = np.where(switch | ~np.isfinite(small.upper) | (small.upper <= 0), 1.0, small.upper)
        cost = np.where(switch, 0.0, small.cost * span)
        self._form = form_of(
            sp.diags(1.0 / size) @ matrix @ sp.diags(span),
            cost,
            (small.lower / span, small.upper / span),
            (small.row_lower / size, small.row_upper / size),
            switch,
        )
        self.cuts: list[Cut] = []
        # No plan costs more than this; a cut of larger numbers says nothing that rounding spares.
        own = structure.choice >= 0
        dearest = np.zeros(len(form.row_lower))
        np.maximum.at(dearest, structure.choice[own], np.abs(form.cost[own]))
        choices = np.unique(structure.choice[own])
        dearest = dearest[choices] * np.abs(form.row_lower[choices])
        self._most = ABSURD * max(float(dearest.sum()), 1.0)

    def add(self, cut: Cut) -> None:
        """Add a cut: constant and coefficients of switches; one of absurd size is left out."""
        known = any(c == cut[0] and np.array_equal(s, cut[1]) for c, s in self.cuts)
        if not known and float(np.abs(np.append(cut[1], cut[0])).max()) <= self._most:
            self.cuts.append(cut)

    def propose(
        self,
        options: SolveOptions,
        gap: float,
        stop: threading.Event,
        limits: Limits,
        *,
        whole: bool = True,
    ) -> Proposed:
        """The least bound over all schedules, and the schedule that has it.

        Without ``whole``, switches may lie between 0 and 1. The bound is infinite when no schedule
        obeys the rules and the limits.
        """
        if not self.cuts:
            return Proposed(-math.inf)
        base, count = limits.on(self._form, self._at), len(self._form.cost)
        unit = 1e4 / max(1.0, max(abs(c) for c, _ in self.cuts))
        cuts = np.zeros((len(self.cuts), count + 1))
        cuts[:, self._at] = -unit * np.array([slope for _, slope in self.cuts])
        cuts[:, count] = 1.0
        constants = unit * np.array([c for c, _ in self.cuts])
        rows = sp.hstack([matrix_of(base), sp.csr_matrix((len(base.row_lower), 1))])
        form = form_of(
            sp.vstack([rows, sp.csr_matrix(cuts)]),
            np.append(base.cost * unit, 1.0),
            (np.append(base.lower, -1e9), np.append(base.upper, 1e9)),
            (
                np.concatenate([base.row_lower, constants]),
                np.concatenate([base.row_upper, np.full(len(constants), math.inf)]),
            ),
            np.append(base.integer & whole, False),
        )
        passed: list[Floats] = []
        outcome = solve(
            form, replace(options, gap=gap, threads=1), stop=stop, settings=_QUICK, better=passed
        )
        if not outcome.found:
            if outcome.status == "infeasible":
                return Proposed(math.inf)
            return Proposed(outcome.bound / unit if math.isfinite(outcome.bound) else -math.inf)
        switches = outcome.values[self._at]
        if not whole:
            return Proposed(outcome.bound / unit, switches)
        others = tuple(np.round(values[self._at]) for values in passed[::-1])
        return Proposed(outcome.bound / unit, np.round(switches), others)

    def nearest(
        self, switches: Floats, options: SolveOptions, stop: threading.Event, limits: Limits
    ) -> Floats:
        """The schedule nearest to given values of the switches; empty when the rules allow none."""
        cost = np.zeros(len(self._form.cost))
        cost[self._at] = 1.0 - 2.0 * switches
        form = limits.on(replace(self._form, cost=cost), self._at)
        options = replace(options, gap=0.0, threads=1)
        outcome = solve(form, options, stop=stop, settings=_QUICK)
        return np.round(outcome.values[self._at]) if outcome.found else np.zeros(0)


@dataclass(frozen=True)
class Learnt:
    """Where a search has been, in terms of the whole form.

    Attributes:
        values: of all columns.
        prices: of the rows that columns share; of others nothing.
    """

    values: Floats
    prices: Floats


class SchemeSearch:
    """Finds and proves a plan for one form; keeps what it learnt for the next question.

    Args:
        form: the whole model.
        structure: what may be known of it.
        options: gap, time limit for the whole search, threads, seed.
        beside: values of all columns, whose switches will be asked for in :meth:`place`: with
            more threads than one, they are placed while the search goes on.
    """

    def __init__(
        self,
        form: StandardForm,
        structure: Structure,
        options: SolveOptions,
        beside: Floats | None = None,
    ) -> None:
        self.options = options
        self._simple = len(form.cost) < SMALL or not structure.switch.any()
        self._switch = structure.switch
        self._numbers = form.integer & ~structure.switch
        self._whole, self._hints = form, structure
        self._clock = time.monotonic()
        self._placements: Placements | None = None
        self._stop = threading.Event()
        self._full = threading.Event()
        self._coarse = np.zeros(0)
        self._root: Placed | None = None
        self._relaxed: list[Placed] = []
        self._remembered: list[Floats] = []
        self._tried: list[Placed] = []
        self._exact: list[Placed] = []
        self._given: Floats | None = None
        if beside is not None and options.threads > 1:
            self._given = np.round(beside[self._switch])
        self._beside: tuple[Floats, Meanwhile[Placed]] | None = None
        self._plans: list[Placed] = []
        self._limits = Limits()
        self._foreseen: tuple[Limits, Meanwhile[Proposed]] | None = None
        self.best: Placed | None = None
        self.bound = -math.inf
        self._apart = False
        if not self._simple:
            self._take_apart()

    def _take_apart(self) -> None:
        """The parts of the search; in them nothing but switches must be whole."""
        self.folded = Folded(self._whole, self._hints)
        self.pooled = Pooled(self.folded.form, self.folded.structure)
        self._form, self._structure = self.pooled.form, self.pooled.structure
        self.prices = Prices(self._form, self._structure)
        self.master = Master(self._form, self._structure)
        self._apart = True

    # -- questions

    def run(
        self,
        on_progress: Callable[[Progress], None] | None = None,
        limits: Limits | None = None,
    ) -> Outcome:
        """Search until the gap is proven or a limit ends it; Ctrl-C keeps the best plan so far.

        A search that ends before it has a plan of its own places children for the schedule that
        it then thinks best. That is exact, so it goes on for some seconds after the limit; another
        Ctrl-C gives it up.

        Args:
            on_progress: told seconds, best cost, bound and gap.
            limits: of this question alone. A later question uses all that earlier ones have
                found: plans, prices, cuts and the models in the solver.
        """
        self._clock = time.monotonic()
        self._limits = limits or Limits()
        self._stop.clear()
        self.bound = -math.inf
        allowed = [plan for plan in self._plans if self._limits.allow(plan.switches)]
        self.best = min(allowed, key=lambda plan: plan.cost, default=None)
        if self._simple:
            asked = self._limits.on(self._whole, np.flatnonzero(self._switch))
            found = solve(asked, self.options, on_progress)
            early = found.status in EARLY and self._switch.any()
            return self._better(found, on_progress) if early else found
        try:
            with watched(self.options.memory_gb, self._stop) as self._full:
                status = self._search(on_progress)
        except Infeasible:
            # The rules among switches allow what the others forbid: only the whole model knows.
            status = "stalled"
        except KeyboardInterrupt:
            status = "interrupted"
            if self._placements is not None:
                self._placements.forget()
            self._forget_foreseen()
        if self.best is None and status in EARLY:
            self._place_at_once(on_progress)
        if self.best is None:
            found = Outcome(status, np.zeros(0), math.inf, self.bound, self._seconds())
        else:
            found = self._outcome(self.best, status, min(self.bound, self.best.cost))
            if self._numbers.any():
                found = self._in_whole_numbers(found)
                status = "stalled" if status == "optimal" else status
        if found.gap <= self.options.gap and found.status != "interrupted":
            return replace(found, status="optimal")
        if status == "stalled":
            return self._in_full(found, on_progress)
        return found

    def foresee(self, limits: Limits, gap: float) -> None:
        """Begin to think of the question that comes after the next one.

        Its first proposal is sought with what is known now, in a second thread if there is one,
        while the next question is searched.

        Args:
            limits: the very object that :meth:`run` will be given.
            gap: that will be asked.
        """
        if self._simple or self._root is None or self.options.threads < 2:
            return
        self._forget_foreseen()
        options = replace(self.options, time_limit=MASTER_SECONDS)
        # With what is known now: what the search finds meanwhile comes sooner or later.
        master = copy.copy(self.master)
        master.cuts = list(self.master.cuts)
        self._foreseen = (
            limits,
            Meanwhile(lambda stop: master.propose(options, _care(gap, NEARER[0]), stop, limits)),
        )

    def place(self, switches: Floats, *, in_shares: bool = False, within: float = 0.0) -> Outcome:
        """Placements of least cost for given switches, whatever time they take.

        Args:
            switches: values of all columns of the whole form, of which only the switches are read.
            in_shares: whether placements need not be whole numbers where the form asks for them.
            within: relative distance from the least cost that will do; below that at which a
                search takes placements for exact. The outcome's bound is what is proven.
        """
        whole, on = self._whole, self._switch
        given = np.where(on, np.round(switches), 0.0)
        options = replace(self.options, time_limit=None, memory_gb=None)
        if self._simple:
            relax = in_shares or not self._numbers.any()
            return solve(whole.with_fixed(on, given, relax=relax), options)
        self._stop.clear()
        placements = self._ready(options)
        if placements is None:
            return Outcome("interrupted", np.zeros(0), math.inf, -math.inf, self._seconds())
        placed = None
        if self._beside is not None and np.array_equal(given[on], self._beside[0]):
            placed = self._beside[1].wait()
        try:
            if placed is None:
                placed = placements.place(given[on], self._stop, None, exact=within)
        except Infeasible:
            return Outcome("infeasible", np.zeros(0), math.inf, math.inf, self._seconds())
        if placed is None:
            return Outcome("interrupted", np.zeros(0), math.inf, -math.inf, self._seconds())
        others = [p for p in self._exact if not np.array_equal(p.switches, placed.switches)]
        self._exact = [*others, placed][-LEARNT:]
        if self._root is not None and not within:
            self._keep(placed)
        # What is placed until nothing is cheaper is exact, whatever rounding says of its prices.
        least = min(placed.bound, placed.cost) if within > 0 else placed.cost
        found = self._outcome(placed, "optimal", least)
        return self._in_whole_numbers(found) if self._numbers.any() and not in_shares else found

    # -- from one search to another

    def learnt(self) -> list[Learnt]:
        """The best relaxation, the others, and the last plans; empty before there is one."""
        if self._root is None:
            return []
        exact = {placed.switches.tobytes() for placed in self._exact}
        tried = [p for p in self._tried if p.switches.tobytes() not in exact]
        found = []
        relaxed = [p for p in self._relaxed if p is not self._root]
        for placed in [self._root, *relaxed, *tried, *self._exact]:
            prices = np.zeros(len(self._whole.row_lower))
            prices[self.folded.rows] = self.pooled.expand_prices(placed.shared)
            values = placed.values if _whole(placed.switches) else self._totals(placed)
            values = self.folded.unfold(self.pooled.expand(values))
            found.append(Learnt(values, prices))
        return found

    def _totals(self, placed: Placed) -> Floats:
        """Values that say as much of a relaxation as its prices need, and fill no file: the whole
        of each choice in one column."""
        own, chosen = self.prices.own, self.prices.chosen
        total = np.bincount(own[chosen], placed.values[chosen], len(self._form.row_lower))
        rows, first = np.unique(own[chosen], return_index=True)
        values = np.zeros(len(placed.values))
        values[chosen[first]] = total[rows]
        values[self.prices.switches] = placed.switches
        return values

    def recall(self, learnt: Sequence[Learnt]) -> None:
        """Begin from what a search of nearly the same form has learnt.

        None of it is believed. Prices bound what this form costs, whatever they are. A plan counts
        when its values obey every row of this form; its schedule need not be placed again when its
        prices prove, on this form, that it cannot be had for less. Where there is no such plan, or
        the relaxation is far from it, the search begins anew; one that has begun, or needs none of
        it, stays as it is.
        """
        if self._simple or self._placements is not None or not learnt:
            return
        root, *others = [self._as_placed(point) for point in learnt]
        plans = [placed for placed in others if _whole(placed.switches)]
        certain = [abs(p.cost - p.bound) <= CERTAIN * abs(p.cost) < math.inf for p in plans]
        least = min(
            (p.cost for p, sure in zip(plans, certain, strict=True) if sure), default=math.inf
        )
        if not root.bound >= (1.0 - FITS) * least:
            return
        relaxed = [root, *(placed for placed in others if not _whole(placed.switches))]
        self._keep_relaxed([p for p in relaxed[::-1] if math.isfinite(p.bound)])
        placements = self._begin(root.prices, root.switches)
        placements.recall(root, certain=False)
        for placed, sure in zip(plans, certain, strict=True):
            if not math.isfinite(placed.bound):
                continue
            shared = np.where(self._only_closed(placed.switches), root.shared, placed.shared)
            self.master.add(self.prices.cut(placed.prices))
            self._cut_between(placed, root.switches, shared)
            self._remembered.append(shared)
            if math.isfinite(placed.cost):
                placements.recall(placed, certain=sure)
                self._plans.append(placed)

    def _as_placed(self, point: Learnt) -> Placed:
        """A point in terms of the form that is searched; of infinite cost where it is no plan."""
        form = self._form
        values = self.pooled.gather(point.values[self.folded.columns])
        at = self.prices.switches
        whole = np.round(values[at])
        values[at] = np.where(np.abs(values[at] - whole) < 1e-9, whole, values[at])
        values[at] = np.clip(values[at], 0.0, 1.0)
        shared = self.pooled.gather_prices(point.prices[self.folded.rows])
        prices = self.prices.completed(shared, self.prices.share(values[at], values))
        constant, slope = self.prices.cut(prices)
        bound = constant + float(slope @ values[at])
        rows = matrix_of(form) @ values
        size = 1e-6 * np.maximum(1.0, np.abs(rows))
        obeys = bool(
            (rows >= form.row_lower - size).all() and (rows <= form.row_upper + size).all()
        )
        obeys &= bool((values >= form.lower - 1e-6).all() and (values <= form.upper + 1e-6).all())
        obeys &= bool((values[at] == np.round(values[at])).all())
        cost = float(form.cost @ values + form.offset) if obeys else math.inf
        return Placed(cost, values, values[at], prices, shared, bound)

    def _in_whole_numbers(self, found: Outcome) -> Outcome:
        """The plan with whole numbers where they are asked for, its schemes as they are.

        Choices that are whole already are kept, the others are searched. That is not always the
        best way of rounding; the bound is that of the plan as it was found.
        """
        choice = self._hints.choice
        values = np.round(found.values)
        off = self._numbers & (np.abs(found.values - values) > 1e-6)
        kept = self._numbers & ~np.isin(choice, np.unique(choice[off]))
        form = self._whole.with_fixed(self._switch | kept, values, relax=False)
        limit = ROUNDING_SECONDS[found.status in EARLY]
        options = replace(self.options, gap=self.options.gap / 5, time_limit=limit, memory_gb=None)
        whole = solve(form, options)
        if not whole.found:
            return Outcome(found.status, np.zeros(0), math.inf, found.bound, self._seconds())
        return replace(whole, status=found.status, bound=min(found.bound, whole.objective),
                       seconds=self._seconds(), row_dual=np.zeros(0))  # fmt: skip

    def _better(self, found: Outcome, on_progress: Callable[[Progress], None] | None) -> Outcome:
        """What a search of the whole model that ended early found, or what is placed at once."""
        if not self._apart:
            self._take_apart()
        self.bound = found.bound
        self._place_at_once(on_progress)
        if self.best is None:
            return found
        bound = max(found.bound, self.bound)
        other = self._outcome(self.best, found.status, bound)
        if self._numbers.any():
            other = self._in_whole_numbers(other)
        best = other if other.objective < found.objective else found
        best = replace(best, bound=min(bound, best.objective), seconds=self._seconds())
        proven = best.gap <= self.options.gap and best.status != "interrupted"
        return replace(best, status="optimal") if proven else best

    def _in_full(self, found: Outcome, on_progress: Callable[[Progress], None] | None) -> Outcome:
        """The whole model from the best plan so far, for the time that is left."""
        if self._out_of_time():
            return replace(found, status=self._ended())

        def tell(progress: Progress) -> bool:
            bound = max(found.bound, progress.bound)
            gap = (progress.best - bound) / max(abs(progress.best), 1e-9)
            if on_progress is not None:
                on_progress(Progress(self._seconds(), progress.best, bound, gap))
            return gap <= self.options.gap

        asked = self._limits.on(self._whole, np.flatnonzero(self._switch))
        last = solve(asked, self._left(), tell, found.values if found.found else None)
        bound = max(found.bound, last.bound)
        if not last.found or (found.found and found.objective < last.objective):
            last = replace(found, status=last.status)
        status = "optimal" if last.status == "enough" else last.status
        return replace(last, status=status, bound=min(bound, last.objective),
                       seconds=self._seconds())  # fmt: skip

    # -- the search

    def _tell(self, on_progress: Callable[[Progress], None] | None) -> None:
        if on_progress is not None:
            cost = self.best.cost if self.best is not None else math.inf
            bound = min(self.bound, cost)
            if self._numbers.any():
                # Placed in shares so far: that is no plan where whole numbers are asked for.
                on_progress(Progress(self._seconds(), math.inf, bound, math.inf))
                return
            on_progress(Progress(self._seconds(), cost, bound, self._gap()))

    def _search(self, on_progress: Callable[[Progress], None] | None) -> str:
        def tell() -> None:
            self._tell(on_progress)

        tell()
        placements = self._ready(self._left())
        if placements is None or (self._root is None and not self._relax(placements)):
            return self._ended()
        tried: set[bytes] = set()
        sharper = False
        while not self._out_of_time():
            self._sharpen()
            patience, near = (6.0, NEARER[1]) if sharper else (1.0, NEARER[0])
            begun = time.monotonic()
            proposed = self._foreseen_now() or self.master.propose(
                self._left(patience * MASTER_SECONDS), _care(self.options.gap, near),
                self._stop, self._limits,
            )  # fmt: skip
            if proposed.bound == math.inf:
                return "infeasible"
            self.bound, proposal = max(self.bound, proposed.bound), proposed.switches
            tell()
            if self._gap() <= self.options.gap:
                return "optimal"
            if len(self._form.cost) <= LITTLE and time.monotonic() - begun >= 1.0:
                return "stalled"
            if not len(proposal) or proposal.tobytes() in tried:
                # The cuts know nothing better than plans that were placed exactly.
                if sharper:
                    return "stalled"
                sharper = True
                continue
            tried.add(proposal.tobytes())
            other = None
            if self.best is not None and len(self._form.cost) > LITTLE:
                other = next((s for s in proposed.others if s.tobytes() not in tried), None)
            if other is not None:
                tried.add(other.tobytes())
            if not self._place_two(placements, proposal, other):
                break
            tell()
            if self.best is not None and self.bound > self.best.cost + WRONG * abs(self.best.cost):
                # The plan holds, the proof does not: it is made anew from the whole model.
                self.master.cuts.clear()
                self.bound = -math.inf
                return "stalled"
            if self._gap() <= self.options.gap:
                return "optimal"
        return self._ended()

    def _foreseen_now(self) -> Proposed | None:
        """What was foreseen for this question, once; nothing where a plan for it was found since,
        which teaches more."""
        if self._foreseen is None or self._foreseen[0] is not self._limits:
            return None
        if self.best is not None:
            self._forget_foreseen()
            return None
        (_, foreseen), self._foreseen = self._foreseen, None
        proposed = foreseen.wait()
        return proposed if proposed is not None and len(proposed.switches) else None

    def _forget_foreseen(self) -> None:
        if self._foreseen is not None:
            self._foreseen[1].end()
            self._foreseen = None

    def _place_two(self, placements: Placements, proposal: Floats, other: Floats | None) -> bool:
        """Place for a proposal, and learn from it; False when stopped.

        Another schedule that the master came upon is placed in another thread meanwhile: what the
        two teach spares about every fourth proposal. Without a second thread it comes after the
        first, and teaches the same.
        """
        limit = self._left().time_limit
        known = self.best.cost if self.best is not None else math.inf
        second, beside = None, placements.another()
        if (switches := other) is not None:
            second = Meanwhile(
                lambda stop: beside.place(switches, stop, limit, exact=EXACT, known=known),
                self._stop, at_once=self.options.threads > 1,
            )  # fmt: skip
        try:
            found = placements.place(proposal, self._stop, limit, exact=EXACT, known=known)
            if found is None:
                return False
            self._learn(found)
            if second is not None and self._gap() > self.options.gap:
                if (found := second.wait()) is not None:
                    self._learn(found)
                placements.told(beside)
        finally:
            if second is not None:
                second.end()
        return True

    def _relax(self, placements: Placements) -> bool:
        """The first cuts, from switches that may lie between 0 and 1; False when stopped."""
        near = min(ROOT, self.options.gap)
        relaxations = placements.relax(near, self._stop, self._left().time_limit)
        if relaxations is None:
            return False
        self._keep_relaxed(relaxations)
        return True

    def _keep_relaxed(self, relaxations: Sequence[Placed]) -> None:
        """Keep relaxations, the last of them the best, and what their prices say."""
        self._root = relaxations[-1]
        self._relaxed = [p for p in relaxations if p.bound > 0.95 * self._root.bound]
        for placed in self._relaxed:
            self.master.add(self.prices.cut(placed.prices))
        self._remembered.append(self._root.shared)

    def _place_at_once(self, on_progress: Callable[[Progress], None] | None) -> None:
        """A plan although the search ended before it had one.

        The schedules tried are the one nearest to the switches of a relaxation, which lie between 0
        and 1, and the one that the cuts propose; before there are cuts, the first of them only,
        from the coarse model's relaxation.
        """
        self._stop.clear()
        options = replace(self.options, time_limit=None)
        placements = self._ready(options)
        if placements is None:
            return
        soon = replace(options, time_limit=MASTER_SECONDS)
        asked = max(self.options.gap, 1e-4), self._stop, self._limits
        half_open, proposal = self._coarse, np.zeros(0)
        if self._root is not None:
            half_open = self._root.switches
            proposal = self.master.propose(soon, *asked).switches
        elif placements.latest is not None:
            self.master.add(self.prices.cut(placements.latest.prices))
        near = half_open + 0.5 - HALF_OPEN
        near = self.master.nearest(near, soon, self._stop, self._limits) if len(near) else near
        schedules = [s for s in (near, proposal) if len(s)]
        for switches in schedules[: 1 if np.array_equal(near, proposal) else 2]:
            with contextlib.suppress(Infeasible):
                found = placements.place(switches, self._stop, None)
                if found is None:
                    break
                self._plans.append(found)
                if self.best is None or found.cost < self.best.cost:
                    self.best = found
                self.master.add(self.prices.cut(found.prices))
                self._cut_between(found, half_open, found.shared)
        if schedules:
            bound = self.master.propose(soon, *asked).bound
            if math.isfinite(bound):
                self.bound = max(self.bound, bound)
        self._tell(on_progress)

    def _cut_between(self, found: Placed, half_open: Floats, shared: Floats) -> None:
        """Cuts from prices of a plan, at its switches and between them and others."""
        for weight in (0.0, 0.25, 0.5):
            switches = (1 - weight) * found.switches + weight * half_open
            share = self.prices.share(switches, found.values)
            self.master.add(self.prices.cut(self.prices.completed(shared, share)))

    def _ready(self, options: SolveOptions) -> Placements | None:
        """The placements, from prices of the coarse model's relaxation; None when stopped."""
        if self._placements is None:
            coarse, columns, rows = merged(
                self._form, self._structure.alike_columns, self._structure.alike_rows
            )
            outcome = solve(
                relaxed(coarse), replace(options, gap=0.0), crossover=False, stop=self._stop
            )
            if not outcome.found and (self._stop.is_set() or outcome.status in EARLY):
                return None
            known = len(outcome.row_dual) > 0
            if outcome.found:
                self._coarse = outcome.values[columns[self._structure.switch]]
            guide = outcome.row_dual[rows] if known else np.zeros(len(self._form.row_lower))
            guide = self.prices.completed(guide)
            self.bound = max(self.bound, self.prices.bound(guide))
            known = len(self._coarse) > 0
            switches = self._coarse if known else np.ones(len(self.prices.switches))
            placements = self._begin(guide, np.clip(switches, 0.0, 1.0))
            if (given := self._given) is not None:
                beside = placements.another()
                self._beside = given, Meanwhile(lambda stop: _once(beside, given, stop))
        return self._placements

    def _begin(self, guide: Floats, switches: Floats) -> Placements:
        """Placements, from completed prices that were found for switches."""
        parts = self._form, self._structure, self.prices, guide, self.options
        self._placements = Placements(*parts, switches, self._ahead)
        return self._placements

    def _ahead(self, cut: Cut) -> tuple[float, Floats]:
        """The least that cuts allow with one more, and the switches, 0 to 1, that have it."""
        self.master.add(cut)
        switches = self.master.propose(
            self._left(MASTER_SECONDS), 0.0, self._stop, Limits(), whole=False
        ).switches
        if not len(switches):
            return -math.inf, switches
        return max(constant + float(slope @ switches) for constant, slope in self.master.cuts), (
            switches
        )

    def _learn(self, found: Placed) -> None:
        """Keep the better plan, and what is learnt from it."""
        if math.isfinite(found.cost) and (self.best is None or found.cost < self.best.cost):
            self.best = found
        self._tried = [*self._tried, found][-LEARNT:]
        self._keep(found)

    def _keep(self, found: Placed) -> None:
        """Keep a plan, of this question or another, and what its prices say of other schedules."""
        assert self._root is not None
        if math.isfinite(found.cost):
            self._plans.append(found)
        shared = np.where(self._only_closed(found.switches), self._root.shared, found.shared)
        self.master.add(self.prices.cut(found.prices))
        self._cut_between(found, self._root.switches, shared)
        self._remembered.append(shared)

    def _only_closed(self, switches: Floats) -> Bools:
        """Rows in which nothing stands but what is closed: placing says nothing of their price."""
        matrix = abs(matrix_of(self._form))
        all_of = np.asarray(matrix[:, self.prices.chosen].sum(axis=1)).ravel()
        closed = np.flatnonzero(self.prices.closed(switches))
        shut = np.asarray(matrix[:, closed].sum(axis=1)).ravel()
        only = (all_of > 0) & (shut >= all_of * (1 - 1e-12)) & ~self._structure.link
        return np.asarray(only, dtype=bool)

    def _sharpen(self) -> None:
        """Cuts in closed form, from prices that are known, where the master's relaxation lies."""
        if self._root is None:
            return
        for _ in range(SHARPENINGS):
            least = self.master.propose(
                self._left(MASTER_SECONDS), 0.0, self._stop, self._limits, whole=False
            )
            if not len(switches := least.switches):
                return
            share = self.prices.share(switches, self._root.values)
            best, highest = None, least.bound + SHARPER * abs(least.bound)
            for shared in self._remembered[:1] + self._remembered[1:][-REMEMBERED:]:
                cut = self.prices.cut(self.prices.completed(shared, share))
                value = cut[0] + float(cut[1] @ switches)
                if value > highest:
                    best, highest = cut, value
            if best is None:
                return
            self.master.add(best)

    # -- clocks

    def _seconds(self) -> float:
        return time.monotonic() - self._clock

    def _out_of_time(self) -> bool:
        limit = self.options.time_limit
        return self._full.is_set() or (limit is not None and self._seconds() >= limit)

    def _ended(self) -> str:
        """What has ended the search."""
        return "memory limit" if self._full.is_set() else "time limit"

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
            self.folded.unfold(self.pooled.expand(placed.values)),
            placed.cost,
            bound,
            self._seconds(),
            self.folded.unfold_prices(self.pooled.expand_prices(placed.prices)),
        )


SHARPER = 2e-5
"""What a cut in closed form must add to the master's bound, as a share of it, to be kept."""


def _once(placements: Placements, switches: Floats, stop: threading.Event) -> Placed | None:
    """Switches placed exactly, by placements that are held no longer than that."""
    try:
        return placements.place(switches, stop, None, exact=0.0)
    finally:
        placements.forget()


def _care(gap: float, nearer: float) -> float:
    """Relative gap of a proposal."""
    return max(min(gap, FINEST) / nearer, 1e-7)


def _whole(switches: Floats) -> bool:
    """Whether every scheme is either open or shut."""
    return bool((switches == np.round(switches)).all())
