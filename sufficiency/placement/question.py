"""From tables to a question: cohorts, admissible arcs, places, schemes and prices as plain arrays.

A *cohort* is the children of one diagonal who look for a place in the same September. An *arc*
joins a cohort to a provision that suits it; a child placed on it stays for the whole *stay*, to
the next transition point or as far as the provision's age range goes. Years are columns: 0 is the
base year, 1 the first planned year. Nothing here knows Pyomo or a solver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from sufficiency.demand.cohorts import Diagonals, presence_from
from sufficiency.geography.travel import Journeys
from sufficiency.problems import Problems
from sufficiency.rules import PlanningModel
from sufficiency.vocabulary import NEEDS, TIERS, academic_year_label

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
NEVER = 10_000
FIRST_FIVE_TWELFTHS = 5.0 / 12.0
FIRST_SEVEN_TWELFTHS = 7.0 / 12.0


@dataclass(frozen=True)
class Settings:
    """What a scenario asks of the model beside its tables.

    Attributes:
        base_year, years: academic year of column 0; number of planned years.
        committed: scheme to the academic year in which it opens.
        balance_from: financial year from which spend must stay within the allocation, or None.
        fee_changes: (kinds, provision, factor, from academic year), applied to fees and top-ups.
        release: (kinds, share): settled children who may move before their transition point.
        whole_children: place whole children instead of expected shares of them.
    """

    base_year: int
    years: int
    committed: Mapping[str, int] = field(default_factory=dict)
    balance_from: int | None = None
    fee_changes: Sequence[tuple[tuple[str, ...], str, float, int]] = ()
    release: Sequence[tuple[tuple[str, ...], float]] = ()
    whole_children: bool = False

    @property
    def first_year(self) -> int:
        """First planned academic year, and first financial year."""
        return self.base_year + 1

    @property
    def last_year(self) -> int:
        """Last planned academic year."""
        return self.base_year + self.years


@dataclass(frozen=True)
class Rows:
    """Sparse rows over arcs: ``arcs[start[i]:start[i+1]]`` with their coefficients is row i."""

    start: Ints
    arcs: Ints
    coefficients: Floats

    def __len__(self) -> int:
        return len(self.start) - 1

    def row(self, i: int) -> tuple[Ints, Floats]:
        """Arcs and coefficients of row i."""
        where = slice(self.start[i], self.start[i + 1])
        return self.arcs[where], self.coefficients[where]


def _rows(count: int, row: Ints, arcs: Ints, coefficients: Floats) -> Rows:
    # Entries in the order of their rows: one entry a column, turned into rows without sorting.
    number = np.arange(len(row) + 1)
    by_entry = sp.csc_array((number[:-1], row, number), shape=(count, len(row))).tocsr()
    order, start = by_entry.indices, by_entry.indptr.astype(np.int64)
    return Rows(start, arcs[order], coefficients[order])


@dataclass(frozen=True)
class Question:
    """Everything the model needs, indexed by small integers.

    ``areas``: ids in the order of the rows of ``journeys``.
    ``cohorts``: diagonal, area, need, tier, entry (column), entry_year_group, origin, phase,
    children (not re-entering), can_re_enter, most (upper bound on its size), beyond_limit.
    ``arcs``: cohort, provision, entry, end (first column not there), minutes, km, charge (fees or
    top-up, pounds per child per year), is_fee, per_child, transport, priced (pounds per child per
    year that are not money), scheme (that creates the provision, or -1), settled, staying (on in a
    provision that spans the transition), only_staying (open only to who is there: a release).
    ``provisions``: provision, name, kind, lowest_year_group, highest_year_group, opens, closes
    (columns), inside, limited, scheme (that creates it, or -1).
    ``schemes``: scheme, name, kind, provision (index), places, capital, earliest, latest
    (columns), committed (column or -1), running, status.
    """

    model: PlanningModel
    settings: Settings
    diagonals: Diagonals
    areas: tuple[str, ...]
    journeys: Journeys
    cohorts: pd.DataFrame
    presence: Floats
    arcs: pd.DataFrame
    provisions: pd.DataFrame
    schemes: pd.DataFrame
    places: Floats
    taken_by_others: Floats
    funded_places: Floats
    fee_factor: Floats
    fill: list[Floats]
    capital_by_year: list[Floats]
    budgets: pd.DataFrame
    funding_sources: list[tuple[str, ...]]
    exclusive: list[tuple[str, list[int]]]
    prerequisites: list[tuple[int, int]]
    allocations: Mapping[int, float]
    limits: pd.DataFrame
    cohort_rows: Rows
    inflow_rows: Rows
    place_rows: Rows
    place_keys: list[tuple[int, int]]
    limit_rows: Rows
    limit_keys: list[tuple[int, int]]
    stay_on: pd.DataFrame
    stay_on_rows: Rows
    only: pd.DataFrame
    only_rows: Rows
    sector_keys: pd.DataFrame
    sector_placed: Rows
    sector_before: Rows
    preference_keys: pd.DataFrame
    preference_placed: Rows
    preference_members: list[Ints]
    preference_shares: list[Floats]
    preference_staying: Rows
    discount: Floats
    arc_value: Floats

    @property
    def years(self) -> int:
        """Planned years."""
        return self.settings.years

    def discount_financial(self, year: int) -> float:
        """Discount factor of a financial year, one for the first planned one."""
        return float((1 + self.model.discount_rate) ** -(year - self.settings.first_year))

    def scheme_columns(self, scheme: int) -> range:
        """Columns in which a scheme may be open."""
        return range(self._earliest[scheme], self.years + 1)

    @cached_property
    def _earliest(self) -> list[int]:
        return [int(t) for t in self.schemes["earliest"]]

    @cached_property
    def _sources(self) -> set[str]:
        return {str(b) for b in self.budgets["source"]}

    def sources_of(self, scheme: int) -> list[str]:
        """Sources with a budget that a scheme may draw on."""
        return sorted(set(self.funding_sources[scheme] or self._sources) & self._sources)

    def offered(self, provision: int, t: int) -> list[tuple[int, int, float]]:
        """Places that schemes offer at a provision in column t: (scheme, column of z, places).

        The places of scheme s, a years after opening, are places x fill[a]; written with the
        monotone z this is the sum over a of places x (fill[a] - fill[a-1]) x z[s, t-a].
        """
        terms: list[tuple[int, int, float]] = []
        places = self.schemes["places"].to_numpy()
        for s in np.flatnonzero(self.schemes["provision"].to_numpy() == provision).tolist():
            step = np.diff(self.fill[s], prepend=0.0) * places[s]
            terms += [
                (s, t - a, float(step[a]))
                for a in range(min(len(step), t))
                if step[a] and t - a >= self._earliest[s]
            ]
        return terms


def prepare(
    *,
    model: PlanningModel,
    settings: Settings,
    areas: pd.DataFrame,
    provisions: pd.DataFrame,
    commissioned_places: pd.DataFrame,
    place_limits: pd.DataFrame,
    schemes: pd.DataFrame,
    budgets: pd.DataFrame,
    allocations: pd.DataFrame,
    children_today: pd.DataFrame,
    diagonals: Diagonals,
    journeys: Journeys,
    problems: Problems,
) -> Question:
    """Build the question from validated tables.

    ``provisions`` must already hold a row for each new provision of a scheme (see
    ``with_new_provisions``), in the order of the columns of ``journeys``; the rows of ``journeys``
    are the areas. Children whom nothing suits are named as warnings in ``problems``.
    """
    supply = _supply(model, settings, provisions, commissioned_places, schemes, problems)
    demand = _Arcs(
        model,
        settings,
        areas,
        supply,
        children_today,
        diagonals,
        journeys,
        place_limits["provision"],
    )
    demand.build(problems)
    cohorts, arcs, presence = demand.cohorts(), demand.arcs(), demand.presence
    years = settings.years
    discount = np.zeros(years + 1)
    by_year = (1 + model.discount_rate) ** -np.arange(years + 1.0)
    discount[1:] = FIRST_SEVEN_TWELFTHS * by_year[:-1] + FIRST_FIVE_TWELFTHS * by_year[1:]

    arc_of, t_of, share_of = _arc_years(arcs, presence, first=1)
    weights = model.ledger_weights
    entry = arcs["provision"].to_numpy()
    yearly = (
        weights["dsg"]
        * (
            arcs["charge"].to_numpy()[arc_of] * supply.fee_factor[entry[arc_of], t_of]
            + arcs["per_child"].to_numpy()[arc_of]
        )
        + weights["general_fund"] * arcs["transport"].to_numpy()[arc_of]
        + arcs["priced"].to_numpy()[arc_of]
    )
    worth = discount[t_of] * share_of * yearly
    arc_value = np.asarray(np.bincount(arc_of, worth, minlength=len(arcs)), dtype=float)
    _check_price_of_unmet(model, arcs, supply, problems)

    limited = np.isfinite(supply.places).any(axis=1)
    place_keys = [(p, t) for p in np.flatnonzero(limited).tolist() for t in range(1, years + 1)]
    row_number = np.full((len(supply.frame), years + 1), -1, dtype=np.int64)
    for i, (p, t) in enumerate(place_keys):
        row_number[p, t] = i
    row = row_number[entry[arc_of], t_of]
    use = row >= 0
    place_rows = _rows(len(place_keys), row[use], arc_of[use], share_of[use])

    limits, limit_keys, limit_rows = _limits(
        place_limits, supply, settings, cohorts, arcs, (arc_of, t_of, share_of)
    )
    scheme_frame = supply.schemes
    stay_on, stay_on_rows = demand.stay_on()
    only, only_rows = demand.only()
    sector = _sectors(model, cohorts, arcs, supply, demand)
    preference = _preferences(model, cohorts, arcs, supply, settings.whole_children)
    shares = [
        np.full(len(k), s) for k, s in zip(preference[2], preference[0]["share"], strict=True)
    ]
    if settings.whole_children:
        whole, children = whole_cohorts(cohorts, arcs), cohorts["children"].to_numpy(float)
        shares = _in_whole_children(preference[0], preference[2], whole, children)
    return Question(
        model=model,
        settings=settings,
        diagonals=diagonals,
        areas=tuple(areas["area"]),
        journeys=journeys,
        cohorts=cohorts,
        presence=presence,
        arcs=arcs,
        provisions=supply.frame,
        schemes=scheme_frame,
        places=supply.places,
        taken_by_others=supply.others,
        funded_places=supply.funded,
        fee_factor=supply.fee_factor,
        fill=supply.fill,
        capital_by_year=supply.profile,
        budgets=budgets[["financial_year", "source", "pounds"]].reset_index(drop=True),
        funding_sources=supply.sources,
        exclusive=supply.exclusive,
        prerequisites=supply.prerequisites,
        allocations=dict(
            zip(allocations["financial_year"].tolist(), allocations["pounds"].tolist(), strict=True)
        ),
        limits=limits,
        cohort_rows=_rows(
            len(cohorts), arcs["cohort"].to_numpy(), np.arange(len(arcs)), np.ones(len(arcs))
        ),
        inflow_rows=demand.inflow(),
        place_rows=place_rows,
        place_keys=place_keys,
        limit_rows=limit_rows,
        limit_keys=limit_keys,
        stay_on=stay_on,
        stay_on_rows=stay_on_rows,
        only=only,
        only_rows=only_rows,
        sector_keys=sector[0],
        sector_placed=sector[1],
        sector_before=sector[2],
        preference_keys=preference[0],
        preference_placed=preference[1],
        preference_members=preference[2],
        preference_shares=shares,
        preference_staying=preference[3],
        discount=discount,
        arc_value=arc_value,
    )


def with_new_provisions(
    provisions: pd.DataFrame, schemes: pd.DataFrame, sites: pd.DataFrame
) -> pd.DataFrame:
    """Add a provision for every scheme with a site, under the scheme's own id.

    The new column ``destination`` is the id by which the travel table knows the place: the
    provision, or the candidate site.
    """
    standing = provisions.assign(destination=provisions["provision"], created_by="")
    new = schemes[schemes["site"] != ""]
    if new.empty:
        return standing.reset_index(drop=True)
    at = sites.set_index("site")
    created = pd.DataFrame(
        {
            "provision": new["scheme"],
            "name": new["name"],
            "kind": new["kind"],
            "easting": at["easting"].reindex(new["site"]).to_numpy(),
            "northing": at["northing"].reindex(new["site"]).to_numpy(),
            "lowest_year_group": new["lowest_year_group"],
            "highest_year_group": new["highest_year_group"],
            "needs": new["needs"],
            "tiers": new["tiers"],
            "designation": new["designation"],
            "opens": new["earliest_opening"],
            "closes": -1,
            "fee_pounds": new["fee_pounds"],
            "top_up_pounds": new["top_up_pounds"],
            "inside_authority": "yes",
            "destination": new["site"],
            "created_by": new["scheme"],
        }
    )
    return pd.concat([standing, created], ignore_index=True)


# ------------------------------------------------------------------ supply


@dataclass
class _Supply:
    frame: pd.DataFrame
    needs: Bools
    tiers: Bools
    places: Floats
    others: Floats
    funded: Floats
    fee_factor: Floats
    schemes: pd.DataFrame
    fill: list[Floats]
    profile: list[Floats]
    sources: list[tuple[str, ...]]
    exclusive: list[tuple[str, list[int]]]
    prerequisites: list[tuple[int, int]]


def _supply(
    model: PlanningModel,
    settings: Settings,
    provisions: pd.DataFrame,
    commissioned: pd.DataFrame,
    schemes: pd.DataFrame,
    problems: Problems,
) -> _Supply:
    base, years = settings.base_year, settings.years
    schemes, status = _schemes_in_play(model, settings, schemes, problems)
    playing = set(schemes["scheme"])
    keep = (provisions["created_by"] == "") | provisions["created_by"].isin(playing)
    frame = provisions.assign(journey_column=np.arange(len(provisions)))[keep]
    frame = frame.reset_index(drop=True)
    count = len(frame)
    column = {name: i for i, name in enumerate(frame["provision"])}
    need_codes, tier_codes = list(NEEDS), list(TIERS)
    needs = np.zeros((count, len(need_codes)), dtype=bool)
    tiers = np.zeros((count, len(tier_codes) + 1), dtype=bool)
    for i, (listed, given, kind) in enumerate(
        zip(frame["needs"], frame["tiers"], frame["kind"], strict=True)
    ):
        needs[i, [need_codes.index(n) for n in listed]] = True
        tiers[i, list(given or model.for_kind("admits_tiers", kind, ()))] = True
    opens = frame["opens"].to_numpy()
    closes = frame["closes"].to_numpy()
    scheme_of = {name: i for i, name in enumerate(schemes["scheme"])}
    frame = frame.assign(
        opens=np.where(opens < 0, 0, opens - base),
        closes=np.where(closes < 0, NEVER, closes - base),
        inside=(frame["inside_authority"] == "yes") | frame["easting"].isna(),
        scheme=[scheme_of.get(name, -1) for name in frame["created_by"]],
    )

    places = np.full((count, years + 1), np.nan)
    others = np.zeros((count, years + 1))
    for name, rows in commissioned.sort_values("academic_year").groupby("provision"):
        if name not in column:
            continue
        at = np.searchsorted(
            rows["academic_year"].to_numpy(), base + np.arange(years + 1), side="right"
        )
        at = np.clip(at - 1, 0, len(rows) - 1)
        places[column[name]] = rows["places"].to_numpy(float)[at]
        others[column[name]] = rows["other_authority_children"].to_numpy(float)[at]
    places[(frame["scheme"] >= 0).to_numpy()] = 0.0
    columns = np.arange(years + 1)[None, :]
    shut = (columns >= frame["closes"].to_numpy()[:, None]) | (
        columns < np.where(frame["scheme"] >= 0, 0, frame["opens"])[:, None]
    )
    has_limit = np.isfinite(places).any(axis=1)
    places[has_limit[:, None] & shut] = 0.0
    others[shut] = 0.0
    inside = frame["inside"].to_numpy()[:, None]
    funded = np.where(inside & np.isfinite(places), np.nan_to_num(places), 0.0)

    factor = np.ones((count, years + 1))
    for kinds, provision, change, since in settings.fee_changes:
        chosen = (
            (frame["provision"] == provision)
            if provision
            else (frame["kind"].isin(kinds) if kinds else pd.Series(True, index=frame.index))
        )
        factor[chosen.to_numpy()[:, None] & (columns >= max(since - base, 1))] *= change

    earliest = np.maximum(schemes["earliest_opening"].to_numpy() - base, 1)
    latest = schemes["latest_opening"].to_numpy()
    latest = np.where(latest < 0, years, np.minimum(latest - base, years))
    committed = np.array(
        [settings.committed.get(name, base - 1) - base for name in schemes["scheme"]], dtype=int
    )
    scheme_frame = pd.DataFrame(
        {
            "scheme": schemes["scheme"].to_numpy(),
            "name": schemes["name"].to_numpy(),
            "kind": schemes["kind"].to_numpy(),
            "provision": [
                column[s if site else p]
                for s, site, p in zip(
                    schemes["scheme"], schemes["site"], schemes["provision"], strict=True
                )
            ],
            "places": schemes["places"].to_numpy(float),
            "capital": schemes["capital_pounds"].to_numpy(float),
            "earliest": earliest,
            "latest": latest,
            "committed": np.where(committed >= 1, committed, -1),
            "running": schemes["running_pounds"].fillna(0.0).to_numpy(float),
            "creates": (schemes["site"] != "").to_numpy(),
        }
    )
    fill = [
        np.array(given or model.for_kind("fill_profile", kind, (1.0,)), dtype=float)
        for given, kind in zip(schemes["fill"], schemes["kind"], strict=True)
    ]
    profile = [
        np.array(g or model.capital_profile, dtype=float) for g in schemes["capital_profile"]
    ]
    exclusive = [
        (str(name), [scheme_of[s] for s in rows["scheme"]])
        for name, rows in schemes[schemes["exclusive_group"] != ""].groupby("exclusive_group")
        if len(rows) > 1
    ]
    prerequisites = [
        (scheme_of[s], scheme_of[r])
        for s, required, p in zip(
            schemes["scheme"], schemes["requires"], schemes["provision"], strict=True
        )
        for r in dict.fromkeys([*required, *([p] if p in scheme_of else [])])
    ]
    scheme_frame.attrs["status"] = status
    return _Supply(
        frame,
        needs,
        tiers,
        places,
        others,
        funded,
        factor,
        scheme_frame,
        fill,
        profile,
        [tuple(s) for s in schemes["funding_sources"]],
        exclusive,
        prerequisites,
    )


def _schemes_in_play(
    model: PlanningModel, settings: Settings, schemes: pd.DataFrame, problems: Problems
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Drop schemes of kinds the model rules out (committed ones excepted), too late to open within
    the horizon, or in need of such a scheme; say why for each."""
    status: dict[str, str] = {}
    for name, kind, earliest, latest in zip(
        schemes["scheme"],
        schemes["kind"],
        schemes["earliest_opening"],
        schemes["latest_opening"],
        strict=True,
    ):
        if name in settings.committed:
            continue
        if kind not in model.scheme_kinds:
            status[name] = "ruled out by the model"
        elif earliest > settings.last_year:
            status[name] = "opens after the horizon"
        elif 0 <= latest < settings.first_year:
            status[name] = "latest opening has passed"
    for name, required, provision in zip(
        schemes["scheme"], schemes["requires"], schemes["provision"], strict=True
    ):
        for blocked in sorted({*required, provision} & set(status)):
            if name in settings.committed:
                problems.error(
                    f"committed scheme {name} needs {blocked}, which cannot open: "
                    f"{status[blocked]}.",
                    f"commit {blocked} too, take {name} out of [committed], or choose a model that "
                    "allows it.",
                    file="schemes",
                    column="requires",
                    value=blocked,
                )
    problems.raise_if_any()
    changed = True
    while changed:
        changed = False
        for name, required, provision in zip(
            schemes["scheme"], schemes["requires"], schemes["provision"], strict=True
        ):
            blocked = [r for r in (*required, provision) if r in status]
            if blocked and name not in status and name not in settings.committed:
                status[name] = status[blocked[0]]
                changed = True
    return schemes[~schemes["scheme"].isin(status)].reset_index(drop=True), status


