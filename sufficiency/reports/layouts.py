"""The layouts in which others ask for a plan's children, places and money.

The plan keeps ten kinds of provision as atoms (:data:`sufficiency.vocabulary.KINDS`). Each return
groups them by its own rules, and two of them disagree: a non-maintained special school counts with
state special schools in the school capacity survey, and with independent schools in the DSG
management plan and the local SEND reform plan. All such rules stand here, as data, and are printed
on the sheet "Regroupings" of the workbook; no other module regroups for a return.

Children whom the plan leaves without a suitable place stand in a row of their own in every layout,
so that no total loses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sufficiency.plan import Plan
from sufficiency.reports.facts import UNMET, Run, as_float, as_int
from sufficiency.vocabulary import (
    HIGHEST_YEAR_GROUP,
    KINDS,
    LOCAL_STATE_SPECIALIST,
    LOCAL_SUITABLE_FROM_YEAR_12,
    LOWEST_YEAR_GROUP,
    NEEDS,
    year_group_name,
)

NO_PLACE: Final = "No suitable place in the plan"
NOT_TOLD_APART: Final = "not available"
"""Stands in a row of a return that the plan cannot fill, which is something else than zero."""


@dataclass(frozen=True)
class Group:
    """A row of a return: the children of some kinds of provision and some year groups.

    Attributes:
        name: as the return calls it.
        kinds: atoms that it gathers; none for a row that the plan cannot fill.
        lowest, highest: year groups that it gathers.
        code: of the return, where it has one.
        note: why these, or why the row is empty.
    """

    name: str
    kinds: tuple[str, ...] = ()
    lowest: int = LOWEST_YEAR_GROUP
    highest: int = HIGHEST_YEAR_GROUP
    code: str = ""
    note: str = ""


@dataclass(frozen=True)
class Layout:
    """A return: its groups, in its order, and where its rules are written.

    Two groups of one name are one line that gathers two sorts of children.
    """

    name: str
    source: str
    groups: tuple[Group, ...]

    @property
    def lines(self) -> list[str]:
        """Names of the lines of the return, each once."""
        return list(dict.fromkeys(g.name for g in self.groups))

    def group_of(self, kinds: pd.Series, year_groups: pd.Series) -> pd.Series:
        """Name of the group of each row; empty where the return does not count it."""
        of_kind, every_kind = pd.factorize(kinds)
        of_year_group, every = pd.factorize(year_groups.to_numpy(int))
        found = np.full((len(every_kind), len(every)), "", dtype=object)
        for group in self.groups:
            inside = np.array([kind in group.kinds for kind in every_kind], dtype=bool)
            found[np.ix_(inside, (every >= group.lowest) & (every <= group.highest))] = group.name
        return pd.Series(found[of_kind, of_year_group], index=kinds.index, dtype="str")


# ------------------------------------------------------------------ school capacity survey

_SCAP_KINDS: Final = (
    ("UR", "SEN units and resourced provision", ("specialist_base",)),
    ("IN", "Independent schools", ("independent_special",)),
    (
        "SS",
        "State-funded and non-maintained special schools",
        ("state_special", "out_of_area_state_special", "non_maintained_special"),
    ),
    ("AP", "Alternative provision", ("alternative_provision",)),
)
_SCAP_PHASES: Final = (("primary", 180300, 0, 6, 5), ("secondary", 180301, 7, 11, 7))
"""Phase, code of its planning areas without the last figure, year groups, years of forecast."""

SCAP: Final = Layout(
    "School capacity survey, SEND forecast",
    "DfE, Forecasting demand for SEND provision for SCAP: eight planning areas; residents with a "
    "plan who need a specialist place; five years ahead for primary, seven for secondary.",
    tuple(
        Group(
            f"{title}, {phase}",
            kinds,
            lowest,
            highest,
            code=f"{stem}{number} {short}",
            note="Non-maintained special schools count with state special schools here. Residents "
            "in a state special school of another authority count too: the forecast is of where "
            "residents need a place."
            if short == "SS"
            else "",
        )
        for phase, stem, lowest, highest, _ in _SCAP_PHASES
        for number, (short, title, kinds) in enumerate(_SCAP_KINDS, start=1)
    ),
)


# ------------------------------------------------------------------ DSG management plan

_ELSEWHERE: Final = "Other placements or direct payments"

DSG: Final = Layout(
    "DSG management plan",
    "DfE, Dedicated Schools Grant deficit management plan, template version 10 (March 2025): "
    "placement categories; ages at 31 August.",
    (
        Group("Mainstream schools or academies", ("mainstream",)),
        Group(
            "Resourced provision or SEN units",
            ("specialist_base",),
            note="Specialist bases, as they are called from 2026.",
        ),
        Group(
            "Maintained special schools or special academies",
            ("state_special", "out_of_area_state_special"),
            note="Those of other authorities included.",
        ),
        Group(
            "Non-maintained special schools or independent",
            ("non_maintained_special", "independent_special"),
            note="Non-maintained special schools count with independent schools here.",
        ),
        Group(
            "Hospital schools or alternative provision",
            ("alternative_provision",),
            note="The plan has no hospital schools apart from alternative provision.",
        ),
        Group("Post-16 and further education", ("further_education", "specialist_post_16")),
        Group(
            _ELSEWHERE,
            ("educated_elsewhere",),
            note="Education otherwise than at school, elective home education, and young people "
            "not in education; the plan does not tell them apart.",
        ),
        Group(NO_PLACE, (UNMET,), note="A failure to be solved, never a saving."),
    ),
)

AGE_GROUPS: Final = (
    ("Under 5", 0, 4),
    ("5 to 10", 5, 10),
    ("11 to 15", 11, 15),
    ("16 to 19", 16, 19),
    ("20 to 25", 20, 25),
)
"""Ages at the 31 August before the academic year: the year group plus 4 (Reception is age 4)."""


# ------------------------------------------------------------------ local SEND reform plan

_EARLY: Final = "Early years settings, private, voluntary and independent included"
_SUPPORT: Final = "Support bases"
_SIXTH_FORM: Final = "Mainstream post-16"

LSRP: Final = Layout(
    "Local SEND reform plan",
    "DfE, local SEND reform plan data template (2026): year n is the census of January n+1, which "
    "is the academic year that begins in n.",
    (
        Group(_EARLY, ("mainstream",), highest=-1, note="Mainstream before Reception."),
        Group("Mainstream", ("mainstream",), lowest=0, highest=11),
        Group(
            _SUPPORT,
            note="Commissioned by schools and trusts; the plan counts their children in "
            "mainstream and cannot tell them apart.",
        ),
        Group("Specialist bases", ("specialist_base",)),
        Group(
            "Maintained special schools or special academies",
            ("state_special", "out_of_area_state_special"),
            note="Those of other authorities included.",
        ),
        Group(
            "Non-maintained special or independent, funded by the authority",
            ("non_maintained_special", "independent_special"),
            note="Non-maintained special schools count with independent schools here.",
        ),
        Group(
            "Non-maintained special or independent, other suitable arrangements",
            note="The plan does not tell them apart from places that the authority funds.",
        ),
        Group("Alternative provision", ("alternative_provision",)),
        Group(_SIXTH_FORM, ("mainstream",), lowest=12, note="School sixth forms."),
        Group(_SIXTH_FORM, ("further_education",), note="Further education colleges."),
        Group(
            "Mainstream post-16 specialist",
            note="Specialist provision inside colleges; the plan counts it in mainstream post-16.",
        ),
        Group("Specialist post-16", ("specialist_post_16",)),
        Group("Elective home education", note=f"Inside “{_ELSEWHERE}”; not told apart."),
        Group("Education otherwise than at school", note=f"Inside “{_ELSEWHERE}”; not told apart."),
        Group(
            _ELSEWHERE,
            ("educated_elsewhere",),
            note="Education otherwise than at school, elective home education, hospital, and young "
            "people not in education.",
        ),
        Group(NO_PLACE, (UNMET,), note="A failure to be solved, never a saving."),
    ),
)

LSRP_NEEDS_WITHIN: Final = (
    ("7.1", "Early years", (_EARLY,)),
    ("7.2", "Mainstream, support bases included", ("Mainstream", _SUPPORT)),
    ("7.3", "Specialist bases", ("Specialist bases",)),
    ("7.4", "Maintained special", ("Maintained special schools or special academies",)),
    (
        "7.5",
        "Non-maintained special and independent",
        (
            "Non-maintained special or independent, funded by the authority",
            "Non-maintained special or independent, other suitable arrangements",
        ),
    ),
    ("7.6", "Alternative provision and hospital", ("Alternative provision",)),
    (
        "7.7",
        "Post-16",
        (
            _SIXTH_FORM,
            "Mainstream post-16 specialist",
            "Specialist post-16",
        ),
    ),
)
"""Sections 7.1 to 7.7: need within lines of section 6; elsewhere and unmet are in 7 only."""

LSRP_YEARS: Final = 5

# ------------------------------------------------------------------ high-needs place changes

PLACE_CHANGE_KINDS: Final = ("specialist_base", "state_special", "alternative_provision")
"""Kinds whose places are funded by place, for the notification of high-needs place changes."""
PLACE_CHANGE_SOURCE: Final = (
    "DfE, high-needs place change process: changes for the academic year that begins in September "
    "are notified by early December of the year before; a specialist base at an academy, or a new "
    "age range, needs a deed of variation as well."
)

LAYOUTS: Final = (SCAP, DSG, LSRP)


# ------------------------------------------------------------------ children by layout


def everyone(plan: Plan) -> pd.DataFrame:
    """Children of a plan, placed or not.

    Columns: academic_year, area, locality, need, tier, year_group, phase, cohort, provision, kind
    (``unmet``, and an empty provision, for those without a suitable place), children.
    """
    if plan.unmet.empty:
        return plan.placements
    without = plan.unmet.assign(provision="", kind=UNMET)
    return pd.concat([plan.placements, without[plan.placements.columns]], ignore_index=True)


def in_local_place(people: pd.DataFrame) -> pd.Series:
    """Whether children have a local specialist place, as the table of gaps counts it."""
    return people["kind"].isin(LOCAL_STATE_SPECIALIST) | (
        people["kind"].isin(LOCAL_SUITABLE_FROM_YEAR_12) & (people["year_group"] >= 12)
    )


def _wide(
    frame: pd.DataFrame,
    keys: Mapping[str, Sequence[Any]],
    along: str,
    columns: Iterable[int],
) -> pd.DataFrame:
    """Children by all combinations of keys (columns first) and by the values of one column."""
    found = frame.groupby([*keys, along])["children"].sum().unstack(along)
    rows: pd.Index = pd.MultiIndex.from_product(list(keys.values()), names=list(keys))
    if len(keys) == 1:
        rows = rows.get_level_values(0)
    return found.reindex(index=rows, columns=list(columns)).fillna(0.0).reset_index()


def year_columns(frame: pd.DataFrame) -> list[int]:
    """Columns of a table of this module that are years or year groups."""
    return [as_int(c) for c in frame.columns if not isinstance(c, str)]


def _age_group(year_groups: pd.Series) -> pd.Series:
    at, every = pd.factorize(year_groups.to_numpy(int) + 4)
    found = np.full(len(every), AGE_GROUPS[0][0], dtype=object)
    for name, least, most in AGE_GROUPS:
        found[(every >= least) & (every <= most)] = name
    return pd.Series(found[at], index=year_groups.index, dtype="str")


def scap_forecast(run: Run, phase: str) -> pd.DataFrame:
    """The SEND forecast of one phase: residents with a plan who need a specialist place.

    Columns: code, planning_area, academic_year (int), and one column a year group (int). Five
    years from the first planned year for primary, seven for secondary, or to the end of the plan.
    A last planning area, without a code, has the children for whom the plan finds no place and
    who need more than a mainstream class (tier 2 and above).
    """
    _, _, lowest, highest, ahead = next(p for p in _SCAP_PHASES if p[0] == phase)
    years = [y for y in range(run.first, run.first + ahead) if y <= run.last]
    people = everyone(run.plan)
    area = SCAP.group_of(people["kind"], people["year_group"])
    lost = (people["kind"] == UNMET) & (people["tier"] >= 2)
    people = people.assign(planning_area=area.mask(lost, NO_PLACE))
    code = {g.name: g.code for g in SCAP.groups if g.lowest == lowest} | {NO_PLACE: ""}
    keys: dict[str, list[Any]] = {"planning_area": list(code), "academic_year": years}
    found = _wide(people, keys, "year_group", range(lowest, highest + 1))
    found.insert(0, "code", found["planning_area"].map(code))
    return found


def dsg_children(plan: Plan, years: list[int]) -> pd.DataFrame:
    """Plans by placement category and age group.

    Columns: category, age_group, and one column an academic year (int).
    """
    people = everyone(plan)
    people = people.assign(
        category=DSG.group_of(people["kind"], people["year_group"]),
        age_group=_age_group(people["year_group"]),
    )
    keys = {"category": DSG.lines, "age_group": [a for a, _, _ in AGE_GROUPS]}
    return _wide(people, keys, "academic_year", years)


def dsg_needs(plan: Plan, years: list[int]) -> pd.DataFrame:
    """Plans by placement category and primary need.

    Columns: category, need (code), and one column an academic year (int).
    """
    people = everyone(plan)
    people = people.assign(category=DSG.group_of(people["kind"], people["year_group"]))
    keys = {"category": DSG.lines, "need": list(NEEDS)}
    return _wide(people, keys, "academic_year", years)


def dsg_money(plan: Plan, years: list[int]) -> pd.DataFrame:
    """High-needs spending by placement category, in pounds.

    Columns: category, and one column a financial year (int). Only the DSG ledger, and only
    financial years that the plan covers wholly.
    """
    ledger = plan.ledger[(plan.ledger["ledger"] == "dsg") & plan.ledger["complete"].astype(bool)]
    # A kind of provision falls into one category at any age, so any year group finds it.
    category = DSG.group_of(ledger["kind"], pd.Series(0, index=ledger.index))
    found = ledger.assign(category=category).pivot_table(
        index="category", columns="financial_year", values="pounds", aggfunc="sum"
    )
    names = [line for line in DSG.lines if line != NO_PLACE]
    return found.reindex(index=names, columns=years).fillna(0.0).reset_index()


def lsrp_sections(run: Run) -> pd.DataFrame:
    """Sections 5.1, 6, 7, 7.1 to 7.7 and 12 of the local SEND reform plan.

    Columns: section, title, line, and one column an academic year (int; the template's year n).
    A line that the plan cannot fill has NaN. The base year and four more, or to the end.
    """
    years = [y for y in range(run.base, run.base + LSRP_YEARS) if y <= run.last]
    people = everyone(run.plan)
    people = people.assign(
        line=LSRP.group_of(people["kind"], people["year_group"]),
        age_group=_age_group(people["year_group"]),
    )
    ages = _wide(people, {"age_group": [a for a, _, _ in AGE_GROUPS]}, "academic_year", years)
    places = _wide(people, {"line": LSRP.lines}, "academic_year", years)
    empty = [g.name for g in LSRP.groups if not g.kinds]
    places.loc[places["line"].isin(empty), years] = np.nan
    parts = [
        ("5.1", "Plans by age group", ages.rename(columns={"age_group": "line"})),
        ("6", "Plans by provision", places),
    ]
    needs = {"need": list(NEEDS)}
    sections = [("7", "Plans by primary need", people)] + [
        (number, f"Need within: {title}", people[people["line"].isin(names)])
        for number, title, names in LSRP_NEEDS_WITHIN
    ]
    for number, title, part in sections:
        found = _wide(part, needs, "academic_year", years).rename(columns={"need": "line"})
        found["line"] = [f"{NEEDS[n]} ({n})" for n in found["line"]]
        parts.append((number, title, found))
    new = run.new_plans_by_year
    joined = pd.DataFrame(
        {"line": ["New plans in the year, as projected"]}
        | {y: [as_float(new.get(y, float("nan")))] for y in years}
    )
    parts.append(("12", "Assessments resulting in a plan", joined))
    return pd.concat(
        [t.assign(section=n, title=title)[["section", "title", "line", *years]]
         for n, title, t in parts],
        ignore_index=True,
    )  # fmt: skip


def place_changes(run: Run) -> pd.DataFrame:
    """Changes of funded places, and the December by which each is notified.

    Columns: notify_by (text), academic_year (int), provision, name, kind, places_before (places),
    places_after, change, from_schemes (of the change, places of the plan's schemes), remark. Kinds
    of :data:`PLACE_CHANGE_KINDS` inside the authority only.
    """
    table = run.plan.occupancy
    inside = run.inside()
    table = table[
        table["kind"].isin(PLACE_CHANGE_KINDS) & table["provision"].map(inside).fillna(True)
    ].sort_values(["provision", "academic_year"])
    table = table.assign(
        places_after=table["commissioned_places"].fillna(0.0) + table["scheme_places"]
    )
    before = table.groupby("provision")[["places_after", "scheme_places"]].shift()
    table = table.assign(
        places_before=before["places_after"],
        change=table["places_after"] - before["places_after"],
        from_schemes=table["scheme_places"] - before["scheme_places"],
    )
    table = table[table["change"].abs() > 1e-9]
    made = str(run.stamp.get("created", ""))[:7]
    years = [as_int(y) for y in table["academic_year"]]
    table = table.assign(
        notify_by=[f"early December {y - 1}" for y in years],
        remark=["past when this plan was made" if made > f"{y - 1}-12" else "" for y in years],
    )
    columns = ["notify_by", "academic_year", "provision", "name", "kind", "places_before",
               "places_after", "change", "from_schemes", "remark"]  # fmt: skip
    return table[columns].sort_values(["academic_year", "name", "provision"]).reset_index(drop=True)


def regroupings() -> pd.DataFrame:
    """Every rule of this module as a table.

    Columns: layout, code, group, kinds (names), year_groups (text), note, source.
    """
    rows = []
    for layout in LAYOUTS:
        for g in layout.groups:
            names = [KINDS.get(k, NO_PLACE) for k in g.kinds]
            lowest, highest = year_group_name(g.lowest), year_group_name(g.highest)
            every = (g.lowest, g.highest) == (LOWEST_YEAR_GROUP, HIGHEST_YEAR_GROUP)
            rows.append(
                (layout.name, g.code, g.name, "; ".join(names) or NOT_TOLD_APART,
                 "every" if every else f"{lowest} to {highest}", g.note, layout.source)
            )  # fmt: skip
    for number, title, lines in LSRP_NEEDS_WITHIN:
        rows.append(
            (LSRP.name, number, title, "lines of section 6: " + "; ".join(lines), "as there",
             "", LSRP.source)
        )  # fmt: skip
    kinds = "; ".join(KINDS[k] for k in PLACE_CHANGE_KINDS)
    rows.append(
        ("High-needs place changes", "", "Funded places", kinds, "every",
         "Inside the authority only.", PLACE_CHANGE_SOURCE)
    )  # fmt: skip
    columns = ["layout", "code", "group", "kinds", "year_groups", "note", "source"]
    return pd.DataFrame(rows, columns=columns)
