r"""What a school would be worth at every point of an authority: a map of values.

The *quick* value needs no search at a point. A plan has prices: what one more child of each cohort
costs where it is placed, what one more or less in each rule on shares is worth. With prices
\(\pi\), a child of cohort \(k\) at a school at point \(g\) saves
\(b_{kg} = \sum_i \pi_i A_{i,kg} - V_{kg}\): its price less the cost of its stay there. The most
that the places of the school can save is

$$S_\pi(g) = \max_x \sum_k b_{kg} x_k \quad\text{with}\quad \sum_k r_{kt} x_k \le c_t,\;
0 \le x_k \le N_k.$$

Any prices bound the cost of placing children from below, by \(L_\pi\). So with the other schemes
as they are, at cost \(C\), the school is worth at most \(C - L_\pi + S_\pi(g)\) less what it
costs. The quick value is this by the prices of the plan without the school, where \(L_\pi = C\).

The *exact* value places all children anew. Each exact value brings prices of its own, which are
exact at its point and good around it, so that after it every point is worth *at most* the least
that any prices said. The next point to be valued exactly is the one that may still be worth most;
once no other may be worth more than the best exact value, the best point of the grid is proven.

The school's capital counts as a cost, but is not drawn from the budgets: otherwise the map would
show what other schemes it displaces, which is the same wherever it stands.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import geopandas
import numpy as np
import pandas as pd
import scipy.sparse as sp
import shapely
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse.linalg import splu
from shapely.geometry import Point, box

from sufficiency.asking import Answered, Study
from sufficiency.geography.travel import straight_km, straight_line_minutes
from sufficiency.pipeline import Loaded, provenance, study
from sufficiency.plan.finding import Finding
from sufficiency.plan.tables import weighted_quantile
from sufficiency.problems import NoPlanError, Problems, Stopped
from sufficiency.reports import formatting as fmt
from sufficiency.solving import Outcome, SolveOptions, StandardForm, solve
from sufficiency.studies import appraisal
from sufficiency.studies.answers import Answers, Kept
from sufficiency.studies.appraisal import Appraised
from sufficiency.studies.sites import (
    PREFIX,
    Place,
    School,
    capital_of,
    curve,
    earliest,
    many,
    polygons_of,
    read_school,
    with_schools,
)
from sufficiency.vocabulary import academic_year_label

KIND: Final = "value-map"
POINTS: Final = 200
EXACT: Final = 10
GAP: Final = 0.005
SECONDS: Final = 300.0
MOST_POINTS: Final = 2_000
MOST_EXACT: Final = 30
CLOSE: Final = 0.05
"""Pounds by which a price may miss what a child costs: the tolerance of the solver."""

Floats = NDArray[np.float64]
Tell = Callable[[str], None]


def map_value(
    loaded: Loaded,
    *,
    needs: str | Sequence[str],
    places: float,
    year_groups: str = "0-14",
    opens: str | int | None = None,
    kind: str = "state_special",
    capital: float | None = None,
    running: float = 0.0,
    points: int = POINTS,
    exact: int = EXACT,
    exclude: Sequence[Path] = (),
    gap: float | None = None,
    time_limit: float | None = SECONDS,
    threads: int = 2,
    seed: int = 1,
    folder: Path | None = None,
    on_progress: Tell | None = None,
) -> Finding:
    """What a school would be worth at each point of a grid; nothing but answers is written.

    Args:
        loaded: from :func:`sufficiency.pipeline.load_scenario`.
        needs, places, year_groups, kind, capital, running: the school, as for
            :func:`sufficiency.studies.site_tests.try_sites`.
        opens: its September; None: the first that the model's lead time allows.
        points: about so many points in the authority.
        exact: points, the best by their quick value, for which children are placed anew.
        exclude: polygon layers of land on which nothing can be built.
        gap: relative gap of the plan without the school; None: :data:`GAP`.
        time_limit: seconds for the search for that plan.
        threads, seed: for the solver.
        folder: where answers are kept; None: nowhere.
        on_progress: told each step in words.

    Raises:
        InputError: listing everything that is wrong with what was asked.
        NoPlanError: when the scenario has no plan.
    """
    tell = on_progress or (lambda words: None)
    clock = time.monotonic()
    problems = Problems()
    school = read_school(
        loaded, problems, needs=needs, places=places, year_groups=year_groups, opens=opens,
        kind=kind, capital=capital, running=running,
    )  # fmt: skip
    for option, number, most in (("--points", points, MOST_POINTS), ("--exact", exact, MOST_EXACT)):
        if not 1 <= number <= most:
            problems.error(f"must be a whole number from 1 to {most:,}.", "correct it.",
                           file=option, value=number)  # fmt: skip
    unsuitable = [polygons_of(path, problems) for path in exclude]
    problems.raise_if_any()
    tell("Laying a grid over the authority")
    grid = grid_of(loaded, points, np.concatenate([*unsuitable, np.empty(0, dtype=object)]))
    if not grid.usable.any():
        problems.error("no point of the grid lies on land that is not excluded.",
                       "exclude less land, or ask for more --points.",
                       file="--exclude")  # fmt: skip
        problems.raise_if_any()
    if school.opens is None:
        school = replace(school, opens=earliest(loaded, school.kind))
    # Expected shares of children have prices; whole children have none.
    shares = replace(loaded, settings=replace(loaded.settings, whole_children=False))
    options = SolveOptions(
        gap=GAP if gap is None else gap, time_limit=time_limit, threads=threads, seed=seed
    )
    estimate, sentence = curve(loaded)
    base = study(shares, options, on_step=tell)
    with Answers(base, folder, tell=tell, scenario=loaded) as answers:
        plan = answers.best(words="Searching for the best plan without the school")
        if not plan.found:
            raise answers.none_found(plan)
    survey = _Survey(shares, school, grid, base, plan, estimate, folder, tell)
    try:
        survey.quick()
        while len(survey.found) < exact and survey.exact():
            pass
    except KeyboardInterrupt as error:
        raise survey.stopped() from error
    return _write_up(loaded, school, grid, survey, plan, sentence, clock)


# ------------------------------------------------------------------ the grid


@dataclass(frozen=True)
class Grid:
    """Points in the middle of squares that cover the authority, rows from the south-west.

    Attributes:
        points: easting and northing, metres, one row a point.
        usable: whether the point may be built on.
        step: side of a square, metres.
        near: name of the nearest area.
    """

    points: Floats
    usable: NDArray[np.bool_]
    step: float
    near: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.points)


def grid_of(loaded: Loaded, count: int, unsuitable: NDArray[Any]) -> Grid:
    """About ``count`` points inside the authority, in squares of whole hundreds of metres.

    Args:
        loaded: gives the boundary and the areas.
        count: of points wanted.
        unsuitable: polygons in EPSG:27700 on which nothing can be built.
    """
    land, areas = loaded.tables.boundary, loaded.tables.areas
    assert land is not None, "checked tables have a boundary, their areas' hull at least"
    west, south, east, north = land.bounds
    shapely.prepare(land)

    def middles(low: float, high: float, step: float) -> Floats:
        """Middles of squares that cover an extent, as much over at one end as at the other."""
        count = max(1, round((high - low) / step))
        return np.asarray((low + high) / 2 + (np.arange(count) - (count - 1) / 2) * step)

    def laid(step: float) -> Floats:
        x, y = (np.round(middles(*ends, step)) for ends in ((west, east), (south, north)))
        every = np.column_stack([axis.ravel() for axis in np.meshgrid(x, y)])
        inside: Floats = every[shapely.contains_xy(land, every[:, 0], every[:, 1])]
        return inside

    # The finest grid that has no more points than were asked for, in steps of a tenth.
    step = max(100.0, round(math.sqrt(land.area / count) / 200) * 100)
    while len(points := laid(step)) > count:
        step = max(step + 100.0, round(step * 1.05 / 100) * 100)
    while step > 100.0 and len(finer := laid(smaller := step - 100.0)) <= count:
        step, points = smaller, finer
    if not len(points):
        middle = land.representative_point()
        points = np.array([[middle.x, middle.y]])
    usable = np.ones(len(points), dtype=bool)
    if len(unsuitable):
        spots = shapely.points(points)
        tree = shapely.STRtree(list(unsuitable))
        hit, _ = tree.query(spots, predicate="intersects")
        usable[hit] = False
    away = np.hypot(
        points[:, :1] - areas["easting"].to_numpy(float),
        points[:, 1:] - areas["northing"].to_numpy(float),
    )
    names = areas["name"].astype(str).to_numpy()
    return Grid(points, usable, step, tuple(str(n) for n in names[away.argmin(axis=1)]))


# ------------------------------------------------------------------ the quick value


@dataclass(frozen=True)
class Prices:
    """Prices of the rows of a study's model, from one of its plans."""

    of: Study
    dual: Floats


