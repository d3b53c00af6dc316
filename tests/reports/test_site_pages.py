"""The pages and commands of studies of sites: what a planner types, and what then stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import pytest

from sufficiency.cli import main
from sufficiency.plan.finding import read_finding
from sufficiency.reports.page import REPORT
from tests.reports.browser import Browser, chromium

SMALL = ["--threads", "1", "--gap", "0.2", "--time-limit", "20"]
"""Rough answers are enough for a page."""
SCHOOL = ["--needs", "ASD,SLCN", "--places", "24", "--opens", "2029/30", "--capital", "900,000"]


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two points and a candidate site of the small example."""
    folder = tmp_path_factory.mktemp("studies") / "sites"
    code = main(
        ["test-site", "small", "--at", "572600,308500", "--at", "580000,306000", "--site",
         "fen-lane", *SCHOOL, "--out", str(folder), *SMALL]
    )  # fmt: skip
    assert code == 0
    return folder


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "map"
    code = main(
        ["map-value", "small", *SCHOOL, "--points", "20", "--exact", "2", "--out", str(folder),
         *SMALL]
    )  # fmt: skip
    assert code == 0
    return folder


def test_a_test_of_sites_leaves_page_tables_and_layers(tested: Path) -> None:
    page = (tested / REPORT).read_text(encoding="utf-8")
    for words in (
        "Which of these places is best for such a school?", "Is there a better use of the money?",
        "Where would these children otherwise be?", "Which schools lose or gain children?",
        "It allocates no child", "INTERNAL", "572600,308500", "Net present value", "not proven",
    ):  # fmt: skip
        assert words in page, words
    assert "<script" not in page
    finding = read_finding(tested)
    assert finding.tables["sites"]["site"].tolist() == ["A", "B", "C"]
    for name in finding.tables:
        assert (tested / "tables" / f"{name}.csv").is_file()
    layers = geopandas.list_layers(tested / "finding.gpkg")["name"].tolist()
    assert {"authority", "areas", "provisions", "sites", "layer_styles"} <= set(layers)
    areas = geopandas.read_file(tested / "finding.gpkg", layer="areas")
    assert areas.crs == 27700
    caught = finding.tables["catchment"]
    last = caught[(caught["site"] == "A") & (caught["academic_year"] == 2035)]
    assert areas["children_A"].sum() == pytest.approx(last["children"].sum())


def test_what_the_tables_say_agrees(tested: Path) -> None:
    """Children by area, by origin and in the fill are the same children."""
    tables = read_finding(tested).tables
    for site in ("A", "B", "C"):
        fill = tables["fill"][tables["fill"]["site"] == site]
        for year, children in zip(fill["academic_year"], fill["children"], strict=True):
            for name in ("catchment", "origins", "journeys"):
                frame = tables[name]
                here = frame[(frame["site"] == site) & (frame["academic_year"] == year)]
                assert here["children"].sum() == pytest.approx(children, abs=1e-3), (name, year)
        rolls = tables["rolls"]
        by_year = rolls[rolls["site"] == site].groupby("academic_year")["change"].sum()
        unmet = tables["origins"][(tables["origins"]["site"] == site)
                                  & (tables["origins"]["kind"] == "unmet")]  # fmt: skip
        gone = unmet.set_index("academic_year")["change_of_all"].reindex(by_year.index).fillna(0)
        assert (by_year + gone).abs().max() < 1e-3
        lines = tables["lines"][tables["lines"]["site"] == site]
        row = tables["sites"].set_index("site").loc[site]
        assert -lines["change_pounds"].sum() == pytest.approx(
            row["net_present_value_pounds"], abs=1.0
        )


def test_a_map_of_values_leaves_page_tables_and_layers(mapped: Path) -> None:
    page = (mapped / REPORT).read_text(encoding="utf-8")
    for words in ("Where would such a school be worth most?", "Quick value too high by",
                  "never too low", "sufficiency test-site small --at"):  # fmt: skip
        assert words in page, words
    points = read_finding(mapped).tables["points"]
    assert points["exact_pounds"].notna().sum() == 2
    values = geopandas.read_file(mapped / "finding.gpkg", layer="values")
    assert len(values) == len(points)


def test_report_writes_the_pages_again(tested: Path, mapped: Path) -> None:
    for folder in (tested, mapped):
        before = (folder / REPORT).read_text(encoding="utf-8")
        (folder / REPORT).unlink()
        assert main(["report", str(folder)]) == 0
        assert (folder / REPORT).read_text(encoding="utf-8") == before


