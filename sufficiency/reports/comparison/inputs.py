"""What differs between the inputs of two runs: scenario, planning model, and every table, row by
row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sufficiency.plan.run_folder import as_words
from sufficiency.reports import formatting as fmt
from sufficiency.reports.facts import Run
from sufficiency.tables import MANIFEST
from sufficiency.vocabulary import academic_year_label, financial_year_label

MOST_ROWS: Final = 20_000
"""Changed rows of one table that are listed; all are counted."""
NAMES_ONLY: Final = ("title", "name")
"""What a scenario is called changes no number."""
SCENARIO: Final[dict[str, str]] = {
    "title": "Title",
    "name": "Name",
    "model": "Planning model",
    "base_year": "Base year",
    "first_year": "First planned year",
    "last_year": "Last planned year",
    "variant": "Variant of demand",
    "draw": "Draw of demand",
    "seed": "Seed of demand",
    "what_ifs": "What-ifs",
    "committed": "Committed schemes",
    "balance_from": "In-year balance asked for from",
    "fee_factors": "Changes of fees",
    "release": "Settled children who may move early",
    "whole_children": "Whole children",
}
"""Parts of a scenario, as the run folder and its stamp keep them."""
SEARCH: Final[dict[str, str]] = {
    "gap_asked": "Gap asked for",
    "time_limit": "Time limit in seconds",
    "memory_limit_gigabytes": "Memory limit in gigabytes",
    "seed": "Seed of the search",
    "version": "Version of HiGHS",
}
_ABSENT: Final = "not there"


@dataclass(frozen=True)
class Changed:
    """One value that differs.

    Attributes:
        name: the entry, or the part of a scenario.
        part: within it, such as a kind of provision; empty for the whole.
        before, after: as text.
        unit: of both.
        source_before, source_after: with date, for entries of the planning model.
    """

    name: str
    part: str
    before: str
    after: str
    unit: str = ""
    source_before: str = ""
    source_after: str = ""


@dataclass(frozen=True)
class TableChange:
    """What differs in one table, as the two runs used it.

    Attributes:
        name: of the table.
        rows_before, rows_after: their numbers.
        added, removed, changed: numbers of rows.
        columns: those in which a changed row differs.
        totals: (column, before, after) of the columns that can be added up.
        rows: change, row (its key), column, before, after; at most :data:`MOST_ROWS`.
        derived: the file supplied is the same, or none was: the difference follows from a what-if
            or from the planning model.
    """

    name: str
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    columns: tuple[str, ...]
    totals: tuple[tuple[str, float, float], ...]
    rows: pd.DataFrame
    derived: bool


@dataclass(frozen=True)
class InputChanges:
    """Everything that differs between the inputs of two runs.

    Attributes:
        scenario: parts of the scenario.
        model: values of the planning model.
        sourced: entries whose value is the same and whose source, date or unit is not.
        tables: tables whose rows differ.
        search: settings of the search.
        compared: whether rows of tables were compared; not between two authorities.
    """

    scenario: list[Changed] = field(default_factory=list)
    model: list[Changed] = field(default_factory=list)
    sourced: list[str] = field(default_factory=list)
    tables: list[TableChange] = field(default_factory=list)
    search: list[Changed] = field(default_factory=list)
    compared: bool = True

    @property
    def assumptions(self) -> list[str]:
        """What was assumed otherwise, in words: one for each entry, part or table supplied."""
        entries = list(dict.fromkeys(c.name for c in self.model))
        parts = dict.fromkeys(c.name for c in self.scenario)
        # A planning model's name is told by its values.
        skipped = {SCENARIO[key] for key in NAMES_ONLY} | {SCENARIO["model"]}
        return [
            *(f"{fmt.words(key)} (planning model)" for key in entries),
            *(f"{part.lower()} (scenario)" for part in parts if part not in skipped),
            *(f"the table {t.name}" for t in self.tables if not t.derived),
        ]

    @property
    def nothing(self) -> bool:
        """Whether no number that a plan rests on differs."""
        return not self.assumptions and not self.tables


def input_changes(before: Run, after: Run, same_authority: bool) -> InputChanges:
    """Compare the inputs of two runs.

    Args:
        before: the reference.
        after: the other run.
        same_authority: rows of tables are compared only then.
    """
    return InputChanges(
        scenario=_parts(_scenario(before), _scenario(after), SCENARIO),
        model=_model(before.rules, after.rules),
        sourced=[
            key
            for key in before.rules
            if key in after.rules
            and before.rules[key].get("value") == after.rules[key].get("value")
            and any(
                before.rules[key].get(k) != after.rules[key].get(k)
                for k in ("unit", "source", "date")
            )
        ],
        tables=list(_tables(before, after)) if same_authority else [],
        search=_parts(before.solver, after.solver, SEARCH),
        compared=same_authority,
    )


# ------------------------------------------------------------------ scenario and model


def _scenario(run: Run) -> dict[str, Any]:
    found = {key: run.scenario.get(key, run.stamp.get(key)) for key in SCENARIO}
    committed = dict(found.get("committed") or {})
    found["committed"] = {s: f"September {y}" for s, y in committed.items()}
    for key in ("base_year", "first_year", "last_year"):
        year = found.get(key)
        found[key] = academic_year_label(int(year)) if year is not None else None
    balance = found.get("balance_from")
    found["balance_from"] = financial_year_label(int(balance)) if balance is not None else None
    model = dict(run.stamp.get("model", {}))
    version = f", version {model['version']}" if model.get("version") else ""
    found["model"] = f"{model.get('name', '')}{version}"
    return found


def _parts(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, str]
) -> list[Changed]:
    def said(text: str) -> str:
        return "none" if text == _ABSENT else text

    return [
        Changed(name, part, said(old), said(new))
        for key, name in names.items()
        for part, old, new in _leaves(before.get(key), after.get(key), "")
    ]


def _model(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Changed]:
    found = []
    for key in [*before, *(k for k in after if k not in before)]:
        old, new = dict(before.get(key, {})), dict(after.get(key, {}))
        unit = str(new.get("unit") or old.get("unit") or "")
        for part, left, right in _leaves(old.get("value"), new.get("value"), unit):
            found.append(Changed(key, part, left, right, unit, _source(old), _source(new)))
    return found


def _source(entry: Mapping[str, Any]) -> str:
    if not entry:
        return ""
    return f"{entry.get('source', '')} ({fmt.date(entry.get('date'))}; {entry.get('set_by', '')})"


def _leaves(before: Any, after: Any, unit: str, path: str = "") -> Iterator[tuple[str, str, str]]:
    """(part, before, after) of every single value that differs."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(n for n in after if n not in before)]:
            inner = f"{path}, {fmt.words(name)}" if path else fmt.words(name)
            yield from _leaves(before.get(name), after.get(name), unit, inner)
        return
    lists = isinstance(before, list) and isinstance(after, list)
    if lists and len(before) == len(after) and len(before) > 4:
        by_age = len(before) == 26 and "age" in unit
        for i, (old, new) in enumerate(zip(before, after, strict=True)):
            name = f"age {i}" if by_age else f"number {i + 1}"
            yield from _leaves(old, new, unit, f"{path}, {name}" if path else name)
        return
    yield path, _text(before, unit), _text(after, unit)


