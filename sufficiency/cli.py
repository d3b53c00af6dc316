"""The command line: optimise, check, audit, report, compare, business-case, test-site, map-value,
rank-sites, alternatives, frontier, marginal, bases, price-rules, publish, example, import, travel,
baseline.

Exit codes: 0 done; 2 the input cannot be used; 3 no plan; 4 the audit disagrees with the plan;
5 a release would give away small numbers; 130 interrupted before there was a plan.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from sufficiency.plan.finding import Finding

MOST_SHOWN = 60


class _Console(Console):
    """A console whose reader may go away: the work is done and written all the same."""

    def on_broken_pipe(self) -> None:
        """Say nothing more."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(set(given))
    asked = parser.parse_args(_with_signs(given))
    logging.getLogger("pyomo").setLevel(logging.ERROR)
    out, err = _Console(highlight=False), _Console(stderr=True, highlight=False)
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
    except KeyboardInterrupt as error:
        words = str(error) or "Interrupted before there was a plan; nothing was written."
        err.print(escape(words), soft_wrap=True)
        return EXIT_INTERRUPTED


def _with_signs(given: list[str]) -> list[str]:
    """A value that begins with a minus sign is no option: ``--at -3.5,50.7`` is one argument."""
    found: list[str] = []
    for word in given:
        if (
            found
            and found[-1] in ("--at", "--year-groups")
            and word[:1] == "-"
            and (word[1:2].isdigit() or word[1:2] == ".")
        ):
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


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


