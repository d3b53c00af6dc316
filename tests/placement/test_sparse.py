"""The model as arrays and the model as Pyomo shows it are the same model, whoever changes it.

The oracle is Pyomo's own compiler of linear models, which knows nothing of the arrays: it walks
over every expanded row of a second copy of the model.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from sufficiency.pipeline import Loaded, load_scenario
from sufficiency.placement.model import FAMILIES, build
from sufficiency.placement.question import Question
from sufficiency.placement.sparse import Linear, SparseObjective, SparseRows, SparseVar
from sufficiency.rules import Preference, WhatIf
from sufficiency.solving import Labels, SolveOptions, StandardForm, solve
from tests.placement import test_brute_force, test_properties
from tests.tiny import (
    children,
    forecast,
    places,
    provision,
    scheme,
    world,
)

Entries = dict[tuple[Any, ...], float]


def of_form(form: StandardForm) -> dict[str, Entries]:
    """Everything that a standard form says, by name."""
    columns, rows = list(form.columns), list(form.rows)
    assert len(set(columns)) == len(columns) and len(set(rows)) == len(rows)
    shape = (len(rows), len(columns))
    matrix = sp.csc_array((form.value, form.index, form.start), shape=shape).tocoo()
    used = (np.diff(form.start) > 0) | (form.cost != 0)
    names = [(columns[i], i) for i in np.flatnonzero(used)]
    return {
        "terms": {
            (rows[r], columns[c]): v for r, c, v in zip(*matrix.coords, matrix.data, strict=True)
        },
        "cost": {c: form.cost[i] for c, i in names},
        "lower": {c: form.lower[i] for c, i in names},
        "upper": {c: form.upper[i] for c, i in names},
        "integer": {c: bool(form.integer[i]) for c, i in names},
        "row_lower": dict(zip(rows, form.row_lower.tolist(), strict=True)),
        "row_upper": dict(zip(rows, form.row_upper.tolist(), strict=True)),
        "offset": {(): form.offset},
    }


def of_pyomo(model: Any) -> dict[str, Entries]:
    """The same, as Pyomo's compiler reads it from the expanded rows."""
    form = LinearStandardFormCompiler().write(model, mixed_form=True)
    columns = [(v.parent_component().local_name, v.index()) for v in form.columns]
    rows = [(r.constraint.parent_component().local_name, r.constraint.index()) for r in form.rows]
    kind = [row.bound_type for row in form.rows]
    rhs = np.asarray(form.rhs, dtype=float).tolist()
    matrix, cost = form.A.tocoo(), np.asarray(form.c.todense()).ravel()
    return {
        "terms": {
            (rows[r], columns[c]): v for r, c, v in zip(*matrix.coords, matrix.data, strict=True)
        },
        "cost": dict(zip(columns, cost.tolist(), strict=True)),
        "lower": {
            c: -math.inf if v.lb is None else v.lb
            for c, v in zip(columns, form.columns, strict=True)
        },
        "upper": {
            c: math.inf if v.ub is None else v.ub
            for c, v in zip(columns, form.columns, strict=True)
        },
        "integer": {c: not v.is_continuous() for c, v in zip(columns, form.columns, strict=True)},
        "row_lower": {
            r: b if k <= 0 else -math.inf for r, k, b in zip(rows, kind, rhs, strict=True)
        },
        "row_upper": {
            r: b if k >= 0 else math.inf for r, k, b in zip(rows, kind, rhs, strict=True)
        },
        "offset": {(): float(np.ravel(form.c_offset)[0])},
    }


def agrees(loaded: Loaded) -> dict[str, Entries]:
    """Compare the two; Pyomo leaves out rows without variables, which must be true ones."""
    question = loaded.question()
    found, expected = of_form(StandardForm.of(build(question))), of_pyomo(build(question))
    in_rows = {row for row, _ in found["terms"]}
    for row in set(found["row_lower"]) - in_rows:
        assert found["row_lower"].pop(row) <= 0 <= found["row_upper"].pop(row), row
    for part, entries in expected.items():
        assert found[part].keys() == entries.keys(), part
        keys = list(entries)
        assert [found[part][k] for k in keys] == pytest.approx(
            [entries[k] for k in keys], rel=1e-12, abs=1e-9
        ), part
    return found