def _text(value: Any, unit: str) -> str:
    if value is None:
        return _ABSENT
    if isinstance(value, dict | list) and not value:
        return "none"
    return "; ".join(fmt.model_value(value, unit))


# ------------------------------------------------------------------ tables


def _tables(before: Run, after: Run) -> Iterator[TableChange]:
    hashes = _hashes(before), _hashes(after)
    for name, table in MANIFEST.items():
        if name == "boundary":
            found = _boundary(before, after)
        else:
            left, right = _read(before, name), _read(after, name)
            found = None if left.equals(right) else _table(name, list(table.key), left, right)
        if found is not None:
            supplied = hashes[0].get(name), hashes[1].get(name)
            yield _derived(found) if supplied[0] == supplied[1] else found


def _derived(change: TableChange) -> TableChange:
    return TableChange(**{**vars(change), "derived": True})


def _hashes(run: Run) -> dict[str, str]:
    """The fingerprint of each table as it was supplied."""
    return {
        str(key).split(":")[0]: str(digest)
        for key, digest in dict(run.stamp.get("inputs", {})).items()
    }


def _path(run: Run, name: str) -> Path | None:
    path = run.folder / "inputs" / name if run.folder else None
    return path if path is not None and path.is_file() else None


def _read(run: Run, name: str) -> pd.DataFrame:
    path = _path(run, f"{name}.csv")
    if path is None:
        return pd.DataFrame({column.name: [] for column in MANIFEST[name].columns}, dtype="str")
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")


def _boundary(before: Run, after: Run) -> TableChange | None:
    def shape(run: Run) -> Any:
        path = _path(run, "boundary.geojson")
        if path is None:
            return None
        return [f["geometry"] for f in json.loads(path.read_text(encoding="utf-8"))["features"]]

    old, new = shape(before), shape(after)
    if old == new:
        return None
    rows = pd.DataFrame(
        [("changed", "boundary", "geometry", "one outline" if old else _ABSENT,
          "another outline" if new else _ABSENT)],
        columns=["change", "row", "column", "before", "after"],
    )  # fmt: skip
    there = int(old is not None), int(new is not None)
    both = int(all(there))
    return TableChange(
        "boundary", *there, there[1] - both, there[0] - both, both, ("geometry",), (), rows, False
    )


