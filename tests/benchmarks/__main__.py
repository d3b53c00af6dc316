"""Measure, compare, write the page.

    python -m tests.benchmarks [--size smoke median large] [--only NAME ...] [--page FILE]

Every contender runs in a process of its own, one after the other; wall seconds are taken around
it, CPU seconds and peak memory are what the operating system says of it when it ends. The page is
written after each; sizes that are not asked for stay on it as they were measured before, and so
do other contenders of a size when --only names some.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sufficiency.solving import FORMULATIONS
from tests.benchmarks.page import disagreements, read_page, write_page

ROOT = Path(__file__).resolve().parents[2]
FINE, COARSE, SITE = 0.001, 0.005, 0.0025
"""Gaps that the targets speak of."""

MEDIAN_GAP = 1e-4
"""Gap for the p-median: what HiGHS takes when nothing is said; CBC and the product get the same."""

LIBRARIES = ("sufficiency", "highspy", "pyomo", "numpy", "pandas", "scipy")


@dataclass(frozen=True)
class Size:
    """What is measured at one size.

    Attributes:
        scenario: a shipped one, or blank where ``example`` is written and grown by a factor.
        median: clients, facilities and p of the p-median; None: not at this size.
        formulations: names of those that are compared.
        growth: factors by which ``growth_of`` is grown.
        limit: seconds for the product.
        formulation_limit: seconds for each formulation.
        long_limit: seconds for the bare matrix, the analyst and spopt.
    """

    name: str
    scenario: str
    example: tuple[str, float] | None
    median: tuple[int, int, int] | None
    formulations: tuple[str, ...]
    growth_of: str
    growth: tuple[float, ...]
    limit: float
    formulation_limit: float
    long_limit: float


SIZES = {
    size.name: size
    for size in (
        Size("smoke", "", ("small", 0.2), (60, 12, 4), tuple(FORMULATIONS),
             "small", (0.1, 0.2), 30.0, 30.0, 60.0),
        Size("median", "median", None, (500, 50, 10), tuple(FORMULATIONS),
             "large", (0.125, 0.25, 0.5), 300.0, 150.0, 1200.0),
        # Formulations that do not end at the median have nothing to say here.
        Size("large", "", ("large", 1.0), None, (), "large", (1.0, 2.0), 600.0, 300.0, 900.0),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One run: a key that is its name, what it answers (``question``), how, and with what."""

    key: str
    title: str
    question: str
    contender: str
    asked: dict[str, Any] = field(default_factory=dict)
    limit: float = 600.0


@dataclass(frozen=True)
class Run:
    """Where things are while it runs, and what is the same for all."""

    folder: Path
    threads: int
    memory_gb: float
    spopt_python: str | None


def cases(size: Size, run: Run, scenario: str) -> list[Case]:
    """Everything that is measured at a size, in order."""
    limit, long = size.limit, size.long_limit
    both = {"scenario": scenario, "threads": run.threads}
    matrix = {
        "form": str(run.folder / f"{size.name}.pickle"),
        "matrix": str(run.folder / f"{size.name}.npz"),
        "threads": run.threads,
    }
    found = []

    def add(
        key: str, title: str, question: str, contender: str, limit: float, **asked: Any
    ) -> None:
        found.append(Case(key, title, question, contender, {"time_limit": limit, **asked}, limit))

    for gap in (COARSE, FINE):
        name = f"{gap:.1%}"
        add(f"product-{name}", f"this product, from Python, to {name}", "plan", "product", limit,
            gap=gap, **both)  # fmt: skip
        add(f"cli-{name}", f"this product, the command as a whole, to {name}", "plan", "cli",
            limit, gap=gap, **both)  # fmt: skip
    add("placements-only", "this product, placements only, schemes fixed", "other",
        "placements_only", limit, gap=COARSE, **both)  # fmt: skip
    add("one-more-site", "this product, one more candidate site, to 0.25%", "plan",
        "one_more_site", limit, gap=SITE, **both)  # fmt: skip
    add("one-more-site-cold", "this product, one more candidate site, cold, to 0.25%", "plan",
        "one_more_site_cold", limit, gap=SITE, **both)  # fmt: skip
    add("prepare", "writing the matrix for the contenders below", "", "prepare", limit,
        **{**both, **matrix})  # fmt: skip
    # On its way to the finer gap a solver passes the coarser one; its log says when.
    add(f"matrix-{FINE:.1%}", f"the same matrix, HiGHS alone, to {FINE:.1%}", "plan", "matrix",
        long, gap=FINE, **matrix)  # fmt: skip
    for name in size.formulations:
        add(f"formulation-{name}", name, "plan", "formulation", size.formulation_limit, name=name,
            gap=FINE, **matrix)  # fmt: skip
    add(f"analyst-{FINE:.1%}", f"an analyst's first model, shares, to {FINE:.1%}", "plan",
        "analyst", long, gap=FINE, **both)  # fmt: skip
    add("product-children", "this product, whole children, to 0.5%", "children", "product", limit,
        gap=COARSE, whole_children=True, **both)  # fmt: skip
    add("analyst-children", "an analyst's first model, whole children, to 0.5%", "children",
        "analyst", long, gap=COARSE, whole_children=True, **both)  # fmt: skip
    if size.median is not None:
        static = {"instance": size.median, "gap": MEDIAN_GAP, "threads": run.threads}
        add("p-median-shares", "this product, its own search, clients may be shared",
            "p-median shares", "median", limit, name="decomposition", whole=False,
            **static)  # fmt: skip
        add("p-median-whole", "this product's rows, each client whole", "p-median", "median",
            limit, name="monotone-links", whole=True, **static)  # fmt: skip
        for solver in ("cbc", "highs"):
            add(f"spopt-{solver}", f"spopt with {solver.upper()}, each client whole", "p-median",
                "spopt", long, solver=solver, **static)  # fmt: skip
    for factor in size.growth:
        add(f"growth-{factor:g}", f"{size.growth_of} times {factor:g}, to 0.5%",
            f"growth {factor:g}", "growth", limit, gap=COARSE, threads=run.threads,
            size=size.growth_of, factor=factor)  # fmt: skip
    return found


