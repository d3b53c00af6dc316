"""What is measured, one function a contender; each runs alone in a process of its own.

    python -m tests.benchmarks.contenders NAME ARGUMENTS.json RESULT.json STARTED

``STARTED`` is the time (seconds since the epoch) at which the process was asked for, so that every
log counts from there: imports and reading are in it. A result holds objective, bound, status,
split (seconds by step), log ([seconds, best, bound]) and model (rows, columns, nonzeros, binaries).
"""

from __future__ import annotations

import json
import math
import pickle
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

Result = dict[str, Any]


class Watch:
    """Seconds by step, and a log of best plan and bound, both since the process was asked for."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.split: dict[str, float] = {}
        self.log: list[list[float | None]] = []
        self._step, self._since = "Imports", started

    def step(self, name: str) -> None:
        """The step before ends, this one begins; a name met again goes on counting."""
        if name != self._step:
            now = time.time()
            self.split[self._step] = self.split.get(self._step, 0.0) + now - self._since
            self._step, self._since = name, now

    def told(self, step: str, progress: Any = None) -> None:
        """An ``on_progress`` of the product."""
        self.step(step)
        if progress is not None:
            self.note(progress.best, progress.bound)

    def note(self, best: float, bound: float) -> None:
        """A line of the log; infinite values become nothing."""
        seconds = time.time() - self.started
        self.log.append([seconds, *(v if math.isfinite(v) else None for v in (best, bound))])

    def closed(self, result: Result) -> Result:
        """A result with split and log."""
        self.step("")
        return {**result, "split": self.split, "log": self.log}


def size_of(form: Any) -> dict[str, int]:
    """Rows, columns, nonzeros and binaries of a standard form."""
    return {
        "rows": len(form.row_lower),
        "columns": len(form.cost),
        "nonzeros": len(form.value),
        "binaries": int(form.integer.sum()),
    }


def taken_apart(loaded: Any) -> tuple[Any, Any]:
    """Standard form and hints, as the pipeline makes them."""
    from sufficiency.placement.model import build
    from sufficiency.placement.structure import hints
    from sufficiency.solving import StandardForm, Structure

    question = loaded.question()
    form = StandardForm.of(build(question))
    return form, Structure(**hints(question, form.columns, form.rows))


def options_of(asked: Result) -> Any:
    """Gap, time limit, threads and seed of the arguments."""
    from sufficiency.solving import SolveOptions

    return SolveOptions(asked["gap"], asked["time_limit"], asked["threads"], seed=1)


def of_outcome(outcome: Any) -> Result:
    """What a result keeps of an outcome."""
    return {
        "status": outcome.status,
        "objective": outcome.objective if outcome.found else None,
        "bound": outcome.bound if math.isfinite(outcome.bound) else None,
    }


# ------------------------------------------------------------------ the product


def product(asked: Result, watch: Watch) -> Result:
    """``optimise`` from Python, then the run folder and its reports: all that the command does.

    ``answered`` are the seconds until the audited plan is in hand, in the run folder where there
    is one.
    """
    from sufficiency.pipeline import load_scenario, optimise, write_results
    from sufficiency.reports import prepare_beside, write_reports

    written = asked.get("folder_and_reports", True)
    watch.step("Reading the tables")
    loaded = load_scenario(asked["scenario"])
    if written:
        prepare_beside("page", "workbook", "geopackage")
    plan = optimise(
        loaded,
        gap=asked["gap"],
        time_limit=asked["time_limit"],
        threads=asked["threads"],
        whole_children=asked.get("whole_children", False),
        audited=not written,
        on_progress=watch.told,
    )
    answered = time.time() - watch.started
    if not written:
        return watch.closed({**of_plan(plan), "answered": answered})
    with tempfile.TemporaryDirectory() as folder:
        run = write_results(plan, loaded, Path(folder) / "run", report=False, on_step=watch.told)
        answered = time.time() - watch.started
        watch.step("Reports")
        write_reports(run)
    return watch.closed({**of_plan(plan), "answered": answered})


def of_plan(plan: Any) -> Result:
    """What a result keeps of a plan's stamp."""
    stamp = plan.stamp
    solver, size = stamp["solver"], stamp["size"]
    return {
        "status": solver["status"],
        "objective": solver["objective_pounds"],
        "bound": solver["bound_pounds"],
        "audit": stamp["audit"]["passed"],
        "model": {k: size.get(k) for k in ("rows", "columns", "nonzeros", "binaries")},
        "authority": {k: size[k] for k in ("plans_today", "cohorts", "arcs", "schemes")},
    }


