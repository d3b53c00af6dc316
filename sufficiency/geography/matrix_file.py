"""A file of journey times as other software writes it: long or wide, in any common unit.

Which column holds areas and which destinations is seen from the identifiers themselves, by id or
by name. Units are read from the header where it says them; where it does not, from the speed at
which the journeys would run. What a planner states (``--unit``) wins, and is questioned when the
speeds are absurd.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from sufficiency.geography.sources import Measured, Tell, no_way
from sufficiency.geography.travel import Array, straight_km
from sufficiency.problems import InputError, Problem, Problems, near
from sufficiency.tables import read_cells

TIME_UNITS: Final = {"minutes": 1.0, "seconds": 1 / 60, "hours": 60.0}
"""Minutes in one of each."""
DISTANCE_UNITS: Final = {"km": 1.0, "m": 0.001, "miles": 1.609344}
"""Km in one of each."""
LARGEST_BYTES: Final = 400_000_000
PLAUSIBLE_KM_PER_HOUR: Final = (6.0, 110.0)
"""Straight-line speed at which the median journey of a real matrix runs."""
PLAUSIBLE_CIRCUITY: Final = (0.999, 3.0)
"""Road km per straight-line km of the median journey; a road is no shorter than the line."""

_TIME_WORDS: Final = {
    "minutes": {"minutes", "minute", "mins", "min"},
    "seconds": {"seconds", "second", "secs", "sec", "s"},
    "hours": {"hours", "hour", "hrs", "hr", "h"},
    "": {"time", "duration", "durations", "traveltime"},
}
_DISTANCE_WORDS: Final = {
    "km": {"km", "kms", "kilometres", "kilometers", "kilometre", "kilometer"},
    "m": {"m", "metres", "meters", "metre", "meter"},
    "miles": {"miles", "mile", "mi"},
    "": {"distance", "distances", "length", "dist"},
}
_STRAIGHT_WORDS: Final = {"straight", "crow", "crowfly", "crowflies", "euclidean", "haversine"}
_NO_WAY: Final = {"", "na", "n/a", "nan", "null", "none", "inf", "infinity", "-", "-1", "-1.0"}


@dataclass(frozen=True)
class MatrixFile:
    """A file of times, and perhaps a second one of distances.

    Attributes:
        path: the file of times; a long file may hold distances too.
        unit: minutes, seconds or hours; empty: found out.
        distances: a second, wide file of distances, or None.
        distance_unit: km, m or miles; empty: found out.
        road_km_per_straight_km: for journeys of which only the time is given.
        problems: takes warnings.
    """

    path: Path
    problems: Problems
    road_km_per_straight_km: float
    unit: str = ""
    distances: Path | None = None
    distance_unit: str = ""

    def measure(self, areas: pd.DataFrame, destinations: pd.DataFrame, tell: Tell) -> Measured:
        """Read the file and fit it to the areas and destinations.

        Raises:
            InputError: when the file cannot be read, or nothing in it is known.
        """
        straight = straight_km(areas, destinations)
        tell(f"Reading {self.path.name}", 0, 0)
        found = _read(self.path, areas, destinations, self.problems)
        notes = found.notes
        minutes, unit = _in_unit(
            found.time, TIME_UNITS, found.time_unit, self.unit, straight, self.path.name,
            self.problems,
        )  # fmt: skip
        notes.append(f"Times are read as {unit}.")
        km = np.full(straight.shape, np.nan)
        raw_km, header_unit, name = found.distance, found.distance_unit, self.path.name
        if self.distances is not None:
            other = _read(self.distances, areas, destinations, self.problems)
            raw_km, header_unit, name = other.time, other.distance_unit, self.distances.name
            notes += other.notes
        if np.isfinite(raw_km).any():
            km, unit = _in_unit(
                raw_km, DISTANCE_UNITS, header_unit, self.distance_unit, straight, name,
                self.problems,
            )  # fmt: skip
            notes.append(f"Distances are read as {unit}.")
        timed = np.isfinite(minutes)
        without = timed & np.isnan(km)
        km = np.where(without, straight * self.road_km_per_straight_km, km)
        basis = "supplied"
        if without.any():
            basis = "supplied; km from the straight line"
            notes.append(
                f"{int(without.sum()):,} journeys have a time and no distance: their km are "
                f"{self.road_km_per_straight_km:g} times the straight line."
            )
            if not without[timed].all():
                basis = "supplied; some km from the straight line"
        area, destination = areas["area"].tolist(), destinations["destination"].tolist()
        unreachable = [
            (area[i], destination[j], f"{self.path.name} gives no time")
            for i, j in np.argwhere(found.blank & ~timed).tolist()
        ]
        return Measured(
            np.where(timed, minutes, np.nan), np.where(timed, km, np.nan), basis,
            no_way(unreachable), notes,
        )  # fmt: skip


@dataclass
class _Cells:
    """Figures of a file, areas in rows, destinations in columns, in the file's own unit."""

    time: Array
    distance: Array
    blank: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
    time_unit: str
    distance_unit: str
    notes: list[str]


