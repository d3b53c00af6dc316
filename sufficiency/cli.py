"""The command line: optimise, check, audit, report, compare, business-case, publish, example,
import, travel, baseline.

Exit codes: 0 done; 2 the input cannot be used; 3 no plan; 4 the audit disagrees with the plan;
5 a release would give away small numbers; 130 interrupted before there was a plan.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sufficiency import __version__
from sufficiency.problems import (
    EXIT_AUDIT_FAILED,
    EXIT_BAD_INPUT,
    EXIT_INTERRUPTED,
    EXIT_OK,
    InputError,
    NoPlanError,
    NotReleasableError,
    Problem,
)
from sufficiency.vocabulary import KINDS, STATEMENT, academic_year_label

if TYPE_CHECKING:
    from sufficiency.audit import AuditResult

MOST_SHOWN = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(set(given))
    asked = parser.parse_args(given)
    logging.getLogger("pyomo").setLevel(logging.ERROR)
    out, err = Console(highlight=False), Console(stderr=True, highlight=False)
    run: Callable[[argparse.Namespace, Console], int] = asked.run
    asked.command_line = shlex.join(["sufficiency", *given])
    try:
        return run(asked, out)
    except InputError as error:
        _show_problems(err, error.problems, "error")
        count = len(error.problems)
        err.print(
            f"[bold red]Nothing was written:[/] {count} "
            f"{'thing needs' if count == 1 else 'things need'} mending."
        )
        return EXIT_BAD_INPUT
    except (NoPlanError, NotReleasableError) as error:
        for line in str(error).splitlines():
            err.print(escape(line), soft_wrap=True)
        if isinstance(error, NotReleasableError):
            err.print("[bold red]Nothing was published.[/]")
        return error.exit_code
    except KeyboardInterrupt:
        err.print("Interrupted before there was a plan; nothing was written.")
        return EXIT_INTERRUPTED


def _share(text: str) -> float:
    try:
        number = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: write 0.005 or 0.5%") from None
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must lie between 0 and 1: write 0.005 or 0.5%")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be above 0 seconds")
    return number


def _whole(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1 to 256")
    return int(text)


def _threshold(text: str) -> int:
    from sufficiency.reports import LEAST_THRESHOLD

    if not text.isdigit() or not LEAST_THRESHOLD <= int(text) <= 100:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be a whole number from {LEAST_THRESHOLD} to 100"
        )
    return int(text)


def _parser(given: AbstractSet[str]) -> argparse.ArgumentParser:
    """The whole command line; what few runs need is loaded only where it is asked for."""
    parser = argparse.ArgumentParser(
        prog="sufficiency",
        description="An optimiser for specialist school places: which places, where, and by which "
        "September. " + STATEMENT,
    )
    parser.add_argument("--version", action="version", version=f"sufficiency {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, text: str, run: Callable[[argparse.Namespace, Console], int]
            ) -> argparse.ArgumentParser:  # fmt: skip
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    scenario = "a shipped example (small, median), a scenario .toml file, or its folder"
    command = add("optimise", "Find the plan for a scenario and write its report.", _optimise)
    command.add_argument("scenario", metavar="SCENARIO", help=scenario)
    command.add_argument("--model", metavar="NAME", help="planning model: england-2026, least-cost,"
                         " local-first, bases-first, bases-only, or a .toml file"
                         " (default: the scenario's own)")  # fmt: skip
    command.add_argument("--out", metavar="DIR", type=Path,
                         help="run folder to write (default: runs/NAME); an earlier run there is"
                         " replaced")  # fmt: skip
    command.add_argument("--gap", metavar="SHARE", type=_share, default=0.005,
                         help="how near to the best possible plan to prove, 0.005 or 0.5%%"
                         " (default: 0.5%%)")  # fmt: skip
    command.add_argument(
        "--time-limit",
        metavar="SECONDS",
        type=_seconds,
        default=600.0,
        help="end the search after so many seconds with the best plan so far and its true gap "
        "(default: 600)",
    )
    command.add_argument("--threads", metavar="N", type=_whole, default=2,
                         help="solver threads (default: 2)")  # fmt: skip
    command.add_argument("--seed", metavar="N", type=_whole, default=1,
                         help="solver seed (default: 1)")  # fmt: skip
    command.add_argument(
        "--whole-children",
        action="store_true",
        help="place whole children instead of expected shares of them",
    )
    command.add_argument(
        "--no-report",
        action="store_true",
        help="write tables only: no page, workbook or GeoPackage",
    )
    command = add("check", "Validate a scenario and say what it asks; nothing is solved.", _check)
    command.add_argument("scenario", metavar="SCENARIO", help=scenario)
    command.add_argument("--model", metavar="NAME", help="planning model (default: its own)")
    command = add("audit", "Recompute every rule and every pound of a run from its inputs.", _audit)
    command.add_argument("run_folder", metavar="RUN", type=Path, help="folder of a run")
    command = add("report", "Write the page, the workbook and the GeoPackage of a run again, from "
                  "its tables.", _report)  # fmt: skip
    command.add_argument("run_folder", metavar="RUN", type=Path, help="folder of a run")
    command = add("compare", "Write what differs between runs: their results beside their inputs.",
                  _compare)  # fmt: skip
    command.add_argument("run_folders", metavar="RUN", type=Path, nargs="+",
                         help="folders of runs; the first is the reference")  # fmt: skip
    command.add_argument("--out", metavar="DIR", type=Path, default=Path("comparison"),
                         help="folder to write (default: comparison); an earlier comparison there"
                         " is replaced")  # fmt: skip
    command = add("business-case", "Work out what the plan of a run and each of its schemes are "
                  "worth against doing nothing, and write the case.", _business_case)  # fmt: skip
    command.add_argument("run_folder", metavar="RUN", type=Path, help="folder of a run")
    command.add_argument("--scheme", metavar="NAME", action="append", default=[], dest="schemes",
                         help="a scheme that the plan chose, by its identifier; may be given again"
                         " (default: all of them)")  # fmt: skip
    command = add("publish", "Write the part of a run that may be given to everybody, small "
                  "numbers held back; refuse when one could be worked out.", _publish)  # fmt: skip
    command.add_argument("run_folder", metavar="RUN", type=Path, help="folder of a run")
    command.add_argument("--out", metavar="DIR", type=Path, required=True,
                         help="folder to write; an earlier release there is replaced")  # fmt: skip
    command.add_argument("--threshold", metavar="N", type=_threshold, default=6,
                         help="hold back counts from 1 to below N (default: 6)")  # fmt: skip
    command = add("example", "Write a fictional authority to start from.", _example)
    command.add_argument("--size", choices=("small", "median", "large"), default="small",
                         help="about 400, 3,300 or 20,000 plans (default: small)")  # fmt: skip
    command.add_argument("--out", metavar="DIR", type=Path, required=True,
                         help="folder to write geodata/ and scenarios/ into")  # fmt: skip
    text = "Turn files that the authority already has into its tables."
    command = commands.add_parser("import", help=text, description=text)
    if "import" in given:
        from sufficiency.imports.commands import add_commands

        add_commands(command)
    text = "Measure journeys from small areas to provision, or refit the straight line."
    command = commands.add_parser("travel", help=text, description=text)
    if "travel" in given:
        from sufficiency.geography.commands import add_commands as add_travel_commands

        add_travel_commands(command)
    text = "Compare today's placements and spend, as modelled, with the records."
    command = commands.add_parser("baseline", help=text, description=text)
    if "baseline" in given:
        from sufficiency.baseline.commands import add_arguments

        add_arguments(command)
    return parser


# ------------------------------------------------------------------ commands


def _optimise(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.pipeline import load_scenario, optimise, write_results
    from sufficiency.plan.run_folder import refuse_unsafe

    loaded = load_scenario(asked.scenario, model=asked.model)
    folder: Path = asked.out or Path("runs") / loaded.scenario.name
    refuse_unsafe(folder)
    _show_warnings(out, loaded.warnings)
    progress = _Progress(out)
    try:
        plan = optimise(
            loaded,
            gap=asked.gap,
            time_limit=asked.time_limit,
            threads=asked.threads,
            seed=asked.seed,
            whole_children=asked.whole_children,
            on_progress=progress,
        )
        progress("Writing the run folder and its report")
        write_results(plan, loaded, folder, report=not asked.no_report, command=asked.command_line)
    except OSError as error:
        raise InputError(
            [Problem("the result could not be written.", "choose another folder with --out.",
                     file=str(folder), value=str(error))]
        ) from error  # fmt: skip
    finally:
        progress.stop()
    _show_plan(out, plan)
    if not asked.no_report:
        out.print(f"\nReport: {escape(str(folder / 'report.html'))}", soft_wrap=True)
        out.print("Beside it: workbook.xlsx and plan.gpkg. All three are internal; for others:")
        out.print(f"  sufficiency publish {escape(shlex.quote(str(folder)))} --out release",
                  soft_wrap=True)  # fmt: skip
    out.print(STATEMENT, style="dim")
    audit = plan.stamp["audit"]
    if not audit["passed"]:
        out.print(f"[bold red]The audit finds {len(audit['differences'])} differences;"
                  " do not use this plan.[/]")  # fmt: skip
        for line in audit["differences"][:10]:
            out.print(f"  {escape(line)}", soft_wrap=True)
        return EXIT_AUDIT_FAILED
    return EXIT_OK


def _check(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.pipeline import load_scenario

    loaded = load_scenario(asked.scenario, model=asked.model)
    scenario, tables = loaded.scenario, loaded.tables
    question = loaded.question()
    out.print(f"[bold]{escape(scenario.title)}[/] ({escape(scenario.file)})")
    out.print(f"Model: {escape(loaded.model.title)}")
    out.print(
        f"Base year {academic_year_label(scenario.base_year)}; plan for "
        f"{academic_year_label(scenario.first_year)} to {academic_year_label(scenario.last_year)}."
    )
    projected = tables.projected_children
    last = projected[projected["academic_year"] == scenario.last_year]["children"].sum()
    out.print(
        f"Children with plans: {tables.children_today['children'].sum():,.0f} today, "
        f"{last:,.0f} projected for {academic_year_label(scenario.last_year)}."
    )
    out.print(
        f"{len(tables.areas):,} areas, {len(tables.provisions):,} provisions, "
        f"{len(tables.schemes):,} schemes; {len(question.cohorts):,} cohorts and "
        f"{len(question.arcs):,} ways of placing them."
    )
    for scheme, reason in question.schemes.attrs["status"].items():
        out.print(f"Scheme {escape(scheme)}: {reason}.")
    if tables.budgets.empty:
        out.print("No budgets are given: capital is unlimited.")
    for what_if in scenario.what_ifs:
        out.print(f"What if: {escape(what_if.sentence())}")
    for sentence in loaded.estimates:
        out.print(f"Estimated: {escape(sentence)}")
    _show_warnings(out, loaded.warnings)
    out.print("[bold green]The scenario can be optimised.[/]")
    return EXIT_OK


def _audit(asked: argparse.Namespace, out: Console) -> int:
    result = _audited(asked.run_folder)
    for line in result.checks:
        out.print(f"checked {escape(line)}")
    return _show_audit(out, result)


def _audited(folder: Path) -> AuditResult:
    from sufficiency.audit import RunFolderError, audit_run

    try:
        return audit_run(folder)
    except (RunFolderError, OSError, ValueError) as error:
        raise InputError(
            [Problem(f"this run cannot be audited: {error}",
                     "give the folder that 'sufficiency optimise' wrote.",
                     file=str(folder))]
        ) from error  # fmt: skip


def _show_audit(out: Console, result: AuditResult) -> int:
    for difference in result.differences:
        out.print(f"[red]{escape(str(difference))}[/]", soft_wrap=True)
    if not result.passed:
        out.print(f"[bold red]{len(result.differences)} differences: do not use this plan.[/]")
        return EXIT_AUDIT_FAILED
    out.print("[bold green]The audit agrees with the plan.[/]")
    return EXIT_OK


def _report(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.reports import write_reports

    for path in write_reports(asked.run_folder):
        out.print(f"Wrote {escape(str(path))}", soft_wrap=True)
    out.print("All of them are internal: they contain small numbers.")
    return EXIT_OK


def _business_case(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.reports import formatting as fmt
    from sufficiency.studies.business_case import write_business_case

    progress = _Progress(out)
    try:
        case, written = write_business_case(asked.run_folder, asked.schemes, progress)
    finally:
        progress.stop()
    table = Table("Against doing nothing", "Net present value", "Payback", box=None, pad_edge=False)
    for name, worth, payback in case.worth():
        years = f"{payback:g} years" if payback == payback else "not within the years"
        table.add_row(escape(name), fmt.pounds(worth), years)
    out.print(table)
    for path in written:
        out.print(f"Wrote {escape(str(path))}", soft_wrap=True)
    out.print("All of them are internal: they contain small numbers, and none is published.")
    out.print(STATEMENT, style="dim")
    return EXIT_OK


def _compare(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.reports.comparison import write_comparison

    comparison = write_comparison(asked.run_folders, asked.out)
    for sentence in comparison.sentences:
        out.print(escape(sentence), soft_wrap=True)
    for path in comparison.files:
        out.print(f"Wrote {escape(str(path))}", soft_wrap=True)
    out.print("All of them are internal: they contain small numbers.")
    return EXIT_OK


def _publish(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.reports import publish

    # What is released is what stands in the folder now, whatever its stamp says.
    progress = _Progress(out)
    try:
        progress("Auditing the plan")
        if not (result := _audited(asked.run_folder)).passed:
            progress.stop()
            return _show_audit(out, result)
        release = publish(asked.run_folder, asked.out, asked.threshold, progress)
    finally:
        progress.stop()
    counts = release.summary
    out.print(
        f"{counts['counts']:,} counts: {counts['small']:,} below {asked.threshold} and "
        f"{counts['withheld']:,} others are held back. None of them can be worked out from all "
        f"files together ({counts['alternatives']:,} alternatives prove it)."
    )
    out.print(f"Release: {escape(str(release.folder))}", soft_wrap=True)
    for name in release.files:
        out.print(f"  {escape(name)}", soft_wrap=True)
    out.print(
        "Publish one run of a plan: whoever has two releases of nearly the same plan can compare "
        "them."
    )
    return EXIT_OK


def _example(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.examples import write_example

    taken = [asked.out / name for name in ("geodata", "scenarios") if (asked.out / name).exists()]
    if taken or asked.out.is_file():
        raise InputError(
            [Problem("this folder holds files already.", "choose an empty or new folder.",
                     file=str(asked.out))]
        )  # fmt: skip
    try:
        path = write_example(asked.size, asked.out)
    except OSError as error:
        raise InputError(
            [Problem("the example could not be written.", "choose another folder.",
                     file=str(asked.out), value=str(error))]
        ) from error  # fmt: skip
    out.print(f"Wrote {escape(str(path))}. Next:", soft_wrap=True)
    out.print(f"  sufficiency optimise {escape(shlex.quote(str(path)))}", soft_wrap=True)
    return EXIT_OK


# ------------------------------------------------------------------ what is shown


class _Progress:
    """One live line on a terminal; plain lines, one a step, anywhere else."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.step = ""
        self.status = console.status("") if console.is_terminal else None
        if self.status:
            self.status.start()

    def __call__(self, step: str, progress: object = None) -> None:
        if step != self.step:
            self.step = step
            if self.status is None:
                self.console.print(f"{step} …")
        if self.status is None:
            return
        text = f"{step} …"
        best = getattr(progress, "best", float("inf"))
        bound = getattr(progress, "bound", float("-inf"))
        if progress is not None and best < 1e18 and bound > -1e18:
            gap = getattr(progress, "gap", 0.0)
            text += f" best £{best / 1e6:,.1f}m, bound £{bound / 1e6:,.1f}m, gap {gap:.2%}"
            text += "  [dim]Ctrl-C keeps the best plan so far[/]"
        self.status.update(text)

    def stop(self) -> None:
        if self.status:
            self.status.stop()


