"""``sufficiency baseline``: today's placements and spend against the records."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sufficiency.baseline.acceptance import Acceptance, inputs_of, today_iso, write_record
from sufficiency.baseline.compare import Baseline
from sufficiency.baseline.page import cells, verdict, write_baseline
from sufficiency.problems import EXIT_OK, InputError, Problem, Problems
from sufficiency.shipped import scenario_path
from sufficiency.vocabulary import academic_year_label


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "scenario", metavar="SCENARIO",
        help="a shipped example, a scenario .toml file, or its folder",
    )  # fmt: skip
    parser.add_argument("--model", metavar="NAME", help="planning model (default: its own)")
    parser.add_argument(
        "--out", metavar="DIR", type=Path,
        help="write baseline.html, baseline.csv and modelled.csv there",
    )  # fmt: skip
    parser.add_argument(
        "--accept", action="store_true",
        help="record beside the scenario that this baseline was read and accepted",
    )  # fmt: skip
    parser.add_argument(
        "--because", metavar="TEXT", default="",
        help="with --accept: why figures beyond the tolerance are accepted",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, out: Console) -> int:
    """Compare, show, write, and record the acceptance when asked."""
    from sufficiency.pipeline import load_scenario, reproduce_today

    loaded = load_scenario(asked.scenario, model=asked.model)
    baseline = reproduce_today(loaded)
    if asked.accept:
        _refuse_unread(baseline, asked.because)
    scenario = loaded.scenario
    show(baseline, scenario.title, out)
    for problem in loaded.warnings:
        if problem.file != "baseline":
            out.print(f"[yellow]warning[/] {escape(str(problem))}", soft_wrap=True)
    if asked.out is not None:
        for path in write_baseline(
            baseline, asked.out, title=scenario.title, authority=scenario.authority
        ):
            out.print(f"Wrote {escape(str(path))}.", soft_wrap=True)
    if asked.accept:
        file = scenario_path(asked.scenario, Problems())
        assert file is not None  # it was loaded a moment ago
        record = write_record(
            file.parent,
            Acceptance(
                scenario.name, today_iso(), scenario.base_year,
                inputs_of(loaded.tables.hashes, loaded.model), len(baseline.figures),
                tuple(f"{f.label}: {f.share:+.1%}" for f in baseline.beyond), asked.because.strip(),
            ),
        )  # fmt: skip
        out.print(f"Accepted for these inputs: {escape(str(record))}.", soft_wrap=True)
    elif baseline.figures:
        out.print("When you have read the differences, accept them with --accept.")
    return EXIT_OK


def _refuse_unread(baseline: Baseline, because: str) -> None:
    """Nothing to compare cannot be accepted; a missed figure needs a reason."""
    if not baseline.figures:
        raise InputError(
            [Problem("nothing is recorded, so there is nothing to accept.",
                     "add the table recorded (docs/tables.md): children by kind from your return, "
                     "pounds by kind and ledger from your accounts.", file="recorded.csv")]
        )  # fmt: skip
    if baseline.beyond and not because.strip():
        raise InputError(
            [Problem(f"{len(baseline.beyond):,} figures are missed by more than the tolerance.",
                     "mend the tables; or say why they may be missed, with --because TEXT.",
                     file="--accept",
                     value="; ".join(f"{f.label} {f.share:+.1%}" for f in baseline.beyond))]
        )  # fmt: skip


def show(baseline: Baseline, title: str, out: Console) -> None:
    """The comparison on a console."""
    out.print(f"[bold]{escape(title)}[/]")
    out.print(f"Today reproduced: {academic_year_label(baseline.base_year)}.")
    for words, figures in baseline.sections():
        table = Table(
            box=None,
            pad_edge=False,
        )
        table.add_column(words)
        for head in ("recorded", "modelled", "difference", ""):
            table.add_column(head, justify="right")
        table.add_column("within 2%")
        for figure in figures:
            style = "" if figure.within else "red"
            table.add_row(escape(figure.label), *cells(figure),
                          "yes" if figure.within else "no", style=style)  # fmt: skip
        out.print()
        out.print(table)
        for figure in figures:
            for reason in figure.reasons:
                out.print(f"  {escape(figure.label)}: {escape(reason)}", soft_wrap=True)
    out.print()
    for note in baseline.notes:
        out.print(escape(note), soft_wrap=True)
    out.print(f"[bold]{verdict(baseline)}[/]", soft_wrap=True)
