"""docs/tables.md is written from the manifest, and its examples work."""

from __future__ import annotations

from pathlib import Path

import pytest

from sufficiency.problems import Problems
from sufficiency.tables import MANIFEST, check_tables, read_tables
from sufficiency.tables.reference import example_csv, render_reference

DOCUMENT = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render_reference(), (
        "run: python -m sufficiency.tables.reference docs/tables.md"
    )


def test_the_example_rows_make_a_sound_authority(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.csv" for name in MANIFEST}
    for name, path in paths.items():
        path.write_text(example_csv(MANIFEST[name]), encoding="utf-8")
    problems = Problems()
    tables = read_tables(paths, problems)
    check_tables(tables, problems, base_year=2025, first_year=2026, last_year=2026)
    assert problems.errors == []


@pytest.mark.parametrize("table", MANIFEST.values(), ids=list(MANIFEST))
def test_the_manifest_agrees_with_itself(table: object) -> None:
    from sufficiency.tables import Table

    assert isinstance(table, Table)
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert set(table.key) <= set(names)
    for column in table.columns:
        assert column.meaning
        assert column.required == (column.blank == "")
        assert column.required is False or column.example
        for reference in column.reference:
            other, _, key = reference.partition(".")
            assert key in MANIFEST[other].key
