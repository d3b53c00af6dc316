"""Every constraint family alone: its rows against a readable expected form, and one answer by hand.

The test of family ``f`` is called ``test_f``; ``test_every_family_has_a_test`` sees to it. Prices
that a test does not set are nothing; a child beyond a limit costs a million, an unmet child ten.
Schools lie in the home area unless a travel table says otherwise, so journeys cost nothing.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sufficiency.pipeline import optimise
from sufficiency.placement.costs import (
    capital_spend,
    constant_value,
    place_cost,
    scheme_place_terms,
    scheme_value,
    unmet_value,
)
from sufficiency.placement.model import FAMILIES, SCHEME_RULES, build
from sufficiency.placement.question import Question
from sufficiency.rules import Preference, WhatIf
from tests.tiny import (
    areas,
    bare_model,
    children,
    forecast,
    joining,
    objective,
    opened,
    placed,
    places,
    provision,
    row,
    rows,
    scheme,
    solved,
    travel,
    world,
)

CHEAP_AND_DEAR = [provision("P", top_up_pounds=0), provision("Q", top_up_pounds=100)]
"""Two schools for everybody; a child at Q costs 100 pounds a year more."""


def test_every_family_has_a_test() -> None:
    assert {f for f in FAMILIES if f"test_{f}" not in globals()} == set()


def test_every_family_says_its_equation_and_has_an_index() -> None:
    for name, (index, equation) in FAMILIES.items():
        assert equation.__name__ == name and index.__name__ == f"{name}_index"
        assert "$$" in (equation.__doc__ or ""), name
        assert index.__doc__, name
    assert set(SCHEME_RULES) <= set(FAMILIES)


def test_an_authority_without_schemes_or_limits_has_no_rows_for_them() -> None:
    model = build(world(projected=forecast(*joining("A", 2026, 4))).question())
    there = {name: len(getattr(model, name)) for name in FAMILIES}
    assert {name: n for name, n in there.items() if n} == {
        "every_child_placed": 1,
        "places": 1,
        "over_capacity_limit": 1,
    }


# ------------------------------------------------------------------ children


def test_every_child_placed() -> None:
    """Six are in Year 1 of an infant school I that ends with Year 2. Two leave the authority
    before Year 3, when one joins: four sixths of those at I, and one, look for a place then."""
    loaded = world(
        years=2,
        provisions=[provision("I", highest_year_group=2), provision("P", lowest_year_group=3)],
        commissioned=places(("I", 100), ("P", 100)),
        today=children(("A", "ASD", 3, 1, "I", 6)),
        projected=forecast((2026, "A", "ASD", 3, 2, 6, 0), (2027, "A", "ASD", 3, 3, 5, 1)),
    )
    assert rows(loaded, "every_child_placed") == [
        row(
            {
                "placed[A y3 2027 > P]": 1,
                "unmet[A y3 2027]": 1,
                "placed[A y1 2025 > I settled]": -4 / 6,
            },
            least=1,
            most=1,
        )
    ]
    plan = solved(loaded)
    assert placed(plan, 2026) == {"I": 6}
    assert placed(plan, 2027) == pytest.approx({"P": 5})


def test_every_child_placed_or_counted_as_unmet() -> None:
    """P takes SLD only; four children with ASD have no place, in either year, and are named."""
    loaded = world(
        years=2,
        provisions=[provision("P", needs="SLD")],
        commissioned=places(("P", 100)),
        projected=forecast(*joining("A", 2026, 4, years=2)),
    )
    assert rows(loaded, "every_child_placed") == [row({"unmet[A y0 2026]": 1}, least=4, most=4)]
    plan = solved(loaded)
    assert plan.unmet["children"].tolist() == [4, 4]
    assert objective(plan) == pytest.approx(4 * 2 * 1e7)
    assert any("no provision suits ASD, tier 3" in w["message"] for w in plan.stamp["warnings"])


def test_settled_children_stay() -> None:
    """Five sit in Year 5 of dear Q. They stay for Year 6 and move to free P for Year 7."""
    loaded = world(
        years=2,
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 100), ("Q", 100)),
        today=children(("A", "ASD", 3, 5, "Q", 5)),
        projected=forecast((2026, "A", "ASD", 3, 6, 5, 0), (2027, "A", "ASD", 3, 7, 5, 0)),
    )
    assert rows(loaded, "settled_children_stay") == [
        row({"placed[A y5 2025 > Q settled]": 1}, least=5, most=5)
    ]
    plan = solved(loaded)
    assert [placed(plan, y) for y in (2025, 2026, 2027)] == [{"Q": 5}, {"Q": 5}, {"P": 5}]
    assert objective(plan) == pytest.approx(500)


def test_stay_on_in_all_through() -> None:
    """Four sit in Year 6 of dear Q, which spans Year 7, when three are left. Three quarters of
    those three keep their place; the others choose P, which is free."""
    loaded = world(
        model=bare_model(stay_on_share={"state_special": 0.75}),
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 100), ("Q", 100)),
        today=children(("A", "ASD", 3, 6, "Q", 4)),
        projected=forecast((2026, "A", "ASD", 3, 7, 3, 0)),
    )
    assert rows(loaded, "stay_on_in_all_through") == [
        row(
            {"placed[A y7 2026 > Q staying]": 1, "placed[A y6 2025 > Q settled]": -0.75 * 0.75},
            least=0,
            most=0,
        )
    ]
    assert placed(solved(loaded), 2026) == pytest.approx({"Q": 2.25, "P": 0.75})


def test_stay_on_needs_a_school_that_spans_the_transition() -> None:
    """Q ends with Year 6: nobody has a right to stay, and there is no row."""
    loaded = world(
        model=bare_model(stay_on_share={"state_special": 1.0}),
        provisions=[provision("P"), provision("Q", highest_year_group=6)],
        commissioned=places(("P", 100), ("Q", 100)),
        today=children(("A", "ASD", 3, 6, "Q", 4)),
        projected=forecast((2026, "A", "ASD", 3, 7, 4, 0)),
    )
    assert rows(loaded, "stay_on_in_all_through") == []
    assert placed(solved(loaded), 2026) == {"P": 4}


def test_only_those_already_there() -> None:
    """Q admits SLD only, yet has four children with ASD in Year 3. Half are released, and one
    with ASD joins. The released two may choose free Q again; the one who joins must take P."""
    loaded = world(
        provisions=[
            provision("P", top_up_pounds=100),
            provision("Q", needs="SLD", top_up_pounds=0),
        ],
        commissioned=places(("P", 100), ("Q", 100)),
        today=children(("A", "ASD", 3, 3, "Q", 4)),
        projected=forecast((2026, "A", "ASD", 3, 4, 5, 1)),
        scenario={"what_ifs": (WhatIf("release", share=0.5),)},
    )
    assert rows(loaded, "only_those_already_there") == [
        row({"placed[A y4 2026 > Q only]": 1, "placed[A y3 2025 > Q settled] #2": -1}, most=0)
    ]
    plan = optimise(loaded, gap=0.0)
    assert placed(plan, 2026) == pytest.approx({"Q": 4, "P": 1})
    assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]


def test_stay_in_sector() -> None:
    """Ten leave independent I for Year 7. Six tenths stay in the sector, at dear J; four choose
    P, which is free."""
    loaded = world(
        model=bare_model(stay_in_sector_share={"independent_special": {"secondary": 0.6}}),
        provisions=[
            provision("I", "independent_special", highest_year_group=6, fee_pounds=50),
            provision("J", "independent_special", lowest_year_group=7, fee_pounds=100),
            provision("P", top_up_pounds=0),
        ],
        commissioned=places(("P", 100)),
        today=children(("A", "ASD", 3, 6, "I", 10)),
        projected=forecast((2026, "A", "ASD", 3, 7, 10, 0)),
    )
    assert rows(loaded, "stay_in_sector") == [
        row(
            {
                "placed[A y7 2026 > J]": 1,
                "displaced[0]": 1,
                "placed[A y6 2025 > I settled]": -0.6,
            },
            least=0,
        )
    ]
    plan = solved(loaded)
    assert placed(plan, 2026) == pytest.approx({"J": 6, "P": 4})
    assert objective(plan) == pytest.approx(600)


def test_stay_in_sector_gives_way_at_the_price_of_a_move() -> None:
    """J has two places and a third child there would cost a million; staying six of ten fails by
    four, at 100,000 pounds each."""
    loaded = world(
        model=bare_model(stay_in_sector_share={"independent_special": {"secondary": 0.6}}),
        provisions=[
            provision("I", "independent_special", highest_year_group=6),
            provision("J", "independent_special", lowest_year_group=7),
            provision("P"),
        ],
        commissioned=places(("P", 100), ("J", 2)),
        today=children(("A", "ASD", 3, 6, "I", 10)),
        projected=forecast((2026, "A", "ASD", 3, 7, 10, 0)),
    )
    plan = solved(loaded)
    assert placed(plan, 2026) == pytest.approx({"J": 2, "P": 8})
    assert objective(plan) == pytest.approx(400_000)


def preferring_independent(floor: float, ceiling: float, **changes: Any) -> Any:
    rule = Preference(("independent_special",), (3,), ("primary", "secondary"), floor, ceiling)
    return bare_model(preference=(rule,), **changes)


def test_preference_floor() -> None:
    """Eight join; a quarter prefers independent J, for 100 pounds, to P, which is free."""
    loaded = world(
        model=preferring_independent(0.25, 1.0),
        provisions=[
            provision("J", "independent_special", fee_pounds=100),
            provision("P", top_up_pounds=0),
        ],
        commissioned=places(("P", 100)),
        projected=forecast(*joining("A", 2026, 8)),
    )
    assert rows(loaded, "preference_floor") == [
        row({"placed[A y0 2026 > J]": 1, "unmet[A y0 2026]": 0.25}, least=2)
    ]
    assert rows(loaded, "preference_ceiling") == []
    assert placed(solved(loaded), 2026) == pytest.approx({"J": 2, "P": 6})


def test_preference_floor_asks_for_no_provision_that_a_scheme_would_create() -> None:
    """A quarter would prefer an independent school, but only scheme J could make one: nobody is
    bound to build it, nor is anyone unmet for want of it."""
    loaded = world(
        model=preferring_independent(0.25, 1.0, scheme_kinds=("independent_special",)),
        provisions=[provision("P", top_up_pounds=0)],
        schemes=[scheme("J", kind="independent_special", capital_pounds=1000)],
        commissioned=places(("P", 100)),
        projected=forecast(*joining("A", 2026, 8)),
    )
    assert rows(loaded, "preference_floor") == []
    plan = solved(loaded)
    assert placed(plan, 2026) == pytest.approx({"P": 8})
    assert opened(plan) == {}


def test_preference_counts_nobody_who_stays_on() -> None:
    """Of six in Year 7 four stay on at all-through P. A quarter of the other two prefers J."""
    loaded = world(
        model=preferring_independent(0.25, 1.0, stay_on_share={"state_special": 1.0}),
        provisions=[
            provision("J", "independent_special", fee_pounds=100),
            provision("P", top_up_pounds=0),
        ],
        commissioned=places(("P", 100)),
        today=children(("A", "ASD", 3, 6, "P", 4)),
        projected=forecast((2026, "A", "ASD", 3, 7, 6, 2)),
    )
    assert rows(loaded, "preference_floor") == [
        row(
            {
                "placed[A y7 2026 > J]": 1,
                "placed[A y7 2026 > P staying]": 0.25,
                "unmet[A y7 2026]": 0.25,
            },
            least=1.5,
        )
    ]
    assert placed(solved(loaded), 2026) == pytest.approx({"J": 0.5, "P": 5.5})


def test_preference_ceiling() -> None:
    """J is free and P costs 100 pounds; of eight at most a quarter goes to J."""
    loaded = world(
        model=preferring_independent(0.0, 0.25),
        provisions=[
            provision("J", "independent_special", fee_pounds=0),
            provision("P", top_up_pounds=100),
        ],
        commissioned=places(("P", 100)),
        projected=forecast(*joining("A", 2026, 8)),
    )
    assert rows(loaded, "preference_ceiling") == [row({"placed[A y0 2026 > J]": 1}, most=2)]
    assert rows(loaded, "preference_floor") == []
    assert placed(solved(loaded), 2026) == pytest.approx({"J": 2, "P": 6})


def test_preference_share() -> None:
    """A quarter of eight is at J, which is dear, and not a child more, were it free: one row."""
    for fee in (100, 0):
        loaded = world(
            model=preferring_independent(0.25, 0.25),
            provisions=[
                provision("J", "independent_special", fee_pounds=fee),
                provision("P", top_up_pounds=100 - fee),
            ],
            commissioned=places(("P", 100)),
            projected=forecast(*joining("A", 2026, 8)),
        )
        assert rows(loaded, "preference_share") == [
            row({"placed[A y0 2026 > J]": 1, "unmet[A y0 2026]": 0.25}, least=2, most=2)
        ]
        assert rows(loaded, "preference_floor") == rows(loaded, "preference_ceiling") == []
        assert placed(solved(loaded), 2026) == pytest.approx({"J": 2, "P": 6})


def test_a_share_that_a_scheme_could_exceed_is_a_floor_and_a_ceiling() -> None:
    """Area B reaches no independent school but the one that scheme S could make: no floor there."""
    loaded = world(
        model=preferring_independent(
            0.25, 0.25, scheme_kinds=("independent_special",),
            travel_hard_limit_minutes=dict.fromkeys(bare_model().phases, 20.0),
        ),
        areas_=areas("A", "B"),
        provisions=[provision("J", "independent_special"), provision("P"),
                    provision("M", "mainstream", easting=410_000.0)],
        schemes=[scheme("K", kind="independent_special")],
        sites={"S": (410_000.0, 300_000.0)},
        commissioned=places(("P", 100), ("M", 100)),
        travel=travel(("A", "J", 5, 5), ("B", "J", 90, 90), ("A", "P", 5, 5), ("B", "P", 90, 90),
                      ("A", "M", 90, 90), ("B", "M", 5, 5), ("A", "S", 5, 5), ("B", "S", 5, 5)),
        projected=forecast(*joining("A", 2026, 4), *joining("B", 2026, 4)),
    )  # fmt: skip
    assert loaded.question().preference_keys["side"].tolist() == ["floor", "ceiling"]
    assert len(rows(loaded, "preference_share")) == 0


def test_a_share_of_who_enters_is_the_share_in_every_year() -> None:
    """Four enter in Year 0 and stay four years, four in Year 3 and stay one: a quarter of each
    prefers dear J, where a quarter of all eight would be two who leave soon."""
    loaded = world(
        model=preferring_independent(
            0.25, 1.0, transition_points=(0, 4),
            phase_names={"before_0": "early years", "0": "primary", "4": "secondary"},
            travel_guide_minutes=dict.fromkeys(("early years", "primary", "secondary"), 1000.0),
            travel_hard_limit_minutes=dict.fromkeys(("early years", "primary", "secondary"), 1e3),
        ),
        years=2,
        provisions=[
            provision("J", "independent_special", fee_pounds=100),
            provision("P", top_up_pounds=0),
        ],
        commissioned=places(("P", 100)),
        projected=forecast(
            *joining("A", 2026, 4, years=2), *joining("A", 2026, 4, years=1, group=3),
        ),
    )  # fmt: skip
    keys = loaded.question().preference_keys
    assert keys["entry_year_group"].tolist() == [0, 3]
    plan = solved(loaded)
    assert placed(plan, 2026) == pytest.approx({"J": 2, "P": 6})
    assert placed(plan, 2027) == pytest.approx({"J": 1, "P": 3})


def in_whole_children(loaded: Any) -> Any:
    return dataclasses.replace(
        loaded, settings=dataclasses.replace(loaded.settings, whole_children=True)
    )


def one_a_year(floor: float, ceiling: float) -> Any:
    """For five years a child a year joins in Year 0; J costs 100 pounds, P nothing."""
    return world(
        model=preferring_independent(floor, ceiling),
        years=5,
        provisions=[
            provision("J", "independent_special", fee_pounds=100),
            provision("P", top_up_pounds=0),
        ],
        commissioned=places(("P", 100)),
        projected=forecast(
            *[row for y in range(2026, 2031) for row in joining("A", y, 1, years=2031 - y)]
        ),
    )


def test_shares_of_whole_children_are_rounded_beforehand() -> None:
    """0.3, 0.6, 0.9, 1.2 and 1.5 so far are nearest to 0, 1, 1, 1 and 2."""
    found = rows(in_whole_children(one_a_year(0.3, 1.0)), "preference_floor")
    assert [least for _, least, _ in found] == pytest.approx([0, 1, 0, 0, 1])
    assert found[1] == row({"placed[A y0 2027 > J]": 1, "unmet[A y0 2027]": 1}, least=1)
    found = rows(in_whole_children(one_a_year(0.0, 0.3)), "preference_ceiling")
    assert [most for _, _, most in found] == pytest.approx([0, 1, 0, 0, 1])
    exact = rows(one_a_year(0.3, 1.0), "preference_floor")
    assert [least for _, least, _ in exact] == pytest.approx([0.3] * 5)


def test_an_exact_share_of_whole_children_is_a_floor_and_a_ceiling() -> None:
    """One row would ask for a part of a child as soon as another is unmet."""
    loaded = in_whole_children(one_a_year(0.3, 0.3))
    assert loaded.question().preference_keys["side"].tolist() == ["floor", "ceiling"] * 5
    least = [low for _, low, _ in rows(loaded, "preference_floor")]
    most = [high for _, _, high in rows(loaded, "preference_ceiling")]
    assert least == most == pytest.approx([0, 1, 0, 0, 1])


def test_a_ceiling_of_whole_children_is_never_below_the_floor() -> None:
    """So far the floor asks for 0, 1, 1, 1 and 2, the ceiling of 0.4 for 0, 1, 1, 2 and 2: in the
    fifth year it makes room for a child that it has let in a year before."""
    loaded = in_whole_children(one_a_year(0.3, 0.4))
    least = [low for _, low, _ in rows(loaded, "preference_floor")]
    most = [high for _, _, high in rows(loaded, "preference_ceiling")]
    assert least == pytest.approx([0, 1, 0, 0, 1])
    assert most == pytest.approx([0, 1, 0, 1, 1])
    solved(loaded, whole_children=True)


def test_shares_of_expected_children_are_not_rounded() -> None:
    """In whole children or not, a cohort of one and a half has its share of one and a half."""
    shares = world(
        model=preferring_independent(0.3, 1.0),
        provisions=[provision("J", "independent_special"), provision("P")],
        commissioned=places(("P", 100)),
        projected=forecast(*joining("A", 2026, 1.5)),
    )
    for loaded in (shares, in_whole_children(shares)):
        assert [low for _, low, _ in rows(loaded, "preference_floor")] == pytest.approx([0.45])


def test_preference_index_groups_by_tier_phase_and_year() -> None:
    """Two areas share a row; another tier, to which no rule applies, has none; another year has
    its own."""
    loaded = world(
        model=preferring_independent(0.25, 0.5),
        years=2,
        provisions=[provision("J", "independent_special"), provision("P")],
        commissioned=places(("P", 100)),
        areas_=areas("A", "B", "C"),
        projected=forecast(
            *joining("A", 2026, 4, years=2),
            *joining("B", 2026, 8, years=2),
            *joining("A", 2027, 2),
            (2026, "C", "ASD", 2, 0, 5, 5),
            (2027, "C", "ASD", 2, 1, 5, 0),
        ),
    )
    expected = {"placed[A y0 2026 > J]": 1, "placed[B y0 2026 > J]": 1}
    assert rows(loaded, "preference_ceiling") == [
        row(expected, most=6),
        row({"placed[A y0 2027 > J]": 1}, most=1),
    ]
    keys = loaded.question().preference_keys
    assert keys["side"].tolist() == ["floor", "ceiling"] * 2
    assert keys["entry"].tolist() == [1, 1, 2, 2]


# ------------------------------------------------------------------ places


def test_places() -> None:
    """P has ten places of which others take four. Scheme X adds three in its first year and six
    from the second. Nine join, and six are left a year later: X opens at once, P is just full."""
    loaded = world(
        years=2,
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 10, 4), ("Q", 100)),
        schemes=[scheme("X", site="", provision="P", places=6, fill="0.5|1", capital_pounds=1)],
        projected=forecast((2026, "A", "ASD", 3, 0, 9, 9), (2027, "A", "ASD", 3, 1, 6, 0)),
    )
    first, second, at_q, _ = rows(loaded, "places")
    assert first == row(
        {
            "placed[A y0 2026 > P]": 1,
            "open[X 2026]": -3,
            "over[P 2026]": -1,
            "beyond[P 2026]": -1,
        },
        most=6,
    )
    assert second == row(
        {
            "placed[A y0 2026 > P]": 6 / 9,
            "open[X 2027]": -3,
            "open[X 2026]": -3,
            "over[P 2027]": -1,
            "beyond[P 2027]": -1,
        },
        most=6,
    )
    assert at_q == row(
        {"placed[A y0 2026 > Q]": 1, "over[Q 2026]": -1, "beyond[Q 2026]": -1}, most=100
    )
    plan = solved(loaded)
    assert opened(plan) == {"X": 2026}
    assert placed(plan, 2026) == {"P": 9}
    at_p = plan.occupancy[plan.occupancy["provision"] == "P"].set_index("academic_year")
    assert at_p["scheme_places"].loc[[2026, 2027]].tolist() == [3, 6]
    assert at_p["vacant"].loc[[2026, 2027]].tolist() == pytest.approx([0, 6])


def test_places_are_never_negative() -> None:
    """Other authorities' children may exceed the places of P; there are none left, not fewer."""
    loaded = world(
        provisions=[provision("P")],
        commissioned=places(("P", 3, 5)),
        projected=forecast(*joining("A", 2026, 1)),
    )
    assert rows(loaded, "places")[0][2] == 0
    plan = optimise(loaded, gap=0.0)
    assert objective(plan) == pytest.approx(1e6)
    assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]


