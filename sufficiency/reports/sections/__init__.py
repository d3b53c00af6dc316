"""The sections of the report, in the order in which a reader asks.

Each function takes a run and returns one section: a question, its answer, the number, how sure we
are, and the tables and figures behind it. Nothing here is HTML.
"""

from __future__ import annotations

from sufficiency.reports.blocks import Section
from sufficiency.reports.facts import Run
from sufficiency.reports.sections.budget import budget, sensitivity
from sufficiency.reports.sections.business_case import business_case
from sufficiency.reports.sections.children import headline, local_places, mix
from sufficiency.reports.sections.evidence import assumptions, certificate, data_quality
from sufficiency.reports.sections.guidance import guidance
from sufficiency.reports.sections.mixes import area, needs_and_phases
from sufficiency.reports.sections.provision import (
    marginal,
    occupancy,
    transfers,
    travel,
    whereabouts,
)
from sufficiency.reports.sections.schemes_and_money import costs, schemes

ORDER = (
    headline,
    mix,
    needs_and_phases,
    area,
    local_places,
    schemes,
    costs,
    business_case,
    budget,
    sensitivity,
    occupancy,
    whereabouts,
    travel,
    transfers,
    marginal,
    guidance,
    assumptions,
    data_quality,
    certificate,
)


def sections(run: Run) -> list[Section]:
    """All sections of the report; one about what a run does not hold is left out."""
    made = [section(run) for section in ORDER]
    return [section for section in made if section is not None]
