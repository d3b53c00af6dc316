"""What a plan must obey (planning models) and what is asked (scenarios)."""

from sufficiency.rules.planning_model import (
    Entry,
    PlanningModel,
    Preference,
    load_model,
    model_from_dictionary,
)
from sufficiency.rules.scenario import Scenario, WhatIf, load_scenario_file

__all__ = [
    "Entry",
    "PlanningModel",
    "Preference",
    "Scenario",
    "WhatIf",
    "load_model",
    "load_scenario_file",
    "model_from_dictionary",
]
