"""The business case as a planner meets it: command, page, document; the same numbers everywhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pandas as pd
import pytest
from docx.oxml.ns import qn

from sufficiency.cli import main
from sufficiency.plan.business_case import NOTHING, PACKAGE, THIS, BusinessCase, read_business_case
from sufficiency.problems import EXIT_BAD_INPUT, EXIT_OK, InputError
from sufficiency.reports import formatting as fmt
from sufficiency.reports import write_document, write_reports
from sufficiency.reports.document import DOCUMENT, plain
from sufficiency.reports.facts import Run
from sufficiency.reports.sections import sections
from sufficiency.reports.sections.business_case import business_case, scheme_section
from sufficiency.vocabulary import STATEMENT
from tests.reports.browser import Browser, chromium
from tests.reports.conftest import SCRIPT
from tests.reports.test_report import Page


@pytest.fixture(scope="module")
def cased(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small example with a business case, made by the command."""
    folder = Path(shutil.copytree(small_run, tmp_path_factory.mktemp("cased") / "run"))
    assert main(["business-case", str(folder)]) == EXIT_OK
    return folder


@pytest.fixture(scope="module")
def case(cased: Path) -> BusinessCase:
    found = read_business_case(cased)
    assert found is not None
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == EXIT_BAD_INPUT
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    return " ".join(said.err.split())


# ------------------------------------------------------------------ command


def test_the_command_writes_tables_page_and_document(cased: Path, case: BusinessCase) -> None:
    names = {p.name for p in (cased / "business_case").iterdir()}
    for table in BusinessCase.table_names():
        assert {f"business_case_{table}.csv", f"business_case_{table}.parquet"} <= names
    assert (cased / DOCUMENT).is_file()
    assert not [p for p in cased.iterdir() if p.name.startswith(".")], "nothing half is left"
    chosen = Run.read(cased).plan.schemes.query("status == 'chosen'")
    assert set(case.subjects) == {PACKAGE, *chosen["scheme"]}
    assert main(["audit", str(cased)]) == EXIT_OK, "the run itself is as it was"


def test_only_the_schemes_asked_for(small_run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_run, tmp_path / "run"))
    name = "northgate-autism-school"
    assert main(["business-case", str(folder), "--scheme", name]) == EXIT_OK
    found = read_business_case(folder)
    assert found is not None and found.subjects == [PACKAGE, name]
    assert not found.stamp["all_chosen"]


