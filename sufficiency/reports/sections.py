"""The sections of the report, in the order in which a reader asks.

Each function takes a run and returns one section: a question, its answer, the number, how sure we
are, and the tables and figures behind it. Nothing here is HTML.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from sufficiency.plan import Plan
from sufficiency.reports import charts, place_map
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import (
    Block,
    Cell,
    Figure,
    Heading,
    Items,
    Legend,
    Row,
    Section,
    Table,
    Text,
)
from sufficiency.reports.facts import (
    GROUPS,
    LEDGER_OF_LINE,
    LINES,
    TOLERANCE,
    UNMET,
    Run,
    as_float,
    as_int,
    group_of,
)
from sufficiency.vocabulary import (
    KINDS,
    LEDGERS,
    financial_year_label,
    year_group_name,
)
from sufficiency.vocabulary import academic_year_label as year_label

DASHED = (6, 4)
NONE = "\N{EN DASH}"


def sections(run: Run) -> list[Section]:
    """All sections of the report."""
    return [
        headline(run),
        mix(run),
        local_places(run),
        schemes(run),
        costs(run),
        occupancy(run),
        whereabouts(run),
        travel(run),
        transfers(run),
        marginal(run),
        assumptions(run),
        data_quality(run),
        certificate(run),
    ]


def _labels(run: Run) -> list[str]:
    return [year_label(y) for y in run.years]


def _period(run: Run) -> str:
    return f"{year_label(run.first)} to {year_label(run.last)}"


def _finances(run: Run) -> str:
    return f"{financial_year_label(run.first)} to {financial_year_label(run.last)}"


def _forecast_words(run: Run) -> str:
    variant = str(run.stamp.get("variant", "central"))
    draw = as_int(run.stamp.get("draw", 0) or 0)
    one = f"draw {draw} of the forecast" if draw else f"one forecast, the {variant} one"
    return f"{_period(run)} rests on {one}; another would give other numbers."


# ------------------------------------------------------------------ 1 headline


def headline(run: Run) -> Section:
    """The plan in a few sentences that a councillor can read out."""
    return Section(
        anchor="headline",
        question="What is the plan, in short?",
        answer=_growth(run),
        number=_local_sentence(run),
        sure=_certainty(run),
        sure_last=True,
        blocks=[
            Items([_schemes_sentence(run), *_money_sentences(run)]),
            *_purses(run),
            Heading("What is still unsolved?"),
            *[Text(t, tone) for t, tone in _failures(run)],
        ],
    )


def _growth(run: Run) -> str:
    now, then = run.children(run.base), run.children(run.last)
    start = (
        f"{run.authority} has {fmt.children(now)} and young people with a plan in "
        f"{year_label(run.base)}"
    ).replace("child and young people", "child or young person")
    if now <= 0:
        return f"{start}, and expects {fmt.children(then)} in {year_label(run.last)}."
    change = then / now - 1
    if abs(change) < 0.005:
        return f"{start} and expects about the same number in {year_label(run.last)}."
    way = "more" if change > 0 else "fewer"
    return (
        f"{start} and expects {fmt.whole(then)} in {year_label(run.last)}, "
        f"{fmt.percent(abs(change))} {way}."
    )


def _local_sentence(run: Run) -> str:
    row = run.local_by_year.loc[run.last]
    needing, local = as_float(row["children_needing"]), as_float(row["in_local_state_places"])
    if needing < TOLERANCE:
        return (
            f"No child is expected to need more than a mainstream class in "
            f"{year_label(run.last)}."
        )
    text = (
        f"In {year_label(run.last)}, {fmt.whole(needing)} of them need more than a mainstream "
        f"class; {fmt.whole(local)} ({fmt.share_of(local, needing)}) have a local state place"
    )
    if run.without is not None:
        other = as_float(row["in_local_state_places_without_schemes"])
        text += (
            f", against {fmt.whole(other)} ({fmt.share_of(other, needing)}) if only schemes "
            "already committed are built"
        )
    return text + "."


def _schemes_sentence(run: Run) -> str:
    opened = run.opened
    offered = len(run.plan.schemes)
    if not offered:
        return "No scheme was put forward, so the plan uses today's places only."
    if opened.empty:
        return f"None of the {offered} schemes put forward opens."
    listed = [
        f"{r.name} (September {r.opens}, {fmt.places(as_float(r.places))})"
        for r in opened.itertuples(index=False)
    ]
    total = fmt.places(as_float(opened["places"].sum()))
    committed = as_int((opened["status"] == "committed").sum())
    already = f" ({committed} of them already committed)" if committed else ""
    if len(opened) == 1:
        return f"One of {offered} schemes opens: {listed[0]}."
    return (
        f"{len(opened)} of {offered} schemes open{already}, with {total} in all: "
        f"{fmt.in_words(listed)}."
    )


def _money_sentences(run: Run) -> list[str]:
    """One sentence for each ledger; they are never added up."""
    totals, without = run.totals, run.totals_without
    years = f"the {run.last - run.first + 1} financial years {_finances(run)}"
    sentences = []
    for ledger, name in LEDGERS.items():
        what = {
            "dsg": "school places, top-ups and fees (Dedicated Schools Grant)",
            "general_fund": "transport (general fund)",
            "capital": "building (capital)",
        }.get(ledger, name)
        text = f"{fmt.capital_first(what)}: {fmt.pounds(totals[ledger])} over {years}"
        if without is not None:
            difference = totals[ledger] - without[ledger]
            text += f", {fmt.more_or_less(difference)}" if abs(difference) >= 0.5 else ", the same"
            text += (
                " as with committed schemes only"
                if abs(difference) < 0.5
                else " than with committed schemes only"
            )
        sentences.append(text + ".")
    return sentences


def _purses(run: Run) -> list[Block]:
    totals, without = run.totals, run.totals_without
    scale = fmt.money_scale([*totals.values(), *(without or {}).values()])
    headers = ["Ledger", "With the plan's schemes"]
    if without is not None:
        headers += ["With committed schemes only", "Difference"]
    rows = []
    for ledger, name in LEDGERS.items():
        cells = [fmt.scaled(totals[ledger], scale)]
        if without is not None:
            cells += [
                fmt.scaled(without[ledger], scale),
                _signed(totals[ledger] - without[ledger], scale),
            ]
        rows.append(Row(name, cells))
    return [
        Table(
            caption=f"Three ledgers, financial years {_finances(run)}, {scale[1]}",
            headers=headers,
            rows=rows,
            source="tables/ledger.csv",
        ),
        Text(
            "The three ledgers are different purses with different rules, so no total is given. "
            "Amounts are not discounted.",
            "note",
        ),
    ]


def _signed(amount: float, scale: tuple[float, str, int]) -> str:
    text = fmt.scaled(amount, scale)
    return f"+{text}" if amount > 0 and text.strip("0.,") else text


def _failures(run: Run) -> list[tuple[str, str]]:
    """Unmet need and places beyond capacity, as failures to be solved."""
    found: list[tuple[str, str]] = []
    unmet = run.unmet_by_year
    unmet = unmet[unmet.index >= run.first]
    if (unmet > TOLERANCE).any():
        worst = as_int(unmet.idxmax())
        found.append(
            (
                f"Unmet need: in {year_label(worst)}, {fmt.children(as_float(unmet[worst]))} would "
                f"have no suitable place; in {year_label(run.last)}, "
                f"{fmt.children(as_float(unmet[run.last]))}. This is a failure to be solved, never a "
                "saving.",
                "failure",
            )
        )
    else:
        found.append((f"Every child has a suitable place in every year from {_period(run)}.", ""))
    excess = run.excess_by_year(run.plan)
    excess = excess[excess.index >= run.first]
    both = excess.sum(axis=1)
    if (both > TOLERANCE).any():
        worst = as_int(both.idxmax())
        year = run.plan.occupancy[run.plan.occupancy["academic_year"] == worst]
        over = year["over_capacity"] + year["beyond_limit"] > TOLERANCE
        where = fmt.number_of(as_int(over.sum()), "provision", "provisions")
        text = (
            f"Over capacity: at worst, in {year_label(worst)}, {fmt.children(as_float(both[worst]))} "
            f"above commissioned places at {where}"
        )
        beyond = as_float(excess["beyond_limit"].max())
        if beyond > TOLERANCE:
            year_beyond = as_int(excess["beyond_limit"].idxmax())
            text += (
                f". Most beyond what the planning model lets a provision take: "
                f"{fmt.children(beyond)} in {year_label(year_beyond)}, a breach to be solved"
            )
        found.append((text + ".", "failure"))
    else:
        found.append(("No provision takes more children than its commissioned places.", ""))
    limits = run.plan.limits
    if len(limits) and as_float(limits["beyond_limit"].max()) > TOLERANCE:
        rows = limits[limits["beyond_limit"] > TOLERANCE]
        found.append(
            (
                "Limits inside a provision are exceeded in "
                f"{fmt.number_of(len(rows), 'case', 'cases')} (at most {fmt.children(as_float(rows['beyond_limit'].max()))} too many).",
                "failure",
            )
        )
    return found


def _certainty(run: Run) -> str:
    solver = run.solver
    gap = as_float(solver.get("gap", math.nan))
    pounds = as_float(solver.get("objective_pounds", math.nan)) - as_float(
        solver.get("bound_pounds", math.nan)
    )
    text = (
        f"Within these assumptions, no plan can be more than {fmt.percent(gap, 2)} "
        f"({fmt.pounds(pounds)} at present value) better than this one. "
        if fmt.is_known(gap)
        else ""
    )
    if run.ended_early:
        text += f"The search ended early ({run.ended_early}). "
    return text + _forecast_words(run)


# ------------------------------------------------------------------ 2 mix


def _grouped_mix(plan: Plan) -> pd.DataFrame:
    frame = plan.mix.assign(group=plan.mix["kind"].map(group_of))
    return frame.groupby(["academic_year", "group"], as_index=False)["children"].sum()


def _in_group(frame: pd.DataFrame, group: str, years: Sequence[int]) -> list[float]:
    part = frame[frame["group"] == group].set_index("academic_year")["children"]
    return [as_float(v) for v in part.reindex(list(years), fill_value=0.0)]


def mix(run: Run) -> Section:
    """Where children are placed, by year, with and without schemes."""
    grouped = _grouped_mix(run.plan)
    now, then = run.children(run.base), run.children(run.last)
    group = "Independent or non-maintained"
    counts = _in_group(grouped, group, run.years)
    answer = (
        f"{group} special schools take {fmt.share_of(counts[-1], then)} of children in "
        f"{year_label(run.last)}, against {fmt.share_of(counts[0], now)} in "
        f"{year_label(run.base)}."
    )
    local = [
        as_float(run.plan.mix.loc[
            (run.plan.mix["academic_year"] == y)
            & run.plan.mix["kind"].isin(["specialist_base", "state_special"]), "children"
        ].sum())
        for y in (run.base, run.last)
    ]  # fmt: skip
    number = (
        f"Children in specialist bases and state special schools of the authority: "
        f"{fmt.whole(local[0])} in {year_label(run.base)}, {fmt.whole(local[1])} in "
        f"{year_label(run.last)}."
    )
    sure = (
        f"{year_label(run.base)} is counted from placements today; every later year is projected. "
        "Children settled in a placement stay there until their next phase transfer, so the mix "
        "changes slowly."
    )
    blocks: list[Block] = [_mix_chart(run, grouped)]
    if run.without is not None:
        blocks.append(_mix_compared(run, grouped, _grouped_mix(run.without)))
    blocks += [_mix_table(run, run.plan, "tables/mix.csv", "")]
    if run.without is not None:
        blocks.append(
            _mix_table(
                run,
                run.without,
                "without_schemes/mix.csv",
                "The same table with committed schemes only",
            )
        )
    return Section("mix", "Where are children placed, year by year?", answer, number, sure, blocks)


def _mix_chart(run: Run, grouped: pd.DataFrame) -> Figure:
    counts = {g: _in_group(grouped, g, run.years) for g in [*GROUPS, "No suitable place"]}
    change = {g: v[-1] - v[0] for g, v in counts.items()}
    most = max(GROUPS, key=lambda g: abs(change[g]))
    short = {
        "Mainstream class": "Mainstream placements",
        "Specialist base": "Specialist base placements",
        "State special school": "State special placements",
        "Independent or non-maintained": "Independent placements",
        "College, alternative, elsewhere": "College and other placements",
    }[most]
    if abs(change[most]) < 0.5:
        title = f"The placement mix hardly changes by {year_label(run.last)}"
    else:
        way = "grow" if change[most] > 0 else "fall"
        title = (
            f"{short} {way} from {fmt.whole(counts[most][0])} to {fmt.whole(counts[most][-1])}"
        )
    table = grouped.assign(
        year=grouped["academic_year"].map(year_label)
    )[["year", "group", "children"]]  # fmt: skip
    labels = _labels(run)
    parts = [
        f"{g} {fmt.whole(counts[g][0])} then {fmt.whole(counts[g][-1])}"
        for g in GROUPS
    ]
    return Figure(
        title=title,
        caption=(
            f"Children and young people with a plan by kind of placement, {run.authority}; "
            f"{labels[0]} actual, later years projected, with the plan's schemes. "
            "Source: tables/mix.csv."
        ),
        alt=f"{title}. From {labels[0]} to {labels[-1]}: {'; '.join(parts)}.",
        draw=lambda width: charts.svg(
            charts.stacked_years(table, labels, width), f"{title}. {'; '.join(parts)}."
        ),
    )


def _mix_compared(run: Run, grouped: pd.DataFrame, without: pd.DataFrame) -> Figure:
    labels = _labels(run)
    panels, gains = [], {}
    for group in GROUPS:
        ours = _in_group(grouped, group, run.years)
        theirs = _in_group(without, group, run.years)
        gains[group] = ours[-1] - theirs[-1]
        same = abs(ours[-1] - theirs[-1]) < 0.5
        panels.append(
            charts.Panel(
                group,
                [
                    charts.Line(
                        "" if same else f"without {fmt.whole(theirs[-1])}",
                        theirs,
                        charts.CHARCOAL,
                        DASHED,
                    ),
                    charts.Line(
                        f"{'both' if same else 'with'} {fmt.whole(ours[-1])}",
                        ours,
                        charts.COLOURS[group] if group != "College, alternative, elsewhere"
                        else charts.CHARCOAL,
                    ),
                ],
            )
        )
    most = max(gains, key=lambda g: abs(gains[g]))
    names = {
        "Mainstream class": "mainstream placements",
        "Specialist base": "base placements",
        "State special school": "state special placements",
        "Independent or non-maintained": "independent placements",
        "College, alternative, elsewhere": "other placements",
    }
    if abs(gains[most]) < 0.5:
        title = "Schemes hardly change where children are placed"
    else:
        way = "more" if gains[most] > 0 else "fewer"
        title = (
            f"Schemes mean {fmt.whole(abs(gains[most]))} {way} {names[most]} by "
            f"{year_label(run.last)}"
        )
    rows = []
    for panel in panels:
        for line, word in ((panel.lines[1], "with schemes"), (panel.lines[0], "without schemes")):
            values = [fmt.count(v) for v in line.values]
            rows.append(Row(f"{panel.title}, {word}", values))
    return Figure(
        title=title,
        caption=(
            f"Children by kind of placement, {run.authority}, {labels[0]} (actual) to {labels[-1]} "
            "(projected): solid line with the plan's schemes, dashed line with committed schemes "
            "only. Each small chart has its own scale. Source: tables/mix.csv and "
            "without_schemes/mix.csv."
        ),
        alt=f"{title}. " + " ".join(
            f"{g}: {'+' if v > 0 else ''}{fmt.whole(v)} children." for g, v in gains.items()
        ),
        draw=lambda width: charts.svg(
            charts.panels(panels, labels, width, "Children", actual=labels[0]), title
        ),
        table=Table(
            caption="Children by group of kinds, with and without schemes",
            headers=["Group", *labels],
            rows=rows,
            source="tables/mix.csv",
            folded="Numbers behind this chart",
            dense=True,
        ),
    )  # fmt: skip


def _mix_table(run: Run, plan: Plan, source: str, folded: str) -> Table:
    table = plan.mix.pivot_table(
        index="kind", columns="academic_year", values="children", aggfunc="sum"
    ).reindex(index=[*KINDS, UNMET], columns=run.years, fill_value=0.0)
    totals = table.sum()
    rows = []
    unmet = as_float(table.loc[UNMET].max()) > TOLERANCE
    for kind in [*KINDS, UNMET]:
        name = KINDS.get(kind, "No suitable place (unmet)")
        rows.append(
            Row(
                name,
                [
                    Cell(
                        fmt.count(as_float(table.at[kind, y])),
                        small=fmt.share_of(as_float(table.at[kind, y]), as_float(totals[y])),
                    )
                    for y in run.years
                ],
                mark="failure" if kind == UNMET and unmet else "",
            )
        )
    rows.append(Row("All", [fmt.count(as_float(totals[y])) for y in run.years], total=True))
    heads = [f"{year_label(y)}{' actual' if y == run.base else ''}" for y in run.years]
    return Table(
        caption=(
            "All ten kinds of provision: children, and share of all children"
            + (" (committed schemes only)" if folded else "")
        ),
        headers=["Kind of provision", *heads],
        rows=rows,
        source=source,
        folded=folded,
        dense=True,
    )


# ------------------------------------------------------------------ 3 gaps


def local_places(run: Run) -> Section:
    """Gap by locality and designation, with and without schemes."""
    by_year = run.local_by_year
    row, start = by_year.loc[run.last], by_year.loc[run.first]
    needing, gap = as_float(row["children_needing"]), as_float(row["gap"])
    first = fmt.share_of(as_float(start["gap"]), as_float(start["children_needing"]))
    if needing < TOLERANCE:
        return Section(
            "gaps",
            "Do we have enough local places?",
            "No child is expected to need more than a mainstream class.",
        )
    enough = gap / needing < 0.01
    answer = (
        "Yes: nearly every child who needs more than a mainstream class has a local state place."
        if enough
        else f"Not for everybody: in {year_label(run.last)}, {fmt.children(gap)} who need more "
        "than a mainstream class are not in a local state place."
    )
    number = (
        f"That is {fmt.share_of(gap, needing)} of {fmt.whole(needing)}; in "
        f"{year_label(run.first)} it is {first} of "
        f"{fmt.whole(as_float(start['children_needing']))}."
    )
    if run.without is not None:
        number += (
            f" With committed schemes only it would be "
            f"{fmt.whole(as_float(row['gap_without_schemes']))} in {year_label(run.last)}."
        )
    sure = (
        "A local state place is a specialist base or state special school of the authority; from "
        "Year 12 a college or specialist post-16 place counts too. The need is a judgement by "
        "tier of support, not the placement a child has today. Some of the gap is choice: the "
        "planning model leaves room for families' preferences."
    )
    years = sorted({run.first, (run.first + run.last) // 2, run.last})
    blocks: list[Block] = [_gap_chart(run)]
    blocks += [_gap_table(run, phase, years) for phase in run.school_phases]
    blocks.append(
        Text(
            "A number is the children of that locality, age and area of need without a local "
            "state place; the darker the cell, the more children. A dash means that nobody needs "
            "such a place. Every phase and year is in tables/gaps.csv.",
            "note",
        )
    )
    return Section("gaps", "Do we have enough local places?", answer, number, sure, blocks)


def _gap_chart(run: Run) -> Figure:
    labels = _labels(run)
    by_year = run.local_by_year
    ours = [as_float(v) for v in by_year["gap"]]
    theirs = [as_float(v) for v in by_year["gap_without_schemes"]]
    lines = [charts.Line(f"with {fmt.whole(ours[-1])}", ours, charts.NAVY)]
    compared = run.without is not None
    if compared:
        lines.insert(
            0,
            charts.Line(f"without {fmt.whole(theirs[-1])}", theirs, charts.CHARCOAL, DASHED),
        )
    saved = theirs[-1] - ours[-1]
    if compared and saved >= 0.5:
        title = f"Schemes close {fmt.whole(saved)} of {fmt.whole(theirs[-1])} missing local places"
    else:
        way = "grows" if ours[-1] > ours[0] else "shrinks"
        title = f"The gap {way} from {fmt.whole(ours[0])} to {fmt.whole(ours[-1])}"
    needing = [as_float(v) for v in by_year["children_needing"]]
    return Figure(
        title=title,
        caption=(
            f"Children who need more than a mainstream class and are not in a local state place, "
            f"all ages, {run.authority}; {labels[0]} actual, later years projected; solid with "
            "the plan's schemes, dashed with committed schemes only. Source: tables/gaps.csv."
        ),
        alt=f"{title}, {labels[0]} to {labels[-1]}.",
        draw=lambda width: charts.svg(
            charts.panels(
                [charts.Panel("Children without a local state place", lines)],
                labels, min(width, 620), "Children", actual=labels[0],
            ),
            title,
        ),
        table=Table(
            caption="Children who need a local place, and the gap",
            headers=["Measure", *labels],
            rows=[
                Row("Children who need more than a mainstream class", _counts(needing)),
                Row("Gap with schemes", _counts(ours)),
                *([Row("Gap with committed schemes only", _counts(theirs))] if compared else []),
            ],
            source="tables/gaps.csv",
            folded="Numbers behind this chart",
            dense=True,
        ),
    )  # fmt: skip


def _counts(values: Iterable[float]) -> list[str]:
    return [fmt.count(as_float(v)) for v in values]


def _gap_table(run: Run, phase: str, years: Sequence[int]) -> Table:
    gaps = run.plan.gaps
    part = gaps[(gaps["phase"] == phase) & gaps["academic_year"].isin(years)]
    designations = [d for d in dict(run.rule("designations", {})) if d in set(gaps["designation"])]
    designations += sorted(set(gaps["designation"]) - set(designations))
    largest = max(as_float(part["gap"].max()) if len(part) else 0.0, 3.0)
    table = part.set_index(["locality", "designation", "academic_year"])
    shown = run.without is not None
    rows = []
    for designation in designations:
        if designation not in set(part["designation"]):
            continue
        rows.append(Row(designation))
        for locality in sorted(set(gaps["locality"])):
            cells = []
            for year in years:
                key = (locality, designation, year)
                if key not in table.index:
                    cells += [Cell(NONE, "nobody needs such a place")] * (2 if shown else 1)
                    continue
                needing, gap = (as_float(table.at[key, c]) for c in ("children_needing", "gap"))
                tone = str(min(3, math.ceil(gap / largest * 3))) if gap >= 0.5 else "0"
                if shown:
                    before = as_float(table.at[key, "gap_without_schemes"])
                    level = str(min(3, math.ceil(before / largest * 3))) if before >= 0.5 else "0"
                    cells.append(Cell(fmt.count(before), tone=level))
                cells.append(Cell(fmt.count(gap), f"of {fmt.count(needing)}", tone))
            rows.append(Row(locality, cells))
    width = 2 if shown else 1
    heads = ["without", "with"] if shown else ["gap"]
    return Table(
        caption=(
            f"{fmt.capital_first(phase)} age: children without a local state place"
            + (", without and with the plan's schemes" if shown else "")
        ),
        headers=["Locality", *heads * len(years)],
        groups=[("", 1), *[(year_label(y), width) for y in years]],
        rows=rows,
        source="tables/gaps.csv",
        dense=True,
    )


# ------------------------------------------------------------------ 4 schemes


def schemes(run: Run) -> Section:
    """The schedule, and what became of every scheme."""
    question = "Which schemes open, and when?"
    table = run.plan.schemes
    opened = run.opened
    if table.empty:
        return Section("schemes", question, "No scheme was put forward.")
    if opened.empty:
        answer = f"None of the {len(table)} schemes put forward opens."
        number = "No place is added."
    else:
        first = opened.iloc[0]
        answer = (
            f"{fmt.capital_first(fmt.number_of(len(opened), 'scheme', 'schemes'))} of {len(table)} "
            f"open{'s' if len(opened) == 1 else ''}; the first is {first['name']} in September "
            f"{first['opens']}."
        )
        number = (
            f"They add {fmt.places(as_float(opened['places'].sum()))} for "
            f"{fmt.pounds(as_float(opened['capital_pounds'].sum()))} of capital."
        )
    sure = (
        "Earliest openings and capital costs are the authority's own estimates, without any "
        "allowance for risk beyond what they hold. The model picks the set of schemes that costs "
        f"least in all, to within {fmt.percent(as_float(run.solver.get('gap', math.nan)), 2)}; two "
        "schemes of nearly equal value can change places. Choosing a scheme here starts no "
        "statutory process and replaces none."
    )
    blocks: list[Block] = []
    if len(opened):
        blocks.append(_schedule_chart(run))
    blocks.append(_scheme_table(run))
    return Section("schemes", question, answer, number, sure, blocks)


def _schedule_chart(run: Run) -> Figure:
    opened = run.opened
    first_year, last_year = as_int(opened["opens"].min()), as_int(opened["opens"].max())
    count = len(opened)
    if count == 1:
        title = f"One scheme opens, in September {first_year}"
    elif first_year == last_year:
        title = f"All {count} schemes open in September {first_year}"
    else:
        title = f"{count} schemes open between September {first_year} and {last_year}"
    spending = run.plan.capital.groupby("scheme")["financial_year"].min()
    rows = pd.DataFrame(
        {
            "name": opened["name"],
            "detail": [
                f"{fmt.places(as_float(r.places))}, {fmt.pounds(as_float(r.capital_pounds))}"
                + (", already committed" if r.status == "committed" else "")
                for r in opened.itertuples(index=False)
            ],
            "opens": opened["opens"].astype(int),
            "spend_from": [
                as_float(min(spending.get(s, o), o))
                for s, o in zip(opened["scheme"], opened["opens"], strict=True)
            ],
            "colour": [charts.COLOURS[group_of(k)] for k in opened["kind"]],
        }
    )
    kinds = list(dict.fromkeys(group_of(k) for k in opened["kind"]))
    entries = [(place_map.swatch(charts.COLOURS[k]), f"{k}, open") for k in kinds]
    entries.append((place_map.dashed_swatch(), "Capital is being spent"))
    return Figure(
        title=title,
        caption=(
            f"Schemes that open, {run.authority}, by opening: dashed bar while capital is spent, "
            f"solid bar from the opening September to the end of {year_label(run.last)}. "
            "Source: tables/schemes.csv, tables/capital.csv."
        ),
        alt=f"{title}: " + "; ".join(f"{r.name} {r.opens}" for r in opened.itertuples()) + ".",
        draw=lambda width: charts.svg(
            charts.schedule(rows, list(range(run.first, run.last + 1)), width), title
        ),
        key=Legend(entries),
    )


def _reason(run: Run, scheme: Any) -> str:
    """Why a scheme has the status it has, in words."""
    status = str(scheme.status)
    if status == "committed":
        return "Already committed; the plan takes it as given."
    if status == "chosen":
        late = as_int(scheme.opens) > as_int(scheme.earliest_opening)
        return (
            "Chosen; opens later than it could, when it is worth most or can be paid for."
            if late
            else "Chosen; opens as early as it can."
        )
    if status.startswith("ruled out"):
        return "Ruled out by the planning model, which creates no such places."
    if status.startswith("opens after"):
        return "Cannot open before the last planned year."
    given = run.table("schemes")
    opened = set(run.opened["scheme"])
    names = dict(zip(run.plan.schemes["scheme"], run.plan.schemes["name"], strict=True))
    mine = given[given["scheme"] == scheme.scheme] if len(given) else given
    if len(mine):
        group = mine.iloc[0].get("exclusive_group")
        if isinstance(group, str) and group:
            rivals = [
                str(names.get(s, s))
                for s in given.loc[given["exclusive_group"] == group, "scheme"]
                if s in opened
            ]
            if rivals:
                return f"Its alternative opens: {fmt.in_words(rivals)}."
        requires = mine.iloc[0].get("requires")
        if isinstance(requires, str) and requires:
            missing = [str(names.get(s, s)) for s in requires.split("|") if s not in opened]
            if missing:
                return f"Needs {fmt.in_words(missing)}, which does not open."
        base = mine.iloc[0].get("provision")
        if isinstance(base, str) and base in names and base not in opened:
            return f"Enlarges {names[base]}, which does not open."
    budget = " and within the capital budget" if len(run.table("budgets")) else ""
    return f"At these prices{budget}, opening it would not improve the plan."


def _scheme_table(run: Run) -> Table:
    order = {"committed": 0, "chosen": 0, "not chosen": 1}
    table = run.plan.schemes.assign(
        rank=run.plan.schemes["status"].map(order).fillna(2),
        when=run.plan.schemes["opens"].where(run.plan.schemes["opens"] >= 0, 9999),
    ).sort_values(["rank", "when", "name", "scheme"])
    numbers = {s: i + 1 for i, s in enumerate(run.opened["scheme"])}
    rows = []
    for scheme in table.itertuples(index=False):
        number = numbers.get(scheme.scheme)
        opens = year_label(as_int(scheme.opens)) if scheme.opens >= 0 else "does not open"
        per_place = (
            as_float(scheme.capital_pounds) / as_float(scheme.places) if scheme.places else math.nan
        )
        rows.append(
            Row(
                f"{number}. {scheme.name}" if number else str(scheme.name),
                [
                    fmt.capital_first(str(scheme.status)),
                    opens,
                    KINDS.get(str(scheme.kind), str(scheme.kind)),
                    fmt.whole(as_float(scheme.places)),
                    fmt.pounds(as_float(scheme.capital_pounds)),
                    fmt.pounds(per_place),
                    _reason(run, scheme),
                ],
                mark="" if number else "quiet",
            )
        )
    return Table(
        caption="Every scheme put forward; numbers are those on the map",
        headers=[
            "Scheme", "Status", "Opens", "Kind", "Places", "Capital", "Capital per place", "Why",
        ],
        rows=rows,
        source="tables/schemes.csv",
        text_columns=frozenset({1, 2, 3, 7}),
        dense=True,
    )  # fmt: skip


# ------------------------------------------------------------------ 5 costs


def costs(run: Run) -> Section:
    """Three ledgers by financial year, never one sum."""
    totals, without = run.totals, run.totals_without
    if without is None:
        answer = (
            f"The Dedicated Schools Grant pays {fmt.pounds(totals['dsg'])}, the general fund "
            f"{fmt.pounds(totals['general_fund'])} and capital {fmt.pounds(totals['capital'])}."
        )
        number = f"These are totals for financial years {_finances(run)}."
    else:
        change = {k: totals[k] - without[k] for k in LEDGERS}
        answer = (
            "Compared with building only what is committed, "
            f"the Dedicated Schools Grant pays {_paid(change['dsg'])}, the general fund pays "
            f"{_paid(change['general_fund'])}, and capital pays {_paid(change['capital'])}."
        )
        number = (
            f"In all {run.last - run.first + 1} financial years {_finances(run)}: Dedicated "
            f"Schools Grant {fmt.pounds(totals['dsg'])}, general fund "
            f"{fmt.pounds(totals['general_fund'])}, capital {fmt.pounds(totals['capital'])}. "
            "They are not added up: a saving in one purse cannot be spent from another."
        )
    sure = (
        "Unit costs are those of the planning model in today's prices, without inflation "
        f"(place funding: {run.source('place_funding') or fmt.NOT_AVAILABLE}; "
        f"fees: {run.source('fees') or fmt.NOT_AVAILABLE}). Lower transport spending shows only "
        "when whole vehicles come off the road, and a vacated independent place is saved only if "
        "nobody else fills it."
    )
    blocks: list[Block] = [_ledger_chart(run)]
    if without is not None:
        blocks.append(_difference_chart(run))
    blocks += [*_ledger_tables(run), *_present_values(run)]
    return Section("costs", "What does it cost, and who pays?", answer, number, sure, blocks)


def _paid(difference: float) -> str:
    return "the same" if abs(difference) < 0.5 else fmt.more_or_less(difference)


def _ledger_chart(run: Run) -> Figure:
    ours = run.ledger_by_year(run.plan)
    theirs = run.ledger_by_year(run.without) if run.without is not None else None
    labels = [financial_year_label(as_int(y)) for y in ours.index]
    scale = fmt.money_scale(
        [*ours.to_numpy().ravel(), *(theirs.to_numpy().ravel() if theirs is not None else [])]
    )
    panels = []
    for ledger, name in LEDGERS.items():
        mine = [as_float(v) / scale[0] for v in ours[ledger]]
        lines = []
        same = True
        if theirs is not None:
            other = [as_float(v) / scale[0] for v in theirs[ledger]]
            same = fmt.scaled(mine[-1], (1, "", 1)) == fmt.scaled(other[-1], (1, "", 1))
            lines.append(
                charts.Line(
                    "" if same else f"without {other[-1]:,.1f}", other, charts.CHARCOAL, DASHED
                )
            )
        word = ("both" if same else "with") + " " if theirs is not None else ""
        lines.append(charts.Line(f"{word}{mine[-1]:,.1f}", mine, charts.NAVY))
        panels.append(charts.Panel(name, lines))
    start, end = as_float(ours["dsg"].iloc[0]), as_float(ours["dsg"].iloc[-1])
    way = "rises" if end >= start else "falls"
    title = f"Yearly grant spending {way} from {fmt.pounds(start)} to {fmt.pounds(end)}"
    return Figure(
        title=title,
        caption=(
            f"Spending by ledger and financial year, {run.authority}, {_finances(run)}, "
            f"{scale[1]}, today's prices: solid with the plan's schemes, dashed with committed schemes only. "
            "Each small chart has its own scale. Source: tables/ledger.csv."
        ),
        alt=f"{title}. " + " ".join(
            f"{LEDGERS[k]} {fmt.pounds(as_float(ours[k].iloc[0]))} in {labels[0]}, "
            f"{fmt.pounds(as_float(ours[k].iloc[-1]))} in {labels[-1]}." for k in LEDGERS
        ),
        draw=lambda width: charts.svg(
            charts.panels(panels, labels, width, scale[1], number_format=",.3~g"), title
        ),
    )  # fmt: skip


def _difference_chart(run: Run) -> Figure:
    assert run.without is not None
    ours, theirs = run.ledger_by_year(run.plan), run.ledger_by_year(run.without)
    gap = ours - theirs
    labels = [financial_year_label(as_int(y)) for y in ours.index]
    scale = fmt.money_scale(gap.to_numpy().ravel().tolist())
    frame = pd.DataFrame(
        [
            (financial_year_label(as_int(y)), ledger, as_float(gap.at[y, ledger]) / scale[0])
            for y in gap.index
            for ledger in LEDGERS
        ],
        columns=["year", "ledger", "value"],
    )
    last = as_float(gap["dsg"].iloc[-1])
    if abs(last) < 0.5:
        title = f"Schemes leave grant spending unchanged in {labels[-1]}"
    else:
        change = fmt.more_or_less(last, "higher", "lower")
        title = f"Schemes: grant spending {change} in {labels[-1]}"
    return Figure(
        title=title,
        caption=(
            "Difference between the plan and committed schemes only, by ledger and financial "
            f"year, {scale[1]}, today's prices. Above the line costs more, below it costs less. "
            "One scale for all three. Source: tables/ledger.csv and without_schemes/ledger.csv."
        ),
        alt=f"{title}. " + " ".join(
            f"{name}: {fmt.more_or_less(as_float(gap[k].sum()))} over all years."
            for k, name in LEDGERS.items()
        ),
        draw=lambda width: charts.svg(
            charts.difference_bars(frame, labels, LEDGERS, width, scale[1]), title
        ),
    )  # fmt: skip


def _ledger_tables(run: Run) -> list[Block]:
    ours = run.ledger_by_year(run.plan, complete=False)
    theirs = run.ledger_by_year(run.without, complete=False) if run.without is not None else None
    values = [*ours.to_numpy().ravel()]
    scale = fmt.money_scale(values)
    rows = []
    complete = [y for y in ours.index if as_int(y) <= run.last]

    def cells(year: Any) -> list[str]:
        row = []
        for ledger in LEDGERS:
            mine = as_float(
                ours.at[year, ledger] if year != "all" else ours.loc[complete, ledger].sum()
            )
            row.append(fmt.scaled(mine, scale))
            if theirs is not None:
                other = as_float(
                    theirs.at[year, ledger]
                    if year != "all"
                    else theirs.loc[complete, ledger].sum()
                )
                row += [fmt.scaled(other, scale), _signed(mine - other, scale)]
        return row

    for year in ours.index:
        name = financial_year_label(as_int(year))
        if as_int(year) > run.last:
            rows.append(Row("All complete years", cells("all"), total=True))
            rows.append(Row(f"{name} (incomplete)", cells(year), mark="quiet"))
        else:
            rows.append(Row(name, cells(year)))
    per = 3 if theirs is not None else 1
    heads = ["with", "without", "difference"] if theirs is not None else ["pounds"]
    table = Table(
        caption=f"Spending by financial year, {scale[1]}: with the plan's schemes, with committed "
        "schemes only, and the difference",
        headers=["Financial year", *heads * len(LEDGERS)],
        groups=[("", 1), *[(name, per) for name in LEDGERS.values()]],
        rows=rows,
        source="tables/ledger.csv",
        dense=True,
    )
    note = Text(
        "An academic year falls 7/12 in the financial year that begins in the same April and 5/12 "
        f"in the next. The first financial year holds 5/12 of {year_label(run.base)}. "
        f"{financial_year_label(run.last + 1)} is incomplete: it holds only the last 5/12 of "
        f"{year_label(run.last)}, and stands in no total.",
        "note",
    )
    return [table, note, _ledger_lines(run)]


def _ledger_lines(run: Run) -> Table:
    def by_line(plan: Plan) -> pd.Series:
        full = plan.ledger[plan.ledger["complete"].astype(bool)]
        return full.groupby(["ledger", "line", "kind"])["pounds"].sum()

    ours = by_line(run.plan)
    theirs = by_line(run.without) if run.without is not None else None
    keys = sorted(
        set(ours.index) | set(theirs.index if theirs is not None else []),
        key=lambda k: (list(LEDGERS).index(k[0]), list(LINES).index(k[1]), k[2])
        if k[0] in LEDGERS and k[1] in LINES
        else (9, 9, str(k)),
    )
    scale = fmt.money_scale([as_float(v) for v in ours])
    rows = []
    for key in keys:
        ledger, line, kind = key
        mine = as_float(ours.get(key, 0.0))
        values = [
            LEDGERS.get(ledger, ledger),
            KINDS.get(kind, kind or "not applicable"),
            fmt.scaled(mine, scale),
        ]
        if theirs is not None:
            other = as_float(theirs.get(key, 0.0))
            values += [fmt.scaled(other, scale), _signed(mine - other, scale)]
        rows.append(Row(LINES.get(line, line), values))
    heads = ["With schemes"]
    if theirs is not None:
        heads += ["Committed schemes only", "Difference"]
    return Table(
        caption=f"Spending by line and kind of provision, financial years {_finances(run)}, "
        f"{scale[1]}",
        headers=["Line", "Ledger", "Kind of provision", *heads],
        rows=rows,
        source="tables/ledger.csv",
        folded="Spending by line and kind of provision",
        text_columns=frozenset({1, 2}),
        dense=True,
    )


def _present_values(run: Run) -> list[Block]:
    ours = run.plan.objective.set_index("line")
    theirs = run.without.objective.set_index("line") if run.without is not None else None
    scale = fmt.money_scale([as_float(v) for v in ours["present_value_pounds"]])
    heads = ["With schemes"]
    if theirs is not None:
        heads += ["Committed schemes only", "Difference"]

    def row(name: str, lines: Sequence[str], total: bool = False) -> Row:
        mine = as_float(ours["present_value_pounds"].reindex(lines).fillna(0.0).sum())
        cells = [fmt.scaled(mine, scale)]
        if theirs is not None:
            other = as_float(theirs["present_value_pounds"].reindex(lines).fillna(0.0).sum())
            cells += [fmt.scaled(other, scale), _signed(mine - other, scale)]
        return Row(name, cells, total=total)

    known = list(ours.index) + [
        line for line in (theirs.index if theirs is not None else []) if line not in ours.index
    ]
    order = [line for line in LINES if line in known] + [
        line for line in known if line not in LINES
    ]
    rows: list[Row] = []
    for ledger, name in LEDGERS.items():
        lines = [line for line in order if LEDGER_OF_LINE.get(line) == ledger]
        if not lines:
            continue
        rows.append(Row(name))
        rows += [row(LINES.get(line, line), [line]) for line in lines]
        rows.append(row(f"All lines of this ledger: {name}", lines, total=True))
    rate = as_float(run.rule("discount_rate", math.nan))
    weights = {k: as_float(v) for k, v in dict(run.rule("ledger_weights", {})).items()}
    weighed = (
        " Weights of the ledgers in the search: "
        + ", ".join(f"{LEDGERS.get(k, k)} {v:g}" for k, v in weights.items())
        + "; the values below include them."
        if any(v != 1 for v in weights.values())
        else ""
    )
    failures = [
        line
        for line in order
        if line not in LEDGER_OF_LINE
        and (
            abs(as_float(ours["present_value_pounds"].get(line, 0.0))) >= 0.5
            or (
                theirs is not None
                and abs(as_float(theirs["present_value_pounds"].get(line, 0.0))) >= 0.5
            )
        )
    ]
    blocks: list[Block] = [
        Heading("What is it worth in today's money?"),
        Text(
            f"Present value at {fmt.percent(rate, 1)} a year "
            f"({run.source('discount_rate') or fmt.NOT_AVAILABLE}), planned years only, with the "
            f"value that is left in new buildings credited at the end.{weighed}"
        ),
        Table(
            caption=f"Money: present value by ledger and line, {scale[1]}",
            headers=["Line", *heads],
            rows=rows,
            source="tables/objective.csv",
            dense=True,
        ),
    ]
    if failures:
        blocks += [
            Text(
                "The search also puts prices on failures, so that they are avoided. Nobody pays "
                "them, and they belong to no ledger."
            ),
            Table(
                caption=f"Not money: priced failures, present value of the prices, {scale[1]}",
                headers=["Failure", *heads],
                rows=[row(LINES.get(line, line), [line]) for line in failures],
                source="tables/objective.csv",
                dense=True,
            ),
        ]
    else:
        blocks.append(Text("No priced failure occurs in either plan."))
    return blocks


# ------------------------------------------------------------------ 6 occupancy


def occupancy(run: Run) -> Section:
    """Children and places of each provision by year."""
    question = "How full are the schools?"
    table = run.plan.occupancy
    limited = table[table["vacant"].notna()]
    if limited.empty:
        return Section(
            "occupancy", question, "No provision has a number of commissioned places.",
        )  # fmt: skip
    ours = run.excess_by_year(run.plan)
    both = ours.sum(axis=1)
    planned = both[both.index >= run.first]
    worst = as_int(planned.idxmax())
    state = limited[
        limited["kind"].isin(["state_special", "specialist_base"])
        & (limited["academic_year"] == run.last)
    ]
    room = as_float(state["vacant"].sum())
    offered = as_float(
        (state["commissioned_places"].fillna(0.0) + state["scheme_places"]).sum()
        - state["other_authority_children"].sum()
    )
    if as_float(planned.max()) > TOLERANCE:
        answer = (
            f"In {as_int((planned > TOLERANCE).sum())} of {len(planned)} planned years some "
            f"provision is over its commissioned places; {year_label(worst)} is worst."
        )
    else:
        answer = "No provision is over its commissioned places in any planned year."
    number = (
        f"{fmt.children(as_float(planned[worst]))} above commissioned places in "
        f"{year_label(worst)}. State special schools and bases have {fmt.places(room)} vacant of "
        f"{fmt.whole(offered)} in {year_label(run.last)}."
    )
    sure = (
        "Commissioned places are the authority's figures. A school that is named in a plan must "
        "admit the child, so a number above its places is a warning to act on, not a permission."
    )
    counts = [as_int((g["over_capacity"] + g["beyond_limit"] > TOLERANCE).sum())
              for _, g in table.groupby("academic_year")]  # fmt: skip
    lines = [charts.Line(f"with {fmt.count(as_float(both.iloc[-1]))}", list(both), charts.NAVY)]
    rows = [
        Row("Children above places, with schemes", _counts(both)),
        Row("of whom beyond the limit", _counts(ours["beyond_limit"])),
        Row("Provisions above places, with schemes", [str(c) for c in counts]),
    ]
    if run.without is not None:
        before = run.excess_by_year(run.without).sum(axis=1)
        lines.insert(
            0,
            charts.Line(
                f"without {fmt.count(as_float(before.iloc[-1]))}", list(before), charts.CHARCOAL,
                DASHED,
            ),
        )  # fmt: skip
        rows.append(Row("Children above places, committed schemes only", _counts(before)))
    labels = _labels(run)
    title = (
        f"Over capacity peaks at {fmt.children(as_float(planned[worst]))} in {year_label(worst)}"
        if as_float(planned.max()) > TOLERANCE
        else "No provision is over capacity in planned years"
    )
    chart = Figure(
        title=title,
        caption=(
            f"Children above commissioned places, all provision, {run.authority}; {labels[0]} "
            "actual, later years projected; solid with the plan's schemes, dashed with committed "
            "schemes only. Source: tables/occupancy.csv."
        ),
        alt=title + ".",
        draw=lambda width: charts.svg(
            charts.panels(
                [charts.Panel("Children above commissioned places", lines)],
                labels, min(width, 620), "Children", actual=labels[0],
            ),
            title,
        ),
        table=Table(
            caption="Over capacity by year",
            headers=["Measure", *labels],
            rows=rows,
            source="tables/occupancy.csv",
            folded="Numbers behind this chart",
            dense=True,
        ),
    )  # fmt: skip
    local = [k for k in ("state_special", "specialist_base") if (limited["kind"] == k).any()]
    others = [k for k in KINDS if k not in local and (limited["kind"] == k).any()]
    blocks: list[Block] = [chart]
    key = (
        "Each cell: children on roll (other authorities' children included) / places (of open "
        "schemes included). ▲ over commissioned places by so many children; ✖ beyond the limit "
        "of what the planning model lets the provision take. Light shade: at least 80% of places "
        "filled; dark shade: at least 95%."
    )
    if local:
        blocks += [Text(key, "note"), _occupancy_table(run, limited, local, "")]
    if others:
        if not local:
            blocks.append(Text(key, "note"))
        blocks.append(
            _occupancy_table(run, limited, others, "Other provision with a number of places")
        )
    if len(run.plan.limits):
        blocks.append(_limits_table(run))
    return Section("occupancy", question, answer, number, sure, blocks)


def _occupancy_table(
    run: Run, limited: pd.DataFrame, kinds: Sequence[str], folded: str
) -> Table:
    rows = []
    for kind in kinds:
        part = limited[limited["kind"] == kind]
        used = part.groupby("provision")[["commissioned_places", "scheme_places", "children"]].max()
        alive = used[(used.fillna(0.0) > 1e-6).any(axis=1)].index
        part = part[part["provision"].isin(alive)]
        if part.empty:
            continue
        rows.append(Row(KINDS[kind]))
        for (_, name), mine in part.groupby(["provision", "name"], sort=False):
            by_year = mine.set_index("academic_year")
            rows.append(
                Row(str(name), [_occupancy_cell(by_year, year) for year in run.years])
            )
    heads = [f"{year_label(y)}{' actual' if y == run.base else ''}" for y in run.years]
    return Table(
        caption="Children / places by provision and academic year, with the plan's schemes",
        headers=["Provision", *heads],
        rows=rows,
        source="tables/occupancy.csv",
        folded=folded,
        dense=True,
    )


def _occupancy_cell(by_year: pd.DataFrame, year: int) -> Cell:
    if year not in by_year.index:
        return Cell(NONE, "not applicable")
    row = by_year.loc[year]
    places = as_float(row["commissioned_places"]) + as_float(row["scheme_places"])
    if math.isnan(places):
        places = as_float(row["scheme_places"])
    roll = as_float(row["children"]) + as_float(row["other_authority_children"])
    over, beyond = as_float(row["over_capacity"]), as_float(row["beyond_limit"])
    if places < 1e-6 and roll < TOLERANCE:
        return Cell(NONE, "no places")
    filled = roll / places if places > 1e-6 else 9.0
    text = f"{fmt.whole(roll)}/{fmt.whole(places)}"
    if beyond > TOLERANCE:
        return Cell(
            text, f"over places by {fmt.count(over + beyond)}, beyond the limit", "beyond",
            f"✖ {fmt.count(over + beyond)}",
        )  # fmt: skip
    if over > TOLERANCE:
        return Cell(text, "over commissioned places", "over", f"▲ {fmt.count(over)}")
    return Cell(text, tone="2" if filled >= 0.95 else "1" if filled >= 0.8 else "0")


def _limits_table(run: Run) -> Table:
    names = dict(zip(run.plan.occupancy["provision"], run.plan.occupancy["name"], strict=True))
    years = [y for y in run.years if y in set(run.plan.limits["academic_year"])]
    rows = []
    for (provision, limit), part in run.plan.limits.groupby(["provision", "limit"], sort=True):
        by_year = part.set_index("academic_year")
        cells = []
        for year in years:
            if year not in by_year.index:
                cells.append(Cell(NONE, "not applicable"))
                continue
            row = by_year.loc[year]
            beyond = as_float(row["beyond_limit"])
            text = f"{fmt.whole(as_float(row['children']))}/{fmt.whole(as_float(row['places']))}"
            cells.append(
                Cell(text, "beyond the limit", "beyond", f"✖ {fmt.count(beyond)}")
                if beyond > TOLERANCE
                else Cell(text)
            )
        rows.append(Row(f"{names.get(str(provision), provision)}: {limit}", cells))
    return Table(
        caption="Limits inside a provision: children / places",
        headers=["Limit", *[year_label(y) for y in years]],
        rows=rows,
        source="tables/limits.csv",
        folded="Limits inside a provision",
        dense=True,
    )


# ------------------------------------------------------------------ 7 map


def whereabouts(run: Run) -> Section:
    """The map of areas, provision and schemes."""
    question = "Where are the places, and where are children far from them?"
    data = place_map.collect(run)
    if data is None:
        return Section("map", question, "The run holds no areas, so there is no map.")
    known = data.cells.dropna(subset=["minutes"])
    far = as_int((known["minutes"] > place_map.BREAKS[-1]).sum())
    if known.empty:
        answer = f"No child is in specialist provision in {year_label(run.last)}."
        number = ""
    else:
        answer = (
            f"In {year_label(run.last)}, half of the children in specialist provision travel more "
            f"than 45 minutes from {far} of {len(data.cells)} areas."
            if far
            else f"In {year_label(run.last)}, no area's median journey to specialist provision is "
            "above 45 minutes."
        )
        number = (
            f"The median journey ranges from {fmt.minutes(as_float(known['minutes'].min()))} to "
            f"{fmt.minutes(as_float(known['minutes'].max()))} between areas."
        )
    sure = (
        "Areas are drawn around their centre points, so their edges are approximate. A median of "
        "an area with few children says little. Times are one way and come from the travel table "
        "or, where it is silent, from straight lines (see Data quality)."
    )
    if data.guessed:
        sure += " No boundary was supplied: the outline is the areas' hull and 2 km."
    title = (
        f"{len(data.schemes)} schemes and their areas in {year_label(run.last)}"
        if len(data.schemes) != 1
        else f"One scheme and its area in {year_label(run.last)}"
    )
    if known.empty is False and far == 0:
        title = f"No area's median journey exceeds 45 minutes in {year_label(run.last)}"
    elif far:
        title = f"From {far} areas the median journey exceeds 45 minutes"
    caption = (
        "Median one-way minutes to specialist provision by home area, "
        f"{run.authority}, {year_label(run.last)}, projected; provision by kind; numbered "
        "schemes open in the plan. Source: tables/placements.csv, tables/stays.csv, "
        "inputs/provisions.csv."
    )
    if data.far:
        shown = data.far if len(data.far) <= 6 else [*data.far[:6], f"{len(data.far) - 6} more"]
        caption += f" Further away than the map shows: {fmt.in_words(shown)}."
    figure = Figure(
        title=title,
        caption=caption,
        alt=f"{title}. Map of {run.authority} with {len(data.provisions)} provisions and "
        f"{len(data.schemes)} schemes; the key table below lists the schemes.",
        draw=lambda width: place_map.draw(data, width, title),
        key=_map_key(data),
        table=_journeys_table(run, data),
    )
    blocks: list[Block] = [figure]
    if len(data.schemes):
        blocks.append(
            Table(
                caption="Schemes on the map",
                headers=["Number and scheme", "Kind", "Opens", "Places", "On the map"],
                rows=[
                    Row(
                        f"{s.number}. {s.name}",
                        [
                            KINDS.get(str(s.kind), str(s.kind)),
                            year_label(as_int(s.opens)),
                            fmt.whole(as_float(s.places)),
                            "yes" if s.easting == s.easting else "no place known",
                        ],
                    )
                    for s in data.schemes.itertuples(index=False)
                ],
                source="tables/schemes.csv",
                text_columns=frozenset({1, 2, 4}),
                dense=True,
            )
        )
    return Section("map", question, answer, number, sure, blocks)


def _map_key(data: place_map.MapData) -> Legend:
    low, middle, high = (f"{b:.0f}" for b in place_map.BREAKS)
    entries = [
        (place_map.swatch(fill), words)
        for fill, words in zip(
            place_map.FILLS,
            (f"up to {low} minutes", f"{low} to {middle}", f"{middle} to {high}",
             f"over {high} minutes"),
            strict=True,
        )
    ]  # fmt: skip
    if data.cells["minutes"].isna().any():
        entries.append((place_map.swatch(place_map.NO_CHILDREN), "no child in such provision"))
    present = set(data.provisions["group"]) | set(data.schemes["group"])
    for group in GROUPS:
        if group in present:
            size = 4.0 if group == "Mainstream class" else 6.5
            entries.append((place_map.mark_swatch(place_map.symbol(group, 11, 11, size)), group))
    if len(data.schemes):
        entries.append((place_map.mark_swatch(place_map.badge_swatch()), "scheme that opens"))
    if len(data.sites):
        entries.append(
            (place_map.mark_swatch(place_map.site_swatch()), "candidate site, not used")
        )
    return Legend(entries)


def _journeys_table(run: Run, data: place_map.MapData) -> Table:
    rows = []
    for locality, part in data.cells.groupby("locality", sort=True):
        known = part["minutes"].dropna()
        rows.append(
            Row(
                str(locality),
                [
                    str(len(part)),
                    fmt.whole(as_float(known.median())) if len(known) else fmt.NOT_AVAILABLE,
                    fmt.whole(as_float(known.max())) if len(known) else fmt.NOT_AVAILABLE,
                    str(as_int((known > place_map.BREAKS[-1]).sum())),
                ],
            )
        )
    return Table(
        caption=f"Median minutes to specialist provision by area, in {year_label(run.last)}",
        headers=["Locality", "Areas", "Middle area (minutes)", "Farthest area (minutes)",
                 "Areas over 45 minutes"],
        rows=rows,
        source="tables/placements.csv",
        folded="Numbers behind this map, by locality",
    )  # fmt: skip


# ------------------------------------------------------------------ 8 travel


def travel(run: Run) -> Section:
    """Minutes by phase and year against the guide."""
    question = "How far do children travel?"
    table = run.plan.travel_summary
    if table.empty:
        return Section("travel", question, "No journey is known.")
    whole = table[table["phase"] == "all"].set_index("academic_year").reindex(run.years)
    last, now = whole.loc[run.last], whole.loc[run.base]
    answer = (
        f"Half of all children travel {fmt.minutes(as_float(last['median_minutes']))} or less each "
        f"way in {year_label(run.last)}, and nine in ten {fmt.minutes(as_float(last['p90_minutes']))} "
        "or less."
    )
    number = (
        f"{fmt.capital_first(fmt.children(as_float(last['over_guide'])))} would travel longer than "
        f"the guide for their age, against {fmt.children(as_float(now['over_guide']))} in "
        f"{year_label(run.base)}; {fmt.children(as_float(last['over_45']))} over 45 minutes, "
        f"{fmt.children(as_float(last['over_75']))} over 75."
    )
    guides = {str(k): as_float(v) for k, v in dict(run.rule("travel_guide_minutes", {})).items()}
    said = fmt.in_words([f"{p} {g:.0f}" for p, g in guides.items()]) or fmt.NOT_AVAILABLE
    sure = (
        f"The guide (minutes each way: {said}) is guidance, not law; a longer journey can be "
        "right, above all in rural areas "
        f"({run.source('travel_guide_minutes') or fmt.NOT_AVAILABLE}). Times are one "
        "way by car without other pick-ups: a shared vehicle takes longer."
    )
    phases = [p for p in [*run.school_phases, *run.phases] if p in set(table["phase"])]
    phases = [p for p in dict.fromkeys(phases) if p != "early years"][:3]
    return Section(
        "travel",
        question,
        answer,
        number,
        sure,
        [
            *([_travel_chart(run, table, phases, guides)] if phases else []),
            _travel_table(run, run.plan, "", "tables/travel_summary.csv"),
            *(
                [
                    _travel_table(
                        run, run.without, "The same table with committed schemes only",
                        "without_schemes/travel_summary.csv",
                    )
                ]
                if run.without is not None
                else []
            ),
        ],
    )  # fmt: skip


def _travel_chart(
    run: Run, table: pd.DataFrame, phases: Sequence[str], guides: dict[str, float]
) -> Figure:
    labels = _labels(run)
    panels, words = [], []
    for phase in phases:
        part = table[table["phase"] == phase].set_index("academic_year").reindex(run.years)
        middle, slow = part["median_minutes"], part["p90_minutes"]
        end = part.dropna(subset=["median_minutes"])
        if end.empty:
            continue
        mid, far = as_float(end["median_minutes"].iloc[-1]), as_float(end["p90_minutes"].iloc[-1])
        guide = guides.get(phase)
        panels.append(
            charts.Panel(
                fmt.capital_first(phase),
                [
                    charts.Line(f"9 in 10: {far:.0f}", list(slow), charts.SHADES[1], (2, 2)),
                    charts.Line(f"half: {mid:.0f}", list(middle), charts.NAVY),
                ],
                guide=guide,
                guide_label=f"guide {guide:.0f} minutes" if guide is not None else "",
            )
        )
        words.append(f"{phase}: median {mid:.0f}, nine in ten within {far:.0f}")
    slowest = table[(table["phase"] != "all") & (table["academic_year"] == run.last)]
    inside = all(
        as_float(r.p90_minutes) <= guides.get(str(r.phase), math.inf)
        for r in slowest.itertuples(index=False)
    )
    title = (
        f"Nine in ten journeys stay within the guide in {year_label(run.last)}"
        if inside
        else "Journeys of one in ten children exceed the guide"
    )
    return Figure(
        title=title,
        caption=(
            f"One-way minutes by phase, {run.authority}, with the plan's schemes; {labels[0]} "
            "actual, later years projected. Solid line: half of the children travel no longer. "
            "Dotted line: nine in ten. Fine dots: the guide. Source: tables/travel_summary.csv."
        ),
        alt=f"{title}. In {labels[-1]}, {'; '.join(words)}.",
        draw=lambda width: charts.svg(
            charts.panels(panels, labels, width, "Minutes one way", actual=labels[0]), title
        ),
    )


def _travel_table(run: Run, plan: Plan, folded: str, source: str) -> Table:
    table = plan.travel_summary
    years = run.years if folded else sorted({run.base, run.first, (run.first + run.last) // 2,
                                             run.last})  # fmt: skip
    rows = []
    for phase in ["all", *run.phases]:
        part = table[(table["phase"] == phase) & table["academic_year"].isin(years)]
        if part.empty:
            continue
        rows.append(Row("All phases" if phase == "all" else fmt.capital_first(phase)))
        for r in part.sort_values("academic_year").itertuples(index=False):
            over = as_float(r.over_guide)
            rows.append(
                Row(
                    year_label(as_int(r.academic_year))
                    + (" actual" if r.academic_year == run.base else ""),
                    [
                        fmt.count(as_float(r.children)),
                        fmt.whole(as_float(r.median_minutes)),
                        fmt.whole(as_float(r.p90_minutes)),
                        Cell(
                            f"{'▲ ' if over >= 0.5 else ''}{fmt.count(over)}",
                            tone="over" if over >= 0.5 else "",
                        ),
                        fmt.count(as_float(r.over_45)),
                        fmt.count(as_float(r.over_75)),
                    ],
                )
            )
    return Table(
        caption=(
            "One-way journeys by phase"
            + (", every year, committed schemes only" if folded else ", with the plan's schemes")
        ),
        headers=["Year", "Children", "Median minutes", "Nine in ten within (minutes)",
                 "Over the guide", "Over 45 minutes", "Over 75 minutes"],
        rows=rows,
        source=source,
        folded=folded,
        dense=True,
    )  # fmt: skip


# ------------------------------------------------------------------ 9 transfers


def transfers(run: Run) -> Section:
    """From kind to kind at each transition point, over all planned years."""
    question = "Who moves from where to where at a phase transfer?"
    table = run.plan.transfers
    if table.empty or as_float(table["children"].sum()) < TOLERANCE:
        return Section("transfers", question, "No child reaches a phase transfer.")
    table = table.assign(
        came=table["from_kind"].map(group_of), goes=table["to_kind"].map(group_of)
    )
    points = sorted(table["transition_point"].unique())
    moved = table[(table["from_kind"] != table["to_kind"]) & (table["from_kind"] != "new plan")]
    seven = 7 if 7 in points else as_int(points[0])
    at_seven = table[(table["transition_point"] == seven) & (table["from_kind"] == "mainstream")]
    leaving = at_seven[at_seven["to_kind"] != "mainstream"]
    total, change = as_float(table["children"].sum()), as_float(moved["children"].sum())
    leave, there = as_float(leaving["children"].sum()), as_float(at_seven["children"].sum())
    answer = (
        f"At {year_group_name(seven)}, {fmt.share_of(leave, there)} of the"
        " children who come from a mainstream class move to another kind of provision."
        if there > TOLERANCE
        else f"{fmt.capital_first(fmt.children(change))} change their kind of provision at a phase "
        "transfer."
    )
    number = (
        f"{fmt.whole(total)} transfers take place over {_period(run)}; in {fmt.whole(change)} of "
        "them the kind of provision changes."
    )
    sure = (
        "Totals of each kind are exact results of the plan; who goes from where to where is an "
        "estimate: children stay in the same provision as far as numbers allow, the rest are "
        "shared in proportion."
    )
    names = {str(k): str(v) for k, v in dict(run.rule("phase_names", {})).items()}
    order = [*GROUPS, "No suitable place"]
    blocks: list[Block] = []
    for point in points:
        part = table[table["transition_point"] == point]
        phase = names.get(str(point), "")
        blocks.append(_transfer_table(part, order, as_int(point), phase, _period(run)))
    blocks.append(
        Text(
            "Rows: where children were the year before. Columns: where they go. All ten kinds, by "
            "need and year, are in tables/transfers.csv.",
            "note",
        )
    )
    return Section("transfers", question, answer, number, sure, blocks)


def _transfer_table(
    part: pd.DataFrame, order: Sequence[str], point: int, phase: str, period: str
) -> Table:
    matrix = part.pivot_table(index="came", columns="goes", values="children", aggfunc="sum")
    sources = [g for g in ["New plan", *order] if g in matrix.index]
    targets = [g for g in order if g in matrix.columns]
    matrix = matrix.reindex(index=sources, columns=targets).fillna(0.0)
    largest = as_float(matrix.to_numpy().max() or 1.0)
    rows = []
    for came in sources:
        cells = []
        for goes in targets:
            value = as_float(matrix.at[came, goes])
            level = 1 + (value > largest / 8) + (value > largest / 2) if value >= 0.5 else 0
            cells.append(Cell(fmt.count(value), tone=str(level)))
        rows.append(Row(came, [*cells, fmt.count(as_float(matrix.loc[came].sum()))]))
    rows.append(
        Row(
            "All",
            [*(fmt.count(as_float(matrix[g].sum())) for g in targets),
             fmt.count(as_float(matrix.to_numpy().sum()))],
            total=True,
        )
    )  # fmt: skip
    at = year_group_name(point)
    return Table(
        caption=(
            f"Transfers into {at}{f' ({phase})' if phase else ''}: children over {period}"
        ),
        headers=["From \\ to", *targets, "All"],
        rows=rows,
        source="tables/transfers.csv",
        dense=True,
    )


# ------------------------------------------------------------------ 10 marginal values


def marginal(run: Run) -> Section:
    """Where one more place would lower the plan's cost most."""
    question = "Where would one more place be worth most?"
    table = run.plan.marginal_values
    if table.empty or table["pounds"].notna().sum() == 0:
        return Section(
            "marginal",
            question,
            "Not available: this run cannot say what one more place is worth.",
            sure="Marginal values are known only when children are placed as expected shares, not "
            "as whole children, and when some provision has a number of places.",
        )
    names = dict(zip(run.plan.occupancy["provision"], run.plan.occupancy["name"], strict=True))
    kinds = dict(zip(run.plan.occupancy["provision"], run.plan.occupancy["kind"], strict=True))
    grouped = table.groupby("provision")["pounds"]
    rows = pd.DataFrame({"sum": grouped.sum(), "best": grouped.max()})
    at = table.loc[grouped.idxmax().dropna()].set_index("provision")["academic_year"]
    rows["year"] = at
    rows = rows[rows["sum"] >= 1.0].reset_index()
    # Places of a scheme that does not open are worth nothing to a plan without it.
    closed = set(run.plan.schemes.loc[run.plan.schemes["opens"] < 0, "scheme"])
    rows = rows[~rows["provision"].isin(closed)]
    rows = rows.sort_values(["sum", "provision"], ascending=[False, True]).head(10)
    if rows.empty:
        return Section(
            "marginal",
            question,
            "Nowhere: no provision is so full that one more place would lower the cost.",
        )
    first = rows.iloc[0]
    top_name = str(names.get(str(first["provision"]), first["provision"]))
    answer = f"One more place would be worth most at {top_name}."
    number = (
        f"A place there in every planned year would lower cost and priced failures by "
        f"{fmt.pounds(as_float(first['sum']))} at present value."
    )
    sure = (
        "This is the gain from children who would otherwise be placed dearer, farther or over "
        "capacity, before the cost of the place itself (place funding and building). It holds for "
        "one place, with the schemes of this plan; ten places are worth less than ten times as "
        "much. It points to where to look, and is no valuation."
    )
    listed = [str(names.get(str(p), p)) for p in rows["provision"]]
    values = [as_float(v) for v in rows["sum"]]
    title = f"{top_name}: one more place is worth {fmt.pounds(values[0])}"
    if len(title.split()) > 10:
        title = f"One more place is worth up to {fmt.pounds(values[0])}"
    figure = Figure(
        title=title,
        caption=(
            "Present value of one more place in every planned year, the ten highest, "
            f"{run.authority}, {_period(run)}; colour by kind of provision. "
            "Source: tables/marginal_values.csv."
        ),
        alt=f"{title}. " + "; ".join(
            f"{n} {fmt.pounds(v)}" for n, v in zip(listed, values, strict=True)
        ),
        draw=lambda width: charts.svg(
            charts.ranked_bars(
                listed, values, [fmt.pounds(v) for v in values],
                [charts.COLOURS[group_of(str(kinds.get(p, "mainstream")))]
                 for p in rows["provision"]],
                min(width, 700),
            ),
            title,
        ),
        table=Table(
            caption="Present value of one more place",
            headers=["Provision", "Kind", "In every year", "In its best year", "Best year"],
            rows=[
                Row(
                    str(names.get(str(r["provision"]), r["provision"])),
                    [
                        KINDS.get(str(kinds.get(r["provision"])), fmt.NOT_AVAILABLE),
                        fmt.pounds(as_float(r["sum"])),
                        fmt.pounds(as_float(r["best"])),
                        year_label(as_int(r["year"])),
                    ],
                )
                for _, r in rows.iterrows()
            ],
            source="tables/marginal_values.csv",
            folded="Numbers behind this chart",
            text_columns=frozenset({1, 4}),
        ),
    )  # fmt: skip
    return Section("marginal", question, answer, number, sure, [figure])


