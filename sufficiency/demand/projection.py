"""How many children will have a plan: children today, carried forward, and new plans each year.

A *diagonal* is (area, need, tier, year group in the base year): the children on it grow one year
group older every academic year. On every diagonal, in every planned year t,

    children[t] = children[t-1] * survival[t] + joining[t]        with 0 <= survival[t] <= 1.

Age is the age on 31 August before the academic year: age = year group + 4. Rates are indexed by
age 0 to 25; the share that ceases is that of the age in the year before.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from sufficiency.problems import Problems
from sufficiency.vocabulary import (
    HIGHEST_YEAR_GROUP,
    LOWEST_YEAR_GROUP,
    NEEDS,
    TIERS,
    academic_year_label,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PROJECTED_COLUMNS: Final[tuple[str, ...]] = (
    "academic_year",
    "area",
    "need",
    "tier",
    "year_group",
    "children",
    "joining",
    "draw",
)

AGES: Final = 26
FEWEST_DRAWS: Final = 10
"""Draws of a forecast from which a band is told."""
_AGE_OF_YEAR_GROUP_0: Final = 4

AGE_BANDS: Final[dict[str, tuple[int, int]]] = {
    "children_0_4": (0, 4),
    "children_5_11": (5, 11),
    "children_12_17": (12, 17),
    "children_18_24": (18, 24),
}
"""Columns of the table ``areas`` and the ages that they span."""

NATIONAL_PLANS: Final[tuple[int, ...]] = (
    *(0, 0, 0, 4302, 22517, 30847, 31867, 34082, 36412, 38381, 41405, 46775, 47172),
    *(47359, 47125, 44886, 42005, 36484, 28598, 20815, 14495, 9805, 6258, 4030, 2221, 371),
)
"""Children with a plan by age 0 to 25, England, January 2025.

Source: Department for Education, "Education, health and care plans", reporting year 2025.
Under 3 is not published by single age and is left at nought.
"""

NATIONAL_PEOPLE: Final[tuple[int, ...]] = (
    *(575_000, 575_000, 590_000, 600_000, 630_000, 650_000, 660_000, 665_000, 670_000),
    *(680_000, 690_000, 700_000, 705_000, 710_000, 700_000, 690_000, 690_000, 690_000),
    *(680_000, 680_000, 690_000, 690_000, 700_000, 710_000, 720_000, 720_000),
)
"""People by age 0 to 25, England, mid-2024, rounded (Office for National Statistics)."""

NATIONAL_NEEDS: Final[dict[str, float]] = {
    "SPLD": 0.0227,
    "MLD": 0.1063,
    "SLD": 0.0406,
    "PMLD": 0.0135,
    "SEMH": 0.2081,
    "SLCN": 0.2151,
    "HI": 0.0139,
    "VI": 0.0083,
    "MSI": 0.0027,
    "PD": 0.0389,
    "ASD": 0.3180,
    "DS": 0.0000,
    "OTH": 0.0119,
}
"""Share of plans by need, England, January 2025: used only where nobody has a plan today.

Source: Department for Education, "Education, health and care plans", reporting year 2025, summed
over types of placement; Down syndrome is not yet counted apart there.
"""

LEVEL_AGES: Final = (4, 15)
"""Ages by which the local level is set: of school age, when nearly every child is counted."""

SMOOTHING_CHILDREN: Final = 30.0
"""Weight of the authority's mix at all ages in the mix of one age band, in children (judgement)."""

OBSERVED_AREA_WEIGHT: Final = 0.5
"""Weight of an area's share of plans today, beside its share of people (judgement)."""

JOINING_TOLERANCE: Final = 0.1
"""Children by which a supplied forecast may miss the identity: it allows for a rounded table."""

_NOTHING: Final = 1e-6
"""Children: a difference as small as this is a rounding error of the computer, not a child."""

_PROBLEMS_SHOWN: Final = 20


# ------------------------------------------------------------------------------------- tiers


def split_tiers(
    frame: pd.DataFrame, tier_shares: Mapping[str, Sequence[float]]
) -> tuple[pd.DataFrame, float]:
    """Split the rows without a tier (0 or missing) over tiers 1 to 4 by their need's shares.

    Args:
        frame: has columns need, tier and children, perhaps joining; other columns are repeated.
        tier_shares: need -> share of its children in tiers 1, 2, 3 and 4.

    Returns:
        The table with every tier filled in, in its own order, and how many children (summed over
        all rows, so over all years of a forecast) were split. Shares of nought make no row.

    Raises:
        ValueError: a need to split has no shares.
    """
    table = frame.reset_index(drop=True)
    tier = pd.to_numeric(table["tier"]).fillna(0).astype("int64")
    table["tier"] = tier
    blank = (tier == 0).to_numpy()
    if not blank.any():
        return table, 0.0
    without = sorted(set(table.loc[blank, "need"]) - set(tier_shares))
    if without:
        raise ValueError(f"no tier shares for {', '.join(without)}")
    count = len(TIERS)
    shares = np.array([list(tier_shares[need]) for need in table.loc[blank, "need"]], dtype=float)
    repeated = table.loc[blank]
    repeated = repeated.loc[repeated.index.repeat(count)]
    repeated["tier"] = np.tile(np.array(list(TIERS)), int(blank.sum()))
    flat = shares.ravel()
    for column in ("children", "joining"):
        if column in repeated:
            repeated[column] = repeated[column].to_numpy(dtype=float) * flat
    whole = pd.concat([table.loc[~blank], repeated.loc[flat > 0]]).sort_index(kind="stable")
    split = float(table.loc[blank, "children"].sum())
    return whole.reset_index(drop=True), split


