"""A school on a new site, worked out by hand: what it is worth, whom it serves, what it changes."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from sufficiency.asking import Ask, Study
from sufficiency.pipeline import Loaded, audit_plan, study
from sufficiency.plan.finding import ANSWERS, Finding, read_finding
from sufficiency.problems import InputError, NoPlanError, Problems, Stopped
from sufficiency.reports import formatting as fmt
from sufficiency.reports.findings import page_of, write_finding
from sufficiency.studies.site_tests import GAPS, NO_PLAN, STOPPED, UNCLEAR, WORSE, try_sites
from sufficiency.studies.sites import (
    curve,
    earliest,
    read_places,
    read_school,
    with_schools,
)
from tests import tiny
from tests.placement import test_orlib as orlib

FEW = settings(
    max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
HERE, FAR = "400000,300000", "460000,300000"
"""At area A with its school, and 60 km east at area B."""


def model(**changes: Any) -> Any:
    """The bare model without a lead time: a site can open in the first planned September."""
    return tiny.bare_model(lead_years={"default": 0.0}, **changes)


def two_places(*, room: float = 100, years: int = 1, later: bool = False, **more: Any) -> Loaded:
    """Ten children in A, beside the only school, and ten in B, 60 km away; all join at once, or
    with ``later`` in the last year but one."""
    areas = tiny.areas("A", "B")
    areas.loc[1, "easting"] = 460_000.0
    first, present = (2024 + years, 2) if later else (2026, years)
    joining = [row for area in "AB" for row in tiny.joining(area, first, 10.0, present)]
    joining += [(year, "A", "ASD", 3, 14, 0.0, 0.0) for year in range(2026, first)]
    return tiny.world(
        model=more.pop("model", None) or model(price_per_minute=1.0),
        years=years,
        areas_=areas,
        provisions=[tiny.provision("P")],
        commissioned=tiny.places(("P", room)),
        projected=tiny.forecast(*joining),
        **more,
    )


def tried(loaded: Loaded, *at: str, **asked: Any) -> Finding:
    given = {"needs": "ASD", "places": 10, "capital": 0.0, "opens": 2026, "gap": 0.0, "threads": 1}
    return try_sites(loaded, at=at, **{**given, **asked})


def row_of(finding: Finding, site: str = "A") -> Any:
    table = finding.tables["sites"]
    return table[table["site"] == site].iloc[0]


def proven(row: Any, pounds: float) -> None:
    """The interval has closed on a value."""
    assert row["worth_pounds"] == pytest.approx(pounds, abs=0.01)
    assert row["worth_least_pounds"] == pytest.approx(pounds, abs=0.01)
    assert row["worth_most_pounds"] == pytest.approx(pounds, abs=0.01)


# ------------------------------------------------------------------ what a site is worth


def test_a_site_on_top_of_an_isolated_cluster_wins() -> None:
    """No school takes the ten children of B; those of A, 60 km away, have room to spare."""
    limit = dict.fromkeys(tiny.bare_model().phases, 45.0)
    areas = tiny.areas("A", "B")
    areas.loc[1, "easting"] = 460_000.0
    of_b = [(*row[:2], "SLD", *row[3:]) for row in tiny.joining("B", 2026, 10.0)]
    loaded = tiny.world(
        model=model(price_per_minute=1.0, travel_hard_limit_minutes=limit),
        areas_=areas,
        provisions=[tiny.provision("P", needs="ASD")],
        commissioned=tiny.places(("P", 40)),
        projected=tiny.forecast(*tiny.joining("A", 2026, 10.0), *of_b),
    )
    middle = "430000,300000"
    finding = tried(loaded, HERE, middle, FAR, needs="ASD|SLD", capital=1000.0)
    here, between, there = (row_of(finding, site) for site in "ABC")
    assert there["verdict"] == "pays"
    assert there["children"] == pytest.approx(10.0)
    assert there["unmet_spared"] == pytest.approx(10.0)
    caught = finding.tables["catchment"]
    assert set(caught["site"]) == {"C"}
    assert set(caught["area"]) == {"B"}
    proven(there, 10 * (1e7 - float(caught["minutes"].iloc[0])) - 1000.0)
    # Half way to them is too far as well: the best that can be said of it is its price.
    proven(between, -1000.0)
    assert here["verdict"] == "does not pay"
    proven(here, -1000.0)
    assert finding.sentences[0].startswith("Of 3 sites")
    assert f"{FAR} is worth most" in finding.sentences[0]


def test_children_without_a_place_are_told_apart_from_money() -> None:
    """No school at all suits B's children: unmet, which is spared but is no saving."""
    loaded = tiny.world(
        model=model(),
        provisions=[tiny.provision("P", lowest_year_group=14)],
        commissioned=tiny.places(("P", 0)),
        projected=tiny.forecast(*tiny.joining("A", 2026, 10)),
    )
    row = row_of(tried(loaded, HERE, capital=5000.0))
    proven(row, 10 * 1e7 - 5000.0)
    assert row["unmet_spared"] == pytest.approx(10.0)
    # The model's fees are nought, so that nothing covers unmet need, and money is what is left.
    assert row["unmet_cover_pounds"] == pytest.approx(0.0)
    assert row["money_alone_pounds"] < 0
    assert row["money_alone_pounds"] == pytest.approx(row["net_present_value_pounds"])


