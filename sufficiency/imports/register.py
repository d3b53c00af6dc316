"""The register of establishments (GIAS) while it is being read: one step after the other.

Each step adds columns to the frame of a :class:`Register`, or leaves rows out with a reason.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from shapely.geometry.base import BaseGeometry

from sufficiency.imports.account import RowAccount
from sufficiency.imports.establishments import (
    HOST,
    INDEPENDENT_SCHOOL,
    UNKNOWN_TYPE,
    academic_year_of,
    closing_year,
    dates,
    final_successors,
    kinds,
    opening_year,
    status_codes,
    successors,
    type_codes,
)
from sufficiency.imports.files import Wanted, plain
from sufficiency.imports.layers import distance_km, hull_of, read_outline
from sufficiency.imports.overrides import OVERRIDDEN, is_filled
from sufficiency.imports.postcodes import Postcodes
from sufficiency.imports.report import Finding, ImportReport
from sufficiency.problems import Problems, near
from sufficiency.tables.reading import GRID_EXTENT, cell_text, report_rows

FAR_FROM_POSTCODE_METRES: Final = 2_000.0

SEN_CELLS: Final = tuple(f"sen{i}" for i in range(1, 14))


def _named(name: str, *headers: str, required: bool = False) -> Wanted:
    """A column whose header may carry "(name)" or "(code)" or neither."""
    return Wanted(name, headers, required)


COLUMNS: Final = (
    _named("urn", "URN", required=True),
    _named("name", "EstablishmentName", "Establishment name", required=True),
    _named("la_code", "LA (code)", "LACode"),
    _named("la_name", "LA (name)", "LAName", "LA"),
    _named("gss", "GSSLACode (name)", "GSSLACode", "GSSLACode (code)"),
    _named("type_code", "TypeOfEstablishment (code)", "TypeOfEstablishmentCode"),
    _named("type_name", "TypeOfEstablishment (name)", "TypeOfEstablishment"),
    _named("group", "EstablishmentTypeGroup (name)", "EstablishmentTypeGroup"),
    _named("status_code", "EstablishmentStatus (code)", "EstablishmentStatusCode"),
    _named("status_name", "EstablishmentStatus (name)", "EstablishmentStatus"),
    _named("open_date", "OpenDate"),
    _named("close_date", "CloseDate"),
    _named("phase", "PhaseOfEducation (name)", "PhaseOfEducation"),
    _named("low_age", "StatutoryLowAge"),
    _named("high_age", "StatutoryHighAge"),
    _named("capacity", "SchoolCapacity"),
    _named("roll", "NumberOfPupils"),
    _named("ukprn", "UKPRN"),
    _named("postcode", "Postcode"),
    _named("places_pru", "PlacesPRU"),
    _named("section_41", "Section41Approved (name)", "Section41Approved"),
    *(_named(f"sen{i}", f"SEN{i} (name)", f"SEN{i}") for i in range(1, 14)),
    _named("base_type", "TypeOfResourcedProvision (name)", "TypeOfResourcedProvision"),
    _named("rp_roll", "ResourcedProvisionOnRoll"),
    _named("rp_capacity", "ResourcedProvisionCapacity"),
    _named("unit_roll", "SenUnitOnRoll"),
    _named("unit_capacity", "SenUnitCapacity"),
    _named("easting", "Easting"),
    _named("northing", "Northing"),
    _named("plans", "SENStat"),
)

_NUMBERS: Final = ("low_age", "high_age", "capacity", "roll", "places_pru", "rp_roll",
                   "rp_capacity", "unit_roll", "unit_capacity", "easting", "northing",
                   "plans")  # fmt: skip

WITHOUT: Final[dict[str, str]] = {
    "section_41": "colleges and independent schools approved under section 41 are not recognised",
    "low_age": "year groups are taken from the phase or the type",
    "capacity": "places are estimated from the roll",
    "roll": "nothing is known of vacancies, nor of other authorities' children",
    "sen1": "every provision is taken to meet any need",
    "base_type": "resourced provision is known by its capacity and roll only",
    "rp_capacity": "places in resourced provision are not known",
    "unit_capacity": "places in SEN units are not known",
    "easting": "places are found by the postcode file, or not at all",
    "open_date": "every establishment not closed counts as open already",
    "close_date": "closures to come are not known",
    "plans": "independent schools are recognised as special by section 41 only",
}
"""What a column that older or newer downloads lack takes away."""

BASES: Final = (
    ("RP", "resourcedprovision", "rp_capacity", "rp_roll", "Resourced provision"),
    ("SENU", "senunit", "unit_capacity", "unit_roll", "SEN unit"),
)


@dataclass(frozen=True)
class Check:
    """A named check of the records that are used.

    Attributes:
        remedy: what the planner can do about a doubtful record.
        column: the column at fault, by its name in the frame ("" = several).
        mended_by: column of the overrides that settles the doubt ("" = none does).
    """

    remedy: str
    column: str = ""
    mended_by: str = ""


_WHERE = "give easting and northing in the overrides."
_WHAT_NEEDS = "give its needs in the overrides."
_WHAT_AGES = "give its lowest and highest year group in the overrides."
_WHAT_PLACES = "give its commissioned places in the overrides."

CHECKS: Final[dict[str, Check]] = {
    "ages not plausible": Check(_WHAT_AGES, "low_age", "lowest_year_group"),
    "ages unknown": Check(_WHAT_AGES, "low_age", "lowest_year_group"),
    "base not named": Check(
        "write exclude = yes for the base in the overrides if it is closed.", "base_type", "exclude"
    ),
    "capacity unknown": Check(_WHAT_PLACES, "capacity", "places"),
    "closed after the day of the import": Check("check --date.", "close_date", "closes"),
    "closing without a date": Check(
        "give closes in the overrides once the date is known.", "close_date", "closes"
    ),
    "coordinates far from the authority": Check(_WHERE, "easting", "easting"),
    "coordinates far from the postcode": Check(
        f"find out which is right; if it is the postcode, {_WHERE}", "easting", "easting"
    ),
    "coordinates from the postcode": Check(f"if it lies elsewhere, {_WHERE}", "easting", "easting"),
    "coordinates missing": Check(f"give --postcodes, or {_WHERE}", "easting"),
    "coordinates not on the grid": Check(_WHERE, "easting", "easting"),
    "date not understood": Check("give opens or closes in the overrides.", "open_date"),
    "hospital school": Check(
        "give its kind in the overrides if it is a special school.", "name", "kind"
    ),
    "independent school taken as special": Check(
        "write exclude = yes in the overrides if it is not special.", "type_name", "exclude"
    ),
    "inside the boundary": Check("check its coordinates.", "easting", "easting"),
    "may be one school": Check("give the links file with --links, so that both become one."),
    "need not understood": Check(_WHAT_NEEDS, "", "needs"),
    "needs behind Not Applicable": Check(_WHAT_NEEDS, "sen1", "needs"),
    "needs may be cut off": Check(_WHAT_NEEDS, "", "needs"),
    "needs unknown": Check(_WHAT_NEEDS, "sen1", "needs"),
    "opening date has passed": Check(
        "give opens in the overrides if it is late.", "open_date", "opens"
    ),
    "outside the boundary": Check("check its coordinates.", "easting", "easting"),
    "places missing": Check(_WHAT_PLACES, "capacity", "places"),
    "postcode not in the postcode file": Check("use a newer postcode file, or have it corrected."),
    "roll above capacity": Check(_WHAT_PLACES, "capacity", "places"),
    "several successors": Check("mend the records that name its URN by hand.", "urn"),
    "taken from the predecessor": Check("give what holds now in the overrides."),
    "type not known": Check("keep it with exclude = no and a kind in the overrides.", "type_name"),
}
"""Every named check by its name; docs/inputs.md explains them."""


@dataclass
class Register:
    """The download while it is being worked on.

    ``frame`` has one row an establishment; besides the columns read, the steps below add numbers,
    ``own``, ``kind``, ``opens``, ``closes``, ``standing``, ``x``, ``y``, ``km``, ``has_RP``,
    ``has_SENU``, ``merged`` (why the row is joined to another) and ``reason`` (why it is left out);
    a row with neither is used. ``kept`` marks rows that the overrides keep. ``follower`` gives,
    for the position of an establishment that closes, the position of the one that follows it.
    ``settled`` holds the pairs of URN and column that the overrides decide.
    """

    frame: pd.DataFrame
    file: str
    account: RowAccount
    found: frozenset[str]
    problems: Problems
    report: ImportReport = field(default_factory=lambda: ImportReport(""))
    authority: str = ""
    by_hull: bool = False
    follower: dict[int, int] = field(default_factory=dict)
    doubts: list[tuple[int, str, str]] = field(default_factory=list)
    settled: set[tuple[str, str]] = field(default_factory=set)

    def doubt(self, at: int, name: str, text: str) -> None:
        """Note a doubtful record; it is told where its row is used and not overridden.

        Args:
            at: position of the row.
            name: name of the check, one of CHECKS.
            text: what was found.
        """
        self.doubts.append((at, name, text))

    def doubt_all(self, rows: Any, name: str, text: str) -> None:
        """Note the same doubt of every row that is marked in ``rows``."""
        self.doubts += [(at, name, text) for at in np.flatnonzero(np.asarray(rows)).tolist()]

    def cell(self, at: int, column: str) -> Any:
        """A cell of the frame; its type is that of the column."""
        return self.frame.at[at, column]

    def sen(self, at: int) -> list[str]:
        """The cells SEN1 to SEN13 of a row."""
        return [str(self.frame.at[at, name]) for name in SEN_CELLS]

    def tell(self, at: int, name: str, text: str) -> None:
        """Report a doubtful record whatever becomes of its row; arguments as for doubt."""
        check = CHECKS[name]
        value = cell_text(self.cell(at, check.column))[:120] if check.column else ""
        subject = f"{self.cell(at, 'urn')} {self.cell(at, 'name')}"
        row = int(self.cell(at, "_row"))
        self.report.findings.append(
            Finding(name, subject, text, check.remedy, self.file, row, check.column, value)
        )

    def last_follower(self, at: int) -> int:
        """The position of the row that stands, in the end, for the row at a position."""
        seen = {at}
        while at in self.follower and self.follower[at] not in seen:
            at = self.follower[at]
            seen.add(at)
        return at

    def leave_out(self, rows: Any, reason: str, *, kept_too: bool = False) -> None:
        """Leave rows out for a reason, where there is none yet and the overrides allow it."""
        free = rows & self.frame["reason"].eq("") & self.frame["merged"].eq("")
        if not kept_too:
            free &= ~self.frame["kept"]
        self.frame.loc[free, "reason"] = reason


# ------------------------------------------------------------------ the steps


def choose_authority(register: Register, authority: str, problems: Problems) -> None:
    """Mark the authority's own establishments; an error where it has none."""
    frame = register.frame
    asked = authority.strip().casefold()
    code = frame["la_code"].str.lstrip("0")
    own = frame["gss"].str.casefold().eq(asked) | frame["la_name"].str.casefold().eq(asked)
    if asked.isdigit():
        own |= code.eq(asked.lstrip("0")) & code.ne("")
    if asked and own.any():
        register.frame["own"] = own
        mine = frame[own]
        name = mine["la_name"].mode()
        number = mine["la_code"].mode()
        register.authority = str(name.iloc[0] if len(name) and name.iloc[0] else authority)
        register.report.facts.append(
            f"Authority {number.iloc[0] if len(number) else authority}: {register.authority}, with "
            f"{len(mine):,} of the {len(frame):,} establishments in the file."
        )
        return
    known = frame.drop_duplicates(["la_code", "gss", "la_name"])
    label = known["la_code"] + " " + known["la_name"] + " " + known["gss"]
    words: dict[str, str] = {}
    for column in ("la_code", "gss", "la_name"):
        words |= dict(zip(known[column].str.casefold(), label, strict=True))
    words.pop("", None)
    close = difflib.get_close_matches(asked, list(words), n=4, cutoff=0.5)
    shown = ", ".join(dict.fromkeys(" ".join(words[word].split()) for word in close))
    problems.error(
        "no establishment of the file belongs to this authority" + (f"; near ones: {shown}." if
        shown else "."),
        "give the three-digit number of the authority, its GSS code, or its name as GIAS has it.",
        file="--authority", value=authority,
    )  # fmt: skip


