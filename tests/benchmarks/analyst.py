"""The model that an analyst writes first, from the same data: the benchmark's contender (a).

A placement variable for every arc *and year*, tied to the year before; a binary for every scheme
and year in which it could open; one row that ties all children of a new school to its opening; sums
with ``sum()`` over dictionaries; solved with ``appsi_highs``. The rules and the objective are
those of ``sufficiency.placement``, written from their equations and not from their code, so that
on a small question its optimum must be the product's; ``tests/benchmarks/test_smoke.py`` holds it
to that.

What is simplified: cohorts, admissible arcs and the price of a child's year are taken from the
prepared question (an analyst would compute them in a spreadsheet), and the rule for the in-year
balance is not written, so that scenarios which ask for it are refused.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyomo.environ as pyo

from sufficiency.placement.costs import constant_value, scheme_value, unmet_value
from sufficiency.placement.question import Question, whole_cohorts


def analyst_model(q: Question) -> Any:
    """The year-indexed model of a question.

    Placements are whole numbers where the question asks for whole children (and the cohort is
    whole), expected shares otherwise.

    Raises:
        ValueError: when the scenario asks for the in-year balance.
    """
    if q.settings.balance_from is not None:
        raise ValueError("the analyst's model does not know the in-year balance")
    m: Any = pyo.ConcreteModel()
    arcs = q.arcs.to_dict("records")
    cohorts = q.cohorts.to_dict("records")
    last = q.years
    years = range(1, last + 1)
    entry = {a: int(arc["entry"]) for a, arc in enumerate(arcs)}
    end = {a: int(arc["end"]) for a, arc in enumerate(arcs)}
    cohort = {a: int(arc["cohort"]) for a, arc in enumerate(arcs)}
    provision = {a: int(arc["provision"]) for a, arc in enumerate(arcs)}
    share = q.presence

    # ---- variables
    m.there = pyo.Var(
        [(a, t) for a in range(len(arcs)) for t in range(entry[a], min(end[a], last + 1))],
        domain=pyo.NonNegativeReals,
    )
    m.opens = pyo.Var(
        [(s, t) for s in range(len(q.schemes)) for t in q.scheme_columns(s)], domain=pyo.Binary
    )
    looking = [k for k, c in enumerate(cohorts) if c["origin"] != "settled"]
    m.unmet = pyo.Var(looking, domain=pyo.NonNegativeReals)
    m.over = pyo.Var(q.place_keys, domain=pyo.NonNegativeReals)
    m.beyond = pyo.Var(q.place_keys, domain=pyo.NonNegativeReals)
    m.beyond_limit = pyo.Var(q.limit_keys, domain=pyo.NonNegativeReals)
    if q.settings.whole_children:
        whole = whole_cohorts(q.cohorts, q.arcs)[q.arcs["cohort"].to_numpy(int)]
        for a in np.flatnonzero(whole).tolist():
            m.there[a, entry[a]].domain = pyo.NonNegativeIntegers

    def joins(a: int) -> Any:
        return m.there[a, entry[a]]

    def open_by(s: int, t: int) -> Any:
        return sum(m.opens[s, u] for u in q.scheme_columns(s) if u <= t)

    def offered(p: int, t: int) -> Any:
        total = 0.0
        for s in at_provision[p]:
            fill = q.fill[s]
            for u in q.scheme_columns(s):
                if u <= t:
                    filled = float(fill[min(t - u, len(fill) - 1)])
                    total += float(q.schemes["places"].iat[s]) * filled * m.opens[s, u]
        return total

    at_provision = defaultdict(list)
    for s, p in enumerate(q.schemes["provision"].tolist()):
        at_provision[int(p)].append(s)

    # ---- children
    arcs_of = defaultdict(list)
    for a in range(len(arcs)):
        arcs_of[cohort[a]].append(a)
    m.placed = pyo.ConstraintList()
    for k in looking:
        before, present = q.inflow_rows.row(k)
        arriving = sum(float(r) * joins(int(j)) for j, r in zip(before, present, strict=True))
        m.placed.add(
            sum(joins(a) for a in arcs_of[k]) + m.unmet[k]
            == float(cohorts[k]["children"]) + arriving
        )
    m.stays = pyo.ConstraintList()
    for a, t in m.there:
        if t > entry[a]:
            m.stays.add(m.there[a, t] == float(share[cohort[a], t]) * joins(a))
    m.settled = pyo.ConstraintList()
    for a, arc in enumerate(arcs):
        if arc["settled"]:
            m.settled.add(joins(a) == float(cohorts[cohort[a]]["children"]))
    m.stay_on = pyo.ConstraintList()
    for i, row in enumerate(q.stay_on.to_dict("records")):
        before, present = q.stay_on_rows.row(i)
        there = sum(float(r) * joins(int(j)) for j, r in zip(before, present, strict=True))
        m.stay_on.add(joins(int(row["arc"])) == float(row["share"]) * there)
    m.only = pyo.ConstraintList()
    for i, row in enumerate(q.only.to_dict("records")):
        before, present = q.only_rows.row(i)
        there = sum(float(r) * joins(int(j)) for j, r in zip(before, present, strict=True))
        m.only.add(joins(int(row["arc"])) <= there)

    m.displaced = pyo.Var(range(len(q.sector_keys)), domain=pyo.NonNegativeReals)
    m.sector = pyo.ConstraintList()
    for g, row in enumerate(q.sector_keys.to_dict("records")):
        staying, _ = q.sector_placed.row(g)
        before, present = q.sector_before.row(g)
        there = sum(float(r) * joins(int(j)) for j, r in zip(before, present, strict=True))
        m.sector.add(
            sum(joins(int(a)) for a in staying) + m.displaced[g] >= float(row["share"]) * there
        )
    m.preference = pyo.ConstraintList()
    for g, row in enumerate(q.preference_keys.to_dict("records")):
        members = [int(k) for k in q.preference_members[g]]
        staying, _ = q.preference_staying.row(g)
        shares = dict(zip(members, q.preference_shares[g].tolist(), strict=True))
        free = sum(shares[k] * float(cohorts[k]["children"]) for k in members)
        for k in members:
            before, present = q.inflow_rows.row(k)
            free += shares[k] * sum(
                float(r) * joins(int(j)) for j, r in zip(before, present, strict=True)
            )
        free -= float(row["share"]) * sum(joins(int(a)) for a in staying)
        chosen, _ = q.preference_placed.row(g)
        placed = sum(joins(int(a)) for a in chosen)
        unmet = sum(shares[k] * m.unmet[k] for k in members)
        if row["side"] == "ceiling":
            m.preference.add(placed <= free)
        elif row["side"] == "floor":
            m.preference.add(placed >= free - unmet)
        else:
            m.preference.add(placed == free - unmet)

    # ---- places
    present_at = defaultdict(list)
    for a, t in m.there:
        present_at[provision[a], t].append(a)
    m.places = pyo.ConstraintList()
    m.usual = pyo.ConstraintList()
    for p, t in q.place_keys:
        standing = float(q.places[p, t])
        net = max(standing - float(q.taken_by_others[p, t]), 0.0)
        m.places.add(
            sum(m.there[a, t] for a in present_at[p, t])
            <= net + offered(p, t) + m.over[p, t] + m.beyond[p, t]
        )
        usual = float(q.model.for_kind("over_capacity_share", q.provisions["kind"].iat[p]))
        m.usual.add(m.over[p, t] <= usual * (standing + offered(p, t)))
    m.limits = pyo.ConstraintList()
    for j, (limit, t) in enumerate(q.limit_keys):
        who, _ = q.limit_rows.row(j)
        m.limits.add(
            sum(m.there[int(a), t] for a in who)
            <= float(q.limits["places"].iat[limit]) + m.beyond_limit[limit, t]
        )

    # ---- schemes
    m.once = pyo.ConstraintList()
    m.windows = pyo.ConstraintList()
    for s, scheme in enumerate(q.schemes.to_dict("records")):
        if len(q.scheme_columns(s)):
            m.once.add(sum(m.opens[s, t] for t in q.scheme_columns(s)) <= 1)
        for t in q.scheme_columns(s):
            if scheme["committed"] >= 1:
                m.windows.add(m.opens[s, t] == float(t == scheme["committed"]))
            elif t > scheme["latest"]:
                m.windows.add(m.opens[s, t] == 0)
    # One row for each new school and year, with the usual large number.
    joining_new = defaultdict(list)
    for a, arc in enumerate(arcs):
        if arc["scheme"] >= 0 and not arc["staying"]:
            joining_new[int(arc["scheme"]), entry[a]].append(a)
    m.open_first = pyo.ConstraintList()
    for (s, t), who in joining_new.items():
        everybody = sum(float(cohorts[cohort[a]]["most"]) for a in who)
        m.open_first.add(sum(joins(a) for a in who) <= everybody * open_by(s, t))
    m.alternatives = pyo.ConstraintList()
    for _, group in q.exclusive:
        if any(len(q.scheme_columns(s)) for s in group):
            m.alternatives.add(sum(open_by(s, last) for s in group) <= 1)
    m.needs = pyo.ConstraintList()
    for s, required in q.prerequisites:
        for t in q.scheme_columns(s):
            m.needs.add(open_by(s, t) <= open_by(required, t))

    # ---- capital
    first = q.settings.first_year
    financial = range(first, q.settings.last_year + 1)
    sources = sorted({str(b) for b in q.budgets["source"]})
    funds = {
        s: sorted(set(q.funding_sources[s] or sources) & set(sources))
        for s in range(len(q.schemes))
    }
    m.drawn = pyo.Var(
        [(s, b, f) for s in funds for b in funds[s] for f in financial],
        domain=pyo.NonNegativeReals,
    )
    m.paid = pyo.ConstraintList()
    m.budget = pyo.ConstraintList()
    if sources:
        for s in funds:
            capital, profile = float(q.schemes["capital"].iat[s]), q.capital_by_year[s]
            spend: dict[int, Any] = defaultdict(float)
            for t in q.scheme_columns(s):
                opening = q.settings.base_year + t
                for i, part in enumerate(profile):
                    year = max(opening - (len(profile) - 1 - i), first)
                    spend[year] += capital * float(part) * m.opens[s, t]
            for f in financial:
                drawn = sum(m.drawn[s, b, f] for b in funds[s])
                if funds[s] or not isinstance(spend[f], float):
                    m.paid.add(drawn == spend[f])
        for b in sources:
            for f in financial:
                mine = q.budgets[(q.budgets["source"] == b) & (q.budgets["financial_year"] <= f)]
                drawn = [
                    m.drawn[s, b, y] for s in funds if b in funds[s] for y in range(first, f + 1)
                ]
                if drawn:
                    m.budget.add(sum(drawn) <= float(mine["pounds"].sum()))

    # ---- a viable roll
    wait, viable = int(q.model.viable_roll["from_year"]), float(q.model.viable_roll["share"])
    rolls = [
        (int(p), t)
        for p in np.flatnonzero(q.provisions["scheme"].to_numpy() >= 0)
        for t in years
        if viable > 0 and any(t - wait in q.scheme_columns(s) for s in at_provision[int(p)])
    ]
    m.short_roll = pyo.Var(rolls, domain=pyo.NonNegativeReals)
    m.roll = pyo.ConstraintList()
    for p, t in rolls:
        wanted = sum(
            viable * float(q.schemes["places"].iat[s]) * open_by(s, t - wait)
            for s in at_provision[p]
            if t - wait in q.scheme_columns(s)
        )
        m.roll.add(sum(m.there[a, t] for a in present_at[p, t]) + m.short_roll[p, t] >= wanted)

    # ---- what it costs
    weights, discount = q.model.ledger_weights, q.discount
    yearly = 0.0
    for a, t in m.there:
        if t >= 1:
            arc = arcs[a]
            pounds = (
                weights["dsg"]
                * (arc["charge"] * float(q.fee_factor[provision[a], t]) + arc["per_child"])
                + weights["general_fund"] * arc["transport"]
                + arc["priced"]
            )
            yearly += float(discount[t]) * float(pounds) * m.there[a, t]
    price = scheme_value(q)
    building = 0.0
    for s, t in m.opens:
        once = sum(price.get((s, u), 0.0) for u in q.scheme_columns(s) if u >= t)
        building += once * m.opens[s, t]
    nowhere = unmet_value(q)
    failures = sum(float(nowhere[k]) * m.unmet[k] for k in looking)
    for p, t in q.place_keys:
        failures += float(discount[t]) * (
            q.model.price_over_capacity * m.over[p, t] + q.model.price_beyond_limit * m.beyond[p, t]
        )
    for limit, t in q.limit_keys:
        failures += float(discount[t]) * q.model.price_beyond_limit * m.beyond_limit[limit, t]
    for g, row in enumerate(q.sector_keys.to_dict("records")):
        failures += float(discount[int(row["entry"])]) * q.model.price_of_move * m.displaced[g]
    for p, t in rolls:
        failures += float(discount[t]) * q.model.price_short_roll * m.short_roll[p, t]
    m.cost = pyo.Objective(expr=yearly + building + failures + constant_value(q))
    return m
