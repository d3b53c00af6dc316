"""plan.gpkg: opens without a warning, says what the tables say, and brings its styles."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path
from xml.etree import ElementTree

import geopandas
import pandas as pd
import pyogrio
import pytest

from sufficiency.plan import read_run
from sufficiency.problems import InputError
from sufficiency.reports import geopackage, write_geopackage
from sufficiency.reports.facts import Run
from sufficiency.vocabulary import academic_year_label
from tests.reports.conftest import SCRIPT

LAYERS = ["areas", "desire_lines", "provisions", "schemes"]


def read(folder: Path, layer: str) -> geopandas.GeoDataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return pyogrio.read_dataframe(folder / "plan.gpkg", layer=layer)


def column(measure: str, year: int) -> str:
    return f"{measure}_{academic_year_label(year).replace('/', '_')}"


def test_layers_stand_in_order_in_national_grid(small_run: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [n for n, _ in pyogrio.list_layers(small_run / "plan.gpkg")] == [
            *LAYERS, "layer_styles",
        ]  # fmt: skip
    for layer in LAYERS:
        frame = read(small_run, layer)
        assert frame.crs == "EPSG:27700"
        assert len(frame) or layer == "desire_lines"
        known = frame.geometry.dropna()
        assert known.is_valid.all() and not known.is_empty.any()
    assert set(read(small_run, "areas").geom_type) == {"MultiPolygon"}


def test_areas_and_provisions_say_what_the_plan_says(small_run: Path) -> None:
    run = Run.read(small_run)
    plan = run.plan
    areas = read(small_run, "areas").set_index("area")
    everyone = pd.concat([plan.placements, plan.unmet])
    assert list(areas.index) == run.table("areas")["area"].tolist()
    provisions = read(small_run, "provisions").set_index("provision")
    occupancy = plan.occupancy.set_index(["provision", "academic_year"])
    for year in run.years:
        by_area = everyone[everyone["academic_year"] == year].groupby("area")["children"].sum()
        found = areas[column("children", year)]
        assert found.to_dict() == pytest.approx(by_area.reindex(areas.index).fillna(0).to_dict())
        gap = plan.gaps.loc[plan.gaps["academic_year"] == year, "gap"].sum()
        assert areas[column("no_local_place", year)].sum() == pytest.approx(gap)
        for provision, row in provisions.iterrows():
            mine = occupancy.loc[(provision, year)]
            assert row[column("children", year)] == pytest.approx(mine["children"])
            places = row[column("places", year)]
            if pd.isna(mine["commissioned_places"]) and not mine["scheme_places"]:
                assert pd.isna(places) or places == 0
            else:
                expected = mine[["commissioned_places", "scheme_places"]].sum()
                assert places == pytest.approx(expected)


def test_desire_lines_are_whole_cohorts_together_and_never_few(
    small_run: Path, tmp_path: Path
) -> None:
    run = Run.read(small_run)
    # The small example has few lines of six children, so this one is five times as large.
    placed = run.plan.placements
    placed["children"] *= 5
    write_geopackage(run, tmp_path)
    lines = read(tmp_path, "desire_lines")
    placed = placed[placed["academic_year"] == run.last]
    together = placed.groupby(["area", "provision"])["children"].sum()
    assert (lines["children"] >= 6).all() and (together < 6).any()
    provisions = read(small_run, "provisions").set_index("provision")
    drawable = {p for p, g in provisions.geometry.items() if g is not None}
    many = together[together >= 6]
    expected = {key for key in many.index if key[1] in drawable}
    assert {(r.area, r.provision) for r in lines.itertuples()} == expected
    assert len(expected) > 50
    areas = Run.read(small_run).table("areas").set_index("area")
    for line in lines.itertuples():
        assert line.children == pytest.approx(together[line.area, line.provision])
        home, end = areas.loc[line.area], provisions.geometry[line.provision]
        assert line.geometry.coords[0] == (home["easting"], home["northing"])
        assert line.geometry.coords[-1] == (end.x, end.y)


def test_schemes_stand_where_they_are_built(small_run: Path) -> None:
    run = Run.read(small_run)
    schemes = read(small_run, "schemes").set_index("scheme")
    assert len(schemes) == len(run.plan.schemes)
    sites = run.table("candidate_sites").set_index("site")
    homes = run.table("provisions").set_index("provision")
    given = run.table("schemes").set_index("scheme")
    for scheme, row in schemes.iterrows():
        own = given.loc[scheme]
        if own["site"] == own["site"]:
            where = sites.loc[own["site"]]
        elif own["provision"] in homes.index:
            where = homes.loc[own["provision"]]
        else:
            where = sites.loc[given.loc[own["provision"], "site"]]
        assert (row.geometry.x, row.geometry.y) == (where["easting"], where["northing"])
    opened = set(run.plan.schemes.loc[run.plan.schemes["opens"] >= 0, "scheme"])
    assert set(schemes.index[schemes["drawn"] == "opens"]) == opened


def test_every_layer_has_a_style_that_uses_its_own_columns(small_run: Path) -> None:
    styles = pyogrio.read_dataframe(small_run / "plan.gpkg", layer="layer_styles")
    assert styles["f_table_name"].tolist() == LAYERS and styles["useAsDefault"].all()
    for style in styles.itertuples(index=False):
        root = ElementTree.fromstring(style.styleQML)
        renderer = root.find("renderer-v2")
        assert renderer is not None
        frame = read(small_run, style.f_table_name)
        attribute = renderer.get("attr")
        assert attribute in frame.columns
        symbols = {s.get("name") for s in renderer.findall("symbols/symbol")}
        used = {c.get("symbol") for c in renderer.findall("*/*") if c.get("symbol")}
        assert used == symbols
        values = {c.get("value") for c in renderer.findall("categories/category")}
        if values:
            assert set(frame[attribute]) <= values


def test_the_file_is_a_valid_geopackage(small_run: Path) -> None:
    with sqlite3.connect(small_run / "plan.gpkg") as file:
        assert file.execute("pragma integrity_check").fetchone() == ("ok",)
        assert file.execute("pragma foreign_key_check").fetchall() == []
        contents = dict(file.execute("select table_name, description from gpkg_contents"))
        dates = {d for (d,) in file.execute("select last_change from gpkg_contents")}
    for layer in LAYERS:
        assert contents[layer].startswith("INTERNAL, not for release")
    created = str(read_run(small_run).stamp["created"])[:19]
    assert {d[:19] for d in dates} == {created}
    program = shutil.which("ogrinfo")
    if program is None:
        pytest.skip("GDAL's own programs are not installed")
    said = subprocess.run(
        [program, "-ro", "-al", "-so", str(small_run / "plan.gpkg")], capture_output=True, text=True
    )
    assert said.returncode == 0 and not said.stderr, said.stderr


QGIS = r"""
import json, os, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from qgis.core import (
    QgsApplication, QgsExpression, QgsExpressionContext, QgsExpressionContextUtils,
    QgsMapRendererParallelJob, QgsMapSettings, QgsRenderContext, QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

app = QgsApplication([], False)
said = []
app.messageLog().messageReceived.connect(lambda text, tag, level: said.append([level, tag, text]))
app.initQgis()
found, layers = {}, []
for name in sys.argv[2:]:
    # Opened as a user opens it: QGIS itself looks for the style.
    layer = QgsVectorLayer(f"{sys.argv[1]}|layername={name}", name, "ogr")
    layers.append(layer)
    renderer, words = layer.renderer(), []
    context = QgsRenderContext()
    symbols = renderer.symbols(context)
    for symbol in symbols:
        for part in range(symbol.symbolLayerCount()):
            given = symbol.symbolLayer(part).dataDefinedProperties()
            words += [given.property(k).expressionString() for k in given.propertyKeys()]
    if layer.labelsEnabled():
        words.append(layer.labeling().settings().fieldName)
    context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    values = []
    for text in words:
        expression = QgsExpression(text)
        for feature in layer.getFeatures():
            context.setFeature(feature)
            values.append(expression.evaluate(context))
            assert not expression.hasEvalError(), expression.evalErrorString()
        assert not expression.hasParserError(), expression.parserErrorString()
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setOutputSize(QSize(500, 400))
    settings.setBackgroundColor(QColor("white"))
    settings.setDestinationCrs(layer.crs())
    extent = layers[0].extent()
    extent.scale(1.1)
    settings.setExtent(extent)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    inks = {image.pixel(x, y) for x in range(0, 500, 2) for y in range(0, 400, 2)}
    found[name] = {
        "valid": layer.isValid(), "crs": layer.crs().authid(), "rows": layer.featureCount(),
        "renderer": renderer.type(),
        "column": renderer.classAttribute(), "symbols": len(symbols),
        "named": layer.labelsEnabled(),
        "words": words, "blank": values.count(None), "inks": len(inks),
        "errors": [error.message for error in job.errors()],
    }
    # Last, since it takes the renderer away.
    found[name]["stored"] = bool(layer.loadDefaultStyle()[1])
print(json.dumps({"layers": found, "said": said}))
sys.stdout.flush()
os._exit(0)
"""


def with_qgis() -> str | None:
    """An interpreter that knows QGIS: this one, or the machine's own."""
    for path in (sys.executable, "/usr/bin/python3"):
        if Path(path).exists():
            asked = subprocess.run([path, "-c", "import qgis.core"], capture_output=True)
            if asked.returncode == 0:
                return path
    return None


def test_qgis_itself_opens_and_draws_every_layer_in_its_stored_style(small_run: Path) -> None:
    program = with_qgis()
    if program is None:
        pytest.skip("QGIS for Python (python3-qgis) is not installed")
    opened = subprocess.run(
        [program, "-c", QGIS, str(small_run / "plan.gpkg"), *LAYERS],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert opened.returncode == 0, opened.stderr
    found = json.loads(opened.stdout.splitlines()[-1])
    # Which grid the machine has for degrees is no matter of the file's.
    assert [s for s in found["said"] if "coordinate operation" not in s[2]] == []
    styles = pyogrio.read_dataframe(small_run / "plan.gpkg", layer="layer_styles")
    stored = dict(zip(styles["f_table_name"], styles["styleQML"], strict=True))
    for name in LAYERS:
        layer, root = found["layers"][name], ElementTree.fromstring(stored[name])
        renderer = root.find("renderer-v2")
        assert renderer is not None
        assert layer["valid"] and layer["stored"] and layer["crs"] == "EPSG:27700"
        assert layer["rows"] == len(read(small_run, name))
        assert (layer["renderer"], layer["column"]) == (renderer.get("type"), renderer.get("attr"))
        assert layer["symbols"] == len(renderer.findall("symbols/symbol"))
        assert layer["named"] == (root.get("labelsEnabled") == "1") == (name in LAYERS[2:])
        assert layer["errors"] == [] and layer["blank"] == 0
        if name != "desire_lines":
            assert layer["inks"] > 3
    sized = [w for w in found["layers"]["schemes"]["words"] if "sqrt" in w]
    assert len(sized) == 2 and '"places"' in sized[0]


def test_names_are_text_and_an_empty_layer_is_a_layer(run: Path) -> None:
    path = run / "tables" / "schemes.parquet"
    pd.read_parquet(path).iloc[:0].to_parquet(path, index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_geopackage(Run.read(run), run)
    assert len(read(run, "schemes")) == 0
    assert SCRIPT in set(read(run, "provisions")["name"])


def test_a_folder_that_cannot_be_written_is_told(run: Path) -> None:
    with pytest.raises(InputError, match="could not be written"):
        geopackage.write_geopackage(Run.read(run), run / "nowhere")
