"""The land of a fictional authority, its people, and the roads between them.

Points are rounded to metres before they are used, and no grid shift enters the boundary's
degrees, so that every computer draws the same land.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer
from shapely import Point as ShapelyPoint
from shapely import Polygon

from sufficiency.examples.authorities import Point, Size

Floats = NDArray[np.float64]

BANDS: Final = {
    "children_0_4": (0, 4),
    "children_5_11": (5, 11),
    "children_12_17": (12, 17),
    "children_18_24": (18, 24),
}
"""Lowest and highest age of each band of people."""


def _spread(rng: np.random.Generator) -> float:
    """A bell-shaped number: mean 0, standard deviation 1, never beyond 3.5."""
    return float((rng.random(4).sum() - 2.0) * np.sqrt(3.0))


def whole_numbers(shares: Floats, total: int) -> NDArray[np.int64]:
    """Whole numbers proportional to the shares that add up to the total."""
    exact = shares / shares.sum() * total
    counts: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: total - int(counts.sum())]] += 1
    return counts


# ------------------------------------------------------------------ the outline


def draw_land(example: Size, rng: np.random.Generator) -> Polygon:
    """The authority's outline: a rough rectangle with one ragged coast and an estuary, metres."""
    width, height = example.extent
    corners: list[Point] = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    scale = min(width, height)
    outline: list[Point] = []
    for index, side in enumerate(("south", "east", "north", "west")):
        start, end = corners[index], corners[(index + 1) % 4]
        length = abs(end[0] - start[0]) + abs(end[1] - start[1])
        along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
        inward = (-along[1], along[0])
        coast = side == example.coast
        step = scale / (40 if coast else 18)
        at, bay, points = scale * 0.1, 0.0, []
        while at < length - scale * 0.1:
            bay = 0.8 * bay + (rng.random() - 0.5) * scale * 0.055
            off = bay + (rng.random() - 0.5) * scale * 0.025
            # Corners are worn away.
            worn = max(0.0, 1 - min(at, length - at) / (scale * 0.3))
            off += scale * 0.11 * worn * worn
            points.append(
                (
                    start[0] + along[0] * at + inward[0] * off,
                    start[1] + along[1] * at + inward[1] * off,
                )
            )
            at += step * (0.6 + 0.8 * rng.random())
        outline += _with_estuary(points, example.estuary, scale * 0.045, rng) if coast else points
    # Chaikin's corner cutting: two points at a quarter and three quarters of every edge.
    outline = [
        (a[0] * (1 - part) + b[0] * part, a[1] * (1 - part) + b[1] * part)
        for a, b in pairwise([*outline, outline[0]])
        for part in (0.25, 0.75)
    ]
    east, north = example.origin
    return Polygon(
        [(float(round(east + x * 1000)), float(round(north + y * 1000))) for x, y in outline]
    )


def _with_estuary(
    coast: list[Point],
    estuary: tuple[Point, Point],
    half_width: float,
    rng: np.random.Generator,
) -> list[Point]:
    """The coast with the points near the mouth replaced by two banks that meet at the head."""
    mouth, head = estuary
    near = [(x - mouth[0]) ** 2 + (y - mouth[1]) ** 2 < (1.5 * half_width) ** 2 for x, y in coast]
    before, after = near.index(True), len(near) - near[::-1].index(True)
    first, last = coast[max(before - 1, 0)], coast[min(after, len(coast) - 1)]
    along = (last[0] - first[0], last[1] - first[1])
    length = float(np.sqrt(along[0] ** 2 + along[1] ** 2))
    parts = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85]
    bends = [(rng.random() - 0.5) * half_width for _ in parts]

    def bank(side: float) -> list[Point]:
        points = []
        for part, bend in zip(parts, bends, strict=True):
            width = half_width * (1 - part) * (0.75 + 0.5 * rng.random()) + half_width * 0.08
            offset = (bend * part + side * width) / length
            points.append(
                (
                    mouth[0] * (1 - part) + head[0] * part + along[0] * offset,
                    mouth[1] * (1 - part) + head[1] * part + along[1] * offset,
                )
            )
        return points

    return coast[:before] + bank(-1.0) + [head] + bank(1.0)[::-1] + coast[after:]


