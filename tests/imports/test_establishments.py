"""What the codes, ages, needs and dates of one record mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sufficiency.imports.establishments import (
    TYPES,
    closing_year,
    dates,
    final_successors,
    kinds,
    need_code,
    needs_of,
    opening_year,
    successors,
    type_codes,
    year_groups,
)
from sufficiency.vocabulary import KINDS, NEEDS
from tests.imports.schools import SEN_TEXTS


def kind_of(code: int, *, approved: bool = False, share: float = np.nan) -> tuple[str, str]:
    kind, reason = kinds(
        np.array([code]), pd.Series([TYPES[code][0]]), np.array([approved]), np.array([share])
    )
    return str(kind[0]), str(reason[0])


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ((7, 12, 33, 36, 44), "state_special"),
        ((8,), "non_maintained_special"),
        ((10,), "independent_special"),
        ((14, 38, 42, 43), "alternative_provision"),
        ((32,), "specialist_post_16"),
        ((18,), "further_education"),
        ((1, 2, 3, 5, 28, 34, 35, 40, 41), "mainstream"),
        ((11, 24, 25, 29, 30, 49, 57), ""),
    ],
)
def test_the_type_tells_the_kind(codes: tuple[int, ...], kind: str) -> None:
    assert {kind_of(code)[0] for code in codes} == {kind}
    assert all(bool(kind_of(code)[1]) == (kind == "") for code in codes)


def test_every_type_is_a_kind_or_has_a_reason() -> None:
    for code, (_, kind, reason) in TYPES.items():
        assert bool(kind) != bool(reason), code
        assert kind in KINDS or not kind


def test_section_41_and_pupils_with_plans_are_evidence() -> None:
    assert kind_of(11, approved=True)[0] == "independent_special"
    assert kind_of(11, share=0.8)[0] == "independent_special"
    assert kind_of(11, share=0.1) == ("", TYPES[11][2])
    assert kind_of(18, approved=True)[0] == "specialist_post_16"
    assert kind_of(7, approved=True)[0] == "state_special"


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        ("07", "", 7),
        ("7", "Community special school", 7),
        ("", "Community special school", 7),
        ("", "community  SPECIAL school", 7),
        ("99", "Free schools special", 36),
        ("x", "unheard of", -1),
    ],
)
def test_a_type_is_found_by_code_or_name(code: str, name: str, expected: int) -> None:
    assert type_codes(pd.Series([code]), pd.Series([name]))[0] == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Academy special school of a new sort", "state_special"),
        ("New independent special school", "independent_special"),
        ("New alternative provision academy", "alternative_provision"),
        ("Special post-16 academy", "specialist_post_16"),
        ("New sort of school Special schools", "state_special"),
        ("New school Academies", ""),
    ],
)
def test_a_new_type_is_told_by_its_name(name: str, kind: str) -> None:
    found, reason = kinds(
        np.array([-1]), pd.Series([name]), np.array([False]), np.array([np.nan])
    )  # fmt: skip
    assert found[0] == kind
    assert bool(reason[0]) == (kind == "")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (4, 11, (0, 6)),
        (3, 11, (-1, 6)),
        (11, 16, (7, 11)),
        (11, 18, (7, 13)),
        (2, 19, (-2, 14)),
        (16, 25, (12, 20)),
        (16, 99, (12, 20)),
        (0, 5, (-4, 0)),
        (7, 11, (3, 6)),
    ],
)
def test_ages_become_year_groups(low: float, high: float, expected: tuple[int, int]) -> None:
    assert year_groups(low, high, "state_special", "") == (*expected, "")


def test_ages_that_say_nothing_take_the_phase_or_the_kind() -> None:
    nan = float("nan")
    assert year_groups(nan, nan, "mainstream", "Primary") == (0, 6, "unknown")
    assert year_groups(nan, nan, "mainstream", "Not applicable") == (0, 11, "unknown")
    assert year_groups(nan, 19, "state_special", "Not applicable") == (-1, 14, "unknown")
    assert year_groups(nan, nan, "further_education", "") == (12, 20, "unknown")
    assert year_groups(19, 4, "state_special", "") == (-1, 14, "not plausible")
    assert year_groups(30, 40, "state_special", "") == (-1, 14, "not plausible")


@pytest.mark.parametrize("text", SEN_TEXTS)
def test_each_need_of_the_register_is_known(text: str) -> None:
    expected = text.split(" - ")[0].upper()
    assert need_code(text) == expected
    assert need_code(text.upper()) == expected
    assert need_code(text.split(" - ")[1]) == expected  # without its code
    assert need_code(f"  {text.split(' - ')[0].lower()} ") == expected


def test_other_writings_of_needs() -> None:
    assert need_code("BESD - Behaviour, Emotional and Social Difficulty") == "SEMH"
    assert need_code("DS - Down Syndrome") == "DS"
    assert need_code("Vision impairment") == "VI"
    assert need_code("Autism") == "ASD"
    assert need_code("Speech, Language and Communication Needs") == "SLCN"
    assert need_code("Beekeeping") == ""


def test_not_applicable_before_a_need_hides_nothing() -> None:
    found = needs_of(["Not Applicable", "ASD - Autistic Spectrum Disorder", "", "SLD - Severe"])
    assert (found.codes, found.hidden, found.denied, found.last) == (("SLD", "ASD"), True, False, 4)


def test_unknown_is_not_none() -> None:
    assert needs_of(["", ""]) == ((), (), False, False, 0)
    assert needs_of(["Not Applicable", ""]).denied
    assert needs_of(["Beekeeping"]).strange == ("Beekeeping",)
    assert needs_of(["Beekeeping"]).codes == ()


def test_needs_stand_in_the_order_of_the_return() -> None:
    codes = needs_of(SEN_TEXTS).codes
    assert list(codes) == [need for need in NEEDS if need != "DS"]


@pytest.mark.parametrize(
    ("date", "opens", "closes"),
    [
        ("2026-09-01", 2026, 2026),
        ("2026-08-31", 2026, 2026),
        ("2026-12-31", 2026, 2027),
        ("2027-01-01", 2027, 2027),
        ("2027-04-17", 2027, 2027),
    ],
)
def test_dates_become_academic_years(date: str, opens: int, closes: int) -> None:
    assert opening_year(pd.Timestamp(date)) == opens
    assert closing_year(pd.Timestamp(date)) == closes


def test_dates_are_read_as_they_are_written() -> None:
    found, bad = dates(pd.Series(["31-08-2025", "31/08/2025", "2025-08-31", "", "31-02-2025", "x"]))
    assert found.dt.strftime("%Y-%m-%d").tolist()[:3] == ["2025-08-31"] * 3
    assert bad.tolist() == [False, False, False, False, True, True]


def test_successors_are_followed_through_every_change() -> None:
    links = pd.DataFrame(
        [
            ("1", "2", "Successor"),
            ("3", "2", "Predecessor"),
            ("3", "4", "Successor - merged"),
            ("4", "3", "Successor"),  # the register has such circles
            ("5", "6", "Successor - Split School"),
            ("5", "7", "Successor - Split School"),
            ("8", "9", "Sixth Form Centre Link"),
            ("1", "1", "Successor"),
        ],
        columns=["urn", "link_urn", "link_type"],
    )
    after = successors(links)
    assert after == {"1": ("2",), "2": ("3",), "3": ("4",), "4": ("3",), "5": ("6", "7")}
    standing = {"1": False, "2": False, "3": False, "4": True, "6": True, "7": True}
    assert final_successors("1", after, standing) == ("4",)
    assert final_successors("5", after, standing) == ("6", "7")
    assert final_successors("5", after, {**standing, "7": False}) == ("6",)
    assert final_successors("8", after, standing) == ()
    assert final_successors("3", after, {"3": False, "4": False}) == ()
