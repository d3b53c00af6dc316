"""Charts as static SVG: no script, no request, one look, the same colour for a kind everywhere."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import altair as alt
import pandas as pd
import vl_convert

from sufficiency.reports.facts import GROUPS

INK: Final = "#0b0c0c"
NAVY, TEAL, PLUM, ORANGE, CHARCOAL, LILAC = (
    "#12436D",
    "#28A197",
    "#801650",
    "#F46A25",
    "#3D3D3D",
    "#A285D1",
)
"""The Analysis Function's palette for categories, in its order."""
SHADES: Final = ("#6BACE6", "#2073BC", "#12436D")
"""The Analysis Function's palette for ordered values, light to dark."""

COLOURS: Final[dict[str, str]] = {
    **dict(zip(GROUPS, (NAVY, TEAL, PLUM, ORANGE, CHARCOAL), strict=True)),
    "No suitable place": LILAC,
}
"""Colour of a group of kinds of provision, in every chart and on the map."""

ON_COLOUR: Final = {NAVY: "#ffffff", PLUM: "#ffffff", CHARCOAL: "#ffffff"}
"""Text on a colour that keeps a contrast of 4.5; ink on all others."""

NARROW: Final = 480
DASHED: Final = (6, 4)
"""Always: with committed schemes only."""
FONT: Final = "Arial, Helvetica, sans-serif"


@dataclass(frozen=True)
class Line:
    """A line of a panel: values by position on the axis.

    Attributes:
        label: shown at its end; empty for none.
        values: by axis label, in its order; None where there is nothing.
        colour: of the line.
        dash: pattern of the line, () for solid. "Without schemes" is always dashed.
    """

    label: str
    values: Sequence[float | None]
    colour: str
    dash: tuple[int, ...] = ()


@dataclass(frozen=True)
class Panel:
    """A small chart with its own vertical axis from zero."""

    title: str
    lines: Sequence[Line]
    guide: float | None = None
    guide_label: str = ""


