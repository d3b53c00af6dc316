"""Random plans for attacks on what is published: nothing of them is optimal, all of it adds up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sufficiency.plan import Plan
from sufficiency.reports.facts import Run
from sufficiency.vocabulary import KINDS, NEEDS

YEARS = (2025, 2026)
DESIGNATIONS = {
    "Autism and communication": ["ASD", "SLCN"],
    "Social, emotional and mental health": ["SEMH"],
    "Learning": ["SPLD", "MLD", "SLD", "PMLD", "DS"],
    "Physical and sensory": ["HI", "VI", "MSI", "PD"],
    "Other": ["OTH"],
}
PHASES = {"early years": (-4, -1), "primary": (0, 6), "secondary": (7, 11), "post-16": (12, 14),
          "post-19": (15, 20)}  # fmt: skip
MANY = ("mainstream", "further_education", "educated_elsewhere")


def random_run(seed: int) -> Run:
    """A run with two years, a few localities and provisions, and some tens or hundreds of children.

    Children are expected numbers: whole in the base year, fractions after it.
    """
    chance = np.random.default_rng(seed)
    localities = [f"Locality {i}" for i in range(int(chance.integers(1, 5)))]
    areas = pd.DataFrame(
        [
            (f"A{i}", f"Area {i}", localities[i % len(localities)],
             400_000.0 + 3000 * i, 300_000.0 + 2000 * (i % 3))
            for i in range(len(localities) * 2)
        ],
        columns=["area", "name", "locality", "easting", "northing"],
    )  # fmt: skip
    provisions = _provisions(chance)
    people = _people(chance, areas, provisions)
    placed = people[people["kind"] != "unmet"]
    unmet = people[people["kind"] == "unmet"].drop(columns=["provision", "kind", "minutes"])
    stays = placed[["cohort", "provision", "minutes", "children"]].assign(leaves_year=2027, km=1.0)
    placements = placed.drop(columns="minutes")
    plan = _plan(placements, unmet, stays, provisions, people)
    plan.without_schemes = _plan(placements, unmet, stays, provisions, people)
    plan.stamp = {
        "authority": "Randomshire", "title": "A random plan", "name": "random",
        "base_year": YEARS[0], "first_year": YEARS[1], "last_year": YEARS[-1],
        "created": "2026-11-23T00:00:00+00:00", "audit": {"passed": True},
    }  # fmt: skip
    plan.stamp["statement"] = "Random."
    rules: dict[str, Any] = {
        "designations": {"value": DESIGNATIONS},
        "phase_names": {"value": {"before_0": "early years", "0": "primary", "7": "secondary",
                                  "12": "post-16", "15": "post-19"}},
    }  # fmt: skip
    given = provisions.assign(
        easting=np.where(provisions["kind"].isin(MANY), np.nan, 401_000.0 + provisions.index * 500),
        northing=np.where(provisions["kind"].isin(MANY), np.nan, 301_000.0),
    )
    return Run(
        plan=plan, stamp=plan.stamp, rules=rules, scenario={},
        inputs={"areas": areas, "provisions": given}, boundary=None,
    )  # fmt: skip


def _provisions(chance: np.random.Generator) -> pd.DataFrame:
    rows = []
    for kind in KINDS:
        several = 0 if kind in MANY else int(chance.integers(0, 4))
        for number in range(1 if kind in MANY else several):
            lowest, highest = (-4, 20) if kind in MANY else _range(chance)
            rows.append((f"{kind}-{number}", f"School {kind} {number}", kind, lowest, highest))
    columns = ["provision", "name", "kind", "lowest_year_group", "highest_year_group"]
    return pd.DataFrame(rows, columns=columns)


def _range(chance: np.random.Generator) -> tuple[int, int]:
    options = [(0, 6), (7, 11), (7, 14), (0, 14), (12, 20), (-2, 11)]
    return options[int(chance.integers(0, len(options)))]


def _people(
    chance: np.random.Generator, areas: pd.DataFrame, provisions: pd.DataFrame
) -> pd.DataFrame:
    count = int(chance.integers(50, 300))
    popularity = chance.dirichlet(np.full(len(provisions), 0.6))
    common = chance.dirichlet(np.full(len(NEEDS), 0.5))
    rows = []
    for year in YEARS:
        at = chance.choice(len(provisions), size=count, p=popularity)
        lowest = provisions["lowest_year_group"].to_numpy()[at]
        highest = provisions["highest_year_group"].to_numpy()[at]
        group = lowest + (chance.random(count) * (highest - lowest + 1)).astype(int)
        home = chance.integers(0, len(areas), size=count)
        children = np.ones(count) if year == YEARS[0] else np.round(chance.random(count) * 1.5, 3)
        rows.append(
            pd.DataFrame(
                {
                    "academic_year": year,
                    "area": areas["area"].to_numpy()[home],
                    "locality": areas["locality"].to_numpy()[home],
                    "need": chance.choice(list(NEEDS), size=count, p=common),
                    "tier": chance.integers(1, 5, size=count),
                    "year_group": group,
                    "provision": provisions["provision"].to_numpy()[at],
                    "kind": provisions["kind"].to_numpy()[at],
                    "minutes": chance.choice([10.0, 20.0, 50.0, 80.0], size=count,
                                             p=[0.5, 0.4, 0.07, 0.03]),
                    "children": children,
                }
            )
        )  # fmt: skip
    people = pd.concat(rows, ignore_index=True)
    people["cohort"] = np.arange(len(people))
    people["phase"] = [
        next(name for name, (low, high) in PHASES.items() if low <= g <= high)
        for g in people["year_group"]
    ]
    lost = chance.random(len(people)) < chance.choice([0.0, 0.02])
    return people.assign(
        kind=people["kind"].mask(lost, "unmet"),
        provision=people["provision"].mask(lost, ""),
        minutes=people["minutes"].mask(lost),
    )


def _plan(
    placements: pd.DataFrame,
    unmet: pd.DataFrame,
    stays: pd.DataFrame,
    provisions: pd.DataFrame,
    people: pd.DataFrame,
) -> Plan:
    counts = placements.groupby(["provision", "academic_year"])["children"].sum()
    occupancy = pd.DataFrame(
        [
            {
                "academic_year": year, "provision": r.provision, "name": r.name, "kind": r.kind,
                "commissioned_places": np.nan if r.kind in MANY
                else float(np.ceil(counts.get((r.provision, year), 0.0))),
                "scheme_places": 0.0, "other_authority_children": 0.0,
                "children": float(counts.get((r.provision, year), 0.0)),
                "over_capacity": 0.0, "beyond_limit": 0.0, "vacant": 0.0,
            }
            for r in provisions.itertuples(index=False) for year in YEARS
        ]
    )  # fmt: skip
    mix = people.groupby(["academic_year", "kind"], as_index=False)["children"].sum()
    travel = [
        (year, "all", part["children"].sum(), 20.0, 50.0, 0.0, 0.0, 0.0)
        for year, part in placements.groupby("academic_year")
    ]
    ledger = pd.DataFrame(
        [(2026, True, "dsg", "top_up", "mainstream", 1_234_567.0),
         (2026, True, "general_fund", "transport", "mainstream", 234_567.0)],
        columns=["financial_year", "complete", "ledger", "line", "kind", "pounds"],
    )  # fmt: skip
    needing = people[people["tier"] >= 2].groupby("academic_year")["children"].sum()
    gaps = needing.rename("children_needing").reset_index()
    gaps["gap_without_schemes"] = gaps["children_needing"] / 2
    empty = pd.DataFrame()
    return Plan(
        cohorts=empty, stays=stays, placements=placements, unmet=unmet, occupancy=occupancy,
        limits=empty,
        schemes=pd.DataFrame(columns=["scheme", "name", "kind", "provision", "places",
                                      "capital_pounds", "earliest_opening", "status", "opens"]),
        capital=pd.DataFrame(columns=["financial_year", "scheme", "source", "pounds"]),
        ledger=ledger, objective=empty, mix=mix,
        travel_summary=pd.DataFrame(travel, columns=[
            "academic_year", "phase", "children", "median_minutes", "p90_minutes", "over_guide",
            "over_45", "over_75"]),
        transfers=empty, gaps=gaps, marginal_values=empty,
    )  # fmt: skip
