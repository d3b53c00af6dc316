"""A SEN2 return becomes children today; every planted fault is found; nothing of a child leaks."""

from __future__ import annotations

import datetime
import io
import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from sufficiency.cli import main
from sufficiency.imports import sen2
from sufficiency.imports.blade import census_date, parse_dates, read_return, third_thursday
from sufficiency.imports.counting import check_letter, year_group_on
from sufficiency.imports.outcome import Outcome
from sufficiency.imports.quality import CHECKS
from sufficiency.imports.sen2 import import_sen2
from sufficiency.problems import EXIT_BAD_INPUT, EXIT_OK, InputError, Problems
from tests.imports.schools import school, write_rows
from tests.imports.sen2_export import (
    CENSUS,
    CLOSED,
    COLLEGE,
    COLLEGE_UKPRN,
    FAULTS,
    INDEPENDENT,
    MAINSTREAM,
    SPECIAL,
    WITH_BOTH,
    WITH_RP,
    WITH_UNIT,
    Export,
    make_export,
    plant_faults,
    write_authority,
)

PLANS = 3300


def written(export: Export, folder: Path) -> Path:
    export.write(folder / "blade")
    write_authority(folder / "authority")
    return folder


def imported(folder: Path, **options: object) -> Outcome:
    authority = folder / "authority"
    arguments: dict[str, object] = {
        "provisions": authority / "provisions.csv",
        "areas": authority / "areas.csv",
        "postcodes": [authority / "ONSPD.csv"],
    }
    return import_sen2(folder / "blade", **{**arguments, **options})  # type: ignore[arg-type] # tests pass any option by name


