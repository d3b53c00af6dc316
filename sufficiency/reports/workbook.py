"""workbook.xlsx: the plan's tables as clean sheets, and the layouts in which returns ask for them.

Numbers are exact and are only shown rounded. Totals are formulas that stand beside their value, so
that a finance officer sees what they add. Words from inputs are written as text and nothing else:
a name that begins with ``=`` stays a name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

from sufficiency.plan import Plan
from sufficiency.reports import formatting as fmt
from sufficiency.reports import layouts, measures
from sufficiency.reports.charts import COLOURS, NAVY, ORANGE, TEAL
from sufficiency.reports.facts import (
    GROUPS,
    LINES,
    UNMET,
    Run,
    as_float,
    as_int,
    group_of,
)
from sufficiency.vocabulary import (
    KINDS,
    LEDGERS,
    NEEDS,
    STATEMENT,
    academic_year_label,
    financial_year_label,
    year_group_name,
)
from sufficiency.writing import OPEN_ELSEWHERE, file_aside

WORKBOOK: Final = "workbook.xlsx"
MARK: Final = "INTERNAL, not for release: contains small numbers"
HEADER_ROW: Final = 4
"""Row of the headers, counted from 0: title, mark, note and units stand above it."""
LINE_POINTS: Final = 13.5

FORMATS: Final = {
    "text": "@",
    "count": "#,##0.0",
    "whole": "#,##0",
    "pounds": "£#,##0;[Red]-£#,##0",
    "minutes": "0",
    "share": "0.0%",
}
CONTENTS: Final = "Contents"

NO_PLACE: Final = "No suitable place (unmet)"
CHILDREN: Final = "expected children"
ALL_KINDS: Final[dict[str, str]] = {**KINDS, UNMET: NO_PLACE}


@dataclass(frozen=True)
class Column:
    """A column of a sheet.

    Attributes:
        name: in words.
        unit: of its numbers, or what its words are; every column has one.
        form: key of :data:`FORMATS`.
        missing: stands where there is no number, which is something else than zero.
        added: whether the total row adds it.
    """

    name: str
    unit: str
    form: str = "text"
    missing: str = fmt.NOT_AVAILABLE
    added: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart beside a sheet: its series are rows or columns of it.

    Attributes:
        title: the message.
        form: "stacked" (columns), "line".
        series: (position of the row or column, colour, dashed).
        by_row: whether series are rows; else columns.
        axis: what the vertical axis counts.
    """

    title: str
    form: str
    series: Sequence[tuple[int, str, bool]]
    by_row: bool
    axis: str


@dataclass(frozen=True)
class Sheet:
    """A sheet: a title, a note, one header row, and rows of text and numbers.

    Words may stand in a column of numbers, where a number is not known or not shown.

    Attributes:
        name: on its tab, 31 characters at most.
        about: one sentence for the contents sheet.
        source: the audited table behind it.
        note: stands under the title.
        total: the label of the total row; empty for none.
        apart: rows below the total that are in none, such as an incomplete year.
    """

    name: str
    title: str
    about: str
    source: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    total: str = ""
    apart: Sequence[Sequence[Any]] = ()
    chart: Chart | None = None


# ------------------------------------------------------------------ writing


def write_workbook(run: Run, folder: Path) -> Path:
    """Write workbook.xlsx into a folder, aside first, then renamed.

    Raises:
        InputError: when it cannot be written.
    """
    target = folder / WORKBOOK
    stamp = run.stamp
    facts = [
        ("Authority", run.authority),
        ("Scenario", str(stamp.get("title") or stamp.get("name") or "")),
        ("Planning model", str(dict(stamp.get("model", {})).get("title") or "")),
        ("Planned years", run.period),
        ("Made on", fmt.date(stamp.get("created"))),
        ("Audit", audit_words(run)),
    ]
    write_sheets(
        sheets(run),
        target,
        heading=str(stamp.get("title") or stamp.get("name") or "Plan"),
        mark=MARK,
        facts=facts,
        numbers="Children are expected numbers, so a cell may hold part of a child. Cells are "
        "exact and shown rounded; totals are added before rounding. Academic years are written "
        "2026/27, financial years 2026-27.",
        created=stamp.get("created"),
    )
    return target


def audit_words(run: Run) -> str:
    """Whether the plan's numbers may be used."""
    audit = run.stamp.get("audit")
    if not audit:
        return "NOT AUDITED: do not use these numbers"
    if not audit.get("passed"):
        return "FAILED: do not use these numbers"
    return "passed: every rule and pound was recomputed from the inputs"


def write_sheets(
    found: Sequence[Sheet],
    target: Path,
    *,
    heading: str,
    mark: str,
    facts: Sequence[tuple[str, str]],
    numbers: str,
    created: object = None,
) -> None:
    """Write sheets as an .xlsx file with a contents sheet in front.

    Args:
        found: the sheets, in order.
        target: the file; written aside, then renamed.
        heading: title of the contents sheet.
        mark: stands on every sheet and every printed page: who may see it.
        facts: (term, value) for the contents sheet.
        numbers: how the numbers are to be read, for the contents sheet.
        created: ISO time for the file's properties, so that the same run gives the same file.

    Raises:
        InputError: when it cannot be written.
    """
    failed = (xlsxwriter.exceptions.FileCreateError,)
    with file_aside(target, "the workbook", OPEN_ELSEWHERE, also=failed) as aside:
        book = xlsxwriter.Workbook(
            aside,
            {
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "in_memory": True,
            },
        )
        book.set_properties(
            {"title": heading, "comments": mark, "subject": STATEMENT, "created": _time(created)}
        )
        style = _Style(book)
        terms = [*facts, ("What this is", STATEMENT), ("Numbers", numbers)]
        _write_contents(book, style, found, heading, mark, terms)
        for sheet in found:
            _write_sheet(book, style, sheet, mark)
        book.close()


def _time(created: object) -> datetime:
    try:
        found = datetime.fromisoformat(str(created))
    except ValueError:
        return datetime(2000, 1, 1)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


