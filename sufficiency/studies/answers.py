"""Questions to one study, each answered once: kept by their content, gone on with after a stop.

An answer is kept as a small JSON file under the hash of what was asked: the whole model as the
solver sees it, the question about schemes, gap, time limit, seed and versions. Whatever changes any
of them makes another question. Kept are the schedule, its cost and the bound; children are placed
again, exactly, where an answer is used.

A file holds a checksum of its key and content. One that is damaged, was edited, stands under
another key, or contradicts itself or its question is not believed: it is asked again, and so is one
of a version that wrote no checksum. The checksum is no signature: who works it out anew can still
lie about a cost.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from sufficiency.asking import Answered, Ask, Study
from sufficiency.pipeline import Loaded, content_of
from sufficiency.plan.finding import ANSWERS
from sufficiency.plan.learnt import read_learnt, write_learnt
from sufficiency.problems import NoPlanError, Stopped
from sufficiency.reports import formatting as fmt

RUNS: Final = Path("runs")
CHECKSUM: Final = "sha256"
STATUSES: Final = ("optimal", "time limit", "memory limit", "stalled")
"""What a search may say of a plan that it found and that is kept."""
ABOVE: Final = 1e-6
"""Relative distance by which a bound may lie above a cost: tolerances of the solver."""
Tell = Callable[[str], None]


def folder_of(scenario: str, kind: str) -> Path:
    """Where a study of a scenario is written when nobody says where: beside its run folder."""
    return RUNS / f"{scenario}-{kind}"


class Kept:
    """Small JSON files in the ``answers`` of a finding's folder, each under a key of content.

    Each holds a checksum of both, so that what was damaged or edited counts as missing.
    What cannot be written is worked out again: the finding itself will say if its folder cannot be
    written.

    Args:
        folder: of the finding; None: nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = None if folder is None else folder / ANSWERS

    def read(self, key: str) -> Any:
        """What is kept under a key; None where it is missing, damaged or not what was written."""
        if self.folder is None:
            return None
        try:
            data = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            told = data.pop(CHECKSUM)
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return None
        return data if told == _checksum(key, data) else None

    def write(self, key: str, data: Mapping[str, Any]) -> None:
        """Keep something under a key: written aside, then renamed."""
        if self.folder is None:
            return
        aside = self.folder / f".{key}.{os.getpid()}.unfinished"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            written = {**data, CHECKSUM: _checksum(key, data)}
            aside.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
            aside.replace(self.folder / f"{key}.json")
        except OSError:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)


