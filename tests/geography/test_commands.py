"""``sufficiency travel`` as a planner uses it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sufficiency.cli import main
from sufficiency.pipeline import load_scenario
from sufficiency.problems import EXIT_BAD_INPUT

ROOT = Path(__file__).resolve().parents[2]
GEODATA = ROOT / "geodata" / "saltmarch"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The small example, copied so that a test may change it."""
    for room in ("geodata/saltmarch", "scenarios/small"):
        shutil.copytree(ROOT / room, tmp_path / room)
    return tmp_path / "scenarios" / "small"


def said(capsys: pytest.CaptureFixture[str]) -> str:
    both = capsys.readouterr()
    assert "Traceback" not in both.out + both.err
    return " ".join((both.out + both.err).split())


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["travel", *arguments]) == EXIT_BAD_INPUT
    return said(capsys)


def test_straight_lines_are_labelled_and_a_plan_counts_them_as_estimated(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "geodata" / "saltmarch" / "travel.csv"
    assert main(["travel", "matrix", str(small), "--source", "straight-line",
                 "--out", str(out)]) == 0  # fmt: skip
    text = said(capsys)
    assert "665 of 665 journeys from 35 areas to 19 places, by straight line" in text
    assert "6 provisions without coordinates are near home" in text
    table = pd.read_csv(out)
    assert set(table["basis"]) == {"straight line"}
    loaded = load_scenario(small)
    loaded.question()
    # Two schemes at one site are two provisions to a plan: more pairs than in the table.
    assert "805 of 805 journeys were estimated from straight lines." in loaded.estimates


def test_a_file_of_seconds_becomes_the_travel_table(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = pd.read_csv(GEODATA / "travel.csv")
    wide = known.pivot(index="area", columns="destination", values="minutes") * 60
    wide.iloc[3, 2] = np.nan
    wide.to_csv(tmp_path / "matrix.csv")
    out = tmp_path / "travel.parquet"
    assert main(["travel", "matrix", str(small), "--source", "file", "--file",
                 str(tmp_path / "matrix.csv"), "--out", str(out)]) == 0  # fmt: skip
    text = said(capsys)
    assert "Times are read as seconds." in text
    assert "No way was found for 1 journeys" in text
    table = pd.read_parquet(out)
    both = known.merge(table, on=["area", "destination"], suffixes=("", "_read"), how="outer")
    assert both["minutes_read"].isna().sum() == 1
    assert (both["minutes"] - both["minutes_read"]).abs().max() < 0.051
    unreachable = pd.read_csv(tmp_path / "travel.unreachable.csv")
    assert unreachable[["area", "destination"]].to_numpy().tolist() == [
        [wide.index[3], wide.columns[2]]
    ]
    # The next matrix knows every way: the list of the last one would speak of other journeys.
    assert main(["travel", "matrix", str(small), "--source", "straight-line",
                 "--out", str(out)]) == 0  # fmt: skip
    assert sorted(p.name for p in tmp_path.glob("travel.*")) == ["travel.parquet"]


def test_tables_instead_of_a_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "travel.csv"
    assert main(["travel", "matrix", "--areas", str(GEODATA / "areas.csv"), "--provisions",
                 str(GEODATA / "provisions.csv"), "--sites",
                 str(GEODATA / "candidate_sites.csv"), "--source", "straight-line",
                 "--out", str(out)]) == 0  # fmt: skip
    assert "665 of 665" in said(capsys)
    assert main(["travel", "matrix", "--areas", str(GEODATA / "areas.csv"), "--provisions",
                 str(GEODATA / "provisions.csv"), "--source", "straight-line",
                 "--out", str(out)]) == 0  # fmt: skip
    assert "525 of 525 journeys from 35 areas to 15 places" in said(capsys)


def test_what_is_missing_is_asked_for(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    matrix = ("matrix", str(small), "--out", str(tmp_path / "t.csv"), "--source")
    assert "name it with --file" in refused(capsys, *matrix, "file")
    assert "with --map" in refused(capsys, *matrix, "roads")
    assert "no areas are given" in refused(capsys, "matrix", *matrix[2:], "straight-line")
    assert "end its name in .csv" in refused(
        capsys, "matrix", str(small), "--out", "t.xlsx", "--source", "straight-line"
    )
    assert "in a folder that exists" in refused(
        capsys, "matrix", str(small), "--out", "no/t.csv", "--source", "straight-line"
    )
    remote = refused(capsys, *matrix, "service", "--url", "https://router.example.org")
    assert "not on this machine" in remote
    assert not list(tmp_path.glob("t*"))


def test_degrees_in_the_tables_are_refused(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "geodata" / "saltmarch" / "areas.csv"
    frame = pd.read_csv(path)
    frame = frame.astype({"easting": float, "northing": float})
    frame.loc[0, ["easting", "northing"]] = [0.5, 52.1]
    frame.to_csv(path, index=False)
    text = refused(capsys, "matrix", str(small), "--source", "straight-line",
                   "--out", str(tmp_path / "t.csv"))  # fmt: skip
    assert "look like degrees" in text and "row 2" in text


def test_journeys_faster_than_any_car_are_questioned(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = pd.read_csv(GEODATA / "travel.csv")
    far = known["km"] > 15
    known.loc[far[far].index[0], "minutes"] = 1
    known.to_csv(tmp_path / "m.csv", index=False)
    assert main(["travel", "matrix", str(small), "--source", "file", "--file",
                 str(tmp_path / "m.csv"), "--out", str(tmp_path / "t.csv")]) == 0  # fmt: skip
    assert "1 journeys run faster than 110 km an hour" in said(capsys)


def test_fit_prints_an_entry_and_its_error(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["travel", "fit", str(GEODATA / "travel.csv"), str(small)]) == 0
    text = said(capsys)
    assert "[travel_estimate]" in text and "median error" in text
    assert "fixed_minutes" in text and "road_km_per_straight_km" in text
