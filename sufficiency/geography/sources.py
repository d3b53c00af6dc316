"""Where journey times come from: one interface, and what every source of it shares.

A source measures every journey from small areas to destinations. The straight line is here, and
what a routing engine needs around it: blocks, progress, a cache that survives an interruption.
The file of times is in ``matrix_file``, the engines are in ``roads`` and ``service``.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer

from sufficiency.geography.travel import (
    STRAIGHT_LINE,
    Array,
    straight_km,
    straight_line_minutes,
)
from sufficiency.writing import file_aside

Tell = Callable[[str, int, int], None]
"""Told a step in words, the journeys done, and the journeys in all (0: not counted)."""

FARTHEST_ROAD_KM: Final = 2.0
"""A point farther than this from every road is not on the map."""
SAVE_EVERY_SECONDS: Final = 20.0
_WATCHED: Final = 5
"""Rows and columns asked again to see whether a service still gives the cached times."""


@dataclass
class Measured:
    """What a source found; areas in rows, destinations in columns.

    Attributes:
        minutes, km: one way; NaN where there is no figure.
        basis: what the figures rest on, as the travel table says it.
        unreachable: columns area, destination, reason: pairs that the source knows and for which
            it finds no way. A pair that is neither here nor in ``minutes`` is not known to it.
        notes: sentences for the planner.
    """

    minutes: Array
    km: Array
    basis: str
    unreachable: pd.DataFrame = field(default_factory=lambda: no_way([]))
    notes: list[str] = field(default_factory=list)

    def as_table(self, areas: pd.DataFrame, destinations: pd.DataFrame) -> pd.DataFrame:
        """The travel table: area, destination, minutes (to 0.1), km (to 0.01), basis."""
        row, column = np.nonzero(np.isfinite(self.minutes) & np.isfinite(self.km))
        return pd.DataFrame(
            {
                "area": areas["area"].to_numpy()[row],
                "destination": destinations["destination"].to_numpy()[column],
                "minutes": np.round(self.minutes[row, column], 1),
                "km": np.round(self.km[row, column], 2),
                "basis": self.basis,
            }
        )


class Source(Protocol):
    """Something that knows journeys."""

    def measure(self, areas: pd.DataFrame, destinations: pd.DataFrame, tell: Tell) -> Measured:
        """Measure every journey.

        Args:
            areas: columns area, name, easting, northing (metres, EPSG:27700).
            destinations: columns destination, name, easting, northing; all with coordinates.
            tell: told how far it has come.

        Raises:
            InputError: when the source cannot be used.
        """
        ...


def no_way(rows: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """A table of unreachable pairs: area, destination, reason."""
    return pd.DataFrame(rows, columns=["area", "destination", "reason"], dtype="str")


@dataclass(frozen=True)
class StraightLine:
    """The planning model's curve over straight-line km."""

    estimate: Mapping[str, float]

    def measure(self, areas: pd.DataFrame, destinations: pd.DataFrame, tell: Tell) -> Measured:
        """Estimate every journey; see :func:`straight_line_minutes`."""
        km = straight_km(areas, destinations)
        tell("Estimating journeys from straight lines", km.size, km.size)
        return Measured(
            straight_line_minutes(km, self.estimate),
            km * self.estimate["road_km_per_straight_km"],
            STRAIGHT_LINE,
        )


# ------------------------------------------------------------------ routing engines


@dataclass(frozen=True)
class Block:
    """What an engine answers for some origins and destinations.

    Attributes:
        minutes, km: NaN where it finds no way.
        origin_away_km, destination_away_km: from each point to the road where its journey begins
            or ends; NaN when the engine does not say.
    """

    minutes: Array
    km: Array
    origin_away_km: Array
    destination_away_km: Array


class Engine(Protocol):
    """A routing engine that answers tables of journeys."""

    @property
    def basis(self) -> str:
        """What the travel table says of its figures."""
        ...

    @property
    def block_size(self) -> tuple[int, int]:
        """Origins and destinations that are best asked for at once."""
        ...

    @property
    def may_change(self) -> bool:
        """Whether the same fingerprint may one day answer otherwise."""
        ...

    def fingerprint(self) -> str:
        """Names map, engine and its settings: cached times belong to it."""
        ...

    def prepare(self, tell: Tell) -> None:
        """Make ready: build or open the road network, or see that the service answers."""
        ...

    def block(self, origins: Array, destinations: Array) -> Block:
        """Journeys between points given as rows of longitude and latitude (WGS 84)."""
        ...


