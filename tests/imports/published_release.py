"""Files as the DfE publishes them on education, health and care plans, with invented counts."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sufficiency.imports.release import PLACEMENTS

IntArray = npt.NDArray[np.int64]

AUTHORITIES = (("E08000777", "777", "Fictionshire"), ("E06000888", "888", "Elsewhere"))
AGES = ("under 3", *(f"age {age}" for age in range(3, 26)))
NEEDS = ("asd", "hi", "mld", "msi", "oth", "pd", "pmld", "semh", "slcn", "sld", "spld", "vi",
         "need_unknown")  # fmt: skip
CODES = tuple(
    code for code in PLACEMENTS
    if code not in ("other_unrecognised", "await_prov_2022", "perm_ex_2022")
)  # fmt: skip
GROUPS = {
    "mainstream_total": "mainstream_", "special_total": "special_", "ap_pru_total": "ap_pru_",
}  # fmt: skip
IDENTITY = ("time_period", "time_identifier", "geographic_level", "country_code", "country_name",
            "region_code", "region_name", "new_la_code", "old_la_code", "la_name",
            "breakdown_topic", "breakdown")  # fmt: skip


@dataclass
class Published:
    """Children by age, need and placement of each authority, January of each year."""

    joint: dict[tuple[str, int], IntArray]

    def write(self, folder: Path) -> Path:
        """Write the files on caseload and needs, with rows of the country and of ethnicity."""
        folder.mkdir(parents=True, exist_ok=True)
        caseload: list[Sequence[object]] = []
        needs: list[Sequence[object]] = []
        for (code, january), joint in sorted(self.joint.items()):
            ident = identity(code, january)
            caseload.append([*ident, "All EHC plans", "All EHC plans", *counts(joint.sum((0, 1)))])
            needs.append([*ident, "All EHC plans", "All EHC plans", joint.sum(),
                          *joint.sum((0, 2)), "1.5"])  # fmt: skip
            topic = "Child or young persons age"
            for at, age in enumerate(AGES):
                caseload.append([*ident, topic, age, *counts(joint[at].sum(0))])
                of_age = joint[at].sum(1)
                needs.append([*ident, topic, age, of_age.sum(), *of_age, "1.5"])
            caseload.append([*ident, "Ethnicity", "White", *counts(joint.sum((0, 1)))])
            for at, placement in enumerate(CODES):
                if january < 2025:
                    continue
                label = PLACEMENTS[placement][0]
                of_place = joint[:, :, at].sum(0)
                needs.append([*ident, "Type of placement", label, of_place.sum(), *of_place, "2"])
        columns = [*IDENTITY, "ehcplans"]
        for placement in CODES:
            columns.append(placement)
        columns += [*GROUPS, "mainstream_total_pc"]
        write_csv(folder / "caseload.csv", columns, caseload)
        write_csv(folder / "needs.csv",
                  [*IDENTITY, "ehc_plans", *(f"number_{need}" for need in NEEDS), "asd_pc"],
                  needs)  # fmt: skip
        return folder


def identity(code: str, january: int) -> list[object]:
    """Columns that tell whose row it is."""
    period = f"{january - 1}{january % 100:02d}"
    if code == "E92000001":
        return [period, "Academic year", "National", code, "England", "", "", "", "", ""]
    _, old, name = next(a for a in AUTHORITIES if a[0] == code)
    return [period, "Academic year", "Local authority", "E92000001", "England", "E12000002",
            "North West", code, old, name]  # fmt: skip


def counts(of_placement: IntArray) -> list[object]:
    """All plans, every placement, the groups and a percentage."""
    groups = [
        int(sum(n for n, code in zip(of_placement, CODES, strict=True) if code.startswith(start)))
        for start in GROUPS.values()
    ]
    return [int(of_placement.sum()), *of_placement.tolist(), *groups, "43.6"]


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a file of the release."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(rows)


def make_release(plans: int = 900, *, seed: int = 1) -> Published:
    """Two authorities in three Januaries and the country in the last."""
    rng = np.random.default_rng(seed)
    joint: dict[tuple[str, int], IntArray] = {}
    for number, (code, _, _) in enumerate(AUTHORITIES):
        for january in (2023, 2024, 2025):
            size = int(plans * (1 + number) * 1.08 ** (january - 2025))
            joint[code, january] = draw(rng, size)
    joint["E92000001", 2025] = joint[AUTHORITIES[0][0], 2025] + joint[AUTHORITIES[1][0], 2025]
    return Published(joint)


def draw(rng: np.random.Generator, size: int) -> IntArray:
    """Children drawn with needs that depend on the placement, and placements on the age."""
    age = np.array([1, 3, 16, 26, 30, 32, 34, 36, 38, 40, 44, 44, 43, 42, 40, 38, 30, 24, 17, 12, 8,
                    5, 2, 0.3])  # fmt: skip
    by_age = rng.gamma(0.6, 1.0, (len(AGES), len(CODES)))
    for at, label in enumerate(AGES):
        years = 2 if label == "under 3" else int(label.split()[1])
        for place, code in enumerate(CODES):
            late = code in ("general_fe_tertiary_colleges", "specialist_post_16_institutions",
                            "ukrlp_provider", "neet")  # fmt: skip
            if late != (years >= 16) and not code.startswith("special_"):
                by_age[at, place] = 0.0
    by_place = rng.gamma(0.7, 1.0, (len(CODES), len(NEEDS)))
    ages = rng.choice(len(AGES), size=size, p=age / age.sum())
    joint = np.zeros((len(AGES), len(NEEDS), len(CODES)), dtype=np.int64)
    for at in ages.tolist():
        weight = by_age[at]
        place = rng.choice(len(CODES), p=weight / weight.sum())
        need = rng.choice(len(NEEDS), p=by_place[place] / by_place[place].sum())
        joint[at, need, place] += 1
    return joint
