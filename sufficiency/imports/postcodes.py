"""Postcodes to points and small areas, from the files that every authority can download.

Understood: the ONS Postcode Directory and the National Statistics Postcode Lookup of any year
(CSV, the zip archive, or a folder of its parts), and Code-Point Open (CSV files without a header,
its folder or archive, or its GeoPackage). No postcode is written, logged or shown in a message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.spatial import cKDTree

from sufficiency.imports.account import RowAccount
from sufficiency.imports.files import CsvRows, Source, Wanted, csv_sources, select
from sufficiency.problems import Problems
from sufficiency.tables.reading import GRID_EXTENT, NATIONAL_GRID, unusable

HULL_MARGIN_METRES: Final = 2_000.0
"""Without a boundary, the hull of the areas widened by so much stands in, as in the checks."""

_FILES: Final = r"^(onspd|nspl|ons_?postcode).*\.csv$|^[a-z]{1,2}\.csv$"
_WHAT: Final = "the ONS Postcode Directory or Code-Point Open"
_POSTCODE: Final = r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}|GIR0AA"
_CODE_POINT: Final = {10: (2, 3), 19: (10, 11)}
"""Where eastings and northings stand in Code-Point Open, by its number of columns."""

_SMALL_AREAS: Final = ("lsoa21cd", "lsoa21", "lsoa21 code", "lsoa2021cd", "lsoa code (2021)",
                       "lsoa11cd", "lsoa11", "lsoa11 code", "lsoa", "area")  # fmt: skip
_COLUMNS: Final = (
    Wanted("postcode", ("pcds", "pcd7", "pcd8", "pcd", "pcd2", "postcode", "post code"), True),
    Wanted("ended", ("doterm", "date of termination")),
    Wanted("easting", ("oseast1m", "east1m", "eastings", "easting", "x")),
    Wanted("northing", ("osnrth1m", "north1m", "northings", "northing", "y")),
    Wanted("latitude", ("lat", "latitude")),
    Wanted("longitude", ("long", "lon", "lng", "longitude")),
)

Floats = NDArray[np.float64]
Keys = NDArray[np.int64]


def postcode_key(postcodes: pd.Series[Any]) -> Keys:
    """A number for each postcode, the same however it is spaced or capitalised; -1 for none."""
    text = postcodes.fillna("").astype("str").str.upper().str.replace("[^A-Z0-9]", "", regex=True)
    sound = text.str.fullmatch(_POSTCODE).fillna(False).to_numpy(dtype=bool)
    letters = text.where(sound, "").to_numpy(dtype="S7")
    codes = letters.view(np.uint8).reshape(len(letters), 7).astype(np.int64)
    # digits become 1 to 10, letters 11 to 36, no character 0: a number to the base of 37
    digits = np.where(codes >= 65, codes - 54, np.where(codes >= 48, codes - 47, 0))
    keys: Keys = digits @ (37 ** np.arange(6, -1, -1, dtype=np.int64))
    return np.where(sound, keys, -1)


@dataclass(frozen=True)
class Postcodes:
    """Where postcodes are.

    Attributes:
        keys: sorted numbers of the postcodes (:func:`postcode_key`).
        easting, northing: metres, EPSG:27700; NaN where the file gives none.
        area: position of the area in ``areas``, -1 where it is not known.
        areas: names of the areas.
        area_column: header of the column from which the areas come; "" when there is none.
        estimates: sentences that say what was estimated.
        accounts: what became of the rows of each file.
    """

    keys: Keys
    easting: Floats
    northing: Floats
    area: Keys
    areas: NDArray[np.object_]
    area_column: str = ""
    estimates: tuple[str, ...] = ()
    accounts: tuple[RowAccount, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, postcodes: pd.Series[Any]) -> pd.DataFrame:
        """Look up postcodes, however they are spaced or capitalised.

        Returns:
            easting, northing (metres, EPSG:27700; NaN = unknown) and area ("" = unknown), with the
            index of ``postcodes``.
        """
        wanted = postcode_key(postcodes)
        size = len(self.keys)
        at = np.minimum(np.searchsorted(self.keys, wanted), max(size - 1, 0))
        hit = (self.keys[at] == wanted) & (wanted >= 0) if size else np.zeros(len(wanted), bool)
        at = np.where(hit, at, 0)
        names = np.append(self.areas, "")

        def taken(values: NDArray[Any], blank: float) -> NDArray[Any]:
            return np.where(hit, values[at], blank) if size else np.full(len(wanted), blank)

        return pd.DataFrame(
            {
                "easting": taken(self.easting, np.nan),
                "northing": taken(self.northing, np.nan),
                "area": pd.Series(
                    names[taken(self.area, -1).astype(int)], dtype="str", index=postcodes.index
                ),
            },
            index=postcodes.index,
        )

    def joined_to(self, areas: pd.DataFrame, boundary: Any = None) -> Postcodes:
        """The same postcodes with the authority's own areas.

        A postcode keeps the area that the file names. Where the file names no area at all, or
        does not know some of the authority's areas (they are of another year, or wards), a
        postcode inside the boundary takes the nearest area among those that the file does not
        know. A postcode elsewhere has no area.

        Args:
            areas: columns area, easting, northing (metres, EPSG:27700).
            boundary: polygon of the authority in EPSG:27700; without it the hull of the areas,
                widened by 2 km.
        """
        names = areas["area"].astype("str").to_numpy(dtype=object)
        points = areas[["easting", "northing"]].to_numpy(dtype=float)
        position = pd.Series(np.arange(len(names)), index=names)
        translated = np.append(
            position[~position.index.duplicated()].reindex(self.areas).fillna(-1), -1
        ).astype(np.int64)
        area = translated[self.area]
        unnamed = np.ones(len(names), dtype=bool)
        unnamed[area[area >= 0]] = False
        estimates = list(self.estimates)
        if unnamed.any() and len(names):
            if boundary is None:
                hull = shapely.convex_hull(shapely.multipoints(points))
                boundary = shapely.buffer(hull, HULL_MARGIN_METRES)
            shapely.prepare(boundary)
            open_ = np.flatnonzero((area < 0) & np.isfinite(self.easting))
            x, y = self.easting[open_], self.northing[open_]
            west, south, east, north = shapely.bounds(boundary)
            near = (x >= west) & (x <= east) & (y >= south) & (y <= north)
            open_, x, y = open_[near], x[near], y[near]
            inside = shapely.contains_xy(boundary, x, y)
            open_, x, y = open_[inside], x[inside], y[inside]
            nearest: Keys = np.asarray(cKDTree(points).query(np.column_stack([x, y]))[1])
            free = unnamed[nearest]
            area[open_[free]] = nearest[free]
            if free.any():
                estimates.append(
                    f"{int(free.sum()):,} postcodes are given the nearest small area, because the "
                    f"postcode file does not name {int(unnamed.sum()):,} of the {len(names):,} "
                    "areas."
                )
        return replace(self, area=area, areas=names, estimates=tuple(estimates))


def read_postcodes(
    paths: Sequence[Path], problems: Problems, *, area_column: str = ""
) -> Postcodes:
    """Read postcode files.

    Args:
        paths: files, folders or archives; several are joined, a live postcode going before one
            that has ended, an earlier file before a later one.
        problems: takes what cannot be used.
        area_column: header of the column that names the small area; by default the LSOA of 2021,
            else of 2011.

    Returns:
        The postcodes; empty where nothing could be read.
    """
    parts: list[_Part] = []
    accounts: list[RowAccount] = []
    names: dict[str, int] = {}
    used_column = ""
    for path in paths:
        if path.suffix.lower() in (".gpkg", ".geojson"):
            source = Source(path)
            accounts.append(source.account)
            part = _layer_part(path, source.account, problems)
            parts += [] if part is None else [part]
            continue
        for source in csv_sources(path, _FILES, problems):
            accounts.append(source.account)
            rows = _begin(source, area_column, problems)
            if rows is None:
                continue
            if "area" in rows.found:
                used_column = rows.header[rows.found["area"]].strip()
            for chunk in rows.chunks():
                parts.append(_part(chunk, source.account, names))
    if not parts:
        blank = np.empty(0)
        none = np.empty(0, dtype=np.int64)
        return Postcodes(none, blank, blank, none, np.empty(0, dtype=object),
                         accounts=tuple(accounts))  # fmt: skip
    keys, easting, northing, area, ended = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("keys", "easting", "northing", "area", "ended")
    )
    whose = np.repeat([accounts.index(p.account) for p in parts], [len(p.keys) for p in parts])
    order = np.lexsort([np.arange(len(keys)), ended, keys])
    first = np.append(True, keys[order][1:] != keys[order][:-1]) if len(order) else order
    kept = order[first.astype(bool)]
    for number, account in enumerate(accounts):
        used = int((whose[kept] == number).sum())
        account.used += used
        account.merge("the same postcode again", int((whose == number).sum()) - used)
        account.close()
    return Postcodes(
        keys[kept], easting[kept], northing[kept], area[kept],
        np.array(list(names), dtype=object), used_column, (), tuple(accounts),
    )  # fmt: skip


@dataclass
class _Part:
    account: RowAccount
    keys: Keys
    easting: Floats
    northing: Floats
    area: Keys
    ended: NDArray[np.bool_]


def _begin(source: Source, area_column: str, problems: Problems) -> CsvRows | None:
    """Rows of one file below its header, or from the first on in Code-Point Open."""
    bare = CsvRows(source, _code_point, Problems())
    is_code_point = bare.begin(_WHAT, ["postcode"], headerless=True)
    bare.close()
    if is_code_point:
        again = CsvRows(source, _code_point, problems)
        return again if again.begin(_WHAT, ["postcode"], headerless=True) else None
    area = Wanted("area", (area_column,) if area_column else _SMALL_AREAS)
    rows = CsvRows(source, select([*_COLUMNS, area]), problems)
    if not rows.begin(_WHAT, ["postcode"]):
        return None
    points = {"easting", "northing"} <= set(rows.found) or {"latitude", "longitude"} <= set(
        rows.found
    )
    if area_column and "area" not in rows.found:
        remedy = "name a column of its header, such as lsoa21cd."
        problems.error("the column of small areas is not there.", remedy, file=source.label,
                       row=1, column=area_column)  # fmt: skip
        rows.close()
        return None
    if not points and "area" not in rows.found:
        remedy = f"give {_WHAT} with all its columns."
        problems.error("has neither grid references nor small areas.", remedy, file=source.label)
        rows.close()
        return None
    return rows


def _code_point(row: Sequence[str]) -> dict[str, int]:
    """Columns of Code-Point Open, known by a postcode and two numbers in its first row."""
    at = _CODE_POINT.get(len(row))
    if at is None or postcode_key(pd.Series(row[:1], dtype="str"))[0] < 0:
        return {}
    if not all(re.fullmatch(r"\s*\d{1,7}\s*", row[position]) for position in at):
        return {}
    return {"postcode": 0, "easting": at[0], "northing": at[1]}


def _part(chunk: pd.DataFrame, account: RowAccount, names: dict[str, int]) -> _Part:
    easting = _numbers(chunk, "easting")
    northing = _numbers(chunk, "northing")
    unplaced = np.isnan(easting) | np.isnan(northing)
    if unplaced.any() and "latitude" in chunk and "longitude" in chunk:
        to_grid = Transformer.from_crs(4326, NATIONAL_GRID, always_xy=True)
        longitude, latitude = _numbers(chunk, "longitude"), _numbers(chunk, "latitude")
        x, y = to_grid.transform(longitude[unplaced], latitude[unplaced])
        easting[unplaced], northing[unplaced] = x, y
    area = np.full(len(chunk), -1, dtype=np.int64)
    if "area" in chunk:
        codes, found = pd.factorize(chunk["area"])
        known = [names.setdefault(str(name), len(names)) if name else -1 for name in found]
        area = np.array([*known, -1], dtype=np.int64)[codes]
    ended = chunk["ended"].ne("").to_numpy() if "ended" in chunk else np.zeros(len(chunk), bool)
    return _sound(
        _Part(account, postcode_key(chunk["postcode"]), easting, northing, area, ended),
        chunk["postcode"].str.upper().str.startswith("BT").to_numpy(dtype=bool),
    )


def _numbers(chunk: pd.DataFrame, name: str) -> Floats:
    if name not in chunk:
        return np.full(len(chunk), np.nan)
    return pd.to_numeric(chunk[name], errors="coerce").to_numpy(dtype=float, copy=True)


def _sound(part: _Part, irish: NDArray[np.bool_]) -> _Part:
    """Leave out what is no place in Great Britain, with the reason."""
    low_x, low_y, high_x, high_y = GRID_EXTENT
    with np.errstate(invalid="ignore"):
        on_grid = (
            (part.easting > low_x) & (part.easting <= high_x)
            & (part.northing > low_y) & (part.northing <= high_y)
        )  # fmt: skip
    part.easting[~on_grid] = np.nan
    part.northing[~on_grid] = np.nan
    bad = part.keys < 0
    # Northern Ireland is given on the Irish Grid, whose numbers would fall on the Irish Sea here.
    irish = irish & ~bad
    nowhere = ~on_grid & (part.area < 0) & ~bad & ~irish
    part.account.exclude("not a postcode", int(bad.sum()))
    part.account.exclude("in Northern Ireland, on another grid", int(irish.sum()))
    part.account.exclude("no grid reference and no small area", int(nowhere.sum()))
    keep = ~(bad | irish | nowhere)
    return _Part(
        part.account, part.keys[keep], part.easting[keep], part.northing[keep], part.area[keep],
        part.ended[keep],
    )  # fmt: skip


def _layer_part(path: Path, account: RowAccount, problems: Problems) -> _Part | None:
    """Code-Point Open as a GeoPackage: a layer of points with a column ``postcode``."""
    if unusable(path, problems):
        return None
    try:
        layer = pyogrio.read_dataframe(path, columns=["postcode"])
        if "postcode" not in layer or layer.geometry is None:
            problems.error("has no column postcode.", f"give {_WHAT}.", file=path.name)
            return None
        points = layer.geometry if layer.crs is None else layer.geometry.to_crs(NATIONAL_GRID)
        point = shapely.centroid(points.to_numpy())
    except Exception as error:  # the drivers below raise many kinds; each means an unreadable file
        reason = " ".join(str(error).replace(str(path), path.name).split())
        remedy = "check that it opens elsewhere, or download it again."
        problems.error("cannot be read.", remedy, file=path.name, value=reason)
        return None
    account.read = len(layer)
    text = layer["postcode"].fillna("").astype("str")
    part = _Part(
        account, postcode_key(text), shapely.get_x(point), shapely.get_y(point),
        np.full(len(layer), -1, dtype=np.int64), np.zeros(len(layer), dtype=bool),
    )  # fmt: skip
    return _sound(part, text.str.upper().str.startswith("BT").to_numpy(dtype=bool))
