"""Bases only, bases first, unconstrained: what each comes to, and what bases cannot meet."""

from __future__ import annotations

import math
from typing import Final

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
from sufficiency.reports.sections.ranking import measure_rows, range_words, schemes_by
from sufficiency.vocabulary import KINDS, NEEDS, academic_year_label, year_group_name

REASONS: Final = {
    "settled there today": ("settled there", charts.CHARCOAL),
    "needs more support than a base gives": ("more support", charts.NAVY),
    "no base takes the need or the age": ("no base takes them", charts.TEAL),
    "no base within the limits on journeys": ("too far", charts.PLUM),
    "a base could take them, but places or choices do not reach": ("a base could", charts.ORANGE),
}
"""Reasons: a short label for the chart, and its colour."""


def sections(finding: Finding) -> list[Section]:
    """The need that bases cannot meet, the three policies, and hosts."""
    return [_irreducible(finding), _policies(finding), _hosts(finding), _how(finding)]


def tiles(finding: Finding) -> list[tuple[str, str]]:
    """The need that is left, and what the policies cost."""
    last = as_int(finding.stamp["last_year"])
    left = finding.tables["irreducible"]
    here = left[left["academic_year"] == last]
    table = finding.tables["policies"].set_index("policy")
    fixed = here[here["reason"] == "needs more support than a base gives"]
    return [
        (fmt.whole(as_float(here["children"].sum())),
         f"children still in special schools in {academic_year_label(last)}, with bases at their "
         "most"),
        (fmt.whole(as_float(fixed["children"].sum())),
         "of them need more support than a base gives"),
        (fmt.pounds(as_float(table.at["bases only", "above_pounds"])),
         "more than unconstrained: bases only, at present value"),
        (fmt.pounds(as_float(table.at["bases first", "above_pounds"])),
         "more than unconstrained: bases first, at present value"),
    ]  # fmt: skip


LOOK: Final = Look("how much specialist bases can meet", sections, tiles)


# ------------------------------------------------------------------ what is left


def _irreducible(finding: Finding) -> Section:
    left, last = finding.tables["irreducible"], as_int(finding.stamp["last_year"])
    here = left[left["academic_year"] == last]
    blocks: list[Block] = [
        _reason_chart(finding),
        _counted(here, "need", f"By primary need, {academic_year_label(last)}", NEEDS),
        _crossed(here, last),
    ]
    first, *others = finding.sentences
    return Section(
        "irreducible",
        "What need can specialist bases not meet?",
        first,
        " ".join(others[:1]),
        others[1] if len(others) > 1 else "",
        blocks,
    )


def _reason_chart(finding: Finding) -> Figure:
    table = finding.tables["reasons"]
    years = list(range(as_int(finding.stamp["first_year"]), as_int(finding.stamp["last_year"]) + 1))
    labels = [academic_year_label(y) for y in years]
    found = {(str(r.reason), as_int(r.academic_year)): as_float(r.children) for r in records(table)}
    lines, rows = [], []
    for reason, (label, colour) in REASONS.items():
        values = [found.get((reason, y), 0.0) for y in years]
        rows.append(Row(fmt.capital_first(reason), fmt.counts(values)))
        if max(values) >= 0.5:
            shown: list[float | None] = list(values)
            lines.append(charts.Line(label, shown, colour))
    support = found.get(("needs more support than a base gives", years[-1]), 0.0)
    total = sum(found.get((reason, years[-1]), 0.0) for reason in REASONS)
    share = support / total if total > 0 else 0.0
    title = f"{fmt.percent(share)} of what is left needs more support"
    return Figure(
        title=title,
        caption="Children in special schools of any kind, or without a place, when bases take as "
        "many as they can, by reason. A child is counted once, under the first reason that fits. "
        f"Source: {TABLES}/reasons.csv.",
        alt=f"{title} than a base gives, in {labels[-1]}: {fmt.count(support)} of "
        f"{fmt.count(total)} children.",
        draw=lambda width: charts.render(
            charts.panels([charts.Panel("Children by reason", lines)], labels, width, "Children",
                          columns=1, room=120)
        ),
        table=Table("Children by reason and year", ["Reason", *labels], rows,
                    f"{TABLES}/reasons.csv", folded="The numbers", dense=True),
    )  # fmt: skip


