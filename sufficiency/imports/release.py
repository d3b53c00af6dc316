"""What the DfE release "Education, health and care plans" publishes of one authority.

Two layouts are read: the release's own files (one row an authority and breakdown, placements or
needs as columns) and one long table (``la_code, table, year, age, primary_need, placement,
value_published``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import pandas as pd

from sufficiency.imports.account import RowAccount
from sufficiency.imports.files import CsvRows, Source, csv_sources
from sufficiency.problems import Problems, near
from sufficiency.vocabulary import NEEDS

ALL: Final = "all"
UNKNOWN_NEED: Final = "need_unknown"
UNKNOWN_AGE: Final = -1
OTHER: Final = "other_unrecognised"
"""Placements that this version does not know, taken together."""


def header_name(text: str) -> str:
    """Write a header as it is compared: small letters and digits joined by ``_``."""
    return re.sub(r"[^0-9a-z]+", "_", text.casefold()).strip("_")


def every_column(header: Sequence[str]) -> dict[str, int]:
    """Select every column by :func:`header_name`; the first of two of one name."""
    found: dict[str, int] = {}
    for position, text in enumerate(header):
        found.setdefault(header_name(text), position)
    return found


PLACEMENTS: Final[dict[str, tuple[str, str]]] = {
    "mainstream_la_maintained": ("Mainstream - LA maintained", "mainstream"),
    "mainstream_la_maintained_resourced_provision": (
        "Mainstream - LA maintained (resourced provision)", "specialist_base"),
    "mainstream_la_maintained_senunit": (
        "Mainstream - LA maintained (SEN unit)", "specialist_base"),
    "mainstream_academy": ("Mainstream - academy", "mainstream"),
    "mainstream_academy_resourced_provision": (
        "Mainstream - academy (resourced provision)", "specialist_base"),
    "mainstream_academy_senunit": ("Mainstream - academy (SEN unit)", "specialist_base"),
    "mainstream_free_school": ("Mainstream - free school", "mainstream"),
    "mainstream_free_school_resourced_provision": (
        "Mainstream - free school (resourced provision)", "specialist_base"),
    "mainstream_free_school_senunit": ("Mainstream - free school (SEN unit)", "specialist_base"),
    "mainstream_independent": ("Mainstream - independent", "mainstream"),
    "special_la_maintained": ("Special - LA maintained", "state_special"),
    "special_academy_free": ("Special - academy/free schools", "state_special"),
    "special_independent": ("Special - independent", "independent_special"),
    "special_non_maintained": ("Special - non-maintained", "non_maintained_special"),
    "ap_pru_academy": ("AP/PRU - academy", "alternative_provision"),
    "ap_pru_free_school": ("AP/PRU - free school", "alternative_provision"),
    "ap_pru_la_maintained": ("AP/PRU - LA maintained", "alternative_provision"),
    "general_fe_tertiary_colleges": (
        "FE - general FE and tertiary colleges", "further_education"),
    "specialist_post_16_institutions": (
        "FE - specialist post-16 institutions", "specialist_post_16"),
    "ukrlp_provider": ("FE - UKRLP provider", "further_education"),
    "elective_home_education": (
        "Educated elsewhere - elective home education", "educated_elsewhere"),
    "other_arrangements_la": (
        "Educated elsewhere - other arrangements by LA", "educated_elsewhere"),
    "other_arrangements_parents": (
        "Educated elsewhere - other arrangements by parents", "educated_elsewhere"),
    "online_provider": ("Educated elsewhere - online provider", "educated_elsewhere"),
    "w_settings": ("Educated elsewhere - Welsh establishment", "educated_elsewhere"),
    "other_schools": (
        "Educated elsewhere - other schools and establishments", "educated_elsewhere"),
    "other_placement_settings": (
        "Educated elsewhere - other placement settings", "educated_elsewhere"),
    "neet": ("Educated elsewhere - NEET", "educated_elsewhere"),
    "neet_ntci": (
        "Educated elsewhere - not in education or training (notice to cease issued)",
        "educated_elsewhere"),
    "neet_other": (
        "Educated elsewhere - not in education or training (other)", "educated_elsewhere"),
    "neet_other_csa": (
        "Educated elsewhere - not in education or training (compulsory school age)",
        "educated_elsewhere"),
    "nm_early_years": ("Non-maintained early years", "mainstream"),
    "placement_unknown": ("Placement not recorded", "educated_elsewhere"),
    "await_prov_2022": ("Awaiting provision (to 2022)", "educated_elsewhere"),
    "perm_ex_2022": ("Permanently excluded (to 2022)", "educated_elsewhere"),
    OTHER: ("Placements that this version does not know", "educated_elsewhere"),
}  # fmt: skip
"""Placement of the release by column: its label in the table of needs, and the kind of provision.

