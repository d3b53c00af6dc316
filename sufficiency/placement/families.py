r"""The rules of the model: one function for each constraint family, its equation in its docstring.

``models/formulation.md`` is rendered from these docstrings. A function named ``*_index`` names the
rows of a family; the function of the family gets the names as arrays, one for each part of a name,
and states all rows at once: ``m.unmet.each(k)`` is the variable of cohort ``k[0]`` in the first
row, of ``k[1]`` in the second (see ``sparse.Linear``). Symbols:
\(x_a\) children placed on arc \(a=(k,p)\) for the whole stay; \(u_k\) unmet; \(z_{s,t}\) scheme
\(s\) is open in year \(t\); \(r_{k,t}\) share of cohort \(k\) present in year \(t\); \(n_k\)
children of the cohort.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sufficiency.placement.costs import capital_spend, dsg_spend
from sufficiency.placement.question import Floats, Ints, Question, Rows
from sufficiency.placement.sparse import Index, Linear, Rule
from sufficiency.placement.variables import Model


def _arcs(m: Model, rows: Rows, i: Ints) -> Linear:
    """Children placed, added up as ``rows`` of the question say, for its rows ``i``."""
    return m.placed.sums(rows.start, rows.arcs, rows.coefficients).take(i)


def _numbers(frame: pd.DataFrame, column: str, i: Ints) -> Floats:
    return np.asarray(frame[column].to_numpy(dtype=float)[i])


def _pairs(keys: list[tuple[int, int]], i: Ints) -> tuple[Ints, Ints]:
    first, second = np.array(keys, dtype=np.int64)[i].T
    return first, second


def _offered(m: Model, p: Ints, t: Ints) -> Linear:
    """Places that schemes offer in each provision and year."""
    q = m.question
    growing = set(q.schemes["provision"].tolist())
    offered = [
        [((s, c), places) for s, c, places in q.offered(at, year)] if at in growing else []
        for at, year in zip(p.tolist(), t.tolist(), strict=True)
    ]
    return m.open.listed(offered)


# ------------------------------------------------------------------ children


def every_child_placed_index(q: Question) -> Ints:
    """Cohorts that look for a place: all but those settled today."""
    return np.flatnonzero(q.cohorts["origin"].to_numpy() != "settled")


def every_child_placed(m: Model, k: Ints) -> Rule:
    r"""Every child of a cohort is placed, or counted as unmet; nobody is dropped.

    $$\sum_{p:(k,p)\in A} (x_{kp} + x^{\mathrm{stay}}_{kp}) + u_k
      = n_k + \sum_{(j,q)\to k} r_{j,t(k)}\,x_{jq}
      \qquad \forall k \text{ not settled}$$

    The last sum counts children who re-enter in the middle of a phase, because the age range of
    provision \(q\) ended or it closed. Source: Children and Families Act 2014 s.42.
    """
    q = m.question
    placed, again = _arcs(m, q.cohort_rows, k), _arcs(m, q.inflow_rows, k)
    return placed + m.unmet.each(k) - again == _numbers(q.cohorts, "children", k)


def settled_children_stay_index(q: Question) -> Ints:
    """Arcs of children who are in a provision today."""
    return np.flatnonzero(q.arcs["settled"].to_numpy())


def settled_children_stay(m: Model, a: Ints) -> Rule:
    r"""A settled child keeps the present provision until its next transition point.

    $$x_{kp} = n_k \qquad \forall (k,p) \text{ of the base year}$$

    A scenario may release a share, who then re-enter in the first planned September.
    Source: change of placement belongs to phase transfer, SEND Regulations 2014 reg 18.
    """
    q = m.question
    return m.placed.each(a) == _numbers(q.cohorts, "children", q.arcs["cohort"].to_numpy()[a])


def stay_on_in_all_through_index(q: Question) -> Ints:
    """Rights to stay on: staying arcs of a transfer cohort in a provision that spans it."""
    return np.arange(len(q.stay_on))


def stay_on_in_all_through(m: Model, i: Ints) -> Rule:
    r"""Who is in a school that spans the next phase keeps the place there.

    $$x^{\mathrm{stay}}_{k'p} = \sigma_{\kappa(p)} \sum_{(k,p)\to k'} r_{k,t(k')}\,x_{kp}$$

    \(\sigma\) is stay_on_share of the kind; the others are free to choose, the same provision
    included, so that \(x_{k'p} + x^{\mathrm{stay}}_{k'p}\) is at least this share. Phase transfer
    depends on the school's age range, not on age alone. Places that are short are priced as
    over-capacity, never taken from a child.
    """
    q = m.question
    share = _numbers(q.stay_on, "share", i)
    there = _arcs(m, q.stay_on_rows, i)
    return m.placed.each(q.stay_on["arc"].to_numpy()[i]) - share * there == 0.0


def only_those_already_there_index(q: Question) -> Ints:
    """Arcs that are open to nobody but released children of the provision."""
    return np.arange(len(q.only))


def only_those_already_there(m: Model, i: Ints) -> Rule:
    r"""Children whom a scenario releases may choose the provision they are in, even if it would
    not admit them anew.

    $$x_{k'p} \le \sum_{(k,p)\to k'} r_{k,t(k')}\,x_{kp}
      \qquad \forall (k',p) \text{ admissible only to who is there}$$
    """
    q = m.question
    there = _arcs(m, q.only_rows, i)
    return m.placed.each(q.only["arc"].to_numpy()[i]) - there <= 0.0


def stay_in_sector_index(q: Question) -> Ints:
    """Groups (kind, phase entered, year) whose children may stay in the kind."""
    return np.arange(len(q.sector_keys))


def stay_in_sector(m: Model, g: Ints) -> Rule:
    r"""A share of the children of a kind stays in that kind at a transition point.

    $$\sum_{k'\in g}\sum_{p:\kappa(p)=\kappa} (x_{k'p} + x^{\mathrm{stay}}_{k'p}) + v_g \ge
      \rho_\kappa \sum_{k'\in g}\sum_{(j,q)\to k',\,\kappa(q)=\kappa} r_{j,t(k')}\,x_{jq}$$

    \(1-\rho\) is the share that may return to local provision; \(v_g\) is priced as a move.
    Source: parental preference and tribunal outcomes, Children and Families Act 2014 s.38-39, 51.
    """
    q = m.question
    share = _numbers(q.sector_keys, "share", g)
    placed, there = _arcs(m, q.sector_placed, g), _arcs(m, q.sector_before, g)
    return placed + m.displaced.each(g) - share * there >= 0.0


def _asked(m: Model, g: Ints) -> tuple[Linear, Linear]:
    """Shares of the children of preference groups who are free to choose, and of those of them who
    are unmet."""
    q = m.question
    members = [q.preference_members[i] for i in g.tolist()]
    k, sizes = np.concatenate(members), np.array([len(cohorts) for cohorts in members])
    share = np.concatenate([q.preference_shares[i] for i in g.tolist()])
    looking = _arcs(m, q.inflow_rows, k) + _numbers(q.cohorts, "children", k)
    # Cohorts of whom some stay on are not whole: their share is that of the rule.
    staying = _numbers(q.preference_keys, "share", g) * _arcs(m, q.preference_staying, g)
    free = (share * looking).added_up(sizes) - staying
    return free, (share * m.unmet.each(k)).added_up(sizes)


def preference_floor_index(q: Question) -> Ints:
    """Groups (rule, tier, phase, year and year group entered) with a floor and an admissible
    standing place."""
    return np.flatnonzero((q.preference_keys["side"] == "floor").to_numpy())


def preference_floor(m: Model, g: Ints) -> Rule:
    r"""At least a share of the children who are free to choose is placed in some kinds.

    $$\sum_{k\in g}\sum_{p\in P_g} x_{kp} \ge \sum_{k\in g} f_{gk}\,
      \Big(n_k - \sum_p x^{\mathrm{stay}}_{kp} - u_k\Big)$$

    Children who stay on are not asked again, and unmet children leave the base; \(n_k\) includes
    those who re-enter. Groups are told apart by the year group entered, for who enters late leaves
    soon: a share of all who enter would be filled with them, and be missed in the years after.
    \(f_{gk}\) is the share of the rule. With whole children the shares of a group's whole cohorts
    are rounded beforehand: over the groups of a rule, tier and phase, by September and year group,
    what is asked for so far is the nearest whole number. So small groups are neither let off nor
    asked for more than their share, and none may choose which.
    Source: preference is not abolished by building a place (CFA 2014 s.38-40).
    """
    placed = _arcs(m, m.question.preference_placed, g)
    free, unmet = _asked(m, g)
    return placed - free + unmet >= 0.0


def preference_ceiling_index(q: Question) -> Ints:
    """Groups with a ceiling."""
    return np.flatnonzero((q.preference_keys["side"] == "ceiling").to_numpy())


def preference_ceiling(m: Model, g: Ints) -> Rule:
    r"""At most a share of the children who are free to choose is placed in some kinds.

    $$\sum_{k\in g}\sum_{p\in P_g} x_{kp} \le \sum_{k\in g} c_{gk}\,
      \Big(n_k - \sum_p x^{\mathrm{stay}}_{kp}\Big)$$

    \(c_{gk}\) is rounded for whole children as a floor's share is, and never to less than the
    floor of the same rule asks for.
    """
    placed = _arcs(m, m.question.preference_placed, g)
    free, _ = _asked(m, g)
    return placed - free <= 0.0


def preference_share_index(q: Question) -> Ints:
    """Groups whose floor is the ceiling, with an admissible standing place; not with whole
    children, who have both."""
    return np.flatnonzero((q.preference_keys["side"] == "share").to_numpy())


def preference_share(m: Model, g: Ints) -> Rule:
    r"""A share of the children who are free to choose, neither more nor less, is placed in some
    kinds.

    $$\sum_{k\in g}\sum_{p\in P_g} x_{kp} = \sum_{k\in g} f_{gk}\,
      \Big(n_k - \sum_p x^{\mathrm{stay}}_{kp} - u_k\Big)$$

    What is families' choice or circumstance is no lever of planning.
    """
    placed = _arcs(m, m.question.preference_placed, g)
    free, unmet = _asked(m, g)
    return placed - free + unmet == 0.0


# ------------------------------------------------------------------ places


def places_index(q: Question) -> Ints:
    """(provision, year) for each provision with a number of places."""
    return np.arange(len(q.place_keys))


def places(m: Model, i: Ints) -> Rule:
    r"""Children present do not exceed places, but for priced over-capacity.

    $$\sum_{k} r_{kt}\,x_{kp} \le m_{pt} - e_{pt} + \sum_s \sum_{a\ge 0}
      c_s\,(\phi_{s,a}-\phi_{s,a-1})\,z_{s,t-a} + o_{pt} + w_{pt} \qquad \forall p,t$$

    \(m\) commissioned places, \(e\) children of other authorities in them, \(c_s\) places of the
    scheme and \(\phi_{s,a}\) the share on offer \(a\) years after opening, \(o\) over-capacity
    within the usual share, \(w\) beyond it. Capacity is soft because a school named in a plan must
    admit (CFA 2014 s.43).
    """
    q = m.question
    p, t = _pairs(q.place_keys, i)
    net = np.maximum(q.places[p, t] - q.taken_by_others[p, t], 0.0)
    children = _arcs(m, q.place_rows, i)
    return children - _offered(m, p, t) - m.over.each(i) - m.beyond.each(i) <= net


def over_capacity_limit_index(q: Question) -> Ints:
    """The same (provision, year) as ``places``."""
    return places_index(q)


def over_capacity_limit(m: Model, i: Ints) -> Rule:
    r"""Ordinary over-capacity is a share of places; anything above it is a priced breach.

    $$o_{pt} \le \omega_{\kappa(p)} \Big(m_{pt} + \sum_s\sum_a
      c_s(\phi_{s,a}-\phi_{s,a-1}) z_{s,t-a}\Big)$$
    """
    q = m.question
    p, t = _pairs(q.place_keys, i)
    by_provision = [q.model.for_kind("over_capacity_share", k) for k in q.provisions["kind"]]
    share: Floats = np.array(by_provision, dtype=float)[p]
    return m.over.each(i) - share * _offered(m, p, t) <= share * q.places[p, t]


def place_limits_index(q: Question) -> Ints:
    """(limit, year) for each limit that a provision declares within its places."""
    return np.arange(len(q.limit_keys))


def place_limits(m: Model, j: Ints) -> Rule:
    r"""A limit for a designation or a phase inside a provision holds, or is a priced breach.

    $$\sum_{k\in \ell} r_{kt}\,x_{kp} \le m_{\ell t} + w_{\ell t}
      \qquad \forall \text{ limit } \ell \text{ of } p,\ t$$

    Schemes do not enlarge such a limit.
    """
    q = m.question
    limit, _ = _pairs(q.limit_keys, j)
    most = _numbers(q.limits, "places", limit)
    return _arcs(m, q.limit_rows, j) - m.limit_beyond.each(j) <= most


# ------------------------------------------------------------------ schemes


def opens_once_index(q: Question) -> list[tuple[int, int]]:
    """(scheme, year) from the year after the earliest opening."""
    return [(s, t) for s in range(len(q.schemes)) for t in q.scheme_columns(s)[1:]]


def opens_once(m: Model, s: Ints, t: Ints) -> Rule:
    r"""A scheme that is open stays open; before its earliest opening there is no \(z\).

    $$z_{s,t-1} \le z_{s,t}$$

    The earliest opening carries the lead time and the December notification of place changes.
    """
    return m.open.each(s, t - 1) - m.open.each(s, t) <= 0.0


def opens_in_time_index(q: Question) -> list[tuple[int, int]]:
    """(scheme, year) after the latest opening of a scheme."""
    latest = q.schemes["latest"].to_numpy(int)
    return [(s, t) for s in range(len(q.schemes)) for t in q.scheme_columns(s)[1:] if t > latest[s]]


def opens_in_time(m: Model, s: Ints, t: Ints) -> Rule:
    r"""A scheme that has not opened by its latest September does not open.

    $$z_{s,t} \le z_{s,t-1} \qquad \forall t > \text{latest}_s$$
    """
    return m.open.each(s, t) - m.open.each(s, t - 1) <= 0.0


def opens_before_use_index(q: Question) -> Ints:
    """Arcs to provisions that a scheme creates; who stays on is there already."""
    new = (q.arcs["scheme"].to_numpy() >= 0) & ~q.arcs["staying"].to_numpy(bool)
    return np.flatnonzero(new)


def opens_before_use(m: Model, a: Ints) -> Rule:
    r"""Nobody is placed in a new provision before it opens.

    $$x_{kp} \le N_k\, z_{s(p),t(k)} \qquad \forall (k,p) \text{ to a new provision}$$

    \(N_k\) is the most children the cohort can have. Stated arc by arc, which is what makes the
    relaxation strong.
    """
    q = m.question
    s, t = q.arcs["scheme"].to_numpy()[a], q.arcs["entry"].to_numpy()[a]
    most = _numbers(q.cohorts, "most", q.arcs["cohort"].to_numpy()[a])
    return m.placed.each(a) - most * m.open.each(s, t) <= 0.0


def committed_schemes_index(q: Question) -> list[tuple[int, int]]:
    """(scheme, year) of committed schemes."""
    committed = q.schemes["committed"].to_numpy(int)
    return [(s, t) for s in range(len(q.schemes)) if committed[s] >= 1 for t in q.scheme_columns(s)]


def committed_schemes(m: Model, s: Ints, t: Ints) -> Rule:
    r"""A committed scheme opens in the September that was decided.

    $$z_{s,t} = [t \ge \text{committed}_s]$$
    """
    committed = _numbers(m.question.schemes, "committed", s)
    return m.open.each(s, t) == (t >= committed).astype(float)


def exclusive_schemes_index(q: Question) -> Ints:
    """Groups of alternatives."""
    return np.arange(len(q.exclusive))


def exclusive_schemes(m: Model, i: Ints) -> Rule:
    r"""Of alternatives at most one is ever open.

    $$\sum_{s\in G} z_{s,T} \le 1$$
    """
    q = m.question
    groups = [q.exclusive[number][1] for number in i.tolist()]
    last = [[((s, q.years), 1.0) for s in group if q.years in q.scheme_columns(s)]
            for group in groups]  # fmt: skip
    return m.open.listed(last) <= 1.0


def prerequisites_index(q: Question) -> list[tuple[int, int, int]]:
    """(scheme, required scheme, year)."""
    return [(s, r, t) for s, r in q.prerequisites for t in q.scheme_columns(s)]


def prerequisites(m: Model, s: Ints, r: Ints, t: Ints) -> Rule:
    r"""A scheme opens no sooner than what it requires; module \(j\) needs module \(j-1\).

    $$z_{s,t} \le z_{r,t}$$
    """
    q = m.question
    required = [[((b, c), 1.0)] if c in q.scheme_columns(b) else []
                for b, c in zip(r.tolist(), t.tolist(), strict=True)]  # fmt: skip
    return m.open.each(s, t) - m.open.listed(required) <= 0.0


def capital_drawn_index(q: Question) -> list[tuple[int, int]]:
    """(scheme, financial year), where budgets are given."""
    if q.budgets.empty:
        return []
    years = range(q.settings.first_year, q.settings.last_year + 1)
    return [(s, f) for s in range(len(q.schemes)) for f in years]


def capital_drawn(m: Model, s: Ints, f: Ints) -> Rule:
    r"""What a scheme costs in a financial year is drawn from the sources open to it.

    $$\sum_{b\in B_s} y_{s,b,f} = \sum_t C_s\,\pi_{s,f-t}\,(z_{s,t}-z_{s,t-1})$$
    """
    q = m.question
    pairs = list(zip(s.tolist(), f.tolist(), strict=True))
    drawn = [[((i, b, year), 1.0) for b in q.sources_of(i)] for i, year in pairs]
    spend: dict[tuple[int, int], list[tuple[tuple[int, int], float]]] = {}
    for i in range(len(q.schemes)):
        for year, t, pounds in capital_spend(q, i):
            spend.setdefault((i, year), []).append(((i, t), pounds))
    cost = [spend.get(pair, []) for pair in pairs]
    return m.drawn.listed(drawn) - m.open.listed(cost) == 0.0


def capital_budget_index(q: Question) -> list[tuple[str, int]]:
    """(source, financial year), where budgets are given."""
    years = range(q.settings.first_year, q.settings.last_year + 1)
    return [(str(b), f) for b in sorted(q.budgets["source"].unique()) for f in years]


def capital_budget(m: Model, b: Index, f: Ints) -> Rule:
    r"""What is drawn from a source up to a year stays within its budgets up to then.

    $$\sum_{f'\le f}\sum_s y_{s,b,f'} \le \sum_{f'\le f} \beta_{b,f'}$$

    Unspent money is carried forward.
    """
    q = m.question
    source, year, pounds = (q.budgets[c].to_numpy() for c in ("source", "financial_year", "pounds"))
    pairs = list(zip(b.tolist(), f.tolist(), strict=True))
    budget = [pounds[(source == name) & (year <= last)].sum() for name, last in pairs]
    drawn = [[((i, name, earlier), 1.0)
              for i in range(len(q.schemes)) if name in q.sources_of(i)
              for earlier in range(q.settings.first_year, last + 1)]
             for name, last in pairs]  # fmt: skip
    return m.drawn.listed(drawn) <= np.array(budget, dtype=float)


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


def viable_roll(m: Model, p: Ints, t: Ints) -> Rule:
    r"""A new provision is at least a share full from a few years after opening.

    $$\sum_k r_{kt}\,x_{kp} + h_{pt} \ge \nu \sum_{s\in S_p} c_s\, z_{s,t-\eta}$$

    \(h\) are the places missing from a viable roll, priced so that a committed school without
    demand is reported and not infeasible.
    """
    q = m.question
    share, wait = q.model.viable_roll["share"], int(q.model.viable_roll["from_year"])
    row_of = {key: i for i, key in enumerate(q.place_keys)}
    at = list(zip(p.tolist(), t.tolist(), strict=True))
    rows = np.array([row_of[key] for key in at])
    places = q.schemes["places"].to_numpy(float)
    needed = [[((i, year - wait), share * places[i])
               for i in np.flatnonzero(q.schemes["provision"].to_numpy() == provision).tolist()
               if year - wait in q.scheme_columns(i)]
              for provision, year in at]  # fmt: skip
    children = _arcs(m, q.place_rows, rows)
    return children + m.short_roll.each(p, t) - m.open.listed(needed) >= 0.0


# ------------------------------------------------------------------ money


def in_year_balance_index(q: Question) -> Ints:
    """Financial years from the balance year on, where the scenario asks for balance."""
    start = q.settings.balance_from
    if start is None:
        return np.zeros(0, dtype=np.int64)
    years = range(start, q.settings.last_year + 1)
    return np.array([f for f in years if f in q.allocations], dtype=np.int64)


def in_year_balance(m: Model, f: Ints) -> Rule:
    r"""High-needs spend in a financial year stays within the allocation, or the excess is priced.

    $$\tfrac{7}{12} D_{t(f)} + \tfrac{5}{12} D_{t(f)-1} - d_f \le \alpha_f$$

    \(D_t\) is the Dedicated Schools Grant spend of an academic year. What a safety-valve
    agreement or a reform plan asks for.
    """
    q = m.question
    t = f - q.settings.base_year
    spend = dsg_spend(m)
    financial_year = (7.0 / 12.0) * spend.take(t) + (5.0 / 12.0) * spend.take(t - 1)
    limit = np.array([q.allocations[year] for year in f.tolist()], dtype=float)
    return financial_year - m.out_of_balance.each(f) <= limit
