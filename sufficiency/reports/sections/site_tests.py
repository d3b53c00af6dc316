"""A school on a site that nobody has listed: what it is worth, whom it serves, what it changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from sufficiency.plan.finding import TABLES, Finding
from sufficiency.reports import charts, place_map
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import (
    Block,
    Figure,
    Heading,
    Items,
    Legend,
    Look,
    Row,
    Section,
    Table,
    Text,
)
from sufficiency.reports.charts import SHADES
from sufficiency.reports.facts import GROUPS, LINES, as_float, as_int, group_of, records
from sufficiency.reports.geopackage import categories, plain, steps
from sufficiency.vocabulary import KINDS, LEDGERS, academic_year_label, financial_year_label

WITHOUT: Final = "without"
GRANT_ELSEWHERE: Final = "grant elsewhere"
NO_PLAN: Final = "cannot be afforded"
VERDICTS: Final = {
    "pays": "yes, proven",
    "does not pay": "no, proven",
    "not proven": "not proven",
    NO_PLAN: "no plan can open it",
}
BREAKS: Final = (0.05, 1.0, 3.0)
"""Children of an area at the site at which the shade of the area changes."""
ROLLS: Final = 0.5
"""Children by which a roll must change to be listed."""
LISTED: Final = 12
COUNTS: Final = {
    "unmet": "without a suitable place",
    "over_capacity": "above commissioned places",
    "beyond_limit": "beyond what schools can hold",
    "over_guide": "with a journey over the guide",
}


def sections(finding: Finding) -> list[Section]:
    """The answer, then each site, then what else the money could do."""
    labels = [str(s) for s in finding.tables["sites"]["site"]]
    shown = [label for label in labels if _row(finding, label)["verdict"] != NO_PLAN]
    return [
        _answer(finding),
        *(_site(finding, label, alone=len(labels) == 1) for label in shown),
        _instead(finding),
        _how(finding),
    ]


def tiles(finding: Finding) -> list[tuple[str, str]]:
    """Numbers of the best site."""
    table = finding.tables["sites"]
    can = table[table["verdict"] != NO_PLAN]
    if can.empty:
        return []
    best = can.sort_values("worth_pounds", ascending=False).iloc[0]
    of = "" if len(table) == 1 else f" at {best['name']}"
    return [
        (fmt.pounds(as_float(best["net_present_value_pounds"])),
         f"net present value in money alone{of}"),
        (fmt.count(as_float(best["children"])),
         f"children in its places in {academic_year_label(_last(finding))}"),
        (fmt.minutes(as_float(best["median_minutes"])),
         f"median journey there; the same children without it: "
         f"{fmt.minutes(as_float(best['median_minutes_without']))}"),
        (fmt.pounds(abs(as_float(best["fees_avoided_pounds"]))),
         ("independent fees avoided" if as_float(best["fees_avoided_pounds"]) >= 0
          else "more in independent fees") + ", in today's value"),
    ]  # fmt: skip


def facts(finding: Finding) -> list[tuple[str, str]]:
    """What is tried."""
    school = dict(finding.stamp["school"])
    given = "as given" if school["capital_given"] else "at the planning model's cost per place"
    capital = as_float(school["capital_pounds"])
    return [
        ("School", f"{KINDS[str(school['kind'])]}: {school['words']}"),
        ("Opens", str(school["opens"] or f"when the search finds best, from {school['earliest']}")),
        ("Capital", f"{fmt.pounds(capital)}, {given}"),
        *(
            [("Grant", f"{fmt.pounds(as_float(finding.stamp['grant_pounds']))}, with it alone")]
            if as_float(finding.stamp["grant_pounds"]) > 0
            else []
        ),
    ]


def style(name: str) -> str:
    """How QGIS draws a layer."""
    if name == "areas":
        return steps(
            "children_A",
            [(low, high, words, fill) for (low, high), words, fill in zip(
                ((0.05, 1.0), (1.0, 3.0), (3.0, 9999.0)), _shade_words()[1:], SHADES,
                strict=True)],
            "fill",
        )  # fmt: skip
    if name == "provisions":
        found = [
            (kind, KINDS[kind], charts.COLOURS[group], place_map.SHAPES[group])
            for group, kinds in GROUPS.items()
            for kind in kinds
        ]
        return categories("kind", found, 2.6)
    if name == "sites":
        colours = {"pays": charts.NAVY, "does not pay": charts.ORANGE}
        found = [(v, words, colours.get(v, charts.CHARCOAL), "star")
                 for v, words in VERDICTS.items()]  # fmt: skip
        return categories("verdict", found, 5.0)
    return plain()


LOOK: Final = Look("a school on a new site", sections, tiles, facts, style)


# ------------------------------------------------------------------ the answer


def _last(finding: Finding) -> int:
    return int(finding.stamp["last_year"])


def _row(finding: Finding, label: str) -> Any:
    table = finding.tables["sites"]
    return table[table["site"] == label].iloc[0]


def _of(finding: Finding, table: str, label: str) -> pd.DataFrame:
    frame = finding.tables[table]
    return frame[frame["site"] == label].drop(columns="site").reset_index(drop=True)


def _between(row: Any) -> str:
    return fmt.pounds_from_to(
        as_float(row["worth_least_pounds"]), as_float(row["worth_most_pounds"])
    )


def _answer(finding: Finding) -> Section:
    first, *others = finding.sentences
    search = dict(finding.stamp["search"])
    widest = max(as_float(dict(s)["gap"]) for s in search.values())
    known = (
        f"both are proven to within {fmt.percent(widest, 2)}, so it is given"
        if math.isfinite(widest)
        else "how near one of them is to the best possible is not known. It is given"
    )
    sure = (
        "Worth is the cost of the best plan without the site less that of the best plan with it; "
        f"{known} as an interval, and a site whose interval holds nought is neither better nor "
        "worse as far as is proven. "
    )
    if len(search) == 1:
        sure = (
            "That no plan opens it is proven from the rules about schemes and budgets alone; the "
            f"best plan without it is proven to within {fmt.percent(widest, 2)}."
        )
    notes = [str(n) for n in finding.stamp.get("notes", [])]
    many = len(finding.tables["sites"]) > 1
    blocks: list[Block] = [*([Items(others)] if many else []), _compared(finding)]
    if notes:
        blocks.append(Items(notes))
    return Section(
        "answer",
        "Is this a good place for such a school?"
        if len(finding.tables["sites"]) == 1
        else "Which of these places is best for such a school?",
        first, "" if many else " ".join(others), sure, blocks,
    )  # fmt: skip


def _compared(finding: Finding) -> Table:
    """The sites side by side: measures in rows, so that it fits a telephone."""
    table = finding.tables["sites"]
    rows_of = list(records(table))

    def each(words: str, of: Any, total: bool = False) -> Row:
        values = [
            fmt.NONE if row.verdict == NO_PLAN else of(row) for row in rows_of
        ]  # fmt: skip
        return Row(words, values, total=total)

    last = academic_year_label(_last(finding))
    given = as_float(finding.stamp["grant_pounds"]) > 0
    rows = [
        Row("Is it worth its price?", [VERDICTS[str(r.verdict)] for r in rows_of]),
        each("Opens in September", lambda r: str(as_int(r.opens))),
        Row("Money, in today's value"),
        each("Net present value", lambda r: fmt.pounds(as_float(r.net_present_value_pounds)), True),
        *(
            [each("… once the grant pays", lambda r: fmt.pounds(as_float(r.after_grant_pounds)))]
            if given
            else []
        ),
        each("… nothing counted for unmet need",
             lambda r: fmt.pounds(as_float(r.money_alone_pounds))),
        each("Fees avoided (below nought: more is paid)",
             lambda r: fmt.pounds(as_float(r.fees_avoided_pounds))),
        each("Transport avoided", lambda r: fmt.pounds(as_float(r.transport_avoided_pounds))),
        each("Money is back after", lambda r: _payback(as_float(r.payback_years))),
        Row("Failures spared, in child-years over all years"),
        *(
            each(f"Children {words}", lambda r, c=column: fmt.count(as_float(getattr(r, c))))
            for column, words in ((f"{c}_spared", w) for c, w in COUNTS.items())
        ),
        Row("Money and priced failures together"),
        each("Worth lies between (proven)", _worth_cell),
        *(
            [each("… against the grant spent otherwise (proven)", lambda r: (
                fmt.pounds_from_to(
                    as_float(r.over_grant_least_pounds), as_float(r.over_grant_most_pounds))))]
            if "over_grant_least_pounds" in table
            else []
        ),
        Row(f"Children at the school in {last}"),
        each("Children", lambda r: fmt.count(as_float(r.children))),
        each("Share of its places filled", lambda r: fmt.percent(as_float(r.share_filled))),
        each("Median minutes there", lambda r: fmt.count(as_float(r.median_minutes))),
        each("… without it", lambda r: fmt.count(as_float(r.median_minutes_without))),
        each("Minutes saved a child, one way", lambda r: fmt.count(as_float(r.minutes_saved))),
        each("Km saved a child, one way", lambda r: fmt.count(as_float(r.km_saved))),
    ]  # fmt: skip
    if all(row.verdict == NO_PLAN for row in rows_of):
        rows = rows[:1]
    return Table(
        caption="What each site is worth against the best plan without it"
        if len(rows_of) > 1
        else "What it is worth against the best plan without it",
        headers=["Measure", *(_label(finding, r) for r in rows_of)],
        rows=rows,
        source=f"{TABLES}/sites.csv",
    )


def _label(finding: Finding, row: Any) -> str:
    return str(row.name) if len(finding.tables["sites"]) == 1 else f"{row.site}: {row.name}"


def _worth_cell(row: Any) -> str:
    return fmt.pounds_from_to(as_float(row.worth_least_pounds), as_float(row.worth_most_pounds))


def _payback(years: float) -> str:
    if not math.isfinite(years):
        return "not in these years"
    return f"{years:g} {'year' if years == 1 else 'years'}" if years >= 1 else "at once"


# ------------------------------------------------------------------ one site


def _site(finding: Finding, label: str, alone: bool) -> Section:
    row = _row(finding, label)
    name, last = str(row["name"]), _last(finding)
    year = academic_year_label(last)
    fill = _of(finding, "fill", label)
    far = _of(finding, "journeys", label)
    at_end = far[far["academic_year"] == last].iloc[0]
    if fill.empty or as_float(fill["children"].iloc[-1]) < ROLLS:
        answer = f"By {year} hardly anybody would be there."
    else:
        came = _of(finding, "origins", label)
        came = came[came["academic_year"] == last].sort_values("children", ascending=False)
        most = came.iloc[0]
        share = as_float(most["children"]) / as_float(came["children"].sum())
        answer = (
            f"In {year} it would have {fmt.children(as_float(fill['children'].iloc[-1]))} in "
            f"{fmt.places(as_float(fill['places_offered'].iloc[-1]))}; {fmt.percent(share)} of "
            f"them would otherwise be {OTHERWISE[str(most['kind'])]}."
        )
    number = _journey_words(at_end, year)
    blocks: list[Block] = [
        _map(finding, label),
        _fill_chart(finding, label),
        Heading("Where would these children otherwise be?"),
        *_origin_blocks(finding, label),
        Heading("How far do they travel?"),
        _journey_table(finding, label),
        Heading("Which schools lose or gain children?"),
        _rolls_table(finding, label),
        Heading("Which other schemes become unnecessary, or must wait?"),
        *_scheme_blocks(finding, label),
        Heading("Who pays, and who gains?"),
        _lines_table(finding, label),
        _years_table(finding, label),
    ]
    return Section(
        f"site-{label}",
        "Whom does it serve, and what does it change?"
        if alone
        else f"{label}: whom does {name} serve, and what does it change?",
        answer, number,
        "Children of the same area, need, tier and year group are not told apart: who would "
        "otherwise be where is told of such groups, and it is no statement about a child.",
        blocks,
    )  # fmt: skip


def _journey_words(at_end: Any, year: str) -> str:
    compared = as_float(at_end["compared"])
    if compared < ROLLS:
        return "None of its children has a journey without it to compare with."
    saved = as_float(at_end["minutes_saved"])
    more = "less" if saved >= 0 else "more"
    words = (
        f"Its children would travel {abs(saved):.0f} minutes and "
        f"{abs(as_float(at_end['km_saved'])):.0f} km {more} each way than without it, on average, "
        f"in {year}"
    )
    if (as_float(at_end["km_saved"]) >= 0) != (saved >= 0):
        words = (
            f"Its children would travel {abs(saved):.0f} minutes {more} each way than without it, "
            f"on average, in {year}"
        )
    left = as_float(at_end["children"]) - compared
    return words + (
        f"; {fmt.children(left)} more have no journey without it to compare with."
        if left >= ROLLS
        else "."
    )


OTHERWISE: Final = {
    "mainstream": "in mainstream schools",
    "specialist_base": "in specialist bases",
    "state_special": "in state special schools",
    "non_maintained_special": "in non-maintained special schools",
    "independent_special": "in independent special schools",
    "out_of_area_state_special": "in state special schools of other authorities",
    "alternative_provision": "in alternative provision",
    "specialist_post_16": "in specialist post-16 institutions",
    "further_education": "in further education",
    "educated_elsewhere": "educated elsewhere",
    "unmet": "without a suitable place",
}
"""Where children would be without the site, in words that follow "would be"."""


def _kind(kind: str) -> str:
    return "Without a suitable place" if kind == "unmet" else KINDS.get(kind, kind)


def _shade_words() -> list[str]:
    return ["nobody", "fewer than 1 child", "1 to 3 children", "3 or more"]


def _map(finding: Finding, label: str) -> Figure:
    row, year = _row(finding, label), academic_year_label(_last(finding))
    areas, provisions = finding.layers["areas"], finding.layers["provisions"]
    children, minutes = f"children_{label}", f"minutes_{label}"
    land = finding.layers["authority"].geometry.iloc[0]
    point = finding.layers["sites"].set_index("site").geometry[label]
    school = dict(finding.stamp["school"])
    schools = provisions.assign(
        words=[
            f"{KINDS.get(str(kind), str(kind))}: {fmt.count(before)} children without it, "
            f"{fmt.count(after)} with it"
            for kind, before, after in zip(
                provisions["kind"], provisions["children_without"].fillna(0.0),
                provisions[children].fillna(0.0), strict=True,
            )
        ]
    )  # fmt: skip
    scheme = pd.DataFrame(
        {
            "number": [label],
            "scheme": [label],
            "name": [str(row["name"])],
            "kind": [str(school["kind"])],
            "opens": [as_int(row["opens"])],
            "places": [as_float(school["places"])],
            "easting": [point.x],
            "northing": [point.y],
        }
    )
    data = place_map.of_layers(land, areas, schools, scheme)

    def fill(cell: Any) -> str:
        number = getattr(cell, children)
        if not number >= BREAKS[0]:
            return place_map.FILLS[0]
        return SHADES[sum(number >= b for b in BREAKS[1:])]

    def words(cell: Any) -> str:
        number = getattr(cell, children)
        if not number >= BREAKS[0]:
            return f"{cell.name}, {cell.locality}: nobody at the site"
        return (
            f"{cell.name}, {cell.locality}: {fmt.count(number)} children at the site, "
            f"{getattr(cell, minutes):.0f} minutes one way"
        )

    served = int((areas[children].fillna(0.0) >= BREAKS[0]).sum())
    longest = as_float(areas.loc[areas[children].fillna(0.0) >= BREAKS[0], minutes].max())
    title = (
        f"It serves {fmt.number_of(served, 'area', 'areas')}, up to {fmt.minutes(longest)} away"
        if served
        else "Nobody would be at the site"
    )
    fills = [place_map.FILLS[0], *SHADES]
    entries = [(place_map.swatch(f), w) for f, w in zip(fills, _shade_words(), strict=True)]
    present = set(data.provisions["group"]) | {group_of(str(school["kind"]))}
    for group in GROUPS:
        if group in present:
            size = 4.0 if group == "Mainstream class" else 6.5
            entries.append((place_map.mark_swatch(place_map.symbol(group, 11, 11, size)), group))
    badge = place_map.badge_swatch().replace(">1<", f">{label}<")
    entries.append((place_map.mark_swatch(badge), "the tested site"))
    return Figure(
        title=title,
        caption=(
            f"Expected children at the site by home area, {year}, projected; provision by kind and "
            f"places. Source: {TABLES}/catchment.csv."
        ),
        alt=f"{title}. Map of the authority; the table below lists the areas.",
        draw=lambda width: place_map.draw_cells(data, width, fill, words),
        key=Legend(entries),
        table=_catchment_table(finding, label),
        parts=True,
    )


def _catchment_table(finding: Finding, label: str) -> Table:
    caught = _of(finding, "catchment", label)
    caught = caught[caught["academic_year"] == _last(finding)]
    caught = caught[caught["children"] >= BREAKS[0]].sort_values(
        ["children", "area"], ascending=[False, True]
    )
    rows = [
        Row(
            str(r.name),
            [str(r.locality), fmt.count(as_float(r.children)), fmt.count(as_float(r.minutes)),
             fmt.count(as_float(r.km))],
        )
        for r in records(caught)
    ]  # fmt: skip
    return Table(
        f"Areas that the site serves in {academic_year_label(_last(finding))}",
        ["Area", "Locality", "Children", "Minutes one way", "Km"],
        rows, f"{TABLES}/catchment.csv", folded=f"All {len(rows)} areas",
        text_columns=frozenset({1}), dense=True,
    )  # fmt: skip


def _fill_chart(finding: Finding, label: str) -> Figure:
    fill = _of(finding, "fill", label)
    first, last = int(finding.stamp["first_year"]), _last(finding)
    years = list(range(first, last + 1))
    by_year = fill.set_index("academic_year").reindex(years)
    offered = by_year["places_offered"].fillna(0.0).tolist()
    children = by_year["children"].fillna(0.0).tolist()
    full = as_float(by_year["share_filled"].iloc[-1])
    title = (
        f"By {academic_year_label(last)} {fmt.percent(full)} of its places are filled"
        if math.isfinite(full)
        else "It is not open in the planned years"
    )
    labels = [academic_year_label(y) for y in years]
    panel = charts.Panel(
        "Places on offer and children in them",
        [
            charts.Line("Places", offered, charts.CHARCOAL, charts.DASHED),
            charts.Line("Children", children, charts.NAVY),
        ],
    )
    rows = [
        Row(academic_year_label(as_int(r.academic_year)),
            [fmt.count(as_float(r.places_offered)), fmt.count(as_float(r.children)),
             fmt.percent(as_float(r.share_filled))])
        for r in records(fill)
    ]  # fmt: skip
    return Figure(
        title=title,
        caption=(
            "Expected children and places on offer at the site by academic year, projected. A new "
            f"school opens with some year groups. Source: {TABLES}/fill.csv."
        ),
        alt=f"{title}. The table below has each year.",
        draw=lambda width: charts.render(
            charts.panels([panel], labels, width, "Children and places", columns=1)
        ),
        table=Table(
            "How it fills", ["Academic year", "Places on offer", "Children", "Share filled"],
            rows, f"{TABLES}/fill.csv", folded="Every year",
        ),
    )  # fmt: skip


def _origin_blocks(finding: Finding, label: str) -> list[Block]:
    came = _of(finding, "origins", label)
    last = _last(finding)
    now = came[came["academic_year"] == last]
    order = ["unmet", *KINDS]
    now = now.sort_values("kind", key=lambda k: k.map(order.index))
    rows = [
        Row(_kind(str(r.kind)),
            [fmt.count(as_float(r.children)),
             fmt.signed(round(as_float(r.change_of_all), 1), (1.0, "", 1))])
        for r in records(now)
    ]  # fmt: skip
    whole = as_float(now["children"].sum())
    rows.append(Row("All", [fmt.count(whole), ""], total=True))
    table = Table(
        f"Where the children of the site would be without it, {academic_year_label(last)}",
        ["Kind", "Of its children", "Change among all children"],
        rows, f"{TABLES}/origins.csv",
    )  # fmt: skip
    said = (
        "The first column follows the children of the site alone; the second counts everybody, "
        "for places that fall free are taken by others."
    )
    return [table, Text(said, "note")]


def _journey_table(finding: Finding, label: str) -> Table:
    last = _last(finding)
    far = _of(finding, "journeys", label)
    mine = far[far["academic_year"] == last].iloc[0]
    everyone = _of(finding, "all_journeys", label)
    found = everyone[everyone["academic_year"] == last].iloc[0]

    def two(with_it: float, without: float) -> list[str]:
        return [fmt.count(without), fmt.count(with_it)]

    rows = [
        Row("Children at the site"),
        Row("Median minutes one way", two(mine["median_minutes"], mine["median_minutes_without"])),
        Row("Nine in ten within (minutes)", two(mine["p90_minutes"], mine["p90_minutes_without"])),
        Row("Children over 45 minutes", two(mine["over_45"], mine["over_45_without"])),
        Row("Children over 75 minutes", two(mine["over_75"], mine["over_75_without"])),
        Row("Minutes saved, median", ["", fmt.count(as_float(mine["median_minutes_saved"]))]),
        Row("Minutes saved, nine in ten up to",
            ["", fmt.count(as_float(mine["p90_minutes_saved"]))]),
        Row("Km saved, mean", ["", fmt.count(as_float(mine["km_saved"]))]),
        Row("All children"),
        Row("Median minutes one way",
            two(found["median_minutes"], found["median_minutes_without"])),
        Row("Nine in ten within (minutes)",
            two(found["p90_minutes"], found["p90_minutes_without"])),
        Row("Children over 45 minutes", two(found["over_45"], found["over_45_without"])),
        Row("Children over 75 minutes", two(found["over_75"], found["over_75_without"])),
    ]  # fmt: skip
    return Table(
        f"Journeys in {academic_year_label(last)}, one way",
        ["Journeys", "Without it", "With it"], rows,
        f"{TABLES}/journeys.csv, {TABLES}/all_journeys.csv",
    )  # fmt: skip


def _rolls_table(finding: Finding, label: str) -> Block:
    rolls = _of(finding, "rolls", label)
    scheme = dict(finding.stamp["schemes"])[label]
    now = rolls[(rolls["academic_year"] == _last(finding)) & (rolls["provision"] != scheme)]
    changed = now[now["change"].abs() >= ROLLS]
    if changed.empty:
        return Text("No school's roll changes by half a child or more.")
    changed = changed.assign(size=changed["change"].abs())
    changed = changed.sort_values(["size", "name"], ascending=[False, True])
    listed = changed.head(LISTED)
    rows = [
        Row(
            str(r.name),
            [_kind(str(r.kind)),
             fmt.NONE if math.isnan(r.km_from_site) else fmt.count(as_float(r.km_from_site)),
             fmt.NONE if math.isnan(r.places) else fmt.count(as_float(r.places)),
             fmt.count(as_float(r.children_without)), fmt.count(as_float(r.children)),
             fmt.signed(round(as_float(r.change), 1), (1.0, "", 1))],
        )
        for r in records(listed)
    ]  # fmt: skip
    said = f"Rolls that change most in {academic_year_label(_last(finding))}"
    if len(changed) > len(listed):
        said += f": {LISTED} of {len(changed)}"
    return Table(
        said,
        ["School", "Kind", "Km from the site", "Places", "Without it", "With it", "Change"],
        rows, f"{TABLES}/rolls.csv", text_columns=frozenset({1}), dense=True,
    )  # fmt: skip


def _openings(finding: Finding, plan: str) -> dict[str, tuple[str, int, float, float]]:
    """Name, September, places and pounds of what a plan opens beyond what is committed."""
    table = finding.tables["schemes"]
    mine = table[(table["plan"] == plan) & (table["opens"] >= 0)]
    tested = set(dict(finding.stamp["schemes"]).values())
    return {
        str(r.scheme): (str(r.name), as_int(r.opens), as_float(r.places),
                        as_float(r.capital_pounds))
        for r in records(mine)
        if r.status != "committed" and r.scheme not in tested
    }  # fmt: skip


def _scheme_blocks(finding: Finding, label: str) -> list[Block]:
    ours, theirs = _openings(finding, label), _openings(finding, WITHOUT)
    said = []
    for scheme, (name, opens, places, pounds) in sorted(theirs.items(), key=lambda i: i[1][1]):
        if scheme not in ours:
            said.append(
                f"No longer opened: {name} ({fmt.places(places)}, {fmt.pounds(pounds)}, "
                f"September {opens})."
            )
        elif ours[scheme][1] != opens:
            later = "later" if ours[scheme][1] > opens else "earlier"
            said.append(f"Opened {later}: {name}, September {ours[scheme][1]} instead of {opens}.")
    said += [
        f"Opened as well: {name} ({fmt.places(places)}, {fmt.pounds(pounds)}, September {opens})."
        for scheme, (name, opens, places, pounds) in ours.items()
        if scheme not in theirs
    ]
    if not said:
        return [Text("Nothing: the same other schemes open, in the same Septembers.")]
    note = (
        "Which other schemes go with a site is a choice among plans of nearly the same cost; it is "
        "as sure as the interval of its worth is narrow."
    )
    capital = as_float(dict(finding.stamp["school"])["capital_pounds"])
    if finding.stamp["budgets"] and as_float(finding.stamp["grant_pounds"]) < capital:
        note = (
            "The site is paid from the same budgets, so a scheme that waits or is given up may be "
            "unnecessary or no longer affordable; a grant of the whole capital (--grant) tells "
            "them apart. "
        ) + note
    return [Items(said), Text(note, "note")]


def _lines_table(finding: Finding, label: str) -> Table:
    lines = _of(finding, "lines", label).set_index("line")
    scale = fmt.money_scale([as_float(v) for v in lines["change_pounds"]])
    rows: list[Row] = []
    whole = 0.0
    for ledger, name in LEDGERS.items():
        mine = lines[lines["ledger"] == ledger]["change_pounds"]
        shown = [line for line in LINES if abs(as_float(mine.get(line, 0.0))) >= 0.5]
        if not shown:
            continue
        rows.append(Row(name))
        rows += [Row(LINES[line], [fmt.signed(as_float(mine[line]), scale)]) for line in shown]
        total = as_float(mine.sum())
        whole += total
        rows.append(Row(f"All of {name}", [fmt.signed(total, scale)], total=True))
    rows.append(Row("All ledgers", [fmt.signed(whole, scale)], total=True))
    return Table(
        f"What changes with the site, present value, {scale[1]}; below nought is a saving",
        ["Line", "Change"], rows, f"{TABLES}/lines.csv",
    )  # fmt: skip


def _years_table(finding: Finding, label: str) -> Table:
    table = _of(finding, "years", label)
    changes = table.pivot_table(
        index=["ledger", "line"], columns="financial_year", values="change_pounds", aggfunc="sum"
    ).fillna(0.0)
    years = sorted(int(str(y)) for y in changes.columns)
    scale = fmt.money_scale([as_float(v) for v in changes.to_numpy().ravel()])
    by_line = dict(zip(changes.index, changes[years].to_numpy(float).tolist(), strict=True))
    rows = []
    for ledger, name in LEDGERS.items():
        mine = [line for line in LINES if (ledger, line) in by_line]
        mine = [line for line in mine if max(abs(v) for v in by_line[ledger, line]) >= 0.5]
        if mine:
            rows.append(Row(name))
            rows += [
                Row(LINES[line], [fmt.signed(v, scale) for v in by_line[ledger, line]])
                for line in mine
            ]  # fmt: skip
    return Table(
        f"What changes by financial year, not discounted, {scale[1]}; the last year holds five "
        "twelfths of an academic year",
        ["Line", *(financial_year_label(y) for y in years)],
        rows, f"{TABLES}/years.csv", folded="By financial year", dense=True,
    )  # fmt: skip


# ------------------------------------------------------------------ what else


def _instead(finding: Finding) -> Section:
    plans = finding.tables["plans"].set_index("plan")
    names = {WITHOUT: "Without it", GRANT_ELSEWHERE: "Without it, the grant spent otherwise"}
    labels = dict(finding.stamp["labels"])
    many = len(labels) > 1
    if many:
        names[WITHOUT] = "Without any"
    names |= {
        label: f"With {label}: {name}" if many else "With it" for label, name in labels.items()
    }
    base = plans.loc[WITHOUT]
    opens = _openings(finding, WITHOUT)
    money = bool(finding.stamp["budgets"])
    answer = (
        "The best plan without it has the same budgets"
        if money
        else "The best plan without it may spend what it likes, for no budgets are given"
    )
    answer += (
        f": it opens {fmt.number_of(len(opens), 'scheme', 'schemes')} with "
        f"{fmt.places(as_float(base['places']))} for "
        f"{fmt.pounds(as_float(base['capital_pounds']))}."
        if opens
        else ", and opens nothing beyond what is committed."
    )
    number = ""
    if GRANT_ELSEWHERE in plans.index:
        other = plans.loc[GRANT_ELSEWHERE]
        number = (
            "With the grant but not the site, the best plan is worth "
            f"{fmt.pounds(as_float(other['net_present_value_pounds']))} in money against the plan "
            "with neither: that is what the same new money does elsewhere."
        )
    rows = [
        Row("Schemes beyond committed ones", [str(as_int(v)) for v in plans["schemes"]]),
        Row("Places of them", [fmt.count(as_float(v)) for v in plans["places"]]),
        Row("Capital of them", [fmt.pounds(as_float(v)) for v in plans["capital_pounds"]]),
        Row("Net present value", [fmt.pounds(as_float(v)) for v in
                                  plans["net_present_value_pounds"]], total=True),
        *(
            Row(f"Child-years {words}", [fmt.count(as_float(v)) for v in plans[column]])
            for column, words in COUNTS.items()
        ),
        Row("Proven to within", [fmt.percent(as_float(v), 2) for v in plans["gap"]]),
    ]  # fmt: skip
    table = Table(
        "The plans that were compared",
        ["Measure", *(names[str(label)] for label in plans.index)],
        rows, f"{TABLES}/plans.csv",
    )  # fmt: skip
    listed = [
        f"{name}: {fmt.places(places)}, {fmt.pounds(pounds)}, September {september}."
        for name, september, places, pounds in sorted(opens.values(), key=lambda o: (o[1], o[0]))
    ]
    blocks: list[Block] = [table]
    if listed:
        blocks += [Heading("What the plan without it opens"), Items(listed)]
    return Section("instead", "Is there a better use of the money?", answer, number, "", blocks)


def _how(finding: Finding) -> Section:
    school = dict(finding.stamp["school"])
    source = "" if school["capital_given"] else f" Source: {school['capital_source']}."
    fill = ", ".join(fmt.percent(as_float(v)) for v in school["fill"])
    said: Sequence[str] = [
        "The site is one more scheme in the scenario's tables. Every site is tried alone: the "
        "others do not open in its plan, and none of them in the plan without it.",
        "Both plans are the best that the search can find and prove under the same rules and the "
        "same budgets; so the plan without it is what the same money would do otherwise.",
        f"Capital: {fmt.pounds(as_float(school['capital_pounds']))}.{source} Fixed running cost: "
        f"{fmt.pounds(as_float(school['running_pounds']))} a year beyond place funding and "
        "top-ups.",
        f"Places on offer from year to year after opening: {fill}.",
        "Net present value is worked out as in a business case: optimism bias, lifecycle and what "
        "is left of the building are counted, all ledgers pound for pound. Children without a "
        "suitable place are charged the highest fee, for unmet need is a failure and never a "
        "saving; the line below leaves that charge out.",
        "Priced failures (unmet need, crowding, minutes over the guide and the other prices of the "
        "planning model) are part of the worth that the search proves, not of the net present "
        "value.",
    ]
    return Section(
        "method", "How was it worked out?",
        "By asking one model twice for every site: with it and without it.", "", "", [Items(said)],
    )  # fmt: skip
