"""Postcode files of every year become one look-up; no postcode is shown in a message."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sufficiency.imports.files import ROWS_IN_A_CHUNK
from sufficiency.imports.postcodes import Postcodes, postcode_key, read_postcodes
from sufficiency.problems import Problems

ONSPD = """pcd,pcd2,pcds,dointr,doterm,oslaua,oseast1m,osnrth1m,lsoa11,lat,long,lsoa21
"AB1 0AA","AB1  0AA","AB1 0AA","198001","","E1","0385386","0401193","E01","53.1","-2.2","E01099001"
"AB1 0AB","AB1  0AB","AB1 0AB","198001","199606","E1","0385177","0401314","E01","53.1","-2.2","E02"
"BT1 1AA","BT1  1AA","BT1 1AA","198001","","N1","0333333","0373333","","54.6","-5.9",""
"JE2 3AA","JE2  3AA","JE2 3AA","198001","","L1","","","","99.999999","0.0",""
"""
"""The directory's columns in the years to 2024, with invented rows."""


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def read(*paths: Path, **options: str) -> Postcodes:
    problems = Problems()
    found = read_postcodes(paths, problems, **options)
    assert not problems.errors, problems.errors
    return found


def test_the_directory_gives_points_and_the_areas_of_2021(tmp_path: Path) -> None:
    postcodes = read(written(tmp_path / "ONSPD.csv", ONSPD))
    assert postcodes.area_column == "lsoa21"
    found = postcodes.find(pd.Series(["ab10aa", " AB1 0ab ", "AB1 0AC", None, "", "rubbish"]))
    assert found["easting"].tolist()[:2] == [385386.0, 385177.0]
    assert found["area"].tolist() == ["E01099001", "E02", "", "", "", ""]
    assert found["easting"].isna().tolist() == [False, False, True, True, True, True]


def test_every_row_of_the_directory_is_accounted_for(tmp_path: Path) -> None:
    (account,) = read(written(tmp_path / "ONSPD.csv", ONSPD)).accounts
    assert (account.read, account.used, account.missing) == (4, 2, 0)
    assert account.excluded == {
        "in Northern Ireland, on another grid": 1,
        "no grid reference and no small area": 1,
    }


def test_headers_of_2025_and_a_chosen_area_column(tmp_path: Path) -> None:
    text = (
        "pcd7,pcds,doterm,east1m,north1m,wd25cd,lsoa21cd\nAB10AA,AB1 0AA,,385386,401193,E05,E01\n"
    )
    path = written(tmp_path / "ONSPD_MAY_2025_UK.csv", text)
    assert read(path).find(pd.Series(["AB1 0AA"]))["area"].item() == "E01"
    assert read(path, area_column="WD25CD").find(pd.Series(["AB1 0AA"]))["area"].item() == "E05"
    problems = Problems()
    read_postcodes([path], problems, area_column="wd99cd")
    assert "wd99cd" in str(problems.errors[0])


def test_a_live_postcode_goes_before_an_ended_one_and_an_earlier_file_first(tmp_path: Path) -> None:
    header = "pcds,doterm,oseast1m,osnrth1m\n"
    one = written(tmp_path / "one.csv", header + "AB1 0AA,199901,100000,200000\n")
    two = written(tmp_path / "two.csv", header + "AB1 0AA,,110000,210000\n")
    three = written(tmp_path / "three.csv", header + "AB1 0AA,,120000,220000\n")
    found = read(one, two, three)
    assert found.find(pd.Series(["AB10AA"]))["easting"].item() == 110000
    assert [account.used for account in found.accounts] == [0, 1, 0]
    assert all(account.missing == 0 for account in found.accounts)


def test_code_point_open_without_a_header_as_folder_archive_and_layer(tmp_path: Path) -> None:
    rows = '"M1 1AA",10,384000,398000,"E92000001","","","","E08000003","E05011368"\n' \
           '"M1 1AB",90,0,0,"E92000001","","","","E08000003","E05011368"\n'  # fmt: skip
    folder = tmp_path / "CSV"
    folder.mkdir()
    path = written(folder / "m.csv", rows)
    written(folder / "Code-Point_Open_Column_Headers.csv", "PC,PQ,EA,NO\nPostcode,Q,E,N\n")
    archive = tmp_path / "codepo_gb.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.write(path, "Data/CSV/m.csv")
        zipped.writestr("Doc/Code-Point_Open_Column_Headers.csv", "PC,PQ,EA,NO\n")
    layer = tmp_path / "codepo_gb.gpkg"
    gpd.GeoDataFrame(
        {"postcode": ["M1 1AA"]}, geometry=[shapely.Point(384000, 398000)], crs=27700
    ).to_file(layer)
    for source in (path, folder, archive, layer):
        found = read(source)
        assert found.find(pd.Series(["m11aa"])).values.tolist() == [[384000.0, 398000.0, ""]]
        assert found.accounts[0].missing == 0
    assert read(path).accounts[0].excluded == {"no grid reference and no small area": 1}


def test_degrees_are_used_where_there_is_no_grid_reference(tmp_path: Path) -> None:
    path = written(tmp_path / "p.csv", "postcode,latitude,longitude\nM1 1AA,53.4808,-2.2426\n")
    found = read(path).find(pd.Series(["M1 1AA"]))
    assert found["easting"].item() == pytest.approx(384000, abs=150)
    assert found["northing"].item() == pytest.approx(398300, abs=250)


