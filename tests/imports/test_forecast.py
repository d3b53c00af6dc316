"""Somebody's forecast becomes projected children: sums kept, children followed, splits labelled."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sufficiency.cli import main
from sufficiency.imports.following import follow
from sufficiency.imports.forecast import SCAP_KINDS, import_forecast, parse_year_group
from sufficiency.imports.outcome import Outcome
from sufficiency.problems import EXIT_BAD_INPUT, EXIT_OK, InputError
from sufficiency.vocabulary import NEEDS, academic_year_label

REPOSITORY = Path(__file__).resolve().parents[2]
GEODATA = REPOSITORY / "geodata" / "wyrecombe"
SCENARIO = REPOSITORY / "scenarios" / "median"
BASE = 2025
BROAD = {
    **dict.fromkeys(("ASD", "SLCN"), "CI"),
    **dict.fromkeys(("SPLD", "MLD", "SLD", "PMLD", "DS"), "CL"),
    **dict.fromkeys(("HI", "VI", "MSI", "PD"), "SP"),
    "SEMH": "SEMH", "OTH": "OTH",
}  # fmt: skip


def today() -> pd.DataFrame:
    return pd.read_csv(SCENARIO / "children_today.csv")


def areas() -> pd.DataFrame:
    return pd.read_csv(GEODATA / "areas.csv")


def imported(file: Path, **options: object) -> Outcome:
    arguments: dict[str, object] = {
        "areas": GEODATA / "areas.csv",
        "base_year": BASE,
        "children_today": SCENARIO / "children_today.csv",
        "provisions": GEODATA / "provisions.csv",
    }
    return import_forecast(file, **{**arguments, **options})  # type: ignore[arg-type] # tests pass any option by name


def refused(file: Path, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        imported(file, **options)
    return str(caught.value)


def table(outcome: Outcome) -> pd.DataFrame:
    return outcome.tables["projected_children"]


def labels(outcome: Outcome) -> str:
    return "\n".join(outcome.report.estimates)


def saved(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path, index=False)
    return path


def accounted(outcome: Outcome) -> None:
    for account in outcome.report.accounts:
        assert account.read > 0 and account.missing == 0


# ------------------------------------------------------------------ long table


def long_table(growth: float = 1.03, years: int = 4) -> pd.DataFrame:
    """A forecast by locality, need and year group: today's children a year on, growing."""
    base = today().merge(areas()[["area", "locality"]], on="area")
    groups = base.groupby(["locality", "need", "year_group"], as_index=False)["children"].sum()
    parts = [
        groups.assign(year=academic_year_label(BASE + step),
                      children=groups["children"] * growth**step)
        for step in range(1, years + 1)
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_every_number_of_a_long_table_is_kept_in_its_locality(tmp_path: Path) -> None:
    source = long_table()
    outcome = imported(saved(source, tmp_path / "forecast.csv"))
    accounted(outcome)
    locality = areas().set_index("area")["locality"]
    found = table(outcome).assign(locality=lambda t: locality.loc[t["area"]].to_numpy())
    keys = ["academic_year", "locality", "need", "year_group"]
    source["academic_year"] = source["year"].str[:4].astype(int)
    difference = (
        found.groupby(keys)["children"].sum() - source.groupby(keys)["children"].sum()
    )  # fmt: skip
    assert len(difference) == len(source)
    assert difference.abs().max() < 1e-5
    assert "column area, " in labels(outcome)
    assert "column need, " not in labels(outcome)


def test_children_are_followed_not_moved_about(tmp_path: Path) -> None:
    """Hardly a plan ends in one area to begin in another: most cells carry on a year older."""
    base = today()
    older = base.assign(year_group=base["year_group"] + 1)
    older = older[older["year_group"] <= 19]
    groups = older.groupby(["need", "year_group"], as_index=False)["children"].sum()
    frame = groups.assign(academic_year="2026/27")
    outcome = imported(saved(frame, tmp_path / "same.csv"))
    found = table(outcome)
    keys = ["area", "need", "tier", "year_group"]
    before = older.groupby(keys)["children"].sum()
    now = found.groupby(keys)["children"].sum()
    stayed = np.minimum(before, now.reindex(before.index).fillna(0.0))
    school = before.index.get_level_values("year_group") <= 11
    # As many children as today are forecast, so only those leave whom the model's rates expect.
    assert stayed[school].sum() / before[school].sum() > 0.98
    assert found["children"].sum() == pytest.approx(older["children"].sum())


def test_a_table_that_says_everything_is_taken_as_it_is(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"Academic year": ["2026/27", "2026/27", "2026-27", "2027/28"],
         "Area": ["WYR001", "WYR001", "WYR002", "WYR001"], "Need": ["ASD", "autism", "SEMH", "ASD"],
         "Tier": [3, "", 2, 3], "NCY": ["R", "Year 7", "3.0", "1"],
         "Count": ["1,234", "2.5", 4, 1], "Draw": [0, 0, 0, 0], "Joiners": [0.5, "", "", ""]}
    )  # fmt: skip
    outcome = imported(saved(frame, tmp_path / "whole.csv"), children_today=None, provisions=None)
    found = table(outcome)
    assert found.drop(columns="joining").to_dict("records") == [
        {"academic_year": 2026, "area": "WYR001", "need": "ASD", "tier": 0, "year_group": 7,
         "children": 2.5, "draw": 0},
        {"academic_year": 2026, "area": "WYR001", "need": "ASD", "tier": 3, "year_group": 0,
         "children": 1234.0, "draw": 0},
        {"academic_year": 2026, "area": "WYR002", "need": "SEMH", "tier": 2, "year_group": 3,
         "children": 4.0, "draw": 0},
        {"academic_year": 2027, "area": "WYR001", "need": "ASD", "tier": 3, "year_group": 1,
         "children": 1.0, "draw": 0},
    ]  # fmt: skip
    assert found["joining"].tolist()[1] == 0.5
    assert "column area" not in labels(outcome)


