"""What a record of an establishment means: kind, year groups, needs, dates, succession.

The codes are those of Get Information about Schools (GIAS). Nothing here reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sufficiency.imports.files import plain
from sufficiency.vocabulary import HIGHEST_YEAR_GROUP, LOWEST_YEAR_GROUP, NEEDS

HOST: Final = "mainstream"
"""Kind of an establishment that becomes a provision only through its base."""

NOT_SPECIALIST: Final = "an independent school without evidence of special provision"
UNKNOWN_TYPE: Final = "a type of establishment that is not known"
_OVERSEAS = "outside England"
_SECURE = "a secure establishment"
_HIGHER = "a university"

TYPES: Final[dict[int, tuple[str, str, str]]] = {
    1: ("Community school", HOST, ""),
    2: ("Voluntary aided school", HOST, ""),
    3: ("Voluntary controlled school", HOST, ""),
    5: ("Foundation school", HOST, ""),
    6: ("City technology college", HOST, ""),
    7: ("Community special school", "state_special", ""),
    8: ("Non-maintained special school", "non_maintained_special", ""),
    10: ("Other independent special school", "independent_special", ""),
    11: ("Other independent school", "", NOT_SPECIALIST),
    12: ("Foundation special school", "state_special", ""),
    14: ("Pupil referral unit", "alternative_provision", ""),
    15: ("Local authority nursery school", HOST, ""),
    18: ("Further education", "further_education", ""),
    24: ("Secure units", "", _SECURE),
    25: ("Offshore schools", "", _OVERSEAS),
    26: ("Service children's education", "", _OVERSEAS),
    27: ("Miscellaneous", "", "an establishment of a miscellaneous type"),
    28: ("Academy sponsor led", HOST, ""),
    29: ("Higher education institutions", "", _HIGHER),
    30: ("Welsh establishment", "", _OVERSEAS),
    31: ("Sixth form centres", HOST, ""),
    32: ("Special post 16 institution", "specialist_post_16", ""),
    33: ("Academy special sponsor led", "state_special", ""),
    34: ("Academy converter", HOST, ""),
    35: ("Free schools", HOST, ""),
    36: ("Free schools special", "state_special", ""),
    37: ("British schools overseas", "", _OVERSEAS),
    38: ("Free schools alternative provision", "alternative_provision", ""),
    39: ("Free schools 16 to 19", HOST, ""),
    40: ("University technical college", HOST, ""),
    41: ("Studio schools", HOST, ""),
    42: ("Academy alternative provision converter", "alternative_provision", ""),
    43: ("Academy alternative provision sponsor led", "alternative_provision", ""),
    44: ("Academy special converter", "state_special", ""),
    45: ("Academy 16-19 converter", HOST, ""),
    46: ("Academy 16 to 19 sponsor led", HOST, ""),
    49: ("Online provider", "", "an online provider"),
    56: ("Institution funded by other government department", "",
         "funded by another government department"),
    57: ("Academy secure 16 to 19", "", _SECURE),
}  # fmt: skip
"""Types of establishment: name, kind of provision, and why there is none ("" where there is).

Source: the establishment types of the GIAS download of January 2025.
"""

_TYPE_OF_NAME: Final = {plain(name): code for code, (name, _, _) in TYPES.items()}
_APPROVED_COLLEGES: Final = (18, 27, 31, 56)
"""Types that are specialist post-16 institutions once approved under section 41."""

INDEPENDENT_SCHOOL: Final = 11
SHARE_WITH_PLANS: Final = 0.5
"""An independent school counts as special when so many of its pupils have a plan.

