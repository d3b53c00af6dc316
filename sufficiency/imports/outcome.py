"""What an import hands over: tables, files and its report, written together or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd
from rich.console import Console

from sufficiency.imports.files import refuse_existing
from sufficiency.imports.report import ImportReport, write_import
from sufficiency.problems import Problems
from sufficiency.tables import MANIFEST, write_table
from sufficiency.tables.reading import cell_text


def estimated(table: str, column: str, children: float, how: str, source: str) -> str:
    """The label of an estimate: where it stands, of how many children, the rule and its numbers."""
    return f"{table}, column {column}, {children:,.0f} children: {how} (from {source})."


@dataclass
class Outcome:
    """The result of one import, before it is written.

    Attributes:
        name: name of the format, with which its own files begin.
        report: rows, estimates and findings.
        tables: input tables by their name in the manifest.
        files: further files by name.
    """

    name: str
    report: ImportReport
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def deliver(outcome: Outcome, folder: Path, out: Console, *, replace: bool) -> None:
    """Write tables, files and ``<name>_report.txt`` and ``.csv`` into a folder; show the report.

    Args:
        outcome: what to write; its accounts are closed first.
        folder: made where it does not exist; nothing else in it is touched.
        out: where the report is shown in short.
        replace: whether files of the same name may be replaced.

    Raises:
        InputError: a file of the name exists and ``replace`` is not set, or writing fails.
    """
    report = outcome.report
    for account in report.accounts:
        account.close()
    report.name = f"{outcome.name}_report"
    writers: dict[str, Callable[[Path], None]] = {}
    for name, frame in outcome.tables.items():
        writers[f"{name}.csv"] = partial(write_table, frame, name)
    for name, content in outcome.files.items():
        writers[name] = partial(_write, content)
    problems = Problems()
    names = [*writers, f"{report.name}.txt", f"{report.name}.csv"]
    refuse_existing(folder, names, problems, replace=replace)
    problems.raise_if_any()
    write_import(folder, writers, report, out)


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def csv_bytes(header: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """Rows as CSV (UTF-8, Unix line ends)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8")


def table_bytes(frame: pd.DataFrame, table: str) -> bytes:
    """Rows of an input table as CSV."""
    columns = [column for column in MANIFEST[table].columns if column.name in frame]
    rows = [
        [cell_text(row[column.name], column.type) for column in columns]
        for row in frame.to_dict("records")
    ]
    return csv_bytes([column.name for column in columns], rows)
