"""The workbook: every number is one of the audited tables, and stays so in another program."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyogrio
import pytest
import xlsxwriter
from openpyxl.worksheet.worksheet import Worksheet

from sufficiency.cli import main
from sufficiency.plan import Plan, read_run
from sufficiency.problems import EXIT_BAD_INPUT
from sufficiency.reports import layouts, workbook, write_reports
from sufficiency.reports.facts import LINES, Run
from sufficiency.vocabulary import (
    HIGHEST_YEAR_GROUP,
    KINDS,
    LEDGERS,
    LOWEST_YEAR_GROUP,
    NEEDS,
    academic_year_label,
    financial_year_label,
    year_group_name,
)
from tests.reports.test_report import change_table

HEAD = workbook.HEADER_ROW + 1
UNMET = "No suitable place (unmet)"
KIND_WORDS = {**KINDS, "unmet": UNMET}

Rows = list[list[Any]]


def opened(path: Path, values: bool = True) -> Any:
    return openpyxl.load_workbook(path, data_only=values)


def table(page: Worksheet) -> tuple[list[str], Rows]:
    """Headers and rows of a sheet, its total row included."""
    rows = [[cell.value for cell in row] for row in page.iter_rows(min_row=HEAD)]
    return [str(h) for h in rows[0]], [r for r in rows[1:] if r[0] is not None]


@pytest.fixture(scope="module")
def book(small_run: Path) -> Any:
    return opened(small_run / "workbook.xlsx")


@pytest.fixture(scope="module")
def plan(small_run: Path) -> Plan:
    return read_run(small_run)


@pytest.fixture(scope="module")
def everyone(plan: Plan) -> pd.DataFrame:
    unmet = plan.unmet.assign(kind="unmet", provision="")
    return pd.concat([plan.placements, unmet], ignore_index=True)


def same(value: Any, expected: float) -> bool:
    if expected != expected:
        return isinstance(value, str)
    return isinstance(value, int | float) and math.isclose(
        value, expected, rel_tol=1e-9, abs_tol=1e-7
    )


# ------------------------------------------------------------------ numbers


def expect_by_year(
    rows: Rows, header: list[str], people: pd.DataFrame, keys: Callable[[list[Any]], dict[str, Any]]
) -> None:
    """Every year of every row is the sum over the children with the row's attributes."""
    start = next(i for i, h in enumerate(header) if h[:4].isdigit())
    seen = 0.0
    for row in rows:
        part = people
        for column, wanted in keys(row).items():
            part = part[part[column].isin(wanted if isinstance(wanted, list) else [wanted])]
        by_year = part.groupby("academic_year")["children"].sum()
        for name, value in zip(header[start:], row[start:], strict=True):
            assert same(value, float(by_year.get(int(name[:4]), 0.0))), (row[:start], name)
            seen += value
    years = [int(h[:4]) for h in header[start:]]
    assert seen == pytest.approx(people[people["academic_year"].isin(years)]["children"].sum())


def kind_of(words: str) -> str:
    return next(k for k, w in KIND_WORDS.items() if w == words)


def test_placement_mix_by_kind_need_and_phase(book: Any, everyone: pd.DataFrame) -> None:
    need = {name: code for code, name in NEEDS.items()}
    for sheet, keys in (
        ("Placement mix", lambda r: {"kind": kind_of(r[0])}),
        ("Mix by need", lambda r: {"need": need[r[1]], "kind": kind_of(r[2])}),
        ("Mix by phase", lambda r: {"phase": r[0].lower(), "kind": kind_of(r[1])}),
    ):
        header, rows = table(book[sheet])
        assert rows[-1][0] == "All children"
        expect_by_year(rows[:-1], header, everyone, keys)


def test_totals_are_sums_of_their_rows_and_of_the_plan(book: Any, plan: Plan) -> None:
    mix = plan.mix.groupby("academic_year")["children"].sum()
    for sheet in ("Placement mix", "Mix in groups", "Mix by need", "Mix by phase",
                  "In and out of area", "DSG children", "DSG needs"):  # fmt: skip
        header, rows = table(book[sheet])
        for at, name in enumerate(header):
            if name[:4].isdigit():
                assert same(rows[-1][at], math.fsum(r[at] for r in rows[:-1]))
                assert same(rows[-1][at], float(mix[int(name[:4])])), (sheet, name)


