"""The overrides file: what an authority knows better than a register. It always wins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from sufficiency.problems import Problems
from sufficiency.tables import MANIFEST, Column, Table, read_table
from sufficiency.tables.reading import report_rows


def _may_be_blank(name: str) -> Column:
    """A column of provisions as an override: a blank cell changes nothing."""
    column = MANIFEST["provisions"].column(name)
    return replace(column, required=False, default=None, blank="not changed")


OVERRIDDEN: Final = ("name", "kind", "easting", "northing", "lowest_year_group",
                      "highest_year_group", "needs", "tiers", "designation", "opens", "closes",
                      "fee_pounds", "top_up_pounds", "physical_capacity", "on_roll")  # fmt: skip

_NUMBER = MANIFEST["commissioned_places"].column("places")

OVERRIDES: Final = Table(
    "overrides",
    "Overrides",
    "What the authority knows better than the register. A blank cell changes nothing.",
    (
        Column("provision", "text", True, meaning="URN, or URN-RP or URN-SENU for a base."),
        Column("exclude", "yes/no", False, blank="not changed"),
        *(_may_be_blank(name) for name in OVERRIDDEN),
        Column("academic_year", "academic year", False, blank="the year of the import"),
        replace(_NUMBER, required=False, blank="not changed"),
        replace(_NUMBER, name="other_authority_children", required=False, blank="not changed"),
    ),
    ("provision", "academic_year"),
    False,
    "geodata",
)
"""The file of overrides. ``exclude`` = no keeps an establishment that would be left out."""


def read_overrides(path: Path | None, problems: Problems) -> pd.DataFrame:
    frame = read_table(OVERRIDES, path or Path("none"), Problems() if path is None else problems)
    pair = frame["easting"].notna() != frame["northing"].notna()
    if path is None:
        return frame
    say = ("one coordinate is given without the other.", "give both, or neither.")
    report_rows(problems.error, frame[pair], "provision", path.name, say)
    twice = frame.duplicated(["provision", "academic_year"])
    say = ("stands twice for the same year.", "keep one row.")
    report_rows(problems.error, frame[twice], "provision", path.name, say)
    for name in ("exclude", *OVERRIDDEN):
        filled = frame[frame[name].map(is_filled).astype(bool)]
        different = filled[filled.groupby("provision")[name].transform("nunique") > 1]
        say = ("the rows of one provision differ.", "write the same in each, or leave one blank.")
        report_rows(problems.error, different, name, path.name, say)
    frame.attrs["file"] = path.name
    return frame


def is_filled(value: object) -> bool:
    return value not in ("", (), -1) and not (isinstance(value, float) and np.isnan(value))
