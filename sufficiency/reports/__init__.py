"""Reports on a plan, made from a run folder: the page, the workbook, the GeoPackage, a release."""

from __future__ import annotations

from pathlib import Path

from sufficiency.reports.document import write_document
from sufficiency.reports.facts import Run
from sufficiency.reports.geopackage import write_geopackage
from sufficiency.reports.page import write_report
from sufficiency.reports.release import Release, publish
from sufficiency.reports.suppression import LEAST_THRESHOLD, THRESHOLD
from sufficiency.reports.workbook import write_workbook

__all__ = [
    "LEAST_THRESHOLD",
    "THRESHOLD",
    "Release",
    "publish",
    "write_document",
    "write_geopackage",
    "write_report",
    "write_reports",
    "write_workbook",
]


def write_reports(run_folder: Path) -> list[Path]:
    """Write report.html, workbook.xlsx and plan.gpkg into a run folder, from its tables.

    Where a business case was made of the run, business_case.docx is written too.

    Returns:
        Their paths, each file complete: written aside, then renamed.

    Raises:
        InputError: when the folder is no run folder, a table is missing or damaged, or a file
            cannot be written.
    """
    folder = Path(run_folder)
    run = Run.read(folder)
    written = [
        write_report(folder, run),
        write_workbook(run, folder),
        write_geopackage(run, folder),
    ]
    if run.business_case is not None:
        written.append(write_document(run, folder))
    return written
