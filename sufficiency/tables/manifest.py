"""The input tables, declared once: reading, checks, defaults and docs follow from this."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from sufficiency.vocabulary import HIGHEST_YEAR_GROUP, KINDS, LOWEST_YEAR_GROUP

ColumnType = Literal[
    "text",
    "number",
    "whole number",
    "academic year",
    "financial year",
    "need",
    "needs",
    "tier",
    "tiers",
    "kind",
    "yes/no",
    "shares",
    "names",
    "year group",
]
Room = Literal["geodata", "scenarios"]

BLANK: Final[dict[str, object]] = {
    "number": math.nan,
    "whole number": math.nan,
    "year group": math.nan,
    "tier": 0,
    "academic year": -1,
    "financial year": -1,
    "needs": (),
    "tiers": (),
    "shares": (),
    "names": (),
}
"""How a blank cell is held in memory, by column type; every other type holds ``""``."""

LIST_TYPES: Final = ("needs", "tiers", "shares", "names")
COORDINATES: Final = ("easting", "northing")
NOT_RECORDED: Final = "not_recorded"
"""What the table ``recorded`` calls children of whom a return names no provision."""
COORDINATE_UNIT: Final = "metres, EPSG:27700"


@dataclass(frozen=True)
class Column:
    """One column of an input table.

    ``required`` means that every cell is filled. ``default`` fills a blank cell; ``"=area"`` takes
    the cell of column ``area``; None leaves it blank (see BLANK). ``minimum`` and ``maximum``
    include themselves. ``reference`` lists the ``table.column`` pairs among which the value must
    be found. ``blank`` says what a blank cell means, ``example`` fills the row in docs/tables.md.
    """

    name: str
    type: ColumnType
    required: bool = True
    default: str | int | float | None = None
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    meaning: str = ""
    reference: tuple[str, ...] = ()
    blank: str = ""
    example: str = ""

    @property
    def blank_value(self) -> object:
        """What a blank cell holds in memory, before a default taken from another column."""
        if self.default is None or self.default_column:
            return BLANK.get(self.type, "")
        return self.default

    @property
    def default_column(self) -> str:
        """The column whose cell fills a blank one, or an empty string."""
        default = self.default
        return default[1:] if isinstance(default, str) and default.startswith("=") else ""


@dataclass(frozen=True)
class Table:
    """One input table; ``key`` names the columns that tell its rows apart."""

    name: str
    title: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: bool
    room: Room

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def _column(
    name: str,
    type_: ColumnType,
    meaning: str,
    example: str = "",
    *,
    blank: str = "",
    default: str | int | float | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    unit: str = "",
    reference: tuple[str, ...] = (),
) -> Column:
    """A column is required unless it says what a blank cell means."""
    return Column(
        name, type_, not blank, default, minimum, maximum, unit, meaning, reference, blank, example
    )


def _number(name: str, unit: str, meaning: str, example: str = "", *, blank: str = "") -> Column:
    return _column(name, "number", meaning, example, blank=blank, minimum=0, unit=unit)


def _coordinates(example: tuple[str, str], *, blank: str = "") -> tuple[Column, Column]:
    where = "British National Grid {}."
    return (
        _column("easting", "number", where.format("easting"), example[0],
                blank=blank, minimum=0, maximum=700_000, unit=COORDINATE_UNIT),
        _column("northing", "number", where.format("northing"), example[1],
                blank=blank, minimum=0, maximum=1_300_000, unit=COORDINATE_UNIT),
    )  # fmt: skip


def _year_group(name: str, meaning: str, example: str) -> Column:
    return _column(
        name, "year group", meaning, example, minimum=LOWEST_YEAR_GROUP,
        maximum=HIGHEST_YEAR_GROUP, unit="national curriculum year, 0 = Reception",
    )  # fmt: skip


def _year_groups(example: tuple[str, str]) -> tuple[Column, Column]:
    return (
        _year_group("lowest_year_group", "Youngest year group taken.", example[0]),
        _year_group("highest_year_group", "Oldest year group taken.", example[1]),
    )


_AREA = ("areas.area",)
_PROVISION = ("provisions.provision",)
_TIER_BLANK = "shared among the tiers by the planning model's tier_shares"
_TIERS_BLANK = "the tiers that the kind admits in the planning model"
_NEEDS_MEANING = "Primary needs taken: codes of the SEN2 return separated by |, or the word any."
_MODEL_PRICE = "the planning model's price"

_TABLES: Final[tuple[Table, ...]] = (
    Table(
        "areas", "Areas",
        "The small areas in which children live, such as LSOAs or wards. Journeys begin at the "
        "point given, best the population-weighted centre.",
        (
            _column("area", "text", "Identifier of the area.", "A01"),
            _column("name", "text", "Name shown on maps.", "Mill Lane", blank="the identifier",
                    default="=area"),
            _column("locality", "text", "Part of the authority by which gaps are reported.",
                    "North"),
            *_coordinates(("451200", "312400")),
            _number("children_0_4", "people", "Residents aged 0 to 4.", "412"),
            _number("children_5_11", "people", "Residents aged 5 to 11.", "655"),
            _number("children_12_17", "people", "Residents aged 12 to 17.", "548"),
            _number("children_18_24", "people", "Residents aged 18 to 24.", "590"),
            _column("deprivation_decile", "whole number",
                    "Index of multiple deprivation, 1 = most deprived tenth.", "4",
                    blank="unknown", minimum=1, maximum=10, unit="decile"),
        ),
        ("area",), True, "geodata",
    ),
    Table(
        "boundary", "Boundary",
        "The outline of the authority: a GeoPackage or GeoJSON polygon, or a table with one column "
        "of well-known text. It decides what lies inside the authority. Without it the hull of the "
        "areas, widened by 2 km, is used.",
        (_column("wkt", "text", "Polygon as well-known text in EPSG:27700.",
                 "POLYGON ((440000 300000, 460000 300000, 460000 320000, 440000 320000, "
                 "440000 300000))"),),
        (), False, "geodata",
    ),
    Table(
        "provisions", "Provisions",
        "Where children are, or may be, educated: schools, specialist bases, colleges and other "
        "arrangements, in the authority and beyond. A specialist base is a provision of its own, "
        "apart from the school that hosts it.",
        (
            _column("provision", "text", "Identifier of the provision.", "quayside"),
            _column("name", "text", "Name shown on reports.", "Quayside School"),
            _column("kind", "kind", f"One of: {', '.join(KINDS)}.", "state_special"),
            *_coordinates(("449800", "311900"),
                          blank="both blank: near home, the nearest of many, such as all "
                                "mainstream schools"),
            *_year_groups(("0", "11")),
            _column("needs", "needs", _NEEDS_MEANING, "ASD|SLD|SLCN"),
            _column("tiers", "tiers", "Support tiers served, 1 to 4, separated by |.", "3|4",
                    blank=_TIERS_BLANK),
            _column("designation", "text", "Designation in the authority's own words.",
                    "Autism and learning difficulties", blank="none"),
            _column("opens", "academic year", "First academic year.", blank="open already"),
            _column("closes", "academic year", "First academic year without it.",
                    blank="stays open"),
            _number("fee_pounds", "pounds per child per year", "Fee, instead of the model's.",
                    blank=_MODEL_PRICE),
            _number("top_up_pounds", "pounds per child per year", "Top-up, instead of the model's.",
                    "14200", blank=_MODEL_PRICE),
            _number("physical_capacity", "children", "Children that the buildings can hold.",
                    "130", blank="unknown"),
            _number("on_roll", "children", "Children on roll, of every authority.", "118",
                    blank="unknown"),
            _column("inside_authority", "yes/no", "Whether it lies inside the authority.", "yes",
                    blank="found from the boundary; near-home provision counts as inside"),
        ),
        ("provision",), True, "geodata",
    ),
    Table(
        "commissioned_places", "Commissioned places",
        "Places that the authority pays for. Years after the last row keep its value, years before "
        "the first row take the first. A provision without a row has no limit; state special "
        "schools and specialist bases must have one.",
        (
            _column("provision", "text", "The provision.", "quayside", reference=_PROVISION),
            _column("academic_year", "academic year", "From this academic year on.", "2025/26"),
            _number("places", "places", "Places, those used by other authorities included.", "120"),
            _column("other_authority_children", "number",
                    "Children of other authorities who fill some of these places.", "6",
                    blank="0", default=0, minimum=0, unit="children"),
        ),
        ("provision", "academic_year"), True, "geodata",
    ),
    Table(
        "place_limits", "Place limits",
        "Limits inside a provision: so many places for a designation or a phase.",
        (
            _column("provision", "text", "The provision.", "quayside", reference=_PROVISION),
            _column("limit", "text", "Name of the limit.", "Complex needs class"),
            _column("academic_year", "academic year", "The academic year.", blank="every year"),
            _column("needs", "needs", "Needs that it counts: codes separated by |, or any.", "SLD"),
            *_year_groups(("0", "6")),
            _number("places", "children", "Most children of these needs and year groups.", "24"),
        ),
        ("provision", "limit", "academic_year"), False, "geodata",
    ),
    Table(
        "candidate_sites", "Candidate sites",
        "Land or buildings on which a scheme may create a new provision.",
        (
            _column("site", "text", "Identifier of the site; never that of a provision.",
                    "old-depot"),
            _column("name", "text", "Name shown on maps.", "Old depot, Station Road"),
            *_coordinates(("452300", "309700")),
            _column("note", "text", "Remark for readers.", "Owned by the authority", blank="none"),
        ),
        ("site",), False, "geodata",
    ),
    Table(
        "schemes", "Schemes",
        "Capital schemes that the plan may choose. With a site, a scheme creates a new provision "
        "whose identifier is the scheme's; with a provision, it expands that one.",
        (
            _column("scheme", "text", "Identifier of the scheme.", "depot-base"),
            _column("name", "text", "Name shown on reports.", "New base at the old depot"),
            _column("kind", "kind", "Kind of provision created or expanded.", "specialist_base"),
            _column("site", "text", "Candidate site of a new provision.", "old-depot",
                    blank="the scheme expands the provision given",
                    reference=("candidate_sites.site",)),
            _column("provision", "text",
                    "Provision that is expanded: an existing one, or the scheme that creates it.",
                    blank="the scheme creates a provision at the site given",
                    reference=(*_PROVISION, "schemes.scheme")),
            _column("needs", "needs", _NEEDS_MEANING, "ASD|SLCN"),
            _column("tiers", "tiers", "Support tiers served, 1 to 4, separated by |.", "2",
                    blank=_TIERS_BLANK),
            *_year_groups(("0", "6")),
            _number("places", "places", "Places that it adds once full.", "20"),
            _column("earliest_opening", "academic year", "First September in which it can open.",
                    "2027/28"),
            _column("latest_opening", "academic year", "Last September in which it can open.",
                    "2030/31", blank="any year of the horizon"),
            _number("capital_pounds", "pounds", "Capital cost in all.", "1400000"),
            _column("capital_profile", "shares",
                    "Shares of the capital by financial year, adding up to 1, separated by |; the "
                    "last falls in the financial year of the opening September.", "0.2|0.5|0.3",
                    blank="the planning model's profile", minimum=0, maximum=1, unit="share"),
            _column("fill", "shares",
                    "Share of its places on offer by year since opening, rising to 1, separated "
                    "by |.", "0.5|1", blank="the planning model's profile", minimum=0, maximum=1,
                    unit="share"),
            _column("exclusive_group", "text", "At most one scheme of a group opens.",
                    blank="no group"),
            _column("requires", "names", "Schemes, separated by |, that must be open with it.",
                    blank="none", reference=("schemes.scheme",)),
            _column("funding_sources", "names",
                    "Sources in budgets, separated by |, that may pay for it.", "grant",
                    blank="any", reference=("budgets.source",)),
            _column("running_pounds", "number", "Fixed cost once open, beyond that of places.",
                    "25000", blank="0", default=0, minimum=0, unit="pounds per year"),
            _number("fee_pounds", "pounds per child per year",
                    "Fee at the new provision, instead of the model's.", blank=_MODEL_PRICE),
            _number("top_up_pounds", "pounds per child per year",
                    "Top-up at the new provision, instead of the model's.", blank=_MODEL_PRICE),
            _column("designation", "text", "Designation in the authority's own words.", "Autism",
                    blank="none"),
        ),
        ("scheme",), False, "scenarios",
    ),
    Table(
        "children_today", "Children today",
        "Children with a plan in the base year, counted by home, need, tier, year group and the "
        "provision in which they are placed. Counts only: no row may describe a child.",
        (
            _column("area", "text", "Area of the home.", "A01", reference=_AREA),
            _column("need", "need", "Primary need, as a code of the SEN2 return.", "ASD"),
            _column("tier", "tier", "Support that the children need, 1 to 4.", "3",
                    blank=_TIER_BLANK),
            _year_group("year_group", "Year group in the base year.", "4"),
            _column("provision", "text", "Where they are placed.", "quayside",
                    reference=_PROVISION),
            _number("children", "children", "Children in the base year.", "3"),
        ),
        ("area", "need", "tier", "year_group", "provision"), True, "scenarios",
    ),
    Table(
        "projected_children", "Projected children",
        "A forecast of children with a plan, made elsewhere. Without it the forecast is made from "
        "children today, population and rates.",
        (
            _column("academic_year", "academic year", "A planned academic year.", "2026/27"),
            _column("area", "text", "Area of the home.", "A01", reference=_AREA),
            _column("need", "need", "Primary need, as a code of the SEN2 return.", "ASD"),
            _column("tier", "tier", "Support that the children need, 1 to 4.", "3",
                    blank=_TIER_BLANK),
            _year_group("year_group", "Year group in that year.", "5"),
            _number("children", "children", "Children with a plan.", "3.4"),
            _number("joining", "children", "Those of them whose plan is new in that year.", "0.5",
                    blank="derived from the year before and the rate at which plans cease"),
            _column("draw", "whole number", "Draw of an uncertain forecast, 0 = central.", "0",
                    blank="0", default=0, minimum=0),
        ),
        ("academic_year", "area", "need", "tier", "year_group", "draw"), False, "scenarios",
    ),
    Table(
        "population", "Population",
        "Residents of the whole authority by single year of age. Without it the areas' age bands "
        "are used, unchanged through the years.",
        (
            _column("academic_year", "academic year", "The academic year.", "2026/27"),
            _column("age", "whole number", "Age at 31 August before the academic year.", "9",
                    minimum=0, maximum=25, unit="years"),
            _number("people", "people", "Residents of that age.", "1810"),
        ),
        ("academic_year", "age"), False, "scenarios",
    ),
    Table(
        "rates", "Rates",
        "The authority's own rates of new and ceasing plans, instead of the model's.",
        (
            _year_group("year_group", "The year group.", "4"),
            _number("new_plans_per_1000", "new plans per 1,000 people per year",
                    "New plans in the year.", "11.2", blank="the planning model's rate"),
            _column("ceasing_share", "number", "Share of plans that cease within the year.",
                    "0.004", blank="the planning model's share", minimum=0, maximum=1,
                    unit="share"),
        ),
        ("year_group",), False, "scenarios",
    ),
    Table(
        "budgets", "Budgets",
        "Capital that each source gives by financial year; what is not spent carries forward. "
        "Without the table capital is unlimited, and the report says so.",
        (
            _column("financial_year", "financial year", "April to March.", "2026-27"),
            _column("source", "text", "Name of the source.", "grant"),
            _number("pounds", "pounds", "Capital available from that year on.", "2500000"),
        ),
        ("financial_year", "source"), False, "scenarios",
    ),
    Table(
        "allocations", "Allocations",
        "The high-needs allocation, for scenarios that ask for in-year balance.",
        (
            _column("financial_year", "financial year", "April to March.", "2026-27"),
            _number("pounds", "pounds", "High-needs allocation of the year.", "41000000"),
        ),
        ("financial_year",), False, "scenarios",
    ),
    Table(
        "recorded", "Recorded",
        "What the authority's own records say of the base year: children by its return, spend by "
        "its accounts. 'sufficiency baseline' compares it with what these tables and the planning "
        "model give, before any plan is believed. One row a figure; blank cells widen it.",
        (
            _column("kinds", "names",
                    "Kinds of provision that the figure covers, separated by |, for publishers "
                    "group them differently; or not_recorded, for children of whom the return "
                    "names no provision.", "state_special|out_of_area_state_special",
                    blank="every kind"),
            _column("needs", "needs", "Primary needs that the figure covers, separated by |.",
                    blank="every need"),
            _column("phase", "text", "Phase, by its name in the planning model.",
                    blank="every phase"),
            _column("ledger", "text", "Where the pounds are booked: dsg or general_fund.",
                    blank="both"),
            _number("children", "children", "Children with a plan in the base year.", "563",
                    blank="not recorded"),
            _number("pounds", "pounds per year",
                    "Spend of the financial year that begins in the base year.", "13250000",
                    blank="not recorded"),
            _column("source", "text", "Where the figure stands.",
                    "SEN2 return and high-needs outturn"),
        ),
        ("kinds", "needs", "phase", "ledger"), False, "scenarios",
    ),
    Table(
        "travel", "Travel",
        "One-way journeys by car or taxi. Missing pairs are estimated from straight lines and "
        "counted on the report.",
        (
            _column("area", "text", "Where the journey begins.", "A01", reference=_AREA),
            _column("destination", "text", "A provision or a candidate site.", "quayside",
                    reference=(*_PROVISION, "candidate_sites.site")),
            _number("minutes", "minutes one way", "Time of the journey.", "11"),
            _number("km", "km one way", "Length of the journey by road.", "4.2"),
            _column("basis", "text",
                    "What the figures rest on, such as road network or straight line; a journey "
                    "by straight line counts as estimated on the report.", "road network",
                    blank="supplied"),
        ),
        ("area", "destination"), False, "geodata",
    ),
)  # fmt: skip

MANIFEST: Final[dict[str, Table]] = {table.name: table for table in _TABLES}
"""Every input table by name, in the order in which docs/tables.md shows them."""
