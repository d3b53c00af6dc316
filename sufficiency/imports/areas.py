"""``sufficiency import areas``: small areas with their people, points, localities and outline.

The Office for National Statistics (ONS) publishes people by age for each small area, the points
about which they live (population-weighted centroids) and look-ups between areas; the ministry
publishes deprivation.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rich.console import Console
from shapely.geometry.base import BaseGeometry

from sufficiency.demand.projection import AGE_BANDS
from sufficiency.imports.area_files import (
    AUTHORITY,
    LOCALITY,
    AreaFile,
    Band,
    check_people,
    pick,
    read_deprivation,
    read_lookup,
    read_people,
    read_points,
    read_projection,
)
from sufficiency.imports.files import plain, refuse_existing
from sufficiency.imports.layers import read_outline
from sufficiency.imports.postcodes import read_postcodes
from sufficiency.imports.report import ImportReport, write_import
from sufficiency.problems import EXIT_OK, Problems, near
from sufficiency.tables import write_table
from sufficiency.tables.reading import NATIONAL_GRID, as_boundary, report_rows
from sufficiency.vocabulary import academic_year_label, parse_year

NAME: Final = "areas"

TEXT: Final = "Small areas with people, points, localities and deprivation; the boundary."

REPORT: Final = "areas_report"
AREA_FILES: Final = ("areas.csv", "boundary.geojson", "population.csv", f"{REPORT}.txt",
                     f"{REPORT}.csv")  # fmt: skip

MOST_AREAS: Final = 8_000
"""No authority has so many small areas: the files are national and nothing says which is meant."""

WHOLE: Final = "Whole authority"
"""The one locality where no file names any."""

SAME_AREAS: Final = 0.9
"""Two files that share fewer of their areas use the areas of different censuses."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--population", metavar="FILE", type=Path, required=True,
                        help="ONS people by age or band for small areas")  # fmt: skip
    parser.add_argument("--centroids", metavar="FILE", type=Path,
                        help="population-weighted centroids (CSV, GeoPackage, GeoJSON), or"
                        " outlines of the areas; without it --postcodes gives points")  # fmt: skip
    parser.add_argument("--lookup", metavar="FILE", type=Path,
                        help="areas to localities, districts or authorities")  # fmt: skip
    parser.add_argument("--locality", metavar="COLUMN",
                        help="column of --lookup or --population with the locality")  # fmt: skip
    parser.add_argument("--deprivation", metavar="FILE", type=Path,
                        help="index of multiple deprivation by area")  # fmt: skip
    parser.add_argument("--authority", metavar="CODE",
                        help="code or name of the authority as in those files: only its areas are"
                        " taken")  # fmt: skip
    parser.add_argument("--boundary", metavar="FILE", type=Path,
                        help="outline of the authority, or of all authorities, in any coordinate"
                        " system")  # fmt: skip
    parser.add_argument("--postcodes", metavar="FILE", type=Path, action="append", default=[],
                        help="ONS Postcode Directory: points of areas without one")  # fmt: skip
    parser.add_argument("--projection", metavar="FILE", type=Path,
                        help="ONS subnational population projection by age: people in the years"
                        " to come")  # fmt: skip
    parser.add_argument("--year", metavar="YEAR", type=_year,
                        help="academic year whose people the file counts, 2024/25 (default: from"
                        " 'mid-2024' in the file)")  # fmt: skip
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True,
                        help="folder to write areas.csv and the others into")  # fmt: skip
    parser.add_argument("--replace", action="store_true",
                        help="replace the files of an earlier import")  # fmt: skip