def know_overrides(register: Register, changes: pd.DataFrame, problems: Problems) -> None:
    """Every override names an establishment of the file; mark those that are kept regardless."""
    urns = set(register.frame["urn"])
    host = changes["provision"].str.replace(r"-(RP|SENU)$", "", regex=True)
    file = str(changes.attrs.get("file", ""))
    unknown = changes[~host.isin(urns)]
    report_rows(
        problems.error, unknown, "provision", file,
        lambda row: (
            f"is no URN of the download{near(str(row['provision']), _alike(row, urns))}",
            "write a URN, or URN-RP or URN-SENU for resourced provision or a SEN unit.",
        ),
    )  # fmt: skip
    register.frame["kept"] = register.frame["urn"].isin(set(host[changes["exclude"] == "no"]))
    for column in ("exclude", "places", *OVERRIDDEN):
        filled = changes[column].map(is_filled).astype(bool)
        register.settled |= {(urn, column) for urn in host[filled]}


def _alike(row: Mapping[str, Any], urns: set[str]) -> list[str]:
    start = str(row["provision"])[:3]
    return sorted(urn for urn in urns if urn.startswith(start))


def tidy(register: Register, problems: Problems) -> None:
    """Numbers as numbers; rows without a URN, and rows that stand twice, are left out."""
    frame = register.frame
    for name in _NUMBERS:
        text = frame[name].str.replace(",", "", regex=False)
        number = pd.to_numeric(text, errors="coerce").replace([np.inf, -np.inf], np.nan)
        wrong = number.isna() & frame[name].ne("") | number.lt(0)
        say = ("is no number that can be used; it counts as unknown.", "correct it in the file.")
        report_rows(problems.warn, frame[wrong], name, register.file, say)
        frame[f"{name}_"] = number.mask(number < 0)
    sound = frame["urn"].str.fullmatch(r"\d{4,8}").fillna(False).astype(bool)
    say = ("is no URN; the row is left out.", "download the file again.")
    report_rows(problems.warn, frame[~sound], "urn", register.file, say)
    register.leave_out(~sound, "without a URN", kept_too=True)
    columns = [c for c in frame.columns if c not in ("_row", "reason", "kept")]
    same = frame.duplicated(columns) & sound
    register.frame.loc[same, "merged"] = "the same row again"
    twice = frame.duplicated("urn") & sound & ~same
    say = ("this URN stands in two different rows; the first is used.", "download it again.")
    report_rows(problems.warn, frame[twice], "urn", register.file, say)
    register.leave_out(twice, "a URN that stands twice, with different cells", kept_too=True)


