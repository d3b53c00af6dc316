"""``sufficiency import sen2``: the authority's own person-level return becomes children today.

Only counts leave this process: children by area, need, year group and provision. UPN, names, dates
of birth and postcodes are never written, logged or shown in a message, an error included.
"""

from __future__ import annotations

import argparse
import datetime
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from rich.console import Console

from sufficiency.demand.projection import AGE_BANDS, SMOOTHING_CHILDREN, controlled_rounding
from sufficiency.imports.blade import SEN_SETTINGS, census_date, read_return
from sufficiency.imports.counting import Counting, find_homes, plain_code
from sufficiency.imports.following import band_of
from sufficiency.imports.outcome import Outcome, deliver, estimated, table_bytes
from sufficiency.imports.placing import read_areas, stand_in_places, stand_ins_of
from sufficiency.imports.postcodes import Postcodes, read_postcodes
from sufficiency.imports.quality import CHECKS, Quality
from sufficiency.imports.report import ImportReport
from sufficiency.problems import EXIT_OK, InputError, Problem, Problems, near
from sufficiency.tables import Column, Table, read_boundary, read_table
from sufficiency.tables.reading import report_rows
from sufficiency.vocabulary import KINDS, NEEDS, academic_year_label

NAME: Final = "sen2"
TEXT: Final = "Children today from the SEN2 person-level return (COLLECT Blade export)."

MOST_ORPHANS: Final = 0.02
MOST_WITHOUT: Final = 0.1
"""Shares of rows without what they belong to, and of children without a placement or need, above
which the export itself is questioned (judgement: 3 in 100 plans had no placement in England in
January 2025)."""

WHOLE: Final = "authority"
"""The one area where no areas are given."""

MAPPING: Final = Table(
    "mapping",
    "Mapping",
    "Where an establishment of the return is among the provisions. It always wins.",
    (
        Column("urn", "text", False, blank="any"),
        Column("ukprn", "text", False, blank="any"),
        Column("sen_setting", "text", False, blank="any"),
        Column("base", "yes/no", False, blank="either"),
        Column("provision", "text"),
    ),
    (),
    False,
    "geodata",
)
TIERS_OF: Final = Table(
    "tiers",
    "Tiers",
    "The support tier of children, by where they are and what they need.",
    (
        Column("provision", "text", False, blank="any"),
        Column("kind", "kind", False, blank="any"),
        Column("need", "need", False, blank="any"),
        Column("tier", "tier"),
    ),
    (),
    False,
    "geodata",
)
ESTABLISHMENTS: Final = Table(
    "establishments",
    "Establishments",
    "What the GIAS import writes: where every URN went.",
    (
        Column("urn", "text"),
        Column("ukprn", "text", False, blank="unknown"),
        Column("kind", "text", False, blank="none of a provision"),
        Column("provision", "text", False, blank="none"),
        Column("resourced_provision", "text", False, blank="none"),
        Column("sen_unit", "text", False, blank="none"),
        Column("note", "text", False, blank="none"),
    ),
    ("urn",),
    False,
    "geodata",
)

_NOT_BASES: Final = ("state_special", "non_maintained_special", "independent_special",
                     "out_of_area_state_special", "alternative_provision",
                     "specialist_post_16")  # fmt: skip


def import_sen2(
    folder: Path,
    *,
    provisions: Path,
    areas: Path | None = None,
    postcodes: Sequence[Path] = (),
    boundary: Path | None = None,
    establishments: Path | None = None,
    mapping: Path | None = None,
    tiers: Path | None = None,
    census: datetime.date | None = None,
    pseudonyms: bool = False,
) -> Outcome:
    """Count the children of a SEN2 return who have an open plan on the census date.

    Args:
        folder: the nine files of the Blade export.
        provisions: the table provisions, best from ``import gias``.
        areas: the table areas; without it all children live in one area.
        postcodes: postcode files; without them homes are spread over areas by people.
        boundary: the authority's outline, for postcodes whose area the file does not name.
        establishments: ``establishments.csv`` of ``import gias``; the one beside ``provisions`` is
            taken when there is one.
        mapping: CSV with the columns of MAPPING, which wins over everything.
        tiers: CSV with the columns of TIERS_OF; without it tiers stay blank.
        census: the census date; None for that of the return.
        pseudonyms: whether the findings of each check are listed by keyed hash.

    Returns:
        children_today and the reports. No record of a child is in it.

    Raises:
        InputError: the return or a table cannot be used; every reason is listed. A fault of the
            program becomes one too, lest its message show what is in a record.
    """
    try:
        return _import(
            folder, provisions, areas, postcodes, boundary, establishments, mapping, tiers, census,
            pseudonyms,
        )  # fmt: skip
    except InputError:
        raise
    except Exception as error:
        # The text of an exception may hold a cell: only its kind and place are told, and the
        # exception itself is let go before another is raised.
        kind, place = type(error).__name__, _place(error)
    raise InputError(
        [
            Problem(
                f"the import failed ({kind} in {place}).",
                "report this place to the makers of the program; send no part of the return.",
                file=folder.name,
            )
        ]
    )