# ------------------------------------------------------------------ cohorts and arcs


class _Arcs:
    """Builds cohorts and arcs September by September, for some stays decide who re-enters."""

    def __init__(
        self,
        model: PlanningModel,
        settings: Settings,
        areas: pd.DataFrame,
        supply: _Supply,
        children_today: pd.DataFrame,
        diagonals: Diagonals,
        journeys: Journeys,
        limited_inside: pd.Series,
    ) -> None:
        self.model, self.settings, self.supply = model, settings, supply
        self.diagonals = diagonals
        keys = diagonals.keys
        area_row = pd.Series(np.arange(len(areas)), index=areas["area"].to_numpy())
        self.area_of = area_row.reindex(keys["area"]).to_numpy(int)
        need_row = {n: i for i, n in enumerate(NEEDS)}
        self.need_of = keys["need"].map(need_row).to_numpy(int)
        self.tier_of = keys["tier"].to_numpy(int)
        frame = supply.frame
        column = frame["journey_column"].to_numpy()
        self.minutes = journeys.minutes[:, column]
        self.km = journeys.km[:, column]
        self.lowest = frame["lowest_year_group"].to_numpy(int)
        self.highest = frame["highest_year_group"].to_numpy(int)
        self.opens = frame["opens"].to_numpy(int)
        self.closes = frame["closes"].to_numpy(int)
        self.is_new = (frame["scheme"] >= 0).to_numpy()
        self.stay_on_share = np.array([model.for_kind("stay_on_share", k) for k in frame["kind"]])
        self.limited_inside = np.flatnonzero(frame["provision"].isin(limited_inside).to_numpy())
        self.today = children_today
        self._cohorts: list[pd.DataFrame] = []
        self._arcs: list[pd.DataFrame] = []
        self._inflow: list[tuple[Ints, Ints, Floats]] = []
        self._stay_on: list[pd.DataFrame] = []
        self._only: list[pd.DataFrame] = []
        self._count = 0
        self._arc_count = 0
        self.presence = np.zeros((0, settings.years + 1))
        self.before: list[pd.DataFrame] = []

    # -- public results

    def cohorts(self) -> pd.DataFrame:
        frame = pd.concat(self._cohorts, ignore_index=True)
        keys = self.diagonals.keys
        at = frame["diagonal"].to_numpy()
        frame["area"] = keys["area"].to_numpy()[at]
        frame["need"] = keys["need"].to_numpy()[at]
        frame["tier"] = keys["tier"].to_numpy()[at]
        frame["phase"] = self._phase_names(frame["entry_year_group"].to_numpy())
        return frame

    def arcs(self) -> pd.DataFrame:
        return pd.concat(self._arcs, ignore_index=True)

    def inflow(self) -> Rows:
        if not self._inflow:
            empty = np.zeros(0, dtype=np.int64)
            return _rows(self._count, empty, empty, np.zeros(0))
        row, arc, share = (np.concatenate(part) for part in zip(*self._inflow, strict=True))
        return _rows(self._count, row, arc, share)

    def stay_on(self) -> tuple[pd.DataFrame, Rows]:
        """Rights to stay on: one row a staying arc (arc, share) and who was there before."""
        return self._there_before(self._stay_on)

    def only(self) -> tuple[pd.DataFrame, Rows]:
        """Arcs open only to released children who were there: (arc, share) and who they were."""
        return self._there_before(self._only)

    def _there_before(self, parts: list[pd.DataFrame]) -> tuple[pd.DataFrame, Rows]:
        pairs = (
            pd.concat(parts, ignore_index=True)
            if parts
            else pd.DataFrame({"arc": [], "before": [], "present": [], "share": []})
        )
        arc = pairs["arc"].to_numpy(dtype=np.int64)
        occurs = np.zeros(self._arc_count, dtype=bool)
        occurs[arc] = True
        arcs = np.flatnonzero(occurs)
        row = (np.cumsum(occurs) - 1)[arc]
        share = np.zeros(len(arcs))
        share[row] = pairs["share"].to_numpy(float)  # one provision, one share
        frame = pd.DataFrame({"arc": arcs, "share": share})
        return frame, _rows(
            len(arcs),
            row,
            pairs["before"].to_numpy(dtype=np.int64),
            pairs["present"].to_numpy(float),
        )

    # -- building

    def build(self, problems: Problems) -> None:
        self._settled()
        for t in range(1, self.settings.years + 1):
            self._september(t, problems)

    def _phase_names(self, year_groups: Ints) -> NDArray[Any]:
        return _by_year_group(year_groups, self.model.phase_name, object)

    def _next_transition(self, year_groups: Ints) -> Ints:
        return _by_year_group(year_groups, self.model.next_transition, np.int64)

    def _settled(self) -> None:
        """Children where they are today; column 0."""
        base = self.settings.base_year
        keys = self.diagonals.keys.reset_index(names="diagonal")
        today = self.today.assign(birth=base - self.today["year_group"])
        today = today.merge(keys, on=["area", "need", "tier", "birth"], how="left")
        where = {n: i for i, n in enumerate(self.supply.frame["provision"])}
        today["at"] = today["provision"].map(where)
        today = today.groupby(["diagonal", "at"], as_index=False)[["children"]].sum()
        today = today[today["children"] > 0].sort_values(["diagonal", "at"])
        release = np.zeros(len(today))
        kinds = self.supply.frame["kind"].to_numpy()[today["at"].to_numpy(int)]
        for chosen, share in self.settings.release:
            release = np.maximum(release, share * (np.isin(kinds, chosen) if chosen else 1.0))
        parts = []
        for released in (False, True):
            part_share = release if released else 1 - release
            part = today.assign(children=today["children"] * part_share, released=released)
            parts.append(part[part["children"] > 0])
        stock = pd.concat(parts, ignore_index=True)
        diagonal = stock["diagonal"].to_numpy(int)
        at = stock["at"].to_numpy(int)
        group = self.diagonals.year_group(0)[diagonal]
        to_transition = self._next_transition(group) - group
        in_range = (group >= self.lowest[at]) & (group <= self.highest[at])
        to_range = np.where(in_range, self.highest[at] - group + 1, NEVER)
        end: Ints = np.minimum.reduce(
            [to_transition, to_range, np.maximum(self.closes[at], 1),
             np.full(len(at), self.settings.years + 1)]
        )  # fmt: skip
        end = np.where(stock["released"].to_numpy(bool), np.minimum(end, 1), end)
        cohort = self._add_cohorts(
            diagonal, 0, np.full(len(at), "settled", dtype=object), stock["children"].to_numpy(),
            stock["children"].to_numpy(),
        )  # fmt: skip
        self._add_arcs(cohort, diagonal, at, 0, end, settled=True)

    def _september(self, t: int, problems: Problems) -> None:
        """Everybody who looks for a place in column t: transfers, new plans, re-entries."""
        group = self.diagonals.year_group(t)
        last = self.model.last_year_group
        points = np.array(self.model.transition_points)
        at_transition = np.isin(group, points)
        total = self.diagonals.children[:, t]
        joining = self.diagonals.joining[:, t]
        leaving = self._leaving(t)
        re_enters = np.zeros(len(group), dtype=bool)
        re_enters[leaving["diagonal"].to_numpy(int)] = True
        re_enters &= ~at_transition & (group <= last)
        transfer = at_transition & (total > 1e-9)
        joins = ~at_transition & (joining > 1e-9) & (group <= last)
        chosen = np.flatnonzero(transfer | joins | re_enters)
        if not len(chosen):
            return
        origin = np.where(
            at_transition[chosen], "transfer", np.where(re_enters[chosen], "re_entry", "joining")
        ).astype(object)
        children = np.where(at_transition[chosen], total[chosen], joining[chosen])
        cohort = self._add_cohorts(chosen, t, origin, children, total[chosen])
        cohort_of = np.full(len(group), -1, dtype=np.int64)
        cohort_of[chosen] = cohort
        mid = leaving[re_enters[leaving["diagonal"].to_numpy(int)]]
        if len(mid):
            self._inflow.append(
                (
                    cohort_of[mid["diagonal"].to_numpy(int)],
                    mid["arc"].to_numpy(np.int64),
                    mid["present"].to_numpy(float),
                )
            )
        pairs = self._suitable(chosen, t, group[chosen], problems)
        rights = leaving[at_transition[leaving["diagonal"].to_numpy(int)]].copy()
        rights = rights[rights["present"] > 0]
        self.before.append(rights.assign(cohort=cohort_of[rights["diagonal"].to_numpy(int)]))
        self._connect(t, chosen, cohort, group[chosen], pairs, rights, mid)

    def _leaving(self, t: int) -> pd.DataFrame:
        """Arcs whose stay ends as column t begins: arc, diagonal, provision, share present."""
        columns = ["cohort", "provision", "settled"]
        here = [np.flatnonzero(part["end"].to_numpy() == t) for part in self._arcs]
        ending = pd.concat(
            [part[columns].iloc[at] for part, at in zip(self._arcs, here, strict=True)]
        )
        first = np.cumsum([0, *(len(part) for part in self._arcs)])
        arc = np.concatenate([at + before for at, before in zip(here, first[:-1], strict=True)])
        cohort = ending["cohort"].to_numpy(int)
        diagonal = np.concatenate([part["diagonal"].to_numpy() for part in self._cohorts])[cohort]
        return pd.DataFrame(
            {
                "arc": arc,
                "diagonal": diagonal,
                "provision": ending["provision"].to_numpy(int),
                "present": self.presence[cohort, t],
                "released": self._released(ending, t),
            }
        )

    def _released(self, ending: pd.DataFrame, t: int) -> Bools:
        """Settled stays cut short by a release: they may still choose the same provision."""
        if t != 1 or not self.settings.release:
            return np.zeros(len(ending), dtype=bool)
        return ending["settled"].to_numpy(bool)

    def _suitable(
        self, diagonal: Ints, t: int, group: Ints, problems: Problems
    ) -> tuple[Ints, Ints, Bools]:
        """Pairs (position in ``diagonal``, provision, beyond the limit) that suit each other."""
        need, tier, area = self.need_of[diagonal], self.tier_of[diagonal], self.area_of[diagonal]
        supply = self.supply
        phase_end = np.minimum(self._next_transition(group) - group + t, self.settings.years + 1)
        fits = supply.needs[:, need].T & supply.tiers[:, tier].T
        fits &= (group[:, None] >= self.lowest) & (group[:, None] <= self.highest)
        fits &= (self.opens <= t) & (self.closes > t)
        end = np.minimum(t + self.highest[None, :] - group[:, None] + 1, self.closes[None, :])
        np.minimum(end, phase_end[:, None], out=end)
        fits &= (end - t >= self.model.minimum_stay_years) | (end == phase_end[:, None])
        names = self._phase_names(group)
        limits = self.model.travel_hard_limit_minutes
        limit = _by_year_group(group, lambda g: limits[self.model.phase_name(g)], np.float64)
        minutes = self.minutes[area]
        within = fits & (minutes <= limit[:, None])
        standing = fits & ~self.is_new & ~self._capped(tier, names)
        stranded = np.flatnonzero(~(within & standing).any(axis=1) & standing.any(axis=1))
        beyond = np.zeros_like(within)
        if len(stranded):
            nearest = np.where(standing[stranded], minutes[stranded], np.inf).argmin(axis=1)
            beyond[stranded, nearest] = True
        nothing = np.flatnonzero(~fits.any(axis=1))
        if len(nothing):
            self._warn_nothing_suits(diagonal[nothing], t, problems)
        row, provision = np.nonzero(within | beyond)
        return row, provision, beyond[row, provision]

    def _capped(self, tier: Ints, phase: NDArray[Any]) -> Bools:
        """Provision of kinds with a preference ceiling: no place for everybody who needs one."""
        kinds = self.supply.frame["kind"].to_numpy()
        capped = np.zeros((len(tier), len(kinds)), dtype=bool)
        for rule in self.model.preference:
            if rule.ceiling < 1:
                here = np.isin(tier, rule.tiers) & np.isin(phase, np.array(rule.phases, object))
                capped |= here[:, None] & np.isin(kinds, rule.kinds)[None, :]
        return capped

    def _warn_nothing_suits(self, diagonal: Ints, t: int, problems: Problems) -> None:
        keys = self.diagonals.keys.iloc[diagonal]
        group = self.diagonals.year_group(t)[diagonal]
        children = self.diagonals.children[diagonal, t]
        found = pd.DataFrame(
            {"need": keys["need"].to_numpy(), "tier": keys["tier"].to_numpy(), "group": group,
             "children": children}
        ).groupby(["need", "tier", "group"], as_index=False)["children"].sum()  # fmt: skip
        for need, tier, year_group, number in found.itertuples(index=False):
            message = f"no provision suits {need}, tier {tier}, year group {year_group}."
            if not any(w.message == message for w in problems.warnings):
                problems.warn(
                    message,
                    "they are counted as unmet; add a provision that admits them, or check "
                    "the needs, tiers and year groups of those that should.",
                    file="provisions",
                    value=f"{number:.1f} children in "
                    f"{academic_year_label(self.settings.base_year + t)}",
                )

    def _connect(
        self,
        t: int,
        chosen: Ints,
        cohort: Ints,
        group: Ints,
        pairs: tuple[Ints, Ints, Bools],
        rights: pd.DataFrame,
        mid: pd.DataFrame,
    ) -> None:
        """Add the arcs of a September: free choices, staying on, and who was released."""
        row, provision, beyond = pairs
        width = len(self.supply.frame)
        position = np.full(len(self.diagonals.keys), -1, dtype=np.int64)
        position[chosen] = np.arange(len(chosen))

        def spans(frame: pd.DataFrame) -> pd.DataFrame:
            at = frame["provision"].to_numpy(int)
            here = position[frame["diagonal"].to_numpy(int)]
            year_group = group[here]
            good: Bools = (
                (self.lowest[at] <= year_group)
                & (self.highest[at] >= year_group)
                & (self.closes[at] > t)
            )
            return frame.assign(code=here * width + at)[good]

        useful = ~self._dominated(t, chosen, group, row, provision, beyond)
        row, provision, beyond = row[useful], provision[useful], beyond[useful]
        staying = spans(rights)
        staying = staying[self.stay_on_share[staying["provision"].to_numpy(int)] > 0]
        released = spans(mid[mid["released"]])
        on = np.unique(staying["code"].to_numpy(np.int64))
        free = row * width + provision
        only = released["code"].to_numpy(np.int64)
        only = np.setdiff1d(only, free) if len(only) else only
        code = np.concatenate([free, on, only])
        role = np.repeat([0, 1, 2], [len(free), len(on), len(only)])
        beyond = np.concatenate([beyond, np.zeros(len(on) + len(only), dtype=bool)])
        order = np.lexsort((role, code))
        code, role, beyond = code[order], role[order], beyond[order]
        row, provision = code // width, code % width
        phase_end = np.minimum(self._next_transition(group) - group + t, self.settings.years + 1)
        end = np.minimum(t + self.highest[provision] - group[row] + 1, self.closes[provision])
        np.minimum(end, phase_end[row], out=end)
        first = self._arc_count
        self._add_arcs(
            cohort[row], chosen[row], provision, t, end, settled=False, staying=role == 1,
            only=role == 2, beyond=beyond,
        )  # fmt: skip
        for kind, before, into in ((1, staying, self._stay_on), (2, released, self._only)):
            mine = np.flatnonzero(role == kind)
            before = before[np.isin(before["code"].to_numpy(np.int64), code[mine])]
            if not len(before):
                continue
            at = mine[np.searchsorted(code[mine], before["code"].to_numpy(np.int64))]
            share = self.stay_on_share[before["provision"].to_numpy(int)] if kind == 1 else 1.0
            into.append(
                pd.DataFrame(
                    {
                        "arc": first + at,
                        "before": before["arc"].to_numpy(np.int64),
                        "present": before["present"].to_numpy(float),
                        "share": share,
                    }
                )
            )

    def _dominated(
        self,
        t: int,
        chosen: Ints,
        group: Ints,
        row: Ints,
        provision: Ints,
        beyond: Bools,
    ) -> Bools:
        """Arcs that no best plan needs: dearer every year than a place that is never full.

        An arc is dropped when the same cohort can go, for its whole phase, to a provision without
        a limit on places whose yearly cost is lower, and choosing between them touches no other
        rule: no preference floor or ceiling, no stay in the sector, no right to stay on, no viable
        roll. An arc that ends in mid-phase is dropped only when what it costs more until then
        exceeds all that the rest of the phase could cost: what follows is taken to be free. Where
        in-year balance is asked for, what a place takes from the grant counts apart from what it
        costs, and nothing is dropped.
        """
        if self.settings.balance_from is not None:
            return np.zeros(len(row), dtype=bool)
        model, frame = self.model, self.supply.frame
        kinds = frame["kind"].to_numpy(dtype=object)
        diagonal = chosen[row]
        area = self.area_of[diagonal]
        minutes, km = self.minutes[area, provision], self.km[area, provision]
        price = self._prices(diagonal, provision, group[row], minutes, km)
        factor = self.supply.fee_factor[provision, t:]
        weights = model.ledger_weights
        fixed = (
            weights["dsg"] * price["per_child"]
            + weights["general_fund"] * price["transport"]
            + price["priced"]
        )
        charge = weights["dsg"] * price["charge"]
        least = fixed + charge * factor.min(axis=1)
        most = fixed + charge * factor.max(axis=1)
        phase_end = np.minimum(self._next_transition(group) - group + t, self.settings.years + 1)
        end = np.minimum(t + self.highest[provision] - group[row] + 1, self.closes[provision])
        np.minimum(end, phase_end[row], out=end)
        names = self._phase_names(group)
        tier = self.tier_of[chosen]
        in_rule = np.zeros(len(row), dtype=bool)
        for rule in model.preference:
            of_rule = np.isin(tier, rule.tiers) & np.isin(names, np.array(rule.phases, object))
            in_rule |= np.isin(kinds, rule.kinds)[provision] & of_rule[row]
        in_sector = np.zeros(len(row), dtype=bool)
        following = self._phase_names(self._next_transition(group))
        for kind, shares in model.stay_in_sector_share.items():
            bound_phases = np.array([phase for phase, share in shares.items() if share > 0], object)
            bound = np.isin(names, bound_phases) | np.isin(following, bound_phases)
            in_sector |= (kinds == kind)[provision] & bound[row]
        spans = (self.stay_on_share > 0)[provision] & (
            self.highest[provision] >= self._next_transition(group)[row]
        )
        plain = ~in_rule & ~spans & ~in_sector
        limited = np.asarray(np.isfinite(self.supply.places).any(axis=1))
        limited[self.limited_inside] = True
        unlimited = plain & ~limited[provision] & (end == phase_end[row]) & ~beyond
        cheapest = np.full(len(chosen), np.inf)
        np.minimum.at(cheapest, row[unlimited], most[unlimited])
        best = cheapest[row]
        now, later = end - t, phase_end[row] - end
        with np.errstate(invalid="ignore"):
            dear = now * (least - best) >= later * best
        return np.asarray(dear & plain & ~unlimited & ~self.is_new[provision])

    def _add_cohorts(
        self, diagonal: Ints, t: int, origin: NDArray[Any], children: Floats, most: Floats
    ) -> Ints:
        ids = np.arange(self._count, self._count + len(diagonal))
        self._cohorts.append(
            pd.DataFrame(
                {
                    "diagonal": diagonal,
                    "entry": t,
                    "entry_year_group": self.diagonals.year_group(t)[diagonal],
                    "origin": origin,
                    "children": children,
                    "most": most,
                }
            )
        )
        self._count += len(diagonal)
        entry = np.full(len(diagonal), t, dtype=np.int64)
        self.presence = np.vstack(
            [self.presence, presence_from(self.diagonals.survival[diagonal], entry)]
        )
        return ids

    def _add_arcs(
        self,
        cohort: Ints,
        diagonal: Ints,
        provision: Ints,
        t: int,
        end: Ints,
        *,
        settled: bool,
        staying: Bools | None = None,
        only: Bools | None = None,
        beyond: Bools | None = None,
    ) -> None:
        count = len(cohort)
        area = self.area_of[diagonal]
        minutes, km = self.minutes[area, provision], self.km[area, provision]
        group = self.diagonals.year_group(t)[diagonal]
        self._arcs.append(
            pd.DataFrame(
                {
                    "cohort": cohort,
                    "provision": provision,
                    "entry": t,
                    "end": end,
                    "minutes": minutes,
                    "km": km,
                    **self._prices(diagonal, provision, group, minutes, km),
                    "scheme": self.supply.frame["scheme"].to_numpy(int)[provision],
                    "settled": settled,
                    "staying": np.zeros(count, dtype=bool) if staying is None else staying,
                    "only_staying": np.zeros(count, dtype=bool) if only is None else only,
                    "beyond_limit": np.zeros(count, dtype=bool) if beyond is None else beyond,
                }
            )
        )
        self._arc_count += count

    def _prices(
        self, diagonal: Ints, provision: Ints, group: Ints, minutes: Floats, km: Floats
    ) -> dict[str, NDArray[Any]]:
        """Pounds per child per year on each arc, before what-if fee factors."""
        model, frame = self.model, self.supply.frame
        kinds = frame["kind"].to_numpy(dtype=object)
        inside = frame["inside"].to_numpy(bool)
        by_need = np.array([model.cost_factor_by_need.get(n, 1.0) for n in NEEDS])
        by_tier = np.array([1.0] + [model.cost_factor_by_tier.get(t, 1.0) for t in TIERS])
        factor = by_need[self.need_of[diagonal]] * by_tier[self.tier_of[diagonal]]

        def of_kind(key: str) -> Floats:
            table = {k: float(model.for_kind(key, k)) for k in set(kinds)}
            return np.array([table[k] for k in kinds], dtype=float)

        # A stay lies within one phase, so the phase of its first year is that of every year.
        lowest = int(group.min(initial=0))
        per_child = np.zeros((len(kinds), int(group.max(initial=0)) - lowest + 1))
        for g in np.flatnonzero(np.bincount(group - lowest)).tolist():
            phase = model.phase_name(g + lowest)
            charges = {
                k: model.for_kind_and_phase("per_child_charge", k, phase) for k in set(kinds)
            }
            per_child[:, g] = [charges[k] for k in kinds]
        has_fee = np.isin(kinds, list(model.fees))
        fee = np.zeros(len(kinds))
        for name, prices in model.fees.items():
            here = kinds == name
            fee[here] = np.where(inside[here], prices["in_area"], prices["out_of_area"])
        charge = np.where(has_fee, fee, of_kind("top_up"))[provision] * factor
        own_top_up = frame["top_up_pounds"].to_numpy(float)
        own_fee = frame["fee_pounds"].to_numpy(float)
        own = np.where(np.isfinite(own_fee), own_fee, np.where(has_fee, np.nan, own_top_up))
        charge = np.where(np.isfinite(own)[provision], own[provision], charge)
        transport = model.transport
        journey = np.minimum(
            transport["maximum"],
            transport["fixed"] + transport["per_km"] * km + transport["per_minute"] * minutes,
        )
        journey = np.where((km == 0) & (minutes == 0), 0.0, journey)
        guide = _by_year_group(
            group, lambda g: model.travel_guide_minutes[model.phase_name(g)], np.float64
        )
        priced = (
            model.price_per_minute * minutes
            + model.price_per_minute_over_guide * np.maximum(0.0, minutes - guide)
            + (model.price_outside_authority * ~inside)[provision]
        )
        return {
            "charge": charge,
            "is_fee": (has_fee | np.isfinite(own_fee))[provision],
            "per_child": per_child[provision, group - lowest],
            "transport": of_kind("transport_eligible_share")[provision] * journey,
            "priced": priced,
            "guide": guide,
        }