def put_on_the_map(register: Register, places: Postcodes | None, changes: pd.DataFrame) -> None:
    """Coordinates in metres: overrides first, then the register, then the postcode."""
    frame = register.frame
    x, y = frame["easting_"].to_numpy(float).copy(), frame["northing_"].to_numpy(float).copy()
    _, _, high_x, high_y = GRID_EXTENT
    with np.errstate(invalid="ignore"):  # no land lies within a kilometre of the grid's origin
        sound = (x > 1_000) & (x <= high_x) & (y > 1_000) & (y <= high_y)
    given = frame["easting"].ne("") & frame["easting"].ne("0") & ~sound
    register.doubt_all(
        given,
        "coordinates not on the grid",
        "its easting and northing lie outside Great Britain and are not used.",
    )
    x[~sound], y[~sound] = np.nan, np.nan
    if places is not None and len(places):
        found = places.find(frame["postcode"])
        px, py = found["easting"].to_numpy(float), found["northing"].to_numpy(float)
        filled = np.isnan(x) & np.isfinite(px)
        register.doubt_all(
            filled,
            "coordinates from the postcode",
            "has no coordinates of its own; those of its postcode are used.",
        )
        away = np.nan_to_num(np.hypot(x - px, y - py))
        for at in np.flatnonzero(away > FAR_FROM_POSTCODE_METRES).tolist():
            register.doubt(
                at,
                "coordinates far from the postcode",
                f"its coordinates lie {away[at] / 1000:,.1f} km from its postcode; the coordinates "
                "are used.",
            )
        register.doubt_all(
            frame["postcode"].ne("").to_numpy() & np.isnan(px),
            "postcode not in the postcode file",
            "its postcode is not in the postcode file, so that its coordinates are not checked.",
        )
        x[filled], y[filled] = px[filled], py[filled]
    given_by = changes[changes["easting"].notna() & changes["northing"].notna()]
    host = given_by["provision"].str.replace(r"-(RP|SENU)$", "", regex=True)
    position = pd.Series(frame.index, index=frame["urn"])
    for urn, east, north in zip(host, given_by["easting"], given_by["northing"], strict=True):
        at = position.loc[[urn]].iloc[0]
        x[at], y[at] = east, north
    frame["x"], frame["y"] = x, y