TIDY: dict[str, tuple[str, dict[int, str]]] = {
    "Phase transfers": ("transfers", {6: "children"}),
    "Occupancy": ("occupancy", {4: "commissioned_places", 5: "scheme_places",
                                6: "other_authority_children", 7: "children", 8: "over_capacity",
                                9: "beyond_limit", 10: "vacant"}),
    "Place limits": ("limits", {4: "places", 5: "children", 6: "beyond_limit"}),
    "Gaps": ("gaps", {4: "children_needing", 5: "in_local_state_places", 6: "gap",
                      7: "in_local_state_places_without_schemes", 8: "gap_without_schemes"}),
    "Value of a place": ("marginal_values", {3: "pounds"}),
    "Capital": ("capital", {4: "pounds"}),
}  # fmt: skip


@pytest.mark.parametrize("sheet", TIDY)
def test_tidy_sheets_are_their_tables(sheet: str, book: Any, plan: Plan) -> None:
    name, columns = TIDY[sheet]
    frame: pd.DataFrame = getattr(plan, name)
    _, rows = table(book[sheet])
    body = rows[: len(frame)]
    assert len(body) == len(frame) > 0 and len(rows) - len(frame) <= 1
    for at, column in columns.items():
        for row, expected in zip(body, frame[column], strict=True):
            assert same(row[at], float(expected)), (row, column)
    identity = {"academic_year": academic_year_label, "financial_year": financial_year_label}
    for column, label in identity.items():
        if column in frame:
            at = [label(int(y)) for y in frame[column]]
            assert [next(c for c in r if isinstance(c, str) and c in set(at)) for r in body] == at


def test_local_places_and_journeys(book: Any, plan: Plan) -> None:
    gaps = plan.gaps.groupby("academic_year").sum(numeric_only=True)
    _, rows = table(book["Local places"])
    columns = ["children_needing", "in_local_state_places", "gap",
               "in_local_state_places_without_schemes", "gap_without_schemes"]  # fmt: skip
    assert len(rows) == len(gaps)
    for row in rows:
        for value, column in zip(row[1:], columns, strict=True):
            assert same(value, float(gaps.loc[int(row[0][:4]), column]))
    measures = ["children", "median_minutes", "p90_minutes", "over_guide", "over_45", "over_75"]
    travel = plan.travel_summary.set_index(["academic_year", "phase"])
    _, rows = table(book["Journeys"])
    _, by_phase = table(book["Journeys by phase"])
    found = [(r[0], "all", r[1:]) for r in rows] + [(r[0], r[1], r[2:]) for r in by_phase]
    assert len(found) == len(travel)
    for year, phase, values in found:
        expected = travel.loc[(int(year[:4]), phase), measures]
        assert all(same(v, float(e)) for v, e in zip(values, expected, strict=True))


def test_schemes_and_ledgers(book: Any, plan: Plan) -> None:
    header, rows = table(book["Schemes"])
    schemes = plan.schemes.set_index("scheme")
    assert len(rows) == len(schemes) and header[4:6] == ["Places", "Capital"]
    for row in rows:
        assert same(row[4], float(schemes.loc[row[0], "places"]))
        assert same(row[5], float(schemes.loc[row[0], "capital_pounds"]))
        opens = int(schemes.loc[row[0], "opens"])
        assert row[8] == (academic_year_label(opens) if opens >= 0 else "does not open")
    assert plan.without_schemes is not None
    both = {"with the plan's schemes": plan, "committed schemes only": plan.without_schemes}
    header, rows = table(book["Ledgers"])
    for at, name in enumerate(header[2:], start=2):
        title, words = name.split(", ")
        ledger = next(k for k, v in LEDGERS.items() if v == title)
        mine = both[words].ledger
        mine = mine[mine["ledger"] == ledger]
        *complete, total, apart = rows
        for row in [*complete, apart]:
            part = mine[mine["financial_year"] == int(row[0][:4])]
            assert same(row[at], float(part["pounds"].sum()))
        # As on the page: the year of which the plan holds five months is in no total.
        assert (total[0], apart[1]) == ("All complete years", "no: five months only")
        assert same(total[at], float(mine.loc[mine["complete"].astype(bool), "pounds"].sum()))
    _, rows = table(book["Ledger lines"])
    expected = [
        (words, financial_year_label(int(r.financial_year)), LEDGERS[r.ledger], LINES[r.line],
         KINDS[r.kind], r.pounds)
        for words, p in both.items() for r in p.ledger.itertuples(index=False)
    ]  # fmt: skip
    assert [tuple(r[:5]) for r in rows] == [e[:5] for e in expected]
    assert all(same(r[5], e[5]) for r, e in zip(rows, expected, strict=True))
    _, rows = table(book["Present value"])
    assert same(rows[-1][2], plan.present_value_pounds)
    assert same(rows[-1][3], plan.without_schemes.present_value_pounds)


