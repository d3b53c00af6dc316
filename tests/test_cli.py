"""The command line as a planner uses it, end to end on the small example."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sufficiency import pipeline, reports
from sufficiency.audit import AuditResult, Difference
from sufficiency.cli import main
from sufficiency.plan import read_run
from sufficiency.problems import (
    EXIT_AUDIT_FAILED,
    EXIT_BAD_INPUT,
    EXIT_INTERRUPTED,
    EXIT_NO_PLAN,
    NoPlanError,
)
from sufficiency.solving import highs
from sufficiency.vocabulary import STATEMENT

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the small example, made from another folder than the clone."""
    folder = tmp_path_factory.mktemp("elsewhere") / "run"
    done = command("optimise", "small", "--out", str(folder), cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    assert STATEMENT.split(".")[0] in " ".join(done.stdout.split())
    return folder


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sufficiency", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The small example, copied so that a test may break it."""
    for room in ("geodata/saltmarch", "scenarios/small"):
        shutil.copytree(ROOT / room, tmp_path / room)
    return tmp_path / "scenarios" / "small"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Exit code 2, no traceback, nothing on the way out; returns what was said, on one line."""
    assert main(arguments) == EXIT_BAD_INPUT
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    return " ".join(said.err.split())


def test_optimise_leaves_a_complete_audited_run(run_folder: Path) -> None:
    stamp = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))
    assert stamp["audit"]["passed"]
    assert stamp["solver"]["gap"] <= 0.005
    assert stamp["statement"] == STATEMENT
    assert stamp["inputs"] and stamp["versions"]["highspy"]
    assert "<html" in (run_folder / "report.html").read_text(encoding="utf-8")
    assert (run_folder / "workbook.xlsx").is_file() and (run_folder / "plan.gpkg").is_file()
    assert not [p for p in run_folder.parent.iterdir() if p != run_folder]
    plan = read_run(run_folder)
    assert plan.mix["children"].sum() > 0
    for name in plan.table_names():
        assert (run_folder / "tables" / f"{name}.csv").is_file()


def test_audit_agrees_until_a_number_is_changed(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", str(run_folder)]) == 0
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy)
    ledger = read_run(copy).ledger
    path = copy / "tables" / "ledger.parquet"
    import pandas as pd

    written = pd.read_parquet(path)
    written.loc[0, "pounds"] = ledger["pounds"].iloc[0] + 10.0
    written.to_parquet(path)
    assert main(["audit", str(copy)]) == EXIT_AUDIT_FAILED
    assert "ledger" in capsys.readouterr().out


def test_the_command_audits_once_and_that_is_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def twice(*_: object) -> None:
        raise AssertionError("the plan in memory is audited as well")

    monkeypatch.setattr(pipeline, "audit_plan", twice)
    out = tmp_path / "run"
    assert main(["optimise", "small", "--gap", "5%", "--no-report", "--out", str(out)]) == 0
    assert capsys.readouterr().out.count("Auditing the plan") == 1
    assert json.loads((out / "run.json").read_text(encoding="utf-8"))["audit"]["passed"]


def test_a_plan_that_fails_its_audit_is_written_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Difference("ledger", "2030-31, top-up", 1.0, 2.0, "pounds")
    failed = AuditResult(["ledger: 1 comparisons"], [wrong])
    monkeypatch.setattr(pipeline.auditing, "audit_run", lambda folder: failed)
    out = tmp_path / "run"
    arguments = ["optimise", "small", "--gap", "5%", "--no-report", "--out", str(out)]
    assert main(arguments) == EXIT_AUDIT_FAILED
    assert str(wrong) in " ".join(capsys.readouterr().out.split())
    audit = json.loads((out / "run.json").read_text(encoding="utf-8"))["audit"]
    assert not audit["passed"] and audit["differences"] == [str(wrong)]


@pytest.mark.parametrize("more", [[], ["--no-report"]])
def test_what_reports_need_is_loaded_beside_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    begun: list[str] = []

    def search(*_: object, **__: object) -> None:
        begun.append("search")
        raise NoPlanError("There is none.")

    monkeypatch.setattr(reports, "prepare_beside", lambda *modules: begun.extend(modules))
    monkeypatch.setattr(pipeline, "optimise", search)
    assert main(["optimise", "small", *more, "--out", str(tmp_path / "run")]) == EXIT_NO_PLAN
    assert begun == [*([] if more else ["page", "workbook", "geopackage"]), "search"]


def test_check_explains_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check", "small"]) == 0
    said = capsys.readouterr().out
    assert "400 today" in said and "12 schemes" in said
    assert list(tmp_path.iterdir()) == []


def test_example_can_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["example", "--size", "small", "--out", str(tmp_path / "mine")]) == 0
    assert main(["check", str(tmp_path / "mine" / "scenarios" / "small")]) == 0
    assert "holds files already" in refused(
        capsys, "example", "--size", "small", "--out", str(tmp_path / "mine")
    )


def test_many_mistakes_are_told_at_once(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    children = small / "children_today.csv"
    text = children.read_text(encoding="utf-8").replace(",ASD,", ",ADS,", 1)
    children.write_text(text, encoding="utf-8")
    schemes = small / "schemes.csv"
    text = schemes.read_text(encoding="utf-8").splitlines()
    cells = text[1].split(",")
    header = text[0].split(",")
    cells[header.index("capital_pounds")] = "-5"
    schemes.write_text("\n".join([text[0], ",".join(cells), *text[2:]]), encoding="utf-8")
    said = refused(capsys, "optimise", str(small), "--out", str(tmp_path / "out"))
    assert "children_today.csv, row" in said and "column need" in said and "'ADS'" in said
    assert "schemes.csv, row 2, column capital_pounds" in said and "Remedy" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["optimise", "smal"], "did you mean 'small'"),
        (["optimise", "small", "--model", "bases-frist"], "did you mean 'bases-first'"),
        (["optimise", "zzzz"], "no scenario of this name. Found: 'zzzz'."),
        (["audit", "nowhere"], "nowhere: there is no such folder"),
    ],
)
def test_a_mistyped_name_suggests_the_near_one(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(capsys, *arguments)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--gap", "much"), ("--gap", "2"), ("--time-limit", "-1"), ("--threads", "²")],
)
def test_a_mistyped_option_is_explained(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["optimise", "small", option, value])
    assert ended.value.code == EXIT_BAD_INPUT
    assert value in capsys.readouterr().err


def test_a_seed_may_be_any_that_the_solver_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Found: 'zzzz'" in refused(capsys, "optimise", "zzzz", "--seed", "20260401")


def test_a_folder_that_is_no_run_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert "not an earlier run" in refused(capsys, "optimise", "small", "--out", str(tmp_path))
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_an_unknown_key_of_a_model_suggests_the_near_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "mine.toml"
    model.write_text(
        '[model]\nname = "mine"\nextends = "england-2026"\n[price_unmeet]\nvalue = 1\n'
        'source = "a test"\ndate = "2026-11-01"\n',
        encoding="utf-8",
    )
    said = refused(capsys, "check", "small", "--model", str(model))
    assert "price_unmeet" in said and "did you mean 'price_unmet'" in said


def test_unmet_need_may_never_be_cheaper_than_a_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "mine.toml"
    model.write_text(
        '[model]\nname = "mine"\nextends = "england-2026"\n[price_unmet]\nvalue = 1000\n'
        'source = "a test"\ndate = "2026-11-01"\n',
        encoding="utf-8",
    )
    assert "never a saving" in refused(capsys, "check", "small", "--model", str(model))


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_plan_or_nothing_at_all(tmp_path: Path) -> None:
    """Interrupted in the search, the run is marked; before it, nothing is left behind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sufficiency", "optimise", "median", "--out", str(tmp_path / "run"),
         "--gap", "0", "--no-report"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "Searching" in line:
            break
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=240)
    assert "Traceback" not in rest
    assert process.returncode == 0, rest
    stamp = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert stamp["solver"]["interrupted"] is True
    assert stamp["audit"]["passed"], stamp["audit"]["differences"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert not [p for p in (tmp_path / "run").iterdir() if p.suffix in (".html", ".xlsx", ".gpkg")]


@pytest.mark.parametrize("raised", [
    "KeyboardInterrupt", "ImportError('initialization failed') from KeyboardInterrupt()",
])  # fmt: skip
def test_ctrl_c_while_libraries_are_loaded_is_no_fault(tmp_path: Path, raised: str) -> None:
    """A module that stands in for the command line is interrupted as soon as it is loaded."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'sufficiency.cli':\n"
        f"            raise {raised}\n"
        "sys.meta_path.insert(0, Interrupted())\n"
    )
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-m", "sufficiency", "optimise", "small"], cwd=tmp_path,
        capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == EXIT_INTERRUPTED
    assert done.stderr.strip() == "Interrupted; nothing was written."


def test_ctrl_c_while_rules_are_checked_is_no_contradiction(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(form: highs.StandardForm, *_: object, **__: object) -> highs.Outcome:
        return highs.Outcome("interrupted", np.zeros(0), math.inf, -math.inf, 0.1)

    monkeypatch.setattr(highs, "solve", interrupted)
    folder = tmp_path / "run"
    assert main(["optimise", "small", "--out", str(folder)]) == EXIT_INTERRUPTED
    assert "nothing was written" in capsys.readouterr().err
    assert not folder.exists()


def test_help_is_there_before_the_libraries_are() -> None:
    asked = "import sys, sufficiency.cli; print({'pandas', 'pyomo', 'highspy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_a_reader_who_goes_away_does_not_end_the_work(tmp_path: Path) -> None:
    """``sufficiency optimise small | head -1`` leaves the run that was asked for."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sufficiency", "optimise", "small", "--gap", "20%", "--no-report",
         "--out", str(tmp_path / "run")],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait(timeout=120) == 0, said
    assert "Traceback" not in said
    assert (tmp_path / "run" / "run.json").is_file()