Kinds are atoms here: non-maintained special schools stand apart, and resourced provision and SEN
units are specialist bases. An early years setting counts as mainstream. Where a placement is not
recorded the child is counted as educated elsewhere: nobody knows that there is a place.
"""

GROUPS: Final[dict[str, str]] = {
    "mainstream_total": "mainstream_",
    "special_total": "special_",
    "ap_pru_total": "ap_pru_",
    "fe_total": "fe",
    "ed_elsewhere": "elsewhere",
    "educated_elsewhere_total": "elsewhere",
}
IN_GROUP: Final[dict[str, tuple[str, ...]]] = {
    "fe": ("general_fe_tertiary_colleges", "specialist_post_16_institutions", "ukrlp_provider"),
    "elsewhere": ("elective_home_education", "other_arrangements_la",
                  "other_arrangements_parents", "online_provider", "w_settings", "other_schools",
                  "other_placement_settings", "neet", "neet_ntci", "neet_other",
                  "neet_other_csa"),
}  # fmt: skip

_CODE_OF_LABEL: Final[dict[str, str]] = {
    **{header_name(label): code for code, (label, _) in PLACEMENTS.items()},
    **{code: code for code in PLACEMENTS},
    "special_academy_free_school": "special_academy_free",
}

_AGE_TOPIC: Final = "child_or_young_persons_age"
_PLACEMENT_TOPIC: Final = "type_of_placement"

OLDEST: Final = 20
"""New and ceased plans of this age and over are published as one number, kept at this age."""

LOW_AT_MOST: Final = 4
"""``low`` stands for a count that rounds to nothing; children, at most (judgement)."""


def kind_of_placement(placement: str) -> str:
    """Kind of provision for a placement code of the release; educated_elsewhere where unknown."""
    return PLACEMENTS.get(placement, PLACEMENTS[OTHER])[1]


class Fact(NamedTuple):
    """One published number: children of an age, need and placement, or of all of them.

    ``age`` is 2 (under 3) to 25, -1 where unknown, or ``all``; ``need`` a code of the release in
    capitals or ``all``; ``placement`` a code, a group such as ``special_total``, or ``all``. The
    count lies between ``low`` and ``high``; ``symbol`` is what stood there instead of a number.
    """

    age: int | str
    need: str
    placement: str
    low: float
    high: float
    symbol: str
    file: str
    row: int

    @property
    def exact(self) -> bool:
        """Whether a count is published."""
        return self.low == self.high


@dataclass
class Release:
    """What the release says of one authority.

    Attributes:
        january: the year of the January to which the counts refer; the academic year is the one
            that began in the year before.
        facts: the published numbers of that January.
        plans: children with a plan by age, by January.
        new_plans, ceased: new plans, and ceased plans without transfers to another authority, by
            age, by calendar year.
        accounts: rows by file.
        authority: its name as published.
    """

    january: int
    facts: list[Fact]
    plans: dict[int, dict[int, float]]
    new_plans: dict[int, dict[int, float]]
    ceased: dict[int, dict[int, float]]
    accounts: list[RowAccount]
    authority: str = ""


def parse_count(text: str, whole: float | None = None) -> tuple[float, float, str]:
    """Read a published count: the least and the most that it can be, and the symbol that stood.

    ``z`` (not applicable) is nought. ``x`` (unavailable), ``c`` (confidential), ``u``
    (unreliable), ``..``, ``:`` and a blank say nothing. ``low`` rounds to nought: at most
    LOW_AT_MOST. A percentage is a share of ``whole``, to half of its last digit.

    Raises:
        ValueError: the text is neither a number of children nor one of these.
    """
    cell = " ".join(text.split()).casefold()
    if cell in ("", "x", "c", "u", "..", ".", ":", "*"):
        return 0.0, math.inf, cell or "blank"
    if cell == "z":
        return 0.0, 0.0, "z"
    if cell in ("low", "~"):
        return 0.0, float(LOW_AT_MOST), "low"
    plain = cell.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?%?", cell) else cell
    match = re.fullmatch(r"(\d+)(?:\.(\d+))?(%?)", plain)
    if match is None:
        raise ValueError(text)
    number = float(plain.rstrip("%"))
    if match[3]:
        if whole is None or not math.isfinite(whole):
            return 0.0, math.inf, "%"
        half = 0.5 * 10.0 ** -len(match[2] or "")
        low = max(0.0, math.ceil((number - half) * whole / 100 - 1e-9))
        high = math.floor((number + half) * whole / 100 + 1e-9)
        return low, max(low, high), "%"
    if number != math.floor(number):
        raise ValueError(text)
    return number, number, ""


@dataclass
class _Reader:
    """Collects what the files of a folder say of one authority."""

    authority: str
    problems: Problems
    facts: dict[int, list[Fact]] = field(default_factory=dict)
    new_plans: dict[int, dict[int, float]] = field(default_factory=dict)
    ceased: dict[int, dict[int, float]] = field(default_factory=dict)
    accounts: list[RowAccount] = field(default_factory=list)
    rate_rows: dict[tuple[str, int], int] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    known: dict[str, str] = field(default_factory=dict)

    def is_wanted(self, *identifiers: str) -> bool:
        """Whether a row is of the authority; remembers the others for a hint."""
        wanted = self.authority.casefold()
        named = [text for text in identifiers if text]
        for text in named:
            self.known.setdefault(text.casefold(), text)
        return any(text.casefold() == wanted for text in named)

    def count(self, text: str, column: str, file: str, row: int, whole: float | None
              ) -> tuple[float, float, str]:  # fmt: skip
        """A count; an error, and nothing known, where it is none."""
        try:
            return parse_count(text, whole)
        except ValueError:
            self.problems.error(
                "is no count and none of the symbols z, x, c, u and low.",
                "download the file again; percentages end in %.",
                file=file, row=row, column=column, value=text,
            )  # fmt: skip
            return 0.0, math.inf, "?"

    def add(self, january: int, fact: Fact) -> None:
        """Note a fact."""
        self.facts.setdefault(january, []).append(fact)


def read_release(
    folder: Path, authority: str, problems: Problems, *, january: int | None = None
) -> Release | None:
    """Read what the files of a folder publish of one authority.

    Args:
        folder: holds the release's CSV files, in folders of their own perhaps, or a long table;
            or one such file.
        authority: its nine-character code, its three-digit code or its name; England has
            E92000001.
        problems: takes errors and warnings.
        january: the January wanted (2025 is the academic year 2024/25); the last one in which the
            counts of two breakdowns are published where None.

    Returns:
        The release, or None after an error.
    """
    before = len(problems.errors)
    reader = _Reader(authority.strip(), problems)
    for source in _sources(folder, problems):
        found = CsvRows(source, every_column, problems)
        if not found.begin("a file of the release", []):
            continue
        rows = found.whole().set_index("_row")
        reader.accounts.append(source.account)
        _read_file(reader, rows, source.label, source.account)
    if len(problems.errors) > before:
        return None
    if not reader.names:
        hint = near(reader.authority, reader.known.values())
        problems.error(
            f"no row is of this authority{hint}",
            "give its code as in the column new_la_code, such as E10000008, or its name.",
            file=str(folder.name),
            column="authority",
            value=reader.authority,
        )
        return None
    return _release(reader, folder.name, january)


def _sources(folder: Path, problems: Problems) -> list[Source]:
    """CSV files of a folder and the folders in it, of an archive, or the file itself."""
    if not folder.is_dir():
        return csv_sources(folder, "", problems)
    found = sorted(p for p in folder.rglob("*.csv") if not p.name.startswith("."))
    if not found:
        problems.error("holds no CSV file.", "unpack the release into it.", file=folder.name)
    return [source for path in found for source in csv_sources(path, "", problems)]


def _read_file(reader: _Reader, rows: pd.DataFrame, file: str, account: RowAccount) -> None:
    """Sort a file by its header and read it."""
    columns = set(rows.columns)
    if {"la_code", "table", "year", "value_published"} <= columns:
        _read_long(reader, rows, file, account)
        return
    wide = {"time_period", "geographic_level", "breakdown_topic", "breakdown"}
    if not wide <= columns:
        account.exclude("the file is none of those of the release", len(rows))
        reader.problems.warn(
            "is no file of the release and was not read.",
            "leave only the files on caseload, needs, new plans and ceased plans in the folder.",
            file=file,
        )
        return
    if "ehcplans" in columns:
        _read_wide(reader, rows, file, account, _caseload)
    elif "number_asd" in columns:
        _read_wide(reader, rows, file, account, _needs)
    elif "new_ehc_plans" in columns:
        _read_wide(reader, rows, file, account, _new_plans)
    elif "total_ceased" in columns:
        _read_wide(reader, rows, file, account, _ceased)
    else:
        account.exclude("the file counts what children today do not ask for", len(rows))


def _age(label: str) -> int | None:
    """Age on 31 August before: ``age 10`` is 10, ``under 3`` and ``age 2 and under`` are 2."""
    text = label.casefold().strip()
    if match := re.fullmatch(r"age (\d+)", text):
        return int(match[1])
    if text in ("under 3", "age 2 and under", "age under 3"):
        return 2
    if text in ("age unknown", "unknown", "unknown age", "age not recorded"):
        return UNKNOWN_AGE
    return None


_ReadRow = Callable[[_Reader, Mapping[str, str], int, str, int], str]
"""Takes the reader, a row's cells, its year, the file and the row; gives why it is not used."""


