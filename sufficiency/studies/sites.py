"""Schools that nobody has listed: what is asked of them, where they stand, how far it is to them.

A hypothetical school is one more candidate site and one more scheme in the tables of a scenario, so
that the one model treats it like every other. Journeys to a site without measured ones are
estimated by the straight-line curve, fitted to the scenario's own measured journeys where it has
enough of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import geopandas
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point

from sufficiency.geography.curve import LEAST_AREAS, LEAST_JOURNEYS, Sample, fit_curve
from sufficiency.geography.travel import STRAIGHT_LINE, straight_km, straight_line_minutes
from sufficiency.imports.postcodes import read_postcodes
from sufficiency.pipeline import Loaded
from sufficiency.problems import Problems, near
from sufficiency.reports import formatting as fmt
from sufficiency.tables.reading import GRID_EXTENT, looks_like_degrees
from sufficiency.vocabulary import (
    HIGHEST_YEAR_GROUP,
    KINDS,
    LOWEST_YEAR_GROUP,
    NEEDS,
    academic_year_label,
    parse_year,
    year_group_name,
)

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST_SITES: Final = 10
"""Sites in one question: more make the model large and the page unreadable."""
PREFIX: Final = "tested-"
"""Hypothetical schemes are called tested-A, tested-B and so on."""
NEW_MONEY: Final = "money for the tested site"
"""The source of capital that exists only with the tested site."""
MOST_JOURNEYS_FITTED: Final = 20_000
BUDGET_IS_AMPLE: Final = 1e9


@dataclass(frozen=True)
class School:
    """What is to be tried, wherever it stands.

    Attributes:
        kind: of provision.
        needs: primary needs that it admits.
        places: once full.
        lowest, highest: year groups.
        opens: the September in which it opens; None: the search chooses.
        capital: pounds in all; None: the model's cost per place.
        running: fixed pounds per year once open, beyond those of places.
        grant: pounds of capital that come only with it.
    """

    kind: str
    needs: tuple[str, ...]
    places: float
    lowest: int
    highest: int
    opens: int | None = None
    capital: float | None = None
    running: float = 0.0
    grant: float = 0.0

    @property
    def words(self) -> str:
        """What it is, in a phrase: ``120 places for ASD and SLD, Reception to Year 11``."""
        needs = "any need" if len(self.needs) == len(NEEDS) else fmt.in_words(self.needs)
        return (
            f"{fmt.places(self.places)} for {needs}, {year_group_name(self.lowest)} to "
            f"{year_group_name(self.highest)}"
        )


@dataclass(frozen=True)
class Place:
    """Where a school may stand.

    Attributes:
        scheme: identifier of the hypothetical scheme.
        label: short name in tables: a letter, or a number.
        name: for readers.
        easting, northing: metres, EPSG:27700.
        site: the candidate site of the scenario that it is; empty for any other point.
    """

    scheme: str
    label: str
    name: str
    easting: float
    northing: float
    site: str = ""


@dataclass(frozen=True)
class Tried:
    """A scenario with hypothetical schools in its tables.

    Attributes:
        loaded: with them.
        sentences: what was estimated or must be known of them.
    """

    loaded: Loaded
    sentences: tuple[str, ...] = field(default=())


# ------------------------------------------------------------------ what is asked


def read_school(
    loaded: Loaded,
    problems: Problems,
    *,
    needs: str | Sequence[str],
    places: float,
    year_groups: str = "0-14",
    opens: str | int | None = None,
    kind: str = "state_special",
    capital: float | None = None,
    running: float = 0.0,
    grant: float = 0.0,
) -> School:
    """Read what is to be tried, and check it against the scenario.

    Args:
        loaded: the scenario.
        problems: takes everything that is wrong.
        needs: codes separated by ``|`` or commas, or "any"; or a list of codes.
        places: once full.
        year_groups: "0-14", "R-11", "7".
        opens: academic year of the opening September; None: the search chooses.
        kind: of provision; one that the planning model lets capital create.
        capital: pounds; None: the model's ``capital_per_place``.
        running: fixed pounds per year once open.
        grant: pounds of capital that come only with it.
    """
    model, scenario = loaded.model, loaded.scenario
    if kind not in KINDS:
        problems.error(f"there is no such kind of provision{near(kind, KINDS)}",
                       f"use one of {', '.join(model.scheme_kinds)}.",
                       file="--kind", value=kind)  # fmt: skip
    elif kind not in model.scheme_kinds:
        problems.error(
            f"the planning model {model.name} builds no {KINDS[kind].lower()}.",
            f"use one of {', '.join(model.scheme_kinds)}, or another model with --model.",
            file="--kind", value=kind,
        )  # fmt: skip
    for option, amount in (("--places", places), ("--capital", capital), ("--grant", grant),
                           ("--running", running)):  # fmt: skip
        if amount is not None and not (math.isfinite(amount) and amount >= 0):
            problems.error("must be a number, nought or above.", "correct it.",
                           file=option, value=amount)  # fmt: skip
    if places == 0:
        problems.error("a school without places helps nobody.", "give the places it has once full.",
                       file="--places", value=0)  # fmt: skip
    lowest, highest = _year_groups(year_groups, problems)
    codes = _needs(needs, problems)
    school = School(
        kind, codes, float(places), lowest, highest, _opens(opens, kind, loaded, problems),
        capital, running, grant,
    )  # fmt: skip
    if not problems.errors:
        _somebody_comes(school, loaded, problems)
        if scenario.last_year < earliest(loaded, kind):
            problems.error(
                f"no {KINDS[kind].lower()} on a new site can open before "
                f"{academic_year_label(earliest(loaded, kind))}, after the last planned year.",
                "plan for more years, or lower lead_years in the planning model.",
                file="--kind", value=kind,
            )  # fmt: skip
    return school


def earliest(loaded: Loaded, kind: str) -> int:
    """The first September in which a site for which nothing is prepared can open."""
    return loaded.scenario.first_year + math.ceil(float(loaded.model.for_kind("lead_years", kind)))


def capital_of(school: School, loaded: Loaded) -> float:
    """Pounds of capital, as given or by the model's cost per place."""
    if school.capital is not None:
        return school.capital
    return school.places * float(loaded.model.for_kind("capital_per_place", school.kind))


