"""Tiny runs through the whole pipeline, with a report in each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from shapely.geometry import box

from sufficiency.pipeline import load_scenario, optimise, write_results
from sufficiency.problems import Problems
from sufficiency.rules import PlanningModel, Scenario, load_model
from tests import tiny

SCRIPT = "<script>alert('x')</script> & Sons School"


def england() -> PlanningModel:
    """The shipped model, with its prices."""
    problems = Problems()
    model = load_model(tiny.MODELS / "england-2026.toml", problems)
    assert model is not None, problems.errors
    return model


def make_run(folder: Path) -> Path:
    """Two localities, four kinds, two schemes, a boundary, and a name that is a script."""
    areas = pd.concat([tiny.areas("A", "B"), tiny.areas("C", locality="South <b>")])
    areas["easting"] = [400_000.0, 410_000.0, 405_000.0]
    areas["northing"] = [300_000.0, 300_000.0, 292_000.0]
    provisions = [
        {**tiny.provision("M", "mainstream", easting=None, northing=None), "name": "Mainstream"},
        {**tiny.provision("P"), "name": SCRIPT},
        {**tiny.provision("I", "independent_special", easting=412_000.0), "name": "Dear & Co"},
        tiny.provision("E", "educated_elsewhere", easting=None, northing=None,
                       lowest_year_group=-4, highest_year_group=20),
    ]  # fmt: skip
    schemes = [
        {**tiny.scheme("extension", site="", provision="P", places=6, capital_pounds=60_000.0,
                       earliest_opening="2027/28"), "name": f"Extension of {SCRIPT}"},
        tiny.scheme("palace", places=20, capital_pounds=90_000_000.0),
    ]  # fmt: skip
    today = tiny.children(
        ("A", "ASD", 3, 3, "P", 3.0),
        ("B", "ASD", 1, 5, "M", 4.0),
        ("C", "MLD", 3, 6, "I", 2.0),
    )
    growth = [(2026 + i, "A", "ASD", 3, 0, 3.0) for i in range(4)]
    growth += [(2026 + i, "C", "MLD", 3, 1, 2.0) for i in range(4)]
    later = [
        (2026 + i, area, need, tier, group + 1 + i, number)
        for i in range(4)
        for area, need, tier, group, number in (
            ("A", "ASD", 3, 3, 3.0), ("B", "ASD", 1, 5, 4.0), ("C", "MLD", 3, 6, 2.0),
        )
    ]  # fmt: skip
    grown = [(2026 + t, "A", "ASD", 3, t - i, 3.0) for i in range(4) for t in range(i + 1, 4)] + [
        (2026 + t, "C", "MLD", 3, 1 + t - i, 2.0) for i in range(4) for t in range(i + 1, 4)
    ]
    projected = tiny.forecast(
        *[(f"{y}/{(y + 1) % 100}", *rest) for y, *rest in (*growth, *later, *grown)]
    )
    frames = {
        "areas": areas,
        "provisions": pd.DataFrame(provisions),
        "children_today": today,
        "projected_children": projected,
        "commissioned_places": tiny.places(("P", 5, 1)),
        "schemes": pd.DataFrame(schemes),
        "candidate_sites": pd.DataFrame(
            [("S", "Old depot", 404_000.0, 296_000.0)],
            columns=["site", "name", "easting", "northing"],
        ),
    }
    asked = Scenario(
        name="tiny", title=f"Tiny {SCRIPT}", authority="Tinyshire", file="tiny.toml", model="bare",
        base_year=2025, first_year=2026, years=4,
    )  # fmt: skip
    loaded = load_scenario(
        asked, model=england(), tables=frames, boundary=box(395_000, 288_000, 415_000, 305_000)
    )
    plan = optimise(loaded, gap=0.0, threads=1)
    write_results(plan, loaded, folder, report=True, command="test")
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run for all tests; tests that change it take ``run``."""
    return make_run(tmp_path_factory.mktemp("reports") / "run")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the small example, with all its reports, for tests that need every table filled."""
    folder = tmp_path_factory.mktemp("small") / "run"
    loaded = load_scenario("small")
    write_results(optimise(loaded, threads=1), loaded, folder, report=True, command="test")
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "run"))
