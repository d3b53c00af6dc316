"""spopt's own problem, the capacitated p-median, as a question of this product.

Points are drawn as ``spopt.locate.simulated_geo_points`` draws them (uniform in a square of 10 by
10, one after the other, from numpy's legacy generator), with the seeds 7 for clients and 5 for
facilities of spopt's tutorial "Comparing P-Median Variations"; weights are whole numbers from 1 to
11 as in the docstring of ``PMedian.from_cost_matrix``, capacities a fifth above an even share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sufficiency.pipeline import Loaded
from sufficiency.solving import StandardForm, Structure
from tests.tiny import areas, bare_model, forecast, places, provision, scheme, world

Floats = NDArray[np.float64]

CLIENT_SEED, FACILITY_SEED, WEIGHT_SEED = 7, 5, 0
ROOM = 1.2
"""Capacity of a facility, of an even share of the weight among the p that open."""


@dataclass(frozen=True)
class Median:
    """Weights by client, distances clients by facilities, capacities, and how many may open."""

    weight: Floats
    distance: Floats
    capacity: Floats
    p: int

    def save(self, path: Path) -> None:
        """Write it for another process."""
        np.savez(path, weight=self.weight, distance=self.distance, capacity=self.capacity, p=self.p)


def instance(clients: int, facilities: int, p: int) -> Median:
    """A seeded instance of any size; the page uses 500 x 50 with p = 10."""

    def points(number: int, seed: int) -> Floats:
        return np.random.RandomState(seed).uniform(0.0, 10.0, (number, 2))

    here, there = points(clients, CLIENT_SEED), points(facilities, FACILITY_SEED)
    weight = np.random.RandomState(WEIGHT_SEED).randint(1, 12, clients).astype(float)
    distance = np.linalg.norm(here[:, None, :] - there[None, :, :], axis=2)
    capacity = np.full(facilities, float(math.ceil(ROOM * weight.sum() / p)))
    return Median(weight, distance, capacity, p)


def as_authority(median: Median) -> Loaded:
    """A client is an area whose weight in children joins in Reception; a facility is a scheme that
    costs one pound of a budget of p pounds; a journey costs its distance a child.

    The objective is the p-median's, and one pound more for each facility that opens.
    """
    clients = [f"A{i:03d}" for i in range(len(median.weight))]
    sites = [f"S{j:03d}" for j in range(len(median.capacity))]
    model = bare_model(
        transport={"fixed": 0.0, "per_km": 1.0, "per_minute": 0.0, "maximum": 1e9},
        price_beyond_limit=1e4,
        price_unmet=2e4,
    )
    travel = pd.DataFrame(
        [
            (area, site, 10.0, float(median.distance[i, j]))
            for i, area in enumerate(clients)
            for j, site in enumerate(sites)
        ],
        columns=["area", "destination", "minutes", "km"],
    )
    home = areas(*clients)
    home["easting"] = 400_000.0 + np.arange(len(home))
    return world(
        model=model,
        years=1,
        areas_=home,
        provisions=[provision("other", lowest_year_group=14)],
        commissioned=places(("other", 0)),
        schemes=[
            scheme(f"new-{site}", site=site, places=float(median.capacity[j]), capital_pounds=1.0)
            for j, site in enumerate(sites)
        ],
        sites={site: (400_000.0, 300_000.0) for site in sites},
        projected=forecast(
            *[(2026, a, "ASD", 3, 0, n, n) for a, n in zip(clients, median.weight, strict=True)]
        ),
        travel=travel,
        budgets=pd.DataFrame(
            {"financial_year": [2026], "source": "grant", "pounds": float(median.p)}
        ),
    )


def undivided(form: StandardForm, structure: Structure) -> StandardForm:
    """The form in which a cohort goes to one place whole, as spopt assigns a client.

    Each column of a choice row becomes 0 or 1 times all the children of its row.
    """
    chosen = np.flatnonzero(structure.choice >= 0)
    chosen = chosen[form.row_lower[structure.choice[chosen]] > 0]
    size = np.ones(len(form.cost))
    size[chosen] = form.row_lower[structure.choice[chosen]]
    upper, integer = form.upper / size, form.integer.copy()
    upper[chosen], integer[chosen] = 1.0, True
    return replace(
        form,
        value=form.value * np.repeat(size, np.diff(form.start)),
        cost=form.cost * size,
        lower=form.lower / size,
        upper=upper,
        integer=integer,
    )