# ------------------------------------------------------------------ 11 assumptions


def assumptions(run: Run) -> Section:
    """Every entry of the planning model, and what the scenario changes."""
    model = dict(run.stamp.get("model", {}))
    changed = {k: e for k, e in run.rules.items() if e.get("set_by") not in ("", None, _BASE_MODEL)}
    judged = sum("judgement" in str(e.get("source", "")).lower() for e in run.rules.values())
    answer = (
        f"The planning model is “{model.get('title') or model.get('name') or fmt.NOT_AVAILABLE}”. "
        f"{model.get('description') or ''}"
    ).strip()
    number = (
        f"It has {len(run.rules)} entries; {len(changed)} of them differ from {_BASE_MODEL}; "
        f"{judged} rest wholly or partly on judgement and should be replaced by the authority's "
        "own figures."
    )
    sure = "Every entry stands below with its source and date."
    what_ifs = [str(w) for w in run.stamp.get("what_ifs", [])]
    names = dict(zip(run.plan.schemes["scheme"], run.plan.schemes["name"], strict=True))
    committed = dict(run.scenario.get("committed", {}))
    terms = [
        ("Demand", f"{run.stamp.get('variant', 'central')} variant"
                   + (f", draw {run.stamp['draw']}" if run.stamp.get("draw") else "")),
        ("Committed schemes", fmt.in_words(
            [f"{names.get(s, s)} (September {y})" for s, y in committed.items()]) or "none"),
        ("Balance of the high-needs budget asked for from",
         financial_year_label(as_int(run.scenario["balance_from"]))
         if run.scenario.get("balance_from") else "not asked for"),
    ]  # fmt: skip
    rows = []
    for key, entry in run.rules.items():
        unit = str(entry.get("unit", ""))
        rows.append(
            Row(
                fmt.capital_first(fmt.words(key)),
                [
                    Cell("\n".join(fmt.model_value(entry.get("value"), unit, key))),
                    unit,
                    str(entry.get("source", "")) or fmt.NOT_AVAILABLE,
                    fmt.date(entry.get("date")),
                    Cell(
                        f"▲ {entry.get('set_by')}" if key in changed else str(entry.get("set_by")),
                        f"differs from {_BASE_MODEL}" if key in changed else "",
                        "over" if key in changed else "",
                    ),
                ],
                mark="changed" if key in changed else "",
            )
        )
    headers = ["Entry", "Value", "Unit", "Source", "Date", "Set by"]
    words = frozenset(range(1, 6))
    blocks: list[Block] = [
        Heading("What does the scenario change?"),
        Items(what_ifs) if what_ifs else Text("Nothing: no what-if is laid over the tables."),
        Items(terms=terms),
    ]
    if changed:
        blocks.append(
            Table(
                caption=f"Entries that differ from {_BASE_MODEL}",
                headers=headers,
                rows=[r for r in rows if r.mark == "changed"],
                source="inputs/rules.json",
                text_columns=words,
                dense=True,
            )
        )
    blocks.append(
        Table(
            caption="The planning model, entry by entry",
            headers=headers,
            rows=rows,
            source="inputs/rules.json",
            folded=f"All {len(rows)} entries of the planning model",
            text_columns=words,
            dense=True,
            printed=True,
        )
    )
    return Section(
        "assumptions", "What does the plan assume?", answer, number, sure, blocks
    )


