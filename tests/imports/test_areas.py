"""Published files about small areas become the table of areas of one authority."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sufficiency.cli import main
from sufficiency.demand.projection import AGE_BANDS
from sufficiency.imports.area_files import Age, age_of, partition
from sufficiency.imports.areas import AreasImport, import_areas
from sufficiency.problems import EXIT_OK, InputError, Problems
from sufficiency.tables import read_boundary, read_table
from tests.imports.schools import REPOSITORY

AUTHORITIES = REPOSITORY.parent / "shared" / "data" / "authorities"

AREAS = [f"E0100000{i}" for i in range(1, 7)]
"""Six areas, a kilometre apart: the first four are Saltshire's, in two districts."""

NAMES = ["Saltham 001A", "Saltham 001B", "Fenwick 002A", "Fenwick 002B", "Other 001A", "Other 001B"]
DISTRICTS = ["Saltham", "Saltham", "Fenwick", "Fenwick", "Other", "Other"]


def save(path: Path, frame: pd.DataFrame, above: str = "", below: str = "") -> Path:
    path.write_text(above + frame.to_csv(index=False) + below, encoding="utf-8")
    return path


def single_ages(area: int) -> list[int]:
    """People of each age from 0 to 30: the age plus ten times the number of the area."""
    return [age + 10 * area for age in range(31)]


