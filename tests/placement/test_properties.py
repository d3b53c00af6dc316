"""What must hold whatever the authority: random tiny ones, most under the real model of 2026.

Every authority has mainstream schools and education elsewhere near home, an all-through and a
primary special school, a specialist base, an independent school and a college; one or two areas,
children of all ages, and schemes to choose from.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sufficiency.pipeline import Loaded
from sufficiency.plan import Plan
from sufficiency.problems import Problems
from sufficiency.rules import PlanningModel, load_model
from tests.tiny import (
    MODELS,
    areas,
    children,
    forecast,
    optimum,
    places,
    provision,
    scheme,
    solved,
    world,
)

YEARS = 3
RELATIVE = 1e-7


def few(examples: int) -> Any:
    """As many random authorities, the same in every run, without the search for explanations."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
    )


@cache
def england() -> PlanningModel:
    problems = Problems()
    model = load_model(MODELS / "england-2026.toml", problems)
    assert model is not None, problems.errors
    return model


@dataclass(frozen=True)
class Group:
    """Children of one diagonal: home, need, tier, year group in the base year, where they are,
    how many are there today, the share still there after each year, who joins each year."""

    area: str
    need: str
    tier: int
    year_group: int
    at: str
    today: int
    kept: float
    joining: tuple[int, ...]


@dataclass(frozen=True)
class Authority:
    """Groups of children, places of the limited schools, schemes and budget."""

    groups: tuple[Group, ...]
    through: int
    primary: int
    base: int
    schemes: tuple[dict[str, Any], ...]
    budget: tuple[float, ...] = ()


SCHOOLS = {
    # provision: kind, easting (km east of area A), lowest and highest year group
    "mainstream": ("mainstream", None, -1, 13),
    "through": ("state_special", 4, 0, 14),
    "primary": ("state_special", 9, 0, 6),
    "base": ("specialist_base", 2, 0, 6),
    "private": ("independent_special", 30, 0, 14),
    "college": ("further_education", None, 12, 20),
    "elsewhere": ("educated_elsewhere", None, -4, 20),
}


@st.composite
def groups(draw: st.DrawFn) -> Group:
    at = draw(st.sampled_from(["mainstream", "through", "through", "primary", "base", "private"]))
    lowest, highest = max(SCHOOLS[at][2], 0), min(SCHOOLS[at][3], 13)
    return Group(
        area=draw(st.sampled_from("AB")),
        need=draw(st.sampled_from(["ASD", "SEMH", "SLD"])),
        tier=draw(st.sampled_from([1, 2, 3, 3, 4])),
        year_group=draw(st.integers(lowest, highest)),
        at=at,
        today=draw(st.integers(0, 6)),
        kept=draw(st.sampled_from([1.0, 1.0, 0.75])),
        joining=tuple(draw(st.lists(st.integers(0, 4), min_size=YEARS, max_size=YEARS))),
    )


@st.composite
def one_scheme(draw: st.DrawFn, number: int) -> dict[str, Any]:
    new = draw(st.booleans())
    return scheme(
        f"s{number}",
        site=draw(st.sampled_from("ST")) if new else "",
        provision="" if new else "through",
        places=draw(st.integers(2, 12)),
        capital_pounds=draw(st.integers(40, 900)) * 1009 + 17 * number,
        earliest_opening=draw(st.sampled_from(["2026/27", "2027/28"])),
        capital_profile="1",
        running_pounds=draw(st.sampled_from([0, 3001])),
    )


@st.composite
def authorities(draw: st.DrawFn) -> Authority:
    found = draw(
        st.lists(
            groups(), min_size=1, max_size=6,
            unique_by=lambda g: (g.area, g.need, g.tier, g.year_group),
        )
    )  # fmt: skip
    return Authority(
        groups=tuple(found),
        through=draw(st.integers(2, 25)),
        primary=draw(st.integers(0, 8)),
        base=draw(st.integers(0, 6)),
        schemes=tuple(draw(one_scheme(i)) for i in range(draw(st.integers(1, 3)))),
    )