def test_a_provision_without_commissioned_places_has_no_row() -> None:
    loaded = world(
        provisions=[provision("M", "mainstream"), provision("P")],
        commissioned=places(("P", 1)),
        projected=forecast(*joining("A", 2026, 4)),
    )
    assert len(rows(loaded, "places")) == 1
    assert loaded.question().place_keys == [(1, 1)]


def test_over_capacity_limit() -> None:
    """P has ten places and may be a tenth over. Twelve join: ten in P, one over at 50 pounds, and
    one in Q at 100. Opening X, with six places more, would cost a million."""
    loaded = world(
        model=bare_model(over_capacity_share={"state_special": 0.1}, price_over_capacity=50.0),
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 10), ("Q", 100)),
        schemes=[scheme("X", site="", provision="P", places=6, capital_pounds=1e6)],
        projected=forecast(*joining("A", 2026, 12)),
    )
    assert rows(loaded, "over_capacity_limit")[0] == row(
        {"over[P 2026]": 1, "open[X 2026]": -0.6}, most=1
    )
    plan = solved(loaded)
    assert placed(plan, 2026) == pytest.approx({"P": 11, "Q": 1})
    assert objective(plan) == pytest.approx(150)
    here = plan.occupancy.query("provision == 'P' and academic_year == 2026").iloc[0]
    assert (here["over_capacity"], here["beyond_limit"]) == pytest.approx((1, 0))


