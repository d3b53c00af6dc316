"""Published counts become children today: every published number is met exactly."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sufficiency.cli import main
from sufficiency.demand.projection import NATIONAL_PEOPLE
from sufficiency.imports.joint import fit_joint
from sufficiency.imports.outcome import Outcome
from sufficiency.imports.placing import place_children, spread_over_areas
from sufficiency.imports.published import _rates, import_published
from sufficiency.imports.release import LOW_AT_MOST, Fact, parse_count, read_release
from sufficiency.imports.report import ImportReport
from sufficiency.problems import EXIT_BAD_INPUT, EXIT_OK, InputError, Problems
from sufficiency.rules import load_model
from sufficiency.tables import empty_table, read_table
from tests.imports.published_release import (
    AGES,
    AUTHORITIES,
    CODES,
    NEEDS,
    make_release,
    write_csv,
)

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data"
CODE = AUTHORITIES[0][0]

AREAS = """area,name,locality,easting,northing,\
children_0_4,children_5_11,children_12_17,children_18_24
A1,One,North,400000,300000,100,200,180,150
A2,Two,North,402000,301000,300,400,380,250
A3,Three,South,404000,298000,200,100,90,400
"""


def areas_file(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "areas.csv"
    path.write_text(AREAS.replace("100,200,180,150", "1000,2000,1800,1500"), encoding="utf-8")
    return path


def reproduction(outcome: Outcome) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(outcome.files["published_reproduction.csv"]), dtype=str)


def children_by(outcome: Outcome, *columns: str) -> Counter[tuple[object, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    for row in outcome.tables["children_today"].to_dict("records"):
        found[tuple(row[c] for c in columns)] += row["children"]
    return found


def imported(folder: Path, authority: str = CODE, **options: object) -> Outcome:
    return import_published(
        folder, authority=authority, areas=areas_file(folder.parent / "areas"), **options  # type: ignore[arg-type] # tests pass any option by name
    )  # fmt: skip


# ------------------------------------------------------------------ exact reproduction


@pytest.mark.parametrize("authority", [CODE, "777", "fictionshire", "E06000888", "E92000001"])
def test_every_published_number_is_met_exactly(tmp_path: Path, authority: str) -> None:
    release = make_release()
    outcome = imported(release.write(tmp_path / "release"), authority)
    code = {"777": CODE, "fictionshire": CODE}.get(authority, authority)
    truth = release.joint[code, 2025]
    table = reproduction(outcome)
    assert set(table["result"]) == {"exact"}
    # Two-way tables, margins, groups and the total, each cell of them.
    two_way = len(AGES) * (len(NEEDS) + len(CODES)) + len(NEEDS) * len(CODES)
    assert len(table) == two_way + len(AGES) * 4 + len(NEEDS) + len(CODES) + 1 + 3
    assert outcome.tables["children_today"]["children"].sum() == truth.sum()


def test_children_today_keep_the_margins_in_the_tables_own_words(tmp_path: Path) -> None:
    release = make_release()
    truth = release.joint[CODE, 2025]
    outcome = imported(release.write(tmp_path / "release"))
    by_need = children_by(outcome, "need")
    expected: Counter[tuple[object, ...]] = Counter()
    for need, children in zip(NEEDS, truth.sum((0, 2)).tolist(), strict=True):
        expected["OTH" if need == "need_unknown" else need.upper(),] += children
    assert by_need == expected
    groups: Counter[tuple[object, ...]] = Counter()
    for label, children in zip(AGES, truth.sum((1, 2)).tolist(), strict=True):
        age = 2 if label == "under 3" else int(label.split()[1])
        groups[min(20, age - 4),] += children
    assert children_by(outcome, "year_group") == +groups


@pytest.mark.parametrize(
    ("slug", "code", "plans"),
    [("bury", "E08000002", 2804), ("devon", "E10000008", 9848), ("manchester", "E08000003", 8875)],
)
def test_real_authorities_are_met_exactly(tmp_path: Path, slug: str, code: str, plans: int) -> None:
    folder = DATA / "authorities" / slug
    if not folder.is_dir():
        pytest.skip(f"the published counts are not here: {folder}")
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "ehcp.csv").write_bytes((folder / "ehcp.csv").read_bytes())
    outcome = imported(tmp_path / "release", code)
    table = reproduction(outcome)
    assert set(table["result"]) == {"exact"}
    assert len(table) > 1400
    assert outcome.tables["children_today"]["children"].sum() == plans
    # Nothing here has looked at the importer: the file itself, its two-way tables.
    source = pd.read_csv(folder / "ehcp.csv")
    source = source[(source["year"] == 2025) & (source["is_total"] == 0)]
    need = source[source["table"] == "caseload_by_need"].set_index("primary_need")["count"]
    found = children_by(outcome, "need")
    assert found["ASD",] == need["asd"]
    assert found["OTH",] == need["oth"] + need["need_unknown"]
    by_age = source[source["table"] == "caseload_by_age"].set_index("age")["count"]
    assert children_by(outcome, "year_group")[7,] == by_age["age 11"]


@pytest.mark.slow
def test_england_is_met_exactly(tmp_path: Path) -> None:
    folder = DATA / "sen2_2025"
    if not folder.is_dir():
        pytest.skip(f"the published counts are not here: {folder}")
    areas = areas_file(tmp_path)
    outcome = import_published(folder, authority="E92000001", areas=areas)
    table = reproduction(outcome)
    assert set(table["result"]) == {"exact"}
    assert outcome.tables["children_today"]["children"].sum() == 638_745
    assert any("too few" in problem.message for problem in outcome.report.warnings)


def test_rates_of_england_are_those_of_the_shipped_model(tmp_path: Path) -> None:
    """Two derivations, one from the release's files and one in the model, with the same people."""
    folder = DATA / "sen2_2025"
    if not folder.is_dir():
        pytest.skip(f"the published counts are not here: {folder}")
    problems = Problems()
    release = read_release(folder, "E92000001", problems)
    model = load_model(REPOSITORY / "models" / "england-2026.toml", problems)
    assert release is not None and model is not None and not problems.errors
    assert release.new_plans[2024][11] == 8126
    assert release.ceased[2024][11] == 1011 - 872
    assert release.plans[2025][10] == 41_405
    areas = read_table("areas", areas_file(tmp_path), problems)
    people = pd.DataFrame({"academic_year": 2024, "age": range(26), "people": NATIONAL_PEOPLE})
    rates = _rates(release, areas, people, 2024, ImportReport("England")).set_index("year_group")
    for age in range(4, 24):
        new, ceasing = rates.loc[age - 4, ["new_plans_per_1000", "ceasing_share"]]
        assert new == pytest.approx(model.new_plans_per_1000[age], abs=0.006), age
        if age < 23:
            assert ceasing == pytest.approx(model.ceasing_share[age], abs=0.0006), age


