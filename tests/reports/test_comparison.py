"""Runs compared: nothing changed, exactly what changed, and what cannot be compared."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sufficiency.cli import main
from sufficiency.pipeline import load_scenario, optimise, write_results
from sufficiency.plan import read_run
from sufficiency.problems import EXIT_BAD_INPUT, EXIT_OK, InputError
from sufficiency.reports import formatting as fmt
from sufficiency.reports.comparison import Comparison, write_comparison
from sufficiency.reports.comparison.conclusions import cause, certainty, verdict
from sufficiency.vocabulary import KINDS, LEDGERS, STATEMENT
from tests.reports.browser import Browser, chromium
from tests.reports.conftest import SCRIPT
from tests.reports.test_report import Page, change_stamp

LEAST_COST = {
    ("over_capacity_share", "Specialist base", "0.1", "0.15"),
    ("over_capacity_share", "State special school", "0.05", "0.12"),
    ("price_over_capacity", "", "£8,000", "£1,000"),
    ("price_per_minute_over_guide", "", "£250", "£0"),
}
"""What models/least-cost.toml changes, and nothing else."""


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small example under the planning model least-cost."""
    folder = tmp_path_factory.mktemp("least") / "least"
    loaded = load_scenario("small", model="least-cost")
    write_results(optimise(loaded, threads=1), loaded, folder, report=False, command="test")
    return folder


