"""Whole children cost what they cost, compared like with like; and shares hold in every year.

What an authority costs in expected shares is found beside the product, by scipy, from the rows
that the run of whole children had.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import event, given

from sufficiency.audit import audit_run
from sufficiency.cli import main
from sufficiency.pipeline import Loaded, audit_plan, optimise, study
from sufficiency.placement.model import build
from sufficiency.placement.question import whole_cohorts
from sufficiency.plan import Plan
from sufficiency.problems import NoPlanError
from sufficiency.rules import Preference
from sufficiency.solving import Outcome, SolveOptions, StandardForm, decomposition
from tests.placement.test_brute_force import with_scipy
from tests.placement.test_properties import Authority, authorities, few, load
from tests.tiny import (
    bare_model,
    forecast,
    joining,
    objective,
    opened,
    placed,
    places,
    provision,
    rows,
    solved,
    world,
)

RELATIVE = 1e-7


def choosing(
    kind: str, floor: float, ceiling: float, children: list[Any], fee: float, years: int = 1
) -> Loaded:
    """Some choose J, of a kind, which costs a fee a year; P is free and has room for everybody."""
    rule = Preference((kind,), (3,), ("primary", "secondary"), floor, ceiling)
    costs = {"fee_pounds": fee} if kind == "independent_special" else {"top_up_pounds": fee}
    return world(
        model=bare_model(preference=(rule,)),
        years=years,
        provisions=[
            provision("J", kind, highest_year_group=20, **costs),
            provision("P", top_up_pounds=50),
        ],
        commissioned=places(("P", 100)),
        projected=forecast(*children),
    )


def in_whole_children(loaded: Loaded) -> Loaded:
    return dataclasses.replace(
        loaded, settings=dataclasses.replace(loaded.settings, whole_children=True)
    )


def in_shares(loaded: Loaded, opens: dict[str, int]) -> float:
    """What the rows of the run in whole children cost at least for given schemes, in shares."""
    question = in_whole_children(loaded).question()
    form = StandardForm.of(build(question))
    is_open = np.array([name == "open" for name, _ in form.columns])
    ids, values = list(question.schemes["scheme"]), np.zeros(len(form.columns))
    for j in np.flatnonzero(is_open):
        s, t = form.columns[j][1]
        values[j] = float(ids[s] in opens and opens[ids[s]] <= 2025 + t)
    return with_scipy(form.with_fixed(is_open, values))


def whole_where_they_can_be(plan: Plan, loaded: Loaded) -> int:
    """Cohorts that are whole are placed in whole children; how many such stays there are."""
    question = in_whole_children(loaded).question()
    whole = whole_cohorts(question.cohorts, question.arcs)
    stays = plan.stays["children"].to_numpy(float)[whole[plan.stays["cohort"].to_numpy(int)]]
    assert np.abs(stays - stays.round()).max(initial=0.0) < 1e-6
    return len(stays)


# ------------------------------------------------------------------ never a saving


@pytest.mark.slow
@pytest.mark.parametrize("smallest", [decomposition.SMALL, 0])
@few(15)
@given(authorities())
def test_whole_children_never_cost_less_than_shares_of_them(smallest: int, a: Authority) -> None:
    """In the same schemes and under the same rules; the bound of the search holds for them too."""
    loaded = load(a)
    logs: list[float] = []
    with patch.object(decomposition, "SMALL", smallest):
        plan = optimise(
            loaded, gap=0.0, threads=1, whole_children=True,
            on_progress=lambda _, p: logs.append(p.bound) if p is not None else None,
        )  # fmt: skip
    solver = plan.stamp["solver"]
    assert plan.stamp["audit"]["passed"], plan.stamp["audit"]["differences"]
    cost, rounding = objective(plan), solver["rounding"]
    assert rounding["rounded_shares_pounds"] <= cost * (1 + RELATIVE)
    assert rounding["cost_pounds"] == pytest.approx(
        cost - rounding["rounded_shares_pounds"], abs=RELATIVE * cost
    )
    expected = in_shares(loaded, opened(plan))
    assert rounding["rounded_shares_pounds"] == pytest.approx(expected, rel=1e-6)
    assert max([*logs, solver["bound_pounds"]]) <= cost * (1 + RELATIVE)
    event(f"whole stays: {whole_where_they_can_be(plan, loaded) > 0}")
    event(f"rounding costs: {rounding['cost_pounds'] > 1}")


def test_letting_a_share_off_is_no_saving_of_whole_children() -> None:
    """Three tenths of one child are dear at J; rounded, they are none: 30 pounds less, of which
    rounding itself has saved nothing."""
    plan = solved(choosing("independent_special", 0.3, 1.0, joining("A", 2026, 1), 150),
                  whole_children=True)  # fmt: skip
    assert placed(plan, 2026) == {"P": 1}
    assert plan.stamp["solver"]["rounding"] == pytest.approx(
        {"cost_pounds": 0, "rounded_shares_pounds": 50, "exact_shares_pounds": 80}
    )


def test_a_plan_in_shares_has_no_cost_of_rounding() -> None:
    plan = solved(choosing("independent_special", 0.3, 1.0, joining("A", 2026, 1), 150))
    assert plan.stamp["solver"]["rounding"] == {}


def test_a_comparison_that_finds_no_plan_says_so() -> None:
    """Shares that cannot be placed in the same schemes are no plan that costs nothing."""
    loaded = in_whole_children(
        choosing("independent_special", 0.3, 1.0, joining("A", 2026, 1), 150)
    )
    asked = study(loaded, SolveOptions(gap=0.0, threads=1))
    found = asked.search.run()
    nothing = Outcome("infeasible", np.zeros(0), np.inf, np.inf, 0.0)
    with patch.object(asked.search, "place", lambda *_, **__: nothing), pytest.raises(NoPlanError):
        asked.rounding(found)
    stopped = dataclasses.replace(nothing, status="interrupted")
    with (
        patch.object(asked.search, "place", lambda *_, **__: stopped),
        pytest.raises(KeyboardInterrupt),
    ):
        asked.rounding(found)


# ------------------------------------------------------------------ shares by year


STAYING_LONG_AND_SHORT = [*joining("A", 2026, 4, years=4), *joining("A", 2026, 4, group=6)]
"""Four enter in Reception and stay four years, four in Year 6 and are in another phase next."""


@pytest.mark.parametrize("fee", [0, 100])
def test_the_share_educated_elsewhere_is_its_share_in_every_year(fee: float) -> None:
    """A quarter of eight, were it one share of all, would be two of those who stay when it is
    cheap, and two of those who leave when it is dear: families decide that, and not the plan."""
    loaded = choosing("educated_elsewhere", 0.25, 0.25, STAYING_LONG_AND_SHORT, fee, years=4)
    assert [(low, high) for _, low, high in rows(loaded, "preference_share")] == [(1, 1)] * 2
    plan = solved(loaded)
    assert [placed(plan, year) for year in range(2026, 2030)] == [
        pytest.approx({"J": 2, "P": 6}), *[pytest.approx({"J": 1, "P": 3})] * 3,
    ]  # fmt: skip


@pytest.mark.parametrize(("fee", "group"), [(0, 0), (100, 6)])
def test_the_audit_knows_who_stays(fee: float, group: int) -> None:
    """The plan that one share of all would have brought: the same two at J, of one year group."""
    loaded = choosing("educated_elsewhere", 0.25, 0.25, STAYING_LONG_AND_SHORT, fee, years=4)
    plan = copy.deepcopy(solved(loaded))
    entered = plan.cohorts.set_index("cohort")["entry_year_group"]
    favoured = plan.stays["cohort"].map(entered) == group
    at_j = plan.stays["provision"] == "J"
    plan.stays.loc[at_j, "children"] = np.where(favoured[at_j], 2.0, 0.0)
    plan.stays.loc[~at_j, "children"] = np.where(favoured[~at_j], 2.0, 4.0)
    said = [d for d in audit_plan(loaded, plan)["differences"] if "preference" in d]
    assert len(said) == 2, said
    assert any("entering year group 0" in d for d in said)
    assert any("entering year group 6" in d for d in said)


def test_the_audit_knows_who_was_rounded() -> None:
    """Three tenths of a child a year at J: in the second year and the fifth. In the first and
    second is too soon, a year later too late."""
    children = [row for y in range(2026, 2031) for row in joining("A", y, 1, years=2031 - y)]
    loaded = choosing("independent_special", 0.3, 0.3, children, 100, years=5)
    plan = solved(loaded, whole_children=True)
    entered = plan.cohorts.set_index("cohort")["entry_year"]
    at_j = plan.stays["provision"] == "J"
    assert entered[plan.stays.loc[at_j, "cohort"]].tolist() == [2027, 2030]
    whole = in_whole_children(loaded)
    for years in ([2027, 2030], [2028, 2030], [2026, 2030], [2027, 2028], [2030]):
        changed = copy.deepcopy(plan)
        at = changed.stays["cohort"].map(entered).isin(years)
        changed.stays["provision"] = np.where(at, "J", "P")
        said = [d for d in audit_plan(whole, changed)["differences"] if "preference" in d]
        assert bool(said) == (years != [2027, 2030]), (years, said)


# ------------------------------------------------------------------ as a planner sees it


@pytest.mark.slow
def test_optimise_says_what_whole_children_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The small example from the command line to the page; the audit reads the folder again."""
    out = tmp_path / "run"
    assert main(["optimise", "small", "--whole-children", "--gap", "5%", "--out", str(out)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    stamp = json.loads((out / "run.json").read_text(encoding="utf-8"))
    solver, rounding = stamp["solver"], stamp["solver"]["rounding"]
    assert solver["whole_children"] is True
    assert stamp["audit"]["passed"], stamp["audit"]["differences"]
    assert set(rounding) == {"cost_pounds", "rounded_shares_pounds", "exact_shares_pounds"}
    cost = rounding["cost_pounds"]
    assert 0 < cost < 0.05 * solver["objective_pounds"]
    assert cost == pytest.approx(solver["objective_pounds"] - rounding["rounded_shares_pounds"])
    assert f"Whole children cost at most £{cost / 1e6:,.2f}m more than expected shares" in said
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Cost of whole children" in page and f"at most £{cost:,.0f} (" in page
    assert "above expected shares of children in the same schemes under the same rules" in page
    assert audit_run(out).passed
