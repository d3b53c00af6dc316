"""From an answer to tidy tables: placements, occupancy, schemes, ledgers, travel, gaps, flows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sufficiency.vocabulary import KINDS, LOCAL_STATE_SPECIALIST, LOCAL_SUITABLE_FROM_YEAR_12

if TYPE_CHECKING:
    # A report reads these tables and asks nothing: it need not wait for what builds a model.
    from sufficiency.placement.answer import Answer
    from sufficiency.placement.question import Question

Floats = NDArray[np.float64]
SMALL = 1e-7


@dataclass
class Plan:
    """A plan as tidy tables. Years are the int in which they begin; children are expected numbers.

    cohorts: cohort, origin, area, need, tier, entry_year, entry_year_group, phase, children,
        beyond_limit_travel.
    stays: cohort, provision, leaves_year, children (at entry), minutes, km (one way).
    placements: academic_year, cohort, area, locality, need, tier, year_group, phase, provision,
        kind, children.
    unmet: academic_year, cohort, area, locality, need, tier, year_group, phase, children.
    occupancy: academic_year, provision, name, kind, commissioned_places, scheme_places,
        other_authority_children, children, over_capacity, beyond_limit, vacant (NaN: no limit).
    limits: academic_year, provision, limit, places, children, beyond_limit.
    schemes: scheme, name, kind, provision, places, capital_pounds, earliest_opening, status, opens
        (academic year, -1: never).
    capital: financial_year, scheme, source, pounds.
    ledger: financial_year, complete, ledger, line, kind, pounds.
    objective: line, money, present_value_pounds.
    mix: academic_year, kind (and "unmet"), children.
    travel_summary: academic_year, phase, children, median_minutes, p90_minutes, over_guide,
        over_45, over_75.
    transfers: academic_year, transition_point, need, from_kind, to_kind, children.
    gaps: locality, designation, phase, academic_year, children_needing, in_local_state_places,
        gap, in_local_state_places_without_schemes, gap_without_schemes.
    marginal_values: provision, academic_year, pounds (present value of one more place).
    """

    cohorts: pd.DataFrame
    stays: pd.DataFrame
    placements: pd.DataFrame
    unmet: pd.DataFrame
    occupancy: pd.DataFrame
    limits: pd.DataFrame
    schemes: pd.DataFrame
    capital: pd.DataFrame
    ledger: pd.DataFrame
    objective: pd.DataFrame
    mix: pd.DataFrame
    travel_summary: pd.DataFrame
    transfers: pd.DataFrame
    gaps: pd.DataFrame
    marginal_values: pd.DataFrame
    stamp: dict[str, Any] = field(default_factory=dict)
    without_schemes: Plan | None = None
    learnt: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict, repr=False, compare=False)
    """What the search has learnt, for the next study of the scenario (``plan/learnt.py``)."""

    @classmethod
    def table_names(cls) -> list[str]:
        """Names of the tables, in the order in which they are described."""
        left_out = ("stamp", "without_schemes", "learnt")
        return [f.name for f in fields(cls) if f.name not in left_out]

    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name."""
        return {name: getattr(self, name) for name in self.table_names()}

    @property
    def present_value_pounds(self) -> float:
        """The objective: money and priced failures at present value."""
        return float(self.objective["present_value_pounds"].sum())