def _place(error: Exception) -> str:
    """File and line of the program in which an exception arose."""
    frames = list(traceback.extract_tb(error.__traceback__))
    own = [frame for frame in frames if "sufficiency" in frame.filename] or frames
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}"


def _import(
    folder: Path, provisions: Path, areas: Path | None, postcodes: Sequence[Path],
    boundary: Path | None, establishments: Path | None, mapping: Path | None, tiers: Path | None,
    census: datetime.date | None, pseudonyms: bool,
) -> Outcome:  # fmt: skip
    problems = Problems()
    returned = read_return(folder, problems)
    known = _known_places(provisions, establishments, mapping, problems)
    area_table = None if areas is None else read_areas(areas, problems)
    tier_rules = None if tiers is None else read_table(TIERS_OF, tiers, problems)
    outline = None if boundary is None else read_boundary(boundary, problems)
    if postcodes and areas is None:
        problems.error("postcode files need the areas to which they lead.", "give --areas.",
                       file="--postcodes")  # fmt: skip
    places = read_postcodes(list(postcodes), problems) if postcodes else None
    day = None if returned is None else census_date(returned, census, problems, folder.name)
    problems.raise_if_any()
    assert returned is not None and day is not None
    quality = Quality()
    counting = Counting(returned, day, quality)
    counting.check_rows()
    counted = counting.children()
    base_year = day.year - (day.month < 9)
    report = ImportReport(
        f"Children today, {academic_year_label(base_year)}, from the SEN2 return (version "
        f"{returned.version}, census {day:%d %B %Y})"
    )
    for path in filter(None, (provisions, known.file, areas, boundary, mapping, tiers)):
        report.add_input(path)
    for path in (folder, *postcodes):
        report.inputs[path.name] = "read in memory"
    children = counted.children
    destinations = [known.find(row, int(row["year_group"])) for row in children.to_dict("records")]
    _note_destinations(counting, children, destinations, known)
    children["provision"] = [d.provision for d in destinations]
    _note_year_groups(counting, children, known)
    children["area"] = _homes(
        counting, children, area_table, places, outline, quality, report
    ).to_numpy(dtype=object)  # fmt: skip
    children["tier"] = _tiers(children, tier_rules, known, report)
    outcome = Outcome(NAME, report)
    keys = ["area", "need", "tier", "year_group", "provision"]
    today = children.assign(children=1).groupby(keys, as_index=False)[["children"]].sum()
    outcome.tables["children_today"] = today.astype({"area": "str", "need": "str"})
    _add_stand_ins(outcome, known, today, base_year, problems)
    report.accounts = [returned.accounts[n] for n in returned.accounts]
    report.accounts += [] if places is None else list(places.accounts)
    _tell(report, counted.facts, children, destinations, known, quality, day)
    _question_whole(counting, len(children), quality, problems, folder.name)
    if area_table is None:
        problems.warn("no areas were given: all children live in one area.",
                      "give --areas and --postcodes; journeys cannot be told without them.",
                      file="children_today.csv", column="area")  # fmt: skip
    report.warnings = problems.warnings
    rows = [line for account in report.accounts for line in account.sentences()]
    outcome.files["data_quality.html"] = quality.page(
        f"Data quality of the SEN2 return, {academic_year_label(base_year)}", report.facts,
        report.estimates, rows,
    )  # fmt: skip
    outcome.files["data_quality.csv"] = quality.table()
    if pseudonyms:
        outcome.files["data_quality_pseudonyms.csv"] = quality.pseudonyms()
    return outcome


