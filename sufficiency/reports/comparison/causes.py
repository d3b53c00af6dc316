"""Which inputs differ, as tables of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import Block, Heading, Items, Row, Section, Table, Text
from sufficiency.reports.comparison.conclusions import cause
from sufficiency.reports.comparison.inputs import Changed, InputChanges, TableChange
from sufficiency.reports.comparison.side_by_side import CHILD, Comparison
from sufficiency.reports.facts import records

LISTED_ROWS: Final = 25
"""Changed rows of a table that the page lists; the CSV file has more."""


def causes(found: Comparison) -> Section:
    """What was assumed otherwise, value by value and row by row."""
    blocks: list[Block] = []
    answers = []
    for i in found.others:
        if len(found.runs) > 2:
            blocks.append(Heading(f"{found.labels[i]} against {found.labels[0]}"))
            answers.append(f"{found.labels[i]}: {cause(found, i)}")
        else:
            answers.append(fmt.capital_first(cause(found, i)))
        blocks += _input_blocks(found.labels[i], found.inputs[i])
    sure = (
        "Tables are compared as the runs used them, what-ifs and projection included, row by "
        "row. A difference in results follows from inputs, from where a search stopped, or "
        "from both."
    )
    question = "Which assumption caused it?"
    return Section("causes", question, " ".join(answers), "", sure, blocks)


def _input_blocks(label: str, changes: InputChanges) -> list[Block]:
    sides = ["In the reference", f"In {label}"]
    blocks: list[Block] = []
    if changes.scenario:
        caption = "The scenario: what is asked"
        blocks.append(
            _inputs_table(caption, ["Part", "Within it", *sides], _values(changes.scenario))
        )
    if changes.model:
        entries = {c.name for c in changes.model}
        sources = ["Source in the reference", f"Source in {label}"]
        blocks.append(
            _inputs_table(
                "The planning model: "
                f"{fmt.number_of(len(changes.model), 'value', 'values')} of "
                f"{fmt.number_of(len(entries), 'entry', 'entries')} "
                f"{'differs' if len(changes.model) == 1 else 'differ'}",
                ["Entry", "Within it", *sides, "Unit", *sources],
                _values(changes.model, sourced=True),
            )
        )
    if changes.sourced:
        listed = [fmt.capital_first(fmt.words(key)) for key in changes.sourced]
        blocks.append(
            Items(
                listed,
                folded=f"{len(listed)} entries whose value is the same, but not "
                "their source, date or unit",
            )
        )
    if changes.tables:
        numbers = ["Rows before", "Rows after", "Added", "Removed", "Changed"]
        blocks.append(
            _inputs_table(
                "Tables: rows that differ",
                ["Table", *numbers, "Columns", "Totals", "Why"],
                [_table_row(t) for t in changes.tables],
                numbers=len(numbers),
            )
        )
        blocks += [_changed_rows(t, sides) for t in changes.tables if len(t.rows)]
    if changes.search:
        caption = "How the plan was searched for"
        blocks.append(
            _inputs_table(caption, ["Setting", "Within it", *sides], _values(changes.search))
        )
    if not blocks:
        said = "No input differs." if changes.compared else "Neither scenario nor model differ."
        blocks.append(Text(said))
    return blocks


def _inputs_table(
    caption: str, headers: Sequence[str], rows: Sequence[Row], numbers: int = 0, folded: str = ""
) -> Table:
    """A table of differing inputs: words in every column but the first ``numbers``."""
    return Table(
        caption=caption,
        headers=headers,
        rows=rows,
        source="inputs.csv",
        folded=folded,
        text_columns=frozenset(range(1 + numbers, len(headers))),
        dense=True,
    )


def _values(changes: Sequence[Changed], sourced: bool = False) -> list[Row]:
    """A row for each value that differs; entries of the planning model with unit and sources."""
    return [
        Row(
            fmt.capital_first(fmt.words(c.name)) if sourced else c.name,
            [
                c.part or "the whole",
                c.before,
                c.after,
                *(
                    [c.unit, *(s or fmt.NOT_AVAILABLE for s in (c.source_before, c.source_after))]
                    if sourced
                    else []
                ),
            ],
        )
        for c in changes
    ]


def _table_row(change: TableChange) -> Row:
    totals = [
        f"{column} {before:,.0f}, now {after:,.0f}"
        for column, before, after in change.totals
        if abs(after - before) > CHILD
    ]
    numbers = (
        change.rows_before, change.rows_after, change.added, change.removed, change.changed,
    )  # fmt: skip
    return Row(
        change.name,
        [
            *(f"{number:,}" for number in numbers),
            ", ".join(change.columns) or fmt.NONE,
            "; ".join(totals) or "the same",
            "follows from a what-if, the variant or the planning model: the file is the same"
            if change.derived
            else "another file",
        ],
    )


def _changed_rows(change: TableChange, sides: Sequence[str]) -> Table:
    shown = change.rows.head(LISTED_ROWS)
    more = len(change.rows) - len(shown)
    count = change.added + change.removed + change.changed
    note = f"; the first {len(shown)} of {len(change.rows):,} differences" if more else ""
    return _inputs_table(
        f"Table {change.name}{note}",
        ["Row", "Change", "Column", *sides],
        [
            Row(str(r.row), [str(r.change), str(r.column), str(r.before), str(r.after)])
            for r in records(shown)
        ],
        folded=f"{change.name}: {fmt.number_of(count, 'row differs', 'rows differ')}",
    )
