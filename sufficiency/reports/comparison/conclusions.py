"""What follows from a comparison, in sentences: the result, its cause, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sufficiency.reports import formatting as fmt
from sufficiency.reports.comparison.side_by_side import CHILD, POUND, Comparison
from sufficiency.reports.facts import as_float
from sufficiency.vocabulary import LEDGERS


def sentences(found: Comparison) -> list[str]:
    """The comparison in a few sentences: limits, then results, causes and certainty of each run."""
    said = list(found.warnings)
    for i in found.others:
        said += [
            result(found, i),
            f"Causes: {cause(found, i)}",
            f"Certainty: {certainty(found, i)}",
        ]
    return said


def result(found: Comparison, i: int) -> str:
    """What differs in the results of a run, in one sentence."""
    against = f"{found.labels[i]} against {found.labels[0]}:"
    if found.unchanged(i):
        return f"{against} nothing changed."
    moved = len(found.moved_schemes(i))
    unmet = as_float(found.of(found.failures, i)["unmet_difference"].sum())
    parts = [
        f"{fmt.number_of(moved, 'scheme', 'schemes')} {'opens' if moved == 1 else 'open'} in "
        "another year or in one plan only",
        in_ledgers(found, i),
    ]
    if abs(unmet) > CHILD:
        parts.append(
            f"{fmt.child_years(abs(unmet))} {'more' if unmet > 0 else 'fewer'} without a suitable "
            "place"
        )
    return f"{against} {'; '.join(parts)}."


def in_ledgers(found: Comparison, i: int) -> str:
    """The difference of each ledger in words; the same sum may be spent in other years."""

    def said(ledger: str) -> str:
        change = found.ledger_change(i, ledger)
        if abs(change) >= POUND:
            return fmt.more_or_less(change)
        return "the same, in other years" if found.in_other_years(i, ledger) else "the same"

    return ", ".join(f"{name} {said(ledger)}" for ledger, name in LEDGERS.items())


def cause(found: Comparison, i: int) -> str:
    """Which assumption caused the differences of a run, as far as that can be said."""
    changes, label = found.inputs[i], found.labels[i]
    if not changes.compared:
        return f"{label} is of another authority, so its inputs differ as a whole."
    assumed, same = changes.assumptions, found.unchanged(i)
    if not assumed and changes.tables:
        # Neither a file nor a value differs, and yet what was used does.
        return (
            "the files supplied and the planning model are the same, but tables as "
            f"used differ ({fmt.in_words([t.name for t in changes.tables])}); the runs were "
            "made by different versions of the program."
        )
    if not assumed:
        if same:
            return "none; every input is the same."
        return (
            "every input is the same, so whatever differs comes from where the two searches "
            "stopped."
        )
    if same:
        verb = "differs" if len(assumed) == 1 else "differ"
        return f"{_listed(assumed)} {verb}, and no result does."
    if len(assumed) == 1:
        return (
            f"only one assumption differs, {assumed[0]}, so it caused the differences"
            " (or moved the search to another plan of nearly equal cost)."
        )
    return (
        f"{len(assumed)} assumptions differ together: {_listed(assumed)}. The "
        "differences cannot be shared out among them; change one at a time to see what each "
        "does."
    )


def certainty(found: Comparison, i: int) -> str:
    """Whether the difference in cost is proven, or may be where the searches stopped."""
    label, sides = found.labels[i], _costs_and_bounds(found, i)
    if sides is None:
        return f"{verdict(found, i)}."
    cost, bound = sides
    left = [max(c - b, 0.0) for c, b in zip(cost, bound, strict=True)]
    open_words = f"the searches left {fmt.pounds(left[0])} and {fmt.pounds(left[1])} open"
    if abs(cost[1] - cost[0]) < POUND:
        return f"{verdict(found, i)}; {open_words}."
    said = (
        f"in the objective {label} is "
        f"{fmt.more_or_less(cost[1] - cost[0], 'dearer', 'cheaper')}, and {open_words}"
    )
    if _apart(cost, bound):
        return f"{said}: {verdict(found, i)}, whatever a longer search might find."
    return (
        f"{said}: the two ranges overlap, so {verdict(found, i)}. A longer search "
        "might turn it round; do not decide on it."
    )


def verdict(found: Comparison, i: int) -> str:
    """The certainty of a run in a few words, for the top of the page."""
    sides = _costs_and_bounds(found, i)
    if sides is not None:
        cost, bound = sides
        if abs(cost[1] - cost[0]) < POUND:
            return "both plans cost the same in the objective"
        return f"the difference is {'proven' if _apart(cost, bound) else 'not proven'}"
    if found.same_authority and found.same_years:
        return f"{found.labels[i]} or the reference has no proven bound"
    return "the objectives cover other children or other years, so they are not compared"


def _costs_and_bounds(found: Comparison, i: int) -> tuple[list[float], list[float]] | None:
    """Objectives and bounds of the reference and of a run, pounds; None: not to be compared."""
    both = [found.reference.solver, found.runs[i].solver]
    cost = [as_float(s.get("objective_pounds", math.nan)) for s in both]
    bound = [as_float(s.get("bound_pounds", math.nan)) for s in both]
    known = all(map(math.isfinite, [*cost, *bound]))
    return (cost, bound) if known and found.same_authority and found.same_years else None


def _apart(cost: Sequence[float], bound: Sequence[float]) -> bool:
    """Whether what is proven of two plans does not overlap."""
    return bound[1] > cost[0] or bound[0] > cost[1]


def certainties(found: Comparison) -> str:
    """The certainty of every run, as sentences of a paragraph."""
    return " ".join(_about(found, i, certainty(found, i)) for i in found.others)


def verdicts(found: Comparison) -> str:
    """The certainty of every run in a few words, as sentences of a paragraph."""
    return " ".join(_about(found, i, f"{verdict(found, i)}.") for i in found.others)


def _about(found: Comparison, i: int, words: str) -> str:
    """Words on a run, with its name where there are several."""
    if len(found.runs) == 2:
        return fmt.capital_first(words)
    return f"{found.labels[i]}: {words}"


def _listed(items: Sequence[str], most: int = 8) -> str:
    if len(items) <= most:
        return fmt.in_words(list(items))
    return fmt.in_words([*items[:most], f"{len(items) - most} more"])
