"""business_case.docx: the business case as a document that a planner edits.

It is made of the same sections as the page, so that no number can differ. Headings are headings,
header rows of tables repeat on every page, pictures carry words for those who cannot see them.
"""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path
from typing import Any, Final

import docx
import vl_convert
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from sufficiency.plan.business_case import FOLDER, PACKAGE, BusinessCase
from sufficiency.problems import InputError, Problem
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import Block, Cell, Figure, Heading, Items, Section, Table, Text
from sufficiency.reports.facts import Run
from sufficiency.reports.sections.business_case import business_case, scheme_section
from sufficiency.reports.workbook import audit_words
from sufficiency.vocabulary import STATEMENT
from sufficiency.writing import OPEN_ELSEWHERE, file_aside

DOCUMENT: Final = "business_case.docx"
MARK: Final = "INTERNAL: contains small numbers; not for publication"
WRITTEN: Final = "document.sha256"
"""Beside the tables of the case: the fingerprint of the document as it was written."""
PICTURE_PIXELS: Final = 700
PICTURE_WIDTH: Final = Cm(17)
PICTURE_HEIGHT: Final = Cm(13.8)
"""What a page leaves beside a heading, the title of the picture and three lines of caption."""
FEW_ROWS: Final = 6
PAGE_WIDTH: Final = Cm(29.7)
PAGE_HEIGHT: Final = Cm(21.0)
MARGIN: Final = Cm(1.8)
NAVY: Final = RGBColor(0x12, 0x43, 0x6D)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def write_document(run: Run, folder: Path) -> Path:
    """Write business_case.docx into a run folder, aside first, then renamed.

    A document that somebody has edited since is kept under another name.

    Raises:
        InputError: when the run has no business case, or the file cannot be written.
    """
    target = folder / DOCUMENT
    case = run.business_case
    if case is None:
        raise InputError(
            [Problem("no business case was made of this run.",
                     "run 'sufficiency business-case' on it first.", file=str(folder))]
        )  # fmt: skip
    made = _document(run, case)
    with file_aside(target, "the document", OPEN_ELSEWHERE) as aside:
        made.save(str(aside))
        digest = hashlib.sha256(aside.read_bytes()).hexdigest()
        _keep_edited(target)
        (folder / FOLDER / WRITTEN).write_text(digest + "\n", encoding="ascii")
    return target


def _keep_edited(target: Path) -> None:
    """Rename a document that is not what was written last time: a planner's work is in it."""
    record = target.parent / FOLDER / WRITTEN
    if not target.exists():
        return
    known = record.read_text(encoding="ascii").strip() if record.exists() else ""
    if hashlib.sha256(target.read_bytes()).hexdigest() == known:
        return
    number = 1
    while (kept := target.with_name(f"{target.stem}_edited_{number}.docx")).exists():
        number += 1
    target.rename(kept)


