"""Margins, bases and rules on tiny authorities that can be worked out by hand."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from sufficiency.cli import main
from sufficiency.pipeline import Loaded
from sufficiency.plan.finding import ANSWERS, Finding, read_finding
from sufficiency.problems import InputError, Stopped
from sufficiency.reports.findings import page_of, write_finding
from sufficiency.solving import Outcome, SchemeSearch
from sufficiency.studies.answers import Answers
from sufficiency.studies.bases import (
    FIRST,
    FREE,
    ONLY,
    SETTLED,
    SUPPORT,
    TOO_FAR,
    bases,
    policies_of,
)
from sufficiency.studies.frontier import frontier
from sufficiency.studies.inquiry import Inquiry
from sufficiency.studies.margins import LESS, VALID, Change, marginal, read_changes
from sufficiency.studies.price_rules import price_rules
from sufficiency.studies.ranking import alternatives, rank_sites
from tests import tiny
from tests.reports.browser import Browser, chromium

FEE, TOP_UP, PLACE = 50_000.0, 10_000.0, 6_000.0
YEARS = 4
EXACT: dict[str, Any] = {"gap": 0.0, "time_limit": None, "threads": 1}


def model(**changes: Any) -> Any:
    """Independent places are dear, local ones cheap; nothing else has a price."""
    return tiny.bare_model(
        fees={"independent_special": {"in_area": FEE, "out_of_area": FEE}},
        top_up={"state_special": TOP_UP, "specialist_base": TOP_UP, "independent_special": 0.0},
        place_funding={"state_special": PLACE, "specialist_base": PLACE},
        **changes,
    )


def short_of_places(
    children: float = 10.0,
    places: float = 4.0,
    others: tuple[dict[str, Any], ...] = (),
    other_places: tuple[tuple[str, float], ...] = (),
    rules: Any = None,
) -> Loaded:
    """So many children join in 2026, the local school has fewer places, the other is dear."""
    return tiny.world(
        model=rules or model(),
        years=YEARS,
        provisions=[
            tiny.provision("P"), tiny.provision("I", "independent_special"), *others,
        ],
        commissioned=tiny.places(("P", places), ("I", 1000), *other_places),
        projected=tiny.forecast(*tiny.joining("A", 2026, children, YEARS)),
    )  # fmt: skip


# ------------------------------------------------------------------ one more place


def test_one_more_place_by_hand() -> None:
    found = marginal(short_of_places(), changes=[], sizes=(1, 5, 10), **EXACT)
    values = found.tables["values"].set_index(["provision", "academic_year"])
    first = values.loc[("P", 2026)]
    # One more child for four years: the fee is saved, the top-up paid.
    assert first["worth_pounds"] == pytest.approx(YEARS * (FEE - TOP_UP))
    assert first["funding_pounds"] == pytest.approx(YEARS * PLACE)
    assert first["one_place_pounds"] == pytest.approx(YEARS * (FEE - TOP_UP))
    assert first["validity"] == VALID
    # Six children are elsewhere: the price holds for five more places, not for ten.
    assert first["valid_up_to"] == 5
    checks = found.tables["checks"].set_index(["provision", "academic_year", "places"])
    ten = checks.loc[("P", 2026, 10)]
    assert ten["worth_pounds"] == pytest.approx(6 * YEARS * (FEE - TOP_UP))
    assert not ten["holds"]
    assert ten["independent"] == pytest.approx(6 * YEARS)
    # Children stay where they are: a place that comes later finds nobody who is free to take it.
    assert values.loc[("P", 2029), "one_place_pounds"] == pytest.approx(0.0, abs=1e-6)


def test_a_price_that_no_whole_place_is_worth_claims_nothing() -> None:
    # Three and a half children for three places: half a child is left for one more place.
    found = marginal(short_of_places(3.5, 3.0), changes=[], sizes=(1,), **EXACT)
    row = found.tables["values"].set_index(["provision", "academic_year"]).loc[("P", 2026)]
    assert row["worth_pounds"] == pytest.approx(YEARS * (FEE - TOP_UP))
    assert row["one_place_pounds"] == pytest.approx(0.5 * YEARS * (FEE - TOP_UP))
    assert row["validity"] == LESS
    assert row["valid_up_to"] == 0.5


@pytest.mark.parametrize("over", [0.0, 0.1])
def test_where_validity_is_claimed_one_place_is_worth_the_price(over: float) -> None:
    """One more place in the table of commissioned places changes the optimum by what is claimed."""
    rules = model(over_capacity_share={"state_special": over}, price_over_capacity=8_000.0,
                  discount_rate=0.035)  # fmt: skip
    claimed = 0
    for children, places in ((10, 4), (10, 9.5), (10, 12), (4.2, 4)):
        before = short_of_places(children, places, rules=rules)
        found = marginal(before, changes=[], sizes=(1, 2), **EXACT)
        row = found.tables["values"].set_index(["provision", "academic_year"]).loc[("P", 2026)]
        after = short_of_places(children, places + 1, rules=rules)
        saved = tiny.optimum(before)[0] - tiny.optimum(after)[0]
        # The table's place is funded in every year: its price is no part of the worth.
        funding = float(row["funding_pounds"])
        if row["validity"] == VALID:
            claimed += 1
            assert saved + funding == pytest.approx(row["worth_pounds"], rel=0.05, abs=500)
        if math.isfinite(row["one_place_pounds"]):
            assert saved + funding == pytest.approx(row["one_place_pounds"], rel=1e-6, abs=1e-3)
    assert claimed >= 1


@settings(
    max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=YEARS, max_size=YEARS),
    st.integers(2, 30), st.integers(2, 30), st.sampled_from([0.0, 40.0]),
)  # fmt: skip
def test_prices_of_places_that_claim_to_hold_foretell_the_change(
    joining: list[tuple[int, int]], at_p: int, at_q: int, per_minute: float
) -> None:
    """Two schools, two areas, children who join in every year: of each provision one more place,
    written into the table of commissioned places, changes the optimum by what is claimed."""
    assume(any(n for pair in joining for n in pair))

    def world(more: str = "") -> Loaded:
        held = [("P", float(at_p)), ("Q", float(at_q)), ("I", 1000.0)]
        return tiny.world(
            model=model(price_per_minute=per_minute, discount_rate=0.035),
            years=YEARS,
            areas_=tiny.areas("A", "B"),
            provisions=[
                tiny.provision("P"), tiny.provision("Q", easting=410_000.0),
                tiny.provision("I", "independent_special", easting=430_000.0),
            ],
            commissioned=tiny.places(*[(p, n + (p == more)) for p, n in held]),
            projected=tiny.forecast(*[
                row
                for first, pair in enumerate(joining, start=2026)
                for area, number in zip("AB", pair, strict=True)
                for row in tiny.joining(area, first, float(number), 2026 + YEARS - first)
            ]),
        )  # fmt: skip

    found = marginal(world(), changes=[], sizes=(1,), **EXACT).tables["values"]
    before = tiny.optimum(world())[0]
    for provision in ("P", "Q"):
        mine = found[(found["provision"] == provision) & (found["academic_year"] == 2026)]
        if mine.empty:  # nobody is turned away from it in any year
            continue
        row = mine.iloc[0]
        # A place of the table is funded in every year, which is no part of the worth.
        saved = before - tiny.optimum(world(provision))[0] + float(row["funding_pounds"])
        if math.isfinite(row["one_place_pounds"]):
            assert saved == pytest.approx(row["one_place_pounds"], rel=1e-5, abs=0.05)
        if row["validity"] == VALID:
            assert saved == pytest.approx(row["worth_pounds"], rel=0.05, abs=1.0)
        else:
            assert saved <= row["worth_pounds"] * (1 + 1e-6) + 1.0


def test_a_place_at_a_provision_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no such provision with a limit"):
        marginal(short_of_places(), provisions=["Q"], changes=[], **EXACT)


def test_a_scheme_that_does_not_open_is_said_to_have_no_margin() -> None:
    dear = tiny.scheme("new", places=10, capital_pounds=1e9, highest_year_group=20)
    found = marginal(
        with_one_school(schemes=[dear]), provisions=["new"], changes=[], sizes=(1,), **EXACT
    )
    assert "not open in the best plan: new;" in found.sentences[0]
    assert "not open in the best plan: new;" in page_of(found)
    opened = marginal(with_one_school(), provisions=["new"], changes=[], sizes=(1,), **EXACT)
    assert "not open" not in opened.sentences[0]


# ------------------------------------------------------------------ existing schools


def half_empty(needs: str = "SLD", lowest: int = 0) -> Loaded:
    """The local school is full, another one stands empty and takes other needs or ages."""
    return short_of_places(
        others=(tiny.provision("E", needs=needs, lowest_year_group=lowest),),
        other_places=(("E", 3),),
    )


def test_taking_another_designation_by_hand() -> None:
    change = Change("E", needs=("ASD",))
    found = marginal(half_empty(), changes=[change], checks=0, **EXACT).tables["changes"]
    row = found.iloc[0]
    assert row["alone_pounds"] == pytest.approx(3 * YEARS * (FEE - TOP_UP))
    assert row["money_pounds"] == pytest.approx(3 * YEARS * (FEE - TOP_UP))
    assert row["newly_taken"] == pytest.approx(3 * YEARS)
    assert row["independent"] == pytest.approx(3 * YEARS)
    assert row["vacant"] == pytest.approx(3 * YEARS)


def test_taking_younger_children_by_hand() -> None:
    found = marginal(
        half_empty("any", 7), changes=[Change("E", lowest=0)], checks=0, **EXACT
    ).tables["changes"]
    assert found.iloc[0]["what"] == "age range"
    assert found.iloc[0]["alone_pounds"] == pytest.approx(3 * YEARS * (FEE - TOP_UP))


def test_changes_are_looked_for_where_places_stand_vacant() -> None:
    found = marginal(half_empty(), checks=0, **EXACT).tables["changes"]
    assert set(found["provision"]) == {"E"}
    assert "designation" in set(found["what"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("Z", needs=("ASD",)), "no such provision"),
        (Change("E", needs=("AUT",)), "is no need"),
        (Change("E", needs=("SLD",)), "nothing would change"),
        (Change("E", lowest=9, highest=3), "no year groups"),
        (Change("E", lowest=2, highest=12), "nothing would change"),
    ],
)
def test_changes_that_cannot_be_are_refused(change: Change, words: str) -> None:
    with pytest.raises(InputError, match=words):
        marginal(half_empty(), changes=[change], **EXACT)


def test_changes_are_read_as_they_are_written() -> None:
    assert read_changes(["quay=ASD, slcn"], ["quay = -1..13"]) == [
        Change("quay", needs=("ASD", "SLCN")), Change("quay", lowest=-1, highest=13),
    ]  # fmt: skip
    with pytest.raises(InputError) as caught:
        read_changes(["quay"], ["quay=7-13"])
    assert len(caught.value.problems) == 2


# ------------------------------------------------------------------ bases


def two_kinds_of_need() -> Loaded:
    """Six children whom a base suits, four who need a special school, one settled in one."""
    rows = [
        (2026 + i, "A", "ASD", tier, i, n, 0 if i else n)
        for tier, n in ((2, 6), (3, 4))
        for i in range(YEARS)
    ]
    settled = [(2026 + i, "A", "ASD", 3, 2 + i, 1, 0) for i in range(YEARS)]
    tiers = {"specialist_base": (2,), "state_special": (2, 3, 4), "independent_special": (2, 3, 4)}
    shapes = {"site": "S", "capital_pounds": 1000.0, "earliest_opening": "2026/27"}
    return tiny.world(
        model=model(admits_tiers=tiers, price_of_new_place={}),
        years=YEARS,
        provisions=[tiny.provision("I", "independent_special")],
        commissioned=tiny.places(("I", 1000)),
        schemes=[
            tiny.scheme("base", kind="specialist_base", places=4, **shapes),
            tiny.scheme("school", places=10, **shapes),
        ],
        today=tiny.children(("A", "ASD", 3, 1, "I", 1)),
        projected=tiny.forecast(*rows, *settled),
    )


def test_what_bases_cannot_meet_by_hand() -> None:
    found = bases(two_kinds_of_need(), **EXACT)
    left = found.tables["irreducible"]
    by_reason = left.groupby(["academic_year", "reason"])["children"].sum()
    for year in range(2026, 2026 + YEARS):
        assert by_reason[year, SUPPORT] == pytest.approx(4)
        assert by_reason[year, SETTLED] == pytest.approx(1)
        # Six would be suited by a base that has four places.
        assert left[left["academic_year"] == year]["children"].sum() == pytest.approx(7)
    irreducible = found.stamp["irreducible"]
    assert irreducible["child_years"] == pytest.approx(7 * YEARS)
    assert irreducible["child_years_bound"] == pytest.approx(7 * YEARS, rel=1e-4)
    policies = found.tables["policies"].set_index("policy")
    assert policies.at[ONLY, "special_places"] == 0
    assert policies.at[ONLY, "base_places"] == 4
    assert policies.at[FREE, "special_places"] == 10
    # Bases alone leave six of ten newcomers with the independent school.
    opened = found.tables["policy_schemes"]
    assert set(opened.loc[opened["policy"] == ONLY, "scheme"]) == {"base"}
    above = policies.at[ONLY, "above_pounds"]
    assert policies.at[ONLY, "above_least"] <= above + 1e-6
    assert above <= policies.at[ONLY, "above_most"] + 1e-6
    models = policies_of(two_kinds_of_need().model)
    free, only = (replace(two_kinds_of_need(), model=models[p]) for p in (FREE, ONLY))
    assert above == pytest.approx(tiny.optimum(only)[0] - tiny.optimum(free)[0])
    assert policies.at[FIRST, "above_pounds"] >= -1e-6


def test_a_base_out_of_reach_is_a_reason() -> None:
    world = two_kinds_of_need()
    near = dict.fromkeys(world.model.phases, 30.0)
    far = tiny.travel(("A", "S", 45.0, 45.0), ("A", "I", 5.0, 5.0))
    schemes = world.tables.schemes.query("scheme == 'base'")
    tables = replace(world.tables, schemes=schemes, travel=far.assign(basis="", _row=0))
    rules = replace(world.model, travel_hard_limit_minutes=near)
    left = bases(replace(world, model=rules, tables=tables), **EXACT).tables["irreducible"]
    tier_two = left[left["tier"] == 2]
    assert set(tier_two["reason"]) == {TOO_FAR}
    assert tier_two.groupby("academic_year")["children"].sum().tolist() == pytest.approx([6] * 4)


def test_policies_change_nothing_else_of_the_model() -> None:
    own = model(price_unmet=5e6)
    for policy, rules in policies_of(own).items():
        assert rules.price_unmet == 5e6
        assert rules.name == own.name
        assert (rules.scheme_kinds == ("specialist_base",)) == (policy == ONLY)
        assert bool(rules.price_of_new_place.get("state_special")) == (policy == FIRST)
        assert rules.entries["scheme_kinds"].value == list(rules.scheme_kinds)


# ------------------------------------------------------------------ delay and rules


def with_one_school(**more: Any) -> Loaded:
    """Ten children join each year for one year; a school for all of them could open at once."""
    rows = [(2026 + i, "A", "ASD", 3, 20, 10, 10) for i in range(YEARS)]
    return tiny.world(
        model=more.pop("model", model()),
        years=YEARS,
        provisions=[tiny.provision("I", "independent_special", highest_year_group=20)],
        commissioned=tiny.places(("I", 1000)),
        schemes=more.pop(
            "schemes",
            [tiny.scheme("new", places=10, capital_pounds=100_000.0, highest_year_group=20)],
        ),
        projected=tiny.forecast(*rows),
        **more,
    )


def line(found: Finding, rule: str) -> pd.Series:
    table = found.tables["rules"].set_index("rule")
    return table.loc[rule]


def test_a_year_late_costs_a_year_of_fees_by_hand() -> None:
    found = price_rules(with_one_school(), rules=["delay"], **EXACT)
    late = line(found, "delay")
    # Fees less top-up and place funding of ten children, for one year; residual value as before.
    lost = 10 * (FEE - TOP_UP - PLACE)
    residual = 0.0  # the building's life is one year: nothing is left at the end either way
    assert late["same_pounds"] == pytest.approx(lost + residual)
    assert late["anew_pounds"] == pytest.approx(lost + residual)
    assert late["anew_least"] <= lost <= late["anew_most"] + 1e-6
    assert late["children"] == pytest.approx(10)
    assert late["last_year"] == pytest.approx(0)
    assert late["same_money_pounds"] == pytest.approx(lost)
    name, shared = str(late["words"]).split(" opens a year late, in ")
    assert shared == "2027/28"
    (chart,) = re.findall(r"<figure>.*?</figure>", page_of(found), re.S)
    assert f"{name}: " in chart and "opens a year late, in" not in chart
    assert "Where a scheme is named alone, it opens a year late." in chart


def test_a_budget_that_is_late_and_one_that_is_lifted_by_hand() -> None:
    def budgets(*pounds: float) -> pd.DataFrame:
        return pd.DataFrame(
            {"financial_year": range(2026, 2026 + len(pounds)), "source": "grant",
             "pounds": pounds}
        )  # fmt: skip

    found = price_rules(with_one_school(budgets=budgets(1e5, 0, 0, 0)),
                        rules=["budget-late", "first-budget-late", "budget"], **EXACT)  # fmt: skip
    lost = 10 * (FEE - TOP_UP - PLACE)
    for rule in ("budget-late", "first-budget-late"):
        assert line(found, rule)["anew_pounds"] == pytest.approx(lost)
        assert math.isnan(line(found, rule)["same_pounds"])  # the money is not there yet
    assert line(found, "budget")["anew_pounds"] == pytest.approx(0.0, abs=1e-6)
    short = price_rules(with_one_school(budgets=budgets(0, 1e5, 0, 0)), rules=["budget"], **EXACT)
    assert line(short, "budget")["anew_pounds"] == pytest.approx(-lost)


def test_a_late_budget_leaves_what_is_committed_where_it_is() -> None:
    budgets = pd.DataFrame({"financial_year": [2026], "source": ["grant"], "pounds": [1e5]})
    world = with_one_school(budgets=budgets, scenario={"committed": {"new": 2026}})
    found = price_rules(world, rules=["budget-late", "commitments", "delay"], **EXACT)
    late = line(found, "budget-late")
    assert late["status"] == "optimal"
    assert late["anew_pounds"] == pytest.approx(0.0, abs=1e-6)
    assert line(found, "delay")["same_pounds"] == pytest.approx(10 * (FEE - TOP_UP - PLACE))


def test_a_limit_on_journeys_is_priced_with_the_children_it_touches() -> None:
    """Six of ten places near, four far: a limit between them sends four to the dear school."""
    rows = tiny.joining("A", 2026, 10, YEARS)
    limit = dict.fromkeys(model().phases, 60.0)
    guide = dict.fromkeys(model().phases, 45.0)
    world = tiny.world(
        model=model(travel_hard_limit_minutes=limit, travel_guide_minutes=guide),
        years=YEARS,
        provisions=[
            tiny.provision("near"), tiny.provision("far"),
            tiny.provision("I", "independent_special"),
        ],
        commissioned=tiny.places(("near", 6), ("far", 4), ("I", 1000)),
        travel=tiny.travel(("A", "near", 10, 5), ("A", "far", 50, 40), ("A", "I", 20, 15)),
        projected=tiny.forecast(*rows),
    )  # fmt: skip
    found = price_rules(world, rules=["guide-as-limit", "limit-plus-15"], **EXACT)
    row = line(found, "guide-as-limit")
    assert row["same_pounds"] == pytest.approx(4 * YEARS * (FEE - TOP_UP))
    assert row["children"] == pytest.approx(4 * YEARS)
    assert row["last_year"] == pytest.approx(4)
    assert row["independent"] == pytest.approx(4 * YEARS)
    assert line(found, "limit-plus-15")["anew_pounds"] == pytest.approx(0.0, abs=1e-6)
    assert line(found, "limit-plus-15")["children"] == 0


def test_a_rule_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no such rule that bears"):
        price_rules(with_one_school(), rules=["stay-onn"], **EXACT)


def test_a_delay_that_no_plan_can_have_is_refused_before_a_plan_is_sought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def search(*arguments: Any, **more: Any) -> None:
        raise AssertionError("a plan was sought")

    monkeypatch.setattr(Inquiry, "best_or_why", search)
    with pytest.raises(InputError, match="no such rule that bears"):
        price_rules(short_of_places(), rules=["delay"], **EXACT)
    with pytest.raises(InputError, match="no such rule that bears"):
        price_rules(with_one_school(), rules=["all-late"], **EXACT)
    with pytest.raises(AssertionError, match="a plan was sought"):
        price_rules(with_one_school(), rules=["delay"], **EXACT)


# ------------------------------------------------------------------ stop, and go on


def test_a_stopped_ranking_goes_on_where_it_was(tmp_path: Path, monkeypatch: Any) -> None:
    world = two_kinds_of_need()
    whole = rank_sites(world, plans=3, **EXACT)
    real = Answers.best
    asked: list[Any] = []

    def stop_after(count: int) -> None:
        def best(self: Answers, ask: Any = None, words: str = "", **more: Any) -> Any:
            if len(asked) == count:
                raise KeyboardInterrupt
            asked.append(ask)
            return real(self, ask, words, **more)

        monkeypatch.setattr(Answers, "best", best)

    stop_after(3)
    with pytest.raises(Stopped, match="kept in"):
        rank_sites(world, plans=3, folder=tmp_path, **EXACT)
    # Beside them stand schedules whose children were placed without a search.
    kept = [p for p in (tmp_path / ANSWERS).iterdir() if not p.name.startswith("plan-")]
    assert len(kept) >= 3
    asked.clear()
    stop_after(10**6)
    searched: list[Any] = []
    from sufficiency.asking import Study

    search = Study.best

    def count(self: Study, ask: Any = None, **more: Any) -> Any:
        searched.append(ask)
        return search(self, ask, **more)

    monkeypatch.setattr(Study, "best", count)
    again = rank_sites(world, plans=3, folder=tmp_path, **EXACT)
    assert not [a for a in searched if a in asked[:3]], "kept answers are not searched again"
    for name in ("schemes", "plans"):
        pd.testing.assert_frame_equal(again.tables[name], whole.tables[name], rtol=1e-6)


def test_ctrl_c_while_children_are_placed_is_no_answer(tmp_path: Path, monkeypatch: Any) -> None:
    """It must never be taken for a schedule that the rules forbid."""
    real, calls = SchemeSearch.place, list[int]()

    def place(self: SchemeSearch, switches: Any, **more: Any) -> Outcome:
        calls.append(1)
        if len(calls) > 1:  # the plan, which is held for its measures, and then the first line
            return Outcome("interrupted", np.zeros(0), math.inf, -math.inf, 0.0)
        return real(self, switches, **more)

    monkeypatch.setattr(SchemeSearch, "place", place)
    with pytest.raises(Stopped, match="run the same command again"):
        price_rules(with_one_school(), rules=["delay"], folder=tmp_path, **EXACT)
    assert len(calls) == 2


# ------------------------------------------------------------------ pages


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    """One of every kind, some of them with nothing to show."""
    school, need = with_one_school(), two_kinds_of_need()
    return [
        rank_sites(need, plans=3, **EXACT),
        alternatives(need, plans=3, **EXACT),
        *(frontier(need, against=a, points=3, **EXACT)
          for a in ("independent-share", "minutes", "unmet")),
        marginal(half_empty(), **EXACT),
        marginal(short_of_places(3, 9), changes=[], **EXACT),
        bases(need, **EXACT),
        price_rules(school, **EXACT),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def folders(findings: list[Finding], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Each of them, written."""
    whole = tmp_path_factory.mktemp("findings")
    for number, finding in enumerate(findings):
        write_finding(finding, whole / str(number))
    return [whole / str(number) for number in range(len(findings))]


