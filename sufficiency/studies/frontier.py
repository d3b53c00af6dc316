r"""What capital buys: for every limit on capital, the fewest children in independent schools, the
shortest journeys, or the fewest children without a place.

A point is the answer to a question of its own. With \(C\) the capital of schemes, \(c(x)\) the cost
of a plan as ever (money and priced failures) and \(F(x)\) what the frontier is against, the search
minimises

$$c(x) + P\,F(x) \qquad \text{subject to } C(x) \le L$$

under all rules of the planning model. \(P\) is so large that money decides only between plans
that are equal in \(F\): a year of a child in an independent school counts as dear as the planning
model holds a year without any place. Children without a place, or beyond what a school can hold,
are counted in \(F\) as well, as the worst there is: nobody leaves the frontier by being unmet.

With the bound \(b\) of the search, a plan within the limit that costs no more and leaves no more
children without a place has an \(F\) at most \((c + P\,F - b)/P\) smaller: the gap of the point.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sufficiency.asking import Answered, Ask
from sufficiency.pipeline import Loaded
from sufficiency.placement.question import Floats, Question
from sufficiency.plan.finding import Finding
from sufficiency.reports import formatting as fmt
from sufficiency.studies.inquiry import (
    INDEPENDENT,
    Countdown,
    Inquiry,
    Schedule,
    Tell,
    inquire,
    measures_of,
    of_question,
    refuse_without_candidates,
    stamp_of,
)

KIND: Final = "frontier"
AGAINST: Final = ("independent-share", "minutes", "unmet")
MINUTES_AS_DEAR: Final = 60.0
"""One-way minutes a day that count as dear as no place at all, when minutes are minimised."""
SEARCHED: Final = "searched_pounds"
"""What a schedule costs with the measure's price, kept among its measures."""


@dataclass(frozen=True)
class Measure:
    """What a frontier is against.

    Attributes:
        name: one of ``AGAINST``.
        title, unit: for readers.
        by_arc: of one child placed on each arc, over its stay.
        by_failure: of one child-year without a place, or beyond what a school can hold.
        price: pounds of one of it in the search.
        whole: what the sum is divided by to be shown.
    """

    name: str
    title: str
    unit: str
    by_arc: Floats
    by_failure: float
    price: float
    whole: float

    def of(self, measures: Mapping[str, float]) -> float:
        """What a plan comes to, as it is shown: share, minutes, or child-years."""
        failed = measures["unmet"] + measures["beyond_limit"]
        summed = {
            "independent-share": measures["independent"],
            "minutes": measures["all_child_minutes"],
            "unmet": 0.0,
        }[self.name]
        return (summed + self.by_failure * failed) / self.whole


def years_of(question: Question) -> Floats:
    """Child-years of one child placed on each arc, over the planned years of its stay."""
    before = np.zeros((len(question.presence), question.years + 2))
    np.cumsum(question.presence, axis=1, out=before[:, 1:])
    cohort = question.arcs["cohort"].to_numpy(int)
    entry = np.maximum(question.arcs["entry"].to_numpy(int), 1)
    end = np.maximum(question.arcs["end"].to_numpy(int), entry)
    return np.asarray(before[cohort, end] - before[cohort, entry], dtype=float)


def measure_of(question: Question, against: str) -> Measure:
    """What a frontier is against, in the arrays of a question."""
    model = question.model
    years = years_of(question)
    children = float(question.diagonals.children[:, 1:].sum())
    kinds = question.provisions["kind"].to_numpy()[question.arcs["provision"].to_numpy(int)]
    if against == "independent-share":
        by_arc = np.where(np.isin(kinds, INDEPENDENT), years, 0.0)
        return Measure(
            against, "Share of children in independent and non-maintained special schools",
            "share of child-years", by_arc, 1.0, model.price_unmet, children,
        )  # fmt: skip
    if against == "minutes":
        minutes = question.arcs["minutes"].to_numpy(float)
        longest = max(float(v) for v in model.travel_hard_limit_minutes.values())
        return Measure(
            against, "Mean one-way journey of a child with a plan", "minutes one way",
            years * minutes, longest, model.price_unmet / MINUTES_AS_DEAR, children,
        )  # fmt: skip
    return Measure(
        against, "Child-years without a place, or beyond what schools can hold", "child-years",
        np.zeros(len(years)), 1.0, 9.0 * model.price_unmet, 1.0,
    )  # fmt: skip


def with_price(question: Question, measure: Measure) -> Question:
    """The same question with the measure's price in the objective."""
    model = question.model
    least = float(question.discount[1:].min())
    failing = measure.price * measure.by_failure / least
    longest = float(question.years)
    dearer = replace(
        model,
        price_unmet=model.price_unmet + 2.0 * failing,
        price_beyond_limit=model.price_beyond_limit + failing,
        price_of_move=model.price_of_move + failing * longest,
    )
    arc_value = question.arc_value + measure.price * measure.by_arc
    return replace(question, model=dearer, arc_value=arc_value)


