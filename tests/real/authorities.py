"""Bury, Devon and Manchester in January 2025: input tables in memory from published data.

    python -m tests.real.authorities bury [--out DIR] [--time-limit SECONDS] [--gap SHARE]

The data are read from ``../shared/data`` beside the repository and never copied into it. What is
published: children with a plan by age and placement, small areas with their people, special
schools with their rolls. Everything below is an estimate, by these rules:

* Children. Each count by age and placement is kept whole. Needs: shares of the file
  ``demand_joint_ipf_estimated.csv`` at that age and placement, rounded under control. Areas:
  people of the age band (nothing about homes is published). Tiers: ``TIERS_OF_PLACEMENT`` by kind
  and need; the planning model's tier shares where the kind does not tell how much support a child
  needs. Year group = age - 4. Unknown need is OTH; an unknown placement is educated_elsewhere.
* Rates: those of the model.
* Localities: k-means of the MSOAs' child-weighted centres, named by compass from the middle.
* Schools. Those in the authority, and of each kind the ``NEAREST`` outside it within 40 km, by the
  distance to the boundary (all 297 special schools within 40 km of Bury would add only journeys
  that few make, at the price of a model ten times as large). Hospital schools are left out: few
  of their pupils have a plan. Year groups from the ages of the register (low age - 4 to high
  age - 5; unknown: -1 to 14). Needs from GIAS where the list is neither blank nor cut off, else
  any; a need of which a school must take children so that its roll is filled is added to its list.
* Who is where. By kind, the least total distance that fills no school above its roll, with a
  distance of ``WRONG_NEED_KM`` added for a need not listed, ``WRONG_AGE_KM`` for a year group not
  taken and ``OUTSIDE_KM`` for a school of another authority: those in the authority fill first.
* Places. State special in the authority: the larger of capacity and roll, the rest of the roll
  being other authorities' children. A school without a roll in May 2025 opens in 2025/26 and
  fills in four years. Other kinds have no published places: children today and a share of the
  roll (``ROOM_TO_GROW``). Mainstream, colleges and being educated elsewhere: near home, no limit.
  Bases: no list of them is published, so one for each locality and phase with the places of its
  children today, which add up to the published count in units and resourced provision.
* Schemes: a new special school in each of the largest localities, a new primary base in every
  locality and secondary bases in the largest, at the small area nearest to the child-weighted
  middle of the locality; expansions of the largest state special schools. Capital:
  ``POUNDS_PER_PLACE`` and ``CAPITAL_PER_PLAN`` a year, judgement between published costs of
  36,000 to 203,000 pounds a place.
* Travel: the model's straight-line estimate in Devon, whose curve it is; a slower one in cities.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import highspy
import numpy as np
import pandas as pd

from sufficiency.demand.projection import AGE_BANDS, controlled_rounding
from sufficiency.pipeline import Loaded, load_scenario, optimise, write_results
from sufficiency.plan import Plan
from sufficiency.problems import Problems
from sufficiency.rules import PlanningModel, Scenario, load_model
from sufficiency.tables.manifest import NOT_RECORDED
from sufficiency.tables.reading import read_boundary
from sufficiency.vocabulary import KINDS, NEEDS, TIERS, academic_year_label

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data" / "authorities"

TITLES = {"bury": "Bury", "devon": "Devon", "manchester": "Manchester"}
LOCALITIES = {"bury": 5, "devon": 8, "manchester": 6}
PLANS = {"bury": 2804, "devon": 9848, "manchester": 8875}
"""Published children with a plan, January 2025."""

BASE_YEAR = 2024
YEARS = 10
NEAREST = {
    "out_of_area_state_special": 8,
    "independent_special": 8,
    "non_maintained_special": 5,
    "specialist_post_16": 4,
}
WRONG_NEED_KM, WRONG_AGE_KM, OUTSIDE_KM = 30.0, 200.0, 100.0
CITY_TRAVEL = {
    "fixed_minutes": 6.0,
    "slow_km": 0.0,
    "minutes_per_slow_km": 2.4,
    "minutes_per_straight_km": 2.4,
    "road_km_per_straight_km": 1.3,
}
"""A city's roads: 25 km an hour as the crow flies after six minutes (judgement)."""

PRICE_UNMET = 300_000.0
"""Pounds per child per year."""