def population(folder: Path, **options: str) -> Path:
    """People by single age and sex, as ONS mid-year estimates for small areas are saved."""
    rows: list[dict[str, Any]] = []
    for i, area in enumerate(AREAS):
        people = single_ages(i)
        row: dict[str, Any] = {
            "LAD 2023 Code": f"E0700000{i // 2}", "LAD 2023 Name": DISTRICTS[i],
            "LSOA 2021 Code": area, "LSOA 2021 Name": NAMES[i], "Total": f"{sum(people):,}",
        }  # fmt: skip
        row |= {f"F{age}": number // 2 for age, number in enumerate(people)}
        row |= {f"M{age}": number - number // 2 for age, number in enumerate(people)}
        rows.append(row)
    above = "Population estimates, mid-2024\nContents: persons by sex and single year of age\n\n"
    return save(folder / "people.csv", pd.DataFrame(rows), options.get("above", above),
                options.get("below", ""))  # fmt: skip


def points(folder: Path) -> Path:
    frame = pd.DataFrame(
        {"X": [500_000 + 1_000 * i for i in range(6)], "Y": 300_000, "FID": range(6),
         "LSOA21CD": AREAS}
    )  # fmt: skip
    return save(folder / "centroids.csv", frame)


def lookup(folder: Path) -> Path:
    frame = pd.DataFrame(
        {"LSOA21CD": AREAS, "LSOA21NM": NAMES, "UTLA23CD": ["E10000001"] * 4 + ["E10000002"] * 2,
         "UTLA23NM": ["Saltshire"] * 4 + ["Othershire"] * 2,
         "locality": ["North", "North", "South", "South", "", ""]}
    )  # fmt: skip
    return save(folder / "lookup.csv", frame)


def imported(folder: Path, **options: Any) -> AreasImport:
    made = {"population": population, "centroids": points, "lookup": lookup}
    given = {name: write(folder) for name, write in made.items() if name not in options}
    options = {"authority": "Saltshire"} | given | options
    result = import_areas(options.pop("population"), **options)
    for account in result.report.accounts:
        assert account.missing == 0
    return result


def refused(folder: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        imported(folder, **options)
    return str(caught.value)


# ------------------------------------------------------------------ ages


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0", (0, 0, "")), ("90+", (90, 120, "")), ("F12", (12, 12, "f")), ("M0", (0, 0, "m")),
        ("Age 7", (7, 7, "")), ("Aged 1 year", (1, 1, "")), ("Aged under 1 year", (0, 0, "")),
        ("Aged 4 years and under", (0, 4, "")), ("Aged 5 to 9 years", (5, 9, "")),
        ("5-9", (5, 9, "")), ("Age: Aged 15 to 19 years; measures: Value", (15, 19, "")),
        ("pop_0_4_est", (0, 4, "")), ("Aged 100 years and over", (100, 120, "")),
        ("Females aged 5 to 9", (5, 9, "f")), ("85 and over", (85, 120, "")),
        ("90 plus", (90, 120, "")), ("persons_16_24", (16, 24, "")),
        ("LSOA21CD", None), ("Total", None), ("2024", None), ("All ages", None), ("", None),
        ("Mid-2024", None), ("9-5", None), ("F0N", None), ("SEN 1", None), ("LAD 2023 Code", None),
    ],
)  # fmt: skip
def test_ages_are_known_by_their_headers(header: str, expected: tuple[Any, ...] | None) -> None:
    assert age_of(header) == (None if expected is None else Age(*expected))


def test_every_person_is_counted_once_however_the_bands_overlap() -> None:
    singles = {(age, age) for age in range(31)}
    assert partition(singles | {(0, 4), (0, 15), (16, 24)}) == [(a, a) for a in range(25)]
    five = {(low, low + 4) for low in range(0, 90, 5)}
    assert partition(five | {(0, 15), (16, 24)}) == [(0, 4), (5, 9), (10, 14), (15, 19), (20, 24)]
    assert partition({(0, 15), (16, 24), (25, 34)}) == [(0, 15), (16, 24)]
    assert partition({(0, 4), (5, 11), (12, 17), (18, 24), (0, 24)})[0] == (0, 4)
    assert partition({(0, 17), (18, 64)}) == []  # says too little of those up to 24
    assert partition({(0, 4), (6, 24)}) == []
    assert partition(set()) == []


# ------------------------------------------------------------------ the table


def test_people_points_and_localities_come_together(tmp_path: Path) -> None:
    result = imported(tmp_path)
    areas = result.areas
    assert areas["area"].tolist() == AREAS[:4]
    assert areas["name"].tolist() == NAMES[:4]
    assert areas["locality"].tolist() == ["North", "North", "South", "South"]
    assert areas["easting"].tolist() == [500_000, 501_000, 502_000, 503_000]
    for i in range(4):
        people = single_ages(i)
        for band, (low, high) in AGE_BANDS.items():
            assert areas.loc[i, band] == sum(people[low : high + 1])
    assert areas["deprivation_decile"].isna().all()
    assert result.boundary is None


def test_single_ages_become_the_population_of_their_year(tmp_path: Path) -> None:
    table = imported(tmp_path).population
    assert set(table["academic_year"]) == {2024}  # the file says mid-2024 above its header
    by_age = table.set_index("age")["people"]
    assert by_age[7] == sum(7 + 10 * i for i in range(4))
    assert len(by_age) == 25
    silent = imported(tmp_path, population=population(tmp_path, above=""))
    assert silent.population.empty and "give --year" in " ".join(silent.report.facts)
    told = imported(tmp_path, population=population(tmp_path, above=""), year=2025)
    assert set(told.population["academic_year"]) == {2025}


def test_notes_below_the_table_are_counted_and_not_taken_for_a_cut(tmp_path: Path) -> None:
    path = population(tmp_path, below='\n"In order to protect against disclosure, rounded."\n"b"\n')
    account = imported(tmp_path, population=path).report.accounts[0]
    assert account.excluded["a note below the table"] == 2
    assert (account.read, account.used) == (8, 4)


def test_bands_are_shared_out_by_age_and_labelled(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"date": 2021, "geography": NAMES[:4], "geography code": AREAS[:4], "Age: Total": 1000,
         "Age: Aged 4 years and under": 50, "Age: Aged 5 to 9 years": 100,
         "Age: Aged 10 to 14 years": 50, "Age: Aged 15 to 19 years": 25,
         "Age: Aged 20 to 24 years": 40, "Age: Aged 25 to 29 years": 999}
    )  # fmt: skip
    result = imported(tmp_path, population=save(tmp_path / "census.csv", frame))
    row = result.areas.iloc[0]
    assert [row[band] for band in AGE_BANDS] == [50, 120, 45, 50]
    assert any("10 to 14, 15 to 19" in line for line in result.report.estimates)
    assert result.population.empty