class _Style:
    """Formats of a workbook, made once."""

    def __init__(self, book: Any) -> None:
        font = {"font_name": "Arial", "font_size": 10, "valign": "top"}

        def made(**more: Any) -> Any:
            return book.add_format(font | more)

        self.title = made(bold=True, font_size=14)
        self.mark = made(bold=True, font_color="#801650")
        self.note = made(font_color="#3D3D3D", text_wrap=True)
        side = {True: "left", False: "right"}
        self.unit = {
            words: made(
                font_color="#3D3D3D",
                italic=True,
                text_wrap=True,
                valign="bottom",
                align=side[words],
            )
            for words in side
        }
        self.head = {
            words: made(
                bold=True, text_wrap=True, bg_color=NAVY, font_color="#FFFFFF", border=1,
                valign="bottom", align=side[words],
            )
            for words in side
        }  # fmt: skip
        """Units and headers above words (True) and above numbers (False)."""
        self.link = made(font_color="#12436D", underline=1)
        self.wrapped = made(text_wrap=True)
        self.bold = made(bold=True)
        self.cell = {name: made(num_format=f) for name, f in FORMATS.items()}
        self.absent = made(align="right", font_color="#3D3D3D")
        self.total = {name: made(num_format=f, bold=True, top=1) for name, f in FORMATS.items()}


def _write_contents(
    book: Any,
    style: _Style,
    found: Sequence[Sheet],
    heading: str,
    mark: str,
    facts: Sequence[tuple[str, str]],
) -> None:
    page = book.add_worksheet(CONTENTS)
    _print_setup(page, mark)
    page.fit_to_pages(1, 1)
    page.set_column(0, 0, 34)
    page.set_column(1, 1, 90)
    page.set_column(2, 2, 50)
    page.write_string(0, 0, heading, style.title)
    page.write_string(1, 0, mark, style.mark)
    row = 3
    for term, value in facts:
        page.write_string(row, 0, term, style.bold)
        page.write_string(row, 1, value, style.wrapped)
        page.set_row(row, LINE_POINTS * _lines(value, 90))
        row += 1
    row += 1
    for column, words in enumerate(("Sheet (link)", "What it holds (in words)", "Source (table)")):
        page.write_string(row, column, words, style.head[True])
    for sheet in found:
        row += 1
        page.write_url(row, 0, f"internal:'{sheet.name}'!A1", style.link, sheet.name)
        page.write_string(row, 1, sheet.about, style.wrapped)
        page.write_string(row, 2, sheet.source, style.wrapped)
        page.set_row(row, LINE_POINTS * max(_lines(sheet.about, 90), _lines(sheet.source, 50)))


def _print_setup(page: Any, mark: str) -> None:
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.hide_gridlines(2)
    page.set_header(f"&L{mark.replace('&', '&&')}")
    page.set_footer("&L&A&RPage &P of &N")


def _write_sheet(book: Any, style: _Style, sheet: Sheet, mark: str) -> None:
    page = book.add_worksheet(sheet.name)
    _print_setup(page, mark)
    page.write_string(0, 0, sheet.title, style.title)
    page.write_string(1, 0, f"{mark}. Source: {sheet.source}.", style.mark)
    widths = [_width(sheet, at) for at in range(len(sheet.columns))]
    across = min(len(widths), next((i for i in range(1, 99) if sum(widths[:i]) > 110), 99))
    if across > 1:
        page.merge_range(2, 0, 2, across - 1, sheet.note, style.note)
    else:
        page.write_string(2, 0, sheet.note, style.note)
    page.set_row(2, LINE_POINTS * _lines(sheet.note, sum(widths[:across])))
    first = HEADER_ROW + 1
    last = HEADER_ROW + len(sheet.rows)
    heads, units = 1, 1
    for at, (column, width) in enumerate(zip(sheet.columns, widths, strict=True)):
        words = column.form == "text"
        page.write_string(HEADER_ROW - 1, at, column.unit, style.unit[words])
        page.write_string(HEADER_ROW, at, column.name, style.head[words])
        page.set_column(at, at, width)
        units = max(units, _lines(column.unit, width))
        heads = max(heads, _lines(column.name, width - 2))
    page.set_row(HEADER_ROW - 1, LINE_POINTS * units)
    page.set_row(HEADER_ROW, LINE_POINTS * heads + 3)
    page.freeze_panes(first, _fixed_columns(sheet))
    page.repeat_rows(HEADER_ROW)
    _write_rows(page, style, sheet, sheet.rows, first)
    if not sheet.rows:
        page.write_string(first, 0, "None.", style.cell["text"])
        return
    page.autofilter(HEADER_ROW, 0, last, len(sheet.columns) - 1)
    if sheet.total:
        _write_total(page, style, sheet, first, last)
    _write_rows(page, style, sheet, sheet.apart, last + 2)
    if sheet.chart is not None:
        page.fit_to_pages(1, 1)
        _add_chart(book, page, sheet, sheet.chart, first, last)


def _write_rows(
    page: Any, style: _Style, sheet: Sheet, rows: Sequence[Sequence[Any]], first: int
) -> None:
    for row, values in enumerate(rows, start=first):
        for at, (column, value) in enumerate(zip(sheet.columns, values, strict=True)):
            if isinstance(value, str):
                words = style.cell["text"] if column.form == "text" else style.absent
                page.write_string(row, at, value, words)
            elif value is None or not math.isfinite(value):
                page.write_string(row, at, column.missing, style.absent)
            else:
                page.write_number(row, at, value, style.cell[column.form])


def _write_total(page: Any, style: _Style, sheet: Sheet, first: int, last: int) -> None:
    """Formulas with their value beside them, for readers that do not calculate."""
    at_row = last + 1
    page.write_string(at_row, 0, sheet.total, style.total["text"])
    for at, column in enumerate(sheet.columns[1:], start=1):
        if not column.added:
            page.write_blank(at_row, at, None, style.total["text"])
            continue
        name = xl_col_to_name(at)
        numbers = [r[at] for r in sheet.rows if not isinstance(r[at], str) and r[at] is not None]
        value = math.fsum(v for v in numbers if math.isfinite(v))
        formula = f"=SUM({name}{first + 1}:{name}{last + 1})"
        page.write_formula(at_row, at, formula, style.total[column.form], value)


