"""One model, asked many times: the best plan, the best without a scheme, children placed again.

A :class:`Study` prepares a question, builds its model and hands it to the solver once. Every later
question to it (a scheme forbidden or forced, a schedule given, capital held down, another plan than
those known) reuses the model, what the search has learnt, and what is in the solver.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sufficiency.placement.answer import read_answer
from sufficiency.placement.describe import contradiction_in_words
from sufficiency.placement.model import FIRM_RULES, SCHEME_RULES, build
from sufficiency.placement.question import Question, in_expected_shares
from sufficiency.placement.structure import hints
from sufficiency.plan import Plan, build_plan
from sufficiency.problems import NoPlanError
from sufficiency.solving import (
    Labels,
    Learnt,
    Limits,
    Outcome,
    Progress,
    SchemeSearch,
    SolveOptions,
    StandardForm,
    Structure,
    contradictions,
    solve,
)

Tell = Callable[[Progress], None]
CAPITAL_SLACK = 0.5
"""Pounds within which two sums of capital are the same."""
HELD = 8
"""Schedules for which children placed exactly are held: the last that were asked for."""


@dataclass(frozen=True)
class Ask:
    """What is asked of the schemes, beyond the model. Schemes are named by their ids.

    Attributes:
        forbid: schemes that do not open in the planned years.
        force: schemes that are open by the last planned year.
        opens: schemes that open in exactly this academic year.
        capital_at_most: pounds, in prices of the scheme table: all capital of schemes that are open
            by the last planned year, committed ones included; None for no limit.
        unlike: sets of schemes; those open by the last planned year are to be none of these sets.
    """

    forbid: frozenset[str] = frozenset()
    force: frozenset[str] = frozenset()
    opens: tuple[tuple[str, int], ...] = ()
    capital_at_most: float | None = None
    unlike: tuple[frozenset[str], ...] = ()

    @classmethod
    def that(
        cls,
        *,
        forbid: Iterable[str] = (),
        force: Iterable[str] = (),
        opens: Mapping[str, int] | None = None,
        capital_at_most: float | None = None,
        unlike: Iterable[Iterable[str]] = (),
    ) -> Ask:
        """The same from any collections, in one order."""
        return cls(
            frozenset(forbid), frozenset(force), tuple(sorted((opens or {}).items())),
            capital_at_most, tuple(frozenset(some) for some in unlike),
        )  # fmt: skip


@dataclass(frozen=True)
class Answered:
    """What the search found for one :class:`Ask`.

    Attributes:
        ask: the question.
        status: ``optimal``, ``time limit``, ``memory limit``, ``interrupted`` or ``infeasible``.
        objective: present value of the best plan found, pounds; infinite when there is none.
        bound: no plan that answers the question costs less, pounds.
        opens: scheme to the academic year in which it opens, committed ones included.
        seconds: of the search.
    """

    ask: Ask
    status: str
    objective: float
    bound: float
    opens: Mapping[str, int]
    seconds: float
    _study: Study = field(repr=False, compare=False)
    _outcome: Outcome = field(repr=False, compare=False)

    @property
    def found(self) -> bool:
        """Whether there is a plan."""
        return math.isfinite(self.objective)

    @property
    def gap(self) -> float:
        """Proven relative distance of the plan from the best one."""
        if not self.found or not math.isfinite(self.bound):
            return math.inf
        return max(0.0, self.objective - self.bound) / max(abs(self.objective), 1e-9)

    @cached_property
    def plan(self) -> Plan:
        """The plan as tables, children placed exactly for its schedule.

        Raises:
            NoPlanError: when none was found.
        """
        if not self.found:
            raise NoPlanError(f"No plan was found ({self.status}).")
        return self._study.written(self._study.placed(self._outcome.values))


def obeys(ask: Ask, opens: Mapping[str, int], capital: Mapping[str, float]) -> bool:
    """Whether a schedule is one that a question asks for, by pounds of capital of each scheme."""
    chosen = set(opens)
    return (
        not (ask.forbid & chosen)
        and ask.force <= chosen
        and all(opens.get(scheme) == year for scheme, year in ask.opens)
        and (
            ask.capital_at_most is None
            or sum(capital[s] for s in chosen) <= ask.capital_at_most + CAPITAL_SLACK
        )
        and not any(set(some) == chosen for some in ask.unlike)
    )


def difference(this: Answered, other: Answered) -> tuple[float, float]:
    """Least and most that ``this`` may cost above ``other`` when both are solved out, pounds.

    Zero inside the interval means: which of them is cheaper is not proven.
    """
    return this.bound - other.objective, this.objective - other.bound


class Study:
    """A question, its model and a search that keeps what it learns.

    Args:
        question: from ``pipeline.Loaded.question``.
        localities: locality of each area.
        schemes: the table of schemes, as read.
        options: for the solver; the gap holds where a question does not ask for another.
        beside: whether children are placed for committed schemes alone while the first search runs.
    """

    def __init__(
        self,
        question: Question,
        localities: Mapping[str, str],
        schemes: pd.DataFrame,
        options: SolveOptions,
        *,
        beside: bool = False,
    ) -> None:
        self.question, self.options = question, options
        self._localities, self._schemes = dict(localities), schemes
        self.form = StandardForm.of(build(question))
        self._at, index = self.form.columns.of("open")
        self._index: list[tuple[int, int]] = [(s, t) for s, t in index.tolist()]
        self._ids = [str(s) for s in question.schemes["scheme"]]
        self._values_of_committed = self._values(
            {s: int(t) for s, t in enumerate(question.schemes["committed"]) if t >= 1}
        )
        structure = Structure(**hints(question, self.form.columns, self.form.rows))
        self._held: dict[bytes, Outcome] = {}
        self._foreseen: tuple[Ask | None, Limits | None] = (None, None)
        self._capital = self.capital()
        base = question.settings.base_year
        self._switches = {(self._ids[s], t + base) for s, t in self._index}
        known = self._values_of_committed if beside else None
        self.search = SchemeSearch(self.form, structure, options, beside=known)

    # -- questions

    def check(self) -> None:
        """Look for rules that contradict each other.

        Raises:
            NoPlanError: its reasons name rules and rows.
        """
        options = replace(self.options, time_limit=60.0, memory_gb=None)
        broken = contradictions(
            self.form, SCHEME_RULES, options, firm=FIRM_RULES, last_resort=("capital_drawn",)
        )
        if broken:
            raise NoPlanError(
                "No plan can obey all rules at once.",
                contradiction_in_words(self.question, broken),
            )

    def best(
        self,
        ask: Ask | None = None,
        *,
        gap: float | None = None,
        time_limit: float | None = None,
        on_progress: Tell | None = None,
    ) -> Answered:
        """The best plan that answers a question.

        Args:
            ask: what is asked of the schemes; nothing when left out.
            gap: relative gap to prove; that of the study when left out.
            time_limit: seconds; that of the study when left out.
            on_progress: told seconds, best cost, bound and gap.

        Raises:
            KeyError: when a scheme that is named does not exist.
        """
        ask = ask or Ask()
        self.search.options = replace(
            self.options,
            gap=self.options.gap if gap is None else gap,
            time_limit=self.options.time_limit if time_limit is None else time_limit,
        )
        limits = self._foreseen[1] if ask == self._foreseen[0] else self._limits(ask)
        try:
            found = self.search.run(on_progress, limits)
        finally:
            self.search.options = self.options
        opens = self._opens(found.values) if found.found else {}
        return Answered(
            ask, found.status, found.objective, found.bound, opens, found.seconds, self, found
        )

    def foresee(self, ask: Ask, *, gap: float | None = None) -> None:
        """Begin to think of a question that will be asked after the next one; see
        ``SchemeSearch.foresee``.

        Args:
            ask: what will be asked of the schemes.
            gap: relative gap that will be asked; that of the study when left out.

        Raises:
            KeyError: when a scheme that is named does not exist.
        """
        if (limits := self._limits(ask)) is not None:
            self._foreseen = (ask, limits)
            self.search.foresee(limits, self.options.gap if gap is None else gap)

    def recalled(
        self,
        ask: Ask,
        *,
        status: str,
        objective: float,
        bound: float,
        opens: Mapping[str, int],
        seconds: float,
    ) -> Answered:
        """An answer that was found before, by its schedule; nothing is searched.

        Raises:
            KeyError: when a scheme of the schedule does not exist.
        """
        outcome = Outcome(status, self._schedule(opens), objective, bound, seconds)
        return Answered(ask, status, objective, bound, dict(opens), seconds, self, outcome)

    def allows(self, ask: Ask, opens: Mapping[str, int]) -> bool:
        """Whether a schedule is one that a question asks for, and every scheme can open when it
        says; whether rules and budgets allow it is not looked at."""
        switches = self._switches
        can = all((scheme, year) in switches for scheme, year in opens.items())
        return can and obeys(ask, opens, self._capital)

    def fingerprint(self) -> str:
        """Hash of the whole model as the solver sees it, and of the names of its schemes."""
        form, found = self.form, hashlib.sha256("|".join(self._ids).encode())
        for part in (form.cost, form.lower, form.upper, form.integer, form.row_lower,
                     form.row_upper, form.start, form.index, form.value):  # fmt: skip
            found.update(np.ascontiguousarray(part).tobytes())
        found.update(f"{form.offset!r} {self.question.settings.base_year}".encode())
        return found.hexdigest()

    def learnt(self) -> dict[str, np.ndarray[Any, Any]]:
        """What the search has learnt, for :meth:`recall` of another study; empty before a search.

        Returns:
            Arrays: ``placed`` and ``columns`` name columns, ``rows`` names rows;
            ``placed_values``, ``column_values`` and ``row_prices`` have one row a point, the first
            of which is the relaxation.
        """
        points = self.search.learnt()
        if not points:
            return {}
        values = np.array([point.values for point in points])
        prices = np.array([point.prices for point in points])
        columns, rows = self.form.columns, self.form.rows
        at, index = columns.of("placed")
        used = values[:, at].any(axis=0)
        stays = at[used]
        others = np.flatnonzero(values.any(axis=0) & ~columns.among("placed"))
        priced = np.flatnonzero(prices.any(axis=0))
        return {
            "placed": self._stays()[index[used]],
            "columns": np.array(_names(columns[others]), dtype="U"),
            "rows": np.array(_names(rows[priced]), dtype="U"),
            "placed_values": values[:, stays],
            "column_values": values[:, others],
            "row_prices": prices[:, priced],
        }

    def recall(self, learnt: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Let the search begin from what another one has learnt of nearly the same question.

        Nothing of it is believed (see ``SchemeSearch.recall``): every bound is worked out from this
        model, and children are placed anew.

        Raises:
            KeyError, ValueError: when the arrays are not those of :meth:`learnt`.
        """
        if not len(learnt):
            return
        columns, rows = self.form.columns, self.form.rows
        count = len(learnt["row_prices"])
        values, prices = np.zeros((count, len(columns))), np.zeros((count, len(rows)))
        at, index = columns.of("placed")
        stays = self._stays()[index]
        order = np.argsort(stays)
        place = np.searchsorted(stays, learnt["placed"], sorter=order)
        place = order[np.minimum(place, len(order) - 1)]
        known = stays[place] == learnt["placed"]
        values[:, at[place[known]]] = np.nan_to_num(learnt["placed_values"][:, known])
        for labels, kept, numbers, into in (
            (columns, learnt["columns"], learnt["column_values"], values),
            (rows, learnt["rows"], learnt["row_prices"], prices),
        ):
            families = {name.split(" ", 1)[0] for name in kept.tolist()} - {"placed"}
            mine = np.flatnonzero(labels.among(*families))
            where = dict(zip(_names(labels[mine]), mine.tolist(), strict=True))
            found = np.array([where.get(name, -1) for name in kept.tolist()], dtype=np.int64)
            into[:, found[found >= 0]] = np.nan_to_num(numbers[:, found >= 0])
        self.search.recall([Learnt(v, p) for v, p in zip(values, prices, strict=True)])

    def _stays(self) -> np.ndarray[Any, Any]:
        """By stay, a number that names it wherever it stands: stays are counted anew where a
        school is added."""
        arcs = self.question.arcs
        key = arcs["cohort"].to_numpy(np.int64)
        for column, most in (("provision", 100_000), ("end", 1_000), ("settled", 2),
                             ("staying", 2), ("only_staying", 2)):  # fmt: skip
            key = key * most + arcs[column].to_numpy(np.int64)
        return key

    def plan(self, opens: Mapping[str, int]) -> Plan:
        """The plan of least cost that opens these schemes in these Septembers and no others.

        Args:
            opens: scheme to the academic year in which it opens, committed schemes included.

        Raises:
            NoPlanError: when the rules about schemes and budgets do not allow the schedule.
        """
        return self.written(self.placed_for(opens))

    def placed_for(self, opens: Mapping[str, int], *, within: float = 0.0) -> Outcome:
        """The outcome behind :meth:`plan`; ``within`` as in ``SchemeSearch.place``."""
        return self.placed(self._schedule(opens), within=within)

    def without_schemes(self) -> Outcome:
        """Children placed with nothing but what is committed, and what that requires."""
        committed = self.question.schemes["committed"].to_numpy(int)
        needed = set(np.flatnonzero(committed >= 1).tolist())
        count = 0
        while len(needed) > count:
            count = len(needed)
            needed |= {r for scheme, r in self.question.prerequisites if scheme in needed}
        if any(committed[s] < 1 for s in needed):
            upper = np.array([float(s in needed) for s, _ in self._index])
            found = self.search.run(limits=Limits(upper=upper))
            if found.found:
                return self.placed(found.values)
        return self.placed(self._values_of_committed)

    def settled(self, found: Outcome) -> Outcome:
        """Whole children of a plan placed again for its switches, without slack nobody needs."""
        given = self.form.with_fixed(self.form.integer, np.round(found.values))
        again = solve(given, replace(self.options, time_limit=None, memory_gb=None))
        return again if again.found else found

    def rounding(self, found: Outcome) -> dict[str, float]:
        """What whole children cost beyond expected shares of them, the schemes being the same.

        Only a plan that obeys the very same rows can be compared, so shares that families prefer
        are rounded for it as for whole children: it is never dearer than the best of whole
        children. The other one tells what those rounded rules alone cost or save.

        Args:
            found: a plan of whole children. When it is not the best one for its schemes, the cost
                of rounding holds that as well: it is a cost at most.

        Returns:
            ``rounded_shares_pounds`` and ``exact_shares_pounds``: the objective with expected
            children, when the shares that families prefer are rounded as for whole children, and
            when they hold exactly; ``cost_pounds``: what the plan costs above the first.

        Raises:
            NoPlanError: when the rules do not allow these schemes.
            KeyboardInterrupt: on Ctrl-C.
        """
        rounded = _placed(self.search.place(found.values, in_shares=True))
        question = in_expected_shares(self.question)
        form = StandardForm.of(build(question))
        values = np.zeros(len(form.columns))
        values[form.columns.of("open")[0]] = found.values[self._at]
        structure = Structure(**hints(question, form.columns, form.rows))
        exact = _placed(SchemeSearch(form, structure, self.options).place(values))
        return {
            # Both are found within the tolerances of the solver.
            "cost_pounds": max(0.0, found.objective - rounded.objective),
            "rounded_shares_pounds": rounded.objective,
            "exact_shares_pounds": exact.objective,
        }

    # -- outcomes

    def placed(self, values: np.ndarray[Any, Any], *, within: float = 0.0) -> Outcome:
        """Children placed for the schemes that are open in values of all columns: exactly, or
        ``within`` a relative distance of the least cost.

        Raises:
            NoPlanError: when the rules do not allow these schemes.
            KeyboardInterrupt: on Ctrl-C.
        """
        key = np.round(values[self._at]).astype(bool).tobytes() + repr(within).encode()
        if (held := self._held.pop(key, None)) is not None:
            self._held[key] = held
            return held
        outcome = _placed(self.search.place(values, within=within))
        self._held[key] = outcome
        if len(self._held) > HELD:
            del self._held[next(iter(self._held))]
        return outcome

    def written(self, found: Outcome, without: Plan | None = None, prices: bool = True) -> Plan:
        """An outcome as tables; ``without`` is the plan without new schemes."""
        dual = found.row_dual if prices else np.zeros(0)
        form = self.form
        answer = read_answer(self.question, form.columns, found.values, form.rows, dual)
        return build_plan(self.question, answer, self._localities, self._schemes, without)

    # -- schemes and switches

    def capital(self) -> dict[str, float]:
        """Capital of each scheme, pounds, in prices of the scheme table."""
        capital = self.question.schemes["capital"]
        return dict(zip(self._ids, capital.astype(float).tolist(), strict=True))

    def _values(self, columns: Mapping[int, int]) -> np.ndarray[Any, Any]:
        """Values of all columns in which schemes (by number) open in these columns of years."""
        values = np.zeros(len(self.form.columns))
        values[self._at] = [float(s in columns and columns[s] <= t) for s, t in self._index]
        return values

    def _schedule(self, opens: Mapping[str, int]) -> np.ndarray[Any, Any]:
        base = self.question.settings.base_year
        return self._values({self._number(s): int(year) - base for s, year in opens.items()})

    def _opens(self, values: np.ndarray[Any, Any]) -> dict[str, int]:
        base, found = self.question.settings.base_year, dict[str, int]()
        for (s, t), value in zip(self._index, values[self._at].tolist(), strict=True):
            if value > 0.5:
                found[self._ids[s]] = min(t + base, found.get(self._ids[s], t + base))
        return found

    def _number(self, scheme: str) -> int:
        try:
            return self._ids.index(scheme)
        except ValueError:
            raise KeyError(scheme) from None

    def _limits(self, ask: Ask) -> Limits | None:
        if ask == Ask():
            return None
        count, last = len(self._index), self.question.years
        lower, upper = np.zeros(count), np.ones(count)
        forbidden = {self._number(s) for s in ask.forbid}
        forced = {self._number(s) for s in ask.force}
        base = self.question.settings.base_year
        exact = {self._number(s): year - base for s, year in ask.opens}
        # An ask that contradicts itself has no plan. Nor has one that opens a scheme in a year
        # in which it has no switch, for it cannot be open then.
        impossible = forced - {s for s, t in self._index if t == last}
        impossible |= {s for s, t in exact.items() if (s, t) not in set(self._index)}
        impossible |= forbidden & (forced | set(exact))
        for i, (s, t) in enumerate(self._index):
            if s in forbidden:
                upper[i] = 0.0
            elif s in forced and t == last:
                lower[i] = 1.0
            if s in exact:
                lower[i] = upper[i] = float(t >= exact[s])
        rows: list[tuple[np.ndarray[Any, Any], float, float]] = []
        at_end = np.array([t == last for _, t in self._index], dtype=float)
        if ask.capital_at_most is not None:
            capital = self.question.schemes["capital"].to_numpy(float)
            pounds = at_end * np.array([capital[s] for s, _ in self._index]) / 1e6
            rows.append((pounds, -math.inf, ask.capital_at_most / 1e6))
        for some in ask.unlike:
            numbers = {self._number(s) for s in some}
            sign = at_end * np.array([-1.0 if s in numbers else 1.0 for s, _ in self._index])
            # Those left out plus those added are at least one.
            rows.append((sign, 1.0 - float((sign < 0).sum()), math.inf))
        if impossible:
            rows.append((np.zeros(count), 1.0, math.inf))
        return Limits(lower, upper, tuple(rows))


def _names(labels: Labels) -> list[str]:
    """What columns or rows are called, as text."""
    return [f"{name} {index!r}" for name, index in labels]


def _placed(outcome: Outcome) -> Outcome:
    """The same outcome of placing children for given schemes, or why there is none."""
    if outcome.status == "interrupted":
        # Ctrl-C is no statement about the schedule.
        raise KeyboardInterrupt
    if not outcome.found:
        raise NoPlanError(f"Placing children for given schemes failed ({outcome.status}).")
    return outcome
