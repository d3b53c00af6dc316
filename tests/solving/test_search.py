"""The parts of the search against the whole model that HiGHS solves on its own: same costs, valid
bounds, and questions asked again that equal questions asked for the first time."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import scipy.sparse as sp

from sufficiency.examples.authorities import SIZES
from sufficiency.examples.generator import write_example
from sufficiency.pipeline import load_scenario
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
from sufficiency.solving.climbing import Climb
from sufficiency.solving.decomposition import Master
from sufficiency.solving.meanwhile import Meanwhile
from sufficiency.solving.placements import Placements
from sufficiency.solving.prices import Cut, Prices
from sufficiency.solving.structure import Folded, Pooled, form_of, matrix_of
from tests.benchmarks.contenders import taken_apart
from tests.benchmarks.growth import grown

EXACT = SolveOptions(gap=1e-7, threads=1)
STOP = threading.Event()


@pytest.fixture(scope="module")
def small() -> tuple[StandardForm, Structure]:
    """The standard form of the small example, and what may be known of it."""
    return taken_apart(load_scenario("small"))


@pytest.fixture(scope="module")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> tuple[StandardForm, Structure]:
    """The same of an authority of the small one's character with a quarter of its children:
    questions that are searched to the end, and asked of HiGHS alone beside."""
    path = write_example(grown(SIZES["small"], 0.25), tmp_path_factory.mktemp("smaller"))
    return taken_apart(load_scenario(path))


class Parts:
    """The small form folded and pooled, and its placements, from no prices at all."""

    def __init__(self, form: StandardForm, structure: Structure) -> None:
        self.folded = Folded(form, structure)
        self.pooled = Pooled(self.folded.form, self.folded.structure)
        self.form, self.structure = self.pooled.form, self.pooled.structure
        self.prices = Prices(self.form, self.structure)
        self.guide = self.prices.completed(np.zeros(len(self.form.row_lower)))
        self.climb = Climb(self.structure, self.prices)
        self.master = Master(self.form, self.structure)

    def placements(self) -> Placements:
        half = np.full(len(self.prices.switches), 0.5)
        return Placements(
            self.form, self.structure, self.prices, self.guide, EXACT, half, self._ahead
        )

    def _ahead(self, cut: Cut) -> tuple[float, np.ndarray]:
        self.master.add(cut)
        at = self.master.propose(EXACT, 0.0, STOP, Limits(), whole=False).switches
        return max(constant + float(slope @ at) for constant, slope in self.master.cuts), at


@pytest.fixture(scope="module")
def parts(small: tuple[StandardForm, Structure]) -> Parts:
    return Parts(*small)


@pytest.fixture(scope="module")
def schedules(small: tuple[StandardForm, Structure]) -> list[np.ndarray]:
    """Schedules that obey the rules among schemes: the best at random prices of schemes."""
    form, structure = small
    random = np.random.default_rng(7)
    found: dict[bytes, np.ndarray] = {}
    rules = np.flatnonzero(structure.switch_rows)
    matrix = matrix_of(form).tocsr()[rows_only(rules)].tocsc()
    for _ in range(6):
        cost = np.where(structure.switch, random.normal(size=len(form.cost)), 0.0)
        thin = replace(
            form,
            rows=[],
            columns=[],
            start=matrix.indptr.astype(np.int32),
            index=matrix.indices.astype(np.int32),
            value=matrix.data.astype(float),
            cost=cost,
            integer=structure.switch,
            row_lower=form.row_lower[rules],
            row_upper=form.row_upper[rules],
        )
        switches = np.round(solve(thin, EXACT).values[structure.switch])
        found[switches.tobytes()] = switches
    assert len(found) > 2
    return list(found.values())


def rows_only(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows, dtype=np.int64)


def exactly(small: tuple[StandardForm, Structure], switches: np.ndarray) -> float:
    form, structure = small
    values = np.zeros(len(form.cost))
    values[structure.switch] = switches
    return solve(form.with_fixed(structure.switch, values), EXACT).objective


def test_pooling_merges_much(parts: Parts) -> None:
    assert len(parts.form.row_lower) < 0.9 * len(parts.folded.form.row_lower)


def test_no_cut_is_above_the_cost_of_any_schedule(
    small: tuple[StandardForm, Structure],
    parts: Parts,
    schedules: list[np.ndarray],
) -> None:
    prices, placements = parts.prices, parts.placements()
    costs = [exactly(small, s) for s in schedules]
    random = np.random.default_rng(3)
    tried = 0
    for switches in schedules:
        placed = placements.place(switches, STOP, None)
        assert placed is not None
        for noise in (0.0, 0.1, 1.0):
            shared = placed.shared * random.normal(1.0, noise, len(placed.shared))
            for other in schedules:
                share = prices.share((switches + other) / 2, placed.values)
                constant, slope = prices.cut(prices.completed(shared, share))
                for at, cost in zip(schedules, costs, strict=True):
                    tried += 1
                    assert constant + float(slope @ at) <= cost * (1 + 1e-9)
        tight = prices.cut(prices.completed(placed.shared, prices.share(switches, placed.values)))
        assert tight[0] + float(tight[1] @ switches) == pytest.approx(placed.cost, rel=1e-5)
    assert tried > 100


def test_prices_that_are_left_out_follow_from_the_rest(
    parts: Parts,
) -> None:
    """A place may cost more than ordinary over-capacity: its limit then carries the rest."""
    form, prices = parts.form, parts.prices
    dear = np.where(np.isfinite(form.row_upper), -1e5, 0.0)
    bound = prices.bound(prices.completed(dear))
    assert math.isfinite(bound)
    reduced = form.reduced_cost(prices.completed(dear))
    slack = np.flatnonzero((np.diff(form.start) == 2) & (parts.structure.choice < 0))
    limited = slack[~parts.structure.switch[slack]]
    assert len(limited) > 0
    assert (reduced[limited] >= -1e-6).all()


def test_a_question_asked_again_is_answered_like_a_new_one(
    smaller: tuple[StandardForm, Structure],
) -> None:
    form, structure = smaller
    options = SolveOptions(gap=1e-4, threads=1)
    at = np.flatnonzero(structure.switch)
    with patch.object(decomposition, "SMALL", 0):
        warm = SchemeSearch(form, structure, options)
        free = warm.run()
    best = np.round(free.values[at])
    labels = [form.columns[i] for i in at]
    schemes = sorted({index[0] for _, index in labels})
    for scheme in schemes:
        mine = np.array([index[0] == scheme for _, index in labels])
        if not best[mine].any():
            continue
        limits = Limits(upper=np.where(mine, 0.0, 1.0))
        again = warm.run(limits=limits)
        cold = solve(limits.on(form, at), options)
        assert again.status == cold.status
        if cold.found:
            assert again.objective == pytest.approx(cold.objective, rel=1.1e-4)
            assert again.bound <= cold.objective * (1 + 1e-9)
            assert again.objective >= free.bound


def test_a_row_of_the_question_alone_rules_out_the_best_plan(
    smaller: tuple[StandardForm, Structure],
) -> None:
    """The second best: at least one switch differs from the best plan's."""
    form, structure = smaller
    options = SolveOptions(gap=2e-5, threads=1)
    at = np.flatnonzero(structure.switch)
    with patch.object(decomposition, "SMALL", 0):
        search = SchemeSearch(form, structure, options)
        best = search.run()
    on = np.round(best.values[at])
    differ = (np.where(on > 0.5, -1.0, 1.0), 1.0 - float(on.sum()), math.inf)
    limits = Limits(rows=(differ,))
    assert not limits.allow(on)
    second = search.run(limits=limits)
    cold = solve(limits.on(form, at), options)
    assert second.objective == pytest.approx(cold.objective, rel=2.1e-5)
    assert second.objective >= best.bound
    assert not np.array_equal(np.round(second.values[at]), on)