def test_the_console_shows_the_sites_side_by_side(tested: Path, capsys: Any) -> None:
    """The answers are kept, so that this is quick; it also replaces the folder."""
    code = main(
        ["test-site", "small", "--at", "572600,308500", "--at", "580000,306000", "--site",
         "fen-lane", *SCHOOL, "--out", str(tested), *SMALL]
    )  # fmt: skip
    said = capsys.readouterr().out
    assert code == 0
    assert "Net present" in said
    assert "none is published" in said
    assert "It allocates no child" in " ".join(said.split())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["test-site", "small", "--at", "-0.3,52.6", *SCHOOL], "these are degrees, not metres"),
        (["test-site", "small", "--postcode", "PE1 1AA", *SCHOOL], "postcodes need a file"),
        (["test-site", "small", "--at", "100000,50000", *SCHOOL], "lies far from the authority"),
        (["test-site", "small", "--postcode", "ZZ9 9ZZ", "--postcodes", "POSTCODES", *SCHOOL],
         "not in the file of postcodes"),
        (["test-site", "small", "--at", "572600,308500", "--needs", "ADHD", "--places", "20"],
         "no such need"),
        (["test-site", "small", "--at", "572600,308500", "--needs", "ASD", "--places", "0"],
         "helps nobody"),
        (["test-site", "small", "--at", "572600,308500", "--needs", "ASD", "--places", "20",
          "--opens", "2026/27"], "cannot open before September 2029"),
        (["map-value", "small", "--needs", "ASD", "--places", "20", "--points", "0"],
         "whole number from 1 to 2,000"),
    ],
)  # fmt: skip
def test_bad_input_is_answered_in_a_sentence_and_writes_nothing(
    given: list[str], words: str, capsys: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    (postcodes := tmp_path.parent / f"{tmp_path.name}-ONSPD_UK.csv").write_text(
        "pcds,oseast1m,osnrth1m,doterm\nEX1 1AA,460000,300000,\n"
    )
    given = [str(postcodes) if word == "POSTCODES" else word for word in given]
    monkeypatch.chdir(tmp_path)
    assert main(given) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert words in said
    assert "Remedy:" in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_a_point_in_the_sea_is_tried_with_a_warning(tmp_path: Path, capsys: Any) -> None:
    outside = "600000,303000"
    given = ["--at", outside, *SCHOOL, "--gap", "20%", "--out", str(tmp_path / "sea")]
    assert main(["test-site", "small", *given]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "warning --at" in said
    assert "in a neighbouring area or in the sea" in said
    page = (tmp_path / "sea" / REPORT).read_text(encoding="utf-8")
    assert "in a neighbouring area or in the sea" in page


def test_a_folder_of_something_else_is_refused_before_any_search(
    tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    code = main(["test-site", "small", "--at", "572600,308500", *SCHOOL, "--out", str(tmp_path)])
    assert code == 2
    assert "not an earlier result" in " ".join(capsys.readouterr().err.split())
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_a_text_that_is_no_number_is_refused_by_the_command_line(capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["test-site", "small", "--at", "1,1", "--needs", "ASD", "--places", "many"])
    assert caught.value.code == 2
    assert "'many' is no number" in capsys.readouterr().err


def test_no_page_names_a_child_or_a_small_release(tested: Path) -> None:
    """Nothing of a study is published: publish takes runs alone."""
    assert main(["publish", str(tested), "--out", str(tested.parent / "release")]) == 2


@pytest.mark.skipif(chromium() is None, reason="there is no Chromium to look at the page with")
@pytest.mark.parametrize("which", ["tested", "mapped"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_a_telephone_and_a_desk(
    which: str, width: int, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(which)
    program = chromium()
    assert program is not None
    browser = Browser(program)
    try:
        browser.open(folder / REPORT, width)
        assert browser.errors == []
        assert browser.requests == []
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        # A tile holds its number.
        spilt = browser.evaluate(
            "[...document.querySelectorAll('.tiles li')].filter("
            "e => e.scrollWidth > e.clientWidth + 1).length"
        )
        assert spilt == 0
        shown = "narrow" if width < 480 else "wide"
        drawn = browser.evaluate(
            f"[...document.querySelectorAll('figure .{shown} svg')].filter("
            "e => e.getBoundingClientRect().width > 100).length"
        )
        assert drawn >= (6 if which == "tested" else 1)
        empty = browser.evaluate(
            "[...document.querySelectorAll('td')].filter(e => /NaN|nan|None/.test(e.textContent))"
            ".length"
        )
        assert empty == 0
    finally:
        browser.close()


def test_tables_hold_no_formula_and_no_code_of_a_machine(tested: Path) -> None:
    for path in (tested / "tables").glob("*.csv"):
        frame = pd.read_csv(path, dtype=str)
        for column in frame:
            assert not frame[column].dropna().str.match(r"^[=@+]").any(), (path.name, column)
    page = (tested / REPORT).read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=\"https?:", page)
