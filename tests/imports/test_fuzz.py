"""Damaged downloads end in a listed error or in a fully accounted import, never in a traceback."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from sufficiency.imports.account import RowAccount
from sufficiency.imports.areas import import_areas
from sufficiency.imports.gias import import_gias
from sufficiency.problems import InputError, Problems
from sufficiency.tables import read_table, write_table
from tests.imports import test_areas
from tests.imports.schools import SECRET, write_register

MUTATIONS = 150
ROWS = 400

NASTY = (
    b"", b" ", b"NaN", b"inf", b"-1", b"1e309", b"99999999999999999999", b"=SUM(A1)", b"\xff\xfe",
    b"\xe9", b"\xe2\x80\xae", b"0x10", b"31-02-2025", b"01-01-0001", b"01-01-9999", b'"', b"'",
    b"Not Applicable", b"None", b"a,b", b"\t", b"3.5", b"1,234", b"#REF!", b"7;8", b"x" * 5_000,
)  # fmt: skip

Mutation = Callable[[bytes, random.Random], bytes]


def cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def lose_bytes(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    return content[:start] + content[start + draw.randrange(1, 400) :]


def repeat_bytes(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    return content[:start] + content[max(0, start - 300) :]


def insert(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    what = draw.choice([*NASTY, b"\x00", b"\r", b"\n\n", b",,,,", bytes(draw.randbytes(12))])
    return content[:start] + what + content[start:]


def flip(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.randrange(1, 30)):
        if changed:
            changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def recode(content: bytes, draw: random.Random) -> bytes:
    text = content.decode("cp1252", errors="replace")
    encoding = draw.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp500"])
    return text.encode(encoding, errors="replace")


def other_separator(content: bytes, draw: random.Random) -> bytes:
    return content.replace(b",", draw.choice([b";", b"\t", b"|", b" "]))


def other_line_ends(content: bytes, draw: random.Random) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\n", draw.choice([b"\r", b"\n\n", b"\r\n"]))


def another_file(content: bytes, draw: random.Random) -> bytes:
    return draw.choice([b"", b"<html>Sign in", b"{}", b"PK\x03\x04", b"%PDF-1.7", b"a\n", b"\x00"])


def in_table(change: Callable[[list[list[bytes]], random.Random], None]) -> Mutation:
    """A mutation of cells, on the rows as a CSV reader sees them."""

    def mutate(content: bytes, draw: random.Random) -> bytes:
        text = io.StringIO(content.decode("latin-1"), newline="")
        try:
            rows = [[c.encode("latin-1") for c in row] for row in csv.reader(text)]
        except csv.Error:  # an earlier mutation left no table
            return content
        if len(rows) > 1:
            change(rows, draw)
        out = io.StringIO(newline="")
        csv.writer(out).writerows([[c.decode("latin-1") for c in row] for row in rows])
        return out.getvalue().encode("latin-1")

    return mutate


def column(rows: list[list[bytes]], draw: random.Random) -> int:
    return draw.randrange(max(len(rows[0]), 1))


@in_table
def nasty_cells(rows: list[list[bytes]], draw: random.Random) -> None:
    for _ in range(draw.randrange(1, 60)):
        row = draw.choice(rows[1:])
        if row:
            row[draw.randrange(len(row))] = draw.choice(NASTY)


@in_table
def nasty_column(rows: list[list[bytes]], draw: random.Random) -> None:
    at, what = column(rows, draw), draw.choice(NASTY)
    for row in rows[1:]:
        if at < len(row):
            row[at] = what


@in_table
def drop_column(rows: list[list[bytes]], draw: random.Random) -> None:
    at = column(rows, draw)
    for row in rows:
        del row[at : at + 1]


@in_table
def repeat_column(rows: list[list[bytes]], draw: random.Random) -> None:
    at = column(rows, draw)
    for row in rows:
        row.extend(row[at : at + 1])


@in_table
def swap_headers(rows: list[list[bytes]], draw: random.Random) -> None:
    draw.shuffle(rows[0])


@in_table
def rename_header(rows: list[list[bytes]], draw: random.Random) -> None:
    if rows[0]:
        rows[0][column(rows, draw)] = draw.choice(NASTY)


@in_table
def repeat_rows(rows: list[list[bytes]], draw: random.Random) -> None:
    rows.extend([list(row) for row in draw.sample(rows, min(len(rows), 20))])


@in_table
def ragged_rows(rows: list[list[bytes]], draw: random.Random) -> None:
    for row in draw.sample(rows[1:], min(len(rows) - 1, 8)):
        if draw.random() < 0.5:
            row.append(b"more")
        else:
            del row[draw.randrange(len(row) + 1) :]


@in_table
def only_header(rows: list[list[bytes]], draw: random.Random) -> None:
    del rows[1 + draw.randrange(2) :]


MUTATE: tuple[Mutation, ...] = (
    cut, lose_bytes, repeat_bytes, insert, flip, recode, other_separator, other_line_ends,
    another_file, nasty_cells, nasty_cells, nasty_column, nasty_column, drop_column, repeat_column,
    swap_headers, rename_header, repeat_rows, ragged_rows, only_header,
)  # fmt: skip

GIAS_FILES = {
    "edubasealldata20260512.csv": "file",
    "links_edubasealldata20260512.csv": "links",
    "overrides.csv": "overrides",
    "postcodes.csv": "postcodes",
    "boundary.geojson": "boundary",
    "children.csv": "children",
}
AREA_FILES = {
    "people.csv": "population",
    "centroids.csv": "centroids",
    "lookup.csv": "lookup",
    "imd.csv": "deprivation",
    "snpp.csv": "projection",
    "lsoa.gpkg": "layer",
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Sound files of every sort that is read, by their names."""
    folder = tmp_path_factory.mktemp("sound")
    write_register(folder, rows=ROWS, seed=7)
    (folder / "overrides.csv").write_text(
        "provision,places,academic_year,exclude,needs,designation\n"
        "100003,40,2025/26,,ASD,Autism\n100010,,,no,,\n"
    )
    lines = [f"AB{i % 90 + 1} {i % 10}AA,,{150_000 + 100 * i},60000,E0{i}" for i in range(200)]
    (folder / "postcodes.csv").write_text(
        "pcds,doterm,oseast1m,osnrth1m,lsoa21\n" + "\n".join(lines) + "\n"
    )
    (folder / "boundary.geojson").write_text(
        '{"type": "Feature", "properties": {"name": "Shire 210"}, "geometry": {"type": "Polygon", '
        '"coordinates": [[[-3, 50], [0, 50], [0, 54], [-3, 54], [-3, 50]]]}}'
    )
    (folder / "children.csv").write_text(
        "area,need,year_group,provision,children\nA,ASD,3,100003,5\n"
    )
    test_areas.population(folder)
    test_areas.points(folder)
    test_areas.lookup(folder)
    test_areas.squares().to_file(folder / "lsoa.gpkg")
    areas = pd.DataFrame({"LSOA21CD": test_areas.AREAS, "IMD decile": range(1, 7)})
    areas.to_csv(folder / "imd.csv", index=False)
    ages = [{"AREA_CODE": "E10000001", "AREA_NAME": "Saltshire", "SEX": "persons",
             "AGE_GROUP": age, "2025": 100, "2026": 90} for age in range(27)]  # fmt: skip
    pd.DataFrame(ages).to_csv(folder / "snpp.csv", index=False)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def check_accounts(accounts: list[RowAccount]) -> None:
    for account in accounts:
        assert account.missing == 0, account