def _counted(frame: pd.DataFrame, column: str, caption: str, names: dict[str, str]) -> Table:
    """Children by a column, and the reason, in one year."""
    pivot = frame.pivot_table(
        index=column, columns="reason", values="children", aggfunc="sum", fill_value=0.0
    )
    reasons = [r for r in REASONS if r in pivot.columns]
    pivot["total"] = pivot.sum(axis=1)
    pivot = pivot.sort_values("total", ascending=False)
    rows = [
        Row(names.get(str(key), str(key)),
            [*(fmt.count(as_float(row[r])) for r in reasons), fmt.count(as_float(row["total"]))])
        for key, row in pivot.iterrows()
    ]  # fmt: skip
    total = [fmt.count(as_float(pivot[r].sum())) for r in [*reasons, "total"]]
    rows.append(Row("All", total, total=True))
    headers = [
        "Primary need" if column == "need" else fmt.capital_first(column),
        *(fmt.capital_first(REASONS[r][0]) for r in reasons),
        "All",
    ]
    return Table(caption, headers, rows, f"{TABLES}/irreducible.csv")


def _crossed(frame: pd.DataFrame, last: int) -> Table:
    """Children by locality and phase in one year."""
    pivot = frame.pivot_table(
        index="locality", columns="phase", values="children", aggfunc="sum", fill_value=0.0
    )
    order = ["early years", "primary", "secondary", "post-16", "post-19"]
    phases = [p for p in order if p in pivot.columns]
    phases += [str(p) for p in pivot.columns if p not in phases]
    rows = [
        Row(str(key), [*(fmt.count(as_float(row[p])) for p in phases),
                       fmt.count(as_float(row[phases].sum()))])
        for key, row in pivot.iterrows()
    ]  # fmt: skip
    sums = [as_float(pivot[p].sum()) for p in phases]
    rows.append(Row("All", [*fmt.counts(sums), fmt.count(sum(sums))], total=True))
    return Table(
        f"By locality and phase, {academic_year_label(last)}",
        ["Locality", *(fmt.capital_first(p) for p in phases), "All"],
        rows,
        f"{TABLES}/irreducible.csv",
    )


# ------------------------------------------------------------------ policies


def _policies(finding: Finding) -> Section:
    table = finding.tables["policies"]
    words = [s for s in finding.sentences if s.startswith(("Bases only", "Bases first"))]
    above = [
        fmt.pounds(as_float(r.above_pounds)) if as_float(r.above_pounds) > 0.5 else "the least"
        for r in records(table)
    ]
    proven = [
        fmt.NONE
        if r.policy == "unconstrained"
        else range_words(as_float(r.above_least), as_float(r.above_most))
        for r in records(table)
    ]
    headers = ["Measure", *(fmt.capital_first(str(p)) for p in table["policy"])]
    return Section(
        "policies",
        "What does each policy come to?",
        words[0] if words else "The three policies come to the same.",
        " ".join(words[1:]),
        "All three are compared at the same prices, those without a price on new special school "
        "places; none of them is recommended here. Reform plans are asked for the first two, the "
        "duties of sections 27 and 42 of the Children and Families Act 2014 hold under all three.",
        [
            _policy_chart(finding),
            Table(
                "The policies side by side",
                headers,
                [
                    Row("Above the unconstrained plan", above, total=True),
                    Row("… between (proven)", proven),
                    *measure_rows(table),
                ],
                f"{TABLES}/policies.csv",
            ),
            Heading("Which schemes does each open?"),
            schemes_by(
                finding.tables["policy_schemes"], "policy",
                [(str(p), fmt.capital_first(str(p))) for p in table["policy"]],
                "First September of each scheme, by policy", f"{TABLES}/policy_schemes.csv",
            ),
        ],
    )  # fmt: skip


def _policy_chart(finding: Finding) -> Figure:
    table = finding.tables["policies"]
    names = [fmt.capital_first(str(p)) for p in table["policy"]]
    special = [as_float(v) for v in table["special_places"]]
    base = [as_float(v) for v in table["base_places"]]
    other = [as_float(v) for v in table["independent_last"]]
    title = "Fewer special places, more independent placements"
    if not (other[0] > other[-1] + 0.5 and special[0] < special[-1] - 0.5):
        title = "What each policy builds, and what it leaves"
    last = academic_year_label(as_int(finding.stamp["last_year"]))
    series = [
        ("New special school places", special, charts.NAVY),
        ("New places in bases", base, charts.TEAL),
        (f"Children in independent schools, {last}", other, charts.ORANGE),
    ]
    rows = [
        Row(label, fmt.counts(values)) for label, values, _ in series
    ]  # fmt: skip
    return Figure(
        title=title,
        caption="New places beyond committed schemes, and children in independent and "
        f"non-maintained special schools in {last}. Source: {TABLES}/policies.csv.",
        alt=f"{title}: "
        + "; ".join(
            f"{n}: {s:.0f} special, {b:.0f} in bases, {o:.0f} children in independent schools"
            for n, s, b, o in zip(names, special, base, other, strict=True)
        )
        + ".",
        draw=lambda width: charts.render(
            charts.ranked_bars(
                [f"{n}: {label[0].lower()}{label[1:]}" for n in names for label, _, _ in series],
                [values[i] for i in range(len(names)) for _, values, _ in series],
                [fmt.count(values[i]) for i in range(len(names)) for _, values, _ in series],
                [colour for _ in names for _, _, colour in series],
                width,
            )
        ),
        table=Table("The numbers", ["Measure", *names], rows, f"{TABLES}/policies.csv",
                    folded="The numbers"),
    )  # fmt: skip