# ------------------------------------------------------------------------------------- rates


@dataclass(frozen=True)
class Rates:
    """Rates of one authority and variant.

    Attributes:
        new_plans_per_1000: new plans a year per 1,000 people, by age 0 to 25.
        ceasing_share: share of plans that cease within the year, by age 0 to 25.
        growth: yearly growth of the rate of new plans.
        own_new_plans: by age, whether the rate of new plans is the authority's own, so that the
            local level is already in it.
    """

    new_plans_per_1000: tuple[float, ...]
    ceasing_share: tuple[float, ...]
    growth: float
    own_new_plans: tuple[bool, ...] = (False,) * AGES

    def __post_init__(self) -> None:
        for name in ("new_plans_per_1000", "ceasing_share", "own_new_plans"):
            if len(getattr(self, name)) != AGES:
                raise ValueError(f"{name} must have {AGES} values, one for each age 0 to 25")


def authority_rates(
    model_new_plans_per_1000: Sequence[float],
    model_ceasing: Sequence[float],
    growth: float,
    own: pd.DataFrame | None = None,
) -> Rates:
    """Rates by age: the authority's own where its table ``rates`` gives one, else the model's.

    Args:
        model_new_plans_per_1000: by age 0 to 25.
        model_ceasing: by age 0 to 25.
        growth: yearly growth of the rate of new plans for the chosen variant.
        own: columns year_group, new_plans_per_1000, ceasing_share (a missing value, or a missing
            column, is the model's). A row tells of children in that year group: those who get a
            plan in it, and those whose plan ceases before the next.
    """
    new_plans = np.array(model_new_plans_per_1000, dtype=float)
    ceasing = np.array(model_ceasing, dtype=float)
    is_own = np.zeros(len(new_plans), dtype=bool)
    if own is not None and len(own):
        age = own["year_group"].to_numpy(dtype=np.int64) + _AGE_OF_YEAR_GROUP_0
        inside = (age >= 0) & (age < AGES)
        for column, target in (("new_plans_per_1000", new_plans), ("ceasing_share", ceasing)):
            if column not in own:
                continue
            value = own[column].to_numpy(dtype=float)
            given = inside & ~np.isnan(value)
            target[age[given]] = value[given]
            if column == "new_plans_per_1000":
                is_own[age[given]] = True
    return Rates(
        tuple(float(x) for x in new_plans),
        tuple(float(x) for x in ceasing),
        float(growth),
        tuple(bool(x) for x in is_own),
    )


def population_by_age(
    areas: pd.DataFrame, population: pd.DataFrame | None, years: Sequence[int]
) -> FloatArray:
    """People of the authority by academic year (rows, as in ``years``) and age 0 to 25 (columns).

    From the table ``population`` (academic_year, age, people); a year it lacks keeps the value of
    the year before (the first years: of the first year given). An age it lacks, or a missing
    table: the age bands of ``areas``, spread evenly over their ages and constant over the years.
    """
    bands = np.zeros(AGES)
    for column, (lowest, highest) in AGE_BANDS.items():
        people = float(np.nansum(areas[column].to_numpy(dtype=float))) if column in areas else 0.0
        bands[lowest : highest + 1] = people / (highest - lowest + 1)
    bands[25] = bands[24]
    result = np.tile(bands, (len(years), 1))
    if population is None or population.empty:
        return result
    given = population.pivot_table(
        index="academic_year", columns="age", values="people", aggfunc="sum"
    )
    wanted = sorted({*(int(year) for year in given.index), *years})
    given = given.reindex(wanted).ffill().bfill().loc[list(years)]
    for age in given.columns:
        if 0 <= int(age) < AGES:
            result[:, int(age)] = given[age].to_numpy(dtype=float)
    return result


def local_level(children_today: pd.DataFrame, people: FloatArray) -> float:
    """Plans today relative to what national rates would give: 1.2 is a fifth above England.

    The children of ages 4 to 15 (year groups 0 to 11) with a plan today, over the number that the
    national plans per 1,000 people of January 2025 by single age would give for the authority's
    ``people`` (by age 0 to 25, in the base year). Older ages are left out: what ceases after 16
    differs by local practice more than by need. Plans rise over time, so a count of a later year
    carries the rise since January 2025 into the level. 1 where nobody of those ages has a plan
    today or nobody lives there: then nothing local is known.
    """
    lowest, highest = LEVEL_AGES
    ages = slice(lowest, highest + 1)
    rate = np.array(NATIONAL_PLANS[ages]) / np.array(NATIONAL_PEOPLE[ages])
    expected = float((rate * people[ages]).sum())
    age = children_today["year_group"].to_numpy(dtype=np.int64) + _AGE_OF_YEAR_GROUP_0
    counted = (age >= lowest) & (age <= highest)
    observed = float(children_today["children"].to_numpy(dtype=float)[counted].sum())
    return observed / expected if expected > 0 and observed > 0 else 1.0


