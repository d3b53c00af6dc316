"""The input tables: declared once, read with every problem named, checked against each other."""

from sufficiency.tables.checks import check_places, check_tables
from sufficiency.tables.manifest import MANIFEST, Column, Table
from sufficiency.tables.reading import (
    Tables,
    empty_table,
    read_boundary,
    read_cells,
    read_table,
    read_tables,
    write_table,
)

__all__ = [
    "MANIFEST",
    "Column",
    "Table",
    "Tables",
    "check_places",
    "check_tables",
    "empty_table",
    "read_boundary",
    "read_cells",
    "read_table",
    "read_tables",
    "write_table",
]
