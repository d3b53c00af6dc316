"""A school on a site that nobody has listed: the best plan with it against the best without it.

Both plans obey the same rules and, unless a grant comes with the site, have the same budgets: the
plan without it is the best that can be done for the same money. All sites of one command are asked
of one model, each alone, the others forbidden. What a site is worth is a difference of two proven
intervals, so it is an interval itself; where nought lies inside, it is *not proven* that the site
is better or worse than doing without it, and the questions are asked again, nearer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import geopandas
import pandas as pd
from shapely.geometry import Point

from sufficiency.asking import Answered, Ask, difference
from sufficiency.pipeline import Loaded, provenance, study
from sufficiency.plan import Plan
from sufficiency.plan.finding import Finding
from sufficiency.problems import Problems
from sufficiency.reports import formatting as fmt
from sufficiency.reports.place_map import surroundings
from sufficiency.solving import SolveOptions
from sufficiency.studies import appraisal, effects
from sufficiency.studies.answers import Answers
from sufficiency.studies.appraisal import Appraised
from sufficiency.studies.sites import (
    NEW_MONEY,
    Place,
    School,
    capital_of,
    earliest,
    many,
    read_places,
    read_school,
    shared_sites,
    with_grant,
    with_schools,
)
from sufficiency.vocabulary import academic_year_label

KIND: Final = "site-test"
WITHOUT: Final = "without"
GRANT_ELSEWHERE: Final = "grant elsewhere"
GAPS: Final = (0.005, 0.001)
"""Relative gaps that are proven one after the other, until it is clear whether a site pays."""
SECONDS: Final = 300.0
"""Longest search for one answer, unless another limit is given."""
NEARER_SECONDS: Final = 60.0
"""Longest search for an answer that is asked again, to a narrower gap."""
STOPPED: Final = (
    "The search was stopped while it looked nearer: what is said of worth is what it had proven by "
    "then."
)
CLEAR, UNCLEAR, WORSE, NO_PLAN = "pays", "not proven", "does not pay", "cannot be afforded"
NOT_PROVEN: Final = "not proven"
"""Status of a plan that was placed but not searched for: nothing is known of cheaper ones."""
COUNTS: Final = ("unmet", "over_capacity", "beyond_limit", "over_guide")

Tell = Callable[[str], None]


def try_sites(
    loaded: Loaded,
    *,
    needs: str | Sequence[str],
    places: float,
    at: Sequence[str] = (),
    postcodes: Sequence[str] = (),
    sites: Sequence[str] = (),
    postcode_files: Sequence[Path] = (),
    year_groups: str = "0-14",
    opens: str | int | None = None,
    kind: str = "state_special",
    capital: float | None = None,
    running: float = 0.0,
    grant: float = 0.0,
    gap: float | None = None,
    time_limit: float | None = SECONDS,
    threads: int = 2,
    seed: int = 1,
    folder: Path | None = None,
    on_progress: Tell | None = None,
) -> Finding:
    """Try a school on one or more sites; nothing but answers is written.

    Args:
        loaded: from :func:`sufficiency.pipeline.load_scenario`.
        needs: codes that it admits, "ASD|SLD", or "any".
        places: once full.
        at: points "EASTING,NORTHING", metres of EPSG:27700.
        postcodes: looked up in ``postcode_files`` (ONS Postcode Directory, Code-Point Open).
        sites: candidate sites of the scenario.
        year_groups: lowest and highest, "0-14".
        opens: the September in which it opens, "2029/30"; None: the search chooses.
        kind: of provision.
        capital: pounds; None: the planning model's ``capital_per_place``.
        running: fixed pounds per year once open.
        grant: pounds of capital that come only with the site.
        gap: relative gap of every answer; None: :data:`GAPS`, one after the other.
        time_limit: seconds for each answer.
        threads, seed: for the solver.
        folder: where answers are kept, so that a stopped study goes on; None: nowhere.
        on_progress: told each step in words.

    Raises:
        InputError: listing everything that is wrong with what was asked.
        NoPlanError: when the scenario itself has no plan.
    """
    problems = Problems()
    where = read_places(
        loaded, problems, at=at, postcodes=postcodes, sites=sites, postcode_files=postcode_files
    )
    school = read_school(
        loaded, problems, needs=needs, places=places, year_groups=year_groups, opens=opens,
        kind=kind, capital=capital, running=running, grant=grant,
    )  # fmt: skip
    problems.raise_if_any()
    options = SolveOptions(
        gap=GAPS[0] if gap is None else gap, time_limit=time_limit, threads=threads, seed=seed
    )
    trial = _Trial(loaded, school, where, options, folder, on_progress or (lambda words: None))
    trial.loaded.warnings += problems.warnings
    return trial.finding(GAPS if gap is None else (gap,))


@dataclass(frozen=True)
class Worth:
    """What a site is worth, as the search sees it: money and priced failures together.

    Attributes:
        found: the best plan known with it; None where no plan can open it.
        least, most: pounds; the true worth lies between.
    """

    found: Answered | None
    least: float = -math.inf
    most: float = math.inf

    @property
    def verdict(self) -> str:
        """Whether it is proven to pay."""
        if self.found is None:
            return NO_PLAN
        return CLEAR if self.least > 0 else WORSE if self.most < 0 else UNCLEAR


class _Trial:
    """One school, some sites, one model."""

    def __init__(
        self,
        loaded: Loaded,
        school: School,
        where: Sequence[Place],
        options: SolveOptions,
        folder: Path | None,
        tell: Tell,
    ) -> None:
        self.clock = time.monotonic()
        self.before, self.school, self.where = loaded, school, list(where)
        self.options, self.folder, self.tell = options, folder, tell
        tell("Putting the school into the scenario's tables")
        tried = with_schools(loaded, school, where)
        self.loaded, self.sentences = tried.loaded, [*tried.sentences, *shared_sites(loaded, where)]
        # Expected shares of children: exact, and quickly found.
        self.loaded = replace(
            self.loaded, settings=replace(self.loaded.settings, whole_children=False)
        )
        self.study = study(self.loaded, options, on_step=tell)
        self.first, self.last = loaded.scenario.first_year, loaded.scenario.last_year
        self.tested = {place.scheme for place in where}
        q = self.study.question
        committed = q.schemes["committed"].to_numpy(int) >= 1
        self.committed = set(q.schemes.loc[committed, "scheme"].astype(str))
        self.asked_gap, self.seconds = options.gap, options.time_limit
        self._without: Answered | None = None
        self._answered = False

    # -------------------------------------------------------------- questions

    def compare(self, gaps: Sequence[float]) -> tuple[Answered, dict[str, Worth]]:
        """The best plan without any of the sites, and each site's worth, as near as is needed."""
        answers = Answers(
            self.study, self.folder, total=1 + 3 * len(self.where), tell=self.tell,
            scenario=self.before,
        )  # fmt: skip
        plans: dict[str, Answered] = {}
        worth: dict[str, Worth] = {}
        with answers:
            for gap in gaps:
                if gap != gaps[0]:
                    open_ = sum(w.verdict == UNCLEAR for w in worth.values())
                    answers.total += 1 + 3 * open_
                    limit = self.options.time_limit
                    self.seconds = min(NEARER_SECONDS, NEARER_SECONDS if limit is None else limit)
                try:
                    self._look(answers, gap, plans, worth)
                except KeyboardInterrupt:
                    if not self._answered:
                        raise
                    self.sentences.append(STOPPED)
                    gaps = (gap,)
                without = self._without
                assert without is not None
                for label, with_it in plans.items():
                    worth[label] = Worth(with_it, *difference(without, with_it))
                if gap == gaps[-1] or all(w.verdict != UNCLEAR for w in worth.values()):
                    break
        assert self._without is not None
        return self._without, worth

    def _look(
        self,
        answers: Answers,
        gap: float,
        plans: dict[str, Answered],
        worth: dict[str, Worth],
    ) -> None:
        """Ask for the best plans without any site and with each of those that are not clear yet."""
        self.asked_gap = gap
        words = "Searching for the best plan without it"
        looked_at = [
            place for place in self.where
            if place.label not in worth or worth[place.label].verdict == UNCLEAR
        ]  # fmt: skip
        self.study.foresee(self._with_only(looked_at[0]), gap=gap)
        found = answers.best(Ask.that(forbid=self.tested), words, gap=gap, time_limit=self.seconds)
        if not found.found:
            raise answers.none_found(found)
        without = self._without = self._held(_better(found, self._without))
        for place in looked_at:
            label = place.label
            with_it = self._with(answers, place, without, gap, plans.get(label))
            if with_it is None:
                worth[label] = Worth(None)
                continue
            plans[label] = with_it
            worth[label] = Worth(with_it, *difference(without, with_it))
        unclear = [place for place in self.where if worth[place.label].verdict == UNCLEAR]
        if unclear and not self._answered:
            self.tell(self._so_far(worth))
        self._answered = True
        for place in unclear:
            self._without = self._left_out(answers, place, plans[place.label], self._without)

    def _so_far(self, worth: Mapping[str, Worth]) -> str:
        """The first answer in words, for whoever does not want to wait for a nearer one."""
        known = [
            f"{place.name} is worth {fmt.pounds_from_to(w.least, w.most, sentence=True)}"
            for place in self.where
            if (w := worth[place.label]).found is not None
        ]
        return (
            f"Proven so far: {'; '.join(known)}. Looking nearer, to see whether it pays; Ctrl-C "
            "ends that and writes what is known."
        )

    def _with(
        self, answers: Answers, place: Place, without: Answered, gap: float, known: Answered | None
    ) -> Answered | None:
        """The best plan with one site. The search begins from the best plan without it, with the
        site on top."""
        opens = self.school.opens or earliest(self.before, self.school.kind)
        on_top = answers.exactly(
            {**without.opens, place.scheme: opens}, f"Placing children with {place.name} added"
        )
        found = answers.best(
            self._with_only(place),
            f"Searching for the best plan with {place.name}", gap=gap, time_limit=self.seconds,
        )  # fmt: skip
        best = _better(self._held(_better(found, known)), on_top)
        if not best.found and best.status != "infeasible":
            # That no plan was found in time does not say that there is none.
            raise answers.none_found(best)
        return best if best.found else None

    def _with_only(self, place: Place) -> Ask:
        """The question for the best plan with one site and none of the others."""
        return Ask.that(force=[place.scheme], forbid=self.tested - {place.scheme})

    def _held(self, found: Answered) -> Answered:
        """The same; children are placed for it while the solver stands there, and held."""
        if found.found:
            self.study.placed_for(found.opens)
        return found

    def _left_out(
        self, answers: Answers, place: Place, found: Answered, without: Answered
    ) -> Answered:
        """The plan with a site, less the site, where that beats the best known without it."""
        less = {s: y for s, y in found.opens.items() if s != place.scheme}
        if less == dict(without.opens):
            return without
        return _better(
            without, answers.exactly(less, f"Placing children with {place.name} left out")
        )

    # -------------------------------------------------------------- finding

    def finding(self, gaps: Sequence[float]) -> Finding:
        """Ask, compare, and write it all up."""
        without, worth = self.compare(gaps)
        self.tell("Placing children in the plan without it")
        base = without.plan
        plans = {}
        for place in self.where:
            if (found := worth[place.label].found) is not None:
                self.tell(f"Placing children in the plan with {place.name}")
                plans[place.label] = found.plan
        elsewhere = self._grant_elsewhere(self.asked_gap)
        return _WriteUp(self, without, worth, base, plans, elsewhere).finding()

    def _grant_elsewhere(self, gap: float) -> tuple[Answered, Plan] | None:
        """The best plan without the site that has the grant all the same."""
        if self.school.grant <= 0 or self.before.tables.budgets.empty:
            return None
        shares = replace(self.before, settings=replace(self.before.settings, whole_children=False))
        richer = study(with_grant(shares, self.school.grant), self.options)
        with Answers(richer, self.folder, tell=self.tell) as answers:
            found = answers.best(
                words="Searching for the best use of the grant without the site", gap=gap
            )
        self.tell("Placing children in the plan with the grant spent otherwise")
        return found, found.plan