A judgement: independent special schools have nearly all of their pupils on plans, other
independent schools a few in a hundred.
"""

STATUSES: Final = {1: "Open", 2: "Closed", 3: "Open, but proposed to close", 4: "Proposed to open"}
_STATUS_OF_NAME: Final = {plain(name): code for code, name in STATUSES.items()}

_YEAR_GROUP_OF_AGE: Final = 4  # Reception, year group 0, is the year in which children turn 5
_PHASES: Final[dict[str, tuple[int, int]]] = {
    "nursery": (-4, -1),
    "primary": (0, 6),
    "middledeemedprimary": (4, 7),
    "middledeemedsecondary": (5, 8),
    "secondary": (7, 11),
    "allthrough": (0, 13),
    "16plus": (12, 14),
}
_KIND_YEARS: Final[dict[str, tuple[int, int]]] = {
    "further_education": (12, HIGHEST_YEAR_GROUP),
    "specialist_post_16": (12, HIGHEST_YEAR_GROUP),
    "alternative_provision": (1, 11),
    HOST: (0, 11),
}
_SPECIAL_YEARS: Final = (-1, 14)
"""Year groups of a special school that says nothing of its ages: nursery to 19."""

_OLD_NEEDS: Final = {"BESD": "SEMH", "EBD": "SEMH", "ASC": "ASD"}
_NEED_WORDS: Final[tuple[tuple[str, str], ...]] = (
    ("profound", "PMLD"),
    ("multisensory", "MSI"),
    ("specificlearning", "SPLD"),
    ("dyslexia", "SPLD"),
    ("severelearning", "SLD"),
    ("moderatelearning", "MLD"),
    ("autis", "ASD"),
    ("asperger", "ASD"),
    ("mentalhealth", "SEMH"),
    ("emotional", "SEMH"),
    ("speech", "SLCN"),
    ("language", "SLCN"),
    ("hearing", "HI"),
    ("visual", "VI"),
    ("vision", "VI"),
    ("physical", "PD"),
    ("down", "DS"),
    ("other", "OTH"),
)
_NO_NEED: Final = ("", "notapplicable", "na", "none", "notrecorded", "doesnotapply")
DOWN_SYNDROME_WITH: Final = ("MLD", "SLD", "OTH")
"""Needs under which children with Down syndrome were recorded until the code DS came in 2025/26."""


class Needs(NamedTuple):
    """Needs that an establishment lists.

    ``codes``: of the SEN2 return, in its order; ``strange``: texts not understood; ``hidden``:
    "Not Applicable" stands before a need; ``denied``: "Not Applicable" stands alone;
    ``last``: position, from 1, of the last cell that names a need.
    """

    codes: tuple[str, ...]
    strange: tuple[str, ...]
    hidden: bool
    denied: bool
    last: int


def type_codes(codes: pd.Series[str], names: pd.Series[str]) -> NDArray[np.int64]:
    """Type of each establishment by its code, else by the name of its type; -1 for neither."""
    by_code = pd.to_numeric(codes, errors="coerce").to_numpy(dtype=float)
    by_name = names.map(lambda text: _TYPE_OF_NAME.get(plain(text), -1)).to_numpy(dtype=float)
    known = np.isin(by_code, list(TYPES))
    return np.where(known, by_code, by_name).astype(np.int64)


def kinds(
    types: NDArray[np.int64],
    names: pd.Series[str],
    approved: NDArray[np.bool_],
    share_with_plans: NDArray[np.float64],
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Kind of provision of each establishment, and the reason where there is none.

    Args:
        types: codes of the type of establishment, -1 where it is not known.
        names: names of the types and their groups, by which an unknown type is told.
        approved: under section 41.
        share_with_plans: share of the pupils with a plan; NaN where it is not known.

    Returns:
        Kinds (``state_special`` for special schools of every authority, ``mainstream`` for those
        that count only through a base, "" for none) and reasons.
    """
    kind = np.array([TYPES[t][1] if t in TYPES else "" for t in types], dtype=object)
    reason = np.array([TYPES[t][2] if t in TYPES else "" for t in types], dtype=object)
    with np.errstate(invalid="ignore"):
        special = (types == INDEPENDENT_SCHOOL) & (
            approved | (share_with_plans >= SHARE_WITH_PLANS)
        )
    kind[special], reason[special] = "independent_special", ""
    college = np.isin(types, _APPROVED_COLLEGES) & approved
    kind[college], reason[college] = "specialist_post_16", ""
    for at in np.flatnonzero(~np.isin(types, list(TYPES))):
        kind[at] = _kind_of_new_type(plain(str(names.iloc[at])))
        reason[at] = "" if kind[at] else UNKNOWN_TYPE
    return kind, reason


def _kind_of_new_type(name: str) -> str:
    if "alternativeprovision" in name or "referral" in name:
        return "alternative_provision"
    if "special" not in name:
        return ""
    if "post16" in name:
        return "specialist_post_16"
    if "nonmaintained" in name:
        return "non_maintained_special"
    return "independent_special" if "independent" in name else "state_special"


def status_codes(codes: pd.Series[str], names: pd.Series[str]) -> NDArray[np.int64]:
    """Status by its code (see STATUSES), else by its name; 1 (open) where neither is known."""
    by_code = pd.to_numeric(codes, errors="coerce").to_numpy(dtype=float)
    by_name = names.map(lambda text: _STATUS_OF_NAME.get(plain(text), 1)).to_numpy(dtype=float)
    return np.where(np.isin(by_code, list(STATUSES)), by_code, by_name).astype(np.int64)


def dates(texts: pd.Series[str]) -> tuple[pd.Series[pd.Timestamp], NDArray[np.bool_]]:
    """Dates written 31-08-2025, 31/08/2025 or 2025-08-31; the second result marks what is none."""
    found = pd.to_datetime(texts, format="%d-%m-%Y", errors="coerce")
    for form in ("%d/%m/%Y", "%Y-%m-%d"):
        found = found.fillna(pd.to_datetime(texts, format=form, errors="coerce"))
    return found, (found.isna() & texts.ne("")).to_numpy(dtype=bool)


