"""From the records of a SEN2 return to one row a child, in memory: plans, placements, needs, homes.

Nothing here is written or shown; :mod:`sufficiency.imports.sen2` adds it up.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from sufficiency.imports.blade import MODULES, SEN_SETTINGS, Return, account_for
from sufficiency.imports.postcodes import Postcodes, postcode_key
from sufficiency.imports.quality import Quality
from sufficiency.vocabulary import HIGHEST_YEAR_GROUP, LOWEST_YEAR_GROUP, NEEDS

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

_UPN: Final = r"[A-Z]\d{11}[0-9A-Z]"
_UPN_LETTERS: Final = "ABCDEFGHJKLMNPQRTUVWXYZ"
_LAST_RANK: Final = 99


def check_letter(upn: str) -> str:
    """The first letter that a UPN of sound form must have.

    The digits are weighted 2 to 13; a letter at the end (a temporary number) counts by its place
    in the alphabet of 23 letters. Source: DfE, unique pupil numbers, a guide.
    """
    total = 0
    for weight, character in enumerate(upn[1:], start=2):
        value = int(character) if character.isdigit() else _UPN_LETTERS.find(character)
        total += weight * value
    return _UPN_LETTERS[total % 23]


def year_group_on(birth: pd.Series[pd.Timestamp], census: datetime.date) -> pd.Series[float]:
    """Year group from the age on 31 August before the census; NaN where there is no date."""
    start = census.year - (census.month < 9)
    turned = birth.dt.year + (birth.dt.month >= 9)
    group: pd.Series[float] = (start - turned - 4).astype(float)
    return group


@dataclass(repr=False)
class Counted:
    """One row a child with an open plan.

    Attributes:
        children: person, request, active, placement (positions; -1 = none), need, year_group; of
            the placement urn, ukprn ("" where malformed), setting, established (a URN or UKPRN is
            given, sound or not), base ("", "unit" or "rp") and residential.
        facts: totals found on the way.
    """

    children: pd.DataFrame
    facts: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<{len(self.children)} children; records not shown>"


class Counting:
    """Follows the records of a return and notes what is doubtful."""

    def __init__(self, returned: Return, census: datetime.date, quality: Quality) -> None:
        self.frames = returned.frames
        self.returned = returned
        self.census = pd.Timestamp(census)
        self.day = census
        self.quality = quality
        person = self.frames["person"]
        upn = person["upn"].str.upper()
        self.upn = upn
        self.who = np.where(
            upn.ne(""), "upn:" + upn.to_numpy(dtype=object), "id:" + person["key"].to_numpy(object)
        )
        self.up: dict[str, IntArray] = {}
        self.repeated: dict[str, BoolArray] = {}
        for name in MODULES:
            self._link(name)

    # ------------------------------------------------------------------ links

    def _link(self, name: str) -> None:
        """Position of each row's parent, -1 where there is none."""
        frame = self.frames[name]
        self.repeated[name] = (frame["key"].duplicated() & frame["key"].ne("")).to_numpy(dtype=bool)
        parent = MODULES[name].parent
        if not parent:
            self.up[name] = np.full(len(frame), -1, dtype=np.int64)
            return
        above = self.frames[parent]
        first = above[~above["key"].duplicated() & above["key"].ne("")]
        position = pd.Series(first.index.to_numpy(), index=first["key"])
        found = frame["parent"].map(position)
        self.up[name] = found.fillna(-1).to_numpy(dtype=np.int64)

    def above(self, name: str, ancestor: str) -> IntArray:
        """Position of each row's ancestor, -1 where a link is broken."""
        at = np.arange(len(self.frames[name]))
        module = name
        while module != ancestor:
            if not MODULES[module].parent:
                return np.full(len(at), -1, dtype=np.int64)
            step = np.append(self.up[module], -1)
            at = step[at]
            module = MODULES[module].parent
        return at

    def person_of(self, name: str) -> npt.NDArray[np.object_]:
        """Who each row is about; "" where nobody knows."""
        at = self.above(name, "person")
        return np.append(self.who.astype(object), "")[at]

    def note(self, check: str, module: str, found: Any) -> None:
        """Note rows that a check found."""
        self.quality.add(check, module, self.frames[module], found, self.person_of(module))

    # ------------------------------------------------------------------ checks of rows

    def check_rows(self) -> None:
        """Checks that need no more than rows and their links."""
        for name in MODULES:
            self.note("identifier repeated", name, self.repeated[name])
        for (module, column), wrong in self.returned.unreadable.items():
            check = "date of birth unreadable" if column == "personbirthdate" else "date unreadable"
            self.note(check, module, wrong)
        for check, module in (
            ("request of nobody", "requests"),
            ("assessment of nothing", "assessment"),
            ("named plan of nothing", "namedplan"),
            ("named placement of nothing", "plandetail"),
            ("active plan of nothing", "activeplans"),
            ("placement of nothing", "placementdetail"),
            ("need of nothing", "senneed"),
        ):
            self.note(check, module, self.up[module] < 0)
        self._check_persons()
        self._check_plans()
        self._check_placements()

    def _check_persons(self) -> None:
        person, upn = self.frames["person"], self.upn
        nameless = upn.eq("") & person["uniquelearnernumber"].eq("")
        self.note("UPN missing without a reason", "person", nameless & person["upnunknown"].eq(""))
        self.note("UPN unknown with a reason", "person", nameless & person["upnunknown"].ne(""))
        sound = upn.str.fullmatch(_UPN).to_numpy(dtype=bool)
        self.note("UPN malformed", "person", upn.ne("").to_numpy() & ~sound)
        wrong = [bool(ok) and text[0] != check_letter(text)
                 for ok, text in zip(sound, upn, strict=True)]  # fmt: skip
        self.note("UPN check letter wrong", "person", wrong)
        born = person["personbirthdate"]
        blank = born.isna() & ~self.returned.unreadable["person", "personbirthdate"]
        self.note("date of birth missing", "person", blank)
        self.note("date of birth in the future", "person", (born > self.census).to_numpy())
        old = year_group_on(born, self.day) > HIGHEST_YEAR_GROUP
        self.note("outside the ages of a plan", "person", old.to_numpy())
        if "sex" in self.returned.present["person"]:
            bad = ~person["sex"].str.upper().isin(("F", "M"))
            self.note("sex missing or not F or M", "person", bad)
        else:
            self.quality.not_run["sex missing or not F or M"] = "the column is not in the export"
        asked = set(self.up["requests"].tolist())
        alone = ~np.isin(np.arange(len(person)), list(asked))
        self.note("person without a request", "person", alone)
        shared = upn.ne("") & upn.duplicated(keep=False)
        twice = shared & person.assign(upn=upn).duplicated(["upn", "personbirthdate"])
        self.note("child entered twice", "person", twice)
        births = person["personbirthdate"].groupby(upn.to_numpy()).transform("nunique")
        self.note("UPN of two children", "person", shared & (births > 1))

    def _check_plans(self) -> None:
        request = self.frames["requests"]
        self.note(
            "request decided before it was received", "requests",
            (request["requestoutcomedate"] < request["receiveddate"]).to_numpy(),
        )  # fmt: skip
        late = self.frames["assessment"]["assessmentoutcomedate"] > self.census
        self.note("assessment decided after the census date", "assessment", late.to_numpy())
        plan = self.frames["namedplan"]
        started, ceased = plan["startdate"], plan["ceasedate"]
        self.note("plan without a start date", "namedplan", started.isna())
        self.note("plan ceased before it started", "namedplan", (ceased < started).to_numpy())
        self.note("plan starts after the census date", "namedplan", started > self.census)
        reason = plan["ceasereason"].ne("")
        self.note("cease date without a reason", "namedplan", ceased.notna() & ~reason)
        self.note("cease reason without a date", "namedplan", ceased.isna() & reason)
        active = self.frames["activeplans"]
        of = self.up["activeplans"]
        several = pd.Series(of).duplicated() & (of >= 0)
        self.note("several active plans of one request", "activeplans", several)
        if "lastreview" in self.returned.present["activeplans"]:
            overdue = active["lastreview"] < self.census - pd.DateOffset(years=1)
            self.note("review overdue", "activeplans", overdue.to_numpy())
        else:
            self.quality.not_run["review overdue"] = "the column is not in the export"

    def _check_placements(self) -> None:
        placed = self.frames["placementdetail"]
        rank = _rank(placed["placementrank"])
        self.note("rank missing or wrong", "placementdetail", rank == _LAST_RANK)
        entered, left = placed["entrydate"], placed["leavingdate"]
        self.note("entry date missing", "placementdetail", entered.isna())
        self.note("left before entry", "placementdetail", (left < entered).to_numpy())
        urn, ukprn, setting = placed["urn"], placed["ukprn"], placed["sensetting"].str.upper()
        nothing = urn.eq("") & ukprn.eq("") & setting.eq("")
        self.note("no establishment", "placementdetail", nothing)
        self.note("URN malformed", "placementdetail", urn.ne("") & ~urn.str.fullmatch(r"\d{6}"))
        bad = ukprn.ne("") & ~ukprn.str.fullmatch(r"1\d{7}")
        self.note("UKPRN malformed", "placementdetail", bad)
        both = (urn.ne("") | ukprn.ne("")) & setting.ne("")
        self.note("URN and setting code", "placementdetail", both)
        strange = setting.ne("") & ~setting.isin(list(SEN_SETTINGS))
        self.note("setting code unknown", "placementdetail", strange)
        unit, base = placed["senunitindicator"], placed["resourcedprovisionindicator"]
        self.note("both base flags", "placementdetail", unit.eq("yes") & base.eq("yes"))
        given = urn.ne("") | ukprn.ne("")
        unsaid = given & ~unit.isin(("yes", "no")) & ~base.isin(("yes", "no"))
        self.note("base flags not given", "placementdetail", unsaid)
        module = (
            "placementdetail"
            if "res" in self.returned.present["placementdetail"]
            else "activeplans"
        )
        code = self.frames[module]["res"].str.upper()
        self.note("residential code unknown", module, ~code.isin(("", "A", "B", "N")))

    # ------------------------------------------------------------------ children

    def children(self) -> Counted:
        """One row for each child with an open plan; closes the accounts of all modules."""
        frames = self.frames
        plan, active = frames["namedplan"], frames["activeplans"]
        size = len(frames["requests"])
        asked = self.above("namedplan", "requests")
        open_plan = ~(plan["startdate"] > self.census) & ~(plan["ceasedate"] < self.census)
        sound = (asked >= 0) & ~self.repeated["namedplan"]
        has_named = _marked(asked[sound], size)
        is_open = sound & open_plan.to_numpy(dtype=bool)
        has_open = _marked(asked[is_open], size)
        has_ceased = _marked(asked[sound & (plan["ceasedate"] < self.census).to_numpy()], size)
        start = np.full(size, -np.inf)
        when = plan["startdate"].fillna(pd.Timestamp(1990, 1, 1)).to_numpy("datetime64[D]")
        np.maximum.at(start, asked[is_open], when[is_open].astype(float))
        of_request = np.where(self.repeated["activeplans"], -1, self.up["activeplans"])
        has_active = _marked(of_request[of_request >= 0], size)
        placement, active_open = self._placements(of_request)
        at_request = np.append(has_named, True)[of_request]
        self.note("active plan without a named plan", "activeplans", ~at_request)
        self.note("plan ceased but active", "activeplans",
                  (np.append(has_ceased & ~has_open, False)[of_request]))  # fmt: skip
        without = is_open & ~np.append(has_active, True)[asked]
        self.note("open plan without an active plan", "namedplan", without)
        candidate = has_open | (has_active & ~has_named)
        candidate &= ~self.repeated["requests"]
        # The active plan of a request: the one with an open placement, else the first.
        active_of = np.full(size, -1, dtype=np.int64)
        order = np.lexsort((np.arange(len(active)), placement < 0))
        for at in order.tolist():
            if of_request[at] >= 0 and active_of[of_request[at]] < 0:
                active_of[of_request[at]] = at
        placed_of = np.append(placement, -1)[active_of]
        person_of = np.where(self.repeated["person"][self.up["requests"]], -1, self.up["requests"])
        child = self._same_child()
        chosen, several = self._choose(candidate, person_of, child, placed_of, active_of, start)
        self.note("several open plans", "requests", several)
        self._check_counts(active_open, has_open | (has_active & ~has_named))
        table = pd.DataFrame(
            {
                "request": chosen,
                "person": person_of[chosen],
                "active": active_of[chosen],
                "placement": placed_of[chosen],
            }
        )
        born = frames["person"]["personbirthdate"].to_numpy()[table["person"]]
        table["year_group"] = year_group_on(pd.Series(born), self.day).to_numpy()
        aged = table["year_group"].notna() & (pd.Series(born) <= self.census)
        aged &= table["year_group"].between(LOWEST_YEAR_GROUP, HIGHEST_YEAR_GROUP)
        counted = table[aged].reset_index(drop=True).astype({"year_group": "int64"})
        unplaced = counted.loc[counted["placement"] < 0, "active"].to_numpy(dtype=np.int64)
        self.note(
            "no placement on the census date", "activeplans",
            _marked(unplaced[unplaced >= 0], len(active)),
        )  # fmt: skip
        need, need_row = self._needs(counted["active"].to_numpy(dtype=np.int64))
        counted["need"] = need
        self._take_placement(counted)
        self._close_accounts(counted, table, candidate, several, need_row, is_open, asked, child)
        facts = {
            "open plans": len(table),
            "plans": int(has_open.sum()),
            "residential": int(counted["residential"].isin(("A", "B")).sum()),
            "residential A": int(counted["residential"].eq("A").sum()),
            "residential B": int(counted["residential"].eq("B").sum()),
            "no placement": int((counted["placement"] < 0).sum()),
        }
        return Counted(counted, facts)

    def _placements(self, of_request: IntArray) -> tuple[IntArray, IntArray]:
        """For each active plan its placement (-1: none); which placements are open of rank 1."""
        placed = self.frames["placementdetail"]
        of = np.where(self.repeated["placementdetail"], -1, self.up["placementdetail"])
        rank = _rank(placed["placementrank"])
        is_open = ~(placed["entrydate"] > self.census) & ~(placed["leavingdate"] < self.census)
        is_open &= of >= 0
        entered = placed["entrydate"].fillna(pd.Timestamp(1900, 1, 1)).to_numpy("datetime64[D]")
        order = np.lexsort((np.arange(len(placed)), -entered.astype(float), rank, of))
        order = order[is_open.to_numpy(dtype=bool)[order]]
        first = ~pd.Series(of[order]).duplicated().to_numpy()
        result = np.full(len(self.frames["activeplans"]), -1, dtype=np.int64)
        result[of[order][first]] = order[first]
        of_rank_1 = order[rank[order] == 1]
        repeated = pd.Series(of[of_rank_1]).duplicated().to_numpy()
        mask = np.zeros(len(placed), dtype=bool)
        mask[of_rank_1[repeated]] = True
        self.note("several placements of rank 1", "placementdetail", mask)
        mask = np.zeros(len(placed), dtype=bool)
        chosen = result[result >= 0]
        mask[chosen[rank[chosen] > 1]] = True
        self.note("only a placement of rank 2", "placementdetail",
                  mask & (rank != _LAST_RANK))  # fmt: skip
        return result, of_rank_1

    def _check_counts(self, of_rank_1: IntArray, with_plan: BoolArray) -> None:
        """Placements of rank 1 beyond one for each request that has an open plan."""
        asked = self.above("placementdetail", "requests")[of_rank_1]
        inside = np.append(with_plan, False)[asked]
        second = pd.Series(asked).duplicated().to_numpy() | ~inside
        mask = np.zeros(len(self.frames["placementdetail"]), dtype=bool)
        mask[of_rank_1[second]] = True
        self.note("more placements than plans", "placementdetail", mask)

    def _same_child(self) -> IntArray:
        """For each person the first person of the same UPN and date of birth."""
        person = self.frames["person"].assign(upn=self.upn)
        first = np.arange(len(person))
        known = person["upn"].ne("") & person["personbirthdate"].notna()
        groups = person[known].groupby(["upn", "personbirthdate"]).ngroup().to_numpy()
        at = np.flatnonzero(known.to_numpy())
        lowest = np.full(int(groups.max(initial=-1)) + 1, len(person))
        np.minimum.at(lowest, groups, at)
        first[at] = lowest[groups]
        return first

    def _choose(
        self, candidate: BoolArray, person_of: IntArray, child: IntArray, placed: IntArray,
        active: IntArray, start: npt.NDArray[np.float64],
    ) -> tuple[IntArray, BoolArray]:  # fmt: skip
        """The request that counts for each child; and those whose open plan does not count."""
        usable = candidate & (person_of >= 0)
        of = np.where(usable, np.append(child, -1)[person_of], -1)
        at = np.flatnonzero(usable)
        order = at[np.lexsort((at, -start[at], active[at] < 0, placed[at] < 0, of[at]))]
        first = ~pd.Series(of[order]).duplicated().to_numpy()
        several = np.zeros(len(candidate), dtype=bool)
        several[order[~first]] = True
        # Two records of one child are a check of their own.
        own = pd.Series(person_of[order]).duplicated().to_numpy()
        shown = np.zeros(len(candidate), dtype=bool)
        shown[order[~first & own]] = True
        self._merged_requests = several
        return np.sort(order[first]), shown

    def _needs(self, active: IntArray) -> tuple[list[str], IntArray]:
        """Primary need of each child, and the row that gives it (-1: none)."""
        needs = self.frames["senneed"]
        of = np.where(self.repeated["senneed"], -1, self.up["senneed"])
        rank = _rank(needs["sentyperank"])
        order = np.lexsort((np.arange(len(needs)), rank, of))
        order = order[of[order] >= 0]
        first = ~pd.Series(of[order]).duplicated().to_numpy()
        row_of = np.full(len(self.frames["activeplans"]) + 1, -1, dtype=np.int64)
        row_of[of[order][first]] = order[first]
        rows = row_of[active]
        code = needs["sentype"].str.upper().to_numpy(dtype=object)
        known = np.isin(code.astype(str), list(NEEDS)) if len(code) else np.zeros(0, dtype=bool)
        found = [str(code[r]) if r >= 0 and known[r] else "OTH" for r in rows.tolist()]
        valid = active[active >= 0]
        mask = np.zeros(len(self.frames["activeplans"]), dtype=bool)
        mask[valid[row_of[valid] < 0]] = True
        self.note("need missing", "activeplans", mask)
        wrong = np.zeros(len(needs), dtype=bool)
        wrong[[r for r in rows.tolist() if r >= 0 and not known[r]]] = True
        self.note("need code unknown", "senneed", wrong)
        ones = np.bincount(of[(rank == 1) & (of >= 0)], minlength=len(mask))
        any_need = np.bincount(of[of >= 0], minlength=len(mask)) > 0
        self.note("no need of rank 1", "activeplans", any_need & (ones == 0))
        self.note("several needs of rank 1", "activeplans", ones > 1)
        return found, rows

    def _take_placement(self, counted: pd.DataFrame) -> None:
        """Add what the placement says; "" where there is none."""
        placed = self.frames["placementdetail"]
        at = counted["placement"].to_numpy(dtype=np.int64)

        def taken(values: pd.Series[Any], blank: str = "") -> list[str]:
            cells = [*values.to_numpy(dtype=object).tolist(), blank]
            return [str(cells[i]) for i in at.tolist()]

        counted["urn"] = taken(placed["urn"].where(placed["urn"].str.fullmatch(r"\d{6}"), ""))
        counted["ukprn"] = taken(
            placed["ukprn"].where(placed["ukprn"].str.fullmatch(r"1\d{7}"), "")
        )
        counted["setting"] = taken(placed["sensetting"].str.upper())
        given = placed["urn"].ne("") | placed["ukprn"].ne("")
        counted["established"] = [text == "True" for text in taken(given, "False")]
        base = np.where(
            placed["senunitindicator"].eq("yes"), "unit",
            np.where(placed["resourcedprovisionindicator"].eq("yes"), "rp", ""),
        )  # fmt: skip
        counted["base"] = taken(pd.Series(base, dtype="str"))
        if "res" in self.returned.present["placementdetail"]:
            counted["residential"] = taken(placed["res"].str.upper())
        else:
            cells = [*self.frames["activeplans"]["res"].str.upper().tolist(), ""]
            counted["residential"] = [
                str(cells[i]) for i in counted["active"].to_numpy(dtype=np.int64).tolist()
            ]
        self._check_named(counted)

    def _check_named(self, counted: pd.DataFrame) -> None:
        """The establishment attended is one of those named in the plan, where any is named."""
        if "plandetail" in self.returned.optional_missing:
            self.quality.not_run["attended is not named"] = "the module 4b is not in the export"
            self.quality.not_run["named placement of nothing"] = (
                "the module 4b is not in the export"
            )
            return
        detail = self.frames["plandetail"]
        asked = self.above("plandetail", "requests")
        named: dict[int, set[str]] = {}
        for request, urn, ukprn in zip(
            asked.tolist(), detail["urn"].tolist(), detail["ukprn"].tolist(), strict=True
        ):
            if request >= 0:
                named.setdefault(request, set()).update({urn, ukprn} - {""})
        mask = np.zeros(len(self.frames["placementdetail"]), dtype=bool)
        for row in counted.to_dict("records"):
            wanted = named.get(int(row["request"]))
            attended = {str(row["urn"]), str(row["ukprn"])} - {""}
            if wanted and attended and not attended & wanted:
                mask[int(row["placement"])] = True
        self.note("attended is not named", "placementdetail", mask)

    # ------------------------------------------------------------------ accounts

    def _close_accounts(
        self, counted: pd.DataFrame, table: pd.DataFrame, candidate: BoolArray, several: BoolArray,
        need_row: IntArray, is_open: BoolArray, asked: IntArray, child: IntArray,
    ) -> None:  # fmt: skip
        """Say of every row of every module what became of it."""
        frames, accounts = self.frames, self.returned.accounts
        requests = counted["request"].to_numpy(dtype=np.int64)
        is_counted = np.zeros(len(frames["requests"]), dtype=bool)
        is_counted[requests] = True
        merged_request = self._merged_requests
        person = frames["person"]
        used_person = counted["person"].to_numpy(dtype=np.int64)
        has_plan = set(table["person"].to_numpy(dtype=np.int64).tolist())
        born = person["personbirthdate"]
        reason = pd.Series("no plan is open on the census date", index=person.index)
        dated = pd.Series([at in has_plan for at in person.index], index=person.index)
        reason[dated & born.isna()] = "no date of birth that can be read"
        reason[dated & (born > self.census)] = "date of birth after the census date"
        group = year_group_on(born, self.day)
        reason[dated & (group > HIGHEST_YEAR_GROUP)] = "too old for a plan"
        reason[dated & (group < LOWEST_YEAR_GROUP) & (born <= self.census)] = "not of a plan's age"
        counted_child = set(child[used_person].tolist())
        again = [child[at] in counted_child for at in range(len(person))]
        merged = _words(again, "the same child entered twice")
        self._account("person", used_person, reason, merged)
        reason = pd.Series("no plan is open on the census date", index=frames["requests"].index)
        reason[candidate] = "the child is left out (date of birth)"
        reason[self.up["requests"] < 0] = "the person is not in the export"
        merged = _words(merged_request, "another open plan of the same child")
        self._account("requests", requests, reason, merged)
        self._account_below("assessment", is_counted, self.up["assessment"], "the request")
        below = _first_by(asked, is_counted, is_open)
        self._account_below("namedplan", is_counted, asked, "the assessment or request", below)
        detail = self.above("plandetail", "requests")
        reason = pd.Series("names a placement; the placement attended counts",
                           index=frames["plandetail"].index)  # fmt: skip
        reason[detail < 0] = "its plan is not in the export"
        if "plandetail" in accounts:
            self._account("plandetail", [], reason)
        active = counted["active"].to_numpy(dtype=np.int64)
        self._account_below("activeplans", is_counted, self.up["activeplans"], "the request",
                            active[active >= 0])  # fmt: skip
        placement = counted["placement"].to_numpy(dtype=np.int64)
        used_active = np.zeros(len(frames["activeplans"]) + 1, dtype=bool)
        used_active[active[active >= 0]] = True
        for name, rows, words in (
            ("placementdetail", placement, "not open on the census date, or of lower rank"),
            ("senneed", need_row, "a further need of the child"),
        ):
            up = self.up[name]
            reason = pd.Series("of a plan that is not counted", index=frames[name].index)
            reason[used_active[up] & (up >= 0)] = words
            reason[up < 0] = "the active plan is not in the export"
            self._account(name, rows[rows >= 0], reason)
        if "sen2" in accounts:
            reason = pd.Series("a second row about the return", index=frames["sen2"].index)
            self._account("sen2", list(range(min(1, len(reason)))), reason)

    def _account(self, name: str, used: Any, reason: pd.Series[str],
                 merged: pd.Series[str] | None = None) -> None:  # fmt: skip
        reason[self.repeated[name]] = "its identifier stands on an earlier row"
        account_for(
            self.returned.accounts[name], self.frames[name],
            [int(at) for at in used], reason, merged,
        )  # fmt: skip

    def _account_below(
        self, name: str, is_counted: BoolArray, asked: IntArray, what: str, used: Any = None
    ) -> None:
        """Account for a module below the requests: its rows of requests that count are used."""
        inside = np.append(is_counted, False)[asked] & ~self.repeated[name]
        reason = pd.Series("of a plan that is not counted", index=self.frames[name].index)
        reason[asked < 0] = f"{what} is not in the export"
        reason[inside] = "another record of the same plan"
        rows = np.flatnonzero(inside) if used is None else used
        self._account(name, rows, reason)


