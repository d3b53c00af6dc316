"""Prices by ascent, placements from where it ends, and a search of both, on a small model. The
whole model, solved by HiGHS on its own, says what is true."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import scipy.optimize
from threadpoolctl import threadpool_info

from sufficiency.placement.model import build
from sufficiency.placement.structure import hints
from sufficiency.solving import (
    Limits,
    Progress,
    SchemeSearch,
    SolveOptions,
    StandardForm,
    Structure,
    decomposition,
    solve,
)
from sufficiency.solving import placements as placing
from sufficiency.solving.climbing import FINE, Climb
from sufficiency.solving.decomposition import Master
from sufficiency.solving.placements import Placed
from sufficiency.solving.prices import Cut
from sufficiency.solving.structure import matrix_of
from tests.placement.test_brute_force import Case, authority
from tests.solving.test_formulations import keeps_to, no_bound_is_above
from tests.solving.test_search import EXACT, STOP, Parts, exactly, parts, schedules, small
from tests.tiny import scheme

__all__ = ["parts", "schedules", "small"]  # fixtures

NEAR = 1e-6
ROUGH = SolveOptions(gap=0.01, threads=1, time_limit=1000.0, memory_gb=1000.0)


@pytest.fixture(scope="module")
def optimum(small: tuple[StandardForm, Structure]) -> float:
    """Cost that no plan undercuts, by the whole model."""
    return solve(small[0], SolveOptions(gap=1e-3, threads=2)).bound


# ------------------------------------------------------------------ climbs


def test_a_climb_comes_near_the_cost_from_below(
    small: tuple[StandardForm, Structure], parts: Parts, schedules: list[np.ndarray]
) -> None:
    """From no prices at all: the bound holds, a finer climb is nearer, and everybody is placed."""
    for switches in schedules:
        cost = exactly(small, switches)
        rough = parts.climb.climb(parts.guide, switches, STOP)
        assert rough is not None
        fine = parts.climb.climb(rough.prices, switches, STOP, FINE)
        assert fine is not None
        assert cost * (1 - 0.02) <= rough.bound <= fine.bound <= cost * (1 + 1e-9)
        assert fine.bound >= cost * (1 - 0.01)
        chosen = parts.structure.choice >= 0
        of = np.bincount(parts.structure.choice[chosen], fine.share[chosen])
        assert of[of > 0] == pytest.approx(1.0)
        assert not fine.share[parts.prices.closed(switches)].any()


def test_a_climb_for_half_open_schools_bounds_them_too(
    small: tuple[StandardForm, Structure], parts: Parts, schedules: list[np.ndarray]
) -> None:
    half = sum(schedules) / len(schedules)
    form, structure = small
    values = np.zeros(len(form.cost))
    values[structure.switch] = half
    fixed = form.with_fixed(structure.switch, values)
    loose = replace(fixed, integer=np.zeros(len(form.cost), bool))
    found = parts.climb.climb(parts.guide, half, STOP)
    assert found is not None
    cost = solve(loose, EXACT).objective
    assert cost * (1 - 0.02) <= found.bound <= cost * (1 + 1e-9)


def test_climbs_towards_the_least_of_their_cuts_raise_it(
    small: tuple[StandardForm, Structure], parts: Parts, schedules: list[np.ndarray]
) -> None:
    found = parts.placements().relax(1e-3, STOP, None)
    assert found is not None
    assert len(found) > 1
    bounds = [parts.prices.bound(placed.prices) for placed in found]
    parts.master.cuts.clear()
    least = []
    for placed in found:
        parts.master.add(parts.prices.cut(placed.prices))
        least.append(parts.master.propose(EXACT, 0.0, STOP, Limits(), whole=False).bound)
    assert least == sorted(least)
    assert least[-1] > least[0]
    costs = [exactly(small, switches) for switches in schedules]
    assert max(*least, *bounds) <= min(costs) * (1 + 1e-9)


def test_climbs_keep_their_linear_algebra_to_one_core(
    parts: Parts, schedules: list[np.ndarray]
) -> None:
    """Two at once as well; when the last has ended, others may use all cores again."""

    def cores() -> set[int]:
        return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}

    seen: list[set[int]] = []
    minimise = scipy.optimize.minimize

    def watched(*given: Any, **named: Any) -> Any:
        seen.append(cores())
        found = minimise(*given, **named)
        seen.append(cores())
        return found

    before = cores()
    if before <= {1}:
        pytest.skip("linear algebra has one core here, or no library that takes a number of them")
    with patch("scipy.optimize.minimize", watched):
        climbs = [
            threading.Thread(target=parts.climb.climb, args=(parts.guide, switches, STOP))
            for switches in schedules[:2]
        ]
        for climb in climbs:
            climb.start()
        for climb in climbs:
            climb.join()
    assert seen
    assert all(one == {1} for one in seen)
    assert cores() == before


def test_a_climb_that_is_stopped_or_out_of_time_says_so(
    parts: Parts, schedules: list[np.ndarray]
) -> None:
    stop = threading.Event()
    stop.set()
    assert parts.climb.climb(parts.guide, schedules[0], stop) is None
    assert parts.climb.climb(parts.guide, schedules[0], STOP, time_limit=0.0) is None
    placements = parts.placements()
    assert placements.place(schedules[0], stop, None) is None
    assert placements.relax(1e-3, stop, None) is None
    assert placements.place(schedules[0], STOP, 0.0) is None


# ------------------------------------------------------------------ placements


def test_placing_costs_what_the_whole_model_says_and_obeys_every_row(
    small: tuple[StandardForm, Structure], parts: Parts, schedules: list[np.ndarray]
) -> None:
    placements = parts.placements()
    for switches in schedules:
        placed = placements.place(switches, STOP, None, exact=0.0)
        assert placed is not None
        assert placed.cost == pytest.approx(exactly(small, switches), rel=1e-6)
        assert placed.bound <= placed.cost * (1 + 1e-9)
        form = parts.folded.whole
        values = parts.folded.unfold(parts.pooled.expand(placed.values))
        assert float(form.cost @ values) + form.offset == pytest.approx(placed.cost, rel=1e-9)
        rows = matrix_of(form) @ values
        scale = 1e-5 * np.maximum(1.0, abs(matrix_of(form)) @ np.abs(values))
        assert (rows >= form.row_lower - scale).all()
        assert (rows <= form.row_upper + scale).all()
        assert (values >= form.lower - 1e-5).all()
        assert (values <= form.upper + 1e-5).all()


def test_near_a_plan_another_schedule_is_placed_without_a_climb(
    small: tuple[StandardForm, Structure], parts: Parts, schedules: list[np.ndarray]
) -> None:
    placements = parts.placements()
    first = placements.place(schedules[0], STOP, None)
    assert first is not None
    placements.remember(first)
    apart = [float(np.abs(switches - schedules[0]).sum()) for switches in schedules[1:]]
    with (
        patch.object(placing, "NEARBY", max(apart)),
        patch.object(Climb, "climb", side_effect=AssertionError("a climb")),
    ):
        for switches in schedules[1:]:
            placed = placements.place(switches, STOP, None, exact=0.0)
            assert placed is not None
            assert placed.cost == pytest.approx(exactly(small, switches), rel=1e-6)
            assert placed.bound <= placed.cost * (1 + 1e-9)


def test_far_from_every_plan_prices_are_climbed(parts: Parts, schedules: list[np.ndarray]) -> None:
    placements = parts.placements()
    first = placements.place(schedules[0], STOP, None)
    assert first is not None
    apart = [float(np.abs(switches - schedules[0]).sum()) for switches in schedules]
    far = schedules[int(np.argmax(apart))]
    with (
        patch.object(placing, "NEARBY", max(apart) - 1),
        patch.object(Climb, "climb", side_effect=ArithmeticError("a climb")),
        pytest.raises(ArithmeticError, match="a climb"),
    ):
        placements.place(far, STOP, None)


def test_placing_for_a_dear_schedule_ends_early_with_prices_that_say_so(
    small: tuple[StandardForm, Structure], parts: Parts, schedules: list[np.ndarray]
) -> None:
    placements = parts.placements()
    costs = [exactly(small, s) for s in schedules]
    known = min(costs) * (1 - 0.05)
    for switches, cost in zip(schedules, costs, strict=True):
        placed = placements.place(switches, STOP, None, known=known)
        assert placed is not None
        assert placed.cost == math.inf
        constant, slope = parts.prices.cut(placed.prices)
        assert known < constant + float(slope @ switches) <= cost * (1 + 1e-9)


def test_switches_that_the_rules_forbid_are_infeasible(parts: Parts) -> None:
    """A committed scheme cannot stay shut."""
    shut = np.zeros(len(parts.prices.switches))
    with pytest.raises(decomposition.Infeasible):
        parts.placements().place(shut, STOP, None)


# ------------------------------------------------------------------ the search that uses them


def search(
    small: tuple[StandardForm, Structure], options: SolveOptions = ROUGH, **more: Any
) -> SchemeSearch:
    with patch.object(decomposition, "SMALL", 0):
        return SchemeSearch(*small, options, **more)


@pytest.mark.slow
def test_a_search_proves_a_plan_and_answers_what_is_asked_next(
    small: tuple[StandardForm, Structure], optimum: float
) -> None:
    form, structure = small
    log: list[Progress] = []
    asked = search(small)
    first = asked.run(log.append)
    assert first.status == "optimal"
    keeps_to(form, first)
    assert first.bound <= first.objective <= first.bound / (1 - ROUGH.gap)
    assert first.objective >= optimum * (1 - NEAR)
    no_bound_is_above(log, first.objective * (1 + NEAR))
    at = np.flatnonzero(structure.switch)
    opened = first.values[at] > 0.5
    free = form.lower[at] < 0.5
    for one in np.flatnonzero(opened & free)[-2:]:
        upper = np.ones(len(at))
        upper[one] = 0.0
        limits = Limits(upper=upper)
        answer = asked.run(limits=limits)
        assert answer.status == "optimal"
        keeps_to(limits.on(form, at), answer)
        assert answer.bound <= answer.objective
        assert answer.objective >= optimum * (1 - NEAR)


@pytest.mark.slow
def test_what_is_placed_beside_the_search_is_what_is_placed_after_it(
    small: tuple[StandardForm, Structure], schedules: list[np.ndarray]
) -> None:
    values = np.zeros(len(small[0].cost))
    values[small[1].switch] = schedules[0]
    asked = search(small, replace(ROUGH, threads=2), beside=values)
    assert asked.run().status == "optimal"
    assert asked.place(values).objective == pytest.approx(exactly(small, schedules[0]), rel=1e-6)


# ------------------------------------------------------------------ cuts that are none


def test_a_cut_of_absurd_size_is_not_kept(parts: Parts) -> None:
    master = Master(parts.form, parts.structure)
    none = np.zeros(len(parts.prices.switches))
    master.add((1e8, none))
    master.add((1e8, none))
    assert len(master.cuts) == 1, "the same cut twice is one"
    for absurd in ((1e30, none), (0.0, none + 1e30), (math.inf, none), (0.0, none * math.nan)):
        master.add(absurd)
    assert len(master.cuts) == 1


@pytest.mark.slow
def test_a_bound_above_a_plan_is_no_bound(
    small: tuple[StandardForm, Structure], optimum: float
) -> None:
    """Were a cut ever wrong, the whole model would be asked, and no wrong proof be given."""
    asked = search(small)
    real = asked.prices.cut

    def wrong(prices: np.ndarray) -> Cut:
        constant, slope = real(prices)
        return constant * 1.3, slope

    with patch.object(asked.prices, "cut", wrong):
        outcome = asked.run()
    assert outcome.bound <= outcome.objective
    assert outcome.bound <= optimum * (1 + 0.01)
    assert optimum * (1 - NEAR) <= outcome.objective <= optimum * (1 + 2 * ROUGH.gap)


def test_a_placed_plan_is_a_plan_of_its_own_kind(parts: Parts, schedules: list[np.ndarray]) -> None:
    """Switches are among the values, as those who ask expect."""
    placed = parts.placements().place(schedules[0], STOP, None)
    assert isinstance(placed, Placed)
    assert (placed.values[parts.prices.switches] == schedules[0]).all()


def test_with_nobody_to_place_nothing_fails() -> None:
    """A year without children has no choices to climb."""
    case = Case(
        years=2, schemes=(scheme("s0"),), joining=((0, 0), (0, 0)), budgets=(), committed=()
    )
    question = authority(case).question()
    form = StandardForm.of(build(question))
    structure = Structure(**hints(question, form.columns, form.rows))
    with patch.object(decomposition, "SMALL", 0):
        placed = SchemeSearch(form, structure, EXACT).place(np.zeros(len(form.cost)))
    assert placed.objective == pytest.approx(exactly((form, structure), np.zeros(placed_at(form))))


def placed_at(form: StandardForm) -> int:
    return int(form.columns.among("open").sum())