class QuickValues:
    """What a school may be worth at every point by some prices.

    Args:
        loaded: the scenario, expected shares of children.
        school: with the September in which it opens.
        grid: the points.
        opens: schedule of the plan without the school.
        cost: of that plan, pounds.
        estimate: curve for journeys to the points.
    """

    def __init__(
        self,
        loaded: Loaded,
        school: School,
        grid: Grid,
        opens: Mapping[str, int],
        cost: float,
        estimate: Mapping[str, float],
    ) -> None:
        self._opens, self._cost = opens, cost
        self._arcs = _SchoolArcs(loaded, school)
        self.fixed = self._arcs.fixed
        where = pd.DataFrame({"easting": grid.points[:, 0], "northing": grid.points[:, 1]})
        km = straight_km(loaded.tables.areas, where)
        self._minutes = np.round(straight_line_minutes(km, estimate), 1)
        self._km = np.round(km * estimate["road_km_per_straight_km"], 2)

    def by(self, prices: Prices, points: Sequence[int]) -> tuple[Floats, Floats]:
        """Value some points: pounds that it is worth at most, and children in the last year."""
        bound = _scheduled(prices.of, self._opens).bound(prices.dual)
        self._arcs.price(_prices_here(self._arcs.asked, prices.of, prices.dual))
        worth, children = np.zeros(len(points)), np.zeros(len(points))
        for i, point in enumerate(points):
            saving, children[i] = self._arcs.best_use(self._minutes[:, point], self._km[:, point])
            worth[i] = self._cost - bound + saving - self.fixed
        return worth, children


