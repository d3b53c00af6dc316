"""A fictional SEN2 return as COLLECT exports it, with faults planted on purpose.

    python -m tests.imports.sen2_export FOLDER [--plans 3300] [--version 1.3] [--faults]

Nobody in it exists. Names, identifiers, dates of birth and postcodes are drawn so that a search
for them in anything written finds them if they leak.
"""

from __future__ import annotations

import argparse
import csv
import datetime
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sufficiency.imports.counting import check_letter

CENSUS = datetime.date(2026, 1, 15)
EXPORTED = "12-02-2026"
NEEDS = ("ASD", "SLCN", "SEMH", "MLD", "SLD", "PD", "SPLD", "HI", "PMLD", "OTH", "VI", "MSI", "DS")
NEED_SHARES = (0.32, 0.21, 0.21, 0.1, 0.04, 0.04, 0.02, 0.015, 0.015, 0.01, 0.01, 0.005, 0.005)

COLUMNS: dict[str, list[str]] = {
    "sen2": ["sen2tableid", "NativeId", "sen2orderseqcolumn", "sourceid", "collection", "year",
             "referencedate", "sourcelevel", "lea", "softwarecode", "release", "serialno",
             "datetime", "dmo", "dco"],
    "person": ["persontableid", "NativeId", "personorderseqcolumn", "sourceid", "sen2tableid",
               "surname", "forename", "personbirthdate", "sex", "ethnicity", "postcode", "upn",
               "uniquelearnernumber", "upnunknown"],
    "requests": ["requeststableid", "NativeId", "requestsorderseqcolumn", "sourceid",
                 "persontableid", "receiveddate", "rya", "requestoutcomedate", "requestoutcome",
                 "requestmediation", "requesttribunal", "exported"],
    "assessment": ["assessmenttableid", "NativeId", "assessmentorderseqcolumn", "sourceid",
                   "requeststableid", "assessmentoutcome", "assessmentoutcomedate",
                   "assessmentmediation", "assessmenttribunal", "othermediation",
                   "othertribunal", "week20"],
    "namedplan": ["namedplantableid", "NativeId", "namedplanorderseqcolumn", "sourceid",
                  "assessmenttableid", "startdate", "planres", "planwbp", "pb", "oa", "dp",
                  "ceasedate", "ceasereason"],
    "plandetail": ["plandetailtableid", "NativeId", "plandetailorderseqcolumn", "sourceid",
                   "namedplantableid", "urn", "ukprn", "sensetting", "sensettingother",
                   "placementrank", "senunitindicator", "resourcedprovisionindicator"],
    "activeplans": ["activeplanstableid", "NativeId", "activeplansorderseqcolumn", "sourceid",
                    "requeststableid", "transferla", "reviewmeeting", "reviewoutcome",
                    "lastreview"],
    "placementdetail": ["placementdetailtableid", "NativeId", "placementdetailorderseqcolumn",
                        "sourceid", "activeplanstableid", "res", "wbp", "urn", "ukprn",
                        "sensetting", "sensettingother", "placementrank", "entrydate",
                        "leavingdate", "senunitindicator", "resourcedprovisionindicator"],
    "senneed": ["senneedtableid", "NativeId", "senneedorderseqcolumn", "sourceid",
                "activeplanstableid", "sentype", "sentyperank"],
}  # fmt: skip
"""Columns of version 1.2."""

Row = dict[str, str]


def columns_of(version: str) -> dict[str, list[str]]:
    """The columns of a version of the return."""
    columns = {name: list(names) for name, names in COLUMNS.items()}
    if version in ("1.0", "1.1"):
        person = columns["person"]
        person[person.index("sex")] = "gendercurrent"
        columns["placementdetail"] = [
            "attendancepattern" if c == "wbp" else c
            for c in columns["placementdetail"] if c != "res"
        ]  # fmt: skip
        columns["activeplans"] += ["res", "wbp"]
    if version == "1.3":
        columns["sen2"].append("dsco")
        columns["requests"].append("requestsource")
        columns["activeplans"] += ["reviewdraft", "phasetransferduedate", "phasetransferfinaldate"]
    return columns


@dataclass
class Child:
    """A child of the return, its rows, and where it must be counted (None: nowhere)."""

    number: int
    birth: datetime.date
    year_group: int
    area: str
    need: str
    provision: str
    person: Row
    request: Row
    assessment: Row
    plan: Row
    detail: Row
    active: Row
    placement: Row
    needs: list[Row]
    counted: bool = True
    area_known: bool = True


