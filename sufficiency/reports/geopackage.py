"""plan.gpkg: areas, provision, schemes and desire lines for QGIS, each with its style inside.

Coordinates are EPSG:27700. A style is stored as QGIS stores one, in the table ``layer_styles``, so
that a layer is drawn as soon as it is opened. Columns of years are named ``children_2026_27``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import geopandas
import pandas as pd
import pyogrio
import shapely
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

from sufficiency.reports import layouts, place_map
from sufficiency.reports.charts import CHARCOAL, COLOURS, INK, ORANGE, SHADES
from sufficiency.reports.facts import GROUPS, UNMET, Run, as_float, as_int, group_of
from sufficiency.vocabulary import (
    KINDS,
    THRESHOLD,
    academic_year_label,
)
from sufficiency.writing import OPEN_ELSEWHERE, file_aside

GEOPACKAGE: Final = "plan.gpkg"
MARK: Final = "INTERNAL, not for release: contains small numbers."
CRS: Final = "EPSG:27700"
SHAPES: Final = {
    "Mainstream class": "circle",
    "Specialist base": "circle",
    "State special school": "square",
    "Independent or non-maintained": "triangle",
    "College, alternative, elsewhere": "diamond",
}
"""Shape of a group of kinds, as on the map of the report."""
NO_CHILDREN: Final = "#d9d9d9"
EDGE: Final = "#8a8f92"
"""Of an area: lines of journeys lie over it, and must be told from it."""
CLOSER: Final = 100_000
"""Scale from which on every provision has its name beside it."""


@dataclass(frozen=True)
class Layer:
    """A layer: its table with geometry, what it is, and how it is drawn.

    Attributes:
        name: of the table.
        about: description, shown by QGIS.
        frame: attributes and geometry; a row may have none where a place is unknown.
        style: QML, from :func:`categories`, :func:`steps` or :func:`plain`.
    """

    name: str
    about: str
    frame: geopandas.GeoDataFrame
    style: str


def write_geopackage(run: Run, folder: Path) -> Path:
    """Write plan.gpkg into a folder, aside first, then renamed.

    Raises:
        InputError: when it cannot be written.
    """
    target = folder / GEOPACKAGE
    write_layers(layers(run), target, MARK, run.stamp.get("created"))
    return target


# ------------------------------------------------------------------ layers


def layers(run: Run) -> list[Layer]:
    """All layers of a run, in the order in which they are drawn."""
    everyone = layouts.everyone(run.plan)
    return [
        _areas(run, everyone),
        _desire_lines(run, everyone),
        _provisions(run),
        schemes_layer(run),
    ]


def year_column(measure: str, year: int) -> str:
    """Name of a column of a year: ``children_2026_27``."""
    return f"{measure}_{academic_year_label(year).replace('/', '_')}"


def area_shapes(run: Run) -> dict[str, BaseGeometry]:
    """The surroundings of every area's centre, inside the authority; edges are approximate."""
    table = run.table("areas")
    if table.empty:
        return {}
    cells = place_map.surroundings(table, place_map.land_of(run, table))
    return {
        str(area): cells[x, y]
        for area, x, y in zip(table["area"], table["easting"], table["northing"], strict=True)
    }


def area_points(run: Run) -> dict[str, Point]:
    """The centre of every area."""
    table = run.table("areas")
    if table.empty:
        return {}
    return {
        str(area): Point(as_float(x), as_float(y))
        for area, x, y in zip(table["area"], table["easting"], table["northing"], strict=True)
    }


def _by_year(
    people: pd.DataFrame, key: str, names: Sequence[str], run: Run, measure: str
) -> dict[str, list[float]]:
    """Columns of years: children by the values of a key, zero where there are none."""
    found = people.groupby([key, "academic_year"])["children"].sum().unstack("academic_year")
    found = found.reindex(index=list(names), columns=run.years).fillna(0.0)
    return {year_column(measure, y): found[y].to_numpy(float).tolist() for y in run.years}


