"""A search that time, memory or Ctrl-C ends at any moment still has a plan, and its true gap.

No test waits for a clock: a search is ended at the n-th step, at the n-th look at the
clock, or at the n-th word of progress, for several n.
"""

from __future__ import annotations

import itertools
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from sufficiency.cli import main
from sufficiency.pipeline import Loaded, load_scenario, optimise
from sufficiency.placement.model import build
from sufficiency.placement.structure import hints
from sufficiency.solving import (
    Limits,
    Outcome,
    Progress,
    SchemeSearch,
    SolveOptions,
    StandardForm,
    Structure,
    decomposition,
    memory,
    placements,
    solve,
)
from sufficiency.solving.decomposition import EARLY
from tests.solving.test_formulations import keeps_to, no_bound_is_above

OPTIONS = SolveOptions(gap=1e-6, threads=1, time_limit=1000.0, memory_gb=1000.0)
NEAR = 1e-6
MOMENTS = (0, 1, 3, 5, 9)
LATE = 1e5


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load_scenario("small")


@pytest.fixture(scope="module")
def small(loaded: Loaded) -> tuple[StandardForm, Structure]:
    question = loaded.question()
    form = StandardForm.of(build(question))
    return form, Structure(**hints(question, form.columns, form.rows))


@pytest.fixture(scope="module")
def optimum(small: tuple[StandardForm, Structure]) -> float:
    """Cost of the best plan, by the whole model."""
    return solve(small[0], SolveOptions(gap=1e-6, threads=2)).bound


@pytest.fixture(scope="module")
def alone(small: tuple[StandardForm, Structure]) -> float:
    """Cost of the plan with no scheme but those that are committed."""
    form, structure = small
    search = SchemeSearch(form, structure, OPTIONS)
    committed = form.columns.among("open") & np.isin(
        np.arange(len(form.columns)), _required_open(form)
    )
    return search.place(committed.astype(float)).objective


def _required_open(form: StandardForm) -> np.ndarray:
    """Switches that a row of their own sets to 1."""
    at, _ = form.rows.of("committed_schemes")
    columns = np.repeat(np.arange(len(form.cost)), np.diff(form.start))
    inside = np.isin(form.index, at[form.row_lower[at] == 1.0])
    return np.unique(columns[inside])


# ------------------------------------------------------------------ ways of ending a search


@contextmanager
def at_a_step(n: int, end: Callable[[], None]) -> Iterator[None]:
    """End the search in its n-th step, a climb of prices or a linear model, once."""
    counted = itertools.count()

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any, **named: Any) -> Any:
            if next(counted) == n:
                end()
            return real(*given, **named)

        return step

    climb = patch.object(placements.Climb, "climb", counting(placements.Climb.climb))
    with climb, patch.object(placements, "vertex", counting(placements.vertex)):
        yield


@contextmanager
def out_of_time(n: int) -> Iterator[None]:
    """From the n-th look at the clock on, a day passes between two looks."""
    looked = itertools.count(1 - n)

    def monotonic() -> float:
        return LATE * max(0, next(looked))

    with ExitStack() as stack:
        for module in (decomposition, placements):
            stack.enter_context(patch.object(module, "time", SimpleNamespace(monotonic=monotonic)))
        yield


@contextmanager
def out_of_memory(n: int) -> Iterator[None]:
    """In the n-th step the process holds too much; the watcher has seen it."""
    held, seen = [0.1], threading.Event()

    def resident() -> float:
        if held[0] > 1.0:
            seen.set()
        return held[0]

    def end() -> None:
        held[0] = LATE
        assert seen.wait(30.0)
        # The watcher sets its events between this look and the next, which never comes.
        for thread in threading.enumerate():
            if thread.name == memory.WATCHER:
                thread.join(30.0)

    with patch.object(memory, "resident_gigabytes", resident), at_a_step(n, end):
        yield


