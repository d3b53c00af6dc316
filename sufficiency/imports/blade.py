"""The SEN2 person-level return as COLLECT exports it: nine CSV files, one a module ("Blade").

Names, ethnicity and the authority's own identifiers are never read. What is read stays in this
process: no message, no file and no ``repr`` shows the content of a cell.

Source of the layout: DfE, special educational needs person level survey, technical specification
1.0 to 1.3. Columns that changed: ``gendercurrent`` became ``sex`` and residential and work-based
placement moved from the active plan to the placement (1.2); ``requestsource``, ``reviewdraft``,
``phasetransferduedate``, ``phasetransferfinaldate`` and ``dsco`` came with 1.3.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from sufficiency.imports.account import RowAccount
from sufficiency.imports.files import CsvRows, Source, Wanted, plain, select
from sufficiency.problems import Problems
from sufficiency.tables.reading import unusable


@dataclass(frozen=True)
class Module:
    """One file of the return.

    Attributes:
        name: as it ends the file's name.
        title: in words, with its number in the return.
        key: its identifier column; parent: the module of which it holds the identifier.
        required: columns without which it cannot be used.
        columns: the other columns that are read, perhaps with older spellings.
        dates: those of them that hold dates.
        needed: the return cannot be used without this file.
    """

    name: str
    title: str
    key: str
    parent: str
    required: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    dates: tuple[str, ...] = ()
    needed: bool = True


def _same(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in names}


_ESTABLISHMENT: Final = ("urn", "ukprn", "sensetting", "placementrank", "senunitindicator",
                         "resourcedprovisionindicator")  # fmt: skip

MODULES: Final[dict[str, Module]] = {
    module.name: module
    for module in (
        Module("sen2", "0 SEN2", "sen2tableid", "", (), _same("year", "referencedate", "lea"),
               ("referencedate",), False),
        Module("person", "1 Person", "persontableid", "", ("personbirthdate",),
               {**_same("personbirthdate", "postcode", "upn", "uniquelearnernumber", "upnunknown"),
                "sex": ("sex", "gendercurrent", "gender")},
               ("personbirthdate",)),
        Module("requests", "2 Requests", "requeststableid", "person", (),
               _same("receiveddate", "requestoutcomedate", "requestoutcome", "requestsource"),
               ("receiveddate", "requestoutcomedate")),
        Module("assessment", "3 Assessment", "assessmenttableid", "requests", (),
               _same("assessmentoutcomedate"), ("assessmentoutcomedate",)),
        Module("namedplan", "4a Named plan", "namedplantableid", "assessment",
               ("startdate", "ceasedate"), _same("startdate", "ceasedate", "ceasereason"),
               ("startdate", "ceasedate")),
        Module("plandetail", "4b Plan detail", "plandetailtableid", "namedplan", (),
               _same(*_ESTABLISHMENT), (), False),
        Module("activeplans", "5a Active plans", "activeplanstableid", "requests", (),
               {**_same("transferla", "lastreview", "reviewmeeting", "phasetransferduedate",
                        "wbp"),
                "res": ("res", "residentialsettings")},
               ("lastreview", "reviewmeeting", "phasetransferduedate")),
        Module("placementdetail", "5b Placement detail", "placementdetailtableid", "activeplans",
               ("urn", "sensetting", "placementrank", "entrydate", "leavingdate"),
               {**_same(*_ESTABLISHMENT, "entrydate", "leavingdate"),
                "res": ("res", "residentialsettings"), "wbp": ("wbp",),
                "attendancepattern": ("attendancepattern",)},
               ("entrydate", "leavingdate")),
        Module("senneed", "5c SEN need", "senneedtableid", "activeplans",
               ("sentype", "sentyperank"), _same("sentype", "sentyperank")),
    )
}  # fmt: skip
"""The modules, parents before children."""

SEN_SETTINGS: Final[dict[str, str]] = {
    "OLA": "Other arrangements by the authority (section 61)",
    "OPA": "Other arrangements by the parent or young person",
    "EHE": "Elective home education",
    "EYP": "Early years provider without a URN",
    "OTH": "A type of setting is specified, none is named",
    "NEET": "Not in education, employment or training, 16 to 25",
    "NIEC": "Not in education or training, notice to cease issued",
    "NIEO": "Not in education or training, other",
}
"""Settings without a URN. Source: DfE, guide to the person level SEN2 return, item 5.7c."""

_MONTHS: Final = {
    month: number
    for number, month in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_YES: Final = ("true", "1", "y", "yes", "t")
_NO: Final = ("false", "0", "n", "no", "f")


@dataclass(repr=False)
class Return:
    """The modules of one return, in memory only.

    Attributes:
        frames: by module: ``key``, ``parent``, the columns read and ``_row``; dates as Timestamps
            (NaT = blank or unreadable), flags as "yes", "no" or "".
        present: by module, the columns that the file has.
        unreadable: by module and column of dates, which rows hold something that is no date.
        accounts: by module.
        version: "1.0 or 1.1", "1.2" or "1.3", told from the columns.
        optional_missing: modules that are not there and not needed.
    """

    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    present: dict[str, set[str]] = field(default_factory=dict)
    unreadable: dict[tuple[str, str], npt.NDArray[np.bool_]] = field(default_factory=dict)
    accounts: dict[str, RowAccount] = field(default_factory=dict)
    version: str = ""
    optional_missing: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<SEN2 return, {len(self.frames)} modules; content not shown>"


def read_return(folder: Path, problems: Problems) -> Return | None:
    """Read the nine files of a Blade export.

    Args:
        folder: holds files whose names end in ``_person.csv`` and so on, of one export.
        problems: takes the reasons why the return cannot be used.

    Returns:
        The return, or None after an error.
    """
    before = len(problems.errors)
    paths = _files(folder, problems)
    if len(problems.errors) > before:
        return None
    result = Return()
    for name, path in paths.items():
        _read_module(MODULES[name], path, result, problems)
    if len(problems.errors) > before:
        return None
    missing = tuple(name for name in MODULES if name not in paths)
    result.optional_missing = missing
    for name in missing:
        problems.warn(
            f"module {MODULES[name].title} is missing; it is not needed, but its checks are left "
            "out.",
            f"export it too (a file that ends in _{name}.csv).",
            file=folder.name,
        )
        result.frames[name] = _empty(MODULES[name])
        result.present[name] = set()
    result.version = _version(result.present)
    return result


def _files(folder: Path, problems: Problems) -> dict[str, Path]:
    """The file of each module, all of one export."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        problems.error(f"{what}; the Blade export is a folder of nine files.",
                       "unpack the export and give its folder.", file=folder.name)  # fmt: skip
        return {}
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in (".csv", ".txt") or path.name.startswith("."):
            continue
        ending = plain(path.stem.rsplit("_", 1)[-1])
        if ending in MODULES:
            found.setdefault(ending, []).append(path)
    if not found:
        problems.error(
            "holds no file of a Blade export.",
            f"its files end in {', '.join(f'_{name}.csv' for name in MODULES)}.",
            file=folder.name,
        )
        return {}
    for name, paths in found.items():
        if len(paths) > 1:
            problems.error(
                f"holds {len(paths)} files of the module {MODULES[name].title}.",
                "keep the files of one export in the folder.",
                file=folder.name,
            )
    for name, module in MODULES.items():
        if name not in found and module.needed:
            problems.error(
                f"the module {module.title} is missing.",
                f"export all nine modules; this one's file ends in _{name}.csv.",
                file=folder.name,
            )
    return {name: found[name][0] for name in MODULES if name in found}


