"""Suppression on tables small enough to be checked by hand."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sufficiency.reports.facts import group_of
from sufficiency.reports.release import margins
from sufficiency.reports.suppression import (
    Margin,
    NotReleasableError,
    Protected,
    protect,
    whole_numbers,
)

TWO_WAY = [
    Margin("all", (), kept=True),
    Margin("row", ("row",), 8),
    Margin("column", ("column",), 8),
    Margin("cell", ("row", "column"), 1),
]


def square(*rows: list[float], year: int = 2026) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (year, f"r{i}", f"c{j}", value)
            for i, row in enumerate(rows) for j, value in enumerate(row)
        ],
        columns=["academic_year", "row", "column", "children"],
    )  # fmt: skip


def texts(found: Protected, shape: tuple[int, int], year: int = 2026) -> list[list[str]]:
    return [
        [found.look_up("cell", year, (f"r{i}", f"c{j}")).text for j in range(shape[1])]
        for i in range(shape[0])
    ]


def whole(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["children"] > 0].astype({"children": "int64"})


def test_one_small_number_takes_a_rectangle_with_it() -> None:
    found = protect(whole(square([3, 20, 30], [20, 30, 40], [30, 40, 50])), TWO_WAY)
    shown = texts(found, (3, 3))
    assert shown[0][0] == "fewer than 6"
    held = [(i, j) for i in range(3) for j in range(3) if shown[i][j] == "withheld"]
    assert len(held) == 3
    assert {i for i, _ in held} == {0, *(i for i, _ in held if i)} and len({*held}) == 3
    rows, columns = {i for i, _ in held}, {j for _, j in held}
    assert len(rows) == len(columns) == 2, "a rectangle"
    assert found.look_up("row", 2026, ("r0",)).text == "53"
    assert found.summary() == {"counts": 16, "small": 1, "withheld": 3, "alternatives": 2}


def test_nothing_small_nothing_held_back() -> None:
    found = protect(whole(square([6, 0], [10, 7])), TWO_WAY)
    assert texts(found, (2, 2)) == [["6", "0"], ["10", "7"]]
    assert found.look_up("all", 2026).number == 23


def test_a_number_that_its_total_gives_away_is_refused() -> None:
    """Two rows of at most five that make ten, and the ten is known."""
    with pytest.raises(NotReleasableError, match="could be recovered") as refused:
        protect(whole(square([5], [5])), TWO_WAY)
    assert refused.value.reasons
    assert all(r.startswith("2026: ") for r in refused.value.reasons)


def test_a_year_that_is_protected_is_not_worked_out_again() -> None:
    """Another rounding of one year leaves the others as they are, and what is told says so."""
    good, bad, better = square([3, 20], [20, 30]), square([5], [5]), square([5], [50])
    told: list[int] = []
    done: dict[int, Any] = {}

    def of(later: pd.DataFrame) -> Protected:
        atoms = whole(pd.concat([good, later.assign(academic_year=2027)]))
        return protect(atoms, TWO_WAY, on_block=told.append, done=done)

    for _ in range(2):
        with pytest.raises(NotReleasableError) as refused:
            of(bad)
        assert refused.value.blocks == [2027]
    found = of(better)
    assert told == [2026, 2027, 2027, 2027]
    alone = protect(whole(good), TWO_WAY)
    assert texts(found, (2, 2)) == texts(alone, (2, 2))
    assert found.look_up("row", 2027, ("r0",)).text == "fewer than 6"
    protect(whole(square([4, 20], [20, 30])), TWO_WAY, on_block=told.append, done=done)
    assert told[-1] == 2026, "another number is another year"


def test_another_turn_is_another_rounding_of_the_same_numbers() -> None:
    """A year that cannot be hidden in one rounding is tried in others; totals stay."""
    frame = square([2.5, 20.3, 3.4], [20.6, 30.2, 40.5], [3.5, 40.4, 2.6])
    first, _ = whole_numbers(frame, TWO_WAY)
    same, _ = whole_numbers(frame, TWO_WAY, turns={2026: 0})
    assert first.equals(same)
    found = [whole_numbers(frame, TWO_WAY, turns={2026: turn}) for turn in range(8)]
    assert len({tuple(rounded["children"]) for rounded, _ in found}) > 1
    for rounded, moved in found:
        assert moved < 1
        assert abs(rounded["children"].sum() - frame["children"].sum()) < 1


def test_the_same_sum_under_two_names_is_one_cell() -> None:
    """The only provision of a kind is that kind: one may not be shown where the other is not."""
    atoms = pd.DataFrame(
        {
            "academic_year": 2026,
            "kind": ["a", "a", "b", "b", "c"],
            "school": ["a1", "a1", "b1", "b2", "c1"],
            "need": ["x", "y", "x", "y", "x"],
            "children": [3, 1, 20, 30, 40],
        }
    )
    margins = [
        Margin("all", (), kept=True),
        Margin("kind", ("kind",), 4),
        Margin("school", ("kind", "school"), 2),
        Margin("need", ("need",), 8),
    ]
    found = protect(atoms, margins)
    for key in ("a", "b", "c"):
        schools = {r.school for r in atoms[atoms["kind"] == key].itertuples()}
        if len(schools) == 1:
            school = found.look_up("school", 2026, (key, *schools))
            assert school == found.look_up("kind", 2026, (key,))
    assert found.look_up("kind", 2026, ("a",)).text == "fewer than 6"


def test_parts_of_a_small_total_may_be_none() -> None:
    """Five parts of one child are not told by a total of five: a 0 beside them looks the same."""
    frame = square([1, 1, 1, 1, 1, 0], [20, 20, 20, 20, 20, 20], [30, 30, 30, 30, 30, 30])
    found = protect(whole(frame), TWO_WAY)
    assert texts(found, (3, 6))[0] == ["fewer than 6"] * 6
    assert found.look_up("row", 2026, ("r0",)).text == "fewer than 6"
    assert found.look_up("cell", 2026, ("r9", "c0")).text == "0"


def test_a_zero_elsewhere_is_shown() -> None:
    found = protect(whole(square([0, 20, 3], [20, 30, 40], [30, 40, 50])), TWO_WAY)
    assert texts(found, (3, 3))[0][0] == "0"


def test_believed_places_narrow_the_proof() -> None:
    """Nobody believes in nine children in a base of eight places, so the proof does not either."""
    atoms = whole(square([3, 8, 30], [20, 30, 40], [30, 40, 50]))
    believed = {("cell", 2026, ("r0", "c1")): 8.0}
    found = protect(atoms, TWO_WAY, believed=believed)
    for _, part, children in found.alternatives():
        at = ((part["row"] == "r0") & (part["column"] == "c1")).to_numpy()
        assert children[at].sum() <= 8


def test_years_are_apart_and_a_margin_may_be_of_one_year() -> None:
    years = pd.concat([square([3, 20], [20, 30], year=y) for y in (2026, 2027)])
    last = [*TWO_WAY[:3], Margin("cell", ("row", "column"), 1, blocks=frozenset([2027]))]
    found = protect(whole(years), last)
    assert found.look_up("row", 2026, ("r0",)).number == 23
    assert found.look_up("cell", 2027, ("r0", "c0")).text == "fewer than 6"
    assert found.truth("cell", 2026, ("r0", "c0")) == 0


def test_a_threshold_that_hides_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="would tell"):
        protect(whole(square([3, 20], [20, 30])), TWO_WAY, threshold=2)


# ------------------------------------------------------------------ whole children


def test_whole_children_stay_as_they_are() -> None:
    frame = square([3, 20], [20, 30])
    rounded, moved = whole_numbers(frame, TWO_WAY)
    assert moved == 0
    assert rounded["children"].tolist() == [3, 20, 20, 30]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(0, 9, allow_nan=False).map(lambda x: round(x, 3)), min_size=4,
                 max_size=4),
        min_size=3, max_size=6,
    )
)  # fmt: skip
def test_rounding_keeps_every_total_beside_its_own(rows: list[list[float]]) -> None:
    """A two-way table can always be rounded so that no cell or total moves by a whole child."""
    frame = square(*rows)
    rounded, moved = whole_numbers(frame, TWO_WAY)
    assert moved < 1
    for margin in TWO_WAY:
        keys = list(margin.by) or ["academic_year"]
        exact = frame.groupby(keys)["children"].sum()
        after = rounded.groupby(keys)["children"].sum().reindex(exact.index).fillna(0)
        assert ((after - exact).abs() < 1).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_alternatives_agree_with_all_that_is_shown(seed: int) -> None:
    """The proof, checked again from the atoms: shown cells stay, small ones reach other numbers."""
    chance = np.random.default_rng(seed)
    rows = chance.poisson(6, size=(4, 5)) * chance.integers(0, 2, size=(4, 5))
    rows[0] += 8
    rows[:, 0] += 8
    atoms = whole(square(*rows.tolist()))
    try:
        found = protect(atoms, TWO_WAY)
    except NotReleasableError:
        return
    reached: dict[tuple[str, tuple[str, ...]], set[float]] = {}
    for _, part, children in found.alternatives():
        assert (children >= 0).all()
        table = part.assign(children=children)
        for margin in TWO_WAY[1:]:
            for key, value in table.groupby(list(margin.by))["children"].sum().items():
                names = key if isinstance(key, tuple) else (key,)
                shown = found.look_up(margin.name, 2026, names)
                if shown.number is not None:
                    assert value == pytest.approx(shown.number)
                else:
                    reached.setdefault((margin.name, names), set()).add(round(float(value), 6))
    for margin in TWO_WAY[1:]:
        for key in atoms.groupby(list(margin.by))["children"].sum().index:
            names = key if isinstance(key, tuple) else (key,)
            if found.look_up(margin.name, 2026, names).number is None:
                values = reached[margin.name, names]
                values.add(found.truth(margin.name, 2026, names))
                small = found.look_up(margin.name, 2026, names).text.startswith("fewer")
                assert max(values) - min(values) >= (2 if small else 0.01)


# ------------------------------------------------------------------ the size of a county


def county(seed: int) -> pd.DataFrame:
    """Children of fourteen localities in 150 provisions in one year, by all that a release uses."""
    chance = np.random.default_rng(seed)
    count, localities, schools = 9000, 14, 150
    kinds = [(group_of(k), k) for k in ("specialist_base", "state_special", "independent_special",
                                        "specialist_post_16")]  # fmt: skip
    needs = [("Autism", "ASD"), ("Autism", "SLCN"), ("Social", "SEMH"), ("Learning", "MLD"),
             ("Learning", "SLD"), ("Other", "OTH")]  # fmt: skip
    home = chance.choice(localities, size=count, p=chance.dirichlet(np.full(localities, 4.0)))
    # Near schools have many children of a locality, far ones one or two.
    near = chance.dirichlet(np.full(schools, 0.12), size=localities)
    school = np.array([chance.choice(schools, p=near[at]) for at in home])
    need = chance.choice(len(needs), size=count, p=chance.dirichlet(np.full(len(needs), 3.0)))
    kind = school % len(kinds)
    tier = chance.random(count)
    people = pd.DataFrame(
        {
            "academic_year": 2035,
            "locality": [f"L{i}" for i in home],
            "group": [kinds[i][0] for i in kind],
            "kind": [kinds[i][1] for i in kind],
            "provision": [f"p{i}" for i in school],
            "designation": [needs[i][0] for i in need],
            "need": [needs[i][1] for i in need],
            "phase": np.where(school % 3 == 0, "primary", np.where(school % 3 == 1, "secondary",
                                                                   "post-16")),
            "needing": tier < 0.8,
            "stands": np.where(tier >= 0.8, "mainstream", np.where(kind < 2, "local", "not local")),
            "journey": np.where(near[home, school] < 0.01, "45 to 75", "up to 45"),
        }
    )  # fmt: skip
    by = list(people.columns)
    return people.assign(children=1).groupby(by, as_index=False)["children"].sum()


@pytest.mark.slow
def test_a_county_is_protected_in_minutes() -> None:
    """The largest tables of a release: some hundred small counts from locality to provision."""
    atoms = county(1)
    started = time.process_time()
    found = protect(atoms, margins(2035))
    assert time.process_time() - started < 120
    said = found.summary()
    assert said["counts"] > 800 and said["small"] > 250
    # The proof again, from the atoms and from nothing else.
    pairs = ["locality", "group", "kind", "provision"]
    truth = atoms.groupby(pairs)["children"].sum()
    least, most = truth.copy().astype(float), truth.copy().astype(float)
    for _, part, children in found.alternatives():
        assert (children >= 0).all()
        assert children.sum() == pytest.approx(atoms["children"].sum())
        other = part.assign(children=children).groupby(pairs)["children"].sum()
        least, most = np.minimum(least, other), np.maximum(most, other)
    for key, number in truth.items():
        shown = found.look_up("locality and provision", 2035, key)
        if number < 6:
            assert shown.text == "fewer than 6"
            assert most[key] - least[key] >= 2 - 1e-6
        elif shown.number is not None:
            assert least[key] == pytest.approx(number) and most[key] == pytest.approx(number)
