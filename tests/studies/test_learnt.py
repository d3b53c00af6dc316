"""What a search has learnt is kept for the next study of the scenario: used, and never believed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from sufficiency.asking import Ask, Study
from sufficiency.pipeline import (
    Loaded,
    content_of,
    load_scenario,
    optimise,
    study,
    write_results,
)
from sufficiency.plan import Plan
from sufficiency.plan.learnt import FILE, read_learnt, write_learnt
from sufficiency.solving import SolveOptions, decomposition
from sufficiency.solving.placements import Placements
from sufficiency.studies.answers import Answers
from sufficiency.studies.site_tests import try_sites

GAP = 0.01
OPTIONS = SolveOptions(gap=GAP, threads=1)
AT = "573356,305643"


@pytest.fixture(autouse=True)
def apart() -> Iterator[None]:
    """The small example is searched the way in which large ones are."""
    with patch.object(decomposition, "SMALL", 0):
        yield


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load_scenario("small")


@pytest.fixture(scope="module")
def planned(loaded: Loaded) -> Plan:
    with patch.object(decomposition, "SMALL", 0):
        return optimise(loaded, gap=GAP, threads=1)


def tried(loaded: Loaded, folder: Path) -> Any:
    finding = try_sites(
        loaded, at=[AT], needs="ASD", places=30, opens="2029/30", gap=GAP, threads=1, folder=folder
    )
    return finding.tables["sites"].iloc[0]


class Work:
    """Counts relaxations, and schedules for which children were placed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.relaxations, self.schedules = 0, list[bytes]()
        relax, exactly = Placements.relax, Placements._exactly

        def relaxed(of: Placements, *given: Any) -> Any:
            self.relaxations += 1
            return relax(of, *given)

        def placed(of: Placements, model: Any, *given: Any) -> Any:
            self.schedules.append(model.switches.tobytes())
            return exactly(of, model, *given)

        monkeypatch.setattr(Placements, "relax", relaxed)
        monkeypatch.setattr(Placements, "_exactly", placed)


