"""The one way through: scenario → tables → demand → question → solver → plan → run folder."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd

from sufficiency import audit as auditing
from sufficiency.asking import Study
from sufficiency.audit.checks import audit_both
from sufficiency.baseline import Baseline, compare, inputs_of, today
from sufficiency.baseline import warning as unaccepted
from sufficiency.demand import projection
from sufficiency.demand.cohorts import diagonals
from sufficiency.geography.travel import journeys
from sufficiency.placement.question import Question, Settings, prepare, with_new_provisions
from sufficiency.plan import Plan, read_run, write_run
from sufficiency.plan.learnt import write_learnt
from sufficiency.problems import NoPlanError, Problem, Problems, near
from sufficiency.rules import (
    PlanningModel,
    Scenario,
    WhatIf,
    load_model,
    load_scenario_file,
    model_from_dictionary,
)
from sufficiency.shipped import model_path, scenario_path
from sufficiency.solving import (
    Outcome,
    Progress,
    SolveOptions,
    StandardForm,
    solver_version,
)
from sufficiency.tables import MANIFEST, Tables, check_tables, read_tables, write_table
from sufficiency.vocabulary import KINDS, STATEMENT, academic_year_label

LIBRARIES = ("sufficiency", "pyomo", "highspy", "pandas", "numpy", "geopandas", "shapely")


@dataclass
class Loaded:
    """A scenario, validated and ready to solve.

    Attributes:
        scenario, model: what is asked, and what a plan must obey.
        tables: input tables as used: after what-ifs, tiers and projection.
        settings: what the scenario asks of the model beside its tables.
        warnings: doubtful records, none of which stops a run.
        estimates: sentences that say what was estimated.
        band: how many children other forecasts expect; None where there is no other.
    """

    scenario: Scenario
    model: PlanningModel
    tables: Tables
    settings: Settings
    warnings: list[Problem] = field(default_factory=list)
    estimates: list[str] = field(default_factory=list)
    band: projection.DemandBand | None = None

    def question(self) -> Question:
        """Cohorts, admissible arcs, places, schemes and prices as plain arrays.

        Raises:
            InputError: when the planning model would make unmet need cheaper than a place.
        """
        tables, problems = self.tables, Problems()
        provisions = with_new_provisions(tables.provisions, tables.schemes, tables.candidate_sites)
        found = journeys(
            tables.areas,
            provisions[["destination", "kind", "easting", "northing"]],
            tables.travel,
            self.model,
        )
        question = prepare(
            model=self.model,
            settings=self.settings,
            areas=tables.areas,
            provisions=provisions,
            commissioned_places=tables.commissioned_places,
            place_limits=tables.place_limits,
            schemes=tables.schemes,
            budgets=tables.budgets,
            allocations=tables.allocations,
            children_today=tables.children_today,
            diagonals=diagonals(
                tables.children_today,
                tables.projected_children,
                self.scenario.base_year,
                self.scenario.years,
            ),
            journeys=found,
            problems=problems,
        )
        problems.raise_if_any()
        known = {str(w) for w in self.warnings}
        self.warnings += [w for w in problems.warnings if str(w) not in known]
        if found.estimated:
            sentence = (
                f"{found.estimated:,} of {found.pairs:,} journeys were estimated from straight "
                "lines."
            )
            if sentence not in self.estimates:
                self.estimates.append(sentence)
        return question

    def write_inputs(self, folder: Path) -> None:
        """Write tables, rules and scenario as used into a folder."""
        for name in MANIFEST:
            if name == "boundary":
                continue
            frame = self.tables.frame(name)
            if len(frame):
                write_table(frame, name, folder / f"{name}.csv")
        if self.tables.boundary is not None:
            boundary = geopandas.GeoSeries([self.tables.boundary], crs=27700).to_crs(4326)
            (folder / "boundary.geojson").write_text(boundary.to_json(), encoding="utf-8")
        _write_json(folder / "rules.json", self.model.as_dictionary())
        _write_json(folder / "scenario.json", self._scenario_as_data())

    def _scenario_as_data(self) -> dict[str, Any]:
        release: dict[str, float] = {}
        for kinds, share in self.settings.release:
            for kind in kinds or sorted(set(self.tables.provisions["kind"])):
                release[kind] = max(release.get(kind, 0.0), share)
        return {
            "name": self.scenario.name,
            "title": self.scenario.title,
            "authority": self.scenario.authority,
            "model": self.model.name,
            "base_year": self.scenario.base_year,
            "first_year": self.scenario.first_year,
            "last_year": self.scenario.last_year,
            "committed": dict(self.settings.committed),
            "balance_from": self.settings.balance_from,
            "fee_factors": [
                {
                    **({"provision": provision} if provision else {"kinds": list(kinds or KINDS)}),
                    "factor": factor,
                    "from_year": since,
                }
                for kinds, provision, factor, since in self.settings.fee_changes
            ],
            "release": release,
            "whole_children": self.settings.whole_children,
        }


def _write_json(path: Path, data: Any) -> None:
    text = json.dumps(data, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


# ------------------------------------------------------------------ loading


def load_scenario(
    scenario: str | Path | Scenario,
    *,
    model: str | Path | PlanningModel | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    boundary: Any = None,
) -> Loaded:
    """Read and validate a scenario, lay its what-ifs over the tables, and project demand.

    Args:
        scenario: the name of a shipped example ("median"), the path of a scenario file or of its
            folder, or a :class:`Scenario` whose tables are given as DataFrames.
        model: name or path of a planning model; the scenario's own when left out.
        tables: DataFrames by table name (docs/tables.md) instead of files.
        boundary: with ``tables``, the authority's boundary (shapely, EPSG:27700).

    Raises:
        InputError: listing everything that is wrong with what was supplied.
    """
    problems = Problems()
    named, path = str(scenario), None
    if not isinstance(scenario, Scenario):
        path = scenario_path(named, problems)
        read = load_scenario_file(path, problems, list(MANIFEST)) if path else None
        if read is None:
            problems.raise_if_any()
            raise AssertionError("a scenario that cannot be read is an error")
        scenario = read
    rules: PlanningModel | None
    if isinstance(model, PlanningModel):
        rules = model
    else:
        chosen = model_path(str(model or scenario.model), problems)
        rules = load_model(chosen, problems) if chosen else None
    found = (
        read_tables(scenario.tables, problems)
        if tables is None
        else Tables.from_frames(tables, boundary, problems)
    )
    check_tables(
        found,
        problems,
        base_year=scenario.base_year,
        first_year=scenario.first_year,
        last_year=scenario.last_year,
    )
    _check_scenario(scenario, found, problems)
    problems.raise_if_any()
    assert rules is not None
    if path is not None:
        folders = [path.parent, *(p.parent for p in (scenario.tables.get("children_today"),) if p)]
        doubt = unaccepted(folders, inputs_of(found.hashes, rules), scenario.base_year, named)
        problems.warnings += [doubt] if doubt else []
    settings = _lay_what_ifs_over(scenario, found, problems)
    estimates, band = _project(scenario, rules, found, problems)
    problems.raise_if_any()
    return Loaded(scenario, rules, found, settings, problems.warnings, estimates, band)


def _check_scenario(scenario: Scenario, tables: Tables, problems: Problems) -> None:
    """Committed schemes and what-ifs must speak of schemes and provisions that exist."""
    schemes = tables.schemes
    names = list(schemes["scheme"])
    openings = zip(schemes["earliest_opening"], schemes["latest_opening"], strict=True)
    window = dict(zip(names, openings, strict=True))
    for scheme, year in scenario.committed.items():
        where = {"file": scenario.file, "column": f"committed.{scheme}"}
        if scheme not in names:
            problems.error(
                f"there is no such scheme{near(scheme, names)}",
                "use a scheme of the table schemes.",
                value=scheme,
                **where,
            )
            continue
        earliest, latest = window[scheme]
        if year < earliest or (latest >= 0 and year > latest):
            problems.error(
                "a committed scheme opens before its earliest or after its latest September.",
                f"commit it within the table's years, from {academic_year_label(int(earliest))}.",
                value=academic_year_label(year),
                **where,
            )
    provisions = list(tables.provisions["provision"])
    for what_if in scenario.what_ifs:
        if what_if.scheme and what_if.scheme not in names:
            problems.error(
                f"there is no such scheme{near(what_if.scheme, names)}",
                "use a scheme of the table schemes.",
                file=scenario.file,
                column="what_if.scheme",
                value=what_if.scheme,
            )
        if what_if.provision and what_if.provision not in provisions:
            problems.error(
                f"there is no such provision{near(what_if.provision, provisions)}",
                "use a provision of the table provisions.",
                file=scenario.file,
                column="what_if.provision",
                value=what_if.provision,
            )


def _lay_what_ifs_over(scenario: Scenario, tables: Tables, problems: Problems) -> Settings:
    """Change the tables in place where a what-if does; the rest becomes settings."""
    committed = dict(scenario.committed)
    fees: list[tuple[tuple[str, ...], str, float, int]] = []
    release: list[tuple[tuple[str, ...], float]] = []
    for what_if in scenario.what_ifs:
        since = what_if.from_year or scenario.first_year
        if what_if.change == "delay":
            _delay(what_if, tables, committed, scenario, problems)
        elif what_if.change == "fee":
            fees.append((what_if.kinds, what_if.provision, what_if.factor, since))
        elif what_if.change == "release":
            release.append((what_if.kinds, what_if.share))
        elif what_if.change == "close":
            provisions = tables.provisions
            here = provisions["provision"] == what_if.provision
            old = provisions.loc[here, "closes"]
            provisions.loc[here, "closes"] = old.where((old >= 0) & (old < since), since)
        elif what_if.change == "places":
            _change_places(what_if.provision, what_if.places, since, scenario, tables)
    return Settings(
        base_year=scenario.base_year,
        years=scenario.years,
        committed=committed,
        balance_from=scenario.balance_from,
        fee_changes=fees,
        release=release,
    )


def _delay(
    what_if: WhatIf,
    tables: Tables,
    committed: dict[str, int],
    scenario: Scenario,
    problems: Problems,
) -> None:
    schemes = tables.schemes
    here = schemes["scheme"] == what_if.scheme
    schemes.loc[here, "earliest_opening"] += what_if.years
    later = here & (schemes["latest_opening"] >= 0)
    schemes.loc[later, "latest_opening"] += what_if.years
    if what_if.scheme in committed:
        committed[what_if.scheme] += what_if.years
        if committed[what_if.scheme] > scenario.last_year:
            problems.error(
                "the delay moves a committed scheme beyond the horizon.",
                "shorten the delay, or take the scheme out of [committed].",
                file=scenario.file,
                column="what_if.years",
                value=what_if.years,
            )


def _change_places(
    provision: str, places: float, since: int, scenario: Scenario, tables: Tables
) -> None:
    table = tables.commissioned_places
    mine = table[table["provision"] == provision].sort_values("academic_year")
    others = 0.0
    if len(mine):
        before = mine[mine["academic_year"] <= since]
        others = float((before if len(before) else mine)["other_authority_children"].iloc[-1])
    kept = table[(table["provision"] != provision) | (table["academic_year"] < since)]
    rows = [(since, places)]
    if not len(mine):
        rows.insert(0, (scenario.base_year, 1e6))
    elif not (mine["academic_year"] < since).any():
        rows.insert(0, (since - 1, float(mine["places"].iloc[0])))
    added = pd.DataFrame(
        {
            "provision": provision,
            "academic_year": [year for year, _ in rows],
            "places": [number for _, number in rows],
            "other_authority_children": others,
            "_row": 0,
        }
    )
    tables.commissioned_places = pd.concat([kept, added], ignore_index=True)


def _project(
    scenario: Scenario, model: PlanningModel, tables: Tables, problems: Problems
) -> tuple[list[str], projection.DemandBand | None]:
    """Share out blank tiers, project demand or take the forecast, lay demand what-ifs over it."""
    estimates: list[str] = []

    def overlaid(projected: pd.DataFrame) -> pd.DataFrame:
        for what_if in scenario.what_ifs:
            if what_if.change in ("demand", "early_intervention"):
                projected = projection.apply_demand_change(
                    projected,
                    tables.children_today,
                    base_year=scenario.base_year,
                    factor=what_if.factor,
                    from_year=what_if.from_year or scenario.first_year,
                    needs=list(what_if.needs) or None,
                    whole=True,
                    seed=scenario.seed,
                )
        return projected[projected["academic_year"] <= scenario.last_year]

    tables.children_today, split = projection.split_tiers(tables.children_today, model.tier_shares)
    total = float(tables.children_today["children"].sum())
    if split:
        estimates.append(
            f"The support tier of {split:,.0f} of {total:,.0f} children today was not given; the "
            "planning model's tier shares by need were used."
        )
    if len(tables.projected_children):
        supplied, split = projection.split_tiers(tables.projected_children, model.tier_shares)
        if split:
            estimates.append(
                "The forecast gives no support tier for some children; the planning model's tier "
                "shares by need were used."
            )
        draws = sorted(supplied["draw"].unique())
        if scenario.draw not in draws:
            problems.error(
                "the forecast has no such draw.",
                f"use one of {', '.join(map(str, draws[:9]))}.",
                file=scenario.file,
                column="projection.draw",
                value=scenario.draw,
            )
            return estimates, None
        years = set(supplied["academic_year"])
        missing = [y for y in range(scenario.first_year, scenario.last_year + 1) if y not in years]
        if missing:
            problems.error(
                "the forecast does not reach every planned year.",
                "extend the forecast or shorten the horizon ([scenario] years).",
                file=tables.file("projected_children"),
                column="academic_year",
                value=", ".join(academic_year_label(y) for y in missing),
            )
            return estimates, None
        projected = overlaid(
            projection.derive_joining(
                supplied[supplied["draw"] == scenario.draw],
                tables.children_today,
                model.ceasing_share,
                scenario.base_year,
                problems,
                file=tables.file("projected_children"),
            )
        )
        # Draws are of the forecast as it was supplied; a what-if is laid over one of them alone.
        changed = any(w.change in ("demand", "early_intervention") for w in scenario.what_ifs)
        band = None if changed else projection.band_of_draws(supplied)
        estimates.append("Demand is the supplied forecast.")
    else:
        variants = {
            variant: overlaid(
                projection.project(
                    tables.children_today,
                    tables.areas,
                    tables.population if len(tables.population) else None,
                    projection.authority_rates(
                        model.new_plans_per_1000, model.ceasing_share, growth, tables.rates
                    ),
                    base_year=scenario.base_year,
                    years=scenario.years,
                    seed=scenario.seed,
                    draw=scenario.draw,
                    tier_shares=model.tier_shares,
                )
            )
            for variant, growth in model.growth_of_new_plans.items()
        }
        projected = variants[scenario.variant]
        band = projection.band_of_variants(variants) if len(variants) > 1 else None
        people = projection.population_by_age(
            tables.areas,
            tables.population if len(tables.population) else None,
            [scenario.base_year],
        )
        level = projection.local_level(tables.children_today, people[0])
        estimates.append(
            f"Demand is projected ({scenario.variant} variant): national rates of new and ceasing "
            f"plans by age, scaled to this authority's level ({level:.2f} times the national rate)."
        )
    tables.projected_children = projected
    return estimates, band


# ------------------------------------------------------------------ today


def reproduce_today(loaded: Loaded) -> Baseline:
    """Compare today's placements and spend, as modelled, with what the table ``recorded`` says.

    Nothing is solved, and nothing beyond the base year is looked at.

    Raises:
        InputError: when the table speaks of a phase that the planning model does not have.
    """
    tables, first = loaded.tables, loaded.scenario.first_year
    projected = tables.projected_children
    short = Loaded(
        replace(loaded.scenario, years=1),
        loaded.model,
        replace(
            tables,
            schemes=tables.schemes.iloc[:0],
            projected_children=projected[projected["academic_year"] == first],
        ),
        replace(loaded.settings, years=1, committed={}, balance_from=None),
    )
    problems = Problems()
    return compare(
        today(short.question(), tables), tables, loaded.model.phases, loaded.scenario.base_year,
        loaded.estimates, problems,
    )  # fmt: skip


# ------------------------------------------------------------------ solving


def study(
    loaded: Loaded,
    options: SolveOptions | None = None,
    *,
    beside: bool = False,
    on_step: Callable[[str], None] | None = None,
) -> Study:
    """The model of a scenario, built once, to be asked many times.

    Args:
        loaded: the inputs.
        options: for the solver; no time limit and the usual gap when left out.
        beside: whether children are placed for committed schemes alone while the search runs.
        on_step: told each step in words.

    Raises:
        InputError: when the planning model is inconsistent with the tables.
    """
    tell = on_step or (lambda words: None)
    tell("Preparing cohorts and places")
    question = loaded.question()
    tell("Building the model")
    areas = loaded.tables.areas
    localities = dict(zip(areas["area"], areas["locality"], strict=True))
    options = options or SolveOptions(time_limit=None)
    return Study(question, localities, loaded.tables.schemes, options, beside=beside)


def optimise(
    loaded: Loaded,
    *,
    gap: float = 0.005,
    time_limit: float | None = None,
    memory_gb: float | None = None,
    threads: int = 2,
    seed: int = 1,
    whole_children: bool = False,
    audited: bool = True,
    on_progress: Callable[[str, Progress | None], None] | None = None,
) -> Plan:
    """Find the plan: the MIP, the same rules without schemes, marginal values, and an audit.

    Args:
        loaded: from :func:`load_scenario`.
        gap: relative gap to prove, a share of the objective.
        time_limit: seconds for the search; the best plan so far is returned, marked as such.
        memory_gb: gigabytes that the process may hold during the search; beyond them it ends as it
            does when time is over. Placing children for the plan, which is exact, comes after.
        threads: for the solver.
        seed: for the solver; the projection has its own.
        whole_children: place whole children instead of expected shares.
        audited: False leaves the audit to :func:`write_results`, which audits what it writes.
        on_progress: told the step in words, and progress during the search.

    Returns:
        The plan, audited: ``plan.stamp["audit"]`` says whether the independent audit agrees.

    Raises:
        InputError: when the planning model is inconsistent with the tables.
        NoPlanError: when the rules contradict each other; its reasons name rules and rows.
    """

    def tell(step: str, progress: Progress | None = None) -> None:
        if on_progress is not None:
            on_progress(step, progress)

    clock = time.monotonic()
    loaded = replace(loaded, settings=replace(loaded.settings, whole_children=whole_children))
    options = SolveOptions(gap, time_limit, threads, seed, memory_gb)
    asked = study(loaded, options, beside=True, on_step=tell)
    form, built = asked.form, time.monotonic() - clock
    asked.check()
    tell("Searching for the best schemes")
    best = asked.search.run(partial(tell, "Searching for the best schemes"))
    if best.status == "infeasible":
        raise NoPlanError("No plan can obey all rules at once.", ["The solver names no row."])
    final = best
    if best.found and not whole_children:
        tell("Placing children for the chosen schemes")
        final = asked.placed(best.values)
    elif best.found:
        # A search that is stopped may leave slack that nobody needs; whole children stay as found.
        final = asked.settled(best)
    tell("Placing children without new schemes")
    without = asked.without_schemes()
    if not best.found or without.objective < best.objective:
        best = replace(without, status=best.status, bound=best.bound, seconds=best.seconds)
        final = best
    tell("Writing up the plan")
    plan = asked.written(final, asked.written(without), prices=not whole_children)
    values = final.values
    objective = float(form.cost @ values + form.offset)
    # Even a search that was ended at once has the bound that no prices at all give.
    bound = min(max(best.bound, form.bound(np.zeros(len(form.row_lower)))), objective)
    rounding: dict[str, float] = {}
    if whole_children:
        tell("Placing expected children to tell what whole ones cost")
        rounding = asked.rounding(replace(final, objective=objective))
    plan.stamp = _stamp(loaded, asked.question, form, best, objective, bound, options, built, clock)
    plan.stamp["solver"]["rounding"] = rounding
    if audited:
        tell("Auditing the plan")
        plan.stamp["audit"] = audit_plan(loaded, plan)
    plan.learnt = asked.learnt()
    return plan


def provenance(loaded: Loaded) -> dict[str, Any]:
    """What every stamp begins with: who, what, when, from which inputs, by which versions."""
    scenario = loaded.scenario
    return {
        "statement": STATEMENT,
        "name": scenario.name,
        "title": scenario.title,
        "authority": scenario.authority,
        "model": {
            "name": loaded.model.name,
            "title": loaded.model.title,
            "description": loaded.model.description,
            "version": loaded.model.version,
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": scenario.seed,
        "draw": scenario.draw,
        "variant": scenario.variant,
        "demand_band": _band_of(loaded),
        "base_year": scenario.base_year,
        "first_year": scenario.first_year,
        "last_year": scenario.last_year,
        "what_ifs": [w.sentence() for w in scenario.what_ifs],
        "versions": {"python": platform.python_version(), "highs": solver_version(), **_versions()},
        "inputs": dict(sorted(_input_hashes(loaded).items())),
    }


def _band_of(loaded: Loaded) -> dict[str, Any]:
    """The band of demand, for a stamp; empty where there is none."""
    if loaded.band is None:
        return {}
    years = {
        academic_year_label(year): [round(least, 2), round(most, 2)]
        for year, (least, most) in loaded.band.years.items()
        if year <= loaded.scenario.last_year
    }
    return {"basis": loaded.band.basis, "years": years}


def _stamp(
    loaded: Loaded,
    q: Question,
    form: StandardForm,
    best: Outcome,
    objective: float,
    bound: float,
    options: SolveOptions,
    built_seconds: float,
    clock: float,
) -> dict[str, Any]:
    gap = max(0.0, objective - bound) / max(abs(objective), 1e-9)
    status = {"optimal": "proven to the gap asked for"}.get(best.status, best.status)
    return {
        **provenance(loaded),
        "solver": {
            "name": "HiGHS",
            "version": solver_version(),
            "status": status,
            "interrupted": best.status == "interrupted",
            "objective_pounds": objective,
            "bound_pounds": bound,
            "gap": gap,
            "gap_asked": options.gap,
            "time_limit": options.time_limit,
            "memory_limit_gigabytes": options.memory_gb,
            "threads": options.threads,
            "seed": options.seed,
            "whole_children": q.settings.whole_children,
            "building_seconds": round(built_seconds, 2),
            "search_seconds": round(best.seconds, 2),
            "seconds": round(time.monotonic() - clock, 2),
        },
        "size": {
            "plans_today": float(loaded.tables.children_today["children"].sum()),
            "cohorts": len(q.cohorts),
            "arcs": len(q.arcs),
            "columns": len(form.columns),
            "rows": len(form.rows),
            "binaries": int(form.integer.sum()),
            "schemes": len(loaded.tables.schemes),
        },
        "warnings": [vars(w) | {"text": str(w)} for w in loaded.warnings],
        "estimates": list(loaded.estimates),
    }


def _input_hashes(loaded: Loaded) -> dict[str, str]:
    return {
        f"{name}: {loaded.tables.sources.get(name, name)}": digest
        for name, digest in loaded.tables.hashes.items()
    }


def content_of(loaded: Loaded) -> str:
    """Hash of what a scenario is made of: files, rules, what it asks, and who reads them.

    Schemes that a study puts into its tables do not change it, nor do whole children.
    """
    scenario = loaded.scenario
    asked = {**loaded._scenario_as_data(), "whole_children": None}
    parts = {
        "hashes": sorted(loaded.tables.hashes.items()),
        "rules": loaded.model.as_dictionary(),
        "asked": asked,
        "variant": [scenario.variant, scenario.seed, scenario.draw],
        "what_ifs": [repr(what_if) for what_if in scenario.what_ifs],
        "versions": [version("sufficiency"), solver_version()],
    }
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _versions() -> dict[str, str]:
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return found


# ------------------------------------------------------------------ audit and run folder


def audit_plan(loaded: Loaded, plan: Plan) -> dict[str, Any]:
    """Audit a plan in memory from its inputs, through the audit's own reading and arithmetic."""
    tables = loaded.tables
    rings = []
    if tables.boundary is not None:
        parts = getattr(tables.boundary, "geoms", [tables.boundary])
        for polygon in parts:
            rings += [np.asarray(r.coords) for r in (polygon.exterior, *polygon.interiors)]
    names = auditing.AuditInputs.__dataclass_fields__
    frames = {
        n: _as_plain_text(tables.frame(n)) for n in MANIFEST if n in names and n != "boundary"
    }
    inputs = auditing.AuditInputs(
        **frames,
        rules={key: entry.value for key, entry in loaded.model.entries.items()},
        scenario=loaded._scenario_as_data(),
        boundary=rings,
    )
    return audit_summary(audit_both(inputs, _plan_tables(plan)))


