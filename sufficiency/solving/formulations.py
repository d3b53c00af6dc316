"""The same question in other words: formulations by name, to compare and to check each other.

The Pyomo model is the one statement of the rules. Everything here starts from its standard form
and changes it by steps that keep every plan and its cost: rows are summed where switches are 0 or
1, columns are substituted one for one, rows that others imply are added or left out. Whatever the
name, the outcome holds values of the original columns and a bound on the original objective.

:class:`~sufficiency.solving.structure.Structure` says which columns are switches and which
rows are links, ``x <= most * switch``. A link of another shape is kept as it stands.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sufficiency.solving.decomposition import SchemeSearch
from sufficiency.solving.highs import (
    Bools,
    Floats,
    Outcome,
    Progress,
    SolveOptions,
    StandardForm,
    solve,
)
from sufficiency.solving.reading import Labels
from sufficiency.solving.structure import Structure, matrix_of

Ints = NDArray[np.int64]
Report = Callable[[Progress], None]
Formulation = Callable[[StandardForm, Structure, SolveOptions, Report | None], Outcome]

LINK_ROUNDS = 12
"""Relaxations in which violated links are looked for, at most."""

MANY_COLUMNS = 30_000
"""Columns from which a relaxation stays at an interior point, whose prices bound it as well."""

SLOW = 3e-4
"""Share of the bound by which a round of links must raise it for another round."""

VIOLATED = 1e-3
"""Share of a link's most by which a relaxation must break it for the link to be added."""

SHARES = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8)
"""A scheme that a relaxation opens by more than this is opened in a first plan; each is tried."""

COVER_ROUNDS = 3
"""Relaxations between which ``tightened`` looks for covers."""

NEAREST = 15
"""Links of each choice row, by cost, that ``nearest-links`` states one by one, and from which
``tightened`` starts."""


def solve_as(
    name: str,
    form: StandardForm,
    structure: Structure,
    options: SolveOptions,
    on_progress: Report | None = None,
) -> Outcome:
    """Solve a form by the formulation of this name (see :data:`FORMULATIONS`).

    Raises:
        KeyError: when there is no such formulation.
    """
    return FORMULATIONS[name](form, structure, options, on_progress)


# ------------------------------------------------------------------ pieces


@dataclass(frozen=True)
class _Links:
    """Rows ``column - most * switch <= 0``, each of them the only link of its column."""

    row: Ints
    column: Ints
    switch: Ints
    most: Floats


def _stated(
    form: StandardForm,
    matrix: Any,
    rows: Labels,
    row_lower: Floats,
    row_upper: Floats,
) -> StandardForm:
    """The form with other rows."""
    matrix = matrix.tocsc()
    matrix.sort_indices()
    return replace(
        form,
        rows=rows,
        start=matrix.indptr.astype(np.int32),
        index=matrix.indices.astype(np.int32),
        value=np.asarray(matrix.data, dtype=float),
        row_lower=np.asarray(row_lower, dtype=float),
        row_upper=np.asarray(row_upper, dtype=float),
    )


def _links(form: StandardForm, structure: Structure) -> _Links:
    """The links of the shape that may be summed: x >= 0, switch between 0 and 1, nothing else."""
    candidates = np.flatnonzero(structure.link)
    part = matrix_of(form).tocsr()[candidates]
    pairs = np.diff(part.indptr) == 2
    pairs &= (form.row_upper[candidates] == 0.0) & np.isneginf(form.row_lower[candidates])
    row = candidates[pairs]
    entries = part[np.flatnonzero(pairs)]
    column, value = entries.indices.reshape(-1, 2), entries.data.reshape(-1, 2)
    on = structure.switch[column]
    other = np.argmin(on, axis=1)
    at = np.arange(len(row))
    x, z = column[at, other], column[at, 1 - other]
    scale, most = value[at, other], -value[at, 1 - other]
    good = (on.sum(axis=1) == 1) & (scale > 0) & (most > 0) & (form.lower[x] >= 0.0)
    good &= (form.lower[z] >= 0.0) & (form.upper[z] <= 1.0) & form.integer[z]
    return _Links(
        row[good].astype(np.int64),
        x[good].astype(np.int64),
        z[good].astype(np.int64),
        (most[good] / scale[good]).astype(float),
    )