def _needs(given: str | Sequence[str], problems: Problems) -> tuple[str, ...]:
    words = re.split(r"[|,;\s]+", given) if isinstance(given, str) else list(given)
    codes = [w.strip().upper() for w in words if w.strip()]
    if codes == ["ANY"]:
        return tuple(sorted(NEEDS))
    for code in codes:
        if code not in NEEDS:
            problems.error(f"there is no such need{near(code, NEEDS)}",
                           f"use codes of the SEN2 return: {', '.join(NEEDS)}; or any.",
                           file="--needs", value=code)  # fmt: skip
    if not codes:
        problems.error("no need is given.", "name the needs it admits, such as ASD,SLD.",
                       file="--needs")  # fmt: skip
    return tuple(sorted(set(codes) & set(NEEDS)))


_YEAR_GROUPS: Final = re.compile(
    r"^\s*(?P<low>-?\d+|r|reception|nursery)\s*(?:(?:-|to|\N{EN DASH}|\.\.)\s*"
    r"(?P<high>-?\d+|r|reception))?\s*$",
    re.IGNORECASE,
)


def _year_groups(text: str, problems: Problems) -> tuple[int, int]:
    found = _YEAR_GROUPS.match(str(text))
    where = {"file": "--year-groups", "value": text}
    if found is None:
        problems.error("these are no year groups.",
                       "write the lowest and the highest: 0-11, R-14, 7-14.", **where)  # fmt: skip
        return 0, 14

    def number(word: str) -> int:
        named = {"r": 0, "reception": 0, "nursery": -1}
        return named[word.lower()] if word.lower() in named else int(word)

    low = number(found["low"])
    high = number(found["high"]) if found["high"] else low
    if not LOWEST_YEAR_GROUP <= low <= high <= HIGHEST_YEAR_GROUP:
        problems.error(
            "year groups rise, and lie between "
            f"{LOWEST_YEAR_GROUP} and {HIGHEST_YEAR_GROUP} (0 is Reception).",
            "write the lowest first.", **where,
        )  # fmt: skip
        return 0, 14
    return low, high