def test_cover_of_unmet_need_is_shown_apart() -> None:
    fees = {"independent_special": {"in_area": 30_000.0, "out_of_area": 40_000.0}}
    loaded = tiny.world(
        model=model(fees=fees),
        provisions=[tiny.provision("P", lowest_year_group=14)],
        commissioned=tiny.places(("P", 0)),
        projected=tiny.forecast(*tiny.joining("A", 2026, 10)),
    )
    row = row_of(tried(loaded, HERE))
    assert row["unmet_cover_pounds"] == pytest.approx(10 * 40_000.0)
    assert row["money_alone_pounds"] == pytest.approx(
        row["net_present_value_pounds"] - row["unmet_cover_pounds"]
    )


def test_a_duplicate_of_a_half_empty_school_is_worth_nothing() -> None:
    finding = tried(two_places(room=40), HERE)
    proven(row_of(finding), 0.0)
    assert row_of(finding)["verdict"] == UNCLEAR
    costly = row_of(tried(two_places(room=40), HERE, capital=700.0))
    proven(costly, -700.0)
    assert costly["verdict"] == WORSE


def test_a_site_is_worth_no_more_than_its_places_could_save() -> None:
    """Each place spares one child at most the price of the journey from B, for each year."""
    loaded = two_places(years=3)
    minutes = float(loaded.model.travel_estimate["fixed_minutes"])
    for places in (1, 4, 25):
        row = row_of(tried(loaded, FAR, places=places))
        found = tried(loaded, FAR, places=places).tables["journeys"]
        saved = float(found["minutes_saved"].iloc[-1])
        assert row["worth_pounds"] == pytest.approx(min(places, 10) * saved * 3, rel=1e-3)
        assert saved < 200 and minutes >= 0


FEE, TOP_UP = 50_000.0, 10_000.0