def _read_wide(
    reader: _Reader, rows: pd.DataFrame, file: str, account: RowAccount, read: _ReadRow
) -> None:
    """Read the rows of the authority in a file of the release; account for all of them."""
    ids = [c for c in ("country_code", "country_name", "new_la_code", "old_la_code", "la_name")
           if c in rows]  # fmt: skip
    for row, cells in zip(rows.index, rows.to_dict("records"), strict=True):
        cell = {str(name): str(value) for name, value in cells.items()}
        level = cell["geographic_level"].casefold()
        national = level == "national"
        local = level == "local authority"
        own = [cell[c] for c in ids if c.startswith("country") == national]
        if not (national or local) or not reader.is_wanted(*own):
            account.exclude("another authority, region or the country")
            continue
        period = re.fullmatch(r"(\d{4})(\d{2})?", cell["time_period"])
        if period is None:
            reader.problems.error("is no period such as 202425 or 2024.", "download it again.",
                                  file=file, row=int(row), column="time_period",
                                  value=cell["time_period"])  # fmt: skip
            account.exclude("the period cannot be read")
            continue
        reader.names.add(own[-1] or own[0])
        # An academic year is counted in its January; a calendar year stands for itself.
        year = int(period[1]) + (period[2] is not None)
        reason = read(reader, cell, year, file, int(row))
        if reason:
            account.exclude(reason)
        else:
            account.used += 1


