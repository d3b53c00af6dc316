"""Every formulation by name finds the same plan: beside brute force, beside each other, beside
published optima; and no log of any of them ever shows a bound above what a plan costs."""

from __future__ import annotations

import itertools
import math
import threading
from dataclasses import replace
from functools import cache
from typing import Any
from unittest.mock import patch

import highspy
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, settings

from sufficiency.pipeline import Loaded, optimise
from sufficiency.placement.model import build
from sufficiency.placement.structure import hints
from sufficiency.solving import (
    FORMULATIONS,
    Outcome,
    Progress,
    SolveOptions,
    StandardForm,
    Structure,
    decomposition,
    formulations,
    highs,
    solve,
    solve_as,
)
from sufficiency.solving.highs import vertex
from sufficiency.solving.structure import matrix_of
from tests.placement.test_brute_force import MOST_SCHEDULES, Case, allowed, authority, cases
from tests.placement.test_orlib import FOLDER, Warehouses, as_authority, published, read_instance
from tests.placement.test_properties import Authority, authorities, few, load
from tests.placement.test_regression_sizes import small

RELATIVE = 1e-6
EXACT = SolveOptions(gap=1e-7, threads=1)


def taken_apart(loaded: Loaded) -> tuple[StandardForm, Structure]:
    """Standard form and hints of an authority, as the pipeline makes them."""
    question = loaded.question()
    form = StandardForm.of(build(question))
    return form, Structure(**hints(question, form.columns, form.rows))


def solved_as(
    name: str, form: StandardForm, structure: Structure, options: SolveOptions = EXACT
) -> tuple[Outcome, list[Progress]]:
    """Outcome and log of a formulation; the decomposition is not let off small models."""
    log: list[Progress] = []
    with patch.object(decomposition, "SMALL", 0):
        outcome = solve_as(name, form, structure, options, log.append)
    return outcome, log


def keeps_to(form: StandardForm, outcome: Outcome, tolerance: float = 1e-5) -> None:
    """The values obey every row and bound of the form as the model states it, and cost what the
    outcome says."""
    values = outcome.values
    rows = np.bincount(
        form.index,
        weights=form.value * np.repeat(values, np.diff(form.start)),
        minlength=len(form.row_lower),
    )
    scale = 1.0 + np.bincount(
        form.index,
        weights=np.abs(form.value * np.repeat(values, np.diff(form.start))),
        minlength=len(form.row_lower),
    )
    assert ((rows - form.row_upper) / scale).max() <= tolerance
    assert ((form.row_lower - rows) / scale).max() <= tolerance
    assert (values - form.upper).max() <= tolerance
    assert (form.lower - values).max() <= tolerance
    whole = values[form.integer]
    assert np.abs(whole - np.round(whole)).max(initial=0.0) <= tolerance
    assert form.cost @ values + form.offset == pytest.approx(outcome.objective, rel=RELATIVE)


def no_bound_is_above(log: list[Progress], cost: float) -> None:
    """Of what a plan costs; what the log calls the best plan is never below it either."""
    allowance = 1e-7 * max(1.0, abs(cost))
    for entry in log:
        assert entry.bound <= cost + allowance, entry
        assert entry.bound <= entry.best + allowance, entry


# ------------------------------------------------------------------ brute force


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(cases())
def test_every_formulation_finds_the_best_of_all_schedules(case: Case) -> None:
    options = case.options()
    assume(2 <= np.prod([len(o) for o in options]) <= MOST_SCHEDULES)
    loaded = authority(case)
    question = loaded.question()
    form, structure = taken_apart(loaded)
    names = list(question.schemes["scheme"])
    is_open = np.array([name == "open" for name, _ in form.columns])
    best = math.inf
    for schedule in itertools.product(*options):
        if not allowed(case, schedule):
            continue
        opens = dict(zip((r["scheme"] for r in case.schemes), schedule, strict=True))
        at = {
            (s, t): float(opens[name] is not None and 2025 + t >= opens[name])
            for s, name in enumerate(names)
            for t in question.scheme_columns(s)
        }
        values = np.array([at[i] if n == "open" else 0.0 for n, i in form.columns])
        best = min(best, solve(form.with_fixed(is_open, values), EXACT).objective)
    event("a plan exists" if math.isfinite(best) else "the rules contradict each other")
    for name in FORMULATIONS:
        if not math.isfinite(best):
            # The pipeline asks for contradictions first; the decomposition is not built for them.
            if name != "decomposition":
                assert solved_as(name, form, structure)[0].status == "infeasible", name
            continue
        outcome, log = solved_as(name, form, structure)
        assert outcome.objective == pytest.approx(best, rel=RELATIVE), name
        assert outcome.bound == pytest.approx(best, rel=RELATIVE), name
        keeps_to(form, outcome)
        no_bound_is_above(log, best)


