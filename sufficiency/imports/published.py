"""``sufficiency import published``: children today of an authority without a return of its own.

The DfE release "Education, health and care plans" counts an authority's plans by age and
placement, by age and need, and by need and placement. The joint count is fitted to everything
that is published (iterative proportional fitting: no three-way interaction is assumed), rounded
so that every published number is met exactly, spread over areas by the people of the age band,
and placed in the provisions given. All of that is estimated, and labelled.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.console import Console

from sufficiency.demand.projection import AGE_BANDS, population_by_age
from sufficiency.imports.joint import Joint, fit_joint
from sufficiency.imports.outcome import Outcome, csv_bytes, deliver, estimated, table_bytes
from sufficiency.imports.placing import (
    PLACED_HOW,
    Placed,
    place_children,
    read_areas,
    spread_over_areas,
    stand_in_places,
)
from sufficiency.imports.release import (
    OLDEST,
    OTHER,
    UNKNOWN_AGE,
    UNKNOWN_NEED,
    Release,
    kind_of_placement,
    read_release,
)
from sufficiency.imports.report import ImportReport
from sufficiency.problems import EXIT_OK, Problems
from sufficiency.tables import empty_table, read_table
from sufficiency.vocabulary import (
    HIGHEST_YEAR_GROUP,
    LOWEST_YEAR_GROUP,
    academic_year_label,
)

NAME: Final = "published"
TEXT: Final = "Children today from the published counts of education, health and care plans."
SOURCE: Final = 'DfE, "Education, health and care plans"'

MOST_WITH_A_PLAN: Final = 0.12
"""Share of people aged 0 to 24 with a plan above which the areas are questioned (judgement: it was
4 in 100 in England in January 2025)."""

COUNTED_TO: Final = 16
"""Highest age at which new plans are what the counts say."""
EARLIER: Final = 1 / 3
"""Part of the new plans published at an age that is a year younger in the count of plans."""
OVER_19: Final = (1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 32)
"""Ages 20 to 25 of new plans published for 20 and over (judgement, as in the shipped model)."""

LEAST_CHILDREN: Final = 30
"""Children at an age below whom no rate of this authority is written (judgement)."""


def import_published(
    folder: Path,
    *,
    authority: str,
    areas: Path,
    provisions: Path | None = None,
    population: Path | None = None,
    january: int | None = None,
) -> Outcome:
    """Make children today, and rates where the files allow, from published counts.

    Args:
        folder: the release, unpacked.
        authority: its code or name.
        areas: the table areas.
        provisions: the table provisions; without it children are placed in stand-ins by kind.
        population: the table population, for rates; without it the areas' age bands.
        january: the January of the counts; None for the last.

    Raises:
        InputError: the files cannot be used; every reason is listed.
    """
    problems = Problems()
    release = read_release(folder, authority, problems, january=january)
    area_table = read_areas(areas, problems)
    given = empty_table("provisions")
    if provisions is not None:
        given = read_table("provisions", provisions, problems)
    people = empty_table("population")
    if population is not None:
        people = read_table("population", population, problems)
    problems.raise_if_any()
    assert release is not None
    joint = fit_joint(release.facts)
    _check_joint(joint, folder.name, problems)
    problems.raise_if_any()
    base_year = release.january - 1
    report = ImportReport(
        f"Children today of {release.authority}, {academic_year_label(base_year)}, from published "
        "counts",
        accounts=release.accounts,
    )
    for path in filter(None, (folder, areas, provisions, population)):
        report.add_input(path)
    outcome = Outcome(NAME, report)
    label = f"{SOURCE}, January {release.january}"
    cells = _children(joint.cells, label, report, problems, folder.name)
    total = int(cells["children"].sum())
    _question_areas(total, area_table, areas.name, problems)
    homes = spread_over_areas(cells, area_table, ["kind", "need", "year_group"])
    placed = place_children(homes, area_table, given, base_year)
    outcome.tables["children_today"] = (
        placed.children.assign(tier=0)
        .groupby(["area", "need", "tier", "year_group", "provision"], as_index=False)[["children"]]
        .sum()
    )
    report.estimates.append(
        estimated("children_today", "area", total, "nothing below the authority is published; "
                  "spread over areas by the people of the age band", "table areas")
    )  # fmt: skip
    _tell_placing(placed, total, label, outcome, problems)
    if placed.stand_ins.empty:
        pass
    elif given.empty:
        outcome.tables["provisions"] = placed.stand_ins
        outcome.tables["commissioned_places"] = stand_in_places(
            placed.stand_ins, placed.children, base_year
        )
    else:
        outcome.files["published_stand_ins.csv"] = table_bytes(placed.stand_ins, "provisions")
        outcome.files["published_stand_in_places.csv"] = table_bytes(
            stand_in_places(placed.stand_ins, placed.children, base_year), "commissioned_places"
        )
    outcome.files["published_reproduction.csv"] = _reproduction(joint)
    rates = _rates(release, area_table, people, base_year, report)
    if len(rates):
        outcome.tables["rates"] = rates
    exact = int((joint.facts["low"] == joint.facts["high"]).sum())
    report.facts = [
        f"{total:,} children with a plan in January {release.january}.",
        f"{exact:,} published counts: {exact - len(joint.missed):,} reproduced exactly, "
        f"{len(joint.missed):,} not; {len(joint.facts) - exact:,} counts are not published.",
        "Rounding moved every count of age, need and placement by less than one child."
        if joint.rounding_at_most < 1
        else f"Rounding moved a count of age, need and placement by up to "
        f"{joint.rounding_at_most:,.1f} children.",
    ]
    report.warnings = problems.warnings
    return outcome


def _question_areas(total: int, areas: pd.DataFrame, file: str, problems: Problems) -> None:
    """Warn where the areas hold too few people to be those of the authority."""
    people = float(areas[list(AGE_BANDS)].to_numpy(dtype=float).sum())
    if total > MOST_WITH_A_PLAN * people:
        problems.warn(
            f"{people:,.0f} people aged 0 to 24 live in these areas, too few for {total:,} plans.",
            "check that the areas are those of the authority asked for.",
            file=file,
        )


def _check_joint(joint: Joint, file: str, problems: Problems) -> None:
    """Warn where published numbers contradict each other; an error where there is no child."""
    if joint.cells.empty:
        problems.error("counts no children.", "ask for another --year.", file=file)
    missed = joint.missed
    for row in missed.head(20).to_dict("records"):
        problems.warn(
            f"the published counts contradict each other: age {row['age']}, need {row['need']}, "
            f"placement {row['placement']} is {row['low']:,.0f} but {row['reproduced']:,.0f} is "
            "what the others leave.",
            "nothing need be done; published_reproduction.csv lists all of them.",
            file=file,
        )
    if len(missed) > 20:
        problems.warn(f"and {len(missed) - 20:,} more counts of this sort.",
                      "see published_reproduction.csv.", file=file)  # fmt: skip


def _children(
    cells: pd.DataFrame, label: str, report: ImportReport, problems: Problems, file: str
) -> pd.DataFrame:
    """Columns kind, need, year_group, children from the joint count; labels what was decided."""
    table = "children_today"
    unknown = cells[cells["age"] == UNKNOWN_AGE]
    if len(unknown):
        left_out = int(unknown["children"].sum())
        problems.warn(
            f"{left_out:,} published plans of unknown age are left out: they have no year group.",
            "add them to children today by hand if they matter.",
            file=file,
        )
        cells = cells[cells["age"] != UNKNOWN_AGE]
    year_group = (cells["age"] - 4).clip(LOWEST_YEAR_GROUP, HIGHEST_YEAR_GROUP)
    frame = pd.DataFrame(
        {
            "kind": [kind_of_placement(p) for p in cells["placement"]],
            "need": cells["need"].replace(UNKNOWN_NEED, "OTH"),
            "year_group": year_group,
            "children": cells["children"],
        }
    )

    def note(column: str, chosen: Any, how: str) -> None:
        children = float(cells.loc[chosen, "children"].sum())
        if children:
            report.estimates.append(estimated(table, column, children, how, label))

    every = pd.Series(True, index=cells.index)
    note(
        "need",
        every,
        "age, need and placement are published two at a time; the three together "
        "are fitted without an interaction of all three, each published count met exactly",
    )
    note("need", cells["need"] == UNKNOWN_NEED, "need not recorded, counted as OTH")
    note("year_group", cells["age"] == 2, "published as under 3, counted as age 2 (year group -2)")
    note(
        "year_group",
        cells["age"] > HIGHEST_YEAR_GROUP + 4,
        f"older than year group {HIGHEST_YEAR_GROUP}, counted in it",
    )
    note(
        "provision",
        cells["placement"] == "placement_unknown",
        "placement not recorded, counted as educated elsewhere",
    )
    note(
        "provision",
        cells["placement"] == OTHER,
        "placement that this version does not know, counted as educated elsewhere",
    )
    note("tier", every, "left blank: the planning model's tier_shares by need apply")
    unrecorded = float(cells.loc[cells["placement"] == "placement_unknown", "children"].sum())
    if unrecorded > 0.05 * cells["children"].sum():
        problems.warn(
            f"for {unrecorded / cells['children'].sum():.0%} of plans no placement is recorded; "
            "they count as educated elsewhere.",
            "ask the SEND team where they are, or import the return itself (import sen2).",
            file=file,
        )
    return frame.groupby(["kind", "need", "year_group"], as_index=False)[["children"]].sum()


def _tell_placing(
    placed: Placed, total: int, label: str, outcome: Outcome, problems: Problems
) -> None:
    """Label how children were placed, and warn of what does not fit."""
    table = "children_today"
    today = outcome.tables[table]
    in_stand_ins = today["provision"].isin(set(placed.stand_ins["provision"]))
    without = float(today.loc[in_stand_ins, "children"].sum())
    if total > without:
        outcome.report.estimates.append(
            estimated(table, "provision", total - without, PLACED_HOW, "table provisions")
        )
    if without:
        outcome.report.estimates.append(
            estimated(table, "provision", without, "only the kind is published; placed in a "
                      "stand-in near home for each kind and phase", label)
        )  # fmt: skip
        kinds = ", ".join(sorted(set(placed.stand_ins["kind"])))
        problems.warn(
            f"no provision of these kinds was given: {kinds}; stand-ins hold their children.",
            "import GIAS and give --provisions, or add the stand-ins to your own tables.",
            file="children_today.csv", column="provision",
        )  # fmt: skip
    for kind, over in placed.overfull.items():
        problems.warn(
            f"the published children ({kind}) are {over:,.0f} more than the rolls of the "
            "provisions hold; the rolls were stretched.",
            "add the provisions that are missing, such as those of other authorities.",
            file="provisions", column="on_roll",
        )  # fmt: skip
    if placed.wrong_age:
        problems.warn(
            f"{placed.wrong_age:,.0f} children are in a year group that no provision of their "
            "kind takes with room; they are placed all the same.",
            "correct the year groups or the rolls of the provisions.",
            file="provisions", column="highest_year_group",
        )  # fmt: skip


def _reproduction(joint: Joint) -> bytes:
    """Every published number beside what children today give."""
    rows = [
        (
            row["age"],
            row["need"].lower(),
            row["placement"],
            row["symbol"] or f"{row['low']:.0f}",
            f"{row['reproduced']:.0f}",
            "exact" if row["low"] == row["high"] == row["reproduced"]
            else "within" if row["low"] <= row["reproduced"] <= row["high"] else "missed",
        )
        for row in joint.facts.to_dict("records")
    ]  # fmt: skip
    header = ("age", "need", "placement", "published", "children_today", "result")
    return csv_bytes(header, rows)


def _rates(
    release: Release, areas: pd.DataFrame, population: pd.DataFrame, base_year: int,
    report: ImportReport,
) -> pd.DataFrame:  # fmt: skip
    """The table rates, from two counts of plans and the files on new and ceased plans.

    As for the shipped model (its sources say it in words): on every cohort, plans a year older in
    the January after are those of the January before that did not cease, and new ones. Ceased
    plans are published at the age at the event, a year above that of the count; of new plans a
    third is a year older than in the count. To age COUNTED_TO few plans cease: the published
    number serves, and the counts give the new plans; after it, the other way round. An age with
    fewer than LEAST_CHILDREN plans in either count is left to the model.
    """
    year = release.january - 1
    new, ceased = release.new_plans.get(year, {}), release.ceased.get(year, {})
    before, after = release.plans.get(year, {}), release.plans.get(release.january, {})
    started = {age: new[age] for age in new if age < OLDEST}
    started |= {
        OLDEST + step: new[OLDEST] * share for step, share in enumerate(OVER_19) if OLDEST in new
    }
    people = population_by_age(areas, population, [base_year])[0]
    enough = {
        age for age in before
        if before[age] >= LEAST_CHILDREN and after.get(age + 1, 0.0) >= LEAST_CHILDREN
    }  # fmt: skip
    new_plans: dict[int, float] = {}
    share: dict[int, float] = {}
    for age in range(3, 24):
        if age + 1 <= COUNTED_TO:
            if age in enough and age + 1 in ceased and new:
                gone = min(ceased[age + 1], before[age])
                share[age] = gone / before[age]
                new_plans[age + 1] = after[age + 1] - before[age] + gone
        elif age + 1 in started:
            joining = (1 - EARLIER) * started[age + 1] + EARLIER * started.get(age + 2, 0.0)
            if after.get(age + 1, 0.0) >= LEAST_CHILDREN:
                new_plans[age + 1] = joining
            if age in enough:
                share[age] = 1 - (after[age + 1] - joining) / before[age]
    rows = []
    for age in sorted({*new_plans, *share}):
        rate = math.nan
        if age in new_plans and people[age] > 0:
            rate = round(1000 * max(0.0, new_plans[age]) / float(people[age]), 3)
        ceasing = round(min(1.0, max(0.0, share[age])), 4) if age in share else math.nan
        rows.append((age - 4, rate, ceasing))
    frame = pd.DataFrame(rows, columns=["year_group", "new_plans_per_1000", "ceasing_share"])
    source = f"{SOURCE}, {year} and January {release.january}"
    if frame["new_plans_per_1000"].notna().any():
        how = f"to age {COUNTED_TO} from the counts of two Januaries, after it new plans by age; "
        how += "over people of the age"
        how += "" if len(population) else ", the age bands of the areas spread evenly"
        report.estimates.append(
            estimated("rates", "new_plans_per_1000", sum(new_plans.values()), how, source)
        )
    if frame["ceasing_share"].notna().any():
        how = (
            f"to age {COUNTED_TO - 1} plans that ceased, transfers left out, over plans of the "
            "January before; after it from the counts of two Januaries"
        )
        report.estimates.append(
            estimated("rates", "ceasing_share", sum(before[age] for age in share), how, source)
        )
    return frame


# ------------------------------------------------------------------ command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sufficiency import published``."""
    parser.add_argument("folder", metavar="FOLDER", type=Path,
                        help="the release, unpacked, or a long table")  # fmt: skip
    parser.add_argument("--authority", metavar="CODE", required=True,
                        help="nine-character code, three-digit code or name")  # fmt: skip
    parser.add_argument("--areas", metavar="FILE", type=Path, required=True,
                        help="the table areas")  # fmt: skip
    parser.add_argument("--provisions", metavar="FILE", type=Path,
                        help="the table provisions; without it children are placed in stand-ins "
                        "by kind")  # fmt: skip
    parser.add_argument("--population", metavar="FILE", type=Path,
                        help="the table population, for rates (default: the areas' age bands)"
                        )  # fmt: skip
    parser.add_argument("--year", metavar="YEAR", type=int,
                        help="the January of the counts, such as 2025 (default: the last one)"
                        )  # fmt: skip
    parser.add_argument("--out", metavar="DIR", type=Path, required=True,
                        help="folder to write children_today.csv into")  # fmt: skip
    parser.add_argument("--replace", action="store_true",
                        help="replace files of the same name")  # fmt: skip


def run(asked: argparse.Namespace, out: Console) -> int:
    """Import, write, and say what was done."""
    outcome = import_published(
        asked.folder, authority=asked.authority, areas=asked.areas, provisions=asked.provisions,
        population=asked.population, january=asked.year,
    )  # fmt: skip
    deliver(outcome, asked.out, out, replace=asked.replace)
    return EXIT_OK
