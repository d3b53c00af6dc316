"""The business case worked out by hand, and asked again at the values at which it stops paying."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sufficiency.asking import Study
from sufficiency.pipeline import (
    audit_plan,
    load_scenario,
    optimise,
    reopen,
    study,
    write_results,
)
from sufficiency.plan import read_run
from sufficiency.plan.business_case import (
    BASES,
    FOLDER,
    MINIMUM,
    NOTHING,
    PACKAGE,
    THIS,
    BusinessCase,
    read_business_case,
)
from sufficiency.problems import InputError, Stopped
from sufficiency.rules import PlanningModel, WhatIf
from sufficiency.solving import decomposition
from sufficiency.solving.climbing import Climb
from sufficiency.studies import appraisal
from sufficiency.studies.business_case import WITHIN, make_business_case
from tests import tiny
from tests.reports.conftest import make_run

FEE, TOP_UP, PLACE = 50_000.0, 10_000.0, 10_000.0
CAPITAL, BIAS, LIFECYCLE = 600_000.0, 0.24, 0.01
CHILDREN, YEARS = 10, 4
PHASES = tiny.bare_model().phases


def model(rate: float = 0.0, **changes: Any) -> PlanningModel:
    """Prices that can be reckoned by hand."""
    return tiny.bare_model(
        discount_rate=rate,
        fees={"independent_special": {"in_area": FEE, "out_of_area": FEE}},
        top_up={"state_special": TOP_UP, "independent_special": 0.0},
        place_funding={"state_special": PLACE},
        optimism_bias={"default": BIAS},
        lifecycle_share={"default": LIFECYCLE},
        travel_guide_minutes=dict.fromkeys(PHASES, 600.0),
        travel_hard_limit_minutes=dict.fromkeys(PHASES, 600.0),
        **changes,
    )


def run(
    folder: Path,
    *,
    capital: float = CAPITAL,
    fee: float = 1.0,
    fitting: float = CHILDREN,
    independent: bool = True,
    schemes: Sequence[dict[str, Any]] = (),
    rules: PlanningModel | None = None,
) -> Path:
    """Ten children join in 2026, one new school is put forward, all others are independent.

    Args:
        fitting: children whose need the new school takes.
        fee: factor on the independent school's fee.
        independent: whether there is one; without it nothing but the scheme suits the children.
    """
    rows = tiny.joining("A", 2026, fitting, YEARS)
    other = CHILDREN - fitting
    if other > 0:
        rows += [
            (year, area, "MLD", *rest, other, joining and other)
            for year, area, _, *rest, _, joining in rows
        ]
    standing = tiny.provision(
        "I" if independent else "P",
        "independent_special" if independent else "state_special",
        **({} if independent else {"needs": "VI"}),
    )
    loaded = tiny.world(
        model=rules or model(),
        years=YEARS,
        provisions=[standing],
        commissioned=tiny.places(("I", 1000) if independent else ("P", 5)),
        schemes=[
            tiny.scheme("new", needs="ASD", places=CHILDREN, capital_pounds=capital,
                        earliest_opening="2026/27"),
            *schemes,
        ],
        projected=tiny.forecast(*rows),
        scenario={"what_ifs": (WhatIf("fee", kinds=("independent_special",), factor=fee),)}
        if fee != 1.0 else {},
    )  # fmt: skip
    plan = tiny.solved(loaded)
    assert "new" in tiny.opened(plan)
    return write_results(plan, loaded, folder, report=False)


def worth(case: BusinessCase, subject: str, option: str = THIS) -> float:
    row = case.option(subject, option)
    assert row is not None
    return float(row["net_present_value_pounds"])


def factor(case: BusinessCase, what: str) -> float:
    return float(case.of("switching", "new").set_index("what").at[what, "factor"])


# ------------------------------------------------------------------ by hand


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> BusinessCase:
    return make_business_case(run(tmp_path_factory.mktemp("hand") / "run"))


def test_net_present_value_and_payback_by_hand(by_hand: BusinessCase) -> None:
    saved = CHILDREN * YEARS * (FEE - TOP_UP - PLACE)
    built = CAPITAL * (1 + BIAS + LIFECYCLE * YEARS)
    assert worth(by_hand, "new") == pytest.approx(saved - built) == pytest.approx(432_000)
    assert worth(by_hand, PACKAGE) == pytest.approx(saved - built), "one scheme is the package"
    this = by_hand.option("new", THIS)
    assert this is not None
    # Out of pocket by 572,500 in 2026-27, by 278,500 in 2027-28, in the black in 2028-29.
    assert this["payback_years"] == 3
    assert this["capital_per_place_pounds"] == pytest.approx(CAPITAL * (1 + BIAS) / CHILDREN)
    # A year later the children are settled elsewhere and stay: the new places stand empty.
    late = -CAPITAL * (1 + BIAS + LIFECYCLE * 3) - CHILDREN * 3 * PLACE
    assert worth(by_hand, "new", MINIMUM) == pytest.approx(late)
    assert worth(by_hand, "new", NOTHING) == 0


def test_who_pays_by_hand(by_hand: BusinessCase) -> None:
    lines = by_hand.of("lines", "new")
    mine = lines[lines["option"] == THIS].set_index("line")
    assert mine.at["fees", "change_pounds"] == pytest.approx(-CHILDREN * YEARS * FEE)
    assert mine.at["top_up", "change_pounds"] == pytest.approx(CHILDREN * YEARS * TOP_UP)
    assert mine.at["place_funding", "change_pounds"] == pytest.approx(CHILDREN * YEARS * PLACE)
    assert mine.at["capital", "change_pounds"] == pytest.approx(CAPITAL)
    assert mine.at["optimism_bias", "change_pounds"] == pytest.approx(CAPITAL * BIAS)
    assert mine.at["lifecycle", "change_pounds"] == pytest.approx(CAPITAL * LIFECYCLE * YEARS)
    assert set(mine.loc[["fees", "top_up", "place_funding"], "ledger"]) == {"dsg"}
    assert set(mine.loc[["capital", "optimism_bias", "lifecycle"], "ledger"]) == {"capital"}


def test_switching_values_by_hand(by_hand: BusinessCase) -> None:
    assert factor(by_hand, "capital") == pytest.approx(1 + 432 / 768)
    assert factor(by_hand, "fee") == pytest.approx(1 - 432 / 2000)
    assert factor(by_hand, "occupancy") == pytest.approx(1168 / 1600)
    values = by_hand.of("switching", "new").set_index("what")
    assert values.at["fee", "base"] == pytest.approx(FEE)
    assert values.at["occupancy", "base"] == pytest.approx(1.0)
    assert values.at["capital", "value"] == pytest.approx(93_750)
    assert "falls below £39,200" in values.at["fee", "words"]
    assert "falls below 73%" in values.at["occupancy", "words"]
    assert "exceeds £93,750 a place" in values.at["capital", "words"]


@pytest.mark.parametrize("rate", [0.0, 0.035])
@pytest.mark.parametrize("what", ["capital", "fee", "occupancy"])
def test_at_the_switching_value_a_new_run_is_worth_nothing(
    tmp_path: Path, what: str, rate: float
) -> None:
    """The whole way again, with the changed input: searched, placed, valued."""
    first = make_business_case(run(tmp_path / "first", rules=model(rate)))
    found = factor(first, what)
    assert abs(worth(first, "new")) > 100_000
    changed = {
        "capital": {"capital": CAPITAL * found},
        "fee": {"fee": found},
        "occupancy": {"fitting": CHILDREN * found},
    }[what]
    second = make_business_case(run(tmp_path / "second", rules=model(rate), **changed))
    assert worth(second, "new") == pytest.approx(0, abs=1.0)


def test_unmet_need_is_never_a_saving(tmp_path: Path) -> None:
    """Without the scheme nobody has a place: nothing is spent, and nothing is saved either."""
    case = make_business_case(run(tmp_path / "run", independent=False))
    nothing = case.option("new", NOTHING)
    assert nothing is not None
    assert nothing["unmet"] == pytest.approx(CHILDREN * YEARS)
    assert nothing["dsg_pounds"] == pytest.approx(
        CHILDREN * YEARS * FEE + 5 * PLACE * (YEARS + 5 / 12)
    )
    assert worth(case, "new") == pytest.approx(432_000), "as if each were placed at the full fee"
    lines = case.of("lines", "new").set_index(["option", "line"])
    assert lines.at[(NOTHING, "unmet_cover"), "present_value_pounds"] > 0


def test_a_second_phase_leaves_with_the_first(tmp_path: Path) -> None:
    rows = tiny.joining("A", 2026, 20.0, YEARS)
    loaded = tiny.world(
        model=model(), years=YEARS, provisions=[tiny.provision("I", "independent_special")],
        commissioned=tiny.places(("I", 1000)),
        schemes=[
            tiny.scheme("first", places=10, capital_pounds=100_000.0),
            tiny.scheme("second", site="", provision="first", places=10, capital_pounds=100_000.0,
                        requires="first"),
        ],
        projected=tiny.forecast(*rows),
    )  # fmt: skip
    plan = tiny.solved(loaded)
    assert set(tiny.opened(plan)) == {"first", "second"}
    case = make_business_case(write_results(plan, loaded, tmp_path / "run", report=False))
    alone, both = case.option("second", NOTHING), case.option("first", NOTHING)
    assert alone is not None and alone["schemes"] == "first"
    assert both is not None and both["schemes"] == ""
    late = case.option("first", MINIMUM)
    assert late is not None, "the second phase waits for the first"
    assert worth(case, "first") == pytest.approx(worth(case, PACKAGE))
    assert "which requires it" in both["words"]


# ------------------------------------------------------------------ the small example


@pytest.fixture(scope="module")
def small(small_run: Path) -> tuple[Path, BusinessCase]:
    return small_run, make_business_case(small_run)


def test_reopened_inputs_give_the_plan_again(small_run: Path) -> None:
    loaded, plan = reopen(small_run)
    opened = {s: y for s, y in tiny.opened(plan).items()}
    again = study(loaded).plan(opened)
    assert again.present_value_pounds == pytest.approx(plan.present_value_pounds, rel=1e-9)
    assert again.present_value_pounds == pytest.approx(
        plan.stamp["solver"]["objective_pounds"], rel=1e-9
    )


def test_money_agrees_with_the_audited_objective(small: tuple[Path, BusinessCase]) -> None:
    """Without what a case adds, its value is the difference of two audited objectives."""
    folder, case = small
    plan = read_run(folder)
    assert plan.without_schemes is not None
    added = [appraisal.OPTIMISM, appraisal.LIFECYCLE, appraisal.COVER]
    lines = case.of("lines", PACKAGE)
    mine = lines[(lines["option"] == THIS) & ~lines["line"].isin(added)]

    def money(objective: pd.DataFrame) -> float:
        return float(objective.loc[objective["money"], "present_value_pounds"].sum())

    saved = money(plan.without_schemes.objective) - money(plan.objective)
    assert -mine["change_pounds"].sum() == pytest.approx(saved, rel=1e-9)
    this = case.option(PACKAGE, THIS)
    assert this is not None
    prices = plan.without_schemes.present_value_pounds - money(plan.without_schemes.objective)
    prices -= plan.present_value_pounds - money(plan.objective)
    assert this["value_with_failures_pounds"] - this["net_present_value_pounds"] == pytest.approx(
        prices
    )


def test_tables_agree_with_each_other(small: tuple[Path, BusinessCase]) -> None:
    _, case = small
    rate, first = case.stamp["discount_rate"], int(case.stamp["first_financial_year"][:4])
    for subject in case.subjects:
        for option in case.of("options", subject).to_dict("records"):
            lines = case.of("lines", subject)
            lines = lines[lines["option"] == option["option"]]
            years = case.of("years", subject)
            years = years[years["option"] == option["option"]]
            factors = (1 + rate) ** -(years["financial_year"] - first).astype(float)
            assert -(years["change_pounds"] * factors).sum() == pytest.approx(
                option["net_present_value_pounds"], abs=0.01
            )
            assert -lines["change_pounds"].sum() == pytest.approx(
                option["net_present_value_pounds"], abs=0.01
            )
            ledgers = [option[f"{k}_pounds"] for k in ("dsg", "general_fund", "capital_ledger")]
            assert lines["present_value_pounds"].sum() == pytest.approx(sum(ledgers))


def test_every_switching_value_brings_the_case_to_nought(small: tuple[Path, BusinessCase]) -> None:
    """Scaled here from the table of years, by other means than where it was worked out."""
    _, case = small
    rate, first = case.stamp["discount_rate"], int(case.stamp["first_financial_year"][:4])
    scaled = {
        "capital": lambda line: line in appraisal.BUILDING,
        "fee": lambda line: line in appraisal.FEES,
        "occupancy": lambda line: line not in appraisal.FIXED,
    }
    known = 0
    for row in case.switching.to_dict("records"):
        years = case.of("years", row["subject"])
        years = years[years["option"] == THIS]
        if not math.isfinite(row["factor"]):
            assert row["words"]
            continue
        known += 1
        total = sum(
            y["change_pounds"]
            * (row["factor"] if scaled[row["what"]](y["line"]) else 1.0)
            * (1 + rate) ** -(y["financial_year"] - first)
            for y in years.to_dict("records")
        )
        assert total == pytest.approx(0, abs=0.05)
        assert row["net_present_value_pounds"] == pytest.approx(0, abs=0.05)
        assert row["value"] == pytest.approx(row["base"] * row["factor"], nan_ok=True)
    assert known >= 15


def test_every_option_passes_the_audit(small: tuple[Path, BusinessCase]) -> None:
    """What children are placed by for a case obeys the same rules as a plan."""
    folder, case = small
    loaded, plan = reopen(folder)
    placing = study(loaded)
    opened = tiny.opened(plan)
    committed = set(loaded.scenario.committed)
    for option in (BASES, MINIMUM):
        row = case.option(PACKAGE, option)
        assert row is not None
        kept = {*row["schemes"].split("|"), *committed}
        found = placing.plan({s: y for s, y in opened.items() if s in kept})
        found.without_schemes = plan.without_schemes
        found.gaps = read_run(folder).gaps.iloc[:0]
        audit = audit_plan(loaded, found)
        wrong = [d for d in audit["differences"] if not d.startswith("gaps")]
        assert not wrong, wrong[:5]


def test_children_in_the_places_of_schemes_never_exceed_them(
    small: tuple[Path, BusinessCase],
) -> None:
    _, case = small
    assert (case.places["children_in_them"] <= case.places["places_offered"] + 1e-9).all()
    package = case.of("places", PACKAGE)["children_in_them"].sum()
    single = case.places[case.places["subject"] != PACKAGE]["children_in_them"].sum()
    assert package == pytest.approx(single), "no scheme of the small example requires another"


def test_triggers_have_source_and_date_and_risks_have_figures(
    small: tuple[Path, BusinessCase],
) -> None:
    _, case = small
    assert (case.triggers[["trigger", "why", "source", "date"]] != "").all(axis=None)
    schools = case.of("triggers", "northgate-autism-school")
    assert schools["trigger"].str.startswith("New school").any()
    assert "1.4.4" not in schools["source"].str.cat()
    more = case.of("triggers", "fenwater-lodge-school-extension")
    assert more["why"].str.contains("21% more. The threshold is reached").all() or (
        more["why"].str.contains("The threshold is reached").any()
    )
    assert (case.risks[["risk", "evidence", "action"]] != "").all(axis=None)


# ------------------------------------------------------------------ runs that cannot be used


def said(error: pytest.ExceptionInfo[InputError]) -> str:
    return " ".join(str(p) for p in error.value.problems)


def test_a_scheme_must_be_a_chosen_one(small_run: Path) -> None:
    with pytest.raises(InputError) as error:
        make_business_case(small_run, ["northgate-autism-scool", "saltings-school-extension",
                                       "fen-lane-semh-school"])  # fmt: skip
    assert len(error.value.problems) == 3
    assert "did you mean 'northgate-autism-school'" in said(error)
    assert "it is committed already" in said(error) and "it is not open" in said(error)


def test_a_plan_without_schemes_has_no_case(tmp_path: Path) -> None:
    loaded = tiny.world(
        model=model(), years=1, projected=tiny.forecast(*tiny.joining("A", 2026, 1.0))
    )
    folder = write_results(optimise(loaded), loaded, tmp_path / "run", report=False)
    with pytest.raises(InputError, match="opens no scheme"):
        make_business_case(folder)


def test_a_changed_run_is_refused(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    rules = folder / "inputs" / "rules.json"
    kept = rules.read_text(encoding="utf-8")
    data = json.loads(kept)
    data["fees"]["value"]["independent_special"]["in_area"] = FEE + 1
    rules.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError, match="does not give the cost"):
        make_business_case(folder)
    del data["lifecycle_share"], data["price_base"]
    rules.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError) as error:
        make_business_case(folder)
    assert "the run is older than this entry" in said(error) and len(error.value.problems) == 2
    rules.unlink()
    (folder / "inputs" / "areas.csv").unlink()
    with pytest.raises(InputError) as error:
        make_business_case(folder)
    assert "rules.json" in said(error) and "areas" in said(error)


def test_a_failed_audit_has_no_case(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    stamp = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    stamp["audit"]["passed"] = False
    (folder / "run.json").write_text(json.dumps(stamp), encoding="utf-8")
    with pytest.raises(InputError, match="did not pass its audit"):
        make_business_case(folder)


def test_whole_children_are_valued_as_expected_shares(tmp_path: Path) -> None:
    loaded = load_scenario(
        tiny.world(years=1).scenario,
        model=model(),
        tables={
            "areas": tiny.areas("A"),
            "provisions": pd.DataFrame([tiny.provision("I", "independent_special")]),
            "children_today": tiny.children(("A", "OTH", 1, 20, "I", 0)),
            "projected_children": tiny.forecast(*tiny.joining("A", 2026, 3.0)),
            "commissioned_places": tiny.places(("I", 1000)),
            "schemes": pd.DataFrame([tiny.scheme("new", capital_pounds=1_000.0, places=3)]),
            "candidate_sites": pd.DataFrame(
                [("S", "S", 4e5, 3e5)], columns=["site", "name", "easting", "northing"]
            ),
        },
    )
    plan = optimise(loaded, gap=0.0, whole_children=True)
    case = make_business_case(write_results(plan, loaded, tmp_path / "run", report=False))
    assert case.stamp["whole_children"]
    assert worth(case, "new") > 0


# ------------------------------------------------------------------ placed near the plan, and kept


def copied(run_folder: Path, folder: Path) -> Path:
    """A run without what studies of it have kept."""
    shutil.copytree(run_folder, folder, ignore=shutil.ignore_patterns("answers"))
    return folder


def test_placed_near_the_plan_it_costs_what_a_cold_solve_says(
    small: tuple[Path, BusinessCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small example as if it were large: every option against the whole model in the solver."""
    _, cold = small
    folder = copied(small[0], tmp_path / "run")
    monkeypatch.setattr(decomposition, "SMALL", 0)
    climbs: list[int] = []
    ours = Climb.climb

    def counted(self: Climb, *given: Any) -> Any:
        climbs.append(1)
        return ours(self, *given)

    monkeypatch.setattr(Climb, "climb", counted)
    near = make_business_case(folder)
    assert 0 < len(climbs) < len(near.options) / 2, "most are placed from near a plan"
    keys = ["subject", "option"]
    both = cold.options.merge(near.options, on=keys, suffixes=("", "_near"))
    assert len(both) == len(cold.options) == len(near.options) > 6
    total = abs(float(reopen(small[0])[1].present_value_pounds))
    assert near.stamp["placed_within_pounds"] <= WITHIN * total
    # Within a tie money and failures may be traded for each other; not their sum against doing
    # nothing.
    value = "value_with_failures_pounds"
    assert both[[value, f"{value}_near"]].notna().all(axis=None)
    assert (both[f"{value}_near"] - both[value]).abs().max() <= 2 * WITHIN * total


