"""sufficiency: an optimiser for specialist school places.

The Python way in: ``load_scenario`` reads and validates, ``optimise`` finds a plan and audits it,
``Plan`` holds it as DataFrames, ``write_results`` writes the run folder with its report.
``try_sites`` and ``map_value`` try a school that nobody has listed; both give a ``Finding``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sufficiency.pipeline import Loaded, load_scenario, optimise, write_results
from sufficiency.plan import Plan, read_run
from sufficiency.plan.finding import Finding, read_finding
from sufficiency.problems import InputError, NoPlanError
from sufficiency.rules import Scenario

if TYPE_CHECKING:
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
    "load_scenario",
    "map_value",
    "optimise",
    "read_finding",
    "read_run",
    "try_sites",
    "write_results",
]


def __getattr__(name: str) -> Any:
    """Studies are loaded where they are asked for: they bring charts and maps with them."""
    if name == "try_sites":
        from sufficiency.studies.site_tests import try_sites

        return try_sites
    if name == "map_value":
        from sufficiency.studies.value_map import map_value

        return map_value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
