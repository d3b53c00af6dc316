"""The audit: every rule and every pound of a plan, compared with a second computation.

``CHECKS`` at the end lists the checks by name; each states the rule that it recomputes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from sufficiency.audit.recompute import (
    CHILD,
    MINUTE,
    NEVER,
    Facts,
    Floats,
    Ints,
    codes_of,
    ints_of,
    year_of,
)
from sufficiency.audit.run_reader import (
    INPUT_TABLES,
    PLAN_TABLES,
    AuditInputs,
    PlanTables,
    RunFolderError,
    cells,
    plain,
    read_run,
)
from sufficiency.vocabulary import (
    KINDS,
    LEDGERS,
    LOCAL_STATE_SPECIALIST,
    LOCAL_SUITABLE_FROM_YEAR_12,
    NEEDS,
    academic_year_label,
    financial_year_label,
)

Where = str | Callable[[int], str]
"""A place in plain words, or what gives it for a position of an array."""

POUND: Final = 1.0
RELATIVE: Final = 1e-9
OBJECTIVE_RELATIVE: Final = 1e-6
MOST_SHOWN: Final = 50
_NUMBER_KEYS: Final = ("academic_year", "financial_year", "transition_point")
_KINDS: Final = list(KINDS)
_NEEDS: Final = list(NEEDS)
_UNMET: Final = len(_KINDS)
_NEW_PLAN: Final = len(_KINDS) + 1
_FROM_TO: Final = [*_KINDS, "unmet", "new plan"]


@dataclass(frozen=True)
class Difference:
    """One number of the plan that the audit does not find again."""

    check: str
    where: str
    expected: float | str
    found: float | str
    unit: str

    def __str__(self) -> str:
        expected, found = _written(self.expected), _written(self.found)
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.check}: {self.where}: the audit finds {expected}{unit}, the plan {found}."


@dataclass
class AuditResult:
    """What was checked (``checks``: name and number of comparisons) and every difference."""

    checks: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True when at least one comparison was made and nothing differs."""
        return bool(self.checks) and not self.differences


def audit(inputs: AuditInputs, plan: PlanTables) -> AuditResult:
    """Recompute a plan and compare.

    Tolerances: 0.001 child (or its price, for the lines of moves and short rolls), 0.001 minute or
    km, 1 pound, or one part in a thousand million of a larger number. A check shows at most 50
    differences and counts the rest.
    ``plan.without_schemes`` serves the table of gaps; :func:`audit_both` audits it as well.

    Raises:
        RunFolderError: when a table lacks a column.
    """
    facts = Facts(_plain_inputs(inputs), _plain_plan(plan))
    result = AuditResult()
    for name, check in CHECKS.items():
        tally = Tally(name)
        check(facts, tally)
        result.checks.append(f"{name}: {tally.compared:,} comparisons")
        result.differences.extend(tally.closed())
    return result


def audit_run(folder: Path) -> AuditResult:
    """Audit a run folder: its plan, and the plan without schemes when it has one.

    Raises:
        RunFolderError: naming every file or column that is missing.
    """
    return audit_both(*read_run(folder))


def audit_both(inputs: AuditInputs, plan: PlanTables) -> AuditResult:
    """Audit a plan and, when it has one, the plan without schemes beside it."""
    result = audit(inputs, plan)
    other = plan.without_schemes
    if other is None:
        return result
    beside = audit(inputs, other)
    tally = Tally("only committed schemes")
    committed = _with_what_they_require(
        {str(name) for name in inputs.scenario.get("committed") or {}}, inputs.schemes
    )
    opened = plain(other.schemes, PLAN_TABLES["schemes"])
    for scheme, opens in zip(opened["scheme"], opened["opens"], strict=True):
        tally.word(
            f"scheme {scheme}", True, scheme in committed or np.isnan(opens), "not opened", "opened"
        )
    result.checks.append(f"without schemes, {tally.name}: {tally.compared:,} comparisons")
    result.checks.extend(f"without schemes, {line}" for line in beside.checks)
    for difference in [*tally.closed(), *beside.differences]:
        named = dataclasses.replace(difference, check=f"without schemes, {difference.check}")
        result.differences.append(named)
    return result


def _with_what_they_require(names: set[str], schemes: pd.DataFrame) -> set[str]:
    """Schemes, and the schemes that must be open before them or with them."""
    listed = schemes["requires"] if "requires" in schemes else [""] * len(schemes)
    required: dict[str, list[str]] = {}
    for name, needed, enlarged in zip(schemes["scheme"], listed, schemes["provision"], strict=True):
        required[str(name)] = [*cells(needed), str(enlarged)]
    known, found = set(required), set(names)
    waiting = list(names)
    while waiting:
        more = [r for r in required.get(waiting.pop(), []) if r in known and r not in found]
        found.update(more)
        waiting += more
    return found


