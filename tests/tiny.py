"""Tiny authorities with one possible answer: DataFrames, a bare planning model, one call to solve.

The bare model has no prices but those a test sets, so that a test can be worked out by hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo
import pytest
from pyomo.repn import generate_standard_repn

from sufficiency.pipeline import Loaded, load_scenario, optimise
from sufficiency.placement.answer import read_answer
from sufficiency.placement.model import build
from sufficiency.placement.question import Question
from sufficiency.placement.structure import hints
from sufficiency.plan import Plan
from sufficiency.problems import Problems
from sufficiency.rules import PlanningModel, Preference, Scenario, load_model
from sufficiency.solving import SchemeSearch, SolveOptions, StandardForm, Structure
from sufficiency.vocabulary import KINDS, NEEDS, TIERS

MODELS = Path(__file__).resolve().parent.parent / "models"


def bare_model(**changes: Any) -> PlanningModel:
    """england-2026 with every price, price factor, preference and inertia taken out."""
    problems = Problems()
    model = load_model(MODELS / "england-2026.toml", problems)
    assert model is not None, problems.errors
    nothing: dict[str, Any] = {
        "preference": (),
        "stay_on_share": {},
        "stay_in_sector_share": {},
        "minimum_stay_years": 1.0,
        "travel_guide_minutes": dict.fromkeys(model.phases, 1000.0),
        "travel_hard_limit_minutes": dict.fromkeys(model.phases, 1000.0),
        "transport": {"fixed": 0.0, "per_km": 0.0, "per_minute": 0.0, "maximum": 1e9},
        "transport_eligible_share": dict.fromkeys(KINDS, 1.0),
        "place_funding": dict.fromkeys(KINDS, 0.0),
        "per_child_charge": {},
        "top_up": dict.fromkeys(KINDS, 0.0),
        "fees": {"independent_special": {"in_area": 0.0, "out_of_area": 0.0}},
        "cost_factor_by_need": dict.fromkeys(NEEDS, 1.0),
        "cost_factor_by_tier": dict.fromkeys(TIERS, 1.0),
        "other_authority_income": 0.0,
        "discount_rate": 0.0,
        "building_life_years": dict.fromkeys(KINDS, 1.0),
        "statutory_timetable": {
            "consultation_weeks": 6.0,
            "representation_weeks": 4.0,
            "decision_months": 2.0,
        },
        "capital_profile": (1.0,),
        "fill_profile": dict.fromkeys(KINDS, (1.0,)),
        "viable_roll": {"share": 0.0, "from_year": 0.0},
        "over_capacity_share": dict.fromkeys(KINDS, 0.0),
        "admits_tiers": dict.fromkeys(KINDS, (1, 2, 3, 4)),
        "ceasing_share": (0.0,) * 26,
        "price_over_capacity": 0.0,
        "price_beyond_limit": 1e6,
        "price_unmet": 1e7,
        "price_per_minute": 0.0,
        "price_per_minute_over_guide": 0.0,
        "price_outside_authority": 0.0,
        "price_of_move": 1e5,
        "price_short_roll": 0.0,
        "price_of_new_place": dict.fromkeys(KINDS, 0.0),
    }
    changed = {**nothing, **changes}
    entries = {
        key: replace(entry, value=_as_data(changed[key])) if key in changed else entry
        for key, entry in model.entries.items()
    }
    return replace(model, entries=entries, **changed)


def _as_data(value: Any) -> Any:
    if isinstance(value, Preference):
        value = asdict(value)
    if isinstance(value, dict):
        return {str(k): _as_data(v) for k, v in value.items()}
    return [_as_data(v) for v in value] if isinstance(value, tuple) else value


def areas(*names: str, locality: str = "North") -> pd.DataFrame:
    """Areas on a line, 10 km apart from easting 400000."""
    return pd.DataFrame(
        {
            "area": names,
            "name": names,
            "locality": locality,
            "easting": [400_000.0 + 10_000 * i for i in range(len(names))],
            "northing": 300_000.0,
            "children_0_4": 100,
            "children_5_11": 100,
            "children_12_17": 100,
            "children_18_24": 100,
            "deprivation_decile": 5,
        }
    )


def provision(name: str, kind: str = "state_special", **changes: Any) -> dict[str, Any]:
    """One row of the table provisions: every need, Reception to Year 14, at easting 400000."""
    row: dict[str, Any] = {
        "provision": name,
        "name": name,
        "kind": kind,
        "easting": 400_000.0,
        "northing": 300_000.0,
        "lowest_year_group": 0,
        "highest_year_group": 14,
        "needs": "any",
        "inside_authority": "yes",
    }
    return {**row, **changes}


def scheme(name: str, **changes: Any) -> dict[str, Any]:
    """One row of the table schemes: ten places for one pound each, at once, at site S."""
    row: dict[str, Any] = {
        "scheme": name,
        "name": name,
        "kind": "state_special",
        "site": "S",
        "provision": "",
        "needs": "any",
        "lowest_year_group": 0,
        "highest_year_group": 14,
        "places": 10,
        "earliest_opening": "2026/27",
        "capital_pounds": 10.0,
    }
    return {**row, **changes}


def children(*rows: tuple[Any, ...], provision_column: bool = True) -> pd.DataFrame:
    """Rows (area, need, tier, year_group, provision, children) of children today."""
    columns = ["area", "need", "tier", "year_group", "provision", "children"]
    return pd.DataFrame(list(rows), columns=columns)


def forecast(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Rows (academic_year, area, need, tier, year_group, children[, joining])."""
    columns = ["academic_year", "area", "need", "tier", "year_group", "children", "joining"]
    return pd.DataFrame(
        [(*row, float("nan")) if len(row) == 6 else row for row in rows], columns=columns
    )


