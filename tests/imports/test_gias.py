"""A GIAS download becomes provisions and places; every row is accounted for."""

from __future__ import annotations

import datetime
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from sufficiency.cli import main
from sufficiency.imports.gias import GiasImport, date_of, distance, import_gias
from sufficiency.imports.register import CHECKS
from sufficiency.problems import EXIT_BAD_INPUT, EXIT_OK, InputError, Problems
from sufficiency.tables import read_table
from sufficiency.vocabulary import NEEDS
from tests.imports.schools import (
    REPOSITORY,
    SECRET,
    SEN_TEXTS,
    SHORT_HEADER,
    real_header,
    school,
    write_register,
    write_rows,
)

TODAY = datetime.date(2026, 1, 15)
AUTHORITIES = REPOSITORY.parent / "shared" / "data" / "authorities"


class Importer:
    """Writes rows into a folder and imports them for authority 901."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        *rows: Mapping[str, Any],
        header: Sequence[str] = SHORT_HEADER,
        overrides: str = "",
        links: Sequence[tuple[Any, ...]] = (),
        postcodes: str = "",
        children: str = "",
        date: datetime.date | None = TODAY,
        authority: str = "901",
        **options: Any,
    ) -> GiasImport:
        file = write_rows(self.folder / "edubasealldata20260101.csv", rows, header)
        for name, text in (("overrides", overrides), ("postcodes", postcodes),
                           ("children", children)):  # fmt: skip
            if text:
                path = self.folder / f"{name}.csv"
                path.write_text(text, encoding="utf-8")
                options[name] = [path] if name == "postcodes" else path
        if links:
            lines = ["URN,LinkURN,LinkName,LinkType,LinkEstablishedDate"]
            lines += [f"{old},{new},Name,{kind}," for old, new, kind in links]
            options["links"] = self.folder / "links_edubasealldata20260101.csv"
            options["links"].write_text("\n".join(lines) + "\n", encoding="cp1252")
        result = import_gias(file, authority, date=date, **options)
        for account in result.report.accounts:
            assert account.missing == 0, account
        return result


@pytest.fixture
def imported(tmp_path: Path) -> Importer:
    return Importer(tmp_path)


def row_of(result: GiasImport, provision: str) -> dict[str, Any]:
    found = result.provisions[result.provisions["provision"] == provision]
    assert len(found) == 1, result.provisions["provision"].tolist()
    return {str(k): v for k, v in found.iloc[0].items()}


def places_of(result: GiasImport, provision: str) -> list[tuple[int, float, float]]:
    found = result.commissioned_places
    found = found[found["provision"] == provision]
    columns = ["academic_year", "places", "other_authority_children"]
    return [tuple(line) for line in found[columns].itertuples(index=False)]


def doubts(result: GiasImport) -> dict[str, list[str]]:
    """URNs by the name of the check that doubts them."""
    return {
        name: [finding.subject.split()[0] for finding in group]
        for name, group in result.report.by_name().items()
    }


def refused(importer: Importer, *rows: Mapping[str, Any], **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        importer(*rows, **options)
    return str(caught.value)


# ------------------------------------------------------------------ what becomes a provision


def test_a_special_school_becomes_a_provision_with_places(imported: Importer) -> None:
    result = imported(school(100001, EstablishmentName="St Mary\u2019s"))
    row = row_of(result, "100001")
    assert (row["name"], row["kind"], row["inside_authority"]) == (
        "St Mary\u2019s", "state_special", "yes",
    )  # fmt: skip
    assert (row["easting"], row["northing"]) == (500_000, 300_000)
    assert (row["lowest_year_group"], row["highest_year_group"]) == (0, 14)
    assert row["needs"] == ("ASD",)
    assert (row["physical_capacity"], row["on_roll"]) == (100, 90)
    assert places_of(result, "100001") == [(2025, 100, 0)]
    assert any("register's capacity" in line for line in result.report.estimates)


def test_outside_the_authority_a_state_special_school_is_out_of_area(imported: Importer) -> None:
    result = imported(school(100001), school(100002, LA_code=902, Easting=510_000))
    row = row_of(result, "100002")
    assert (row["kind"], row["inside_authority"]) == ("out_of_area_state_special", "no")


def test_distance_leaves_out_what_is_farther_than_asked(imported: Importer) -> None:
    rows = [
        school(100001),
        school(100002, LA_code=902, Easting=509_900),
        school(100003, LA_code=902, Easting=510_100),
    ]
    result = imported(*rows, within_km=10.0)
    assert {"100001", "100002"} == set(result.provisions["provision"]) & {
        "100001", "100002", "100003",
    }  # fmt: skip
    assert result.report.accounts[0].excluded == {"farther than 10 km from the authority": 1}
    own_only = imported(*rows, within_km=0.0)
    assert "100002" not in set(own_only.provisions["provision"])


def test_a_boundary_in_any_system_measures_the_distance(imported: Importer) -> None:
    rows = [school(100001), school(100002, LA_code=902, Easting=540_000)]
    square = gpd.GeoDataFrame(
        {"name": ["Elsewhere", "Saltshire"]},
        geometry=[shapely.box(0, 0, 1, 1), shapely.box(490_000, 290_000, 531_000, 310_000)],
        crs=27700,
    )
    degrees = imported.folder / "b.geojson"
    square.to_crs(4326).to_file(degrees)
    grid = imported.folder / "b.gpkg"
    square.to_crs(3857).to_file(grid)
    for path in (degrees, grid):
        near = imported(*rows, boundary=path, within_km=9.5)
        assert "100002" in set(near.provisions["provision"])
        far = imported(*rows, boundary=path, within_km=8.5)
        assert "100002" not in set(far.provisions["provision"])


def test_a_boundary_of_somewhere_else_is_refused(imported: Importer) -> None:
    path = imported.folder / "b.gpkg"
    gpd.GeoDataFrame(
        {"name": ["X"]}, geometry=[shapely.box(100_000, 100_000, 101_000, 101_000)], crs=27700
    ).to_file(path)
    assert "lie outside this boundary" in refused(imported, school(100001), boundary=path)
    two = imported.folder / "two.gpkg"
    gpd.GeoDataFrame(
        {"name": ["Saltshore", "Y"]}, geometry=[shapely.box(1e5, 1e5, 2e5, 2e5)] * 2, crs=27700
    ).to_file(two)
    said = refused(imported, school(100001), boundary=two)
    assert "none of its 2 features is the authority" in said and "Saltshore" in said


def test_a_mainstream_school_counts_only_through_its_bases(imported: Importer) -> None:
    base = {"TypeOfEstablishment_code": 34, "StatutoryHighAge": 11, "SchoolCapacity": 420}
    result = imported(
        school(100001),
        school(100002, **base),
        school(100003, **base, TypeOfResourcedProvision_name="Resourced provision",
               ResourcedProvisionCapacity=12, ResourcedProvisionOnRoll=9),
        school(100004, **base, TypeOfResourcedProvision_name="Resourced provision and SEN unit",
               ResourcedProvisionCapacity=12, SenUnitCapacity=20, SenUnitOnRoll=24),
        school(100005, **base, SenUnitOnRoll=7),
    )  # fmt: skip
    bases = result.provisions[result.provisions["kind"] == "specialist_base"]
    assert bases["provision"].tolist() == ["100003-RP", "100004-RP", "100004-SENU", "100005-SENU"]
    row = row_of(result, "100004-SENU")
    assert row["name"] == "School 100004 (SEN unit)"
    assert (row["lowest_year_group"], row["highest_year_group"]) == (0, 6)
    assert places_of(result, "100003-RP") == [(2025, 12, 0)]
    assert places_of(result, "100004-SENU") == [(2025, 24, 0)]
    found = doubts(result)
    assert found["roll above capacity"] == ["100004"]
    assert found["base not named"] == found["capacity unknown"] == ["100005"]
    assert result.report.accounts[0].excluded.total() == 1


def test_hospital_schools_do_not_lend_their_places(imported: Importer) -> None:
    result = imported(school(100001), school(100002, EstablishmentName="Saltshire Hospital School"))
    assert row_of(result, "100002")["kind"] == "alternative_provision"
    assert doubts(result)["hospital school"] == ["100002"]


def test_independent_schools_need_evidence(imported: Importer) -> None:
    other = {"TypeOfEstablishment_code": 11}
    result = imported(
        school(100001),
        school(100002, **other, Section41Approved_name="Approved"),
        school(100003, **other, SENStat=80, NumberOfPupils=90),
        school(100004, **other, SENStat=3, NumberOfPupils=90),
    )
    assert row_of(result, "100002")["kind"] == "independent_special"
    assert row_of(result, "100003")["kind"] == "independent_special"
    assert doubts(result)["independent school taken as special"] == ["100002", "100003"]
    assert result.report.accounts[0].excluded == {
        "an independent school without evidence of special provision": 1
    }


def test_near_home_provision_completes_the_table(imported: Importer) -> None:
    result = imported(school(100001))
    near_home = result.provisions[result.provisions["easting"].isna()]
    assert {"mainstream", "educated_elsewhere", "further_education"} == set(near_home["kind"])
    college = school(100002, TypeOfEstablishment_code=18, StatutoryLowAge=16, StatutoryHighAge=99)
    result = imported(school(100001), college)
    near_home = result.provisions[result.provisions["easting"].isna()]
    assert "further_education" not in set(near_home["kind"])
    assert row_of(result, "100002")["highest_year_group"] == 20
    assert places_of(result, "100002") == []  # colleges have no limit


# ------------------------------------------------------------------ needs and ages


def test_a_list_of_needs_that_is_blank_means_any_and_says_so(imported: Importer) -> None:
    result = imported(school(100001, SEN1_name=""), school(100002, SEN1_name="Not Applicable"))
    assert row_of(result, "100001")["needs"] == tuple(sorted(NEEDS))
    assert row_of(result, "100002")["needs"] == tuple(sorted(NEEDS))
    assert doubts(result)["needs unknown"] == ["100001", "100002"]


def test_needs_after_not_applicable_and_five_needs_are_doubted(imported: Importer) -> None:
    five = {f"SEN{i}_name": text for i, text in enumerate(SEN_TEXTS[:5], start=1)}
    result = imported(
        school(100001, SEN1_name="Not Applicable", SEN2_name="PD - Physical Disability"),
        school(100002, **five),
        school(100003, **five, SEN6_name=SEN_TEXTS[5]),
        school(100004, SEN1_name="Beekeeping", SEN2_name="HI - Hearing Impairment"),
    )
    assert row_of(result, "100001")["needs"] == ("PD",)
    assert row_of(result, "100004")["needs"] == ("HI",)
    found = doubts(result)
    assert found["needs behind Not Applicable"] == ["100001"]
    assert found["needs may be cut off"] == ["100002"]
    assert found["need not understood"] == ["100004"]


def test_down_syndrome_goes_with_the_needs_under_which_it_was_counted(imported: Importer) -> None:
    result = imported(school(100001, SEN1_name="MLD - Moderate Learning Difficulty"))
    assert row_of(result, "100001")["needs"] == ("DS", "MLD")
    assert any("Down syndrome" in line for line in result.report.estimates)
    result = imported(
        school(100001, SEN1_name="MLD - Moderate Learning Difficulty"),
        school(100002, SEN1_name="DS - Down Syndrome"),
    )  # the register knows the code now: a list without it means what it says
    assert row_of(result, "100001")["needs"] == ("MLD",)


def test_unknown_ages_are_assumed_and_named(imported: Importer) -> None:
    result = imported(
        school(100001, StatutoryLowAge="", StatutoryHighAge=""),
        school(100002, StatutoryLowAge=19, StatutoryHighAge=4),
    )
    assert row_of(result, "100001")["lowest_year_group"] == -1
    found = doubts(result)
    assert (found["ages unknown"], found["ages not plausible"]) == (["100001"], ["100002"])


# ------------------------------------------------------------------ coordinates


POSTCODES = "pcds,oseast1m,osnrth1m\nAB1 1AA,500100,300100\nAB2 2AA,530000,300000\n"


def test_coordinates_come_from_the_postcode_where_they_are_missing(imported: Importer) -> None:
    rows = [
        school(100001, Postcode="AB1 1AA"),
        school(100002, Easting="", Northing="", Postcode="ab22aa"),
        school(100003, Easting=0, Northing=0, Postcode="ZZ9 9ZZ"),
        school(100004, Easting=51.5, Northing=-0.1, Postcode="AB1 1AA"),
    ]
    result = imported(*rows, postcodes=POSTCODES)
    assert row_of(result, "100002")["easting"] == 530_000
    assert row_of(result, "100004")["easting"] == 500_100
    found = doubts(result)
    assert found["coordinates from the postcode"] == ["100002", "100004"]
    assert found["coordinates missing"] == ["100003"]
    assert found["coordinates not on the grid"] == ["100004"]
    assert result.report.accounts[0].excluded == {"without coordinates": 1}


def test_coordinates_far_from_the_postcode_are_doubted(imported: Importer) -> None:
    result = imported(
        school(100001, Postcode="AB1 1AA"), school(100002, Postcode="AB2 2AA"), postcodes=POSTCODES
    )
    assert doubts(result)["coordinates far from the postcode"] == ["100002"]
    assert row_of(result, "100002")["easting"] == 500_000


def test_one_wrong_coordinate_does_not_stretch_the_hull(imported: Importer) -> None:
    rows = [school(100000 + i, Easting=500_000 + 1_000 * i) for i in range(12)]
    rows.append(school(100090, Easting=600_000, Northing=600_000))
    rows.append(school(100091, LA_code=902, Easting=590_000, Northing=590_000))
    result = imported(*rows)
    assert doubts(result)["coordinates far from the authority"] == ["100090"]
    assert "100091" not in set(result.provisions["provision"])


# ------------------------------------------------------------------ dates and successors


def test_closed_proposed_and_dated_establishments(imported: Importer) -> None:
    result = imported(
        school(100001),
        school(100002, EstablishmentStatus_code=2, CloseDate="31-08-2020"),
        school(100003, EstablishmentStatus_code=2),
        school(100004, EstablishmentStatus_code=3, CloseDate="31-08-2027"),
        school(100005, EstablishmentStatus_code=3),
        school(100006, EstablishmentStatus_code=4, OpenDate="01-09-2028"),
        school(100007, EstablishmentStatus_code=4),
        school(100008, EstablishmentStatus_code=4, OpenDate="01-09-2025"),
        school(100009, OpenDate="soon"),
    )
    assert (row_of(result, "100004")["closes"], row_of(result, "100006")["opens"]) == (2027, 2028)
    assert places_of(result, "100006") == [(2028, 100, 0)]
    assert row_of(result, "100001")["opens"] == -1
    found = doubts(result)
    assert found["closing without a date"] == ["100005"]
    assert found["opening date has passed"] == ["100008"]
    assert found["date not understood"] == ["100009"]
    assert result.report.accounts[0].excluded == {
        "closed by 2026-01-15": 2, "proposed to open, without a date": 1,
    }  # fmt: skip


def test_the_day_of_the_import_decides(imported: Importer) -> None:
    closing = school(100001, EstablishmentStatus_code=2, CloseDate="31-08-2025")
    before = imported(closing, school(100002), date=datetime.date(2025, 1, 16))
    assert row_of(before, "100001")["closes"] == 2025
    assert doubts(before)["closed after the day of the import"] == ["100001"]
    assert places_of(before, "100001")[0][0] == 2024
    after = imported(closing, school(100002))
    assert "100001" not in set(after.provisions["provision"])
    named = imported(closing, school(100002), date=None)  # the date in the file's name
    assert "2026-01-01" in " ".join(named.report.facts)


def test_a_school_that_became_an_academy_is_one_provision(imported: Importer) -> None:
    old = school(100001, EstablishmentStatus_code=2, CloseDate="31-08-2025", SchoolCapacity=120,
                 StatutoryLowAge=4, StatutoryHighAge=11, SEN1_name=SEN_TEXTS[8])  # fmt: skip
    new = school(100002, TypeOfEstablishment_code=44, OpenDate="01-09-2025", SchoolCapacity="",
                 NumberOfPupils="", StatutoryLowAge="", StatutoryHighAge="", SEN1_name="",
                 UKPRN=10000002)  # fmt: skip
    result = imported(old, new, school(100003), links=[(100001, 100002, "Successor")])
    row = row_of(result, "100002")
    assert row["needs"] == ("PD",) and row["highest_year_group"] == 6
    assert places_of(result, "100002") == [(2025, 120, 0)]
    assert set(doubts(result)["taken from the predecessor"]) == {"100002"}
    assert result.report.accounts[0].merged == {"closes, and is joined to its successor": 1}
    followed = result.establishments.set_index("urn")["provision"]
    assert followed["100001"] == followed["100002"] == "100002"


def test_a_school_about_to_become_an_academy_is_one_provision_too(imported: Importer) -> None:
    old = school(100001, EstablishmentStatus_code=3, CloseDate="31-08-2026", Postcode="AB1 1AA")
    new = school(100002, EstablishmentStatus_code=4, OpenDate="01-09-2026", Postcode="AB1 1AA")
    apart = imported(old, new)
    assert row_of(apart, "100001")["closes"] == row_of(apart, "100002")["opens"] == 2026
    assert doubts(apart)["may be one school"] == ["100001"]
    joined = imported(old, new, links=[(100002, 100001, "Predecessor")])
    assert row_of(joined, "100002")["opens"] == -1
    assert "100001" not in set(joined.provisions["provision"])


def test_a_closed_school_with_two_successors_is_named(imported: Importer) -> None:
    result = imported(
        school(100001, EstablishmentStatus_code=2, CloseDate="31-08-2020"),
        school(100002), school(100003),
        links=[(100001, 100002, "Successor - Split School"),
               (100001, 100003, "Successor - Split School"),
               (100002, 100003, "Sixth Form Centre Link")],
    )  # fmt: skip
    assert doubts(result)["several successors"] == ["100001"]
    assert result.report.accounts[0].merged.total() == 0
    assert result.report.accounts[1].excluded == {
        "a link of another sort": 1, "of establishments that need not be followed": 2,
    }  # fmt: skip


def test_a_successor_that_is_left_out_takes_nothing_with_it(imported: Importer) -> None:
    result = imported(
        school(100001, EstablishmentStatus_code=3, CloseDate="31-08-2026"),
        school(100002, TypeOfEstablishment_code=24, OpenDate="01-09-2026"),
        links=[(100001, 100002, "Successor")],
    )
    assert row_of(result, "100001")["closes"] == 2026
    assert result.report.accounts[0].excluded == {"a secure establishment": 1}


# ------------------------------------------------------------------ places and overrides


def test_doubtful_capacities_are_named_and_the_larger_number_is_used(imported: Importer) -> None:
    result = imported(
        school(100001, SchoolCapacity=100, NumberOfPupils=130),
        school(100002, SchoolCapacity="", NumberOfPupils=60),
        school(100003, SchoolCapacity="", NumberOfPupils=""),
        school(100004, SchoolCapacity=0, NumberOfPupils=20),
        school(100005, SchoolCapacity="1,200", NumberOfPupils="many"),
        school(100006, TypeOfEstablishment_code=14, SchoolCapacity=300, PlacesPRU=40,
               NumberOfPupils=30),
    )  # fmt: skip
    assert [places_of(result, f"10000{i}") for i in range(1, 7)] == [
        [(2025, 130, 0)], [(2025, 60, 0)], [], [(2025, 20, 0)], [(2025, 1200, 0)], [(2025, 40, 0)],
    ]  # fmt: skip
    found = doubts(result)
    assert found["roll above capacity"] == ["100001"]
    assert found["capacity unknown"] == ["100002", "100004"]
    assert found["places missing"] == ["100003"]
    assert any("many" in str(problem) for problem in result.report.warnings)


def test_children_of_other_authorities_are_the_rest_of_the_roll(imported: Importer) -> None:
    rows = [
        school(100001),
        school(100002, LA_code=902, Easting=505_000),
        school(100003, TypeOfEstablishment_code=10),
    ]
    blind = imported(*rows)
    assert [places_of(blind, f"10000{i}")[0][2] for i in (1, 2, 3)] == [0, 90, 90]
    children = (
        "area,need,year_group,provision,children\nA,ASD,3,100001,85\nA,ASD,3,100002,4\n"
        "B,ASD,4,100003,95\n"
    )
    told = imported(*rows, children=children)
    assert [places_of(told, f"10000{i}")[0][2] for i in (1, 2, 3)] == [5, 86, 0]


def test_overrides_always_win_and_are_reported(imported: Importer) -> None:
    overrides = (
        "provision,places,academic_year,other_authority_children,designation,lowest_year_group,"
        "highest_year_group,needs,fee_pounds,top_up_pounds,kind,exclude\n"
        "100001,140,,3,Autism,0,6,ASD|SLCN,,15000,,\n"
        "100001,160,2027/28,,,,,,,,,\n"
        "100002,,,,,,,,72000,,non_maintained_special,\n"
        "100003,,,,,,,,,,,yes\n"
        "100004-RP,,,,,,,,,,,yes\n"
        "100004-SENU,9,,,,,,,,,,\n"
    )
    base = {"TypeOfEstablishment_code": 34, "ResourcedProvisionCapacity": 12, "SenUnitCapacity": 8}
    result = imported(
        school(100001, NumberOfPupils=190),
        school(100002, TypeOfEstablishment_code=10),
        school(100003),
        school(100004, **base),
        overrides=overrides,
    )
    row = row_of(result, "100001")
    assert (row["designation"], row["highest_year_group"], row["needs"]) == (
        "Autism", 6, ("ASD", "SLCN"),
    )  # fmt: skip
    assert row["top_up_pounds"] == 15_000
    assert places_of(result, "100001") == [(2025, 140, 3), (2027, 160, 0)]
    assert row_of(result, "100002")["fee_pounds"] == 72_000
    assert row_of(result, "100002")["kind"] == "non_maintained_special"
    made = set(result.provisions["provision"])
    assert "100003" not in made and "100004-RP" not in made and "100004-SENU" in made
    said = "\n".join(result.report.changes)
    for words in ("100001 School 100001: needs was ASD, is ASD|SLCN", "100003 is left out",
                  "places are 160 from 2027/28 on", "fee_pounds was blank, is 72000"):  # fmt: skip
        assert words in said
    # what the overrides settle is no longer doubted
    assert "roll above capacity" not in doubts(result)


def test_an_override_keeps_what_would_be_left_out(imported: Importer) -> None:
    rows = [
        school(100001),
        school(100002, LA_code=902, Easting=600_000),
        school(100003, TypeOfEstablishment_code=27),
        school(100004, EstablishmentStatus_code=2, CloseDate="31-08-2025"),
    ]
    keep = "provision,exclude,kind\n100002,no,\n100003,no,independent_special\n100004,no,\n"
    result = imported(*rows, overrides=keep, within_km=1.0)
    assert {"100002", "100003", "100004"} <= set(result.provisions["provision"])
    said = refused(imported, *rows, overrides="provision,exclude\n100003,no\n")
    assert "give its kind" in said and "100003" in said


def test_overrides_that_cannot_be_followed_are_refused(imported: Importer) -> None:
    row = school(100001)
    cases = {
        "provision,places\n100010,5\n": "is no URN of the download; did you mean '100001'?",
        "provision,places\n100001,-5\n": "is negative",
        "provision,places\n100001,\u00a3x\n": "is not a number",
        "provision,needs\n100001,AUT\n": "no known need",
        "provision,easting\n100001,500000\n": "one coordinate is given without the other",
        "provision,places\n100001,5\n100001,6\n": "stands twice",
        "provision,places,academic_year,designation\n100001,5,2025/26,A\n100001,6,2026/27,B\n":
            "the rows of one provision differ",
        "provision,lowest_year_group\n100001,18\n": "would follow from the overrides",
        "places\n5\n": "the column is missing",
        "<html>": "is a web page",
    }  # fmt: skip
    for overrides, words in cases.items():
        assert words in refused(imported, row, overrides=overrides), overrides


def test_an_override_without_effect_is_named(imported: Importer) -> None:
    result = imported(
        school(100001),
        school(100002, LA_code=902, Easting=600_000),
        overrides="provision,places\n100002,5\n100001-RP,4\n",
    )
    assert doubts(result)["override without effect"] == ["100002", "100001-RP"]


def test_coordinates_of_the_overrides_place_a_school(imported: Importer) -> None:
    result = imported(
        school(100001), school(100002, Easting="", Northing=""),
        overrides="provision,easting,northing\n100002,501000,300500\n",
    )  # fmt: skip
    assert row_of(result, "100002")["easting"] == 501_000
    assert "coordinates missing" not in doubts(result)


# ------------------------------------------------------------------ the authority


@pytest.mark.parametrize("asked", ["901", "E06000901", "e06000901", "Saltshire", " saltshire "])
def test_an_authority_is_found_by_each_of_its_names(imported: Importer, asked: str) -> None:
    result = imported(school(100001), school(100002, LA_code=902, LA_name="Other"), authority=asked)
    assert result.report.title == "GIAS import for Saltshire"


def test_an_authority_with_a_leading_nought_is_found(imported: Importer) -> None:
    result = imported(school(100001, LA_code="085"), authority="85")
    assert row_of(result, "100001")["inside_authority"] == "yes"


@pytest.mark.parametrize("asked", ["91", "910", "E06000091", "Saltshore", "0", "", "nowhere"])
def test_an_unknown_authority_is_refused_with_near_ones(imported: Importer, asked: str) -> None:
    said = refused(imported, school(100001), authority=asked)
    assert "no establishment of the file belongs to this authority" in said
    if asked in ("910", "E06000091", "Saltshore"):
        assert "901 Saltshire" in said


# ------------------------------------------------------------------ column sets and bad files


def test_older_and_newer_column_sets_say_what_they_lack(imported: Importer) -> None:
    gone = {"Section41Approved (name)", "SEN6 (name)", "SENStat", "TypeOfResourcedProvision (name)"}
    older = [name for name in SHORT_HEADER if name not in gone]
    result = imported(school(100001), header=older)
    said = " ".join(map(str, result.report.warnings))
    assert "Section41Approved" in said and "section 41 are not recognised" in said
    names = {"LA (code)": "LA(code)", "TypeOfEstablishment (code)": "TypeOfEstablishmentCode",
             "SEN1 (name)": "SEN1", "GSSLACode (name)": "GSSLACode"}  # fmt: skip
    row = {names.get(key, key): value for key, value in school(100001).items()}
    newer = [names.get(name, name) for name in SHORT_HEADER]
    result = imported(row, header=newer)
    assert row_of(result, "100001")["needs"] == ("ASD",)


def test_a_list_of_needs_that_fills_a_short_column_set_is_doubted(imported: Importer) -> None:
    three = [n for n in SHORT_HEADER if not re.match(r"SEN(4|5|6|7|8|9|1\d) ", n)]
    cells = {f"SEN{i}_name": text for i, text in enumerate(SEN_TEXTS[:3], start=1)}
    assert doubts(imported(school(100001, **cells), header=three))["needs may be cut off"]


def test_names_of_types_stand_in_for_codes(imported: Importer) -> None:
    header = [n for n in SHORT_HEADER if n not in ("TypeOfEstablishment (code)", "LA (code)",
                                                   "EstablishmentStatus (code)")]  # fmt: skip
    row = school(100001, TypeOfEstablishment_name="Free schools special",
                 EstablishmentStatus_name="Open, but proposed to close",
                 CloseDate="31-08-2028")  # fmt: skip
    result = imported(row, header=header, authority="E06000901")
    assert row_of(result, "100001")["kind"] == "state_special"
    assert row_of(result, "100001")["closes"] == 2028


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (("URN",), "urn: the column is missing"),
        (("EstablishmentName",), "name: the column is missing"),
        (("LA (code)", "LA (name)", "GSSLACode (name)"), "no column for the authority"),
        (("TypeOfEstablishment (code)", "TypeOfEstablishment (name)"), "no column for its type"),
    ],
)
def test_a_download_without_a_needed_column_is_refused(
    imported: Importer, lost: tuple[str, ...], words: str
) -> None:
    header = [name for name in SHORT_HEADER if name not in lost]
    assert words in refused(imported, school(100001), header=header)


def damaged(tmp_path: Path, change: Callable[[bytes], bytes]) -> str:
    path = write_rows(tmp_path / "edubasealldata.csv", [school(100001), school(100002)])
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError) as caught:
        import_gias(path, "901", date=TODAY)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b"", "is empty (0 bytes)"),
        (lambda b: b"<!DOCTYPE html><title>Sign in</title>", "is a web page"),
        (lambda b: b[:-40], "is cut off"),
        (lambda b: b[: b.rindex(b'"')], "is cut off"),
        (lambda b: b.split(b"\n")[0] + b"\n", "has a header and no rows"),
        (lambda b: b'"a","b"\n1,2\n', "none of its columns is there"),
        (lambda b: b'{"error": "expired"}', "none of its columns is there"),
        (lambda b: b"PK\x03\x04" + b, "is a spreadsheet"),
        (lambda b: b[:300] + b"\x00\x00" + b[300:], "binary content"),
        (lambda b: b.replace(b'"School 100001"', b'"School "x" 100001"'), "double quotes"),
        (lambda b: b"\n\n\n", "has no header and no rows"),
    ],
)
def test_a_file_that_is_no_download_is_refused_with_a_remedy(
    tmp_path: Path, change: Callable[[bytes], bytes], words: str
) -> None:
    said = damaged(tmp_path, change)
    assert words in said and "Remedy: " in said


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_every_encoding_gives_the_same_name(tmp_path: Path, encoding: str) -> None:
    path = write_rows(tmp_path / "e.csv", [school(100001, EstablishmentName="Zo\u00eb\u2019s")])
    path.write_bytes(path.read_text(encoding="cp1252").encode(encoding))
    result = import_gias(path, "901", date=TODAY)
    assert row_of(result, "100001")["name"] == "Zo\u00eb\u2019s"


def test_semicolons_archives_and_folders_are_read(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "edubasealldata20260101.csv", [school(100001)])
    frame = pd.read_csv(path, dtype=str, encoding="cp1252")
    semicolons = tmp_path / "semicolons.csv"
    frame.to_csv(semicolons, sep=";", index=False)
    archive = tmp_path / "extract.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.write(path, "edubasealldata20260101.csv")
        zipped.writestr("links_edubasealldata20260101.csv", "URN,LinkURN,LinkName,LinkType\n")
    for file in (semicolons, archive):
        links = archive if file == archive else None
        result = import_gias(file, "901", date=TODAY, links=links)
        assert "100001" in set(result.provisions["provision"])
    half = tmp_path / "half.zip"
    half.write_bytes(archive.read_bytes()[:300])
    with pytest.raises(InputError, match="damaged archive"):
        import_gias(half, "901")


def test_rows_that_do_not_fit_or_stand_twice_are_accounted_for(tmp_path: Path) -> None:
    rows = [school(100001), school(100002), school(100003), school(100004)]
    path = write_rows(tmp_path / "e.csv", rows)
    lines = path.read_text(encoding="cp1252").splitlines()
    lines[2] += ',"one cell too many"'
    lines.insert(4, lines[1])  # the same row again
    lines.insert(5, lines[3].replace("School 100003", "Another name"))
    lines.insert(6, lines[3].replace("100003", "not a number", 1))
    lines.insert(7, "")
    path.write_text("\n".join(lines) + "\n", encoding="cp1252")
    result = import_gias(path, "901", date=TODAY)
    account = result.report.accounts[0]
    assert (account.read, account.used, account.missing) == (7, 3, 0)
    assert account.merged == {"the same row again": 1}
    assert account.excluded == {
        "the number of cells does not fit the header": 1,
        "a URN that stands twice, with different cells": 1,
        "without a URN": 1,
    }
    rows_named = {problem.row for problem in result.report.warnings}
    assert {3, 6, 7} <= rows_named


def test_a_file_that_never_ends_is_refused_before_it_fills_the_memory(
    imported: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sufficiency.imports.gias.MOST_ROWS", 3)
    said = refused(imported, *(school(100001 + i) for i in range(5)))
    assert "has more than 3 rows" in said and "row 5" in said


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "e.csv", [school(100001)])
    with path.open("ab") as handle:
        handle.write(b"x" * 5_000_000)
    with pytest.raises(InputError, match="never ends"):
        import_gias(path, "901")


def test_the_authoritys_own_records_are_doubted_first(imported: Importer) -> None:
    rows = [school(100001, LA_code=902, SEN1_name=""), school(100002, SEN1_name="")]
    assert doubts(imported(*rows))["needs unknown"] == ["100002", "100001"]


def test_a_short_file_is_warned_of(imported: Importer) -> None:
    result = imported(school(100001))
    assert any("a full download has about 50,000" in str(w) for w in result.report.warnings)


# ------------------------------------------------------------------ the command


def test_the_command_writes_tables_that_read_back_without_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_rows(
        tmp_path / "e.csv",
        [school(100001), school(100002, TypeOfEstablishment_code=34, SenUnitCapacity=12),
         school(100003, LA_code=902, NumberOfPupils=140, SEN1_name=""),
         school(100004, EstablishmentStatus_code=4, OpenDate="01-09-2027")],
    )  # fmt: skip
    out = tmp_path / "geodata" / "saltshire"
    arguments = ["import", "gias", str(file), "--authority", "901", "--date", "2026-01-15",
                 "--within", "25 miles", "--out", str(out)]  # fmt: skip
    assert main(arguments) == EXIT_OK
    said = capsys.readouterr().out
    assert "e.csv: 4 rows read, 4 used." in said
    assert "warning roll above capacity: 1" in said
    assert "Estimated: Places of 4 provisions" in said
    problems = Problems()
    provisions = read_table("provisions", out / "provisions.csv", problems)
    places = read_table("commissioned_places", out / "commissioned_places.csv", problems)
    assert not problems.errors and not problems.warnings
    assert not provisions["provision"].duplicated().any()
    assert set(places["provision"]) <= set(provisions["provision"])
    report = (out / "import_report.txt").read_text(encoding="utf-8")
    assert "roll above capacity (1)" in report and "It allocates no child" in report
    table = pd.read_csv(out / "import_report.csv")
    assert set(table["section"]) >= {"rows", "estimate", "warning"}
    assert {*table.loc[table["section"] == "warning", "name"]} <= {*CHECKS, "file"}
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert SECRET.encode() not in b"".join(before.values())
    # hand-made changes are not lost by accident
    assert main(arguments) == EXIT_BAD_INPUT
    assert "--replace" in capsys.readouterr().err
    assert main([*arguments, "--replace"]) == EXIT_OK
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_an_error_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_rows(tmp_path / "e.csv", [school(100001)])
    out = tmp_path / "out"
    assert main(["import", "gias", str(file), "--authority", "77", "--out", str(out)]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not out.exists()
    blocked = tmp_path / "file"
    blocked.write_text("x")
    code = main(["import", "gias", str(file), "--authority", "901", "--out", str(blocked)])
    assert code == EXIT_BAD_INPUT and "is a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "km"), [("40km", 40), ("40", 40), (" 25 mi ", 40.2336), ("500m", 0.5), ("0km", 0)]
)
def test_distances_are_read(text: str, km: float) -> None:
    assert distance(text) == pytest.approx(km)


@pytest.mark.parametrize("text", ["far", "-3km", "40 leagues", "99999km"])
def test_what_is_no_distance_is_refused(text: str) -> None:
    import argparse

    with pytest.raises(argparse.ArgumentTypeError):
        distance(text)
    with pytest.raises(argparse.ArgumentTypeError):
        date_of(text)


# ------------------------------------------------------------------ national size, real places


@pytest.mark.slow
def test_a_register_of_national_size_takes_seconds(tmp_path: Path) -> None:
    if real_header() is None:
        pytest.skip("the header of a full download is not at ../shared/data/gias_header.csv")
    register = write_register(tmp_path)
    # A small process between, whose only child is the import: this one has had others.
    between = (
        "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode; "
        "use = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(use.ru_utime + use.ru_stime, use.ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", between,
         sys.executable, "-m", "sufficiency", "import", "gias", str(register.download),
         "--authority", "270", "--links", str(register.links), "--out", str(tmp_path / "out")],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "50,000 rows read" in done.stdout
    seconds, kilobytes = map(float, done.stderr.splitlines()[-1].split())
    assert seconds < 10
    assert kilobytes < 1_000_000
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert SECRET.encode() not in written
    assert not re.search(rb"\bAB\d+ ?\d[A-Z]{2}\b", written)  # no postcode either
    table = pd.read_csv(io.BytesIO((tmp_path / "out" / "import_report.csv").read_bytes()))
    rows = table[(table["section"] == "rows") & table["file"].str.startswith("edubaseall")]
    total = rows["value"].astype(int).groupby(rows["name"]).sum()
    assert total["read"] == total["used"] + total["merged"] + total["excluded"] == 50_000


@pytest.mark.parametrize("slug", ["bury", "devon", "manchester"])
def test_real_schools_are_found_within_the_published_distances(tmp_path: Path, slug: str) -> None:
    """A register made of the real special schools around an authority, with its real outline."""
    folder = AUTHORITIES / slug
    if not (folder / "providers.csv").is_file():
        pytest.skip(f"no real schools at {folder}")
    real = pd.read_csv(folder / "providers.csv", dtype={"urn": str, "la_code": str})
    names = {text.split(" - ")[0].upper(): text for text in SEN_TEXTS}
    rows = []
    for line in real.to_dict("records"):
        needs = str(line["needs"]).split("|") if isinstance(line["needs"], str) else []
        row = school(
            int(line["urn"]), LA_code=line["la_code"], LA_name=line["la_name"],
            GSSLACode_name="", EstablishmentName=line["name"], TypeOfEstablishment_code="",
            TypeOfEstablishment_name=line["type"], SEN1_name="",
            Easting=int(line["easting"]), Northing=int(line["northing"]),
            StatutoryLowAge="" if pd.isna(line["age_low"]) else int(line["age_low"]),
            StatutoryHighAge="" if pd.isna(line["age_high"]) else int(line["age_high"]),
            SchoolCapacity="" if pd.isna(line["capacity"]) else int(line["capacity"]),
            NumberOfPupils="" if pd.isna(line["on_roll"]) else int(line["on_roll"]),
        )  # fmt: skip
        row |= {f"SEN{i} (name)": names[need] for i, need in enumerate(needs, start=1)}
        rows.append(row)
    file = write_rows(tmp_path / "edubasealldata20260331.csv", rows)
    code = real.loc[real["in_la"] == 1, "la_code"].iloc[0]
    boundary = folder / "boundary.geojson"

    def within(km: float) -> pd.DataFrame:
        found = import_gias(file, code, within_km=km, boundary=boundary)
        provisions = found.provisions[found.provisions["easting"].notna()]
        return provisions.set_index("provision")

    wide, narrow = within(40.5), within(10.0)
    assert set(wide.index) == set(real["urn"])
    inside = real["in_la"] == 1
    expected = set(real.loc[inside | (real["km_to_la_boundary"] <= 10.0), "urn"])
    edge = set(real.loc[(real["km_to_la_boundary"] - 10.0).abs() < 0.1, "urn"])
    assert set(narrow.index) ^ expected <= edge
    by_urn = real.set_index("urn").loc[wide.index]
    hospital = by_urn["name"].str.contains("Hospital")
    for sector, kinds in (
        ("independent", {"independent_special"}),
        ("maintained", {"state_special", "out_of_area_state_special"}),
    ):
        special = (by_urn["is_special"] == 1) & by_urn["type"].str.contains("special school") & (
            by_urn["sector"] == sector
        ) & ~hospital  # fmt: skip
        assert special.any() and set(wide.loc[special, "kind"]) <= kinds
    listed = by_urn["needs"].notna()
    expected_needs = by_urn.loc[listed, "needs"].map(lambda text: set(text.split("|")))
    got = wide.loc[listed, "needs"].map(set)
    assert all(a == b - {"DS"} for a, b in zip(expected_needs, got, strict=True))
