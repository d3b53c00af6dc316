"""``sufficiency travel``: journeys measured from four sources, and the straight line refitted."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from sufficiency.geography.curve import BANDS_KM, Errors, fit_curve, read_sample
from sufficiency.geography.matrix_file import DISTANCE_UNITS, TIME_UNITS, MatrixFile
from sufficiency.geography.roads import Roads
from sufficiency.geography.service import ENGINES, Service
from sufficiency.geography.sources import (
    Measured,
    Routed,
    Source,
    StraightLine,
    default_cache,
)
from sufficiency.geography.travel import straight_km
from sufficiency.problems import EXIT_OK, InputError, Problem, Problems
from sufficiency.rules import PlanningModel, load_model, load_scenario_file
from sufficiency.shipped import model_path, scenario_path
from sufficiency.tables import MANIFEST, Tables, check_places, read_table, write_table
from sufficiency.writing import OTHER_FOLDER, replacing, unwritten

SOURCES: Final = ("straight-line", "file", "roads", "service")
_NAMED = 15
_FASTEST_KM_PER_HOUR = 110.0
_PLACES: Final = {"areas": "areas", "provisions": "provisions", "candidate_sites": "sites"}


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add ``matrix`` and ``fit``."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    text = "Measure every journey and write the travel table."
    matrix = commands.add_parser("matrix", help=text, description=text)
    _add_places(matrix)
    matrix.add_argument("--source", choices=SOURCES, required=True,
                        help="straight-line: the planning model's curve; file: times that you "
                        "have; roads: an OpenStreetMap extract on this machine (extra 'roads'); "
                        "service: a routing engine that runs on this machine")  # fmt: skip
    matrix.add_argument("--file", type=Path, metavar="FILE", help="with file: the times, long or "
                        "wide, CSV or Parquet")  # fmt: skip
    matrix.add_argument("--distances", type=Path, metavar="FILE",
                        help="with file: a second, wide file of distances by road")  # fmt: skip
    _add_units(matrix)
    matrix.add_argument("--map", type=Path, metavar="FILE",
                        help="with roads: the extract (.osm.pbf) that covers the areas and all "
                        "schools to which journeys go")  # fmt: skip
    local = "http://localhost:5000"
    matrix.add_argument("--url", metavar="URL", default=local,
                        help=f"with service: its address (default: {local})")  # fmt: skip
    matrix.add_argument("--engine", choices=ENGINES, default="osrm",
                        help="with service: which engine it is (default: osrm)")  # fmt: skip
    matrix.add_argument("--allow-remote", action="store_true",
                        help="with service: ask one that is not on this machine; it learns where "
                        "the areas are")  # fmt: skip
    matrix.add_argument("--cache", type=Path, metavar="DIR",
                        help="folder for road networks and journeys measured before (default: "
                        "this computer's cache folder)")  # fmt: skip
    matrix.add_argument("--no-cache", action="store_true",
                        help="with service: measure every journey anew")  # fmt: skip
    matrix.add_argument("--out", type=Path, metavar="FILE", required=True,
                        help="travel.csv or travel.parquet to write")  # fmt: skip
    matrix.set_defaults(run=run_matrix)
    text = "Fit the straight-line curve to real journeys and print the planning model's entry."
    fit = commands.add_parser("fit", help=text, description=text)
    fit.add_argument("file", type=Path, metavar="FILE",
                     help="real journeys: a matrix, with a scenario or --areas and --provisions; "
                     "or columns minutes (or seconds), area, easting, northing, to_easting, "
                     "to_northing; or minutes and straight_km")  # fmt: skip
    _add_places(fit)
    _add_units(fit)
    fit.set_defaults(run=run_fit)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", nargs="?",
                        help="a scenario whose areas, provisions and sites are used")  # fmt: skip
    parser.add_argument("--areas", type=Path, metavar="FILE", help="areas, instead of a scenario's")
    parser.add_argument("--provisions", type=Path, metavar="FILE",
                        help="provisions, instead of a scenario's")  # fmt: skip
    parser.add_argument("--sites", type=Path, metavar="FILE",
                        help="candidate sites, instead of a scenario's")  # fmt: skip
    parser.add_argument("--model", metavar="NAME",
                        help="planning model that gives the straight-line curve (default: the "
                        "scenario's own, or england-2026)")  # fmt: skip


def _add_units(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--unit", choices=tuple(TIME_UNITS),
                        help="of the times in the file (default: found out)")  # fmt: skip
    parser.add_argument("--distance-unit", choices=tuple(DISTANCE_UNITS),
                        help="of the distances in the file (default: found out)")  # fmt: skip


# ------------------------------------------------------------------ travel matrix


def run_matrix(asked: argparse.Namespace, out: Console) -> int:
    """``sufficiency travel matrix``."""
    problems = Problems()
    _check_options(asked, problems)
    tables, model = _read_places(asked, problems)
    destinations = _destinations(tables)
    areas = tables.areas[["area", "name", "easting", "northing"]]
    near_home = int(tables.provisions["easting"].isna().sum())
    if destinations.empty:
        raise InputError(
            [Problem("no provision or site has coordinates.",
                     "fill easting and northing of those to which journeys go.",
                     file=tables.file("provisions"))]
        )  # fmt: skip
    with _Steps(out) as tell:
        found = _source(asked, model, problems).measure(areas, destinations, tell)
    frame = found.as_table(areas, destinations)
    _warn_of_speed(found, areas, destinations, problems)
    if frame.empty:
        raise InputError(
            [Problem("not one journey could be measured.",
                     "check that coordinates, map and file belong to one another.",
                     file=str(asked.out),
                     value="; ".join(found.unreachable["reason"].unique()[:3]))]
        )  # fmt: skip
    _write(asked.out, frame, found.unreachable)
    _show_matrix(out, asked, found, frame, areas, destinations, near_home, problems)
    return EXIT_OK


def _check_options(asked: argparse.Namespace, problems: Problems) -> None:
    if asked.source == "file" and asked.file is None:
        problems.error("the source file needs a file.", "name it with --file.", file="--file")
    if asked.source == "roads" and asked.map is None:
        remedy = "name an OpenStreetMap extract (.osm.pbf) with --map."
        problems.error("the source roads needs a map.", remedy, file="--map")
    where = {"file": "--out", "value": asked.out}
    if asked.out.suffix.lower() not in (".csv", ".parquet"):
        problems.error(
            "the travel table is CSV or Parquet.", "end its name in .csv or .parquet.", **where
        )
    if asked.out.is_dir() or not asked.out.absolute().parent.is_dir():
        problems.error(
            "the travel table cannot be written there.", "name a file in a folder that exists.",
            **where,
        )  # fmt: skip


def _source(asked: argparse.Namespace, model: PlanningModel, problems: Problems) -> Source:
    cache = asked.cache or default_cache()
    if asked.source == "roads":
        return Routed(Roads(asked.map, cache), cache)
    if asked.source == "service":
        engine = Service(asked.url, asked.engine, asked.allow_remote)
        return Routed(engine, None if asked.no_cache else cache)
    if asked.source == "file":
        return MatrixFile(
            asked.file,
            problems,
            model.travel_estimate["road_km_per_straight_km"],
            asked.unit or "",
            asked.distances,
            asked.distance_unit or "",
        )
    return StraightLine(model.travel_estimate)


def _read_places(asked: argparse.Namespace, problems: Problems) -> tuple[Tables, PlanningModel]:
    """Areas, provisions and sites of a scenario, of files, or of both; and the model."""
    paths: dict[str, Path] = {}
    name = "england-2026"
    if asked.scenario is not None:
        path = scenario_path(asked.scenario, problems)
        scenario = load_scenario_file(path, problems, list(MANIFEST)) if path else None
        if scenario is not None:
            paths = {table: scenario.tables[table] for table in _PLACES if table in scenario.tables}
            name = scenario.model
    for table, option in _PLACES.items():
        given = getattr(asked, option)
        if given is not None:
            paths[table] = given
        elif table not in paths and table != "candidate_sites" and not problems.errors:
            remedy = f"name a scenario, or a file with --{option}."
            problems.error(f"no {option} are given.", remedy, file=f"--{option}")
    chosen = model_path(asked.model or name, problems)
    model = load_model(chosen, problems) if chosen else None
    tables = Tables()
    for table, file in paths.items():
        before = len(problems.errors)
        setattr(tables, table, read_table(table, file, problems))
        tables.sources[table] = file.name
        if (
            tables.frame(table).empty
            and table != "candidate_sites"
            and (len(problems.errors) == before)
        ):
            problems.error("has no rows.", "add at least one row below the header.",
                           file=file.name)  # fmt: skip
    check_places(tables, problems)
    problems.raise_if_any()
    assert model is not None
    return tables, model


def _destinations(tables: Tables) -> pd.DataFrame:
    """Everything that has coordinates and may be travelled to."""
    columns = ["destination", "name", "easting", "northing"]
    provisions = tables.provisions.rename(columns={"provision": "destination"})[columns]
    sites = tables.candidate_sites.rename(columns={"site": "destination"})[columns]
    both = pd.concat([provisions, sites], ignore_index=True)
    return both[both["easting"].notna() & both["northing"].notna()].reset_index(drop=True)


def _warn_of_speed(
    found: Measured, areas: pd.DataFrame, destinations: pd.DataFrame, problems: Problems
) -> None:
    """Journeys faster than any car: most often a wrong point or a wrong unit."""
    straight = straight_km(areas, destinations)
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = straight / found.minutes * 60
    wrong = (straight > 2.0) & (speed > _FASTEST_KM_PER_HOUR)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        problems.warn(
            f"{int(wrong.sum()):,} journeys run faster than {_FASTEST_KM_PER_HOUR:.0f} km an hour "
            "as the crow flies.",
            "check the coordinates of the two places, and the unit of the times.",
            file="travel",
            value=f"{areas['area'].iloc[row]} to {destinations['destination'].iloc[column]}",
        )


def _write(path: Path, frame: pd.DataFrame, unreachable: pd.DataFrame) -> None:
    """The travel table and, beside it, the pairs without a way; each aside and renamed."""
    beside = unreachable_path(path)
    with unwritten(path, "the travel table", OTHER_FOLDER):
        with replacing(beside) as aside:
            unreachable.to_csv(aside, index=False, lineterminator="\n")
            write_table(frame, "travel", path)
        if not len(unreachable):
            # An older list would speak of other journeys.
            beside.unlink()


def unreachable_path(path: Path) -> Path:
    """The file that lists pairs without a way."""
    return path.with_name(f"{path.stem}.unreachable.csv")


def _show_matrix(
    out: Console,
    asked: argparse.Namespace,
    found: Measured,
    frame: pd.DataFrame,
    areas: pd.DataFrame,
    destinations: pd.DataFrame,
    near_home: int,
    problems: Problems,
) -> None:
    pairs = len(areas) * len(destinations)
    for note in found.notes:
        out.print(escape(note), soft_wrap=True)
    _show_warnings(out, problems)
    out.print(
        f"{len(frame):,} of {pairs:,} journeys from {len(areas):,} areas to {len(destinations):,} "
        f"places, by {escape(found.basis)}: median {frame['minutes'].median():.0f} minutes, "
        f"{frame['km'].median():.1f} km.",
        soft_wrap=True,
    )
    if near_home:
        out.print(f"{near_home:,} provisions without coordinates are near home and need none.")
    unreachable = found.unreachable
    if len(unreachable):
        out.print(f"[yellow]No way was found for {len(unreachable):,} journeys:[/]")
        reasons = list(unreachable.groupby("reason", sort=False))
        for reason, rows in reasons[:_NAMED]:
            first = f"{rows['area'].iloc[0]} to {rows['destination'].iloc[0]}"
            out.print(f"  {len(rows):,}: {escape(f'{reason}, such as {first}')}", soft_wrap=True)
        if len(reasons) > _NAMED:
            out.print(f"  … and for {len(reasons) - _NAMED:,} more reasons")
        out.print(f"All stand in {escape(str(unreachable_path(asked.out)))}.", soft_wrap=True)
    left = pairs - len(frame)
    if left:
        out.print(
            f"{left:,} journeys are not in the table: a plan estimates them from straight lines "
            "and says so. Add rows of your own where that is wrong, with long times where nobody "
            "can travel.",
            soft_wrap=True,
        )
    out.print(f"Wrote {escape(str(asked.out))}.", soft_wrap=True)


def _show_warnings(out: Console, problems: Problems) -> None:
    for warning in problems.warnings[:_NAMED]:
        out.print(f"[yellow]warning[/] {escape(str(warning))}", soft_wrap=True)
    if len(problems.warnings) > _NAMED:
        out.print(f"… and {len(problems.warnings) - _NAMED:,} more warnings.")


class _Steps:
    """A bar with the time left on a terminal; elsewhere a line a step, and one each tenth."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.step = ""
        self.tenth = 0
        self.task: TaskID | None = None
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"), TimeRemainingColumn(),
            console=console, transient=True,
        ) if console.is_terminal else None  # fmt: skip

    def __enter__(self) -> _Steps:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(self, *details: Any) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        new = step != self.step
        self.step = step
        if self.bar is not None:
            if new:
                if self.task is not None:
                    self.bar.remove_task(self.task)
                self.task = self.bar.add_task(step, total=max(total, 1))
            if self.task is not None:
                self.bar.update(self.task, completed=done, total=max(total, 1))
            return
        if new:
            self.tenth = 10 * done // total if total else 0
            self.console.print(f"{escape(step)} …")
        elif total and 10 * done // total > self.tenth:
            self.tenth = 10 * done // total
            self.console.print(f"  {done:,} of {total:,} journeys")