# ------------------------------------------------------------------ beside each other


@pytest.mark.slow
@few(50)
@given(authorities())
def test_all_formulations_agree(a: Authority) -> None:
    form, structure = taken_apart(load(a))
    found: dict[str, float] = {}
    logs: list[Progress] = []
    for name in FORMULATIONS:
        outcome, log = solved_as(name, form, structure)
        keeps_to(form, outcome)
        found[name] = outcome.objective
        logs += [*log, Progress(outcome.seconds, outcome.objective, outcome.bound, outcome.gap)]
    least = min(found.values())
    assert all(cost == pytest.approx(least, rel=RELATIVE) for cost in found.values()), found
    no_bound_is_above(logs, least)


@pytest.mark.slow
@few(15)
@given(authorities())
def test_no_bound_in_any_log_is_above_the_cost_of_an_audited_plan(a: Authority) -> None:
    """Through the whole pipeline, with the decomposition, whatever the gap that is asked for."""
    loaded = load(a)
    logs: list[Progress] = []
    costs: list[float] = []
    for gap in (0.0, 0.05):
        with patch.object(decomposition, "SMALL", 0):
            plan = optimise(
                loaded, gap=gap, threads=1,
                on_progress=lambda _, p: logs.append(p) if p is not None else None,
            )  # fmt: skip
        assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]
        costs.append(plan.stamp["solver"]["objective_pounds"])
        assert plan.stamp["solver"]["bound_pounds"] <= costs[-1]
    assert logs
    no_bound_is_above(logs, min(costs))


# ------------------------------------------------------------------ what a formulation is


def small_question() -> tuple[StandardForm, Structure]:
    """Three sites of which two can be open, children near each, one expansion; three years."""
    schemes: tuple[dict[str, Any], ...] = tuple(
        {
            "scheme": f"s{i}", "name": f"s{i}", "kind": "state_special",
            "site": "ST"[i] if i < 2 else "", "provision": "" if i < 2 else "P", "needs": "any",
            "lowest_year_group": 0, "highest_year_group": 14, "places": 40 + i,
            "earliest_opening": "2026/27", "latest_opening": "", "capital_pounds": 60.0 + 20 * i,
            "capital_profile": "", "fill": "", "running_pounds": 0, "exclusive_group": "",
            "requires": "",
        }
        for i in range(3)
    )  # fmt: skip
    return taken_apart(authority(Case(3, schemes, ((6, 5), (4, 6), (5, 5)), (), ())))


def in_three_ways(form: StandardForm, structure: Structure) -> list[StandardForm]:
    """Single links, links of like children summed, all links of a switch summed."""
    links = formulations._links(form, structure)
    assert len(links.row) == structure.link.sum() > 0
    none = np.zeros(len(links.row), dtype=bool)
    alike = links.switch * (structure.alike_rows.max() + 1) + structure.alike_rows[links.row]
    return [
        form,
        formulations._with_links_summed(form, links, alike, none),
        formulations._with_links_summed(form, links, links.switch, none),
    ]


def test_sums_of_links_are_a_weaker_relaxation() -> None:
    relaxed = [
        solve(replace(f, integer=np.zeros(len(f.cost), dtype=bool)), EXACT).objective
        for f in in_three_ways(*small_question())
    ]
    assert relaxed[0] >= relaxed[1] - 1e-6 >= relaxed[2] - 2e-6
    assert relaxed[0] > relaxed[2] * (1 + 1e-9)


def test_sums_of_links_are_fewer_rows() -> None:
    _, question, model = small()
    form = StandardForm.of(model)
    structure = Structure(**hints(question, form.columns, form.rows))
    counts = [len(f.rows) for f in in_three_ways(form, structure)]
    assert counts[0] > counts[1] > counts[2]