@contextmanager
def ctrl_c(n: int) -> Iterator[None]:
    """Ctrl-C in the n-th step, as the system sends it."""
    with at_a_step(n, lambda: signal.raise_signal(signal.SIGINT)):
        yield


WAYS: dict[str, Callable[[int], Any]] = {
    "time limit": out_of_time,
    "memory limit": out_of_memory,
    "interrupted": ctrl_c,
}


def ended(
    small: tuple[StandardForm, Structure], way: str, n: int, limits: Limits | None = None
) -> tuple[Outcome, list[Progress]]:
    log: list[Progress] = []
    with patch.object(decomposition, "SMALL", 0), WAYS[way](n):
        search = SchemeSearch(*small, OPTIONS)
        return search.run(log.append, limits), log


# ------------------------------------------------------------------ a plan and its true gap


@pytest.mark.slow
@pytest.mark.parametrize("n", MOMENTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_search_ended_at_any_moment_has_a_plan_and_a_bound_that_holds(
    small: tuple[StandardForm, Structure], optimum: float, alone: float, way: str, n: int
) -> None:
    outcome, log = ended(small, way, n)
    # What is proven by the very step in which a limit is reached is proven all the same.
    proven = way != "interrupted" and outcome.gap <= OPTIONS.gap
    assert outcome.status == ("optimal" if proven else way)
    keeps_to(small[0], outcome)
    assert outcome.bound <= optimum * (1 + NEAR)
    assert optimum <= outcome.objective * (1 + NEAR)
    assert log[-1].best == pytest.approx(outcome.objective)
    no_bound_is_above(log, optimum * (1 + NEAR))
    # The schedule is a good one, not just any: most of what schemes can save is saved.
    assert outcome.objective <= optimum + 0.2 * (alone - optimum)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_question_about_schemes_that_is_ended_early_is_answered_within_its_limits(
    small: tuple[StandardForm, Structure], way: str
) -> None:
    form, structure = small
    at = np.flatnonzero(structure.switch)
    forbidden = np.array([form.columns[i][1][0] % 2 == 0 for i in at])
    fixed = np.zeros(len(form.columns), dtype=bool)
    fixed[_required_open(form)] = True
    upper = np.where(forbidden & ~fixed[at], 0.0, 1.0)
    limits = Limits(upper=upper)
    outcome, _ = ended(small, way, 0, limits)
    assert outcome.status == way
    keeps_to(limits.on(form, at), outcome)
    exact = solve(limits.on(form, at), SolveOptions(gap=1e-6, threads=2))
    assert outcome.bound <= exact.objective * (1 + NEAR)
    assert exact.objective <= outcome.objective * (1 + 2 * NEAR)


@pytest.mark.slow
def test_a_search_that_was_ended_goes_on_from_there(
    small: tuple[StandardForm, Structure], optimum: float
) -> None:
    """Asked again without a limit, the same search proves what a fresh one proves."""
    with patch.object(decomposition, "SMALL", 0):
        search = SchemeSearch(*small, replace(OPTIONS, gap=1e-4))
        with ctrl_c(1):
            first = search.run()
        again = search.run()
    assert first.status == "interrupted"
    assert again.status == "optimal"
    assert again.objective <= first.objective * (1 + NEAR)
    assert again.bound <= optimum * (1 + NEAR) <= again.objective * (1 + 2 * NEAR)
    assert again.gap <= 1e-4


def test_a_second_ctrl_c_gives_the_plan_up(small: tuple[StandardForm, Structure]) -> None:
    with patch.object(decomposition, "SMALL", 0), ctrl_c(0), ctrl_c(1):
        search = SchemeSearch(*small, OPTIONS)
        with pytest.raises(KeyboardInterrupt):
            search.run()


# ------------------------------------------------------------------ through the whole pipeline


@pytest.mark.slow
@pytest.mark.parametrize("smallest", [0, decomposition.SMALL])
@pytest.mark.parametrize("n", [0, 4])
@pytest.mark.parametrize("way", WAYS)
def test_the_plan_of_a_search_that_was_ended_is_audited(
    loaded: Loaded, optimum: float, way: str, n: int, smallest: int
) -> None:
    """Both roads to a plan: large models are taken apart, small ones are searched as they are."""
    limits: dict[str, Any] = {"time_limit": 1000.0, "memory_gb": 1000.0}
    with ExitStack() as stack:
        stack.enter_context(patch.object(decomposition, "SMALL", smallest))
        if smallest == 0:
            stack.enter_context(WAYS[way](n))
        elif way == "time limit":
            limits["time_limit"] = 1e-3
        elif way == "memory limit":
            limits["memory_gb"] = 1e-3
        else:
            stack.enter_context(_ctrl_c_in_the_solver())
        plan = optimise(loaded, gap=1e-6, threads=1, **limits)
    solver = plan.stamp["solver"]
    assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]
    assert solver["status"] == way
    assert solver["interrupted"] == (way == "interrupted")
    assert solver["bound_pounds"] <= optimum * (1 + NEAR)
    assert optimum <= solver["objective_pounds"] * (1 + NEAR)
    gap = 1 - solver["bound_pounds"] / solver["objective_pounds"]
    assert solver["gap"] == pytest.approx(gap)
    assert plan.without_schemes is not None
    assert plan.present_value_pounds < plan.without_schemes.present_value_pounds


