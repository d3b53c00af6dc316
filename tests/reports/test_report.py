"""The report: one page, nothing fetched, numbers of the tables, failures in red, names escaped."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
import vl_convert

from sufficiency.pipeline import optimise, write_results
from sufficiency.problems import InputError
from sufficiency.reports import charts, place_map, write_report
from sufficiency.reports.blocks import HeatMap, HeatRow
from sufficiency.reports.facts import Run
from sufficiency.reports.sections import sections
from sufficiency.reports.sections.children import _gap_map, _schemes_sentence
from sufficiency.reports.sections.provision import vacancy
from sufficiency.vocabulary import KINDS, STATEMENT
from tests import tiny
from tests.reports.browser import Browser, chromium
from tests.reports.conftest import SCRIPT


class Page(HTMLParser):
    """Elements and text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._style = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.words.append(data)

    @property
    def text(self) -> str:
        # Word joiners only say where a line may not break.
        return re.sub(r"\s+", " ", " ".join(self.words)).replace("\u2060", "")


def read(folder: Path) -> tuple[str, Page]:
    source = (folder / "report.html").read_text(encoding="utf-8")
    return source, Page(source)


def change_stamp(folder: Path, **changes: Any) -> None:
    stamp = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(stamp.get(key), dict):
            stamp[key].update(value)
        elif value is None:
            stamp.pop(key, None)
        else:
            stamp[key] = value
    (folder / "run.json").write_text(json.dumps(stamp), encoding="utf-8")


def change_table(folder: Path, name: str, frame: pd.DataFrame) -> None:
    frame.to_parquet(folder / "tables" / f"{name}.parquet", index=False)


# ------------------------------------------------------------------ what stands on the page


def test_page_asks_for_nothing(made: Path) -> None:
    source, page = read(made)
    assert "<script" not in source.lower()
    assert not [t for t, _ in page.elements if t in ("script", "link", "iframe", "object", "img")]
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "data", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith("#"), (tag, name, value)
    assert not re.search(r"url\(\s*['\"]?(?!#)", source)
    assert "@import" not in source


def test_ids_are_unique_and_links_lead_somewhere(made: Path) -> None:
    _, page = read(made)
    ids = Counter(a["id"] for _, a in page.elements if a.get("id"))
    assert [i for i, n in ids.items() if n > 1] == []
    targets = [str(a["href"])[1:] for t, a in page.elements if t == "a" and a.get("href")]
    assert [t for t in targets if t not in ids] == []


def test_statement_and_internal_mark_stand(made: Path) -> None:
    _, page = read(made)
    assert STATEMENT in page.text
    assert "INTERNAL: contains small numbers; not for publication" in page.text


def test_questions_come_in_order_and_titles_are_short(made: Path) -> None:
    found = sections(Run.read(made))
    assert len(found) == 18
    assert all(s.question.endswith("?") for s in found)
    for section in found:
        assert section.answer
        for block in section.blocks:
            if block.kind == "figure":
                assert len(block.title.split()) <= 10 or SCRIPT in block.title, block.title
                assert block.alt


def test_figures_are_described(made: Path) -> None:
    _, page = read(made)
    drawn = [a for t, a in page.elements if t == "svg" and a.get("role") == "img"]
    assert len(drawn) >= 16
    assert all(a.get("aria-label") for a in drawn)


