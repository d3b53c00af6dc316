"""Published optima of capacitated warehouse location (OR-Library), through the product's own road.

A customer is an area whose ``demand`` children join in Reception; a warehouse is a scheme with a
site of its own, its fixed cost the capital, its capacity the places. OR-Library gives the cost of
serving *all* of a customer's demand, so a journey has cost / demand km at one pound a km. Nothing
else has a price that could be worth paying, and there is one year.

Source: J. E. Beasley, OR-Library; optima in ``capopt.txt``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sufficiency.pipeline import Loaded, optimise
from sufficiency.plan import Plan
from tests.tiny import areas, bare_model, forecast, places, provision, scheme, world

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "orlib"
TOLERANCE = 0.01
"""Pounds; the published values are rounded to a tenth of a penny."""

INSTANCES = [
    *("cap41", "cap42", "cap43", "cap44", "cap51", "cap61", "cap62", "cap63", "cap64"),
    *("cap71", "cap72", "cap73", "cap74", "cap81", "cap82", "cap83", "cap84"),
    *("cap91", "cap92", "cap93", "cap94", "cap101", "cap102", "cap103", "cap104"),
    *("cap111", "cap112", "cap113", "cap114", "cap121", "cap122", "cap123", "cap124"),
    *("cap131", "cap132", "cap133", "cap134"),
]
EVERY_DAY = ["cap41", "cap44", "cap64", "cap74", "cap82", "cap101", "cap111", "cap134"]
"""A cross-section of sizes and fixed costs for the default run; ``-m slow`` runs the others."""
REPEATED = ["cap41", "cap51", "cap63", "cap74", "cap92"]

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"OR-Library files are not at {FOLDER}; nothing is downloaded"
)


@dataclass(frozen=True)
class Warehouses:
    """An instance: capacity and fixed cost by warehouse, demand by customer, cost of all of it."""

    capacity: np.ndarray
    fixed: np.ndarray
    demand: np.ndarray
    cost: np.ndarray


def read_instance(name: str) -> Warehouses:
    """Read ``m n``, m lines of capacity and fixed cost, then demand and m costs a customer."""
    numbers = [float(word) for word in (FOLDER / f"{name}.txt").read_text().split()]
    m, n = int(numbers[0]), int(numbers[1])
    sites = np.array(numbers[2 : 2 + 2 * m]).reshape(m, 2)
    customers = np.array(numbers[2 + 2 * m :]).reshape(n, m + 1)
    return Warehouses(sites[:, 0], sites[:, 1], customers[:, 0], customers[:, 1:])


def published(name: str) -> float:
    """The optimum in capopt.txt."""
    for line in (FOLDER / "capopt.txt").read_text().splitlines():
        words = line.split()
        if words and words[0] == name:
            return float(words[1])
    raise KeyError(name)


def as_authority(instance: Warehouses, years: int = 1) -> Loaded:
    """The instance as tables; with more years, each has its own children and 1/years of the cost.

    Children join in Reception and the forecast has none of them in Year 1, so that every year is
    the same question; what opens is paid once.
    """
    customers = [f"A{i:02d}" for i in range(len(instance.demand))]
    sites = [f"S{j:02d}" for j in range(len(instance.fixed))]
    model = bare_model(
        transport={"fixed": 0.0, "per_km": 1.0, "per_minute": 0.0, "maximum": 1e9},
        price_beyond_limit=1e6,
        price_unmet=2e6,
    )
    home = areas(*customers)
    home["easting"] = 400_000.0 + np.arange(len(home))
    travel = pd.DataFrame(
        [
            (area, site, 10.0, float(instance.cost[i, j] / instance.demand[i] / years))
            for i, area in enumerate(customers)
            for j, site in enumerate(sites)
        ],
        columns=["area", "destination", "minutes", "km"],
    )
    schemes = [
        scheme(
            f"new-{site}",
            site=site,
            places=float(instance.capacity[j]),
            capital_pounds=float(instance.fixed[j]),
        )
        for j, site in enumerate(sites)
    ]
    rows = [
        (2026 + t, area, "ASD", 3, 0, float(instance.demand[i]), float(instance.demand[i]))
        for t in range(years)
        for i, area in enumerate(customers)
    ]
    return world(
        model=model,
        years=years,
        areas_=home,
        # The table must not be empty; nobody of the instance is of an age for this provision.
        provisions=[provision("other", lowest_year_group=14)],
        commissioned=places(("other", 0)),
        schemes=schemes,
        sites={site: (400_000.0, 300_000.0) for site in sites},
        projected=forecast(*rows),
        travel=travel,
    )


def check(plan: Plan, optimum: float) -> None:
    assert plan.stamp["solver"]["objective_pounds"] == pytest.approx(optimum, abs=TOLERANCE)
    assert plan.stamp["solver"]["bound_pounds"] == pytest.approx(optimum, abs=TOLERANCE)
    assert plan.unmet.empty
    assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]


@pytest.mark.parametrize(
    "name",
    [n if n in EVERY_DAY else pytest.param(n, marks=pytest.mark.slow) for n in INSTANCES],
)
def test_published_optimum(name: str) -> None:
    plan = optimise(as_authority(read_instance(name)), gap=0.0)
    check(plan, published(name))


@pytest.mark.parametrize(
    "name", [n if n in EVERY_DAY else pytest.param(n, marks=pytest.mark.slow) for n in REPEATED]
)
def test_three_identical_years_cost_the_same(name: str) -> None:
    """A third of the flow costs in each of three years, openings paid once: the same optimum."""
    plan = optimise(as_authority(read_instance(name), years=3), gap=0.0)
    check(plan, published(name))
    opened = plan.schemes[plan.schemes["status"] == "chosen"]
    assert set(opened["opens"]) == {2026}


def test_the_reader_reads_wrapped_lines() -> None:
    """cap41 has 16 warehouses and 50 customers; total demand is 58,268."""
    instance = read_instance("cap41")
    assert instance.cost.shape == (50, 16)
    assert instance.demand.sum() == 58_268
    assert instance.cost[0, 0] == 6739.725
