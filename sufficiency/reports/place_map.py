"""The map: areas by journey or by missing places, provision by kind and places, schemes by number.

Drawn without tiles. Every mark says what it is when it is pointed at or reached by keyboard, by
style alone: the page holds no script.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPoint, Point
from shapely.geometry.base import BaseGeometry

from sufficiency.reports import formatting as fmt
from sufficiency.reports import layouts
from sufficiency.reports.charts import COLOURS, FONT, INK, NARROW, SHADES
from sufficiency.reports.facts import SPECIALIST, UNMET, Run, as_float, group_of, records
from sufficiency.vocabulary import KINDS, academic_year_label

Floats = NDArray[np.float64]

BREAKS = (15.0, 30.0, 45.0)
"""Minutes at which the shade of an area changes; the last is the guide for primary age."""
MISSING_BREAKS = (0.5, 2.0, 5.0)
"""Children without a local state place at which the shade of an area changes."""
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

NAME_REACH = 4.5
"""How far from the middle of its areas a locality's name may stand, in heights of a letter."""
NAME_COVERS = 0.15
"""Share of a locality's name that may cover markers; with more, the name is left out."""


@dataclass
class MapData:
    """What the map shows, in EPSG:27700 metres.

    Attributes:
        land: the authority: its boundary, or the hull of its areas and 2 km.
        guessed: whether the boundary was missing.
        cells: geometry of each area's surroundings, name, minutes (median one-way minutes to
            specialist provision in the last year, NaN where there is no such child), locality, and
            of the last year children, needing (more than a mainstream class), missing (of these,
            without a local state place), unmet.
        provisions: name, kind, group, easting, northing, places (in the last year; children where
            there is no limit), words: those within the frame.
        far: names of provision that lies outside the frame.
        sites: name, easting, northing of candidate sites that no open scheme uses.
        schemes: number or letter, scheme, name, kind, group, opens, places, easting, northing (NaN
            where a scheme has no place on the map).
        marks: what is drawn above the areas, by width, once it was drawn.
        reach: points (easting, northing) that the frame holds though they lie outside the land.
    """

    land: BaseGeometry
    guessed: bool
    cells: pd.DataFrame
    provisions: pd.DataFrame
    far: list[str]
    sites: pd.DataFrame
    schemes: pd.DataFrame
    marks: dict[int, str] = field(default_factory=dict, repr=False)
    reach: tuple[tuple[float, float], ...] = ()

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """Least and greatest easting and northing drawn."""
        if not self.reach:
            return _around(self.land, MARGIN)
        return _around(shapely.union(self.land, MultiPoint(self.reach)), MARGIN)


def _around(land: BaseGeometry, share: float) -> tuple[float, float, float, float]:
    west, south, east, north = land.bounds
    margin = share * max(east - west, north - south, 1000.0)
    return west - margin, south - margin, east + margin, north + margin


def collect(run: Run) -> MapData | None:
    """Gather the map from a run; None where the run has no areas."""
    areas = run.table("areas")
    if areas.empty:
        return None
    guessed = run.boundary is None
    land = land_of(run, areas)
    provisions, far = _provisions(run, land)
    schemes = _schemes(run)
    used = set(schemes["site"])
    sites = run.table("candidate_sites")
    if sites.empty:
        sites = pd.DataFrame(columns=["site", "name", "easting", "northing"])
    return MapData(
        land=land,
        guessed=guessed,
        cells=_cells(areas, land, median_minutes(run), area_counts(run)),
        provisions=provisions,
        far=far,
        sites=sites[~sites["site"].isin(used)].reset_index(drop=True),
        schemes=schemes,
    )


def land_of(run: Run, areas: pd.DataFrame) -> BaseGeometry:
    """The authority; where its boundary is not known, what lies around the centres of its areas."""
    if run.boundary is not None:
        return run.boundary
    return MultiPoint(areas[["easting", "northing"]].to_numpy(float)).convex_hull.buffer(2000.0)


