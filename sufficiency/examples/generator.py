"""Fictional English authorities that follow the national profile, the same on every computer.

``write_example("median", Path("."))`` writes ``geodata/wyrecombe`` and ``scenarios/median``.

Only uniform numbers of a seeded PCG64 are drawn, points are rounded to metres before they are
used, and no grid shift enters the boundary's degrees, so that the files are identical byte for
byte wherever they are made.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely import Polygon

from sufficiency.examples.authorities import SIZES, TEMPLATES, School, Site, Size, slug
from sufficiency.examples.landscape import (
    BANDS,
    Floats,
    draw_areas,
    draw_journeys,
    draw_land,
    draw_near,
    write_boundary,
)
from sufficiency.examples.national import (
    KIND_ORDER,
    NEED_ORDER,
    plans_by_kind_need_age,
    tier_chances,
)
from sufficiency.tables import write_table
from sufficiency.vocabulary import KINDS, NEEDS, academic_year_label

BASE_YEAR: Final = 2025
YEARS: Final = 10
SOURCES: Final = {
    "high needs capital": 0.54,
    "basic need": 0.2,
    "section 106": 0.08,
    "borrowing": 0.18,
}
BUDGET_BY_YEAR: Final = (0.26, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.03)
RUNNING_COST: Final = {
    "mainstream": 6500,
    "specialist_base": 15500,
    "state_special": 26000,
    "independent_special": 64000,
    "non_maintained_special": 47000,
    "out_of_area_state_special": 26000,
    "alternative_provision": 23000,
    "further_education": 13000,
    "specialist_post_16": 37000,
    "educated_elsewhere": 9000,
}
"""Rough pounds per child per year, by which the allocation is set near today's spend."""

Tables = dict[str, pd.DataFrame]


def write_example(size: str | Size, folder: Path) -> Path:
    """Write one fictional authority and its scenario.

    Args:
        size: a name in :data:`SIZES` (small, median or large), or an example of one's own.
        folder: where ``geodata/<authority>`` and ``scenarios/<size>`` are written; existing
            files of the same names are replaced.

    Returns:
        The path of the scenario.toml that was written.

    Raises:
        KeyError: when there is no example of this name.
    """
    example = size if isinstance(size, Size) else SIZES[size]
    geodata = folder / "geodata" / example.folder
    scenario = folder / "scenarios" / example.name
    geodata.mkdir(parents=True, exist_ok=True)
    scenario.mkdir(parents=True, exist_ok=True)

    rng = np.random.Generator(np.random.PCG64(example.seed))
    land = draw_land(example, rng)
    areas = draw_areas(example, land, rng)
    sites = _draw_sites(example, land, rng)
    places = _draw_provisions(example, land, rng)
    destinations = pd.concat(
        [
            places.rename(columns={"provision": "destination"}),
            sites.rename(columns={"site": "destination"}),
        ]
    )[["destination", "easting", "northing"]].dropna()
    travel = draw_journeys(example, areas, destinations, rng)
    children = _place_children(example, areas, places, travel, rng)
    commissioned, limits = _commission(example, places, children, rng)
    here: Tables = {
        "areas": areas.drop(columns=["townness"]),
        "provisions": _provision_table(places, children, commissioned),
        "commissioned_places": commissioned,
        "place_limits": limits,
        "candidate_sites": sites,
        "travel": travel,
    }
    schemes = _schemes(example)
    asked: Tables = {
        "schemes": schemes,
        "children_today": children,
        "population": _population(areas),
        "budgets": _budgets(example, schemes),
        "allocations": _allocations(children, places),
    }
    for target, tables in ((geodata, here), (scenario, asked)):
        for name, frame in tables.items():
            write_table(frame, name, target / f"{name}.csv")
    write_boundary(example, land, geodata / "boundary.geojson")
    path = _write_scenario(example, scenario)
    write_table(_recorded(path, rng), "recorded", scenario / "recorded.csv")
    return path


# ------------------------------------------------------------------ sites and provisions