def _on_land(land: Polygon, east: float, north: float, margin: float) -> bool:
    point = ShapelyPoint(east, north)
    return bool(land.contains(point)) and float(land.exterior.distance(point)) > margin


def draw_near(
    land: Polygon, example: Size, at: Point, spread_km: float, rng: np.random.Generator
) -> tuple[int, int]:
    """A point on land, bell-shaped around a place, metres."""
    for attempt in range(400):
        reach = spread_km * (1 + attempt / 100)
        east = round(example.origin[0] + (at[0] + _spread(rng) * reach) * 1000)
        north = round(example.origin[1] + (at[1] + _spread(rng) * reach) * 1000)
        if _on_land(land, east, north, 300):
            return east, north
    raise AssertionError(f"{at} is not on the land of {example.authority}")


def draw_areas(example: Size, land: Polygon, rng: np.random.Generator) -> pd.DataFrame:
    """Small areas with people under 25 by band; ``townness`` (0 to 1) is how built-up it is."""
    width, height = example.extent
    (moor_x, moor_y), (moor_w, moor_h) = example.moor
    points: list[tuple[int, int]] = []
    rows: list[dict[str, object]] = []
    lean: list[float] = []

    def apart(east: int, north: int, least: float) -> bool:
        return all((east - e) ** 2 + (north - n) ** 2 >= least**2 for e, n in points)

    wards = ("Central", "Abbey", "Castle", "Northside", "Quay", "Priory", "Southfields",
             "Westgate", "Mill", "Park", "Station", "Orchard", "Highfield", "Riverside",
             "Kingsway", "Eastfields")  # fmt: skip
    for town in example.towns:
        for number in range(town.areas):
            for attempt in range(1000):
                east, north = draw_near(land, example, town.at, town.spread_km, rng)
                if apart(east, north, 320 - attempt * 0.3):
                    break
            points.append((east, north))
            off_x = (east - example.origin[0]) / 1000 - town.at[0]
            off_y = (north - example.origin[1]) / 1000 - town.at[1]
            central = 1 / (1 + (off_x**2 + off_y**2) / town.spread_km**2)
            lean.append(0.9 * town.deprived + 0.9 * central + 0.35 * _spread(rng))
            ward = wards[number % len(wards)]
            again = f" {number // len(wards) + 1}" if number >= len(wards) else ""
            rows.append({"name": f"{town.name} {ward}{again}", "locality": town.name})
    villages = dict.fromkeys((town.name for town in example.towns), 0)
    while len(rows) < example.areas:
        x, y = rng.random() * width, rng.random() * height
        east, north = round(example.origin[0] + x * 1000), round(example.origin[1] + y * 1000)
        on_moor = ((x - moor_x) / moor_w) ** 2 + ((y - moor_y) / moor_h) ** 2 < 1
        gaps = [(x - t.at[0]) ** 2 + (y - t.at[1]) ** 2 for t in example.towns]
        town = example.towns[gaps.index(min(gaps))]
        in_town = min(gaps) < (2.2 * town.spread_km) ** 2
        if on_moor or in_town or not _on_land(land, east, north, 700):
            continue
        if not apart(east, north, 1500):
            continue
        points.append((east, north))
        lean.append(0.35 + 0.35 * _spread(rng))
        villages[town.name] += 1
        rows.append({"name": f"{town.name} villages {villages[town.name]}", "locality": town.name})
    frame = pd.DataFrame(rows)
    frame.insert(0, "area", [f"{example.code}{i + 1:03d}" for i in range(len(frame))])
    frame["easting"] = [p[0] for p in points]
    frame["northing"] = [p[1] for p in points]
    rank = np.argsort(np.argsort(-np.array(lean), kind="stable"), kind="stable")
    frame["deprivation_decile"] = rank * 10 // len(frame) + 1
    people = np.array(
        [1 + 0.16 * _spread(rng) + 0.03 * (5.5 - d) for d in frame["deprivation_decile"]]
    )
    totals = whole_numbers(people, example.under_25_per_area * len(frame))
    shares = {"children_0_4": 0.19, "children_5_11": 0.295, "children_12_17": 0.245}
    left = totals.copy()
    for band, share in shares.items():
        wobble = np.array([1 + 0.06 * _spread(rng) for _ in range(len(frame))])
        frame[band] = np.floor(totals * share * wobble + 0.5).astype(np.int64)
        left -= frame[band].to_numpy()
    frame["children_18_24"] = left
    frame["townness"] = _townness(np.array(points, dtype=np.float64), frame)
    columns = ["area", "name", "locality", "easting", "northing", *BANDS]
    return frame[[*columns, "deprivation_decile", "townness"]]