def test_charts_keep_to_their_schema(small_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing skips the check, which takes as long as the drawing; it is made here."""
    checked = []

    def check(chart: Any) -> str:
        specification = chart.to_dict(validate=True)
        checked.append(specification["config"]["font"])
        return str(vl_convert.vegalite_to_svg(specification))

    monkeypatch.setattr(charts, "render", check)
    for section in sections(Run.read(small_run)):
        for block in section.blocks:
            if block.kind == "figure":
                assert block.draw(1000).startswith("<svg")
                assert block.draw(370).startswith("<svg")
    assert len(checked) > 30


def test_tables_have_scopes_and_captions(made: Path) -> None:
    _, page = read(made)
    heads = [a for t, a in page.elements if t == "th"]
    scopes = ("col", "row", "colgroup", "rowgroup")
    assert heads and all(a.get("scope") in scopes for a in heads)
    tags = Counter(t for t, _ in page.elements)
    assert tags["table"] == tags["caption"] > 10


def test_all_ten_kinds_stand_in_the_table(made: Path) -> None:
    _, page = read(made)
    assert all(name in page.text for name in KINDS.values())


def test_names_are_text(made: Path) -> None:
    source, page = read(made)
    assert SCRIPT in page.text
    assert "<b>" not in source
    assert "&lt;script&gt;" in source


def test_every_rule_stands_with_its_source(made: Path) -> None:
    _, page = read(made)
    rules = json.loads((made / "inputs" / "rules.json").read_text(encoding="utf-8"))
    for key, entry in rules.items():
        assert re.sub(r"\s+", " ", entry["source"]) in page.text, key


def test_page_is_small(made: Path) -> None:
    assert (made / "report.html").stat().st_size < 2_000_000
    assert not list(made.glob("*.unfinished"))


# ------------------------------------------------------------------ numbers equal the tables


def test_headline_equals_the_tables(made: Path) -> None:
    _, page = read(made)
    mix = pd.read_csv(made / "tables" / "mix.csv")
    now = mix.loc[mix["academic_year"] == "2025/26", "children"].sum()
    then = mix.loc[mix["academic_year"] == "2029/30", "children"].sum()
    assert f"Tinyshire has {now:.0f} children and young people with a plan" in page.text
    assert f"expects {then:.0f} in 2029/30" in page.text
    gaps = pd.read_csv(made / "tables" / "gaps.csv")
    last = gaps[gaps["academic_year"] == "2029/30"]
    needing, local = last["children_needing"].sum(), last["in_local_state_places"].sum()
    before = last["in_local_state_places_without_schemes"].sum()
    assert f"{needing:.0f} of them need more than a mainstream class" in page.text
    assert f"{local:.0f} ({local / needing:.0%}) have a local state place" in page.text
    assert f"against {before:.0f} ({before / needing:.0%}) if only" in page.text
    schemes = pd.read_csv(made / "tables" / "schemes.csv")
    assert f"One of {len(schemes)} schemes opens: Extension of" in page.text


@pytest.mark.parametrize("ledger", ["dsg", "general_fund", "capital"])
def test_ledgers_equal_the_tables(made: Path, ledger: str) -> None:
    _, page = read(made)
    row = {"dsg": "Dedicated Schools Grant", "general_fund": "General fund", "capital": "Capital"}

    def total(folder: str) -> float:
        table = pd.read_csv(made / folder / "ledger.csv")
        mine = table[table["complete"] & (table["ledger"] == ledger)]
        return float(mine["pounds"].sum())

    ours, theirs = total("tables"), total("without_schemes")
    largest = max(
        total_of
        for folder in ("tables", "without_schemes")
        for total_of in pd.read_csv(made / folder / "ledger.csv")
        .query("complete")
        .groupby("ledger")["pounds"]
        .sum()
    )
    divisor, decimals = (1e6, 2) if largest >= 1e6 else (1e3, 0)
    shown = f"{row[ledger]} {ours / divisor:,.{decimals}f} {theirs / divisor:,.{decimals}f}"
    assert shown in page.text


def test_no_sum_of_the_three_ledgers(made: Path) -> None:
    run = Run.read(made)
    whole = sum(run.totals.values())
    _, page = read(made)
    assert f"£{whole:,.0f}" not in page.text
    assert "no total is given" in page.text


def test_incomplete_year_stands_apart(made: Path) -> None:
    _, page = read(made)
    assert "2030-31 (incomplete)" in page.text


# ------------------------------------------------------------------ failures


def test_audit_failure_is_a_red_banner(run: Path) -> None:
    change_stamp(run, audit={"passed": False, "differences": ["mix: <i>5</i> against 4."] * 30})
    write_report(run)
    source, page = read(run)
    classes = [str(a.get("class")) for _, a in page.elements]
    assert "banner failed" in classes
    assert "running alarm" in classes
    assert "This plan failed the independent audit" in page.text
    assert "mix: <i>5</i> against 4." in page.text
    assert "<i>" not in source
    assert "18 more" in page.text


def test_passed_audit_has_no_banner(run: Path) -> None:
    change_stamp(run, audit={"passed": True, "differences": []})
    write_report(run)
    _, page = read(run)
    assert not [a for _, a in page.elements if str(a.get("class")).startswith("banner")]
    assert "found no difference" in page.text


def test_missing_audit_is_a_red_banner(run: Path) -> None:
    change_stamp(run, audit=None)
    write_report(run)
    assert "This plan was not audited" in read(run)[1].text


@pytest.mark.parametrize(
    ("solver", "words"),
    [
        ({"interrupted": True, "status": "interrupted"}, "The search was interrupted"),
        ({"status": "time limit"}, "The search reached its time limit"),
    ],
)
def test_early_end_is_said(run: Path, solver: dict[str, Any], words: str) -> None:
    change_stamp(run, solver={**solver, "gap": 0.0321, "gap_asked": 0.01})
    write_report(run)
    text = read(run)[1].text
    assert words in text
    assert "3.21%" in text
    assert "best plan found so far" in text


def test_what_whole_children_cost_is_said_where_they_are_placed(run: Path) -> None:
    write_report(run)
    assert "Cost of whole children" not in read(run)[1].text
    solver = json.loads((run / "run.json").read_text(encoding="utf-8"))["solver"]
    objective = solver["objective_pounds"]
    told = {
        "cost_pounds": 0.01 * objective,
        "rounded_shares_pounds": 0.99 * objective,
        "exact_shares_pounds": 0.98 * objective,
    }
    change_stamp(run, solver={**solver, "whole_children": True, "rounding": told})
    write_report(run)
    text = read(run)[1].text
    assert f"Cost of whole children at most £{0.01 * objective:,.0f} (1.000%)" in text
    assert f"Expected shares, no preference rounded £{0.98 * objective:,.0f}" in text


def test_unmet_need_is_a_failure(run: Path) -> None:
    mix = pd.read_parquet(run / "tables" / "mix.parquet")
    mix.loc[(mix["kind"] == "unmet") & (mix["academic_year"] == "2028/29"), "children"] = 7.0
    change_table(run, "mix", mix)
    write_report(run)
    source, page = read(run)
    assert "in 2028/29, 7 children would have no suitable place" in page.text
    assert "failure to be solved, never a saving" in page.text
    assert "No suitable place" in source


# ------------------------------------------------------------------ runs with something missing


def test_run_without_schemes_boundary_and_places(tmp_path: Path) -> None:
    loaded = tiny.world(
        years=2,
        provisions=[tiny.provision("M", "mainstream"), tiny.provision("I", "independent_special")],
        commissioned=tiny.places(("M", 100)),
        today=tiny.children(("A", "ASD", 1, 3, "M", 2.0)),
        projected=tiny.forecast(
            ("2026/27", "A", "ASD", 1, 4, 2.0), ("2027/28", "A", "ASD", 1, 5, 2.0)
        ),
    )
    plan = optimise(loaded, threads=1)
    write_results(plan, loaded, tmp_path / "run", report=True)
    _, page = read(tmp_path / "run")
    assert "No scheme was put forward" in page.text
    assert "No child is expected to need more than a mainstream class" in page.text
    assert "so there is no map" not in page.text


def test_run_without_comparison_or_marginal_values(run: Path) -> None:
    shutil.rmtree(run / "without_schemes")
    values = pd.read_parquet(run / "tables" / "marginal_values.parquet")
    change_table(run, "marginal_values", values.assign(pounds=float("nan")))
    for name in ("boundary.geojson", "candidate_sites.csv", "budgets.csv"):
        (run / "inputs" / name).unlink(missing_ok=True)
    write_report(run)
    text = read(run)[1].text
    assert "this run cannot say what one more place is worth" in text
    assert "No boundary was supplied" in text
    assert "committed schemes only, and the difference" not in text


def test_run_without_numbers_of_places(run: Path) -> None:
    table = pd.read_parquet(run / "tables" / "occupancy.parquet")
    unlimited = table.assign(commissioned_places=float("nan"), vacant=float("nan"))
    change_table(run, "occupancy", unlimited.assign(over_capacity=0.0, beyond_limit=0.0))
    write_report(run)
    text = read(run)[1].text
    assert "No provision has a number of commissioned places" in text
    assert " nan" not in text.lower()


def test_run_with_empty_tables(run: Path) -> None:
    for name in ("gaps", "transfers", "travel_summary", "limits", "unmet", "schemes", "capital",
                 "marginal_values"):  # fmt: skip
        frame = pd.read_parquet(run / "tables" / f"{name}.parquet")
        change_table(run, name, frame.head(0))
    write_report(run)
    text = read(run)[1].text
    assert "No journey is known" in text
    assert "No child reaches a phase transfer" in text


def test_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run\.json"):
        write_report(tmp_path)


def test_damaged_table_is_named(run: Path) -> None:
    (run / "tables" / "mix.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"mix\.parquet"):
        write_report(run)


# ------------------------------------------------------------------ in a browser, network off


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("no Chromium found: install chromium to run the browser tests")
    opened = Browser(program)
    yield opened
    opened.close()


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_page_in_a_browser(browser: Browser, made: Path, width: int) -> None:
    browser.open(made / "report.html", width)
    assert browser.errors == []
    assert browser.requests == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("document.title").startswith("Tiny <script>")
    shown = browser.evaluate(
        "[...document.querySelectorAll('figure svg[role=img]')]"
        ".filter(s => s.getClientRects().length).map(s => s.getBoundingClientRect().width)"
    )
    assert shown and all(50 < w <= width for w in shown)
    smallest = browser.evaluate(
        "Math.min(...[...document.querySelectorAll('figure svg[role=img] text')]"
        ".filter(t => t.getClientRects().length && t.textContent.trim())"
        ".map(t => [t.getScreenCTM(), parseFloat(getComputedStyle(t).fontSize)])"
        ".map(([m, size]) => size * Math.hypot(m.a, m.b)))"
    )
    assert smallest >= 8.5


def test_browser_would_notice(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<img src='http://example.invalid/x.png'><script>console.error('no')</script>"
        "<div style='width:2000px'>x</div>"
    )
    browser.open(page, 390)
    assert browser.requests
    assert browser.errors
    assert browser.evaluate("document.documentElement.scrollWidth") > 390


# ------------------------------------------------------------------ nothing overlaps or is cut

LOOK = """(() => {
  const bad = [];
  const shown = e => e.getClientRects().length && e.textContent.trim();
  for (const svg of document.querySelectorAll('figure .wide > svg, figure .narrow > svg')) {
    if (!svg.getClientRects().length) continue;
    const name = svg.closest('figure').querySelector('.chart-title').textContent;
    const frame = svg.getBoundingClientRect();
    const marks = [...svg.querySelectorAll('path, rect, circle, line')].filter(
      m => !m.closest('.tip') && m.getBoundingClientRect().width + m.getBoundingClientRect().height
           > 1 && getComputedStyle(m).fill + getComputedStyle(m).stroke !== 'nonenone');
    if (!marks.length) bad.push('empty: ' + name);
    const boxes = [...svg.querySelectorAll('text')].filter(t => shown(t) && !t.closest('.tip'))
      .flatMap(t => t.querySelector('tspan') ? [...t.querySelectorAll('tspan')] : [t])
      .map(t => [t.textContent.trim(), t.getBoundingClientRect()]);
    // Small signs, and lines that are dark and upright: on a word they strike it out.
    const signs = svg.closest('figure').querySelector('.spot') ? [] : marks
      .map(m => [getComputedStyle(m), m.getBoundingClientRect()])
      .filter(([s, b]) => (b.width < 14 && b.height < 14 && b.width > 5 && b.height > 5)
        || (b.width < 3 && b.height > 9 && s.strokeDasharray === 'none'
            && [s.stroke, s.fill].includes('rgb(11, 12, 12)')));
    for (const [, m] of signs) for (const [words, b] of boxes) {
      const [wide, high] = [Math.min(m.right, b.right) - Math.max(m.left, b.left),
                            Math.min(m.bottom, b.bottom) - Math.max(m.top, b.top)];
      if (wide > Math.min(2, m.width / 2) && high > 5 && m.left > b.left + 1
          && m.right < b.right - 1) bad.push('struck: ' + name + ': ' + words);
    }
    // Thick level lines, such as those of a timeline.
    for (const m of marks) {
      const [s, l] = [getComputedStyle(m), m.getBoundingClientRect()];
      if (parseFloat(s.strokeWidth) < 3 || s.stroke === 'none' || l.height > 6 || l.width < 6)
        continue;
      for (const [words, b] of boxes) {
        const middle = (l.top + l.bottom) / 2;
        if (Math.min(l.right, b.right) - Math.max(l.left, b.left) > 2
            && middle > b.top + 3 && middle < b.bottom - 3)
          bad.push('struck: ' + name + ': ' + words);
      }
    }
    for (const [words, b] of boxes)
      if (b.left < frame.left - 2 || b.right > frame.right + 2 || b.top < frame.top - 2
          || b.bottom > frame.bottom + 2) bad.push('cut: ' + name + ': ' + words);
    boxes.sort((a, b) => a[1].left - b[1].left);
    for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
      const [a, p] = boxes[i], [c, q] = boxes[j];
      if (q.left >= p.right) break;
      const wide = Math.min(p.right, q.right) - q.left;
      const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (wide > 1.5 && high > 0.3 * Math.min(p.height, q.height))
        bad.push('over: ' + name + ': ' + a + ' | ' + c);
    }
  }
  return bad;
})()"""
"""Texts of charts that cover each other or leave their chart, and charts without a mark."""

FAINT = """(() => {
  const bad = [];
  const number = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const f = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = number(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0.99) return c;
    }
    return [255, 255, 255];
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || e.closest('svg, style') ||
        !e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(number(style.color)), light(behind(e))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 ||
      (parseFloat(style.fontSize) >= 18.6 && parseInt(style.fontWeight) >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) bad.push(ratio.toFixed(2) + ': ' + e.textContent.slice(0, 40));
  }
  return bad;
})()"""
"""Words of the page whose contrast is below WCAG 2.2 AA."""


@pytest.mark.parametrize("width", [390, 1280])
def test_no_text_of_a_chart_overlaps_or_is_cut(
    browser: Browser, made: Path, small_run: Path, width: int
) -> None:
    for folder in (made, small_run):
        browser.open(folder / "report.html", width)
        assert browser.evaluate(LOOK) == []
        assert browser.errors == []
        assert browser.requests == []
        assert browser.evaluate("document.documentElement.scrollWidth") <= width


HEADERS = """(() => {
  const bad = [];
  for (const h of document.querySelectorAll('th')) {
    if (!h.textContent.trim()) bad.push('empty: ' + h.closest('table').caption.textContent);
    if (!h.scope) bad.push('no scope: ' + h.textContent);
  }
  for (const box of document.querySelectorAll('.tiles strong'))
    if (box.scrollWidth > box.clientWidth + 1) bad.push('tile: ' + box.textContent);
  for (const box of document.querySelectorAll('.scroll'))
    if (box.clientWidth > 800 && box.scrollWidth > box.clientWidth + 1)
      bad.push('pushed sideways: ' + box.getAttribute('aria-label'));
  return bad;
})()"""
"""Headers that say nothing, and tables and tiles that do not fit a wide page."""


@pytest.mark.parametrize("width", [390, 1280])
def test_every_header_speaks_and_tables_fit_a_wide_page(
    browser: Browser, small_run: Path, width: int
) -> None:
    browser.open(small_run / "report.html", width)
    assert browser.evaluate(HEADERS) == []
    # On a telephone the names of rows stay while their numbers are pushed sideways.
    stays = browser.evaluate(
        "getComputedStyle(document.querySelector('tbody th[scope=row]')).position"
    )
    assert stays == ("sticky" if width == 390 else "static")


def test_the_look_would_notice(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<figure><p class='chart-title'>Bad</p><div class='wide'><svg viewBox='0 0 200 100' "
        "width='200'><text x='10' y='20'>First words</text><text x='14' y='22'>Second</text>"
        "<text x='180' y='60'>Leaves the chart</text></svg></div></figure>"
        "<p style='color:#999'>too faint</p>"
    )
    browser.open(page, 390)
    found = browser.evaluate(LOOK)
    assert [f.split(":")[0] for f in found] == ["empty", "cut", "over"]
    assert len(browser.evaluate(FAINT)) == 1


@pytest.mark.parametrize("width", [370, 1000])
def test_dates_of_late_schemes_stand_clear_of_their_marks(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    """A bar too short for its date has it in front, where consultation and building are drawn."""
    rows = pd.DataFrame(
        [
            (f"Scheme {opens}", "20 places, £1 million", opens - 2, opens, charts.PLUM,
             opens - 2.4, opens - 2.0, opens - 0.33, opens + full + 5 / 12)
            for opens in range(2027, 2036) for full in (0, 3)
        ],
        columns=["name", "detail", "spend_from", "opens", "colour", "consult_at", "decide_at",
                 "notify_at", "full_at"],
    )  # fmt: skip
    drawn = charts.inline(charts.render(charts.schedule(rows, (2026, 2035), width)), "Schemes")
    page = tmp_path / "page.html"
    page.write_text(
        f"<figure><p class='chart-title'>T</p><div class='wide'>{drawn}</div></figure>",
        encoding="utf-8",
    )
    browser.errors.clear()
    browser.open(page, 1280)
    assert browser.evaluate(LOOK) == []
    assert drawn.count("Sept 2035") == 2


@pytest.mark.parametrize(
    ("room", "words"),
    [(0.3, "none of the 1,424"), (1.2, "1 of the 1,424"), (24, "24 of the 1,424")],
)
def test_vacant_places_are_said_in_whole_places(room: float, words: str) -> None:
    verb = "are" if room > 2 else "is"
    places = f"{words} places at state special schools and bases {verb} vacant"
    assert vacancy(room, 1424.0) == places


def test_half_a_child_is_shaded_and_no_nought() -> None:
    heat = HeatMap("Gap", "", "", ["a", "b", "c", "d", "e"], [], 3.0, "tables/gaps.csv")
    shown = [heat.cell(value) for value in (None, 0.49, 0.5, 1.5, 2.5)]
    assert shown == [(0, "\N{EN DASH}"), (0, ""), (1, "1"), (2, "2"), (3, "3")]


def test_charts_are_measured_with_the_font_that_the_renderer_brings(tmp_path: Path) -> None:
    """Not with the machine's: a page would differ between machines, and take twice as long."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace, which lists the files that are opened, is not installed")
    program = (
        "import altair, pandas, os; from sufficiency.reports import charts;"
        "os.environ.pop(charts.FONTS, None);"
        "table = pandas.DataFrame({'x': range(50), 't': ['Kestershire'] * 50});"
        "chart = altair.Chart(table).mark_text().encode(x='x:Q', text='t:N');"
        "charts.render(chart); assert charts.FONTS not in os.environ"
    )
    listed = tmp_path / "opened.txt"
    subprocess.run(
        [strace, "-f", "-e", "trace=openat", "-o", str(listed), sys.executable, "-c", program],
        check=True, cwd=Path(__file__).parents[2], capture_output=True,
    )  # fmt: skip
    opened = listed.read_text(encoding="utf-8", errors="replace")
    assert "fonts.conf" in opened
    assert len(re.findall(r"\.(?:ttf|otf|ttc|pfb)\"", opened)) == 0


