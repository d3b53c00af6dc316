"""How numbers, money, years and names are written for readers: rounded, with their unit.

Rounding happens here and nowhere else; totals are computed before it. A number that is not known
is "not available", which is something else than zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sufficiency.vocabulary import KINDS, NEEDS, TIERS

NOT_AVAILABLE: Final = "not available"
MINUS: Final = "\N{MINUS SIGN}"
NONE: Final = "\N{EN DASH}"
"""Stands where there is nothing to count, which is something else than zero."""


def is_known(number: float | None) -> bool:
    """Whether there is a finite number."""
    return number is not None and math.isfinite(number)


def whole(number: float | None) -> str:
    """A whole number with thousands separators: ``1,234``."""
    if number is None or not math.isfinite(number):
        return NOT_AVAILABLE
    rounded = round(number)
    return f"{MINUS if rounded < 0 else ''}{abs(rounded):,}"


def count(number: float | None) -> str:
    """Expected children or places in a table: whole from 10 up, one decimal below.

    Expected numbers are averages over what may happen, so a cell may well hold 0.4 of a child.
    """
    if number is None or not math.isfinite(number):
        return NOT_AVAILABLE
    size = abs(number)
    if size < 1e-6:
        return "0"
    if size < 0.05:
        return "<0.1" if number > 0 else "0"
    sign = MINUS if number < 0 else ""
    return sign + (f"{size:.1f}".removesuffix(".0") if size < 9.95 else f"{round(size):,}")


def counts(numbers: Iterable[float]) -> list[str]:
    """A row of :func:`count`."""
    return [count(float(number)) for number in numbers]


def children(number: float | None) -> str:
    """Children in a sentence: ``673 children``, ``1 child``, ``fewer than 1 child``."""
    return _things(number, "child", "children")


def child_years(number: float | None) -> str:
    """Children counted once for every year, in a sentence: ``12 child-years``, ``1 child-year``."""
    text = count(number)
    return f"{text} {'child-year' if text == '1' else 'child-years'}"


def places(number: float | None) -> str:
    """Places in a sentence: ``40 places``."""
    return _things(number, "place", "places")


def _things(number: float | None, one: str, many: str) -> str:
    if number is None or not math.isfinite(number):
        return f"{many} {NOT_AVAILABLE}"
    if abs(number) < 1e-6:
        return f"no {many}"
    if number < 0.95:
        return f"fewer than 1 {one}"
    rounded = round(number)
    return f"{rounded:,} {one if rounded == 1 else many}"


def number_of(number: int, one: str, many: str) -> str:
    """A counted thing: ``1 scheme``, ``no schemes``, ``12 schemes``."""
    return f"{number or 'no'} {one if number == 1 else many}"


def pounds(amount: float | None) -> str:
    """Money in a sentence: ``£1.2 million``, ``£345,000``, ``£8,200``."""
    if amount is None or not math.isfinite(amount):
        return NOT_AVAILABLE
    size = abs(amount)
    sign = MINUS if amount < 0 and round(size) else ""
    if size >= 999.5e6:
        text = f"£{size / 1e9:.1f} billion"
    elif size >= 999_500:
        text = f"£{size / 1e6:.1f} million".replace(".0 million", " million")
    elif size >= 9_950:
        text = f"£{round(size, -3):,.0f}"
    elif size >= 995:
        text = f"£{round(size, -2):,.0f}"
    else:
        text = f"£{size:,.0f}"
    return sign + text


def pounds_from_to(least: float, most: float, *, sentence: bool = False) -> str:
    """Where an amount lies: ``£1 million to £2 million``, in a sentence ``between … and …``.

    An end that is not known is infinite: ``at least £1 million``.
    """
    low, high = pounds(least), pounds(most)
    if not math.isfinite(least):
        return f"at most {high}" if math.isfinite(most) else NOT_AVAILABLE
    if not math.isfinite(most):
        return f"at least {low}"
    return f"between {low} and {high}" if sentence else f"{low} to {high}"


def more_or_less(difference: float | None, more: str = "more", less: str = "less") -> str:
    """A difference in money in a sentence: ``£1.2 million less``, ``the same``."""
    if difference is None or not math.isfinite(difference):
        return NOT_AVAILABLE
    if abs(difference) < 0.5:
        return "the same"
    return f"{pounds(abs(difference))} {more if difference > 0 else less}"


def money_scale(amounts: Sequence[float]) -> tuple[float, str, int]:
    """Divisor, unit and decimals that suit a table or axis of such amounts."""
    largest = max((abs(a) for a in amounts if math.isfinite(a)), default=0.0)
    if largest >= 1e6:
        return 1e6, "£ million", 2 if largest < 100e6 else 1
    if largest >= 1e4:
        return 1e3, "£ thousand", 0
    return 1.0, "£", 0


def scaled(amount: float | None, scale: tuple[float, str, int]) -> str:
    """An amount in a table whose caption names the unit of :func:`money_scale`."""
    if amount is None or not math.isfinite(amount):
        return NOT_AVAILABLE
    divisor, _, decimals = scale
    text = f"{abs(amount) / divisor:,.{decimals}f}"
    return text if float(text.replace(",", "")) == 0 or amount >= 0 else MINUS + text


def signed(amount: float, scale: tuple[float, str, int]) -> str:
    """A difference in a table, with a plus sign where it is above zero."""
    text = scaled(amount, scale)
    return f"+{text}" if amount > 0 and text.strip("0.,") else text


def exact_pounds(amount: float | None) -> str:
    """Money to the pound, for certificates: ``£82,613,672``."""
    if amount is None or not math.isfinite(amount):
        return NOT_AVAILABLE
    return f"{MINUS if amount <= -0.5 else ''}£{abs(amount):,.0f}"


def percent(share: float | None, decimals: int = 0) -> str:
    """A share as a percentage: ``12%``; small shares keep a decimal."""
    if share is None or not math.isfinite(share):
        return NOT_AVAILABLE
    if decimals == 0 and 0 < abs(share) < 0.00995:
        decimals = 1
    text = f"{abs(share) * 100:.{decimals}f}%"
    return (MINUS if share < 0 and text.strip("0.%") else "") + text


def share_of(part: float, base: float) -> str:
    """A part as a percentage of a whole; "not applicable" when there is no whole."""
    return percent(part / base) if base > 1e-9 else "not applicable"


def minutes(number: float | None) -> str:
    """Minutes in a sentence: ``45 minutes``."""
    if number is None or not math.isfinite(number):
        return NOT_AVAILABLE
    return f"{round(number)} {'minute' if round(number) == 1 else 'minutes'}"


def seconds(number: float | None) -> str:
    """A span of time: ``3.3 seconds``, ``4 minutes 10 seconds``."""
    if number is None or not math.isfinite(number):
        return NOT_AVAILABLE
    if number < 60:
        return f"{number:.1f} seconds"
    whole, rest = divmod(int(number), 60)
    words = f"{whole} {'minute' if whole == 1 else 'minutes'}"
    return f"{words} {rest} {'second' if rest == 1 else 'seconds'}" if rest else words


def date(text: object) -> str:
    """An ISO date or time as ``23 November 2026``; anything else as it stands."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text) if text else NOT_AVAILABLE
    return f"{found.day} {found:%B %Y}"


