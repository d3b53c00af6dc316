"""From a run folder to report.html: one file, no script, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from altair.utils.schemapi import debug_mode
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import Figure, Section
from sufficiency.reports.charts import inline
from sufficiency.reports.facts import Run, as_float
from sufficiency.reports.sections import sections
from sufficiency.vocabulary import STATEMENT, academic_year_label
from sufficiency.writing import file_aside

REPORT = "report.html"
WIDE, NARROW, PAPER = 880, 330, 560
"""Widths in pixels at which a figure is drawn: for a page, for a telephone, and a map for paper."""
SHOWN_DIFFERENCES = 12
_AMOUNT = re.compile(r"(£[\d.,]*) (million|billion|thousand)")
INTERNAL = "INTERNAL: contains small numbers; not for publication"


@dataclass(frozen=True)
class Banner:
    """A warning above everything else.

    Attributes:
        tone: "failed" or "early".
        title: shown on every printed page.
        words: what it means.
        items: differences, the first of them.
        more: how many further ones the certificate lists.
    """

    tone: str
    title: str
    words: str
    items: tuple[str, ...] = ()
    more: int = 0


def write_report(run_folder: Path, run: Run | None = None) -> Path:
    """Write report.html into a run folder.

    The page is complete in itself: style and charts are inside it, it holds no script and asks the
    network for nothing. It is written beside the old one and renamed, so that a full disk leaves
    no half page.

    Args:
        run_folder: a folder that :func:`sufficiency.pipeline.write_results` wrote, or is writing.
        run: what it holds, where that was read already.

    Returns:
        The path of the page.

    Raises:
        InputError: when the folder is no run folder, a table is missing or damaged, or the page
            cannot be written.
    """
    folder = Path(run_folder)
    page = render(run or Run.read(folder))
    target = folder / REPORT
    with file_aside(target, "the report") as aside:
        aside.write_text(page, encoding="utf-8", newline="\n")
    return target


def render(run: Run) -> str:
    """The page as text."""
    stamp = run.stamp
    return fill(
        title=str(stamp.get("title") or stamp.get("name") or "Plan"),
        about="plan for specialist places",
        where="the run folder",
        authority=run.authority,
        statement=str(stamp.get("statement") or STATEMENT),
        banners=banners(run),
        facts=[
            ("Planned years", " to ".join(map(academic_year_label, (run.first, run.last)))),
            ("Base year", academic_year_label(run.base)),
            ("Planning model", str(dict(stamp.get("model", {})).get("title") or "")),
            ("Scenario", str(stamp.get("name") or "")),
            ("Made on", fmt.date(stamp.get("created"))),
        ],
        sections=sections(run),
        tiles=tiles(run),
    )


def fill(
    *,
    title: str,
    about: str,
    where: str,
    authority: str,
    statement: str,
    banners: Sequence[Banner],
    facts: Sequence[tuple[str, str]],
    sections: Sequence[Section],
    tiles: Sequence[tuple[str, str]],
) -> str:
    """A page in the one design of all reports.

    Args:
        title: its heading.
        about: what it is, for the title of the window.
        where: the folder in which the files lie that tables name.
        authority: whose plan it is.
        statement: on parents' rights.
        banners: warnings above everything else.
        facts: (term, value) under the heading.
        sections: questions and answers, in order.
        tiles: (number, words) in the first section.
    """
    shipped = resources.files("sufficiency.reports")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((shipped / "page.html").read_text(encoding="utf-8"))
    # Charts are checked against the schema in the tests; here that takes as long as drawing them.
    with debug_mode(False):
        page = template.render(
            style=Markup((shipped / "page.css").read_text(encoding="utf-8")),
            title=title,
            about=about,
            where=where,
            authority=authority,
            statement=statement,
            internal=INTERNAL,
            banners=banners,
            facts=facts,
            sections=sections,
            tiles=tiles,
            picture=picture,
            drawing=drawing,
        )
    return unbroken(page)


def unbroken(page: str) -> str:
    """The page with amounts of money that no browser breaks over two lines.

    A browser may break a line between the minus and the pound sign, which a word joiner forbids,
    and before "million", which a no-break space forbids.
    """
    joined = page.replace("\u2212\u00a3", "\u2212\u2060\u00a3")
    return _AMOUNT.sub("\\1\u00a0\\2", joined)


def banners(run: Run) -> list[Banner]:
    """What a reader must know before anything else."""
    found = []
    audit = run.stamp.get("audit")
    if not audit:
        found.append(
            Banner("failed", "This plan was not audited",
                   "No independent audit is recorded for this run. Do not use its numbers.")
        )  # fmt: skip
    elif not audit.get("passed"):
        differences = [str(d) for d in audit.get("differences", [])]
        found.append(
            Banner(
                "failed",
                "This plan failed the independent audit",
                "The audit computes the plan again from its inputs and comes to other numbers in "
                f"{len(differences):,} {'place' if len(differences) == 1 else 'places'}. Do not "
                "use this report for a decision; report the differences to whoever keeps the "
                "software.",
                tuple(differences[:SHOWN_DIFFERENCES]),
                max(0, len(differences) - SHOWN_DIFFERENCES),
            )
        )
    if run.ended_early:
        solver = run.solver
        gap = fmt.percent(as_float(solver.get("gap", as_float("nan"))), 2)
        asked = fmt.percent(as_float(solver.get("gap_asked") or as_float("nan")), 2)
        reason = {
            "interrupted by hand": "The search was interrupted",
            "time limit": "The search reached its time limit",
            "memory limit": "The search reached its memory limit",
        }.get(run.ended_early, f"The search ended early ({run.ended_early})")
        found.append(
            Banner(
                "early",
                reason,
                "This is the best plan found so far, not the best one there is: another could be "
                f"up to {gap} cheaper; {asked} was asked for. Schemes may change when the search "
                "runs to its end.",
            )
        )
    return found


def tiles(run: Run) -> list[tuple[str, str]]:
    """Four numbers for the top of the page: (number, words)."""
    row = run.local_by_year.loc[run.last]
    last = academic_year_label(run.last)
    opened = run.opened
    unmet = as_float(run.unmet_by_year[run.last])
    return [
        (fmt.whole(run.children(run.last)), f"children and young people with a plan in {last}"),
        (
            fmt.share_of(as_float(row["in_local_state_places"]), as_float(row["children_needing"])),
            f"of those who need more than a mainstream class have a local place in {last}",
        ),
        (
            str(len(opened)),
            ("scheme opens" if len(opened) == 1 else "schemes open")
            + f", with {fmt.places(as_float(opened['places'].sum()))}",
        ),
        (
            fmt.count(unmet),
            f"children without a suitable place in {last}",
        ),
    ]


def picture(figure: Figure) -> dict[str, Markup]:
    """A figure drawn for a wide page and for a telephone; a map also for paper, beside its key."""
    widths = {"wide": WIDE, "narrow": NARROW} | ({"paper": PAPER} if figure.parts else {})
    drawn = {name: figure.draw(width) for name, width in widths.items()}
    return {name: Markup(inline(svg, figure.alt, figure.parts)) for name, svg in drawn.items()}


def drawing(entry: str) -> Markup:
    """A swatch of a legend; it is made of constants only."""
    return Markup(entry)
