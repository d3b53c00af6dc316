"""Studies of choices against brute force: every schedule of tiny authorities is placed and costed.

Which schedules the rules allow, and what each costs, is found by one linear programme each; the
studies must say the same of schemes alone, last in and insisted on, of the order of plans, and of
what capital buys.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from sufficiency.asking import Ask, Study
from sufficiency.pipeline import Loaded, study
from sufficiency.placement.model import build
from sufficiency.placement.question import Question
from sufficiency.problems import NoPlanError
from sufficiency.solving import SolveOptions, StandardForm, decomposition, solve
from sufficiency.studies.frontier import frontier, measure_of, with_price, years_of
from sufficiency.studies.inquiry import Inquiry, at_least_as_wide, inquire
from sufficiency.studies.ranking import IN_ALL, IN_NONE, IN_SOME, alternatives, rank_sites
from tests.placement.test_brute_force import Case, authority, cases

RELATIVE = 1e-6
FEW = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
Opens = tuple[tuple[str, int], ...]
"""Schemes and the academic years in which they open."""


def costs_of(question: Question) -> dict[Opens, float]:
    """Least cost of every schedule that the rules allow, by one linear programme each."""
    form = StandardForm.of(build(question))
    names = [str(s) for s in question.schemes["scheme"]]
    base = question.settings.base_year
    is_open = np.array([name == "open" for name, _ in form.columns])
    choices = [[None, *question.scheme_columns(s)] for s in range(len(names))]
    found: dict[Opens, float] = {}
    for columns in itertools.product(*choices):
        values = np.array(
            [
                float(columns[i[0]] is not None and columns[i[0]] <= i[1]) if n == "open" else 0.0
                for n, i in form.columns
            ]
        )
        outcome = solve(form.with_fixed(is_open, values), SolveOptions(threads=1))
        if outcome.found:
            opens = tuple(
                (name, base + t) for name, t in zip(names, columns, strict=True) if t is not None
            )
            found[opens] = outcome.objective
    return found


def least(costs: Mapping[Opens, float], having: Any = lambda opened: True) -> float:
    """The least cost of schedules whose set of schemes is as asked; infinite for none."""
    return min((c for o, c in costs.items() if having({s for s, _ in o})), default=math.inf)


def small_enough(case: Case) -> bool:
    return 2 <= int(np.prod([len(o) for o in case.options()])) <= 60


def near(value: float) -> Any:
    return pytest.approx(value, rel=RELATIVE, abs=1e-6 * 1e4)


# ------------------------------------------------------------------ ranking and plans


@FEW
@given(cases())
def test_alone_last_in_and_the_order_of_plans_are_those_of_brute_force(case: Case) -> None:
    assume(small_enough(case))
    loaded = authority(case)
    question = loaded.question()
    costs = costs_of(question)
    with_candidates = inquire(loaded, gap=0.0, threads=1)
    candidates, decided = with_candidates.candidates, with_candidates.decided
    assume(bool(costs) and bool(candidates))
    best = least(costs)
    nothing = least(costs, lambda opened: opened <= decided)
    within = 0.05
    for smallest in (decomposition.SMALL, 0):
        with patch.object(decomposition, "SMALL", smallest):
            found = rank_sites(loaded, plans=4, within=within, gap=0.0, time_limit=None, threads=1)
        table = found.tables["schemes"].set_index("scheme")
        assert sorted(table.index) == sorted(candidates)
        last_in = [least(costs, lambda o, s=scheme: s not in o) - best for scheme in candidates]
        agree(sum(table["lost_pounds"].fillna(math.inf)), sum(last_in))
        for scheme in candidates:
            row = table.loc[scheme]
            kept = {scheme, *with_candidates.required([scheme])} | decided
            alone = least(costs, lambda o, s=scheme, k=kept: s in o and o <= k)
            insisted = least(costs, lambda o, s=scheme: s in o)
            without = least(costs, lambda o, s=scheme: s not in o)
            agree(row["alone_pounds"], nothing - alone)
            agree(row["insisted_pounds"], insisted - best)
            agree(row["lost_pounds"], without - best)
            if math.isfinite(without) and math.isfinite(insisted):
                agree(row["worth_pounds"], without - insisted)
                assert row["worth_least"] <= without - insisted + 1e-3
                assert row["worth_most"] >= without - insisted - 1e-3
            room = within * abs(best)
            margin = 1e-4 * abs(best)
            if row["standing"] == IN_ALL:
                assert without > best + room - margin
            elif row["standing"] == IN_NONE:
                assert insisted > best + room - margin
            else:
                assert row["standing"] == IN_SOME
                assert max(without, insisted) <= best + room + margin
        by_set: dict[frozenset[str], float] = {}
        for opens, cost in costs.items():
            key = frozenset(s for s, _ in opens)
            by_set[key] = min(cost, by_set.get(key, math.inf))
        order = sorted(by_set.values())[:4]
        plans = found.tables["plans"]
        assert plans["cost_pounds"].tolist() == [near(c) for c in order]
        opened = found.tables["plan_schemes"]
        for plan, cost in zip(plans["plan"], plans["cost_pounds"], strict=True):
            mine = frozenset(opened.loc[opened["plan"] == plan, "scheme"])
            assert by_set[mine] == near(cost)
        # The proven distance holds the true one.
        assert (plans["above_most"] >= plans["cost_pounds"] - best - 1e-3).all()


def agree(found: float, true: float) -> None:
    if math.isfinite(true):
        assert found == near(true)
    else:
        assert not math.isfinite(found)


def test_fewer_plans_than_asked_for_where_the_rules_allow_no_more() -> None:
    case = Case(
        2,
        (
            {**dict(_scheme("s0")), "exclusive_group": "g"},
            {**dict(_scheme("s1")), "exclusive_group": "g"},
        ),
        ((3, 3), (2, 2)), (), (),
    )  # fmt: skip
    found = alternatives(authority(case), plans=9, gap=0.0, threads=1)
    assert len(found.tables["plans"]) == 3  # none, the one, the other
    assert any("no more than 3" in s for s in found.sentences)


def _scheme(name: str) -> dict[str, Any]:
    return {
        "scheme": name, "name": name, "kind": "state_special", "site": "S", "provision": "",
        "needs": "any", "lowest_year_group": 0, "highest_year_group": 14, "places": 5,
        "earliest_opening": "2026/27", "latest_opening": "", "capital_pounds": 100.0,
        "capital_profile": "", "fill": "", "running_pounds": 0, "exclusive_group": "",
        "requires": "",
    }  # fmt: skip


# ------------------------------------------------------------------ what answers lend each other

SCHEMES = ("a", "b", "c")


@cache
def _every_schedule() -> list[dict[str, int]]:
    years = [None, 2026, 2027]
    return [
        {s: y for s, y in zip(SCHEMES, chosen, strict=True) if y is not None}
        for chosen in itertools.product(years, repeat=len(SCHEMES))
    ]


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    some = st.frozensets(st.sampled_from(SCHEMES))
    return Ask.that(
        forbid=draw(some),
        force=draw(some),
        opens=draw(st.dictionaries(st.sampled_from(SCHEMES), st.sampled_from([2026, 2027]))),
        capital_at_most=draw(st.sampled_from([None, 0.0, 10.0, 25.0, 60.0])),
        unlike=draw(st.lists(some, max_size=2)),
    )


class _Bare(Inquiry):
    """What decides whether a schedule answers a question, without a model."""

    def __init__(self) -> None:
        self._capital = {"a": 10.0, "b": 20.0, "c": 30.0}


@settings(max_examples=600, deadline=None, derandomize=True)
@given(asks(), asks())
def test_a_wider_question_is_answered_by_every_plan_of_the_narrower(one: Ask, other: Ask) -> None:
    asked = _Bare()
    if at_least_as_wide(one, other):
        for opens in _every_schedule():
            if asked.allows(other, opens):
                assert asked.allows(one, opens), (one, other, opens)


def test_every_question_is_wider_than_itself_and_none_is_wider_than_all() -> None:
    for ask in (Ask(), Ask.that(forbid="a"), Ask.that(opens={"a": 2026}, capital_at_most=3)):
        assert at_least_as_wide(ask, ask)
        assert at_least_as_wide(Ask(), ask)
    assert not at_least_as_wide(Ask.that(forbid="a"), Ask())
    assert at_least_as_wide(Ask.that(force="a"), Ask.that(opens={"a": 2026}))


def test_what_is_known_is_not_searched_again(monkeypatch: Any) -> None:
    case = Case(2, (_scheme("s0"), {**_scheme("s1"), "site": "T", "capital_pounds": 9e5}),
                ((3, 3), (2, 2)), (), ())  # fmt: skip
    asked = inquire(authority(case), gap=0.0, threads=1)
    best = asked.best()
    assert set(best.opens) == {"s0"}

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("this is known")

    monkeypatch.setattr(Study, "best", never)
    without = asked.best(Ask.that(forbid=["s1"]))
    insisted = asked.best(Ask.that(force=["s0"]))
    assert without.objective == insisted.objective == best.objective
    assert without.bound == best.bound
    with pytest.raises(AssertionError, match="known"):
        asked.best(Ask.that(forbid=["s0"]))


# ------------------------------------------------------------------ what capital buys


def lowest(
    loaded: Loaded, against: str, costs: Iterable[Opens], capital: Mapping[str, float]
) -> list[tuple[float, float]]:
    """(capital, lowest measure) of every schedule, children placed for the measure first."""
    question = loaded.question()
    measure = measure_of(question, against)
    priced = study(loaded, SolveOptions(threads=1))
    dear = Study(with_price(question, measure), {}, loaded.tables.schemes, priced.options)
    at, index = dear.form.columns.of("placed")
    unmet_at, unmet_of = dear.form.columns.of("unmet")
    over_at, _ = dear.form.columns.of("beyond")
    group = question.cohorts["entry_year_group"].to_numpy(int)
    entry = question.cohorts["entry"].to_numpy(int)
    found = []
    for opens in costs:
        outcome = dear.placed_for(dict(opens))
        placed = outcome.values[at]
        summed = float((placed * measure.by_arc[index]).sum())
        failed = float(outcome.values[over_at].sum())
        for k, children in zip(unmet_of, outcome.values[unmet_at], strict=True):
            ends = question.model.next_transition(int(group[k])) - int(group[k])
            during = range(entry[k], min(entry[k] + ends, question.years + 1))
            failed += float(children) * float(question.presence[k, list(during)].sum())
        value = (summed + measure.by_failure * failed) / measure.whole
        found.append((sum(capital[s] for s, _ in opens), value))
    return found


@FEW
@given(cases(), st.sampled_from(["independent-share", "minutes", "unmet"]))
def test_the_frontier_is_monotone_and_nothing_lies_below_it(case: Case, against: str) -> None:
    assume(small_enough(case))
    assume(sum(n for pair in case.joining for n in pair) > 0)
    loaded = authority(case)
    costs = costs_of(loaded.question())
    asked = inquire(loaded, gap=0.0, threads=1)
    assume(bool(costs) and bool(asked.candidates))
    capital = asked.study.capital()
    brute = lowest(loaded, against, costs, capital)
    decided = sum(capital[s] for s in asked.decided)
    found = frontier(loaded, against=against, points=4, gap=0.0, time_limit=None, threads=1)
    points = found.tables["points"]
    points = points[points["point"] > 0]
    assert points["value"].is_monotonic_decreasing
    assert points["capital_pounds"].is_monotonic_increasing
    for limit, value, gap in zip(
        points["limit_pounds"], points["value"], points["gap_value"], strict=True
    ):
        within = [v for c, v in brute if c <= decided + limit + 0.5]
        assert value == pytest.approx(min(within), rel=1e-5, abs=1e-5 + gap)
    every = min(v for _, v in brute)
    assert points["value"].iloc[-1] == pytest.approx(every, rel=1e-5, abs=1e-5)


def test_years_of_a_stay_are_counted_as_the_plan_counts_them() -> None:
    case = Case(3, (_scheme("s0"),), ((3, 1), (2, 2), (0, 4)), (), ())
    loaded = authority(case)
    asked = study(loaded, SolveOptions(threads=1))
    answer = asked.best()
    at, index = asked.form.columns.of("placed")
    placed = np.zeros(len(asked.question.arcs))
    placed[index] = answer._outcome.values[at]
    outcome = asked.placed_for(answer.opens)
    placed[index] = outcome.values[at]
    plan = answer.plan
    years = years_of(asked.question)
    kinds = asked.question.provisions["kind"].to_numpy()[
        asked.question.arcs["provision"].to_numpy(int)
    ]
    for kind in ("state_special", "independent_special"):
        mix = plan.mix[(plan.mix["academic_year"] >= 2026) & (plan.mix["kind"] == kind)]
        mine = float((placed * years)[kinds == kind].sum())
        assert mine == pytest.approx(float(mix["children"].sum()), abs=1e-6)


def test_a_frontier_against_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="happiness"):
        frontier(authority(Case(2, (_scheme("s0"),), ((1, 1), (1, 1)), (), ())),
                 against="happiness")  # fmt: skip


def test_no_plan_is_said_so() -> None:
    case = Case(2, (_scheme("s0"), {**_scheme("s1"), "exclusive_group": ""}), ((3, 3), (2, 2)),
                (1, 1), (("s0", 2026),))  # fmt: skip
    for ask in (rank_sites, alternatives, frontier):
        with pytest.raises(NoPlanError, match=r"budget source|No plan"):
            ask(authority(case), threads=1)


def test_measures_are_tables_of_numbers() -> None:
    case = Case(2, (_scheme("s0"),), ((3, 3), (2, 2)), (), ())
    found = alternatives(authority(case), plans=2, threads=1)
    plans = found.tables["plans"]
    assert isinstance(plans, pd.DataFrame)
    cost, parts = plans["cost_pounds"], plans["money_pounds"] + plans["priced_pounds"]
    assert parts.tolist() == [near(c) for c in cost]
