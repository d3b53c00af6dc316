"""From unmitigated to mitigated spending, the balance against the allocation, and what if."""

from __future__ import annotations

import pandas as pd

from sufficiency.reports import charts, measures
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import Block, Figure, Heading, Row, Section, Table, Text
from sufficiency.reports.facts import Run, as_float, as_int
from sufficiency.vocabulary import LEDGERS, financial_year_label

# ------------------------------------------------------------------ waterfall and balance


def budget(run: Run) -> Section:
    """What mitigation saves, by kind of placement, and whether the high-needs budget balances."""
    question = "Does the high-needs budget balance?"
    table = measures.balance(run, run.plan)
    before = measures.balance(run, run.without) if run.without is not None else None
    blocks: list[Block] = []
    sure = (
        "Mitigated is this plan; unmitigated is the same forecast under the same rules with "
        "committed schemes only. Prices stay at today's level and the allocation is taken as the "
        "scenario gives it, so a year's balance is a guide and no budget."
    )
    if run.without is not None:
        blocks += [
            Heading("How does unmitigated spending become mitigated spending?"),
            _waterfall(run),
        ]
    if table.empty or table["in_year"].isna().all():
        answer = (
            "That cannot be said: the scenario gives no high-needs allocations."
            if not run.allocations
            else "That cannot be said: the scenario gives no allocation for the planned years."
        )
        number = "Add the table allocations (financial_year, pounds) to the scenario."
        return Section("budget", question, answer, number, sure, blocks)
    year = measures.year_of_balance(table)
    known = table.dropna(subset=["in_year"])
    first, last = as_int(known.index[0]), as_int(known.index[-1])
    end = as_float(known.at[last, "in_year"])
    answer = (
        f"Yes: from financial year {financial_year_label(year)} the plan spends no more than the "
        "allocation in any year."
        if year is not None
        else f"No: there is no year of in-year balance up to {financial_year_label(last)}."
    )
    number = (
        f"In {financial_year_label(last)} spending of "
        f"{fmt.pounds(as_float(known.at[last, 'spending']))} meets an allocation of "
        f"{fmt.pounds(as_float(known.at[last, 'allocation']))}: "
        f"{fmt.pounds(abs(end))} {'over' if end < 0 else 'under'} it. "
        f"{_cumulative_words(known, first, last)}"
    )
    if before is not None:
        other = measures.year_of_balance(before)
        there = as_float(before.dropna(subset=["in_year"])["in_year"].iloc[-1])
        number += (
            f" With committed schemes only, {financial_year_label(last)} would be "
            f"{fmt.pounds(abs(there))} {'over' if there < 0 else 'under'}"
            + (f", and in-year balance comes in {financial_year_label(other)}." if other else ".")
        )
    if not run.scenario.get("balance_from"):
        sure += " The scenario does not ask the search for balance."
    sure += (
        " What was owed before the first year is not in the tables: add it to the cumulative "
        "balance, less any grant that writes it off."
    )
    blocks += [Heading("Is there an in-year balance?"), _balance(run, table, before)]
    return Section("budget", question, answer, number, sure, blocks)


def _cumulative_words(known: pd.DataFrame, first: int, last: int) -> str:
    total = as_float(known["cumulative"].iloc[-1])
    if total != total:
        return ""
    word = "deficit" if total < 0 else "surplus"
    return (
        f"Over {financial_year_label(first)} to {financial_year_label(last)} a {word} of "
        f"{fmt.pounds(abs(total))} builds up."
    )


def _waterfall(run: Run) -> Figure:
    table = measures.spending_steps(run)
    start = as_float(table["without"].sum())
    end = as_float(table["with_schemes"].sum())
    scale = fmt.money_scale([start, end])
    steps = [("Unmitigated: committed schemes only", 0.0, start / scale[0], charts.CHARCOAL,
              fmt.scaled(start, scale))]  # fmt: skip
    at = start
    for group, row in table.iterrows():
        change = as_float(row["change"])
        if abs(change) < 0.5:
            continue
        steps.append(
            (str(group), at / scale[0], (at + change) / scale[0], charts.COLOURS[str(group)],
             fmt.signed(change, scale))
        )  # fmt: skip
        at += change
    steps.append(
        ("Mitigated: with the plan's schemes", 0.0, end / scale[0], charts.CHARCOAL,
         fmt.scaled(end, scale))
    )  # fmt: skip
    change = end - start
    title = (
        "Schemes leave grant spending as it is"
        if abs(change) < 0.5
        else f"Schemes make grant spending {fmt.more_or_less(change, 'higher', 'lower')}"
    )
    rows = [
        Row(str(g), [fmt.scaled(as_float(r["without"]), scale),
                     fmt.scaled(as_float(r["with_schemes"]), scale),
                     fmt.signed(as_float(r["change"]), scale)])
        for g, r in table.iterrows()
    ]  # fmt: skip
    rows.append(
        Row("All", [fmt.scaled(start, scale), fmt.scaled(end, scale), fmt.signed(change, scale)],
            total=True)
    )  # fmt: skip
    return Figure(
        title=title,
        caption=(
            f"Dedicated Schools Grant spending over financial years {run.finances}, {scale[1]}, "
            f"today's prices, {run.authority}: from committed schemes only to the plan, by kind of "
            "placement; place funding, top-ups, fees and running costs together. "
            "Source: without_schemes/ledger.csv, tables/ledger.csv."
        ),
        alt=f"{title}. " + "; ".join(f"{name} {words}" for name, _, _, _, words in steps) + ".",
        draw=lambda width: charts.render(charts.waterfall(steps, min(width, 720))),
        table=Table(
            caption=f"Grant spending by kind of placement, {run.finances}, {scale[1]}",
            headers=["Placement", "Unmitigated", "Mitigated", "Difference"],
            rows=rows,
            source="tables/ledger.csv",
            folded="Numbers behind this chart",
        ),
    )


