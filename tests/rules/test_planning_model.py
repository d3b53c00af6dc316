"""Reading planning models: what an extension may say, and what it is told when it is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sufficiency.problems import Problems
from sufficiency.rules import PlanningModel, load_model, model_from_dictionary
from tests.demand.test_national_rates import ENGLAND, published

MODELS = Path(__file__).resolve().parents[2] / "models"


def extended(folder: Path, text: str) -> tuple[PlanningModel | None, Problems]:
    """england-2026 with an entry of its own, and the problems found in it."""
    path = folder / "ours.toml"
    path.write_text(f'[model]\nname = "ours"\nextends = "england-2026"\n\n{text}', encoding="utf-8")
    problems = Problems()
    return load_model(path, problems), problems


def test_sixth_forms_bear_the_place_element_that_colleges_bear() -> None:
    problems = Problems()
    model = load_model(MODELS / "england-2026.toml", problems)
    assert model is not None, problems.errors
    for phase in ("post-16", "post-19"):
        sixth_form, college = (
            model.for_kind_and_phase("per_child_charge", kind, phase)
            for kind in ("mainstream", "further_education")
        )
        assert sixth_form == college > 0
    assert model.for_kind_and_phase("per_child_charge", "mainstream", "secondary") == 0


def test_a_charge_is_one_number_or_a_number_by_phase(tmp_path: Path) -> None:
    model, problems = extended(
        tmp_path,
        "[per_child_charge]\n"
        "value = { mainstream = 50, further_education = { post-19 = 7000, default = 6500 } }\n"
        'source = "ours"\ndate = "2026-09-01"\n',
    )
    assert model is not None, problems.errors

    def charge(kind: str, phase: str) -> float:
        return model.for_kind_and_phase("per_child_charge", kind, phase)

    assert charge("mainstream", "primary") == charge("mainstream", "post-16") == 50
    assert charge("further_education", "post-16") == 6500
    assert charge("further_education", "post-19") == 7000
    assert charge("specialist_post_16", "post-16") == 6000, "what it does not name is kept"
    assert charge("educated_elsewhere", "post-16") == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{ mainstream = { post16 = 6000 } }", "is no known phase"),
        ("{ mainstream = { post-16 = -1 } }", "must lie between"),
        ('{ mainstream = "6000" }', "must be a number"),
        ("{ mainstraem = 6000 }", "is no known kind"),
    ],
)
def test_a_wrong_charge_is_explained(tmp_path: Path, value: str, said: str) -> None:
    model, problems = extended(
        tmp_path,
        f'[per_child_charge]\nvalue = {value}\nsource = "ours"\ndate = "2026-09-01"\n',
    )
    assert model is None
    (error,) = problems.errors
    assert said in error.message and "per_child_charge.main" in str(error)


def floor_of(kind: str) -> float:
    problems = Problems()
    model = load_model(MODELS / "england-2026.toml", problems)
    assert model is not None, problems.errors
    (rule,) = [rule for rule in model.preference if kind in rule.kinds]
    return rule.floor


@pytest.mark.skipif(not ENGLAND.is_dir(), reason=f"the published data are not here: {ENGLAND}")
def test_preference_for_independent_schools_is_the_third_that_no_place_alters() -> None:
    """Of new plans in special schools 18 per cent named one in 2019 to 2022, 27 per cent in 2024;
    35 per cent of the latter is what other provision could not have met."""

    def share(*years: int) -> float:
        named, special = 0.0, 0.0
        for year in years:
            by_kind = [
                published("england_newplans.csv", "New EHC plans", f"special_{kind}", year).iloc[0]
                for kind in ("independent", "non_maintained", "total")
            ]
            named, special = named + by_kind[0] + by_kind[1], special + by_kind[2]
        return named / special

    assert share(2019, 2020, 2021, 2022) == pytest.approx(0.18, abs=0.005)
    assert share(2024) == pytest.approx(0.27, abs=0.005)
    assert floor_of("independent_special") == pytest.approx((1 - 0.65) * share(2024), abs=0.005)


@pytest.mark.skipif(not ENGLAND.is_dir(), reason=f"the published data are not here: {ENGLAND}")
def test_preference_for_colleges_is_their_share_at_16() -> None:
    def at_16(column: str) -> float:
        topic = "Child or young persons age"
        return float(published("england_caseload.csv", topic, column, 202425)["age 16"])

    college = at_16("general_fe_tertiary_colleges") + at_16("ukrlp_provider")
    others = at_16("mainstream_total") + at_16("ed_elsewhere")
    assert floor_of("further_education") == pytest.approx(college / (college + others), abs=0.005)


@pytest.mark.parametrize("name", sorted(p.stem for p in MODELS.glob("*.toml")))
def test_a_model_read_back_from_a_run_is_the_same(name: str) -> None:
    problems = Problems()
    model = load_model(MODELS / f"{name}.toml", problems)
    assert model is not None, problems.errors
    kept = json.loads(json.dumps(model.as_dictionary()))
    header = {key: getattr(model, key) for key in ("name", "title", "description", "version")}
    assert model_from_dictionary(kept, header, "rules.json", problems) == model
    assert model.price_base == 2026 and 0 < model.for_kind("optimism_bias", "state_special") < 1
    for key in ("optimism_bias", "lifecycle_share", "price_base"):
        assert model.entries[key].source and model.entries[key].date


def test_entries_that_a_run_lacks_are_all_named() -> None:
    problems = Problems()
    model = load_model(MODELS / "england-2026.toml", problems)
    assert model is not None
    kept = {**model.as_dictionary(), "fancy": 7}
    del kept["lifecycle_share"], kept["optimism_bias"]
    assert model_from_dictionary(kept, {}, "rules.json", problems) is None
    assert [p.column for p in problems.errors] == ["fancy", "lifecycle_share", "optimism_bias"]


@pytest.mark.parametrize("value", ['"2026"', '"2026/27"', '"2026-28"', "2026", '"soon"'])
def test_a_price_base_is_a_financial_year(tmp_path: Path, value: str) -> None:
    text = f'[price_base]\nvalue = {value}\nsource = "ours"\ndate = "2026-09-01"\n'
    model, problems = extended(tmp_path, text)
    assert model is None
    assert "must be a financial year" in str(problems.errors[0])