def _better(this: Answered, other: Answered | None) -> Answered:
    """The cheaper of two answers, with the bound of the question that was asked of ``this``.

    ``other`` answers a narrower question, or the same one before. Where it has a plan, a search
    that says there is none is refuted: its bound is worth nothing, and what stands is the plan,
    with what was proven of it before.
    """
    if other is None or not other.found:
        return this
    if this.status == "infeasible":
        known = other.ask == this.ask
        return other if known else replace(other, ask=this.ask, status=NOT_PROVEN, bound=-math.inf)
    # Two bounds of the same question both hold; a narrower question's says nothing of this one.
    bound = max(this.bound, other.bound) if other.ask == this.ask else this.bound
    if this.found and this.objective <= other.objective:
        return replace(this, bound=bound)
    return replace(other, ask=this.ask, status=this.status, bound=min(bound, other.objective))


# ------------------------------------------------------------------ tables and sentences


class _WriteUp:
    """Two plans a site become tables, layers and sentences."""

    def __init__(
        self,
        trial: _Trial,
        without: Answered,
        worth: Mapping[str, Worth],
        base: Plan,
        plans: Mapping[str, Plan],
        elsewhere: tuple[Answered, Plan] | None,
    ) -> None:
        self.trial, self.school, self.loaded = trial, trial.school, trial.loaded
        self.model = trial.loaded.model
        self.first, self.last = trial.first, trial.last
        self.years = list(range(self.first, self.last + 1))
        self.without, self.worth, self.base, self.plans = without, worth, base, plans
        self.elsewhere = elsewhere
        self.nothing = self._value(base)
        self.valued = {label: self._value(plan) for label, plan in plans.items()}
        self.places = {place.label: place for place in trial.where if place.label in plans}

    def _value(self, plan: Plan) -> Appraised:
        return appraisal.appraise(plan, self.model, self.first, self.last)

    def finding(self) -> Finding:
        """Everything."""
        tables = self._tables()
        stamp = {
            **provenance(self.loaded),
            "kind": KIND,
            "school": self._school(),
            "labels": {place.label: place.name for place in self.trial.where},
            "schemes": {place.label: place.scheme for place in self.trial.where},
            "notes": self.trial.sentences,
            "budgets": not self.loaded.tables.budgets.empty,
            "grant_pounds": self.school.grant,
            "search": self._search(),
            "discount_rate": self.model.discount_rate,
            "warnings": [vars(w) | {"text": str(w)} for w in self.loaded.warnings],
            "estimates": [*self.loaded.estimates, *self.trial.sentences],
            "seconds": round(time.monotonic() - self.trial.clock, 2),
        }
        one = len(self.trial.where) == 1
        title = (
            f"A school at {self.trial.where[0].name}"
            if one
            else f"{len(self.trial.where)} sites for a school"
        )
        finding = Finding(KIND, title, [], tables, self._layers(tables), stamp)
        finding.sentences = sentences(finding)
        return finding

    def _school(self) -> dict[str, Any]:
        school, model = self.school, self.model
        return {
            "words": school.words,
            "kind": school.kind,
            "needs": list(school.needs),
            "places": school.places,
            "lowest_year_group": school.lowest,
            "highest_year_group": school.highest,
            "opens": "" if school.opens is None else academic_year_label(school.opens),
            "earliest": academic_year_label(earliest(self.loaded, school.kind)),
            "capital_pounds": capital_of(school, self.loaded),
            "capital_given": school.capital is not None,
            "capital_left_pounds": self._capital_left(),
            "capital_source": model.entries["capital_per_place"].source,
            "running_pounds": school.running,
            "fill": list(model.for_kind("fill_profile", school.kind, (1.0,))),
        }

    def _capital_left(self) -> float:
        """Budgets up to the year of opening, less capital of committed schemes; NaN: no limit."""
        tables, until = self.loaded.tables, self.school.opens or self.last
        budgets, schemes = tables.budgets, tables.schemes
        if budgets.empty:
            return math.nan
        held = float(budgets.loc[budgets["financial_year"] <= until, "pounds"].sum())
        committed = schemes["scheme"].isin(self.trial.committed)
        return max(0.0, held - float(schemes.loc[committed, "capital_pounds"].sum()))

    def _search(self) -> dict[str, Any]:
        found = {WITHOUT: self.without} | {
            label: worth.found for label, worth in self.worth.items() if worth.found is not None
        }
        if self.elsewhere is not None:
            found[GRANT_ELSEWHERE] = self.elsewhere[0]
        return {
            label: {
                "status": answered.status,
                "objective_pounds": answered.objective,
                "bound_pounds": answered.bound,
                "gap": answered.gap,
            }
            for label, answered in found.items()
        }

    # -------------------------------------------------------------- tables

    def _tables(self) -> dict[str, pd.DataFrame]:
        parts: dict[str, list[pd.DataFrame]] = {
            name: [] for name in ("fill", "catchment", "origins", "journeys", "all_journeys",
                                  "rolls", "lines", "years")
        }  # fmt: skip
        names = dict(
            zip(self.loaded.tables.areas["area"], self.loaded.tables.areas["name"], strict=True)
        )
        for label, place in self.places.items():
            plan, option = self.plans[label], self.valued[label]
            moved = effects.moves(plan, self.base, place.scheme)
            known = effects.journeys(plan, self.base)
            saved = effects.saved_journeys(moved, known, place.scheme)
            caught = effects.catchment(plan, place.scheme)
            rolls = effects.rolls(plan, self.base)
            found = {
                "fill": effects.fill(plan, place.scheme),
                "catchment": caught.assign(name=caught["area"].map(names)),
                "origins": effects.origins(moved, plan, self.base),
                "journeys": effects.journey_summary(saved, self.years),
                "all_journeys": effects.everybody(plan, self.base),
                "rolls": rolls.assign(km_from_site=self._km_from(place, rolls)),
                "lines": self._lines(option),
                "years": appraisal.changes(option, self.nothing),
            }
            for name, frame in found.items():
                frame.insert(0, "site", label)
                parts[name].append(frame)
        tables = {"sites": self._sites(parts)}
        for name, frames in parts.items():
            tables[name] = (
                pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"site": []})
            )
        tables["plans"] = self._plans()
        named = [(WITHOUT, self.base), *self.plans.items()]
        if self.elsewhere is not None:
            named.append((GRANT_ELSEWHERE, self.elsewhere[1]))
        tables["schemes"] = effects.schemes(named)
        return tables

    def _km_from(self, place: Place, rolls: pd.DataFrame) -> list[float]:
        """Straight km from the site to each provision; NaN where it has no place on the map."""
        at = {
            str(p): (float(x), float(y))
            for table, key in ((self.loaded.tables.provisions, "provision"),)
            for p, x, y in zip(table[key], table["easting"], table["northing"], strict=True)
        }
        schemes, sites = self.loaded.tables.schemes, self.loaded.tables.candidate_sites
        points = {
            str(s): (float(x), float(y))
            for s, x, y in zip(sites["site"], sites["easting"], sites["northing"], strict=True)
        }
        at |= {
            str(s): points[str(site)]
            for s, site in zip(schemes["scheme"], schemes["site"], strict=True)
            if str(site) in points
        }
        nowhere = (math.nan, math.nan)
        return [
            math.hypot(x - place.easting, y - place.northing) / 1000
            for x, y in (at.get(str(p), nowhere) for p in rolls["provision"])
        ]

    def _lines(self, option: Appraised) -> pd.DataFrame:
        ours, theirs = option.by_line(), self.nothing.by_line()
        change = ours.sub(theirs, fill_value=0.0).rename("change_pounds")
        return change.reset_index()

    def _money(self, label: str) -> dict[str, float]:
        option = self.valued[label]
        worth = appraisal.net_present_value(option, self.nothing)
        lines = self._lines(option).set_index("line")["change_pounds"]
        cover = float(lines.get(appraisal.COVER, 0.0))
        drawn = self.plans[label].capital
        granted = drawn[drawn["source"] == NEW_MONEY] if "source" in drawn else drawn.iloc[:0]
        return {
            "net_present_value_pounds": worth,
            "unmet_cover_pounds": -cover,
            "money_alone_pounds": worth + cover,
            "after_grant_pounds": worth + appraisal.present_value(granted, option.rate, self.first),
            "fees_avoided_pounds": -float(lines.get("fees", 0.0)),
            "transport_avoided_pounds": -float(lines.get("transport", 0.0)),
            "failures_spared_pounds": self.nothing.failures - option.failures,
            "payback_years": appraisal.payback_years(option, self.nothing),
        }

    def _over_grant(self, found: Answered) -> dict[str, float]:
        """What the site is worth against the same grant spent otherwise, least and most."""
        if self.elsewhere is None:
            return {}
        least, most = difference(self.elsewhere[0], found)
        return {"over_grant_least_pounds": least, "over_grant_most_pounds": most}

    def _sites(self, parts: Mapping[str, list[pd.DataFrame]]) -> pd.DataFrame:
        """One row a site: what a reader compares."""
        of = {
            name: {str(f["site"].iloc[0]): f for f in parts[name] if len(f)}
            for name in ("fill", "journeys")
        }
        rows = []
        for place in self.trial.where:
            worth = self.worth[place.label]
            row: dict[str, Any] = {
                "site": place.label,
                "name": place.name,
                "easting": place.easting,
                "northing": place.northing,
                "verdict": worth.verdict,
            }
            if worth.found is not None:
                option = self.valued[place.label]
                filled, far = of["fill"].get(place.label), of["journeys"][place.label]
                at_end = far[far["academic_year"] == self.last].iloc[0]
                row |= {
                    "opens": worth.found.opens[place.scheme],
                    "worth_pounds": self.without.objective - worth.found.objective,
                    "worth_least_pounds": worth.least,
                    "worth_most_pounds": worth.most,
                    **self._over_grant(worth.found),
                    **self._money(place.label),
                    **{f"{c}_spared": self.nothing.counts[c] - option.counts[c] for c in COUNTS},
                    "children": 0.0 if filled is None else float(filled["children"].iloc[-1]),
                    "share_filled": (
                        math.nan if filled is None else float(filled["share_filled"].iloc[-1])
                    ),
                    **{
                        column: float(at_end[column])
                        for column in ("median_minutes", "median_minutes_without",
                                       "median_minutes_saved", "minutes_saved", "km_saved")
                    },
                }  # fmt: skip
            rows.append(row)
        frame = pd.DataFrame(rows)
        if "opens" in frame:
            frame["opens"] = frame["opens"].fillna(-1).astype("int64")
        return frame

    def _plans(self) -> pd.DataFrame:
        """Every plan that was compared: what it builds, what it costs, whom it fails."""
        named: list[tuple[str, Answered, Plan, Appraised]] = [
            (WITHOUT, self.without, self.base, self.nothing)
        ]
        for label, plan in self.plans.items():
            found = self.worth[label].found
            assert found is not None
            named.append((label, found, plan, self.valued[label]))
        if self.elsewhere is not None:
            named.append((GRANT_ELSEWHERE, *self.elsewhere, self._value(self.elsewhere[1])))
        rows = []
        for label, answered, plan, valued in named:
            opened = plan.schemes[plan.schemes["opens"] >= 0]
            by_ledger = valued.by_line().groupby(level="ledger").sum()
            rows.append(
                {
                    "plan": label,
                    "schemes": int((opened["status"] != "committed").sum()),
                    "places": valued.places,
                    "capital_pounds": valued.capital,
                    "objective_pounds": answered.objective,
                    "bound_pounds": answered.bound,
                    "gap": answered.gap,
                    "status": answered.status,
                    "net_present_value_pounds": appraisal.net_present_value(valued, self.nothing),
                    "dsg_pounds": float(by_ledger.get("dsg", 0.0)),
                    "general_fund_pounds": float(by_ledger.get("general_fund", 0.0)),
                    "capital_ledger_pounds": float(by_ledger.get("capital", 0.0)),
                    **{c: valued.counts[c] for c in COUNTS},
                }
            )
        return pd.DataFrame(rows)

    # -------------------------------------------------------------- layers

    def _layers(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, geopandas.GeoDataFrame]:
        inputs = self.loaded.tables
        land, areas = inputs.boundary, inputs.areas
        assert land is not None, "checked tables have a boundary, their areas' hull at least"
        shapes = surroundings(areas, land)
        last = academic_year_label(self.last)
        fields: dict[str, Any] = {c: areas[c].to_numpy() for c in ("area", "name", "locality")}
        caught = tables["catchment"]
        for label in self.places:
            here = caught[(caught["site"] == label) & (caught["academic_year"] == self.last)]
            by_area = here.set_index("area")
            for column in ("children", "minutes"):
                found = by_area[column].reindex(areas["area"]).to_numpy(float)
                fields[f"{column}_{label}"] = found
        rolls = tables["rolls"]
        known = inputs.provisions.dropna(subset=["easting", "northing"])
        of_schools: dict[str, Any] = {c: known[c].to_numpy() for c in ("provision", "name", "kind")}
        for label in self.places:
            here = rolls[(rolls["site"] == label) & (rolls["academic_year"] == self.last)]
            by = here.set_index("provision").reindex(known["provision"])
            of_schools["places"] = by["places"].to_numpy(float)
            of_schools["children_without"] = by["children_without"].to_numpy(float)
            of_schools[f"children_{label}"] = by["children"].to_numpy(float)
            of_schools[f"change_{label}"] = by["change"].to_numpy(float)
        tested = self.trial.where
        layers = {
            "authority": geopandas.GeoDataFrame({"name": [self.loaded.scenario.authority]},
                                                geometry=[many(land)], crs=27700),
            "areas": geopandas.GeoDataFrame(
                fields,
                geometry=[
                    many(shapes[x, y])
                    for x, y in zip(areas["easting"], areas["northing"], strict=True)
                ],
                crs=27700,
            ),
            "provisions": geopandas.GeoDataFrame(
                of_schools,
                geometry=geopandas.points_from_xy(known["easting"], known["northing"]),
                crs=27700,
            ),
            "sites": geopandas.GeoDataFrame(
                tables["sites"].drop(columns=["easting", "northing"]),
                geometry=[Point(p.easting, p.northing) for p in tested], crs=27700,
            ),
        }  # fmt: skip
        about = {
            "authority": "The authority.",
            "areas": f"Areas: expected children at each tested site in {last}, and their minutes "
            "one way. Edges are approximate: the surroundings of each area's centre.",
            "provisions": f"Provision: expected children in {last} without the sites and with each "
            "of them.",
            "sites": "The tested sites, with what each is worth.",
        }
        for name, layer in layers.items():
            layer.attrs["about"] = about[name]
        return layers