def rich(**settings: Any) -> Loaded:
    """Schemes of every sort, budgets, limits, a release, a committed scheme and in-year balance."""
    england = test_properties.england()
    loaded = world(
        model=replace(
            england,
            viable_roll={"share": 0.5, "from_year": 1.0},
            preference=(*england.preference, Preference(
                ("independent_special",), (3,), ("primary", "secondary"), 0.1, 0.6), Preference(
                ("mainstream",), (1,), ("primary",), 0.2, 0.2)),
        ),
        years=3,
        provisions=[
            provision("P"),
            provision("J", "independent_special", fee_pounds=60_000),
            provision("M", "mainstream", lowest_year_group=-1, highest_year_group=13),
            provision("I", highest_year_group=6),
            provision("K", needs="SLD"),
        ],
        commissioned=places(("P", 6, 1), ("I", 4), ("K", 5)),
        schemes=[
            scheme("X", exclusive_group="north", funding_sources="grant"),
            scheme("Y", exclusive_group="north", fill="0.5|1", latest_opening="2027/28"),
            scheme("Z", site="", provision="P", requires="X", capital_profile="0.5|0.5"),
            scheme("W", site="", provision="X", running_pounds=30_000),
        ],
        today=children(
            ("A", "ASD", 3, 5, "I", 3), ("A", "ASD", 3, 4, "J", 4), ("A", "SLD", 4, 6, "P", 2),
            ("A", "ASD", 3, 2, "K", 2),
        ),
        projected=forecast(
            (2026, "A", "ASD", 3, 6, 5, 2), (2027, "A", "ASD", 3, 7, 5, 0),
            (2028, "A", "ASD", 3, 8, 4, 0), (2026, "A", "ASD", 3, 5, 4, 0),
            (2026, "A", "ASD", 3, 3, 3, 1), (2026, "A", "SLD", 4, 7, 2, 0),
            (2028, "A", "OTH", 3, 0, 2, 2), (2028, "A", "OTH", 1, 0, 5, 5),
        ),
        place_limits=pd.DataFrame(
            [("P", "class", "ASD", 0, 9, 3)],
            columns=[
                "provision", "limit", "needs", "lowest_year_group", "highest_year_group", "places",
            ],
        ),
        budgets=pd.DataFrame(
            [("2026-27", "grant", 90), ("2027-28", "levy", 40), ("2028-29", "grant", 40)],
            columns=["financial_year", "source", "pounds"],
        ),
        allocations=pd.DataFrame(
            {"financial_year": ["2026-27", "2027-28", "2028-29"], "pounds": [9e5, 8e5, 7e5]}
        ),
        scenario={
            "what_ifs": (WhatIf("release", share=0.5),),
            "committed": {"X": 2026},
            "balance_from": 2027,
        },
    )  # fmt: skip
    return replace(loaded, settings=replace(loaded.settings, **settings))


# ------------------------------------------------------------------ arrays and expanded rows


@test_properties.few(12)
@given(test_properties.authorities())
def test_random_authorities_are_the_same_either_way(authority: test_properties.Authority) -> None:
    agrees(test_properties.load(authority))


@test_properties.few(12)
@given(test_brute_force.cases())
def test_random_schemes_are_the_same_either_way(case: test_brute_force.Case) -> None:
    agrees(test_brute_force.authority(case))


@pytest.mark.parametrize("whole_children", [False, True])
def test_every_family_is_the_same_either_way(whole_children: bool) -> None:
    found = agrees(rich(whole_children=whole_children))
    rounded = {"preference_share"} if whole_children else set()
    assert {family for family, _ in found["row_lower"]} == set(FAMILIES) - rounded


def test_the_small_example_is_the_same_either_way() -> None:
    agrees(load_scenario("small"))


