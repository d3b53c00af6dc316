"""Read publishers' CSV files, however they were saved: the columns asked for, every row counted.

A file is read once, from the front, in chunks, so that a file of several gigabytes needs no more
memory than the columns asked for.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import IO, Final

import pandas as pd

from sufficiency.imports.account import RowAccount
from sufficiency.problems import Problems, near
from sufficiency.tables.reading import report_rows, unusable

ROWS_IN_A_CHUNK: Final = 100_000
MOST_ROWS: Final = 8_000_000
"""Rows of the longest file that is read: people of both sexes by single age for every LSOA."""

LINES_BEFORE_A_HEADER: Final = 25
"""Publishers put a title and notes above the header; it is looked for in so many first rows."""

_LONGEST_LINE: Final = 4_000_000
_LONGEST_CELL: Final = 1_000_000
_MISFIT: Final = "the number of cells does not fit the header"

Selector = Callable[[Sequence[str]], dict[str, int]]
"""From a header, the position of each column that is to be read, by its name here."""


@dataclass(frozen=True)
class Wanted:
    """A column that an importer reads.

    Attributes:
        name: its name in the frame.
        headers: how publishers have written its header; capitals, spaces and punctuation do not
            matter. The first that stands in the file is read.
        required: the file cannot be used without it.
    """

    name: str
    headers: tuple[str, ...]
    required: bool = False


def plain(header: str) -> str:
    """A header without capitals, spaces and punctuation: ``LA (code)`` becomes ``lacode``."""
    return re.sub(r"[^0-9a-z]+", "", header.casefold())


def select(wanted: Sequence[Wanted]) -> Selector:
    """The selector that finds each wanted column by its headers."""

    def positions(header: Sequence[str]) -> dict[str, int]:
        at: dict[str, int] = {}
        for position, text in enumerate(header):
            at.setdefault(plain(text), position)
        found = {}
        for column in wanted:
            for spelling in column.headers:
                if plain(spelling) in at:
                    found[column.name] = at[plain(spelling)]
                    break
        return found

    return positions


@dataclass
class Source:
    """One CSV file, on its own or inside a zip archive."""

    path: Path
    member: str = ""
    account: RowAccount = field(init=False)

    def __post_init__(self) -> None:
        self.account = RowAccount(self.label)

    @property
    def label(self) -> str:
        """How problems name it."""
        return f"{self.path.name}/{self.member}" if self.member else self.path.name


def csv_sources(path: Path, pattern: str, problems: Problems) -> list[Source]:
    """The CSV files behind a path: the file itself, those of a folder, or those of a zip archive.

    Args:
        path: a file, a folder or an archive as a publisher offers it for download.
        pattern: regular expression for the names to take from a folder or an archive; where no
            name fits, every CSV file in it is taken.
        problems: takes the reason when there is none.
    """
    if path.is_dir():
        names = sorted(p.name for p in path.iterdir() if p.suffix.lower() in (".csv", ".txt"))
        if not names:
            remedy = "name the file itself, or a folder that holds CSV files."
            problems.error("holds no CSV file.", remedy, file=path.name)
        return [Source(path / name) for name in _fitting(names, pattern)]
    if path.suffix.lower() == ".zip" and path.is_file() and path.stat().st_size:
        remedy = "download it again; unpack it to see whether it is whole."
        try:
            with zipfile.ZipFile(path) as archive:
                names = sorted(
                    name
                    for name in archive.namelist()
                    if name.lower().endswith(".csv") and not name.startswith("__MACOSX")
                )
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError,
                ValueError) as error:  # fmt: skip
            problems.error("is a damaged archive.", remedy, file=path.name, value=error)
            return []
        if not names:
            problems.error("is an archive without a CSV file.", remedy, file=path.name)
        return [Source(path, name) for name in _fitting(names, pattern)]
    return [] if unusable(path, problems) else [Source(path)]


def _fitting(names: list[str], pattern: str) -> list[str]:
    fit = [n for n in names if re.search(pattern, n.rsplit("/", 1)[-1], re.IGNORECASE)]
    return fit or names


class CsvRows:
    """The rows of a CSV file below its header.

    Attributes:
        header: the cells of the header.
        found: position of each selected column, by its name.
        account: counts the rows read and those left out because they do not fit the header.
    """

    def __init__(self, source: Source, selector: Selector, problems: Problems) -> None:
        """Prepare to read; :meth:`begin` finds the header.

        Args:
            source: the file.
            selector: finds the columns in a header.
            problems: takes what is wrong with the file.
        """
        self.source = source
        self.account = source.account
        self.header: list[str] = []
        self.found: dict[str, int] = {}
        self._select = selector
        self._problems = problems
        self._stack = ExitStack()
        self._records: Iterator[list[str]] = iter(())
        self._number = 0
        self._header_row = 0
        self._early: list[tuple[int, list[str]]] = []

    def begin(self, what: str, required: Sequence[str], *, headerless: bool = False) -> bool:
        """Open the file and find its header; False once the reason has been noted.

        Args:
            what: what the file should be, for messages: ``a GIAS download``.
            required: names of the columns without which it cannot be used.
            headerless: the file has no header and its first row is a row; the selector is given
                that row.
        """
        first: list[tuple[int, list[str]]] = []
        try:
            stream = self._open()
            start = stream.read(min(_LONGEST_LINE, 1 << 16))
            if start and "\n" not in start and "\r" not in start and len(start) == 1 << 16:
                self._not_csv("its first line has no end", what)
                return False
            lines = start.splitlines()[:LINES_BEFORE_A_HEADER]
            delimiter = max(",;\t|", key=lambda d: max((li.count(d) for li in lines), default=0))
            stream.seek(0)
            csv.field_size_limit(_LONGEST_CELL)
            self._records = csv.reader(_lines(stream), delimiter=delimiter, strict=True)
            for record in self._records:
                self._number += 1
                if any(map(str.strip, record)):
                    first.append((self._number, record))
                if len(first) == (1 if headerless else LINES_BEFORE_A_HEADER):
                    break
        except _UNREADABLE as error:
            self._broken(error)
            return False
        if not first:
            remedy = "download it again; the file should begin with its header."
            self._problems.error("has no header and no rows.", remedy, file=self.source.label)
            return False
        best = max(range(len(first)), key=lambda i: (len(self._select(first[i][1])), -i))
        self.header = first[best][1]
        while self.header and not self.header[-1].strip():
            self.header = self.header[:-1]
        self.found = self._select(self.header)
        missing = [name for name in required if name not in self.found]
        if missing:
            self._missing(missing, what, first[best][0])
            return False
        self._header_row = 0 if headerless else first[best][0]
        self._early = first if headerless else first[best + 1 :]
        return True

    def chunks(self, most: int = MOST_ROWS, rows: int = ROWS_IN_A_CHUNK) -> Iterator[pd.DataFrame]:
        """Yield the rows, so many at a time, as text without surrounding spaces.

        Args:
            most: a file with more rows cannot be what it should be; reading ends with an error.
            rows: rows in a frame.

        Yields:
            One column for each column found, and ``_row``, the row as a spreadsheet counts. A row
            with too many or too few cells is left out, counted and warned of, a note that stands
            below the table after a blank line is counted; a last row that is cut off is an error,
            as the download is then not whole.
        """
        width = len(self.header)
        names = list(self.found)
        positions = [self.found[name] for name in names]
        take: Callable[[list[str]], tuple[str, ...]]
        if len(positions) == 1:
            only = positions[0]
            take = lambda record: (record[only],)  # noqa: E731 - itemgetter gives no tuple for one
        else:
            take = itemgetter(*positions)
        numbers: list[int] = []
        cells: list[tuple[str, ...]] = []
        misfits: list[tuple[int, int]] = []
        notes = 0
        last = self._header_row
        misfit_last = False
        try:
            for number, record in self._numbered():
                self.account.read += 1
                if self.account.read > most:
                    remedy = "check that it is the file that was meant, and download it again."
                    message = f"has more than {most:,} rows, more than such a file can have."
                    self._problems.error(message, remedy, file=self.source.label, row=number)
                    return
                if len(record) == 1 < width and (number > last + 1 or notes):
                    notes += 1
                    last = number
                    continue
                misfit_last = len(record) != width and (
                    len(record) < width or any(map(str.strip, record[width:]))
                )
                last = number
                if misfit_last:
                    misfits.append((number, len(record)))
                    continue
                numbers.append(number)
                cells.append(take(record))
                if len(cells) == rows:
                    yield _frame(names, cells, numbers)
                    numbers, cells = [], []
        except _UNREADABLE as error:
            self._broken(error)
            return
        finally:
            self._stack.close()
        if misfit_last and misfits[-1][1] < width:
            remedy = "download it again; compare its size with the size that the site gives."
            message = f"the last row has {misfits[-1][1]} of {width} cells: the file is cut off."
            self._problems.error(message, remedy, file=self.source.label, row=last)
            return
        self.account.exclude("a note below the table", notes)
        self.account.exclude(_MISFIT, len(misfits))
        report_rows(
            self._problems.warn,
            pd.DataFrame(misfits, columns=["_row", "cells"]),
            "cells",
            self.source.label,
            lambda row: (
                f"has {row['cells']} cells under a header of {width}; the row is left out.",
                "mend the row, or download the file again.",
            ),
        )
        if cells:
            yield _frame(names, cells, numbers)

    def close(self) -> None:
        """Let go of the file without reading its rows."""
        self._stack.close()

    def whole(self, most: int = MOST_ROWS) -> pd.DataFrame:
        """All rows in one frame; ``most`` and columns as for :meth:`chunks`."""
        parts = list(self.chunks(most))
        return pd.concat(parts, ignore_index=True) if parts else _frame(list(self.found), [], [])

    def _numbered(self) -> Iterator[tuple[int, list[str]]]:
        yield from self._early
        for record in self._records:
            self._number += 1
            if record and (len(record) > 1 or record[0].strip()):
                yield self._number, record

    def _open(self) -> io.TextIOWrapper:
        path, member = self.source.path, self.source.member
        raw: IO[bytes]
        if member:
            archive = self._stack.enter_context(zipfile.ZipFile(path))
            with archive.open(member) as handle:
                start = handle.read(2)
            raw = archive.open(member)
        else:
            raw = path.open("rb", buffering=1 << 20)
            start = raw.read(2)
            raw.seek(0)
        wide = start in (b"\xff\xfe", b"\xfe\xff")  # "Unicode text" as spreadsheets save it
        stream = io.TextIOWrapper(
            raw, "utf-16" if wide else "utf-8-sig", errors=_OR_CP1252, newline=""
        )
        return self._stack.enter_context(stream)

    def _missing(self, missing: list[str], what: str, row: int) -> None:
        self.close()
        if not self.found:  # the cells are not shown: they may be somebody's data
            self._not_csv("none of its columns is there", what)
            return
        for name in missing:
            remedy = "download it again with every column; do not rename or delete columns."
            hint = near(name, self.header)
            self._problems.error(
                f"the column is missing{hint}", remedy, file=self.source.label, row=row,
                column=name,
            )  # fmt: skip

    def _not_csv(self, why: str, what: str) -> None:
        self._stack.close()
        remedy = f"give {what}, as CSV, as it was downloaded."
        self._problems.error(f"this is not {what}: {why}.", remedy, file=self.source.label)

    def _broken(self, error: Exception) -> None:
        self._stack.close()
        row = self._number + 1
        if isinstance(error, csv.Error):
            reason = str(error)
            if "end of data" in reason or isinstance(error.__cause__, EOFError):
                message = "ends inside a row: the file is cut off."
            elif "NUL" in reason:
                message = "holds binary content, not text."
            elif "longer than" in reason or "field limit" in reason:
                message = "a cell of this row never ends: the file is damaged."
            else:
                message = f"the double quotes of this row do not match ({reason})."
            remedy = "download it again, and do not save it from another program."
            self._problems.error(message, remedy, file=self.source.label, row=row)
            return
        remedy = "check that it opens elsewhere, or download it again."
        self._problems.error(
            "cannot be read.", remedy, file=self.source.label, row=row, value=error
        )


_UNREADABLE: Final = (
    csv.Error, OSError, EOFError, UnicodeError, zipfile.BadZipFile, zlib.error, NotImplementedError,
    RuntimeError,
)  # fmt: skip


def _frame(names: list[str], cells: list[tuple[str, ...]], numbers: list[int]) -> pd.DataFrame:
    frame = pd.DataFrame(cells, columns=names, dtype="str") if cells else pd.DataFrame(
        {name: pd.Series([], dtype="str") for name in names}
    )  # fmt: skip
    for name in names:
        frame[name] = frame[name].str.strip()
    frame["_row"] = pd.Series(numbers, dtype="int64")
    return frame


def _lines(stream: io.TextIOWrapper) -> Iterator[str]:
    """Lines of bounded length, so that a file without line ends cannot fill the memory."""
    while line := stream.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith("\n"):
            raise csv.Error(f"a line is longer than {_LONGEST_LINE:,} characters")
        if "\0" in line:
            raise csv.Error("line contains NUL")
        yield line


def _or_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Read bytes that are no UTF-8 as cp1252, the encoding of English office programs."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return wrong.decode("cp1252", errors="replace"), error.end


_OR_CP1252: Final = "sufficiency.or-cp1252"
codecs.register_error(_OR_CP1252, _or_cp1252)


def refuse_existing(
    folder: Path, names: Sequence[str], problems: Problems, *, replace: bool
) -> None:
    """Refuse a folder that cannot be written to, or that holds such files already.

    Args:
        folder: where an importer is to write.
        names: the files that it writes.
        problems: takes the refusal.
        replace: existing files may be replaced.
    """
    if folder.exists() and not folder.is_dir():
        problems.error("is a file.", "choose a folder with --out.", file=str(folder))
        return
    taken = [name for name in names if (folder / name).exists()]
    if taken and not replace:
        remedy = (
            "add --replace to write them anew, or choose another folder with --out; "
            "changes made by hand belong in the overrides file."
        )
        message = f"holds {' and '.join(taken)} already."
        problems.error(message, remedy, file=str(folder))


def write_together(folder: Path, writers: Mapping[str, Callable[[Path], None]]) -> None:
    """Write several files so that all of them appear, or none.

    Args:
        folder: made where it does not exist.
        writers: by file name, a function that writes the file at the path given.

    Raises:
        OSError: the folder cannot be written to; it is left as it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / ".import.partial"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir()
        for name, write in writers.items():
            write(aside / name)
        for name in writers:
            os.replace(aside / name, folder / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