# ------------------------------------------------------------------ returns


def test_school_capacity_survey(book: Any, everyone: pd.DataFrame, small_run: Path) -> None:
    first = Run.read(small_run).first
    kinds = {
        "UR": ["specialist_base"],
        "IN": ["independent_special"],
        "SS": ["state_special", "out_of_area_state_special", "non_maintained_special"],
        "AP": ["alternative_provision"],
    }
    for sheet, stem, groups, ahead in (
        ("SCAP SEND primary", "180300", range(7), 5),
        ("SCAP SEND secondary", "180301", range(7, 12), 7),
    ):
        header, rows = table(book[sheet])
        assert header[3:] == [*map(year_group_name, groups), "All year groups"]
        codes = [f"{stem}{i} {k}" for i, k in enumerate(kinds, start=1)]
        assert [r[0] or "" for r in rows] == [c for c in [*codes, ""] for _ in range(ahead)]
        for row in rows:
            year = int(row[2][:4])
            assert first <= year < first + ahead
            wanted = kinds[row[0].split()[1]] if row[0] else ["unmet"]
            part = everyone[(everyone["academic_year"] == year) & everyone["kind"].isin(wanted)]
            if not row[0]:
                part = part[part["tier"] >= 2]
            for value, group in zip(row[3:-1], groups, strict=True):
                expected = part.loc[part["year_group"] == group, "children"].sum()
                assert same(value, float(expected))
            assert same(row[-1], math.fsum(row[3:-1]))


def test_dsg_management_plan(book: Any, everyone: pd.DataFrame, plan: Plan, small_run: Path
                             ) -> None:  # fmt: skip
    ages = {"Under 5": (-4, 0), "5 to 10": (1, 6), "11 to 15": (7, 11), "16 to 19": (12, 15),
            "20 to 25": (16, 20)}  # fmt: skip
    categories = {
        "Mainstream schools or academies": ["mainstream"],
        "Resourced provision or SEN units": ["specialist_base"],
        "Maintained special schools or special academies": ["state_special",
                                                            "out_of_area_state_special"],
        "Non-maintained special schools or independent": ["non_maintained_special",
                                                          "independent_special"],
        "Hospital schools or alternative provision": ["alternative_provision"],
        "Post-16 and further education": ["further_education", "specialist_post_16"],
        "Other placements or direct payments": ["educated_elsewhere"],
        "No suitable place in the plan": ["unmet"],
    }  # fmt: skip
    header, rows = table(book["DSG children"])
    expect_by_year(
        rows[:-1], header, everyone,
        lambda r: {"kind": categories[r[0]],
                   "year_group": list(range(ages[r[1]][0], ages[r[1]][1] + 1))},
    )  # fmt: skip
    header, rows = table(book["DSG needs"])
    expect_by_year(rows[:-1], header, everyone, lambda r: {"kind": categories[r[0]], "need": r[1]})
    header, rows = table(book["DSG money"])
    assert plan.without_schemes is not None
    given = pd.read_csv(small_run / "inputs" / "allocations.csv")
    allocation = {int(y[:4]): float(p) for y, p in given.to_numpy()}
    for words, p in (("Unmitigated: committed schemes only", plan.without_schemes),
                     ("Mitigated: with the plan's schemes", plan)):  # fmt: skip
        mine = {r[1]: r[2:] for r in rows if r[0] == words}
        ledger = p.ledger[p.ledger["ledger"] == "dsg"]
        built_up = 0.0
        for at, name in enumerate(header[2:]):
            year = ledger[ledger["financial_year"] == int(name[:4])]
            for category, kinds in categories.items():
                if category in mine:
                    expected = year.loc[year["kind"].isin(kinds), "pounds"].sum()
                    assert same(mine[category][at], float(expected)), (category, name)
            assert same(mine["All high-needs spending"][at], float(year["pounds"].sum()))
            balance = allocation[int(name[:4])] - float(year["pounds"].sum())
            built_up += balance
            assert same(mine["In-year balance (minus: overspent)"][at], balance)
            assert same(mine["Balance built up since April 2026"][at], built_up)
        assert len(mine) == len(categories) - 1 + 4


