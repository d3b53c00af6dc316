"""What differs between runs: their results beside their inputs, as one page and CSV tables.

Run folders are read and nothing else: nothing is solved. The first run is the reference.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sufficiency.plan import Plan
from sufficiency.plan.run_folder import as_words, as_written
from sufficiency.problems import InputError, Problem, Problems
from sufficiency.reports import charts
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import (
    Block,
    Figure,
    Heading,
    Items,
    Row,
    Section,
    Table,
    Text,
)
from sufficiency.reports.facts import GROUPS, LINES, UNMET, Run, as_float, as_int, records
from sufficiency.reports.input_changes import InputChanges, TableChange, as_table, input_changes
from sufficiency.reports.page import Banner, banners, fill
from sufficiency.vocabulary import (
    KINDS,
    LEDGERS,
    NEEDS,
    STATEMENT,
    academic_year_label,
    financial_year_label,
)

PAGE: Final = "comparison.html"
MARKER: Final = "comparison.json"
MOST_RUNS: Final = 6
LISTED_ROWS: Final = 25
"""Changed rows of a table that the page lists; the CSV file has more."""
CHILD: Final = 0.05
"""Children below which a difference is rounding of the solver."""
POUND: Final = 0.5
LETTERS: Final = "ABCDEF"
LOOKS: Final = (
    (charts.NAVY, ()),
    (charts.ORANGE, (7, 3)),
    (charts.TEAL, (2, 3)),
    (charts.PLUM, (9, 3, 2, 3)),
    (charts.CHARCOAL, (4, 2)),
    (charts.LILAC, (1, 2)),
)
"""Colour and pattern of each run's line."""
ALL_KINDS: Final[dict[str, str]] = {**KINDS, UNMET: "No suitable place (unmet)"}
FAILURES: Final[dict[str, str]] = {
    "unmet": "Without a suitable place",
    "over_capacity": "Above commissioned places",
    "beyond_limit": "Beyond what schools can hold",
}


@dataclass(frozen=True)
class Written:
    """A comparison that was written: its files, and what it says in sentences."""

    files: tuple[Path, ...]
    sentences: tuple[str, ...]


def write_comparison(run_folders: Sequence[Path], out: Path) -> Written:
    """Compare runs and write comparison.html, CSV tables and comparison.json into a folder.

    Everything is written into a folder beside the wanted one and renamed when complete.

    Args:
        run_folders: two to six run folders; the first is the reference.
        out: folder to make; an earlier comparison there is replaced, anything else refused.

    Raises:
        InputError: listing everything that is wrong: too few runs, a folder that is no run, runs
            without a common year, a folder that cannot be written.
    """
    out = Path(out).absolute()
    found = Comparison.read(run_folders)
    _refuse_unsafe(out, run_folders)
    aside = out.with_name(f".{out.name}.{os.getpid()}.unfinished")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        for name, frame in found.tables().items():
            as_words(as_written(frame)).to_csv(
                aside / f"{name}.csv", index=False, float_format="%.9g", lineterminator="\n"
            )
        (aside / PAGE).write_text(found.page(), encoding="utf-8", newline="\n")
        text = json.dumps(found.stamp(), indent=2, ensure_ascii=False, default=str)
        (aside / MARKER).write_text(text + "\n", encoding="utf-8")
        if out.exists():
            shutil.rmtree(out)
        aside.rename(out)
    except OSError as error:
        raise InputError(
            [Problem("the comparison could not be written.",
                     "free some disk space or choose another folder with --out; nothing was "
                     "changed.", file=str(out), value=str(error.strerror or error))]
        ) from error  # fmt: skip
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    names = [PAGE, *(f"{name}.csv" for name in found.tables()), MARKER]
    return Written(tuple(out / name for name in names), tuple(found.sentences()))


