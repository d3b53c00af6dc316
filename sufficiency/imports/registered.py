"""From the register to tables: provisions, their places, and where each establishment went."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sufficiency.imports.establishments import (
    DOWN_SYNDROME_WITH,
    HOST,
    academic_year_of,
    needs_of,
    year_groups,
)
from sufficiency.imports.files import plain
from sufficiency.imports.overrides import OVERRIDDEN, is_filled
from sufficiency.imports.register import BASES, CHECKS, SEN_CELLS, Register
from sufficiency.imports.report import Finding
from sufficiency.tables import MANIFEST
from sufficiency.tables.reading import cell_text
from sufficiency.vocabulary import KINDS, LOCAL_STATE_SPECIALIST, NEEDS, academic_year_label

NEEDS_WHERE_LISTS_END: Final = 5
"""Lists of needs cut off after five are common: the register once held no more."""

NEAR_HOME: Final[tuple[tuple[str, str, str, int, int], ...]] = (
    ("mainstream-early-years", "Nurseries and pre-schools", "mainstream", -4, -1),
    ("mainstream-primary", "Mainstream primary schools", "mainstream", 0, 6),
    ("mainstream-secondary", "Mainstream secondary schools", "mainstream", 7, 11),
    ("mainstream-sixth-form", "School sixth forms", "mainstream", 12, 13),
    ("educated-elsewhere", "Educated at home or elsewhere", "educated_elsewhere", -4, 20),
)
"""Provision of which there is so much that the nearest is always near: no place, no limit."""

_GENERAL: Final = ("further_education", "alternative_provision")
"""Kinds that meet any need unless they say otherwise."""

_ALSO_COLLEGES: Final = ("further-education", "Further education colleges", "further_education",
                         12, 20)  # fmt: skip

# ------------------------------------------------------------------ provisions


def make_provisions(register: Register, changes: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Provisions of the rows used, and what is known of the places of each.

    Returns:
        The table ``provisions`` without its near-home rows, and a frame with provision, at
        (position of the row), capacity and roll.
    """
    frame = register.frame
    before = _predecessors(register)
    out = set(changes["provision"][changes["exclude"] == "yes"])
    kind_given = dict(zip(changes["provision"], changes["kind"], strict=True))
    names_down_syndrome = any(
        "DS" in needs_of([text]).codes
        for text in pd.unique(frame[list(SEN_CELLS)].to_numpy(dtype=object).ravel())
    )
    rows: list[dict[str, Any]] = []
    known: list[dict[str, Any]] = []
    assumed = 0
    for at in np.flatnonzero(frame["reason"].eq("") & frame["merged"].eq("")).tolist():
        row = frame.loc[at]
        urn = str(row["urn"])
        earlier = before.get(at, [])
        kind = str(row["kind"]) or str(kind_given.get(urn, ""))
        if not kind:
            register.problems.error(
                "the overrides keep this establishment, but its type tells no kind of provision.",
                "give its kind in the overrides, or delete exclude = no.",
                file=str(changes.attrs.get("file", "")), column="kind", value=urn,
            )  # fmt: skip
            continue
        needs = _needs(register, at, earlier)
        add = not names_down_syndrome and "DS" not in needs and set(needs) & set(DOWN_SYNDROME_WITH)
        assumed += bool(add)
        lowest, highest = _ages(register, at, earlier, kind)
        opens, closes = register.cell(at, "opens"), register.cell(at, "closes")
        shared = {
            "easting": row["x"],
            "northing": row["y"],
            "lowest_year_group": lowest,
            "highest_year_group": highest,
            "needs": tuple(sorted({*needs, "DS"} if add else needs)),
            "tiers": (),
            "opens": opens,
            "closes": closes if closes > opens else -1,
            "fee_pounds": np.nan,
            "top_up_pounds": np.nan,
            "inside_authority": "yes" if row["own"] else "no",
        }
        made = _units(register, at, kind, out)
        for unit in made:
            capacity = _first(register, at, earlier, unit.capacity)
            roll = _first(register, at, earlier, unit.roll)
            rows.append(
                {"provision": unit.provision, "name": unit.name, "kind": unit.kind, **shared,
                 "designation": unit.designation, "physical_capacity": capacity, "on_roll": roll}
            )  # fmt: skip
            known.append(
                {"provision": unit.provision, "at": at, "capacity": capacity, "roll": roll}
            )
        if not made:
            frame.at[at, "reason"] = "excluded by the overrides"
    if assumed:
        register.report.estimates.append(
            f"{assumed:,} provisions are taken to meet Down syndrome (DS), which the register does "
            f"not name, because they list one of {', '.join(DOWN_SYNDROME_WITH)}."
        )
    if not register.follower:
        _doubt_twins(register)
    columns = [column.name for column in MANIFEST["provisions"].columns]
    places = pd.DataFrame(known, columns=["provision", "at", "capacity", "roll"])
    return pd.DataFrame(rows, columns=columns), places


