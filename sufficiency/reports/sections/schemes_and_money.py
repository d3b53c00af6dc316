"""Which schemes open, what the plan costs, and which ledger pays."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from sufficiency.plan import Plan
from sufficiency.reports import charts, measures, place_map
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import (
    Block,
    Cell,
    Figure,
    Heading,
    Legend,
    Row,
    Section,
    Table,
    Text,
)
from sufficiency.reports.facts import (
    LEDGER_OF_LINE,
    LINES,
    Run,
    as_float,
    as_int,
    group_of,
    records,
)
from sufficiency.vocabulary import (
    KINDS,
    LEDGERS,
    financial_year_label,
)
from sufficiency.vocabulary import academic_year_label as year_label

# ------------------------------------------------------------------ schemes


def schemes(run: Run) -> Section:
    """The schedule, and what became of every scheme."""
    question = "Which schemes open, and when?"
    table = run.plan.schemes
    opened = run.opened
    if table.empty:
        return Section("schemes", question, "No scheme was put forward.")
    if opened.empty:
        answer = f"None of the {len(table)} schemes put forward opens."
        number = "No place is added."
    else:
        first = opened.iloc[0]
        one, offered = len(opened) == 1, len(table)
        answer = (
            f"One of {offered} schemes opens: {first['name']}, in September {first['opens']}."
            if one
            else f"{len(opened)} of {offered} schemes open; the first is {first['name']} in "
            f"September {first['opens']}."
        )
        number = (
            f"{'It adds' if one else 'They add'} "
            f"{fmt.places(as_float(opened['places'].sum()))} for "
            f"{fmt.pounds(as_float(opened['capital_pounds'].sum()))} of capital."
        )
    sure = (
        "Earliest openings and capital costs are the authority's own estimates, without any "
        "allowance for risk beyond what they hold. The model picks the set of schemes that costs "
        f"least in all, to within {fmt.percent(as_float(run.solver.get('gap', math.nan)), 2)}; two "
        "schemes of nearly equal value can change places. Choosing a scheme here starts no "
        "statutory process and replaces none."
    )
    blocks: list[Block] = []
    if len(opened):
        blocks.append(_schedule_chart(run))
    blocks.append(_scheme_table(run))
    if len(opened):
        blocks += _milestones(run)
    return Section("schemes", question, answer, number, sure, blocks)


def _schedule_chart(run: Run) -> Figure:
    opened = run.opened
    first_year, last_year = as_int(opened["opens"].min()), as_int(opened["opens"].max())
    count = len(opened)
    if count == 1:
        title = f"One scheme opens, in September {first_year}"
    elif first_year == last_year:
        title = f"All {count} schemes open in September {first_year}"
    else:
        title = f"{count} schemes open between September {first_year} and {last_year}"
    spending = run.plan.capital.groupby("scheme")["financial_year"].min()
    months = measures.milestones(run)
    rows = pd.DataFrame(
        {
            "name": [f"{i}. {name}" for i, name in enumerate(opened["name"], start=1)],
            "detail": [
                f"{fmt.places(as_float(r.places))}, {fmt.pounds(as_float(r.capital_pounds))}"
                + (", committed" if r.status == "committed" else "")
                for r in records(opened)
            ],
            "opens": opened["opens"].astype(int),
            "spend_from": [
                as_float(min(spending.get(s, o), o))
                for s, o in zip(opened["scheme"], opened["opens"], strict=True)
            ],
            "colour": [charts.COLOURS[group_of(k)] for k in opened["kind"]],
            "consult_at": [_since_april(m) for m in months["consultation"]],
            "decide_at": [_since_april(m) for m in months["decision"]],
            "notify_at": [_since_april(m) for m in months["notify"]],
            "full_at": [y + 5 / 12 for y in months["full"]],
        }
    )
    kinds = list(dict.fromkeys(group_of(k) for k in opened["kind"]))
    entries = [(place_map.swatch(charts.COLOURS[k]), f"{k}, open") for k in kinds]
    entries.append((place_map.dashed_swatch(), "Capital is being spent"))
    entries.append((place_map.line_swatch(), "Consultation, notice and decision, at the latest"))
    entries.append((place_map.diamond_swatch(), "December: DfE told of the places"))
    entries.append((place_map.full_swatch(), "All places on offer"))
    return Figure(
        title=title,
        caption=(
            f"Schemes that open, {run.authority}, by opening: dashed bar while capital is spent, "
            f"solid bar from the opening September to the end of {year_label(run.last)}; the "
            "dates before are counted back and are no plan of anybody's. "
            "Source: tables/schemes.csv, tables/capital.csv."
        ),
        alt=f"{title}: " + "; ".join(f"{r.name} {r.opens}" for r in records(opened)) + ".",
        draw=lambda width: charts.render(
            charts.schedule(rows, list(range(run.first, run.last + 1)), width)
        ),
        key=Legend(entries),
    )


def _since_april(month: str) -> float:
    """A month such as 2026-12 in years, where April begins a whole one; NaN where unknown."""
    if not month:
        return math.nan
    year, number = (int(part) for part in month.split("-"))
    return year + (number - 4) / 12


def _month(text: str) -> str:
    return fmt.date(f"{text}-01").removeprefix("1 ")


def _milestones(run: Run) -> list[Block]:
    """The latest month for each step of each scheme that opens."""
    table = measures.milestones(run)
    rows = []
    for number, m in enumerate(records(table), start=1):
        decided = m.status == "committed"

        def month(text: str, done: bool = decided) -> Cell:
            if done:
                return Cell("decided", "already committed")
            if not text:
                return Cell(fmt.NOT_AVAILABLE)
            past = text < str(run.stamp.get("created", ""))[:7]
            return Cell(
                f"{'▲ ' if past else ''}{_month(text)}",
                "before this plan was made" if past else "",
                "over" if past else "",
            )

        rows.append(
            Row(
                f"{number}. {m.name}",
                [
                    month(m.consultation), month(m.notice), month(m.decision),
                    financial_year_label(as_int(m.first_capital)), month(m.notify, False),
                    f"September {m.opens}", f"{year_label(as_int(m.full))}",
                ],
            )
        )  # fmt: skip
    late = as_int((table["passed"] & (table["status"] != "committed")).sum())
    words = (
        f"{fmt.capital_first(fmt.number_of(late, 'scheme', 'schemes'))} would spend capital in a "
        "financial year that leaves no time for consultation, notice and decision before it "
        "(marked ▲). Either the first capital is design work at the authority's risk, or the "
        "scheme is later than the plan has it: run a what-if with a later earliest opening."
    )
    return [
        Table(
            caption="The latest month for each step, counted back from the first capital and the "
            "opening",
            headers=["Scheme", "Consultation begins", "Notice published", "Decision",
                     "First capital (financial year)", "DfE told of the places", "Opens",
                     "All places on offer"],
            rows=rows,
            source="tables/capital.csv, tables/schemes.csv",
            text_columns=frozenset(range(1, 8)),
            dense=True,
        ),
        *([Text(words, "failure")] if late else []),
        Text(
            f"{measures.timetable_words(run)} A new school opens by the academy presumption or a "
            "competition, which takes longer.",
            "note",
        ),
    ]  # fmt: skip


def _reason(run: Run, scheme: Any) -> str:
    """Why a scheme has the status it has, in words."""
    status = str(scheme.status)
    if status == "committed":
        return "Already committed; the plan takes it as given."
    if status == "chosen":
        late = as_int(scheme.opens) > as_int(scheme.earliest_opening)
        return (
            "Chosen; opens later than it could, when it is worth most or can be paid for."
            if late
            else "Chosen; opens as early as it can."
        )
    if status.startswith("ruled out"):
        return "Ruled out by the planning model, which creates no such places."
    if status.startswith("opens after"):
        return "Cannot open before the last planned year."
    given = run.table("schemes")
    opened = set(run.opened["scheme"])
    names = dict(zip(run.plan.schemes["scheme"], run.plan.schemes["name"], strict=True))
    mine = given[given["scheme"] == scheme.scheme] if len(given) else given
    if len(mine):
        group = mine.iloc[0].get("exclusive_group")
        if isinstance(group, str) and group:
            rivals = [
                str(names.get(s, s))
                for s in given.loc[given["exclusive_group"] == group, "scheme"]
                if s in opened
            ]
            if rivals:
                return f"Its alternative opens: {fmt.in_words(rivals)}."
        requires = mine.iloc[0].get("requires")
        if isinstance(requires, str) and requires:
            missing = [str(names.get(s, s)) for s in requires.split("|") if s not in opened]
            if missing:
                return f"Needs {fmt.in_words(missing)}, which does not open."
        base = mine.iloc[0].get("provision")
        if isinstance(base, str) and base in names and base not in opened:
            return f"Enlarges {names[base]}, which does not open."
    budget = " and within the capital budget" if len(run.table("budgets")) else ""
    if run.ended_early:
        return "Not in the best plan found before the search ended."
    return f"At these prices{budget}, opening it would not improve the plan."


def _scheme_table(run: Run) -> Table:
    order = {"committed": 0, "chosen": 0, "not chosen": 1}
    table = run.plan.schemes.assign(
        rank=run.plan.schemes["status"].map(order).fillna(2),
        when=run.plan.schemes["opens"].where(run.plan.schemes["opens"] >= 0, 9999),
    ).sort_values(["rank", "when", "name", "scheme"])
    numbers = {s: i + 1 for i, s in enumerate(run.opened["scheme"])}
    rows = []
    for scheme in records(table):
        number = numbers.get(scheme.scheme)
        opens = year_label(as_int(scheme.opens)) if scheme.opens >= 0 else "does not open"
        per_place = (
            as_float(scheme.capital_pounds) / as_float(scheme.places) if scheme.places else math.nan
        )
        rows.append(
            Row(
                f"{number}. {scheme.name}" if number else str(scheme.name),
                [
                    fmt.capital_first(str(scheme.status)),
                    opens,
                    KINDS.get(str(scheme.kind), str(scheme.kind)),
                    fmt.whole(as_float(scheme.places)),
                    fmt.pounds(as_float(scheme.capital_pounds)),
                    fmt.pounds(per_place),
                    _reason(run, scheme),
                ],
                mark="" if number else "quiet",
            )
        )
    return Table(
        caption="Every scheme put forward; numbers are those on the map",
        headers=[
            "Scheme", "Status", "Opens", "Kind", "Places", "Capital", "Capital per place", "Why",
        ],
        rows=rows,
        source="tables/schemes.csv",
        text_columns=frozenset({1, 2, 3, 7}),
        dense=True,
    )  # fmt: skip


# ------------------------------------------------------------------ costs


def costs(run: Run) -> Section:
    """Three ledgers by financial year, never one sum."""
    totals, without = run.totals, run.totals_without
    if without is None:
        answer = (
            f"The Dedicated Schools Grant pays {fmt.pounds(totals['dsg'])}, the general fund "
            f"{fmt.pounds(totals['general_fund'])} and capital {fmt.pounds(totals['capital'])}."
        )
        number = f"These are totals for financial years {run.finances}."
    else:
        change = {k: totals[k] - without[k] for k in LEDGERS}
        answer = (
            "Every ledger pays the same as with committed schemes only."
            if all(abs(v) < 0.5 for v in change.values())
            else "Compared with building only what is committed: "
            + ", ".join(f"{LEDGERS[k]} {fmt.more_or_less(v)}" for k, v in change.items())
            + "."
        )
        number = (
            f"In all {run.last - run.first + 1} financial years {run.finances}: Dedicated "
            f"Schools Grant {fmt.pounds(totals['dsg'])}, general fund "
            f"{fmt.pounds(totals['general_fund'])}, capital {fmt.pounds(totals['capital'])}. "
            "They are not added up: a saving in one purse cannot be spent from another."
        )
    sure = (
        "Unit costs are those of the planning model in today's prices, without inflation "
        f"(place funding: {run.source('place_funding') or fmt.NOT_AVAILABLE}; "
        f"fees: {run.source('fees') or fmt.NOT_AVAILABLE}). Lower transport spending shows only "
        "when whole vehicles come off the road, and a vacated independent place is saved only if "
        "nobody else fills it."
    )
    blocks: list[Block] = [_ledger_chart(run)]
    if without is not None and any(abs(totals[k] - without[k]) >= 0.5 for k in LEDGERS):
        blocks.append(_difference_chart(run))
    blocks += [*_ledger_tables(run), *_present_values(run)]
    return Section("costs", "What does it cost, and who pays?", answer, number, sure, blocks)


def _ledger_chart(run: Run) -> Figure:
    ours = run.ledger_by_year(run.plan)
    theirs = run.ledger_by_year(run.without) if run.without is not None else None
    labels = [financial_year_label(as_int(y)) for y in ours.index]
    scale = fmt.money_scale(
        [*ours.to_numpy().ravel(), *(theirs.to_numpy().ravel() if theirs is not None else [])]
    )
    panels = []
    for ledger, name in LEDGERS.items():
        mine = [as_float(v) / scale[0] for v in ours[ledger]]
        lines = []
        same = True
        if theirs is not None:
            other = [as_float(v) / scale[0] for v in theirs[ledger]]
            same = fmt.scaled(mine[-1], (1, "", 1)) == fmt.scaled(other[-1], (1, "", 1))
            lines.append(
                charts.Line(
                    "" if same else f"without {other[-1]:,.1f}",
                    other,
                    charts.CHARCOAL,
                    charts.DASHED,
                )
            )
        word = ("both" if same else "with") + " " if theirs is not None else ""
        lines.append(charts.Line(f"{word}{mine[-1]:,.1f}", mine, charts.NAVY))
        panels.append(charts.Panel(name, lines))
    start, end = as_float(ours["dsg"].iloc[0]), as_float(ours["dsg"].iloc[-1])
    way = "rises" if end >= start else "falls"
    title = f"Yearly grant spending {way} from {fmt.pounds(start)} to {fmt.pounds(end)}"
    return Figure(
        title=title,
        caption=(
            f"Spending by ledger and financial year, {run.authority}, {run.finances}, "
            f"{scale[1]}, today's prices: {run.line_words}. "
            "Each small chart has its own scale. Source: tables/ledger.csv."
        ),
        alt=f"{title}. " + " ".join(
            f"{LEDGERS[k]} {fmt.pounds(as_float(ours[k].iloc[0]))} in {labels[0]}, "
            f"{fmt.pounds(as_float(ours[k].iloc[-1]))} in {labels[-1]}." for k in LEDGERS
        ),
        draw=lambda width: charts.render(
            charts.panels(panels, labels, width, scale[1], number_format=",.3~r")),
    )  # fmt: skip


def _difference_chart(run: Run) -> Figure:
    assert run.without is not None
    ours, theirs = run.ledger_by_year(run.plan), run.ledger_by_year(run.without)
    gap = ours - theirs
    labels = [financial_year_label(as_int(y)) for y in ours.index]
    scale = fmt.money_scale(gap.to_numpy().ravel().tolist())
    frame = pd.DataFrame(
        [
            (financial_year_label(as_int(y)), ledger, as_float(gap.at[y, ledger]) / scale[0])
            for y in gap.index
            for ledger in LEDGERS
        ],
        columns=["year", "ledger", "value"],
    )
    last = as_float(gap["dsg"].iloc[-1])
    if abs(last) < 0.5:
        title = f"Schemes leave grant spending unchanged in {labels[-1]}"
    else:
        change = fmt.more_or_less(last, "higher", "lower")
        title = f"Schemes: grant spending {change} in {labels[-1]}"
    return Figure(
        title=title,
        caption=(
            "Difference between the plan and committed schemes only, by ledger and financial "
            f"year, {scale[1]}, today's prices. Above the line costs more, below it costs less. "
            "One scale for all three. Source: tables/ledger.csv and without_schemes/ledger.csv."
        ),
        alt=f"{title}. " + " ".join(
            f"{name}: {fmt.more_or_less(as_float(gap[k].sum()))} over all years."
            for k, name in LEDGERS.items()
        ),
        draw=lambda width: charts.render(
            charts.difference_bars(frame, labels, LEDGERS, width, scale[1])),
    )  # fmt: skip


def _ledger_tables(run: Run) -> list[Block]:
    ours = run.ledger_by_year(run.plan, complete=False)
    theirs = run.ledger_by_year(run.without, complete=False) if run.without is not None else None
    values = [*ours.to_numpy().ravel()]
    scale = fmt.money_scale(values)
    rows = []
    complete = [y for y in ours.index if as_int(y) <= run.last]

    def cells(year: Any) -> list[str]:
        row = []
        for ledger in LEDGERS:
            mine = as_float(
                ours.at[year, ledger] if year != "all" else ours.loc[complete, ledger].sum()
            )
            row.append(fmt.scaled(mine, scale))
            if theirs is not None:
                other = as_float(
                    theirs.at[year, ledger] if year != "all" else theirs.loc[complete, ledger].sum()
                )
                row += [fmt.scaled(other, scale), fmt.signed(mine - other, scale)]
        return row

    for year in ours.index:
        name = financial_year_label(as_int(year))
        if as_int(year) > run.last:
            rows.append(Row("All complete years", cells("all"), total=True))
            rows.append(Row(f"{name} (incomplete)", cells(year), mark="quiet"))
        else:
            rows.append(Row(name, cells(year)))
    per = 3 if theirs is not None else 1
    heads = ["with", "without", "difference"] if theirs is not None else ["pounds"]
    table = Table(
        caption=f"Spending by financial year, {scale[1]}: with the plan's schemes"
        + (", with committed schemes only, and the difference" if theirs is not None else ""),
        headers=["Financial year", *heads * len(LEDGERS)],
        groups=[("", 1), *[(name, per) for name in LEDGERS.values()]],
        rows=rows,
        source="tables/ledger.csv",
        dense=True,
    )
    note = Text(
        "An academic year falls 7/12 in the financial year that begins in the same April and 5/12 "
        f"in the next. The first financial year holds 5/12 of {year_label(run.base)}. "
        f"{financial_year_label(run.last + 1)} is incomplete: it holds only the last 5/12 of "
        f"{year_label(run.last)}, and stands in no total.",
        "note",
    )
    return [table, note, _ledger_lines(run)]


def _ledger_lines(run: Run) -> Table:
    def by_line(plan: Plan) -> pd.Series:
        full = plan.ledger[plan.ledger["complete"].astype(bool)]
        return full.groupby(["ledger", "line", "kind"])["pounds"].sum()

    ours = by_line(run.plan)
    theirs = by_line(run.without) if run.without is not None else None
    keys = sorted(
        set(ours.index) | set(theirs.index if theirs is not None else []),
        key=lambda k: (
            (list(LEDGERS).index(k[0]), list(LINES).index(k[1]), k[2])
            if k[0] in LEDGERS and k[1] in LINES
            else (9, 9, str(k))
        ),
    )
    scale = fmt.money_scale([as_float(v) for v in ours])
    rows = []
    for key in keys:
        ledger, line, kind = key
        mine = as_float(ours.get(key, 0.0))
        values = [
            LEDGERS.get(ledger, ledger),
            KINDS.get(kind, kind or "not applicable"),
            fmt.scaled(mine, scale),
        ]
        if theirs is not None:
            other = as_float(theirs.get(key, 0.0))
            values += [fmt.scaled(other, scale), fmt.signed(mine - other, scale)]
        rows.append(Row(LINES.get(line, line), values))
    heads = ["With schemes"]
    if theirs is not None:
        heads += ["Committed schemes only", "Difference"]
    return Table(
        caption=f"Spending by line and kind of provision, financial years {run.finances}, "
        f"{scale[1]}",
        headers=["Line", "Ledger", "Kind of provision", *heads],
        rows=rows,
        source="tables/ledger.csv",
        folded="Spending by line and kind of provision",
        text_columns=frozenset({1, 2}),
        dense=True,
    )


def _present_values(run: Run) -> list[Block]:
    ours = run.plan.objective.set_index("line")
    theirs = run.without.objective.set_index("line") if run.without is not None else None
    scale = fmt.money_scale([as_float(v) for v in ours["present_value_pounds"]])
    heads = ["With schemes"]
    if theirs is not None:
        heads += ["Committed schemes only", "Difference"]

    def row(name: str, lines: list[str], total: bool = False) -> Row:
        mine = as_float(ours["present_value_pounds"].reindex(lines).fillna(0.0).sum())
        cells = [fmt.scaled(mine, scale)]
        if theirs is not None:
            other = as_float(theirs["present_value_pounds"].reindex(lines).fillna(0.0).sum())
            cells += [fmt.scaled(other, scale), fmt.signed(mine - other, scale)]
        return Row(name, cells, total=total)

    known = list(ours.index) + [
        line for line in (theirs.index if theirs is not None else []) if line not in ours.index
    ]
    order = [line for line in LINES if line in known] + [
        line for line in known if line not in LINES
    ]
    rows: list[Row] = []
    for ledger, name in LEDGERS.items():
        lines = [line for line in order if LEDGER_OF_LINE.get(line) == ledger]
        if not lines:
            continue
        rows.append(Row(name))
        rows += [row(LINES.get(line, line), [line]) for line in lines]
        rows.append(row(f"All lines of this ledger: {name}", lines, total=True))
    rate = as_float(run.rule("discount_rate", math.nan))
    weights = {k: as_float(v) for k, v in dict(run.rule("ledger_weights", {})).items()}
    weighed = (
        " Weights of the ledgers in the search: "
        + ", ".join(f"{LEDGERS.get(k, k)} {v:g}" for k, v in weights.items())
        + "; the values below include them."
        if any(v != 1 for v in weights.values())
        else ""
    )
    failures = [
        line
        for line in order
        if line not in LEDGER_OF_LINE
        and (
            abs(as_float(ours["present_value_pounds"].get(line, 0.0))) >= 0.5
            or (
                theirs is not None
                and abs(as_float(theirs["present_value_pounds"].get(line, 0.0))) >= 0.5
            )
        )
    ]
    blocks: list[Block] = [
        Heading("What is it worth in today's money?"),
        Text(
            f"Present value at {fmt.percent(rate, 1)} a year "
            f"({run.source('discount_rate') or fmt.NOT_AVAILABLE}), planned years only, with the "
            f"value that is left in new buildings credited at the end.{weighed}"
        ),
        Table(
            caption=f"Money: present value by ledger and line, {scale[1]}",
            headers=["Line", *heads],
            rows=rows,
            source="tables/objective.csv",
            dense=True,
        ),
    ]
    if failures:
        blocks += [
            Text(
                "The search also puts prices on failures, so that they are avoided. Nobody pays "
                "them, and they belong to no ledger."
            ),
            Table(
                caption=f"Not money: priced failures, present value of the prices, {scale[1]}",
                headers=["Failure", *heads],
                rows=[row(LINES.get(line, line), [line]) for line in failures],
                source="tables/objective.csv",
                dense=True,
            ),
        ]
    else:
        blocks.append(Text("No priced failure occurs in either plan."))
    return blocks
