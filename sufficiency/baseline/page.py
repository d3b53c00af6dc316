"""The baseline as files: baseline.html for reading, CSV for exact numbers."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sufficiency.baseline.compare import TOLERANCE, Baseline, Figure, children, pounds
from sufficiency.vocabulary import STATEMENT, academic_year_label
from sufficiency.writing import CSV_NUMBERS, replacing, unwritten

INTERNAL: Final = "INTERNAL: contains small numbers; not for publication"


def write_baseline(baseline: Baseline, folder: Path, *, title: str, authority: str) -> list[Path]:
    """Write baseline.html, baseline.csv (figures) and modelled.csv (spend behind them).

    Each file is written aside and renamed.

    Raises:
        InputError: when the folder cannot be written to.
    """
    spend = baseline.today.spend.round({"pounds": 2})
    texts = {
        "baseline.html": render(baseline, title=title, authority=authority),
        "baseline.csv": baseline.table().to_csv(
            index=False, float_format=CSV_NUMBERS, lineterminator="\n"
        ),
        "modelled.csv": spend.to_csv(index=False, lineterminator="\n"),
    }
    with (
        unwritten(folder, "the baseline", "choose another folder with --out."),
        ExitStack() as files,
    ):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            aside = files.enter_context(replacing(folder / name))
            aside.write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in texts]


def verdict(baseline: Baseline) -> str:
    """The result in a sentence."""
    count, beyond = len(baseline.figures), baseline.beyond
    if not count:
        return "Nothing is recorded, so nothing could be compared."
    if not beyond:
        return (
            f"All {count:,} recorded figures are reproduced within {TOLERANCE:.0%}."
            if count > 1
            else f"The one recorded figure is reproduced within {TOLERANCE:.0%}."
        )
    reached = count - len(beyond)
    return (
        f"{reached:,} of {count:,} recorded figures are reproduced within {TOLERANCE:.0%}; "
        f"{len(beyond):,} {'is' if len(beyond) == 1 else 'are'} not, for the reasons given."
    )


def cells(figure: Figure) -> tuple[str, str, str, str]:
    """Recorded, modelled, difference and share as text."""
    if figure.what == "children":
        recorded, modelled, off = (
            children(abs(v)).split()[0]
            for v in (figure.recorded, figure.modelled, figure.difference)
        )
        sign = "-" if figure.difference < 0 else "+"
        off = "0" if off == "0" else f"{sign}{off}"
    else:
        recorded, modelled, off = (
            pounds(v).replace(" million", "m")
            for v in (figure.recorded, figure.modelled, figure.difference)
        )
        off = f"+{off}" if figure.difference > 0 else off
    share = "" if figure.share == float("inf") else f"{figure.share:+.1%}"
    share = share.replace("+0.0%", "0.0%").replace("-0.0%", "0.0%")
    return recorded, modelled, off, share


def render(baseline: Baseline, *, title: str, authority: str) -> str:
    """The page as text: complete in itself, without script."""
    style = (resources.files("sufficiency.reports") / "page.css").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = (resources.files("sufficiency.baseline") / "page.html").read_text(encoding="utf-8")
    return environment.from_string(page).render(
        style=Markup(style),
        title=title,
        authority=authority,
        internal=INTERNAL,
        statement=STATEMENT,
        base_year=academic_year_label(baseline.base_year),
        verdict=verdict(baseline),
        notes=baseline.notes,
        sections=[(words, [(f, cells(f)) for f in held]) for words, held in baseline.sections()],
    )