_INTENSIVE = ("PMLD", "MSI")
_SPECIAL = (0.0, 0.06, 0.74, 0.20)
TIERS_OF_PLACEMENT: dict[str, tuple[float, ...]] = {
    "mainstream": (0.9, 0.1, 0.0, 0.0),
    "specialist_base": (0.0, 1.0, 0.0, 0.0),
    "state_special": _SPECIAL,
    "out_of_area_state_special": _SPECIAL,
    "non_maintained_special": (0.0, 0.0, 0.6, 0.4),
    "independent_special": (0.0, 0.0, 0.7, 0.3),
    "alternative_provision": (0.2, 0.6, 0.2, 0.0),
    "specialist_post_16": (0.0, 0.2, 0.5, 0.3),
    "further_education": (0.6, 0.25, 0.15, 0.0),
}
"""Share of children in tiers 1 to 4 by where they are placed (judgement)."""
TIERS_INTENSIVE = (0.0, 0.0, 0.3, 0.7)
"""The same for PMLD and MSI in a special school of any kind."""

ROOM_TO_GROW = {
    "independent_special": 0.10,
    "non_maintained_special": 0.05,
    "out_of_area_state_special": 0.02,
    "alternative_provision": 0.05,
}
"""Places on offer to this authority beyond its children today, as a share of roll or capacity."""
POST_16_ROOM = 5
"""The same at each specialist college, whose rolls are not published, in children."""

POUNDS_PER_PLACE = {"new": 100_000, "expansion": 60_000, "base": 35_000}
CAPITAL_PER_PLAN = 1_000

_FURTHER = ("general_fe_tertiary_colleges", "ukrlp_provider")
_NEAR_HOME: tuple[tuple[str, str, str, int, int, str], ...] = (
    ("early-years", "Early years settings", "mainstream", -4, -1, "1|2|3|4"),
    ("primary", "Mainstream primary schools", "mainstream", 0, 6, ""),
    ("secondary", "Mainstream secondary schools", "mainstream", 7, 11, ""),
    ("sixth-form", "Mainstream sixth forms", "mainstream", 12, 14, ""),
    ("colleges", "Further education and training", "further_education", 12, 20, ""),
    ("elsewhere", "Educated elsewhere", "educated_elsewhere", -4, 20, ""),
)


class DataMissing(Exception):
    """The real data are not beside this repository; says where they were looked for."""


def available(slug: str) -> str:
    """Why the authority cannot be built here; empty when it can."""
    folder = DATA / slug
    return "" if folder.is_dir() else f"the published data are not here: {folder}"


def kind_of_placement(placement: str) -> str:
    """Kind of provision for a placement code of the published count."""
    if placement.endswith(("_resourced_provision", "_senunit")):
        return "specialist_base"
    if placement.startswith("mainstream_") or placement == "nm_early_years":
        return "mainstream"
    if placement.startswith("ap_pru_"):
        return "alternative_provision"
    if placement in _FURTHER:
        return "further_education"
    return {
        "special_la_maintained": "state_special",
        "special_academy_free": "state_special",
        "special_independent": "independent_special",
        "special_non_maintained": "non_maintained_special",
        "specialist_post_16_institutions": "specialist_post_16",
    }.get(placement, "educated_elsewhere")


def published_mix(slug: str) -> pd.Series[float]:
    """Published children by kind, January 2025; state special is that of every authority."""
    counts = _published(slug)
    return counts.groupby(counts["placement"].map(kind_of_placement))["count"].sum()


def recorded(slug: str, model: PlanningModel) -> pd.DataFrame:
    """The table ``recorded``: published children by kind, need and phase, as they are published.

    State special schools of every authority are one published count, and children whose placement
    is not known are a count of their own. No spend by kind is published.
    """
    counts = _published(slug)
    unknown = counts["placement"] == "placement_unknown"
    kind = counts["placement"].map(kind_of_placement).mask(unknown, NOT_RECORDED)
    phase = (counts["age"] - 4).map(model.phase_name)
    needs = pd.read_csv(DATA / slug / "ehcp.csv")
    needs = needs[(needs["table"] == "caseload_by_need") & (needs["year"] == 2025)]
    needs = needs[needs["primary_need"].str.upper().isin(list(NEEDS))]
    by_kind, by_phase = (counts.groupby(key)["count"].sum() for key in (kind, phase))
    rows = [("", "", "", counts["count"].sum(), "number of plans")]
    rows += [
        (k.replace("state_special", "state_special|out_of_area_state_special"), "", "", n,
         "age by placement")
        for k, n in by_kind.items()
    ]  # fmt: skip
    rows += [
        ("", need.upper(), "", n, "primary need")
        for need, n in zip(needs["primary_need"], needs["count"], strict=True)
    ]
    rows += [("", "", name, n, "age") for name, n in by_phase.items()]
    frame = pd.DataFrame(rows, columns=["kinds", "needs", "phase", "children", "source"])
    return frame.assign(source="DfE, Education, health and care plans 2025: " + frame["source"])