def find_outline(
    register: Register, boundary: Path | None, authority: str, problems: Problems
) -> BaseGeometry | None:
    """The authority's outline: its boundary, else the hull of its own establishments."""
    own = register.frame[register.frame["own"]]
    if boundary is not None:
        names = [
            authority,
            register.authority,
            *own["gss"].unique()[:3],
            *own["la_code"].unique()[:3],
        ]
        outline = read_outline(boundary, names, problems)
        if outline is None:
            return None
        km = distance_km(outline, own["x"], own["y"])
        known = np.isfinite(km)
        if known.any() and (km[known] > 0).mean() > 0.5:
            problems.error(
                f"{int((km[known] > 0).sum()):,} of the authority's {int(known.sum()):,} "
                "establishments lie outside this boundary.",
                f"give the boundary of {register.authority}, in its right coordinate system.",
                file=boundary.name,
            )
        return outline
    outline, astray = hull_of(own["x"], own["y"])
    for at in own.index[astray].tolist():
        register.doubt(
            at,
            "coordinates far from the authority",
            "lies so far from the authority's other establishments that its coordinates are "
            "doubtful; the hull leaves it out.",
        )
    if outline is None:
        problems.error(
            "no establishment of the authority has coordinates, so that distances are not known.",
            "give --boundary, or --postcodes to find the coordinates.", file=register.file,
        )  # fmt: skip
        return None
    register.by_hull = True
    register.report.estimates.append(
        "No boundary was given: distances are taken from the hull of the authority's own "
        "establishments."
    )
    return outline


