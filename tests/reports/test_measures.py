"""What is read from several tables together adds up to them, and stands on page and sheets."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from sufficiency.reports import formatting as fmt
from sufficiency.reports import measures, place_map, write_reports
from sufficiency.reports.facts import Run
from sufficiency.reports.sections import sections
from sufficiency.vocabulary import LEDGERS


@pytest.fixture(scope="module")
def run(small_run: Path) -> Run:
    return Run.read(small_run)


def csv(folder: Path, name: str, where: str = "tables") -> pd.DataFrame:
    """A table as a reader of the run folder sees it, not as the reports read it."""
    return pd.read_csv(folder / where / f"{name}.csv")


def year(label: object) -> int:
    return int(str(label)[:4])


class Tables(HTMLParser):
    """Tables of a page: caption to {row header: cells}, as text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: dict[str, dict[str, list[str]]] = {}
        self._caption = self._text = self._header = ""
        self._row: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("caption", "th", "td", "small", "tr"):
            self._text = "" if tag != "small" else self._text + "|"
        if tag == "tr":
            self._row, self._header = [], ""
        if ("scope", "row") in attrs:
            self._header = "?"

    def handle_endtag(self, tag: str) -> None:
        words = self._text.strip()
        if tag == "caption":
            self._caption = words
            self.found.setdefault(words, {})
        elif tag == "th" and self._header == "?":
            self._header = words
        elif tag == "td":
            self._row.append(words)
        elif tag == "tr" and self._header:
            self.found[self._caption][self._header] = self._row

    def handle_data(self, data: str) -> None:
        self._text += data

    def table(self, start: str) -> dict[str, list[str]]:
        return next(rows for caption, rows in self.found.items() if caption.startswith(start))


@pytest.fixture(scope="module")
def page(small_run: Path) -> Tables:
    return Tables(small_run / "report.html")


@pytest.fixture(scope="module")
def book(small_run: Path) -> dict[str, list[tuple[object, ...]]]:
    """Rows below the header of every sheet, totals included."""
    opened = openpyxl.load_workbook(small_run / "workbook.xlsx", data_only=True)
    return {
        sheet.title: [r for r in sheet.iter_rows(min_row=6, values_only=True) if r[0] is not None]
        for sheet in opened.worksheets[1:]
    }


@pytest.mark.parametrize("column", ["need", "phase"])
def test_mixes_by_need_and_phase_add_up_to_the_mix(run: Run, small_run: Path, column: str) -> None:
    whole = csv(small_run, "mix").groupby("academic_year")["children"].sum()
    found = measures.mix_by(run.plan, column).groupby("academic_year")["children"].sum()
    assert {year(y): v for y, v in whole.items()} == pytest.approx(found.to_dict(), abs=1e-4)


def test_children_over_the_border(run: Run, small_run: Path, page: Tables, book: dict) -> None:
    inside = set(
        pd.read_csv(small_run / "inputs" / "provisions.csv").query("inside_authority == 'yes'")[
            "provision"
        ]
    )
    placed = csv(small_run, "placements")
    new = set(csv(small_run, "schemes")["provision"])
    away = placed[~placed["provision"].isin(inside | new)]
    outside = away.groupby("academic_year")["children"].sum()
    found = measures.in_and_out(run, run.plan)
    assert outside.sum() > 0
    expected = {year(y): v for y, v in outside.items()}
    assert {y: found.at[y, "outside"] for y in expected} == pytest.approx(expected, abs=1e-4)
    mix = csv(small_run, "mix").groupby("academic_year")["children"].sum()
    assert found[["inside", "outside", "unmet"]].sum(axis=1).to_list() == pytest.approx(
        mix.to_list(), abs=1e-4
    )
    shown = page.table("Children placed inside and outside the authority, and")
    assert shown["Placed outside it"] == fmt.counts(found["outside"])
    assert shown["Other authorities' children here"] == fmt.counts(found["others"])
    sheet = {str(r[0]): r[1:5] for r in book["Imports and exports"]}
    for label, y in zip(run.labels, run.years, strict=True):
        assert sheet[label] == pytest.approx(tuple(found.loc[y]))


