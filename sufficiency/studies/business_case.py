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

Children are placed anew for every option, all other schemes held where the plan has them: nothing
is searched, so what is told is the worth of a scheme *within this plan*, and what the schemes that
are left would best do in its absence is the ranking's question (``ranking.py``). Every placement is
proven to cost no more than :data:`WITHIN` above the least for its schedule; what was proven is in
the stamp. Options differ from the plan by little, so each is placed beginning near it, and what is
placed is kept in the run's ``answers`` as it is found: a case that was stopped goes on from there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
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

from sufficiency.pipeline import Loaded, content_of, reopen, study
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
from sufficiency.plan.learnt import read_learnt
from sufficiency.problems import InputError, NoPlanError, Problem, Problems, Stopped, near
from sufficiency.reports import formatting as fmt
from sufficiency.reports import write_reports
from sufficiency.solving import Outcome
from sufficiency.studies import appraisal
from sufficiency.studies.answers import Kept
from sufficiency.studies.appraisal import KEYS, Appraised
from sufficiency.studies.triggers import triggers_of, triggers_of_package
from sufficiency.vocabulary import financial_year_label

SAME: Final = 1e-6
"""Relative difference within which a plan that is placed again counts as the same."""
WITHIN: Final = 2e-7
"""Relative distance from the least cost of its schedule within which an option is placed: a large
authority's four and a half thousand million pounds come to within nine hundred."""
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
    """Work out the business case of a run; nothing is written but the answers it is made of, in the
    run's ``answers``, by which a case that was stopped goes on.

    Args:
        run_folder: a folder that :func:`sufficiency.pipeline.write_results` wrote.
        schemes: chosen schemes to look at one by one; all of them when empty. The package is
            always looked at.
        on_progress: told each step in words.

    Raises:
        InputError: when the run cannot be used, opens nothing, or a scheme is not a chosen one.
        Stopped: on Ctrl-C; what was placed so far is kept.
    """
    clock = time.monotonic()
    tell = on_progress or (lambda words: None)
    tell("Reading the run and its inputs")
    loaded, plan = reopen(run_folder)
    wanted = _wanted(plan, schemes, Path(run_folder))
    tell("Building the model")
    asked = _Study(loaded, plan, Path(run_folder), tell, wanted)
    try:
        asked.begin(plan)
        cases = [asked.package(), *(asked.scheme(scheme) for scheme in wanted)]
    except KeyboardInterrupt as error:
        raise asked.stopped() from error
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

    def __init__(
        self, loaded: Loaded, plan: Plan, folder: Path, tell: Tell, wanted: Sequence[str]
    ) -> None:
        self.loaded, self.model = loaded, loaded.model
        self.base = loaded.scenario.base_year
        self.first, self.last = loaded.scenario.first_year, loaded.scenario.last_year
        self.stamp = plan.stamp
        # Whole children are placed as expected shares of them: exact, and quickly found.
        shares = replace(loaded, settings=replace(loaded.settings, whole_children=False))
        self.placing = study(shares)
        # What the run's own search has learnt, as far as this model's arithmetic proves it; what is
        # damaged is found again.
        with contextlib.suppress(KeyError, ValueError, TypeError, IndexError):
            self.placing.recall(read_learnt([folder], None))
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
        self.wanted, self._tell = wanted, tell
        self.kept = Kept(folder)
        inputs_and_model = content_of(loaded) + self.placing.fingerprint()
        self._content = inputs_and_model + version("sufficiency") + version("highspy")
        self.total = (
            2
            + len(self._modest())
            + sum(1 + (self._later([s, *self.dependants(s)]) is not None) for s in wanted)
        )
        self._answered, self._near, self._lasted = 0, False, list[float]()
        self.within_pounds = 0.0

    def begin(self, plan: Plan) -> None:
        """The plan and the one without its schemes, valued.

        Raises:
            InputError: when the model does not give the run's own costs.
        """
        self.plan = self._again(plan, self.opened, "Placing children for the plan again")
        without = self._again(
            plan.without_schemes, self.committed, "Placing children without new schemes"
        )
        self.this, self.nothing = self._value(self.plan), self._value(without)

    def stopped(self) -> Stopped:
        """What is said after Ctrl-C."""
        if not self._answered:
            return Stopped("Interrupted; nothing was written.")
        return Stopped(
            f"Interrupted; {self._answered} of {self.total} placements were made. They are kept in "
            f"{self.kept.folder}: run the same command again to go on from there."
        )

    # -------------------------------------------------------------- placing

    def _progress(self, words: str) -> None:
        said = f"{words} ({self._answered + 1} of {self.total}"
        if len(self._lasted) > 1:
            # The package's options, which come first, take longer than one scheme does.
            left = sum(self._lasted[-6:]) / len(self._lasted[-6:]) * (self.total - self._answered)
            said += f", about {fmt.seconds(left)} left" if left >= 1 else ""
        self._tell(said + ")")

    def _place(self, opens: Schedule) -> Outcome:
        """Children placed for a schedule, from near the plan once that has been placed."""
        clock = time.monotonic()
        if not self._near:
            # The first placement of a study may take long; each later one begins near it.
            self.placing.placed_for(self.opened, within=WITHIN)
            self._near = True
        found = self.placing.placed_for(opens, within=WITHIN)
        if dict(opens) != self.opened:
            self._lasted.append(time.monotonic() - clock)
        return found

    def _key(self, opens: Schedule) -> str:
        asked = {"model": self._content, "opens": sorted(opens.items()), "within": WITHIN}
        return "case-" + hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]

    def _again(self, plan: Plan | None, opens: Schedule, words: str) -> Plan:
        """A plan of the run itself, once the model that was built again agrees with its cost."""
        self._progress(words)
        if self.whole or plan is None:
            found = self._place(opens)
            self.within_pounds = max(self.within_pounds, found.objective - found.bound)
            self._answered += 1
            return self.placing.written(found)
        key = self._key(opens)
        try:
            ours = float(self.kept.read(key)["cost"])
        except (KeyError, TypeError, ValueError):
            ours = self._place(opens).objective
            self.kept.write(key, {"cost": ours})
        theirs = plan.present_value_pounds
        self._answered += 1
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

    def _option_of(self, opens: Schedule, words: str) -> Appraised:
        """Children placed for a schedule, valued; only where that is not kept.

        Raises:
            NoPlanError: when the rules about schemes or budgets do not allow the schedule.
        """
        self._progress(words)
        key = self._key(opens)
        kept = self._recalled(self.kept.read(key))
        if kept is None:
            try:
                found = self._place(opens)
            except NoPlanError:
                self.kept.write(key, {"none": True})
                self._answered += 1
                raise
            value = self._value(self.placing.written(found))
            kept = value, max(found.objective - found.bound, 0.0)
            flows = value.flows
            self.kept.write(key, {
                "flows": [flows[column].tolist() for column in (*KEYS, "pounds")],
                "failures": value.failures,
                "counts": dict(value.counts),
                "places": value.places,
                "capital": value.capital,
                "within_pounds": kept[1],
            })  # fmt: skip
        self._answered += 1
        self.within_pounds = max(self.within_pounds, kept[1])
        return kept[0]

    def _recalled(self, data: Any) -> tuple[Appraised, float] | None:
        """An option that is kept, and how near to its least cost it is; None where it is damaged.

        Raises:
            NoPlanError: when it is kept that the rules allow none.
        """
        try:
            if data.get("none"):
                self._answered += 1
                raise NoPlanError("The rules do not allow this schedule.")
            columns = [*KEYS, "pounds"]
            flows = pd.DataFrame(dict(zip(columns, data["flows"], strict=True)))
            types = {"financial_year": "int64", "ledger": "str", "line": "str", "pounds": "float64"}
            return Appraised(
                flows=flows.astype(types),
                rate=self.model.discount_rate,
                first=self.first,
                last=self.last,
                failures=float(data["failures"]),
                counts={str(k): float(v) for k, v in data["counts"].items()},
                places=float(data["places"]),
                capital=float(data["capital"]),
            ), float(data["within_pounds"])
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

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

    def _modest(self) -> dict[str, tuple[dict[str, int], str]]:
        """The smaller versions of the package: option to its schedule, and what it is in words."""
        chosen = [s for s in self.opened if s not in self.committed]
        bases = [s for s in chosen if self.inputs[s]["kind"] == "specialist_base"]
        modest = [s for s in chosen if s in bases or not self.inputs[s]["site"]]
        found: dict[str, tuple[dict[str, int], str]] = {}
        for option, some, said in (
            (BASES, bases, "Of the plan's schemes only its specialist bases"),
            (MINIMUM, modest, "Of the plan's schemes only bases and extensions: no new school"),
        ):
            schedule = self._closed(some)
            if schedule not in (
                self.committed,
                self.opened,
                *(other for other, _ in found.values()),
            ):
                found[option] = schedule, said
        if BASES in found and MINIMUM not in found:
            # There are no extensions: bases are the least that can be done.
            found[MINIMUM] = found.pop(BASES)
        return found

    def package(self) -> Case:
        """All chosen schemes together."""
        count = len(self.opened) - len(self.committed)
        valued = {NOTHING: self.nothing, THIS: self.this}
        schedules: dict[str, Schedule] = {NOTHING: self.committed, THIS: self.opened}
        words = {
            NOTHING: "Only what is committed already",
            THIS: f"The plan: {count} {'scheme' if count == 1 else 'schemes'}",
        }
        for option, (schedule, said) in self._modest().items():
            valued[option] = self._option_of(schedule, f"Placing children with {option}")
            schedules[option], words[option] = schedule, said
        return Case(PACKAGE, valued, words, schedules)

    def scheme(self, scheme: str) -> Case:
        """One scheme, and those that cannot open without it."""
        gone = [scheme, *self.dependants(scheme)]
        left = {s: y for s, y in self.opened.items() if s not in gone}
        with_it = "".join(f" and {self.names[s]}, which requires it" for s in gone[1:])
        without = self._option_of(left, f"Placing children without {self.names[scheme]}")
        valued = {NOTHING: without, THIS: self.this}
        schedules: dict[str, Schedule] = {NOTHING: left, THIS: self.opened}
        words = {NOTHING: f"The plan without it{with_it}", THIS: "The plan"}
        late = self._later(gone)
        if late is not None:
            # The rules about schemes or budgets may allow no later opening.
            with contextlib.suppress(NoPlanError):
                said = f"Placing children with {self.names[scheme]} a year later"
                valued[MINIMUM] = self._option_of(late, said)
                schedules[MINIMUM], words[MINIMUM] = late, "The same a year later"
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
            "placed_within_pounds": self.within_pounds,
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
                "A year's delay",
                f"Opening a year later {said} {fmt.pounds(abs(price))} at present value, "
                "priced failures not counted.",
                "Weigh that against the risk of building in a hurry.",
            )
        )
    return rows
