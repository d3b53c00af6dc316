"""Charts as static SVG: no script, no request, one look, the same colour for a kind everywhere."""

from __future__ import annotations

import json
import math
import os
import re
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from itertools import pairwise
from typing import Any, Final, Literal

import altair as alt
import pandas as pd
import vl_convert

from sufficiency.reports import formatting as fmt
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
FONTS: Final = "FONTCONFIG_FILE"
"""Names the file which says where a Linux system keeps its fonts."""


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
    # What would stand below the axis is lifted onto it, and pushes only those it would cover.
    floor = 0.0
    for i, at in enumerate(placed):
        placed[i] = max(at, floor)
        floor = placed[i] + least
    result = [0.0] * len(positions)
    for rank, i in enumerate(order):
        result[i] = placed[rank]
    return result


def render(chart: Any) -> str:
    """Turn a chart into SVG, without what it says twice."""
    prepare()
    # Checked against the schema in the tests; here the check takes as long as the drawing.
    return lighter(str(vl_convert.vegalite_to_svg(chart.to_dict(validate=False))))


_STARTING: Final = threading.Lock()


def prepare() -> None:
    """Start the renderer, which takes as long as drawing many charts; once started, do nothing."""
    with _STARTING:
        _start()


@cache
def _start() -> None:
    # The renderer measures every word. A font of the system it opens anew for every letter, which
    # takes longer than the drawing, and the same run would be drawn otherwise on another machine.
    # It brings a font of Arial's widths, and uses that one where it is shown no other.
    fonts = resources.files("sufficiency.reports") / "fonts.conf"
    before = os.environ.get(FONTS)
    with resources.as_file(fonts) as path:
        os.environ[FONTS] = str(path)
        try:
            vl_convert.vegalite_to_svg(
                {"mark": {"type": "text", "text": "a", "font": FONT}, "data": {"values": [{}]}}
            )
        finally:
            del os.environ[FONTS]
            if before is not None:
                os.environ[FONTS] = before


_IDLE: Final = re.compile(
    r' (?:class|aria-hidden|pointer-events|role|aria-roledescription|aria-label)="[^"]*"'
    r'| (?:opacity|fill-opacity|stroke-opacity)="1"'
    rf' ?| font-family="{re.escape(FONT)}"'
)
_LONG: Final = re.compile(r"(\d+\.\d)\d+")
_EMPTY: Final = re.compile(r"<path(?: d=\"[^\"]*\")? display=\"none\"/>|<g/>|<g></g>")


def lighter(drawn: str) -> str:
    """The same picture in fewer letters: tenths of a pixel, nothing idle, one font for all.

    A page holds tens of thousands of marks, and the renderer says the font, the
    opacity and the role of every one of them.
    """
    start = re.match(r"<svg\b[^>]*>", drawn)
    assert start is not None
    # Tags only: a name between tags stays as it is, whatever it looks like.
    inner = re.sub(
        r"<[^>]+>",
        lambda tag: _LONG.sub(r"\1", _IDLE.sub("", tag.group())),
        drawn[start.end() :],
    )
    inner = _RUN.sub(_once, _EMPTY.sub("", inner))
    return f'{start.group()[:-1]} font-family="{FONT}">' + inner


_RUN: Final = re.compile(r"<g>((?:<(text|path|line)\b[^>]*(?:/>|>[^<]*</\2>)){2,})</g>")
_HANDED_DOWN: Final = re.compile(
    r' (?:text-anchor|font-size|font-weight|font-style|fill|stroke|stroke-width)="[^"]*"'
)


def _once(run: re.Match[str]) -> str:
    """What all marks of a group say alike, said by the group."""
    marks = re.findall(r"<(?:text|path|line)\b[^>]*>", run.group(1))
    alike = set(_HANDED_DOWN.findall(marks[0]))
    for mark in marks[1:]:
        alike &= set(_HANDED_DOWN.findall(mark))
        if not alike:
            return run.group()
    kept = _HANDED_DOWN.sub(lambda a: "" if a.group() in alike else a.group(), run.group(1))
    return f"<g{''.join(sorted(alike))}>{kept}</g>"


def inline(drawn: str, alt_text: str, parts: bool = False) -> str:
    """Make an SVG document part of a page: responsive, described, safe beside others.

    Clip paths of two charts carry the same ids when they come from the renderer; the second chart
    would be clipped by the first.

    Args:
        drawn: the SVG.
        alt_text: its message.
        parts: whether it holds parts that can be reached one by one, so that it is a group and no
            single picture to a screen reader.
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
    role = "group" if parts else "img"
    start = (
        f'<svg viewBox="{box.group(1)}" role="{role}" aria-label="{escape(alt_text)}" '
        f'font-family="{FONT}" style="max-width:{width:.0f}px">'
    )
    return start + drawn[opening.end() :]


LOOK: Final[dict[str, Any]] = {
    "font": FONT,
    "aria": False,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12,
        "labelColor": INK,
        "titleColor": INK,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "#d9d9d9",
        "domainColor": "#6f777b",
        "tickColor": "#6f777b",
    },
    "concat": {"spacing": 20},
}
"""What all charts have in common."""


def _chart(table: pd.DataFrame) -> Any:
    """A chart of a table, whose rows are handed over as they are written down.

    Altair's own way looks at every column of every layer for what it may hold; here every encoding
    says its type, and a value is a number, a word, yes or no, or nothing.
    """
    columns = [_written(table[name]) for name in table.columns]
    rows = [dict(zip(table.columns, row, strict=True)) for row in zip(*columns, strict=True)]
    return alt.Chart(alt.InlineData(values=rows))


def _written(column: pd.Series) -> list[Any]:
    values = column.tolist()
    missing = column.isna().to_numpy()
    if not missing.any():
        return values
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


@dataclass(frozen=True)
class Joined:
    """Charts drawn over one another, or side by side.

    Altair's own joining copies every chart whole, with every field that is not set, several times
    over; with two dozen panels that takes longer than the drawing. Here they are joined as they
    are written down, which gives the same picture.

    Attributes:
        how: "layer" or "concat".
        charts: what is joined.
        said: of the whole, such as its size and title.
    """

    how: Literal["layer", "concat"]
    charts: Sequence[Any]
    said: Mapping[str, Any]

    def to_dict(
        self, validate: bool = True, *, context: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The specification, with every set of data once.

        Raises:
            altair.SchemaValidationError: when it is checked and does not keep to the schema.
        """
        within = context or {"datasets": {}, "pre_transform": False, "top_level": False}
        joined: dict[str, Any] = {
            self.how: [c.to_dict(validate=False, context=dict(within)) for c in self.charts],
            **self.said,
        }
        if context is None:
            joined |= {"$schema": alt.SCHEMA_URL, "datasets": within["datasets"]}
            if validate:
                alt.Chart.from_dict(joined)
        return joined


