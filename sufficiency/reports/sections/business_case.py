"""What the plan and each of its schemes are worth against doing nothing, and who pays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from sufficiency.plan.business_case import BASES, MINIMUM, NOTHING, PACKAGE, THIS, BusinessCase
from sufficiency.reports import charts
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import Block, Figure, Heading, Items, Row, Section, Table, Text
from sufficiency.reports.facts import LINES, Run, as_float, as_int, records
from sufficiency.vocabulary import KINDS, LEDGERS, academic_year_label, financial_year_label

NAMES = {NOTHING: "Do nothing", BASES: "Bases only", MINIMUM: "Do minimum", THIS: "Do this"}
FAILURES = {
    "unmet": "Without a suitable place",
    "over_capacity": "Above commissioned places",
    "beyond_limit": "Beyond what schools can hold",
    "over_guide": "With a journey over the guide",
}
LINES_IN_CELL = 16
LETTERS_IN_LINE = 80
"""About as many stand side by side in the widest column of words on paper."""
NAMED = 3
"""Schemes up to which names stand without a count before them."""
SMALL = 0.05
"""Child-years below which a difference is rounding of the solver."""


def business_case(run: Run) -> Section | None:
    """The package and its schemes; None where no business case was made of this run."""
    case = run.business_case
    if case is None:
        return None
    blocks: list[Block] = []
    single = len(case.subjects) - 1
    # A chart of many schemes takes a sheet of paper to itself, so it stands with their tables.
    first = 1 < single <= charts.ABOVE
    if why := _why_together_differs(case):
        blocks += [Heading("Why do alone and together differ?"), Text(why)]
    if first:
        blocks.append(_worth_chart(run, case))
    blocks += [
        Heading("What are the options?"),
        options_table(run, case, PACKAGE),
        Text(_options_note(case), "note"),
        failures_table(run, case, PACKAGE),
        _payback_chart(run, case),
        Heading("Who pays, and who gains?"),
        Text(_ledger_sentence(case, PACKAGE)),
        lines_table(run, case, PACKAGE),
        years_table(run, case, PACKAGE),
    ]
    if single:
        blocks.append(Heading("What is each scheme worth?"))
        if single > charts.ABOVE:
            blocks.append(_worth_chart(run, case))
        blocks += _scheme_tables(run, case)
    blocks += [
        Heading("When does it stop paying?"),
        _switching_table(run, case),
        Heading("What must be checked, and what may go wrong?"),
        triggers_table(run, case, case.subjects, "Statutory triggers to check"),
        risks_table(run, case, case.subjects, "Risks, and what the figures say of them"),
        Heading("How was it worked out?"),
        Items(method(run, case), folded="Definitions, and what they leave out"),
    ]
    return Section(
        "business-case", "Is it worth the money?", _answer(run, case),
        _number(case, PACKAGE), _sure(run, case), blocks,
    )  # fmt: skip


def scheme_section(run: Run, case: BusinessCase, subject: str) -> Section:
    """One scheme on its own, for the document."""
    this = _row(case, subject, THIS)
    name = name_of(run, subject)
    worth = as_float(this["net_present_value_pounds"])
    answer = f"{name} {_worth_words(worth)}, against the plan without it."
    margin = case.of("margins", subject)
    further = ""
    if len(margin):
        value, cost = as_float(margin.iloc[0, 1]), as_float(margin.iloc[0, 2])
        if math.isfinite(value):
            further = (
                f"By the plan's marginal values one more place in it would be worth "
                f"{fmt.pounds(value)} today and cost {fmt.pounds(cost)}: "
                + (
                    "a larger one would pay, if there were room and money for it."
                    if value > cost
                    else "it is large enough."
                )
            )
    switches = case.of("switching", subject)
    blocks: list[Block] = [
        options_table(run, case, subject),
        failures_table(run, case, subject),
        Text(_ledger_sentence(case, subject)),
        lines_table(run, case, subject),
        years_table(run, case, subject),
        _places_table(run, case, subject),
        Heading("When does it stop paying?"),
        Items([str(w) for w in switches["words"]]),
        Heading("What must be checked, and what may go wrong?"),
        triggers_table(run, case, [subject], "Statutory triggers to check"),
        risks_table(run, case, [subject], "Risks, and what the figures say of them"),
    ]
    if further:
        blocks.insert(3, Text(further))
    return Section(
        f"scheme-{subject}", f"What is {name} worth?", answer, _number(case, subject), "", blocks
    )


# ------------------------------------------------------------------ words


def name_of(run: Run, subject: str) -> str:
    """The name of a scheme; "All schemes together" for the package."""
    if subject == PACKAGE:
        return "All schemes together"
    table = run.plan.schemes
    found = table.loc[table["scheme"] == subject, "name"]
    return str(found.iloc[0]) if len(found) else subject


def _row(case: BusinessCase, subject: str, option: str) -> pd.Series:
    found = case.option(subject, option)
    assert found is not None, "every subject has the options do nothing and do this"
    return found


def _worth_words(worth: float) -> str:
    if abs(worth) < 0.5:
        return "is worth neither more nor less than it costs"
    if worth > 0:
        return f"is worth {fmt.pounds(worth)} more than it costs"
    return f"costs {fmt.pounds(-worth)} more than it is worth in money"


def _answer(run: Run, case: BusinessCase) -> str:
    worth = as_float(_row(case, PACKAGE, THIS)["net_present_value_pounds"])
    said = f"Against building only what is committed, the plan {_worth_words(worth)}, today."
    single = _single(case)
    if not single:
        return said
    return f"{said} {_paying_words(run, case)}"


def _single(case: BusinessCase) -> list[str]:
    return [s for s in case.subjects if s != PACKAGE]


def _paying(case: BusinessCase) -> list[str]:
    """Schemes that are worth what they cost, each against the plan without it."""
    return [
        s for s in _single(case)
        if as_float(_row(case, s, THIS)["net_present_value_pounds"]) >= 0
    ]  # fmt: skip


def _chosen(case: BusinessCase) -> int:
    """How many schemes the plan chose, looked at or not."""
    return len([s for s in str(_row(case, PACKAGE, THIS)["schemes"]).split("|") if s])


def _paying_words(run: Run, case: BusinessCase) -> str:
    single, paying = _single(case), _paying(case)
    count, pays = len(single), len(paying)
    whole = _chosen(case)
    if count == 1:
        does = "pays for itself" if paying else "does not pay for itself in money"
        if whole <= 1:
            return f"Its one scheme {does}."
        name = name_of(run, single[0])
        return f"Of its {whole} schemes one was looked at: taken on its own, {name} {does}."
    of = f"its {count} schemes" if whole <= count else f"the {count} schemes looked at"
    rest = "" if whole <= count else f"; the plan has {whole}"
    if pays == count:
        return f"Taken one at a time, each of {of} pays for itself{rest}."
    if not paying:
        return f"Taken one at a time, none of {of} pays for itself in money{rest}."
    verb = "pays for itself" if pays == 1 else "pay for themselves"
    return f"Taken one at a time, {pays} of {of} {verb}{rest}."


def _why_together_differs(case: BusinessCase) -> str:
    """Why the plan pays and most of its schemes do not, or the reverse; empty where they agree."""
    package = _row(case, PACKAGE, THIS)
    worth = as_float(package["net_present_value_pounds"])
    single, paying = _single(case), _paying(case)
    loss = worth < -0.5 and 2 * len(paying) > len(single)
    gain = worth >= 0.5 and 2 * len(paying) < len(single)
    if not (loss or gain):
        return ""
    places = as_float(package["added_places"])
    places_alone = sum(as_float(_row(case, s, THIS)["added_places"]) for s in single)
    said = (
        "They are compared with different things. A scheme on its own is set against the plan "
        "without it"
    )
    priced = as_float(package["value_with_failures_pounds"])
    last = (
        " With the planning model's prices on failures the plan "
        + (
            f"is worth {fmt.pounds(priced)} more than it costs."
            if priced >= 0
            else f"still costs {fmt.pounds(-priced)} more than it is worth."
        )
        if loss
        else ""
    )
    if places < 1 or places_alone < 1:
        return f"{said}, all together against doing nothing.{last}"
    # By place, for few schemes on their own may be set beside a plan of many.
    fees = -_change(case, PACKAGE, "fees") / places
    fees_alone = -sum(_change(case, s, "fees") for s in single) / places_alone
    spared = _spared(case, PACKAGE) / places
    spared_alone = sum(_spared(case, s) for s in single) / places_alone
    if loss and fees_alone > fees >= 0 and spared > max(spared_alone, 0.05):
        return (
            f"{said}, where its children go to schools that charge fees: a place saves "
            f"{fmt.pounds(fees_alone)} of fees, in today's value. All together are set against "
            "doing nothing, where children crowd the schools there are instead, which costs no "
            f"money: a place saves {fmt.pounds(fees)} of fees and spares {spared:.1f} child-years "
            f"{_lower(FAILURES['beyond_limit'])} (on its own {max(spared_alone, 0.0):.1f}).{last}"
        )
    held = gain and fees_alone < fees
    reason = ", where other schemes do part of its work" if held else ""
    return (
        f"{said}{reason}: fees {_moved(-fees_alone)} a place, in today's value. All together are "
        f"set against doing nothing: fees {_moved(-fees)} a place.{last}"
    )


def _spared(case: BusinessCase, subject: str, failure: str = "beyond_limit") -> float:
    """Child-years of a failure that doing nothing has beyond this."""
    return as_float(_row(case, subject, NOTHING)[failure]) - as_float(
        _row(case, subject, THIS)[failure]
    )


def _lower(words: str) -> str:
    return f"{words[0].lower()}{words[1:]}"


def _change(case: BusinessCase, subject: str, *lines: str, option: str = THIS) -> float:
    """Present value of lines, less that of doing nothing."""
    table = case.of("lines", subject)
    wanted = (table["option"] == option) & table["line"].isin(lines)
    return as_float(table.loc[wanted, "change_pounds"].sum())


def _number(case: BusinessCase, subject: str) -> str:
    this = _row(case, subject, THIS)
    payback = as_float(this["payback_years"])
    capital = as_float(this["added_capital_pounds"])
    fees, transport = _change(case, subject, "fees"), _change(case, subject, "transport")
    built = as_float(case_overrun(case, subject))
    parts = [
        f"It takes {fmt.pounds(capital)} of capital for "
        f"{fmt.places(as_float(this['added_places']))}"
        + (
            f", {fmt.pounds(as_float(this['capital_per_place_pounds']))} a place with optimism bias"
            if math.isfinite(as_float(this["capital_per_place_pounds"]))
            else ""
        )
        + f"; optimism bias adds {fmt.pounds(built)}, in today's value.",
        f"Fees {_moved(fees)} and transport costs {_moved(transport)}, in today's value.",
        (
            f"Money is back {_years(payback)} after the first capital."
            if math.isfinite(payback)
            else "The money is not back within the planned years, what is left in buildings not "
            "counted."
        ),
    ]
    beyond = []
    for verb, sign in (("spares", 1), ("adds", -1)):
        changed = [
            f"{fmt.child_years(sign * change)} {_lower(words)}"
            for column, words in FAILURES.items()
            for change in [_spared(case, subject, column)]
            if sign * change > SMALL
        ]
        if changed:
            beyond.append(f"{verb} {fmt.in_words(changed)}")
    if beyond:
        parts.append(f"Beyond money it {', and it '.join(beyond)}.")
    return " ".join(parts)


def case_overrun(case: BusinessCase, subject: str) -> float:
    """Present value of optimism bias, beyond that of doing nothing."""
    return _change(case, subject, "optimism_bias")


def _years(number: float) -> str:
    return f"{number:g} {'year' if number == 1 else 'years'}" if number >= 1 else "at once"


def _moved(pounds: float) -> str:
    """What a cost that is spoken of in the plural does: ``fall by £1.2 million``."""
    if abs(pounds) < 0.5:
        return "stay as they are"
    return f"{'rise' if pounds > 0 else 'fall'} by {fmt.pounds(abs(pounds))}"


def _signed(pounds: float) -> str:
    return f"{'+' if pounds >= 0.5 else ''}{fmt.pounds(pounds)}"


def _sure(run: Run, case: BusinessCase) -> str:
    stamp = case.stamp
    bias = dict(stamp["values"]["optimism_bias"])
    left = as_float(stamp["search_left_open_pounds"])
    return (
        f"Present value at {fmt.percent(as_float(stamp['discount_rate']), 1)} a year, counted from "
        f"{stamp['first_financial_year']} to {stamp['last_financial_year']}, in prices of "
        f"{stamp['price_base']}. Optimism bias: "
        f"{_value_words(bias['value'], 'share')} of capital ({bias['source']}). "
        f"The search left {fmt.pounds(left)} open, so a scheme worth less than that either way is "
        "a near-tie. Unmet need is never counted as a saving."
    )


def _value_words(value: Any, unit: str) -> str:
    """A value of the planning model; one that holds for every kind needs no word for that."""
    if isinstance(value, dict) and list(value) == ["default"]:
        value = value["default"]
    return "; ".join(fmt.model_value(value, unit))


def _options_note(case: BusinessCase) -> str:
    words = [
        f"{NAMES[str(r.option)]}: {_lower(str(r.words))}."
        for r in records(case.of("options", PACKAGE))
    ]
    return " ".join(words) + " Below nought is income or a saving."


def _ledger_sentence(case: BusinessCase, subject: str) -> str:
    table = case.of("lines", subject)
    mine = table[table["option"] == THIS].groupby("ledger")["change_pounds"].sum()
    said = [
        f"{name} {fmt.more_or_less(as_float(mine.get(ledger, 0.0)))}"
        for ledger, name in LEDGERS.items()
    ]
    words = f"In today's value, against doing nothing: {', '.join(said)}."
    if subject != PACKAGE:
        return words
    return (
        f"{words} Fees, top-ups and place funding fall on the Dedicated Schools Grant, transport "
        "on the general fund, building on capital; a saving in one purse cannot be spent from "
        "another."
    )


def _placed_words(case: BusinessCase) -> str:
    """What was asked again for every option, and how near the answer is proven to be."""
    said = (
        "Children are placed anew, at least cost and under the same rules, for every option; every "
        "other scheme opens as in the plan, or not at all. So a scheme is worth here what it adds "
        "to this plan: were it given up, other schemes might do part of its work, which ranking "
        "schemes tells."
    )
    if "placed_within_pounds" not in case.stamp:  # a case of an earlier version: exact
        return said
    within = as_float(case.stamp["placed_within_pounds"])
    if within < 1.0:
        return f"{said} No option is placed at more than the least cost, to the pound."
    return (
        f"{said} No option costs more than {fmt.pounds(within)} above the least cost of its "
        "schemes, priced failures included; that is proven."
    )


def method(run: Run, case: BusinessCase) -> list[str]:
    """How it was worked out, in sentences."""
    values = case.stamp["values"]

    def stated(key: str) -> str:
        entry = values[key]
        text = _value_words(entry["value"], str(entry["unit"]))
        return f"{text} ({entry['source']}, {fmt.date(entry['date'])})"

    return [
        "Do nothing, for all schemes together: only what is committed already. For one scheme: the "
        "plan without it and without the schemes that require it; every other scheme is kept, and "
        "schools take more children than they have places for as far as the rules allow.",
        "Do minimum, for all schemes together: the plan's specialist bases and extensions, but no "
        "new school; where bases alone are fewer, they stand on their own. For one scheme, which "
        "has no smaller version: the same a year later, and what requires it with it. Where that "
        "cannot be, there is no such option.",
        _placed_words(case),
        f"Discount rate: {stated('discount_rate')}. Price base: {stated('price_base')}.",
        f"Optimism bias on estimated capital: {stated('optimism_bias')}. It is no part of the "
        "search for the plan, so a scheme may be chosen at its estimate and not pay with it.",
        f"Lifecycle: {stated('lifecycle_share')}.",
        f"Life of a building, in years: {stated('building_life_years')}. What is left of the "
        "estimate at the end is credited, straight line; what a building cost too much is not. "
        "Benefits after the last planned year are not counted otherwise.",
        "An academic year falls 7/12 in one financial year and 5/12 in the next. All ledgers count "
        "pound for pound, whatever weight the search gave them.",
        "Unmet need is never a saving: children without a suitable place are charged the highest "
        "fee of the model for their need and tier, for the duty of section 42 of the Children and "
        "Families Act 2014 remains.",
        "Crowded schools cost no more in money than full ones; that is why children above "
        "commissioned places, and beyond what schools can hold, stand beside the money, and why "
        "the value with priced failures is given as well.",
        "Switching values hold with children placed as in the two options. For occupancy, a share "
        "of the children who would come does come and the others stay as without the scheme.",
        "Values of single schemes do not add up to that of all together: two schemes that serve "
        "the same children are each worth little while the other stands.",
    ] + (
        ["The run places whole children; the business case places expected shares of them, for "
         "which costs are exact. Its figures therefore differ a little from the run's tables."]
        if case.stamp.get("whole_children")
        else []
    )  # fmt: skip


# ------------------------------------------------------------------ figures


def _worth_chart(run: Run, case: BusinessCase) -> Figure:
    single = _single(case)
    worth = {s: as_float(_row(case, s, THIS)["net_present_value_pounds"]) for s in single}
    order = sorted(single, key=lambda s: (-worth[s], name_of(run, s)))
    paying = len(_paying(case))
    pay = "pays" if paying == 1 else "pay"
    if len(order) < _chosen(case):
        title = f"One by one, {paying} of {len(order)} schemes looked at {pay}"
    else:
        title = "Taken one at a time, " + (
            "every scheme pays for itself"
            if paying == len(order)
            else "no scheme pays in money"
            if not paying
            else f"{paying} of {len(order)} schemes {pay}"
        )
    names = [name_of(run, s) for s in order]
    values = [worth[s] for s in order]
    words = [_signed(v) for v in values]
    return Figure(
        title=title,
        caption=(
            "Net present value of each scheme against the plan without it, "
            f"{run.authority}, {case.stamp['first_financial_year']} to "
            f"{case.stamp['last_financial_year']}, optimism bias and lifecycle included. To the "
            "right (navy) it is worth more than it costs, to the left (orange) less. "
            f"Source: {_file('options')}."
        ),
        alt=f"{title}: " + "; ".join(f"{n} {w}" for n, w in zip(names, words, strict=True)) + ".",
        draw=lambda width: charts.render(charts.signed_bars(names, values, words, width)),
        sheets=lambda width, height: [
            charts.render(c)
            for c in charts.signed_bars_in_sheets(names, values, words, width, height)
        ],
    )


def _payback_chart(run: Run, case: BusinessCase) -> Figure:
    table = case.of("years", PACKAGE)
    table = table[table["complete"].astype(bool) & (table["line"] != "residual_value")]
    years = list(range(run.first, run.last + 1))
    labels = [financial_year_label(y) for y in years]
    lines, found = [], {}
    look = {THIS: (charts.NAVY, ()), MINIMUM: (charts.ORANGE, (6, 4)), BASES: (charts.TEAL, (2, 3))}
    shown = [o for o in (THIS, MINIMUM, BASES) if case.option(PACKAGE, o) is not None]
    cash = {
        o: -table[table["option"] == o].groupby("financial_year")["change_pounds"].sum()
        .reindex(years, fill_value=0.0).cumsum()
        for o in shown
    }  # fmt: skip
    scale = fmt.money_scale([as_float(v) for o in shown for v in cash[o]])
    for option in shown:
        values = [as_float(v) / scale[0] for v in cash[option]]
        found[option] = values
        colour, dash = look[option]
        lines.append(
            charts.Line(f"{option} {fmt.scaled(values[-1], (1, '', 1))}", values, colour, dash)
        )
    payback = as_float(_row(case, PACKAGE, THIS)["payback_years"])
    end = fmt.pounds(found[THIS][-1] * scale[0])
    title = (
        f"The money is back {_years(payback)} after the first spending"
        if math.isfinite(payback)
        else f"The money is not back by {labels[-1]}"
    )
    return Figure(
        title=title,
        caption=(
            f"Cash saved less cash spent since {labels[0]}, all ledgers, against doing nothing, "
            f"{run.authority}, {scale[1]}, prices of {case.stamp['price_base']}, not discounted, "
            "optimism bias and lifecycle included, what is left in buildings not. "
            f"Source: {_file('years')}."
        ),
        alt=f"{title}. The plan stands at {end} in {labels[-1]}.",
        draw=lambda width: charts.render(
            charts.panels(
                [charts.Panel("Cumulative cash against doing nothing", lines)], labels,
                width if width < charts.NARROW else min(width, 640), scale[1],
                number_format=",.3~r", columns=1,
            )
        ),
    )  # fmt: skip


# ------------------------------------------------------------------ tables


def _file(table: str) -> str:
    return f"business_case/business_case_{table}.csv"


def options_table(run: Run, case: BusinessCase, subject: str) -> Table:
    """The options of a subject side by side, in money."""
    rows_of = case.of("options", subject)
    money = ["dsg_pounds", "general_fund_pounds", "capital_ledger_pounds"]
    nothing = rows_of[rows_of["option"] == NOTHING].iloc[0]
    changes = {
        str(r.option): [
            as_float(getattr(r, column)) - as_float(nothing[column]) for column in money
        ]
        for r in records(rows_of)
    }
    scale = fmt.money_scale(
        [v for row in changes.values() for v in row]
        + [as_float(v) for v in rows_of["net_present_value_pounds"]]
        + [as_float(v) for v in rows_of["added_capital_pounds"]]
    )
    rows = []
    for r in records(rows_of):
        option = str(r.option)
        rows.append(
            Row(
                NAMES[option],
                [
                    str(r.words),
                    fmt.count(as_float(r.added_places)),
                    fmt.scaled(as_float(r.added_capital_pounds), scale),
                    *(fmt.signed(v, scale) for v in changes[option]),
                    fmt.signed(as_float(r.net_present_value_pounds), scale),
                    _payback_words(as_float(r.payback_years), option),
                ],
                total=option == THIS,
            )
        )
    return Table(
        caption=f"Options of {_subject(run, subject)}, {scale[1]}: capital as estimated, the other "
        "columns in today's value, against doing nothing",
        headers=[
            "Option", "What is done", "Places", "Capital", *LEDGERS.values(),
            "Net present value", "Payback",
        ],
        groups=[("", 4), ("Change in cost by ledger", 3), ("Worth", 2)],
        rows=rows,
        source=_file("options"),
        text_columns=frozenset({1}),
        dense=True,
    )  # fmt: skip


def _payback_words(years: float, option: str = THIS) -> str:
    if option == NOTHING:
        return fmt.NONE
    return _years(years) if math.isfinite(years) else "not by the end"


def failures_table(run: Run, case: BusinessCase, subject: str) -> Table:
    """The options of a subject side by side, beyond money."""
    rows_of = case.of("options", subject)
    scale = fmt.money_scale([as_float(v) for v in rows_of["value_with_failures_pounds"]])
    rows = [
        Row(
            NAMES[str(r.option)],
            [
                *(fmt.count(as_float(getattr(r, c))) for c in FAILURES),
                fmt.signed(as_float(r.value_with_failures_pounds), scale),
            ],
            total=str(r.option) == THIS,
        )
        for r in records(rows_of)
    ]
    return Table(
        caption=f"Beyond money, options of {_subject(run, subject)}: child-years over the planned "
        f"years, and the net present value with the model's prices on them, {scale[1]}",
        headers=["Option", *FAILURES.values(), "Value with priced failures"],
        rows=rows,
        source=_file("options"),
        dense=True,
    )


def _subject(run: Run, subject: str) -> str:
    return "all schemes together" if subject == PACKAGE else name_of(run, subject)


def lines_table(run: Run, case: BusinessCase, subject: str) -> Table:
    """Present value by ledger and line: each option against doing nothing."""
    table = case.of("lines", subject)
    options = [o for o in (BASES, MINIMUM, THIS) if case.option(subject, o) is not None]
    changes: dict[tuple[str, str], dict[str, float]] = {}
    for r in records(table[table["option"].isin(options)]):
        row = changes.setdefault((str(r.ledger), str(r.line)), dict.fromkeys(options, 0.0))
        row[str(r.option)] = as_float(r.change_pounds)
    scale = fmt.money_scale([v for row in changes.values() for v in row.values()])
    rows: list[Row] = []
    for ledger, name in LEDGERS.items():
        mine = [
            line for line in LINES
            if any(abs(v) >= 0.5 for v in changes.get((ledger, line), {}).values())
        ]  # fmt: skip
        if not mine:
            continue
        rows.append(Row(name))
        rows += [
            Row(LINES[line], [fmt.signed(changes[ledger, line][o], scale)
                              for o in options])
            for line in mine
        ]  # fmt: skip
        rows.append(
            Row(f"All of {name}", [
                fmt.signed(sum(changes[ledger, line][o] for line in mine), scale)
                for o in options], total=True)
        )  # fmt: skip
    return Table(
        caption=f"What changes against doing nothing, {_subject(run, subject)}: present value by "
        f"ledger and line, {scale[1]}; below nought is a saving",
        headers=["Line", *(NAMES[o] for o in options)],
        rows=rows,
        source=_file("lines"),
        dense=True,
    )


def years_table(run: Run, case: BusinessCase, subject: str) -> Table:
    """Cash by financial year and line against doing nothing, not discounted."""
    table = case.of("years", subject)
    table = table[table["option"] == THIS]
    changes = table.pivot_table(
        index=["ledger", "line"], columns="financial_year", values="change_pounds", aggfunc="sum"
    ).fillna(0.0)
    years = list(range(run.first, run.last + 2))
    changes = changes.reindex(columns=years, fill_value=0.0)
    changes = changes[(changes.abs() >= 0.5).any(axis=1)]
    scale = fmt.money_scale(changes.to_numpy().ravel().tolist())
    order = [(ledger, line) for ledger in LEDGERS for line in LINES]
    keys = [key for key in order if key in changes.index]
    rows = [
        Row(LINES[line], [
            LEDGERS[ledger],
            *(fmt.signed(as_float(changes.at[(ledger, line), y]), scale) for y in years),
        ])
        for ledger, line in keys
    ]  # fmt: skip
    totals = changes.sum()
    rows.append(
        Row("All lines", ["", *(fmt.signed(as_float(totals[y]), scale) for y in years)],
            total=True)
    )  # fmt: skip
    return Table(
        caption=f"Cash by financial year, {_subject(run, subject)} against doing nothing, "
        f"{scale[1]}, not discounted; {financial_year_label(run.last + 1)} holds the last five "
        "months and what is left in buildings",
        headers=["Line", "Ledger", *(financial_year_label(y) for y in years)],
        rows=rows,
        source=_file("years"),
        folded="Cash by financial year and line, capital by year",
        text_columns=frozenset({1}),
        dense=True,
        printed=True,
    )


def _scheme_tables(run: Run, case: BusinessCase) -> list[Block]:
    single = _single(case)
    table = run.plan.schemes.set_index("scheme")
    kinds, opens = dict(table["kind"]), dict(table["opens"])
    margins = {str(r.subject): r for r in records(case.margins)}
    this_of = {s: _row(case, s, THIS) for s in single}
    scale = fmt.money_scale(
        [as_float(r[c]) for r in this_of.values()
         for c in ("net_present_value_pounds", "value_with_failures_pounds",
                   "added_capital_pounds")]
    )  # fmt: skip
    worth_rows, money_rows = [], []
    for subject, this in this_of.items():
        nothing, late = _row(case, subject, NOTHING), case.option(subject, MINIMUM)
        worth = as_float(this["net_present_value_pounds"])
        filled = case.of("switching", subject).set_index("what").at["occupancy", "base"]
        worth_rows.append(
            Row(
                name_of(run, subject),
                [
                    KINDS.get(str(kinds.get(subject)), ""),
                    f"{as_int(opens[subject])}",
                    fmt.count(as_float(this["added_places"])),
                    fmt.percent(as_float(filled)),
                    fmt.scaled(as_float(this["added_capital_pounds"]), scale),
                    fmt.signed(worth, scale),
                    _payback_words(as_float(this["payback_years"])),
                    fmt.signed(as_float(this["value_with_failures_pounds"]), scale),
                ],
            )
        )
        money_rows.append(
            Row(
                name_of(run, subject),
                [
                    *(
                        fmt.signed(as_float(this[m]) - as_float(nothing[m]), scale)
                        for m in ("dsg_pounds", "general_fund_pounds", "capital_ledger_pounds")
                    ),
                    fmt.signed(worth - as_float(late["net_present_value_pounds"]), scale)
                    if late is not None
                    else "not possible",
                    fmt.pounds(as_float(this["capital_per_place_pounds"])),
                    fmt.pounds(as_float(margins[subject].one_more_place_pounds)),
                    fmt.pounds(as_float(margins[subject].its_cost_pounds)),
                ],
            )
        )
    return [
        Table(
            caption=f"Each scheme against the plan without it, {scale[1]}: capital as estimated, "
            "worth in today's value",
            headers=[
                "Scheme", "Kind", "Opens", "Places", "Filled", "Capital", "Net present value",
                "Payback", "With priced failures",
            ],
            rows=worth_rows,
            source=_file("options"),
            text_columns=frozenset({1}),
            dense=True,
        ),
        Table(
            caption="Who pays for each scheme, and who gains: change in cost by ledger, "
            f"{scale[1]} in today's value; below nought is a saving",
            headers=[
                "Scheme", *LEDGERS.values(), "Cost of a year's delay",
                "Capital per place, with bias", "One more place is worth", "and costs",
            ],
            rows=money_rows,
            source=_file("options"),
            dense=True,
        ),
        Text(
            "Places and capital of a scheme include those of the schemes that require it. Filled: "
            "children in its places over places on offer, over the planned years. One more place "
            "is valued by the plan's marginal values; each further one is worth no more than that.",
            "note",
        ),
    ]  # fmt: skip


def _switching_table(run: Run, case: BusinessCase) -> Table:
    rows = []
    for subject in case.subjects:
        found = case.of("switching", subject).set_index("what")
        rows.append(Row(name_of(run, subject),
                        [str(found.at[w, "words"]) for w in ("fee", "occupancy", "capital")],
                        total=subject == PACKAGE))  # fmt: skip
    return Table(
        caption="Switching values: the fee, the occupancy and the capital cost at which the net "
        "present value is nought; planned figures stand in the table above",
        headers=["Scheme", "Fee of independent schools", "Places filled", "Capital as estimated"],
        rows=rows,
        source=_file("switching"),
        text_columns=frozenset({1, 2, 3}),
        dense=True,
    )


def _places_table(run: Run, case: BusinessCase, subject: str) -> Table:
    table = case.of("places", subject)
    offered = [as_float(v) for v in table["places_offered"]]
    children = [as_float(v) for v in table["children_in_them"]]
    return Table(
        caption=f"Places on offer and children in them, {_subject(run, subject)}, by academic year",
        headers=["Places", *(academic_year_label(as_int(y)) for y in table["academic_year"])],
        rows=[
            Row("Places on offer", [fmt.count(v) for v in offered]),
            Row("Children in them", [fmt.count(v) for v in children]),
            Row("Filled", [fmt.share_of(c, o) for c, o in zip(children, offered, strict=True)]),
        ],
        source=_file("places"),
        dense=True,
    )


def triggers_table(run: Run, case: BusinessCase, subjects: Sequence[str], words: str) -> Table:
    """What to check before a scheme goes ahead, with source and date."""
    found: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for r in _about(case.triggers, subjects):
        of = found.setdefault((str(r.trigger), str(r.source), str(r.date)), [])
        of.append((str(r.subject), str(r.why)))
    rows = [
        Row(f"{trigger}{more}", [part, source, date])
        for (trigger, source, date), said in found.items()
        for part, more in _cells(_by_reason(run, case, subjects, said))
    ]
    return Table(
        caption=f"{words}; a list for planners and no legal advice",
        headers=["To check", _headed(subjects, "why"), "Source", "Dated"],
        rows=rows,
        source=_file("triggers"),
        folded=f"{words} ({len(found)})",
        text_columns=frozenset({1, 2, 3}),
        one_line=frozenset({3}),
        dense=True,
        printed=True,
    )


def risks_table(run: Run, case: BusinessCase, subjects: Sequence[str], words: str) -> Table:
    """What may turn out otherwise, and what the figures say of it."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for r in _about(case.risks, subjects):
        of = found.setdefault((str(r.risk), str(r.action)), [])
        of.append((str(r.subject), str(r.evidence)))
    rows = [
        Row(f"{risk}{more}", [part, action])
        for (risk, action), said in found.items()
        for part, more in _cells(_by_reason(run, case, subjects, said))
    ]
    return Table(
        caption=words,
        headers=["Risk", _headed(subjects, "what the figures say"), "What to do"],
        rows=rows,
        source=_file("risks"),
        folded=f"{words} ({len(found)})",
        text_columns=frozenset({1, 2}),
        dense=True,
        printed=True,
    )


