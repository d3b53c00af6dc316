"""What differs in the results: children, schemes, money, failures and journeys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from sufficiency.reports import charts
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import Block, Figure, Row, Section, Table
from sufficiency.reports.comparison.conclusions import in_ledgers
from sufficiency.reports.comparison.side_by_side import (
    CHILD,
    FAILURES,
    LETTERS,
    NOT_PUT_FORWARD,
    POUND,
    Comparison,
)
from sufficiency.reports.facts import GROUPS, LINES, UNMET, as_float, as_int, records
from sufficiency.vocabulary import (
    KINDS,
    LEDGERS,
    NEEDS,
    academic_year_label,
    financial_year_label,
)

LOOKS: Final = (
    (charts.NAVY, ()),
    (charts.ORANGE, (7, 3)),
    (charts.TEAL, (2, 3)),
    (charts.PLUM, (9, 3, 2, 3)),
    (charts.CHARCOAL, (4, 2)),
    (charts.LILAC, (1, 2)),
)
"""Colour and pattern of each run's line."""
ALL_KINDS: Final[dict[str, str]] = {**KINDS, UNMET: "No suitable place (unmet)"}
ALL_GROUPS: Final = (*GROUPS, "No suitable place")


# ------------------------------------------------------------------ children


def change_chart(found: Comparison) -> Figure:
    """Children by group in the last common year: difference to the reference."""
    names, values = [], []
    for i in found.others:
        for group in ALL_GROUPS:
            change = found.group(i, group)[-1] - found.group(0, group)[-1]
            if abs(change) > CHILD:
                names.append(group if len(found.runs) == 2 else f"{found.labels[i]}, {group}")
                values.append(change)
    year = academic_year_label(found.last)
    if not names:
        names, values = ["Every kind of placement"], [0.0]
    largest = max(range(len(values)), key=lambda k: abs(values[k]))
    words = [("+" if v > 0 else "") + fmt.count(v) for v in values]
    title = (
        f"Placements in {year} are the same"
        if abs(values[largest]) <= CHILD
        else f"{names[largest]}: {words[largest]} children in {year}"
    )
    return Figure(
        title=title if len(title.split()) <= 10 else f"Where children are placed in {year}",
        caption=f"Children and young people by group of provision in {year}: difference to "
        f"{found.labels[0]}. To the right (navy) more, to the left (orange) fewer. "
        "Source: mix.csv.",
        alt=f"{title}. " + "; ".join(f"{n} {w}" for n, w in zip(names, words, strict=True)),
        draw=lambda width: charts.render(charts.signed_bars(names, values, words, width)),
    )


def _lines(values: Sequence[Sequence[float]], decimals: int = 0) -> list[charts.Line]:
    """A line for each run, named by its letter and last value."""
    return [
        charts.Line(f"{LETTERS[i]} {row[-1]:,.{decimals}f}", list(row), *LOOKS[i])
        for i, row in reversed(list(enumerate(values)))
    ]


def _key(found: Comparison) -> str:
    """What the letters of a chart mean."""
    return ", ".join(
        f"{label}{' (reference, solid)' if i == 0 else ''}" for i, label in enumerate(found.labels)
    )


def mix(found: Comparison) -> Section:
    """Children by group, kind, need and phase."""
    labels = [academic_year_label(y) for y in found.years]
    last = labels[-1]
    children = {g: [found.group(i, g) for i in range(len(found.runs))] for g in ALL_GROUPS}
    groups = [g for g, values in children.items() if max(map(max, values)) > CHILD]
    panels = [charts.Panel(g, _lines(children[g])) for g in groups]
    moved = [
        (g, children[g][i][-1] - children[g][0][-1], found.labels[i])
        for i in found.others
        for g in groups
    ]
    group, change, label = max(moved, key=lambda m: abs(m[1]), default=("", 0.0, ""))
    answer = (
        f"The largest change in {last}: {fmt.count(abs(change))} children "
        f"{'more' if change > 0 else 'fewer'} in the group “{group}” of {label}."
        if abs(change) > CHILD
        else f"In {last} every group of placements has as many children as in the reference."
    )
    blocks: list[Block] = [
        Figure(
            title=f"Where children are placed, {labels[0]} to {last}",
            caption=f"Children and young people by group of provision and academic year: "
            f"{_key(found)}. Each small chart has its own scale. Source: mix.csv.",
            alt=answer,
            draw=lambda width: charts.render(charts.panels(panels, labels, width, "Children")),
        )
    ]
    for i in found.others:
        blocks += [
            _by_year(found, i),
            _by_kind(found, i, "need", list(NEEDS)),
            _by_kind(found, i, "phase", found.reference.phases),
        ]
    return Section("mix", "Where are children placed?", answer, "", "", blocks)


