"""Diagonals: children followed through the years, and the share of them still present.

A diagonal is (area, need, tier, birth), birth being academic year less year group. Everybody on
it meets the same transition points in the same September.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
KEY = ["area", "need", "tier", "birth"]


@dataclass(frozen=True)
class Diagonals:
    """Children on every diagonal by year; column 0 is the base year.

    Attributes:
        keys: columns area, need, tier, birth (academic year less year group).
        children: children with a plan, diagonals x (1 + planned years).
        joining: of them, new in that year (column 0 is zero).
        survival: share of the year before who are still there (column 0 is one).
        base_year: academic year of column 0.
    """

    keys: pd.DataFrame
    children: Array
    joining: Array
    survival: Array
    base_year: int

    def year_group(self, t: int) -> NDArray[np.int64]:
        """Year group of every diagonal in column ``t``."""
        return (self.base_year + t - self.keys["birth"].to_numpy()).astype(np.int64)


def diagonals(
    children_today: pd.DataFrame, projected: pd.DataFrame, base_year: int, years: int
) -> Diagonals:
    """Follow children along diagonals.

    Args:
        children_today: columns area, need, tier, year_group, provision, children (base year).
        projected: columns academic_year, area, need, tier, year_group, children, joining.
        base_year: academic year of children_today.
        years: planned years.
    """
    today = children_today.assign(birth=base_year - children_today["year_group"], t=0, joining=0.0)[
        [*KEY, "t", "children", "joining"]
    ]
    later = projected.assign(
        birth=projected["academic_year"] - projected["year_group"],
        t=projected["academic_year"] - base_year,
    )[[*KEY, "t", "children", "joining"]]
    later = later[(later["t"] >= 1) & (later["t"] <= years)]
    both = pd.concat([today, later], ignore_index=True)
    groups = both.groupby(KEY, sort=True)
    code = groups.ngroup().to_numpy()
    keys = both.loc[~pd.Series(code).duplicated().to_numpy(), KEY].copy()
    keys.index = pd.Index(pd.Series(code).drop_duplicates().to_numpy())
    keys = keys.sort_index().reset_index(drop=True)
    shape = (len(keys), years + 1)
    at = both["t"].to_numpy()
    children = np.zeros(shape)
    joining = np.zeros(shape)
    np.add.at(children, (code, at), both["children"].to_numpy(float))
    np.add.at(joining, (code, at), both["joining"].to_numpy(float))
    survival = np.ones(shape)
    before = children[:, :-1]
    staying = np.clip(children[:, 1:] - joining[:, 1:], 0.0, None)
    survival[:, 1:] = np.divide(staying, before, out=np.zeros_like(before), where=before > 1e-12)
    return Diagonals(keys, children, joining, np.clip(survival, 0.0, 1.0), base_year)


def presence_from(survival: Array, entry: NDArray[np.int64]) -> Array:
    """Share of a cohort present by year, one from its entry, zero before.

    Args:
        survival: rows for cohorts (their diagonals' survival), columns for years.
        entry: column in which each cohort begins.
    """
    present = np.zeros(survival.shape)
    for t in range(survival.shape[1]):
        carried = present[:, t - 1] * survival[:, t] if t else np.zeros(len(present))
        present[:, t] = np.where(entry == t, 1.0, carried)
    return present
