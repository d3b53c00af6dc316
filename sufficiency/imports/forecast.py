"""``sufficiency import forecast``: somebody's forecast becomes projected children.

Three formats are understood, and told apart by their columns:

* a long table: year, area or locality, need, tier, year group, children, perhaps joining and draw;
* the output of the Mastodon C simulation: ``Output_State.csv``, or its simulated transitions
  (CSV or Parquet, one file or a folder of them);
* the forecast of specialist places in the school capacity survey (SCAP): eight planning areas, five
  years ahead for primary and seven for secondary.

What a format cannot say (area, tier, need) is split by stated proportions, and labelled. A
calendar year stands for the academic year of its January: 2027 is 2026/27.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console

from sufficiency.demand import projection
from sufficiency.imports.account import RowAccount
from sufficiency.imports.files import CsvRows, csv_sources
from sufficiency.imports.following import SPLIT_HOW, NeedMix, follow
from sufficiency.imports.outcome import Outcome, deliver, estimated
from sufficiency.imports.placing import read_areas
from sufficiency.imports.release import every_column, header_name
from sufficiency.imports.report import ImportReport
from sufficiency.problems import EXIT_OK, Problems, near
from sufficiency.rules import PlanningModel, load_model
from sufficiency.shipped import model_path
from sufficiency.tables import empty_table, read_table
from sufficiency.tables.reading import report_rows
from sufficiency.vocabulary import (
    HIGHEST_YEAR_GROUP,
    LOWEST_YEAR_GROUP,
    NEEDS,
    academic_year_label,
    parse_year,
)

NAME: Final = "forecast"
TEXT: Final = "Projected children from a long table, a Mastodon C simulation or a SCAP forecast."

FloatArray = npt.NDArray[np.float64]

BROAD_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("ci", "cni", "c_i", "communication_and_interaction"), ("ASD", "SLCN")),
    **dict.fromkeys(
        ("cl", "cnl", "c_l", "cognition_and_learning"), ("SPLD", "MLD", "SLD", "PMLD", "DS")
    ),
    **dict.fromkeys(("sp", "spn", "s_p", "sensory_and_or_physical", "sensory_and_physical"),
                    ("HI", "VI", "MSI", "PD")),
    **dict.fromkeys(("sem", "semh", "social_emotional_and_mental_health"), ("SEMH",)),
    **dict.fromkeys(("asc", "autism"), ("ASD",)),
    **dict.fromkeys(("ukn", "unk", "unknown", "uk", "all", "any", "total", ""), ()),
    **{header_name(code): (code,) for code in NEEDS},
    **{header_name(name): (code,) for code, name in NEEDS.items()},
}  # fmt: skip
"""Needs as forecasts write them, by :func:`header_name`: the four broad areas of the SEND code of
practice (2015, chapter 6), single codes, and words for "all" or "not known"."""

_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "academic_year": ("academic_year", "year", "acad_year", "school_year"),
    "calendar_year": ("calendar_year",),
    "area": ("area", "lsoa", "lsoa21cd", "lsoa21", "lsoa_code", "ward", "small_area"),
    "locality": ("locality", "district", "panel_area", "community_area", "sub_area"),
    "need": ("need", "primary_need", "sen_type", "sentype", "need_code"),
    "tier": ("tier", "support_tier"),
    "year_group": ("year_group", "ncy", "national_curriculum_year", "nc_year", "yeargroup"),
    "age": ("age",),
    "children": ("children", "count", "plans", "ehcps", "ehcp", "pupils", "number", "forecast",
                 "value"),
    "joining": ("joining", "joiners", "new_plans"),
    "draw": ("draw", "simulation", "run"),
}  # fmt: skip

_STATE: Final = ("calendar_year", "academic_year", "need_setting")
_TRANSITION: Final = (
    "calendar_year", "setting_1", "need_1", "academic_year_1", "setting_2", "need_2",
    "academic_year_2",
)  # fmt: skip
OUTSIDE: Final = "NONSEND"
"""What the simulation calls being without a plan."""

SCAP_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "UR": ("specialist_base",),
    "IN": ("independent_special",),
    "SS": ("state_special", "out_of_area_state_special", "non_maintained_special"),
    "AP": ("alternative_provision",),
}
"""Provision types of the SCAP forecast of specialist places. Non-maintained special schools stand
with state special schools there. Source: DfE, school capacity survey, guide for authorities."""

SCAP_PHASES: Final[dict[str, tuple[int, int, int]]] = {
    "primary": (0, 6, 5), "secondary": (7, 11, 7),
}  # fmt: skip
"""First and last year group, and years of the horizon."""

_PLANNING_AREA: Final = re.compile(r"\d{3}30([01])([1-4])")
_TYPES: Final = ("UR", "IN", "SS", "AP")

MISSING: Final[dict[str, str]] = {
    "projected": "year groups (and, for SCAP, placements) that the forecast leaves out are "
    "projected by the planning model's rates",
    "held": "year groups (and, for SCAP, placements) that the forecast leaves out are held at "
    "today's number",
    "none": "what the forecast leaves out is left out",
}

ROWS: Final = ("academic_year", "draw", "area", "locality", "needs", "tier", "year_group",
               "children", "joining")  # fmt: skip


@dataclass
class _Forecast:
    """A forecast as its file says it.

    Attributes:
        title: the format, in words.
        rows: columns ROWS; needs a tuple of codes (() = not said), tier 0, area and locality ""
            where not said.
        accounts: rows of its files.
        notes: labels of what was estimated while reading.
        missing: the default for what it leaves out.
    """

    title: str
    rows: pd.DataFrame
    accounts: list[RowAccount]
    notes: list[str] = field(default_factory=list)
    missing: str = "none"
    planning: pd.DataFrame | None = None


def import_forecast(
    file: Path,
    *,
    areas: Path,
    base_year: int,
    children_today: Path | None = None,
    provisions: Path | None = None,
    population: Path | None = None,
    model: str = "england-2026",
    missing: str | None = None,
    draws: int = 0,
    need_codes: Mapping[str, Sequence[str]] | None = None,
) -> Outcome:
    """Read a forecast and split it into projected children.

    Args:
        file: the forecast, or a folder of simulated transitions.
        areas: the table areas.
        base_year: academic year of children today; the forecast is read from the year after it.
        children_today: the table; needed where the forecast leaves area, need or tier open.
        provisions: the table; needed for SCAP, whose numbers are by kind of placement.
        population: the table, for what is projected because the forecast leaves it out.
        model: planning model, for the share of plans that cease and for that projection.
        missing: one of MISSING; None for the default of the format.
        draws: simulated draws to keep beside the mean.
        need_codes: the forecast's own codes of needs.

    Raises:
        InputError: a file cannot be used; every reason is listed.
    """
    problems = Problems()
    area_table = read_areas(areas, problems)
    today = _optional("children_today", children_today, problems)
    given = _optional("provisions", provisions, problems)
    people = _optional("population", population, problems)
    path = model_path(model, problems)
    rules = load_model(path, problems) if path is not None else None
    reader = _Reader(problems, base_year, draws, _codes(need_codes, problems))
    forecast = reader.read(file)
    problems.raise_if_any()
    assert forecast is not None and rules is not None
    _check_places(forecast, area_table, file.name, problems)
    unknown = ~today["area"].isin(set(area_table["area"]))
    say = ("is no area of the table areas.", "use the areas of the same authority.")
    today_file, provisions_file = _names(children_today, provisions)
    report_rows(problems.error, today[unknown], "area", today_file, say)
    problems.raise_if_any()
    label = missing or forecast.missing
    report = ImportReport(
        f"Projected children after {academic_year_label(base_year)} from {forecast.title}",
        accounts=forecast.accounts,
    )
    for source in filter(None, (file, areas, children_today, provisions, population)):
        report.add_input(source)
    report.estimates += forecast.notes
    need_mix: NeedMix = {}
    rows = forecast.rows
    years = _years(rows, base_year, file.name, problems)
    problems.raise_if_any()
    if forecast.planning is not None:
        rows, need_mix = _scap_rows(
            forecast, today, given, (today_file, provisions_file), rules, area_table, people,
            base_year, label, report, problems,
        )  # fmt: skip
        problems.raise_if_any()
    else:
        rows = _with_missing(
            rows, today, area_table, people, rules, base_year, years, label, report, problems,
            file.name,
        )  # fmt: skip
    rows = _said_alike(rows, report, problems, file.name)
    problems.raise_if_any()
    outcome = Outcome(NAME, report)
    if _is_whole(rows):
        table = _as_it_is(rows)
    else:
        if today.empty:
            problems.error(
                "leaves area, need or tier open, and children today are needed to split it.",
                "give --children-today.",
                file=file.name,
            )
        problems.raise_if_any()
        table = _split(rows, today, area_table, rules, base_year, need_mix, report, problems)
    if (table["tier"] == 0).any():
        report.estimates.append(
            estimated("projected_children", "tier", _last(table[table["tier"] == 0]),
                      "left blank; the planning model's tier_shares by need apply",
                      f"model {rules.name}")
        )  # fmt: skip
    outcome.tables["projected_children"] = table
    _facts(report, forecast, rows, table, today, base_year)
    report.warnings = problems.warnings
    return outcome


def _optional(name: str, path: Path | None, problems: Problems) -> pd.DataFrame:
    return empty_table(name) if path is None else read_table(name, path, problems)


def _name(path: Path | None, default: str) -> str:
    return default if path is None else path.name


def _names(children_today: Path | None, provisions: Path | None) -> tuple[str, str]:
    return _name(children_today, "--children-today"), _name(provisions, "--provisions")


def _codes(
    given: Mapping[str, Sequence[str]] | None, problems: Problems
) -> dict[str, tuple[str, ...]]:
    """Codes of needs, the planner's own first."""
    codes = dict(BROAD_NEEDS)
    for code, needs in (given or {}).items():
        unknown = [need for need in needs if need not in NEEDS]
        if unknown:
            problems.error("is no need.", f"use: {', '.join(NEEDS)}.", column="--need",
                           value=", ".join(unknown))  # fmt: skip
        codes[header_name(code)] = tuple(n for n in NEEDS if n in needs)
    return codes