# ------------------------------------------------------------------ words


def sentences(finding: Finding) -> list[str]:
    """The answer in plain English, from the tables of a finding."""
    sites, stamp = finding.tables["sites"], finding.stamp
    school = dict(stamp["school"])
    found = [_verdict_words(row, stamp) for row in sites.to_dict("records")]
    said = list(found[0]) if len(found) == 1 else [" ".join(words) for words in found]
    can = sites[sites["verdict"] != NO_PLAN]
    if len(can) > 1:
        order = can.sort_values("worth_pounds", ascending=False)
        first, second = order.iloc[0], order.iloc[1]
        clear = first["worth_least_pounds"] > second["worth_most_pounds"]
        said.insert(
            0,
            f"Of {len(sites)} sites for {school['words']}, {first['name']} is worth most"
            + (
                ", and that is proven."
                if clear
                else f"; that it is worth more than {second['name']} is not proven."
            ),
        )
    return said


def _verdict_words(row: Mapping[Any, Any], stamp: Mapping[str, Any]) -> tuple[str, ...]:
    """The verdict on a site in a sentence, then what it rests on."""
    name, verdict, school = row["name"], row["verdict"], dict(stamp["school"])
    if verdict == NO_PLAN:
        left = float(school["capital_left_pounds"])
        held = (
            f", and the budgets hold {fmt.pounds(left)} by then beyond what is committed"
            if math.isfinite(left)
            else ""
        )
        if math.isfinite(left) and left >= float(school["capital_pounds"]):
            return (
                f"A school at {name} cannot open: no plan within the capital budgets and the rules "
                "about schemes can open it.",
                f"It takes {fmt.pounds(float(school['capital_pounds']))}{held}, so it is not the "
                "sum that forbids it: a committed scheme may stand on the site, or the budget of "
                "one of the years may be too small.",
            )
        return (
            f"A school at {name} cannot be afforded: no plan within the capital budgets and the "
            "rules about schemes can open it.",
            f"It takes {fmt.pounds(float(school['capital_pounds']))}{held}. Try it with money of "
            "its own (--grant), with fewer places or a later September.",
        )
    opens = int(row["opens"])
    opening = f"A school at {name}, opening in September {opens},"
    lead = {
        CLEAR: f"{opening} is worth its price: that is proven.",
        WORSE: f"{opening} is not worth its price: the best plan without it does more for the same "
        "money, and that is proven.",
        UNCLEAR: f"{opening} may or may not be worth its price: the best plan without it is as "
        "good, as near as the search can tell.",
    }[str(verdict)]
    least, most = float(row["worth_least_pounds"]), float(row["worth_most_pounds"])
    money = float(row["net_present_value_pounds"])
    same = fmt.pounds(least) == fmt.pounds(most)
    worth = fmt.pounds(least) if same else fmt.pounds_from_to(least, most, sentence=True)
    said = [
        lead,
        f"Counting failures that it spares as the plan prices them, it is worth {worth}; in money "
        f"alone its net present value is {fmt.pounds(money)}.",
    ]
    if math.isfinite(other := float(row.get("over_grant_least_pounds", math.nan))):
        highest = float(row["over_grant_most_pounds"])
        said.append(
            "The same grant spent otherwise does less: that is proven."
            if other > 0
            else "The same grant spent otherwise does more: that is proven."
            if highest < 0
            else "Whether the same grant does more elsewhere is not proven: against that, the site "
            f"is worth {fmt.pounds_from_to(other, highest, sentence=True)}."
        )
    if opens == int(stamp["last_year"]) and not school["opens"]:
        said.append(
            f"Left to choose, the search puts it off to the last planned year ({opens}): name a "
            "September with --opens to see it at work."
        )
    return tuple(said)