def test_rows_before_the_plan_are_left_out_and_repeated_ones_added(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"calendar_year": [2025, 2026, 2027, 2027, 2027], "area": "WYR001", "need": "ASD",
         "age": [9, 9, 9, 9, 26], "children": [1, 2, 3, 4, 5]}
    )  # fmt: skip
    outcome = imported(saved(frame, tmp_path / "f.csv"), children_today=None)
    found = table(outcome)
    # January 2027 lies in 2026/27; age 9 is Year 5.
    assert found[["academic_year", "year_group", "children"]].to_numpy().tolist() == [[2026, 5, 7]]
    (account,) = outcome.report.accounts
    assert (account.read, account.used) == (5, 1)
    assert account.merged.total() == 1 and account.excluded.total() == 3
    assert any("outside year groups" in p.message for p in outcome.report.warnings)


def test_draws_without_a_central_one_get_their_mean(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"year": "2026/27", "area": "WYR001", "need": "ASD", "year_group": 5,
         "children": [4, 8], "draw": [1, 2]}
    )  # fmt: skip
    outcome = imported(saved(frame, tmp_path / "f.csv"), children_today=None)
    found = table(outcome).set_index("draw")["children"]
    assert found.to_dict() == {0: 6.0, 1: 4.0, 2: 8.0}
    assert "mean of 2 draws" in labels(outcome)


def test_numbers_without_a_need_are_shared_in_proportion(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"year": "2026/27", "area": "WYR001", "need": ["ASD", "SEMH", ""], "year_group": 5,
         "children": [6, 2, 4]}
    )  # fmt: skip
    outcome = imported(saved(frame, tmp_path / "f.csv"), children_today=None)
    assert table(outcome).set_index("need")["children"].to_dict() == {"ASD": 9.0, "SEMH": 3.0}
    assert "no need given" in labels(outcome)


def test_year_groups_that_a_forecast_leaves_out_are_warned_of_or_filled(tmp_path: Path) -> None:
    source = long_table()
    source = source[source["year_group"].between(0, 11)]
    path = saved(source, tmp_path / "school.csv")
    outcome = imported(path)
    assert any("never names year groups" in p.message for p in outcome.report.warnings)
    assert table(outcome)["year_group"].max() == 11
    held = imported(path, missing="held")
    now = today()
    post = now[now["year_group"] >= 12].groupby("year_group")["children"].sum()
    found = table(held)
    last = found[found["academic_year"] == BASE + 4].groupby("year_group")["children"].sum()
    assert (last.reindex(post.index) - post).abs().max() < 1e-5
    assert "held at today's" in labels(held)
    projected = table(imported(path, missing="projected"))
    assert (projected["year_group"] >= 12).any()