class Tally:
    """Counts comparisons of one check and keeps what differs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.compared = 0
        self._differences: list[Difference] = []
        self._more = 0

    def closed(self) -> list[Difference]:
        """Every difference, with one line for those beyond the most that are shown."""
        if self._more:
            rest = Difference(self.name, "differences beyond those shown", 0, self._more, "")
            return [*self._differences, rest]
        return self._differences

    def _note(
        self,
        where: Where,
        wrong: npt.NDArray[np.bool_],
        expected: Callable[[int], float | str],
        found: Callable[[int], float | str],
        unit: str,
    ) -> None:
        """Keep what is wrong: in words up to the most that is shown, then as a number."""
        at = np.flatnonzero(wrong)
        room = MOST_SHOWN - len(self._differences)
        self.compared += len(wrong)
        self._more += max(0, len(at) - room)
        for i in at[:room]:
            place = where if isinstance(where, str) else where(int(i))
            difference = Difference(self.name, place, expected(int(i)), found(int(i)), unit)
            self._differences.append(difference)

    def numbers(self, where: Where, expected: Any, found: Any, unit: str, tolerance: float) -> None:
        """Compare two arrays; two NaN are equal. ``where(i)`` names position i in plain words."""
        left, right = _array(expected), _array(found)
        near = np.abs(left - right) <= tolerance + RELATIVE * np.abs(left)
        wrong = ~(near | (np.isnan(left) & np.isnan(right)))
        self._note(where, wrong, lambda i: float(left[i]), lambda i: float(right[i]), unit)

    def at_most(self, where: Where, limit: Any, found: Any, unit: str, tolerance: Any) -> None:
        """Compare an array with the most that it may be."""
        most, right = _array(limit), _array(found)
        wrong = ~(right <= most + tolerance + RELATIVE * np.abs(most))
        told = "at most {}".format
        self._note(
            where, wrong, lambda i: told(_written(float(most[i]))), lambda i: float(right[i]), unit
        )

    def at_least(self, where: Where, limit: Any, found: Any, unit: str, tolerance: Any) -> None:
        """Compare an array with the least that it may be."""
        least, right = _array(limit), _array(found)
        wrong = ~(right >= least - tolerance - RELATIVE * np.abs(least))
        told = "at least {}".format
        self._note(
            where, wrong, lambda i: told(_written(float(least[i]))), lambda i: float(right[i]), unit
        )

    def holds(self, where: Where, true: Any, rule: str, otherwise: str) -> None:
        """Note every position where a rule does not hold."""
        self._note(where, ~np.asarray(true, bool), lambda _: rule, lambda _: otherwise, "")

    def word(
        self, where: str, expected: object, found: object, rule: str = "", otherwise: str = ""
    ) -> None:
        """Compare two words or truths."""
        wrong = np.array([expected != found])
        told = rule or str(expected), otherwise or str(found)
        self._note(where, wrong, lambda _: told[0], lambda _: told[1], "")

    def words(self, where: Where, expected: Any, found: Any) -> None:
        """Compare two arrays of words."""
        left, right = np.asarray(expected, object), np.asarray(found, object)
        wrong = np.asarray(left != right, bool)
        self._note(where, wrong, lambda i: str(left[i]), lambda i: str(right[i]), "")

    def table(
        self,
        where: Callable[[pd.Series[Any]], str],
        expected: pd.DataFrame,
        found: pd.DataFrame,
        keys: list[str],
        units: Mapping[str, tuple[str, float]],
    ) -> None:
        """Compare two tables summed by their keys; a row that is missing counts as zero."""
        columns = list(units)
        # An empty table has no types of its own, and a merge wants the same ones on both sides.
        types = {key: "float64" if key in _NUMBER_KEYS else "str" for key in keys}
        expected, found = expected.astype(types), found.astype(types)
        left = expected.groupby(keys, sort=True)[columns].sum(min_count=1).reset_index()
        right = found.groupby(keys, sort=True)[columns].sum(min_count=1).reset_index()
        both = left.merge(right, on=keys, how="outer", suffixes=("", "_found"), indicator=True)
        for column, (unit, tolerance) in units.items():
            one, other = both[column].to_numpy(float), both[f"{column}_found"].to_numpy(float)
            one = np.where(both["_merge"] == "right_only", 0.0, one)
            other = np.where(both["_merge"] == "left_only", 0.0, other)
            self.numbers(lambda i: where(both.iloc[i]), one, other, unit, tolerance)


def _array(values: Any) -> Floats:
    return np.atleast_1d(np.asarray(values, dtype=np.float64))


def _written(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if np.isnan(value):
        return "nothing"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4f}".rstrip("0").rstrip(".")


def _plain_inputs(inputs: AuditInputs) -> AuditInputs:
    done: dict[str, Any] = {
        name: plain(getattr(inputs, name), need) for name, need in INPUT_TABLES.items()
    }
    return dataclasses.replace(inputs, **done)


def _plain_plan(plan: PlanTables) -> PlanTables:
    wrong: list[str] = []
    done: dict[str, Any] = {}
    for name, need in PLAN_TABLES.items():
        try:
            done[name] = plain(getattr(plan, name), need)
        except RunFolderError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise RunFolderError("; ".join(wrong))
    return dataclasses.replace(plan, **done)


# ------------------------------------------------------------------------------ children


def every_child_accounted(facts: Facts, tally: Tally) -> None:
    """Placements + unmet = children, by year, area, need, tier and year group.

    Children: ``children_today`` in the base year, ``projected_children`` after it.
    """
    shape = facts.children.shape
    found = np.zeros(shape)
    np.add.at(found, (facts.p_diagonal, facts.p_slot), facts.p_children)
    np.add.at(found, (facts.u_diagonal, facts.u_slot), facts.u_children)
    _grids(facts, tally, facts.children, found, "children placed or unmet")


def cohorts_follow_projection(facts: Facts, tally: Tally) -> None:
    """Cohorts hold the children of the inputs, and settled stays hold all of their cohort.

    Settled: children today. At a transition point: all children of the cell. Between two: those
    whose plan is new that year (children who re-enter are not counted in ``cohorts``).
    """
    shape = facts.children.shape
    group = facts.year_group(np.arange(shape[0])[:, None], np.arange(shape[1])[None, :])
    expected = np.where(np.isin(group, facts.points), facts.children, facts.joining)
    expected[:, 0] = facts.children[:, 0]
    found = np.zeros(shape)
    np.add.at(found, (facts.c_diagonal, facts.c_slot), facts.c_children)
    _grids(facts, tally, expected, found, "children in cohorts")
    settled = facts.c_settled
    held = np.bincount(facts.s_cohort, weights=facts.s_children, minlength=len(settled))
    numbers = facts.cohort_index[settled]
    tally.numbers(
        lambda i: f"stays of settled cohort {numbers[i]}",
        facts.c_children[settled],
        held[settled],
        "children",
        CHILD,
    )
    right = np.where(
        facts.c_entry == facts.base,
        "settled",
        np.where(np.isin(facts.c_group, facts.points), "transfer", "joining or re_entry"),
    )
    told = np.where(
        np.isin(facts.c_origin, ["joining", "re_entry"]), "joining or re_entry", facts.c_origin
    )
    tally.words(lambda i: f"origin of cohort {facts.cohort_index[i]}", right, told)
    tally.words(
        lambda i: f"phase of cohort {facts.cohort_index[i]}",
        facts.c_phase,
        facts.plan.cohorts["phase"].to_numpy(object),
    )


def admissibility(facts: Facts, tally: Tally) -> None:
    """Every stay that is not settled is in a suitable provision.

    Need, tier and entry year group admitted; open in the entry year (a new provision: its scheme
    open); able to last the minimum stay or to the end of phase or horizon; minutes within the
    limit of the entry phase, or the cohort flagged and the provision its nearest suitable standing
    one (one that no scheme creates). A cohort is flagged when it has a suitable standing provision
    and none within the limit. As many children as stay on by right in a provision that spans their
    transition point, or were released from a provision, are admissible there all the same.
    """
    looking = ~facts.c_settled[facts.s_cohort] & (facts.c_area >= 0)[facts.s_cohort]
    cohort, provision = facts.s_cohort[looking], facts.s_provision[looking]
    keys, allowed, placed = _already_there(facts, looking)
    own = _flat(facts, facts.s_diagonal[looking], provision, facts.s_slot[looking])
    was_there = (allowed > 0)[np.searchsorted(keys, own)]

    def where(i: int) -> str:
        return (
            f"cohort {facts.cohort_index[cohort[i]]} in {facts.provisions[provision[i]]}, "
            f"{facts.cell_name(int(facts.c_diagonal[cohort[i]]), int(facts.c_slot[cohort[i]]))}"
        )

    need = facts.admits_need[provision, facts.c_need[cohort]]
    tally.holds(where, need | was_there, "a need that the provision admits", "another need")
    tier = facts.admits_tier[provision, np.clip(facts.c_tier[cohort], 0, 4)]
    tally.holds(where, tier | was_there, "a tier that the provision admits", "another tier")
    group, entry = facts.c_group[cohort], facts.c_entry[cohort]
    inside = (facts.lowest[provision] <= group) & (group <= facts.highest[provision])
    tally.holds(
        where, inside | was_there, "a year group of the provision", "outside its year groups"
    )
    is_open = (facts.opens[provision] <= entry) & (entry < facts.closes[provision])
    tally.holds(where, is_open, "a provision open in the entry year", "not open")
    lasts = facts.lasts(cohort, provision)
    tally.holds(where, lasts | was_there, "a stay of the minimum length", "a shorter stay")
    minutes = facts.minutes[facts.c_area[cohort], provision]
    limit = facts.by_phase("travel_hard_limit_minutes", facts.c_phase[cohort])
    far, flagged = minutes > limit + MINUTE, facts.c_flagged[cohort]
    tally.holds(
        where, ~far | flagged | was_there, "a journey within the limit", "longer, and not flagged"
    )
    choice = facts.choice
    closest = ~facts.new[provision] & (minutes <= choice.nearest[cohort] + MINUTE)
    tally.holds(
        where,
        ~far | closest | was_there,
        "the nearest suitable standing provision",
        "another one beyond the limit",
    )
    unsuited = was_there & ~(need & tier & inside & lasts & (~far | (flagged & closest)))
    at = np.unique(np.searchsorted(keys, own[unsuited]))
    name = _stay_name(facts, keys[at])
    tally.at_most(name, allowed[at], placed[at], "children who were there", CHILD)
    others = np.flatnonzero(~facts.c_settled & (facts.c_area >= 0))
    nearest, flags = choice.nearest[others], facts.c_flagged[others]
    least = facts.by_phase("travel_hard_limit_minutes", facts.c_phase[others])

    def flag(i: int) -> str:
        return f"flag of cohort {facts.cohort_index[others[i]]}"

    beyond = nearest > least + MINUTE
    tally.holds(flag, beyond | ~flags, "a flag only where nothing is within the limit", "flagged")
    kept = beyond & np.isfinite(nearest)
    tally.holds(flag, flags | ~kept, "a flag where nothing is within the limit", "not flagged")


def _already_there(facts: Facts, looking: npt.NDArray[np.bool_]) -> tuple[Ints, Floats, Floats]:
    """Children who may be placed where they were, by (diagonal, provision, year slot).

    Those with the right to stay on, and those whom the scenario releases in the middle of a phase.
    Returns the keys in order, how many may, and how many are placed there now (``looking`` stays).
    """
    stayers = facts.stayers
    right = _flat(facts, stayers["diagonal"], stayers["provision"], stayers["slot"])
    cohort, provision = facts.s_cohort, facts.s_provision
    entry = facts.c_entry[cohort]
    ends = facts.leaves(facts.c_group[cohort], provision, entry, facts.c_settled[cohort])
    free = facts.by_mapping(facts.release)[facts.kind[provision]] > 0
    free &= facts.c_settled[cohort] & (facts.s_leaves < ends)
    released = _flat(
        facts, facts.s_diagonal[free], provision[free], facts.s_leaves[free] - facts.base
    )
    return _summed(
        np.concatenate([right, released]),
        np.concatenate([stayers["bound"].to_numpy(float), facts.s_left[free]]),
        _flat(facts, facts.s_diagonal[looking], provision[looking], facts.s_slot[looking]),
        facts.s_children[looking],
    )


def travel_of_stays(facts: Facts, tally: Tally) -> None:
    """Minutes and km of a stay: the travel table, else near home, else the straight-line rule."""
    area = facts.c_area[facts.s_cohort]
    known = area >= 0
    cohort, provision = facts.s_cohort[known], facts.s_provision[known]
    for column, grid in (("minutes", facts.minutes), ("km", facts.km)):
        tally.numbers(
            lambda i: f"cohort {facts.cohort_index[cohort[i]]} in {facts.provisions[provision[i]]}",
            grid[area[known], provision],
            facts.stays[column].to_numpy(float)[known],
            column,
            MINUTE,
        )


def base_year_is_children_today(facts: Facts, tally: Tally) -> None:
    """Placements of the base year are ``children_today``, by cell and provision."""
    today = facts.today_provision
    at = facts.p_slot == 0
    _by_stay(
        facts,
        tally,
        (facts.today_diagonal, today, np.zeros_like(today)),
        facts.today_children,
        (facts.p_diagonal[at], facts.p_provision[at], facts.p_slot[at]),
        facts.p_children[at],
    )


def settled_children_stay(facts: Facts, tally: Tally) -> None:
    """Children of today keep their provision to their next transition point.

    Or until its year groups end or it closes. Where a scenario releases a share of a kind, that
    share may leave earlier.
    """
    leaves = facts.leaves(
        facts.today_group, facts.today_provision, np.full_like(facts.today_group, facts.base), True
    )
    position, slot, present, _ = facts.spread(
        facts.today_diagonal, np.zeros_like(leaves), leaves - facts.base, facts.today_children
    )
    kept = 1 - facts.by_mapping(facts.release)[facts.kind[facts.today_provision[position]]]
    keys = _flat(facts, facts.today_diagonal[position], facts.today_provision[position], slot)
    at = facts.c_settled[facts.p_cohort] & (facts.p_slot > 0)
    own = _flat(facts, facts.p_diagonal[at], facts.p_provision[at], facts.p_slot[at])
    later = slot > 0
    every, most, found = _summed(keys[later], present[later], own, facts.p_children[at])
    least = _summed(keys[later], (kept * present)[later], own, facts.p_children[at])[1]
    name = _stay_name(facts, every)
    tally.at_most(name, most, found, "children", CHILD)
    tally.at_least(name, least, found, "children", CHILD)


def stays_expand_to_placements(facts: Facts, tally: Tally) -> None:
    """Placements are the children of each stay x presence, year by year.

    Presence is the product of survival on the diagonal since entry; ``leaves_year`` is the
    earliest of the next transition point, the end of the provision's year groups, its closing and
    the end of the horizon. Area, need, tier, locality, year group, phase and kind follow from the
    cohort and the provision.
    """
    rule, otherwise = "known cohort, area, need, provision and year", "something unknown"
    tally.holds(lambda i: f"row {i + 1} of stays", facts.stay_known, rule, otherwise)
    tally.holds(lambda i: f"row {i + 1} of placements", facts.p_known, rule, otherwise)
    _leaves_year(facts, tally)
    every, expected, found = _summed(
        (facts.s_cohort[facts.e_stay] * len(facts.provisions) + facts.s_provision[facts.e_stay])
        * facts.slots
        + facts.e_slot,
        facts.e_children,
        (facts.p_cohort * len(facts.provisions) + facts.p_provision) * facts.slots + facts.p_slot,
        facts.p_children,
    )

    def where(i: int) -> str:
        pair, slot = divmod(int(every[i]), facts.slots)
        cohort, provision = divmod(pair, len(facts.provisions))
        return (
            f"{academic_year_label(facts.base + slot)}, cohort {facts.cohort_index[cohort]} in "
            f"{facts.provisions[provision]}"
        )

    tally.numbers(where, expected, found, "children", CHILD)
    _description(
        facts,
        tally,
        "placements",
        facts.p_cohort,
        facts.p_slot,
        facts.placed,
        (facts.p_area, facts.p_need, facts.p_tier, facts.p_group),
    )
    tally.words(
        lambda i: f"kind of row {i + 1} of placements",
        facts.kind_names[facts.p_provision],
        facts.placed["kind"].to_numpy(object),
    )


def unmet_lasts_the_phase(facts: Facts, tally: Tally) -> None:
    """Unmet children: those who look for a place less those placed, for the whole phase.

    Those who look: everybody in a cell at a transition point; else new plans and the children
    whose stay ended in mid-phase. They thin out with presence.
    """
    looking, placed = facts.totals()
    lacking = looking - placed
    diagonal, slot = np.nonzero(np.abs(lacking) > 1e-9)
    group = facts.year_group(diagonal, slot)
    leaves = slot + facts.next_point(group) - group
    position, when, present, _ = facts.spread(diagonal, slot, leaves, lacking[diagonal, slot])
    expected, found = np.zeros(looking.shape), np.zeros(looking.shape)
    np.add.at(expected, (diagonal[position], when), present)
    np.add.at(found, (facts.u_diagonal, facts.u_slot), facts.u_children)
    _grids(facts, tally, expected, found, "children unmet")
    known = facts.u_cohort >= 0
    tally.holds(
        lambda i: f"row {i + 1} of unmet",
        known & (facts.u_area >= 0),
        "known cohort and area",
        "unknown",
    )
    _description(
        facts,
        tally,
        "unmet",
        facts.u_cohort[known],
        facts.u_slot[known],
        facts.unmet[known],
        tuple(part[known] for part in (facts.u_area, facts.u_need, facts.u_tier, facts.u_group)),
    )


# ------------------------------------------------------------------------------ rights and shares


def stay_on(facts: Facts, tally: Tally) -> None:
    """Children with the right to stay on in a provision that spans their transition are there.

    Children of a transfer cohort placed in such a provision >= the kind's share of those who were
    there the year before and are present now. Nothing buys this right.
    """
    both = facts.stayers
    both = both[both["bound"] > 0]
    keys = _flat(facts, both["diagonal"], both["provision"], both["slot"])
    tally.at_least(_stay_name(facts, keys), both["bound"], both["placed"], "children", CHILD)


def stay_in_sector(facts: Facts, tally: Tally) -> None:
    """Staying in a kind of provision holds, or is paid for at the price of a move.

    By kind, phase entered and year: children of transfer cohorts placed in the kind, those who
    stay on included, + shortfall >= share x children who were in the kind the year before and are
    present now. Only those count whose own cell has an admissible place of that kind now: standing,
    new if a scheme could open it by then, or by the right to stay on. The shortfalls x
    ``price_of_move``, discounted, are the objective's line, which may differ by the price of 0.001
    child: moves are dear, and tiny ones are rounded.
    """
    sectors = _sectors(facts)
    price = float(facts.rules["price_of_move"])
    pounds = float((sectors["short"] * facts.discount[sectors["slot"]]).sum()) * price
    tally.compared += len(sectors)
    tally.numbers(
        f"line price_of_move ({sectors['short'].sum():.3f} children leave their sector)",
        pounds,
        facts.line_of("price_of_move"),
        "pounds",
        POUND + CHILD * price,
    )


def _sectors(facts: Facts) -> pd.DataFrame:
    """Each group with a share: kind, phase, slot, children, placed and short (children)."""
    both = facts.stayers
    cell = (both["diagonal"] * facts.slots + both["slot"]).to_numpy(np.int64)
    kind, slot = facts.kind[both["provision"]], both["slot"].to_numpy(np.int64)
    phase = facts.phase(facts.year_group(both["diagonal"].to_numpy(np.int64), slot))
    share = facts.by_kind_and_phase("stay_in_sector_share", kind, phase)
    rows, kinds = np.nonzero(facts.choice.every_kind & facts.c_point[:, None])
    place = facts.c_diagonal[rows] * facts.slots + facts.c_slot[rows]
    own = cell * len(_KINDS) + kind
    reached = np.isin(own, place * len(_KINDS) + kinds)
    reached |= np.isin(own, own[both["bound"].to_numpy(float) > 0])
    table = pd.DataFrame(
        {
            "kind": kind,
            "phase": phase,
            "slot": slot,
            "share": share,
            "children": np.where(reached, both["children"].to_numpy(float), 0.0),
            "placed": both["placed"].to_numpy(float),
        }
    )[share > 0]
    keys = ["kind", "phase", "slot"]
    table = table.groupby([*keys, "share"])[["children", "placed"]].sum().reset_index()
    short = np.maximum(0, table["share"] * table["children"] - table["placed"])
    return table.assign(short=short)


def preference(facts: Facts, tally: Tally) -> None:
    """Floors and ceilings on the share of free children in some kinds of provision.

    By rule, tier, phase, year group entered and year, among the cells that look for a place: free
    children are those who look less those bound by the right to stay on; those placed in the kinds,
    less the bound ones, are between floor and ceiling x free children. The floor counts only cells
    with an admissible standing place in those kinds, less unmet children.

    In a plan in whole children shares are rounded: floor and ceiling hold, within half a child, for
    all groups so far of a rule, tier and phase, by year and year group; of a rounded share unmet
    children may be taken off whole. Where a rule has a floor and another ceiling, the ceiling makes
    room for what the floor asks for: one child more.
    """
    looking, placed = facts.totals()
    looking[:, 0] = placed[:, 0] = 0.0
    size, shape = looking.size, looking.shape
    both = facts.stayers
    cell = (both["diagonal"] * facts.slots + both["slot"]).to_numpy()
    bound = both["bound"].to_numpy()
    in_whole_children = bool(facts.inputs.scenario.get("whole_children"))
    kind_of_pair = facts.kind[both["provision"]]
    stay_cell = facts.s_diagonal * facts.slots + facts.s_slot
    stay_kind = facts.kind[facts.s_provision]
    cohort_cell = facts.c_diagonal * facts.slots + facts.c_slot
    cells_used = np.flatnonzero((looking > 0).ravel())
    diagonal, slot = cells_used // shape[1], cells_used % shape[1]
    need, tier = facts.need_tier(diagonal)
    group = facts.year_group(diagonal, slot)
    phase = facts.phase(group)
    free = (looking.ravel() - np.bincount(cell, weights=bound, minlength=size))[cells_used]
    unmet = np.maximum(0, looking - placed).ravel()[cells_used]
    for number, rule in enumerate(facts.rules.get("preference") or [], start=1):
        kinds = [_KINDS.index(name) for name in rule["kinds"]]
        of_pair, of_stay = np.isin(kind_of_pair, kinds), np.isin(stay_kind, kinds)
        inside = np.bincount(
            stay_cell[of_stay], weights=facts.s_children[of_stay], minlength=size
        ) - np.bincount(cell[of_pair], weights=bound[of_pair], minlength=size)
        has_arc = np.zeros(size, dtype=bool)
        has_arc[cohort_cell[facts.choice.standing_kinds[:, kinds].any(axis=1)]] = True
        needs = [_NEEDS.index(name) for name in rule.get("needs") or _NEEDS if name in _NEEDS]
        use = np.isin(tier, [int(t) for t in rule["tiers"]]) & np.isin(need, needs)
        use &= codes_of(phase, list(dict.fromkeys(rule["phases"]))) >= 0
        reached = has_arc[cells_used[use]]
        table = pd.DataFrame(
            {
                "tier": tier[use],
                "phase": phase[use],
                "slot": slot[use],
                "group": group[use],
                "free": free[use],
                "base": np.where(reached, (free - unmet)[use], 0.0),
                "inside": inside[cells_used[use]],
                "unmet": np.where(reached, unmet[use], 0.0),
            }
        )
        table = table.groupby(["tier", "phase", "slot", "group"]).sum().reset_index()

        def where(i: int, table: pd.DataFrame = table, number: int = number) -> str:
            row = table.iloc[i]
            return (
                f"preference {number}, {academic_year_label(facts.base + int(row['slot']))}, "
                f"tier {int(row['tier'])}, {row['phase']}, entering year group {int(row['group'])}"
            )

        counted = table["inside"].to_numpy(float)
        most = float(rule.get("ceiling", 1.0)) * table["free"].to_numpy(float)
        least = float(rule.get("floor", 0.0)) * table["base"].to_numpy(float)
        if in_whole_children:
            so_far = pd.DataFrame(
                {"counted": counted, "most": most, "least": least, "unmet": table["unmet"]}
            )
            so_far = so_far.groupby([table["tier"], table["phase"]]).cumsum()
            counted, most, least, unplaced = (so_far[c].to_numpy(float) for c in so_far.columns)
            both_sides = 0.0 < float(rule.get("floor", 0.0)) < float(rule.get("ceiling", 1.0)) < 1.0
            most = most + (1.5 if both_sides else 0.5)
            least = least - 0.5 - unplaced
        tally.at_most(where, most, counted, "children", CHILD)
        tally.at_least(where, least, counted, "children", CHILD)


# ------------------------------------------------------------------------------ places


def occupancy(facts: Facts, tally: Tally) -> None:
    """Places, children, children over and beyond, and vacant places by provision and year.

    Places: commissioned ones (0 when closed) and what open schemes offer by their fill profile,
    less other authorities' children. Over: above places, up to the kind's share of them. Beyond:
    above that; children above a place limit are in the table ``limits``, not here.
    """
    told = facts.plan.occupancy
    at = codes_of(told["provision"], list(facts.provisions))
    slot = ints_of(told["academic_year"]) - facts.base
    known = (at >= 0) & (slot >= 0) & (slot < facts.slots)
    tally.holds(lambda i: f"row {i + 1} of occupancy", known, "known provision and year", "unknown")
    at, slot, told = at[known], slot[known], told[known]

    def where(i: int) -> str:
        return f"{academic_year_label(facts.base + int(slot[i]))}, {facts.provisions[at[i]]}"

    def column(name: str) -> Floats:
        return told[name].to_numpy(float)

    unlimited = ~facts.limited[at]
    places = facts.places[at, slot]
    closed = unlimited & ~facts.is_open[at, slot] & (column("commissioned_places") == 0)
    vacant_closed = unlimited & ~facts.is_open[at, slot] & (column("vacant") == 0)
    compared = {
        "commissioned_places": (np.where(closed, 0.0, places), "commissioned places"),
        "scheme_places": (facts.offered[at, slot], "places of schemes"),
        "other_authority_children": (facts.others[at, slot], "children of other authorities"),
        "children": (facts.present[at, slot], "children"),
        "over_capacity": (facts.over[at, slot], "children over capacity"),
        "beyond_limit": (facts.beyond[at, slot], "children beyond the limit"),
        "vacant": (np.where(vacant_closed, 0.0, facts.vacant[at, slot]), "vacant places"),
    }
    for name, (expected, unit) in compared.items():
        tally.numbers(where, expected, column(name), unit, CHILD)
    tally.words(where, facts.kind_names[at], told["kind"].to_numpy(object))
    listed = np.zeros(facts.present.shape, dtype=bool)
    listed[at, slot] = True
    wanted = np.where(facts.new[:, None], facts.is_open, True)
    wanted[:, 0] = False
    provision, year = np.nonzero(wanted)
    tally.holds(
        lambda i: (
            f"{academic_year_label(facts.base + int(year[i]))}, {facts.provisions[provision[i]]}"
        ),
        listed[provision, year],
        "a row of occupancy",
        "no row",
    )


def place_limits(facts: Facts, tally: Tally) -> None:
    """Children inside each place limit by planned year, and those above its places.

    A limit without a year holds in every year. The rows of the table ``limits`` are these.
    """
    expected, found = facts.limits(), facts.plan.limits
    keys = ["academic_year", "provision", "limit"]

    def where(row: pd.Series[Any]) -> str:
        year = academic_year_label(int(row["academic_year"]))
        return f"{year}, limit {row['limit']} of {row['provision']}"

    units = {name: (name, CHILD) for name in ("places", "children", "beyond_limit")}
    tally.table(where, expected, found, keys, units)
    rows = [list(zip(*(table[key] for key in keys), strict=True)) for table in (expected, found)]
    tally.holds(
        lambda i: where(expected.iloc[i]),
        [row in set(rows[1]) for row in rows[0]],
        "a row of limits",
        "no row",
    )
    tally.holds(
        lambda i: where(found.iloc[i]),
        [row in set(rows[0]) for row in rows[1]],
        "a limit of the inputs",
        "unknown",
    )


# ------------------------------------------------------------------------------ schemes


def scheme_openings(facts: Facts, tally: Tally) -> None:
    """Schemes open between earliest and latest opening, committed ones on their date.

    Only kinds that the model lets capital create open, unless committed; the status says which;
    the table repeats kind, provision, places and capital of the input.
    """
    schemes = facts.inputs.schemes
    told = facts.plan.schemes.drop_duplicates("scheme").set_index("scheme")
    known = set(facts.scheme_ids)
    for name in told.index:
        tally.word(f"scheme {name}", True, name in known, "a scheme of the inputs", "unknown")
    allowed = set(facts.rules["scheme_kinds"])
    latest = (
        schemes["latest_opening"].to_numpy(float)
        if "latest_opening" in schemes
        else np.full(len(schemes), np.nan)
    )
    for i, scheme in enumerate(facts.scheme_ids):
        where = f"scheme {scheme}"
        if scheme not in told.index:
            tally.word(where, True, False, "a row of schemes", "no row")
            continue
        row, given = told.loc[scheme], schemes.iloc[i]
        opens = int(facts.scheme_opens[i])
        status = "chosen" if opens != NEVER else "not chosen"
        if scheme in facts.committed:
            status = "committed"
            tally.numbers(
                f"{where}, committed opening",
                facts.committed[scheme],
                opens,
                "",
                0.0,
            )
        else:
            if str(given["kind"]) not in allowed:
                status = "ruled out by the model"
                tally.word(where, True, opens == NEVER, "not open: its kind is ruled out", "open")
            elif float(given["earliest_opening"]) > facts.last:
                status = "opens after the horizon"
            elif _or(float(latest[i]), NEVER) < facts.first:
                status = "latest opening has passed"
            first = max(float(given["earliest_opening"]), facts.first)
            last = min(_or(float(latest[i]), NEVER), facts.last)
            inside = opens == NEVER or first <= opens <= last
            rule = f"an opening from {first:.0f} to {last:.0f}"
            tally.word(where, True, inside, rule, str(opens))
        tally.word(f"{where}, status", status, str(row["status"]))
        tally.word(f"{where}, kind", str(given["kind"]), str(row["kind"]))
        target = facts.provisions[facts.scheme_target[i]] if facts.scheme_target[i] >= 0 else ""
        tally.word(f"{where}, provision", target, str(row["provision"]))
        for column in ("places", "capital_pounds", "earliest_opening"):
            tally.numbers(
                f"{where}, {column}",
                float(given[column]),
                float(str(row[column])),
                "",
                CHILD,
            )


def scheme_logic(facts: Facts, tally: Tally) -> None:
    """At most one scheme of an exclusive group opens; a prerequisite is open first or with it.

    A scheme that enlarges the new provision of another one requires that one too.
    """
    schemes = facts.inputs.schemes
    opens = dict(zip(facts.scheme_ids, (int(year) for year in facts.scheme_opens), strict=True))
    if "exclusive_group" in schemes:
        for group, part in schemes.groupby("exclusive_group", sort=True):
            if str(group).strip():
                count = sum(opens[str(name)] != NEVER for name in part["scheme"])
                tally.at_most(
                    f"exclusive group {group}",
                    1,
                    count,
                    "schemes open",
                    0.0,
                )
    asked = schemes["requires"] if "requires" in schemes else [""] * len(schemes)
    for scheme, needed, enlarged in zip(facts.scheme_ids, asked, schemes["provision"], strict=True):
        implied = [str(enlarged)] if str(enlarged) in opens else []
        for other in dict.fromkeys([*cells(needed), *implied]):
            ready = opens[scheme] == NEVER or opens.get(other, NEVER) <= opens[scheme]
            tally.word(f"scheme {scheme}", True, ready, f"{other} open when it opens", "not open")


def capital_by_year(facts: Facts, tally: Tally) -> None:
    """Capital of a scheme by financial year = capital x profile.

    The last share falls in the year of the opening September, earlier shares in the years before,
    those before the first planned year in that one. Each source is one that the scheme may use.
    """
    found = facts.plan.capital
    tally.table(
        lambda row: f"{financial_year_label(int(row['financial_year']))}, scheme {row['scheme']}",
        facts.capital(),
        found,
        ["scheme", "financial_year"],
        {"pounds": ("pounds", POUND)},
    )
    if not len(facts.inputs.budgets):
        return
    schemes = facts.inputs.schemes
    texts = schemes["funding_sources"] if "funding_sources" in schemes else [""] * len(schemes)
    every = set(facts.inputs.budgets["source"].astype(str))
    own = {name: cells(text) for name, text in zip(facts.scheme_ids, texts, strict=True)}
    allowed = {name: every & set(listed) if listed else every for name, listed in own.items()}
    drawn = found[found["pounds"].abs() > CHILD]
    sources = drawn["source"].to_numpy(object)
    tally.holds(
        lambda i: f"scheme {drawn['scheme'].iloc[i]}, source {sources[i]}",
        [s in allowed.get(str(n), every) for n, s in zip(drawn["scheme"], sources, strict=True)],
        "a source that the scheme may draw from",
        "another source",
    )


def capital_budget(facts: Facts, tally: Tally) -> None:
    """By source, what is drawn up to a financial year <= the budgets up to it (carry-forward)."""
    budgets, drawn = facts.inputs.budgets, facts.plan.capital
    if not len(budgets):
        return
    for source in sorted({*budgets["source"].astype(str), *drawn["source"].astype(str)}):
        given = budgets[budgets["source"] == source]
        spent = drawn[drawn["source"] == source]
        years = np.arange(facts.first, facts.last + 1)
        most = [float(given.loc[given["financial_year"] <= y, "pounds"].sum()) for y in years]
        used = [float(spent.loc[spent["financial_year"] <= y, "pounds"].sum()) for y in years]

        def where(i: int, source: str = source) -> str:
            return f"{source} up to {financial_year_label(facts.first + i)}"

        tally.at_most(where, most, used, "pounds", POUND)


def viable_roll(facts: Facts, tally: Tally) -> None:
    """A new provision's children + shortfall >= share x places open long enough.

    The shortfall is paid for: x ``price_short_roll``, discounted, it is the objective's line.
    """
    rule = facts.rules.get("viable_roll") or {"share": 0.0}
    wanted = float(rule["share"]) * facts.nominal
    short = np.where(facts.new[:, None], np.maximum(0, wanted - facts.present), 0.0)
    pounds = float((short * facts.discount).sum()) * float(facts.rules["price_short_roll"])
    tally.compared += int(facts.new.sum()) * (facts.slots - 1)
    tally.numbers(
        f"line price_short_roll ({short.sum():.3f} places short)",
        pounds,
        facts.line_of("price_short_roll"),
        "pounds",
        POUND + CHILD * float(facts.rules["price_short_roll"]),
    )


# ------------------------------------------------------------------------------ money


def ledger(facts: Facts, tally: Tally) -> None:
    """Every line by financial year: 7/12 of its academic year + 5/12 of the one before.

    Capital falls by its profile. The year after the last holds 5/12 only and is not complete.
    """
    expected, found = facts.ledger, facts.plan.ledger.copy()
    capital = found["ledger"] == "capital"
    found["line"] = np.where(capital, "capital", found["line"])

    def where(row: pd.Series[Any]) -> str:
        told = [LEDGERS.get(str(row["ledger"]), str(row["ledger"]))]
        told += [text for text in (str(row.get("line", "")), str(row.get("kind", ""))) if text]
        return f"{financial_year_label(int(row['financial_year']))}, {', '.join(told)}"

    keys = ["financial_year", "ledger", "line", "kind"]
    tally.table(where, expected, found, keys, {"pounds": ("pounds", POUND)})
    tally.table(where, expected, found, keys[:2], {"pounds": ("pounds in all", POUND)})
    complete = found["financial_year"].to_numpy(float) <= facts.last
    tally.holds(
        lambda i: where(found.iloc[i]),
        complete == (found["complete"].to_numpy(float) > 0.5),
        "complete up to the last planned year only",
        "another mark",
    )


def objective_lines(facts: Facts, tally: Tally) -> None:
    """Present value of every line of the objective: money by ledger weight, then priced lines.

    A pound of an academic year counts 7/12 in its financial year, 5/12 in the next; the base year
    does not count. Residual value: what is left of a building after the horizon, straight line.
    The lines for moves, short rolls and balance have checks of their own.
    """
    expected = _money_lines(facts) | _priced_lines(facts)
    elsewhere = {"price_of_move", "price_short_roll", "price_out_of_balance"}
    names = sorted({*expected, *facts.plan.objective["line"]} - elsewhere)
    tally.numbers(
        lambda i: f"line {names[i]}",
        [expected.get(name, 0.0) for name in names],
        [facts.line_of(name) for name in names],
        "pounds",
        POUND,
    )
    table = facts.plan.objective
    lines = table["line"].to_numpy(object)
    money = np.array([not str(line).startswith("price_") for line in lines], dtype=bool)
    tally.holds(
        lambda i: f"line {lines[i]}",
        money == (table["money"].to_numpy(float) > 0.5),
        "money for money lines only",
        "another mark",
    )


_MONEY_LINES: Final = (
    "fees",
    "top_up",
    "per_child_charge",
    "transport",
    "place_funding",
    "other_authority_income",
    "running",
    "capital",
    "residual_value",
)


def _money_lines(facts: Facts) -> dict[str, float]:
    """Weighted present value of money lines, in pounds."""
    weights = {str(k): float(v) for k, v in (facts.rules.get("ledger_weights") or {}).items()}
    lines = dict.fromkeys(_MONEY_LINES, 0.0)
    money = facts.yearly_money
    weight_of = np.array([weights.get(str(name), 1.0) for name in money["ledger"]])
    value = money["pounds"].to_numpy(float) * facts.discount[money["slot"].to_numpy(np.int64)]
    for line in lines:
        lines[line] = float((value * weight_of)[(money["line"] == line).to_numpy(bool)].sum())
    weight = weights.get("capital", 1.0)
    capital = facts.capital()
    if len(capital):
        lines["capital"] = weight * float(
            np.dot(capital["pounds"], facts.year_discount(capital["financial_year"]))
        )
    schemes = facts.inputs.schemes
    life = facts.by_kind("building_life_years", schemes["kind"].astype(str))
    used = (facts.last + 1 - facts.scheme_opens) / life
    credit = schemes["capital_pounds"].to_numpy(float) * np.maximum(0, 1 - used)
    credit = np.where(facts.scheme_opens == NEVER, 0.0, credit)
    end = facts.year_discount(facts.last + 1).item()
    lines["residual_value"] = -weight * end * float(credit.sum())
    return lines


def _priced_lines(facts: Facts) -> dict[str, float]:
    """Present value of what is priced but is no money, in pounds."""
    rules, at = facts.rules, facts.p_provision
    children = facts.p_children * facts.discount[facts.p_slot]
    guide = facts.by_phase("travel_guide_minutes", facts.c_phase)[facts.p_cohort]
    above = np.maximum(0, facts.p_minutes - guide)
    kinds = facts.inputs.schemes["kind"].astype(str)
    opening = np.clip(facts.scheme_opens - facts.base, 0, facts.slots - 1)
    factor = np.where(facts.scheme_opens == NEVER, 0.0, facts.discount[opening])
    new = facts.by_kind("price_of_new_place", kinds)
    new = new * facts.inputs.schemes["places"].to_numpy(float) * factor
    unmet = float((facts.u_children * facts.discount[facts.u_slot]).sum())
    limits = facts.limits()
    years = limits["academic_year"].to_numpy(np.int64) - facts.base
    above_limits = float((limits["beyond_limit"].to_numpy(float) * facts.discount[years]).sum())
    per_unit = {
        "price_unmet": unmet,
        "price_over_capacity": float((facts.over * facts.discount).sum()),
        "price_beyond_limit": float((facts.beyond * facts.discount).sum() + above_limits),
        "price_per_minute": float((children * facts.p_minutes).sum()),
        "price_per_minute_over_guide": float((children * above).sum()),
        "price_outside_authority": float((children * ~facts.inside[at]).sum()),
    }
    lines = {name: float(rules[name]) * amount for name, amount in per_unit.items()}
    return lines | {"price_of_new_place": float(new.sum())}


def objective_total(facts: Facts, tally: Tally) -> None:
    """The lines add up to the solver's objective, and its bound is not above it."""
    total = float(facts.plan.objective["present_value_pounds"].sum())
    room = max(POUND, OBJECTIVE_RELATIVE * abs(total))
    told, bound = facts.plan.objective_pounds, facts.plan.bound_pounds
    if told is not None:
        tally.numbers("sum of the lines and solver", told, total, "pounds", room)
    if bound is not None:
        most = total if told is None else told
        tally.at_most("bound of the solver", most, bound, "pounds", room)