def test_local_send_reform_plan(book: Any, everyone: pd.DataFrame, small_run: Path) -> None:
    header, rows = table(book["LSRP"])
    assert header[3:] == ["2025", "2026", "2027", "2028", "2029"]
    totals = {}
    for row in rows:
        for year, value in zip(header[3:], row[3:], strict=True):
            if not isinstance(value, str):
                totals[row[0], year] = totals.get((row[0], year), 0.0) + value
    everybody = everyone.groupby("academic_year")["children"].sum()
    elsewhere = everyone[everyone["kind"].isin(["educated_elsewhere", "unmet"])]
    aside = elsewhere.groupby("academic_year")["children"].sum()
    for year in header[3:]:
        for section in ("5.1", "6", "7"):
            assert same(totals[section, year], float(everybody[int(year)])), section
        within = sum(totals[f"7.{i}", year] for i in range(1, 8))
        assert same(within, float(everybody[int(year)] - aside.get(int(year), 0.0)))
    # Non-maintained special schools count with independent schools here, and not in SCAP.
    part = everyone[everyone["kind"].isin(["non_maintained_special", "independent_special"])]
    asd = part[part["need"] == "ASD"].groupby("academic_year")["children"].sum()
    line = next(r for r in rows if r[0] == "7.5" and "(ASD)" in r[2])
    assert all(same(v, float(asd.get(int(y), 0.0))) for y, v in zip(header[3:], line[3:],
                                                                     strict=True))  # fmt: skip
    asked = {r[2]: r[3:] for r in rows if r[0] == "6"}
    assert asked["Support bases"] == ["not available"] * 5
    early = everyone[(everyone["kind"] == "mainstream") & (everyone["year_group"] < 0)]
    first = early.loc[early["academic_year"] == 2025, "children"].sum()
    assert same(next(v for k, v in asked.items() if k.startswith("Early years"))[0], float(first))
    projected = pd.read_csv(small_run / "inputs" / "projected_children.csv")
    new = projected.groupby("academic_year")["joining"].sum()
    joined = next(r for r in rows if r[0] == "12")
    assert joined[3] == "not available"
    assert same(joined[4], float(new["2026/27"]))


def test_place_changes_are_notified_in_the_december_before(book: Any, plan: Plan) -> None:
    _, rows = table(book["Place changes"])
    assert rows
    table_of = plan.occupancy.set_index(["provision", "academic_year"])
    changes = 0
    for (provision, year), r in table_of.iterrows():
        if r["kind"] not in ("specialist_base", "state_special", "alternative_provision"):
            continue
        if (provision, year - 1) not in table_of.index:
            continue
        before = table_of.loc[(provision, year - 1)]
        now = r[["commissioned_places", "scheme_places"]].sum()
        change = now - before[["commissioned_places", "scheme_places"]].sum()
        changes += abs(change) > 1e-9
    assert changes == len(rows)
    for row in rows:
        year = int(row[1][:4])
        assert row[0] == f"early December {year - 1}"
        now, before = (table_of.loc[(row[2], y)] for y in (year, year - 1))
        assert same(row[6], float(now[["commissioned_places", "scheme_places"]].sum()))
        assert same(row[7], row[6] - row[5]) and row[7] != 0
        assert same(row[8], float(now["scheme_places"] - before["scheme_places"]))
        assert (row[9] or "") == ("past when this plan was made" if year == 2026 else "")


def test_every_child_is_in_one_line_of_every_complete_return() -> None:
    cells = [
        (kind, group)
        for kind in [*KINDS, "unmet"]
        for group in range(LOWEST_YEAR_GROUP, HIGHEST_YEAR_GROUP + 1)
    ]
    kinds = pd.Series([k for k, _ in cells])
    groups = pd.Series([g for _, g in cells])
    for layout in (layouts.DSG, layouts.LSRP):
        assert (layout.group_of(kinds, groups) != "").all()
        for kind, group in cells:
            fits = {g.name for g in layout.groups
                    if kind in g.kinds and g.lowest <= group <= g.highest}  # fmt: skip
            assert len(fits) == 1, (layout.name, kind, group)
    scap = layouts.SCAP.group_of(kinds, groups)
    assert set(kinds[scap != ""]) == {
        "specialist_base", "independent_special", "state_special", "out_of_area_state_special",
        "non_maintained_special", "alternative_provision",
    }  # fmt: skip
    assert set(groups[scap != ""]) == set(range(12))


