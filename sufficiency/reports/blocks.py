"""What a report is made of: sections of text, tables and figures, without any HTML."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sufficiency.plan.finding import Finding


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what everybody reads.
        spoken: what is added for a screen reader, where a symbol stands for words.
        tone: shade from 0 (none) to 3 (dark), or a named tone; never the only carrier of meaning.
        small: a second line in small print.
    """

    text: str
    spoken: str = ""
    tone: str = ""
    small: str = ""


@dataclass(frozen=True)
class Row:
    """A row: a header cell and its values. A row without values is the heading of a group."""

    header: str
    values: Sequence[Cell | str] = ()
    total: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a caption, headers, and the file that holds its exact numbers.

    Attributes:
        groups: a header row above the headers: (label, number of columns), first column included.
        folded: the words on which it unfolds; empty when the table is always open.
        text_columns: positions (0 = header column) whose cells are words, not numbers.
        one_line: positions of columns of words that are never broken, such as dates.
        printed: whether a folded table is printed.
    """

    kind: ClassVar[str] = "table"
    caption: str
    headers: Sequence[str]
    rows: Sequence[Row]
    source: str = ""
    folded: str = ""
    groups: Sequence[tuple[str, int]] = ()
    text_columns: frozenset[int] = frozenset()
    one_line: frozenset[int] = frozenset()
    dense: bool = False
    printed: bool = False

    @property
    def starts(self) -> frozenset[int]:
        """Positions of the columns that begin a group, for the line between groups."""
        found, at = set(), 0
        for _, span in self.groups:
            found.add(at)
            at += span
        return frozenset(found - {0})


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str
    tone: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Items:
    """A list; ``terms`` turns it into pairs of term and value."""

    kind: ClassVar[str] = "items"
    items: Sequence[str] = ()
    terms: Sequence[tuple[str, str]] = ()
    folded: str = ""


@dataclass(frozen=True)
class Legend:
    """A key to a map: (drawing as SVG, words)."""

    kind: ClassVar[str] = "legend"
    entries: Sequence[tuple[str, str]]


Draw = Callable[[int], str]
"""Draws a picture of a given width in pixels as SVG."""
DrawSheets = Callable[[int, int], Sequence[str]]
"""Draws pictures of a given width, none taller than a given height in pixels, as SVG."""


@dataclass(frozen=True)
class Figure:
    """A chart or map, drawn once for a wide page and once for a telephone.

    Attributes:
        title: the message, ten words or fewer.
        caption: measure, population, source and period.
        alt: the message for somebody who cannot see it.
        draw: makes the SVG for a width.
        key: a legend shown below, for a map.
        table: the numbers behind it, folded.
        parts: whether its parts can be reached one by one, by pointer and keyboard.
        sheets: draws what may be taller than a sheet of paper in as many pictures as it takes.
    """

    kind: ClassVar[str] = "figure"
    title: str
    caption: str
    alt: str
    draw: Draw
    key: Legend | None = None
    table: Table | None = None
    parts: bool = False
    sheets: DrawSheets | None = None


@dataclass(frozen=True)
class HeatRow:
    """A row of a heat map: its label and a value for each column; None where nothing is counted.

    A row without values is the heading of the rows below it.
    """

    label: str
    values: Sequence[float | None] = ()


SLIM_COLUMNS, SLIM_ROWS, SLIM_NAME = 11, 72, 13
"""Most years, rows and letters of a name with which a heat map takes half the width of a sheet: its
cells are then 3 mm wide, and two digits of 7 point 2.75 mm."""


@dataclass(frozen=True)
class HeatMap:
    """Counts shaded by their size: a picture that is a table, for every width and for paper.

    Attributes:
        title: the message, ten words or fewer.
        caption: measure, population, source and period.
        alt: the message for somebody who cannot see it.
        columns: labels of the columns, such as years.
        grids: (title, rows), side by side on a page and one below the other on a telephone; all
            have the same rows.
        largest: the value that is darkest; the same for all maps that are read together.
        source: the file that holds the exact numbers.
    """

    kind: ClassVar[str] = "heat"
    title: str
    caption: str
    alt: str
    columns: Sequence[str]
    grids: Sequence[tuple[str, Sequence[HeatRow]]]
    largest: float
    source: str

    @property
    def slim(self) -> bool:
        """Whether two such maps stand side by side on paper in type that can be read: each of two
        grids, with numbers of two digits and short names."""
        rows = [row for _, grid in self.grids for row in grid]
        return (
            len(self.grids) == 2
            and len(self.columns) <= SLIM_COLUMNS
            and len(rows) <= 2 * SLIM_ROWS
            and all(len(row.label) <= SLIM_NAME for row in rows if row.values)
            and all(value is None or value < 99.5 for row in rows for value in row.values)
        )

    def cell(self, value: float | None) -> tuple[int, str]:
        """Shade and words of a value: half a child is one, less is pale and without a number."""
        if value is None:
            return 0, "\N{EN DASH}"
        # Not round(): that takes half a child to the even nought.
        return self.level(value), "" if value < 0.5 else f"{math.floor(value + 0.5):,d}"

    def level(self, value: float) -> int:
        """0 for less than half a child, then three equal steps up to the largest."""
        if value < 0.5 or self.largest <= 0:
            return 0
        return min(3, math.ceil(value / self.largest * 3))


Block = Table | Text | Heading | Items | Legend | Figure | HeatMap


@dataclass(frozen=True)
class Section:
    """A question and its answer: first the answer, then the number, then how sure we are.

    ``sure_last`` puts the third after the blocks, where they are part of the number.
    """

    anchor: str
    question: str
    answer: str
    number: str = ""
    sure: str = ""
    blocks: Sequence[Block] = field(default_factory=list)
    sure_last: bool = False


@dataclass(frozen=True)
class Look:
    """How the finding of a study is shown: see :mod:`sufficiency.reports.findings`.

    Attributes:
        about: what the page is, for the title of its window.
        sections: questions and answers, in order.
        tiles: (number, words) at the top of the page.
        facts: (term, value) under the heading, beside scenario and date.
        style: QGIS style of a map layer, by its name.
    """

    about: str
    sections: Callable[[Finding], list[Section]]
    tiles: Callable[[Finding], list[tuple[str, str]]] = lambda finding: []
    facts: Callable[[Finding], list[tuple[str, str]]] = lambda finding: []
    style: Callable[[str], str] | None = None
