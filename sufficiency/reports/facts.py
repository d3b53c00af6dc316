"""What a run folder says: its tables read back, and the numbers that several sections share."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import geopandas
import pandas as pd
from shapely.geometry.base import BaseGeometry

from sufficiency.plan import Plan, read_run
from sufficiency.plan.business_case import BusinessCase, read_business_case
from sufficiency.vocabulary import (
    LEDGERS,
    academic_year_label,
    financial_year_label,
    parse_year,
)

UNMET: Final = "unmet"
TOLERANCE: Final = 0.05
"""Children below which an excess or a missing place is rounding of the solver, not a finding."""

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "Mainstream class": ("mainstream",),
    "Specialist base": ("specialist_base",),
    "State special school": ("state_special", "out_of_area_state_special"),
    "Independent or non-maintained": ("independent_special", "non_maintained_special"),
    "College, alternative, elsewhere": (
        "further_education",
        "specialist_post_16",
        "alternative_provision",
        "educated_elsewhere",
    ),
}
"""Ten kinds of provision in five groups, for charts and matrices; tables keep all ten."""

INPUTS: Final = (
    "areas",
    "provisions",
    "schemes",
    "candidate_sites",
    "budgets",
    "allocations",
    "commissioned_places",
)
"""Input tables that reports read whole."""

TEXT_COLUMNS: Final = (
    "area",
    "provision",
    "scheme",
    "site",
    "name",
    "locality",
    "needs",
    "tiers",
    "designation",
    "requires",
    "exclusive_group",
    "funding_sources",
    "source",
    "note",
)
"""Columns of input tables that are words even where they look like numbers."""

SPECIALIST: Final = (
    "specialist_base",
    "state_special",
    "out_of_area_state_special",
    "independent_special",
    "non_maintained_special",
    "specialist_post_16",
)
"""Kinds that count as specialist provision on the map."""

LEDGER_OF_LINE: Final[dict[str, str]] = {
    "fees": "dsg",
    "top_up": "dsg",
    "per_child_charge": "dsg",
    "place_funding": "dsg",
    "other_authority_income": "dsg",
    "running": "dsg",
    "transport": "general_fund",
    "capital": "capital",
    "residual_value": "capital",
    "optimism_bias": "capital",
    "lifecycle": "capital",
    "unmet_cover": "dsg",
}

LINES: Final[dict[str, str]] = {
    "fees": "Fees of independent schools",
    "top_up": "Top-up funding",
    "per_child_charge": "Place element paid for each child",
    "place_funding": "Place funding, filled or not",
    "other_authority_income": "Income from other authorities",
    "running": "Fixed running costs of new schemes",
    "transport": "Transport",
    "capital": "Capital spending",
    "residual_value": "Value left in buildings at the end",
    "optimism_bias": "Optimism bias on capital",
    "lifecycle": "Replacing parts of buildings (lifecycle)",
    "unmet_cover": "Placing unmet children after all, at the highest fee",
    "price_unmet": "Children without a suitable place",
    "price_over_capacity": "Children above commissioned places",
    "price_beyond_limit": "Children beyond the over-capacity limit",
    "price_per_minute": "Every minute of travel",
    "price_per_minute_over_guide": "Minutes of travel over the guide",
    "price_outside_authority": "Children placed outside the authority",
    "price_short_roll": "New schools below a viable roll",
    "price_of_move": "Children who cannot stay on",
    "price_of_new_place": "New places beyond their capital cost",
    "price_out_of_balance": "High-needs spending above the allocation",
}


def as_float(value: Any) -> float:
    """A cell of a table as a number; pandas types a cell as any of its scalars."""
    return float(value)


def as_int(value: Any) -> int:
    """A cell of a table as a whole number, such as a year."""
    return int(value)


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """Rows of a table with their columns as attributes."""
    yield from frame.itertuples(index=False)


def widest(table: pd.Series) -> tuple[str, str]:
    """Locality and designation of the largest value of a series indexed by both."""
    place, designation = table.index[int(table.to_numpy(float).argmax())]
    return str(place), str(designation)


def group_of(kind: str) -> str:
    """The group in which a kind is shown; "No suitable place" for unmet need."""
    for group, kinds in GROUPS.items():
        if kind in kinds:
            return group
    return "New plan" if kind == "new plan" else "No suitable place"


@dataclass
class Run:
    """A run folder in memory.

    Attributes:
        plan: the plan with the schemes it opens; ``plan.without_schemes`` has committed ones only.
        stamp: run.json.
        rules: the planning model as used: key to value, unit, source, date, set_by.
        scenario: inputs/scenario.json.
        inputs: tables of inputs/ as text and numbers, by name; an absent one is left out.
        boundary: the authority in EPSG:27700, or None.
        folder: where all of it was read from.
    """

    plan: Plan
    stamp: dict[str, Any]
    rules: dict[str, dict[str, Any]]
    scenario: dict[str, Any]
    inputs: dict[str, pd.DataFrame]
    boundary: BaseGeometry | None
    folder: Path | None = None

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Read a run folder.

        Raises:
            InputError: when the folder is no run folder, or a plan table is missing or damaged.
        """
        plan = read_run(folder)
        inputs = {}
        for name in INPUTS:
            path = folder / "inputs" / f"{name}.csv"
            if path.is_file():
                # An identifier such as 007 stays as it is, and a school may be called "None".
                inputs[name] = pd.read_csv(
                    path,
                    dtype=dict.fromkeys(TEXT_COLUMNS, str),
                    keep_default_na=False,
                    na_values=[""],
                    encoding="utf-8",
                )
        boundary = None
        path = folder / "inputs" / "boundary.geojson"
        if path.is_file():
            boundary = geopandas.read_file(path).to_crs(27700).union_all()
            if boundary.is_empty:
                boundary = None
        return cls(
            plan=plan,
            stamp=plan.stamp,
            rules=_json(folder / "inputs" / "rules.json"),
            scenario=_json(folder / "inputs" / "scenario.json"),
            inputs=inputs,
            boundary=boundary,
            folder=folder,
        )

    def table(self, name: str) -> pd.DataFrame:
        """An input table, empty when the run has none."""
        return self.inputs.get(name, pd.DataFrame())

    def rule(self, key: str, default: Any = None) -> Any:
        """The value of an entry of the planning model."""
        return self.rules.get(key, {}).get("value", default)

    def source(self, key: str) -> str:
        """Source and date of an entry of the planning model, for a sentence."""
        entry = self.rules.get(key, {})
        return str(entry.get("source", "")).strip().rstrip(".")

    @property
    def without(self) -> Plan | None:
        """The same rules and children with no scheme but the committed ones."""
        return self.plan.without_schemes

    @cached_property
    def business_case(self) -> BusinessCase | None:
        """The business case that was made of this very run, if there is one."""
        found = read_business_case(self.folder) if self.folder else None
        return found if found is not None and found.about(self.stamp) else None

    @property
    def base(self) -> int:
        """The base year: settled placements, not planned."""
        return int(self.stamp["base_year"])

    @property
    def first(self) -> int:
        """The first planned academic year."""
        return int(self.stamp["first_year"])

    @property
    def last(self) -> int:
        """The last planned academic year."""
        return int(self.stamp["last_year"])

    @property
    def years(self) -> list[int]:
        """Base year and planned years."""
        return list(range(self.base, self.last + 1))

    @property
    def labels(self) -> list[str]:
        """Base year and planned years as text."""
        return [academic_year_label(y) for y in self.years]

    @property
    def period(self) -> str:
        """The planned academic years in words."""
        return f"{academic_year_label(self.first)} to {academic_year_label(self.last)}"

    @property
    def finances(self) -> str:
        """The complete financial years in words."""
        return f"{financial_year_label(self.first)} to {financial_year_label(self.last)}"

    @property
    def line_words(self) -> str:
        """What solid and dashed lines of a chart mean."""
        if self.without is None:
            return "with the plan's schemes"
        return "solid with the plan's schemes, dashed with committed schemes only"

    @property
    def authority(self) -> str:
        """Name of the authority."""
        return str(self.stamp.get("authority") or self.stamp.get("name") or "The authority")

    # -------------------------------------------------------------- children

    def children(self, year: int) -> float:
        """Children with a plan in an academic year, unmet ones included."""
        mix = self.plan.mix
        return float(mix.loc[mix["academic_year"] == year, "children"].sum())

    @cached_property
    def demand_band(self) -> dict[int, tuple[float, float]]:
        """(Least, most) children with a plan that other forecasts expect, by year; often empty."""
        years = dict(self.stamp.get("demand_band") or {}).get("years", {})
        return {parse_year(y): (float(ends[0]), float(ends[1])) for y, ends in years.items()}

    @cached_property
    def unmet_by_year(self) -> pd.Series:
        """Children without a suitable place by planned year."""
        return self._unmet(self.plan)

    @cached_property
    def unmet_by_year_without(self) -> pd.Series | None:
        """The same with no scheme but the committed ones."""
        return None if self.without is None else self._unmet(self.without)

    def _unmet(self, plan: Plan) -> pd.Series:
        mix = plan.mix[plan.mix["kind"] == UNMET].set_index("academic_year")["children"]
        return mix.reindex(self.years, fill_value=0.0)

    def excess_by_year(self, plan: Plan) -> pd.DataFrame:
        """Children over capacity and beyond the limit by year, in columns of those names."""
        columns = ["over_capacity", "beyond_limit"]
        found = plan.occupancy.groupby("academic_year")[columns].sum()
        return found.reindex(self.years, fill_value=0.0)

    @cached_property
    def local_by_year(self) -> pd.DataFrame:
        """Children who need more than a mainstream class, and those in a local place, by year.

        Columns: children_needing, in_local_state_places, gap, and with ``_without_schemes``.
        """
        gaps = self.plan.gaps
        columns = [
            "children_needing",
            "in_local_state_places",
            "gap",
            "in_local_state_places_without_schemes",
            "gap_without_schemes",
        ]
        return gaps.groupby("academic_year")[columns].sum().reindex(self.years, fill_value=0.0)

    @cached_property
    def phases(self) -> list[str]:
        """Names of the phases in order of age."""
        names = {str(k): str(v) for k, v in dict(self.rule("phase_names", {})).items()}
        order = sorted(names, key=lambda k: -99 if k.startswith("before") else int(k))
        return [names[k] for k in order]

    @cached_property
    def school_phases(self) -> list[str]:
        """Phases of compulsory school age: from Reception up to Year 11."""
        names = {str(k): str(v) for k, v in dict(self.rule("phase_names", {})).items()}
        found = [(int(k), v) for k, v in names.items() if k.lstrip("-").isdigit() and int(k) < 12]
        return [name for _, name in sorted(found)]

    @cached_property
    def new_plans_by_year(self) -> pd.Series:
        """Children whose plan is new, by planned year, in the projection as used."""
        path = self.folder / "inputs" / "projected_children.csv" if self.folder else None
        if path is None or not path.is_file():
            return pd.Series(dtype=float)
        table = pd.read_csv(path, usecols=["academic_year", "joining"])
        found = table.groupby("academic_year")["joining"].sum()
        found.index = pd.Index([parse_year(y) for y in found.index], name="academic_year")
        return found

    @cached_property
    def allocations(self) -> dict[int, float]:
        """High-needs allocation in pounds by financial year; empty when none is given."""
        table = self.table("allocations")
        if table.empty:
            return {}
        return {
            parse_year(year): as_float(pounds)
            for year, pounds in zip(table["financial_year"], table["pounds"], strict=True)
        }

    # -------------------------------------------------------------- places

    def inside(self) -> dict[str, bool]:
        """Whether each provision lies inside the authority; those of new schemes do.

        Provision near every home, which has no place on the map, counts as inside.
        """
        table = self.table("provisions")
        known = {str(p): True for p in self.plan.occupancy["provision"].unique()}
        if "inside_authority" in table:
            for p, x, words in zip(
                table["provision"], table["easting"], table["inside_authority"], strict=True
            ):
                known[str(p)] = x != x or str(words) == "yes"
        return known

    @cached_property
    def points(self) -> dict[str, tuple[float, float]]:
        """Easting and northing of every provision and scheme; NaN where it has no place."""
        found: dict[str, tuple[float, float]] = {}
        sites: dict[str, tuple[float, float]] = {}
        for table, key, into in (
            (self.table("provisions"), "provision", found),
            (self.table("candidate_sites"), "site", sites),
        ):
            if len(table):
                for name, x, y in zip(table[key], table["easting"], table["northing"], strict=True):
                    into[str(name)] = (as_float(x), as_float(y))
        given = self.table("schemes")
        at_of = {}
        if len(given):
            rows = zip(given["scheme"], given["site"], given["provision"], strict=True)
            for scheme, site, provision in rows:
                if site == site:
                    found[str(scheme)] = sites.get(str(site), (math.nan, math.nan))
                else:
                    at_of[str(scheme)] = str(provision)
        nowhere = (math.nan, math.nan)
        for scheme, provision in at_of.items():
            # An expansion may enlarge the new provision of another scheme.
            found[scheme] = found.get(provision) or found.get(at_of.get(provision, ""), nowhere)
        return found

    # -------------------------------------------------------------- schemes

    @cached_property
    def opened(self) -> pd.DataFrame:
        """Schemes that open, in order of opening."""
        schemes = self.plan.schemes
        found = schemes[schemes["opens"] >= 0]
        return found.sort_values(["opens", "name", "scheme"]).reset_index(drop=True)

    # -------------------------------------------------------------- money

    def ledger_by_year(self, plan: Plan, complete: bool = True) -> pd.DataFrame:
        """Pounds by financial year (rows) and ledger (columns dsg, general_fund, capital).

        Args:
            plan: the plan with or without schemes.
            complete: only financial years that the horizon covers wholly; else all, the year
                after the last one holding only five twelfths of an academic year.
        """
        table = plan.ledger
        if complete:
            table = table[table["complete"].astype(bool)]
        years = range(self.first, self.last + (1 if complete else 2))
        found = table.pivot_table(
            index="financial_year", columns="ledger", values="pounds", aggfunc="sum"
        )
        return found.reindex(index=list(years), columns=list(LEDGERS)).fillna(0.0)

    @cached_property
    def totals(self) -> dict[str, float]:
        """Pounds by ledger over the complete financial years, with schemes."""
        return {str(k): float(v) for k, v in self.ledger_by_year(self.plan).sum().items()}

    @cached_property
    def totals_without(self) -> dict[str, float] | None:
        """The same with no scheme but the committed ones."""
        if self.without is None:
            return None
        return {str(k): float(v) for k, v in self.ledger_by_year(self.without).sum().items()}

    # -------------------------------------------------------------- certainty

    @property
    def solver(self) -> dict[str, Any]:
        """The solver's part of the stamp."""
        return dict(self.stamp.get("solver", {}))

    @property
    def ended_early(self) -> str:
        """Why the search ended before the gap asked for; empty when it did not."""
        solver = self.solver
        if solver.get("interrupted"):
            return "interrupted by hand"
        status = str(solver.get("status", ""))
        return "" if status.startswith(("proven", "optimal")) else status or "of unknown status"


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