def _by_year_group(year_groups: Ints, function: Callable[[int], Any], kind: Any) -> NDArray[Any]:
    """What a function says of each year group, asked once for each that occurs."""
    if not len(year_groups):
        return np.zeros(0, dtype=kind)
    lowest = int(year_groups.min())
    occurs = np.flatnonzero(np.bincount(year_groups - lowest))
    table = np.zeros(int(occurs[-1]) + 1, dtype=kind)
    table[occurs] = [function(int(g) + lowest) for g in occurs]
    return np.asarray(table[year_groups - lowest])


def _arc_years(arcs: pd.DataFrame, presence: Floats, first: int) -> tuple[Ints, Ints, Floats]:
    """Every (arc, column, share present) in which a stay lies, from column ``first`` on."""
    start = np.maximum(arcs["entry"].to_numpy(int), first)
    length = np.maximum(arcs["end"].to_numpy(int) - start, 0)
    arc = np.repeat(np.arange(len(arcs)), length)
    offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    column = np.repeat(start, length) + offset
    share = presence[arcs["cohort"].to_numpy(int)[arc], column]
    return arc, column, share


def _check_price_of_unmet(
    model: PlanningModel, arcs: pd.DataFrame, supply: _Supply, problems: Problems
) -> None:
    """Unmet need must cost more than any placement, or the model would rather refuse a child."""
    yearly = (
        arcs["charge"] * supply.fee_factor.max()
        + arcs["per_child"]
        + arcs["transport"]
        + arcs["priced"]
        + max(model.price_over_capacity, model.price_beyond_limit)
    )
    dearest = float(yearly.max()) if len(yearly) else 0.0
    if dearest >= model.price_unmet:
        problems.error(
            f"unmet need would be cheaper than a placement that costs {dearest:,.0f} pounds.",
            f"set it above {dearest:,.0f}: unmet need is a failure, never a saving.",
            file=model.name,
            column="price_unmet.value",
            value=f"{model.price_unmet:,.0f}",
        )


