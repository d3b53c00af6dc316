"""Files as planners save them: read where the meaning is plain, named where it is not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sufficiency.problems import InputError, Problems
from sufficiency.tables import MANIFEST, Tables, empty_table, read_boundary, read_table, read_tables
from sufficiency.vocabulary import NEEDS
from tests.tables.conftest import TINY, Read, assert_named, spoil

SQUARE = shapely.box(440_000, 300_000, 460_000, 320_000)


def test_the_tiny_authority_is_clean(read: Read) -> None:
    tables, problems = read()
    assert problems.errors == []
    assert problems.warnings == []
    assert tables.sources["areas"] == "areas.csv"
    assert tables.hashes["rates"] == hashlib.sha256(TINY["rates"].encode()).hexdigest()


def test_cells_in_memory(read: Read) -> None:
    tables, _ = read()
    quay, schools, heron = tables.provisions.to_dict("records")
    assert quay["needs"] == ("ASD", "SLD")
    assert quay["tiers"] == (3, 4)
    assert (quay["opens"], quay["closes"]) == (-1, -1)
    assert schools["needs"] == tuple(sorted(NEEDS))
    assert schools["tiers"] == ()
    assert np.isnan(schools["easting"])
    assert (heron["opens"], heron["closes"]) == (2020, 2040)
    assert tables.provisions["inside_authority"].tolist() == ["yes", "yes", "no"]
    assert tables.areas["name"].tolist() == ["Mill Lane", "A02"]
    base, wing, _ = tables.schemes.to_dict("records")
    assert base["capital_profile"] == (0.2, 0.5, 0.3)
    assert wing["capital_profile"] == ()
    assert wing["requires"] == ("base",)
    assert wing["funding_sources"] == ("grant", "loan")
    assert wing["running_pounds"] == 0
    assert tables.children_today["tier"].tolist() == [3, 0, 1, 3]
    assert tables.children_today["_row"].tolist() == [2, 3, 4, 5]
    assert tables.budgets["financial_year"].tolist() == [2026, 2027]
    assert tables.projected_children["draw"].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", [name for name in MANIFEST if name != "boundary"])
def test_an_absent_table_has_the_same_types_as_a_full_one(read: Read, name: str) -> None:
    tables, _ = read()
    assert empty_table(name).dtypes.to_dict() == tables.frame(name).dtypes.to_dict()
    assert getattr(Tables(), name).empty


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + TINY["areas"].encode(), id="byte-order mark"),
        pytest.param(TINY["areas"].replace("\n", "\r\n").encode(), id="Windows line ends"),
        pytest.param(
            TINY["areas"].replace("Mill Lane", "Caf\u00e9 Row").encode("cp1252"), id="cp1252"
        ),
        pytest.param(TINY["areas"].encode("utf-16"), id="Unicode text"),
        pytest.param(TINY["areas"].replace(",", ";").encode(), id="semicolons"),
        pytest.param(TINY["areas"].replace(",", "\t").encode(), id="tabs"),
        pytest.param(TINY["areas"].replace("451000", '"451,000"').encode(), id="thousands"),
        pytest.param(TINY["areas"].replace("451000", "451000.0").encode(), id="Excel number"),
        pytest.param(TINY["areas"].replace("A01", " A01  ").encode(), id="spaces"),
        pytest.param(TINY["areas"].encode() + b"\n,,,,,,,,,\n\n", id="empty lines at the end"),
        pytest.param(b"\n\n" + TINY["areas"].encode(), id="empty lines at the start"),
        pytest.param(TINY["areas"].replace("\n", ",,\n").encode(), id="empty columns"),
        pytest.param(
            TINY["areas"].replace("children_0_4", "Children 0-4").encode(), id="header spaces"
        ),
        pytest.param(TINY["areas"].replace("easting", "EASTING ").encode(), id="header capitals"),
    ],
)
def test_plain_meaning_is_read(read: Read, content: bytes) -> None:
    tables, problems = read(areas=content)
    assert problems.errors == []
    assert problems.warnings == []
    assert tables.areas["easting"].tolist() == [451000, 455000]
    assert tables.areas["area"].tolist() == ["A01", "A02"]


def test_text_keeps_its_accents(read: Read) -> None:
    tables, _ = read(areas=TINY["areas"].replace("Mill Lane", "Caf\u00e9 Row").encode("cp1252"))
    assert tables.areas["name"].iloc[0] == "Caf\u00e9 Row"


@pytest.mark.parametrize(
    ("table", "old", "new", "column", "expected"),
    [
        ("budgets", "2500000", '"£2,500,000"', "pounds", 2_500_000),
        ("children_today", "ASD,3,4,", "asd,3,4,", "need", "ASD"),
        ("children_today", "ASD,3,4,", "ASD,3.0,4.0,", "year_group", 4),
        ("projected_children", "2026/27", "2026-27", "academic_year", 2026),
        ("projected_children", "2026/27", "2026/2027", "academic_year", 2026),
        ("projected_children", "2026/27", "2026", "academic_year", 2026),
        ("projected_children", "2026/27", "2026.0", "academic_year", 2026),
        ("provisions", "state_special", "State special school", "kind", "state_special"),
        ("provisions", "state_special", "State Special", "kind", "state_special"),
        ("provisions", "ASD|SLD", "SLD; ASD", "needs", ("ASD", "SLD")),
        ("provisions", "3|4,,,", "any,,,Yes", "inside_authority", "yes"),
    ],
)
def test_ways_of_writing_a_cell(
    read: Read, table: str, old: str, new: str, column: str, expected: object
) -> None:
    tables, problems = read(**{table: spoil(table, old, new)})
    assert problems.errors == []
    assert tables.frame(table)[column].iloc[0] == expected


@pytest.mark.parametrize(
    ("table", "old", "new", "row", "column", "value", "message", "remedy"),
    [
        ("areas", "451000", "", 2, "easting", "", "is blank", "number"),
        ("areas", "North", " ", 2, "locality", "", "is blank", "fill in"),
        ("areas", ",400,", ",many,", 2, "children_0_4", "many", "not a number", "from 0 (people)"),
        ("areas", ",400,", ",-4,", 2, "children_0_4", "-4", "negative", "from 0"),
        ("areas", ",400,", ",NaN,", 2, "children_0_4", "NaN", "not a finite", "number"),
        ("areas", ",400,", ",inf,", 2, "children_0_4", "inf", "not a finite", "number"),
        ("areas", ",400,", ",1e999,", 2, "children_0_4", "1e999", "not a finite", "number"),
        ("areas", ",400,", ",<5,", 2, "children_0_4", "<5", "suppressed", "the count itself"),
        ("areas", ",400,", ",#REF!,", 2, "children_0_4", "#REF!", "spreadsheet", "formula"),
        ("areas", ",4\n", ",11\n", 2, "deprivation_decile", "11", "outside", "from 1 to 10"),
        ("areas", ",4\n", ",4.5\n", 2, "deprivation_decile", "4.5", "not a whole", "whole number"),
        ("rates", "0.01", "1%", 3, "ceasing_share", "1%", "percentage", "0.12"),
        ("rates", "0.01", "1.5", 3, "ceasing_share", "1.5", "outside", "from 0 to 1"),
        ("children_today", "ASD,3,4", "ASDD,3,4", 2, "need", "ASDD", "mean 'ASD'", "use one of"),
        ("children_today", "ASD,3,4", "ASD,5,4", 2, "tier", "5", "not a tier", "1, 2, 3 or 4"),
        ("children_today", "ASD,3,4", "ASD,3,21", 2, "year_group", "21", "outside", "-4 to 20"),
        ("provisions", "state_special", "state_specail", 2, "kind", "state_specail",
         "did you mean 'state_special'", "use one of"),
        ("provisions", "ASD|SLD", "ASD|SDL", 2, "needs", "ASD|SDL", "'SDL' is no known need; did",
         "separated by |"),
        ("provisions", "3|4", "3|9", 2, "tiers", "3|9", "not a list of tiers", "from 1 to 4"),
        ("provisions", "3|4,,,", "3|4,,,maybe", 2, "inside_authority", "maybe", "yes or no", "yes"),
        ("provisions", "2020/21", "2020/23", 4, "opens", "2020/23", "an academic year", "2026/27"),
        ("budgets", "2026-27", "soon", 2, "financial_year", "soon", "a financial year", "2026-27"),
        ("schemes", "0.2|0.5|0.3", "0.2|half", 2, "capital_profile", "0.2|half", "list of shares",
         "0.2|0.5|0.3"),
        ("population", ",4,", ",26,", 2, "age", "26", "outside", "from 0 to 25"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named(
    read: Read, table: str, old: str, new: str, row: int, column: str, value: str, message: str,
    remedy: str,
) -> None:  # fmt: skip
    _, problems = read(**{table: spoil(table, old, new)})
    (problem,) = [p for p in problems.errors if p.column == column]
    assert (problem.file, problem.row, problem.value) == (f"{table}.csv", row, value)
    assert message in problem.message
    assert remedy in problem.remedy
    assert_named(problem)


@pytest.mark.parametrize(
    ("table", "old", "new", "column", "message", "remedy"),
    [
        ("areas", "locality", "localty", "locality", "did you mean 'localty'", "rename"),
        ("areas", "locality", "zzz", "locality", "the column is missing.", "add a column"),
        ("areas", "locality", "area", "area", "stands twice", "keep one"),
    ],
)
def test_a_bad_header_is_named(
    read: Read, table: str, old: str, new: str, column: str, message: str, remedy: str
) -> None:
    _, problems = read(**{table: spoil(table, old, new)})
    problem = problems.errors[0]
    assert (problem.file, problem.row, problem.column) == (f"{table}.csv", 1, column)
    assert message in problem.message
    assert remedy in problem.remedy


def test_an_unknown_column_is_a_warning_with_the_near_name(read: Read) -> None:
    _, problems = read(provisions=spoil("provisions", "closes", "closses"))
    assert problems.errors == []
    (warning,) = problems.warnings
    assert warning.column == "closses"
    assert "did you mean 'closes'" in warning.message


def test_unquoted_thousands_are_named_by_row(read: Read) -> None:
    _, problems = read(budgets=spoil("budgets", "1000000", "1,000,000"))
    problem = problems.errors[0]
    assert (problem.file, problem.row) == ("budgets.csv", 3)
    assert "5 cells under a header of 3" in problem.message
    assert "double quotes" in problem.remedy


def test_an_open_quote_is_named_by_row(read: Read) -> None:
    _, problems = read(budgets=spoil("budgets", "loan", '"loan'))
    assert problems.errors[0].row == 3
    assert "quotes" in problems.errors[0].message


@pytest.mark.parametrize(
    ("name", "content", "message", "remedy"),
    [
        ("areas.csv", b"", "0 bytes", "save it again"),
        ("areas.csv", b"\n \n", "no header", "header"),
        ("areas.csv", b"\x00\x01\x02\x03", "cannot be read", "CSV"),
        ("areas.csv", b"<!DOCTYPE html><html></html>", "web page", "download the data"),
        ("areas.csv", b"PK\x03\x04rest", "spreadsheet", "as CSV"),
        ("areas.xlsx", b"PK\x03\x04rest", "spreadsheet", "as CSV"),
        ("areas.parquet", b"PAR1nonsense", "cannot be read", "Parquet"),
        ("areas.gpkg", b"SQLite nonsense", "cannot be read", "GeoPackage"),
        ("areas.docx2", b"words", "extension", "CSV"),
    ],
)
def test_a_file_that_is_no_table(
    tmp_path: Path, name: str, content: bytes, message: str, remedy: str
) -> None:
    (tmp_path / name).write_bytes(content)
    problems = Problems()
    frame = read_table("areas", tmp_path / name, problems)
    (problem,) = problems.errors
    assert frame.empty
    assert problem.file == name
    assert message in problem.message
    assert remedy in problem.remedy
    assert str(tmp_path) not in str(problem)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "areas.csv").mkdir()
    paths = {"areas": tmp_path / "areas.csv", "provisions": tmp_path / "provisions.csv"}
    problems = Problems()
    read_tables({**paths, "schools": tmp_path / "x.csv"}, problems)
    found = {problem.file: problem.message for problem in problems.errors}
    assert "no known table" in found["schools"]
    assert "is a folder" in found["areas.csv"]
    assert "does not exist" in found["provisions.csv"]
    assert "required table is missing" in found["children_today.csv"]
    assert "required table is missing" in found["commissioned_places.csv"]


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "areas.csv"
    path.write_text(TINY["areas"])

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    problems = Problems()
    assert read_table("areas", path, problems).empty
    assert "cannot be read" in problems.errors[0].message
    assert problems.errors[0].value == "Permission denied"


def test_a_required_table_without_rows(read: Read) -> None:
    header = TINY["children_today"].splitlines()[0] + "\n"
    _, problems = read(children_today=header)
    assert [p.message for p in problems.errors] == ["has no rows."]


def test_many_errors_are_collected_at_once(read: Read) -> None:
    _, problems = read(
        areas=spoil("areas", "451000", "here"),
        provisions=spoil("provisions", "state_special", "schol"),
        children_today=spoil("children_today", "ASD,3,4,quay,3", "AUT,9,44,quay,-3"),
        travel=None,
        budgets=b"",
    )
    with pytest.raises(InputError) as raised:
        problems.raise_if_any()
    named = {(p.file, p.column) for p in raised.value.problems}
    assert named == {
        ("areas.csv", "easting"),
        ("provisions.csv", "kind"),
        ("children_today.csv", "need"),
        ("children_today.csv", "tier"),
        ("children_today.csv", "year_group"),
        ("children_today.csv", "children"),
        ("budgets.csv", ""),
    }


def test_at_most_twenty_rows_are_named_and_every_distinct_mistake_is_among_them(read: Read) -> None:
    rows = [f"{2026 + i // 26}/{27 + i // 26},{i % 26},few" for i in range(60)]
    rows[50] = rows[50].replace("few", "lots")
    _, problems = read(population="\n".join(["academic_year,age,people", *rows]))
    named = [p for p in problems.errors if p.row is not None]
    assert len(named) == 20
    assert "lots" in {p.value for p in named}
    assert problems.errors[-1].message.startswith("and 40 more rows")


# ------------------------------------------------------------------ other formats


def test_parquet_and_geopackage_give_the_same_frame(tmp_path: Path, read: Read) -> None:
    expected = read()[0].areas
    raw = pd.read_csv(tmp_path / "areas.csv")
    raw.to_parquet(tmp_path / "areas.parquet")
    points = gpd.points_from_xy(raw["easting"], raw["northing"])
    gpd.GeoDataFrame(raw, geometry=points, crs=27700).to_file(tmp_path / "areas.gpkg")
    for name in ("areas.parquet", "areas.gpkg"):
        problems = Problems()
        pd.testing.assert_frame_equal(read_table("areas", tmp_path / name, problems), expected)
        assert problems == Problems()


def test_a_geopackage_with_several_layers(tmp_path: Path) -> None:
    layer = gpd.GeoDataFrame({"wkt": ["x"]}, geometry=[SQUARE], crs=27700)
    for name in ("one", "two"):
        layer.to_file(tmp_path / "boundary.gpkg", layer=name)
    problems = Problems()
    assert read_boundary(tmp_path / "boundary.gpkg", problems) is None
    assert problems.errors[0].value == "one, two"
    layer.to_file(tmp_path / "boundary.gpkg", layer="boundary")
    assert read_boundary(tmp_path / "boundary.gpkg", Problems()) is not None


@pytest.mark.parametrize("suffix", ["geojson", "gpkg"])
def test_a_boundary_is_brought_to_the_national_grid(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"boundary.{suffix}"
    gpd.GeoSeries([SQUARE], crs=27700).to_crs(4326).to_file(path)
    problems = Problems()
    boundary = read_boundary(path, problems)
    assert problems.errors == []
    assert boundary is not None
    assert boundary.symmetric_difference(SQUARE).area < 1e-3 * SQUARE.area


def test_parts_of_a_boundary_are_joined_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "boundary.csv"
    bow_tie = (
        "POLYGON ((440000 300000, 450000 310000, 450000 300000, 440000 310000, 440000 300000))"
    )
    path.write_text(f'wkt\n"{bow_tie}"\n"{shapely.box(450_000, 300_000, 460_000, 310_000).wkt}"\n')
    boundary = read_boundary(path, Problems())
    assert boundary is not None
    assert boundary.is_valid
    assert boundary.area == pytest.approx(1.5e8)


@pytest.mark.parametrize(
    ("wkt", "message"),
    [
        ("somewhere", "no well-known text"),
        ("POINT (450000 310000)", "no polygon"),
        (shapely.box(-1.5, 52, -1, 53).wkt, "look like degrees"),
        (shapely.box(-9e5, 52, -1, 53).wkt, "outside the British National Grid"),
        ("POLYGON ((1e999 3, 5 3, 5 9, 1e999 3))", ""),
    ],
)
def test_a_bad_boundary_is_named(tmp_path: Path, wkt: str, message: str) -> None:
    path = tmp_path / "boundary.csv"
    path.write_text(f'wkt\n"{wkt}"\n')
    problems = Problems()
    assert read_boundary(path, problems) is None
    (problem,) = problems.errors
    assert message in problem.message
    assert problem.file == "boundary.csv"


def test_a_boundary_longer_than_the_usual_cell(tmp_path: Path) -> None:
    path = tmp_path / "boundary.csv"
    circle = shapely.Point(450_000, 310_000).buffer(9_000, quad_segs=2_000)
    assert len(circle.wkt) > 131_072
    path.write_text(f'wkt\n"{circle.wkt}"\n')
    assert read_boundary(path, Problems()) is not None


# ------------------------------------------------------------------ DataFrames


def test_data_frames_are_converted_as_files_are(read: Read, tmp_path: Path) -> None:
    from_files, _ = read()
    raw = {n: pd.read_csv(tmp_path / f"{n}.csv") for n in TINY if n != "boundary"}
    tables = Tables.from_frames(raw, boundary=SQUARE)
    for name in raw:
        columns = [c for c in tables.frame(name) if c != "inside_authority"]
        pd.testing.assert_frame_equal(tables.frame(name)[columns], from_files.frame(name)[columns])
    assert tables.sources["areas"] == "areas (DataFrame)"
    assert len(tables.hashes["boundary"]) == 64


def test_frames_in_memory_can_be_given_back(read: Read) -> None:
    tables, _ = read()
    frames = {name: tables.frame(name) for name in MANIFEST if name != "boundary"}
    again = Tables.from_frames(frames, boundary=gpd.GeoSeries([SQUARE], crs=27700))
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(again.frame(name), frame)


def test_data_frames_may_hold_lists_and_numbers(read: Read) -> None:
    tables, _ = read()
    frames = {name: tables.frame(name) for name in MANIFEST if name != "boundary"}
    frames["provisions"] = pd.DataFrame(
        {
            "provision": [7.0, 8.0],
            "name": "x",
            "kind": "mainstream",
            "needs": [["SLD", "ASD"], "any"],
            "lowest_year_group": [0, 0],
            "highest_year_group": [6.0, 11.0],
            "opens": [2026, None],
            "inside_authority": [True, False],
        }
    )
    problems = Problems()
    provisions = Tables.from_frames(frames, problems=problems).provisions
    assert problems.errors == []
    assert provisions["provision"].tolist() == ["7", "8"]
    assert provisions["needs"].iloc[0] == ("ASD", "SLD")
    assert provisions["opens"].tolist() == [2026, -1]
    assert provisions["inside_authority"].tolist() == ["yes", "no"]


def test_any_object_in_a_data_frame_gives_a_problem() -> None:
    odd = pd.Series([{"a": 1}, ["ASD", "XX"], object(), pd.NA, b"x"], dtype=object)
    for column in ("needs", "places", "earliest_opening", "kind"):
        problems = Problems()
        frame = pd.DataFrame({column: odd, "name": "x"})
        Tables.from_frames({"schemes": frame}, problems=problems)
        named = {p.row for p in problems.errors if p.column == column}
        assert named == {2, 3, 4, 5, 6}
    problems = Problems()
    Tables.from_frames({"schemes": pd.DataFrame({"needs": odd})}, problems=problems)
    (listed,) = [p for p in problems.errors if (p.row, p.column) == (3, "needs")]
    assert listed.value == "ASD|XX"
    assert "'XX' is no known need" in listed.message


def test_problems_of_data_frames_count_rows_from_two() -> None:
    with pytest.raises(InputError) as raised:
        Tables.from_frames({"allocations": pd.DataFrame({"financial_year": [2026, 2027],
                                                         "pounds": [1.0, np.inf]},
                                                        index=[10, 11])})  # fmt: skip
    problem = raised.value.problems[0]
    assert (problem.file, problem.row) == ("allocations (DataFrame)", 3)
    assert (problem.column, problem.value) == ("pounds", "inf")


def test_a_table_of_25_000_rows(tmp_path: Path) -> None:
    rows = (f"A{i % 300},ASD,3,{i % 12},p{i // 3600},1" for i in range(25_000))
    path = tmp_path / "children_today.csv"
    path.write_text("area,need,tier,year_group,provision,children\n" + "\n".join(rows))
    problems = Problems()
    assert len(read_table("children_today", path, problems)) == 25_000
    assert problems == Problems()