class _Unit(NamedTuple):
    """One provision of an establishment; ``capacity`` and ``roll`` are columns of the register."""

    provision: str
    name: str
    kind: str
    designation: str
    capacity: str
    roll: str


def _units(register: Register, at: int, kind: str, out: set[str]) -> list[_Unit]:
    """The provisions of an establishment: itself, or the bases of a mainstream school."""
    urn, name = str(register.cell(at, "urn")), str(register.cell(at, "name"))
    if kind != HOST:
        unit = kind == "alternative_provision" and register.cell(at, "places_pru_") > 0
        return [_Unit(urn, name, kind, "", "places_pru" if unit else "capacity", "roll")]
    made = []
    for base, word, capacity, roll, words in BASES:
        if f"{urn}-{base}" in out or not register.cell(at, f"has_{base}"):
            continue
        made.append(
            _Unit(f"{urn}-{base}", f"{name} ({words})", "specialist_base", words, capacity, roll)
        )
        if word not in plain(str(register.cell(at, "base_type"))) and "base_type" in register.found:
            text = (
                f"has places or pupils in a base ({words}, {urn}-{base}) that "
                "TypeOfResourcedProvision does not name; the base is kept."
            )
            register.doubt(at, "base not named", text)
    return made


def _predecessors(register: Register) -> dict[int, list[int]]:
    """For the position of an establishment those of its predecessors, the last to close first."""
    before: dict[int, list[int]] = {}
    closed = register.frame["closed_on"]
    for at in sorted(register.follower, key=lambda at: (closed[at].toordinal() if
                     pd.notna(closed[at]) else 0, at), reverse=True):  # fmt: skip
        before.setdefault(register.last_follower(at), []).append(at)
    return before


def _first(register: Register, at: int, earlier: list[int], column: str) -> float:
    """A number of the row, else of an establishment before it; NaN where none is above nought."""
    for source in (at, *earlier):
        value = float(register.cell(source, f"{column}_"))
        if value > 0:
            if source != at:
                urn = register.cell(source, "urn")
                text = f"its {column.replace('_', ' ')} is blank; {value:g} of {urn} is used."
                register.doubt(at, "taken from the predecessor", text)
            return value
    return np.nan


def _needs(register: Register, at: int, earlier: list[int]) -> tuple[str, ...]:
    """Needs that a provision lists, or all where it lists none."""
    found = needs_of(register.sen(at))
    for text in found.strange:
        register.doubt(at, "need not understood", f"{text[:60]!r} is no need that is known.")
    if found.hidden:
        text = f"lists needs after Not Applicable; they are used: {', '.join(found.codes)}."
        register.doubt(at, "needs behind Not Applicable", text)
    for previous in earlier if not found.codes else []:
        before = needs_of(register.sen(previous))
        if before.codes:
            urn = register.cell(previous, "urn")
            text = f"lists no needs; those of {urn} are used: {', '.join(before.codes)}."
            register.doubt(at, "taken from the predecessor", text)
            found = before
            break
    if not found.codes:
        why = "says Not Applicable" if found.denied else "lists none"
        text = f"{why} of its needs, which is not to meet none; it is taken to meet any."
        if register.cell(at, "kind") not in _GENERAL:
            register.doubt(at, "needs unknown", text)
        return tuple(NEEDS)
    cells = sum(name in register.found for name in SEN_CELLS)
    if found.last in (NEEDS_WHERE_LISTS_END, cells) and found.last < len(SEN_CELLS):
        text = f"lists {found.last} needs, where lists are often cut off: {', '.join(found.codes)}."
        register.doubt(at, "needs may be cut off", text)
    return found.codes