# ---------------------------------------------------------------------------------- rounding


def systematic_rounding(expected: FloatArray, offset: float = 0.5) -> IntArray:
    """Round a list of expected numbers so that every run of it keeps its total to within one.

    The result is the difference of the running totals, each rounded down after ``offset``
    (0 <= offset < 1) is added: every number becomes its whole part or one more, and whole numbers
    stay as they are.
    """
    # A running total of 2.9999999999 must count as 3, and an offset of nearly one as less than one.
    running = np.floor(np.cumsum(expected) + min(offset, 1 - 1e-8) + 1e-9)
    return np.diff(running, prepend=0.0).astype(np.int64)


def controlled_rounding(shares: FloatArray, group: IntArray) -> IntArray:
    """Share out whole children over columns so that no column ever strays from its expectation.

    Args:
        shares: (groups, columns) >= 0, how the children of a group are expected to spread over
            the columns; each row is scaled to a sum of 1 (a row of noughts: evenly).
        group: (children,) the group of every child, in the order in which they come.

    Returns:
        (children,) the column of every child. After every child, the number in a column differs
        from the sum of its shares so far by less than 1. So every stretch of the list (a year, a
        year group) keeps every column to within 2 children at the very worst, and the whole list
        to within 1; a column with a share of nought gets nobody.

    The rule is Tijdeman's (The chairman assignment problem, Discrete Mathematics 32, 1980): the
    n-th child of a column may come once its expected number has reached n - 1 + d, and must come
    before it passes n - d, with d = 1 / (2 columns - 2); whoever must come first is taken.
    """
    children = len(group)
    result = np.zeros(children, dtype=np.int64)
    weights = np.asarray(shares, dtype=float)
    if children == 0 or weights.shape[1] <= 1:
        return result
    total = weights.sum(axis=1, keepdims=True)
    weights = np.where(total > 0, weights / np.where(total > 0, total, 1.0), 1 / weights.shape[1])
    size = np.bincount(group, minlength=len(weights))
    columns = np.flatnonzero(size @ weights > 0)
    if len(columns) == 1:
        return np.full(children, columns[0], dtype=np.int64)
    margin = 1.0 / (2 * len(columns) - 2)
    release, deadline, owner = [], [], []
    for column in columns:
        share = weights[group, column]
        running = np.cumsum(share)
        order = np.arange(int(np.floor(running[-1] - margin + 1e-9)) + 1)
        if len(order) == 0:
            continue
        release.append(np.searchsorted(running, order + margin - 1e-9))
        limit = order + 1 - margin
        due = np.searchsorted(running, limit + 1e-9, side="right")
        inside = due < children
        at = np.minimum(due, children - 1)
        # Within a step, and beyond the end of the list, the nearer limit comes first.
        early = np.where(
            inside,
            (running[at] - limit) / np.maximum(share[at], 1e-12),
            (limit - running[-1]) * children / running[-1],
        )
        deadline.append(np.where(inside, due - np.minimum(early, 0.999), children + early))
        owner.append(np.full(len(order), column))
    released = np.concatenate(release)
    by_release = np.lexsort((np.concatenate(owner), np.concatenate(deadline), released))
    starts = released[by_release].tolist()
    limits = np.concatenate(deadline)[by_release].tolist()
    owners = np.concatenate(owner)[by_release].tolist()
    waiting: list[tuple[float, int]] = []
    following = 0
    for child in range(children):
        # One is always waiting; the second condition guards against the last digit of a float.
        while following < len(starts) and (starts[following] <= child or not waiting):
            heapq.heappush(waiting, (limits[following], owners[following]))
            following += 1
        if waiting:
            result[child] = heapq.heappop(waiting)[1]
        else:
            result[child] = int(np.argmax(weights[group[child]]))
    return result


# -------------------------------------------------------------------------------- projection


@dataclass(frozen=True)
class DemandBand:
    """How many children other forecasts of the same inputs expect.

    Attributes:
        basis: what the band is made of, in words.
        years: academic year to (least, most) children with a plan in the whole authority.
    """

    basis: str
    years: Mapping[int, tuple[float, float]]


def band_of_variants(forecasts: Mapping[str, pd.DataFrame]) -> DemandBand:
    """The band between the least and the most children of several projections, year by year.

    Args:
        forecasts: by name of the variant, academic_year and children.
    """
    children = {n: f.groupby("academic_year")["children"].sum() for n, f in forecasts.items()}
    totals = pd.DataFrame(children).fillna(0.0)
    names = totals.sum().sort_values().index
    words = f"growth of new plans from the {names[0]} to the {names[-1]} variant"
    return DemandBand(words, _ends(totals.index, totals.min(axis=1), totals.max(axis=1)))