def _gigabytes(text: str) -> float:
    try:
        number = float(text.upper().removesuffix("GB"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of gigabytes") from None
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} must be above 0 gigabytes")
    return number


def _whole(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1 to 256")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 0 to 2147483647")
    return int(text)


def _threshold(text: str) -> int:
    from sufficiency.reports import LEAST_THRESHOLD

    if not text.isdecimal() or not LEAST_THRESHOLD <= int(text) <= 100:
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
        help="end the search after so many seconds with the best plan so far and its true gap; "
        "placing its children takes some seconds more (default: 600)",
    )
    command.add_argument(
        "--memory-limit",
        metavar="GB",
        type=_gigabytes,
        help="end the search in the same way when the program holds more than so many gigabytes "
        "(default: no limit)",
    )
    command.add_argument("--threads", metavar="N", type=_whole, default=2,
                         help="solver threads (default: 2)")  # fmt: skip
    command.add_argument("--seed", metavar="N", type=_seed, default=1,
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
    command.add_argument("run_folder", metavar="RUN", type=Path,
                         help="folder of a run, or of a study")  # fmt: skip
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
    command = add("test-site", "Try a school on sites that nobody has listed: what each is worth, "
                  "whom it serves, what it changes.", _test_site)  # fmt: skip
    command.add_argument("scenario", metavar="SCENARIO", help=scenario)
    command.add_argument("--at", metavar="EASTING,NORTHING", action="append", default=[],
                         help="a point in metres, EPSG:27700; may be given again")  # fmt: skip
    command.add_argument("--postcode", metavar="POSTCODE", action="append", default=[],
                         help="a postcode, with --postcodes; may be given again")  # fmt: skip
    command.add_argument("--postcodes", metavar="FILE", action="append", type=Path, default=[],
                         help="where postcodes are: the ONS Postcode Directory or Code-Point "
                         "Open")  # fmt: skip
    command.add_argument("--site", metavar="ID", action="append", default=[],
                         help="a candidate site of the scenario; may be given again")  # fmt: skip
    _add_school(command)
    command.add_argument("--grant", metavar="POUNDS", type=_amount, default=0.0,
                         help="capital that comes only with the site (default: none, so that it "
                         "is paid from the budgets)")  # fmt: skip
    _add_search(command, "runs/NAME-site-test")
    command = add("map-value", "Map what a school would be worth at every point of the authority, "
                  "the best points exactly.", _map_value)  # fmt: skip
    command.add_argument("scenario", metavar="SCENARIO", help=scenario)
    _add_school(command)
    command.add_argument("--points", metavar="N", type=_count, default=200,
                         help="points of the grid, about (default: 200)")  # fmt: skip
    command.add_argument("--exact", metavar="N", type=_count, default=10,
                         help="points for which children are placed anew (default: 10)"
                         )  # fmt: skip
    command.add_argument("--exclude", metavar="FILE", action="append", type=Path, default=[],
                         help="polygons on which nothing can be built: GeoPackage, GeoJSON or "
                         "Shapefile; may be given again")  # fmt: skip
    _add_search(command, "runs/NAME-value-map")
    _add_choices(add, scenario)
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


def _add_choices(
    add: Callable[
        [str, str, Callable[[argparse.Namespace, Console], int]], argparse.ArgumentParser
    ],
    scenario: str,
) -> None:
    """Studies of what there is to choose, and of what a choice costs."""
    command = add("rank-sites", "Rank every candidate scheme: alone, with all others, last in; "
                  "which are in every near-best plan and which in none.", _rank_sites)  # fmt: skip
    command.add_argument("scenario", metavar="SCENARIO", help=scenario)
    command.add_argument("--plans", metavar="N", type=_whole, default=5,
                         help="how many of the best plans to find as well (default: 5)"
                         )  # fmt: skip
    command.add_argument("--within", metavar="SHARE", type=_share, default=0.005,
                         help="how much more than the least cost a near-best plan may cost, 0.005 "
                         "or 0.5%% (default: 0.5%%)")  # fmt: skip
    command.add_argument("--scheme", metavar="NAME", action="append", default=[], dest="schemes",
                         help="a scheme to rank, by its identifier; may be given again (default: "
                         "all candidates)")  # fmt: skip
    _add_search(
        command, "runs/NAME-rank-sites", 120.0, "0.5%%, and down to 0.3%% where that can decide"
    )
    command = add("alternatives", "Find the best plans that differ in their schemes, each with its "
                  "proven distance from the best.", _alternatives)  # fmt: skip
    command.add_argument("scenario", metavar="SCENARIO", help=scenario)
    command.add_argument("--plans", metavar="N", type=_whole, default=5,
                         help="how many, the best included (default: 5)")  # fmt: skip
    _add_search(command, "runs/NAME-alternatives", 120.0, "0.1%%")
    command = add("frontier", "What capital buys: the least of a measure that each amount of "
                  "capital can reach, and the schemes at each step.", _frontier)  # fmt: skip
    command.add_argument("scenario", metavar="SCENARIO", help=scenario)
    command.add_argument("--of", choices=("capital",), default="capital",
                         help="what is spent (default: capital)")  # fmt: skip
    command.add_argument("--against", choices=("independent-share", "minutes", "unmet"),
                         default="independent-share",
                         help="what it is to lower: the share of children in independent and "
                         "non-maintained special schools, the mean journey, or children without a "
                         "place (default: independent-share)")  # fmt: skip
    command.add_argument("--points", metavar="N", type=_points, default=10,
                         help="limits on capital to try, 2 to 50 (default: 10)")  # fmt: skip
    _add_search(command, "runs/NAME-frontier-MEASURE", 120.0, "0.5%%")
    command = add("marginal", "What one more place is worth, by provision, designation, phase and "
                  "year, and how far that holds; what existing schools could do first.",
                  _marginal)  # fmt: skip
    command.add_argument("scenario", metavar="SCENARIO", help=scenario)
    command.add_argument("--provision", metavar="NAME", action="append", default=[],
                         dest="provisions", help="a provision whose places are tried; may be given "
                         "again (default: the twelve with the highest prices)")  # fmt: skip
    command.add_argument("--redesignate", metavar="PROVISION=CODES", action="append", default=[],
                         help="a provision that also takes these needs, quayside=ASD,SLCN; may be "
                         "given again")  # fmt: skip
    command.add_argument("--extend", metavar="PROVISION=LOW..HIGH", action="append", default=[],
                         help="a provision that takes these year groups, quayside=0..13; may be "
                         "given again (default, without either: where places stand vacant)"
                         )  # fmt: skip
    _add_search(command, "runs/NAME-marginal", 120.0, "0.5%%")
    command = add("bases", "Compare bases only, bases first and unconstrained on the same data, "
                  "and show the need that bases cannot meet.", _bases)  # fmt: skip
    command.add_argument("scenario", metavar="SCENARIO", help=scenario)
    _add_search(command, "runs/NAME-bases", 120.0, "0.5%%")
    command = add("price-rules", "What delay and each rule cost, and how many children they "
                  "touch, in one table.", _price_rules)  # fmt: skip
    command.add_argument("scenario", metavar="SCENARIO", help=scenario)
    command.add_argument("--rule", metavar="KEY", action="append", default=[], dest="rules",
                         help="delay, all-late, budget-late, guide-as-limit, stay-on and others "
                         "(docs/choices.md); may be given again (default: all)")  # fmt: skip
    _add_search(command, "runs/NAME-price-rules", 120.0, "0.2%%")


def _points(text: str) -> int:
    if not text.isdecimal() or not 2 <= int(text) <= 50:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 2 to 50")
    return int(text)


def _add_school(command: argparse.ArgumentParser) -> None:
    """What is tried, for commands that try a school."""
    command.add_argument("--needs", metavar="CODES", required=True,
                         help="needs that it admits: ASD,SLD; or any")  # fmt: skip
    command.add_argument("--places", metavar="N", type=_amount, required=True,
                         help="places once full")  # fmt: skip
    command.add_argument("--year-groups", metavar="LOW-HIGH", default="0-14",
                         help="year groups, 0 or R is Reception (default: 0-14)")  # fmt: skip
    command.add_argument("--opens", metavar="YEAR",
                         help="academic year of the September in which it opens, 2029/30 (default: "
                         "when the search finds best)")  # fmt: skip
    command.add_argument("--kind", metavar="KIND", default="state_special",
                         help="kind of provision (default: state_special)")  # fmt: skip
    command.add_argument("--capital", metavar="POUNDS", type=_amount,
                         help="capital cost in all (default: the planning model's cost per place)"
                         )  # fmt: skip
    command.add_argument("--running", metavar="POUNDS", type=_amount, default=0.0,
                         help="fixed cost a year once open, beyond that of places (default: 0)"
                         )  # fmt: skip


def _add_search(
    command: argparse.ArgumentParser,
    folder: str,
    seconds: float = 300.0,
    gap: str = "as near as is needed to tell, within limits",
) -> None:
    """How a study searches and where it writes."""
    command.add_argument("--model", metavar="NAME", help="planning model (default: its own)")
    command.add_argument("--out", metavar="DIR", type=Path,
                         help=f"folder to write (default: {folder}); an earlier result there is "
                         "replaced, its answers are used again")  # fmt: skip
    command.add_argument("--gap", metavar="SHARE", type=_share,
                         help="how near to the best possible plan to prove each answer (default: "
                         f"{gap})")  # fmt: skip
    command.add_argument("--time-limit", metavar="SECONDS", type=_seconds, default=seconds,
                         help=f"longest search for one answer (default: {seconds:g})")  # fmt: skip
    command.add_argument("--threads", metavar="N", type=_whole, default=2,
                         help="solver threads (default: 2)")  # fmt: skip
    command.add_argument("--seed", metavar="N", type=_seed, default=1,
                         help="solver seed (default: 1)")  # fmt: skip


def _count(text: str) -> int:
    try:
        return int(text.replace(",", ""))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def _amount(text: str) -> float:
    """A number that may be written as money is; what it means is checked with the others."""
    try:
        return float(text.replace(",", "").removeprefix("£"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


# ------------------------------------------------------------------ commands


def _optimise(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.pipeline import load_scenario, optimise, write_results
    from sufficiency.plan.run_folder import refuse_unsafe
    from sufficiency.reports import prepare_beside

    loaded = load_scenario(asked.scenario, model=asked.model)
    folder: Path = asked.out or Path("runs") / loaded.scenario.name
    refuse_unsafe(folder)
    _show_warnings(out, loaded.warnings)
    progress = _Progress(out)
    try:
        if not asked.no_report:
            prepare_beside("page", "workbook", "geopackage")
        plan = optimise(
            loaded,
            gap=asked.gap,
            time_limit=asked.time_limit,
            memory_gb=asked.memory_limit,
            threads=asked.threads,
            seed=asked.seed,
            whole_children=asked.whole_children,
            audited=False,
            on_progress=progress,
        )
        write_results(
            plan, loaded, folder, report=not asked.no_report, command=asked.command_line,
            on_step=progress,
        )  # fmt: skip
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

    remedy = "give the folder that 'sufficiency optimise' wrote."
    if not folder.is_dir():
        raise InputError([Problem("there is no such folder.", remedy, file=str(folder))])
    try:
        return audit_run(folder)
    except (RunFolderError, OSError, ValueError) as error:
        raise InputError(
            [Problem(f"this run cannot be audited: {error}", remedy, file=str(folder))]
        ) from error


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
    from sufficiency.reports.findings import is_finding, rewrite_finding

    folder: Path = asked.run_folder
    for path in rewrite_finding(folder) if is_finding(folder) else write_reports(folder):
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


def _test_site(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.studies.site_tests import KIND, try_sites

    finding = _study(
        asked, out, KIND, try_sites,
        at=asked.at, postcodes=asked.postcode, sites=asked.site, postcode_files=asked.postcodes,
        grant=asked.grant, **_school(asked),
    )  # fmt: skip
    _show_sites(out, finding)
    return EXIT_OK


def _map_value(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.reports import formatting as fmt
    from sufficiency.studies.value_map import KIND, map_value

    finding = _study(
        asked, out, KIND, map_value,
        points=asked.points, exact=asked.exact, exclude=asked.exclude, **_school(asked),
    )  # fmt: skip
    points = finding.tables["points"]
    table = Table("Point", "Near", "Worth", "Quick value", "Money alone", box=None, pad_edge=False)
    for row in points[points["exact_pounds"].notna()].to_dict("records"):
        table.add_row(
            f"{row['easting']:.0f},{row['northing']:.0f}", escape(str(row["near"])),
            fmt.pounds(row["exact_pounds"]), fmt.pounds(row["quick_pounds"]),
            fmt.pounds(row["money_pounds"]),
        )  # fmt: skip
    out.print(table)
    return EXIT_OK


def _school(asked: argparse.Namespace) -> dict[str, Any]:
    """The school that is tried, as the studies of sites take it."""
    return {
        name: getattr(asked, name)
        for name in ("needs", "places", "year_groups", "opens", "kind", "capital", "running")
    }


def _searching(asked: argparse.Namespace) -> dict[str, Any]:
    """How a study searches, as its functions take it; the gap is theirs where none is given."""
    found = {"time_limit": asked.time_limit, "threads": asked.threads, "seed": asked.seed}
    return found if asked.gap is None else {**found, "gap": asked.gap}


def _rank_sites(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.reports import formatting as fmt
    from sufficiency.studies.ranking import RANKING, STANDINGS, rank_sites

    finding = _study(
        asked, out, RANKING, rank_sites,
        plans=asked.plans, within=asked.within, schemes=asked.schemes,
    )  # fmt: skip
    table = Table("Scheme", "Adds", "Between (proven)", "Alone", "Near-best plans", box=None,
                  pad_edge=False)  # fmt: skip
    for row in finding.tables["schemes"].to_dict("records"):
        table.add_row(
            escape(f"{row['rank']}. {row['name']}"), fmt.pounds(row["worth_pounds"]),
            f"{fmt.pounds(row['worth_least'])} to {fmt.pounds(row['worth_most'])}",
            fmt.pounds(row["alone_pounds"]), STANDINGS[row["standing"]],
        )  # fmt: skip
    out.print(table)
    return EXIT_OK


def _alternatives(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.reports import formatting as fmt
    from sufficiency.studies.ranking import ALTERNATIVES, alternatives

    finding = _study(asked, out, ALTERNATIVES, alternatives, plans=asked.plans)
    table = Table("Plan", "Above the first", "Above the least possible, at most", "Capital",
                  "Differs from the first", box=None, pad_edge=False)  # fmt: skip
    for row in finding.tables["plans"].to_dict("records"):
        table.add_row(
            str(row["plan"]), fmt.pounds(row["above_pounds"]), fmt.pounds(row["above_most"]),
            fmt.pounds(row["capital_pounds"]), escape(row["differs"].replace("|", ", ")),
        )  # fmt: skip
    out.print(table)
    return EXIT_OK


def _frontier(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.reports import formatting as fmt
    from sufficiency.studies.frontier import KIND, frontier, shown

    finding = _study(
        asked, out, f"{KIND}-{asked.against}", frontier,
        against=asked.against, points=asked.points,
    )  # fmt: skip
    names = finding.stamp["names"]
    table = Table("Point", "Capital", "Comes to", "Cost", "Opens", "No longer", box=None,
                  pad_edge=False)  # fmt: skip
    for row in finding.tables["points"].to_dict("records"):
        listed = [
            ", ".join(names[s] for s in row[c].split("|") if s) for c in ("added", "left_out")
        ]
        table.add_row(
            "least cost" if row["point"] == 0 else str(row["point"]),
            fmt.pounds(row["capital_pounds"]), shown(asked.against, row["value"]),
            fmt.pounds(row["cost_pounds"]), *map(escape, listed),
        )  # fmt: skip
    out.print(table)
    return EXIT_OK


def _marginal(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.reports import formatting as fmt
    from sufficiency.studies.margins import KIND, marginal, reach_words, read_changes

    changes = read_changes(asked.redesignate, asked.extend)
    finding = _study(
        asked, out, KIND, marginal,
        provisions=asked.provisions, changes=changes or None,
    )  # fmt: skip
    table = Table("Provision", "From", "One place, exactly", "By its price", "Holds for", box=None,
                  pad_edge=False)  # fmt: skip
    values = finding.tables["values"]
    for row in values[values["valid_up_to"].notna()].to_dict("records"):
        table.add_row(
            escape(str(row["name"])), academic_year_label(int(row["academic_year"])),
            fmt.pounds(row["one_place_pounds"]), fmt.pounds(row["worth_pounds"]),
            reach_words(row["valid_up_to"]),
        )  # fmt: skip
    out.print(table)
    return EXIT_OK


def _bases(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.reports import formatting as fmt
    from sufficiency.studies.bases import KIND, bases

    finding = _study(asked, out, KIND, bases)
    table = Table("Policy", "Above unconstrained", "Special places", "Base places", "Capital",
                  "In independent schools", box=None, pad_edge=False)  # fmt: skip
    for row in finding.tables["policies"].to_dict("records"):
        table.add_row(
            str(row["policy"]), fmt.pounds(row["above_pounds"]), fmt.count(row["special_places"]),
            fmt.count(row["base_places"]), fmt.pounds(row["capital_pounds"]),
            fmt.count(row["independent_last"]),
        )  # fmt: skip
    out.print(table)
    return EXIT_OK


def _price_rules(asked: argparse.Namespace, out: Console) -> int:
    from sufficiency.reports import formatting as fmt
    from sufficiency.studies.price_rules import KIND, price_rules, price_words

    finding = _study(asked, out, KIND, price_rules, rules=asked.rules)
    table = Table("What changes", "Same schemes", "Planned anew", "Children elsewhere", box=None,
                  pad_edge=False)  # fmt: skip
    for row in finding.tables["rules"].to_dict("records"):
        table.add_row(
            escape(str(row["words"])),
            fmt.pounds(row["same_pounds"]) if row["same_pounds"] == row["same_pounds"] else
            "not possible",
            price_words(row), fmt.count(row["last_year"]),
        )  # fmt: skip
    out.print(table)
    return EXIT_OK


def _study(
    asked: argparse.Namespace,
    out: Console,
    kind: str,
    study: Callable[..., Finding],
    /,
    **given: Any,
) -> Finding:
    """Read the scenario, ask, write the finding beside its run, and say what was found.

    Args:
        asked, out: the command line and where it is answered.
        kind: of the finding, for its folder.
        study: the function that asks; ``given`` are its own arguments.
    """
    from sufficiency.pipeline import load_scenario
    from sufficiency.plan.finding import refuse_other
    from sufficiency.reports import prepare_beside
    from sufficiency.studies.answers import folder_of

    loaded = load_scenario(asked.scenario, model=asked.model)
    folder: Path = asked.out or folder_of(loaded.scenario.name, kind)
    refuse_other(folder)
    _show_warnings(out, loaded.warnings)
    progress = _Progress(out)
    before = {str(w) for w in loaded.warnings}
    try:
        prepare_beside("findings")
        finding = study(loaded, **given, folder=folder, on_progress=progress, **_searching(asked))
        finding.stamp["command"] = asked.command_line
        from sufficiency.reports.findings import write_finding

        progress("Writing the page and its tables")
        folder.parent.mkdir(parents=True, exist_ok=True)
        written = write_finding(finding, folder)
    except OSError as error:
        raise InputError(
            [Problem("the result could not be written.", "choose another folder with --out.",
                     file=str(folder), value=str(error))]
        ) from error  # fmt: skip
    finally:
        progress.stop()
    for warning in finding.stamp.get("warnings", []):
        if (text := str(warning["text"])) not in before:
            out.print(f"[yellow]warning[/] {escape(text)}", soft_wrap=True)
    out.print(f"\n[bold]{escape(finding.title)}[/]")
    for sentence in finding.sentences:
        out.print(escape(sentence), soft_wrap=True)
    for path in written:
        out.print(f"Wrote {escape(str(path))}", soft_wrap=True)
    out.print("All of them are internal: they contain small numbers, and none is published.")
    out.print(STATEMENT, style="dim")
    return finding


def _show_sites(out: Console, finding: Finding) -> None:
    """The sites side by side."""
    from sufficiency.reports import formatting as fmt

    table = Table("Site", "Worth its price?", "Opens", "Net present value", "Worth, proven",
                  "Minutes saved", "Filled", box=None, pad_edge=False)  # fmt: skip
    for row in finding.tables["sites"].to_dict("records"):
        if row["verdict"] == "cannot be afforded":
            table.add_row(escape(str(row["name"])), row["verdict"])
            continue
        table.add_row(
            escape(str(row["name"])), row["verdict"], str(row["opens"]),
            fmt.pounds(row["net_present_value_pounds"]),
            fmt.pounds_from_to(row["worth_least_pounds"], row["worth_most_pounds"]),
            fmt.count(row["minutes_saved"]), fmt.percent(row["share_filled"]),
        )  # fmt: skip
    out.print(table)


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
    """One live line on a terminal; plain lines, one a step, anywhere else.

    A step is words without a full stop; a sentence is an answer on the way, and stays.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.step = ""
        self.status = console.status("") if console.is_terminal else None
        if self.status:
            self.status.start()

    def __call__(self, step: str, progress: object = None) -> None:
        if step.endswith("."):
            self.console.print(escape(step), soft_wrap=True)
            return
        if step != self.step:
            self.step = step
            if self.status is None:
                self.console.print(f"{step} …")
        if self.status is None:
            return
        if progress is None:
            self.status.update(f"{step} …")
            return
        text = f"{step} …"
        best = getattr(progress, "best", float("inf"))
        bound = getattr(progress, "bound", float("-inf"))
        if best < 1e18 and bound > -1e18:
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
    if rounding := solver.get("rounding"):
        out.print(
            f"Whole children cost at most £{rounding['cost_pounds'] / 1e6:,.2f}m more than "
            "expected shares of them in the same schemes under the same rules."
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