def _with_links_summed(
    form: StandardForm, links: _Links, group: Ints, stated: Bools
) -> StandardForm:
    """The form with one row for each group of links, and single rows for those ``stated``.

    Exact: with the switch at 0 the sum holds every x at 0, with the switch at 1 every x keeps
    its most as a bound of the column.

    Args:
        form: with all links as rows.
        links: of the form.
        group: by link, a number; links of one group must have the same switch.
        stated: by link, whether it also stays a row of its own.
    """
    kept = np.ones(len(form.row_lower), dtype=bool)
    kept[links.row[~stated]] = False
    numbers, number = np.unique(group, return_inverse=True)
    alone = np.bincount(number, weights=stated, minlength=len(numbers)) == np.bincount(number)
    shape = (len(numbers), len(form.cost))
    sums = sp.csr_matrix((np.ones(len(number)), (number, links.column)), shape=shape)
    sums = sums - sp.csr_matrix((links.most, (number, links.switch)), shape=shape)
    sums = sums[np.flatnonzero(~alone)]
    upper = form.upper.copy()
    np.minimum.at(upper, links.column, links.most)
    rows = form.rows[kept]
    count = sums.shape[0]
    return _stated(
        replace(form, upper=upper),
        sp.vstack([matrix_of(form).tocsr()[np.flatnonzero(kept)], sums]),
        rows + Labels([("links_summed", np.arange(count))]),
        np.concatenate([form.row_lower[kept], np.full(count, -math.inf)]),
        np.concatenate([form.row_upper[kept], np.zeros(count)]),
    )


def _by_switch(form: StandardForm, structure: Structure) -> StandardForm:
    links = _links(form, structure)
    return _with_links_summed(form, links, links.switch, np.zeros(len(links.row), dtype=bool))


@dataclass(frozen=True)
class _Substituted:
    """A form in other columns: ``values = expand @ values of the new columns``."""

    form: StandardForm
    expand: Any


def _by_opening(form: StandardForm, structure: Structure) -> _Substituted:
    """Switches that stay on, written as the sum of the times at which they may come on.

    A chain is a run of switches whose index differs only in its last part and of which the rows
    say that each is at most the next, z_1 <= z_2 <= ...; then z_t = y_1 + ... + y_t with binary
    y, exactly, and those rows become y >= 0. A switch without such a row begins its own chain.
    """
    matrix = matrix_of(form).tocsr()
    switches = np.flatnonzero(structure.switch & form.integer)
    order = sorted(switches.tolist(), key=lambda j: _place_of(form.columns[j]))
    before = {
        b: a for a, b in itertools.pairwise(order)
        if _place_of(form.columns[a])[0] == _place_of(form.columns[b])[0]
    }  # fmt: skip
    chained: dict[int, int] = {}
    monotone = np.zeros(len(form.row_lower), dtype=bool)
    for i in np.flatnonzero(_only_switches(form, structure) & (np.diff(matrix.indptr) == 2)):
        columns = matrix.indices[matrix.indptr[i] : matrix.indptr[i + 1]].tolist()
        values = matrix.data[matrix.indptr[i] : matrix.indptr[i + 1]].tolist()
        (a, one), (b, minus) = sorted(zip(columns, values, strict=True), key=lambda e: -e[1])
        if (one, minus) == (1.0, -1.0) and form.row_upper[i] == 0.0 and before.get(b) == a:
            chained[b] = a
            monotone[i] = np.isneginf(form.row_lower[i])
    total: dict[int, list[int]] = {}
    for j in order:
        total[j] = [*total[chained[j]], j] if j in chained else [j]
    count = len(form.cost)
    parts = [(j, k) for j, members in total.items() for k in members]
    others = np.setdiff1d(np.arange(count), np.array(order, dtype=np.int64))
    at = np.array(parts, dtype=np.int64).reshape(-1, 2)
    expand = sp.csr_matrix(
        (
            np.ones(len(at) + len(others)),
            (np.concatenate([at[:, 0], others]), np.concatenate([at[:, 1], others])),
        ),
        shape=(count, count),
    )
    # The range of every z that 0 <= y <= 1 does not already give.
    rows = np.array([j for j in order if len(total[j]) > 1 or form.upper[j] < 1.0], dtype=np.int64)
    rows = np.union1d(rows, np.array([j for j in order if form.lower[j] > 0.0], dtype=np.int64))
    lower, upper = form.lower.copy(), form.upper.copy()
    lower[order], upper[order] = 0.0, 1.0
    kept = np.flatnonzero(~monotone)
    changed = _stated(
        replace(form, cost=np.asarray(expand.T @ form.cost), lower=lower, upper=upper),
        sp.vstack([matrix[kept] @ expand, expand[rows]]),
        form.rows[kept] + Labels([("opens_by", np.asarray(rows, dtype=np.int64))]),
        np.concatenate([form.row_lower[kept], form.lower[rows]]),
        np.concatenate([form.row_upper[kept], form.upper[rows]]),
    )
    return _Substituted(changed, expand)