def check_table(frame: pd.DataFrame, name: str, folder: Path) -> None:
    """The table is one that the optimiser reads without an error."""
    write_table(frame, name, folder / f"{name}.csv")
    problems = Problems()
    read_table(name, folder / f"{name}.csv", problems)
    assert not problems.errors, problems.errors


def check_refusal(error: InputError) -> None:
    assert error.problems
    for problem in error.problems:
        assert problem.message and problem.remedy
        assert len(str(problem)) < 3_000
    assert SECRET not in str(error)


def run_gias(folder: Path) -> str:
    try:
        result = import_gias(
            folder / "edubasealldata20260512.csv", "210",
            links=folder / "links_edubasealldata20260512.csv",
            overrides=folder / "overrides.csv", postcodes=[folder / "postcodes.csv"],
            boundary=folder / "boundary.geojson", children=folder / "children.csv",
            within_km=200.0,
        )  # fmt: skip
    except InputError as error:
        check_refusal(error)
        return "refused"
    check_accounts(result.report.accounts)
    check_table(result.provisions, "provisions", folder)
    check_table(result.commissioned_places, "commissioned_places", folder)
    assert not result.provisions["provision"].duplicated().any()
    assert SECRET not in result.report.text() + result.report.table().decode("utf-8")
    return "imported"


def run_areas(folder: Path, *, layer: bool) -> str:
    try:
        result = import_areas(
            folder / "people.csv",
            centroids=folder / ("lsoa.gpkg" if layer else "centroids.csv"),
            lookup=folder / "lookup.csv", deprivation=folder / "imd.csv",
            projection=folder / "snpp.csv", authority="Saltshire",
        )  # fmt: skip
    except InputError as error:
        check_refusal(error)
        return "refused"
    check_accounts(result.report.accounts)
    check_table(result.areas, "areas", folder)
    if len(result.population):
        check_table(result.population, "population", folder)
    assert not result.areas["area"].duplicated().any()
    result.report.text()
    return "imported"


def mutated(originals: dict[str, bytes], folder: Path, seed: int) -> str:
    """Damage one file in one to three ways, import, and say how it ended."""
    draw = random.Random(seed)
    for name, content in originals.items():
        (folder / name).write_bytes(content)
    gias = draw.random() < 0.6
    # the download itself is what is most often damaged
    names = [*GIAS_FILES, *[next(iter(GIAS_FILES))] * 4] if gias else list(AREA_FILES)
    name = draw.choice(names)
    content = originals[name]
    for _ in range(draw.randrange(1, 4)):
        content = draw.choice(MUTATE)(content, draw)
    (folder / name).write_bytes(content)
    return run_gias(folder) if gias else run_areas(folder, layer=name == "lsoa.gpkg")


def test_the_sound_files_are_imported(originals: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in originals.items():
        (tmp_path / name).write_bytes(content)
    assert run_gias(tmp_path) == "imported"
    assert run_areas(tmp_path, layer=False) == run_areas(tmp_path, layer=True) == "imported"


@pytest.mark.slow
def test_damaged_files_end_in_a_listed_error_or_an_accounted_import(
    originals: dict[str, bytes], tmp_path: Path
) -> None:
    ends = []
    for seed in range(MUTATIONS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            ends.append(mutated(originals, folder, seed))
        except Exception as error:
            short = f"{type(error).__name__}: {str(error)[:300]}"
            raise AssertionError(f"mutation {seed}: {short}") from error
    # both ends come about, so that neither check is idle
    assert ends.count("refused") > MUTATIONS // 5
    assert ends.count("imported") > MUTATIONS // 5