def planning_model(slug: str) -> PlanningModel:
    """england-2026 with a higher price of unmet need, and a city's journeys but in Devon.

    In Devon an out-of-area place with a long journey costs more than the shipped price of unmet
    need, which the product refuses.
    """
    problems = Problems()
    model = load_model(REPOSITORY / "models" / "england-2026.toml", problems)
    problems.raise_if_any()
    assert model is not None
    changes: dict[str, Any] = {"price_unmet": max(model.price_unmet, PRICE_UNMET)}
    if slug != "devon":
        changes["travel_estimate"] = CITY_TRAVEL
    entries = {
        key: replace(entry, value=changes[key], source="Judgement: tests/real/authorities.py")
        if key in changes
        else entry
        for key, entry in model.entries.items()
    }
    return replace(model, entries=entries, **changes)


def load(slug: str, *, years: int = YEARS) -> Loaded:
    """Build the tables of an authority and load them as a scenario.

    Raises:
        DataMissing: when the published data are not there.
        InputError: when the tables are wrong.
    """
    tables, boundary = build_tables(slug, planning_model(slug))
    scenario = Scenario(
        name=slug,
        title=f"{TITLES[slug]}: places for ten years from {academic_year_label(BASE_YEAR + 1)}",
        authority=TITLES[slug],
        file="tests/real/authorities.py",
        model="england-2026",
        base_year=BASE_YEAR,
        first_year=BASE_YEAR + 1,
        years=years,
    )
    return load_scenario(scenario, model=planning_model(slug), tables=tables, boundary=boundary)


def build_tables(slug: str, model: PlanningModel) -> tuple[dict[str, pd.DataFrame], Any]:
    """Input tables of an authority by name, and its boundary (EPSG:27700).

    Args:
        slug: bury, devon or manchester.
        model: gives tier shares where a placement does not tell the tier.

    Raises:
        DataMissing: when the published data are not there.
    """
    reason = available(slug)
    if reason:
        raise DataMissing(reason)
    areas = _areas(slug)
    children = _children(slug, areas, model)
    providers = _providers(slug)
    placed, needs = _place(children, areas, providers)
    held = placed.groupby("provision")["children"].sum()
    bases = _bases(areas, held)
    provisions = pd.concat(
        [_schools(providers, needs, held), bases, _near_home()], ignore_index=True
    )
    places = _places(providers, held, bases)
    sites, schemes = _schemes(slug, areas, provisions, places)
    # Devon's published outline crosses itself: the product's own reader mends it.
    problems = Problems()
    boundary = read_boundary(DATA / slug / "boundary.geojson", problems)
    problems.raise_if_any()
    today = placed.groupby(["area", "need", "tier", "year_group", "provision"], as_index=False)[
        "children"
    ].sum()
    tables = {
        "areas": areas,
        "provisions": provisions,
        "commissioned_places": places,
        "candidate_sites": sites,
        "schemes": schemes,
        "children_today": today,
        "recorded": recorded(slug, model),
        "budgets": pd.DataFrame(
            {
                "financial_year": range(BASE_YEAR + 1, BASE_YEAR + 1 + YEARS),
                "source": "high needs capital",
                "pounds": float(PLANS[slug] * CAPITAL_PER_PLAN),
            }
        ),
    }
    return tables, boundary


# ------------------------------------------------------------------ areas and localities


def _areas(slug: str) -> pd.DataFrame:
    raw = pd.read_csv(DATA / slug / "areas.csv")
    frame = pd.DataFrame(
        {
            "area": raw["lsoa21_code"],
            "name": raw["lsoa21_name"],
            "easting": raw["easting"].astype(float),
            "northing": raw["northing"].astype(float),
            **{band: raw[f"pop_{band[9:]}_est"].astype(float) for band in AGE_BANDS},
            "deprivation_decile": raw["imd2025_decile"],
        }
    )
    young = frame[["children_0_4", "children_5_11", "children_12_17"]].sum(axis=1)
    msoa, number = np.unique(frame["name"].str[:-1], return_inverse=True)
    weight = np.bincount(number, weights=young)
    centre = np.column_stack(
        [
            np.bincount(number, weights=young * frame[axis]) / weight
            for axis in ("easting", "northing")
        ]
    )
    group, means = _k_means(centre, weight, LOCALITIES[slug])
    names = _compass(means, np.average(centre, axis=0, weights=weight))
    assert len(msoa) >= LOCALITIES[slug]
    frame.insert(2, "locality", [names[g] for g in group[number]])
    return frame.sort_values("area").reset_index(drop=True)


