"""What the plan assumes, how good its data are, and how it was found and checked."""

from __future__ import annotations

import math
from typing import Any

from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import (
    Block,
    Cell,
    Heading,
    Items,
    Row,
    Section,
    Table,
    Text,
)
from sufficiency.reports.facts import (
    Run,
    as_float,
    as_int,
)
from sufficiency.vocabulary import academic_year_label as year_label
from sufficiency.vocabulary import (
    financial_year_label,
)

# ------------------------------------------------------------------ assumptions


def assumptions(run: Run) -> Section:
    """Every entry of the planning model, and what the scenario changes."""
    model = dict(run.stamp.get("model", {}))
    changed = {k: e for k, e in run.rules.items() if e.get("set_by") not in ("", None, _BASE_MODEL)}
    judged = sum("judgement" in str(e.get("source", "")).lower() for e in run.rules.values())
    answer = (
        f"The planning model is “{model.get('title') or model.get('name') or fmt.NOT_AVAILABLE}”. "
        f"{model.get('description') or ''}"
    ).strip()
    number = (
        f"It has {len(run.rules)} entries; {len(changed) or 'none'} of them "
        f"{'differ' if len(changed) > 1 else 'differs'} from {_BASE_MODEL}; "
        f"{judged} rest wholly or partly on judgement and should be replaced by the authority's "
        "own figures."
    )
    sure = "Every entry stands below with its source and date."
    what_ifs = [str(w) for w in run.stamp.get("what_ifs", [])]
    names = dict(zip(run.plan.schemes["scheme"], run.plan.schemes["name"], strict=True))
    committed = dict(run.scenario.get("committed", {}))
    terms = [
        ("Demand", f"{run.stamp.get('variant', 'central')} variant"
                   + (f", draw {run.stamp['draw']}" if run.stamp.get("draw") else "")),
        ("Committed schemes", fmt.in_words(
            [f"{names.get(s, s)} (September {y})" for s, y in committed.items()]) or "none"),
        ("Balance of the high-needs budget asked for from",
         financial_year_label(as_int(run.scenario["balance_from"]))
         if run.scenario.get("balance_from") else "not asked for"),
    ]  # fmt: skip
    rows = []
    for key, entry in run.rules.items():
        unit = str(entry.get("unit", ""))
        rows.append(
            Row(
                fmt.capital_first(fmt.words(key)),
                [
                    Cell("\n".join(fmt.model_value(entry.get("value"), unit, key))),
                    unit,
                    str(entry.get("source", "")) or fmt.NOT_AVAILABLE,
                    fmt.date(entry.get("date")),
                    Cell(
                        f"▲ {entry.get('set_by')}" if key in changed else str(entry.get("set_by")),
                        f"differs from {_BASE_MODEL}" if key in changed else "",
                        "over" if key in changed else "",
                    ),
                ],
                mark="changed" if key in changed else "",
            )
        )
    headers = ["Entry", "Value", "Unit", "Source", "Date", "Set by"]
    words = frozenset(range(1, 6))
    blocks: list[Block] = [
        Heading("What does the scenario change?"),
        Items(what_ifs) if what_ifs else Text("Nothing: no what-if is laid over the tables."),
        Items(terms=terms),
    ]
    if changed:
        blocks.append(
            Table(
                caption=f"Entries that differ from {_BASE_MODEL}",
                headers=headers,
                rows=[r for r in rows if r.mark == "changed"],
                source="inputs/rules.json",
                text_columns=words,
                one_line=frozenset({headers.index("Date")}),
                dense=True,
            )
        )
    blocks.append(
        Table(
            caption="The planning model, entry by entry",
            headers=headers,
            rows=rows,
            source="inputs/rules.json",
            folded=f"All {len(rows)} entries of the planning model",
            text_columns=words,
            one_line=frozenset({headers.index("Date")}),
            dense=True,
            printed=True,
        )
    )
    return Section("assumptions", "What does the plan assume?", answer, number, sure, blocks)