def _limits(
    place_limits: pd.DataFrame,
    supply: _Supply,
    settings: Settings,
    cohorts: pd.DataFrame,
    arcs: pd.DataFrame,
    arc_years: tuple[Ints, Ints, Floats],
) -> tuple[pd.DataFrame, list[tuple[int, int]], Rows]:
    """Limits inside a provision: rows of the limits, their (limit, column) keys and arc rows."""
    arc_of, t_of, share_of = arc_years
    where = {n: i for i, n in enumerate(supply.frame["provision"])}
    frame = place_limits.assign(at=place_limits["provision"].map(where))
    frame = frame[frame["at"].notna()].reset_index(drop=True)
    keys: list[tuple[int, int]] = []
    row: list[Ints] = []
    arc: list[Ints] = []
    share: list[Floats] = []
    limited = np.zeros(len(supply.frame), dtype=bool)
    limited[frame["at"].to_numpy(int)] = True
    mine = limited[arcs["provision"].to_numpy(int)][arc_of]
    arc_of, t_of, share_of = arc_of[mine], t_of[mine], share_of[mine]
    at = arcs["provision"].to_numpy(int)[arc_of]
    cohort = arcs["cohort"].to_numpy(int)[arc_of]
    need = cohorts["need"].to_numpy()[cohort]
    group = (
        cohorts["entry_year_group"].to_numpy(int)[cohort]
        + t_of
        - cohorts["entry"].to_numpy(int)[cohort]
    )
    of_limits = zip(
        frame["at"].astype(int),
        frame["needs"],
        frame["lowest_year_group"],
        frame["highest_year_group"],
        frame["academic_year"],
        strict=True,
    )
    for i, (provision, needs, lowest, highest, only_year) in enumerate(of_limits):
        inside = (at == provision) & np.isin(need, list(needs))
        inside &= (group >= lowest) & (group <= highest)
        for t in range(1, settings.years + 1):
            if only_year >= 0 and only_year != settings.base_year + t:
                continue
            here = np.flatnonzero(inside & (t_of == t))
            row.append(np.full(len(here), len(keys), dtype=np.int64))
            arc.append(arc_of[here])
            share.append(share_of[here])
            keys.append((i, t))
    if not keys:
        empty = np.zeros(0, dtype=np.int64)
        return frame, keys, _rows(0, empty, empty, np.zeros(0))
    return (
        frame,
        keys,
        _rows(len(keys), np.concatenate(row), np.concatenate(arc), np.concatenate(share)),
    )