def _balance(run: Run, table: pd.DataFrame, before: pd.DataFrame | None) -> Figure:
    years = [as_int(y) for y in table.index]
    labels = [financial_year_label(y) for y in years]
    everything = [*table["in_year"], *table["cumulative"]]
    if before is not None:
        everything += [*before["in_year"], *before["cumulative"]]
    scale = fmt.money_scale([as_float(v) for v in everything])
    panels = []
    for column, name in (("in_year", "In the year"), ("cumulative", "Added up")):
        mine = [as_float(v) / scale[0] for v in table[column]]
        lines = []
        same = False
        if before is not None:
            other = [as_float(v) / scale[0] for v in before[column]]
            same = fmt.scaled(mine[-1], (1, "", 1)) == fmt.scaled(other[-1], (1, "", 1))
            lines.append(
                charts.Line("" if same else f"without {_short(other[-1])}", other,
                            charts.CHARCOAL, charts.DASHED)
            )  # fmt: skip
        word = ("both " if same else "with ") if before is not None else ""
        lines.append(charts.Line(f"{word}{_short(mine[-1])}", mine, charts.NAVY))
        panels.append(charts.Panel(name, lines, guide=0.0, guide_label="in balance"))
    year = measures.year_of_balance(table)
    title = (
        f"In-year balance from {financial_year_label(year)}"
        if year is not None
        else "No year of in-year balance"
    )
    rows = []
    for y in years:
        cells = [fmt.scaled(as_float(table.at[y, c]), scale)
                 for c in ("allocation", "spending", "in_year", "cumulative")]  # fmt: skip
        if before is not None:
            cells += [fmt.scaled(as_float(before.at[y, c]), scale)
                      for c in ("spending", "in_year", "cumulative")]  # fmt: skip
        rows.append(Row(financial_year_label(y), cells))
    names = ["Spending", "Balance", "Added up"]
    groups = [("", 2), ("Mitigated: the plan", 3)]
    if before is not None:
        groups.append(("Unmitigated: committed only", 3))
    return Figure(
        title=title,
        caption=(
            f"High-needs allocation less Dedicated Schools Grant spending, {run.authority}, "
            f"financial years {run.finances}, {scale[1]}: {run.line_words}. Below the line is "
            "overspent. Each small chart has its own scale. "
            "Source: inputs/allocations.csv, tables/ledger.csv."
        ),
        alt=f"{title}. In {labels[-1]}: {fmt.scaled(as_float(table['in_year'].iloc[-1]), scale)} "
        f"in the year and {fmt.scaled(as_float(table['cumulative'].iloc[-1]), scale)} added up, "
        f"{scale[1]}.",
        draw=lambda width: charts.render(
            charts.panels(panels, labels, width, scale[1], number_format=",.3~r", columns=2)
        ),
        table=Table(
            caption=f"High-needs allocation, spending and balance, {scale[1]}; minus: overspent",
            headers=["Financial year", "Allocation",
                     *names, *(names if before is not None else [])],
            groups=groups,
            rows=rows,
            source="tables/ledger.csv and inputs/allocations.csv",
            folded="Numbers behind this chart",
            dense=True,
        ),
    )  # fmt: skip


def _short(amount: float) -> str:
    return fmt.scaled(amount, (1.0, "", 1))


# ------------------------------------------------------------------ sensitivity