def places(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Rows (provision, places[, other_authority_children]) of commissioned places, every year."""
    return pd.DataFrame(
        [(name, "2025/26", number, *(rest or (0,))) for name, number, *rest in rows],
        columns=["provision", "academic_year", "places", "other_authority_children"],
    )


def world(
    *,
    model: PlanningModel | None = None,
    years: int = 1,
    areas_: pd.DataFrame | None = None,
    provisions: list[dict[str, Any]] | None = None,
    schemes: list[dict[str, Any]] | None = None,
    sites: dict[str, tuple[float, float]] | None = None,
    commissioned: pd.DataFrame | None = None,
    today: pd.DataFrame | None = None,
    projected: pd.DataFrame | None = None,
    scenario: dict[str, Any] | None = None,
    **tables: pd.DataFrame,
) -> Loaded:
    """Load a tiny authority; the base year is 2025/26.

    Without ``today`` nobody has a plan yet: one row of no children, for the table must have one.
    """
    home = areas("A") if areas_ is None else areas_
    schools = pd.DataFrame(provisions or [provision("P")])
    nobody = children((home["area"].iloc[0], "OTH", 1, 20, schools["provision"].iloc[0], 0))
    frames: dict[str, pd.DataFrame] = {
        "areas": home,
        "provisions": schools,
        "children_today": nobody if today is None else today,
        "projected_children": forecast() if projected is None else projected,
        **tables,
    }
    if commissioned is not None:
        frames["commissioned_places"] = commissioned
    elif provisions is None:
        frames["commissioned_places"] = places(("P", 100))
    if schemes:
        frames["schemes"] = pd.DataFrame(schemes)
        found = sites or {"S": (400_000.0, 300_000.0)}
        frames["candidate_sites"] = pd.DataFrame(
            [(s, s, x, y) for s, (x, y) in found.items()],
            columns=["site", "name", "easting", "northing"],
        )
    asked = Scenario(
        name="tiny", title="Tiny", authority="Tiny", file="tiny.toml", model="bare",
        base_year=2025, first_year=2026, years=years, **(scenario or {}),
    )  # fmt: skip
    return load_scenario(asked, model=model or bare_model(), tables=frames)


# ------------------------------------------------------------------ rows in plain words

Row = tuple[dict[str, float], float, float]
"""Coefficients by variable in words, lower and upper bound; constants stand in the bounds."""


def variable_names(question: Question) -> dict[tuple[str, Any], str]:
    """A readable name for every variable, such as ``placed[A y7 2027 > P]``.

    A cohort is its area, year group and year of entry; arcs of settled, staying and released
    children say so, and where a name would be used twice the next ones are numbered.
    """
    q = question
    base = q.settings.base_year
    cohort = [
        f"{c['area']} y{c['entry_year_group']} {base + c['entry']}"
        for c in q.cohorts.to_dict("records")
    ]
    provisions = list(q.provisions["provision"])
    schemes = list(q.schemes["scheme"])
    names: dict[tuple[str, Any], str] = {("unmet", k): f"[{n}]" for k, n in enumerate(cohort)}
    for a, arc in enumerate(q.arcs.to_dict("records")):
        role = (" settled" if arc["settled"] else "") + (" staying" if arc["staying"] else "")
        role += " only" if arc["only_staying"] else ""
        names["placed", a] = f"[{cohort[arc['cohort']]} > {provisions[arc['provision']]}{role}]"
    for i, (p, t) in enumerate(q.place_keys):
        for name in ("over", "beyond"):
            names[name, i] = f"[{provisions[p]} {base + t}]"
        names["short_roll", (p, t)] = f"[{provisions[p]} {base + t}]"
    for j, (limit, t) in enumerate(q.limit_keys):
        names["limit_beyond", j] = f"[{q.limits['limit'].iat[limit]} {base + t}]"
    for s, scheme_name in enumerate(schemes):
        for t in range(q.years + 1):
            names["open", (s, t)] = f"[{scheme_name} {base + t}]"
    sources = sorted({str(b) for b in q.budgets["source"]})
    for s, scheme_name in enumerate(schemes):
        for b in sources:
            for f in range(q.settings.first_year, q.settings.last_year + 1):
                names["drawn", (s, b, f)] = f"[{scheme_name} {b} {f}]"
    seen: dict[str, int] = {}
    for key, label in names.items():
        full = key[0] + label
        seen[full] = seen.get(full, 0) + 1
        names[key] = full if seen[full] == 1 else f"{full} #{seen[full]}"
    return names


def rows(loaded: Loaded, family: str) -> list[Row]:
    """The rows of one constraint family of the built model, in the order of its index."""
    question = loaded.question()
    model = build(question)
    names = variable_names(question)
    found: list[Row] = []
    for constraint in getattr(model, family).values():
        body = generate_standard_repn(constraint.body, compute_values=True)
        assert body.is_linear(), constraint.name
        coefficients: dict[str, float] = {}
        for value, variable in zip(body.linear_coefs, body.linear_vars, strict=True):
            key = (variable.parent_component().local_name, variable.index())
            name = names.get(key, variable.name)
            coefficients[name] = coefficients.get(name, 0.0) + float(value)
        constant = float(pyo.value(body.constant))
        bounds = [
            sign * math.inf if bound is None else float(pyo.value(bound)) - constant
            for sign, bound in ((-1, constraint.lower), (1, constraint.upper))
        ]
        found.append(({n: c for n, c in coefficients.items() if c}, bounds[0], bounds[1]))
    return found


def row(
    coefficients: Mapping[str, float], *, least: float = -math.inf, most: float = math.inf
) -> Any:
    """What a row should be, compared with a tolerance for the computer's rounding."""
    return (pytest.approx(dict(coefficients)), pytest.approx(least), pytest.approx(most))


def placed(plan: Plan, year: int) -> dict[str, float]:
    """Children by provision in an academic year."""
    mine = plan.placements[plan.placements["academic_year"] == year]
    return {str(p): float(n) for p, n in mine.groupby("provision")["children"].sum().items()}


def opened(plan: Plan) -> dict[str, int]:
    """Opening year of every scheme that opens."""
    mine = plan.schemes[plan.schemes["opens"] >= 0]
    return {str(s): int(y) for s, y in zip(mine["scheme"], mine["opens"], strict=True)}


def solved(loaded: Loaded, **options: Any) -> Plan:
    """The proven optimum, which the audit must find right."""
    plan = optimise(loaded, **{"gap": 0.0, **options})
    assert plan.stamp["solver"]["status"] == "proven to the gap asked for"
    assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]
    return plan