def test_mistyped_arguments_are_answered(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "this is no run folder" in refused(capsys, "business-case", str(tmp_path))
    said = refused(capsys, "business-case", str(small_run), "--scheme", "northgate-autism-shool")
    assert "did you mean 'northgate-autism-school'" in said and "--scheme" in said
    assert not (small_run / "business_case").exists(), "nothing was written"
    with pytest.raises(SystemExit):
        main(["business-case"])


# ------------------------------------------------------------------ page


def test_the_section_stands_only_where_a_case_was_made(cased: Path, small_run: Path) -> None:
    assert business_case(Run.read(small_run)) is None
    assert len(sections(Run.read(cased))) == len(sections(Run.read(small_run))) + 1


def test_numbers_on_the_page_are_those_of_the_tables(cased: Path, case: BusinessCase) -> None:
    page = Page((cased / "report.html").read_text(encoding="utf-8"))
    run = Run.read(cased)
    this = case.option(PACKAGE, THIS)
    assert this is not None
    assert f"is worth {fmt.pounds(this['net_present_value_pounds'])} more" in page.text
    assert f"Money is back {this['payback_years']:g} years after" in page.text
    for words in (*case.switching["words"], *case.risks["evidence"], *case.triggers["source"]):
        assert " ".join(str(words).split()) in page.text
    section = business_case(run)
    assert section is not None
    tables = {b.caption.split(":")[0].split(",")[0]: b for b in section.blocks if b.kind == "table"}
    options = tables["Options of all schemes together"]
    rows = case.of("options", PACKAGE).set_index("option")
    scale = _scale(options.caption)
    for row, (_, values) in zip(options.rows, rows.iterrows(), strict=True):
        nothing = rows.loc[NOTHING]
        assert row.values[2] == fmt.scaled(values["added_capital_pounds"], scale)
        for at, column in ((3, "dsg_pounds"), (4, "general_fund_pounds")):
            assert row.values[at] == fmt.signed(values[column] - nothing[column], scale)
        assert row.values[6] == fmt.signed(values["net_present_value_pounds"], scale)
    each = tables["Each scheme against the plan without it"]
    assert len(each.rows) == len(case.subjects) - 1
    for row, subject in zip(each.rows, case.subjects[1:], strict=True):
        mine = case.option(subject, THIS)
        assert mine is not None
        assert row.values[5] == fmt.signed(mine["net_present_value_pounds"], _scale(each.caption))


def _scale(caption: str) -> tuple[float, str, int]:
    for scale in ((1e6, "£ million", 2), (1e3, "£ thousand", 0)):
        if scale[1] in caption:
            return scale
    raise AssertionError(caption)


def test_titles_are_short_and_pictures_described(cased: Path) -> None:
    section = business_case(Run.read(cased))
    assert section is not None and section.question.endswith("?")
    figures = [b for b in section.blocks if b.kind == "figure"]
    assert len(figures) == 2
    for figure in figures:
        assert len(figure.title.split()) <= 10 and figure.alt


@pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
def test_the_page_fits_and_asks_for_nothing(cased: Path) -> None:
    program = chromium()
    assert program is not None
    browser = Browser(program)
    try:
        for width in (1280, 390):
            browser.open(cased / "report.html", width)
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            assert not browser.errors and not browser.requests
    finally:
        browser.close()


def test_the_workbook_holds_the_tables(cased: Path, case: BusinessCase) -> None:
    book = openpyxl.load_workbook(cased / "workbook.xlsx")
    rows = [[c.value for c in row] for row in book["Business case"].iter_rows(min_row=5)]
    head = next(i for i, row in enumerate(rows) if row[0] == "Scheme")
    found = [row for row in rows[head + 1 :] if row[1] in ("do nothing", "bases only",
                                                          "do minimum", "do this")]  # fmt: skip
    assert len(found) == len(case.options)
    at = rows[head].index("Net present value against do nothing")
    for row, value in zip(found, case.options["net_present_value_pounds"], strict=True):
        assert row[at] == pytest.approx(value)
    years = book["Business case by year"]
    listed = [r for r in years.iter_rows(min_row=6, values_only=True) if r[1] == "do this"]
    shown = case.years[case.years["option"] == THIS]
    assert sum(float(r[6]) for r in listed) == pytest.approx(shown["change_pounds"].sum())
    assert "Switching values" in book.sheetnames


# ------------------------------------------------------------------ document


def words_of(document: Any) -> str:
    cells = [c.text for t in document.tables for row in t.rows for c in row.cells]
    text = [p.text for p in document.paragraphs]
    return re.sub(r"\s+", " ", " ".join([*text, *cells]))


def test_every_number_of_the_document_is_that_of_the_sections(
    cased: Path, case: BusinessCase
) -> None:
    run = Run.read(cased)
    made = docx.Document(str(cased / DOCUMENT))
    package = business_case(run)
    assert package is not None
    expected = [package, *(scheme_section(run, case, s) for s in case.subjects[1:])]
    tables = iter(made.tables)
    text = words_of(made)
    for section in expected:
        for words in (section.question, section.answer, section.number):
            assert " ".join(words.split()) in text
        for block in section.blocks:
            if block.kind != "table":
                continue
            table = next(tables)
            heads = 2 if block.groups else 1
            assert [c.text for c in table.rows[heads - 1].cells] == list(block.headers)
            for line, row in zip(table.rows[heads:], block.rows, strict=True):
                if not row.values:
                    assert line.cells[0].text == row.header
                    continue
                shown = [v if isinstance(v, str) else f"{v.text} {v.small}".strip()
                         for v in row.values]  # fmt: skip
                assert [c.text for c in line.cells] == [row.header, *shown]
    assert next(tables, None) is None, "no table but those of the sections"


def test_the_document_states_the_net_present_values_of_the_tables(
    cased: Path, case: BusinessCase
) -> None:
    text = words_of(docx.Document(str(cased / DOCUMENT)))
    for subject in case.subjects[1:]:
        row = case.option(subject, THIS)
        assert row is not None
        value = row["net_present_value_pounds"]
        said = "is worth" if value > 0 else "costs"
        assert f"{said} {fmt.pounds(abs(value))} more than" in text


def test_the_document_can_be_read_by_everybody(cased: Path) -> None:
    made = docx.Document(str(cased / DOCUMENT))
    styles = [p.style.name for p in made.paragraphs]
    assert styles.count("Title") == 1 and styles.count("Heading 1") >= 3
    assert "Heading 2" in styles
    for table in made.tables:
        first = table.rows[0]._tr.trPr
        assert first is not None and first.find(qn("w:tblHeader")) is not None
        assert table._tbl.tblPr.find(qn("w:tblDescription")) is not None
        # Columns and cells say the same width: LibreOffice reads the first, Word the second.
        sizes = [column.width for column in table.columns]
        assert sum(sizes) / 360_000 == pytest.approx(29.7 - 3.6, rel=0.005)
        for row in table.rows:
            at = 0
            for cell in row._tr.tc_lst:
                # In twentieths of a point, each rounded.
                assert abs(cell.width - sum(sizes[at : at + cell.grid_span])) < 635 * len(sizes)
                at += cell.grid_span
            assert at == len(sizes)
        assert sizes[0] >= min(sizes)
    pictures = made.inline_shapes
    assert len(pictures) == 2
    for picture in pictures:
        assert picture._inline.docPr.get("descr")
    text = words_of(made)
    assert STATEMENT in text
    assert "INTERNAL" in made.sections[0].header.paragraphs[0].text
    stamp = Run.read(cased).stamp
    for digest in stamp["inputs"].values():
        assert digest in text
    assert "Version of sufficiency" in text and "Audit: passed" in text


def test_a_document_that_was_edited_is_kept(cased: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(cased, tmp_path / "run"))
    write_reports(folder)
    assert not list(folder.glob("*_edited_*")), "an untouched one is replaced"
    edited = docx.Document(str(folder / DOCUMENT))
    edited.add_paragraph("What the cabinet asked for")
    edited.save(str(folder / DOCUMENT))
    write_reports(folder)
    kept = list(folder.glob("*_edited_*.docx"))
    assert len(kept) == 1
    assert "What the cabinet asked for" in words_of(docx.Document(str(kept[0])))
    assert "What the cabinet asked for" not in words_of(docx.Document(str(folder / DOCUMENT)))


def test_without_a_case_there_is_no_document(small_run: Path) -> None:
    with pytest.raises(InputError, match="no business case was made"):
        write_document(Run.read(small_run), small_run)
    assert not (small_run / DOCUMENT).exists()


def test_names_are_text_everywhere(run: Path) -> None:
    """A scheme called like a script, and one like a formula, in page, document and tables."""
    path = run / "tables" / "schemes.parquet"
    table = pd.read_parquet(path)
    table.loc[table["scheme"] == "extension", "name"] = f"=cmd|' /C calc'!A0 {SCRIPT}"
    table.to_parquet(path)
    assert main(["business-case", str(run)]) == EXIT_OK
    source = (run / "report.html").read_text(encoding="utf-8")
    assert "<script" not in source.lower() and "&lt;script&gt;" in source
    made = docx.Document(str(run / DOCUMENT))
    assert f"=cmd|' /C calc'!A0 {SCRIPT}" in words_of(made)
    assert "instrText" not in made.element.xml and "<w:script" not in made.element.xml
    for path in (run / "business_case").glob("*.csv"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.search(r'(^|,)"?=', line), line
    assert plain("a\x00b\x0b\ud800c") == "a\ufffdb\ufffd\ufffdc"


# ------------------------------------------------------------------ what is published


def test_a_release_leaves_the_business_case_out(cased: Path, tmp_path: Path) -> None:
    out = tmp_path / "release"
    assert main(["publish", str(cased), "--out", str(out)]) == EXIT_OK
    files = [p for p in out.rglob("*") if p.is_file()]
    assert not [p for p in files if "business" in p.name or p.suffix == ".docx"]
    page = (out / "release.html").read_text(encoding="utf-8").lower()
    for word in ("net present value", "payback", "switching", "optimism"):
        assert word not in page