def _width(sheet: Sheet, at: int) -> float:
    column = sheet.columns[at]
    if column.form != "text":
        return 14 if column.form == "pounds" else 12
    # The filter's arrow covers the end of a header.
    words = [len(column.name) + 3, len(column.unit)]
    words += [len(part) for r in sheet.rows for part in str(r[at]).split("\n")]
    return min(max(words) + 2, 60)


def _lines(text: str, width: float) -> int:
    """Lines that wrapped text needs in a column of so many characters."""
    return sum(max(1, math.ceil(len(part) * 0.92 / width)) for part in text.split("\n"))


def _fixed_columns(sheet: Sheet) -> int:
    """Leading columns of words stay in view, as far as they leave room for numbers."""
    count, width = 0, 0.0
    for at, column in enumerate(sheet.columns):
        width += _width(sheet, at)
        if column.form != "text" or width > 90 or at == len(sheet.columns) - 1:
            break
        count += 1
    return count


def _add_chart(book: Any, page: Any, sheet: Sheet, chart: Chart, first: int, last: int) -> None:
    stacked = chart.form == "stacked"
    kind = {"type": "column", "subtype": "stacked"} if stacked else {"type": "line"}
    drawn = book.add_chart(kind)
    words = sum(c.form == "text" for c in sheet.columns)
    end = len(sheet.columns) - 1
    for position, colour, dashed in chart.series:
        if chart.by_row:
            row = first + position
            part: dict[str, Any] = {
                "name": [sheet.name, row, 0],
                "categories": [sheet.name, HEADER_ROW, words, HEADER_ROW, end],
                "values": [sheet.name, row, words, row, end],
            }
        else:
            part = {
                "name": [sheet.name, HEADER_ROW, position],
                "categories": [sheet.name, first, 0, last, 0],
                "values": [sheet.name, first, position, last, position],
            }
        if stacked:
            part["fill"] = {"color": colour}
            part["border"] = {"color": "#FFFFFF", "width": 0.5}
        else:
            part["line"] = {"color": colour, "width": 2.25} | (
                {"dash_type": "dash"} if dashed else {}
            )
        drawn.add_series(part)
    drawn.set_title({"name": chart.title, "overlay": False, "name_font": {"size": 12}})
    drawn.set_y_axis({"name": chart.axis, "min": 0, "major_gridlines": {"visible": True,
                      "line": {"color": "#D9D9D9"}}})  # fmt: skip
    drawn.set_legend({"position": "bottom"})
    drawn.set_size({"width": 900, "height": 420})
    rows_below = last + (3 if sheet.total else 2) + len(sheet.apart)
    page.insert_chart(xl_rowcol_to_cell(rows_below, 0), drawn, {"description": chart.title})


# ------------------------------------------------------------------ sheets


def sheets(run: Run) -> list[Sheet]:
    """All sheets of the workbook of a run."""
    return [
        *_children(run),
        *_places(run),
        *_money(run),
        *_business_case(run),
        *_evidence(run),
        *_returns(run),
    ]


def _other_forecasts(run: Run) -> list[Sheet]:
    """How many children other forecasts of the same inputs expect; no sheet where there is none."""
    if not run.demand_band:
        return []
    basis = str(dict(run.stamp["demand_band"])["basis"])
    return [
        Sheet(
            "Other forecasts", "Children with a plan that other forecasts expect",
            "The least and the most children by academic year, beside this plan's.", "run.json",
            [Column("Academic year", "September to August"),
             *(Column(name, CHILDREN, "count") for name in ("Least", "This plan", "Most"))],
            [(academic_year_label(y), least, run.children(y), most)
             for y, (least, most) in run.demand_band.items()],
            note=f"All kinds of provision, the whole authority; the band is of {basis}.",
        )
    ]  # fmt: skip


def _years(run: Run, unit: str = CHILDREN) -> list[Column]:
    return [Column(label, unit, "count", added=True) for label in run.labels]


def _places_column(name: str, missing: str = fmt.NOT_AVAILABLE) -> Column:
    return Column(name, "places", "count", missing=missing)


def _pounds_column(name: str, added: bool = False) -> Column:
    return Column(name, "£", "pounds", added=added)


def _numbers(row: pd.Series) -> list[float]:
    return [as_float(v) for v in row.to_numpy()]


def _wide_rows(
    frame: pd.DataFrame, keys: Sequence[str], years: Sequence[int]
) -> list[tuple[Any, list[float]]]:
    """Children by keys (in sorted order) and academic years."""
    found = frame.groupby([*keys, "academic_year"])["children"].sum().unstack("academic_year")
    found = found.reindex(columns=list(years)).fillna(0.0)
    return [(key, _numbers(row)) for key, row in found.iterrows()]


