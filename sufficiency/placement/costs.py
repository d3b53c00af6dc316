"""What the objective charges: money of the three ledgers, and prices that are not money."""

from __future__ import annotations

from typing import Any

import numpy as np

from sufficiency.placement.question import Question
from sufficiency.placement.sparse import Linear
from sufficiency.placement.variables import Model


def capital_spend(q: Question, s: int) -> list[tuple[int, int, float]]:
    """Capital of a scheme as (financial year, column of z, pounds), written with the monotone z.

    Shares that would fall before the first financial year fall in the first.
    """
    profile = q.capital_by_year[s]
    capital = float(q.schemes["capital"].to_numpy(float)[s])
    terms: dict[tuple[int, int], float] = {}
    for t in q.scheme_columns(s):
        opening = q.settings.base_year + t
        for i, share in enumerate(profile):
            year = max(opening - (len(profile) - 1 - i), q.settings.first_year)
            terms[year, t] = terms.get((year, t), 0.0) + share * capital
            if t - 1 in q.scheme_columns(s):
                terms[year, t - 1] = terms.get((year, t - 1), 0.0) - share * capital
    return [(year, t, pounds) for (year, t), pounds in sorted(terms.items()) if pounds]


def place_cost(q: Question, p: int, t: int) -> float:
    """DSG pounds in year t for the standing places of a provision, less other areas' charges."""
    kind = str(q.provisions["kind"].iat[p])
    funding = float(q.model.for_kind("place_funding", kind)) * float(q.funded_places[p, t])
    if kind in ("specialist_base", "state_special") and q.provisions["inside"].iat[p]:
        funding -= q.model.other_authority_income * float(q.taken_by_others[p, t])
    return funding


def scheme_place_terms(q: Question, t: int) -> list[tuple[int, int, float]]:
    """DSG pounds in year t for places on offer and running costs of schemes, on columns of z."""
    terms: list[tuple[int, int, float]] = []
    for p in sorted(set(q.schemes["provision"].tolist())):
        funding = float(q.model.for_kind("place_funding", str(q.provisions["kind"].iat[p])))
        if q.provisions["inside"].iat[p]:
            terms += [(s, c, places * funding) for s, c, places in q.offered(p, t)]
    for s, running in enumerate(q.schemes["running"].to_numpy(float).tolist()):
        if running and t in q.scheme_columns(s):
            terms.append((s, t, running))
    return terms


def dsg_spend(m: Model) -> Linear:
    """DSG spend of each academic year, a row for each, from the base year on."""
    q = m.question
    arcs, years = q.arcs, range(q.years + 1)
    entry, end = arcs["entry"].to_numpy(), arcs["end"].to_numpy()
    provision, cohort = arcs["provision"].to_numpy(), arcs["cohort"].to_numpy()
    charge, per_child = arcs["charge"].to_numpy(), arcs["per_child"].to_numpy()
    here = [np.flatnonzero((entry <= t) & (end > t)) for t in years]
    pounds = [
        (charge[a] * q.fee_factor[provision[a], t] + per_child[a]) * q.presence[cohort[a], t]
        for t, a in zip(years, here, strict=True)
    ]
    start = np.cumsum([0, *(len(a) for a in here)])
    placed = m.placed.sums(start, np.concatenate(here), np.concatenate(pounds))
    schemes = [
        [((s, c), value) for s, c, value in scheme_place_terms(q, t)] if t >= 1 else []
        for t in years
    ]
    standing = [sum(place_cost(q, p, t) for p in range(len(q.provisions))) for t in years]
    return placed + m.open.listed(schemes) + np.array(standing)