def test_the_mix_says_what_other_forecasts_expect(small_run: Path) -> None:
    run = Run.read(small_run)
    kept = run.stamp["demand_band"]["years"]
    assert list(run.demand_band) == run.years[1:]
    least, most = kept[run.labels[-1]]
    assert least < run.children(run.last) < most
    section = next(s for s in sections(run) if s.anchor == "mix")
    assert f"expect {least:,.0f} to {most:,.0f} children" in section.sure
    alone = Run.read(small_run)
    alone.stamp.pop("demand_band")
    section = next(s for s in sections(alone) if s.anchor == "mix")
    assert "Other forecasts" not in section.sure


def test_the_first_page_names_the_largest_of_many_schemes(small_run: Path) -> None:
    run = Run.read(small_run)
    one = run.plan.schemes[run.plan.schemes["opens"] >= 0].iloc[[0]]
    run.plan.schemes = pd.concat(
        [one.assign(scheme=f"s{i}", name=f"Scheme {i:02d}", places=10.0 + i) for i in range(30)],
        ignore_index=True,
    )
    words = " ".join(_schemes_sentence(run).split())
    assert words.startswith("30 of 30 schemes open") and "with 735 places in all" in words
    assert [f"Scheme {i:02d}" in words for i in range(30)] == [i >= 24 for i in range(30)]
    assert "All 30 stand under" in words


