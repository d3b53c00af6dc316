"""Questions after the first, as the product answers them. The one place to change when it learns
to answer more of them warm. ``seconds`` in a result are those of the second answer alone.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from sufficiency.asking import Ask
from sufficiency.pipeline import Loaded, load_scenario, optimise, study
from sufficiency.solving import SolveOptions

Result = dict[str, Any]


def placements_only(asked: Result, watch: Any) -> Result:
    """Search, then place children for other schemes: the first one that opened stays shut.

    Warm: the search keeps its prices and the solver's basis.
    """
    watch.step("Reading the tables")
    loaded = load_scenario(asked["scenario"])
    watch.step("Solving the first question")
    asked_again = study(loaded, SolveOptions(asked["gap"], asked["time_limit"], asked["threads"]))
    best = asked_again.best()
    if not best.found:
        return {"status": best.status, "objective": None, "bound": None}
    asked_again.plan(best.opens)
    watch.step("Placing children for other schemes")
    schemes = asked_again.question.schemes
    needed = {required for _, required in asked_again.question.prerequisites}
    committed = set(np.flatnonzero(schemes["committed"].to_numpy() >= 1).tolist())
    kept = {schemes["scheme"].iat[s] for s in needed | committed}
    free = sorted(set(best.opens) - kept)
    clock = time.monotonic()
    found = asked_again.placed_for({s: y for s, y in best.opens.items() if s not in free[:1]})
    return {
        "status": found.status,
        "objective": found.objective,
        "bound": found.bound,
        "seconds": time.monotonic() - clock,
        "asked": f"without {free[0]}" if free else "as it was",
        "how": "warm",
    }


def one_more_site(asked: Result, watch: Any) -> Result:
    """Search with the last new site shut, then offer it to the same search.

    Warm: plans, prices and cuts of the first search serve the second. The model knew of the site
    from the start, so reading and building are not in the seconds; the cold question has them.
    """
    watch.step("Reading the tables")
    loaded = load_scenario(asked["scenario"])
    _, site = without_a_site(loaded)
    watch.step("Solving the first question")
    asked_again = study(loaded, SolveOptions(asked["gap"], asked["time_limit"], asked["threads"]))
    first = asked_again.best(Ask.that(forbid=[site]))
    watch.step("Searching with one more site")
    clock = time.monotonic()
    found = asked_again.best(on_progress=lambda p: watch.note(p.best, p.bound))
    return {
        "status": found.status,
        "objective": found.objective if found.found else None,
        "bound": found.bound,
        "seconds": time.monotonic() - clock,
        "asked": f"with {site} as well",
        "how": "warm",
        "before": first.objective if first.found else None,
    }


def one_more_site_cold(asked: Result, watch: Any) -> Result:
    """The scenario with its last new site, from the start to an audited plan."""
    watch.step("Reading the tables")
    loaded = load_scenario(asked["scenario"])
    clock = time.monotonic()
    plan = optimise(
        loaded,
        gap=asked["gap"],
        time_limit=asked["time_limit"],
        threads=asked["threads"],
        on_progress=watch.told,
    )
    solver = plan.stamp["solver"]
    return {
        "status": solver["status"],
        "objective": solver["objective_pounds"],
        "bound": solver["bound_pounds"],
        "seconds": time.monotonic() - clock,
        "asked": f"with {without_a_site(loaded)[1]} as well",
        "how": "cold",
    }


def without_a_site(loaded: Loaded) -> tuple[Loaded, str]:
    """The scenario without its last scheme at a new site that no other scheme needs."""
    schemes = loaded.tables.schemes
    needed = {name for required in schemes["requires"] for name in required}
    needed |= set(schemes["provision"]) | set(loaded.settings.committed)
    free = schemes[(schemes["site"] != "") & ~schemes["scheme"].isin(needed)]
    site = str(free["scheme"].iloc[-1])
    tables = replace(loaded.tables, schemes=schemes[schemes["scheme"] != site])
    return replace(loaded, tables=tables), site