def test_tiers_given_are_kept_and_children_without_one_are_followed(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        [("2026/27", group, tier, 10.0 * tier) for group in range(0, 12) for tier in (1, 2, 3, 4)],
        columns=["year", "year_group", "tier", "children"],
    )
    blank = (
        today()
        .groupby(["area", "need", "year_group", "provision"], as_index=False)["children"]
        .sum()
    )
    path = saved(blank.assign(tier=""), tmp_path / "children_today.csv")
    outcome = imported(saved(frame, tmp_path / "f.csv"), children_today=path)
    by_tier = table(outcome).groupby(["year_group", "tier"])["children"].sum()
    assert by_tier.loc[(4, 3)] == pytest.approx(30) and by_tier.loc[(0, 1)] == pytest.approx(10)
    assert "children_today, column tier" in labels(outcome)


# ------------------------------------------------------------------ Mastodon C


def states(growth: float = 1.04) -> pd.DataFrame:
    """A table as Output_State.csv: every state of need and setting, with all its columns."""
    base = today().assign(need=lambda t: t["need"].map(BROAD))
    groups = base.groupby(["need", "year_group"])["children"].sum()
    rows = []
    for january in range(2024, 2032):
        for (need, group), children in groups.items():  # type: ignore[misc] # a pair by construction
            mean = children * growth ** (january - 2026)
            for setting, share in (("MMSIB", 0.6), ("MSSIB", 0.4), ("NMSSR", 0.0)):
                row = (january, group, f"{need}-{setting}", mean * share, 1.0, 2.0, 0.0, 0.0)
                rows.append((*row, *([mean * share] * 7)))
    columns = ["calendar-year", "academic-year", "need-setting", "mean", "std-dev", "iqr", "min",
               "low-95pc-bound", "q1", "median", "q3", "high-95pc-bound", "max", "low-ci",
               "high-ci"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def test_output_state_is_read_by_its_mean_in_the_year_of_its_january(tmp_path: Path) -> None:
    source = states()
    outcome = imported(saved(source, tmp_path / "Output_State.csv"))
    accounted(outcome)
    found = table(outcome)
    assert sorted(set(found["academic_year"])) == list(range(2026, 2031))
    by_need = found.assign(need=found["need"].map(BROAD)).groupby(
        ["academic_year", "need", "year_group"])["children"].sum()  # fmt: skip
    source["need"] = source["need-setting"].str.split("-").str[0]
    later = source[source["calendar-year"] >= 2027]
    expected = later.groupby(
        [later["calendar-year"] - 1, "need", "academic-year"])["mean"].sum()  # fmt: skip
    expected.index.names = by_need.index.names
    expected = expected[expected > 0]
    assert len(expected) > 400
    assert (by_need.reindex(expected.index).fillna(0.0) - expected).abs().max() < 1e-5
    assert "column need, " in labels(outcome) and "Settings are left out" in labels(outcome)


def transitions(simulations: int = 4) -> pd.DataFrame:
    """Simulated transitions: those who stay, who leave and who join, and the past as -1."""
    rng = np.random.default_rng(2)
    base = today().assign(need=lambda t: t["need"].map(BROAD))
    groups = base.groupby(["need", "year_group"])["children"].sum()
    rows = []
    for simulation in range(-1, simulations):
        for january in range(2024, 2026) if simulation < 0 else range(2026, 2030):
            for (need, group), children in groups.items():  # type: ignore[misc] # a pair by construction
                if group >= 20:
                    continue
                stay = int(rng.binomial(int(children), 0.95))
                rows += [
                    (simulation, january, "MSSIB", need, group, "MSSIB", need, group + 1, stay),
                    (simulation, january, "MSSIB", need, group, "NONSEND", "NONSEND", group + 1,
                     int(children) - stay),
                    (simulation, january, "NONSEND", "NONSEND", group, "MMSIB", need, group + 1,
                     int(rng.poisson(0.1 * children))),
                ]  # fmt: skip
    columns = ["simulation", "calendar-year", "setting-1", "need-1", "academic-year-1",
               "setting-2", "need-2", "academic-year-2", "transition-count"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_simulated_transitions_give_a_mean_its_joiners_and_draws(tmp_path: Path, kind: str) -> None:
    source = transitions()
    folder = tmp_path / "sim"
    folder.mkdir()
    halves = (source[source["simulation"] < 2], source[source["simulation"] >= 2])
    for number, part in enumerate(halves):
        path = folder / f"baseline-{number}.{kind}"
        part.to_csv(path, index=False) if kind == "csv" else part.to_parquet(path)
    outcome = imported(folder, draws=2, missing="held")
    accounted(outcome)
    found = table(outcome)
    assert sorted(set(found["draw"])) == [0, 1, 2]
    kept = source[(source["simulation"] >= 0) & (source["setting-2"] != "NONSEND")]
    # A transition that begins in January 2026 ends in January 2027, which lies in 2026/27.
    mean = kept.groupby(["calendar-year", "academic-year-2"])["transition-count"].sum() / 4
    central = found[found["draw"] == 0].groupby(["academic_year", "year_group"])["children"].sum()
    for at in ((2026, 5), (2028, 11), (2029, 14)):
        assert central.loc[at] == pytest.approx(mean.loc[at])
    first = kept[kept["simulation"] == 0].groupby("calendar-year")["transition-count"].sum()
    draw = found[(found["draw"] == 1) & (found["year_group"] > -2)]
    assert draw.groupby("academic_year")["children"].sum().loc[2027] == pytest.approx(
        first.loc[2027], abs=4
    )
    assert "mean of 4 simulations" in labels(outcome)


def test_joiners_of_the_simulation_are_kept(tmp_path: Path) -> None:
    source = transitions(3)
    source = source[source["academic-year-2"].between(-1, 19)]
    outcome = imported(saved(source, tmp_path / "t.csv"))
    found = table(outcome)
    new = source[(source["simulation"] >= 0) & (source["setting-1"] == "NONSEND")]
    mean = new.groupby("calendar-year")["transition-count"].sum() / 3
    joining = found.groupby("academic_year")["joining"].sum()
    # The first year begins from children today, of whom a few stay less than simulated.
    assert joining.loc[2028] >= mean.loc[2028] - 1e-6
    assert (found["joining"] <= found["children"] + 1e-9).all()


def test_transitions_of_the_past_are_no_forecast(tmp_path: Path) -> None:
    source = transitions(1).drop(columns="simulation")
    assert "transitions of the past" in refused(saved(source, tmp_path / "transitions.csv"))


# ------------------------------------------------------------------ SCAP


def scap(factor: float = 1.05) -> pd.DataFrame:
    """The forecast sheet: eight planning areas, five and seven years, from children today."""
    kind = pd.read_csv(GEODATA / "provisions.csv").set_index("provision")["kind"]
    type_of = {k: str(i) for i, ks in enumerate(SCAP_KINDS.values(), start=1) for k in ks}
    placed = today().assign(type=lambda t: t["provision"].map(kind).map(type_of))
    counts = placed.groupby(["type", "year_group"])["children"].sum()
    rows = []
    for phase, groups, years in (("0", range(0, 7), 5), ("1", range(7, 12), 7)):
        for type_ in "1234":
            for step in range(1, years + 1):
                row: dict[str, object] = {
                    "Planning area code": f"18030{phase}{type_}",
                    "Academic year": academic_year_label(BASE + step),
                }
                for group in range(12):
                    name = "Reception" if group == 0 else f"Year {group}"
                    number = counts.get((type_, group), 0) * factor**step
                    row[name] = f"{number:.0f}" if group in groups else ""
                rows.append(row)
    return pd.DataFrame(rows)


def test_scap_places_are_kept_and_everybody_else_is_added(tmp_path: Path) -> None:
    source = scap()
    outcome = imported(saved(source, tmp_path / "scap.csv"), missing="held")
    accounted(outcome)
    found = table(outcome)
    assert sorted(set(found["academic_year"])) == list(range(2026, 2033))
    numbers = source.set_index(["Academic year", "Planning area code"])
    special = numbers.apply(pd.to_numeric).groupby("Academic year").sum()
    kind = pd.read_csv(GEODATA / "provisions.csv").set_index("provision")["kind"]
    counted = [k for kinds in SCAP_KINDS.values() for k in kinds]
    now = today().assign(special=lambda t: t["provision"].map(kind).isin(counted))
    by_group = found.groupby(["academic_year", "year_group"])["children"].sum()
    for year, groups in ((2026, range(0, 12)), (2030, range(0, 7)), (2032, range(7, 12))):
        for low, high in ((0, 6), (7, 11)):
            inside = now[now["year_group"].between(low, high)]
            others = inside.loc[~inside["special"], "children"].sum() / inside["children"].sum()
            for group in groups:
                if not low <= group <= high:
                    continue
                held = now.loc[now["year_group"] == group, "children"].sum() * others
                name = "Reception" if group == 0 else f"Year {group}"
                expected = held + special.loc[academic_year_label(year), name]
                assert by_group.loc[(year, group)] == pytest.approx(expected)
    # Primary ends two years before secondary: its last year is held, and that is said.
    assert "the primary forecast ends in 2030/31" in labels(outcome)
    assert by_group.loc[(2032, 3)] == pytest.approx(by_group.loc[(2030, 3)])
    assert "SCAP gives no needs" in labels(outcome)


def test_scap_is_projected_by_default_and_questioned_where_it_is_far_off(tmp_path: Path) -> None:
    outcome = imported(saved(scap(1.6), tmp_path / "scap.csv"))
    assert "projected by the planning model's rates" in labels(outcome)
    assert any("children in the first year" in p.message for p in outcome.report.warnings)


def test_scap_needs_provisions_one_authority_and_its_columns(tmp_path: Path) -> None:
    path = saved(scap(), tmp_path / "scap.csv")
    assert "--provisions" in refused(path, provisions=None)
    two = scap()
    two.loc[0, "Planning area code"] = "2043001"
    assert "2 authorities" in refused(saved(two, tmp_path / "two.csv"))
    bare = scap()[["Planning area code", "Academic year"]]
    assert "year groups" in refused(saved(bare, tmp_path / "bare.csv"))


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("children", "c", "suppressed"), ("children", "-2", "negative"),
        ("children", "12%", "percentage"), ("year", "soon", "2026/27"),
        ("need", "Autism, mild", "--need CODE=NEEDS"),
        ("year_group", "Year 7/8", "year from -4 to 20"),
        ("locality", "Nowhere", "is no locality"),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_named(tmp_path: Path, column: str, value: str, said: str) -> None:
    frame = long_table(years=1).astype(str)
    frame.loc[5, column] = value
    text = refused(saved(frame, tmp_path / "f.csv"))
    assert said in text and column in text


def test_a_code_of_the_forecasts_own_can_be_mapped(tmp_path: Path) -> None:
    frame = long_table(years=1)
    frame["need"] = frame["need"].map(BROAD).replace({"CI": "Comms"})
    path = saved(frame, tmp_path / "f.csv")
    assert "--need" in refused(path)
    found = table(imported(path, need_codes={"Comms": ("ASD", "SLCN")}))
    base = frame.groupby("need")["children"].sum()
    in_comms = found[found["need"].isin(["ASD", "SLCN"])]["children"].sum()
    assert in_comms == pytest.approx(base["Comms"])


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "0 bytes"), (b"<html></html>", "web page"), (b"PK\x03\x04x", "spreadsheet"),
     (b"year,children\n2026/27,3\n", "year_group"), (b"a;b\n1;2\n", "column is missing")],
)  # fmt: skip
def test_a_file_that_is_no_forecast_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(content)
    assert said in refused(path)