def in_year_balance(facts: Facts, tally: Tally) -> None:
    """High-needs spend above the allocation, from the balance year on, is paid for.

    Excess of the Dedicated Schools Grant ledger of each complete financial year x
    ``price_out_of_balance``, discounted, is the objective's line.
    """
    start = facts.inputs.scenario.get("balance_from")
    pounds = 0.0
    if start:
        table = facts.ledger
        years = table["financial_year"].to_numpy(int)
        dsg = np.where(table["ledger"] == "dsg", table["pounds"], 0.0)
        given = facts.inputs.allocations
        for at in sorted({int(year) for year in given["financial_year"]}):
            if max(year_of(start), facts.first) <= at <= facts.last:
                allowed = float(given.loc[given["financial_year"] == at, "pounds"].sum())
                excess = max(0.0, float(dsg[years == at].sum()) - allowed)
                pounds += excess * facts.year_discount(at).item()
                tally.compared += 1
    tally.numbers(
        "line price_out_of_balance",
        pounds * float(facts.rules["price_out_of_balance"]),
        facts.line_of("price_out_of_balance"),
        "pounds",
        POUND,
    )


# ------------------------------------------------------------------------------ tables for readers


def mix(facts: Facts, tally: Tally) -> None:
    """Children by year and kind of provision, unmet children among them."""
    kind = np.concatenate([facts.kind[facts.p_provision], np.full(len(facts.u_slot), _UNMET)])
    slot = np.concatenate([facts.p_slot, facts.u_slot])
    children = np.concatenate([facts.p_children, facts.u_children])
    expected = _added({"slot": slot, "kind": kind}, {"children": children})
    expected = expected.assign(
        academic_year=facts.base + expected["slot"],
        kind=np.array(_FROM_TO, dtype=object)[expected["kind"]],
    )
    found = facts.plan.mix
    tally.table(
        lambda row: f"{academic_year_label(int(row['academic_year']))}, {row['kind']}",
        _years_told(facts, expected, found),
        found,
        ["academic_year", "kind"],
        {"children": ("children", CHILD)},
    )


