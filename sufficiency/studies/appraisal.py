r"""What an option costs over the years, what it is worth, and at which value it stops paying.

All of it is arithmetic on the tidy tables of plans; nothing is solved here. A *flow* is pounds by
financial year, ledger and line, real, with costs above zero. With the flows \(c_f\) of "do
nothing" and of an option, rate \(r\) and first planned financial year \(f_0\),

$$\mathrm{NPV} = \sum_f \frac{c_f^{\text{nothing}} - c_f^{\text{option}}}{(1+r)^{f-f_0}}.$$

Ledgers count pound for pound, whatever weights the search gave them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sufficiency.plan import Plan
from sufficiency.rules import PlanningModel

Floats = NDArray[np.float64]
AUTUMN: Final = 7 / 12
SUMMER: Final = 5 / 12
OPTIMISM, LIFECYCLE, RESIDUAL, COVER = (
    "optimism_bias",
    "lifecycle",
    "residual_value",
    "unmet_cover",
)
"""Lines that a business case adds to those of the ledgers."""
BUILDING: Final = ("capital", OPTIMISM, LIFECYCLE, RESIDUAL)
"""Lines that rise and fall with the capital cost of a scheme."""
FEES: Final = ("fees", COVER)
"""Lines that rise and fall with the fees of independent schools."""
FIXED: Final = (*BUILDING, "place_funding", "running")
"""Lines that a scheme costs whether its places are filled or not."""
MONEY: Final = 0.5
"""Pounds below which an amount is rounding."""
KEYS: Final = ["financial_year", "ledger", "line"]


@dataclass(frozen=True)
class Appraised:
    """An option, valued.

    Attributes:
        flows: financial_year, ledger, line, pounds (not discounted).
        rate: real discount rate.
        first, last: first and last planned academic year; the first financial year is ``first``.
        failures: present value of priced failures: no money, and in no ledger.
        counts: child-years over the planned years: unmet, over_capacity, beyond_limit, over_guide,
            in_fee_schools.
        places: of the schemes that open beyond committed ones.
        capital: of the same schemes, as estimated, not discounted.
    """

    flows: pd.DataFrame
    rate: float
    first: int
    last: int
    failures: float
    counts: Mapping[str, float]
    places: float
    capital: float

    def present_value(self, lines: tuple[str, ...] | None = None) -> float:
        """Present value of cost, of all lines or of some."""
        return present_value(self.flows, self.rate, self.first, lines)

    def by_line(self) -> pd.Series:
        """Present value by (ledger, line)."""
        weighed = self.flows.assign(
            pounds=self.flows["pounds"] * discount(self.flows, self.rate, self.first)
        )
        return weighed.groupby(["ledger", "line"])["pounds"].sum()


def discount(flows: pd.DataFrame, rate: float, first: int) -> Floats:
    """Discount factor of each row of flows, one in the first planned financial year."""
    years = flows["financial_year"].to_numpy(float) - first
    return np.asarray((1.0 + rate) ** -years, dtype=float)


def present_value(
    flows: pd.DataFrame, rate: float, first: int, lines: tuple[str, ...] | None = None
) -> float:
    """Present value of flows, of all lines or of some."""
    wanted = flows if lines is None else flows[flows["line"].isin(lines)]
    return float((wanted["pounds"].to_numpy(float) * discount(wanted, rate, first)).sum())


# ------------------------------------------------------------------ one option


def appraise(plan: Plan, model: PlanningModel, first: int, last: int) -> Appraised:
    """Value a plan.

    The ledger's own lines are taken as they stand, the incomplete last financial year included.
    Added are optimism bias and lifecycle cost of every scheme that opens, what is left of its
    estimated capital at the end (as the search credits it: what a building cost too much is not
    left in it), and the cover of unmet need.

    Args:
        plan: an exact placement for its schemes.
        model: rate, uplifts, lives and fees.
        first, last: planned academic years.
    """
    ledger = plan.ledger.groupby(KEYS, as_index=False)[["pounds"]].sum()
    capital = plan.ledger[plan.ledger["ledger"] == "capital"]
    uplift = np.array([float(model.for_kind("optimism_bias", k)) for k in capital["kind"]])
    overrun = capital.assign(line=OPTIMISM, pounds=capital["pounds"].to_numpy(float) * uplift)
    rows: list[tuple[int, str, str, float]] = []
    opened = plan.schemes[plan.schemes["opens"] >= 0]
    for kind, pounds, opens in zip(
        opened["kind"], opened["capital_pounds"], opened["opens"], strict=True
    ):
        yearly = float(pounds) * float(model.for_kind("lifecycle_share", kind))
        for year in range(int(opens), last + 1):
            rows += _over_financial_years(year, "capital", LIFECYCLE, yearly)
        life = float(model.for_kind("building_life_years", kind, 60.0))
        left = max(0.0, 1.0 - (last + 1 - int(opens)) / life)
        rows.append((last + 1, "capital", RESIDUAL, -float(pounds) * left))
    for unmet_year, cover in cover_of_unmet(plan, model).items():
        rows += _over_financial_years(int(str(unmet_year)), "dsg", COVER, float(cover))
    added = pd.DataFrame(rows, columns=[*KEYS, "pounds"])
    flows = pd.concat([ledger, overrun[[*KEYS, "pounds"]], added], ignore_index=True)
    flows = flows.groupby(KEYS, as_index=False)[["pounds"]].sum()
    new = opened[opened["status"] != "committed"]
    failures = plan.objective.loc[~plan.objective["money"].astype(bool), "present_value_pounds"]
    return Appraised(
        flows=flows[flows["pounds"] != 0].reset_index(drop=True),
        rate=model.discount_rate,
        first=first,
        last=last,
        failures=float(failures.sum()),
        counts=child_years(plan, model, first),
        places=float(new["places"].sum()),
        capital=float(new["capital_pounds"].sum()),
    )


def _over_financial_years(
    year: int, ledger: str, line: str, pounds: float
) -> list[tuple[int, str, str, float]]:
    """An academic year falls 7/12 in the financial year of its September, 5/12 in the next."""
    return [(year, ledger, line, pounds * AUTUMN), (year + 1, ledger, line, pounds * SUMMER)]


def cover_of_unmet(plan: Plan, model: PlanningModel) -> pd.Series:
    """What it would cost to place unmet children after all, by academic year.

    Unmet need is never a saving: the duty of section 42 of the Children and Families Act 2014
    remains, so each such child is charged the highest fee that the model knows for its need and
    tier.
    """
    unmet = plan.unmet
    if unmet.empty:
        return pd.Series(dtype=float)
    highest = max((max(fee.values()) for fee in model.fees.values()), default=0.0)
    need = unmet["need"].map(lambda n: float(model.cost_factor_by_need.get(str(n), 1.0)))
    by_tier = {int(t): float(v) for t, v in model.cost_factor_by_tier.items()}
    tier = unmet["tier"].map(lambda t: by_tier.get(int(t), 1.0))
    pounds = unmet["children"].to_numpy(float) * highest * need.to_numpy() * tier.to_numpy()
    return pd.Series(pounds).groupby(unmet["academic_year"].to_numpy()).sum()


def child_years(plan: Plan, model: PlanningModel, first: int) -> dict[str, float]:
    """Children counted once for every planned year in which something is so."""

    def later(frame: pd.DataFrame, column: str) -> float:
        return float(frame.loc[frame["academic_year"] >= first, column].sum())

    travel = plan.travel_summary[plan.travel_summary["phase"] == "all"]
    charging = plan.mix[plan.mix["kind"].isin(list(model.fees))]
    return {
        "unmet": later(plan.unmet, "children"),
        "over_capacity": later(plan.occupancy, "over_capacity"),
        "beyond_limit": later(plan.occupancy, "beyond_limit") + later(plan.limits, "beyond_limit"),
        "over_guide": later(travel, "over_guide"),
        "in_fee_schools": later(charging, "children"),
    }


# ------------------------------------------------------------------ an option against another


def changes(option: Appraised, nothing: Appraised) -> pd.DataFrame:
    """Flows of both: the keys, pounds (of the option), change_pounds (option less nothing)."""
    both = option.flows.merge(nothing.flows, on=KEYS, how="outer", suffixes=("", "_nothing"))
    both = both.fillna({"pounds": 0.0, "pounds_nothing": 0.0})
    both["change_pounds"] = both["pounds"] - both.pop("pounds_nothing")
    return both.sort_values(KEYS).reset_index(drop=True)


def net_present_value(option: Appraised, nothing: Appraised) -> float:
    """Pounds of today by which the option is cheaper than doing nothing."""
    return nothing.present_value() - option.present_value()


def payback_years(option: Appraised, nothing: Appraised) -> float:
    """Financial years from the first capital until money is back for good; NaN when it never is.

    Not discounted; what is left in buildings does not count, and only complete financial years do.
    """
    moved = changes(option, nothing)
    years = range(option.first, option.last + 1)
    cash = -moved[moved["line"] != RESIDUAL].groupby("financial_year")["change_pounds"].sum()
    cash = cash.reindex(list(years), fill_value=0.0).cumsum()
    spent = moved[(moved["line"] == "capital") & (moved["change_pounds"] > MONEY)]
    if spent.empty or cash.iloc[-1] < -MONEY:
        return math.nan
    start = int(spent["financial_year"].min())
    owing = [y for y in years if cash[y] < -MONEY]
    return float(max(owing) + 1 - start + 1) if owing else 0.0


@dataclass(frozen=True)
class Switch:
    """The value of one figure at which an option is worth nothing more and nothing less.

    Attributes:
        what: "fee", "occupancy" or "capital".
        unit: of base and value.
        base: the figure as planned.
        factor: what it is multiplied by; NaN where no value at or above zero does it.
        worth: net present value there, computed again from the scaled flows.
        words: for a reader.
    """

    what: str
    unit: str
    base: float
    factor: float
    worth: float
    words: str

    @property
    def value(self) -> float:
        """The figure at which the option stops paying."""
        return self.base * self.factor


def switching_values(
    option: Appraised, nothing: Appraised, occupancy: float, capital_per_place: float
) -> list[Switch]:
    r"""Fee, occupancy and capital cost at which the net present value is nought, in closed form.

    Children stay where the two plans place them. Then the value is linear in each figure:
    with \(K\) the present value of building (:data:`BUILDING`), \(F\) the fees avoided
    (:data:`FEES`), and \(B\) all that depends on children coming (everything but
    :data:`FIXED`), the factors are

    $$1 + \frac{\mathrm{NPV}}{K}, \qquad 1 - \frac{\mathrm{NPV}}{F}, \qquad
      1 - \frac{\mathrm{NPV}}{B}.$$

    For occupancy, a share of the children who would come does come, and the others stay as without
    the scheme: a mixture of two plans that both obey the rules.

    Args:
        option, nothing: the two plans, valued.
        occupancy: share of the places on offer that is filled, over the planned years.
        capital_per_place: pounds as estimated; NaN without places.
    """
    value = net_present_value(option, nothing)
    moved = changes(option, nothing)[[*KEYS, "change_pounds"]].rename(
        columns={"change_pounds": "pounds"}
    )

    def total(lines: tuple[str, ...]) -> float:
        return present_value(moved, option.rate, option.first, lines)

    def again(lines: tuple[str, ...], factor: float) -> float:
        """Net present value with some lines scaled."""
        scaled = moved["pounds"].where(~moved["line"].isin(lines), moved["pounds"] * factor)
        return -present_value(moved.assign(pounds=scaled), option.rate, option.first)

    variable = tuple(sorted(set(moved["line"]) - set(FIXED)))
    years = nothing.counts["in_fee_schools"] - option.counts["in_fee_schools"]
    fees = -float(moved.loc[moved["line"] == "fees", "pounds"].sum())
    fee = fees / years if years > 1e-6 and fees > MONEY else math.nan
    found = []
    for what, unit, base, lines, worth in (
        ("fee", "pounds per child per year", fee, FEES, -total(FEES)),
        ("occupancy", "share of places filled", occupancy, variable, -total(variable)),
        ("capital", "pounds per place", capital_per_place, BUILDING, -total(BUILDING)),
    ):
        factor = 1 - value / worth if abs(worth) > MONEY else math.nan
        if not factor >= 0 or (worth < 0) != (what == "capital"):
            factor = math.nan
        found.append(
            Switch(
                what, unit, base, factor,
                again(lines, factor) if math.isfinite(factor) else math.nan,
                _switch_words(what, value, worth, base, factor),
            )
        )  # fmt: skip
    return found


def _switch_words(what: str, value: float, worth: float, base: float, factor: float) -> str:
    pays = value >= 0
    name = {
        "fee": "the fee of independent schools",
        "occupancy": "the share of its places that is filled",
        "capital": "its capital cost",
    }[what]
    if not math.isfinite(factor):
        if what == "capital" and abs(worth) <= MONEY:
            return "It costs no capital."
        if what == "capital":
            return (
                "It pays whatever it costs to build."
                if pays
                else "It would not pay even if it cost nothing to build."
            )
        if worth <= MONEY:
            return (
                "It avoids no fees, so no fee makes it pay or stop paying."
                if what == "fee"
                else "Filling its places saves nothing, so no share of them makes it pay."
            )
        return f"It pays however low {name} may be."
    shown = f"{base * factor:.0%}" if what == "occupancy" else f"£{base * factor:,.0f}"
    if not math.isfinite(base):
        shown = f"{factor:.0%} of what is planned"
    elif what == "occupancy" and base * factor > 1:
        return f"It would not pay even full: {name} would have to be {shown}."
    elif what == "capital":
        shown += " a place"
    falls, exceeds = ("exceeds", "falls below") if what == "capital" else ("falls below", "exceeds")
    if pays:
        return f"It stops paying when {name} {falls} {shown}."
    return f"It pays only when {name} {exceeds} {shown}."


# ------------------------------------------------------------------ places and their margin


def children_in_places(plan: Plan, offered: pd.DataFrame, first: int) -> pd.DataFrame:
    """How far the places of schemes are filled.

    Places that were there before fill first; what comes above them fills the schemes of a
    provision in proportion to what each offers.

    Args:
        plan: with the schemes.
        offered: scheme, provision, academic_year, places_offered.
        first: first planned academic year.

    Returns:
        subject (the scheme), academic_year, places_offered, children_in_them.
    """
    room = plan.occupancy[plan.occupancy["academic_year"] >= first]
    before = (
        room["commissioned_places"].fillna(0.0) - room["other_authority_children"].fillna(0.0)
    ).clip(lower=0.0)
    filled = (room["children"] - before).clip(lower=0.0).clip(upper=room["scheme_places"])
    share = (filled / room["scheme_places"].where(room["scheme_places"] > 0)).fillna(0.0)
    at = room[["provision", "academic_year"]].assign(share=share)
    found = offered.merge(at, on=["provision", "academic_year"], how="left")
    found["children_in_them"] = found["places_offered"] * found.pop("share").fillna(0.0)
    found = found.rename(columns={"scheme": "subject"})
    return found[["subject", "academic_year", "places_offered", "children_in_them"]]


def share_filled(places: pd.DataFrame) -> float:
    """Children in places over places on offer, over all years; NaN without places."""
    offered = float(places["places_offered"].sum())
    return float(places["children_in_them"].sum()) / offered if offered > 0 else math.nan


def one_more_place(
    plan: Plan, model: PlanningModel, scheme: pd.Series, fill: Floats, first: int, last: int
) -> tuple[float, float]:
    """What one more place of a scheme would be worth, and what it would cost, at present value.

    The worth is the sum of the marginal values of a place at its provision in every year from its
    opening on, in step with its fill. It is exact for a small change, and an upper bound on the
    worth of each further place, for the least cost of placing children is convex in the places.
    The cost is capital per place with optimism bias, lifecycle and what is left at the end, and
    place funding.
    """
    opens, kind = int(scheme["opens"]), str(scheme["kind"])
    values = plan.marginal_values
    here = values[values["provision"] == scheme["provision"]].set_index("academic_year")["pounds"]
    rate, places = model.discount_rate, float(scheme["places"])
    per_place = float(scheme["capital_pounds"]) / places if places else 0.0
    worth = cost = 0.0
    for year in range(opens, last + 1):
        share = float(fill[min(year - opens, len(fill) - 1)])
        worth += share * float(here.get(year, math.nan))
        factor = AUTUMN * (1 + rate) ** -(year - first) + SUMMER * (1 + rate) ** -(year + 1 - first)
        cost += factor * (
            share * float(model.for_kind("place_funding", kind))
            + per_place * float(model.for_kind("lifecycle_share", kind))
        )
    built = plan.capital[plan.capital["scheme"] == scheme["scheme"]]
    spent = present_value(built, rate, first) / places if places else 0.0
    cost += spent * (1 + float(model.for_kind("optimism_bias", kind)))
    life = float(model.for_kind("building_life_years", kind, 60.0))
    left = max(0.0, 1.0 - (last + 1 - opens) / life)
    cost -= per_place * left * (1 + rate) ** -(last + 1 - first)
    return worth, cost
