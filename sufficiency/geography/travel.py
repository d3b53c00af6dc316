"""One-way journeys from small areas to provision: supplied where known, estimated where not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sufficiency.rules import PlanningModel

Array = NDArray[np.float64]


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


def journeys(
    areas: pd.DataFrame, destinations: pd.DataFrame, travel: pd.DataFrame, model: PlanningModel
) -> Journeys:
    """Give every area a journey to every destination.

    Args:
        areas: columns area, easting, northing (metres, EPSG:27700).
        destinations: columns destination (id in the travel table), kind, easting, northing; a
            destination without coordinates is near home, whatever the home.
        travel: columns area, destination, minutes, km; pairs may be missing.
        model: gives near_home_travel and travel_estimate.
    """
    straight_km = (
        np.hypot(
            areas["easting"].to_numpy(float)[:, None]
            - destinations["easting"].to_numpy(float)[None, :],
            areas["northing"].to_numpy(float)[:, None]
            - destinations["northing"].to_numpy(float)[None, :],
        )
        / 1000.0
    )
    estimate = model.travel_estimate
    minutes = estimate["fixed_minutes"] + estimate["minutes_per_straight_km"] * straight_km
    km = estimate["road_km_per_straight_km"] * straight_km
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
        for name, index in travel.groupby("destination", sort=False).indices.items():
            for column in np.flatnonzero(wanted == name):
                at = index[np.isfinite(rows[index])]
                where = rows[at].astype(int)
                minutes[where, column] = travel["minutes"].to_numpy(float)[at]
                km[where, column] = travel["km"].to_numpy(float)[at]
                known[where, column] = True
    counted = ~near_home
    return Journeys(
        minutes=minutes,
        km=km,
        estimated=int((~known[:, counted]).sum()),
        pairs=int(counted.sum()) * len(areas),
    )
