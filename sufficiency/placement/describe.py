"""Rows of the model in a planner's words, for explaining contradictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sufficiency.placement.question import Question
from sufficiency.vocabulary import academic_year_label, financial_year_label


def contradiction_in_words(
    q: Question, broken: Sequence[tuple[tuple[str, Any], float]]
) -> list[str]:
    """Say which rules cannot all hold, one sentence each.

    Args:
        q: the question without a plan.
        broken: (rule, index) and violation, as the solver's least-violating point gives them.
    """
    commitments = [
        f"{q.schemes['scheme'].iat[s]} in {academic_year_label(q.settings.base_year + int(c))}"
        for s, c in enumerate(q.schemes["committed"])
        if c >= 1
    ]
    sentences = [_sentence(q, name, index, amount) for (name, index), amount in broken]
    if commitments and sentences:
        sentences.append(
            f"Committed in the scenario (section [committed]): {', '.join(commitments)}."
        )
    if not sentences:
        sentences = ["The solver found no single cause; check committed schemes and budgets."]
    return list(dict.fromkeys(sentences))


def _sentence(q: Question, name: str, index: Any, amount: float) -> str:
    def scheme(s: int) -> str:
        return str(q.schemes["scheme"].iat[s])

    def september(t: int) -> str:
        return academic_year_label(q.settings.base_year + t)

    if name == "capital_budget":
        source, year = index
        return (
            f"Rule capital_budget: source {source!r} is short by £{amount:,.0f} up to financial "
            f"year {financial_year_label(year)} (table budgets, rows of this source up to then)."
        )
    if name == "capital_drawn":
        s, year = index
        return (
            f"Rule capital_drawn: no budget source pays £{amount:,.0f} of scheme {scheme(s)} in "
            f"financial year {financial_year_label(year)} (table schemes, column funding_sources)."
        )
    if name == "exclusive_schemes":
        group, members = q.exclusive[index]
        return (
            f"Rule exclusive_schemes: more than one scheme of the group {group!r} would open "
            f"({', '.join(scheme(s) for s in members)}; table schemes, column exclusive_group)."
        )
    if name == "prerequisites":
        s, required, t = index
        return (
            f"Rule prerequisites: {scheme(s)} would be open in {september(t)} without "
            f"{scheme(required)}, which it requires (table schemes, column requires)."
        )
    if name == "committed_schemes":
        s, t = index
        return f"Rule committed_schemes: {scheme(s)} cannot be open as committed in {september(t)}."
    s, t = index
    return f"Rule {name}: scheme {scheme(s)} in {september(t)}."