def test_place_limits() -> None:
    """A class of P takes three with ASD up to Year 1, whatever X adds. Of five, two go to dear Q;
    in Year 2 nobody is left in the limit."""
    loaded = world(
        years=3,
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 100), ("Q", 100)),
        schemes=[scheme("X", site="", provision="P")],
        projected=forecast(*joining("A", 2026, 5, years=3)),
        place_limits=pd.DataFrame(
            [("P", "class", "ASD", 0, 1, 3)],
            columns=[
                "provision", "limit", "needs", "lowest_year_group", "highest_year_group", "places",
            ],
        ),
    )  # fmt: skip
    assert rows(loaded, "place_limits") == [
        row({"placed[A y0 2026 > P]": 1, "limit_beyond[class 2026]": -1}, most=3),
        row({"placed[A y0 2026 > P]": 1, "limit_beyond[class 2027]": -1}, most=3),
        row({"limit_beyond[class 2028]": -1}, most=3),
    ]
    plan = solved(loaded)
    assert placed(plan, 2026) == placed(plan, 2028) == {"P": 3, "Q": 2}


def test_place_limits_of_one_year_only() -> None:
    """The limit is for 2027/28: those who join in 2026 for three years feel it, and one row."""
    loaded = world(
        years=3,
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 100), ("Q", 100)),
        projected=forecast(*joining("A", 2026, 5, years=3)),
        place_limits=pd.DataFrame(
            [("P", "class", "2027/28", "any", 0, 14, 4)],
            columns=[
                "provision", "limit", "academic_year", "needs", "lowest_year_group",
                "highest_year_group", "places",
            ],
        ),
    )  # fmt: skip
    assert rows(loaded, "place_limits") == [
        row({"placed[A y0 2026 > P]": 1, "limit_beyond[class 2027]": -1}, most=4)
    ]
    assert placed(solved(loaded), 2026) == {"P": 4, "Q": 1}


