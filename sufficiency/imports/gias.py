"""``sufficiency import gias``: provisions and places from the full download of the register.

Get Information about Schools (GIAS) is the register of establishments of the Department for
Education. Its download ``edubasealldataYYYYMMDD.csv`` has about 50,000 rows in cp1252; columns
come and go with the years. Head teachers' names, telephone numbers and addresses are not read.

What GIAS says of capacity and needs is declared by schools and often stale: it is labelled an
estimate, and the overrides file, in which the authority says what it commissions, always wins.
"""

from __future__ import annotations

import argparse
import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console

from sufficiency.imports.account import RowAccount
from sufficiency.imports.files import (
    CsvRows,
    Wanted,
    csv_sources,
    refuse_existing,
    select,
)
from sufficiency.imports.overrides import read_overrides
from sufficiency.imports.postcodes import read_postcodes
from sufficiency.imports.register import (
    COLUMNS,
    WITHOUT,
    Register,
    choose,
    choose_authority,
    find_kinds,
    find_outline,
    find_successors,
    find_years,
    know_overrides,
    put_on_the_map,
    tidy,
)
from sufficiency.imports.registered import (
    apply_overrides,
    follow_establishments,
    make_places,
    make_provisions,
    sum_up,
)
from sufficiency.imports.report import REPORT, ImportReport, write_import
from sufficiency.problems import EXIT_OK, Problems
from sufficiency.tables import read_table, write_table

NAME: Final = "gias"

TEXT: Final = "Provisions and their places from the full GIAS download (edubasealldata)."

FULL_DOWNLOAD_ROWS: Final = 40_000
"""A full download has about 50,000 rows; far fewer suggest that it is not whole."""

MOST_ROWS: Final = 300_000
"""Neither the establishments nor their links come near so many rows."""

_WHAT = "the full GIAS download (edubasealldata)"

OUTPUT: Final = (
    "provisions.csv",
    "commissioned_places.csv",
    "establishments.csv",
    f"{REPORT}.txt",
    f"{REPORT}.csv",
)


@dataclass
class GiasImport:
    """Tables of an authority's provision.

    Attributes:
        provisions, commissioned_places: as in docs/tables.md.
        establishments: columns urn, ukprn, kind, provision, resourced_provision, sen_unit, note:
            what became of every establishment, so that a placement recorded under any URN, one
            that has closed included, can be followed to a provision.
        report: what was done and what is doubtful.
    """

    provisions: pd.DataFrame
    commissioned_places: pd.DataFrame
    establishments: pd.DataFrame
    report: ImportReport


# ------------------------------------------------------------------ the command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", metavar="FILE", type=Path,
                        help="edubasealldataYYYYMMDD.csv, or the zip archive")  # fmt: skip
    parser.add_argument("--authority", metavar="CODE", required=True,
                        help="three-digit number of the authority (351), its GSS code (E08000002)"
                        " or its name")  # fmt: skip
    parser.add_argument("--within", metavar="DISTANCE", type=distance, default=40.0,
                        help="how far beyond the authority to take provision from: 40km, 25mi,"
                        " 0km for its own only (default: 40km)")  # fmt: skip
    parser.add_argument("--boundary", metavar="FILE", type=Path,
                        help="outline of the authority, or of all authorities: GeoPackage or"
                        " GeoJSON (default: the hull of its own establishments)")  # fmt: skip
    parser.add_argument("--links", metavar="FILE", type=Path,
                        help="links_edubasealldataYYYYMMDD.csv: predecessors and"
                        " successors")  # fmt: skip
    parser.add_argument("--overrides", metavar="FILE", type=Path,
                        help="what the authority knows better: places, designations, year groups,"
                        " prices, exclusions (docs/inputs.md)")  # fmt: skip
    parser.add_argument("--postcodes", metavar="FILE", type=Path, action="append", default=[],
                        help="ONS Postcode Directory or Code-Point Open: fills missing"
                        " coordinates, checks the others; may be repeated")  # fmt: skip
    parser.add_argument("--children", metavar="FILE", type=Path,
                        help="children_today.csv of an earlier import: tells the authority's own"
                        " children on a roll from those of others")  # fmt: skip
    parser.add_argument("--date", metavar="YYYY-MM-DD", type=date_of, default=None,
                        help="the day that counts as today (default: the date in the file's name,"
                        " else today)")  # fmt: skip
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True,
                        help="folder to write provisions.csv and the others into")  # fmt: skip
    parser.add_argument("--replace", action="store_true",
                        help="replace the files of an earlier import")  # fmt: skip


