"""Planning models: every rule, limit, weight and unit cost, each with its source and date.

A model is a TOML file in ``models/``. Every entry is a table with ``value``, ``unit``, ``source``
and ``date``. A model that ``extends`` another replaces the values it names: lists and numbers
whole, tables key by key.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sufficiency.problems import Problems, near
from sufficiency.vocabulary import (
    HIGHEST_YEAR_GROUP,
    KINDS,
    LEDGERS,
    NEEDS,
    TIERS,
    financial_year_label,
    parse_year,
)

Parser = Callable[[Any, str, "Reporter"], Any]


@dataclass(frozen=True)
class Entry:
    """One entry of a resolved model: its raw value and where it comes from."""

    value: Any
    unit: str
    source: str
    date: str
    set_by: str


@dataclass(frozen=True)
class Preference:
    """A floor and a ceiling on the share of free children placed in some kinds of provision."""

    kinds: tuple[str, ...]
    tiers: tuple[int, ...]
    phases: tuple[str, ...]
    floor: float
    ceiling: float


class Reporter:
    """Collects problems of one model file, each named by its key."""

    def __init__(self, problems: Problems, file: str) -> None:
        self.problems = problems
        self.file = file

    def error(self, key: str, message: str, remedy: str, value: object = None) -> None:
        self.problems.error(message, remedy, file=self.file, column=key, value=value)


# ------------------------------------------------------------------ shapes of values


def _number(minimum: float = 0.0, maximum: float = math.inf) -> Parser:
    def parse(value: Any, key: str, report: Reporter) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            report.error(key, "must be a number.", "write a number without quotes.", value)
            return minimum
        if not math.isfinite(value) or not minimum <= value <= maximum:
            report.error(
                key, f"must lie between {minimum:g} and {maximum:g}.", "correct the value.", value
            )
            return minimum
        return float(value)

    return parse


def _list_of(item: Parser, length: int | None = None) -> Parser:
    def parse(value: Any, key: str, report: Reporter) -> tuple[Any, ...]:
        if not isinstance(value, list) or (length is not None and len(value) != length):
            wanted = f"a list of {length} values" if length else "a list"
            report.error(key, f"must be {wanted}.", f"write it as {wanted} in [ ].", value)
            return ()
        return tuple(item(v, f"{key}[{i}]", report) for i, v in enumerate(value))

    return parse


def _shares_summing_to_one(length: int | None = None) -> Parser:
    inner = _list_of(_number(0, 1), length)

    def parse(value: Any, key: str, report: Reporter) -> tuple[float, ...]:
        shares: tuple[float, ...] = inner(value, key, report)
        if shares and abs(sum(shares) - 1) > 1e-6:
            report.error(key, "shares must add up to 1.", "correct the shares.", sum(shares))
        return shares

    return parse


def _fill(value: Any, key: str, report: Reporter) -> tuple[float, ...]:
    shares: tuple[float, ...] = _list_of(_number(0, 1))(value, key, report)
    if shares and (list(shares) != sorted(shares) or shares[-1] != 1):
        report.error(
            key, "a fill profile must rise and end at 1.", "order the shares; end at 1.", value
        )
    return shares


def _one_of(known: Iterable[Any], what: str) -> Parser:
    allowed = list(known)

    def parse(value: Any, key: str, report: Reporter) -> Any:
        if value not in allowed:
            hint = near(str(value), [str(k) for k in allowed])
            report.error(
                key,
                f"is no known {what}{hint}",
                f"use one of: {', '.join(map(str, allowed))}.",
                value,
            )
            return allowed[0]
        return value

    return parse


def _by(keys: Iterable[Any] | None, item: Parser, what: str) -> Parser:
    """A table whose keys are known words (or ``default``) and whose values share one shape."""
    known = None if keys is None else {str(k): k for k in keys}

    def parse(value: Any, key: str, report: Reporter) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            report.error(key, "must be a table.", "write { name = value, ... }.", value)
            return {}
        result: dict[Any, Any] = {}
        for name, inner in value.items():
            if known is not None and name not in known and name != "default":
                report.error(
                    f"{key}.{name}",
                    f"is no known {what}{near(name, known)}",
                    f"use one of: {', '.join(known)}.",
                    name,
                )
                continue
            original = name if known is None or name == "default" else known[name]
            result[original] = item(inner, f"{key}.{name}", report)
        return result

    return parse


def _record(shape: Mapping[str, Parser]) -> Parser:
    def parse(value: Any, key: str, report: Reporter) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            report.error(key, "must be a table.", "write { name = value, ... }.", value)
            return {}
        for name in value:
            if name not in shape:
                report.error(
                    f"{key}.{name}",
                    f"is an unknown key{near(str(name), shape)}",
                    f"use: {', '.join(shape)}.",
                    name,
                )
        for name in shape:
            if name not in value:
                report.error(f"{key}.{name}", "is missing.", "add it.")
        return {
            n: parse_(value[n], f"{key}.{n}", report) for n, parse_ in shape.items() if n in value
        }

    return parse


_kind = _one_of(KINDS, "kind of provision")
_share = _number(0, 1)
_pounds = _number(0, 1e9)
_year_group = _number(-4, HIGHEST_YEAR_GROUP)
_journey = _record({"minutes": _number(0, 600), "km": _number(0, 500)})


def _pounds_by_phase(value: Any, key: str, report: Reporter) -> dict[str, float]:
    """Pounds by phase; one number stands for every phase (as ``default``)."""
    if isinstance(value, Mapping):
        by_phase: dict[str, float] = _by(None, _pounds, "phase")(value, key, report)
        return by_phase
    return {"default": _pounds(value, key, report)}


def _financial_year(value: Any, key: str, report: Reporter) -> int:
    try:
        year = parse_year(value)
    except ValueError:
        year = -1
    if year < 0 or str(value) != financial_year_label(year):
        report.error(key, "must be a financial year.", 'write for example "2026-27".', value)
    return year


def _whole_year_group(value: Any, key: str, report: Reporter) -> int:
    number = _year_group(value, key, report)
    if number != int(number):
        report.error(key, "must be a whole year group.", "write 7, not 7.5.", value)
    return int(number)


def _transition_points(value: Any, key: str, report: Reporter) -> tuple[int, ...]:
    points: tuple[int, ...] = _list_of(_whole_year_group)(value, key, report)
    if list(points) != sorted(set(points)) or not points:
        report.error(key, "must rise without repeats.", "write for example [0, 7, 12, 15].", value)
    return tuple(sorted(set(points)))


_PREFERENCE = _record(
    {
        "kinds": _list_of(_kind),
        "tiers": _list_of(_one_of(TIERS, "tier")),
        "phases": _list_of(lambda value, key, report: str(value)),
        "floor": _share,
        "ceiling": _share,
    }
)


def _preferences(value: Any, key: str, report: Reporter) -> tuple[Preference, ...]:
    result = []
    for index, item in enumerate(value if isinstance(value, list) else []):
        got = _PREFERENCE(item, f"{key}[{index}]", report)
        if len(got) != 5:
            continue
        if got["floor"] > got["ceiling"]:
            report.error(
                f"{key}[{index}]", "the floor lies above the ceiling.", "swap or correct.", item
            )
        result.append(Preference(**got))
    if not isinstance(value, list):
        report.error(key, "must be a list of tables.", "write [ { kinds = [...], ... } ].", value)
    return tuple(result)


def _rule(parser: Parser) -> Any:
    return field(metadata={"parse": parser})


# ------------------------------------------------------------------ the model


@dataclass(frozen=True)
class PlanningModel:
    """A resolved planning model. Attributes are named as the keys of the file; units stand there.

    ``entries`` keeps the raw value, unit, source, date and setting file of every key.
    """

    name: str
    title: str
    description: str
    version: str
    entries: Mapping[str, Entry]
    transition_points: tuple[int, ...] = _rule(_transition_points)
    phase_names: Mapping[str, str] = _rule(_by(None, lambda v, k, r: str(v), "phase"))
    last_year_group: int = _rule(_whole_year_group)
    minimum_stay_years: float = _rule(_number(1, 10))
    stay_on_share: Mapping[str, float] = _rule(_by(KINDS, _share, "kind"))
    stay_in_sector_share: Mapping[str, Mapping[str, float]] = _rule(
        _by(KINDS, _by(None, _share, "phase"), "kind")
    )
    preference: tuple[Preference, ...] = _rule(_preferences)
    admits_tiers: Mapping[str, tuple[int, ...]] = _rule(
        _by(KINDS, _list_of(_one_of(TIERS, "tier")), "kind")
    )
    tier_shares: Mapping[str, tuple[float, ...]] = _rule(
        _by(NEEDS, _shares_summing_to_one(4), "need")
    )
    designations: Mapping[str, tuple[str, ...]] = _rule(
        _by(None, _list_of(_one_of(NEEDS, "need")), "designation")
    )
    new_plans_per_1000: tuple[float, ...] = _rule(_list_of(_number(0, 1000), 26))
    ceasing_share: tuple[float, ...] = _rule(_list_of(_share, 26))
    growth_of_new_plans: Mapping[str, float] = _rule(
        _by(["low", "central", "high"], _number(-0.5, 0.5), "variant")
    )
    travel_guide_minutes: Mapping[str, float] = _rule(_by(None, _number(0, 600), "phase"))
    travel_hard_limit_minutes: Mapping[str, float] = _rule(_by(None, _number(0, 600), "phase"))
    near_home_travel: Mapping[str, Mapping[str, float]] = _rule(_by(KINDS, _journey, "kind"))
    travel_estimate: Mapping[str, float] = _rule(
        _record(
            {
                "fixed_minutes": _number(0, 120),
                "slow_km": _number(0, 200),
                "minutes_per_slow_km": _number(0, 60),
                "minutes_per_straight_km": _number(0, 60),
                "road_km_per_straight_km": _number(1, 5),
            }
        )
    )
    transport: Mapping[str, float] = _rule(
        _record(
            {
                "fixed": _pounds,
                "per_km": _pounds,
                "per_minute": _pounds,
                "maximum": _pounds,
            }
        )
    )
    transport_eligible_share: Mapping[str, float] = _rule(_by(KINDS, _share, "kind"))
    place_funding: Mapping[str, float] = _rule(_by(KINDS, _pounds, "kind"))
    per_child_charge: Mapping[str, Mapping[str, float]] = _rule(
        _by(KINDS, _pounds_by_phase, "kind")
    )
    top_up: Mapping[str, float] = _rule(_by(KINDS, _pounds, "kind"))
    fees: Mapping[str, Mapping[str, float]] = _rule(
        _by(KINDS, _record({"in_area": _pounds, "out_of_area": _pounds}), "kind")
    )
    cost_factor_by_need: Mapping[str, float] = _rule(_by(NEEDS, _number(0, 20), "need"))
    cost_factor_by_tier: Mapping[int, float] = _rule(_by(TIERS, _number(0, 20), "tier"))
    other_authority_income: float = _rule(_pounds)
    discount_rate: float = _rule(_number(0, 0.3))
    building_life_years: Mapping[str, float] = _rule(_by(KINDS, _number(1, 200), "kind"))
    price_base: int = _rule(_financial_year)
    optimism_bias: Mapping[str, float] = _rule(_by(KINDS, _number(0, 3), "kind"))
    lifecycle_share: Mapping[str, float] = _rule(_by(KINDS, _number(0, 0.5), "kind"))
    statutory_timetable: Mapping[str, float] = _rule(
        _record(
            {
                "consultation_weeks": _number(0, 104),
                "representation_weeks": _number(0, 52),
                "decision_months": _number(0, 24),
            }
        )
    )
    capital_profile: tuple[float, ...] = _rule(_shares_summing_to_one())
    capital_per_place: Mapping[str, float] = _rule(_by(KINDS, _pounds, "kind"))
    lead_years: Mapping[str, float] = _rule(_by(KINDS, _number(0, 20), "kind"))
    fill_profile: Mapping[str, tuple[float, ...]] = _rule(_by(KINDS, _fill, "kind"))
    scheme_kinds: tuple[str, ...] = _rule(_list_of(_kind))
    viable_roll: Mapping[str, float] = _rule(
        _record({"share": _share, "from_year": _number(0, 30)})
    )
    over_capacity_share: Mapping[str, float] = _rule(_by(KINDS, _number(0, 2), "kind"))
    price_over_capacity: float = _rule(_pounds)
    price_beyond_limit: float = _rule(_pounds)
    price_unmet: float = _rule(_pounds)
    price_per_minute: float = _rule(_pounds)
    price_per_minute_over_guide: float = _rule(_pounds)
    price_outside_authority: float = _rule(_pounds)
    price_of_move: float = _rule(_pounds)
    price_short_roll: float = _rule(_pounds)
    price_of_new_place: Mapping[str, float] = _rule(_by(KINDS, _pounds, "kind"))
    price_out_of_balance: float = _rule(_number(0, 1000))
    ledger_weights: Mapping[str, float] = _rule(_by(LEDGERS, _number(0, 100), "ledger"))

    # ---------------------------------------------------------------- reading a rule

    def for_kind(self, key: str, kind: str, otherwise: Any = 0.0) -> Any:
        """The value of a by-kind rule for a kind, its ``default`` entry, or ``otherwise``."""
        table: Mapping[str, Any] = getattr(self, key)
        return table.get(kind, table.get("default", otherwise))

    def for_kind_and_phase(self, key: str, kind: str, phase: str) -> float:
        """The value of a rule by kind and phase, or its ``default`` entries, or nought."""
        by_phase: Mapping[str, float] = self.for_kind(key, kind, {})
        return by_phase.get(phase, by_phase.get("default", 0.0))

    def phase_start(self, year_group: int) -> int | None:
        """The first year group of the phase that holds ``year_group``; None before the first."""
        before = [point for point in self.transition_points if point <= year_group]
        return before[-1] if before else None

    def next_transition(self, year_group: int) -> int:
        """The next transition point after ``year_group``, or one past the last year group."""
        after = [point for point in self.transition_points if point > year_group]
        return after[0] if after else self.last_year_group + 1

    def phase_name(self, year_group: int) -> str:
        """The name of the phase that holds ``year_group``."""
        start = self.phase_start(year_group)
        if start is None:
            key = f"before_{self.transition_points[0]}"
            return self.phase_names.get(key, "before school")
        return self.phase_names.get(str(start), f"from year {start}")

    @property
    def phases(self) -> list[str]:
        """Names of all phases in the order of age."""
        return [
            self.phase_name(g) for g in (self.transition_points[0] - 1, *self.transition_points)
        ]

    def designation_of(self, need: str) -> str:
        """The designation (broad area of need) under which a need is reported."""
        for name, needs in self.designations.items():
            if need in needs:
                return name
        return "Other"

    def as_dictionary(self) -> dict[str, dict[str, Any]]:
        """The resolved model as plain data: key to value, unit, source, date and setting file."""
        return {
            key: {
                "value": entry.value,
                "unit": entry.unit,
                "source": entry.source,
                "date": entry.date,
                "set_by": entry.set_by,
            }
            for key, entry in self.entries.items()
        }


_PARSERS: dict[str, Parser] = {
    f.name: f.metadata["parse"] for f in fields(PlanningModel) if "parse" in f.metadata
}
_HEADER_KEYS = ("name", "title", "description", "extends", "version", "date")


def load_model(path: Path, problems: Problems) -> PlanningModel | None:
    """Read a planning model and all that it extends.

    Args:
        path: the TOML file. Models that it extends are looked for in the same folder, then among
            the shipped models.
        problems: collects every error; None is returned when there was one.
    """
    before = len(problems.errors)
    entries: dict[str, Entry] = {}
    header: dict[str, str] = {}
    for file, data in reversed(_chain(path, problems)):
        report = Reporter(problems, file.name)
        header = {**header, **{k: str(v) for k, v in data.get("model", {}).items()}}
        for key, raw in data.items():
            if key != "model":
                _merge(entries, key, raw, header.get("name", file.stem), report)
        for key in data.get("model", {}):
            if key not in _HEADER_KEYS:
                report.error(
                    f"model.{key}",
                    f"is an unknown key{near(key, _HEADER_KEYS)}",
                    f"use: {', '.join(_HEADER_KEYS)}.",
                )
    if len(problems.errors) > before:
        return None
    return _resolved(entries, header, path.stem, Reporter(problems, path.name))


def model_from_dictionary(
    data: Mapping[str, Any], header: Mapping[str, str], file: str, problems: Problems
) -> PlanningModel | None:
    """Undo :meth:`PlanningModel.as_dictionary`, with every check that a model file undergoes.

    Args:
        data: key to value, unit, source, date and set_by, as a run folder keeps it.
        header: name, title, description and version.
        file: named in problems.
        problems: collects every error; None is returned when there was one.
    """
    report = Reporter(problems, file)
    before = len(problems.errors)
    entries: dict[str, Entry] = {}
    again = "run the optimisation again with this version."
    for key in sorted({*_PARSERS, *data}):
        raw = data.get(key)
        if raw is None:
            report.error(key, "is missing: the run is older than this entry.", again)
        elif key not in _PARSERS or not isinstance(raw, Mapping) or "value" not in raw:
            report.error(key, "is no entry of a planning model.", again)
        else:
            words = (str(raw.get(name, "")) for name in ("unit", "source", "date", "set_by"))
            entries[key] = Entry(raw["value"], *words)
    if len(problems.errors) > before:
        return None
    return _resolved(entries, header, str(header.get("name", "")), report)


def _resolved(
    entries: Mapping[str, Entry], header: Mapping[str, str], name: str, report: Reporter
) -> PlanningModel | None:
    """A model from all of its entries; None when one is missing or wrong."""
    before = len(report.problems.errors)
    for key in _PARSERS:
        if key not in entries:
            report.error(key, "is missing.", "add it, or extend england-2026.")
    if len(report.problems.errors) > before:
        return None
    values = {key: _PARSERS[key](entry.value, key, report) for key, entry in entries.items()}
    if len(report.problems.errors) == before:
        _check_phases(values, report)
    if len(report.problems.errors) > before:
        return None
    return PlanningModel(
        name=header.get("name", name),
        title=header.get("title", name),
        description=header.get("description", ""),
        version=header.get("version", ""),
        entries=entries,
        **values,
    )


def _chain(path: Path, problems: Problems) -> list[tuple[Path, dict[str, Any]]]:
    """The file, what it extends, and so on; the most general one last."""
    from sufficiency.shipped import model_path

    chain: list[tuple[Path, dict[str, Any]]] = []
    seen: list[str] = []
    current: Path | None = path
    while current is not None:
        if current.resolve().as_posix() in seen:
            problems.error(
                "models extend each other in a circle.",
                "remove one 'extends'.",
                file=path.name,
                column="model.extends",
                value=" -> ".join(Path(s).stem for s in seen),
            )
            return []
        seen.append(current.resolve().as_posix())
        data = read_toml(current, problems)
        if data is None:
            return []
        chain.append((current, data))
        parent = data.get("model", {}).get("extends")
        current = None
        if parent is not None:
            beside = path.parent / f"{parent}.toml"
            current = beside if beside.exists() else model_path(str(parent), problems)
            if current is None:
                return []
    return chain


def read_toml(path: Path, problems: Problems) -> dict[str, Any] | None:
    """Read a TOML file; a missing or malformed one becomes a problem and None."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        problems.error("the file does not exist.", "check the name and folder.", file=str(path))
    except (OSError, UnicodeDecodeError) as error:
        problems.error(
            "the file cannot be read.", "save it as UTF-8 text.", file=str(path), value=error
        )
    except tomllib.TOMLDecodeError as error:
        problems.error(
            "is not valid TOML.", "correct the line that is named.", file=path.name, value=error
        )
    return None