def spread(positions: Sequence[float], least: float) -> list[float]:
    """Move labels apart until neighbours are at least ``least`` apart, keeping their order."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    placed = [positions[i] for i in order]
    for _ in range(200):
        moved = False
        for i in range(len(placed) - 1):
            short = least - (placed[i + 1] - placed[i])
            if short > 1e-9:
                placed[i] -= short / 2
                placed[i + 1] += short / 2
                moved = True
        if not moved:
            break
    if placed and placed[0] < 0:
        placed = [p - placed[0] for p in placed]
    result = [0.0] * len(positions)
    for rank, i in enumerate(order):
        result[i] = placed[rank]
    return result


def render(chart: Any) -> str:
    """Turn a chart into SVG."""
    return str(vl_convert.vegalite_to_svg(chart.to_dict()))


def inline(drawn: str, alt_text: str) -> str:
    """Make an SVG document part of a page: responsive, described, safe beside others.

    Clip paths of two charts carry the same ids when they come from the renderer; the second chart
    would be clipped by the first.
    """
    # From the content, so that the same run gives the same page.
    prefix = f"c{zlib.crc32((alt_text + drawn).encode()):08x}-"
    drawn = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', drawn)
    drawn = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}\1)", drawn)
    drawn = re.sub(r'\s(?:xmlns|xmlns:xlink|version)="[^"]*"', "", drawn)
    opening = re.match(r"<svg\b[^>]*>", drawn)
    assert opening is not None
    box = re.search(r'viewBox="([^"]+)"', opening.group())
    assert box is not None
    width = float(box.group(1).split()[2])
    start = (
        f'<svg viewBox="{box.group(1)}" role="img" aria-label="{escape(alt_text)}" '
        f'style="max-width:{width:.0f}px">'
    )
    return start + drawn[opening.end() :]


def _finish(chart: Any) -> Any:
    return chart.configure(
        font=FONT,
        aria=False,
        background="transparent",
        view={"stroke": None},
        axis={
            "labelFontSize": 12,
            "labelColor": INK,
            "titleColor": INK,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "gridColor": "#d9d9d9",
            "domainColor": "#6f777b",
            "tickColor": "#6f777b",
        },
        concat={"spacing": 20},
    )


# ------------------------------------------------------------------ placement mix


def stacked_years(table: pd.DataFrame, labels: Sequence[str], width: int) -> Any:
    """Children by year in stacked bars with labels at their end.

    Args:
        table: columns year (label), group, children.
        labels: years in order; the first is counted, the others projected.
        width: of the page in pixels.
    """
    narrow = width < NARROW
    height = 330
    groups = [g for g in COLOURS if table.loc[table["group"] == g, "children"].sum() > 0.05]
    whole = float(table.groupby("year")["children"].sum().max() or 1.0)
    top = whole * 1.06
    domain = [labels[0], " ", *labels[1:]]
    room = 112 if narrow else 190
    inner = width - room - 48
    # Stacked here and not by the renderer, so that labels know where a segment lies.
    order = {g: i for i, g in enumerate(groups)}
    parts = table[table["group"].isin(groups)].copy()
    parts["rank"] = parts["group"].map(order)
    parts = parts.sort_values(["year", "rank"])
    parts["high"] = parts.groupby("year")["children"].cumsum()
    parts["low"] = parts["high"] - parts["children"]
    parts["middle"] = (parts["high"] + parts["low"]) / 2
    parts["text"] = parts["children"].map(lambda n: f"{n:,.0f}")
    parts["fits"] = parts["children"] / top * height >= 15
    parts["ink"] = parts["group"].map(lambda g: ON_COLOUR.get(COLOURS[g], INK))
    colour = alt.Color(
        "group:N", scale=alt.Scale(domain=groups, range=[COLOURS[g] for g in groups]), legend=None
    )
    x = alt.X(
        "year:N",
        scale=alt.Scale(domain=domain, paddingInner=0.12, paddingOuter=0.05),
        axis=alt.Axis(title=None, labelAngle=-90 if narrow else 0, ticks=False, labelPadding=6),
    )
    y = alt.Y(
        "low:Q",
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(title="Children and young people", tickCount=5, format=",.0f"),
    )
    bars = (
        alt.Chart(parts)
        .mark_bar(stroke="#ffffff", strokeWidth=1)
        .encode(x=x, y=y, y2="high:Q", color=colour)
    )
    step = inner / len(domain)
    layers: list[Any] = [bars]
    if step >= 34:
        layers.append(
            alt.Chart(parts[parts["fits"]])
            .mark_text(fontSize=12, baseline="middle")
            .encode(
                x="year:N", y=alt.Y("middle:Q"), text="text:N",
                color=alt.Color("ink:N", scale=None),
            )
        )  # fmt: skip
    ends = parts[parts["year"] == labels[-1]].copy()
    pixels = spread([m / top * height for m in ends["middle"]], 30 if narrow else 16)
    ends["at"] = [p / height * top for p in pixels]
    ends["lines"] = ends["group"].map(lambda g: _wrap(g, 13 if narrow else 40))
    shift = step / 2 + 4
    layers.append(
        alt.Chart(ends)
        .mark_square(size=80, opacity=1, xOffset=shift + 4)
        .encode(x="year:N", y="at:Q", color=colour)
    )
    layers.append(
        alt.Chart(ends)
        .mark_text(
            align="left", baseline="middle", dx=shift + 13, fontSize=12, color=INK,
            lineBreak="\n", lineHeight=13,
        )
        .encode(x="year:N", y="at:Q", text="lines:N")
    )  # fmt: skip
    totals = parts.groupby("year", as_index=False)["high"].max()
    words = totals[totals["year"].isin(labels[:2])].copy()
    words["word"] = words["year"].map(lambda y: "actual" if y == labels[0] else "projected")
    upright = {"angle": 270, "dx": 5, "baseline": "middle"} if narrow else {"dy": -7}
    layers.append(
        alt.Chart(words.head(1) if narrow else words)
        .mark_text(fontSize=11, fontStyle="italic", align="left", color=INK, **upright)
        .encode(x=alt.X("year:N", bandPosition=0.5 if narrow else 0), y="high:Q", text="word:N")
    )
    return _finish(alt.layer(*layers).properties(width=inner, height=height))


def _wrap(text: str, letters: int) -> str:
    """Break a label into lines of about so many letters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > letters:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


# ------------------------------------------------------------------ lines in panels


