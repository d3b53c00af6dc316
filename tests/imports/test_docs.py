"""docs/inputs.md tells what the importers do."""

from __future__ import annotations

import re

import pytest

from sufficiency.imports.commands import IMPORTERS
from sufficiency.imports.overrides import OVERRIDES
from sufficiency.imports.register import CHECKS
from tests.imports.schools import REPOSITORY

PAGE = (REPOSITORY / "docs" / "inputs.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_is_explained(name: str) -> None:
    table = PAGE.split("### Doubtful records")[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    assert any(name in re.split(r",\s*", cell.strip()) for cell in first_cells)


@pytest.mark.parametrize("column", [column.name for column in OVERRIDES.columns])
def test_every_override_is_explained(column: str) -> None:
    assert f"`{column}`" in PAGE.split("### Overrides")[1].split("### ")[0]


@pytest.mark.parametrize("importer", IMPORTERS, ids=lambda importer: importer.NAME)
def test_every_importer_has_its_section(importer: object) -> None:
    name = getattr(importer, "NAME", "")
    assert re.search(rf"^## .*`sufficiency import {name}`", PAGE, re.MULTILINE)