def travel_summary(facts: Facts, tally: Tally) -> None:
    """Journeys by year and phase, weighted by children.

    Counted: children with a journey, or placed anywhere but elsewhere. A weighted quantile has
    several definitions: any value between the journeys next to the quantile passes.
    """
    elsewhere = facts.kind == _KINDS.index("educated_elsewhere")
    use = (facts.p_minutes > 0) | ~elsewhere[facts.p_provision]
    slot, children, minutes = facts.p_slot[use], facts.p_children[use], facts.p_minutes[use]
    phase = facts.phase(facts.p_group[use])
    guide = facts.by_phase("travel_guide_minutes", phase)
    order = np.argsort(minutes, kind="stable")
    slot, children, minutes = slot[order], children[order], minutes[order]
    phase_code, names = pd.factorize(phase[order])
    guide = guide[order]
    told = facts.plan.travel_summary
    rows = {
        (int(year), str(name)): i
        for i, (year, name) in enumerate(zip(told["academic_year"], told["phase"], strict=True))
    }
    has_base = any(year == facts.base for year, _ in rows)
    columns = {
        name: told[name].to_numpy(float)
        for name in PLAN_TABLES["travel_summary"].split()
        if name not in {"academic_year", "phase"}
    }
    for at in range(0 if has_base else 1, facts.slots):
        this_year = np.flatnonzero(slot == at)
        for code, name in [(-1, "all"), *enumerate(str(known) for known in names)]:
            inside = this_year[(phase_code[this_year] == code) | (code < 0)]
            many = float(children[inside].sum())
            where = f"{academic_year_label(facts.base + at)}, {name}"
            row = rows.pop((facts.base + at, name), None)
            if row is None:
                tally.at_most(where, CHILD, many, "children, no row", 0.0)
                continue
            found = {column: float(values[row]) for column, values in columns.items()}
            _journeys(tally, where, children[inside], minutes[inside], guide[inside], found)
    for (year, name), row in rows.items():
        tally.numbers(
            f"{academic_year_label(year)}, {name}",
            0.0,
            columns["children"][row],
            "children",
            CHILD,
        )


