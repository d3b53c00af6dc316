"""Checks between tables: each spoiled authority gives the one problem that it should."""

from __future__ import annotations

import pytest

from sufficiency.tables.checks import CHECKS
from tests.tables.conftest import TINY, Read, assert_named, spoil

ERRORS = [
    # table, old, new, row, column, value, message, remedy
    ("children_today", "A01,ASD,3,4", "A03,ASD,3,4", 2, "area", "A03", "no known area; did",
     "areas.csv"),
    ("children_today", "4,quay", "4,quai", 2, "provision", "quai", "did you mean 'quay'", "add it"),
    ("children_today", "A02,SEMH,1,-1,schools", "A02,SLD,,0,quay", 4, "area", "A02",
     "of row 3", "keep one"),
    ("projected_children", "2026/27,A01", "2026/27,A1", 2, "area", "A1", "no known area", "areas"),
    ("commissioned_places", "quay,2025/26", "key,2025/26", 2, "provision", "key", "no known",
     "provisions.csv"),
    ("commissioned_places", "2027/28", "2025/26", 3, "provision", "quay", "of row 2", "keep one"),
    ("place_limits", "class,2027/28", "class,", 3, "provision", "quay", "of row 2", "keep one"),
    ("travel", "A01,quay", "A01,heronn", 2, "destination", "heronn", "provision or site", "add it"),
    ("schemes", "specialist_base,depot", "specialist_base,deppot", 2, "site", "deppot",
     "no known site", "candidate_sites.csv"),
    ("schemes", "state_special,,quay", "state_special,,quays", 3, "provision", "quays",
     "provision or scheme", "add it"),
    ("schemes", "base,grant|loan", "bass,grant|loan", 3, "requires", "bass",
     "'bass' is no known scheme; did you mean 'base'", "correct it"),
    ("schemes", "grant|loan", "grant|lone", 3, "funding_sources", "grant|lone",
     "'lone' is no known source", "budgets.csv"),
    ("schemes", "specialist_base,depot,", "specialist_base,depot,quay", 2, "site", "depot",
     "both given", "not both"),
    ("schemes", "specialist_base,depot", "specialist_base,", 2, "site", "", "are blank", "fill"),
    ("schemes", "base,Base", "heron,Base", 2, "scheme", "heron",
     "identifier of a provision", "another"),
    ("schemes", "state_special,,quay,ASD", "state_special,,quay,ASD|HI", 3, "needs", "ASD|HI",
     "beyond needs of quay (ASD|SLD)", "candidate site"),
    ("schemes", "ASD,3,0,11", "ASD,2,0,11", 3, "tiers", "2", "beyond tiers of quay (3|4)", "widen"),
    ("schemes", "ASD,3,0,11", "ASD,3,-1,11", 3, "lowest_year_group", "-1", "beyond", "widen"),
    ("schemes", "ASD,3,0,11", "ASD,3,0,12", 3, "highest_year_group", "12", "(11)", "widen"),
    ("schemes", "wing,state_special", "wing,specialist_base", 3, "kind", "specialist_base",
     "beyond kind of quay", "candidate site"),
    ("schemes", "specialist_base,,base", "state_special,,wing", 4, "provision", "wing",
     "creates no provision", "name the provision"),
    ("schemes", "0.5|1,,grant", "0.5|1,wing,grant", 2, "requires", "wing",
     "base -> wing -> base", "remove"),
    ("schemes", "0.5|1,,grant", "0.5|1,base,grant", 2, "requires", "base", "base -> base",
     "remove"),
    ("schemes", "2027/28,2030/31", "2028/29,2027/28", 2, "earliest_opening", "2028/29",
     "after latest_opening", "swap"),
    ("schemes", "0.2|0.5|0.3", "0.2|0.5", 2, "capital_profile", "0.2|0.5", "up to 0.7",
     "correct"),
    ("schemes", "0.5|1,", "0.5|0.9,", 2, "fill", "0.5|0.9", "rise and end at 1", "end at 1"),
    ("budgets", "2026-27,grant", "2026-27,a|b", 2, "source", "a|b", "separates names", "another"),
    ("provisions", "0,11,ASD", "12,11,ASD", 2, "lowest_year_group", "12", "above", "swap"),
    ("provisions", "2020/21,2040/41", "2040/41,2040/41", 4, "opens", "2040/41", "not before closes",
     "later"),
    ("provisions", "schools,Mainstream schools,mainstream",
     "schools,Mainstream schools,specialist_base", 3, "provision", "schools",
     "specialist base has no commissioned places", "commissioned_places.csv"),
    ("provisions", "450000,311000", "450000,", 2, "northing", "", "only one of", "fill both"),
    ("provisions", "450000,311000", "-1.26,52.69", 2, "easting", "-1.26", "look like degrees",
     "EPSG:27700"),
    ("areas", "451000,312000", "52.69,-1.26", 2, "easting", "52.69", "look like degrees",
     "EPSG:27700"),
    ("areas", "451000,312000", "951000,312000", 2, "easting", "951000", "outside the British",
     "swapped"),
    ("areas", "451000,312000", "-3000,312000", 2, "easting", "-3000", "outside the British",
     "0 to 700,000"),
    ("areas", "451000,312000", "451000,1400000", 2, "northing", "1400000", "outside the British",
     "0 to 1,300,000"),
    ("candidate_sites", "452000,310000", "150000,600000", 2, "easting", "150000", "200 km",
     "correct easting"),
    ("candidate_sites", "452000,310000", "309000,552000", 2, "easting", "309000", "200 km",
     "may be swapped"),
    ("provisions", "450000,311000", "111000,650000", 2, "easting", "111000", "200 km", "correct"),
    ("projected_children", "2026/27", "2024/25", 2, "academic_year", "2024/25",
     "outside the horizon", "begin with 2026/27"),
    ("projected_children", "2027/28", "2033/34", None, "academic_year", "2027/28",
     "no row for some planned years", "shorten"),
    ("projected_children", "3.5,0.5", "3.5,4", 2, "joining", "4", "exceeds children", "included"),
    ("candidate_sites", "depot,Old", "quay,Old", 2, "site", "quay", "identifier of a provision",
     "another"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "old", "new", "row", "column", "value", "message", "remedy"),
    ERRORS,
    ids=[f"{e[0]}.{e[4]}: {e[6]}" for e in ERRORS],
)
def test_an_error_between_tables_is_named(
    read: Read, table: str, old: str, new: str, row: int | None, column: str, value: str,
    message: str, remedy: str,
) -> None:  # fmt: skip
    _, problems = read(**{table: spoil(table, old, new)})
    matching = [p for p in problems.errors if message in p.message]
    assert len(matching) == 1, problems.errors
    problem = matching[0]
    assert problem.file == f"{table}.csv"
    assert (problem.row, problem.column, problem.value) == (row, column, value)
    assert remedy in problem.remedy
    assert_named(problem)


