"""The map of values: the quick value is never too low, and exact where nothing is scarce."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from sufficiency.asking import Study
from sufficiency.pipeline import Loaded, load_scenario
from sufficiency.plan.finding import ANSWERS, Finding
from sufficiency.problems import InputError, Stopped
from sufficiency.studies import value_map
from sufficiency.studies.site_tests import try_sites
from sufficiency.studies.value_map import grid_of, map_value
from tests import tiny
from tests.studies.test_site_tests import model, two_places


def mapped(loaded: Loaded, **asked: Any) -> Finding:
    given = {"needs": "ASD", "places": 10, "capital": 0.0, "opens": 2026, "points": 12,
             "exact": 12, "gap": 0.0, "threads": 1}  # fmt: skip
    return map_value(loaded, **{**given, **asked})


@pytest.fixture(scope="module")
def small() -> Loaded:
    """The small example: every rule and price of the shipped model. A rough plan is enough."""
    return load_scenario("small")


@pytest.fixture(scope="module")
def of_small(small: Loaded) -> Finding:
    return mapped(
        small, needs="ASD|SEMH", places=30, capital=None, opens=None, gap=0.2, points=8, exact=8
    )


# ------------------------------------------------------------------ truth


def test_the_best_point_is_where_the_children_are() -> None:
    """B's ten children live 60 km from the only school."""
    finding = mapped(two_places(), points=40, exact=3)
    best = finding.tables["points"].iloc[0]
    assert best["easting"] == pytest.approx(460_000.0, abs=2000)
    assert best["near"] == "B"
    assert best["children"] == pytest.approx(10.0)
    assert "That is proven of this grid" in finding.sentences[1]


def test_quick_is_exact_where_nothing_is_scarce() -> None:
    """With room everywhere a place saves the same for the first child and for the last."""
    points = mapped(two_places()).tables["points"]
    assert points["exact_pounds"].notna().all()
    assert points["error_pounds"].to_numpy(float) == pytest.approx(np.zeros(len(points)), abs=0.01)


def test_quick_is_never_too_low(of_small: Finding) -> None:
    points = of_small.tables["points"]
    assert len(points) >= 6
    assert points["exact_pounds"].notna().all()
    assert (points["error_pounds"] >= -0.5).all()
    # They are no trivial bounds: the school's places are scarce, and worth something.
    assert points["error_pounds"].max() > 1000
    rank = points[["quick_pounds", "exact_pounds"]].rank().corr().iloc[0, 1]
    assert rank > 0.7


def test_what_a_point_is_worth_at_most_holds_for_every_point(
    small: Loaded, of_small: Finding
) -> None:
    """Bounds from the prices of two points, against the exact values of all."""
    few_points = mapped(
        small, needs="ASD|SEMH", places=30, capital=None, opens=None, gap=0.2, points=8, exact=2
    ).tables["points"]
    few = few_points.set_index(["easting", "northing"])
    every = of_small.tables["points"].set_index(["easting", "northing"])
    both = few.join(every["exact_pounds"].rename("exact_pounds_of_all"))
    assert (both["at_most_pounds"] >= both["exact_pounds_of_all"] - 0.5).all()
    assert (both["at_most_pounds"] <= both["quick_pounds"] + 0.5).all()
    rest = both[both["exact_pounds"].isna()]
    # They are nearer than the quick values, which is what they are for.
    nearer = (rest["at_most_pounds"] - rest["exact_pounds_of_all"]).median()
    assert nearer < 0.5 * (rest["quick_pounds"] - rest["exact_pounds_of_all"]).median()


def test_the_exact_value_is_that_of_a_site_test(small: Loaded) -> None:
    """With money of its own and no other scheme to choose from, both ask the same."""
    nothing = replace(
        small,
        tables=replace(small.tables, schemes=small.tables.schemes.iloc[:0],
                       budgets=small.tables.budgets.iloc[:0]),
        settings=replace(small.settings, committed={}),
    )  # fmt: skip
    asked: dict[str, Any] = {"needs": "ASD", "places": 20, "opens": 2029, "threads": 1}
    best = map_value(nothing, points=6, exact=1, gap=0.0, **asked).tables["points"].iloc[0]
    at = f"{best['easting']:.0f},{best['northing']:.0f}"
    row = try_sites(nothing, at=[at], gap=0.0, **asked).tables["sites"].iloc[0]
    assert row["worth_pounds"] == pytest.approx(best["exact_pounds"], abs=1.0)
    assert row["net_present_value_pounds"] == pytest.approx(best["money_pounds"], abs=1.0)