def _children(run: Run) -> list[Sheet]:
    years = run.years
    mix = dict(_wide_rows(run.plan.mix, ["kind"], years))
    nothing = [0.0] * len(years)
    groups = {name: list(nothing) for name in (*GROUPS, "No suitable place")}
    for kind, values in mix.items():
        name = group_of(str(kind))
        groups[name] = [a + b for a, b in zip(groups[name], values, strict=True)]
    everyone = layouts.everyone(run.plan)
    needs = dict(_wide_rows(everyone, ["need", "kind"], years))
    phases = dict(_wide_rows(everyone, ["phase", "kind"], years))
    inside = run.inside()
    where = everyone.assign(
        where=everyone["provision"].map(inside).map({True: "in", False: "out"}).fillna("unmet")
    )
    words = {"in": "In the authority", "out": "In another authority", "unmet": NO_PLACE}
    kind_column = Column("Kind of provision", "name")
    flows = run.plan.transfers
    phase_of = {as_int(k): str(v) for k, v in dict(run.rule("phase_names", {})).items()
                if str(k).lstrip("-").isdigit()}  # fmt: skip
    return [
        Sheet(
            "Placement mix", "Children and young people with a plan by kind of provision",
            "Children by kind of provision and academic year.", "tables/mix.csv",
            [kind_column, *_years(run)],
            [(ALL_KINDS[k], *mix.get(k, nothing)) for k in ALL_KINDS],
            note=f"{academic_year_label(run.base)} is the base year; later years are planned.",
            total="All children",
        ),
        Sheet(
            "Mix in groups", "Children and young people with a plan in six groups",
            "The ten kinds in five groups, and those without a place, with a chart.",
            "tables/mix.csv",
            [Column("Group", "name"), *_years(run)],
            [(name, *values) for name, values in groups.items()],
            note="; ".join(f"{g}: {', '.join(KINDS[k] for k in ks)}" for g, ks in GROUPS.items()),
            total="All children",
            chart=Chart("Children with a plan by group of provision", "stacked",
                        [(i, COLOURS[g], False) for i, g in enumerate(groups)], True, CHILDREN),
        ),
        *_other_forecasts(run),
        Sheet(
            "Mix by need", "Children by primary need and kind of provision",
            "Children by primary need, kind of provision and academic year.",
            "tables/placements.csv, tables/unmet.csv",
            [Column("Need", "code"), Column("Primary need", "name"), kind_column, *_years(run)],
            [(need, NEEDS[need], ALL_KINDS[kind], *needs[need, kind])
             for need in NEEDS for kind in ALL_KINDS if (need, kind) in needs],
            total="All children",
        ),
        Sheet(
            "Mix by phase", "Children by phase and kind of provision",
            "Children by phase, kind of provision and academic year.",
            "tables/placements.csv, tables/unmet.csv",
            [Column("Phase", "name"), kind_column, *_years(run)],
            [(fmt.capital_first(phase), ALL_KINDS[kind], *phases[phase, kind])
             for phase in run.phases for kind in ALL_KINDS if (phase, kind) in phases],
            total="All children",
        ),
        Sheet(
            "In and out of area", "Children placed inside and outside the authority",
            "Children by kind of provision, inside and outside the authority, by academic year.",
            "tables/placements.csv, inputs/provisions.csv",
            [Column("Where", "place"), kind_column, *_years(run)],
            [(words[str(key[0])], ALL_KINDS[str(key[1])], *values)
             for key, values in _wide_rows(where, ["where", "kind"], years)],
            total="All children",
        ),
        Sheet(
            "Phase transfers", "Where children go when they enter a phase",
            "Estimated flows between kinds of provision at each transition point.",
            "tables/transfers.csv",
            [Column("Entering in September of", "academic year"), Column("Phase entered", "name"),
             Column("Year group entered", "name"), Column("Need", "code"), Column("From", "kind"),
             Column("To", "kind"), Column("Children", CHILDREN, "count", added=True)],
            [(academic_year_label(as_int(r.academic_year)),
              phase_of.get(as_int(r.transition_point), ""),
              year_group_name(as_int(r.transition_point)), str(r.need),
              _flow(str(r.from_kind)), _flow(str(r.to_kind)), as_float(r.children))
             for r in flows.itertuples(index=False)],
            note="Exact in its margins, an estimate inside: children first stay in their provision "
            "as far as numbers allow, the rest are shared in proportion.",
            total="All flows",
        ),
    ]  # fmt: skip


def _flow(kind: str) -> str:
    return "New plan" if kind == "new plan" else ALL_KINDS.get(kind, kind)


