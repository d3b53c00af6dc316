"""No line of any log has a bound above what an audited plan costs, nor a best plan below that:
whatever the formulation, the gap and the time, in expected shares and in whole children."""

from __future__ import annotations

import dataclasses
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from sufficiency.asking import Study
from sufficiency.pipeline import Loaded, optimise, study
from sufficiency.placement.structure import hints
from sufficiency.problems import NoPlanError
from sufficiency.solving import (
    FORMULATIONS,
    Outcome,
    Progress,
    SolveOptions,
    Structure,
    decomposition,
    solve,
    solve_as,
)
from tests.placement.test_brute_force import Case, authority, cases
from tests.placement.test_properties import authorities, load
from tests.tiny import scheme

RELATIVE = 1e-6
ENDINGS = (
    SolveOptions(gap=1e-7, threads=1),
    SolveOptions(gap=0.05, threads=1),
    SolveOptions(gap=1e-7, threads=1, time_limit=1e-3),
    SolveOptions(gap=1e-7, threads=1, time_limit=0.05),
)


def logged(name: str, asked: Study, options: SolveOptions) -> tuple[Outcome, list[Progress]]:
    """Outcome of a formulation and every line that it told, the outcome last."""
    structure = Structure(**hints(asked.question, asked.form.columns, asked.form.rows))
    log: list[Progress] = []
    found = solve_as(name, asked.form, structure, options, log.append)
    return found, [*log, Progress(found.seconds, found.objective, found.bound, found.gap)]


@pytest.mark.slow
@pytest.mark.parametrize("whole_children", [False, True])
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(loaded=st.one_of(authorities().map(load), cases().map(authority)))
def test_no_bound_is_ever_above_an_audited_plan(whole_children: bool, loaded: Loaded) -> None:
    logs: list[Progress] = []
    with patch.object(decomposition, "SMALL", 0):
        try:
            plan = optimise(
                loaded, gap=0.0, threads=1, whole_children=whole_children,
                on_progress=lambda _, line: logs.append(line) if line is not None else None,
            )  # fmt: skip
        except NoPlanError:
            event("the rules contradict each other")
            return
        assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]
        cost = plan.stamp["solver"]["objective_pounds"]
        logs.append(Progress(0.0, cost, plan.stamp["solver"]["bound_pounds"], 0.0))
        asked = study(in_children(loaded, whole_children), ENDINGS[0])
        for name in FORMULATIONS:
            for options in ENDINGS:
                found, log = logged(name, asked, options)
                logs += log
                event(f"{name}: {found.status}")
                if options.gap < 1e-6 and options.time_limit is None:
                    # All of them find what the audited plan costs, in whole children as well.
                    assert found.objective == pytest.approx(cost, rel=RELATIVE), name
    slack = RELATIVE * max(1.0, abs(cost))
    for line in logs:
        assert line.bound <= cost + slack, line
        assert line.bound <= line.best + slack, line
        assert line.best >= cost - slack, line


def in_children(loaded: Loaded, whole: bool) -> Any:
    """The same authority, to be asked for whole children or for expected shares."""
    return dataclasses.replace(
        loaded, settings=dataclasses.replace(loaded.settings, whole_children=whole)
    )


def test_what_a_start_is_completed_with_is_no_bound() -> None:
    """HiGHS completes a start that breaks rows by a search with its schemes fixed, and would tell
    that search's bound as the model's: a search that ends at a gap would end there, with a plan
    hundreds of times too dear called near enough."""
    schemes = tuple(
        scheme(f"s{i}", site="ST"[i], places=40, capital_pounds=60.0 + 20 * i) for i in range(2)
    )
    loaded = in_children(authority(Case(3, schemes, ((6, 5), (4, 6), (5, 5)), (), ())), True)
    form = study(loaded, ENDINGS[0]).form
    best = solve(form, ENDINGS[0])
    is_open = np.array([name == "open" for name, _ in form.columns])
    placed = np.flatnonzero([name == "placed" for name, _ in form.columns])
    # The other schemes, and parts of children, of whom the completion makes whole ones.
    start = np.where(is_open, 1.0 - np.round(best.values), best.values + 0.5 * form.integer)
    start[placed[:2]] += 0.5
    log: list[Progress] = []

    def near_enough(line: Progress) -> bool:
        log.append(line)
        return line.gap <= 0.01

    found = solve(form, ENDINGS[0], near_enough, start)
    assert log
    assert max(line.bound for line in log) <= best.objective * (1 + RELATIVE)
    assert best.objective <= found.objective * (1 + RELATIVE)
    assert found.objective <= best.objective * 1.0101