def plain(text: str) -> str:
    """Text without signs that a document cannot hold."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _document(run: Run, case: BusinessCase) -> Any:
    made = docx.Document()
    _lay_out(made, run)
    title = str(run.stamp.get("title") or run.stamp.get("name") or "Plan")
    made.core_properties.title = plain(f"Business case: {title}")
    made.core_properties.author = plain(run.authority)
    made.core_properties.comments = MARK
    made.add_heading(plain(f"Business case: {title}"), 0)
    made.add_paragraph(plain(run.authority), "Subtitle")
    statement = made.add_paragraph(style="Intense Quote")
    statement.add_run("Read this first. ").bold = True
    statement.add_run(plain(str(run.stamp.get("statement") or STATEMENT)))
    _warnings(made, run)
    package = business_case(run)
    assert package is not None, "the case exists"
    found = [package]
    found += [scheme_section(run, case, s) for s in case.subjects if s != PACKAGE]
    for section in found:
        _section(made, section)
    _stamp(made, run, case)
    return made


def _lay_out(made: Any, run: Run) -> None:
    """Landscape A4, for tables have many columns; the mark on every page, and its number."""
    page = made.sections[0]
    page.orientation = WD_ORIENT.LANDSCAPE
    page.page_width, page.page_height = PAGE_WIDTH, PAGE_HEIGHT
    page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = MARGIN
    for name in ("Normal", "Title", "Subtitle", "Heading 1", "Heading 2", "Intense Quote"):
        style = made.styles[name]
        style.font.name = "Arial"
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for key in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
            fonts.set(qn(key), "Arial")
        for key in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(key), None)
        if name != "Normal":
            style.font.color.rgb = NAVY
    made.styles["Normal"].font.size = Pt(10)
    for name, before, after in (
        ("Normal", 0, 5), ("List Bullet", 0, 2), ("Heading 1", 14, 3), ("Heading 2", 9, 2),
    ):  # fmt: skip
        spaced = made.styles[name].paragraph_format
        spaced.space_before, spaced.space_after, spaced.line_spacing = Pt(before), Pt(after), 1.08
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), "en-GB")
    made.styles["Normal"].element.get_or_add_rPr().append(language)
    head = page.header.paragraphs[0]
    head.text = MARK
    head.alignment = WD_ALIGN_PARAGRAPH.CENTER
    head.runs[0].bold = True
    foot = page.footer.paragraphs[0]
    foot.text = plain(f"{run.authority}, made on {fmt.date(run.stamp.get('created'))}. Page ")
    _field(foot, "PAGE")


def _field(paragraph: Any, code: str) -> None:
    """A field that the word processor fills, such as the number of the page."""
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), code)
    paragraph._p.append(field)


def _warnings(made: Any, run: Run) -> None:
    audit = run.stamp.get("audit")
    if not audit or not audit.get("passed"):
        made.add_paragraph().add_run(f"Audit {audit_words(run)}.").bold = True
    if run.ended_early:
        made.add_paragraph().add_run(
            f"The search ended early ({run.ended_early}): this is the best plan found so far."
        ).bold = True


def _section(made: Any, section: Section) -> None:
    made.add_heading(plain(section.question), 1)
    answer = made.add_paragraph()
    answer.add_run(plain(section.answer)).bold = True
    if section.number:
        answer.paragraph_format.keep_with_next = True
        number = made.add_paragraph(plain(section.number))
        # No page ends between a question and the table that follows its answer.
        number.paragraph_format.keep_with_next = True
    if section.sure:
        words = made.add_paragraph()
        words.add_run("How sure are we? ").bold = True
        words.add_run(plain(section.sure))
    for block in section.blocks:
        _block(made, block)


def _block(made: Any, block: Block) -> None:
    if isinstance(block, Heading):
        made.add_heading(plain(block.text), 2)
    elif isinstance(block, Text):
        made.add_paragraph(plain(block.text))
    elif isinstance(block, Table):
        _table(made, block)
    elif isinstance(block, Figure):
        _figure(made, block)
    elif isinstance(block, Items):
        _items(made, block)


def _items(made: Any, items: Items) -> None:
    for item in items.items:
        made.add_paragraph(plain(item), "List Bullet")
    for term, value in items.terms:
        line = made.add_paragraph()
        line.add_run(plain(f"{term}: ")).bold = True
        line.add_run(plain(value))


def _table(made: Any, table: Table) -> None:
    caption = made.add_paragraph()
    caption.paragraph_format.keep_with_next = True
    caption.paragraph_format.space_before = Pt(6)
    caption.paragraph_format.space_after = Pt(2)
    caption.add_run(plain(table.caption)).bold = True
    heads = 2 if table.groups else 1
    grid = made.add_table(heads, len(table.headers), "Table Grid")
    if table.groups:
        at = 0
        for label, span in table.groups:
            cell = grid.cell(0, at)
            if span > 1:
                cell = cell.merge(grid.cell(0, at + span - 1))
            _write(cell, label, bold=True)
            at += span
    for i, head in enumerate(table.headers):
        right = i > 0 and i not in table.text_columns
        _write(grid.cell(heads - 1, i), head, bold=True, right=right)
    for row in grid.rows[:heads]:
        _repeat(row)
    for entry in table.rows:
        cells = grid.add_row().cells
        if not entry.values:
            _write(cells[0].merge(cells[-1]), entry.header, bold=True)
            continue
        _write(cells[0], entry.header, bold=entry.total)
        for i, value in enumerate(entry.values, start=1):
            text = _words(value)
            right = i not in table.text_columns
            _write(cells[i], text, bold=entry.total, right=right)
    for row in grid.rows:
        _keep_whole(row)
    _keep_together(grid, table, heads)
    _widths(grid, table)
    described = grid._tbl.tblPr
    summary = OxmlElement("w:tblDescription")
    summary.set(qn("w:val"), plain(table.caption))
    described.append(summary)
    if table.source:
        source = made.add_paragraph()
        said = source.add_run(plain(f"Exact numbers: {table.source} in the run folder."))
        said.italic = True
        said.font.size = Pt(8)


def _words(value: Cell | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value.text} {value.small}".strip()


def _write(cell: Any, text: str, *, bold: bool = False, right: bool = False) -> None:
    line = cell.paragraphs[0]
    line.paragraph_format.space_after = Pt(0)
    line.paragraph_format.line_spacing = 1.0
    said = line.add_run(plain(text))
    said.bold = bold
    said.font.size = Pt(8)
    if right:
        line.alignment = WD_ALIGN_PARAGRAPH.RIGHT


def _repeat(row: Any) -> None:
    """A header row is repeated where a table goes over pages, and is read out as such."""
    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)


def _keep_whole(row: Any) -> None:
    row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def _keep_together(grid: Any, table: Table, heads: int) -> None:
    """No page ends between headers or a heading and their row, or between a row and the total.

    A table of few rows stands on one page, and its source with it.
    """
    few = len(table.rows) <= FEW_ROWS
    for at, row in enumerate(grid.rows):
        entry = table.rows[at - heads] if at >= heads else None
        after = table.rows[at - heads + 1] if heads <= at + 1 < len(table.rows) + heads else None
        last = after is None and at >= heads
        first = at <= heads  # one row alone under its headers reads like a whole table
        if few or first or last or (entry and not entry.values) or (after and after.total):
            for cell in row._tr.tc_lst:
                for paragraph in cell.p_lst:
                    paragraph.get_or_add_pPr().get_or_add_keepNext()


def _widths(grid: Any, table: Table) -> None:
    """Columns of words are wider than columns of numbers, in proportion to what they hold."""
    count = len(table.headers)
    width = int(PAGE_WIDTH - 2 * MARGIN)
    share, fixed = [], {}
    for i in range(count):
        texts = [r.header if i == 0 else _words(r.values[i - 1]) for r in table.rows if r.values]
        longest = max([len(t) for t in texts], default=1)
        words = i == 0 or i in table.text_columns
        if i in table.one_line:
            # A hyphen would break a date.
            fixed[i] = int(Cm(0.5 + 0.17 * max(longest, len(table.headers[i]))))
            share.append(0.0)
            continue
        # Long text is wide as well as tall: the more there is of it, the wider its column.
        mean = sum(map(len, texts)) / max(len(texts), 1)
        most = 40 * max(1.0, min(mean / 40, 9.0) ** 0.5)
        # A bold heading may wrap between words, but no year and no word is broken.
        head = max(len(word) for word in f"{table.headers[i]} ".split(" ")) + 3
        share.append(max(min(longest + 3.0, most) if words else min(longest, 14.0), head, 8.0))
    grid.autofit = False
    left = width - sum(fixed.values())
    sizes = [fixed.get(i, int(left * part / sum(share))) for i, part in enumerate(share)]
    # Word goes by the cells, LibreOffice by the columns.
    for column, size in zip(grid.columns, sizes, strict=True):
        column.width = size
    for row in grid.rows:
        at = 0
        for cell in row._tr.tc_lst:
            cell.width = sum(sizes[at : at + cell.grid_span])
            at += cell.grid_span


def _figure(made: Any, figure: Figure) -> None:
    drawn = (
        [figure.draw(PICTURE_PIXELS)]
        if figure.sheets is None
        else figure.sheets(PICTURE_PIXELS, PICTURE_PIXELS * PICTURE_HEIGHT // PICTURE_WIDTH)
    )
    for at, one in enumerate(drawn, start=1):
        title = made.add_paragraph()
        title.paragraph_format.keep_with_next = True
        title.paragraph_format.space_after = Pt(2)
        number = f" ({at} of {len(drawn)})" if len(drawn) > 1 else ""
        title.add_run(plain(figure.title + number)).bold = True
        picture = vl_convert.svg_to_png(one, scale=2)
        placed = made.add_picture(io.BytesIO(picture), width=PICTURE_WIDTH)
        if placed.height > PICTURE_HEIGHT:
            # Whatever it shows, what hangs over the edge of the page would be cut off.
            placed.width = int(placed.width * PICTURE_HEIGHT / placed.height)
            placed.height = PICTURE_HEIGHT
        placed._inline.docPr.set("descr", plain(figure.alt))
        placed._inline.docPr.set("title", plain(figure.title))
        kept = made.paragraphs[-1].paragraph_format
        kept.keep_with_next = at == len(drawn)
        kept.space_after = Pt(2)
    caption = made.add_paragraph()
    said = caption.add_run(plain(figure.caption))
    said.italic = True
    said.font.size = Pt(8)
    if figure.table is not None:
        _table(made, figure.table)


def _stamp(made: Any, run: Run, case: BusinessCase) -> None:
    """What the document was made from."""
    made.add_heading("What this document was made from", 1)
    solver, stamp = run.solver, run.stamp
    facts = [
        ("Scenario", str(stamp.get("name") or "")),
        ("Planning model", str(dict(stamp.get("model", {})).get("title") or "")),
        ("Planned years", run.period),
        ("Plan made on", fmt.date(stamp.get("created"))),
        ("Business case made on", fmt.date(case.stamp.get("created"))),
        ("Version of sufficiency", str(case.stamp.get("version"))),
        ("Audit", audit_words(run)),
        ("Cost of the plan as searched", fmt.exact_pounds(solver.get("objective_pounds"))),
        ("Proven bound", fmt.exact_pounds(solver.get("bound_pounds"))),
        *(
            (f"Input {name}", f"SHA-256 {digest}")
            for name, digest in dict(stamp.get("inputs", {})).items()
        ),
    ]
    _items(made, Items(terms=facts))
    made.add_paragraph(plain(str(stamp.get("statement") or STATEMENT)))
