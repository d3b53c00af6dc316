"""What a school would be worth at every point of an authority: the map and the ranked table."""

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
    Items,
    Legend,
    Look,
    Row,
    Section,
    Table,
    Text,
)
from sufficiency.reports.charts import SHADES
from sufficiency.reports.facts import GROUPS, as_float, as_int, records
from sufficiency.reports.geopackage import categories, plain, steps
from sufficiency.vocabulary import KINDS, academic_year_label

EXCLUDED: Final = "#d9d9d9"
LOWEST: Final = "#ffffff"
LISTED: Final = 40
"""Points that are listed beside those valued exactly; the CSV file has all."""


def sections(finding: Finding) -> list[Section]:
    """The map and the table, then how it was worked out."""
    first, *others = finding.sentences
    points = finding.tables["points"]
    exact = points[points["exact_pounds"].notna()]
    blocks: list[Block] = [_map(finding)]
    if len(exact):
        blocks += [_ranked(finding, exact), Text(_further(finding, exact), "note")]
    blocks.append(_others(finding))
    return [
        Section(
            "map", "Where would such a school be worth most?", first, " ".join(others),
            "Worth is what the plan costs less with the school, the other schemes as they are and "
            "failures at the prices of the plan; were other schemes to change as well, it could "
            "only be more. Journeys to points of a grid are estimated, so differences between "
            "neighbours are small beside their errors.", blocks,
        ),
        _how(finding),
    ]  # fmt: skip


def tiles(finding: Finding) -> list[tuple[str, str]]:
    """Numbers of the best point."""
    points = finding.tables["points"]
    exact = points[points["exact_pounds"].notna()]
    if exact.empty:
        return []
    best = exact.iloc[0]
    return [
        (fmt.pounds(as_float(best["exact_pounds"])), "worth at the best point, failures included"),
        (fmt.pounds(as_float(best["money_pounds"])), "net present value there, in money alone"),
        (fmt.count(as_float(best["children"])),
         f"children there in {academic_year_label(int(finding.stamp['last_year']))}"),
        (fmt.minutes(as_float(best["median_minutes"])), "median journey there"),
    ]  # fmt: skip


def facts(finding: Finding) -> list[tuple[str, str]]:
    """What is tried, and on which grid."""
    school, grid = dict(finding.stamp["school"]), dict(finding.stamp["grid"])
    given = "as given" if school["capital_given"] else "at the planning model's cost per place"
    return [
        ("School", f"{KINDS[str(school['kind'])]}: {school['words']}"),
        ("Opens", str(school["opens"])),
        ("Capital", f"{fmt.pounds(as_float(school['capital_pounds']))}, {given}"),
        ("Grid", f"{as_int(grid['points']):,} points, "
                 f"{as_float(grid['step_metres']) / 1000:.1f} km apart"),
    ]  # fmt: skip


def style(name: str) -> str:
    """How QGIS draws a layer."""
    if name == "values":
        ends = (-1e12, -5e6, 0.0, 5e6, 1e12)
        found = [
            (low, high, f"{fmt.pounds(low)} to {fmt.pounds(high)}", fill)
            for low, high, fill in zip(ends, ends[1:], (LOWEST, *SHADES), strict=False)
        ]
        found[0] = (*found[0][:2], f"below {fmt.pounds(ends[1])}", LOWEST)
        found[-1] = (*found[-1][:2], f"above {fmt.pounds(ends[-2])}", SHADES[-1])
        return steps("quick_pounds", found, "fill")
    if name == "provisions":
        kinds_of = [
            (kind, KINDS[kind], charts.COLOURS[group], place_map.SHAPES[group])
            for group, kinds in GROUPS.items()
            for kind in kinds
        ]
        return categories("kind", kinds_of, 2.2)
    if name == "best":
        return categories("rank", [(str(i), str(i), charts.CHARCOAL, "star")
                                   for i in range(1, 31)], 4.5)  # fmt: skip
    return plain()


LOOK: Final = Look("map of the value of a new school", sections, tiles, facts, style)


# ------------------------------------------------------------------ the map