def band_of_draws(forecast: pd.DataFrame) -> DemandBand | None:
    """The band in which eight in ten draws of a forecast lie; None for fewer than ten draws.

    Args:
        forecast: draw, academic_year and children.
    """
    totals = forecast.groupby(["academic_year", "draw"])["children"].sum().unstack(fill_value=0)
    draws = len(totals.columns)
    if draws < FEWEST_DRAWS:
        return None
    ends = _ends(totals.index, totals.quantile(0.1, axis=1), totals.quantile(0.9, axis=1))
    return DemandBand(f"eight in ten of the {draws:,} draws of the forecast", ends)


def _ends(
    years: pd.Index[int], least: pd.Series[float], most: pd.Series[float]
) -> dict[int, tuple[float, float]]:
    return {
        int(year): (float(low), float(high))
        for year, low, high in zip(years, least, most, strict=True)
    }


def project(
    children_today: pd.DataFrame,
    areas: pd.DataFrame,
    population: pd.DataFrame | None,
    rates: Rates,
    *,
    base_year: int,
    years: int,
    seed: int,
    draw: int = 0,
    expected: bool = False,
    tier_shares: Mapping[str, Sequence[float]] | None = None,
) -> pd.DataFrame:
    """Project the children with a plan for the academic years base_year + 1 .. base_year + years.

    Args:
        children_today: area, need, tier (1 to 4: see :func:`split_tiers`), year_group, children
            in the base year (rows of one cell in several provisions are summed). Year groups
            outside -4 .. 20 are left out: at 21 a plan has ended.
        areas: area, locality, children_0_4, children_5_11, children_12_17, children_18_24.
        population: academic_year, age, people of the whole authority, or None (then the areas'
            bands, constant): :func:`population_by_age`.
        rates: :func:`authority_rates`.
        seed: makes the same projection again.
        draw: 0 is the central projection; 1, 2, ... are draws of chance around it.
        expected: keep fractions of children among those who join, in every cell (large).
        tier_shares: used only where nobody has a plan today (missing: tiers evenly).

    Returns:
        academic_year, area, need, tier, year_group, children, joining (of the children, those
        whose plan is new that year), draw; rows with children only, sorted by these columns.

    Survivors: children of the year before x (1 - ceasing_share[age then]); expected values.

    Joining in year t, at an age: new_plans_per_1000[age] x people(t, age) / 1000
    x (1 + growth) ** (t - base_year) x local level. The local level (:func:`local_level`) is the
    ratio of the authority's plans today at ages 4 to 15 to those that the national rate of plans
    per 1,000 by age of January 2025 would give for its people, so that a place with more or fewer
    plans than England keeps its level; it is 1 at ages with a rate of the authority's own.

    Need and tier of those who join: the authority's mix in the age band today (0 to 4, 5 to 11,
    12 to 17, 18 to 24), smoothed with 30 children of its mix at all ages. Area: half by the
    people of the age band, half by the area's share of all plans today.

    Those who join are whole children. Draw 0: a year's total is rounded so that the running total
    keeps to within a half; the children are then shared out over year groups, need and tier,
    localities, and the areas of a locality by :func:`controlled_rounding`, each of which keeps
    within one child of its expected number counted from the first year on (up to two in a single
    year, seldom more than one). The seed sets only the order in which year groups and needs come
    within a year, lest the same areas get the same needs each year. Draws 1, 2, ...: the number
    who join in each year and year group is Poisson around the expectation, and need, tier and
    area of every child are drawn by their shares.
    """
    today = _in_range(children_today)
    planned = [base_year + step for step in range(1, years + 1)]
    people = population_by_age(areas, population, [base_year, *planned])
    year_groups = np.arange(LOWEST_YEAR_GROUP, HIGHEST_YEAR_GROUP + 1)
    ages = year_groups + _AGE_OF_YEAR_GROUP_0
    level = np.where(rates.own_new_plans, 1.0, local_level(today, people[0]))[ages]
    growth = (1 + rates.growth) ** np.arange(1, years + 1)
    per_person = np.array(rates.new_plans_per_1000)[ages] / 1000
    joining = np.maximum(people[1:][:, ages] * per_person * level * growth[:, None], 0.0)

    band = np.array(
        [
            next(i for i, (_, highest) in enumerate(AGE_BANDS.values()) if age <= highest)
            for age in ages.tolist()
        ]
    )
    needs, tiers, mix = _mix(today, tier_shares)
    names, localities, weights = _area_weights(areas, today)
    if len(names) == 0:
        joining = np.zeros_like(joining)
    rng = np.random.default_rng([abs(seed), draw])
    if expected:
        cells = np.einsum("tg,gm,ga->tgma", joining, mix[band], weights[band], optimize=True)
        at = np.nonzero(cells > 1e-9)
        count: FloatArray = cells[at]
    else:
        at, count = _whole_joiners(joining, band, mix, needs, localities, weights, rng, draw)
    year, group, pair, area = at
    joiners = pd.DataFrame(
        {
            "academic_year": base_year + 1 + year,
            "area": names.take(area),
            "need": pd.Index(needs, dtype="str").take(pair),
            "tier": tiers[pair],
            "year_group": year_groups[group],
            "children": 0.0,
            "joining": count,
            "draw": draw,
        }
    )
    diagonals = _Diagonals(today.assign(draw=draw), joiners, base_year, planned[-1:])
    children = diagonals.children
    for step in range(1, children.shape[1]):
        survival = 1.0 - diagonals.ceasing(rates.ceasing_share, step)
        children[:, step] = children[:, step - 1] * survival + diagonals.joining[:, step]
    return diagonals.table()