def test_one_row_for_each_age_is_read_too(tmp_path: Path) -> None:
    label = "Age (101 categories)"
    rows = [
        {"Lower layer Super Output Areas Code": area, "Lower layer Super Output Areas": NAMES[i],
         f"{label} Code": age, label: f"Aged {age} years" if age else "Aged under 1 year",
         "Observation": number}
        for i, area in enumerate(AREAS[:4]) for age, number in enumerate(single_ages(i))
    ]  # fmt: skip
    rows.append({**rows[0], label: "Total"})
    result = imported(tmp_path, population=save(tmp_path / "long.csv", pd.DataFrame(rows)))
    same = imported(tmp_path)
    pd.testing.assert_frame_equal(result.areas, same.areas)
    account = result.report.accounts[0]
    assert (account.read, account.used) == (125, 4)
    assert account.merged == {"one row for each age of an area": 120}


def test_women_alone_are_not_everybody(tmp_path: Path) -> None:
    path = population(tmp_path)
    frame = pd.read_csv(path, skiprows=3, dtype=str)
    women = frame[[c for c in frame if not c.startswith("M")]]
    said = refused(tmp_path, population=save(path, women))
    assert "do not cover ages 0 to 24" in said


# ------------------------------------------------------------------ points and outlines


def squares() -> gpd.GeoDataFrame:
    boxes = [shapely.box(499_500 + 1_000 * i, 299_500, 500_500 + 1_000 * i, 300_500)
             for i in range(6)]  # fmt: skip
    return gpd.GeoDataFrame({"LSOA21CD": AREAS}, geometry=boxes, crs=27700)


def test_points_are_read_from_layers_in_any_system(tmp_path: Path) -> None:
    frame = squares()
    frame["geometry"] = frame.geometry.centroid
    expected = imported(tmp_path).areas
    for name, system in (("a.gpkg", 27700), ("b.gpkg", 3857), ("c.geojson", 4326)):
        path = tmp_path / name
        frame.to_crs(system).to_file(path)
        areas = imported(tmp_path, centroids=path).areas
        np.testing.assert_allclose(areas["easting"], expected["easting"], atol=3)
        np.testing.assert_allclose(areas["northing"], expected["northing"], atol=3)
    degrees = frame.to_crs(4326)
    table = pd.DataFrame({"lsoa21": AREAS, "long": degrees.geometry.x, "lat": degrees.geometry.y})
    areas = imported(tmp_path, centroids=save(tmp_path / "d.csv", table)).areas
    np.testing.assert_allclose(areas["easting"], expected["easting"], atol=3)


def test_outlines_of_the_areas_give_points_and_the_boundary(tmp_path: Path) -> None:
    path = tmp_path / "lsoa.gpkg"
    squares().to_file(path)
    result = imported(tmp_path, centroids=path)
    assert result.boundary is not None
    assert result.boundary.bounds == (499_500, 299_500, 503_500, 300_500)
    assert len(result.report.estimates) == 2  # the points and the boundary


def test_postcodes_stand_in_for_centroids(tmp_path: Path) -> None:
    postcodes = save(
        tmp_path / "onspd.csv",
        pd.DataFrame(
            {"pcds": ["AB1 1AA", "AB1 1AB", "AB1 1AD", "AB1 1AE", "AB1 1AF"],
             "oseast1m": [500_000, 500_200, 501_000, 502_000, 503_000], "osnrth1m": 300_000,
             "lsoa21": [AREAS[0], *AREAS[:4]]}
        ),
    )  # fmt: skip
    result = imported(tmp_path, centroids=None, postcodes=[postcodes])
    assert result.areas["easting"].tolist() == [500_100, 501_000, 502_000, 503_000]
    assert any("points of 4 areas" in line for line in result.report.estimates)
    assert "give --centroids" in refused(tmp_path, centroids=None)


