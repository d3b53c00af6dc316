"""The variables of the model, as its rules and its objective see them."""

from __future__ import annotations

from typing import Protocol

from sufficiency.placement.question import Question
from sufficiency.placement.sparse import SparseVar


class Model(Protocol):
    """A Pyomo ConcreteModel as ``model.build`` makes it, with these components.

    Attributes:
        question: what the model was built from.
        placed: children by arc, at the start of the stay.
        unmet: children by cohort that looks for a place.
        open: by (scheme, column), 0 or 1.
        over, beyond: children above places by number in ``place_keys``.
        limit_beyond: children above an inner limit by number in ``limit_keys``.
        displaced: children below the share that stays in a kind by sector group.
        short_roll: places missing from a viable roll by (provision, column).
        out_of_balance: pounds above the allocation by financial year.
        drawn: pounds by (scheme, source, financial year).
    """

    question: Question
    placed: SparseVar
    unmet: SparseVar
    open: SparseVar
    over: SparseVar
    beyond: SparseVar
    limit_beyond: SparseVar
    displaced: SparseVar
    short_roll: SparseVar
    out_of_balance: SparseVar
    drawn: SparseVar
