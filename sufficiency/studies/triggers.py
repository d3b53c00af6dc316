"""Which statutory process a scheme may start: what to check, with source and date.

A planner's list and no legal advice. Thresholds are those of the sources named, as data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from sufficiency.vocabulary import academic_year_label

SPECIAL_KINDS: Final = ("state_special", "alternative_provision")


@dataclass(frozen=True)
class Trigger:
    """Something to check before a scheme goes ahead."""

    trigger: str
    source: str
    date: str


PRESUMPTION: Final = Trigger(
    "New school: seek proposals for an academy (free school presumption), or the wider invitation "
    "that replaces it",
    "Education and Inspections Act 2006 s.6A; the Children's Wellbeing and Schools Act 2026 s.65 "
    "omits s.6A and rewrites s.7 from a day to be appointed: check which is in force",
    "2026",
)
PRESCRIBED_SPECIAL: Final = Trigger(
    "Maintained special school: prescribed alteration, if numbers rise within five years by 10% or "
    "by 20 pupils (5 where all board), whichever is the lesser; check the numbers in force",
    "SI 2013/3110, School Organisation (Prescribed Alterations to Maintained Schools) (England) "
    "Regulations, and DfE, Making significant changes to maintained schools, name the change in "
    "numbers. Its measure was read elsewhere: 10% within five years in SI 2007/1289 Sch 2 para 19, "
    "which they replaced; 20 pupils, or 5, in the School Standards and Organisation (Wales) Act "
    "2013 Sch 2 para 19",
    "2018-10",
)
SIGNIFICANT_SPECIAL: Final = Trigger(
    "Special academy: significant change, if places rise by 20 or by 20%, whichever is smaller, "
    "or the type of need changes",
    "DfE, Making significant changes to an open academy, in force from 1 April 2024",
    "2024-04-01",
)
BASE: Final = Trigger(
    "Specialist base at a mainstream school: prescribed alteration at a maintained school, "
    "significant change at an academy, with a deed of variation of its funding agreement",
    "SI 2013/3110 Sch 2 (special educational needs provision at a mainstream school); DfE, "
    "Making significant changes to an open academy; DfE, High needs place change process",
    "2024-04-01",
)
PLACE_CHANGE: Final = Trigger(
    "Notify new places by early December of the year before, or they are not funded from September",
    "DfE, High needs place change process: for 2026/27 by 5 December 2025",
    "2025-12-05",
)
IMPROVEMENT: Final = Trigger(
    "SEN improvement test: show that standard, quality or range of provision improves",
    "DfE, Making significant changes to maintained schools, and opening and closing guidance",
    "2018-10",
)
CONSULT: Final = Trigger(
    "Consult children, young people, parents, schools and colleges on what is sufficient",
    "Children and Families Act 2014 s.27",
    "2014-09-01",
)
EQUALITY: Final = Trigger(
    "Public sector equality duty: an equality impact assessment before the decision",
    "Equality Act 2010 s.149",
    "2011-04-05",
)
RATIONALE: Final = Trigger(
    "More special school places: a compelling rationale why specialist bases cannot meet the need "
    "(compare this run with one of the model bases-only)",
    "Local SEND reform plan quality framework, as reported by Schools Week",
    "2026-03-13",
)
CAPITAL: Final = Trigger(
    "High needs capital: memorandum of understanding, spending that starts with mainstream and "
    "bases",
    "High needs provision capital allocations 2026-27, as reported by Schools Week",
    "2026-03-26",
)


def triggers_of(
    scheme: pd.Series, places_before: float, opens: int
) -> list[tuple[str, str, str, str]]:
    """What to check for one scheme: (trigger, why, source, date).

    Args:
        scheme: a row of the input table ``schemes``.
        places_before: commissioned places of the provision that it enlarges.
        opens: September in which the plan opens it.
    """
    kind, places = str(scheme["kind"]), float(scheme["places"])
    new = bool(scheme["site"])
    found: list[tuple[Trigger, str]] = []
    if kind == "specialist_base":
        act = "opens a base" if new else "enlarges a base"
        found.append((BASE, f"It {act} with {places:g} places."))
    elif kind in SPECIAL_KINDS and new:
        found.append((PRESUMPTION, f"It opens a new school with {places:g} places."))
    elif kind in SPECIAL_KINDS:
        share = places / places_before if places_before > 0 else None
        rise = (
            f"{places:g} places more than {places_before:g} are {share:.0%} more."
            if share is not None
            else f"It adds {places:g} places to a school that the plan opens itself; if both are "
            "decided as one, the school is new."
        )
        maintained = share is None or share >= 0.1 or places >= 20
        academy = share is None or share > 0.2 or places > 20
        for trigger, reached in ((PRESCRIBED_SPECIAL, maintained), (SIGNIFICANT_SPECIAL, academy)):
            words = "The threshold is reached" if reached else "The threshold is not reached alone"
            found.append((trigger, f"{rise} {words}; add earlier increases."))
    if kind in SPECIAL_KINDS:
        found.append((RATIONALE, f"It adds {places:g} special school places."))
    found += [
        (PLACE_CHANGE, f"It opens in September {opens}: notify by early December {opens - 1}, for "
                       f"{academic_year_label(opens)}."),
        (IMPROVEMENT, "It reorganises special educational provision."),
    ]  # fmt: skip
    return [(t.trigger, why, t.source, t.date) for t, why in found]


def triggers_of_package() -> list[tuple[str, str, str, str]]:
    """What to check once for all schemes together."""
    return [
        (t.trigger, why, t.source, t.date)
        for t, why in (
            (CONSULT, "Provision in and out of the area is reviewed with those who use it."),
            (EQUALITY, "Places, journeys and schools change for disabled children."),
            (CAPITAL, "The schemes draw on capital for high needs."),
        )
    ]
