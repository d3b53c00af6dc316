"""Write docs/tables.md from the manifest: ``python -m sufficiency.tables.reference``."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from sufficiency.tables.manifest import MANIFEST, Column, Table
from sufficiency.vocabulary import KINDS, NEEDS, TIERS

_INTRODUCTION = """\
# Input tables

This page is written from `sufficiency/tables/manifest.py`, which also drives reading and checks.
Do not edit it: run `python -m sufficiency.tables.reference docs/tables.md`.

A table is a file `<name>.csv`, `<name>.parquet` or `<name>.gpkg`. Tables about places lie in
`geodata/<authority>/`, tables about children, schemes and money in `scenarios/<name>/`. In CSV the
header is row 1; capitals, spaces and hyphens in it do not matter. UTF-8 is best; cp1252, a
byte-order mark, Windows line ends, thousands separators (`"1,234"`) and `£` are understood. Lists
are separated by `|`. Every row that cannot be used is named with its column and a remedy, all at
once.

* **Academic year**: `2026/27`. **Financial year**: `2026-27` (April 2026 to March 2027).
* **Year group**: national curriculum year from -4 to 20; 0 = Reception, 12 = Year 12.
* **Coordinates**: metres in EPSG:27700. GeoJSON and GeoPackage boundaries are transformed to it
  (within a few metres).
"""


def render_reference() -> str:
    """Return the text of docs/tables.md: the words used, then one section a table."""
    words = [
        "* **Need**: " + "; ".join(f"`{code}` {label}" for code, label in NEEDS.items()) + ".",
        "* **Kind**: " + "; ".join(f"`{code}` {label}" for code, label in KINDS.items()) + ".",
        "* **Tier** (the support that a child needs, wherever it is placed): "
        + "; ".join(f"{tier} {label.lower()}" for tier, label in TIERS.items())
        + ".",
    ]
    sections = [_section(table) for table in MANIFEST.values()]
    return _INTRODUCTION + "\n".join(words) + "\n" + "".join(sections)


def _section(table: Table) -> str:
    need = "Required" if table.required else "Optional"
    key = f" Rows differ in: {', '.join(f'`{name}`' for name in table.key)}." if table.key else ""
    lines = [
        "",
        f"## {table.title} (`{table.name}`)",
        "",
        table.meaning,
        "",
        f"{need}; lives in `{table.room}`.{key}",
        "",
        "| Column | Type | Unit | Cell | Limits | Meaning |",
        "|---|---|---|---|---|---|",
        *(_row(table, column) for column in table.columns),
        "",
        "For example:",
        "",
        "```csv",
        *example_csv(table).splitlines(),
        "```",
        "",
    ]
    return "\n".join(lines)


def _row(table: Table, column: Column) -> str:
    name = f"**`{column.name}`**" if column.name in table.key else f"`{column.name}`"
    cell = "required" if column.required else f"may be blank: {column.blank}"
    low, high = column.minimum, column.maximum
    limits = (
        "" if low is None else f"from {low:,.10g}" + ("" if high is None else f" to {high:,.10g}")
    )
    known = f" Found in {' or '.join(f'`{r}`' for r in column.reference)}." * bool(column.reference)
    cells = (name, column.type, column.unit, cell, limits, column.meaning + known)
    return "| " + " | ".join(text.replace("|", r"\|") for text in cells) + " |"


def example_csv(table: Table) -> str:
    """Return a header and one row of a fictional authority, as CSV text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(column.name for column in table.columns)
    writer.writerow(column.example for column in table.columns)
    return buffer.getvalue()


if __name__ == "__main__":
    import sys

    Path(sys.argv[1]).write_text(render_reference(), encoding="utf-8", newline="\n")