def test_words_have_contrast(browser: Browser, small_run: Path) -> None:
    browser.open(small_run / "report.html", 1280)
    browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.evaluate(FAINT) == []


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    a, b = sorted((light(one), light(other)), reverse=True)
    return (a + 0.05) / (b + 0.05)


def test_words_on_colours_of_charts_have_contrast() -> None:
    for colour in charts.COLOURS.values():
        assert contrast(colour, charts.ON_COLOUR.get(colour, charts.INK)) >= 4.5, colour


def test_landmarks_stand(small_run: Path) -> None:
    _, page = read(small_run)
    tags = Counter(t for t, _ in page.elements)
    assert tags["main"] == tags["header"] == tags["footer"] == tags["h1"] == 1
    assert tags["nav"] == 1
    ids = {a.get("id") for _, a in page.elements}
    for tag, attributes in page.elements:
        if tag == "section":
            assert attributes.get("aria-labelledby") in ids


def test_schools_on_the_map_say_what_they_are_by_keyboard(
    browser: Browser, small_run: Path
) -> None:
    browser.open(small_run / "report.html", 1280)
    spots = browser.evaluate(
        "[...document.querySelectorAll('#map .wide .spot')].map(s => {"
        "  const before = getComputedStyle(s.querySelector('.tip')).display; s.focus();"
        "  return [before, getComputedStyle(s.querySelector('.tip')).display,"
        "          document.activeElement === s, s.getAttribute('aria-label'),"
        "          s.querySelector('.tip').getBoundingClientRect().right <="
        "          s.closest('svg').getBoundingClientRect().right + 1]; })"
    )
    assert len(spots) >= 4
    for before, after, reached, words, inside in spots:
        assert (before, after, reached, inside) == ("none", "block", True, True)
        assert words
    titles = browser.evaluate(
        "[...document.querySelectorAll('#map .wide path > title')].map(t => t.textContent)"
    )
    areas = pd.read_csv(small_run / "inputs" / "areas.csv")
    assert len(titles) >= len(areas[["easting", "northing"]].drop_duplicates())