def placements_only(asked: Result, watch: Watch) -> Result:
    """Schemes fixed, another question: the first scheme that opened stays shut."""
    from tests.benchmarks import warm

    return watch.closed(warm.placements_only(asked, watch))


def one_more_site(asked: Result, watch: Watch) -> Result:
    """A scenario is solved; then one more candidate site is offered to the same search."""
    from tests.benchmarks import warm

    return watch.closed(warm.one_more_site(asked, watch))


def one_more_site_cold(asked: Result, watch: Watch) -> Result:
    """The same question from the start."""
    from tests.benchmarks import warm

    return watch.closed(warm.one_more_site_cold(asked, watch))


# ------------------------------------------------------------------ other ways to the same plan


def formulation(asked: Result, watch: Watch) -> Result:
    """One formulation by name, from a standard form that is ready."""
    from sufficiency.solving import solve_as

    watch.step("Reading the matrix")
    form, structure = pickle.loads(Path(asked["form"]).read_bytes())
    watch.step("Solver")
    outcome = solve_as(
        asked["name"], form, structure, options_of(asked), lambda p: watch.note(p.best, p.bound)
    )
    watch.note(outcome.objective, outcome.bound)
    return watch.closed({**of_outcome(outcome), "model": size_of(form)})


def matrix(asked: Result, watch: Watch) -> Result:
    """The same matrix handed to HiGHS: no Pyomo, none of this product's code."""
    import highspy
    import numpy as np

    watch.step("Reading the matrix")
    data = np.load(asked["matrix"])
    watch.step("Handing over")
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(data["cost"]), len(data["row_lower"])
    lp.col_cost_, lp.offset_ = data["cost"], float(data["offset"])
    lp.col_lower_, lp.col_upper_ = data["lower"], data["upper"]
    lp.row_lower_, lp.row_upper_ = data["row_lower"], data["row_upper"]
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = data["start"], data["index"]
    lp.a_matrix_.value_ = data["value"]
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    lp.integrality_ = [kinds[int(i)] for i in data["integer"]]
    highs = highspy.Highs()
    highs.setOptionValue("log_to_console", False)
    highs.setOptionValue("mip_rel_gap", asked["gap"])
    highs.setOptionValue("time_limit", asked["time_limit"])
    highs.setOptionValue("threads", asked["threads"])
    highs.passModel(lp)
    highs.cbMipLogging += lambda e: watch.note(
        e.data_out.mip_primal_bound, e.data_out.mip_dual_bound
    )
    watch.step("Solver")
    highs.run()
    info = highs.getInfo()
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    best = info.objective_function_value if found else math.inf
    watch.note(best, info.mip_dual_bound)
    return watch.closed(
        {
            "status": highs.modelStatusToString(highs.getModelStatus()).lower(),
            "objective": best if found else None,
            "bound": info.mip_dual_bound if math.isfinite(info.mip_dual_bound) else None,
            "model": {
                "rows": lp.num_row_,
                "columns": lp.num_col_,
                "nonzeros": len(data["value"]),
                "binaries": int(data["integer"].sum()),
            },
        }
    )


# "     0   0   0   0.00%   81324.2   86455.8   5.94%   0   0   0   1203   1.2s" of HiGHS' own log:
# from the end: seconds, LP iterations, cuts and conflicts, gap, best plan, bound.
LOG_LINE = re.compile(
    r"(\S+)\s+(\S+)\s+(?:\S+%|inf|Large)\s+\d+\s+\d+\s+\d+\s+\d+\s+(\d+(?:\.\d+)?)s\s*$"
)


def read_log(text: str, offset: float) -> list[list[float | None]]:
    """Lines [seconds, best, bound] of the log of a MIP, as HiGHS prints it."""

    def number(word: str) -> float | None:
        value = float(word)
        return value if math.isfinite(value) else None

    found = []
    for line in text.splitlines():
        match = LOG_LINE.search(line)
        if match:
            bound, best, seconds = match.groups()
            found.append([offset + float(seconds), number(best), number(bound)])
    return found


