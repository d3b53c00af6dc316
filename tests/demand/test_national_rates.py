"""The shipped model's rates of new and ceasing plans, recomputed from what DfE publishes.

Source: Department for Education, "Education, health and care plans", reporting year 2025, England
rows, in ``../shared/data/sen2_2025`` beside the repository. Skipped where it is missing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sufficiency.demand.projection import (
    AGES,
    NATIONAL_PEOPLE,
    FloatArray,
    authority_rates,
    project,
)
from sufficiency.problems import Problems
from sufficiency.rules import PlanningModel, load_model

ROOT = Path(__file__).resolve().parents[2]
ENGLAND = ROOT.parent / "shared" / "data" / "sen2_2025"

UNDER_3 = np.array([0.0, 0.1, 0.9])
"""Ages 0, 1 and 2 of a count published for "under 3" (judgement)."""
OVER_19 = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 32])
"""Ages 20 to 25 of new plans published for "age 20 and over": each year half of the one before."""
EARLIER = 1 / 3
"""Part of the new plans published at an age that is a year younger in the count of plans: by about
a third the running total of new plans that the counts show is ahead of the published one."""
COUNTED_TO = 16
"""Highest age at which new plans are what the counts say, and those of older ages as published."""


@pytest.fixture(scope="module", autouse=True)
def _england_is_here() -> None:
    if not ENGLAND.is_dir():
        pytest.skip(f"the published data are not here: {ENGLAND}")


@cache
def shipped() -> PlanningModel:
    problems = Problems()
    model = load_model(ROOT / "models" / "england-2026.toml", problems)
    problems.raise_if_any()
    assert model is not None
    return model


def published(file: str, topic: str, column: str, period: int) -> pd.Series[float]:
    """A column of England's rows by what the row breaks down to, such as "age 10"."""
    rows = pd.read_csv(ENGLAND / file, low_memory=False)
    rows = rows[(rows["breakdown_topic"] == topic) & (rows["time_period"] == period)]
    return rows.set_index("breakdown")[column].astype(float)


def plans(year: int) -> FloatArray:
    """Children with a plan in January of a year by age 0 to 25 at 31 August before."""
    period = (year - 1) * 100 + year % 100
    found = published("england_caseload.csv", "Child or young persons age", "ehcplans", period)
    single = [found[f"age {age}"] for age in range(3, AGES)]
    return np.array([*(UNDER_3 * found["under 3"]), *single])


@cache
def published_new() -> FloatArray:
    """New plans of 2024 by age as published, 0 to 25."""
    found = published("england_newplans.csv", "Age when plan started", "new_ehc_plans", 2024)
    single = [found[f"age {age}"] for age in range(3, 20)]
    over = OVER_19 * found["age 20 and over"]
    return np.array([*(UNDER_3 * found["age 2 and under"]), *single, *over])


@cache
def published_ceased() -> FloatArray:
    """Plans that ceased in 2024 but for a move to another authority, by published age 0 to 19."""
    topic = "Age plan ceased"
    total = published("england_ceased_plans.csv", topic, "total_ceased", 2024)
    found = total - published("england_ceased_plans.csv", topic, "transfer", 2024)
    single = [found[f"age {age}"] for age in range(3, 20)]
    return np.array([*(UNDER_3 * found["age 2 and under"]), *single])


