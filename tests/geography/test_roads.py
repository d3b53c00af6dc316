"""The road engine in this process: a graph from a real extract, and times that distance bears out.

The engine's wheels are made for Python 3.12 and newer; elsewhere the first tests skip, and the
last sees that the planner is told what is needed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from sufficiency.geography.roads import Roads, why_not
from sufficiency.geography.sources import Routed
from sufficiency.geography.travel import straight_km
from sufficiency.problems import InputError
from tests.geography.places import areas, destinations, silent

LEEDS = Path(__file__).resolve().parents[3] / "shared/data/travel/leeds_its-example.osm.pbf"
CENTRE = (-1.5553, 53.8073)
"""Longitude and latitude of the middle of the extract, a university campus and its streets."""

engine = pytest.mark.skipif(bool(why_not()), reason=f"no road engine: {why_not()}")


def grid(count: int, seed: int) -> pd.DataFrame:
    """Points strewn over 600 by 600 metres round the middle of the extract."""
    east, north = Transformer.from_crs(4326, 27700, always_xy=True).transform(*CENTRE)
    around = np.random.default_rng(seed).uniform(-300, 300, (count, 2)).round()
    return pd.DataFrame({"easting": round(east) + around[:, 0],
                         "northing": round(north) + around[:, 1]})  # fmt: skip


def points() -> tuple[pd.DataFrame, pd.DataFrame]:
    homes, places = grid(40, 1), grid(25, 2)
    homes.insert(0, "area", [f"A{i}" for i in range(len(homes))])
    places.insert(0, "destination", [f"P{i}" for i in range(len(places))])
    return homes.assign(name=homes["area"]), places.assign(name=places["destination"])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@engine
def test_a_graph_of_leeds_gives_sane_times(cache: Path) -> None:
    if not LEEDS.is_file():
        pytest.skip(f"the extract is not here: {LEEDS}")
    steps: list[str] = []
    homes, places = points()
    found = Routed(Roads(LEEDS, cache), cache).measure(
        homes, places, lambda step, done, total: steps.append(step)
    )
    assert "Reading the roads of the map" in steps
    reached = np.isfinite(found.minutes)
    # The campus holds streets that the cut edge of the extract leaves without a way out.
    assert reached.mean() > 0.3, reached.mean()
    assert reached.sum() + len(found.unreachable) == reached.size
    straight = straight_km(homes, places)
    far = reached & (straight > 0.2)
    assert far.sum() > 20
    # The ends of a journey lie off the road, at most some 300 metres here.
    assert (found.km[far] > straight[far] - 0.3).all()
    speed = found.km[far] / found.minutes[far] * 60
    assert 5 < np.median(speed) < 50 and speed.max() < 110
    assert np.corrcoef(found.km[far], found.minutes[far])[0, 1] > 0.6
    assert (found.minutes[reached] >= 0).all() and found.minutes[reached].max() < 20


@engine
def test_the_graph_and_the_journeys_come_from_the_cache(cache: Path) -> None:
    if not LEEDS.is_file():
        pytest.skip(f"the extract is not here: {LEEDS}")
    homes, places = points()
    first = Routed(Roads(LEEDS, cache), cache).measure(homes, places, silent())
    steps: list[str] = []
    again = Routed(Roads(LEEDS, cache), cache).measure(
        homes, places, lambda step, done, total: steps.append(step)
    )
    assert "Reading the roads of the map" not in steps
    assert np.array_equal(first.minutes, again.minutes, equal_nan=True)
    assert "1,000 of 1,000 journeys come from the cache." in again.notes
    assert not [p for p in (cache / "graphs").iterdir() if "unfinished" in p.name]


@engine
def test_places_off_the_map_are_named(cache: Path) -> None:
    if not LEEDS.is_file():
        pytest.skip(f"the extract is not here: {LEEDS}")
    homes, places = points()
    homes.loc[0, "northing"] += 30_000
    found = Routed(Roads(LEEDS, cache), cache).measure(homes, places, silent())
    lost = found.unreachable[found.unreachable["area"] == "A0"]
    assert len(lost) == len(places)
    assert (
        lost["reason"]
        .str.fullmatch(r"A0 lies (29|30)\.\d km from the nearest road of the map")
        .all()
    )


@engine
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("map.osm.pbf", b"<html>Sign in</html>", "no road network can be built"),
        ("map.osm.pbf", b"", "empty"),
        ("map.zip", b"PK", "no OpenStreetMap extract"),
        ("map.osm", b'<?xml version="1.0"?><osm version="0.6"></osm>', "no road network"),
        (None, b"", "does not exist"),
    ],
)
def test_a_map_that_is_none(name: str | None, content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / (name or "missing.osm.pbf")
    if name:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        Routed(Roads(path, tmp_path / "cache"), None).measure(areas(), destinations(), silent())
    assert not list(tmp_path.glob("cache/graphs/*"))


@engine
def test_a_cache_folder_at_which_the_engine_stumbles_is_refused(tmp_path: Path) -> None:
    extract = tmp_path / "map.osm.pbf"
    extract.write_bytes(b"x")
    cache = tmp_path / "cache.osm"
    with pytest.raises(InputError, match="choose another folder with --cache"):
        Routed(Roads(extract, cache), cache).measure(areas(), destinations(), silent())


@pytest.mark.skipif(not why_not(), reason="the road engine is here")
def test_without_the_engine_the_planner_is_told_what_is_needed(tmp_path: Path) -> None:
    extract = tmp_path / "map.osm.pbf"
    extract.write_bytes(b"x")
    with pytest.raises(InputError) as error:
        Routed(Roads(extract, tmp_path), tmp_path).measure(areas(), destinations(), silent())
    said = str(error.value)
    assert ("Python 3.12" in said) == (sys.version_info < (3, 12))
    assert "straight-line" in said or "sufficiency[roads]" in said