def test_printed_page_cuts_nothing(browser: Browser, small_run: Path) -> None:
    on_paper(browser, small_run / "report.html")
    width = round((210 - 28) / 25.4 * 96)
    wide = browser.evaluate(
        "[...document.querySelectorAll('table, svg, p, h2, h3, dl')].filter("
        "  e => e.getClientRects().length && !e.closest('details:not([open]):not(.printed)') &&"
        f"  e.getBoundingClientRect().right > {width} + 2 && !e.closest('.spot'))"
        ".map(e => e.tagName + ' ' + e.textContent.trim().slice(0, 60))"
    )
    assert wide == []
    assert browser.evaluate(LOOK) == []
    hidden = browser.evaluate(
        "[...document.querySelectorAll('h1, main h2, main h3, caption, .chart-title, figcaption')]"
        ".filter(e => !e.getClientRects().length && !e.closest('details:not(.printed)'))"
        ".map(e => e.tagName + ' ' + e.textContent.trim())"
    )
    assert hidden == []
    tall = browser.evaluate(
        "[...document.querySelectorAll('figure')].filter(f => f.getClientRects().length)"
        ".map(f => f.getBoundingClientRect().height)"
    )
    # A figure that is taller than a sheet would be cut in two: a long county, a heat map of many.
    sheet = (297 - 17 - 16) / 25.4 * 96
    assert max(tall) < sheet
    stretched = browser.evaluate(
        "(() => { const f = document.querySelector('figure:not(.map):has(.wide svg)');"
        " f.querySelector('.wide svg').setAttribute('viewBox', '0 0 500 2500');"
        " return f.getBoundingClientRect().height })()"
    )
    assert 0.7 * sheet < stretched < sheet
    # Two maps stand on one sheet, however tall the authority is, and no drawing is shown twice.
    maps = browser.evaluate(
        "[...document.querySelectorAll('figure.map')].map(f => {"
        " f.querySelector('.paper svg').setAttribute('viewBox', '0 0 500 2500');"
        " return [f.getBoundingClientRect().height,"
        "  [...f.querySelectorAll('div')].filter(d => d.getClientRects().length).length] })"
    )
    assert len(maps) == 2
    assert sum(height for height, _ in maps) < 0.95 * sheet
    assert [shown for _, shown in maps] == [1, 1]
    browser.call("Emulation.setEmulatedMedia", media="")
    sheets = browser.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
    assert len(sheets["data"]) > 50_000