def _areas(run: Run, everyone: pd.DataFrame) -> Layer:
    table = run.table("areas")
    shapes, centres = area_shapes(run), area_points(run)
    names = [str(a) for a in table["area"]] if len(table) else []
    needing = everyone[everyone["tier"] >= 2]
    minutes = place_map.median_minutes(run)
    frame = geopandas.GeoDataFrame(
        {
            "area": names,
            "name": [str(n) for n in table["name"]] if "name" in table else names,
            "locality": [str(n) for n in table["locality"]] if len(table) else [],
            "median_minutes": [as_float(minutes.get(a, float("nan"))) for a in names],
            **_by_year(everyone, "area", names, run, "children"),
            **_by_year(
                needing[~layouts.in_local_place(needing)], "area", names, run, "no_local_place"
            ),
            **_by_year(everyone[everyone["kind"] == UNMET], "area", names, run, "unmet"),
        },
        geometry=[polygons(shapes[a], centres[a]) for a in names],
        crs=CRS,
    )
    last = academic_year_label(run.last)
    return Layer(
        "areas",
        f"Areas: expected children with a plan by academic year; those who need more than a "
        f"mainstream class and have no local place; those without any suitable place; median "
        f"one-way minutes to specialist provision in {last}. Edges are approximate: the "
        "surroundings of each area's centre.",
        frame,
        steps(
            "median_minutes",
            [(0.0, 15.0, "up to 15 minutes", "#ffffff"), (15.0, 30.0, "15 to 30", SHADES[0]),
             (30.0, 45.0, "30 to 45", SHADES[1]), (45.0, 9999.0, "over 45", SHADES[2])],
            "fill",
        ),
    )  # fmt: skip


def polygons(shape: BaseGeometry, centre: Point) -> shapely.MultiPolygon:
    """The polygons of a shape; an area whose centre lies outside the boundary is a circle."""
    parts = [g for g in getattr(shape, "geoms", [shape]) if g.geom_type == "Polygon"]
    return shapely.MultiPolygon([g for g in parts if not g.is_empty] or [centre.buffer(200.0)])


def _provisions(run: Run) -> Layer:
    occupancy = run.plan.occupancy
    first = occupancy.drop_duplicates("provision")
    names = [str(p) for p in first["provision"]]
    inside = run.inside()
    places = occupancy.assign(
        children=occupancy["commissioned_places"].fillna(0.0) + occupancy["scheme_places"]
    )
    limited = set(occupancy.loc[occupancy["commissioned_places"].notna(), "provision"])
    limited |= set(occupancy.loc[occupancy["scheme_places"] > 0, "provision"])
    by_year = _by_year(places, "provision", names, run, "places")
    unlimited = [n not in limited for n in names]
    frame = geopandas.GeoDataFrame(
        {
            "provision": names,
            "name": [str(n) for n in first["name"]],
            "kind": [KINDS[str(k)] for k in first["kind"]],
            "group": [group_of(str(k)) for k in first["kind"]],
            "inside_authority": [inside.get(n, True) for n in names],
            **_by_year(occupancy, "provision", names, run, "children"),
            **{
                column: [None if u else v for u, v in zip(unlimited, values, strict=True)]
                for column, values in by_year.items()
            },
        },
        geometry=[provision_point(run, n) for n in names],
        crs=CRS,
    )
    return Layer(
        "provisions",
        "Provision: expected children and places by academic year, places of schemes included; no "
        "places where the plan sets no limit. Provision near every home, such as mainstream "
        "schools, is one row without a place on the map.",
        frame,
        categories(
            "group", [(g, g, COLOURS[g], SHAPES[g]) for g in GROUPS], 3.2,
            by_places(f'"{year_column("places", run.last)}", "{year_column("children", run.last)}"',
                      1.6),
            Names('"name"', CLOSER),
        ),
    )  # fmt: skip


def provision_point(run: Run, name: str) -> Point | None:
    """Where a provision or scheme stands; None where that is near every home, or unknown."""
    x, y = run.points.get(name, (float("nan"), float("nan")))
    return Point(x, y) if x == x and y == y else None