def test_a_small_authority_leaves_thin_ages_to_the_model(tmp_path: Path) -> None:
    folder = DATA / "sen2_2025"
    if not folder.is_dir():
        pytest.skip(f"the published counts are not here: {folder}")
    problems = Problems()
    release = read_release(folder, "E92000001", problems)
    assert release is not None
    for counts in (*release.plans.values(), *release.new_plans.values(),
                   *release.ceased.values()):  # fmt: skip
        counts.update({age: children / 400 for age, children in counts.items()})
    areas = read_table("areas", areas_file(tmp_path), problems)
    rates = _rates(release, areas, empty_table("population"), 2024, ImportReport("Small"))
    thin = {age for age, children in release.plans[2024].items() if children < 30}
    given = {int(g) + 4 for g in rates.loc[rates["ceasing_share"].notna(), "year_group"]}
    assert 10 in given and 21 in thin
    assert given.isdisjoint(thin)


# ------------------------------------------------------------------ symbols


def test_symbols_are_read() -> None:
    assert parse_count("1,234") == (1234.0, 1234.0, "")
    assert parse_count("z") == (0.0, 0.0, "z")
    for symbol in ("x", "c", "u", "", ":"):
        low, high, _ = parse_count(symbol)
        assert (low, high) == (0.0, float("inf"))
    assert parse_count("low") == (0.0, float(LOW_AT_MOST), "low")
    assert parse_count("12.5%", 200) == (25.0, 25.0, "%")
    low, high, _ = parse_count("33%", 1000)
    assert (low, high) == (325.0, 335.0)
    assert parse_count("33%") == (0.0, float("inf"), "%")
    for wrong in ("twelve", "-3", "1.5", "1,23", "12 %%"):
        with pytest.raises(ValueError):
            parse_count(wrong)


