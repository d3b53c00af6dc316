"""The whole placement model on one screen: variables, constraint families, objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyomo.environ as pyo

from sufficiency.placement import families as f
from sufficiency.placement.costs import present_value
from sufficiency.placement.question import Question

FAMILIES: dict[str, tuple[Callable[[Question], list[Any]], Callable[..., Any]]] = {
    "every_child_placed": (f.every_child_placed_index, f.every_child_placed),
    "settled_children_stay": (f.settled_children_stay_index, f.settled_children_stay),
    "stay_on_in_all_through": (f.stay_on_in_all_through_index, f.stay_on_in_all_through),
    "only_those_already_there": (f.only_those_already_there_index, f.only_those_already_there),
    "stay_in_sector": (f.stay_in_sector_index, f.stay_in_sector),
    "preference_floor": (f.preference_floor_index, f.preference_floor),
    "preference_ceiling": (f.preference_ceiling_index, f.preference_ceiling),
    "places": (f.places_index, f.places),
    "over_capacity_limit": (f.over_capacity_limit_index, f.over_capacity_limit),
    "place_limits": (f.place_limits_index, f.place_limits),
    "opens_once": (f.opens_once_index, f.opens_once),
    "opens_in_time": (f.opens_in_time_index, f.opens_in_time),
    "opens_before_use": (f.opens_before_use_index, f.opens_before_use),
    "committed_schemes": (f.committed_schemes_index, f.committed_schemes),
    "exclusive_schemes": (f.exclusive_schemes_index, f.exclusive_schemes),
    "prerequisites": (f.prerequisites_index, f.prerequisites),
    "capital_drawn": (f.capital_drawn_index, f.capital_drawn),
    "capital_budget": (f.capital_budget_index, f.capital_budget),
    "viable_roll": (f.viable_roll_index, f.viable_roll),
    "in_year_balance": (f.in_year_balance_index, f.in_year_balance),
}
"""Every rule of the model: name, tuples for which a row exists, and the row. Travel has no row:
arcs beyond the hard limit do not exist, and minutes are priced on the arcs that do."""

SCHEME_RULES = (
    "opens_once", "opens_in_time", "committed_schemes", "exclusive_schemes", "prerequisites",
    "capital_drawn", "capital_budget",
)  # fmt: skip
"""Rules that can contradict each other: all others carry a priced slack."""

FIRM_RULES = ("opens_once", "opens_in_time", "committed_schemes")
"""Of these, what a contradiction is explained against: decisions taken and the flow of time."""


def build(question: Question) -> Any:
    """The Pyomo model of a question. Variables are children, places, pounds, or 0 and 1."""
    q = question
    m: Any = pyo.ConcreteModel(name="sufficiency")
    m.question = q
    children = pyo.NonNegativeIntegers if q.settings.whole_children else pyo.NonNegativeReals
    sources = {str(b) for b in q.budgets["source"]}
    m.sources_of = lambda s: sorted(set(q.funding_sources[s] or sources) & sources)

    # Finite bounds, all implied by the rows, let any prices give a valid bound on the objective.
    most = q.cohorts["most"].to_numpy(float)
    largest = most[q.arcs["cohort"].to_numpy(int)]
    everybody = float(q.diagonals.children.sum(axis=0).max())
    m.placed = pyo.Var(range(len(q.arcs)), bounds=lambda m, a: (0.0, float(largest[a])))
    m.unmet = pyo.Var(f.every_child_placed_index(q), bounds=lambda m, k: (0.0, float(most[k])))
    m.open = pyo.Var(
        [(s, t) for s in range(len(q.schemes)) for t in q.scheme_columns(s)], domain=pyo.Binary
    )
    m.over = pyo.Var(f.places_index(q), bounds=(0.0, everybody))
    m.beyond = pyo.Var(f.places_index(q), bounds=(0.0, everybody))
    m.limit_beyond = pyo.Var(f.place_limits_index(q), bounds=(0.0, everybody))
    m.displaced = pyo.Var(f.stay_in_sector_index(q), bounds=(0.0, everybody))
    m.short_roll = pyo.Var(f.viable_roll_index(q), bounds=(0.0, float(q.schemes["places"].sum())))
    m.out_of_balance = pyo.Var(f.in_year_balance_index(q), domain=pyo.NonNegativeReals)
    capital = q.schemes["capital"].to_numpy(float)
    m.drawn = pyo.Var(
        [(s, b, y) for s, y in f.capital_drawn_index(q) for b in m.sources_of(s)]
        if sources
        else [],
        bounds=lambda m, s, b, y: (0.0, float(capital[s])),
    )
    if q.settings.whole_children:
        for a in whole_arcs(q):
            m.placed[a].domain = children
    for name, (index, row) in FAMILIES.items():
        setattr(m, name, pyo.Constraint(index(q), rule=row))
    m.present_value = pyo.Objective(expr=present_value(m), sense=pyo.minimize)
    return m


def whole_arcs(q: Question) -> list[int]:
    """Arcs on which whole children are asked for: of cohorts that are themselves whole.

    Settled children, children who re-enter in mid-phase, and cohorts of whom some stay on come as
    expected shares.
    """
    children = q.cohorts["children"].to_numpy()
    whole = (abs(children - children.round()) < 1e-6) & (
        ~q.cohorts["origin"].isin(["settled", "re_entry"]).to_numpy()
    )
    whole[q.arcs["cohort"].to_numpy(int)[q.arcs["staying"].to_numpy(bool)]] = False
    return [a for a, k in enumerate(q.arcs["cohort"].to_numpy(int).tolist()) if whole[k]]
