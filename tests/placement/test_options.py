"""What a scenario or a caller may ask beside the rules: whole children, time, release, closure."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from sufficiency.pipeline import optimise, write_results
from sufficiency.placement.model import build
from sufficiency.plan import read_run
from sufficiency.rules import Preference, WhatIf
from sufficiency.solving import SolveOptions, StandardForm, decomposition, solve
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


# ------------------------------------------------------------------ whole children


def two_short_limits(**changes: Any) -> Any:
    """P takes two and a half children of two areas with two each; Q is dear."""
    return world(
        areas_=areas("A", "B"),
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 2.5), ("Q", 100)),
        projected=forecast(*joining("A", 2026, 2), *joining("B", 2026, 2)),
        **changes,
    )


def test_expected_children_may_be_shares() -> None:
    assert placed(solved(two_short_limits()), 2026) == pytest.approx({"P": 2.5, "Q": 1.5})


def test_whole_children_are_whole() -> None:
    """Half a place is of no use: two at P and two at Q, 50 pounds more."""
    plan = solved(two_short_limits(), whole_children=True)
    assert placed(plan, 2026) == pytest.approx({"P": 2, "Q": 2})
    assert objective(plan) == pytest.approx(200)
    solver = plan.stamp["solver"]
    assert solver["whole_children"] is True
    # In expected children half a place is of use: 150 pounds. No preference is rounded here.
    assert solver["rounding"]["cost_pounds"] == pytest.approx(50)
    assert solver["rounding"]["rounded_shares_pounds"] == pytest.approx(150)
    assert solver["rounding"]["exact_shares_pounds"] == pytest.approx(150)
    stays = plan.stays["children"].to_numpy()
    assert np.allclose(stays, stays.round())


def test_whole_children_of_expected_cohorts_stay_expected() -> None:
    """A cohort that is no whole number of children cannot be placed in whole ones."""
    loaded = world(projected=forecast(*joining("A", 2026, 1.4)))
    assert placed(solved(loaded, whole_children=True), 2026) == pytest.approx({"P": 1.4})


def test_whole_children_and_the_right_to_stay_on() -> None:
    """Three at P and two at Q, both all-through, of whom four are left in Year 7: 2.4 and 1.6
    expected children keep their places. That is not a whole number and must not end in no plan."""
    loaded = world(
        model=bare_model(stay_on_share={"state_special": 1.0}),
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 100), ("Q", 100)),
        today=children(("A", "ASD", 3, 6, "P", 3), ("A", "ASD", 3, 6, "Q", 2)),
        projected=forecast((2026, "A", "ASD", 3, 7, 4, 0)),
    )
    plan = solved(loaded, whole_children=True)
    assert placed(plan, 2026) == pytest.approx({"P": 2.4, "Q": 1.6})
    assert plan.stamp["solver"]["status"] == "proven to the gap asked for"
    assert plan.stamp["solver"]["gap"] == pytest.approx(0)


def test_a_preference_floor_is_rounded_to_the_nearest_child(tmp_path: Path) -> None:
    """A quarter of three prefers dear J: three quarters of a child, or one in whole children.

    The run folder says that whole children were asked for, so that its audit agrees as well.
    """
    rule = Preference(("independent_special",), (3,), ("primary",), 0.25, 1.0)
    loaded = world(
        model=bare_model(preference=(rule,)),
        provisions=[provision("J", "independent_special", fee_pounds=100), provision("P")],
        commissioned=places(("P", 100)),
        projected=forecast(*joining("A", 2026, 3)),
    )
    assert placed(solved(loaded), 2026) == pytest.approx({"J": 0.75, "P": 2.25})
    plan = optimise(loaded, gap=0.0, whole_children=True)
    assert placed(plan, 2026) == pytest.approx({"J": 1, "P": 2})
    # The child costs 100 pounds at J, three quarters of one 75; rounded, that is one for all.
    assert plan.stamp["solver"]["rounding"] == pytest.approx(
        {"cost_pounds": 0, "rounded_shares_pounds": 100, "exact_shares_pounds": 75}
    )
    assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]
    write_results(plan, loaded, tmp_path / "run", report=False)
    assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]


def one_by_one(floor: float, ceiling: float, fee: float) -> Any:
    """For five years a child a year joins and stays; J costs a fee, P is free."""
    rule = Preference(("independent_special",), (3,), ("primary",), floor, ceiling)
    return world(
        model=bare_model(preference=(rule,)),
        years=5,
        provisions=[provision("J", "independent_special", fee_pounds=fee), provision("P")],
        commissioned=places(("P", 100)),
        projected=forecast(
            *[row for year in range(2026, 2031) for row in joining("A", year, 1, years=2031 - year)]
        ),
    )


def newly_at(plan: Any, where: str) -> list[float]:
    """Children who enter a provision, by year."""
    entries = plan.stays.merge(plan.cohorts[["cohort", "entry_year"]], on="cohort")
    entries = entries[entries["provision"] == where].groupby("entry_year")["children"].sum()
    return [float(entries.get(y, 0.0)) for y in range(2026, 2026 + 5)]


def test_a_floor_that_is_never_a_whole_child_in_a_year_holds_over_the_years() -> None:
    """Three tenths of one child a year: a year on its own would always round to none."""
    plan = solved(one_by_one(0.3, 1.0, 100), whole_children=True)
    assert newly_at(plan, "J") == pytest.approx([0, 1, 0, 0, 1])


@pytest.mark.parametrize("fee", [0, 100])
def test_a_share_in_whole_children_is_never_off_by_more_than_half_a_child(fee: float) -> None:
    plan = solved(one_by_one(0.3, 0.3, fee), whole_children=True)
    so_far = np.cumsum(newly_at(plan, "J"))
    assert np.abs(so_far - 0.3 * np.arange(1, 6)).max() <= 0.5 + 1e-6


def test_whole_children_through_the_decomposition_are_whole_and_audited() -> None:
    """Large models are searched in expected children first; the bound is that of the search."""
    for loaded in (two_short_limits(), one_by_one(0.3, 0.3, 100), several_schemes()):
        expected = solved(loaded, whole_children=True)
        with patch.object(decomposition, "SMALL", 0):
            plan = optimise(loaded, gap=0.0, threads=1, whole_children=True)
        solver = plan.stamp["solver"]
        assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]
        assert objective(plan) == pytest.approx(objective(expected))
        assert solver["bound_pounds"] <= objective(expected) * (1 + 1e-9)
        stays = plan.stays["children"].to_numpy()
        assert np.allclose(stays, stays.round())


# ------------------------------------------------------------------ time, starts, progress


def several_schemes() -> Any:
    model = bare_model(transport={"fixed": 0.0, "per_km": 1.0, "per_minute": 0.0, "maximum": 1e9})
    names = [f"s{i}" for i in range(6)]
    return world(
        model=model,
        years=3,
        areas_=areas(*"ABCDEF"),
        provisions=[provision("Q", "independent_special", fee_pounds=90)],
        commissioned=places(("Q", 100)),
        schemes=[
            scheme(n, site=f"at-{n}", places=7, capital_pounds=210 + 13 * i)
            for i, n in enumerate(names)
        ],
        sites={f"at-{n}": (400_000.0 + 10_000 * i, 300_000.0) for i, n in enumerate(names)},
        projected=forecast(
            *[
                row
                for y in (2026, 2027, 2028)
                for a in "ABCDEF"
                for row in joining(a, y, 2, 2029 - y)
            ]
        ),
    )


def test_out_of_time_still_gives_a_plan_or_says_so() -> None:
    """With no time at all there is the plan without schemes, audited, with an honest stamp."""
    plan = optimise(several_schemes(), gap=0.0, time_limit=0.0)
    solver = plan.stamp["solver"]
    assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]
    assert solver["status"] in ("time limit", "proven to the gap asked for")
    best = objective(solved(several_schemes()))
    assert solver["bound_pounds"] <= best + 1e-6 * best
    assert solver["objective_pounds"] >= best - 1e-6 * best


def test_the_stamp_is_json_that_others_can_read() -> None:
    """JSON has no Infinity and no NaN."""
    plan = optimise(several_schemes(), gap=0.0, time_limit=0.0)
    solver = plan.stamp["solver"]
    json.dumps(solver, allow_nan=False)
    assert math.isfinite(solver["gap"])


def test_a_start_is_taken_and_changes_nothing() -> None:
    question = several_schemes().question()
    form = StandardForm.of(build(question))
    cold = solve(form, SolveOptions(gap=0.0, threads=1))
    warm = solve(form, SolveOptions(gap=0.0, threads=1), start=cold.values)
    assert warm.objective == pytest.approx(cold.objective)
    seen = solve(form, SolveOptions(gap=0.9, threads=1), start=cold.values)
    assert seen.objective <= cold.objective * (1 + 1e-9)


def test_the_seed_and_threads_change_no_optimum() -> None:
    values = {
        (seed, threads): objective(optimise(several_schemes(), gap=0.0, seed=seed, threads=threads))
        for seed, threads in ((1, 1), (2, 1), (1, 2))
    }
    assert max(values.values()) == pytest.approx(min(values.values()), rel=1e-9)


def test_the_gap_asked_for_is_kept() -> None:
    plan = optimise(several_schemes(), gap=0.2)
    solver = plan.stamp["solver"]
    assert solver["gap"] <= 0.2 and solver["gap_asked"] == 0.2
    assert solver["bound_pounds"] <= objective(solved(several_schemes())) * (1 + 1e-9)


def test_progress_is_told_in_words() -> None:
    steps: list[str] = []
    optimise(several_schemes(), gap=0.0, on_progress=lambda step, _: steps.append(step))
    assert steps[0] == "Preparing cohorts and places" and steps[-1] == "Auditing the plan"
    assert "Searching for the best schemes" in steps


def test_an_audit_that_is_left_to_the_run_folder_is_made_there(tmp_path: Path) -> None:
    loaded, steps = several_schemes(), []
    plan = optimise(loaded, gap=0.0, audited=False, on_progress=lambda step, _: steps.append(step))
    assert "audit" not in plan.stamp and "Auditing the plan" not in steps
    told: list[str] = []
    write_results(plan, loaded, tmp_path / "run", report=False, on_step=told.append)
    assert told == ["Writing the run folder", "Auditing the plan"]
    assert plan.stamp["audit"]["passed"] and read_run(tmp_path / "run").stamp["audit"]["passed"]


def test_marginal_value_of_a_place_is_what_one_more_saves() -> None:
    """Five want P, which has three places; the others pay 100 pounds at Q for one year."""
    loaded = world(
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 3), ("Q", 100)),
        projected=forecast(*joining("A", 2026, 5)),
    )
    values = solved(loaded).marginal_values.set_index("provision")["pounds"]
    assert values["P"] == pytest.approx(100) and values["Q"] == pytest.approx(0)


# ------------------------------------------------------------------ release and closure


def in_the_dear_school(**changes: Any) -> Any:
    """Ten in Year 1 of dear Q; P is free. Three planned years, no transition point in them."""
    return world(
        years=3,
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 100), ("Q", 100)),
        today=children(("A", "ASD", 3, 1, "Q", 10)),
        projected=forecast(*[(2026 + i, "A", "ASD", 3, 2 + i, 10, 0) for i in range(3)]),
        **changes,
    )


def test_nobody_moves_in_mid_phase_without_a_release() -> None:
    plan = solved(in_the_dear_school())
    assert placed(plan, 2026) == placed(plan, 2028) == {"Q": 10}


def test_a_release_lets_a_share_move() -> None:
    """Three of ten may move, and do; the others stay until their transition point."""
    released = in_the_dear_school(scenario={"what_ifs": (WhatIf("release", share=0.3),)})
    plan = solved(released)
    assert placed(plan, 2025) == {"Q": 10}
    assert placed(plan, 2026) == placed(plan, 2028) == pytest.approx({"Q": 7, "P": 3})
    assert plan.cohorts["origin"].tolist() == ["settled", "settled", "re_entry"]


def test_a_release_of_other_kinds_moves_nobody() -> None:
    what_if = WhatIf("release", share=1.0, kinds=("independent_special",))
    plan = solved(in_the_dear_school(scenario={"what_ifs": (what_if,)}))
    assert placed(plan, 2026) == {"Q": 10}


def test_released_children_may_stay_where_they_are() -> None:
    """All are released from free P, to which Q is no improvement."""
    loaded = world(
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 100), ("Q", 100)),
        today=children(("A", "ASD", 3, 1, "P", 10)),
        projected=forecast((2026, "A", "ASD", 3, 2, 10, 0)),
        scenario={"what_ifs": (WhatIf("release", share=1.0),)},
    )
    assert placed(solved(loaded), 2026) == pytest.approx({"P": 10})


def test_a_closure_sends_children_to_look_again() -> None:
    """Q closes in September 2027: its ten re-enter then, in Year 3, and go to P."""
    closing = in_the_dear_school(
        scenario={"what_ifs": (WhatIf("close", provision="Q", from_year=2027),)}
    )
    plan = solved(closing)
    assert [placed(plan, y) for y in (2025, 2026, 2027, 2028)] == [
        {"Q": 10}, {"Q": 10}, {"P": 10}, {"P": 10},
    ]  # fmt: skip
    entering = plan.cohorts[plan.cohorts["origin"] == "re_entry"]
    assert entering[["entry_year", "entry_year_group", "phase"]].to_numpy().tolist() == [
        [2027, 3, "primary"]
    ]
    gone = plan.occupancy.query("provision == 'Q' and academic_year >= 2027")
    assert gone["commissioned_places"].tolist() == [0, 0]


def test_a_closure_in_the_first_planned_year_moves_settled_children_at_once() -> None:
    closing = in_the_dear_school(
        scenario={"what_ifs": (WhatIf("close", provision="Q", from_year=2026),)}
    )
    assert placed(solved(closing), 2026) == {"P": 10}


def test_joiners_and_those_who_re_enter_are_one_cohort() -> None:
    """Two join in the September in which Q closes and its ten look again: one cohort of twelve."""
    loaded = world(
        years=2,
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 100), ("Q", 100)),
        today=children(("A", "ASD", 3, 1, "Q", 10)),
        projected=forecast((2026, "A", "ASD", 3, 2, 10, 0), (2027, "A", "ASD", 3, 3, 12, 2)),
        scenario={"what_ifs": (WhatIf("close", provision="Q", from_year=2027),)},
    )
    plan = solved(loaded)
    assert plan.cohorts["origin"].tolist() == ["settled", "re_entry"]
    assert plan.cohorts["children"].tolist() == [10, 2]
    assert placed(plan, 2027) == pytest.approx({"P": 12})


def test_fewer_places_from_a_year_on() -> None:
    """Ten sit at P. Of four who join in 2027, when P has 11 places, one fits."""
    loaded = world(
        years=2,
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 100), ("Q", 100)),
        today=children(("A", "ASD", 3, 1, "P", 10)),
        projected=forecast(
            (2026, "A", "ASD", 3, 2, 10, 0), (2027, "A", "ASD", 3, 3, 10, 0),
            *joining("A", 2027, 4),
        ),
        scenario={"what_ifs": (WhatIf("places", provision="P", places=11, from_year=2027),)},
    )  # fmt: skip
    plan = solved(loaded)
    assert placed(plan, 2027) == pytest.approx({"P": 11, "Q": 3})


def test_a_delay_moves_earliest_latest_and_commitment() -> None:
    loaded = world(
        years=3,
        schemes=[scheme("X", latest_opening="2027/28")],
        scenario={
            "committed": {"X": 2026},
            "what_ifs": (WhatIf("delay", scheme="X", years=1),),
        },
    )
    row = loaded.question().schemes.iloc[0]
    assert (row["earliest"], row["latest"], row["committed"]) == (2, 3, 2)
    assert opened(solved(loaded)) == {"X": 2027}


def test_a_scheme_whose_time_is_past_does_not_open() -> None:
    """The last September for X was 2025."""
    loaded = world(
        provisions=[provision("Q", top_up_pounds=100)],
        commissioned=places(("Q", 100)),
        schemes=[scheme("X", earliest_opening="2024/25", latest_opening="2025/26")],
        projected=forecast(*joining("A", 2026, 4)),
    )
    assert opened(solved(loaded)) == {}


# ------------------------------------------------------------------ age ranges and phases


def test_an_age_range_that_ends_in_mid_phase() -> None:
    """Junior-free authority: infant school I ends with Year 2, P takes all. Four leave I in 2027
    with no transition point and re-enter; in 2026 a child in Year 2 could stay one year only,
    which is less than the two that a placement must last, so the joiner goes to P at once."""
    loaded = world(
        model=bare_model(minimum_stay_years=2.0),
        years=2,
        provisions=[
            provision("I", highest_year_group=2, top_up_pounds=0),
            provision("P", top_up_pounds=100),
        ],
        commissioned=places(("I", 100), ("P", 100)),
        today=children(("A", "ASD", 3, 1, "I", 4)),
        projected=forecast((2026, "A", "ASD", 3, 2, 5, 1), (2027, "A", "ASD", 3, 3, 5, 0)),
    )
    plan = solved(loaded)
    assert placed(plan, 2026) == pytest.approx({"I": 4, "P": 1})
    assert placed(plan, 2027) == pytest.approx({"P": 5})
    assert plan.cohorts["origin"].tolist() == ["settled", "joining", "re_entry"]


def test_an_infant_school_with_its_own_transition_point() -> None:
    """Transition points 0, 3, 7: leaving an infant school is a phase transfer, and everybody in
    Year 3 looks for a place, all-through pupils staying on."""
    base = bare_model()
    model = bare_model(
        transition_points=(0, 3, 7, 12, 15),
        phase_names={"before_0": "early years", "0": "infant", "3": "junior", "7": "secondary",
                     "12": "post-16", "15": "post-19"},
        travel_guide_minutes=dict.fromkeys((*base.phases, "infant", "junior"), 1000.0),
        travel_hard_limit_minutes=dict.fromkeys((*base.phases, "infant", "junior"), 1000.0),
        stay_on_share={"state_special": 1.0},
    )  # fmt: skip
    loaded = world(
        model=model,
        years=2,
        provisions=[provision("I", highest_year_group=2), *CHEAP_AND_DEAR],
        commissioned=places(("I", 100), ("P", 100), ("Q", 100)),
        today=children(("A", "ASD", 3, 1, "I", 4), ("A", "ASD", 3, 1, "Q", 2)),
        projected=forecast((2026, "A", "ASD", 3, 2, 6, 0), (2027, "A", "ASD", 3, 3, 6, 0)),
    )
    plan = solved(loaded)
    assert placed(plan, 2026) == pytest.approx({"I": 4, "Q": 2})
    assert placed(plan, 2027) == pytest.approx({"P": 4, "Q": 2})
    moving = plan.cohorts[plan.cohorts["origin"] != "settled"]
    assert moving[["origin", "entry_year", "entry_year_group", "phase"]].to_numpy().tolist() == [
        ["transfer", 2027, 3, "junior"]
    ]


def test_a_settled_child_outside_the_age_range_stays_to_the_transition() -> None:
    """A child in Year 5 of an infant school is a doubtful record, not a reason to move it."""
    loaded = world(
        years=2,
        provisions=[provision("I", highest_year_group=2), provision("P")],
        commissioned=places(("I", 100), ("P", 100)),
        today=children(("A", "ASD", 3, 5, "I", 1)),
        projected=forecast((2026, "A", "ASD", 3, 6, 1, 0), (2027, "A", "ASD", 3, 7, 1, 0)),
    )
    plan = solved(loaded)
    assert [placed(plan, y) for y in (2025, 2026, 2027)] == [{"I": 1}, {"I": 1}, {"P": 1}]


def test_a_child_below_the_age_range_stays_on_when_it_is_reached() -> None:
    """Two of Year 11 are in college C, which takes Year 12 on: C keeps them, so they are not among
    the free young people of whom a quarter is educated elsewhere. Of the eight free ones two are,
    though it is dear."""
    rule = Preference(("educated_elsewhere",), (3,), ("post-16",), 0.25, 0.25)
    loaded = world(
        model=bare_model(preference=(rule,), stay_on_share={"specialist_post_16": 1.0}),
        provisions=[
            provision("P", highest_year_group=11),
            provision("C", "specialist_post_16", lowest_year_group=12, highest_year_group=20),
            provision("E", "educated_elsewhere", highest_year_group=20, top_up_pounds=100),
        ],
        commissioned=places(("P", 100), ("C", 100)),
        today=children(("A", "ASD", 3, 11, "C", 2), ("A", "ASD", 3, 11, "P", 8)),
        projected=forecast((2026, "A", "ASD", 3, 12, 10, 0)),
    )
    assert rows(loaded, "stay_on_in_all_through") == [
        row(
            {"placed[A y12 2026 > C staying]": 1, "placed[A y11 2025 > C settled]": -1},
            least=0,
            most=0,
        )
    ]
    assert placed(solved(loaded), 2026) == pytest.approx({"C": 8, "E": 2})


def test_a_child_beyond_the_travel_limit_keeps_the_nearest_place() -> None:
    """Both schools are further than 60 minutes away; the nearer one is kept, and flagged."""
    phases = bare_model().phases
    loaded = world(
        model=bare_model(travel_hard_limit_minutes=dict.fromkeys(phases, 60.0)),
        provisions=CHEAP_AND_DEAR,
        commissioned=places(("P", 100), ("Q", 100)),
        projected=forecast(*joining("A", 2026, 3)),
        travel=travel(("A", "P", 90, 90), ("A", "Q", 80, 80)),
    )
    plan = solved(loaded)
    assert placed(plan, 2026) == {"Q": 3}
    assert plan.cohorts["beyond_limit_travel"].tolist() == [True]


def test_options_leave_the_loaded_scenario_alone() -> None:
    loaded = two_short_limits()
    before = dataclasses.replace(loaded.settings)
    optimise(loaded, whole_children=True)
    assert loaded.settings == before
