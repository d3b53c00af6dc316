"""Runs beside each other: what differs in their results, and in their inputs.

Run folders are read and nothing else: nothing is solved. The first run is the reference.
``side_by_side.py`` holds the tables, ``inputs.py`` the differences of the inputs,
``conclusions.py`` says in sentences what follows from both, ``page.py`` draws them, and
``folder.py`` writes everything.
"""

from __future__ import annotations

from sufficiency.reports.comparison.folder import Written, write_comparison
from sufficiency.reports.comparison.side_by_side import Comparison

__all__ = ["Comparison", "Written", "write_comparison"]
