"""The numbers that a solved model leaves behind, free of Pyomo and of the solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sufficiency.placement.question import Question

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
    q: Question,
    columns: Sequence[tuple[str, Any]],
    values: Floats,
    rows: Sequence[tuple[str, Any]],
    row_dual: Floats,
) -> Answer:
    """Sort solver columns (and duals of the rule ``places``) back into the question's arrays."""
    arrays = {
        "placed": np.zeros(len(q.arcs)),
        "unmet": np.zeros(len(q.cohorts)),
        "over": np.zeros(len(q.place_keys)),
        "beyond": np.zeros(len(q.place_keys)),
        "limit_beyond": np.zeros(len(q.limit_keys)),
        "displaced": np.zeros(len(q.sector_keys)),
    }
    opens = np.full(len(q.schemes), -1, dtype=np.int64)
    short: dict[tuple[int, int], float] = {}
    balance: dict[int, float] = {}
    drawn: dict[tuple[int, str, int], float] = {}
    for (name, index), value in zip(columns, values.tolist(), strict=True):
        if name in arrays:
            arrays[name][index] = max(value, 0.0) if value > 1e-9 else 0.0
        elif name == "open":
            s, t = index
            if value > 0.5 and (opens[s] < 0 or t < opens[s]):
                opens[s] = t
        elif name == "short_roll":
            short[index] = max(value, 0.0)
        elif name == "out_of_balance":
            balance[index] = max(value, 0.0)
        elif name == "drawn" and value > 1e-6:
            drawn[index] = value
    marginal = np.full(len(q.place_keys), np.nan)
    if len(row_dual):
        marginal[:] = 0.0
        for (name, index), dual in zip(rows, row_dual.tolist(), strict=True):
            if name == "places":
                marginal[index] = max(-dual, 0.0)
    return Answer(opens=opens, short_roll=short, out_of_balance=balance, drawn=drawn,
                  marginal=marginal, **arrays)  # fmt: skip
