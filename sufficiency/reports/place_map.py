"""The map: areas by journey time, provision by kind, schemes by number; drawn without tiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
import shapely
from shapely.geometry import MultiPoint, Point
from shapely.geometry.base import BaseGeometry

from sufficiency.reports.charts import COLOURS, FONT, INK, NARROW, SHADES
from sufficiency.reports.facts import SPECIALIST, Run, as_float, group_of, records

BREAKS = (15.0, 30.0, 45.0)
"""Minutes at which the shade of an area changes; the last is the guide for primary age."""
FILLS = ("#ffffff", *SHADES)
NO_CHILDREN = "#d9d9d9"
SHAPES = {
    "Mainstream class": "circle",
    "Specialist base": "circle",
    "State special school": "square",
    "Independent or non-maintained": "triangle",
    "College, alternative, elsewhere": "diamond",
}
MARGIN = 0.06
"""Margin around the authority, as a share of its longer side; what lies beyond is listed."""


@dataclass
class MapData:
    """What the map shows, in EPSG:27700 metres.

    Attributes:
        land: the authority: its boundary, or the hull of its areas and 2 km.
        guessed: whether the boundary was missing.
        cells: geometry of each area's surroundings, minutes (median one-way minutes to specialist
            provision in the last year, NaN where there is no such child), locality.
        provisions: name, kind, group, easting, northing: those within the frame.
        far: names of provision that lies outside the frame.
        sites: name, easting, northing of candidate sites that no open scheme uses.
        schemes: number, scheme, name, kind, group, opens, places, easting, northing (NaN where a
            scheme has no place on the map).
    """

    land: BaseGeometry
    guessed: bool
    cells: pd.DataFrame
    provisions: pd.DataFrame
    far: list[str]
    sites: pd.DataFrame
    schemes: pd.DataFrame

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """Least and greatest easting and northing drawn."""
        return _around(self.land, MARGIN)


def _around(land: BaseGeometry, share: float) -> tuple[float, float, float, float]:
    west, south, east, north = land.bounds
    margin = share * max(east - west, north - south, 1000.0)
    return west - margin, south - margin, east + margin, north + margin


def collect(run: Run) -> MapData | None:
    """Gather the map from a run; None where the run has no areas."""
    areas = run.table("areas")
    if areas.empty:
        return None
    points = MultiPoint(areas[["easting", "northing"]].to_numpy(float))
    guessed = run.boundary is None
    land = run.boundary if run.boundary is not None else points.convex_hull.buffer(2000.0)
    assert land is not None
    provisions, far = _provisions(run, land)
    schemes = _schemes(run)
    used = set(schemes["site"])
    sites = run.table("candidate_sites")
    if sites.empty:
        sites = pd.DataFrame(columns=["site", "name", "easting", "northing"])
    return MapData(
        land=land,
        guessed=guessed,
        cells=_cells(areas, land, median_minutes(run)),
        provisions=provisions,
        far=far,
        sites=sites[~sites["site"].isin(used)].reset_index(drop=True),
        schemes=schemes,
    )


def median_minutes(run: Run) -> pd.Series:
    """Median one-way minutes to specialist provision in the last year by area, child-weighted."""
    placed = run.plan.placements
    here = placed[(placed["academic_year"] == run.last) & placed["kind"].isin(SPECIALIST)]
    journeys = run.plan.stays[["cohort", "provision", "minutes"]]
    journeys = journeys.drop_duplicates(["cohort", "provision"])
    merged = here.merge(journeys, on=["cohort", "provision"], how="left").dropna(subset=["minutes"])
    merged = merged.sort_values(["area", "minutes"])
    running = merged.groupby("area")["children"].cumsum()
    half = merged.groupby("area")["children"].transform("sum") / 2
    return merged[running >= half - 1e-12].groupby("area")["minutes"].first()


def _cells(areas: pd.DataFrame, land: BaseGeometry, minutes: pd.Series) -> pd.DataFrame:
    where = areas[["easting", "northing"]].drop_duplicates()
    points = [Point(x, y) for x, y in where.to_numpy(float)]
    if len(points) > 1:
        around = land.buffer(1000.0).envelope
        found = shapely.voronoi_polygons(MultiPoint(points), extend_to=around)
        tree = shapely.STRtree(list(found.geoms))
        shapes = []
        for point in points:
            inside = tree.query(point, predicate="intersects")
            shapes.append(found.geoms[int(inside[0])].intersection(land) if len(inside) else point)
    else:
        shapes = [land]
    by_point = dict(zip(where.itertuples(index=False, name=None), shapes, strict=True))
    rows = areas.assign(minutes=areas["area"].map(minutes))
    grouped = rows.groupby(["easting", "northing"], sort=True)
    return pd.DataFrame(
        [
            (by_point[key], as_float(part["minutes"].median()), str(part["locality"].iloc[0]), key)
            for key, part in grouped
        ],
        columns=["geometry", "minutes", "locality", "point"],
    )


def _provisions(run: Run, land: BaseGeometry) -> tuple[pd.DataFrame, list[str]]:
    table = run.table("provisions")
    columns = ["name", "kind", "group", "easting", "northing"]
    if table.empty:
        return pd.DataFrame(columns=columns), []
    known = table.dropna(subset=["easting", "northing"])
    known = known.assign(group=known["kind"].map(group_of))
    west, south, east, north = _around(land, MARGIN * 0.6)
    near = known["easting"].between(west, east) & known["northing"].between(south, north)
    return known.loc[near, columns].reset_index(drop=True), sorted(known.loc[~near, "name"])


def _schemes(run: Run) -> pd.DataFrame:
    opened = run.opened
    given = run.table("schemes")
    site_of = {}
    if len(given):
        site_of = {s: x for s, x in zip(given["scheme"], given["site"], strict=True) if x == x}
    where = [run.points.get(str(s), (math.nan, math.nan)) for s in opened["scheme"]]
    return pd.DataFrame(
        {
            "number": range(1, len(opened) + 1),
            "scheme": opened["scheme"],
            "site": [site_of.get(s, "") for s in opened["scheme"]],
            "name": opened["name"],
            "kind": opened["kind"],
            "group": opened["kind"].map(group_of),
            "opens": opened["opens"],
            "places": opened["places"],
            "easting": [x for x, _ in where],
            "northing": [y for _, y in where],
        }
    )


# ------------------------------------------------------------------ drawing


def draw(data: MapData, width: int) -> str:
    """Draw the map as SVG, ``width`` pixels wide, north at the top."""
    narrow = width < NARROW
    west, south, east, north = data.frame
    scale = min(width / (east - west), 900 / (north - south))
    wide, high = (east - west) * scale, (north - south) * scale
    size = 5.0 if narrow else 6.5

    def at(x: float, y: float) -> tuple[float, float]:
        return (x - west) * scale, (north - y) * scale

    def outline(shape: BaseGeometry) -> str:
        simple = shape.simplify(0.6 / scale)
        parts = []
        for polygon in getattr(simple, "geoms", [simple]):
            if polygon.geom_type != "Polygon":
                continue
            for ring in (polygon.exterior, *polygon.interiors):
                pairs = [at(x, y) for x, y in np.asarray(ring.coords)[:, :2]]
                parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in pairs) + "Z")
        return "".join(parts)

    out = [
        f'<svg viewBox="0 0 {wide:.0f} {high + 44:.0f}" font-family="{FONT}" '
        f'font-size="{11 if narrow else 12.5}" fill="{INK}">'
    ]
    for cell in records(data.cells):
        fill = NO_CHILDREN if math.isnan(cell.minutes) else FILLS[shade(cell.minutes)]
        out.append(
            f'<path d="{outline(cell.geometry)}" fill="{fill}" fill-rule="evenodd" '
            'stroke="#b1b4b6" stroke-width="0.6"/>'
        )
    out.append(f'<path d="{outline(data.land)}" fill="none" stroke="#3D3D3D" stroke-width="1.5"/>')
    taken: list[tuple[float, float, float, float]] = []
    for site in records(data.sites):
        x, y = at(site.easting, site.northing)
        out.append(
            f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8" stroke="#ffffff" '
            f'stroke-width="4.5"/><path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8" '
            f'stroke="#3D3D3D" stroke-width="1.8"><title>{escape(str(site.name))}</title></path>'
        )
        taken.append((x - 5, y - 5, x + 5, y + 5))
    for provision in records(data.provisions):
        x, y = at(provision.easting, provision.northing)
        small = 2.6 if provision.group == "Mainstream class" else size
        out.append(symbol(provision.group, x, y, small, title=str(provision.name)))
        if provision.group != "Mainstream class":
            taken.append((x - size, y - size, x + size, y + size))
    shown = data.schemes.dropna(subset=["easting", "northing"])
    spots: dict[tuple[float, float], list[int]] = {}
    for scheme in records(shown):
        x, y = at(scheme.easting, scheme.northing)
        spots.setdefault((round(x, 1), round(y, 1)), []).append(int(scheme.number))
        out.append(symbol(scheme.group, x, y, size * 1.35, stroke=INK, title=str(scheme.name)))
        taken.append((x - size - 3, y - size - 3, x + size + 3, y + size + 3))
    for (x, y), numbers in sorted(spots.items()):
        for number in numbers:
            out.append(_badge(number, x, y, 8.5 if narrow else 10, taken, wide, high))
    out += _locality_names(data, at, taken, wide, high, 11 if narrow else 13)
    out += _scale_bar(scale, wide, high)
    out.append("</svg>")
    return "".join(out)


def shade(minutes: float) -> int:
    """Position of the shade for a journey of so many minutes."""
    return sum(minutes > b for b in BREAKS)


def symbol(
    group: str, x: float, y: float, size: float, stroke: str = "#ffffff", title: str = ""
) -> str:
    """The mark of a group of kinds: its shape and its colour."""
    width = 2.2 if stroke != "#ffffff" else 1.4
    style = f'fill="{COLOURS[group]}" stroke="{stroke}" stroke-width="{width}"'
    words = f"<title>{escape(title)}</title>" if title else ""
    shape = SHAPES[group]
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" {style}>{words}</circle>'
    if shape == "square":
        return (
            f'<rect x="{x - size * 0.9:.1f}" y="{y - size * 0.9:.1f}" width="{size * 1.8:.1f}" '
            f'height="{size * 1.8:.1f}" {style}>{words}</rect>'
        )
    corners: Sequence[tuple[float, float]] = (
        ((0, -1.15), (1.05, 0.8), (-1.05, 0.8))
        if shape == "triangle"
        else ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0))
    )
    path = "L".join(f"{x + a * size:.1f} {y + b * size:.1f}" for a, b in corners)
    return f'<path d="M{path}Z" {style}>{words}</path>'


def _free(
    box_: tuple[float, float, float, float],
    taken: Sequence[tuple[float, float, float, float]],
    wide: float,
    high: float,
) -> float:
    """How much of a box is covered by others or lies outside: 0 is free."""
    a, b, c, d = box_
    covered = 0.0
    if a < 0 or b < 0 or c > wide or d > high:
        covered += 1e4
    for e, f, g, h in taken:
        covered += max(0.0, min(c, g) - max(a, e)) * max(0.0, min(d, h) - max(b, f))
    return covered


def _badge(
    number: int,
    x: float,
    y: float,
    radius: float,
    taken: list[tuple[float, float, float, float]],
    wide: float,
    high: float,
) -> str:
    """A number near its marker where it covers no other, joined to it by a line."""
    best: tuple[float, float, float] | None = None
    for ring in range(2, 9):
        for step in range(16):
            angle = math.pi / 8 * step - math.pi / 4
            cx = x + math.cos(angle) * radius * (0.6 + ring * 0.7)
            cy = y + math.sin(angle) * radius * (0.6 + ring * 0.7)
            spot = (cx - radius - 1, cy - radius - 1, cx + radius + 1, cy + radius + 1)
            cost = _free(spot, taken, wide, high) + ring * 0.5
            if best is None or cost < best[0]:
                best = (cost, cx, cy)
    assert best is not None
    _, cx, cy = best
    taken.append((cx - radius - 1, cy - radius - 1, cx + radius + 1, cy + radius + 1))
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{cx:.1f}" y2="{cy:.1f}" stroke="{INK}" '
        f'stroke-width="1.4"/><circle cx="{cx:.1f}" cy="{cy:.1f}" r="{radius}" fill="{INK}" '
        f'stroke="#ffffff" stroke-width="1.4"/><text x="{cx:.1f}" y="{cy + radius * 0.42:.1f}" '
        f'text-anchor="middle" fill="#ffffff" font-weight="bold" font-size="{radius * 1.2:.0f}">'
        f"{number}</text>"
    )


def _locality_names(
    data: MapData,
    at: object,
    taken: list[tuple[float, float, float, float]],
    wide: float,
    high: float,
    font: float,
) -> list[str]:
    """Names of localities near the middle of their areas, where they cover no marker."""
    assert callable(at)
    out = []
    for locality, part in data.cells.groupby("locality", sort=True):
        middle = np.mean(np.array(part["point"].tolist(), dtype=float), axis=0)
        x, y = at(as_float(middle[0]), as_float(middle[1]))
        half = len(str(locality)) * font * 0.29
        best: tuple[float, float, float] | None = None
        for dy in range(-10, 11):
            for dx in range(-6, 7):
                cx, cy = x + dx * 12, y + dy * 9
                spot = (cx - half - 2, cy - font, cx + half + 2, cy + 4)
                cost = _free(spot, taken, wide, high) + 0.15 * math.hypot(dx * 12, dy * 9)
                if best is None or cost < best[0]:
                    best = (cost, cx, cy)
        assert best is not None
        _, cx, cy = best
        taken.append((cx - half - 2, cy - font, cx + half + 2, cy + 4))
        out.append(
            f'<text x="{cx:.1f}" y="{cy:.1f}" text-anchor="middle" font-size="{font}" '
            'font-weight="bold" stroke="#ffffff" stroke-width="3.5" stroke-linejoin="round" '
            f'paint-order="stroke" fill="{INK}">{escape(str(locality))}</text>'
        )
    return out


def _scale_bar(scale: float, wide: float, high: float) -> list[str]:
    """A bar of a round number of kilometres, and an arrow to the north, below the map."""
    km = max(k for k in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if k * 1000 * scale < wide * 0.3)
    length = km * 1000 * scale
    y = high + 16
    x = wide - 22
    return [
        f'<path d="M8 {y:.0f}v8h{length:.1f}v-8" fill="none" stroke="{INK}" stroke-width="1.8"/>',
        f'<text x="8" y="{y + 23:.0f}">0</text>',
        f'<text x="{8 + length:.1f}" y="{y + 23:.0f}" text-anchor="middle">{km:g} km</text>',
        f'<path d="M{x:.0f} {y - 8:.0f}l7 18l-7 -5l-7 5z" fill="{INK}"/>',
        f'<text x="{x:.0f}" y="{y + 23:.0f}" text-anchor="middle" font-weight="bold">N</text>',
    ]


def swatch(fill: str) -> str:
    """A coloured box for the map's key."""
    return (
        '<svg viewBox="0 0 22 14" width="22" height="14" aria-hidden="true">'
        f'<rect x="0.5" y="0.5" width="21" height="13" fill="{fill}" stroke="#3D3D3D"/></svg>'
    )


def mark_swatch(drawn: str) -> str:
    """A marker, drawn around (11, 11), for the map's key."""
    return f'<svg viewBox="0 0 22 22" width="22" height="22" aria-hidden="true">{drawn}</svg>'


def dashed_swatch() -> str:
    """A dashed box for the schedule's key."""
    return (
        '<svg viewBox="0 0 22 14" width="22" height="14" aria-hidden="true">'
        '<rect x="1" y="1" width="20" height="12" fill="#f3f2f1" stroke="#3D3D3D" '
        'stroke-dasharray="3 2"/></svg>'
    )


def badge_swatch() -> str:
    """The number of a scheme, for the map's key."""
    return (
        f'<circle cx="11" cy="11" r="9" fill="{INK}"/><text x="11" y="15" text-anchor="middle" '
        'fill="#ffffff" font-weight="bold" font-size="11">1</text>'
    )


def site_swatch() -> str:
    """The cross of a candidate site, for the map's key."""
    return '<path d="M7 7l8 8m0 -8l-8 8" stroke="#3D3D3D" stroke-width="1.8"/>'