# ------------------------------------------------------------------ reading


@dataclass
class _Reader:
    """Reads a forecast of any format."""

    problems: Problems
    base_year: int
    draws: int
    codes: Mapping[str, tuple[str, ...]]

    def read(self, path: Path) -> _Forecast | None:
        """The forecast, or None once the reason has been noted."""
        if path.suffix.lower() == ".parquet" or (path.is_dir() and _parquet_files(path)):
            return self._transitions(path)
        names = [p.name for p in path.iterdir()] if path.is_dir() else [path.name]
        if any(name.endswith((".transit.gz", ".transit")) for name in names):
            self.problems.error(
                "is the simulation's own binary format (Transit).",
                "export the transition counts as CSV or Parquet, or give Output_State.csv.",
                file=path.name,
            )
            return None
        sources = csv_sources(path, "", self.problems)
        frames: list[tuple[pd.DataFrame, RowAccount]] = []
        for source in sources:
            rows = CsvRows(source, every_column, self.problems)
            if rows.begin("a forecast", []):
                frames.append((rows.whole(), source.account))
        if not frames or self.problems.errors:
            return None
        columns = set(frames[0][0].columns)
        different = [account.file for frame, account in frames if set(frame.columns) != columns]
        if different:
            self.problems.error(
                f"has other columns than {frames[0][1].file}.",
                "give one forecast, or a folder that holds the parts of one.",
                file=different[0],
            )
            return None
        if set(_TRANSITION) <= columns:
            return self._of_transitions(frames)
        if set(_STATE) <= columns:
            return self._of_states(frames)
        if _planning_column(frames[0][0]):
            return self._of_planning_areas(frames)
        return self._of_long(frames)

    # -------------------------------------------------------------- cells

    def cells(
        self, frame: pd.DataFrame, account: RowAccount, column: str, read: Callable[[str], Any],
        remedy: str, blank: Any = None,
    ) -> npt.NDArray[np.object_]:  # fmt: skip
        """Read each distinct cell of a column once; None, and an error, where it is wrong."""
        codes, texts = pd.factorize(frame[column])
        found: list[Any] = []
        wrong: list[bool] = []
        for text in texts.tolist():
            cell = str(text).strip()
            if not cell and blank is not None:
                found.append(blank)
                wrong.append(False)
                continue
            try:
                found.append(read(cell))
                wrong.append(False)
            except (ValueError, KeyError):
                found.append(None)
                wrong.append(True)
        values = np.empty(len(found), dtype=object)
        values[:] = found
        bad = np.array(wrong, dtype=bool)[codes] if len(found) else np.zeros(len(frame), bool)
        report_rows(self.problems.error, frame[bad], column, account.file,
                    lambda row: (_why(str(row[column])), remedy))  # fmt: skip
        result: npt.NDArray[np.object_] = values[codes]
        return result

    def need(self, text: str) -> tuple[str, ...]:
        """The needs for which a code stands."""
        return self.codes[header_name(text)]

    def kept(
        self, frame: pd.DataFrame, account: RowAccount, columns: Mapping[str, Any]
    ) -> pd.DataFrame:
        """Rows of ROWS after the base year and within the year groups, accounted for and added up.

        ``columns`` hold what is known of each row of ``frame``, with None where a cell is wrong.
        """
        table = pd.DataFrame({"_row": frame["_row"].to_numpy()})
        for name, values in columns.items():
            table[name] = pd.Series(list(values), index=table.index, dtype="object")
        for name, default in (("area", ""), ("locality", ""), ("needs", ()), ("tier", 0),
                              ("joining", np.nan), ("draw", 0)):  # fmt: skip
            if name not in table:
                table[name] = pd.Series([default] * len(table), dtype="object")
        unreadable = np.zeros(len(table), dtype=bool)
        for values in columns.values():
            unreadable |= np.array([value is None for value in values], dtype=bool)
        account.exclude("a cell cannot be read", int(unreadable.sum()))
        table = table[~unreadable]
        early = table["academic_year"].astype(int) <= self.base_year
        account.exclude(
            f"at or before the base year {academic_year_label(self.base_year)}", int(early.sum())
        )
        table = table[~early]
        group = table["year_group"].astype(int)
        outside = ~group.between(LOWEST_YEAR_GROUP, HIGHEST_YEAR_GROUP)
        lost = float(table.loc[outside, "children"].astype(float).sum())
        if lost > 0:
            self.problems.warn(
                f"{lost:,.1f} children (all years) are outside year groups {LOWEST_YEAR_GROUP} to "
                f"{HIGHEST_YEAR_GROUP} and are left out.",
                "no plan lasts beyond the year in which a young person turns 25.",
                file=account.file, column="year_group",
            )  # fmt: skip
        account.exclude("outside the year groups of a plan", int(outside.sum()))
        table = table[~outside]
        summed = _summed(table)
        account.used += len(summed)
        account.merge("the same year, place, need, tier and year group", len(table) - len(summed))
        return summed

    # -------------------------------------------------------------- long table

    def _of_long(self, frames: list[tuple[pd.DataFrame, RowAccount]]) -> _Forecast | None:
        header = list(frames[0][0].columns)
        at = {
            name: next((h for h in spellings if h in header), "")
            for name, spellings in _COLUMNS.items()
        }
        file = frames[0][1].file
        lacking = [
            what
            for what, names in (
                ("academic_year", ("academic_year", "calendar_year")),
                ("year_group", ("year_group", "age")),
                ("children", ("children",)),
            )
            if not any(at[name] for name in names)
        ]
        for what in lacking:
            hint = near(what, [h for h in header if h != "_row"])
            self.problems.error(f"the column is missing{hint}", "give a long table, a Mastodon C "
                                "simulation or a SCAP forecast; see docs/inputs.md.",
                                file=file, row=1, column=what)  # fmt: skip
        if lacking:
            return None
        parts = []
        for frame, account in frames:
            columns: dict[str, Any] = {}
            if at["academic_year"]:
                columns["academic_year"] = self.cells(
                    frame, account, at["academic_year"], parse_year, "write 2026/27."
                )
            else:
                columns["academic_year"] = self.cells(
                    frame,
                    account,
                    at["calendar_year"],
                    lambda t: parse_year(t) - 1,
                    "write a year such as 2027, whose January lies in 2026/27.",
                )
            if at["year_group"]:
                columns["year_group"] = self.cells(
                    frame, account, at["year_group"], parse_year_group, _YEAR_GROUP_REMEDY
                )
            else:
                columns["year_group"] = self.cells(
                    frame,
                    account,
                    at["age"],
                    lambda t: _whole(t) - 4,
                    "write the age on 31 August before the year.",
                )
            columns["children"] = self.cells(
                frame, account, at["children"], _amount, "write a number of children, 0 or more."
            )
            readers: tuple[tuple[str, str, Callable[[str], Any], str, Any], ...] = (
                ("area", "area", str, "", ""),
                ("locality", "locality", str, "", ""),
                (
                    "needs",
                    "need",
                    self.need,
                    f"use one of {', '.join(NEEDS)}, a broad area "
                    "(CI, CL, SEMH, SP), or map a code of your own with --need CODE=NEEDS.",
                    (),
                ),
                ("tier", "tier", _tier, "write 1, 2, 3 or 4.", 0),
                ("joining", "joining", _amount, "write a number, 0 or more.", np.nan),
                ("draw", "draw", _draw, "write a whole number, 0 for the central forecast.", 0),
            )
            for name, key, read, remedy, blank in readers:
                if at[key]:
                    columns[name] = self.cells(frame, account, at[key], read, remedy, blank)
            parts.append(self.kept(frame, account, columns))
        rows = pd.concat(parts, ignore_index=True)
        forecast = _Forecast("a long table", rows, [account for _, account in frames])
        _add_central(forecast)
        return forecast

    # -------------------------------------------------------------- Mastodon C

    def _of_states(self, frames: list[tuple[pd.DataFrame, RowAccount]]) -> _Forecast | None:
        parts = []
        for frame, account in frames:
            if "mean" not in frame:
                self.problems.error("the column is missing.", "give Output_State.csv as the "
                                    "simulation wrote it.", file=account.file, row=1,
                                    column="mean")  # fmt: skip
                return None
            columns = {
                "academic_year": self.cells(
                    frame, account, "calendar_year", lambda t: parse_year(t) - 1,
                    "write a calendar year such as 2027."),
                "year_group": self.cells(
                    frame, account, "academic_year", _whole,
                    "write a national curriculum year from -4 to 20."),
                "needs": self.cells(
                    frame, account, "need_setting", lambda t: self.need(t.split("-", 1)[0]),
                    "map a code of your own with --need CODE=NEEDS."),
                "children": self.cells(
                    frame, account, "mean", _amount, "write a number of children, 0 or more."),
            }  # fmt: skip
            parts.append(self.kept(frame, account, columns))
        note = (
            "The mean of the simulations is the central forecast: medians and bounds of parts do "
            "not add up. Settings are left out: where children were placed is not what they need."
        )
        return _Forecast(
            "the Mastodon C output by state", _summed(pd.concat(parts)),
            [account for _, account in frames], [note],
        )  # fmt: skip

    def _transitions(self, path: Path) -> _Forecast | None:
        frames = []
        for file in _parquet_files(path) if path.is_dir() else [path]:
            account = RowAccount(file.name)
            try:
                frame = pd.read_parquet(file)
            except Exception as error:  # pyarrow raises many kinds; each means a damaged file
                self.problems.error("cannot be read as Parquet.", "export it again.",
                                    file=file.name, value=type(error).__name__)  # fmt: skip
                continue
            frame.columns = pd.Index([header_name(str(c)) for c in frame.columns])
            lacking = [c for c in (*_TRANSITION, "simulation") if c not in frame]
            for column in lacking:
                self.problems.error("the column is missing.", "give the simulated transitions as "
                                    "the simulation wrote them.", file=file.name, row=1,
                                    column=column)  # fmt: skip
            if lacking:
                continue
            account.read = len(frame)
            frame = frame.astype({c: "str" for c in frame.columns})
            frame["_row"] = np.arange(len(frame)) + 2
            frames.append((frame, account))
        return self._of_transitions(frames) if frames and not self.problems.errors else None

    def _of_transitions(self, frames: list[tuple[pd.DataFrame, RowAccount]]) -> _Forecast | None:
        parts = []
        for frame, account in frames:
            simulation = self._simulations(frame, account)
            historic = simulation < 0
            leaving = frame["setting_2"].eq(OUTSIDE).to_numpy()
            account.exclude("a transition of the past", int(historic.sum()))
            account.exclude("ends without a plan", int((leaving & ~historic).sum()))
            kept = ~(historic | leaving)
            frame, simulation = frame[kept], simulation[kept]
            number = (
                self.cells(frame, account, "transition_count", _amount,
                           "write a number of children, 0 or more.")
                if "transition_count" in frame
                else np.ones(len(frame), dtype=object)
            )  # fmt: skip
            new = frame["setting_1"].eq(OUTSIDE).to_numpy()
            columns = {
                # A transition from January y to January y + 1: that January lies in y/y+1.
                "academic_year": self.cells(
                    frame, account, "calendar_year", parse_year, "write a calendar year."),
                "year_group": self.cells(
                    frame, account, "academic_year_2", _whole,
                    "write a national curriculum year from -4 to 20."),
                "needs": self.cells(
                    frame, account, "need_2", self.need,
                    "map a code of your own with --need CODE=NEEDS."),
                "children": number,
                "joining": np.where(new, number, 0.0),
                "draw": simulation,
            }  # fmt: skip
            parts.append(self.kept(frame, account, columns))
        rows = _summed(pd.concat(parts, ignore_index=True))
        if rows.empty or self.problems.errors:
            return _Forecast("simulated transitions", rows, [a for _, a in frames])
        names = sorted(set(rows["draw"]))
        mean = rows.assign(draw=0)
        mean[["children", "joining"]] = mean[["children", "joining"]] / len(names)
        mean = _summed(mean)
        numbered = {name: i for i, name in enumerate(names[: self.draws], start=1)}
        own = rows[rows["draw"].isin(list(numbered))]
        own = own.assign(draw=[numbered[name] for name in own["draw"]])
        note = (
            f"The mean of {len(names):,} simulations is the central forecast (draw 0); "
            f"{len(numbered):,} simulations are kept as draws."
        )
        return _Forecast(
            "the simulated transitions of the Mastodon C model",
            pd.concat([mean, own], ignore_index=True) if len(own) else mean,
            [a for _, a in frames], [note],
        )  # fmt: skip

    def _simulations(self, frame: pd.DataFrame, account: RowAccount) -> npt.NDArray[np.int64]:
        if "simulation" not in frame:
            self.problems.error(
                "has no column simulation: these are transitions of the past, not a forecast.",
                "give the simulated transitions, or Output_State.csv.",
                file=account.file, row=1, column="simulation",
            )  # fmt: skip
            return np.full(len(frame), -1, dtype=np.int64)
        read = self.cells(frame, account, "simulation", _signed, "write a whole number.")
        return np.array([-1 if v is None else v for v in read], dtype=np.int64)

    # -------------------------------------------------------------- SCAP

    def _of_planning_areas(self, frames: list[tuple[pd.DataFrame, RowAccount]]) -> _Forecast | None:
        parts = []
        authorities: set[str] = set()
        for frame, account in frames:
            code_column = _planning_column(frame)
            year_column = _year_column(frame, code_column)
            groups = {
                name: group
                for name in frame.columns
                if name not in ("_row", code_column, year_column)
                and (group := _group_of_header(str(name))) is not None
            }
            if not year_column or not groups:
                what = "academic year" if not year_column else "year groups"
                self.problems.error(f"has planning areas but no column of {what}.",
                                    "give the sheet with its header: planning area, academic year, "
                                    "Reception to 6 and 7 to 11.", file=account.file)  # fmt: skip
                return None
            matches = [_PLANNING_AREA.fullmatch(str(c)) for c in frame[code_column]]
            special = np.array([m is not None for m in matches], dtype=bool)
            account.exclude("no planning area of specialist places", int((~special).sum()))
            frame = frame[special].reset_index(drop=True)
            found = [m for m in matches if m is not None]
            authorities |= {m[0][:3] for m in found}
            year = self.cells(frame, account, year_column, parse_year, "write 2026/27.")
            used = np.ones(len(frame), dtype=bool)
            for at, match in enumerate(found):
                phase = "secondary" if match[1] == "1" else "primary"
                if year[at] is None:
                    account.exclude("a cell cannot be read")
                    used[at] = False
                elif year[at] <= self.base_year:
                    label = academic_year_label(self.base_year)
                    account.exclude(f"at or before the base year {label}")
                    used[at] = False
                low, high, _ = SCAP_PHASES[phase]
                for name, group in groups.items():
                    text = str(frame[name].iloc[at])
                    if not low <= group <= high or not used[at] or not text:
                        continue
                    try:
                        number = _amount(text)
                    except ValueError:
                        self.problems.error(_why(text), "write a number of children, 0 or more.",
                                            file=account.file, row=int(frame["_row"].iloc[at]),
                                            column=str(name), value=text)  # fmt: skip
                        continue
                    parts.append((int(year[at]), phase, _TYPES[int(match[2]) - 1], group, number))
            account.used += int(used.sum())
        if len(authorities) > 1:
            self.problems.error(
                f"holds planning areas of {len(authorities)} authorities.",
                "keep the rows of one.",
                file=frames[0][1].file, value=", ".join(sorted(authorities)),
            )  # fmt: skip
        columns = ["academic_year", "phase", "type", "year_group", "children"]
        planning = pd.DataFrame(parts, columns=columns)
        twice = planning.duplicated(columns[:4])
        if twice.any():
            self.problems.error("a planning area has two rows for one year.", "keep one of them.",
                                file=frames[0][1].file)  # fmt: skip
        if planning.empty and not self.problems.errors:
            self.problems.error("has no number after the base year.", "check --base-year.",
                                file=frames[0][1].file)  # fmt: skip
        return _Forecast(
            "the school capacity survey's forecast of specialist places",
            _planning_rows(planning), [a for _, a in frames], missing="projected",
            planning=planning,
        )  # fmt: skip


