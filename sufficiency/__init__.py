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

from sufficiency.pipeline import Loaded, load_scenario, optimise, write_results
from sufficiency.plan import Plan, read_run
from sufficiency.plan.finding import Finding, read_finding
from sufficiency.problems import InputError, NoPlanError
from sufficiency.rules import Scenario

if TYPE_CHECKING:
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


_STUDIES = {
    "alternatives": "ranking",
    "bases": "bases",
    "frontier": "frontier",
    "map_value": "value_map",
    "marginal": "margins",
    "price_rules": "price_rules",
    "rank_sites": "ranking",
    "try_sites": "site_tests",
}


def __getattr__(name: str) -> Any:
    """Studies are loaded where they are asked for: they bring charts and maps with them."""
    if name in _STUDIES:
        return getattr(import_module(f"sufficiency.studies.{_STUDIES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
