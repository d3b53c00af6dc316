"""Read input tables as planners save them, and write them as planners would edit them.

A cell that cannot be read becomes a problem that names it, and a blank in the frame, so that every
other check can still run; after an error a column of whole numbers may hold NaN.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from sufficiency.problems import Problems, near
from sufficiency.tables.manifest import BLANK, COORDINATES, LIST_TYPES, MANIFEST, Column, Table
from sufficiency.vocabulary import (
    KINDS,
    NEEDS,
    TIERS,
    academic_year_label,
    financial_year_label,
    parse_year,
)
from sufficiency.writing import replacing

NATIONAL_GRID: Final = 27700
GRID_EXTENT: Final = (0.0, 0.0, 700_000.0, 1_300_000.0)
ROWS_NAMED = 20
"""Rows named one by one in each check; the others are counted."""

Note = Callable[..., None]
Saying = tuple[str, str]

_NUMERIC = ("number", "whole number", "year group")
_GEOMETRY_COLUMNS = ("fid", "geom", "geometry")
_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_GROUPED_NUMBER = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_WORDS: Final[dict[str, dict[str, str]]] = {
    "need": {w.casefold(): c for c, label in NEEDS.items() for w in (c, label)},
    "kind": {
        w.casefold(): c
        for c, label in KINDS.items()
        for w in (c, c.replace("_", " "), c.replace("_", "-"), label)
    },
    "yes/no": dict.fromkeys(("yes", "y", "true", "1", "1.0"), "yes")
    | dict.fromkeys(("no", "n", "false", "0", "0.0"), "no"),
}


@cache
def _empty(table: Table) -> pd.DataFrame:
    columns = {column.name: pd.Series([], dtype="str") for column in table.columns}
    return _convert(table, _with_rows(pd.DataFrame(columns)), table.name, Problems())


def empty_table(name: str) -> pd.DataFrame:
    """Return the table with its columns, rightly typed, and no row."""
    return _empty(MANIFEST[name]).copy()


@dataclass
class Tables:
    """Every input table in memory, one DataFrame each; a table that is absent has no row.

    Years are whole numbers (-1 = blank), tiers whole numbers (0 = blank), needs and tiers taken
    sorted tuples, names and shares tuples, a blank number NaN, a blank text ``""``. The helper
    column ``_row`` holds the row in the spreadsheet. ``boundary`` is in EPSG:27700 metres;
    ``sources`` and ``hashes`` give each table's file name and the sha256 of its content.
    """

    areas: pd.DataFrame = field(default_factory=partial(empty_table, "areas"))
    provisions: pd.DataFrame = field(default_factory=partial(empty_table, "provisions"))
    commissioned_places: pd.DataFrame = field(
        default_factory=partial(empty_table, "commissioned_places")
    )
    place_limits: pd.DataFrame = field(default_factory=partial(empty_table, "place_limits"))
    candidate_sites: pd.DataFrame = field(default_factory=partial(empty_table, "candidate_sites"))
    schemes: pd.DataFrame = field(default_factory=partial(empty_table, "schemes"))
    children_today: pd.DataFrame = field(default_factory=partial(empty_table, "children_today"))
    projected_children: pd.DataFrame = field(
        default_factory=partial(empty_table, "projected_children")
    )
    population: pd.DataFrame = field(default_factory=partial(empty_table, "population"))
    rates: pd.DataFrame = field(default_factory=partial(empty_table, "rates"))
    budgets: pd.DataFrame = field(default_factory=partial(empty_table, "budgets"))
    allocations: pd.DataFrame = field(default_factory=partial(empty_table, "allocations"))
    recorded: pd.DataFrame = field(default_factory=partial(empty_table, "recorded"))
    travel: pd.DataFrame = field(default_factory=partial(empty_table, "travel"))
    boundary: BaseGeometry | None = None
    sources: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table by its name in the manifest (not the boundary)."""
        found: pd.DataFrame = getattr(self, name)
        return found

    def file(self, name: str) -> str:
        """Return the file that a problem with this table names."""
        return self.sources.get(name, f"{name}.csv")

    @classmethod
    def from_frames(
        cls,
        frames: Mapping[str, pd.DataFrame],
        boundary: Any = None,
        problems: Problems | None = None,
    ) -> Tables:
        """Convert and validate DataFrames exactly as files are.

        Args:
            frames: DataFrames by table name, with the columns of docs/tables.md. Problems name
                them as ``areas (DataFrame)``, rows by position + 2.
            boundary: a shapely geometry in EPSG:27700, or a GeoDataFrame or GeoSeries.
            problems: collects what is wrong; without it InputError is raised.
        """
        collected = Problems() if problems is None else problems
        tables = cls()
        for name in _known(frames, collected):
            source = f"{name} (DataFrame)"
            table = MANIFEST[name]
            frame = _convert(table, _with_rows(pd.DataFrame(frames[name])), source, collected)
            setattr(tables, name, frame)
            tables.sources[name] = source
            tables.hashes[name] = hashlib.sha256(_csv_bytes(_as_text(frame, table))).hexdigest()
        if boundary is not None:
            source = "boundary (DataFrame)"
            shapes = _on_grid(boundary) if hasattr(boundary, "to_crs") else [boundary]
            tables.boundary = as_boundary(shapes, source, collected)
            if tables.boundary is not None:
                tables.sources["boundary"] = source
                tables.hashes["boundary"] = hashlib.sha256(tables.boundary.wkb).hexdigest()
        _missing_tables(tables, frames, collected)
        if problems is None:
            collected.raise_if_any()
        return tables


