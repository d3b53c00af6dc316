"""What capital buys: the page of an efficient frontier."""

from __future__ import annotations

from typing import Any, Final

from sufficiency.plan.finding import TABLES, Finding
from sufficiency.reports import charts
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import (
    Block,
    Figure,
    Heading,
    Items,
    Look,
    Row,
    Section,
    Table,
    Text,
)
from sufficiency.reports.facts import as_float, as_int, records
from sufficiency.reports.sections.ranking import measure_rows, schemes_by

AXIS: Final = {
    "independent-share": "Share in independent and non-maintained special schools, %",
    "minutes": "Mean one-way journey, minutes",
    "unmet": "Child-years without a place",
}


def shown(against: str, value: float) -> str:
    """A value of the measure in words."""
    if against == "independent-share":
        return fmt.percent(value, 1)
    return f"{value:.1f} minutes" if against == "minutes" else fmt.child_years(value)


def sections(finding: Finding) -> list[Section]:
    """The frontier, the schemes at each step, and what it says."""
    against = str(finding.stamp["against"])
    table = finding.tables["points"]
    points = table[table["point"] > 0]
    first, *others = finding.sentences
    proof = [s for s in others if s.startswith("Each point is proven")]
    others = [s for s in others if s not in proof]
    blocks: list[Block] = [_chart(finding), _step_table(finding)]
    names = dict(finding.stamp["names"])
    steps = [
        f"Step {as_int(r.point) - 1}, {fmt.pounds(as_float(r.capital_pounds))}: "
        f"{_change_words(r, names)} {shown(against, as_float(r.value))}."
        for r in records(points)
        if as_int(r.point) > 1
    ]
    if steps:
        blocks += [Heading("What is added at each step?"), Items(steps)]
    blocks += [
        Heading("Which schemes are open at each point?"),
        schemes_by(
            finding.tables["point_schemes"], "point",
            [(0, "Least cost"), *((as_int(p), f"Point {as_int(p)}") for p in points["point"])],
            "First September of each scheme, by point", f"{TABLES}/point_schemes.csv",
        ),
        Text(
            "A step may leave out a scheme that an earlier one opens: with more money another set "
            "does better. A frontier is no order of building.", "note",
        ),
    ]  # fmt: skip
    return [
        Section(
            "frontier", "What does capital buy?", first, " ".join(others),
            " ".join(proof), blocks,
        ),
        Section(
            "beside", "What else changes along the way?",
            "Every point is a whole plan: money, places and journeys come with it.",
            "The first column is the plan of least cost, for comparison; it is no point of the "
            "frontier, for it weighs the measure against everything else.",
            "",
            [
                Table(
                    "The points side by side",
                    ["Measure", "Least cost", *(f"Point {as_int(p)}" for p in points["point"])],
                    measure_rows(table), f"{TABLES}/points.csv", dense=True,
                )
            ],
        ),
        _how(finding),
    ]  # fmt: skip


def tiles(finding: Finding) -> list[tuple[str, str]]:
    """Ends of the frontier."""
    against = str(finding.stamp["against"])
    points = finding.tables["points"]
    points = points[points["point"] > 0]
    first, last = points.iloc[0], points.iloc[-1]
    return [
        (shown(against, as_float(first["value"])), "with nothing new"),
        (shown(against, as_float(last["value"])),
         f"at best, with {fmt.pounds(as_float(last['capital_pounds']))}"),
        (str(len(points)), "points, each proven to its gap"),
    ]  # fmt: skip


LOOK: Final = Look("what capital buys", sections, tiles)


def _change_words(row: Any, names: dict[str, Any]) -> str:
    added = [str(names.get(s, s)) for s in str(row.added).split("|") if s]
    left = [str(names.get(s, s)) for s in str(row.left_out).split("|") if s]
    words = [f"{fmt.in_words(added)} open" + ("s" if len(added) == 1 else "") if added else ""]
    words.append(f"{fmt.in_words(left)} {'does' if len(left) == 1 else 'do'} not" if left else "")
    said = ", ".join(w for w in words if w)
    return f"{said}; it comes to" if said else "the same schemes at other times; it comes to"


