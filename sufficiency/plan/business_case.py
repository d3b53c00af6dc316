"""The business case that a study adds to a run folder: its tables, written aside, then renamed."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sufficiency.plan.run_folder import as_read, stamp_text, write_tables
from sufficiency.problems import InputError, Problem
from sufficiency.writing import folder_aside

FOLDER: Final = "business_case"
STAMP: Final = "business_case.json"
PACKAGE: Final = "package"
"""The subject of the case for all chosen schemes together; every other subject is a scheme."""
NOTHING, MINIMUM, BASES, THIS = "do nothing", "do minimum", "bases only", "do this"
OPTIONS: Final = (NOTHING, BASES, MINIMUM, THIS)


@dataclass
class BusinessCase:
    """A business case as tidy tables. Pounds are real; costs are above zero, income below.

    ``subject`` is "package" or a scheme, ``option`` one of "do nothing", "bases only", "do
    minimum", "do this".

    options: subject, option, words, schemes (beyond committed ones, separated by |), places,
        capital_pounds (as estimated, undiscounted, beyond committed schemes), and present values
        of cost: dsg_pounds, general_fund_pounds, capital_ledger_pounds; net_present_value_pounds
        (against do nothing), failures_pounds (priced failures, not money),
        value_with_failures_pounds, unmet, over_capacity, beyond_limit, over_guide (all in
        child-years), payback_years (from the first capital; NaN: not within the horizon, or
        nothing is spent), capital_per_place_pounds (with optimism bias).
    lines: subject, option, ledger, line, present_value_pounds, change_pounds (to do nothing).
    years: subject, option, financial_year, complete, ledger, line, pounds, change_pounds (to do
        nothing); not discounted.
    switching: subject, what ("fee", "occupancy", "capital"), unit, base, factor (by which base is
        multiplied; NaN: no such value), value, net_present_value_pounds (there), words.
    places: subject, academic_year, places_offered, children_in_them.
    margins: subject, one_more_place_pounds (present value of one more place from opening on, by
        the plan's marginal values), its_cost_pounds (present value of a place like the others).
    triggers: subject, trigger, why, source, date.
    risks: subject, risk, evidence, action.
    """

    options: pd.DataFrame
    lines: pd.DataFrame
    years: pd.DataFrame
    switching: pd.DataFrame
    places: pd.DataFrame
    margins: pd.DataFrame
    triggers: pd.DataFrame
    risks: pd.DataFrame
    stamp: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def table_names(cls) -> list[str]:
        """Names of the tables, in the order in which they are described."""
        return [f.name for f in fields(cls) if f.name != "stamp"]

    @property
    def subjects(self) -> list[str]:
        """The package and the schemes that were looked at, in order."""
        return [str(s) for s in self.options["subject"].unique()]

    def option(self, subject: str, option: str) -> pd.Series | None:
        """A row of ``options``, or None where that option does not exist."""
        rows = self.options
        found = rows[(rows["subject"] == subject) & (rows["option"] == option)]
        return found.iloc[0] if len(found) else None

    def of(self, table: str, subject: str) -> pd.DataFrame:
        """The rows of a table about one subject."""
        frame: pd.DataFrame = getattr(self, table)
        return frame[frame["subject"] == subject].reset_index(drop=True)

    def worth(self) -> list[tuple[str, float, float]]:
        """(name, net present value in pounds, payback in years or NaN) of every subject."""
        rows = self.options[self.options["option"] == THIS]
        names = dict(self.stamp.get("names", {}))
        return [
            (str(names.get(str(subject), subject)), float(value), float(payback))
            for subject, value, payback in zip(
                rows["subject"], rows["net_present_value_pounds"], rows["payback_years"],
                strict=True,
            )
        ]  # fmt: skip

    def about(self, run_stamp: dict[str, Any]) -> bool:
        """Whether the case is about this very run, and not about a former one."""
        return self.stamp.get("run") == fingerprint(run_stamp)

    def write(self, run_folder: Path) -> Path:
        """Write the tables into the run folder; a former case is replaced at once or not at all.

        Raises:
            InputError: when the folder cannot be written.
        """
        target = run_folder / FOLDER
        with folder_aside(target, "the business case") as aside:
            write_tables({file_of(name): getattr(self, name) for name in self.table_names()}, aside)
            (aside / STAMP).write_text(stamp_text(self.stamp), encoding="utf-8")
            if target.exists():
                # What reports noted beside the tables, such as the document's fingerprint, stays.
                for path in sorted(target.iterdir()):
                    if not path.name.startswith("business_case"):
                        shutil.copy2(path, aside / path.name)
        return target


def file_of(table: str) -> str:
    """The name of a table's file, without its ending."""
    return f"business_case_{table}"


def fingerprint(run_stamp: dict[str, Any]) -> dict[str, Any]:
    """What tells one run from another: when it was made, and what it costs."""
    return {
        "created": run_stamp.get("created"),
        "objective_pounds": dict(run_stamp.get("solver", {})).get("objective_pounds"),
    }


def read_business_case(run_folder: Path) -> BusinessCase | None:
    """The business case of a run folder; None where none was made.

    Raises:
        InputError: when a table of it is missing or damaged.
    """
    folder = run_folder / FOLDER
    if not folder.is_dir():
        return None
    try:
        tables = {
            name: as_read(pd.read_parquet(folder / f"{file_of(name)}.parquet"))
            for name in BusinessCase.table_names()
        }
        stamp = dict(json.loads((folder / STAMP).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(
            [Problem("the business case of the run is damaged.",
                     "run 'sufficiency business-case' again, or remove the folder.",
                     file=str(folder), value=str(error))]
        ) from error  # fmt: skip
    return BusinessCase(**tables, stamp=stamp)
