"""A comparison as a page, in the design of the report: questions and answers."""

from __future__ import annotations

import math

from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import Block, Items, Row, Section, Table, Text
from sufficiency.reports.comparison.causes import causes
from sufficiency.reports.comparison.conclusions import certainties, result, verdicts
from sufficiency.reports.comparison.results import (
    change_chart,
    failures,
    mix,
    money,
    schemes,
    travel,
)
from sufficiency.reports.comparison.side_by_side import POUND, Comparison
from sufficiency.reports.facts import as_float
from sufficiency.reports.page import Banner, banners, fill
from sufficiency.vocabulary import (
    LEDGERS,
    STATEMENT,
    academic_year_label,
    financial_year_label,
)


def render(found: Comparison) -> str:
    """The comparison as HTML."""
    titles = [str(run.stamp.get("title") or run.stamp.get("name")) for run in found.runs]
    warned: list[Banner] = []
    for label, run in zip(found.labels, found.runs, strict=True):
        warned += [Banner(b.tone, f"{label}: {b.title}", b.words, b.items) for b in banners(run)]
    authorities = list(dict.fromkeys(run.authority for run in found.runs))
    span = f"{academic_year_label(found.years[0])} to {academic_year_label(found.last)}"
    return fill(
        title="What differs between "
        + ("these plans" if len(set(titles)) == 1 else f"{len(found.runs)} plans"),
        about="comparison of plans for specialist places",
        where="the folder of this comparison",
        authority=fmt.in_words(authorities),
        statement=STATEMENT,
        banners=sorted(warned, key=lambda b: b.tone != "failed"),
        facts=[
            *(
                (f"{label}{' (reference)' if i == 0 else ''}", title)
                for i, (label, title) in enumerate(zip(found.labels, titles, strict=True))
            ),
            ("Compared", span),
        ],
        sections=[
            _headline(found),
            causes(found),
            mix(found),
            schemes(found),
            money(found),
            failures(found),
            travel(found),
            _certainty(found),
        ],
        tiles=_tiles(found),
    )


def _tiles(found: Comparison) -> list[tuple[str, str]]:
    """Numbers for the top of the page, of the first run that is compared."""
    i = found.others[0]
    moved = len(found.moved_schemes(i))
    changes = found.inputs[i]
    assumed = len(changes.assumptions)
    years = f"{financial_year_label(found.years[0])} to {financial_year_label(found.last)}"
    words = [
        (str(assumed), "assumption differs" if assumed == 1 else "assumptions differ")
        if changes.compared
        else (fmt.NONE, "inputs are of different authorities"),
        (str(moved), f"{'scheme opens' if moved == 1 else 'schemes open'} in another year, or in "
                     "one plan only"),
        *(
            (_change_words(found.ledger_change(i, ledger)),
             f"{LEDGERS[ledger]}, financial years {years}")
            for ledger in ("dsg", "general_fund")
        ),
    ]  # fmt: skip
    to = f"({found.labels[i]} against {found.labels[0]})" if len(found.runs) > 2 else ""
    return [(number, f"{text} {to}".strip()) for number, text in words]


def _headline(found: Comparison) -> Section:
    # The next section says what caused the results, the last one how their certainty is known.
    results = [result(found, i) for i in found.others]
    changed = any(not found.unchanged(i) for i in found.others)
    two = len(found.runs) == 2
    blocks: list[Block] = [Text(w, "failure") for w in found.warnings]
    if not two:
        blocks.append(Items(results))
    if changed:
        blocks.append(change_chart(found))
    answer = (
        results[0]
        if two
        else f"{len(found.others)} plans are compared with {found.labels[0]}, the reference."
        if changed
        else "Nothing changed between these runs."
    )
    return Section("difference", "What is different?", answer, "", verdicts(found), blocks)


def _change_words(pounds: float) -> str:
    if abs(pounds) < POUND:
        return "no change"
    return f"{'+' if pounds > 0 else ''}{fmt.pounds(pounds)}"


def _certainty(found: Comparison) -> Section:
    rows = []
    for label, run in zip(found.labels, found.runs, strict=True):
        audit = run.stamp.get("audit")
        objective, bound = (
            fmt.exact_pounds(as_float(run.solver.get(key, math.nan)))
            for key in ("objective_pounds", "bound_pounds")
        )
        rows.append(
            Row(
                label,
                [
                    str(dict(run.stamp.get("model", {})).get("name", "")),
                    fmt.date(run.stamp.get("created")),
                    objective,
                    bound,
                    fmt.percent(as_float(run.solver.get("gap", math.nan)), 2),
                    "passed" if audit and audit.get("passed") else "NOT PASSED",
                    str(dict(run.stamp.get("versions", {})).get("sufficiency", "")),
                ],
            )
        )
    table = Table(
        caption="The runs, and what was proven of each",
        headers=["Run", "Planning model", "Made on", "Objective", "Proven bound", "Gap",
                 "Audit", "Version"],
        rows=rows,
        source="runs.csv",
        text_columns=frozenset({1, 2, 6, 7}),
        one_line=frozenset({2}),
        dense=True,
    )  # fmt: skip
    number = (
        "A plan's cost is exact for its schemes; its bound says how cheap the best plan could "
        "be. Where two planning models price things otherwise, part of a difference in the "
        "objective is the price itself: compare the ledgers."
    )
    question = "How sure is the difference?"
    return Section("certainty", question, certainties(found), number, "", [table])