def test_suppressed_counts_are_estimated_within_what_is_published(tmp_path: Path) -> None:
    """Counts from 1 to 4 become c or low, some larger ones x or a percentage; totals stay."""
    release = make_release(1500, seed=3)
    folder = release.write(tmp_path / "release")
    rng = np.random.default_rng(1)
    hidden = 0
    for name in ("caseload.csv", "needs.csv"):
        path = folder / name
        with path.open(encoding="utf-8", newline="") as handle:
            header, *rows = list(csv.reader(handle))
        total = header.index("ehcplans" if name == "caseload.csv" else "ehc_plans")
        for row in rows:
            if row[10] == "All EHC plans":
                continue
            for at in range(total + 1, len(row) - 4):
                if row[at].isdigit() and 0 < int(row[at]) < 5:
                    row[at] = str(rng.choice(["c", "low"]))
                    hidden += 1
                elif row[at].isdigit() and int(row[at]) > 20 and rng.random() < 0.1:
                    share = 100 * int(row[at]) / int(row[total])
                    row[at] = "x" if rng.random() < 0.5 else f"{share:.1f}%"
                    hidden += 1
        write_csv(path, header, rows)
    outcome = imported(folder)
    table = reproduction(outcome)
    assert hidden > 500
    assert set(table["result"]) == {"exact", "within"}
    assert (table["result"] == "within").sum() > 200
    truth = release.joint[CODE, 2025]
    assert outcome.tables["children_today"]["children"].sum() == truth.sum()
    # What is hidden is met to within a few children all the same.
    found = children_by(outcome, "need")
    for need, children in zip(NEEDS[:4], truth.sum((0, 2)).tolist(), strict=False):
        assert found[need.upper(),] == children


def test_numbers_that_contradict_each_other_are_listed(tmp_path: Path) -> None:
    release = make_release(400)
    folder = release.write(tmp_path / "release")
    path = folder / "needs.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        header, *rows = list(csv.reader(handle))
    at = header.index("number_asd")
    changed = next(r for r in rows if r[7] == CODE and r[0] == "202425" and r[11] == "age 8")
    changed[at] = str(int(changed[at]) + 7)
    write_csv(path, header, rows)
    outcome = imported(folder)
    table = reproduction(outcome)
    assert (table["result"] == "missed").sum() >= 1
    assert any("contradict" in problem.message for problem in outcome.report.warnings)
    total = outcome.tables["children_today"]["children"].sum()
    assert abs(total - release.joint[CODE, 2025].sum()) <= 7


def test_down_syndrome_is_unknown_before_2026_and_counted_from_then(tmp_path: Path) -> None:
    release = make_release(400)
    folder = release.write(tmp_path / "release")
    path = folder / "needs.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        header, *rows = list(csv.reader(handle))
    write_csv(path, [*header, "number_ds"], [[*row, "x"] for row in rows])
    outcome = imported(folder)
    assert ("DS",) not in children_by(outcome, "need")
    assert set(reproduction(outcome)["result"]) == {"exact"}


# ------------------------------------------------------------------ areas and provisions