def _places(run: Run) -> list[Sheet]:
    year = Column("Academic year", "September to August")
    name = [Column("Provision", "identifier"), Column("Name", "name"), Column("Kind", "name")]
    names = dict(zip(run.plan.occupancy["provision"], run.plan.occupancy["name"], strict=True))
    occupancy = Sheet(
        "Occupancy", "Places and children of every provision",
        "Places, children, excess and vacancies of every provision and year.",
        "tables/occupancy.csv",
        [year, *name,
         _places_column("Commissioned places", missing="no limit"),
         _places_column("Places of schemes"),
         Column("Other authorities' children", "children", "count"),
         Column("Children", CHILDREN, "count", added=True),
         Column("Over capacity", CHILDREN, "count", added=True),
         Column("Beyond the limit", CHILDREN, "count", added=True),
         _places_column("Vacant places", missing="no limit")],
        [(academic_year_label(as_int(r.academic_year)), str(r.provision), str(r.name),
          KINDS[str(r.kind)], as_float(r.commissioned_places), as_float(r.scheme_places),
          as_float(r.other_authority_children), as_float(r.children), as_float(r.over_capacity),
          as_float(r.beyond_limit), as_float(r.vacant))
         for r in run.plan.occupancy.itertuples(index=False)],
        note="A provision without commissioned places has no limit in the plan. All years stand "
        "below one another: filter the first column before adding.",
    )  # fmt: skip
    limits = Sheet(
        "Place limits", "Limits inside provisions",
        "Limits for a designation or a phase inside a provision, and the children under them.",
        "tables/limits.csv",
        [year, Column("Provision", "identifier"), Column("Name", "name"), Column("Limit", "name"),
         _places_column("Places"), Column("Children", CHILDREN, "count"),
         Column("Beyond the limit", CHILDREN, "count")],
        [(academic_year_label(as_int(r.academic_year)), str(r.provision),
          str(names.get(r.provision, "")), str(r.limit), as_float(r.places), as_float(r.children),
          as_float(r.beyond_limit))
         for r in run.plan.limits.itertuples(index=False)],
    )  # fmt: skip
    local = run.local_by_year
    needing = Sheet(
        "Local places", "Children who need more than a mainstream class, and their local places",
        "Children who need a specialist place, those who have a local one, with and without the "
        "plan's schemes, with a chart.",
        "tables/gaps.csv",
        [year, Column("Need a specialist place", CHILDREN, "count"),
         Column("Have a local place", CHILDREN, "count"),
         Column("Have none", CHILDREN, "count"),
         Column("Have a local place, committed schemes only", CHILDREN, "count"),
         Column("Have none, committed schemes only", CHILDREN, "count")],
        [(academic_year_label(as_int(y)), *_numbers(row)) for y, row in local.iterrows()],
        note="A local place is one in a specialist base or state special school of the authority; "
        "from Year 12, further education and specialist post-16 count as well.",
        chart=Chart("Children without a local specialist place", "line",
                    [(3, NAVY, False), (5, ORANGE, True)], False, CHILDREN),
    )  # fmt: skip
    gaps = Sheet(
        "Gaps", "Children and local places by locality, designation, phase and year",
        "The gap between need and local places by locality, designation, phase and year.",
        "tables/gaps.csv",
        [Column("Locality", "name"), Column("Designation", "name"), Column("Phase", "name"), year,
         Column("Need a specialist place", CHILDREN, "count", added=True),
         Column("Have a local place", CHILDREN, "count", added=True),
         Column("Have none", CHILDREN, "count", added=True),
         Column("Have a local place, committed schemes only", CHILDREN, "count", added=True),
         Column("Have none, committed schemes only", CHILDREN, "count", added=True)],
        [(str(r.locality), str(r.designation), str(r.phase),
          academic_year_label(as_int(r.academic_year)), as_float(r.children_needing),
          as_float(r.in_local_state_places), as_float(r.gap),
          as_float(r.in_local_state_places_without_schemes), as_float(r.gap_without_schemes))
         for r in run.plan.gaps.itertuples(index=False)],
        note="Small groups: do not place provision on the number of one cell. All years stand "
        "below one another: filter the year before adding.",
    )  # fmt: skip
    travel = run.plan.travel_summary
    everyone = travel[travel["phase"] == "all"].sort_values("academic_year")
    columns = [
        Column("Children who travel", CHILDREN, "count"),
        Column("Median journey", "minutes, one way", "minutes"),
        Column("90% travel at most", "minutes, one way", "minutes"),
        Column("Over the guide of their phase", CHILDREN, "count"),
        Column("Over 45 minutes", CHILDREN, "count"),
        Column("Over 75 minutes", CHILDREN, "count"),
    ]
    figures = ["children", "median_minutes", "p90_minutes", "over_guide", "over_45", "over_75"]
    journeys = Sheet(
        "Journeys", "Journeys of all children", "Journey times of all children by year, with a "
        "chart.", "tables/travel_summary.csv", [year, *columns],
        [(academic_year_label(as_int(y)), *_numbers(row))
         for y, row in everyone.set_index("academic_year")[figures].iterrows()],
        note="45 and 75 minutes are guides to suitability, not limits in law.",
        chart=Chart("Journey times in minutes, one way", "line",
                    [(2, NAVY, False), (3, TEAL, False)], False, "minutes, one way"),
    )  # fmt: skip
    by_phase = Sheet(
        "Journeys by phase", "Journeys by phase", "Journey times by phase and year.",
        "tables/travel_summary.csv", [year, Column("Phase", "name"), *columns],
        [(academic_year_label(as_int(r.academic_year)), str(r.phase),
          *(as_float(getattr(r, m)) for m in figures))
         for r in travel[travel["phase"] != "all"].itertuples(index=False)],
    )  # fmt: skip
    marginal = Sheet(
        "Value of a place", "What one more place would be worth",
        "Present value of one more place by provision and year, schemes fixed.",
        "tables/marginal_values.csv",
        [Column("Provision", "identifier"), Column("Name", "name"), year,
         Column("One more place", "£, present value", "pounds")],
        [(str(r.provision), str(names.get(r.provision, "")),
          academic_year_label(as_int(r.academic_year)), as_float(r.pounds))
         for r in run.plan.marginal_values.itertuples(index=False)],
        note="What the objective would fall by, priced failures included; schemes fixed.",
    )  # fmt: skip
    lengths = Sheet(
        "Journey lengths", "Children by length of journey",
        "Children by band of one-way minutes and year; the guides of 45 and 75 minutes are among "
        "its edges.", "tables/placements.csv, tables/stays.csv",
        [Column("One way", "minutes"), *_years(run)],
        [(str(band), *_numbers(row))
         for band, row in measures.journeys(run, run.plan).iterrows()],
        note="The children of the sheet Journeys: those educated elsewhere travel nowhere.",
        total="All who travel",
    )  # fmt: skip
    across = measures.in_and_out(run, run.plan)
    around = Sheet(
        "Imports and exports", "Children over the authority's border",
        "Children placed inside and outside the authority, and other authorities' children here.",
        "tables/placements.csv, tables/occupancy.csv, inputs/provisions.csv",
        [year, Column("Placed inside", CHILDREN, "count"),
         Column("Placed outside", CHILDREN, "count"),
         Column("No suitable place", CHILDREN, "count"),
         Column("Other authorities' children here", "children", "count")],
        [(academic_year_label(as_int(y)), *_numbers(row)) for y, row in across.iterrows()],
    )  # fmt: skip
    return [occupancy, limits, needing, gaps, journeys, by_phase, lengths, around, marginal]