def _merge(entries: dict[str, Entry], key: str, raw: Any, set_by: str, report: Reporter) -> None:
    if key not in _PARSERS:
        report.error(key, f"is an unknown key{near(key, _PARSERS)}", "see england-2026.toml.")
        return
    if not isinstance(raw, Mapping) or "value" not in raw:
        report.error(key, "has no value.", f"write [{key}] and under it: value = ...", raw)
        return
    for name in raw:
        if name not in ("value", "unit", "source", "date"):
            report.error(
                f"{key}.{name}",
                f"is an unknown key{near(name, ['value', 'unit', 'source', 'date'])}",
                "an entry has value, unit, source and date.",
            )
    old = entries.get(key)
    value = raw["value"]
    if old is not None and isinstance(old.value, Mapping) and isinstance(value, Mapping):
        value = {**old.value, **value}
    for needed in ("source", "date"):
        if not raw.get(needed):
            report.error(
                f"{key}.{needed}", "is missing.", "say where the value comes from, and when."
            )
    entries[key] = Entry(
        value,
        str(raw.get("unit", old.unit if old else "")),
        str(raw.get("source", "")),
        str(raw.get("date", "")),
        set_by,
    )


def _check_phases(values: Mapping[str, Any], report: Reporter) -> None:
    """Travel guides, preferences and what is given by phase must speak of phases that exist."""
    points = values["transition_points"]
    names = values["phase_names"]
    phases = [names.get(f"before_{points[0]}", "before school")]
    phases += [names.get(str(p), f"from year {p}") for p in points]
    for key in ("travel_guide_minutes", "travel_hard_limit_minutes"):
        for phase in phases:
            if phase not in values[key]:
                report.error(key, f"has no value for the phase {phase!r}.", "add it.")
    for key, allowed in (
        ("stay_in_sector_share", phases),
        ("per_child_charge", [*phases, "default"]),
    ):
        for kind, by_phase in values[key].items():
            for phase in by_phase:
                if phase not in allowed:
                    report.error(
                        f"{key}.{kind}",
                        f"is no known phase{near(phase, phases)}",
                        f"use: {', '.join(allowed)}.",
                        phase,
                    )
    for index, preference in enumerate(values["preference"]):
        for phase in preference.phases:
            if phase not in phases:
                report.error(
                    f"preference[{index}].phases",
                    f"is no known phase{near(phase, phases)}",
                    f"use: {', '.join(phases)}.",
                    phase,
                )