def counts(outcome: Outcome, *columns: str) -> Counter[tuple[object, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    for row in outcome.tables["children_today"].to_dict("records"):
        found[tuple(row[c] for c in columns)] += row["children"]
    return found


def records(outcome: Outcome) -> dict[str, int]:
    """Records that each check found; -1 where it could not run."""
    table = pd.read_csv(io.BytesIO(outcome.files["data_quality.csv"]))
    return dict(zip(table["check"], table["records"].fillna(-1).astype(int), strict=True))


def leaks(secrets: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Secrets that stand in a text."""
    whole = "\n".join(texts)
    return [secret for secret in secrets if secret in whole]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Export, Outcome]:
    folder = tmp_path_factory.mktemp("clean")
    export = make_export(PLANS)
    return export, imported(written(export, folder))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Export, Outcome, Path]:
    folder = tmp_path_factory.mktemp("faulty")
    export = make_export(PLANS)
    plant_faults(export)
    return export, imported(written(export, folder), pseudonyms=True), folder


# ------------------------------------------------------------------ the count


def test_a_sound_return_raises_no_doubt_and_every_child_is_counted(
    clean: tuple[Export, Outcome],
) -> None:
    export, outcome = clean
    assert {name: n for name, n in records(outcome).items() if n} == {}
    assert counts(outcome, "area", "need", "year_group", "provision") == export.truth_by_area()
    assert outcome.tables["children_today"]["children"].sum() == PLANS


def test_every_planted_fault_is_found_by_its_named_check(
    faulty: tuple[Export, Outcome, Path],
) -> None:
    export, outcome, _ = faulty
    assert len(CHECKS) >= 30
    assert set(FAULTS) == set(CHECKS), "each check has a fault that is planted"
    found = records(outcome)
    assert found == {name: export.planted[name] for name in CHECKS}
    assert min(found.values()) >= 3


def test_the_count_is_the_planted_truth(faulty: tuple[Export, Outcome, Path]) -> None:
    export, outcome, _ = faulty
    assert counts(outcome, "need", "year_group", "provision") == export.truth()
    by_area = counts(outcome, "area", "need", "year_group", "provision")
    # Homes that are not known are spread: they come on top of those known.
    assert export.truth_by_area() - by_area == Counter()
    spread = sum(child.counted and not child.area_known for child in export.children)
    assert sum((by_area - export.truth_by_area()).values()) == spread == 12


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3"])
def test_every_version_gives_the_same_count(tmp_path: Path, version: str) -> None:
    export = make_export(400, version=version, seed=5)
    plant_faults(export, each=1, seed=6)
    outcome = imported(written(export, tmp_path))
    assert counts(outcome, "need", "year_group", "provision") == export.truth()
    assert records(outcome) == {name: export.planted[name] for name in CHECKS}
    named = "1.0 or 1.1" if version in ("1.0", "1.1") else version
    assert f"version {named}" in outcome.report.title


def test_every_row_of_every_module_is_accounted_for(
    faulty: tuple[Export, Outcome, Path],
) -> None:
    export, outcome, _ = faulty
    accounts = {a.file.rsplit("_", 1)[-1].removesuffix(".csv"): a for a in outcome.report.accounts}
    for name, rows in export.modules.items():
        assert accounts[name].read == len(rows)
        assert accounts[name].missing == 0
    counted = sum(child.counted for child in export.children)
    assert accounts["person"].used == accounts["requests"].used == counted
    assert accounts["person"].merged["the same child entered twice"] == 3


def test_estimates_are_labelled_with_their_children(
    faulty: tuple[Export, Outcome, Path],
) -> None:
    _, outcome, _ = faulty
    labels = "\n".join(outcome.report.estimates)
    assert "column area, 12 children: the home is not known" in labels
    assert "column need, 6 children: no need" in labels
    assert "column provision, 15 children: no placement on the census date" in labels
    assert "column tier, 3,279 children: left blank" in labels


def test_without_postcodes_homes_are_spread_by_people(tmp_path: Path) -> None:
    export = make_export(500, seed=3)
    outcome = imported(written(export, tmp_path), postcodes=[])
    assert counts(outcome, "need", "year_group", "provision") == export.truth()
    areas = outcome.tables["children_today"].groupby("area")["children"].sum()
    assert len(areas) == 30
    assert areas.max() <= 25 and areas.min() >= 10
    assert any("no postcode file was given" in line for line in outcome.report.estimates)
    assert records(outcome)["home outside the areas"] == -1


def test_without_areas_there_is_one_area_and_a_warning(tmp_path: Path) -> None:
    export = make_export(200, seed=3)
    outcome = imported(written(export, tmp_path), postcodes=[], areas=None)
    assert set(outcome.tables["children_today"]["area"]) == {"authority"}
    assert any("one area" in problem.message for problem in outcome.report.warnings)


def test_a_mapping_wins_over_everything(tmp_path: Path) -> None:
    export = make_export(300, seed=4)
    written(export, tmp_path)
    (tmp_path / "mapping.csv").write_text(
        f"urn,sen_setting,base,provision\n{SPECIAL[1]},,,{SPECIAL[2]}\n"
        f",NEET,,further-education\n102020,,yes,102020-RP\n"
    )
    found = counts(imported(tmp_path, mapping=tmp_path / "mapping.csv"), "provision")
    truth: Counter[tuple[object, ...]] = Counter()
    for child in export.children:
        where = child.provision
        if where == SPECIAL[1]:
            where = SPECIAL[2]
        elif child.placement["sensetting"] == "NEET":
            where = "further-education"
        elif where == "102020-SENU":
            where = "102020-RP"
        truth[where,] += 1
    assert found == truth


def test_tiers_come_from_the_rule_that_says_most(tmp_path: Path) -> None:
    export = make_export(300, seed=4)
    written(export, tmp_path)
    (tmp_path / "tiers.csv").write_text(
        "provision,kind,need,tier\n,state_special,,3\n101001,,,2\n,state_special,PMLD,4\n"
    )
    table = imported(tmp_path, tiers=tmp_path / "tiers.csv").tables["children_today"]
    profound = table["need"] == "PMLD"
    second, first = table["provision"] == SPECIAL[1], table["provision"] == SPECIAL[0]
    assert set(table.loc[second & ~profound, "tier"]) == {3}
    assert set(table.loc[second & profound, "tier"]) == {4}
    assert set(table.loc[first & ~profound, "tier"]) == {2}
    assert set(table.loc[table["provision"].str.startswith("mainstream"), "tier"]) == {0}


def test_the_census_date_can_be_chosen(tmp_path: Path) -> None:
    """In July the children who entered in September were elsewhere, or had no placement."""
    export = make_export(300, seed=4)
    outcome = imported(written(export, tmp_path), census=datetime.date(2025, 6, 2))
    assert "2024/25" in outcome.report.title
    assert records(outcome)["no placement on the census date"] > 100


# ------------------------------------------------------------------ nothing leaks


def test_nothing_of_a_child_is_written_printed_or_logged(
    faulty: tuple[Export, Outcome, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    export, outcome, folder = faulty
    caplog.set_level(logging.DEBUG)
    authority = folder / "authority"
    code = main(
        ["import", "sen2", str(folder / "blade"), "--provisions", str(authority / "provisions.csv"),
         "--areas", str(authority / "areas.csv"), "--postcodes", str(authority / "ONSPD.csv"),
         "--pseudonyms", "--out", str(tmp_path / "out")]
    )  # fmt: skip
    assert code == EXIT_OK
    shown = capsys.readouterr()
    files = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()}
    assert set(files) == {
        "children_today.csv", "data_quality.csv", "data_quality.html",
        "data_quality_pseudonyms.csv", "sen2_report.txt", "sen2_report.csv", "sen2_stand_ins.csv",
        "sen2_stand_in_places.csv",
    }  # fmt: skip
    secrets = export.secrets()
    assert len(secrets) > 4 * PLANS
    texts = [*files.values(), shown.out, shown.err, caplog.text, repr(outcome)]
    assert leaks(secrets, texts) == []
    assert all(len(text) > 50 for text in files.values())


def test_the_search_for_leaks_would_find_one(clean: tuple[Export, Outcome]) -> None:
    export, _ = clean
    row = export.modules["person"][7]
    for column in ("upn", "surname", "forename", "postcode"):
        assert leaks(export.secrets(), [f"found {row[column]} here"])
    assert leaks(export.secrets(), [f"born {export.children[7].birth:%d/%m/%Y}"])


def test_pseudonyms_differ_in_each_run_and_match_within_it(
    faulty: tuple[Export, Outcome, Path],
) -> None:
    _, outcome, folder = faulty
    first = pd.read_csv(io.BytesIO(outcome.files["data_quality_pseudonyms.csv"]))
    again = imported(folder, pseudonyms=True)
    second = pd.read_csv(io.BytesIO(again.files["data_quality_pseudonyms.csv"]))
    assert list(first.columns) == ["check", "module", "pseudonym"]
    assert len(first) == len(second) > 150
    assert set(first["pseudonym"]).isdisjoint(second["pseudonym"])
    # A child with two findings has one pseudonym: left before entry is without a placement too.
    one = first.groupby("check")["pseudonym"].apply(set)
    assert one["left before entry"] <= one["no placement on the census date"]
    assert "data_quality_pseudonyms.csv" not in imported(folder).files


def test_a_fault_of_the_program_shows_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    export = make_export(60, seed=2)
    folder = written(export, tmp_path)
    upn = export.modules["person"][3]["upn"]

    def broken(*_: object, **__: object) -> None:
        raise KeyError(upn)

    monkeypatch.setattr(sen2, "_homes", broken)
    authority = folder / "authority"
    code = main(
        ["import", "sen2", str(folder / "blade"), "--provisions", str(authority / "provisions.csv"),
         "--areas", str(authority / "areas.csv"), "--out", str(tmp_path / "out")]
    )  # fmt: skip
    shown = capsys.readouterr()
    assert code == EXIT_BAD_INPUT
    assert upn not in shown.out + shown.err
    assert "KeyError" in shown.err and "Traceback" not in shown.err
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError) as caught:
        imported(folder)
    assert caught.value.__context__ is None and caught.value.__cause__ is None


def test_no_repr_shows_a_record(clean: tuple[Export, Outcome], tmp_path: Path) -> None:
    export, _ = clean
    problems = Problems()
    returned = read_return(written(export, tmp_path) / "blade", problems)
    assert leaks(export.secrets(), [repr(returned), str(returned)]) == []


# ------------------------------------------------------------------ bad input


def refused(folder: Path, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        imported(folder, **options)
    return str(caught.value)


def module_file(folder: Path, name: str) -> Path:
    (path,) = (folder / "blade").glob(f"*_{name}.csv")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(make_export(80, seed=9), tmp_path)


@pytest.mark.parametrize(
    "name", ["person", "requests", "assessment", "namedplan", "activeplans", "placementdetail",
             "senneed"]
)  # fmt: skip
def test_a_missing_module_is_named_with_its_remedy(folder: Path, name: str) -> None:
    module_file(folder, name).unlink()
    said = refused(folder)
    assert "is missing" in said and f"_{name}.csv" in said


def test_the_modules_that_are_not_needed_may_be_missing(folder: Path) -> None:
    module_file(folder, "plandetail").unlink()
    module_file(folder, "sen2").unlink()
    assert "census date" in refused(folder)
    outcome = imported(folder, census=CENSUS)
    assert records(outcome)["attended is not named"] == -1
    assert outcome.tables["children_today"]["children"].sum() == 80


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty (0 bytes)"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"PK\x03\x04rest of a workbook", "spreadsheet"),
        (b"\0\0\0\0\0\n\0\0", "no header|binary|not module"),
        (b"a,b,c\n1,2,3\n", "none of its columns"),
    ],
)
def test_a_file_that_is_no_module_is_refused(folder: Path, content: bytes, said: str) -> None:
    module_file(folder, "placementdetail").write_bytes(content)
    text = refused(folder)
    assert any(word in text for word in said.split("|")), text


def test_a_cut_off_file_is_refused(folder: Path) -> None:
    path = module_file(folder, "placementdetail")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:40]) + lines[40][:25], encoding="utf-8")
    assert "cut off" in refused(folder)


def test_a_file_cut_off_between_two_rows_is_questioned(folder: Path) -> None:
    path = module_file(folder, "placementdetail")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:40]), encoding="utf-8")
    warnings = [problem.message for problem in imported(folder).report.warnings]
    assert any("have no placement" in message for message in warnings)


def test_a_file_of_two_gigabytes_is_refused_at_once(folder: Path) -> None:
    with module_file(folder, "person").open("r+b") as handle:
        handle.truncate(0)
        handle.truncate(2_000_000_000)
    assert "person" in refused(folder)


def test_a_file_without_its_header_shows_nobody(tmp_path: Path) -> None:
    export = make_export(80, seed=9)
    folder = written(export, tmp_path)
    path = module_file(folder, "person")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[1:]), encoding="utf-8")
    assert leaks(export.secrets(), [refused(folder)]) == []


def test_a_renamed_column_shows_nobody(tmp_path: Path) -> None:
    export = make_export(80, seed=9)
    folder = written(export, tmp_path)
    path = module_file(folder, "person")
    path.write_text(path.read_text().replace("personbirthdate", "Birth", 1))
    text = refused(folder)
    assert "personbirthdate" in text
    assert leaks(export.secrets(), [text]) == []


def test_two_exports_in_one_folder_are_refused(folder: Path) -> None:
    path = module_file(folder, "person")
    (path.parent / "Blade-Export_01-01-2026_person.csv").write_bytes(path.read_bytes())
    assert "one export" in refused(folder)


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    write_authority(tmp_path / "authority")
    assert "does not exist" in refused(tmp_path)
    (tmp_path / "blade").mkdir()
    assert "holds no file of a Blade export" in refused(tmp_path)


def test_a_mapping_to_nowhere_is_refused(folder: Path) -> None:
    mapping = folder / "mapping.csv"
    mapping.write_text("urn,provision\n101001,no-such-place\n,101001\n")
    text = refused(folder, mapping=mapping)
    assert "no-such-place" in text and "says neither urn" in text


def test_existing_files_are_kept_unless_told_otherwise(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority, out = folder / "authority", folder / "out"
    out.mkdir()
    (out / "children_today.csv").write_text("mine")
    command = ["import", "sen2", str(folder / "blade"), "--provisions",
               str(authority / "provisions.csv"), "--out", str(out)]  # fmt: skip
    assert main(command) == EXIT_BAD_INPUT
    assert (out / "children_today.csv").read_text() == "mine"
    assert len(list(out.iterdir())) == 1
    assert "--replace" in capsys.readouterr().err
    assert main([*command, "--replace"]) == EXIT_OK
    assert (out / "children_today.csv").read_text().startswith("area,need,tier")


def test_cp1252_utf16_and_semicolons_are_read(tmp_path: Path) -> None:
    export = make_export(80, seed=9)
    for row in export.modules["person"]:
        row["surname"] += "é"
    folder = written(export, tmp_path)
    path = module_file(folder, "person")
    text = path.read_text(encoding="utf-8")
    path.write_bytes(text.encode("cp1252"))
    other = module_file(folder, "senneed")
    other.write_bytes(other.read_text(encoding="utf-8").replace(",", ";").encode("utf-16"))
    assert counts(imported(folder), "need", "year_group", "provision") == export.truth()


# ------------------------------------------------------------------ parts


def test_dates_are_read_as_collect_and_spreadsheets_write_them() -> None:
    cells = pd.Series(["2022-Sep-28 00:00:00", "2022-09-28", "28/09/2022", "28-Sep-2022",
                       "2022-09-28T00:00:00", "", "31-13-2022", "soon"])  # fmt: skip
    dates, wrong = parse_dates(cells)
    assert [d == pd.Timestamp(2022, 9, 28) for d in dates[:5]] == [True] * 5
    assert dates[5:].isna().all()
    assert wrong.tolist() == [False] * 6 + [True, True]


@pytest.mark.parametrize(
    ("born", "group"),
    [("2021-09-01", -1), ("2021-08-31", 0), ("2014-09-01", 6), ("2014-08-31", 7),
     ("2001-09-01", 19), ("2000-09-01", 20), ("2000-08-31", 21)],
)  # fmt: skip
def test_year_group_is_the_age_on_31_august_before_less_four(born: str, group: int) -> None:
    found = year_group_on(pd.Series([pd.Timestamp(born)]), CENSUS)
    assert found.iloc[0] == group


def test_the_census_date_is_the_third_thursday_of_january() -> None:
    assert third_thursday(2026) == datetime.date(2026, 1, 15)
    assert third_thursday(2025) == datetime.date(2025, 1, 16)
    assert third_thursday(2023) == datetime.date(2023, 1, 19)


def test_a_reference_date_outside_january_is_questioned(tmp_path: Path) -> None:
    export = make_export(30, seed=9)
    export.modules["sen2"][0]["referencedate"] = "2025-Dec-31 00:00:00"
    problems = Problems()
    returned = read_return(written(export, tmp_path) / "blade", problems)
    assert returned is not None
    assert census_date(returned, None, problems, "blade") == CENSUS
    assert any("reference date" in warning.message for warning in problems.warnings)


def test_the_check_letter_of_a_upn() -> None:
    """Worked by hand: 2x8 + 10x1 + 11x2 + 12x3 = 84; 84 mod 23 = 15, which is R."""
    assert check_letter("A800000001230") == "R"
    assert "ABCDEFGHJKLMNPQRTUVWXYZ".index("R") == 15


# ------------------------------------------------------------------ after the GIAS import


def test_what_the_gias_import_writes_leads_every_placement_to_its_provision(
    tmp_path: Path,
) -> None:
    """Two commands: the register becomes provisions, the return becomes children in them."""
    mainstream = {"TypeOfEstablishment_code": 1, "SEN1_name": "", "StatutoryHighAge": 11}
    base = {"ResourcedProvisionCapacity": 20, "ResourcedProvisionOnRoll": 18}
    unit = {"SenUnitCapacity": 20, "SenUnitOnRoll": 18}
    secondary = {**mainstream, "StatutoryLowAge": 11, "StatutoryHighAge": 16}
    rows = [
        school(int(SPECIAL[0]), StatutoryLowAge=3), school(int(SPECIAL[1])),
        school(int(SPECIAL[2])),
        school(int(CLOSED), EstablishmentStatus_code=2, CloseDate="31-08-2024"),
        school(int(INDEPENDENT), TypeOfEstablishment_code=10, Easting=510_000),
        school(int(COLLEGE), TypeOfEstablishment_code=18, UKPRN=COLLEGE_UKPRN,
               StatutoryLowAge=16, StatutoryHighAge=99, SEN1_name=""),
        school(int(WITH_RP), **mainstream, **base,
               TypeOfResourcedProvision_name="Resourced provision"),
        school(int(WITH_UNIT), **mainstream, **unit, TypeOfResourcedProvision_name="SEN unit"),
        school(int(WITH_BOTH), **secondary, **base, **unit,
               TypeOfResourcedProvision_name="Resourced provision and SEN unit"),
        *(school(int(urn), **mainstream) for urn in MAINSTREAM[2:20]),
    ]  # fmt: skip
    register = write_rows(tmp_path / "edubasealldata20260101.csv", rows)
    links = tmp_path / "links_edubasealldata20260101.csv"
    links.write_text(
        "URN,LinkURN,LinkName,LinkType,LinkEstablishedDate\n"
        f"{CLOSED},{SPECIAL[0]},Name,Successor,01-09-2024\n"
    )
    out = tmp_path / "authority"
    assert main(["import", "gias", str(register), "--authority", "901", "--links", str(links),
                 "--out", str(out)]) == EXIT_OK  # fmt: skip
    export = make_export(600, seed=8)
    export.write(tmp_path / "blade")
    outcome = import_sen2(tmp_path / "blade", provisions=out / "provisions.csv")
    # The college is a provision of its own there.
    truth = Counter(
        {
            (need, group, COLLEGE if where == "further-education" else where): children
            for (need, group, where), children in export.truth().items()
        }
    )
    assert counts(outcome, "need", "year_group", "provision") == truth
    found = {name: n for name, n in records(outcome).items() if n > 0}
    assert set(found) <= {"year group outside the provision"}
    assert "sen2_stand_ins.csv" not in outcome.files
