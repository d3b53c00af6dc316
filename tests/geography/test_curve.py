"""The straight-line curve: fitted to one half of the areas, tested on the other."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sufficiency.geography.curve import BANDS_KM, Errors, Fit, Sample, fit_curve, read_sample
from sufficiency.geography.travel import straight_line_minutes
from sufficiency.problems import InputError, Problems
from sufficiency.rules import load_model
from tests.geography.places import areas, destinations
from tests.geography.test_travel import england

DEVON = (
    Path(__file__).resolve().parents[3] / "shared" / "data" / "travel" / "devon_road_vs_crowfly.csv"
)
LINE_BEFORE = {
    "fixed_minutes": 8.9,
    "slow_km": 0.0,
    "minutes_per_slow_km": 1.345,
    "minutes_per_straight_km": 1.345,
    "road_km_per_straight_km": 1.35,
}
"""The line over all distances that the product used at first (its published r is 0.956)."""


def made_up(noise: float, seed: int = 1) -> Sample:
    rng = np.random.default_rng(seed)
    km = rng.uniform(0.2, 60, 4_000)
    curve = {"fixed_minutes": 3.0, "slow_km": 6.0, "minutes_per_slow_km": 3.1,
             "minutes_per_straight_km": 1.2}  # fmt: skip
    minutes = straight_line_minutes(km, curve) + rng.normal(0, noise, len(km))
    origin = np.repeat([f"A{i}" for i in range(200)], 20)
    return Sample(origin, km, np.maximum(minutes, 0.1), 1.4 * km, "made-up.csv")


def test_a_known_curve_is_found_again() -> None:
    fit = fit_curve(made_up(0.5), LINE_BEFORE)
    assert fit.estimate == pytest.approx(
        {"fixed_minutes": 3.0, "slow_km": 6.0, "minutes_per_slow_km": 3.1,
         "minutes_per_straight_km": 1.2, "road_km_per_straight_km": 1.4}, rel=0.05
    )  # fmt: skip
    assert fit.tested.median < 0.5 < fit.present.median


def test_outliers_do_not_bend_the_curve() -> None:
    sample = made_up(0.5)
    minutes = sample.minutes.copy()
    minutes[::40] += 90
    spoilt = Sample(sample.origin, sample.straight_km, minutes, sample.road_km, sample.file)
    assert fit_curve(spoilt, LINE_BEFORE).estimate["minutes_per_straight_km"] == pytest.approx(
        1.2, abs=0.03
    )


@pytest.fixture(scope="module")
def devon() -> Fit:
    if not DEVON.is_file():
        pytest.skip(f"the real journeys are not here: {DEVON}")
    problems = Problems()
    sample = read_sample(DEVON, problems)
    assert problems.warnings == []
    assert "The column km is the straight line, and no length by road." in sample.notes
    return fit_curve(sample, LINE_BEFORE)


def test_devon_half_fitted_half_tested(devon: Fit) -> None:
    """The curve is as good as the line over all journeys, and far better where schools are."""
    new, old = devon.tested, devon.present
    assert new.journeys == 365 * 18
    assert new.median == pytest.approx(5.66, abs=0.05)
    assert new.percentile_90 == pytest.approx(16.1, abs=0.1)
    assert new.median <= old.median and new.percentile_90 <= old.percentile_90
    # The line is six minutes too long within 2 km, and nearly three from 2 to 5 km.
    assert old.bias[0] > 5 and old.bias[1] > 2
    assert max(abs(b) for b in new.bias[:3]) < 1
    assert max(abs(b) for b in new.bias) < 2.5
    assert not devon.circuity_known


def test_the_shipped_curve_is_the_one_fitted_to_devon(devon: Fit) -> None:
    assert england().travel_estimate == pytest.approx(devon.estimate)
    source = england().entries["travel_estimate"].source
    assert f"{devon.tested.median:.1f} minutes" in source
    assert f"90th percentile {devon.tested.percentile_90:.1f}" in source


def test_the_printed_entry_is_a_model_entry(tmp_path: Path) -> None:
    sample = made_up(0.5)
    entry = fit_curve(sample, LINE_BEFORE).entry(date(2026, 11, 23))
    path = tmp_path / "ours.toml"
    path.write_text(
        f'[model]\nname = "ours"\nextends = "england-2026"\n\n{entry}', encoding="utf-8"
    )
    problems = Problems()
    model = load_model(path, problems)
    assert problems.errors == [] and model is not None
    assert model.travel_estimate == tomllib.loads(entry)["travel_estimate"]["value"]
    assert "made-up.csv" in model.entries["travel_estimate"].source


def test_bias_is_by_band_and_unknown_where_nothing_was_measured() -> None:
    sample = Sample(np.array(["A", "B"]), np.array([1.0, 3.0]), np.array([10.0, 10.0]),
                    np.full(2, np.nan), "x.csv")  # fmt: skip
    found = Errors.of(LINE_BEFORE, sample)
    assert found.bias[0] == pytest.approx(8.9 + 1.345 - 10)
    assert found.bias[1] == pytest.approx(8.9 + 3 * 1.345 - 10)
    assert np.isnan(found.bias[2:]).all() and len(found.bias) == len(BANDS_KM) - 1


def test_a_sample_with_tables_needs_no_coordinates(tmp_path: Path) -> None:
    homes, places = areas(30), destinations(8)
    frame = pd.DataFrame(
        [(a, p, 15.0 + 3 * i + j, 2.5 * i + 9) for i, a in enumerate(homes["area"])
         for j, p in enumerate(places["destination"])],
        columns=["area", "destination", "minutes", "km"],
    )  # fmt: skip
    frame.to_csv(tmp_path / "s.csv", index=False)
    sample = read_sample(tmp_path / "s.csv", Problems(), areas=homes, destinations=places)
    assert len(sample.minutes) == 240
    assert set(sample.origin) == set(homes["area"])
    assert np.isfinite(sample.road_km).any()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("area,minutes\nA,5\n", "where journeys begin and end"),
        ("area,straight_km\nA,5\n", "called minutes, seconds or time"),
        ("area,straight_km,minutes\n" + "A,5,11\n" * 30, "too few"),
        ("", "empty"),
        ("<html>", "web page"),
    ],
)
def test_a_sample_that_cannot_be_used(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        fit_curve(read_sample(tmp_path / "s.csv", Problems()), LINE_BEFORE)


def test_impossible_journeys_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [f"A{i % 20},{5 + i % 40},{10 + 1.4 * (5 + i % 40)}" for i in range(200)]
    rows += ["A1,50,2", "A2,,30", "A3,10,", "A4,-5,10"]
    (tmp_path / "s.csv").write_text("area,straight km,minutes\n" + "\n".join(rows) + "\n")
    problems = Problems()
    sample = read_sample(tmp_path / "s.csv", problems)
    assert len(sample.minutes) == 200
    said = " ".join(map(str, problems.warnings))
    assert (
        "1 journeys faster" in said and "2 journeys without" in said and "1 journeys with" in said
    )
