"""What a search may know of the standard form: hints by the names of variables and rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sufficiency.placement.model import SCHEME_RULES
from sufficiency.placement.question import Question

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ZONES = 2
"""Zones of a coarse model: in each, children of a tier who enter together are one cohort."""

SHARES = ("preference_floor", "preference_ceiling", "preference_share", "stay_in_sector")
"""Rules that bind shares of many cohorts."""


class Labels(Protocol):
    """Names of the columns or rows of a standard form, as the solving room keeps them."""

    def __len__(self) -> int: ...

    def among(self, *names: str) -> Bools:
        """Where one of these names stands."""

    def of(self, name: str) -> tuple[Ints, NDArray[Any]]:
        """Positions of a name, and the indices there."""


def hints(q: Question, columns: Labels, rows: Labels) -> dict[str, Any]:
    """Arrays that ``solving.Structure`` asks for, by its own names.

    Args:
        q: the question.
        columns, rows: what the columns and rows of the standard form are called.
    """
    placed, arc = columns.of("placed")
    unmet, looking = columns.of("unmet")
    chosen, choosing = rows.of("every_child_placed")
    settled, settled_arc = rows.of("settled_children_stay")
    cohort = q.arcs["cohort"].to_numpy(np.int64)

    row_of_cohort = np.full(len(q.cohorts), -1, dtype=np.int64)
    row_of_cohort[choosing] = chosen
    row_of_arc = np.where(q.arcs["staying"].to_numpy(bool), -1, row_of_cohort[cohort])
    row_of_arc[settled_arc] = settled
    choice = np.full(len(columns), -1, dtype=np.int64)
    choice[placed] = row_of_arc[arc]
    choice[unmet] = row_of_cohort[looking]
    entry = q.cohorts["entry"].to_numpy(np.int64)  # settled children: 0
    stage = np.full(len(columns), -1, dtype=np.int64)
    stage[placed] = entry[cohort[arc]]
    stage[unmet] = entry[looking]

    like = _alike_cohorts(q)
    like_arc = _codes(
        like[cohort], *(q.arcs[c].to_numpy(np.int64) for c in (
            "provision", "end", "settled", "staying", "only_staying"))
    )  # fmt: skip
    alike_columns = np.arange(len(columns), dtype=np.int64)
    alike_columns[placed] = len(columns) + like_arc[arc]
    alike_columns[unmet] = len(columns) + len(q.arcs) + like[looking]
    alike_rows = np.arange(len(rows), dtype=np.int64)
    of_arcs = {
        "settled_children_stay": np.arange(len(q.arcs)),
        "opens_before_use": np.arange(len(q.arcs)),
        "stay_on_in_all_through": q.stay_on["arc"].to_numpy(np.int64),
        "only_those_already_there": q.only["arc"].to_numpy(np.int64),
    }
    for number, (family, arcs) in enumerate(of_arcs.items()):
        at, index = rows.of(family)
        alike_rows[at] = len(rows) + number * len(q.arcs) + like_arc[arcs[index]]
    alike_rows[chosen] = len(rows) + len(of_arcs) * len(q.arcs) + like[choosing]
    return {
        "switch": columns.among("open"),
        "switch_rows": rows.among(*SCHEME_RULES),
        "defining": rows.among("stay_on_in_all_through"),
        "link": rows.among("opens_before_use"),
        "shares": rows.among(*SHARES),
        "reserve": columns.among("unmet"),
        "choice": choice,
        "stage": stage,
        "alike_columns": alike_columns,
        "alike_rows": alike_rows,
        "merge_columns": _merged(columns, "drawn", lambda s, b, f: (*q.sources_of(s), b, f)),
        "merge_rows": _merged(rows, "capital_drawn", lambda s, f: (*q.sources_of(s), f)),
    }


def _merged(labels: Labels, name: str, group: Callable[..., tuple[Any, ...]]) -> Ints:
    """Group numbers: those of ``name`` with the same key are one group, any other is its own."""
    merged = np.arange(len(labels), dtype=np.int64)
    at, index = labels.of(name)
    first: dict[tuple[Any, ...], int] = {}
    for position, key in zip(at.tolist(), index.tolist(), strict=True):
        merged[position] = first.setdefault(group(*key), position)
    return merged


def _alike_cohorts(q: Question) -> Ints:
    """Group numbers of cohorts: zone (areas with like journeys), tier, entry, year group."""
    minutes = q.journeys.minutes
    # Seeds far from each other; every area belongs to the nearest.
    seeds = [0]
    nearest = np.linalg.norm(minutes - minutes[0], axis=1)
    zone = np.zeros(len(minutes), dtype=np.int64)
    while len(seeds) < ZONES and nearest.max() > 0:
        seeds.append(int(nearest.argmax()))
        distance = np.linalg.norm(minutes - minutes[seeds[-1]], axis=1)
        zone = np.where(distance < nearest, len(seeds) - 1, zone)
        nearest = np.minimum(nearest, distance)
    zone_of = pd.Series(zone, index=list(q.areas)).reindex(q.cohorts["area"]).to_numpy(np.int64)
    settled = (q.cohorts["origin"] == "settled").to_numpy()
    return _codes(
        zone_of,
        q.cohorts["tier"].to_numpy(np.int64),
        q.cohorts["entry"].to_numpy(np.int64),
        np.where(settled, -99, q.cohorts["entry_year_group"].to_numpy(np.int64)),
    )


def _codes(*keys: NDArray[Any]) -> Ints:
    frame = pd.DataFrame({str(i): key for i, key in enumerate(keys)})
    groups = frame.groupby(list(frame.columns), sort=False).ngroup()
    return np.asarray(groups.to_numpy(np.int64))