def on_paper(browser: Browser, page: Path) -> None:
    """A page as it is printed on A4, less its margins of 14 mm, at 96 pixels to the inch."""
    browser.open(page, 1280)
    browser.call("Emulation.setEmulatedMedia", media="print")
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=round((210 - 28) / 25.4 * 96), height=1000, deviceScaleFactor=1, mobile=False,
    )  # fmt: skip


def test_printed_heat_maps_stand_side_by_side_and_can_be_read(
    browser: Browser, small_run: Path
) -> None:
    on_paper(browser, small_run / "report.html")
    found = browser.evaluate(
        """(() => {
          const box = e => e.getBoundingClientRect();
          const maps = [...document.querySelectorAll('figure.slim')];
          return maps.map(f => {
            const [one, two] = f.querySelectorAll('table');
            const tops = t => [...t.querySelectorAll('tbody tr')].map(r => Math.round(box(r).top));
            return {
              place: [box(f).left, box(f).top],
              least: Math.min(...[...f.querySelectorAll('th, td, figcaption, .chart-title')].map(
                e => parseFloat(getComputedStyle(e).fontSize))),
              // In the second grid the names are there for who hears the page, not for the eye.
              tight: [...f.querySelectorAll('table td, table:first-of-type tbody th[scope=row]')]
                .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent),
              rows: [tops(one), tops(two)],
              end: Math.max(...[...f.querySelectorAll('table')].map(t => box(t).right)),
            };
          });
        })()"""
    )
    browser.call("Emulation.setEmulatedMedia", media="")
    assert len(found) >= 2
    (left, top), (right, beside) = found[0]["place"], found[1]["place"]
    assert top == beside and right > left + 300
    for heat in found:
        assert heat["least"] >= 7 / 72 * 96 - 0.01
        assert heat["tight"] == []
        assert heat["rows"][0] == heat["rows"][1]
        assert heat["end"] <= (210 - 28) / 25.4 * 96 + 1


