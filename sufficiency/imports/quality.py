"""Named checks of a SEN2 return: what each finds, how many, what the import does, what to do.

A finding is a number of records. Which children they are is kept in memory only; on request each
is named by a keyed hash whose key is random, differs each time and is never written.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from sufficiency.imports.outcome import csv_bytes
from sufficiency.vocabulary import STATEMENT

ROWS_NAMED: Final = 5
"""Rows of the export named for each check."""


@dataclass(frozen=True)
class Check:
    """One named check.

    Attributes:
        name: its identifier in the reports.
        module: the module whose rows it counts, or ANY.
        finds: what it finds.
        effect: what the import does with such a record.
        remedy: what the authority can do.
    """

    name: str
    module: str
    finds: str
    effect: str
    remedy: str


ANY: Final = "any"
"""The module of a check that looks at all of them."""

_COUNTED: Final = "counted all the same"
_LEFT_OUT: Final = "left out"
_SPREAD: Final = "home spread over areas in proportion to those known"
_OTHER: Final = "counted as OTH"
_ELSEWHERE: Final = "counted as educated elsewhere"
_MEND: Final = "correct the record and export again."

_CHECKS: Final[tuple[tuple[str, str, str, str, str], ...]] = (
    # person
    ("identifier repeated", ANY, "the same table identifier stands on two rows of a module",
     "the first row counts", "export again; the export is damaged."),
    ("UPN missing without a reason", "person", "neither UPN nor ULN, and no reason given",
     _COUNTED, "enter the UPN, or the reason why there is none."),
    ("UPN unknown with a reason", "person", "neither UPN nor ULN, a reason is given", _COUNTED,
     "enter the UPN once it is known."),
    ("UPN malformed", "person", "the UPN is not a letter, eleven digits and a digit or letter",
     _COUNTED, _MEND),
    ("UPN check letter wrong", "person", "the first letter of the UPN does not fit its digits",
     _COUNTED, "check the UPN for a mistyped digit."),
    ("UPN of two children", "person", "two persons with different dates of birth share a UPN",
     "counted as two children", "give each child its own UPN."),
    ("child entered twice", "person", "two persons share UPN and date of birth",
     "counted once", "merge the two records."),
    ("date of birth missing", "person", "no date of birth", _LEFT_OUT, _MEND),
    ("date of birth unreadable", "person", "the date of birth is no date", _LEFT_OUT, _MEND),
    ("date of birth in the future", "person", "born after the census date", _LEFT_OUT, _MEND),
    ("outside the ages of a plan", "person", "25 or older at the start of the school year",
     _LEFT_OUT, "cease the plan, or correct the date of birth."),
    ("postcode missing", "person", "no home postcode", _SPREAD, _MEND),
    ("postcode malformed", "person", "the home postcode has not the form of a postcode", _SPREAD,
     _MEND),
    ("postcode not in the postcode file", "person", "the home postcode does not exist there",
     _SPREAD, "correct it, or use a newer postcode file."),
    ("home outside the areas", "person", "the home postcode lies in none of the areas", _SPREAD,
     "check whether this authority maintains the plan."),
    ("sex missing or not F or M", "person", "sex (formerly gender) is neither F nor M", _COUNTED,
     _MEND),
    ("person without a request", "person", "no request belongs to the person", _LEFT_OUT,
     "add the request, or delete the person."),
    # requests
    ("request of nobody", "requests", "the person of the request is not in the export", _LEFT_OUT,
     "export all modules at the same time."),
    ("request decided before it was received", "requests",
     "the outcome is dated before the request", _COUNTED, _MEND),
    ("several open plans", "requests", "a child has open plans from several requests",
     "counted once, with the plan that has a placement, then the latest",
     "close the plan that has been replaced."),
    ("assessment of nothing", "assessment", "its request is not in the export", _LEFT_OUT,
     "export all modules at the same time."),
    ("assessment decided after the census date", "assessment",
     "the outcome is dated after the census date", _COUNTED, "check the date."),
    # named plans
    ("named plan of nothing", "namedplan", "its assessment is not in the export", _LEFT_OUT,
     "export all modules at the same time."),
    ("plan without a start date", "namedplan", "the plan has no start date", "taken as open",
     _MEND),
    ("plan ceased before it started", "namedplan", "the plan's end is dated before its start",
     "taken by its dates", _MEND),
    ("plan ceased but active", "namedplan",
     "the plan ceased before the census date, and an active plan is recorded", _LEFT_OUT,
     "remove the active plan, or the date on which the plan ceased."),
    ("plan starts after the census date", "namedplan", "the plan starts after the census date",
     _LEFT_OUT, "none if it is a new plan; else correct the date."),
    ("cease date without a reason", "namedplan", "a plan has a cease date and no reason", _COUNTED,
     _MEND),
    ("cease reason without a date", "namedplan", "a plan has a reason to cease and no date",
     "taken as open", _MEND),
    # named placements
    ("named placement of nothing", "plandetail", "its plan is not in the export", _LEFT_OUT,
     "export all modules at the same time."),
    ("attended is not named", "placementdetail",
     "the establishment attended is not among those named in the plan",
     "the placement attended counts", "amend the plan, or correct the placement."),
    # active plans
    ("active plan of nothing", "activeplans", "its request is not in the export", _LEFT_OUT,
     "export all modules at the same time."),
    ("active plan without a named plan", "activeplans",
     "no named plan belongs to the request of the active plan", "taken as open",
     "add the named plan."),
    ("several active plans of one request", "activeplans",
     "a request has more than one active plan", "the one with a placement counts",
     "keep one active plan a request."),
    ("open plan without an active plan", "namedplan",
     "a plan is open on the census date and has no active plan record",
     _ELSEWHERE, "add the active plan with its placement and needs."),
    ("review overdue", "activeplans",
     "the last review is more than a year before the census date", _COUNTED,
     "hold the annual review."),
    # placements
    ("placement of nothing", "placementdetail", "its active plan is not in the export", _LEFT_OUT,
     "export all modules at the same time."),
    ("no placement on the census date", "activeplans",
     "an active plan has no placement that is open on the census date", _ELSEWHERE,
     "enter the placement attended, or the setting code that says why there is none."),
    ("several placements of rank 1", "placementdetail",
     "two placements of rank 1 are open on the census date",
     "the one entered last counts", "close the former placement, or rank the second one 2."),
    ("only a placement of rank 2", "placementdetail",
     "the placements open on the census date have rank 2 or lower", "the highest of them counts",
     "rank the main placement 1."),
    ("rank missing or wrong", "placementdetail", "the rank is not a whole number from 1 to 9",
     "taken as the last rank", _MEND),
    ("entry date missing", "placementdetail", "the placement has no entry date", "taken as open",
     _MEND),
    ("left before entry", "placementdetail", "the placement ends before it begins",
     "taken by its dates", _MEND),
    ("more placements than plans", "placementdetail",
     "placements of rank 1 open on the census date beyond the number of open plans",
     "one placement counts for each plan", "close placements that have ended."),
    ("no establishment", "placementdetail",
     "the placement has neither URN nor UKPRN nor setting code", _ELSEWHERE, _MEND),
    ("URN malformed", "placementdetail", "the URN is not six digits",
     "taken as an establishment of which nothing is known", _MEND),
    ("UKPRN malformed", "placementdetail", "the UKPRN is not eight digits from 10000000",
     "taken as an establishment of which nothing is known", _MEND),
    ("URN and setting code", "placementdetail", "both a URN or UKPRN and a setting code are given",
     "the URN or UKPRN counts", "leave the setting code blank where there is a URN."),
    ("setting code unknown", "placementdetail", "the setting code is not one of the return's",
     _ELSEWHERE, "use OLA, OPA, EHE, EYP, OTH, NEET, NIEC or NIEO."),
    ("URN not in GIAS", "placementdetail",
     "the URN is not in establishments.csv, which the GIAS import writes",
     "taken as mainstream up to Year 11, as further education from Year 12 on",
     "correct the URN, or map it to a provision with --mapping."),
    ("establishment in no provision", "placementdetail",
     "the establishment is none of the provisions given",
     "placed near home, by its kind where GIAS tells it",
     "none for mainstream schools and colleges; else add the provision or a --mapping."),
    ("base flagged at a special school", "placementdetail",
     "a SEN unit or resourced provision is flagged at an establishment that is not mainstream",
     "the flag is ignored", _MEND),
    ("base flagged where none is known", "placementdetail",
     "a SEN unit or resourced provision is flagged where the provisions have no base",
     "placed in a stand-in base", "correct the flag, or add the base to the provisions."),
    ("both base flags", "placementdetail", "SEN unit and resourced provision are both flagged",
     "taken as a SEN unit", "flag one of the two."),
    ("base flags not given", "placementdetail",
     "an establishment is given, and not whether the child is in its unit or base",
     "taken as not in a base", "say yes or no in both columns."),
    ("year group outside the provision", "placementdetail",
     "the child's year group is none of the provision's", _COUNTED,
     "check the year groups of the provision and the date of birth."),
    ("NEET below Year 12", "placementdetail", "the setting code NEET before Year 12", _ELSEWHERE,
     "use NIEO for a child of compulsory school age."),
    ("residential code unknown", "placementdetail",
     "the residential code is neither A nor B nor blank", _COUNTED, "use A or B."),
    # needs
    ("need of nothing", "senneed", "its active plan is not in the export", _LEFT_OUT,
     "export all modules at the same time."),
    ("need missing", "activeplans", "the active plan has no need", _OTHER, _MEND),
    ("need code unknown", "senneed", "the primary need is not one of the return's codes", _OTHER,
     "use SPLD, MLD, SLD, PMLD, SEMH, SLCN, HI, VI, MSI, PD, ASD, DS or OTH."),
    ("no need of rank 1", "activeplans", "the needs of the plan have no rank 1",
     "the need of the highest rank counts", "rank the primary need 1."),
    ("several needs of rank 1", "activeplans", "two needs of the plan have rank 1",
     "the first counts", "rank one need 1."),
    ("date unreadable", ANY, "a date in any module cannot be read (dates of birth apart)",
     "taken as blank", "write dates as 2026-Jan-15 or 15/01/2026."),
)  # fmt: skip

CHECKS: Final[dict[str, Check]] = {row[0]: Check(*row) for row in _CHECKS}
"""The checks by name, in the order of the report."""


@dataclass(repr=False)
class Quality:
    """What the checks found.

    Attributes:
        rows: by check, module and row of the export.
        persons: by check, who is concerned: known in memory only.
        not_run: checks that could not run, and why.
    """

    rows: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    persons: dict[str, list[str]] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<{len(self.rows)} checks with findings; records not shown>"

    def add(self, name: str, module: str, frame: pd.DataFrame, found: Any, persons: Any) -> None:
        """Note what a check found.

        Args:
            name: the check.
            module: the module, and ``frame`` its rows.
            found: mask of the rows concerned.
            persons: for each row, who it is about; "" where nobody knows.
        """
        assert name in CHECKS, name
        mask = np.asarray(found, dtype=bool)
        rows = frame["_row"].to_numpy()[mask].tolist()
        self.rows.setdefault(name, []).extend((module, row) for row in rows)
        self.persons.setdefault(name, []).extend(
            str(p) for p in np.asarray(persons, dtype=object)[mask]
        )

    def count(self, name: str) -> int:
        """Records that a check found."""
        return len(self.rows.get(name, []))

    def table(self) -> bytes:
        """The report as CSV: check, module, records, first_rows, finds, effect, remedy."""
        header = ("check", "module", "records", "first_rows", "finds", "effect", "remedy")
        rows = [
            (
                check.name,
                check.module,
                "" if check.name in self.not_run else self.count(check.name),
                "|".join(self._named(check.name)),
                check.finds,
                self.not_run.get(check.name, check.effect),
                check.remedy,
            )
            for check in CHECKS.values()
        ]
        return csv_bytes(header, rows)

    def page(self, title: str, facts: Sequence[str], estimates: Sequence[str],
             rows: Sequence[str]) -> bytes:  # fmt: skip
        """The report as one page without anything from elsewhere."""

        def listed(lines: Sequence[str]) -> str:
            return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>"

        found = [c for c in CHECKS.values() if self.count(c.name)]
        clean = [
            c for c in CHECKS.values() if not self.count(c.name) and c.name not in self.not_run
        ]
        body = "".join(
            f"<tr><td>{html.escape(c.name)}</td><td class='n'>{self.count(c.name):,}</td>"
            f"<td>{html.escape(c.finds)}</td><td>{html.escape(c.effect)}</td>"
            f"<td>{html.escape(c.remedy)}</td><td>{html.escape(self._first(c.name))}</td></tr>"
            for c in sorted(found, key=lambda c: -self.count(c.name))
        )
        text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem;
padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ border-bottom: 1px solid #ccc; padding: .4rem .6rem; text-align: left;
vertical-align: top; }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style></head><body>
<h1>{html.escape(title)}</h1>
{listed(facts)}
<p>No child is named here. Row numbers are lines of the export, which the authority keeps.</p>
<h2>Findings</h2>
<table><thead><tr><th scope="col">Check</th><th scope="col">Records</th><th scope="col">Finds</th>
<th scope="col">What the import does</th><th scope="col">What to do</th>
<th scope="col">First rows</th></tr></thead><tbody>
{body or '<tr><td colspan="6">Nothing was found.</td></tr>'}
</tbody></table>
<h2>Checks that found nothing</h2>
{listed([c.name for c in clean])}
<h2>Checks that could not run</h2>
{listed([f"{name}: {why}" for name, why in self.not_run.items()] or ["None."])}
<h2>What became of every row</h2>
{listed(rows)}
<h2>Estimated, because nobody recorded it</h2>
{listed(list(estimates) or ["Nothing."])}
<p>{html.escape(STATEMENT)}</p>
</body></html>
"""
        return text.encode("utf-8")

    def _named(self, name: str) -> list[str]:
        """The first rows of a check, with the module where the check looks at all of them."""
        first = sorted(self.rows.get(name, []))[:ROWS_NAMED]
        every = CHECKS[name].module == ANY
        return [f"{module} {row}" if every else str(row) for module, row in first]

    def _first(self, name: str) -> str:
        more = self.count(name) - ROWS_NAMED
        module = "" if CHECKS[name].module == ANY else f"{CHECKS[name].module}, "
        return f"{module}rows {', '.join(self._named(name))}" + (
            f" and {more:,} more" if more > 0 else ""
        )

    def pseudonyms(self) -> bytes:
        """Check and pseudonym of every record, so that records of one child can be told together.

        The pseudonym is a keyed hash; the key is drawn for this call and kept nowhere.
        """
        key = secrets.token_bytes(32)

        def hidden(person: str) -> str:
            digest = hmac.new(key, person.encode("utf-8"), hashlib.sha256)
            return digest.hexdigest()[:16]

        rows = sorted(
            {
                (name, CHECKS[name].module, hidden(person))
                for name, persons in self.persons.items()
                for person in persons
                if person
            }
        )
        return csv_bytes(("check", "module", "pseudonym"), rows)