def test_nothing_is_expanded_that_nobody_asked_for() -> None:
    model = build(rich().question())
    StandardForm.of(model)
    assert not any(c._data for c in model.component_objects([pyo.Var, pyo.Constraint]))
    assert model.present_value.as_cost() is not None


# ------------------------------------------------------------------ what somebody adds or changes


def best(model: Any) -> float:
    return solve(StandardForm.of(model), SolveOptions(gap=0.0, threads=1)).objective


def wanted() -> Question:
    """X is worth opening: 10 pounds, where each of five children would cost 100 without it."""
    return world(
        provisions=[provision("Q", top_up_pounds=100)],
        commissioned=places(("Q", 100)),
        schemes=[scheme("X", top_up_pounds=0)],
        projected=forecast((2026, "A", "ASD", 3, 0, 5, 5)),
    ).question()


def test_a_constraint_added_by_hand_reaches_the_solver() -> None:
    model = build(wanted())
    assert best(model) == pytest.approx(10)
    model.never = pyo.Constraint(
        model.open.index_set(), rule=lambda m, s, t: m.open[s, t] + 2.0 <= 2.5
    )
    form = StandardForm.of(model)
    assert list(form.rows)[-1] == ("never", (0, 1))
    assert form.row_upper[-1] == 0.5
    assert best(model) == pytest.approx(500)


def test_a_variable_and_a_block_added_by_hand_reach_the_solver() -> None:
    """At least three children are to go to Q, or each missing one costs seven."""
    model = build(wanted())
    model.more = pyo.Block()
    model.more.missing = pyo.Var(domain=pyo.NonNegativeIntegers, bounds=(0, 2))
    there = model.more.missing + model.placed[0]
    model.more.some = pyo.Constraint(expr=pyo.inequality(3.0, there, 9.0))
    model.present_value.set_value(model.present_value.expr + 7.0 * model.more.missing)
    form = StandardForm.of(model)
    assert list(form.columns)[-1] == ("missing", None)
    assert (form.lower[-1], form.upper[-1], form.integer[-1], form.cost[-1]) == (0, 2, True, 7)
    assert (form.row_lower[-1], form.row_upper[-1]) == (3, 9)
    assert best(model) == pytest.approx(10 + 100 + 2 * 7)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m.open[0, 1].fix(0), 500),
        (lambda m: m.placed[1].setub(3), 10 + 200),
        (lambda m: m.placed[0].setlb(1), 10 + 100),
        (lambda m: (setattr(m.open[0, 1], "domain", pyo.UnitInterval),
                    m.opens_before_use[1].set_value(m.placed[1] <= 10 * m.open[0, 1])), 5),
        (lambda m: m.opens_before_use[1].deactivate(), 0),
        (lambda m: m.opens_before_use.deactivate(), 0),
        (lambda m: (m.opens_before_use.deactivate(), m.opens_before_use.activate()), 10),
        (lambda m: m.del_component("opens_before_use"), 0),
        (lambda m: m.opens_before_use[1].set_value(m.placed[1] <= 4 * m.open[0, 1]), 110),
        (lambda m: m.present_value.set_value(
            4 * m.placed[0] + 2 * m.placed[1] + 3 * m.unmet[0] + 1), 11),
        (lambda m: m.present_value.deactivate() or setattr(
            m, "other", pyo.Objective(expr=m.placed[1] - 8, sense=pyo.maximize)), 8 - 5),
    ],
    ids=[
        "fix", "upper bound", "lower bound", "domain", "row off", "family off", "off and on",
        "family deleted", "row rewritten", "objective rewritten", "another objective",
    ],
)  # fmt: skip
def test_a_change_of_one_element_is_heard(change: Callable[[Any], Any], expected: float) -> None:
    model = build(wanted())
    if expected == 0 or expected == 5:  # places of X would still need it open
        model.places.deactivate()
        model.over_capacity_limit.deactivate()
    change(model)
    assert best(model) == pytest.approx(expected)


def test_an_element_is_not_deleted_in_silence() -> None:
    model = build(wanted())
    with pytest.raises(TypeError, match="deactivate the row"):
        del model.places[0]