def test_a_boundary_chooses_the_areas_inside_it(tmp_path: Path) -> None:
    path = tmp_path / "boundary.geojson"
    outline = gpd.GeoDataFrame(
        {"name": ["Saltshire"]}, geometry=[shapely.box(499_000, 299_000, 501_600, 301_000)],
        crs=27700,
    )  # fmt: skip
    outline.to_crs(4326).to_file(path)
    result = imported(tmp_path, authority="", boundary=path, lookup=None)
    assert result.areas["area"].tolist() == AREAS[:2]
    account = result.report.accounts[0]
    assert account.excluded == {"of areas that are not the authority's": 4}
    assert "2 of 4 areas lie outside the boundary" in " ".join(
        map(str, imported(tmp_path, boundary=path).report.warnings)
    )
    outline.set_geometry([shapely.box(1_000, 1_000, 9_000, 9_000)]).set_crs(
        27700, allow_override=True
    ).to_crs(4326).to_file(path)
    assert "4 of 4 areas lie outside the boundary" in refused(tmp_path, boundary=path)


def test_a_national_outline_file_gives_the_authoritys_own(tmp_path: Path) -> None:
    path = tmp_path / "utla.gpkg"
    gpd.GeoDataFrame(
        {"UTLA23CD": ["E10000001", "E10000002"], "UTLA23NM": ["Saltshire", "Othershire"]},
        geometry=[shapely.box(499_000, 299_000, 503_600, 301_000), shapely.box(0, 0, 9, 9)],
        crs=27700,
    ).to_file(path)
    for authority in ("E10000001", "Saltshire"):
        result = imported(tmp_path, authority=authority, boundary=path)
        assert result.boundary is not None and result.boundary.bounds[0] == 499_000


# ------------------------------------------------------------------ localities, deprivation


def test_localities_come_from_the_column_asked_for(tmp_path: Path) -> None:
    result = imported(tmp_path, locality="LAD 2023 Name")
    assert result.areas["locality"].tolist() == DISTRICTS[:4]
    said = refused(tmp_path, locality="locallity")
    assert "did you mean 'locality'?" in said
    districts = imported(tmp_path, lookup=None, authority="")
    assert districts.areas["locality"].tolist() == DISTRICTS
    assert not any("No file names" in line for line in districts.report.estimates)
    people = pd.read_csv(population(tmp_path), skiprows=3, dtype=str)
    bare = people.drop(columns=["LAD 2023 Code", "LAD 2023 Name"])
    path = save(tmp_path / "bare.csv", bare)
    whole = imported(tmp_path, lookup=None, authority="", population=path)
    assert set(whole.areas["locality"]) == {"Whole authority"}
    assert any("No file names localities" in line for line in whole.report.estimates)


def test_a_look_up_with_gaps_or_two_answers_is_refused(tmp_path: Path) -> None:
    frame = pd.read_csv(lookup(tmp_path)).fillna("")
    gap = frame.assign(locality=["North", "", "South", "South", "", ""])
    assert "1 areas have no locality" in refused(
        tmp_path, lookup=save(tmp_path / "g.csv", gap)
    ).replace(",", "")
    two = pd.concat([frame, frame.iloc[:1].assign(locality="South")])
    assert "stands in two localities" in refused(tmp_path, lookup=save(tmp_path / "t.csv", two))
    again = pd.concat([frame, frame])  # a look-up of smaller areas repeats each area
    result = imported(tmp_path, lookup=save(tmp_path / "a.csv", again))
    assert result.report.accounts[1].merged == {"the same area again": 4}