def _ages(register: Register, at: int, earlier: list[int], kind: str) -> tuple[int, int]:
    """Year groups from the statutory ages, or those of an establishment before."""
    low = high = np.nan
    for source in (at, *earlier):
        low, high = (
            float(register.cell(source, "low_age_")),
            float(register.cell(source, "high_age_")),
        )
        if np.isfinite(low) and np.isfinite(high):
            if source != at:
                urn = register.cell(source, "urn")
                text = f"its ages are blank; {low:g} to {high:g} of {urn} are used."
                register.doubt(at, "taken from the predecessor", text)
            break
    lowest, highest, doubt = year_groups(low, high, kind, str(register.cell(at, "phase")))
    if doubt:
        ages = "" if doubt == "unknown" else f" ({low:g} to {high:g})"
        text = (
            f"its statutory ages{ages} are {doubt}; year groups {lowest} to {highest} are assumed "
            "from its phase or type."
        )
        register.doubt(at, f"ages {doubt}", text)
    return lowest, highest


def _doubt_twins(register: Register) -> None:
    """Name pairs of which one closes when the other opens at the same postcode."""
    used = register.frame[register.frame["reason"].eq("") & register.frame["merged"].eq("")]
    closing = used[(used["closes"] >= 0) & used["postcode"].ne("")]
    opening = used[(used["opens"] >= 0)].set_index("postcode")["urn"].to_dict()
    for at, postcode in zip(closing.index.tolist(), closing["postcode"], strict=True):
        if postcode in opening:
            text = f"closes, and {opening[postcode]} opens at the same place."
            register.doubt(at, "may be one school", text)


# ------------------------------------------------------------------ places


def make_places(
    provisions: pd.DataFrame,
    known: pd.DataFrame,
    register: Register,
    changes: pd.DataFrame,
    own_children: pd.Series[float] | None,
    today: pd.Timestamp,
) -> pd.DataFrame:
    """Commissioned places: those of the overrides, else the larger of capacity and roll.

    Children of other authorities: with the authority's own children, the rest of the roll;
    without, nobody in state provision inside the authority and the whole roll elsewhere.
    """
    year = academic_year_of(today)
    by_provision = {str(p): group for p, group in changes.groupby("provision")}
    rows: list[tuple[str, int, float, float]] = []
    counts: Counter[str] = Counter()
    for provision, kind, opens, inside, at, capacity, roll in zip(
        provisions["provision"], provisions["kind"], provisions["opens"],
        provisions["inside_authority"], known["at"], known["capacity"], known["roll"], strict=True,
    ):  # fmt: skip
        if kind == "further_education":
            continue
        given = by_provision.get(provision, changes.iloc[:0])
        other = _others(provision, kind, inside, roll, own_children)
        estimate = float(np.nanmax([capacity, roll])) if capacity > 0 or roll > 0 else np.nan
        settled = given["places"].notna().any()
        if not settled:
            _doubt_places(register, int(at), provision, kind, capacity, roll)
        with_others = given["other_authority_children"].notna()
        if settled or with_others.any():
            for _, line in given[given["places"].notna() | with_others].iterrows():
                places = float(line["places"]) if line["places"] >= 0 else estimate
                if np.isnan(places):
                    register.problems.error(
                        "gives other authorities' children for a provision without places.",
                        "give its places as well.", file=str(changes.attrs.get("file", "")),
                        row=int(line["_row"]), column="places", value=provision,
                    )  # fmt: skip
                    continue
                others = line["other_authority_children"]
                others = min(other, places) if np.isnan(others) else float(others)
                since = int(line["academic_year"]) if line["academic_year"] >= 0 else year
                rows.append((provision, since, places, others))
            counts["given"] += int(settled)
            continue
        if np.isnan(estimate):
            counts["none"] += 1
            continue
        counts["capacity" if capacity > 0 and not roll > capacity else "roll"] += 1
        rows.append((provision, max(year, opens), estimate, min(other, estimate)))
    columns = ["provision", "academic_year", "places", "other_authority_children"]
    table = pd.DataFrame(rows, columns=columns)
    estimates = register.report.estimates
    if counts["capacity"] or counts["roll"]:
        estimates.append(
            f"Places of {counts['capacity'] + counts['roll']:,} provisions: {counts['capacity']:,} "
            f"from the register's capacity, {counts['roll']:,} from the roll where that is larger "
            "or the capacity is blank. The places that are commissioned belong in the overrides."
        )
    if own_children is None:
        estimates.append(
            "Children of other authorities: nobody in state provision inside the authority, the "
            "whole roll everywhere else. Import again with --children once children_today.csv "
            "exists; the authority's own children are then told from the others."
        )
    else:
        estimates.append(
            "Children of other authorities: the roll less the authority's own children."
        )
    register.report.facts.append(
        f"Places of {counts['given']:,} provisions are given by the overrides; "
        f"{counts['none']:,} provisions have no number of places."
    )
    return table.sort_values(columns[:2], ignore_index=True)