def _by_year(found: Comparison, i: int) -> Table:
    """Children by kind of provision and common year."""
    mine = found.of(found.mix, i)
    cells = _pairs(mine, ["kind", "academic_year"])
    rows = []
    for kind, name in ALL_KINDS.items():
        values = [cells.get((kind, y), (0.0, 0.0)) for y in found.years]
        if any(max(pair) > CHILD for pair in values):
            rows.append(Row(name, [_difference(*pair) for pair in values]))
    totals = _pairs(mine, ["academic_year"])
    rows.append(Row("All", [_difference(*totals[y,]) for y in found.years], total=True))
    years = [academic_year_label(y) for y in found.years]
    return _children_table(
        found, i, "kind of provision", "kind of provision and year", years, rows, "mix.csv"
    )


def _by_kind(found: Comparison, i: int, column: str, order: Sequence[str]) -> Table:
    """Children by need or phase and kind of provision in the last common year."""
    mine = found.of(found.placements, i)
    cells = _pairs(mine[mine["academic_year"] == found.last], [column, "kind"])
    names, kinds = {str(name) for name, _ in cells}, {kind for _, kind in cells}
    shown = [k for k in ALL_KINDS if k in kinds]
    rows = [
        Row(
            fmt.capital_first(NEEDS.get(name, name)),
            [_difference(*cells.get((name, kind), (0.0, 0.0))) for kind in shown],
        )
        for name in [*(n for n in order if n in names), *sorted(names - set(order))]
    ]
    by = f"{column} and kind of provision in {academic_year_label(found.last)}"
    heads = [ALL_KINDS[k] for k in shown]
    return _children_table(found, i, by, by, heads, rows, "placements.csv", column)


def _pairs(table: pd.DataFrame, by: list[str]) -> dict[tuple[Any, ...], tuple[float, float]]:
    """Children of the reference and of the run, by the values of some columns."""
    sums = table.groupby(by)[["children_reference", "children"]].sum()
    keys = [key if isinstance(key, tuple) else (key,) for key in sums.index]
    return {
        key: (as_float(before), as_float(after))
        for key, (before, after) in zip(keys, sums.to_numpy(), strict=True)
    }


def _children_table(
    found: Comparison,
    i: int,
    by: str,
    folded_by: str,
    heads: Sequence[str],
    rows: Sequence[Row],
    source: str,
    first: str = "",
) -> Table:
    """Children of a run with the difference to the reference in every cell."""
    return Table(
        caption=f"Children by {by}: {found.labels[i]}, and the difference to "
        f"{found.labels[0]} in brackets",
        headers=[fmt.capital_first(first or by), *heads],
        rows=rows,
        source=source,
        folded=f"By {folded_by}, {found.labels[i]}",
        dense=True,
        printed=True,
    )


# ------------------------------------------------------------------ schemes


def schemes(found: Comparison) -> Section:
    """Every scheme of any run, and when it opens."""
    question = "Which schemes open, and when?"
    if found.schemes.empty:
        return Section("schemes", question, "No run puts a scheme forward.")
    moved = sum(len(found.moved_schemes(i)) for i in found.others)
    answer = (
        f"{fmt.capital_first(fmt.number_of(moved, 'opening', 'openings'))} "
        f"{'differs' if moved == 1 else 'differ'} from the reference."
        if moved
        else "The same schemes open in the same Septembers."
    )
    cells = {(str(r.run), str(r.scheme)): r for r in records(found.schemes)}
    rows = []
    for scheme in dict.fromkeys(found.schemes["scheme"].astype(str)):
        # A scheme of any run may be unknown to the reference and to another run alike.
        mine = [cells.get((found.labels[i], scheme)) for i in found.others]
        known = [r for r in mine if r is not None]
        values = [_opening(as_int(known[0].opens_reference), str(known[0].status_reference))]
        for r in mine:
            values.append("" if r is None else _opening(as_int(r.opens), str(r.status)))
            values.append("" if r is None else str(r.change) or "same")
        marked = any(r.change for r in known)
        rows.append(Row(str(known[-1].name), values, mark="" if marked else "quiet"))
    heads = [found.labels[0], *(h for i in found.others for h in (found.labels[i], "Change"))]
    table = Table(
        caption="Every scheme of any of these runs: the September in which it opens",
        headers=["Scheme", *heads],
        rows=sorted(rows, key=lambda r: r.mark == "quiet"),
        source="schemes.csv",
        text_columns=frozenset(range(1, len(heads) + 1)),
        dense=True,
    )
    return Section("schemes", question, answer, "", "", [table])


def _opening(year: int, status: str) -> str:
    if year < 0:
        return status if status == NOT_PUT_FORWARD else "does not open"
    return f"{year}{' (committed)' if status == 'committed' else ''}"


# ------------------------------------------------------------------ money