@dataclass
class Export:
    """The modules, the truth, and the lists that must not leak."""

    modules: dict[str, list[Row]]
    children: list[Child]
    version: str
    planted: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    shared: set[int] = field(default_factory=set)

    def secrets(self) -> set[str]:
        """UPNs, ULNs, names, postcodes (spaced and not), dates of birth however written."""
        found: set[str] = set()
        for row in self.modules["person"]:
            found |= {row["upn"], row["uniquelearnernumber"], row["surname"], row["forename"]}
            found |= {row["postcode"], row["postcode"].replace(" ", "")}
            found.add(row["personbirthdate"].split(" ")[0])
        for child in self.children:
            born = child.birth
            found |= {born.isoformat(), f"{born:%d/%m/%Y}", f"{born:%Y-%b-%d}", f"{born:%d-%m-%Y}"}
        return {text for text in found if len(text) > 3}

    def truth(self) -> Counter[tuple[str, int, str]]:
        """Children by need, year group and provision."""
        return Counter((c.need, c.year_group, c.provision) for c in self.children if c.counted)

    def truth_by_area(self) -> Counter[tuple[str, str, int, str]]:
        """The same with the area of those whose area is known."""
        return Counter(
            (c.area, c.need, c.year_group, c.provision)
            for c in self.children
            if c.counted and c.area_known
        )

    def write(self, folder: Path) -> Path:
        """Write the nine files."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, columns in columns_of(self.version).items():
            path = folder / f"Blade-Export_{EXPORTED}_{name}.csv"
            with path.open("w", encoding="utf-8", newline="") as handle:
                writer = csv.DictWriter(handle, columns, extrasaction="ignore", restval="")
                writer.writeheader()
                for row in self.modules[name]:
                    renamed = {**row, "gendercurrent": row.get("sex", "")}
                    if name == "activeplans":
                        renamed["res"] = row.get("res", "")
                    writer.writerow(renamed)
        return folder


# ------------------------------------------------------------------ the fictional authority

SPECIAL = ("101001", "101002", "101003")
INDEPENDENT, FAR_INDEPENDENT = "101101", "101102"
MAINSTREAM = tuple(str(102000 + i) for i in range(40))
WITH_RP, WITH_UNIT, WITH_BOTH = MAINSTREAM[0], MAINSTREAM[1], MAINSTREAM[20]
COLLEGE, COLLEGE_UKPRN = "103001", "10001234"
CLOSED = "101009"
"""Became an academy: establishments.csv leads it to the first special school."""

PROVISIONS = """provision,name,kind,easting,northing,\
lowest_year_group,highest_year_group,needs,inside_authority
101001,First special school,state_special,400000,300000,-1,14,any,yes
101002,Second special school,state_special,410000,305000,0,11,any,yes
101003,Third special school,state_special,405000,310000,0,14,any,yes
101101,An independent school,independent_special,430000,320000,0,14,any,no
102000-RP,Resourced provision,specialist_base,401000,301000,0,6,any,yes
102001-SENU,A unit,specialist_base,402000,302000,0,6,any,yes
102020-RP,Secondary provision,specialist_base,403000,303000,7,11,any,yes
102020-SENU,Secondary unit,specialist_base,403000,303000,7,11,any,yes
mainstream-early-years,Nurseries,mainstream,,,-4,-1,any,yes
mainstream-primary,Primary schools,mainstream,,,0,6,any,yes
mainstream-secondary,Secondary schools,mainstream,,,7,11,any,yes
mainstream-sixth-form,Sixth forms,mainstream,,,12,13,any,yes
further-education,Colleges,further_education,,,12,20,any,yes
educated-elsewhere,Educated elsewhere,educated_elsewhere,,,-4,20,any,yes
"""

AREAS = tuple(f"A{i:02d}" for i in range(1, 31))


def write_authority(folder: Path) -> None:
    """Write provisions, establishments, areas and a postcode file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "provisions.csv").write_text(PROVISIONS, encoding="utf-8")
    rows = ["urn,ukprn,kind,provision,resourced_provision,sen_unit,note"]
    rows += [f"{urn},,state_special,{urn},,,used" for urn in SPECIAL]
    rows.append(f"{CLOSED},,state_special,{SPECIAL[0]},,,became {SPECIAL[0]}")
    rows.append(f"{INDEPENDENT},,independent_special,{INDEPENDENT},,,used")
    rows.append(f"{FAR_INDEPENDENT},,independent_special,,,,too far away")
    rows.append(f"{COLLEGE},{COLLEGE_UKPRN},further_education,,,,general")
    for urn in MAINSTREAM:
        rp = f"{urn}-RP" if urn in (WITH_RP, WITH_BOTH) else ""
        unit = f"{urn}-SENU" if urn in (WITH_UNIT, WITH_BOTH) else ""
        rows.append(f"{urn},,mainstream,,{rp},{unit},mainstream")
    (folder / "establishments.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    header = ("area,name,locality,easting,northing,children_0_4,children_5_11,children_12_17,"
              "children_18_24")  # fmt: skip
    lines = [header]
    lines += [
        f"{area},{area},{'North' if i % 2 else 'South'},{400000 + 500 * i},{300000 + 400 * i},"
        f"{100 + i},{150 + i},{140 + i},{120 + i}"
        for i, area in enumerate(AREAS)
    ]
    (folder / "areas.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = ["pcds,doterm,oseast1m,osnrth1m,lsoa21"]
    for i, area in enumerate(AREAS):
        lines += [
            f"{postcode_of(i, unit)},,{400000 + 500 * i + unit},{300000 + 400 * i},{area}"
            for unit in range(20)
        ]
    lines += [f"XZ9 9{a}{b},,500000,200000,E01999999" for a in "AB" for b in "DEFG"]
    (folder / "ONSPD.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def postcode_of(area: int, unit: int) -> str:
    """A postcode of the fictional authority."""
    letters = "ABDEFGHJLNPQRSTUWXYZ"
    return f"QX{area + 1} {area % 9 + 1}{letters[unit]}{letters[(unit * 7 + area) % 20]}"


def upn_of(number: int) -> str:
    """A sound UPN."""
    digits = f"8{number:010d}"
    return check_letter("A" + digits + "0") + digits + "0"


def blade_date(day: datetime.date) -> str:
    """A date as COLLECT writes it."""
    return f"{day:%Y-%b-%d} 00:00:00"


# ------------------------------------------------------------------ the return


def make_export(plans: int = 3300, *, version: str = "1.3", seed: int = 1) -> Export:
    """A return without a fault.

    Beside children with an open plan it holds what every return holds: plans that have ceased,
    placements that have ended, second placements and second needs, requests still open.
    """
    rng = np.random.default_rng(seed)
    export = Export({name: [] for name in COLUMNS}, [], version)
    export.modules["sen2"].append(
        {"sen2tableid": "1", "collection": "SEN2", "year": "2026", "lea": "999",
         "referencedate": blade_date(CENSUS), "sourcelevel": "L"}
    )  # fmt: skip
    for number in range(plans):
        group = int(rng.choice(np.arange(-1, 18), p=_GROUP_SHARES))
        child = _add_child(export, rng, number, group)
        export.children.append(child)
    for number in range(plans, plans + plans // 12):
        _add_ceased(export, rng, number)
    for number in range(plans + plans // 12, plans + plans // 6):
        _add_request_only(export, rng, number)
    return export


_GROUP_SHARES = np.array([1, 3.5, 4.5, 5, 5, 5.5, 6, 6.5, 7.5, 7.5, 7.5, 7.5, 7, 6.5, 5.5, 4.5, 3,
                          2, 1])  # fmt: skip
_GROUP_SHARES = _GROUP_SHARES / _GROUP_SHARES.sum()


def _birth(rng: np.random.Generator, group: int) -> datetime.date:
    first = datetime.date(CENSUS.year - 1 - (group + 5), 9, 1)
    return first + datetime.timedelta(days=int(rng.integers(0, 364)))


def _key(export: Export, name: str) -> str:
    export.made[name] += 1
    return f"{name[:2]}{export.made[name] + 1000}"


def _person(export: Export, rng: np.random.Generator, number: int, born: datetime.date) -> Row:
    area = int(rng.integers(0, len(AREAS)))
    row = {
        "persontableid": _key(export, "person"), "NativeId": f"NAT{number:06d}",
        "sen2tableid": "1", "surname": f"Zyxwvut{number}q", "forename": f"Quibbler{number}x",
        "personbirthdate": blade_date(born), "sex": "FM"[number % 2], "ethnicity": "WBRI",
        "postcode": postcode_of(area, int(rng.integers(0, 20))), "upn": upn_of(number),
        "uniquelearnernumber": "", "upnunknown": "", "_area": AREAS[area],
    }  # fmt: skip
    export.modules["person"].append(row)
    return row


def _request(export: Export, person: Row, received: datetime.date) -> Row:
    row = {
        "requeststableid": _key(export, "requests"), "persontableid": person["persontableid"],
        "receiveddate": blade_date(received), "rya": "false",
        "requestoutcomedate": blade_date(received + datetime.timedelta(days=40)),
        "requestoutcome": "Y", "requestsource": "1", "exported": "",
    }  # fmt: skip
    export.modules["requests"].append(row)
    return row


def _plan(export: Export, request: Row, started: datetime.date) -> tuple[Row, Row, Row]:
    assessment = {
        "assessmenttableid": _key(export, "assessment"),
        "requeststableid": request["requeststableid"], "assessmentoutcome": "Y",
        "assessmentoutcomedate": blade_date(started - datetime.timedelta(days=30)),
    }  # fmt: skip
    export.modules["assessment"].append(assessment)
    plan = {
        "namedplantableid": _key(export, "namedplan"),
        "assessmenttableid": assessment["assessmenttableid"], "startdate": blade_date(started),
        "ceasedate": "", "ceasereason": "",
    }  # fmt: skip
    export.modules["namedplan"].append(plan)
    active = {
        "activeplanstableid": _key(export, "activeplans"),
        "requeststableid": request["requeststableid"],
        "lastreview": blade_date(CENSUS - datetime.timedelta(days=200)), "res": "",
    }  # fmt: skip
    export.modules["activeplans"].append(active)
    return assessment, plan, active


def _where(rng: np.random.Generator, group: int) -> tuple[str, Row]:
    """The provision in which a child must be counted, and how the return says it."""
    draw = rng.random()
    setting: Row = {"urn": "", "ukprn": "", "sensetting": "", "senunitindicator": "false",
                    "resourcedprovisionindicator": "false"}  # fmt: skip
    if group < 0:
        if draw < 0.6:
            return "mainstream-early-years", {**setting, "sensetting": "EYP"}
        return SPECIAL[0], {**setting, "urn": SPECIAL[0]}
    if draw < 0.03:
        return "educated-elsewhere", {**setting, "sensetting": str(rng.choice(["EHE", "OLA"]))}
    if group >= 12:
        if draw < 0.1:
            return "educated-elsewhere", {**setting, "sensetting": "NEET"}
        if draw < 0.6:
            return "further-education", {**setting, "ukprn": COLLEGE_UKPRN}
        if group <= 14 and draw < 0.8:
            return SPECIAL[0], {**setting, "urn": SPECIAL[0]}
        return "further-education", {**setting, "urn": COLLEGE}
    if draw < 0.33:
        school = SPECIAL[int(rng.integers(0, 3))]
        return school, {**setting, "urn": CLOSED if school == SPECIAL[0] else school}
    if draw < 0.4:
        return INDEPENDENT, {**setting, "urn": INDEPENDENT}
    if draw < 0.5 and group <= 6:
        if draw < 0.45:
            return f"{WITH_RP}-RP", {**setting, "urn": WITH_RP,
                                     "resourcedprovisionindicator": "true"}  # fmt: skip
        return f"{WITH_UNIT}-SENU", {**setting, "urn": WITH_UNIT, "senunitindicator": "true"}
    if draw < 0.5:
        unit = draw < 0.45
        return f"{WITH_BOTH}-{'SENU' if unit else 'RP'}", {
            **setting, "urn": WITH_BOTH, "senunitindicator": str(unit).lower(),
            "resourcedprovisionindicator": str(not unit).lower(),
        }  # fmt: skip
    phase = "primary" if group <= 6 else "secondary"
    return f"mainstream-{phase}", {**setting, "urn": str(rng.choice(MAINSTREAM[2:20]))}


def _add_child(export: Export, rng: np.random.Generator, number: int, group: int) -> Child:
    born = _birth(rng, group)
    person = _person(export, rng, number, born)
    oldest = max(1, min(6, group + 4))
    started = CENSUS - datetime.timedelta(days=int(rng.integers(30, 365 * oldest)))
    request = _request(export, person, started - datetime.timedelta(days=140))
    assessment, plan, active = _plan(export, request, started)
    provision, setting = _where(rng, group)
    detail = {**setting, "plandetailtableid": _key(export, "plandetail"),
              "namedplantableid": plan["namedplantableid"], "placementrank": "1"}  # fmt: skip
    export.modules["plandetail"].append(detail)
    if rng.random() < 0.15:
        former = _placement(export, active, {"urn": MAINSTREAM[5], "senunitindicator": "false",
                                             "resourcedprovisionindicator": "false"})  # fmt: skip
        former["leavingdate"] = blade_date(datetime.date(2025, 7, 20))
        former["entrydate"] = blade_date(datetime.date(2023, 9, 1))
    placement = _placement(export, active, setting)
    if provision == INDEPENDENT and number % 5 == 0:
        placement["res"] = active["res"] = "A"
    if rng.random() < 0.04:
        second = _placement(export, active, {"sensetting": "OLA"})
        second["placementrank"] = "2"
    need = str(rng.choice(NEEDS, p=np.array(NEED_SHARES) / sum(NEED_SHARES)))
    needs = []
    if rng.random() < 0.3:
        other = NEEDS[(NEEDS.index(need) + 1) % len(NEEDS)]
        needs.append(_need(export, active, other, "2"))
    needs.append(_need(export, active, need, "1"))
    return Child(number, born, group, person["_area"], need, provision, person, request,
                 assessment, plan, detail, active, placement, needs)  # fmt: skip


def _placement(export: Export, active: Row, setting: Row) -> Row:
    row = {
        "urn": "", "ukprn": "", "sensetting": "", "senunitindicator": "",
        "resourcedprovisionindicator": "", **setting,
        "placementdetailtableid": _key(export, "placementdetail"),
        "activeplanstableid": active["activeplanstableid"], "placementrank": "1",
        "entrydate": blade_date(datetime.date(2025, 9, 1)), "leavingdate": "", "res": "",
        "wbp": "false",
    }  # fmt: skip
    export.modules["placementdetail"].append(row)
    return row


def _need(export: Export, active: Row, need: str, rank: str) -> Row:
    row = {"senneedtableid": _key(export, "senneed"),
           "activeplanstableid": active["activeplanstableid"], "sentype": need,
           "sentyperank": rank}  # fmt: skip
    export.modules["senneed"].append(row)
    return row


def _add_ceased(export: Export, rng: np.random.Generator, number: int) -> None:
    """A plan that ended last summer: no active plan stands for it."""
    person = _person(export, rng, number, _birth(rng, 14))
    request = _request(export, person, datetime.date(2021, 3, 1))
    _, plan, _ = _plan(export, request, datetime.date(2021, 9, 1))
    plan["ceasedate"], plan["ceasereason"] = blade_date(datetime.date(2025, 7, 31)), "2"
    export.modules["activeplans"].pop()


def _add_request_only(export: Export, rng: np.random.Generator, number: int) -> None:
    """A request that is still being decided."""
    person = _person(export, rng, number, _birth(rng, 3))
    request = _request(export, person, datetime.date(2025, 11, 1))
    request["requestoutcomedate"] = request["requestoutcome"] = ""


# ------------------------------------------------------------------ planted faults

Plant = Callable[[Export, Child], Counter[str] | None]


def plant_faults(export: Export, *, each: int = 3, seed: int = 2) -> None:
    """Plant every fault ``each`` times, on children of its own; the truth changes with it.

    ``export.planted`` holds how many records each check must find, side effects included.
    """
    rng = np.random.default_rng(seed)
    free = [export.children[i] for i in rng.permutation(len(export.children)).tolist()]
    for check, (fits, plant) in FAULTS.items():
        for _ in range(each):
            at = next(i for i, child in enumerate(free) if fits(child))
            child = free.pop(at)
            more = plant(export, child)
            export.planted[check] += 1
            export.planted.update(more or {})


def _any(child: Child) -> bool:
    return True


def _at_school(child: Child) -> bool:
    return bool(child.placement["urn"])


def _in_mainstream(child: Child) -> bool:
    return child.provision in ("mainstream-primary", "mainstream-secondary")


def _in_special(child: Child) -> bool:
    return child.provision in SPECIAL


def _set(part: str, **values: str) -> Plant:
    def plant(export: Export, child: Child) -> None:
        getattr(child, part).update(values)

    return plant


def _left_out(plant: Plant) -> Plant:
    def both(export: Export, child: Child) -> Counter[str] | None:
        child.counted = False
        return plant(export, child)

    return both


def _homeless(plant: Plant) -> Plant:
    def both(export: Export, child: Child) -> Counter[str] | None:
        child.area_known = False
        return plant(export, child)

    return both


def _elsewhere(plant: Plant) -> Plant:
    def both(export: Export, child: Child) -> Counter[str] | None:
        child.provision = "educated-elsewhere"
        return plant(export, child)

    return both


def _unknown_school(plant: Plant) -> Plant:
    def both(export: Export, child: Child) -> Counter[str] | None:
        group = child.year_group
        child.provision = (
            "mainstream-early-years" if group < 0 else "mainstream-primary" if group <= 6
            else "mainstream-secondary" if group <= 11 else "further-education"
        )  # fmt: skip
        return plant(export, child)

    return both


def _as_other(plant: Plant) -> Plant:
    def both(export: Export, child: Child) -> Counter[str] | None:
        child.need = "OTH"
        return plant(export, child)

    return both


def _repeat(export: Export, child: Child) -> None:
    row = {**child.placement, "urn": SPECIAL[1]}
    export.modules["placementdetail"].append(row)


def _shared_upn(export: Export, child: Child) -> Counter[str]:
    other = next(
        c for c in export.children
        if c.number not in export.shared and c.birth != child.birth
        and c.person["upn"] == upn_of(c.number)
    )  # fmt: skip
    export.shared.add(other.number)
    child.person["upn"] = other.person["upn"]
    return Counter({"UPN of two children": 1})  # the other one of the two


def _enter_twice(export: Export, child: Child) -> None:
    person = {**child.person, "persontableid": _key(export, "person")}
    export.modules["person"].append(person)
    request = _request(export, person, datetime.date(2024, 1, 10))
    started = datetime.datetime.strptime(child.plan["startdate"], "%Y-%b-%d 00:00:00").date()
    _, _, active = _plan(export, request, started)
    _placement(export, active, {k: child.placement[k] for k in (
        "urn", "ukprn", "sensetting", "senunitindicator", "resourcedprovisionindicator")}
    )  # fmt: skip
    _need(export, active, child.need, "1")


def _lone_person(export: Export, child: Child) -> None:
    person = {**child.person, "persontableid": _key(export, "person"),
              "upn": upn_of(900_000 + child.number)}  # fmt: skip
    export.modules["person"].append(person)


def _orphan(module: str) -> Plant:
    def plant(export: Export, child: Child) -> None:
        source = {
            "requests": child.request, "assessment": child.assessment, "namedplan": child.plan,
            "plandetail": child.detail, "activeplans": child.active,
            "placementdetail": child.placement, "senneed": child.needs[-1],
        }[module]  # fmt: skip
        parent = {"requests": "persontableid", "assessment": "requeststableid",
                  "namedplan": "assessmenttableid", "plandetail": "namedplantableid",
                  "activeplans": "requeststableid", "placementdetail": "activeplanstableid",
                  "senneed": "activeplanstableid"}[module]  # fmt: skip
        key = f"{module}tableid"
        export.modules[module].append({**source, key: _key(export, module), parent: "gone"})

    return plant


def _second_plan(export: Export, child: Child) -> None:
    request = _request(export, child.person, datetime.date(2015, 1, 10))
    _, _, active = _plan(export, request, datetime.date(2015, 9, 1))
    _placement(export, active, {"urn": SPECIAL[2], "senunitindicator": "false",
                                "resourcedprovisionindicator": "false"})  # fmt: skip
    _need(export, active, "OTH", "1")


def _ceased_before_start(export: Export, child: Child) -> Counter[str]:
    child.plan.update(startdate=blade_date(datetime.date(2024, 5, 1)),
                      ceasedate=blade_date(datetime.date(2024, 1, 1)), ceasereason="9")  # fmt: skip
    return Counter({"plan ceased but active": 1, "more placements than plans": 1})


def _ceased_but_active(export: Export, child: Child) -> Counter[str]:
    started, ceased = datetime.date(2020, 5, 1), datetime.date(2025, 10, 1)
    child.plan.update(startdate=blade_date(started), ceasedate=blade_date(ceased), ceasereason="5")
    return Counter({"more placements than plans": 1})


def _starts_later(export: Export, child: Child) -> Counter[str]:
    child.plan["startdate"] = blade_date(CENSUS + datetime.timedelta(days=30))
    return Counter({"more placements than plans": 1})


def _without_named_plan(export: Export, child: Child) -> None:
    export.modules["namedplan"].remove(child.plan)
    export.modules["plandetail"].remove(child.detail)


def _second_active(export: Export, child: Child) -> None:
    row = {**child.active, "activeplanstableid": _key(export, "activeplans")}
    export.modules["activeplans"].append(row)


def _without_active(export: Export, child: Child) -> None:
    child.need = "OTH"
    key = child.active["activeplanstableid"]
    for module in ("activeplans", "placementdetail", "senneed"):
        rows = export.modules[module]
        rows[:] = [row for row in rows if row["activeplanstableid"] != key]


def _others_closed(export: Export, child: Child) -> None:
    """No second placement stays open beside the one that is to be missing."""
    for row in export.modules["placementdetail"]:
        same = row["activeplanstableid"] == child.active["activeplanstableid"]
        if same and row is not child.placement:
            row["leavingdate"] = blade_date(datetime.date(2025, 10, 1))


def _left(export: Export, child: Child) -> None:
    _others_closed(export, child)
    child.placement["leavingdate"] = blade_date(datetime.date(2025, 12, 1))


def _left_before_entry(export: Export, child: Child) -> Counter[str]:
    _others_closed(export, child)
    child.placement.update(entrydate=blade_date(datetime.date(2025, 9, 1)),
                           leavingdate=blade_date(datetime.date(2025, 1, 1)))  # fmt: skip
    return Counter({"no placement on the census date": 1})


def _two_of_rank_1(export: Export, child: Child) -> Counter[str]:
    row = _placement(export, child.active, {"urn": SPECIAL[2], "senunitindicator": "false",
                                            "resourcedprovisionindicator": "false"})  # fmt: skip
    row["entrydate"] = blade_date(datetime.date(2025, 11, 3))
    more = Counter({"more placements than plans": 1, "attended is not named": 1})
    child.provision = SPECIAL[2]
    return more


def _rank_2(export: Export, child: Child) -> None:
    _others_closed(export, child)
    child.placement["placementrank"] = "2"


def _rank_missing(export: Export, child: Child) -> None:
    _others_closed(export, child)
    child.placement["placementrank"] = "first"


def _third_placement(export: Export, child: Child) -> Counter[str]:
    """A placement of rank 1 that was never closed, entered before the present one."""
    row = _placement(export, child.active, {"urn": MAINSTREAM[3], "senunitindicator": "false",
                                            "resourcedprovisionindicator": "false"})  # fmt: skip
    row["entrydate"] = blade_date(datetime.date(2021, 9, 1))
    return Counter({"several placements of rank 1": 1})


def _bare(**values: str) -> Plant:
    def plant(export: Export, child: Child) -> None:
        blank = {"urn": "", "ukprn": "", "sensetting": "", "senunitindicator": "false",
                 "resourcedprovisionindicator": "false"}  # fmt: skip
        child.placement.update({**blank, **values})
        child.detail.update({**blank, **values})

    return plant


def _not_in_gias(export: Export, child: Child) -> Counter[str]:
    _bare(urn="999999")(export, child)
    return Counter({"establishment in no provision": 1})


def _in_no_provision(export: Export, child: Child) -> None:
    _bare(urn=FAR_INDEPENDENT)(export, child)
    group = child.year_group
    phase = "primary" if group <= 6 else "secondary" if group <= 11 else "post-16"
    child.provision = f"independent-special-{phase}"


def _base_at_special(export: Export, child: Child) -> None:
    child.placement["senunitindicator"] = "true"


def _base_unknown(export: Export, child: Child) -> None:
    child.placement["resourcedprovisionindicator"] = "true"
    phase = "primary" if child.year_group <= 6 else "secondary"
    child.provision = f"specialist-base-{phase}"


def _both_flags(export: Export, child: Child) -> None:
    child.placement.update(senunitindicator="true", resourcedprovisionindicator="true")
    child.provision = f"{WITH_BOTH}-SENU"


def _no_flags(export: Export, child: Child) -> None:
    child.placement.update(senunitindicator="", resourcedprovisionindicator="")


def _too_old_there(export: Export, child: Child) -> None:
    _bare(urn=SPECIAL[1])(export, child)
    child.provision = SPECIAL[1]


def _residential(export: Export, child: Child) -> None:
    child.placement["res"] = child.active["res"] = "Q"


def _no_needs(export: Export, child: Child) -> None:
    key = child.active["activeplanstableid"]
    rows = export.modules["senneed"]
    rows[:] = [row for row in rows if row["activeplanstableid"] != key]


def _need_not_ranked(export: Export, child: Child) -> None:
    for need in child.needs[:-1]:
        export.modules["senneed"].remove(need)
    child.needs[-1]["sentyperank"] = "2"


def _two_first_needs(export: Export, child: Child) -> None:
    for need in child.needs[:-1]:
        export.modules["senneed"].remove(need)
    _need(export, child.active, NEEDS[(NEEDS.index(child.need) + 3) % len(NEEDS)], "1")


def _wrong_letter(export: Export, child: Child) -> None:
    upn = child.person["upn"]
    child.person["upn"] = ("B" if upn[0] != "B" else "C") + upn[1:]


def _malformed_upn(export: Export, child: Child) -> None:
    child.person["upn"] = f"A{child.number:05d}"


FAULTS: dict[str, tuple[Callable[[Child], bool], Plant]] = {
    "identifier repeated": (_at_school, _repeat),
    "UPN missing without a reason": (_any, _set("person", upn="")),
    "UPN unknown with a reason": (_any, _set("person", upn="", upnunknown="UN3")),
    "UPN malformed": (_any, _malformed_upn),
    "UPN check letter wrong": (_any, _wrong_letter),
    "UPN of two children": (lambda c: c.number > 100, _shared_upn),
    "child entered twice": (_in_mainstream, _enter_twice),
    "date of birth missing": (_any, _left_out(_set("person", personbirthdate=""))),
    "date of birth unreadable": (_any, _left_out(_set("person", personbirthdate="31-13-2015"))),
    "date of birth in the future": (_any, _left_out(
        _set("person", personbirthdate=blade_date(datetime.date(2026, 3, 4))))),
    "outside the ages of a plan": (_any, _left_out(
        _set("person", personbirthdate=blade_date(datetime.date(1999, 3, 4))))),
    "postcode missing": (_any, _homeless(_set("person", postcode=""))),
    "postcode malformed": (_any, _homeless(_set("person", postcode="QX1"))),
    "postcode not in the postcode file": (_any, _homeless(_set("person", postcode="ZE99 9ZZ"))),
    "home outside the areas": (_any, _homeless(_set("person", postcode="XZ9 9AD"))),
    "sex missing or not F or M": (_any, _set("person", sex="")),
    "person without a request": (_any, _lone_person),
    "request of nobody": (_any, _orphan("requests")),
    "request decided before it was received": (_any, _set(
        "request", requestoutcomedate=blade_date(datetime.date(2001, 1, 1)))),
    "several open plans": (_in_mainstream, _second_plan),
    "assessment of nothing": (_any, _orphan("assessment")),
    "assessment decided after the census date": (_any, _set(
        "assessment", assessmentoutcomedate=blade_date(datetime.date(2026, 2, 1)))),
    "named plan of nothing": (_any, _orphan("namedplan")),
    "plan without a start date": (_any, _set("plan", startdate="")),
    "plan ceased before it started": (_at_school, _left_out(_ceased_before_start)),
    "plan ceased but active": (_at_school, _left_out(_ceased_but_active)),
    "plan starts after the census date": (_at_school, _left_out(_starts_later)),
    "cease date without a reason": (_any, _set(
        "plan", ceasedate=blade_date(datetime.date(2026, 7, 31)))),
    "cease reason without a date": (_any, _set("plan", ceasereason="2")),
    "named placement of nothing": (_any, _orphan("plandetail")),
    "attended is not named": (_at_school, _set("detail", urn=MAINSTREAM[30], ukprn="")),
    "active plan of nothing": (_any, _orphan("activeplans")),
    "active plan without a named plan": (_any, _without_named_plan),
    "several active plans of one request": (_any, _second_active),
    "open plan without an active plan": (_any, _elsewhere(_without_active)),
    "review overdue": (_any, _set("active", lastreview=blade_date(datetime.date(2024, 1, 9)))),
    "placement of nothing": (_any, _orphan("placementdetail")),
    "no placement on the census date": (_any, _elsewhere(_left)),
    "several placements of rank 1": (_in_mainstream, _two_of_rank_1),
    "only a placement of rank 2": (_at_school, _rank_2),
    "rank missing or wrong": (_at_school, _rank_missing),
    "entry date missing": (_any, _set("placement", entrydate="")),
    "left before entry": (_any, _elsewhere(_left_before_entry)),
    "more placements than plans": (_in_mainstream, _third_placement),
    "no establishment": (_at_school, _elsewhere(_bare())),
    "URN malformed": (_in_mainstream, _unknown_school(_bare(urn="10200"))),
    "UKPRN malformed": (_in_mainstream, _unknown_school(_bare(ukprn="123"))),
    "URN and setting code": (_at_school, _set("placement", sensetting="OTH")),
    "setting code unknown": (_at_school, _elsewhere(_bare(sensetting="XYZ"))),
    "URN not in GIAS": (_in_special, _unknown_school(_not_in_gias)),
    "establishment in no provision": (_in_mainstream, _in_no_provision),
    "base flagged at a special school": (_in_special, _base_at_special),
    "base flagged where none is known": (_in_mainstream, _base_unknown),
    "both base flags": (lambda c: c.provision.startswith(WITH_BOTH), _both_flags),
    "base flags not given": (_in_special, _no_flags),
    "year group outside the provision": (lambda c: c.year_group >= 12, _too_old_there),
    "NEET below Year 12": (_in_mainstream, _elsewhere(_bare(sensetting="NEET"))),
    "residential code unknown": (lambda c: c.provision == INDEPENDENT, _residential),
    "need of nothing": (_any, _orphan("senneed")),
    "need missing": (_any, _as_other(_no_needs)),
    "need code unknown": (_any, _as_other(
        lambda e, c: c.needs[-1].update(sentype="ABC"))),
    "no need of rank 1": (_any, _need_not_ranked),
    "several needs of rank 1": (_any, _two_first_needs),
    "date unreadable": (_any, _set("request", receiveddate="last spring")),
}  # fmt: skip
"""Each check, the children on whom its fault can be planted, and how."""


def main() -> None:
    """Write an export and its authority."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plans", type=int, default=3300)
    parser.add_argument("--version", default="1.3", choices=("1.0", "1.1", "1.2", "1.3"))
    parser.add_argument("--faults", action="store_true")
    asked = parser.parse_args()
    export = make_export(asked.plans, version=asked.version)
    if asked.faults:
        plant_faults(export)
    export.write(asked.folder / "blade")
    write_authority(asked.folder / "authority")


if __name__ == "__main__":
    main()