def test_bands_of_journeys_are_those_of_the_summary(
    run: Run, small_run: Path, page: Tables, book: dict
) -> None:
    summary = csv(small_run, "travel_summary")
    for plan, where in ((run.plan, "tables"), (run.without, "without_schemes")):
        assert plan is not None
        table = measures.journeys(run, plan)
        summary = csv(small_run, "travel_summary", where).query("phase == 'all'")
        for r in summary.itertuples(index=False):
            mine = table[year(r.academic_year)]
            assert mine.sum() == pytest.approx(r.children, abs=1e-3)
            assert mine.iloc[3:].sum() == pytest.approx(r.over_45, abs=1e-3)
            assert mine.iloc[5:].sum() == pytest.approx(r.over_75, abs=1e-3)
    table = measures.journeys(run, run.plan)
    shown = page.table("Children by one-way minutes")
    assert shown["15 to 30 minutes"][-1] == fmt.count(table.at["15 to 30", run.last])
    sheet = {str(r[0]): r[1:] for r in book["Journey lengths"]}
    for name in measures.BAND_NAMES:
        assert sheet[name] == pytest.approx(tuple(table.loc[name]))
    assert sheet["All who travel"] == pytest.approx(tuple(table.sum()))


def test_steps_lead_from_one_ledger_to_the_other(run: Run, small_run: Path, book: dict) -> None:
    assert run.without is not None
    for ledger in LEDGERS:
        steps = measures.spending_steps(run, ledger)
        for column, where in (("without", "without_schemes"), ("with_schemes", "tables")):
            table = csv(small_run, "ledger", where)
            total = table.loc[table["complete"] & (table["ledger"] == ledger), "pounds"].sum()
            assert steps[column].sum() == pytest.approx(total, rel=1e-6, abs=1)
        rows = [r for r in book["Unmitigated to mitigated"] if r[0] == LEDGERS[ledger]]
        assert sum(float(str(r[4])) for r in rows) == pytest.approx(steps["change"].sum())


def test_balance_against_the_allocation(run: Run, small_run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_run, tmp_path / "run"))
    ledger = csv(folder, "ledger")
    spent = ledger[ledger["complete"] & (ledger["ledger"] == "dsg")]
    by_year = spent.groupby("financial_year")["pounds"].sum()
    # Overspent in the first year, spent to the pound in the second, underspent from then on.
    given = [v - 1e6 if i == 0 else v + 1e5 * (i > 1) for i, v in enumerate(by_year)]
    pd.DataFrame({"financial_year": by_year.index, "pounds": given}).to_csv(
        folder / "inputs" / "allocations.csv", index=False
    )
    changed = Run.read(folder)
    table = measures.balance(changed, changed.plan)
    assert table["in_year"].to_list() == pytest.approx(
        [-1e6, 0.0, *[1e5] * (len(given) - 2)], abs=1
    )
    assert table["cumulative"].iloc[-1] == pytest.approx(-1e6 + 1e5 * (len(given) - 2), abs=2)
    assert measures.year_of_balance(table) == run.first + 1
    write_reports(folder)
    words = (folder / "report.html").read_text(encoding="utf-8")
    assert f"Yes: from financial year {by_year.index[1]} the plan spends no more" in words
    shown = Tables(folder / "report.html").table("High-needs allocation, spending and balance")
    assert len(shown) == len(given)
    # A year that is overspent after a balanced one is no balance.
    table.loc[table.index[-1], "in_year"] = -1.0
    assert measures.year_of_balance(table) is None


def test_a_scenario_without_allocations_says_so(small_run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_run, tmp_path / "run"))
    (folder / "inputs" / "allocations.csv").unlink(missing_ok=True)
    write_reports(folder)
    words = (folder / "report.html").read_text(encoding="utf-8")
    assert "That cannot be said: the scenario gives no high-needs allocations." in words


