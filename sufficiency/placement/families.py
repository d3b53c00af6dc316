r"""The rules of the model: one function for each constraint family, its equation in its docstring.

``models/formulation.md`` is rendered from these docstrings. Each function builds one row of its
family; the functions named ``*_index`` give the tuples for which a row exists. Symbols:
\(x_a\) children placed on arc \(a=(k,p)\) for the whole stay; \(u_k\) unmet; \(z_{s,t}\) scheme
\(s\) is open in year \(t\); \(r_{k,t}\) share of cohort \(k\) present in year \(t\); \(n_k\)
children of the cohort.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pyomo.core.expr import LinearExpression

from sufficiency.placement.costs import capital_spend, dsg_year, linear
from sufficiency.placement.question import Question

Model = Any
"""A Pyomo ConcreteModel with ``question`` (Question) and the variables of ``model.build``."""


def _arcs(m: Model, rows: Any, i: int) -> Any:
    arcs, coefficients = rows.row(i)
    return linear(m.placed, arcs.tolist(), coefficients.tolist())


def _offered(m: Model, provision: int, t: int) -> Any:
    terms = m.question.offered(provision, t)
    return linear(m.open, [(s, c) for s, c, _ in terms], [places for _, _, places in terms])


# ------------------------------------------------------------------ children


def every_child_placed_index(q: Question) -> list[int]:
    """Cohorts that look for a place: all but those settled today."""
    return [int(k) for k in np.flatnonzero(q.cohorts["origin"].to_numpy() != "settled")]


def every_child_placed(m: Model, k: int) -> Any:
    r"""Every child of a cohort is placed, or counted as unmet; nobody is dropped.

    $$\sum_{p:(k,p)\in A} (x_{kp} + x^{\mathrm{stay}}_{kp}) + u_k
      = n_k + \sum_{(j,q)\to k} r_{j,t(k)}\,x_{jq}
      \qquad \forall k \text{ not settled}$$

    The last sum counts children who re-enter in the middle of a phase, because the age range of
    provision \(q\) ended or it closed. Source: Children and Families Act 2014 s.42.
    """
    q = m.question
    return _arcs(m, q.cohort_rows, k) + m.unmet[k] - _arcs(m, q.inflow_rows, k) == float(
        q.cohorts["children"].iat[k]
    )


def settled_children_stay_index(q: Question) -> list[int]:
    """Arcs of children who are in a provision today."""
    return [int(a) for a in np.flatnonzero(q.arcs["settled"].to_numpy())]


def settled_children_stay(m: Model, a: int) -> Any:
    r"""A settled child keeps the present provision until its next transition point.

    $$x_{kp} = n_k \qquad \forall (k,p) \text{ of the base year}$$

    A scenario may release a share, who then re-enter in the first planned September.
    Source: change of placement belongs to phase transfer, SEND Regulations 2014 reg 18.
    """
    q = m.question
    return m.placed[a] == float(q.cohorts["children"].iat[int(q.arcs["cohort"].iat[a])])


def stay_on_in_all_through_index(q: Question) -> list[int]:
    """Rights to stay on: staying arcs of a transfer cohort in a provision that spans it."""
    return list(range(len(q.stay_on)))


def stay_on_in_all_through(m: Model, i: int) -> Any:
    r"""Who is in a school that spans the next phase keeps the place there.

    $$x^{\mathrm{stay}}_{k'p} = \sigma_{\kappa(p)} \sum_{(k,p)\to k'} r_{k,t(k')}\,x_{kp}$$

    \(\sigma\) is stay_on_share of the kind; the others are free to choose, the same provision
    included, so that \(x_{k'p} + x^{\mathrm{stay}}_{k'p}\) is at least this share. Phase transfer
    depends on the school's age range, not on age alone. Places that are short are priced as
    over-capacity, never taken from a child.
    """
    q = m.question
    share = float(q.stay_on["share"].iat[i])
    before, present = q.stay_on_rows.row(i)
    there = linear(m.placed, before.tolist(), (share * present).tolist())
    return m.placed[int(q.stay_on["arc"].iat[i])] - there == 0.0


def only_those_already_there_index(q: Question) -> list[int]:
    """Arcs that are open to nobody but released children of the provision."""
    return list(range(len(q.only)))


def only_those_already_there(m: Model, i: int) -> Any:
    r"""Children whom a scenario releases may choose the provision they are in, even if it would
    not admit them anew.

    $$x_{k'p} \le \sum_{(k,p)\to k'} r_{k,t(k')}\,x_{kp}
      \qquad \forall (k',p) \text{ admissible only to who is there}$$
    """
    q = m.question
    before, present = q.only_rows.row(i)
    there = linear(m.placed, before.tolist(), present.tolist())
    return m.placed[int(q.only["arc"].iat[i])] - there <= 0.0


def stay_in_sector_index(q: Question) -> list[int]:
    """Groups (kind, phase entered, year) whose children may stay in the kind."""
    return list(range(len(q.sector_keys)))


def stay_in_sector(m: Model, g: int) -> Any:
    r"""A share of the children of a kind stays in that kind at a transition point.

    $$\sum_{k'\in g}\sum_{p:\kappa(p)=\kappa} (x_{k'p} + x^{\mathrm{stay}}_{k'p}) + v_g \ge
      \rho_\kappa \sum_{k'\in g}\sum_{(j,q)\to k',\,\kappa(q)=\kappa} r_{j,t(k')}\,x_{jq}$$

    \(1-\rho\) is the share that may return to local provision; \(v_g\) is priced as a move.
    Source: parental preference and tribunal outcomes, Children and Families Act 2014 s.38-39, 51.
    """
    q = m.question
    share = float(q.sector_keys["share"].iat[g])
    before, present = q.sector_before.row(g)
    there = linear(m.placed, before.tolist(), (share * present).tolist())
    return _arcs(m, q.sector_placed, g) + m.displaced[g] - there >= 0.0


def _free_children(m: Model, g: int) -> tuple[Any, float]:
    """Children of a preference group who are free to choose: expression and constant part."""
    q = m.question
    members = q.preference_members[g].tolist()
    constant = float(q.cohorts["children"].to_numpy()[members].sum())
    expression = -_arcs(m, q.preference_staying, g)
    for k in members:
        inflow, present = q.inflow_rows.row(k)
        if len(inflow):
            expression += linear(m.placed, inflow.tolist(), present.tolist())
    return expression, constant


def preference_floor_index(q: Question) -> list[int]:
    """Groups (rule, tier, phase entered, year) with a floor and an admissible standing place."""
    return [int(g) for g in np.flatnonzero((q.preference_keys["side"] == "floor").to_numpy())]


def preference_floor(m: Model, g: int) -> Any:
    r"""At least a share of the children who are free to choose is placed in some kinds.

    $$\sum_{k\in g}\sum_{p\in P_g} x_{kp} \ge f_g\,
      \Big(\sum_{k\in g} n_k - \sum_{k\in g}\sum_p x^{\mathrm{stay}}_{kp}
      - \sum_{k\in g} u_k\Big)$$

    Children who stay on are not asked again, and unmet children leave the base; \(n_k\) includes
    those who re-enter. With whole children the floor may be missed by less than one.
    Source: preference is not abolished by building a place (CFA 2014 s.38-40).
    """
    q = m.question
    share = float(q.preference_keys["share"].iat[g])
    free, constant = _free_children(m, g)
    members = q.preference_members[g].tolist()
    unmet = linear(m.unmet, members, [1.0] * len(members))
    allowance = 1.0 if q.settings.whole_children else 0.0
    return _arcs(m, q.preference_placed, g) - share * (free - unmet) >= share * constant - allowance


def preference_ceiling_index(q: Question) -> list[int]:
    """Groups with a ceiling."""
    return [int(g) for g in np.flatnonzero((q.preference_keys["side"] == "ceiling").to_numpy())]


def preference_ceiling(m: Model, g: int) -> Any:
    r"""At most a share of the children who are free to choose is placed in some kinds.

    $$\sum_{k\in g}\sum_{p\in P_g} x_{kp} \le c_g\,
      \Big(\sum_{k\in g} n_k - \sum_{k\in g}\sum_p x^{\mathrm{stay}}_{kp}\Big)$$
    """
    q = m.question
    share = float(q.preference_keys["share"].iat[g])
    free, constant = _free_children(m, g)
    allowance = 1.0 if q.settings.whole_children else 0.0
    return _arcs(m, q.preference_placed, g) - share * free <= share * constant + allowance


# ------------------------------------------------------------------ places


def places_index(q: Question) -> list[int]:
    """(provision, year) for each provision with a number of places."""
    return list(range(len(q.place_keys)))


def places(m: Model, i: int) -> Any:
    r"""Children present do not exceed places, but for priced over-capacity.

    $$\sum_{k} r_{kt}\,x_{kp} \le m_{pt} - e_{pt} + \sum_s \sum_{a\ge 0}
      c_s\,(\phi_{s,a}-\phi_{s,a-1})\,z_{s,t-a} + o_{pt} + w_{pt} \qquad \forall p,t$$

    \(m\) commissioned places, \(e\) children of other authorities in them, \(c_s\) places of the
    scheme and \(\phi_{s,a}\) the share on offer \(a\) years after opening, \(o\) over-capacity
    within the usual share, \(w\) beyond it. Capacity is soft because a school named in a plan must
    admit (CFA 2014 s.43).
    """
    q = m.question
    p, t = q.place_keys[i]
    net = max(float(q.places[p, t] - q.taken_by_others[p, t]), 0.0)
    return _arcs(m, q.place_rows, i) - _offered(m, p, t) - m.over[i] - m.beyond[i] <= net


def over_capacity_limit_index(q: Question) -> list[int]:
    """The same (provision, year) as ``places``."""
    return places_index(q)


def over_capacity_limit(m: Model, i: int) -> Any:
    r"""Ordinary over-capacity is a share of places; anything above it is a priced breach.

    $$o_{pt} \le \omega_{\kappa(p)} \Big(m_{pt} + \sum_s\sum_a
      c_s(\phi_{s,a}-\phi_{s,a-1}) z_{s,t-a}\Big)$$
    """
    q = m.question
    p, t = q.place_keys[i]
    share = float(q.model.for_kind("over_capacity_share", q.provisions["kind"].iat[p]))
    return m.over[i] - share * _offered(m, p, t) <= share * float(q.places[p, t])


def place_limits_index(q: Question) -> list[int]:
    """(limit, year) for each limit that a provision declares within its places."""
    return list(range(len(q.limit_keys)))


def place_limits(m: Model, j: int) -> Any:
    r"""A limit for a designation or a phase inside a provision holds, or is a priced breach.

    $$\sum_{k\in \ell} r_{kt}\,x_{kp} \le m_{\ell t} + w_{\ell t}
      \qquad \forall \text{ limit } \ell \text{ of } p,\ t$$

    Schemes do not enlarge such a limit.
    """
    q = m.question
    limit, _ = q.limit_keys[j]
    return _arcs(m, q.limit_rows, j) - m.limit_beyond[j] <= float(q.limits["places"].iat[limit])


# ------------------------------------------------------------------ schemes


def opens_once_index(q: Question) -> list[tuple[int, int]]:
    """(scheme, year) from the year after the earliest opening."""
    return [(s, t) for s in range(len(q.schemes)) for t in q.scheme_columns(s)[1:]]


def opens_once(m: Model, s: int, t: int) -> Any:
    r"""A scheme that is open stays open; before its earliest opening there is no \(z\).

    $$z_{s,t-1} \le z_{s,t}$$

    The earliest opening carries the lead time and the December notification of place changes.
    """
    return m.open[s, t - 1] - m.open[s, t] <= 0.0


def opens_in_time_index(q: Question) -> list[tuple[int, int]]:
    """(scheme, year) after the latest opening of a scheme."""
    latest = q.schemes["latest"].to_numpy(int)
    return [(s, t) for s in range(len(q.schemes)) for t in q.scheme_columns(s)[1:] if t > latest[s]]


def opens_in_time(m: Model, s: int, t: int) -> Any:
    r"""A scheme that has not opened by its latest September does not open.

    $$z_{s,t} \le z_{s,t-1} \qquad \forall t > \text{latest}_s$$
    """
    return m.open[s, t] - m.open[s, t - 1] <= 0.0


def opens_before_use_index(q: Question) -> list[int]:
    """Arcs to provisions that a scheme creates; who stays on is there already."""
    new = (q.arcs["scheme"].to_numpy() >= 0) & ~q.arcs["staying"].to_numpy(bool)
    return [int(a) for a in np.flatnonzero(new)]


def opens_before_use(m: Model, a: int) -> Any:
    r"""Nobody is placed in a new provision before it opens.

    $$x_{kp} \le N_k\, z_{s(p),t(k)} \qquad \forall (k,p) \text{ to a new provision}$$

    \(N_k\) is the most children the cohort can have. Stated arc by arc, which is what makes the
    relaxation strong.
    """
    q = m.question
    s, t = int(q.arcs["scheme"].iat[a]), int(q.arcs["entry"].iat[a])
    most = float(q.cohorts["most"].iat[int(q.arcs["cohort"].iat[a])])
    return m.placed[a] - most * m.open[s, t] <= 0.0


def committed_schemes_index(q: Question) -> list[tuple[int, int]]:
    """(scheme, year) of committed schemes."""
    committed = q.schemes["committed"].to_numpy(int)
    return [(s, t) for s in range(len(q.schemes)) if committed[s] >= 1 for t in q.scheme_columns(s)]


def committed_schemes(m: Model, s: int, t: int) -> Any:
    r"""A committed scheme opens in the September that was decided.

    $$z_{s,t} = [t \ge \text{committed}_s]$$
    """
    return m.open[s, t] == float(t >= int(m.question.schemes["committed"].iat[s]))


def exclusive_schemes_index(q: Question) -> list[int]:
    """Groups of alternatives."""
    return list(range(len(q.exclusive)))


def exclusive_schemes(m: Model, i: int) -> Any:
    r"""Of alternatives at most one is ever open.

    $$\sum_{s\in G} z_{s,T} \le 1$$
    """
    q = m.question
    _, schemes = q.exclusive[i]
    last = [(s, q.years) for s in schemes if q.years in q.scheme_columns(s)]
    return linear(m.open, last, [1.0] * len(last)) <= 1.0


def prerequisites_index(q: Question) -> list[tuple[int, int, int]]:
    """(scheme, required scheme, year)."""
    return [(s, r, t) for s, r in q.prerequisites for t in q.scheme_columns(s)]


def prerequisites(m: Model, s: int, r: int, t: int) -> Any:
    r"""A scheme opens no sooner than what it requires; module \(j\) needs module \(j-1\).

    $$z_{s,t} \le z_{r,t}$$
    """
    q = m.question
    required = linear(m.open, [(r, t)], [1.0]) if t in q.scheme_columns(r) else 0.0
    return m.open[s, t] - required <= 0.0


def capital_drawn_index(q: Question) -> list[tuple[int, int]]:
    """(scheme, financial year), where budgets are given."""
    if q.budgets.empty:
        return []
    years = range(q.settings.first_year, q.settings.last_year + 1)
    return [(s, f) for s in range(len(q.schemes)) for f in years]


def capital_drawn(m: Model, s: int, f: int) -> Any:
    r"""What a scheme costs in a financial year is drawn from the sources open to it.

    $$\sum_{b\in B_s} y_{s,b,f} = \sum_t C_s\,\pi_{s,f-t}\,(z_{s,t}-z_{s,t-1})$$
    """
    q = m.question
    spend = [(t, pounds) for year, t, pounds in capital_spend(q, s) if year == f]
    cost = linear(m.open, [(s, t) for t, _ in spend], [pounds for _, pounds in spend])
    return sum(m.drawn[s, b, f] for b in m.sources_of(s)) - cost == 0.0


def capital_budget_index(q: Question) -> list[tuple[str, int]]:
    """(source, financial year), where budgets are given."""
    years = range(q.settings.first_year, q.settings.last_year + 1)
    return [(str(b), f) for b in sorted(q.budgets["source"].unique()) for f in years]


def capital_budget(m: Model, b: str, f: int) -> Any:
    r"""What is drawn from a source up to a year stays within its budgets up to then.

    $$\sum_{f'\le f}\sum_s y_{s,b,f'} \le \sum_{f'\le f} \beta_{b,f'}$$

    Unspent money is carried forward.
    """
    q = m.question
    mine = q.budgets[(q.budgets["source"] == b) & (q.budgets["financial_year"] <= f)]
    drawn = [
        m.drawn[s, b, year]
        for s in range(len(q.schemes))
        if b in m.sources_of(s)
        for year in range(q.settings.first_year, f + 1)
    ]
    return LinearExpression(
        constant=0.0, linear_coefs=[1.0] * len(drawn), linear_vars=drawn
    ) <= float(mine["pounds"].sum())


def viable_roll_index(q: Question) -> list[tuple[int, int]]:
    """(new provision, year) from the first year in which it could have been open long enough."""
    wait = int(q.model.viable_roll["from_year"])
    if q.model.viable_roll["share"] <= 0:
        return []
    return [
        (int(p), t)
        for p in np.flatnonzero(q.provisions["scheme"].to_numpy() >= 0)
        for t in range(1, q.years + 1)
        if any(
            t - wait in q.scheme_columns(int(s))
            for s in np.flatnonzero(q.schemes["provision"].to_numpy() == p)
        )
    ]


def viable_roll(m: Model, p: int, t: int) -> Any:
    r"""A new provision is at least a share full from a few years after opening.

    $$\sum_k r_{kt}\,x_{kp} + h_{pt} \ge \nu \sum_{s\in S_p} c_s\, z_{s,t-\eta}$$

    \(h\) are the places missing from a viable roll, priced so that a committed school without
    demand is reported and not infeasible.
    """
    q = m.question
    share, wait = q.model.viable_roll["share"], int(q.model.viable_roll["from_year"])
    row = q.place_keys.index((p, t))
    schemes = [
        int(s)
        for s in np.flatnonzero(q.schemes["provision"].to_numpy() == p)
        if t - wait in q.scheme_columns(int(s))
    ]
    needed = linear(
        m.open,
        [(s, t - wait) for s in schemes],
        [share * float(q.schemes["places"].iat[s]) for s in schemes],
    )
    return _arcs(m, q.place_rows, row) + m.short_roll[p, t] - needed >= 0.0


# ------------------------------------------------------------------ money


def in_year_balance_index(q: Question) -> list[int]:
    """Financial years from the balance year on, where the scenario asks for balance."""
    start = q.settings.balance_from
    if start is None:
        return []
    return [f for f in range(start, q.settings.last_year + 1) if f in q.allocations]


def in_year_balance(m: Model, f: int) -> Any:
    r"""High-needs spend in a financial year stays within the allocation, or the excess is priced.

    $$\tfrac{7}{12} D_{t(f)} + \tfrac{5}{12} D_{t(f)-1} - d_f \le \alpha_f$$

    \(D_t\) is the Dedicated Schools Grant spend of an academic year. What a safety-valve
    agreement or a reform plan asks for.
    """
    q = m.question
    t = f - q.settings.base_year
    constant, spend = dsg_year(m, q, t)
    earlier_constant, earlier = dsg_year(m, q, t - 1)
    total = (7.0 / 12.0) * spend + (5.0 / 12.0) * earlier
    limit = float(q.allocations[f]) - (7.0 / 12.0) * constant - (5.0 / 12.0) * earlier_constant
    return total - m.out_of_balance[f] <= limit