def _breaks(values: pd.Series) -> list[float]:
    """Three round amounts that part the values into four bands of about the same size."""
    found = sorted(as_float(v) for v in values.dropna())
    if not found:
        return [0.0, 0.0, 0.0]
    spread = max(found[-1] - found[0], 1.0)
    digit = 10.0 ** math.floor(math.log10(spread / 4))
    quarter = [found[min(len(found) - 1, len(found) * i // 4)] for i in (1, 2, 3)]
    return [round(q / digit) * digit for q in quarter]


def _map(finding: Finding) -> Figure:
    values = finding.layers["values"]
    provisions = finding.layers["provisions"]
    land = finding.layers["authority"].geometry.iloc[0]
    school = dict(finding.stamp["school"])
    breaks = _breaks(values["quick_pounds"])
    fills = (LOWEST, *SHADES)
    areas = values.assign(area=values["rank"].astype(str), name=values["near"], locality="")
    schools = provisions.assign(
        places=30.0, words=[KINDS.get(str(k), str(k)) for k in provisions["kind"]]
    )
    points = finding.tables["points"]
    exact = points[points["exact_pounds"].notna()]
    opens = int(str(school["opens"])[:4])
    schemes = pd.DataFrame(
        {
            "number": exact["rank"].to_list(),
            "scheme": exact["rank"].astype(str).to_list(),
            "name": [f"near {n}: {fmt.pounds(as_float(w))}"
                     for n, w in zip(exact["near"], exact["exact_pounds"], strict=True)],
            "kind": str(school["kind"]),
            "opens": opens,
            "places": as_float(school["places"]),
            "easting": exact["easting"].to_list(),
            "northing": exact["northing"].to_list(),
        }
    )  # fmt: skip
    data = place_map.of_layers(land, areas, schools, schemes)

    def fill(cell: Any) -> str:
        if not cell.usable:
            return EXCLUDED
        return fills[sum(cell.quick_pounds >= b for b in breaks)]

    def words(cell: Any) -> str:
        where = f"{cell.easting:.0f},{cell.northing:.0f}, near {cell.near}"
        if not cell.usable:
            return f"{where}: excluded"
        found = f"{where}: quick value {fmt.pounds(cell.quick_pounds)}"
        if cell.exact_pounds == cell.exact_pounds:
            return f"{found}, exactly {fmt.pounds(cell.exact_pounds)}"
        return f"{found}, at most {fmt.pounds(cell.at_most_pounds)}"

    low, middle, high = (fmt.pounds(b) for b in breaks)
    labels = (f"below {low}", f"{low} to {middle}", f"{middle} to {high}", f"{high} and more")
    entries = [(place_map.swatch(f), w) for f, w in zip(fills, labels, strict=True)]
    if not bool(values["usable"].all()):
        entries.append((place_map.swatch(EXCLUDED), "excluded land"))
    present = set(data.provisions["group"])
    for group in GROUPS:
        if group in present:
            size = 4.0 if group == "Mainstream class" else 6.5
            entries.append((place_map.mark_swatch(place_map.symbol(group, 11, 11, size)), group))
    if len(exact):
        badge = place_map.mark_swatch(place_map.badge_swatch())
        entries.append((badge, "valued exactly, by rank"))
    title = (
        f"It is worth most near {exact.iloc[0]['near']}"
        if len(exact)
        else "What such a school may be worth"
    )
    return Figure(
        title=title,
        caption=(
            "Quick value of the school at the middle of each square, present value in prices of "
            "the plan: money and failures spared, less what the school costs. The quick value is "
            f"never too low; its pattern tells more than its level. Source: {TABLES}/points.csv."
        ),
        alt=f"{title}. Map of the authority; the table below ranks the points.",
        draw=lambda width: place_map.draw_cells(data, width, fill, words),
        key=Legend(entries),
        parts=True,
    )


# ------------------------------------------------------------------ tables


def _ranked(finding: Finding, exact: pd.DataFrame) -> Table:
    amounts = ("exact_pounds", "money_pounds", "quick_pounds", "error_pounds")
    scale = fmt.money_scale([as_float(v) for c in amounts for v in exact[c]])
    rows = [
        Row(
            f"{as_int(r.rank)}. {r.easting:.0f},{r.northing:.0f}",
            [str(r.near), *(fmt.scaled(as_float(getattr(r, c)), scale) for c in amounts),
             fmt.count(as_float(r.children)), fmt.count(as_float(r.median_minutes))],
        )
        for r in records(exact)
    ]  # fmt: skip
    return Table(
        f"The {len(exact)} points that were valued exactly, {scale[1]}",
        ["Point", "Near", "Worth", "Money alone", "Quick value", "Quick value too high by",
         "Children", "Median minutes"],
        rows, f"{TABLES}/points.csv", text_columns=frozenset({1}), dense=True,
    )  # fmt: skip


def _further(finding: Finding, exact: pd.DataFrame) -> str:
    best = exact.iloc[0]
    return (
        "Try the best of them with what else would change: sufficiency test-site "
        f"{finding.stamp.get('name', 'SCENARIO')} --at {best['easting']:.0f},"
        f"{best['northing']:.0f} and the same --needs and --places."
    )


def _others(finding: Finding) -> Table:
    points = finding.tables["points"]
    rest = points[points["exact_pounds"].isna() & points["usable"]]
    rest = rest.sort_values(["quick_pounds", "rank"], ascending=[False, True])
    rows = [
        Row(f"{r.easting:.0f},{r.northing:.0f}",
            [str(r.near), fmt.pounds(as_float(r.quick_pounds)),
             fmt.pounds(as_float(r.at_most_pounds))])
        for r in records(rest.head(LISTED))
    ]  # fmt: skip
    said = "Other points by their quick value"
    if len(rest) > LISTED:
        said += f": the first {LISTED} of {len(rest):,}"
    return Table(
        said, ["Point", "Near", "Quick value", "Worth at most"], rows, f"{TABLES}/points.csv",
        folded="Other points", text_columns=frozenset({1}), dense=True,
    )  # fmt: skip


def _how(finding: Finding) -> Section:
    school, plan = dict(finding.stamp["school"]), dict(finding.stamp["plan"])
    source = "" if school["capital_given"] else f" Source: {school['capital_source']}."
    said: Sequence[str] = [
        "The plan without the school gives every child a price: what one more child like it would "
        f"cost there. It is proven to within {fmt.percent(as_float(plan['gap']), 2)} of the best.",
        "The quick value lets the school take the children for whom that price exceeds the cost of "
        "a place in it, as far as its places reach from year to year, and takes off what the "
        f"school costs in any case: {fmt.pounds(as_float(finding.stamp['fixed_pounds']))} in "
        "today's value, what is left of the building credited.",
        "It is never too low while the other schemes stay as they are: each further child is worth "
        "no more than the first. How much too high it is, is shown for every point that was valued "
        "exactly.",
        "The exact value places all children anew. Its prices also tell what every other point is "
        "worth at most, and the next point to be valued exactly is the one that may still be best.",
        f"Capital: {fmt.pounds(as_float(school['capital_pounds']))}.{source} It counts as a cost "
        "but is not drawn from the budgets, so that the map does not show what it would displace.",
    ]
    return Section(
        "method", "How was it worked out?",
        "By the prices of one plan everywhere, and by placing children anew at the best points.",
        "", "", [Items(said)],
    )  # fmt: skip
