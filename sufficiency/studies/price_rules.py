"""The price of delay and of each rule: what it costs, and how many children it touches.

Every line changes one thing and leaves all else as it is. Two answers are given for each:

* **Same schemes**: the schemes of the plan open when they open, children are placed again, exactly.
  Where the change does not allow that, there is no such answer.
* **Planned anew**: the best plan under the changed rule, between its bound and its cost, less the
  best plan as things are, between its own. Nought inside means: not proven which is cheaper.

A delay is asked of the same model: the scheme opens a year later than in the plan, what requires it
no sooner. Any other change is a question of its own. A rule costs what the plan saves without it,
so a rule that binds nobody costs nothing. Prices that are not money stand beside money, and so does
every child who is without a place or beyond what a school can hold.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sufficiency.asking import Answered, Ask, difference
from sufficiency.pipeline import Loaded
from sufficiency.plan import Plan
from sufficiency.plan.finding import Finding
from sufficiency.problems import InputError, NoPlanError
from sufficiency.reports import formatting as fmt
from sufficiency.rules import PlanningModel, Preference
from sufficiency.studies.inquiry import (
    Countdown,
    Inquiry,
    Schedule,
    Tell,
    check_names,
    inquire,
    stamp_of,
)
from sufficiency.vocabulary import academic_year_label, financial_year_label

KIND: Final = "price-rules"
ROLL: Final = ["academic_year", "provision"]
RELAXED, TIGHTER, LATER = "relaxed", "tighter", "later"
SMALL_CHANGE: Final = 500.0
"""Pounds of present value below which nothing changed: an equally good plan moves nobody."""
ROUNDS: Final = 3
"""Times that all lines are worked out, should they show a better plan as things are."""
ALL_RULES: Final = "delay"
"""The rule under which every delay of a scheme is asked for."""
ALL_LATE: Final = "all-late"
"""The rule under which all of them are late together."""
NOT_DRAWN: Final = pd.DataFrame(columns=["financial_year", "source", "pounds"])
"""Capital before there is a plan."""


@dataclass(frozen=True)
class Line:
    """One thing that is changed.

    Attributes:
        rule: its key, for choosing lines.
        words: what is changed, for readers.
        direction: ``relaxed`` (what the rule costs), ``tighter`` or ``later``.
        change: makes the inputs with it; None where the same model is asked.
        delayed: scheme and its later September, with what must follow it.
    """

    rule: str
    words: str
    direction: str
    change: Callable[[Loaded], Loaded] | None = None
    delayed: tuple[tuple[str, int], ...] = ()


def price_rules(
    loaded: Loaded,
    *,
    rules: Sequence[str] = (),
    gap: float = 0.002,
    time_limit: float | None = 120.0,
    threads: int = 2,
    seed: int = 1,
    folder: Path | None = None,
    on_progress: Tell | None = None,
) -> Finding:
    """Price of delay and of each rule, in one table.

    Args:
        loaded: from ``pipeline.load_scenario``.
        rules: keys of lines (see :func:`lines_of`); all when empty.
        gap, time_limit, threads, seed: of each search; seconds, None for no limit.
        folder: in which answers are kept, so that a stopped study goes on; None: nowhere.
        on_progress: told each step in words.

    Returns:
        Table ``rules`` (see :func:`_row`).

    Raises:
        InputError: when a rule does not exist or does not bear on this scenario.
        NoPlanError: when no plan obeys the rules as they are.
        Stopped: on Ctrl-C.
    """
    clock = time.monotonic()
    plain = inquire(loaded, gap=gap, time_limit=time_limit, threads=threads, seed=seed,
                    folder=folder, total=1, tell=on_progress)  # fmt: skip
    # Which schemes are late is known with the plan; whether any can be, and the rest, before it.
    _check_rules(rules, [*_delayable(plain), *(line.rule for line in _rules(plain, NOT_DRAWN))])
    rows: list[dict[str, Any]] = []
    with plain:
        best = plain.best_or_why(words="The best plan as things are")
        found: dict[str, Answered] = {}
        for _ in range(ROUNDS):
            reference = plain.plan(best.opens)
            lines = lines_of(plain, best.opens, reference)
            _check_rules(rules, [line.rule for line in lines])
            lines = [line for line in lines if not rules or line.rule in rules]
            countdown = Countdown(len(lines), on_progress)
            rows = []
            for line in lines:
                countdown(line.words)
                rows.append(_row(plain, best, reference, line, found))
            # A plan under a changed rule may be better as things are than what was found first.
            better = plain.known(Ask())
            if better.objective >= best.objective - SMALL_CHANGE:
                break
            best = better
    stamp = stamp_of(
        plain, clock,
        best={"objective_pounds": best.objective, "bound_pounds": best.bound, "gap": best.gap,
              "opens": dict(sorted(best.opens.items()))},
        names=plain.names,
    )  # fmt: skip
    table = pd.DataFrame(rows)
    return Finding(
        KIND, "What does delay cost, and what does each rule?", _sentences(table),
        {"rules": table}, {}, stamp,
    )  # fmt: skip


def _check_rules(rules: Sequence[str], known: Sequence[str]) -> None:
    check_names(rules, dict.fromkeys(known), "rule that bears on this scenario", "--rule")


# ------------------------------------------------------------------ what is changed


def lines_of(plain: Inquiry, opens: Schedule, reference: Plan) -> list[Line]:
    """Every line that bears on a scenario: delays of its schemes, budgets, rules.

    A budget that is late leaves what decided schemes draw in ``reference`` where it is.

    Keys: ``delay`` (a scheme a year late, one line each), ``all-late`` (every scheme still to be
    decided a year late), ``budget-late`` (each year's budget a year late), ``first-budget-late``
    (only the first year's), ``budget``, ``guide-as-limit``, ``limit-minus-15``, ``limit-plus-15``,
    ``stay-on``, ``stay-in-sector``, ``preference-floors``, ``preference-ceilings``,
    ``over-capacity``, ``minimum-stay``, ``viable-roll``, ``alternatives``, ``commitments``.
    """
    drawn = reference.capital[reference.capital["scheme"].isin(sorted(plain.decided))]
    return [*_delays(plain, opens), *_rules(plain, drawn)]


def _rules(plain: Inquiry, drawn: pd.DataFrame) -> list[Line]:
    """Budgets and rules that bear on a scenario, whatever its plan.

    Args:
        plain: the scenario.
        drawn: rows of the capital of a plan: what decided schemes draw.
    """
    loaded = plain.loaded
    lines: list[Line] = []
    if len(loaded.tables.budgets):
        first = loaded.scenario.first_year
        aside = " (but for what committed schemes draw)" if len(drawn) else ""
        lines += [
            Line("budget-late", f"Every year's budget comes a year late{aside}", LATER,
                 lambda given: _budgets_later(given, drawn, None)),
            Line("first-budget-late", f"The budget of {financial_year_label(first)} comes a year "
                 f"late{aside}", LATER, lambda given: _budgets_later(given, drawn, first)),
            Line("budget", "Capital is not limited by budgets", RELAXED, _no_budgets),
        ]  # fmt: skip
    model = loaded.model
    lines += [
        Line("guide-as-limit", _guide_words(model), TIGHTER,
             _with_model(lambda m: {"travel_hard_limit_minutes": dict(m.travel_guide_minutes)})),
        Line("limit-minus-15", "The limit on journeys is 15 minutes shorter", TIGHTER,
             _with_model(lambda m: {"travel_hard_limit_minutes": _shifted(m, -15.0)})),
        Line("limit-plus-15", "The limit on journeys is 15 minutes longer", RELAXED,
             _with_model(lambda m: {"travel_hard_limit_minutes": _shifted(m, 15.0)})),
    ]  # fmt: skip
    if any(share > 0 for share in model.stay_on_share.values()):
        lines.append(
            Line("stay-on", "Nobody has to stay on in an all-through school", RELAXED,
                 _with_model(lambda m: {"stay_on_share": dict.fromkeys(m.stay_on_share, 0.0)}))
        )  # fmt: skip
    if any(s > 0 for by_phase in model.stay_in_sector_share.values() for s in by_phase.values()):
        lines.append(
            Line("stay-in-sector", "At a transition, nobody has to stay in the kind of school",
                 RELAXED, _with_model(lambda m: {"stay_in_sector_share": {}}))
        )  # fmt: skip
    if any(p.floor > 0 for p in model.preference):
        lines.append(
            Line("preference-floors", "No share of families keeps a place in independent schools, "
                 "colleges or elsewhere", RELAXED,
                 _with_model(lambda m: {"preference": _preferences(m, floor=0.0)}))
        )  # fmt: skip
    if any(p.ceiling < 1 for p in model.preference):
        lines.append(
            Line("preference-ceilings", "No ceiling on shares that families may choose", RELAXED,
                 _with_model(lambda m: {"preference": _preferences(m, ceiling=1.0)}))
        )  # fmt: skip
    if any(share > 0 for share in model.over_capacity_share.values()):
        lines.append(
            Line("over-capacity", "No school takes more children than places, even for a while",
                 TIGHTER, _with_model(
                     lambda m: {"over_capacity_share": {
                         **dict.fromkeys(m.over_capacity_share, 0.0), "default": 0.0}}))
        )  # fmt: skip
    if model.minimum_stay_years > 1:
        lines.append(
            Line("minimum-stay", f"A placement may last less than {model.minimum_stay_years:g} "
                 "years", RELAXED, _with_model(lambda m: {"minimum_stay_years": 1.0}))
        )  # fmt: skip
    if model.viable_roll["share"] > 0:
        lines.append(
            Line("viable-roll", "A new school may stay emptier than a viable roll", RELAXED,
                 _with_model(lambda m: {"viable_roll": {**m.viable_roll, "share": 0.0}}))
        )  # fmt: skip
    if plain.question.exclusive:
        lines.append(
            Line("alternatives", "Schemes that exclude each other may all open", RELAXED,
                 _no_alternatives)
        )  # fmt: skip
    if loaded.settings.committed:
        lines.append(
            Line("commitments", "What is committed could be decided again", RELAXED,
                 lambda given: replace(
                     given, settings=replace(given.settings, committed={})))
        )  # fmt: skip
    return lines


def _delayable(plain: Inquiry) -> list[str]:
    """Keys of the delays that some plan could have: a scheme must open before the last year."""
    last = plain.loaded.scenario.last_year
    schemes = plain.loaded.tables.schemes
    early = set(schemes.loc[schemes["earliest_opening"] < last, "scheme"].astype(str))
    free = early.intersection(plain.candidates)
    committed = any(year < last for year in plain.loaded.settings.committed.values())
    return [*([ALL_RULES] if free or committed else []), *([ALL_LATE] if len(free) > 1 else [])]


def _delays(plain: Inquiry, opens: Schedule) -> list[Line]:
    last = plain.loaded.scenario.last_year
    lines: list[Line] = []
    names, decided = plain.names, plain.decided
    for scheme in sorted(opens, key=lambda s: (opens[s], s)):
        late = opens[scheme] + 1
        if late > last:
            continue
        words = f"{names[scheme]} opens a year late, in {academic_year_label(late)}"
        if scheme in plain.loaded.settings.committed:
            lines.append(Line(ALL_RULES, words, LATER, _commitment_later(scheme)))
        elif scheme not in decided:
            follow = [d for d in sorted(plain.dependants([scheme])) if opens.get(d, late) < late]
            moved = ((scheme, late), *((d, late) for d in follow))
            lines.append(Line(ALL_RULES, words, LATER, delayed=moved))
    chosen = {s: y + 1 for s, y in opens.items() if s not in decided and y < last}
    if len(chosen) > 1:
        lines.append(
            Line(ALL_LATE, "Every scheme still to be decided opens a year late", LATER,
                 delayed=tuple(sorted(chosen.items())))
        )  # fmt: skip
    return lines


def _commitment_later(scheme: str) -> Callable[[Loaded], Loaded]:
    def change(given: Loaded) -> Loaded:
        committed = dict(given.settings.committed)
        committed[scheme] += 1
        schemes = given.tables.schemes.copy()
        # A latest opening is no reason for an earlier one: what is late is late.
        here = (schemes["scheme"] == scheme) & (schemes["latest_opening"] >= 0)
        schemes.loc[here, "latest_opening"] += 1
        return replace(
            given, settings=replace(given.settings, committed=committed),
            tables=replace(given.tables, schemes=schemes),
        )  # fmt: skip

    return change


def _budgets_later(given: Loaded, drawn: pd.DataFrame, only: int | None) -> Loaded:
    """Budgets a year late, all or those up to one year; what is drawn already comes in time."""
    columns = ["financial_year", "source", "pounds"]
    budgets = given.tables.budgets
    kept = drawn[columns]
    free = pd.concat([budgets[columns], kept.assign(pounds=-kept["pounds"])], ignore_index=True)
    moved = free["financial_year"] <= (free["financial_year"].max() if only is None else only)
    free.loc[moved, "financial_year"] += 1
    both = pd.concat([kept, free], ignore_index=True)
    summed = both.groupby(columns[:2], as_index=False)[["pounds"]].sum()
    return replace(given, tables=replace(given.tables, budgets=summed.assign(_row=0)))


def _no_budgets(given: Loaded) -> Loaded:
    return replace(given, tables=replace(given.tables, budgets=given.tables.budgets.iloc[:0]))


def _no_alternatives(given: Loaded) -> Loaded:
    schemes = given.tables.schemes.assign(exclusive_group="")
    return replace(given, tables=replace(given.tables, schemes=schemes))


def _with_model(
    values: Callable[[PlanningModel], Mapping[str, Any]],
) -> Callable[[Loaded], Loaded]:
    return lambda given: replace(given, model=replace(given.model, **values(given.model)))


def _shifted(model: PlanningModel, minutes: float) -> dict[str, float]:
    limits = model.travel_hard_limit_minutes
    return {phase: max(limit + minutes, 0.0) for phase, limit in limits.items()}


def _preferences(
    model: PlanningModel, floor: float | None = None, ceiling: float | None = None
) -> tuple[Preference, ...]:
    # Where floor and ceiling are one, the share is no lever but a fact, and stays.
    return tuple(
        p
        if p.floor == p.ceiling
        else replace(
            p,
            floor=p.floor if floor is None else floor,
            ceiling=p.ceiling if ceiling is None else ceiling,
        )
        for p in model.preference
    )


def _guide_words(model: PlanningModel) -> str:
    def listed(values: Mapping[str, float]) -> str:
        by_minutes: dict[float, list[str]] = {}
        for phase, minutes in values.items():
            by_minutes.setdefault(float(minutes), []).append(phase)
        return ", ".join(f"{m:g} ({fmt.in_words(p)})" for m, p in sorted(by_minutes.items()))

    return (
        f"No journey is longer than the guide: {listed(model.travel_guide_minutes)} minutes "
        f"instead of {listed(model.travel_hard_limit_minutes)}"
    )


# ------------------------------------------------------------------ asking


def _row(
    plain: Inquiry,
    best: Answered,
    reference: Plan,
    line: Line,
    answered: dict[str, Answered],
) -> dict[str, Any]:
    """One line of the table ``rules``.

    Columns: rule, words, direction (relaxed, tighter, later), same_pounds (with the same schemes:
    cost above the best plan as things are; NaN: not possible), same_money_pounds,
    same_priced_pounds (its parts: money; priced failures and prices that are not money),
    anew_pounds, anew_least, anew_most (planned anew; NaN: there is no plan), anew_money_pounds,
    status, reason (why there is no plan), added, left_out (schemes, |), children (child-years at
    another provision, net: what rolls lose and others gain, with the same schemes; planned anew
    where that is not possible), last_year (of them, in the last planned year), and how many more
    child-years, planned anew: unmet, beyond_limit, over_capacity, over_guide, independent; minutes
    (mean one-way minutes more of children in specialist places).
    """
    base: dict[str, Any] = {
        "rule": line.rule,
        "words": line.words,
        "direction": line.direction,
        "same_pounds": math.nan,
        "same_money_pounds": math.nan,
        "same_priced_pounds": math.nan,
        "anew_pounds": math.nan,
        "anew_least": math.nan,
        "anew_most": math.nan,
        "anew_money_pounds": math.nan,
        "status": "no plan",
        "reason": "",
        "added": "",
        "left_out": "",
        "children": math.nan,
        "last_year": math.nan,
        **dict.fromkeys(
            ("unmet", "beyond_limit", "over_capacity", "over_guide", "independent", "minutes"),
            math.nan,
        ),
    }
    before = plain.measures(best.opens)
    try:
        asked = plain if line.change is None else _changed(plain, line)
        ask = Ask.that(opens=dict(line.delayed))
        schedule = {**best.opens, **dict(line.delayed)}
        if line.change is not None:
            schedule.update(
                {s: int(y) for s, y in asked.loaded.settings.committed.items() if s in schedule}
            )
        same = _same(asked, schedule)
        found = _anew(asked, ask, same, schedule, line, answered)
    except (NoPlanError, InputError) as error:
        reasons = getattr(error, "reasons", []) or [str(error)]
        return {**base, "reason": " ".join(str(r) for r in reasons)}
    _learn_from(plain, found.opens)
    if same is not None:
        base["same_pounds"] = same["cost_pounds"] - best.objective
        base["same_money_pounds"] = same["money_pounds"] - before["money_pounds"]
        base["same_priced_pounds"] = same["priced_pounds"] - before["priced_pounds"]
        moved = {"children": 0.0, "last_year": 0.0}
        if abs(float(base["same_pounds"])) >= SMALL_CHANGE:
            moved = _moved(asked, schedule, plain, reference)
    else:
        moved = _moved(asked, found.opens, plain, reference)
    after = asked.measures(found.opens)
    low, high = difference(found, best)
    mine, former = set(found.opens), set(best.opens)
    names = {**plain.names, **asked.names}
    return {
        **base,
        "anew_pounds": found.objective - best.objective,
        "anew_least": low,
        "anew_most": high,
        "anew_money_pounds": after["money_pounds"] - before["money_pounds"],
        "status": found.status,
        "added": "|".join(s for s in names if s in mine - former),
        "left_out": "|".join(s for s in names if s in former - mine),
        "children": moved["children"],
        "last_year": moved["last_year"],
        **{
            c: after[c] - before[c]
            for c in ("unmet", "beyond_limit", "over_capacity", "over_guide", "independent",
                      "minutes")
        },
    }  # fmt: skip


def _changed(plain: Inquiry, line: Line) -> Inquiry:
    assert line.change is not None
    options = plain.study.options
    folder = plain.folder
    return inquire(
        line.change(plain.loaded), gap=options.gap, time_limit=options.time_limit,
        threads=options.threads, seed=options.seed, folder=folder, total=1,
    )  # fmt: skip


def _same(asked: Inquiry, schedule: Schedule) -> dict[str, float] | None:
    """Measures with the same schemes; None where the changed rules do not allow them."""
    try:
        return asked.measures(schedule)
    except (NoPlanError, KeyError):
        return None


def _anew(
    asked: Inquiry,
    ask: Ask,
    same: Mapping[str, float] | None,
    schedule: Schedule,
    line: Line,
    answered: dict[str, Answered],
) -> Answered:
    """The best plan under the change; the same schemes are one answer that is known."""
    if same is not None:
        asked.learn(ask, same["cost_pounds"], -math.inf, schedule)
    key = json.dumps([line.rule, line.words])
    if (former := answered.get(key)) is not None:
        asked.learn(ask, former.objective, former.bound, former.opens)
        return asked.known(ask)
    found = answered[key] = asked.best_or_why(ask, f"{line.words}: planned anew")
    return found


def _learn_from(plain: Inquiry, opens: Schedule) -> None:
    """What the schemes of another plan cost as things are, where the rules allow them."""
    with contextlib.suppress(NoPlanError, KeyError):
        plain.learn(Ask(), plain.measures(opens)["cost_pounds"], -math.inf, opens)


def _moved(asked: Inquiry, schedule: Schedule, plain: Inquiry, reference: Plan) -> dict[str, float]:
    """Child-years, and children in the last year, by which the rolls of provisions differ.

    Net: what some provisions have fewer others have more, or no place has. Children who merely
    change places with each other, as equally good plans do at random, are not counted.
    """

    def work() -> dict[str, float]:
        def counted(plan: Plan) -> pd.Series:
            unmet = plan.unmet.assign(provision="unmet")
            both = pd.concat([plan.placements[[*ROLL, "children"]], unmet[[*ROLL, "children"]]])
            both = both[both["academic_year"] >= plain.loaded.scenario.first_year]
            return both.groupby(ROLL)["children"].sum()

        change = counted(asked.plan(schedule)).sub(counted(reference), fill_value=0.0).abs() / 2
        by_year = change.groupby(level="academic_year").sum()
        last = plain.loaded.scenario.last_year
        return {"children": float(by_year.sum()), "last_year": float(by_year.get(last, 0.0))}

    text = json.dumps(
        [asked.study.fingerprint(), sorted(schedule.items()), plain.study.fingerprint(),
         float(reference.present_value_pounds)]
    )  # fmt: skip
    return asked.kept("rolls-" + hashlib.sha256(text.encode()).hexdigest()[:32], work)


# ------------------------------------------------------------------ words


def price_words(row: Mapping[Any, Any]) -> str:
    """What a line says of its price, in a few words."""
    low, high = float(row["anew_least"]), float(row["anew_most"])
    if not math.isfinite(float(row["anew_pounds"])):
        return "there is no plan"
    if max(abs(low), abs(high)) < SMALL_CHANGE:
        return "changes nothing"
    if low > 0:
        return f"costs {fmt.pounds(float(row['anew_pounds']))}"
    if high < 0:
        return f"saves {fmt.pounds(-float(row['anew_pounds']))}"
    return "not proven to matter"


def _sentences(table: pd.DataFrame) -> list[str]:
    said: list[str] = []
    late = table[(table["rule"] == ALL_RULES) & table["same_pounds"].notna()]
    if len(late):
        worst = late.sort_values("same_pounds", ascending=False).iloc[0]
        said.append(
            f"The dearest delay: {worst['words']}. With the other schemes as they are it costs "
            f"{fmt.pounds(float(worst['same_pounds']))} at present value"
            + (
                f", of which {fmt.pounds(float(worst['same_money_pounds']))} is money."
                if math.isfinite(float(worst["same_money_pounds"]))
                else "."
            )
        )
    relaxed = table[table["direction"] == RELAXED]
    proven = relaxed[relaxed["anew_most"] < 0].sort_values("anew_pounds")
    if len(proven):
        top = proven.iloc[0]
        said.append(
            f"The rule that costs most: \N{LEFT DOUBLE QUOTATION MARK}{top['words']}"
            f"\N{RIGHT DOUBLE QUOTATION MARK} would save {fmt.pounds(-float(top['anew_pounds']))}."
        )
    if len(relaxed) > len(proven):
        count = len(relaxed) - len(proven)
        said.append(
            f"{fmt.capital_first(fmt.number_of(count, 'rule', 'rules'))} "
            f"{'costs' if count == 1 else 'cost'} nothing, or not for certain."
        )
    tighter = table[(table["direction"] == TIGHTER) & (table["anew_least"] > 0)]
    for row in tighter.sort_values("anew_pounds", ascending=False).head(1).to_dict("records"):
        said.append(
            f"The dearest tighter rule: \N{LEFT DOUBLE QUOTATION MARK}{row['words']}"
            f"\N{RIGHT DOUBLE QUOTATION MARK} would cost {fmt.pounds(float(row['anew_pounds']))}."
        )
    none = table[table["status"] == "no plan"]
    if len(none):
        said.append(f"No plan is possible under {fmt.number_of(len(none), 'line', 'lines')}.")
    return said or ["Nothing that was changed is proven to matter."]
