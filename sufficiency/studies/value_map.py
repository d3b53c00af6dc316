r"""What a school would be worth at every point of an authority: a map of values.

The *quick* value needs one plan and no search. The plan without the school has prices: what one
more child of each cohort costs where it is placed now, what one more or less in each rule on shares
is worth. With these prices \(\pi\), a child of cohort \(k\) at a school at point \(g\) saves
\(b_{kg} = \sum_i \pi_i A_{i,kg} - V_{kg}\): its price less the cost of its stay there. The quick
value is the most that the school's places can save,

$$\max_x \sum_k b_{kg} x_k \quad\text{with}\quad \sum_k r_{kt} x_k \le c_t,\; 0 \le x_k \le N_k,$$

less what the school costs. Prices are feasible in the dual of placing children, so with the other
schemes as they are the quick value is never below the true one: a point whose quick value is lower
than another's exact value is proven to be worse. The *exact* value places all children anew.

The school's capital counts as a cost, but is not drawn from the budgets: otherwise the map would
show what other schemes it displaces, which is the same wherever it stands.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from sufficiency.problems import NoPlanError, Problems
from sufficiency.reports import formatting as fmt
from sufficiency.solving import SolveOptions
from sufficiency.studies import appraisal
from sufficiency.studies.answers import Answers
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
SECONDS: Final = 60.0
MOST_POINTS: Final = 2_000
MOST_EXACT: Final = 30

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
    with Answers(base, folder, tell=tell) as answers:
        plan = answers.best(words="Searching for the best plan without the school")
    if not plan.found:
        base.check()
        raise NoPlanError(f"No plan was found ({plan.status}).")
    tell("Valuing every point by the plan's prices")
    quick = quick_values(shares, school, grid, base, plan, estimate)
    order = np.argsort(-np.where(grid.usable, quick.worth, -np.inf), kind="stable")
    chosen = [int(i) for i in order[: min(exact, int(grid.usable.sum()))]]
    found = _exact(shares, school, grid, chosen, plan, options, estimate, folder, tell)
    return _write_up(loaded, school, grid, quick, found, plan, sentence, clock)


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

    def laid(step: float) -> Floats:
        x = np.arange(math.floor(west / step) * step + step / 2, east, step)
        y = np.arange(math.floor(south / step) * step + step / 2, north, step)
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
class Quick:
    """Quick values.

    Attributes:
        worth: pounds by point: places' savings less what the school costs.
        savings: pounds by point: the most that its places can save.
        children: children by point in the last year, where the places save most.
        fixed: pounds that the school costs, filled or not.
        slack: pounds by which the prices miss the cost of the plan; the values hold but for it.
    """

    worth: Floats
    savings: Floats
    children: Floats
    fixed: float
    slack: float


def quick_values(
    loaded: Loaded,
    school: School,
    grid: Grid,
    base: Study,
    plan: Answered,
    estimate: Mapping[str, float],
) -> Quick:
    """Value every point by the prices of one plan; see the head of this module.

    Args:
        loaded: the scenario, expected shares of children.
        school: with the September in which it opens.
        grid: the points.
        base: the study of the scenario without the school.
        plan: its plan.
        estimate: curve for journeys to the points.
    """
    outcome = base.placed_for(plan.opens)
    fixed_form = base.form.with_fixed(base.form.columns.among("open"), outcome.values)
    slack = max(0.0, outcome.objective - fixed_form.bound(outcome.row_dual))
    arcs = _SchoolArcs(loaded, school, base, outcome.row_dual)
    areas = loaded.tables.areas
    where = pd.DataFrame({"easting": grid.points[:, 0], "northing": grid.points[:, 1]})
    km = straight_km(areas, where)
    minutes = np.round(straight_line_minutes(km, estimate), 1)
    km = np.round(km * estimate["road_km_per_straight_km"], 2)
    savings, children = np.zeros(len(grid)), np.zeros(len(grid))
    for point in np.flatnonzero(grid.usable).tolist():
        savings[point], children[point] = arcs.best_use(minutes[:, point], km[:, point])
    return Quick(savings + slack - arcs.fixed, savings, children, arcs.fixed, slack)


class _SchoolArcs:
    """What a child of each cohort saves at the school, and what the school can hold.

    One school without journeys is put into the model, which then says what rules touch it; the
    journeys of a point are added to the cost of its arcs.
    """

    def __init__(self, loaded: Loaded, school: School, base: Study, prices: Floats) -> None:
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
        asked = study(near, base.options)
        q, form = asked.question, asked.form
        scheme = [str(s) for s in q.schemes["scheme"]].index(here.scheme)
        self.q = q
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
        matrix = sp.csc_matrix((form.value, form.index, form.start),
                               shape=(len(form.row_lower), len(form.cost)))  # fmt: skip
        dual = _prices_here(asked, base, prices)
        self.saving = np.asarray(dual @ matrix[:, self.column]).ravel() - form.cost[self.column]
        self._follow()
        guides = self.arcs["guide"].to_numpy(float)
        self.guide = guides
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
        self.saving = self.followed.solve(self.saving)

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
        use = np.flatnonzero(self.free & (far <= self.limit) & (saving > 0))
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
    """Prices of the base model's rows, on the rows of a model with one school more.

    Cohorts and groups are found by what they are; rows that the base model has not have no price,
    which leaves the prices feasible.
    """
    found = np.zeros(len(asked.form.row_lower))

    def cohorts(of: Study) -> pd.DataFrame:
        return of.question.cohorts[["diagonal", "entry"]]

    def groups(of: Study) -> pd.DataFrame:
        return of.question.preference_keys[["rule", "tier", "phase", "entry", "side"]]

    def sectors(of: Study) -> pd.DataFrame:
        return of.question.sector_keys[["kind", "phase", "entry"]]

    for family, keys in (
        ("every_child_placed", cohorts),
        ("preference_floor", groups),
        ("preference_ceiling", groups),
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


# ------------------------------------------------------------------ the exact value


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


def _exact(
    loaded: Loaded,
    school: School,
    grid: Grid,
    chosen: Sequence[int],
    plan: Answered,
    options: SolveOptions,
    estimate: Mapping[str, float],
    folder: Path | None,
    tell: Tell,
) -> dict[int, Exact]:
    """Children placed anew with the school at each chosen point, the other schemes unchanged."""
    where = [
        Place(
            f"{PREFIX}{rank}",
            str(rank),
            _name(grid, point),
            float(grid.points[point, 0]),
            float(grid.points[point, 1]),
        )
        for rank, point in enumerate(chosen, start=1)
    ]
    tried = with_schools(loaded, school, where, own_money=True, estimate=estimate)
    asked = study(tried.loaded, options, on_step=tell)
    first, last = loaded.scenario.first_year, loaded.scenario.last_year
    opens = int(school.opens or 0)
    found = {}
    with Answers(asked, folder, total=len(where) + 1, tell=tell) as answers:
        without = answers.exactly(plan.opens, "Placing children without the school")
        nothing = appraisal.appraise(without.plan, loaded.model, first, last)
        for point, place in zip(chosen, where, strict=True):
            answered = answers.exactly(
                {**plan.opens, place.scheme: opens}, f"Placing children with it at {place.name}"
            )
            if not answered.found:
                continue
            option = appraisal.appraise(answered.plan, loaded.model, first, last)
            here = answered.plan.occupancy
            here = here[(here["provision"] == place.scheme) & (here["academic_year"] == last)]
            stays = answered.plan.stays
            stays = stays[stays["provision"] == place.scheme].sort_values("minutes")
            half = stays["children"].cumsum() >= stays["children"].sum() / 2
            found[point] = Exact(
                without.objective - answered.objective,
                appraisal.net_present_value(option, nothing),
                float(here["children"].sum()),
                float(stays.loc[half, "minutes"].iloc[0]) if len(stays) else math.nan,
            )
    return found


def _name(grid: Grid, point: int) -> str:
    x, y = grid.points[point]
    return f"{x:.0f},{y:.0f}"


# ------------------------------------------------------------------ tables and sentences


def _write_up(
    loaded: Loaded,
    school: School,
    grid: Grid,
    quick: Quick,
    found: Mapping[int, Exact],
    plan: Answered,
    sentence: str,
    clock: float,
) -> Finding:
    values = pd.DataFrame(
        {
            "easting": grid.points[:, 0],
            "northing": grid.points[:, 1],
            "near": list(grid.near),
            "usable": grid.usable,
            "quick_pounds": np.where(grid.usable, quick.worth, np.nan),
            "quick_children": np.where(grid.usable, quick.children, np.nan),
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
        "fixed_pounds": quick.fixed,
        "slack_pounds": quick.slack,
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
    next_best = float(rest["quick_pounds"].max()) if len(rest) else -math.inf
    where = f"{best['easting']:.0f},{best['northing']:.0f}, near {best['near']}"
    said = [
        f"Of {grid['usable']:,} points, {school['words']} opening in September "
        f"{str(school['opens'])[:4]} would be worth most at {where}: "
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
    paying = int((points["quick_pounds"] > 0).sum())
    said.append(
        f"At {paying:,} of {grid['usable']:,} points the quick value is above nought; at the "
        "others such a school is proven not to be worth its price beside this plan."
        if paying
        else "At no point can such a school be worth its price beside this plan: that is proven."
    )
    return said
