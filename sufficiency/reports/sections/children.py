"""How many children, where they are placed, and whether there are enough local places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import pandas as pd

from sufficiency.plan import Plan
from sufficiency.reports import charts
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import (
    Block,
    Cell,
    Figure,
    Heading,
    HeatMap,
    HeatRow,
    Items,
    Row,
    Section,
    Table,
    Text,
)
from sufficiency.reports.facts import (
    GROUPS,
    TOLERANCE,
    UNMET,
    Run,
    as_float,
    as_int,
    group_of,
    records,
    widest,
)
from sufficiency.vocabulary import (
    KINDS,
    LEDGERS,
)
from sufficiency.vocabulary import academic_year_label as year_label


def _forecast_words(run: Run) -> str:
    variant = str(run.stamp.get("variant", "central"))
    draw = as_int(run.stamp.get("draw", 0) or 0)
    one = f"draw {draw} of the forecast" if draw else f"one forecast, the {variant} one"
    return f"{run.period} rests on {one}; another would give other numbers."


# ------------------------------------------------------------------ headline


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
            f"No child is expected to need more than a mainstream class in {year_label(run.last)}."
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


NAMED: Final = 12
"""Schemes that the first page names one by one; of more it names the largest."""
LARGEST: Final = 6


def _schemes_sentence(run: Run) -> str:
    opened = run.opened
    offered = len(run.plan.schemes)
    if not offered:
        return "No scheme was put forward, so the plan uses today's places only."
    if opened.empty:
        return f"None of the {offered} schemes put forward opens."
    listed = [
        f"{r.name} (September {r.opens}, {fmt.places(as_float(r.places))})" for r in records(opened)
    ]
    total = fmt.places(as_float(opened["places"].sum()))
    committed = as_int((opened["status"] == "committed").sum())
    already = f" ({committed} of them already committed)" if committed else ""
    if len(opened) == 1:
        return f"One of {offered} schemes opens: {listed[0]}."
    said = f"{len(opened)} of {offered} schemes open{already}, with {total} in all"
    if len(opened) <= NAMED:
        return f"{said}: {fmt.in_words(listed)}."
    # A list of thirty is read by nobody; the largest are named, and where all stand.
    largest = opened.sort_values(["places", "opens", "scheme"], ascending=[False, True, True])
    listed = [
        f"{r.name} (September {r.opens}, {fmt.places(as_float(r.places))})"
        for r in records(largest.head(LARGEST))
    ]
    return (
        f"{said}; the largest are {fmt.in_words(listed)}. All {len(opened)} stand under “Which "
        "schemes open, and when?”"
    )


def _money_sentences(run: Run) -> list[str]:
    """One sentence for each ledger; they are never added up."""
    totals, without = run.totals, run.totals_without
    years = f"the {run.last - run.first + 1} financial years {run.finances}"
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
            same = abs(difference) < 0.5
            text += ", the same as" if same else f", {fmt.more_or_less(difference)} than"
            text += " with committed schemes only"
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
                fmt.signed(totals[ledger] - without[ledger], scale),
            ]
        rows.append(Row(name, cells))
    return [
        Table(
            caption=f"Three ledgers, financial years {run.finances}, {scale[1]}",
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


def _failures(run: Run) -> list[tuple[str, str]]:
    """Unmet need and places beyond capacity, as failures to be solved."""
    found: list[tuple[str, str]] = []
    unmet = run.unmet_by_year
    unmet = unmet[unmet.index >= run.first]
    if (unmet > TOLERANCE).any():
        worst = as_int(unmet.idxmax())
        found.append(
            (
                f"Unmet need: in {year_label(worst)}, "
                f"{fmt.children(as_float(unmet[worst]))} would have no suitable place; in "
                f"{year_label(run.last)}, {fmt.children(as_float(unmet[run.last]))}. This is a "
                "failure to be solved, never a saving.",
                "failure",
            )
        )
    else:
        found.append((f"Every child has a suitable place in every year from {run.period}.", ""))
    excess = run.excess_by_year(run.plan)
    excess = excess[excess.index >= run.first]
    both = excess.sum(axis=1)
    if (both > TOLERANCE).any():
        worst = as_int(both.idxmax())
        year = run.plan.occupancy[run.plan.occupancy["academic_year"] == worst]
        over = year["over_capacity"] + year["beyond_limit"] > TOLERANCE
        where = fmt.number_of(as_int(over.sum()), "provision", "provisions")
        text = (
            f"Over capacity: at worst, in {year_label(worst)}, "
            f"{fmt.children(as_float(both[worst]))} above commissioned places at {where}"
        )
        beyond = as_float(excess["beyond_limit"].max())
        if beyond > TOLERANCE:
            year_beyond = as_int(excess["beyond_limit"].idxmax())
            text += (
                ". Most beyond what the planning model lets a provision take: "
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
                f"{fmt.number_of(len(rows), 'case', 'cases')} (at most "
                f"{fmt.children(as_float(rows['beyond_limit'].max()))} too many).",
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


# ------------------------------------------------------------------ placement mix


def _grouped_mix(plan: Plan) -> pd.DataFrame:
    frame = plan.mix.assign(group=plan.mix["kind"].map(group_of))
    return frame.groupby(["academic_year", "group"])["children"].sum().reset_index()


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
        f"changes slowly. {_band_words(run)}"
    ).rstrip()
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


def _band_words(run: Run) -> str:
    """How many children other forecasts expect in the last year."""
    if run.last not in run.demand_band:
        return ""
    least, most = run.demand_band[run.last]
    basis = dict(run.stamp["demand_band"])["basis"]
    return (
        f"Other forecasts expect {fmt.whole(least)} to {fmt.whole(most)} children with a plan in "
        f"{year_label(run.last)} ({basis}); the mix was planned for "
        f"{fmt.whole(run.children(run.last))} only."
    )


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
        title = f"{short} {way} from {fmt.whole(counts[most][0])} to {fmt.whole(counts[most][-1])}"
    table = grouped.assign(
        year=grouped["academic_year"].map(year_label)
    )[["year", "group", "children"]]  # fmt: skip
    labels = run.labels
    band = {year_label(y): ends for y, ends in run.demand_band.items()}
    drawn = " Lines: other forecasts of all children." if band else ""
    parts = [f"{g} {fmt.whole(counts[g][0])} then {fmt.whole(counts[g][-1])}" for g in GROUPS]
    return Figure(
        title=title,
        caption=(
            f"Children and young people with a plan by kind of placement, {run.authority}; "
            f"{labels[0]} actual, later years projected, with the plan's schemes. State special "
            f"schools of other authorities count with the authority's own.{drawn} Source: "
            f"tables/mix.csv{', run.json' if band else ''}."
        ),
        alt=f"{title}. From {labels[0]} to {labels[-1]}: {'; '.join(parts)}.",
        draw=lambda width: charts.render(charts.stacked_years(table, labels, width, band)),
    )


def _mix_compared(run: Run, grouped: pd.DataFrame, without: pd.DataFrame) -> Figure:
    labels = run.labels
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
                        charts.DASHED,
                    ),
                    charts.Line(
                        f"{'both' if same else 'with'} {fmt.whole(ours[-1])}",
                        ours,
                        charts.COLOURS[group]
                        if group != "College, alternative, elsewhere"
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
        draw=lambda width: charts.render(
            charts.panels(panels, labels, width, "Children", actual=labels[0])),
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


# ------------------------------------------------------------------ local places


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
    gaps = run.plan.gaps
    largest = max(as_float(gaps[["gap", "gap_without_schemes"]].to_numpy().max()), 3.0)
    by_phase = gaps.groupby(["phase", "academic_year"])[["gap", "gap_without_schemes"]].sum()
    worst = by_phase.max(axis=1).groupby("phase").max()
    drawn = max(DRAWN_GAP, round(DRAWN_SHARE * as_float(worst.sum())))
    blocks: list[Block] = [_gap_chart(run)]
    blocks += [_gap_map(run, p, largest) for p in run.phases if worst.get(p, 0.0) >= drawn]
    few = [p for p in run.phases if TOLERANCE < worst.get(p, 0.0) < drawn]
    if few:
        blocks.append(
            Text(
                f"Not drawn, for fewer than {drawn} children have no local place in any year: "
                f"{fmt.in_words(few)}. Their numbers are in tables/gaps.csv.",
                "note",
            )
        )
    return Section("gaps", "Do we have enough local places?", answer, number, sure, blocks)


def _gap_chart(run: Run) -> Figure:
    labels = run.labels
    by_year = run.local_by_year
    ours = [as_float(v) for v in by_year["gap"]]
    theirs = [as_float(v) for v in by_year["gap_without_schemes"]]
    lines = [charts.Line(f"with {fmt.whole(ours[-1])}", ours, charts.NAVY)]
    compared = run.without is not None
    if compared:
        lines.insert(
            0,
            charts.Line(f"without {fmt.whole(theirs[-1])}", theirs, charts.CHARCOAL, charts.DASHED),
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
            f"all ages, {run.authority}; {labels[0]} actual, later years projected; "
            f"{run.line_words}. Source: tables/gaps.csv."
        ),
        alt=f"{title}. With schemes {fmt.whole(ours[0])} in {labels[0]} and {fmt.whole(ours[-1])} "
        f"in {labels[-1]}"
        + (f"; with committed schemes only {fmt.whole(theirs[-1])}." if compared else "."),
        draw=lambda width: charts.render(
            charts.panels(
                [charts.Panel("Children without a local state place", lines)],
                labels, min(width, 620), "Children", actual=labels[0],
            )),
        table=Table(
            caption="Children who need a local place, and the gap",
            headers=["Measure", *labels],
            rows=[
                Row("Children who need more than a mainstream class", fmt.counts(needing)),
                Row("Gap with schemes", fmt.counts(ours)),
                *([Row("Gap with committed schemes only", fmt.counts(theirs))] if compared else []),
            ],
            source="tables/gaps.csv",
            folded="Numbers behind this chart",
            dense=True,
        ),
    )  # fmt: skip


DRAWN_GAP = 8
"""Children without a local place in some year from which a phase is worth a picture."""
DRAWN_SHARE = 0.01
"""The same as a share of all phases: a screen of dashes would hide what matters."""


def _designations(run: Run) -> list[str]:
    gaps = run.plan.gaps
    known = [d for d in dict(run.rule("designations", {})) if d in set(gaps["designation"])]
    return known + sorted(set(gaps["designation"]) - set(known))


def _gap_map(run: Run, phase: str, largest: float) -> HeatMap:
    """Gaps of one phase by locality and designation, every year, without and with schemes."""
    gaps = run.plan.gaps
    part = gaps[gaps["phase"] == phase]
    localities = sorted(set(gaps["locality"]))
    cells = {
        (str(r.locality), str(r.designation), as_int(r.academic_year)): (
            as_float(r.gap_without_schemes), as_float(r.gap),
        )
        for r in records(part)
    }  # fmt: skip
    shown = run.without is not None
    sides = 2 if shown else 1
    grids: list[list[HeatRow]] = [[], []]
    for designation in _designations(run):
        if designation not in set(part["designation"]):
            continue
        pairs = {
            place: [cells.get((place, designation, y)) for y in run.years] for place in localities
        }
        # A row without a number would only push the others apart.
        missing = [p for p in localities if any(c and max(c[2 - sides :]) >= 0.5 for c in pairs[p])]
        for at, grid in enumerate(grids):
            if missing:
                grid.append(HeatRow(designation))
            grid += [HeatRow(p, [c[at] if c else None for c in pairs[p]]) for p in missing]
    total = part.groupby("academic_year")[["gap", "gap_without_schemes"]].sum()
    end = as_float(total["gap"].get(run.last, 0.0))
    before = as_float(total["gap_without_schemes"].get(run.last, 0.0))
    name = fmt.capital_first(phase)
    title = (
        f"{name}: {fmt.whole(end)} missing in {year_label(run.last)}, {fmt.whole(before)} without "
        "schemes"
        if shown
        else f"{name}: {fmt.children(end)} missing in {year_label(run.last)}"
    )
    by = part[part["academic_year"] == run.last].groupby(["locality", "designation"])["gap"].sum()
    worst = ""
    if len(by) and as_float(by.max()) >= 0.5:
        place, designation = widest(by)
        worst = f" Widest: {designation} in {place}, {fmt.children(as_float(by.max()))}."
    pictures = (
        [("With committed schemes only", grids[0]), ("With the plan's schemes", grids[1])]
        if shown
        else [("Gap", grids[1])]
    )
    labels = run.labels
    return HeatMap(
        title=title,
        caption=(
            f"Children of {phase} age who need more than a mainstream class and are not in a local "
            f"state place, by area of need and locality, {run.authority}; {labels[0]} actual, "
            "later years projected. Darker: more children, one scale for all phases; dash: nobody "
            "needs such a place; pale: fewer than half a child. Rows pale in every year are left "
            "out."
        ),
        alt=f"{title}.{worst}",
        columns=labels,
        grids=pictures,
        largest=largest,
        source="tables/gaps.csv",
    )