# ------------------------------------------------------------------ running one


def measured(command: list[str], limit: float, memory_gb: float) -> tuple[dict[str, Any], str]:
    """Run a command and wait; wall and CPU seconds and peak memory, and what went wrong."""

    with tempfile.TemporaryFile() as said:
        clock = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)
        killed = ""
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            # A solver that does not keep its own limit is not waited for for ever.
            if not killed and time.monotonic() - clock > 1.5 * limit + 120:
                killed = "did not keep its time limit"
                process.kill()
            elif not killed and resident_gb(process.pid) > memory_gb:
                killed = f"needed more than {memory_gb:g} GB"
                process.kill()
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - clock
        said.seek(0)
        words = said.read().decode("utf-8", "replace").strip().splitlines()
    result = {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }
    if process.returncode:
        last = words[-1] if words else f"ended with {process.returncode}"
        return result, f"stopped: {killed}" if killed else f"failed: {last}"
    return result, ""


def resident_gb(pid: int) -> float:
    """Memory that a process holds now; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def run_case(case: Case, run: Run) -> dict[str, Any]:
    """Measure one case."""
    shared = {"title": case.title, "question": case.question, "gap_asked": case.asked.get("gap")}
    if case.contender == "spopt":
        return {**shared, **_spopt(case, run)}
    if case.contender == "cli":
        return {**shared, **_cli(case, run)}
    if case.contender == "growth":
        written = _contender("example", {**case.asked, "folder": str(run.folder)}, 600.0, run)
        if "scenario" not in written:
            return {**shared, **written}
        asked = {**case.asked, "scenario": written["scenario"], "folder_and_reports": False}
        return {**shared, **_contender("product", asked, case.limit, run)}
    return {**shared, **_contender(case.contender, case.asked, case.limit, run)}


def _contender(name: str, asked: dict[str, Any], limit: float, run: Run) -> dict[str, Any]:
    arguments, result = run.folder / "asked.json", run.folder / "result.json"
    arguments.write_text(json.dumps(asked), encoding="utf-8")
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.benchmarks.contenders", name, str(arguments)]
    taken, wrong = measured([*command, str(result), repr(time.time())], limit, run.memory_gb)
    if wrong:
        return {**taken, "status": wrong}
    return {**json.loads(result.read_text(encoding="utf-8")), **taken}


def _cli(case: Case, run: Run) -> dict[str, Any]:
    asked = case.asked
    with tempfile.TemporaryDirectory(dir=run.folder) as folder:
        out = Path(folder) / "run"
        command = [
            sys.executable, "-m", "sufficiency", "optimise", asked["scenario"],
            "--gap", str(asked["gap"]), "--time-limit", str(asked["time_limit"]),
            "--threads", str(asked["threads"]), "--out", str(out),
        ]  # fmt: skip
        taken, wrong = measured(command, case.limit, run.memory_gb)
        if wrong:
            return {**taken, "status": wrong}
        stamp = json.loads((out / "run.json").read_text(encoding="utf-8"))
    solver = stamp["solver"]
    return {
        "status": solver["status"],
        "objective": solver["objective_pounds"],
        "bound": solver["bound_pounds"],
        "audit": stamp["audit"]["passed"],
        **taken,
    }


def _spopt(case: Case, run: Run) -> dict[str, Any]:
    from tests.benchmarks.static import instance

    if not run.spopt_python:
        return {"status": "skipped: no Python with spopt was named (--spopt-python)"}
    data, result = run.folder / "instance.npz", run.folder / "spopt.json"
    instance(*case.asked["instance"]).save(data)
    result.unlink(missing_ok=True)
    script = str(Path(__file__).with_name("spopt_run.py"))
    command = [run.spopt_python, script, str(data), str(result), case.asked["solver"]]
    numbers = [str(case.asked["gap"]), str(case.asked["time_limit"])]
    taken, wrong = measured([*command, *numbers], case.limit, run.memory_gb)
    if wrong:
        return {**taken, "status": wrong}
    found = json.loads(result.read_text(encoding="utf-8"))
    size = {k: found.pop(k) for k in ("rows", "columns", "nonzeros", "binaries")}
    return {**found, "model": size, **taken}


# ------------------------------------------------------------------ the whole


def about(command: str) -> dict[str, Any]:
    """Machine, versions, state of the code and date; no name of a host, no path."""
    model = platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        model = lines[0].split(":", 1)[1].strip() if lines else model
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "code": code_state(),
        "command": command,
        "machine": f"{model}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}",
        "versions": {"python": platform.python_version(), **{n: version(n) for n in LIBRARIES}},
        "load": round(os.getloadavg()[0], 1),
    }


def code_state() -> str:
    """The commit that is measured, and whether files differ from it; blank outside a clone."""
    said = []
    for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "sufficiency"]):
        asked = ["git", "-C", str(ROOT), *words]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode:
            return ""
        said.append(done.stdout.strip())
    return f"{said[0]} and changes" if said[1] else said[0]


def find_spopt(given: str | None) -> str | None:
    """The Python to run spopt with: the one named, if it has spopt."""
    if given is None:
        return None
    probe = [given, "-c", "import spopt"]
    found = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    return given if found else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and write; 1 when a bound of one contender is above a plan of another."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--size", nargs="+", choices=list(SIZES), default=["smoke"])
    parser.add_argument("--only", nargs="+", metavar="NAME", default=["*"],
                        help="names of contenders, * for any letters (see --list)")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="name the contenders and end")
    parser.add_argument("--page", type=Path, default=None, metavar="FILE",
                        help="page to write, with the raw results as .json beside it")  # fmt: skip
    parser.add_argument("--limit", type=float, default=None, metavar="SECONDS",
                        help="time limit of all, instead of the size's own")  # fmt: skip
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--memory-gb", type=float, default=16.0, help="memory at which a contender is stopped"
    )
    parser.add_argument("--spopt-python", default=None, metavar="FILE",
                        help="a Python 3.12 whose environment has spopt 0.8")  # fmt: skip
    asked = parser.parse_args(arguments)
    given = list(sys.argv[1:] if arguments is None else arguments)
    for option in ("--spopt-python", "--page"):
        # Paths of this machine are nobody else's business.
        if option in given:
            given[given.index(option) + 1] = option.strip("-").upper()
    with tempfile.TemporaryDirectory() as name:
        run = Run(Path(name), asked.threads, asked.memory_gb, find_spopt(asked.spopt_python))
        facts = about(shlex.join(["python", "-m", "tests.benchmarks", *given]))
        results: dict[str, dict[str, Any]] = read_page(asked.page) if asked.page else {}
        for size_name in asked.size:
            size = SIZES[size_name]
            if asked.limit is not None:
                names = ("limit", "formulation_limit", "long_limit")
                size = replace(size, **dict.fromkeys(names, asked.limit))
            if asked.list:
                print("\n".join(case.key for case in chosen_of(size, run, asked.only)))
                continue
            kept = results.get(size_name, {}) if asked.only != ["*"] else {}
            for records in run_size(size, run, asked.only):
                # In the order in which they are named, whichever were measured today.
                found = {**kept, **{key: {**r, "about": facts} for key, r in records.items()}}
                order = [c.key for c in cases(size, run, size.scenario) if c.key in found]
                results[size_name] = {key: found[key] for key in order}
                if asked.page is not None:
                    write_page(asked.page, results)
    if asked.list:
        return 0
    wrong = [line for name in results for line in disagreements(name, results[name])]
    for line in wrong:
        print(line)
    if asked.page is not None:
        print(f"written: {asked.page} and {asked.page.with_suffix('.json')}")
    return 1 if wrong else 0


def chosen_of(size: Size, run: Run, only: Sequence[str], scenario: str = "") -> list[Case]:
    """The cases that are asked for, and the writing of the matrix where one of them needs it."""
    every = cases(size, run, scenario)
    keys = {c.key for c in every if any(fnmatch.fnmatch(c.key, pattern) for pattern in only)}
    if any(key.startswith(("matrix", "formulation")) for key in keys):
        keys.add("prepare")
    return [case for case in every if case.key in keys]


def run_size(size: Size, run: Run, only: Sequence[str]) -> Iterator[dict[str, dict[str, Any]]]:
    """Run what is asked for of a size; after each, the results so far by name, in order."""
    scenario = size.scenario
    if size.example is not None:
        name, factor = size.example
        asked = {"size": name, "factor": factor, "folder": str(run.folder)}
        scenario = _contender("example", asked, 600.0, run)["scenario"]
    results = {}
    for case in chosen_of(size, run, only, scenario):
        result = run_case(case, run)
        results[case.key] = result
        objective = result.get("objective")
        cost = "" if objective is None else f"{objective:,.2f}"
        print(
            f"{size.name:>7} {case.key:<32} {result.get('wall', 0.0):8.1f} s "
            f"{result.get('peak_mb', 0.0):7.0f} MB {cost:>20}  {result['status']}",
            flush=True,
        )
        yield results


if __name__ == "__main__":
    sys.exit(main())