def test_opening_years_have_no_rows_that_say_open_stays_open() -> None:
    form, structure = small_question()
    changed = formulations._by_opening(form, structure)
    names = [name for name, _ in changed.form.rows]
    assert "opens_once" in {name for name, _ in form.rows} - set(names)
    assert "opens_by" in names
    # A scheme that opens in its second year is open in the second and third, not in the first.
    first = [j for j, (name, i) in enumerate(form.columns) if name == "open" and i[0] == 0]
    y = np.zeros(len(form.cost))
    y[first[1]] = 1.0
    assert (changed.expand @ y)[first].tolist() == [0.0, 1.0, 1.0]


def test_a_link_of_another_shape_stays_as_it_is() -> None:
    """A link that holds two columns is no row that may be summed."""
    form, structure = small_question()
    odd = int(np.flatnonzero(structure.link)[0])
    matrix = matrix_of(form).tolil()
    unmet = next(j for j, (name, _) in enumerate(form.columns) if name == "unmet")
    matrix[odd, unmet] = 0.5
    changed = formulations._stated(form, matrix.tocsc(), form.rows, form.row_lower, form.row_upper)
    assert odd not in formulations._links(changed, structure).row
    summed = formulations._by_switch(changed, structure)
    assert changed.rows[odd] in summed.rows
    for name in FORMULATIONS:
        if name != "decomposition":
            expected = solve(changed, EXACT).objective
            found = solve_as(name, changed, structure, EXACT).objective
            assert found == pytest.approx(expected, rel=RELATIVE), name


def test_a_surrogate_row_holds_for_the_plan_and_stops_too_few_places() -> None:
    """With the slacks at zero it asks for places for everybody: a plan with none breaks it."""
    form, structure = small_question()
    stronger = formulations._with_surrogate(form, structure)
    added = np.flatnonzero([name == "surrogate" for name, _ in stronger.rows])
    assert len(added) == 3
    matrix = matrix_of(stronger).tocsr()[added]
    best = solve(form, EXACT)
    assert (matrix @ best.values >= stronger.row_lower[added] - 1e-6).all()
    assert (matrix @ np.zeros(len(form.cost)) < stronger.row_lower[added]).any()


def test_a_cover_counts_the_sites_that_are_needed_and_no_more() -> None:
    """Each of four sites takes six tenths of the children: two are needed, where the relaxation
    makes do with one and two thirds. No plan that costs no more than the best breaks the cover."""
    demand = np.array([5.0, 4.0, 3.0, 6.0, 2.0, 5.0])
    cost = np.random.default_rng(3).uniform(1.0, 40.0, (6, 4))
    sites = Warehouses(np.full(4, 15.0), np.full(4, 300.0), demand, cost)
    form, structure = taken_apart(as_authority(sites))
    best = solve(form, EXACT)
    links = formulations._links(form, structure)
    base = formulations._within_single_rows(formulations._with_surrogate(form, structure))
    none = np.zeros(len(links.row), dtype=bool)
    root = formulations._root(base, links, EXACT, None, 0.0, none)
    stronger = formulations._with_covers(base, len(form.rows), structure, root, best.objective)
    cover = np.flatnonzero([name == "cover" for name, _ in stronger.rows])
    assert stronger.row_lower[cover].tolist() == [2.0]
    row = matrix_of(stronger).tocsr()[cover]
    assert row @ best.values == pytest.approx([2.0])
    assert (row @ root.values)[0] < 1.9
    relaxed = replace(stronger, integer=np.zeros(len(form.cost), dtype=bool))
    assert solve(relaxed, EXACT).objective > root.bound + 1.0
    # With a plan in hand that is far too dear, nothing is known of how many may go unplaced.
    unsure = formulations._with_covers(base, len(form.rows), structure, root, 1e9)
    assert len(unsure.rows) == len(base.rows)


def test_a_time_limit_returns_what_was_found_and_a_bound_that_holds() -> None:
    form, structure = small_question()
    cost = solve(form, EXACT).objective
    for name in FORMULATIONS:
        outcome = solve_as(name, form, structure, replace(EXACT, time_limit=1e-3))
        assert outcome.bound <= cost * (1 + RELATIVE), name
        assert outcome.objective >= cost * (1 - RELATIVE), name


