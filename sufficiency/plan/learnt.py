"""What a search has learnt of a scenario, kept beside its results for the next study of it.

The file holds prices and plans as arrays, under the hash of the scenario's inputs. It is a place to
begin from and nothing more: whoever reads it works out every bound and every cost anew.
"""

from __future__ import annotations

import contextlib
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sufficiency.plan.finding import ANSWERS

FILE: Final = "learnt.npz"
_CONTENT: Final = "content"
_UNREADABLE: Final = (
    OSError, EOFError, KeyError, ValueError, MemoryError, RuntimeError,
    SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading a file raises that is missing or damaged; a changed byte may also garble a header,
or say that the archive is encrypted or packed in a way that is not known (RuntimeError)."""


def write_learnt(folder: Path, content: str, learnt: Mapping[str, NDArray[Any]]) -> None:
    """Keep what was learnt in the ``answers`` of a folder: written aside, then renamed.

    What cannot be written is learnt again, so a full disk is no error here.

    Args:
        folder: of a run or a finding.
        content: hash of the inputs that it was learnt of.
        learnt: arrays by name; nothing is written where there are none.
    """
    if not learnt:
        return
    aside = folder / ANSWERS / f".{FILE}.{os.getpid()}.unfinished"
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **{_CONTENT: np.array(content), **learnt})
        aside.replace(aside.with_name(FILE))
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def read_learnt(folders: Iterable[Path], content: str | None) -> dict[str, NDArray[Any]]:
    """What was learnt of the same inputs, from the first folder that has it; else nothing.

    Args:
        folders: of runs and findings.
        content: hash of the inputs; None: of whatever inputs, as for a run that is opened again,
            whose own folder has what its search learnt.
    """
    for folder in folders:
        try:
            with np.load(folder / ANSWERS / FILE, allow_pickle=False) as kept:
                found = {name: kept[name] for name in kept.files}
        except _UNREADABLE:
            continue
        of = str(found.pop(_CONTENT, ""))
        if content is None or of == content:
            return found
    return {}