_BASE_MODEL = "england-2026"


# ------------------------------------------------------------------ 12 data quality


def data_quality(run: Run) -> Section:
    """Doubtful records, estimates, and small numbers."""
    warnings = list(run.stamp.get("warnings", []))
    estimates = [str(e) for e in run.stamp.get("estimates", [])]
    answer = (
        f"{fmt.capital_first(fmt.number_of(len(warnings), 'record is', 'records are'))} doubtful, "
        f"and {fmt.number_of(len(estimates), 'part is', 'parts are')} estimated."
    )
    small = run.plan.placements
    now = small[small["academic_year"] == run.base]
    cells = now.groupby(["area", "need"])["children"].sum()
    few = as_int(((cells > 1e-9) & (cells < 5.5)).sum())
    number = (
        f"{few:,} of {len(cells):,} combinations of home area and need hold fewer than 6 children "
        f"in {year_label(run.base)}."
    )
    sure = (
        "INTERNAL: contains small numbers; not for publication. Nothing in this report is "
        "suppressed. Do not pass on tables, matrices or the map where a family could be "
        "recognised, and do not place provision on the strength of a handful of expected children."
    )
    blocks: list[Block] = [
        Heading("What was estimated?"),
        Items(estimates) if estimates else Text("Nothing."),
    ]
    if warnings:
        blocks.append(
            Table(
                caption="Doubtful records; none stopped the run",
                headers=["File and row", "Column", "Found", "What is doubtful", "Remedy"],
                rows=[
                    Row(
                        str(w.get("file") or fmt.NOT_AVAILABLE)
                        + (f", row {w['row']}" if w.get("row") else ""),
                        [
                            str(w.get("column") or NONE),
                            NONE if w.get("value") in (None, "") else str(w.get("value")),
                            str(w.get("message", w.get("text", ""))),
                            str(w.get("remedy", "")),
                        ],
                    )
                    for w in warnings
                ],
                source="run.json",
                folded=f"{fmt.number_of(len(warnings), 'doubtful record', 'doubtful records')}",
                text_columns=frozenset(range(1, 5)),
                dense=True,
                printed=len(warnings) <= 40,
            )
        )
    return Section(
        "data", "How good are the data?", answer, number, sure, blocks
    )