def _place_of(column: tuple[str, Any]) -> tuple[tuple[Any, ...], Any]:
    """What a column is about, and the last part of its index: its time."""
    name, index = column
    parts = index if isinstance(index, tuple) else (index,)
    return (name, *parts[:-1]), parts[-1]


def _with_surrogate(form: StandardForm, structure: Structure) -> StandardForm:
    """The form with one row a stage that sets all switched capacity against all that is shared out.

    Choice rows times the most that a unit of them uses, less the rows in which switches add
    capacity: a sum of rows, so it holds for every plan, and the columns that only choose between
    capacities cancel. What is left is a knapsack of switches, which a solver makes cover cuts of.
    """
    matrix = matrix_of(form).tocsr()
    chosen = structure.choice >= 0
    positive = matrix.copy()
    positive.data = np.maximum(positive.data, 0.0)
    negative = matrix.copy()
    negative.data = np.minimum(negative.data, 0.0)
    uses = np.asarray(positive @ chosen.astype(float)).ravel() > 0
    adds = np.asarray(negative @ structure.switch.astype(float)).ravel() < 0
    capacity = uses & adds & np.isfinite(form.row_upper) & np.isneginf(form.row_lower)
    capacity &= ~structure.link & ~structure.switch_rows
    equal = form.row_lower == form.row_upper
    stage = np.full(len(form.row_lower), -1, dtype=np.int64)
    entries = matrix.tocoo()
    of_choice = chosen[entries.col] & (entries.data > 0)
    np.maximum.at(stage, entries.row[of_choice], structure.stage[entries.col[of_choice]])
    combined = []
    right = []
    for when in np.unique(stage[capacity]):
        mine = np.flatnonzero(capacity & (stage == when))
        used = np.asarray(matrix[mine].sum(axis=0)).ravel()
        weight = np.zeros(len(form.row_lower))
        at = np.flatnonzero(chosen & (used > 0))
        at = at[equal[structure.choice[at]]]
        np.maximum.at(weight, structure.choice[at], used[at])
        weight[mine] -= 1.0
        combined.append(sp.csr_matrix(weight @ matrix))
        right.append(
            weight[weight > 0] @ form.row_lower[weight > 0]
            + weight[weight < 0] @ form.row_upper[weight < 0]
        )
    if not combined:
        return form
    added = sp.vstack(combined).tocsr()
    added.data[np.abs(added.data) < 1e-9] = 0.0
    added.eliminate_zeros()
    return _stated(
        form,
        sp.vstack([matrix, added]),
        form.rows + Labels([("surrogate", np.arange(len(right)))]),
        np.concatenate([form.row_lower, np.array(right) - 1e-6]),
        np.concatenate([form.row_upper, np.full(len(right), math.inf)]),
    )