# ------------------------------------------------------------------ schemes


def test_opens_once() -> None:
    """X is needed in 2026 only, and costs 10 pounds a year to run. Once open it stays open: 30
    pounds of running and 10 of capital, where a child in Q would cost 100."""
    loaded = world(
        years=3,
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 0), ("Q", 100)),
        schemes=[scheme("X", running_pounds=10, top_up_pounds=0)],
        projected=forecast((2026, "A", "ASD", 3, 0, 1, 1), (2027, "A", "OTH", 3, 15, 0, 0),
                           (2028, "A", "OTH", 3, 16, 0, 0)),
    )  # fmt: skip
    assert rows(loaded, "opens_once") == [
        row({"open[X 2026]": 1, "open[X 2027]": -1}, most=0),
        row({"open[X 2027]": 1, "open[X 2028]": -1}, most=0),
    ]
    plan = solved(loaded)
    assert opened(plan) == {"X": 2026}
    assert objective(plan) == pytest.approx(40)


def late_demand(latest: str) -> Any:
    return world(
        years=2,
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 0), ("Q", 100)),
        schemes=[scheme("X", running_pounds=10, top_up_pounds=0, latest_opening=latest)],
        projected=forecast((2026, "A", "OTH", 3, 20, 0, 0), (2027, "A", "ASD", 3, 0, 1, 1)),
    )