def _topic(cell: Mapping[str, str]) -> str:
    return header_name(cell["breakdown_topic"].replace("'", "").replace("\u2019", ""))


def _not_used(cell: Mapping[str, str]) -> str:
    return f"a breakdown that children today do not ask for ({cell['breakdown_topic']})"


def _caseload(reader: _Reader, cell: Mapping[str, str], year: int, file: str, row: int) -> str:
    """A row of the caseload: children by placement, of all ages or of one."""
    topic = _topic(cell)
    age: int | str | None = ALL if topic.startswith("all_") else None
    if topic == _AGE_TOPIC:
        age = _age(cell["breakdown"])
        if age is None:
            return "an age that adds others up"
    if age is None:
        return _not_used(cell)
    low, high, symbol = reader.count(cell["ehcplans"], "ehcplans", file, row, None)
    reader.add(year, Fact(age, ALL, ALL, low, high, symbol, file, row))
    whole = low if low == high else None
    for column in list(cell)[list(cell).index("ehcplans") + 1 :]:
        if column.endswith("_pc"):
            continue
        code = column if column in GROUPS else _CODE_OF_LABEL.get(column, OTHER)
        low, high, symbol = reader.count(cell[column], column, file, row, whole)
        if code in ("await_prov_2022", "perm_ex_2022", OTHER) and symbol == "x":
            low = high = 0.0  # not a placement of this year
        reader.add(year, Fact(age, ALL, code, low, high, symbol, file, row))
    return ""


