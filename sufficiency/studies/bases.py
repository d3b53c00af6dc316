"""Bases only, bases first, unconstrained: the same children and prices under three policies.

* **Bases only**: capital makes specialist bases and nothing else, as ``models/bases-only.toml``
  says; what is committed stays.
* **Bases first**: a new special school place carries a price besides its cost, as
  ``models/bases-first.toml`` says.
* **Unconstrained**: no kind of scheme is ruled out that the scenario's own model allows, and no
  place carries such a price.

What those files set is laid over the scenario's own model, so that nothing else differs. The three
sets of schemes are then compared at the same prices, the unconstrained ones: children are placed
again for each.

**Irreducible special-school need** is what is left when bases take all they can: of all plans that
build bases only, the one with the fewest child-years in special schools of any kind (or in
alternative provision, or without a place, which are no way out), whatever it costs. A bound proves
how few it could be. Why it is left is read off each group of children: which of them a base could
take by need, support and age, and which of those within the limits on journeys.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sufficiency.asking import Answered, Ask, difference
from sufficiency.pipeline import Loaded
from sufficiency.placement.question import Question
from sufficiency.plan import Plan
from sufficiency.plan.finding import Finding
from sufficiency.problems import Problems
from sufficiency.reports import formatting as fmt
from sufficiency.rules import PlanningModel, load_model
from sufficiency.shipped import model_path
from sufficiency.studies.frontier import Measure, with_price, years_of
from sufficiency.studies.inquiry import (
    SPECIAL,
    Countdown,
    Inquiry,
    Schedule,
    Tell,
    by_id,
    inquire,
    measures_of,
    of_question,
    stamp_of,
)
from sufficiency.vocabulary import KINDS, TIERS, academic_year_label

KIND: Final = "bases"
ONLY, FIRST, FREE = "bases only", "bases first", "unconstrained"
POLICIES: Final = {
    ONLY: "Capital makes specialist bases and nothing else",
    FIRST: "A new special school place carries a price besides its cost",
    FREE: "No kind of scheme is ruled out",
}
POLICY_KEYS: Final = ("scheme_kinds", "price_of_new_place")
"""What the three policies set, and what is taken from the shipped models."""
BASE: Final = "specialist_base"
NO_WAY_OUT: Final = (*SPECIAL, "alternative_provision")
"""Kinds whose child-years are made as few as can be."""
SETTLED = "settled there today"
SUPPORT = "needs more support than a base gives"
NO_BASE = "no base takes the need or the age"
TOO_FAR = "no base within the limits on journeys"
FULL = "a base could take them, but places or choices do not reach"
REASONS: Final = (SETTLED, SUPPORT, NO_BASE, TOO_FAR, FULL)
"""Why children remain in special schools, in the order in which a child is counted."""


def bases(
    loaded: Loaded,
    *,
    gap: float = 0.005,
    time_limit: float | None = 120.0,
    threads: int = 2,
    seed: int = 1,
    folder: Path | None = None,
    on_progress: Tell | None = None,
) -> Finding:
    """The three policies on the same data, the need that bases cannot meet, and who could host.

    Args:
        loaded: from ``pipeline.load_scenario``, with any planning model.
        gap: relative gap of each search.
        time_limit, threads, seed: of each search; seconds, None for no limit.
        folder: in which answers are kept, so that a stopped study goes on; None: nowhere.
        on_progress: told each step in words.

    Returns:
        Tables ``policies`` and ``policy_schemes`` (see :func:`_policy_rows`), ``irreducible``
        (:func:`remaining`), ``reasons`` (by academic year and reason: children), ``hosts``
        (:func:`hosts_of`).

    Raises:
        NoPlanError: when no plan obeys the rules under one of the policies.
        Stopped: on Ctrl-C.
    """
    clock = time.monotonic()
    options: dict[str, Any] = {
        "gap": gap, "time_limit": time_limit, "threads": threads, "seed": seed, "folder": folder,
    }  # fmt: skip
    models = policies_of(loaded.model)
    asked: dict[str, Inquiry] = {}
    found: dict[str, Answered] = {}
    said = on_progress or (lambda words: None)
    for number, (policy, model) in enumerate(models.items(), start=1):
        asked[policy] = inquire(replace(loaded, model=model), **options, tell=on_progress)
        with asked[policy] as one:
            said(f"{fmt.capital_first(policy)} ({number} of {len(models) + 1})")
            found[policy] = one.best_or_why(words=f"The best plan: {policy} ({number} of 4)")
    free, only = asked[FREE], asked[ONLY]
    with free, only:
        for policy, answer in found.items():
            if policy != FREE:
                # Every plan of a stricter policy is a plan, at the unconstrained prices too.
                cost = free.study.placed_for(answer.opens).objective
                free.learn(Ask(), cost, -math.inf, answer.opens)
        best = free.known(Ask())
        table, schemes = _policy_rows(free, found, best)
        plan, least, bound, opens = _fewest_special(only, folder)
        left = remaining(only, plan)
        hosts = hosts_of(only, plan)
    whole = loaded.scenario
    by_year = left.groupby(["academic_year", "reason"], as_index=False)[["children"]].sum()
    stamp = stamp_of(
        free, clock,
        policies={p: {"status": a.status, "objective_pounds": a.objective, "bound_pounds": a.bound,
                      "gap": a.gap} for p, a in found.items()},
        irreducible={"child_years": least, "child_years_bound": bound, "opens": dict(opens)},
        names={s: n for s, n in free.names.items()}, own_model=loaded.model.name,
        price_of_new_place=dict(models[FIRST].price_of_new_place),
    )  # fmt: skip
    return Finding(
        KIND,
        "How much can specialist bases meet?",
        _sentences(table, left, least, bound, whole.last_year),
        {"policies": table, "policy_schemes": schemes, "irreducible": left, "reasons": by_year,
         "hosts": hosts},
        {},
        stamp,
    )  # fmt: skip


def policies_of(model: PlanningModel) -> dict[str, PlanningModel]:
    """The scenario's own model under the three policies.

    The unconstrained one allows every kind of scheme that the model or the unconstrained shipped
    model allows, and has no price of a new place.
    """
    shipped = {name: _shipped(name) for name in ("bases-only", "bases-first", "england-2026")}
    base = shipped["england-2026"]
    kinds = tuple(dict.fromkeys((*model.scheme_kinds, *base.scheme_kinds)))
    free = _with(model, scheme_kinds=kinds, price_of_new_place=base.price_of_new_place)
    return {
        ONLY: _with(free, scheme_kinds=shipped["bases-only"].scheme_kinds),
        FIRST: _with(free, price_of_new_place=shipped["bases-first"].price_of_new_place),
        FREE: free,
    }


def _shipped(name: str) -> PlanningModel:
    problems = Problems()
    path = model_path(name, problems)
    model = load_model(path, problems) if path else None
    problems.raise_if_any()
    assert model is not None, "the shipped models are sound"
    return model


def _with(model: PlanningModel, **values: Any) -> PlanningModel:
    """A model with other values, and its entries as they then read."""
    entries = {
        key: replace(entry, value=_plain(values[key])) if key in values else entry
        for key, entry in model.entries.items()
    }
    return replace(model, entries=entries, **values)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value


# ------------------------------------------------------------------ three policies


def _policy_rows(
    free: Inquiry, found: Mapping[str, Answered], best: Answered
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The policies, and what each opens.

    Columns of ``policies``: policy, words, status and gap (of its own search), above_pounds,
    above_least, above_most (what its schemes cost above the best unconstrained plan, at the
    unconstrained prices: as found, at least, at most) and the measures of
    :func:`sufficiency.studies.inquiry.measures_of`, at those prices. Columns of
    ``policy_schemes``: policy, scheme, name, kind, opens, places, capital_pounds, decided.
    """
    rows: list[dict[str, Any]] = []
    opened: list[dict[str, Any]] = []
    table = by_id(free.question.schemes, "scheme")
    countdown = Countdown(len(found), free.tell)
    for policy, own in found.items():
        countdown(f"Placing children: {policy}")
        schedule = best.opens if policy == FREE else own.opens
        measured = free.measures(schedule)
        this = free.study.recalled(
            Ask(), status="known", objective=measured["cost_pounds"],
            bound=_bound(policy, own, measured), opens=schedule, seconds=0.0,
        )  # fmt: skip
        low, high = difference(this, best)
        rows.append(
            {
                "policy": policy,
                "words": POLICIES[policy],
                "status": own.status,
                "gap": best.gap if policy == FREE else own.gap,
                "above_pounds": max(measured["cost_pounds"] - best.objective, 0.0),
                "above_least": max(low, 0.0) if math.isfinite(low) else 0.0,
                "above_most": max(high, 0.0),
                **measured,
            }
        )
        opened += [
            {
                "policy": policy,
                "scheme": scheme,
                "name": str(table[scheme]["name"]),
                "kind": str(table[scheme]["kind"]),
                "opens": int(schedule[scheme]),
                "places": float(table[scheme]["places"]),
                "capital_pounds": float(table[scheme]["capital"]),
                "decided": int(scheme in free.decided),
            }
            for scheme in free.names
            if scheme in schedule
        ]
    columns = ["policy", "scheme", "name", "kind", "opens", "places", "capital_pounds", "decided"]
    return pd.DataFrame(rows), pd.DataFrame(opened, columns=columns)


