"""HiGHS behind one adapter: standard form in memory, options, progress, starts, explanations."""

from sufficiency.solving.decomposition import Learnt, Limits, SchemeSearch
from sufficiency.solving.formulations import FORMULATIONS, solve_as
from sufficiency.solving.highs import (
    Outcome,
    Progress,
    SolveOptions,
    StandardForm,
    contradictions,
    solve,
    solver_version,
)
from sufficiency.solving.reading import Labels
from sufficiency.solving.structure import Structure

__all__ = [
    "FORMULATIONS",
    "Labels",
    "Learnt",
    "Limits",
    "Outcome",
    "Progress",
    "SchemeSearch",
    "SolveOptions",
    "StandardForm",
    "Structure",
    "contradictions",
    "solve",
    "solve_as",
    "solver_version",
]
