"""The benchmark at its smallest, and what its contenders are held to. Nothing here is timed."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pyomo.contrib.appsi.solvers.highs import Highs

from sufficiency.examples.authorities import SIZES
from sufficiency.pipeline import Loaded
from sufficiency.placement.model import build
from sufficiency.problems import NoPlanError
from sufficiency.solving import SolveOptions, StandardForm, solve
from tests.benchmarks.__main__ import SIZES as MEASURED
from tests.benchmarks.__main__ import Run, cases, main
from tests.benchmarks.analyst import analyst_model
from tests.benchmarks.contenders import read_log, taken_apart
from tests.benchmarks.growth import grown
from tests.benchmarks.page import _targets, disagreements, gap_of, reached, thinned
from tests.benchmarks.static import Median, as_authority, instance, undivided
from tests.benchmarks.warm import without_a_site
from tests.placement.test_brute_force import Case, authority
from tests.placement.test_brute_force import cases as tiny_cases
from tests.placement.test_properties import Authority, authorities, few, load

RELATIVE = 1e-6
EXACT = SolveOptions(gap=1e-8, threads=1)

# ------------------------------------------------------------------ the whole, once

ONLY = [
    "product-0.5%", "cli-0.5%", "placements-only", "one-more-site", "matrix-0.1%",
    "formulation-opening-year", "formulation-decomposition", "analyst-0.1%", "p-median-*",
    "spopt-highs", "growth-0.1",
]  # fmt: skip


@pytest.mark.slow
def test_a_small_benchmark_runs_agrees_and_writes_its_page(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "benchmarks.md"
    assert main(["--size", "smoke", "--page", str(page), "--only", *ONLY]) == 0
    raw = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    records = raw["results"]["smoke"]
    skipped = {key for key, r in records.items() if r["status"].startswith("skipped")}
    assert skipped == {"spopt-highs"}
    failed = {k: r["status"] for k, r in records.items() if r["status"].startswith("failed")}
    assert not failed
    for key, record in records.items():
        if key in skipped | {"prepare"}:
            continue
        assert record["objective"] is not None, key
        assert gap_of(record) <= (record["gap_asked"] or 0.0) + 1e-9, key
        assert record["wall"] > 0 and record["cpu"] > 0 and record["peak_mb"] > 10, key
    costs = {k: r["objective"] for k, r in records.items() if r["question"] == "plan"}
    assert len(costs) == 7
    assert records["one-more-site"]["before"] >= records["one-more-site"]["bound"]
    assert max(costs.values()) <= min(costs.values()) * 1.0051
    assert records["product-0.5%"]["audit"] and records["cli-0.5%"]["audit"]
    assert {"Reading the tables", "Reports"} <= set(records["product-0.5%"]["split"])
    written = page.read_text(encoding="utf-8")
    for words in ("Whole runs", "Growth", "an analyst's first model", "skipped: no Python"):
        assert words in written
    assert str(Path.home()) not in written and str(tmp_path) not in written
    assert str(tmp_path) not in page.with_suffix(".json").read_text(encoding="utf-8")

    # Another day, one contender more: what was measured stays, and the page says which is which.
    assert main(["--size", "smoke", "--page", str(page), "--only", "p-median-shares"]) == 0
    again = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["results"]["smoke"]
    assert list(again) == list(records)
    kept = {key for key in records if again[key] == records[key]}
    assert kept == set(records) - {"p-median-shares"}
    assert "(p-median-shares): `" in page.read_text(encoding="utf-8")


def test_every_size_measures_the_same_contenders(tmp_path: Path) -> None:
    run = Run(tmp_path, 2, 4.0, None)
    named = [
        [c.key for c in cases(size, run, "x") if not c.key.startswith("growth")]
        for size in MEASURED.values()
    ]
    assert named[0] == named[1]
    assert len(set(named[0])) == len(named[0])
    left_out = [key for key in named[1] if key not in named[2]]
    assert named[2] == [key for key in named[1] if key not in left_out]
    assert all(key.startswith(("formulation-", "p-median-", "spopt-")) for key in left_out)


# ------------------------------------------------------------------ the analyst's model


def both_optima(loaded: Loaded, whole: bool) -> tuple[float | None, float | None]:
    """Optimum of the product's model and of the analyst's; None where there is no plan."""
    settings_ = replace(loaded.settings, whole_children=whole)
    question = replace(loaded, settings=settings_).question()
    mine = solve(StandardForm.of(build(question)), EXACT)
    solver = Highs()
    solver.config.load_solution = False
    solver.config.mip_gap = EXACT.gap
    # Rows without any variable are left out by the product and refused by nobody else.
    theirs = solver.solve(analyst_model(question)).best_feasible_objective
    found = theirs if theirs is not None and np.isfinite(theirs) else None
    return (mine.objective if mine.found else None), found


@few(12)
@given(authorities())
def test_the_analysts_optimum_is_the_products(a: Authority) -> None:
    for whole in (False, True):
        mine, theirs = both_optima(load(a), whole)
        assert theirs == pytest.approx(mine, rel=RELATIVE), whole


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(tiny_cases())
def test_the_analyst_obeys_the_rules_for_schemes(case: Case) -> None:
    """Budgets, alternatives, prerequisites, windows and commitments, and when nothing is left."""
    try:
        mine, theirs = both_optima(authority(case), whole=False)
    except NoPlanError:
        return
    assert (mine is None) == (theirs is None)
    if mine is not None:
        assert theirs == pytest.approx(mine, rel=RELATIVE)


# ------------------------------------------------------------------ the p-median


def best_by_hand(median: Median) -> float:
    """Every choice of p facilities and every whole assignment to them."""
    clients, facilities = median.distance.shape
    best = np.inf
    for opened in itertools.combinations(range(facilities), median.p):
        for at in itertools.product(opened, repeat=clients):
            load_ = np.bincount(at, weights=median.weight, minlength=facilities)
            if (load_ <= median.capacity + 1e-9).all():
                cost = (median.weight * median.distance[range(clients), at]).sum()
                best = min(best, float(cost))
    return best


@pytest.mark.parametrize(("clients", "facilities", "p"), [(6, 4, 2), (7, 5, 2), (5, 5, 3)])
def test_clients_that_stay_whole_cost_what_every_assignment_says(
    clients: int, facilities: int, p: int
) -> None:
    median = instance(clients, facilities, p)
    form, structure = taken_apart(as_authority(median))
    whole = solve(undivided(form, structure), EXACT).objective - p
    shares = solve(form, EXACT).objective - p
    assert whole == pytest.approx(best_by_hand(median), rel=RELATIVE)
    assert shares <= whole * (1 + RELATIVE)


def test_points_are_those_that_spopt_draws() -> None:
    """One uniform number after the other, x then y, from numpy's legacy generator."""
    median = instance(3, 2, 1)
    rng = np.random.RandomState(7)
    first = np.array([rng.uniform(0, 10, 1)[0], rng.uniform(0, 10, 1)[0]])
    rng = np.random.RandomState(5)
    there = np.array([rng.uniform(0, 10, 1)[0], rng.uniform(0, 10, 1)[0]])
    assert median.distance[0, 0] == pytest.approx(float(np.linalg.norm(first - there)))