@FEW
@given(
    st.lists(st.tuples(*[st.integers(0, 9)] * 4), min_size=3, max_size=3),
    st.integers(0, 25), st.integers(1, 20), st.sampled_from([HERE, FAR, "430000,300000"]),
    st.sampled_from([2026, 2027]), st.sampled_from([0.0, 3_000.0]),
)  # fmt: skip
def test_no_site_is_worth_more_than_the_fees_that_its_places_could_spare(
    joining: list[tuple[int, ...]], room: int, places: int, at: str, opens: int, funding: float
) -> None:
    """All that a place can save is the fee of a child for whom there is no state place, less the
    top-up; children who join, where, when and how old, and the size of the schools are drawn."""
    years, areas = 3, tiny.areas("A", "B")
    areas.loc[1, "easting"] = 460_000.0
    rows = [
        row
        for first, numbers in enumerate(joining, start=2026)
        for (area, group), number in zip(
            [("A", 0), ("A", 7), ("B", 0), ("B", 7)], numbers, strict=True
        )
        for row in tiny.joining(area, first, float(number), 2026 + years - first, group)
    ]
    assume(any(n for numbers in joining for n in numbers))
    loaded = tiny.world(
        model=model(
            fees={"independent_special": {"in_area": FEE, "out_of_area": FEE}},
            top_up=dict.fromkeys(("state_special", "specialist_base"), TOP_UP)
            | {"independent_special": 0.0},
            place_funding={"state_special": funding},
        ),
        years=years,
        areas_=areas,
        provisions=[tiny.provision("P"), tiny.provision("I", "independent_special")],
        commissioned=tiny.places(("P", float(room)), ("I", 1000.0)),
        projected=tiny.forecast(*rows),
    )
    row = row_of(tried(loaded, at, places=places, capital=700.0, opens=opens))
    most, joined = -700.0, 0
    for year, numbers in enumerate(joining, start=2026):
        joined += sum(numbers)
        if year >= opens:
            most += min(places, max(joined - room, 0)) * (FEE - TOP_UP) - places * funding
    assert row["worth_least_pounds"] <= row["worth_pounds"] <= most + 0.5
    assert row["worth_most_pounds"] <= most + 0.5
    # Nor can it do harm beyond what it costs.
    assert row["worth_pounds"] >= -700.0 - (2029 - opens) * places * funding - 0.5
    if opens == 2026:  # all who join may choose it: the bound is reached
        assert row["worth_pounds"] == pytest.approx(most, abs=0.5)


def test_more_places_are_worth_no_less_and_less_each() -> None:
    loaded = two_places()
    worth = [row_of(tried(loaded, FAR, places=n))["worth_pounds"] for n in (2, 4, 8, 16)]
    assert worth == sorted(worth)
    assert worth[1] - worth[0] == pytest.approx(worth[0], rel=1e-6)
    assert worth[3] - worth[2] == pytest.approx(worth[0], rel=1e-6)


# ------------------------------------------------------------------ whom it serves


def test_what_it_changes_is_counted_by_hand() -> None:
    """B's ten children would travel to P; with the site they stay. P's roll falls by ten."""
    finding = tried(two_places(years=2), FAR)
    first, last = 2026, 2027
    fill = finding.tables["fill"]
    assert fill["academic_year"].tolist() == [first, last]
    assert fill["children"].tolist() == pytest.approx([10.0, 10.0])
    assert fill["share_filled"].tolist() == pytest.approx([1.0, 1.0])
    came = finding.tables["origins"]
    assert came[came["academic_year"] == last][["kind", "children", "change_of_all"]].values.tolist(
    ) == [["state_special", pytest.approx(10.0), pytest.approx(0.0)]]  # fmt: skip
    caught = finding.tables["catchment"]
    assert set(caught["area"]) == {"B"}
    estimate = dict(curve(two_places())[0])
    nearby = estimate["fixed_minutes"]
    far = (
        estimate["fixed_minutes"]
        + estimate["slow_km"] * estimate["minutes_per_slow_km"]
        + (60 - estimate["slow_km"]) * estimate["minutes_per_straight_km"]
    )
    at_end = finding.tables["journeys"].iloc[-1]
    assert at_end["children"] == at_end["compared"] == pytest.approx(10.0)
    assert at_end["median_minutes"] == pytest.approx(nearby, abs=0.05)
    assert at_end["median_minutes_without"] == pytest.approx(far)
    assert at_end["minutes_saved"] == pytest.approx(far - nearby, abs=0.05)
    assert at_end["p90_minutes_saved"] == pytest.approx(far - nearby, abs=0.05)
    assert at_end["km_saved"] == pytest.approx(60 * estimate["road_km_per_straight_km"])
    assert at_end["over_45_without"] == pytest.approx(10.0)
    assert at_end["over_45"] == 0.0
    rolls = finding.tables["rolls"]
    p = rolls[(rolls["provision"] == "P") & (rolls["academic_year"] == last)].iloc[0]
    assert (p["children_without"], p["children"], p["change"]) == pytest.approx((20.0, 10.0, -10.0))
    assert p["km_from_site"] == pytest.approx(60.0)


