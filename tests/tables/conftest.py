"""A tiny fictional authority as CSV text; each test spoils one cell of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sufficiency.problems import Problem, Problems
from sufficiency.tables import Tables, check_tables, read_tables

TINY = {
    "areas": """\
area,name,locality,easting,northing,children_0_4,children_5_11,children_12_17,children_18_24,deprivation_decile
A01,Mill Lane,North,451000,312000,400,600,500,550,4
A02,,South,455000,309000,380,610,520,500,
""",
    "boundary": """\
wkt
"POLYGON ((440000 300000, 460000 300000, 460000 320000, 440000 320000, 440000 300000))"
""",
    "provisions": """\
provision,name,kind,easting,northing,lowest_year_group,highest_year_group,needs,tiers,opens,closes,inside_authority
quay,Quayside School,state_special,450000,311000,0,11,ASD|SLD,3|4,,,
schools,Mainstream schools,mainstream,,,-4,14,any,,,,
heron,Heron House,independent_special,500000,400000,4,14,ASD|SEMH,,2020/21,2040/41,
""",
    "commissioned_places": """\
provision,academic_year,places,other_authority_children
quay,2025/26,12,2
quay,2027/28,14,
""",
    "place_limits": """\
provision,limit,academic_year,needs,lowest_year_group,highest_year_group,places
quay,Complex class,,SLD,0,6,8
quay,Complex class,2027/28,SLD,0,6,9
""",
    "candidate_sites": """\
site,name,easting,northing,note
depot,Old depot,452000,310000,
""",
    "schemes": """\
scheme,name,kind,site,provision,needs,tiers,lowest_year_group,highest_year_group,places,earliest_opening,latest_opening,capital_pounds,capital_profile,fill,requires,funding_sources
base,Base,specialist_base,depot,,ASD|SLCN,,0,6,20,2027/28,2030/31,1400000,0.2|0.5|0.3,0.5|1,,grant
wing,New wing,state_special,,quay,ASD,3,0,11,16,2028/29,,900000,,,base,grant|loan
extra,More base places,specialist_base,,base,ASD,,0,6,8,2029/30,,300000,,,,
""",
    "children_today": """\
area,need,tier,year_group,provision,children
A01,ASD,3,4,quay,3
A02,SLD,,0,quay,2
A02,SEMH,1,-1,schools,5
A01,ASD,3,7,heron,1
""",
    "projected_children": """\
academic_year,area,need,tier,year_group,children,joining,draw
2026/27,A01,ASD,3,5,3.5,0.5,
2027/28,A01,ASD,3,6,3.5,,
2028/29,A01,ASD,3,7,3.5,0.25,
2029/30,A01,ASD,3,8,3.5,0,
""",
    "population": """\
academic_year,age,people
2026/27,4,800
2026/27,5,810
""",
    "rates": """\
year_group,new_plans_per_1000,ceasing_share
4,11.5,
5,,0.01
""",
    "budgets": """\
financial_year,source,pounds
2026-27,grant,2500000
2027-28,loan,1000000
""",
    "allocations": """\
financial_year,pounds
2026-27,41000000
""",
    "travel": """\
area,destination,minutes,km
A01,quay,11,4.2
A02,depot,14.5,6
""",
}

Read = Callable[..., tuple[Tables, Problems]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write the tiny authority, with some tables replaced or left out (None); read and check."""

    def run(**texts: str | bytes | None) -> tuple[Tables, Problems]:
        paths = {}
        for name, text in {**TINY, **texts}.items():
            if text is not None:
                paths[name] = tmp_path / f"{name}.csv"
                content = text.encode("utf-8") if isinstance(text, str) else text
                paths[name].write_bytes(content)
        problems = Problems()
        tables = read_tables(paths, problems)
        check_tables(tables, problems, base_year=2025, first_year=2026, last_year=2029)
        return tables, problems

    return run


def spoil(table: str, old: str, new: str) -> str:
    """Return the tiny table with one piece of text replaced, which must stand in it once."""
    assert TINY[table].count(old) == 1, (table, old)
    return TINY[table].replace(old, new)


def assert_named(problem: Problem) -> None:
    """A problem names its file and says what to do in a sentence."""
    assert problem.file
    assert problem.message.endswith((".", "?"))
    assert problem.remedy.endswith(".")