def test_children_are_spread_by_the_people_of_their_band(tmp_path: Path) -> None:
    areas = read_table("areas", areas_file(tmp_path), Problems())
    children = pd.DataFrame(
        {"kind": "mainstream", "need": "ASD", "year_group": [3, 9], "children": [2600, 1000]}
    )
    found = spread_over_areas(children, areas, ["kind", "need", "year_group"])
    assert found.groupby("year_group")["children"].sum().to_dict() == {3: 2600, 9: 1000}
    of_3 = found[found["year_group"] == 3].set_index("area")["children"]
    expected = pd.Series({"A1": 2000, "A2": 400, "A3": 100}) / 2500 * 2600
    assert (of_3 - expected).abs().max() <= 1


def test_placing_keeps_to_rolls_ages_and_needs(tmp_path: Path) -> None:
    """Six children of Year 3 near a school with room for four: two go to the one farther off."""
    areas = read_table("areas", areas_file(tmp_path), Problems())
    path = tmp_path / "provisions.csv"
    path.write_text(
        "provision,name,kind,easting,northing,lowest_year_group,highest_year_group,needs,on_roll\n"
        "near,Near,state_special,400100,300000,0,6,any,4\n"
        "far,Far,state_special,409000,300000,0,6,any,9\n"
        "older,Older,state_special,400050,300000,7,11,any,90\n"
        "other,Other,state_special,400050,300000,0,6,SEMH,90\n"
    )
    provisions = read_table("provisions", path, Problems())
    children = pd.DataFrame(
        {"area": "A1", "kind": "state_special", "need": "ASD", "year_group": 3, "children": [6]}
    )
    placed = place_children(children, areas, provisions, 2024)
    assert placed.children.set_index("provision")["children"].to_dict() == {"near": 4, "far": 2}
    assert placed.stand_ins.empty and not placed.overfull and not placed.wrong_age


def test_kinds_without_a_provision_get_stand_ins_that_the_tables_accept(tmp_path: Path) -> None:
    release = make_release(300)
    folder = release.write(tmp_path / "release")
    outcome = imported(folder)
    kinds = dict(zip(outcome.tables["provisions"]["provision"],
                     outcome.tables["provisions"]["kind"], strict=True))  # fmt: skip
    held = outcome.tables["children_today"].groupby("provision")["children"].sum()
    assert set(held.index) == set(kinds)
    places = outcome.tables["commissioned_places"].set_index("provision")["places"]
    assert set(places.index) == {p for p, kind in kinds.items()
                                 if kind in ("state_special", "specialist_base")}  # fmt: skip
    assert (places == held.reindex(places.index)).all()


def test_the_command_makes_a_folder_that_check_accepts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_release(300).write(tmp_path / "release")
    areas = areas_file(tmp_path / "authority")
    out = tmp_path / "authority"
    command = ["import", "published", str(folder), "--authority", CODE, "--areas", str(areas),
               "--out", str(out)]  # fmt: skip
    assert main(command) == EXIT_OK
    shown = capsys.readouterr().out
    assert "reproduced exactly" in shown and "Estimated: children_today, column area" in shown
    (out / "scenario.toml").write_text(
        '[scenario]\nname = "f"\ntitle = "Fictionshire"\nauthority = "Fictionshire"\n'
        'geodata = "."\nmodel = "england-2026"\nbase_year = "2024/25"\nfirst_year = "2025/26"\n'
        "years = 3\n"
    )
    assert main(["check", str(out / "scenario.toml")]) == EXIT_OK, capsys.readouterr()
    plans = make_release(300).joint[CODE, 2025].sum()
    assert f"Children with plans: {plans:,} today" in capsys.readouterr().out
    assert main(command) == EXIT_BAD_INPUT
    assert main([*command, "--replace"]) == EXIT_OK


# ------------------------------------------------------------------ bad input


