"""The run folder: plan tables, inputs as used, rules and stamp; written aside, then renamed."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sufficiency.plan.tables import Plan
from sufficiency.problems import InputError, Problem
from sufficiency.vocabulary import academic_year_label, financial_year_label, no_formula, parse_year
from sufficiency.writing import CSV_NUMBERS, OTHER_FOLDER, folder_aside

ACADEMIC_YEARS = ("academic_year", "entry_year", "leaves_year", "earliest_opening", "opens")
FINANCIAL_YEARS = ("financial_year",)
MARKER = "run.json"


def as_written(frame: pd.DataFrame) -> pd.DataFrame:
    """Years as text, the way files hold them; -1 becomes an empty cell."""
    result = frame.copy()
    for columns, label in (
        (ACADEMIC_YEARS, academic_year_label),
        (FINANCIAL_YEARS, financial_year_label),
    ):
        for column in columns:
            if column in result:
                codes, years = pd.factorize(result[column].to_numpy())
                names = [label(int(y)) if y >= 0 else "" for y in years]
                result[column] = [names[code] for code in codes.tolist()]
    return result


def as_read(frame: pd.DataFrame) -> pd.DataFrame:
    """Undo :func:`as_written`."""
    result = frame.copy()
    for column in (*ACADEMIC_YEARS, *FINANCIAL_YEARS):
        if column in result:
            codes, distinct = pd.factorize(result[column].fillna("").astype(str))
            years = np.array([parse_year(y) if y else -1 for y in distinct], dtype="int64")
            result[column] = years[codes]
    return result


def write_run(
    plan: Plan,
    folder: Path,
    write_inputs: Callable[[Path], None],
    finish: Callable[[Path], Mapping[str, Any]],
) -> None:
    """Write a run folder.

    Everything is written into a folder beside the wanted one and renamed when complete, so that a
    full disk or a kill leaves no half result. A former run of the same name is replaced; a folder
    that holds anything else is refused.

    Args:
        plan: the plan, with ``without_schemes`` where there is one.
        folder: the run folder to make.
        write_inputs: writes tables and rules as used into the folder it is given.
        finish: called with the unfinished folder once tables and inputs stand there; audits it,
            writes reports, and returns what is added to the stamp.

    Raises:
        InputError: when ``folder`` exists and is no run folder, or cannot be written.
    """
    refuse_unsafe(folder)
    with folder_aside(folder, "the result", OTHER_FOLDER) as aside:
        write_inputs_folder = aside / "inputs"
        write_inputs_folder.mkdir()
        write_inputs(write_inputs_folder)
        write_tables(plan.tables(), aside / "tables")
        if plan.without_schemes is not None:
            write_tables(plan.without_schemes.tables(), aside / "without_schemes")
        write_stamp(plan.stamp, aside)
        plan.stamp.update(finish(aside))
        write_stamp(plan.stamp, aside)


def refuse_unsafe(folder: Path) -> None:
    """Refuse a folder that exists and is not an earlier run, so that nothing else is replaced."""
    if folder.exists() and not (
        folder.is_dir() and ((folder / MARKER).exists() or not any(folder.iterdir()))
    ):
        raise InputError(
            [
                Problem(
                    "this folder exists and is not an earlier run.",
                    "choose another folder with --out; only an earlier run is replaced.",
                    file=str(folder),
                )
            ]
        )


def write_stamp(stamp: Mapping[str, Any], folder: Path) -> None:
    """Write run.json."""
    (folder / MARKER).write_text(stamp_text(stamp), encoding="utf-8")


def stamp_text(stamp: Mapping[str, Any]) -> str:
    """A stamp as JSON that strict readers take.

    JSON has no infinite numbers, such as the bound of a search that proved none: they stand as the
    words ``inf``, ``-inf`` and ``nan``, which ``float`` reads back.
    """
    kept = _strict(stamp)
    return json.dumps(kept, indent=2, ensure_ascii=False, default=str, allow_nan=False) + "\n"


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _strict(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(part) for part in value]
    plain = value.item() if hasattr(value, "item") else value
    return str(plain) if isinstance(plain, float) and not math.isfinite(plain) else plain


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write tables into a folder by name: exact as Parquet, to be read as CSV.

    Raises:
        OSError: when the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        written = as_written(frame)
        written.to_parquet(folder / f"{name}.parquet", index=False)
        write_words(written, folder / f"{name}.csv")


def write_words(written: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV for people and spreadsheets; years stand in it as text."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(written.columns)
        writer.writerows(zip(*(_cells(written[name]) for name in written.columns), strict=True))


def _cells(column: pd.Series[Any]) -> list[Any]:
    """A column as it stands in a CSV file: each word looked at once, nothing where a value is
    missing."""
    if pd.api.types.is_float_dtype(column.dtype):
        numbers = column.to_numpy(dtype=float, na_value=np.nan).tolist()
        return ["" if number != number else CSV_NUMBERS % number for number in numbers]
    if pd.api.types.is_string_dtype(column.dtype):
        codes, distinct = pd.factorize(column)
        words = [*(no_formula(str(word)) for word in distinct), ""]
        return [words[code] for code in codes.tolist()]
    return column.astype(object).where(column.notna(), "").tolist()


def as_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Names kept from becoming formulas; the Parquet file has them as they are."""
    result = frame.copy()
    for column in result.columns:
        if pd.api.types.is_string_dtype(result[column].dtype):
            plain = {text: no_formula(str(text)) for text in result[column].dropna().unique()}
            result[column] = result[column].map(plain)
    return result


def read_run(folder: Path) -> Plan:
    """Read a run folder back as a :class:`Plan`.

    Raises:
        InputError: when the folder is no run folder, or a table of it is missing or damaged.
    """
    problems: list[Problem] = []
    stamp: dict[str, Any] = {}
    if not (folder / MARKER).is_file():
        problems.append(
            Problem(
                "this is no run folder: run.json is missing.",
                "give the folder that 'sufficiency optimise' wrote.",
                file=str(folder),
            )
        )
        raise InputError(problems)
    try:
        stamp = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(
            Problem("run.json cannot be read.", "run the optimisation again.", value=str(error))
        )
    arguments = _read_tables(folder / "tables", problems)
    other = folder / "without_schemes"
    without = Plan(**_read_tables(other, problems)) if other.is_dir() else None
    if problems:
        raise InputError(problems)
    return Plan(**arguments, stamp=stamp, without_schemes=without)


def _read_tables(folder: Path, problems: list[Problem]) -> dict[str, Any]:
    """The tables of a plan, as arguments of :class:`Plan`."""
    return {name: _read_table(folder, name, problems) for name in Plan.table_names()}


def _read_table(folder: Path, name: str, problems: list[Problem]) -> pd.DataFrame:
    try:
        return as_read(pd.read_parquet(folder / f"{name}.parquet"))
    except (OSError, ValueError) as error:
        problems.append(
            Problem(
                "a table of the run is missing or damaged.",
                "run the optimisation again.",
                file=f"{folder.name}/{name}.parquet",
                value=str(error),
            )
        )
        return pd.DataFrame()