def _journeys(
    tally: Tally,
    where: str,
    children: Floats,
    minutes: Floats,
    guide: Floats,
    found: dict[str, float],
) -> None:
    """Compare one row of the travel summary; ``minutes`` are sorted."""
    total = float(children.sum())
    tally.numbers(where, total, found["children"], "children", CHILD)
    for column, limit in (
        ("over_guide", guide),
        ("over_45", np.full_like(guide, 45)),
        ("over_75", np.full_like(guide, 75)),
    ):
        surely = float(children[minutes > limit + 1e-6].sum())
        perhaps = float(children[minutes > limit - 1e-6].sum())
        name = f"{where}, {column}"
        tally.at_least(name, surely, found[column], "children", CHILD)
        tally.at_most(name, perhaps, found[column], "children", CHILD)
    if total < CHILD:
        return
    distinct, position = np.unique(minutes, return_inverse=True)
    reached = np.cumsum(np.bincount(position, weights=children))
    for column, share in (("median_minutes", 0.5), ("p90_minutes", 0.9)):
        at = min(int(np.searchsorted(reached, share * total)), len(distinct) - 1)
        low, high = distinct[max(at - 1, 0)], distinct[min(at + 1, len(distinct) - 1)]
        name = f"{where}, {column}"
        tally.at_least(name, low, found[column], "minutes", MINUTE)
        tally.at_most(name, high, found[column], "minutes", MINUTE)