@contextmanager
def _ctrl_c_in_the_solver() -> Iterator[None]:
    """Ctrl-C as soon as the whole model is given to the solver, before it has found anything."""
    real = decomposition.solve

    def solve_(form: Any, options: Any, *rest: Any, **named: Any) -> Any:
        if "stop" in named or not form.integer.any():
            return real(form, options, *rest, **named)
        return replace(
            real(form, replace(options, time_limit=1e-3), *rest, **named), status="interrupted"
        )

    with patch.object(decomposition, "solve", solve_):
        yield


# ------------------------------------------------------------------ memory


def test_the_memory_that_is_held_is_told_and_grows_with_what_is_held() -> None:
    before = memory.resident_gigabytes()
    assert 0.01 < before < 100.0
    held = np.ones(30_000_000)  # 0.24 gigabytes
    after = memory.resident_gigabytes()
    assert after - before > 0.15 or memory.resident_gigabytes() > 0.24
    assert held.sum() == len(held)


def test_without_a_limit_nothing_is_watched() -> None:
    with memory.watched(None) as full:
        assert not [t for t in threading.enumerate() if t.name == memory.WATCHER]
    assert not full.is_set()


def test_more_than_the_limit_sets_every_event_and_the_watcher_ends() -> None:
    stop = threading.Event()
    with memory.watched(1e-3, stop) as full:
        assert full.is_set() and stop.is_set()
    held = [0.0]
    now = patch.object(memory, "resident_gigabytes", lambda: held[0])
    with now, memory.watched(1.0) as full:
        assert not full.is_set()
        held[0] = 2.0
        assert full.wait(30.0)
    assert not [t for t in threading.enumerate() if t.name == memory.WATCHER]


@pytest.mark.slow
def test_the_command_line_says_that_memory_ended_the_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["optimise", "small", "--memory-limit", "0.001", "--out", str(out)]) == 0
    assert "memory limit" in capsys.readouterr().out
    solver = json.loads((out / "run.json").read_text(encoding="utf-8"))["solver"]
    assert solver["status"] == "memory limit"
    assert solver["memory_limit_gigabytes"] == 0.001
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "The search reached its memory limit" in page


@pytest.mark.parametrize("word", ["0", "-1", "much", "inf"])
def test_a_memory_limit_must_be_a_number_of_gigabytes(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["optimise", "small", f"--memory-limit={word}"])
    assert "gigabytes" in capsys.readouterr().err


def test_every_way_of_ending_is_an_early_end() -> None:
    assert set(WAYS) == set(EARLY)
