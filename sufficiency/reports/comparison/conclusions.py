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
    label = found.labels[i]
    both = [found.reference.solver, found.runs[i].solver]
    cost = [as_float(s.get("objective_pounds", math.nan)) for s in both]
    bound = [as_float(s.get("bound_pounds", math.nan)) for s in both]
    if not all(map(math.isfinite, [*cost, *bound])):
        return f"{label} or the reference has no proven bound."
    if not found.same_authority or not found.same_years:
        return "the objectives cover other children or other years, so they are not compared."
    difference = cost[1] - cost[0]
    left = [max(c - b, 0.0) for c, b in zip(cost, bound, strict=True)]
    open_words = f"the searches left {fmt.pounds(left[0])} and {fmt.pounds(left[1])} open"
    if abs(difference) < POUND:
        return f"both plans cost the same in the objective; {open_words}."
    said = (
        f"in the objective {label} is "
        f"{fmt.more_or_less(difference, 'dearer', 'cheaper')}, and {open_words}"
    )
    if bound[1] > cost[0] or bound[0] > cost[1]:
        return f"{said}: the difference is proven, whatever a longer search might find."
    return (
        f"{said}: the two ranges overlap, so the difference is not proven. A longer search "
        "might turn it round; do not decide on it."
    )


def certainties(found: Comparison) -> str:
    """The certainty of every run, as sentences of a paragraph."""
    return " ".join(fmt.capital_first(certainty(found, i)) for i in found.others)


def _listed(items: Sequence[str], most: int = 8) -> str:
    if len(items) <= most:
        return fmt.in_words(list(items))
    return fmt.in_words([*items[:most], f"{len(items) - most} more"])
