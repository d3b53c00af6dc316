"""Which schemes are worth it: each alone, among all others and last in; the best plans; no regret.

What is compared, for a scheme *s* and least costs *c* (present value, priced failures included):

* **Alone**: only *s* and what it requires may open beside what is decided. Worth
  *c*(nothing new) - *c*(alone).
* **With all others to choose from**: *s* must open, every other scheme may. What insisting on it
  costs is *c*(with) - *c*(best), nothing for a scheme of the best plan.
* **Last in**: *s* may not open, every other scheme may. What is lost without it is
  *c*(without) - *c*(best), nothing for a scheme that the best plan leaves out.

*c*(without) - *c*(with) is therefore one number with a sign: what *s* adds to the best of all
plans. Every least cost is known between a bound and a plan, so every worth is an interval; which of
two is larger is proven only where their intervals lie apart.

A plan is *near the best* when it costs at most a share more than the least cost possible. A scheme
that every such plan opens is one of no regret: shown by a bound, not by listing plans.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas
import numpy as np
import pandas as pd

from sufficiency.asking import Answered, Ask, difference
from sufficiency.pipeline import Loaded
from sufficiency.plan.finding import Finding
from sufficiency.reports import formatting as fmt
from sufficiency.studies.inquiry import (
    Countdown,
    Inquiry,
    Tell,
    by_id,
    check_names,
    inquire,
    refuse_without_candidates,
    stamp_of,
)
from sufficiency.vocabulary import academic_year_label

RANKING, ALTERNATIVES = "rank-sites", "alternatives"
IN_ALL, IN_SOME, IN_NONE, OPEN = "in all", "in some", "in none", "not proven"
STANDINGS: Final = {
    IN_ALL: "In every near-best plan",
    IN_SOME: "In some near-best plans",
    IN_NONE: "In no near-best plan",
    OPEN: "Not proven either way",
}
"""How a scheme stands in the plans that are near the best."""
BEST_GAP, FIRST_GAP, FINEST_GAP = 0.002, 0.005, 0.003
"""Relative gaps, where none is asked for: of the best plan, of every other question, and of those
that a finer gap can decide, at the least. What is nearer than the finest is a near-tie."""
WITHIN: Final = 0.005
"""Share above the least cost up to which a plan is near the best: what optimise leaves open."""


@dataclass(frozen=True)
class Standing:
    """One scheme: the best plans with it, without it, and with nothing else."""

    scheme: str
    chosen: bool
    alone: Answered
    insisted: Answered
    without: Answered

    def standing(self, best: Answered, within: float) -> str:
        """How it stands in all plans that cost at most ``within`` (share) above the least cost."""
        room = within * abs(best.objective)
        if self.without.bound > best.objective + room:
            return IN_ALL
        if self.insisted.bound > best.objective + room:
            return IN_NONE
        if max(self.without.objective, self.insisted.objective) <= best.bound + room:
            return IN_SOME
        return OPEN


def rank_sites(
    loaded: Loaded,
    *,
    plans: int = 5,
    within: float = WITHIN,
    schemes: Sequence[str] = (),
    gap: float | None = None,
    time_limit: float | None = 120.0,
    threads: int = 2,
    seed: int = 1,
    folder: Path | None = None,
    on_progress: Tell | None = None,
) -> Finding:
    """Rank every candidate scheme: alone, with all others and last in; find the best plans.

    Args:
        loaded: from ``pipeline.load_scenario``.
        plans: how many of the best plans to find; 0 for none.
        within: share above the least cost up to which a plan counts as near the best.
        schemes: those to rank; all candidates when empty.
        gap: relative gap of each search; None: :data:`FIRST_GAP`, and down to :data:`FINEST_GAP`
            where that can decide a question.
        time_limit, threads, seed: of each search; seconds, None for no limit.
        folder: in which answers are kept, so that a stopped study goes on; None: nowhere.
        on_progress: told each step in words.

    Returns:
        Tables ``schemes`` (one row a scheme, see :func:`_scheme_rows`), ``plans`` and
        ``plan_schemes`` (see :func:`best_plans`); layer ``schemes``.

    Raises:
        InputError: when there is nothing to choose, or a scheme does not exist.
        NoPlanError: when no plan obeys the rules.
        Stopped: on Ctrl-C.
    """
    clock = time.monotonic()
    asked = inquire(loaded, gap=FIRST_GAP if gap is None else gap, time_limit=time_limit,
                    threads=threads, seed=seed, folder=folder, tell=on_progress)  # fmt: skip
    refuse_without_candidates(asked)
    check_names(schemes, asked.candidates, "candidate scheme", "--scheme")
    wanted = [s for s in asked.candidates if not schemes or s in schemes]
    # The best plan is asked for three times: to its own gap, to that of the others, as a plan.
    asked.answers.total = 3 + 3 * len(wanted) + plans
    with asked:
        asked.best_or_why(gap=BEST_GAP if gap is None else gap)
        best, nothing, standings = standings_of(asked, wanted, None if gap is not None else within)
        found = best_plans(asked, plans) if plans else []
        if gap is None:
            _sharpen(asked, wanted, within)
        # What was found on the way may be better than what was found first.
        best, nothing, standings = _again(asked, best, nothing, standings)
        table = _scheme_rows(asked, best, nothing, standings, within)
        listed, opened = _plan_rows(asked, found, best)
    stamp = stamp_of(
        asked, clock,
        best=_as_stamped(best), nothing=_as_stamped(nothing), within=within,
        names=asked.names, searches=asked.searched,
    )  # fmt: skip
    return Finding(
        RANKING,
        "Which sites and schemes are worth it?",
        _ranking_sentences(table, best, within),
        {"schemes": table, "plans": listed, "plan_schemes": opened},
        {"schemes": _layer(asked, table)},
        stamp,
    )


def alternatives(
    loaded: Loaded,
    *,
    plans: int = 5,
    gap: float = 0.001,
    time_limit: float | None = 120.0,
    threads: int = 2,
    seed: int = 1,
    folder: Path | None = None,
    on_progress: Tell | None = None,
) -> Finding:
    """The best plans that differ in their schemes, each with its proven distance from the best.

    Args:
        loaded: from ``pipeline.load_scenario``.
        plans: how many, the best included.
        gap, time_limit, threads, seed, folder, on_progress: as :func:`rank_sites`.

    Returns:
        Tables ``plans`` and ``plan_schemes`` (see :func:`best_plans`).

    Raises:
        InputError, NoPlanError, Stopped: as :func:`rank_sites`.
    """
    clock = time.monotonic()
    asked = inquire(loaded, gap=gap, time_limit=time_limit, threads=threads, seed=seed,
                    folder=folder, total=plans, tell=on_progress)  # fmt: skip
    refuse_without_candidates(asked)
    with asked:
        asked.best_or_why()
        found = best_plans(asked, plans)
        best = asked.known(Ask())
        listed, opened = _plan_rows(asked, found, best)
    stamp = stamp_of(asked, clock, best=_as_stamped(best), names=asked.names,
                     asked_for=plans, searches=asked.searched)  # fmt: skip
    return Finding(
        ALTERNATIVES,
        "Which other plans are nearly as good?",
        _alternative_sentences(listed, plans),
        {"plans": listed, "plan_schemes": opened},
        {},
        stamp,
    )


# ------------------------------------------------------------------ asking


def standings_of(
    asked: Inquiry, schemes: Sequence[str], within: float | None
) -> tuple[Answered, Answered, list[Standing]]:
    """The best plan, the best with nothing new, and for every scheme those with and without it.

    Args:
        asked: the study.
        schemes: that are looked at.
        within: share up to which a plan is near the best: questions are asked as nearly as can
            decide how a scheme stands; None: all to the gap of the study.

    Raises:
        NoPlanError: when no plan obeys the rules.
    """
    best = asked.best_or_why()
    nothing = asked.best(_only(asked, ()), "The best plan with nothing new")
    # Plans that are alike are asked for one after the other: children hardly move between them.
    alone = {s: asked.best(_only(asked, [s]), f"Only {asked.names[s]}") for s in schemes}
    others = {}
    for s in schemes:
        # The best plan with one scheme more or less is often near enough to need no search.
        for schedule in _near_by(asked, best, s):
            asked.exactly(schedule, f"Placing children in plans near the best: {asked.names[s]}")
        force, forbid = Ask.that(force=[s]), Ask.that(forbid=[s])
        gaps = [
            None if within is None else _deciding(asked, ask, within) for ask in (force, forbid)
        ]
        others[s] = (
            asked.best(force, f"The best plan with {asked.names[s]}", gap=gaps[0]),
            asked.best(forbid, f"The best plan without {asked.names[s]}", gap=gaps[1]),
        )
    return best, nothing, [
        Standing(s, s in best.opens, alone[s], *others[s]) for s in schemes
    ]  # fmt: skip


def _near_by(asked: Inquiry, best: Answered, scheme: str) -> list[dict[str, int]]:
    """The best plan without a scheme that it opens, or with one that it leaves out."""
    opens = dict(best.opens)
    if scheme in opens:
        out = {scheme, *asked.dependants([scheme])}
        return [{s: y for s, y in opens.items() if s not in out}]
    table, base = by_id(asked.question.schemes, "scheme"), asked.question.settings.base_year
    added = [scheme, *sorted(asked.required([scheme]) - set(opens))]
    out = asked.rivals(scheme)
    kept = {s: y for s, y in opens.items() if s not in out}
    first = max(base + int(table[s]["earliest"]) for s in added)
    last = min(base + int(table[s]["latest"]) for s in added)
    first = max(first, *(kept[s] for s in asked.required([scheme]) if s in kept), first)
    years = sorted({first, last}) if first <= last else []
    return [{**kept, **dict.fromkeys(added, year)} for year in years]


def _only(asked: Inquiry, schemes: Sequence[str]) -> Ask:
    """Schemes and what they require may open beside what is decided; nothing else does."""
    kept = {*schemes, *asked.required(schemes)}
    return Ask.that(force=schemes, forbid=[s for s in asked.candidates if s not in kept])


def _again(
    asked: Inquiry, best: Answered, nothing: Answered, standings: Sequence[Standing]
) -> tuple[Answered, Answered, list[Standing]]:
    """The same answers, with all that every search has proven since."""
    best = asked.known(best.ask)
    return best, asked.known(nothing.ask), [
        Standing(s.scheme, s.scheme in best.opens, asked.known(s.alone.ask),
                 asked.known(s.insisted.ask), asked.known(s.without.ask))
        for s in standings
    ]  # fmt: skip


def _deciding(asked: Inquiry, ask: Ask, within: float) -> float | None:
    """The gap that can decide a question, as far as is known of it; None: that of the study.

    A difference of *w* can be told from nought when the gap is well below *w*; one of more than the
    room near the best can be told from that room.
    """
    best, answer = asked.known(Ask()), asked.known(ask)
    apart = (answer.objective - best.objective) / abs(best.objective)
    room = within if apart > within + FINEST_GAP else 0.0
    decided = answer.bound > best.objective + room * abs(best.objective)
    if not math.isfinite(apart) or decided or apart - room < FINEST_GAP:
        return None
    return min(max(0.8 * (apart - room), FINEST_GAP), FIRST_GAP)


def _sharpen(asked: Inquiry, schemes: Sequence[str], within: float) -> None:
    """Ask again what a finer gap can decide, now that more is known."""
    waiting: list[tuple[float, Ask, str]] = []
    for scheme in schemes:
        for ask, words in (
            (Ask.that(force=[scheme]), "with"),
            (Ask.that(forbid=[scheme]), "without"),
        ):
            gap = _deciding(asked, ask, within)
            if gap is not None and gap < asked.known(ask).gap:
                waiting.append((gap, ask, f"More exactly: {words} {asked.names[scheme]}"))
    asked.answers.total += len(waiting)
    for gap, ask, words in waiting:
        asked.best(ask, words, gap=gap)


def best_plans(asked: Inquiry, plans: int) -> list[Answered]:
    """The best plans whose sets of schemes differ, in the order in which they were found.

    Each is the answer to: the best plan whose schemes, open by the last planned year, are none of
    the sets before it. Its bound is what no plan beyond those before it costs less than. There are
    fewer where the rules allow no further set.
    """
    found: list[Answered] = []
    while len(found) < plans:
        before = [frozenset(answer.opens) for answer in found]
        answer = asked.best(
            Ask.that(unlike=before),
            "The best plan" if not found else f"The best plan other than {len(found)} known",
        )
        if not answer.found:
            break
        found.append(answer)
    return found


# ------------------------------------------------------------------ tables


def _scheme_rows(
    asked: Inquiry,
    best: Answered,
    nothing: Answered,
    standings: Sequence[Standing],
    within: float,
) -> pd.DataFrame:
    """One row a scheme, the most worth adding first.

    Columns: rank, scheme, name, kind, site, places, capital_pounds, chosen (1: in the best plan
    found), opens (there; -1: never), worth_pounds with worth_least, worth_most (without less
    with: what it adds to the best of all plans), alone_pounds, alone_least, alone_most (NaN: the
    rules do not let it open alone), alone_opens, alone_with (what it requires, separated by |),
    insisted_pounds, insisted_least, insisted_most (what insisting on it costs), lost_pounds,
    lost_least, lost_most (what is lost without it), standing, per_place_pounds (worth over
    places). Pounds are present value, priced failures included.
    """
    table = by_id(asked.question.schemes, "scheme")
    sites = by_id(asked.loaded.tables.schemes, "scheme")
    rows: list[dict[str, Any]] = []
    for s in standings:
        given = table[s.scheme]
        low, high = difference(s.without, s.insisted)
        lost = _above(s.without, best)
        insisted = _above(s.insisted, best)
        alone = difference(nothing, s.alone)
        worth = _less(s.without.objective, s.insisted.objective)
        rows.append(
            {
                "scheme": s.scheme,
                "name": str(given["name"]),
                "kind": str(given["kind"]),
                "site": str(sites[s.scheme]["site"]),
                "places": float(given["places"]),
                "capital_pounds": float(given["capital"]),
                "chosen": int(s.chosen),
                "opens": int(best.opens.get(s.scheme, -1)),
                "worth_pounds": worth,
                "worth_least": _finite(low),
                "worth_most": _finite(high),
                "alone_pounds": _less(nothing.objective, s.alone.objective),
                "alone_least": _finite(alone[0]),
                "alone_most": _finite(alone[1]),
                "alone_opens": int(s.alone.opens.get(s.scheme, -1)),
                "alone_with": "|".join(sorted(asked.required([s.scheme]) - asked.decided)),
                "insisted_pounds": insisted[0],
                "insisted_least": insisted[1],
                "insisted_most": insisted[2],
                "lost_pounds": lost[0],
                "lost_least": lost[1],
                "lost_most": lost[2],
                "standing": s.standing(best, within),
                "per_place_pounds": worth / float(given["places"]) if given["places"] else math.nan,
            }
        )
    frame = pd.DataFrame(rows)
    frame["_order"] = frame["worth_pounds"].fillna(-math.inf)
    frame["_alone"] = frame["alone_pounds"].fillna(-math.inf)
    frame = frame.sort_values(["_order", "_alone", "scheme"], ascending=[False, False, True])
    frame = frame.drop(columns=["_order", "_alone"]).reset_index(drop=True)
    frame.insert(0, "rank", np.arange(1, len(frame) + 1))
    return frame


def _above(answer: Answered, best: Answered) -> tuple[float, float, float]:
    """What an answer costs above the best: as found, at least, at most; never below nought."""
    low, high = difference(answer, best)
    return (
        _finite(max(answer.objective - best.objective, 0.0)),
        _finite(max(low, 0.0)),
        _finite(max(high, 0.0)),
    )


def _less(this: float, other: float) -> float:
    return _finite(this - other) if math.isfinite(this) or math.isfinite(other) else math.nan


def _finite(number: float) -> float:
    return number if math.isfinite(number) else math.nan


def _plan_rows(
    asked: Inquiry, found: Sequence[Answered], best: Answered
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The plans, the cheapest first, and which schemes each opens when.

    Columns of ``plans``: plan (1: the cheapest), cost_pounds, above_pounds (the cheapest found),
    above_most (the least cost possible: the proven distance), others_pounds (no plan other than
    those found before it costs less), new (schemes beyond those decided), differs (schemes added
    to the cheapest with +, left out with -, separated by |) and the measures of
    :func:`sufficiency.studies.inquiry.measures_of`. Columns of ``plan_schemes``: plan, scheme,
    name, opens, decided (1: committed or required by what is).
    """
    ordered = sorted(found, key=lambda a: a.objective)
    decided, names = asked.decided, asked.names
    rows: list[dict[str, Any]] = []
    opened: list[dict[str, Any]] = []
    countdown = Countdown(len(ordered), asked.tell)
    first = set(ordered[0].opens) if ordered else set()
    for number, answer in enumerate(ordered, start=1):
        countdown(f"Placing children in plan {number}")
        measured = asked.measures(answer.opens)
        mine = set(answer.opens)
        differs = [f"+{s}" for s in names if s in mine - first]
        differs += [f"-{s}" for s in names if s in first - mine]
        rows.append(
            {
                "plan": number,
                "above_pounds": max(answer.objective - ordered[0].objective, 0.0),
                "above_most": max(answer.objective - best.bound, 0.0),
                "others_pounds": answer.bound,
                "new": len(mine - decided),
                "differs": "|".join(differs),
                **measured,
            }
        )
        opened += [
            {"plan": number, "scheme": s, "name": names[s], "opens": int(answer.opens[s]),
             "decided": int(s in decided)}
            for s in names
            if s in mine
        ]  # fmt: skip
    columns = ["plan", "scheme", "name", "opens", "decided"]
    return pd.DataFrame(rows), pd.DataFrame(opened, columns=columns)