def frontier(
    loaded: Loaded,
    *,
    against: str = "independent-share",
    points: int = 10,
    gap: float = 0.005,
    time_limit: float | None = 120.0,
    threads: int = 2,
    seed: int = 1,
    folder: Path | None = None,
    on_progress: Tell | None = None,
) -> Finding:
    """The efficient frontier of capital against one measure.

    Args:
        loaded: from ``pipeline.load_scenario``.
        against: ``independent-share``, ``minutes`` or ``unmet``.
        points: limits on capital, from none for new schemes to what the best plan of all uses.
        gap: relative gap of each search; the gap in the measure stands in the table.
        time_limit, threads, seed: of each search; seconds, None for no limit.
        folder: in which answers are kept, so that a stopped study goes on; None: nowhere.
        on_progress: told each step in words.

    Returns:
        Tables ``points`` and ``point_schemes`` (see :func:`_rows`).

    Raises:
        ValueError: when ``against`` is none of those.
        InputError: when there is nothing to choose.
        NoPlanError: when no plan obeys the rules.
        Stopped: on Ctrl-C.
    """
    if against not in AGAINST:
        raise ValueError(f"{against!r} is none of {', '.join(AGAINST)}")
    clock = time.monotonic()
    plain = inquire(loaded, gap=gap, time_limit=time_limit, threads=threads, seed=seed,
                    folder=folder, total=1, tell=on_progress)  # fmt: skip
    refuse_without_candidates(plain)
    with plain:
        cheapest = plain.best_or_why(words="The plan of least cost")
        measure = measure_of(plain.question, against)
        priced = of_question(plain, with_price(plain.question, measure), folder=folder)
        priced.answers.total = points
        with priced:
            answers = _answers(priced, points)
            table, schemes = _rows(plain, priced, measure, answers, cheapest)
    start = plain.capital(plain.decided)
    stamp = stamp_of(
        plain, clock,
        against=against, measure=measure.title, unit=measure.unit, price_pounds=measure.price,
        decided_capital_pounds=start, names=plain.names, searches=priced.searched + plain.searched,
        points_asked=points,
    )  # fmt: skip
    return Finding(
        KIND,
        f"What does capital buy? {fmt.capital_first(_short(against))} against capital",
        _sentences(table, against),
        {"points": table, "point_schemes": schemes},
        {},
        stamp,
    )


def _short(against: str) -> str:
    return {
        "independent-share": "children in independent schools",
        "minutes": "journeys",
        "unmet": "children without a place",
    }[against]


def _answers(priced: Inquiry, points: int) -> list[tuple[float, Answered]]:
    """(limit on capital of new schemes, answer) from no capital to all that is of use.

    The widest question comes first: a plan that uses less capital than a limit answers it, and
    what it proves holds for every smaller limit.
    """
    decided = priced.capital(priced.decided)
    widest = priced.best_or_why(words="As much capital as is of use")
    most = max(priced.capital(widest.opens) - decided, 0.0)
    limits = [most * i / max(points - 1, 1) for i in range(points)]
    for limit in reversed(limits[:-1]):
        words = f"At most {fmt.pounds(limit)} of new capital"
        priced.best(Ask.that(capital_at_most=decided + limit), words)
    return [(limit, priced.known(Ask.that(capital_at_most=decided + limit))) for limit in limits]


