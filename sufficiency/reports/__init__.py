"""Reports on a plan: one self-contained page from a run folder, without script or network."""

from sufficiency.reports.page import write_report

__all__ = ["write_report"]