# ------------------------------------------------------------------ travel fit


def run_fit(asked: argparse.Namespace, out: Console) -> int:
    """``sufficiency travel fit``."""
    problems = Problems()
    unit, distance_unit = asked.unit or "", asked.distance_unit or ""
    if asked.scenario is not None or asked.areas is not None or asked.provisions is not None:
        tables, model = _read_places(asked, problems)
        sample = read_sample(
            asked.file,
            problems,
            areas=tables.areas[["area", "name", "easting", "northing"]],
            destinations=_destinations(tables),
            unit=unit,
            distance_unit=distance_unit,
        )
    else:
        chosen = model_path(asked.model or "england-2026", problems)
        read = load_model(chosen, problems) if chosen else None
        problems.raise_if_any()
        assert read is not None
        model = read
        sample = read_sample(asked.file, problems, unit=unit, distance_unit=distance_unit)
    fit = fit_curve(sample, model.travel_estimate)
    for note in sample.notes:
        out.print(escape(note), soft_wrap=True)
    _show_warnings(out, problems)
    out.print(
        f"\nFitted to half of the areas, tested on {fit.tested.journeys:,} journeys from the other "
        "half; errors in minutes:"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for words in (f"present ({model.name})", "fitted"):
        table.add_column(words, justify="right")
    for words, old, new in (
        ("median error", fit.present.median, fit.tested.median),
        ("90th percentile", fit.present.percentile_90, fit.tested.percentile_90),
    ):
        table.add_row(words, f"{old:.1f}", f"{new:.1f}")
    for row in _bias(fit.present, fit.tested):
        table.add_row(*row)
    out.print(table)
    out.print("\nFor a planning model of your own, fitted to all journeys:\n")
    out.print(escape(fit.entry(date.today())), soft_wrap=True)
    return EXIT_OK


def _bias(present: Errors, fitted: Errors) -> Sequence[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    for low, high, old, new in zip(BANDS_KM, BANDS_KM[1:], present.bias, fitted.bias, strict=False):
        if np.isfinite(new):
            name = f"{low:g} to {high:g} km" if np.isfinite(high) else f"{low:g} km and more"
            rows.append((f"mean error, {name}", f"{old:+.1f}", f"{new:+.1f}"))
    return rows
