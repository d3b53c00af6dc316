"""HiGHS behind one adapter: standard form in memory, options, progress, starts, explanations."""

from sufficiency.solving.highs import (
    Outcome,
    Progress,
    SolveOptions,
    StandardForm,
    contradictions,
    search,
    solve,
    solver_version,
)

__all__ = [
    "Outcome",
    "Progress",
    "SolveOptions",
    "StandardForm",
    "contradictions",
    "search",
    "solve",
    "solver_version",
]