def of_layers(
    land: BaseGeometry, areas: pd.DataFrame, provisions: pd.DataFrame, schemes: pd.DataFrame
) -> MapData:
    """A map from the layers of a study.

    Args:
        land: the authority.
        areas: geometry, area, name, locality, and what colours and words are made from.
        provisions: geometry (points), name, kind, places (NaN: no limit), words; maybe empty.
        schemes: number, scheme, name, kind, opens, places, easting, northing.
    """
    cells = areas.assign(
        point=pd.Series([(g.centroid.x, g.centroid.y) for g in areas.geometry], areas.index),
        name=areas["name"].fillna(areas["area"]),
    )
    points = provisions.geometry
    shown = pd.DataFrame(
        {
            "name": provisions["name"].to_numpy(),
            "kind": provisions["kind"].to_numpy(),
            "group": [group_of(str(k)) for k in provisions["kind"]],
            "easting": points.x.to_numpy(),
            "northing": points.y.to_numpy(),
            "places": provisions["places"].fillna(0.0).to_numpy(float),
            "words": provisions["words"].to_numpy(),
        }
    )
    reach = tuple(zip(schemes["easting"], schemes["northing"], strict=True))
    west, south, east, north = _around(
        shapely.union(land, MultiPoint(reach)) if reach else land, MARGIN * 0.6
    )
    near = shown["easting"].between(west, east) & shown["northing"].between(south, north)
    return MapData(
        land=land,
        guessed=False,
        cells=pd.DataFrame(cells),
        provisions=shown[near].reset_index(drop=True),
        far=sorted(str(n) for n in shown.loc[~near, "name"]),
        sites=pd.DataFrame(columns=["site", "name", "easting", "northing"]),
        schemes=schemes.assign(group=[group_of(str(k)) for k in schemes["kind"]]),
        reach=reach,
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


def area_counts(run: Run) -> pd.DataFrame:
    """Expected children of the last year by area: children, needing, missing, unmet.

    As in tables/gaps.csv: needing are those above tier 1, missing those of them who are not in a
    local state place.
    """
    people = layouts.everyone(run.plan)
    people = people[people["academic_year"] == run.last]
    needing = people["tier"] >= 2
    local = layouts.in_local_place(people)
    by = people["area"].astype(str)
    return pd.DataFrame(
        {
            name: people["children"].where(keep, 0.0).groupby(by).sum()
            for name, keep in (
                ("children", needing | True),
                ("needing", needing),
                ("missing", needing & ~local),
                ("unmet", people["kind"] == UNMET),
            )
        }
    )


def surroundings(areas: pd.DataFrame, land: BaseGeometry) -> dict[Any, Any]:
    """The part of the land that is nearest to each centre of an area, by easting and northing."""
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
    return dict(zip(where.itertuples(index=False, name=None), shapes, strict=True))


def _cells(
    areas: pd.DataFrame, land: BaseGeometry, minutes: pd.Series, counts: pd.DataFrame
) -> pd.DataFrame:
    by_point = surroundings(areas, land)
    rows = areas.assign(minutes=areas["area"].map(minutes))
    if "name" not in rows:
        rows["name"] = rows["area"]
    rows["name"] = rows["name"].fillna(rows["area"])
    for column in COUNTS:
        rows[column] = rows["area"].astype(str).map(counts[column]).fillna(0.0)
    rows["name"] = rows["name"].astype(str)
    # Areas whose centre is the same point are one cell.
    grouped = rows.groupby(["easting", "northing"], sort=True)
    cells = grouped[list(COUNTS)].sum()
    cells["minutes"] = grouped["minutes"].median()
    cells["locality"] = grouped["locality"].first()
    cells["name"] = grouped["name"].agg(" and ".join)
    cells["locality"] = cells["locality"].astype(str)
    cells["point"] = list(cells.index)
    cells["geometry"] = [by_point[key] for key in cells.index]
    columns = ["geometry", "minutes", "locality", "point", "name", *COUNTS]
    return cells[columns].reset_index(drop=True)


COUNTS = ("children", "needing", "missing", "unmet")


def _provisions(run: Run, land: BaseGeometry) -> tuple[pd.DataFrame, list[str]]:
    table = run.table("provisions")
    columns = ["name", "kind", "group", "easting", "northing", "places", "words"]
    if table.empty:
        return pd.DataFrame(columns=columns), []
    known = table.dropna(subset=["easting", "northing"])
    used = run.plan.occupancy[run.plan.occupancy["academic_year"] == run.last]
    used = used.set_index("provision")
    given = (used["commissioned_places"] + used["scheme_places"]).to_dict()
    roll = (used["children"] + used["other_authority_children"]).to_dict()
    words, places = [], []
    for name, kind in zip(known["provision"], known["kind"], strict=True):
        limit, children = given.get(name, math.nan), as_float(roll.get(name, 0.0))
        there = limit if limit == limit else children
        places.append(as_float(there))
        words.append(
            f"{KINDS.get(str(kind), str(kind))}: {fmt.count(children)} children"
            + (f" / {fmt.count(limit)} places" if limit == limit else ", no number of places")
        )
    known = known.assign(group=known["kind"].map(group_of), places=places, words=words)
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


def draw(data: MapData, width: int, shaded: str = "minutes") -> str:
    """Draw the map as SVG, ``width`` pixels wide, north at the top.

    Args:
        data: what to draw.
        width: in pixels.
        shaded: what shades the areas: "minutes" or "missing".
    """

    def fill(cell: Any) -> str:
        if shaded == "missing":
            return NO_CHILDREN if cell.needing < 1e-9 else FILLS[shade(cell.missing, shaded)]
        return NO_CHILDREN if math.isnan(cell.minutes) else FILLS[shade(cell.minutes)]

    return draw_cells(data, width, fill, area_words)


def draw_cells(
    data: MapData, width: int, fill: Callable[[Any], str], words: Callable[[Any], str]
) -> str:
    """Draw a map whose cells have the colour and say the words that are asked for.

    Args:
        data: what to draw.
        width: in pixels.
        fill: colour of a row of ``data.cells``.
        words: what such a row says when it is pointed at.
    """
    narrow = width < NARROW
    west, south, east, north = data.frame
    scale = min(width / (east - west), 900 / (north - south))
    wide, high = (east - west) * scale, (north - south) * scale

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
    out.append('<g fill-rule="evenodd" stroke="#b1b4b6" stroke-width="0.6">')
    for cell in records(data.cells):
        # A telephone has no pointer that could rest on an area.
        said = "" if narrow else f"<title>{escape(words(cell))}</title>"
        out.append(f'<path d="{outline(cell.geometry)}" fill="{fill(cell)}">{said}</path>')
    out.append("</g>")
    out.append(f'<path d="{outline(data.land)}" fill="none" stroke="#3D3D3D" stroke-width="1.5"/>')
    if width not in data.marks:
        data.marks[width] = _marks(data, at, wide, high, scale, narrow)
    return "".join([*out, data.marks[width], "</svg>"])


def _marks(
    data: MapData,
    at: Callable[[float, float], tuple[float, float]],
    wide: float,
    high: float,
    scale: float,
    narrow: bool,
) -> str:
    """Sites, provisions, schemes, their numbers, names of localities: the same on every map."""
    out: list[str] = []
    to_reach: list[str] = []
    taken = _Taken(wide, high)
    for site in records(data.sites):
        x, y = at(site.easting, site.northing)
        out.append(
            f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8" stroke="#ffffff" '
            f'stroke-width="4.5"/><path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8" '
            f'stroke="#3D3D3D" stroke-width="1.8"><title>{escape(str(site.name))}</title></path>'
        )
        taken.add((x - 5, y - 5, x + 5, y + 5))
    for provision in records(data.provisions):
        x, y = at(provision.easting, provision.northing)
        small = radius(provision.places, narrow)
        out.append(symbol(provision.group, x, y, small))
        taken.add((x - small, y - small, x + small, y + small))
        to_reach.append(
            _spot(x, y, small, [str(provision.name), str(provision.words)], wide, high, narrow)
        )
    shown = data.schemes.dropna(subset=["easting", "northing"])
    spots: dict[tuple[float, float], list[Any]] = {}
    for scheme in records(shown):
        x, y = at(scheme.easting, scheme.northing)
        spots.setdefault((round(x, 1), round(y, 1)), []).append(scheme.number)
        large = radius(scheme.places, narrow) + 1.5
        out.append(symbol(scheme.group, x, y, large, stroke=INK))
        taken.add((x - large - 2, y - large - 2, x + large + 2, y + large + 2))
        kind = KINDS.get(str(scheme.kind), str(scheme.kind))
        lines = [f"{scheme.number}. {scheme.name}",
                 f"{kind}: {fmt.places(as_float(scheme.places))} from "
                 f"{academic_year_label(int(scheme.opens))}"]  # fmt: skip
        to_reach.append(_spot(x, y, large, lines, wide, high, narrow))
    for (x, y), numbers in sorted(spots.items()):
        for number in numbers:
            out.append(_badge(number, x, y, 8.5 if narrow else 10, taken))
    out += _locality_names(data, at, taken, 11 if narrow else 13)
    out += _scale_bar(scale, wide, high)
    return "".join([*out, *to_reach])


def shade(value: float, shaded: str = "minutes") -> int:
    """Position of the shade for so many minutes, or for so many children without a local place."""
    if shaded == "missing":
        return sum(value >= b for b in MISSING_BREAKS)
    return sum(value > b for b in BREAKS)


def area_words(cell: Any) -> str:
    """What an area says when it is pointed at."""
    minutes = "not applicable" if math.isnan(cell.minutes) else f"{cell.minutes:.0f} minutes"
    return (
        f"{cell.name}, {cell.locality}: {fmt.count(cell.children)} children with a plan; "
        f"no local state place: {fmt.count(cell.missing)} of {fmt.count(cell.needing)}; "
        f"no suitable place: {fmt.count(cell.unmet)}; median journey: {minutes}"
    )


def radius(places: float, narrow: bool) -> float:
    """Half the width of a mark whose surface stands for so many places."""
    if not places > 0:
        return 2.2 if narrow else 2.6
    return max(3.2, min(math.sqrt(places) * (0.62 if narrow else 0.9), 9.0 if narrow else 14.0))


def _spot(
    x: float, y: float, size: float, lines: Sequence[str], wide: float, high: float, narrow: bool
) -> str:
    """An invisible mark that shows its words when it is pointed at, tapped or reached by Tab."""
    font = 10.5 if narrow else 12.5
    most = int((wide - 22) / (font * 0.56))
    lines = [t if len(t) <= most else t[: most - 1] + "…" for t in lines]
    across = min(max(len(t) for t in lines) * font * 0.56 + 14, wide - 4)
    tall = len(lines) * (font + 4) + 8
    left = min(max(x - across / 2, 2.0), wide - across - 2)
    top = y - size - tall - 6 if y - size - tall - 6 > 0 else y + size + 6
    words = "".join(
        f'<text x="{left + 7:.0f}" y="{top + (i + 1) * (font + 4) - 1:.0f}" '
        f'font-weight="{"normal" if i else "bold"}">{escape(t)}</text>'
        for i, t in enumerate(lines)
    )
    hit = max(size, 6.0)
    spoken = escape("; ".join(lines))
    return (
        f'<g class="spot" tabindex="0" role="img" aria-label="{spoken}">'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{hit + 3:.1f}" class="ring"/>'
        f'<g class="tip" font-size="{font}"><rect x="{left:.0f}" y="{top:.0f}" '
        f'width="{across:.0f}" height="{tall:.0f}"/>{words}</g></g>'
    )


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


class _Taken:
    """Boxes that are drawn already, in pixels: left, top, right, bottom."""

    def __init__(self, wide: float, high: float) -> None:
        self.wide, self.high = wide, high
        self.boxes = np.zeros((0, 4))

    def add(self, *boxes: tuple[float, float, float, float]) -> None:
        """Mark boxes as drawn on."""
        self.boxes = np.vstack([self.boxes, np.array(boxes, dtype=float)])

    def covered(self, asked: Floats) -> Floats:
        """How much of each box (rows) is covered by others or lies outside: 0 is free."""
        a, b, c, d = (asked[:, i, None] for i in range(4))
        e, f, g, h = (self.boxes[None, :, i] for i in range(4))
        across = np.clip(np.minimum(c, g) - np.maximum(a, e), 0.0, None)
        down = np.clip(np.minimum(d, h) - np.maximum(b, f), 0.0, None)
        outside = ((a < 0) | (b < 0) | (c > self.wide) | (d > self.high)).ravel()
        return np.asarray((across * down).sum(axis=1) + 1e4 * outside, dtype=float)


def _badge(
    number: Any,
    x: float,
    y: float,
    radius: float,
    taken: _Taken,
) -> str:
    """A number or letter near its marker where it covers no other, joined to it by a line."""
    ring, step = (v.ravel() for v in np.meshgrid(np.arange(2, 9), np.arange(16), indexing="ij"))
    angle = math.pi / 8 * step - math.pi / 4
    cxs = x + np.cos(angle) * radius * (0.6 + ring * 0.7)
    cys = y + np.sin(angle) * radius * (0.6 + ring * 0.7)
    half = radius + 1
    boxes = np.column_stack([cxs - half, cys - half, cxs + half, cys + half])
    at = int(np.argmin(taken.covered(boxes) + ring * 0.5))
    cx, cy = float(cxs[at]), float(cys[at])
    taken.add((cx - half, cy - half, cx + half, cy + half))
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{cx:.1f}" y2="{cy:.1f}" stroke="{INK}" '
        f'stroke-width="1.4"/><circle cx="{cx:.1f}" cy="{cy:.1f}" r="{radius}" fill="{INK}" '
        f'stroke="#ffffff" stroke-width="1.4"/><text x="{cx:.1f}" y="{cy + radius * 0.42:.1f}" '
        f'text-anchor="middle" fill="#ffffff" font-weight="bold" font-size="{radius * 1.2:.0f}">'
        f"{number}</text>"
    )