# ------------------------------------------------------------------ formulations


def monotone(
    form: StandardForm, structure: Structure, options: SolveOptions, on_progress: Report | None
) -> Outcome:
    """z = "is open", and one row for each z: all that is linked to it, at most its sum."""
    return solve(_by_switch(form, structure), options, on_progress)


def monotone_links(
    form: StandardForm, structure: Structure, options: SolveOptions, on_progress: Report | None
) -> Outcome:
    """z = "is open", a link for every arc to a new site: the model as it is stated."""
    return solve(form, options, on_progress)


def grouped_links(
    form: StandardForm, structure: Structure, options: SolveOptions, on_progress: Report | None
) -> Outcome:
    """z = "is open", links summed over the columns that a coarse model takes for one."""
    links = _links(form, structure)
    alike = np.unique(structure.alike_rows[links.row], return_inverse=True)[1]
    group = links.switch * (int(alike.max(initial=0)) + 1) + alike
    summed = _with_links_summed(form, links, group, np.zeros(len(links.row), dtype=bool))
    return solve(summed, options, on_progress)


def opening_year(
    form: StandardForm, structure: Structure, options: SolveOptions, on_progress: Report | None
) -> Outcome:
    """y = "opens in this year", one binary a year, and links summed for each z."""
    return _in_openings(_by_switch(form, structure), structure, options, on_progress)


def opening_year_links(
    form: StandardForm, structure: Structure, options: SolveOptions, on_progress: Report | None
) -> Outcome:
    """y = "opens in this year", and a link for every arc to a new site."""
    return _in_openings(form, structure, options, on_progress)


def _in_openings(
    form: StandardForm, structure: Structure, options: SolveOptions, on_progress: Report | None
) -> Outcome:
    substituted = _by_opening(form, structure)
    outcome = solve(substituted.form, options, on_progress)
    if outcome.found:
        values = np.asarray(substituted.expand @ outcome.values, dtype=float)
        outcome = replace(outcome, values=values)
    return replace(outcome, row_dual=np.zeros(0))


def _only_switches(form: StandardForm, structure: Structure) -> Bools:
    """Rows of switches alone."""
    columns = np.repeat(np.arange(len(form.cost)), np.diff(form.start))
    others = np.bincount(
        form.index, weights=~structure.switch[columns], minlength=len(form.row_lower)
    )
    return np.asarray(others == 0)


@dataclass(frozen=True)
class _Root:
    """The relaxation with links where they are broken: which links, bound, prices, values."""

    form: StandardForm
    stated: Bools
    bound: float
    row_dual: Floats
    values: Floats
    status: str


def _root(
    form: StandardForm,
    links: _Links,
    options: SolveOptions,
    on_progress: Report | None,
    clock: float,
    stated: Bools,
) -> _Root:
    """Relax, state the links that the relaxation breaks, and relax again, until it breaks none."""
    best = _Root(form, stated, -math.inf, np.zeros(0), np.zeros(0), "time limit")
    for _ in range(LINK_ROUNDS):
        limit = _left(options, clock)
        if limit is not None and limit <= 0:
            return best
        now = _with_links_summed(form, links, links.switch, stated)
        relaxed = replace(now, integer=np.zeros(len(form.cost), dtype=bool))
        outcome = solve(
            relaxed, replace(options, time_limit=limit), crossover=len(form.cost) < MANY_COLUMNS
        )
        if not outcome.found:
            return replace(best, values=np.zeros(0), status=outcome.status)
        bound = now.bound(outcome.row_dual)
        slow = bound - best.bound <= SLOW * abs(bound)
        if bound >= best.bound:
            best = _Root(now, stated, bound, outcome.row_dual, outcome.values, "optimal")
        if on_progress is not None:
            on_progress(Progress(time.monotonic() - clock, math.inf, best.bound, math.inf))
        excess = outcome.values[links.column] - links.most * outcome.values[links.switch]
        violated = (excess > VIOLATED * links.most) & ~stated
        if not violated.any() or slow:
            break
        stated = stated | violated
    return replace(best, stated=stated)