def test_deciles_are_taken_where_they_are_known(tmp_path: Path) -> None:
    header = "Index of Multiple Deprivation (IMD) Decile (where 1 is most deprived 10% of LSOAs)"
    frame = pd.DataFrame({"LSOA code (2021)": AREAS[:3], header: [1, 10, 11]})
    result = imported(tmp_path, deprivation=save(tmp_path / "imd.csv", frame))
    assert result.areas["deprivation_decile"].tolist()[:2] == [1, 10]
    assert result.areas["deprivation_decile"].isna().sum() == 2
    assert "is no decile" in " ".join(map(str, result.report.warnings))
    ranks = pd.DataFrame({"LSOA code (2021)": AREAS, "IMD rank": range(1, 7)})
    assert "has no column of deciles" in refused(
        tmp_path, deprivation=save(tmp_path / "ranks.csv", ranks)
    )


def test_a_projection_gives_the_people_of_the_years_to_come(tmp_path: Path) -> None:
    rows = [
        {"AREA_CODE": code, "AREA_NAME": name, "COMPONENT": "Population", "SEX": sex,
         "AGE_GROUP": age, "2025": 100 * weight, "2026": 90 * weight}
        for code, name in (("E10000001", "Saltshire"), ("E10000002", "Othershire"))
        for sex, weight in (("persons", 2), ("males", 1))
        for age in [*map(str, range(27)), "90 and over", "All ages"]
    ]  # fmt: skip
    path = save(tmp_path / "snpp.csv", pd.DataFrame(rows))
    table = imported(tmp_path, projection=path).population
    assert sorted(set(table["academic_year"])) == [2024, 2025, 2026]
    later = table[table["academic_year"] == 2026]
    assert len(later) == 26 and (later["people"] == 180).all()
    assert "has no row of the authority" in refused(tmp_path, projection=path, authority="Saltham",
                                                    lookup=None)  # fmt: skip


# ------------------------------------------------------------------ bad input


def test_an_unknown_authority_is_refused_with_a_near_one(tmp_path: Path) -> None:
    assert "did you mean 'Saltshire'?" in refused(tmp_path, authority="Saltshir")


def test_areas_of_another_census_are_refused(tmp_path: Path) -> None:
    frame = pd.read_csv(points(tmp_path))
    frame["LSOA21CD"] = [*AREAS[:1], *(f"E0109999{i}" for i in range(5))]
    said = refused(tmp_path, centroids=save(tmp_path / "old.csv", frame))
    assert "only 1 of 4 areas have a point" in said and "2011" in said


def test_cells_that_are_no_counts_are_named(tmp_path: Path) -> None:
    path = population(tmp_path)
    frame = pd.read_csv(path, skiprows=3, dtype=str)
    frame.loc[1, "F3"] = "c"
    frame.loc[2, "M4"] = "-1"
    said = refused(tmp_path, population=save(path, frame))
    assert "row 3, column F3" in said and "Found: 'c'" in said and "Found: '-1'" in said
    frame.loc[[1, 2], ["F3", "M4"]] = "1"
    frame.loc[5, "F3"] = "c"  # another authority's
    assert len(imported(tmp_path, population=save(path, frame)).areas) == 4


@pytest.mark.parametrize("which", ["population", "centroids", "lookup", "deprivation"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty (0 bytes)"),
        (b"<html><body>Sign in</body></html>", "is a web page"),
        (b"PK\x03\x04rest", "is a spreadsheet"),
        (b"a,b\n1,2\n", "this is not"),
        (b"LSOA21CD,locality,X,Y,IMD decile,0,1\n", "has a header and no rows"),
        (b"LSOA21CD,locality,X,Y,IMD decile,0,1\nE01000001,North,1,2,3,4", "is cut off"),
    ],
)
def test_a_file_that_is_none_is_refused(
    tmp_path: Path, which: str, content: bytes, words: str
) -> None:
    path = tmp_path / f"{which}_bad.csv"
    path.write_bytes(content)
    said = refused(tmp_path, **{which: path})
    assert words in said and f"{which}_bad.csv" in said