def _townness(points: Floats, areas: pd.DataFrame) -> Floats:
    """How built-up the land about each point is: areas within 2 km over 12, at most 1."""
    centres = areas[["easting", "northing"]].to_numpy(dtype=np.float64)
    square = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    near: Floats = (square <= 2000.0**2).sum(axis=1) / 12
    return np.minimum(near, 1.0)


# ------------------------------------------------------------------ roads


def draw_journeys(
    example: Size, areas: pd.DataFrame, destinations: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """One-way car journeys from every area to every destination: minutes and km.

    A road is 1.2 to 1.5 times the straight line, and goes round what it cannot cross. Built-up
    kilometres are driven at 22 km/h with picking up, the others at 47 km/h, and every journey
    has 4 more minutes. No pair is left out: an estimate of a long one would be too short.
    """
    names = destinations["destination"].to_numpy()
    ends = destinations[["easting", "northing"]].to_numpy(dtype=np.float64)
    starts = areas[["easting", "northing"]].to_numpy(dtype=np.float64)
    origin = np.array(example.origin, dtype=np.float64)
    a = ((starts - origin) / 1000)[:, None, :]
    b = ((ends - origin) / 1000)[None, :, :]
    straight = _distance(a, b)
    for barrier in example.barriers:
        start, end = (np.array(point) for point in barrier.ends)
        crossed = (_side(start, end, a) * _side(start, end, b) < 0) & (
            _side(a, b, start) * _side(a, b, end) < 0
        )
        round_about = np.min(
            [_distance(a, np.array(gate)) + _distance(np.array(gate), b) for gate in barrier.gates],
            axis=0,
        )
        straight = np.where(crossed, np.maximum(straight, round_about), straight)
    winding = 1.2 + 0.15 * (rng.random(len(starts))[:, None] + rng.random(len(ends))[None, :])
    km = np.maximum(straight * winding, 0.3)
    built = areas["townness"].to_numpy()[:, None] + _townness(ends, areas)[None, :]
    town_km = np.minimum(km, 3.5 * built)
    minutes = np.floor(4 + town_km * 60 / 22 + (km - town_km) * 60 / 47 + 0.5).astype(np.int64)
    return pd.DataFrame(
        {
            "area": np.repeat(areas["area"].to_numpy(), len(names)),
            "destination": np.tile(names, len(areas)),
            "minutes": minutes.ravel(),
            "km": np.floor(km.ravel() * 10 + 0.5) / 10,
        }
    )


def _distance(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.sqrt(((a - b) ** 2).sum(axis=-1)), dtype=np.float64)


def _side(a: Floats, b: Floats, c: Floats) -> Floats:
    """Positive where c lies left of the line from a to b."""
    return np.asarray(
        (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1])
        - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0]),
        dtype=np.float64,
    )


# ------------------------------------------------------------------ the boundary file


def write_boundary(example: Size, land: Polygon, path: Path) -> None:
    """The outline in WGS84 with six decimals, by the seven-parameter shift for Great Britain."""
    to_degrees = Transformer.from_pipeline(
        "+proj=pipeline +step +inv +proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 "
        "+y_0=-100000 +ellps=airy +step +proj=cart +ellps=airy +step +proj=helmert +x=446.448 "
        "+y=-125.157 +z=542.06 +rx=0.15 +ry=0.247 +rz=0.842 +s=-20.489 "
        "+convention=position_vector +step +inv +proj=cart +ellps=WGS84 +step "
        "+proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    ring = [
        [round(value, 6) for value in to_degrees.transform(east, north)]
        for east, north in land.exterior.coords
    ]
    feature = {
        "type": "Feature",
        "properties": {"name": f"{example.authority} (fictional)"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    collection = {"type": "FeatureCollection", "features": [feature]}
    path.write_bytes((json.dumps(collection, separators=(",", ":")) + "\n").encode())