def _opens(given: str | int | None, kind: str, loaded: Loaded, problems: Problems) -> int | None:
    if given is None:
        return None
    where = {"file": "--opens", "value": given}
    try:
        year = parse_year(given)
    except ValueError:
        problems.error("this is no academic year.", "write for example 2029/30.", **where)
        return None
    first, last = loaded.scenario.first_year, loaded.scenario.last_year
    if not first <= year <= last:
        problems.error(
            f"it opens outside the planned years, {academic_year_label(first)} to "
            f"{academic_year_label(last)}.", "choose one of them.", **where,
        )  # fmt: skip
    elif kind in KINDS and year < earliest(loaded, kind):
        problems.error(
            f"a {KINDS[kind].lower()} on a site for which nothing is prepared takes "
            f"{loaded.model.for_kind('lead_years', kind):g} years: it cannot open before September "
            f"{earliest(loaded, kind)}.",
            f"choose {academic_year_label(earliest(loaded, kind))} or later; where more is ready, "
            "lower lead_years in the planning model.", **where,
        )  # fmt: skip
    return year


def _somebody_comes(school: School, loaded: Loaded, problems: Problems) -> None:
    """Some child of the projection has one of the needs, and is of an age."""
    children = loaded.tables.projected_children
    children = children[children["children"] > 0]
    having = children[children["need"].isin(school.needs)]
    if having.empty:
        problems.error(
            "no child of this scenario has such a need, today or in the projection.",
            f"use needs that occur: {', '.join(sorted(children['need'].unique()))}.",
            file="--needs", value="|".join(school.needs),
        )  # fmt: skip
        return
    if not having["year_group"].between(school.lowest, school.highest).any():
        problems.error(
            "no child with such a need is ever in these year groups.",
            "correct the year groups or the needs.",
            file="--year-groups", value=f"{school.lowest}-{school.highest}",
        )  # fmt: skip
    tiers = loaded.model.for_kind("admits_tiers", school.kind, ())
    if not having["tier"].isin(tiers).any():
        problems.error(
            f"no child with such a need has a tier that a {KINDS[school.kind].lower()} admits "
            f"({', '.join(map(str, tiers)) or 'none'}).",
            "choose another kind or other needs.", file="--kind", value=school.kind,
        )  # fmt: skip


# ------------------------------------------------------------------ where