def tables(a: Authority, scale: float = 1.0) -> dict[str, Any]:
    """Arguments of ``world``; ``scale`` multiplies children, places, capital and running costs."""
    rows, later = [], []
    for g in a.groups:
        rows.append((g.area, g.need, g.tier, g.year_group, g.at, g.today * scale))
        number = g.today * scale
        for i, new in enumerate(g.joining):
            number = number * g.kept + new * scale
            group = g.year_group + i + 1
            later.append((2026 + i, g.area, g.need, g.tier, group, number, new * scale))
    for i in range(YEARS):
        later.append((2026 + i, "A", "OTH", 1, 17 + i, 0, 0))
    limited = [("through", a.through, 1), ("primary", a.primary, 0), ("base", a.base, 0)]
    schemes = [
        {
            **s,
            **{k: s[k] * scale for k in ("places", "capital_pounds", "running_pounds")},
        }
        for s in a.schemes
    ]
    result: dict[str, Any] = {
        "model": england(),
        "years": YEARS,
        "areas_": areas("A", "B"),
        "provisions": [
            provision(
                name,
                kind,
                easting=np.nan if east is None else 400_000.0 + 1000 * east,
                northing=np.nan if east is None else 300_000.0,
                lowest_year_group=low,
                highest_year_group=high,
            )
            for name, (kind, east, low, high) in SCHOOLS.items()
        ],
        "commissioned": places(*[(p, n * scale, o * scale) for p, n, o in limited]),
        "schemes": schemes,
        "sites": {"S": (401_000.0, 300_000.0), "T": (409_000.0, 301_000.0)},
        "today": children(*rows),
        "projected": forecast(*later),
    }
    if a.budget:
        result["budgets"] = pd.DataFrame(
            {
                "financial_year": range(2026, 2026 + YEARS),
                "source": "grant",
                "pounds": [p * scale for p in a.budget],
            }
        )
    return result


def load(a: Authority, scale: float = 1.0) -> Loaded:
    return world(**tables(a, scale))


# ------------------------------------------------------------------ what every plan keeps to


def nobody_settled_moves_early(plan: Plan, model: PlanningModel) -> None:
    """Settled children leave at their transition point, or where the age range ends, not before."""
    stays = plan.stays.merge(plan.cohorts, on="cohort", suffixes=("", "_of_cohort"))
    for stay in stays[stays["origin"] == "settled"].to_dict("records"):
        group = stay["entry_year_group"]
        transition = 2025 + model.next_transition(group) - group
        outgrown = 2025 + SCHOOLS[stay["provision"]][3] + 1 - group
        assert stay["leaves_year"] == min(transition, outgrown, 2026 + YEARS), stay


def all_through_pupils_stay(plan: Plan, loaded: Loaded) -> int:
    """A school that spans a transition keeps its share of who is still there; how many cases."""
    model = loaded.model
    who = ["area", "need", "tier", "birth"]
    there = plan.placements.assign(birth=plan.placements["academic_year"]
                                   - plan.placements["year_group"])  # fmt: skip
    there = there.groupby([*who, "academic_year", "provision"])["children"].sum()
    all_children = pd.concat(
        [
            loaded.tables.children_today.assign(academic_year=2025, joining=0.0),
            loaded.tables.projected_children,
        ]
    )
    all_children["birth"] = all_children["academic_year"] - all_children["year_group"]
    total = all_children.groupby([*who, "academic_year"])[["children", "joining"]].sum()
    checked = 0
    for key, before in there.items():
        *diagonal, year, school = key
        group = year + 1 - diagonal[3]
        kind, _, low, high = SCHOOLS.get(school, ("", None, 0, -1))
        share = float(model.for_kind("stay_on_share", kind)) if kind else 0.0
        if year == 2025 + YEARS or group not in model.transition_points or not share:
            continue
        if not low <= group <= high:
            continue
        now = total.loc[(*diagonal, year + 1)]
        survival = (now["children"] - now["joining"]) / total.loc[(*diagonal, year), "children"]
        after = there.get((*diagonal, year + 1, school), 0.0)
        assert after >= share * survival * before - 1e-5, (key, before, after)
        checked += 1
    return checked


def nobody_is_unmet_beside_a_place(plan: Plan, loaded: Loaded) -> None:
    """Whoever is unmet had no arc but to kinds that a preference ceiling closes."""
    question = loaded.question()
    capped = {k for rule in question.model.preference if rule.ceiling < 1 for k in rule.kinds}
    kinds = question.provisions["kind"].to_numpy()[question.arcs["provision"].to_numpy(int)]
    arcs = question.arcs[~np.isin(kinds, list(capped)) & ~question.arcs["staying"].to_numpy()]
    arcs = arcs[arcs["scheme"] < 0]
    assert not set(plan.unmet["cohort"]) & set(arcs["cohort"])