class Answers:
    """Asks a study; answers that are kept in a folder are not searched again.

    Used as a context, it turns Ctrl-C into :class:`Stopped`, which says what was kept.

    Args:
        study: to be asked.
        folder: of the finding; its ``answers`` are read and written. None: nothing is kept.
        total: questions that will be asked, for the time that is left.
        tell: told each step in words.
        scenario: inputs of which the study asks. What its search learns is kept for the next study
            of them, and it begins from what is kept: in ``folder``, or in the run folder of the
            scenario, beside it or in ``runs``. None: it begins anew.
    """

    def __init__(
        self,
        study: Study,
        folder: Path | None = None,
        *,
        total: int = 0,
        tell: Tell | None = None,
        scenario: Loaded | None = None,
    ) -> None:
        self.study, self.total = study, total
        self._learning = ""
        if scenario is not None and folder is not None:
            self._learning = content_of(scenario)
            name = scenario.scenario.name
            # Where the run lies that the scenario's own commands leave, wherever this is written.
            places = (folder, folder.parent / name, RUNS / name)
            # What is damaged is learnt again.
            with contextlib.suppress(AttributeError, KeyError, ValueError, TypeError, IndexError):
                study.recall(read_learnt(places, self._learning))
        self.kept = Kept(folder)
        self._tell = tell or (lambda words: None)
        self._asked, self._searched, self._seconds = 0, 0, 0.0
        self._content: str | None = None

    def __enter__(self) -> Answers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.keep_learnt()
        if isinstance(error, KeyboardInterrupt) and not isinstance(error, Stopped):
            raise self.stopped() from error

    def keep_learnt(self) -> None:
        """Keep what the search has learnt, where it has searched."""
        if self._learning and self.kept.folder is not None and self._searched:
            write_learnt(self.kept.folder.parent, self._learning, self.study.learnt())

    def best(
        self,
        ask: Ask | None = None,
        words: str = "",
        *,
        gap: float | None = None,
        time_limit: float | None = None,
    ) -> Answered:
        """The best plan that answers a question, searched only where it is not kept.

        Args:
            ask: what is asked of the schemes.
            words: what is being looked for, for progress: "the best plan without Northgate".
            gap: relative gap to prove; that of the study when left out.
            time_limit: seconds; that of the study when left out.

        Raises:
            Stopped: on Ctrl-C; what was answered so far is kept.
        """
        ask = ask or Ask()
        options = self.study.options
        key = self._key(ask, options.gap if gap is None else gap,
                        options.time_limit if time_limit is None else time_limit)  # fmt: skip
        self._tell(self._progress(words))
        answered = self._kept(key, ask)
        if answered is None:
            clock = time.monotonic()
            answered = self.study.best(ask, gap=gap, time_limit=time_limit)
            if answered.status == "interrupted":
                raise self.stopped()
            self._searched += 1
            self._seconds += time.monotonic() - clock
            if answered.found or answered.status == "infeasible":
                self._keep(key, answered)
        self._asked += 1
        return answered

    def exactly(self, opens: Mapping[str, int], words: str = "") -> Answered:
        """The plan that opens these schemes in these Septembers and no others; without a search.

        Where the rules about schemes or budgets allow no such plan, its cost is infinite.

        Raises:
            Stopped: on Ctrl-C; what was answered so far is kept.
        """
        ask = Ask.that(opens=opens)
        key = self._key(ask, 0.0, None, "exactly")
        self._tell(self._progress(words))
        answered = self._kept(key, ask)
        if answered is not None and answered.found and answered.bound != answered.objective:
            answered = None  # one schedule has one cost
        if answered is None:
            clock = time.monotonic()
            try:
                cost, status, found = self.study.placed_for(opens).objective, "optimal", opens
            except NoPlanError:
                cost, status, found = math.inf, "infeasible", {}
            seconds = time.monotonic() - clock
            answered = self.study.recalled(
                ask, status=status, objective=cost, bound=cost, opens=found, seconds=seconds
            )
            self._searched += 1
            self._seconds += seconds
            self._keep(key, answered)
        self._asked += 1
        return answered

    def none_found(self, answered: Answered) -> NoPlanError:
        """What is said where a scenario has no plan, or none was found in time.

        Raises:
            NoPlanError: of itself, when rules contradict each other.
        """
        if answered.status != "time limit":
            self.study.check()
            return NoPlanError(f"No plan was found ({answered.status}).")
        return NoPlanError(
            f"No plan was found within {fmt.seconds(answered.seconds)}.",
            ["Give the search more time with --time-limit, or let it end sooner with a wider "
             "--gap."],
        )  # fmt: skip

    def stopped(self) -> Stopped:
        """What is said after Ctrl-C."""
        count = f"{self._asked} of {self.total}" if self.total else str(self._asked)
        if self.kept.folder is None or not self._asked:
            return Stopped("Interrupted; nothing was written.")
        return Stopped(
            f"Interrupted; {count} questions were answered. Their answers are kept in "
            f"{self.kept.folder}: run the same command again to go on from there."
        )

    def _progress(self, words: str) -> str:
        if self.total < 2:
            return words
        said = f"{words} ({self._asked + 1} of {max(self.total, self._asked + 1)}"
        if self._searched > 1:
            left = self._seconds / self._searched * (self.total - self._asked)
            said += f", about {fmt.seconds(left)} left" if left >= 1 else ""
        return said + ")"

    # -- keeping

    def _key(self, ask: Ask, gap: float, time_limit: float | None, how: str = "best") -> str:
        if self._content is None:
            self._content = self.study.fingerprint()
        question = {
            "forbid": sorted(ask.forbid),
            "force": sorted(ask.force),
            "opens": [list(pair) for pair in ask.opens],
            "capital_at_most": ask.capital_at_most,
            "unlike": [sorted(some) for some in ask.unlike],
        }
        if left_out := set(asdict(ask)) - set(question):
            raise AssertionError(f"the key of an answer leaves out {sorted(left_out)}")
        asked = {
            "model": self._content,
            "how": how,
            "ask": question,
            "gap": gap,
            "time_limit": time_limit,
            "seed": self.study.options.seed,
            "versions": {"sufficiency": version("sufficiency"), "highspy": version("highspy")},
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]

    def _kept(self, key: str, ask: Ask) -> Answered | None:
        found = self.kept.read(key)
        if found is None:
            return None
        try:
            answered = self.study.recalled(
                ask,
                status=str(found["status"]),
                objective=_number(found["objective"], math.inf),
                bound=_number(found["bound"], -math.inf),
                opens={str(s): int(y) for s, y in found["opens"].items()},
                seconds=float(found["seconds"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None  # a file that was damaged is an answer that is not known
        return answered if self._credible(answered) else None

    def _credible(self, answered: Answered) -> bool:
        """Whether what is kept contradicts neither itself nor its question."""
        cost, bound = answered.objective, answered.bound
        if not (math.isfinite(answered.seconds) and answered.seconds >= 0):
            return False
        if answered.status == "infeasible":
            return cost == math.inf and not math.isnan(bound) and not answered.opens
        return (
            answered.status in STATUSES
            and math.isfinite(cost)
            and bound <= cost + ABOVE * max(abs(cost), 1.0)
            and self.study.allows(answered.ask, answered.opens)
        )

    def _keep(self, key: str, answered: Answered) -> None:
        found = {
            "status": answered.status,
            "objective": answered.objective if answered.found else None,
            "bound": answered.bound if math.isfinite(answered.bound) else str(answered.bound),
            "opens": dict(sorted(answered.opens.items())),
            "seconds": round(answered.seconds, 3),
        }
        self.kept.write(key, found)


def _checksum(key: str, data: Mapping[str, Any]) -> str:
    """Of a key and what is kept under it, as it will be read."""
    read = json.loads(json.dumps(data))
    return hashlib.sha256(json.dumps([key, read], sort_keys=True).encode()).hexdigest()


def _number(value: Any, absent: float) -> float:
    return absent if value is None else float(value)