def _sectors(
    model: PlanningModel,
    cohorts: pd.DataFrame,
    arcs: pd.DataFrame,
    supply: _Supply,
    demand: _Arcs,
) -> tuple[pd.DataFrame, Rows, Rows]:
    """Groups for stay_in_sector: (kind, phase, entry), who is placed, who was there."""
    columns = ["kind", "phase", "entry"]
    kinds = set(model.stay_in_sector_share)
    before = (
        pd.concat(demand.before, ignore_index=True)
        if demand.before
        else pd.DataFrame({"arc": [], "cohort": [], "present": [], "provision": []})
    )
    kind_of = supply.frame["kind"].to_numpy()

    def describe(cohort: Ints, provision: Ints) -> pd.DataFrame:
        part = cohorts.iloc[cohort][["phase", "entry"]].reset_index(drop=True)
        return part.assign(kind=kind_of[provision], cohort=cohort)[[*columns, "cohort"]]

    phase_code, phases = pd.factorize(cohorts["phase"])
    binds = np.array(
        [
            [model.stay_in_sector_share.get(kind, {}).get(phase, 0.0) > 0 for phase in phases]
            for kind in kind_of
        ],
        dtype=bool,
    ).reshape(len(kind_of), len(phases))
    cohort, provision = before["cohort"].to_numpy(np.int64), before["provision"].to_numpy(np.int64)
    bound = binds[provision, phase_code[cohort]]
    was = describe(cohort[bound], provision[bound])
    was["arc"] = before["arc"].to_numpy(np.int64)[bound]
    was["present"] = before["present"].to_numpy(float)[bound]
    now_arc = np.flatnonzero(
        np.isin(kind_of, list(kinds))[arcs["provision"].to_numpy(int)]
        & (cohorts["origin"].to_numpy()[arcs["cohort"].to_numpy(int)] == "transfer")
    )
    now = describe(
        arcs["cohort"].to_numpy(np.int64)[now_arc], arcs["provision"].to_numpy(np.int64)[now_arc]
    )
    now["arc"] = now_arc
    can = pd.MultiIndex.from_frame(now[["cohort", "kind"]])
    was = was[pd.MultiIndex.from_frame(was[["cohort", "kind"]]).isin(can)]
    keys = was[columns].drop_duplicates().sort_values(columns).reset_index(drop=True)
    number = pd.Series(np.arange(len(keys)), index=pd.MultiIndex.from_frame(keys))

    def rows(frame: pd.DataFrame, share: Floats) -> Rows:
        if not len(frame) or not len(keys):
            empty = np.zeros(0, dtype=np.int64)
            return _rows(len(keys), empty, empty, np.zeros(0))
        at = number.reindex(pd.MultiIndex.from_frame(frame[columns])).to_numpy(float)
        good = np.isfinite(at)
        return _rows(
            len(keys), at[good].astype(np.int64), frame["arc"].to_numpy(np.int64)[good], share[good]
        )

    keys["share"] = [
        model.stay_in_sector_share[k].get(phase, 0.0)
        for k, phase in zip(keys["kind"], keys["phase"], strict=True)
    ]
    return keys, rows(now, np.ones(len(now))), rows(was, was["present"].to_numpy(float))