def _rank(cells: pd.Series[str]) -> IntArray:
    """Ranks 1 to 9; the last of all where it is none."""
    number = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float)
    sound = (number >= 1) & (number <= 9) & (np.floor(number) == number)
    return np.where(sound, np.nan_to_num(number, nan=0.0), _LAST_RANK).astype(np.int64)


def _marked(at: IntArray, size: int) -> BoolArray:
    mask = np.zeros(size, dtype=bool)
    mask[at] = True
    return mask


def _words(found: Any, words: str) -> pd.Series[str]:
    """The words where something was found, else ""."""
    return pd.Series([words if here else "" for here in found], dtype="str")


def _first_by(of: IntArray, wanted: BoolArray, mask: BoolArray) -> IntArray:
    """The first row of ``mask`` for each wanted parent."""
    at = np.flatnonzero(mask & np.append(wanted, False)[of])
    return at[~pd.Series(of[at]).duplicated().to_numpy()]


def find_homes(
    postcode: pd.Series[str], postcodes: Postcodes | None, quality: Quality,
    frame: pd.DataFrame, who: Any, counted: BoolArray,
) -> pd.Series[str]:  # fmt: skip
    """Area of each person's home, "" where it is not known.

    Args:
        postcode: of each person.
        postcodes: joined to the authority's areas; None where no file was given.
        quality: takes the checks of postcodes.
        frame: the person module, for its rows.
        who: who each person is, for the checks.
        counted: whether the person counts; the others are not checked against the file.
    """
    text = postcode.fillna("").astype("str")
    blank = text.str.replace(r"\s+", "", regex=True).eq("").to_numpy(dtype=bool)
    key = postcode_key(text)
    malformed = ~blank & (key < 0)
    quality.add("postcode missing", "person", frame, blank, who)
    quality.add("postcode malformed", "person", frame, malformed, who)
    if postcodes is None:
        why = "no postcode file was given"
        quality.not_run["postcode not in the postcode file"] = why
        quality.not_run["home outside the areas"] = why
        return pd.Series("", index=postcode.index, dtype="str")
    found = postcodes.find(text)
    known = np.isin(key, postcodes.keys)
    quality.add("postcode not in the postcode file", "person", frame,
                counted & (key >= 0) & ~known, who)  # fmt: skip
    outside = counted & known & found["area"].eq("").to_numpy(dtype=bool)
    quality.add("home outside the areas", "person", frame, outside, who)
    area: pd.Series[str] = found["area"]
    return area


def plain_code(text: str) -> str:
    """A code without what spreadsheets add: ``123456.0`` becomes ``123456``."""
    return re.sub(r"\.0+$", "", text.strip())