def _empty(module: Module) -> pd.DataFrame:
    frame = pd.DataFrame({"_row": pd.Series([], dtype="int64")})
    for column in ("key", "parent", *module.columns):
        frame[column] = pd.Series([], dtype="str")
    for column in module.dates:
        frame[column] = pd.Series([], dtype="datetime64[s]")
    return frame


def _read_module(module: Module, path: Path, result: Return, problems: Problems) -> None:
    """Read one module; a file without rows is allowed where no child need stand in it."""
    source = Source(path)
    result.accounts[module.name] = source.account
    if unusable(path, problems):
        return
    wanted = [Wanted("key", (module.key,), True)]
    if module.parent:
        wanted.append(Wanted("parent", (MODULES[module.parent].key,), True))
    wanted += [Wanted(name, spellings) for name, spellings in module.columns.items()]
    rows = CsvRows(source, select(wanted), _Discreet(problems))
    what = f"module {module.title} of a Blade export"
    required = [*(w.name for w in wanted if w.required), *module.required]
    if not rows.begin(what, required):
        return
    frame = rows.whole()
    if frame.empty and module.name in ("person", "requests", "activeplans"):
        problems.error("has no rows.", "export it again.", file=path.name)
        return
    result.present[module.name] = set(rows.found)
    typed = pd.DataFrame({"_row": frame["_row"]})
    for column in ("key", "parent", *module.columns):
        cells = frame[column] if column in frame else pd.Series("", index=frame.index, dtype="str")
        if column in module.dates:
            dates, wrong = parse_dates(cells)
            typed[column] = dates
            result.unreadable[module.name, column] = wrong
        elif column.endswith("indicator"):
            typed[column] = _flags(cells)
        else:
            typed[column] = cells.fillna("")
    result.frames[module.name] = typed


