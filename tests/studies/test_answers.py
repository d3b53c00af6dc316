"""Answers are kept by content, recalled without a search, and outlive a stop."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from sufficiency import asking
from sufficiency.asking import Answered, Ask, Study
from sufficiency.pipeline import study
from sufficiency.plan.finding import ANSWERS
from sufficiency.problems import Stopped
from sufficiency.solving import SchemeSearch
from sufficiency.studies.answers import CHECKSUM, Answers, Kept
from sufficiency.studies.inquiry import Inquiry
from tests import tiny


def asked(capital: float = 10.0) -> Study:
    """Ten children who join where there is no place; two schemes could open."""
    return study(
        tiny.world(
            provisions=[tiny.provision("P")],
            commissioned=tiny.places(("P", 0)),
            schemes=[
                tiny.scheme("near", capital_pounds=capital),
                tiny.scheme("dear", capital_pounds=50.0),
            ],
            projected=tiny.forecast(*tiny.joining("A", 2026, 10)),
        )
    )


def never(*_: Any, **__: Any) -> Answered:
    raise AssertionError("this was answered before")


def test_a_kept_answer_is_not_searched_again(tmp_path: Path, monkeypatch: Any) -> None:
    first = Answers(asked(), tmp_path).best()
    monkeypatch.setattr(Study, "best", never)
    again = Answers(asked(), tmp_path).best()
    assert (again.objective, again.bound, again.opens) == (10.0, 10.0, {"near": 2026})
    assert (again.objective, again.bound, again.opens) == (
        first.objective, first.bound, dict(first.opens),
    )  # fmt: skip
    assert again.plan.present_value_pounds == pytest.approx(10.0)


def test_children_are_placed_once_for_a_schedule_and_few_schedules_are_held(
    monkeypatch: Any,
) -> None:
    of, real, calls = asked(), SchemeSearch.place, list[int]()

    def place(self: SchemeSearch, switches: Any, **more: Any) -> Any:
        calls.append(1)
        return real(self, switches, **more)

    monkeypatch.setattr(SchemeSearch, "place", place)
    costs = [of.placed_for(opens).objective for opens in ({"near": 2026}, {"dear": 2026}) * 3]
    assert costs == [10.0, 50.0] * 3
    assert len(calls) == 2
    monkeypatch.setattr(asking, "HELD", 1)
    of.placed_for({"near": 2026, "dear": 2026})
    of.placed_for({})
    assert of.placed_for({"near": 2026}).objective == 10.0
    assert len(calls) > 4, "what was asked for long ago is placed again"


def test_a_schedule_is_costed_without_a_search_and_proves_nothing_of_others(
    tmp_path: Path, monkeypatch: Any
) -> None:
    searched = Study.best
    monkeypatch.setattr(Study, "best", never)
    for _ in range(2):  # found, then recalled
        inquiry = Inquiry(None, asked(), tmp_path)  # type: ignore[arg-type]  # no plan is measured
        dear = inquiry.exactly({"dear": 2026})
        assert (dear.objective, dear.bound) == (50.0, 50.0)
        monkeypatch.setattr(SchemeSearch, "place", never)
    assert inquiry.known(Ask()).objective == 50.0
    assert inquiry.known(Ask()).gap == math.inf
    monkeypatch.setattr(Study, "best", searched)
    assert inquiry.best().objective == 10.0


def test_whatever_changes_makes_another_question(tmp_path: Path) -> None:
    kept = tmp_path / ANSWERS
    Answers(asked(), tmp_path).best()
    for number, (of, ask, gap) in enumerate(
        [(asked(11.0), Ask(), None), (asked(), Ask.that(forbid=["near"]), None),
         (asked(), Ask.that(force=["dear"]), None), (asked(), Ask(), 0.01)],
        start=2,
    ):  # fmt: skip
        Answers(of, tmp_path).best(ask, gap=gap)
        assert len(list(kept.iterdir())) == number


def test_no_plan_is_an_answer_too(tmp_path: Path, monkeypatch: Any) -> None:
    ask = Ask.that(opens={"near": 2040})
    assert not Answers(asked(), tmp_path).best(ask).found
    monkeypatch.setattr(Study, "best", never)
    again = Answers(asked(), tmp_path).best(ask)
    assert not again.found
    assert again.status == "infeasible"


def test_a_damaged_answer_is_asked_again(tmp_path: Path) -> None:
    Answers(asked(), tmp_path).best()
    (kept,) = (tmp_path / ANSWERS).iterdir()
    for text in ("{", "[]", '{"status": 1}', json.dumps({"status": "optimal", "objective": 1,
                 "bound": 1, "seconds": 1, "opens": {"elsewhere": 2026}})):  # fmt: skip
        kept.write_text(text)
        assert Answers(asked(), tmp_path).best().objective == 10.0


def kept_in(folder: Path) -> Path:
    (kept,) = (folder / ANSWERS).glob("*.json")
    return kept


def rewritten(kept: Path, **changes: Any) -> None:
    """Edited by somebody who works out the checksum too: only contradictions can tell."""
    data = {**json.loads(kept.read_text()), **changes}
    data.pop(CHECKSUM)
    Kept(kept.parent.parent).write(kept.stem, data)


@pytest.mark.parametrize(
    "changes",
    [{"objective": 9.0, "bound": 9.0}, {"bound": 5.0}, {"opens": {"dear": 2026}},
     {"status": "time limit"}, {"seconds": 0.5}, {CHECKSUM: "0" * 64}, {"note": "checked"}],
)  # fmt: skip
def test_an_edited_answer_is_asked_again(tmp_path: Path, changes: dict[str, Any]) -> None:
    Answers(asked(), tmp_path).best()
    kept = kept_in(tmp_path)
    kept.write_text(json.dumps({**json.loads(kept.read_text()), **changes}))
    again = Answers(asked(), tmp_path).best()
    assert (again.objective, again.bound, again.opens) == (10.0, 10.0, {"near": 2026})
    assert json.loads(kept.read_text())["objective"] == 10.0, "it is mended"


def test_an_answer_of_a_version_without_checksums_is_asked_again(
    tmp_path: Path, monkeypatch: Any
) -> None:
    Answers(asked(), tmp_path).best()
    kept = kept_in(tmp_path)
    data = json.loads(kept.read_text())
    kept.write_text(json.dumps({k: v for k, v in data.items() if k != CHECKSUM}))
    searched, times = Study.best, list[int]()

    def counts(self: Study, *given: Any, **more: Any) -> Answered:
        times.append(1)
        return searched(self, *given, **more)

    monkeypatch.setattr(Study, "best", counts)
    for _ in range(2):
        assert Answers(asked(), tmp_path).best().objective == 10.0
    assert times == [1]


def test_an_answer_under_another_key_is_none(tmp_path: Path) -> None:
    """Copied over the answer to another question, it would be believed of that one."""
    Answers(asked(), tmp_path).best()
    kept = kept_in(tmp_path)
    forced = Ask.that(force=["dear"])
    Answers(asked(), tmp_path).best(forced)
    (other,) = set((tmp_path / ANSWERS).glob("*.json")) - {kept}
    other.write_text(kept.read_text())
    assert Answers(asked(), tmp_path).best(forced).objective == 50.0


@pytest.mark.parametrize(
    "changes",
    [
        {"bound": 11.0},
        {"objective": "nan"},
        {"objective": "inf", "bound": "inf"},
        {"bound": "nan"},
        {"seconds": "nan"},
        {"seconds": -1.0},
        {"status": "infeasible"},
        {"status": "certain"},
        {"opens": {"near": 2019}},
        {"opens": {"near": 2090}},
        {"opens": {"dear": 2026}},
    ],
)
def test_an_answer_that_contradicts_itself_or_its_question_is_asked_again(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    ask = Ask.that(forbid=["dear"])
    Answers(asked(), tmp_path).best(ask)
    rewritten(kept_in(tmp_path), **changes)
    again = Answers(asked(), tmp_path).best(ask)
    assert (again.status, again.objective, again.bound) == ("optimal", 10.0, 10.0)
    assert again.opens == {"near": 2026}


def test_no_plan_is_not_believed_beside_one(tmp_path: Path) -> None:
    ask = Ask.that(opens={"near": 2040})
    Answers(asked(), tmp_path).best(ask)
    rewritten(kept_in(tmp_path), objective=10.0)
    assert not Answers(asked(), tmp_path).best(ask).found


def test_one_schedule_has_one_cost(tmp_path: Path) -> None:
    Answers(asked(), tmp_path).exactly({"dear": 2026})
    rewritten(kept_in(tmp_path), bound=40.0)
    again = Answers(asked(), tmp_path).exactly({"dear": 2026})
    assert (again.objective, again.bound) == (50.0, 50.0)


def test_edited_measures_are_measured_again(tmp_path: Path) -> None:
    inquiry = Inquiry(None, asked(), tmp_path)  # type: ignore[arg-type]  # no plan is measured
    assert inquiry.kept("m", lambda: {"places": 4.0}) == {"places": 4.0}
    kept = kept_in(tmp_path)
    kept.write_text(kept.read_text().replace("4.0", "400.0"))
    assert inquiry.kept("m", lambda: {"places": 4.0}) == {"places": 4.0}
    assert "400.0" not in kept.read_text()


def test_a_stop_keeps_what_was_answered_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: Any
) -> None:
    told: list[str] = []
    searched = Study.best

    def stops(self: Study, ask: Ask | None = None, **more: Any) -> Answered:
        if ask is not None and ask.force:
            raise KeyboardInterrupt
        return searched(self, ask, **more)

    monkeypatch.setattr(Study, "best", stops)
    answers = Answers(asked(), tmp_path, total=2, tell=told.append)
    with pytest.raises(Stopped) as caught, answers:
        answers.best(words="Without it")
        answers.best(Ask.that(force=["dear"]), words="With it")
    assert "1 of 2 questions were answered" in str(caught.value)
    assert f"{tmp_path / ANSWERS}: run the same command again" in str(caught.value)
    assert told == ["Without it (1 of 2)", "With it (2 of 2)"]
    assert len(list((tmp_path / ANSWERS).iterdir())) == 1


def test_a_search_that_found_nothing_in_time_is_not_kept_and_says_what_to_do(
    tmp_path: Path, monkeypatch: Any
) -> None:
    of = asked()
    late = of.recalled(Ask(), status="time limit", objective=float("inf"), bound=0.0, opens={},
                       seconds=61.0)  # fmt: skip
    monkeypatch.setattr(Study, "best", lambda self, ask=None, **more: late)
    answers = Answers(of, tmp_path)
    assert not answers.best().found
    assert not (tmp_path / ANSWERS).exists()
    assert "more time with --time-limit" in str(answers.none_found(late))
