"""What is particular to each of the three fictional authorities. No such places exist.

Points are in km east and north of the authority's south-west corner.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

Point = tuple[float, float]


@dataclass(frozen=True)
class Town:
    """A town, which gives its name to a locality; ``deprived`` leans from 0 to 1."""

    name: str
    at: Point
    areas: int
    spread_km: float
    deprived: float


@dataclass(frozen=True)
class Barrier:
    """A line that roads cannot cross but at its ``gates`` (bridges, passes, the way round)."""

    ends: tuple[Point, Point]
    gates: tuple[Point, ...]


@dataclass(frozen=True)
class School:
    """A provision with coordinates.

    ``where`` is a town or a point; ``size`` weighs how many children it has today; ``room`` is
    places over children where places are not commissioned by the authority itself.
    """

    name: str
    template: str
    where: str | Point
    size: int
    room: float = 1.0
    fee: int | None = None
    closes: int | None = None


@dataclass(frozen=True)
class Site:
    """A candidate site."""

    name: str
    where: str | Point
    note: str = ""


@dataclass(frozen=True)
class Scheme:
    """A scheme; ``where`` is a site's name, or the id of the provision or scheme it enlarges.

    ``template`` gives kind, needs and year groups; blank for an expansion, which takes those of
    its provision or scheme. ``thousands`` is capital per place and ``running`` the fixed yearly
    cost of a new school, both in thousands of pounds.
    """

    name: str
    template: str
    where: str
    places: int
    opens: int
    thousands: int
    group: str = ""
    sources: str = ""
    latest: int | None = None
    running: int = 0


@dataclass(frozen=True)
class Size:
    """One example: a fictional authority and how big it is."""

    name: str
    authority: str
    folder: str
    code: str
    seed: int
    plans: int
    under_25_per_area: int
    origin: tuple[int, int]
    extent: Point
    coast: str
    estuary: tuple[Point, Point]
    moor: tuple[Point, Point]
    towns: tuple[Town, ...]
    rural_areas: int
    barriers: tuple[Barrier, ...]
    schools: tuple[School, ...]
    sites: tuple[Site, ...]
    schemes: tuple[Scheme, ...]
    committed: dict[str, int]
    what_ifs: dict[str, tuple[str, str]] = field(default_factory=dict)
    lean: dict[str, float] = field(default_factory=dict)
    budget_share: float = 0.6

    @property
    def areas(self) -> int:
        """Number of small areas."""
        return self.rural_areas + sum(town.areas for town in self.towns)


COMPLEX = "SLD|PMLD|PD|MSI|VI|HI|DS|OTH|ASD"
BROAD = "ASD|SLCN|MLD|SPLD|SLD|SEMH|HI|VI|PD|DS|OTH"
LEARNING = "MLD|SPLD|SLCN|ASD|SLD|DS|HI|VI|PD|OTH"
AUTISM = "ASD|SLCN|OTH"
LEARNING_BASE = "MLD|SPLD|SLCN|DS|SLD|OTH|PD|VI|PMLD|MSI"
SEMH_NAME = "Social, emotional and mental health"

# Sources of capital that a scheme may draw on; blank is any.
GRANT = "high needs capital|borrowing"
MOST = "high needs capital|basic need|borrowing"
GROWTH = "basic need|section 106"
DEVELOPER = "high needs capital|section 106|borrowing"

# template: (kind, designation, needs, lowest year group, highest year group)
TEMPLATES: Final[dict[str, tuple[str, str, str, int, int]]] = {
    "assessment nursery": ("state_special", "Early years assessment", "any", -4, -1),
    "complex": ("state_special", "Severe and complex learning", COMPLEX, -1, 14),
    "autism": ("state_special", "Autism and communication", AUTISM, 0, 13),
    "semh": ("state_special", SEMH_NAME, "SEMH|ASD|OTH", 2, 11),
    "semh secondary": ("state_special", SEMH_NAME, "SEMH|ASD|SLCN|OTH", 7, 11),
    "learning": ("state_special", "Learning and communication", LEARNING, 0, 11),
    "learning secondary": ("state_special", "Learning and communication", LEARNING, 7, 13),
    "primary": ("state_special", "Broad primary", BROAD, 0, 6),
    "secondary": ("state_special", "Broad secondary", BROAD, 7, 13),
    "autism base primary": ("specialist_base", "Autism and communication", "ASD|SLCN", 0, 6),
    "autism base": ("specialist_base", "Autism and communication", "ASD|SLCN", 7, 11),
    "language base": ("specialist_base", "Speech and language", "SLCN|ASD|MLD|HI", 0, 6),
    "learning base primary": ("specialist_base", "Learning", LEARNING_BASE, 0, 6),
    "learning base": ("specialist_base", "Learning", LEARNING_BASE, 7, 11),
    "hearing base primary": ("specialist_base", "Hearing", "HI|MSI|SLCN", 0, 6),
    "hearing base": ("specialist_base", "Hearing", "HI|MSI|VI|SLCN", 7, 11),
    "semh base primary": ("specialist_base", SEMH_NAME, "SEMH|ASD", 1, 6),
    "semh base": ("specialist_base", SEMH_NAME, "SEMH|ASD", 7, 11),
    "alternative": ("alternative_provision", "Alternative provision", BROAD, 1, 11),
    "independent autism": ("independent_special", "Autism", LEARNING + "|SEMH", 0, 13),
    "independent semh": ("independent_special", "SEMH", "SEMH|ASD|SLCN|SPLD|MLD|OTH", 2, 11),
    "independent": ("independent_special", "SEMH and autism", "any", -1, 14),
    "non-maintained": ("non_maintained_special", "Sensory and physical", "any", -1, 14),
    "over the border": ("out_of_area_state_special", "Learning", BROAD + "|PMLD|MSI", -1, 13),
    "specialist college": ("specialist_post_16", "Specialist college", "any", 12, 20),
}
"""What schools of one sort have in common."""

# ------------------------------------------------------------------ small
# fmt: off  (one school or scheme a line or two)

SALTMARCH = Size(
    name="small",
    authority="Saltmarch",
    folder="saltmarch",
    code="SAL",
    seed=20251,
    plans=400,
    under_25_per_area=310,
    origin=(566000, 302000),
    extent=(17.0, 13.5),
    coast="east",
    estuary=((17.0, 7.2), (12.0, 6.8)),
    moor=((3.2, 4.6), (2.0, 2.2)),
    towns=(
        Town("Saltmarch", (7.2, 4.6), 14, 1.1, 0.6),
        Town("Gullsea", (13.6, 3.4), 8, 0.8, 1.0),
        Town("Fenwater", (10.0, 10.4), 6, 0.7, 0.2),
        Town("Ludmarsh", (3.6, 9.4), 3, 0.5, 0.3),
    ),
    rural_areas=4,
    barriers=(Barrier(((18.5, 7.2), (11.8, 6.8)), ((11.4, 6.8),)),),
    schools=(
        School("Little Saltings Nursery", "assessment nursery", "Saltmarch", 4),
        School("Saltings School", "complex", "Saltmarch", 42),
        School("Gullsea Bay School", "primary", "Gullsea", 24),
        School("Fenwater Lodge School", "secondary", (9.2, 9.8), 34),
        School("St Brannoc's Primary (autism base)", "autism base primary", "Saltmarch", 8),
        School("Northgate Academy (autism base)", "autism base", "Saltmarch", 8),
        School("Windmill Primary (language base)", "language base", "Fenwater", 5),
        School("The Quay Centre", "alternative", "Saltmarch", 4),
        School("Sandling House School", "independent autism", (4.6, 4.8), 6, 1.6),
        School("Oakfen Hall School", "independent", (-6.0, 8.0), 6, 3.5, fee=72000),
        School("Marram School", "independent semh", (11.0, -4.5), 7, 1.6),
        School("Royal Wash School for Sensory Needs", "non-maintained", (-9.0, 1.5), 3, 1.7),
        School("Beckwith Fields School", "over the border", (1.0, 15.8), 4, 1.5),
        School("Bridge House College", "specialist college", (3.4, 9.0), 4, 1.5),
        School("Eastern Skills College", "specialist college", (-7.5, 3.0), 3, 4.0),
    ),
    sites=(
        Site("Northgate", "Saltmarch", "Former infant school, council owned"),
        Site("Harbour Road", "Gullsea", "Vacant depot; flood risk to be settled"),
        Site("Fen Lane", "Fenwater", "Field beside the academy"),
        Site("Ludmarsh Green", (3.2, 9.9), "Small village school with empty classrooms"),
    ),
    schemes=(
        Scheme(
            "Northgate autism school",
            "autism",
            "northgate",
            30,
            2028,
            92,
            group="autism-school",
            sources=GRANT,
            running=60,
        ),
        Scheme(
            "Harbour Road autism school",
            "autism",
            "harbour-road",
            30,
            2028,
            94,
            group="autism-school",
            sources=GRANT,
            running=60,
        ),
        Scheme("Northgate second phase", "autism", "northgate-autism-school", 14, 2030, 58),
        Scheme(
            "Fen Lane SEMH school",
            "semh",
            "fen-lane",
            24,
            2029,
            112,
            group="semh-school",
            running=55,
        ),
        Scheme(
            "Harbour Road SEMH school",
            "semh",
            "harbour-road",
            24,
            2029,
            108,
            group="semh-school",
            running=55,
        ),
        Scheme("Saltings School extension", "", "saltings-school", 8, 2027, 46),
        Scheme(
            "Fenwater Lodge School extension",
            "",
            "fenwater-lodge-school",
            8,
            2027,
            52,
            sources=GROWTH,
        ),
        Scheme("Gullsea Bay School classrooms", "", "gullsea-bay-school", 6, 2028, 38),
        Scheme("Northgate learning base", "learning base", "northgate", 12, 2027, 28),
        Scheme(
            "Harbour Road language base",
            "language base",
            "harbour-road",
            10,
            2027,
            24,
            sources=DEVELOPER,
        ),
        Scheme(
            "Ludmarsh Green learning base", "learning base primary", "ludmarsh-green", 10, 2027, 45
        ),
        Scheme("Northgate Academy SEMH base", "semh base", "fen-lane", 10, 2028, 33),
    ),
    committed={"saltings-school-extension": 2027},
    lean={"specialist_base": 1.4},
    budget_share=0.62,
)

# ------------------------------------------------------------------ median

WYRECOMBE = Size(
    name="median",
    authority="Wyrecombe",
    folder="wyrecombe",
    code="WYR",
    seed=20252,
    plans=3300,
    under_25_per_area=446,
    origin=(333000, 436000),
    extent=(45.0, 35.0),
    coast="west",
    estuary=((0.0, 12.6), (9.0, 13.4)),
    moor=((27.5, 20.0), (6.5, 5.0)),
    towns=(
        Town("Harrowmere", (16.5, 19.5), 74, 2.0, 0.8),
        Town("Fellhaven", (6.5, 28.8), 30, 1.4, 1.0),
        Town("Marlsea", (7.6, 5.4), 24, 1.3, 0.5),
        Town("Orrinbridge", (24.5, 6.5), 20, 1.1, 0.3),
        Town("Brindlesham", (39.0, 10.5), 16, 1.0, 0.2),
        Town("Copperwick", (35.0, 29.5), 12, 0.9, 0.7),
        Town("Eldermoor", (37.6, 20.4), 6, 0.7, 0.2),
    ),
    rural_areas=18,
    barriers=(
        Barrier(((-3.0, 12.6), (9.6, 13.4)), ((10.2, 13.5), (5.5, 13.1))),
        Barrier(((21.5, 18.5), (33.5, 21.5)), ((20.8, 18.0), (28.0, 20.2), (34.2, 21.8))),
        Barrier(((27.0, 15.2), (28.0, 25.0)), ((26.8, 14.5), (27.5, 20.0), (28.2, 25.8))),
    ),
    schools=(
        School("Little Lanterns Nursery", "assessment nursery", "Harrowmere", 14),
        School("The Beacon School", "complex", "Harrowmere", 145),
        School("Harbour View School", "complex", "Fellhaven", 95),
        School("Marlsea Sands School", "learning", "Marlsea", 100),
        School("Brackenfield School", "learning secondary", "Harrowmere", 135),
        School("Priory Lane School", "primary", "Harrowmere", 100),
        School("Five Arches School", "autism", "Orrinbridge", 95),
        School("Copperwick Tor School", "secondary", "Copperwick", 65),
        School("Ravensgill School", "semh", (13.8, 22.0), 55),
        School("Netherby Hall School", "semh secondary", "Brindlesham", 40),
        School("Northgate Primary (autism base)", "autism base primary", "Harrowmere", 14),
        School("Larkrise Primary (language base)", "language base", "Harrowmere", 12),
        School("Moorland Road Primary (learning base)", "learning base primary", "Harrowmere", 10),
        School("Canal Street Academy (autism base)", "autism base", "Harrowmere", 16),
        School("St Hilda's Academy (hearing base)", "hearing base", "Harrowmere", 7),
        School("Meadowbank Primary (hearing base)", "hearing base primary", "Harrowmere", 6),
        School("Harbour View Primary (autism base)", "autism base primary", "Fellhaven", 12),
        School("Fellhaven Academy (learning base)", "learning base", "Fellhaven", 11),
        School("Dunes Primary (language base)", "language base", "Marlsea", 11, closes=2030),
        School("Marlsea High (autism base)", "autism base", "Marlsea", 14),
        School("Old Mill Primary (autism base)", "autism base primary", "Orrinbridge", 10),
        School("Orrinbridge High (SEMH base)", "semh base", "Orrinbridge", 8),
        School("Brindlesham Primary (autism base)", "autism base primary", "Brindlesham", 9),
        School("Smithy Lane Academy (SEMH base)", "semh base", "Copperwick", 8),
        School("The Bridge Centre", "alternative", "Harrowmere", 18),
        School("The Cove Centre", "alternative", "Fellhaven", 9),
        School("Kestrel House School", "independent semh", "Harrowmere", 20, 1.4),
        School("Thornfold School", "independent autism", (31.0, 8.0), 22, 1.5),
        School("Quayside Independent School", "independent", (4.9, 27.5), 14, 1.5),
        School("Summerlees School", "independent semh", (23.0, -5.0), 18, 1.6),
        School("Greystone Manor School", "independent autism", (50.0, 14.0), 18, 1.5, fee=69500),
        School("Hollin Bank School", "independent semh", (14.0, 40.5), 18, 1.5),
        School("Ashlar Park School", "independent", (13.0, -3.5), 16, 3.6, fee=74000),
        School("Linnet Hall School", "independent", (24.5, 39.5), 14, 3.6, fee=76500),
        School("Coldwell Grange School", "independent", (48.5, 24.0), 12, 2.6, fee=81000),
        School("Royal Northern School for Sensory Needs", "non-maintained", (20.0, 42.0), 14, 1.3),
        School("St Cuthman's School", "non-maintained", (34.0, -4.5), 10, 1.4),
        School("Penhurst Vale School", "over the border", (18.0, -4.0), 16, 1.15),
        School("Westing Park School", "over the border", (48.0, 9.0), 14, 1.15),
        School("Scarrow Beck School", "over the border", (30.0, 39.0), 10, 1.15),
        School("Harrowmere Bridge College", "specialist college", "Harrowmere", 26, 1.3),
        School("Seascale House College", "specialist college", (10.5, 38.5), 14, 1.4),
        School(
            "Dale and Fell Residential College",
            "specialist college",
            (33.0, -6.0),
            12,
            5.0,
            fee=64000,
        ),
    ),
    sites=(
        Site("Northgate", "Harrowmere", "Former high school playing field, council owned"),
        Site("Canal Basin", "Harrowmere", "Brownfield; remediation included in capital"),
        Site("Fellhaven Dock Road", "Fellhaven", "Vacant primary school"),
        Site("Marlsea Golf Lane", "Marlsea", "Developer land under a section 106 agreement"),
        Site("Orrinbridge Station", "Orrinbridge", "Beside the secondary academy"),
        Site("Brindlesham Park", "Brindlesham", "Surplus county farm"),
        Site("Copperwick Mill", "Copperwick", "Listed mill; dear to convert"),
        Site("Eldermoor Camp", (36.6, 22.4), "Outdoor centre on the moor, hard to reach"),
        Site("Larch Avenue", (18.6, 21.0), "Infant school with falling rolls"),
    ),
    schemes=(
        Scheme(
            "Northgate new school", "autism", "northgate", 120, 2027, 96, sources=MOST, running=180
        ),
        Scheme("Northgate second phase", "autism", "northgate-new-school", 40, 2030, 72),
        Scheme(
            "Fellhaven new school",
            "secondary",
            "fellhaven-dock-road",
            80,
            2029,
            104,
            group="broad-secondary",
            running=170,
        ),
        Scheme(
            "Brindlesham new school",
            "secondary",
            "brindlesham-park",
            80,
            2029,
            108,
            group="broad-secondary",
            running=170,
        ),
        Scheme(
            "Eldermoor new school",
            "complex",
            "eldermoor-camp",
            80,
            2030,
            118,
            sources=GRANT,
            running=190,
        ),
        Scheme(
            "Marlsea SEMH school",
            "semh",
            "marlsea-golf-lane",
            60,
            2029,
            106,
            group="semh-school",
            latest=2032,
            sources=DEVELOPER,
            running=160,
        ),
        Scheme(
            "Canal Basin SEMH school",
            "semh",
            "canal-basin",
            60,
            2029,
            109,
            group="semh-school",
            running=160,
        ),
        Scheme("Canal Basin SEMH second phase", "semh", "canal-basin-semh-school", 24, 2031, 70),
        Scheme(
            "Orrinbridge satellite", "learning", "orrinbridge-station", 30, 2028, 60, running=70
        ),
        Scheme("The Beacon School extension", "", "the-beacon-school", 24, 2027, 52),
        Scheme("Harbour View School extension", "", "harbour-view-school", 16, 2027, 48),
        Scheme("Brackenfield School extension", "", "brackenfield-school", 24, 2028, 44),
        Scheme(
            "Priory Lane School classrooms", "", "priory-lane-school", 16, 2027, 36, sources=GROWTH
        ),
        Scheme("Ravensgill School vocational block", "", "ravensgill-school", 12, 2028, 58),
        Scheme("Larch Avenue autism base", "autism base primary", "larch-avenue", 20, 2027, 26),
        Scheme(
            "Orrinbridge SEMH base primary",
            "semh base primary",
            "orrinbridge-station",
            16,
            2027,
            31,
        ),
        Scheme("Northgate secondary autism base", "autism base", "northgate", 20, 2028, 34),
        Scheme("Fellhaven SEMH base", "semh base", "fellhaven-dock-road", 16, 2028, 32),
        Scheme(
            "Fellhaven Academy base extension",
            "",
            "fellhaven-academy-base",
            10,
            2027,
            22,
            sources=GROWTH,
        ),
        Scheme(
            "Copperwick Mill hearing base", "hearing base primary", "copperwick-mill", 12, 2028, 45
        ),
    ),
    committed={"northgate-new-school": 2027},
    what_ifs={
        "northgate-late": (
            "# What if the Northgate school, already decided, opens a year late?\n",
            '[[what_if]]\nchange = "delay"\nscheme = "northgate-new-school"\nyears = 1\n',
        ),
        "semh-demand": (
            "# What if a fifth more children have social, emotional and mental health needs?\n",
            '[[what_if]]\nchange = "demand"\nneeds = ["SEMH"]\nfactor = 1.2\n'
            'from_year = "2026/27"\n',
        ),
        "dearer-independents": (
            "# What if independent special schools put their fees up by a tenth?\n",
            '[[what_if]]\nchange = "fee"\nkinds = ["independent_special"]\nfactor = 1.1\n'
            'from_year = "2027/28"\n',
        ),
        "early-intervention": (
            "# What if help in ordinary classrooms avoids a tenth of new plans for speech and\n"
            "# language, learning and mental health needs?\n",
            '[[what_if]]\nchange = "early_intervention"\nneeds = ["SLCN", "MLD", "SEMH"]\n'
            'factor = 0.9\nfrom_year = "2028/29"\n',
        ),
    },
    lean={"specialist_base": 1.25},
    budget_share=0.56,
)

# fmt: on
# ------------------------------------------------------------------ large

_KESTER_TOWNS = (
    Town("Kesterton", (38.0, 34.0), 150, 3.2, 0.8),
    Town("Tamsford", (14.0, 44.0), 90, 2.3, 0.4),
    Town("Sandhaven", (24.0, 9.0), 84, 2.2, 0.9),
    Town("Wealdmere", (57.0, 40.0), 72, 2.0, 0.2),
    Town("Pelhambury", (70.0, 28.0), 66, 1.9, 0.5),
    Town("Oxmarden", (60.0, 12.5), 60, 1.8, 0.6),
    Town("Cranfold", (10.0, 22.0), 54, 1.7, 0.3),
    Town("Limeregate", (30.0, 53.0), 50, 1.6, 0.5),
    Town("Chalkminster", (45.0, 20.0), 48, 1.6, 0.2),
    Town("Dunsea", (73.5, 9.5), 42, 1.5, 1.0),
    Town("Marrowfield", (66.0, 54.0), 36, 1.4, 0.4),
    Town("Hopmarden", (46.0, 55.0), 32, 1.3, 0.3),
    Town("Stourleigh", (26.0, 24.0), 30, 1.2, 0.1),
    Town("Rushfold", (76.0, 44.0), 26, 1.2, 0.6),
)

_FIRST = (
    "Alder", "Bramble", "Cedar", "Dray", "Elm", "Fox", "Gorse", "Heron", "Ivy", "Juniper",
    "Kite", "Larch", "Maple", "Nettle", "Oak", "Plover", "Quince", "Rowan", "Swift", "Thistle",
)  # fmt: skip
_SECOND = ("bank", "bourne", "croft", "field", "gate", "hurst", "lea", "mead", "ridge", "wood")


def _names() -> list[str]:
    """Two hundred school names, each once, neighbours unlike each other."""
    return [
        f"{_FIRST[(i * 7 + i // 20) % 20]}{_SECOND[(i * 3 + i // 20) % 10]}" for i in range(200)
    ]


def _kester_schools() -> tuple[School, ...]:
    names = iter(_names())
    schools: list[School] = []

    def add(template: str, where: str | Point, size: int, title: str, room: float = 1.0) -> None:
        schools.append(School(f"{next(names)} {title}".strip(), template, where, size, room))

    towns = [town.name for town in _KESTER_TOWNS]
    for town in towns[:5]:
        add("assessment nursery", town, 14, "Nursery")
    sorts = ("complex", "primary", "autism", "semh", "learning secondary", "learning", "secondary")
    sizes = {"complex": 190, "primary": 130, "semh": 80, "learning secondary": 190}
    for index in range(37):
        sort = sorts[(index + index // 14) % 7]
        add(sort, towns[index % 14], sizes.get(sort, 150), "School")
    bases = (
        "autism base primary", "autism base", "language base", "learning base primary",
        "semh base", "learning base", "hearing base primary", "autism base primary",
        "semh base primary", "hearing base",
    )  # fmt: skip
    for index in range(70):
        base = bases[(index + index // 14) % 10]
        school = "Primary" if base.endswith("primary") or base == "language base" else "Academy"
        label = base.removesuffix(" primary").replace("semh", "SEMH")
        add(base, towns[index % 14], 13, f"{school} ({label})")
    for town in towns[:7]:
        add("alternative", town, 22, "Centre")
    inside = ("independent semh", "independent autism", "independent")
    for index in range(18):
        add(inside[index % 3], towns[index * 5 % 14], 26, "House School", 1.5)
    beyond: tuple[Point, ...] = (
        (-6.0, 20.0), (-7.0, 45.0), (12.0, 67.0), (36.0, 69.0), (55.0, 68.0), (75.0, 66.0),
        (89.0, 50.0), (90.0, 30.0), (88.0, 12.0), (-8.0, 32.0),
    )  # fmt: skip
    for index, point in enumerate(beyond * 2):
        nudged = (point[0] + index // 10 * 1.7, point[1] - index // 10 * 2.3)
        room = 3.2 if index % 4 == 0 else 1.5
        add("independent" if room > 2 else inside[index % 2], nudged, 24, "Hall School", room)
    for point in beyond[:3]:
        add("non-maintained", (point[0] + 1.0, point[1] + 3.0), 40, "Trust School", 1.3)
    for point in beyond[1:8:2]:
        add("over the border", (point[0], point[1] - 3.0), 60, "Vale School", 1.15)
    for town in towns[:6:2]:
        add("specialist college", town, 50, "College", 1.4)
    for index in (1, 4, 7):
        add("specialist college", beyond[index], 45, "Residential College", 4.0)
    return tuple(schools)


def _kester_sites() -> tuple[Site, ...]:
    first = tuple(Site(f"{town.name} North", town.name, "Council land") for town in _KESTER_TOWNS)
    return first + tuple(
        Site(f"{town.name} Garden Village", town.name, "Developer land, section 106")
        for town in _KESTER_TOWNS[:4]
    )


def _kester_schemes() -> tuple[Scheme, ...]:
    schemes: list[Scheme] = []
    sorts = ("autism", "semh", "learning", "complex", "secondary", "autism", "semh")
    for index, town in enumerate(_KESTER_TOWNS):
        # Two towns compete for each of seven schools.
        sort = sorts[index // 2]
        label = sort.replace("semh", "SEMH")
        schemes.append(
            Scheme(
                f"{town.name} {label} school", sort, f"{town.name} North", 160 - 40 * (index % 2),
                2028 + index % 4, 92 + (index * 5) % 24, group=f"school-{index // 2 + 1}",
                running=200,
            )
        )  # fmt: skip
    for index in (0, 4, 8):
        parent = schemes[index]
        schemes.append(
            Scheme(f"{parent.name} second phase", parent.template, slug(parent.name), 60, 2031, 66)
        )  # fmt: skip
    specials = [s for s in _kester_schools() if TEMPLATES[s.template][0] == "state_special"]
    for index, school in enumerate(specials[5:14]):
        schemes.append(
            Scheme(f"{school.name} extension", "", slug(school.name), 24 + index % 3 * 12,
                   2027 + index % 2, 36 + index * 3, sources=GRANT)
        )  # fmt: skip
    bases = ("autism base primary", "semh base", "learning base primary", "autism base",
             "semh base primary", "learning base", "language base")  # fmt: skip
    for index, town in enumerate(_KESTER_TOWNS):
        base = bases[index % 7]
        label = base.replace("semh", "SEMH")
        garden = index < 4
        where = f"{town.name} {'Garden Village' if garden else 'North'}"
        schemes.append(
            Scheme(f"{town.name} {label}", base, where, 20, 2027 + index % 3,
                   22 + index * 5 % 21, sources=GROWTH if garden else "")
        )  # fmt: skip
    return tuple(schemes)


def slug(name: str) -> str:
    """The readable id of a name: "Northgate School (autism base)" is ``northgate-school-base``."""
    head, _, bracket = name.casefold().partition("(")
    words = head + ("base" if "base" in bracket else "")
    return "-".join("".join(c for c in words.replace("-", " ") if c.isalnum() or c == " ").split())


KESTERSHIRE = Size(
    name="large",
    authority="Kestershire",
    folder="kestershire",
    code="KES",
    seed=20253,
    plans=20000,
    under_25_per_area=600,
    origin=(542000, 112000),
    extent=(82.0, 62.0),
    coast="south",
    estuary=((51.0, 0.0), (51.5, 11.0)),
    moor=((58.0, 27.0), (6.0, 3.5)),
    towns=_KESTER_TOWNS,
    rural_areas=60,
    barriers=(
        Barrier(((51.0, -3.0), (51.5, 12.0)), ((51.5, 12.8), (51.3, 6.5))),
        Barrier(((51.0, 27.0), (65.0, 27.0)), ((50.2, 27.0), (58.0, 27.0), (65.8, 27.0))),
        Barrier(((20.0, 16.0), (33.0, 17.5)), ((19.5, 16.0), (26.0, 16.7), (33.5, 17.6))),
    ),
    schools=_kester_schools(),
    sites=_kester_sites(),
    schemes=_kester_schemes(),
    committed={"kesterton-autism-school": 2028},
)

SIZES: Final[dict[str, Size]] = {size.name: size for size in (SALTMARCH, WYRECOMBE, KESTERSHIRE)}
"""The three examples by name."""
