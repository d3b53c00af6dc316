"""sufficiency: an optimiser for specialist school places.

The Python way in: ``load_scenario`` reads and validates, ``optimise`` finds a plan and audits it,
``Plan`` holds it as DataFrames, ``write_results`` writes the run folder with its report.
``try_sites`` and ``map_value`` try a school that nobody has listed; ``rank_sites``,
``alternatives``, ``frontier``, ``marginal``, ``bases`` and ``price_rules`` say what there is to
choose and what a choice costs. Each of them gives a ``Finding``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sufficiency.problems import InputError, NoPlanError

if TYPE_CHECKING:
    from sufficiency.pipeline import Loaded, load_scenario, optimise, write_results
    from sufficiency.plan import Plan, read_run
    from sufficiency.plan.finding import Finding, read_finding
    from sufficiency.rules import Scenario
    from sufficiency.studies.bases import bases
    from sufficiency.studies.frontier import frontier
    from sufficiency.studies.margins import marginal
    from sufficiency.studies.price_rules import price_rules
    from sufficiency.studies.ranking import alternatives, rank_sites
    from sufficiency.studies.site_tests import try_sites
    from sufficiency.studies.value_map import map_value

__version__ = "0.1.0"

__all__ = [
    "Finding",
    "InputError",
    "Loaded",
    "NoPlanError",
    "Plan",
    "Scenario",
    "__version__",
    "alternatives",
    "bases",
    "frontier",
    "load_scenario",
    "map_value",
    "marginal",
    "optimise",
    "price_rules",
    "rank_sites",
    "read_finding",
    "read_run",
    "try_sites",
    "write_results",
]


_HOME = {
    "Finding": "plan.finding",
    "Loaded": "pipeline",
    "Plan": "plan",
    "Scenario": "rules",
    "alternatives": "studies.ranking",
    "bases": "studies.bases",
    "frontier": "studies.frontier",
    "load_scenario": "pipeline",
    "map_value": "studies.value_map",
    "marginal": "studies.margins",
    "optimise": "pipeline",
    "price_rules": "studies.price_rules",
    "rank_sites": "studies.ranking",
    "read_finding": "plan.finding",
    "read_run": "plan",
    "try_sites": "studies.site_tests",
    "write_results": "pipeline",
}


def __getattr__(name: str) -> Any:
    """Names are loaded where they are asked for: they bring tables, a solver and charts along."""
    if name in _HOME:
        return getattr(import_module(f"sufficiency.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
