"""Rules for schemes that contradict each other: no plan, and a reason that names rule and rows."""

from __future__ import annotations

import pandas as pd
import pytest

from sufficiency.pipeline import Loaded, load_scenario, optimise
from sufficiency.problems import EXIT_NO_PLAN, InputError, NoPlanError
from tests.tiny import bare_model, forecast, joining, opened, scheme, solved, world


def reasons(loaded: Loaded) -> list[str]:
    with pytest.raises(NoPlanError) as caught:
        optimise(loaded, gap=0.0)
    assert caught.value.exit_code == EXIT_NO_PLAN
    assert str(caught.value).startswith("No plan can obey all rules at once.")
    for reason in caught.value.reasons:
        assert reason in str(caught.value)
    return caught.value.reasons


def grant(**by_year: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "financial_year": [f"{y[1:]}-{int(y[3:]) + 1}" for y in by_year],
            "source": "grant",
            "pounds": list(by_year.values()),
        }
    )


def test_two_alternatives_both_committed() -> None:
    found = reasons(
        world(
            years=2,
            schemes=[
                scheme("hill", exclusive_group="north"),
                scheme("vale", exclusive_group="north"),
                scheme("other"),
            ],
            scenario={"committed": {"hill": 2026, "vale": 2027}},
        )
    )
    about = " ".join(found)
    assert "exclusive_schemes" in about and "'north'" in about
    assert "hill in 2026/27" in about and "vale in 2027/28" in about


def test_a_prerequisite_that_opens_later() -> None:
    found = reasons(
        world(
            years=3,
            schemes=[scheme("base"), scheme("wing", requires="base")],
            scenario={"committed": {"wing": 2026, "base": 2028}},
        )
    )
    about = " ".join(found)
    assert "prerequisites" in about
    assert "wing" in about and "base" in about
    assert "2026/27" in about and "2027/28" in about
    assert "column requires" in about


def test_a_prerequisite_that_cannot_open_in_time() -> None:
    found = reasons(
        world(
            years=2,
            schemes=[
                scheme("base", earliest_opening="2027/28"),
                scheme("wing", site="", provision="base"),
            ],
            scenario={"committed": {"wing": 2026}},
        )
    )
    assert any("wing would be open in 2026/27 without base" in reason for reason in found)


def test_a_budget_below_what_is_committed() -> None:
    """100 pounds, half of them in the financial year before the September of 2027; the grant gives
    40 and then 30. It is short by ten, and by thirty in all."""
    found = reasons(
        world(
            years=2,
            schemes=[scheme("hill", capital_pounds=100, capital_profile="0.5|0.5")],
            budgets=grant(y2026=40, y2027=30),
            scenario={"committed": {"hill": 2027}},
        )
    )
    about = " ".join(found)
    assert "capital_budget" in about and "'grant'" in about
    assert "2027-28" in about
    assert "£30" in about
    assert "hill in 2027/28" in about


def test_commitments_that_the_budget_only_just_covers_are_no_contradiction() -> None:
    loaded = world(
        years=2,
        schemes=[scheme("hill", capital_pounds=100, capital_profile="0.5|0.5")],
        budgets=grant(y2026=50, y2027=50),
        scenario={"committed": {"hill": 2027}},
    )
    assert opened(solved(loaded)) == {"hill": 2027}


def test_a_source_that_may_not_pay() -> None:
    """The levy has money, but the scheme may draw on the grant only, which has none."""
    budgets = pd.concat([grant(y2026=0), grant(y2026=500).assign(source="levy")])
    found = reasons(
        world(
            schemes=[scheme("hill", capital_pounds=100, funding_sources="grant")],
            budgets=budgets,
            scenario={"committed": {"hill": 2026}},
        )
    )
    about = " ".join(found)
    assert "'grant'" in about and "'levy'" not in about and "£100" in about


@pytest.mark.parametrize("link", [{"requires": "base"}, {"site": "", "provision": "base"}])
def test_a_committed_scheme_that_needs_one_the_model_rules_out(link: dict[str, str]) -> None:
    """Independent schools are not built by an authority: 'base' is out of play and 'wing',
    committed, cannot stand. A planner is told, in whatever way; a KeyError is none."""
    kind = "independent_special"
    loaded = world(
        schemes=[scheme("base", kind=kind), scheme("wing", kind=kind, **link)],
        projected=forecast(*joining("A", 2026, 1)),
        scenario={"committed": {"wing": 2026}},
    )
    with pytest.raises((NoPlanError, InputError)) as caught:
        optimise(loaded, gap=0.0)
    assert "wing" in str(caught.value) and "base" in str(caught.value)


def test_unmet_need_cheaper_than_a_place_is_refused_with_the_price_to_set() -> None:
    loaded = world(model=bare_model(price_unmet=5e5), projected=forecast(*joining("A", 2026, 1)))
    with pytest.raises(InputError, match="unmet need would be cheaper"):
        loaded.question()


def test_committed_outside_the_schemes_years_is_bad_input() -> None:
    with pytest.raises(InputError, match="before its earliest"):
        world(
            schemes=[scheme("hill", earliest_opening="2027/28")],
            years=2,
            scenario={"committed": {"hill": 2026}},
        )


def test_the_shipped_example_has_a_plan_to_begin_with() -> None:
    """Guards against a contradiction in the example itself, which all other tests would blame."""
    assert load_scenario("small").settings.committed