def _locality_names(
    data: MapData,
    at: Callable[[float, float], tuple[float, float]],
    taken: _Taken,
    font: float,
) -> list[str]:
    """Names of localities near the middle of their areas, where they cover no marker.

    A name that finds no room there is left out: further away it would name a neighbour. The table
    below the map names every locality.
    """
    out = []
    middles = {}
    for locality, part in data.cells.groupby("locality", sort=True):
        middle = np.mean(np.array(part["point"].tolist(), dtype=float), axis=0)
        middles[locality] = at(as_float(middle[0]), as_float(middle[1]))
    everywhere = np.array(list(middles.values()))
    for locality, (x, y) in middles.items():
        half = len(str(locality)) * font * 0.29
        steps = np.meshgrid(np.arange(-10, 11) * 9.0, np.arange(-6, 7) * 12.0, indexing="ij")
        dy, dx = (v.ravel() for v in steps)
        away = np.hypot(dx, dy)
        others = np.hypot(x + dx[:, None] - everywhere[:, 0], y + dy[:, None] - everywhere[:, 1])
        near = (away <= NAME_REACH * font) & (away <= others.min(axis=1) + 1e-9)
        dy, dx = dy[near], dx[near]
        cxs, cys = x + dx, y + dy
        boxes = np.column_stack([cxs - half - 2, cys - font, cxs + half + 2, cys + 4])
        covered = taken.covered(boxes)
        best = int(np.argmin(covered + 0.15 * np.hypot(dx, dy)))
        if covered[best] > NAME_COVERS * (2 * half + 4) * (font + 4):
            continue
        cx, cy = float(cxs[best]), float(cys[best])
        taken.add((cx - half - 2, cy - font, cx + half + 2, cy + 4))
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


def _wide_swatch(drawn: str) -> str:
    return f'<svg viewBox="0 0 22 14" width="22" height="14" aria-hidden="true">{drawn}</svg>'


def line_swatch() -> str:
    """A thick line for the schedule's key."""
    return _wide_swatch('<path d="M1 7h20" stroke="#3D3D3D" stroke-width="4"/>')


def diamond_swatch() -> str:
    """A white diamond for the schedule's key."""
    return _wide_swatch(
        f'<path d="M11 2l5 5l-5 5l-5 -5z" fill="#ffffff" stroke="{INK}" stroke-width="1.6"/>'
    )


def full_swatch() -> str:
    """The white mark in a bar for the schedule's key."""
    return _wide_swatch(
        '<rect width="22" height="14" fill="#3D3D3D"/><path d="M11 0v14" stroke="#ffffff" '
        'stroke-width="3" stroke-dasharray="3 2"/>'
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
