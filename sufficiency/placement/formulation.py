"""Render ``models/formulation.md`` from the docstrings of the functions that build the model."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from sufficiency.placement.costs import present_value
from sufficiency.placement.model import FAMILIES

_INTRODUCTION = r"""# The mathematical model

Rendered from the docstrings of the functions that build each row
(`python -m sufficiency.placement.formulation models/formulation.md`); a test fails when the two
differ. The numbers behind the symbols stand in the planning models beside this page.

## What is decided

Two things at once, over a horizon of academic years: how many children of each **cohort** are
placed in each **provision**, and which capital **schemes** open in which September.

A cohort is the children of one small area, primary need and support tier who look for a place in
the same September and year group. A child placed stays for the whole **stay**: until the next
transition point, or as far as the provision's age range goes. That is the transition-point
constraint, and it needs one variable for a stay instead of one for each year. Children in a
provision today are cohorts whose placement is fixed until their next transition point.

| symbol | meaning | unit |
|---|---|---|
| \(k, p, t, s\) | cohort, provision, academic year, scheme | |
| \(n_k\) | children of the cohort who do not re-enter from another stay | children |
| \(r_{k,t}\) | share of cohort \(k\) still present in year \(t\) | 0 to 1 |
| \(A\) | admissible pairs: need and tier admitted, year group covered, long enough, within the hard travel limit | |
| \(x_{kp} \ge 0\) | children placed at \(p\) for the stay by choice | children |
| \(x^{\mathrm{stay}}_{kp} \ge 0\) | children who stay on in \(p\) across a transition | children |
| \(u_k \ge 0\) | children without a suitable place: a failure to be solved, never a saving | children |
| \(z_{s,t} \in \{0,1\}\) | scheme \(s\) is open in year \(t\) | |
| \(o_{pt}, w_{pt} \ge 0\) | children above places, within the usual share and beyond it | children |
| \(y_{s,b,f} \ge 0\) | capital of scheme \(s\) drawn from source \(b\) in financial year \(f\) | pounds |

**Travel** has no row of its own. A pair beyond the hard limit of minutes is not in \(A\); minutes
above the guide (45 primary, 75 secondary: guidance, not law) are priced and counted. A cohort with
no standing provision within the limit keeps its nearest suitable one, flagged: a rural child is
never dropped. Kinds with a preference ceiling do not count as standing for this. A pair is also left out when a place that is never full is cheaper for the same
children and no other rule can tell the two apart.

**Limits of the model.** Children without a place are counted as unmet for the whole phase. Support
tier and need do not change along a child's way. Children are expected numbers unless whole
children are asked for. Everything is in real terms.

## Objective
"""  # noqa: E501  (a row of a Markdown table is one line)


def render_formulation() -> str:
    """The page as Markdown: introduction, objective, one section for each constraint family."""
    introduction = _INTRODUCTION.replace(r"\(", "$").replace(r"\)", "$")
    parts = [introduction, _text(present_value), "\n## Rules\n"]
    for name, (index, row) in FAMILIES.items():
        rows = (inspect.getdoc(index) or "").rstrip(".")
        parts.append(f"### `{name}`\n\n{_text(row)}\n\nOne row for: {rows}.\n")
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _text(function: object) -> str:
    """A docstring with inline mathematics as Markdown pages write it."""
    return (inspect.getdoc(function) or "").replace(r"\(", "$").replace(r"\)", "$")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_formulation(), encoding="utf-8")