def read_tables(paths: Mapping[str, Path], problems: Problems) -> Tables:
    """Read every table named in ``paths``; what is wrong is collected in ``problems``."""
    tables = Tables()
    for name in _known(paths, problems):
        path = Path(paths[name])
        tables.sources[name] = path.name
        if name == "boundary":
            tables.boundary = read_boundary(path, problems)
        else:
            setattr(tables, name, read_table(name, path, problems))
        if path.is_file():
            tables.hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    _missing_tables(tables, paths, problems)
    return tables


def read_table(table: str | Table, path: Path, problems: Problems) -> pd.DataFrame:
    """Read one table from CSV, Parquet or GeoPackage; without rows where it cannot be read.

    Args:
        table: its name in the manifest, or the declaration of a table that is not in it.
        path: the file.
        problems: takes what is wrong with it.
    """
    declared = MANIFEST[table] if isinstance(table, str) else table
    raw = _load(declared.name, path, problems)
    if raw is None:
        return _empty(declared).copy()
    return _convert(declared, raw, path.name, problems)


def read_boundary(path: Path, problems: Problems) -> BaseGeometry | None:
    """Read the boundary as one valid polygon in EPSG:27700, or None where that fails."""
    if path.suffix.lower() not in (".gpkg", ".geojson", ".json"):
        before = len(problems.errors)
        cells = read_table("boundary", path, problems)
        if len(problems.errors) > before:
            return None
        with np.errstate(all="ignore"):
            shapes = shapely.from_wkt(cells["wkt"].to_numpy(object), on_invalid="ignore")
        unread = cells[[shape is None for shape in shapes]]
        say = ("is no well-known text.", "export the polygon again as WKT in EPSG:27700.")
        report_rows(problems.error, unread, "wkt", path.name, say)
        return None if len(unread) else as_boundary(shapes, path.name, problems)
    if unusable(path, problems):
        return None
    try:
        layer = _layer(path, "boundary", problems)
        if layer is None:
            return None
        shapes = _on_grid(gpd.read_file(path, layer=layer))
    except Exception as error:  # the drivers below raise many kinds; each means an unreadable file
        _unreadable(path, problems, error)
        return None
    return as_boundary(shapes, path.name, problems)


def report_rows(
    note: Note,
    found: pd.DataFrame,
    column: str,
    file: str,
    say: Saying | Callable[[dict[str, Any]], Saying],
) -> None:
    """Note one problem a row of ``found``: at most ROWS_NAMED rows, the rest in one line.

    Args:
        note: ``problems.error`` or ``problems.warn``.
        found: the offending rows, with ``_row`` and ``column``. Each distinct value comes before
            repeats of a value, so that the rows named show every mistake once.
        say: message and remedy, or a function from a row to them.
    """
    if len(found) > ROWS_NAMED:
        repeats = found[column].duplicated().to_numpy()
        found = found.iloc[np.argsort(repeats, kind="stable")]
    head = found.head(ROWS_NAMED)
    for row in head.to_dict("records"):
        message, remedy = (
            say if isinstance(say, tuple) else say({str(k): v for k, v in row.items()})
        )
        value = cell_text(row[column])
        note(message, remedy, file=file, row=row["_row"], column=column, value=value)
    if len(found) > len(head):
        more = f"and {len(found) - len(head):,} more rows with a problem of this sort."
        note(more, "mend the rows named first; most often the cause is one.", file=file,
             column=column)  # fmt: skip


