"""The fictional authorities: the same on every computer, sound, and like the nation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from sufficiency.examples import SIZES, write_example
from sufficiency.examples.national import (
    KIND_ORDER,
    NEED_ORDER,
    PLANS_BY_AGE,
    PLANS_BY_NEED,
    TIERS_BY_KIND,
    TIERS_BY_NEED,
    plans_by_kind_need_age,
    tier_chances,
)
from sufficiency.problems import Problems
from sufficiency.rules import load_scenario_file
from sufficiency.tables import MANIFEST, Tables, check_tables, read_tables
from sufficiency.vocabulary import KINDS, NEEDS

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT.parent / "shared" / "data" / "sen2_2025" / "england_caseload.csv"


@pytest.fixture(scope="module", params=list(SIZES))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenario file of a freshly written example."""
    return write_example(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def tables(made: Path) -> Tables:
    problems = Problems()
    scenario = load_scenario_file(made, problems, tuple(MANIFEST))
    assert scenario is not None, problems.errors
    found = read_tables(scenario.tables, problems)
    check_tables(
        found,
        problems,
        base_year=scenario.base_year,
        first_year=scenario.first_year,
        last_year=scenario.last_year,
    )
    assert problems.errors == []
    # A few schools are slightly fuller than commissioned, as real ones are; nothing else.
    assert all("exceed the places" in warning.message for warning in problems.warnings)
    return found


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("size", ["small", "median"])
def test_committed_files_are_what_the_generator_writes(size: str, tmp_path: Path) -> None:
    write_example(size, tmp_path)
    for folder in (f"geodata/{SIZES[size].folder}", f"scenarios/{size}"):
        written, committed = _files(tmp_path / folder), _files(ROOT / folder)
        assert sorted(written) == sorted(committed)
        changed = [name for name, content in written.items() if committed[name] != content]
        assert changed == [], f"write_example({size!r}, Path('.')) writes them again"


def test_two_writings_are_identical(made: Path, tmp_path: Path) -> None:
    folder = made.parents[2]
    write_example(made.parent.name, tmp_path)
    assert _files(tmp_path) == _files(folder)


def test_committed_files_are_small() -> None:
    folders = ("geodata/saltmarch", "scenarios/small", "geodata/wyrecombe", "scenarios/median")
    total = sum(len(content) for folder in folders for content in _files(ROOT / folder).values())
    assert total < 2_500_000


def test_sizes(made: Path, tables: Tables) -> None:
    size = SIZES[made.parent.name]
    expected = {"small": (35, 4, 12, 4), "median": (200, 9, 20, 7), "large": (900, 18, 40, 14)}
    areas, sites, schemes, localities = expected[size.name]
    assert len(tables.areas) == size.areas == areas
    assert len(tables.candidate_sites) == sites
    assert len(tables.schemes) == schemes
    assert tables.areas["locality"].nunique() == localities
    assert tables.children_today["children"].sum() == size.plans
    assert (tables.children_today["children"] % 1 == 0).all()
    people = tables.areas.filter(like="children_").sum().sum()
    assert people == size.under_25_per_area * areas
    # As many plans per 1,000 people under 25 as in England (638,745 over 17.2 million).
    assert 35 < 1000 * size.plans / people < 39


def test_needs_and_kinds_follow_the_nation(made: Path, tables: Tables) -> None:
    children = tables.children_today
    total = children["children"].sum()
    nation = sum(PLANS_BY_NEED.values())
    needs = children.groupby("need")["children"].sum() / total
    for need in NEEDS:
        assert needs.get(need, 0.0) == pytest.approx(PLANS_BY_NEED[need] / nation, abs=0.02), need
    kinds = children["provision"].map(tables.provisions.set_index("provision")["kind"])
    shares = children["children"].groupby(kinds).sum() / total
    published = {
        "mainstream": 0.417, "specialist_base": 0.04, "independent_special": 0.048,
        "non_maintained_special": 0.007, "alternative_provision": 0.008,
        "further_education": 0.127, "specialist_post_16": 0.016, "educated_elsewhere": 0.08,
    }  # fmt: skip
    for kind, share in published.items():
        assert shares[kind] == pytest.approx(share, abs=0.03), kind
    state = shares["state_special"] + shares["out_of_area_state_special"]
    assert state == pytest.approx(0.258, abs=0.03)


def test_ages_follow_the_nation(tables: Tables) -> None:
    children = tables.children_today
    ages = children.groupby("year_group")["children"].sum().reindex(range(-4, 21), fill_value=0)
    shares = ages.to_numpy() / ages.sum()
    nation = np.array(PLANS_BY_AGE) / sum(PLANS_BY_AGE)
    tolerance = 0.03 if ages.sum() < 1000 else 0.01
    assert np.abs(shares - nation).max() < tolerance
    assert np.abs(np.cumsum(shares) - np.cumsum(nation)).max() < 1.5 * tolerance


def test_one_in_seven_in_mainstream_needs_more(tables: Tables) -> None:
    children = tables.children_today
    kinds = children["provision"].map(tables.provisions.set_index("provision")["kind"])
    mainstream = children[kinds == "mainstream"]
    beyond = mainstream.loc[mainstream["tier"] >= 2, "children"].sum()
    assert 0.09 < beyond / mainstream["children"].sum() < 0.19
    special = children[kinds == "state_special"]
    assert special.loc[special["tier"] >= 3, "children"].sum() > 0.8 * special["children"].sum()
    bases = children[kinds == "specialist_base"]
    assert bases.loc[bases["tier"] == 2, "children"].sum() > 0.6 * bases["children"].sum()


def test_everything_stands_on_land(tables: Tables) -> None:
    assert tables.boundary is not None and tables.boundary.is_valid
    for frame in (tables.areas, tables.candidate_sites):
        points = shapely.points(frame["easting"], frame["northing"])
        assert shapely.contains(tables.boundary, points).all()


def test_every_child_is_where_it_may_be(tables: Tables) -> None:
    provisions = tables.provisions.set_index("provision")
    children = tables.children_today.drop(columns="_row").join(provisions, on="provision")
    assert (children["year_group"] >= children["lowest_year_group"]).all()
    assert (children["year_group"] <= children["highest_year_group"]).all()
    admitted = [
        need in needs for need, needs in zip(children["need"], children["needs"], strict=True)
    ]
    assert all(admitted)


def test_state_schools_are_nearly_full(tables: Tables) -> None:
    provisions, places = tables.provisions, tables.commissioned_places
    base = places[places["academic_year"] == 2025].set_index("provision")
    rolls = tables.children_today.groupby("provision")["children"].sum()
    state = provisions[
        (provisions["kind"] == "state_special") & (provisions["highest_year_group"] > 0)
    ]["provision"]
    roll = rolls.reindex(state).fillna(0) + base["other_authority_children"].reindex(state)
    full = roll / base["places"].reindex(state)
    assert full.between(0.85, 1.08).all()
    independent = provisions[provisions["kind"] == "independent_special"]["provision"]
    assert base["places"].reindex(independent).sum() > 1.35 * rolls.reindex(independent).sum()


def test_every_need_and_school_year_has_a_state_special_school(tables: Tables) -> None:
    state = tables.provisions[tables.provisions["kind"] == "state_special"]
    for need in NEEDS:
        for year_group in range(-4, 12):
            fits = (
                (state["lowest_year_group"] <= year_group)
                & (state["highest_year_group"] >= year_group)
                & state["needs"].map(lambda needs, need=need: need in needs)
            )
            assert fits.any(), (need, year_group)


def test_journeys_are_plausible(tables: Tables) -> None:
    travel, areas = tables.travel, tables.areas.set_index("area")
    provisions = tables.provisions.set_index("provision")[["easting", "northing"]]
    sites = tables.candidate_sites.set_index("site")[["easting", "northing"]]
    ends = pd.concat([provisions.dropna(), sites])
    start = areas.loc[travel["area"], ["easting", "northing"]].to_numpy()
    end = ends.loc[travel["destination"]].to_numpy()
    straight = np.hypot(*(start - end).T) / 1000
    far = straight > 3
    winding = (travel["km"].to_numpy() / straight)[far]
    assert winding.min() > 1.1 and np.median(winding) < 1.6
    speed = (travel["km"] / (travel["minutes"] / 60)).to_numpy()[far]
    assert speed.min() > 8 and speed.max() < 50
    assert (travel["minutes"] % 1 == 0).all()
    assert len(travel) == len(areas) * len(ends)


def test_money_cannot_pay_for_everything(tables: Tables) -> None:
    wanted = tables.schemes["capital_pounds"].sum()
    budget = tables.budgets["pounds"].sum()
    assert 0.5 < budget / wanted < 0.68
    assert len(tables.allocations) == 10
    growth = tables.allocations["pounds"].pct_change().dropna()
    assert growth.to_numpy() == pytest.approx(0.03, abs=0.001)


def test_schemes_hold_alternatives_modules_and_expansions(tables: Tables) -> None:
    schemes = tables.schemes.set_index("scheme")
    assert (schemes["exclusive_group"].replace("", np.nan).value_counts() >= 2).any()
    modules = schemes[schemes["provision"].isin(schemes.index)]
    assert len(modules) and all(
        row["provision"] in row["requires"] for _, row in modules.iterrows()
    )
    assert schemes["provision"].isin(tables.provisions["provision"]).any()
    assert {"state_special", "specialist_base"} == set(schemes["kind"])


def test_what_ifs_are_read(made: Path) -> None:
    for path in sorted(made.parent.glob("*.toml")):
        problems = Problems()
        scenario = load_scenario_file(path, problems, tuple(MANIFEST))
        assert problems.errors == []
        assert scenario is not None
        assert len(scenario.what_ifs) == (0 if path.name == "scenario.toml" else 1)
    assert len(list(made.parent.glob("*.toml"))) == (5 if made.parent.name == "median" else 1)


def test_profile_adds_up() -> None:
    joint = plans_by_kind_need_age({})
    assert joint.sum() == pytest.approx(1.0)
    assert joint.sum(axis=(0, 1)) == pytest.approx(np.array(PLANS_BY_AGE) / sum(PLANS_BY_AGE))
    assert set(NEED_ORDER) == set(NEEDS) == set(TIERS_BY_NEED)
    assert set(KIND_ORDER) < set(KINDS) and set(TIERS_BY_KIND) == set(KINDS)
    for need in NEEDS:
        for kind in KINDS:
            chances = tier_chances(need, kind)
            assert chances.shape == (4,) and chances.sum() == pytest.approx(1.0)


def test_profile_is_the_published_one() -> None:
    if not PUBLISHED.is_file():
        pytest.skip("the published tables of ../shared/data are not here")
    rows = pd.read_csv(PUBLISHED)
    rows = rows[
        (rows["time_period"] == 202425) & (rows["breakdown_topic"] == "Child or young persons age")
    ].set_index("breakdown")
    for age in range(3, 24):
        assert rows.loc[f"age {age}", "ehcplans"] == PLANS_BY_AGE[age]
    joint = plans_by_kind_need_age({})
    row = KIND_ORDER.index("independent_special")
    columns = ["ehcplans", "placement_unknown", "special_independent"]
    counts = rows[columns].apply(pd.to_numeric)
    for age in (5, 10, 11, 14):
        plans, unknown, independent = counts.loc[f"age {age}", columns].to_numpy()
        share = joint[row, :, age].sum() / joint[:, :, age].sum()
        assert share == pytest.approx(independent / (plans - unknown), abs=0.003)


def test_unknown_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_example("enormous", tmp_path)
