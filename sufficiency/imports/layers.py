"""Read shapes as publishers offer them: any coordinate system, one feature or a whole country."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from sufficiency.problems import Problems, near
from sufficiency.tables.reading import (
    NATIONAL_GRID,
    as_boundary,
    looks_like_degrees,
    read_boundary,
    unusable,
)

SHAPE_FILES: Final = (".gpkg", ".geojson", ".json", ".shp")
_DEGREES: Final = 4326


def read_layer(path: Path, problems: Problems) -> tuple[pd.DataFrame, NDArray[Any]] | None:
    """Read the cells and the shapes of a GeoPackage, GeoJSON or shapefile.

    Args:
        path: the file; of several layers the first with shapes is read.
        problems: takes the reason where it cannot be read, and a warning where the coordinate
            system had to be guessed.

    Returns:
        Cells (one row a feature) and shapes in metres, EPSG:27700; None after an error.
    """
    if unusable(path, problems):
        return None
    try:
        layers = pyogrio.list_layers(path)
        shaped = [str(name) for name, kind in layers if kind]
        if not shaped:
            problems.error("has no shapes.", "give a layer of points or polygons.", file=path.name)
            return None
        frame = pyogrio.read_dataframe(path, layer=shaped[0])
        if getattr(frame, "geometry", None) is None or frame.geometry.isna().all():
            problems.error("has no shapes.", "give a layer of points or polygons.", file=path.name)
            return None
        system, shapes = frame.crs, frame.geometry
        if len(shaped) > 1:
            remedy = "keep one layer in the file if another was meant."
            problems.warn(f"has several layers; {shaped[0]} is read.", remedy, file=path.name)
        west, south, east, north = shapes.total_bounds
        degrees = bool(looks_like_degrees(max(abs(west), abs(east)), max(abs(south), abs(north))))
        guessed = None
        if system is None:
            guessed = _DEGREES if degrees else NATIONAL_GRID
        elif system.is_geographic and not degrees:  # GeoJSON that says nothing counts as degrees
            guessed = NATIONAL_GRID
        if guessed is not None:
            words = "degrees (WGS84)" if guessed == _DEGREES else "metres (EPSG:27700)"
            message = f"does not say its coordinate system; its numbers are taken for {words}."
            problems.warn(message, "export it again with its coordinate system.", file=path.name)
            shapes = shapes.set_crs(guessed, allow_override=True)
        on_grid = shapes.to_crs(NATIONAL_GRID).to_numpy()
    except Exception as error:  # the drivers below raise many kinds; each means an unreadable file
        reason = " ".join(str(error).replace(str(path), path.name).split())
        remedy = "check that it opens elsewhere, or download it again."
        problems.error("cannot be read.", remedy, file=path.name, value=reason)
        return None
    return pd.DataFrame(frame.drop(columns=frame.geometry.name)), on_grid


def read_outline(path: Path, names: Sequence[str], problems: Problems) -> BaseGeometry | None:
    """Read an authority's outline from a file that may hold other authorities too.

    Args:
        path: GeoPackage, GeoJSON, shapefile, or a table with a column ``wkt`` (EPSG:27700).
        names: what the authority may be called in a cell of its feature: codes, name. Needed
            where the file has more than one feature.
        problems: takes what is wrong.

    Returns:
        One valid polygon in EPSG:27700 metres, or None after an error.
    """
    if path.suffix.lower() not in SHAPE_FILES:
        return read_boundary(path, problems)
    read = read_layer(path, problems)
    if read is None:
        return None
    cells, shapes = read
    if len(shapes) > 1:
        texts = cells.astype("str").apply(lambda column: column.str.strip().str.casefold())
        wanted = {name.strip().casefold() for name in names if name.strip()}
        mine = texts.isin(wanted).any(axis=1).to_numpy(dtype=bool)
        if not mine.any():
            known = sorted({str(v) for column in cells for v in cells[column] if _is_name(v)})
            hints = [near(name, known) for name in names if name]
            hint = next((h for h in hints if h != "."), ".")
            shown = " or ".join(name for name in names if name) or "no name was given"
            problems.error(
                f"none of its {len(shapes):,} features is the authority ({shown}){hint}",
                "name the authority with --authority, or keep only its feature in the file.",
                file=path.name,
            )
            return None
        shapes = shapes[mine]
    return as_boundary([s for s in shapes if s is not None], path.name, problems)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 2 < len(value) < 60


def distance_km(outline: BaseGeometry, easting: Any, northing: Any) -> NDArray[np.float64]:
    """Straight distance in km from points (metres) to an outline; 0 inside, NaN without a point."""
    x, y = np.asarray(easting, dtype=float), np.asarray(northing, dtype=float)
    result = np.full(len(x), np.nan)
    known = np.isfinite(x) & np.isfinite(y)
    shapely.prepare(outline)
    result[known] = shapely.distance(outline, shapely.points(x[known], y[known])) / 1000.0
    return result


def hull_of(easting: Any, northing: Any) -> tuple[BaseGeometry | None, NDArray[np.bool_]]:
    """The convex hull of points, and which of them lie too far from the others to count.

    A point counts as astray when it lies farther from the middle (the median) than five times
    the distance within which nine tenths of the points lie, and at least 20 km: one wrong
    coordinate would otherwise stretch the hull over half of the country.
    """
    x, y = np.asarray(easting, dtype=float), np.asarray(northing, dtype=float)
    known = np.isfinite(x) & np.isfinite(y)
    astray = np.zeros(len(x), dtype=bool)
    if not known.any():
        return None, astray
    away = np.hypot(x - np.median(x[known]), y - np.median(y[known]))
    limit = max(5.0 * float(np.quantile(away[known], 0.9)), 20_000.0)
    astray[known] = away[known] > limit
    held = known & ~astray
    hull: BaseGeometry = shapely.convex_hull(shapely.multipoints(np.column_stack([x, y])[held]))
    return hull, astray
