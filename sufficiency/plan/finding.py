"""What a study found: sentences, tidy tables and map layers in one folder, with its stamp.

Every study leaves the same kind of folder: ``finding.json`` (what it is, its sentences, its stamp),
``tables/`` as CSV and Parquet, ``finding.gpkg`` where there is something to map, ``report.html``,
and ``answers/``, what the search answered, so that a study that was stopped goes on from there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import geopandas
import pandas as pd

from sufficiency.plan.run_folder import as_read, stamp_text, write_tables
from sufficiency.problems import InputError, Problem
from sufficiency.writing import OTHER_FOLDER, folder_aside

MARKER: Final = "finding.json"
TABLES: Final = "tables"
LAYERS: Final = "finding.gpkg"
ANSWERS: Final = "answers"
"""Folder of answers by the hash of their question; it outlives the finding that it is in."""


@dataclass
class Finding:
    """What a study found.

    Attributes:
        kind: the study, such as "site-test": its command, and the key of its page.
        title: heading of the page.
        sentences: the answer in plain English, the most important first.
        tables: tidy tables by name; years as int in the columns that run folders use, -1 for none.
        layers: map layers by name, EPSG:27700.
        stamp: statement, title, authority, scenario, versions, inputs, seed and settings, as in
            run.json, and what the page needs beside the tables.
    """

    kind: str
    title: str
    sentences: list[str]
    tables: dict[str, pd.DataFrame]
    layers: dict[str, geopandas.GeoDataFrame] = field(default_factory=dict)
    stamp: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path, finish: Callable[[Path], object] | None = None) -> Path:
        """Write the folder aside, then put it in the place of an earlier finding, at once.

        Args:
            folder: to make; an earlier finding there is replaced, its ``answers`` are kept.
            finish: called with the unfinished folder: writes the page and the layers there.

        Raises:
            InputError: when the folder holds something else or cannot be written.
        """
        refuse_other(folder)
        with folder_aside(folder, "the result", OTHER_FOLDER) as aside:
            write_tables(self.tables, aside / TABLES)
            (aside / MARKER).write_text(stamp_text(self._head()), encoding="utf-8")
            if finish is not None:
                finish(aside)
            if (folder / ANSWERS).is_dir():
                shutil.copytree(folder / ANSWERS, aside / ANSWERS)
        return folder

    def _head(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "title": self.title,
            "sentences": list(self.sentences),
            "tables": list(self.tables),
            "layers": list(self.layers),
            "stamp": self.stamp,
        }


def refuse_other(folder: Path) -> None:
    """Refuse a folder that holds anything but a finding, or the answers of one not finished.

    Raises:
        InputError: when it does.
    """
    if not folder.exists():
        return
    held = {path.name for path in folder.iterdir()} if folder.is_dir() else {"a file"}
    if held - {ANSWERS} and MARKER not in held:
        raise InputError(
            [Problem("this folder exists and is not an earlier result of a study.",
                     "choose another folder with --out; only an earlier result is replaced.",
                     file=str(folder))]
        )  # fmt: skip


def read_finding(folder: Path) -> Finding:
    """Read a finding back.

    Raises:
        InputError: when the folder is none, or something of it is missing or damaged.
    """
    try:
        head: Mapping[str, Any] = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        tables = {
            str(name): as_read(pd.read_parquet(folder / TABLES / f"{name}.parquet"))
            for name in head["tables"]
        }
        layers = {
            str(name): geopandas.read_file(folder / LAYERS, layer=name) for name in head["layers"]
        }
        return Finding(
            str(head["kind"]), str(head["title"]), [str(s) for s in head["sentences"]],
            tables, layers, dict(head["stamp"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            [Problem("this is no result of a study, or it is damaged.",
                     "give a folder that a study wrote, or run the study again.",
                     file=str(folder), value=str(error))]
        ) from error  # fmt: skip