def _in_range(children_today: pd.DataFrame) -> pd.DataFrame:
    """The rows of a count of today that a plan can hold: year groups -4 .. 20, children > 0."""
    inside = children_today["year_group"].between(LOWEST_YEAR_GROUP, HIGHEST_YEAR_GROUP)
    table = children_today.loc[inside & (children_today["children"] > 0)]
    return table[["area", "need", "tier", "year_group", "children"]]


def _mix(
    today: pd.DataFrame, tier_shares: Mapping[str, Sequence[float]] | None
) -> tuple[list[str], IntArray, FloatArray]:
    """Need and tier of those who join: needs (pairs,), tiers (pairs,), shares (bands, pairs).

    Pairs are in the order of the SEN2 return, tiers of one need side by side.
    """
    pairs = [(need, tier) for need in NEEDS for tier in TIERS]
    needs, tiers = [need for need, _ in pairs], np.array([tier for _, tier in pairs])
    place = {pair: index for index, pair in enumerate(pairs)}
    counts = np.zeros((len(AGE_BANDS), len(pairs)))
    age = today["year_group"].to_numpy(dtype=np.int64) + _AGE_OF_YEAR_GROUP_0
    lowest_ages = [lowest for lowest, _ in AGE_BANDS.values()]
    band = np.searchsorted(lowest_ages, age, side="right") - 1
    unknown = sorted(set(zip(today["need"], today["tier"].tolist(), strict=True)) - set(place))
    if unknown:
        raise ValueError(f"unknown need and tier: {unknown[:5]}")
    pair = [place[key] for key in zip(today["need"], today["tier"].tolist(), strict=True)]
    np.add.at(counts, (band, np.array(pair, dtype=np.int64)), today["children"].to_numpy(float))
    overall = counts.sum(axis=0)
    if overall.sum() <= 0:
        even = [1 / len(TIERS)] * len(TIERS)
        by_need = {need: (tier_shares or {}).get(need, even) for need in NEEDS}
        overall = np.array([NATIONAL_NEEDS[need] * by_need[need][tier - 1] for need, tier in pairs])
    overall = overall / overall.sum()
    smoothed = counts + SMOOTHING_CHILDREN * overall
    return needs, tiers, smoothed / smoothed.sum(axis=1, keepdims=True)


def _area_weights(
    areas: pd.DataFrame, today: pd.DataFrame
) -> tuple[pd.Index[str], IntArray, FloatArray]:
    """Areas in the order of locality and area, the locality's number, shares (bands, areas)."""
    table = areas.assign(area=areas["area"].astype("str"))
    locality = table["locality"] if "locality" in table else pd.Series("", index=table.index)
    table = table.assign(locality=locality.fillna("").astype("str"))
    table = table.sort_values(["locality", "area"], kind="stable")
    names = pd.Index(table["area"], dtype="str")
    by_area = today.groupby(today["area"].astype("str"))["children"].sum()
    observed = by_area.reindex(names).fillna(0).to_numpy(float)
    rows = []
    for column in AGE_BANDS:
        people = (
            np.nan_to_num(table[column].to_numpy(dtype=float))
            if column in table
            else np.zeros(len(table))
        )
        parts = [
            (weight, values / values.sum())
            for weight, values in (
                (1 - OBSERVED_AREA_WEIGHT, people),
                (OBSERVED_AREA_WEIGHT, observed),
            )
            if values.sum() > 0
        ]
        blended = sum((w * v for w, v in parts), np.zeros(len(table)))
        even = np.full(len(table), 1 / max(1, len(table)))
        rows.append(blended / blended.sum() if parts else even)
    number = np.unique(table["locality"].to_numpy(dtype=object), return_inverse=True)[1]
    return names, number.astype(np.int64), np.array(rows)