def find_years(register: Register, today: pd.Timestamp) -> None:
    """Which establishments stand, and from and to which academic year."""
    frame = register.frame
    opened, bad_opened = dates(frame["open_date"])
    closed, bad_closed = dates(frame["close_date"])
    register.doubt_all(
        bad_opened | bad_closed,
        "date not understood",
        "a date is not written as 31-08-2025; it counts as blank.",
    )
    status = status_codes(frame["status_code"], frame["status_name"])
    gone = closed.le(today) | (closed.isna() & (status == 2))
    proposed = (status == 4) & opened.isna()
    to_open = opened.gt(today) & ~gone
    to_close = closed.gt(today)
    frame["opens"] = np.where(to_open, opened.map(_year(opening_year)), -1).astype("int64")
    frame["closes"] = np.where(to_close, closed.map(_year(closing_year)), -1).astype("int64")
    # An establishment that opens in the year that runs, or before, is there from the start.
    frame.loc[frame["opens"] <= academic_year_of(today), "opens"] = -1
    frame["standing"] = ~gone & ~proposed
    frame["opened_on"], frame["closed_on"] = opened, closed
    register.doubt_all(
        (status == 3) & closed.isna(),
        "closing without a date",
        "is proposed to close, but no date is given; it stays open.",
    )
    register.doubt_all(
        (status == 4) & opened.le(today),
        "opening date has passed",
        "is proposed to open, and its date has passed; it counts as open.",
    )
    register.doubt_all(
        (status == 2) & closed.gt(today),
        "closed after the day of the import",
        "is recorded as closed, on a date after the day that counts as today.",
    )
    register.leave_out(gone, f"closed by {today:%Y-%m-%d}")
    register.leave_out(proposed, "proposed to open, without a date")


def _year(rule: Any) -> Any:
    """A rule from dates to years that leaves blank dates alone."""
    return lambda date: -1 if pd.isna(date) else rule(date)


def find_kinds(register: Register) -> None:
    """The kind of provision that each establishment is."""
    frame = register.frame
    types = type_codes(frame["type_code"], frame["type_name"])
    approved = frame["section_41"].map(lambda text: plain(text) in ("approved", "yes", "true"))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (frame["plans_"] / frame["roll_"].where(frame["roll_"] > 0)).to_numpy(float)
    words = frame["type_name"] + " " + frame["group"]
    kind, reason = kinds(types, words, approved.to_numpy(dtype=bool), share)
    evident = (types == INDEPENDENT_SCHOOL) & (kind == "independent_special")
    hospital = (kind == "state_special") & frame["name"].str.contains(
        r"\bhospitals?\b", case=False
    ).to_numpy(dtype=bool)
    kind[hospital] = "alternative_provision"
    outside = (kind == "state_special") & ~frame["own"].to_numpy(dtype=bool)
    kind[outside] = "out_of_area_state_special"
    frame["kind"] = pd.Series(kind, index=frame.index, dtype="str")
    for at in np.flatnonzero(evident).tolist():
        section_41 = "is approved under section 41"
        why = section_41 if approved.iloc[at] else f"{share[at]:.0%} of its pupils have a plan"
        register.doubt(
            at,
            "independent school taken as special",
            f"is registered as another independent school, but {why}.",
        )
    register.doubt_all(
        hospital,
        "hospital school",
        "teaches children who are ill; it counts as alternative provision, so that its places are "
        "not taken for special school places.",
    )
    strange = (reason == UNKNOWN_TYPE) & frame["standing"] & frame["own"]
    for at in np.flatnonzero(strange).tolist():
        register.tell(at, "type not known", "its type is not known; it is left out.")
    for why in sorted({str(text) for text in reason if text}):
        register.leave_out(pd.Series(reason == why, index=frame.index), why)


