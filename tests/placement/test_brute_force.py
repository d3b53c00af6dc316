"""Random tiny authorities: the proven optimum is the best of all schedules of their schemes.

Which schedules the rules for schemes allow is decided here, in plain Python; what a schedule costs
by one linear programme each, through the product's standard form with the schemes fixed and,
beside it, through ``scipy.optimize.linprog``. Both roads to a plan are taken: the whole model at
once, and the decomposition that large models go.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csc_matrix, vstack

from sufficiency.pipeline import Loaded, optimise
from sufficiency.placement.model import build
from sufficiency.plan import Plan
from sufficiency.problems import NoPlanError
from sufficiency.solving import SolveOptions, StandardForm, decomposition, solve
from tests.tiny import areas, bare_model, forecast, places, provision, scheme, world

MOST_SCHEDULES = 80
RELATIVE = 1e-6
Schedule = tuple[int | None, ...]
"""Academic year in which each scheme opens; None: never."""


@dataclass(frozen=True)
class Case:
    """Rows of schemes, children who join Reception by year and area, budgets, commitments."""

    years: int
    schemes: tuple[dict[str, Any], ...]
    joining: tuple[tuple[int, int], ...]
    budgets: tuple[int, ...]
    committed: tuple[tuple[str, int], ...]

    def options(self) -> list[list[int | None]]:
        """The years in which each scheme could open, were there no other scheme and no budget."""
        last = 2025 + self.years
        result: list[list[int | None]] = []
        for row in self.schemes:
            latest = int(row["latest_opening"][:4]) if row["latest_opening"] else last
            years = range(int(row["earliest_opening"][:4]), min(latest, last) + 1)
            result.append([None, *years])
        return result


@st.composite
def cases(draw: st.DrawFn) -> Case:
    years = draw(st.integers(2, 3))
    count = draw(st.integers(2, 5))
    rows: list[dict[str, Any]] = []
    for i in range(count):
        name = f"s{i}"
        earliest = draw(st.integers(2026, 2025 + years))
        latest = draw(st.sampled_from(["", *range(earliest, 2026 + years)]))
        target = draw(st.sampled_from(["S", "T", "P", *[r["scheme"] for r in rows if r["site"]]]))
        site = target if target in "ST" else ""
        earlier = [r["scheme"] for r in rows]
        rows.append(
            scheme(
                name,
                site=site,
                provision="" if site else target,
                places=draw(st.integers(1, 8)),
                earliest_opening=f"{earliest}/{earliest - 1999}",
                latest_opening=f"{latest}/{latest - 1999}" if latest else "",
                capital_pounds=draw(st.integers(10, 400)),
                capital_profile=draw(st.sampled_from(["", "0.4|0.6"])),
                fill=draw(st.sampled_from(["", "0.5|1"])),
                running_pounds=draw(st.sampled_from([0, 7])),
                exclusive_group=draw(st.sampled_from(["", "", "g"])),
                requires=draw(st.sampled_from(["", "", *earlier])),
            )
        )
    joining = draw(
        st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=years, max_size=years)
    )
    budgets = draw(
        st.one_of(st.just([]), st.lists(st.integers(0, 400), min_size=years, max_size=years))
    )
    committed = []
    if draw(st.booleans()):
        i = draw(st.integers(0, count - 1))
        committed.append((f"s{i}", int(rows[i]["earliest_opening"][:4])))
    return Case(years, tuple(rows), tuple(joining), tuple(budgets), tuple(committed))


def authority(case: Case) -> Loaded:
    """Two areas; P with four places lies in A; independent Q is dear and never full."""
    model = bare_model(
        transport={"fixed": 0.0, "per_km": 1.0, "per_minute": 0.0, "maximum": 1e9},
        viable_roll={"share": 0.5, "from_year": 1.0},
        price_short_roll=11.0,
        price_beyond_limit=5e3,
        price_unmet=2e4,
        discount_rate=0.035,
        building_life_years={"state_special": 20.0},
    )
    children_of = {
        (2026 + t, area): n for t, pair in enumerate(case.joining)
        for area, n in zip("AB", pair, strict=True)
    }  # fmt: skip
    rows = [
        (year + i, area, "ASD", 3, i, n, 0 if i else n)
        for (year, area), n in children_of.items()
        for i in range(2026 + case.years - year)
    ]
    km = {"P": (3, 14), "Q": (61, 67), "S": (5, 29), "T": (31, 2)}
    frames: dict[str, pd.DataFrame] = {
        "travel": pd.DataFrame(
            [(a, d, 10.0, float(k[i])) for d, k in km.items() for i, a in enumerate("AB")],
            columns=["area", "destination", "minutes", "km"],
        )
    }
    if case.budgets:
        frames["budgets"] = pd.DataFrame(
            {
                "financial_year": range(2026, 2026 + case.years),
                "source": "grant",
                "pounds": case.budgets,
            }
        )
    return world(
        model=model,
        years=case.years,
        areas_=areas("A", "B"),
        provisions=[provision("P"), provision("Q", "independent_special", fee_pounds=20)],
        commissioned=places(("P", 4)),
        schemes=list(case.schemes),
        sites={"S": (400_000.0, 300_000.0), "T": (410_000.0, 300_000.0)},
        projected=forecast(*rows),
        scenario={"committed": dict(case.committed)},
        **frames,
    )


def allowed(case: Case, schedule: Schedule) -> bool:
    """Whether prerequisites, alternatives, commitments and the budget allow a schedule."""
    opens = {row["scheme"]: year for row, year in zip(case.schemes, schedule, strict=True)}
    grouped = [opens[row["scheme"]] for row in case.schemes if row["exclusive_group"]]
    if sum(year is not None for year in grouped) > 1:
        return False
    for row in case.schemes:
        year = opens[row["scheme"]]
        for needed in (row["requires"], row["provision"]):
            first = opens.get(needed, 0) if needed else 0
            if year is not None and (first is None or first > year):
                return False
    if any(opens[name] != year for name, year in case.committed):
        return False
    spent = np.zeros(case.years)
    for row, opening in zip(case.schemes, schedule, strict=True):
        if opening is None:
            continue
        profile = [float(s) for s in (row["capital_profile"] or "1").split("|")]
        for i, share in enumerate(profile):
            year = max(opening - (len(profile) - 1 - i), 2026)
            spent[year - 2026] += share * row["capital_pounds"]
    return not case.budgets or bool((spent.cumsum() <= np.cumsum(case.budgets) + 1e-6).all())


def with_scipy(form: StandardForm) -> float:
    """Objective of a linear programme in standard form."""
    shape = (len(form.row_lower), len(form.cost))
    matrix = csc_matrix((form.value, form.index, form.start), shape=shape).tocsr()
    equal = form.row_lower == form.row_upper
    above, below = ~equal & np.isfinite(form.row_lower), ~equal & np.isfinite(form.row_upper)
    result = linprog(
        form.cost,
        A_ub=vstack([matrix[below], -matrix[above]]),
        b_ub=np.concatenate([form.row_upper[below], -form.row_lower[above]]),
        A_eq=matrix[equal],
        b_eq=form.row_lower[equal],
        bounds=np.column_stack([form.lower, form.upper]),
    )
    return float(result.fun) + form.offset if result.status == 0 else np.inf


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(cases())
def test_the_optimum_is_the_best_of_all_schedules(case: Case) -> None:
    options = case.options()
    assume(2 <= np.prod([len(o) for o in options]) <= MOST_SCHEDULES)
    loaded = authority(case)
    question = loaded.question()
    form = StandardForm.of(build(question))
    names = list(question.schemes["scheme"])
    is_open = np.array([name == "open" for name, _ in form.columns])
    costs: dict[Schedule, float] = {}
    for schedule in itertools.product(*options):
        opens = dict(zip((r["scheme"] for r in case.schemes), schedule, strict=True))
        at: dict[tuple[int, int], float] = {}
        for s, name in enumerate(names):
            year = opens[name]
            for t in question.scheme_columns(s):
                at[s, t] = float(year is not None and 2025 + t >= year)
        values = np.array([at[i] if n == "open" else 0.0 for n, i in form.columns])
        fixed = form.with_fixed(is_open, values)
        outcome = solve(fixed, SolveOptions(threads=1))
        assert outcome.found == allowed(case, schedule), (outcome.status, schedule)
        if not outcome.found:
            continue
        costs[schedule] = outcome.objective
        beside = with_scipy(fixed)
        assert beside == pytest.approx(outcome.objective, rel=RELATIVE)
    if not costs:
        event("no schedule is allowed")
        with pytest.raises(NoPlanError):
            optimise(loaded, gap=0.0)
        return
    best = min(costs, key=lambda schedule: costs[schedule])
    for smallest in (decomposition.SMALL, 0):
        with patch.object(decomposition, "SMALL", smallest):
            plan = optimise(loaded, gap=0.0, threads=1)
        agrees(plan, case, costs, best)
    event(f"{sum(year is not None for year in best)} schemes open")


def agrees(plan: Plan, case: Case, costs: dict[Schedule, float], best: Schedule) -> None:
    """The plan is audited, costs what the best schedule costs, and opens a schedule as good."""
    found = plan.stamp["solver"]["objective_pounds"]
    assert found == pytest.approx(costs[best], rel=RELATIVE), best
    assert plan.stamp["solver"]["bound_pounds"] <= costs[best] * (1 + RELATIVE)
    assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]
    chosen = plan.schemes.set_index("scheme")["opens"]
    opened = tuple(
        int(chosen[r["scheme"]]) if chosen[r["scheme"]] >= 0 else None for r in case.schemes
    )
    assert costs[opened] == pytest.approx(costs[best], rel=RELATIVE)