def _headed(subjects: Sequence[str], words: str) -> str:
    return f"Schemes, and {words}" if len(subjects) > 1 else fmt.capital_first(words)


def _by_reason(
    run: Run, case: BusinessCase, subjects: Sequence[str], said: Sequence[tuple[str, str]]
) -> list[str]:
    """A line for each reason, after the schemes that share it: how many, and which."""
    if len(subjects) == 1:
        return [reason for _, reason in said]
    ends = {reason.partition(". ")[2] for _, reason in said}
    shared = ends.pop() if len(said) > 1 and len(ends) == 1 else ""
    by_reason: dict[str, list[str]] = {}
    for subject, reason in said:
        by_reason.setdefault(reason.removesuffix(f" {shared}"), []).append(subject)
    every = len(_single(case))
    lines = []
    for reason, of in by_reason.items():
        single = [s for s in of if s != PACKAGE]
        names = fmt.in_words([name_of(run, s) for s in of])
        if len(single) == len(of) == every > NAMED:
            names = f"All {every} schemes"
        elif len(of) > NAMED:
            names = f"{len(of)} schemes ({names})"
        # A figure is that of each scheme and not of all that are named.
        lines.append(f"{names}{', each' if len(of) > 1 else ''}: {reason}")
    if shared:
        lines.append(f"For each of them: {_lower(shared)}")
    return lines


def _cells(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Lines in as many cells as they need, and what their header says besides.

    A row is never broken over pages, so none may be as tall as one; each repeats its header.
    """
    parts: list[list[str]] = []
    height = 0
    for line in lines:
        needs = 1 + len(line) // LETTERS_IN_LINE
        if not parts or height + needs > LINES_IN_CELL:
            parts.append([])
            height = 0
        parts[-1].append(line)
        height += needs
    return [("\n".join(part), " (continued)" if at else "") for at, part in enumerate(parts)]


def _about(table: pd.DataFrame, subjects: Sequence[str]) -> list[Any]:
    return [r for s in subjects for r in records(table[table["subject"] == s])]