def test_places_that_fall_free_are_taken_by_others() -> None:
    """P is full of A's children while B's are in a dear school; a site at A frees P for them."""
    fees = {"independent_special": {"in_area": 50_000.0, "out_of_area": 50_000.0}}
    loaded = tiny.world(
        model=model(fees=fees, price_per_minute=1.0),
        areas_=tiny.areas("A", "B"),
        provisions=[tiny.provision("P"), tiny.provision("I", "independent_special")],
        commissioned=tiny.places(("P", 10)),
        projected=tiny.forecast(*tiny.joining("A", 2026, 10), *tiny.joining("B", 2026, 10)),
    )
    finding = tried(loaded, HERE)
    came = finding.tables["origins"].set_index("kind")
    row = row_of(finding)
    # Whoever is at the site: among all children ten leave the dear school, at 50,000 each.
    assert came["change_of_all"]["independent_special"] == pytest.approx(-10.0)
    assert came["change_of_all"]["state_special"] == pytest.approx(10.0)
    assert came["children"].sum() == pytest.approx(10.0)
    assert row["fees_avoided_pounds"] == pytest.approx(500_000.0)
    assert row["net_present_value_pounds"] == pytest.approx(500_000.0)
    lines = finding.tables["lines"].set_index("line")["change_pounds"]
    assert lines["fees"] == pytest.approx(-500_000.0)


# ------------------------------------------------------------------ money


def budgeted(pounds: float, **more: Any) -> Loaded:
    """A scheme of the table could serve B as well, a little dearer; the budget holds for one."""
    return two_places(
        schemes=[tiny.scheme("listed", capital_pounds=800.0)],
        sites={"S": (460_000.0, 300_000.0)},
        budgets=pd.DataFrame({"financial_year": ["2026-27"], "source": ["grant"],
                              "pounds": [pounds]}),
        **more,
    )  # fmt: skip


def test_for_the_same_money_the_site_displaces_what_it_makes_unnecessary() -> None:
    finding = tried(budgeted(1000.0), FAR, capital=500.0)
    row = row_of(finding)
    # Without it the listed scheme serves B for 800; with it the site does for 500.
    proven(row, 300.0)
    opened = finding.tables["schemes"]
    assert opened.loc[(opened["plan"] == "without") & (opened["scheme"] == "listed"),
                      "opens"].tolist() == [2026]  # fmt: skip
    assert opened.loc[(opened["plan"] == "A") & (opened["scheme"] == "listed"),
                      "opens"].tolist() == [-1]  # fmt: skip


def test_a_site_that_the_budget_cannot_carry_is_said_to_be_so() -> None:
    finding = tried(budgeted(1000.0), FAR, HERE, capital=1500.0)
    assert set(finding.tables["sites"]["verdict"]) == {NO_PLAN}
    assert "cannot be afforded" in finding.sentences[0]
    assert "the budgets hold £1,000" in finding.sentences[0]
    assert len(finding.tables["plans"]) == 1
    text = page_of(finding)
    assert "That no plan opens it is proven" in text and "both are proven" not in text


def test_a_grant_comes_only_with_the_site_and_the_counterfactual_gets_it_too() -> None:
    """900 buys the listed scheme only with the grant; then the site beside it serves nobody."""
    finding = tried(budgeted(100.0), FAR, capital=900.0, grant=900.0)
    row, plans = row_of(finding), finding.tables["plans"].set_index("plan")
    minutes = float(finding.tables["journeys"]["minutes_saved"].iloc[0])
    proven(row, 10 * minutes - 900.0)
    # Without it the grant is not there, so that the listed scheme cannot open.
    assert plans.loc["without", "capital_pounds"] == 0.0
    # The grant spent otherwise opens the listed scheme for 800: better by the difference.
    assert plans.loc["grant elsewhere", "capital_pounds"] == 800.0
    assert row["over_grant_least_pounds"] == pytest.approx(-100.0, abs=0.5)
    assert row["over_grant_most_pounds"] == pytest.approx(-100.0, abs=0.5)
    assert any("grant spent otherwise does more: that is proven" in s for s in finding.sentences)
    assert row["after_grant_pounds"] == pytest.approx(row["net_present_value_pounds"] + 900.0)