def _others(
    provision: str, kind: str, inside: str, roll: float, own_children: pd.Series[float] | None
) -> float:
    """Children of other authorities on a roll, as far as it can be told."""
    if np.isnan(roll):
        return 0.0
    if own_children is not None:
        return max(0.0, roll - float(own_children.get(provision, 0.0)))
    local = (*LOCAL_STATE_SPECIALIST, "alternative_provision")
    return 0.0 if inside == "yes" and kind in local else roll


def _doubt_places(
    register: Register, at: int, provision: str, kind: str, capacity: float, roll: float
) -> None:
    if roll > capacity > 0:
        text = f"{roll:,.0f} on roll, {capacity:,.0f} places in the register; the roll is used"
        register.doubt(at, "roll above capacity", f"{text} ({provision}).")
    elif capacity > 0:
        return
    elif roll > 0:
        text = f"its capacity is blank; its roll of {roll:,.0f} is used for its places"
        register.doubt(at, "capacity unknown", f"{text} ({provision}).")
    elif kind in LOCAL_STATE_SPECIALIST:
        text = "has neither capacity nor roll; no plan can be made before its places are given"
        register.doubt(at, "places missing", f"{text} ({provision}).")
    else:
        text = "has neither capacity nor roll; no limit is set"
        register.doubt(at, "capacity unknown", f"{text} ({provision}).")


# ------------------------------------------------------------------ overrides and totals


def apply_overrides(
    provisions: pd.DataFrame, changes: pd.DataFrame, register: Register
) -> pd.DataFrame:
    """Let the overrides change the provisions, report each change, and add near-home provision."""
    file = str(changes.attrs.get("file", ""))
    position = dict(zip(provisions["provision"], provisions.index.tolist(), strict=True))
    said: set[str] = set()
    for _, line in changes.iterrows():
        provision = str(line["provision"])
        row = int(line["_row"])
        if line["exclude"] == "yes":
            said.add(f"{provision} is left out.")
            continue
        at = position.get(provision)
        if at is None:
            _tell_no_effect(register, provision, file, row)
            continue
        now: dict[str, Any] = {str(k): v for k, v in provisions.loc[at].items()}
        name = now["name"]
        for column in OVERRIDDEN:
            value = line[column]
            if not is_filled(value) or cell_text(value) == cell_text(now[column]):
                continue
            type_ = MANIFEST["provisions"].column(column).type
            was = cell_text(now[column], type_) or "blank"
            said.add(f"{provision} {name}: {column} was {was}, is {cell_text(value, type_)}.")
            provisions.at[at, column] = value
        for column in ("places", "other_authority_children"):
            if line[column] >= 0:
                since = line["academic_year"]
                when = f" from {academic_year_label(int(since))} on" if since >= 0 else ""
                words = column.replace("_", " ")
                said.add(f"{provision} {name}: {words} are {line[column]:g}{when}.")
        if line["exclude"] == "no":
            said.add(f"{provision} {name} is kept whatever speaks against it.")
    register.report.changes += sorted(said)
    wrong = provisions[provisions["lowest_year_group"] > provisions["highest_year_group"]]
    for provision, lowest, highest in zip(wrong["provision"], wrong["lowest_year_group"],
                                          wrong["highest_year_group"], strict=True):  # fmt: skip
        register.problems.error(
            f"year groups {lowest:g} to {highest:g} would follow from the overrides.",
            "give both the lowest and the highest year group.", file=file, value=provision,
        )  # fmt: skip
    order = {kind: number for number, kind in enumerate(KINDS)}
    ranked = provisions.assign(
        _inside=provisions["inside_authority"].ne("yes"), _kind=provisions["kind"].map(order)
    ).sort_values(["_inside", "_kind", "provision"])
    near_home = [*NEAR_HOME]
    if not provisions["kind"].eq("further_education").any():
        near_home.insert(4, _ALSO_COLLEGES)
    blank = {c.name: np.nan for c in MANIFEST["provisions"].columns if c.type == "number"}
    always = pd.DataFrame(
        [
            {"provision": p, "name": name, "kind": kind, "lowest_year_group": low,
             "highest_year_group": high, "needs": tuple(sorted(NEEDS)), "tiers": (),
             "designation": "", "opens": -1, "closes": -1, "inside_authority": "yes", **blank}
            for p, name, kind, low, high in near_home
        ]
    )  # fmt: skip
    columns = list(provisions.columns)
    return pd.concat([always[columns], ranked[columns]], ignore_index=True)