def moment(text: object) -> str:
    """An ISO time as ``23 November 2026 at 16:04 UTC``; anything else as it stands."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return date(text)
    zone = f" {found.tzname()}" if found.tzinfo else ""
    return f"{date(text)} at {found:%H:%M}{zone}"


def in_words(items: Sequence[str]) -> str:
    """Items in a sentence: ``A, B and C``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def capital_first(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


# ------------------------------------------------------------------ values of the planning model

_WORDS: Final[dict[str, str]] = {
    **KINDS,
    **{need: f"{name} ({need})" for need, name in NEEDS.items()},
    "in_area": "in area",
    "out_of_area": "out of area",
    "per_km": "per km",
    "per_minute": "per minute",
    "default": "all others",
    "dsg": "Dedicated Schools Grant",
    "general_fund": "general fund",
    "capital": "capital",
    "before_0": "before Reception",
}


def words(name: object) -> str:
    """A code in words: kinds and needs by their names, underscores as spaces."""
    text = str(name)
    return _WORDS.get(text, text.replace("_", " "))


def model_value(value: Any, unit: str, key: str = "") -> list[str]:
    """A value of the planning model as readable lines, whatever its shape.

    Args:
        value: number, text, list or table, as in ``inputs/rules.json``.
        unit: unit of the model file; "pounds" and "share" decide how a number is written.
        key: name of the entry, for lists by age.
    """
    if isinstance(value, dict):
        lines = []
        for name, part in value.items():
            inner = model_value(part, unit)
            label = _entry_label(str(name), key)
            lines.append(f"{label}: {'; '.join(inner)}")
        return lines
    if isinstance(value, list):
        if value and all(isinstance(item, dict) for item in value):
            return ["; ".join(model_value(item, "", key)) for item in value]
        if len(value) == 26 and "age" in unit:
            listed = ", ".join(f"{age}: {_number(item, unit)}" for age, item in enumerate(value))
            return [f"by age: {listed}"]
        return [", ".join(_number(item, unit) for item in value)]
    return [_number(value, unit)]


def _entry_label(name: str, key: str) -> str:
    if key in ("cost_factor_by_tier",) and name.isdigit():
        return f"tier {name} ({TIERS.get(int(name), '').lower()})"
    if key == "phase_names" and name.isdigit():
        return f"from year group {name}"
    return words(name)


def _number(value: Any, unit: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return words(value)
    if unit.startswith("pounds") and "per pound" not in unit:
        return f"£{value:,.0f}" if float(value).is_integer() else f"£{value:,.2f}"
    if unit.startswith("share") and abs(value) <= 1:
        return f"{value * 100:.4g}%"
    return f"{value:,.6g}"
