"""What one more place is worth, how far its price holds, and what schools could do first."""

from __future__ import annotations

import math
from typing import Any, Final

import pandas as pd

from sufficiency.plan.finding import TABLES, Finding
from sufficiency.reports import charts
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import (
    Block,
    Cell,
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
from sufficiency.reports.sections.ranking import intervals
from sufficiency.vocabulary import KINDS, academic_year_label

VALIDITY: Final = {
    "valid": "for one place",
    "worth less": "one place is worth less",
    "worth nothing": "no place is scarce",
    "not checked": "not checked",
}
CHARTED: Final = 12
"""Provisions in the chart; the table has all."""
POUNDS: Final = 500.0


def sections(finding: Finding) -> list[Section]:
    """One more place, how far it holds, by need, and existing schools."""
    return [_places(finding), _range(finding), _by_need(finding), _changes(finding), _how(finding)]


def tiles(finding: Finding) -> list[tuple[str, str]]:
    """Numbers of the first September."""
    first = _first(finding)
    known = first[first["one_place_pounds"].notna()]
    checks = finding.tables["checks"]
    ones = checks[checks["places"] == 1]
    found = []
    if len(known):
        top = known.sort_values("one_place_pounds", ascending=False).iloc[0]
        found.append(
            (fmt.pounds(as_float(top["one_place_pounds"])),
             f"is what one more place at {top['name']} is worth, exactly")
        )  # fmt: skip
    if len(ones):
        found.append((f"{as_int(ones['holds'].sum())} of {len(ones)}",
                      "checked prices hold for one whole place"))  # fmt: skip
    return found


LOOK: Final = Look("what one more place is worth", sections, tiles)


def _first(finding: Finding) -> pd.DataFrame:
    """Values from the first September of each provision, the dearest first."""
    values = finding.tables["values"]
    return values.sort_values("academic_year").groupby("provision", sort=False).head(1)


def _worth(row: Any) -> float:
    exact = as_float(row.one_place_pounds)
    return exact if math.isfinite(exact) else as_float(row.worth_pounds)


def _places(finding: Finding) -> Section:
    first = _first(finding).copy()
    first["worth"] = [_worth(r) for r in records(first)]
    first = first.sort_values(["worth", "provision"], ascending=[False, True])
    scarce = first[first["worth"] > POUNDS]
    rows = [
        Row(
            str(r.name),
            [
                Cell(academic_year_label(as_int(r.academic_year))),
                fmt.pounds(as_float(r.one_place_pounds))
                if math.isfinite(as_float(r.one_place_pounds))
                else fmt.NONE,
                fmt.pounds(as_float(r.worth_pounds)),
                f"for {_reach(as_float(r.valid_up_to))}"
                if math.isfinite(as_float(r.valid_up_to))
                else VALIDITY[str(r.validity)],
                _or_dash(fmt.pounds, r.money_pounds),
                _or_dash(fmt.pounds, r.priced_pounds),
                _or_dash(_minutes, r.minutes),
                fmt.pounds(as_float(r.funding_pounds)),
            ],
        )
        for r in records(scarce)
    ]
    others = len(first) - len(scarce)
    blocks: list[Block] = []
    if len(scarce):
        blocks.append(_chart(scarce))
    blocks.append(
        Table(
            "One more place from a September on, present value",
            ["Provision", "From", "One place, exactly", "By its price", "Does the price hold?",
             "… in money", "… in priced failures", "Minutes saved a day", "Place funding"],
            rows, f"{TABLES}/values.csv", text_columns=frozenset({4}),
            dense=len(rows) > charts.ABOVE,
        )
    )  # fmt: skip
    if others:
        blocks.append(
            Text(
                f"At {fmt.number_of(others, 'other provision', 'other provisions')} one more place "
                "is worth nothing.", "note",
            )
        )  # fmt: skip
    # What the checks say is the answer to the next question, and is not said twice.
    return Section(
        "places",
        "What is one more place worth?",
        finding.sentences[0],
        "",
        "Worth is what the least cost of placing all children falls by, with the schemes of the "
        "plan; building the place is not charged, place funding stands in the last column. It is "
        "in money where fees and transport are saved, and in priced failures where crowding or "
        "unmet need is: that part is no saving.",
        blocks,
    )


def _reach(places: float) -> str:
    """How far a price holds, in words."""
    parts = {0.0: "less than a tenth of a place", 0.1: "a tenth of a place", 0.5: "half a place"}
    return parts.get(places) or fmt.places(places)


def _or_dash(said: Any, value: Any) -> str:
    number = as_float(value)
    return str(said(number)) if math.isfinite(number) else fmt.NONE


def _minutes(number: float) -> str:
    sign = fmt.MINUS if number < -0.05 else ""
    return f"{sign}{abs(number):.1f}"


def _chart(scarce: pd.DataFrame) -> Figure:
    shown = scarce.head(CHARTED)
    scale = fmt.money_scale([as_float(v) for v in shown["worth_pounds"]])
    rows = []
    for r in records(shown):
        worth, price = _worth(r) / scale[0], as_float(r.worth_pounds) / scale[0]
        ends = [min(0.0, worth), worth, max(price, worth)]
        rows.append((str(r.name), fmt.pounds(_worth(r)), ends))
    title = f"A place is worth most at {shown['name'].iloc[0]}"
    return Figure(
        title=title,
        caption=f"Worth of one more place from the first September on, {scale[1]}, present value. "
        "The mark is what one whole place is worth, found by placing children again; the bar ends "
        "at its price, which is right for the first small part of a place and may fall within it. "
        f"Source: {TABLES}/values.csv.",
        alt=f"{title}: " + "; ".join(f"{n} {w}" for n, w, _ in rows) + ".",
        draw=lambda width: charts.render(intervals(rows, width, scale[1])),
    )


def _range(finding: Finding) -> Section:
    checks = finding.tables["checks"]
    if checks.empty:
        return Section(
            "range", "How far does a price hold?", "No place is scarce, so no price was checked."
        )
    starts = checks.groupby("provision")["academic_year"].transform("min")
    checks = checks[checks["academic_year"] == starts]
    checks = checks[checks["places"] >= 1]
    order = list(dict.fromkeys(checks["provision"]))
    sizes = sorted({as_int(n) for n in checks["places"]})
    rows, panels = [], []
    labels = [str(n) for n in sizes]
    for provision in order:
        part = checks[checks["provision"] == provision].sort_values("places")
        worth = [as_float(v) for v in part["worth_pounds"]]
        rows.append(Row(str(part["name"].iloc[0]), [fmt.pounds(w) for w in worth]))
        further = [
            (w - b) / (n - m)
            for w, b, n, m in zip(worth, [0.0, *worth], sizes, [0, *sizes], strict=False)
        ]
        panels.append(
            charts.Panel(
                str(part["name"].iloc[0]),
                [charts.Line("", [f / 1e3 for f in further], charts.NAVY)],
            )
        )
    halves = _first(finding)
    reached = [
        f"{r.name}: the price holds for {_reach(as_float(r.valid_up_to))}"
        + (
            f"; beyond {fmt.places(as_float(r.halves_at))} a further one is worth less than half "
            "of it."
            if math.isfinite(as_float(r.halves_at)) and as_float(r.halves_at) > 0
            else "; already the first place is worth less than half of it."
            if as_float(r.halves_at) == 0
            else "."
        )
        for r in records(halves[halves["valid_up_to"].notna()])
    ]
    title = "Each further place is worth less than the one before"
    figure = Figure(
        title=title,
        caption="Worth of a further place when so many are added, £ thousand a place, present "
        "value: children placed again with 1, 2 and more places. Source: "
        f"{TABLES}/checks.csv.",
        alt=f"{title}: " + "; ".join(reached),
        draw=lambda width: charts.render(
            charts.panels(panels[:6], labels, width, "£ thousand a place")
        ),
        table=Table("What so many more places are worth together, present value",
                    ["Provision", *(f"{n} more" for n in sizes)], rows, f"{TABLES}/checks.csv",
                    folded="The numbers"),
    )  # fmt: skip
    return Section(
        "range",
        "How far does a price hold?",
        finding.sentences[1] if len(finding.sentences) > 1 else "",
        "In a small authority one place is much: a price can be right for its first tenth and "
        "wrong for the whole of it.",
        "A price claims to hold only where children were placed again and the worth agreed within "
        f"{fmt.percent(as_float(finding.stamp['tolerance']))}.",
        [figure, Items(reached, folded="Where each price ends")],
    )


def _by_need(finding: Finding) -> Section:
    table = finding.tables["by_need"]
    if table.empty:
        return Section("needs", "Where, by need and phase?", "No local place is limited.")
    first = as_int(table["academic_year"].min())
    years = sorted(
        {first, *(y for y in table["academic_year"].astype(int) if (y - first) % 3 == 0)}
    )
    rows: list[Row] = []
    for designation, part in table.groupby("designation", sort=False):
        rows.append(Row(str(designation)))
        for phase, mine in part.groupby("phase", sort=False):
            by_year = {as_int(r.academic_year): r for r in records(mine)}
            rows.append(
                Row(
                    fmt.capital_first(str(phase)),
                    [
                        Cell(fmt.pounds(as_float(by_year[y].worth_pounds)),
                             small=str(by_year[y].name)
                             + (" (holds)" if by_year[y].validity == "valid" else ""))
                        if y in by_year and as_float(by_year[y].worth_pounds) > POUNDS
                        else Cell(fmt.NONE)
                        for y in years
                    ],
                )
            )  # fmt: skip
    top = table[table["academic_year"] == first].sort_values("worth_pounds", ascending=False)
    lead = top.iloc[0]
    return Section(
        "needs",
        "Where would a place help most, by need, phase and year?",
        f"For {str(lead['designation']).lower()}, {lead['phase']}, from "
        f"{academic_year_label(first)}: at {lead['name']}.",
        "A place is worth what its provision makes of it: any child whom it suits may use it, so "
        "one provision may stand in several rows.",
        "By prices. They claim to hold for a whole place only where the cell says so.",
        [
            Table(
                "Highest price of one more place from a September on, and where",
                ["Phase", *(f"From {academic_year_label(y)}" for y in years)], rows,
                f"{TABLES}/by_need.csv", dense=True,
            )
        ],
    )  # fmt: skip


def _changes(finding: Finding) -> Section:
    table = finding.tables["changes"]
    if table.empty:
        return Section(
            "existing", "What could existing schools do first?",
            "No local provision has vacant places in the plan, so no change was looked at.",
        )  # fmt: skip
    rows = [
        Row(
            f"{r.name} {r.words}",
            [
                fmt.pounds(as_float(r.alone_pounds)),
                fmt.pounds(as_float(r.money_pounds)),
                fmt.pounds(as_float(r.priced_pounds)),
                fmt.pounds(as_float(r.with_plan_pounds)),
                fmt.count(as_float(r.newly_taken)),
                _minutes(as_float(r.minutes)),
                fmt.count(as_float(r.vacant)),
            ],
        )
        for r in records(table)
    ]
    names = [f"{r.name} {r.words}" for r in records(table)]
    values = [as_float(v) for v in table["alone_pounds"]]
    words = [fmt.pounds(v) for v in values]
    helpful = sum(v > POUNDS for v in values)
    title = f"{helpful} of {len(values)} changes would be worth something"
    figure = Figure(
        title=title,
        caption="Present value of changing an existing provision where nothing new is built, "
        "priced failures included. To the right (navy) it is worth something, to the left "
        f"(orange) children would be placed dearer. Source: {TABLES}/changes.csv.",
        alt=f"{title}: " + "; ".join(f"{n}: {w}" for n, w in zip(names, words, strict=True)) + ".",
        draw=lambda width: charts.render(charts.signed_bars(names, values, words, width)),
    )
    return Section(
        "existing",
        "What could existing schools do before anything is built?",
        finding.sentences[-1],
        "",
        "Each change is a question of its own: the inputs are changed and children placed again "
        "under all rules. A change can be worth less than nothing, for who is at a school has a "
        "right to stay there into a phase that it spans. Staff, buildings and the statutory "
        "process are not priced.",
        [
            figure,
            Heading("The changes side by side"),
            Table(
                "Worth of changing existing provisions, present value",
                ["Change", "With nothing new", "… in money", "… in priced failures",
                 "Beside the plan", "Child-years newly taken", "Minutes saved a day",
                 "Vacant child-years before"],
                rows, f"{TABLES}/changes.csv",
            ),
        ],
    )  # fmt: skip


def _how(finding: Finding) -> Section:
    return Section(
        "how",
        "How was it worked out?",
        "From the plan of least cost, with its schemes as they are.",
        "",
        "",
        [
            Items(
                [
                    "The price of a place is the dual value of the rule that limits it: what one "
                    "more place in one year saves, for a small change. A place stays, so its worth "
                    "from a September on adds up all years to the last planned one; a school may "
                    "take a share of children beyond its places, which a further place widens.",
                    "Exact worth: children are placed again with the places added, at least cost "
                    "and under all rules. Further places can only be worth less.",
                    "Minutes saved a day: one way, of all children in specialist bases and special "
                    "schools together, mean of the planned years; below nought where children come "
                    "back to local places from nearer ones outside.",
                    f"Kinds of provision: {fmt.in_words(sorted(KINDS.values()))}. Those without a "
                    "limit on places have no price.",
                    "Changes looked at by themselves are where places stand vacant: towards the "
                    "designation and the next phase in which most children are not in local "
                    "places.",
                ],
                folded="Definitions",
            )
        ],
    )
