"""The one place that knows HiGHS. It sees columns and rows; what a child is, it does not know."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sufficiency.solving.memory import watched
from sufficiency.solving.reading import Labels, take_apart

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_Highs: Any = highspy.Highs
"""The solver, without types: highspy annotates neither its constructor nor its callbacks."""


@dataclass(frozen=True)
class StandardForm:
    """A mixed-integer model in memory: minimise cost x + offset, row_lower <= A x <= row_upper.

    ``columns`` and ``rows`` say what the model calls its variables and rules: (name, index) each;
    both are empty for a form that is made for a search and seen by nobody.
    """

    columns: Labels
    rows: Labels
    start: NDArray[np.int32]
    index: NDArray[np.int32]
    value: Floats
    cost: Floats
    offset: float
    lower: Floats
    upper: Floats
    integer: Bools
    row_lower: Floats
    row_upper: Floats

    @staticmethod
    def of(model: Any) -> StandardForm:
        """Take a Pyomo model apart, keeping the names of variables and rules."""
        return StandardForm(**take_apart(model))

    def with_fixed(self, which: Bools, values: Floats, *, relax: bool = True) -> StandardForm:
        """Fix columns at values; with ``relax`` no column is integer any more."""
        return replace(
            self,
            lower=np.where(which, values, self.lower),
            upper=np.where(which, values, self.upper),
            integer=np.zeros_like(self.integer) if relax else self.integer,
        )

    def with_columns(self, use: Bools) -> StandardForm:
        """Keep only some columns; the others stand at zero."""
        entries = np.repeat(use, np.diff(self.start))
        start = np.zeros(int(use.sum()) + 1, dtype=np.int32)
        np.cumsum(np.diff(self.start)[use], out=start[1:])
        return replace(
            self,
            columns=self.columns[use] if len(self.columns) else self.columns,
            start=start,
            index=self.index[entries],
            value=self.value[entries],
            cost=self.cost[use],
            lower=self.lower[use],
            upper=self.upper[use],
            integer=self.integer[use],
        )

    def reduced_cost(self, row_dual: Floats) -> Floats:
        """What each column would add to the objective at given row prices: c - y A."""
        shape = (len(self.cost), len(self.row_lower))
        by_column = sp.csr_matrix((self.value, self.index, self.start), shape=shape)
        return np.asarray(self.cost - by_column @ row_dual, dtype=float)

    def bound(self, row_dual: Floats) -> float:
        """A valid lower bound on the objective from any row prices, exact or rough.

        Every column goes to the end of its range that its reduced cost prefers; -inf when that
        end is infinite. Integrality can only raise the objective, so the bound holds for the MIP.
        """
        prices = np.where(
            (row_dual > 0) & np.isfinite(self.row_lower)
            | (row_dual < 0) & np.isfinite(self.row_upper),
            row_dual,
            0.0,
        )
        reduced = self.reduced_cost(prices)
        rows = np.where(prices > 0, self.row_lower, np.where(prices < 0, self.row_upper, 0.0))
        end = np.where(reduced > 0, self.lower, np.where(reduced < 0, self.upper, 0.0))
        with np.errstate(invalid="ignore"):
            return float(self.offset + (prices * rows).sum() + (reduced * end).sum())


@dataclass(frozen=True)
class SolveOptions:
    """How to solve.

    Attributes:
        gap: relative gap to prove, a share of the objective.
        time_limit: seconds after which a search ends; None for no limit.
        threads, seed: for the solver.
        memory_gb: a search ends when the whole process holds more than so many gigabytes (10^9
            bytes), as it does when time is over; None for no limit.
    """

    gap: float = 0.005
    time_limit: float | None = None
    threads: int = 2
    seed: int = 1
    memory_gb: float | None = None


@dataclass(frozen=True)
class Progress:
    """Where a solve stands: seconds, best objective so far (inf: none), bound, relative gap."""

    seconds: float
    best: float
    bound: float
    gap: float


@dataclass(frozen=True)
class Outcome:
    """What a solve returned.

    ``status`` is "optimal", "time limit", "memory limit", "interrupted", "infeasible" or what HiGHS
    calls it.
    ``values`` is empty when no solution was found; ``row_dual`` is filled for continuous models.
    """

    status: str
    values: Floats
    objective: float
    bound: float
    seconds: float
    row_dual: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def found(self) -> bool:
        """Whether there is a solution."""
        return len(self.values) > 0

    @property
    def gap(self) -> float:
        """Relative distance between objective and bound, as a share of the objective."""
        if not self.found:
            return math.inf
        return max(0.0, self.objective - self.bound) / max(1e-9, abs(self.objective))


def solver_version() -> str:
    """The version of HiGHS."""
    return str(_Highs().version())


def solve(
    form: StandardForm,
    options: SolveOptions,
    on_progress: Callable[[Progress], bool | None] | None = None,
    start: Floats | None = None,
    *,
    crossover: bool = True,
    stop: threading.Event | None = None,
    settings: Mapping[str, Any] | None = None,
    better: list[Floats] | None = None,
) -> Outcome:
    """Minimise a standard form.

    Ctrl-C asks HiGHS to stop and returns the best solution so far, with status "interrupted".

    Args:
        form: the model.
        options: gap, limits, threads, seed.
        on_progress: called from the solving thread, at most twice a second and at each better
            solution; when it returns True the search ends as if the gap were reached.
        start: column values to start from.
        crossover: False leaves a continuous form at an interior point: rough values, and prices
            that :meth:`StandardForm.bound` turns into a valid bound.
        stop: ends the solve when set. A solve that is given one leaves Ctrl-C and the memory limit
            to its owner.
        settings: further options of HiGHS, by its own names.
        better: takes the values of every better solution, in the order in which they are found.
    """
    highs = _Highs()
    # HiGHS tells progress only while it logs; the console stays quiet all the same.
    highs.setOptionValue("log_to_console", False)
    highs.setOptionValue("threads", options.threads)
    highs.setOptionValue("random_seed", options.seed)
    highs.setOptionValue("mip_rel_gap", options.gap)
    highs.setOptionValue("mip_abs_gap", 1e-6)
    highs.setOptionValue("mip_feasibility_tolerance", 1e-7)
    if options.time_limit is not None:
        highs.setOptionValue("time_limit", float(options.time_limit))
    for name, setting in (settings or {}).items():
        highs.setOptionValue(name, setting)
    if highs.passModel(_as_highs(form)) == highspy.HighsStatus.kError:
        raise RuntimeError("HiGHS refused the model")
    if start is not None:
        point = highspy.HighsSolution()
        point.col_value = start.tolist()
        highs.setSolution(point)
    is_mip = bool(form.integer.any())
    if not crossover:
        highs.setOptionValue("solver", "ipx")
        highs.setOptionValue("run_crossover", "off")
    own, enough = threading.Event(), threading.Event()
    clock = time.monotonic()
    _listen(highs, is_mip, stop or own, enough, on_progress)
    if is_mip and better is not None:
        highs.cbMipImprovingSolution += lambda event: better.append(
            np.array(event.data_out.mip_solution)
        )
    with watched(options.memory_gb if stop is None else None, own) as full:
        interrupted = _run(highs, own) if stop is None else _run_until(highs, stop)
    seconds = time.monotonic() - clock
    outcome = _outcome(highs, form, is_mip, seconds, interrupted, interior=not crossover)
    if interrupted:
        return outcome
    if enough.is_set():
        return replace(outcome, status="enough")
    stopped_by_memory = full.is_set() and outcome.status == "interrupted"
    return replace(outcome, status="memory limit") if stopped_by_memory else outcome


def _as_highs(form: StandardForm) -> Any:
    lp = highspy.HighsLp()
    lp.num_col_ = len(form.cost)
    lp.num_row_ = len(form.row_lower)
    lp.col_cost_ = form.cost
    lp.offset_ = form.offset
    lp.col_lower_ = form.lower
    lp.col_upper_ = form.upper
    lp.row_lower_ = form.row_lower
    lp.row_upper_ = form.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = form.start
    lp.a_matrix_.index_ = form.index
    lp.a_matrix_.value_ = form.value
    if form.integer.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(i)] for i in form.integer]
    return lp


def _listen(
    highs: Any,
    is_mip: bool,
    stop: threading.Event,
    enough: threading.Event,
    on_progress: Callable[[Progress], bool | None] | None,
) -> None:
    def halt(event: Any) -> None:
        if stop.is_set():
            event.interrupt()

    last = [-1.0]
    nodes = highs.getOptionValue("mip_max_nodes")[1]

    def report(event: Any) -> None:
        halt(event)
        out = event.data_out
        if on_progress is None or out.running_time - last[0] < 0.5:
            return
        # A start is completed by a search of its own, with whole columns fixed and a limit of
        # nodes: its bound is none of the model's.
        if highs.getOptionValue("mip_max_nodes")[1] != nodes:
            return
        last[0] = out.running_time
        progress = Progress(out.running_time, out.mip_primal_bound, out.mip_dual_bound, out.mip_gap)
        if on_progress(progress):
            enough.set()
            event.interrupt()

    def better(event: Any) -> None:
        last[0] = -1.0
        report(event)

    def halt_mip(event: Any) -> None:
        halt(event)
        if enough.is_set():
            event.interrupt()

    if is_mip:
        highs.cbMipInterrupt += halt_mip
        highs.cbMipLogging += report
        highs.cbMipImprovingSolution += better
    highs.cbSimplexInterrupt += halt
    highs.callbacks[int(highspy.cb.HighsCallbackType.kCallbackIpmInterrupt)].subscribe(halt)


def _run(highs: Any, stop: threading.Event) -> bool:
    """Run in a worker thread so that Ctrl-C is heard; True when it was."""
    worker = threading.Thread(target=highs.run, daemon=True)
    worker.start()
    interrupted = False
    while worker.is_alive():
        try:
            worker.join(timeout=0.05)
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
            stop.set()
    return interrupted


def _run_until(highs: Any, stop: threading.Event) -> bool:
    """Run until done, or until the owner of ``stop`` sets it; Ctrl-C sets it and goes on up."""
    worker = threading.Thread(target=highs.run, daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            worker.join(timeout=0.05)
    except KeyboardInterrupt:
        stop.set()
        worker.join()
        raise
    return stop.is_set()


class Infeasible(RuntimeError):
    """No values obey all rows of a form."""


@dataclass(frozen=True)
class Vertex:
    """An optimum of a continuous form: objective, values, row prices, and its basis.

    ``columns`` and ``rows`` hold the basis: 0 at the lower end, 1 basic, 2 at the upper, 3 free.
    """

    objective: float
    values: Floats
    row_dual: Floats
    columns: NDArray[np.int8]
    rows: NDArray[np.int8]


_BASIS = (
    highspy.HighsBasisStatus.kLower,
    highspy.HighsBasisStatus.kBasic,
    highspy.HighsBasisStatus.kUpper,
    highspy.HighsBasisStatus.kZero,
)
_NUMBER = {status: number for number, status in enumerate(_BASIS)}


def vertex(
    form: StandardForm,
    options: SolveOptions,
    stop: threading.Event,
    basis: tuple[NDArray[np.int8], NDArray[np.int8]] | None = None,
) -> Vertex | None:
    """The optimum of a continuous form; None when stopped before.

    Args:
        form: without whole numbers.
        options: threads, seed, time limit.
        stop: ends the solve when set; Ctrl-C is its owner's.
        basis: of columns and rows, to start a simplex method from; without one, or where that
            ends in nothing, an interior point is found first and turned into a vertex.

    Raises:
        Infeasible: when no values obey the rows.
        RuntimeError: when there is no optimum for another reason.
    """
    tries = [("ipx", None), ("simplex", None)]
    for solver, begun in tries if basis is None else [("simplex", basis), *tries]:
        highs = _Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", options.threads)
        highs.setOptionValue("random_seed", options.seed)
        highs.setOptionValue("solver", solver)
        if options.time_limit is not None:
            highs.setOptionValue("time_limit", max(0.0, options.time_limit))
        if highs.passModel(_as_highs(form)) == highspy.HighsStatus.kError:
            raise RuntimeError("HiGHS refused the model")
        if begun is not None:
            start = highspy.HighsBasis()
            start.col_status = [_BASIS[i] for i in begun[0].tolist()]
            start.row_status = [_BASIS[i] for i in begun[1].tolist()]
            start.valid = start.alien = True
            highs.setBasis(start)
        _listen(highs, False, stop, threading.Event(), None)
        if _run_until(highs, stop):
            return None
        status = highs.getModelStatus()
        if status == highspy.HighsModelStatus.kTimeLimit:
            return None
        if status == highspy.HighsModelStatus.kOptimal:
            solution, found = highs.getSolution(), highs.getBasis()
            return Vertex(
                float(highs.getInfo().objective_function_value),
                np.array(solution.col_value),
                np.array(solution.row_dual),
                np.array([_NUMBER.get(i, 0) for i in found.col_status], dtype=np.int8),
                np.array([_NUMBER.get(i, 0) for i in found.row_status], dtype=np.int8),
            )
        if status == highspy.HighsModelStatus.kInfeasible and solver == "simplex":
            break
    if status == highspy.HighsModelStatus.kInfeasible:
        raise Infeasible("no values obey the rows")
    raise RuntimeError(f"HiGHS ended with: {highs.modelStatusToString(status)}")


_INTERIOR = (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kUnknown)


def _outcome(
    highs: Any, form: StandardForm, is_mip: bool, seconds: float, interrupted: bool, interior: bool
) -> Outcome:
    status = highs.getModelStatus()
    names = {
        highspy.HighsModelStatus.kOptimal: "optimal",
        highspy.HighsModelStatus.kTimeLimit: "time limit",
        highspy.HighsModelStatus.kInterrupt: "interrupted",
        highspy.HighsModelStatus.kInfeasible: "infeasible",
        highspy.HighsModelStatus.kUnboundedOrInfeasible: "infeasible",
    }
    name = "interrupted" if interrupted else names.get(status, highs.modelStatusToString(status))
    solution = highs.getSolution()
    info = highs.getInfo()
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    complete = is_mip or status == highspy.HighsModelStatus.kOptimal
    if interior and solution.dual_valid and status in _INTERIOR:
        feasible = complete = True
    values = np.array(solution.col_value) if feasible and complete else np.zeros(0)
    objective = float(info.objective_function_value) if len(values) else math.inf
    bound = float(info.mip_dual_bound) if is_mip else objective
    dual = np.array(solution.row_dual) if not is_mip and len(values) else np.zeros(0)
    return Outcome(name, values, objective, bound, seconds, dual)


def contradictions(
    form: StandardForm,
    hard: Sequence[str],
    options: SolveOptions,
    firm: Sequence[str] = (),
    last_resort: Sequence[str] = (),
) -> list[tuple[tuple[str, Any], float]]:
    """Name the rows that cannot all hold: the least violation of the ``hard`` rules.

    Args:
        form: the model that has no solution.
        hard: names of the rules that carry no slack of their own; other rows are left out.
        options: time limit and seed.
        firm: rules among them that are taken as given, so that another is named.
        last_resort: rules that are named only when no other can give way.

    Returns:
        (row, violation) for each row of ``hard`` that the least-violating point breaks.
    """
    keep = form.rows.among(*hard)
    if not keep.any():
        return []
    row_number = np.cumsum(keep) - 1
    column_of = np.repeat(np.arange(len(form.cost)), np.diff(form.start))
    entries = keep[form.index]
    number = np.bincount(column_of[entries], minlength=len(form.cost))
    used = np.flatnonzero(number)
    count, columns = int(keep.sum()), len(used)
    start = np.zeros(columns + 1, dtype=np.int32)
    np.cumsum(number[used], out=start[1:])
    slack_index = np.concatenate([np.arange(count), np.arange(count)]).astype(np.int32)
    slack_value = np.concatenate([np.ones(count), -np.ones(count)])
    scale = np.ones(count)
    largest = np.zeros(count)
    np.maximum.at(largest, row_number[form.index[entries]], np.abs(form.value[entries]))
    scale = np.where(largest > 0, 1.0 / np.maximum(largest, 1e-9), scale)
    rows = form.rows[keep]
    is_firm = rows.among(*firm)
    scale[rows.among(*last_resort)] *= 1000.0
    relaxed = StandardForm(
        columns=form.columns[used] + Labels([("slack", np.arange(2 * count))]),
        rows=rows,
        start=np.concatenate([start, start[-1] + 1 + np.arange(2 * count, dtype=np.int32)]).astype(
            np.int32
        ),
        index=np.concatenate([row_number[form.index[entries]], slack_index]).astype(np.int32),
        value=np.concatenate([form.value[entries], slack_value]),
        cost=np.concatenate([np.zeros(columns), np.tile(scale, 2)]),
        offset=0.0,
        lower=np.concatenate([form.lower[used], np.zeros(2 * count)]),
        upper=np.concatenate([form.upper[used], np.tile(np.where(is_firm, 0.0, math.inf), 2)]),
        integer=np.concatenate([form.integer[used], np.zeros(2 * count, dtype=bool)]),
        row_lower=form.row_lower[keep],
        row_upper=form.row_upper[keep],
    )
    outcome = solve(relaxed, replace(options, gap=1e-6, memory_gb=None))
    if outcome.status == "interrupted":
        raise KeyboardInterrupt
    if not outcome.found:
        raise RuntimeError(f"the rules {', '.join(firm)} contradict each other")
    slack = outcome.values[columns : columns + count] + outcome.values[columns + count :]
    return [(relaxed.rows[i], float(slack[i])) for i in np.flatnonzero(slack > 1e-6)]