def prices_of(of: Study, opens: Mapping[str, int], placed: Outcome) -> Prices:
    """Prices of the plan for a schedule, as high as one more child costs and no higher.

    A child who fills an arc to its bound, which is no more than its cohort has, may leave the
    cohort any price up to that of unmet need. Then the same is solved without these bounds, which
    the rows of the cohorts imply, so that every place has a price that nobody is below.

    Args:
        of: the study.
        opens: its schedule.
        placed: children placed for it.
    """
    form = _scheduled(of, opens)
    loose = form.columns.among("placed", "unmet") & (form.upper > form.lower)
    if float(form.reduced_cost(placed.row_dual)[loose].min(initial=0.0)) > -CLOSE:
        return Prices(of, placed.row_dual)
    unbounded = replace(form, upper=np.where(loose, np.inf, form.upper))
    again = solve(unbounded, replace(of.options, time_limit=None))
    return Prices(of, again.row_dual if again.found else placed.row_dual)


def _scheduled(of: Study, opens: Mapping[str, int]) -> StandardForm:
    """The model with a schedule fixed and all places of schemes that are not open shut."""
    form, q = of.form, of.question
    base = q.settings.base_year
    number = {str(s): i for i, s in enumerate(q.schemes["scheme"])}
    since = {number[s]: year - base for s, year in opens.items()}
    at, index = form.columns.of("open")
    values = np.zeros(len(form.cost))
    values[at] = [float(s in since and since[s] <= t) for s, t in index.tolist()]
    placed, arc = form.columns.of("placed")
    never = q.years + 1
    first = np.full(len(q.schemes) + 1, never)  # the last one stands for standing provision
    first[-1] = 0
    for scheme, column in since.items():
        first[scheme] = column
    shut = q.arcs["entry"].to_numpy(int)[arc] < first[q.arcs["scheme"].to_numpy(int)[arc]]
    fixed = np.zeros(len(form.cost), dtype=bool)
    fixed[at] = True
    fixed[placed[shut]] = True
    return form.with_fixed(fixed, values)


