"""The page that a benchmark run writes, and what it checks of its own results."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

Record = dict[str, Any]
Records = dict[str, Record]

LEVELS = (0.05, 0.01, 0.005, 0.0025, 0.001)
"""Gaps whose first seconds are told."""

SOLVER_STEPS = ("Searching", "Placing", "Solver", "Solving")
"""First words of the steps in which the solver works."""

AFTER_THE_ANSWER = ("Reports",)
"""Steps that come when the audited plan stands in its folder."""

LOG_POINTS = 40
"""Points of a log that are kept in the raw results."""

INTRODUCTION = """\
What this product needs to prove a plan, beside what else could be used on the same question, one
after the other on one machine. Every contender is a process of its own; *seconds* are the whole
process, imports and reading included, unless a column says otherwise.

* **This product** reads, builds, searches, writes up, audits, and writes the run folder and its
  reports. **The command** is `sufficiency optimise` as a planner types it. *Answer after* is when
  the audited plan is in hand, before folder and reports; *times* compares answers, because the
  other contenders end there.
* **The same matrix** is the standard form of the same model, handed to HiGHS with no Pyomo: the
  limit of this solver on this way of writing the question. It starts from a file; it reads no
  tables, writes no plan and audits nothing.
* **An analyst's first model**: a variable for each arc and year, a binary for each scheme and
  year of opening, one row with a large number for each new school, `sum()` over dictionaries,
  `appsi_highs`. The same rules and the same money (a test holds its optimum to this product's),
  without the in-year balance. It stops at the solver's answer: no plan, no audit, no reports.
  *Shares* places expected children; *whole children* makes them whole numbers, as the product
  does with `--whole-children`.
* **Formulations** are this product's own model in other words, all from the same standard form
  (`sufficiency/solving/formulations.py`).
* **spopt 0.8** solves its capacitated p-median in its own Python 3.12. The instance is drawn as its
  tutorials draw theirs (`tests/benchmarks/static.py`); the product takes it through its tables.

A gap is (best - bound) / best. Wherever two contenders answer the same question, no bound of one
may be above the plan of the other; the run fails otherwise."""


def gap_of(record: Record) -> float | None:
    """Proven distance of a record's plan from its bound."""
    objective, bound = record.get("objective"), record.get("bound")
    if objective is None or bound is None:
        return None
    return max(0.0, objective - bound) / max(abs(objective), 1e-9)


def disagreements(size: str, records: Records, tolerance: float = 1e-6) -> list[str]:
    """Bounds above plans of the same question, failed audits; an empty list is what one hopes for.

    Expected shares cost no more than whole children, and clients that may be shared no more than
    whole ones, so their bounds hold for those too.
    """
    wider = {"children": ("plan", "children"), "p-median": ("p-median shares", "p-median")}
    found = []
    for key, record in records.items():
        if record.get("audit") is False:
            found.append(f"{size}: the audit of {key} found differences")
        cost, question = record.get("objective"), record.get("question")
        if cost is None or question in ("", "other"):
            continue
        for other, beside in records.items():
            if beside.get("question") not in wider.get(str(question), (question,)):
                continue
            # Whole children may miss a floor of preference by one, which shares may not.
            bound = beside.get("bound")
            if bound is None or (question == "children" and beside["question"] == "plan"):
                continue
            if bound > cost + tolerance * abs(cost):
                found.append(
                    f"{size}: the bound of {other}, {bound:,.2f}, is above the plan of {key}, "
                    f"{cost:,.2f}"
                )
    return found


def reached(record: Record, level: float) -> float | None:
    """Seconds since the process was asked for at which a gap was first proven."""
    best, bound = math.inf, -math.inf
    for seconds, cost, lower in record.get("log", []):
        best = min(best, cost if cost is not None else math.inf)
        bound = max(bound, lower if lower is not None else -math.inf)
        if math.isfinite(best) and best - bound <= level * abs(best):
            return float(seconds)
    return None


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; the first column is words, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def seconds(value: float | None) -> str:
    """Seconds with as many digits as they deserve."""
    if value is None:
        return ""
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def ratio(value: float | None, base: float | None) -> str:
    """How many times the base."""
    return "" if not value or not base else f"{value / base:.2g}"


def percent(value: float | None) -> str:
    """A gap in per cent."""
    return "" if value is None else f"{value:.3%}"


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _answered(record: Record) -> float | None:
    """Seconds until an answer is in hand: for most contenders all of them."""
    return record.get("answered", record.get("wall"))


def _measured(records: Records, keys: list[str], base: str, *, pence: bool = False) -> str:
    rows = []
    against = _answered(records.get(base, {}))
    for key in keys:
        record = records[key]
        cost = record.get("objective")
        rows.append(
            [
                record["title"],
                str(record["status"]),
                seconds(record.get("wall")),
                seconds(_answered(record)),
                ratio(_answered(record), against),
                seconds(record.get("cpu")),
                _whole(record.get("peak_mb")),
                "" if cost is None else f"{cost:,.4f}" if pence else f"{cost:,.0f}",
                percent(gap_of(record)),
            ]
        )
    head = ["contender", "status", "seconds", "answer after", "times", "CPU s", "peak MB", "cost",
            "proven gap"]  # fmt: skip
    return table(head, rows)


def _over_time(records: Records, keys: list[str]) -> str:
    rows = [
        [records[k]["title"], *(seconds(reached(records[k], level)) for level in LEVELS)]
        for k in keys
        if records[k].get("log")
    ]
    return table(["contender", *(f"{level:.2%}" for level in LEVELS)], rows)


def _sizes(records: Records, keys: list[str]) -> str:
    rows = []
    for key in keys:
        model = records[key].get("model")
        if model:
            parts = [_whole(model.get(k)) for k in ("rows", "columns", "nonzeros", "binaries")]
            rows.append([records[key]["title"], *parts])
    return table(["model of", "rows", "columns", "nonzeros", "whole numbers"], rows)


def _outside(split: dict[str, float]) -> float:
    """Seconds of a split that are neither search nor placing."""
    return sum(s for name, s in split.items() if not name.startswith(SOLVER_STEPS))


def _split(records: Records, keys: list[str]) -> str:
    parts = []
    for key in keys:
        split = records[key].get("split") or {}
        if not split:
            continue
        whole = sum(split.values())
        outside = _outside(split)
        rows = [[name, seconds(s), f"{s / whole:.0%}"] for name, s in split.items()]
        rows.append(["**outside the solver**", seconds(outside), f"{outside / whole:.0%}"])
        after = sum(split.get(name, 0.0) for name in AFTER_THE_ANSWER)
        until = whole - after
        share = f"{(outside - after) / until:.0%}"
        rows.append(["**the same, until the answer**", seconds(outside - after), share])
        parts.append(f"{records[key]['title']}:\n\n" + table(["step", "seconds", "share"], rows))
    return "\n\n".join(parts)


def _second(records: Records, keys: list[str]) -> str:
    rows = [
        [
            records[k]["title"],
            str(records[k].get("asked", "")),
            str(records[k].get("how", "")),
            str(records[k]["status"]),
            seconds(records[k].get("seconds")),
            percent(gap_of(records[k])),
        ]
        for k in keys
    ]
    return table(["second question", "asked", "how", "status", "seconds", "proven gap"], rows)


def _growth(records: Records, keys: list[str]) -> str:
    rows = []
    before: float | None = None
    for key in keys:
        record = records[key]
        authority = record.get("authority", {})
        rows.append(
            [
                record["title"],
                _whole(authority.get("plans_today")),
                _whole(authority.get("arcs")),
                str(record["status"]),
                seconds(_answered(record)),
                ratio(_answered(record), before),
                seconds(record.get("cpu")),
                _whole(record.get("peak_mb")),
                percent(gap_of(record)),
            ]
        )
        before = _answered(record)
    head = ["authority", "plans today", "arcs", "status", "seconds", "times the one before",
            "CPU s", "peak MB", "proven gap"]  # fmt: skip
    return table(head, rows)


TARGETS = (
    ("median", "cli-0.1%", "", "median, the command as a whole, to 0.1%", 10.0, "s"),
    ("large", "cli-0.5%", "", "large, the command as a whole, to 0.5%", 45.0, "s"),
    ("large", "cli-0.1%", "", "large, the command as a whole, to 0.1%", 90.0, "s"),
    ("large", "cli-0.1%", "peak_mb", "large, peak memory", 3072.0, "MB"),
    ("median", "placements-only", "seconds", "median, placements only", 1.0, "s"),
    ("large", "placements-only", "seconds", "large, placements only", 4.0, "s"),
    ("median", "one-more-site", "seconds", "median, one more candidate site", 3.0, "s"),
    ("large", "one-more-site", "seconds", "large, one more candidate site", 20.0, "s"),
)
"""Size, contender, what of it (whole seconds when blank), in words, at most, unit."""

OUTSIDE = 0.20
"""Share of the whole command that may be spent outside search and placing."""

GROWTH = 2.5
"""Times that doubling children and areas may cost."""

TIMES = (
    ("median", "analyst-0.1%", "product-0.5%", 0.005,
     "median, the analyst's first model, to 0.5%", 20.0),
    ("median", "analyst-0.1%", "product-0.1%", 0.001,
     "median, the analyst's first model, to 0.1%", 20.0),
    ("median", "spopt-cbc", "p-median-whole", None, "spopt's p-median, with CBC", 5.0),
)  # fmt: skip
"""Size, contender, the product's, the gap that counts (None: its own), in words, times at least."""


def _targets(results: dict[str, Records]) -> str:
    """What was aimed at, beside what was measured; a blank where nothing was."""
    rows = []
    for size, key, what, words, most, unit in TARGETS:
        record = results.get(size, {}).get(key, {})
        found = record.get(what or "wall") if record.get("objective") is not None else None
        met = "" if found is None else "yes" if found <= most else "no"
        shown = "" if found is None else f"{found:,.1f} {unit}"
        rows.append([words, f"at most {most:,.0f} {unit}", shown, met])
    if split := results.get("large", {}).get("product-0.1%", {}).get("split"):
        share = _outside(split) / sum(split.values())
        met = "yes" if share < OUTSIDE else "no"
        words = "large, time outside search and placing, reports included, to 0.1%"
        rows.append([words, f"under {OUTSIDE:.0%} of the whole", f"{share:.0%}", met])
    both = {**results.get("median", {}), **results.get("large", {})}
    sizes = sorted((float(k.removeprefix("growth-")), k) for k in both if k.startswith("growth-"))
    doublings = [
        (_answered(both[b]) or math.inf) / (_answered(both[a]) or math.inf)
        for (small, a), (large, b) in itertools.pairwise(sizes)
        if large == 2 * small and both[b].get("objective") is not None
    ]
    if doublings:
        met = "yes" if max(doublings) <= GROWTH else "no"
        words = f"twice the children and areas, the dearest of {len(doublings)} doublings"
        rows.append([words, f"at most {GROWTH} times", f"{max(doublings):.1f} times", met])
    for size, key, base, level, words, least in TIMES:
        slow, fast = results.get(size, {}).get(key, {}), results.get(size, {}).get(base, {})
        passed = None if level is None else reached(slow, level)
        ended = passed is not None or (
            slow.get("objective") is not None and "limit" not in str(slow.get("status")).casefold()
        )
        took, times = passed or _answered(slow), None
        if took and _answered(fast) and fast.get("objective") is not None:
            times = took / float(_answered(fast) or 1.0)
        shown = "" if times is None else f"{times:.1f} times{'' if ended else ' and not done'}"
        met = "" if times is None else "yes" if times >= least else "no"
        rows.append([words, f"at least {least:,.0f} times slower", shown, met])
    return table(["target", "aim", "measured", "met"], rows)


def _about(records: Records) -> str:
    """When, with what and where the records of a size were measured; a line a run."""
    runs: dict[str, tuple[Record, list[str]]] = {}
    for key, record in records.items():
        facts = record["about"]
        runs.setdefault(json.dumps(facts, sort_keys=True), (facts, []))[1].append(key)
    lines = []
    for facts, keys in runs.values():
        versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
        which = "" if len(runs) == 1 else f" ({', '.join(keys)})"
        code = f", code {facts['code']}" if facts.get("code") else ""
        lines.append(
            f"Measured on {facts['date']}{code}{which}: `{facts['command']}`; {facts['machine']}; "
            f"load when it began {facts['load']}; {versions}."
        )
    return "\n\n".join(lines)


def render(results: dict[str, Records]) -> str:
    """The page."""
    parts = [
        "# Benchmarks",
        "This page is written by a program; do not edit it.",
        INTRODUCTION,
    ]
    if any(size in results for size, *_ in TARGETS):
        parts += ["## Targets", _targets(results)]
    for size, records in results.items():
        named = {
            start: [k for k in records if k.startswith(start)]
            for start in ("product", "cli", "matrix", "analyst", "formulation", "growth")
        }
        whole = [*named["product"], *named["cli"], *named["matrix"], *named["analyst"]]
        second = [
            k for k in ("placements-only", "one-more-site", "one-more-site-cold") if k in records
        ]
        static = [k for k in records if k.startswith(("p-median", "spopt"))]
        sections = [
            ("Whole runs", whole, lambda k, r=records: _whole_runs(r, k)),
            ("Seconds until a gap was proven", whole, lambda k, r=records: _over_time(r, k)),
            ("Where the time goes", named["product"], lambda k, r=records: _split(r, k)),
            ("Size of the model", [*whole, *static], lambda k, r=records: _sizes(r, k)),
            ("Formulations, to 0.1%", named["formulation"], lambda k, r=records: "\n\n".join(
                (_measured(r, k, "formulation-decomposition"), "Seconds until a gap was proven:",
                 _over_time(r, k)))),
            ("Second questions", second, lambda k, r=records: _second(r, k)),
            ("spopt's capacitated p-median", static,
             lambda k, r=records: _measured(r, k, "p-median-whole", pence=True)),
            ("Growth", named["growth"], lambda k, r=records: _growth(r, k)),
        ]  # fmt: skip
        parts += [f"## {size.capitalize()}", _about(records)]
        for title, keys, write in sections:
            if keys:
                parts += [f"### {title}", write(keys)]
        wrong = disagreements(size, records)
        parts.append("\n".join(f"* {line}" for line in wrong) if wrong else
                     "No bound of any contender is above a plan of another.")  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _whole_runs(records: Records, keys: list[str]) -> str:
    """One table a gap, so that times stand beside the product's at the same gap."""
    parts = []
    for ending in ("0.5%", "0.1%", "children"):
        mine = [k for k in keys if k.endswith(ending)]
        if mine:
            parts.append(_measured(records, mine, f"product-{ending}"))
    return "\n\n".join(parts)


def thinned(log: list[Any]) -> list[Any]:
    """A log of at most :data:`LOG_POINTS` lines, the first and the last among them."""
    if len(log) <= LOG_POINTS:
        return log
    step = (len(log) - 1) / (LOG_POINTS - 1)
    return [log[round(i * step)] for i in range(LOG_POINTS)]


def read_page(page: Path) -> dict[str, Records]:
    """The results behind a page that was written before; none where there is none."""
    raw = page.with_suffix(".json")
    if not raw.is_file():
        return {}
    found: dict[str, Records] = json.loads(raw.read_text(encoding="utf-8"))["results"]
    return found


def write_page(page: Path, results: dict[str, Records]) -> None:
    """Write the page and the raw results beside it."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(results), encoding="utf-8")
    kept = {
        size: {
            key: {**record, "log": thinned(record.get("log", []))}
            for key, record in records.items()
        }
        for size, records in results.items()
    }
    raw = json.dumps({"results": kept}, indent=1, ensure_ascii=False)
    page.with_suffix(".json").write_text(raw + "\n", encoding="utf-8")