def _layered(layers: Sequence[Any], width: float, height: float) -> Joined:
    """Layers as a finished chart."""
    return Joined("layer", layers, dict(width=width, height=height, config=LOOK))


def _part(
    layers: Sequence[Any], width: float, height: float, title: str, offset: int = 8
) -> Joined:
    """Layers as one of several charts, under a title of its own."""
    words = {
        "text": title, "anchor": "start", "fontSize": 13, "fontWeight": "bold", "color": INK,
        "offset": offset,
    }  # fmt: skip
    return Joined("layer", layers, dict(width=width, height=height, title=words))


def _beside(parts: Sequence[Any], columns: int, **more: Any) -> Joined:
    """Charts side by side, so many in a row."""
    return Joined("concat", parts, dict(columns=columns, config=LOOK, **more))


# ------------------------------------------------------------------ placement mix


def stacked_years(
    table: pd.DataFrame,
    labels: Sequence[str],
    width: int,
    band: Mapping[str, tuple[float, float]] | None = None,
) -> Any:
    """Children by year in stacked bars with labels at their end.

    Args:
        table: columns year (label), group, children.
        labels: years in order; the first is counted, the others projected.
        width: of the page in pixels.
        band: least and most of all children by year (label), drawn as a line over the bar.
    """
    narrow = width < NARROW
    height = 330
    band = band or {}
    groups = [g for g in COLOURS if table.loc[table["group"] == g, "children"].sum() > 0.05]
    whole = float(table.groupby("year")["children"].sum().max() or 1.0)
    top = max([whole, *(most for _, most in band.values())]) * 1.06
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
        "group:N", scale=dict(domain=groups, range=[COLOURS[g] for g in groups]), legend=None
    )
    x = alt.X(
        "year:N",
        scale=dict(domain=domain, paddingInner=0.12, paddingOuter=0.05),
        axis=dict(title=None, labelAngle=-90 if narrow else 0, ticks=False, labelPadding=6),
    )
    y = alt.Y(
        "low:Q",
        scale=dict(domain=[0, top], nice=False),
        axis=dict(title="Children and young people", tickCount=5, format=",.0f"),
    )
    bars = (
        _chart(parts)
        .mark_bar(stroke="#ffffff", strokeWidth=1)
        .encode(x=x, y=y, y2=alt.Y2("high:Q"), color=colour)
    )
    step = inner / len(domain)
    layers: list[Any] = [bars]
    if step >= 34:
        layers.append(
            _chart(parts[parts["fits"]])
            .mark_text(fontSize=12, baseline="middle")
            .encode(
                x=alt.X("year:N"), y=alt.Y("middle:Q"), text=alt.Text("text:N"),
                color=alt.Color("ink:N", scale=None),
            )
        )  # fmt: skip
    ends = parts[parts["year"] == labels[-1]].copy()
    ends["lines"] = ends["group"].map(lambda g: _wrap(g, 14 if narrow else 40))
    tallest = int(ends["lines"].str.count("\n").max()) + 1
    pixels = spread([m / top * height for m in ends["middle"]], 13 * tallest + 3)
    ends["at"] = [p / height * top for p in pixels]
    shift = step / 2 + 4
    layers.append(
        _chart(ends)
        .mark_square(size=80, opacity=1, xOffset=shift + 4)
        .encode(x=alt.X("year:N"), y=alt.Y("at:Q"), color=colour)
    )
    layers.append(
        _chart(ends)
        .mark_text(
            align="left", baseline="middle", dx=shift + 13, fontSize=12, color=INK,
            lineBreak="\n", lineHeight=13,
        )
        .encode(x=alt.X("year:N"), y=alt.Y("at:Q"), text=alt.Text("lines:N"))
    )  # fmt: skip
    ranges = pd.DataFrame(
        [(year, *band[year]) for year in labels if year in band], columns=["year", "least", "most"]
    )
    if len(ranges):
        # A white edge, since the lower end stands on a dark bar.
        for ink, edge in (("#ffffff", 1.5), (INK, 0.0)):
            line = _chart(ranges).mark_rule(color=ink, strokeWidth=1.5 + edge)
            layers.append(line.encode(x=alt.X("year:N"), y=alt.Y("least:Q"), y2=alt.Y2("most:Q")))
            for end in ("least", "most"):
                tick = _chart(ranges).mark_tick(
                    color=ink, thickness=1.5 + edge, size=(5 if narrow else 9) + edge
                )
                layers.append(tick.encode(x=alt.X("year:N"), y=alt.Y(f"{end}:Q")))
    totals = parts.groupby("year", as_index=False)["high"].max()
    words = totals[totals["year"].isin(labels[:2])].copy()
    words["word"] = words["year"].map(lambda y: "actual" if y == labels[0] else "projected")
    upright = {"angle": 270, "dx": 5, "baseline": "middle"} if narrow else {"dy": -7}
    layers.append(
        _chart(words.head(1) if narrow else words)
        .mark_text(fontSize=11, fontStyle="italic", align="left", color=INK, **upright)
        .encode(
            x=alt.X("year:N", bandPosition=0.5 if narrow else 0),
            y=alt.Y("high:Q"),
            text=alt.Text("word:N"),
        )
    )
    return _layered(layers, inner, height)


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
    room: int = 72,
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
        room: pixels to the right of each panel, for the labels of its lines.
    """
    narrow = width < NARROW
    per_row = 1 if narrow else min(columns, len(charts))
    inner = max((width - 20 - (34 + room) * per_row - 20 * (per_row - 1)) // per_row, 90)
    drawn = [
        _panel(panel, labels, inner, axis_title if i % per_row == 0 else "", number_format, actual)
        for i, panel in enumerate(charts)
    ]
    return _beside(drawn, per_row, resolve={"scale": {"y": "independent"}})


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
        scale=dict(domain=list(labels), type="point", padding=0.3),
        axis=dict(title=None, values=shown, labelAngle=0, labelPadding=5, labelOverlap=True),
    )
    y = alt.Y(
        "value:Q",
        scale=dict(domain=[bottom, top], nice=False),
        axis=dict(title=axis_title or None, tickCount=4, format=number_format),
    )
    layers: list[Any] = []
    if actual and actual in labels:
        step = width / (len(labels) - 0.4)
        counted = labels.index(actual)
        there = [v for line in panel.lines if (v := line.values[counted]) is not None and v == v]
        # The word stands in the middle of the widest room that lines and guide leave in the year.
        guide = [panel.guide] if panel.guide is not None else []
        stops = sorted([bottom, *there, *guide, top])
        low, high = max(pairwise(stops), key=lambda pair: pair[1] - pair[0])
        band = pd.DataFrame(
            {"year": [actual], "value": [top], "word": ["actual"], "at": [(low + high) / 2]}
        )
        layers.append(
            _chart(band)
            .mark_rect(color="#e6e6e6", width=min(max(step * 0.58, 9), 24))
            .encode(x=x, y=alt.Y("value:Q"), y2=alt.Y2Datum(bottom))
        )
        layers.append(
            _chart(band)
            .mark_text(
                angle=270,
                align="center",
                fontSize=11,
                fontStyle="italic",
                color=INK,
            )
            .encode(x=alt.X("year:N"), y=alt.Y("at:Q"), text=alt.Text("word:N"))
        )
    if panel.guide is not None:
        rule = pd.DataFrame({"value": [panel.guide], "word": [panel.guide_label]})
        layers.append(_chart(rule).mark_rule(color=INK, strokeDash=[2, 3]).encode(y=y))
        layers.append(
            _chart(rule)
            .mark_text(align="right", baseline="bottom", dy=-2, fontSize=11, color=INK)
            .encode(x=alt.value(width), y=alt.Y("value:Q"), text=alt.Text("word:N"))
        )
    ends: list[dict[str, Any]] = []
    for line in panel.lines:
        frame = pd.DataFrame({"year": list(labels), "value": list(line.values)}).dropna()
        if frame.empty:
            continue
        base = _chart(frame).encode(x=x, y=y)
        dash = list(line.dash) or [1, 0]
        layers.append(base.mark_line(color=line.colour, strokeWidth=2.5, strokeDash=dash))
        dots = frame if len(frame) == 1 else frame[frame["year"] == actual]
        if len(dots) and not line.dash:
            layers.append(_chart(dots).mark_point(
                color=line.colour, filled=True, size=60, opacity=1, shape="diamond",
            ).encode(x=alt.X("year:N"), y=alt.Y("value:Q")))  # fmt: skip
        last = frame.iloc[-1]
        ends.append({"year": last["year"], "value": float(last["value"]), "label": line.label})
    named = [e for e in ends if e["label"]]
    if named:
        at = spread([(e["value"] - bottom) / span * height for e in named], 14)
        for end, pixel in zip(named, at, strict=True):
            end["at"] = bottom + pixel / height * span
        layers.append(
            _chart(pd.DataFrame(named))
            .mark_text(align="left", dx=7, fontSize=11.5, color=INK, baseline="middle")
            .encode(x=alt.X("year:N"), y=alt.Y("at:Q"), text=alt.Text("label:N"))
        )
    return _part(layers, width, height, panel.title)


# ------------------------------------------------------------------ bars

ABOVE: Final = 12
"""Schemes up to which a name stands above its bar on a wide page."""
BESIDE_STEP: Final = 17
"""Pixels from bar to bar where names stand beside them."""


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
            scale=dict(domain=list(labels), paddingInner=0.25),
            axis=dict(
                title=None, labelAngle=0, values=list(labels)[::every], labelOverlap=True,
                offset=0, domain=False,
            ),
        )  # fmt: skip
        y = alt.Y(
            "value:Q",
            scale=dict(domain=[low - room, high + room], nice=False),
            axis=dict(
                title=unit if i % per_row == 0 else None,
                tickCount=5,
                labelExpr="datum.value == 0 ? '0' : format(datum.value, '+,.3~r')",
            ),
        )
        bars = _chart(part).mark_bar().encode(
            x=x, y=y,
            color=alt.condition("datum.value > 0", alt.value(ORANGE), alt.value(NAVY)),
        )  # fmt: skip
        zero = _chart(pd.DataFrame({"value": [0.0]})).mark_rule(color=INK).encode(y=y)
        drawn.append(_part([bars, zero], inner, 170, name))
    return _beside(drawn, per_row)


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
    x = alt.X("value:Q", axis=None, scale=dict(domain=[0, high], nice=False))
    base = _chart(frame)
    bars = base.mark_bar(orient="horizontal", size=14).encode(
        x=x, x2=alt.X2Datum(0), y=y, color=alt.Color("colour:N", scale=None)
    )
    label = base.mark_text(align="left", dy=-17, fontSize=12.5, color=INK).encode(
        x=alt.value(0), y=y, text=alt.Text("name:N")
    )
    value = base.mark_text(align="left", dx=6, fontSize=12.5, color=INK).encode(
        x=x, y=y, text=alt.Text("words:N")
    )
    inner = width - 110
    return _layered([bars, label, value], inner, height)


def fitted(name: str, words: str, width: int) -> str:
    """``name: words`` above a bar, the name cut so that the words fit a width in pixels."""
    letters = int((width - 24) / 6.0)
    shown = f"{name}: {words}"
    if len(shown) <= letters:
        return shown
    return f"{name[: max(letters - len(words) - 3, 4)]}…: {words}"


def signed_bars(
    names: Sequence[str],
    values: Sequence[float],
    words: Sequence[str],
    width: int,
    among: Sequence[float] = (),
) -> Any:
    """Horizontal bars to both sides of nought, with the name above and the value beside the name.

    On a wide page names and values of many bars stand beside them, or they would fill more than a
    sheet of paper.

    Args:
        names: one for each bar, in the order in which they are drawn.
        values: above nought to the right in navy, below it to the left in orange.
        words: the values as text.
        width: of the page in pixels.
        among: values of all pictures of which this is one, so that all have one scale.
    """
    low, high = min([*values, *among, 0.0]), max([*values, *among, 0.0])
    span = (high - low) or 1.0
    beside = width >= NARROW and max(len(names), len(among)) > ABOVE
    step, first, size = (BESIDE_STEP, BESIDE_STEP // 2, 12) if beside else (42, 29, 13)
    height = step * len(names) + 4
    # Letters of this size are about six pixels wide; the bars keep two fifths of the width.
    of_words = 6.2 * max(map(len, words), default=0) + 12 if beside else 0
    left = min(6.0 * max(map(len, names)) + of_words, 0.6 * width) if beside else 0
    letters = int((left - of_words) / 6.0)
    frame = pd.DataFrame(
        {
            "row": [step * i + first for i in range(len(names))],
            "name": [n if len(n) <= letters else f"{n[: letters - 1].rstrip()}…" for n in names]
            if beside
            else [fitted(n, w, width) for n, w in zip(names, words, strict=True)],
            "words": list(words),
            "value": list(values),
            "colour": [NAVY if v >= 0 else ORANGE for v in values],
        }
    )
    y = _rows(height)
    x = alt.X("value:Q", axis=None, scale=dict(domain=[low, low + span], nice=False))
    base = _chart(frame)
    bars = base.mark_bar(orient="horizontal", size=size).encode(
        x=x, x2=alt.X2Datum(0), y=y, color=alt.Color("colour:N", scale=None)
    )
    # A tick beside each bar and no line through all of them, which would cross the names.
    zero = base.mark_tick(
        orient="vertical", color=INK, size=BESIDE_STEP if beside else 19, thickness=1.5
    ).encode(x=alt.XDatum(0), y=y)
    style: dict[str, Any] = (
        {"fontSize": 11.5, "baseline": "middle"} if beside else {"fontSize": 12.5, "dy": -17}
    )
    label = base.mark_text(align="left", color=INK, **style).encode(
        x=alt.value(-left), y=y, text=alt.Text("name:N")
    )
    layers = [bars, zero, label]
    if beside:
        layers.append(
            base.mark_text(align="right", color=INK, **style).encode(
                x=alt.value(-8), y=y, text=alt.Text("words:N")
            )
        )
    return _layered(layers, width - 24 - left, height)


def signed_bars_in_sheets(
    names: Sequence[str], values: Sequence[float], words: Sequence[str], width: int, height: int
) -> list[Any]:
    """The same bars in as many pictures as it takes, none taller than ``height`` pixels."""
    step = BESIDE_STEP if width >= NARROW and len(names) > ABOVE else 42
    most = max(1, (height - 16) // step)
    sheets = max(1, math.ceil(len(names) / most))
    each = max(1, math.ceil(len(names) / sheets))
    return [
        signed_bars(
            names[at : at + each], values[at : at + each], words[at : at + each], width, values
        )
        for at in range(0, len(names), each)
    ]


def _rows(height: int) -> Any:
    """A vertical axis in pixels from the top, for rows of a known height."""
    scale = dict(domain=[0, height], reverse=True, nice=False)
    return alt.Y("row:Q", axis=None, scale=scale)


# ------------------------------------------------------------------ schedule


def schedule(rows: pd.DataFrame, years: Sequence[int], width: int) -> Any:
    """When schemes are built and open.

    Args:
        rows: columns name, detail, spend_from, opens (academic years as int), colour, and the
            milestones consult_at, decide_at, notify_at, full_at (years since April; NaN: none); in
            the order in which they are drawn.
        years: first financial year to last academic year.
        width: of the page in pixels.
    """
    # Many schemes: the name beside its bar and not above it, or they would fill a sheet of paper.
    beside = width >= NARROW and len(rows) > ABOVE
    step, first, left = (23, 14, 356) if beside else (46, 33, 0)
    frame = rows.reset_index(drop=True).copy()
    height = step * len(frame) + 8
    frame["row"] = [step * i + first for i in range(len(frame))]
    end = float(years[-1] + 1)
    frame["when"] = [f"Sept {y}" for y in frame["opens"]]
    # The academic year begins five twelfths into the financial year.
    frame["open_at"] = frame["opens"] + 5 / 12
    frame["end"] = end + 5 / 12
    letters = int(((left - 6) if beside else width - 20) / (5.2 if beside else 6.1))
    dot = " \N{MIDDLE DOT} "
    details = [f"{dot}{d}" if width >= NARROW else "" for d in frame["detail"]]
    frame["label"] = [
        name + detail if len(name + detail) <= letters
        else f"{name[: max(letters - len(detail) - 1, 12)].rstrip()}…{detail}"
        for name, detail in zip(frame["name"], details, strict=True)
    ]  # fmt: skip
    frame["ink"] = frame["colour"].map(lambda c: ON_COLOUR.get(c, INK))
    low, high = min(float(years[0]), float(frame["consult_at"].min()) - 0.05), end + 5 / 12
    ticks = list(range(math.ceil(low), years[-1] + 2))
    every = 3 if width < NARROW else 2 if beside else 1
    y = _rows(height)
    axis = dict(
        title=None, values=ticks[::every], labelAngle=0, grid=True, orient="top",
        labelExpr="'Apr ' + format(datum.value, 'd')",
    )  # fmt: skip
    x = alt.X("spend_from:Q", scale=dict(domain=[low, high], nice=False), axis=axis)
    base = _chart(frame)
    building = base.mark_bar(
        orient="horizontal", size=17, fillOpacity=0.15, strokeDash=[3, 2], strokeWidth=1.2
    ).encode(
        x=x, x2=alt.X2("open_at:Q"), y=y,
        color=alt.Color("colour:N", scale=None), stroke=alt.Stroke("colour:N", scale=None),
    )  # fmt: skip
    opened = base.mark_bar(orient="horizontal", size=18).encode(
        x=alt.X("open_at:Q"), x2=alt.X2("end:Q"), y=y, color=alt.Color("colour:N", scale=None)
    )
    before_building = base.mark_rule(color=CHARCOAL, strokeWidth=4).encode(
        x=alt.X("consult_at:Q"), x2=alt.X2("decide_at:Q"), y=y
    )
    notified = base.mark_point(
        shape="diamond", filled=True, size=55, color="#ffffff", stroke=INK, strokeWidth=1.6,
        opacity=1,
    ).encode(x=alt.X("notify_at:Q"), y=y)  # fmt: skip
    filled = (
        base.transform_filter(alt.datum.full_at < alt.datum.end)
        .mark_rule(color="#ffffff", strokeWidth=3, strokeDash=[3, 2], yOffset=-9, y2Offset=9)
        .encode(x=alt.X("full_at:Q"), y=y, y2=alt.Y2("row:Q"))
    )
    inner = width - 24 - left
    per_year = inner / (high - low)
    # The words stand clear of the mark at which all places are on offer.
    letters_wide = 66 / per_year
    hidden = (frame["full_at"] - frame["open_at"] < letters_wide) & (
        frame["full_at"] < frame["end"]
    )
    frame["word_at"] = frame["full_at"].where(hidden, frame["open_at"])
    # A word before its bar stands before all that leads up to it, where it would lie on a mark.
    before_it = frame[["open_at", "notify_at", "spend_from", "consult_at"]].min(axis=1)
    roomy = frame[["open_at", "notify_at"]].min(axis=1)
    lies_on_line = frame["decide_at"] > roomy - letters_wide
    frame["clear_at"] = before_it.where(lies_on_line, roomy)
    base = _chart(frame)
    inside = alt.datum.end - alt.datum.word_at > letters_wide
    text = (
        base.transform_filter(inside)
        .mark_text(align="left", dx=5, fontSize=12)
        .encode(
            x=alt.X("word_at:Q"), y=y, text=alt.Text("when:N"), color=alt.Color("ink:N", scale=None)
        )
    )
    before = (
        base.transform_filter(alt.datum.end - alt.datum.word_at <= letters_wide)
        .mark_text(align="right", dx=-9, fontSize=12, color=INK)
        .encode(x=alt.X("clear_at:Q"), y=y, text=alt.Text("when:N"))
    )
    words: dict[str, Any] = (
        {"baseline": "middle", "fontSize": 11.5} if beside else {"dy": -19, "fontSize": 12.5}
    )
    name = base.mark_text(align="left", color=INK, **words).encode(
        x=alt.value(-left), y=y, text=alt.Text("label:N")
    )
    layers = [building, opened, before_building, notified, filled, text, before, name]
    return _layered(layers, inner, height)


# ------------------------------------------------------------------ shares of a whole


def shares(
    rows: Sequence[tuple[str, Sequence[tuple[str, Mapping[str, float]]]]], width: int
) -> Any:
    """Bars that add up to the whole of a category, one for each of a few years.

    Args:
        rows: (category, [(year, group to children)]).
        width: of the page in pixels.
    """
    narrow = width < NARROW
    left, right = (52, 42) if narrow else (232, 48)
    head = 19 if narrow else 0
    parts: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    y = 0.0
    for name, bars in rows:
        if narrow:
            words.append({"row": y + 9, "text": name, "x": -left, "bold": True})
        else:
            middle = y + (len(bars) * 17 - 3) / 2
            words.append({"row": middle, "text": _wrap(name, 26), "x": -left, "bold": True})
        y += head
        for year, values in bars:
            whole = sum(values.values())
            words.append({"row": y + 7, "text": year, "x": -52, "bold": False})
            at = 0.0
            for group, colour in COLOURS.items():
                share = values.get(group, 0.0) / whole if whole > 0 else 0.0
                if share <= 0:
                    continue
                parts.append({
                    "row": y + 7, "low": at, "high": at + share, "middle": at + share / 2,
                    "colour": colour, "ink": ON_COLOUR.get(colour, INK),
                    "text": f"{share:.0%}" if share >= (0.13 if narrow else 0.055) else "",
                })  # fmt: skip
                at += share
            words.append({"row": y + 7, "text": f"{whole:,.0f}", "x": None, "bold": False})
            y += 17
        y += 10
    scale = dict(domain=[0, 1], nice=False)
    rows_axis = _rows(round(y))
    base = _chart(pd.DataFrame(parts))
    inner = width - left - right
    bars_layer = base.mark_bar(orient="horizontal", size=14, stroke="#ffffff").encode(
        x=alt.X("low:Q", scale=scale, axis=None), x2=alt.X2("high:Q"), y=rows_axis,
        color=alt.Color("colour:N", scale=None),
    )  # fmt: skip
    said = _chart(pd.DataFrame([p for p in parts if p["text"]]))
    text = said.mark_text(fontSize=11, baseline="middle").encode(
        x=alt.X("middle:Q"),
        y=rows_axis,
        text=alt.Text("text:N"),
        color=alt.Color("ink:N", scale=None),
    )
    layers = [bars_layer, text]
    for bold in (True, False):
        frame = pd.DataFrame([w for w in words if w["bold"] == bold and w["x"] is not None])
        layers += _words_at(frame, rows_axis, "bold" if bold else "normal")
    ends = pd.DataFrame([w for w in words if w["x"] is None])
    layers.append(
        _chart(ends)
        .mark_text(align="left", baseline="middle", fontSize=11.5, color=INK, dx=5)
        .encode(x=alt.value(inner), y=rows_axis, text=alt.Text("text:N"))
    )
    return _layered(layers, inner, round(y))


def _words_at(frame: pd.DataFrame, rows_axis: Any, weight: str) -> list[Any]:
    """Words whose place is given in pixels from the left edge of the plot (``x``, below zero)."""
    layers = []
    for at, part in frame.groupby("x"):
        layers.append(
            _chart(part)
            .mark_text(
                align="left", baseline="middle", fontSize=12 if weight == "bold" else 11.5,
                fontWeight="bold" if weight == "bold" else "normal", color=INK, lineBreak="\n",
                lineHeight=13,
            )
            .encode(x=alt.value(float(str(at))), y=rows_axis, text=alt.Text("text:N"))
        )  # fmt: skip
    return layers


# ------------------------------------------------------------------ flows

STAYS, JOINS = "#b1b4b6", "#6f777b"
"""Colour of children who stay in their kind of provision, and of those whose plan is new."""


def flows(table: pd.DataFrame, width: int) -> Any:
    """Children from kind to kind: left where they were, right where they go.

    Args:
        table: columns came, goes (groups; came may be "New plan"), children, all above zero.
        width: of the page in pixels.
    """
    narrow = width < NARROW
    room = 104 if narrow else 215
    height = 300.0
    order = ["New plan", *COLOURS]
    whole = float(table["children"].sum())
    gap = 12.0
    sides: dict[str, dict[str, tuple[float, float]]] = {}
    most = max(table["came"].nunique(), table["goes"].nunique())
    per_child = (height - gap * (most - 1)) / whole
    labels: list[dict[str, Any]] = []
    nodes: list[dict[str, Any]] = []
    for side, column, x in (("left", "came", 0.0), ("right", "goes", 1.0)):
        totals = table.groupby(column)["children"].sum()
        names = [n for n in order if n in totals.index]
        used = float(totals.sum()) * per_child + gap * (len(names) - 1)
        at = (height - used) / 2
        sides[side] = {}
        for name in names:
            tall = float(totals[name]) * per_child
            sides[side][name] = (at, tall)
            nodes.append({"x": x, "row": at, "row2": at + max(tall, 1.0),
                          "colour": JOINS if name == "New plan" else COLOURS[name]})  # fmt: skip
            at += tall + gap
        middles = [sides[side][n][0] + sides[side][n][1] / 2 for n in names]
        placed = spread(middles, 42 if narrow else 17)
        for name, pixel in zip(names, placed, strict=True):
            count = fmt.count(float(totals[name]))
            text = _wrap(f"{name} {count}", 15) if narrow else f"{name}  {count}"
            labels.append({"x": x, "row": pixel, "text": text})
    taken = {side: {n: y for n, (y, _) in found.items()} for side, found in sides.items()}
    steps = [i / 24 for i in range(25)]
    ribbons: list[dict[str, Any]] = []
    rank = {n: i for i, n in enumerate(order)}
    listed = table.assign(a=table["came"].map(rank), b=table["goes"].map(rank))
    for came, goes, children in zip(
        *(listed.sort_values(["a", "b"])[c] for c in ("came", "goes", "children")), strict=True
    ):
        thick = float(children) * per_child
        start, end = taken["left"][came], taken["right"][goes]
        taken["left"][came] += thick
        taken["right"][goes] += thick
        colour = JOINS if came == "New plan" else STAYS if came == goes else COLOURS[came]
        for x in steps:
            # Flat at both ends, so that a ribbon leaves and meets its node at a right angle.
            bend = x * x * (3 - 2 * x)
            top = start + (end - start) * bend
            ribbons.append({"x": x, "row": top, "row2": top + max(thick, 0.6),
                            "flow": f"{came}>{goes}", "colour": colour})  # fmt: skip
    low = min(0.0, *(float(e["row"]) for e in labels))
    high = max(height, *(float(e["row"]) for e in labels))
    scale = dict(domain=[low, high], reverse=True, nice=False)
    y = alt.Y("row:Q", axis=None, scale=scale)
    x_axis = alt.X("x:Q", axis=None, scale=dict(domain=[0, 1], nice=False))
    moving = pd.DataFrame(ribbons)
    layers: list[Any] = []
    for quiet in (True, False):
        part = moving[moving["colour"].isin((STAYS, JOINS)) == quiet]
        if part.empty:
            continue
        layers.append(
            _chart(part)
            .mark_area(opacity=0.55 if quiet else 0.85, line=False)
            .encode(x=x_axis, y=y, y2=alt.Y2("row2:Q"), detail=alt.Detail("flow:N"),
                    color=alt.Color("colour:N", scale=None))
        )  # fmt: skip
    ends = pd.DataFrame(nodes)
    words = pd.DataFrame(labels)
    sides_of: tuple[tuple[float, Literal["left", "right"], int], ...] = (
        (0.0, "right", -1), (1.0, "left", 1),
    )  # fmt: skip
    for x, align, shift in sides_of:
        layers.append(
            _chart(ends[ends["x"] == x])
            .mark_bar(size=9, xOffset=5 * shift, orient="vertical")
            .encode(x=x_axis, y=y, y2=alt.Y2("row2:Q"), color=alt.Color("colour:N", scale=None))
        )
        layers.append(
            _chart(words[words["x"] == x])
            .mark_text(align=align, baseline="middle", dx=13 * shift, fontSize=12, color=INK,
                       lineBreak="\n", lineHeight=13)
            .encode(x=x_axis, y=y, text=alt.Text("text:N"))
        )  # fmt: skip
    return _layered(layers, width - 2 * room - 4, round(high - low))


# ------------------------------------------------------------------ steps and ranges


def waterfall(steps: Sequence[tuple[str, float, float, str, str]], width: int) -> Any:
    """Bars from one total to another, each beginning where the one before ended.

    Args:
        steps: (name, start, end, colour, words) from top to bottom; totals start at zero.
        width: of the page in pixels.
    """
    row_height = 40
    frame = pd.DataFrame(
        [
            {"row": row_height * i + 27, "name": name, "low": min(a, b), "high": max(a, b),
             "end": b, "words": words, "colour": colour}
            for i, (name, a, b, colour, words) in enumerate(steps)
        ]
    )  # fmt: skip
    height = row_height * len(frame) + 2
    low, high = min(float(frame["low"].min()), 0.0), float(frame["high"].max())
    y = _rows(height)
    x = alt.X("low:Q", axis=None, scale=dict(domain=[low, high or 1.0], nice=False))
    base = _chart(frame)
    joins = frame.iloc[:-1].assign(row2=frame["row"].iloc[1:].to_numpy())
    inner = width - 104
    return _layered(
        [
            base.mark_bar(orient="horizontal", size=15).encode(
                x=x, x2=alt.X2("high:Q"), y=y, color=alt.Color("colour:N", scale=None)
            ),
            _chart(joins).mark_rule(color=INK, strokeDash=[2, 2]).encode(
                x=alt.X("end:Q"), y=y, y2=alt.Y2("row2:Q")
            ),
            base.mark_text(align="left", dy=-17, fontSize=12.5, color=INK).encode(
                x=alt.value(0), y=y, text=alt.Text("name:N")
            ),
            base.mark_text(align="left", dx=6, fontSize=12.5, color=INK).encode(
                x=alt.X("high:Q"), y=y, text=alt.Text("words:N")
            ),
        ],
        inner,
        height,
    )  # fmt: skip


def ranges(
    rows: Sequence[tuple[str, float, float, float, str]], width: int, unit: str, number_format: str
) -> Any:
    """A bar from the least to the greatest value, with a mark for the plan as it is.

    Names stand above their bars; those of many bars on a wide page beside them.

    Args:
        rows: (name, low, middle, high, words).
        width: of the page in pixels.
        unit: of the axis.
        number_format: d3 format of the axis.
    """
    beside = width >= NARROW and len(rows) > ABOVE
    row_height, first = (BESIDE_STEP, BESIDE_STEP // 2) if beside else (42, 28)
    left = min(6.0 * max(len(name) for name, *_ in rows) + 8, 0.5 * width) if beside else 0.0
    frame = pd.DataFrame(
        [
            {"row": row_height * i + first, "name": name, "low": low, "middle": middle,
             "high": high, "words": words}
            for i, (name, low, middle, high, words) in enumerate(rows)
        ]
    )  # fmt: skip
    height = row_height * len(frame) + 4
    least = min(float(frame["low"].min()), 0.0)
    most = max(float(frame["high"].max()), 0.0)
    room = (most - least or 1.0) * 0.02
    y = _rows(height)
    x = alt.X(
        "low:Q",
        scale=dict(domain=[least - room, most + room], nice=False),
        axis=dict(
            title=unit, tickCount=4 if width < NARROW else 8,
            labelExpr=f"datum.value == 0 ? '0' : format(datum.value, '{number_format}')",
        ),
    )  # fmt: skip
    base = _chart(frame)
    inner = width - 24 - left
    thick, long = (10, BESIDE_STEP - 3) if beside else (13, 20)
    letters: dict[str, Any] = (
        {"fontSize": 11.5, "baseline": "middle"} if beside else {"fontSize": 12.5, "dy": -17}
    )
    return _layered(
        [
            # At each bar and not through all of them, which would cross the names.
            base.mark_tick(orient="vertical", color=INK, size=long - 1, thickness=1.5).encode(
                x=alt.XDatum(0), y=y
            ),
            base.mark_bar(orient="horizontal", size=thick, color=SHADES[0]).encode(
                x=x, x2=alt.X2("high:Q"), y=y
            ),
            base.mark_tick(orient="vertical", size=long, thickness=3, color=NAVY).encode(
                x=alt.X("middle:Q"), y=y
            ),
            base.mark_text(align="left", color=INK, **letters).encode(
                x=alt.value(-left), y=y, text=alt.Text("name:N")
            ),
        ],
        inner,
        height,
    )  # fmt: skip


def bands(
    names: Sequence[str],
    series: Sequence[tuple[str, Sequence[float], str]],
    guides: Sequence[tuple[int, str]],
    width: int,
    axis_title: str,
) -> Any:
    """Columns side by side in bands of an axis, with guides between bands.

    Args:
        names: of the bands.
        series: (label, value of each band, colour); the last one carries its numbers.
        guides: (band at whose right edge the guide stands, words).
        width: of the page in pixels.
        axis_title: of the vertical axis.
    """
    narrow = width < NARROW
    # Wide columns: five figures must fit over one of three.
    each = 0.92 / len(series)
    rows = [
        {"x": i + 0.04 + k * each, "x2": i + 0.04 + (k + 1) * each, "middle": i + 0.04 + (k + 0.5)
         * each, "value": float(v), "colour": colour, "last": k == len(series) - 1,
         "text": f"{v:,.0f}"}
        for k, (_, values, colour) in enumerate(series)
        for i, v in enumerate(values)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    top = max(float(frame["value"].max()), 1.0) * 1.22
    across = dict(domain=[0, len(names)], nice=False)
    shown = [n.replace("up to ", "0\N{EN DASH}").replace(" to ", "\N{EN DASH}") for n in names]
    axis = dict(
        title="Minutes one way", values=[i + 0.5 for i in range(len(names))], ticks=False,
        grid=False, labelExpr=json.dumps(shown) + "[floor(datum.value)]", labelOverlap=False,
        labelPadding=4, labelFontSize=10.5 if narrow else 12,
    )  # fmt: skip
    x = alt.X("x:Q", scale=across, axis=axis)
    y = alt.Y("value:Q", scale=dict(domain=[0, top], nice=False),
              axis=dict(title=axis_title, tickCount=4, format=",.0f"))  # fmt: skip
    base = _chart(frame)
    marks = pd.DataFrame([{"x": at + 1.0, "text": words} for at, words in guides])
    layers = [
        base.mark_rect().encode(x=x, x2=alt.X2("x2:Q"), y=y, y2=alt.Y2Datum(0),
                                color=alt.Color("colour:N", scale=None)),
        _chart(marks).mark_rule(color=INK, strokeDash=[2, 3]).encode(x=x),
        _chart(marks).mark_text(align="left", baseline="top", dx=4, fontSize=11, color=INK,
                                   lineBreak="\n").encode(
            x=x, y=alt.value(0), text=alt.Text("text:N")),
    ]  # fmt: skip
    written = _chart(frame if not narrow else frame[frame["last"]]).encode(
        x=alt.X("middle:Q"), y=y, text=alt.Text("text:N")
    )
    layers.append(written.mark_text(baseline="bottom", dy=-2, fontSize=10.5, color=INK))
    return _layered(layers, width - 70, 210)


# ------------------------------------------------------------------ what money buys


def frontier(
    across: Sequence[float],
    values: Sequence[float],
    mark: tuple[float, float],
    mark_label: str,
    width: int,
    x_title: str,
    y_title: str,
) -> Any:
    """Dots joined by steps: what each amount reaches, and holds until the next one.

    Args:
        across, values: of the dots, in rising order of ``across``.
        mark: another point to compare with, and its label.
        mark_label: beside it.
        width: of the page in pixels.
        x_title, y_title: of the axes.
    """
    narrow = width < NARROW
    frame = pd.DataFrame({"x": list(across), "y": list(values)})
    frame["text"] = [str(i + 1) for i in range(len(frame))]
    right = max([*across, mark[0], 1e-9]) * 1.06
    top = max([*values, mark[1], 1e-9]) * 1.12
    x = alt.X(
        "x:Q", scale=alt.Scale(domain=[0, right], nice=False),
        axis=alt.Axis(title=x_title, tickCount=4 if narrow else 8, format=",.3~r"),
    )  # fmt: skip
    y = alt.Y(
        "y:Q", scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(title=_wrap(y_title, 34).split("\n") if narrow else y_title, tickCount=5,
                      format=",.3~r"),
    )  # fmt: skip
    other = pd.DataFrame({"x": [mark[0]], "y": [mark[1]], "text": [mark_label]})
    # No plan lies below the steps, so there is room for the label above the mark; it runs inwards.
    side: dict[str, Any] = (
        {"align": "right", "dx": 8} if mark[0] > right / 2 else {"align": "left", "dx": -8}
    )
    base = _chart(frame).encode(x=x, y=y)
    layers = [
        base.mark_line(interpolate="step-after", color=SHADES[1], strokeWidth=2),
        base.mark_point(filled=True, size=90, opacity=1, color=NAVY),
        base.mark_text(align="left", baseline="bottom", dx=6, dy=-5, fontSize=12, color=INK)
        .encode(text="text:N"),
        _chart(other).mark_point(filled=True, shape="diamond", size=130, opacity=1,
                                    color=ORANGE).encode(x="x:Q", y="y:Q"),
        _chart(other).mark_text(baseline="bottom", dy=-10, fontSize=12, color=INK, **side)
        .encode(x="x:Q", y="y:Q", text="text:N"),
    ]  # fmt: skip
    return _layered(layers, width - 90, 300)