class _Discreet(Problems):
    """A collector that forgets the content of cells before it passes a problem on."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(problems.errors, problems.warnings)

    def error(self, message: str, remedy: str, **where: object) -> None:
        """Note an error without a value."""
        super().error(_without_guess(message), remedy, **_without_value(where))

    def warn(self, message: str, remedy: str, **where: object) -> None:
        """Note a warning without a value."""
        super().warn(_without_guess(message), remedy, **_without_value(where))


def _without_value(where: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in where.items() if name != "value"}


def _without_guess(message: str) -> str:
    """A message without "did you mean": what is taken for a header may be a child's row."""
    return re.sub(r"; did you mean .*\?$", ".", message)


def parse_dates(cells: pd.Series[str]) -> tuple[pd.Series[pd.Timestamp], npt.NDArray[np.bool_]]:
    """Read dates as COLLECT and spreadsheets write them.

    ``2025-Jan-16 00:00:00``, ``2025-01-16``, ``16/01/2025``, ``16-Jan-2025``. The second result
    marks cells that hold something else.
    """
    codes, texts = pd.factorize(cells)
    found = [_date(str(text)) for text in texts]
    wrong = np.array([text != "" and date is None for text, date in zip(texts, found, strict=True)],
                     dtype=bool)  # fmt: skip
    values = pd.to_datetime(pd.Series([*found, None], dtype="object"), errors="coerce")
    dates = pd.Series(values.to_numpy(dtype="datetime64[s]")[codes], index=cells.index)
    return dates, np.append(wrong, False)[codes]


def _date(text: str) -> datetime.date | None:
    part = re.sub(r"[ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?Z?$", "", text.strip())
    for pattern, order in (
        (r"(\d{4})-(\d{1,2}|[A-Za-z]{3})-(\d{1,2})", (1, 2, 3)),
        (r"(\d{1,2})[/-](\d{1,2}|[A-Za-z]{3})[/-](\d{4})", (3, 2, 1)),
    ):
        match = re.fullmatch(pattern, part)
        if match is None:
            continue
        month = match[order[1]].lower()
        number = _MONTHS.get(month, 0) if not month.isdigit() else int(month)
        try:
            return datetime.date(int(match[order[0]]), number, int(match[order[2]]))
        except ValueError:
            return None
    return None


def _flags(cells: pd.Series[str]) -> pd.Series[str]:
    lower = cells.str.casefold()
    flags = pd.Series("", index=cells.index, dtype="str")
    flags[lower.isin(_YES)] = "yes"
    flags[lower.isin(_NO)] = "no"
    flags[~lower.isin((*_YES, *_NO, ""))] = "?"
    return flags


def _version(present: Mapping[str, set[str]]) -> str:
    """The version of the return, told from the columns that came with it."""
    if "requestsource" in present.get("requests", set()) or (
        "phasetransferduedate" in present.get("activeplans", set())
    ):
        return "1.3"
    if "res" in present.get("placementdetail", set()):
        return "1.2"
    return "1.0 or 1.1"


def third_thursday(year: int) -> datetime.date:
    """The census date of a year: the third Thursday of January."""
    first = datetime.date(year, 1, 1)
    return first + datetime.timedelta(days=(3 - first.weekday()) % 7 + 14)


def census_date(
    returned: Return, asked: datetime.date | None, problems: Problems, folder: str
) -> datetime.date | None:
    """The day on which placements are counted.

    The day asked for; else the reference date of the return, where it lies in January; else the
    third Thursday of January of its year.
    """
    if asked is not None:
        return asked
    frame = returned.frames["sen2"]
    if len(frame):
        reference = frame["referencedate"].iloc[0]
        year = str(frame["year"].iloc[0])
        if pd.notna(reference) and reference.month == 1:
            return datetime.date(reference.year, reference.month, reference.day)
        if re.fullmatch(r"20\d\d", year):
            day = third_thursday(int(year))
            if pd.notna(reference):
                problems.warn(
                    f"the reference date lies outside January; {day:%d %B %Y} is used.",
                    "give --census-date if the placements of another day are meant.",
                    file=folder, column="referencedate",
                )  # fmt: skip
            return day
    problems.error(
        "the return does not say its census date (module 0 SEN2 is missing or blank).",
        "give --census-date, the third Thursday of January.",
        file=folder,
    )
    return None


def account_for(
    account: RowAccount, frame: pd.DataFrame, used: Sequence[int], reasons: pd.Series[str],
    merged: pd.Series[str] | None = None,
) -> None:  # fmt: skip
    """Close the account of a module.

    Args:
        account: of the module.
        frame: its rows.
        used: positions of the rows that became part of a child who is counted.
        reasons: by row, why it is left out.
        merged: by row, how it was joined to another; "" where it was not.
    """
    is_used = np.zeros(len(frame), dtype=bool)
    is_used[list(used)] = True
    account.used += int(is_used.sum())
    rest = ~is_used
    if merged is not None:
        joined = rest & merged.ne("").to_numpy()
        for reason, rows in merged[joined].value_counts().items():
            account.merge(str(reason), int(rows))
        rest &= ~joined
    for reason, rows in reasons[rest].value_counts().items():
        account.exclude(str(reason), int(rows))
