"""Every row read is accounted for: used, merged, or excluded with a reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class RowAccount:
    """What became of the rows of one file.

    Attributes:
        file: name of the file, without its folder.
        read: rows read, the header not counted.
        used: rows that became something in a table of their own.
        merged: rows that were joined to another, with the reason.
        excluded: rows left out, with the reason.
    """

    file: str
    read: int = 0
    used: int = 0
    merged: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)

    def merge(self, reason: str, rows: int = 1) -> None:
        """Count rows that were joined to another."""
        if rows:
            self.merged[reason] += rows

    def exclude(self, reason: str, rows: int = 1) -> None:
        """Count rows left out."""
        if rows:
            self.excluded[reason] += rows

    @property
    def missing(self) -> int:
        """Rows of which nothing is known: always 0 when an importer is done."""
        return self.read - self.used - self.merged.total() - self.excluded.total()

    def close(self) -> None:
        """End the account.

        Raises:
            AssertionError: a row was read and nothing was said of it.
        """
        if self.missing:
            raise AssertionError(f"{self.file}: {self.missing} rows are not accounted for")

    def sentences(self) -> list[str]:
        """The account in words, totals first."""
        lines = [f"{self.file}: {self.read:,} rows read, {self.used:,} used."]
        for word, reasons in (("merged", self.merged), ("excluded", self.excluded)):
            lines += [
                f"{self.file}: {rows:,} rows {word}: {why}." for why, rows in reasons.most_common()
            ]
        return lines
