"""The business case as a planner meets it: command, page, document; the same numbers everywhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
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
from sufficiency.reports import charts, write_document, write_reports
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import Figure, Heading, Section, Text
from sufficiency.reports.document import (
    DOCUMENT,
    MARGIN,
    PAGE_HEIGHT,
    PICTURE_HEIGHT,
    PICTURE_PIXELS,
    PICTURE_WIDTH,
    _figure,
    plain,
)
from sufficiency.reports.facts import Run
from sufficiency.reports.sections import sections
from sufficiency.reports.sections.business_case import (
    _worth_chart,
    business_case,
    scheme_section,
    triggers_table,
)
from sufficiency.vocabulary import STATEMENT
from tests.reports.browser import Browser, chromium
from tests.reports.conftest import SCRIPT
from tests.reports.test_report import Page

WHY = "Why do alone and together differ?"


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


def valued(case: BusinessCase, worth: Callable[[str], float]) -> BusinessCase:
    """The case with other net present values of "do this"."""
    options = case.options.copy()
    at = options["option"] == THIS
    options.loc[at, "net_present_value_pounds"] = options.loc[at, "subject"].map(worth)
    return replace(case, options=options)


def shown(run: Run, case: BusinessCase) -> Section:
    run.__dict__["business_case"] = case  # where cached_property keeps it
    found = business_case(run)
    assert found is not None
    return found


def words_under(section: Section) -> str:
    """The words under the heading of why alone and together differ."""
    block = section.blocks[section.blocks.index(Heading(WHY)) + 1]
    assert isinstance(block, Text)
    return block.text


def together(worth: float, alone: float) -> Callable[[str], float]:
    return lambda subject: worth if subject == PACKAGE else alone


@pytest.mark.parametrize(("worth", "alone"), [(-5e6, 1e6), (5e6, -1e6)])
def test_why_alone_and_together_differ_is_said(
    cased: Path, case: BusinessCase, worth: float, alone: float
) -> None:
    found = shown(Run.read(cased), valued(case, together(worth, alone)))
    assert "Taken one at a time" in found.answer
    assert found.blocks[0] == Heading(WHY)
    # Fees by place, for all together and for the schemes one at a time, are those of the tables.
    lines = case.lines[(case.lines["option"] == THIS) & (case.lines["line"] == "fees")]
    places = case.options[case.options["option"] == THIS].set_index("subject")["added_places"]
    fees = lines.groupby("subject")["change_pounds"].sum().reindex(places.index, fill_value=0.0)
    said = words_under(found).replace("\N{MINUS SIGN}", "").replace("+", "")
    for mine in (places.index == PACKAGE, places.index != PACKAGE):
        value = fees[mine].sum() / places[mine].sum()
        assert fmt.pounds(abs(value)) in said


def test_crowded_schools_are_named_where_they_are_the_reason(
    cased: Path, case: BusinessCase
) -> None:
    """All together spare crowding that costs no money; each on its own saves fees."""
    changed = valued(case, together(-5e6, 1e6))
    options, lines = changed.options.copy(), changed.lines.copy()
    places = options[options["option"] == THIS].set_index("subject")["added_places"]
    of = lines["line"].eq("fees") & lines["option"].eq(THIS)
    lines.loc[of, "change_pounds"] = [
        -20_000.0 * places[s] if s == PACKAGE else -250_000.0 * places[s]
        for s in lines.loc[of, "subject"]
    ]
    for subject, each in [(PACKAGE, 4.0), *((s, 0.5) for s in case.subjects[1:])]:
        mine = options["subject"] == subject
        options.loc[mine & (options["option"] == THIS), "beyond_limit"] = 0.0
        options.loc[mine & (options["option"] == NOTHING), "beyond_limit"] = each * places[subject]
    package = (options["subject"] == PACKAGE) & (options["option"] == THIS)
    options.loc[package, "value_with_failures_pounds"] = 7.25e6
    said = words_under(shown(Run.read(cased), replace(changed, options=options, lines=lines)))
    assert "a place saves £250,000 of fees" in said
    assert "a place saves £20,000 of fees and spares 4.0 child-years" in said
    assert "(on its own 0.5)" in said
    assert f"is worth {fmt.pounds(7.25e6)} more than it costs" in said


@pytest.mark.parametrize(("worth", "alone"), [(5e6, 1e6), (-5e6, -1e6)])
def test_nothing_is_explained_where_alone_and_together_agree(
    cased: Path, case: BusinessCase, worth: float, alone: float
) -> None:
    found = shown(Run.read(cased), valued(case, together(worth, alone)))
    assert Heading(WHY) not in found.blocks and "Taken one at a time" in found.answer


def test_one_scheme_looked_at_is_not_called_the_only_one(cased: Path, case: BusinessCase) -> None:
    one = case.subjects[1]
    frames = {
        name: table[table["subject"].isin([PACKAGE, one])]
        for name in BusinessCase.table_names()
        for table in [getattr(case, name)]
    }
    run = Run.read(cased)
    found = shown(run, replace(case, **frames))
    assert f"Of its {len(case.subjects) - 1} schemes one was looked at" in found.answer
    assert "Its one scheme" not in found.answer
    charted = [b.title for b in found.blocks if isinstance(b, Figure)]
    assert len(charted) == 1, "one bar alone shows nothing"


def test_some_schemes_looked_at_are_not_called_all_of_them(cased: Path, case: BusinessCase) -> None:
    frames = {
        name: table[table["subject"].isin(case.subjects[:3])]
        for name in BusinessCase.table_names()
        for table in [getattr(case, name)]
    }
    found = shown(Run.read(cased), replace(case, **frames))
    titles = [b.title for b in found.blocks if isinstance(b, Figure)]
    assert re.fullmatch("One by one, [012] of 2 schemes looked at pays?", titles[0])


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


def test_triggers_are_counted_and_said_once(cased: Path, case: BusinessCase) -> None:
    """Twenty schemes with one reason take a line; every row of a long list says what it is of."""
    run = Run.read(cased)
    names = [f"scheme-{n}" for n in range(20)]
    rows = [
        {"subject": s, "trigger": "Notify", "why": f"It opens in {2027 + (n > 11)}. Tell them.",
         "source": "Process", "date": "2025-12-05"}
        for n, s in enumerate(names)
    ] + [
        {"subject": s, "trigger": "Improve", "why": "It changes.", "source": "Test", "date": ""}
        for s in names
    ] + [
        {"subject": s, "trigger": "Grow", "why": f"{n} places more.", "source": "SI", "date": ""}
        for n, s in enumerate(names)
    ]  # fmt: skip
    many = replace(tall(0), options=pd.DataFrame({"subject": [PACKAGE, *names]}),
                   triggers=pd.DataFrame(rows))  # fmt: skip
    table = triggers_table(run, many, many.subjects, "Triggers")
    notify, improve, *grow = table.rows
    lines = str(notify.values[0]).split("\n")
    assert lines[0] == f"12 schemes ({fmt.in_words(names[:12])}), each: It opens in 2027."
    assert lines[1:] == [
        f"8 schemes ({fmt.in_words(names[12:])}), each: It opens in 2028.",
        "For each of them: tell them.",
    ]
    assert improve.values[0] == "All 20 schemes, each: It changes."
    assert [row.header for row in grow] == ["Grow", "Grow (continued)"]
    said = "\n".join(str(row.values[0]) for row in grow).split("\n")
    assert said == [f"{s}: {n} places more." for n, s in enumerate(names)]
    alone = triggers_table(run, many, names[:1], "Triggers")
    assert alone.rows[0].values[0] == "It opens in 2027. Tell them."


def tall(count: int) -> BusinessCase:
    """A case of nothing but options, with so many schemes."""
    rows = [
        {"subject": s, "option": o, "schemes": "", "net_present_value_pounds": 1e6 * (7 - i),
         "added_places": 10.0}
        for i, s in enumerate([PACKAGE, *(f"a-scheme-with-a-name-{n}" for n in range(count))])
        for o in (NOTHING, THIS)
    ]  # fmt: skip
    empty = {name: pd.DataFrame({"subject": []}) for name in BusinessCase.table_names()}
    stamp = {"first_financial_year": "2026-27", "last_financial_year": "2036-37"}
    return BusinessCase(**{**empty, "options": pd.DataFrame(rows)}, stamp=stamp)


@pytest.mark.parametrize("count", [2, 12, 13, 31, 75])
def test_no_picture_is_taller_than_the_page_leaves_and_none_is_cut(cased: Path, count: int) -> None:
    figure = _worth_chart(Run.read(cased), tall(count))
    made = docx.Document()
    _figure(made, figure)
    kept = [p.paragraph_format.keep_with_next for p in made.paragraphs]
    texts = [p.text for p in made.paragraphs]
    pictures = [i for i, p in enumerate(made.paragraphs) if p._p.xpath(".//w:drawing")]
    assert len(pictures) == len(made.inline_shapes)
    for at, picture in zip(pictures, made.inline_shapes, strict=True):
        assert picture.height <= PICTURE_HEIGHT < PAGE_HEIGHT - 2 * MARGIN
        assert figure.title in texts[at - 1] and kept[at - 1], "the title is with its picture"
    assert kept[pictures[-1]] and texts[-1] == figure.caption, "and so is the caption"
    # Whole and readable: every name once, none in a picture made smaller than it was drawn.
    assert figure.sheets is not None
    drawn = figure.sheets(PICTURE_PIXELS, PICTURE_PIXELS * PICTURE_HEIGHT // PICTURE_WIDTH)
    assert len(drawn) == len(pictures) == (1 if count <= 31 else 3)
    assert all(picture.width == PICTURE_WIDTH for picture in made.inline_shapes)
    for n in range(count):
        assert sum(len(re.findall(rf">a-scheme-with-a-name-{n}[<:]", d)) for d in drawn) == 1


def test_any_picture_that_is_too_tall_is_made_smaller() -> None:
    made = docx.Document()
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="700" height="2100"></svg>'
    _figure(made, Figure(title="Tall", caption="", alt="Tall", draw=lambda width: svg))
    (picture,) = made.inline_shapes
    assert picture.height == PICTURE_HEIGHT
    assert picture.width * 3 == pytest.approx(picture.height, rel=0.01)


def test_bars_of_several_pictures_have_one_scale() -> None:
    names = [f"n{i}" for i in range(60)]
    values = [60.0 - i for i in range(60)]
    words = [f"+£{v:g}" for v in values]
    made = charts.signed_bars_in_sheets(names, values, words, 700, 500)
    domains = {str(chart.to_dict()["layer"][0]["encoding"]["x"]["scale"]) for chart in made}
    assert len(made) == 3 and len(domains) == 1


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
