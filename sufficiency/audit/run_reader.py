"""Reads a run folder with nothing but pandas and json, so that the audit trusts no other reader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import Transformer

from sufficiency.vocabulary import parse_year

Floats = npt.NDArray[np.float64]
Rings = list[Floats]

_YEARS = (
    "academic_year financial_year opens closes earliest_opening latest_opening entry_year "
    "leaves_year"
)
_NUMBERS = (
    "easting northing tier year_group lowest_year_group highest_year_group entry_year_group "
    "transition_point fee_pounds top_up_pounds physical_capacity on_roll places "
    "other_authority_children capital_pounds running_pounds children joining draw pounds minutes "
    "km commissioned_places scheme_places over_capacity beyond_limit vacant present_value_pounds "
    "median_minutes p90_minutes over_guide over_45 over_75 children_needing "
    "in_local_state_places gap in_local_state_places_without_schemes gap_without_schemes"
)
_TRUTHS = "inside_authority complete money beyond_limit_travel"

INPUT_TABLES = {
    "areas": "area locality easting northing",
    "provisions": "provision kind easting northing lowest_year_group highest_year_group needs",
    "children_today": "area need tier year_group provision children",
    "projected_children": "academic_year area need tier year_group children joining",
    "commissioned_places": "provision academic_year places",
    "place_limits": "provision limit needs lowest_year_group highest_year_group places",
    "candidate_sites": "site easting northing",
    "schemes": "scheme name kind site provision needs lowest_year_group highest_year_group places "
    "earliest_opening capital_pounds",
    "budgets": "financial_year source pounds",
    "allocations": "financial_year pounds",
    "travel": "area destination minutes km",
}
"""Input tables and the columns without which the audit cannot work."""

PLAN_TABLES = {
    "cohorts": "cohort origin area need tier entry_year entry_year_group phase children "
    "beyond_limit_travel",
    "stays": "cohort provision leaves_year children minutes km",
    "placements": "academic_year cohort area locality need tier year_group phase provision kind "
    "children",
    "unmet": "academic_year cohort area locality need tier year_group phase children",
    "occupancy": "academic_year provision kind commissioned_places scheme_places "
    "other_authority_children children over_capacity beyond_limit vacant",
    "limits": "academic_year provision limit places children beyond_limit",
    "schemes": "scheme kind provision places capital_pounds earliest_opening status opens",
    "capital": "financial_year scheme source pounds",
    "ledger": "financial_year complete ledger line kind pounds",
    "objective": "line money present_value_pounds",
    "mix": "academic_year kind children",
    "travel_summary": "academic_year phase children median_minutes p90_minutes over_guide over_45 "
    "over_75",
    "transfers": "academic_year transition_point need from_kind to_kind children",
    "gaps": "locality designation phase academic_year children_needing in_local_state_places gap "
    "in_local_state_places_without_schemes gap_without_schemes",
}
"""Plan tables and the columns that the audit compares."""

_REQUIRED_INPUTS = ("areas", "provisions", "children_today", "projected_children")
_REQUIRED_PLAN = tuple(name for name in PLAN_TABLES if name != "limits")


class RunFolderError(ValueError):
    """A run folder lacks what an audit needs; the message lists everything that is missing."""


@dataclass
class AuditInputs:
    """The inputs of a run: tables as used, rules and scenario as plain values.

    Years are ints, coordinates EPSG:27700 metres, lists text separated by ``|``. A table that the
    run did not have is an empty frame. ``rules`` maps each key of the planning model to its value,
    ``scenario`` is scenario.json. ``boundary`` is a list of rings (n x 2 metres), even-odd; empty
    when unknown, and then every candidate site counts as inside the authority.
    """

    areas: pd.DataFrame
    provisions: pd.DataFrame
    children_today: pd.DataFrame
    projected_children: pd.DataFrame
    rules: dict[str, Any]
    scenario: dict[str, Any]
    commissioned_places: pd.DataFrame = field(default_factory=pd.DataFrame)
    place_limits: pd.DataFrame = field(default_factory=pd.DataFrame)
    candidate_sites: pd.DataFrame = field(default_factory=pd.DataFrame)
    schemes: pd.DataFrame = field(default_factory=pd.DataFrame)
    budgets: pd.DataFrame = field(default_factory=pd.DataFrame)
    allocations: pd.DataFrame = field(default_factory=pd.DataFrame)
    travel: pd.DataFrame = field(default_factory=pd.DataFrame)
    boundary: Rings = field(default_factory=list)


@dataclass
class PlanTables:
    """The tables of a plan, and what the solver said about it.

    ``limits`` may be empty where the inputs hold no place limits. ``without_schemes`` is the plan
    of the same run with no scheme but the committed ones.
    ``objective_pounds`` and ``bound_pounds`` are the solver's own words, None when unknown.
    """

    cohorts: pd.DataFrame
    stays: pd.DataFrame
    placements: pd.DataFrame
    unmet: pd.DataFrame
    occupancy: pd.DataFrame
    schemes: pd.DataFrame
    capital: pd.DataFrame
    ledger: pd.DataFrame
    objective: pd.DataFrame
    mix: pd.DataFrame
    travel_summary: pd.DataFrame
    transfers: pd.DataFrame
    gaps: pd.DataFrame
    limits: pd.DataFrame = field(default_factory=pd.DataFrame)
    without_schemes: PlanTables | None = None
    objective_pounds: float | None = None
    bound_pounds: float | None = None


def plain(frame: pd.DataFrame, required: str) -> pd.DataFrame:
    """Give a table plain types: years and numbers as numbers (blank: NaN), truths as bool or NA.

    ``required`` names the columns that must exist; an empty frame gets them. Running it twice
    changes nothing, so tables in memory and tables read from files end up the same.

    Raises:
        RunFolderError: when a required column is missing from a table with rows.
    """
    columns = required.split()
    missing = [name for name in columns if name not in frame.columns]
    if missing and len(frame):
        raise RunFolderError(f"column(s) missing: {', '.join(missing)}")
    done: dict[str, Any] = {}
    for name in [str(column) for column in frame.columns] + missing:
        values = frame[name] if name in frame.columns else pd.Series([], dtype="float64")
        if name in _YEARS.split():
            done[name] = _mapped(values, _year)
        elif name in _NUMBERS.split():
            if not pd.api.types.is_numeric_dtype(values):
                values = pd.to_numeric(values.astype("object").replace("", None))
            done[name] = values.to_numpy(dtype=np.float64, na_value=np.nan)
        elif name in _TRUTHS.split():
            done[name] = _mapped(values, _truth)
        elif name == "cohort" and pd.api.types.is_numeric_dtype(values):
            done[name] = values.to_numpy(dtype=np.int64)
        elif name == "cohort":
            done[name] = pd.to_numeric(values).to_numpy(dtype=np.int64)
        else:
            done[name] = values.astype("str").fillna("").array
    return pd.DataFrame(done)


def _mapped(values: pd.Series[Any], reading: Any) -> Floats:
    """Read each distinct cell once; NaN where it is blank."""
    if pd.api.types.is_float_dtype(values) or pd.api.types.is_integer_dtype(values):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(numbers < 0, np.nan, numbers)
    codes, distinct = pd.factorize(values.astype("str"))
    read = np.array([reading(text) for text in distinct] + [np.nan], dtype=np.float64)
    return read[codes]


def _year(text: str) -> float:
    blank = text.strip().lower() in {"", "nan", "none", "<na>", "-1", "-1.0", "not opened"}
    return np.nan if blank else float(parse_year(text))


def _truth(text: str) -> float:
    word = text.strip().lower()
    if word in {"yes", "true", "1", "1.0"}:
        return 1.0
    return 0.0 if word in {"no", "false", "0", "0.0"} else np.nan


def cells(text: object) -> list[str]:
    """Split a list cell: ``"ASD|SLCN"``, or a list that is already one."""
    if isinstance(text, (list, tuple, set, frozenset, np.ndarray)):
        return [str(part) for part in text]
    written = str(text).strip()
    if written.lower() in {"", "nan", "none", "<na>"}:
        return []
    return [part.strip() for part in written.strip("()[]").split("|") if part.strip()]


def read_run(folder: Path) -> tuple[AuditInputs, PlanTables]:
    """Read a run folder: ``inputs/``, ``tables/``, ``without_schemes/`` and ``run.json`` if there.

    Raises:
        RunFolderError: naming every file or column that is missing.
    """
    wrong: list[str] = []
    tables: dict[str, Any] = _tables(folder / "inputs", INPUT_TABLES, _REQUIRED_INPUTS, wrong)
    rules = _json(folder / "inputs" / "rules.json", wrong)
    scenario = _json(folder / "inputs" / "scenario.json", wrong)
    plan: dict[str, Any] = _tables(folder / "tables", PLAN_TABLES, _REQUIRED_PLAN, wrong)
    other: dict[str, Any] = {}
    if (folder / "without_schemes").is_dir():
        other = _tables(folder / "without_schemes", PLAN_TABLES, _REQUIRED_PLAN, wrong)
    if wrong:
        raise RunFolderError(f"{folder} cannot be audited: " + "; ".join(wrong))
    inputs = AuditInputs(
        rules=plain_rules(rules),
        scenario=scenario,
        boundary=_boundary(folder / "inputs" / "boundary.geojson"),
        **tables,
    )
    without = PlanTables(**other) if other else None
    told: Mapping[str, Any] = {}
    if (folder / "run.json").is_file():
        told = json.loads((folder / "run.json").read_text("utf-8")).get("solver") or {}
    return inputs, PlanTables(
        without_schemes=without,
        objective_pounds=_number(told.get("objective_pounds")),
        bound_pounds=_number(told.get("bound_pounds")),
        **plan,
    )


def plain_rules(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce ``{key: {value, unit, ...}}`` to ``{key: value}``; plain values stay as they are."""
    return {
        key: entry["value"] if isinstance(entry, Mapping) and "value" in entry else entry
        for key, entry in rules.items()
        if key != "model"
    }


