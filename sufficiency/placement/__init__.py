"""The placement model: which children could be placed where, and which schemes open when.

``question`` prepares plain arrays from validated tables; ``families`` holds one function for each
rule, with its equation; ``model`` is the whole Pyomo model on one screen.
"""

from sufficiency.placement.question import Question, Settings, prepare

__all__ = ["Question", "Settings", "prepare"]