def _k_means(
    points: np.ndarray[Any, Any], weight: np.ndarray[Any, Any], groups: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Weighted k-means; begins with the heaviest point and, each time, the one farthest off."""
    means = points[[int(weight.argmax())]]
    while len(means) < groups:
        away = np.linalg.norm(points[:, None] - means[None], axis=2).min(axis=1)
        means = np.vstack([means, points[int((away * np.sqrt(weight)).argmax())]])
    for _ in range(100):
        group = np.linalg.norm(points[:, None] - means[None], axis=2).argmin(axis=1)
        moved = np.array(
            [np.average(points[group == g], axis=0, weights=weight[group == g])
             for g in range(groups)]
        )  # fmt: skip
        if np.allclose(moved, means):
            break
        means = moved
    return group, means


def _compass(means: np.ndarray[Any, Any], middle: np.ndarray[Any, Any]) -> list[str]:
    """Name places by their direction from the middle; a number tells namesakes apart."""
    words = ("East", "North East", "North", "North West", "West", "South West", "South",
             "South East")  # fmt: skip
    offset = means - middle
    distance = np.hypot(offset[:, 0], offset[:, 1])
    sector = np.round(np.degrees(np.arctan2(offset[:, 1], offset[:, 0])) / 45).astype(int) % 8
    near = distance < 0.25 * distance.max()
    names = ["Central" if c else words[s] for c, s in zip(near, sector, strict=True)]
    return [
        f"{name} {names[: i + 1].count(name)}" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]


# ------------------------------------------------------------------ children


def _published(slug: str) -> pd.DataFrame:
    """Published children by single age and placement, January 2025: age, placement, count."""
    counts = pd.read_csv(DATA / slug / "ehcp.csv")
    counts = counts[
        (counts["table"] == "caseload_by_age_placement")
        & (counts["year"] == 2025)
        & (counts["is_total"] == 0)
        & (counts["count"] > 0)
    ]
    return pd.DataFrame(
        {
            "age": _age(counts["age"]),
            "placement": counts["placement"],
            "count": counts["count"].astype(int),
        }
    ).sort_values(["placement", "age"], ignore_index=True)


def _age(label: pd.Series[str]) -> pd.Series[int]:
    """Age on 31 August before: "age 10" is 10, "under 3" is 2."""
    number = label.str.extract(r"(\d+)")[0].astype(int)
    return number - label.str.startswith("under").astype(int)


def _children(slug: str, areas: pd.DataFrame, model: PlanningModel) -> pd.DataFrame:
    """One row a child: kind, need, tier, year_group, area."""
    counts = _published(slug)
    fitted = pd.read_csv(DATA / slug / "demand_joint_ipf_estimated.csv")
    fitted["age"] = _age(fitted["age"])
    fitted["need"] = fitted["primary_need"].str.upper().replace("NEED_UNKNOWN", "OTH")
    needs = [n for n in NEEDS if n in set(fitted["need"])]
    shares = (
        fitted.pivot_table(
            index=["placement", "age"], columns="need", values="est_count", aggfunc="sum"
        )
        .reindex(index=pd.MultiIndex.from_frame(counts[["placement", "age"]]), columns=needs)
        .fillna(0.0)
        .to_numpy()
    )
    child = np.repeat(np.arange(len(counts)), counts["count"])
    need = np.array(needs)[controlled_rounding(shares, child)]
    children = pd.DataFrame(
        {
            "kind": counts["placement"].map(kind_of_placement).to_numpy()[child],
            "need": need,
            "year_group": counts["age"].to_numpy()[child] - 4,
        }
    ).sort_values(["kind", "need", "year_group"], ignore_index=True, kind="stable")

    groups = children.groupby(["kind", "need"], sort=True)
    by_kind = np.array([_tier_shares(kind, need, model) for kind, need in groups.groups])
    chosen = controlled_rounding(by_kind, groups.ngroup().to_numpy(dtype=np.int64))
    children["tier"] = np.array(list(TIERS))[chosen]
    children = children.sort_values(
        ["kind", "need", "tier", "year_group"], ignore_index=True, kind="stable"
    )

    # Neighbouring areas must not take turns one after the other: few children, one corner.
    shuffled = np.random.default_rng(1).permutation(len(areas))
    people = areas[list(AGE_BANDS)].to_numpy(dtype=float).T[:, shuffled]
    highest = np.array([top for _, top in AGE_BANDS.values()])
    band = np.minimum(np.searchsorted(highest, children["year_group"] + 4), len(highest) - 1)
    children["area"] = areas["area"].to_numpy()[shuffled][controlled_rounding(people, band)]
    return children


def _tier_shares(kind: str, need: str, model: PlanningModel) -> tuple[float, ...]:
    if kind.endswith("special") and need in _INTENSIVE:
        return TIERS_INTENSIVE
    return TIERS_OF_PLACEMENT.get(kind) or tuple(model.tier_shares[need])


# ------------------------------------------------------------------ schools


def _providers(slug: str) -> pd.DataFrame:
    """Schools in play: provision, name, kind, roll, room (most children of this authority) ..."""
    raw = pd.read_csv(DATA / slug / "providers.csv").sort_values("urn", ignore_index=True)
    inside = raw["in_la"] == 1
    state = raw["type"].isin(
        ["Community special school", "Foundation special school", "Free schools special",
         "Academy special converter", "Academy special sponsor led"]
    )  # fmt: skip
    kind = raw["type"].map(
        {
            "Non-maintained special school": "non_maintained_special",
            "Other independent special school": "independent_special",
            "Special post 16 institution": "specialist_post_16",
        }
    )
    kind = kind.mask(state & inside, "state_special")
    kind = kind.mask(state & ~inside, "out_of_area_state_special")
    kind = kind.mask((raw["is_special"] == 0) & inside, "alternative_provision")
    hospital = state & (
        raw["name"].str.contains("Hospital") | (raw["ehc_pupils_202201"] <= 0.2 * raw["on_roll"])
    ) & raw["age_low"].isna()  # fmt: skip
    frame = pd.DataFrame(
        {
            "provision": "urn-" + raw["urn"].astype(str),
            "name": raw["name"],
            "kind": kind,
            "easting": raw["easting"],
            "northing": raw["northing"],
            "lowest_year_group": (raw["age_low"] - 4).clip(-4, 20),
            "highest_year_group": (raw["age_high"] - 5).clip(-4, 20),
            "needs": _listed_needs(raw),
            "physical_capacity": raw["capacity"],
            "on_roll": raw["on_roll"],
            "inside_authority": np.where(inside, "yes", "no"),
            "away": raw["km_to_la_boundary"],
        }
    )
    frame = frame[frame["kind"].notna() & frame["easting"].notna() & ~hospital]
    post_16 = frame["kind"] == "specialist_post_16"
    unknown = frame["lowest_year_group"].isna() | frame["highest_year_group"].isna()
    frame["lowest_year_group"] = frame["lowest_year_group"].mask(unknown, post_16 * 13 - 1)
    frame["highest_year_group"] = frame["highest_year_group"].mask(unknown, post_16 * 6 + 14)
    # A state special school without a roll had not opened; elsewhere that is no news for us.
    unopened = frame["kind"].str.endswith("state_special") & frame["on_roll"].isna()
    frame["opens"] = np.where(unopened, academic_year_label(BASE_YEAR + 1), "")
    frame = frame[~(unopened & (frame["inside_authority"] == "no"))]
    rank = frame[frame["inside_authority"] == "no"].groupby("kind")["away"].rank(method="first")
    nearest = frame["kind"].map(NEAREST).fillna(0)
    frame = frame[rank.reindex(frame.index).fillna(0) <= nearest].reset_index(drop=True)
    frame["roll"] = frame["on_roll"].fillna(frame["physical_capacity"]).fillna(30.0)
    frame.loc[frame["opens"] != "", "roll"] = 0.0
    return frame


def _listed_needs(raw: pd.DataFrame) -> pd.Series[str]:
    """Needs of GIAS joined by |, "any" where the list is blank or cut off after five."""
    columns = [c for c in raw.columns if c.startswith("need_") and c[5:].upper() in NEEDS]
    known = raw["needs"].notna() & ~raw["needs_list_truncated"].astype(bool)
    listed = [
        "|".join(c[5:].upper() for c in columns if row[c] == 1) or "any"
        for row in raw[columns].to_dict("records")
    ]
    return pd.Series(listed, index=raw.index).where(known, "any")


def _place(
    children: pd.DataFrame, areas: pd.DataFrame, providers: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, set[str]]]:
    """Put every child in a provision: area, need, tier, year_group, provision, children; and the
    needs of those whom each school takes.

    State special children go to schools of this authority first, then to those outside.
    """
    parts = []
    locality = areas.set_index("area")["locality"]
    for kind, group in children.groupby("kind", sort=True):
        kinds = (
            ("state_special", "out_of_area_state_special") if kind == "state_special" else (kind,)
        )
        at = providers[providers["kind"].isin(kinds)].reset_index(drop=True)
        year_group = group["year_group"].to_numpy()
        if kind == "specialist_base":
            phase = np.where(year_group <= 6, "primary", "secondary")
            found = [
                _base_id(name, p)
                for name, p in zip(locality.loc[group["area"]], phase, strict=True)
            ]
        elif len(at):
            found = _nearest_with_room(group, areas, at)
        elif kind == "mainstream":
            choice = np.searchsorted([0, 7, 12], year_group, side="right")
            found = np.array(["early-years", "primary", "secondary", "sixth-form"])[choice]
        else:
            found = "colleges" if kind == "further_education" else "elsewhere"
        parts.append(group.assign(provision=found, children=1.0))
    placed = pd.concat(parts, ignore_index=True)
    needs = {str(p): set(n) for p, n in placed.groupby("provision")["need"]}
    return placed, needs


def _nearest_with_room(
    children: pd.DataFrame, areas: pd.DataFrame, schools: pd.DataFrame
) -> np.ndarray[Any, Any]:
    """School of every child: least distance in all, no school above its roll (a transport LP)."""
    cells = children.groupby(["area", "need", "year_group"], sort=True)
    cell = cells.ngroup().to_numpy()
    keys = pd.DataFrame(list(cells.groups), columns=["area", "need", "year_group"])
    home = areas.set_index("area").loc[keys["area"], ["easting", "northing"]].to_numpy()
    school = schools[["easting", "northing"]].to_numpy(dtype=float)
    cost = np.linalg.norm(home[:, None] - school[None], axis=2) / 1000
    group = keys["year_group"].to_numpy()[:, None]
    cost += WRONG_AGE_KM * (
        (group < schools["lowest_year_group"].to_numpy())
        | (group > schools["highest_year_group"].to_numpy())
    )
    for column, listed in enumerate(schools["needs"]):
        if listed != "any":
            cost[:, column] += WRONG_NEED_KM * ~keys["need"].isin(listed.split("|")).to_numpy()
    cost += OUTSIDE_KM * (schools["inside_authority"] == "no").to_numpy()
    size = np.bincount(cell)
    room = np.floor(schools["roll"].to_numpy(dtype=float))
    if room.sum() < size.sum():
        room = np.where(room > 0, np.ceil(room * size.sum() / room.sum()) + 1, 0)
    flow = _transport(cost, size, room)
    # Children of one cell differ by tier only: the first go to the first school.
    order = np.argsort(cell, kind="stable")
    result = np.empty(len(children), dtype=object)
    result[order] = np.repeat(np.tile(schools["provision"].to_numpy(), len(keys)), flow.ravel())
    return result


def _transport(
    cost: np.ndarray[Any, Any], supply: np.ndarray[Any, Any], room: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Cheapest whole flow from rows to columns: all of each row, no column above its room."""
    rows, columns = cost.shape
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = rows * columns, rows + columns
    lp.col_cost_ = cost.ravel()
    lp.col_lower_ = np.zeros(rows * columns)
    lp.col_upper_ = np.repeat(supply, columns).astype(float)
    lp.row_lower_ = np.concatenate([supply, np.zeros(columns)]).astype(float)
    lp.row_upper_ = np.concatenate([supply, room]).astype(float)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.arange(0, 2 * rows * columns + 1, 2)
    pairs = np.column_stack(
        [np.repeat(np.arange(rows), columns), rows + np.tile(np.arange(columns), rows)]
    )
    lp.a_matrix_.index_ = pairs.ravel()
    lp.a_matrix_.value_ = np.ones(2 * rows * columns)
    highs.passModel(lp)
    highs.run()
    flow = np.array(highs.getSolution().col_value).reshape(rows, columns)
    whole = np.round(flow).astype(int)
    assert np.abs(flow - whole).max() < 1e-6, "a basic answer of a transport problem is whole"
    assert (whole.sum(axis=1) == supply).all(), "nobody is lost"
    return whole


def _schools(
    providers: pd.DataFrame, needs: dict[str, set[str]], held: pd.Series[float]
) -> pd.DataFrame:
    """Rows of provisions for schools and colleges; needs widened by the children held."""
    frame = providers.copy()
    frame["needs"] = [
        "any" if listed == "any" else "|".join(
            n for n in NEEDS if n in set(listed.split("|")) | needs.get(name, set())
        )
        for name, listed in zip(frame["provision"], frame["needs"], strict=True)
    ]  # fmt: skip
    frame["tiers"] = ""
    return frame.drop(columns=["away", "roll"])


def _base_id(locality: str, phase: str) -> str:
    return f"base-{locality.lower().replace(' ', '-')}-{phase}"


def _middles(areas: pd.DataFrame) -> pd.DataFrame:
    """By locality, largest first: children (0 to 17), and the area nearest to their middle."""
    weighted = areas.assign(
        children=areas[["children_0_4", "children_5_11", "children_12_17"]].sum(axis=1)
    )
    rows = []
    for name, group in weighted.groupby("locality", sort=True):
        x = np.average(group["easting"], weights=group["children"])
        y = np.average(group["northing"], weights=group["children"])
        nearest = group.iloc[int(np.hypot(group["easting"] - x, group["northing"] - y).argmin())]
        rows.append(
            (name, group["children"].sum(), nearest["name"], nearest["easting"],
             nearest["northing"])
        )  # fmt: skip
    frame = pd.DataFrame(rows, columns=["locality", "children", "name", "easting", "northing"])
    return frame.sort_values(["children", "locality"], ascending=[False, True], ignore_index=True)


def _bases(areas: pd.DataFrame, held: pd.Series[float]) -> pd.DataFrame:
    """A base for every locality and phase that has children in a base today."""
    rows = [
        {
            "provision": _base_id(row.locality, phase),
            "name": f"{row.locality}: {phase} bases",
            "kind": "specialist_base",
            "easting": row.easting,
            "northing": row.northing,
            "lowest_year_group": -1 if phase == "primary" else 7,
            "highest_year_group": 6 if phase == "primary" else 14,
            "needs": "any",
            "tiers": "",
            "opens": "",
            "inside_authority": "yes",
        }
        for row in _middles(areas).itertuples()
        for phase in ("primary", "secondary")
    ]
    frame = pd.DataFrame(rows)
    return frame[frame["provision"].isin(held.index)]


def _near_home() -> pd.DataFrame:
    columns = ["provision", "name", "kind", "lowest_year_group", "highest_year_group", "tiers"]
    return pd.DataFrame(list(_NEAR_HOME), columns=columns).assign(
        needs="any", opens="", inside_authority="yes"
    )


def _places(providers: pd.DataFrame, held: pd.Series[float], bases: pd.DataFrame) -> pd.DataFrame:
    """Commissioned places; other authorities' children fill what is left of a local roll."""
    rows: list[tuple[str, int, float, float]] = []
    for row in providers.itertuples():
        own = float(held.get(row.provision, 0.0))
        capacity = float(np.nan_to_num(row.physical_capacity))
        if row.kind == "state_special":
            places = max(capacity, row.roll, own)
            if row.opens:
                rows += [
                    (row.provision, BASE_YEAR + 1 + i, float(round(places * share)), 0.0)
                    for i, share in enumerate((0.35, 0.6, 0.85, 1.0))
                ]
            else:
                rows.append((row.provision, BASE_YEAR, places, max(0.0, row.roll - own)))
        elif row.kind == "specialist_post_16":
            rows.append((row.provision, BASE_YEAR, own + POST_16_ROOM, 0.0))
        else:
            room = np.ceil(ROOM_TO_GROW[row.kind] * max(capacity, row.roll))
            rows.append((row.provision, BASE_YEAR, own + room, 0.0))
    rows += [(name, BASE_YEAR, float(held[name]), 0.0) for name in bases["provision"]]
    return pd.DataFrame(
        rows, columns=["provision", "academic_year", "places", "other_authority_children"]
    )


# ------------------------------------------------------------------ schemes


def _schemes(
    slug: str, areas: pd.DataFrame, provisions: pd.DataFrame, places: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Candidate sites and schemes by the rules in the docstring of this module."""
    middles = _middles(areas)
    sites = pd.DataFrame(
        {
            "site": ["site-" + n.lower().replace(" ", "-") for n in middles["locality"]],
            "name": middles["locality"] + ", near " + middles["name"],
            "easting": middles["easting"],
            "northing": middles["northing"],
        }
    )
    large = min(4, len(sites) - 2)
    size = float(np.clip(8 * round(0.02 * PLANS[slug] / 8), 48, 120))
    rows: list[dict[str, Any]] = []
    for i, site in enumerate(sites["site"]):
        where = middles["locality"].iloc[i]
        if i < large:
            semh = i % 2 == 1
            rows.append(
                {
                    "scheme": f"new-{site[5:]}",
                    "name": f"New special school, {where}",
                    "kind": "state_special",
                    "site": site,
                    "needs": "SEMH|ASD|SLCN" if semh else "ASD|SLCN|MLD|SLD|PMLD|PD",
                    "lowest_year_group": 3 if semh else 0,
                    "highest_year_group": 11 if semh else 14,
                    "places": size,
                    "earliest_opening": BASE_YEAR + 4,
                    "capital_pounds": size * POUNDS_PER_PLACE["new"],
                }
            )
        for phase, low, high, number in (("primary", 0, 6, 14), ("secondary", 7, 11, 20)):
            if phase == "secondary" and i >= large:
                continue
            rows.append(
                {
                    "scheme": f"base-new-{site[5:]}-{phase}",
                    "name": f"New {phase} base, {where}",
                    "kind": "specialist_base",
                    "site": site,
                    "needs": "any",
                    "lowest_year_group": low,
                    "highest_year_group": high,
                    "places": float(number),
                    "earliest_opening": BASE_YEAR + 2,
                    "capital_pounds": float(number * POUNDS_PER_PLACE["base"]),
                }
            )
    open_now = provisions[(provisions["kind"] == "state_special") & (provisions["opens"] == "")]
    now = places.groupby("provision")["places"].first()
    largest = open_now.assign(now=now.reindex(open_now["provision"]).to_numpy()).nlargest(4, "now")
    for school in largest.itertuples():
        added = float(4 * np.ceil(0.15 * school.now / 4))
        rows.append(
            {
                "scheme": f"more-{school.provision}",
                "name": f"Expansion of {school.name}",
                "kind": "state_special",
                "provision": school.provision,
                "needs": school.needs,
                "lowest_year_group": school.lowest_year_group,
                "highest_year_group": school.highest_year_group,
                "places": added,
                "earliest_opening": BASE_YEAR + 3,
                "capital_pounds": added * POUNDS_PER_PLACE["expansion"],
            }
        )
    return sites, pd.DataFrame(rows).fillna({"site": "", "provision": ""})


# ------------------------------------------------------------------ command


def summary(slug: str, plan: Plan, loaded: Loaded, seconds: float) -> str:
    """One line of facts on a solved authority."""
    solver, size = plan.stamp["solver"], plan.stamp["size"]
    mix = plan.mix.pivot_table(
        index="kind", columns="academic_year", values="children", aggfunc="sum", fill_value=0.0
    )

    def shares(year: int) -> str:
        total = mix[year].sum()
        return ", ".join(
            f"{kind} {mix.at[kind, year]:,.0f} ({mix.at[kind, year] / total:.1%})"
            for kind in [*KINDS, "unmet"]
            if kind in mix.index and mix.at[kind, year] >= 0.5
        )

    opened = plan.schemes[plan.schemes["opens"] >= 0].sort_values(["opens", "scheme"])
    chosen = ", ".join(
        f"{r.scheme} {academic_year_label(int(r.opens))}" for r in opened.itertuples()
    )
    first, last = loaded.scenario.base_year, loaded.scenario.last_year
    unmet = plan.unmet.groupby("academic_year")["children"].sum().round(1).to_dict()
    audit = plan.stamp["audit"]
    return (
        f"{TITLES[slug]}: {size['plans_today']:,.0f} plans, {size['cohorts']:,} cohorts, "
        f"{size['arcs']:,} arcs, {size['columns']:,} columns, {size['rows']:,} rows, "
        f"{size['binaries']} binaries; {seconds:.0f} s ({solver['status']}, gap "
        f"{solver['gap']:.3%}, {solver['objective_pounds'] / 1e6:,.1f} million pounds); "
        f"{academic_year_label(first)}: {shares(first)}; {academic_year_label(last)}: "
        f"{shares(last)}; unmet by year {unmet or 'none'}; {len(opened)} of {len(plan.schemes)} "
        f"schemes: {chosen or 'none'}; audit {'passed' if audit['passed'] else 'FAILED'} "
        f"({len(audit['checks'])} checks, {len(audit['differences'])} differences)"
    )


def main(arguments: list[str] | None = None) -> int:
    """Build, solve and sum up an authority; write its run folder when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("authority", choices=sorted(TITLES))
    parser.add_argument("--out", type=Path, help="folder of the run to write")
    parser.add_argument("--time-limit", type=float, default=300.0, help="seconds of search")
    parser.add_argument("--gap", type=float, default=0.005)
    parser.add_argument("--years", type=int, default=YEARS)
    asked = parser.parse_args(arguments)
    try:
        loaded = load(asked.authority, years=asked.years)
    except DataMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    clock = time.monotonic()
    steps: list[str] = []

    def tell(step: str, progress: object) -> None:
        if progress is None and (not steps or steps[-1] != step):
            steps.append(step)
            print(f"{time.monotonic() - clock:7.1f} s  {step}", file=sys.stderr)

    plan = optimise(loaded, gap=asked.gap, time_limit=asked.time_limit, on_progress=tell)
    print(summary(asked.authority, plan, loaded, time.monotonic() - clock))
    for difference in plan.stamp["audit"]["differences"][:10]:
        print("  audit:", difference)
    if asked.out is not None:
        print(write_results(plan, loaded, asked.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