def sensitivity(run: Run) -> Section:
    """The same plan with dearer and cheaper prices."""
    question = "How much hangs on the prices?"
    table = measures.sensitivity(run)
    as_is = table[table["test"] == ""].set_index("ledger")
    cases = table[table["test"] != ""]
    compared = run.without is not None
    rows: list[tuple[str, float, float, float, str]] = []
    scale = fmt.money_scale([*table["effect"].dropna()] if compared else [*table["pounds"]])
    measure = "effect" if compared else "pounds"
    widest = ("", 0.0)
    for name, part in cases.groupby("test", sort=False):
        for ledger, two in part.groupby("ledger", sort=False):
            low, high = (as_float(v) for v in sorted(two[measure]))
            middle = as_float(as_is.at[ledger, measure])
            if high - low < 0.5:
                continue
            share = as_float(two["share"].max())
            rows.append(
                (f"{name} ±{fmt.percent(share)}: {_PURSES[str(ledger)]}", low / scale[0],
                 middle / scale[0], high / scale[0], "")
            )  # fmt: skip
            if ledger == "dsg" and high - low > widest[1]:
                widest = (str(name), high - low)
    base = as_float(as_is.at["dsg", measure])
    if compared:
        dsg = cases[cases["ledger"] == "dsg"]["effect"]
        low, high = as_float(dsg.min()), as_float(dsg.max())
        holds = high < -0.5 or low > 0.5
        way = "less" if base < 0 else "more"
        answer = (
            f"With every price moved in turn, the plan still costs the Dedicated Schools Grant "
            f"{way} than committed schemes only."
            if holds
            else "One price alone can turn the plan's effect on the Dedicated Schools Grant round."
            if abs(base) >= 0.5
            else "The plan leaves the Dedicated Schools Grant as it is, whatever the prices."
        )
        number = (
            f"At the model's prices the plan costs the grant {fmt.more_or_less(base)} over "
            f"{run.finances}; between {fmt.more_or_less(low)} and {fmt.more_or_less(high)} when "
            "one price moves."
        )
        title = (
            f"The grant hangs most on {widest[0][:1].lower()}{widest[0][1:]}"
            if widest[0]
            else "What the plan changes, as prices move"
        )
        about = "the plan less committed schemes only, below zero: the plan costs less"
    else:
        answer = f"Most of all on one thing: {widest[0][:1].lower()}{widest[0][1:]}."
        number = f"The grant pays {fmt.pounds(base)} over {run.finances} at the model's prices."
        title = "What the plan costs, as prices move"
        about = "the plan's spending"
    sure = (
        "The plan is held fixed: the same schemes open and the same children are in the same "
        "places, and its ledgers are priced again, exactly. A planner would choose differently at "
        "other prices, so a better plan would lose less or gain more than shown. More or fewer "
        "children in every placement pays no regard to whether schools could hold them. To let the "
        "plan answer, run a what-if with the price in it and compare the runs."
    )
    figure = Figure(
        title=title,
        caption=(
            f"Effect over financial years {run.finances}, {scale[1]}, {run.authority}: {about}. "
            "Bar: from the lower to the higher price or number; mark: at the model's. One ledger a "
            "row; they are never added up. Source: tables/ledger.csv"
            + (", without_schemes/ledger.csv." if compared else ".")
        ),
        alt=f"{title}. "
        + "; ".join(f"{n}: {lo:,.1f} to {hi:,.1f}" for n, lo, _, hi, _ in rows)
        + f" ({scale[1]}).",
        draw=lambda width: charts.render(
            charts.ranges(rows, min(width, 760), scale[1], "+,.3~r" if compared else ",.3~r")
        ),
    )
    blocks: list[Block] = [figure] if rows else [Text("Nothing in the ledgers moves with a price.")]
    return Section(
        "sensitivity", question, answer, number, sure, [*blocks, _sensitivity_table(run, table)]
    )


_PURSES = {"dsg": "schools grant", "general_fund": "general fund", "capital": "capital"}


def _sensitivity_table(run: Run, table: pd.DataFrame) -> Table:
    compared = run.without is not None
    scale = fmt.money_scale([as_float(v) for v in table["pounds"]])
    rows = []
    for (name, share), part in table.groupby(["test", "share"], sort=False):
        by_ledger = part.set_index("ledger")
        share = as_float(share)
        label = (
            f"{name}: {fmt.percent(abs(share))} {'more' if share > 0 else 'less'}"
            if name
            else "As the plan is"
        )
        cells = []
        for ledger in LEDGERS:
            cells.append(fmt.scaled(as_float(by_ledger.at[ledger, "pounds"]), scale))
            if compared:
                cells.append(fmt.signed(as_float(by_ledger.at[ledger, "effect"]), scale))
        rows.append(Row(label, cells, total=not name))
    per = 2 if compared else 1
    heads = ["plan", "effect"] if compared else ["plan"]
    return Table(
        caption=(
            f"The same plan at other prices, financial years {run.finances}, {scale[1]}"
            + ("; effect: the plan less committed schemes only" if compared else "")
        ),
        headers=["What moves", *heads * len(LEDGERS)],
        groups=[("", 1), *[(name, per) for name in LEDGERS.values()]],
        rows=rows,
        source="tables/ledger.csv",
        dense=True,
    )
