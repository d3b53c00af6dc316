"""Journeys as the model uses them: supplied, near home, or by the straight-line curve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sufficiency.geography.travel import journeys, straight_line_minutes
from sufficiency.problems import Problems
from sufficiency.rules import PlanningModel, load_model
from tests.tiny import MODELS

CURVE = {
    "fixed_minutes": 2.0,
    "slow_km": 5.0,
    "minutes_per_slow_km": 3.0,
    "minutes_per_straight_km": 1.0,
    "road_km_per_straight_km": 1.5,
}


def england() -> PlanningModel:
    problems = Problems()
    model = load_model(MODELS / "england-2026.toml", problems)
    assert model is not None, problems.errors
    return model


def test_first_km_are_slow_and_the_rest_is_not() -> None:
    km = np.array([0.0, 1.0, 5.0, 15.0])
    assert straight_line_minutes(km, CURVE).tolist() == [2.0, 5.0, 17.0, 27.0]


def test_the_shipped_curve_rises_and_bends_down() -> None:
    km = np.linspace(0, 120, 1201)
    steps = np.diff(straight_line_minutes(km, england().travel_estimate))
    assert (steps > 0).all()
    assert (np.diff(steps) < 1e-9).all()


def test_supplied_near_home_and_estimated_journeys_are_told_apart() -> None:
    model = england()
    areas = pd.DataFrame(
        {"area": ["A", "B"], "easting": [400_000.0, 410_000.0], "northing": [300_000.0] * 2}
    )
    destinations = pd.DataFrame(
        {
            "destination": ["school", "site", "home"],
            "kind": ["state_special", "state_special", "mainstream"],
            "easting": [400_000.0, 420_000.0, np.nan],
            "northing": [300_000.0, 300_000.0, np.nan],
        }
    )
    travel = pd.DataFrame(
        {
            "area": ["A", "B", "B"],
            "destination": ["school", "school", "site"],
            "minutes": [7.0, 21.0, 13.0],
            "km": [1.0, 12.0, 14.0],
            "basis": ["road network", "", "Straight line, by hand"],
        }
    )
    found = journeys(areas, destinations, travel, model)
    assert found.minutes[:, 0].tolist() == [7.0, 21.0]
    assert found.minutes[1, 1] == 13.0
    assert found.minutes[:, 2].tolist() == [10.0, 10.0]
    estimate = model.travel_estimate
    assert found.minutes[0, 1] == pytest.approx(
        float(straight_line_minutes(np.array([20.0]), estimate)[0])
    )
    assert found.km[0, 1] == pytest.approx(20 * estimate["road_km_per_straight_km"])
    # One pair is missing, one is labelled as a straight line; near home counts nowhere.
    assert (found.estimated, found.pairs) == (2, 4)
