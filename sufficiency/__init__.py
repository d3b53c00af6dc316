"""sufficiency: an optimiser for specialist school places.

The Python way in: ``load_scenario`` reads and validates, ``optimise`` finds a plan and audits it,
``Plan`` holds it as DataFrames, ``write_results`` writes the run folder with its report.
"""

from sufficiency.pipeline import Loaded, load_scenario, optimise, write_results
from sufficiency.plan import Plan, read_run
from sufficiency.problems import InputError, NoPlanError
from sufficiency.rules import Scenario

__version__ = "0.1.0"

__all__ = [
    "InputError",
    "Loaded",
    "NoPlanError",
    "Plan",
    "Scenario",
    "__version__",
    "load_scenario",
    "optimise",
    "read_run",
    "write_results",
]
