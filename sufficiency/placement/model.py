"""The whole placement model on one screen: variables, constraint families, objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyomo.environ as pyo

from sufficiency.placement import families as f
from sufficiency.placement.costs import present_value
from sufficiency.placement.question import Question, whole_cohorts
from sufficiency.placement.sparse import (
    Rule,
    SparseObjective,
    SparseRows,
    SparseVar,
    as_index,
    parts,
)

FAMILIES: dict[str, tuple[Callable[[Question], Any], Callable[..., Rule]]] = {
    "every_child_placed": (f.every_child_placed_index, f.every_child_placed),
    "settled_children_stay": (f.settled_children_stay_index, f.settled_children_stay),
    "stay_on_in_all_through": (f.stay_on_in_all_through_index, f.stay_on_in_all_through),
    "only_those_already_there": (f.only_those_already_there_index, f.only_those_already_there),
    "stay_in_sector": (f.stay_in_sector_index, f.stay_in_sector),
    "preference_floor": (f.preference_floor_index, f.preference_floor),
    "preference_ceiling": (f.preference_ceiling_index, f.preference_ceiling),
    "preference_share": (f.preference_share_index, f.preference_share),
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
"""Every rule of the model: name, names of its rows, and the rows. Travel has no row:
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

    # Finite bounds, all implied by the rows, let any prices give a valid bound on the objective.
    most = q.cohorts["most"].to_numpy(float)
    largest = most[q.arcs["cohort"].to_numpy(int)]
    everybody = float(q.diagonals.children.sum(axis=0).max())
    looking = f.every_child_placed_index(q)
    whole = whole_cohorts(q.cohorts, q.arcs)[q.arcs["cohort"].to_numpy(int)]
    m.placed = SparseVar(
        np.arange(len(q.arcs)), upper=largest, integer=whole & q.settings.whole_children
    )
    m.unmet = SparseVar(looking, upper=most[looking])
    m.open = SparseVar(
        [(s, t) for s in range(len(q.schemes)) for t in q.scheme_columns(s)],
        upper=1.0,
        integer=True,
    )
    m.over = SparseVar(f.places_index(q), upper=everybody)
    m.beyond = SparseVar(f.places_index(q), upper=everybody)
    m.limit_beyond = SparseVar(f.place_limits_index(q), upper=everybody)
    m.displaced = SparseVar(f.stay_in_sector_index(q), upper=everybody)
    m.short_roll = SparseVar(f.viable_roll_index(q), upper=float(q.schemes["places"].sum()))
    m.out_of_balance = SparseVar(f.in_year_balance_index(q))
    capital = q.schemes["capital"].to_numpy(float)
    drawn = [(s, b, y) for s, y in f.capital_drawn_index(q) for b in q.sources_of(s)]
    m.drawn = SparseVar(drawn, upper=capital[np.array([s for s, _, _ in drawn], dtype=int)])
    for name, (index, rows) in FAMILIES.items():
        names = as_index(index(q))
        setattr(m, name, SparseRows(names, rows(m, *parts(names)) if len(names) else None))
    m.present_value = SparseObjective(present_value(m))
    return m