# ------------------------------------------------------------------ published optima

needs_files = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"OR-Library files are not at {FOLDER}; nothing is downloaded"
)


@cache
def warehouse_form(name: str) -> tuple[StandardForm, Structure]:
    return taken_apart(as_authority(read_instance(name)))


@needs_files
@pytest.mark.parametrize("formulation", list(FORMULATIONS))
@pytest.mark.parametrize(
    "name", ["cap41", "cap64", "cap74", *(pytest.param(n, marks=pytest.mark.slow)
                                          for n in ("cap101", "cap111", "cap134"))],
)  # fmt: skip
def test_published_optimum_of_capacitated_warehouses(name: str, formulation: str) -> None:
    form, structure = warehouse_form(name)
    outcome, log = solved_as(formulation, form, structure)
    keeps_to(form, outcome)
    assert outcome.objective == pytest.approx(published(name), rel=RELATIVE)
    assert outcome.bound == pytest.approx(published(name), rel=RELATIVE)
    no_bound_is_above(log, published(name))


CAPA = {8000: 19240822.449, 10000: 18438046.543, 12000: 17765201.949, 14000: 17160439.012}
"""Capacity of every warehouse and published optimum (OR-Library, capopt.txt)."""


def read_capa(capacity: int) -> Warehouses:
    """100 warehouses of one capacity, which the file leaves open, and 1,000 customers."""
    text = (FOLDER / "capa.txt").read_text().replace("capacity", str(capacity))
    numbers = [float(word) for word in text.split()]
    m, n = int(numbers[0]), int(numbers[1])
    sites = np.array(numbers[2 : 2 + 2 * m]).reshape(m, 2)
    customers = np.array(numbers[2 + 2 * m :]).reshape(n, m + 1)
    return Warehouses(sites[:, 0], sites[:, 1], customers[:, 0], customers[:, 1:])


@needs_files
def test_the_published_optima_of_capa_are_those_in_the_file() -> None:
    words = (FOLDER / "capopt.txt").read_text().split()
    for capacity, optimum in CAPA.items():
        assert str(capacity) + ")" in words
        assert f"{optimum:.3f}" in words
    assert read_capa(8000).cost.shape == (1000, 100)
    assert set(read_capa(8000).capacity) == {8000.0}


@needs_files
@pytest.mark.long
@pytest.mark.parametrize("capacity", list(CAPA))
def test_published_optimum_of_capa(capacity: int) -> None:
    """100 sites and 1,000 customers: links where they are broken, covers, narrowed ranges."""
    form, structure = taken_apart(as_authority(read_capa(capacity)))
    options = SolveOptions(gap=1e-6, time_limit=1800.0)
    outcome, log = solved_as("tightened", form, structure, options)
    keeps_to(form, outcome)
    assert outcome.status == "optimal"
    assert outcome.objective == pytest.approx(CAPA[capacity], rel=2e-6)
    no_bound_is_above(log, CAPA[capacity])


def test_a_linear_program_that_ends_in_nothing_is_asked_again_from_scratch() -> None:
    """HiGHS may end a start from the last basis as "unknown"; one such end must not end a study."""
    form = StandardForm(
        columns=[], rows=[], start=np.array([0, 1, 2], dtype=np.int32),
        index=np.zeros(2, dtype=np.int32), value=np.ones(2), cost=np.array([1.0, 2.0]), offset=0.0,
        lower=np.zeros(2), upper=np.full(2, 9.0), integer=np.zeros(2, dtype=bool),
        row_lower=np.array([3.0]), row_upper=np.array([np.inf]),
    )  # fmt: skip
    statuses = iter([highspy.HighsModelStatus.kUnknown])
    begun = []

    class Uncertain(highs._Highs):
        def getModelStatus(self) -> Any:  # HiGHS names it so
            begun.append(self.getOptionValue("solver")[1])
            return next(statuses, None) or super().getModelStatus()

    basis = np.array([1, 0], dtype=np.int8), np.array([0], dtype=np.int8)
    with patch.object(highs, "_Highs", Uncertain):
        found = vertex(form, SolveOptions(threads=1), threading.Event(), basis)
    assert found is not None
    assert found.objective == pytest.approx(3.0)
    assert begun == ["simplex", "ipx"]