def _refuse_unsafe(out: Path, run_folders: Sequence[Path]) -> None:
    if out.exists() and not (out.is_dir() and ((out / MARKER).exists() or not any(out.iterdir()))):
        raise InputError(
            [Problem("this folder exists and is not an earlier comparison.",
                     "choose another folder with --out; only an earlier comparison is replaced.",
                     file=str(out))]
        )  # fmt: skip
    inside = [f for f in run_folders if out.is_relative_to(Path(f).absolute())]
    if inside:
        raise InputError(
            [Problem("a comparison is not written into one of the runs that it compares.",
                     "choose another folder with --out.", file=str(out))]
        )  # fmt: skip


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
    def others(self) -> list[tuple[int, Run]]:
        """Position and run of all but the first."""
        return list(enumerate(self.runs))[1:]

    @property
    def same_authority(self) -> bool:
        """Whether all runs are of one authority."""
        return len({run.authority for run in self.runs}) == 1

    @cached_property
    def years(self) -> list[int]:
        """Planned academic years that all runs have."""
        first, last = max(r.first for r in self.runs), min(r.last for r in self.runs)
        return list(range(first, last + 1))

    @cached_property
    def finances(self) -> list[int]:
        """Complete financial years that all runs have."""
        return self.years

    @property
    def last(self) -> int:
        """The last common academic year."""
        return self.years[-1]

    @cached_property
    def inputs(self) -> list[InputChanges]:
        """What each run assumes otherwise than the reference, the reference left out."""
        return [
            input_changes(self.reference, run, run.authority == self.reference.authority)
            for _, run in self.others
        ]

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
        if len({(run.first, run.last) for run in self.runs}) > 1:
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

    def _frames(
        self, of: Callable[[Plan], pd.DataFrame], keys: Sequence[str], values: Sequence[str]
    ) -> pd.DataFrame:
        """A table of every run beside the reference: keys, then value_reference, value,
        difference of each value; runs stand one below the other."""
        parts = []
        reference = of(self.reference.plan).set_index(list(keys))
        for i, run in self.others:
            mine = of(run.plan).set_index(list(keys))
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
            table = table[table["financial_year"].isin(self.finances)]
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
        for i, run in self.others:
            theirs = run.plan.schemes.set_index("scheme")
            for scheme in dict.fromkeys([*mine.index, *theirs.index]):
                before = mine.loc[scheme] if scheme in mine.index else None
                after = theirs.loc[scheme] if scheme in theirs.index else None
                known = after if after is not None else before
                assert known is not None
                rows.append(
                    (
                        self.labels[i], str(scheme), str(known["name"]), str(known["kind"]),
                        "not put forward" if before is None else str(before["status"]),
                        -1 if before is None else as_int(before["opens"]),
                        "not put forward" if after is None else str(after["status"]),
                        -1 if after is None else as_int(after["opens"]),
                    )
                )  # fmt: skip
        columns = ["run", "scheme", "name", "kind", "status_reference", "opens_reference",
                   "status", "opens"]  # fmt: skip
        found = pd.DataFrame(rows, columns=columns)
        found["change"] = [
            _scheme_change(as_int(b), as_int(a))
            for b, a in zip(found["opens_reference"], found["opens"], strict=True)
        ]
        return found

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table of the comparison, by the name of its file."""
        schemes = self.schemes.copy()
        # The writer knows the column "opens"; the reference's openings are written alike.
        schemes["opens_reference"] = [
            academic_year_label(y) if y >= 0 else "" for y in schemes["opens_reference"].astype(int)
        ]
        return {
            "runs": self._runs(),
            "inputs": pd.concat(
                [as_table(c, self.labels[i]) for (i, _), c in
                 zip(self.others, self.inputs, strict=True)],
                ignore_index=True,
            ),
            "mix": self.mix,
            "placements": self.placements,
            "schemes": schemes,
            "ledger": self.ledger,
            "travel": self.travel,
            "failures": self.failures,
        }  # fmt: skip

    def _runs(self) -> pd.DataFrame:
        rows = []
        for label, run in zip(self.labels, self.runs, strict=True):
            solver = run.solver
            model = dict(run.stamp.get("model", {}))
            audit = run.stamp.get("audit")
            rows.append(
                {
                    "run": label,
                    "title": str(run.stamp.get("title", "")),
                    "authority": run.authority,
                    "model": str(model.get("name", "")),
                    "base_year": academic_year_label(run.base),
                    "first_year": academic_year_label(run.first),
                    "last_year": academic_year_label(run.last),
                    "created": str(run.stamp.get("created", "")),
                    "objective_pounds": as_float(solver.get("objective_pounds", math.nan)),
                    "bound_pounds": as_float(solver.get("bound_pounds", math.nan)),
                    "gap": as_float(solver.get("gap", math.nan)),
                    "audit": "passed" if audit and audit.get("passed") else "not passed",
                }
            )
        return pd.DataFrame(rows)

    def stamp(self) -> dict[str, Any]:
        """What was compared, with what, and what it says."""
        return {
            "statement": STATEMENT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": version("sufficiency"),
            "reference": self.labels[0],
            "years": [academic_year_label(y) for y in self.years],
            "runs": [
                {
                    "label": label,
                    "folder": str(run.folder),
                    "created": run.stamp.get("created"),
                    "inputs": run.stamp.get("inputs", {}),
                    "objective_pounds": run.solver.get("objective_pounds"),
                    "bound_pounds": run.solver.get("bound_pounds"),
                }
                for label, run in zip(self.labels, self.runs, strict=True)
            ],
            "sentences": self.sentences(),
        }

    # -------------------------------------------------------------- sentences

    def sentences(self) -> list[str]:
        """The comparison in a few sentences: limits, results, causes, certainty."""
        found = list(self.warnings)
        for position, (i, run) in enumerate(self.others):
            found.append(self._result_sentence(i))
            found.append(self.cause(position))
            found.append(self.certainty(run, self.labels[i]))
        return found

    def unchanged(self, i: int) -> bool:
        """Whether no result of a run differs from the reference by more than rounding."""
        label = self.labels[i]

        def still(frame: pd.DataFrame, most: float) -> bool:
            mine = frame[frame["run"] == label]
            columns = [c for c in mine.columns if str(c).endswith("_difference")]
            return bool((mine[columns].abs() <= most).all(axis=None))

        mine = self.schemes[self.schemes["run"] == label]
        return (
            still(self.placements, 1e-3)
            and still(self.ledger, POUND)
            and still(self.travel, 1e-3)
            and still(self.failures, 1e-3)
            and not mine["change"].astype(bool).any()
        )

    def _result_sentence(self, i: int) -> str:
        label = self.labels[i]
        if self.unchanged(i):
            return f"{label} against {self.labels[0]}: nothing changed."
        mine = self.schemes[(self.schemes["run"] == label) & (self.schemes["change"] != "")]
        said = [f"{name} {self.ledger_words(i, ledger)}" for ledger, name in LEDGERS.items()]
        unmet = self.failures[self.failures["run"] == label]["unmet_difference"].sum()
        return (
            f"{label} against {self.labels[0]}: "
            + (
                f"{fmt.number_of(len(mine), 'scheme', 'schemes')} "
                f"{'opens' if len(mine) == 1 else 'open'} in another year or in one plan only"
            )
            + f"; {', '.join(said)}"
            + (
                f"; {fmt.child_years(abs(as_float(unmet)))} "
                f"{'more' if unmet > 0 else 'fewer'} without a suitable place"
                if abs(unmet) > CHILD
                else ""
            )
            + "."
        )

    def ledger_change(self, i: int, ledger: str) -> float:
        """Pounds by which a run's ledger differs from the reference over all common years."""
        table = self.ledger
        mine = table[(table["run"] == self.labels[i]) & (table["ledger"] == ledger)]
        return as_float(mine["pounds_difference"].sum())

    def ledger_words(self, i: int, ledger: str) -> str:
        """The difference of a ledger in words; the same sum may be spent in other years."""
        change = self.ledger_change(i, ledger)
        if abs(change) >= POUND:
            return fmt.more_or_less(change)
        table = self.ledger
        mine = table[(table["run"] == self.labels[i]) & (table["ledger"] == ledger)]
        yearly = mine.groupby("financial_year")["pounds_difference"].sum().abs()
        return "the same" if (yearly < POUND).all() else "the same, in other years"

    def cause(self, position: int) -> str:
        """Which assumption caused the differences of a run, as far as that can be said."""
        changes = self.inputs[position]
        label = self.labels[self.others[position][0]]
        same = self.unchanged(self.others[position][0])
        if not changes.compared:
            return f"Causes: {label} is of another authority, so its inputs differ as a whole."
        assumed = changes.assumptions
        if not assumed and changes.tables:
            # Neither a file nor a value differs, and yet what was used does.
            return (
                "Causes: the files supplied and the planning model are the same, but tables as "
                f"used differ ({fmt.in_words([t.name for t in changes.tables])}); the runs were "
                "made by different versions of the program."
            )
        if not assumed:
            if same:
                return "Causes: none; every input is the same."
            return (
                "Causes: every input is the same, so whatever differs comes from where the two "
                "searches stopped."
            )
        if same:
            return (
                f"Causes: {_listed(assumed)} {'differs' if len(assumed) == 1 else 'differ'}, and "
                "no result does."
            )
        if len(assumed) == 1:
            return (
                f"Causes: only one assumption differs, {assumed[0]}, so it caused the differences"
                " (or moved the search to another plan of nearly equal cost)."
            )
        return (
            f"Causes: {len(assumed)} assumptions differ together: {_listed(assumed)}. The "
            "differences cannot be shared out among them; change one at a time to see what each "
            "does."
        )

    def certainty(self, run: Run, label: str) -> str:
        """Whether the difference in cost is proven, or may be where the searches stopped."""
        a, b = self.reference.solver, run.solver
        cost = [as_float(s.get("objective_pounds", math.nan)) for s in (a, b)]
        bound = [as_float(s.get("bound_pounds", math.nan)) for s in (a, b)]
        if not all(map(math.isfinite, [*cost, *bound])):
            return f"Certainty: {label} or the reference has no proven bound."
        if not self.same_authority or len({(r.first, r.last) for r in self.runs}) > 1:
            return (
                "Certainty: the objectives cover other children or other years, so they are not "
                "compared."
            )
        difference = cost[1] - cost[0]
        left = [max(c - b, 0.0) for c, b in zip(cost, bound, strict=True)]
        open_words = f"the searches left {fmt.pounds(left[0])} and {fmt.pounds(left[1])} open"
        if abs(difference) < POUND:
            return f"Certainty: both plans cost the same in the objective; {open_words}."
        said = (
            f"Certainty: in the objective {label} is "
            f"{fmt.more_or_less(difference, 'dearer', 'cheaper')}, and {open_words}"
        )
        proven = bound[1] > cost[0] or bound[0] > cost[1]
        if proven:
            return f"{said}: the difference is proven, whatever a longer search might find."
        return (
            f"{said}: the two ranges overlap, so the difference is not proven. A longer search "
            "might turn it round; do not decide on it."
        )

    def _certainties(self) -> list[str]:
        return [
            fmt.capital_first(self.certainty(run, self.labels[i]).removeprefix("Certainty: "))
            for i, run in self.others
        ]

    # -------------------------------------------------------------- page

    def page(self) -> str:
        """The comparison as one page, in the design of the report."""
        titles = [str(run.stamp.get("title") or run.stamp.get("name")) for run in self.runs]
        found: list[Banner] = []
        for label, run in zip(self.labels, self.runs, strict=True):
            found += [Banner(b.tone, f"{label}: {b.title}", b.words, b.items) for b in banners(run)]
        authorities = list(dict.fromkeys(run.authority for run in self.runs))
        span = f"{academic_year_label(self.years[0])} to {academic_year_label(self.last)}"
        return fill(
            title="What differs between "
            + ("these plans" if len(set(titles)) == 1 else f"{len(self.runs)} plans"),
            about="comparison of plans for specialist places",
            where="the folder of this comparison",
            authority=fmt.in_words(authorities),
            statement=STATEMENT,
            banners=sorted(found, key=lambda b: b.tone != "failed"),
            facts=[
                *(
                    (f"{label}{' (reference)' if i == 0 else ''}", title)
                    for i, (label, title) in enumerate(zip(self.labels, titles, strict=True))
                ),
                ("Compared", span),
            ],
            sections=self.sections(),
            tiles=self.tiles(),
        )

    def tiles(self) -> list[tuple[str, str]]:
        """Numbers for the top of the page, of the first run that is compared."""
        i, _ = self.others[0]
        label = self.labels[i]
        changed = self.schemes[(self.schemes["run"] == label) & (self.schemes["change"] != "")]
        assumed = self.inputs[0].assumptions
        to = f"({label} against {self.labels[0]})" if len(self.runs) > 2 else ""
        years = f"{financial_year_label(self.finances[0])} to {financial_year_label(self.last)}"
        words = [
            (
                str(len(assumed)) if self.inputs[0].compared else fmt.NONE,
                ("assumption differs" if len(assumed) == 1 else "assumptions differ")
                if self.inputs[0].compared
                else "inputs are of different authorities",
            ),
            (
                str(len(changed)),
                f"{'scheme opens' if len(changed) == 1 else 'schemes open'} in another year, or in "
                "one plan only",
            ),
            *(
                (_change_words(self.ledger_change(i, ledger)),
                 f"{LEDGERS[ledger]}, financial years {years}")
                for ledger in ("dsg", "general_fund")
            ),
        ]  # fmt: skip
        return [(number, f"{text} {to}".strip()) for number, text in words]

    def sections(self) -> list[Section]:
        """Questions and answers, in the order in which a reader asks."""
        return [
            self._headline(),
            self._causes(),
            self._mix_section(),
            self._schemes_section(),
            self._money_section(),
            self._failures_section(),
            self._travel_section(),
            self._certainty_section(),
        ]

    def _headline(self) -> Section:
        results = [self._result_sentence(i) for i, _ in self.others]
        causes = [self.cause(position) for position in range(len(self.others))]
        blocks: list[Block] = [Text(w, "failure") for w in self.warnings]
        if len(self.runs) == 2:
            blocks += [Text(causes[0])]
        else:
            blocks += [Items([f"{r} {c}" for r, c in zip(results, causes, strict=True)])]
        if any(not self.unchanged(i) for i, _ in self.others):
            blocks.append(self._change_chart())
        answer = (
            results[0]
            if len(self.runs) == 2
            else f"{len(self.others)} plans are compared with {self.labels[0]}, the reference."
            if any(not self.unchanged(i) for i, _ in self.others)
            else "Nothing changed between these runs."
        )
        sure = " ".join(self._certainties())
        return Section("difference", "What is different?", answer, "", sure, blocks)

    def _change_chart(self) -> Figure:
        """Children by group in the last common year: difference to the reference."""
        names, values = [], []
        for i, _ in self.others:
            for group in [*GROUPS, "No suitable place"]:
                change = self._group(i, group)[-1] - self._group(0, group)[-1]
                if abs(change) > CHILD:
                    names.append(group if len(self.runs) == 2 else f"{self.labels[i]}, {group}")
                    values.append(change)
        year = academic_year_label(self.last)
        if not names:
            names, values = ["Every kind of placement"], [0.0]
        largest = max(range(len(values)), key=lambda k: abs(values[k]))
        words = [("+" if v > 0 else "") + fmt.count(v) for v in values]
        title = (
            f"Placements in {year} are the same"
            if abs(values[largest]) <= CHILD
            else f"{names[largest]}: {words[largest]} children in {year}"
        )
        return Figure(
            title=title if len(title.split()) <= 10 else f"Where children are placed in {year}",
            caption=f"Children and young people by group of provision in {year}: difference to "
            f"{self.labels[0]}. To the right (navy) more, to the left (orange) fewer. "
            "Source: mix.csv.",
            alt=f"{title}. " + "; ".join(f"{n} {w}" for n, w in zip(names, words, strict=True)),
            draw=lambda width: charts.render(charts.signed_bars(names, values, words, width)),
        )

    # -------------------------------------------------------------- inputs

    def _causes(self) -> Section:
        blocks: list[Block] = []
        for (i, _), changes in zip(self.others, self.inputs, strict=True):
            if len(self.runs) > 2:
                blocks.append(Heading(f"{self.labels[i]} against {self.labels[0]}"))
            blocks += self._input_blocks(self.labels[i], changes)
        answers = [self.cause(position).removeprefix("Causes: ")
                   for position in range(len(self.others))]  # fmt: skip
        answer = (
            fmt.capital_first(answers[0])
            if len(answers) == 1
            else " ".join(
                f"{self.labels[i]}: {words}"
                for (i, _), words in zip(self.others, answers, strict=True)
            )
        )
        sure = (
            "Tables are compared as the runs used them, what-ifs and projection included, row by "
            "row. A difference in results follows from inputs, from where a search stopped, or "
            "from both."
        )
        return Section("causes", "Which assumption caused it?", answer, "", sure, blocks)

    def _input_blocks(self, label: str, changes: InputChanges) -> list[Block]:
        blocks: list[Block] = []
        heads = ["In the reference", f"In {label}"]
        if changes.scenario:
            blocks.append(
                Table(
                    caption="The scenario: what is asked",
                    headers=["Part", "Within it", *heads],
                    rows=[Row(c.name, [c.part or "the whole", c.before, c.after])
                          for c in changes.scenario],
                    source="inputs.csv",
                    text_columns=frozenset({1, 2, 3}),
                    dense=True,
                )
            )  # fmt: skip
        if changes.model:
            blocks.append(
                Table(
                    caption="The planning model: "
                    f"{fmt.number_of(len(changes.model), 'value', 'values')} of "
                    f"{len({c.name for c in changes.model})} entries differ",
                    headers=["Entry", "Within it", *heads, "Unit", "Source in the reference",
                             f"Source in {label}"],
                    rows=[
                        Row(fmt.capital_first(fmt.words(c.name)),
                            [c.part or "the whole", c.before, c.after, c.unit,
                             c.source_before or fmt.NOT_AVAILABLE,
                             c.source_after or fmt.NOT_AVAILABLE])
                        for c in changes.model
                    ],
                    source="inputs.csv",
                    text_columns=frozenset(range(1, 7)),
                    dense=True,
                )
            )  # fmt: skip
        if changes.sourced:
            listed = [fmt.capital_first(fmt.words(key)) for key in changes.sourced]
            blocks.append(
                Items(listed, folded=f"{len(listed)} entries whose value is the same, but not "
                                     "their source, date or unit")
            )  # fmt: skip
        if changes.tables:
            blocks.append(
                Table(
                    caption="Tables: rows that differ",
                    headers=["Table", "Rows before", "Rows after", "Added", "Removed", "Changed",
                             "Columns", "Totals", "Why"],
                    rows=[_table_row(t) for t in changes.tables],
                    source="inputs.csv",
                    text_columns=frozenset({6, 7, 8}),
                    dense=True,
                )
            )  # fmt: skip
            blocks += [_changed_rows(t, heads) for t in changes.tables if len(t.rows)]
        if changes.search:
            blocks.append(
                Table(
                    caption="How the plan was searched for",
                    headers=["Setting", "Within it", *heads],
                    rows=[Row(c.name, [c.part or "the whole", c.before, c.after])
                          for c in changes.search],
                    source="inputs.csv",
                    text_columns=frozenset({1, 2, 3}),
                    dense=True,
                )
            )  # fmt: skip
        if not blocks:
            said = "No input differs." if changes.compared else "Neither scenario nor model differ."
            blocks.append(Text(said))
        return blocks

    # -------------------------------------------------------------- children

    def _group(self, i: int, group: str) -> list[float]:
        """Children of a group by common year."""
        kinds = GROUPS.get(group, (UNMET,))
        mix = self.runs[i].plan.mix
        mine = mix[mix["kind"].isin(kinds)].groupby("academic_year")["children"].sum()
        return [as_float(mine.get(y, 0.0)) for y in self.years]

    def _lines(self, values: Sequence[Sequence[float]], decimals: int = 0) -> list[charts.Line]:
        """A line for each run, named by its letter and last value."""
        return [
            charts.Line(f"{LETTERS[i]} {row[-1]:,.{decimals}f}", list(row), *LOOKS[i])
            for i, row in reversed(list(enumerate(values)))
        ]

    @property
    def _key(self) -> str:
        """What the letters of a chart mean."""
        return ", ".join(
            f"{label}{' (reference, solid)' if i == 0 else ''}"
            for i, label in enumerate(self.labels)
        )

    def _mix_section(self) -> Section:
        labels = [academic_year_label(y) for y in self.years]
        last = labels[-1]
        groups = [
            g for g in [*GROUPS, "No suitable place"]
            if any(max(self._group(i, g)) > CHILD for i in range(len(self.runs)))
        ]  # fmt: skip
        panels = [
            charts.Panel(g, self._lines([self._group(i, g) for i in range(len(self.runs))]))
            for g in groups
        ]
        moved = [
            (g, self._group(i, g)[-1] - self._group(0, g)[-1], self.labels[i])
            for i, _ in self.others
            for g in groups
        ]
        group, change, label = max(moved, key=lambda m: abs(m[1]), default=("", 0.0, ""))
        answer = (
            f"The largest change in {last}: {fmt.count(abs(change))} children "
            f"{'more' if change > 0 else 'fewer'} in the group “{group}” of {label}."
            if abs(change) > CHILD
            else f"In {last} every group of placements has as many children as in the reference."
        )
        figure = Figure(
            title=f"Where children are placed, {labels[0]} to {last}",
            caption=f"Children and young people by group of provision and academic year: "
            f"{self._key}. Each small chart has its own scale. Source: mix.csv.",
            alt=answer,
            draw=lambda width: charts.render(charts.panels(panels, labels, width, "Children")),
        )
        blocks: list[Block] = [figure]
        for i, _ in self.others:
            blocks += [
                self._years_table(i),
                self._breakdown(i, "need", {n: n for n in NEEDS}, "need"),
                self._breakdown(i, "phase", {p: p for p in self.reference.phases}, "phase"),
            ]
        return Section("mix", "Where are children placed?", answer, "", "", blocks)

    def _years_table(self, i: int) -> Table:
        mine = self.mix[self.mix["run"] == self.labels[i]]
        cell = mine.set_index(["kind", "academic_year"])
        rows = []
        for kind, name in ALL_KINDS.items():
            values = [self._cell(cell, (kind, y)) for y in self.years]
            if any(v[0] > CHILD or v[1] > CHILD for v in values):
                rows.append(Row(name, [_difference(*v) for v in values]))
        totals = [
            tuple(as_float(mine.loc[mine["academic_year"] == y, c].sum())
                  for c in ("children_reference", "children"))
            for y in self.years
        ]  # fmt: skip
        rows.append(Row("All", [_difference(*t) for t in totals], total=True))
        return Table(
            caption=f"Children by kind of provision: {self.labels[i]}, and the difference to "
            f"{self.labels[0]} in brackets",
            headers=["Kind of provision", *(academic_year_label(y) for y in self.years)],
            rows=rows,
            source="mix.csv",
            folded=f"By kind of provision and year, {self.labels[i]}",
            dense=True,
            printed=True,
        )

    @staticmethod
    def _cell(table: pd.DataFrame, key: tuple[Any, ...]) -> tuple[float, float]:
        if key not in table.index:
            return 0.0, 0.0
        return (
            as_float(table.at[key, "children_reference"]),
            as_float(table.at[key, "children"]),
        )

    def _breakdown(self, i: int, column: str, names: dict[str, str], word: str) -> Table:
        """By kind and need or phase in the last common year."""
        table = self.placements
        mine = table[(table["run"] == self.labels[i]) & (table["academic_year"] == self.last)]
        sums = mine.groupby([column, "kind"])[["children_reference", "children"]].sum()
        present = [n for n in names if n in sums.index.get_level_values(0)]
        present += sorted(set(sums.index.get_level_values(0)) - set(names))
        kinds = [k for k in ALL_KINDS if k in sums.index.get_level_values(1)]
        rows = [
            Row(
                NEEDS.get(name, name),
                [_difference(*self._cell(sums, (name, kind))) for kind in kinds],
            )
            for name in present
        ]
        year = academic_year_label(self.last)
        return Table(
            caption=f"Children by {word} and kind of provision in {year}: {self.labels[i]}, and "
            f"the difference to {self.labels[0]} in brackets",
            headers=[fmt.capital_first(word), *(ALL_KINDS[k] for k in kinds)],
            rows=rows,
            source="placements.csv",
            folded=f"By {word} and kind of provision in {year}, {self.labels[i]}",
            dense=True,
            printed=True,
        )

    # -------------------------------------------------------------- schemes

    def _schemes_section(self) -> Section:
        changed = self.schemes[self.schemes["change"] != ""]
        question = "Which schemes open, and when?"
        if self.schemes.empty:
            return Section("schemes", question, "No run puts a scheme forward.")
        answer = (
            "The same schemes open in the same Septembers."
            if changed.empty
            else f"{fmt.capital_first(fmt.number_of(len(changed), 'opening', 'openings'))} "
            f"{'differs' if len(changed) == 1 else 'differ'} from the reference."
        )
        first = [i for i, _ in self.others]
        names = {str(r.scheme): str(r.name) for r in records(self.schemes)}
        cell = {(str(r.run), str(r.scheme)): r for r in records(self.schemes)}
        rows = []
        for scheme in dict.fromkeys(self.schemes["scheme"].astype(str)):
            found = [cell.get((self.labels[i], scheme)) for i in first]
            known = [r for r in found if r is not None]
            values = [_opening(as_int(known[0].opens_reference), str(known[0].status_reference))]
            for r in found:
                values.append("" if r is None else _opening(as_int(r.opens), str(r.status)))
                values.append("" if r is None else str(r.change) or "same")
            marked = any(r.change for r in known)
            rows.append(Row(names[scheme], values, mark="" if marked else "quiet"))
        heads = [self.labels[0]]
        for i in first:
            heads += [self.labels[i], "Change"]
        blocks: list[Block] = [
            Table(
                caption="Every scheme of any of these runs: the September in which it opens",
                headers=["Scheme", *heads],
                rows=sorted(rows, key=lambda r: r.mark == "quiet"),
                source="schemes.csv",
                text_columns=frozenset(range(1, len(heads) + 1)),
                dense=True,
            )
        ]
        return Section("schemes", question, answer, "", "", blocks)

    # -------------------------------------------------------------- money

    def _ledger_by_year(self, i: int) -> pd.DataFrame:
        run = self.runs[i]
        return run.ledger_by_year(run.plan).reindex(self.finances, fill_value=0.0)

    def _money_section(self) -> Section:
        labels = [financial_year_label(y) for y in self.finances]
        frames = [self._ledger_by_year(i) for i in range(len(self.runs))]
        scale = fmt.money_scale([as_float(v) for f in frames for v in f.to_numpy().ravel()])
        panels = [
            charts.Panel(
                name,
                self._lines([[as_float(v) / scale[0] for v in f[ledger]] for f in frames], 1),
            )
            for ledger, name in LEDGERS.items()
        ]
        span = f"{labels[0]} to {labels[-1]}"
        said = []
        for i, _ in self.others:
            change = [f"{name} {self.ledger_words(i, ledger)}" for ledger, name in LEDGERS.items()]
            said.append(f"{self.labels[i]} against {self.labels[0]}: {', '.join(change)}.")
        blocks: list[Block] = [
            Figure(
                title=f"Spending by ledger, {span}",
                caption=f"Spending by ledger and financial year, {scale[1]}, today's prices: "
                f"{self._key}. Each small chart has its own scale. Source: ledger.csv.",
                alt=" ".join(said),
                draw=lambda width: charts.render(
                    charts.panels(panels, labels, width, scale[1], number_format=",.3~g")
                ),
            )
        ]
        if len(self.runs) == 2 and not self.unchanged(1):
            blocks.append(self._ledger_difference(frames, labels))
        blocks += [self._ledger_table(frames), *(self._lines_table(i) for i, _ in self.others)]
        sure = (
            "Complete financial years that all runs have. The three ledgers are never added: a "
            "saving in one purse cannot be spent from another."
        )
        return Section(
            "money", "What does it cost, and who pays?", " ".join(said), "", sure, blocks
        )

    def _ledger_difference(self, frames: Sequence[pd.DataFrame], labels: Sequence[str]) -> Figure:
        gap = frames[1] - frames[0]
        scale = fmt.money_scale([as_float(v) for v in gap.to_numpy().ravel()])
        table = pd.DataFrame(
            [
                (label, ledger, as_float(gap.at[y, ledger]) / scale[0])
                for y, label in zip(self.finances, labels, strict=True)
                for ledger in LEDGERS
            ],
            columns=["year", "ledger", "value"],
        )
        total = {ledger: as_float(gap[ledger].sum()) for ledger in LEDGERS}
        title = f"Grant spending is {fmt.more_or_less(total['dsg'], 'higher', 'lower')} in all"
        return Figure(
            title=title,
            caption=f"Difference of {self.labels[1]} to {self.labels[0]} by ledger and financial "
            f"year, {scale[1]}. Above the line costs more, below it costs less. One scale for all "
            "three. Source: ledger.csv.",
            alt=f"{title}. "
            + " ".join(
                f"{LEDGERS[k]}: {fmt.more_or_less(v)} over all years." for k, v in total.items()
            ),
            draw=lambda width: charts.render(
                charts.difference_bars(table, labels, LEDGERS, width, scale[1])
            ),
        )

    def _ledger_table(self, frames: Sequence[pd.DataFrame]) -> Table:
        scale = fmt.money_scale([as_float(v) for f in frames for v in f.to_numpy().ravel()])
        rows = []
        for year in [*self.finances, -1]:
            values = []
            for ledger in LEDGERS:
                amounts = [
                    as_float(f.at[year, ledger] if year >= 0 else f[ledger].sum()) for f in frames
                ]
                values.append(fmt.scaled(amounts[0], scale))
                for amount in amounts[1:]:
                    values += [fmt.scaled(amount, scale), fmt.signed(amount - amounts[0], scale)]
            name = financial_year_label(year) if year >= 0 else "All these years"
            rows.append(Row(name, values, total=year < 0))
        heads = ["A", *(h for i, _ in self.others for h in (LETTERS[i], f"{LETTERS[i]} less A"))]
        return Table(
            caption=f"Spending by financial year, {scale[1]}: {self._key}",
            headers=["Financial year", *heads * len(LEDGERS)],
            groups=[("", 1), *((name, len(heads)) for name in LEDGERS.values())],
            rows=rows,
            source="ledger.csv",
            dense=True,
        )

    def _lines_table(self, i: int) -> Table:
        mine = self.ledger[self.ledger["run"] == self.labels[i]]
        sums = mine.groupby(["ledger", "line", "kind"])[
            ["pounds_reference", "pounds", "pounds_difference"]
        ].sum()
        order = {ledger: k for k, ledger in enumerate(LEDGERS)}
        at = {line: k for k, line in enumerate(LINES)}
        scale = fmt.money_scale([as_float(v) for v in sums["pounds"]])
        rows = []
        for key in sorted(sums.index, key=lambda k: (order.get(k[0], 9), at.get(k[1], 99), k[2])):
            ledger, line, kind = (str(k) for k in key)
            before, after, change = (as_float(v) for v in sums.loc[key])
            rows.append(
                Row(
                    LINES.get(line, line),
                    [LEDGERS.get(ledger, ledger), KINDS.get(kind, kind),
                     fmt.scaled(before, scale), fmt.scaled(after, scale),
                     fmt.signed(change, scale)],
                    mark="" if abs(change) > POUND else "quiet",
                )
            )  # fmt: skip
        return Table(
            caption=f"Spending by line and kind of provision over these years, {scale[1]}",
            headers=["Line", "Ledger", "Kind of provision", self.labels[0], self.labels[i],
                     "Difference"],
            rows=rows,
            source="ledger.csv",
            folded=f"By line and kind of provision, {self.labels[i]}",
            text_columns=frozenset({1, 2}),
            dense=True,
            printed=True,
        )  # fmt: skip

    # -------------------------------------------------------------- failures and travel

    def _failures_section(self) -> Section:
        labels = [academic_year_label(y) for y in self.years]
        series = {name: self._failure(name) for name in FAILURES}
        shown = [n for n in FAILURES if max(max(v) for v in series[n]) > CHILD]
        total = {n: [sum(v) for v in series[n]] for n in FAILURES}
        said = []
        for i, _ in self.others:
            parts = [
                f"{FAILURES[n].lower()}: {fmt.child_years(total[n][i])} against "
                f"{fmt.count(total[n][0])}"
                for n in FAILURES
            ]
            said.append(f"{self.labels[i]}: {'; '.join(parts)}.")
        blocks: list[Block] = []
        if shown:
            panels = [charts.Panel(FAILURES[n], self._lines(series[n], 1)) for n in shown]
            blocks.append(
                Figure(
                    title="Children without a place, or in crowded schools",
                    caption=f"Expected children by academic year: {self._key}. Each small chart "
                    "has its own scale. Source: failures.csv.",
                    alt=" ".join(said),
                    draw=lambda width: charts.render(
                        charts.panels(panels, labels, width, "Children", number_format=",.3~g")
                    ),
                )
            )
        heads = [*LETTERS[: len(self.runs)]]
        blocks.append(
            Table(
                caption=f"Expected children by academic year: {self._key}",
                headers=["Academic year", *heads * len(FAILURES)],
                groups=[("", 1), *((name, len(heads)) for name in FAILURES.values())],
                rows=[
                    Row(label, [fmt.count(series[n][i][k]) for n in FAILURES
                                for i in range(len(self.runs))])
                    for k, label in enumerate(labels)
                ],
                source="failures.csv",
                dense=True,
            )
        )  # fmt: skip
        return Section(
            "failures", "Who has no suitable place, or a crowded one?",
            " ".join(fmt.capital_first(s) for s in said), "",
            "Unmet need is a failure to be solved, never a saving: a plan that is cheaper for "
            "leaving children without a place is not cheaper.", blocks,
        )  # fmt: skip

    def _failure(self, name: str) -> list[list[float]]:
        """Children by run and common year."""
        table = self.failures.set_index(["run", "academic_year"])
        first = self.labels[1]
        found = [[as_float(table.at[(first, y), f"{name}_reference"]) for y in self.years]]
        found += [
            [as_float(table.at[(self.labels[i], y), name]) for y in self.years]
            for i, _ in self.others
        ]
        return found

    def _travel_section(self) -> Section:
        table = self.travel
        now = table[table["academic_year"] == self.last]
        measures = {
            "median_minutes": "Median minutes",
            "p90_minutes": "90th percentile",
            "over_guide": "Over the guide",
            "over_45": "Over 45 minutes",
            "over_75": "Over 75 minutes",
        }
        order = {name: k for k, name in enumerate(["all", *self.reference.phases])}
        said, blocks = [], []
        for i, _ in self.others:
            mine = now[now["run"] == self.labels[i]]
            every = mine[mine["phase"] == "all"]
            if len(every):
                row = every.iloc[0]
                median, before = (
                    fmt.minutes(as_float(row[c]))
                    for c in ("median_minutes", "median_minutes_reference")
                )
                said.append(
                    f"{self.labels[i]}: median journey {median} against {before}, "
                    f"{fmt.count(as_float(row['over_guide']))} children over the guide against "
                    f"{fmt.count(as_float(row['over_guide_reference']))}."
                )
            rows = [
                Row(
                    str(r.phase),
                    [
                        _difference(as_float(getattr(r, f"{m}_reference")), as_float(getattr(r, m)))
                        for m in measures
                    ],
                    total=str(r.phase) == "all",
                )
                for r in sorted(records(mine), key=lambda r: order.get(str(r.phase), 99))
            ]
            blocks.append(
                Table(
                    caption=f"Journeys to school, one way, in {academic_year_label(self.last)}: "
                    f"{self.labels[i]}, and the difference to {self.labels[0]} in brackets",
                    headers=["Phase", *measures.values()],
                    rows=rows,
                    source="travel.csv",
                    dense=True,
                )
            )
        answer = f"In {academic_year_label(self.last)}: {' '.join(said)}"
        return Section("travel", "How far do children travel?", answer, "", "", blocks)

    # -------------------------------------------------------------- certainty

    def _certainty_section(self) -> Section:
        rows = []
        for label, run in zip(self.labels, self.runs, strict=True):
            solver = run.solver
            audit = run.stamp.get("audit")
            rows.append(
                Row(
                    label,
                    [
                        str(dict(run.stamp.get("model", {})).get("name", "")),
                        fmt.date(run.stamp.get("created")),
                        fmt.exact_pounds(as_float(solver.get("objective_pounds", math.nan))),
                        fmt.exact_pounds(as_float(solver.get("bound_pounds", math.nan))),
                        fmt.percent(as_float(solver.get("gap", math.nan)), 2),
                        "passed" if audit and audit.get("passed") else "NOT PASSED",
                        str(dict(run.stamp.get("versions", {})).get("sufficiency", "")),
                    ],
                )
            )
        said = self._certainties()
        table = Table(
            caption="The runs, and what was proven of each",
            headers=["Run", "Planning model", "Made on", "Objective", "Proven bound", "Gap",
                     "Audit", "Version"],
            rows=rows,
            source="runs.csv",
            text_columns=frozenset({1, 2, 6, 7}),
            dense=True,
        )  # fmt: skip
        number = (
            "A plan's cost is exact for its schemes; its bound says how cheap the best plan could "
            "be. Where two planning models price things otherwise, part of a difference in the "
            "objective is the price itself: compare the ledgers."
        )
        return Section(
            "certainty", "How sure is the difference?", " ".join(said), number, "", [table]
        )


