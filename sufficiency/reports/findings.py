"""The folder of a finding: its page, in the one design of all reports, and its map layers.

How a study looks is a :class:`~sufficiency.reports.blocks.Look` beside its sections; a study
without one is shown as its sentences and tables.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import pandas as pd
from altair.utils.schemapi import debug_mode

from sufficiency.plan.finding import LAYERS, MARKER, TABLES, Finding, read_finding
from sufficiency.plan.run_folder import as_written
from sufficiency.reports import formatting as fmt
from sufficiency.reports.blocks import Heading, Items, Look, Row, Section, Table
from sufficiency.reports.geopackage import MARK, Layer, plain, write_layers
from sufficiency.reports.page import REPORT, fill
from sufficiency.reports.sections import (
    bases,
    frontier,
    margins,
    price_rules,
    ranking,
    site_tests,
    value_maps,
)
from sufficiency.vocabulary import STATEMENT, academic_year_label
from sufficiency.writing import file_aside

LOOKS: Final[dict[str, Look]] = {
    "site-test": site_tests.LOOK,
    "rank-sites": ranking.LOOK,
    "alternatives": ranking.ALTERNATIVES_LOOK,
    "frontier": frontier.LOOK,
    "marginal": margins.LOOK,
    "bases": bases.LOOK,
    "price-rules": price_rules.LOOK,
    "value-map": value_maps.LOOK,
}
"""How the finding of each kind is shown."""
SHOWN_ROWS: Final = 40
"""Rows of a table on a page that nobody designed; the CSV file has all."""


def write_finding(finding: Finding, folder: Path) -> list[Path]:
    """Write a finding with its page and, where there are layers, its GeoPackage.

    Returns:
        The folder's page, GeoPackage and tables, as far as they exist.

    Raises:
        InputError: when the folder holds something else or cannot be written.
    """
    finding.write(folder, lambda aside: write_page(finding, aside))
    found = [folder / REPORT, *([folder / LAYERS] if finding.layers else []), folder / TABLES]
    return [path for path in found if path.exists()]


def rewrite_finding(folder: Path) -> list[Path]:
    """Write the page and the layers of a finding again, from its tables.

    Raises:
        InputError: when the folder is no finding, is damaged, or cannot be written.
    """
    return write_page(read_finding(folder), folder)


def is_finding(folder: Path) -> bool:
    """Whether a folder holds the finding of a study."""
    return (folder / MARKER).is_file()


def write_page(finding: Finding, folder: Path) -> list[Path]:
    """Write page and layers into a folder; each aside first, then renamed.

    Raises:
        InputError: when a file cannot be written.
    """
    target = folder / REPORT
    written = [target]
    with file_aside(target, "the page") as aside:
        aside.write_text(page_of(finding), encoding="utf-8", newline="\n")
    if finding.layers:
        style = look_of(finding).style or (lambda name: plain())
        layers = [
            Layer(name, str(frame.attrs.get("about", f"{finding.title}: {name}.")), frame,
                  style(name))
            for name, frame in finding.layers.items()
        ]  # fmt: skip
        write_layers(layers, folder / LAYERS, MARK, finding.stamp.get("created"))
        written.append(folder / LAYERS)
    return written


def page_of(finding: Finding) -> str:
    """The page as text: complete in itself, without script, asking the network for nothing."""
    stamp, look = finding.stamp, look_of(finding)
    years = [int(stamp[k]) for k in ("first_year", "last_year") if k in stamp]
    facts = [
        *look.facts(finding),
        ("Planned years", " to ".join(academic_year_label(y) for y in years)),
        ("Planning model", str(dict(stamp.get("model", {})).get("title") or "")),
        ("Scenario", str(stamp.get("name") or "")),
        ("Made on", fmt.date(stamp.get("created"))),
    ]
    with debug_mode(False):
        return fill(
            title=finding.title,
            about=look.about,
            where="the folder of this study",
            authority=str(stamp.get("authority") or stamp.get("name") or "The authority"),
            statement=str(stamp.get("statement") or STATEMENT),
            banners=[],
            facts=[(term, value) for term, value in facts if value],
            sections=[*look.sections(finding), provenance(finding)],
            tiles=look.tiles(finding),
        )


def look_of(finding: Finding) -> Look:
    """How a finding is shown; one that nobody designed by its sentences and tables."""
    return LOOKS.get(finding.kind) or Look("study of specialist places", _plainly)


def _plainly(finding: Finding) -> list[Section]:
    tables = [table_of(frame, name) for name, frame in finding.tables.items()]
    first, *others = finding.sentences or ["Nothing was found."]
    return [Section("found", "What was found?", first, " ".join(others), "", tables)]


def table_of(frame: pd.DataFrame, name: str, caption: str = "") -> Table:
    """A table as it stands in its CSV file: for what nobody designed."""
    written = as_written(frame)
    shown = written.head(SHOWN_ROWS)
    rows = [
        Row(_cell(values[0]), [_cell(v) for v in values[1:]])
        for values in shown.itertuples(index=False, name=None)
    ]
    said = caption or name.replace("_", " ").capitalize()
    if len(written) > len(shown):
        said += f" (the first {SHOWN_ROWS} of {len(written):,} rows)"
    words = {
        i for i, c in enumerate(written.columns) if not pd.api.types.is_numeric_dtype(written[c])
    }
    return Table(
        said, [str(c).replace("_", " ") for c in written.columns], rows, f"{TABLES}/{name}.csv",
        text_columns=frozenset(words - {0}),
    )  # fmt: skip


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return "" if not math.isfinite(value) else f"{value:,.6g}"
    return str(value)


def provenance(finding: Finding) -> Section:
    """Where all of it comes from: inputs, versions, gaps and what was assumed."""
    stamp = finding.stamp
    versions = ", ".join(f"{n} {v}" for n, v in dict(stamp.get("versions", {})).items())
    what_ifs = [str(w) for w in stamp.get("what_ifs", [])]
    terms = [
        ("Command", str(stamp.get("command") or "Python")),
        ("Seed", str(stamp.get("seed", ""))),
        ("Versions", versions),
    ]
    estimates = [str(e) for e in stamp.get("estimates", [])]
    warnings = [str(dict(w).get("text", "")) for w in stamp.get("warnings", [])]
    blocks: list[Any] = [Items(terms=[t for t in terms if t[1]])]
    for words, listed in (("What if", what_ifs), ("What was estimated", estimates),
                          ("Warnings", warnings)):  # fmt: skip
        if listed:
            blocks += [Heading(words), Items(listed, folded=f"{words}: {len(listed)}"
                                             if len(listed) > 3 else "")]  # fmt: skip
    inputs = [(str(n), str(h)[:16]) for n, h in dict(stamp.get("inputs", {})).items()]
    if inputs:
        blocks += [Heading("Inputs"), Items(terms=inputs, folded="Files and their fingerprints")]
    return Section(
        "provenance",
        "Where do these numbers come from?",
        "From the scenario's own tables and planning model, by the same rules as its plan.",
        "Every plan that is compared obeys the same rules; children are placed anew, exactly, in "
        "each. Plans are aggregate: no child is allocated a place.",
        "",
        blocks,
    )
