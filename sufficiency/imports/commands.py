"""``sufficiency import``: one sub-command for each publisher's format.

An importer module offers ``NAME``, ``TEXT`` (one line of help), ``add_arguments(parser)`` and
``run(asked, out)``, which returns an exit code and raises ``InputError`` for bad input.
"""

from __future__ import annotations

import argparse
from typing import Any

from sufficiency.imports import areas, forecast, gias, published, sen2

IMPORTERS: list[Any] = [gias, areas, sen2, published, forecast]
"""The importer modules, in the order of the help page."""


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add a sub-command for each importer."""
    kinds = parser.add_subparsers(title="formats", metavar="FORMAT", required=True)
    for importer in IMPORTERS:
        command = kinds.add_parser(importer.NAME, help=importer.TEXT, description=importer.TEXT)
        importer.add_arguments(command)
        command.set_defaults(run=importer.run)