def test_opens_in_time() -> None:
    """X is needed in 2027 only. Where it may not open later than 2026, it runs for two years;
    where it may, for one."""
    loaded = late_demand("2026/27")
    assert rows(loaded, "opens_in_time") == [row({"open[X 2027]": 1, "open[X 2026]": -1}, most=0)]
    in_time = solved(loaded)
    assert (opened(in_time), objective(in_time)) == ({"X": 2026}, pytest.approx(30))
    whenever = late_demand("")
    assert rows(whenever, "opens_in_time") == []
    later = solved(whenever)
    assert (opened(later), objective(later)) == ({"X": 2027}, pytest.approx(20))


def test_opens_before_use() -> None:
    """X may open in 2027: who joins in 2026 goes to dear Q, who joins in 2027 to X."""
    loaded = world(
        years=2,
        provisions=[provision("Q", top_up_pounds=100)],
        commissioned=places(("Q", 100)),
        schemes=[scheme("X", earliest_opening="2027/28", top_up_pounds=0)],
        projected=forecast(*joining("A", 2026, 3, years=2), *joining("A", 2027, 4)),
    )
    assert rows(loaded, "opens_before_use") == [
        row({"placed[A y0 2027 > X]": 1, "open[X 2027]": -4}, most=0)
    ]
    plan = solved(loaded)
    assert placed(plan, 2026) == {"Q": 3}
    assert placed(plan, 2027) == {"Q": 3, "X": 4}


def test_opens_before_use_not_asked_of_expansions() -> None:
    """P stands whether X expands it or not."""
    loaded = world(
        schemes=[scheme("X", site="", provision="P")],
        projected=forecast(*joining("A", 2026, 3)),
    )
    assert rows(loaded, "opens_before_use") == []


def test_committed_schemes() -> None:
    """Nobody needs X, and it opens in 2027 all the same, as decided."""
    loaded = world(years=3, schemes=[scheme("X")], scenario={"committed": {"X": 2027}})
    assert rows(loaded, "committed_schemes") == [
        row({"open[X 2026]": 1}, least=0, most=0),
        row({"open[X 2027]": 1}, least=1, most=1),
        row({"open[X 2028]": 1}, least=1, most=1),
    ]
    plan = solved(loaded)
    assert opened(plan) == {"X": 2027}
    assert plan.schemes["status"].tolist() == ["committed"]


def two_schemes_wanted(**changes: Any) -> Any:
    """Twenty join; X (10 pounds) and Y (20 pounds) have ten places each, Q costs 100 a child."""
    return world(
        provisions=[provision("Q", top_up_pounds=100)],
        commissioned=places(("Q", 100)),
        schemes=[
            scheme("X", top_up_pounds=0, **changes),
            scheme("Y", top_up_pounds=0, capital_pounds=20, **changes),
        ],
        projected=forecast(*joining("A", 2026, 20)),
    )


def test_exclusive_schemes() -> None:
    """Either would be worth it; of the two only X, the cheaper one, opens."""
    loaded = two_schemes_wanted(exclusive_group="north")
    assert rows(loaded, "exclusive_schemes") == [
        row({"open[X 2026]": 1, "open[Y 2026]": 1}, most=1)
    ]
    assert opened(solved(loaded)) == {"X": 2026}
    assert opened(solved(two_schemes_wanted())) == {"X": 2026, "Y": 2026}