def read_places(
    loaded: Loaded,
    problems: Problems,
    *,
    at: Sequence[str] = (),
    postcodes: Sequence[str] = (),
    sites: Sequence[str] = (),
    postcode_files: Sequence[Path] = (),
) -> list[Place]:
    """The points to be tried, in the order points, postcodes, candidate sites.

    Args:
        loaded: the scenario.
        problems: takes everything that is wrong, and warnings about points outside the area.
        at: "EASTING,NORTHING" in metres, EPSG:27700.
        postcodes: looked up in ``postcode_files``.
        sites: identifiers of candidate sites of the scenario.
        postcode_files: the ONS Postcode Directory or Code-Point Open.
    """
    found: list[tuple[str, float, float, str]] = []
    for text in at:
        point = _coordinates(text, problems)
        if point is not None:
            found.append((f"{point[0]:.0f},{point[1]:.0f}", *point, ""))
    found += _of_postcodes(postcodes, postcode_files, problems)
    table = loaded.tables.candidate_sites
    known = [str(s) for s in table["site"]]
    for site in sites:
        if site not in known:
            problems.error(f"there is no such candidate site{near(site, known)}",
                           f"use one of {', '.join(known) or 'none'}, or give a point with --at.",
                           file="--site", value=site)  # fmt: skip
            continue
        row = table[table["site"] == site].iloc[0]
        found.append(
            (str(row["name"]) or site, float(row["easting"]), float(row["northing"]), site)
        )
    if not (at or postcodes or sites):
        problems.error("no site is given.",
                       "give --at EASTING,NORTHING, --postcode X or --site ID; each may be "
                       "repeated.", file="--at")  # fmt: skip
    if len(found) > MOST_SITES:
        problems.error(f"at most {MOST_SITES} sites are compared in one command.",
                       "try fewer, or draw a map of values with 'sufficiency map-value'.",
                       file="--at", value=len(found))  # fmt: skip
    seen: dict[tuple[float, float], str] = {}
    taken = {*loaded.tables.schemes["scheme"], *loaded.tables.provisions["provision"], *known}
    places = []
    for letter, (name, x, y, site) in zip(LETTERS, found, strict=False):
        if (x, y) in seen:
            problems.error(f"this point is given twice: it is {seen[x, y]}.", "give it once.",
                           file="--at", value=name)  # fmt: skip
        seen[x, y] = name
        scheme = f"{PREFIX}{letter}"
        while scheme in taken:
            scheme += "'"
        place = Place(scheme, letter, name, x, y, site)
        _check_inside(place, loaded, problems)
        places.append(place)
    return places


def _coordinates(text: str, problems: Problems) -> tuple[float, float] | None:
    where = {"file": "--at", "value": text}
    numbers = re.split(r"[,;\s]+", text.strip())
    try:
        x, y = (float(n) for n in numbers)
    except ValueError:
        problems.error("this is no point.",
                       "write EASTING,NORTHING in metres without thousands separators, for "
                       "example 295000,92500.", **where)  # fmt: skip
        return None
    if looks_like_degrees(x, y):
        problems.error(
            "these are degrees, not metres.",
            "transform them to the British National Grid (EPSG:27700): easting, then northing.",
            **where,
        )  # fmt: skip
        return None
    _, _, high_x, high_y = GRID_EXTENT
    if not (0 <= x <= high_x and 0 <= y <= high_y):
        swapped = 0 <= y <= high_x and 0 <= x <= high_y
        problems.error(
            "lies outside the British National Grid.",
            "easting and northing may be swapped."
            if swapped
            else f"write metres: easting 0 to {high_x:,.0f}, northing 0 to {high_y:,.0f}.",
            **where,
        )  # fmt: skip
        return None
    return x, y


def _of_postcodes(
    postcodes: Sequence[str], files: Sequence[Path], problems: Problems
) -> list[tuple[str, float, float, str]]:
    if not postcodes:
        return []
    if not files:
        problems.error(
            "postcodes need a file that says where they are.",
            "name the ONS Postcode Directory or Code-Point Open with --postcodes FILE, or give the "
            "point with --at.", file="--postcode", value=postcodes[0],
        )  # fmt: skip
        return []
    before = len(problems.errors)
    read = read_postcodes(files, problems)
    if len(problems.errors) > before:
        return []
    where = read.find(pd.Series(list(postcodes), dtype="str"))
    found = []
    for postcode, x, y in zip(postcodes, where["easting"], where["northing"], strict=True):
        if not (np.isfinite(x) and np.isfinite(y)):
            problems.error("this postcode is not in the file of postcodes.",
                           "correct it, or give the point with --at EASTING,NORTHING.",
                           file="--postcode", value=postcode)  # fmt: skip
            continue
        found.append((postcode.strip().upper(), float(x), float(y), ""))
    return found