def panels(
    charts: Sequence[Panel],
    labels: Sequence[str],
    width: int,
    axis_title: str,
    number_format: str = ",.0f",
    columns: int = 3,
    actual: str = "",
) -> Any:
    """Small charts side by side (one below the other on a telephone), each from zero.

    Args:
        charts: one for each panel.
        labels: years along the axis.
        width: of the page in pixels.
        axis_title: measure and unit of the vertical axis, for the first panel of each row.
        number_format: d3 format of axis and end labels.
        columns: panels in a row on a wide page.
        actual: the year that is counted, not projected: a band and the word "actual".
    """
    narrow = width < NARROW
    per_row = 1 if narrow else min(columns, len(charts))
    inner = max((width - 20 - (34 + 72) * per_row - 20 * (per_row - 1)) // per_row, 90)
    drawn = [
        _panel(panel, labels, inner, axis_title if i % per_row == 0 else "", number_format, actual)
        for i, panel in enumerate(charts)
    ]
    return _finish(alt.concat(*drawn, columns=per_row).resolve_scale(y="independent"))


def _panel(
    panel: Panel,
    labels: Sequence[str],
    width: int,
    axis_title: str,
    number_format: str,
    actual: str,
) -> Any:
    height = 170
    known = [v for line in panel.lines for v in line.values if v is not None and v == v]
    top = max([*known, panel.guide or 0.0, 1e-9]) * 1.08
    bottom = min([*known, 0.0]) * 1.08
    top = top if top > 1e-6 else 1.0
    span = top - bottom
    every = max(1, round(len(labels) / max(2, width // 58)))
    shown = [label for i, label in enumerate(labels) if i % every == 0]
    x = alt.X(
        "year:N",
        scale=alt.Scale(domain=list(labels), type="point", padding=0.3),
        axis=alt.Axis(title=None, values=shown, labelAngle=0, labelPadding=5, labelOverlap=True),
    )
    y = alt.Y(
        "value:Q",
        scale=alt.Scale(domain=[bottom, top], nice=False),
        axis=alt.Axis(title=axis_title or None, tickCount=4, format=number_format),
    )
    layers: list[Any] = []
    if actual and actual in labels:
        step = width / (len(labels) - 0.4)
        band = pd.DataFrame({"year": [actual], "value": [top], "word": ["actual"]})
        layers.append(
            alt.Chart(band)
            .mark_rect(color="#e6e6e6", width=min(max(step * 0.58, 9), 24))
            .encode(x=x, y=alt.Y("value:Q"), y2=alt.datum(bottom))
        )
        layers.append(
            alt.Chart(band)
            .mark_text(angle=270, align="right", dx=-3, fontSize=11, fontStyle="italic", color=INK)
            .encode(x="year:N", y="value:Q", text="word:N")
        )
    if panel.guide is not None:
        rule = pd.DataFrame({"value": [panel.guide], "word": [panel.guide_label]})
        layers.append(alt.Chart(rule).mark_rule(color=INK, strokeDash=[2, 3]).encode(y=y))
        layers.append(
            alt.Chart(rule)
            .mark_text(align="right", baseline="bottom", dy=-2, fontSize=11, color=INK)
            .encode(x=alt.value(width), y="value:Q", text="word:N")
        )
    ends: list[dict[str, Any]] = []
    for line in panel.lines:
        frame = pd.DataFrame({"year": list(labels), "value": list(line.values)}).dropna()
        if frame.empty:
            continue
        base = alt.Chart(frame).encode(x=x, y=y)
        dash = list(line.dash) or [1, 0]
        layers.append(base.mark_line(color=line.colour, strokeWidth=2.5, strokeDash=dash))
        dots = frame if len(frame) == 1 else frame[frame["year"] == actual]
        if len(dots) and not line.dash:
            layers.append(alt.Chart(dots).mark_point(
                color=line.colour, filled=True, size=60, opacity=1, shape="diamond",
            ).encode(x="year:N", y="value:Q"))  # fmt: skip
        last = frame.iloc[-1]
        ends.append({"year": last["year"], "value": float(last["value"]), "label": line.label})
    named = [e for e in ends if e["label"]]
    if named:
        at = spread([(e["value"] - bottom) / span * height for e in named], 14)
        for end, pixel in zip(named, at, strict=True):
            end["at"] = bottom + pixel / height * span
        layers.append(
            alt.Chart(pd.DataFrame(named))
            .mark_text(align="left", dx=7, fontSize=11.5, color=INK, baseline="middle")
            .encode(x="year:N", y=alt.Y("at:Q"), text="label:N")
        )
    title = alt.TitleParams(
        panel.title, anchor="start", fontSize=13, fontWeight="bold", color=INK, offset=8
    )
    return alt.layer(*layers).properties(width=width, height=height, title=title)


# ------------------------------------------------------------------ bars


def difference_bars(
    table: pd.DataFrame, labels: Sequence[str], ledgers: Mapping[str, str], width: int, unit: str
) -> Any:
    """Differences to building nothing, one panel for each ledger on one common scale.

    Args:
        table: columns year, ledger, value (in ``unit``; above zero: costs more).
        labels: financial years in order.
        ledgers: id to name, in order.
        width: of the page in pixels.
        unit: of the axis.
    """
    narrow = width < NARROW
    per_row = 1 if narrow else 3
    inner = max((width - 58 * per_row - 20 * (per_row - 1)) // per_row, 90)
    low, high = min(table["value"].min(), 0.0), max(table["value"].max(), 0.0)
    room = (high - low or 1.0) * 0.08
    every = max(1, round(len(labels) / max(2, inner // 58)))
    drawn = []
    for i, (ledger, name) in enumerate(ledgers.items()):
        part = table[table["ledger"] == ledger]
        x = alt.X(
            "year:N",
            scale=alt.Scale(domain=list(labels), paddingInner=0.25),
            axis=alt.Axis(
                title=None, labelAngle=0, values=list(labels)[::every], labelOverlap=True,
                offset=0, domain=False,
            ),
        )  # fmt: skip
        y = alt.Y(
            "value:Q",
            scale=alt.Scale(domain=[low - room, high + room], nice=False),
            axis=alt.Axis(title=unit if i % per_row == 0 else None, tickCount=5, format="+,.3~g"),
        )
        bars = alt.Chart(part).mark_bar().encode(
            x=x, y=y,
            color=alt.condition("datum.value > 0", alt.value(ORANGE), alt.value(NAVY)),
        )  # fmt: skip
        zero = alt.Chart(pd.DataFrame({"value": [0.0]})).mark_rule(color=INK).encode(y=y)
        drawn.append(
            alt.layer(bars, zero).properties(
                width=inner,
                height=170,
                title=alt.TitleParams(
                    name, anchor="start", fontSize=13, fontWeight="bold", color=INK, offset=8
                ),
            )
        )
    return _finish(alt.concat(*drawn, columns=per_row))


def ranked_bars(
    names: Sequence[str],
    values: Sequence[float],
    words: Sequence[str],
    colours: Sequence[str],
    width: int,
) -> Any:
    """Horizontal bars from zero, largest first, with the name above and the value beside."""
    step, high = 42, max([*values, 1e-9])
    height = step * len(names) + 4
    frame = pd.DataFrame(
        {
            "row": [step * i + 27 for i in range(len(names))],
            "name": list(names),
            "value": list(values),
            "words": list(words),
            "colour": list(colours),
        }
    )
    y = _rows(height)
    x = alt.X("value:Q", axis=None, scale=alt.Scale(domain=[0, high], nice=False))
    base = alt.Chart(frame)
    bars = base.mark_bar(orient="horizontal", size=14).encode(
        x=x, x2=alt.datum(0), y=y, color=alt.Color("colour:N", scale=None)
    )
    label = base.mark_text(align="left", dy=-17, fontSize=12.5, color=INK).encode(
        x=alt.value(0), y=y, text="name:N"
    )
    value = base.mark_text(align="left", dx=6, fontSize=12.5, color=INK).encode(
        x=x, y=y, text="words:N"
    )
    inner = width - 110
    return _finish(alt.layer(bars, label, value).properties(width=inner, height=height))


def signed_bars(
    names: Sequence[str], values: Sequence[float], words: Sequence[str], width: int
) -> Any:
    """Horizontal bars to both sides of nought, with the name above and the value beside the name.

    Args:
        names: one for each bar, in the order in which they are drawn.
        values: above nought to the right in navy, below it to the left in orange.
        words: the values as text.
        width: of the page in pixels.
    """
    step = 42
    height = step * len(names) + 4
    low, high = min([*values, 0.0]), max([*values, 0.0])
    span = (high - low) or 1.0
    letters = int((width - 24) / 6.6)
    shown = [f"{n}: {w}" for n, w in zip(names, words, strict=True)]
    for i, (name, word) in enumerate(zip(names, words, strict=True)):
        if len(shown[i]) > letters:
            shown[i] = f"{name[: max(letters - len(word) - 3, 4)]}…: {word}"
    frame = pd.DataFrame(
        {
            "row": [step * i + 29 for i in range(len(names))],
            "name": shown,
            "value": list(values),
            "colour": [NAVY if v >= 0 else ORANGE for v in values],
        }
    )
    y = _rows(height)
    x = alt.X("value:Q", axis=None, scale=alt.Scale(domain=[low, low + span], nice=False))
    base = alt.Chart(frame)
    bars = base.mark_bar(orient="horizontal", size=13).encode(
        x=x, x2=alt.datum(0), y=y, color=alt.Color("colour:N", scale=None)
    )
    # A tick beside each bar and no line through all of them, which would cross the names.
    zero = base.mark_tick(orient="vertical", color=INK, size=19, thickness=1.5).encode(
        x=alt.datum(0), y=y
    )
    label = base.mark_text(align="left", dy=-17, fontSize=12.5, color=INK).encode(
        x=alt.value(0), y=y, text="name:N"
    )
    inner = width - 24
    return _finish(alt.layer(bars, zero, label).properties(width=inner, height=height))


def _rows(height: int) -> Any:
    """A vertical axis in pixels from the top, for rows of a known height."""
    scale = alt.Scale(domain=[0, height], reverse=True, nice=False)
    return alt.Y("row:Q", axis=None, scale=scale)


# ------------------------------------------------------------------ schedule


def schedule(rows: pd.DataFrame, years: Sequence[int], width: int) -> Any:
    """When schemes are built and open.

    Args:
        rows: columns name, detail, spend_from, opens (academic years as int), colour; in the
            order in which they are drawn.
        years: first financial year to last academic year.
        width: of the page in pixels.
    """
    step = 46
    frame = rows.reset_index(drop=True).copy()
    height = step * len(frame) + 8
    frame["row"] = [step * i + 33 for i in range(len(frame))]
    end = float(years[-1] + 1)
    frame["when"] = [f"Sept {y}" for y in frame["opens"]]
    # The academic year begins five twelfths into the financial year.
    frame["open_at"] = frame["opens"] + 5 / 12
    frame["end"] = end + 5 / 12
    frame["label"] = frame["name"]
    if width >= NARROW:
        frame["label"] += frame["detail"].map(lambda d: f"  \N{MIDDLE DOT}  {d}")
    letters = int((width - 20) / 6.1)
    frame["label"] = [t if len(t) <= letters else t[: letters - 1] + "…" for t in frame["label"]]
    frame["ink"] = frame["colour"].map(lambda c: ON_COLOUR.get(c, INK))
    low, high = float(years[0]), end + 5 / 12
    ticks = list(range(years[0], years[-1] + 2))
    every = 1 if width >= NARROW else 3
    y = _rows(height)
    axis = alt.Axis(
        title=None, values=ticks[::every], labelAngle=0, grid=True, orient="top",
        labelExpr="'Apr ' + format(datum.value, 'd')",
    )  # fmt: skip
    x = alt.X("spend_from:Q", scale=alt.Scale(domain=[low, high], nice=False), axis=axis)
    base = alt.Chart(frame)
    building = base.mark_bar(
        orient="horizontal", size=17, fillOpacity=0.15, strokeDash=[3, 2], strokeWidth=1.2
    ).encode(
        x=x, x2="open_at:Q", y=y,
        color=alt.Color("colour:N", scale=None), stroke=alt.Stroke("colour:N", scale=None),
    )  # fmt: skip
    opened = base.mark_bar(orient="horizontal", size=18).encode(
        x=alt.X("open_at:Q"), x2="end:Q", y=y, color=alt.Color("colour:N", scale=None)
    )
    inner = width - 24
    per_year = inner / (high - low)
    inside = alt.datum.end - alt.datum.open_at > 66 / per_year
    text = (
        base.transform_filter(inside)
        .mark_text(align="left", dx=5, fontSize=12)
        .encode(x="open_at:Q", y=y, text="when:N", color=alt.Color("ink:N", scale=None))
    )
    before = (
        base.transform_filter(alt.datum.end - alt.datum.open_at <= 66 / per_year)
        .mark_text(align="right", dx=-5, fontSize=12, color=INK)
        .encode(x="open_at:Q", y=y, text="when:N")
    )
    name = base.mark_text(align="left", dy=-19, fontSize=12.5, color=INK).encode(
        x=alt.value(0), y=y, text="label:N"
    )
    return _finish(
        alt.layer(building, opened, text, before, name).properties(width=inner, height=height)
    )