def cell_text(value: object, type_: str = "") -> str:
    """Write a cell as a planner would edit it: years as labels, lists with |, blank for none."""
    if isinstance(value, tuple):
        if type_ == "needs" and value == tuple(sorted(NEEDS)):
            return "any"
        return "|".join(cell_text(part) for part in value)
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        number = float(value)
        if math.isnan(number):
            return ""
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    if isinstance(value, int | np.integer):
        if type_ in ("academic year", "financial year"):
            label = academic_year_label if type_ == "academic year" else financial_year_label
            return "" if value == -1 else label(int(value))
        return "" if type_ == "tier" and value == 0 else str(value)
    return "" if value is None else str(value)


def write_table(frame: pd.DataFrame, name: str, path: Path) -> None:
    """Write a table as a planner would edit it, as CSV or, by extension, Parquet.

    Columns stand in the order of the manifest; columns that it does not know are left out. The
    file is written aside and renamed, so that an interrupted run leaves no half file.

    Raises:
        OSError: when the file cannot be written.
    """
    table = MANIFEST[name]
    text = _as_text(frame, table)
    with replacing(path) as aside:
        if path.suffix.lower() == ".parquet":
            typed = {
                column: frame[column].array
                if table.column(column).type in _NUMERIC
                else pd.Series(cells, dtype="str")
                for column, cells in text.items()
            }
            pd.DataFrame(typed).to_parquet(aside, index=False)
        else:
            aside.write_bytes(_csv_bytes(text))


def _as_text(frame: pd.DataFrame, table: Table) -> dict[str, list[str]]:
    """Cells of the columns that the manifest knows, in its order."""
    texts = {}
    for column in table.columns:
        if column.name in frame:
            codes, values = pd.factorize(_hashable(frame[column.name]))
            written = [*(cell_text(value, column.type) for value in values), ""]
            texts[column.name] = [written[code] for code in codes.tolist()]
    return texts


