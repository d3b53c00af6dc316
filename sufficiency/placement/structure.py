"""What a search may know of the standard form: hints by the names of variables and rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sufficiency.placement.model import SCHEME_RULES
from sufficiency.placement.question import Question

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ZONES = 3
"""Zones of a coarse model: in each, children of a tier who enter together are one cohort."""

SHARES = ("preference_floor", "preference_ceiling", "stay_in_sector")
"""Rules that bind shares of many cohorts."""


def hints(
    q: Question, columns: Sequence[tuple[str, Any]], rows: Sequence[tuple[str, Any]]
) -> dict[str, Any]:
    """Arrays that ``solving.Structure`` asks for, by its own names.

    Args:
        q: the question.
        columns, rows: (name, index) of every column and row of the standard form.
    """
    name = np.array([n for n, _ in columns])
    rule = np.array([n for n, _ in rows])
    placed = np.flatnonzero(name == "placed")
    column_index = np.array(
        [i if n in ("placed", "unmet") else -1 for n, i in columns], dtype=object
    )
    arc = column_index[placed].astype(np.int64)
    unmet = np.flatnonzero(name == "unmet")
    looking = column_index[unmet].astype(np.int64)

    row_of_cohort = np.full(len(q.cohorts), -1, dtype=np.int64)
    chosen = np.flatnonzero(rule == "every_child_placed")
    row_index = np.array([i if isinstance(i, int) else -1 for _, i in rows], dtype=np.int64)
    row_of_cohort[row_index[chosen]] = chosen
    cohort = q.arcs["cohort"].to_numpy(np.int64)
    choice = np.full(len(columns), -1, dtype=np.int64)
    settled_row = np.full(len(q.arcs), -1, dtype=np.int64)
    settled_rows = np.flatnonzero(rule == "settled_children_stay")
    settled_row[row_index[settled_rows]] = settled_rows
    own = np.where(q.arcs["staying"].to_numpy(bool), -1, row_of_cohort[cohort])
    choice[placed] = np.where(settled_row >= 0, settled_row, own)[arc]
    choice[unmet] = row_of_cohort[looking]
    entry = q.cohorts["entry"].to_numpy(np.int64)
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
        at = np.flatnonzero(rule == family)
        alike_rows[at] = len(rows) + number * len(q.arcs) + like_arc[arcs[row_index[at]]]
    alike_rows[chosen] = len(rows) + len(of_arcs) * len(q.arcs) + like[row_index[chosen]]
    return {
        "switch": name == "open",
        "switch_rows": np.isin(rule, SCHEME_RULES),
        "defining": rule == "stay_on_in_all_through",
        "link": rule == "opens_before_use",
        "shares": np.isin(rule, SHARES),
        "reserve": name == "unmet",
        "choice": choice,
        "stage": stage,
        "alike_columns": alike_columns,
        "alike_rows": alike_rows,
        **_alike_money(q, columns, rows),
    }


def _alike_money(
    q: Question, columns: Sequence[tuple[str, Any]], rows: Sequence[tuple[str, Any]]
) -> dict[str, Ints]:
    """Money of schemes that may draw on the same sources counts as one."""
    sources = [tuple(sorted(s)) for s in q.funding_sources]

    def groups(labels: Sequence[tuple[str, Any]], name: str) -> Ints:
        seen: dict[Any, int] = {}
        found = np.arange(len(labels), dtype=np.int64)
        for i, (label, index) in enumerate(labels):
            if label == name:
                found[i] = seen.setdefault((sources[index[0]], *index[1:]), i)
        return found

    return {
        "merge_columns": groups(columns, "drawn"),
        "merge_rows": groups(rows, "capital_drawn"),
    }


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