# ------------------------------------------------------------------ words


def _listed(items: Sequence[str], most: int = 8) -> str:
    if len(items) <= most:
        return fmt.in_words(list(items))
    return fmt.in_words([*items[:most], f"{len(items) - most} more"])


def _change_words(pounds: float) -> str:
    if abs(pounds) < POUND:
        return "no change"
    return f"{'+' if pounds > 0 else ''}{fmt.pounds(pounds)}"


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


def _opening(year: int, status: str) -> str:
    if year < 0:
        return status if status == "not put forward" else "does not open"
    return f"{year}{' (committed)' if status == 'committed' else ''}"


def _difference(before: float, after: float) -> str:
    """A number, and its difference to the reference in brackets."""
    if before != before or after != after:
        return fmt.count(after)
    change = after - before
    if abs(change) < CHILD:
        return fmt.count(after)
    return f"{fmt.count(after)} ({'+' if change > 0 else ''}{fmt.count(change)})"


def _table_row(change: TableChange) -> Row:
    totals = [
        f"{column} {before:,.0f}, now {after:,.0f}"
        for column, before, after in change.totals
        if abs(after - before) > CHILD
    ]
    return Row(
        change.name,
        [
            f"{change.rows_before:,}",
            f"{change.rows_after:,}",
            f"{change.added:,}",
            f"{change.removed:,}",
            f"{change.changed:,}",
            ", ".join(change.columns) or fmt.NONE,
            "; ".join(totals) or "the same",
            "follows from a what-if, the variant or the planning model: the file is the same"
            if change.derived
            else "another file",
        ],
    )


def _changed_rows(change: TableChange, heads: Sequence[str]) -> Table:
    shown = change.rows.head(LISTED_ROWS)
    more = len(change.rows) - len(shown)
    count = change.added + change.removed + change.changed
    note = f"; the first {len(shown)} of {len(change.rows):,} differences" if more else ""
    return Table(
        caption=f"Table {change.name}{note}",
        headers=["Row", "Change", "Column", *heads],
        rows=[
            Row(str(r.row), [str(r.change), str(r.column), str(r.before), str(r.after)])
            for r in records(shown)
        ],
        source="inputs.csv",
        folded=f"{change.name}: {fmt.number_of(count, 'row differs', 'rows differ')}",
        text_columns=frozenset({1, 2, 3, 4}),
        dense=True,
    )