def _preferences(
    model: PlanningModel,
    cohorts: pd.DataFrame,
    arcs: pd.DataFrame,
    supply: _Supply,
    in_whole_children: bool,
) -> tuple[pd.DataFrame, Rows, list[Ints], Rows]:
    """Groups for preferences: (rule, tier, phase, entry, year group entered).

    Children of one group stay equally long, so that a share of them when they enter is the share of
    them in every year. Returns the keys (with side and share), the arcs by which free children are
    placed in the kinds, the member cohorts, and the arcs of members who stay on and so are not
    free. A floor is asked of cohorts with a standing provision of the kinds: none would be built
    for its sake. A floor that is the ceiling too is one row, of side "share", but for whole
    children: of a whole number nothing can be taken off for those who are unmet.
    """
    kinds, provision = supply.frame["kind"].to_numpy(), arcs["provision"].to_numpy(int)
    cohort_of = arcs["cohort"].to_numpy(np.int64)
    staying = arcs["staying"].to_numpy(bool)
    start = np.searchsorted(cohort_of, np.arange(len(cohorts) + 1))
    assert bool(np.all(np.diff(cohort_of) >= 0)), "arcs are built cohort by cohort"
    looking = cohorts["origin"].to_numpy() != "settled"
    keys: list[tuple[Any, ...]] = []
    members: list[Ints] = []
    placed: list[Ints] = []
    stays: list[Ints] = []
    for number, rule in enumerate(model.preference):
        in_kinds = np.isin(kinds, rule.kinds)[provision] & ~staying
        reached = {"ceiling": in_kinds, "floor": in_kinds & (arcs["scheme"].to_numpy(int) < 0)}
        has_arc = {side: np.zeros(len(cohorts), dtype=bool) for side in reached}
        for side, leads_there in reached.items():
            has_arc[side][cohort_of[leads_there]] = True
        here = cohorts[
            looking
            & cohorts["tier"].isin(rule.tiers).to_numpy()
            & cohorts["phase"].isin(rule.phases).to_numpy()
        ]
        sides = [("floor", rule.floor)] if rule.floor > 0 else []
        sides += [("ceiling", rule.ceiling)] if rule.ceiling < 1 else []
        only_new = has_arc["ceiling"] & ~has_arc["floor"]
        equal = rule.floor == rule.ceiling and not only_new[here.index].any()
        if equal and not in_whole_children:
            sides = [("share", rule.floor)]
        for key, part in here.groupby(["tier", "phase", "entry", "entry_year_group"], sort=True):
            for side, share in sides:
                ids = part.index.to_numpy(np.int64)
                if side != "ceiling" or equal:
                    ids = ids[has_arc["floor"][ids]]
                if not has_arc["ceiling"][ids].any():
                    continue
                lengths = start[ids + 1] - start[ids]
                skipped = start[ids] - (np.cumsum(lengths) - lengths)
                arc = np.arange(lengths.sum()) + np.repeat(skipped, lengths)
                keys.append((number, *key, side, share))
                members.append(ids)
                placed.append(arc[in_kinds[arc]])
                stays.append(arc[staying[arc]])

    def rows(parts: list[Ints]) -> Rows:
        lengths = [len(part) for part in parts]
        row = np.repeat(np.arange(len(parts)), lengths)
        arc = np.concatenate([*parts, np.zeros(0, dtype=np.int64)])
        return _rows(len(parts), row, arc, np.ones(len(arc)))

    columns = ["rule", "tier", "phase", "entry", "entry_year_group", "side", "share"]
    return pd.DataFrame(keys, columns=columns), rows(placed), members, rows(stays)