def _tables(
    folder: Path, known: Mapping[str, str], required: tuple[str, ...], wrong: list[str]
) -> dict[str, pd.DataFrame]:
    found: dict[str, pd.DataFrame] = {}
    for name, columns in known.items():
        frame = pd.DataFrame()
        as_parquet, as_csv = folder / f"{name}.parquet", folder / f"{name}.csv"
        if as_parquet.is_file():
            frame = pd.read_parquet(as_parquet)
        elif as_csv.is_file():
            frame = pd.read_csv(as_csv, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        elif name in required:
            wrong.append(f"{folder.name}/{name} is missing")
        try:
            found[name] = plain(frame, columns)
        except (RunFolderError, ValueError) as error:
            wrong.append(f"{folder.name}/{name}: {error}")
    return found


def _json(path: Path, wrong: list[str]) -> dict[str, Any]:
    if not path.is_file():
        wrong.append(f"{path.parent.name}/{path.name} is missing")
        return {}
    read = json.loads(path.read_text("utf-8"))
    return dict(read)


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))


def _boundary(path: Path) -> Rings:
    """Read the rings of boundary.geojson (WGS84) as EPSG:27700 metres; none when it is missing."""
    if not path.is_file():
        return []
    rings: Rings = []
    _collect_rings(json.loads(path.read_text("utf-8")), rings)
    if rings and all(float(np.abs(ring).max()) <= 180 for ring in rings):
        to_grid = Transformer.from_crs("EPSG:4326", "EPSG:27700", always_xy=True)
        rings = [np.column_stack(to_grid.transform(ring[:, 0], ring[:, 1])) for ring in rings]
    return rings


def _collect_rings(node: object, rings: Rings) -> None:
    """Walk GeoJSON down to its rings: lists of positions."""
    if isinstance(node, Mapping):
        for key in ("features", "geometries", "geometry", "coordinates"):
            if node.get(key):
                _collect_rings(node[key], rings)
    elif isinstance(node, list) and node:
        first = node[0]
        if isinstance(first, list) and first and isinstance(first[0], (int, float)):
            rings.append(np.array([position[:2] for position in node], dtype=np.float64))
        else:
            for part in node:
                _collect_rings(part, rings)