def _table(name: str, key: Sequence[str], left: pd.DataFrame, right: pd.DataFrame) -> TableChange:
    columns = [c.name for c in MANIFEST[name].columns]
    for frame in (left, right):
        for column in columns:
            if column not in frame:
                frame[column] = ""
    # A forecast kept in a run has no draw: rows alike in their key are told by their order.
    same = [k for k in key if k in columns]
    left = left.assign(_number=left.groupby(same).cumcount() if len(left) else [])
    right = right.assign(_number=right.groupby(same).cumcount() if len(right) else [])
    values = [c for c in columns if c not in same]
    both = left.merge(
        right, on=[*same, "_number"], how="outer", suffixes=("_before", "_after"), indicator=True,
        sort=False,
    )  # fmt: skip
    row = _row_names(both, same)
    parts: list[pd.DataFrame] = []
    gone, new = both["_merge"] == "left_only", both["_merge"] == "right_only"
    kept = ~(gone | new)
    for mark, change, side in ((gone, "removed", "_before"), (new, "added", "_after")):
        lines = both[mark]
        if len(lines):
            cells = [lines[f"{c}{side}"].tolist() for c in values]
            said = [
                "; ".join(f"{c}: {v}" for c, v in zip(values, line, strict=True) if v)
                for line in (zip(*cells, strict=True) if cells else [()] * len(lines))
            ]
            parts.append(
                pd.DataFrame(
                    {
                        "change": change,
                        "row": row[mark],
                        "column": "",
                        "before": said if change == "removed" else "",
                        "after": said if change == "added" else "",
                    }
                )
            )
    differs = pd.Series(False, index=both.index)
    touched = []
    for column in values:
        unlike = kept & (both[f"{column}_before"] != both[f"{column}_after"])
        if unlike.any():
            touched.append(column)
            differs |= unlike
            parts.append(
                pd.DataFrame(
                    {
                        "change": "changed",
                        "row": row[unlike],
                        "column": column,
                        "before": both.loc[unlike, f"{column}_before"],
                        "after": both.loc[unlike, f"{column}_after"],
                    }
                )
            )
    names = ["change", "row", "column", "before", "after"]
    rows = pd.concat(parts).sort_index(kind="stable") if parts else pd.DataFrame(columns=names)
    totals = []
    for declared in MANIFEST[name].columns:
        if declared.unit in ("children", "people", "places", "pounds") and declared.name in values:
            before, after = (
                float(pd.to_numeric(frame[declared.name], errors="coerce").sum())
                for frame in (left, right)
            )
            totals.append((declared.name, before, after))
    return TableChange(
        name, len(left), len(right), int(new.sum()), int(gone.sum()), int(differs.sum()),
        tuple(touched), tuple(totals), rows.head(MOST_ROWS).reset_index(drop=True), False,
    )  # fmt: skip


def _row_names(both: pd.DataFrame, key: Sequence[str]) -> pd.Series:
    if not key:
        return pd.Series("", index=both.index)
    joined = both[key[0]].astype(str)
    for column in key[1:]:
        joined = joined + ", " + both[column].astype(str)
    return joined


# ------------------------------------------------------------------ as one table


def as_table(changes: InputChanges, run: str) -> pd.DataFrame:
    """Everything as rows: run, part, name, row, column, change, before, after, unit, sources."""
    rows = [
        {
            "run": run, "part": part, "name": c.name, "row": "", "column": c.part,
            "change": "changed", "before": c.before, "after": c.after, "unit": c.unit,
            "source_before": c.source_before, "source_after": c.source_after,
        }
        for part, found in (("scenario", changes.scenario), ("planning model", changes.model),
                            ("search", changes.search))
        for c in found
    ]  # fmt: skip
    columns = ["run", "part", "name", "row", "column", "change", "before", "after", "unit",
               "source_before", "source_after"]  # fmt: skip
    frames = [pd.DataFrame(rows, columns=columns).astype("str")]
    for table in changes.tables:
        part = "table as used" if table.derived else "table"
        found = table.rows.assign(run=run, part=part, name=table.name, unit="", source_before="",
                                  source_after="")  # fmt: skip
        frames.append(found[columns].astype("str"))
    return as_words(pd.concat(frames, ignore_index=True))