def test_regroupings_are_printed(book: Any) -> None:
    _, rows = table(book["Regroupings"])
    said = {(r[0], r[2]): r[3] for r in rows}
    assert (
        "Non-maintained"
        in said[
            "School capacity survey, SEND forecast",
            "State-funded and non-maintained special schools, primary",
        ]
    )
    assert "Non-maintained" in said["DSG management plan",
                                    "Non-maintained special schools or independent"]  # fmt: skip


# ------------------------------------------------------------------ form


def test_contents_lists_every_sheet(book: Any, small_run: Path) -> None:
    links = {
        cell.value: cell.hyperlink.location
        for cell in opened(small_run / "workbook.xlsx", False)["Contents"]["A"]
        if cell.hyperlink
    }
    assert links == {name: f"'{name}'!A1" for name in book.sheetnames[1:]}


def test_every_sheet_is_marked_frozen_and_has_units(book: Any) -> None:
    for page in book:
        marks = [c.value for row in page.iter_rows(max_row=2) for c in row if c.value]
        assert any(str(m).startswith(workbook.MARK) for m in marks), page.title
        assert page.oddHeader.left.text.startswith("INTERNAL")
        if page.title == "Contents":
            continue
        assert page.freeze_panes and page.freeze_panes.endswith(str(HEAD + 1)), page.title
        header, _ = table(page)
        units = [page.cell(HEAD - 1, at + 1).value for at in range(len(header))]
        assert all(units), (page.title, units)
        assert page.print_title_rows


def test_formulas_only_add_what_stands_above(small_run: Path) -> None:
    book, values = (opened(small_run / "workbook.xlsx", v) for v in (False, True))
    formulas = [(p.title, c) for p in book for row in p.iter_rows() for c in row
                if c.data_type == "f"]  # fmt: skip
    assert len(formulas) > 50
    for title, cell in formulas:
        last = cell.row - 1
        assert cell.value == f"=SUM({cell.column_letter}{HEAD + 1}:{cell.column_letter}{last})"
        assert isinstance(values[title][cell.coordinate].value, int | float)


def test_charts_stand_where_they_help(small_run: Path) -> None:
    book = opened(small_run / "workbook.xlsx", False)
    drawn = {page.title for page in book if page._charts}
    assert drawn == {"Mix in groups", "Local places", "Journeys", "Ledgers"}


def test_a_run_without_schemes_or_with_evil_names_still_opens(run: Path) -> None:
    evil = {"P": '=HYPERLINK("http://example.org","free")', "I": "@SUM(A1)", "M": "-1+1"}
    plan = read_run(run)
    occupancy = pd.read_parquet(run / "tables" / "occupancy.parquet")
    occupancy["name"] = occupancy["provision"].map(evil).fillna("+1")
    change_table(run, "occupancy", occupancy)
    gaps = pd.read_parquet(run / "tables" / "gaps.parquet").assign(locality="=1+1")
    change_table(run, "gaps", gaps)
    change_table(run, "schemes", pd.read_parquet(run / "tables" / "schemes.parquet").iloc[:0])
    change_table(run, "capital", pd.read_parquet(run / "tables" / "capital.parquet").iloc[:0])
    write_reports(run)
    assert len(plan.schemes)
    book = opened(run / "workbook.xlsx", False)
    names = {c.value for c in book["Occupancy"]["C"]}
    assert set(evil.values()) <= names
    formulas = [c.value for p in book for row in p.iter_rows() for c in row if c.data_type == "f"]
    assert formulas and all(str(f).startswith("=SUM(") and ":" in f for f in formulas)
    assert not [f for f in formulas if "HYPERLINK" in f or f == "=1+1"]
    assert book["Gaps"].cell(HEAD + 1, 1).value == "=1+1"
    assert book["Gaps"].cell(HEAD + 1, 1).data_type == "s"
    assert book["Schemes"].cell(HEAD + 1, 1).value == "None."