def transfers(facts: Facts, tally: Tally) -> None:
    """Children who change kind at a transition point, by year, point and need.

    On each diagonal children first stay in their provision (the lesser of those present and those
    placed); the rest, with new plans and unmet children, are shared out in proportion.
    """
    both = facts.stayers
    before, after = both["children"].to_numpy(float), both["placed"].to_numpy(float)
    same = np.minimum(before, after)
    kind = facts.kind[both["provision"]]
    diagonal, slot = both["diagonal"].to_numpy(), both["slot"].to_numpy()
    stay = pd.DataFrame(
        {"diagonal": diagonal, "slot": slot, "from": kind, "to": kind, "children": same}
    )
    leaving = _part(diagonal, slot, kind, before - same, "from")
    entering = _part(diagonal, slot, kind, after - same, "to")
    group = facts.year_group(
        np.arange(facts.children.shape[0])[:, None], np.arange(facts.slots)[None, :]
    )
    new_diagonal, new_slot = np.nonzero((facts.joining > 0) & np.isin(group, facts.points))
    joining = facts.joining[new_diagonal, new_slot]
    gone = np.minimum(facts.u_slot + 1, facts.slots - 1)
    still = facts.u_children * facts.survival[facts.u_diagonal, gone]
    was = (facts.u_slot + 1 < facts.slots) & np.isin(
        facts.year_group(facts.u_diagonal, facts.u_slot + 1), facts.points
    )
    now = (facts.u_slot > 0) & np.isin(facts.u_group, facts.points)
    leaving = pd.concat(
        [
            leaving,
            _part(new_diagonal, new_slot, _NEW_PLAN, joining, "from"),
            _part(facts.u_diagonal[was], facts.u_slot[was] + 1, _UNMET, still[was], "from"),
        ],
        ignore_index=True,
    )
    entering = pd.concat(
        [
            entering,
            _part(facts.u_diagonal[now], facts.u_slot[now], _UNMET, facts.u_children[now], "to"),
        ],
        ignore_index=True,
    )
    leaving = leaving.groupby(["diagonal", "slot", "from"])["children"].sum().reset_index()
    entering = entering.groupby(["diagonal", "slot", "to"])["children"].sum().reset_index()
    total = entering.groupby(["diagonal", "slot"])["children"].transform("sum")
    entering = entering.assign(share=entering["children"] / total.where(total > 0, np.inf))
    moving = leaving.merge(
        entering[["diagonal", "slot", "to", "share"]], on=["diagonal", "slot"], how="inner"
    )
    moving = moving.assign(children=moving["children"] * moving["share"])
    every = pd.concat([stay, moving[list(stay.columns)]], ignore_index=True)
    every = every[every["children"] > 0]
    at, when = every["diagonal"].to_numpy(), every["slot"].to_numpy()
    point, need = facts.year_group(at, when), facts.need_tier(at)[0]
    added = _added(
        {"slot": when, "point": point, "need": need, "from": every["from"], "to": every["to"]},
        {"children": every["children"]},
    )
    names = np.array(_FROM_TO, dtype=object)
    expected = pd.DataFrame(
        {
            "academic_year": (facts.base + added["slot"]).astype(float),
            "transition_point": added["point"].astype(float),
            "need": np.array([*_NEEDS, ""], dtype=object)[added["need"]],
            "from_kind": names[added["from"]],
            "to_kind": names[added["to"]],
            "children": added["children"],
        }
    )
    tally.table(
        lambda row: (
            f"{academic_year_label(int(row['academic_year']))}, into year group "
            f"{int(row['transition_point'])}, {row['need']}, {row['from_kind']} to {row['to_kind']}"
        ),
        expected,
        facts.plan.transfers,
        ["academic_year", "transition_point", "need", "from_kind", "to_kind"],
        {"children": ("children", CHILD)},
    )