def analyst(asked: Result, watch: Watch) -> Result:
    """The analyst's first model, in plain Pyomo with ``appsi_highs``."""
    import pyomo.environ as pyo
    from pyomo.contrib.appsi.solvers.highs import Highs

    from sufficiency.pipeline import load_scenario
    from tests.benchmarks.analyst import analyst_model

    watch.step("Reading the tables")
    loaded = load_scenario(asked["scenario"])
    whole = asked.get("whole_children", False)
    loaded = replace(loaded, settings=replace(loaded.settings, whole_children=whole))
    question = loaded.question()
    watch.step("Building the model")
    model = analyst_model(question)
    sizes = {
        "rows": sum(1 for _ in model.component_data_objects(pyo.Constraint)),
        "columns": 0,
        "nonzeros": None,
        "binaries": 0,
    }
    for variable in model.component_data_objects(pyo.Var):
        sizes["columns"] += 1
        sizes["binaries"] += not variable.is_continuous()
    watch.step("Solver, and Pyomo's way to it")
    solver = Highs()
    solver.config.load_solution = False
    solver.config.time_limit = asked["time_limit"]
    solver.config.mip_gap = asked["gap"]
    before = time.time() - watch.started
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        solver.highs_options = {"threads": asked["threads"], "log_file": str(log)}
        result = solver.solve(model)
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    handing = time.time() - watch.started - before
    times = re.findall(r"^\s*Timing\s+([\d.]+)", text, re.M)
    watch.log = read_log(text, before + max(0.0, handing - float(times[-1]) if times else 0.0))
    best, bound = result.best_feasible_objective, result.best_objective_bound
    if best is not None and bound is not None:
        watch.note(best, bound)
    return watch.closed(
        {
            "status": result.termination_condition.name,
            "objective": best,
            "bound": bound if bound is not None and math.isfinite(bound) else None,
            "model": sizes,
        }
    )


# ------------------------------------------------------------------ the p-median of spopt


def median(asked: Result, watch: Watch) -> Result:
    """spopt's problem as a question of this product: tables, question, model, search.

    ``whole``: each client to one facility, as spopt has it; otherwise shares, as children of an
    area may go to several schools.
    """
    from sufficiency.solving import solve_as
    from tests.benchmarks.static import as_authority, instance, undivided

    watch.step("Reading the tables")
    loaded = as_authority(instance(*asked["instance"]))
    watch.step("Building the model")
    form, structure = taken_apart(loaded)
    if asked["whole"]:
        form = undivided(form, structure)
    watch.step("Solver")
    outcome = solve_as(
        asked["name"], form, structure, options_of(asked), lambda p: watch.note(p.best, p.bound)
    )
    watch.note(outcome.objective, outcome.bound)
    spent = sum(
        round(float(value))
        for (name, _), value in zip(form.columns, outcome.values, strict=True)
        if name == "open"
    )
    result = of_outcome(outcome)
    if outcome.found:
        # One pound for each facility is not part of spopt's objective.
        result["objective"] -= spent
        result["bound"] -= spent
    return watch.closed({**result, "model": size_of(form), "opened": spent})


# ------------------------------------------------------------------ what the others need


def prepare(asked: Result, watch: Watch) -> Result:
    """Write the standard form of a scenario for contenders that start from it."""
    import numpy as np

    from sufficiency.pipeline import load_scenario

    form, structure = taken_apart(load_scenario(asked["scenario"]))
    Path(asked["form"]).write_bytes(pickle.dumps((form, structure)))
    np.savez(
        asked["matrix"],
        **{
            name: getattr(form, name)
            for name in (
                "start", "index", "value", "cost", "offset", "lower", "upper", "integer",
                "row_lower", "row_upper",
            )
        },
    )  # fmt: skip
    return watch.closed({"status": "written", "model": size_of(form)})


def example(asked: Result, watch: Watch) -> Result:
    """Write a fictional authority, as it is or grown by a factor."""
    from sufficiency.examples.authorities import SIZES
    from sufficiency.examples.generator import write_example
    from tests.benchmarks.growth import grown

    size = SIZES[asked["size"]]
    path = write_example(grown(size, asked.get("factor", 1.0)), Path(asked["folder"]))
    return watch.closed({"status": "written", "scenario": str(path)})


CONTENDERS: dict[str, Callable[[Result, Watch], Result]] = {
    "product": product,
    "placements_only": placements_only,
    "one_more_site": one_more_site,
    "one_more_site_cold": one_more_site_cold,
    "formulation": formulation,
    "matrix": matrix,
    "analyst": analyst,
    "median": median,
    "prepare": prepare,
    "example": example,
}


def main(name: str, arguments: str, result: str, started: str) -> None:
    """Run one contender and write its result."""
    asked = json.loads(Path(arguments).read_text(encoding="utf-8"))
    found = CONTENDERS[name](asked, Watch(float(started)))
    Path(result).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