def _as_plain_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Lists as text separated by |, helper columns gone."""
    result = frame.drop(columns=[c for c in frame.columns if c.startswith("_")])
    for column in result.columns:
        if len(result) and isinstance(result[column].iloc[0], tuple):
            result[column] = ["|".join(map(str, cell)) for cell in result[column]]
    return result


def _plan_tables(plan: Plan) -> auditing.PlanTables:
    wanted = auditing.PlanTables.__dataclass_fields__
    frames = {name: frame for name, frame in plan.tables().items() if name in wanted}
    solver = plan.stamp.get("solver", {})
    return auditing.PlanTables(
        **frames,
        without_schemes=_plan_tables(plan.without_schemes) if plan.without_schemes else None,
        objective_pounds=solver.get("objective_pounds"),
        bound_pounds=solver.get("bound_pounds"),
    )


def audit_summary(result: auditing.AuditResult) -> dict[str, Any]:
    """What the stamp keeps of an audit."""
    return {
        "passed": result.passed,
        "checks": result.checks,
        "differences": [str(d) for d in result.differences],
    }


def write_results(
    plan: Plan,
    loaded: Loaded,
    folder: str | Path,
    *,
    report: bool = True,
    command: str = "",
    on_step: Callable[[str], None] | None = None,
) -> Path:
    """Write the run folder: tables, inputs, stamp and reports, after auditing what was written.

    Args:
        plan: from :func:`optimise`; its stamp is given the audit of what was written.
        loaded: what it was made from.
        folder: the run folder to make.
        report: whether the page, the workbook and the GeoPackage are written as well.
        command: for the stamp.
        on_step: told each step in words.

    Returns:
        The folder.

    Raises:
        InputError: when the folder cannot be written or holds something else.
    """
    tell = on_step or (lambda words: None)
    # The inputs say what the plan was asked for, and the audit reads it from there.
    whole = bool(plan.stamp.get("solver", {}).get("whole_children", False))
    loaded = replace(loaded, settings=replace(loaded.settings, whole_children=whole))

    def finish(aside: Path) -> Mapping[str, Any]:
        write_learnt(aside, content_of(loaded), plan.learnt)
        tell("Auditing the plan")
        audit = audit_summary(auditing.audit_run(aside))
        plan.stamp["audit"] = audit
        plan.stamp["command"] = command
        if report:
            from sufficiency.plan.run_folder import write_stamp
            from sufficiency.reports import write_reports

            tell("Writing the report")
            write_stamp(plan.stamp, aside)
            write_reports(aside)
        return {"audit": audit}

    tell("Writing the run folder")
    where = Path(folder)
    where.parent.mkdir(parents=True, exist_ok=True)
    write_run(plan, where, loaded.write_inputs, finish)
    return where


# ------------------------------------------------------------------ a finished run, asked again


def reopen(folder: str | Path) -> tuple[Loaded, Plan]:
    """A finished run with the inputs that it kept: tables, rules and scenario as it used them.

    What-ifs and the projection are in the tables already, so they are not laid over them again.

    Returns:
        The inputs, ready to be solved, and the plan that stands in the folder.

    Raises:
        InputError: when the folder is no run, or its inputs are missing, damaged or of a version
            that knew fewer rules.
    """
    where = Path(folder)
    plan = read_run(where)
    stamp, problems = plan.stamp, Problems()
    kept = where / "inputs"
    paths = {
        name: path
        for name in MANIFEST
        for path in [kept / ("boundary.geojson" if name == "boundary" else f"{name}.csv")]
        if path.is_file()
    }
    rules, asked = (_kept_json(kept / name, problems) for name in ("rules.json", "scenario.json"))
    tables = read_tables(paths, problems)
    header = {key: str(value) for key, value in dict(stamp.get("model", {})).items()}
    model = model_from_dictionary(rules, header, "inputs/rules.json", problems) if rules else None
    problems.raise_if_any()
    assert model is not None
    try:
        years = int(asked["last_year"]) - int(asked["base_year"])
        scenario = Scenario(
            name=str(asked["name"]),
            title=str(asked["title"]),
            authority=str(asked["authority"]),
            file="inputs/scenario.json",
            model=str(asked["model"]),
            base_year=int(asked["base_year"]),
            first_year=int(asked["first_year"]),
            years=years,
            tables=paths,
            variant=str(stamp.get("variant", "central")),
            seed=int(stamp.get("seed", 1)),
            draw=int(stamp.get("draw", 0)),
            committed={str(s): int(y) for s, y in asked["committed"].items()},
            balance_from=None if asked["balance_from"] is None else int(asked["balance_from"]),
        )
        settings = Settings(
            base_year=scenario.base_year,
            years=years,
            committed=scenario.committed,
            balance_from=scenario.balance_from,
            fee_changes=[
                (
                    tuple(change.get("kinds", ())),
                    str(change.get("provision", "")),
                    float(change["factor"]),
                    int(change["from_year"]),
                )
                for change in asked["fee_factors"]
            ],
            release=[((str(k),), float(share)) for k, share in asked["release"].items()],
            whole_children=bool(dict(stamp.get("solver", {})).get("whole_children")),
        )
    except (KeyError, TypeError, ValueError) as error:
        problems.error(
            "the scenario kept in the run is damaged.", "run the optimisation again.",
            file="inputs/scenario.json", value=error,
        )  # fmt: skip
        problems.raise_if_any()
        raise AssertionError("a damaged scenario is an error") from error
    check_tables(
        tables, problems, base_year=scenario.base_year, first_year=scenario.first_year,
        last_year=scenario.last_year,
    )  # fmt: skip
    problems.raise_if_any()
    return Loaded(scenario, model, tables, settings), plan


def _kept_json(path: Path, problems: Problems) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        problems.error(
            "an input that the run kept is missing or damaged.", "run the optimisation again.",
            file=f"inputs/{path.name}", value=error,
        )  # fmt: skip
        return {}
