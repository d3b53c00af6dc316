"""Modelled against recorded, figure by figure, with the differences explained in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sufficiency.baseline.today import PLACE_LINES, Today
from sufficiency.problems import Problems, near
from sufficiency.tables import Tables
from sufficiency.tables.manifest import NOT_RECORDED
from sufficiency.vocabulary import KINDS, LEDGERS, NEEDS, financial_year_label

TOLERANCE: Final = 0.02
"""Share by which a modelled figure may miss a recorded one."""
LEAST_CHILDREN, LEAST_POUNDS = 1.0, 1000.0
"""A smaller difference is within the tolerance whatever its share."""
SECTIONS: Final = {
    "all": "In all",
    "kind": "By kind of provision",
    "need": "By need",
    "phase": "By phase",
    "ledger": "By ledger",
    "mixed": "By more than one of these",
}
BOUGHT: Final = (
    "non_maintained_special", "independent_special", "out_of_area_state_special",
    "specialist_post_16",
)  # fmt: skip
"""Kinds that charge the authority a price of their own, school by school."""
_NAMED: Final = 3
_UNKNOWN_WORDS: Final = r"\b(?:not recorded|not known|unknown|unrecorded|awaiting)\b"


@dataclass(frozen=True)
class Figure:
    """One recorded figure and its modelled counterpart.

    Attributes:
        section: key of :data:`SECTIONS`.
        label: what the figure covers, in words.
        what: "children" or "pounds".
        recorded, modelled: the figures.
        reasons: why they differ, in words; only where they differ by more than the tolerance.
        source: where the recorded figure stands.
        covers: kinds, needs, phase and ledger, as in the table ``recorded``.
    """

    section: str
    label: str
    what: str
    recorded: float
    modelled: float
    reasons: tuple[str, ...] = ()
    source: str = ""
    covers: tuple[tuple[str, ...], tuple[str, ...], str, str] = ((), (), "", "")

    @property
    def difference(self) -> float:
        """Modelled less recorded."""
        return self.modelled - self.recorded

    @property
    def share(self) -> float:
        """The difference as a share of what is recorded; infinite when nothing is."""
        if self.recorded:
            return self.difference / self.recorded
        return 0.0 if abs(self.difference) < 1e-9 else float("inf")

    @property
    def within(self) -> bool:
        """Whether the difference lies within the tolerance."""
        least = LEAST_CHILDREN if self.what == "children" else LEAST_POUNDS
        return abs(self.difference) < least or abs(self.share) <= TOLERANCE + 1e-12


@dataclass(frozen=True)
class Baseline:
    """The comparison.

    Attributes:
        figures: every recorded figure, in the order of the sections.
        notes: what the modelled figures rest on, in words.
        today: the modelled base year.
        base_year: academic year of it.
    """

    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    today: Today
    base_year: int

    @property
    def beyond(self) -> list[Figure]:
        """Figures that are missed by more than the tolerance."""
        return [figure for figure in self.figures if not figure.within]

    def sections(self) -> list[tuple[str, list[Figure]]]:
        """Headings, each with its figures; children before spend."""
        found = []
        for what, word in (("children", "children"), ("pounds", "spend")):
            for section, words in SECTIONS.items():
                held = [f for f in self.figures if f.section == section and f.what == what]
                if held:
                    found.append((f"{words}: {word}", held))
        return found

    def table(self) -> pd.DataFrame:
        """One row a figure: section, covers, what, recorded, modelled, difference, share, within,
        reasons, source."""
        return pd.DataFrame(
            [
                (
                    SECTIONS[f.section], f.label, f.what, f.recorded, f.modelled, f.difference,
                    f.share, "yes" if f.within else "no", " ".join(f.reasons), f.source,
                )
                for f in self.figures
            ],
            columns=["section", "covers", "what", "recorded", "modelled", "difference", "share",
                     "within", "reasons", "source"],
        )  # fmt: skip


def compare(today: Today, tables: Tables, phases: Sequence[str], base_year: int,
            estimates: Sequence[str], problems: Problems) -> Baseline:  # fmt: skip
    """Compare the base year with what is recorded.

    Args:
        today: the modelled base year.
        tables: gives ``recorded``; without rows there is nothing to compare, and the notes say so.
        phases: names of the phases in the planning model, in the order of age.
        base_year: academic year of children today.
        estimates: what was estimated on the way to the tables as used, in sentences.
        problems: takes an error for each phase that the planning model does not have.

    Raises:
        InputError: when a recorded phase is not known.
    """
    recorded = tables.recorded
    for row in recorded[~recorded["phase"].isin(["", *phases])].to_dict("records"):
        problems.error(
            f"is no phase of the planning model{near(row['phase'], phases)}",
            f"use one of: {', '.join(phases)}.",
            file=tables.file("recorded"), row=row["_row"], column="phase", value=row["phase"],
        )  # fmt: skip
    problems.raise_if_any()
    figures = [
        figure
        for row in recorded.to_dict("records")
        for figure in _figures({str(key): value for key, value in row.items()}, today)
    ]
    figures += _ledger_sums(figures)
    order = list(SECTIONS)
    figures.sort(key=lambda f: (order.index(f.section), f.what, _place(f, phases)))
    explain = _Explanations(today, figures, estimates)
    told = [
        Figure(f.section, f.label, f.what, f.recorded, f.modelled, explain.reasons(f), f.source,
               f.covers)
        for f in figures
    ]  # fmt: skip
    return Baseline(tuple(told), tuple(explain.notes(base_year)), today, base_year)


def _place(figure: Figure, phases: Sequence[str]) -> tuple[Any, ...]:
    kinds, needs, phase, ledger = figure.covers
    kind_order, need_order, ledger_order = [*KINDS, NOT_RECORDED], list(NEEDS), list(LEDGERS)
    if figure.section == "ledger":
        return (ledger_order.index(ledger),)
    return (
        [kind_order.index(kind) for kind in kinds],
        [need_order.index(need) for need in needs],
        list(phases).index(phase) if phase else -1,
        ledger_order.index(ledger) if ledger else -1,
    )


def _figures(row: dict[str, Any], today: Today) -> list[Figure]:
    """The figures of one recorded row: children, pounds or both."""
    kinds = tuple(k for k in (*KINDS, NOT_RECORDED) if k in row["kinds"])
    needs = tuple(n for n in NEEDS if n in row["needs"])
    needs = () if len(needs) == len(NEEDS) else needs
    phase, ledger = str(row["phase"]), str(row["ledger"])
    covers = (kinds, needs, phase, ledger)
    given = [name for name, value in zip(("kind", "need", "phase"), covers, strict=False) if value]
    section = "mixed" if len(given) > 1 else given[0] if given else "ledger" if ledger else "all"
    words = [
        " and ".join(KINDS.get(k, "Placement not recorded") for k in kinds),
        " and ".join(NEEDS[n] for n in needs),
        phase,
        LEDGERS.get(ledger, ""),
    ]
    label = ", ".join(w for w in words if w)
    result = []
    for what in ("children", "pounds"):
        if pd.notna(row[what]):
            modelled = _modelled(today, what, covers)
            name = label or ("Every child" if what == "children" else "All spend")
            result.append(
                Figure(section, name, what, float(row[what]), modelled, (), str(row["source"]),
                       covers)
            )  # fmt: skip
    return result


def _ledger_sums(figures: Sequence[Figure]) -> list[Figure]:
    """Spend by ledger added up from that by kind, where no row gives it; no kind twice."""
    found = []
    for ledger, words in LEDGERS.items():
        if any(f.covers == ((), (), "", ledger) for f in figures):
            continue
        parts = [
            f for f in figures
            if f.what == "pounds" and f.covers[0] and f.covers[1:] == ((), "", ledger)
        ]  # fmt: skip
        kinds = [kind for part in parts for kind in part.covers[0]]
        if len(parts) > 1 and len(set(kinds)) == len(kinds):
            found.append(
                Figure("ledger", f"{words}, the kinds above together", "pounds",
                       sum(p.recorded for p in parts), sum(p.modelled for p in parts), (), "",
                       (tuple(kinds), (), "", ledger))
            )  # fmt: skip
    return found


def _chosen(frame: pd.DataFrame, covers: tuple[Any, ...]) -> pd.DataFrame:
    kinds, needs, phase, ledger = covers
    use = np.ones(len(frame), dtype=bool)
    for column, wanted in (("kind", kinds), ("need", needs)):
        if wanted:
            use &= frame[column].isin(wanted).to_numpy()
    if phase:
        use &= (frame["phase"] == phase).to_numpy()
    if ledger and "ledger" in frame:
        use &= (frame["ledger"] == ledger).to_numpy()
    return frame[use]


def _modelled(today: Today, what: str, covers: tuple[Any, ...]) -> float:
    frame = today.children if what == "children" else today.spend
    return float(_chosen(frame, covers)[what].sum())


# ------------------------------------------------------------------ why


def children(number: float) -> str:
    """Children in a sentence; whole where they are whole."""
    text = f"{number:,.0f}" if abs(number - round(number)) < 0.05 else f"{number:,.1f}"
    return f"{text} {'child' if text == '1' else 'children'}"


def pounds(amount: float) -> str:
    """Money in a sentence: ``£1.23 million``, ``£45,678``."""
    size, sign = abs(amount), "-" if amount < 0 else ""
    if size >= 999_500:
        return f"{sign}£{size / 1e6:,.2f} million"
    return f"{sign}£{size:,.0f}"


def _names(items: Sequence[str]) -> str:
    shown = list(items[:_NAMED])
    more = len(items) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


class _Explanations:
    """What is known about where differences come from."""

    def __init__(self, today: Today, figures: Sequence[Figure], estimates: Sequence[str]) -> None:
        self.today = today
        self.figures = figures
        self.estimates = estimates
        frame = today.provisions
        limited = frame["places"].notna()
        taken = frame["children"] + frame["others"]
        self.over = frame.assign(by=(taken - frame["places"]).where(limited, 0.0))
        self.unknown = sum(
            f.recorded for f in figures
            if f.covers[0] == (NOT_RECORDED,) and f.what == "children" and not any(f.covers[1:])
        )  # fmt: skip

    def reasons(self, figure: Figure) -> tuple[str, ...]:
        """Why a figure is missed; nothing where it is not."""
        if figure.within:
            return ()
        found = (self._of_children if figure.what == "children" else self._of_pounds)(figure)
        if not found:
            found = [
                "No cause is seen in the tables: check the recorded figure, its date and what it "
                "covers."
            ]
        return tuple(found)

    # ---------------------------------------------------------------- children

    def _of_children(self, figure: Figure) -> list[str]:
        kinds, needs, phase, _ = figure.covers
        off = figure.difference
        if kinds == (NOT_RECORDED,):
            over = [f for f in self._of_kinds() if f.difference >= LEAST_CHILDREN]
            where = f" They stand under {_names([f.label for f in over])}." if over else ""
            return [
                f"The return names no provision for {children(figure.recorded)}; in the tables "
                f"every child stands in some provision, so this number cannot be reached.{where}"
            ]
        found: list[str] = []
        if kinds and off > 0 and self.unknown and not needs and not phase:
            found.append(
                f"{children(self.unknown)} {'has' if self.unknown == 1 else 'have'} no provision "
                "in the record and must stand "
                f"somewhere in the tables: they may be {min(off, self.unknown):,.0f} of the "
                f"{off:,.0f} too many here."
            )
        if kinds and not needs and not phase:
            for other in self._of_kinds():
                if other.covers == figure.covers or other.difference * off >= 0:
                    continue
                if abs(other.difference + off) <= max(1.0, 0.1 * abs(off)):
                    found.append(
                        f"About as many are too {'few' if off > 0 else 'many'} under "
                        f"{other.label}: check the kind of the provisions of both."
                    )
            found += self._placeholders(kinds)
            held = self.today.provisions[self.today.provisions["kind"].isin(kinds)]
            names = " or ".join(KINDS[k] for k in kinds)
            if held.empty and off < 0:
                found.append(f"The table provisions has no row of the kind {names}.")
            elif off < 0 and figure.modelled == 0:
                found.append(f"children_today has no row for a provision of the kind {names}.")
            elif not found:
                largest = held.sort_values(["children", "provision"], ascending=[False, True])
                listed = [
                    f"{name} ({number:,.0f})"
                    for name, number in zip(largest["name"], largest["children"], strict=True)
                    if number > 0
                ]
                found.append(f"The tables hold children of this kind in {_names(listed)}.")
        elif not kinds and not needs and not phase:
            word = "fewer" if off < 0 else "more"
            found.append(
                f"children_today holds {children(abs(off))} {word} than are recorded: "
                + ("children whose provision, need or area is not known have no row in it."
                   if off < 0 else "look for children who are counted twice, or whose plan ended.")
            )  # fmt: skip
        elif needs and not kinds and not phase and off > 0 and "OTH" in needs:
            found.append(
                "Children whose need is not recorded, or whose need code is newer than the record "
                "(Down syndrome, DS), stand under Other in many tables."
            )
        elif phase and not kinds and not needs:
            others = [f for f in self.figures if f.section == "phase" and f.what == "children"
                      and f.difference * off < 0]  # fmt: skip
            if others:
                found.append(
                    f"The opposite holds for {_names([f.label for f in others])}: records count "
                    "age, tables count year groups; children taught out of their year, and ages "
                    "on another date, move between phases."
                )
        return found

    def _of_kinds(self) -> list[Figure]:
        return [
            f for f in self.figures
            if f.section == "kind" and f.what == "children" and f.covers[0] != (NOT_RECORDED,)
        ]  # fmt: skip

    def _placeholders(self, kinds: Sequence[str]) -> list[str]:
        frame = self.today.provisions
        frame = frame[frame["kind"].isin(kinds) & (frame["children"] > 0)]
        text = frame["name"].str.casefold() + " " + frame["provision"].str.replace("-", " ")
        vague = frame[text.str.contains(_UNKNOWN_WORDS, regex=True)]
        return [
            f"{children(row['children'])} stand in {row['name']}, which counts as "
            f"{KINDS[row['kind']]}."
            for row in vague.to_dict("records")
        ]

    # ---------------------------------------------------------------- pounds

    def _of_pounds(self, figure: Figure) -> list[str]:
        kinds, needs, phase, ledger = figure.covers
        held = _chosen(self.today.children, (kinds, needs, phase, ""))
        number = float(held["children"].sum())
        found: list[str] = []
        same = [
            f for f in self.figures if f.what == "children" and f.covers[:3] == figure.covers[:3]
        ]
        for other in same:
            if abs(other.difference) >= LEAST_CHILDREN and number:
                each = figure.modelled / number
                found.append(
                    f"{children(abs(other.difference))} "
                    f"{'more' if other.difference > 0 else 'fewer'} than recorded, at "
                    f"{pounds(each)} each, make {pounds(other.difference * each)}."
                )
        if needs or phase:
            frame = _chosen(self.today.spend, (kinds, (), "", ledger))
            shared = float(frame.loc[frame["line"].isin(PLACE_LINES), "pounds"].sum())
            if abs(shared) >= LEAST_POUNDS:
                found.append(
                    f"Place funding less other authorities' charges ({pounds(shared)}) belongs to "
                    "places and is shared among no needs or phases."
                )
        if ledger != "general_fund":
            found += self._unpriced(figure, held, number)
            found += self._places(kinds, figure)
        if ledger != "dsg":
            found += self._journeys(held, number)
        return found

    def _unpriced(self, figure: Figure, held: pd.DataFrame, number: float) -> list[str]:
        unpriced = held[held["unpriced"] > 0]
        count = float(unpriced["unpriced"].sum())
        if count < LEAST_CHILDREN:
            return []
        spend = _chosen(self.today.spend, figure.covers)
        spend = spend[spend["line"].isin(["fees", "top_up"])]
        at = spend["provision"].isin(unpriced["provision"])
        now = float(spend.loc[at, "pounds"].sum())
        names = dict(
            zip(self.today.provisions["provision"], self.today.provisions["name"], strict=True)
        )
        largest = unpriced.groupby("provision")["unpriced"].sum().sort_values(ascending=False)
        text = (
            f"{children(count)} of {number:,.0f} are in provision without a fee or top-up of its "
            f"own ({_names([names[p] for p in largest.index])}): the planning model's price makes "
            f"{pounds(now / count)} a child"
        )
        needed = (now - figure.difference) / count
        text += f"; {pounds(needed)} would reach the record." if needed > 0 else "."
        return [text]

    def _places(self, kinds: Sequence[str], figure: Figure) -> list[str]:
        frame = self.over
        frame = frame[frame["inside"] & frame["places"].notna()]
        if kinds:
            frame = frame[frame["kind"].isin(kinds)]
        price = frame["kind"].map(self.today.place_funding).to_numpy(float)
        found = []
        beyond = frame[(frame["by"] >= LEAST_CHILDREN) & (price > 0)]
        if len(beyond) and figure.difference < 0:
            missing = float((beyond["by"] * beyond["kind"].map(self.today.place_funding)).sum())
            found.append(
                f"{children(float(beyond['by'].sum()))} are above the commissioned places of "
                f"{_names(list(beyond['name']))}: no place funding is modelled for them "
                f"({pounds(missing)})."
            )
        empty = frame[(frame["by"] <= -LEAST_CHILDREN) & (price > 0)]
        if len(empty) and figure.difference > 0:
            spare = float((-empty["by"] * empty["kind"].map(self.today.place_funding)).sum())
            found.append(
                f"{-float(empty['by'].sum()):,.0f} commissioned places are empty and funded "
                f"({pounds(spare)}), most at {_names(list(empty.sort_values('by')['name']))}."
            )
        return found

    def _journeys(self, held: pd.DataFrame, number: float) -> list[str]:
        estimated = float(held["estimated"].sum())
        if estimated < LEAST_CHILDREN:
            return []
        return [
            f"The journeys of {children(estimated)} of {number:,.0f} are estimated from straight "
            "lines: measure them with 'sufficiency travel matrix'."
        ]

    # ---------------------------------------------------------------- what it rests on

    def notes(self, base_year: int) -> list[str]:
        """What the modelled figures rest on."""
        held, spend, frame = self.today.children, self.today.spend, self.today.provisions
        total, money = float(held["children"].sum()), float(spend["pounds"].sum())
        notes = [
            f"The tables place {children(total)} in {(frame['children'] > 0).sum():,} provisions; "
            f"a full year costs {pounds(money)} at the planning model's prices and the tables'."
        ]
        spent = [f for f in self.figures if f.what == "pounds"]
        if not self.figures:
            notes.append("Nothing is recorded: add the table recorded, and compare.")
        elif not spent:
            notes.append(
                f"No spend is recorded, so that the modelled {pounds(money)} stand unchecked: add "
                "pounds by kind and ledger to the table recorded."
            )
        else:
            notes.append(
                f"Recorded spend is that of {financial_year_label(base_year)}: five months of it "
                "belong to the academic year before, when there were fewer children and lower "
                "prices."
            )
        counted = {
            kind
            for f in self.figures
            if f.what == "children" and not any(f.covers[1:3])
            for kind in f.covers[0]
        }
        if counted:
            now = held.groupby("kind")["children"].sum()
            absent = [
                f"{words} ({now[kind]:,.0f})"
                for kind, words in KINDS.items()
                if kind in now.index and kind not in counted and now[kind] > 0
            ]
            if absent:
                notes.append(f"Not recorded, but in the tables: {', '.join(absent)}.")
        if self.unknown:
            notes.append(
                f"The record names no provision for {children(self.unknown)}; the tables place "
                "them all the same."
            )
        by_kind = held.groupby("kind")[["children", "unpriced"]].sum()
        missing = [
            f"{KINDS[str(kind)]} ({row['unpriced']:,.0f} of {row['children']:,.0f} children)"
            for kind, row in by_kind.reindex(list(BOUGHT)).dropna().iterrows()
            if row["unpriced"] >= LEAST_CHILDREN
        ]
        if missing:
            notes.append(
                "Without a fee or top-up of their own, so that the planning model's price stands "
                f"in: {', '.join(missing)}."
            )
        over = self.over[self.over["by"] >= LEAST_CHILDREN].sort_values(
            ["by", "provision"], ascending=[False, True]
        )
        if len(over):
            listed = [f"{n} (by {b:,.0f})" for n, b in zip(over["name"], over["by"], strict=True)]
            notes.append(f"More children than commissioned places: {_names(listed)}.")
        small = frame[frame["physical_capacity"] + 0.5 < frame["on_roll"]]
        if len(small):
            listed = [
                f"{row['name']} ({row['on_roll']:,.0f} on roll, {row['physical_capacity']:,.0f} "
                "places)" for row in small.to_dict("records")
            ]  # fmt: skip
            notes.append(f"Capacity on the register is below the roll: {_names(listed)}.")
        notes += self._rolls()
        estimated = float(held["estimated"].sum())
        if estimated >= LEAST_CHILDREN:
            notes.append(
                f"The journeys of {children(estimated)} are estimated from straight lines."
            )
        notes += [sentence for sentence in self.estimates if "tier" in sentence]
        return notes

    def _rolls(self) -> list[str]:
        """Rolls of the authority's own special schools, which count every authority's children."""
        frame = self.today.provisions
        local = frame[
            (frame["kind"] == "state_special") & frame["inside"] & frame["on_roll"].notna()
        ]
        if local.empty:
            return []
        roll, own, others = (float(local[c].sum()) for c in ("on_roll", "children", "others"))
        text = (
            f"The authority's own special schools have {roll:,.0f} on roll; the tables place "
            f"{own:,.0f} children of this authority there and {others:,.0f} of others."
        )
        gap = roll - own - others
        if abs(gap) >= max(LEAST_CHILDREN, TOLERANCE * roll):
            text += (
                f" {abs(gap):,.0f} {'are missing' if gap > 0 else 'are too many'}: pupils without "
                "a plan, rolls of another date, or children of other authorities not entered in "
                "commissioned_places."
            )
        return [text]
