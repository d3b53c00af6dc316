"""Placement by need and by phase, and children placed in and out of the area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from sufficiency.reports import charts, measures, place_map
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import Block, Cell, Figure, Legend, Row, Section, Table, Text
from sufficiency.reports.facts import TOLERANCE, Run, as_float
from sufficiency.vocabulary import KINDS, NEEDS
from sufficiency.vocabulary import academic_year_label as year_label

# ------------------------------------------------------------------ needs and phases


def needs_and_phases(run: Run) -> Section:
    """Which needs and which ages are placed where, in the base year and at the end."""
    by_need = measures.mix_by(run.plan, "need")
    by_phase = measures.mix_by(run.plan, "phase")
    ends = by_need[by_need["academic_year"] == run.last]
    totals = ends.groupby("need")["children"].sum()
    question = "Which needs and ages are placed where?"
    if totals.sum() < TOLERANCE:
        return Section("needs", question, "No child has a plan in the last year.")
    special = ends[ends["group"] == "Independent or non-maintained"]
    special = special.sort_values("children", ascending=False)
    largest = str(totals.idxmax())
    answer = (
        f"{_need(largest)} is the most frequent need in {year_label(run.last)}: "
        f"{fmt.share_of(as_float(totals[largest]), as_float(totals.sum()))} of all children with "
        "a plan."
    )
    number = "No child is in an independent or non-maintained special school."
    if len(special) and as_float(special["children"].iloc[0]) > TOLERANCE:
        need, there = str(special["need"].iloc[0]), as_float(special["children"].iloc[0])
        number = (
            f"The most frequent need in independent and non-maintained special schools is "
            f"{_need(need, False)}: {fmt.children(there)}, "
            f"{fmt.share_of(there, as_float(totals[need]))} of those with that need."
        )
    sure = (
        "Primary need says little about the provision that a child needs: autism alone spans a "
        "mainstream class and a residential school. Needs are as recorded in plans. Only "
        f"{year_label(run.base)} is actual; earlier years are not in the run. No band is drawn for "
        "a need or a phase: that would take a plan for each of several forecasts."
    )
    order = [n for n in totals.sort_values(ascending=False).index if totals[n] > TOLERANCE]
    shown = [str(n) for n in order]
    phases = [p for p in run.phases if p in set(by_phase["phase"])]
    blocks: list[Block] = [
        _shares(
            run, by_need, "need", {n: _need(n) for n in shown},
            _need_title(run, by_need, shown), "primary need",
        ),
        _shares(
            run, by_phase, "phase", {p: fmt.capital_first(p) for p in phases},
            _phase_title(run, by_phase, phases), "phase",
        ),
    ]  # fmt: skip
    return Section("needs", question, answer, number, sure, blocks)


def _need(code: str, capital: bool = True) -> str:
    name = NEEDS.get(code, code)
    if not capital:
        name = name[:1].lower() + name[1:]
    return name


def _in_special(table: pd.DataFrame, year: int) -> float:
    """Share of children of a year who are in a state special school or a base."""
    part = table[table["academic_year"] == year]
    local = part[part["group"].isin(["State special school", "Specialist base"])]
    whole = as_float(part["children"].sum())
    return as_float(local["children"].sum()) / whole if whole > 0 else 0.0


def _need_title(run: Run, table: pd.DataFrame, needs: Sequence[str]) -> str:
    most = max(needs, key=lambda n: _in_special(table[table["need"] == n], run.last))
    share = _in_special(table[table["need"] == most], run.last)
    short = _need(most)
    return _short_title(
        f"{short}: {fmt.percent(share)} in state special schools or bases in "
        f"{year_label(run.last)}",
        f"{short}: {fmt.percent(share)} in state special schools or bases",
        f"{short}: {fmt.percent(share)} in state specialist places",
    )


def _short_title(*titles: str) -> str:
    """The first title of ten words or fewer, or else the last."""
    return next((t for t in titles if len(t.split()) <= 10), titles[-1])


def _phase_title(run: Run, table: pd.DataFrame, phases: Sequence[str]) -> str:
    name = "secondary" if "secondary" in phases else phases[-1]
    part = table[table["phase"] == name]
    then = _in_special(part, run.last)
    title = f"{fmt.capital_first(name)}: {fmt.percent(then)} in state special schools or bases"
    return _short_title(f"{title} in {year_label(run.last)}", title)


def _shares(
    run: Run, table: pd.DataFrame, column: str, names: Mapping[str, str], title: str, words: str
) -> Figure:
    years = [run.base, run.last]
    found = table.set_index([column, "academic_year", "group"])["children"].to_dict()

    def values(key: str, year: int) -> dict[str, float]:
        return {
            g: as_float(found[key, year, g])
            for g in measures.SHOWN_GROUPS
            if (key, year, g) in found
        }

    rows = [
        (name, [(year_label(y), values(key, y)) for y in years if sum(values(key, y).values()) > 0])
        for key, name in names.items()
    ]
    rows = [r for r in rows if r[1]]
    present = {g for _, bars in rows for _, v in bars for g in v}
    key = Legend([(place_map.swatch(charts.COLOURS[g]), g) for g in charts.COLOURS if g in present])
    listed: list[Row] = []
    for k, name in names.items():
        listed.append(Row(name))
        whole = [sum(values(k, y).values()) for y in run.years]
        for group in measures.SHOWN_GROUPS:
            numbers = [values(k, y).get(group, 0.0) for y in run.years]
            if max(numbers) > 0:
                listed.append(Row(group, fmt.counts(numbers)))
        listed.append(Row(f"All: {name}", fmt.counts(whole), total=True))
    heads = [f"{year_label(y)}{' actual' if y == run.base else ''}" for y in run.years]
    spoken = "; ".join(
        f"{name}: {fmt.percent(_in_special(table[table[column] == k], run.last))}"
        for k, name in names.items()
    )
    return Figure(
        title=title,
        caption=(
            f"Children and young people with a plan by {words} and kind of placement, "
            f"{run.authority}: {year_label(run.base)} (actual) above {year_label(run.last)} "
            "(projected, with the plan's schemes). Each bar is all children of its row; their "
            "number stands at its end. Source: tables/placements.csv, tables/unmet.csv."
        ),
        alt=f"{title}. In {year_label(run.last)}, in state special schools or bases: {spoken}.",
        draw=lambda width: charts.render(charts.shares(rows, width)),
        key=key,
        table=Table(
            caption=f"Children by {words} and kind of placement, with the plan's schemes",
            headers=["Placement", *heads],
            rows=listed,
            source="tables/placements.csv",
            folded=f"Numbers by {words}, every year",
            dense=True,
        ),
    )


# ------------------------------------------------------------------ in and out of the area


def area(run: Run) -> Section:
    """Children placed outside the authority, and other authorities' children inside it."""
    question = "Who is placed outside the area, and who comes in?"
    ours = measures.in_and_out(run, run.plan)
    out = {y: as_float(ours.at[y, "outside"]) for y in (run.base, run.last)}
    whole = {y: run.children(y) for y in (run.base, run.last)}
    answer = (
        f"In {year_label(run.last)}, {fmt.children(out[run.last])} "
        f"({fmt.share_of(out[run.last], whole[run.last])}) are placed outside the authority, "
        f"against {fmt.whole(out[run.base])} ({fmt.share_of(out[run.base], whole[run.base])}) in "
        f"{year_label(run.base)}."
    )
    number = (
        f"Other authorities fill {fmt.places(as_float(ours.at[run.last, 'others']))} of the "
        f"provision here in {year_label(run.last)}, against "
        f"{fmt.places(as_float(ours.at[run.base, 'others']))} in {year_label(run.base)}."
    )
    sure = (
        "Whether a school lies inside follows from the boundary or from the table of provisions; "
        "provision near every home counts as inside. How many places other authorities fill is an "
        "input that the plan takes as given: it turns nobody away, and a school may not refuse a "
        "child for living elsewhere."
    )
    theirs = measures.in_and_out(run, run.without) if run.without is not None else None
    labels = run.labels
    away = [as_float(v) for v in ours["outside"]]
    lines = [charts.Line(f"with {fmt.whole(away[-1])}", away, charts.NAVY)]
    rows = [
        Row("Placed inside the authority", fmt.counts(ours["inside"])),
        Row("Placed outside it", fmt.counts(away)),
        Row("No suitable place", fmt.counts(ours["unmet"])),
        Row(
            "All children of the authority",
            fmt.counts(ours[["inside", "outside", "unmet"]].sum(axis=1)), total=True,
        ),
        Row("Other authorities' children here", fmt.counts(ours["others"])),
    ]  # fmt: skip
    if theirs is not None:
        before = [as_float(v) for v in theirs["outside"]]
        same = abs(before[-1] - away[-1]) < 0.5
        if same:
            lines = [charts.Line(f"both {fmt.whole(away[-1])}", away, charts.NAVY)]
        lines.insert(
            0,
            charts.Line("" if same else f"without {fmt.whole(before[-1])}", before,
                        charts.CHARCOAL, charts.DASHED),
        )  # fmt: skip
        rows.insert(2, Row("Placed outside it, committed schemes only", fmt.counts(before)))
    others = [as_float(v) for v in ours["others"]]
    panels = [charts.Panel("Placed outside the area", lines)]
    if max(others) >= 0.5:
        line = charts.Line(fmt.whole(others[-1]), others, charts.PLUM)
        panels.append(charts.Panel("Others' children placed here", [line]))
    change = away[-1] - away[0]
    if abs(change) < 0.5:
        title = "As many children are placed outside as today"
    else:
        way = "more" if change > 0 else "fewer"
        title = f"{fmt.whole(abs(change))} {way} placed outside the area by {labels[-1]}"
    figure = Figure(
        title=title,
        caption=(
            f"Children of {run.authority} placed in another authority, {run.line_words}"
            + ("; children of other authorities in places here" if len(panels) > 1 else "")
            + f". {labels[0]} actual, later years projected. "
            + ("Each small chart has its own scale. " if len(panels) > 1 else "")
            + "Source: tables/placements.csv, tables/occupancy.csv, inputs/provisions.csv."
        ),
        alt=f"{title}. Placed outside: {fmt.whole(away[0])} in {labels[0]}, {fmt.whole(away[-1])} "
        f"in {labels[-1]}. Others' children here: {fmt.whole(others[0])} and "
        f"{fmt.whole(others[-1])}.",
        draw=lambda width: charts.render(
            charts.panels(
                panels, labels, width if len(panels) > 1 else min(width, 620), "Children",
                actual=labels[0], columns=2,
            )),
        table=Table(
            caption="Children placed inside and outside the authority, and others' children here",
            headers=["Measure", *labels],
            rows=rows,
            source="tables/placements.csv",
            folded="Numbers behind this chart",
            dense=True,
        ),
    )  # fmt: skip
    blocks: list[Block] = [figure]
    kinds = measures.outside_by_kind(run, run.plan)
    if len(kinds):
        blocks.append(
            Table(
                caption="Children placed outside the authority by kind of provision, with the "
                "plan's schemes",
                headers=["Kind of provision", *labels],
                rows=[
                    *(Row(KINDS[str(k)], [Cell(v) for v in fmt.counts(r)])
                      for k, r in kinds.iterrows()),
                    Row("All", fmt.counts(kinds.sum()), total=True),
                ],
                source="tables/placements.csv",
                dense=True,
            )
        )  # fmt: skip
    else:
        blocks.append(Text("No child is placed outside the authority in any year."))
    return Section("area", question, answer, number, sure, blocks)
