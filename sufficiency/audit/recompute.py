"""Recomputes from the inputs and the placements what the tables of a plan should say.

Nothing here is shared with the model: the rules are written a second time, from the contract.
Money is in pounds, children may be fractions of a child, journeys are one way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from sufficiency.audit.run_reader import PLAN_TABLES, AuditInputs, PlanTables, Rings, cells
from sufficiency.vocabulary import (
    KINDS,
    LOCAL_STATE_SPECIALIST,
    NEEDS,
    academic_year_label,
    parse_year,
    year_group_name,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.object_]

CHILD: Final = 0.001
MINUTE: Final = 0.001
NEVER: Final = 10_000
FIRST_SHARE: Final = 7 / 12
"""September to March: the share of an academic year in the financial year it begins in."""

_KINDS: Final = list(KINDS)
_NEEDS: Final = list(NEEDS)
_PROVISION_COLUMNS: Final = [
    "provision",
    "kind",
    "easting",
    "northing",
    "lowest_year_group",
    "highest_year_group",
    "needs",
    "tiers",
    "opens",
    "closes",
    "fee_pounds",
    "top_up_pounds",
    "inside_authority",
    "site",
]
_TIER_SLOTS: Final = 5
_DIAGONAL_SLOTS: Final = 512


@dataclass(frozen=True)
class Choice:
    """What cohorts could choose from; one row for each cohort, settled ones empty.

    A *standing* provision is one that no scheme creates. ``standing_kinds``: a kind has an
    admissible standing provision, the nearest one that a flagged cohort keeps among them (cohort x
    kind); ``every_kind``: the same with new provisions that schemes could open by then, opened or
    not; ``nearest``: minutes to the nearest suitable standing provision whatever the limit (inf:
    none).
    """

    standing_kinds: Bools
    every_kind: Bools
    nearest: Floats


class Facts:
    """What the checks need, worked out once: codes, diagonals, survival, provisions, money.

    Years count from the base year (slot 0). A *diagonal* is (area, need, tier, year - year group):
    the same children as they grow. The last diagonal stands for cells that no input knows.
    """

    def __init__(self, inputs: AuditInputs, plan: PlanTables) -> None:
        self.inputs, self.plan, self.rules = inputs, plan, inputs.rules
        told = inputs.scenario
        self.base, self.first, self.last = (
            year_of(told[name]) for name in ("base_year", "first_year", "last_year")
        )
        self.slots = self.last - self.base + 1
        self.years = np.arange(self.base, self.last + 1)
        self.committed = {
            str(name): year_of(year) for name, year in (told.get("committed") or {}).items()
        }
        self.release = {str(k): float(v) for k, v in (told.get("release") or {}).items()}
        self.areas = pd.Index(inputs.areas["area"].astype("str"))
        self.locality = inputs.areas["locality"].to_numpy(dtype=object)
        self._phases()
        self._discount()
        self._provisions()
        self._diagonals()
        self._travel()
        self._cohorts()
        self._placements()
        self._unmet()
        self._occupancy()

    # ---- rules

    def by_kind(self, rule: str, kinds: Iterable[str] = _KINDS, otherwise: float = 0.0) -> Floats:
        """A rule that is given by kind of provision, with its default, as an array."""
        values = self.rules.get(rule) or {}
        fallback = values.get("default", otherwise)
        return np.array([float(values.get(kind, fallback)) for kind in kinds], dtype=np.float64)

    def by_kind_and_phase(self, rule: str, kinds: Ints, phases: Words) -> Floats:
        """A rule given by kind and within it by phase, for arrays of kinds and phase names.

        Where a kind has one number instead, it stands for every phase.
        """
        values = self.rules.get(rule) or {}
        codes, known = pd.factorize(phases)
        table = np.zeros((len(_KINDS), len(known)))
        for row, kind in enumerate(_KINDS):
            inner = values.get(kind, values.get("default")) or {}
            inner = inner if isinstance(inner, Mapping) else {"default": inner}
            table[row] = [float(inner.get(name, inner.get("default", 0.0))) for name in known]
        return table[kinds, codes]

    def _phases(self) -> None:
        """Phases and the next transition point of every year group."""
        self.points = sorted(int(point) for point in self.rules["transition_points"])
        self.oldest = int(self.rules["last_year_group"])
        names = {str(key): str(name) for key, name in self.rules["phase_names"].items()}
        self.lowest_group = -20
        groups = range(self.lowest_group, self.oldest + 40)
        starts = [max((p for p in self.points if p <= g), default=-NEVER) for g in groups]
        before = names.get(f"before_{self.points[0]}", "before school")
        phases = [
            before if start == -NEVER else names.get(str(start), f"from year {start}")
            for start in starts
        ]
        self._phase_start = np.array(starts, dtype=np.int64)
        following = [next((p for p in self.points if p > g), self.oldest + 1) for g in groups]
        self._phase_of = np.array(phases, dtype=object)
        self._next_point = np.array(following, dtype=np.int64)

    def phase(self, year_group: Ints) -> Words:
        """The phase of year groups."""
        slot = np.clip(year_group - self.lowest_group, 0, len(self._phase_of) - 1)
        return np.asarray(self._phase_of[slot], dtype=object)

    def phase_start(self, year_group: Ints) -> Ints:
        """The year group that the phase of year groups begins with; very low before the first."""
        slot = np.clip(year_group - self.lowest_group, 0, len(self._phase_start) - 1)
        return np.asarray(self._phase_start[slot], dtype=np.int64)

    def next_point(self, year_group: Ints) -> Ints:
        """The transition point after a year group; past the last one, one past the last group."""
        slot = np.clip(year_group - self.lowest_group, 0, len(self._next_point) - 1)
        return np.asarray(self._next_point[slot], dtype=np.int64)

    def by_mapping(self, values: Mapping[str, float]) -> Floats:
        """Values given by kind of provision, 0 for a kind that is not there."""
        return np.array([values.get(kind, 0.0) for kind in _KINDS], dtype=np.float64)

    def by_phase(self, rule: str, phases: Words) -> Floats:
        """A rule given by phase, for an array of phase names."""
        values = {str(name): float(value) for name, value in self.rules[rule].items()}
        every = np.array([*values.values(), np.inf], dtype=np.float64)
        return every[codes_of(phases, list(values))]

    def _discount(self) -> None:
        """Discount by financial year, and of an academic year: 7/12 of one, 5/12 of the next."""
        self.rate = float(self.rules["discount_rate"])
        now = self.year_discount(self.years)
        after = self.year_discount(self.years + 1)
        self.discount = FIRST_SHARE * now + (1 - FIRST_SHARE) * after
        self.discount[0] = 0.0

    def year_discount(self, financial_year: Any) -> Floats:
        """Discount factor of a financial year: 1 in the first planned one."""
        ahead = np.asarray(financial_year, dtype=np.float64) - self.first
        return np.asarray((1 + self.rate) ** -ahead, dtype=np.float64)

    # ---- provisions and schemes

    def _provisions(self) -> None:
        """Provisions of today, then those that schemes with a site create (id of the scheme)."""
        given, schemes = self.inputs.provisions, self.inputs.schemes
        sites = self.inputs.candidate_sites
        created = schemes[schemes["site"].astype(str).str.strip() != ""].copy()
        place = sites.set_index("site")[["easting", "northing"]].reindex(created["site"])
        created["provision"] = created["scheme"]
        created["easting"] = place["easting"].to_numpy(float)
        created["northing"] = place["northing"].to_numpy(float)
        opened = self.plan.schemes.drop_duplicates("scheme").set_index("scheme")["opens"]
        self.scheme_opens = (
            opened.reindex(schemes["scheme"]).fillna(NEVER).to_numpy(float).astype(np.int64)
        )
        self.scheme_ids = [str(name) for name in schemes["scheme"]]
        created["opens"] = opened.reindex(created["scheme"]).fillna(NEVER).to_numpy(float)
        created["closes"] = np.nan
        created["inside_authority"] = [
            _inside(x, y, self.inputs.boundary)
            for x, y in zip(created["easting"], created["northing"], strict=True)
        ]
        parts = [
            given.reindex(columns=_PROVISION_COLUMNS),
            created.reindex(columns=_PROVISION_COLUMNS),
        ]
        table = pd.concat([part for part in parts if len(part)], ignore_index=True)
        self.new = np.arange(len(table)) >= len(given)
        self.provisions = pd.Index(table["provision"].astype("str"))
        self.kind_names = table["kind"].to_numpy(dtype=object)
        self.kind = codes_of(table["kind"], _KINDS)
        self.lowest = table["lowest_year_group"].to_numpy(float).astype(np.int64)
        self.highest = table["highest_year_group"].to_numpy(float).astype(np.int64)
        self.opens = table["opens"].fillna(-NEVER).to_numpy(float).astype(np.int64)
        self.may_open = self.opens.copy()
        self.may_open[self.new] = self._earliest(created)
        self.closes = table["closes"].fillna(NEVER).to_numpy(float).astype(np.int64)
        self.easting = table["easting"].to_numpy(float)
        self.northing = table["northing"].to_numpy(float)
        self.fee = table["fee_pounds"].to_numpy(float)
        self.own_top_up = table["top_up_pounds"].to_numpy(float)
        self.site = np.where(self.new, table["site"].astype(object).fillna("").to_numpy(), "")
        inside = [
            flag
            if not np.isnan(flag)
            else float(np.isnan(x) or _inside(x, y, self.inputs.boundary))
            for flag, x, y in zip(
                table["inside_authority"].to_numpy(float), self.easting, self.northing, strict=True
            )
        ]
        self.inside = np.array(inside, dtype=np.float64) > 0.5
        self.admits_need = np.zeros((len(table) + 1, len(_NEEDS) + 1), dtype=bool)
        self.admits_tier = np.zeros((len(table) + 1, _TIER_SLOTS), dtype=bool)
        admits = self.rules["admits_tiers"]
        for row, (needs, tiers, kind) in enumerate(
            zip(table["needs"], table["tiers"], table["kind"], strict=True)
        ):
            for need in _needs_of(needs):
                self.admits_need[row, _NEEDS.index(need)] = True
            own = [int(float(t)) for t in cells(tiers)]
            for tier in own or admits.get(kind, admits.get("default", [])):
                self.admits_tier[row, int(tier)] = True
        self.is_open = (self.opens[:, None] <= self.years) & (self.years < self.closes[:, None])
        self._places(schemes)

    def _earliest(self, schemes: pd.DataFrame) -> list[int]:
        """The first year in which the model lets each scheme open; never for a kind ruled out."""
        allowed = set(self.rules["scheme_kinds"])
        found = []
        for name, kind, earliest in zip(
            schemes["scheme"], schemes["kind"], schemes["earliest_opening"], strict=True
        ):
            free = max(int(earliest), self.first) if str(kind) in allowed else NEVER
            found.append(self.committed.get(str(name), free))
        return found

    def _places(self, schemes: pd.DataFrame) -> None:
        """Commissioned places, other authorities' children and places of schemes, by year."""
        count = len(self.provisions)
        self.places = np.full((count, self.slots), np.nan)
        self.places[self.new] = 0.0
        self.others = np.zeros((count, self.slots))
        rows = self.inputs.commissioned_places.sort_values(["provision", "academic_year"])
        if "other_authority_children" not in rows:
            rows = rows.assign(other_authority_children=0.0)
        of_row = codes_of(rows["provision"], list(self.provisions))
        for at in np.unique(of_row[of_row >= 0]):
            part = rows[of_row == at]
            since = part["academic_year"].to_numpy(float)
            row = np.clip(np.searchsorted(since, self.years, side="right") - 1, 0, None)
            self.places[at] = part["places"].to_numpy(float)[row]
            self.others[at] = np.nan_to_num(part["other_authority_children"].to_numpy(float))[row]
        self.limited = ~np.isnan(self.places[:, 0])
        standing = self.is_open | self.new[:, None]
        self.places = np.where(standing | ~self.limited[:, None], self.places, 0.0)
        self.others = np.where(standing, self.others, 0.0)
        target = np.where(
            schemes["site"].astype(str).str.strip() != "", schemes["scheme"], schemes["provision"]
        )
        self.scheme_target = codes_of(pd.Series(target), list(self.provisions))
        self.offered = np.zeros((count, self.slots))
        self.nominal = np.zeros((count, self.slots))
        roll_from = int((self.rules.get("viable_roll") or {}).get("from_year", 0))
        fills = schemes["fill"] if "fill" in schemes else [""] * len(schemes)
        for at, opens, kind, places, fill in zip(
            self.scheme_target,
            self.scheme_opens,
            schemes["kind"],
            schemes["places"],
            fills,
            strict=True,
        ):
            default = self.rules["fill_profile"]
            shares = [float(s) for s in cells(fill)] or default.get(kind, default.get("default"))
            age = self.years - opens
            share = np.array(shares, dtype=np.float64)[np.clip(age, 0, len(shares) - 1)]
            if at >= 0:
                self.offered[at] += np.where(age >= 0, places * share, 0.0)
                self.nominal[at] += np.where(age >= roll_from, places, 0.0)
        self.seats = np.maximum(self.places - self.others, 0.0) + self.offered

    def _travel(self) -> None:
        """One-way minutes and km of every (area, provision).

        The travel table first; then near-home provisions from the model file; then the estimate
        from straight lines.
        """
        areas, rules = self.inputs.areas, self.rules
        x, y = areas["easting"].to_numpy(float), areas["northing"].to_numpy(float)
        straight = np.hypot(x[:, None] - self.easting, y[:, None] - self.northing) / 1000
        line, near = rules["travel_estimate"], rules["near_home_travel"]
        slow = np.minimum(straight, line["slow_km"])
        minutes = line["fixed_minutes"] + line["minutes_per_slow_km"] * slow
        minutes += line["minutes_per_straight_km"] * (straight - slow)
        km = line["road_km_per_straight_km"] * straight
        for at in np.flatnonzero(np.isnan(self.easting)):
            home = near.get(self.kind_names[at], near.get("default"))
            minutes[:, at], km[:, at] = home["minutes"], home["km"]
        table = self.inputs.travel
        told_minutes, told_km = table["minutes"].to_numpy(float), table["km"].to_numpy(float)
        row = codes_of(table["area"], list(self.areas))
        for names in (list(self.provisions), list(self.site)):
            for column, lines in _positions(table["destination"], names):
                use = lines[(row[lines] >= 0) & ~np.isnan(told_minutes[lines])]
                minutes[row[use], column] = told_minutes[use]
                km[row[use], column] = told_km[use]
        self.minutes, self.km = minutes, km

    # ---- children

    def diagonal_codes(self, area: Ints, need: Ints, tier: Ints, year: Ints, group: Ints) -> Ints:
        """One number for each diagonal; -1 where the area, need or tier is unknown."""
        slot = year - group - (self.base - 60)
        code = ((area * (len(_NEEDS) + 1) + need) * _TIER_SLOTS + tier) * _DIAGONAL_SLOTS + slot
        wrong = (area < 0) | (need < 0) | (tier < 1) | (tier >= _TIER_SLOTS) | (slot < 0)
        return np.where(wrong, -1, code)

    def diagonal(self, area: Ints, need: Ints, tier: Ints, year: Ints, group: Ints) -> Ints:
        """Position of each diagonal among those known; the last position for one unknown."""
        codes = self.diagonal_codes(area, need, tier, year, group)
        known = self.known
        at = np.minimum(np.searchsorted(known, codes), max(len(known) - 1, 0))
        return np.where(known[at] == codes, at, len(known)) if len(known) else at * 0

    def _cells(self, table: pd.DataFrame, year: Ints | None = None) -> tuple[Ints, ...]:
        """Area, need, tier, year and year group of a table as codes."""
        if year is None:
            year = ints_of(table["academic_year"])
        return (
            codes_of(table["area"], list(self.areas)),
            codes_of(table["need"], _NEEDS),
            ints_of(table["tier"]),
            year,
            ints_of(table["year_group"]),
        )

    def _diagonals(self) -> None:
        """Children, joiners and survival by diagonal and year slot."""
        today, ahead = self.inputs.children_today, self.inputs.projected_children
        if "draw" in ahead and ahead["draw"].nunique() > 1:
            ahead = ahead[ahead["draw"] == float(self.inputs.scenario.get("draw") or 0)]
        year = ints_of(ahead["academic_year"])
        ahead = ahead[(year > self.base) & (year <= self.last)]
        here = self._cells(today, np.full(len(today), self.base, dtype=np.int64))
        there = self._cells(ahead)
        codes = [self.diagonal_codes(*here), self.diagonal_codes(*there)]
        self.known = np.unique(np.concatenate(codes))
        self.known = self.known[self.known >= 0]
        shape = (len(self.known) + 1, self.slots)
        self.today_diagonal, self.today_group = self.diagonal(*here), here[4]
        self.today_provision = codes_of(today["provision"], list(self.provisions))
        self.today_children = today["children"].to_numpy(float)
        self.children, self.joining = np.zeros(shape), np.zeros(shape)
        np.add.at(self.children[:, 0], self.today_diagonal, self.today_children)
        at, slot = self.diagonal(*there), there[3] - self.base
        np.add.at(self.children, (at, slot), ahead["children"].to_numpy(float))
        joiners = ahead["joining"].to_numpy(float)
        if np.isnan(joiners).any():
            ceasing = np.array(self.rules["ceasing_share"], dtype=np.float64)
            ceased = ceasing[np.clip(there[4] + 3, 0, len(ceasing) - 1)]
            stayed = (1 - ceased) * self.children[at, slot - 1]
            derived = np.maximum(0, self.children[at, slot] - stayed)
            joiners = np.where(np.isnan(joiners), derived, joiners)
        np.add.at(self.joining, (at, slot), joiners)
        before = self.children[:, :-1]
        remained = self.children[:, 1:] - self.joining[:, 1:]
        self.survival = np.zeros(shape)
        np.divide(remained, before, out=self.survival[:, 1:], where=before > 0)
        self.diagonal_start = self.known % _DIAGONAL_SLOTS + (self.base - 60)

    def year_group(self, diagonal: Ints, slot: Ints) -> Ints:
        """Year group of a diagonal in a year slot; 99 for the unknown diagonal."""
        start = np.append(self.diagonal_start, self.base - 99)
        return np.asarray(self.base + slot - start[diagonal], dtype=np.int64)

    def cell_name(self, diagonal: int, slot: int) -> str:
        """A cell in plain words."""
        year = academic_year_label(self.base + slot)
        if diagonal >= len(self.known):
            return f"{year}, children whom the inputs do not know"
        code = int(self.known[diagonal]) // _DIAGONAL_SLOTS
        tier, code = code % _TIER_SLOTS, code // _TIER_SLOTS
        need, area = code % (len(_NEEDS) + 1), code // (len(_NEEDS) + 1)
        group = int(self.year_group(np.array([diagonal]), np.array([slot]))[0])
        return (
            f"{year}, area {self.areas[area]}, {_NEEDS[need]}, tier {tier}, "
            f"{year_group_name(group)}"
        )

    def need_tier(self, diagonal: Ints) -> tuple[Ints, Ints]:
        """Need and tier codes of diagonals (the unknown diagonal: the last need, tier 0)."""
        code = np.append(self.known // _DIAGONAL_SLOTS, -1)[diagonal]
        need = np.where(code < 0, len(_NEEDS), (code // _TIER_SLOTS) % (len(_NEEDS) + 1))
        return need, np.where(code < 0, 0, code % _TIER_SLOTS)

    def _cohorts(self) -> None:
        """Cohorts and stays as codes, and each stay spread over the years it lasts."""
        table = self.plan.cohorts.assign(
            academic_year=self.plan.cohorts["entry_year"],
            year_group=self.plan.cohorts["entry_year_group"],
        )
        self.cohort_index = pd.Index(table["cohort"])
        self.c_area, self.c_need, self.c_tier, self.c_entry, self.c_group = self._cells(table)
        self.c_diagonal = self.diagonal(
            self.c_area, self.c_need, self.c_tier, self.c_entry, self.c_group
        )
        self.c_slot = np.clip(self.c_entry - self.base, 0, self.slots - 1)
        self.c_origin = table["origin"].to_numpy(dtype=object)
        self.c_settled = self.c_origin == "settled"
        self.c_phase = self.phase(self.c_group)
        self.c_children = table["children"].to_numpy(float)
        self.c_flagged = table["beyond_limit_travel"].to_numpy(float) > 0.5
        self.c_point = np.isin(self.c_group, self.points) & ~self.c_settled
        stays = self.plan.stays
        cohort = _at(self.cohort_index, stays["cohort"])
        provision = codes_of(stays["provision"], list(self.provisions))
        self.stay_known = (cohort >= 0) & (provision >= 0)
        self.stays = stays[self.stay_known].reset_index(drop=True)
        self.s_cohort, self.s_provision = cohort[self.stay_known], provision[self.stay_known]
        self.s_children = self.stays["children"].to_numpy(float)
        self.s_leaves = ints_of(self.stays["leaves_year"])
        self.s_diagonal = self.c_diagonal[self.s_cohort]
        self.s_slot = self.c_slot[self.s_cohort]
        self.e_stay, self.e_slot, self.e_children, self.s_left = self.spread(
            self.s_diagonal, self.s_slot, self.s_leaves - self.base, self.s_children
        )
        end = self.s_leaves - self.base
        group = self.year_group(self.s_diagonal, end)
        again = (end < self.slots) & (end > 0) & ~np.isin(group, self.points)
        self.again = np.zeros((len(self.known) + 1, self.slots))
        again &= group <= self.oldest
        np.add.at(self.again, (self.s_diagonal[again], end[again]), self.s_left[again])

    def spread(
        self, diagonal: Ints, entry: Ints, leaves: Ints, children: Floats
    ) -> tuple[Ints, Ints, Floats, Floats]:
        """Spread children at entry over the year slots until they leave.

        Returns position, slot and children present (one row for each year), and for each position
        the children still there to leave in slot ``leaves``. Presence is the product of survival.
        """
        end = np.minimum(leaves, self.slots)
        present = children.astype(np.float64).copy()
        left = np.zeros(len(children))
        slot = entry
        parts: list[tuple[Ints, Ints, Floats]] = []
        for step in range(self.slots + 1):
            slot = entry + step
            inside = np.minimum(slot, self.slots - 1)
            if step:
                present = present * np.where(
                    slot < self.slots, self.survival[diagonal, inside], 0.0
                )
            left = np.where(slot == leaves, present, left)
            going = np.flatnonzero(slot < end)
            if not len(going):
                break
            parts.append((going, slot[going], present[going]))
        # One more step so that those who leave in the year after the last one are counted.
        slot = entry + step
        left = np.where((slot == leaves) & (slot < self.slots), present, left)
        empty = np.zeros(0, dtype=np.int64)
        return (
            np.concatenate([empty, *(p[0] for p in parts)]),
            np.concatenate([empty, *(p[1] for p in parts)]),
            np.concatenate([np.zeros(0), *(p[2] for p in parts)]),
            left,
        )

    def _placements(self) -> None:
        """Placements as codes; rows with an unknown area, need, provision or year are set aside."""
        table = self.plan.placements
        area, need, tier, year, group = self._cells(table)
        provision = codes_of(table["provision"], list(self.provisions))
        cohort = _at(self.cohort_index, table["cohort"])
        good = (area >= 0) & (need >= 0) & (tier > 0) & (tier < _TIER_SLOTS) & (provision >= 0)
        good &= (cohort >= 0) & (year >= self.base) & (year <= self.last)
        self.p_known = good
        self.placed = table[good].reset_index(drop=True)
        self.p_area, self.p_need, self.p_tier = area[good], need[good], tier[good]
        self.p_slot, self.p_group = year[good] - self.base, group[good]
        self.p_provision, self.p_cohort = provision[good], cohort[good]
        self.p_children = self.placed["children"].to_numpy(float)
        self.p_diagonal = self.diagonal(
            self.p_area, self.p_need, self.p_tier, year[good], self.p_group
        )
        self.p_minutes = self.minutes[self.p_area, self.p_provision]
        self.p_km = self.km[self.p_area, self.p_provision]
        flat = self.p_provision * self.slots + self.p_slot
        size = len(self.provisions) * self.slots
        total = np.bincount(flat, weights=self.p_children, minlength=size)
        self.present = total.reshape(len(self.provisions), self.slots)

    def _unmet(self) -> None:
        table = self.plan.unmet
        area, need, tier, year, group = self._cells(table)
        good = (year >= self.base) & (year <= self.last)
        self.u_known = good
        self.unmet = table[good].reset_index(drop=True)
        self.u_slot, self.u_group = year[good] - self.base, group[good]
        self.u_children = self.unmet["children"].to_numpy(float)
        self.u_cohort = _at(self.cohort_index, self.unmet["cohort"])
        self.u_need, self.u_tier, self.u_area = need[good], tier[good], area[good]
        self.u_diagonal = self.diagonal(
            area[good], need[good], tier[good], year[good], self.u_group
        )

    def _occupancy(self) -> None:
        """Over, beyond and vacant places, by provision and year slot."""
        excess = np.maximum(0, self.present - self.seats)
        share = self.by_kind("over_capacity_share")[self.kind][:, None]
        room = share * (self.places + self.offered)
        self.over = np.where(np.isnan(excess), 0.0, np.minimum(excess, room))
        self.beyond = np.where(np.isnan(excess), 0.0, excess - self.over)
        self.vacant = np.maximum(0, self.seats - self.present)

    def limits(self) -> pd.DataFrame:
        """Place limits by planned year in which they apply, as the plan's table ``limits``."""
        parts: list[pd.DataFrame] = []
        table = self.inputs.place_limits
        if "academic_year" not in table:
            table = table.assign(academic_year=np.nan)
        for row in table.to_dict("records"):
            at = int(codes_of(pd.Series([row["provision"]]), list(self.provisions))[0])
            if at < 0:
                continue
            year = float(row["academic_year"])
            slots = np.arange(self.slots) if np.isnan(year) else np.array([int(year) - self.base])
            slots = slots[(slots > 0) & (slots < self.slots)]
            needs = [_NEEDS.index(need) for need in _needs_of(row["needs"])]
            inside = (self.p_provision == at) & np.isin(self.p_need, needs)
            inside &= self.p_group >= float(row["lowest_year_group"])
            inside &= self.p_group <= float(row["highest_year_group"])
            count = np.bincount(
                self.p_slot[inside], weights=self.p_children[inside], minlength=self.slots
            )
            part = pd.DataFrame({"academic_year": self.base + slots, "children": count[slots]})
            part["provision"], part["limit"] = str(row["provision"]), str(row["limit"])
            part["places"] = float(row["places"])
            part["beyond_limit"] = np.maximum(0, part["children"] - part["places"])
            parts.append(part)
        columns = PLAN_TABLES["limits"].split()
        return pd.concat(parts, ignore_index=True)[columns] if parts else self.plan.limits[:0]

    # ---- who looks for a place

    def totals(self) -> tuple[Floats, Floats]:
        """Children who look for a place and children placed, by (diagonal, entry slot).

        Those who look: everybody at a transition point; else new plans and those who re-enter.
        """
        shape = self.children.shape
        group = self.year_group(np.arange(shape[0])[:, None], np.arange(shape[1])[None, :])
        at_point = np.isin(group, self.points)
        looking = np.where(at_point, self.children, self.joining + self.again)
        looking[:, 0] = self.children[:, 0]
        flat = self.s_diagonal * self.slots + self.s_slot
        placed = np.zeros(shape[0] * shape[1])
        np.add.at(placed, flat, self.s_children)
        return looking, placed.reshape(shape)

    @cached_property
    def stayers(self) -> pd.DataFrame:
        """Children of each diagonal in each provision the year before a transition point.

        Columns: diagonal, slot (of the transition), provision, children (those present now),
        placed (children of the transfer cohort placed there now), bound (children with the right
        to stay on: the kind's share of those present, where the range of an open provision holds
        the year group entered; a settled child below the range has then grown into it).
        """
        slot = self.p_slot + 1
        inside = np.minimum(slot, self.slots - 1)
        group = self.year_group(self.p_diagonal, slot)
        at_point = (slot < self.slots) & np.isin(group, self.points)
        present = self.p_children * self.survival[self.p_diagonal, inside]
        before = pd.DataFrame(
            {
                "diagonal": self.p_diagonal[at_point],
                "slot": slot[at_point],
                "provision": self.p_provision[at_point],
                "children": present[at_point],
            }
        )
        transfer = self.c_point[self.s_cohort]
        now = pd.DataFrame(
            {
                "diagonal": self.s_diagonal[transfer],
                "slot": self.s_slot[transfer],
                "provision": self.s_provision[transfer],
                "placed": self.s_children[transfer],
            }
        )
        keys = ["diagonal", "slot", "provision"]
        both = (
            before.groupby(keys)["children"]
            .sum()
            .to_frame()
            .join(now.groupby(keys)["placed"].sum(), how="outer")
            .fillna(0.0)
            .reset_index()
        )
        at, when = both["provision"].to_numpy(), both["slot"].to_numpy()
        group = self.year_group(both["diagonal"].to_numpy(), when)
        spans = (self.lowest[at] <= group) & (self.highest[at] >= group) & self.is_open[at, when]
        share = self.by_kind("stay_on_share")[self.kind[at]]
        both["bound"] = np.where(spans, share * both["children"], 0.0)
        return both

    @cached_property
    def choice(self) -> Choice:
        """What each cohort that looks for a place could choose from."""
        count = len(self.cohort_index)
        standing = np.zeros((count, len(_KINDS)), dtype=bool)
        every = np.zeros((count, len(_KINDS)), dtype=bool)
        nearest = np.full(count, np.inf)
        looking = np.flatnonzero(~self.c_settled & (self.c_area >= 0) & (self.c_need >= 0))
        limit = self.by_phase("travel_hard_limit_minutes", self.c_phase)
        by_kind = np.argsort(self.kind, kind="stable")
        kinds, begins = np.unique(self.kind[by_kind], return_index=True)
        for start in range(0, len(looking), 4096):
            rows = looking[start : start + 4096]
            fits, minutes = self.suitable(rows), self.minutes[self.c_area[rows]]
            reach = np.where(fits & ~self.new & ~self.capped(rows), minutes, np.inf)
            nearest[rows] = reach.min(axis=1, initial=np.inf)
            furthest = np.where(self.new, limit[rows, None], np.maximum(limit, nearest)[rows, None])
            within = (fits & (minutes <= furthest + MINUTE))[:, by_kind]
            for found, each in ((every, within), (standing, within & ~self.new[by_kind])):
                found[rows[:, None], kinds] = np.logical_or.reduceat(each, begins, axis=1)
        return Choice(standing, every, nearest)

    def capped(self, rows: Ints) -> Bools:
        """Kinds with a preference ceiling have no place for everybody (cohort x provision)."""
        names = np.array(self.kind_names, dtype=str)
        result = np.zeros((len(rows), len(self.provisions)), dtype=bool)
        for rule in self.rules.get("preference") or []:
            if float(rule.get("ceiling", 1.0)) < 1:
                here = np.isin(self.c_tier[rows], [int(t) for t in rule["tiers"]])
                here &= codes_of(self.c_phase[rows], list(dict.fromkeys(rule["phases"]))) >= 0
                result |= here[:, None] & np.isin(names, list(rule["kinds"]))[None, :]
        return result

    def suitable(self, rows: Ints) -> Bools:
        """Whether each provision suits each cohort, travel left aside (cohort x provision).

        A new provision counts from the year in which its scheme could open.
        """
        count = len(self.provisions)
        every = np.arange(count)[None, :]
        group, entry = self.c_group[rows][:, None], self.c_entry[rows][:, None]
        fits = self.admits_need[:count, self.c_need[rows]].T
        fits = fits & self.admits_tier[:count, np.clip(self.c_tier[rows], 0, 4)].T
        fits &= (self.lowest <= group) & (group <= self.highest)
        fits &= (self.may_open <= entry) & (entry < self.closes)
        return np.asarray(fits & self.lasts(rows[:, None], every), dtype=bool)

    def lasts(self, cohort: Ints, provision: Ints) -> Bools:
        """Whether a stay can last long enough: the minimum, or to the end of phase or horizon."""
        group, entry = self.c_group[cohort], self.c_entry[cohort]
        ends = np.minimum(entry + self.highest[provision] - group + 1, self.closes[provision])
        phase_ends = entry + self.next_point(group) - group
        least = np.minimum(entry + int(self.rules["minimum_stay_years"]), phase_ends)
        return np.asarray(ends >= np.minimum(least, self.last + 1), dtype=bool)

    def leaves(self, group: Ints, provision: Ints, entry: Ints, settled: Bools | bool) -> Ints:
        """The first year not there, by year group at entry, provision and entry year.

        A settled child outside the provision's year groups stays to the next transition point.
        """
        point = entry + self.next_point(group) - group
        grown = entry + self.highest[provision] - group + 1
        outside = (group < self.lowest[provision]) | (group > self.highest[provision])
        grown = np.where(settled & outside, NEVER, grown)
        ends = np.minimum(np.minimum(point, grown), self.closes[provision])
        return np.asarray(np.clip(ends, entry + 1, self.last + 1), dtype=np.int64)

    # ---- money

    @cached_property
    def yearly_money(self) -> pd.DataFrame:
        """Every running cost by academic-year slot: slot, ledger, line, kind, pounds."""
        need = self.by_kind("cost_factor_by_need", _NEEDS, 1.0)
        tiers = {str(k): float(v) for k, v in self.rules["cost_factor_by_tier"].items()}
        tier = np.array([tiers.get(str(t), tiers.get("default", 1.0)) for t in range(_TIER_SLOTS)])
        factor = need[self.p_need] * tier[self.p_tier]
        at = self.p_provision
        weight = self._fee_factors()[at, self.p_slot]
        kind, fee, top_up = self.kind[at], self.fee[at], self.own_top_up[at]
        fees = {k: self.rules["fees"].get(k, self.rules["fees"].get("default")) for k in _KINDS}
        fees = {k: value for k, value in fees.items() if value}
        has_fee = np.array([name in fees for name in _KINDS])
        listed = np.array(
            [
                [float(fees[k]["out_of_area"]), float(fees[k]["in_area"])] if k in fees else [0, 0]
                for k in _KINDS
            ]
        )
        usual_fee = listed[kind, self.inside[at].astype(int)] * factor
        by_fee = has_fee[kind] | ~np.isnan(fee)
        usual_top_up = self.by_kind("top_up")[kind] * factor
        price = {
            ("dsg", "fees"): np.where(by_fee, np.where(np.isnan(fee), usual_fee, fee) * weight, 0),
            ("dsg", "top_up"): np.where(
                by_fee, 0, np.where(np.isnan(top_up), usual_top_up, top_up) * weight
            ),
            ("dsg", "per_child_charge"): self.by_kind_and_phase(
                "per_child_charge", kind, self.phase(self.p_group)
            ),
            ("general_fund", "transport"): self._transport(kind),
        }
        parts: list[pd.DataFrame] = []
        for (ledger, line), each in price.items():
            grid = np.zeros((len(_KINDS), self.slots))
            np.add.at(grid, (kind, self.p_slot), each * self.p_children)
            parts.append(self._long(grid, ledger, line))
        parts.extend(self._provision_money())
        return pd.concat(parts, ignore_index=True)

    def _transport(self, kind: Ints) -> Floats:
        """Pounds for each placed child: the share who travel x the journey, up to the ceiling."""
        rule = self.rules["transport"]
        cost = rule["fixed"] + rule["per_km"] * self.p_km + rule["per_minute"] * self.p_minutes
        cost = np.minimum(rule["maximum"], cost)
        cost = np.where((self.p_km == 0) & (self.p_minutes == 0), 0.0, cost)
        return np.asarray(self.by_kind("transport_eligible_share")[kind] * cost, dtype=np.float64)

    def _fee_factors(self) -> Floats:
        """Factor on fees and top-ups by provision and year slot, from the scenario's what-ifs."""
        factors = np.ones((len(self.provisions), self.slots))
        for change in self.inputs.scenario.get("fee_factors") or []:
            kinds = set(change.get("kinds") or [])
            named = str(change.get("provision") or "")
            hit = np.isin(self.kind_names.astype(str), list(kinds)) | (self.provisions == named)
            start = change.get("from_year")
            since = self.years >= (self.base if start is None else year_of(start))
            factors = np.where(hit[:, None] & since, factors * float(change["factor"]), factors)
        return factors

    def _provision_money(self) -> list[pd.DataFrame]:
        """Place funding, other authorities' income and running costs of schemes."""
        grids = {name: np.zeros((len(_KINDS), self.slots)) for name in ("place", "income", "run")}
        funded = self.inside & (self.limited | self.new)
        rate = self.by_kind("place_funding")[self.kind]
        paid = np.where(funded[:, None], rate[:, None] * np.nan_to_num(self.places), 0.0)
        paid += np.where(funded[:, None], rate[:, None] * self.offered, 0.0)
        np.add.at(grids["place"], self.kind, paid)
        local = np.isin(self.kind_names.astype(str), list(LOCAL_STATE_SPECIALIST)) & self.inside
        income = float(self.rules["other_authority_income"])
        np.add.at(grids["income"], self.kind, np.where(local[:, None], -income * self.others, 0.0))
        schemes = self.inputs.schemes
        running = schemes["running_pounds"] if "running_pounds" in schemes else [0.0] * len(schemes)
        kinds = codes_of(schemes["kind"], _KINDS)
        for kind, opens, pounds in zip(kinds, self.scheme_opens, running, strict=True):
            pounds = 0.0 if np.isnan(pounds) else pounds
            grids["run"][kind] += np.where(self.years >= opens, pounds, 0.0)
        names = {"place": "place_funding", "income": "other_authority_income", "run": "running"}
        return [self._long(grids[key], "dsg", line) for key, line in names.items()]

    def _long(self, grid: Floats, ledger: str, line: str) -> pd.DataFrame:
        kind, slot = np.nonzero(grid)
        names = np.array(_KINDS, dtype=object)[kind]
        return pd.DataFrame(
            {
                "slot": slot,
                "ledger": ledger,
                "line": line,
                "kind": names,
                "pounds": grid[kind, slot],
            }
        )

    def capital(self) -> pd.DataFrame:
        """Capital by scheme and financial year: scheme, kind, financial_year, pounds."""
        schemes = self.inputs.schemes
        own = schemes["capital_profile"] if "capital_profile" in schemes else [""] * len(schemes)
        rows: list[tuple[str, str, int, float]] = []
        for scheme, kind, pounds, text, opens in zip(
            schemes["scheme"],
            schemes["kind"],
            schemes["capital_pounds"],
            own,
            self.scheme_opens,
            strict=True,
        ):
            if opens == NEVER:
                continue
            shares = [float(s) for s in cells(text)] or list(self.rules["capital_profile"])
            for back, share in enumerate(reversed(shares)):
                year = max(int(opens) - back, self.first)
                rows.append((str(scheme), str(kind), year, float(pounds) * share))
        table = pd.DataFrame(rows, columns=["scheme", "kind", "financial_year", "pounds"])
        return table.astype({"financial_year": "float64", "pounds": "float64"})

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """Columns financial_year, ledger, line, kind, pounds; capital under line ``capital``."""
        money = self.yearly_money
        now = money.assign(
            financial_year=money["slot"] + self.base, pounds=money["pounds"] * FIRST_SHARE
        )
        after = money.assign(
            financial_year=money["slot"] + self.base + 1,
            pounds=money["pounds"] * (1 - FIRST_SHARE),
        )
        capital = self.capital().assign(ledger="capital", line="capital")
        keys = ["financial_year", "ledger", "line", "kind"]
        every = pd.concat([now, after, capital], ignore_index=True)
        every = every[every["financial_year"] >= self.first]
        return every.groupby(keys, sort=True)["pounds"].sum().reset_index()

    def line_of(self, name: str) -> float:
        """A line of the plan's objective, in pounds of present value; 0 when it has none."""
        table = self.plan.objective
        return float(table.loc[table["line"] == name, "present_value_pounds"].sum())


def year_of(value: object) -> int:
    """A year of the scenario, written as a number or a label."""
    return parse_year(str(value))


def ints_of(values: pd.Series[Any]) -> Ints:
    """Whole numbers; -999 where a cell is blank."""
    return np.asarray(np.nan_to_num(values.to_numpy(float), nan=-999), dtype=np.int64)


def codes_of(values: Any, known: list[str]) -> Ints:
    """Positions of words in a list, -1 for a word that is not there."""
    codes, distinct = pd.factorize(values)
    found = pd.Index(known).get_indexer(pd.Index(distinct)) if len(distinct) else np.zeros(0, int)
    return np.append(np.asarray(found, dtype=np.int64), -1)[codes]


def _at(index: pd.Index[Any], values: pd.Series[Any]) -> Ints:
    """Positions of cohort numbers, -1 for one that is not there; the first where one repeats."""
    first = pd.Series(np.arange(len(index)), index=index)
    first = first[~first.index.duplicated()]
    return np.asarray(first.reindex(values).fillna(-1).to_numpy(float), dtype=np.int64)


def _positions(values: pd.Series[Any], names: list[str]) -> list[tuple[int, Ints]]:
    """For each name of a list that is not blank: its position and the rows that hold it."""
    rows = pd.Series(np.arange(len(values))).groupby(values.array).indices
    return [
        (i, np.asarray(rows[name], dtype=np.int64)) for i, name in enumerate(names) if name in rows
    ]


def _needs_of(text: object) -> list[str]:
    listed = cells(text)
    return list(_NEEDS) if [need.lower() for need in listed] == ["any"] else listed


def _inside(x: float, y: float, rings: Rings) -> float:
    """1 when a point lies inside rings by the even-odd rule, or when there are no rings."""
    if not rings or np.isnan(x):
        return 1.0
    crossings = 0
    for ring in rings:
        x0, y0 = ring[:, 0], ring[:, 1]
        x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
        across = (y0 > y) != (y1 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            meets = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
        crossings += int((across & (x < meets)).sum())
    return float(crossings % 2)
