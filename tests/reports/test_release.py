"""A release: the same numbers in every file, small ones held back, refused when it gives them away.

The attack reads the published files as a stranger would, sets up one linear system of everything
they say, and tries to solve it for what they hide.
"""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from sufficiency.cli import main
from sufficiency.problems import EXIT_AUDIT_FAILED, EXIT_BAD_INPUT, EXIT_NOT_RELEASABLE
from sufficiency.reports import release, suppression
from sufficiency.reports.facts import GROUPS, Run
from sufficiency.reports.release import write_release
from sufficiency.reports.suppression import NotReleasableError, Protected
from sufficiency.vocabulary import KINDS, NEEDS, STATEMENT, no_formula
from sufficiency.vocabulary import academic_year_label as year_label
from tests.reports.browser import Browser, chromium
from tests.reports.random_plans import random_run

PLANS = 100
PRIME = 2**31 - 1
SMALL, WITHHELD = "fewer than 6", "withheld"
COUNTED = (
    "placement_mix", "placement_groups", "phase_and_kind", "needs", "needs_and_groups",
    "localities", "provision", "journeys", "localities_to_provision",
)  # fmt: skip
NOT_COUNTS = ("travel, in minutes", "if no further scheme opens")


# ------------------------------------------------------------------ reading what was published


