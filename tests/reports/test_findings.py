"""What any study leaves behind: its folder, read back as it was, and its page."""

from __future__ import annotations

import json
import math
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point

from sufficiency.plan.finding import ANSWERS, Finding, read_finding
from sufficiency.problems import InputError
from sufficiency.reports.findings import is_finding, rewrite_finding, write_finding
from sufficiency.reports.page import REPORT


def some_finding(sentence: str = "One site is better.") -> Finding:
    table = pd.DataFrame(
        {"site": ["=A1", "B"], "academic_year": [2027, -1], "pounds": [1.25, math.nan]}
    )
    points = geopandas.GeoDataFrame(
        {"site": ["A", "B"]}, geometry=[Point(4e5, 3e5), Point(4.1e5, 3e5)], crs=27700
    )
    return Finding(
        "no-such-study", "A title & more", [sentence, "Another sentence."], {"sites": table},
        {"sites": points}, {"name": "tiny", "created": "2026-09-01T10:00:00+00:00", "seed": 3},
    )  # fmt: skip


def test_a_finding_is_read_back_as_it_was(tmp_path: Path) -> None:
    finding = some_finding()
    write_finding(finding, tmp_path / "out")
    found = read_finding(tmp_path / "out")
    assert (found.kind, found.title, found.sentences) == (
        finding.kind, finding.title, finding.sentences,
    )  # fmt: skip
    assert found.stamp == finding.stamp
    pd.testing.assert_frame_equal(found.tables["sites"], finding.tables["sites"])
    assert list(found.layers["sites"].geometry) == list(finding.layers["sites"].geometry)
    assert found.layers["sites"].crs == finding.layers["sites"].crs
    text = (tmp_path / "out" / "tables" / "sites.csv").read_text(encoding="utf-8")
    # A name is no formula, and a year is written as readers write it.
    assert "'=A1,2027/28,1.25" in text
    assert "B,," in text


def test_numbers_that_json_has_no_word_for_are_read_back(tmp_path: Path) -> None:
    """A search that proved no bound leaves one that is infinite: strict readers refuse Infinity."""
    finding = some_finding()
    finding.stamp["best"] = {"bound_pounds": -math.inf, "gaps": [np.float64(np.inf), 0.5]}
    write_finding(finding, tmp_path / "out")

    def refuse(word: str) -> None:
        raise AssertionError(f"not JSON: {word}")

    text = (tmp_path / "out" / "finding.json").read_text(encoding="utf-8")
    best = json.loads(text, parse_constant=refuse)["stamp"]["best"]
    assert float(best["bound_pounds"]) == -math.inf
    assert [float(gap) for gap in best["gaps"]] == [math.inf, 0.5]


def test_a_page_shows_sentences_and_tables_even_where_nobody_designed_it(tmp_path: Path) -> None:
    write_finding(some_finding("Is <b> shown?"), tmp_path / "out")
    page = (tmp_path / "out" / REPORT).read_text(encoding="utf-8")
    for words in ("Is &lt;b&gt; shown?", "Another sentence.", "tables/sites.csv", "2027/28"):
        assert words in page
    assert "<script" not in page
    (tmp_path / "out" / REPORT).unlink()
    rewrite_finding(tmp_path / "out")
    assert (tmp_path / "out" / REPORT).read_text(encoding="utf-8") == page


def test_an_earlier_finding_is_replaced_and_its_answers_kept(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / ANSWERS).mkdir(parents=True)
    (folder / ANSWERS / "a.json").write_text("{}")
    write_finding(some_finding("First."), folder)
    assert is_finding(folder)
    write_finding(some_finding("Second."), folder)
    assert read_finding(folder).sentences[0] == "Second."
    assert (folder / ANSWERS / "a.json").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_anything_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "letters"
    other.mkdir()
    (other / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="not an earlier result"):
        write_finding(some_finding(), other)
    assert (other / "letter.txt").read_text() == "dear"
    with pytest.raises(InputError, match="no result of a study"):
        read_finding(other)


def test_a_failure_leaves_the_former_finding(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_finding(some_finding("First."), folder)

    def fail(aside: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="could not be written"):
        some_finding("Second.").write(folder, fail)
    assert read_finding(folder).sentences[0] == "First."
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