def _money(run: Run) -> list[Sheet]:
    plan = run.plan
    financial = Column("Financial year", "April to March")
    schemes = plan.schemes.sort_values(["opens", "name", "scheme"])
    opening = Sheet(
        "Schemes", "Schemes and when they open", "Every scheme: places, capital, status, opening.",
        "tables/schemes.csv",
        [Column("Scheme", "identifier"), Column("Name", "name"), Column("Kind", "name"),
         Column("Provision", "identifier"), Column("Places", "places", "whole", added=False),
         _pounds_column("Capital"), Column("Earliest opening", "academic year"),
         Column("Status", "in words"), Column("Opens", "academic year")],
        [(str(r.scheme), str(r.name), KINDS.get(str(r.kind), str(r.kind)), str(r.provision),
          as_float(r.places), as_float(r.capital_pounds), _year(r.earliest_opening), str(r.status),
          _year(r.opens)) for r in schemes.itertuples(index=False)],
    )  # fmt: skip
    names = dict(zip(plan.schemes["scheme"], plan.schemes["name"], strict=True))
    capital = Sheet(
        "Capital", "Capital spending by scheme, source and year",
        "Capital by financial year, scheme and source of funding.", "tables/capital.csv",
        [financial, Column("Scheme", "identifier"), Column("Name", "name"),
         Column("Source", "of funding"), _pounds_column("Spending", added=True)],
        [(financial_year_label(as_int(r.financial_year)), str(r.scheme),
          str(names.get(r.scheme, "")), str(r.source) or "any", as_float(r.pounds))
         for r in plan.capital.itertuples(index=False)],
        total="All capital",
    )  # fmt: skip
    both = [(plan, "with the plan's schemes")]
    if run.without is not None:
        both.append((run.without, "committed schemes only"))
    years = range(run.first, run.last + 2)
    spending = [(p.ledger.groupby(["financial_year", "ledger"])["pounds"].sum(), words)
                for p, words in both]  # fmt: skip
    complete = {
        as_int(y): bool(c)
        for y, c in plan.ledger.groupby("financial_year")["complete"].first().items()
    }
    by_year = [
        (financial_year_label(y),
         "yes" if complete.get(y, y <= run.last) else "no: five months only",
         *[as_float(found.get((y, ledger), 0.0)) for found, _ in spending for ledger in LEDGERS])
        for y in years
    ]  # fmt: skip
    ledgers = Sheet(
        "Ledgers", "The three ledgers by financial year",
        "Dedicated Schools Grant, general fund and capital by year, with and without the plan's "
        "schemes, with a chart.", "tables/ledger.csv, without_schemes/ledger.csv",
        [financial, Column("Whole year", "in words"),
         *[_pounds_column(f"{title}, {words}", added=True)
           for _, words in spending for title in LEDGERS.values()]],
        [row for row in by_year if row[1] == "yes"],
        note="The three are never added: fees fall on the Dedicated Schools Grant, transport on "
        "the general fund, building on capital. A year of five months is in no total.",
        total="All complete years",
        apart=[row for row in by_year if row[1] != "yes"],
        chart=Chart("Dedicated Schools Grant spending", "line",
                    [(2, NAVY, False), (5, ORANGE, True)][: len(both)], False, "£"),
    )  # fmt: skip
    lines = Sheet(
        "Ledger lines", "Every line of the ledgers", "Ledger, line and kind of provision by "
        "financial year, with and without the plan's schemes.",
        "tables/ledger.csv, without_schemes/ledger.csv",
        [Column("Plan", "in words"), financial, Column("Ledger", "name"), Column("Line", "name"),
         Column("Kind", "name"), _pounds_column("Pounds")],
        [(words, financial_year_label(as_int(r.financial_year)), LEDGERS[str(r.ledger)],
          LINES.get(str(r.line), str(r.line)), KINDS.get(str(r.kind), ""), as_float(r.pounds))
         for p, words in both for r in p.ledger.itertuples(index=False)],
        note="Academic years fall seven twelfths into the financial year in which they begin and "
        "five twelfths into the next.",
    )  # fmt: skip
    value = Sheet(
        "Present value", "What the plan was chosen by",
        "The objective by line: money and priced failures at present value.",
        "tables/objective.csv",
        [Column("Line", "name"), Column("Sort", "in words"),
         *[_pounds_column(f"Present value, {words}", added=True) for _, words in both]],
        _value_rows([p for p, _ in both]),
        note="A price weighs a failure, such as a long journey, against money; nobody pays it.",
        total="Objective",
    )  # fmt: skip
    found = [opening, _milestones(run), capital, ledgers, lines]
    if run.without is not None:
        found.append(_steps(run))
    return [*found, _sensitivity(run), value]


def _milestones(run: Run) -> Sheet:
    return Sheet(
        "Milestones", "The latest month for each step of a scheme",
        "Consultation, notice, decision, first capital, notification, opening and filling.",
        "tables/schemes.csv, tables/capital.csv",
        [Column("Scheme", "identifier"), Column("Name", "name"), Column("Status", "in words"),
         Column("Consultation begins", "year and month"), Column("Notice", "year and month"),
         Column("Decision", "year and month"), Column("First capital", "financial year"),
         Column("DfE told of the places", "year and month"), Column("Opens", "academic year"),
         Column("All places on offer", "academic year"), Column("Remark", "in words")],
        [(str(m.scheme), str(m.name), str(m.status), str(m.consultation), str(m.notice),
          str(m.decision), financial_year_label(as_int(m.first_capital)), str(m.notify),
          academic_year_label(as_int(m.opens)), academic_year_label(as_int(m.full)),
          "past when this plan was made" if m.passed and m.status != "committed" else "")
         for m in measures.milestones(run).itertuples(index=False)],
        note=f"Counted back from the first capital and the opening. {measures.timetable_words(run)}"
    )  # fmt: skip


def _steps(run: Run) -> Sheet:
    rows = []
    for ledger, title in LEDGERS.items():
        for group, row in measures.spending_steps(run, ledger).iterrows():
            rows.append((title, str(group), *_numbers(row)))
    return Sheet(
        "Unmitigated to mitigated", "Spending with committed schemes only, and with the plan",
        "By ledger and kind of placement over the complete financial years.",
        "without_schemes/ledger.csv, tables/ledger.csv",
        [Column("Ledger", "name"), Column("Placement", "group"),
         _pounds_column("Unmitigated: committed schemes only"),
         _pounds_column("Mitigated: with the plan's schemes"), _pounds_column("Difference")],
        rows,
        note=f"Financial years {run.finances}. The three ledgers are never added.",
    )  # fmt: skip


def _sensitivity(run: Run) -> Sheet:
    return Sheet(
        "Prices moved", "The same plan at other prices",
        "Spending by ledger when one price or number moves and the plan is held fixed.",
        "tables/ledger.csv, without_schemes/ledger.csv",
        [Column("What moves", "in words"), Column("By", "share, minus: less", "share"),
         Column("Ledger", "name"), _pounds_column("With the plan's schemes"),
         _pounds_column("Committed schemes only"), _pounds_column("Difference")],
        [(str(r.test) or "nothing: as the plan is", as_float(r.share), LEDGERS[str(r.ledger)],
          as_float(r.pounds), as_float(r.pounds_without), as_float(r.effect))
         for r in measures.sensitivity(run).itertuples(index=False)],
        note=f"Financial years {run.finances}. The schemes, and who is placed where, stay as they "
        "are: a new search would answer to other prices.",
    )  # fmt: skip


def _year(year: object) -> str:
    number = as_int(year)
    return academic_year_label(number) if number >= 0 else "does not open"