def test_a_candidate_site_holds_one_school() -> None:
    """The listed scheme stands on the very site: with the tested school there it cannot open."""
    finding = tried(budgeted(5000.0), sites=["S"], capital=500.0)
    opened = finding.tables["schemes"]
    mine = opened[(opened["plan"] == "A") & (opened["scheme"] == "listed")]
    assert mine["opens"].tolist() == [-1]
    assert any("also the site of listed" in note for note in finding.stamp["notes"])


def test_capital_and_opening_are_the_models_where_nobody_gives_them() -> None:
    loaded = two_places(
        years=4,
        later=True,
        model=tiny.bare_model(
            price_per_minute=10.0, lead_years={"default": 2.0},
            capital_per_place={"default": 7.0},
        ),
    )  # fmt: skip
    assert earliest(loaded, "state_special") == 2028
    finding = tried(loaded, FAR, capital=None, opens=None)
    assert finding.stamp["school"]["capital_pounds"] == 70.0
    assert row_of(finding)["opens"] == 2028


def test_optimism_bias_and_payback_are_those_of_a_business_case() -> None:
    """Fees of 100,000 a year are avoided for four years by 150,000 of capital."""
    fees = {"independent_special": {"in_area": 10_000.0, "out_of_area": 10_000.0}}
    loaded = tiny.world(
        model=model(fees=fees, optimism_bias={"default": 0.2}, lifecycle_share={"default": 0.0}),
        years=4,
        provisions=[
            tiny.provision("I", "independent_special"),
            tiny.provision("P", lowest_year_group=14),
        ],
        commissioned=tiny.places(("P", 0)),
        projected=tiny.forecast(*tiny.joining("A", 2026, 10, years=4)),
    )
    row = row_of(tried(loaded, HERE, capital=150_000.0))
    proven(row, 400_000.0 - 150_000.0)
    assert row["net_present_value_pounds"] == pytest.approx(400_000.0 - 1.2 * 150_000.0)
    # Cash: 7/12 of a year saved in the first financial year against 180,000, then 100,000 each.
    assert row["payback_years"] == 3.0


# ------------------------------------------------------------------ OR-Library


@pytest.mark.skipif(not orlib.FOLDER.is_dir(), reason=f"OR-Library is not at {orlib.FOLDER}")
@pytest.mark.slow
def test_each_facility_of_cap71_in_turn_as_the_new_site() -> None:
    """The loss without it is the difference of two optima that another formulation finds."""
    instance = orlib.read_instance("cap71")
    whole = orlib.as_authority(instance)
    whole = replace(whole, model=replace(whole.model, lead_years={"default": 0.0}))
    optimum = orlib.published("cap71")
    for j in range(len(instance.fixed)):
        schemes = whole.tables.schemes
        left = schemes[schemes["scheme"] != f"new-S{j:02d}"]
        others = replace(whole, tables=replace(whole.tables, schemes=left))
        row = row_of(
            tried(others, sites=[f"S{j:02d}"], places=float(instance.capacity[j]),
                  capital=float(instance.fixed[j]), time_limit=None)
        )  # fmt: skip
        without, with_it = (independent(instance, j, is_open) for is_open in (False, True))
        assert min(without, with_it) == pytest.approx(optimum, abs=0.01)
        proven(row, without - with_it)