def refused(folder: Path, authority: str = CODE, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        imported(folder, authority, **options)
    return str(caught.value)


def test_an_authority_that_is_not_there_is_refused_with_the_near_one(tmp_path: Path) -> None:
    folder = make_release(100).write(tmp_path / "release")
    said = refused(folder, "Fictionshir")
    assert "no row is of this authority" in said and "Fictionshire" in said


def test_another_january_can_be_asked_for_and_must_be_there(tmp_path: Path) -> None:
    release = make_release(200)
    folder = release.write(tmp_path / "release")
    outcome = imported(folder, january=2024)
    assert outcome.tables["children_today"]["children"].sum() == release.joint[CODE, 2024].sum()
    assert any("one of the three breakdowns" in p.message for p in outcome.report.warnings)
    assert "January 2019" in refused(folder, january=2019)


def test_a_folder_without_the_needs_is_refused(tmp_path: Path) -> None:
    folder = make_release(100).write(tmp_path / "release")
    (folder / "needs.csv").unlink()
    assert "by need" in refused(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "0 bytes"), (b"<html>503</html>", "web page"), (b"PK\x03\x04", "spreadsheet")],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    folder = make_release(100).write(tmp_path / "release")
    (folder / "caseload.csv").write_bytes(content)
    assert said in refused(folder)


def test_a_cell_that_is_no_count_is_named(tmp_path: Path) -> None:
    folder = make_release(100).write(tmp_path / "release")
    path = folder / "needs.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        header, *rows = list(csv.reader(handle))
    row = next(r for r in rows if r[7] == CODE and r[0] == "202425")
    row[header.index("number_hi")] = "many"
    write_csv(path, header, rows)
    said = refused(folder)
    assert "needs.csv, row" in said and "number_hi" in said and "'many'" in said


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "other.csv").write_text("a,b\n1,2\n")
    assert "no row is of this authority" in refused(tmp_path / "release")


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    outcome = imported(make_release(100).write(tmp_path / "release"))
    for account in outcome.report.accounts:
        assert account.read > 0 and account.missing == 0
    words = " ".join(line for a in outcome.report.accounts for line in a.sentences())
    assert "another year" in words and "another authority" in words and "Ethnicity" in words


# ------------------------------------------------------------------ the joint count


def test_the_joint_count_of_two_by_two_by_two_is_the_one_that_fits() -> None:
    """Margins of a cube with one answer: age 5 has ASD and is at p, age 6 has SEMH and is at q."""
    p, q = "special_independent", "neet"
    facts = [
        Fact(5, "all", p, 3, 3, "", "f", 1), Fact(5, "all", q, 0, 0, "", "f", 1),
        Fact(6, "all", p, 0, 0, "", "f", 2), Fact(6, "all", q, 4, 4, "", "f", 2),
        Fact(5, "ASD", "all", 3, 3, "", "f", 3), Fact(5, "SEMH", "all", 0, 0, "", "f", 3),
        Fact(6, "ASD", "all", 0, 0, "", "f", 4), Fact(6, "SEMH", "all", 4, 4, "", "f", 4),
    ]  # fmt: skip
    joint = fit_joint(facts)
    assert joint.missed.empty
    assert joint.cells.to_dict("records") == [
        {"age": 5, "need": "ASD", "placement": p, "children": 3},
        {"age": 6, "need": "SEMH", "placement": q, "children": 4},
    ]


def test_a_hidden_cell_is_what_the_total_leaves() -> None:
    p, q = "special_independent", "neet"
    facts = [
        Fact(5, "all", "all", 10, 10, "", "f", 1), Fact(5, "all", p, 7, 7, "", "f", 1),
        Fact(5, "all", q, 0, float("inf"), "c", "f", 1),
        Fact(5, "ASD", "all", 6, 6, "", "f", 2), Fact(5, "SEMH", "all", 4, 4, "", "f", 2),
    ]  # fmt: skip
    joint = fit_joint(facts)
    assert joint.missed.empty
    assert joint.cells.groupby("placement")["children"].sum().to_dict() == {p: 7, q: 3}