@dataclass(frozen=True)
class Routed:
    """An engine with a cache: every pair of points is asked for once.

    The cache is one Parquet file for each fingerprint of map, engine and settings, keyed by
    coordinates, so that a new provision costs one column and a move of one area one row. It is
    written aside and renamed, every 20 seconds and at the end: an interrupted matrix goes on
    where it stopped. It holds points and times, nothing about children.
    """

    engine: Engine
    cache: Path | None

    def measure(self, areas: pd.DataFrame, destinations: pd.DataFrame, tell: Tell) -> Measured:
        """Ask the engine for what the cache does not hold."""
        engine = self.engine
        engine.prepare(tell)
        home, away = _grid(areas), _grid(destinations)
        store = _Store(self.cache, engine.fingerprint())
        found = store.look_up(home, away)
        notes = []
        if found.known.any() and engine.may_change and self._changed(found, home, away):
            notes.append(
                "The service gives other times than those cached: every journey is asked anew."
            )
            store.forget()
            found = store.look_up(home, away)
        cached = int(found.known.sum())
        self._ask(found, store, home, away, tell)
        if cached:
            notes.append(f"{cached:,} of {found.known.size:,} journeys come from the cache.")
        return Measured(
            np.where(found.on_map, found.minutes, np.nan),
            np.where(found.on_map, found.km, np.nan),
            engine.basis,
            _reasons(found, areas, destinations),
            notes,
        )

    def _ask(self, found: _Found, store: _Store, home: Array, away: Array, tell: Tell) -> None:
        step = "Measuring journeys by road"
        total = found.known.size
        clock = time.monotonic()
        tell(step, int(found.known.sum()), total)
        # Areas that lack the same destinations are asked for together: a new provision costs one
        # column, a moved area one row.
        patterns, pattern = np.unique(~found.known, axis=0, return_inverse=True)
        try:
            for number, lacking in enumerate(patterns):
                rows = np.flatnonzero(pattern.ravel() == number)
                columns = np.flatnonzero(lacking)
                for row_block in _blocks(rows, self.engine.block_size[0]):
                    for column_block in _blocks(columns, self.engine.block_size[1]):
                        answer = self.engine.block(
                            _degrees(home[row_block]), _degrees(away[column_block])
                        )
                        found.put(np.ix_(row_block, column_block), answer)
                        tell(step, int(found.known.sum()), total)
                        if time.monotonic() - clock > SAVE_EVERY_SECONDS:
                            store.save(found, home, away)
                            clock = time.monotonic()
        finally:
            # Ctrl-C, too, keeps what was measured.
            store.save(found, home, away)

    def _changed(self, found: _Found, home: Array, away: Array) -> bool:
        """Whether the engine now says something else of a few journeys of the cache."""
        rows = np.argsort(-found.known.sum(axis=1), kind="stable")[:_WATCHED]
        if not found.known[rows].all(axis=0).any():
            rows = rows[:1]
        columns = np.flatnonzero(found.known[rows].all(axis=0))[:_WATCHED]
        answer = self.engine.block(_degrees(home[rows]), _degrees(away[columns]))
        return not np.allclose(
            answer.minutes, found.minutes[np.ix_(rows, columns)], atol=0.01, equal_nan=True
        )


@dataclass
class _Found:
    """Journeys known so far."""

    minutes: Array
    km: Array
    origin_away_km: Array
    destination_away_km: Array
    known: NDArray[np.bool_]

    def put(self, where: tuple[NDArray[np.int64], ...], answer: Block) -> None:
        self.minutes[where] = answer.minutes
        self.km[where] = answer.km
        self.origin_away_km[where] = answer.origin_away_km[:, None]
        self.destination_away_km[where] = answer.destination_away_km[None, :]
        self.known[where] = True

    @property
    def on_map(self) -> NDArray[np.bool_]:
        """Pairs whose two points lie at a road, as far as the engine says."""
        far: NDArray[np.bool_] = (self.origin_away_km > FARTHEST_ROAD_KM) | (
            self.destination_away_km > FARTHEST_ROAD_KM
        )
        return ~far