def independent(instance: orlib.Warehouses, facility: int, is_open: bool) -> float:
    """The optimum with one facility open or shut, stated anew and solved by scipy."""
    customers, sites = instance.cost.shape
    flows = customers * sites
    cost = np.concatenate([instance.cost.ravel(), instance.fixed])
    served = np.zeros((customers, flows + sites))
    held = np.zeros((sites, flows + sites))
    linked = np.zeros((flows, flows + sites))
    for i in range(customers):
        served[i, i * sites : (i + 1) * sites] = 1.0
        for j in range(sites):
            held[j, i * sites + j] = instance.demand[i]
            linked[i * sites + j, [i * sites + j, flows + j]] = 1.0, -1.0
    held[:, flows:] = -np.diag(instance.capacity)
    lower, upper = np.zeros(flows + sites), np.ones(flows + sites)
    lower[flows + facility] = upper[flows + facility] = float(is_open)
    found = milp(
        cost, bounds=Bounds(lower, upper),
        integrality=np.concatenate([np.zeros(flows), np.ones(sites)]),
        constraints=[LinearConstraint(served, 1.0, 1.0), LinearConstraint(held, -np.inf, 0.0),
                     LinearConstraint(linked, -np.inf, 0.0)],
        options={"mip_rel_gap": 0.0},
    )  # fmt: skip
    assert found.success, found.message
    return float(found.fun)


# ------------------------------------------------------------------ what cannot be asked


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"at": ["-3.53,50.72"]}, "degrees, not metres"),
        ({"at": ["300000,2400000"]}, "outside the British National Grid"),
        ({"at": ["300000,900000"]}, "lies far from the authority"),
        ({"at": ["300000,400000"]}, "easting and northing may be swapped"),
        ({"at": ["here"]}, "this is no point"),
        ({"at": []}, "no site is given"),
        ({"at": [HERE, HERE]}, "given twice"),
        ({"at": [], "sites": ["T"]}, "no such candidate site"),
        ({"at": [], "postcodes": ["EX1 1AA"]}, "postcodes need a file"),
        ({"needs": "ADHD"}, "no such need"),
        ({"needs": ""}, "no need is given"),
        ({"needs": "MSI"}, "no child of this scenario has such a need"),
        ({"year_groups": "12-14"}, "no child with such a need is ever in these year groups"),
        ({"year_groups": "9-3"}, "year groups rise"),
        ({"year_groups": "primary"}, "these are no year groups"),
        ({"opens": "2019/20"}, "outside the planned years"),
        ({"opens": "soon"}, "this is no academic year"),
        ({"places": 0}, "helps nobody"),
        ({"places": -3}, "nought or above"),
        ({"capital": math.nan}, "nought or above"),
        ({"kind": "independent_special"}, "builds no independent special school"),
        ({"kind": "academy"}, "no such kind of provision"),
    ],
)
def test_what_cannot_be_asked_is_answered_in_a_sentence(asked: dict[str, Any], words: str) -> None:
    loaded = two_places()
    given = {"at": [HERE], "needs": "ASD", "places": 10, "capital": 0.0, "opens": 2026, **asked}
    with pytest.raises(InputError) as caught:
        try_sites(loaded, **given)
    assert words in str(caught.value)
    assert all(p.remedy for p in caught.value.problems)


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        try_sites(two_places(), at=["-3.5,50.7"], needs="ADHD", places=0, opens="2019/20")
    assert len(caught.value.problems) == 4


def test_opening_before_the_lead_time_is_refused() -> None:
    loaded = two_places(years=5, model=tiny.bare_model(lead_years={"default": 3.0}))
    with pytest.raises(InputError, match="cannot open before September 2029"):
        tried(loaded, HERE, opens="2027/28")
    short = two_places(years=2, model=tiny.bare_model(lead_years={"default": 3.0}))
    with pytest.raises(InputError, match="after the last planned year"):
        tried(short, HERE, opens=None)


def test_a_point_in_the_sea_is_a_warning() -> None:
    finding = tried(two_places(), "400000,320000")
    (warning,) = [w["text"] for w in finding.stamp["warnings"] if "--at" in w["text"]]
    assert "18.0 km outside the authority, in a neighbouring area or in the sea" in warning


def test_postcodes_are_looked_up(tmp_path: Path) -> None:
    file = tmp_path / "ONSPD_NOV_2026_UK.csv"
    file.write_text("pcds,oseast1m,osnrth1m,doterm\nEX1 1AA,460000,300000,\n")
    loaded = two_places()
    finding = tried(loaded, postcodes=["ex11aa"], postcode_files=[file])
    row = row_of(finding)
    assert (row["easting"], row["northing"]) == (460_000.0, 300_000.0)
    assert row["name"] == "EX11AA"
    with pytest.raises(InputError, match="not in the file of postcodes"):
        tried(loaded, postcodes=["EX9 9ZZ"], postcode_files=[file])