# ------------------------------------------------------------------ pieces


def test_a_bound_above_a_plan_is_found_out() -> None:
    def record(question: str, objective: float, bound: float, **more: Any) -> dict[str, Any]:
        return {"question": question, "objective": objective, "bound": bound, **more}

    good = {"a": record("plan", 100.0, 99.0), "b": record("plan", 101.0, 98.0)}
    assert disagreements("x", good) == []
    bad = {**good, "c": record("plan", 103.0, 100.5)}
    assert len(disagreements("x", bad)) == 1
    assert "the bound of c" in disagreements("x", bad)[0]
    assert disagreements("x", {"a": record("plan", 1.0, 1.0, audit=False)})
    shared = {"s": record("p-median shares", 9.0, 8.5), "w": record("p-median", 8.0, 7.0)}
    assert len(disagreements("x", shared)) == 1


HIGHS_LOG = """\
        Src  Proc. InQueue |  Leaves   Expl. | BestBound       BestSol              Gap |   Cuts \
  InLp Confl. | LpIters     Time

 J       0       0         0   0.00%   -inf            118890.00          Large        0      0 \
     0         0     0.4s
 R       0       0         0   0.00%   81324.25        86455.80           5.94%        0      0 \
     0      1203     1.2s
         0       0         0   0.00%   86000.5         inf                  inf      120     33 \
     4      1999     2.0s
"""


