"""Whatever a table holds in memory is the same after writing and reading it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sufficiency.problems import Problems
from sufficiency.tables import MANIFEST, Column, Tables, read_table, write_table
from sufficiency.tables.manifest import BLANK
from sufficiency.vocabulary import KINDS, NEEDS, TIERS

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="|"),
    min_size=1,
    max_size=8,
)
TABLES = [name for name in MANIFEST if name != "boundary"]


def cells(column: Column) -> st.SearchStrategy[Any]:
    low = 0 if column.minimum is None else column.minimum
    high = 1e9 if column.maximum is None else column.maximum
    whole = st.integers(int(low), int(high))
    share = st.floats(0, 1)
    filled: dict[str, st.SearchStrategy[Any]] = {
        "text": st.lists(WORDS, min_size=1, max_size=3).map(" ".join),
        "number": st.floats(low, high) | whole.map(float),
        "whole number": whole,
        "year group": whole,
        "academic year": st.integers(1990, 2150),
        "financial year": st.integers(1990, 2150),
        "need": st.sampled_from(list(NEEDS)),
        "kind": st.sampled_from(list(KINDS)),
        "tier": st.sampled_from(list(TIERS)),
        "yes/no": st.sampled_from(["yes", "no"]),
        "needs": st.sets(st.sampled_from(list(NEEDS)), min_size=1).map(lambda s: tuple(sorted(s))),
        "tiers": st.sets(st.sampled_from(list(TIERS)), min_size=1).map(lambda s: tuple(sorted(s))),
        "shares": st.lists(share, min_size=1, max_size=4).map(tuple),
        "names": st.lists(WORDS, min_size=1, max_size=3, unique=True).map(tuple),
    }
    if column.required or column.default is not None:
        return filled[column.type]
    return filled[column.type] | st.just(BLANK.get(column.type, ""))


def frames(name: str) -> st.SearchStrategy[pd.DataFrame]:
    columns = {column.name: cells(column) for column in MANIFEST[name].columns}
    rows = st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=5)
    return rows.map(pd.DataFrame)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("name", TABLES)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_writing_and_reading_give_the_same_frame(
    tmp_path: Path, name: str, suffix: str, data: st.DataObject
) -> None:  # fmt: skip
    given_frame = data.draw(frames(name))
    problems = Problems()
    memory = Tables.from_frames({name: given_frame}, problems=problems).frame(name)
    assert [p for p in problems.errors if "DataFrame" in p.file] == []
    path = tmp_path / f"{name}.{suffix}"
    write_table(memory, name, path)
    problems = Problems()
    again = read_table(name, path, problems)
    assert problems == Problems()
    pd.testing.assert_frame_equal(again, memory)
    first = path.read_bytes()
    write_table(again, name, path)
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_table_is_written_as_a_planner_would_edit_it(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "_row": [2],
            "children": [3.0],
            "tier": [0],
            "academic_year": [2026],
            "need": ["ASD"],
            "joining": [math.nan],
            "area": ["A, 1"],
            "year_group": [-1],
        }
    )
    write_table(frame, "projected_children", tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_bytes() == (
        b'academic_year,area,need,tier,year_group,children,joining\n2026/27,"A, 1",ASD,,-1,3,\n'
    )
    scheme = pd.DataFrame(
        {"scheme": ["s"], "needs": [tuple(sorted(NEEDS))], "capital_profile": [(0.25, 0.75)],
         "requires": [("a", "b")], "latest_opening": [-1]}
    )  # fmt: skip
    write_table(scheme, "schemes", tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text().splitlines()[1] == "s,any,,0.25|0.75,a|b"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("old")
    with pytest.raises(KeyError):
        write_table(pd.DataFrame(), "rate", path)
    with pytest.raises(OSError, match="missing"):
        write_table(pd.DataFrame({"year_group": [1]}), "rates", tmp_path / "missing" / "rates.csv")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["rates.csv"]