def test_prerequisites() -> None:
    """Y alone is near enough to be worth anything; it must wait for X, which opens in 2027."""
    loaded = world(
        years=2,
        provisions=[provision("Q", top_up_pounds=100)],
        commissioned=places(("Q", 100)),
        schemes=[
            scheme("X", earliest_opening="2027/28", top_up_pounds=100),
            scheme("Y", requires="X", top_up_pounds=0),
        ],
        projected=forecast(*joining("A", 2026, 5, years=2), *joining("A", 2027, 5)),
    )
    assert rows(loaded, "prerequisites") == [
        row({"open[Y 2026]": 1}, most=0),
        row({"open[Y 2027]": 1, "open[X 2027]": -1}, most=0),
    ]
    plan = solved(loaded)
    assert opened(plan) == {"X": 2027, "Y": 2027}
    assert objective(plan) == pytest.approx(10 + 10 + 5 * 100 * 2)


def test_what_a_committed_scheme_requires_opens_without_new_schemes_too() -> None:
    """Y is decided and needs X: the plan to compare with opens both, and nothing else."""
    loaded = world(
        years=2,
        schemes=[scheme("X"), scheme("Y", requires="X"), scheme("Z")],
        projected=forecast(*joining("A", 2026, 5, years=2)),
        scenario={"committed": {"Y": 2027}},
    )
    plan = solved(loaded)
    assert plan.without_schemes is not None
    assert opened(plan.without_schemes)["Y"] == 2027
    assert set(opened(plan.without_schemes)) == {"X", "Y"}


def test_prerequisites_of_a_module_that_enlarges_a_new_provision() -> None:
    """The second module stands on what the first creates, and so requires it."""
    loaded = world(
        schemes=[scheme("first"), scheme("second", site="", provision="first")],
        projected=forecast(*joining("A", 2026, 5)),
    )
    assert rows(loaded, "prerequisites") == [
        row({"open[second 2026]": 1, "open[first 2026]": -1}, most=0)
    ]