def test_what_is_not_linear_or_has_no_objective_is_refused() -> None:
    model = build(wanted())
    model.square = pyo.Constraint(expr=model.placed[0] ** 2 <= 1)
    with pytest.raises(ValueError, match="square is not linear"):
        StandardForm.of(model)
    model = build(wanted())
    model.present_value.deactivate()
    with pytest.raises(ValueError, match="0 objectives"):
        StandardForm.of(model)
    model = build(wanted())
    model.impossible = pyo.Constraint(expr=(0.0 * model.placed[0]) >= 1.0)
    with pytest.raises(ValueError, match="impossible holds no variable"):
        StandardForm.of(model)


# ------------------------------------------------------------------ as any Pyomo model


@pytest.mark.parametrize("solver", ["appsi_highs", "highs"])
def test_pyomo_solves_it_itself(solver: str) -> None:
    question = rich().question()
    expected = best(build(question))
    model = build(question)
    pyo.SolverFactory(solver).solve(model)
    assert pyo.value(model.present_value) == pytest.approx(expected, rel=1e-4)
    opens = {i: round(v.value) for i, v in model.open.items()}
    assert all(opens[0, t] == 1 for t in (1, 2, 3))


def test_elements_are_there_when_asked_for() -> None:
    model = build(wanted())
    assert len(model.placed) == 2 and 1 in model.placed and 2 not in model.placed
    assert str(model.opens_before_use[1].expr) == "placed[1] - 5.0*open[0,1]  <=  0.0"
    assert model.open[0, 1].is_binary() and model.placed[0].bounds == (0, 5)
    assert [v.name for v in model.open[0, :]] == ["open[0,1]"]
    assert list(model.open) == list(model.open.index_set()) == [(0, 1)]
    with pytest.raises(KeyError):
        model.open[0, 2]
    with pytest.raises(KeyError):
        model.open.each(np.array([0]), np.array([0]))
    with pytest.raises(KeyError):
        model.placed.each(np.array([2]))


def test_elements_come_in_the_order_of_their_names_whoever_asked_first() -> None:
    model = build(rich().question())
    last = len(model.placed) - 1
    first = model.placed[last]
    assert list(model.placed.keys()) == list(range(last + 1))
    assert model.placed[last] is first


def test_pprint_writers_copies_and_pickles() -> None:
    question = wanted()
    expected = of_form(StandardForm.of(build(question)))
    text = io.StringIO()
    build(question).pprint(ostream=text)
    assert "placed[1] - 5.0*open[0,1]" in text.getvalue()
    copy = build(question).clone()
    assert of_form(StandardForm.of(copy)) == expected
    assert copy.opens_before_use[1].body.arg(0).arg(1) is copy.placed[1]
    asked = build(question)
    asked.places.pprint(ostream=io.StringIO())
    assert asked.present_value.expr is not None
    assert of_form(StandardForm.of(asked.clone())) == of_form(StandardForm.of(asked)) == expected
    assert of_form(StandardForm.of(pickle.loads(pickle.dumps(build(question))))) == expected


def test_pyomo_writes_it_to_a_file(tmp_path: Any) -> None:
    path = tmp_path / "model.lp"
    build(wanted()).write(str(path), io_options={"symbolic_solver_labels": True})
    assert "+1.0 placed(1)\n-5.0 open(0_1)\n<= 0.0" in path.read_text(encoding="utf-8")


# ------------------------------------------------------------------ the vocabulary


def dense(linear: Linear, variables: list[SparseVar]) -> Any:
    blocks = [
        linear.terms[v].toarray() if v in linear.terms else np.zeros((linear.rows, len(v)))
        for v in variables
    ]
    return np.hstack([*blocks, linear.constant[:, None]])