def money(found: Comparison) -> Section:
    """Spending by ledger, year and line."""
    labels = [financial_year_label(y) for y in found.years]
    frames = [found.ledger_by_year(i) for i in range(len(found.runs))]
    scale = _scale(frames)
    panels = [
        charts.Panel(name, _lines([[as_float(v) / scale[0] for v in f[ledger]] for f in frames], 1))
        for ledger, name in LEDGERS.items()
    ]
    said = " ".join(
        f"{found.labels[i]} against {found.labels[0]}: {in_ledgers(found, i)}."
        for i in found.others
    )
    blocks: list[Block] = [
        Figure(
            title=f"Spending by ledger, {labels[0]} to {labels[-1]}",
            caption=f"Spending by ledger and financial year, {scale[1]}, today's prices: "
            f"{_key(found)}. Each small chart has its own scale. Source: ledger.csv.",
            alt=said,
            draw=lambda width: charts.render(
                charts.panels(panels, labels, width, scale[1], number_format=",.3~r")
            ),
        )
    ]
    if len(found.runs) == 2 and not found.unchanged(1):
        blocks.append(_ledger_difference(found, frames[1] - frames[0], labels))
    blocks += [_ledger_table(found, frames), *(_lines_table(found, i) for i in found.others)]
    sure = (
        "Complete financial years that all runs have. The three ledgers are never added: a "
        "saving in one purse cannot be spent from another."
    )
    return Section("money", "What does it cost, and who pays?", said, "", sure, blocks)


def _scale(frames: Sequence[pd.DataFrame]) -> tuple[float, str, int]:
    return fmt.money_scale([as_float(v) for f in frames for v in f.to_numpy().ravel()])


def _ledger_difference(found: Comparison, gap: pd.DataFrame, labels: Sequence[str]) -> Figure:
    scale = _scale([gap])
    table = pd.DataFrame(
        [
            (label, ledger, as_float(gap.at[y, ledger]) / scale[0])
            for y, label in zip(found.years, labels, strict=True)
            for ledger in LEDGERS
        ],
        columns=["year", "ledger", "value"],
    )
    total = {ledger: as_float(gap[ledger].sum()) for ledger in LEDGERS}
    title = f"Grant spending is {fmt.more_or_less(total['dsg'], 'higher', 'lower')} in all"
    return Figure(
        title=title,
        caption=f"Difference of {found.labels[1]} to {found.labels[0]} by ledger and financial "
        f"year, {scale[1]}. Above the line costs more, below it costs less. One scale for all "
        "three. Source: ledger.csv.",
        alt=f"{title}. "
        + " ".join(
            f"{LEDGERS[k]}: {fmt.more_or_less(v)} over all years." for k, v in total.items()
        ),
        draw=lambda width: charts.render(
            charts.difference_bars(table, labels, LEDGERS, width, scale[1])
        ),
    )


def _ledger_table(found: Comparison, frames: Sequence[pd.DataFrame]) -> Table:
    scale = _scale(frames)
    rows = []
    for year in [*found.years, -1]:
        values = []
        for ledger in LEDGERS:
            amounts = [
                as_float(f.at[year, ledger] if year >= 0 else f[ledger].sum()) for f in frames
            ]
            values.append(fmt.scaled(amounts[0], scale))
            for amount in amounts[1:]:
                values += [fmt.scaled(amount, scale), fmt.signed(amount - amounts[0], scale)]
        name = financial_year_label(year) if year >= 0 else "All these years"
        rows.append(Row(name, values, total=year < 0))
    heads = ["A", *(h for i in found.others for h in (LETTERS[i], f"{LETTERS[i]} less A"))]
    return Table(
        caption=f"Spending by financial year, {scale[1]}: {_key(found)}",
        headers=["Financial year", *heads * len(LEDGERS)],
        groups=[("", 1), *((name, len(heads)) for name in LEDGERS.values())],
        rows=rows,
        source="ledger.csv",
        dense=True,
    )


def _lines_table(found: Comparison, i: int) -> Table:
    sums = (
        found.of(found.ledger, i)
        .groupby(["ledger", "line", "kind"])[["pounds_reference", "pounds", "pounds_difference"]]
        .sum()
    )
    order = {ledger: k for k, ledger in enumerate(LEDGERS)}
    at = {line: k for k, line in enumerate(LINES)}
    scale = fmt.money_scale([as_float(v) for v in sums["pounds"]])
    rows = []
    for key in sorted(sums.index, key=lambda k: (order.get(k[0], 9), at.get(k[1], 99), k[2])):
        ledger, line, kind = (str(k) for k in key)
        before, after, change = (as_float(v) for v in sums.loc[key])
        rows.append(
            Row(
                LINES.get(line, line),
                [LEDGERS.get(ledger, ledger), KINDS.get(kind, kind),
                 fmt.scaled(before, scale), fmt.scaled(after, scale),
                 fmt.signed(change, scale)],
                mark="" if abs(change) > POUND else "quiet",
            )
        )  # fmt: skip
    return Table(
        caption=f"Spending by line and kind of provision over these years, {scale[1]}",
        headers=["Line", "Ledger", "Kind of provision", found.labels[0], found.labels[i],
                 "Difference"],
        rows=rows,
        source="ledger.csv",
        folded=f"By line and kind of provision, {found.labels[i]}",
        text_columns=frozenset({1, 2}),
        dense=True,
        printed=True,
    )  # fmt: skip