def run(asked: argparse.Namespace, out: Console) -> int:
    """Import, write the tables with their report, and say what was done."""
    problems = Problems()
    refuse_existing(asked.out, OUTPUT, problems, replace=asked.replace)
    problems.raise_if_any()
    result = import_gias(
        asked.file,
        asked.authority,
        within_km=asked.within,
        boundary=asked.boundary,
        links=asked.links,
        overrides=asked.overrides,
        postcodes=asked.postcodes,
        children=asked.children,
        date=asked.date,
    )
    write_import(
        asked.out,
        {
            "provisions.csv": partial(write_table, result.provisions, "provisions"),
            "commissioned_places.csv": partial(
                write_table, result.commissioned_places, "commissioned_places"
            ),
            "establishments.csv": partial(
                result.establishments.to_csv, index=False, lineterminator="\n"
            ),
        },
        result.report,
        out,
    )
    return EXIT_OK


def distance(text: str) -> float:
    """Read a distance in km from ``40km``, ``25 miles`` or ``500m``; a bare number is km."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(km|kilometres|mi|miles|mile|m|metres)?\s*", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no distance: write 40km, 25mi or 500m")
    unit = {"mi": 1.609344, "mile": 1.609344, "miles": 1.609344, "m": 0.001, "metres": 0.001}
    km = float(match[1]) * unit.get(match[2] or "km", 1.0)
    if km > 1_000:
        raise argparse.ArgumentTypeError(f"{text!r} is farther than Great Britain is long")
    return km


def date_of(text: str) -> datetime.date:
    """Read a date written YYYY-MM-DD."""
    try:
        found = datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date: write 2026-01-15") from None
    if not 2000 <= found.year <= 2100:
        raise argparse.ArgumentTypeError(f"{text!r} lies too far from today")
    return found


# ------------------------------------------------------------------ the import


def import_gias(
    file: Path,
    authority: str,
    *,
    within_km: float = 40.0,
    boundary: Path | None = None,
    links: Path | None = None,
    overrides: Path | None = None,
    postcodes: Iterable[Path] = (),
    children: Path | None = None,
    date: datetime.date | None = None,
) -> GiasImport:
    """Turn a GIAS download into the provision tables of one authority.

    Args:
        file: the download, or the archive or folder that holds it.
        authority: three-digit number, GSS code or name of the authority.
        within_km: how far beyond the authority to take provision from, straight.
        boundary: outline of the authority; without it the hull of its own establishments.
        links: the companion download of predecessors and successors.
        overrides: CSV with the columns of :data:`OVERRIDES`.
        postcodes: postcode files, which fill and check coordinates.
        children: ``children_today.csv`` of the authority.
        date: the day that counts as today; by default the date in the file's name.

    Raises:
        InputError: with every problem that makes the input unusable.
    """
    problems = Problems()
    postcode_files = list(postcodes)
    register = _read(file, problems)
    changes = read_overrides(overrides, problems)
    link_rows, link_account = _read_links(links, problems)
    places = read_postcodes(postcode_files, problems) if postcode_files else None
    own_children = _own_children(children, problems)
    problems.raise_if_any()
    today = pd.Timestamp(date or _date_in(register.file) or datetime.date.today())
    choose_authority(register, authority, problems)
    know_overrides(register, changes, problems)
    problems.raise_if_any()
    tidy(register, problems)
    put_on_the_map(register, places, changes)
    outline = find_outline(register, boundary, authority, problems)
    problems.raise_if_any()
    find_years(register, today)
    find_kinds(register)
    find_successors(register, link_rows, link_account)
    choose(register, changes, outline, within_km)
    provisions, estimated = make_provisions(register, changes)
    commissioned = make_places(provisions, estimated, register, changes, own_children, today)
    provisions = apply_overrides(provisions, changes, register)
    problems.raise_if_any()
    establishments = follow_establishments(register, provisions)
    report = register.report
    report.title = f"GIAS import for {register.authority}"
    sum_up(register, provisions, commissioned, within_km, today, boundary is not None)
    for path in (file, boundary, links, overrides, *postcode_files, children):
        if path is not None:
            report.add_input(path)
    report.accounts = [register.account]
    report.accounts += [] if link_account is None else [link_account]
    report.accounts += [] if places is None else list(places.accounts)
    report.warnings = problems.warnings
    register.account.close()
    return GiasImport(provisions, commissioned, establishments, report)


# ------------------------------------------------------------------ files


def _read(file: Path, problems: Problems) -> Register:
    """The columns of the download that are used, as text."""
    sources = csv_sources(file, r"^edubaseall.*\.csv$", problems)
    if len(sources) > 1:
        names = ", ".join(source.member or source.path.name for source in sources[:6])
        remedy = "name the one that begins with edubasealldata."
        problems.error("holds several files.", remedy, file=file.name, value=names)
    problems.raise_if_any()
    (source,) = sources
    rows = CsvRows(source, select(COLUMNS), problems)
    rows.begin(_WHAT, [column.name for column in COLUMNS if column.required])
    found = frozenset(rows.found)
    for one_of, what in (
        (("la_code", "gss", "la_name"), "the authority of an establishment (LA (code))"),
        (("type_code", "type_name"), "its type (TypeOfEstablishment (code))"),
    ):
        if rows.found and not found & set(one_of):
            problems.error(f"has no column for {what}.", "download it again with every column.",
                           file=source.label, row=1)  # fmt: skip
    problems.raise_if_any()
    frame = rows.whole(MOST_ROWS)
    problems.raise_if_any()
    if frame.empty:
        problems.error("has a header and no rows.", "download it again.", file=source.label)
        problems.raise_if_any()
    absent = [column.name for column in COLUMNS if column.name not in found]
    for name in absent:
        if name in WITHOUT:
            headers = next(c.headers for c in COLUMNS if c.name == name)
            problems.warn(
                f"this download has no such column: {WITHOUT[name]}.",
                "download it again if the site offers the column.",
                file=source.label, row=1, column=headers[0],
            )  # fmt: skip
    frame = frame.assign(**{name: pd.Series("", index=frame.index) for name in absent})
    if len(frame) < FULL_DOWNLOAD_ROWS:
        problems.warn(
            f"has {len(frame):,} rows; a full download has about 50,000.",
            "download all establishments; ignore this if you cut the file on purpose.",
            file=source.label,
        )
    frame = frame.assign(reason="", merged="", kept=False, own=False)
    return Register(frame, source.label, source.account, found, problems)


def _date_in(file: str) -> datetime.date | None:
    """The date in the name of a download: edubasealldata20250422.csv."""
    match = re.search(r"(20\d\d)(\d\d)(\d\d)", file)
    if match is None:
        return None
    try:
        return datetime.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def _read_links(path: Path | None, problems: Problems) -> tuple[pd.DataFrame, RowAccount | None]:
    """Predecessors and successors: columns urn, link_urn, link_type, _row."""
    blank = pd.DataFrame({name: pd.Series([], dtype="str") for name in
                          ("urn", "link_urn", "link_type")})  # fmt: skip
    if path is None:
        return blank, None
    what = "the GIAS download of links (links_edubasealldata)"
    wanted = (
        Wanted("urn", ("URN",), True),
        Wanted("link_urn", ("LinkURN", "Link URN"), True),
        Wanted("link_type", ("LinkType (name)", "LinkType"), True),
    )
    sources = csv_sources(path, r"^links.*\.csv$", problems)
    if len(sources) > 1:
        problems.error("holds several files.", "name the one that begins with links.",
                       file=path.name)  # fmt: skip
    if len(sources) != 1:
        return blank, None
    rows = CsvRows(sources[0], select(wanted), problems)
    if not rows.begin(what, [column.name for column in wanted]):
        return blank, None
    return rows.whole(MOST_ROWS), sources[0].account


def _own_children(path: Path | None, problems: Problems) -> pd.Series[float] | None:
    """The authority's own children by provision, from children_today."""
    if path is None:
        return None
    today = read_table("children_today", path, problems)
    return today.groupby("provision")["children"].sum()