# ------------------------------------------------------------------ hosts


def _hosts(finding: Finding) -> Section:
    hosts = finding.tables["hosts"]
    schools = hosts[hosts["host_kind"] == "mainstream school"]
    blocks: list[Block] = []
    if len(hosts):
        rows = [
            Row(
                str(r.name),
                [
                    fmt.count(as_float(r.near)),
                    fmt.capital_first(str(r.host_kind)),
                    f"{year_group_name(as_int(r.lowest_year_group))} to "
                    f"{year_group_name(as_int(r.highest_year_group))}",
                    NEEDS.get(str(r.main_need), fmt.NONE),
                    fmt.count(as_float(r.median_minutes))
                    if math.isfinite(as_float(r.median_minutes))
                    else fmt.NONE,
                    fmt.count(as_float(r.spare)),
                ],
            )
            for r in records(hosts)
        ]
        last = academic_year_label(as_int(finding.stamp["last_year"]))
        blocks.append(
            Table(
                f"Who could carry a base, and children near them, {last}",
                ["Host", "Children within the guide", "What it is", "Year groups", "Main need",
                 "Median minutes", "Spare places"],
                rows, f"{TABLES}/hosts.csv", text_columns=frozenset({2, 3, 4}),
                one_line=frozenset({3}), dense=True,
            )
        )  # fmt: skip
    if schools.empty:
        blocks.append(
            Text(
                "The table of provisions lists no mainstream school at a place of its own, so "
                "hosts are schools that have a base already and the candidate sites of base "
                "schemes. Give mainstream schools with coordinates, physical capacity and children "
                "on roll, and they are listed here.", "note",
            )
        )  # fmt: skip
    near = hosts[hosts["near"] > 0.5]
    answer = (
        f"{near.iloc[0]['name']}: {fmt.children(as_float(near.iloc[0]['near']))} whom a base there "
        "would suit by need and age are near it, and in no base."
        if len(near)
        else "Nobody whom a base would suit is left near a host: bases on the list reach them all."
    )
    return Section(
        "hosts",
        "Which schools could carry a base?",
        answer,
        "",
        "Counted are children whose support a base gives, of the host's year groups and needs, "
        "within the guide for journeys, who are in no base when bases take all they can. One child "
        "may be near several hosts.",
        blocks,
    )


def _how(finding: Finding) -> Section:
    price = dict(finding.stamp["price_of_new_place"])
    priced = "; ".join(
        f"{KINDS.get(k, k)} {fmt.pounds(as_float(v))} a place"
        for k, v in price.items()
        if as_float(v) > 0
    )
    return Section(
        "how",
        "How was it worked out?",
        "The same children, journeys and prices under three policies; nothing else differs.",
        "",
        "",
        [
            Items(
                [
                    "Bases only: no scheme but specialist bases may open, committed ones excepted.",
                    f"Bases first: a new place carries a price besides its cost ({priced}), so "
                    "that a special school is chosen only where bases cannot meet the need. The "
                    "price is in the search and in no figure shown.",
                    "Unconstrained: every kind of scheme that an authority may build.",
                    "What bases cannot meet: of all plans that build bases alone, the one with the "
                    "fewest child-years in special schools of any kind, whatever it costs; "
                    "alternative provision and being without a place are no way out. A bound "
                    "proves how few it could be.",
                    "A child is counted under the first reason that fits: settled in a special "
                    "school today and not at a transition point; in need of more support than a "
                    "base gives; of a need or age that no base takes, standing or on the list; "
                    "with no such base within the limits on journeys; or with one, that is full, "
                    "that families do not choose, or that nobody may be moved to.",
                ],
                folded="Definitions",
            )
        ],
    )
