"""Today reproduced: what the tables and the planning model give for the base year, against what
the authority has recorded. Nothing is optimised here, and nothing is believed before it holds.
"""

from sufficiency.baseline.acceptance import Acceptance, inputs_of, warning
from sufficiency.baseline.compare import Baseline, compare
from sufficiency.baseline.today import Today, today

__all__ = ["Acceptance", "Baseline", "Today", "compare", "inputs_of", "today", "warning"]
