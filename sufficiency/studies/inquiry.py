"""A study as a conversation: what is known already is not asked again, and every plan is measured.

Answers lend each other what they prove. A plan that obeys a question answers it, whoever found it;
what no plan costs less than holds for every narrower question. So the best plan is also the best
plan without a scheme that it does not open, and nothing is searched for that.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import pandas as pd

from sufficiency import pipeline
from sufficiency.asking import Answered, Ask, Study, obeys
from sufficiency.pipeline import Loaded
from sufficiency.placement.question import Question
from sufficiency.plan import Plan
from sufficiency.problems import InputError, Problems, Stopped, near
from sufficiency.reports import formatting as fmt
from sufficiency.solving import SolveOptions
from sufficiency.studies.answers import Answers
from sufficiency.studies.appraisal import child_years

Tell = Callable[[str], None]
Schedule = Mapping[str, int]
INDEPENDENT: Final = ("independent_special", "non_maintained_special")
"""Kinds that returns count together as independent and non-maintained special schools."""
SAME: Final = 1e-9
"""Relative difference within which two costs are the same to a computer."""


class Inquiry:
    """Questions to one study, searched only where what is known does not answer them.

    Used as a context, it turns Ctrl-C into :class:`Stopped`, which says what was kept.

    Args:
        loaded: the inputs, for measuring plans.
        study: to be asked.
        folder: in whose ``answers`` they are kept; None: nowhere.
        total: questions that may have to be searched, for the time that is left.
        tell: told each step in words.
        scenario: inputs whose searches the study's own may begin from; see :class:`Answers`.
    """

    def __init__(
        self,
        loaded: Loaded,
        study: Study,
        folder: Path | None = None,
        *,
        total: int = 0,
        tell: Tell | None = None,
        scenario: Loaded | None = None,
    ) -> None:
        self.loaded, self.study = loaded, study
        self.answers = Answers(study, folder, total=total, tell=tell, scenario=scenario)
        self.tell = tell or (lambda words: None)
        self.searched = 0
        self.folder = folder
        self._known: list[Answered] = []
        self._capital = study.capital()
        self._content = ""
        self._measured: dict[str, dict[str, float]] = {}

    def __enter__(self) -> Inquiry:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            raise self.stopped() from error

    def stopped(self) -> Stopped:
        """What is said after Ctrl-C."""
        folder = self.answers.kept.folder
        if folder is None or not folder.is_dir() or not any(folder.iterdir()):
            return Stopped("Interrupted; nothing was written.")
        return Stopped(
            f"Interrupted; the answers found so far are kept in {folder}: run the same "
            "command again to go on from there."
        )

    # -- schemes

    @property
    def question(self) -> Question:
        """The arrays that are asked about."""
        return self.study.question

    @property
    def names(self) -> dict[str, str]:
        """Scheme to its name, in the order of the table."""
        table = self.question.schemes
        return dict(zip(table["scheme"].astype(str), table["name"].astype(str), strict=True))

    @property
    def decided(self) -> set[str]:
        """Schemes that are committed, and what they require."""
        table = self.question.schemes
        committed = table.loc[table["committed"] >= 1, "scheme"]
        return {str(s) for s in committed} | self.required(str(s) for s in committed)

    @property
    def candidates(self) -> list[str]:
        """Schemes that are still to be decided, in the order of the table."""
        decided = self.decided
        return [s for s in self.names if s not in decided]

    def required(self, schemes: Iterable[str]) -> set[str]:
        """What schemes require, and what that requires; the schemes themselves not counted."""
        ids = list(self.names)
        needs: dict[str, set[str]] = {}
        for scheme, needed in self.question.prerequisites:
            needs.setdefault(ids[scheme], set()).add(ids[needed])
        return _closure(schemes, needs)

    def rivals(self, scheme: str) -> set[str]:
        """Schemes of which only one can open together with it, and what requires them."""
        ids = list(self.names)
        number = ids.index(scheme)
        groups = [members for _, members in self.question.exclusive if number in members]
        others = {ids[s] for members in groups for s in members if s != number}
        return others | self.dependants(others)

    def dependants(self, schemes: Iterable[str]) -> set[str]:
        """What requires schemes, and what requires that; the schemes themselves not counted."""
        ids = list(self.names)
        needs: dict[str, set[str]] = {}
        for scheme, needed in self.question.prerequisites:
            needs.setdefault(ids[needed], set()).add(ids[scheme])
        return _closure(schemes, needs)

    def capital(self, schemes: Iterable[str]) -> float:
        """Capital of schemes, pounds, in prices of the scheme table."""
        return sum(self._capital[s] for s in schemes)

    # -- questions

    def best(
        self, ask: Ask | None = None, words: str = "", *, gap: float | None = None
    ) -> Answered:
        """The best plan that answers a question, by what is known or else by a search.

        Raises:
            Stopped: on Ctrl-C; what was answered so far is kept.
        """
        ask, wanted = ask or Ask(), self.study.options.gap if gap is None else gap
        known = self.known(ask)
        if known.status == "infeasible" or known.gap <= wanted:
            self.answers.total = max(self.answers.total - 1, 0)
            return known
        found = self.answers.best(ask, words, gap=gap)
        self.searched += 1
        self._known.append(found)
        known = self.known(ask)
        return replace(known, status=found.status) if known.gap > wanted else known

    def best_or_why(
        self, ask: Ask | None = None, words: str = "The best plan", *, gap: float | None = None
    ) -> Answered:
        """The same where the study cannot go on without a plan.

        Raises:
            NoPlanError: when no plan obeys the rules, with those that contradict each other; or
                when none was found in time.
            Stopped: on Ctrl-C.
        """
        found = self.best(ask, words, gap=gap)
        if not found.found:
            raise self.answers.none_found(found)
        return found

    def learn(self, ask: Ask, objective: float, bound: float, opens: Schedule) -> None:
        """Take over what was worked out elsewhere about the same model.

        Args:
            ask: a question that the plan and the bound answer.
            objective: present value of a plan that opens ``opens``, pounds.
            bound: no plan that answers the question costs less, pounds.
            opens: scheme to academic year.
        """
        self._known.append(
            self.study.recalled(ask, status="known", objective=objective, bound=bound,
                                opens=opens, seconds=0.0)
        )  # fmt: skip

    def exactly(self, opens: Schedule, words: str = "") -> Answered:
        """The plan that opens these schemes in these Septembers and no others; without a search.

        Its cost is infinite where the rules do not allow it.
        """
        self.answers.total += 1
        found = self.answers.exactly(opens, words)
        if found.found:
            # One schedule proves nothing of others.
            self.learn(Ask(), found.objective, -math.inf, opens)
        return found

    def known(self, ask: Ask) -> Answered:
        """What all answers so far say together of a question; nothing is searched."""
        bound, plan = -math.inf, None
        for answer in self._known:
            if at_least_as_wide(answer.ask, ask):
                bound = max(bound, math.inf if answer.status == "infeasible" else answer.bound)
            better = plan is None or answer.objective < plan.objective
            if answer.found and better and self.allows(ask, answer.opens):
                plan = answer
        if plan is None:
            status = "infeasible" if bound == math.inf else "not asked"
            return self.study.recalled(ask, status=status, objective=math.inf, bound=bound,
                                       opens={}, seconds=0.0)  # fmt: skip
        return self.study.recalled(
            ask, status="optimal", objective=plan.objective,
            bound=min(bound, plan.objective), opens=plan.opens, seconds=plan.seconds,
        )  # fmt: skip

    def allows(self, ask: Ask, opens: Schedule) -> bool:
        """Whether a schedule is one that a question asks for."""
        return obeys(ask, opens, self._capital)

    # -- plans

    def plan(self, opens: Schedule) -> Plan:
        """Children placed exactly for a schedule, as tables.

        Raises:
            NoPlanError: when the rules do not allow the schedule.
        """
        return self.study.plan(opens)

    def measures(self, opens: Schedule) -> dict[str, float]:
        """What the plan for a schedule comes to (see :func:`measures_of`); kept by content."""
        if not self._content:
            self._content = self.study.fingerprint()
        text = json.dumps([self._content, sorted(opens.items())])
        key = "plan-" + hashlib.sha256(text.encode()).hexdigest()[:32]
        if key not in self._measured:
            self._measured[key] = self.kept(key, lambda: measures_of(self.plan(opens), self.loaded))
        return self._measured[key]

    def kept(self, key: str, work: Callable[[], dict[str, float]]) -> dict[str, float]:
        """Numbers that are worked out once and kept beside the answers, by a key of content."""
        try:
            return {str(k): float(v) for k, v in self.answers.kept.read(key).items()}
        except (ValueError, TypeError, AttributeError):
            pass  # what is missing or damaged is worked out
        found = work()
        self.answers.kept.write(key, found)
        return found


class Countdown:
    """Words for a step out of many, with the time that is left.

    Args:
        total: steps.
        tell: told each step in words.
    """

    def __init__(self, total: int, tell: Tell | None) -> None:
        self._total, self._tell = total, tell or (lambda words: None)
        self._done, self._clock = 0, time.monotonic()

    def __call__(self, words: str) -> None:
        """Say that a step begins."""
        said = f"{words} ({self._done + 1} of {self._total}"
        if self._done:
            left = (time.monotonic() - self._clock) / self._done * (self._total - self._done)
            said += f", about {fmt.seconds(left)} left" if left >= 1 else ""
        self._done += 1
        self._tell(said + ")")


def _closure(schemes: Iterable[str], edges: Mapping[str, set[str]]) -> set[str]:
    start = set(schemes)
    found, waiting = set(start), list(start)
    while waiting:
        further = edges.get(waiting.pop(), set()) - found
        found |= further
        waiting += sorted(further)
    return found - start


def at_least_as_wide(ask: Ask, other: Ask) -> bool:
    """Whether every plan that answers ``other`` answers ``ask`` too, as far as words show it."""
    fixed = dict(other.opens)
    return (
        ask.forbid <= other.forbid
        and ask.force <= other.force | set(fixed)
        and set(ask.opens) <= set(other.opens)
        and (
            ask.capital_at_most is None
            or (other.capital_at_most is not None and other.capital_at_most <= ask.capital_at_most)
        )
        and all(
            some in other.unlike or some & other.forbid or (other.force | set(fixed)) - some
            for some in ask.unlike
        )
    )


# ------------------------------------------------------------------ from inputs to questions


def inquire(
    loaded: Loaded,
    *,
    gap: float,
    time_limit: float | None = None,
    threads: int = 2,
    seed: int = 1,
    folder: Path | None = None,
    total: int = 0,
    tell: Tell | None = None,
) -> Inquiry:
    """Build the model of some inputs, to be asked.

    Args:
        loaded: from ``pipeline.load_scenario``, as it stands or changed.
        gap: relative gap that every answer is proven to.
        time_limit: seconds of each search; None for no limit.
        threads, seed: for the solver.
        folder: of the finding, in which answers are kept; None: nowhere.
        total: questions that may have to be searched.
        tell: told each step in words.

    Raises:
        InputError: when the planning model is inconsistent with the tables.
    """
    options = SolveOptions(gap=gap, time_limit=time_limit, threads=threads, seed=seed)
    study = pipeline.study(loaded, options, on_step=tell)
    return Inquiry(loaded, study, folder, total=total, tell=tell, scenario=loaded)


def of_question(inquiry: Inquiry, question: Question, *, folder: Path | None) -> Inquiry:
    """The same inputs with another objective or other prices: a question of its own."""
    areas = inquiry.loaded.tables.areas
    localities = dict(zip(areas["area"], areas["locality"], strict=True))
    schemes = inquiry.loaded.tables.schemes
    study = Study(question, localities, schemes, inquiry.study.options)
    return Inquiry(inquiry.loaded, study, folder, tell=inquiry.tell)


def by_id(frame: pd.DataFrame, key: str) -> dict[str, dict[str, Any]]:
    """Rows of a table by an identifier, each as column to value."""
    return {
        str(row[key]): {str(column): value for column, value in row.items()}
        for row in frame.to_dict("records")
    }


def refuse_without_candidates(inquiry: Inquiry, file: str = "schemes") -> None:
    """Refuse a scenario in which there is nothing to choose.

    Raises:
        InputError: when every scheme is committed, ruled out, or there is none.
    """
    if inquiry.candidates:
        return
    problems = Problems()
    problems.error(
        "there is no scheme to choose: none is given, or all are committed or ruled out.",
        "add candidate schemes, take one out of [committed], or choose a planning model that "
        "allows their kinds.",
        file=file,
    )  # fmt: skip
    raise InputError(problems.errors)


def check_names(given: Iterable[str], known: Iterable[str], what: str, option: str) -> None:
    """Refuse names that do not exist, all of them together.

    Raises:
        InputError: naming each of them and the nearest one that exists.
    """
    problems, listed = Problems(), list(known)
    for name in dict.fromkeys(given):
        if name not in listed:
            problems.error(
                f"there is no such {what}{near(name, listed)}",
                f"use one of: {', '.join(listed) or 'none'}.", file=option, value=name,
            )  # fmt: skip
    problems.raise_if_any()


def stamp_of(inquiry: Inquiry, clock: float, **more: Any) -> dict[str, Any]:
    """What the finding of a study is stamped with: provenance, solver, time, and more."""
    options = inquiry.study.options
    return {
        **pipeline.provenance(inquiry.loaded),
        "solver": {
            "gap_asked": options.gap,
            "time_limit": options.time_limit,
            "threads": options.threads,
            "seed": options.seed,
        },
        "seconds": round(time.monotonic() - clock, 2),
        "warnings": [vars(w) | {"text": str(w)} for w in inquiry.loaded.warnings],
        "estimates": list(inquiry.loaded.estimates),
        **more,
    }


# ------------------------------------------------------------------ what a plan comes to


def measures_of(plan: Plan, loaded: Loaded) -> dict[str, float]:
    """A plan in numbers that can be compared.

    Child-years count every child once for each planned year in which something is so.

    Returns:
        cost_pounds: the objective, money and priced failures at present value.
        money_pounds, priced_pounds: its parts that are money, and those that are not.
        capital_pounds, places: of schemes that open beyond committed ones, undiscounted.
        all_capital_pounds: committed ones included.
        special_places, base_places: new places beyond committed schemes, by kind.
        unmet, over_capacity, beyond_limit, over_guide: child-years.
        independent, independent_last, independent_share: in independent and non-maintained
            special schools: child-years, children in the last year, share of child-years.
        special, in_bases: child-years in special schools of every kind, and in bases.
        minutes: mean one-way minutes of a child in a specialist base or any special school, over
            all planned years.
        child_minutes: the sum behind it, one-way minutes times child-years.
        children: child-years in all, unmet ones included.
    """
    first = loaded.scenario.first_year
    objective = plan.objective
    money = objective["money"].astype(bool)
    opened = plan.schemes[plan.schemes["opens"] >= 0]
    new = opened[opened["status"] != "committed"]
    mix = plan.mix[plan.mix["academic_year"] >= first]
    by_kind = mix.groupby("kind")["children"].sum()
    last = mix[mix["academic_year"] == loaded.scenario.last_year].set_index("kind")["children"]
    counts = child_years(plan, loaded.model, first)
    total = float(by_kind.sum())
    independent = _sum_of(by_kind, INDEPENDENT)
    travelled, child_minutes = _journeys(plan, first)
    return {
        "cost_pounds": float(objective["present_value_pounds"].sum()),
        "money_pounds": float(objective.loc[money, "present_value_pounds"].sum()),
        "priced_pounds": float(objective.loc[~money, "present_value_pounds"].sum()),
        "capital_pounds": float(new["capital_pounds"].sum()),
        "all_capital_pounds": float(opened["capital_pounds"].sum()),
        "places": float(new["places"].sum()),
        "special_places": float(new.loc[new["kind"] == "state_special", "places"].sum()),
        "base_places": float(new.loc[new["kind"] == "specialist_base", "places"].sum()),
        "unmet": counts["unmet"],
        "over_capacity": counts["over_capacity"],
        "beyond_limit": counts["beyond_limit"],
        "over_guide": counts["over_guide"],
        "independent": independent,
        "independent_last": _sum_of(last, INDEPENDENT),
        "independent_share": independent / total if total > 0 else 0.0,
        "special": _sum_of(by_kind, SPECIAL),
        "in_bases": _sum_of(by_kind, ("specialist_base",)),
        "minutes": child_minutes / travelled if travelled > 0 else 0.0,
        "child_minutes": child_minutes,
        "children": total,
    }


SPECIAL: Final = ("state_special", *INDEPENDENT, "out_of_area_state_special")
"""Kinds of special school, whoever runs them and wherever they are."""
SPECIALIST: Final = ("specialist_base", *SPECIAL)
"""Kinds to which children travel because of their need; journeys are compared over these."""


def _sum_of(by_kind: Any, kinds: Iterable[str]) -> float:
    return float(sum(float(by_kind.get(kind, 0.0)) for kind in kinds))


def _journeys(plan: Plan, first: int) -> tuple[float, float]:
    """Child-years in specialist places from ``first`` on, and the one-way minutes of all."""
    here = plan.placements
    here = here[(here["academic_year"] >= first) & here["kind"].isin(SPECIALIST)]
    # A child may be in the same provision on two stays that differ in when they end, not in the
    # journey.
    minutes = plan.stays.groupby(["cohort", "provision"], as_index=False)[["minutes"]].first()
    both = here.merge(minutes, on=["cohort", "provision"], how="left")
    children = both["children"].to_numpy(float)
    return float(children.sum()), float(np.nansum(children * both["minutes"].to_numpy(float)))
