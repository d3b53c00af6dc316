"""The base year as the model sees it: children where they are, and what their year costs.

Every price comes from the question that the optimiser asks, so that the baseline tests the very
figures on which a plan rests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from sufficiency.geography.travel import STRAIGHT_LINE
from sufficiency.placement.question import Question
from sufficiency.tables import Tables

PLACE_LINES: Final = ("place_funding", "other_authority_income")
"""Spend on places, whoever sits in them: it belongs to no need and no phase."""


@dataclass(frozen=True)
class Today:
    """The base year in figures.

    Attributes:
        children: one row a provision, need and phase; columns provision, kind, need, phase,
            children, estimated (children whose journey is by straight line), unpriced (children
            charged at the planning model's price because the provision has none of its own).
        spend: pounds in a full year; columns provision, kind, need, phase, ledger, line, pounds.
            Lines of ``PLACE_LINES`` have no need and no phase.
        provisions: one row a provision; columns provision, name, kind, inside (bool), children,
            places, others (children of other authorities, of the places), on_roll,
            physical_capacity; NaN where unknown or without limit.
        place_funding: pounds per place by kind.
    """

    children: pd.DataFrame
    spend: pd.DataFrame
    provisions: pd.DataFrame
    place_funding: dict[str, float]


def today(question: Question, tables: Tables) -> Today:
    """Children and spend of the base year.

    Args:
        question: any horizon will do; only column 0 is read.
        tables: as used for the question.
    """
    q = question
    arcs = q.arcs[q.arcs["settled"].to_numpy(bool)]
    cohorts = q.cohorts.loc[arcs["cohort"].to_numpy(int)]
    at = arcs["provision"].to_numpy(int)
    children = cohorts["children"].to_numpy(float)
    frame = pd.DataFrame(
        {
            "provision": q.provisions["provision"].to_numpy()[at],
            "kind": q.provisions["kind"].to_numpy()[at],
            "need": cohorts["need"].to_numpy(),
            "phase": cohorts["phase"].to_numpy(),
            "children": children,
            "estimated": children * _estimated(cohorts["area"], at, q, tables),
            "unpriced": children * _unpriced(q)[at],
        }
    )
    keys = ["provision", "kind", "need", "phase"]
    charge = arcs["charge"].to_numpy(float) * q.fee_factor[at, 0] * children
    is_fee = arcs["is_fee"].to_numpy(bool)
    parts = [
        frame[keys].assign(ledger=ledger, line=line, pounds=pounds)
        for ledger, line, pounds in (
            ("dsg", "fees", np.where(is_fee, charge, 0.0)),
            ("dsg", "top_up", np.where(is_fee, 0.0, charge)),
            ("dsg", "per_child_charge", arcs["per_child"].to_numpy(float) * children),
            ("general_fund", "transport", arcs["transport"].to_numpy(float) * children),
        )
    ]
    provisions, funding = _provisions(q, frame)
    places = provisions[["provision", "kind"]].assign(need="", phase="", ledger="dsg")
    local = provisions["inside"] & provisions["kind"].isin(["specialist_base", "state_special"])
    income = -q.model.other_authority_income * provisions["others"].to_numpy(float)
    parts += [
        places.assign(line="place_funding", pounds=provisions["funding"]),
        places.assign(line="other_authority_income", pounds=np.where(local, income, 0.0)),
    ]
    lines = pd.concat(parts, ignore_index=True)
    spend = lines.groupby([*keys, "ledger", "line"], as_index=False, sort=True)[["pounds"]].sum()
    return Today(
        frame.groupby(keys, as_index=False, sort=True)[["children", "estimated", "unpriced"]].sum(),
        spend[spend["pounds"] != 0].reset_index(drop=True),
        provisions.drop(columns="funding"),
        funding,
    )


def _estimated(
    areas: pd.Series[str], at: np.ndarray[tuple[int], np.dtype[np.int64]], q: Question,
    tables: Tables,
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:  # fmt: skip
    """Whether a child's journey to its provision rests on a straight line."""
    travel = tables.travel
    straight = travel["basis"].str.casefold().str.startswith(STRAIGHT_LINE)
    known = pd.MultiIndex.from_frame(travel.loc[~straight, ["area", "destination"]])
    destination = q.provisions["destination"].to_numpy()[at]
    asked = pd.MultiIndex.from_arrays([areas.to_numpy(), destination])
    located = q.provisions["easting"].notna().to_numpy()[at]
    return np.asarray(located & ~asked.isin(known), dtype=bool)


def _unpriced(q: Question) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether a provision is charged at the planning model's price."""
    frame = q.provisions
    by_fee = frame["kind"].isin(list(q.model.fees)).to_numpy()
    own = frame["fee_pounds"].notna().to_numpy() | (
        ~by_fee & frame["top_up_pounds"].notna().to_numpy()
    )
    return np.asarray(~own, dtype=bool)


def _provisions(q: Question, children: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, float]]:
    """Places of the base year beside the children in them; the places that a scheme will make
    are none of it."""
    frame = q.provisions
    funding = {
        str(kind): float(q.model.for_kind("place_funding", str(kind)))
        for kind in sorted(set(frame["kind"]))
    }
    held = children.groupby("provision")["children"].sum()
    result = pd.DataFrame(
        {
            "provision": frame["provision"],
            "name": frame["name"],
            "kind": frame["kind"],
            "inside": frame["inside"].astype(bool),
            "children": frame["provision"].map(held).fillna(0.0).astype(float),
            "places": q.places[:, 0],
            "others": q.taken_by_others[:, 0],
            "on_roll": frame["on_roll"].astype(float),
            "physical_capacity": frame["physical_capacity"].astype(float),
            "funding": frame["kind"].map(funding).to_numpy(float) * q.funded_places[:, 0],
        }
    )
    standing = (frame["created_by"] == "").to_numpy()
    return result[standing].reset_index(drop=True), funding
