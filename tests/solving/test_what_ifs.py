"""Two hundred what-ifs: a study asked again answers like one that is asked for the first time.

Questions come one after the other to one study, of random tiny authorities and the small example:
schemes forbidden, forced or moved, capital held down, sets of schemes that were found before ruled
out, and several of these at once. Each answer stands beside HiGHS alone on the whole model.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from sufficiency.asking import Answered, Ask, Study
from sufficiency.pipeline import Loaded, audit_plan, load_scenario, study
from sufficiency.solving import Outcome, Progress, SolveOptions, decomposition, solve
from tests.placement.test_brute_force import authority, cases
from tests.placement.test_properties import authorities, load

RELATIVE = 1e-6
AUTHORITIES, PER_AUTHORITY = 40, 5
OF_SMALL = 25
"""What-ifs: of so many random authorities so many each, and of the small example."""
POUNDS = 1000.0
"""A limit of capital holds to the pound: where all schemes are cheaper than this, none is asked."""


def random_authorities(count: int) -> Any:
    """As many authorities, the same in every run: some under the real model, some rich in rules
    among schemes."""
    kept = settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    either = st.one_of(authorities().map(load), cases().map(authority))
    return lambda test: kept(given(either, st.randoms(use_true_random=False))(test))


# ------------------------------------------------------------------ questions


def question(asked: Study, luck: random.Random, found: list[Answered]) -> tuple[str, Ask]:
    """A question of some kind, and what kind."""
    schemes = asked.question.schemes
    ids = [str(s) for s in schemes["scheme"]]
    capital = asked.capital()
    base, years = asked.question.settings.base_year, asked.question.years
    last = found[luck.randrange(len(found))] if found else None
    committed = dict(zip(ids, schemes["committed"] >= 1, strict=True))
    opened = [s for s in sorted(last.opens) if not committed[s]] if last is not None else []

    def forbidden() -> dict[str, Any]:
        # What the last plan opened is what it hurts to lose.
        return {"forbid": [luck.choice(opened or ids)]}

    def forced() -> dict[str, Any]:
        return {"force": [luck.choice([s for s in ids if s not in opened] or ids)]}

    def moved() -> dict[str, Any]:
        return {"opens": {luck.choice(opened or ids): base + luck.randint(1, years)}}

    def held_down() -> dict[str, Any]:
        spent = sum(capital[s] for s in opened) or sum(capital.values())
        return {"capital_at_most": spent * luck.choice([0.0, 0.5, 0.9, 0.999, 1.5])}

    def another() -> dict[str, Any]:
        return {"unlike": [a.opens for a in found[-3:] if a.found] or [ids]}

    kinds = {
        "forbidden": forbidden,
        "forced": forced,
        "moved": moved,
        "held down": held_down,
        "another": another,
    }
    if min(capital.values()) < POUNDS:
        del kinds["held down"]
    kind = luck.choice([*kinds, "several"])
    some = luck.sample(sorted(kinds), 2) if kind == "several" else [kind]
    return kind, Ask.that(**{k: v for name in some for k, v in kinds[name]().items()})


def cold(asked: Study, ask: Ask, options: SolveOptions) -> Outcome:
    """HiGHS alone on the whole model with the question stated in it; nothing is kept."""
    limits, at = asked._limits(ask), np.array(asked._at)
    form = asked.form if limits is None else limits.on(asked.form, at)
    return solve(form, options)


def obeys(answer: Answered, asked: Study) -> None:
    """The schedule does what was asked, told without the search's own rows."""
    ask, opens, base = answer.ask, dict(answer.opens), asked.question.settings.base_year
    assert not ask.forbid & set(opens)
    assert ask.force <= set(opens)
    for scheme, year in ask.opens:
        # A year before the first planned one is never asked for here.
        assert base < year == opens[scheme]
    if ask.capital_at_most is not None:
        spent = sum(asked.capital()[s] for s in opens)
        assert spent <= ask.capital_at_most * (1 + 1e-6) + 1.0
    assert frozenset(opens) not in ask.unlike