def _value_rows(plans: Sequence[Plan]) -> list[tuple[Any, ...]]:
    found = [
        {(str(r.line), bool(r.money)): as_float(r.present_value_pounds)
         for r in p.objective.itertuples(index=False)} for p in plans
    ]  # fmt: skip
    keys = sorted({key for part in found for key in part}, key=lambda k: (not k[1], k[0]))
    return [
        (LINES.get(line, line), "money" if money else "price",
         *[part.get((line, money), 0.0) for part in found])
        for line, money in keys
    ]  # fmt: skip


def _business_case(run: Run) -> list[Sheet]:
    """The tables of the business case; no sheets where none was made."""
    case = run.business_case
    if case is None:
        return []
    names = dict(case.stamp.get("names", {}))

    def name(subject: object) -> str:
        return str(names.get(str(subject), subject))

    about = [Column("Scheme", "name"), Column("Option", "in words")]
    dated = f"present value, {case.stamp['first_financial_year']}"
    money = [
        ("capital_pounds", "Capital beyond committed schemes", "£"),
        ("dsg_pounds", "Dedicated Schools Grant", dated),
        ("general_fund_pounds", "General fund", dated),
        ("capital_ledger_pounds", "Capital ledger", dated),
        ("net_present_value_pounds", "Net present value against do nothing", dated),
        ("value_with_failures_pounds", "The same with priced failures", dated),
        ("capital_per_place_pounds", "Capital per place with optimism bias", "£ per place"),
    ]
    counts = [
        ("places", "Places beyond committed schemes", "places"),
        ("payback_years", "Payback", "years from the first capital"),
        ("unmet", "Without a suitable place", "child-years"),
        ("over_capacity", "Above commissioned places", "child-years"),
        ("beyond_limit", "Beyond what schools can hold", "child-years"),
        ("over_guide", "With a journey over the guide", "child-years"),
    ]
    none = "not applicable"
    options = Sheet(
        "Business case", "What the options cost and are worth",
        "All schemes together and each scheme: do nothing, do minimum, do this.",
        "business_case/business_case_options.csv",
        [*about, Column("What is done", "in words"),
         *(Column(word, unit, "pounds", missing=none) for _, word, unit in money),
         *(Column(word, unit, "count", missing=none) for _, word, unit in counts)],
        [(name(r["subject"]), str(r["option"]), str(r["words"]),
          *(as_float(r[key]) for key, _, _ in (*money, *counts)))
         for r in case.options.to_dict("records")],
        note="Costs are above nought. A scheme's do nothing is the plan without it.",
    )  # fmt: skip
    years = Sheet(
        "Business case by year", "Cash of every option by financial year and line",
        "Not discounted, and the change to doing nothing.",
        "business_case/business_case_years.csv",
        [*about, Column("Financial year", "April to March"), Column("Ledger", "name"),
         Column("Line", "in words"), _pounds_column("Cost"),
         _pounds_column("Change to do nothing")],
        [(name(r["subject"]), str(r["option"]), financial_year_label(as_int(r["financial_year"])),
          LEDGERS.get(str(r["ledger"]), str(r["ledger"])),
          LINES.get(str(r["line"]), str(r["line"])),
          as_float(r["pounds"]), as_float(r["change_pounds"]))
         for r in case.years.to_dict("records")],
        note=f"{financial_year_label(run.last + 1)} is incomplete and holds what is left in "
        "buildings.",
    )  # fmt: skip
    switching = Sheet(
        "Switching values", "The value of one figure at which a scheme stops paying",
        "Fee of independent schools, share of places filled, capital per place.",
        "business_case/business_case_switching.csv",
        [about[0], Column("Figure", "in words"), Column("Unit", "of the figures"),
         Column("As planned", "see unit", "count", missing=none),
         Column("Where it stops paying", "see unit", "count", missing="no such value"),
         Column("In words", "in words")],
        [(name(r["subject"]), str(r["what"]), str(r["unit"]), as_float(r["base"]),
          as_float(r["value"]), str(r["words"])) for r in case.switching.to_dict("records")],
    )  # fmt: skip
    return [options, years, switching]


def _evidence(run: Run) -> list[Sheet]:
    rules = Sheet(
        "Assumptions", "Every entry of the planning model", "Values with unit, source and date.",
        "inputs/rules.json",
        [Column("Entry", "key"), Column("Value", "in words"), Column("Unit", "of the value"),
         Column("Source", "in words"), Column("Date", "of the source"), Column("Set by", "file")],
        [(key, "\n".join(fmt.model_value(e.get("value"), str(e.get("unit", "")), key)),
          str(e.get("unit", "")), str(e.get("source", "")), str(e.get("date", "")),
          str(e.get("set_by", ""))) for key, e in run.rules.items()],
    )  # fmt: skip
    remarks = [("Estimated", str(s)) for s in run.stamp.get("estimates", [])]
    remarks += [("What if", str(s)) for s in run.stamp.get("what_ifs", [])]
    remarks += [
        ("Warning", str(dict(w).get("text") or dict(w).get("message") or ""))
        for w in run.stamp.get("warnings", [])
    ]
    quality = Sheet(
        "Data remarks", "Estimates, what-ifs and warnings about the data",
        "What was estimated or changed, and what the tables were warned of.", "run.json",
        [Column("Sort", "in words"), Column("Remark", "in words")], remarks,
    )  # fmt: skip
    return [rules, quality]


# ------------------------------------------------------------------ returns


def _returns(run: Run) -> list[Sheet]:
    return [*_scap(run), *_dsg(run), *_lsrp(run), _place_changes(run), _regroupings()]