# ------------------------------------------------------------------ provisions


@dataclass(frozen=True)
class _Destination:
    """Where a placement is among the provisions.

    Attributes:
        provision: its identifier.
        how: "mapping", "provision", "near home" (its kind is known), "setting", "none" (no
            placement) or "unknown" (an establishment of which nothing is known).
        doubts: names of checks that it raises.
    """

    provision: str
    how: str
    doubts: tuple[str, ...] = ()


@dataclass
class _KnownPlaces:
    """The provisions, and how establishments of the return lead to them."""

    table: pd.DataFrame
    establishments: pd.DataFrame
    mapping: pd.DataFrame
    file: Path | None
    stand_ins: dict[tuple[str, int], str] = field(default_factory=dict)
    nearest: dict[tuple[str, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kind = dict(zip(self.table["provision"], self.table["kind"], strict=True))
        self.by_urn: dict[str, dict[str, str]] = {}
        self.by_ukprn: dict[str, dict[str, str]] = {}
        for record in self.establishments.to_dict("records"):
            row = {str(k): str(v) for k, v in record.items()}
            row["urn"] = plain_code(row["urn"])
            self.by_urn[row["urn"]] = row
            ukprn = plain_code(row["ukprn"])
            # Of two establishments of one provider, the one among the provisions is meant.
            former = self.by_ukprn.get(ukprn)
            if ukprn and (former is None or (row["provision"] and not former["provision"])):
                self.by_ukprn[ukprn] = row
        self.bases: dict[str, list[str]] = {}
        for provision, kind in sorted(self.kind.items()):
            if kind == "specialist_base":
                self.bases.setdefault(provision.split("-")[0], []).append(provision)
        self.rules = [
            {str(k): str(v) for k, v in record.items()}
            for record in self.mapping.to_dict("records")
        ]

    def find(self, row: dict[Any, Any], year_group: int) -> _Destination:
        """The provision of a placement, by mapping, establishment, setting code and year group."""
        urn, ukprn, setting = str(row["urn"]), str(row["ukprn"]), str(row["setting"])
        base = str(row["base"])
        mapped = self._mapped(urn, ukprn, setting, bool(base))
        if mapped:
            return _Destination(mapped, "mapping")
        if not urn and not ukprn and row["established"]:
            return self._unknown(year_group)
        if not urn and not ukprn:
            if setting == "EYP":
                return _Destination(self.near_home("mainstream", year_group), "setting")
            how = "setting" if setting in SEN_SETTINGS else "none"
            doubts = ("NEET below Year 12",) if setting == "NEET" and year_group < 12 else ()
            return _Destination(self.near_home("educated_elsewhere", year_group), how, doubts)
        return self._established(urn, ukprn, base, year_group)

    def _mapped(self, urn: str, ukprn: str, setting: str, in_base: bool) -> str:
        for rule in self.rules:
            if not (rule["urn"] or rule["ukprn"] or rule["sen_setting"]):
                continue
            if (
                (not rule["urn"] or plain_code(rule["urn"]) == urn)
                and (not rule["ukprn"] or plain_code(rule["ukprn"]) == ukprn)
                and (not rule["sen_setting"] or rule["sen_setting"].upper() == setting)
                and (not rule["base"] or (rule["base"] == "yes") == in_base)
            ):
                return rule["provision"]
        return ""

    def _established(self, urn: str, ukprn: str, base: str, year_group: int) -> _Destination:
        known = self.by_urn.get(urn) or self.by_ukprn.get(ukprn)
        school = (known or {}).get("provision", "")
        if not school:
            school = next((p for p in (urn, f"urn-{urn}", ukprn) if p and p in self.kind), "")
        kind = self.kind.get(school) or (known or {}).get("kind", "")
        doubts: list[str] = []
        if base and kind in _NOT_BASES:
            doubts.append("base flagged at a special school")
            base = ""
        if base:
            found = self._base(urn, known, base)
            if found:
                return _Destination(found, "provision", tuple(doubts))
            doubts.append("base flagged where none is known")
            return _Destination(
                self.near_home("specialist_base", year_group), "near home", tuple(doubts)
            )
        if school in self.kind:
            return _Destination(school, "provision", tuple(doubts))
        if known is None and len(self.establishments) and urn:
            doubts.append("URN not in GIAS")
        if kind in KINDS:
            if kind not in ("mainstream", "further_education"):
                doubts.append("establishment in no provision")
            if kind == "state_special":
                kind = "out_of_area_state_special"
            return _Destination(self.near_home(kind, year_group), "near home", tuple(doubts))
        doubts.append("establishment in no provision")
        return self._unknown(year_group, *doubts)

    def _unknown(self, year_group: int, *doubts: str) -> _Destination:
        """An establishment of which nothing is known: most are mainstream schools or colleges."""
        assumed = "mainstream" if year_group < 12 else "further_education"
        return _Destination(self.near_home(assumed, year_group), "unknown", doubts)

    def _base(self, urn: str, known: dict[str, str] | None, base: str) -> str:
        own = (known or {}).get("sen_unit", ""), (known or {}).get("resourced_provision", "")
        order = own if base == "unit" else own[::-1]
        found = next((p for p in order if p in self.kind), "")
        if found:
            return found
        at = [*self.bases.get(urn, []), *self.bases.get("urn", [])]
        at = [p for p in at if urn and urn in p]
        return at[0] if at else ""

    def near_home(self, kind: str, year_group: int) -> str:
        """The near-home provision of a kind for a year group; a stand-in where none was given."""
        found = self.nearest.get((kind, year_group))
        if found is None:
            found = self._near_home(kind, year_group)
            self.nearest[kind, year_group] = found
        return found

    def _near_home(self, kind: str, year_group: int) -> str:
        same = self.table[(self.table["kind"] == kind) & self.table["easting"].isna()]
        if same.empty:
            return self._stand_in(kind, year_group)
        low = same["lowest_year_group"].to_numpy(dtype=float)
        high = same["highest_year_group"].to_numpy(dtype=float)
        off = np.maximum(low - year_group, 0) + np.maximum(year_group - high, 0)
        return str(same["provision"].iloc[int(off.argmin())])

    def _stand_in(self, kind: str, year_group: int) -> str:
        rows = _stand_in_rows(kind, year_group)
        name = str(rows["provision"].iloc[0])
        while name in self.kind:
            name += "-stand-in"
        self.stand_ins[kind, year_group] = name
        return name

    def stand_in_table(self) -> pd.DataFrame:
        """Stand-ins that hold children, as rows of the table provisions."""
        parts = [
            _stand_in_rows(kind, group).assign(provision=name)
            for (kind, group), name in self.stand_ins.items()
        ]
        if not parts:
            return self.table.iloc[:0]
        table = pd.concat(parts, ignore_index=True)
        return table.drop_duplicates("provision").sort_values("provision", ignore_index=True)


@cache
def _stand_in_rows(kind: str, year_group: int) -> pd.DataFrame:
    return stand_ins_of(kind, pd.DataFrame({"year_group": [year_group]}), set())


def _known_places(
    provisions: Path, establishments: Path | None, mapping: Path | None, problems: Problems
) -> _KnownPlaces:
    """Read the provisions and what leads to them."""
    table = read_table("provisions", provisions, problems)
    beside = provisions.with_name("establishments.csv")
    file = establishments or (beside if beside.is_file() else None)
    empty = {name: pd.Series([], dtype="str") for name in
             (column.name for column in ESTABLISHMENTS.columns)}  # fmt: skip
    known = pd.DataFrame(empty) if file is None else read_table(ESTABLISHMENTS, file, problems)
    rules = pd.DataFrame({column.name: pd.Series([], dtype="str") for column in MAPPING.columns})
    if mapping is not None:
        rules = read_table(MAPPING, mapping, problems)
        unknown = ~rules["provision"].isin(set(table["provision"]))
        report_rows(
            problems.error, rules[unknown], "provision", mapping.name,
            lambda row: (f"is no provision{near(str(row['provision']), table['provision'])}",
                         "use an identifier of the table provisions."),
        )  # fmt: skip
        bare = rules["urn"].eq("") & rules["ukprn"].eq("") & rules["sen_setting"].eq("")
        say = ("says neither urn nor ukprn nor sen_setting.", "fill in one of them.")
        report_rows(problems.error, rules[bare], "provision", mapping.name, say)
    twice = table[table["provision"].duplicated()]
    report_rows(problems.error, twice, "provision", provisions.name,
                ("stands twice.", "keep one of the rows."))  # fmt: skip
    return _KnownPlaces(table, known, rules, file)


def _note_destinations(
    counting: Counting, children: pd.DataFrame, found: Sequence[_Destination], known: _KnownPlaces
) -> None:
    """Note the doubts of placements; URNs can only be looked for where GIAS was imported."""
    placement = children["placement"].to_numpy(dtype=np.int64)
    size = len(counting.frames["placementdetail"])
    for check in (
        "base flagged at a special school",
        "base flagged where none is known",
        "URN not in GIAS",
        "establishment in no provision",
        "NEET below Year 12",
    ):
        mask = np.zeros(size, dtype=bool)
        doubtful = np.array([check in d.doubts for d in found], dtype=bool) & (placement >= 0)
        mask[placement[doubtful]] = True
        counting.note(check, "placementdetail", mask)
    if known.establishments.empty:
        counting.quality.not_run["URN not in GIAS"] = (
            "no establishments.csv of the GIAS import was given"
        )


def _note_year_groups(counting: Counting, children: pd.DataFrame, known: _KnownPlaces) -> None:
    """Note children in a year group that their provision does not take."""
    table = known.table.set_index("provision")
    low = children["provision"].map(table["lowest_year_group"]).to_numpy(dtype=float)
    high = children["provision"].map(table["highest_year_group"]).to_numpy(dtype=float)
    group = children["year_group"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        outside = (group < low) | (group > high)
    mask = np.zeros(len(counting.frames["placementdetail"]), dtype=bool)
    rows = children["placement"].to_numpy(dtype=np.int64)[outside]
    mask[rows[rows >= 0]] = True
    counting.note("year group outside the provision", "placementdetail", mask)


def _add_stand_ins(
    outcome: Outcome, known: _KnownPlaces, today: pd.DataFrame, base_year: int, problems: Problems
) -> None:
    """Write stand-ins for kinds of which no provision was given, and say so."""
    stand_ins = known.stand_in_table()
    if stand_ins.empty:
        return
    outcome.files["sen2_stand_ins.csv"] = table_bytes(stand_ins, "provisions")
    outcome.files["sen2_stand_in_places.csv"] = table_bytes(
        stand_in_places(stand_ins, today, base_year), "commissioned_places"
    )
    held = today[today["provision"].isin(set(stand_ins["provision"]))]
    names = ", ".join(sorted(set(stand_ins["kind"])))
    outcome.report.estimates.append(
        estimated("children_today", "provision", float(held["children"].sum()), "the provisions "
                  "given have none for these placements; placed in stand-ins near home by kind "
                  "and phase", "the return")
    )  # fmt: skip
    problems.warn(
        f"stand-ins were made for these kinds: {names}.",
        "append sen2_stand_ins.csv to provisions.csv and sen2_stand_in_places.csv to "
        "commissioned_places.csv, or map the establishments with --mapping.",
        file="children_today.csv", column="provision",
    )  # fmt: skip


# ------------------------------------------------------------------ homes and tiers


def _homes(
    counting: Counting,
    children: pd.DataFrame,
    areas: pd.DataFrame | None,
    postcodes: Postcodes | None,
    outline: Any,
    quality: Quality,
    report: ImportReport,
) -> pd.Series[str]:
    """Area of every child; those not known are spread over areas like those known."""
    person = counting.frames["person"]
    at = children["person"].to_numpy(dtype=np.int64)
    counts = np.zeros(len(person), dtype=bool)
    counts[at] = True
    joined = None
    if postcodes is not None and areas is not None:
        joined = postcodes.joined_to(areas, outline)
        report.estimates += joined.estimates
    found = find_homes(person["postcode"], joined, quality, person, counting.who, counts)
    area = found.iloc[at].reset_index(drop=True)
    if areas is None:
        return pd.Series(WHOLE, index=area.index, dtype="str")
    open_ = np.flatnonzero(area.eq("").to_numpy())
    if not len(open_):
        return area
    band = band_of(children["year_group"])
    names = areas["area"].to_numpy(dtype=object)
    position = pd.Series(np.arange(len(names)), index=names)
    known = np.flatnonzero(area.ne("").to_numpy())
    weights = np.zeros((len(AGE_BANDS), len(names)))
    np.add.at(weights, (band[known], position.loc[area.iloc[known]].to_numpy(dtype=int)), 1.0)
    people = np.nan_to_num(areas[list(AGE_BANDS)].to_numpy(dtype=float)).T
    total = people.sum(axis=1, keepdims=True)
    weights += SMOOTHING_CHILDREN * people / np.where(total > 0, total, 1.0)
    order = open_[np.lexsort((children["need"].to_numpy(dtype=str)[open_], band[open_]))]
    # Neighbouring areas must not take turns one after the other: few children, one corner.
    shuffled = np.random.default_rng(1).permutation(len(names))
    dealt = controlled_rounding(weights[:, shuffled], band[order])
    homes = area.to_numpy(dtype=object).copy()
    homes[order] = names[shuffled[dealt]]
    how = (
        "the home is not known; spread over areas like the homes known in the age band, and by "
        "the people of the band"
        if len(known)
        else "no postcode file was given; spread over areas by the people of the age band"
    )
    report.estimates.append(
        estimated("children_today", "area", len(open_), how, "the return and the table areas")
    )
    return pd.Series(homes, dtype="str")


def _tiers(
    children: pd.DataFrame, rules: pd.DataFrame | None, known: _KnownPlaces, report: ImportReport
) -> list[int]:
    """Tier of every child: the sharpest rule; 0 where none does.

    A provision is sharper than a need, a need than a kind.
    """
    kinds = {**known.kind, **{name: kind for (kind, _), name in known.stand_ins.items()}}
    found: dict[tuple[str, str], int] = {}
    for provision, need in set(zip(children["provision"], children["need"], strict=True)):
        best = (-1, 0)
        for rule in [] if rules is None else rules.to_dict("records"):
            said = [(rule["provision"], provision, 4), (rule["need"], need, 2),
                    (rule["kind"], kinds.get(provision, ""), 1)]  # fmt: skip
            if any(wanted and wanted != is_ for wanted, is_, _ in said):
                continue
            score = sum(sharpness for wanted, _, sharpness in said if wanted)
            if score > best[0]:
                best = (score, int(rule["tier"]))
        found[provision, need] = best[1]
    tiers = [found[key] for key in zip(children["provision"], children["need"], strict=True)]
    blank = tiers.count(0)
    if blank:
        report.estimates.append(
            estimated("children_today", "tier", blank, "left blank; the planning model's "
                      "tier_shares by need apply", "nothing: the return does not say it")
        )  # fmt: skip
    if blank < len(tiers):
        given = estimated("children_today", "tier", len(tiers) - blank, "by the rules given",
                          "--tiers")  # fmt: skip
        report.estimates.append(given)
    return tiers


# ------------------------------------------------------------------ what is told


def _tell(
    report: ImportReport,
    facts: dict[str, int],
    children: pd.DataFrame,
    destinations: Sequence[_Destination],
    known: _KnownPlaces,
    quality: Quality,
    day: datetime.date,
) -> None:
    """Totals and labels."""
    how = [d.how for d in destinations]
    report.facts += [
        f"{facts['open plans']:,} children have an open plan on {day:%d %B %Y}; "
        f"{len(children):,} of them are counted.",
        f"Placements: {how.count('provision') + how.count('mapping'):,} in the provisions given, "
        f"{how.count('near home') + how.count('setting'):,} near home or elsewhere by their kind, "
        f"{how.count('unknown'):,} in establishments not known, "
        f"{how.count('none'):,} without a placement.",
        f"Residential placements: {facts['residential']:,} (code A {facts['residential A']:,}, "
        f"code B {facts['residential B']:,}; {_letters(day)}).",
    ]
    kinds = {**known.kind, **{name: kind for (kind, _), name in known.stand_ins.items()}}
    by_kind = pd.Series([kinds[p] for p in children["provision"]], dtype="str").value_counts()
    report.facts.append(
        "By kind: " + ", ".join(f"{KINDS[k]} {by_kind[k]:,}" for k in KINDS if k in by_kind) + "."
    )
    by_need = children["need"].value_counts()
    report.facts.append(
        "By need: " + ", ".join(f"{n} {by_need[n]:,}" for n in NEEDS if n in by_need) + "."
    )
    found = {name: quality.count(name) for name in CHECKS if quality.count(name)}
    report.facts.append(
        f"{len(CHECKS):,} checks: {len(found):,} found something, "
        f"{len(quality.not_run):,} could not run; data_quality.html says what to do."
    )
    report.facts += [f"  {name}: {records:,}" for name, records in found.items()]
    label = "the SEN2 return"
    for children_, column, words in (
        (quality.count("need missing") + quality.count("need code unknown"), "need",
         "no need, or none of the return's codes; counted as OTH"),
        (how.count("none"), "provision", "no placement on the census date; counted as educated "
         "elsewhere"),
        (how.count("unknown"), "provision", "nothing is known of the establishment; taken as "
         "mainstream up to Year 11 and as further education from Year 12 on"),
        (how.count("near home"), "provision", "the establishment is none of the provisions; "
         "placed near home by its kind"),
    ):  # fmt: skip
        if children_:
            report.estimates.append(estimated("children_today", column, children_, words, label))


def _question_whole(
    counting: Counting, children: int, quality: Quality, problems: Problems, folder: str
) -> None:
    """Warn where a module seems to have lost rows: what belongs together is not there."""
    for module, check in (
        ("requests", "request of nobody"),
        ("activeplans", "active plan of nothing"),
        ("placementdetail", "placement of nothing"),
        ("senneed", "need of nothing"),
    ):
        rows = len(counting.frames[module])
        if quality.count(check) > MOST_ORPHANS * rows:
            problems.warn(
                f"{quality.count(check):,} of {rows:,} rows of {module} belong to nothing.",
                "export all nine modules again, at the same time; one of them may be cut off.",
                file=folder,
            )
    for check, what in (("no placement on the census date", "placement"), ("need missing", "need")):
        if quality.count(check) > MOST_WITHOUT * children:
            problems.warn(
                f"{quality.count(check):,} of {children:,} children have no {what}.",
                "export again: the module may be cut off, or the census date wrong.",
                file=folder,
            )


def _letters(day: datetime.date) -> str:
    """What the residential codes mean: the letters changed their meaning in 2026 (RFC 1299)."""
    if day.year >= 2026:
        return "from 2026 A is up to 38 weeks and B 39 to 52 weeks"
    return "until 2025 A is 38 to 51 weeks and B 52 weeks"


# ------------------------------------------------------------------ command


def _date_argument(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date: write 2026-01-15") from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sufficiency import sen2``."""

    def path(name: str, text: str, *, required: bool = False) -> None:
        parser.add_argument(name, metavar="FILE", type=Path, required=required, help=text)

    parser.add_argument("folder", metavar="FOLDER", type=Path,
                        help="the nine files of the Blade export")  # fmt: skip
    path("--provisions", "the table provisions, best from 'import gias'", required=True)
    path("--establishments", "establishments.csv of 'import gias' (default: the one beside the "
         "provisions)")  # fmt: skip
    path("--areas", "the table areas (default: one area for all)")
    parser.add_argument("--postcodes", metavar="FILE", type=Path, action="append", default=[],
                        help="ONS Postcode Directory or Code-Point Open; may be repeated (default: "
                        "homes are spread by people)")  # fmt: skip
    path("--boundary", "outline of the authority, for postcodes whose area the file does not name")
    path("--mapping", "CSV: urn, ukprn, sen_setting, base, provision; it wins over everything")
    path("--tiers", "CSV: provision, kind, need, tier (default: tiers stay blank)")
    parser.add_argument("--census-date", metavar="YYYY-MM-DD", type=_date_argument,
                        help="day on which placements are counted (default: that of the return)"
                        )  # fmt: skip
    parser.add_argument("--pseudonyms", action="store_true",
                        help="list the findings of each check by a keyed hash that differs in "
                        "each run")  # fmt: skip
    parser.add_argument("--out", metavar="DIR", type=Path, required=True,
                        help="folder to write children_today.csv and the data quality report into"
                        )  # fmt: skip
    parser.add_argument("--replace", action="store_true",
                        help="replace files of the same name")  # fmt: skip


def run(asked: argparse.Namespace, out: Console) -> int:
    """Import, write, and say what was done."""
    outcome = import_sen2(
        asked.folder, provisions=asked.provisions, areas=asked.areas, postcodes=asked.postcodes,
        boundary=asked.boundary, establishments=asked.establishments, mapping=asked.mapping,
        tiers=asked.tiers, census=asked.census_date, pseudonyms=asked.pseudonyms,
    )  # fmt: skip
    deliver(outcome, asked.out, out, replace=asked.replace)
    return EXIT_OK