def _tell_no_effect(register: Register, provision: str, file: str, row: int) -> None:
    urn = re.sub(r"-(RP|SENU)$", "", provision)
    at = int(register.frame.index[register.frame["urn"] == urn][0])
    why = register.cell(at, "reason") or register.cell(at, "merged")
    if not why:
        why = "it has no such base" if provision != urn else "only its bases are provisions"
    register.report.findings.append(
        Finding("override without effect", provision, f"has no effect: {why}.",
                "write exclude = no to keep an establishment that would be left out.", file, row,
                "provision", provision)
    )  # fmt: skip


def follow_establishments(register: Register, provisions: pd.DataFrame) -> pd.DataFrame:
    """What became of every establishment, by its URN."""
    made = set(provisions["provision"])
    frame = register.frame
    first = frame[~frame.duplicated("urn") & frame["urn"].ne("")]
    end = [register.last_follower(int(at)) for at in first.index]
    final = frame.loc[end]
    urn = final["urn"].to_numpy(dtype=object)
    columns: dict[str, Any] = {
        "urn": first["urn"].to_numpy(dtype=object),
        "ukprn": first["ukprn"].to_numpy(dtype=object),
        "kind": final["kind"].to_numpy(dtype=object),
    }
    for name, suffix in (("provision", ""), ("resourced_provision", "-RP"), ("sen_unit", "-SENU")):
        columns[name] = [f"{u}{suffix}" if f"{u}{suffix}" in made else "" for u in urn]
    note = first["reason"].where(first["merged"].eq(""), first["merged"])
    columns["note"] = note.where(note.ne(""), "used").to_numpy(dtype=object)
    return pd.DataFrame(columns).sort_values("urn", ignore_index=True)


def sum_up(
    register: Register,
    provisions: pd.DataFrame,
    commissioned: pd.DataFrame,
    within_km: float,
    today: pd.Timestamp,
    bounded: bool,
) -> None:
    """Count the rows, tell the doubts about rows that are used, and add the totals."""
    frame, account = register.frame, register.account
    used = frame["reason"].eq("") & frame["merged"].eq("")
    account.used += int(used.sum())
    for reason, rows in frame.loc[frame["merged"].ne(""), "merged"].value_counts().items():
        account.merge(str(reason), int(rows))
    left = frame.loc[frame["merged"].eq("") & frame["reason"].ne(""), "reason"]
    for reason, rows in left.value_counts().items():
        account.exclude(str(reason), int(rows))
    for at, name, text in register.doubts:
        settled = (str(register.cell(at, "urn")), CHECKS[name].mended_by) in register.settled
        if used[at] and not settled:
            register.tell(at, name, text)
    report = register.report
    own = set(frame["_row"][frame["own"]])  # the authority's own records come first
    report.findings.sort(key=lambda f: (f.name, f.row not in own, f.row))
    where = "its boundary" if bounded else "the hull of its establishments"
    report.facts.append(
        f"The day that counts as today is {today:%Y-%m-%d}; provision is taken from within "
        f"{within_km:g} km of {where}."
    )
    placed = provisions[provisions["easting"].notna()]
    counts = placed.groupby(["inside_authority", "kind"]).size()
    for inside, words in (("yes", "inside"), ("no", "outside")):
        parts = [
            f"{label.lower()} {counts[inside, kind]:,}"
            for kind, label in KINDS.items()
            if (inside, kind) in counts
        ]
        report.facts.append(f"Provision {words} the authority: {', '.join(parts) or 'none'}.")
    total = commissioned.merge(provisions[["provision", "kind", "inside_authority"]])
    total = total[total["inside_authority"].eq("yes") & total["kind"].isin(LOCAL_STATE_SPECIALIST)]
    latest = total.sort_values("academic_year").groupby("provision").first()
    report.facts.append(
        f"Places in state special schools and specialist bases inside the authority: "
        f"{latest['places'].sum():,.0f}."
    )