WARNINGS = [
    ("children_today", "quay,3", "quay,9", "provisions.csv", 2, "provision", "quay",
     "children today (11) exceed the places left by other authorities (10)"),
    ("children_today", "7,heron", "3,heron", "children_today.csv", 5, "year_group", "3",
     "outside the year groups"),
    ("provisions", "2020/21", "2026/27", "children_today.csv", 5, "provision", "heron",
     "not open in the base year 2025/26"),
    ("provisions", "2040/41", "2025/26", "children_today.csv", 5, "provision", "heron",
     "not open in the base year 2025/26"),
    ("commissioned_places", "2027/28", "2030/31", "commissioned_places.csv", 3, "academic_year",
     "2030/31", "outside the horizon"),
    ("commissioned_places", "2025/26", "2024/25", "commissioned_places.csv", 2, "academic_year",
     "2024/25", "outside the horizon"),
    ("budgets", "2026-27", "2035-36", "budgets.csv", 2, "financial_year", "2035-36",
     "outside the horizon"),
    ("allocations", "2026-27", "2025-26", "allocations.csv", 2, "financial_year", "2025-26",
     "outside the horizon"),
    ("schemes", "2027/28,2030/31", "2030/31,2031/32", "schemes.csv", 2, "earliest_opening",
     "2030/31", "never open"),
    ("schemes", "2027/28,2030/31", "2024/25,2025/26", "schemes.csv", 2, "latest_opening",
     "2025/26", "never open"),
    ("provisions", "500000,400000", "500000,600000", "provisions.csv", 4, "easting", "500000",
     "more than 200 km"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "old", "new", "file", "row", "column", "value", "message"),
    WARNINGS,
    ids=[f"{w[0]}: {w[2]}" for w in WARNINGS],
)
def test_a_doubt_is_a_warning(
    read: Read, table: str, old: str, new: str, file: str, row: int, column: str, value: str,
    message: str,
) -> None:  # fmt: skip
    _, problems = read(**{table: spoil(table, old, new)})
    assert problems.errors == []
    (warning,) = problems.warnings
    assert (warning.file, warning.row) == (file, row)
    assert (warning.column, warning.value) == (column, value)
    assert message in warning.message
    assert_named(warning)


def test_a_missing_boundary_becomes_the_hull_of_the_areas(read: Read) -> None:
    tables, problems = read(boundary=None)
    assert problems.errors == []
    assert "hull of the areas" in problems.warnings[0].message
    assert tables.boundary is not None
    assert tables.boundary.bounds == pytest.approx((449_000, 307_000, 457_000, 314_000), abs=5)
    assert tables.provisions["inside_authority"].tolist() == ["yes", "yes", "no"]


def test_the_boundary_of_another_authority_is_an_error(read: Read) -> None:
    far = TINY["boundary"].replace("44", "34").replace("46", "36")
    _, problems = read(boundary=far)
    (problem,) = problems.errors
    assert "2 of 2 areas lie outside the boundary" in problem.message


def test_what_the_planner_says_of_inside_authority_stands(read: Read) -> None:
    tables, _ = read(provisions=spoil("provisions", "2040/41,", "2040/41,yes"))
    assert tables.provisions["inside_authority"].tolist() == ["yes", "yes", "yes"]


def test_an_absent_table_gives_one_problem_and_not_one_a_row(read: Read) -> None:
    _, problems = read(areas=None, commissioned_places=None)
    assert sorted(p.file for p in problems.errors) == ["areas.csv", "commissioned_places.csv"]
    _, problems = read(budgets=None)
    assert problems.errors == []


def test_a_bad_cell_does_not_set_off_other_checks(read: Read) -> None:
    _, problems = read(provisions=spoil("provisions", "0,11,ASD", "x,11,ASD"))
    assert [p.column for p in problems.errors] == ["lowest_year_group"]


def test_every_check_says_what_it_checks() -> None:
    assert len(set(CHECKS)) == len(CHECKS)
    assert all(check.__doc__ for check in CHECKS)
