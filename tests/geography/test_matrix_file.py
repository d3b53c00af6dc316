"""A file of journey times in any layout and unit gives the same table, or says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sufficiency.geography.matrix_file import MatrixFile
from sufficiency.geography.sources import Measured
from sufficiency.geography.travel import straight_km
from sufficiency.problems import InputError, Problems
from tests.geography.places import areas, destinations, silent

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "travel"
AREAS, PLACES = areas(), destinations()
STRAIGHT = straight_km(AREAS, PLACES)
MINUTES = np.round(3 + 1.6 * STRAIGHT, 2)
KM = np.round(1.3 * STRAIGHT, 3)


def wide(values: np.ndarray, rows: str = "area", columns: str = "destination") -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=PLACES[columns].tolist())
    frame.insert(0, "from_id", AREAS[rows])
    return frame


def long(**columns: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Home": np.repeat(AREAS["area"].to_numpy(), len(PLACES)),
            "To school": np.tile(PLACES["destination"].to_numpy(), len(AREAS)),
            **{name.replace("_", " "): values.ravel() for name, values in columns.items()},
        }
    )


def read(
    frame: pd.DataFrame | str, folder: Path, name: str = "times.csv", **options: str
) -> tuple[Measured, Problems]:
    path = folder / name
    if isinstance(frame, str):
        path.write_text(frame, encoding="utf-8")
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    problems = Problems()
    return MatrixFile(path, problems, 1.35, **options).measure(AREAS, PLACES, silent()), problems


LAYOUTS = {
    "long minutes and km": (long(Minutes=MINUTES, km=KM), "times.csv"),
    "long seconds and metres": (long(duration_s=MINUTES * 60, distance_m=KM * 1000), "times.csv"),
    "long, no unit in words": (long(time=MINUTES * 60, length=KM / 1.609344), "times.csv"),
    "long, shuffled, by name": (
        long(travel_time_min=MINUTES, miles=KM / 1.609344)
        .sample(frac=1, random_state=3)
        .replace(dict(zip(AREAS["area"], AREAS["name"].str.upper(), strict=True))),
        "times.csv",
    ),
    "long parquet": (long(Minutes=MINUTES, km=KM), "times.parquet"),
    "wide minutes": (wide(MINUTES), "times.csv"),
    "wide seconds": (wide(MINUTES * 60), "times.csv"),
    "wide seconds by name": (wide(MINUTES * 60, "name", "name"), "times.csv"),
    "wide hours": (wide(MINUTES / 60), "times.csv"),
    "turned": (wide(MINUTES).set_index("from_id").T.reset_index(names="school"), "times.csv"),
    "semicolons": (wide(MINUTES).to_csv(index=False, sep=";"), "times.csv"),
}


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_every_layout_gives_the_same_journeys(layout: str, tmp_path: Path) -> None:
    frame, name = LAYOUTS[layout]
    found, problems = read(frame, tmp_path, name)
    assert found.minutes == pytest.approx(MINUTES, rel=1e-6)
    given_km = "long" in layout
    assert found.km == pytest.approx(KM if given_km else 1.35 * STRAIGHT, rel=1e-6)
    assert found.basis == ("supplied" if given_km else "supplied; km from the straight line")
    assert found.unreachable.empty
    assert problems.warnings == []
    table = found.as_table(AREAS, PLACES)
    assert len(table) == STRAIGHT.size
    row = table[(table["area"] == "A2") & (table["destination"] == "P3")].iloc[0]
    assert row["minutes"] == pytest.approx(MINUTES[1, 2], abs=0.05)


def test_a_second_file_of_distances(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(wide(KM * 1000).to_csv(index=False), encoding="utf-8")
    found, _ = read(wide(MINUTES), tmp_path, distances=tmp_path / "d.csv")  # type: ignore[arg-type] # a path among texts
    assert found.km == pytest.approx(KM)
    assert found.basis == "supplied"


def test_what_is_not_known_is_counted_and_named(tmp_path: Path) -> None:
    frame = wide(MINUTES).assign(Elsewhere=1.0)
    frame.loc[len(frame)] = ["Nowhere", *[5.0] * 5]
    frame = frame[frame["from_id"] != "A4"]
    found, problems = read(frame, tmp_path)
    assert np.isnan(found.minutes[3]).all()
    assert np.isfinite(found.minutes[[0, 1, 2, 4, 5]]).all()
    said = " ".join(map(str, problems.warnings))
    assert "'Nowhere'" in said and "'Elsewhere'" in said
    assert "6 rows read, 5 used; 5 columns, 4 used" in " ".join(found.notes)
    assert found.unreachable.empty  # the file says nothing of A4: that is not "no way"


@pytest.mark.parametrize("mark", ["", "NA", "-1", "inf", "null"])
def test_a_blank_cell_is_a_journey_without_a_way(mark: str, tmp_path: Path) -> None:
    frame = wide(MINUTES).astype(str)
    frame.loc[2, "P4"] = mark
    found, _ = read(frame, tmp_path)
    assert np.isnan(found.minutes[2, 3])
    assert found.unreachable.to_dict("records") == [
        {"area": "A3", "destination": "P4", "reason": "times.csv gives no time"}
    ]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: f.replace({"P1": {f["P1"].iloc[1]: "soon"}}), "row 3, column P1: is no number"),
        (lambda f: f.assign(P2=-f["P2"].astype(float)), "row 2, column P2: is negative"),
        (lambda f: pd.concat([f, f.iloc[[0]]]), "names a row twice"),
        (lambda f: f.iloc[:0], "has no rows"),
        (lambda f: f.rename(columns=lambda c: f"{c} x"), "name known areas and destinations"),
        (lambda f: f.replace(dict.fromkeys(AREAS["area"], "?")), "name known areas"),
        (lambda f: f.set_index("from_id").astype(float).mul(1e4).reset_index(), "in which unit"),
        (lambda f: "<html><body>Sign in</body></html>", "is a web page"),
        (lambda f: "", "is empty (0 bytes)"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(
    spoil: object, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said.replace("(", r"\(").replace(")", r"\)")) as error:
        read(spoil(wide(MINUTES).astype(str)), tmp_path)  # type: ignore[operator] # a lambda
    assert all(problem.remedy for problem in error.value.problems)


def test_a_journey_given_twice_names_both_rows(tmp_path: Path) -> None:
    frame = pd.concat([long(Minutes=MINUTES), long(Minutes=MINUTES).iloc[[4]]])
    with pytest.raises(InputError, match=r"row 26: gives a journey that row 6 gives already"):
        read(frame, tmp_path)


def test_a_unit_that_makes_no_sense_is_questioned(tmp_path: Path) -> None:
    found, problems = read(wide(MINUTES * 60), tmp_path, unit="minutes")
    assert found.minutes == pytest.approx(MINUTES * 60)  # what is stated wins
    assert "as seconds they would" in str(problems.warnings[0])


def test_a_file_too_large_for_one_authority_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sufficiency.geography.matrix_file.LARGEST_BYTES", 100)
    with pytest.raises(InputError, match="too large"):
        read(wide(MINUTES), tmp_path)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_mutated_file_is_read_or_refused_but_never_breaks(
    data: st.DataObject, tmp_path: Path
) -> None:
    frame, name = LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)))]
    if name.endswith("parquet") or isinstance(frame, str):
        frame, name = LAYOUTS["wide minutes"]
    assert isinstance(frame, pd.DataFrame)
    content = bytearray(frame.to_csv(index=False).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        change = data.draw(st.sampled_from(["cut", "byte", "drop", "quote", "line"]))
        if change == "cut":
            del content[max(at, 1) :]
        elif change == "byte":
            content[at] = data.draw(st.integers(0, 255))
        elif change == "drop":
            del content[at : at + 5]
        elif change == "quote":
            content[at:at] = b'"'
        else:
            content[at:at] = b"\n,,\n"
        if not content:
            content = bytearray(b"\n")
    path = tmp_path / "fuzz.csv"
    path.write_bytes(bytes(content))
    problems = Problems()
    try:
        found = MatrixFile(path, problems, 1.35).measure(AREAS, PLACES, silent())
    except InputError as error:
        assert error.problems and all(p.message and p.remedy for p in error.problems)
        return
    known = found.minutes[np.isfinite(found.minutes)]
    assert (known >= 0).all() and (found.km[np.isfinite(found.minutes)] >= 0).all()


# ------------------------------------------------------------------ real files


def test_brighton_seconds_are_seen_as_seconds(tmp_path: Path) -> None:
    """A wide file of seconds by the names of small areas: 165 areas, six sites."""
    path = SHARED / "brighton_lsoa_travel_matrix_driving.csv"
    if not path.is_file():
        pytest.skip(f"the real matrix is not here: {path}")
    raw = pd.read_csv(path)
    # The file has no coordinates: a circle of the city's size stands in.
    angle = np.linspace(0, 2 * np.pi, len(raw), endpoint=False)
    homes = pd.DataFrame(
        {
            "area": [f"E{i:03d}" for i in range(len(raw))],
            "name": raw["LSOA"],
            "easting": 530_000 + 4_000 * np.cos(angle),
            "northing": 106_000 + 3_000 * np.sin(angle),
        }
    )
    sites = pd.DataFrame(
        {
            "destination": [f"Site {i}" for i in range(1, 7)],
            "name": [f"Place {i}" for i in range(1, 7)],
            "easting": 530_000.0,
            "northing": 106_000.0,
        }
    )
    problems = Problems()
    found = MatrixFile(path, problems, 1.3).measure(homes, sites, silent())
    assert np.isfinite(found.minutes).all()
    assert found.minutes == pytest.approx(raw.drop(columns="LSOA").to_numpy() / 60)
    assert problems.warnings == []


def test_devon_minutes_are_read_by_name(tmp_path: Path) -> None:
    """A wide file of minutes: 729 areas by name, 18 sites by name, some with commas."""
    path = SHARED / "devon_lsoa21_to_18sites_car_minutes.csv"
    if not path.is_file():
        pytest.skip(f"the real matrix is not here: {path}")
    points = pd.read_csv(SHARED / "devon_road_vs_crowfly.csv")
    homes = (
        points.drop_duplicates("LSOA21CD")
        .rename(columns={"LSOA21CD": "area", "lsoa21_name": "name", "e": "easting",
                         "n": "northing"})
        .reset_index(drop=True)
    )  # fmt: skip
    sites = points.drop_duplicates("site").reset_index(drop=True)
    sites = pd.DataFrame(
        {
            "destination": [f"S{i}" for i in range(len(sites))],
            "name": sites["site"],
            "easting": sites["se"],
            "northing": sites["sn"],
        }
    )
    problems = Problems()
    found = MatrixFile(path, problems, 1.35).measure(homes, sites, silent())
    assert np.isfinite(found.minutes).all() and found.minutes.size == 13_122
    expected = points.pivot(index="LSOA21CD", columns="site", values="min")
    expected = expected.loc[homes["area"], sites["name"]]
    assert found.minutes == pytest.approx(expected.to_numpy(), abs=0.01)
    assert problems.warnings == []