def _year(text: str) -> int:
    try:
        return parse_year(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(asked: argparse.Namespace, out: Console) -> int:
    """Import, write the tables with their report, and say what was done."""
    problems = Problems()
    refuse_existing(asked.out, AREA_FILES, problems, replace=asked.replace)
    problems.raise_if_any()
    result = import_areas(
        asked.population,
        centroids=asked.centroids,
        lookup=asked.lookup,
        locality=asked.locality or "",
        deprivation=asked.deprivation,
        authority=asked.authority or "",
        boundary=asked.boundary,
        postcodes=asked.postcodes,
        projection=asked.projection,
        year=asked.year,
    )
    writers: dict[str, Any] = {"areas.csv": partial(write_table, result.areas, "areas")}
    if result.boundary is not None:
        writers["boundary.geojson"] = partial(write_outline, result.boundary)
    if len(result.population):
        writers["population.csv"] = partial(write_table, result.population, "population")
    for name in ("boundary.geojson", "population.csv"):
        if name not in writers and (asked.out / name).exists():
            result.report.facts.append(
                f"{name} of an earlier import stays in the folder; remove it if it is out of date."
            )
    write_import(asked.out, writers, result.report, out)
    return EXIT_OK


def write_outline(outline: BaseGeometry, path: Path) -> None:
    """Write an outline (EPSG:27700) as GeoJSON in degrees, to a tenth of a metre."""
    degrees = gpd.GeoSeries([outline], crs=NATIONAL_GRID).to_crs(4326)
    rounded = degrees.map(lambda shape: shapely.set_precision(shape, 1e-6))
    path.write_text(gpd.GeoSeries(rounded, crs=4326).to_json() + "\n", encoding="utf-8")


@dataclass
class AreasImport:
    """Tables of an authority's areas.

    Attributes:
        areas, population: as in docs/tables.md; population has no row where ages are banded or
            the year is not known.
        boundary: polygon in EPSG:27700, or None.
        report: what was done and what is doubtful.
    """

    areas: pd.DataFrame
    population: pd.DataFrame
    boundary: BaseGeometry | None
    report: ImportReport


def import_areas(
    population: Path,
    *,
    centroids: Path | None = None,
    lookup: Path | None = None,
    locality: str = "",
    deprivation: Path | None = None,
    authority: str = "",
    boundary: Path | None = None,
    postcodes: Sequence[Path] = (),
    projection: Path | None = None,
    year: int | None = None,
) -> AreasImport:
    """Turn published files about small areas into the table of areas of one authority.

    Args:
        population: people by single age or band, one row an area, or one row an area and age.
        centroids: points or outlines of the areas.
        lookup: areas to the names by which an authority and its localities are known.
        locality: column of the look-up, or of the population file, that names the locality.
        deprivation: decile or rank of each area.
        authority: code or name of the authority.
        boundary: outline of the authority.
        postcodes: postcode files, for points where there is no centroid.
        projection: people of the authority by age in the years to come.
        year: academic year whose people are counted.

    Raises:
        InputError: with every problem that makes the input unusable.
    """
    problems = Problems()
    report = ImportReport("", name=REPORT)
    people = read_people(population, locality, problems)
    labels = read_lookup(lookup, problems)
    points = read_points(centroids, problems)
    deciles = read_deprivation(deprivation, problems)
    problems.raise_if_any()
    assert people is not None
    names = _labels(people, labels)
    mine, by_name = _of_authority(names, authority, boundary is not None, problems)
    outline = None
    if boundary is not None:
        calls = [authority, *_names_of(names[mine], authority)] if authority else []
        outline = read_outline(boundary, calls, problems)
    elif points is not None and points.outlines is not None:
        outline = _joined_outlines(points, people.frame["area"][mine], problems, report)
    problems.raise_if_any()
    chosen = people.frame[mine].reset_index(drop=True)
    names = names[mine].reset_index(drop=True)
    placed = _place(chosen["area"], points, postcodes, problems, report)
    if not by_name and outline is not None and boundary is not None:
        inside = _inside(outline, placed)
        chosen, names, placed = chosen[inside], names[inside], placed[inside]
    unplaced = placed["easting"].isna()
    say = ("has people, but no point.", "give the centroids of the same areas, or --postcodes.")
    report_rows(problems.error, chosen[unplaced], "area", people.account.file, say)
    check_people(people, chosen, problems)
    if len(chosen) > MOST_AREAS:
        problems.error(
            f"{len(chosen):,} areas are too many for one authority.",
            "name it with --authority, or give its --boundary.", file=population.name,
        )  # fmt: skip
    elif chosen.empty:
        problems.error("no area lies in the authority.", "check the authority and the files.",
                       file=population.name)  # fmt: skip
    problems.raise_if_any()
    title = authority or "the authority"
    areas = pd.DataFrame({"area": chosen["area"], "name": chosen["name"]})
    areas["locality"] = _localities(names, chosen["area"], locality, labels, problems, report)
    areas["easting"], areas["northing"] = placed["easting"], placed["northing"]
    for band, counts in _bands(chosen, people.partition, report).items():
        areas[band] = counts
    areas["deprivation_decile"] = _deciles(areas["area"], deciles, report)
    areas = areas.sort_values("area", ignore_index=True)
    if outline is not None:
        _check_outline(outline, areas, problems, boundary)
    table = _population(chosen, people, year, projection, authority, names, problems, report)
    problems.raise_if_any()
    report.title = f"Areas of {title}"
    totals = ", ".join(
        f"{areas[band].sum():,.0f} aged {band[9:].replace('_', ' to ')}" for band in AGE_BANDS
    )
    report.facts.insert(0, f"{len(areas):,} areas in {areas['locality'].nunique():,} localities; "
                        f"{totals}.")  # fmt: skip
    _account(people, labels, points, deciles, set(areas["area"]), report)
    for path in (population, centroids, lookup, deprivation, boundary, *postcodes, projection):
        if path is not None:
            report.add_input(path)
    report.warnings = problems.warnings
    return AreasImport(areas, table, outline, report)


def _labels(people: AreaFile, lookup: AreaFile | None) -> pd.DataFrame:
    """What each area is called by: one column for each label, blank where none is known."""
    own = people.frame[[c for c in people.frame if str(c).startswith("label:")]]
    labels = own.rename(columns=lambda c: str(c).removeprefix("label:"))
    if lookup is None:
        return labels
    first = lookup.frame.drop_duplicates("area").set_index("area")
    names = [c for c in first if str(c).startswith("label:")]
    more = first[names].reindex(people.frame["area"]).reset_index(drop=True).fillna("")
    more = more.rename(columns=lambda c: str(c).removeprefix("label:"))
    return pd.concat([labels.drop(columns=list(more), errors="ignore"), more], axis=1)


def _of_authority(
    names: pd.DataFrame, authority: str, bounded: bool, problems: Problems
) -> tuple[pd.Series[bool], bool]:
    """Which areas are the authority's, and whether the files say so; else all of them."""
    every = pd.Series(True, index=names.index)
    if not authority:
        return every, False
    asked = authority.strip().casefold()
    columns = [c for c in names if re.fullmatch(AUTHORITY, plain(str(c)))] or list(names)
    mine = pd.Series(False, index=names.index)
    for column in columns:
        mine |= names[column].str.casefold().eq(asked)
    if mine.any():
        return mine, True
    known = sorted({text for c in columns for text in names[c].unique() if text})
    if known:
        problems.error(
            f"no area belongs to this authority{near(authority, known)}",
            "give its code or name as in the files.", file="--authority", value=authority,
        )  # fmt: skip
    elif not bounded:
        problems.error(
            "no file says which areas belong to the authority.",
            "give --lookup with a column of authorities, or --boundary.",
            file="--authority", value=authority,
        )  # fmt: skip
    return every, False


def _names_of(names: pd.DataFrame, authority: str) -> list[str]:
    """What else the authority is called in the columns of authorities."""
    found = []
    for column in names:
        values = names[column].unique()
        if re.fullmatch(AUTHORITY, plain(str(column))) and len(values) == 1 and values[0]:
            found.append(str(values[0]))
    return found


def _joined_outlines(
    points: AreaFile, areas: pd.Series[str], problems: Problems, report: ImportReport
) -> BaseGeometry | None:
    wanted = points.outlines[points.outlines.index.isin(list(areas))]
    if not len(wanted) or (
        len(points.outlines) > MOST_AREAS and len(wanted) == len(points.outlines)
    ):
        return None
    outline = as_boundary(wanted.to_numpy(dtype=object), points.account.file, problems)
    report.estimates.append(
        "No boundary was given: the outlines of the areas, joined, are the boundary."
    )
    return outline


def _place(
    areas: pd.Series[str],
    points: AreaFile | None,
    postcodes: Sequence[Path],
    problems: Problems,
    report: ImportReport,
) -> pd.DataFrame:
    """Easting and northing of each area: its centroid, else the mean of its postcodes."""
    placed = pd.DataFrame({"easting": np.nan, "northing": np.nan}, index=areas.index)
    if points is None and not postcodes:
        problems.error(
            "no file gives the points of the areas.",
            "give --centroids (population-weighted centroids), or --postcodes.", file="--centroids",
        )  # fmt: skip
        problems.raise_if_any()
    if points is not None:
        at = points.frame.set_index("area")[["easting", "northing"]].reindex(areas)
        placed = at.set_index(areas.index)
        shared = placed["easting"].notna().mean()
        if shared < SAME_AREAS and not postcodes:
            problems.error(
                f"only {placed['easting'].notna().sum():,} of {len(areas):,} areas have a point "
                "in this file.",
                "use people and centroids of the same areas: those of the census of 2021 do not "
                "fit those of 2011.",
                file=points.account.file,
            )  # fmt: skip
            problems.raise_if_any()
        if points.outlines is not None:
            report.estimates.append(
                "The points of the areas are the middles of their outlines, not the centres of "
                "their people: population-weighted centroids are better."
            )
    missing = placed["easting"].isna()
    if not missing.any() or not postcodes:
        return placed
    found = read_postcodes(postcodes, problems)
    problems.raise_if_any()
    report.accounts += list(found.accounts)
    good = (found.area >= 0) & np.isfinite(found.easting)
    mean = pd.DataFrame(
        {"area": found.areas[found.area[good]], "easting": found.easting[good],
         "northing": found.northing[good]}
    ).groupby("area").mean()  # fmt: skip
    filled = mean.reindex(areas[missing]).set_index(areas.index[missing])
    placed.loc[missing, ["easting", "northing"]] = filled
    number = int(filled["easting"].notna().sum())
    if number:
        report.estimates.append(
            f"The points of {number:,} areas are the means of their postcodes; they lie some 40 to "
            "110 metres from the population-weighted centroid in towns, and up to a kilometre in "
            "the country."
        )
    return placed


def _inside(outline: BaseGeometry, placed: pd.DataFrame) -> Any:
    known = placed["easting"].notna().to_numpy()
    inside = ~known  # an area without a point is named as an error, not dropped
    x, y = placed["easting"].to_numpy(float), placed["northing"].to_numpy(float)
    shapely.prepare(outline)
    inside[known] = shapely.contains_xy(outline, x[known], y[known])
    return inside


def _localities(
    names: pd.DataFrame,
    areas: pd.Series[str],
    locality: str,
    lookup: AreaFile | None,
    problems: Problems,
    report: ImportReport,
) -> pd.Series[str]:
    """The locality of each area: the column asked for, else the one that says so."""
    columns = {plain(str(column)): str(column) for column in names}
    chosen = ""
    if locality:
        chosen = columns.get(plain(locality), "")
        if not chosen:
            known = [str(column) for column in names]
            problems.error(
                f"no such column{near(locality, known)}",
                f"name one of: {', '.join(known[:12]) or 'none is there; give --lookup'}.",
                file="--locality", value=locality,
            )  # fmt: skip
            return pd.Series(WHOLE, index=names.index)
    else:
        at = pick(list(columns.values()), LOCALITY)
        others = [c for c in names if lookup is not None and f"label:{c}" in lookup.frame]
        if at is not None:
            chosen = list(columns.values())[at]
        elif len(others) == 1:
            chosen = str(others[0])
        else:
            varied = [
                str(c) for c in names
                if re.fullmatch(AUTHORITY, plain(str(c))) and re.search("n(ame|m)$", plain(str(c)))
                and 1 < names[c].nunique() <= 40
            ]  # fmt: skip
            chosen = varied[0] if varied else ""
    if not chosen:
        report.estimates.append(
            f"No file names localities: all areas are one, {WHOLE}. Give --lookup with a column "
            "locality to see gaps by part of the authority."
        )
        return pd.Series(WHOLE, index=names.index)
    if lookup is not None and f"label:{chosen}" in lookup.frame:
        pairs = lookup.frame.drop_duplicates(["area", f"label:{chosen}"])
        pairs = pairs[pairs["area"].isin(list(areas))]
        say = ("stands in two localities.", "give each area one locality.")
        twice = pairs[pairs.duplicated("area")]
        report_rows(problems.error, twice, "area", lookup.account.file, say)
    values = names[chosen]
    blank = values.eq("")
    if blank.any():
        file = lookup.account.file if lookup is not None else "--locality"
        problems.error(
            f"{int(blank.sum()):,} areas have no locality.",
            "give every area of the authority a locality; check that the look-up has the areas of "
            "the same census.",
            file=file, column=chosen,
        )  # fmt: skip
    report.facts.append(f"Localities come from the column {chosen}.")
    return values


def _bands(
    chosen: pd.DataFrame, run: Sequence[Band], report: ImportReport
) -> dict[str, pd.Series[float]]:
    """People by the four bands of the table; a band across two of them is shared by its ages."""
    result = {band: pd.Series(0.0, index=chosen.index) for band in AGE_BANDS}
    shared = []
    for low, high in run:
        for band, (lowest, highest) in AGE_BANDS.items():
            ages = min(high, highest) - max(low, lowest) + 1
            if ages > 0:
                result[band] += chosen[f"{low}-{high}"] * ages / (high - low + 1)
                if ages < high - low + 1:
                    shared.append(f"{low} to {high}")
    if shared:
        report.estimates.append(
            "People in the published bands "
            f"{', '.join(dict.fromkeys(shared))} are shared out evenly by single age."
        )
    return {band: people.round(2) for band, people in result.items()}


def _deciles(
    areas: pd.Series[str], deciles: AreaFile | None, report: ImportReport
) -> pd.Series[float]:
    blank = pd.Series(np.nan, index=areas.index)
    if deciles is None:
        return blank
    found = deciles.frame.set_index("area")["decile"].reindex(areas).to_numpy(float)
    unknown = int(np.isnan(found).sum())
    if unknown:
        report.estimates.append(
            f"{unknown:,} of {len(areas):,} areas have no deprivation decile; they are left blank."
        )
    return pd.Series(found, index=areas.index)


def _check_outline(
    outline: BaseGeometry, areas: pd.DataFrame, problems: Problems, boundary: Path | None
) -> None:
    outside = ~_inside(outline, areas)
    if not outside.any():
        return
    file = boundary.name if boundary is not None else "boundary"
    message = f"{int(outside.sum()):,} of {len(areas):,} areas lie outside the boundary."
    if outside.mean() > 0.5:
        problems.error(message, "give the boundary of this authority.", file=file)
    else:
        problems.warn(message, "check that boundary and areas are of the same year.", file=file)


def _population(
    chosen: pd.DataFrame,
    people: AreaFile,
    year: int | None,
    projection: Path | None,
    authority: str,
    names: pd.DataFrame,
    problems: Problems,
    report: ImportReport,
) -> pd.DataFrame:
    """People of the authority by academic year and single age, where the files tell them."""
    columns = ["academic_year", "age", "people"]
    parts = []
    single = all(low == high for low, high in people.partition)
    counted = year if year is not None else people.year
    if single and counted is not None:
        ages = [low for low, _ in people.partition]
        sums = [float(chosen[f"{age}-{age}"].sum()) for age in ages]
        parts.append(pd.DataFrame({"academic_year": counted, "age": ages, "people": sums}))
        report.facts.append(
            f"People by single age count for {academic_year_label(counted)} (population.csv)."
        )
    elif single:
        report.facts.append(
            "The file has single ages, but does not say of which year: give --year to have "
            "population.csv written."
        )
    if projection is not None:
        wanted = [authority, *_names_of(names, authority)]
        projected = read_projection(projection, wanted, problems, report)
        if projected is not None:
            parts.append(projected)
    if not parts:
        return pd.DataFrame({name: pd.Series([], dtype=float) for name in columns})
    table = pd.concat(parts, ignore_index=True)
    table = table.drop_duplicates(["academic_year", "age"], keep="first")
    return table.sort_values(columns[:2], ignore_index=True)


def _account(
    people: AreaFile, lookup: AreaFile | None, points: AreaFile | None, deciles: AreaFile | None,
    used: set[str], report: ImportReport,
) -> None:  # fmt: skip
    """Close the account of each file: its rows of the authority's areas are used."""
    accounts = []
    for file in (people, lookup, points, deciles):
        if file is None:
            continue
        mine = file.frame["area"].isin(list(used))
        again = file.frame.duplicated("area") & mine
        file.account.used += int((mine & ~again).sum())
        file.account.merge("the same area again", int(again.sum()))
        file.account.exclude("of areas that are not the authority's", int((~mine).sum()))
        file.account.close()
        accounts.append(file.account)
    report.accounts = accounts + report.accounts