def _chart(finding: Finding) -> Figure:
    against = str(finding.stamp["against"])
    table = finding.tables["points"]
    points = table[table["point"] > 0]
    times = 100.0 if against == "independent-share" else 1.0
    pounds = [as_float(v) / 1e6 for v in points["capital_pounds"]]
    values = [as_float(v) * times for v in points["value"]]
    plan = table.iloc[0]
    mark = (as_float(plan["capital_pounds"]) / 1e6, as_float(plan["value"]) * times)
    title = (
        f"{fmt.pounds(pounds[-1] * 1e6)} brings it from {shown(against, values[0] / times)} to "
        f"{shown(against, values[-1] / times)}"
        if len(points) > 1
        else "No capital changes it"
    )
    return Figure(
        title=title,
        caption=f"{finding.stamp['measure']} over all planned years, by capital of new schemes "
        "(undiscounted). Each dot is the lowest that so much capital can reach, within its proven "
        "gap; the line between holds the last dot. The diamond is the plan of least cost. Source: "
        f"{TABLES}/points.csv.",
        alt=f"{title}: "
        + "; ".join(
            f"{fmt.pounds(p * 1e6)}, {shown(against, v / times)}"
            for p, v in zip(pounds, values, strict=True)
        )
        + ".",
        draw=lambda width: charts.render(
            charts.frontier(pounds, values, mark, "least cost", width,
                            "Capital of new schemes, £ million", AXIS[against])
        ),
    )  # fmt: skip


def _step_table(finding: Finding) -> Table:
    against = str(finding.stamp["against"])
    table = finding.tables["points"]
    times, unit = {
        "independent-share": (100.0, "percentage points"),
        "minutes": (1.0, "minutes"),
        "unmet": (1.0, "child-years"),
    }[against]
    rows = []
    for r in records(table[table["point"] > 0]):
        rows.append(
            Row(
                f"Point {as_int(r.point)}",
                [
                    fmt.pounds(as_float(r.capital_pounds)),
                    shown(against, as_float(r.value)),
                    f"{as_float(r.gap_value) * times:.2f}",
                    fmt.pounds(as_float(r.cost_pounds)),
                    fmt.count(as_float(r.independent_last)),
                ],
            )
        )
    return Table(
        "The frontier, point by point",
        ["Point", "Capital of new schemes", "Comes to", f"At most lower, {unit} (proven)",
         "Cost at present value", "In independent schools in the last year"],
        rows, f"{TABLES}/points.csv",
    )  # fmt: skip


def _how(finding: Finding) -> Section:
    price = as_float(finding.stamp["price_pounds"])
    unit = {
        "independent-share": "child-year in an independent or non-maintained special school",
        "minutes": "minute a day of one child, for a year",
        "unmet": "child-year without a place",
    }[str(finding.stamp["against"])]
    return Section(
        "how",
        "How was it worked out?",
        "For every limit on capital the search looks for the lowest measure that the rules allow.",
        "",
        "",
        [
            Items(
                [
                    f"In the search each {unit} is charged {fmt.pounds(price)} on top of all other "
                    "costs, so that money decides only between plans that are equal in the "
                    "measure. These pounds are in no figure shown.",
                    "Children without a place, or beyond what schools can hold, count in the "
                    "measure as its worst case: nobody leaves the frontier by being unmet.",
                    "All rules hold at every point: budgets by source and year, settled children "
                    "stay, families' shares of preference, lead times.",
                    "The gap of a point: a plan within its limit that costs no more, and leaves no "
                    "more children without a place, is at most so much lower.",
                    "Capital is what schemes beyond those decided cost in the scheme table.",
                ],
                folded="Definitions",
            )
        ],
    )
