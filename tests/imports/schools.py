"""Files as GIAS offers them, with invented establishments.

    python -m tests.imports.schools FOLDER [--rows 50000] [--seed 1]

writes a download of national size with its links. The real header is read from ``../shared/data``
beside the repository where it is there; without it the columns that are read stand with others
that are not.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
REAL_HEADER = REPOSITORY.parent / "shared" / "data" / "gias_header.csv"

SECRET = "Unmentionable"
"""Last name of every head teacher here: it must never leave the file."""

SHORT_HEADER = (
    "URN", "LA (code)", "LA (name)", "EstablishmentName", "TypeOfEstablishment (code)",
    "TypeOfEstablishment (name)", "EstablishmentStatus (code)", "EstablishmentStatus (name)",
    "OpenDate", "CloseDate", "PhaseOfEducation (name)", "StatutoryLowAge", "StatutoryHighAge",
    "SchoolCapacity", "NumberOfPupils", "UKPRN", "Postcode", "HeadLastName", "PlacesPRU",
    "Section41Approved (name)", *(f"SEN{i} (name)" for i in range(1, 14)),
    "TypeOfResourcedProvision (name)", "ResourcedProvisionOnRoll", "ResourcedProvisionCapacity",
    "SenUnitOnRoll", "SenUnitCapacity", "GSSLACode (name)", "Easting", "Northing", "SENStat",
)  # fmt: skip

SEN_TEXTS = (
    "SpLD - Specific Learning Difficulty",
    "VI - Visual Impairment",
    "OTH - Other Difficulty/Disability",
    "HI - Hearing Impairment",
    "SLCN - Speech, language and Communication",
    "ASD - Autistic Spectrum Disorder",
    "SEMH - Social, Emotional and Mental Health",
    "MSI - Multi-Sensory Impairment",
    "PD - Physical Disability",
    "MLD - Moderate Learning Difficulty",
    "SLD - Severe Learning Difficulty",
    "PMLD - Profound and Multiple Learning Difficulty",
)
"""Needs in the order in which GIAS lists them."""

# type, name of the type, share of the register, ages
TYPES: tuple[tuple[int, str, float, tuple[int, int]], ...] = (
    (1, "Community school", 0.31, (4, 11)),
    (2, "Voluntary aided school", 0.11, (4, 11)),
    (3, "Voluntary controlled school", 0.08, (4, 11)),
    (5, "Foundation school", 0.04, (11, 16)),
    (7, "Community special school", 0.035, (3, 19)),
    (8, "Non-maintained special school", 0.003, (5, 19)),
    (10, "Other independent special school", 0.022, (7, 18)),
    (11, "Other independent school", 0.075, (3, 18)),
    (12, "Foundation special school", 0.004, (3, 19)),
    (14, "Pupil referral unit", 0.012, (5, 16)),
    (15, "Local authority nursery school", 0.015, (3, 5)),
    (18, "Further education", 0.012, (16, 99)),
    (24, "Secure units", 0.001, (10, 17)),
    (25, "Offshore schools", 0.003, (4, 18)),
    (27, "Miscellaneous", 0.008, (0, 99)),
    (28, "Academy sponsor led", 0.06, (11, 18)),
    (29, "Higher education institutions", 0.005, (18, 99)),
    (30, "Welsh establishment", 0.06, (4, 11)),
    (31, "Sixth form centres", 0.002, (16, 19)),
    (32, "Special post 16 institution", 0.005, (16, 25)),
    (33, "Academy special sponsor led", 0.003, (4, 19)),
    (34, "Academy converter", 0.1, (4, 11)),
    (35, "Free schools", 0.012, (4, 16)),
    (36, "Free schools special", 0.004, (5, 19)),
    (38, "Free schools alternative provision", 0.002, (11, 16)),
    (40, "University technical college", 0.002, (14, 19)),
    (42, "Academy alternative provision converter", 0.003, (5, 16)),
    (44, "Academy special converter", 0.01, (3, 19)),
    (49, "Online provider", 0.0005, (5, 16)),
    (57, "Academy secure 16 to 19", 0.0001, (12, 18)),
)
STATUS = {1: "Open", 2: "Closed", 3: "Open, but proposed to close", 4: "Proposed to open"}
MAINSTREAM = (1, 2, 3, 5, 15, 28, 34, 35, 40)
SPECIAL = (7, 8, 10, 12, 32, 33, 36, 44)


def real_header() -> tuple[str, ...] | None:
    """The header of a full download, or None where it is not beside the repository."""
    if not REAL_HEADER.is_file():
        return None
    with REAL_HEADER.open(encoding="cp1252", newline="") as handle:
        return tuple(next(csv.reader(handle)))


def write_rows(
    path: Path, rows: Sequence[Mapping[str, Any]], header: Sequence[str] = SHORT_HEADER
) -> Path:
    """Write establishments; a row is a mapping from headers to cells, blank where it says none."""
    with path.open("w", encoding="cp1252", newline="") as handle:
        writer = csv.writer(handle, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(header)
        writer.writerows([[row.get(name, "") for name in header] for row in rows])
    return path


def school(urn: int, **cells: Any) -> dict[str, Any]:
    """An open community special school of authority 901, unless the cells say otherwise.

    A keyword is a header without spaces and brackets: ``LA_code``, ``SEN1_name``, ``Easting``.
    """
    row: dict[str, Any] = {
        "URN": urn,
        "LA (code)": 901,
        "LA (name)": "Saltshire",
        "EstablishmentName": f"School {urn}",
        "TypeOfEstablishment (code)": 7,
        "EstablishmentStatus (code)": 1,
        "StatutoryLowAge": 4,
        "StatutoryHighAge": 19,
        "SchoolCapacity": 100,
        "NumberOfPupils": 90,
        "SEN1 (name)": "ASD - Autistic Spectrum Disorder",
        "Easting": 500_000,
        "Northing": 300_000,
        "HeadLastName": SECRET,
    }
    for name, value in cells.items():
        head = name.removesuffix("_code").removesuffix("_name")
        suffix = name[len(head) :].replace("_code", " (code)").replace("_name", " (name)")
        row[head + suffix] = value
    if "GSSLACode_name" not in cells:
        row["GSSLACode (name)"] = f"E06000{row['LA (code)']}"
    unknown = set(row) - set(SHORT_HEADER)
    assert not unknown, unknown
    return row


@dataclass(frozen=True)
class Register:
    """A written register: the files, and how many rows they have."""

    download: Path
    links: Path
    rows: int


def write_register(folder: Path, rows: int = 50_000, seed: int = 1) -> Register:
    """Write a register of national size: 150 invented authorities over the width of England."""
    draw = np.random.default_rng(seed)
    header = list(real_header() or SHORT_HEADER)
    folder.mkdir(parents=True, exist_ok=True)
    download = folder / "edubasealldata20260512.csv"
    shares = np.array([share for _, _, share, _ in TYPES])
    which = draw.choice(len(TYPES), size=rows, p=shares / shares.sum())
    authority = draw.integers(0, 150, size=rows)
    status = draw.choice([1, 2, 3, 4], size=rows, p=[0.52, 0.465, 0.008, 0.007])
    centre_x = 150_000 + (np.arange(150) % 15) * 32_000
    centre_y = 60_000 + (np.arange(150) // 15) * 52_000
    x = centre_x[authority] + draw.normal(0, 9_000, rows)
    y = centre_y[authority] + draw.normal(0, 9_000, rows)
    capacity = draw.integers(20, 1_500, rows)
    fill = draw.normal(0.95, 0.15, rows).clip(0.1, 1.6)
    opened = draw.integers(1960, 2026, rows)
    closed = draw.integers(1995, 2026, rows)
    needs = draw.random((rows, 12)) < 0.35
    lucky = draw.random((rows, 8))
    links: list[tuple[Any, ...]] = []
    with download.open("w", encoding="cp1252", newline="") as handle:
        writer = csv.writer(handle, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(header)
        for i in range(rows):
            row = _establishment(i, TYPES[which[i]], int(authority[i]), int(status[i]), lucky[i])
            row["Easting"] = "" if lucky[i, 0] < 0.01 else int(x[i])
            row["Northing"] = "" if lucky[i, 0] < 0.01 else int(y[i])
            code = TYPES[which[i]][0]
            size = capacity[i] if code in MAINSTREAM else 20 + capacity[i] % 180
            row["SchoolCapacity"] = "" if lucky[i, 1] < 0.1 else int(size)
            row["NumberOfPupils"] = "" if status[i] != 1 else int(size * fill[i])
            row["OpenDate"] = f"01-09-{opened[i]}" if lucky[i, 2] < 0.7 else ""
            if status[i] == 2:
                row["CloseDate"] = f"31-08-{closed[i]}" if lucky[i, 3] < 0.97 else ""
            if status[i] == 3:
                row["CloseDate"] = "31-08-2027"
            if status[i] == 4:
                row["OpenDate"] = "01-09-2027" if lucky[i, 4] < 0.8 else ""
            if code in SPECIAL:
                listed = [text for text, has in zip(SEN_TEXTS, needs[i], strict=True) if has]
                listed = listed[:5] if lucky[i, 5] < 0.4 else listed
                if lucky[i, 6] < 0.1:
                    listed = ["Not Applicable", *listed]
                for number, text in enumerate(listed, start=1):
                    row[f"SEN{number} (name)"] = text
            if status[i] == 2 and i and lucky[i, 7] < 0.6:
                links.append((100_000 + i, 100_000 + i - 1, "Its successor", "Successor", ""))
                links.append((100_000 + i - 1, 100_000 + i, "It", "Predecessor", "31-08-2020"))
            writer.writerow([row.get(name, "") for name in header])
    link_file = folder / "links_edubasealldata20260512.csv"
    with link_file.open("w", encoding="cp1252", newline="") as handle:
        writer = csv.writer(handle, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(["URN", "LinkURN", "LinkName", "LinkType", "LinkEstablishedDate"])
        writer.writerows(links)
    return Register(download, link_file, rows)


def _establishment(
    i: int, kind: tuple[int, str, float, tuple[int, int]], authority: int, status: int, lucky: Any
) -> dict[str, Any]:
    code, type_name, _, (low, high) = kind
    place = ("St Mary\u2019s", "Caf\u00e9 Lane", "Oakfield", "The Grange", "Hillside")[i % 5]
    based = code in MAINSTREAM and lucky[7] < 0.06
    words = ("Resourced provision", "SEN unit", "Resourced provision and SEN unit")[i % 3]
    row: dict[str, Any] = {
        "URN": 100_000 + i,
        "LA (code)": 201 + authority,
        "LA (name)": f"Shire {201 + authority}",
        "GSSLACode (name)": f"E0600{authority:04d}",
        "EstablishmentNumber": 1_000 + i % 9_000,
        "EstablishmentName": f"{place} {type_name.split()[0]} {i}",
        "TypeOfEstablishment (code)": f"{code:02d}",
        "TypeOfEstablishment (name)": type_name,
        "EstablishmentStatus (code)": status,
        "EstablishmentStatus (name)": STATUS[status],
        "PhaseOfEducation (name)": "Primary" if high == 11 else "Not applicable",
        "StatutoryLowAge": "" if lucky[6] < 0.03 else low,
        "StatutoryHighAge": "" if lucky[6] < 0.03 else high,
        "UKPRN": 10_000_000 + i,
        "Postcode": f"AB{authority % 90 + 1} {i % 10}{'ABDEFGHJLN'[i // 10 % 10]}"
        f"{'ABDEFGHJLN'[i // 100 % 10]}",
        "Street": f"{i % 200} High Street",
        "SchoolWebsite": f"www.school{i}.example",
        "TelephoneNum": f"01632{i:06d}",
        "HeadTitle (name)": "Ms",
        "HeadFirstName": "Ada",
        "HeadLastName": SECRET,
        "HeadPreferredJobTitle": "Headteacher",
        "Section41Approved (name)": "Approved"
        if code in (8, 10, 11, 32) and lucky[5] < (0.03 if code == 11 else 0.6)
        else "Not applicable",
        "TypeOfResourcedProvision (name)": words if based else "Not applicable",
        "SENStat": i % 40,
        "SENNoStat": i % 60,
        "LSOA (code)": f"E0100{i % 9999:04d}",
        "OfstedRating (name)": "Good",
        "GOR (name)": "East Midlands",
        "DistrictAdministrative (name)": f"District {authority}",
        "SEN1 (name)": "Not Applicable",
    }
    if based and words != "SEN unit":
        row |= {"ResourcedProvisionCapacity": 8 + i % 20, "ResourcedProvisionOnRoll": 6 + i % 24}
    if based and words != "Resourced provision":
        row |= {"SenUnitCapacity": 10 + i % 15, "SenUnitOnRoll": 9 + i % 15}
    if code == 14:
        row["PlacesPRU"] = 20 + i % 60
    return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(write_register(asked.folder, asked.rows, asked.seed))