class _SchoolArcs:
    """What a child of each cohort saves at the school, and what the school can hold.

    One school without journeys is put into the model, which then says what rules touch it; the
    journeys of a point are added to the cost of its arcs.
    """

    def __init__(self, loaded: Loaded, school: School) -> None:
        self.model = loaded.model
        self.school = school
        areas = loaded.tables.areas
        here = Place(f"{PREFIX}0", "0", "anywhere", float(areas["easting"].mean()),
                     float(areas["northing"].mean()))  # fmt: skip
        tried = with_schools(loaded, school, [here], own_money=True)
        travel = tried.loaded.tables.travel.copy()
        mine = travel["destination"] == here.scheme
        # Near enough for everybody, so that every cohort that it suits has an arc.
        travel.loc[mine, ["minutes", "km"]] = 0.0
        near = replace(tried.loaded, tables=replace(tried.loaded.tables, travel=travel))
        asked = study(near)
        q, form = asked.question, asked.form
        scheme = [str(s) for s in q.schemes["scheme"]].index(here.scheme)
        self.asked, self.q = asked, q
        at, arc = form.columns.of("placed")
        used = q.arcs["scheme"].to_numpy(int)[arc] == scheme
        at, arc = at[used], arc[used]
        order = np.argsort(arc)
        self.column, self.arc = at[order], arc[order]
        self.arcs = q.arcs.iloc[self.arc].reset_index(drop=True)
        cohort = self.arcs["cohort"].to_numpy(int)
        area_row = {a: i for i, a in enumerate(areas["area"])}
        self.area = q.cohorts["area"].map(area_row).to_numpy(int)[cohort]
        self.most = q.cohorts["most"].to_numpy(float)[cohort]
        years = np.arange(q.years + 1)[None, :]
        start = np.maximum(self.arcs["entry"].to_numpy(int), 1)[:, None]
        there = (years >= start) & (years < self.arcs["end"].to_numpy(int)[:, None])
        self.presence = np.where(there, q.presence[cohort], 0.0)
        self.years_there = self.presence @ q.discount
        self._follow()
        self.guide = self.arcs["guide"].to_numpy(float)
        self.saving = np.zeros(len(self.arc))
        limits = self.model.travel_hard_limit_minutes
        group = q.cohorts["entry_year_group"].to_numpy(int)[cohort]
        named = {g: limits[self.model.phase_name(int(g))] for g in np.unique(group)}
        self.limit = np.array([named[g] for g in group], dtype=float)
        opened = int(school.opens or 0) - q.settings.base_year
        self._capacity(asked, scheme, opened)

    def _follow(self) -> None:
        """Children who stay on are part of the placement that they follow: x' = share r x."""
        q = self.q
        where = {int(a): i for i, a in enumerate(self.arc)}
        rows, columns, values = [], [], []
        for i, (arc, share) in enumerate(zip(q.stay_on["arc"], q.stay_on["share"], strict=True)):
            if int(arc) not in where:
                continue
            before, present = q.stay_on_rows.row(i)
            for a, r in zip(before.tolist(), present.tolist(), strict=True):
                rows.append(where[a])
                columns.append(where[int(arc)])
                values.append(float(share) * r)
        count = len(self.arc)
        chain = sp.csc_matrix((values, (rows, columns)), shape=(count, count))
        self.followed = splu((sp.identity(count, format="csc") - chain).tocsc())
        self.free = ~self.arcs["staying"].to_numpy(bool)
        self.presence = self.followed.solve(np.ascontiguousarray(self.presence))

    def price(self, dual: Floats) -> None:
        """Set what a child saves, journeys apart, by prices of the rows of ``asked``."""
        form = self.asked.form
        reduced = form.reduced_cost(dual)[self.column]
        self.saving = self.followed.solve(-reduced)

    def _capacity(self, asked: Study, scheme: int, opened: int) -> None:
        """Places by year, prices of crowding and of a short roll, and what it costs in any case."""
        q, model, form = self.q, self.model, asked.form
        kind = self.school.kind
        fill = np.asarray(q.fill[scheme], dtype=float)
        self.columns = np.arange(max(opened, 1), q.years + 1)
        since = self.columns - opened
        self.places = self.school.places * fill[np.minimum(since, len(fill) - 1)]
        self.over = float(model.for_kind("over_capacity_share", kind)) * self.places
        discount = q.discount[self.columns]
        self.price_over = discount * model.price_over_capacity
        self.price_beyond = discount * model.price_beyond_limit
        self.price_short = discount * model.price_short_roll
        wait = int(model.viable_roll["from_year"])
        viable = model.viable_roll["share"] * self.school.places
        self.least = np.where(since >= wait, viable, 0.0)
        short = np.where(self.least > 0, self.price_short, 0.0)
        self.roll_saves = self.presence[:, self.columns] @ short
        at, index = form.columns.of("open")
        mine = np.array([s == scheme and t >= opened for s, t in index.tolist()], dtype=bool)
        self.fixed = float(form.cost[at[mine]].sum())

    def best_use(self, minutes: Floats, km: Floats) -> tuple[float, float]:
        """The most that its places can save, and children in them in the last year.

        Args:
            minutes, km: one way from each area to the point.
        """
        model, kind = self.model, self.school.kind
        far, long = minutes[self.area], km[self.area]
        transport = model.transport
        journey = np.minimum(
            transport["maximum"],
            transport["fixed"] + transport["per_km"] * long + transport["per_minute"] * far,
        )
        journey = np.where((far == 0) & (long == 0), 0.0, journey)
        yearly = (
            model.ledger_weights["general_fund"]
            * float(model.for_kind("transport_eligible_share", kind))
            * journey
            + model.price_per_minute * far
            + model.price_per_minute_over_guide * np.maximum(0.0, far - self.guide)
        )
        saving = self.saving - self.followed.solve(yearly * self.years_there)
        # A child who saves nothing may still be worth having in a school that is short of children.
        most = saving + self.roll_saves
        use = np.flatnonzero(self.free & (far <= self.limit) & (most > 0))
        count, years = len(use), len(self.columns)
        if not years:
            return 0.0, 0.0
        # Columns: children by arc, then over, beyond and short by year.
        stay = sp.csr_matrix(self.presence[np.ix_(use, self.columns)].T)
        one, none = sp.identity(years), sp.csr_matrix((years, years))
        held = sp.csr_matrix(sp.hstack([stay, -one, -one, none]))
        viable = sp.csr_matrix(sp.hstack([stay, none, none, one]))
        # Pounds in thousands, so that the solver's tolerances are pennies.
        cost = np.concatenate([-saving[use], self.price_over, self.price_beyond, self.price_short])
        upper = np.concatenate([self.most[use], self.over, np.full(2 * years, np.inf)])
        found = milp(
            cost / 1e3,
            bounds=Bounds(np.zeros(len(upper)), upper),
            constraints=[
                LinearConstraint(held, -np.inf, self.places),
                LinearConstraint(viable, self.least, np.inf),
            ],
        )
        if found.x is None:
            raise RuntimeError(f"the places of a school could not be shared out: {found.message}")
        last = float(self.presence[use, self.columns[-1]] @ found.x[:count])
        return -1e3 * float(found.fun), last