# ------------------------------------------------------------------ journeys


def test_journeys_to_a_new_point_follow_the_scenarios_own_journeys() -> None:
    """Every measured journey takes four minutes a km; the curve of the model does not."""
    areas = tiny.areas(*(f"A{i}" for i in range(12)))
    schools = [tiny.provision(f"P{i}", easting=400_000.0 + 9_000 * i) for i in range(8)]
    known = [
        (str(area), str(p["provision"]), 4 * km, 1.5 * km)
        for area, x in zip(areas["area"], areas["easting"], strict=True)
        for p in schools
        for km in [abs(x - p["easting"]) / 1000]
    ]
    loaded = tiny.world(
        model=model(), areas_=areas, provisions=schools,
        commissioned=tiny.places(*((p["provision"], 10) for p in schools)),
        projected=tiny.forecast(*tiny.joining("A0", 2026, 5)), travel=tiny.travel(*known),
    )  # fmt: skip
    finding = tried(loaded, "415000,300000")
    caught = finding.tables["catchment"]
    if len(caught):
        assert caught["minutes"].iloc[0] == pytest.approx(60.0, abs=0.5)
    estimate, sentence = curve(loaded)
    assert estimate["minutes_per_straight_km"] == pytest.approx(4.0, abs=0.02)
    assert estimate["road_km_per_straight_km"] == pytest.approx(1.5)
    assert "fitted to 96 journeys" in sentence
    assert "too few measured journeys" in curve(two_places())[1]


def test_measured_journeys_to_a_candidate_site_are_used() -> None:
    loaded = two_places(
        schemes=[tiny.scheme("listed", capital_pounds=1e6)],
        travel=tiny.travel(("A", "S", 99.0, 50.0), ("B", "S", 7.0, 3.0)),
    )
    finding = tried(loaded, sites=["S"])
    caught = finding.tables["catchment"]
    assert caught.set_index("area").loc["B", ["minutes", "km"]].tolist() == [7.0, 3.0]
    assert not any("estimated from straight lines" in n for n in finding.stamp["notes"])


# ------------------------------------------------------------------ kept, stopped, written


def test_a_nearer_look_may_be_stopped_and_the_first_answer_stands(monkeypatch: Any) -> None:
    """A duplicate of a half-empty school: worth nothing, so that a nearer look is taken."""
    searched, told = Study.best, []

    def stops(self: Study, ask: Any = None, **more: Any) -> Any:
        if more["gap"] < GAPS[0] and ask.force:
            raise KeyboardInterrupt
        return searched(self, ask, **more)

    monkeypatch.setattr(Study, "best", stops)
    finding = tried(two_places(room=40), HERE, gap=None, on_progress=told.append)
    proven(row_of(finding), 0.0)
    assert row_of(finding)["verdict"] == UNCLEAR
    assert STOPPED in finding.stamp["notes"]
    (first,) = [words for words in told if "Ctrl-C" in words]
    assert first.startswith("Proven so far: ") and "is worth between £0 and £0" in first
    monkeypatch.setattr(Study, "best", searched)
    whole = tried(two_places(room=40), HERE, gap=None)
    assert STOPPED not in whole.stamp["notes"]


def saying(status: str, bound: float) -> Any:
    """A search that answers so, with no plan, whatever is asked of a site."""
    searched = Study.best

    def best(self: Study, ask: Any = None, **more: Any) -> Any:
        if not ask.force:
            return searched(self, ask, **more)
        return self.recalled(
            ask, status=status, objective=math.inf, bound=bound, opens={}, seconds=1.0
        )

    return best


