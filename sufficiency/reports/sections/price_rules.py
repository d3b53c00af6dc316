"""What delay costs, and what each rule does: one table and its chart."""

from __future__ import annotations

import math
from typing import Any, Final

import pandas as pd

from sufficiency.plan.finding import TABLES, Finding
from sufficiency.reports import charts
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import Block, Figure, Items, Look, Row, Section, Table, Text
from sufficiency.reports.facts import as_float, records
from sufficiency.reports.sections.ranking import intervals

LATE: Final = " opens a year late, in "
"""After the name of a scheme in the words of its delay, before the academic year."""
NOTHING: Final = 500.0
"""Pounds of present value below which the study says that nothing changed."""

GROUPS: Final = {
    "later": ("delay", "What does delay cost?", "Delay"),
    "relaxed": ("rules", "What does each rule cost?", "If the rule were relaxed"),
    "tighter": ("tighter", "What would a tighter rule cost?", "If the rule were tighter"),
}
"""Direction: anchor, question, heading of its rows."""


def sections(finding: Finding) -> list[Section]:
    """Everything in one table, then delays, rules, and tighter rules one by one."""
    return [_all(finding), *(_group(finding, d) for d in GROUPS if _of(finding, d).size), _how()]


def tiles(finding: Finding) -> list[tuple[str, str]]:
    """The dearest of each direction."""
    found = []
    late = _of(finding, "later")
    late = late[(late["rule"] == "delay") & late["same_pounds"].notna()]
    if len(late):
        top = late.sort_values("same_pounds", ascending=False).iloc[0]
        found.append((fmt.pounds(as_float(top["same_pounds"])),
                      f"dearest delay of one scheme: {_short(top)}"))  # fmt: skip
    relaxed = _of(finding, "relaxed")
    proven = relaxed[relaxed["anew_most"] < 0].sort_values("anew_pounds")
    if len(proven):
        top = proven.iloc[0]
        found.append((fmt.pounds(-as_float(top["anew_pounds"])), f"saved if: {_short(top)}"))
    tighter = _of(finding, "tighter")
    dear = tighter[tighter["anew_least"] > 0].sort_values("anew_pounds", ascending=False)
    if len(dear):
        top = dear.iloc[0]
        found.append((fmt.pounds(as_float(top["anew_pounds"])), f"more if: {_short(top)}"))
    return found


LOOK: Final = Look("the price of delay and of each rule", sections, tiles)


def _of(finding: Finding, direction: str) -> pd.DataFrame:
    table = finding.tables["rules"]
    return table[table["direction"] == direction]


def _short(row: pd.Series) -> str:
    text = str(row["words"])
    # A delay begins with the name of its scheme.
    named = str(row["rule"]) == "delay" or text[:2].isupper()
    return text if named else f"{text[0].lower()}{text[1:]}"


def _change(pounds: float, scale: tuple[float, str, int]) -> str:
    if not math.isfinite(pounds):
        return "not possible"
    if abs(pounds) < NOTHING:
        return "nothing"
    return fmt.signed(pounds, scale)


def _anew(row: Any, scale: tuple[float, str, int]) -> str:
    least, most = as_float(row.anew_least), as_float(row.anew_most)
    if not math.isfinite(as_float(row.anew_pounds)):
        return "no plan"
    if least > 0 or most < 0 or max(abs(least), abs(most)) < NOTHING:
        return _change(as_float(row.anew_pounds), scale)
    return "not proven"


def _scale(frame: pd.DataFrame) -> tuple[float, str, int]:
    columns = ("same_pounds", "anew_least", "anew_most")
    return fmt.money_scale([as_float(v) for c in columns for v in frame[c]])


def _table(frame: pd.DataFrame, caption: str, grouped: bool) -> Table:
    rows: list[Row] = []
    scale = _scale(frame)
    for direction, (_, _, heading) in GROUPS.items():
        part = frame[frame["direction"] == direction]
        if part.empty:
            continue
        if grouped:
            rows.append(Row(heading))
        rows += [
            Row(
                str(r.words),
                [
                    _change(as_float(r.same_pounds), scale),
                    _change(as_float(r.same_money_pounds), scale),
                    _anew(r, scale),
                    f"{fmt.signed(as_float(r.anew_least), scale)} to "
                    f"{fmt.signed(as_float(r.anew_most), scale)}"
                    if math.isfinite(as_float(r.anew_pounds))
                    else fmt.NONE,
                    fmt.count(as_float(r.last_year)),
                    fmt.count(as_float(r.children)),
                    _more(as_float(r.unmet) + as_float(r.beyond_limit)),
                ],
            )
            for r in records(part)
        ]
    return Table(
        f"{caption}, {scale[1]}, present value",
        ["What changes", "Same schemes", "… in money", "Planned anew", "… between (proven)",
         "Children elsewhere in the last year", "Child-years elsewhere",
         "Child-years more without a place"],
        rows, f"{TABLES}/rules.csv",
    )  # fmt: skip


