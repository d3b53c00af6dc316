"""Fictional authorities to try the planner on: no real place, school or child."""

from sufficiency.examples.authorities import SIZES, Size
from sufficiency.examples.generator import write_example

__all__ = ["SIZES", "Size", "write_example"]