def _parquet_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() == ".parquet")


def _planning_column(frame: pd.DataFrame) -> str:
    """The column that holds planning areas of specialist places; "" where none does."""
    for name in frame.columns:
        if name != "_row" and frame[name].str.fullmatch(_PLANNING_AREA.pattern).any():
            return str(name)
    return ""


def _year_column(frame: pd.DataFrame, other: str) -> str:
    named = ("academic_year", "year", "forecast_year")
    for name in [c for c in named if c in frame] + [str(c) for c in frame.columns]:
        if name in ("_row", other):
            continue
        if name in named or frame[name].str.fullmatch(r"\d{4}\s*[/-]\s*\d{2,4}").any():
            return name
    return ""


def _group_of_header(name: str) -> int | None:
    try:
        group = parse_year_group(name.replace("_", " "))
    except ValueError:
        return None
    return group if 0 <= group <= 11 else None


_YEAR_GROUP_REMEDY: Final = "write a national curriculum year from -4 to 20, R, or Year 7."


def parse_year_group(text: str) -> int:
    """Read a year group: ``7``, ``7.0``, ``Year 7``, ``Y7``, ``NCY 7``, ``R``, ``N2`` (-1).

    Raises:
        ValueError: the text is none.
    """
    cell = " ".join(text.casefold().replace("_", " ").split())
    if cell in ("r", "yr r", "year r", "y r", "rec", "reception", "reception year"):
        return 0
    if cell in ("nursery", "n", "n2", "nursery 2"):
        return -1
    if cell in ("n1", "nursery 1"):
        return -2
    match = re.fullmatch(r"(?:year group |year |yr |y|ncy |nc year |nc )?(-?\d+)(?:\.0+)?", cell)
    if match is None:
        raise ValueError(text)
    return int(match[1])