def _check_inside(place: Place, loaded: Loaded, problems: Problems) -> None:
    """A point outside the authority is doubtful; one that nobody can reach is an error."""
    boundary, point = loaded.tables.boundary, Point(place.easting, place.northing)
    areas = loaded.tables.areas
    metres = np.hypot(areas["easting"] - place.easting, areas["northing"] - place.northing)
    where = {"file": "--at", "value": place.name}
    swapped = np.hypot(areas["easting"] - place.northing, areas["northing"] - place.easting)
    nearest = areas.iloc[int(np.argmin(metres))]
    said = f"the nearest area is {nearest['name']}, {metres.min() / 1000:,.0f} km away"
    if metres.min() > 100_000:
        problems.error(
            f"lies far from the authority: {said}.",
            "easting and northing may be swapped."
            if swapped.min() < 100_000
            else "correct easting and northing (metres, EPSG:27700).",
            **where,
        )  # fmt: skip
    elif boundary is not None and not boundary.covers(point):
        away = boundary.distance(point) / 1000
        problems.warn(
            f"lies {away:,.1f} km outside the authority, in a neighbouring area or in the sea; "
            f"{said}.",
            "check the point; it is tried all the same, as a school that the authority runs.",
            **where,
        )  # fmt: skip


# ------------------------------------------------------------------ into the tables


def with_schools(
    loaded: Loaded,
    school: School,
    places: Sequence[Place],
    *,
    own_money: bool = False,
    estimate: Mapping[str, float] | None = None,
) -> Tried:
    """A scenario with the same school as a scheme at each of some places.

    Args:
        loaded: the scenario; it is not changed.
        school: what is tried.
        places: where.
        own_money: whether all its capital comes from outside the budgets.
        estimate: curve for journeys that nobody measured; fitted anew when left out.
    """
    tables = loaded.tables
    fitted, sentence = (estimate, "") if estimate is not None else curve(loaded)
    sites, travel, measured = _sites_and_journeys(loaded, places, fitted)
    schemes, budgets = _schemes_and_budgets(loaded, school, places, own_money)
    changed = replace(
        tables, candidate_sites=sites, schemes=schemes, travel=travel, budgets=budgets,
        sources=dict(tables.sources), hashes=dict(tables.hashes),
    )  # fmt: skip
    sentences = [] if measured == len(places) or not sentence else [sentence]
    return Tried(
        replace(loaded, tables=changed, warnings=list(loaded.warnings),
                estimates=list(loaded.estimates)),
        tuple(sentences),
    )  # fmt: skip


def curve(loaded: Loaded) -> tuple[Mapping[str, float], str]:
    """The straight-line curve for this authority, and a sentence that says where it is from."""
    given, tables = loaded.model.travel_estimate, loaded.tables
    sample = _measured_journeys(loaded)
    if sample is None:
        return given, (
            "Journeys to the tested sites are estimated from straight lines by the planning "
            "model's curve: the scenario has too few measured journeys to fit its own."
        )
    fit = fit_curve(sample, given)
    return fit.estimate, (
        f"Journeys to the tested sites are estimated from straight lines, by a curve fitted to "
        f"{len(sample.minutes):,} journeys of the scenario's table "
        f"({tables.file('travel')}); on areas that it was not fitted to, half of its "
        f"estimates are within {fit.tested.median:.1f} minutes and nine in ten within "
        f"{fit.tested.percentile_90:.1f}."
    )


def _measured_journeys(loaded: Loaded) -> Sample | None:
    """Measured journeys to destinations with coordinates, at most so many, evenly chosen."""
    tables = loaded.tables
    where = pd.concat(
        [
            tables.provisions[["provision", "easting", "northing"]].set_axis(
                ["destination", "x", "y"], axis=1
            ),
            tables.candidate_sites[["site", "easting", "northing"]].set_axis(
                ["destination", "x", "y"], axis=1
            ),
        ]
    )
    known = tables.travel
    if "basis" in known:
        text = known["basis"].fillna("").astype(str).str.casefold()
        known = known[~text.str.startswith(STRAIGHT_LINE)]
    known = known.merge(where, on="destination").merge(
        tables.areas[["area", "easting", "northing"]], on="area"
    )
    known = known.dropna(subset=["x", "y", "minutes", "km"])
    step = max(1, math.ceil(len(known) / MOST_JOURNEYS_FITTED))
    known = known.iloc[::step]
    if len(known) < LEAST_JOURNEYS or known["area"].nunique() < LEAST_AREAS:
        return None
    straight = np.hypot(known["easting"] - known["x"], known["northing"] - known["y"]) / 1000.0
    return Sample(
        known["area"].to_numpy(str),
        np.asarray(straight, dtype=float),
        known["minutes"].to_numpy(float),
        known["km"].to_numpy(float),
        tables.file("travel"),
    )