# ------------------------------------------------------------------ layout


def tidy(text: object) -> str:
    """An identifier or name for comparison: one case, single spaces."""
    return " ".join(str(text).casefold().split())


def words_of(header: object) -> set[str]:
    """The words of a header: "Time (mins)" gives time and mins."""
    return set(re.findall(r"[a-z]+", str(header).casefold()))


def unit_of(header: object, units: Mapping[str, set[str]]) -> str | None:
    """The unit that a header names, empty for a quantity without one, None for neither."""
    found = words_of(header)
    return next((unit for unit, words in units.items() if words & found), None)


def time_and_distance(
    headers: Iterable[str], problems: Problems, file: str
) -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
    """The columns of times and of road distances, each with its unit (empty: not said)."""
    times: list[tuple[str, str]] = []
    distances: list[tuple[str, str]] = []
    for header in headers:
        if words_of(header) & _STRAIGHT_WORDS:
            continue
        time_unit = unit_of(header, _TIME_WORDS)
        distance_unit = unit_of(header, _DISTANCE_WORDS)
        if time_unit is not None:
            times.append((header, time_unit))
        elif distance_unit is not None:
            distances.append((header, distance_unit))
    for found, what in ((times, "times"), (distances, "distances")):
        if len(found) > 1:
            problems.warn(
                f"has several columns of {what}; the first, {found[0][0]}, is used.",
                "delete the others, or rename them.",
                file=file, row=1, value=", ".join(name for name, _ in found[1:]),
            )  # fmt: skip
    return (times[0] if times else None), (distances[0] if distances else None)


def _names(frame: pd.DataFrame, key: str) -> dict[str, int]:
    """Position by tidy id and, where no id or other name says the same, by name."""
    known = {tidy(name): i for i, name in enumerate(frame[key])}
    by_name: dict[str, list[int]] = {}
    for i, name in enumerate(frame["name"]):
        by_name.setdefault(tidy(name), []).append(i)
    for name, where in by_name.items():
        if len(where) == 1 and name:
            known.setdefault(name, where[0])
    return known


def _read(
    path: Path, areas: pd.DataFrame, destinations: pd.DataFrame, problems: Problems
) -> _Cells:
    cells = load(path, problems)
    file = path.name
    headers = [str(column) for column in cells.columns if column != "_row"]
    home, away = _names(areas, "area"), _names(destinations, "destination")
    share = {
        header: tuple(_share_known(cells[header], known) for known in (home, away))
        for header in headers
    }
    shape = (len(areas), len(destinations))
    origin, target = (max(headers, key=lambda h: share[h][i], default="") for i in (0, 1))
    across_home, across_away = (sum(tidy(h) in known for h in headers) for known in (home, away))
    if origin and share[origin][0] > 0 and across_away:
        return _wide(cells, origin, headers, home, away, shape, file, problems)
    if target and share[target][1] > 0 and across_home:
        turned = _wide(cells, target, headers, away, home, shape[::-1], file, problems)
        turned.notes.append("Destinations stand in rows and areas in columns: turned.")
        turned.time, turned.distance = turned.time.T, turned.distance.T
        turned.blank = turned.blank.T
        return turned
    if origin != target and share[origin][0] > 0 and share[target][1] > 0:
        return _long(cells, origin, target, home, away, shape, file, problems)
    first = str(cells[headers[0]].iloc[0]) if headers and len(cells) else ""
    raise InputError(
        [Problem("no column and header of this file name known areas and destinations"
                 f"{near(first, areas['area'])}",
                 "use the identifiers or names of the areas and of the provisions or sites; or "
                 "write columns area, destination, minutes and km.",
                 file=file, row=2, value=first)]
    )  # fmt: skip


def load(path: Path, problems: Problems) -> pd.DataFrame:
    """The cells of a file as text, with ``_row``.

    Raises:
        InputError: when it cannot be read.
    """
    if path.is_file() and path.stat().st_size > LARGEST_BYTES:
        problems.error(
            "is too large to be the journeys of one authority.",
            f"keep the rows of your areas; at most {LARGEST_BYTES / 1e6:,.0f} MB are read.",
            file=path.name,
            value=f"{path.stat().st_size / 1e6:,.0f} MB",
        )
    cells = None if problems.errors else read_cells(path, problems)
    if cells is not None and cells.empty:
        problems.error("has no rows.", "save it again with its rows.", file=path.name)
    problems.raise_if_any()
    assert cells is not None
    named = [str(column).strip() for column in cells.columns]
    repeated = sorted({name for name in named if named.count(name) > 1 and name})
    if repeated:
        problems.error("a column stands twice.", "keep one of the two.", file=path.name, row=1,
                       value=", ".join(repeated[:5]))  # fmt: skip
        problems.raise_if_any()
    cells.columns = pd.Index(named)
    return cells