def agree(warm: Answered, beside: Outcome, gap: float) -> None:
    """Both found a plan, or neither; the intervals in which they say the best lies overlap, and
    neither is wider than the gap."""
    assert warm.found == beside.found, (warm.status, beside.status, warm.ask)
    if not warm.found:
        assert warm.status == "infeasible" == beside.status, (warm.status, warm.ask)
        return
    slack = RELATIVE * max(1.0, abs(beside.objective))
    assert warm.status == "optimal" == beside.status
    assert warm.gap <= gap + RELATIVE
    assert warm.bound <= beside.objective + slack, warm.ask
    assert beside.bound <= warm.objective + slack, warm.ask
    assert abs(warm.objective - beside.objective) <= gap * abs(beside.objective) + slack, warm.ask


def never_above(log: list[Progress], cost: float) -> None:
    """No line of a log has a bound above what a plan costs, nor above the best plan it knows."""
    slack = RELATIVE * max(1.0, abs(cost))
    for line in log:
        assert line.bound <= cost + slack, line
        assert line.bound <= line.best + slack, line


def audited(loaded: Loaded, answer: Answered) -> float:
    """What the plan of an answer costs, which the audit adds up from the inputs."""
    plan = answer.plan
    found = audit_plan(loaded, plan)
    assert found["passed"], found["differences"]
    return plan.present_value_pounds


# ------------------------------------------------------------------ asked again and again


@pytest.mark.slow
def test_what_ifs_of_random_authorities() -> None:
    """Through the decomposition, proven exactly; every line of every log beside audited plans."""
    options = SolveOptions(gap=1e-7, threads=1)
    kinds: Counter[str] = Counter()

    @random_authorities(AUTHORITIES)
    def asked_in_turn(loaded: Loaded, luck: random.Random) -> None:
        asked = study(loaded, options)
        log: list[Progress] = []
        free = asked.best(on_progress=log.append)
        agree(free, cold(asked, Ask(), options), options.gap)
        found = [free] if free.found else []
        if free.found:
            never_above(log, audited(loaded, free))
        for _ in range(PER_AUTHORITY):
            kind, ask = question(asked, luck, found)
            log = []
            warm = asked.best(ask, on_progress=log.append)
            beside = cold(asked, ask, options)
            agree(warm, beside, options.gap)
            kinds[kind] += 1
            event(f"{kind}: {warm.status}")
            if not warm.found:
                continue
            obeys(warm, asked)
            assert warm.objective >= free.bound - RELATIVE * abs(free.bound)
            never_above(log, min(beside.objective, warm.objective))
            found.append(warm)
        if len(found) > 1:
            never_above(log, audited(loaded, found[-1]) if warm.found else math.inf)

    with patch.object(decomposition, "SMALL", 0):
        asked_in_turn()
    assert sum(kinds.values()) >= AUTHORITIES * PER_AUTHORITY
    assert len(kinds) == 6 and min(kinds.values()) >= 3, kinds


@pytest.mark.long
def test_what_ifs_of_the_small_example() -> None:
    """At the gap that planners ask for, where a plan known before may be good enough."""
    loaded, luck = load_scenario("small"), random.Random(7)
    options = SolveOptions(gap=5e-3, threads=1)
    kinds: Counter[str] = Counter()
    with patch.object(decomposition, "SMALL", 0):
        asked = study(loaded, options)
        found = [asked.best()]
        for _ in range(OF_SMALL):
            kind, ask = question(asked, luck, found)
            log: list[Progress] = []
            warm = asked.best(ask, on_progress=log.append)
            beside = cold(asked, ask, options)
            agree(warm, beside, options.gap)
            kinds[kind] += 1
            if not warm.found:
                continue
            obeys(warm, asked)
            never_above(log, min(beside.objective, warm.objective))
            found.append(warm)
        assert audited(loaded, found[-1]) >= found[0].bound * (1 - RELATIVE)
    assert len(found) > OF_SMALL / 2
    assert len(kinds) == 6, kinds