def gaps(facts: Facts, tally: Tally) -> None:
    """Children of tiers 2 to 4 less those in local state places, by locality and designation.

    In phases that start at Year 12 or later, further education and specialist post-16 count too.
    With the schemes of the plan, and without them from the plan that has none.
    """
    found = facts.plan.gaps
    keys = ["locality", "designation", "phase", "academic_year"]
    of_need = {need: name for name, needs in facts.rules["designations"].items() for need in needs}
    designation, designations = pd.factorize(
        np.array([of_need.get(name, "") for name in _NEEDS], dtype=object)
    )
    locality, localities = pd.factorize(facts.locality)
    specialist, later = (
        np.isin([*_KINDS, ""], list(kinds))
        for kinds in (LOCAL_STATE_SPECIALIST, LOCAL_SUITABLE_FROM_YEAR_12)
    )

    def needing(
        area: Ints,
        need: Ints,
        tier: Ints,
        slot: Ints,
        group: Ints,
        children: Floats,
        local: npt.NDArray[np.bool_],
    ) -> pd.DataFrame:
        use = (tier >= 2) & (area >= 0) & (need >= 0)
        added = _added(
            {
                "locality": locality[area[use]],
                "designation": designation[need[use]],
                "group": group[use],
                "slot": slot[use],
            },
            {
                "children_needing": children[use],
                "in_local_state_places": np.where(local[use], children[use], 0.0),
            },
        )
        return added.assign(
            locality=localities[added["locality"]],
            designation=designations[added["designation"]],
            phase=facts.phase(added["group"].to_numpy()),
            academic_year=(facts.base + added["slot"]) * 1.0,
        )

    def is_local(kind: Ints, group: Ints) -> npt.NDArray[np.bool_]:
        return specialist[kind] | (later[kind] & (facts.phase_start(group) >= 12))

    parts = [
        needing(
            facts.p_area,
            facts.p_need,
            facts.p_tier,
            facts.p_slot,
            facts.p_group,
            facts.p_children,
            is_local(facts.kind[facts.p_provision], facts.p_group),
        ),
        needing(
            facts.u_area,
            facts.u_need,
            facts.u_tier,
            facts.u_slot,
            facts.u_group,
            facts.u_children,
            np.zeros(len(facts.u_slot), dtype=bool),
        ),
    ]
    expected = pd.concat(parts, ignore_index=True)
    units = {"children_needing": ("children", CHILD), "in_local_state_places": ("children", CHILD)}
    if facts.plan.without_schemes is not None:
        other = plain(facts.plan.without_schemes.placements, PLAN_TABLES["placements"])
        beside = needing(
            codes_of(other["area"], list(facts.areas)),
            codes_of(other["need"], _NEEDS),
            ints_of(other["tier"]),
            ints_of(other["academic_year"]) - facts.base,
            ints_of(other["year_group"]),
            other["children"].to_numpy(float),
            is_local(codes_of(other["kind"], _KINDS), ints_of(other["year_group"])),
        )
        name = "in_local_state_places_without_schemes"
        beside = beside.rename(columns={"in_local_state_places": name})
        expected = pd.concat(
            [expected, beside.drop(columns="children_needing")], ignore_index=True
        ).fillna(0.0)
        units[name] = ("children", CHILD)

    def where(row: pd.Series[Any]) -> str:
        year = academic_year_label(int(row["academic_year"]))
        return f"{year}, {row['locality']}, {row['designation']}, {row['phase']}"

    tally.table(where, _years_told(facts, expected, found), found, keys, units)
    for gap, placed in (
        ("gap", "in_local_state_places"),
        ("gap_without_schemes", "in_local_state_places_without_schemes"),
    ):
        tally.numbers(
            lambda i: where(found.iloc[i]),
            found["children_needing"] - found[placed],
            found[gap],
            f"children, {gap}",
            CHILD,
        )


