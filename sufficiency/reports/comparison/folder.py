"""A comparison written: the page, CSV tables and a stamp, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from sufficiency.plan.run_folder import as_written, write_words
from sufficiency.problems import InputError, Problem
from sufficiency.reports.comparison.conclusions import sentences
from sufficiency.reports.comparison.page import render
from sufficiency.reports.comparison.side_by_side import Comparison
from sufficiency.vocabulary import STATEMENT, academic_year_label
from sufficiency.writing import OTHER_FOLDER, folder_aside

PAGE: Final = "comparison.html"
MARKER: Final = "comparison.json"


@dataclass(frozen=True)
class Written:
    """A comparison that was written: its files, and what it says in sentences."""

    files: tuple[Path, ...]
    sentences: tuple[str, ...]


def write_comparison(run_folders: Sequence[Path], out: Path) -> Written:
    """Compare runs and write comparison.html, CSV tables and comparison.json into a folder.

    Everything is written into a folder beside the wanted one and renamed when complete.

    Args:
        run_folders: two to six run folders; the first is the reference.
        out: folder to make; an earlier comparison there is replaced, anything else refused.

    Raises:
        InputError: listing everything that is wrong: too few runs, a folder that is no run, runs
            without a common year, a folder that cannot be written.
    """
    out = Path(out).absolute()
    found = Comparison.read(run_folders)
    _refuse_unsafe(out, run_folders)
    with folder_aside(out, "the comparison", OTHER_FOLDER) as aside:
        for name, frame in found.tables().items():
            write_words(as_written(frame), aside / f"{name}.csv")
        (aside / PAGE).write_text(render(found), encoding="utf-8", newline="\n")
        text = json.dumps(_stamp(found), indent=2, ensure_ascii=False, default=str)
        (aside / MARKER).write_text(text + "\n", encoding="utf-8")
    names = [PAGE, *(f"{name}.csv" for name in found.tables()), MARKER]
    return Written(tuple(out / name for name in names), tuple(sentences(found)))


def _refuse_unsafe(out: Path, run_folders: Sequence[Path]) -> None:
    if out.exists() and not (out.is_dir() and ((out / MARKER).exists() or not any(out.iterdir()))):
        raise InputError(
            [Problem("this folder exists and is not an earlier comparison.",
                     "choose another folder with --out; only an earlier comparison is replaced.",
                     file=str(out))]
        )  # fmt: skip
    inside = [f for f in run_folders if out.is_relative_to(Path(f).absolute())]
    if inside:
        raise InputError(
            [Problem("a comparison is not written into one of the runs that it compares.",
                     "choose another folder with --out.", file=str(out))]
        )  # fmt: skip


def _stamp(found: Comparison) -> dict[str, Any]:
    """What was compared, with what, and what it says."""
    return {
        "statement": STATEMENT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": version("sufficiency"),
        "reference": found.labels[0],
        "years": [academic_year_label(y) for y in found.years],
        "runs": [
            {
                "label": label,
                "folder": str(run.folder),
                "created": run.stamp.get("created"),
                "inputs": run.stamp.get("inputs", {}),
                "objective_pounds": run.solver.get("objective_pounds"),
                "bound_pounds": run.solver.get("bound_pounds"),
            }
            for label, run in zip(found.labels, found.runs, strict=True)
        ],
        "sentences": sentences(found),
    }