def schemes_layer(run: Run) -> Layer:
    """All schemes, opened or not; they hold places and pounds, and no children."""
    table = run.plan.schemes
    opens = [as_int(y) for y in table["opens"]]
    frame = geopandas.GeoDataFrame(
        {
            "scheme": [str(s) for s in table["scheme"]],
            "name": [str(s) for s in table["name"]],
            "kind": [KINDS.get(str(k), str(k)) for k in table["kind"]],
            "provision": [str(p) for p in table["provision"]],
            "places": table["places"].to_numpy(float),
            "capital_pounds": table["capital_pounds"].to_numpy(float),
            "status": [str(s) for s in table["status"]],
            "opens": [academic_year_label(y) if y >= 0 else "does not open" for y in opens],
            "drawn": ["opens" if y >= 0 else "does not open" for y in opens],
        },
        geometry=[provision_point(run, str(s)) for s in table["scheme"]],
        crs=CRS,
    )
    return Layer(
        "schemes",
        "Schemes: kind, places, capital in pounds, status, and the academic year of opening.",
        frame,
        categories(
            "drawn",
            [("opens", "Opens in the plan", ORANGE, "star"),
             ("does not open", "Does not open", NO_CHILDREN, "star")],
            4.5,
            by_places('"places"', 3.0),
            Names("""if("drawn" = 'opens', "name", '')"""),
        ),
    )  # fmt: skip


def _desire_lines(run: Run, everyone: pd.DataFrame) -> Layer:
    last = everyone[everyone["academic_year"] == run.last]
    lines = last.groupby(["area", "provision", "kind"], as_index=False)["children"].sum()
    homes = area_points(run)
    placed = lines["provision"].map(lambda p: provision_point(run, str(p)) is not None)
    placed &= lines["area"].isin(list(homes))
    shown = lines[placed & (lines["children"] >= THRESHOLD)].reset_index(drop=True)
    names = dict(zip(run.plan.occupancy["provision"], run.plan.occupancy["name"], strict=True))
    frame = geopandas.GeoDataFrame(
        {
            "academic_year": [academic_year_label(run.last)] * len(shown),
            "area": shown["area"].astype(str).tolist(),
            "provision": shown["provision"].astype(str).tolist(),
            "name": [str(names.get(p, p)) for p in shown["provision"]],
            "group": [group_of(str(k)) for k in shown["kind"]],
            "children": shown["children"].to_numpy(float),
        },
        geometry=[
            line(homes[str(a)], provision_point(run, str(p)))
            for a, p in zip(shown["area"], shown["provision"], strict=True)
        ],
        crs=CRS,
    )
    few = int((placed & (lines["children"] < THRESHOLD)).sum())
    return Layer(
        "desire_lines",
        f"Desire lines in {academic_year_label(run.last)}, from the centre of an area to a "
        f"provision, all cohorts together. {few:,} lines of fewer than {THRESHOLD} children are "
        "not drawn, nor are places near every home.",
        frame,
        line_style(),
    )


def line(start: Point, end: Point | None) -> LineString | None:
    """A desire line; none where it would have no length or no end."""
    return None if end is None or start.equals(end) else LineString([start, end])


def line_style() -> str:
    """Desire lines, thicker with more children."""
    return steps(
        "children",
        [(0.0, 10.0, "under 10 children", CHARCOAL), (10.0, 25.0, "10 to 25", CHARCOAL),
         (25.0, 1e6, "25 and more", CHARCOAL)],
        "line",
    )  # fmt: skip


# ------------------------------------------------------------------ writing


