"""One-way journeys from small areas to provision: supplied where known, estimated where not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sufficiency.rules import PlanningModel

Array = NDArray[np.float64]

STRAIGHT_LINE: Final = "straight line"
"""How the travel table's column ``basis`` calls a journey that nobody measured."""


@dataclass(frozen=True)
class Journeys:
    """One-way minutes and km, areas in rows and destinations in columns.

    ``estimated`` counts the pairs that come from straight lines, of ``pairs`` in all; near-home
    provision is not counted.
    """

    minutes: Array
    km: Array
    estimated: int
    pairs: int


def straight_km(origins: pd.DataFrame, destinations: pd.DataFrame) -> Array:
    """Km as the crow flies, origins in rows; columns easting, northing (metres, EPSG:27700)."""
    east, north = (
        origins[axis].to_numpy(float)[:, None] - destinations[axis].to_numpy(float)[None, :]
        for axis in ("easting", "northing")
    )
    return np.asarray(np.hypot(east, north) / 1000.0)


def straight_line_minutes(km: Array, estimate: Mapping[str, float]) -> Array:
    """Minutes one way for straight-line km, by the model's ``travel_estimate``.

    A journey begins and ends in streets and lanes: its first ``slow_km`` take
    ``minutes_per_slow_km`` each, every further km ``minutes_per_straight_km``, and
    ``fixed_minutes`` are added. With a slow part that is slower, the curve is concave.
    """
    slow = np.minimum(km, estimate["slow_km"])
    return np.asarray(
        estimate["fixed_minutes"]
        + estimate["minutes_per_slow_km"] * slow
        + estimate["minutes_per_straight_km"] * (km - slow)
    )


def journeys(
    areas: pd.DataFrame, destinations: pd.DataFrame, travel: pd.DataFrame, model: PlanningModel
) -> Journeys:
    """Give every area a journey to every destination.

    Args:
        areas: columns area, easting, northing (metres, EPSG:27700).
        destinations: columns destination (id in the travel table), kind, easting, northing; a
            destination without coordinates is near home, whatever the home.
        travel: columns area, destination, minutes, km; pairs may be missing. A column ``basis``
            that begins with "straight line" marks a journey as estimated.
        model: gives near_home_travel and travel_estimate.
    """
    straight = straight_km(areas, destinations)
    minutes = straight_line_minutes(straight, model.travel_estimate)
    km = model.travel_estimate["road_km_per_straight_km"] * straight
    known = np.zeros(minutes.shape, dtype=bool)
    near_home = destinations["easting"].isna().to_numpy()
    for column in np.flatnonzero(near_home):
        journey = model.for_kind("near_home_travel", destinations["kind"].iloc[column])
        minutes[:, column] = journey["minutes"]
        km[:, column] = journey["km"]
        known[:, column] = True
    if len(travel):
        row_of = pd.Series(np.arange(len(areas)), index=areas["area"])
        rows = row_of.reindex(travel["area"]).to_numpy(float)
        wanted = destinations["destination"].to_numpy()
        measured = np.ones(len(travel), dtype=bool)
        if "basis" in travel:
            basis = travel["basis"].fillna("").astype(str)
            measured = ~basis.str.casefold().str.startswith(STRAIGHT_LINE).to_numpy(bool)
        for name, index in travel.groupby("destination", sort=False).indices.items():
            for column in np.flatnonzero(wanted == name):
                at = index[np.isfinite(rows[index])]
                where = rows[at].astype(int)
                minutes[where, column] = travel["minutes"].to_numpy(float)[at]
                km[where, column] = travel["km"].to_numpy(float)[at]
                known[where, column] = measured[at]
    counted = ~near_home
    return Journeys(
        minutes=minutes,
        km=km,
        estimated=int((~known[:, counted]).sum()),
        pairs=int(counted.sum()) * len(areas),
    )