def _as_stamped(answer: Answered) -> dict[str, Any]:
    return {
        "status": answer.status,
        "objective_pounds": answer.objective,
        "bound_pounds": answer.bound,
        "gap": answer.gap,
        "opens": dict(sorted(answer.opens.items())),
    }


def _layer(asked: Inquiry, table: pd.DataFrame) -> geopandas.GeoDataFrame:
    """Schemes at their sites or at the provisions that they expand; those without a place left
    out."""
    tables = asked.loaded.tables
    schemes = by_id(tables.schemes, "scheme")
    sites = by_id(tables.candidate_sites, "site")
    provisions = by_id(tables.provisions, "provision")

    def where(scheme: str) -> tuple[float, float]:
        row = schemes[scheme]
        at = sites.get(str(row["site"])) or provisions.get(str(row["provision"]))
        if at is None:  # it expands what another scheme creates
            return where(str(row["provision"]))
        return float(at["easting"]), float(at["northing"])

    at = np.array([where(str(s)) for s in table["scheme"]]).reshape(len(table), 2)
    shown = ["rank", "scheme", "name", "kind", "places", "capital_pounds", "chosen",
             "worth_pounds", "alone_pounds", "lost_pounds", "standing"]  # fmt: skip
    frame = geopandas.GeoDataFrame(
        table[shown].copy(), geometry=geopandas.points_from_xy(at[:, 0], at[:, 1]), crs=27700
    )
    frame = frame[np.isfinite(at).all(axis=1)].reset_index(drop=True)
    frame.attrs["about"] = (
        "Candidate schemes, ranked by what each adds to the best of all plans; schemes at one "
        "place lie on each other."
    )
    return frame