def scheme_value(q: Question) -> dict[tuple[int, int], float]:
    """Present value of each z[s, t]: place funding, running cost, capital, residual, price."""
    model, weights = q.model, q.model.ledger_weights
    value: dict[tuple[int, int], float] = {}

    def add(s: int, t: int, pounds: float) -> None:
        value[s, t] = value.get((s, t), 0.0) + pounds

    for t in range(1, q.years + 1):
        for s, c, pounds in scheme_place_terms(q, t):
            add(s, c, weights["dsg"] * float(q.discount[t]) * pounds)
    end = q.settings.last_year + 1
    capitals, places = q.schemes["capital"].to_numpy(float), q.schemes["places"].to_numpy(float)
    for s, kind in enumerate(q.schemes["kind"]):
        for year, t, pounds in capital_spend(q, s):
            add(s, t, weights["capital"] * q.discount_financial(year) * pounds)
        life = float(model.for_kind("building_life_years", kind, 60.0))
        capital = float(capitals[s])
        price = float(model.for_kind("price_of_new_place", kind)) * float(places[s])
        for t in q.scheme_columns(s):
            opening = q.settings.base_year + t
            left = max(0.0, 1.0 - (end - opening) / life)
            once = price * float(q.discount[t])
            once -= weights["capital"] * capital * left * q.discount_financial(end)
            add(s, t, once)
            if t - 1 in q.scheme_columns(s):
                add(s, t - 1, -once)
    return value


def constant_value(q: Question) -> float:
    """Present value that no decision changes: standing places, less other areas' charges."""
    return float(
        sum(
            q.model.ledger_weights["dsg"] * q.discount[t] * place_cost(q, p, t)
            for p in range(len(q.provisions))
            for t in range(1, q.years + 1)
        )
    )


def unmet_value(q: Question) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Present value of one unmet child of each cohort, for its whole phase."""
    cohorts = q.cohorts
    ends = {
        g: q.model.next_transition(int(g)) - int(g) for g in cohorts["entry_year_group"].unique()
    }
    entry = cohorts["entry"].to_numpy(int)
    end = np.minimum(entry + cohorts["entry_year_group"].map(ends).to_numpy(int), q.years + 1)
    columns = np.arange(q.years + 1)[None, :]
    during = (columns >= np.maximum(entry, 1)[:, None]) & (columns < end[:, None])
    years = (during * q.presence * q.discount[None, :]).sum(axis=1)
    return np.asarray(q.model.price_unmet * years, dtype=float)


def present_value(m: Model) -> Linear:
    r"""The objective: present value of public spending, plus priced failures.

    $$\min \sum_{a} V_a x_a + \sum_{s,t} W_{s,t} z_{s,t} + \sum_k U_k u_k
      + \sum_{p,t}\delta_t (\pi^o o_{pt} + \pi^w w_{pt}) + \sum_{\ell,t}\delta_t\pi^w w_{\ell t}
      + \pi^v\sum_g \delta_{t(g)} v_g
      + \sum_{p,t}\delta_t\pi^h h_{pt} + \pi^d \sum_f d(f)\, d_f + V_0$$

    \(V_a\) is the present value of a whole stay: top-up or fee, charge per child, transport, and
    the prices of minutes, minutes above the guide and placements outside the authority.
    \(W\) holds place funding on places on offer, running cost, capital less residual value, and
    the price of a new place. \(\delta_t = \tfrac{7}{12}d(t)+\tfrac{5}{12}d(t+1)\) with
    \(d(f)=(1+\text{discount rate})^{-(f-f_0)}\). The ledgers carry ledger_weights. Unmet need is
    dearer than any placement; preparing the question fails otherwise.
    """
    q = m.question
    model, discount = q.model, q.discount
    of_place = discount[np.array([t for _, t in q.place_keys], dtype=int)]
    of_limit = discount[np.array([t for _, t in q.limit_keys], dtype=int)]
    of_roll = discount[np.array([t for _, t in m.short_roll.index_array], dtype=int)]
    of_group = discount[q.sector_keys["entry"].to_numpy(int)]
    years = m.out_of_balance.index_array.tolist()
    of_balance = np.array([q.discount_financial(f) for f in years], dtype=float)
    total = (
        m.placed.total(q.arc_value)
        + m.unmet.total(unmet_value(q)[m.unmet.index_array])
        + m.open.listed([list(scheme_value(q).items())])
        + m.over.total(of_place * model.price_over_capacity)
        + m.beyond.total(of_place * model.price_beyond_limit)
        + m.limit_beyond.total(of_limit * model.price_beyond_limit)
        + m.displaced.total(of_group * model.price_of_move)
        + m.short_roll.total(of_roll * model.price_short_roll)
        + m.out_of_balance.total(of_balance * model.price_out_of_balance)
    )
    return total + constant_value(q)
