"""A routing engine's own HTTP service: OSRM ``table`` or Valhalla ``sources_to_targets``.

Only a service on this machine is asked unless the planner allows another: the points where
journeys begin are small areas in which children with plans live, and no business of others.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

from sufficiency.geography.roads import table_of
from sufficiency.geography.sources import Block, Tell
from sufficiency.geography.travel import Array
from sufficiency.problems import InputError, Problem

ENGINES: Final = ("osrm", "valhalla")
_SECONDS: Final = 60.0
_LARGEST_ANSWER: Final = 200_000_000
_TOO_MANY: Final = ("toobig", "too many", "exceeded max")
"""What the engines say when a table is larger than they allow."""


def is_local(url: str) -> bool:
    """Whether an address is this machine: localhost, 127.0.0.0/8 or ::1. No name is looked up."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _TooLarge(Exception):
    """The service allows no table of this size."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could lead away from this machine: it is an error."""

    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        return None


@dataclass
class Service:
    """A service that is running already.

    Attributes:
        url: where it listens, such as http://localhost:5000.
        engine: osrm or valhalla.
        allow_remote: ask a service on another machine, too.
    """

    url: str
    engine: str = "osrm"
    allow_remote: bool = False
    # OSRM allows 100 points in all unless told otherwise, Valhalla 2,500 pairs.
    block_size: tuple[int, int] = (50, 50)
    may_change: bool = True
    _opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(
            urllib.request.ProxyHandler({}), _NoRedirect()
        ),
        init=False,
    )

    @property
    def basis(self) -> str:
        """What the travel table says of its figures."""
        return f"road network ({self.engine} service)"

    def fingerprint(self) -> str:
        """Address, engine and profile; the map behind them may change."""
        return hashlib.sha256(f"{self.engine} {self.url.rstrip('/')} car".encode()).hexdigest()

    def prepare(self, tell: Tell) -> None:
        """Refuse an address that is none, or is not on this machine."""
        parts = urlsplit(self.url)
        try:
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise InputError(
                [Problem("is no address of a service.", "write it as http://localhost:5000.",
                         file="--url", value=self.url)]
            )  # fmt: skip
        if not self.allow_remote and not is_local(self.url):
            raise InputError(
                [Problem("this service is not on this machine, and would be sent the points where "
                         "children with plans live.",
                         "run the service here and name localhost, or say --allow-remote if "
                         "your authority permits it.", file="--url", value=self.url)]
            )  # fmt: skip
        tell(f"Asking the {self.engine} service", 0, 0)

    def block(self, origins: Array, destinations: Array) -> Block:
        """Journeys between points given as rows of longitude and latitude.

        A table that the service finds too large is asked for in halves.

        Raises:
            InputError: when the service does not answer, or not with a table.
        """
        try:
            ask = self._ask_osrm if self.engine == "osrm" else self._ask_valhalla
            answer = ask(origins, destinations)
        except _TooLarge as error:
            if len(origins) > 1:
                middle = len(origins) // 2
                parts = [self.block(o, destinations) for o in (origins[:middle], origins[middle:])]
                self.block_size = (min(middle, self.block_size[0]), self.block_size[1])
                return Block(
                    np.vstack([p.minutes for p in parts]),
                    np.vstack([p.km for p in parts]),
                    np.concatenate([p.origin_away_km for p in parts]),
                    parts[0].destination_away_km,
                )
            if len(destinations) > 1:
                middle = len(destinations) // 2
                parts = [self.block(origins, d) for d in (destinations[:middle],
                                                          destinations[middle:])]  # fmt: skip
                self.block_size = (self.block_size[0], min(middle, self.block_size[1]))
                return Block(
                    np.hstack([p.minutes for p in parts]),
                    np.hstack([p.km for p in parts]),
                    parts[0].origin_away_km,
                    np.concatenate([p.destination_away_km for p in parts]),
                )
            raise self._trouble("refuses even one journey at a time", str(error)) from error
        except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
            raise self._trouble("answers with a table that cannot be read", str(error)) from error
        if answer.minutes.shape != (len(origins), len(destinations)) or (
            answer.km.shape != answer.minutes.shape
        ):
            raise self._trouble("answers with a table of another size", str(answer.minutes.shape))
        if (answer.minutes < 0).any() or (answer.km < 0).any():
            raise self._trouble("answers with negative journeys", "")
        return answer

    def _ask_osrm(self, origins: Array, destinations: Array) -> Block:
        points = ";".join(f"{x:.6f},{y:.6f}" for x, y in np.vstack([origins, destinations]))
        count = len(origins)
        sources = ";".join(map(str, range(count)))
        targets = ";".join(map(str, range(count, count + len(destinations))))
        path = (
            f"/table/v1/driving/{points}?sources={sources}&destinations={targets}"
            "&annotations=duration,distance"
        )
        answer = self._fetch(path)
        if "durations" not in answer or "distances" not in answer:
            raise self._trouble("answers without durations and distances",
                                str(answer.get("message") or answer.get("code") or ""))  # fmt: skip

        def away(name: str, size: int) -> Array:
            found = [point.get("distance") if point else None for point in answer.get(name) or []]
            found = found if len(found) == size else [None] * size
            return np.array([np.nan if f is None else f / 1000 for f in found], dtype=float)

        return Block(
            table_of(answer["durations"]) / 60.0,
            table_of(answer["distances"]) / 1000.0,
            away("sources", count),
            away("destinations", len(destinations)),
        )

    def _ask_valhalla(self, origins: Array, destinations: Array) -> Block:
        def points(where: Array) -> list[dict[str, float]]:
            return [{"lat": round(float(y), 6), "lon": round(float(x), 6)} for x, y in where]

        answer = self._fetch(
            "/sources_to_targets",
            {
                "sources": points(origins),
                "targets": points(destinations),
                "costing": "auto",
                "units": "kilometers",
            },
        )
        table = answer.get("sources_to_targets")
        if isinstance(table, dict):
            seconds, km = table_of(table["durations"]), table_of(table["distances"])
        elif isinstance(table, list):
            seconds, km = (
                table_of([[cell.get(name) for cell in row] for row in table])
                for name in ("time", "distance")
            )
        else:
            raise self._trouble("answers without sources_to_targets", str(answer.get("error", "")))
        # The engine marks a pair without a way by time 0 over a distance, or by no time at all.
        nowhere = np.isnan(seconds) | np.isnan(km)
        return Block(
            np.where(nowhere, np.nan, seconds / 60.0),
            np.where(nowhere, np.nan, km),
            np.full(len(origins), np.nan),
            np.full(len(destinations), np.nan),
        )

    def _fetch(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            self.url.rstrip("/") + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"} if body is not None else {},
        )
        try:
            with self._opener.open(request, timeout=_SECONDS) as reply:
                text = reply.read(_LARGEST_ANSWER)
        except urllib.error.HTTPError as error:
            said = error.read(2_000).decode("utf-8", errors="replace")
            if error.code in (413, 414) or any(word in said.casefold() for word in _TOO_MANY):
                raise _TooLarge(_message(said)) from error
            raise self._trouble(f"answers with an error ({error.code})", _message(said)) from error
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise self._trouble("does not answer", str(reason)) from error
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise self._trouble(
                "answers with something that is no JSON", text[:80].decode("utf-8", "replace")
            ) from error
        if not isinstance(answer, dict):
            raise self._trouble("answers with something that is no table", str(answer)[:80])
        return answer

    def _trouble(self, what: str, value: str) -> InputError:
        return InputError(
            [Problem(f"the {self.engine} service {what}.",
                     "check that it runs, that --url and --engine are right, and that its map "
                     "covers the area.", file=self.url, value=value)]
        )  # fmt: skip


def _message(said: str) -> str:
    """The service's own words, out of its JSON where that is what it sent."""
    try:
        answer = json.loads(said)
        return str(answer.get("message") or answer.get("error") or said)[:120]
    except (ValueError, AttributeError):
        return " ".join(said.split())[:120]