def test_a_site_test_after_optimise_searches_nothing_of_the_scenario_again(
    loaded: Loaded, planned: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(planned, loaded, tmp_path / "small", report=False)
    assert (tmp_path / "small" / "answers" / FILE).is_file()
    asked = list[tuple[Ask, int]]()
    best = Study.best
    work = Work(monkeypatch)

    def counted(of: Study, ask: Ask, **given: Any) -> Any:
        before = len(work.schedules)
        found = best(of, ask, **given)
        of.placed_for(found.opens)
        asked.append((ask, len(work.schedules) - before))
        return found

    monkeypatch.setattr(Study, "best", counted)
    after = tried(loaded, tmp_path / "small-site-test")
    assert work.relaxations == 0
    (without, of_the_base), (with_it, of_the_site) = asked
    assert without.forbid and not without.force and with_it.force
    assert of_the_base == 0, "the plan of the run is the plan without the site"
    assert of_the_site > 0

    # Nothing but the file makes the difference, and both say what is true.
    cold = tried(loaded, tmp_path / "elsewhere" / "cold")
    assert work.relaxations == 1
    assert after["worth_least_pounds"] <= cold["worth_most_pounds"]
    assert cold["worth_least_pounds"] <= after["worth_most_pounds"]

    # The same command again searches nothing and places nobody.
    work.schedules.clear()
    again = tried(loaded, tmp_path / "small-site-test")
    assert not work.schedules
    assert work.relaxations == 1
    assert again.equals(after)


def test_a_finding_that_is_written_elsewhere_begins_from_the_run_too(
    loaded: Loaded, planned: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--out`` says where the answer goes; where the run lies is known all the same."""
    monkeypatch.chdir(tmp_path)
    write_results(planned, loaded, tmp_path / "runs" / "small", report=False)
    work = Work(monkeypatch)
    tried(loaded, tmp_path / "for-cabinet" / "site")
    assert work.relaxations == 0


def test_a_recalled_plan_is_the_plan_itself(loaded: Loaded, planned: Plan) -> None:
    opens = {
        str(row["scheme"]): int(row["opens"])
        for row in planned.schemes.to_dict("records")
        if row["opens"] >= 0
    }
    first, second = study(loaded, OPTIONS), study(loaded, OPTIONS)
    first.recall(planned.learnt)
    recalled = first.plan(opens)
    searched = second.plan(opens)
    assert recalled.present_value_pounds == pytest.approx(searched.present_value_pounds, rel=1e-9)
    assert recalled.present_value_pounds == pytest.approx(planned.present_value_pounds, rel=1e-9)
    mine, theirs = (p.marginal_values["pounds"].sum() for p in (recalled, planned))
    assert mine == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("how", ["nonsense", "cheaper", "dearer", "root", "nothing"])
def test_what_does_not_fit_is_not_believed(loaded: Loaded, planned: Plan, how: str) -> None:
    learnt = dict(planned.learnt)
    random = np.random.default_rng(3)
    if how == "nonsense":
        learnt["row_prices"] = random.normal(0.0, 1e6, learnt["row_prices"].shape)
        learnt["placed_values"] = random.random(learnt["placed_values"].shape)
    elif how == "cheaper":  # a plan that leaves half of the children out
        learnt["placed_values"] = learnt["placed_values"] / 2
    elif how == "dearer":  # prices that would prove too much, were they believed
        learnt["row_prices"] = learnt["row_prices"] * 10.0
    elif how == "root":  # a relaxation that says nothing, beside plans that hold
        learnt["row_prices"] = np.vstack([learnt["row_prices"][:1] * 0, learnt["row_prices"][1:]])
    else:
        learnt = {name: array[..., :0] for name, array in learnt.items()}
    of = study(loaded, OPTIONS)
    of.recall(learnt)
    assert not of.search._plans, "no plan is taken over"
    assert of.search._root is None, "the search begins anew"
    if how != "nonsense":
        return
    found = of.best()
    truth = float(planned.stamp["solver"]["objective_pounds"])
    least = float(planned.stamp["solver"]["bound_pounds"])
    assert found.gap <= GAP
    assert least <= found.objective
    assert found.bound <= truth
    assert of.plan(found.opens).present_value_pounds == pytest.approx(found.objective, rel=GAP)


def test_recalling_comes_before_searching(loaded: Loaded, planned: Plan) -> None:
    """A search that has begun stays as it is."""
    of = study(loaded, OPTIONS)
    found = of.best()
    cuts, placements = len(of.search.master.cuts), of.search._placements
    of.recall(planned.learnt)
    assert of.search._placements is placements
    assert len(of.search.master.cuts) == cuts
    assert of.best().objective <= found.objective


def test_it_belongs_to_its_inputs(loaded: Loaded, planned: Plan, tmp_path: Path) -> None:
    content = content_of(loaded)
    write_learnt(tmp_path, content, planned.learnt)
    kept = read_learnt([tmp_path / "none", tmp_path], content)
    assert sorted(kept) == sorted(planned.learnt)
    for name, array in kept.items():
        assert np.array_equal(array, planned.learnt[name])
    settings = replace(loaded.settings, whole_children=True)
    assert content_of(replace(loaded, settings=settings)) == content
    key = next(k for k, e in loaded.model.entries.items() if isinstance(e.value, float))
    price = loaded.model.entries[key]
    dearer = {**loaded.model.entries, key: replace(price, value=price.value + 1)}
    hashes = {**loaded.tables.hashes, "schemes": "another"}
    for other in (
        replace(loaded, model=replace(loaded.model, entries=dearer)),
        replace(loaded, tables=replace(loaded.tables, hashes=hashes)),
        replace(loaded, scenario=replace(loaded.scenario, seed=loaded.scenario.seed + 1)),
        replace(loaded, settings=replace(loaded.settings, balance_from=2031)),
    ):
        assert content_of(other) != content
        assert read_learnt([tmp_path], content_of(other)) == {}


def test_a_damaged_file_is_learnt_again(loaded: Loaded, planned: Plan, tmp_path: Path) -> None:
    content = content_of(loaded)
    write_learnt(tmp_path, content, planned.learnt)
    file = tmp_path / "answers" / FILE
    whole = file.read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        assert read_learnt([tmp_path], content) == {}
    changed = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[changed.integers(len(whole))] ^= 1 << int(changed.integers(8))
        file.write_bytes(damaged)
        assert set(read_learnt([tmp_path], content)) in (set(), set(planned.learnt))
    write_learnt(tmp_path, content, planned.learnt | {"columns": np.arange(3)})
    Answers(study(loaded, OPTIONS), tmp_path, scenario=loaded)
    write_learnt(tmp_path, content, {"rows": planned.learnt["rows"]})
    folder = tmp_path / "study"
    (folder / "answers").mkdir(parents=True)
    (folder / "answers" / FILE).write_bytes(file.read_bytes())
    assert tried(loaded, folder)["worth_most_pounds"] < np.inf
    assert set(read_learnt([folder], content)) == set(planned.learnt)


def test_a_search_that_goes_on_places_no_better_than_one_that_begins_anew(
    loaded: Loaded, planned: Plan
) -> None:
    """Placing near enough and then exactly ends where placing exactly does."""
    of = study(loaded, OPTIONS)
    of.recall(planned.learnt)
    placements = of.search._placements
    assert placements is not None
    for plan in list(placements._certain.values()):
        switches, never = plan.switches, threading.Event()
        placements._certain.clear()
        placements._climbs.clear()
        near = placements.place(switches, never, None, exact=1e-3)
        gone_on = placements.place(switches, never, None, exact=0.0)
        placements.forget()
        anew = placements.place(switches, never, None, exact=0.0)
        assert near is not None and gone_on is not None and anew is not None
        assert gone_on.cost == pytest.approx(anew.cost, rel=1e-9)
        assert gone_on.cost == pytest.approx(plan.cost, rel=1e-9)
        assert gone_on.cost <= near.cost * (1 + 1e-9)
