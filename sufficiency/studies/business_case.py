"""The business case of a finished run: its plan against doing nothing, and each scheme against
the plan without it.

What is compared:

* **Do nothing**, of the package: no scheme but those already committed (they are decided, so
  undoing them is no option). Of a scheme: the plan without it, and without the schemes that
  require it; all others are kept, and schools take more children than they have places for as far
  as the rules allow, at the price of the rules.
* **Do minimum**, of the package: of the chosen schemes only those that open no new school, that is
  specialist bases and extensions; where bases alone are fewer still, they stand as **bases only**.
  Of a scheme, which has no smaller version: the same a year later, and with it the schemes that
  require it. That is the price of waiting.
* **Do this**: the plan.

Children are placed anew, exactly, for every option.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sufficiency.pipeline import Loaded, reopen, study
from sufficiency.plan import Plan
from sufficiency.plan.business_case import (
    BASES,
    MINIMUM,
    NOTHING,
    PACKAGE,
    THIS,
    BusinessCase,
    fingerprint,
)
from sufficiency.problems import InputError, NoPlanError, Problem, Problems, near
from sufficiency.reports import formatting as fmt
from sufficiency.reports import write_reports
from sufficiency.studies import appraisal
from sufficiency.studies.appraisal import Appraised
from sufficiency.studies.triggers import triggers_of, triggers_of_package
from sufficiency.vocabulary import financial_year_label

SAME: Final = 1e-6
"""Relative difference within which a plan that is placed again counts as the same."""
SMALL_CHANGE: Final = 0.05
"""Child-years below which a difference is rounding of the solver."""

Tell = Callable[[str], None]
Schedule = Mapping[str, int]


@dataclass(frozen=True)
class Case:
    """One subject: its options, valued, and what cannot be done."""

    subject: str
    valued: Mapping[str, Appraised]
    words: Mapping[str, str]
    schedules: Mapping[str, Schedule]


def make_business_case(
    run_folder: str | Path, schemes: Sequence[str] = (), on_progress: Tell | None = None
) -> BusinessCase:
    """Work out the business case of a run; nothing is written.

    Args:
        run_folder: a folder that :func:`sufficiency.pipeline.write_results` wrote.
        schemes: chosen schemes to look at one by one; all of them when empty. The package is
            always looked at.
        on_progress: told each step in words.

    Raises:
        InputError: when the run cannot be used, opens nothing, or a scheme is not a chosen one.
    """
    clock = time.monotonic()
    tell = on_progress or (lambda words: None)
    tell("Reading the run and its inputs")
    loaded, plan = reopen(run_folder)
    wanted = _wanted(plan, schemes, Path(run_folder))
    tell("Building the model")
    asked = _Study(loaded, plan)
    cases = [asked.package(tell)]
    for number, scheme in enumerate(wanted, start=1):
        tell(f"Placing children without {asked.names[scheme]} ({number} of {len(wanted)})")
        cases.append(asked.scheme(scheme))
    tell("Writing up the business case")
    return asked.write_up(cases, wanted, clock)


def write_business_case(
    run_folder: str | Path, schemes: Sequence[str] = (), on_progress: Tell | None = None
) -> tuple[BusinessCase, list[Path]]:
    """Work out the business case of a run, write it there, and write the reports again.

    Returns:
        The case, and the paths of its tables' folder and of every report.

    Raises:
        InputError: as :func:`make_business_case`, or when a file cannot be written.
    """
    folder = Path(run_folder)
    case = make_business_case(folder, schemes, on_progress)
    written = [case.write(folder)]
    if on_progress:
        on_progress("Writing the reports")
    return case, [*written, *write_reports(folder)]


def _wanted(plan: Plan, schemes: Sequence[str], folder: Path) -> list[str]:
    """Chosen schemes in order of opening, or those asked for."""
    problems = Problems()
    audit = plan.stamp.get("audit")
    if not audit or not audit.get("passed"):
        problems.error(
            "this plan did not pass its audit, so no business case is made of it.",
            "run the optimisation again, or report the differences that the audit found.",
            file=str(folder),
        )  # fmt: skip
    table = plan.schemes
    chosen = table[(table["status"] == "chosen") & (table["opens"] >= 0)]
    chosen = chosen.sort_values(["opens", "name", "scheme"])
    order = [str(s) for s in chosen["scheme"]]
    if not order:
        problems.error(
            "this plan opens no scheme beyond those already committed, so there is nothing to "
            "make a case for.",
            "choose a run whose plan opens one.",
            file=str(folder),
        )  # fmt: skip
    status = dict(zip(table["scheme"].astype(str), table["status"].astype(str), strict=True))
    for scheme in dict.fromkeys(schemes):
        if scheme not in status:
            problems.error(
                f"there is no such scheme{near(scheme, order)}",
                f"use one of {', '.join(order) or 'none'}.",
                file="--scheme", value=scheme,
            )  # fmt: skip
        elif scheme not in order:
            said = "it is committed already" if status[scheme] == "committed" else "it is not open"
            problems.error(
                f"the plan did not choose this scheme: {said}.",
                f"use one of {', '.join(order) or 'none'}.",
                file="--scheme", value=scheme,
            )  # fmt: skip
    problems.raise_if_any()
    return [s for s in order if not schemes or s in schemes]


class _Study:
    """The plan of a run, and the same model asked again."""

    def __init__(self, loaded: Loaded, plan: Plan) -> None:
        self.loaded, self.model = loaded, loaded.model
        self.base = loaded.scenario.base_year
        self.first, self.last = loaded.scenario.first_year, loaded.scenario.last_year
        self.stamp = plan.stamp
        # Whole children are placed as expected shares of them: exact, and quickly found.
        shares = replace(loaded, settings=replace(loaded.settings, whole_children=False))
        self.placing = study(shares)
        table = plan.schemes
        self.names = dict(zip(table["scheme"].astype(str), table["name"].astype(str), strict=True))
        self.opened = {
            str(s): int(y) for s, y in zip(table["scheme"], table["opens"], strict=True) if y >= 0
        }
        self.committed = {
            str(s): self.opened[str(s)]
            for s, status in zip(table["scheme"], table["status"], strict=True)
            if status == "committed"
        }
        inputs = loaded.tables.schemes
        self.inputs = {str(row["scheme"]): row for _, row in inputs.iterrows()}
        q = self.placing.question
        ids = [str(s) for s in q.schemes["scheme"]]
        self.requires = [(ids[s], ids[r]) for s, r in q.prerequisites]
        self.fill = {ids[s]: q.fill[s] for s in range(len(ids))}
        self.provision_of = dict(
            zip(table["scheme"].astype(str), table["provision"].astype(str), strict=True)
        )
        self.whole = loaded.settings.whole_children
        self.plan = self._again(plan, self.opened)
        without = self._again(plan.without_schemes, self.committed)
        self.this, self.nothing = self._value(self.plan), self._value(without)

    def _again(self, plan: Plan | None, opens: Schedule) -> Plan:
        """A plan of the run itself, once the model that was built again agrees with its cost."""
        found = self.placing.plan(opens)
        if self.whole or plan is None:
            return found
        theirs, ours = plan.present_value_pounds, found.present_value_pounds
        if abs(theirs - ours) > SAME * max(abs(theirs), 1.0):
            raise InputError(
                [Problem(
                    "placing children again for the run's own schemes does not give the cost that "
                    "the run says, so its inputs or this program have changed since.",
                    "run the optimisation again, then make the business case.",
                    file="inputs", value=f"{ours:,.0f} pounds instead of {theirs:,.0f}",
                )]
            )  # fmt: skip
        return plan

    def _value(self, plan: Plan) -> Appraised:
        return appraisal.appraise(plan, self.model, self.first, self.last)

    def _closed(self, wanted: Iterable[str]) -> dict[str, int]:
        """A schedule of wanted and committed schemes, less those that lack what they require."""
        kept = {s: self.opened[s] for s in (*self.committed, *wanted)}
        while lacking := [s for s, r in self.requires if s in kept and r not in kept]:
            for scheme in lacking:
                kept.pop(scheme, None)
        return kept

    def dependants(self, scheme: str) -> list[str]:
        """Open schemes that need this one, directly or not, in order of opening."""
        found = {scheme}
        while more := {s for s, r in self.requires if r in found and s in self.opened} - found:
            found |= more
        return sorted(found - {scheme}, key=lambda s: (self.opened[s], s))

    # -------------------------------------------------------------- cases

    def package(self, tell: Tell) -> Case:
        """All chosen schemes together."""
        chosen = [s for s in self.opened if s not in self.committed]
        bases = [s for s in chosen if self.inputs[s]["kind"] == "specialist_base"]
        modest = [s for s in chosen if s in bases or not self.inputs[s]["site"]]
        valued = {NOTHING: self.nothing, THIS: self.this}
        schedules: dict[str, Schedule] = {NOTHING: self.committed, THIS: self.opened}
        words = {
            NOTHING: "Only what is committed already",
            THIS: f"The plan: {len(chosen)} {'scheme' if len(chosen) == 1 else 'schemes'}",
        }
        for option, some, said in (
            (BASES, bases, "Of the plan's schemes only its specialist bases"),
            (MINIMUM, modest, "Of the plan's schemes only bases and extensions: no new school"),
        ):
            schedule = self._closed(some)
            if any(dict(schedule) == dict(other) for other in schedules.values()):
                continue
            tell(f"Placing children with {option}")
            valued[option] = self._value(self.placing.plan(schedule))
            schedules[option], words[option] = schedule, said
        if BASES in valued and MINIMUM not in valued:
            # There are no extensions: bases are the least that can be done.
            valued[MINIMUM] = valued.pop(BASES)
            schedules[MINIMUM], words[MINIMUM] = schedules.pop(BASES), words.pop(BASES)
        return Case(PACKAGE, valued, words, schedules)

    def scheme(self, scheme: str) -> Case:
        """One scheme, and those that cannot open without it."""
        gone = [scheme, *self.dependants(scheme)]
        left = {s: y for s, y in self.opened.items() if s not in gone}
        with_it = "".join(f" and {self.names[s]}, which requires it" for s in gone[1:])
        valued = {NOTHING: self._value(self.placing.plan(left)), THIS: self.this}
        schedules: dict[str, Schedule] = {NOTHING: left, THIS: self.opened}
        words = {NOTHING: f"The plan without it{with_it}", THIS: "The plan"}
        late = self._later(gone)
        if late is not None:
            try:
                valued[MINIMUM] = self._value(self.placing.plan(late))
                schedules[MINIMUM], words[MINIMUM] = late, "The same a year later"
            except NoPlanError:
                pass  # the rules about schemes or budgets allow no later opening
        return Case(scheme, valued, words, schedules)

    def _later(self, schemes: Sequence[str]) -> dict[str, int] | None:
        """The plan's schedule with a scheme a year later; what requires it waits as well."""
        schedule = dict(self.opened)
        schedule[schemes[0]] += 1
        for scheme in schemes[1:]:
            needed = [schedule[r] for s, r in self.requires if s == scheme and r in schedule]
            schedule[scheme] = max([schedule[scheme], *needed])
        for scheme in schemes:
            latest = int(self.inputs[scheme]["latest_opening"])
            if schedule[scheme] > (latest if latest >= 0 else self.last):
                return None
        return schedule

    # -------------------------------------------------------------- tables

    def write_up(self, cases: Sequence[Case], wanted: Sequence[str], clock: float) -> BusinessCase:
        """All tables, and the stamp."""
        places = self._places(wanted)
        options, lines, years, switching = [], [], [], []
        for case in cases:
            nothing = case.valued[NOTHING]
            for option in sorted(case.valued, key=list((NOTHING, BASES, MINIMUM, THIS)).index):
                found = case.valued[option]
                moved = appraisal.changes(found, nothing)
                keys = {"subject": case.subject, "option": option}
                options.append({**keys, **self._option(case, option, places)})
                lines.append(self._lines(found, nothing).assign(**keys))
                years.append(
                    moved.assign(complete=moved["financial_year"] <= self.last, **keys)
                )  # fmt: skip
            mine = places[places["subject"] == case.subject]
            switching += self._switching(case, mine, options[-1])
        table = pd.DataFrame(options)
        keys_first = ["subject", "option"]
        all_lines = pd.concat(lines, ignore_index=True)
        all_years = pd.concat(years, ignore_index=True)
        stamp = self._stamp(wanted, clock)
        found_case = BusinessCase(
            options=table,
            lines=all_lines[[*keys_first, "ledger", "line", "present_value_pounds",
                             "change_pounds"]],
            years=all_years[[*keys_first, "financial_year", "complete", "ledger", "line",
                             "pounds", "change_pounds"]],
            switching=pd.DataFrame(switching),
            places=places,
            margins=self._margins(wanted),
            triggers=self._triggers(wanted),
            risks=pd.DataFrame(columns=["subject", "risk", "evidence", "action"], dtype="str"),
            stamp=stamp,
        )  # fmt: skip
        found_case.risks = self._risks(found_case, wanted)
        return found_case

    def _option(self, case: Case, option: str, places: pd.DataFrame) -> dict[str, Any]:
        found, nothing = case.valued[option], case.valued[NOTHING]
        by_ledger = found.by_line().groupby(level="ledger").sum()
        schedule = case.schedules[option]
        worth = appraisal.net_present_value(found, nothing)
        counts = {k: found.counts[k] for k in ("unmet", "over_capacity", "beyond_limit",
                                               "over_guide")}  # fmt: skip
        capital, added = found.capital - nothing.capital, found.places - nothing.places
        uplifted = sum(
            float(self.inputs[s]["capital_pounds"])
            * (1 + float(self.model.for_kind("optimism_bias", self.inputs[s]["kind"])))
            for s in schedule
            if s not in case.schedules[NOTHING]
        )
        return {
            "words": case.words[option],
            "schemes": "|".join(sorted(s for s in schedule if s not in self.committed)),
            "places": found.places,
            "capital_pounds": found.capital,
            "dsg_pounds": float(by_ledger.get("dsg", 0.0)),
            "general_fund_pounds": float(by_ledger.get("general_fund", 0.0)),
            "capital_ledger_pounds": float(by_ledger.get("capital", 0.0)),
            "net_present_value_pounds": worth,
            "failures_pounds": found.failures,
            "value_with_failures_pounds": worth + nothing.failures - found.failures,
            **counts,
            "payback_years": appraisal.payback_years(found, nothing),
            "added_places": added,
            "added_capital_pounds": capital,
            "capital_per_place_pounds": uplifted / added if added > 1e-9 else math.nan,
        }

    def _lines(self, found: Appraised, nothing: Appraised) -> pd.DataFrame:
        ours, theirs = found.by_line(), nothing.by_line()
        index = ours.index.union(theirs.index)
        ours, theirs = ours.reindex(index, fill_value=0.0), theirs.reindex(index, fill_value=0.0)
        frame = pd.DataFrame({"present_value_pounds": ours, "change_pounds": ours - theirs})
        return frame.reset_index()

    def _switching(
        self, case: Case, places: pd.DataFrame, option: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        per_place = (
            option["added_capital_pounds"] / option["added_places"]
            if option["added_places"] > 1e-9
            else math.nan
        )
        found = appraisal.switching_values(
            case.valued[THIS], case.valued[NOTHING], appraisal.share_filled(places), per_place
        )
        return [
            {
                "subject": case.subject, "what": s.what, "unit": s.unit, "base": s.base,
                "factor": s.factor, "value": s.value, "net_present_value_pounds": s.worth,
                "words": s.words,
            }
            for s in found
        ]  # fmt: skip

    def _places(self, wanted: Sequence[str]) -> pd.DataFrame:
        """Places on offer and children in them: of the package, and of each wanted scheme with
        those that require it."""
        rows = []
        for scheme, opens in sorted(self.opened.items()):
            fill = self.fill[scheme]
            for year in range(opens, self.last + 1):
                share = float(fill[min(year - opens, len(fill) - 1)])
                places = share * float(self.inputs[scheme]["places"])
                rows.append((scheme, self.provision_of[scheme], year, places))
        offered = pd.DataFrame(
            rows, columns=["scheme", "provision", "academic_year", "places_offered"]
        )
        found = appraisal.children_in_places(self.plan, offered, self.first)
        parts = [(PACKAGE, [s for s in self.opened if s not in self.committed])]
        parts += [(scheme, [scheme, *self.dependants(scheme)]) for scheme in wanted]
        summed = [
            found[found["subject"].isin(members)]
            .groupby("academic_year", as_index=False)[["places_offered", "children_in_them"]]
            .sum()
            .assign(subject=subject)
            for subject, members in parts
        ]
        table = pd.concat(summed, ignore_index=True)
        return table[["subject", "academic_year", "places_offered", "children_in_them"]]

    def _margins(self, wanted: Sequence[str]) -> pd.DataFrame:
        table = {str(row["scheme"]): row for _, row in self.plan.schemes.iterrows()}
        rows = [
            (s, *appraisal.one_more_place(self.plan, self.model, table[s],
                                          np.asarray(self.fill[s], dtype=float),
                                          self.first, self.last))
            for s in wanted
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["subject", "one_more_place_pounds", "its_cost_pounds"])

    def _triggers(self, wanted: Sequence[str]) -> pd.DataFrame:
        rows = [(PACKAGE, *row) for row in triggers_of_package()]
        occupancy = self.plan.occupancy
        for scheme in wanted:
            given, opens = self.inputs[scheme], self.opened[scheme]
            here = occupancy[
                (occupancy["provision"] == self.provision_of[scheme])
                & (occupancy["academic_year"] == max(opens - 1, self.base))
            ]
            before = float(here["commissioned_places"].fillna(0.0).sum())
            rows += [(scheme, *row) for row in triggers_of(given, before, opens)]
        return pd.DataFrame(rows, columns=["subject", "trigger", "why", "source", "date"])

    def _risks(self, case: BusinessCase, wanted: Sequence[str]) -> pd.DataFrame:
        """What may turn out otherwise, with the figure that shows it."""
        rows = _risks_of_package(case, dict(self.stamp.get("solver", {})))
        for scheme in wanted:
            rows += _risks_of_scheme(case, scheme, self.opened[scheme], self.first)
        return pd.DataFrame(rows, columns=["subject", "risk", "evidence", "action"]).astype("str")

    def _stamp(self, wanted: Sequence[str], clock: float) -> dict[str, Any]:
        entries = self.model.entries
        return {
            "run": fingerprint(self.stamp),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": version("sufficiency"),
            "seconds": round(time.monotonic() - clock, 2),
            "schemes": list(wanted),
            "names": {PACKAGE: "All schemes together", **{s: self.names[s] for s in wanted}},
            "all_chosen": len(wanted) == len(self.opened) - len(self.committed),
            "whole_children": self.whole,
            "discount_rate": self.model.discount_rate,
            "price_base": financial_year_label(self.model.price_base),
            "first_financial_year": financial_year_label(self.first),
            "last_financial_year": financial_year_label(self.last + 1),
            "search_left_open_pounds": _left_open(dict(self.stamp.get("solver", {}))),
            "values": {
                key: {
                    "value": entries[key].value,
                    "unit": entries[key].unit,
                    "source": entries[key].source,
                    "date": entries[key].date,
                }
                for key in ("discount_rate", "price_base", "optimism_bias", "lifecycle_share",
                            "building_life_years")
            },
        }  # fmt: skip


# ------------------------------------------------------------------ risks


def _left_open(solver: Mapping[str, Any]) -> float:
    """Pounds by which another plan might be cheaper still."""
    objective = float(solver.get("objective_pounds", math.nan))
    return max(objective - float(solver.get("bound_pounds", math.nan)), 0.0)


def _risks_of_package(case: BusinessCase, solver: Mapping[str, Any]) -> list[tuple[str, ...]]:
    lines = case.of("lines", PACKAGE)
    mine = lines[lines["option"] == THIS].set_index("line")["change_pounds"]
    fees = -float(mine.reindex(list(appraisal.FEES)).fillna(0.0).sum())
    transport = -float(mine.reindex(["transport"]).fillna(0.0).sum())
    overrun = float(mine.reindex([appraisal.OPTIMISM]).fillna(0.0).sum())
    rows = [
        (
            PACKAGE,
            "Vacated independent places are filled by others: no fees are saved",
            f"Fees avoided are worth {fmt.pounds(fees)} today.",
            "Agree how new requests are met while places open; follow placements, not only places.",
        ),
        (
            PACKAGE,
            "Building costs more than estimated",
            f"Optimism bias adds {fmt.pounds(overrun)} to the case at present value.",
            "Replace it by a quantified risk allowance as designs mature.",
        ),
        (
            PACKAGE,
            "Transport is saved only when whole vehicles come off the road",
            f"Transport avoided is worth {fmt.pounds(transport)} today, on the general fund.",
            "Plan routes with the transport team before the saving is budgeted.",
        ),
        (
            PACKAGE,
            "Parents, or the Tribunal, name other schools",
            "The plan is aggregate: sections 33 and 38 to 40 of the Children and Families Act 2014 "
            "decide one child at a time.",
            "Consult early; keep the shares of preference in the planning model under review.",
        ),
    ]
    status = str(solver.get("status", ""))
    if not status.startswith(("proven", "optimal")):
        rows.append(
            (
                PACKAGE,
                "The search ended early",
                f"It ended with: {status or 'unknown'}.",
                "Run it to its end before the decision.",
            )
        )
    return [tuple(row) for row in rows]


def _risks_of_scheme(
    case: BusinessCase, scheme: str, opens: int, first: int
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    this = case.option(scheme, THIS)
    assert this is not None
    worth = float(this["net_present_value_pounds"])
    with_failures = float(this["value_with_failures_pounds"])
    left_open = float(case.stamp["search_left_open_pounds"])
    if worth < 0:
        nothing = case.option(scheme, NOTHING)
        assert nothing is not None
        spared = [
            f"{fmt.child_years(float(nothing[c]) - float(this[c]))} {words}"
            for c, words in (
                ("unmet", "without a suitable place"),
                ("beyond_limit", "beyond what schools can hold"),
                ("over_capacity", "above commissioned places"),
            )
            if float(nothing[c]) - float(this[c]) > SMALL_CHANGE
        ]
        rows.append(
            (
                scheme,
                "It does not pay in money",
                f"Its net present value is {fmt.pounds(worth)}; it spares "
                f"{', '.join(spared) if spared else 'nobody a failure that the model counts'}.",
                "Decide it on sufficiency, and say so; or look for a cheaper way.",
            )
        )
    if abs(with_failures) < left_open:
        rows.append(
            (
                scheme,
                "A near-tie: another set of schemes may be as good",
                f"It is worth {fmt.pounds(with_failures)}, priced failures included; the search "
                f"left {fmt.pounds(left_open)} open.",
                "Search with a smaller gap before it is decided on money alone.",
            )
        )
    switching = case.of("switching", scheme).set_index("what")
    capital = float(str(switching.at["capital", "factor"]))
    if math.isfinite(capital) and 1.0 <= capital < 1.25:
        rows.append(
            (
                scheme,
                "A small overrun ends the case",
                f"It stops paying when capital rises by {capital - 1:.0%}, after optimism bias.",
                "Fix the price, or the scope, before commitment.",
            )
        )
    filled = float(str(switching.at["occupancy", "base"]))
    if math.isfinite(filled) and filled < 0.85:
        rows.append(
            (
                scheme,
                "Places stand empty",
                f"Over the planned years {filled:.0%} of the places on offer are filled.",
                "Open by year group; check the forecast for its area and need.",
            )
        )
    if opens <= first + 1:
        rows.append(
            (
                scheme,
                "There is little time",
                f"It opens in September {opens}; its places are "
                f"notified by early December {opens - 1}.",
                "Start consultation, notice and design now, or plan a year later.",
            )
        )
    late = case.option(scheme, MINIMUM)
    if late is not None:
        price = worth - float(late["net_present_value_pounds"])
        said = "costs" if price >= 0 else "saves"
        rows.append(
            (
                scheme,
                "It opens late",
                f"A year's delay {said} {fmt.pounds(abs(price))} at present value, "
                "priced failures not counted.",
                "Weigh it against the risk of hurry.",
            )
        )
    return rows
