"""Scenario files: what is asked. Horizon, tables, model, commitments, what-ifs in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sufficiency.problems import Problems, near
from sufficiency.rules.planning_model import read_toml
from sufficiency.vocabulary import (
    KINDS,
    NEEDS,
    academic_year_label,
    financial_year_label,
    parse_year,
)

TABLE_SUFFIXES = (".csv", ".parquet", ".gpkg", ".geojson")


@dataclass(frozen=True)
class WhatIf:
    """One change laid over the inputs.

    ``change`` is one of demand, early_intervention, delay, fee, close, places, release; the other
    fields are those that this change uses. ``from_year`` is an academic year.
    """

    change: str
    needs: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    provision: str = ""
    scheme: str = ""
    factor: float = 1.0
    share: float = 0.0
    places: float = 0.0
    years: int = 0
    from_year: int = 0

    def sentence(self) -> str:
        """Say in plain English what changes."""
        since = f" from September {self.from_year}" if self.from_year else ""
        needs = ", ".join(self.needs) if self.needs else "every need"
        target = (
            self.provision or ", ".join(KINDS[k].lower() for k in self.kinds) or "every provision"
        )
        percent = f"{abs(self.factor - 1):.0%} {'more' if self.factor >= 1 else 'fewer'}"
        return {
            "demand": f"{percent} new plans for {needs}{since}.",
            "early_intervention": (f"Early intervention: {percent} new plans for {needs}{since}."),
            "delay": (
                f"Scheme {self.scheme} opens {self.years} "
                f"{'year' if self.years == 1 else 'years'} later."
            ),
            "fee": (
                f"Fees and top-ups {abs(self.factor - 1):.0%} "
                f"{'higher' if self.factor >= 1 else 'lower'} at {target}{since}."
            ),
            "close": f"{self.provision} is closed{since}.",
            "places": f"{self.provision} has {self.places:g} commissioned places{since}.",
            "release": (
                f"{self.share:.0%} of children settled in {target} may move "
                "before their transition point."
            ),
        }[self.change]


_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # change: (required fields, optional fields)
    "demand": (("factor",), ("needs", "from_year")),
    "early_intervention": (("factor",), ("needs", "from_year")),
    "delay": (("scheme", "years"), ()),
    "fee": (("factor",), ("kinds", "provision", "from_year")),
    "close": (("provision", "from_year"), ()),
    "places": (("provision", "places"), ("from_year",)),
    "release": (("share",), ("kinds",)),
}


@dataclass(frozen=True)
class Scenario:
    """A scenario as read: years are academic years, ``tables`` gives the path of each table.

    ``committed`` maps a scheme to the September in which it opens; ``balance_from`` is the
    financial year from which high-needs spend must stay within the allocation, or None.
    """

    name: str
    title: str
    authority: str
    file: str
    model: str
    base_year: int
    first_year: int
    years: int
    tables: Mapping[str, Path] = field(default_factory=dict)
    variant: str = "central"
    seed: int = 1
    draw: int = 0
    committed: Mapping[str, int] = field(default_factory=dict)
    balance_from: int | None = None
    what_ifs: tuple[WhatIf, ...] = ()

    @property
    def last_year(self) -> int:
        """The last planned academic year."""
        return self.first_year + self.years - 1


_SECTIONS = {
    "scenario": (
        "name", "title", "authority", "geodata", "model", "base_year", "first_year", "years",
        "extends",
    ),
    "tables": None,
    "projection": ("variant", "seed", "draw"),
    "committed": None,
    "balance": ("from",),
    "what_if": None,
}  # fmt: skip


def load_scenario_file(
    path: Path, problems: Problems, table_names: Sequence[str]
) -> Scenario | None:
    """Read a scenario file and what it extends.

    Args:
        path: the TOML file.
        problems: collects every error; None is returned when there was one.
        table_names: the tables of the manifest, looked for beside the file and in its geodata
            folder as CSV, Parquet, GeoPackage or GeoJSON.
    """
    before = len(problems.errors)
    chain: list[tuple[Path, dict[str, Any]]] = []
    current = path
    while True:
        if any(current.resolve() == seen.resolve() for seen, _ in chain):
            problems.error(
                "scenarios extend each other in a circle.",
                "remove one 'extends'.",
                file=path.name,
                column="scenario.extends",
                value=current.name,
            )
            return None
        data = read_toml(current, problems)
        if data is None:
            return None
        chain.append((current, data))
        parent = _section(data, "scenario").get("extends")
        if parent is None:
            break
        current = current.parent / str(parent)
    merged: dict[str, Any] = {"what_if": [], "paths": {}}
    for file, data in reversed(chain):
        _merge(merged, data, file, problems)
    scenario = _build(merged, path, table_names, problems)
    return scenario if len(problems.errors) == before else None


def _section(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name, {})
    return found if isinstance(found, Mapping) else {}


def _merge(merged: dict[str, Any], data: Mapping[str, Any], file: Path, problems: Problems) -> None:
    for name, section in data.items():
        if name not in _SECTIONS:
            problems.error(
                f"is an unknown section{near(name, _SECTIONS)}",
                f"use: {', '.join(_SECTIONS)}.",
                file=file.name,
                column=name,
            )
            continue
        if name == "what_if":
            items = section if isinstance(section, list) else [section]
            merged["what_if"] += [(file.name, item) for item in items]
            continue
        if not isinstance(section, Mapping):
            problems.error(
                "must be a section.",
                f"write [{name}] on a line of its own.",
                file=file.name,
                column=name,
                value=section,
            )
            continue
        allowed = _SECTIONS[name]
        for key, value in section.items():
            if allowed is not None and key not in allowed:
                problems.error(
                    f"is an unknown key{near(key, allowed)}",
                    f"use: {', '.join(allowed)}.",
                    file=file.name,
                    column=f"{name}.{key}",
                )
                continue
            merged.setdefault(name, {})[key] = value
            if name == "tables" or key == "geodata":
                merged["paths"][(name, key)] = file.parent / str(value)


def _build(
    merged: Mapping[str, Any], path: Path, table_names: Sequence[str], problems: Problems
) -> Scenario | None:
    head: Mapping[str, Any] = merged.get("scenario", {})
    where = path.name

    def year(value: object, column: str, otherwise: int) -> int:
        try:
            return parse_year(value)
        except ValueError as error:
            problems.error(
                f"{error}.", "write a year such as 2026/27.", file=where, column=column, value=value
            )
            return otherwise

    for key in ("base_year", "name", "geodata"):
        if key not in head:
            problems.error(
                "is missing.",
                f"add {key} = ... under [scenario].",
                file=where,
                column=f"scenario.{key}",
            )
    base_year = year(head.get("base_year", "2025/26"), "scenario.base_year", 2025)
    first_year = year(head.get("first_year", str(base_year + 1)), "scenario.first_year", 2026)
    if first_year != base_year + 1:
        problems.error(
            "the first planned year must follow the base year.",
            f'write first_year = "{academic_year_label(base_year + 1)}".',
            file=where,
            column="scenario.first_year",
            value=head.get("first_year"),
        )
    years = head.get("years", 10)
    if not isinstance(years, int) or isinstance(years, bool) or not 1 <= years <= 30:
        problems.error(
            "must be a whole number from 1 to 30.",
            "10 is usual.",
            file=where,
            column="scenario.years",
            value=years,
        )
        years = 10
    last_year = base_year + years
    projection: Mapping[str, Any] = merged.get("projection", {})
    variant = projection.get("variant", "central")
    if variant not in ("low", "central", "high"):
        problems.error(
            f"is no known variant{near(str(variant), ['low', 'central', 'high'])}",
            "use low, central or high.",
            file=where,
            column="projection.variant",
            value=variant,
        )
    for key in ("seed", "draw"):
        number = projection.get(key, 0)
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            problems.error(
                "must be a whole number from 0.",
                "write it without quotes.",
                file=where,
                column=f"projection.{key}",
                value=number,
            )
            return None
    committed = {
        str(scheme): year(value, f"committed.{scheme}", first_year)
        for scheme, value in merged.get("committed", {}).items()
    }
    for scheme, opens in committed.items():
        if not first_year <= opens <= last_year:
            problems.error(
                "a committed scheme opens outside the horizon.",
                f"use a year from {academic_year_label(first_year)} to "
                f"{academic_year_label(last_year)}.",
                file=where,
                column=f"committed.{scheme}",
                value=academic_year_label(opens),
            )
    balance = merged.get("balance", {}).get("from")
    balance_from = None if balance is None else year(balance, "balance.from", first_year)
    if balance_from is not None and not first_year <= balance_from <= last_year:
        problems.error(
            "the balance year lies outside the horizon.",
            f"use a financial year from {financial_year_label(first_year)} to "
            f"{financial_year_label(last_year)}.",
            file=where,
            column="balance.from",
            value=balance,
        )
    what_ifs = [
        _what_if(item, file, first_year, last_year, problems) for file, item in merged["what_if"]
    ]
    return Scenario(
        name=str(head.get("name", path.stem)),
        title=str(head.get("title", head.get("name", path.stem))),
        authority=str(head.get("authority", head.get("name", path.stem))),
        file=path.name,
        model=str(head.get("model", "england-2026")),
        base_year=base_year,
        first_year=first_year,
        years=years,
        tables=_find_tables(merged, path, table_names, problems),
        variant=str(variant),
        seed=int(projection.get("seed", 1)),
        draw=int(projection.get("draw", 0)),
        committed=committed,
        balance_from=balance_from,
        what_ifs=tuple(w for w in what_ifs if w is not None),
    )


def _find_tables(
    merged: Mapping[str, Any], path: Path, table_names: Sequence[str], problems: Problems
) -> dict[str, Path]:
    named: dict[str, Path] = {
        key: value for (section, key), value in merged["paths"].items() if section == "tables"
    }
    for key in named:
        if key not in table_names:
            problems.error(
                f"is no known table{near(key, table_names)}",
                f"use: {', '.join(table_names)}.",
                file=path.name,
                column=f"tables.{key}",
            )
    geodata = merged["paths"].get(("scenario", "geodata"))
    if geodata is not None and not geodata.is_dir():
        problems.error(
            "the geodata folder does not exist.",
            "correct the path under [scenario].",
            file=path.name,
            column="scenario.geodata",
            value=geodata,
        )
    folders = [path.parent] + ([geodata] if geodata is not None else [])
    found: dict[str, Path] = {}
    for table in table_names:
        if table in named:
            found[table] = named[table]
            continue
        candidates = [
            folder / f"{table}{suffix}" for folder in folders for suffix in TABLE_SUFFIXES
        ]
        existing = [candidate for candidate in candidates if candidate.exists()]
        if len(existing) > 1:
            problems.warn(
                f"the table {table} stands in more than one file; the first is used.",
                "remove the others, or name one under [tables].",
                file=existing[0].name,
                value=", ".join(e.name for e in existing[1:]),
            )
        if existing:
            found[table] = existing[0]
    return found


def _what_if(
    item: Any, file: str, first_year: int, last_year: int, problems: Problems
) -> WhatIf | None:
    before = len(problems.errors)

    def error(column: str, message: str, remedy: str, value: object = None) -> None:
        problems.error(message, remedy, file=file, column=f"what_if.{column}", value=value)

    change = item.get("change") if isinstance(item, Mapping) else None
    if change not in _FIELDS:
        error(
            "change",
            f"is no known change{near(str(change), _FIELDS)}",
            f"use: {', '.join(_FIELDS)}.",
            change,
        )
        return None
    required, optional = _FIELDS[change]
    values: dict[str, Any] = {"change": change}
    for key in required:
        if key not in item:
            error(key, f"a {change} what-if needs {key}.", f"add {key} = ...")
    for key, value in item.items():
        if key == "change":
            continue
        if key not in required + optional:
            error(
                key,
                f"is an unknown key{near(key, required + optional)}",
                f"a {change} what-if takes: {', '.join(required + optional)}.",
                value,
            )
        elif key in ("needs", "kinds"):
            known = NEEDS if key == "needs" else KINDS
            listed = [str(v) for v in (value if isinstance(value, list) else [value])]
            for word in listed:
                if word not in known:
                    error(
                        key, f"is not known{near(word, known)}", f"use: {', '.join(known)}.", word
                    )
            values[key] = tuple(listed)
        elif key == "from_year":
            try:
                values[key] = parse_year(value)
            except ValueError as problem:
                error(key, f"{problem}.", "write a year such as 2028/29.", value)
                continue
            if not first_year <= values[key] <= last_year:
                error(
                    key,
                    "lies outside the horizon.",
                    f"use {academic_year_label(first_year)} to {academic_year_label(last_year)}.",
                    value,
                )
        elif key in ("factor", "share", "places", "years"):
            whole = key == "years"
            limit = {"factor": 20.0, "share": 1.0, "places": 1e5, "years": 30.0}[key]
            good = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
            if not good or not math.isfinite(value) or not 0 <= value <= limit:
                error(
                    key,
                    f"must be a {'whole ' if whole else ''}number from 0 to {limit:g}.",
                    "correct it.",
                    value,
                )
            else:
                values[key] = value
        else:
            values[key] = str(value)
    if len(problems.errors) > before:
        return None
    return WhatIf(**values)