def whole_cohorts(cohorts: pd.DataFrame, arcs: pd.DataFrame) -> Bools:
    """Cohorts whose children can be placed in whole ones, because they are whole themselves.

    Settled children, children who re-enter in mid-phase, and cohorts of whom some may stay on come
    as expected shares.
    """
    children = cohorts["children"].to_numpy()
    whole = (abs(children - children.round()) < 1e-6) & (
        ~cohorts["origin"].isin(["settled", "re_entry"]).to_numpy()
    )
    whole[arcs["cohort"].to_numpy(int)[arcs["staying"].to_numpy(bool)]] = False
    return np.asarray(whole)


def in_expected_shares(q: Question) -> Question:
    """The same question for expected children, with no share rounded."""
    exact = [
        np.full(len(members), share)
        for members, share in zip(q.preference_members, q.preference_keys["share"], strict=True)
    ]
    settings = replace(q.settings, whole_children=False)
    return replace(q, settings=settings, preference_shares=exact)


def _in_whole_children(
    keys: pd.DataFrame, members: list[Ints], whole: Bools, children: Floats
) -> list[Floats]:
    """Shares by member of each group, so that those of whole children add up to whole ones.

    Of each rule, tier, phase and side the groups follow one another by September and year group;
    what they ask for together is rounded to the nearest after each of them. So a child is asked for
    as often as the share says, and nobody chooses which. A ceiling is never below the floor.
    """
    asked = [np.full(len(k), share) for k, share in zip(members, keys["share"], strict=True)]
    total: dict[tuple[Any, ...], tuple[float, int]] = {}
    floors: dict[tuple[Any, ...], int] = {}
    order = keys.sort_values(["entry", "entry_year_group"], kind="stable").index
    named = ["rule", "tier", "phase", "entry", "entry_year_group", "side", "share"]
    for g in order.tolist():
        rule, tier, phase, entry, group, side, share = keys.loc[g, named]
        here = whole[members[g]]
        number = float(children[members[g]][here].sum())
        if number <= 0:
            continue
        exact, so_far = total.get((rule, tier, phase, side), (0.0, 0))
        exact += share * number
        quota = int(np.floor(exact + 0.5 + 1e-9)) - so_far
        if side == "floor":
            floors[rule, tier, entry, group] = quota
        elif side == "ceiling":
            quota = max(quota, floors.get((rule, tier, entry, group), 0))
        total[rule, tier, phase, side] = exact, so_far + quota
        asked[g][here] = quota / number
    return asked