def _rows(
    plain: Inquiry,
    priced: Inquiry,
    measure: Measure,
    answers: list[tuple[float, Answered]],
    cheapest: Answered,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The points, and the schemes at each.

    Columns of ``points``: point (0: the plan of least cost, which is no point of the frontier),
    limit_pounds (new capital at most; NaN for point 0), value (the measure), gap_value (a plan
    within the limit that costs no more and leaves no more children without a place is at most so
    much lower; NaN for point 0), status, added, left_out (schemes against the point before, |),
    the measures of :func:`sufficiency.studies.inquiry.measures_of`, and all_child_minutes.
    Columns of ``point_schemes``: point, scheme, name, opens, decided.

    Points at which the same plan is best are one point, at the least limit. A plan is a point only
    when the measure is lower than at every smaller limit.
    """
    schedules: dict[str, Schedule] = {}
    for _, answer in answers:
        schedules.setdefault(json.dumps(sorted(answer.opens.items())), answer.opens)
    countdown = Countdown(len(schedules) + 1, plain.tell)
    measured: dict[str, dict[str, float]] = {}
    for key, opens in schedules.items():
        countdown("Placing children for a point")
        measured[key] = _measured(plain, priced, opens)
    countdown("Placing children in the plan of least cost")
    first = _measured(plain, plain, cheapest.opens)
    rows: list[dict[str, Any]] = [
        {"point": 0, "limit_pounds": math.nan, "value": measure.of(first), "gap_value": math.nan,
         "status": cheapest.status, "added": "", "left_out": "", **first}
    ]  # fmt: skip
    chosen: list[Schedule] = [cheapest.opens]
    decided = plain.capital(plain.decided)
    for limit, answer in answers:
        within = {
            k: m for k, m in measured.items()
            if plain.capital(schedules[k]) <= decided + limit + 0.5
        }  # fmt: skip
        best = min(within, key=lambda k: (measure.of(within[k]), within[k]["cost_pounds"]))
        value = measure.of(measured[best])
        if len(rows) > 1 and value >= float(rows[-1]["value"]) - 1e-9 * max(1.0, value):
            continue
        before = set(chosen[-1]) if len(rows) > 1 else set(schedules[best])
        mine = set(schedules[best])
        rows.append(
            {
                "point": len(rows),
                "limit_pounds": limit,
                "value": value,
                "gap_value": max(measured[best][SEARCHED] - answer.bound, 0.0)
                / measure.price
                / measure.whole,
                "status": answer.status,
                "added": "|".join(s for s in plain.names if s in mine - before),
                "left_out": "|".join(s for s in plain.names if s in before - mine),
                **measured[best],
            }
        )
        chosen.append(schedules[best])
    names, settled = plain.names, plain.decided
    opened = [
        {"point": number, "scheme": s, "name": names[s], "opens": int(opens[s]),
         "decided": int(s in settled)}
        for number, opens in enumerate(chosen)
        for s in names
        if s in opens
    ]  # fmt: skip
    return pd.DataFrame(rows).drop(columns=SEARCHED), pd.DataFrame(
        opened, columns=["point", "scheme", "name", "opens", "decided"]
    )


def _measured(plain: Inquiry, priced: Inquiry, opens: Schedule) -> dict[str, float]:
    """Measures of children placed as the priced question has them, at the plain one's prices.

    With what the schedule costs in the priced question, under :data:`SEARCHED`.
    """

    def work() -> dict[str, float]:
        outcome = priced.study.placed_for(opens)
        plan = plain.study.written(outcome, prices=False)
        question = plain.question
        at, index = plain.study.form.columns.of("placed")
        minutes = years_of(question) * question.arcs["minutes"].to_numpy(float)
        summed = float((outcome.values[at] * minutes[index]).sum())
        return {
            **measures_of(plan, plain.loaded),
            "all_child_minutes": summed,
            SEARCHED: outcome.objective,
        }

    text = json.dumps(
        [plain.study.fingerprint(), priced.study.fingerprint(), sorted(opens.items())]
    )
    key = "plan-point-" + hashlib.sha256(text.encode()).hexdigest()[:32]
    return plain.kept(key, work)


def shown(against: str, value: float) -> str:
    """A value of the measure in words."""
    if against == "independent-share":
        return fmt.percent(value, 1)
    if against == "minutes":
        return f"{value:.1f} minutes"
    return fmt.child_years(value)


def gap_shown(against: str, value: float) -> str:
    """A gap of the measure in words: small, and so written more finely."""
    if against == "independent-share":
        return f"{value * 100:.2f} percentage points"
    return f"{value:.2f} minutes" if against == "minutes" else fmt.child_years(value)


def _sentences(table: pd.DataFrame, against: str) -> list[str]:
    points = table[table["point"] > 0]
    first, last, plan = points.iloc[0], points.iloc[-1], table.iloc[0]
    what = {
        "independent-share": "the share of child-years in independent and non-maintained special "
        "schools",
        "minutes": "the mean one-way journey",
        "unmet": "child-years without a place",
    }[against]
    said = []
    if len(points) == 1:
        said.append(
            f"No capital changes {what}: it is {shown(against, float(first['value']))} with "
            "nothing new, and no scheme lowers it."
        )
    else:
        said.append(
            f"Capital of {fmt.pounds(float(last['capital_pounds']))} can bring {what} from "
            f"{shown(against, float(first['value']))} down to "
            f"{shown(against, float(last['value']))}, in "
            f"{fmt.number_of(len(points) - 1, 'step', 'steps')}."
        )
        half = (float(first["value"]) + float(last["value"])) / 2
        at = points[points["value"] <= half].iloc[0]
        said.append(f"Half of that is reached with {fmt.pounds(float(at['capital_pounds']))}.")
    said.append(
        f"The plan of least cost uses {fmt.pounds(float(plan['capital_pounds']))} and comes to "
        f"{shown(against, float(plan['value']))}."
    )
    widest = float(points["gap_value"].max())
    said.append(
        "Each point is proven: a plan within its limit that costs no more is at most "
        f"{gap_shown(against, widest)} lower."
    )
    failed = float((points["unmet"] + points["beyond_limit"]).max())
    if failed > 0.05 and against != "unmet":
        said.append(
            "Children without a place, or beyond what schools can hold, are counted as the worst "
            f"case, so that nobody leaves the frontier by being unmet (at most "
            f"{fmt.child_years(failed)})."
        )
    return said