def _more(number: float) -> str:
    if not math.isfinite(number):
        return fmt.NONE
    text = fmt.count(number)
    return f"+{text}" if number > 0.05 else text


def _all(finding: Finding) -> Section:
    table = finding.tables["rules"]
    first, *others = finding.sentences
    return Section(
        "all",
        "What do delay and each rule cost?",
        first,
        " ".join(others),
        "Present value, priced failures included; the part in money stands beside it. With the "
        "same schemes children are placed again, exactly. Planned anew, both plans are known "
        "between a bound and a cost: where nought lies between, it is not proven to matter.",
        [_table(table, "The price of delay and of each rule", grouped=True)],
    )


def _group(finding: Finding, direction: str) -> Section:
    frame = _of(finding, direction)
    anchor, question, _ = GROUPS[direction]
    known = frame[frame["anew_pounds"].notna()]
    blocks: list[Block] = [_chart(known, direction)] if len(known) else []
    names = dict(finding.stamp["names"])
    said = []
    for r in records(frame):
        parts = [
            f"{fmt.in_words([str(names.get(s, s)) for s in str(v).split('|') if s])} {w}"
            for v, w in ((r.added, "would open"), (r.left_out, "would not"))
            if str(v)
        ]
        if parts:
            said.append(f"{r.words}: {'; '.join(parts)}.")
    if said:
        blocks.append(Items(said, folded="Which schemes would change, planned anew"))
    blocks += [
        Text(f"{r.words}: no plan is possible. {r.reason}", "note")
        for r in records(frame[frame["anew_pounds"].isna()])
    ]
    proven = known[(known["anew_least"] > 0) | (known["anew_most"] < 0)]
    top = proven.reindex(proven["anew_pounds"].abs().sort_values(ascending=False).index)
    if len(top):
        row = top.iloc[0]
        worth = as_float(row["anew_pounds"])
        verb = "costs" if worth > 0 else "saves"
        answer = f"{row['words']}: that {verb} {fmt.pounds(abs(worth))}, planned anew."
    else:
        answer = "Nothing here is proven to matter."
    count = len(proven)
    number = (
        f"{count} of {fmt.number_of(len(known), 'line is', 'lines are')} proven to change the cost "
        "of the best plan."
    )
    return Section(anchor, question, answer, number, "", blocks)


def _chart(known: pd.DataFrame, direction: str) -> Figure:
    order = known.sort_values("anew_pounds", ascending=direction == "relaxed", kind="stable")
    scale = fmt.money_scale(
        [as_float(v) for c in ("anew_least", "anew_most") for v in order[c]]
    )  # fmt: skip
    rows = [
        (
            # The words that all delays share leave no room for the rest on a telephone.
            str(r.words).split(LATE)[0] if str(r.rule) == "delay" else str(r.words),
            _anew(r, scale),
            [as_float(v) / scale[0] for v in (r.anew_least, r.anew_pounds, r.anew_most)],
        )
        for r in records(order)
    ]
    proven = int(((order["anew_least"] > 0) | (order["anew_most"] < 0)).sum())
    title = f"{proven} of {len(order)} are proven to matter"
    delays = " Where a scheme is named alone, it opens a year late."
    return Figure(
        title=title,
        caption=f"Change of the cost of the best plan, planned anew, {scale[1]}, present value. "
        "The bar is what is proven, the mark the difference of the two plans found; left of the "
        f"line is a saving.{delays if (order['rule'] == 'delay').any() else ''} "
        f"Source: {TABLES}/rules.csv.",
        alt=f"{title}: " + "; ".join(f"{n}: {w}" for n, w, _ in rows) + ".",
        draw=lambda width: charts.render(intervals(rows, width, scale[1])),
    )


def _how() -> Section:
    return Section(
        "how",
        "How was it worked out?",
        "Every line changes one thing and leaves all else as it is.",
        "",
        "",
        [
            Items(
                [
                    "A delay: the scheme opens one September later than in the plan, and what "
                    "requires it no sooner. With the same schemes, all others open as planned: "
                    "the price of a surprise. Planned anew, the others may be changed: the price "
                    "of a delay that is known in time.",
                    "A budget that is late leaves in place what committed schemes draw.",
                    "Children elsewhere: what rolls of provisions lose and others gain, net, with "
                    "the same schemes where that is possible. Children who merely change places "
                    "with each other are not counted. Where the cost does not change, an equally "
                    "good plan moves nobody.",
                    "Without a place: no suitable place, or beyond what a school can hold.",
                    "Rules protect children and families. A price is what a rule costs, never a "
                    "case for dropping it: several of them are law.",
                ],
                folded="Definitions",
            )
        ],
    )