def test_a_layer_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(b"SQLite format 3\x00 and then nothing")
    assert "cannot be read" in refused(tmp_path, centroids=broken)
    assert "cannot be read" in refused(tmp_path, boundary=broken)


def test_an_area_that_stands_twice(tmp_path: Path) -> None:
    """Of people it is an error, of points a warning, the same row again is nothing."""
    people = pd.read_csv(population(tmp_path), skiprows=3, dtype=str)
    two = pd.concat([people, people.iloc[:1].assign(F3="77")])
    assert "stands in two different rows" in refused(
        tmp_path, population=save(tmp_path / "two.csv", two)
    )
    same = pd.concat([people, people.iloc[:1]])
    account = imported(tmp_path, population=save(tmp_path / "s.csv", same)).report.accounts[0]
    assert account.merged == {"the same area again": 1}
    frame = pd.read_csv(points(tmp_path))
    twice = pd.concat([frame, frame.iloc[:1].assign(X=1_000)])
    result = imported(tmp_path, centroids=save(tmp_path / "twice.csv", twice))
    assert result.areas["easting"].iloc[0] == 500_000
    assert "stands in two different rows" in " ".join(map(str, result.report.warnings))


def test_a_whole_country_without_an_authority_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sufficiency.imports.areas.MOST_AREAS", 5)
    assert "too many for one authority" in refused(tmp_path, authority="", lookup=None)


# ------------------------------------------------------------------ the command, real places


def test_the_command_writes_tables_that_read_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = tmp_path / "lsoa.gpkg"
    squares().to_file(layer)
    out = tmp_path / "geodata"
    arguments = ["import", "areas", "--population", str(population(tmp_path)), "--centroids",
                 str(layer), "--lookup", str(lookup(tmp_path)), "--authority", "E10000001",
                 "--out", str(out)]  # fmt: skip
    assert main(arguments) == EXIT_OK
    said = capsys.readouterr().out
    assert "people.csv: 6 rows read, 4 used." in said
    problems = Problems()
    areas = read_table("areas", out / "areas.csv", problems)
    people = read_table("population", out / "population.csv", problems)
    boundary = read_boundary(out / "boundary.geojson", problems)
    assert not problems.errors and not problems.warnings
    assert len(areas) == 4 and len(people) == 25
    assert boundary is not None
    np.testing.assert_allclose(boundary.bounds, (499_500, 299_500, 503_500, 300_500), atol=3)
    assert json.loads((out / "boundary.geojson").read_text())["type"] == "FeatureCollection"
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main(arguments) == 2
    assert main([*arguments, "--replace"]) == EXIT_OK
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize("slug", ["bury", "devon", "manchester"])
def test_real_areas_keep_every_person(slug: str) -> None:
    folder = AUTHORITIES / slug
    if not (folder / "areas.csv").is_file():
        pytest.skip(f"no real areas at {folder}")
    path = folder / "areas.csv"
    real = pd.read_csv(path).sort_values("lsoa21_code")
    result = import_areas(
        path, centroids=path, deprivation=path, boundary=folder / "boundary.geojson",
        authority=str(real["la_code"].iloc[0]),
    )  # fmt: skip
    areas = result.areas
    assert areas["area"].tolist() == real["lsoa21_code"].tolist()
    for band in AGE_BANDS:
        assert areas[band].sum() == pytest.approx(real[f"pop_{band[9:]}_est"].sum())
    np.testing.assert_allclose(areas["easting"], real["easting"])
    assert (areas["deprivation_decile"].to_numpy() == real["imd2025_decile"].to_numpy()).all()
    assert result.boundary is not None