def _scap(run: Run) -> list[Sheet]:
    found = []
    for phase, ahead in (("primary", "five"), ("secondary", "seven")):
        table = layouts.scap_forecast(run, phase)
        groups = layouts.year_columns(table)
        numbers = table[groups].to_numpy(float).tolist()
        found.append(
            Sheet(
                f"SCAP SEND {phase}", f"School capacity survey: SEND forecast, {phase}",
                f"Residents with a plan who need a specialist place, {ahead} years ahead.",
                "tables/placements.csv, tables/unmet.csv",
                [Column("Code", "planning area"), Column("Planning area", "name"),
                 Column("Academic year", "September to August"),
                 *[Column(year_group_name(g), CHILDREN, "count") for g in groups],
                 Column("All year groups", CHILDREN, "count")],
                [(str(r.code), str(r.planning_area), academic_year_label(as_int(r.academic_year)),
                  *values, math.fsum(values))
                 for r, values in zip(table.itertuples(index=False), numbers, strict=True)],
                note="The return takes whole numbers: round each cell. Non-maintained special "
                "schools count with state special schools here. Children without a place in the "
                "plan stand apart: decide which planning area they need.",
            )
        )  # fmt: skip
    return found


def _dsg(run: Run) -> list[Sheet]:
    children = layouts.dsg_children(run.plan, run.years)
    needs = layouts.dsg_needs(run.plan, run.years)
    category = Column("Placement category", "name")
    years = list(range(run.first, run.last + 1))
    allocations = run.allocations
    money_rows: list[tuple[Any, ...]] = []
    plans: list[tuple[str, Plan]] = [("Mitigated: with the plan's schemes", run.plan)]
    if run.without is not None:
        plans.insert(0, ("Unmitigated: committed schemes only", run.without))
    for words, plan in plans:
        table = layouts.dsg_money(plan, years)
        amounts = table[years].to_numpy(float).tolist()
        money_rows += [(words, c, *a) for c, a in zip(table["category"], amounts, strict=True)]
        spent = table[years].to_numpy(float).sum(axis=0).tolist()
        money_rows.append((words, "All high-needs spending", *spent))
        given = [as_float(allocations.get(y, float("nan"))) for y in years]
        money_rows.append((words, "High-needs allocation", *given))
        balance = [a - b for a, b in zip(given, spent, strict=True)]
        money_rows.append((words, "In-year balance (minus: overspent)", *balance))
        running, total = [], 0.0
        for amount in balance:
            total += amount
            running.append(total)
        money_rows.append((words, f"Balance built up since April {run.first}", *running))
    return [
        Sheet(
            "DSG children", "DSG management plan: plans by placement category and age",
            "Plans by placement category and age group at 31 August.",
            "tables/placements.csv, tables/unmet.csv",
            [category, Column("Age group", "age at 31 August"), *_years(run)],
            [(*words, *values) for words, values in zip(
                children[["category", "age_group"]].itertuples(index=False, name=None),
                children[run.years].to_numpy(float).tolist(), strict=True)],
            note="Non-maintained special schools count with independent schools here. Age is at "
            "the 31 August before the academic year.",
            total="All children",
        ),
        Sheet(
            "DSG needs", "DSG management plan: plans by placement category and primary need",
            "Plans by placement category and primary need.",
            "tables/placements.csv, tables/unmet.csv",
            [category, Column("Need", "code"), *_years(run)],
            [(*words, *values) for words, values in zip(
                needs[["category", "need"]].itertuples(index=False, name=None),
                needs[run.years].to_numpy(float).tolist(), strict=True)],
            total="All children",
        ),
        Sheet(
            "DSG money", "DSG management plan: high-needs spending, unmitigated and mitigated",
            "High-needs spending by placement category, allocation and balance.",
            "tables/ledger.csv, without_schemes/ledger.csv, inputs/allocations.csv",
            [Column("Plan", "in words"), Column("Line", "name"),
             *[Column(financial_year_label(y), "£", "pounds") for y in years]],
            money_rows,
            note="The balance carried forward into the first year is not part of the plan: add it "
            "to the balance built up.",
        ),
    ]  # fmt: skip


def _lsrp(run: Run) -> list[Sheet]:
    table = layouts.lsrp_sections(run)
    years = layouts.year_columns(table)
    return [
        Sheet(
            "LSRP", "Local SEND reform plan: sections 5.1, 6, 7 and 12",
            "The sections of the local SEND reform plan that a plan of places can fill.",
            "tables/placements.csv, tables/unmet.csv, inputs/projected_children.csv",
            [Column("Section", "number"), Column("Title", "name"), Column("Line", "name"),
             *[Column(f"{y}", f"children, census of January {y + 1}", "count") for y in years]],
            [(*words, *values) for words, values in zip(
                table[["section", "title", "line"]].itertuples(index=False, name=None),
                table[years].to_numpy(float).tolist(), strict=True)],
            note="Year n of the template is the census of January n+1. “Not available” is not "
            "zero: the plan does not tell these lines apart. Sections 10 and 11 (requests and "
            "assessments) are outside the plan, which begins with plans.",
        )
    ]  # fmt: skip


def _place_changes(run: Run) -> Sheet:
    table = layouts.place_changes(run)
    return Sheet(
        "Place changes", "High-needs place changes to notify",
        "Funded places that change, and the December by which each is notified.",
        "tables/occupancy.csv",
        [Column("Notify by", "month"), Column("For academic year", "September to August"),
         Column("Provision", "identifier"), Column("Name", "name"), Column("Kind", "name"),
         _places_column("Places the year before"), _places_column("Places"),
         _places_column("Change"), _places_column("Of it by schemes"),
         Column("Remark", "in words")],
        [(str(r.notify_by), academic_year_label(as_int(r.academic_year)), str(r.provision),
          str(r.name), KINDS[str(r.kind)], as_float(r.places_before), as_float(r.places_after),
          as_float(r.change), as_float(r.from_schemes), str(r.remark))
         for r in table.itertuples(index=False)],
        note=f"{layouts.PLACE_CHANGE_SOURCE} A new scheme fills over several years, so its places "
        "may be parts: notify whole ones.",
    )  # fmt: skip


def _regroupings() -> Sheet:
    table = layouts.regroupings()
    return Sheet(
        "Regroupings", "How each return groups kinds of provision",
        "Every rule by which the layouts above regroup the ten kinds.",
        "sufficiency/reports/layouts.py",
        [Column("Return", "name"), Column("Code", "of the return"), Column("Line", "name"),
         Column("Gathers", "kinds of provision"), Column("Year groups", "names"),
         Column("Note", "in words"), Column("Source", "in words")],
        [tuple(map(str, r)) for r in table.itertuples(index=False)],
    )  # fmt: skip
