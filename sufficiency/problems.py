"""Problems with what a planner supplied: collected first, shown together, never a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

EXIT_OK = 0
EXIT_UNEXPECTED = 1
EXIT_BAD_INPUT = 2
EXIT_NO_PLAN = 3
EXIT_AUDIT_FAILED = 4
EXIT_NOT_RELEASABLE = 5
EXIT_INTERRUPTED = 130


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where it is, and what to do about it.

    ``row`` counts lines as a spreadsheet does: the header is row 1.
    """

    message: str
    remedy: str
    file: str = ""
    row: int | None = None
    column: str = ""
    value: str = ""

    def __str__(self) -> str:
        place = self.file
        if self.row is not None:
            place += f", row {self.row}"
        if self.column:
            place += f", column {self.column}"
        found = f" Found: {self.value!r}." if self.value else ""
        lead = f"{place}: " if place else ""
        return f"{lead}{self.message}{found} Remedy: {self.remedy}"


@dataclass
class Problems:
    """A collector: errors stop the run once all are known, warnings travel with the result."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, message: str, remedy: str, **where: object) -> None:
        """Note an error; ``where`` takes file, row, column and value."""
        self.errors.append(_problem(message, remedy, where))

    def warn(self, message: str, remedy: str, **where: object) -> None:
        """Note a warning; ``where`` takes file, row, column and value."""
        self.warnings.append(_problem(message, remedy, where))

    def raise_if_any(self) -> None:
        """Raise :class:`InputError` when there is at least one error."""
        if self.errors:
            raise InputError(self.errors, self.warnings)


def _problem(message: str, remedy: str, where: dict[str, object]) -> Problem:
    row = where.get("row")
    value = where.get("value")
    return Problem(
        message,
        remedy,
        file=str(where.get("file") or ""),
        row=int(str(row)) if row is not None else None,
        column=str(where.get("column") or ""),
        value="" if value is None else str(value)[:120],
    )


class InputError(Exception):
    """What was supplied cannot be used; ``problems`` lists every reason."""

    exit_code = EXIT_BAD_INPUT

    def __init__(self, problems: list[Problem], warnings: Iterable[Problem] = ()) -> None:
        self.problems = problems
        self.warnings = list(warnings)
        super().__init__("\n".join(str(problem) for problem in problems))


class NoPlanError(Exception):
    """The rules contradict each other, or no plan was found in time."""

    exit_code = EXIT_NO_PLAN

    def __init__(self, message: str, reasons: Iterable[str] = ()) -> None:
        self.reasons = list(reasons)
        super().__init__("\n".join([message, *self.reasons]))


class NotReleasableError(Exception):
    """A release would give away small numbers, so none is written; ``reasons`` says which, and
    ``blocks`` in which years, where another rounding of them may be hidden better."""

    exit_code = EXIT_NOT_RELEASABLE

    def __init__(
        self, message: str, reasons: Iterable[str] = (), blocks: Iterable[object] = ()
    ) -> None:
        self.reasons, self.blocks = list(reasons), list(blocks)
        super().__init__("\n".join([message, *self.reasons]))


class Stopped(KeyboardInterrupt):
    """Ctrl-C in a study of many questions; its message says what was kept and how to go on."""


def near(word: str, known: Iterable[str]) -> str:
    """The end of a message: ``; did you mean 'x'?`` where a known word is near, else a stop."""
    found = difflib.get_close_matches(word.casefold(), {k.casefold(): k for k in known}, n=1)
    if not found:
        return "."
    original = {k.casefold(): k for k in known}[found[0]]
    return f"; did you mean {original!r}?"