def _prices_here(asked: Study, base: Study, prices: Floats) -> Floats:
    """Prices of one model's rows, on the rows of another that has one school more.

    Cohorts and groups are found by what they are; rows that the other has not have no price, which
    leaves the prices feasible.
    """
    found = np.zeros(len(asked.form.row_lower))

    def cohorts(of: Study) -> pd.DataFrame:
        return of.question.cohorts[["diagonal", "entry"]]

    def groups(of: Study) -> pd.DataFrame:
        columns = ["rule", "tier", "phase", "entry", "entry_year_group", "side"]
        return of.question.preference_keys[columns]

    def sectors(of: Study) -> pd.DataFrame:
        return of.question.sector_keys[["kind", "phase", "entry"]]

    for family, keys in (
        ("every_child_placed", cohorts),
        ("preference_floor", groups),
        ("preference_ceiling", groups),
        ("preference_share", groups),
        ("stay_in_sector", sectors),
    ):
        theirs, number = base.form.rows.of(family)
        known = pd.Series(
            prices[theirs], index=pd.MultiIndex.from_frame(keys(base).iloc[number.astype(int)])
        )
        if family == "every_child_placed":
            known = known[~known.index.duplicated()]
        ours, number = asked.form.rows.of(family)
        wanted = pd.MultiIndex.from_frame(keys(asked).iloc[number.astype(int)])
        found[ours] = known.reindex(wanted).fillna(0.0).to_numpy(float)
    theirs, year = base.form.rows.of("in_year_balance")
    balance = dict(zip(year.tolist(), prices[theirs].tolist(), strict=True))
    ours, year = asked.form.rows.of("in_year_balance")
    found[ours] = [balance.get(y, 0.0) for y in year.tolist()]
    return found


