"""The plan as tidy tables, the ledgers, and the run folder with its stamp."""

from sufficiency.plan.run_folder import read_run, write_run
from sufficiency.plan.tables import Plan, build_plan

__all__ = ["Plan", "build_plan", "read_run", "write_run"]