def test_dates_stand_on_one_line(browser: Browser, small_run: Path) -> None:
    def heights() -> list[list[float]]:
        found: list[list[float]] = browser.evaluate(
            "[...document.querySelectorAll('#assumptions td.one-line')].map(e => {"
            " const r = document.createRange(); r.selectNodeContents(e);"
            " return [r.getBoundingClientRect().height, parseFloat(getComputedStyle(e).fontSize),"
            "         document.documentElement.scrollWidth] })"
        )
        return found

    on_paper(browser, small_run / "report.html")
    printed = heights()
    browser.call("Emulation.setEmulatedMedia", media="")
    browser.open(small_run / "report.html", 390)
    browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    telephone = heights()
    assert len(printed) == len(telephone) > 20
    assert all(height < 1.6 * size for height, size, _ in [*printed, *telephone])
    assert all(width <= 390 for *_, width in telephone)


@pytest.mark.parametrize(
    ("change", "slim"),
    [
        ({}, True),
        ({"label": "Ramsbottom and Tottington"}, False),
        ({"value": 99.5}, False),
        ({"years": 12}, False),
        ({"grids": 1}, False),
        ({"rows": 80}, False),
    ],
)
def test_a_heat_map_is_slim_where_it_can_be_read(change: dict[str, Any], slim: bool) -> None:
    given = {"label": "Brindlesham", "value": 99.0, "years": 11, "grids": 2, "rows": 40} | change
    values = [None, *[given["value"]] * (given["years"] - 1)]
    rows = [HeatRow("Social, emotional and mental health"),
            *[HeatRow(given["label"], values)] * given["rows"]]  # fmt: skip
    heat = HeatMap("Gap", "", "", [""] * given["years"], [("", rows)] * given["grids"], 99.0, "")
    assert heat.slim is slim


