"""The national profile that the fictional authorities follow, as rounded published shares.

Source of the shares by age, need and kind of placement: DfE, "Education, health and care plans",
reporting year 2025 (England, January 2025, published 26 June 2025), Open Government Licence v3.0.
Age is age at 31 August, so year group = age - 4. Specialist bases are resourced provision and SEN
units; plans whose placement was not recorded are left out. The shares of support tiers are a
judgement: nobody publishes them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

NEED_ORDER: Final = (
    "ASD", "SLCN", "SEMH", "MLD", "SLD", "PD", "SPLD", "HI", "PMLD", "OTH", "VI", "MSI", "DS",
)  # fmt: skip

KIND_ORDER: Final = (
    "mainstream",
    "specialist_base",
    "state_special",
    "independent_special",
    "non_maintained_special",
    "alternative_provision",
    "further_education",
    "specialist_post_16",
    "educated_elsewhere",
)
"""State special schools of other authorities are inside ``state_special``, as published."""

PLANS_BY_AGE: Final = (
    13, 100, 420, 4302, 22517, 30847, 31867, 34082, 36412, 38381, 41405, 46775, 47172, 47359,
    47125, 44886, 42005, 36484, 28598, 20815, 14495, 9805, 6258, 4030, 2592,
)  # fmt: skip
"""Plans by age 0 to 24. Published as "under 3" (533, shared out by judgement) and single years;
the 371 young people aged 25 are counted with age 24, the last year group."""

PLANS_BY_NEED: Final[dict[str, int]] = {
    "ASD": 201183, "SLCN": 135836, "SEMH": 132217, "MLD": 67861, "SLD": 23181, "PD": 24897,
    "SPLD": 14374, "HI": 8765, "PMLD": 8577, "OTH": 6012, "VI": 5280, "MSI": 1692, "DS": 4000,
}  # fmt: skip
"""Down syndrome became a code of its own in 2025/26: 4,000 is a judgement, taken from severe
learning difficulty (2,500) and other (1,500)."""

# Per cent of plans by need, in the order of NEED_ORDER without DS, from the named age on.
_NEED_BY_AGE: Final[dict[int, tuple[float, ...]]] = {
    0: (19.9, 45.7, 1.1, 4.8, 3.3, 11.0, 1.1, 2.5, 5.8, 2.1, 1.9, 0.9),
    4: (31.0, 50.5, 2.6, 4.0, 2.4, 3.9, 0.6, 1.3, 1.9, 1.0, 0.6, 0.3),
    5: (33.6, 43.7, 7.3, 4.2, 2.4, 3.6, 0.6, 1.2, 1.4, 1.0, 0.6, 0.3),
    7: (32.8, 32.3, 14.9, 6.9, 3.0, 3.9, 1.2, 1.3, 1.4, 1.1, 0.8, 0.3),
    9: (33.2, 23.1, 18.9, 10.4, 3.5, 3.6, 2.3, 1.3, 1.3, 1.3, 0.8, 0.3),
    11: (32.3, 17.5, 22.4, 12.5, 3.7, 3.5, 3.2, 1.4, 1.2, 1.3, 0.8, 0.2),
    13: (31.1, 13.5, 28.1, 12.2, 4.1, 3.5, 2.9, 1.3, 1.1, 1.2, 0.8, 0.2),
    16: (30.5, 11.5, 28.7, 12.3, 4.9, 4.3, 2.6, 1.5, 1.3, 1.1, 1.0, 0.2),
    19: (30.5, 12.5, 19.6, 16.2, 7.6, 5.3, 2.5, 1.8, 1.6, 1.1, 1.1, 0.3),
}

# Per cent of plans by need within each kind of placement, same order.
_NEED_BY_KIND: Final[dict[str, tuple[float, ...]]] = {
    "mainstream": (28.4, 29.3, 20.1, 10.0, 1.3, 3.8, 2.8, 1.3, 0.3, 1.3, 1.0, 0.2),
    "specialist_base": (40.5, 30.1, 9.1, 6.8, 1.7, 2.9, 1.7, 5.0, 0.3, 0.6, 1.0, 0.3),
    "state_special": (36.4, 18.5, 12.3, 11.0, 9.2, 4.5, 1.2, 0.9, 3.7, 1.2, 0.6, 0.4),
    "independent_special": (38.1, 11.6, 37.0, 5.8, 2.1, 1.0, 2.5, 0.3, 0.5, 0.8, 0.2, 0.1),
    "non_maintained_special": (34.2, 15.1, 11.8, 6.2, 5.3, 9.0, 1.0, 8.3, 4.8, 1.3, 2.3, 0.7),
    "alternative_provision": (18.6, 9.0, 63.6, 3.8, 0.8, 0.8, 1.3, 0.5, 0.4, 0.9, 0.1, 0.1),
    "further_education": (29.8, 13.5, 24.8, 15.9, 4.1, 4.5, 3.0, 1.8, 0.6, 1.1, 0.9, 0.2),
    "specialist_post_16": (35.6, 10.1, 14.1, 12.7, 11.4, 6.2, 1.7, 1.1, 3.5, 1.3, 2.0, 0.4),
    "educated_elsewhere": (29.3, 11.1, 38.1, 9.2, 2.8, 3.2, 2.1, 1.0, 1.0, 1.3, 0.6, 0.2),
}

# Per cent of plans by kind of placement, in the order of KIND_ORDER, by age 2 to 25. A few tenths
# that no provision of an example could hold (colleges before 16, alternative provision after it,
# schools after 18) are counted with the nearest kind.
_KIND_BY_AGE: Final[dict[int, tuple[float, ...]]] = {
    0: (74.0, 0.0, 8.5, 1.0, 0.0, 0.0, 0.0, 0.0, 16.5),
    3: (87.0, 0.0, 6.5, 0.4, 0.2, 0.0, 0.0, 0.0, 5.3),
    4: (71.4, 6.0, 19.9, 0.6, 0.2, 0.0, 0.0, 0.0, 1.8),
    5: (66.6, 6.7, 23.2, 1.3, 0.3, 0.1, 0.0, 0.0, 1.7),
    6: (63.5, 6.8, 25.3, 1.8, 0.4, 0.3, 0.0, 0.0, 1.9),
    7: (59.8, 7.2, 27.6, 2.5, 0.4, 0.5, 0.0, 0.0, 1.9),
    8: (59.0, 6.8, 27.9, 3.2, 0.4, 0.6, 0.0, 0.0, 2.1),
    9: (59.3, 6.3, 27.2, 3.6, 0.5, 0.6, 0.0, 0.0, 2.4),
    10: (61.0, 5.4, 25.7, 4.1, 0.6, 0.7, 0.0, 0.0, 2.5),
    11: (48.7, 4.0, 35.3, 7.0, 0.9, 0.6, 0.0, 0.0, 3.4),
    12: (46.5, 4.2, 35.7, 7.9, 0.9, 0.8, 0.0, 0.0, 4.0),
    13: (44.2, 4.0, 35.6, 9.2, 1.0, 1.2, 0.0, 0.0, 4.8),
    14: (42.3, 4.0, 34.7, 9.8, 1.0, 2.0, 0.0, 0.0, 6.0),
    15: (42.1, 3.8, 33.5, 9.3, 1.1, 2.7, 0.0, 0.0, 7.5),
    16: (11.9, 0.0, 20.9, 4.4, 0.9, 0.0, 45.5, 2.6, 13.8),
    17: (8.2, 0.0, 19.5, 3.1, 0.9, 0.0, 47.4, 3.3, 17.6),
    18: (0.0, 0.0, 16.9, 2.1, 1.0, 0.0, 53.2, 4.6, 22.2),
    19: (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 61.2, 12.1, 26.7),
    20: (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 60.2, 12.4, 27.4),
    21: (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 57.2, 14.8, 28.0),
    22: (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 57.1, 12.4, 30.5),
    23: (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 54.2, 11.5, 34.3),
    24: (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 53.4, 11.0, 35.6),
}

TIERS_BY_NEED: Final[dict[str, tuple[float, float, float, float]]] = {
    "SPLD": (0.73, 0.09, 0.16, 0.02),
    "MLD": (0.56, 0.10, 0.30, 0.04),
    "SLD": (0.16, 0.05, 0.55, 0.24),
    "PMLD": (0.08, 0.03, 0.30, 0.59),
    "SEMH": (0.60, 0.10, 0.20, 0.10),
    "SLCN": (0.62, 0.11, 0.22, 0.05),
    "HI": (0.62, 0.18, 0.15, 0.05),
    "VI": (0.70, 0.08, 0.15, 0.07),
    "MSI": (0.46, 0.08, 0.26, 0.20),
    "PD": (0.55, 0.05, 0.28, 0.12),
    "ASD": (0.46, 0.12, 0.32, 0.10),
    "DS": (0.45, 0.10, 0.35, 0.10),
    "OTH": (0.58, 0.06, 0.28, 0.08),
}
"""Share of each need's children by tier 1 to 4: the judgement of ``models/england-2026.toml``,
held here as well so that a change of model does not alter made-up children of the past."""

TIERS_BY_KIND: Final[dict[str, tuple[float, float, float, float]]] = {
    "mainstream": (0.865, 0.080, 0.050, 0.005),
    "specialist_base": (0.050, 0.830, 0.110, 0.010),
    "state_special": (0.015, 0.095, 0.660, 0.230),
    "independent_special": (0.010, 0.080, 0.580, 0.330),
    "non_maintained_special": (0.000, 0.030, 0.600, 0.370),
    "out_of_area_state_special": (0.000, 0.030, 0.650, 0.320),
    "alternative_provision": (0.150, 0.750, 0.100, 0.000),
    "further_education": (0.740, 0.140, 0.120, 0.000),
    "specialist_post_16": (0.000, 0.150, 0.500, 0.350),
    "educated_elsewhere": (0.600, 0.120, 0.220, 0.060),
}
"""Share of an average need's children by tier 1 to 4 in each kind of placement. One in seven
children in mainstream needs more than tier 1: today's shortage of bases and special schools."""