def opening_year(date: pd.Timestamp) -> int:
    """First academic year of an establishment that opens on a date.

    The September of the same calendar year: a school that opens from January to August begins
    with the next September, one that opens later in the autumn counts from that September.
    """
    return int(date.year)


def closing_year(date: pd.Timestamp) -> int:
    """First academic year without an establishment that closes on a date.

    A school that closes by the end of September is not there in the year that then begins.
    """
    return int(date.year) + (date.month >= 10)


def academic_year_of(date: pd.Timestamp) -> int:
    """The academic year, from 1 September, in which a date falls."""
    return int(date.year) - (date.month < 9)


def year_groups(low: float, high: float, kind: str, phase: str) -> tuple[int, int, str]:
    """Year groups taken, from the statutory ages.

    The youngest child is of the low age on 31 August before the year, the oldest turns the high
    age within it: ages 4 to 11 are Reception to Year 6, ages 3 to 19 nursery to Year 14.

    Args:
        low, high: statutory ages; NaN where they are not known.
        kind: kind of provision.
        phase: phase of education, which stands in for unknown ages.

    Returns:
        Lowest and highest year group, and what is doubtful: "" (nothing), "unknown" or
        "not plausible".
    """
    default = _PHASES.get(plain(phase)) or _KIND_YEARS.get(kind, _SPECIAL_YEARS)
    if np.isnan(low) or np.isnan(high):
        return *default, "unknown"
    if low >= high or low < 0 or low > 25 or high < 3:
        return *default, "not plausible"
    lowest = max(int(low) - _YEAR_GROUP_OF_AGE, LOWEST_YEAR_GROUP)
    highest = min(int(high) - _YEAR_GROUP_OF_AGE - 1, HIGHEST_YEAR_GROUP)
    return lowest, max(highest, lowest), ""


def needs_of(cells: Iterable[str]) -> Needs:
    """The needs named in the cells SEN1 to SEN13 of one establishment.

    Codes are found before a dash, whatever their capitals ("SpLD - Specific Learning
    Difficulty"), else by the words. A blank list is unknown: it is not "none".
    """
    codes: set[str] = set()
    strange: list[str] = []
    denied = hidden = False
    last = 0
    for position, cell in enumerate(cells, start=1):
        if plain(cell) in _NO_NEED:
            denied = denied or bool(plain(cell))
            continue
        code = need_code(cell)
        if not code:
            strange.append(cell)
            continue
        hidden = hidden or denied
        last = position
        codes.add(code)
    ordered = tuple(need for need in NEEDS if need in codes)
    return Needs(ordered, tuple(strange), hidden, denied and not ordered, last)


def need_code(text: str) -> str:
    """The need that a text names, as a code of the SEN2 return; "" for none."""
    lead = re.match(r"\s*([A-Za-z&]+)", text)
    if lead:
        word = plain(lead[1]).upper()
        if word in NEEDS or word in _OLD_NEEDS:
            return _OLD_NEEDS.get(word, word)
    words = plain(text)
    return next((need for part, need in _NEED_WORDS if part in words), "")


def successors(links: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Direct successors of each URN.

    Args:
        links: columns urn, link_urn, link_type. A row of type "Successor…" says that link_urn
            follows urn; "Predecessor…" says that it went before.
    """
    found: dict[str, set[str]] = {}
    kind = links["link_type"].map(plain)
    after = kind.str.startswith("successor")
    before = kind.str.startswith("predecessor")
    for old, new in zip(links["urn"][after], links["link_urn"][after], strict=True):
        found.setdefault(old, set()).add(new)
    for new, old in zip(links["urn"][before], links["link_urn"][before], strict=True):
        found.setdefault(old, set()).add(new)
    return {old: tuple(sorted(new - {old})) for old, new in found.items() if new - {old}}


def final_successors(
    urn: str, after: Mapping[str, tuple[str, ...]], standing: Mapping[str, bool]
) -> tuple[str, ...]:
    """The establishments that stand where a closed one stood, through any number of changes.

    Args:
        urn: the closed establishment.
        after: direct successors (:func:`successors`).
        standing: whether an establishment of the file is open or will open.

    Returns:
        URNs, sorted; none where the chain ends outside the file or in closed establishments.
    """
    ends: set[str] = set()
    seen = {urn}
    waiting = list(after.get(urn, ()))
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if standing.get(current):
            ends.add(current)
        else:
            waiting += after.get(current, ())
    return tuple(sorted(ends))