# ------------------------------------------------------------------ words


def _proven(count: int) -> str:
    return f"{count or 'none'} {'are' if count > 1 else 'is'} proven"


def _ranking_sentences(table: pd.DataFrame, best: Answered, within: float) -> list[str]:
    proven = table[table["worth_least"] > 0]
    by = {s: [str(n) for n in table.loc[table["standing"] == s, "name"]] for s in STANDINGS}
    count = fmt.number_of(len(table), "candidate scheme", "candidate schemes")
    said = [
        f"Of {count}, {_proven(len(proven))} to make the best plan cheaper, and "
        f"{_proven(int((table['worth_most'] < 0).sum()))} to make it dearer; for "
        f"{'all' if not len(proven) and not (table['worth_most'] < 0).any() else 'the others'} "
        "the search leaves it open."
    ]
    if len(table):
        top = table.iloc[0]
        said.append(
            f"{top['name']} adds most: without it the best plan costs "
            f"{fmt.pounds(float(top['worth_pounds']))} more than with it"
            + (
                f" (proven: between {fmt.pounds(float(top['worth_least']))} and "
                f"{fmt.pounds(float(top['worth_most']))})."
                if math.isfinite(float(top["worth_least"]))
                and math.isfinite(float(top["worth_most"]))
                else "."
            )
        )
    if by[IN_ALL]:
        said.append(
            f"No regret: every plan that costs at most {fmt.percent(within, 1)} more than the "
            f"least possible opens {fmt.in_words(by[IN_ALL])}."
        )
    else:
        said.append(
            f"No scheme is proven to be in every plan within {fmt.percent(within, 1)} of the "
            "least cost."
        )
    if by[IN_NONE]:
        said.append(f"No such plan opens {fmt.in_words(by[IN_NONE])}.")
    said.append(
        f"The best plan found costs {fmt.pounds(best.objective)} at present value, priced failures "
        f"included; none can cost less than {fmt.pounds(best.bound)}."
    )
    return said


def _alternative_sentences(plans: pd.DataFrame, asked_for: int) -> list[str]:
    if plans.empty:
        return ["No plan was found."]
    said = []
    count = len(plans)
    last = plans.iloc[-1]
    most = float(last["above_pounds"])
    if count == 1:
        said.append("Only one plan was found.")
    else:
        said.append(
            f"The {count} best plans differ by {fmt.pounds(most)} at present value, "
            f"{fmt.percent(most / float(plans['cost_pounds'].iloc[0]), 2)} of the cheapest."
        )
    if count < asked_for:
        said.append(f"The rules allow no more than {count} different sets of schemes.")
    said.append(
        f"None can be more than {fmt.pounds(float(plans['above_most'].iloc[0]))} cheaper than "
        "the first: what lies within that is a near-tie, and is members' to decide."
    )
    return said


def opening_words(opens: int) -> str:
    """A year of opening in a table: ``2027/28``, or a dash for never."""
    return academic_year_label(opens) if opens >= 0 else fmt.NONE