def _whole_joiners(
    joining: FloatArray,
    band: IntArray,
    mix: FloatArray,
    needs: list[str],
    localities: IntArray,
    weights: FloatArray,
    rng: np.random.Generator,
    draw: int,
) -> tuple[tuple[IntArray, IntArray, IntArray, IntArray], FloatArray]:
    """Whole children for ``joining`` (years, year groups).

    Returns:
        Year, year group, need and tier, and area of every cell that has any (as positions), and
        the children in it.
    """
    if draw:
        counts = rng.poisson(joining)
        year, group = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), joining.shape[1])
        of_band = band[group]
        pair, area = _drawn(mix, of_band, rng), _drawn(weights, of_band, rng)
    else:
        size = systematic_rounding(joining.sum(axis=1))
        year = np.repeat(np.arange(len(size)), size)
        group = controlled_rounding(joining, year)
        # The order within a year changes from year to year: with a steady number of children,
        # a fixed order would give the same areas the same needs every year.
        shuffled = np.array([rng.permutation(joining.shape[1]) for _ in size])
        order = np.lexsort((shuffled[year, group], year)) if len(year) else np.arange(0)
        year, group = year[order], group[order]
        pair = controlled_rounding(mix, band[group])
        need = np.unique(needs, return_inverse=True)[1][pair]
        reshuffled = np.array([rng.permutation(len(needs)) for _ in size])
        if len(year):
            order = np.lexsort((shuffled[year, group], pair, reshuffled[year, need], year))
            year, group, pair = year[order], group[order], pair[order]
        of_band = band[group]
        count = int(localities.max()) + 1 if len(localities) else 0
        by_locality = np.array(
            [np.bincount(localities, weights=row, minlength=count) for row in weights]
        )
        locality = controlled_rounding(by_locality, of_band)
        area = np.zeros(len(year), dtype=np.int64)
        for number in range(count):
            inside = np.flatnonzero(locality == number)
            members = np.flatnonzero(localities == number)
            area[inside] = members[controlled_rounding(weights[:, members], of_band[inside])]
    shape = (*joining.shape, mix.shape[1], max(1, weights.shape[1]))
    cells, children = np.unique(
        np.ravel_multi_index((year, group, pair, area), shape), return_counts=True
    )
    where = np.unravel_index(cells, shape)
    return (where[0], where[1], where[2], where[3]), children.astype(float)


def _drawn(shares: FloatArray, group: IntArray, rng: np.random.Generator) -> IntArray:
    """The column of every child, drawn by the shares of the child's group."""
    result = np.zeros(len(group), dtype=np.int64)
    for number, row in enumerate(shares):
        inside = np.flatnonzero(group == number)
        if len(inside):
            result[inside] = rng.choice(len(row), size=len(inside), p=row / row.sum())
    return result