def _bound(policy: str, own: Answered, measured: Mapping[str, float]) -> float:
    """What no plan of a policy costs less than, at unconstrained prices.

    Bases only has the same prices, so its own bound holds. What bases first adds is a price on its
    own plan, so that its plan is one of many at these prices: as found, exactly.
    """
    return own.bound if policy == ONLY else measured["cost_pounds"]


# ------------------------------------------------------------------ what bases cannot meet


def _fewest_special(only: Inquiry, folder: Path | None) -> tuple[Plan, float, float, Schedule]:
    """The plan with bases alone and the fewest child-years in special schools; the fewest proven.

    Returns:
        The plan, its child-years in special schools, alternative provision or without a place from
        the first planned year on, the least that they could be, and what opens.
    """
    question = only.question
    measure = _special(question)
    priced = of_question(only, with_price(question, measure), folder=folder)
    with priced:
        answer = priced.best_or_why(words="As many children in bases as can be (4 of 4)")
    outcome = priced.study.placed_for(answer.opens)
    plan = only.study.written(outcome, prices=False)
    measured = measures_of(plan, only.loaded)
    mix = plan.mix[plan.mix["academic_year"] >= only.loaded.scenario.first_year]
    least = float(mix.loc[mix["kind"].isin(NO_WAY_OUT), "children"].sum())
    least += measured["unmet"]
    open_gap = max(outcome.objective - answer.bound, 0.0) / measure.price
    return plan, least, max(least - open_gap, 0.0), answer.opens


