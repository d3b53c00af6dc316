"""Tiny authorities with one possible answer: DataFrames, a bare planning model, one call to solve.

The bare model has no prices but those a test sets, so that a test can be worked out by hand.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from sufficiency.pipeline import Loaded, load_scenario
from sufficiency.problems import Problems
from sufficiency.rules import PlanningModel, Scenario, load_model
from sufficiency.vocabulary import KINDS, NEEDS, TIERS

MODELS = Path(__file__).resolve().parent.parent / "models"


def bare_model(**changes: Any) -> PlanningModel:
    """england-2026 with every price, price factor, preference and inertia taken out."""
    problems = Problems()
    model = load_model(MODELS / "england-2026.toml", problems)
    assert model is not None, problems.errors
    nothing: dict[str, Any] = {
        "preference": (),
        "stay_on_share": {},
        "stay_in_sector_share": {},
        "minimum_stay_years": 1.0,
        "travel_guide_minutes": dict.fromkeys(model.phases, 1000.0),
        "travel_hard_limit_minutes": dict.fromkeys(model.phases, 1000.0),
        "transport": {"fixed": 0.0, "per_km": 0.0, "per_minute": 0.0, "maximum": 1e9},
        "transport_eligible_share": dict.fromkeys(KINDS, 1.0),
        "place_funding": dict.fromkeys(KINDS, 0.0),
        "per_child_charge": dict.fromkeys(KINDS, 0.0),
        "top_up": dict.fromkeys(KINDS, 0.0),
        "fees": {"independent_special": {"in_area": 0.0, "out_of_area": 0.0}},
        "cost_factor_by_need": dict.fromkeys(NEEDS, 1.0),
        "cost_factor_by_tier": dict.fromkeys(TIERS, 1.0),
        "other_authority_income": 0.0,
        "discount_rate": 0.0,
        "building_life_years": dict.fromkeys(KINDS, 1.0),
        "capital_profile": (1.0,),
        "fill_profile": dict.fromkeys(KINDS, (1.0,)),
        "viable_roll": {"share": 0.0, "from_year": 0.0},
        "over_capacity_share": dict.fromkeys(KINDS, 0.0),
        "admits_tiers": dict.fromkeys(KINDS, (1, 2, 3, 4)),
        "ceasing_share": (0.0,) * 26,
        "price_over_capacity": 0.0,
        "price_beyond_limit": 1e6,
        "price_unmet": 1e7,
        "price_per_minute": 0.0,
        "price_per_minute_over_guide": 0.0,
        "price_outside_authority": 0.0,
        "price_of_move": 1e5,
        "price_short_roll": 0.0,
        "price_of_new_place": dict.fromkeys(KINDS, 0.0),
    }
    changed = {**nothing, **changes}
    entries = {
        key: replace(entry, value=_as_data(changed[key])) if key in changed else entry
        for key, entry in model.entries.items()
    }
    return replace(model, entries=entries, **changed)


def _as_data(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _as_data(v) for k, v in value.items()}
    return [_as_data(v) for v in value] if isinstance(value, tuple) else value


def areas(*names: str, locality: str = "North") -> pd.DataFrame:
    """Areas on a line, 10 km apart from easting 400000."""
    return pd.DataFrame(
        {
            "area": names,
            "name": names,
            "locality": locality,
            "easting": [400_000.0 + 10_000 * i for i in range(len(names))],
            "northing": 300_000.0,
            "children_0_4": 100,
            "children_5_11": 100,
            "children_12_17": 100,
            "children_18_24": 100,
            "deprivation_decile": 5,
        }
    )


def provision(name: str, kind: str = "state_special", **changes: Any) -> dict[str, Any]:
    """One row of the table provisions: every need, Reception to Year 14, at easting 400000."""
    row: dict[str, Any] = {
        "provision": name,
        "name": name,
        "kind": kind,
        "easting": 400_000.0,
        "northing": 300_000.0,
        "lowest_year_group": 0,
        "highest_year_group": 14,
        "needs": "any",
        "inside_authority": "yes",
    }
    return {**row, **changes}


def scheme(name: str, **changes: Any) -> dict[str, Any]:
    """One row of the table schemes: ten places for one pound each, at once, at site S."""
    row: dict[str, Any] = {
        "scheme": name,
        "name": name,
        "kind": "state_special",
        "site": "S",
        "provision": "",
        "needs": "any",
        "lowest_year_group": 0,
        "highest_year_group": 14,
        "places": 10,
        "earliest_opening": "2026/27",
        "capital_pounds": 10.0,
    }
    return {**row, **changes}


def children(*rows: tuple[Any, ...], provision_column: bool = True) -> pd.DataFrame:
    """Rows (area, need, tier, year_group, provision, children) of children today."""
    columns = ["area", "need", "tier", "year_group", "provision", "children"]
    return pd.DataFrame(list(rows), columns=columns)


def forecast(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Rows (academic_year, area, need, tier, year_group, children[, joining])."""
    columns = ["academic_year", "area", "need", "tier", "year_group", "children", "joining"]
    return pd.DataFrame(
        [(*row, float("nan")) if len(row) == 6 else row for row in rows], columns=columns
    )


def places(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Rows (provision, places[, other_authority_children]) of commissioned places, every year."""
    return pd.DataFrame(
        [(name, "2025/26", number, *(rest or (0,))) for name, number, *rest in rows],
        columns=["provision", "academic_year", "places", "other_authority_children"],
    )


def world(
    *,
    model: PlanningModel | None = None,
    years: int = 1,
    areas_: pd.DataFrame | None = None,
    provisions: list[dict[str, Any]] | None = None,
    schemes: list[dict[str, Any]] | None = None,
    sites: dict[str, tuple[float, float]] | None = None,
    commissioned: pd.DataFrame | None = None,
    today: pd.DataFrame | None = None,
    projected: pd.DataFrame | None = None,
    scenario: dict[str, Any] | None = None,
    **tables: pd.DataFrame,
) -> Loaded:
    """Load a tiny authority; the base year is 2025/26."""
    frames: dict[str, pd.DataFrame] = {
        "areas": areas("A") if areas_ is None else areas_,
        "provisions": pd.DataFrame(provisions or [provision("P")]),
        "children_today": children() if today is None else today,
        "projected_children": forecast() if projected is None else projected,
        **tables,
    }
    if commissioned is not None:
        frames["commissioned_places"] = commissioned
    elif provisions is None:
        frames["commissioned_places"] = places(("P", 100))
    if schemes:
        frames["schemes"] = pd.DataFrame(schemes)
        found = sites or {"S": (400_000.0, 300_000.0)}
        frames["candidate_sites"] = pd.DataFrame(
            [(s, s, x, y) for s, (x, y) in found.items()],
            columns=["site", "name", "easting", "northing"],
        )
    asked = Scenario(
        name="tiny", title="Tiny", authority="Tiny", file="tiny.toml", model="bare",
        base_year=2025, first_year=2026, years=years, **(scenario or {}),
    )  # fmt: skip
    return load_scenario(asked, model=model or bare_model(), tables=frames)
