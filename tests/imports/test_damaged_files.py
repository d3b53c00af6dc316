"""Damaged files of every sort end in a listed error or an import that accounts for every row."""

from __future__ import annotations

import io
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from sufficiency.imports.forecast import import_forecast
from sufficiency.imports.outcome import Outcome, deliver
from sufficiency.imports.published import import_published
from sufficiency.imports.sen2 import import_sen2
from sufficiency.problems import InputError
from tests.imports.published_release import AUTHORITIES, make_release
from tests.imports.sen2_export import make_export, plant_faults, write_authority
from tests.imports.test_forecast import BASE, GEODATA, SCENARIO, long_table, scap, states
from tests.imports.test_published import areas_file
from tests.imports.test_sen2 import leaks

Mutation = Callable[[np.random.Generator, bytes], bytes]

GARBAGE = (b"", b"x", b"-1", b"1e9", b"NaN", b"0", b"\xff\xfe", b"\"", b"=A1", b"#REF!", b"N/A",
           b"2199-01-01", b"  ", b"12%", b"c", b"<td>", b"\xc3\x28", b"999999", b"yes")  # fmt: skip


def lines_of(content: bytes) -> list[bytes]:
    return content.split(b"\n")


def cut_off(rng: np.random.Generator, content: bytes) -> bytes:
    return content[: int(rng.integers(0, len(content)))]


def hole(rng: np.random.Generator, content: bytes) -> bytes:
    at = int(rng.integers(0, len(content)))
    return content[:at] + content[at + int(rng.integers(1, 400)) :]


def noise(rng: np.random.Generator, content: bytes) -> bytes:
    changed = bytearray(content)
    for at in rng.integers(0, len(changed), size=20).tolist():
        changed[at] = int(rng.integers(0, 256))
    return bytes(changed)


def garbage_cells(rng: np.random.Generator, content: bytes) -> bytes:
    rows = lines_of(content)
    for at in rng.integers(0, len(rows), size=12).tolist():
        cells = rows[at].split(b",")
        cells[int(rng.integers(0, len(cells)))] = GARBAGE[int(rng.integers(0, len(GARBAGE)))]
        rows[at] = b",".join(cells)
    return b"\n".join(rows)


def drop_column(rng: np.random.Generator, content: bytes) -> bytes:
    rows = [row.split(b",") for row in lines_of(content)]
    at = int(rng.integers(0, len(rows[0])))
    return b"\n".join(b",".join(row[:at] + row[at + 1 :]) for row in rows)


def garbage_column(rng: np.random.Generator, content: bytes) -> bytes:
    rows = [row.split(b",") for row in lines_of(content)]
    at = int(rng.integers(0, len(rows[0])))
    filler = GARBAGE[int(rng.integers(0, len(GARBAGE)))]
    return b"\n".join(
        b",".join([*row[:at], filler if number else row[at], *row[at + 1 :]])
        if len(row) > at else b",".join(row)
        for number, row in enumerate(rows)
    )  # fmt: skip


def swap_columns(rng: np.random.Generator, content: bytes) -> bytes:
    rows = [row.split(b",") for row in lines_of(content)]
    one, two = rng.integers(0, len(rows[0]), size=2).tolist()
    for row in rows[1:]:
        if len(row) > max(one, two):
            row[one], row[two] = row[two], row[one]
    return b"\n".join(b",".join(row) for row in rows)


def repeat_rows(rng: np.random.Generator, content: bytes) -> bytes:
    rows = lines_of(content)
    picked = [rows[at] for at in rng.integers(1, len(rows), size=15).tolist()]
    return b"\n".join([*rows[:-1], *picked, b""])


def drop_rows(rng: np.random.Generator, content: bytes) -> bytes:
    rows = lines_of(content)
    kept = rng.random(len(rows)) < 0.7
    return b"\n".join(row for at, row in enumerate(rows) if at == 0 or kept[at])


def shuffle_rows(rng: np.random.Generator, content: bytes) -> bytes:
    rows = lines_of(content)
    return b"\n".join([rows[0], *(rows[1:][at] for at in rng.permutation(len(rows) - 1))])


def no_header(rng: np.random.Generator, content: bytes) -> bytes:
    return b"\n".join(lines_of(content)[1:])


def other_encoding(rng: np.random.Generator, content: bytes) -> bytes:
    text = content.decode("utf-8", errors="replace")
    return text.encode(str(rng.choice(["utf-16", "utf-8-sig", "cp1252", "utf-32"])), "replace")


def other_delimiter(rng: np.random.Generator, content: bytes) -> bytes:
    return content.replace(b",", [b";", b"\t", b"|", b", "][int(rng.integers(0, 4))])