# ------------------------------------------------------------------ 13 certificate


def certificate(run: Run) -> Section:
    """Solver certificate, audit, versions, seeds and hashes."""
    solver, audit = run.solver, dict(run.stamp.get("audit", {}))
    objective = as_float(solver.get("objective_pounds", math.nan))
    bound = as_float(solver.get("bound_pounds", math.nan))
    checks = list(audit.get("checks", []))
    differences = [str(d) for d in audit.get("differences", [])]
    if not audit:
        verdict = "It was not audited."
    elif audit.get("passed"):
        verdict = f"An independent audit of {len(checks)} checks found no difference."
    else:
        verdict = (
            "It failed the independent audit: "
            f"{fmt.number_of(len(differences), 'difference', 'differences')} in {len(checks)} checks. Do not use it."
        )
    answer = (
        f"The plan is {solver.get('status') or 'of unknown status'}. {verdict}"
    )
    number = (
        f"Gap: {fmt.percent(as_float(solver.get('gap', math.nan)), 2)}, or "
        f"{fmt.pounds(objective - bound)} (present value {fmt.pounds(objective)}, no plan can be "
        f"below {fmt.pounds(bound)})."
    )
    sure = (
        "The gap says how far the plan could be from the best plan under these assumptions. It "
        "says nothing about the assumptions themselves. The objective adds money of all three "
        "ledgers and priced failures, and serves the search only."
    )
    limit = solver.get("time_limit")
    size = dict(run.stamp.get("size", {}))
    terms = [
        ("Status", str(solver.get("status") or fmt.NOT_AVAILABLE)),
        ("Interrupted", "yes" if solver.get("interrupted") else "no"),
        ("Objective", fmt.exact_pounds(objective)),
        ("Bound", fmt.exact_pounds(bound)),
        ("Gap", f"{fmt.percent(as_float(solver.get('gap', math.nan)), 3)} "
                f"({fmt.exact_pounds(objective - bound)})"),
        ("Gap asked for", fmt.percent(as_float(solver.get("gap_asked") or math.nan), 2)),
        ("Time limit", fmt.seconds(as_float(limit)) if limit else "none"),
        ("Time taken", f"{fmt.seconds(as_float(solver.get('seconds', math.nan)))}, of which search "
                       f"{fmt.seconds(as_float(solver.get('search_seconds', math.nan)))}"),
        ("Children placed as", "whole children" if solver.get("whole_children")
         else "expected shares"),
        ("Solver", f"{solver.get('name', '')} {solver.get('version', '')}, "
                   f"{solver.get('threads', fmt.NOT_AVAILABLE)} threads, "
                   f"seed {solver.get('seed', fmt.NOT_AVAILABLE)}"),
        ("Seed of the projection", str(run.stamp.get("seed", fmt.NOT_AVAILABLE))),
        ("Size", ", ".join(f"{fmt.whole(as_float(v))} {fmt.words(k)}" for k, v in size.items())
         or fmt.NOT_AVAILABLE),
        ("Versions", ", ".join(f"{k} {v}" for k, v in
                               dict(run.stamp.get("versions", {})).items())
         or fmt.NOT_AVAILABLE),
        ("Command", str(run.stamp.get("command") or fmt.NOT_AVAILABLE)),
        ("Made", str(run.stamp.get("created") or fmt.NOT_AVAILABLE)),
    ]  # fmt: skip
    blocks: list[Block] = [Items(terms=terms)]
    if differences:
        blocks.append(
            Items(differences, folded=f"All {len(differences)} differences the audit reports")
        )
    if checks:
        blocks.append(Items([str(c) for c in checks], folded=f"The {len(checks)} audit checks"))
    hashes = dict(run.stamp.get("inputs", {}))
    if hashes:
        blocks.append(
            Table(
                caption="Input files as read, with their SHA-256 fingerprints",
                headers=["Table and file", "SHA-256"],
                rows=[Row(str(k), [str(v)]) for k, v in hashes.items()],
                source="run.json",
                folded="Fingerprints of the input files",
                text_columns=frozenset({1}),
                dense=True,
            )
        )
    return Section(
        "certificate", "How was this plan found and checked?", answer, number, sure, blocks
    )