def test_progress_never_shows_a_bound_above_the_plan(
    smaller: tuple[StandardForm, Structure],
) -> None:
    seen: list[Progress] = []
    with patch.object(decomposition, "SMALL", 0):
        found = SchemeSearch(*smaller, SolveOptions(gap=1e-4, threads=1)).run(seen.append)
    assert found.gap <= 1e-4
    assert len(seen) > 3
    assert all(p.bound <= found.objective * (1 + 1e-9) for p in seen)


def test_a_second_thread_changes_the_time_and_nothing_else(
    smaller: tuple[StandardForm, Structure],
) -> None:
    """A second schedule is placed beside the proposed one: in its own thread, or after it."""
    seen: list[list[tuple[float, float]]] = []
    begun: list[bool] = []

    class Counted(Meanwhile[Any]):
        def __init__(self, *parts: Any, **more: Any) -> None:
            begun.append(bool(more["at_once"]))
            super().__init__(*parts, **more)

    with (
        patch.object(decomposition, "SMALL", 0),
        patch.object(decomposition, "LITTLE", 0),
        patch.object(decomposition, "Meanwhile", Counted),
    ):
        for threads in (1, 2):
            log: list[tuple[float, float]] = []
            search = SchemeSearch(*smaller, SolveOptions(gap=1e-3, threads=threads))
            found = search.run(lambda p, log=log: log.append((p.best, p.bound)))
            assert found.gap <= 1e-3
            seen.append(log)
    assert begun == [False] * (len(begun) // 2) + [True] * (len(begun) // 2)
    assert begun, "a second schedule was placed"
    assert seen[0] == seen[1]


def test_a_question_that_was_foreseen_is_answered_like_a_new_one(
    smaller: tuple[StandardForm, Structure],
) -> None:
    """Its first proposal was sought while another question was searched, from fewer cuts."""
    form, structure = smaller
    options = SolveOptions(gap=1e-3, threads=2)
    at = np.flatnonzero(structure.switch)
    with patch.object(decomposition, "SMALL", 0):
        search = SchemeSearch(form, structure, options)
        best = np.round(search.run().values[at])
        labels = [form.columns[i] for i in at]
        others = sorted({index[0] for _, index in labels} - {
            index[0] for (_, index), on in zip(labels, best, strict=True) if on
        })  # fmt: skip
        schemes = np.array([index[0] for _, index in labels])
        last = max(index[1] for _, index in labels)
        forced = np.array([i[0] == others[0] and i[1] == last for _, i in labels])
        assert forced.sum() == 1
        limits = Limits(lower=np.where(forced, 1.0, 0.0))
        search.foresee(limits, options.gap)
        assert search._foreseen is not None
        foreseen = search._foreseen[1]
        search.run(limits=Limits(upper=np.where(schemes == others[0], 0.0, 1.0)))
        proposed = foreseen.wait()
        assert proposed is not None
        found = search.run(limits=limits)
    assert search._foreseen is None, "it was used, once"
    cold = solve(limits.on(form, at), options)
    assert proposed.bound <= cold.objective * (1 + 1e-9)
    assert found.objective == pytest.approx(cold.objective, rel=2e-3)
    assert found.bound <= cold.objective * (1 + 1e-9)
    assert limits.allow(np.round(found.values[at]))


def test_who_asks_something_else_has_no_use_for_what_was_foreseen(
    smaller: tuple[StandardForm, Structure],
) -> None:
    form, structure = smaller
    at = np.flatnonzero(structure.switch)
    with patch.object(decomposition, "SMALL", 0):
        search = SchemeSearch(form, structure, SolveOptions(gap=1e-2, threads=2))
        search.foresee(Limits(), 1e-2)
        assert search._foreseen is None, "nothing is known before the first search"
        free = search.run()
        none = Limits(upper=np.zeros(len(at)))
        search.foresee(none, 1e-2)
        again = search.run()
        assert search._foreseen is not None
        search.foresee(Limits(upper=np.zeros(len(at))), 1e-2)
        search._foreseen[1].end()
    assert again.objective <= free.objective * (1 + 1e-9)


def test_among_many_columns_none_that_differ_are_taken_for_one() -> None:
    """Sixty thousand columns of one choice, no two alike, and one more like the eighth."""
    count, random = 60_000, np.random.default_rng(5)
    cost, share = random.uniform(0.0, 2e5, count).round(2), random.uniform(0.1, 2.0, count)
    cost, share = np.append(cost, cost[7]), np.append(share, share[7])
    nothing = np.zeros(2, dtype=bool)
    every = np.zeros(count + 1, dtype=np.int64)
    form = form_of(
        sp.csr_matrix([np.ones(count + 1), share]), cost,
        (np.zeros(count + 1), np.ones(count + 1)), (np.array([1.0, 0.0]), np.array([1.0, 9.0])),
    )  # fmt: skip
    structure = Structure(
        switch=every > 0, reserve=every > 0, choice=every, stage=every,
        alike_columns=every, merge_columns=every, switch_rows=nothing, defining=nothing,
        link=nothing, shares=nothing, alike_rows=np.arange(2), merge_rows=np.arange(2),
    )  # fmt: skip
    pooled = Pooled(form, structure)
    assert len(pooled.form.cost) == count
    assert pooled.gather(np.ones(count + 1)).max() == 2.0
