"""The projection keeps its identity, its totals and its promises about what the seed decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sufficiency.demand.projection import (
    AGES,
    NATIONAL_PEOPLE,
    NATIONAL_PLANS,
    PROJECTED_COLUMNS,
    Rates,
    apply_demand_change,
    authority_rates,
    band_of_draws,
    band_of_variants,
    controlled_rounding,
    derive_joining,
    local_level,
    population_by_age,
    project,
    split_tiers,
    systematic_rounding,
)
from sufficiency.pipeline import load_scenario
from sufficiency.problems import Problems
from sufficiency.vocabulary import NEEDS

BASE = 2025
NEW_PLANS = (
    *(0.0, 0.1, 0.2, 3.5, 20.9, 20.4, 11.6, 10.2, 9.4, 9.3, 10.8, 11.4, 7.4),
    *(6.6, 7.2, 6.4, 5.0, 2.4, 1.0, 0.4, 0.15, 0.1, 0.05, 0.05, 0.02, 0.0),
)
CEASING = (
    *(0.0, 0.0, 0.01, 0.003, 0.002, 0.004, 0.004, 0.004, 0.005, 0.004, 0.004, 0.003, 0.003),
    *(0.003, 0.003, 0.004, 0.011, 0.030, 0.149, 0.264, 0.36, 0.42, 0.48, 0.55, 0.70, 1.0),
)
KEY = ["area", "need", "tier", "start"]


def rates(growth: float = 0.0) -> Rates:
    return authority_rates(NEW_PLANS, CEASING, growth)


def areas(count: int = 12, localities: int = 3, people: float = 400) -> pd.DataFrame:
    number = np.arange(count)
    return pd.DataFrame(
        {
            "area": [f"A{i:03d}" for i in number],
            "locality": [f"L{i % localities}" for i in number],
            "children_0_4": people * (0.5 + number / count),
            "children_5_11": people * 1.4,
            "children_12_17": people * 1.2,
            "children_18_24": people * (1.6 - number / count),
        }
    )


def today(where: pd.DataFrame, children: int = 900, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "area": rng.choice(where["area"].to_numpy(dtype=object), children),
            "need": rng.choice(["ASD", "SLCN", "SEMH", "MLD", "PMLD"], children),
            "tier": rng.choice([1, 2, 3, 4], children, p=[0.5, 0.1, 0.3, 0.1]),
            "year_group": rng.integers(-2, 17, children),
            "provision": "somewhere",
        }
    )
    counted = frame.value_counts(sort=False).rename("children").reset_index()
    return counted.assign(children=counted["children"].astype(float))


def run(**changed: object) -> pd.DataFrame:
    where = areas()
    given_: dict[str, Any] = {
        "children_today": today(where),
        "areas": where,
        "population": None,
        "rates": rates(),
        "base_year": BASE,
        "years": 8,
        "seed": 7,
    }
    given_.update(changed)
    return project(**given_)


def survivals(projected: pd.DataFrame, children_today: pd.DataFrame) -> pd.DataFrame:
    """Every cell with the children of the year before: columns before, children, joining."""
    now = projected.assign(start=projected["year_group"] - projected["academic_year"] + BASE)
    base = children_today.rename(columns={"year_group": "start"}).assign(academic_year=BASE)
    base = base.groupby([*KEY, "academic_year"])["children"].sum().reset_index()
    columns = [*KEY, "academic_year", "children"]
    before = pd.concat([base[columns], now[columns]])
    before = before.assign(academic_year=before["academic_year"] + 1)
    before = before.rename(columns={"children": "before"})
    both = now.merge(before, on=[*KEY, "academic_year"], how="left")
    assert len(both) == len(now)
    return both.fillna({"before": 0.0})


def assert_identity(projected: pd.DataFrame, children_today: pd.DataFrame) -> None:
    both = survivals(projected, children_today)
    stayed = both["children"] - both["joining"]
    assert (both["joining"] >= 0).all()
    assert (stayed >= -1e-9).all()
    assert (stayed <= both["before"] + 1e-9).all()


# ------------------------------------------------------------------------------------- tiers


def test_split_tiers_keeps_children_and_counts_those_split() -> None:
    frame = pd.DataFrame(
        {
            "need": ["ASD", "SLD", "ASD"],
            "tier": [0, 3, 0],
            "children": [10.0, 4.0, 2.0],
            "joining": [1.0, 1.0, np.nan],
            "_row": [2, 3, 4],
        }
    )
    split, count = split_tiers(frame, {"ASD": (0.5, 0.25, 0.25, 0.0)})
    assert count == 12
    assert split["children"].sum() == pytest.approx(16)
    assert split["_row"].tolist() == [2, 2, 2, 3, 4, 4, 4]
    assert split["tier"].tolist() == [1, 2, 3, 3, 1, 2, 3]
    assert split["joining"].iloc[:4].tolist() == [0.5, 0.25, 0.25, 1.0]
    assert split["joining"].iloc[4:].isna().all()


def test_split_tiers_without_blank_tiers_is_the_same_table() -> None:
    frame = pd.DataFrame({"need": ["ASD"], "tier": [2], "children": [3.0]})
    split, count = split_tiers(frame, {})
    pd.testing.assert_frame_equal(split, frame)
    assert count == 0
    with pytest.raises(ValueError, match="no tier shares for ASD"):
        split_tiers(frame.assign(tier=0), {})


# ------------------------------------------------------------------------------------- rates


def test_the_authority_s_own_rates_win_where_given() -> None:
    own = pd.DataFrame(
        {
            "year_group": [0, 3, 30],
            "new_plans_per_1000": [25.0, np.nan, 1.0],
            "ceasing_share": [np.nan, 0.5, 0.5],
        }
    )
    found = authority_rates(NEW_PLANS, CEASING, 0.03, own)
    assert found.new_plans_per_1000[4] == 25 and found.new_plans_per_1000[7] == NEW_PLANS[7]
    assert found.ceasing_share[7] == 0.5 and found.ceasing_share[4] == CEASING[4]
    assert found.own_new_plans[4] and not found.own_new_plans[7]
    assert found.growth == 0.03
    with pytest.raises(ValueError, match="26 values"):
        Rates((1.0,), CEASING, 0.0)


def test_population_falls_back_on_the_bands_and_keeps_the_last_year() -> None:
    where = areas()
    bands = population_by_age(where, None, [2025, 2026])
    assert bands.shape == (2, AGES)
    assert bands[0, 5:12].sum() == pytest.approx(where["children_5_11"].sum())
    table = pd.DataFrame({"academic_year": [2026, 2027], "age": [4, 4], "people": [100, 200]})
    people = population_by_age(where, table, [2025, 2026, 2027, 2028])
    assert people[:, 4].tolist() == [100, 100, 200, 200]
    assert people[0, 5] == bands[0, 5]


def test_local_level_is_one_at_the_national_rate() -> None:
    share = np.array(NATIONAL_PEOPLE) / 100
    groups = np.arange(-4, 22)
    children = pd.DataFrame({"year_group": groups, "children": np.array(NATIONAL_PLANS) / 100})
    assert local_level(children, share) == pytest.approx(1)
    assert local_level(children.assign(children=2 * children["children"]), share) == pytest.approx(
        2
    )
    assert local_level(children, np.zeros(AGES)) == 1
    assert local_level(children.iloc[:0], share) == 1


# ---------------------------------------------------------------------------------- rounding


@given(st.lists(st.floats(0, 5), min_size=1, max_size=40), st.floats(0, 1, exclude_max=True))
def test_systematic_rounding_keeps_every_run_to_within_one(values: list[float], o: float) -> None:
    expected = np.array(values)
    rounded = systematic_rounding(expected, o)
    assert (rounded >= np.floor(expected - 1e-6)).all()
    assert (rounded <= np.ceil(expected + 1e-6)).all()
    for first in range(len(values)):
        for last in range(first + 1, len(values) + 1):
            part = slice(first, last)
            assert abs(rounded[part].sum() - expected[part].sum()) < 1 + 1e-6
    whole = np.round(expected)
    assert (systematic_rounding(whole, o) == whole).all()


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 30), st.integers(0, 200))
def test_controlled_rounding_keeps_every_column_to_within_one_at_every_child(
    seed: int, groups: int, columns: int, children: int
) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.random((groups, columns)) ** 4 * (rng.random((groups, columns)) < 0.8)
    group = np.sort(rng.integers(0, groups, children))
    column = controlled_rounding(shares, group)
    total = shares.sum(axis=1, keepdims=True)
    scaled = np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / columns)
    expected = scaled[group].cumsum(axis=0)
    placed = (column[:, None] == np.arange(columns)[None, :]).cumsum(axis=0)
    assert (np.abs(placed - expected) < 1 + 1e-6).all()


# -------------------------------------------------------------------------------- projection


def test_columns_years_and_whole_joiners() -> None:
    projected = run()
    assert tuple(projected.columns) == PROJECTED_COLUMNS
    assert sorted(projected["academic_year"].unique()) == list(range(BASE + 1, BASE + 9))
    assert projected["year_group"].between(-4, 20).all()
    assert (projected["joining"] == projected["joining"].round()).all()
    assert (projected["children"] > 0).all()
    keys = ["academic_year", "area", "need", "tier", "year_group"]
    assert not projected.duplicated(keys).any()
    pd.testing.assert_frame_equal(projected, projected.sort_values(keys, ignore_index=True))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 6),
    children=st.integers(0, 60),
    people=st.sampled_from([0.0, 3.0, 80.0, 700.0]),
    growth=st.floats(-0.1, 0.1),
    ceasing=st.lists(st.floats(0, 1), min_size=AGES, max_size=AGES),
    draw=st.integers(0, 2),
    expected=st.booleans(),
)
def test_identity_on_every_diagonal(
    seed: int,
    count: int,
    children: int,
    people: float,
    growth: float,
    ceasing: list[float],
    draw: int,
    expected: bool,
) -> None:
    where = areas(count, 2, people)
    base = today(where, children, seed)
    found = authority_rates(NEW_PLANS, ceasing, growth)
    projected = project(
        base, where, None, found, base_year=BASE, years=5, seed=seed, draw=draw, expected=expected
    )
    assert_identity(projected, base)
    both = survivals(projected, base)
    share = 1 - np.array(ceasing)[both["year_group"] + 3]
    wanted = np.where(both["year_group"] > -4, both["before"] * share, 0) + both["joining"]
    np.testing.assert_allclose(both["children"], wanted, atol=1e-9)


@pytest.mark.parametrize(
    "stratum",
    [
        ["academic_year"],
        ["academic_year", "year_group"],
        ["academic_year", "need", "tier"],
        ["academic_year", "locality"],
        ["year_group"],
        ["need", "tier"],
        ["area"],
    ],
    ids="-".join,
)
def test_whole_joiners_keep_the_expected_totals(stratum: list[str]) -> None:
    where = areas()[["area", "locality"]]
    whole = run().merge(where, on="area")
    fractions = run(expected=True).merge(where, on="area")
    got = whole.groupby(stratum)["joining"].sum()
    wanted = fractions.groupby(stratum)["joining"].sum()
    off = got.reindex(wanted.index).fillna(0) - wanted
    assert abs(off.mean()) < 0.3
    assert off.abs().mean() < 0.8
    assert off.abs().max() < (1 if stratum == ["academic_year"] else 2.5)
    if stratum == ["academic_year"]:
        running = (got - wanted).cumsum()
        assert running.abs().max() <= 0.5 + 1e-6


def test_need_and_area_are_not_tied_to_each_other_over_the_years() -> None:
    """A steady number of new plans must not give the same areas the same needs every year."""
    whole = run(years=10)
    joined = whole[whole["need"] == "ASD"].groupby("area")["joining"].sum()
    fractions = run(years=10, expected=True)
    wanted = fractions[fractions["need"] == "ASD"].groupby("area")["joining"].sum()
    off = (joined.reindex(wanted.index).fillna(0) - wanted) / np.sqrt(wanted)
    assert off.abs().max() < 2.5


def test_same_seed_same_projection_and_draws_differ() -> None:
    first = run()
    pd.testing.assert_frame_equal(first, run())
    one, two = run(draw=1), run(draw=2)
    pd.testing.assert_frame_equal(one, run(draw=1))
    assert set(one["draw"]) == {1}
    total = [frame["joining"].sum() for frame in (first, one, two)]
    assert len(set(total)) == 3
    assert not one[["area", "children"]].equals(two[["area", "children"]])
    draws = [run(draw=draw)["joining"].sum() for draw in range(1, 25)]
    assert abs(np.mean(draws) - total[0]) < 3 * np.sqrt(total[0] / len(draws))
    assert 0.5 < np.var(draws) / total[0] < 2


def test_low_central_high() -> None:
    totals = [run(rates=rates(g))["children"].sum() for g in (-0.02, 0.0, 0.03)]
    assert totals == sorted(totals) and len(set(totals)) == 3


def test_a_higher_level_of_plans_brings_more_new_ones() -> None:
    base = today(areas())
    once = run(children_today=base)["joining"].sum()
    twice = run(children_today=base.assign(children=2 * base["children"]))["joining"].sum()
    assert twice == pytest.approx(2 * once, abs=1)
    own = authority_rates(
        NEW_PLANS,
        CEASING,
        0.0,
        pd.DataFrame({"year_group": np.arange(-4, 21), "new_plans_per_1000": NEW_PLANS[:25]}),
    )
    people = population_by_age(areas(), None, [BASE])[0]
    wanted = 8 * float((people[:25] * np.array(NEW_PLANS[:25])).sum()) / 1000
    assert run(rates=own)["joining"].sum() == pytest.approx(wanted, abs=1)


def test_nobody_has_a_plan_today() -> None:
    empty = today(areas()).iloc[:0]
    projected = run(children_today=empty)
    assert projected["joining"].sum() > 0
    assert set(projected["need"]) <= set(NEEDS)
    assert projected["need"].nunique() > 5
    assert_identity(projected, empty)


def test_nobody_lives_there() -> None:
    base = today(areas(people=0))
    projected = run(areas=areas(people=0), children_today=base)
    assert projected["joining"].sum() == 0
    assert_identity(projected, base)
    nothing = run(areas=areas(people=0), children_today=base.iloc[:0])
    assert nothing.empty and tuple(nothing.columns) == PROJECTED_COLUMNS


def test_year_groups_beyond_a_plan_are_gone() -> None:
    base = pd.DataFrame(
        {
            "area": "A000",
            "need": "ASD",
            "tier": 3,
            "year_group": [-9, 19, 20, 21],
            "children": [5.0, 7.0, 5.0, 5.0],
        }
    )
    none = authority_rates([0.0] * AGES, CEASING, 0.0)
    projected = run(children_today=base, rates=none)
    assert projected["year_group"].tolist() == [20]
    assert projected["children"].tolist() == [pytest.approx(7 * (1 - CEASING[23]))]


def test_population_table_drives_the_joiners() -> None:
    table = pd.DataFrame(
        [(year, age, 1000.0 if year < 2029 else 0.0) for year in (2026, 2029) for age in range(26)],
        columns=["academic_year", "age", "people"],
    )
    joining = run(population=table).groupby("academic_year")["joining"].sum()
    assert joining[2028] > 0 and joining[2029] == 0


# -------------------------------------------------------------------------- supplied forecasts


@pytest.mark.parametrize("expected", [False, True])
def test_derive_joining_reproduces_a_forecast(expected: bool) -> None:
    projected = run(expected=expected)
    problems = Problems()
    blank = projected.drop(columns="joining").sample(frac=1, random_state=3)
    derived = derive_joining(blank, today(areas()), CEASING, BASE, problems)
    assert not problems.errors
    pd.testing.assert_frame_equal(derived, projected, atol=1e-9, rtol=0)
    if not expected:
        assert (derived["joining"] == projected["joining"]).all()
    given_back = derive_joining(projected, today(areas()), CEASING, BASE, problems)
    assert not problems.errors
    pd.testing.assert_frame_equal(given_back, projected, atol=1e-9, rtol=0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_any_forecast_satisfies_the_identity(seed: int, partly: bool) -> None:
    rng = np.random.default_rng(seed)
    base = today(areas(3), 30, seed)
    future = run(children_today=base, areas=areas(3), years=4)
    children = np.round(future["children"] * rng.uniform(0, 2, len(future)), 1)
    joining = np.where(partly & (rng.random(len(future)) < 0.5), children, np.nan)
    supplied = future.assign(children=children, joining=joining)
    problems = Problems()
    derived = derive_joining(supplied, base, CEASING, BASE, problems)
    assert not problems.errors
    assert derived["children"].sum() == pytest.approx(children.sum(), abs=1e-3)
    assert_identity(derived, base)


def test_derive_joining_knows_each_draw_and_sums_rows_of_one_cell() -> None:
    draws = pd.concat([run(draw=1), run(draw=2)], ignore_index=True)
    problems = Problems()
    derived = derive_joining(draws.drop(columns="joining"), today(areas()), CEASING, BASE, problems)
    for draw, part in derived.groupby("draw"):
        pd.testing.assert_frame_equal(
            part.reset_index(drop=True), run(draw=int(str(draw))), atol=1e-9, rtol=0
        )
    whole = run()
    halves = pd.concat([whole, whole]).assign(
        children=lambda t: t["children"] / 2, joining=lambda t: t["joining"] / 2
    )
    summed = derive_joining(halves, today(areas()), CEASING, BASE, problems)
    pd.testing.assert_frame_equal(summed, whole, atol=1e-9, rtol=0)


def test_joining_as_given_is_checked() -> None:
    base = pd.DataFrame(
        {"area": ["A"], "need": ["ASD"], "tier": [3], "year_group": [1], "children": [10.0]}
    )
    supplied = pd.DataFrame(
        {
            "academic_year": [2026, 2026, 2026, 2026, 2028],
            "area": "A",
            "need": "ASD",
            "tier": [3, 1, 2, 4, 1],
            "year_group": [2, 2, 2, 2, 4],
            "children": [14.0, 3.0, 3.0, 1.0, 1.0],
            "joining": [1.0, -1.0, 5.0, 0.95, np.nan],
            "_row": [2, 3, 4, 5, 6],
        }
    )
    problems = Problems()
    derived = derive_joining(supplied, base, CEASING, BASE, problems)
    found = {(problem.row, problem.column) for problem in problems.errors}
    assert found == {(2, "joining"), (3, "joining"), (4, "joining"), (None, "academic_year")}
    assert any("2027/28" in problem.message for problem in problems.errors)
    assert all(problem.remedy and problem.file for problem in problems.errors)
    assert_identity(derived, base)


def test_many_wrong_rows_are_summed_up() -> None:
    supplied = run().assign(joining=1e6, _row=lambda t: np.arange(len(t)) + 2)
    problems = Problems()
    derive_joining(supplied, today(areas()), CEASING, BASE, problems)
    assert len(problems.errors) == 21
    assert f"{len(supplied) - 20} more rows" in problems.errors[-1].message


# ------------------------------------------------------------------------------------ what-ifs


def change(projected: pd.DataFrame, **changed: object) -> pd.DataFrame:
    given_: dict[str, Any] = {
        "base_year": BASE,
        "factor": 0.9,
        "from_year": 2028,
        "needs": None,
        "whole": True,
        "seed": 7,
    }
    given_.update(changed)
    return apply_demand_change(projected, today(areas()), **given_)


def test_factor_one_is_the_identity_and_nought_leaves_survivors() -> None:
    projected = run()
    pd.testing.assert_frame_equal(change(projected, factor=1.0), projected)
    without = change(projected, factor=0.0, from_year=BASE + 1)
    assert without["joining"].sum() == 0
    alone = run(rates=authority_rates([0.0] * AGES, CEASING, 0.0))
    pd.testing.assert_frame_equal(without, alone, atol=1e-9, rtol=0)
    for bad in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="factor"):
            change(projected, factor=bad)


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.93, 1.15, 2.0])
@pytest.mark.parametrize("whole", [True, False])
def test_demand_change_keeps_the_identity_and_the_totals(factor: float, whole: bool) -> None:
    projected = run()
    changed = change(projected, factor=factor, whole=whole)
    assert_identity(changed, today(areas()))
    if whole:
        assert (changed["joining"] == changed["joining"].round()).all()
    for stratum in (["academic_year"], ["academic_year", "need", "tier"]):
        was = projected.groupby(stratum)["joining"].sum()
        got = changed.groupby(stratum)["joining"].sum().reindex(was.index).fillna(0)
        late = was.index.get_level_values(0) >= 2028
        off = got - was * np.where(late, factor, 1.0)
        assert off.abs().max() < (1 + 1e-6 if whole else 1e-6)
    early = projected["academic_year"] < 2028
    pd.testing.assert_frame_equal(
        changed[changed["academic_year"] < 2028].reset_index(drop=True),
        projected[early].reset_index(drop=True),
    )


def test_demand_change_of_some_needs_leaves_the_others_alone() -> None:
    projected = run()
    changed = change(projected, factor=1.5, needs=["ASD"])
    others = projected["need"] != "ASD"
    pd.testing.assert_frame_equal(
        changed[changed["need"] != "ASD"].reset_index(drop=True),
        projected[others].reset_index(drop=True),
    )
    assert changed["children"].sum() > projected["children"].sum()
    pd.testing.assert_frame_equal(changed, change(projected, factor=1.5, needs=["ASD"]))


def test_fractions_stay_fractions_in_a_demand_change() -> None:
    fractions = run(expected=True, years=3)
    changed = change(fractions, factor=1.1, from_year=BASE + 1)
    assert changed["joining"].sum() == pytest.approx(1.1 * fractions["joining"].sum(), abs=1)
    assert_identity(changed, today(areas()))


# ------------------------------------------------------------------ other forecasts


def totals(children: dict[int, float], draw: int = 0) -> pd.DataFrame:
    """A forecast of two areas that share a year's children evenly."""
    rows = [(year, area, n / 2, draw) for year, n in children.items() for area in "AB"]
    return pd.DataFrame(rows, columns=["academic_year", "area", "children", "draw"])