def recompute() -> tuple[FloatArray, FloatArray]:
    """New plans per 1,000 people, and the share of plans that cease, by age 0 to 25.

    On every cohort, plans[January 2025, age + 1] = plans[January 2024, age] x (1 - share that
    cease) + new plans[age + 1]. The counts give age at 31 August. Ceasing is published by the age
    at the event, most of all in summer, when the cohort is a year older; new plans between that
    age and one less (``EARLIER``). Up to age 16 few plans cease, so the published number serves
    and the counts give the new plans; after it few plans are new, so it is the other way round.
    """
    before, after = plans(2024), plans(2025)
    new = (1 - EARLIER) * published_new() + EARLIER * np.append(published_new()[1:], 0.0)
    ceased = np.zeros(AGES)
    young = np.arange(2, COUNTED_TO)
    ceased[young] = published_ceased()[young + 1]
    new[young + 1] = after[young + 1] - before[young] + ceased[young]
    # Nobody aged 0 has a plan to cease: the count under 3 gives the new plans at 1 and 2.
    new[:3] = [0.0, after[1], after[2] - before[1]]
    old = np.arange(COUNTED_TO, AGES - 1)
    ceased[old] = before[old] + new[old + 1] - after[old + 1]
    share = ceased / np.where(before > 0, before, 1.0)
    share[AGES - 1] = 1.0
    new[AGES - 1] = 0.0
    return 1000 * new / np.array(NATIONAL_PEOPLE), share


def test_rates_are_those_of_the_published_counts() -> None:
    new, ceasing = recompute()
    assert shipped().new_plans_per_1000 == pytest.approx(new, abs=0.0051)
    assert shipped().ceasing_share == pytest.approx(ceasing, abs=0.00051)


def test_counts_and_published_flows_agree() -> None:
    """The derivation takes half of each flow from the counts: their sums were published too."""
    new, ceasing = recompute()
    people = np.array(NATIONAL_PEOPLE)
    implied_new = float((new * people).sum() / 1000)
    all_new = published("england_newplans.csv", "New EHC plans", "new_ehc_plans", 2024).iloc[0]
    assert implied_new == pytest.approx(all_new, rel=0.02)
    by_reason = ["total_ceased", "transfer"]
    total, moved = (
        published("england_ceased_plans.csv", "All ceased EHC plans", column, 2024).iloc[0]
        for column in by_reason
    )
    assert (ceasing * plans(2024)).sum() == pytest.approx(total - moved, rel=0.05)


def test_a_third_of_new_plans_is_a_year_younger_than_published() -> None:
    """Least squares over running totals, which a plan issued early or late within a year spares."""
    new = recompute()[0] * np.array(NATIONAL_PEOPLE) / 1000
    ages = np.arange(5, COUNTED_TO + 1)
    ahead = (new.cumsum() - published_new().cumsum())[ages]
    following = published_new()[ages + 1]
    assert (ahead @ following) / (following @ following) == pytest.approx(EARLIER, abs=0.05)


def test_england_of_2024_projected_a_year_is_england_of_2025() -> None:
    """The projection itself, with England as one area: each age within two per cent."""
    before, after = plans(2024), plans(2025)
    ages = np.arange(AGES - 1)
    today = pd.DataFrame(
        {"area": "England", "need": "ASD", "tier": 1, "year_group": ages - 4,
         "children": before[ages]}
    )  # fmt: skip
    areas = pd.DataFrame(
        {"area": ["England"], "locality": ["England"], "children_0_4": [1.0],
         "children_5_11": [1.0], "children_12_17": [1.0], "children_18_24": [1.0]}
    )  # fmt: skip
    people = pd.DataFrame({"academic_year": 2023, "age": range(AGES), "people": NATIONAL_PEOPLE})
    model = shipped()
    # As rates of its own: else the level of 2024 beside that of 2025 would lower the new plans.
    own = pd.DataFrame(
        {"year_group": ages - 4, "new_plans_per_1000": [model.new_plans_per_1000[a] for a in ages]}
    )
    rates = authority_rates(model.new_plans_per_1000, model.ceasing_share, 0.0, own)
    found = project(today, areas, people, rates, base_year=2023, years=1, seed=1, expected=True)
    projected = found.groupby("year_group")["children"].sum()
    for age in range(3, AGES - 1):
        assert projected[age - 4] == pytest.approx(after[age], rel=0.02), age
    assert projected.sum() == pytest.approx(after[: AGES - 1].sum(), rel=0.002)