def test_postcodes_take_the_nearest_area_where_the_file_names_none(tmp_path: Path) -> None:
    rows = "pcds,oseast1m,osnrth1m\nAB1 0AA,100900,200000\nAB1 0AB,104000,200100\n" \
           "AB1 0AC,160000,200000\n"  # fmt: skip
    areas = pd.DataFrame(
        {"area": ["A", "B"], "easting": [100000.0, 105000.0], "northing": [200000.0, 200000.0]}
    )
    postcodes = read(written(tmp_path / "p.csv", rows)).joined_to(areas)
    found = postcodes.find(pd.Series(["AB1 0AA", "AB1 0AB", "AB1 0AC"]))
    assert found["area"].tolist() == ["A", "B", ""]  # the third lies far outside
    assert postcodes.estimates == (
        "2 postcodes are given the nearest small area, because the postcode file does not name 2 "
        "of the 2 areas.",
    )


def test_areas_of_the_file_go_before_the_nearest(tmp_path: Path) -> None:
    """Codes of another year: A is known by its code, C only by where it is; X lies elsewhere."""
    rows = (
        "pcds,oseast1m,osnrth1m,lsoa21\nAB1 0AA,100000,200000,A\nAB1 0AB,100100,200000,C_OLD\n"
        "AB1 0AC,101900,200000,C_OLD\nAB1 0AD,101900,200100,A\n"
    )
    areas = pd.DataFrame(
        {"area": ["A", "C"], "easting": [100000.0, 102000.0], "northing": [200000.0, 200000.0]}
    )
    postcodes = read(written(tmp_path / "p.csv", rows)).joined_to(areas)
    found = postcodes.find(pd.Series(["AB1 0AA", "AB1 0AB", "AB1 0AC", "AB1 0AD"]))
    # the second lies nearest to A, whose own postcodes the file names: it is somebody else's
    assert found["area"].tolist() == ["A", "", "C", "A"]


def test_a_boundary_limits_the_nearest_area(tmp_path: Path) -> None:
    path = written(tmp_path / "p.csv", "pcds,oseast1m,osnrth1m\nAB1 0AA,100900,200000\n")
    areas = pd.DataFrame({"area": ["A"], "easting": [100000.0], "northing": [200000.0]})
    inside = shapely.box(99000, 199000, 101000, 201000)
    outside = shapely.box(99000, 199000, 100500, 201000)
    wanted = pd.Series(["AB1 0AA"])
    assert read(path).joined_to(areas, inside).find(wanted)["area"].item() == "A"
    assert read(path).joined_to(areas, outside).find(wanted)["area"].item() == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"upn,forename\nA1,Mia\n", "none of its columns"),
        (b"pcds,doterm\nM1 1AA,\n", "neither grid references nor small areas"),
        (b"pcds,oseast1m,osnrth1m\nM1 1AA,384000,398000\nM1 1AB,3840", "is cut off"),
        (b'pcds,oseast1m,osnrth1m\nM1 1AA,384000,398000\n"M1 1AB,3840', "is cut off"),
        (b"pcds,oseast1m,osnrth1m\nM1 1AA,38\x00000,398000\n", "binary content"),
        (b"x" * 70_000, "its first line has no end"),
    ],
)
def test_a_file_that_is_none_is_refused_with_a_remedy(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "postcodes.csv"
    path.write_bytes(content)
    problems = Problems()
    assert len(read_postcodes([path], problems)) in (0, 1)
    (error,) = problems.errors
    assert said in str(error)
    assert error.remedy and error.file == "postcodes.csv"
    assert "M1 1A" not in str(error) and "Mia" not in str(error)


def test_a_damaged_archive_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "onspd.zip"
    broken.write_bytes(b"PK\x03\x04 half a download")
    problems = Problems()
    read_postcodes([broken, tmp_path / "none.csv"], problems)
    assert ["damaged" in str(e) or "does not exist" in str(e) for e in problems.errors] == [
        True
    ] * 2


def test_keys_tell_postcodes_apart() -> None:
    texts = ["M1 1AA", "M11 1AA", "M1A 1AA", "EC1A 1BB", "GIR 0AA", "M1 1AB", "nowhere"]
    keys = postcode_key(pd.Series(texts))
    assert len(set(keys)) == len(texts)
    assert keys[-1] == -1 and (keys[:-1] > 0).all()


def test_a_long_file_is_read_in_chunks(tmp_path: Path) -> None:
    number = ROWS_IN_A_CHUNK + 1234
    digits = np.arange(number)
    letters = [chr(65 + i) for i in range(20)]
    path = tmp_path / "p.csv"
    with path.open("w") as handle:
        handle.write("pcds,oseast1m,osnrth1m,lsoa21\n")
        for i in digits:
            last = f"{(i // 1800) % 10}{letters[(i // 18000) % 20]}A"
            code = f"{letters[i % 20]}{(i // 20) % 90 + 1} {last}"
            handle.write(f"{code},{100000 + i},200000,E{i % 7}\n")
    postcodes = read(path)
    assert len(postcodes) == number == postcodes.accounts[0].used
    found = postcodes.find(pd.Series(["A1 0AA"]))
    assert found.values.tolist() == [[100000.0, 200000.0, "E0"]]
