"""Numbers as readers see them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from sufficiency.reports import formatting as fmt
from sufficiency.reports.charts import inline, spread
from sufficiency.reports.page import unbroken


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (1_234_567.89, "£1.2 million"),
        (2_000_000, "£2 million"),
        (999_600, "£1 million"),
        (345_400, "£345,000"),
        (8_234, "£8,200"),
        (950, "£950"),
        (0, "£0"),
        (-1_500_000, "\N{MINUS SIGN}£1.5 million"),
        (1.25e9, "£1.2 billion"),
        (math.nan, "not available"),
        (None, "not available"),
    ],
)
def test_pounds(amount: float | None, text: str) -> None:
    assert fmt.pounds(amount) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.03, "<0.1"), (2.44, "2.4"), (5.0, "5"), (9.96, "10"), (1234.4, "1,234"),
     (-3.26, "\N{MINUS SIGN}3.3"), (math.nan, "not available")],
)  # fmt: skip
def test_count(number: float, text: str) -> None:
    assert fmt.count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "no children"), (0.4, "fewer than 1 child"), (1.0, "1 child"), (672.6, "673 children")],
)
def test_children(number: float, text: str) -> None:
    assert fmt.children(number) == text


def test_shares() -> None:
    assert fmt.percent(0.123) == "12%"
    assert fmt.percent(0.0033, 2) == "0.33%"
    assert fmt.percent(0.004) == "0.4%"
    assert fmt.share_of(1, 0) == "not applicable"


def test_difference_in_words() -> None:
    assert fmt.more_or_less(-1_200_000) == "£1.2 million less"
    assert fmt.more_or_less(0.2) == "the same"


def test_scaled_money_keeps_its_sign() -> None:
    scale = fmt.money_scale([5e6, -2e6])
    assert scale == (1e6, "£ million", 2)
    assert fmt.scaled(-2_345_000, scale) == "\N{MINUS SIGN}2.35"
    assert fmt.scaled(-100, scale) == "0.00"
    assert fmt.signed(100, scale) == "0.00"
    assert fmt.signed(20_000, scale) == "+0.02"


def test_dates_and_lists() -> None:
    assert fmt.date("2026-11-01") == "1 November 2026"
    assert fmt.date("2026-11-23T01:01:42+00:00") == "23 November 2026"
    assert fmt.date("") == "not available"
    assert fmt.in_words(["A", "B", "C"]) == "A, B and C"


def test_values_of_the_model() -> None:
    assert fmt.model_value(0.035, "share per year") == ["3.5%"]
    assert fmt.model_value(90000, "pounds per child") == ["£90,000"]
    assert fmt.model_value({"ASD": 1.0}, "factor") == ["Autistic spectrum disorder (ASD): 1"]
    nested = {"independent_special": {"in_area": 57074, "out_of_area": 65528}}
    assert fmt.model_value(nested, "pounds per child per year") == [
        "Independent special school: in area: £57,074; out of area: £65,528"
    ]
    ages = fmt.model_value([0.1] * 26, "share of plans, by age 0 to 25")
    assert ages[0].startswith("by age: 0: 10%, 1: 10%")
    assert ages[0].endswith("25: 10%")


def test_labels_are_spread() -> None:
    placed = spread([10, 11, 50, 12], 14)
    ordered = sorted(placed)
    assert all(b - a >= 13.9 for a, b in pairwise(ordered))
    assert placed[2] == 50 or abs(placed[2] - 50) < 14
    assert min(placed) >= 0


def test_a_label_lifted_onto_the_axis_leaves_the_others_where_they_are() -> None:
    placed = spread([0, 1, 0, 170], 14)
    assert placed[3] == 170
    assert min(placed) == 0
    assert all(b - a >= 13.9 for a, b in pairwise(sorted(placed)))


def test_spans_and_moments() -> None:
    assert fmt.seconds(3.31) == "3.3 seconds"
    assert fmt.seconds(600) == "10 minutes"
    assert fmt.seconds(61) == "1 minute 1 second"
    assert fmt.moment("2026-11-23T16:04:00+00:00") == "23 November 2026 at 16:04 UTC"
    assert fmt.moment("") == "not available"


def test_no_amount_is_broken_over_two_lines() -> None:
    assert unbroken("<td>\u2212£1.2 million</td>") == "<td>\u2212\u2060£1.2\u00a0million</td>"
    assert (
        unbroken("costs, £ million, and £45,000 more") == "costs, £\u00a0million, and £45,000 more"
    )


def test_drawings_do_not_share_ids() -> None:
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" version="1.1" viewBox="0 0 10 10">'
        '<defs><clipPath id="clip0"></clipPath></defs><g clip-path="url(#clip0)"></g></svg>'
    )
    first, second = inline(drawn, "one"), inline(drawn, 'two "quoted"')
    assert "http" not in first
    assert 'id="clip0"' not in first
    ids = [text.split('id="')[1].split('"')[0] for text in (first, second)]
    assert ids[0] != ids[1]
    assert f"url(#{ids[0]})" in first
    assert "two &quot;quoted&quot;" in second