def _csv_bytes(text: dict[str, list[str]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(text)
    writer.writerows(zip(*text.values(), strict=True))
    return buffer.getvalue().encode("utf-8")


# ------------------------------------------------------------------ files into rows of raw cells


def _known(names: Mapping[str, object], problems: Problems) -> list[str]:
    for name in names:
        if name not in MANIFEST:
            hint = near(name, MANIFEST)
            problems.error(f"is no known table{hint}", f"use: {', '.join(MANIFEST)}.", file=name)
    return [name for name in MANIFEST if name in names]


def _missing_tables(tables: Tables, given: Mapping[str, object], problems: Problems) -> None:
    before = {problem.file for problem in problems.errors}
    for table in MANIFEST.values():
        if not table.required or len(tables.frame(table.name)):
            continue
        if table.name not in given:
            remedy = f"add {table.name}.csv; its columns stand in docs/tables.md."
            problems.error("this required table is missing.", remedy, file=f"{table.name}.csv")
        elif tables.file(table.name) not in before:
            problems.error("has no rows.", "add at least one row below the header.",
                           file=tables.file(table.name))  # fmt: skip


def _unreadable(path: Path, problems: Problems, error: object) -> None:
    reason = " ".join(str(error).replace(str(path), path.name).split())
    remedy = "save it again as CSV (UTF-8), Parquet or GeoPackage; check that it opens elsewhere."
    problems.error("cannot be read.", remedy, file=path.name, value=reason)


def unusable(path: Path, problems: Problems) -> bool:
    """Note why a path gives no table at all: missing, a folder, empty, a spreadsheet, a page."""
    say: Saying | None = None
    try:
        if path.is_dir():
            say = ("is a folder, not a file.", "name the table's file inside it.")
        elif not path.exists():
            say = ("does not exist.", "correct the path, or save the table there.")
        elif path.stat().st_size == 0:
            say = ("is empty (0 bytes).", "save it again with its header and rows.")
        else:
            with path.open("rb") as handle:
                start = handle.read(400)
            if path.suffix.lower() in _SPREADSHEETS or start.startswith(
                (b"PK\x03\x04", b"\xd0\xcf")
            ):
                say = ("is a spreadsheet.", "open it and save the sheet as CSV (UTF-8).")
            elif start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
                say = (
                    "is a web page, not a table.",
                    "download the data itself; the address may need you to sign in.",
                )
    except OSError as error:
        _unreadable(path, problems, error.strerror or error)
        return True
    if say is not None:
        problems.error(*say, file=path.name)
    return say is not None


def read_cells(path: Path, problems: Problems) -> pd.DataFrame | None:
    """Read a file that is no table of the manifest: its cells as they stand, and ``_row``.

    Returns None once a problem has been noted. CSV gives text; Parquet and GeoPackage give
    values as stored.
    """
    return _load("", path, problems)


def _load(table: str, path: Path, problems: Problems) -> pd.DataFrame | None:
    """Return the raw cells with ``_row``, or None once a problem has been noted."""
    if unusable(path, problems):
        return None
    suffix = path.suffix.lower()
    try:
        if suffix in (".csv", ".txt", ".tsv"):
            return _load_csv(path, problems)
        if suffix == ".parquet":
            return _with_rows(pd.read_parquet(path))
        if suffix == ".gpkg":
            layer = _layer(path, table, problems)
            if layer is None:
                return None
            return _with_rows(pyogrio.read_dataframe(path, layer=layer, read_geometry=False))
    except Exception as error:  # the drivers below raise many kinds; each means an unreadable file
        _unreadable(path, problems, error)
        return None
    remedy = "save it as CSV (UTF-8), Parquet or GeoPackage."
    problems.error("has an extension that is not read.", remedy, file=path.name, value=suffix)
    return None


def _layer(path: Path, table: str, problems: Problems) -> str | None:
    layers = [str(name) for name, _ in pyogrio.list_layers(path)]
    if len(layers) == 1 or table in layers:
        return table if table in layers else layers[0]
    remedy = f"keep one layer, or name the right one {table}."
    problems.error("has several layers.", remedy, file=path.name, value=", ".join(layers))
    return None


def _load_csv(path: Path, problems: Problems) -> pd.DataFrame | None:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # "Unicode text" as Excel saves it
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", errors="replace")
    if "\0" in text:
        _unreadable(path, problems, "binary content")
        return None
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(2**31 - 1)  # a boundary's text outgrows the usual 131,072 characters
    records: list[list[str]] = []
    try:
        # Records read before an error stay in the list, which tells where the error is.
        records.extend(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        problems.error(
            f"the double quotes do not match ({error}).",
            'close every quote; write a quote inside a cell as "".',
            file=path.name,
            row=len(records) + 1,
        )
        return None
    filled = [i for i, record in enumerate(records) if "".join(record).strip()]
    if not filled:
        problems.error("has no header and no rows.", "save it with its header.", file=path.name)
        return None
    header = records[filled[0]]
    while header and not header[-1].strip():
        header = header[:-1]
    width = len(header)
    rows, cells, ragged = [], [], []
    for at in filled[1:]:
        number, record = at + 1, records[at]
        if len(record) != width:
            if any(cell.strip() for cell in record[width:]):
                ragged.append((number, len(record), delimiter.join(record)))
                continue
            record = (record + [""] * width)[:width]
        rows.append(number)
        cells.append(record)
    if ragged:
        report_rows(
            problems.error,
            pd.DataFrame(ragged, columns=["_row", "cells", "line"]),
            "line",
            path.name,
            lambda r: (
                f"has {r['cells']} cells under a header of {width}.",
                'put double quotes around a cell that holds a comma, such as "1,234".',
            ),
        )
    columns = [[record[i] for record in cells] for i in range(width)]
    frame = pd.concat([pd.Series(c, dtype="str") for c in columns], axis=1)
    frame.columns = pd.Index(header)
    frame["_row"] = np.array(rows, dtype="int64")
    return frame


def _with_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Number the rows as a spreadsheet would; drop helper columns and rows without any cell."""
    frame = frame.loc[:, [not str(column).startswith("_") for column in frame.columns]]
    frame = frame.reset_index(drop=True)
    numbers = np.arange(len(frame), dtype="int64") + 2
    return frame.assign(_row=numbers).loc[~frame.isna().all(axis=1)]


# ------------------------------------------------------------------ raw cells into typed columns


def _convert(table: Table, raw: pd.DataFrame, file: str, problems: Problems) -> pd.DataFrame:
    """Turn raw cells into the table's columns; note every cell that cannot be used."""
    found = _match_headers(table, raw, file, problems)
    size = len(raw)
    frame: dict[str, Any] = {"_row": raw["_row"].to_numpy("int64")}
    for column in table.columns:
        cells = found.get(column.name)
        if cells is None:
            cells = pd.Series([None] * size, dtype="str")
            values, bad = _convert_column(column, cells)
            bad[:] = False  # the missing column is one problem, noted above
        else:
            cells = _hashable(cells.reset_index(drop=True))
            values, bad = _convert_column(column, cells)
        if column.default_column:
            values = values.where(values != "", frame[column.default_column])
        frame[column.name] = values
        if bad.any():
            wrong = cells[bad].map(partial(_cell_as_text, column), na_action=None)
            report_rows(
                problems.error,
                pd.DataFrame({"_row": frame["_row"][bad], column.name: wrong.to_numpy(object)}),
                column.name,
                file,
                partial(_explain_row, column),
            )
    result = pd.DataFrame(frame)
    return result[[*(column.name for column in table.columns), "_row"]]


def _match_headers(
    table: Table, raw: pd.DataFrame, file: str, problems: Problems
) -> dict[str, pd.Series[Any]]:
    names = [column.name for column in table.columns]
    found: dict[str, pd.Series[Any]] = {}
    unknown: list[str] = []
    for position, original in enumerate(raw.columns):
        header = re.sub(r"[^0-9a-z]+", "_", str(original).casefold()).strip("_")
        if str(original) == "_row" or header in _GEOMETRY_COLUMNS:
            continue
        if header in found:
            remedy = "keep one of the two columns; the first is used."
            problems.error("the column stands twice.", remedy, file=file, row=1, column=header)
        elif header in names:
            found[header] = raw.iloc[:, position]
        elif header or raw.iloc[:, position].map(bool).any():
            unknown.append(str(original).strip())
    absent = [name for name in names if name not in found]
    for name in absent:
        if table.column(name).required:
            hint = near(name, unknown)
            remedy = (
                f"rename that column to {name}."
                if hint != "."
                else f"add a column {name} in row 1."
            )
            problems.error(f"the column is missing{hint}", remedy, file=file, row=1,
                           column=name)  # fmt: skip
    for name in unknown:
        hint = near(name.replace(" ", "_"), absent)
        remedy = "rename it if it is meant, or delete it; its cells are not used."
        problems.warn(f"is an unknown column{hint}", remedy, file=file, row=1, column=name or "?")
    return found


def _convert_column(
    column: Column, raw: pd.Series[Any]
) -> tuple[pd.Series[Any], NDArray[np.bool_]]:
    """Convert each distinct cell once; the second result marks the cells that are wrong."""
    codes, uniques = pd.factorize(raw)
    texts = [_cell_as_text(column, value) for value in uniques]
    blank = np.array([not text for text in texts], dtype=bool)
    parsed: list[Any] = [column.blank_value] * len(texts)
    bad = np.zeros(len(texts), dtype=bool)
    left: Sequence[int] | NDArray[Any] = np.flatnonzero(~blank)
    if column.type in _NUMERIC:
        numbers = pd.to_numeric(pd.Series(texts, dtype="str"), errors="coerce").to_numpy(float)
        usable = np.isfinite(numbers) & _within(column, numbers) & ~blank
        parsed = np.where(usable, numbers, float(str(column.blank_value))).tolist()
        left = np.flatnonzero(~usable & ~blank)
    for index in left:
        try:
            parsed[index] = _parse_cell(column, texts[index])
        except (ValueError, KeyError):
            parsed[index], bad[index] = BLANK.get(column.type, ""), True
    # code -1 is a missing cell: it takes the last entry
    lookup = [*parsed, column.blank_value]
    wrong = np.append(bad | (blank & column.required), column.required)[codes]
    if column.type in _NUMERIC:
        values = np.array(lookup, dtype=float)[codes]
        whole = column.type != "number" and (column.required or column.default is not None)
        if whole and not np.isnan(values).any():
            return pd.Series(values.astype("int64")), wrong
        return pd.Series(values), wrong
    dtype = "str"
    if column.type in LIST_TYPES:
        dtype = "object"
    elif isinstance(column.blank_value, int):
        dtype = "int64"
    return pd.Series([lookup[code] for code in codes], dtype=dtype), wrong


def _hashable(raw: pd.Series[Any]) -> pd.Series[Any]:
    """Turn what Python users put into cells, lists and sets above all, into hashable values."""

    def plain(value: Any) -> Any:
        if isinstance(value, set | frozenset):
            value = sorted(value, key=str)
        if isinstance(value, list | tuple | np.ndarray):
            return tuple(map(plain, value))
        return value if isinstance(value, Hashable) else str(value)

    return raw.map(plain) if raw.dtype == object else raw


def _cell_as_text(column: Column, value: object) -> str:
    """Return the cell as tidy text; blanks as the memory holds them become blank text again."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, float) and not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if not column.required and value == column.blank_value and column.type not in _NUMERIC:
        return ""
    return cell_text(value)


def _within(column: Column, number: Any) -> Any:
    """Whether numbers obey the column's limits; the checks look at coordinates as pairs."""
    if column.name in COORDINATES:
        return number == number
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    sound = (number >= low) & (number <= high)
    return sound if column.type in ("number", "shares") else sound & (np.floor(number) == number)


def _parse_number(text: str) -> float:
    text = re.sub(r"[£\s]", "", text).replace("\u2212", "-")
    if _GROUPED_NUMBER.fullmatch(text):
        text = text.replace(",", "")
    if not _PLAIN_NUMBER.fullmatch(text):
        raise ValueError(text)
    return float(text)


def _parts(column: Column, text: str) -> list[str]:
    split = r"[|;,]" if column.type in ("needs", "tiers") else r"\|"
    return [part.strip() for part in re.split(split, text) if part.strip()]


def _parse_cell(column: Column, text: str) -> Any:
    """Parse one cell that is not blank; ValueError or KeyError when it is wrong."""
    kind = column.type
    if kind in ("number", "whole number", "year group"):
        number = _parse_number(text)
        if not math.isfinite(number) or not _within(column, number):
            raise ValueError(text)
        return number
    if kind in ("academic year", "financial year"):
        return parse_year(text)
    if kind in _WORDS:
        return _WORDS[kind][text.casefold()]
    if kind == "tier":
        number = _parse_number(text)
        if number not in TIERS:
            raise ValueError(text)
        return int(number)
    if kind == "text":
        return text
    parts = _parts(column, text)
    if kind == "needs":
        if text.casefold() == "any":
            return tuple(sorted(NEEDS))
        return tuple(sorted({_WORDS["need"][part.casefold()] for part in parts}))
    if kind == "tiers":
        every = text.casefold() == "any"
        one = Column(column.name, "tier")
        return tuple(sorted(TIERS if every else {_parse_cell(one, part) for part in parts}))
    if kind == "shares":
        one = Column(column.name, "number", minimum=column.minimum, maximum=column.maximum)
        return tuple(_parse_cell(one, part) for part in parts)
    return tuple(dict.fromkeys(parts))


def _explain_row(column: Column, row: Mapping[str, Any]) -> Saying:
    return _explain(column, str(row[column.name]))


def _explain(column: Column, text: str) -> Saying:
    """Say what is wrong with a cell and what to write instead."""
    kind = column.type
    form = {
        "need": f"use one of: {', '.join(NEEDS)}.",
        "needs": f"write any, or codes separated by |, of: {', '.join(NEEDS)}.",
        "kind": f"use one of: {', '.join(KINDS)}.",
        "tier": "write 1, 2, 3 or 4.",
        "tiers": "write tiers from 1 to 4, separated by |.",
        "yes/no": "write yes or no.",
        "academic year": "write an academic year such as 2026/27.",
        "financial year": "write a financial year such as 2026-27.",
        "shares": "write shares from 0 to 1 separated by |, such as 0.2|0.5|0.3.",
    }.get(kind, "")
    low, high = column.minimum, column.maximum
    if kind in _NUMERIC:
        noun = "a number" if kind == "number" else "a whole number"
        limits = "" if low is None else f" from {low:,.10g}"
        limits += "" if high is None else f" to {high:,.10g}"
        form = f"write {noun}{limits}{f' ({column.unit})' if column.unit else ''}."
    if not text:
        return "is blank.", form or "fill in the cell."
    if text.startswith("#"):
        return "is an error of the spreadsheet.", "mend the formula and save the table again."
    if kind in _NUMERIC:
        try:
            number = _parse_number(text)
        except ValueError:
            if text.lower().strip("+-") in ("nan", "inf", "infinity"):
                return "is not a finite number.", form
            if text.endswith("%"):
                return "is a percentage.", "write it as a plain number; 12% is 0.12."
            if re.fullmatch(r"[*cxz]|[<≤] ?\d+|low", text, re.IGNORECASE):
                return "is a suppressed count.", "use the count itself, kept inside the authority."
            return "is not a number.", form
        if not math.isfinite(number):
            return "is not a finite number.", form
        if _within(Column(column.name, "number", minimum=low, maximum=high), number):
            return "is not a whole number.", form
        if low == 0 and number < 0:
            return "is negative.", form
        return "lies outside the limits.", form
    if kind in ("need", "needs", "kind"):
        words = _WORDS["kind" if kind == "kind" else "need"]
        bad = [p for p in (_parts(column, text) or [text]) if p.casefold() not in words]
        word = bad[0] if bad else text
        word = word if len(word) <= 60 else f"{word[:60]}…"
        return f"{word!r} is no known {kind.rstrip('s')}{near(word, words.values())}", form
    nouns = {"academic year": "an academic year", "financial year": "a financial year",
             "tier": "a tier", "tiers": "a list of tiers", "shares": "a list of shares",
             "yes/no": "yes or no"}  # fmt: skip
    return f"is not {nouns.get(kind, 'usable')}.", form


# ------------------------------------------------------------------ boundary


def looks_like_degrees(x: Any, y: Any) -> Any:
    """Whether coordinates are longitudes and latitudes rather than metres on the grid."""
    return (abs(x) <= 180) & (abs(y) <= 90)


def _on_grid(layer: Any) -> list[BaseGeometry]:
    """Geometries of a GeoDataFrame or GeoSeries in EPSG:27700; without a system, as they are."""
    return list(layer.geometry if layer.crs is None else layer.geometry.to_crs(NATIONAL_GRID))


def as_boundary(shapes: Any, file: str, problems: Problems) -> BaseGeometry | None:
    """Join shapes in EPSG:27700 into one valid polygon; None once the reason has been noted."""
    try:
        with np.errstate(all="ignore"):
            mended = shapely.make_valid(np.array(shapes, dtype=object))
            whole = shapely.make_valid(shapely.union_all(mended))
            parts = shapely.get_parts(shapely.get_parts(whole))
            boundary: BaseGeometry = shapely.union_all(parts[shapely.area(parts) > 0])
    except shapely.errors.GEOSException as error:
        say = ("its coordinates cannot be used.", "export the outline again in EPSG:27700.")
        problems.error(*say, file=file, value=error)
        return None
    if boundary.is_empty:
        remedy = "supply the outline as a polygon or multipolygon."
        problems.error("has no polygon.", remedy, file=file, value=whole.geom_type)
        return None
    west, south, east, north = boundary.bounds
    low_x, low_y, high_x, high_y = GRID_EXTENT
    if looks_like_degrees(max(abs(west), abs(east)), max(abs(south), abs(north))):
        say = ("its coordinates look like degrees.", "transform it to EPSG:27700.")
    elif west < low_x or south < low_y or east > high_x or north > high_y:
        say = ("it lies outside the British National Grid.", "transform it to EPSG:27700.")
    else:
        return boundary
    extent = f"{west:g}, {south:g} to {east:g}, {north:g}"
    problems.error(*say, file=file, value=extent)
    return None