def csv_rows(folder: Path, name: str) -> list[list[str]]:
    with (folder / "csv" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def xlsx_rows(folder: Path, sheet: str) -> list[list[Any]]:
    page = openpyxl.load_workbook(folder / "release.xlsx")[sheet]
    rows = [[c.value for c in row] for row in page.iter_rows(min_row=5)]
    return [row for row in rows if any(v is not None for v in row)]


class Tables(HTMLParser):
    """Tables of a page by the id of their section."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.section, self.inside = "", False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self.section = str(dict(attrs)["id"])
            self.found[self.section] = []
        elif tag == "tr":
            self.found[self.section].append([])
        elif tag in ("td", "th"):
            self.found[self.section][-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found[self.section][-1][-1] += data


@dataclass(frozen=True)
class Claim:
    """What the release says of one sum of children: attributes and their values, and the words."""

    year: int
    where: tuple[tuple[str, str], ...]
    words: str


def claims(folder: Path) -> list[Claim]:
    """Everything that the CSV files and the GeoPackage say of children, as a stranger reads it."""
    found = []
    for name in COUNTED:
        header, *rows = csv_rows(folder, name)
        years = {i: int(h[:4]) for i, h in enumerate(header) if h[:4].isdigit()}
        for row in rows:
            if any(words in cell for cell in row[:2] for words in NOT_COUNTS):
                continue
            where = meaning(name, row)
            found += [Claim(y, where, row[i]) for i, y in years.items()]
    for layer, key in (("localities", "locality"), ("provisions", "provision")):
        frame = pyogrio.read_dataframe(folder / "release.gpkg", layer=layer)
        for column in (c for c in frame.columns if c.endswith("_shown")):
            measure, _, year = column.removesuffix("_shown")[:-3].rpartition("_")
            rest = (("stands", "Need more, and have no local place"),)
            for value, words in zip(frame[key], frame[column], strict=True):
                where = ((key, str(value)), *(rest if measure == "no_local_place" else ()))
                found.append(Claim(int(year), where, words))
    return found


def meaning(name: str, row: list[str]) -> tuple[tuple[str, str], ...]:
    """Which children a row of a table counts."""
    if name == "localities":
        where = () if row[0] == "All localities" else (("locality", row[0]),)
        if row[1] == "Need more than a mainstream class":
            return (*where, ("needing", "yes"))
        return where if row[1] == "All" else (*where, ("stands", row[1]))
    columns = {
        "placement_mix": ("kind",), "placement_groups": ("group",),
        "phase_and_kind": ("phase", "kind"), "needs": ("designation", "need"),
        "needs_and_groups": ("designation", "group"), "provision": ("provision",),
        "journeys": ("journey",), "localities_to_provision": ("locality", "provision"),
    }[name]  # fmt: skip
    return tuple((c, v) for c, v in zip(columns, row, strict=False) if not v.startswith("All"))


def stranger_atoms(run: Run) -> pd.DataFrame:
    """The true whole children behind a release, described in the words of its files."""
    whole = release.protected(run).atoms()
    kinds = {**KINDS, "unmet": "No suitable place"}
    return whole.assign(
        kind=whole["kind"].map(kinds),
        phase=whole["phase"].str.capitalize(),
        need=whole["need"].map(NEEDS),
        needing=np.where(whole["needing"], "yes", "no"),
        stands=whole["stands"].map(release.STANDS),
        journey=whole["journey"].map(release.JOURNEYS),
    )


@dataclass
class System:
    """One year as an attacker sees it: rows of ones over the atoms that occur, and what is said.

    ``least`` and ``most`` are what the words of a hidden count allow, the places of a school
    counted in.
    """

    rows: np.ndarray
    words: list[str]
    truth: np.ndarray
    least: np.ndarray
    most: np.ndarray

    @property
    def hidden(self) -> np.ndarray:
        return np.array([w in (SMALL, WITHHELD) for w in self.words])

    @property
    def small(self) -> np.ndarray:
        return np.array([w == SMALL for w in self.words])


WIDER = {"provision": ("kind", "group"), "kind": ("group",), "need": ("designation",),
         "stands": ("needing",)}  # fmt: skip


def systems(folder: Path, run: Run) -> Iterator[System]:
    found, people = claims(folder), stranger_atoms(run)
    header, *rows_of_places = csv_rows(folder, "places")
    for year in run.years:
        part = people[people["academic_year"] == year]
        columns = {c: part[c].to_numpy() for c in part.columns}
        at = next(i for i, h in enumerate(header) if h.startswith(str(year)))
        places = {r[0]: float(r[at]) for r in rows_of_places if r[at] != "no limit"}
        said = sorted({c for c in found if c.year == year}, key=str)
        rows, everything = [], []
        for claim in said:
            inside = np.ones(len(part), dtype=bool)
            for attribute, value in claim.where:
                inside &= columns[attribute] == value
            rows.append(inside.astype(float))
            where = set(claim.where)
            for attribute, _ in claim.where:
                if inside.any():
                    where |= {(w, columns[w][inside][0]) for w in WIDER.get(attribute, ())}
            everything.append(frozenset(where))
        words = [c.words for c in said]
        small = {w for w, text in zip(everything, words, strict=True) if text == SMALL}
        least, most = [], []
        for claim, where in zip(said, everything, strict=True):
            # Inside a small total the words may stand for none.
            in_small = any(other < where for other in small)
            least.append(6.0 if claim.words == WITHHELD else 0.0 if in_small else 1.0)
            most.append(np.inf if claim.words == WITHHELD else 5.0)
            if len(claim.where) == 1 and claim.where[0][0] == "provision":
                most[-1] = min(most[-1], places.get(claim.where[0][1], np.inf) + 4)
        matrix = np.array(rows)
        truth = np.rint(matrix @ part["children"].to_numpy(float))
        yield System(matrix, words, truth, np.array(least), np.maximum(most, truth))


def pinned(system: System, known: np.ndarray) -> np.ndarray:
    """Positions of hidden cells that linear algebra determines from the known ones.

    Exact: rows are reduced over the whole numbers modulo a prime. What lies in the span of the
    known rows over the fractions lies in it here too.
    """
    rows = np.unique(system.rows[known], axis=0).astype(np.int64)
    left = np.vstack([rows, system.rows.astype(np.int64)])
    first, at = len(rows), 0
    for column in range(left.shape[1]):
        found = np.flatnonzero(left[at:first, column])
        if len(found):
            pivot = at + int(found[0])
            left[[at, pivot]] = left[[pivot, at]]
            left[at] = left[at] * pow(int(left[at, column]), -1, PRIME) % PRIME
            below = at + 1 + np.flatnonzero(left[at + 1 :, column])
            left[below] = (left[below] - left[below, column][:, None] * left[at]) % PRIME
            at += 1
    fixed = ~left[first:].any(axis=1)
    # A cell without atoms is a 0, which is no secret.
    return np.flatnonzero(fixed & system.small & (system.truth > 0))


def interval(system: System, row: int, whole: bool = False) -> tuple[float, float]:
    """Least and greatest value of a hidden cell that agree with everything that is said."""
    # A count that has no children is 0 for whoever knows what cannot be.
    open_ = system.hidden & (system.truth > 0)
    lower = np.where(open_, system.least, system.truth)
    upper = np.where(open_, system.most, system.truth)
    ends = []
    for sign in (1.0, -1.0):
        found = milp(
            sign * system.rows[row],
            constraints=LinearConstraint(system.rows, lower, upper),
            bounds=Bounds(0.0, np.inf),
            integrality=np.full(system.rows.shape[1], int(whole)),
        )
        assert found.x is not None
        ends.append(sign * found.fun)
    return ends[0], ends[1]


def test_a_year_that_is_tried_again_is_told_as_that(
    small_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits sees each year once, and each further rounding of it named as one."""
    run, real, told = Run.read(small_run), suppression._hold_back, list[str]()
    refusals = 2

    def hold_back(block: Any, threshold: int) -> list[str]:
        nonlocal refusals
        if block.label == run.last and refusals:
            refusals -= 1
            return ["a count that is told by the others"]
        return real(block, threshold)

    monkeypatch.setattr(suppression, "_hold_back", hold_back)
    counts = release.protected(run, on_progress=told.append)
    plain = [f"Holding back small numbers of {year_label(y)}"
             for y in range(run.base, run.last + 1)]  # fmt: skip
    again = [f"{plain[-1]}, rounded in another way: try {n}" for n in (2, 3)]
    assert told == [*plain, *again]
    assert counts.summary()["small"] > 0


# ------------------------------------------------------------------ the attack


@pytest.mark.slow
def test_no_small_number_is_recovered_from_a_hundred_random_plans(tmp_path: Path) -> None:
    """Linear algebra over all margins and files, and intervals where it finds nothing."""
    chance = np.random.default_rng(1)
    attacked = broken_without = tried = small_cells = 0
    for seed in range(PLANS):
        run = random_run(seed)
        folder = tmp_path / str(seed)
        try:
            write_release(run, folder)
        except NotReleasableError:
            continue
        attacked += 1
        weak = 0
        for system in systems(folder, run):
            shown = ~system.hidden
            said = np.array([float(w.replace(",", "")) for w in np.array(system.words)[shown]])
            assert np.array_equal(said, system.truth[shown])
            assert not ((system.truth > 0) & (system.truth < 6) & shown).any()
            small_cells += int(system.small.sum())
            assert not len(pinned(system, shown)), seed
            # The same tables with nothing but the small numbers held back do not stand.
            weak += len(pinned(system, ~system.small))
            held = np.flatnonzero(system.hidden & (system.truth > 0))
            for row in chance.permutation(held)[:4].tolist():
                least, most = interval(system, row)
                room = system.most[row] - system.least[row]
                enough = min(2.0, room) if system.small[row] else 1.0
                assert most - least >= enough - 1e-6, (seed, row, least, most)
                tried += 1
        broken_without += weak > 0
    assert attacked >= 0.95 * PLANS
    assert tried > 2 * PLANS and small_cells > 10 * PLANS
    assert broken_without > 0.8 * attacked


@pytest.mark.slow
def test_who_insists_on_whole_children_learns_no_more(tmp_path: Path) -> None:
    chance = np.random.default_rng(2)
    for seed in range(6):
        run = random_run(1000 + seed)
        write_release(run, tmp_path / str(seed))
        for system in systems(tmp_path / str(seed), run):
            held = np.flatnonzero(system.small & (system.truth > 0))
            for row in chance.permutation(held)[:8].tolist():
                least, most = interval(system, row)
                whole = interval(system, row, whole=True)
                assert whole[1] - whole[0] >= min(2.0, np.floor(most) - np.ceil(least))
                assert whole[1] - whole[0] >= min(2.0, system.most[row] - system.least[row])


# ------------------------------------------------------------------ one release, all files


@pytest.fixture(scope="module")
def published(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "release"
    assert main(["publish", str(small_run), "--out", str(folder)]) == 0
    return folder


def test_files_of_a_release_say_the_same(published: Path) -> None:
    manifest = json.loads((published / "release.json").read_text(encoding="utf-8"))
    assert manifest["threshold"] == 6 and manifest["statement"] == STATEMENT
    assert manifest["check"]["passed"] and manifest["check"]["withheld"] > 0
    page = Tables((published / "release.html").read_text(encoding="utf-8"))
    book = openpyxl.load_workbook(published / "release.xlsx")
    sheets = book.sheetnames[1:]
    names = [t for t in page.found if t != "headlines"]
    assert len(names) == len(sheets) == len(list((published / "csv").iterdir()))
    for name, sheet in zip(names, sheets, strict=True):
        text = csv_rows(published, name)[1:]
        shown = page.found[name][1:]
        cells = xlsx_rows(published, sheet)[1:]
        assert len(text) == len(shown) == len(cells) > 0, name
        for row, on_page, in_book in zip(text, shown, cells, strict=True):
            for cell, words, value in zip(row, on_page, in_book, strict=True):
                if isinstance(value, int | float):
                    assert float(cell) == pytest.approx(value, rel=1e-9)
                    seen = words.replace(",", "").replace("£", "").replace("\N{MINUS SIGN}", "-")
                    assert float(seen) == pytest.approx(value, abs=0.51)
                else:
                    assert cell == no_formula(str(value)) and words == value


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_of_a_release_asks_for_nothing_and_fits(published: Path, width: int) -> None:
    program = chromium()
    if program is None:
        pytest.skip("no Chromium found: install chromium to run the browser tests")
    browser = Browser(program)
    try:
        browser.open(published / "release.html", width)
        assert browser.errors == [] and browser.requests == []
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.evaluate("document.querySelectorAll('main, nav, header').length") >= 3
        bare = "[...document.querySelectorAll('th')].filter(h => !h.scope).length"
        assert browser.evaluate(bare) == 0
        assert SMALL in browser.evaluate("document.body.innerText")
        sheets = browser.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        assert len(sheets["data"]) > 20_000
    finally:
        browser.close()


def test_geopackage_of_a_release_says_what_its_tables_say(published: Path) -> None:
    said = {}
    for claim in claims(published):
        assert said.setdefault((claim.year, claim.where), claim.words) == claim.words, claim
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lines = pyogrio.read_dataframe(published / "release.gpkg", layer="desire_lines")
        places = pyogrio.read_dataframe(published / "release.gpkg", layer="provisions")
    table = {(r[0], r[1]): r[4] for r in csv_rows(published, "localities_to_provision")[1:]}
    assert len(lines)
    for line in lines.itertuples(index=False):
        assert table[line.locality, line.provision] == f"{line.children}"
    for column in [c for c in places if c.endswith("_shown")]:
        numbers, words = places[column.removesuffix("_shown")], places[column]
        assert (numbers.isna() == words.isin([SMALL, WITHHELD])).all()
        known = numbers.notna()
        assert (numbers[known].astype(int).map("{:,}".format) == words[known]).all()


def test_no_number_from_one_to_five_counts_children_anywhere(published: Path) -> None:
    seen = {claim.words for claim in claims(published)}
    assert SMALL in seen and WITHHELD in seen
    numbers = {int(words.replace(",", "")) for words in seen - {SMALL, WITHHELD}}
    assert numbers.isdisjoint(range(1, 6)) and 0 in numbers


def test_totals_add_up_and_stay_near_the_plan(published: Path, small_run: Path) -> None:
    run = Run.read(small_run)
    header, *rows = csv_rows(published, "placement_groups")
    for at, year in enumerate(run.years, start=1):
        assert header[at].startswith(str(year))
        total = int(rows[-1][at].replace(",", ""))
        assert abs(total - run.children(year)) <= 1.0
        parts = [r[at] for r in rows[:-1]]
        if SMALL not in parts and WITHHELD not in parts:
            assert sum(int(p) for p in parts) == total
    assert [r[0] for r in rows[:-2]] == list(GROUPS)


def test_nothing_internal_is_released(published: Path) -> None:
    names = {str(p.relative_to(published)) for p in published.rglob("*") if p.is_file()}
    assert not any(word in name for name in names for word in ("cohort", "stay", "transfer"))
    assert names == {
        *json.loads((published / "release.json").read_text(encoding="utf-8"))["files"],
        "release.json",
    }
    for name in names:
        assert b"INTERNAL" not in (published / name).read_bytes()
    layers = {name for name, _ in pyogrio.list_layers(published / "release.gpkg")}
    assert layers == {"localities", "desire_lines", "provisions", "schemes", "layer_styles"}


def test_the_same_run_gives_the_same_release(published: Path, small_run: Path, tmp_path: Path
                                             ) -> None:  # fmt: skip
    write_release(Run.read(small_run), tmp_path / "again")
    for path in published.rglob("*"):
        if path.is_file():
            other = tmp_path / "again" / path.relative_to(published)
            assert other.read_bytes() == path.read_bytes(), path.name


def test_a_higher_threshold_holds_back_more(small_run: Path, tmp_path: Path) -> None:
    assert main(["publish", str(small_run), "--out", str(tmp_path / "r"), "--threshold", "10"]) == 0
    seen = {claim.words for claim in claims(tmp_path / "r")}
    assert "fewer than 10" in seen
    numbers = {int(w.replace(",", "")) for w in seen if w[0].isdigit()}
    assert numbers.isdisjoint(range(1, 10))


# ------------------------------------------------------------------ refusals


def test_a_plan_too_small_to_protect_is_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nine children in all: whatever is withheld, the rest gives them away."""
    assert main(["publish", str(made), "--out", str(tmp_path / "r")]) == EXIT_NOT_RELEASABLE
    said = capsys.readouterr().err
    assert "could be recovered" in said and "Nothing was published" in said
    assert list(tmp_path.iterdir()) == []


def test_a_plan_that_fails_its_audit_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run / "tables" / "mix.parquet"
    table = pd.read_parquet(path)
    table.loc[0, "children"] += 3
    table.to_parquet(path, index=False)
    assert main(["publish", str(run), "--out", str(tmp_path / "r")]) == EXIT_AUDIT_FAILED
    assert "do not use" in capsys.readouterr().out
    assert not (tmp_path / "r").exists()


def test_a_folder_that_is_no_release_is_not_replaced(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert main(["publish", str(small_run), "--out", str(tmp_path)]) == EXIT_BAD_INPUT
    assert "not an earlier release" in " ".join(capsys.readouterr().err.split())
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_an_earlier_release_is_replaced_whole(small_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    write_release(Run.read(small_run), folder)
    (folder / "csv" / "old.csv").write_text("old", encoding="utf-8")
    write_release(Run.read(small_run), folder)
    assert not (folder / "csv" / "old.csv").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_a_full_disk_leaves_nothing(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(release, "_write_manifest", full)
    from sufficiency.problems import InputError

    with pytest.raises(InputError, match="No space left"):
        write_release(Run.read(small_run), tmp_path / "r")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["2", "six", "-1"])
def test_a_threshold_that_tells_the_number_is_refused(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["publish", "anywhere", "--out", "r", "--threshold", value])
    assert ended.value.code == EXIT_BAD_INPUT
    assert "from 3 to 100" in " ".join(capsys.readouterr().err.split())


# ------------------------------------------------------------------ names


def test_names_become_no_formula_and_no_markup(tmp_path: Path) -> None:
    run = random_run(3)
    evil = ["=cmd|' /C calc'!A0", "+SUM(A1:A9)", "-2+3", "@SUM(A1)", "<script>alert(1)</script>"]
    occupancy = run.plan.occupancy
    names = dict(zip(occupancy["provision"].unique(), evil, strict=False))
    assert len(names) == len(evil)
    occupancy["name"] = occupancy["provision"].map(names).fillna(occupancy["name"])
    write_release(run, tmp_path / "r")
    in_text = [row[1] for row in csv_rows(tmp_path / "r", "provision")[1:]]
    assert {f"'{name}" for name in evil[:4]} <= set(in_text)
    for path in (tmp_path / "r" / "csv").iterdir():
        for row in csv_rows(tmp_path / "r", path.stem):
            for cell in row:
                assert not cell.startswith(("=", "+", "@", "\t")), (path.name, cell)
    book = openpyxl.load_workbook(tmp_path / "r" / "release.xlsx")
    assert not [c for page in book for row in page.iter_rows() for c in row if c.data_type == "f"]
    assert {c.value for c in book["Provision"]["B"]} >= set(evil)
    page = (tmp_path / "r" / "release.html").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page


def test_minus_numbers_stay_numbers_in_csv(published: Path) -> None:
    rows = [r for r in csv_rows(published, "ledgers") if "allocation" in r[0]]
    assert rows
    assert all(float(cell) is not None for row in rows for cell in row[2:])


def test_zero_inside_a_small_total_looks_like_a_small_number(tmp_path: Path) -> None:
    """Otherwise five parts of one child each, and zeros beside them, tell a total of five."""
    run = random_run(5)
    counts: Protected = release.protected(run)
    hidden = 0
    for year in run.years:
        for kind in KINDS:
            key = (release.group_of(kind), kind)
            whole = counts.truth("kind of provision", year, key)
            for phase in ("primary", "secondary", "post-16"):
                part = counts.look_up("phase and kind", year, (phase, *key))
                if 0 < whole < 6:
                    assert part.text == SMALL
                    hidden += counts.truth("phase and kind", year, (phase, *key)) == 0
    assert hidden