def test_every_finding_is_written_read_and_shown(
    findings: list[Finding], folders: list[Path]
) -> None:
    for finding, folder in zip(findings, folders, strict=True):
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert "<script" not in page
        assert "INTERNAL" in page
        for word in (">nan<", ">inf<", "£nan", "£inf", ">None<", "Traceback"):
            assert word not in page, (finding.kind, word)
        assert finding.sentences[0].split("£")[0][:40] in page.replace("&#39;", "'")
        again = read_finding(folder)
        assert page_of(again) == page_of(finding)
        for name, table in finding.tables.items():
            pd.testing.assert_frame_equal(again.tables[name], table, check_dtype=False)
        assert "statement" in finding.stamp


@pytest.mark.skipif(chromium() is None, reason="there is no Chromium to look at the pages with")
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits_a_telephone_and_a_desk(folders: list[Path], width: int) -> None:
    program = chromium()
    assert program is not None
    browser = Browser(program)
    try:
        for folder in folders:
            browser.open(folder / "report.html", width)
            assert browser.errors == []
            assert browser.requests == []
            assert browser.evaluate("document.documentElement.scrollWidth") <= width, folder
            spilt = browser.evaluate(
                "[...document.querySelectorAll('.tiles li')].filter("
                "e => e.scrollWidth > e.clientWidth + 1).length"
            )
            assert spilt == 0, folder
    finally:
        browser.close()


