"""An independent audit of a plan: it shares no code with the model, only the vocabulary.

``audit(inputs, plan)`` recomputes every rule and every pound; ``audit_both`` does so for the plan
without schemes too, and ``audit_run(folder)`` from the files of a run folder.
"""

from __future__ import annotations

from sufficiency.audit.checks import (
    CHECKS,
    AuditResult,
    Difference,
    audit,
    audit_both,
    audit_run,
)
from sufficiency.audit.run_reader import AuditInputs, PlanTables, RunFolderError, read_run

__all__ = [
    "CHECKS",
    "AuditInputs",
    "AuditResult",
    "Difference",
    "PlanTables",
    "RunFolderError",
    "audit",
    "audit_both",
    "audit_run",
    "read_run",
]