# Provision that is one of many near home: name, kind, lowest and highest year group.
NEAR_HOME: Final = {
    "mainstream-early-years": ("Nurseries and pre-schools", "mainstream", -4, -1),
    "mainstream-primary": ("Mainstream primary schools", "mainstream", 0, 6),
    "mainstream-secondary": ("Mainstream secondary schools", "mainstream", 7, 11),
    "mainstream-sixth-form": ("School sixth forms", "mainstream", 12, 13),
    "further-education": ("Further education colleges", "further_education", 12, 20),
    "educated-elsewhere": ("Educated at home or elsewhere", "educated_elsewhere", -4, 20),
}


def _locate(
    example: Size, land: Polygon, item: School | Site, rng: np.random.Generator
) -> tuple[int, int]:
    """Easting and northing: near the town that is named, or at the very point."""
    if isinstance(item.where, str):
        town = next(town for town in example.towns if town.name == item.where)
        return draw_near(land, example, town.at, 0.85 * town.spread_km, rng)
    return (
        round(example.origin[0] + item.where[0] * 1000),
        round(example.origin[1] + item.where[1] * 1000),
    )


def _draw_sites(example: Size, land: Polygon, rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        (slug(site.name), site.name, *_locate(example, land, site, rng), site.note)
        for site in example.sites
    ]
    return pd.DataFrame(rows, columns=["site", "name", "easting", "northing", "note"])