def test_the_band_of_variants_spans_all_of_them_in_every_year() -> None:
    band = band_of_variants({
        "central": totals({2026: 101.0, 2027: 100.0}),
        "high": totals({2026: 99.0, 2027: 130.0}),
        "low": totals({2026: 100.0, 2027: 90.0}),
    })  # fmt: skip
    assert band.years == {2026: (99.0, 101.0), 2027: (90.0, 130.0)}
    assert band.basis == "growth of new plans from the low to the high variant"


def test_eight_in_ten_draws_lie_in_the_band_of_draws() -> None:
    draws = pd.concat(totals({2026: float(n), 2027: 50.0}, n) for n in range(101))
    band = band_of_draws(draws)
    assert band is not None
    assert band.years == {2026: (10.0, 90.0), 2027: (50.0, 50.0)}
    assert band.basis == "eight in ten of the 101 draws of the forecast"
    assert band_of_draws(draws[draws["draw"] < 9]) is None


def test_the_band_of_a_scenario_holds_what_is_planned_and_widens() -> None:
    loaded = load_scenario("small")
    assert loaded.band is not None
    planned = loaded.tables.projected_children.groupby("academic_year")["children"].sum()
    assert list(loaded.band.years) == list(planned.index)
    widths = []
    for year, (least, most) in loaded.band.years.items():
        assert least - 1e-9 <= planned[year] <= most + 1e-9
        widths.append(most - least)
    assert widths == sorted(widths) and widths[-1] > 50