# ------------------------------------------------------------------ the survey


@dataclass(frozen=True)
class Exact:
    """The exact value of a point.

    Attributes:
        worth: pounds, priced failures included: what the plan costs less with the school.
        money: net present value in money alone, as in a business case.
        children: at the school in the last year.
        minutes: their median journey.
    """

    worth: float
    money: float
    children: float
    minutes: float


class _Survey:
    """Quick values of all points, exact values of some; what is known is kept after each step."""

    def __init__(
        self,
        loaded: Loaded,
        school: School,
        grid: Grid,
        base: Study,
        plan: Answered,
        estimate: Mapping[str, float],
        folder: Path | None,
        tell: Tell,
    ) -> None:
        self.loaded, self.school, self.grid, self.base = loaded, school, grid, base
        self.opens, self.estimate, self.tell = dict(plan.opens), dict(estimate), tell
        self.first, self.last = loaded.scenario.first_year, loaded.scenario.last_year
        count = len(grid)
        self.quick_worth, self.at_most = np.full(count, np.nan), np.full(count, np.nan)
        self.children = np.full(count, np.nan)
        self.found: dict[int, Exact] = {}
        self.fixed = math.nan
        self._kept, self._key = Kept(folder), f"map-{self._content()}"
        self._read()

    @cached_property
    def _values(self) -> QuickValues:
        return QuickValues(
            self.loaded, self.school, self.grid, self.opens, self._outcome.objective, self.estimate
        )

    @cached_property
    def _outcome(self) -> Outcome:
        return self.base.placed_for(self.opens)

    @cached_property
    def _nothing(self) -> Appraised:
        plan = self.base.written(self._outcome)
        return appraisal.appraise(plan, self.loaded.model, self.first, self.last)

    def quick(self) -> None:
        """Value every usable point by the prices of the plan without the school."""
        if math.isfinite(self.fixed):
            return
        self.tell("Valuing every point by the prices of the plan")
        points = np.flatnonzero(self.grid.usable).tolist()
        worth, children = self._values.by(prices_of(self.base, self.opens, self._outcome), points)
        self.quick_worth[points] = self.at_most[points] = worth
        self.children[points] = children
        self.fixed = self._values.fixed
        self._keep()

    def exact(self) -> bool:
        """Place children anew with the school where it may still be worth most.

        Returns:
            False when every point was valued exactly, or no plan opens the school there.
        """
        best = max((e.worth for e in self.found.values()), default=-math.inf)
        open_ = [i for i in np.flatnonzero(self.grid.usable).tolist() if i not in self.found]
        if not open_:
            return False
        point = max(open_, key=lambda i: self.at_most[i])
        name = _name(self.grid, point)
        self.tell(f"Placing children with the school at {name} ({len(self.found) + 1})")
        place = Place(f"{PREFIX}1", "1", name, *self._at(point))
        tried = with_schools(
            self.loaded, self.school, [place], own_money=True, estimate=self.estimate
        )
        asked = study(tried.loaded, self.base.options)
        opens = {**self.opens, place.scheme: int(self.school.opens or 0)}
        try:
            placed = asked.placed_for(opens)
        except NoPlanError:
            return False
        plan = asked.written(placed, prices=False)
        option = appraisal.appraise(plan, self.loaded.model, self.first, self.last)
        roll = plan.occupancy
        roll = roll[(roll["provision"] == place.scheme) & (roll["academic_year"] == self.last)]
        stays = plan.stays[plan.stays["provision"] == place.scheme]
        self.found[point] = Exact(
            self._outcome.objective - placed.objective,
            appraisal.net_present_value(option, self._nothing),
            float(roll["children"].sum()),
            weighted_quantile(
                stays["minutes"].to_numpy(float), stays["children"].to_numpy(float), 0.5
            ),
        )
        best = max(best, self.found[point].worth)
        # Whatever is worth less than the best known need not be known more nearly.
        nearer = [i for i in open_ if i != point and self.at_most[i] > best]
        worth, _ = self._values.by(prices_of(asked, opens, placed), nearer) if nearer else (0.0, 0)
        self.at_most[nearer] = np.minimum(self.at_most[nearer], worth)
        self.at_most[point] = self.found[point].worth
        self._keep()
        return True

    def stopped(self) -> Stopped:
        """What is said after Ctrl-C."""
        if self._kept.folder is None or not math.isfinite(self.fixed):
            return Stopped("Interrupted; nothing was written.")
        return Stopped(
            f"Interrupted; {len(self.found)} points were valued exactly. What is known is kept in "
            f"{self._kept.folder}: run the same command again to go on from there."
        )

    def _at(self, point: int) -> tuple[float, float]:
        return float(self.grid.points[point, 0]), float(self.grid.points[point, 1])

    # -- keeping

    def _content(self) -> str:
        asked = [
            self.base.fingerprint(), sorted(self.opens.items()), repr(self.school),
            sorted(self.estimate.items()), self.grid.points.tolist(), self.grid.usable.tolist(),
            version("sufficiency"), version("highspy"),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]

    def _read(self) -> None:
        kept = self._kept.read(self._key)
        try:
            arrays = [np.array(kept[n], dtype=float) for n in ("quick", "at_most", "children")]
            found = {int(i): Exact(*map(float, e)) for i, e in kept["exact"].items()}
            fixed = float(kept["fixed"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # what is missing or damaged is worked out again
        if all(len(a) == len(self.grid) for a in arrays):
            self.quick_worth, self.at_most, self.children = arrays
            self.found, self.fixed = found, fixed

    def _keep(self) -> None:
        kept = {
            "quick": self.quick_worth.tolist(),
            "at_most": self.at_most.tolist(),
            "children": self.children.tolist(),
            "exact": {str(i): list(vars(e).values()) for i, e in self.found.items()},
            "fixed": self.fixed,
        }
        self._kept.write(self._key, kept)


def _name(grid: Grid, point: int) -> str:
    x, y = grid.points[point]
    return f"{x:.0f},{y:.0f}"


# ------------------------------------------------------------------ tables and sentences


def _write_up(
    loaded: Loaded,
    school: School,
    grid: Grid,
    survey: _Survey,
    plan: Answered,
    sentence: str,
    clock: float,
) -> Finding:
    found = survey.found
    values = pd.DataFrame(
        {
            "easting": grid.points[:, 0],
            "northing": grid.points[:, 1],
            "near": list(grid.near),
            "usable": grid.usable,
            "quick_pounds": survey.quick_worth,
            "quick_children": survey.children,
            "at_most_pounds": survey.at_most,
            "exact_pounds": [found[i].worth if i in found else math.nan for i in range(len(grid))],
            "money_pounds": [found[i].money if i in found else math.nan for i in range(len(grid))],
            "children": [found[i].children if i in found else math.nan for i in range(len(grid))],
            "median_minutes": [
                found[i].minutes if i in found else math.nan for i in range(len(grid))
            ],
        }
    )
    values = values.sort_values(
        ["exact_pounds", "quick_pounds", "easting", "northing"],
        ascending=[False, False, True, True], na_position="last", ignore_index=True,
    )  # fmt: skip
    values.insert(0, "rank", np.arange(1, len(values) + 1))
    values["error_pounds"] = values["quick_pounds"] - values["exact_pounds"]
    stamp = {
        **provenance(loaded),
        "school": {
            "words": school.words,
            "kind": school.kind,
            "places": school.places,
            "opens": academic_year_label(int(school.opens or 0)),
            "capital_pounds": capital_of(school, loaded),
            "capital_given": school.capital is not None,
            "capital_source": loaded.model.entries["capital_per_place"].source,
            "running_pounds": school.running,
        },
        "grid": {
            "step_metres": grid.step,
            "points": len(grid),
            "usable": int(grid.usable.sum()),
            "exact": len(found),
        },
        "fixed_pounds": survey.fixed,
        "plan": {
            "objective_pounds": plan.objective,
            "bound_pounds": plan.bound,
            "gap": plan.gap,
            "status": plan.status,
        },
        "warnings": [vars(w) | {"text": str(w)} for w in loaded.warnings],
        "estimates": [*loaded.estimates, sentence],
        "seconds": round(time.monotonic() - clock, 2),
    }
    finding = Finding(
        KIND, f"Where would a school be worth most in {loaded.scenario.authority}?", [],
        {"points": values}, _layers(loaded, grid, values), stamp,
    )  # fmt: skip
    finding.sentences = sentences(finding)
    return finding


def _layers(loaded: Loaded, grid: Grid, values: pd.DataFrame) -> dict[str, geopandas.GeoDataFrame]:
    land = loaded.tables.boundary
    assert land is not None
    half = grid.step / 2
    squares = [
        many(box(x - half, y - half, x + half, y + half).intersection(land))
        for x, y in zip(values["easting"], values["northing"], strict=True)
    ]
    known = loaded.tables.provisions.dropna(subset=["easting", "northing"])
    best = values[values["exact_pounds"].notna()]
    layers = {
        "authority": geopandas.GeoDataFrame({"name": [loaded.scenario.authority]},
                                            geometry=[many(land)], crs=27700),
        "values": geopandas.GeoDataFrame(values.copy(), geometry=squares, crs=27700),
        "provisions": geopandas.GeoDataFrame(
            {c: known[c].to_numpy() for c in ("provision", "name", "kind")},
            geometry=geopandas.points_from_xy(known["easting"], known["northing"]), crs=27700,
        ),
        "best": geopandas.GeoDataFrame(
            best.copy(),
            geometry=[Point(x, y) for x, y in zip(best["easting"], best["northing"], strict=True)],
            crs=27700,
        ),
    }  # fmt: skip
    about = {
        "authority": "The authority.",
        "values": "What the school would be worth at the middle of each square, pounds of today.",
        "provisions": "Provision as it is.",
        "best": "The best points by their quick value, with their exact value.",
    }
    for name, layer in layers.items():
        layer.attrs["about"] = about[name]
    return layers


def sentences(finding: Finding) -> list[str]:
    """The answer in plain English, from the tables of a finding."""
    points, stamp = finding.tables["points"], finding.stamp
    grid, school = dict(stamp["grid"]), dict(stamp["school"])
    exact = points[points["exact_pounds"].notna()]
    if exact.empty:
        return ["No point could be valued exactly: no plan within the rules opens such a school."]
    best = exact.iloc[0]
    worth = float(best["exact_pounds"])
    rest = points[points["exact_pounds"].isna() & points["quick_pounds"].notna()]
    next_best = float(rest["at_most_pounds"].max()) if len(rest) else -math.inf
    where = f"near {best['near']} (easting {best['easting']:.0f}, northing {best['northing']:.0f})"
    said = [
        f"Of {grid['usable']:,} points, {school['words']} opening in September "
        f"{str(school['opens'])[:4]} would be worth most {where}: "
        + (
            f"{fmt.pounds(worth)} more than it costs, failures that it spares included."
            if worth >= 0
            else f"even there it costs {fmt.pounds(-worth)} more than it is worth."
        )
    ]
    if worth >= next_best:
        said.append(
            f"That is proven of this grid: no other point can be worth more than "
            f"{fmt.pounds(max(next_best, float(exact['exact_pounds'].iloc[1:].max())))}."
            if len(exact) > 1 or len(rest)
            else "It is the only point."
        )
    else:
        said.append(
            f"It is the best of the {len(exact)} that were valued exactly; another might be worth "
            f"up to {fmt.pounds(next_best)}. Ask for more with --exact."
        )
    error = exact["error_pounds"]
    said.append(
        f"The quick value is never too low. Over the {len(exact)} it was "
        f"{fmt.pounds(float(error.median()))} too high at the median and "
        f"{fmt.pounds(float(error.max()))} at most."
    )
    usable = int(grid["usable"])
    may_pay = int((points["at_most_pounds"] > 0).sum())
    said.append(
        "At no point can such a school be worth its price beside this plan: that is proven."
        if not may_pay
        else "At every point it may be worth its price."
        if may_pay == usable
        else f"At {usable - may_pay:,} of the {usable:,} points it is proven not to be worth its "
        "price beside this plan."
    )
    return said