# ------------------------------------------------------------------ commands

SCHOOL = ["test-site", "small", "--needs", "ASD", "--places", "40"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rank-sites", "small", "--scheme", "northgate"], "no such candidate scheme"),
        (["marginal", "small", "--provision", "saltings"], "did you mean 'saltings-school'"),
        (["marginal", "small", "--redesignate", "saltings-school"], "write PROVISION=ASD,SLCN"),
        (["marginal", "small", "--extend", "saltings-school=3"], "write PROVISION=0..13"),
        (["marginal", "small", "--extend", "nowhere=0..3"], "no such provision"),
        (["price-rules", "small", "--rule", "stay-onn"], "did you mean 'stay-on'"),
        (
            ["rank-sites", "small", "--scheme", "fen-lane-semh-schol"],
            "did you mean 'fen-lane-semh-school'",
        ),
        ([*SCHOOL, "--site", "fen-lan"], "did you mean 'fen-lane'"),
        (["map-value", *SCHOOL[1:], "--kind", "state_specal"], "did you mean 'state_special'"),
        (["rank-sites", "nowhere"], "there is no scenario of this name"),
    ],
)
def test_bad_input_is_answered_in_a_sentence(
    words: list[str], said: str, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    """Before anything is searched: whoever misspells a name does not wait for a plan."""

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a search was begun")

    for search in ("run", "place"):
        monkeypatch.setattr(SchemeSearch, search, never)
    out = tmp_path / "out"
    assert main([*words, "--out", str(out)]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert said in shown
    assert "Nothing was written" in shown
    assert not out.exists()


@pytest.mark.parametrize(
    "words",
    [["frontier", "small", "--against", "happiness"], ["frontier", "small", "--points", "1"],
     ["rank-sites", "small", "--within", "2"], ["alternatives", "small", "--plans", "0"]],
)  # fmt: skip
def test_bad_options_are_refused(words: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert words[-1] in capsys.readouterr().err


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert main(["bases", "small", "--out", str(tmp_path)]) == 2
    assert "not an earlier result" in " ".join(capsys.readouterr().err.split())
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_nothing_to_choose_is_said_so() -> None:
    world = with_one_school(scenario={"committed": {"new": 2026}})
    for ask in (rank_sites, alternatives, frontier):
        with pytest.raises(InputError, match="no scheme to choose"):
            ask(world, **EXACT)


def test_a_command_writes_its_finding(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "frontier"
    assert main(["frontier", "small", "--against", "unmet", "--points", "2", "--gap", "2%",
                 "--out", str(out)]) == 0  # fmt: skip
    shown = " ".join(capsys.readouterr().out.split())
    assert "least cost" in shown
    finding = read_finding(out)
    assert finding.stamp["command"].startswith("sufficiency frontier small")
    points = finding.tables["points"]
    assert points[points["point"] > 0]["value"].is_monotonic_decreasing