def test_the_log_of_the_solver_is_read() -> None:
    assert read_log(HIGHS_LOG, 10.0) == [
        [10.4, 118890.0, None],
        [11.2, 86455.80, 81324.25],
        [12.0, None, 86000.5],
    ]


def test_when_a_gap_was_reached() -> None:
    record = {"log": [[1.0, None, 90.0], [2.0, 100.0, 90.0], [3.0, 100.0, 99.95]]}
    assert reached(record, 0.1) == 2.0
    assert reached(record, 0.01) == 3.0
    assert reached(record, 1e-5) is None


def test_targets_are_met_or_not_or_not_measured() -> None:
    def record(wall: float, **more: Any) -> dict[str, Any]:
        return {"objective": 1.0, "bound": 1.0, "wall": wall, "status": "optimal", **more}

    page = _targets(
        {
            "median": {
                "cli-0.1%": record(12.0),
                "product-0.5%": record(30.0, answered=4.0),
                "product-0.1%": record(40.0, answered=4.0),
                "analyst-0.1%": {
                    **record(100.0),
                    "status": "maxTimeLimit",
                    "log": [[50.0, 1.0, 0.996]],
                },
                "placements-only": record(60.0, seconds=0.4),
            }
        }
    )
    lines = {line.split(" | ")[0].strip("| "): line for line in page.splitlines()}
    assert lines["median, the command as a whole, to 0.1%"].endswith("| 12.0 s | no |")
    assert lines["median, placements only"].endswith("| 0.4 s | yes |")
    beside = "median, the analyst's first model, to "
    assert "| 12.5 times | no |" in lines[f"{beside}0.5%"], "seen on its way to the finer gap"
    assert "| 25.0 times and not done | yes |" in lines[f"{beside}0.1%"]
    assert lines["large, peak memory"].endswith("|  |  |")


def test_growth_and_the_share_outside_the_search_are_targets_as_well() -> None:
    split = {"Reading the tables": 3.0, "Searching for the best schemes": 6.0, "Reports": 1.0}
    page = _targets(
        {
            "median": {
                "growth-0.5": {"objective": 1.0, "wall": 4.0},
                "growth-0.125": {"objective": 1.0, "wall": 1.0},
            },
            "large": {
                "product-0.1%": {"objective": 1.0, "wall": 10.0, "split": split},
                "growth-1": {"objective": 1.0, "wall": 12.0},
                "growth-2": {"objective": None, "wall": 99.0, "status": "failed"},
            },
        }
    )
    assert "| under 20% of the whole | 40% | no |" in page
    # From 0.125 to 0.5 is no doubling, and what failed is no measure.
    assert "dearest of 1 doublings | at most 2.5 times | 3.0 times | no |" in page


def test_a_thinned_log_keeps_its_ends() -> None:
    log = [[float(i), None, None] for i in range(1000)]
    kept = thinned(log)
    assert (kept[0], kept[-1], len(kept)) == (log[0], log[-1], 40)
    assert thinned(log[:7]) == log[:7]


def test_growth_doubles_areas_and_children_and_keeps_schools() -> None:
    size = SIZES["large"]
    twice = grown(size, 2.0)
    assert twice.plans == 2 * size.plans
    assert twice.areas == 2 * size.areas
    assert len(twice.schools) == len(size.schools)
    assert len(twice.schemes) == len(size.schemes)
    assert grown(size, 1.0) is size


def test_the_site_that_is_added_is_a_site_that_nothing_needs() -> None:
    case = Case(2, tuple(_two_sites()), ((3, 2), (2, 2)), (), ())
    fewer, site = without_a_site(authority(case))
    assert site == "s1"
    assert list(fewer.tables.schemes["scheme"]) == ["s0"]
    assert len(fewer.question().schemes) == 1


def _two_sites() -> list[dict[str, Any]]:
    from tests.tiny import scheme

    return [scheme(f"s{i}", site="ST"[i], capital_pounds=20.0) for i in range(2)]
