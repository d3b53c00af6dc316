"""The field's own words: kinds of provision, needs, tiers, years and how they are written.

Everything here is a name or a way of writing one. Rules, limits and prices are in ``models/``.
"""

from __future__ import annotations

import re
from typing import Final

KINDS: Final[dict[str, str]] = {
    "mainstream": "Mainstream",
    "specialist_base": "Specialist base",
    "state_special": "State special school",
    "non_maintained_special": "Non-maintained special school",
    "independent_special": "Independent special school",
    "out_of_area_state_special": "State special school in another authority",
    "alternative_provision": "Alternative provision",
    "specialist_post_16": "Specialist post-16 institution",
    "further_education": "Further education",
    "educated_elsewhere": "Educated elsewhere",
}
"""Kinds of provision, as atoms. Reports regroup them; data never do.

"Specialist base" covers resourced provision and SEN units, the names used before 2026.
"""

LOCAL_STATE_SPECIALIST: Final[tuple[str, ...]] = ("specialist_base", "state_special")
"""Kinds in which an authority itself creates specialist places."""

LOCAL_SUITABLE_FROM_YEAR_12: Final[tuple[str, ...]] = ("further_education", "specialist_post_16")
"""Kinds that count as a local place too for young people in Year 12 and above."""

NEEDS: Final[dict[str, str]] = {
    "SPLD": "Specific learning difficulty",
    "MLD": "Moderate learning difficulty",
    "SLD": "Severe learning difficulty",
    "PMLD": "Profound and multiple learning difficulty",
    "SEMH": "Social, emotional and mental health",
    "SLCN": "Speech, language and communication",
    "HI": "Hearing impairment",
    "VI": "Vision impairment",
    "MSI": "Multi-sensory impairment",
    "PD": "Physical disability",
    "ASD": "Autistic spectrum disorder",
    "DS": "Down syndrome",
    "OTH": "Other difficulty or disability",
}
"""Primary needs in the order of the SEN2 return."""

TIERS: Final[dict[int, str]] = {
    1: "Support in a mainstream class",
    2: "A specialist base or equal support",
    3: "A special school",
    4: "A special school with complex support",
}
"""The support a child needs, whatever the place in which the child is today."""

LOWEST_YEAR_GROUP: Final = -4
HIGHEST_YEAR_GROUP: Final = 20

LEDGERS: Final[dict[str, str]] = {
    "dsg": "Dedicated Schools Grant",
    "general_fund": "General fund",
    "capital": "Capital",
}

STATEMENT: Final = (
    "This is aggregate planning. It allocates no child: where a child goes to school is decided "
    "one child at a time, with the family, under sections 33 and 38 to 40 of the Children and "
    "Families Act 2014. Unmet need is a failure to be solved, never a saving."
)
"""The statement that stands on every result."""


def academic_year_label(year: int) -> str:
    """Write an academic year: 2026 becomes ``2026/27``."""
    return f"{year}/{(year + 1) % 100:02d}"


def financial_year_label(year: int) -> str:
    """Write a financial year: 2026 becomes ``2026-27`` (April 2026 to March 2027)."""
    return f"{year}-{(year + 1) % 100:02d}"


_YEAR = re.compile(r"^\s*(\d{4})(?:\.0+)?(?:\s*[/-]\s*(\d{2}|\d{4}))?\s*$")


def parse_year(text: object) -> int:
    """Read ``2026/27``, ``2026-27``, ``2026/2027`` or ``2026`` as the year in which it begins.

    Raises:
        ValueError: when the text is no year, or its second half does not follow the first.
    """
    match = _YEAR.match(str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a year such as 2026/27")
    first = int(match.group(1))
    second = match.group(2)
    if second is not None and int(second) % 100 != (first + 1) % 100:
        raise ValueError(f"{text!r}: the second year must follow the first")
    if not 1990 <= first <= 2150:
        raise ValueError(f"{text!r} is not a plausible year")
    return first


def year_group_name(year_group: int) -> str:
    """Write a year group: 0 is Reception, -1 is Nursery, 7 is Year 7."""
    if year_group < 0:
        return "Nursery" if year_group == -1 else f"age {year_group + 4}"
    return "Reception" if year_group == 0 else f"Year {year_group}"


FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
"""Signs with which a spreadsheet begins a formula when it opens a CSV file."""


def no_formula(text: str) -> str:
    """Words that a spreadsheet cannot take for a formula when it opens them from a CSV file."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