def _special(question: Question) -> Measure:
    kinds = question.provisions["kind"].to_numpy()[question.arcs["provision"].to_numpy(int)]
    by_arc = np.where(np.isin(kinds, NO_WAY_OUT), years_of(question), 0.0)
    return Measure(
        "special", "Child-years in special schools", "child-years", by_arc, 1.0,
        question.model.price_unmet, 1.0,
    )  # fmt: skip


def remaining(only: Inquiry, plan: Plan) -> pd.DataFrame:
    """Children who remain in special schools, or without a place, with bases at their most.

    Columns: academic_year, locality, need, tier, phase, kind (of special school; ``unmet``),
    reason (see ``REASONS``), children. Alternative provision is not listed here: it is no special
    school.
    """
    first = only.loaded.scenario.first_year
    keys = ["academic_year", "locality", "need", "tier", "phase", "kind", "cohort", "provision"]
    special = plan.placements[plan.placements["kind"].isin(SPECIAL)]
    nowhere = plan.unmet.assign(kind="unmet", provision="")
    both = pd.concat([special[[*keys, "children"]], nowhere[[*keys, "children"]]])
    both = both[both["academic_year"] >= first]
    reason = reasons_of(only.question)
    both = both.assign(reason=reason[both["cohort"].to_numpy(int)])
    group = ["academic_year", "locality", "need", "tier", "phase", "kind", "reason"]
    found = both.groupby(group, as_index=False)[["children"]].sum()
    return found[found["children"] > 1e-6].reset_index(drop=True)