@few(15)
@given(authorities())
def test_a_plan_keeps_to_the_law_and_the_audit_agrees(a: Authority) -> None:
    loaded = load(a)
    plan = solved(loaded)
    nobody_settled_moves_early(plan, loaded.model)
    all_through_pupils_stay(plan, loaded)
    nobody_is_unmet_beside_a_place(plan, loaded)
    total = loaded.tables.projected_children.groupby("academic_year")["children"].sum()
    found = plan.mix.groupby("academic_year")["children"].sum()
    assert found.reindex(total.index).to_numpy() == pytest.approx(total.to_numpy())
    other = plan.without_schemes
    assert other is not None
    assert plan.present_value_pounds <= other.present_value_pounds * (1 + RELATIVE)


# ------------------------------------------------------------------ what must not matter, or help


@few(10)
@given(authorities(), st.sampled_from([0.5, 3.0]))
def test_twice_the_authority_is_twice_the_plan(a: Authority, scale: float) -> None:
    """Children, places and costs of schemes times c: the same schemes, the objective times c."""
    cost, opens = optimum(load(a))
    scaled, opens_scaled = optimum(load(a, scale))
    assert scaled == pytest.approx(cost * scale, rel=1e-6)
    assert opens_scaled == opens


def relabelled(a: Authority) -> Loaded:
    """Other names, which sort the other way round, and rows in the opposite order."""
    arguments = tables(a)
    new_area = {"A": "zebra", "B": "aspen"}
    new_school = {name: f"{90 - i}" for i, name in enumerate(SCHOOLS)}
    new_scheme = {s["scheme"]: f"z{9 - i}" for i, s in enumerate(a.schemes)}
    swaps = {"area": new_area, "provision": {**new_school, **new_scheme}, "scheme": new_scheme}

    def renamed(value: Any) -> Any:
        if isinstance(value, pd.DataFrame):
            changed = value.copy()
            for column, names in swaps.items():
                if column in changed:
                    changed[column] = changed[column].map(lambda v, n=names: n.get(v, v))
            return changed.iloc[::-1].reset_index(drop=True)
        if isinstance(value, list):
            return [
                {k: swaps[k].get(v, v) if k in swaps else v for k, v in row.items()}
                for row in reversed(value)
            ]
        return value

    return world(**{key: renamed(value) for key, value in arguments.items()})


@few(10)
@given(authorities())
def test_names_and_the_order_of_rows_do_not_matter(a: Authority) -> None:
    cost, _ = optimum(load(a))
    assert optimum(relabelled(a))[0] == pytest.approx(cost, rel=RELATIVE)


def never_dearer(before: Authority, after: Authority) -> None:
    assert optimum(load(after))[0] <= optimum(load(before))[0] * (1 + RELATIVE)


@few(10)
@given(authorities(), st.lists(st.integers(0, 400_000), min_size=YEARS, max_size=YEARS),
       st.integers(0, YEARS - 1))  # fmt: skip
def test_more_budget_never_costs_more(a: Authority, budget: list[int], year: int) -> None:
    more = [b + (300_000 if i == year else 0) for i, b in enumerate(budget)]
    before = dataclasses.replace(a, budget=tuple(map(float, budget)))
    never_dearer(before, dataclasses.replace(a, budget=tuple(map(float, more))))
    never_dearer(dataclasses.replace(a, budget=tuple(map(float, more))), a)


@few(10)
@given(authorities(), one_scheme(9))
def test_another_scheme_never_costs_more(a: Authority, further: dict[str, Any]) -> None:
    never_dearer(a, dataclasses.replace(a, schemes=(*a.schemes, further)))


@few(10)
@given(authorities(), st.sampled_from(["through", "primary", "base"]))
def test_free_places_never_cost_more(a: Authority, where: str) -> None:
    """Where places are not paid for whether filled or not, a few more never cost more."""
    free = {**england().place_funding, "state_special": 0.0, "specialist_base": 0.0}
    model = dataclasses.replace(england(), place_funding=free)

    def cost(b: Authority) -> float:
        return optimum(world(**{**tables(b), "model": model}))[0]

    more = dataclasses.replace(a, **{where: getattr(a, where) + 3})
    assert cost(more) <= cost(a) * (1 + RELATIVE)


def test_pupils_beyond_the_places_of_an_all_through_school_stay_all_the_same() -> None:
    """Two places, four pupils in Year 6, three of them left in Year 7: all three stay."""
    a = Authority(
        groups=(Group("A", "ASD", 3, 6, "through", 4, 0.75, (0, 0, 0)),),
        through=2, primary=0, base=0, schemes=(),
    )  # fmt: skip
    loaded = load(a)
    plan = solved(loaded)
    stayed = plan.placements.query("academic_year == 2026 and provision == 'through'")
    assert stayed["children"].sum() == pytest.approx(3)
    assert all_through_pupils_stay(plan, loaded) > 0