def build_plan(
    q: Question,
    answer: Answer,
    localities: Mapping[str, str],
    all_schemes: pd.DataFrame,
    without: Plan | None = None,
) -> Plan:
    """Turn an answer into a plan.

    Args:
        q: the question that was answered.
        answer: the solver's numbers.
        localities: area to locality.
        all_schemes: the table ``schemes`` with those that the model ruled out.
        without: the plan of the same question with no scheme but the committed ones.
    """
    base = q.settings.base_year
    cohorts = _cohorts(q)
    stays, placements = _placements(q, answer, localities)
    unmet = _unmet(q, answer, localities)
    occupancy = _occupancy(q, answer, placements)
    limits = _limits(q, answer)
    schemes = _schemes(q, answer, all_schemes)
    capital = _capital(q, answer)
    yearly = _yearly_costs(q, answer)
    ledger = _ledger(q, yearly, capital, schemes)
    plan = Plan(
        cohorts=cohorts,
        stays=stays,
        placements=placements,
        unmet=unmet,
        occupancy=occupancy,
        limits=limits,
        schemes=schemes,
        capital=capital,
        ledger=ledger,
        objective=_objective(q, answer, yearly, occupancy, limits, unmet),
        mix=_mix(q, placements, unmet),
        travel_summary=_travel_summary(q, answer),
        transfers=_transfers(q, answer),
        gaps=_gaps(q, placements, unmet, without),
        marginal_values=pd.DataFrame(
            {
                "provision": [q.provisions["provision"].iat[p] for p, _ in q.place_keys],
                "academic_year": [base + t for _, t in q.place_keys],
                "pounds": answer.marginal,
            }
        ),
        without_schemes=without,
    )
    return plan


# ------------------------------------------------------------------ children


def _cohorts(q: Question) -> pd.DataFrame:
    c = q.cohorts
    beyond = np.zeros(len(c), dtype=bool)
    beyond[q.arcs["cohort"].to_numpy(int)[q.arcs["beyond_limit"].to_numpy()]] = True
    return pd.DataFrame(
        {
            "cohort": np.arange(len(c)),
            "origin": c["origin"].astype(str),
            "area": c["area"],
            "need": c["need"],
            "tier": c["tier"],
            "entry_year": q.settings.base_year + c["entry"],
            "entry_year_group": c["entry_year_group"],
            "phase": c["phase"].astype(str),
            "children": c["children"],
            "beyond_limit_travel": beyond,
        }
    )


def _stay_years(q: Question, answer: Answer) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """(arc, column, children) for every arc that is used, base year included."""
    used = np.flatnonzero(answer.placed > SMALL)
    start = q.arcs["entry"].to_numpy(int)[used]
    length = q.arcs["end"].to_numpy(int)[used] - start
    arc = np.repeat(used, length)
    offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    column = np.repeat(start, length) + offset
    present = q.presence[q.arcs["cohort"].to_numpy(int)[arc], column]
    children = answer.placed[arc] * present
    keep = children > SMALL
    return arc[keep], column[keep], children[keep]


def _described(
    q: Question,
    cohort: NDArray[np.int64],
    column: NDArray[np.int64],
    localities: Mapping[str, str],
) -> pd.DataFrame:
    c = q.cohorts
    area = c["area"].to_numpy()[cohort]
    group = c["entry_year_group"].to_numpy(int)[cohort] + column - c["entry"].to_numpy(int)[cohort]
    return pd.DataFrame(
        {
            "academic_year": q.settings.base_year + column,
            "cohort": cohort,
            "area": area,
            "locality": pd.Series(area).map(dict(localities)).to_numpy(),
            "need": c["need"].to_numpy()[cohort],
            "tier": c["tier"].to_numpy(int)[cohort],
            "year_group": group,
            "phase": c["phase"].to_numpy()[cohort].astype(str),
        }
    )