def test_prices_move_their_lines_and_nothing_else(
    run: Run, small_run: Path, page: Tables, book: dict
) -> None:
    table = measures.sensitivity(run)
    by_hand = csv(small_run, "ledger")
    by_hand = by_hand[by_hand["complete"]]
    for test in measures.TESTS:
        for share in (-test.share, test.share):
            moved = by_hand["pounds"].where(
                ~by_hand["line"].isin(test.lines), by_hand["pounds"] * (1 + share)
            )
            expected = moved.groupby(by_hand["ledger"]).sum()
            rows = table[(table["test"] == test.name) & (table["share"] == share)]
            for r in rows.itertuples(index=False):
                assert r.pounds == pytest.approx(expected.get(r.ledger, 0.0), rel=1e-6, abs=1)
    scale = fmt.money_scale([float(v) for v in table["pounds"]])
    shown = page.table("The same plan at other prices")
    fees = table[(table["test"] == "Fees of independent schools") & (table["share"] > 0)]
    row = shown["Fees of independent schools: 10% more"]
    assert row[0] == fmt.scaled(float(fees["pounds"].iloc[0]), scale)
    sheet = book["Prices moved"]
    assert len(sheet) == len(table)
    assert [r[3] for r in sheet] == pytest.approx(table["pounds"].to_list())


def test_areas_of_the_map_add_up_to_the_gaps(run: Run, small_run: Path) -> None:
    gaps = csv(small_run, "gaps")
    last = gaps[gaps["academic_year"] == run.labels[-1]]
    counts = place_map.area_counts(run)
    assert counts["missing"].sum() == pytest.approx(last["gap"].sum(), abs=1e-4)
    assert counts["needing"].sum() == pytest.approx(last["children_needing"].sum(), abs=1e-4)


def test_heat_maps_hold_every_place_and_year_in_which_a_child_is_missing(
    run: Run, small_run: Path
) -> None:
    gaps = csv(small_run, "gaps")
    phase = str(gaps.groupby("phase")["gap_without_schemes"].sum().idxmax())
    source = (small_run / "report.html").read_text(encoding="utf-8")
    shown = [f for f in re.findall(r"<figure.*?</figure>", source, re.S) if 'class="heat"' in f]
    title = f'<p class="chart-title">{fmt.capital_first(phase)}: '
    mine = next(f for f in shown if title in f)
    part = gaps[gaps["phase"] == phase].set_index(["designation", "locality", "academic_year"])
    tables = re.findall(r"<table>(.*?)</table>", mine, re.S)
    assert len(tables) == 2
    for text, column in zip(tables, ("gap_without_schemes", "gap"), strict=True):
        assert re.findall(r"<span>(.*?)</span>", text) == run.labels
        designation, seen, shades = "", set(), set()
        for row in re.findall(r"<tr.*?</tr>", text.split("</thead>")[1], re.S):
            name = str(re.findall(r"<th.*?>(.*?)</th>", row)[0])
            cells = re.findall(r'<td(?: class="tone-(\d)")?>(.*?)</td>', row)
            if not cells:
                designation = name
                continue
            seen.add((designation, name))
            for label, (shade, words) in zip(run.labels, cells, strict=True):
                at = (designation, name, label)
                if at not in part.index:
                    assert words == fmt.NONE and not shade
                    continue
                value = float(part.at[at, column])
                assert words == ("" if value < 0.5 else f"{int(value + 0.5):,d}")
                assert bool(shade) == (value >= 0.5)
                shades.add(shade)
        some = part[part[["gap", "gap_without_schemes"]].max(axis=1) >= 0.5]
        assert seen == {key[:2] for key in some.index}, "a row without any number is left out"
        assert len(shades) > 1