_BASE_MODEL = "england-2026"


# ------------------------------------------------------------------ data quality


def data_quality(run: Run) -> Section:
    """Doubtful records, estimates, and small numbers."""
    warnings = list(run.stamp.get("warnings", []))
    estimates = [str(e) for e in run.stamp.get("estimates", [])]
    answer = (
        f"{fmt.capital_first(fmt.number_of(len(warnings), 'record is', 'records are'))} doubtful, "
        f"and {fmt.number_of(len(estimates), 'part is', 'parts are')} estimated."
    )
    small = run.plan.placements
    now = small[small["academic_year"] == run.base]
    cells = now.groupby(["area", "need"])["children"].sum()
    few = as_int(((cells > 1e-9) & (cells < 5.5)).sum())
    number = (
        f"{few:,} of {len(cells):,} combinations of home area and need hold fewer than 6 children "
        f"in {year_label(run.base)}."
    )
    sure = (
        "INTERNAL: contains small numbers; not for publication. Nothing in this report is "
        "suppressed. Do not pass on tables, matrices or the map where a family could be "
        "recognised, and do not place provision on the strength of a handful of expected children."
    )
    blocks: list[Block] = [
        Heading("What was estimated?"),
        Items(estimates) if estimates else Text("Nothing."),
    ]
    if warnings:
        blocks.append(
            Table(
                caption="Doubtful records; none stopped the run",
                headers=["File and row", "Column", "Found", "What is doubtful", "Remedy"],
                rows=[
                    Row(
                        str(w.get("file") or fmt.NOT_AVAILABLE)
                        + (f", row {w['row']}" if w.get("row") else ""),
                        [
                            str(w.get("column") or fmt.NONE),
                            fmt.NONE if w.get("value") in (None, "") else str(w.get("value")),
                            str(w.get("message", w.get("text", ""))),
                            str(w.get("remedy", "")),
                        ],
                    )
                    for w in warnings
                ],
                source="run.json",
                folded=f"{fmt.number_of(len(warnings), 'doubtful record', 'doubtful records')}",
                text_columns=frozenset(range(1, 5)),
                dense=True,
                printed=len(warnings) <= 40,
            )
        )
    return Section("data", "How good are the data?", answer, number, sure, blocks)


# ------------------------------------------------------------------ certificate