def _sites_and_journeys(
    loaded: Loaded, places: Sequence[Place], estimate: Mapping[str, float]
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Candidate sites and travel with the new places; how many of them have all journeys."""
    tables = loaded.tables
    new = [p for p in places if not p.site]
    sites = pd.concat(
        [
            tables.candidate_sites,
            pd.DataFrame(
                {
                    "site": [p.scheme for p in new],
                    "name": [p.name for p in new],
                    "easting": [p.easting for p in new],
                    "northing": [p.northing for p in new],
                    "note": "",
                    "_row": 0,
                }
            ),
        ],
        ignore_index=True,
    )
    areas = tables.areas
    measured = 0
    rows = []
    for place in places:
        destination = place.site or place.scheme
        there = tables.travel[tables.travel["destination"] == destination]
        missing = areas[~areas["area"].isin(there["area"])]
        measured += missing.empty
        if missing.empty:
            continue
        km = straight_km(
            missing, pd.DataFrame({"easting": [place.easting], "northing": [place.northing]})
        )[:, 0]
        rows.append(
            pd.DataFrame(
                {
                    "area": missing["area"].to_numpy(),
                    "destination": destination,
                    "minutes": np.round(straight_line_minutes(km, estimate), 1),
                    "km": np.round(km * estimate["road_km_per_straight_km"], 2),
                    "basis": STRAIGHT_LINE,
                    "_row": 0,
                }
            )
        )
    travel = pd.concat([tables.travel, *rows], ignore_index=True) if rows else tables.travel
    return sites, travel, measured


def _schemes_and_budgets(
    loaded: Loaded, school: School, places: Sequence[Place], own_money: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    tables = loaded.tables
    schemes, budgets = tables.schemes.copy(), tables.budgets
    known = sorted({str(s) for s in budgets["source"]})
    brings = BUDGET_IS_AMPLE if own_money else school.grant
    sources: tuple[str, ...] = ()
    if known and brings > 0:
        # What comes with the site is for the site: schemes that may draw on any source draw on
        # those that were there before.
        schemes["funding_sources"] = pd.Series(
            [tuple(s) or tuple(known) for s in schemes["funding_sources"]],
            index=schemes.index, dtype=object,
        )  # fmt: skip
        sources = (NEW_MONEY,) if own_money else (*known, NEW_MONEY)
        budgets = pd.concat(
            [
                budgets,
                pd.DataFrame(
                    {
                        "financial_year": [loaded.scenario.first_year],
                        "source": NEW_MONEY,
                        "pounds": brings,
                        "_row": 0,
                    }
                ),
            ],
            ignore_index=True,
        )
    rows = []
    for place in places:
        group = _group_at(place, schemes)
        rows.append(
            {
                "scheme": place.scheme,
                "name": place.name,
                "kind": school.kind,
                "site": place.site or place.scheme,
                "provision": "",
                "needs": school.needs,
                "tiers": (),
                "lowest_year_group": school.lowest,
                "highest_year_group": school.highest,
                "places": float(school.places),
                "earliest_opening": school.opens or earliest(loaded, school.kind),
                "latest_opening": school.opens or -1,
                "capital_pounds": capital_of(school, loaded),
                "capital_profile": (),
                "fill": (),
                "exclusive_group": group,
                "requires": (),
                "funding_sources": sources,
                "running_pounds": school.running,
                "fee_pounds": math.nan,
                "top_up_pounds": math.nan,
                "designation": "",
                "_row": 0,
            }
        )
    added = pd.DataFrame(rows, columns=list(schemes.columns))
    for column in added.columns:
        added[column] = added[column].astype(schemes[column].dtype)
    return pd.concat([schemes, added], ignore_index=True), budgets


def _group_at(place: Place, schemes: pd.DataFrame) -> str:
    """One site holds one school: schemes of the same candidate site become alternatives."""
    if not place.site:
        return ""
    here = schemes.index[schemes["site"] == place.site]
    groups = [g for g in schemes.loc[here, "exclusive_group"] if g]
    group = groups[0] if groups else f"site {place.site}"
    for row in here:
        if not schemes.at[row, "exclusive_group"]:
            schemes.loc[row, "exclusive_group"] = group
    return group if len(here) else ""


def shared_sites(loaded: Loaded, places: Sequence[Place]) -> list[str]:
    """Sentences on candidate sites that schemes of the scenario want too."""
    said = []
    for place in places:
        table = loaded.tables.schemes
        names = [str(n) for n in table.loc[(table["site"] == place.site) & (place.site != ""),
                                           "name"]]  # fmt: skip
        committed = [str(n) for n in table.loc[(table["site"] == place.site) & (place.site != "")
                                               & table["scheme"].isin(loaded.scenario.committed),
                                               "name"]]  # fmt: skip
        if committed:
            said.append(
                f"{place.name} is also the site of {fmt.in_words(committed)}, already committed: "
                "nothing else can open there."
            )
        elif names:
            said.append(
                f"{place.name} is also the site of {fmt.in_words(names)}: at most one of them "
                "opens."
            )
    return said


def with_grant(loaded: Loaded, pounds: float) -> Loaded:
    """The scenario with more capital in its first financial year, open to every scheme.

    A scheme that names its sources may use it too.
    """
    tables = loaded.tables
    if tables.budgets.empty or pounds <= 0:
        return loaded
    schemes = tables.schemes.copy()
    schemes["funding_sources"] = pd.Series(
        [(*s, NEW_MONEY) if len(s) else () for s in schemes["funding_sources"]],
        index=schemes.index, dtype=object,
    )  # fmt: skip
    more = pd.DataFrame(
        {
            "financial_year": [loaded.scenario.first_year],
            "source": NEW_MONEY,
            "pounds": pounds,
            "_row": 0,
        }
    )
    budgets = pd.concat([tables.budgets, more], ignore_index=True)
    return replace(
        loaded, tables=replace(tables, schemes=schemes, budgets=budgets),
        warnings=list(loaded.warnings), estimates=list(loaded.estimates),
    )  # fmt: skip


def polygons_of(path: Path, problems: Problems) -> NDArray[Any]:
    """Polygons of a layer in EPSG:27700; a layer without a coordinate system is taken as such.

    Args:
        path: GeoPackage, GeoJSON or Shapefile.
        problems: takes what is wrong with it.
    """
    try:
        layer = geopandas.read_file(path)
    except Exception as error:  # pyogrio raises errors of its own for each driver
        problems.error("this layer cannot be read.",
                       "give polygons as GeoPackage, GeoJSON or Shapefile.",
                       file=str(path), value=str(error))  # fmt: skip
        return np.empty(0, dtype=object)
    if layer.crs is not None:
        layer = layer.to_crs(27700)
    shapes = layer.geometry.dropna()
    shapes = shapes[shapes.geom_type.isin(["Polygon", "MultiPolygon"])]
    if shapes.empty:
        problems.error("this layer holds no polygon.",
                       "give the outlines of land on which nothing can be built.",
                       file=str(path))  # fmt: skip
    return np.asarray(shapes.to_numpy(), dtype=object)


def many(shape: Any) -> MultiPolygon:
    """The polygons of a shape, for a layer; a point becomes a circle of 200 metres."""
    parts = [g for g in getattr(shape, "geoms", [shape]) if g.geom_type == "Polygon"]
    return MultiPolygon([g for g in parts if not g.is_empty] or [shape.centroid.buffer(200.0)])