def _needs(reader: _Reader, cell: Mapping[str, str], year: int, file: str, row: int) -> str:
    """A row of needs: children by need, all of them, of one age or in one placement."""
    topic = _topic(cell)
    age: int | str | None = ALL
    placement = ALL
    if topic == _AGE_TOPIC:
        age = _age(cell["breakdown"])
    elif topic == _PLACEMENT_TOPIC:
        placement = _placement(cell["breakdown"])
    elif not topic.startswith("all_"):
        return _not_used(cell)
    if age is None:
        return "an age that adds others up"
    whole = None
    if "ehc_plans" in cell:
        low, high, symbol = reader.count(cell["ehc_plans"], "ehc_plans", file, row, None)
        reader.add(year, Fact(age, ALL, placement, low, high, symbol, file, row))
        whole = low if low == high else None
    for column, text in cell.items():
        if not column.startswith("number_"):
            continue
        need = column[7:].upper()
        if need not in NEEDS:
            need = UNKNOWN_NEED
        low, high, symbol = reader.count(text, column, file, row, whole)
        if need == "DS" and symbol == "x":
            low = high = 0.0  # counted apart from 2026 on; before, in OTH
        reader.add(year, Fact(age, need, placement, low, high, symbol, file, row))
    return ""


def _placement(label: str) -> str:
    name = header_name(label)
    if name in GROUPS:
        return name
    return _CODE_OF_LABEL.get(name, OTHER)


def _by_age(
    reader: _Reader,
    cell: Mapping[str, str],
    year: int,
    file: str,
    row: int,
    topic: str,
    into: dict[int, dict[int, float]],
    add: str,
    less: str = "",
) -> str:
    if _topic(cell) != topic:
        return _not_used(cell)
    breakdown = cell["breakdown"]
    age = OLDEST if header_name(breakdown) == f"age_{OLDEST}_and_over" else _age(breakdown)
    if age is None or age == UNKNOWN_AGE:
        return "an age that adds others up, or is unknown"
    low, high, _ = reader.count(cell[add], add, file, row, None)
    if less in cell:
        minus = reader.count(cell[less], less, file, row, None)
        low, high = low - minus[0], high - minus[1]
    if low != high or not math.isfinite(low):
        return "the count is not published"
    into.setdefault(year, {})[age] = max(low, 0.0)
    reader.rate_rows[file, row] = year
    return ""


def _new_plans(reader: _Reader, cell: Mapping[str, str], year: int, file: str, row: int) -> str:
    return _by_age(reader, cell, year, file, row, "age_when_plan_started", reader.new_plans,
                   "new_ehc_plans")  # fmt: skip


def _ceased(reader: _Reader, cell: Mapping[str, str], year: int, file: str, row: int) -> str:
    return _by_age(reader, cell, year, file, row, "age_plan_ceased", reader.ceased,
                   "total_ceased", "transfer")  # fmt: skip


_LONG_TABLES: Final[dict[str, tuple[bool, bool, bool]]] = {
    "caseload_total": (False, False, False),
    "caseload_by_age": (True, False, False),
    "caseload_by_need": (False, True, False),
    "caseload_by_placement": (False, False, True),
    "caseload_by_placement_group": (False, False, True),
    "caseload_by_age_placement": (True, False, True),
    "caseload_by_age_need": (True, True, False),
    "caseload_by_need_placement": (False, True, True),
}
"""Tables of the long layout and whether age, need and placement tell their rows apart."""