def test_milestones_are_counted_back(run: Run, small_run: Path, page: Tables, book: dict) -> None:
    capital = csv(small_run, "capital").query("pounds > 0")
    found = measures.milestones(run).set_index("scheme")
    assert len(found) == len(run.opened) > 0
    for scheme, row in found.iterrows():
        spent = capital[capital["scheme"] == scheme]["financial_year"]
        first = year(spent.min()) if len(spent) else row["opens"]
        assert row["decision"] == f"{first}-04"
        assert row["consultation"] < row["notice"] < row["decision"]
        assert row["notify"] == f"{row['opens'] - 1}-12"
        assert row["full"] >= row["opens"]
    assert len(page.table("The latest month for each step")) == len(found)
    assert [r[0] for r in book["Milestones"]] == list(found.index)


def test_milestones_follow_the_timetable_of_the_model(run: Run) -> None:
    entry = run.rules["statutory_timetable"]
    slow = {"consultation_weeks": 12, "representation_weeks": 6, "decision_months": 3}
    asked = replace(run, rules={**run.rules, "statutory_timetable": {**entry, "value": slow}})
    found = measures.milestones(asked)
    for row in found.itertuples():
        first = row.first_capital
        # Three months before April is January, six weeks before that November, twelve more August.
        assert (row.decision, row.notice, row.consultation) == (
            f"{first}-04", f"{first - 1}-11", f"{first - 1}-08",
        )  # fmt: skip
    words = measures.timetable_words(asked)
    assert "12 weeks of consultation" in words and "3 months to the decision" in words
    assert "were not read in either text" in words


def test_a_run_older_than_the_timetable_counts_nothing_back(run: Run) -> None:
    old = replace(run, rules={k: v for k, v in run.rules.items() if k != "statutory_timetable"})
    found = measures.milestones(old)
    assert (found[["consultation", "notice", "decision"]] == "").all(axis=None)
    assert not found["passed"].any() and (found["notify"] != "").all()
    assert "older than" in measures.timetable_words(old)
    section = next(s for s in sections(old) if s.anchor == "schemes")
    figure = next(b for b in section.blocks if b.kind == "figure")
    assert figure.draw(1000).startswith("<svg")


def test_flows_on_the_page_are_those_of_the_table(run: Run, small_run: Path, page: Tables) -> None:
    table = csv(small_run, "transfers")
    at = table[table["transition_point"] == 7]
    shown = page.table("Transfers into Year 7")
    assert shown["All"][-1] == fmt.count(at["children"].sum())


def test_the_five_questions_stand_in_their_own_words(small_run: Path) -> None:
    text = (small_run / "report.html").read_text(encoding="utf-8")
    seeds = Path(__file__).resolve().parents[3] / "shared" / "seeds"
    found = sorted(seeds.glob("003_*.txt"))
    if not found:
        pytest.skip("the guidance is not beside the project")
    guidance = found[0].read_text(encoding="utf-8")
    part = guidance.split("Appropriate and thorough provision mapping, with potential")[1]
    questions = part.split("Questions to consider:")[1].split("Please see case")[0]
    asked = [q.strip().lstrip("- ") for q in questions.replace("? ", "?\n").splitlines()]
    asked = [q for q in asked if q.endswith("?")]
    assert len(asked) == 5
    assert [q for q in asked if f"<h3>{q}</h3>" not in text.replace("&#39;", "'")] == []


def test_run_of_one_forecast_shows_no_band(run: Run, small_run: Path) -> None:
    text = (small_run / "report.html").read_text(encoding="utf-8")
    assert "No band is drawn" in text
    stamp = json.loads((small_run / "run.json").read_text(encoding="utf-8"))
    assert stamp["draw"] == 0


def test_the_workbook_has_what_other_forecasts_expect(small_run: Path, book: dict) -> None:
    stamp = json.loads((small_run / "run.json").read_text(encoding="utf-8"))
    mix = csv(small_run, "mix").groupby("academic_year")["children"].sum()
    rows = {row[0]: row[1:] for row in book["Other forecasts"]}
    assert list(rows) == list(stamp["demand_band"]["years"])
    for label, (least, most) in stamp["demand_band"]["years"].items():
        assert rows[label] == pytest.approx((least, mix[label], most))
        assert least <= mix[label] <= most
