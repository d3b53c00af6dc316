"""A routing engine's local service, played by a small server: times, cache, and every refusal."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from sufficiency.geography.service import Service, is_local
from sufficiency.geography.sources import Routed
from sufficiency.geography.travel import straight_km
from sufficiency.problems import InputError
from tests.geography.places import areas, destinations, silent

GRID = Transformer.from_crs(4326, 27700, always_xy=True)


class Fake(ThreadingHTTPServer):
    """Answers as OSRM and Valhalla do: 50 km an hour along 1.2 times the straight line."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[int] = []
        self.most_points = 100
        self.slower = 1.0
        self.without_way: set[tuple[int, int]] = set()
        self.answer: tuple[int, str, dict[str, str]] | None = None
        self.fail_after = 10**9

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def table(self, origins: list[Any], targets: list[Any]) -> list[list[dict[str, float] | None]]:
        self.asked.append(len(origins) * len(targets))
        home, away = (np.column_stack(GRID.transform(*np.array(p).T)) for p in (origins, targets))
        km = 1.2 * np.hypot(*(home[:, None] - away[None]).transpose(2, 0, 1)) / 1000
        return [
            [
                None
                if (round(home[i, 0] / 1000), round(away[j, 0] / 1000)) in self.without_way
                else {"time": km[i, j] / 50 * 3600 * self.slower, "distance": km[i, j]}
                for j in range(len(away))
            ]
            for i in range(len(home))
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Fake

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if self._planned():
            return
        points = [tuple(map(float, p.split(","))) for p in parts.path.split("/")[-1].split(";")]
        if len(points) > self.server.most_points:
            return self._say(400, {"code": "TooBig", "message": "Too many table coordinates"})
        query = parse_qs(parts.query)
        chosen = [[points[int(i)] for i in query[name][0].split(";")]
                  for name in ("sources", "destinations")]  # fmt: skip
        table = self.server.table(*chosen)
        self._say(200, {
            "code": "Ok",
            "durations": [[c and c["time"] for c in row] for row in table],
            "distances": [[c and c["distance"] * 1000 for c in row] for row in table],
            "sources": [{"distance": 12.0} for _ in chosen[0]],
            "destinations": [{"distance": 7.5} for _ in chosen[1]],
        })  # fmt: skip

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._planned():
            return
        chosen = [[(p["lon"], p["lat"]) for p in body[name]] for name in ("sources", "targets")]
        if len(chosen[0]) * len(chosen[1]) > self.server.most_points**2 / 4:
            return self._say(400, {"error_code": 150, "error": "Exceeded max locations: 50"})
        table = self.server.table(*chosen)
        self._say(200, {"sources_to_targets": [
            [cell or {"time": None, "distance": None} for cell in row] for row in table
        ]})  # fmt: skip

    def _planned(self) -> bool:
        if len(self.server.asked) >= self.server.fail_after:
            self._say(500, {"message": "worn out"})
            return True
        if self.server.answer is not None:
            self.server.asked.append(0)
            self._say(*self.server.answer)
            return True
        return False

    def _say(self, code: int, body: object, headers: dict[str, str] | None = None) -> None:
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def fake() -> Iterator[Fake]:
    server = Fake()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def expected(homes: pd.DataFrame, places: pd.DataFrame) -> np.ndarray:
    return 1.2 * straight_km(homes, places) / 50 * 60


@pytest.mark.parametrize("engine", ["osrm", "valhalla"])
def test_times_of_a_service(engine: str, fake: Fake, tmp_path: Path) -> None:
    homes, places = areas(110), destinations(70)
    fake.without_way = {(402, 404)}  # A1 to P1
    found = Routed(Service(fake.url, engine), tmp_path).measure(homes, places, silent())
    wanted = expected(homes, places)
    wanted[0, 0] = np.nan
    assert found.minutes == pytest.approx(wanted, abs=0.01, nan_ok=True)
    assert found.km == pytest.approx(wanted / 60 * 50, abs=0.01, nan_ok=True)
    assert found.unreachable.to_dict("records") == [
        {"area": "A1", "destination": "P1", "reason": "the roads of the map do not join the two"}
    ]
    assert found.basis == f"road network ({engine} service)"
    assert max(fake.asked) <= 2_500 and sum(fake.asked) == 110 * 70


def test_progress_is_told_to_the_end(fake: Fake, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    Routed(Service(fake.url), tmp_path).measure(
        areas(120), destinations(60), lambda *step: told.append(step)
    )
    steps = [(done, total) for words, done, total in told if words == "Measuring journeys by road"]
    assert steps[0] == (0, 7_200) and steps[-1] == (7_200, 7_200)
    assert steps == sorted(steps) and len(steps) == 1 + 3 * 2


@pytest.mark.parametrize("engine", ["osrm", "valhalla"])
def test_a_service_that_allows_less_is_asked_for_less(
    engine: str, fake: Fake, tmp_path: Path
) -> None:
    fake.most_points = 13
    homes, places = areas(40), destinations(21)
    found = Routed(Service(fake.url, engine), tmp_path).measure(homes, places, silent())
    assert found.minutes == pytest.approx(expected(homes, places), abs=0.01)


def test_a_new_provision_costs_one_column_and_a_moved_area_one_row(
    fake: Fake, tmp_path: Path
) -> None:
    homes, places = areas(60), destinations(8)
    engine = Service(fake.url)
    Routed(engine, tmp_path).measure(homes, places, silent())
    fake.asked.clear()
    again = Routed(engine, tmp_path).measure(homes, places, silent())
    assert sum(fake.asked) == 25  # whether the service still says the same
    assert again.minutes == pytest.approx(expected(homes, places), abs=0.01)
    assert "480 of 480 journeys come from the cache." in again.notes
    fake.asked.clear()
    more = destinations(9)
    homes.loc[3, "northing"] += 500
    found = Routed(engine, tmp_path).measure(homes, more, silent())
    # Again 25 pairs of known areas, then 59 areas to the new provision, and one area to all.
    assert sum(fake.asked) == 25 + 59 + 9
    assert found.minutes == pytest.approx(expected(homes, more), abs=0.01)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_service_with_a_new_map_is_asked_anew(fake: Fake, tmp_path: Path) -> None:
    homes, places = areas(12), destinations(4)
    engine = Service(fake.url)
    Routed(engine, tmp_path).measure(homes, places, silent())
    fake.slower = 1.5
    found = Routed(engine, tmp_path).measure(homes, places, silent())
    assert found.minutes == pytest.approx(1.5 * expected(homes, places), abs=0.01)
    assert any("asked anew" in note for note in found.notes)


def test_what_was_measured_before_a_failure_is_kept(fake: Fake, tmp_path: Path) -> None:
    homes, places = areas(120), destinations(10)
    fake.fail_after = 2
    engine = Service(fake.url)
    with pytest.raises(InputError, match="worn out"):
        Routed(engine, tmp_path).measure(homes, places, silent())
    fake.fail_after = 10**9
    fake.asked.clear()
    found = Routed(engine, tmp_path).measure(homes, places, silent())
    assert sum(fake.asked) == 25 + 20 * 10
    assert found.minutes == pytest.approx(expected(homes, places), abs=0.01)


def test_a_damaged_cache_is_written_anew(fake: Fake, tmp_path: Path) -> None:
    homes, places = areas(3), destinations(2)
    Routed(Service(fake.url), tmp_path).measure(homes, places, silent())
    (cache,) = tmp_path.iterdir()
    cache.write_bytes(b"PAR1 cut off")
    found = Routed(Service(fake.url), tmp_path).measure(homes, places, silent())
    assert found.minutes == pytest.approx(expected(homes, places), abs=0.01)
    assert len(pd.read_parquet(cache)) == 6


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:5000", True),
        ("http://127.0.0.1:5000", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:8002", True),
        ("http://localhost.example.org", False),
        ("http://10.0.0.4:5000", False),
        ("http://192.168.1.7", False),
        ("https://router.example.org", False),
        ("http://127.0.0.1@example.org", False),
        ("http://0.0.0.0:5000", False),
    ],
)
def test_only_this_machine_is_local(url: str, local: bool) -> None:
    assert is_local(url) is local
    if not local:
        with pytest.raises(InputError, match="not on this machine") as error:
            Service(url).prepare(silent())
        assert "--allow-remote" in str(error.value)
        Service(url, allow_remote=True).prepare(silent())


def test_a_redirect_is_not_followed(fake: Fake) -> None:
    fake.answer = (302, "", {"Location": "http://example.org/table"})
    with pytest.raises(InputError, match="302"):
        Routed(Service(fake.url), None).measure(areas(2), destinations(2), silent())
    assert len(fake.asked) == 1


@pytest.mark.parametrize("engine", ["osrm", "valhalla"])
@pytest.mark.parametrize(
    ("code", "body", "said"),
    [
        (200, "<html>welcome</html>", "is no JSON"),
        (200, "[1, 2]", "is no table"),
        (200, "{}", "answers without"),
        (200, '{"durations": [[1]], "distances": [[1]], "sources_to_targets": [[{}]]}', "size"),
        (200, '{"durations": [["a"]], "distances": 5, "sources_to_targets": [5]}', "cannot be"),
        (
            200,
            '{"durations": [[-1, 1], [1, 1]], "distances": [[1, 1], [1, 1]],'
            ' "sources_to_targets": {"durations": [[-1, 1], [1, 1]],'
            ' "distances": [[1, 1], [1, 1]]}}',
            "negative",
        ),
        (400, '{"message": "Query string malformed", "error": "bad"}', "error \\(400\\)"),
        (500, "oops", "error \\(500\\)"),
        (400, '{"code": "TooBig", "message": "Too many table coordinates"}', "even one journey"),
    ],
)
def test_an_odd_answer_is_an_error_in_words(
    engine: str, code: int, body: str, said: str, fake: Fake
) -> None:
    fake.answer = (code, body, {})
    with pytest.raises(InputError, match=said):
        Routed(Service(fake.url, engine), None).measure(areas(2), destinations(2), silent())


def test_no_service_at_all(tmp_path: Path) -> None:
    server = Fake()
    url = server.url
    server.server_close()
    with pytest.raises(InputError, match="does not answer"):
        Routed(Service(url), tmp_path).measure(areas(2), destinations(2), silent())
    for wrong in ("localhost:5000", "ftp://localhost", "http://", "http://localhost:x"):
        with pytest.raises(InputError, match="no address"):
            Service(wrong).prepare(silent())