def tier_chances(need: str, kind: str) -> NDArray[np.float64]:
    """The chances of tiers 1 to 4 for a child of that need placed in that kind of provision."""
    plans = np.array(list(PLANS_BY_NEED.values()), dtype=np.float64)
    average = plans @ np.array([TIERS_BY_NEED[code] for code in PLANS_BY_NEED]) / plans.sum()
    chances = np.array(TIERS_BY_KIND[kind]) * np.array(TIERS_BY_NEED[need]) / average
    return np.asarray(chances / chances.sum(), dtype=np.float64)


def _with_down_syndrome(shares: tuple[float, ...]) -> NDArray[np.float64]:
    """Thirteen shares from the published twelve: part of SLD and OTH becomes DS."""
    found = np.array([*shares, 0.0])
    for code, part in (("SLD", 2500 / 25681), ("OTH", 1500 / 7512)):
        moved = found[NEED_ORDER.index(code)] * part
        found[NEED_ORDER.index(code)] -= moved
        found[-1] += moved
    return np.asarray(found / found.sum(), dtype=np.float64)


def plans_by_kind_need_age(lean: dict[str, float]) -> NDArray[np.float64]:
    """Shares of all plans by kind of placement, need and age 0 to 24, adding up to 1.

    Only the three pairs of margins are published; the joint shares are the proportional fit to
    need by age and kind by age that starts from need by kind.

    Args:
        lean: local factors on the national share of a kind, such as more specialist bases.
    """
    start = np.array([_with_down_syndrome(_NEED_BY_KIND[kind]) for kind in KIND_ORDER])
    leans = np.array([lean.get(kind, 1.0) for kind in KIND_ORDER])
    joint = np.zeros((len(KIND_ORDER), len(NEED_ORDER), len(PLANS_BY_AGE)))
    for age, plans in enumerate(PLANS_BY_AGE):
        needs = _with_down_syndrome(_NEED_BY_AGE[max(a for a in _NEED_BY_AGE if a <= age)])
        kinds = np.array(_KIND_BY_AGE[max(a for a in _KIND_BY_AGE if a <= age)]) * leans
        kinds = kinds / kinds.sum()
        cell = start * kinds[:, None]
        for _ in range(60):
            cell = cell * (needs / cell.sum(axis=0))[None, :]
            rows = cell.sum(axis=1)
            cell = cell * (kinds / np.where(rows > 0, rows, 1.0))[:, None]
        joint[:, :, age] = cell * plans
    return np.asarray(joint / joint.sum(), dtype=np.float64)
