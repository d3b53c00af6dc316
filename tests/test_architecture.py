"""The arrows of docs/architecture.md hold, and rendered pages agree with their source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sufficiency.placement.formulation import render_formulation

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sufficiency"

LEAVES = {"vocabulary", "problems", "writing"}
MAY_IMPORT: dict[str, set[str]] = {
    "vocabulary": set(),
    "problems": set(),
    "writing": {"problems"},
    "shipped": LEAVES,
    "tables": LEAVES,
    "rules": LEAVES | {"shipped"},
    "demand": LEAVES,
    "geography": LEAVES | {"rules", "shipped", "tables"},
    "placement": LEAVES | {"rules", "demand", "geography"},
    "solving": LEAVES,
    "baseline": LEAVES | {"tables", "rules", "geography", "placement", "pipeline", "shipped"},
    "plan": LEAVES | {"rules", "placement"},
    "audit": {"vocabulary"},
    "reports": LEAVES | {"plan", "tables"},
    "asking": LEAVES | {"placement", "solving", "plan"},
    "studies": LEAVES
    | {
        "rules",
        "tables",
        "geography",
        "imports",
        "placement",
        "shipped",
        "solving",
        "plan",
        "asking",
        "pipeline",
        "reports",
    },
    "examples": LEAVES | {"tables", "pipeline"},
    "imports": LEAVES | {"tables", "rules", "demand", "geography", "shipped"},
}
FOREIGN = {"pyomo": {"placement", "solving"}, "highspy": {"solving"}}


def imports_of(path: Path) -> set[str]:
    """Modules that a file imports, wherever in the file it does so."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "sufficiency":
                found |= {f"sufficiency.{alias.name}" for alias in node.names}
    return found


def files_of(room: str) -> list[Path]:
    folder = PACKAGE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_it_may_know(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room}
    for path in files_of(room):
        rooms = {
            name.split(".")[1]
            for name in imports_of(path)
            if name.startswith("sufficiency.") and len(name.split(".")) > 1
        }
        assert rooms <= allowed, f"{path.relative_to(ROOT)} imports {sorted(rooms - allowed)}"


@pytest.mark.parametrize("library", sorted(FOREIGN))
def test_pyomo_and_highs_stay_in_their_rooms(library: str) -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if any(name.split(".")[0] == library for name in imports_of(path)):
            assert room in FOREIGN[library], f"{path.relative_to(ROOT)} imports {library}"


def test_every_room_is_in_the_table() -> None:
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert rooms <= set(MAY_IMPORT)


def test_the_formulation_page_is_what_the_functions_say() -> None:
    page = (ROOT / "models" / "formulation.md").read_text(encoding="utf-8")
    assert page == render_formulation(), (
        "run: python -m sufficiency.placement.formulation models/formulation.md"
    )