def write_layers(found: Sequence[Layer], target: Path, mark: str, created: object) -> None:
    """Write layers and their styles as a GeoPackage; aside first, then renamed.

    Args:
        found: the layers.
        target: the file.
        mark: stands at the head of each description: who may see it.
        created: ISO time, so that the same run gives the same file.

    Raises:
        InputError: when it cannot be written.
    """
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    failed = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError)
    try:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _time(created)})
        with (
            file_aside(target, "the GeoPackage", OPEN_ELSEWHERE, also=failed) as aside,
            warnings.catch_warnings(),
        ):
            aside.unlink(missing_ok=True)
            # A layer may well be empty: no scheme, or no line of enough children.
            warnings.filterwarnings("ignore", "A geometry column with all None values")
            for number, layer in enumerate(found):
                pyogrio.write_dataframe(
                    layer.frame,
                    aside,
                    layer=layer.name,
                    driver="GPKG",
                    append=number > 0,
                    # Older versions of QGIS warn of a newer version of the format.
                    dataset_options={} if number else {"VERSION": "1.2"},
                    geometry_type=_geometry_of(layer),
                    layer_options={
                        "IDENTIFIER": layer.name.replace("_", " "),
                        "DESCRIPTION": f"{mark} {layer.about}",
                    },
                )
            _write_styles(found, aside, _time(created))
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _time(created: object) -> str:
    try:
        return datetime.fromisoformat(str(created)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    except ValueError:
        return "2000-01-01T00:00:00.000Z"


GEOMETRY: Final = {
    "areas": "MultiPolygon",
    "localities": "MultiPolygon",
    "desire_lines": "LineString",
    "provisions": "Point",
    "schemes": "Point",
}
"""Geometry of a layer, also where it has no row."""


def _geometry_of(layer: Layer) -> str:
    """Geometry of a layer: as it is listed, or else as its rows have it."""
    if layer.name in GEOMETRY:
        return GEOMETRY[layer.name]
    found = layer.frame.geometry.dropna()
    return str(found.geom_type.iloc[0]) if len(found) else "Unknown"


def _write_styles(found: Sequence[Layer], target: Path, time: str) -> None:
    """The table in which QGIS keeps styles, with its own columns."""
    count = len(found)
    frame = pd.DataFrame(
        {
            "f_table_catalog": [""] * count,
            "f_table_schema": [""] * count,
            "f_table_name": [layer.name for layer in found],
            "f_geometry_column": ["geom"] * count,
            "styleName": [layer.name for layer in found],
            "styleQML": [layer.style for layer in found],
            "styleSLD": [""] * count,
            "useAsDefault": [True] * count,
            "description": [layer.name.replace("_", " ") for layer in found],
            "owner": [""] * count,
            "ui": [""] * count,
            "update_time": pd.to_datetime([time] * count, utc=True),
        }
    )
    pyogrio.write_dataframe(
        frame, target, layer="layer_styles", driver="GPKG", append=True, layer_options={"FID": "id"}
    )


# ------------------------------------------------------------------ styles as QGIS writes them


@dataclass(frozen=True)
class Names:
    """What is written beside a point.

    Attributes:
        words: an expression of QGIS, such as ``"name"``.
        closer: the scale from which on it is written, 1 to this number; 0 at every scale.
    """

    words: str
    closer: int = 0


def by_places(places: str, least: float) -> str:
    """Size of a point in millimetres as an expression of QGIS: its surface grows with places."""
    return f"{least} + 0.25 * sqrt(coalesce({places}, 0))"


def categories(
    column: str,
    found: Sequence[tuple[str, str, str, str]],
    size: float,
    sized: str = "",
    names: Names | None = None,
) -> str:
    """Points by the words of a column.

    Args:
        column: of the layer.
        found: (value, label, colour, shape).
        size: millimetres, in the legend and, where no expression is given, on the map.
        sized: an expression for the size of each, from :func:`by_places`.
        names: what is written beside them.
    """
    root, renderer = _style("categorizedSymbol", {"attr": column})
    if names is not None:
        _label(root, names)
    parts = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for number, (value, label, colour, shape) in enumerate(found):
        ElementTree.SubElement(
            parts, "category",
            {"value": value, "label": label, "symbol": str(number), "render": "true"},
        )  # fmt: skip
        _marker(symbols, str(number), colour, shape, size, sized)
    return _text(root)


def steps(column: str, found: Sequence[tuple[float, float, str, str]], sort: str) -> str:
    """Areas or lines by the number of a column.

    Args:
        column: of the layer.
        found: (least, most, label, colour), in order.
        sort: "fill" (areas) or "line"; lines grow thicker from step to step.
    """
    root, renderer = _style(
        "graduatedSymbol", {"attr": column, "graduatedMethod": "GraduatedColor"}
    )
    ranges = ElementTree.SubElement(renderer, "ranges")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for number, (least, most, label, colour) in enumerate(found):
        ElementTree.SubElement(
            ranges, "range",
            {"lower": f"{least:.6f}", "upper": f"{most:.6f}", "label": label,
             "symbol": str(number), "render": "true"},
        )  # fmt: skip
        if sort == "fill":
            _fill(symbols, str(number), colour)
        else:
            _stroke(symbols, str(number), colour, 0.3 + 0.6 * number)
    return _text(root)


def plain(colour: str = "#ffffff") -> str:
    """Areas of one colour."""
    root, renderer = _style("singleSymbol", {})
    _fill(ElementTree.SubElement(renderer, "symbols"), "0", colour)
    return _text(root)


def _style(sort: str, more: Mapping[str, str]) -> tuple[ElementTree.Element, ElementTree.Element]:
    root = ElementTree.Element("qgis", {"version": "3.22", "styleCategories": "Symbology"})
    renderer = ElementTree.SubElement(
        root, "renderer-v2", {"type": sort, "forceraster": "0", "enableorderby": "0", **more}
    )
    return root, renderer


def _text(root: ElementTree.Element) -> str:
    return ElementTree.tostring(root, encoding="unicode")


def _symbol(
    symbols: ElementTree.Element,
    name: str,
    sort: str,
    drawn: str,
    options: Mapping[str, str],
    sized: str = "",
) -> None:
    symbol = ElementTree.SubElement(symbols, "symbol", {"name": name, "type": sort, "alpha": "1"})
    layer = ElementTree.SubElement(
        symbol, "layer", {"class": drawn, "enabled": "1", "locked": "0", "pass": "0"}
    )
    values = ElementTree.SubElement(layer, "Option", {"type": "Map"})
    for key, value in options.items():
        _option(values, key, value)
    if sized:
        given = ElementTree.SubElement(layer, "data_defined_properties")
        every = ElementTree.SubElement(given, "Option", {"type": "Map"})
        _option(every, "name", "")
        size = _option(_option(every, "properties"), "size")
        _option(size, "active", "true", "bool")
        _option(size, "expression", sized)
        # 3 stands for an expression, where 2 would be a column.
        _option(size, "type", "3", "int")
        _option(every, "type", "collection")


def _option(
    parent: ElementTree.Element, name: str, value: str | None = None, sort: str = "QString"
) -> ElementTree.Element:
    """A setting as QGIS writes one; without a value it holds others."""
    more = {"type": "Map"} if value is None else {"value": value, "type": sort}
    return ElementTree.SubElement(parent, "Option", {"name": name, **more})


def _label(root: ElementTree.Element, names: Names) -> None:
    """Words beside points, dark on a white edge; those without room are left out by QGIS."""
    root.set("labelsEnabled", "1")
    root.set("styleCategories", "Symbology|Labeling")
    labels = ElementTree.SubElement(root, "labeling", {"type": "simple"})
    settings = ElementTree.SubElement(labels, "settings", {"calloutType": "simple"})
    style = ElementTree.SubElement(
        settings, "text-style",
        {"fieldName": names.words, "isExpression": "1", "fontFamily": "Arial", "fontSize": "8",
         "fontSizeUnit": "Point", "textColor": _colour(INK), "textOpacity": "1"},
    )  # fmt: skip
    ElementTree.SubElement(
        style, "text-buffer",
        {"bufferDraw": "1", "bufferSize": "0.8", "bufferSizeUnits": "MM",
         "bufferColor": "255,255,255,255", "bufferOpacity": "0.85"},
    )  # fmt: skip
    # 6: around the point, where a map-maker would put it.
    ElementTree.SubElement(
        settings,
        "placement",
        {"placement": "6", "dist": "0.6", "distUnits": "MM", "offsetType": "1"},
    )
    # QGIS calls the largest number of a scale, from which on words are seen, its greatest.
    seen = {"scaleVisibility": "1", "scaleMin": "0", "scaleMax": str(names.closer)}
    ElementTree.SubElement(settings, "rendering", seen if names.closer else {})


def _colour(hexadecimal: str) -> str:
    red, green, blue = (int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},255"


def _marker(
    symbols: ElementTree.Element, name: str, colour: str, shape: str, size: float, sized: str
) -> None:
    options = {"name": shape, "color": _colour(colour), "outline_color": "11,12,12,255",
               "outline_width": "0.3", "outline_width_unit": "MM", "size": f"{size}",
               "size_unit": "MM"}  # fmt: skip
    _symbol(symbols, name, "marker", "SimpleMarker", options, sized)


def _fill(symbols: ElementTree.Element, name: str, colour: str) -> None:
    options = {"color": _colour(colour), "style": "solid", "outline_color": _colour(EDGE),
               "outline_style": "solid", "outline_width": "0.16",
               "outline_width_unit": "MM"}  # fmt: skip
    _symbol(symbols, name, "fill", "SimpleFill", options)


def _stroke(symbols: ElementTree.Element, name: str, colour: str, width: float) -> None:
    options = {"line_color": _colour(colour), "line_style": "solid", "line_width": f"{width:.2f}",
               "line_width_unit": "MM", "capstyle": "round"}  # fmt: skip
    _symbol(symbols, name, "line", "SimpleLine", options)