class _Diagonals:
    """Tables laid out as matrices (diagonal, year), the base year in column 0.

    Attributes:
        children, joining: children; ``joining`` is NaN where a cell of the table has no value.
        row: the first ``_row`` of the cell in the table (-1: the table says nothing of the cell).
        start: year group in the base year, by diagonal.
    """

    def __init__(
        self,
        today: pd.DataFrame,
        projected: pd.DataFrame,
        base_year: int,
        last_years: Sequence[int] = (),
    ) -> None:
        """Lay out ``today`` (draw is needed) and ``projected`` (years after the base year)."""
        self.base_year = base_year
        both = {
            name: pd.concat([today[name], projected[name]], ignore_index=True)
            for name in ("area", "need", "tier", "year_group", "children", "draw")
        }
        step = np.concatenate(
            [
                np.zeros(len(today), dtype=np.int64),
                projected["academic_year"].to_numpy(dtype=np.int64) - base_year,
            ]
        )
        columns = 1 + max(
            [int(step.max()) if len(step) else 0, *(y - base_year for y in last_years)]
        )
        start = both["year_group"].to_numpy(dtype=np.int64) - step
        code = np.zeros(len(step), dtype=np.int64)
        self._labels: dict[str, pd.Index[str] | IntArray] = {}
        parts: list[tuple[str, IntArray, int]] = []
        for name in ("draw", "area", "need", "tier"):
            if name in ("area", "need"):
                number, label = pd.factorize(both[name].astype("str"), sort=True)
                self._labels[name] = pd.Index(label, dtype="str")
            else:
                values, number = np.unique(both[name].to_numpy(np.int64), return_inverse=True)
                self._labels[name] = values
            parts.append((name, number.astype(np.int64), len(self._labels[name])))
        lowest = int(start.min()) if len(start) else 0
        span = int(start.max()) - lowest + 1 if len(start) else 1
        for _, number, length in parts:
            code = code * max(1, length) + number
        code = code * span + (start - lowest)
        unique, diagonal = np.unique(code, return_inverse=True)
        shape = (len(unique), columns)
        flat = diagonal * columns + step

        def matrix(values: FloatArray, where: IntArray) -> FloatArray:
            summed = np.bincount(where, weights=values, minlength=shape[0] * columns)
            return summed.reshape(shape).astype(float)

        self.children = matrix(both["children"].to_numpy(dtype=float), flat)
        future = flat[len(today) :]
        # Several rows of one cell (a tier given and a tier split) count as given when all are.
        self.joining = matrix(projected["joining"].to_numpy(dtype=float), future)
        self.row = np.full(shape, -1, dtype=np.int64)
        rows = (
            projected["_row"].to_numpy(dtype=np.int64)
            if "_row" in projected
            else np.zeros(len(projected), dtype=np.int64)
        )
        self.row.ravel()[future[::-1]] = rows[::-1]
        self.start: IntArray = unique % span + lowest
        rest = unique // span
        self._codes: dict[str, IntArray] = {}
        for name, _, length in reversed(parts):
            self._codes[name] = rest % max(1, length)
            rest = rest // max(1, length)

    def need_in(self, needs: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Whether a diagonal is of one of the needs."""
        return np.isin(np.asarray(self._labels["need"], dtype=object), list(needs))[
            self._codes["need"]
        ]

    def order_without_area(self, at: IntArray) -> tuple[IntArray, ...]:
        """Keys that sort the diagonals ``at`` by draw, need, tier, year group (last key first)."""
        names = ("tier", "need", "draw")
        return (self.start[at], *(self._codes[name][at] for name in names))

    def ceasing(self, ceasing_share: Sequence[float], step: int) -> FloatArray:
        """Share of each diagonal's children whose plan ceased before the year ``step``."""
        age = self.start + step - 1 + _AGE_OF_YEAR_GROUP_0
        share = np.clip(np.array(ceasing_share, dtype=float), 0.0, 1.0)
        gone = (age < 0) | (age >= len(share)) | (self.start + step > HIGHEST_YEAR_GROUP)
        return np.where(gone, 1.0, share[np.clip(age, 0, len(share) - 1)])

    def table(self) -> pd.DataFrame:
        """The planned years as a table with the columns of ``PROJECTED_COLUMNS``."""
        year_group = self.start[:, None] + np.arange(self.children.shape[1])[None, :]
        kept = (self.children > 0) & (year_group >= LOWEST_YEAR_GROUP)
        kept &= year_group <= HIGHEST_YEAR_GROUP
        kept[:, 0] = False
        # Transposed, the rows come by year, then in the order of the diagonals.
        step, diagonal = np.nonzero(kept.T)

        def label(name: str) -> pd.Index[str] | IntArray:
            return self._labels[name].take(self._codes[name][diagonal])

        table = pd.DataFrame(
            {
                "academic_year": (self.base_year + step).astype(np.int64),
                "area": label("area"),
                "need": label("need"),
                "tier": label("tier"),
                "year_group": year_group[diagonal, step],
                "children": self.children[diagonal, step],
                "joining": self.joining[diagonal, step],
                "draw": label("draw"),
            }
        )
        if len(self._labels["draw"]) > 1:
            keys = ["academic_year", "draw", "area", "need", "tier", "year_group"]
            table = table.sort_values(keys, kind="stable", ignore_index=True)
        return table


def _with_draws(children_today: pd.DataFrame, projected: pd.DataFrame) -> pd.DataFrame:
    """Children today once for every draw of the forecast."""
    today = _in_range(children_today)
    draws = sorted({int(draw) for draw in projected["draw"]}) or [0]
    return pd.concat([today.assign(draw=draw) for draw in draws], ignore_index=True)


# -------------------------------------------------------------------------- supplied forecasts


def derive_joining(
    projected: pd.DataFrame,
    children_today: pd.DataFrame,
    ceasing_share: Sequence[float],
    base_year: int,
    problems: Problems,
    *,
    file: str = "projected_children",
) -> pd.DataFrame:
    """Fill in ``joining`` where a supplied forecast lacks it, and check it where it is given.

    Without it, joining[t] = max(0, children[t] - (1 - ceasing_share[age in t-1]) *
    children[t-1]) on the diagonal, children today in the base year. A forecast below what would
    survive has fewer survivors; one above has new plans.

    Args:
        projected: academic_year, area, need, tier (1 to 4), year_group, children, joining (NaN:
            derive), perhaps draw (missing: 0) and ``_row`` (row in the file, for messages). Rows
            of one cell are summed. Years up to the base year are left out.
        children_today: area, need, tier, year_group, children in the base year.
        ceasing_share: by age 0 to 25.
        problems: takes an error for joining < 0 or > children, for survivors (children - joining)
            above the children of the year before, and for a year missing within the forecast. A
            difference of up to a tenth of a child is taken for rounding and put right.

    Returns:
        A table as :func:`project` returns it, which satisfies the identity even after an error,
        so that further checks can go on.
    """
    table = projected.loc[projected["academic_year"] > base_year]
    if "draw" not in table:
        table = table.assign(draw=0)
    if "joining" not in table:
        table = table.assign(joining=np.nan)
    _check_years(table, base_year, problems, file)
    diagonals = _Diagonals(_with_draws(children_today, table), table, base_year)
    children, joining = diagonals.children, diagonals.joining
    wrong: dict[str, list[tuple[int, float]]] = {"negative": [], "above": [], "survivors": []}
    for step in range(1, children.shape[1]):
        before, now, given = children[:, step - 1], children[:, step], joining[:, step]
        is_given = ~np.isnan(given) & (diagonals.row[:, step] >= 0)
        for kind, bad in (
            ("negative", is_given & (given < -_NOTHING)),
            ("above", is_given & (given > now + JOINING_TOLERANCE + 1e-9)),
            ("survivors", is_given & (now - given > before + JOINING_TOLERANCE + 1e-9)),
        ):
            for at in np.flatnonzero(bad).tolist():
                wrong[kind].append((int(diagonals.row[at, step]), float(given[at])))
        derived = now - (1.0 - diagonals.ceasing(ceasing_share, step)) * before
        nearest = np.round(derived)
        derived = np.maximum(np.where(np.abs(derived - nearest) <= _NOTHING, nearest, derived), 0.0)
        as_given = np.clip(np.maximum(given, now - before), 0.0, now)
        as_given = np.where(as_given - given <= _NOTHING, np.clip(given, 0.0, now), as_given)
        joining[:, step] = np.where(is_given, as_given, derived)
        # What the computer's rounding leaves above the year before is no new plan.
        now[:] = np.minimum(now, before + joining[:, step])
    _report(wrong, problems, file)
    return diagonals.table()


def _check_years(table: pd.DataFrame, base_year: int, problems: Problems, file: str) -> None:
    """Note the years missing between the base year and the last year of a draw."""
    for draw, part in table.groupby("draw"):
        given = {int(year) for year in part["academic_year"].unique()}
        for year in sorted(set(range(base_year + 1, max(given))) - given):
            problems.error(
                f"the forecast (draw {draw}) has no children in {academic_year_label(year)}",
                "give every academic year from the first planned one on",
                file=file,
                column="academic_year",
            )


def _report(
    wrong: Mapping[str, Sequence[tuple[int, float]]], problems: Problems, file: str
) -> None:
    """Note what is wrong with joining as given, the first rows of each kind one by one."""
    said = {
        "negative": (
            "joining is below 0",
            "give the children whose plan is new that year, 0 or more, or leave it blank",
        ),
        "above": (
            "joining is above children: those whose plan is new are part of the children",
            "lower joining or raise children, or leave joining blank",
        ),
        "survivors": (
            "children less joining is above the children of the same cohort the year before "
            "(one year group younger)",
            "raise joining by the difference, or leave it blank to have it derived",
        ),
    }
    for kind, found in wrong.items():
        message, remedy = said[kind]
        ordered = sorted(found)
        for row, value in ordered[:_PROBLEMS_SHOWN]:
            problems.error(
                message, remedy, file=file, row=row or None, column="joining", value=f"{value:g}"
            )
        more = len(ordered) - _PROBLEMS_SHOWN
        if more > 0:
            problems.error(f"{message}: {more} more rows", remedy, file=file, column="joining")


# ------------------------------------------------------------------------------------ what-ifs


def apply_demand_change(
    projected: pd.DataFrame,
    children_today: pd.DataFrame,
    *,
    base_year: int,
    factor: float,
    from_year: int,
    needs: Sequence[str] | None,
    whole: bool,
    seed: int,
) -> pd.DataFrame:
    """Multiply joining by ``factor`` from a year on, and carry the difference forward.

    For the what-ifs "demand" and "early_intervention". Every diagonal keeps its survival; years
    before ``from_year``, other needs and diagonals without a change stay as they are.

    Args:
        projected: as :func:`project` or :func:`derive_joining` returns it.
        children_today: area, need, tier, year_group, children in the base year.
        factor: >= 0.
        from_year: the first academic year with the change.
        needs: the needs concerned; None is all.
        whole: cells with a whole number of children joining keep a whole number: children are
            added or dropped by :func:`systematic_rounding` over the cells in the order year,
            need, tier, year group, area, so that every year, every need and tier in it, and every
            phase of these, keeps its total to within one child. Cells with fractions are
            multiplied.
        seed: sets the offset of the rounding.

    Raises:
        ValueError: the factor is negative or not a number.
    """
    if not factor >= 0 or np.isinf(factor):
        raise ValueError(f"factor must be 0 or more, not {factor}")
    if factor == 1 or projected.empty:
        return projected[list(PROJECTED_COLUMNS)].reset_index(drop=True)
    diagonals = _Diagonals(_with_draws(children_today, projected), projected, base_year)
    children, joining = diagonals.children, diagonals.joining
    before = children.copy()
    survivors = np.maximum(children - joining, 0.0)
    concerned = np.ones(len(children), dtype=bool) if needs is None else diagonals.need_in(needs)
    steps = np.arange(children.shape[1])
    affected = concerned[:, None] & (steps[None, :] >= max(1, from_year - base_year))
    affected &= joining > 0
    changed = np.where(affected, joining * factor, joining)
    if whole:
        step, at = np.nonzero((affected & (np.abs(joining - np.round(joining)) <= _NOTHING)).T)
        # The diagonals are in the order of area, need, tier, year group: area comes last here.
        order = np.lexsort((*diagonals.order_without_area(at), step))
        step, at = step[order], at[order]
        offset = float(np.random.default_rng(abs(seed)).random())
        changed[at, step] = systematic_rounding(np.round(joining[at, step]) * factor, offset)
    stirred = np.zeros(len(children), dtype=bool)
    for step_ in range(1, children.shape[1]):
        was = before[:, step_ - 1]
        share = np.minimum(survivors[:, step_] / np.where(was > 0, was, 1.0), 1.0)
        stirred |= changed[:, step_] != joining[:, step_]
        now = children[:, step_ - 1] * np.where(was > 0, share, 0.0) + changed[:, step_]
        children[:, step_] = np.where(stirred, now, children[:, step_])
    diagonals.joining = changed
    return diagonals.table()