def test_a_case_that_was_stopped_goes_on(
    small: tuple[Path, BusinessCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(small[0], tmp_path / "run")
    placed: list[int] = []
    ours, most = Study.placed_for, [4]

    def counted(self: Study, *given: Any, **more: Any) -> Any:
        if len(placed) >= most[0]:
            raise KeyboardInterrupt
        placed.append(1)
        return ours(self, *given, **more)

    monkeypatch.setattr(Study, "placed_for", counted)
    with pytest.raises(Stopped, match="placements were made"):
        make_business_case(folder)
    assert not (folder / FOLDER).exists()
    kept = sorted((folder / "answers").glob("case-*.json"))
    assert kept
    # A file that was damaged is placed again.
    kept[0].write_text("{", encoding="utf-8")
    most[0] = 10_000
    told: list[str] = []
    again = make_business_case(folder, on_progress=told.append)
    pd.testing.assert_frame_equal(again.options, small[1].options, rtol=1e-6, atol=10.0)
    assert any("left" in words for words in told)
    placed.clear()
    last = make_business_case(folder)
    assert not placed, "what is kept is not placed again"
    for name in BusinessCase.table_names():
        pd.testing.assert_frame_equal(getattr(last, name), getattr(again, name))


# ------------------------------------------------------------------ files


def test_a_case_is_replaced_whole_and_read_back(tmp_path: Path, by_hand: BusinessCase) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    by_hand.write(folder)
    first = sorted(p.name for p in (folder / FOLDER).iterdir())
    by_hand.write(folder)
    assert sorted(p.name for p in (folder / FOLDER).iterdir()) == first
    assert [p.name for p in folder.iterdir()] == [FOLDER], "nothing half is left"
    again = read_business_case(folder)
    assert again is not None and again.stamp == by_hand.stamp
    for name in BusinessCase.table_names():
        pd.testing.assert_frame_equal(
            getattr(again, name), getattr(by_hand, name), check_dtype=False
        )
    (folder / FOLDER / "business_case_lines.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match="damaged"):
        read_business_case(folder)


def test_a_case_of_a_former_run_is_not_shown(tmp_path: Path, by_hand: BusinessCase) -> None:
    made = by_hand.stamp["run"]
    about = {"objective_pounds": made["objective_pounds"]}
    assert by_hand.about({"created": made["created"], "solver": about})
    assert not by_hand.about({"created": "2020-01-01", "solver": {}})


def test_names_cannot_become_formulas(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    case = make_business_case(folder)
    case.risks.loc[0, "risk"] = "=cmd|' /C calc'!A0"
    case.write(folder)
    text = (folder / FOLDER / "business_case_risks.csv").read_text(encoding="utf-8")
    assert "'=cmd" in text and ",=cmd" not in text