@pytest.fixture(scope="module")
def compared(small_run: Path, least: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compared") / "out"
    assert main(["compare", str(small_run), str(least), "--out", str(out)]) == EXIT_OK
    return out


def page(folder: Path) -> Page:
    return Page((folder / "comparison.html").read_text(encoding="utf-8"))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == EXIT_BAD_INPUT
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    return " ".join(said.err.split())


def changed_copy(run: Path, to: Path, **stamp: Any) -> Path:
    folder = Path(shutil.copytree(run, to))
    change_stamp(folder, **stamp)
    return folder


# ------------------------------------------------------------------ nothing changed


def test_a_run_compared_with_itself_has_not_changed(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["compare", str(small_run), str(small_run), "--out", str(out)]) == EXIT_OK
    said = " ".join(capsys.readouterr().out.split())
    assert "nothing changed" in said and "none; every input is the same" in said
    assert "the same in the objective" in said
    assert pd.read_csv(out / "inputs.csv").empty
    for name in ("mix", "placements", "ledger", "travel", "failures"):
        table = pd.read_csv(out / f"{name}.csv")
        differences = [c for c in table if c.endswith("_difference")]
        assert len(table) and differences
        assert (table[differences].fillna(0.0) == 0).all(axis=None), name
    assert pd.read_csv(out / "schemes.csv")["change"].isna().all()
    text = page(out).text
    assert "No input differs." in text and STATEMENT in text
    assert "The same schemes open in the same Septembers." in text


# ------------------------------------------------------------------ what changed


def test_exactly_the_changed_values_are_named(compared: Path) -> None:
    table = pd.read_csv(compared / "inputs.csv", dtype=str, keep_default_na=False)
    model = table[table["part"] == "planning model"]
    found = set(model[["name", "column", "before", "after"]].itertuples(index=False, name=None))
    assert found == LEAST_COST
    assert (model["source_before"] != model["source_after"]).all()
    assert model["source_after"].str.contains("least-cost").all()
    assert set(table["part"]) <= {"planning model", "scenario", "search"}, "no table differs"
    text = page(compared).text
    for key, part, before, after in LEAST_COST:
        row = f"{fmt.capital_first(fmt.words(key))} {part or 'the whole'} {before} {after}"
        assert row in text
    assert "3 assumptions differ together" in text and "cannot be shared out" in text


def test_tables_and_page_hold_the_numbers_of_the_runs(
    compared: Path, small_run: Path, least: Path
) -> None:
    before, after = read_run(small_run), read_run(least)
    mix = pd.read_csv(compared / "mix.csv")
    for plan, column in ((before, "children_reference"), (after, "children")):
        mine = plan.mix[plan.mix["academic_year"] > 2025]
        assert mix[column].sum() == pytest.approx(mine["children"].sum())
    assert set(mix["kind"]) == {*KINDS, "unmet"}
    placements = pd.read_csv(compared / "placements.csv")
    by_kind = placements.groupby(["academic_year", "kind"])["children"].sum()
    again = mix.set_index(["academic_year", "kind"])["children"]
    for key, children in by_kind.items():
        assert children == pytest.approx(again[key])
    ledger = pd.read_csv(compared / "ledger.csv")
    text = page(compared).text
    for name, words in LEDGERS.items():
        sums = []
        for plan, column in ((before, "pounds_reference"), (after, "pounds")):
            full = plan.ledger[plan.ledger["complete"] & (plan.ledger["ledger"] == name)]
            sums.append(float(full["pounds"].sum()))
            mine = ledger[ledger["ledger"] == name]
            assert mine[column].sum() == pytest.approx(sums[-1])
        change = sums[1] - sums[0]
        if abs(change) > 0.5:
            assert f"{words} {fmt.more_or_less(change)}" in text
    schemes = pd.read_csv(compared / "schemes.csv", dtype=str, keep_default_na=False)
    for plan, column in ((before, "opens_reference"), (after, "opens")):
        opened = {s: y for s, y in zip(plan.schemes["scheme"], plan.schemes["opens"], strict=True)}
        for row in schemes.to_dict("records"):
            year = opened[row["scheme"]]
            assert row[column] == ("" if year < 0 else f"{year}/{(year + 1) % 100:02d}")
    differs = schemes[schemes["opens_reference"] != schemes["opens"]]
    assert set(differs["scheme"]) == set(schemes[schemes["change"] != ""]["scheme"])
    failures = pd.read_csv(compared / "failures.csv")
    crowded = after.occupancy[after.occupancy["academic_year"] > 2025]
    assert failures["over_capacity"].sum() == pytest.approx(crowded["over_capacity"].sum())
    travel = pd.read_csv(compared / "travel.csv")
    assert len(travel) and set(travel["phase"]) >= {"all", "primary", "secondary"}


def test_rows_of_tables_are_compared(small_run: Path, tmp_path: Path) -> None:
    """A school's places changed, a scheme gone, a site added: each is listed with its values."""
    other = changed_copy(small_run, tmp_path / "other", inputs={
        "commissioned_places: commissioned_places.csv": "another",
        "schemes: schemes.csv": "another",
    })  # fmt: skip
    path = other / "inputs" / "commissioned_places.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[0, "places"] = "77"
    table.to_csv(path, index=False, lineterminator="\n")
    path = other / "inputs" / "schemes.csv"
    schemes = pd.read_csv(path, dtype=str, keep_default_na=False)
    schemes.iloc[1:].to_csv(path, index=False, lineterminator="\n")
    path = other / "inputs" / "candidate_sites.csv"
    sites = path.read_text(encoding="utf-8") + "new-site,=SUM(A1),573000,306000,\n"
    path.write_text(sites, encoding="utf-8")
    write_comparison([small_run, other], tmp_path / "out")
    found = pd.read_csv(tmp_path / "out" / "inputs.csv", dtype=str, keep_default_na=False)
    rows = found[found["part"].str.startswith("table")]
    changed = rows[rows["name"] == "commissioned_places"].iloc[0]
    assert (changed["change"], changed["column"], changed["after"]) == ("changed", "places", "77")
    gone = rows[rows["name"] == "schemes"].iloc[0]
    assert gone["change"] == "removed" and gone["row"] == "northgate-autism-school"
    assert "capital_pounds: 2760000" in gone["before"]
    new = rows[rows["name"] == "candidate_sites"].iloc[0]
    assert new["change"] == "added" and "name: =SUM(A1)" in new["after"]
    assert new["part"] == "table as used", "its file is said to be the same"
    assert len(rows) == 3
    text = page(tmp_path / "out").text
    assert "2 assumptions differ" not in text or "the table" in text
    said = cause(Comparison.read([small_run, other]), 1)
    assert "the table commissioned_places" in said and "the table schemes" in said
    assert fmt.capital_first(said) in text


def test_one_assumption_is_the_cause(small_run: Path, least: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(least, tmp_path / "other"))
    mine, theirs = (json.loads((f / "inputs" / "rules.json").read_text(encoding="utf-8"))
                    for f in (small_run, other))  # fmt: skip
    one = {**mine, "price_over_capacity": theirs["price_over_capacity"]}
    (other / "inputs" / "rules.json").write_text(json.dumps(one), encoding="utf-8")
    found = Comparison.read([small_run, other])
    assert "only one assumption differs, price over capacity" in cause(found, 1)
    (other / "inputs" / "rules.json").write_text(json.dumps(mine), encoding="utf-8")
    said = cause(Comparison.read([small_run, other]), 1)
    assert "every input is the same" in said and "where the two searches stopped" in said


def test_what_ifs_are_told_from_tables(small_run: Path, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    for room in ("geodata/saltmarch", "scenarios/small"):
        shutil.copytree(root / room, tmp_path / room)
    scenario = tmp_path / "scenarios" / "small" / "late.toml"
    scenario.write_text(
        '[scenario]\nname = "late"\ntitle = "Late"\nextends = "scenario.toml"\n'
        '[[what_if]]\nchange = "delay"\nscheme = "northgate-autism-school"\nyears = 1\n',
        encoding="utf-8",
    )
    loaded = load_scenario(scenario)
    folder = tmp_path / "late"
    write_results(optimise(loaded, gap=0.02, threads=1), loaded, folder, report=False)
    found = Comparison.read([small_run, folder])
    assert found.inputs[1].assumptions == ["what-ifs (scenario)"]
    (table,) = found.inputs[1].tables
    assert table.name == "schemes" and table.derived and table.columns == ("earliest_opening",)
    assert "only one assumption differs" in cause(found, 1)


def test_a_page_says_each_cause_and_each_certainty_once(
    compared: Path, small_run: Path, least: Path, tmp_path: Path
) -> None:
    """Under the question that asks for it; the top says the results and a verdict."""
    three = with_gap(least, tmp_path / "three", 1e9, 0.9e9)
    folders = [small_run, least, three]
    write_comparison(folders, tmp_path / "out")
    for folder, runs in ((compared, folders[:2]), (tmp_path / "out", folders)):
        found, text = Comparison.read(runs), page(folder).text
        for i in found.others:
            label = "" if len(runs) == 2 else f"{found.labels[i]}: "
            for said, question in (
                (cause(found, i), "Which assumption caused it?"),
                (certainty(found, i), "How sure is the difference?"),
            ):
                # The last words: the first one has a capital where it begins a sentence.
                assert text.count(label + said if label else said[1:]) == 1
                assert text.rindex(question) < text.index(said[1:])
            assert f"{verdict(found, i)[1:]}." in text


# ------------------------------------------------------------------ certainty


def with_gap(run: Path, to: Path, cost: float, bound: float) -> Path:
    return changed_copy(run, to, solver={"objective_pounds": cost, "bound_pounds": bound})


def test_overlapping_gaps_prove_nothing(small_run: Path, tmp_path: Path) -> None:
    a = with_gap(small_run, tmp_path / "a", 100e6, 98e6)
    b = with_gap(small_run, tmp_path / "b", 99e6, 97.5e6)
    c = with_gap(small_run, tmp_path / "c", 97e6, 96e6)
    d = with_gap(small_run, tmp_path / "d", 103e6, 100.5e6)
    found = Comparison.read([a, b, c, d])
    said = [certainty(found, i) for i in (1, 2, 3)]
    assert "£1 million cheaper" in said[0] and "the difference is not proven" in said[0]
    assert "the difference is proven" in said[1], "97 is below the bound of 98"
    assert "£3 million dearer" in said[2] and "the difference is proven" in said[2]


# ------------------------------------------------------------------ unlike runs


def test_other_authorities_and_years_are_said(small_run: Path, run: Path, tmp_path: Path) -> None:
    written = write_comparison([small_run, run], tmp_path / "out")
    said = " ".join(written.sentences)
    assert "different authorities (Saltmarch and Tinyshire)" in said
    assert "plan different years" in said and "2026/27 to 2029/30" in said
    assert "the objectives cover other children or other years" in said
    years = pd.read_csv(tmp_path / "out" / "mix.csv")["academic_year"].unique()
    assert list(years) == ["2026/27", "2027/28", "2028/29", "2029/30"]
    inputs = pd.read_csv(tmp_path / "out" / "inputs.csv", dtype=str)
    assert not inputs["part"].str.startswith("table").any()


def test_other_base_years_are_said(small_run: Path, tmp_path: Path) -> None:
    other = changed_copy(small_run, tmp_path / "other", base_year=2026)
    assert "base years differ" in " ".join(Comparison.read([small_run, other]).warnings)


def test_runs_without_a_common_year_are_refused(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = changed_copy(small_run, tmp_path / "other", first_year=2040, last_year=2045)
    out = tmp_path / "out"
    said = refused(capsys, "compare", str(small_run), str(other), "--out", str(out))
    assert "no planned academic year in common" in said and "2040/41" in said
    assert not out.exists()


def test_mistyped_arguments_are_answered(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "at least two runs" in refused(capsys, "compare", str(small_run))
    said = refused(capsys, "compare", str(small_run), str(tmp_path), str(tmp_path / "none"))
    assert said.count("this is no run folder") == 2
    many = [str(small_run)] * 7
    assert "more than 6 runs" in refused(capsys, "compare", *many)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me", encoding="utf-8")
    two = ["compare", str(small_run), str(small_run)]
    assert "not an earlier comparison" in refused(capsys, *two, "--out", str(tmp_path / "mine"))
    assert (tmp_path / "mine" / "notes.txt").exists()
    inside = small_run / "comparison"
    assert "not written into one of the runs" in refused(capsys, *two, "--out", str(inside))
    assert not inside.exists()


def test_a_damaged_run_is_named(
    small_run: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "tables" / "mix.parquet").write_bytes(b"no table")
    said = refused(capsys, "compare", str(small_run), str(run), "--out", str(tmp_path / "out"))
    assert "mix.parquet" in said and str(run) in said


def test_a_failed_audit_is_shown(small_run: Path, tmp_path: Path) -> None:
    other = changed_copy(
        small_run, tmp_path / "other", audit={"passed": False, "differences": ["ledger: £10"]}
    )
    write_comparison([small_run, other], tmp_path / "out")
    assert "failed the independent audit" in page(tmp_path / "out").text


# ------------------------------------------------------------------ the page


def test_names_are_text(run: Path, tmp_path: Path) -> None:
    write_comparison([run, run], tmp_path / "out")
    source = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "<script" not in source.lower()
    assert SCRIPT in page(tmp_path / "out").text
    for path in (tmp_path / "out").glob("*.csv"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.search(r'(^|,)"?[=@]', line), line


def test_earlier_comparisons_are_replaced(small_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_comparison([small_run, small_run], out)
    (out / "stale.txt").write_text("x", encoding="utf-8")
    written = write_comparison([small_run, small_run], out)
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in written.files)
    assert [p for p in tmp_path.iterdir() if p != out] == []


def test_a_run_is_no_comparison(small_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not an earlier comparison"):
        write_comparison([small_run, small_run], Path(shutil.copytree(small_run, tmp_path / "r")))


@pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
def test_the_page_fits_and_asks_for_nothing(compared: Path) -> None:
    program = chromium()
    assert program is not None
    source = (compared / "comparison.html").read_text(encoding="utf-8")
    assert "<script" not in source and len(source) < 5_000_000
    browser = Browser(program)
    try:
        for width in (1280, 390):
            browser.open(compared / "comparison.html", width)
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            assert not browser.errors and not browser.requests
    finally:
        browser.close()