def test_rows_without_a_number_are_left_out_of_heat_maps(small_run: Path) -> None:
    run = Run.read(small_run)
    gaps = run.plan.gaps
    place = sorted(set(gaps["locality"]))[0]
    designation = gaps.loc[gaps["phase"] == "primary", "designation"].iloc[0]
    here = (gaps["locality"] == place) & (gaps["designation"] == designation)
    assert len(gaps[here]) > 0

    def shown() -> set[tuple[str, str]]:
        found, heading = set(), ""
        for row in _gap_map(run, "primary", 50.0).grids[1][1]:
            heading = heading if row.values else row.label
            found |= {(heading, row.label)} if row.values else set()
        return found

    for gap, without in ((0.4, 0.4), (0.4, 0.6), (0.6, 0.4)):
        gaps.loc[here, ["gap", "gap_without_schemes"]] = gap, without
        assert ((designation, place) in shown()) == (max(gap, without) >= 0.5)
    gaps.loc[gaps["designation"] == designation, ["gap", "gap_without_schemes"]] = 0.0
    assert designation not in {heading for heading, _ in shown()}
    assert HeatRow(designation) not in _gap_map(run, "primary", 50.0).grids[0][1]


def test_a_locality_without_room_on_the_map_is_not_named_beside_a_neighbour() -> None:
    cells = pd.DataFrame(
        {"locality": ["Crowded", "Free"], "point": [(100.0, 100.0), (160.0, 100.0)]}
    )
    taken = place_map._Taken(400, 200)
    # All about the first is drawn on, up to where the second begins.
    taken.add((0.0, 0.0, 125.0, 200.0))
    said = "".join(
        place_map._locality_names(
            cast(Any, SimpleNamespace(cells=cells)), lambda x, y: (x, y), taken, 11.0
        )
    )
    assert ">Free<" in said
    assert "Crowded" not in said
    clear = place_map._Taken(400, 200)
    clear.add((0.0, 0.0, 1.0, 1.0))
    both = place_map._locality_names(
        cast(Any, SimpleNamespace(cells=cells)), lambda x, y: (x, y), clear, 11.0
    )
    assert len(both) == 2