@given(st.integers(0, 10_000))
def test_linear_is_what_matrices_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = pyo.ConcreteModel()
    model.x = SparseVar(np.array([3, 5, 8, 9]))
    model.y = SparseVar([("a", 1), ("b", 1), ("b", 2)])
    both = [model.x, model.y]
    count = int(rng.integers(1, 6))
    x = rng.integers(0, 4, count)
    each = model.x.each(np.array([3, 5, 8, 9])[x])
    assert (dense(each, both)[:, :4] == np.eye(4)[x]).all()
    listed = [
        [((str(rng.choice(["b"])), int(rng.integers(1, 3))), float(rng.integers(1, 4)))
         for _ in range(rng.integers(0, 3))]
        for _ in range(count)
    ]  # fmt: skip
    other = model.y.listed(listed) + rng.integers(0, 9, count).astype(float)
    expected = np.zeros((count, 8))
    expected[:, 7] = other.constant
    for i, row in enumerate(listed):
        for (_, number), coefficient in row:
            expected[i, 4 + number] += coefficient
    assert (dense(other, both) == expected).all()
    scale = rng.integers(1, 5, count).astype(float)
    mixed = each - scale * other + 2.0 * each
    matrix = 3 * dense(each, both) - scale[:, None] * expected
    assert (dense(mixed, both) == matrix).all()
    some = rng.integers(0, count, 3)
    assert (dense(mixed.take(some), both) == matrix[some]).all()
    sizes = np.array([1, 0, count - 1])
    summed = np.array([matrix[:1].sum(axis=0), 0 * matrix[0], matrix[1:].sum(axis=0)])
    assert np.allclose(dense(mixed.added_up(sizes), both), summed)
    rule = mixed <= 7.0
    assert (rule.upper == 7.0 - matrix[:, 7]).all() and np.isneginf(rule.lower).all()
    rule = mixed >= scale
    assert (rule.lower == scale - matrix[:, 7]).all() and np.isposinf(rule.upper).all()
    model.rows = SparseRows(np.arange(count), mixed == 0.0)
    model.least = SparseObjective(model.x.total(1.0) + 4.0)
    form = StandardForm.of(model)
    shape = (count, 7)
    built = sp.csc_array((form.value, form.index, form.start), shape=shape).toarray()
    assert (built == matrix[:, :7]).all()
    assert (form.row_lower == -matrix[:, 7]).all() and form.offset == 4.0
    assert form.cost.tolist() == [1, 1, 1, 1, 0, 0, 0]


def test_a_family_has_as_many_rows_as_names() -> None:
    model = pyo.ConcreteModel()
    model.x = SparseVar(np.arange(2))
    with pytest.raises(ValueError, match="2 rows for 1 names"):
        SparseRows(np.arange(1), model.x.each(np.arange(2)) <= 1.0)


# ------------------------------------------------------------------ labels


def test_labels_are_a_list_of_pairs() -> None:
    pairs = [("a", 3), ("a", 5), ("b", (0, "x")), ("b", (1, "y")), ("c", None)]
    labels = Labels(
        [("a", np.array([3, 5])), ("b", [(0, "x"), (1, "y")]), ("none", []), ("c", [None])]
    )
    assert list(labels) == pairs and len(labels) == 5
    assert [labels[i] for i in range(5)] == pairs and labels[-1] == pairs[-1]
    at = np.array([4, 0, 3, 0])
    assert list(labels[at]) == [pairs[i] for i in at]
    assert list(labels[labels.among("a", "c")]) == [pairs[0], pairs[1], pairs[4]]
    assert list(labels[1:3]) == pairs[1:3]
    where, index = labels[at].of("a")
    assert where.tolist() == [1, 3] and index.tolist() == [3, 3]
    where, index = labels.of("b")
    assert where.tolist() == [2, 3] and index.tolist() == [(0, "x"), (1, "y")]
    assert [len(part) for part in labels.of("nobody")] == [0, 0]
    twice = labels + Labels([("a", np.arange(2)), ("d", [9])])
    assert list(twice) == [*pairs, ("a", 0), ("a", 1), ("d", 9)]
    assert [part.tolist() for part in twice.of("a")] == [[0, 1, 5, 6], [3, 5, 0, 1]]
    assert list(Labels()) == list(Labels()[np.zeros(0, dtype=bool)]) == []
    assert len(Labels() + labels) == 5