def objective(plan: Plan) -> float:
    """Pounds of the solver, present value and priced failures."""
    return float(plan.stamp["solver"]["objective_pounds"])


def travel(*rows_: tuple[str, str, float, float]) -> pd.DataFrame:
    """Rows (area, destination, minutes, km)."""
    return pd.DataFrame(list(rows_), columns=["area", "destination", "minutes", "km"])


def joining(area: str, first: int, number: float, years: int = 1, group: int = 0) -> list[Any]:
    """Forecast rows of children who join in a year group and stay for some years, none leaving."""
    return [
        (first + i, area, "ASD", 3, group + i, number, 0 if i else number) for i in range(years)
    ]


def optimum(loaded: Loaded) -> tuple[float, dict[str, int]]:
    """Objective and openings of the proven optimum, without writing up or auditing a plan."""
    question = loaded.question()
    form = StandardForm.of(build(question))
    structure = Structure(**hints(question, form.columns, form.rows))
    best = SchemeSearch(form, structure, SolveOptions(gap=0.0, threads=1)).run()
    assert best.found, best.status
    answer = read_answer(question, form.columns, best.values, form.rows, np.zeros(0))
    base = question.settings.base_year
    opens = {
        str(s): base + int(t)
        for s, t in zip(question.schemes["scheme"], answer.opens, strict=True)
        if t >= 1
    }
    return best.objective, opens