def _whole(text: str) -> int:
    match = re.fullmatch(r"(-?\d+)(?:\.0+)?", text)
    if match is None:
        raise ValueError(text)
    return int(match[1])


_signed = _whole


def _draw(text: str) -> int:
    number = _whole(text)
    if number < 0:
        raise ValueError(text)
    return number


def _tier(text: str) -> int:
    number = _whole(text)
    if not 1 <= number <= 4:
        raise ValueError(text)
    return number


def _amount(text: str) -> float:
    plain = text.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?", text) else text
    if not re.fullmatch(r"\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", plain):
        raise ValueError(text)
    number = float(plain)
    if number > 1e6:
        raise ValueError(text)
    return number


def _why(text: str) -> str:
    """What is wrong with a cell."""
    if not text:
        return "is blank."
    if re.fullmatch(r"[*cxzu]|[<≤] ?\d+|low", text, re.IGNORECASE):
        return "is a suppressed count; a forecast needs the number itself."
    if text.endswith("%"):
        return "is a percentage."
    if re.fullmatch(r"-\d.*", text):
        return "is negative, or no such value."
    return "cannot be read."


def _summed(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the same key added up, in the order of ROWS."""
    if table.empty:
        return pd.DataFrame({name: pd.Series([], dtype="object") for name in ROWS})
    keys = list(ROWS[:-2])
    # Lists of needs are grouped as text: tuples of several lengths cannot be sorted everywhere.
    plain = table.astype({"children": float, "joining": float})
    plain["needs"] = ["|".join(needs) for needs in plain["needs"]]
    plain["unknown"] = plain["joining"].isna()
    grouped = plain.groupby(keys, sort=True, as_index=False)
    summed = grouped[["children", "joining"]].sum()
    # A sum with an unknown part is unknown.
    unknown = grouped[["unknown"]].max()["unknown"].to_numpy(dtype=bool)
    summed["joining"] = np.where(unknown, np.nan, summed["joining"])
    lists = [tuple(text.split("|")) if text else () for text in summed["needs"]]
    summed["needs"] = pd.Series(lists, index=summed.index, dtype="object")
    return summed[list(ROWS)]


def _add_central(forecast: _Forecast) -> None:
    """The mean of the draws as draw 0, where a long table gives only draws."""
    rows = forecast.rows
    draws = sorted(set(rows["draw"]))
    if not draws or 0 in draws:
        return
    mean = rows.assign(draw=0)
    mean[["children", "joining"]] = mean[["children", "joining"]].astype(float) / len(draws)
    forecast.rows = pd.concat([_summed(mean), rows], ignore_index=True)
    forecast.notes.append(f"The central forecast (draw 0) is the mean of {len(draws):,} draws.")


# ------------------------------------------------------------------ what the forecast leaves out


def _planning_rows(planning: pd.DataFrame) -> pd.DataFrame:
    """SCAP numbers as rows of the forecast: only their years and year groups are of use there."""
    rows = planning.groupby(["academic_year", "year_group"], as_index=False)[["children"]].sum()
    rows = rows.assign(draw=0, area="", locality="", tier=0, joining=np.nan)
    rows["needs"] = pd.Series([()] * len(rows), index=rows.index, dtype="object")
    return rows[list(ROWS)]


def _years(rows: pd.DataFrame, base_year: int, file: str, problems: Problems) -> list[int]:
    """The years of the forecast; an error where there is none, or one between them is missing."""
    years = sorted({int(year) for year in rows["academic_year"]})
    if not years:
        remedy = "check --base-year and the years of the forecast."
        label = academic_year_label(base_year)
        problems.error("has no children after the base year.", remedy, file=file, value=label)
        return []
    absent = [year for year in range(base_year + 1, years[-1]) if year not in set(years)]
    if absent:
        problems.error(
            "some years between the base year and the last have no children.",
            "give every academic year from the one after the base year on.",
            file=file,
            value=", ".join(map(academic_year_label, absent[:10])),
        )
    return years


def _check_places(forecast: _Forecast, areas: pd.DataFrame, file: str, problems: Problems) -> None:
    """Every area and locality that the forecast names is in the table areas."""
    for column in ("area", "locality"):
        known = set(areas[column])
        named = sorted(set(forecast.rows[column]) - {""} - known)
        for name in named[:20]:
            hint = near(str(name), map(str, known))
            problems.error(f"is no {column} of the table areas{hint}", "use the names of that "
                           "table.", file=file, column=column, value=name)  # fmt: skip
        if len(named) > 20:
            problems.error(f"and {len(named) - 20:,} more.", "use the names of the table areas.",
                           file=file, column=column)  # fmt: skip


def _baseline(
    today: pd.DataFrame,
    areas: pd.DataFrame,
    people: pd.DataFrame,
    rules: PlanningModel,
    base_year: int,
    years: int,
    label: str,
) -> dict[tuple[int, int], float]:
    """Children by year (from the one after the base year on) and year group."""
    planned = range(base_year + 1, base_year + 1 + years)
    if label == "held":
        held = _by_group(today)
        return {(year, group): children for year in planned for group, children in held.items()}
    filled, _ = projection.split_tiers(today, rules.tier_shares)
    rates = projection.authority_rates(
        rules.new_plans_per_1000, rules.ceasing_share, rules.growth_of_new_plans["central"]
    )
    found = projection.project(
        filled, areas, people if len(people) else None, rates,
        base_year=base_year, years=years, seed=1, expected=True, tier_shares=rules.tier_shares,
    )  # fmt: skip
    totals: dict[tuple[int, int], float] = {}
    for year in planned:
        for group, children in _by_group(found[found["academic_year"] == year]).items():
            totals[year, group] = children
    return totals


def _by_group(table: pd.DataFrame) -> dict[int, float]:
    """Children by year group."""
    groups = table["year_group"].to_numpy(dtype=np.int64)
    children = table["children"].to_numpy(dtype=float)
    return {int(g): float(children[groups == g].sum()) for g in np.unique(groups)}


def _with_missing(
    rows: pd.DataFrame,
    today: pd.DataFrame,
    areas: pd.DataFrame,
    people: pd.DataFrame,
    rules: PlanningModel,
    base_year: int,
    years: Sequence[int],
    label: str,
    report: ImportReport,
    problems: Problems,
    file: str,
) -> pd.DataFrame:
    """Add year groups in which children have a plan today and that the forecast never names."""
    held = {group: children for group, children in _by_group(today).items() if children > 0}
    absent = sorted(set(held) - {int(g) for g in rows["year_group"]})
    if not absent:
        return rows
    children = sum(held[group] for group in absent)
    names = ", ".join(map(str, absent))
    if label == "none":
        problems.warn(
            f"the forecast never names year groups {names}, in which {children:,.0f} children have "
            "a plan today: nobody in them would be planned for.",
            "add --missing projected (or held), or a forecast of all year groups.",
            file=file, column="year_group",
        )  # fmt: skip
        return rows
    baseline = _baseline(today, areas, people, rules, base_year, len(years), label)
    added = []
    last = 0.0
    for year in years:
        for group in absent:
            number = baseline.get((year, group), 0.0)
            last += number if year == years[-1] else 0.0
            if number > 0:
                added += [
                    _plain_row(year, draw, group, number) for draw in sorted(set(rows["draw"]))
                ]
    how = "projected by the planning model's rates" if label == "projected" else "held at today's"
    report.estimates.append(
        estimated("projected_children", "children", last, f"year groups {names} are not in the "
                  f"forecast; {how}", f"model {rules.name}, children today")
    )  # fmt: skip
    return pd.concat([rows, pd.DataFrame(added, columns=list(ROWS))], ignore_index=True)


def _plain_row(year: int, draw: int, group: int, children: float) -> dict[str, Any]:
    """A row of a forecast that says nothing but year and year group."""
    return {
        "academic_year": year, "draw": draw, "area": "", "locality": "", "needs": (), "tier": 0,
        "year_group": group, "children": children, "joining": np.nan,
    }  # fmt: skip


def _scap_rows(
    forecast: _Forecast,
    today: pd.DataFrame,
    provisions: pd.DataFrame,
    files: tuple[str, str],
    rules: PlanningModel,
    areas: pd.DataFrame,
    people: pd.DataFrame,
    base_year: int,
    label: str,
    report: ImportReport,
    problems: Problems,
) -> tuple[pd.DataFrame, dict[tuple[int, int], FloatArray]]:
    """SCAP counts special places alone: add everybody else, and say what new children need.

    Returns:
        Children by year and year group, and the mix of needs among those who join: that of each
        type of placement today, weighted with its forecast.
    """
    for table, file, option in ((today, files[0], "--children-today"),
                                (provisions, files[1], "--provisions")):  # fmt: skip
        if table.empty:
            problems.error("SCAP counts places by type only; this table is needed to split them.",
                           f"give {option}.", file=file)  # fmt: skip
    kind = dict(zip(provisions["provision"], provisions["kind"], strict=True))
    unknown = sorted(set(today["provision"]) - set(kind))
    if len(provisions) and unknown:
        problems.error(
            f"{len(unknown):,} provisions of children today are not in the table provisions.",
            "use the tables of one authority.", file=files[1], column="provision",
            value=", ".join(unknown[:5]),
        )  # fmt: skip
    if problems.errors or forecast.planning is None:
        return forecast.rows, {}
    planning, filled = _filled_horizon(forecast.planning, report, problems)
    type_of = {k: name for name, kinds in SCAP_KINDS.items() for k in kinds}
    placed = today.assign(type=[type_of.get(kind[p], "") for p in today["provision"]])
    years = sorted({int(y) for y in planning["academic_year"]})
    baseline = _baseline(today, areas, people, rules, base_year, len(years),
                         "held" if label == "held" else "projected")  # fmt: skip
    rows: list[dict[str, Any]] = []
    mixes: dict[tuple[int, int], FloatArray] = {}
    others_last = 0.0
    phases = {g: p for p, (low, high, _) in SCAP_PHASES.items() for g in range(low, high + 1)}
    number = planning.set_index(["academic_year", "phase", "type", "year_group"])["children"]
    # SCAP counts those in special placements in Reception to Year 11; all the others are added.
    for year in years:
        for group in range(LOWEST_YEAR_GROUP, HIGHEST_YEAR_GROUP + 1):
            phase = phases.get(group)
            base = baseline.get((year, group), 0.0) if label != "none" else 0.0
            if phase is None:
                total, others = base, base
            else:
                low, high, _ = SCAP_PHASES[phase]
                inside = placed[placed["year_group"].between(low, high)]
                share = _share_of_others(inside)
                others = base * share
                said = {t: float(number.get((year, phase, t, group), 0.0)) for t in _TYPES}
                total = others + sum(said.values())
                weights = {**said, "": others}
                mixes[year, group] = sum(
                    (w * _needs_of(inside, placed, t) for t, w in weights.items()),
                    np.zeros(len(NEEDS)),
                )
            if year == years[-1]:
                others_last += others
            if total > 0:
                rows.append(_plain_row(year, 0, group, total))
    _question_scap(planning, placed, problems, forecast.accounts[0].file)
    if label != "none":
        how = "held at today's" if label == "held" else "projected by the planning model's rates"
        report.estimates.append(
            estimated("projected_children", "children", others_last, "SCAP leaves out mainstream, "
                      f"early years and post-16; {how}, less the share in special placements today",
                      f"model {rules.name}, children today")
        )  # fmt: skip
    else:
        problems.warn(
            "SCAP leaves out mainstream, early years and post-16; they are left out here too.",
            "add --missing projected: else those children have no place.",
            file=forecast.accounts[0].file,
        )
    report.estimates.append(
        estimated("projected_children", "need", float(filled), "SCAP gives no needs; new children "
                  "have the mix of each type of placement today, weighted with its forecast",
                  "children today and provisions")
    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(ROWS)), mixes


def _filled_horizon(
    planning: pd.DataFrame, report: ImportReport, problems: Problems
) -> tuple[pd.DataFrame, float]:
    """Hold the last year of a phase up to the last of all; children of the last year in all."""
    last = int(planning["academic_year"].max())
    parts = [planning]
    for phase, of_phase in planning.groupby("phase", sort=True):
        end = int(of_phase["academic_year"].max())
        if end == last:
            continue
        held = of_phase[of_phase["academic_year"] == end]
        parts += [held.assign(academic_year=year) for year in range(end + 1, last + 1)]
        report.estimates.append(
            estimated("projected_children", "children", float(held["children"].sum()),
                      f"the {phase} forecast ends in {academic_year_label(end)}; its last year is "
                      f"held to {academic_year_label(last)}", "the SCAP forecast")
        )  # fmt: skip
    whole = pd.concat(parts, ignore_index=True)
    return whole, float(whole.loc[whole["academic_year"] == last, "children"].sum())


def _share_of_others(placed: pd.DataFrame) -> float:
    """Share of children today in no placement that SCAP counts."""
    children = float(placed["children"].sum())
    others = float(placed.loc[placed["type"] == "", "children"].sum())
    return others / children if children else 1.0


def _needs_of(inside: pd.DataFrame, placed: pd.DataFrame, type_: str) -> FloatArray:
    """Shares of the needs in a type of placement: of the phase, of all phases, of everybody."""
    for table in (inside[inside["type"] == type_], placed[placed["type"] == type_], placed):
        counts = table.groupby("need")["children"].sum().reindex(list(NEEDS)).fillna(0.0)
        if counts.sum() > 0:
            return (counts / counts.sum()).to_numpy(dtype=float)
    return np.full(len(NEEDS), 1 / len(NEEDS))


def _question_scap(
    planning: pd.DataFrame, placed: pd.DataFrame, problems: Problems, file: str
) -> None:
    """Warn where the first year of the forecast is far from children today."""
    first = planning[planning["academic_year"] == planning["academic_year"].min()]
    for phase, (low, high, _) in SCAP_PHASES.items():
        inside = placed[placed["year_group"].between(low, high)]
        for type_ in _TYPES:
            now = float(inside.loc[inside["type"] == type_, "children"].sum())
            then = float(
                first.loc[(first["phase"] == phase) & (first["type"] == type_), "children"].sum()
            )
            if abs(then - now) > max(20.0, 0.25 * now):
                problems.warn(
                    f"{phase} {type_}: {then:,.0f} children in the first year, {now:,.0f} today.",
                    "check that the forecast and children today count the same placements.",
                    file=file,
                )


# ------------------------------------------------------------------ splitting


def _said_alike(
    rows: pd.DataFrame, report: ImportReport, problems: Problems, file: str
) -> pd.DataFrame:
    """See that the numbers of a year do not overlap; share those that leave out what others say."""
    rows = rows.reset_index(drop=True)
    rows["locality"] = rows["locality"].where(rows["area"] == "", "")
    if (rows["area"] != "").any() and (rows["locality"] != "").any():
        problems.error(
            "names areas in some rows and localities in others.",
            "use one of the two throughout.",
            file=file, column="area",
        )  # fmt: skip
    said = sorted({needs for needs in rows["needs"] if needs})
    for at, needs in enumerate(said):
        for other in said[at + 1 :]:
            if set(needs) & set(other):
                problems.error(
                    "counts needs twice: one code contains another.",
                    "use either broad areas of need or single needs.",
                    file=file, column="need", value=f"{'|'.join(needs)} and {'|'.join(other)}",
                )  # fmt: skip
    if problems.errors:
        return rows
    for columns, blank, what in (
        (["needs"], [()], "need"), (["tier"], [0], "tier"),
        (["area", "locality"], ["", ""], "area or locality"),
    ):  # fmt: skip
        rows = _spread(rows, columns, blank, what, report)
    return _summed(rows)


def _spread(
    rows: pd.DataFrame,
    columns: Sequence[str],
    blank: Sequence[object],
    what: str,
    report: ImportReport,
) -> pd.DataFrame:
    """Add numbers that do not say something to those that do, in proportion, within a year group.

    Where no number of the year group says it, they stay as they are.
    """
    unsaid = np.ones(len(rows), dtype=bool)
    for column, value in zip(columns, blank, strict=True):
        unsaid &= np.array([cell == value for cell in rows[column]], dtype=bool)
    if not unsaid.any() or unsaid.all():
        return rows
    keys = [c for c in ("academic_year", "draw", "year_group", "area", "locality", "needs", "tier")
            if c not in columns]  # fmt: skip
    key = pd.MultiIndex.from_frame(rows[keys])
    code, _ = pd.factorize(key)
    children = rows["children"].to_numpy(dtype=float)
    size = int(code.max()) + 1
    known = np.bincount(code[~unsaid], weights=children[~unsaid], minlength=size)
    open_ = np.bincount(code[unsaid], weights=children[unsaid], minlength=size)
    factor = np.where(known > 0, (known + open_) / np.where(known > 0, known, 1.0), 1.0)
    rows = rows.copy()
    joining = rows["joining"].to_numpy(dtype=float)
    rows["children"] = np.where(unsaid, children, children * factor[code])
    rows["joining"] = np.where(unsaid, joining, joining * factor[code])
    gone = unsaid & (known[code] > 0)
    last = rows["academic_year"].to_numpy() == rows["academic_year"].max()
    shared = float(children[gone & last & (rows["draw"].to_numpy() == 0)].sum())
    if gone.any():
        report.estimates.append(
            estimated("projected_children", what, shared, f"no {what} given; shared in proportion "
                      "to the numbers of the same year group that give one", "the forecast")
        )  # fmt: skip
    return rows[~gone].reset_index(drop=True)


def _is_whole(rows: pd.DataFrame) -> bool:
    """Whether every number says area and need."""
    return bool((rows["area"] != "").all() and all(len(needs) == 1 for needs in rows["needs"]))


def _as_it_is(rows: pd.DataFrame) -> pd.DataFrame:
    """A forecast that says everything, as the table."""
    table = rows.assign(need=[needs[0] for needs in rows["needs"]])
    table = table[table["children"] > 0]
    columns = ["academic_year", "area", "need", "tier", "year_group", "children", "joining", "draw"]
    whole = {"academic_year": "int64", "tier": "int64", "year_group": "int64", "draw": "int64"}
    order = ["academic_year", "draw", "area", "need", "tier", "year_group"]
    return table[columns].astype(whole).sort_values(order, ignore_index=True)


def _split(
    rows: pd.DataFrame,
    today: pd.DataFrame,
    areas: pd.DataFrame,
    rules: PlanningModel,
    base_year: int,
    need_mix: NeedMix,
    report: ImportReport,
    problems: Problems,
) -> pd.DataFrame:
    """Split the numbers over what they do not say, following children today."""
    if (rows["tier"] != 0).any() and (today["tier"] == 0).any():
        today, split = projection.split_tiers(today, rules.tier_shares)
        report.estimates.append(
            estimated("children_today", "tier", split, "children today give no tier; split by the "
                      "planning model's tier_shares to follow them", f"model {rules.name}")
        )  # fmt: skip
    followed = follow(rows, today, areas, rules.ceasing_share, base_year, need_mix)
    open_ = [
        what
        for what, is_open in (
            ("area", (rows["area"] == "").any()),
            ("need", any(len(needs) != 1 for needs in rows["needs"])),
        )
        if is_open
    ]
    children = _last(followed.children)
    for what in open_:
        report.estimates.append(
            estimated("projected_children", what, children, SPLIT_HOW, "children today, areas, "
                      f"model {rules.name}")
        )  # fmt: skip
    dropped = {group: children for group, children in followed.dropped.items() if children > 0.5}
    if dropped:
        groups = ", ".join(f"{group} ({children:,.0f})" for group, children in dropped.items())
        problems.warn(
            "no number of the first year covers these children of today (year group and children, "
            f"a year on): {groups}; their plans end.",
            "check that the forecast names every need, area and year group.",
            file="projected_children.csv", column="year_group",
        )  # fmt: skip
    return followed.children


def _last(table: pd.DataFrame) -> float:
    """Children of the last year in the central forecast."""
    if table.empty:
        return 0.0
    last = table["academic_year"] == table["academic_year"].max()
    return float(table.loc[last & (table["draw"] == 0), "children"].sum())


def _facts(
    report: ImportReport,
    forecast: _Forecast,
    rows: pd.DataFrame,
    table: pd.DataFrame,
    today: pd.DataFrame,
    base_year: int,
) -> None:
    """Totals by year, read and written."""
    if len(today):
        report.facts.append(
            f"{academic_year_label(base_year)}: {today['children'].sum():,.0f} children today."
        )
    for year in sorted({int(y) for y in table["academic_year"]}):
        read = rows[(rows["academic_year"] == year) & (rows["draw"] == 0)]["children"].sum()
        written = table[(table["academic_year"] == year) & (table["draw"] == 0)]["children"].sum()
        report.facts.append(
            f"{academic_year_label(year)}: {read:,.1f} children forecast, {written:,.1f} written."
        )
    draws = int(table["draw"].max()) if len(table) else 0
    if draws:
        report.facts.append(f"{draws:,} draws beside the central forecast.")
    report.facts.append(f"{len(table):,} rows of projected children; format: {forecast.title}.")


# ------------------------------------------------------------------ command


def _year_argument(text: str) -> int:
    try:
        return parse_year(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}: write 2025/26") from None


def _need_argument(text: str) -> tuple[str, tuple[str, ...]]:
    code, _, needs = text.partition("=")
    if not code or not needs:
        raise argparse.ArgumentTypeError(f"{text!r}: write CODE=ASD or CODE='ASD|SLCN'")
    return code, tuple(part.strip().upper() for part in re.split(r"[|,;]", needs) if part.strip())


def _draws_argument(text: str) -> int:
    if not text.isdigit() or int(text) > 1000:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 0 to 1000")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sufficiency import forecast``."""

    def path(name: str, text: str, *, required: bool = False) -> None:
        parser.add_argument(name, metavar="FILE", type=Path, required=required, help=text)

    parser.add_argument("file", metavar="FILE", type=Path,
                        help="the forecast, or a folder of simulated transitions")  # fmt: skip
    path("--areas", "the table areas", required=True)
    parser.add_argument("--base-year", metavar="YEAR", type=_year_argument, required=True,
                        help="academic year of children today, such as 2025/26")  # fmt: skip
    path("--children-today", "the table children_today, by which the forecast is split")
    path("--provisions", "the table provisions (needed for SCAP)")
    path("--population", "the table population, for what the forecast leaves out")
    parser.add_argument("--model", metavar="NAME", default="england-2026",
                        help="planning model (default: england-2026)")  # fmt: skip
    parser.add_argument(
        "--missing", choices=sorted(MISSING),
        help="year groups and placements that the forecast leaves out: project them, hold them at "
        "today's number, or leave them out (default: projected for SCAP, else none)",
    )  # fmt: skip
    parser.add_argument("--draws", metavar="N", type=_draws_argument, default=0,
                        help="simulations to keep as draws beside the mean (default: 0)"
                        )  # fmt: skip
    parser.add_argument("--need", metavar="CODE=NEEDS", type=_need_argument, action="append",
                        default=[], help="what a code of the forecast means, such as "
                        "CI='ASD|SLCN'; may be given several times")  # fmt: skip
    parser.add_argument("--out", metavar="DIR", type=Path, required=True,
                        help="folder to write projected_children.csv into")  # fmt: skip
    parser.add_argument("--replace", action="store_true",
                        help="replace files of the same name")  # fmt: skip


def run(asked: argparse.Namespace, out: Console) -> int:
    """Import, write, and say what was done."""
    outcome = import_forecast(
        asked.file, areas=asked.areas, base_year=asked.base_year,
        children_today=asked.children_today, provisions=asked.provisions,
        population=asked.population, model=asked.model, missing=asked.missing, draws=asked.draws,
        need_codes=dict(asked.need),
    )  # fmt: skip
    deliver(outcome, asked.out, out, replace=asked.replace)
    return EXIT_OK