def test_gaps_and_doubles_are_refused(tmp_path: Path) -> None:
    frame = long_table(years=4)
    assert "2027/28" in refused(saved(frame[frame["year"] != "2027/28"], tmp_path / "gap.csv"))
    both = long_table(years=1)
    broad = both[both["need"] == "ASD"].assign(need="CI")
    said = refused(saved(pd.concat([both, broad]), tmp_path / "both.csv"))
    assert "counts needs twice" in said
    assert "base-year" in refused(saved(frame, tmp_path / "old.csv"), base_year=2040)
    assert "--children-today" in refused(saved(frame, tmp_path / "f.csv"), children_today=None)


def test_the_simulations_binary_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "simulated-transitions-0.transit.gz").write_bytes(b"\x1f\x8b")
    assert "Transit" in refused(tmp_path / "sim")


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sim-1.parquet").write_bytes(b"PAR1 but no more")
    assert "cannot be read as Parquet" in refused(tmp_path / "sim-1.parquet")


# ------------------------------------------------------------------ command


@pytest.mark.parametrize("kind", ["long", "state", "simulated", "scap"])
def test_the_command_makes_a_table_that_check_accepts(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = {"long": long_table, "state": states, "simulated": transitions, "scap": scap}[kind]()
    path = saved(frame, tmp_path / "source.csv")
    folder = tmp_path / "scenario"
    command = ["import", "forecast", str(path), "--areas", str(GEODATA / "areas.csv"),
               "--children-today", str(SCENARIO / "children_today.csv"), "--provisions",
               str(GEODATA / "provisions.csv"), "--base-year", "2025/26", "--out", str(folder)
               ]  # fmt: skip
    assert main(command) == EXIT_OK
    shown = capsys.readouterr().out
    assert "Estimated: projected_children" in shown and "rows read" in shown
    for name in ("children_today.csv", "schemes.csv", "budgets.csv"):
        (folder / name).write_bytes((SCENARIO / name).read_bytes())
    (folder / "scenario.toml").write_text(
        f'[scenario]\nname = "f"\ntitle = "Wyrecombe"\nauthority = "Wyrecombe"\n'
        f'geodata = "{GEODATA}"\nmodel = "england-2026"\nbase_year = "2025/26"\n'
        f'first_year = "2026/27"\nyears = {4 if kind != "scap" else 7}\n'
    )
    code = main(["check", str(folder / "scenario.toml")])
    text = capsys.readouterr()
    assert code == EXIT_OK, text.err
    assert "Demand is the supplied forecast" in text.out
    assert main(command) == EXIT_BAD_INPUT


# ------------------------------------------------------------------ parts


@pytest.mark.parametrize(
    ("text", "group"),
    [("7", 7), ("7.0", 7), ("Year 7", 7), ("Y7", 7), ("NCY 7", 7), ("R", 0), ("Reception", 0),
     ("-3", -3), ("Nursery", -1), ("N1", -2)],
)  # fmt: skip
def test_year_groups_are_read(text: str, group: int) -> None:
    assert parse_year_group(text) == group


def test_following_keeps_sums_and_takes_joiners_from_shares() -> None:
    """Ten children in area A today, twelve forecast: ten stay, two join where people are."""
    people = {"children_0_4": 0, "children_5_11": [0, 1000], "children_12_17": 0,
              "children_18_24": 0}  # fmt: skip
    places = pd.DataFrame({"area": ["A", "B"], "locality": "X", **people})
    base = pd.DataFrame(
        {"area": ["A"], "need": "ASD", "tier": 3, "year_group": 4, "children": 10.0}
    )
    rows = pd.DataFrame(
        {"academic_year": [2026], "draw": 0, "area": "", "locality": "", "needs": [()], "tier": 0,
         "year_group": 5, "children": 12.5, "joining": np.nan}
    )  # fmt: skip
    found = follow(rows, base, places, [0.0] * 26, 2025).children
    assert found["children"].sum() == pytest.approx(12.5)
    cell = found.set_index(["area", "need", "tier"])["children"]
    assert cell.loc[("A", "ASD", 3)] >= 10
    # Half by people (all in B), half by plans (all in A): each area gets some of the others.
    assert cell.loc[("B", "ASD", 3)] > 0
    assert set(found["need"]) <= set(NEEDS)
    fewer = follow(rows.assign(children=4.0), base, places, [0.0] * 26, 2025).children
    assert fewer[["area", "children"]].to_numpy().tolist() == [["A", 4.0]]


def test_reports_say_totals_by_year(tmp_path: Path) -> None:
    outcome = imported(saved(long_table(), tmp_path / "f.csv"))
    text = outcome.report.text()
    year = table(outcome)
    total = year.loc[year["academic_year"] == 2026, "children"].sum()
    assert f"2026/27: {total:,.1f} children forecast, {total:,.1f} written." in text
    assert io.StringIO(outcome.report.table().decode()).readline().startswith("section,")
