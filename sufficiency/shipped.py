"""Where the content that ships with the package lies: models, geodata and scenarios."""

from __future__ import annotations

from pathlib import Path

from sufficiency.problems import Problems, near


def content_folder(name: str) -> Path:
    """The shipped folder ``models``, ``geodata`` or ``scenarios``.

    In a clone it stands beside the package; in an installed wheel it lies inside it.
    """
    package = Path(__file__).resolve().parent
    inside = package / "_content" / name
    return inside if inside.is_dir() else package.parent / name


def model_path(name: str, problems: Problems) -> Path | None:
    """The planning model of that name or path; an unknown one becomes a problem."""
    given = Path(name)
    if given.suffix == ".toml" or len(given.parts) > 1:
        return given
    shipped = content_folder("models")
    for folder in (Path.cwd() / "models", shipped):
        if (folder / f"{name}.toml").is_file():
            return folder / f"{name}.toml"
    known = sorted(path.stem for path in shipped.glob("*.toml"))
    problems.error(
        f"there is no planning model of this name{near(name, known)}",
        f"use one of {', '.join(known)}, or the path of a .toml file.",
        file="--model",
        value=name,
    )
    return None


def scenario_path(name: str, problems: Problems) -> Path | None:
    """The scenario file for a path, a folder or the name of a shipped example."""
    given = Path(name)
    if given.is_dir() and (given / "scenario.toml").is_file():
        return given / "scenario.toml"
    if given.is_file():
        return given
    shipped = content_folder("scenarios")
    for folder in (Path.cwd() / "scenarios", shipped):
        if len(given.parts) == 1 and (folder / name / "scenario.toml").is_file():
            return folder / name / "scenario.toml"
    known = sorted(path.parent.name for path in shipped.glob("*/scenario.toml"))
    problems.error(
        f"there is no scenario of this name{near(name, known)}",
        f"give the path of a scenario .toml file, its folder, or one of {', '.join(known)}.",
        file="scenario",
        value=name,
    )
    return None