def _placements(
    q: Question, answer: Answer, localities: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    arc, column, children = _stay_years(q, answer)
    at = q.arcs["provision"].to_numpy(int)[arc]
    frame = _described(q, q.arcs["cohort"].to_numpy(int)[arc], column, localities)
    frame["provision"] = q.provisions["provision"].to_numpy()[at]
    frame["kind"] = q.provisions["kind"].to_numpy()[at]
    frame["children"] = children
    used = q.arcs[answer.placed > SMALL]
    stays = pd.DataFrame(
        {
            "cohort": used["cohort"].to_numpy(),
            "provision": q.provisions["provision"].to_numpy()[used["provision"].to_numpy(int)],
            "leaves_year": q.settings.base_year + used["end"].to_numpy(),
            "children": answer.placed[answer.placed > SMALL],
            "minutes": used["minutes"].to_numpy(),
            "km": used["km"].to_numpy(),
        }
    )
    # Staying on and choosing the same provision anew are one stay to the reader.
    same = ["cohort", "provision", "leaves_year", "minutes", "km"]
    stays = stays.groupby(same, as_index=False, sort=True)[["children"]].sum()
    stays = stays[["cohort", "provision", "leaves_year", "children", "minutes", "km"]]
    described = [c for c in frame.columns if c != "children"]
    frame = frame.groupby(described, as_index=False, sort=False)[["children"]].sum()
    order = ["academic_year", "cohort", "provision"]
    return stays, frame.sort_values(order).reset_index(drop=True)


def _unmet(q: Question, answer: Answer, localities: Mapping[str, str]) -> pd.DataFrame:
    cohort = np.flatnonzero(answer.unmet > SMALL)
    entry = q.cohorts["entry"].to_numpy(int)[cohort]
    group = q.cohorts["entry_year_group"].to_numpy(int)[cohort]
    phase_end = np.array([q.model.next_transition(int(g)) for g in group], dtype=int) - group
    length = np.minimum(entry + phase_end, q.years + 1) - entry
    of = np.repeat(cohort, length)
    column = np.repeat(entry, length) + (
        np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    )
    frame = _described(q, of, column, localities)
    frame["children"] = answer.unmet[of] * q.presence[of, column]
    frame = frame[frame["children"] > SMALL]
    return frame.sort_values(["academic_year", "cohort"]).reset_index(drop=True)


def _mix(q: Question, placements: pd.DataFrame, unmet: pd.DataFrame) -> pd.DataFrame:
    years = range(q.settings.base_year, q.settings.last_year + 1)
    index = pd.MultiIndex.from_product([years, [*KINDS, "unmet"]], names=["academic_year", "kind"])
    counts = placements.groupby(["academic_year", "kind"])["children"].sum()
    missing = unmet.groupby("academic_year")["children"].sum()
    missing.index = pd.MultiIndex.from_product([missing.index, ["unmet"]])
    both: pd.Series[float] = pd.concat([counts, missing]).reindex(index, fill_value=0.0)
    return both.rename("children").reset_index()


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """The least value at or below which at least ``share`` of the weight lies; NaN when empty."""
    if not len(values):
        return float("nan")
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    at = min(int(np.searchsorted(reached, share - 1e-12)), len(values) - 1)
    return float(values[order][at])


def _travel_summary(q: Question, answer: Answer) -> pd.DataFrame:
    arc, column, children = _stay_years(q, answer)
    kind = q.provisions["kind"].to_numpy()[q.arcs["provision"].to_numpy(int)[arc]]
    minutes = q.arcs["minutes"].to_numpy()[arc]
    frame = pd.DataFrame(
        {
            "academic_year": q.settings.base_year + column,
            "phase": q.cohorts["phase"].to_numpy()[q.arcs["cohort"].to_numpy(int)[arc]].astype(str),
            "minutes": minutes,
            "guide": q.arcs["guide"].to_numpy()[arc],
            "children": children,
        }
    )[(kind != "educated_elsewhere") | (minutes > 0)]
    both = pd.concat([frame, frame.assign(phase="all")], ignore_index=True)
    order = {name: i for i, name in enumerate(["all", *q.model.phases])}
    rows = []
    for (year, phase), part in both.groupby(["academic_year", "phase"]):
        minutes, weight = part["minutes"].to_numpy(float), part["children"].to_numpy(float)
        rows.append(
            {
                "academic_year": year,
                "phase": phase,
                "children": weight.sum(),
                "median_minutes": weighted_quantile(minutes, weight, 0.5),
                "p90_minutes": weighted_quantile(minutes, weight, 0.9),
                "over_guide": weight[minutes > part["guide"].to_numpy(float)].sum(),
                "over_45": weight[minutes > 45].sum(),
                "over_75": weight[minutes > 75].sum(),
            }
        )
    result = pd.DataFrame(
        rows,
        columns=["academic_year", "phase", "children", "median_minutes", "p90_minutes",
                 "over_guide", "over_45", "over_75"],
    )  # fmt: skip
    return result.sort_values(
        ["academic_year", "phase"], key=lambda s: s.map(order) if s.name == "phase" else s
    ).reset_index(drop=True)


def _transfers(q: Question, answer: Answer) -> pd.DataFrame:
    """Who goes from where to where at each transition point.

    On a diagonal, children first stay in the same provision as far as numbers allow; the rest are
    shared in proportion. The table is an estimate of flows, exact in its margins.
    """
    points = set(q.model.transition_points)
    cohorts, arcs = q.cohorts, q.arcs
    kinds = q.provisions["kind"].to_numpy()
    diagonal_of = cohorts["diagonal"].to_numpy(int)
    birth = q.diagonals.keys["birth"].to_numpy(int)
    need = q.diagonals.keys["need"].to_numpy()
    used = np.flatnonzero(answer.placed > SMALL)
    cohort = arcs["cohort"].to_numpy(int)[used]
    end = arcs["end"].to_numpy(int)[used]
    within = end <= q.years
    gone = pd.DataFrame(
        {
            "diagonal": diagonal_of[cohort[within]],
            "t": end[within],
            "at": arcs["provision"].to_numpy(int)[used][within],
            "children": answer.placed[used][within] * q.presence[cohort[within], end[within]],
        }
    )
    waiting = np.flatnonzero(answer.unmet > SMALL)
    group = cohorts["entry_year_group"].to_numpy(int)[waiting]
    leave = cohorts["entry"].to_numpy(int)[waiting] + (
        np.array([q.model.next_transition(int(g)) for g in group], dtype=int) - group
    )
    inside = leave <= q.years
    unmet_before = pd.DataFrame(
        {
            "diagonal": diagonal_of[waiting[inside]],
            "t": leave[inside],
            "at": -1,
            "children": answer.unmet[waiting[inside]] * q.presence[waiting[inside], leave[inside]],
        }
    )
    transfer = cohorts["origin"].to_numpy() == "transfer"
    new = cohorts.index.to_numpy()[transfer]
    joined = pd.DataFrame(
        {
            "diagonal": diagonal_of[new],
            "t": cohorts["entry"].to_numpy(int)[new],
            "at": -2,
            "children": q.diagonals.joining[diagonal_of[new], cohorts["entry"].to_numpy(int)[new]],
        }
    )
    after = pd.DataFrame(
        {
            "diagonal": diagonal_of[cohort],
            "t": arcs["entry"].to_numpy(int)[used],
            "at": arcs["provision"].to_numpy(int)[used],
            "children": answer.placed[used],
        }
    )[transfer[cohort]]
    unmet_after = pd.DataFrame(
        {
            "diagonal": diagonal_of[new],
            "t": cohorts["entry"].to_numpy(int)[new],
            "at": -1,
            "children": answer.unmet[new],
        }
    )
    keys = ["diagonal", "t", "at"]
    before = pd.concat([gone, unmet_before, joined]).groupby(keys)["children"].sum()
    now = pd.concat([after, unmet_after]).groupby(keys)["children"].sum()
    at_point = np.isin(
        q.settings.base_year
        + before.index.get_level_values("t").to_numpy(int)
        - birth[before.index.get_level_values("diagonal").to_numpy(int)],
        list(points),
    )
    before = before[at_point & (before > SMALL).to_numpy()]
    now = now[now > SMALL]
    both = pd.concat([before.rename("before"), now.rename("now")], axis=1).fillna(0.0)
    both["stay"] = both[["before", "now"]].min(axis=1)
    both = both.reset_index()
    left = both.assign(rest=both["before"] - both["stay"]).query("rest > 1e-9")
    came = both.assign(rest=both["now"] - both["stay"]).query("rest > 1e-9")
    total = came.groupby(["diagonal", "t"])["rest"].sum().rename("total").reset_index()
    moves = left.merge(came, on=["diagonal", "t"], suffixes=("_from", "_to")).merge(
        total, on=["diagonal", "t"]
    )
    moves["children"] = moves["rest_from"] * moves["rest_to"] / moves["total"]
    stays = both[both["stay"] > SMALL]
    flows = pd.concat(
        [
            stays.assign(at_from=stays["at"], at_to=stays["at"], children=stays["stay"]),
            moves,
        ]
    )[["diagonal", "t", "at_from", "at_to", "children"]]
    label = {-1: "unmet", -2: "new plan"}
    name = {**{i: str(k) for i, k in enumerate(kinds)}, **label}
    at = flows["diagonal"].to_numpy(int)
    frame = pd.DataFrame(
        {
            "academic_year": q.settings.base_year + flows["t"].to_numpy(int),
            "transition_point": q.settings.base_year + flows["t"].to_numpy(int) - birth[at],
            "need": need[at],
            "from_kind": flows["at_from"].map(name).to_numpy(),
            "to_kind": flows["at_to"].map(name).to_numpy(),
            "children": flows["children"].to_numpy(float),
        }
    )
    group_by = ["academic_year", "transition_point", "need", "from_kind", "to_kind"]
    return frame.groupby(group_by, as_index=False)[["children"]].sum()


def _gaps(
    q: Question, placements: pd.DataFrame, unmet: pd.DataFrame, without: Plan | None
) -> pd.DataFrame:
    """Children who need more than a mainstream class against local places that they have.

    A local place is one in a specialist base or state special school of the authority; from Year
    12, further education and specialist post-16 count as well.
    """
    key = ["locality", "designation", "phase", "academic_year"]
    designation = {need: q.model.designation_of(need) for need in q.cohorts["need"].unique()}
    older = {q.model.phase_name(g) for g in q.model.transition_points if g >= 12}

    def tidy(frame: pd.DataFrame) -> pd.DataFrame:
        wanted = [c for c in (*key, "need", "kind", "children") if c in frame]
        needing = frame.loc[frame["tier"] >= 2, wanted]
        return needing.assign(designation=needing["need"].map(designation))

    def local(needing: pd.DataFrame) -> pd.Series:
        suits = needing["kind"].isin(LOCAL_STATE_SPECIALIST) | (
            needing["kind"].isin(LOCAL_SUITABLE_FROM_YEAR_12) & needing["phase"].isin(older)
        )
        return needing[suits].groupby(key)["children"].sum()

    placed = tidy(placements)
    needing = pd.concat([placed, tidy(unmet)]).groupby(key)["children"].sum()
    frame = pd.DataFrame({"children_needing": needing})
    frame["in_local_state_places"] = local(placed)
    frame = frame.fillna(0.0)
    frame["gap"] = frame["children_needing"] - frame["in_local_state_places"]
    if without is not None:
        frame["in_local_state_places_without_schemes"] = local(tidy(without.placements))
        frame = frame.fillna(0.0)
    else:
        frame["in_local_state_places_without_schemes"] = frame["in_local_state_places"]
    frame["gap_without_schemes"] = (
        frame["children_needing"] - frame["in_local_state_places_without_schemes"]
    )
    return frame.reset_index()


# ------------------------------------------------------------------ places and schemes


def _offered(q: Question, answer: Answer) -> Floats:
    """Places of open schemes by provision and column."""
    total = np.zeros((len(q.provisions), q.years + 1))
    schemes = zip(q.schemes["provision"], q.schemes["places"], q.fill, answer.opens, strict=True)
    for provision, places, fill, opened in schemes:
        if opened >= 0:
            age = np.arange(q.years + 1 - opened)
            share = np.asarray(fill, dtype=float)[np.minimum(age, len(fill) - 1)]
            total[int(provision), opened:] += float(places) * share
    return total


def _occupancy(q: Question, answer: Answer, placements: pd.DataFrame) -> pd.DataFrame:
    base = q.settings.base_year
    count = placements.groupby(["provision", "academic_year"])["children"].sum().to_dict()
    offered = _offered(q, answer)
    rows = []
    standing = zip(
        q.provisions["provision"], q.provisions["name"], q.provisions["kind"], strict=True
    )
    for p, (provision, name, kind) in enumerate(standing):
        has_limit = bool(np.isfinite(q.places[p]).any())
        share = float(q.model.for_kind("over_capacity_share", kind))
        for t in range(q.years + 1):
            children = float(count.get((provision, base + t), 0.0))
            places = float(q.places[p, t])
            scheme = float(offered[p, t])
            others = float(q.taken_by_others[p, t])
            over = beyond = 0.0
            vacant = float("nan")
            if has_limit:
                room = max(places - others, 0.0) + scheme
                excess = max(children - room, 0.0)
                excess = 0.0 if excess < 1e-6 else excess
                over = min(excess, share * (places + scheme))
                beyond = excess - over
                vacant = max(room - children, 0.0)
            rows.append(
                (base + t, provision, name, kind, places, scheme,
                 others, children, over, beyond, vacant)
            )  # fmt: skip
    return pd.DataFrame(
        rows,
        columns=["academic_year", "provision", "name", "kind", "commissioned_places",
                 "scheme_places", "other_authority_children", "children", "over_capacity",
                 "beyond_limit", "vacant"],
    )  # fmt: skip


def _limits(q: Question, answer: Answer) -> pd.DataFrame:
    rows = []
    places_of = q.limits["places"].to_numpy(float)
    for j, (limit, t) in enumerate(q.limit_keys):
        arcs, share = q.limit_rows.row(j)
        children = float((answer.placed[arcs] * share).sum())
        places = float(places_of[limit])
        rows.append(
            {
                "academic_year": q.settings.base_year + t,
                "provision": q.limits["provision"].iat[limit],
                "limit": q.limits["limit"].iat[limit],
                "places": places,
                "children": children,
                "beyond_limit": children - places if children - places > 1e-6 else 0.0,
            }
        )
    columns = ["academic_year", "provision", "limit", "places", "children", "beyond_limit"]
    return pd.DataFrame(rows, columns=columns)


def _schemes(q: Question, answer: Answer, all_schemes: pd.DataFrame) -> pd.DataFrame:
    opens = dict(zip(q.schemes["scheme"], answer.opens.tolist(), strict=True))
    committed = {s for s, c in zip(q.schemes["scheme"], q.schemes["committed"], strict=True)
                 if c >= 1}  # fmt: skip
    left_out = q.schemes.attrs.get("status", {})

    def status(scheme: str) -> str:
        if scheme in committed:
            return "committed"
        if scheme in left_out:
            return str(left_out[scheme])
        return "chosen" if opens[scheme] >= 0 else "not chosen"

    return pd.DataFrame(
        {
            "scheme": all_schemes["scheme"],
            "name": all_schemes["name"],
            "kind": all_schemes["kind"],
            "provision": np.where(
                all_schemes["site"] != "", all_schemes["scheme"], all_schemes["provision"]
            ),
            "places": all_schemes["places"].astype(float),
            "capital_pounds": all_schemes["capital_pounds"].astype(float),
            "earliest_opening": all_schemes["earliest_opening"],
            "status": [status(s) for s in all_schemes["scheme"]],
            "opens": [
                q.settings.base_year + opens[s] if opens.get(s, -1) >= 0 else -1
                for s in all_schemes["scheme"]
            ],
        }
    ).reset_index(drop=True)


def _capital(q: Question, answer: Answer) -> pd.DataFrame:
    rows: list[tuple[int, str, str, float]] = []
    if not q.budgets.empty:
        rows = [
            (f, str(q.schemes["scheme"].iat[s]), b, pounds)
            for (s, b, f), pounds in sorted(answer.drawn.items(), key=lambda item: str(item[0]))
        ]
    else:
        capital = q.schemes["capital"].to_numpy(float)
        for s, opened in enumerate(answer.opens.tolist()):
            if opened < 0:
                continue
            profile = q.capital_by_year[s]
            spend: dict[int, float] = {}
            for i, share in enumerate(profile):
                year = q.settings.base_year + opened - (len(profile) - 1 - i)
                year = max(year, q.settings.first_year)
                spend[year] = spend.get(year, 0.0) + share * float(capital[s])
            rows += [(f, str(q.schemes["scheme"].iat[s]), "", v) for f, v in spend.items() if v]
    frame = pd.DataFrame(rows, columns=["financial_year", "scheme", "source", "pounds"])
    frame = frame.astype({"financial_year": "int64", "scheme": str, "source": str, "pounds": float})
    return frame.sort_values(["financial_year", "scheme", "source"]).reset_index(drop=True)


# ------------------------------------------------------------------ money


def _yearly_costs(q: Question, answer: Answer) -> pd.DataFrame:
    """Running costs by column t (base year included), ledger, line and kind, in pounds."""
    arc, column, children = _stay_years(q, answer)
    arcs = q.arcs
    at = arcs["provision"].to_numpy(int)[arc]
    kind = q.provisions["kind"].to_numpy()[at]
    charge = arcs["charge"].to_numpy()[arc] * q.fee_factor[at, column] * children
    is_fee = arcs["is_fee"].to_numpy(bool)[arc]
    parts: list[pd.DataFrame] = []
    for ledger, line, pounds in (
        ("dsg", "fees", np.where(is_fee, charge, 0.0)),
        ("dsg", "top_up", np.where(is_fee, 0.0, charge)),
        ("dsg", "per_child_charge", arcs["per_child"].to_numpy()[arc] * children),
        ("general_fund", "transport", arcs["transport"].to_numpy()[arc] * children),
    ):
        parts.append(
            pd.DataFrame({"t": column, "kind": kind, "pounds": pounds})
            .groupby(["t", "kind"], as_index=False)["pounds"]
            .sum()
            .assign(ledger=ledger, line=line)
        )
    rows: list[tuple[int, str, str, str, float]] = []
    built = _offered(q, answer)
    standing = zip(q.provisions["kind"], q.provisions["inside"], strict=True)
    for p, (kind_name, inside) in enumerate(standing):
        funding = float(q.model.for_kind("place_funding", kind_name))
        for t in range(q.years + 1):
            offered = float(built[p, t]) if inside else 0.0
            places = float(q.funded_places[p, t]) + offered
            rows.append((t, kind_name, "dsg", "place_funding", funding * places))
            if inside and kind_name in ("specialist_base", "state_special"):
                income = -q.model.other_authority_income * float(q.taken_by_others[p, t])
                rows.append((t, kind_name, "dsg", "other_authority_income", income))
    running_costs = q.schemes["running"].to_numpy(float)
    for s, opened in enumerate(answer.opens.tolist()):
        running = float(running_costs[s])
        if opened >= 0 and running:
            kind_name = str(q.schemes["kind"].iat[s])
            rows += [(t, kind_name, "dsg", "running", running) for t in range(opened, q.years + 1)]
    parts.append(pd.DataFrame(rows, columns=["t", "kind", "ledger", "line", "pounds"]))
    whole = pd.concat(parts, ignore_index=True)
    whole = whole.groupby(["t", "ledger", "line", "kind"], as_index=False)[["pounds"]].sum()
    return whole[whole["pounds"] != 0].reset_index(drop=True)


def _ledger(
    q: Question, yearly: pd.DataFrame, capital: pd.DataFrame, schemes: pd.DataFrame
) -> pd.DataFrame:
    """Academic years split 7/12 and 5/12 over financial years; capital as spent."""
    first, last = q.settings.first_year, q.settings.last_year
    year = q.settings.base_year + yearly["t"]
    autumn = yearly.assign(financial_year=year, pounds=yearly["pounds"] * 7 / 12)
    summer = yearly.assign(financial_year=year + 1, pounds=yearly["pounds"] * 5 / 12)
    running = pd.concat([autumn, summer])
    running = running[running["financial_year"] >= first].drop(columns="t")
    kind = dict(zip(schemes["scheme"], schemes["kind"], strict=True))
    built = capital.assign(ledger="capital", line="capital", kind=capital["scheme"].map(kind))
    both = pd.concat([running, built[["financial_year", "ledger", "line", "kind", "pounds"]]])
    keys = ["financial_year", "ledger", "line", "kind"]
    frame = both.groupby(keys, as_index=False)[["pounds"]].sum()
    frame.insert(1, "complete", frame["financial_year"] <= last)
    return frame


def _objective(
    q: Question,
    answer: Answer,
    yearly: pd.DataFrame,
    occupancy: pd.DataFrame,
    limits: pd.DataFrame,
    unmet: pd.DataFrame,
) -> pd.DataFrame:
    """Present value by line, as weighed in the objective; ``money`` tells pounds from prices."""
    model, base = q.model, q.settings.base_year
    value: dict[str, float] = {}
    planned = yearly[yearly["t"] >= 1]
    weight = planned["ledger"].map(dict(model.ledger_weights)).to_numpy(float)
    pounds = planned["pounds"] * weight * q.discount[planned["t"].to_numpy(int)]
    value.update(pounds.groupby(planned["line"]).sum().to_dict())
    capital_weight = model.ledger_weights["capital"]
    end = q.settings.last_year + 1
    spent = residual = new_places = 0.0
    capitals, places = q.schemes["capital"].to_numpy(float), q.schemes["places"].to_numpy(float)
    for s, opened in enumerate(answer.opens.tolist()):
        if opened < 0:
            continue
        capital, kind = float(capitals[s]), str(q.schemes["kind"].iat[s])
        profile = q.capital_by_year[s]
        for i, share in enumerate(profile):
            year = max(base + opened - (len(profile) - 1 - i), q.settings.first_year)
            spent += capital * float(share) * q.discount_financial(year)
        life = float(model.for_kind("building_life_years", kind, 60.0))
        left = max(0.0, 1.0 - (end - base - opened) / life)
        residual += capital * left * q.discount_financial(end)
        new_places += (
            float(model.for_kind("price_of_new_place", kind))
            * float(places[s])
            * float(q.discount[opened])
        )
    value["capital"] = capital_weight * spent
    value["residual_value"] = -capital_weight * residual
    arc, column, children = _stay_years(q, answer)
    planned_arcs = column >= 1
    arc, column, children = arc[planned_arcs], column[planned_arcs], children[planned_arcs]
    minutes = q.arcs["minutes"].to_numpy()[arc]
    weighed = children * q.discount[column]
    outside = ~q.provisions["inside"].to_numpy(bool)[q.arcs["provision"].to_numpy(int)[arc]]
    above = np.maximum(0.0, minutes - q.arcs["guide"].to_numpy()[arc])
    prices = {
        "price_per_minute": model.price_per_minute * (weighed * minutes).sum(),
        "price_per_minute_over_guide": model.price_per_minute_over_guide * (weighed * above).sum(),
        "price_outside_authority": model.price_outside_authority * weighed[outside].sum(),
        "price_of_new_place": new_places,
    }

    def discounted(frame: pd.DataFrame, column_name: str) -> float:
        later = frame[frame["academic_year"] > base]
        factor = q.discount[later["academic_year"].to_numpy(int) - base]
        return float((later[column_name].to_numpy(float) * factor).sum())

    prices["price_unmet"] = model.price_unmet * discounted(unmet, "children")
    prices["price_over_capacity"] = model.price_over_capacity * discounted(
        occupancy, "over_capacity"
    )
    prices["price_beyond_limit"] = model.price_beyond_limit * (
        discounted(occupancy, "beyond_limit") + discounted(limits, "beyond_limit")
    )
    sector_entry = q.sector_keys["entry"].to_numpy(int)
    prices["price_of_move"] = model.price_of_move * float(
        (answer.displaced * q.discount[sector_entry]).sum()
    )
    prices["price_short_roll"] = model.price_short_roll * sum(
        float(q.discount[t]) * v for (_, t), v in answer.short_roll.items()
    )
    prices["price_out_of_balance"] = model.price_out_of_balance * sum(
        q.discount_financial(f) * v for f, v in answer.out_of_balance.items()
    )
    rows = [(line, True, v) for line, v in sorted(value.items())]
    rows += [(line, False, float(v)) for line, v in sorted(prices.items())]
    return pd.DataFrame(rows, columns=["line", "money", "present_value_pounds"])