def test_a_plan_at_hand_refutes_a_search_that_says_there_is_none(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """The plan without the site, with the site on top, obeys all rules: it stands, unproven."""
    whole = tried(two_places(), FAR)
    monkeypatch.setattr(Study, "best", saying("infeasible", math.inf))
    finding = tried(two_places(), FAR)
    row, sure = row_of(finding), row_of(whole)
    found = finding.stamp["search"]["A"]
    assert (found["status"], found["bound_pounds"], found["gap"]) == (
        "not proven", -math.inf, math.inf,
    )  # fmt: skip
    # The plan without it is proven, so what the site is worth at least is proven as well.
    assert row["worth_least_pounds"] == pytest.approx(sure["worth_least_pounds"], abs=0.01)
    assert row["worth_most_pounds"] == math.inf
    assert row["verdict"] == sure["verdict"]
    assert f"it is worth at least {fmt.pounds(row['worth_least_pounds'])}" in " ".join(
        finding.sentences
    )
    assert set(finding.tables["plans"]["status"]) == {"optimal", "not proven"}
    write_finding(finding, tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "is not known. It is given as an interval" in text
    assert "at least £" in text and ">inf" not in text


def test_no_plan_found_in_time_is_not_called_unaffordable(monkeypatch: Any) -> None:
    monkeypatch.setattr(Study, "best", saying("time limit", -math.inf))
    with pytest.raises(NoPlanError, match="more time with --time-limit"):
        tried(budgeted(1000.0), FAR, capital=1500.0)


def test_answers_are_kept_and_gone_on_with(tmp_path: Path, monkeypatch: Any) -> None:
    loaded = two_places()
    whole = tried(loaded, FAR, folder=tmp_path / "whole")
    searched = Study.best

    def stops(self: Study, ask: Any = None, **more: Any) -> Any:
        if ask is not None and ask.force:
            raise KeyboardInterrupt
        return searched(self, ask, **more)

    monkeypatch.setattr(Study, "best", stops)
    folder = tmp_path / "out"
    with pytest.raises(Stopped, match="run the same command again"):
        tried(loaded, FAR, folder=folder)
    kept = len(list((folder / ANSWERS).iterdir()))
    assert kept == 2  # the plan without it, and the same with the site on top

    asked: list[Any] = []

    def counts(self: Study, ask: Any = None, **more: Any) -> Any:
        asked.append(ask)
        return searched(self, ask, **more)

    monkeypatch.setattr(Study, "best", counts)
    again = tried(loaded, FAR, folder=folder)
    assert len(asked) == 1
    pd.testing.assert_frame_equal(again.tables["sites"], whole.tables["sites"])


def test_the_same_question_gives_the_same_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        finding = tried(two_places(years=2), FAR, HERE)
        finding.stamp |= {"created": "2026-11-23T10:00:00+00:00", "seconds": 0.0}
        write_finding(finding, tmp_path / name)
    names = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*"))
    for name in names:
        one, two = tmp_path / "one" / name, tmp_path / "two" / name
        if one.is_file() and one.suffix != ".parquet":
            assert one.read_bytes() == two.read_bytes(), name
    read = read_finding(tmp_path / "one")
    assert set(read.layers) == {"authority", "areas", "provisions", "sites"}
    assert read.layers["areas"].set_index("area").loc["B", "children_A"] == pytest.approx(10.0)
    json.loads((tmp_path / "one" / "finding.json").read_text(encoding="utf-8"))


def test_the_audit_agrees_with_a_plan_that_opens_a_tested_site() -> None:
    """The hypothetical school obeys the same rules, recomputed from tables alone."""
    loaded = budgeted(5000.0, years=3)
    problems = Problems()
    school = read_school(loaded, problems, needs="ASD", places=10, opens=2026, capital=500.0,
                         grant=300.0)  # fmt: skip
    where = read_places(loaded, problems, at=[FAR])
    problems.raise_if_any()
    with_it = with_schools(loaded, school, where).loaded
    asked = study(with_it)
    answered = asked.best(Ask.that(force=[where[0].scheme]), gap=0.0)
    assert answered.opens[where[0].scheme] == 2026
    audit = audit_plan(with_it, answered.plan)
    assert audit["passed"], audit["differences"]
