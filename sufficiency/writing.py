"""How results reach the disk: written aside, then put in place, whole or not at all.

A full disk, a kill or a fault half-way leaves what stood there before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sufficiency.problems import InputError, Problem

CSV_NUMBERS: Final = "%.12g"
"""How numbers stand in CSV files: sums of them agree with sums of what was written from."""

SPACE: Final = "free some disk space, or check that the folder may be written to."
OTHER_FOLDER: Final = (
    "free some disk space or choose another folder with --out; nothing was changed."
)
OPEN_ELSEWHERE: Final = (
    "free some disk space, close it in other programs, and check that the folder may be written to."
)


@contextmanager
def file_aside(
    target: Path, what: str, remedy: str = SPACE, *, also: tuple[type[Exception], ...] = ()
) -> Iterator[Path]:
    """Give the path of a file to write; it takes the place of ``target`` when the block ends well.

    Args:
        target: the file; its folder must exist by the end of the block.
        what: what could not be written, in the words of a planner: "the report".
        remedy: what to do when it cannot be written.
        also: what a library raises, besides OSError, when it cannot write.

    Raises:
        InputError: when it cannot be written.
    """
    with unwritten(target, what, remedy, also), replacing(target) as aside:
        yield aside


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """The same, where the caller says what could not be written, since it writes more than this.

    Raises:
        OSError: when it cannot be written.
    """
    aside = _beside(target, "unfinished")
    try:
        yield aside
        aside.replace(target)
    finally:
        with suppress(OSError):  # the folder itself may be what cannot be written
            aside.unlink(missing_ok=True)


@contextmanager
def folder_aside(folder: Path, what: str, remedy: str = SPACE) -> Iterator[Path]:
    """Give an empty folder to write into; it takes the place of ``folder`` at the end.

    Whether a folder that stands there may be replaced is for the caller to say, beforehand.

    Args:
        folder: the folder wanted; one that exists goes only when the new one is in its place.
        what: what could not be written, in the words of a planner: "the comparison".
        remedy: what to do when it cannot be written.

    Raises:
        InputError: when it cannot be written; what stood there stands there still.
    """
    aside, former = _beside(folder, "unfinished"), _beside(folder, "former")
    with unwritten(folder, what, remedy):
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            yield aside
            try:
                if folder.exists():
                    folder.rename(former)
                aside.rename(folder)
            except BaseException:  # Ctrl-C between the two as well
                if former.exists() and not folder.exists():
                    former.rename(folder)
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            if folder.exists():
                shutil.rmtree(former, ignore_errors=True)


@contextmanager
def unwritten(
    path: Path, what: str, remedy: str, also: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Tell a planner what could not be written in the block, where, and what to do about it.

    Raises:
        InputError: in place of OSError and of what ``also`` names.
    """
    failures: tuple[type[Exception], ...] = (OSError, *also)
    try:
        yield
    except failures as error:
        value = str((error.strerror if isinstance(error, OSError) else None) or error)
        raise InputError(
            [Problem(f"{what} could not be written.", remedy, file=str(path), value=value)]
        ) from error


def _beside(path: Path, state: str) -> Path:
    """A hidden neighbour, of this process alone; with the ending, since libraries go by it."""
    return path.with_name(f".{path.stem}.{os.getpid()}.{state}{path.suffix}")
