"""The numbers that a solved model leaves behind, free of Pyomo and of the solver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sufficiency.placement.question import Question
from sufficiency.placement.structure import Labels

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """Decisions and slacks in the order of the question's arrays.

    Attributes:
        placed: children by arc (at the start of the stay).
        unmet: children by cohort.
        opens: column in which each scheme opens, or -1.
        over, beyond: children above places by (provision, year) of ``place_keys``.
        limit_beyond: children above an inner limit by ``limit_keys``.
        displaced: children below the share that stays in a kind, by sector group.
        short_roll: places missing from a viable roll by (provision, column).
        out_of_balance: pounds above the allocation by financial year.
        drawn: pounds by (scheme, source, financial year).
        marginal: present value of one more place by ``place_keys``; NaN where not known.
    """

    placed: Floats
    unmet: Floats
    opens: NDArray[np.int64]
    over: Floats
    beyond: Floats
    limit_beyond: Floats
    displaced: Floats
    short_roll: dict[tuple[int, int], float]
    out_of_balance: dict[int, float]
    drawn: dict[tuple[int, str, int], float]
    marginal: Floats


def read_answer(
    q: Question, columns: Labels, values: Floats, rows: Labels, row_dual: Floats
) -> Answer:
    """Sort solver columns (and duals of the rule ``places``) back into the question's arrays."""

    def of(name: str, count: int) -> Floats:
        at, index = columns.of(name)
        found = np.zeros(count)
        found[index] = np.where(values[at] > 1e-9, values[at], 0.0)
        return found

    def each(name: str) -> Iterator[tuple[Any, float]]:
        at, index = columns.of(name)
        return zip(index.tolist(), values[at].tolist(), strict=True)

    opens = np.full(len(q.schemes), -1, dtype=np.int64)
    for (s, t), value in each("open"):
        if value > 0.5 and (opens[s] < 0 or t < opens[s]):
            opens[s] = t
    marginal = np.full(len(q.place_keys), np.nan)
    if len(row_dual):
        at, index = rows.of("places")
        marginal[:] = 0.0
        marginal[index] = np.maximum(-row_dual[at], 0.0)
    return Answer(
        placed=of("placed", len(q.arcs)),
        unmet=of("unmet", len(q.cohorts)),
        opens=opens,
        over=of("over", len(q.place_keys)),
        beyond=of("beyond", len(q.place_keys)),
        limit_beyond=of("limit_beyond", len(q.limit_keys)),
        displaced=of("displaced", len(q.sector_keys)),
        short_roll={index: max(value, 0.0) for index, value in each("short_roll")},
        out_of_balance={index: max(value, 0.0) for index, value in each("out_of_balance")},
        drawn={index: value for index, value in each("drawn") if value > 1e-6},
        marginal=marginal,
    )
