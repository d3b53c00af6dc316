"""A road network on this machine: an OpenStreetMap extract through OSRM, in this process.

The engine is the optional extra ``roads`` (package osrm-bindings, wheels for Python 3.12 and
newer). No server runs and no network is used. The graph is built once for each extract, engine
version and profile, aside and then renamed, and opened from the cache afterwards.

OSRM was measured against Valhalla (pyvalhalla 3.9.1) on a synthetic county of 90 by 90 km with
195,707 roads, 600 areas and 150 destinations, on two cores: the graph took 25 seconds against 6,
the 90,000 journeys 2.3 seconds against 47, and OSRM joined 97% of the pairs against 71% (the rest
lie on roads that lead nowhere). It is the exact table that decides: OSRM is used with
multi-level Dijkstra, for contracting the same network took more than four minutes.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from sufficiency.geography.sources import Block, Tell
from sufficiency.geography.travel import Array
from sufficiency.problems import InputError, Problem

PROFILE: Final = "car"
EXTENSIONS: Final = (".osm.pbf", ".osm", ".osm.bz2")
_STEPS: Final = {
    "extract": "Reading the roads of the map",
    "partition": "Dividing the road network",
    "customize": "Timing the road network",
}
_STEM: Final = "map"
_DONE: Final = f"{_STEM}.osrm.mldgr"
"""The file that the last step writes."""
_MOST_POINTS: Final = 1_000_000


def why_not() -> str:
    """Why the road engine cannot be used here; empty when it can."""
    try:
        importlib.import_module("osrm")
    except ImportError as error:
        if sys.version_info < (3, 12):
            return (
                "its engine (osrm-bindings) is made for Python 3.12 and newer; this is Python "
                f"{sys.version_info.major}.{sys.version_info.minor}"
            )
        return f"its engine is not installed ({error})"
    return ""


@dataclass
class Roads:
    """OSRM on one extract.

    Attributes:
        extract: file of OpenStreetMap data (.osm.pbf, .osm or .osm.bz2).
        cache: folder in which graphs are kept.
        threads: for building the graph.
    """

    extract: Path
    cache: Path
    threads: int = 2
    basis: str = "road network"
    block_size: tuple[int, int] = (200, 1000)
    may_change: bool = False
    _hash: str = field(default="", init=False)
    _engine: Any = field(default=None, init=False)

    def fingerprint(self) -> str:
        """Content of the extract, version of the engine, profile."""
        if not self._hash:
            with self.extract.open("rb") as handle:
                content = hashlib.file_digest(handle, "sha256").hexdigest()
            key = f"osrm {version('osrm-bindings')} {PROFILE} mld {content}"
            self._hash = hashlib.sha256(key.encode()).hexdigest()
        return self._hash

    def prepare(self, tell: Tell) -> None:
        """Build the graph unless it is cached, and open it.

        Raises:
            InputError: when the engine is missing, or the extract cannot be used.
        """
        if self._engine is not None:
            return
        reason = why_not()
        if reason:
            remedy = (
                "make an environment with Python 3.12 or newer, or use --source service, file or "
                "straight-line."
                if sys.version_info < (3, 12)
                else "install sufficiency with its extra: pip install 'sufficiency[roads]'."
            )
            raise InputError([Problem(f"the source roads cannot be used: {reason}.", remedy)])
        self._refuse_unusable()
        folder = self.cache / "graphs" / self.fingerprint()[:32]
        if not (folder / _DONE).is_file():
            self._build(folder, tell)
        osrm = importlib.import_module("osrm")
        self._engine = osrm.OSRM(
            storage_config=str(folder.resolve() / _STEM),
            algorithm="MLD",
            use_shared_memory=False,
            max_locations_distance_table=_MOST_POINTS,
        )

    def _refuse_unusable(self) -> None:
        name = self.extract.name
        say = None
        if not self.extract.is_file():
            say = ("does not exist.", "correct the path after --map.")
        elif not name.lower().endswith(EXTENSIONS):
            say = ("is no OpenStreetMap extract.", "give a file that ends in .osm.pbf.")
        elif self.extract.stat().st_size == 0:
            say = ("is empty (0 bytes).", "download the extract again.")
        elif ".osm" in str(self.cache.resolve()):
            # The engine cuts its file names at the first ".osm".
            raise InputError(
                [Problem("the cache folder's path holds '.osm', at which the engine stumbles.",
                         "choose another folder with --cache.", file=str(self.cache))]
            )  # fmt: skip
        if say:
            raise InputError([Problem(*say, file=name)])

    def _build(self, folder: Path, tell: Tell) -> None:
        package = Path(str(importlib.import_module("osrm").__file__)).parent
        profile = package / "share" / "profiles" / f"{PROFILE}.lua"
        aside = folder.with_name(f"{folder.name}-{os.getpid()}-unfinished")
        base = str(aside.resolve() / _STEM)
        threads = ["-t", str(self.threads)]
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            for step, words in _STEPS.items():
                tell(words, 0, 0)
                arguments = [base]
                if step == "extract":
                    arguments = ["-p", str(profile), "-o", base, str(self.extract.resolve())]
                done = subprocess.run(
                    [sys.executable, "-m", "osrm", step, *threads, *arguments],
                    capture_output=True,
                    text=True,
                    errors="replace",
                    cwd=aside,
                )
                if done.returncode:
                    raise InputError(
                        [Problem("no road network can be built from this file.",
                                 "check that it is a whole OpenStreetMap extract that covers "
                                 "the area; download it again if in doubt.",
                                 file=self.extract.name,
                                 value=_last_error(done.stdout + done.stderr))]
                    )  # fmt: skip
            shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)
        except OSError as error:
            raise InputError(
                [Problem("the road network could not be written.",
                         "free some disk space, or choose another folder with --cache.",
                         file=str(self.cache), value=str(error.strerror or error))]
            ) from error  # fmt: skip
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def block(self, origins: Array, destinations: Array) -> Block:
        """Journeys between points given as rows of longitude and latitude."""
        osrm = importlib.import_module("osrm")
        count = len(origins)
        answer = self._engine.Table(
            osrm.TableParameters(
                coordinates=[(float(x), float(y)) for x, y in np.vstack([origins, destinations])],
                sources=list(range(count)),
                destinations=list(range(count, count + len(destinations))),
                annotations=["duration", "distance"],
            )
        )
        return Block(
            table_of(answer["durations"]) / 60.0,
            table_of(answer["distances"]) / 1000.0,
            np.array([point["distance"] for point in answer["sources"]], dtype=float) / 1000.0,
            np.array([point["distance"] for point in answer["destinations"]], dtype=float) / 1000.0,
        )


def table_of(rows: Any) -> Array:
    """A table of numbers, None as NaN."""
    return np.array([[np.nan if cell is None else cell for cell in row] for row in rows], float)


def _last_error(text: str) -> str:
    """The last line by which the engine says what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wrong = [line for line in lines if "[error]" in line or "what():" in line]
    line = (wrong or lines or ["no message"])[-1]
    return line.split("[error]")[-1].split("what():")[-1].strip()