def find_successors(register: Register, links: pd.DataFrame, account: RowAccount | None) -> None:
    """Find for each establishment that closes the one that follows it.

    A follower that opens within a year of the closure counts as there from the start, so that a
    school that becomes an academy is one provision throughout.
    """
    frame = register.frame
    if account is None:
        return
    after = successors(links)
    first = ~frame.duplicated("urn")
    urns = frame["urn"].tolist()
    position = {urns[at]: at for at in np.flatnonzero(first).tolist()}
    standing = dict(zip(frame["urn"][first], frame["standing"][first], strict=True))
    ending = first & (frame["closed_on"].notna() | ~frame["standing"])
    for at in np.flatnonzero(ending & frame["urn"].isin(list(after))).tolist():
        ends = final_successors(urns[at], after, standing)
        if len(ends) == 1:
            register.follower[at] = position[ends[0]]
        elif ends and register.cell(at, "own") and register.cell(at, "kind") != HOST:
            text = f"closes, and {' and '.join(ends)} follow it; it is joined to none of them."
            register.tell(at, "several successors", text)
    late = set(np.flatnonzero(frame["opens"].ge(0)).tolist())
    for at, follower in register.follower.items():
        if follower not in late or not register.cell(at, "standing"):
            continue
        days = (register.cell(follower, "opened_on") - register.cell(at, "closed_on")).days
        if days <= 366:
            frame.at[follower, "opens"] = -1
    followed = {urns[at] for at in register.follower}
    sort = links["link_type"].map(plain).str.startswith(("successor", "predecessor"))
    used = sort & (links["urn"].isin(followed) | links["link_urn"].isin(followed))
    account.used += int(used.sum())
    account.exclude("a link of another sort", int((~sort).sum()))
    account.exclude("of establishments that need not be followed", int((sort & ~used).sum()))
    account.close()


def choose(
    register: Register, changes: pd.DataFrame, outline: BaseGeometry | None, within_km: float
) -> None:
    """Leave out what is far away, what has no base and what the overrides exclude."""
    frame = register.frame
    assert outline is not None
    ordinary = frame["kind"].eq(HOST)
    base_type = frame["base_type"].map(plain)
    for base, word, capacity, roll, _ in BASES:
        numbers = frame[f"{capacity}_"].gt(0) | frame[f"{roll}_"].gt(0)
        frame[f"has_{base}"] = base_type.str.contains(word) | numbers
        ordinary &= ~frame[f"has_{base}"]
    register.leave_out(
        ordinary, "mainstream without resourced provision or a SEN unit (near-home mainstream "
        "stands for it)", kept_too=True,
    )  # fmt: skip
    frame["km"] = distance_km(outline, frame["x"], frame["y"])
    register.leave_out(~frame["own"] & frame["km"].gt(within_km),
                   f"farther than {within_km:g} km from the authority")  # fmt: skip
    lost = frame["km"].isna() & frame["reason"].eq("") & frame["merged"].eq("")
    for at in np.flatnonzero(lost & frame["own"]).tolist():
        text = "belongs to the authority, but nobody says where it lies; it is left out."
        register.tell(at, "coordinates missing", text)
    register.leave_out(lost, "without coordinates", kept_too=True)
    out = set(changes["provision"][changes["exclude"] == "yes"])
    register.leave_out(frame["urn"].isin(out), "excluded by the overrides", kept_too=True)
    stands = (frame["reason"].eq("") & frame["merged"].eq("")).to_numpy(dtype=bool)
    joined = [at for at in register.follower if stands[register.last_follower(at)]]
    frame.loc[joined, "reason"] = ""
    frame.loc[joined, "merged"] = "closes, and is joined to its successor"
    inside = frame["km"].eq(0.0)
    used = frame["reason"].eq("") & frame["merged"].eq("")
    if register.by_hull:
        return
    for at in np.flatnonzero(used & frame["own"] & ~inside).tolist():
        km = register.cell(at, "km")
        register.doubt(
            at,
            "outside the boundary",
            f"belongs to the authority, but lies {km:,.1f} km outside its boundary; it counts as "
            "inside.",
        )
    register.doubt_all(
        used & ~frame["own"] & inside,
        "inside the boundary",
        "lies inside the boundary, but belongs to another authority; it counts as outside.",
    )