def _share_known(column: pd.Series[str], known: Mapping[str, int]) -> float:
    values = pd.unique(column.astype("str"))
    return sum(tidy(value) in known for value in values) / max(len(values), 1)


def _long(
    cells: pd.DataFrame,
    origin: str,
    target: str,
    home: Mapping[str, int],
    away: Mapping[str, int],
    shape: tuple[int, int],
    file: str,
    problems: Problems,
) -> _Cells:
    others = [c for c in cells.columns if c not in ("_row", origin, target)]
    time, distance = time_and_distance(others, problems, file)
    if time is None:
        numeric = [c for c in others if _numbers(cells[c])[1].all()]
        if len(numeric) != 1 or distance is not None:
            raise InputError(
                [Problem("no column of this file is called minutes, seconds or time.",
                         "name the column of times after its unit.", file=file, row=1,
                         value=", ".join(others[:8]))]
            )  # fmt: skip
        time = (numeric[0], "")
    row = cells[origin].map(lambda v: home.get(tidy(v), -1)).to_numpy(int)
    column = cells[target].map(lambda v: away.get(tidy(v), -1)).to_numpy(int)
    used = (row >= 0) & (column >= 0)
    notes = [f"{file}: {len(cells):,} rows read, {int(used.sum()):,} used."]
    for known, header, what in ((row >= 0, origin, "area"), (column >= 0, target, "destination")):
        _say_unknown(cells.loc[~known, header], what, file, header, notes, problems)
    code = np.where(used, row * shape[1] + column, -1)
    repeats = pd.Series(code)[used].duplicated(keep="first")
    for at in repeats.index[repeats][:20]:
        earlier = int(np.flatnonzero(code == code[at])[0])
        problems.error(
            f"gives a journey that row {cells['_row'].iloc[earlier]} gives already.",
            "keep one of the two rows.", file=file, row=cells["_row"].iloc[at],
            value=f"{cells[origin].iloc[at]} to {cells[target].iloc[at]}",
        )  # fmt: skip
    if repeats.sum() > 20:
        problems.error(f"and {int(repeats.sum()) - 20:,} more repeated journeys.",
                       "keep one row for each journey.", file=file)  # fmt: skip

    def table(name: str) -> tuple[Array, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
        values, blank = _checked(cells.loc[used], name, file, problems)
        figures = np.full(shape, np.nan)
        missing = np.zeros(shape, dtype=bool)
        figures[row[used], column[used]] = values
        missing[row[used], column[used]] = blank
        return figures, missing

    times, missing = table(time[0])
    distances = table(distance[0])[0] if distance else np.full(shape, np.nan)
    problems.raise_if_any()
    return _Cells(times, distances, missing, time[1], distance[1] if distance else "", notes)


def _wide(
    cells: pd.DataFrame,
    key: str,
    headers: list[str],
    rows: Mapping[str, int],
    columns: Mapping[str, int],
    shape: tuple[int, int],
    file: str,
    problems: Problems,
) -> _Cells:
    at = cells[key].map(lambda v: rows.get(tidy(v), -1)).to_numpy(int)
    known = [h for h in headers if h != key and tidy(h) in columns]
    strange = [h for h in headers if h != key and h not in known]
    notes = [
        f"{file}: {len(cells):,} rows read, {int((at >= 0).sum()):,} used; "
        f"{len(headers) - 1:,} columns, {len(known):,} used."
    ]
    _say_unknown(cells.loc[at < 0, key], "row", file, key, notes, problems)
    _say_unknown(pd.Series(strange, dtype="str"), "column", file, "", notes, problems)
    for label, found in (("row", at[at >= 0]), ("column", [columns[tidy(h)] for h in known])):
        if len(set(found)) < len(found):
            problems.error(f"names a {label} twice, perhaps by its id and by its name.",
                           "keep one of the two.", file=file)  # fmt: skip
    problems.raise_if_any()
    figures, missing = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    used = cells.loc[at >= 0]
    for header in known:
        values, blank = _checked(used, header, file, problems)
        figures[at[at >= 0], columns[tidy(header)]] = values
        missing[at[at >= 0], columns[tidy(header)]] = blank
    problems.raise_if_any()
    # A file name often says the unit; its single letters say nothing.
    unit, distance = (
        unit_of(file, {u: {w for w in words if len(w) > 1} for u, words in units.items() if u})
        or ""
        for units in (_TIME_WORDS, _DISTANCE_WORDS)
    )
    return _Cells(figures, np.full(shape, np.nan), missing, unit, distance, notes)


def _say_unknown(
    values: pd.Series[str],
    what: str,
    file: str,
    column: str,
    notes: list[str],
    problems: Problems,
) -> None:
    """Rows or columns of unknown names are left out, counted and named."""
    if not len(values):
        return
    names = pd.unique(values.astype("str"))
    notes.append(f"{file}: {len(values):,} left out for an unknown {what}.")
    problems.warn(
        f"{len(values):,} {'columns' if what == 'column' else 'rows'} are left out: "
        f"{len(names):,} {what} names are not known.",
        "that is right for places that are not in your tables; otherwise use their identifiers.",
        file=file,
        column=column,
        value=", ".join(names[:5]),
    )


def _numbers(column: pd.Series[str]) -> tuple[Array, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Numbers of a column, and which cells are a number or say that there is none."""
    text = column.astype("str").str.strip().str.replace(r"(?<=\d),(?=\d{3}\b)", "", regex=True)
    none = text.str.casefold().isin(_NO_WAY).to_numpy(bool) | column.isna().to_numpy(bool)
    values = pd.to_numeric(text.where(~none, None), errors="coerce").to_numpy(float)
    values = np.where(np.isinf(values), np.nan, values)
    return values, np.isfinite(values) | none


def _checked(
    cells: pd.DataFrame, column: str, file: str, problems: Problems
) -> tuple[Array, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Figures of a column, and which cells are blank; what is no figure becomes a problem."""
    values, sound = _numbers(cells[column])
    wrong = ~sound | (values < 0)
    for at in np.flatnonzero(wrong)[:5]:
        problems.error(
            "is negative." if values[at] < 0 else "is no number.",
            "write a number, or leave the cell blank where there is no way.",
            file=file, row=cells["_row"].iloc[at], column=column, value=cells[column].iloc[at],
        )  # fmt: skip
    if wrong.sum() > 5:
        problems.error(f"and {int(wrong.sum()) - 5:,} more cells that are no number.",
                       "mend the first; most often the cause is one.", file=file,
                       column=column)  # fmt: skip
    return values, np.isnan(values) & sound


# ------------------------------------------------------------------ units


def _in_unit(
    figures: Array,
    units: Mapping[str, float],
    header: str,
    stated: str,
    straight: Array,
    file: str,
    problems: Problems,
) -> tuple[Array, str]:
    """Figures in minutes or km, and the unit in which they stood."""
    unit = stated or header or guess_unit(figures, units, straight)
    if not unit:
        option = "--unit" if units is TIME_UNITS else "--distance-unit"
        raise InputError(
            [Problem("does not say in which unit its figures are, and no unit makes sense of them "
                     f"({pace(figures, units, straight)}).",
                     f"say it with {option}: {', '.join(units)}; check that coordinates are right.",
                     file=file)]
        )  # fmt: skip
    better = guess_unit(figures, units, straight)
    if better and better != unit:
        found = pace(figures, {unit: units[unit]}, straight)
        problems.warn(
            f"read as {unit}, its figures make no sense ({found}); as {better} they would.",
            f"state the unit: {better}.",
            file=file,
        )
    return figures * units[unit], unit


def guess_unit(figures: Array, units: Mapping[str, float], straight: Array) -> str:
    """The unit in which the median journey is one of a car on roads; empty when none is."""
    for unit, middle in _medians(figures, units, straight).items():
        low, high = PLAUSIBLE_KM_PER_HOUR if units is TIME_UNITS else PLAUSIBLE_CIRCUITY
        if low <= middle <= high:
            return unit
    return ""


def pace(figures: Array, units: Mapping[str, float], straight: Array) -> str:
    """The median journey in words, by unit."""
    what = "km an hour" if set(units) <= set(TIME_UNITS) else "km of road per straight km"
    found = _medians(figures, units, straight)
    return "; ".join(f"as {unit} the median is {m:,.3g} {what}" for unit, m in found.items())


def _medians(figures: Array, units: Mapping[str, float], straight: Array) -> dict[str, float]:
    use = np.isfinite(figures) & (figures > 0) & (straight > 1.0)
    if not use.any():
        return {}
    if set(units) <= set(TIME_UNITS):
        return {
            unit: float(np.median(straight[use] / (figures[use] * factor) * 60))
            for unit, factor in units.items()
        }
    return {
        unit: float(np.median(figures[use] * factor / straight[use]))
        for unit, factor in units.items()
    }
