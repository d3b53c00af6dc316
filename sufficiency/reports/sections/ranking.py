"""Which schemes are worth it, and which plans are nearly as good: pages of two studies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

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
from sufficiency.reports.geopackage import categories, plain
from sufficiency.vocabulary import academic_year_label

STANDINGS: Final = {
    "in all": "in every one",
    "in some": "in some",
    "in none": "in none",
    "not proven": "not proven",
}
ENDS: Final = ("worth_least", "worth_pounds", "worth_most")
"""What a scheme adds: at least, as found, at most."""
ALONE_CHART: Final = 12
"""Schemes in the chart of what each is worth alone; the table has all."""


def scaled_range(least: float, most: float, scale: tuple[float, str, int]) -> str:
    """An interval of pounds in the unit of a table."""
    if not (math.isfinite(least) and math.isfinite(most)):
        return "open"
    return f"{fmt.signed(least, scale)} to {fmt.signed(most, scale)}"


def range_words(least: float, most: float) -> str:
    """An interval of pounds as two amounts; "not proven" ends are said to be open."""
    low = fmt.pounds(least) if math.isfinite(least) else "below any amount"
    high = fmt.pounds(most) if math.isfinite(most) else "above any amount"
    return f"{low} to {high}"


def proven_words(least: float, most: float, pays: str, costs: str) -> str:
    """What an interval proves."""
    if math.isfinite(least) and least > 0:
        return pays
    if math.isfinite(most) and most < 0:
        return costs
    return "not proven"


# ------------------------------------------------------------------ schemes, one by one


def sections(finding: Finding) -> list[Section]:
    """The ranking, no regret, each alone, and the best plans."""
    return [_ranked(finding), _no_regret(finding), _alone(finding), *_plans(finding), _how()]


def tiles(finding: Finding) -> list[tuple[str, str]]:
    """Numbers of the ranking."""
    table = finding.tables["schemes"]
    return [
        (str(int((table["worth_least"] > 0).sum())), "schemes proven to make the best plan "
         "cheaper"),
        (str(int((table["standing"] == "in all").sum())), "schemes of no regret: in every "
         "near-best plan"),
        (str(int((table["standing"] == "in none").sum())), "schemes in no near-best plan"),
        (fmt.percent(as_float(dict(finding.stamp["best"])["gap"]), 2),
         "at most above the least possible cost: the best plan found"),
    ]  # fmt: skip


def facts(finding: Finding) -> list[tuple[str, str]]:
    """What near the best means."""
    within = as_float(finding.stamp["within"])
    return [("Near the best", f"costs at most {fmt.percent(within, 1)} above the least possible")]


def style(name: str) -> str:
    """How QGIS draws the layer."""
    if name == "schemes":
        colours = {
            "in all": charts.NAVY,
            "in some": "#6BACE6",
            "in none": charts.ORANGE,
            "not proven": charts.CHARCOAL,
        }
        return categories(
            "standing",
            [(s, f"Near-best plans: {w}", colours[s], "star") for s, w in STANDINGS.items()],
            5.0,
        )
    return plain()


LOOK: Final = Look("candidate schemes, ranked", sections, tiles, facts, style)


def _ranked(finding: Finding) -> Section:
    table = finding.tables["schemes"]
    first, *others = finding.sentences
    rows = []
    scale = fmt.money_scale([as_float(v) for c in ENDS for v in table[c]])
    for r in records(table):
        worth = as_float(r.worth_pounds)
        rows.append(
            Row(
                f"{as_int(r.rank)}. {r.name}",
                [
                    "yes" if as_int(r.chosen) else "no",
                    fmt.signed(worth, scale) if math.isfinite(worth) else "cannot be said",
                    scaled_range(as_float(r.worth_least), as_float(r.worth_most), scale),
                    proven_words(as_float(r.worth_least), as_float(r.worth_most),
                                 "adds", "does not add"),
                    _or_none(as_float(r.lost_pounds), scale),
                    _or_none(as_float(r.insisted_pounds), scale),
                ],
            )
        )  # fmt: skip
    ranked = Table(
        caption=f"Each scheme among all others, {scale[1]}, present value, priced failures "
        "included",
        headers=["Scheme", "In the best plan", "Adds", "Between (proven)", "Proven to add?",
                 "Lost without it", "Cost of insisting"],
        rows=rows,
        source=f"{TABLES}/schemes.csv",
        dense=len(table) > charts.ABOVE,
        text_columns=frozenset({1, 4}),
    )  # fmt: skip
    return Section(
        "ranking",
        "Which schemes are worth it?",
        first,
        " ".join(others[:1]),
        "What a scheme adds is the cost of the best plan without it, less that of the best plan "
        "with it, all other schemes free to open or not. Both are known between a bound and a "
        "plan, so it lies between two amounts; where nought lies between them, it is not proven "
        "whether the scheme adds anything. What is lost without it, and what insisting on it "
        "costs, are against the best plan found.",
        [_worth_chart(table), ranked],
    )


def _or_none(pounds: float, scale: tuple[float, str, int]) -> str:
    return fmt.scaled(pounds, scale) if math.isfinite(pounds) else "no plan"


def _worth_chart(table: pd.DataFrame) -> Figure:
    known = table[table[list(ENDS)].notna().all(axis=1)].reset_index(drop=True)
    scale = fmt.money_scale([as_float(v) for c in ENDS for v in known[c]])
    rows = [
        (
            str(r.name),
            fmt.signed(as_float(r.worth_pounds), scale),
            [as_float(getattr(r, c)) / scale[0] for c in ENDS],
        )
        for r in records(known)
    ]
    proven = int((known["worth_least"] > 0).sum())
    title = (
        f"{fmt.number_of(proven, 'scheme adds', 'schemes add')} something for certain"
        if proven
        else "No scheme is proven to add anything"
    )
    return Figure(
        title=title,
        caption=f"What each scheme adds to the best of all plans, {scale[1]}, present value. The "
        "bar is what is proven: the truth lies inside it. The mark is the difference of the two "
        f"best plans found. Right of the line it adds, left of it another plan is cheaper. Source: "
        f"{TABLES}/schemes.csv.",
        alt=f"{title}: " + "; ".join(f"{n} {w}" for n, w, _ in rows) + ".",
        draw=lambda width: charts.render(intervals(rows, width, scale[1])),
    )


def intervals(rows: Sequence[tuple[str, str, Sequence[float]]], width: int, unit: str) -> Any:
    """A chart of (name, words, least, middle and most)."""
    drawn = [
        (charts.fitted(name, words, width), low, middle, high, words)
        for name, words, (low, middle, high) in rows
    ]
    return charts.ranges(drawn, width, unit, ",.3~r")


def _no_regret(finding: Finding) -> Section:
    table = finding.tables["schemes"]
    within = as_float(finding.stamp["within"])
    by = {s: [str(n) for n in table.loc[table["standing"] == s, "name"]] for s in STANDINGS}
    rows = [
        Row(words, [str(len(by[s])), fmt.in_words(by[s]) or "none"])
        for s, words in (
            ("in all", "In every near-best plan: no regret"),
            ("in some", "In some near-best plans, not in others: a real choice"),
            ("in none", "In no near-best plan"),
            ("not proven", "Not proven either way"),
        )
    ]
    answer = (
        f"{fmt.in_words(by['in all'])} {'is' if len(by['in all']) == 1 else 'are'} in every plan "
        "that is near the best."
        if by["in all"]
        else "No scheme is proven to be in every plan that is near the best."
    )
    return Section(
        "no-regret",
        "Which schemes are safe to begin with?",
        answer,
        f"Near the best is a plan that costs at most {fmt.percent(within, 1)} more than the least "
        "possible: about what a search for a plan leaves open when it ends.",
        "This is proven by bounds, not read off a list of plans: a scheme is in every near-best "
        "plan when the best plan without it is dearer than that.",
        [
            Table(
                "How schemes stand in near-best plans",
                ["In near-best plans", "Schemes", "Which"], rows,
                f"{TABLES}/schemes.csv", text_columns=frozenset({2}),
            )
        ],
    )  # fmt: skip


def _alone(finding: Finding) -> Section:
    table = finding.tables["schemes"]
    known = table[table["alone_pounds"].notna()]
    known = known.sort_values("alone_pounds", ascending=False, kind="stable")
    names = dict(finding.stamp["names"])

    def called(row: Any) -> str:
        needs = [str(names.get(s, s)) for s in str(row.alone_with).split("|") if s]
        return str(row.name) + (f" (with {fmt.in_words(needs)})" if needs else "")

    labels = [called(r) for r in records(known)]
    ends = ("alone_pounds", "alone_least", "alone_most", "capital_pounds")
    scale = fmt.money_scale([as_float(v) for c in ends for v in known[c]])
    rows = [
        Row(
            label,
            [
                fmt.signed(as_float(r.alone_pounds), scale),
                scaled_range(as_float(r.alone_least), as_float(r.alone_most), scale),
                academic_year_label(as_int(r.alone_opens))
                if as_int(r.alone_opens) >= 0
                else fmt.NONE,
                fmt.count(as_float(r.places)),
                fmt.scaled(as_float(r.capital_pounds), scale),
            ],
        )
        for label, r in zip(labels, records(known), strict=True)
    ]
    impossible = [str(n) for n in table.loc[table["alone_pounds"].isna(), "name"]]
    blocks: list[Block] = [_alone_chart(known, labels)] if len(known) else []
    blocks.append(
        Table(
            f"Each scheme with nothing else new, {scale[1]}, present value, priced failures "
            "included",
            ["Scheme", "Worth alone", "Between (proven)", "Best opened", "Its own places",
             "Its own capital"],
            rows, f"{TABLES}/schemes.csv", dense=len(rows) > charts.ABOVE,
        )
    )  # fmt: skip
    if impossible:
        blocks.append(
            Text(f"The rules do not let {fmt.in_words(impossible)} open with nothing else.", "note")
        )
    top = known.iloc[0] if len(known) else None
    return Section(
        "alone",
        "What is each scheme worth if it is the only one?",
        f"{labels[0]}: {fmt.pounds(as_float(top['alone_pounds']))}."
        if top is not None
        else "No scheme can open alone.",
        "Worth alone and worth among all others differ, because schemes serve the same children: "
        "worths alone do not add up.",
        "",
        blocks,
    )


def _alone_chart(known: pd.DataFrame, labels: Sequence[str]) -> Figure:
    shown = known.head(ALONE_CHART)
    names = labels[:ALONE_CHART]
    values = [as_float(v) for v in shown["alone_pounds"]]
    words = [fmt.pounds(v) for v in values]
    title = f"Alone, {shown['name'].iloc[0]} is worth most"
    return Figure(
        title=title,
        caption="Cost of the best plan with nothing new, less that of the best plan with this "
        f"scheme alone; present value. Source: {TABLES}/schemes.csv.",
        alt=f"{title}: " + "; ".join(f"{n} {w}" for n, w in zip(names, words, strict=True)) + ".",
        draw=lambda width: charts.render(charts.signed_bars(names, values, words, width)),
    )


def _how() -> Section:
    return Section(
        "how",
        "How was it worked out?",
        "One model holds all schemes; every question to it forbids some of them or asks for one.",
        "",
        "",
        [
            Items(
                [
                    "Cost is the present value of money in all ledgers, and of priced failures: "
                    "children without a place, crowding, long journeys. Unmet need is a failure "
                    "and never a saving.",
                    "Every search ends when a gap is proven, so costs of best plans are known "
                    "between a bound and a plan. Answers lend each other what they prove: the "
                    "best plan is also the best plan without any scheme that it does not open.",
                    "A scheme that another requires is counted with it when it is forbidden.",
                    "Two schemes of which only one can open are each worth little while the other "
                    "may: what is lost without either is not the sum of both.",
                ],
                folded="Definitions",
            )
        ],
    )


# ------------------------------------------------------------------ plans


def alternative_sections(finding: Finding) -> list[Section]:
    """The best plans, and how they differ."""
    return [*_plans(finding, finding.sentences), _how()]


def alternative_tiles(finding: Finding) -> list[tuple[str, str]]:
    """Numbers of the plans."""
    plans = finding.tables["plans"]
    if plans.empty:
        return []
    return [
        (str(len(plans)), "different sets of schemes"),
        (fmt.pounds(as_float(plans["above_pounds"].iloc[-1])), "from the first to the last"),
        (fmt.pounds(as_float(plans["above_most"].iloc[0])),
         "at most between the first and the least possible"),
    ]  # fmt: skip


ALTERNATIVES_LOOK: Final = Look(
    "plans that are nearly as good", alternative_sections, alternative_tiles
)


def _plans(finding: Finding, sentences: Sequence[str] = ()) -> list[Section]:
    plans = finding.tables["plans"]
    if plans.empty:
        return []
    last = plans.iloc[-1]
    count = len(plans)
    answer = (
        sentences[0]
        if sentences
        else f"The {count} best plans lie within {fmt.pounds(as_float(last['above_pounds']))} of "
        "each other."
        if count > 1
        else "One plan was found."
    )
    blocks: list[Block] = []
    if count > 1:
        blocks.append(_plan_chart(plans))
    blocks += [
        _plan_table(plans),
        Heading("Which schemes does each plan open?"),
        schemes_by(
            finding.tables["plan_schemes"], "plan",
            [(as_int(p), f"Plan {as_int(p)}") for p in plans["plan"]],
            "First September of each scheme, by plan", f"{TABLES}/plan_schemes.csv",
        ),
    ]  # fmt: skip
    return [
        Section(
            "plans",
            "Which other plans are nearly as good?",
            answer,
            " ".join(sentences[1:]),
            "Each plan is the best whose schemes are none of the sets before it. The distance of a "
            "plan from the least possible cost is at most what the second row of the table says; "
            "where two plans differ by less than the search left open, their order is not proven.",
            blocks,
        )
    ]


def _plan_chart(plans: pd.DataFrame) -> Figure:
    least = as_float(plans["above_most"].iloc[0])
    scale = fmt.money_scale([as_float(v) for v in plans["above_most"]])
    rows = []
    for r in records(plans):
        above, most = as_float(r.above_pounds), as_float(r.above_most)
        words = "the cheapest found" if r.plan == 1 else f"+{fmt.scaled(above, scale)}"
        ends = [above / scale[0], most / scale[0], most / scale[0]]
        rows.append((f"Plan {as_int(r.plan)}", words, ends))
    near = int((plans["above_pounds"] <= least).sum())
    title = (
        f"{near} of {len(plans)} plans are as good as tied"
        if near > 1
        else "The cheapest plan stands apart from the others"
    )
    return Figure(
        title=title,
        caption=f"Cost above the least possible, {scale[1]}, present value: between the distance "
        "from the cheapest plan found (left end) and the proven distance from the least possible "
        f"cost (mark). Source: {TABLES}/plans.csv.",
        alt=f"{title}: " + "; ".join(f"{n} {w}" for n, w, _ in rows) + ".",
        draw=lambda width: charts.render(intervals(rows, width, scale[1])),
    )


PLAN_POUNDS: Final = {
    "cost_pounds": "Cost at present value, priced failures included",
    "money_pounds": "… of which money",
    "capital_pounds": "Capital of new schemes",
}
PLAN_MEASURES: Final[tuple[tuple[str, str, Any], ...]] = (
    ("special_places", "New places in special schools", fmt.count),
    ("base_places", "New places in specialist bases", fmt.count),
    ("independent", "Child-years in independent and non-maintained special schools", fmt.count),
    ("unmet", "Child-years without a suitable place", fmt.count),
    ("beyond_limit", "Child-years beyond what schools can hold", fmt.count),
    ("over_capacity", "Child-years above commissioned places", fmt.count),
    ("over_guide", "Child-years with a journey over the guide", fmt.count),
    ("minutes", "Mean one-way minutes to specialist places", lambda v: f"{v:.1f}"),
)
"""What plans are compared by beside pounds: column, words, how it is written."""


def measure_rows(table: pd.DataFrame) -> list[Row]:
    """Measures of plans in rows, one column a row of ``table``: so that it fits a telephone."""
    # The unit beside the words, once: ten columns of "million" do not fit a sheet of paper.
    pounds = {column: [as_float(v) for v in table[column]] for column in PLAN_POUNDS}
    scale = fmt.money_scale([v for column in pounds.values() for v in column])
    return [
        *(
            Row(f"{words}, {scale[1]}", [fmt.scaled(v, scale) for v in pounds[column]])
            for column, words in PLAN_POUNDS.items()
        ),
        *(
            Row(words, [said(as_float(v)) for v in table[column]])
            for column, words, said in PLAN_MEASURES
        ),
    ]


def _plan_table(plans: pd.DataFrame) -> Table:
    above = [fmt.pounds(as_float(v)) for v in plans["above_pounds"]]
    most = [fmt.pounds(as_float(v)) for v in plans["above_most"]]
    return Table(
        "The plans side by side",
        ["Measure", *(f"Plan {as_int(p)}" for p in plans["plan"])],
        [
            Row("Above the cheapest found", above, total=True),
            Row("At most above the least possible (proven)", most),
            *measure_rows(plans),
        ],
        f"{TABLES}/plans.csv",
    )


def schemes_by(
    opened: pd.DataFrame, key: str, columns: Sequence[tuple[Any, str]], caption: str, source: str
) -> Table:
    """Schemes in rows, plans in columns, the September in which each opens in the cells.

    Args:
        opened: columns ``key``, scheme, name, opens, decided (1: in every plan by decision).
        key: column that tells the plans apart.
        columns: (value of ``key``, header) in order.
        caption, source: of the table.
    """
    years = {
        (getattr(r, key), str(r.scheme)): as_int(r.opens) for r in records(opened)
    }  # fmt: skip
    order = opened.drop_duplicates("scheme").sort_values(
        ["decided", "name"], ascending=[False, True]
    )
    rows = [
        Row(
            str(r.name) + (" (committed)" if as_int(r.decided) else ""),
            [
                str(years[value, str(r.scheme)]) if (value, str(r.scheme)) in years else fmt.NONE
                for value, _ in columns
            ],
        )
        for r in records(order)
    ]
    return Table(caption, ["Scheme", *(header for _, header in columns)], rows, source, dense=True)