# ------------------------------------------------------------------------------ helpers of checks


def _part(
    diagonal: Ints, slot: Ints, kind: Ints | int, children: Floats, side: str
) -> pd.DataFrame:
    """Children of one side of a transition, by diagonal, year slot and kind."""
    table = pd.DataFrame({"diagonal": diagonal, "slot": slot, side: kind, "children": children})
    return table[table["children"] > 0]


def _added(keys: Mapping[str, Any], numbers: Mapping[str, Any]) -> pd.DataFrame:
    """Numbers added up by whole-numbered keys, each combination once."""
    return pd.DataFrame({**keys, **numbers}).groupby(list(keys), as_index=False).sum()


def _years_told(facts: Facts, expected: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Leave the base year out where the plan's table does."""
    expected = expected.assign(academic_year=expected["academic_year"].astype(float))
    if (found["academic_year"] == facts.base).any():
        return expected
    return expected[expected["academic_year"] > facts.base]


def _grids(facts: Facts, tally: Tally, expected: Floats, found: Floats, unit: str) -> None:
    """Compare two arrays by diagonal and year slot, where either has children."""
    diagonal, slot = np.nonzero((np.abs(expected) > 0) | (np.abs(found) > 0))
    tally.numbers(
        lambda i: facts.cell_name(int(diagonal[i]), int(slot[i])),
        expected[diagonal, slot],
        found[diagonal, slot],
        unit,
        CHILD,
    )


def _flat(facts: Facts, diagonal: Any, provision: Any, slot: Any) -> Ints:
    """One number for (diagonal, provision, year slot)."""
    code = np.asarray(diagonal, np.int64) * len(facts.provisions) + np.asarray(provision, np.int64)
    return code * facts.slots + np.asarray(slot, np.int64)


def _summed(
    left: Ints, expected: Floats, right: Ints, found: Floats
) -> tuple[Ints, Floats, Floats]:
    """Sum two lists by their keys: the keys of either, then the sums."""
    every, at = np.unique(np.concatenate([left, right]), return_inverse=True)
    one, other = np.zeros(len(every)), np.zeros(len(every))
    np.add.at(one, at[: len(left)], expected)
    np.add.at(other, at[len(left) :], found)
    return np.asarray(every, dtype=np.int64), one, other


def _stay_name(facts: Facts, keys: Ints) -> Callable[[int], str]:
    def where(i: int) -> str:
        code, slot = divmod(int(keys[i]), facts.slots)
        diagonal, provision = divmod(code, len(facts.provisions))
        return f"{facts.cell_name(diagonal, slot)}, in {facts.provisions[provision]}"

    return where


def _by_stay(
    facts: Facts,
    tally: Tally,
    left: tuple[Ints, Ints, Ints],
    expected: Floats,
    right: tuple[Ints, Ints, Ints],
    found: Floats,
) -> None:
    """Compare children by (diagonal, provision, year slot)."""
    every, one, other = _summed(_flat(facts, *left), expected, _flat(facts, *right), found)
    tally.numbers(_stay_name(facts, every), one, other, "children", CHILD)


def _leaves_year(facts: Facts, tally: Tally) -> None:
    """The first year not there; released children may leave earlier."""
    cohort, provision = facts.s_cohort, facts.s_provision
    settled = facts.c_settled[cohort]
    group, entry = facts.c_group[cohort], facts.c_entry[cohort]
    expected = facts.leaves(group, provision, entry, settled)
    grown = entry + facts.oldest + 1 - group
    found = np.minimum(facts.s_leaves, np.maximum(grown, expected))
    released = settled & (facts.by_mapping(facts.release)[facts.kind[provision]] > 0)
    early = released & (found > facts.base) & (found < expected)
    tally.numbers(
        lambda i: (
            f"leaves_year of cohort {facts.cohort_index[cohort[i]]} in "
            f"{facts.provisions[provision[i]]}"
        ),
        np.where(early, found, expected),
        found,
        "",
        0.0,
    )


def _description(
    facts: Facts,
    tally: Tally,
    table: str,
    cohort: Ints,
    slot: Ints,
    rows: pd.DataFrame,
    told: tuple[Ints, ...],
) -> None:
    """Area, need, tier, year group, phase and locality follow from the cohort and the year."""
    group = facts.c_group[cohort] + facts.base + slot - facts.c_entry[cohort]
    wanted = (facts.c_area[cohort], facts.c_need[cohort], facts.c_tier[cohort], group)
    names = ("area", "need", "tier", "year group")
    for name, right, found in zip(names, wanted, told, strict=True):

        def where(i: int, name: str = name) -> str:
            return f"{name} of row {i + 1} of {table}"

        tally.holds(where, right == found, "that of the cohort", "another")
    phase, locality = rows["phase"].to_numpy(object), rows["locality"].to_numpy(object)
    tally.words(lambda i: f"phase of row {i + 1} of {table}", facts.phase(group), phase)
    tally.words(
        lambda i: f"locality of row {i + 1} of {table}",
        facts.locality[facts.c_area[cohort]],
        locality,
    )


def _or(value: float, otherwise: float) -> float:
    return otherwise if np.isnan(value) else value


CHECKS: Final[dict[str, Callable[[Facts, Tally], None]]] = {
    "every child accounted": every_child_accounted,
    "cohorts follow the projection": cohorts_follow_projection,
    "admissibility": admissibility,
    "travel of stays": travel_of_stays,
    "base year is children today": base_year_is_children_today,
    "settled children stay": settled_children_stay,
    "stays expand to placements": stays_expand_to_placements,
    "unmet lasts the phase": unmet_lasts_the_phase,
    "stay on": stay_on,
    "stay in sector": stay_in_sector,
    "preference": preference,
    "occupancy": occupancy,
    "place limits": place_limits,
    "scheme openings": scheme_openings,
    "scheme logic": scheme_logic,
    "capital by year": capital_by_year,
    "capital budget": capital_budget,
    "viable roll": viable_roll,
    "ledger": ledger,
    "objective lines": objective_lines,
    "objective total": objective_total,
    "in-year balance": in_year_balance,
    "mix": mix,
    "travel summary": travel_summary,
    "transfers": transfers,
    "gaps": gaps,
}
"""Every check by its name, in the order of the report."""