def _draw_provisions(example: Size, land: Polygon, rng: np.random.Generator) -> pd.DataFrame:
    """All provisions; the columns ``size`` and ``room`` serve the generator only."""
    nowhere = (np.nan, np.nan)
    rows: list[tuple[object, ...]] = [
        (key, name, kind, *nowhere, lowest, highest, "any", "", -1, None, 1, 1.0)
        for key, (name, kind, lowest, highest) in NEAR_HOME.items()
    ]
    for school in example.schools:
        kind, designation, needs, lowest, highest = TEMPLATES[school.template]
        rows.append(
            (
                slug(school.name), school.name, kind, *_locate(example, land, school, rng),
                lowest, highest, needs, designation, school.closes or -1, school.fee,
                school.size, school.room,
            )
        )  # fmt: skip
    columns = [
        "provision", "name", "kind", "easting", "northing", "lowest_year_group",
        "highest_year_group", "needs", "designation", "closes", "fee_pounds", "size", "room",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


# ------------------------------------------------------------------ children


def _pick(weights: Floats, rng: np.random.Generator) -> int:
    """The position drawn with chances proportional to the weights."""
    steps = np.cumsum(weights)
    return int(np.searchsorted(steps, rng.random() * steps[-1], side="right"))


def _place_children(
    example: Size,
    areas: pd.DataFrame,
    places: pd.DataFrame,
    travel: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Children with a plan in the base year, by area, need, tier, year group and provision."""
    joint = plans_by_kind_need_age(example.lean)
    steps = np.cumsum(joint.ravel()) * example.plans
    # Systematic drawing keeps every margin within a child or two of its share.
    draws = np.arange(example.plans) + rng.random()
    cells = np.minimum(np.searchsorted(steps, draws, side="right"), joint.size - 1)
    kinds, needs, ages = np.unravel_index(cells, joint.shape)

    minutes = (
        travel.pivot(index="area", columns="destination", values="minutes")
        .reindex(index=areas["area"], columns=places["provision"])
        .to_numpy(dtype=np.float64, copy=True)
    )
    at_home = places["easting"].isna().to_numpy()
    minutes[:, at_home] = 10.0
    nearness = np.nan_to_num(1 / (1 + (minutes / 14) ** 3), nan=0.0)
    people = {
        age: areas[band].to_numpy(dtype=np.float64)
        for band, (low, high) in BANDS.items()
        for age in range(low, high + 1)
    }
    poor = (5.5 - areas["deprivation_decile"].to_numpy(dtype=np.float64)) / 4.5
    choices = _Choices(places, joint, kinds, needs)

    order = np.argsort(rng.random(example.plans), kind="stable")
    rows: list[tuple[str, str, int, int, str]] = []
    for child in order:
        need, age = NEED_ORDER[needs[child]], int(ages[child])
        lean = 0.45 if need == "SEMH" else 0.1 if need == "ASD" else 0.25
        area = _pick(people[age] * (1 + lean * poor), rng)
        column = choices.pick(KIND_ORDER[kinds[child]], need, age - 4, nearness[area], rng)
        kind = str(places["kind"].iloc[column])
        tier = _pick(tier_chances(need, kind), rng) + 1
        rows.append(
            (
                str(areas["area"].iloc[area]),
                need,
                tier,
                age - 4,
                str(places["provision"].iloc[column]),
            )
        )
    keys = ["area", "need", "tier", "year_group", "provision"]
    frame = pd.DataFrame(rows, columns=keys)
    counted = frame.groupby(keys, sort=True).size().rename("children").reset_index()
    return counted


class _Choices:
    """Which provision a child attends: one that takes the child, near rather than far."""

    # Where a child goes when no provision of its kind takes it.
    OTHERWISE: ClassVar[dict[str, str]] = {
        "specialist_base": "mainstream",
        "alternative_provision": "educated_elsewhere",
        "state_special": "non_maintained_special",
        "independent_special": "state_special",
        "non_maintained_special": "state_special",
        "specialist_post_16": "further_education",
    }

    def __init__(
        self,
        places: pd.DataFrame,
        joint: Floats,
        kinds: NDArray[np.int64],
        needs: NDArray[np.int64],
    ) -> None:
        self.kind = places["kind"].to_numpy()
        self.low = places["lowest_year_group"].to_numpy()
        self.high = places["highest_year_group"].to_numpy()
        takes = [tuple(text.split("|")) for text in places["needs"]]
        self.takes = {
            need: np.array([listed == ("any",) or need in listed for listed in takes])
            for need in NEED_ORDER
        }
        size = places["size"].to_numpy(dtype=np.float64)
        target = np.zeros(len(places))
        for index, kind in enumerate(KIND_ORDER):
            rows = self._of_kind(kind)
            target[rows] = size[rows] / size[rows].sum() * int((kinds == index).sum())
        self.target = target
        self.load = np.zeros(len(places))

    def _of_kind(self, kind: str) -> NDArray[np.bool_]:
        same = self.kind == kind
        if kind == "state_special":
            same = same | (self.kind == "out_of_area_state_special")
        return np.asarray(same, dtype=np.bool_)

    def pick(
        self, kind: str, need: str, year_group: int, nearness: Floats, rng: np.random.Generator
    ) -> int:
        fits = self.takes[need] & (self.low <= year_group) & (year_group <= self.high)
        rows = np.flatnonzero(fits & self._of_kind(kind))
        while not len(rows):
            kind = self.OTHERWISE.get(kind, "educated_elsewhere")
            rows = np.flatnonzero(fits & self._of_kind(kind))
        # A school that nears its usual size takes fewer.
        full = self.load[rows] / np.maximum(self.target[rows], 1.0)
        weights = self.target[rows] * (nearness[rows] + 0.0005) * np.maximum(1.05 - full, 0.01)
        chosen = int(rows[_pick(weights, rng)])
        self.load[chosen] += 1
        return chosen


# ------------------------------------------------------------------ places


def _commission(
    example: Size, places: pd.DataFrame, children: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Commissioned places near today's rolls, and limits inside one school."""
    rolls = children.groupby("provision")["children"].sum()
    rows: list[tuple[str, int, int, int]] = []
    limits: list[tuple[str, str, str, int, int, int]] = []
    located = places[places["easting"].notna()]
    for name, kind, highest, size, room in zip(
        *(located[c] for c in ("provision", "kind", "highest_year_group", "size", "room")),
        strict=True,
    ):
        roll = int(rolls.get(name, 0))
        others, growth = 0, 0
        if kind == "state_special":
            others = int(roll * (0.02 + 0.04 * rng.random()) + 0.5)
            full = 0.93 + 0.11 * rng.random()
            now = int((roll + others) / full + 0.5)
            if highest < 0:
                # An assessment nursery fills up during the year.
                now = max(now, int(size) // 2 + 1)
            growth = int(now * 0.05 + 0.5) if rng.random() < 0.35 else 0
        elif kind == "specialist_base":
            others = 1 if rng.random() < 0.3 else 0
            now = max(6, int((roll + others) / (0.86 + 0.14 * rng.random()) + 0.999) // 2 * 2)
            growth = 2 if rng.random() < 0.25 else 0
        elif kind == "alternative_provision":
            now = int(roll / 0.88 + 2)
        else:
            now = int(roll * room + 2.5)
        rows.append((name, BASE_YEAR, now, others))
        if growth:
            year = BASE_YEAR + 1 + int(rng.random() * 2)
            rows.append((name, year, now + growth, others))
        if kind == "state_special" and highest == 14 and not limits:
            # The first all-through school has room for three secondary years above Year 11.
            own = children[children["provision"] == name]
            secondary = own["children"][own["year_group"].between(7, 11)].sum() / 5
            profound = own["children"][own["need"].isin(["PMLD", "MSI"])].sum()
            limits.append((name, "post-16", "any", 12, 14, int(secondary * 3 + 0.5)))
            limits.append((name, "profound needs", "PMLD|MSI", -1, 14, int(profound * 1.25 + 1)))
    columns = ["provision", "academic_year", "places", "other_authority_children"]
    limit_columns = [
        "provision", "limit", "needs", "lowest_year_group", "highest_year_group", "places",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns), pd.DataFrame(limits, columns=limit_columns)


def _provision_table(
    places: pd.DataFrame, children: pd.DataFrame, commissioned: pd.DataFrame
) -> pd.DataFrame:
    """The table provisions: with rolls and buildings of state special schools."""
    frame = places.drop(columns=["size", "room"]).copy()
    first = commissioned.drop_duplicates("provision").set_index("provision")
    rolls = children.groupby("provision")["children"].sum()
    state = frame["kind"] == "state_special"
    others = frame["provision"].map(first["other_authority_children"])
    frame["on_roll"] = (frame["provision"].map(rolls).fillna(0) + others).where(state)
    frame["physical_capacity"] = (frame["provision"].map(first["places"]) * 105 // 100).where(state)
    return frame


# ------------------------------------------------------------------ schemes and money


def _schemes(example: Size) -> pd.DataFrame:
    """The table schemes: an expansion takes kind, needs and year groups of its provision."""
    sites = {slug(site.name) for site in example.sites}
    templates = {slug(scheme.name): scheme.template for scheme in example.schemes}
    made = templates | {slug(school.name): school.template for school in example.schools}
    rows: list[dict[str, object]] = []
    for scheme in example.schemes:
        where = slug(scheme.where)
        template = scheme.template or made[where]
        kind, designation, needs, lowest, highest = TEMPLATES[template]
        rows.append(
            {
                "scheme": slug(scheme.name),
                "name": scheme.name,
                "kind": kind,
                "site": where if where in sites else "",
                "provision": "" if where in sites else where,
                "needs": needs,
                "lowest_year_group": lowest,
                "highest_year_group": highest,
                "places": scheme.places,
                "earliest_opening": scheme.opens,
                "latest_opening": scheme.latest or -1,
                "capital_pounds": scheme.places * scheme.thousands * 1000,
                "exclusive_group": scheme.group,
                "requires": where if where in templates else "",
                "funding_sources": scheme.sources,
                "running_pounds": scheme.running * 1000,
                "designation": designation,
            }
        )
    return pd.DataFrame(rows)


def _budgets(example: Size, schemes: pd.DataFrame) -> pd.DataFrame:
    """Capital by source: early years have more, and all of it cannot pay for all schemes."""
    total = float(schemes["capital_pounds"].sum()) * example.budget_share
    rows = []
    for index, share in enumerate(BUDGET_BY_YEAR):
        for source, part in SOURCES.items():
            if source == "section 106":
                # Developers pay at three milestones.
                share_now = {0: 0.3, 2: 0.4, 5: 0.3}.get(index, 0.0)
            else:
                share_now = share
            pounds = int(total * part * share_now / 10000 + 0.5) * 10000
            rows.append((BASE_YEAR + 1 + index, source, pounds))
    return pd.DataFrame(rows, columns=["financial_year", "source", "pounds"])


def _allocations(children: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """High-needs allocation: nine tenths of about what is spent today, then 3% more a year."""
    kinds = children["provision"].map(places.set_index("provision")["kind"])
    spend = float((kinds.map(RUNNING_COST) * children["children"]).sum())
    rows, pounds = [], 0.9 * spend
    for index in range(YEARS):
        rows.append((BASE_YEAR + 1 + index, int(pounds / 1000 + 0.5) * 1000))
        pounds *= 1.03
    return pd.DataFrame(rows, columns=["financial_year", "pounds"])


def _population(areas: pd.DataFrame) -> pd.DataFrame:
    """People by academic year and age: births fall by 1.2% a year, each cohort grows older."""
    now = np.zeros(26)
    for band, (low, high) in BANDS.items():
        # Later ages have a little more: births have been falling.
        shape = np.array([1 + 0.012 * age for age in range(high - low + 1)])
        now[low : high + 1] = shape / shape.sum() * float(areas[band].sum())
    now[25] = now[24]
    rows = []
    for year in range(BASE_YEAR, BASE_YEAR + YEARS + 1):
        people = np.floor(now + 0.5).astype(int)
        rows += [(year, age, int(count)) for age, count in enumerate(people)]
        older = np.empty(26)
        older[0] = now[0] * 0.988
        older[1:] = now[:-1] * 1.001
        now = older
    return pd.DataFrame(rows, columns=["academic_year", "age", "people"])


def _recorded(scenario: Path, rng: np.random.Generator) -> pd.DataFrame:
    """What the fictional return and accounts say: every child, and spend a little off the model's.

    Accounts of a real authority never agree with unit prices to the pound: each kind and ledger
    is up to 1.5% away.
    """
    # Only here does an example need what reads it.
    from sufficiency.pipeline import load_scenario, reproduce_today

    loaded = load_scenario(scenario)
    now = reproduce_today(loaded).today
    counted: list[dict[str, object]] = [{"children": float(now.children["children"].sum())}]
    for column, order in (
        ("kind", KINDS),
        ("need", NEEDS),
        ("phase", loaded.model.phases),
    ):
        totals = now.children.groupby(column)["children"].sum()
        name, listed = (column, False) if column == "phase" else (f"{column}s", True)
        counted += [
            {name: (value,) if listed else value, "children": float(totals[value])}
            for value in order
            if value in totals.index
        ]
    spend = now.spend.groupby(["kind", "ledger"])["pounds"].sum()
    spent = [
        {
            "kinds": (kind,),
            "ledger": ledger,
            "pounds": float(int(spend[kind, ledger] * (0.985 + 0.03 * rng.random()) / 1000 + 0.5))
            * 1000,
        }
        for kind in KINDS
        for ledger in ("dsg", "general_fund")
        if (kind, ledger) in spend.index and spend[kind, ledger] >= 1000
    ]
    frame = pd.DataFrame(
        [
            *({**row, "source": "fictional SEN2 return"} for row in counted),
            *({**row, "source": "fictional outturn"} for row in spent),
        ]
    )
    for column in ("kinds", "needs"):
        cells = [cell if isinstance(cell, tuple) else () for cell in frame[column]]
        frame[column] = pd.Series(cells, dtype="object")
    return frame.fillna({"phase": "", "ledger": ""})


# ------------------------------------------------------------------ files


def _write_scenario(example: Size, folder: Path) -> Path:
    first = BASE_YEAR + 1
    committed = "".join(
        f'"{scheme}" = "{academic_year_label(year)}"\n'
        for scheme, year in example.committed.items()
    )
    text = f"""\
# {example.authority} is fictional: made from the national profile, with no real child or school.

[scenario]
name = "{example.name}"
title = "{example.authority}: places for ten years from {academic_year_label(first)}"
authority = "{example.authority}"
geodata = "../../geodata/{example.folder}"
model = "england-2026"
base_year = "{academic_year_label(BASE_YEAR)}"
first_year = "{academic_year_label(first)}"
years = {YEARS}

[projection]
variant = "central"
seed = {example.seed}

# Decided already, with the September in which it opens.
[committed]
{committed}"""
    path = folder / "scenario.toml"
    path.write_bytes(text.encode())
    for name, (comment, change) in example.what_ifs.items():
        head = (
            f'{comment}\n[scenario]\nextends = "scenario.toml"\nname = "{example.name}-{name}"\n\n'
        )
        (folder / f"{name}.toml").write_bytes((head + change).encode())
    return path