def certificate(run: Run) -> Section:
    """Solver certificate, audit, versions, seeds and hashes."""
    solver, audit = run.solver, dict(run.stamp.get("audit", {}))
    objective = as_float(solver.get("objective_pounds", math.nan))
    bound = as_float(solver.get("bound_pounds", math.nan))
    checks = list(audit.get("checks", []))
    differences = [str(d) for d in audit.get("differences", [])]
    if not audit:
        verdict = "It was not audited."
    elif audit.get("passed"):
        verdict = f"An independent audit of {len(checks)} checks found no difference."
    else:
        verdict = (
            "It failed the independent audit: "
            f"{fmt.number_of(len(differences), 'difference', 'differences')} in {len(checks)} "
            "checks. Do not use it."
        )
    status = str(solver.get("status") or "of unknown status")
    words = {
        "time limit": "the best one found within the time limit",
        "memory limit": "the best one found within the memory limit",
        "interrupted": "the best one found before the search was interrupted",
    }.get(status, status)
    answer = f"The plan is {words}. {verdict}"
    # A gap of millions must not vanish in two equal numbers of billions.
    write = fmt.pounds if fmt.pounds(objective) != fmt.pounds(bound) else fmt.exact_pounds
    number = (
        f"Gap: {fmt.percent(as_float(solver.get('gap', math.nan)), 2)}, or "
        f"{fmt.pounds(objective - bound)} (present value {write(objective)}, no plan can be "
        f"below {write(bound)})."
    )
    sure = (
        "The gap says how far the plan could be from the best plan under these assumptions. It "
        "says nothing about the assumptions themselves. The objective adds money of all three "
        "ledgers and priced failures, and serves the search only."
    )
    limit, most = solver.get("time_limit"), solver.get("memory_limit_gigabytes")
    size = dict(run.stamp.get("size", {}))
    terms = [
        ("Status", str(solver.get("status") or fmt.NOT_AVAILABLE)),
        ("Interrupted", "yes" if solver.get("interrupted") else "no"),
        ("Objective", fmt.exact_pounds(objective)),
        ("Bound", fmt.exact_pounds(bound)),
        ("Gap", f"{fmt.percent(as_float(solver.get('gap', math.nan)), 3)} "
                f"({fmt.exact_pounds(objective - bound)})"),
        ("Gap asked for", fmt.percent(as_float(solver.get("gap_asked") or math.nan), 2)),
        ("Time limit", fmt.seconds(as_float(limit)) if limit else "none"),
        ("Memory limit", f"{as_float(most):g} GB" if most else "none"),
        ("Time taken", f"{fmt.seconds(as_float(solver.get('seconds', math.nan)))}, of which search "
                       f"{fmt.seconds(as_float(solver.get('search_seconds', math.nan)))}"),
        ("Children placed as", "whole children" if solver.get("whole_children")
         else "expected shares"),
        *_rounding(dict(solver.get("rounding") or {}), objective),
        ("Solver", f"{solver.get('name', '')} {solver.get('version', '')}, "
                   f"{_threads(solver.get('threads'))}, "
                   f"seed {solver.get('seed', fmt.NOT_AVAILABLE)}"),
        ("Seed of the projection", str(run.stamp.get("seed", fmt.NOT_AVAILABLE))),
        ("Size", ", ".join(f"{fmt.whole(as_float(v))} {fmt.words(k)}" for k, v in size.items())
         or fmt.NOT_AVAILABLE),
        ("Versions", ", ".join(f"{k} {v}" for k, v in
                               dict(run.stamp.get("versions", {})).items())
         or fmt.NOT_AVAILABLE),
        ("Command", str(run.stamp.get("command") or fmt.NOT_AVAILABLE)),
        ("Made", fmt.moment(run.stamp.get("created"))),
    ]  # fmt: skip
    blocks: list[Block] = [Items(terms=terms)]
    if differences:
        blocks.append(
            Items(differences, folded=f"All {len(differences)} differences the audit reports")
        )
    if checks:
        blocks.append(Items([str(c) for c in checks], folded=f"The {len(checks)} audit checks"))
    hashes = dict(run.stamp.get("inputs", {}))
    if hashes:
        blocks.append(
            Table(
                caption="Input files as read, with their SHA-256 fingerprints",
                headers=["Table and file", "SHA-256"],
                rows=[Row(str(k), [str(v)]) for k, v in hashes.items()],
                source="run.json",
                folded="Fingerprints of the input files",
                text_columns=frozenset({1}),
                dense=True,
            )
        )
    return Section(
        "certificate", "How was this plan found and checked?", answer, number, sure, blocks
    )


def _threads(number: object) -> str:
    """How many threads the solver had, in words."""
    if not isinstance(number, int):
        return f"threads {fmt.NOT_AVAILABLE}"
    return fmt.number_of(number, "thread", "threads")


def _rounding(rounding: dict[str, Any], objective: float) -> list[tuple[str, str]]:
    """What whole children cost beyond expected shares of them, the schemes being the same."""
    if not rounding:
        return []
    cost, exact = as_float(rounding["cost_pounds"]), as_float(rounding["exact_shares_pounds"])
    return [
        ("Cost of whole children",
         f"at most {fmt.exact_pounds(cost)} ({fmt.percent(cost / max(abs(objective), 1.0), 3)}) "
         "above expected shares of children in the same schemes under the same rules"),
        ("Expected shares, no preference rounded",
         f"{fmt.exact_pounds(exact)} in the same schemes; with whole children, shares that "
         "families prefer are rounded to whole children"),
    ]  # fmt: skip