def _searched(
    form: StandardForm,
    start: Floats,
    bound: float,
    options: SolveOptions,
    on_progress: Report | None,
    clock: float,
    in_hand: float = math.inf,
) -> Outcome:
    """The whole search of a form from a start, with a bound that is already known.

    What a plan costs that is ``in_hand`` is told as well: a form that was narrowed to what is no
    dearer says nothing of plans that are.
    """

    def tell(progress: Progress) -> None:
        if on_progress is not None:
            cost = min(progress.best, in_hand)
            least = min(max(bound, progress.bound), cost)
            gap = (cost - least) / max(abs(cost), 1e-9) if math.isfinite(cost) else math.inf
            on_progress(Progress(time.monotonic() - clock, cost, least, gap))

    left = _left(options, clock)
    limit = None if left is None else max(left, 0.1)
    outcome = solve(form, replace(options, time_limit=limit), tell, start)
    return replace(
        outcome,
        bound=min(max(bound, outcome.bound), outcome.objective),
        seconds=time.monotonic() - clock,
    )


def links_when_violated(
    form: StandardForm, structure: Structure, options: SolveOptions, on_progress: Report | None
) -> Outcome:
    """z = "is open", links summed for each z, and single ones where relaxations break them."""
    clock = time.monotonic()
    links = _links(form, structure)
    none = np.zeros(len(links.row), dtype=bool)
    root = _root(form, links, options, on_progress, clock, none)
    if not len(root.values):
        return Outcome(root.status, np.zeros(0), math.inf, root.bound, time.monotonic() - clock)
    now = _with_links_summed(form, links, links.switch, root.stated)
    start = np.where(form.integer, np.round(root.values), root.values)
    return _searched(now, start, root.bound, options, on_progress, clock)


def tightened(
    form: StandardForm, structure: Structure, options: SolveOptions, on_progress: Report | None
) -> Outcome:
    """Violated links, covers, and ranges cut to those of a plan as good as the one in hand.

    With prices that bound the cost by L and a plan that costs U, the reduced costs d of any plan
    that is no dearer add up to U - L at most: a column stands above its least by (U - L) / d at
    most, and priced failures, which cost far more than the gap, all but vanish. A surrogate row
    then becomes a knapsack of switches alone, which is rounded up to a cover.
    """
    clock = time.monotonic()
    links = _links(form, structure)
    base = _within_single_rows(_with_surrogate(form, structure))
    now, stated = base, _nearest(form, structure, links, NEAREST)
    best: Outcome | None = None
    bound = -math.inf
    for _ in range(COVER_ROUNDS):
        root = _root(now, links, options, on_progress, clock, stated)
        bound = max(bound, root.bound)
        if not len(root.values):
            break
        found = _rounded(root, structure, options, clock)
        if found is not None and (best is None or found.objective < best.objective):
            best = found
        stated = root.stated
        if best is None or best.objective - bound <= options.gap * abs(best.objective):
            break
        if on_progress is not None:
            gap = max(0.0, best.objective - bound) / max(abs(best.objective), 1e-9)
            on_progress(Progress(time.monotonic() - clock, best.objective, bound, gap))
        stronger = _with_covers(base, len(form.rows), structure, root, best.objective)
        if len(stronger.rows) == len(base.rows):
            break
        now = stronger
    seconds = time.monotonic() - clock
    if not len(root.values):
        if best is None:
            return Outcome(root.status, np.zeros(0), math.inf, bound, seconds)
        return replace(best, status=root.status, bound=min(bound, best.objective),
                       seconds=seconds, row_dual=np.zeros(0))  # fmt: skip
    if best is None:
        searched = _with_links_summed(now, links, links.switch, stated)
        return _searched(searched, root.values, bound, options, on_progress, clock)
    narrow = _narrowed(now, root, best.objective)
    links = replace(links, most=np.minimum(links.most, np.maximum(narrow.upper[links.column], 0)))
    searched = _with_links_summed(narrow, links, links.switch, stated)
    outcome = _searched(searched, best.values, bound, options, on_progress, clock, best.objective)
    if outcome.status == "infeasible" or best.objective < outcome.objective:
        # Nothing within the ranges is better than the plan in hand.
        proven = outcome.status in ("infeasible", "optimal")
        bound = best.objective if proven else outcome.bound
        status = "optimal" if proven else outcome.status
        return replace(best, status=status, bound=min(bound, best.objective), row_dual=np.zeros(0),
                       seconds=time.monotonic() - clock)  # fmt: skip
    return outcome


