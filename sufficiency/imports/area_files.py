"""Published files about small areas: people, points, look-ups, deprivation, projections.

Headers change from release to release, so a column is known by what its header says: the code of
an area, an age or an age band, a sex.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from sufficiency.imports.account import RowAccount
from sufficiency.imports.files import CsvRows, Selector, csv_sources, plain
from sufficiency.imports.layers import SHAPE_FILES, read_layer
from sufficiency.imports.report import ImportReport
from sufficiency.problems import Problems
from sufficiency.tables.reading import (
    GRID_EXTENT,
    NATIONAL_GRID,
    Note,
    looks_like_degrees,
    report_rows,
)
from sufficiency.vocabulary import academic_year_label

OLDEST: Final = 24
"""Nobody older stands in the table of areas."""

WIDEST_LAST_BAND: Final = 29
"""A last band that ends later says too little of those up to 24 in it."""

DEPRIVATION_AREAS: Final = 30_000
"""A deprivation file with at least so many ranks covers England, so that tenths can be counted."""

_CODES: Final = (
    r"lsoa(20)?21(cd|code)", r"lsoa(cd|code)(20)?21", r"lsoa.*(cd|code).*",
    r"(20\d\d)?lowerlayersuperoutputareas?code", r"geographycode|mnemonic|areacode|areacd|area",
    r"msoa.*(cd|code)", r"(wd|ward).*(cd|code)", r"lsoa\d*", r"code",
)  # fmt: skip
"""Headers of the column with the code of an area, the best first, as ``plain`` writes them."""

_NAMES: Final = (
    r"lsoa.*(nm|name).*", r"(20\d\d)?lowerlayersuperoutputareas?(name)?", r"geography(name)?",
    r"(20\d\d)?superoutputarealowerlayer", r"areaname|areanm|name", r"msoa.*(nm|name)",
    r"(wd|ward).*(nm|name)",
)  # fmt: skip

AUTHORITY: Final = (
    r"(lad|utla|ltla|ctyua|cty|ua|la|localauthority|uppertier|lowertier|district|county)"
    r"(.*(cd|nm|code|name).*|\d*)"
)

LOCALITY: Final = (r"locality(name)?", r"planningarea(name)?", r"cluster(name)?")

_X: Final = (r"(bng)?eastings?", r"x|pointx|xcoord", r"oseast1m|bnge")

_Y: Final = (r"(bng)?northings?", r"y|pointy|ycoord", r"osnrth1m|bngn")

_LONGITUDE: Final = (r"longitude|long|lon|lng",)

_LATITUDE: Final = (r"latitude|lat",)

_AGE: Final = (r"c?agename", r"age(\d+a?categories)?", r"agegroup|ageband")

_PEOPLE: Final = (r"observation|obsvalue", r"people|persons|population|count|value|number")

_SEX: Final = (r"sex(name)?|gender(name)?", r"sex\d+a?categories")

_DECILE: Final = (
    r".*(multipledeprivation|imd).*decile.*", r"imddecile|decile|deprivationdecile",
)  # fmt: skip

_RANK: Final = (r".*(multipledeprivation|imd).*rank.*", r"imdrank|imd\d*rank")

_YEAR: Final = r"20\d\d"

_SEXES: Final = {
    **dict.fromkeys(("f", "female", "females"), "f"),
    **dict.fromkeys(("m", "male", "males"), "m"),
    **dict.fromkeys(("", "total", "all", "allpersons", "p", "person", "persons", "both"), ""),
}

_POPULATION = "people by age for small areas (ONS)"


class Age(NamedTuple):
    """An age band, both ends in it, of one sex (``f``, ``m``) or of all (``""``)."""

    low: int
    high: int
    sex: str


Band = tuple[int, int]


@dataclass
class AreaFile:
    """Rows of one file about areas: columns area, _row and others; repeated areas are gone."""

    frame: pd.DataFrame
    account: RowAccount
    header: list[str] = field(default_factory=list)
    partition: list[Band] = field(default_factory=list)
    cells: dict[Band, dict[str, str]] = field(default_factory=dict)
    year: int | None = None
    outlines: Any = None


def pick(header: Sequence[str], patterns: Sequence[str]) -> int | None:
    """Position of the header that fits the first of the patterns that any header fits."""
    texts = [plain(text) for text in header]
    for pattern in patterns:
        for position, text in enumerate(texts):
            if re.fullmatch(pattern, text):
                return position
    return None


def _picked(header: Sequence[str], wanted: Mapping[str, Sequence[str]]) -> dict[str, int]:
    found = {name: pick(header, patterns) for name, patterns in wanted.items()}
    return {name: position for name, position in found.items() if position is not None}


def _rows(
    path: Path, what: str, selector: Selector, required: Sequence[str], problems: Problems
) -> tuple[pd.DataFrame, CsvRows] | None:
    """All rows of the one CSV file behind a path, or None after an error."""
    sources = csv_sources(path, r".*\.csv$", problems)
    if len(sources) > 1:
        problems.error("holds several files.", "name the one that is meant.", file=path.name)
    if len(sources) != 1:
        return None
    rows = CsvRows(sources[0], selector, problems)
    before = len(problems.errors)
    if not rows.begin(what, required):
        return None
    frame = rows.whole()
    if len(problems.errors) > before:
        return None
    if frame.empty:
        problems.error("has a header and no rows.", "download it again.", file=path.name)
        return None
    return frame, rows


def age_of(header: str) -> Age | None:
    """The ages that a header names, or None: ``F0``, ``Age 12``, ``5-9``, ``Aged 5 to 9 years``.

    An open band ends at 120; ``90+`` is 90 to 120, ``Aged 4 years and under`` is 0 to 4.
    """
    text = re.sub(r"[^a-z0-9+]+", " ", header.casefold()).replace("measures value", "").strip()
    match = re.match(r"(females?|males?|persons?|f|m|p)\s*(?=\d|age|under)", text)
    sex = _SEXES[match[1]] if match else ""
    text = text[match.end() :] if match else text
    text = re.sub(r"^((aged?|ages|pop|population|people|children|residents) ?)+", "", text)
    text = re.sub(r"( ?\b(years?|yrs|old|of age|est|estimate))+", "", text).strip()
    patterns = (
        (r"(\d{1,3})", lambda a: (a, a)),
        (r"(\d{1,3}) (?:to )?(\d{1,3})", lambda a, b: (a, b)),
        (r"(?:under|less than) (\d{1,3})", lambda a: (0, a - 1)),
        (r"(\d{1,3}) and under", lambda a: (0, a)),
        (r"(\d{1,3}) ?(?:\+|plus|and over)", lambda a: (a, 120)),
    )
    for pattern, ends in patterns:
        found = re.fullmatch(pattern, text)
        if found:
            low, high = ends(*(int(part) for part in found.groups()))
            return Age(low, high, sex) if low <= high <= 120 else None
    return None


def partition(bands: set[Band]) -> list[Band]:
    """The finest run of bands, each beginning where the one before ends, from 0 to 24.

    A file may hold single ages, bands and sums side by side; each person is counted once. The
    last band may reach beyond 24. Empty where no run covers all ages.
    """
    best: dict[int, list[Band]] = {}
    for start in range(OLDEST, -1, -1):
        runs = []
        for low, high in bands:
            if low != start:
                continue
            if high >= OLDEST and high <= WIDEST_LAST_BAND:
                runs.append([(low, high)])
            elif high < OLDEST and high + 1 in best:
                runs.append([(low, high), *best[high + 1]])
        if runs:
            best[start] = max(runs, key=lambda run: (len(run), run))
    return best.get(0, [])


def read_people(path: Path, locality: str, problems: Problems) -> AreaFile | None:
    """People by age: columns area, name, label:…, _row, and one number for each band."""

    def columns(header: Sequence[str]) -> dict[str, int]:
        found = _picked(header, {"area": _CODES})
        if not found:
            return {}
        ages = {i: age for i, text in enumerate(header) if (age := age_of(text)) is not None}
        found |= _picked(header, {"name": _NAMES})
        for position, text in enumerate(header):
            wanted = plain(text) == plain(locality) or re.fullmatch(AUTHORITY, plain(text))
            if position not in found.values() and wanted and text.strip():
                found[f"label:{text.strip()}"] = position
        for position, age in ages.items():
            found.setdefault(f"age:{age.low}:{age.high}:{age.sex}", position)
        if len(ages) < 2:
            long = _picked(header, {"long_age": _AGE, "people": _PEOPLE, "sex": _SEX})
            found |= {k: v for k, v in long.items() if v not in found.values()}
        return found

    read = _rows(path, _POPULATION, columns, ["area"], problems)
    if read is None:
        return None
    frame, rows = read
    account = rows.account
    if "name" not in frame:
        frame["name"] = frame["area"]
    blank = frame["area"].eq("")
    account.exclude("without an area", int(blank.sum()))
    frame = frame[~blank].reset_index(drop=True)
    if "long_age" in frame and "people" in frame:
        wide = _from_long(frame, account, problems)
        if wide is None:
            return None
        frame = wide
    ages = [
        Age(int(low), int(high), sex)
        for low, high, sex in (
            str(column).split(":")[1:] for column in frame if str(column).startswith("age:")
        )
    ]
    by_band = {
        (low, high): sexes
        for (low, high) in {(a.low, a.high) for a in ages}
        if (sexes := _which_sexes({a.sex for a in ages if (a.low, a.high) == (low, high)}))
    }
    run = partition(set(by_band))
    if not run:
        shown = ", ".join(f"{low}-{high}" for low, high in sorted(by_band)[:12])
        problems.error(
            "its age columns do not cover ages 0 to 24 without a gap.",
            "download people by single year of age, or by five-year bands, for all persons.",
            file=account.file, value=shown or "no age column",
        )  # fmt: skip
        return None
    cells: dict[Band, dict[str, str]] = {}
    for low, high in run:
        names = [f"age:{low}:{high}:{sex}" for sex in by_band[low, high]]
        cells[low, high] = {
            name: rows.header[rows.found[name]] if name in rows.found else f"age {low}"
            for name in names
        }
        frame[f"{low}-{high}"] = sum(_counts(frame[name]) for name in names)
    frame = _once(frame, [f"{low}-{high}" for low, high in run], account, problems.error)
    year = _mid_year(path, rows.header)
    return AreaFile(frame, account, rows.header, run, cells, year)


def check_people(people: AreaFile, chosen: pd.DataFrame, problems: Problems) -> None:
    """Every cell that is no count of people is an error, in the areas that are chosen."""
    say = ("is no number of people.", "give whole counts; suppressed cells cannot be used.")
    for columns in people.cells.values():
        for name, header in columns.items():
            wrong = chosen[_counts(chosen[name]).isna()]
            report_rows(problems.error, wrong.assign(**{header: wrong[name]}), header,
                        people.account.file, say)  # fmt: skip


def _which_sexes(sexes: set[str]) -> list[str]:
    if "" in sexes:
        return [""]
    return ["f", "m"] if {"f", "m"} <= sexes else []


def _counts(cells: pd.Series[str]) -> pd.Series[float]:
    """Counts of people; NaN for a cell that is none."""
    text = cells.str.replace(r"[,\s]", "", regex=True)
    number = pd.to_numeric(text, errors="coerce").astype(float)
    return number.where((number >= 0) & np.isfinite(number))


def _from_long(frame: pd.DataFrame, account: RowAccount, problems: Problems) -> pd.DataFrame | None:
    """One row an area and age becomes one row an area, its ages as columns of text."""
    words = frame["long_age"].unique()
    known = {word: age for word in words if (age := age_of(word)) is not None}
    sex = pd.Series("", index=frame.index)
    if "sex" in frame:
        strange = frame[~frame["sex"].map(plain).isin(list(_SEXES))]
        say = ("is no sex that is known.", "use male, female or persons.")
        report_rows(problems.error, strange, "sex", account.file, say)
        sex = frame["sex"].map(lambda text: _SEXES.get(plain(text), ""))
    counted = frame["long_age"].isin(list(known))
    account.exclude("of an age that is none (totals)", int((~counted).sum()))
    part = frame[counted]
    part = part.assign(
        column=[f"age:{known[w].low}:{known[w].high}:{s}"
                for w, s in zip(part["long_age"], sex[counted], strict=True)]
    )  # fmt: skip
    twice = part.duplicated(["area", "column"])
    say = ("stands twice for one age.", "keep one row for each area, age and sex.")
    report_rows(problems.error, part[twice], "area", account.file, say)
    if problems.errors or part.empty:
        if part.empty:
            problems.error("has no age that is understood.", "download people by age.",
                           file=account.file, column="age")  # fmt: skip
        return None
    account.merge("one row for each age of an area", len(part) - part["area"].nunique())
    wide = part.pivot(index="area", columns="column", values="people")
    wide = wide.reindex(sorted(wide.columns), axis=1).fillna("").astype("str")
    first = part.drop_duplicates("area").set_index("area")
    keep = ["name", "_row", *(c for c in first if str(c).startswith("label:"))]
    return first[keep].join(wide).reset_index()


def _once(
    frame: pd.DataFrame, columns: Sequence[str], account: RowAccount, note: Note
) -> pd.DataFrame:
    """Each area once: a repeated row is merged, of different ones the first is kept and noted."""
    same = frame.duplicated(["area", *columns])
    account.merge("the same area again", int(same.sum()))
    frame = frame[~same]
    twice = frame.duplicated("area")
    say = ("stands in two different rows; the first counts.", "keep one row for each area.")
    report_rows(note, frame[twice], "area", account.file, say)
    account.exclude("an area that stands in two different rows", int(twice.sum()))
    return frame[~twice].reset_index(drop=True)


def _mid_year(path: Path, header: Sequence[str]) -> int | None:
    """The year of a mid-year estimate, as the file says it above its table or in its name."""
    start = ""
    if path.suffix.lower() != ".zip" and path.is_file():
        with path.open("rb") as handle:
            start = handle.read(2_000).decode("latin-1")
    found = re.search(r"mid[- ]?(20\d\d)", f"{path.name} {start}", re.IGNORECASE)
    return int(found[1]) if found else None


def read_lookup(path: Path | None, problems: Problems) -> AreaFile | None:
    """A look-up: columns area, _row and label:… for every other column."""
    if path is None:
        return None

    def columns(header: Sequence[str]) -> dict[str, int]:
        found = _picked(header, {"area": _CODES})
        for position, text in enumerate(header):
            if found and position != found["area"] and text.strip():
                found.setdefault(f"label:{text.strip()}", position)
        return found

    read = _rows(path, "a look-up from small areas to localities", columns, ["area"], problems)
    if read is None:
        return None
    frame, rows = read
    blank = frame["area"].eq("")
    rows.account.exclude("without an area", int(blank.sum()))
    frame = frame[~blank]
    labels = [c for c in frame if str(c).startswith("label:")]
    if not labels:
        problems.error("has no column beside the area.", "add a column locality.", file=path.name)
        return None
    return AreaFile(frame, rows.account, rows.header)


def read_points(path: Path | None, problems: Problems) -> AreaFile | None:
    """Points of areas: columns area, easting, northing, _row; ``outlines`` where it has them."""
    if path is None:
        return None
    if path.suffix.lower() in SHAPE_FILES:
        return _points_of_layer(path, problems)
    wanted = {"area": _CODES, "easting": _X, "northing": _Y, "longitude": _LONGITUDE,
              "latitude": _LATITUDE}  # fmt: skip
    read = _rows(path, "centroids of small areas (ONS)", lambda header: _picked(header, wanted),
                 ["area"], problems)  # fmt: skip
    if read is None:
        return None
    frame, rows = read
    pair = ("easting", "northing") if {"easting", "northing"} <= set(frame) else (
        "longitude", "latitude",
    )  # fmt: skip
    if not set(pair) <= set(frame):
        problems.error("has no columns of coordinates.", "give x and y, or easting and northing.",
                       file=path.name, row=1)  # fmt: skip
        return None
    x, y = (pd.to_numeric(frame[name], errors="coerce").to_numpy(float, copy=True) for name in pair)
    bad = ~np.isfinite(x) | ~np.isfinite(y)
    say = ("is no coordinate; the area has no point.", "give both coordinates as numbers.")
    report_rows(problems.warn, frame[bad], pair[0], path.name, say)
    known = ~bad
    if known.any() and looks_like_degrees(np.abs(x[known]).max(), np.abs(y[known]).max()):
        x, y = Transformer.from_crs(4326, NATIONAL_GRID, always_xy=True).transform(x, y)
    sound = _on_grid(np.asarray(x), np.asarray(y))
    _warn_astray(frame[known & ~sound], path.name, problems)
    frame = frame.assign(easting=np.where(sound, x, np.nan), northing=np.where(sound, y, np.nan))
    frame = _once(frame, ["easting", "northing"], rows.account, problems.warn)
    return AreaFile(frame, rows.account, rows.header)


def _warn_astray(rows: pd.DataFrame, file: str, problems: Problems) -> None:
    message = "lies outside Great Britain; the area has no point."
    remedy = "check the coordinate system: give EPSG:27700, or degrees."
    report_rows(problems.warn, rows, "area", file, (message, remedy))


def _on_grid(x: Any, y: Any) -> Any:
    low_x, low_y, high_x, high_y = GRID_EXTENT
    with np.errstate(invalid="ignore"):
        return (x >= low_x) & (x <= high_x) & (y >= low_y) & (y <= high_y)


def _points_of_layer(path: Path, problems: Problems) -> AreaFile | None:
    read = read_layer(path, problems)
    if read is None:
        return None
    cells, shapes = read
    account = RowAccount(path.name, read=len(cells))
    header = [str(column) for column in cells.columns]
    at = pick(header, _CODES)
    if at is None:
        problems.error("no column holds the code of an area.", "keep a column such as LSOA21CD.",
                       file=path.name, value=", ".join(header[:8]))  # fmt: skip
        return None
    frame = pd.DataFrame({"area": cells.iloc[:, at].astype("str").str.strip()})
    frame["_row"] = np.arange(len(frame)) + 2
    solid = shapely.get_dimensions(shapes) == 2
    inner = np.where(solid, shapely.point_on_surface(shapes), shapely.centroid(shapes))
    frame["easting"], frame["northing"] = shapely.get_x(inner), shapely.get_y(inner)
    bad = ~_on_grid(frame["easting"], frame["northing"])
    _warn_astray(frame[bad], path.name, problems)
    frame.loc[bad, ["easting", "northing"]] = np.nan
    outlines = pd.Series(shapes, index=frame["area"]) if solid.all() and len(solid) else None
    frame = _once(frame, ["easting", "northing"], account, problems.warn)
    return AreaFile(frame, account, header, outlines=outlines)


def read_deprivation(path: Path | None, problems: Problems) -> AreaFile | None:
    """Deprivation: columns area, decile (NaN = unknown), _row."""
    if path is None:
        return None
    wanted = {"area": _CODES, "decile": _DECILE, "rank": _RANK}
    what = "the index of multiple deprivation by small area"
    read = _rows(path, what, lambda header: _picked(header, wanted), ["area"], problems)
    if read is None:
        return None
    frame, rows = read
    if "decile" in frame:
        decile = pd.to_numeric(frame["decile"], errors="coerce")
    elif "rank" in frame and len(frame) >= DEPRIVATION_AREAS:
        rank = pd.to_numeric(frame["rank"], errors="coerce")
        decile = np.ceil(rank * 10 / rank.max())
    else:
        problems.error(
            "has no column of deciles.",
            "give the file with the decile of the index of multiple deprivation.",
            file=path.name, row=1,
        )  # fmt: skip
        return None
    wrong = frame[~decile.isin(range(1, 11)) & frame.get("decile", frame["area"]).ne("")]
    column = "decile" if "decile" in frame else "rank"
    say = ("is no decile from 1 to 10; it counts as unknown.", "correct the file.")
    report_rows(problems.warn, wrong, column, path.name, say)
    frame = frame.assign(decile=decile.where(decile.isin(range(1, 11))))
    return AreaFile(
        _once(frame, ["decile"], rows.account, problems.warn), rows.account, rows.header
    )


def read_projection(
    path: Path, wanted: Sequence[str], problems: Problems, report: ImportReport
) -> pd.DataFrame | None:
    """A subnational projection: one row an authority, sex and age, one column a year."""

    def columns(header: Sequence[str]) -> dict[str, int]:
        found = _picked(header, {"area": _CODES, "name": _NAMES, "age": _AGE, "sex": _SEX})
        years = {f"year:{plain(text)}": i for i, text in enumerate(header)
                 if re.fullmatch(_YEAR, plain(text))}  # fmt: skip
        return {**found, **years} if years and "age" in found else {}

    read = _rows(path, "a population projection by age and year (ONS)", columns, ["age"], problems)
    if read is None:
        return None
    frame, rows = read
    called = {text.strip().casefold() for text in wanted if text.strip()}
    mine = pd.Series(not called, index=frame.index)
    for name in ("area", "name"):
        if name in frame:
            mine |= frame[name].str.casefold().isin(called)
    ages = frame["age"].map(age_of)
    sexes = frame["sex"].map(lambda t: _SEXES.get(plain(t), "?")) if "sex" in frame else ""
    frame = frame.assign(_age=ages, _sex=sexes)
    rows.account.exclude("of another authority", int((~mine).sum()))
    own = frame[mine]
    if own.empty:
        problems.error("has no row of the authority.", "name it with --authority as it stands in "
                       "this file.", file=path.name, value=" or ".join(wanted))  # fmt: skip
        return None
    usable = own["_age"].map(lambda age: age is not None and age.low == age.high <= 25)
    usable &= own["_sex"].eq("") if own["_sex"].eq("").any() else own["_sex"].isin(["f", "m"])
    rows.account.exclude("a total, a sex beside the persons, or older than 25",
                         int((~usable).sum()))  # fmt: skip
    own = own[usable]
    if own.empty:
        problems.error("has no single ages.", "download it by single year of age.", file=path.name)
        return None
    own = own.assign(age=own["_age"].map(lambda age: age.low))
    years = sorted(str(c) for c in own if str(c).startswith("year:"))
    say = ("is no number of people.", "download the projection again.")
    for name in years:
        counts = _counts(own[name])
        wrong = own.assign(**{name[5:]: own[name]})[counts.isna()]
        report_rows(problems.error, wrong, name[5:], path.name, say)
        own[name] = counts
    if problems.errors:
        return None
    sums = own.groupby("age")[years].sum()
    table = sums.rename(columns=lambda c: int(str(c)[5:])).stack().reset_index()
    table.columns = pd.Index(["age", "academic_year", "people"])
    rows.account.used += len(own)
    rows.account.close()
    report.accounts.append(rows.account)
    first, last = int(years[0][5:]), int(years[-1][5:])
    report.facts.append(
        f"People of {academic_year_label(first)} to {academic_year_label(last)} come from the "
        "projection."
    )
    return table[["academic_year", "age", "people"]]