def test_a_school_beyond_need_costs_what_it_costs() -> None:
    """A's and B's children have room beside them: the places save nothing anywhere."""
    areas = tiny.areas("A", "B")
    loaded = tiny.world(
        model=model(price_per_minute=1.0), areas_=areas,
        provisions=[tiny.provision("P"), tiny.provision("Q", easting=410_000.0)],
        commissioned=tiny.places(("P", 50), ("Q", 50)),
        projected=tiny.forecast(*tiny.joining("A", 2026, 10), *tiny.joining("B", 2026, 10)),
    )  # fmt: skip
    finding = mapped(loaded, capital=900.0)
    points = finding.tables["points"]
    assert (points["exact_pounds"] <= -900.0 + 0.01).all()
    assert finding.sentences[-1].startswith("At no point can such a school be worth its price")


def test_capital_is_not_drawn_from_the_budgets() -> None:
    poor = two_places(
        schemes=[tiny.scheme("listed", capital_pounds=800.0)],
        sites={"S": (430_000.0, 300_000.0)},
        budgets=pd.DataFrame({"financial_year": ["2026-27"], "source": ["grant"],
                              "pounds": [800.0]}),
    )  # fmt: skip
    points = mapped(poor, capital=500.0).tables["points"]
    assert points["exact_pounds"].notna().all()


# ------------------------------------------------------------------ the grid


def test_the_grid_has_about_as_many_points_as_asked_for(small: Loaded) -> None:
    land = small.tables.boundary
    for count in (5, 40, 200):
        grid = grid_of(small, count, np.empty(0, dtype=object))
        assert 0.6 * count <= len(grid) <= count
        assert grid.step % 100 == 0
        assert all(land.contains(p) for p in geopandas.points_from_xy(*grid.points.T))


def test_excluded_land_is_not_built_on(tmp_path: Path) -> None:
    layer = tmp_path / "flood.geojson"
    wet = geopandas.GeoSeries([box(440_000, 290_000, 470_000, 310_000)], crs=27700)
    wet.to_crs(4326).to_file(layer)
    finding = mapped(two_places(), points=40, exclude=[layer])
    points = finding.tables["points"]
    east = points["easting"] > 440_000
    assert east.any()
    assert not points.loc[east, "usable"].any()
    assert points.loc[east, ["quick_pounds", "exact_pounds"]].isna().all(axis=None)
    assert points.loc[~east, "usable"].all()
    with pytest.raises(InputError, match="no point of the grid lies on land"):
        everything = tmp_path / "all.geojson"
        geopandas.GeoSeries([box(0, 0, 700_000, 700_000)], crs=27700).to_file(everything)
        mapped(two_places(), exclude=[everything])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"points": 0}, "whole number from 1 to 2,000"),
        ({"exact": 0}, "whole number from 1 to 30"),
        ({"exclude": [Path("nowhere.gpkg")]}, "this layer cannot be read"),
        ({"needs": "ADHD"}, "no such need"),
        ({"places": 0}, "helps nobody"),
    ],
)
def test_what_cannot_be_asked_is_answered_in_a_sentence(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        mapped(two_places(), **asked)


def test_a_layer_of_lines_is_no_land(tmp_path: Path) -> None:
    layer = tmp_path / "roads.geojson"
    geopandas.GeoSeries(geopandas.points_from_xy([4e5], [3e5]), crs=27700).to_file(layer)
    with pytest.raises(InputError, match="holds no polygon"):
        mapped(two_places(), exclude=[layer])


# ------------------------------------------------------------------ kept


def test_a_stopped_map_goes_on_where_it_was(tmp_path: Path, monkeypatch: Any) -> None:
    loaded = two_places()
    whole = mapped(loaded, exact=4)
    placed = Study.placed_for
    calls: list[int] = []

    def stops(self: Study, opens: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return placed(self, opens)

    monkeypatch.setattr(Study, "placed_for", stops)
    with pytest.raises(Stopped, match="run the same command again"):
        mapped(loaded, exact=4, folder=tmp_path)
    (kept,) = (tmp_path / ANSWERS).glob("map-*.json")
    assert len(json.loads(kept.read_text())["exact"]) == 2
    monkeypatch.setattr(Study, "placed_for", placed)
    again = mapped(loaded, exact=4, folder=tmp_path)
    pd.testing.assert_frame_equal(again.tables["points"], whole.tables["points"])

    def never(*_: Any) -> Any:
        raise AssertionError("this was worked out before")

    monkeypatch.setattr(value_map.QuickValues, "by", never)
    kept_whole = mapped(loaded, exact=4, folder=tmp_path)
    pd.testing.assert_frame_equal(kept_whole.tables["points"], whole.tables["points"])
