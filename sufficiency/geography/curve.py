"""The straight-line curve fitted to real journey times, and how wrong it is on others.

The curve is that of :func:`sufficiency.geography.travel.straight_line_minutes`: a slow part at
the ends of a journey, a faster one between. It is fitted to half of the areas and tested on the
other half; what is printed for the planning model is then fitted to all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares

from sufficiency.geography.matrix_file import (
    DISTANCE_UNITS,
    TIME_UNITS,
    MatrixFile,
    guess_unit,
    load,
    pace,
    tidy,
    time_and_distance,
    words_of,
)
from sufficiency.geography.sources import Measured
from sufficiency.geography.travel import Array, straight_km, straight_line_minutes
from sufficiency.problems import InputError, Problem, Problems

BANDS_KM: Final = (0.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, np.inf)
"""Bands of straight-line km. Each weighs the same in the fit, however many journeys it holds:
long journeys are most of a county's pairs and few of its children's."""
LEAST_JOURNEYS, LEAST_AREAS = 60, 8
FASTEST_KM_PER_HOUR: Final = 130.0
"""A journey faster than this as the crow flies is an error of the sample."""
_UNIT: Final = (
    "one-way journey from straight-line km, where no travel time is supplied: fixed minutes, a "
    "slow part of each journey, the rest; road km per straight km"
)
_COORDINATES: Final = {
    "from_easting": ("easting", "from_easting", "origin_easting", "e"),
    "from_northing": ("northing", "from_northing", "origin_northing", "n"),
    "to_easting": ("to_easting", "destination_easting", "site_easting", "se"),
    "to_northing": ("to_northing", "destination_northing", "site_northing", "sn"),
}
_ORIGIN: Final = ("area", "origin", "from", "home", "lsoa", "msoa", "lsoa21cd", "source")


@dataclass(frozen=True)
class Sample:
    """Real journeys.

    Attributes:
        origin: where each begins; halves of the sample differ in it.
        straight_km, minutes: one of each a journey.
        road_km: NaN where it is not known.
        file: name of the file.
        notes: what was read and what was left out.
    """

    origin: NDArray[np.str_]
    straight_km: Array
    minutes: Array
    road_km: Array
    file: str
    notes: tuple[str, ...] = ()

    def part(self, use: NDArray[np.bool_]) -> Sample:
        """Some of the journeys."""
        return Sample(
            self.origin[use], self.straight_km[use], self.minutes[use], self.road_km[use], self.file
        )


@dataclass(frozen=True)
class Errors:
    """How far estimated minutes lie from real ones.

    Attributes:
        journeys: how many were compared.
        median, percentile_90: of the absolute error, in minutes.
        bias: mean error by band of :data:`BANDS_KM`, in minutes: above 0 is too long; NaN where
            the sample has no journey.
    """

    journeys: int
    median: float
    percentile_90: float
    bias: tuple[float, ...]

    @classmethod
    def of(cls, estimate: Mapping[str, float], sample: Sample) -> Errors:
        """Errors of an estimate on a sample."""
        error = straight_line_minutes(sample.straight_km, estimate) - sample.minutes
        band = _band(sample.straight_km)
        bias = tuple(
            float(error[band == b].mean()) if (band == b).any() else float("nan")
            for b in range(len(BANDS_KM) - 1)
        )
        size = np.abs(error)
        return cls(len(error), float(np.median(size)), float(np.quantile(size, 0.9)), bias)


@dataclass(frozen=True)
class Fit:
    """A fitted curve.

    Attributes:
        estimate: value of the model's ``travel_estimate``, fitted to all journeys.
        tested: errors on half of the areas of a curve fitted to the other half.
        present: errors of the present model's curve on the same half.
        circuity_known: whether road km were in the sample.
    """

    estimate: dict[str, float]
    tested: Errors
    present: Errors
    circuity_known: bool
    sample: Sample

    def entry(self, today: date) -> str:
        """The entry of a planning model, as TOML."""
        values = ", ".join(f"{name} = {value:g}" for name, value in self.estimate.items())
        size = len(self.sample.minutes)
        source = (
            f"Curve fitted to {size:,} real journeys ({_toml(self.sample.file)}); on the half of "
            f"the areas not fitted the median error is {self.tested.median:.1f} minutes, the 90th "
            f"percentile {self.tested.percentile_90:.1f}"
        )
        if not self.circuity_known:
            source += "; road km per straight km is not fitted"
        return (
            f"[travel_estimate]\nvalue = {{ {values} }}\n"
            f'unit = "{_UNIT}"\nsource = "{source}"\ndate = "{today.isoformat()}"\n'
        )


def _toml(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")


def fit_curve(sample: Sample, present: Mapping[str, float]) -> Fit:
    """Fit the curve and test it on areas that it has not seen.

    Args:
        sample: real journeys.
        present: the model's ``travel_estimate``, for comparison, and for road km per straight km
            where the sample has no road km.

    Raises:
        InputError: when there are too few journeys or areas to fit and test.
    """
    areas = np.unique(sample.origin)
    if len(sample.minutes) < LEAST_JOURNEYS or len(areas) < LEAST_AREAS:
        raise InputError(
            [Problem(f"{len(sample.minutes):,} journeys from {len(areas):,} areas are too few to "
                     "fit a curve and test it.",
                     f"give at least {LEAST_JOURNEYS} journeys from {LEAST_AREAS} areas.",
                     file=sample.file)]
        )  # fmt: skip
    shuffled = np.random.Generator(np.random.PCG64(1)).permutation(areas)
    half = np.isin(sample.origin, shuffled[: len(areas) // 2])
    known = np.isfinite(sample.road_km) & (sample.straight_km > 1.0)
    circuity = float(present["road_km_per_straight_km"])
    if known.any():
        circuity = float(np.median(sample.road_km[known] / sample.straight_km[known]))
    trained = _fit(sample.part(half), circuity)
    rest = sample.part(~half)
    return Fit(
        _fit(sample, circuity),
        Errors.of(trained, rest),
        Errors.of(present, rest),
        bool(known.any()),
        sample,
    )


def _band(km: Array) -> NDArray[np.int64]:
    return np.searchsorted(BANDS_KM, km, side="right") - 1


def _fit(sample: Sample, circuity: float) -> dict[str, float]:
    """Least soft absolute error, every band of distance weighing the same."""
    km, minutes = sample.straight_km, sample.minutes
    band = _band(km)
    held = np.bincount(band, minlength=len(BANDS_KM) - 1)
    weight = np.sqrt(1.0 / held[band])
    weight /= np.sqrt((weight**2).mean())

    def residual(values: Array) -> Array:
        fixed, slow_km, extra, fast = values
        estimate = fixed + fast * km + extra * np.minimum(km, slow_km)
        return np.asarray(weight * (estimate - minutes))

    def slopes(values: Array) -> Array:
        _, slow_km, extra, _ = values
        beyond = extra * (km > slow_km)
        return np.column_stack([weight, weight * beyond, weight * np.minimum(km, slow_km),
                                weight * km])  # fmt: skip

    # The slow part is at least as slow as the rest (extra >= 0), so that the curve is concave.
    best = min(
        (
            least_squares(
                residual, (2.0, start, 1.0, 1.3), jac=slopes, loss="soft_l1",
                bounds=((0.0, 0.5, 0.0, 0.1), (60.0, 40.0, 30.0, 30.0)),
            )
            for start in (2.0, 5.0, 12.0)
        ),
        key=lambda found: float(found.cost),
    )  # fmt: skip
    fixed, slow_km, extra, fast = (float(value) for value in best.x)
    return {
        "fixed_minutes": round(fixed, 1),
        "slow_km": round(slow_km, 1),
        "minutes_per_slow_km": round(fast + extra, 2),
        "minutes_per_straight_km": round(fast, 2),
        "road_km_per_straight_km": round(max(circuity, 1.0), 2),
    }


# ------------------------------------------------------------------ reading a sample


def read_sample(
    path: Path,
    problems: Problems,
    *,
    areas: pd.DataFrame | None = None,
    destinations: pd.DataFrame | None = None,
    unit: str = "",
    distance_unit: str = "",
) -> Sample:
    """Read real journeys.

    Args:
        path: a matrix of any layout, when areas and destinations are given; otherwise a long
            table with a column of times and either coordinates of both ends (easting, northing,
            to_easting, to_northing, in metres of EPSG:27700) or a column straight_km.
        problems: takes warnings.
        areas: columns area, name, easting, northing.
        destinations: columns destination, name, easting, northing.
        unit: of the times, when the file does not say it.
        distance_unit: of road distances, when the file does not say it.

    Raises:
        InputError: when the file cannot be used.
    """
    if areas is not None and destinations is not None:
        source = MatrixFile(path, problems, 1.0, unit, None, distance_unit)
        found = source.measure(areas, destinations, lambda step, done, total: None)
        straight = straight_km(areas, destinations)
        timed = np.isfinite(found.minutes)
        origin = np.broadcast_to(areas["area"].to_numpy(str)[:, None], timed.shape)
        km = np.full(straight.shape, np.nan) if _km_is_guessed(found) else found.km
        sample = Sample(
            origin[timed], straight[timed], found.minutes[timed], km[timed], path.name,
            tuple(found.notes),
        )  # fmt: skip
    else:
        sample = _read_alone(path, problems, unit, distance_unit)
    return _sound(sample, problems)


def _km_is_guessed(found: Measured) -> bool:
    return found.basis != "supplied"


def _read_alone(path: Path, problems: Problems, unit: str, distance_unit: str) -> Sample:
    cells = load(path, problems)
    headers = [str(column) for column in cells.columns if column != "_row"]
    by_name = {tidy(header).replace(" ", "_"): header for header in headers}
    numbers = {header: _number(cells[header]) for header in headers}
    ends = {
        end: next((by_name[name] for name in names if name in by_name), None)
        for end, names in _COORDINATES.items()
    }
    crow = [h for h in headers if words_of(h) & {"straight", "crow", "crowfly"}]
    time, road = time_and_distance(
        [h for h in headers if h not in ends.values()], problems, path.name
    )
    if time is None:
        raise InputError(
            [Problem("no column of this file is called minutes, seconds or time.",
                     "name the column of times after its unit; a wide matrix needs a scenario, or "
                    "--areas and --provisions.", file=path.name, row=1,
                     value=", ".join(headers[:8]))]
        )  # fmt: skip
    if all(ends.values()):
        from_e, from_n, to_e, to_n = (numbers[str(header)] for header in ends.values())
        straight = np.hypot(from_e - to_e, from_n - to_n) / 1000.0
    elif crow:
        straight = numbers[crow[0]]
        straight = straight * DISTANCE_UNITS["m" if "m" in words_of(crow[0]) else "km"]
    else:
        raise InputError(
            [Problem("does not say where journeys begin and end.",
                     "add columns easting, northing, to_easting and to_northing, or straight_km; "
                     "or give --areas and --provisions.",
                     file=path.name, row=1, value=", ".join(headers[:8]))]
        )  # fmt: skip
    named = next((by_name[name] for name in _ORIGIN if name in by_name), None)
    if named is not None:
        origin = cells[named].astype("str").to_numpy(str)
    elif ends["from_easting"] and ends["from_northing"]:
        origin = np.array(
            [f"{e},{n}" for e, n in zip(cells[ends["from_easting"]], cells[ends["from_northing"]],
                                        strict=True)], dtype=str)  # fmt: skip
    else:
        origin = np.arange(len(cells)).astype(str)
    minutes, unit = _scaled(numbers[time[0]], unit or time[1], TIME_UNITS, straight, path.name)
    notes = [f"{path.name}: {len(cells):,} rows read.", f"Times are read as {unit}."]
    road_km = np.full(len(cells), np.nan)
    if road is not None:
        ratio = float(np.nanmedian((numbers[road[0]] / straight)[straight > 1.0]))
        if 0.98 < ratio < 1.02:
            notes.append(f"The column {road[0]} is the straight line, and no length by road.")
        else:
            road_km, unit = _scaled(
                numbers[road[0]], distance_unit or road[1], DISTANCE_UNITS, straight, path.name
            )
            notes.append(f"Distances are read as {unit}.")
    return Sample(origin, straight, minutes, road_km, path.name, tuple(notes))


def _number(column: pd.Series[str]) -> Array:
    text = column.astype("str").str.strip().str.replace(r"(?<=\d),(?=\d{3}\b)", "", regex=True)
    return pd.to_numeric(text, errors="coerce").to_numpy(float)


def _scaled(
    figures: Array, unit: str, units: Mapping[str, float], straight: Array, file: str
) -> tuple[Array, str]:
    unit = unit or guess_unit(figures, units, straight)
    if not unit:
        raise InputError(
            [Problem("does not say in which unit its figures are, and no unit makes sense of them "
                     f"({pace(figures, units, straight)}).",
                     f"put the unit into the header: {', '.join(units)}.", file=file)]
        )  # fmt: skip
    return figures * units[unit], unit


def _sound(sample: Sample, problems: Problems) -> Sample:
    """Without journeys that cannot be: each sort is counted and named."""
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = sample.straight_km / sample.minutes * 60
    blank = ~(np.isfinite(sample.minutes) & np.isfinite(sample.straight_km))
    negative = ~blank & ((sample.minutes < 0) | (sample.straight_km < 0))
    too_fast = ~blank & ~negative & (sample.straight_km > 1.0) & (speed > FASTEST_KM_PER_HOUR)
    notes = list(sample.notes)
    for wrong, words in (
        (blank, "without a time or a distance"),
        (negative, "with a negative figure"),
        (too_fast, f"faster than {FASTEST_KM_PER_HOUR:.0f} km an hour as the crow flies"),
    ):
        if wrong.any():
            notes.append(f"{int(wrong.sum()):,} journeys {words} are left out.")
            problems.warn(f"{int(wrong.sum()):,} journeys {words} are left out.",
                          "check them in the file.", file=sample.file)  # fmt: skip
    kept = sample.part(~(blank | negative | too_fast))
    with np.errstate(divide="ignore", invalid="ignore"):
        short = kept.road_km < 0.95 * kept.straight_km
    notes.append(f"{len(kept.minutes):,} journeys from {len(np.unique(kept.origin)):,} areas.")
    return Sample(
        kept.origin, kept.straight_km, kept.minutes, np.where(short, np.nan, kept.road_km),
        kept.file, tuple(notes),
    )  # fmt: skip