def _show_plan(out: Console, plan: object) -> None:
    from sufficiency.plan import Plan

    assert isinstance(plan, Plan)
    stamp = plan.stamp
    solver = stamp["solver"]
    out.print(f"\n[bold]{escape(stamp['title'])}[/]")
    out.print(
        f"Plan within {solver['gap']:.2%} of the best possible "
        f"(£{(solver['objective_pounds'] - solver['bound_pounds']) / 1e6:,.1f}m of "
        f"£{solver['objective_pounds'] / 1e6:,.1f}m at present value); {solver['status']}; "
        f"{solver['seconds']:.0f} seconds."
    )
    first, last = stamp["base_year"], stamp["last_year"]
    table = Table("Children with plans by placement", box=None, pad_edge=False)
    for year in (first, last):
        table.add_column(academic_year_label(year), justify="right")
    counts = plan.mix.set_index(["kind", "academic_year"])["children"]
    for kind, name in [*KINDS.items(), ("unmet", "No suitable place (unmet)")]:
        table.add_row(name, *(f"{counts.get((kind, y), 0.0):,.0f}" for y in (first, last)))
    out.print(table)
    opening = plan.schemes[plan.schemes["opens"] >= 0].sort_values(["opens", "scheme"])
    if opening.empty:
        out.print("No scheme opens.")
    for row in opening.to_dict("records"):
        out.print(
            f"September {row['opens']}: {escape(str(row['name']))} ({row['places']:g} places, "
            f"£{row['capital_pounds'] / 1e6:,.1f}m, {row['status']})"
        )


def _show_warnings(out: Console, warnings: Sequence[Problem]) -> None:
    _show_problems(out, warnings, "warning")


def _show_problems(out: Console, problems: Sequence[Problem], word: str) -> None:
    style = "red" if word == "error" else "yellow"
    for problem in problems[:MOST_SHOWN]:
        out.print(f"[{style}]{word}[/] {escape(str(problem))}", soft_wrap=True)
    if len(problems) > MOST_SHOWN:
        out.print(f"… and {len(problems) - MOST_SHOWN} more of the same kind.")


if __name__ == "__main__":
    raise SystemExit(main())
