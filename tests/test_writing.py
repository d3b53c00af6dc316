"""Results reach the disk whole or not at all, and a planner is told why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sufficiency.plan.run_folder import as_words, write_words
from sufficiency.problems import InputError
from sufficiency.writing import file_aside, folder_aside


class LibraryError(Exception):
    """What a library may raise when it cannot write."""


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_file_takes_the_place_of_the_former_one_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "plan.gpkg"
    target.write_text("former")
    with file_aside(target, "the map") as aside:
        aside.write_text("new")
        assert aside.suffix == ".gpkg", "libraries go by the ending"
        assert target.read_text() == "former"
    assert target.read_text() == "new"
    assert not hidden(tmp_path)


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), LibraryError("closed")])
def test_a_file_that_cannot_be_written_leaves_the_former_one(
    tmp_path: Path, fault: Exception
) -> None:
    target = tmp_path / "report.html"
    target.write_text("former")
    with (
        pytest.raises(InputError, match=r"the report could not be written\..*(No space|closed)"),
        file_aside(target, "the report", also=(LibraryError,)) as aside,
    ):
        aside.write_text("half")
        raise fault
    assert target.read_text() == "former"
    assert not hidden(tmp_path)


def test_a_fault_of_the_program_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), folder_aside(tmp_path / "run", "the result") as aside:
        (aside / "half").write_text("half")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_folder_takes_the_place_of_the_former_one_whole(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "former").write_text("former")
    with folder_aside(folder, "the result") as aside:
        (aside / "new").write_text("new")
        assert [path.name for path in folder.iterdir()] == ["former"]
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert not hidden(tmp_path)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (PermissionError(13, "Permission denied"), InputError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_folder_that_cannot_be_put_in_place_leaves_the_former_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: BaseException,
    told: type[BaseException],
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "former").write_text("former")
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if "unfinished" in path.name:
            raise fault
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with (
        pytest.raises(told, match=r"the result could not be written|^$"),
        folder_aside(folder, "the result") as aside,
    ):
        (aside / "new").write_text("new")
    assert [path.name for path in folder.iterdir()] == ["former"]
    assert not hidden(tmp_path)


def test_a_folder_where_a_file_stands_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(InputError, match="the result could not be written"),
        folder_aside(tmp_path / "file" / "run", "the result"),
    ):
        pass


def test_a_table_is_written_as_pandas_would_and_no_word_is_a_formula(tmp_path: Path) -> None:
    words = ["plain", 'said "so", twice', "two\nlines", "=1+1", "", "None"]
    frame = pd.DataFrame(
        {
            "words": words,
            "gone": ["a", None, "c", None, "e", "-f"],
            "numbers": [1 / 3, -0.0, np.nan, 1e-13, 123456789012345.0, np.inf],
            "whole": range(6),
            "truths": [True, False] * 3,
            "maybe": pd.array([1, None, 3, 4, None, 6], dtype="Int64"),
        }
    )
    for table in (frame, frame[["words"]], frame.iloc[:0]):
        write_words(table, tmp_path / "table.csv")
        expected = as_words(table).to_csv(index=False, float_format="%.12g", lineterminator="\n")
        with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
            assert file.read() == expected
    assert "'=1+1" in as_words(frame)["words"].tolist()