def budgets(*rows_: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(list(rows_), columns=["financial_year", "source", "pounds"])


def test_capital_drawn() -> None:
    """X costs 100 pounds, half in the financial year before it opens; before the first planned
    year there is none to fall in. It may be paid from the grant, not from the levy."""
    loaded = world(
        years=2,
        schemes=[
            scheme("X", capital_pounds=100, capital_profile="0.5|0.5", funding_sources="grant")
        ],
        budgets=budgets(("2026-27", "grant", 1000), ("2026-27", "levy", 1000)),
        scenario={"committed": {"X": 2027}},
    )
    assert rows(loaded, "capital_drawn") == [
        row(
            {"drawn[X grant 2026]": 1, "open[X 2026]": -(100 - 50), "open[X 2027]": -50},
            least=0,
            most=0,
        ),
        row({"drawn[X grant 2027]": 1, "open[X 2026]": 50, "open[X 2027]": -50}, least=0, most=0),
    ]
    capital = solved(loaded).capital
    assert capital["financial_year"].tolist() == [2026, 2027]
    assert capital["source"].tolist() == ["grant", "grant"]
    assert capital["pounds"].tolist() == pytest.approx([50, 50])


def test_capital_drawn_without_budgets_has_no_rows() -> None:
    assert rows(world(schemes=[scheme("X")]), "capital_drawn") == []


def test_capital_budget() -> None:
    """The grant gives 60 pounds in each of two years and X costs 100 when it opens: it waits for
    2027, when what was not spent is still there."""
    loaded = world(
        years=2,
        provisions=[provision("Q", top_up_pounds=1000)],
        commissioned=places(("Q", 100)),
        schemes=[scheme("X", capital_pounds=100, top_up_pounds=0)],
        budgets=budgets(("2026-27", "grant", 60), ("2027-28", "grant", 60)),
        projected=forecast(*joining("A", 2026, 5, years=2), *joining("A", 2027, 5)),
    )
    assert rows(loaded, "capital_budget") == [
        row({"drawn[X grant 2026]": 1}, most=60),
        row({"drawn[X grant 2026]": 1, "drawn[X grant 2027]": 1}, most=120),
    ]
    plan = solved(loaded)
    assert opened(plan) == {"X": 2027}
    assert placed(plan, 2027) == {"Q": 5, "X": 5}


def test_viable_roll() -> None:
    """X, committed, should be half full from its second year: five of ten. Three join in 2026;
    all go to X at one pound a year, for each missing place costs 7, and two are missing."""
    loaded = world(
        model=bare_model(viable_roll={"share": 0.5, "from_year": 1.0}, price_short_roll=7.0),
        years=2,
        provisions=[provision("P", top_up_pounds=0)],
        commissioned=places(("P", 100)),
        schemes=[scheme("X", capital_pounds=0, top_up_pounds=1)],
        projected=forecast(*joining("A", 2026, 3, years=2)),
        scenario={"committed": {"X": 2026}},
    )
    assert rows(loaded, "viable_roll") == [
        row({"placed[A y0 2026 > X]": 1, "short_roll[X 2027]": 1, "open[X 2026]": -5}, least=0)
    ]
    plan = solved(loaded)
    assert placed(plan, 2027) == {"X": 3}
    assert objective(plan) == pytest.approx(3 * 2 + 2 * 7)


def test_viable_roll_counts_modules_and_only_new_provisions() -> None:
    """The second module of X raises the roll that X needs; an expansion of P asks for none."""
    loaded = world(
        model=bare_model(viable_roll={"share": 0.5, "from_year": 0.0}),
        schemes=[
            scheme("X"),
            scheme("more", site="", provision="X", places=4),
            scheme("other", site="", provision="P"),
        ],
        projected=forecast(*joining("A", 2026, 3)),
    )
    assert rows(loaded, "viable_roll") == [
        row(
            {
                "placed[A y0 2026 > X]": 1,
                "short_roll[X 2026]": 1,
                "open[X 2026]": -5,
                "open[more 2026]": -2,
            },
            least=0,
        )
    ]


def test_in_year_balance() -> None:
    """From 2027-28 on, spend must stay within 56 pounds. The 20 standing places cost 20; a child
    costs 12 at P, or 6 at Q with a journey for 100 that another ledger pays. Four children: two at
    each are just within it, and an overspent pound would cost a thousand."""
    loaded = world(
        model=bare_model(
            place_funding={"state_special": 1.0},
            transport={"fixed": 0.0, "per_km": 1.0, "per_minute": 0.0, "maximum": 1e9},
            price_out_of_balance=1000.0,
        ),
        years=2,
        provisions=[provision("P", top_up_pounds=12), provision("Q", top_up_pounds=6)],
        commissioned=places(("P", 10), ("Q", 10)),
        projected=forecast(*joining("A", 2026, 4, years=2)),
        travel=travel(("A", "P", 0, 0), ("A", "Q", 10, 100)),
        allocations=pd.DataFrame({"financial_year": ["2026-27", "2027-28"], "pounds": [0, 56]}),
        scenario={"balance_from": 2027},
    )
    assert rows(loaded, "in_year_balance") == [
        row(
            {
                "placed[A y0 2026 > P]": 12,
                "placed[A y0 2026 > Q]": 6,
                "out_of_balance[2027]": -1,
            },
            most=36,
        )
    ]
    assert placed(solved(loaded), 2027) == pytest.approx({"P": 2, "Q": 2})


def test_in_year_balance_counts_five_twelfths_of_the_year_before() -> None:
    """Two settled at P in the base year, none after: financial year 2026-27 pays five twelfths of
    2 x 12 pounds for them, and seven twelfths of what X runs for, 24 pounds a year."""
    loaded = world(
        provisions=[provision("P", top_up_pounds=12, highest_year_group=14)],
        commissioned=places(("P", 10)),
        schemes=[scheme("X", running_pounds=24)],
        today=children(("A", "ASD", 3, 14, "P", 2)),
        projected=forecast((2026, "A", "OTH", 3, 20, 0, 0)),
        allocations=pd.DataFrame({"financial_year": ["2026-27"], "pounds": [100]}),
        scenario={"balance_from": 2026},
    )
    assert rows(loaded, "in_year_balance") == [
        row(
            {
                "placed[A y14 2025 > P settled]": 12 * 5 / 12,
                "open[X 2026]": 24 * 7 / 12,
                "out_of_balance[2026]": -1,
            },
            most=100,
        )
    ]


def test_in_year_balance_keeps_a_dearer_place_that_spends_less_of_the_grant() -> None:
    """Mainstream M, without a limit, costs 1,001 pounds and P 2,000, all of it transport, which is
    not high-needs spend. With an allocation of nothing P is the better place."""
    loaded = world(
        model=bare_model(
            top_up={"mainstream": 1000.0, "state_special": 0.0},
            transport={"fixed": 0.0, "per_km": 1.0, "per_minute": 0.0, "maximum": 1e9},
            price_out_of_balance=100.0,
        ),
        provisions=[provision("M", "mainstream"), provision("P")],
        commissioned=places(("P", 100)),
        projected=forecast(*joining("A", 2026, 1)),
        travel=travel(("A", "M", 10, 1), ("A", "P", 10, 2000)),
        allocations=pd.DataFrame({"financial_year": ["2026-27"], "pounds": [0]}),
        scenario={"balance_from": 2026},
    )
    plan = solved(loaded)
    assert placed(plan, 2026) == {"P": 1}
    assert objective(plan) == pytest.approx(2000)


# ------------------------------------------------------------------ what the rows are made of


def discounting(years: int, **scheme_changes: Any) -> Question:
    """Discount rate 25%: financial years count 1, 0.8, 0.64, 0.512, 0.4096."""
    loaded = world(
        model=bare_model(
            discount_rate=0.25,
            place_funding={"state_special": 12.0},
            price_of_new_place={"state_special": 3.0},
            building_life_years={"state_special": 10.0},
        ),
        years=years,
        schemes=[scheme("X", **scheme_changes)],
        projected=forecast(*joining("A", 2026, 4, years=years)),
    )
    return loaded.question()


def with_opening(terms: list[tuple[int, float]], opening: int) -> float:
    """The sum of column and number over the columns in which the scheme is open."""
    return sum(number for t, number in terms if t >= opening)


def test_offered_follows_the_fill_profile() -> None:
    """Twenty places, from 2027 at the earliest: 7, 12, 17 and 20 on offer in the first years."""
    q = discounting(6, places=20, earliest_opening="2027/28", fill="0.35|0.6|0.85|1")
    at = int(q.schemes["provision"].iat[0])
    assert q.offered(at, 1) == []
    assert q.offered(at, 2) == [(0, 2, pytest.approx(7))]
    assert q.offered(at, 3) == [(0, 3, pytest.approx(7)), (0, 2, pytest.approx(5))]
    for opening in range(2, 7):
        offered = [
            with_opening([(c, n) for _, c, n in q.offered(at, t)], opening) for t in range(1, 7)
        ]
        profile = [7, 12, 17, 20, 20][: 7 - opening]
        assert offered == pytest.approx([0] * (opening - 1) + profile)
    assert q.offered(0, 3) == []


@pytest.mark.parametrize(
    ("opening", "expected"),
    [
        (1, {2026: 100.0}),
        (2, {2026: 65.0, 2027: 35.0}),
        (3, {2026: 15.0, 2027: 50.0, 2028: 35.0}),
        (4, {2027: 15.0, 2028: 50.0, 2029: 35.0}),
    ],
)
def test_capital_falls_by_profile_and_not_before_the_first_financial_year(
    opening: int, expected: dict[int, float]
) -> None:
    """Fifteen, fifty and thirty-five of 100 pounds, the last in the year of the opening."""
    q = discounting(4, capital_pounds=100, capital_profile="0.15|0.5|0.35")
    spent = {
        year: with_opening([(t, n) for y, t, n in capital_spend(q, 0) if y == year], opening)
        for year in range(2026, 2030)
    }
    assert {y: p for y, p in spent.items() if abs(p) > 1e-9} == pytest.approx(expected)


def test_scheme_value() -> None:
    """Ten places for 100 pounds of capital, half a year ahead, and 24 pounds a year to run; place
    funding 12, price of a new place 3. Three years; a building lasts ten.

    Academic years count 7/12 + 5/12 x 0.8 = 11/12, 11/15 and 44/75. The horizon ends in 2029, where
    a pound counts 0.512. Opened in 2026: 100 of capital at once, (120 + 24) in three years, 30 for
    the new places, and seven tenths of 100 left. Opened in 2028: half of the capital in 2027 and
    half in 2028, one year of running, and nine tenths left.
    """
    q = discounting(3, capital_pounds=100, capital_profile="0.5|0.5", running_pounds=24)
    value = scheme_value(q)
    assert set(value) == {(0, 1), (0, 2), (0, 3)}

    def opened_in(column: int) -> float:
        return with_opening([(t, v) for (_, t), v in value.items()], column)

    assert opened_in(1) == pytest.approx(
        100 + 144 * (11 / 12 + 11 / 15 + 44 / 75) + 30 * 11 / 12 - 70 * 0.512
    )
    assert opened_in(2) == pytest.approx(
        50 + 50 * 0.8 + 144 * (11 / 15 + 44 / 75) + 30 * 11 / 15 - 80 * 0.512
    )
    assert opened_in(3) == pytest.approx(
        50 * 0.8 + 50 * 0.64 + 144 * 44 / 75 + 30 * 44 / 75 - 90 * 0.512
    )


def test_scheme_place_terms_pay_for_places_on_offer_only() -> None:
    """Half the ten places in the first year: 60 pounds of place funding, then 120."""
    q = discounting(2, fill="0.5|1")
    assert scheme_place_terms(q, 1) == [(0, 1, pytest.approx(60))]
    assert scheme_place_terms(q, 2) == [(0, 2, pytest.approx(60)), (0, 1, pytest.approx(60))]


def test_place_cost_is_less_what_other_authorities_pay() -> None:
    """Ten places at 12 pounds, two of them filled from elsewhere for 5 each; two years."""
    loaded = world(
        model=bare_model(place_funding={"state_special": 12.0}, other_authority_income=5.0),
        years=2,
        commissioned=places(("P", 10, 2)),
        provisions=[provision("P")],
        projected=forecast(*joining("A", 2026, 1, years=2)),
    )
    q = loaded.question()
    assert place_cost(q, 0, 1) == 110
    assert constant_value(q) == pytest.approx(220)
    assert objective(solved(loaded)) == pytest.approx(220)


def test_unmet_value_lasts_the_phase_with_who_is_still_there() -> None:
    """Four join in Year 5 and two are left in Year 6, the last of the phase; a pound counts 11/12
    and then 11/15. Whoever joins in the last year is unmet for that year only."""
    loaded = world(
        model=bare_model(discount_rate=0.25, price_unmet=2e6),
        years=3,
        projected=forecast(
            (2026, "A", "ASD", 3, 5, 4, 4),
            (2027, "A", "ASD", 3, 6, 2, 0),
            (2028, "A", "ASD", 3, 7, 2, 0),
        ),
    )
    q = loaded.question()
    assert q.cohorts["origin"].tolist() == ["joining", "transfer"]
    assert unmet_value(q) == pytest.approx([2e6 * (11 / 12 + 11 / 15 * 0.5), 2e6 * 44 / 75])


def test_a_charge_by_phase_is_paid_from_that_phase_on() -> None:
    """M takes Year 11 for nothing and Year 12 for 60 pounds a child, as much as college C; its
    top-up is a pound dearer, so the four who leave Year 11 choose C."""
    loaded = world(
        model=bare_model(
            per_child_charge={
                "mainstream": {"post-16": 60.0},
                "further_education": {"default": 60.0},
            }
        ),
        years=2,
        provisions=[
            provision("M", "mainstream", highest_year_group=13, top_up_pounds=2),
            provision("C", "further_education", lowest_year_group=12, top_up_pounds=1),
        ],
        commissioned=places(("C", 100)),
        projected=forecast(*joining("A", 2026, 4, years=2, group=11)),
    )
    q = loaded.question()
    entry_group = q.cohorts["entry_year_group"].to_numpy()[q.arcs["cohort"]]
    priced = zip(entry_group, q.arcs["provision"], q.arcs["per_child"], strict=True)
    assert sorted(priced) == [(11, 0, 0.0), (12, 0, 60.0), (12, 1, 60.0)]
    plan = solved(loaded)
    assert placed(plan, 2027) == pytest.approx({"C": 4})
    assert objective(plan) == pytest.approx(4 * (2 + 61))


def test_arc_value_is_the_cost_of_the_whole_stay() -> None:
    """Three join in Year 5 of P, at 12 pounds a year and 10 for the journey; all are there in
    Year 6, when a what-if doubles the top-up. 22 x 11/12 + 34 x 11/15."""
    loaded = world(
        model=bare_model(
            discount_rate=0.25,
            transport={"fixed": 1.0, "per_km": 0.5, "per_minute": 0.5, "maximum": 1e9},
        ),
        years=3,
        provisions=[provision("P", top_up_pounds=12)],
        commissioned=places(("P", 10)),
        projected=forecast(
            *joining("A", 2026, 3, years=2, group=5), (2028, "A", "OTH", 3, 20, 0, 0)
        ),
        travel=travel(("A", "P", 10, 8)),
        scenario={"what_ifs": (WhatIf("fee", factor=2.0, from_year=2027),)},
    )
    q = loaded.question()
    assert q.arc_value == pytest.approx([22 * 11 / 12 + 34 * 11 / 15])
    assert np.array_equal(q.arcs["end"], [3])
    assert objective(solved(loaded)) == pytest.approx(3 * q.arc_value[0])
