"""Sizes of the small shipped example, so that an arc, a cohort or a row cannot be lost unseen.

``sizes_of_small.csv`` holds what was counted last. When a change of rules or of the example is
meant to change it, write it anew and look at the difference before committing:

    python -m tests.placement.test_regression_sizes
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sufficiency.pipeline import Loaded, load_scenario
from sufficiency.placement.model import FAMILIES, build
from sufficiency.placement.question import Question
from sufficiency.solving import StandardForm

TABLE = Path(__file__).with_name("sizes_of_small.csv")


@cache
def small() -> tuple[Loaded, Question, Any]:
    loaded = load_scenario("small")
    question = loaded.question()
    return loaded, question, build(question)


def sizes() -> pd.DataFrame:
    """What is counted (set, part) and how many."""
    _, q, model = small()
    form = StandardForm.of(model)
    found: list[tuple[str, str, int]] = []

    def count(name: str, parts: Any) -> None:
        counted = pd.Series(list(parts), dtype=object).value_counts().sort_index()
        found.extend((name, str(part), int(n)) for part, n in counted.items())

    arcs = q.arcs
    at = arcs["provision"].to_numpy(int)
    role = np.select(
        [arcs["settled"], arcs["staying"], arcs["only_staying"], arcs["beyond_limit"]],
        ["settled", "staying on", "only who is there", "beyond the travel limit"],
        "free choice",
    )
    count("cohorts by origin", q.cohorts["origin"])
    count("cohorts by phase", q.cohorts["phase"])
    count("arcs by role", role)
    count("arcs by kind", q.provisions["kind"].to_numpy()[at])
    count("arcs by entry year", q.settings.base_year + arcs["entry"].to_numpy(int))
    count("provisions by kind", q.provisions["kind"])
    count("schemes in play by kind", q.schemes["kind"])
    count("rows by family", [name for name, _ in form.rows])
    count("columns by variable", [name for name, _ in form.columns])
    return pd.DataFrame(found, columns=["set", "part", "number"])


def test_sizes_are_those_last_looked_at() -> None:
    expected = pd.read_csv(TABLE, dtype={"part": str})
    key = ["set", "part"]
    both = expected.merge(sizes(), on=key, how="outer", suffixes=("_expected", "_found")).fillna(0)
    changed = both[both["number_expected"] != both["number_found"]]
    assert changed.empty, f"sizes changed (see this file's docstring):\n{changed.to_string()}"


def test_rows_of_the_solver_are_the_rows_of_the_model() -> None:
    """Nothing is dropped on the way from Pyomo to the standard form."""
    _, _, model = small()
    form = StandardForm.of(model)
    for name in FAMILIES:
        there = sum(family == name for family, _ in form.rows)
        assert there == len(getattr(model, name)), name


def test_every_cohort_that_looks_for_a_place_has_one_to_go_to_or_is_named() -> None:
    loaded, q, _ = small()
    alone = q.cohorts[~q.cohorts.index.isin(set(q.arcs["cohort"]))]
    named = {w.message for w in loaded.warnings}
    for cohort in alone.itertuples():
        wanted = (
            f"no provision suits {cohort.need}, tier {cohort.tier}, "
            f"year group {cohort.entry_year_group}."
        )
        assert wanted in named, cohort


def test_nobody_of_the_projection_is_left_out() -> None:
    """Cohorts hold every child: a diagonal's children are all at their transition points, and
    those who join between them."""
    _, q, _ = small()
    d = q.diagonals
    points = np.array(q.model.transition_points)
    looking = q.cohorts[q.cohorts["origin"] != "settled"]
    for t in range(1, q.years + 1):
        group = d.year_group(t)
        of_age = group <= q.model.last_year_group
        moving = np.isin(group, points)
        expected = d.children[moving & of_age, t].sum() + d.joining[~moving & of_age, t].sum()
        found = looking.loc[looking["entry"] == t, "children"].sum()
        assert found == pytest.approx(expected), t
    assert q.cohorts.loc[q.cohorts["entry"] == 0, "children"].sum() == pytest.approx(
        d.children[:, 0].sum()
    )


def test_every_arc_lasts_and_leads_to_a_place_that_is_open() -> None:
    _, q, _ = small()
    arcs = q.arcs
    at = arcs["provision"].to_numpy(int)
    assert (arcs["end"] > arcs["entry"]).all()
    assert (arcs["end"] <= q.years + 1).all()
    free = ~arcs["settled"].to_numpy()
    opens = q.provisions["opens"].to_numpy(int)[at]
    closes = q.provisions["closes"].to_numpy(int)[at]
    assert (opens[free] <= arcs["entry"].to_numpy()[free]).all()
    assert (closes[free] >= arcs["end"].to_numpy()[free]).all()


if __name__ == "__main__":
    sizes().to_csv(TABLE, index=False, lineterminator="\n")
