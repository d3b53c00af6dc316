"""Reports on a plan, made from a run folder: the page, the workbook, the GeoPackage, a release."""

from __future__ import annotations

import contextlib
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sufficiency.vocabulary import LEAST_THRESHOLD, THRESHOLD

if TYPE_CHECKING:
    from sufficiency.reports.document import write_document
    from sufficiency.reports.geopackage import write_geopackage
    from sufficiency.reports.page import write_report
    from sufficiency.reports.release import Release, publish
    from sufficiency.reports.workbook import write_workbook

__all__ = [
    "LEAST_THRESHOLD",
    "THRESHOLD",
    "Release",
    "prepare_beside",
    "publish",
    "write_document",
    "write_geopackage",
    "write_report",
    "write_reports",
    "write_workbook",
]

_MODULES = {
    "Release": "release",
    "publish": "release",
    "write_document": "document",
    "write_geopackage": "geopackage",
    "write_report": "page",
    "write_workbook": "workbook",
}


def __getattr__(name: str) -> Any:
    """What draws charts or writes workbooks is loaded where it is asked for: studies need none of
    it before they have found something."""
    if name in _MODULES:
        return getattr(import_module(f"sufficiency.reports.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def prepare_beside(*modules: str) -> None:
    """Load modules of this package and start the charts, in a thread of its own.

    Both take a while; while a solver works, the other core is free. Whatever goes wrong is said
    when a report is made.
    """

    def prepare() -> None:
        with contextlib.suppress(Exception):
            for name in modules:
                import_module(f"sufficiency.reports.{name}")
            import_module("sufficiency.reports.charts").prepare()

    threading.Thread(target=prepare).start()


def write_reports(run_folder: Path) -> list[Path]:
    """Write report.html, workbook.xlsx and plan.gpkg into a run folder, from its tables.

    Where a business case was made of the run, business_case.docx is written too.

    Returns:
        Their paths, each file complete: written aside, then renamed.

    Raises:
        InputError: when the folder is no run folder, a table is missing or damaged, or a file
            cannot be written.
    """
    from sufficiency.reports.facts import Run
    from sufficiency.reports.geopackage import write_geopackage
    from sufficiency.reports.page import write_report
    from sufficiency.reports.workbook import write_workbook

    folder = Path(run_folder)
    run = Run.read(folder)
    written = [
        write_report(folder, run),
        write_workbook(run, folder),
        write_geopackage(run, folder),
    ]
    if run.business_case is not None:
        from sufficiency.reports.document import write_document

        written.append(write_document(run, folder))
    return written
