"""What an import tells the planner: rows, named warnings, estimates, overrides, as text and CSV."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from sufficiency.imports.account import RowAccount
from sufficiency.imports.files import write_together
from sufficiency.problems import InputError, Problem
from sufficiency.vocabulary import STATEMENT

REPORT: Final = "import_report"
"""Name of the two files of a report, unless the importer has another."""

_ROWS_SHOWN: Final = 3


@dataclass(frozen=True)
class Finding:
    """A doubtful record, under the name of the check that found it.

    Attributes:
        name: name of the check, such as ``roll above capacity``.
        subject: what it is about, for people: ``105377 Millwood Primary Special School``.
        text: what was found.
        remedy: what to do about it.
        file, row, column: where; row as a spreadsheet counts, 0 where there is none.
        value: the cell.
    """

    name: str
    subject: str
    text: str
    remedy: str
    file: str = ""
    row: int = 0
    column: str = ""
    value: str = ""

    def sentence(self) -> str:
        """The finding in words, without its remedy."""
        place = f"row {self.row:,}, " if self.row else ""
        return f"{place}{self.subject}: {self.text}"


@dataclass
class ImportReport:
    """Collects what an importer did, to be written beside its tables and shown in short.

    Attributes:
        title: what was imported, for whom.
        inputs: files read, with the sha256 of their content.
        facts: sentences with totals.
        accounts: what became of the rows of each file.
        findings: doubtful records.
        estimates: what nobody counted or recorded, and how it was estimated.
        changes: what the overrides changed.
        warnings: problems with the files themselves.
        name: name of the files in which the report is written, without their endings.
    """

    title: str
    name: str = REPORT
    inputs: dict[str, str] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)
    accounts: list[RowAccount] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    estimates: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    warnings: Sequence[Problem] = ()

    def add_input(self, path: Path) -> None:
        """Note a file and the hash of its content; a folder is noted by name."""
        if not path.is_file():
            self.inputs[path.name] = "a folder"
            return
        with path.open("rb") as handle:
            self.inputs[path.name] = hashlib.file_digest(handle, "sha256").hexdigest()

    def by_name(self) -> dict[str, list[Finding]]:
        """The findings by the name of their check, in the order in which they came."""
        groups: dict[str, list[Finding]] = {}
        for finding in self.findings:
            groups.setdefault(finding.name, []).append(finding)
        return groups

    def text(self) -> str:
        """The whole report for people."""
        lines = [self.title, "=" * len(self.title), "", *self.facts, ""]
        lines += ["Files read", *(f"  {name} (sha256 {sha})" for name, sha in self.inputs.items())]
        lines += ["", "What became of every row"]
        lines += [f"  {line}" for account in self.accounts for line in account.sentences()]
        lines += ["", "Estimated, because nobody recorded it"]
        lines += [f"  {line}" for line in self.estimates] or ["  Nothing."]
        lines += ["", "Changed by the overrides"]
        lines += [f"  {line}" for line in self.changes] or ["  Nothing."]
        lines += ["", "Doubtful records"]
        for name, group in self.by_name().items():
            lines += [f"  {name} ({len(group):,})"]
            lines += [f"    {finding.sentence()}" for finding in group]
            lines += [f"    Remedy: {text}" for text in dict.fromkeys(f.remedy for f in group)]
        lines += [] if self.findings else ["  None."]
        lines += ["", "Doubtful files"]
        lines += [f"  {problem}" for problem in self.warnings] or ["  None."]
        return "\n".join([*lines, "", STATEMENT, ""])

    def table(self) -> bytes:
        """The report as CSV: section, name, file, row, column, subject, value, text, remedy."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(
            ["section", "name", "file", "row", "column", "subject", "value", "text", "remedy"]
        )
        for account in self.accounts:
            for kind, reason, rows in account_rows(account):
                writer.writerow(["rows", kind, account.file, "", "", "", rows, reason, ""])
        for sentence in self.estimates:
            writer.writerow(["estimate", "", "", "", "", "", "", sentence, ""])
        for sentence in self.changes:
            writer.writerow(["override", "", "", "", "", "", "", sentence, ""])
        for f in self.findings:
            writer.writerow(["warning", f.name, f.file, f.row or "", f.column, f.subject, f.value,
                             f.text, f.remedy])  # fmt: skip
        for p in self.warnings:
            writer.writerow(["warning", "file", p.file, p.row or "", p.column, "", p.value,
                             p.message, p.remedy])  # fmt: skip
        return buffer.getvalue().encode("utf-8")

    def show(self, out: Console) -> None:
        """Print the report in short: every total, and the first rows of each warning."""

        def say(line: str, style: str = "") -> None:
            out.print(escape(line), soft_wrap=True, style=style)

        say(self.title, "bold")
        for line in self.facts:
            say(line)
        for account in self.accounts:
            for line in account.sentences():
                say(line)
        for line in self.estimates:
            say(f"Estimated: {line}")
        for line in self.changes:
            say(f"Override: {line}")
        for name, group in self.by_name().items():
            say(f"warning {name}: {len(group):,}", "yellow")
            for finding in group[:_ROWS_SHOWN]:
                say(f"  {finding.sentence()}")
            if len(group) > _ROWS_SHOWN:
                say(f"  and {len(group) - _ROWS_SHOWN:,} more; all stand in {self.name}.txt")
        for problem in self.warnings:
            say(f"warning {problem}", "yellow")


def write_import(
    folder: Path, tables: Mapping[str, Callable[[Path], None]], report: ImportReport, out: Console
) -> None:
    """Write tables together with their report, and print the report in short.

    Args:
        folder: made where it does not exist.
        tables: by file name, a function that writes the file at the path given.
        report: is written beside them, as text and as CSV.
        out: where the short report goes.

    Raises:
        InputError: the folder cannot be written to; nothing was written.
    """
    writers = dict(tables)
    writers[f"{report.name}.txt"] = partial(_write_bytes, report.text().encode("utf-8"))
    writers[f"{report.name}.csv"] = partial(_write_bytes, report.table())
    try:
        write_together(folder, writers)
    except OSError as error:
        raise InputError(
            [Problem("the result could not be written.", "choose another folder with --out.",
                     file=str(folder), value=str(error.strerror or error))]
        ) from error  # fmt: skip
    report.show(out)
    for name in writers:
        out.print(f"Wrote {escape(str(folder / name))}", soft_wrap=True)


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def account_rows(account: RowAccount) -> list[tuple[str, str, int]]:
    """An account as rows: read, used, merged or excluded; reason; number of rows."""
    return [
        ("read", "", account.read),
        ("used", "", account.used),
        *(("merged", reason, rows) for reason, rows in account.merged.most_common()),
        *(("excluded", reason, rows) for reason, rows in account.excluded.most_common()),
    ]
