"""Runs as tables: every result of each run, of the reference, and the difference."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pandas as pd

from sufficiency.plan import Plan
from sufficiency.problems import InputError, Problem, Problems
from sufficiency.reports import formatting as fmt
from sufficiency.reports.comparison.inputs import InputChanges, as_table, input_changes
from sufficiency.reports.facts import GROUPS, UNMET, Run, as_float, as_int
from sufficiency.vocabulary import academic_year_label

MOST_RUNS: Final = 6
CHILD: Final = 0.05
"""Children below which a difference is rounding of the solver."""
POUND: Final = 0.5
LETTERS: Final = "ABCDEF"
FAILURES: Final[dict[str, str]] = {
    "unmet": "Without a suitable place",
    "over_capacity": "Above commissioned places",
    "beyond_limit": "Beyond what schools can hold",
}
NOT_PUT_FORWARD: Final = "not put forward"


@dataclass
class Comparison:
    """Runs side by side; the first is the reference.

    Attributes:
        runs: as read.
        labels: a letter and the name of the folder, for tables and charts.
    """

    runs: list[Run]
    labels: list[str]

    @classmethod
    def read(cls, run_folders: Sequence[Path]) -> Comparison:
        """Read run folders.

        Raises:
            InputError: listing what is wrong with each, and when no academic year is common.
        """
        problems = Problems()
        if len(run_folders) < 2:
            problems.error(
                "a comparison needs at least two runs.",
                "give the folders of two or more runs; the first is the reference.",
                file="compare", value=", ".join(map(str, run_folders)),
            )  # fmt: skip
        if len(run_folders) > MOST_RUNS:
            problems.error(
                f"a comparison of more than {MOST_RUNS} runs cannot be read by anybody.",
                "compare fewer at a time.", file="compare", value=len(run_folders),
            )  # fmt: skip
        problems.raise_if_any()
        runs = []
        for folder in run_folders:
            try:
                runs.append(Run.read(Path(folder)))
            except InputError as error:
                # A problem inside a run names its file there; say which run it is.
                problems.errors += [
                    Problem(p.message, p.remedy, file=f"{folder}: {p.file}".removesuffix(": "),
                            row=p.row, column=p.column, value=p.value)
                    if p.file != str(folder) else p
                    for p in error.problems
                ]  # fmt: skip
        problems.raise_if_any()
        names = [Path(f).resolve().name for f in run_folders]
        found = cls(
            runs, [f"{letter} ({name})" for letter, name in zip(LETTERS, names, strict=False)]
        )
        if not found.years:
            spans = [
                f"{label}: {run.period}" for label, run in zip(found.labels, runs, strict=True)
            ]
            problems.error(
                "these runs have no planned academic year in common, so nothing of them can be "
                "compared.",
                "compare runs whose horizons overlap.",
                file="compare", value="; ".join(spans),
            )  # fmt: skip
            problems.raise_if_any()
        return found

    # -------------------------------------------------------------- what is common

    @property
    def reference(self) -> Run:
        """The first run."""
        return self.runs[0]

    @property
    def others(self) -> range:
        """Positions of all runs but the first."""
        return range(1, len(self.runs))

    @property
    def same_authority(self) -> bool:
        """Whether all runs are of one authority."""
        return len({run.authority for run in self.runs}) == 1

    @property
    def same_years(self) -> bool:
        """Whether all runs plan the same years."""
        return len({(run.first, run.last) for run in self.runs}) == 1

    @cached_property
    def years(self) -> list[int]:
        """Planned academic years that all runs have; so are their complete financial years."""
        first, last = max(r.first for r in self.runs), min(r.last for r in self.runs)
        return list(range(first, last + 1))

    @property
    def last(self) -> int:
        """The last common academic year."""
        return self.years[-1]

    @cached_property
    def inputs(self) -> dict[int, InputChanges]:
        """By position, what each run assumes otherwise than the reference."""
        return {
            i: input_changes(
                self.reference, self.runs[i], self.runs[i].authority == self.reference.authority
            )
            for i in self.others
        }

    @cached_property
    def warnings(self) -> list[str]:
        """Sentences on what limits the comparison."""
        found = []
        if not self.same_authority:
            names = list(dict.fromkeys(run.authority for run in self.runs))
            found.append(
                f"The runs are of different authorities ({fmt.in_words(names)}): numbers stand "
                "side by side, but their difference has no single cause, and rows of tables are "
                "not compared."
            )
        if not self.same_years:
            span = f"{academic_year_label(self.years[0])} to {academic_year_label(self.last)}"
            found.append(
                "The runs plan different years: "
                + "; ".join(
                    f"{label}: {run.period}"
                    for label, run in zip(self.labels, self.runs, strict=True)
                )
                + f". Only {span}, which all of them have, is compared."
            )
        if len({run.base for run in self.runs}) > 1:
            found.append(
                "Their base years differ ("
                + ", ".join(academic_year_label(run.base) for run in self.runs)
                + "): what is planned in one may be counted in another."
            )
        return found

    # -------------------------------------------------------------- tables

    def of(self, table: pd.DataFrame, i: int) -> pd.DataFrame:
        """The rows of a run in one of the tables below."""
        return table[table["run"] == self.labels[i]]

    def _frames(
        self, of: Callable[[Plan], pd.DataFrame], keys: Sequence[str], values: Sequence[str]
    ) -> pd.DataFrame:
        """A table of every run beside the reference: keys, then value_reference, value,
        difference of each value; runs stand one below the other."""
        parts = []
        reference = of(self.reference.plan).set_index(list(keys))
        for i in self.others:
            mine = of(self.runs[i].plan).set_index(list(keys))
            both = mine.merge(
                reference, how="outer", left_index=True, right_index=True,
                suffixes=("", "_reference"),
            )  # fmt: skip
            for value in values:
                for name in (value, f"{value}_reference"):
                    both[name] = both[name].astype(float).fillna(0.0)
                both[f"{value}_difference"] = both[value] - both[f"{value}_reference"]
            order = [n for v in values for n in (f"{v}_reference", v, f"{v}_difference")]
            parts.append(both[order].reset_index().assign(run=self.labels[i]))
        found = pd.concat(parts, ignore_index=True)
        return found[["run", *[c for c in found.columns if c != "run"]]]

    def _in_years(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["academic_year"].isin(self.years)]

    @cached_property
    def mix(self) -> pd.DataFrame:
        """By academic year and kind."""
        return self._frames(
            lambda p: self._in_years(p.mix), ["academic_year", "kind"], ["children"]
        )

    @cached_property
    def placements(self) -> pd.DataFrame:
        """By academic year, kind, need and phase, unmet children among them."""
        keys = ["academic_year", "kind", "need", "phase"]

        def of(plan: Plan) -> pd.DataFrame:
            both = pd.concat([plan.placements, plan.unmet.assign(kind=UNMET)])
            return self._in_years(both).groupby(keys, as_index=False)[["children"]].sum()

        return self._frames(of, keys, ["children"])

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """By financial year, ledger, line and kind; complete and common years only."""
        keys = ["financial_year", "ledger", "line", "kind"]

        def of(plan: Plan) -> pd.DataFrame:
            table = plan.ledger[plan.ledger["complete"].astype(bool)]
            table = table[table["financial_year"].isin(self.years)]
            return table.groupby(keys, as_index=False)[["pounds"]].sum()

        return self._frames(of, keys, ["pounds"])

    @cached_property
    def travel(self) -> pd.DataFrame:
        """By academic year and phase."""
        values = ["children", "median_minutes", "p90_minutes", "over_guide", "over_45", "over_75"]
        return self._frames(
            lambda p: self._in_years(p.travel_summary), ["academic_year", "phase"], values
        )

    @cached_property
    def failures(self) -> pd.DataFrame:
        """Unmet, over capacity and beyond the limit by academic year."""

        def of(plan: Plan) -> pd.DataFrame:
            index = pd.Index(self.years, name="academic_year")
            crowded = plan.occupancy.groupby("academic_year")[["over_capacity", "beyond_limit"]]
            table = crowded.sum().reindex(index, fill_value=0.0)
            unmet = plan.unmet.groupby("academic_year")["children"].sum()
            table.insert(0, "unmet", unmet.reindex(index, fill_value=0.0))
            return table.reset_index()

        return self._frames(of, ["academic_year"], list(FAILURES))

    @cached_property
    def schemes(self) -> pd.DataFrame:
        """Every scheme of any run: run, scheme, name, status and opens of both, change."""
        rows = []
        mine = self.reference.plan.schemes.set_index("scheme")
        for i in self.others:
            theirs = self.runs[i].plan.schemes.set_index("scheme")
            for scheme in dict.fromkeys([*mine.index, *theirs.index]):
                before = mine.loc[scheme] if scheme in mine.index else None
                after = theirs.loc[scheme] if scheme in theirs.index else None
                known = after if after is not None else before
                assert known is not None
                sides = [
                    (NOT_PUT_FORWARD, -1)
                    if side is None
                    else (str(side["status"]), as_int(side["opens"]))
                    for side in (before, after)
                ]
                change = _scheme_change(sides[0][1], sides[1][1])
                rows.append(
                    (self.labels[i], str(scheme), str(known["name"]), str(known["kind"]),
                     *sides[0], *sides[1], change)
                )  # fmt: skip
        columns = ["run", "scheme", "name", "kind", "status_reference", "opens_reference",
                   "status", "opens", "change"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    @property
    def summary(self) -> pd.DataFrame:
        """Each run: what it is, what was proven of it, and whether its audit passed."""
        rows = []
        for label, run in zip(self.labels, self.runs, strict=True):
            audit = run.stamp.get("audit")
            rows.append(
                {
                    "run": label,
                    "title": str(run.stamp.get("title", "")),
                    "authority": run.authority,
                    "model": str(dict(run.stamp.get("model", {})).get("name", "")),
                    "base_year": academic_year_label(run.base),
                    "first_year": academic_year_label(run.first),
                    "last_year": academic_year_label(run.last),
                    "created": str(run.stamp.get("created", "")),
                    "objective_pounds": as_float(run.solver.get("objective_pounds", math.nan)),
                    "bound_pounds": as_float(run.solver.get("bound_pounds", math.nan)),
                    "gap": as_float(run.solver.get("gap", math.nan)),
                    "audit": "passed" if audit and audit.get("passed") else "not passed",
                }
            )
        return pd.DataFrame(rows)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table of the comparison, by the name of its file."""
        schemes = self.schemes.copy()
        # The writer knows the column "opens"; the reference's openings are written alike.
        schemes["opens_reference"] = [
            academic_year_label(y) if y >= 0 else "" for y in schemes["opens_reference"].astype(int)
        ]
        inputs = [as_table(changes, self.labels[i]) for i, changes in self.inputs.items()]
        return {
            "runs": self.summary,
            "inputs": pd.concat(inputs, ignore_index=True),
            "mix": self.mix,
            "placements": self.placements,
            "schemes": schemes,
            "ledger": self.ledger,
            "travel": self.travel,
            "failures": self.failures,
        }

    # -------------------------------------------------------------- what they say

    def unchanged(self, i: int) -> bool:
        """Whether no result of a run differs from the reference by more than rounding."""

        def still(table: pd.DataFrame, most: float) -> bool:
            mine = self.of(table, i)
            columns = [c for c in mine.columns if str(c).endswith("_difference")]
            return bool((mine[columns].abs() <= most).all(axis=None))

        return (
            still(self.placements, 1e-3)
            and still(self.ledger, POUND)
            and still(self.travel, 1e-3)
            and still(self.failures, 1e-3)
            and self.moved_schemes(i).empty
        )

    def moved_schemes(self, i: int) -> pd.DataFrame:
        """Schemes that a run opens in another September than the reference, or only one opens."""
        mine = self.of(self.schemes, i)
        return mine[mine["change"] != ""]

    def ledger_change(self, i: int, ledger: str) -> float:
        """Pounds by which a run's ledger differs from the reference over all common years."""
        mine = self.of(self.ledger, i)
        return as_float(mine.loc[mine["ledger"] == ledger, "pounds_difference"].sum())

    def in_other_years(self, i: int, ledger: str) -> bool:
        """Whether a ledger differs in some year."""
        mine = self.of(self.ledger, i)
        mine = mine[mine["ledger"] == ledger]
        yearly = mine.groupby("financial_year")["pounds_difference"].sum().abs()
        return not bool((yearly < POUND).all())

    def group(self, i: int, group: str) -> list[float]:
        """Children of a run in a group of provision, or without a place, by common year."""
        kinds = GROUPS.get(group, (UNMET,))
        mix = self.runs[i].plan.mix
        mine = mix[mix["kind"].isin(kinds)].groupby("academic_year")["children"].sum()
        return [as_float(mine.get(y, 0.0)) for y in self.years]

    def failure(self, name: str) -> list[list[float]]:
        """Children of one of :data:`FAILURES` by run and common year."""
        table = self.failures.set_index(["run", "academic_year"])
        first = self.labels[1]
        found = [[as_float(table.at[(first, y), f"{name}_reference"]) for y in self.years]]
        found += [
            [as_float(table.at[(self.labels[i], y), name]) for y in self.years] for i in self.others
        ]
        return found

    def ledger_by_year(self, i: int) -> pd.DataFrame:
        """Pounds of a run by common financial year and ledger."""
        run = self.runs[i]
        return run.ledger_by_year(run.plan).reindex(self.years, fill_value=0.0)


def _scheme_change(before: int, after: int) -> str:
    """How an opening differs; empty when it does not."""
    if before == after:
        return ""
    if before < 0:
        return "opens"
    if after < 0:
        return "does not open"
    years = abs(after - before)
    return f"{years} {'year' if years == 1 else 'years'} {'later' if after > before else 'earlier'}"