def test_names_in_the_tables_of_a_run_become_no_formula(tmp_path: Path) -> None:
    from sufficiency.plan.run_folder import write_tables
    from tests.reports.random_plans import random_run

    plan = random_run(1).plan
    plan.occupancy["name"] = "=cmd|' /C calc'!A0"
    write_tables(plan.tables(), tmp_path / "tables")
    text = (tmp_path / "tables" / "occupancy.csv").read_text(encoding="utf-8")
    assert "'=cmd" in text and ",=cmd" not in text
    kept = pd.read_parquet(tmp_path / "tables" / "occupancy.parquet")
    assert set(kept["name"]) == {"=cmd|' /C calc'!A0"}


# ------------------------------------------------------------------ other files, other programs


def test_totals_agree_across_workbook_geopackage_and_csv(small_run: Path, book: Any) -> None:
    mix = pd.read_csv(small_run / "tables" / "mix.csv")
    areas = pyogrio.read_dataframe(small_run / "plan.gpkg", layer="areas")
    places = pyogrio.read_dataframe(small_run / "plan.gpkg", layer="provisions")
    header, rows = table(book["Placement mix"])
    unmet = dict(zip(header, next(r for r in rows if r[0] == UNMET), strict=True))
    for label, total in zip(header[1:], rows[-1][1:], strict=True):
        column = f"children_{label.replace('/', '_')}"
        assert areas[column].sum() == pytest.approx(total, abs=1e-6)
        assert places[column].sum() + unmet[label] == pytest.approx(total, abs=1e-6)
        written = mix.loc[mix["academic_year"] == label, "children"].sum()
        assert written == pytest.approx(total, abs=1e-6)


def test_report_rebuilds_all_three_from_the_run_folder(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(small_run, copy)
    names = ["report.html", "workbook.xlsx", "plan.gpkg"]
    for name in names:
        (copy / name).unlink()
    assert main(["report", str(copy)]) == 0
    assert "internal" in capsys.readouterr().out
    for name in names:
        assert (copy / name).read_bytes() == (small_run / name).read_bytes(), name
    assert sorted(p.name for p in copy.iterdir()) == sorted(p.name for p in small_run.iterdir())


def test_report_of_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == EXIT_BAD_INPUT
    assert "no run folder" in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


ALWAYS_CALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode"
 oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""


def recalculated(path: Path, folder: Path) -> Any:
    """The workbook after LibreOffice opened it, calculated every formula, and saved it."""
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        pytest.skip("LibreOffice is not installed")
    user = folder / "profile" / "user"
    user.mkdir(parents=True)
    (user / "registrymodifications.xcu").write_text(ALWAYS_CALCULATE, encoding="utf-8")
    done = subprocess.run(
        [program, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless",
         "--convert-to", "xlsx", "--outdir", str(folder / "out"), str(path)],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    result = folder / "out" / path.name
    if not result.is_file():
        pytest.skip(f"LibreOffice has no spreadsheet program here: {done.stderr.strip()[:120]}")
    return opened(result)


@pytest.mark.slow
def test_libreoffice_recalculates_to_the_same_values(small_run: Path, tmp_path: Path) -> None:
    ours, theirs = (
        opened(small_run / "workbook.xlsx"),
        recalculated(small_run / "workbook.xlsx", tmp_path),
    )
    assert theirs.sheetnames == ours.sheetnames
    compared = 0
    for page in ours:
        other = theirs[page.title]
        for row in page.iter_rows():
            for cell in row:
                value = other[cell.coordinate].value
                if isinstance(cell.value, int | float):
                    assert value == pytest.approx(cell.value, rel=1e-9, abs=1e-9), cell.coordinate
                    compared += 1
                else:
                    assert (value or None) == (cell.value or None), (page.title, cell.coordinate)
    assert compared > 5000


@pytest.mark.slow
def test_libreoffice_does_recalculate(tmp_path: Path) -> None:
    """A wrong value beside a formula is put right, so the test above can fail."""
    path = tmp_path / "wrong.xlsx"
    made = xlsxwriter.Workbook(path)
    page = made.add_worksheet()
    page.write_number(0, 0, 2.0)
    page.write_formula(1, 0, "=SUM(A1:A1)", None, 999)
    made.close()
    assert opened(path).active["A2"].value == 999
    assert recalculated(path, tmp_path).active["A2"].value == 2
