"""How full provision is, where it lies, how far children travel, and who moves when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sufficiency.plan import Plan
from sufficiency.reports import charts, measures, place_map
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import (
    Block,
    Cell,
    Figure,
    Legend,
    Row,
    Section,
    Table,
    Text,
)
from sufficiency.reports.facts import (
    GROUPS,
    TOLERANCE,
    Run,
    as_float,
    as_int,
    group_of,
    records,
)
from sufficiency.vocabulary import (
    KINDS,
    year_group_name,
)
from sufficiency.vocabulary import academic_year_label as year_label

# ------------------------------------------------------------------ occupancy


def vacancy(room: float, offered: float) -> str:
    """How many of the places on offer at state special schools and bases stand vacant."""
    number = round(room)
    return (
        f"{f'{number:,}' if number else 'none'} of the {fmt.whole(offered)} places at state "
        f"special schools and bases {'are' if number > 1 else 'is'} vacant"
    )


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
        f"{year_label(worst)}. In {year_label(run.last)} {vacancy(room, offered)}."
    )
    sure = (
        "Commissioned places are the authority's figures. A school that is named in a plan must "
        "admit the child, so a number above its places is a warning to act on, not a permission."
    )
    counts = [as_int((g["over_capacity"] + g["beyond_limit"] > TOLERANCE).sum())
              for _, g in table.groupby("academic_year")]  # fmt: skip
    lines = [charts.Line(f"with {fmt.count(as_float(both.iloc[-1]))}", list(both), charts.NAVY)]
    rows = [
        Row("Children above places, with schemes", fmt.counts(both)),
        Row("of whom beyond the limit", fmt.counts(ours["beyond_limit"])),
        Row("Provisions above places, with schemes", [str(c) for c in counts]),
    ]
    if run.without is not None:
        before = run.excess_by_year(run.without).sum(axis=1)
        lines.insert(
            0,
            charts.Line(
                f"without {fmt.count(as_float(before.iloc[-1]))}", list(before), charts.CHARCOAL,
                charts.DASHED,
            ),
        )  # fmt: skip
        rows.append(Row("Children above places, committed schemes only", fmt.counts(before)))
    labels = run.labels
    title = (
        f"Over capacity peaks at {fmt.children(as_float(planned[worst]))} in {year_label(worst)}"
        if as_float(planned.max()) > TOLERANCE
        else "No provision is over capacity in planned years"
    )
    chart = Figure(
        title=title,
        caption=(
            f"Children above commissioned places, all provision, {run.authority}; {labels[0]} "
            f"actual, later years projected; {run.line_words}. Source: tables/occupancy.csv."
        ),
        alt=f"{title}. With schemes, {fmt.children(as_float(both.iloc[0]))} in {labels[0]} and "
        f"{fmt.children(as_float(both.iloc[-1]))} in {labels[-1]}.",
        draw=lambda width: charts.render(
            charts.panels(
                [charts.Panel("Children above commissioned places", lines)],
                labels, min(width, 620), "Children", actual=labels[0],
            )),
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


def _occupancy_table(run: Run, limited: pd.DataFrame, kinds: Sequence[str], folded: str) -> Table:
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
            by_year = {as_int(row["academic_year"]): row for row in mine.to_dict("records")}
            rows.append(Row(str(name), [_occupancy_cell(by_year.get(y)) for y in run.years]))
    heads = [f"{year_label(y)}{' actual' if y == run.base else ''}" for y in run.years]
    return Table(
        caption="Children / places by provision and academic year, with the plan's schemes",
        headers=["Provision", *heads],
        rows=rows,
        source="tables/occupancy.csv",
        folded=folded,
        dense=True,
    )


def _occupancy_cell(row: Mapping[Any, Any] | None) -> Cell:
    if row is None:
        return Cell(fmt.NONE, "not applicable")
    places = as_float(row["commissioned_places"]) + as_float(row["scheme_places"])
    if math.isnan(places):
        places = as_float(row["scheme_places"])
    roll = as_float(row["children"]) + as_float(row["other_authority_children"])
    over, beyond = as_float(row["over_capacity"]), as_float(row["beyond_limit"])
    if places < 1e-6 and roll < TOLERANCE:
        return Cell(fmt.NONE, "no places")
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
                cells.append(Cell(fmt.NONE, "not applicable"))
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


# ------------------------------------------------------------------ map


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
        areas = "one area" if far == 1 else f"{far} areas"
        title = f"From {areas} the median journey exceeds 45 minutes"
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
        draw=lambda width: place_map.draw(data, width),
        key=_map_key(data),
        table=_journeys_table(run, data),
        parts=True,
    )
    blocks: list[Block] = [
        Text(
            "Point at an area, a school or a scheme, or reach schools and schemes with the Tab "
            "key, to read what it is. Every area stands in the last table of this section.",
            "note screen",
        ),
        figure,
        _missing_map(run, data),
    ]
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
                    for s in records(data.schemes)
                ],
                source="tables/schemes.csv",
                text_columns=frozenset({1, 2, 4}),
                dense=True,
            )
        )
    blocks.append(_areas_table(run, data))
    return Section("map", question, answer, number, sure, blocks)


def _missing_map(run: Run, data: place_map.MapData) -> Figure:
    """The same map, with areas shaded by children without a local state place."""
    total = as_float(data.cells["missing"].sum())
    unmet = as_float(data.cells["unmet"].sum())
    by = data.cells.groupby("locality")["missing"].sum()
    title = (
        f"Most missing local places in {year_label(run.last)}: {by.idxmax()}"
        if total >= 0.5
        else f"Hardly anybody lacks a local place in {year_label(run.last)}"
    )
    if len(title.split()) > 10:
        title = f"{fmt.whole(total)} missing local places in {year_label(run.last)}"
    return Figure(
        title=title,
        caption=(
            "Children who need more than a mainstream class and are not in a local state place, by "
            f"home area, {run.authority}, {year_label(run.last)}, projected, with the plan's "
            f"schemes: {fmt.whole(total)} in all, of whom "
            f"{fmt.count(unmet)} have no suitable place at all. Source: tables/placements.csv, "
            "tables/unmet.csv."
        ),
        alt=f"{title}. "
        + "; ".join(f"{name} {fmt.count(as_float(v))}" for name, v in by.items())
        + ".",
        draw=lambda width: place_map.draw(data, width, "missing"),
        key=_map_key(data, "missing"),
        parts=True,
    )


def _areas_table(run: Run, data: place_map.MapData) -> Table:
    """Every area of the map, for those who cannot point at it."""
    rows: list[Row] = []
    for locality, part in data.cells.groupby("locality", sort=True):
        rows.append(Row(str(locality)))
        for c in records(part.sort_values("name")):
            rows.append(
                Row(
                    str(c.name),
                    [
                        *fmt.counts((c.children, c.needing, c.missing, c.unmet)),
                        fmt.NOT_AVAILABLE if math.isnan(c.minutes) else fmt.whole(c.minutes),
                    ],
                )
            )
    return Table(
        caption=f"Every area in {year_label(run.last)}, with the plan's schemes",
        headers=["Area", "Children with a plan", "Need more than a mainstream class",
                 "Without a local state place", "No suitable place", "Median minutes"],
        rows=rows,
        source="tables/placements.csv, tables/unmet.csv",
        folded=f"All {len(data.cells):,} areas",
        dense=True,
    )  # fmt: skip


def _map_key(data: place_map.MapData, shaded: str = "minutes") -> Legend:
    low, middle, high = (f"{b:.0f}" for b in place_map.BREAKS)
    words: tuple[str, ...] = (
        f"up to {low} minutes", f"{low} to {middle}", f"{middle} to {high}", f"over {high} minutes",
    )  # fmt: skip
    nobody = bool(data.cells["minutes"].isna().any())
    if shaded == "missing":
        words = ("fewer than half a child", "up to 2 children", "2 to 5", "5 or more")
        nobody = bool((data.cells["needing"] < 1e-9).any())
    entries = [
        (place_map.swatch(fill), text) for fill, text in zip(place_map.FILLS, words, strict=True)
    ]
    if nobody:
        none = "nobody needs such a place" if shaded == "missing" else "no child in such provision"
        entries.append((place_map.swatch(place_map.NO_CHILDREN), none))
    present = set(data.provisions["group"]) | set(data.schemes["group"])
    for group in GROUPS:
        if group in present:
            size = 4.0 if group == "Mainstream class" else 6.5
            entries.append((place_map.mark_swatch(place_map.symbol(group, 11, 11, size)), group))
    if len(data.schemes):
        entries.append((place_map.mark_swatch(place_map.badge_swatch()), "scheme that opens"))
    if len(data.sites):
        entries.append((place_map.mark_swatch(place_map.site_swatch()), "candidate site, not used"))
    for places in (10, 150):
        mark = place_map.symbol("State special school", 11, 11, place_map.radius(places, False))
        entries.append((place_map.mark_swatch(mark), f"{places} places"))
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


# ------------------------------------------------------------------ travel


def travel(run: Run) -> Section:
    """Minutes by phase and year against the guide."""
    question = "How far do children travel?"
    table = run.plan.travel_summary
    if table.empty:
        return Section("travel", question, "No journey is known.")
    whole = table[table["phase"] == "all"].set_index("academic_year").reindex(run.years)
    last, now = whole.loc[run.last], whole.loc[run.base]
    half, nine = (fmt.minutes(as_float(last[c])) for c in ("median_minutes", "p90_minutes"))
    answer = (
        f"Half of all children travel {half} or less each way in {year_label(run.last)}, and nine "
        f"in ten {nine} or less."
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
            *_journey_bands(run),
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


def _journey_bands(run: Run) -> list[Figure]:
    """Children by length of journey against the guides of 45 and 75 minutes."""
    table = measures.journeys(run, run.plan)
    before = measures.journeys(run, run.without) if run.without is not None else None
    if as_float(table.to_numpy().sum()) < TOLERANCE:
        return []
    names = list(measures.BAND_NAMES)
    base, last = year_label(run.base), year_label(run.last)
    over = [as_float(table.loc[names[3:], y].sum()) for y in (run.base, run.last)]
    title = (
        f"{fmt.capital_first(fmt.children(over[1]))} over 45 minutes in {last}, "
        f"{fmt.whole(over[0])} in {base}"
    )
    series = [
        (base, list(table[run.base]), "#b1b4b6"),
        *([("without", list(before[run.last]), charts.SHADES[0])] if before is not None else []),
        (last, list(table[run.last]), charts.NAVY),
    ]
    entries = [(place_map.swatch("#b1b4b6"), f"{base}, actual")]
    if before is not None:
        words = f"{last}, projected, committed schemes only"
        entries.append((place_map.swatch(charts.SHADES[0]), words))
    entries.append((place_map.swatch(charts.NAVY), f"{last}, projected, with the plan's schemes"))
    rows = []
    for name in names:
        cells = [fmt.count(as_float(table.at[name, run.base]))]
        if before is not None:
            cells.append(fmt.count(as_float(before.at[name, run.last])))
        rows.append(Row(f"{name} minutes", [*cells, fmt.count(as_float(table.at[name, run.last]))]))
    totals = [table[run.base].sum(), *([before[run.last].sum()] if before is not None else []),
              table[run.last].sum()]  # fmt: skip
    rows.append(Row("All journeys", fmt.counts(totals), total=True))
    heads = [f"{base} actual", *([f"{last}, committed only"] if before is not None else []), last]
    return [
        Figure(
            title=title,
            caption=(
                f"Children by one-way minutes, all phases, {run.authority}. The guides are 45 "
                "minutes up to Year 6 and 75 minutes from Year 7 in the model of England; a "
                "journey over one may be right for a child. Source: tables/placements.csv, "
                "tables/stays.csv."
            ),
            alt=f"{title}. In {last}: "
            + "; ".join(f"{n} minutes {fmt.count(as_float(table.at[n, run.last]))}" for n in names)
            + ".",
            draw=lambda width: charts.render(
                charts.bands(names, series, [(2, "45"), (4, "75")], width, "Children")
            ),
            key=Legend(entries),
            table=Table(
                caption="Children by one-way minutes",
                headers=["Journey", *heads],
                rows=rows,
                source="tables/placements.csv",
                folded="Numbers behind this chart",
            ),
        )
    ]


def _travel_chart(
    run: Run, table: pd.DataFrame, phases: Sequence[str], guides: dict[str, float]
) -> Figure:
    labels = run.labels
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
        as_float(r.p90_minutes) <= guides.get(str(r.phase), math.inf) for r in records(slowest)
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
        draw=lambda width: charts.render(
            charts.panels(panels, labels, width, "Minutes one way", actual=labels[0])
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
        for r in records(part.sort_values("academic_year")):
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


# ------------------------------------------------------------------ transfers


def transfers(run: Run) -> Section:
    """From kind to kind at each transition point, over all planned years."""
    question = "Who moves from where to where at a phase transfer?"
    table = run.plan.transfers
    if table.empty or as_float(table["children"].sum()) < TOLERANCE:
        return Section("transfers", question, "No child reaches a phase transfer.")
    table = table.assign(came=table["from_kind"].map(group_of), goes=table["to_kind"].map(group_of))
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
        f"{fmt.whole(total)} transfers take place over {run.period}; in {fmt.whole(change)} of "
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
        blocks.append(_flow_chart(run, part, as_int(point), phase))
        blocks.append(_transfer_table(part, order, as_int(point), phase, run.period))
    blocks.append(
        Text(
            "Rows: where children were the year before. Columns: where they go. All ten kinds, by "
            "need and year, are in tables/transfers.csv.",
            "note",
        )
    )
    return Section("transfers", question, answer, number, sure, blocks)


def _flow_chart(run: Run, part: pd.DataFrame, point: int, phase: str) -> Figure:
    """Who goes from kind to kind at one transition point, over all planned years."""
    flows = part.groupby(["came", "goes"], as_index=False)["children"].sum()
    drawn = flows[flows["children"] >= TOLERANCE]
    known = drawn[drawn["came"] != "New plan"]
    moved = known[known["came"] != known["goes"]]
    at = year_group_name(point)
    among = as_float(known["children"].sum())
    share = fmt.share_of(as_float(moved["children"].sum()), among)
    title = (
        f"At {at}, {share} change their kind of placement"
        if among > TOLERANCE
        else f"At {at}, all placements are new"
    )
    biggest = moved.sort_values("children", ascending=False).head(4)
    spoken = "; ".join(
        f"{r.came} to {r.goes} {fmt.count(as_float(r.children))}" for r in records(biggest)
    )
    key = [(place_map.swatch(charts.STAYS), "stays in the same kind")]
    if (drawn["came"] == "New plan").any():
        key.append((place_map.swatch(charts.JOINS), "new plan"))
    key += [
        (place_map.swatch(charts.COLOURS[g]), f"from {g}")
        for g in charts.COLOURS
        if g in set(moved["came"])
    ]
    return Figure(
        title=title,
        caption=(
            f"Children who enter {at}{f' ({phase})' if phase else ''}, {run.authority}, over "
            f"{run.period}, projected, with the plan's schemes. Left: where they were the year "
            "before; right: where they go; the thicker, the more children. "
            "Source: tables/transfers.csv."
        ),
        alt=f"{title}. " + (f"Largest changes: {spoken}." if spoken else "Nobody changes."),
        draw=lambda width: charts.render(charts.flows(drawn, width)),
        key=Legend(key),
    )


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
        caption=(f"Transfers into {at}{f' ({phase})' if phase else ''}: children over {period}"),
        headers=["From \\ to", *targets, "All"],
        rows=rows,
        source="tables/transfers.csv",
        dense=True,
    )


# ------------------------------------------------------------------ marginal values


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
    groups = [group_of(str(kinds.get(p, "mainstream"))) for p in rows["provision"]]
    values = [as_float(v) for v in rows["sum"]]
    title = f"{top_name}: one more place is worth {fmt.pounds(values[0])}"
    if len(title.split()) > 10:
        title = f"One more place is worth up to {fmt.pounds(values[0])}"
    figure = Figure(
        title=title,
        caption=(
            "Present value of one more place in every planned year, the ten highest, "
            f"{run.authority}, {run.period}; colour by kind of provision. "
            "Source: tables/marginal_values.csv."
        ),
        alt=f"{title}. " + "; ".join(
            f"{n} {fmt.pounds(v)}" for n, v in zip(listed, values, strict=True)
        ),
        draw=lambda width: charts.render(
            charts.ranked_bars(
                listed, values, [fmt.pounds(v) for v in values],
                [charts.COLOURS[g] for g in groups],
                min(width, 700),
            )),
        key=Legend(
            [(place_map.swatch(charts.COLOURS[g]), g) for g in charts.COLOURS if g in groups]
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