def another_file(rng: np.random.Generator, content: bytes) -> bytes:
    return [b"", b"\n\n\n", b"<html><body>Sign in</body></html>", b"PK\x03\x04rest", b"\0" * 500,
            b"a,b\n1,2\n", b"%PDF-1.7"][int(rng.integers(0, 7))]  # fmt: skip


def title_above(rng: np.random.Generator, content: bytes) -> bytes:
    return b"A title of the export\n\nprinted on Monday\n" + content


MUTATIONS: tuple[Mutation, ...] = (
    cut_off, hole, noise, garbage_cells, garbage_cells, drop_column, garbage_column, swap_columns,
    repeat_rows, drop_rows, shuffle_rows, no_header, other_encoding, other_delimiter, another_file,
    title_above,
)  # fmt: skip


def ends_well(run: Callable[[], Outcome], folder: Path) -> tuple[str, str]:
    """Run an import and deliver it; returns how it ended and everything that was said."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            outcome = run()
            for account in outcome.report.accounts:
                assert account.missing == 0, account.sentences()
            deliver(outcome, folder, Console(file=said, width=200), replace=True)
        except InputError as error:
            assert error.problems
            for problem in error.problems:
                assert problem.message and problem.remedy and problem.file
                assert "the import failed" not in problem.message, str(problem)
            return "refused", said.getvalue() + str(error)
        except Exception:
            pytest.fail(traceback.format_exc())
    files = [path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())]
    return "imported", "\n".join([said.getvalue(), *files])


@pytest.mark.slow
def test_sixty_damaged_returns(tmp_path: Path) -> None:
    """Faults planted, and then the files damaged: nobody's data are shown, whatever happens."""
    ends = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        folder = tmp_path / str(seed)
        export = make_export(400, seed=seed, version=str(rng.choice(["1.0", "1.2", "1.3"])))
        plant_faults(export, each=1, seed=seed)
        export.write(folder / "blade")
        write_authority(folder / "authority")
        files = sorted((folder / "blade").iterdir())
        for _ in range(1 + seed % 2):
            path = files[int(rng.integers(0, len(files)))]
            mutation = MUTATIONS[seed % len(MUTATIONS)]
            path.write_bytes(mutation(rng, path.read_bytes() or b"x\n"))
        authority = folder / "authority"
        end, said = ends_well(
            lambda blade=folder / "blade", authority=authority: import_sen2(  # type: ignore[misc] # defaults bind the loop's values
                blade, provisions=authority / "provisions.csv", areas=authority / "areas.csv",
                postcodes=[authority / "ONSPD.csv"], pseudonyms=True,
            ),
            folder / "out",
        )  # fmt: skip
        ends.append(end)
        assert leaks(export.secrets(), [said]) == [], f"seed {seed}"
    # Both ends occur: neither is a way out of the other.
    assert 10 <= ends.count("imported") <= 55


@pytest.mark.slow
def test_fifty_damaged_forecasts(tmp_path: Path) -> None:
    sources = [
        long_table(years=2).to_csv(index=False).encode(),
        states().query("`calendar-year` > 2025").to_csv(index=False).encode(),
        scap().to_csv(index=False).encode(),
    ]
    ends = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        path = tmp_path / f"f{seed}.csv"
        path.write_bytes(MUTATIONS[seed % len(MUTATIONS)](rng, sources[seed % 3]))
        end, _ = ends_well(
            lambda path=path: import_forecast(  # type: ignore[misc] # defaults bind the loop's values
                path, areas=GEODATA / "areas.csv", base_year=BASE,
                children_today=SCENARIO / "children_today.csv",
                provisions=GEODATA / "provisions.csv", missing="held",
            ),
            tmp_path / f"out{seed}",
        )  # fmt: skip
        ends.append(end)
    assert 5 <= ends.count("imported") <= 45


@pytest.mark.slow
def test_forty_damaged_releases(tmp_path: Path) -> None:
    areas = areas_file(tmp_path)
    ends = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        folder = make_release(60, seed=seed % 4).write(tmp_path / str(seed))
        path = folder / ("needs.csv" if seed % 2 else "caseload.csv")
        path.write_bytes(MUTATIONS[seed % len(MUTATIONS)](rng, path.read_bytes()))
        end, _ = ends_well(
            lambda folder=folder: import_published(  # type: ignore[misc] # defaults bind the loop's values
                folder, authority=AUTHORITIES[0][0], areas=areas
            ),
            tmp_path / f"out{seed}",
        )
        ends.append(end)
    assert 5 <= ends.count("imported") <= 38