def _nearest(form: StandardForm, structure: Structure, links: _Links, count: int) -> Bools:
    """The links of the cheapest columns of each choice row."""
    own = structure.choice[links.column]
    order = np.lexsort((form.cost[links.column], own))
    first = np.ones(len(order), dtype=bool)
    first[1:] = own[order][1:] != own[order][:-1]
    number = np.arange(len(order))
    place = number - np.maximum.accumulate(np.where(first, number, 0))
    nearest = np.zeros(len(order), dtype=bool)
    nearest[order] = (place < count) & (own[order] >= 0)
    return nearest


def _within_single_rows(form: StandardForm) -> StandardForm:
    """The form with the range of each column cut to what rows of that column alone allow."""
    matrix = matrix_of(form).tocsr()
    single = np.flatnonzero(np.diff(matrix.indptr) == 1)
    column, value = matrix.indices[matrix.indptr[single]], matrix.data[matrix.indptr[single]]
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = form.row_lower[single] / value, form.row_upper[single] / value
    kept = np.abs(value) > 1e-9
    least, most = np.where(value > 0, one, other), np.where(value > 0, other, one)
    lower, upper = form.lower.copy(), form.upper.copy()
    np.maximum.at(lower, column[kept], least[kept])
    np.minimum.at(upper, column[kept], most[kept])
    return replace(form, lower=lower, upper=upper)


def _with_covers(
    form: StandardForm, first: int, structure: Structure, root: _Root, cost: float
) -> StandardForm:
    """The form with covers that every plan no dearer than ``cost`` obeys.

    From each surrogate row, sum of a z + sum of c x >= right: what x can add without spending
    more than cost - bound in reduced costs is taken off, and what is left, a knapsack of switches,
    is divided by its largest coefficient and rounded up.

    Args:
        form: with the surrogate rows from row ``first`` on.
        first: number of the first surrogate row.
        structure: of the form without them.
        root: prices and the bound that they give.
        cost: of a plan in hand.
    """
    room = max(cost - root.bound, 0.0) + 1e-6 * abs(cost)
    reduced = _reduced(root)
    rows = matrix_of(form).tocsr()[first:]
    added, least = [], []
    for i in range(rows.shape[0]):
        row = np.asarray(rows[i].todense()).ravel()
        on = np.where(structure.switch, row, 0.0)
        other = np.where(structure.switch, 0.0, row)
        dear = (other > 0) & (reduced > 1e-9)
        free = (other > 0) & ~dear
        right = form.row_lower[first + i] - float((other * form.lower)[dear].sum())
        right -= float((other * form.upper)[free].sum())
        right -= room * float((other[dear] / reduced[dear]).max(initial=0.0))
        negative = other < 0
        right -= float((other * form.lower)[negative].sum())
        if not math.isfinite(right) or right <= 0 or (on < 0).any() or not (on > 0).any():
            continue
        largest = float(on.max())
        added.append(sp.csr_matrix((on > 0).astype(float)))
        least.append(math.ceil(right / largest - 1e-6))
    if not added:
        return form
    return _stated(
        form,
        sp.vstack([matrix_of(form).tocsr(), *added]),
        form.rows + Labels([("cover", np.arange(len(least)))]),
        np.concatenate([form.row_lower, np.array(least, dtype=float)]),
        np.concatenate([form.row_upper, np.full(len(least), math.inf)]),
    )