# ------------------------------------------------------------------ failures and travel


def failures(found: Comparison) -> Section:
    """Children without a place, or in crowded schools."""
    labels = [academic_year_label(y) for y in found.years]
    series = {name: found.failure(name) for name in FAILURES}
    shown = [n for n in FAILURES if max(map(max, series[n])) > CHILD]
    total = {n: [sum(v) for v in series[n]] for n in FAILURES}
    said = []
    for i in found.others:
        parts = [
            f"{FAILURES[n].lower()}: {fmt.child_years(total[n][i])} against "
            f"{fmt.count(total[n][0])}"
            for n in FAILURES
        ]
        said.append(f"{found.labels[i]}: {'; '.join(parts)}.")
    blocks: list[Block] = []
    if shown:
        panels = [charts.Panel(FAILURES[n], _lines(series[n], 1)) for n in shown]
        blocks.append(
            Figure(
                title="Children without a place, or in crowded schools",
                caption=f"Expected children by academic year: {_key(found)}. "
                f"{'Each small chart has its own scale. ' if len(shown) > 1 else ''}"
                "Source: failures.csv.",
                alt=" ".join(said),
                draw=lambda width: charts.render(
                    charts.panels(panels, labels, width, "Children", number_format=",.3~r")
                ),
            )
        )
    heads = LETTERS[: len(found.runs)]
    blocks.append(
        Table(
            caption=f"Expected children by academic year: {_key(found)}",
            headers=["Academic year", *[*heads] * len(FAILURES)],
            groups=[("", 1), *((name, len(heads)) for name in FAILURES.values())],
            rows=[
                Row(label, [fmt.count(values[k]) for n in FAILURES for values in series[n]])
                for k, label in enumerate(labels)
            ],
            source="failures.csv",
            dense=True,
        )
    )
    return Section(
        "failures", "Who has no suitable place, or a crowded one?",
        " ".join(fmt.capital_first(s) for s in said), "",
        "Unmet need is a failure to be solved, never a saving: a plan that is cheaper for "
        "leaving children without a place is not cheaper.", blocks,
    )  # fmt: skip


def travel(found: Comparison) -> Section:
    """Journeys in the last common year."""
    measures = {
        "median_minutes": "Median minutes",
        "p90_minutes": "Nine in ten within (minutes)",
        "over_guide": "Over the guide",
        "over_45": "Over 45 minutes",
        "over_75": "Over 75 minutes",
    }
    order = {name: k for k, name in enumerate(["all", *found.reference.phases])}
    year = academic_year_label(found.last)
    said, blocks = [], []
    for i in found.others:
        mine = found.of(found.travel, i)
        mine = mine[mine["academic_year"] == found.last]
        for row in records(mine[mine["phase"] == "all"]):
            median, before = map(fmt.minutes, (row.median_minutes, row.median_minutes_reference))
            over, over_before = map(fmt.count, (row.over_guide, row.over_guide_reference))
            said.append(
                f"{found.labels[i]}: median journey {median} against {before}, "
                f"{over} children over the guide against {over_before}."
            )
        rows = [
            Row(
                str(r.phase),
                [
                    _difference(as_float(getattr(r, f"{m}_reference")), as_float(getattr(r, m)))
                    for m in measures
                ],
                total=str(r.phase) == "all",
            )
            for r in sorted(records(mine), key=lambda r: order.get(str(r.phase), 99))
        ]
        blocks.append(
            Table(
                caption=f"Journeys to school, one way, in {year}: {found.labels[i]}, and the "
                f"difference to {found.labels[0]} in brackets",
                headers=["Phase", *measures.values()],
                rows=rows,
                source="travel.csv",
                dense=True,
            )
        )
    answer = f"In {year}: {' '.join(said)}"
    return Section("travel", "How far do children travel?", answer, "", "", blocks)


def _difference(before: float, after: float) -> str:
    """A number, and its difference to the reference in brackets."""
    change = after - before
    if change != change or abs(change) < CHILD:
        return fmt.count(after)
    return f"{fmt.count(after)} ({'+' if change > 0 else ''}{fmt.count(change)})"