def reasons_of(question: Question) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Why children of each cohort who are in a special school cannot be in a base."""
    cohorts, provisions = question.cohorts, question.provisions
    is_base = (provisions["kind"] == BASE).to_numpy()
    support = set(question.model.for_kind("admits_tiers", BASE, ()))
    tiers = [set(t) for t in provisions.loc[is_base, "tiers"]] if "tiers" in provisions else []
    for given in tiers:
        support |= {int(t) for t in given}
    low = provisions.loc[is_base, "lowest_year_group"].to_numpy(int)
    high = provisions.loc[is_base, "highest_year_group"].to_numpy(int)
    needs = [set(n) for n in provisions.loc[is_base, "needs"]]
    within = np.zeros(len(cohorts), dtype=bool)
    to_base = is_base[question.arcs["provision"].to_numpy(int)]
    within[question.arcs["cohort"].to_numpy(int)[to_base]] = True
    by_kind: dict[tuple[str, int], bool] = {}
    found = np.full(len(cohorts), FULL, dtype=object)
    for k, (need, tier, group, origin) in enumerate(
        zip(cohorts["need"], cohorts["tier"].astype(int),
            cohorts["entry_year_group"].astype(int), cohorts["origin"], strict=True)
    ):  # fmt: skip
        if origin == "settled":
            found[k] = SETTLED
        elif tier not in support:
            found[k] = SUPPORT
        elif not within[k]:
            key = (str(need), group)
            if key not in by_kind:
                by_kind[key] = any(
                    need in n and low[i] <= group <= high[i] for i, n in enumerate(needs)
                )
            found[k] = TOO_FAR if by_kind[key] else NO_BASE
    return found


def hosts_of(only: Inquiry, plan: Plan) -> pd.DataFrame:
    """Places that could carry a base, with the children near them for whom a base would suit.

    Hosts are mainstream schools of the table ``provisions`` that have coordinates, schools that
    have a base already, and candidate sites of base schemes. Counted, in the last planned year,
    are children of the support that a base gives who are in no base with bases at their most, of
    the host's year groups, within the guide for journeys.

    Columns: host, name, host_kind (``mainstream school``, ``existing base``, ``candidate site``),
    easting, northing, lowest_year_group, highest_year_group, needs (that a base there takes today
    or by its scheme; all for a mainstream school, |), spare (physical capacity less children on
    roll; NaN: unknown), near (those children), main_need, median_minutes (NaN: none near).
    """
    question, loaded = only.question, only.loaded
    model = question.model
    last = loaded.scenario.last_year
    support = set(model.for_kind("admits_tiers", BASE, ()))
    here = plan.placements[plan.placements["academic_year"] == last]
    unmet = plan.unmet[plan.unmet["academic_year"] == last].assign(kind="unmet")
    columns = ["area", "need", "tier", "year_group", "kind", "children"]
    people = pd.concat([here[columns], unmet[columns]])
    people = people[people["tier"].isin(support) & (people["kind"] != BASE)]
    people = people.groupby(["area", "need", "year_group"], as_index=False)[["children"]].sum()
    row_of = {area: i for i, area in enumerate(question.areas)}
    guide = {g: model.travel_guide_minutes[model.phase_name(g)]
             for g in people["year_group"].astype(int).unique()}  # fmt: skip
    table = question.provisions
    spare = by_id(loaded.tables.provisions, "provision")
    rows: list[dict[str, Any]] = []
    for given in table.to_dict("records"):
        what = _host_kind(given)
        if what is None:
            continue
        identifier = str(given["provision"])
        minutes = question.journeys.minutes[:, int(given["journey_column"])]
        group = people["year_group"].to_numpy(int)
        reach = minutes[people["area"].map(row_of).to_numpy(int)]
        takes = (
            people["need"].isin(list(given["needs"])).to_numpy()
            & (group >= int(given["lowest_year_group"]))
            & (group <= int(given["highest_year_group"]))
            & (reach <= np.array([guide[g] for g in group.tolist()]))
        )
        near = people[takes]
        weight = near["children"].to_numpy(float)
        by_need = near.groupby("need")["children"].sum().sort_values(ascending=False)
        kept = spare.get(identifier, {})
        room = float(kept.get("physical_capacity", math.nan)) - float(kept.get("on_roll", math.nan))
        rows.append(
            {
                "host": identifier,
                "name": str(given["name"]),
                "host_kind": what,
                "easting": float(given["easting"]),
                "northing": float(given["northing"]),
                "lowest_year_group": int(given["lowest_year_group"]),
                "highest_year_group": int(given["highest_year_group"]),
                "needs": "|".join(given["needs"]),
                "spare": room,
                "near": float(weight.sum()),
                "main_need": str(by_need.index[0]) if len(by_need) else "",
                "median_minutes": _median(reach[takes], weight),
            }
        )
    shown = [
        "host", "name", "host_kind", "easting", "northing", "lowest_year_group",
        "highest_year_group", "needs", "spare", "near", "main_need", "median_minutes",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=shown)
    return frame.sort_values(["near", "host"], ascending=[False, True]).reset_index(drop=True)


def _host_kind(provision: Mapping[Any, Any]) -> str | None:
    if not math.isfinite(float(provision["easting"])) or not provision["inside"]:
        return None
    if provision["kind"] == "mainstream":
        return "mainstream school"
    if provision["kind"] == BASE:
        return "candidate site" if int(provision["scheme"]) >= 0 else "existing base"
    return None


def _median(values: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> float:
    if not len(values) or weights.sum() <= 0:
        return math.nan
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][int(np.searchsorted(reached, 0.5))])


# ------------------------------------------------------------------ words


def _sentences(
    table: pd.DataFrame, left: pd.DataFrame, least: float, bound: float, last: int
) -> list[str]:
    rows = by_id(table, "policy")
    said = []
    at_last = left[left["academic_year"] == last]
    children = float(at_last["children"].sum())
    by_reason = at_last.groupby("reason")["children"].sum()
    said.append(
        f"With bases at their most, {fmt.children(children)} are still in a special school, or "
        f"without a place, in {academic_year_label(last)}."
    )
    if children > 0:
        shares = [
            f"{words} {_reason_words(r, words == fmt.children(1))}"
            for r in REASONS
            if float(by_reason.get(r, 0.0)) >= 0.5
            for words in [fmt.children(float(by_reason[r]))]
        ]
        if shares:
            said.append(f"Of them: {'; '.join(shares)}.")
    said.append(
        f"Over the planned years that is {fmt.child_years(least)} in special schools, alternative "
        f"provision or without a place; no plan with bases alone has fewer than "
        f"{fmt.child_years(bound)}."
    )
    for policy in (ONLY, FIRST):
        row = rows[policy]
        if float(row["above_most"]) < 1:
            said.append(f"{fmt.capital_first(policy)} costs no more than the unconstrained plan.")
            continue
        ends = [fmt.pounds(float(row[c])) for c in ("above_least", "above_most")]
        proof = "proven" if ends[0] == ends[1] else f"proven: between {ends[0]} and {ends[1]}"
        text = (
            f"{fmt.capital_first(policy)} costs {fmt.pounds(float(row['above_pounds']))} more "
            f"than the unconstrained plan at present value ({proof}), priced failures included, "
            f"and builds "
            f"{fmt.places(float(row['special_places']))} in special schools instead of "
            f"{fmt.places(float(rows[FREE]['special_places']))}"
        )
        failed = sum(float(row[c]) - float(rows[FREE][c]) for c in ("unmet", "beyond_limit"))
        if abs(failed) > 0.5:
            more = "more" if failed > 0 else "fewer"
            text += (
                f"; {fmt.child_years(abs(failed))} {more} are without a place or beyond what "
                "schools can hold"
            )
        said.append(text + ".")
    return said


def _reason_words(reason: str, one: bool) -> str:
    return {
        SETTLED: f"{'is' if one else 'are'} settled there today",
        SUPPORT: f"{'needs' if one else 'need'} more support than a base gives "
        f"({TIERS[3].lower()} or more)",
        NO_BASE: f"{'has' if one else 'have'} a need or an age that no base takes",
        TOO_FAR: f"{'has' if one else 'have'} no base within the limits on journeys",
        FULL: "could be in a base that is full or not chosen",
    }[reason]


def kind_words(kind: str) -> str:
    """A kind of provision in words; ``unmet`` is no suitable place."""
    return "No suitable place" if kind == "unmet" else KINDS[kind]
