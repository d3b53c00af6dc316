"""A baseline that somebody accepted: for which inputs, when, and what it missed.

The record stands beside the scenario as ``baseline.json``. It holds hashes of the tables and of
the prices on which the base year rests; when one of them changes, the acceptance no longer holds.
Schemes, budgets and forecasts are no part of today and may change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, Final

from sufficiency.problems import Problem
from sufficiency.rules import PlanningModel
from sufficiency.writing import file_aside

RECORD: Final = "baseline.json"
TABLES: Final = (
    "areas", "boundary", "provisions", "commissioned_places", "children_today", "travel",
    "recorded",
)  # fmt: skip
"""Tables on which the base year rests."""
PRICES: Final = (
    "transition_points", "phase_names", "tier_shares", "near_home_travel", "travel_estimate",
    "transport", "transport_eligible_share", "place_funding", "per_child_charge", "top_up", "fees",
    "cost_factor_by_need", "cost_factor_by_tier", "other_authority_income",
)  # fmt: skip
"""Entries of the planning model on which the base year rests."""
MODEL: Final = "planning model"
_KEPT: Final = 50


@dataclass(frozen=True)
class Acceptance:
    """One acceptance.

    Attributes:
        scenario: name of the scenario.
        accepted: ISO date.
        base_year: academic year.
        inputs: sha256 by table, and of the planning model's prices.
        figures: recorded figures compared.
        beyond: those missed by more than the tolerance, in words.
        because: why they were accepted all the same; empty when there are none.
    """

    scenario: str
    accepted: str
    base_year: int
    inputs: Mapping[str, str]
    figures: int
    beyond: tuple[str, ...] = ()
    because: str = ""


def inputs_of(hashes: Mapping[str, str], model: PlanningModel) -> dict[str, str]:
    """Hashes of everything on which the base year rests: tables by name, and the prices."""
    prices = {key: model.entries[key].value for key in PRICES if key in model.entries}
    text = json.dumps(prices, sort_keys=True, ensure_ascii=False)
    return {
        **{name: hashes[name] for name in TABLES if name in hashes},
        MODEL: hashlib.sha256(text.encode()).hexdigest(),
    }


def warning(
    folders: Iterable[Path], inputs: Mapping[str, str], base_year: int, scenario: str
) -> Problem | None:
    """What is to be said when no baseline was accepted for these inputs; None when one was.

    Args:
        folders: where a record may stand: that of the scenario, that of children today.
        inputs: from :func:`inputs_of`.
        base_year: academic year of children today.
        scenario: how the planner named the scenario.
    """
    found = [record for folder in dict.fromkeys(folders) for record in read_records(folder)]
    mine = [record for record in found if record.base_year == base_year]
    if any(dict(record.inputs) == dict(inputs) for record in mine):
        return None
    remedy = (
        f"run 'sufficiency baseline {scenario}', read the differences, and accept with --accept."
    )
    if not mine:
        return Problem(
            "no baseline was accepted: nobody has compared today's placements and spend with the "
            "records.", remedy, file="baseline",
        )  # fmt: skip
    last = max(mine, key=lambda record: record.accepted)
    changed = sorted(
        name for name in {*inputs, *last.inputs} if inputs.get(name) != last.inputs.get(name)
    )
    return Problem(
        f"the baseline accepted on {last.accepted} was that of other inputs.",
        remedy, file="baseline", value=f"changed since: {', '.join(changed)}",
    )  # fmt: skip


def read_records(folder: Path) -> list[Acceptance]:
    """Every acceptance recorded in a folder; none where the record is missing or damaged."""
    try:
        data = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return [_acceptance(item) for item in data["accepted"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # A record that cannot be read accepts nothing.
        return []


def _acceptance(item: dict[str, Any]) -> Acceptance:
    known = {field.name for field in fields(Acceptance)}
    values: dict[str, Any] = {name: value for name, value in item.items() if name in known}
    return Acceptance(**{**values, "beyond": tuple(values.get("beyond", ()))})


def write_record(folder: Path, new: Acceptance) -> Path:
    """Add an acceptance to the record of a folder, in place of one for the same inputs.

    Raises:
        InputError: when the folder cannot be written to.
    """
    kept = [r for r in read_records(folder) if dict(r.inputs) != dict(new.inputs)]
    path = folder / RECORD
    records: Sequence[dict[str, Any]] = [asdict(record) for record in [*kept, new][-_KEPT:]]
    remedy = "make the scenario's folder writable, or work on a copy of it."
    with file_aside(path, "the acceptance", remedy) as aside:
        text = json.dumps({"accepted": records}, indent=2, ensure_ascii=False)
        aside.write_text(text + "\n", encoding="utf-8")
    return path


def today_iso() -> str:
    """The date of an acceptance made now."""
    return date.today().isoformat()