def _read_long(reader: _Reader, rows: pd.DataFrame, file: str, account: RowAccount) -> None:
    """Read the long layout; account for all of its rows."""
    for row, cells in zip(rows.index, rows.to_dict("records"), strict=True):
        cell = {str(name): str(value) for name, value in cells.items()}
        if not reader.is_wanted(cell["la_code"], cell.get("la_name", "")):
            account.exclude("another authority")
            continue
        reader.names.add(cell.get("la_name") or cell["la_code"])
        by = _LONG_TABLES.get(cell["table"])
        if by is None:
            account.exclude(f"a table that children today do not ask for ({cell['table']})")
            continue
        if not re.fullmatch(r"\d{4}", cell["year"]):
            reader.problems.error("is no year such as 2025.", "export it again.", file=file,
                                  row=int(row), column="year", value=cell["year"])  # fmt: skip
            account.exclude("the year cannot be read")
            continue
        age: int | str | None = _age(cell.get("age", "")) if by[0] else ALL
        need = cell.get("primary_need", "").upper() if by[1] else ALL
        if need != ALL and need not in NEEDS:
            need = UNKNOWN_NEED
        placement = _placement(cell.get("placement", "")) if by[2] else ALL
        if age is None:
            account.exclude("an age that adds others up")
            continue
        text = cell["value_published"]
        low, high, symbol = reader.count(text, "value_published", file, int(row), None)
        if need == "DS" and symbol == "x":
            low = high = 0.0
        reader.add(int(cell["year"]), Fact(age, need, placement, low, high, symbol, file, int(row)))
        account.used += 1


def _shape(fact: Fact) -> tuple[bool, bool, bool]:
    return fact.age != ALL, fact.need != ALL, fact.placement not in (ALL, *GROUPS)


def _release(reader: _Reader, name: str, january: int | None) -> Release | None:
    """The facts of one January, repeated ones once; the others accounted for as another year."""
    problems = reader.problems
    two_way = {(True, False, True), (True, True, False), (False, True, True)}
    found = {
        year: {_shape(f) for f in facts if f.exact and f.high > 0} & two_way
        for year, facts in reader.facts.items()
    }
    whole = [year for year, shapes in found.items() if len(shapes) >= 2]
    if january is None:
        january = max(whole, default=None)
    if january is None or january not in whole:
        wanted = "a January" if january is None else f"January {january}"
        problems.error(
            f"has no counts by age and placement and by need for {wanted}"
            + (
                f"; it has them for January {', '.join(map(str, sorted(whole)))}." if whole else "."
            ),
            "put the release's files on caseload and on needs into the folder"
            + (", or ask for another --year." if whole else "."),
            file=name,
        )
        return None
    if found[january] != two_way:
        problems.warn(
            "one of the three breakdowns (age by placement, age by need, need by placement) is "
            "not published; the joint count rests on the other two.",
            "add the file if there is one.",
            file=name,
        )
    kept: dict[tuple[int | str, str, str], Fact] = {}
    other: dict[tuple[str, int], int] = {}
    rates = bool(reader.rate_rows)
    for year, facts in reader.facts.items():
        for fact in facts:
            # Children by age of the January before are what rates are counted on.
            before = rates and year == january - 1 and fact.age != ALL and fact.need == ALL
            if year != january and not before:
                other[fact.file, fact.row] = year
    other.update({at: year for at, year in reader.rate_rows.items() if year != january - 1})
    for fact in reader.facts[january]:
        key = (fact.age, fact.need, fact.placement)
        former = kept.get(key)
        adds_up = fact.placement == OTHER or fact.need == UNKNOWN_NEED
        if former is not None and adds_up and former.file == fact.file:
            kept[key] = former._replace(low=former.low + fact.low, high=former.high + fact.high)
            continue
        if former is not None and former.exact and fact.exact and former.low != fact.low:
            problems.warn(
                f"two files disagree; {former.low:,.0f} in {former.file}, row {former.row} stays.",
                "leave the files of one release in the folder.",
                file=fact.file, row=fact.row, value=f"{fact.low:,.0f}",
            )  # fmt: skip
            continue
        if former is None or (fact.exact and not former.exact):
            kept[key] = fact
    for account in reader.accounts:
        rows = sum(1 for file, _ in other if file == account.file)
        account.used -= rows
        account.exclude("another year", rows)
    plans: dict[int, dict[int, float]] = {}
    for year, facts in reader.facts.items():
        for fact in facts:
            if fact.need == ALL and fact.placement == ALL and fact.age != ALL and fact.exact:
                plans.setdefault(year, {})[int(fact.age)] = fact.low
    return Release(
        january,
        sorted(kept.values(), key=lambda f: (str(f.age), f.need, f.placement)),
        plans,
        reader.new_plans,
        reader.ceased,
        reader.accounts,
        ", ".join(sorted(reader.names)),
    )