def _reduced(root: _Root) -> Floats:
    """Reduced costs at the root's prices, of which those of a side without an end count nothing."""
    end = np.where(root.row_dual > 0, root.form.row_lower, root.form.row_upper)
    return root.form.reduced_cost(np.where(np.isfinite(end), root.row_dual, 0.0))


def _rounded(
    root: _Root, structure: Structure, options: SolveOptions, clock: float
) -> Outcome | None:
    """The best plan among those that open what the relaxation opens more than a share of."""
    whole = root.form.integer
    if bool((whole & ~structure.switch).any()):
        return None
    best: Outcome | None = None
    for share in SHARES:
        limit = _left(options, clock)
        if limit is not None and limit <= 0:
            break
        opened = np.where(root.values >= share, 1.0, 0.0)
        fixed = root.form.with_fixed(whole, opened)
        outcome = solve(fixed, replace(options, time_limit=limit))
        if outcome.found and (best is None or outcome.objective < best.objective):
            best = outcome
    return best


def _narrowed(form: StandardForm, root: _Root, cost: float) -> StandardForm:
    """Ranges of columns outside of which every plan costs more than ``cost``.

    Read with the prices of the root's own rows; a column is in them as it is in the form.
    """
    room = max(cost - root.bound, 0.0) + 1e-6 * abs(cost)
    reduced = _reduced(root)
    lower, upper = form.lower.copy(), form.upper.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = room / np.abs(reduced)
    up, down = (reduced > 0) & np.isfinite(lower), (reduced < 0) & np.isfinite(upper)
    upper[up] = np.minimum(upper[up], (lower + reach)[up])
    lower[down] = np.maximum(lower[down], (upper - reach)[down])
    upper[form.integer] = np.floor(upper[form.integer] + 1e-6)
    lower[form.integer] = np.ceil(lower[form.integer] - 1e-6)
    return replace(form, lower=lower, upper=upper)


def nearest_links(
    form: StandardForm, structure: Structure, options: SolveOptions, on_progress: Report | None
) -> Outcome:
    """Links of the cheapest columns of each choice row, all links summed, and surrogate rows.

    For a warehouse question with many sites, where all links are too many and none too few.
    """
    links = _links(form, structure)
    stated = _nearest(form, structure, links, NEAREST)
    surrogate = _with_surrogate(form, structure)
    return solve(_with_links_summed(surrogate, links, links.switch, stated), options, on_progress)


def decomposition(
    form: StandardForm, structure: Structure, options: SolveOptions, on_progress: Report | None
) -> Outcome:
    """Schemes above, placements below: the road that the product takes."""
    return SchemeSearch(form, structure, options).run(on_progress)


def _left(options: SolveOptions, clock: float) -> float | None:
    if options.time_limit is None:
        return None
    return options.time_limit - (time.monotonic() - clock)


FORMULATIONS: dict[str, Formulation] = {
    "opening-year": opening_year,
    "opening-year-links": opening_year_links,
    "monotone": monotone,
    "grouped-links": grouped_links,
    "monotone-links": monotone_links,
    "links-when-violated": links_when_violated,
    "nearest-links": nearest_links,
    "tightened": tightened,
    "decomposition": decomposition,
}
"""Every formulation by name. ``decomposition`` is what ``sufficiency optimise`` uses."""