class _Store:
    """The cached journeys of one fingerprint."""

    KEY: Final = ["from_easting", "from_northing", "to_easting", "to_northing"]
    VALUES: Final = ["minutes", "km", "origin_away_km", "destination_away_km"]

    def __init__(self, folder: Path | None, fingerprint: str) -> None:
        self.path = None if folder is None else folder / f"journeys-{fingerprint[:32]}.parquet"

    def look_up(self, home: Array, away: Array) -> _Found:
        shape = (len(home), len(away))
        minutes, km, at_origin, at_end = (np.full(shape, np.nan) for _ in self.VALUES)
        found = _Found(minutes, km, at_origin, at_end, np.zeros(shape, dtype=bool))
        kept = self._read()
        if kept is None:
            return found
        asked = self._keys(home, away)
        joined = asked.merge(kept, on=self.KEY, how="left", validate="many_to_one")
        for name in self.VALUES:
            getattr(found, name)[:] = joined[name].to_numpy(float).reshape(shape)
        found.known[:] = joined["kept"].fillna(False).to_numpy(bool).reshape(shape)
        return found

    def save(self, found: _Found, home: Array, away: Array) -> None:
        if self.path is None or not found.known.any():
            return
        new = self._keys(home, away).assign(
            **{name: getattr(found, name).ravel() for name in self.VALUES}
        )[found.known.ravel()]
        before = self._read()
        if before is not None:
            new = pd.concat([new, before.drop(columns="kept")])
        new = new.drop_duplicates(self.KEY).sort_values(self.KEY, ignore_index=True)
        remedy = (
            "free some disk space, choose another folder with --cache, or go without with "
            "--no-cache."
        )
        with file_aside(self.path, "the cache of journeys", remedy) as aside:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new.to_parquet(aside, index=False)

    def forget(self) -> None:
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _read(self) -> pd.DataFrame | None:
        if self.path is None or not self.path.is_file():
            return None
        try:
            return pd.read_parquet(self.path, columns=self.KEY + self.VALUES).assign(kept=True)
        except (OSError, ValueError, KeyError):
            # A damaged cache is as good as none: it is written anew.
            return None

    def _keys(self, home: Array, away: Array) -> pd.DataFrame:
        origin = np.repeat(home.round().astype("int64"), len(away), axis=0)
        target = np.tile(away.round().astype("int64"), (len(home), 1))
        return pd.DataFrame(np.hstack([origin, target]), columns=self.KEY)


def _blocks(items: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def _grid(frame: pd.DataFrame) -> Array:
    """Points as rows of easting and northing, to the metre."""
    return np.round(frame[["easting", "northing"]].to_numpy(float))


_TO_DEGREES: Final = Transformer.from_crs(27700, 4326, always_xy=True)


def _degrees(points: Array) -> Array:
    """Longitude and latitude, right to a few metres without grid-shift files."""
    return np.column_stack(_TO_DEGREES.transform(points[:, 0], points[:, 1]))


def _reasons(found: _Found, areas: pd.DataFrame, destinations: pd.DataFrame) -> pd.DataFrame:
    """Why pairs have no journey, in words."""
    area, destination = areas["area"].tolist(), destinations["destination"].tolist()
    rows: list[tuple[str, str, str]] = []
    for i, j in np.argwhere(found.known & (~found.on_map | np.isnan(found.minutes))).tolist():
        for name, away in (
            (area[i], found.origin_away_km[i, j]),
            (destination[j], found.destination_away_km[i, j]),
        ):
            if away > FARTHEST_ROAD_KM:
                reason = f"{name} lies {away:,.1f} km from the nearest road of the map"
                break
        else:
            reason = "the roads of the map do not join the two"
        rows.append((area[i], destination[j], reason))
    return no_way(rows)


def default_cache() -> Path:
    """The folder in which this computer keeps caches, one of our own inside it."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "sufficiency" / "travel"
