"""The stages of dvc.yaml in DVC's order and by DVC itself, with a word before and after each.

`Repo.reproduce` takes the function that reproduces one stage (`repro_fn`); ours does what DVC's does, and tells. A test
holds what is used of DVC here against the pinned version.
"""

import contextlib
import logging
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from bedside import ending
from bedside.errors import RefusedError
from bedside.running import log as logs
from bedside.running.screen import STARTED, Screen, in_words
from bedside.running.torn import forget_torn_lock

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import Stage

CTRL_C = re.compile(r"exited with (130|-2)$")  # how DVC words the end of a stage that Ctrl-C reached
LOCK_EVERY = 15.0  # seconds between two writes of dvc.lock, which DVC parses anew each time (a second of its size)
COUNTED = ("run", "unchanged", "from cache", "failed", "waiting")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; the message says how far the run had come."""


def reproduce(targets: Sequence[str], screen: TextIO, log: Path | None, *, pull: bool = False) -> Counter[str]:
    """Run what has changed, in the DVC project here; how many stages ended how (`COUNTED`).

    A stage that fails stops those that need it and no other. The lines go to `screen`; `log` is where output goes, None
    if it goes there, too. RefusedError where DVC cannot begin, Interrupted on Ctrl-C.
    """
    from dvc.exceptions import DvcException, ReproductionError
    from dvc.repo import Repo

    run = Run(targets, screen, log)
    forget_torn_lock(Path())
    try:
        with Repo() as repo, run.locking(repo):
            repo.reproduce(on_error="keep-going", pull=pull, repro_fn=run.reproduce)
    except ReproductionError:
        pass  # each stage that failed was told when it did
    except DvcException as error:
        raise RefusedError(_in_full(error)) from error
    except KeyboardInterrupt:
        raise Interrupted(run.whereabouts()) from None
    run.skip_to(run.total)
    return run.ended


class Run:
    """One pass over the plan: where it is, how stages ended, which of them dvc.lock does not have yet."""

    def __init__(self, targets: Sequence[str], screen: TextIO, log: Path | None) -> None:
        self._targets, self._out, self._log = targets, screen, log
        self._commands = _Commands()
        self._plan: list[str] = []
        self._next = 0
        self._unwritten: list[Stage] = []
        self._written = time.monotonic()
        self.ended: Counter[str] = Counter()

    def reproduce(self, stage: "Stage", **how: Any) -> "Stage | None":
        """What DVC calls for each stage that can run; returns the stage if anything was done."""
        if not self._plan:
            self._take_plan(stage.repo)
        number = self._plan.index(stage.addressing)
        self.skip_to(number)
        self._next, begin = number + 1, logs.size(self._log)
        self._screen.begins(number)
        try:
            done = self._reproduced(stage, how)
        except Exception as error:
            if CTRL_C.search(str(error)) or ending.asked():
                raise KeyboardInterrupt from None
            self.ended["failed"] += 1
            self._screen.fails(number, self._reasons(stage, error, begin))
            raise
        word = "unchanged" if done is None else "run" if self._commands.ran else "from cache"
        self.ended[word] += 1
        self._screen.ends(number, "" if word == "run" else word)
        return done

    def skip_to(self, number: int) -> None:
        """Name what DVC leaves out before that stage of the plan, since it needs a stage that failed."""
        for waiting in range(self._next, number):
            self.ended["waiting"] += 1
            self._screen.ends(waiting, "waits for what failed")
        self._next = number

    @property
    def total(self) -> int:
        return len(self._plan)

    def whereabouts(self) -> str:
        """How far the run has come, for one who interrupts it."""
        return f"at stage {self._next} of {self.total}" if self._plan else "before its first stage"

    @contextlib.contextmanager
    def locking(self, repo: "Repo") -> Iterator[None]:
        """Whatever ends the run, dvc.lock then has every stage that is finished."""
        try:
            yield
        finally:
            with repo.lock:
                self._write_lock()

    def _take_plan(self, repo: "Repo") -> None:
        from dvc.repo.reproduce import get_active_graph, plan_repro

        stages = plan_repro(get_active_graph(repo.index.graph), list(repo.stage.collect("dvc.yaml")))
        self._plan = [stage.addressing for stage in stages]
        names = [in_words(stage.addressing, str(stage.cmd), self._targets) for stage in stages]
        self._screen = Screen(names, self._out, whole=self._log is None)

    def _reproduced(self, stage: "Stage", how: dict[str, Any]) -> "Stage | None":
        with self._commands.watched():
            done = stage.reproduce(**how)
        if done is not None:
            self._unwritten.append(done)
            if time.monotonic() - self._written > LOCK_EVERY:
                self._write_lock()
        return done

    def _write_lock(self) -> None:
        from dvc.stage import PipelineStage

        # one parse of the file for all of them; a kill in between costs a look into the run cache, no work
        by_name = [stage for stage in self._unwritten if isinstance(stage, PipelineStage)]
        if by_name:
            by_name[0].dvcfile.dump_stages(by_name, update_pipeline=False)
        for stage in self._unwritten:
            if stage not in by_name:
                stage.dump(update_pipeline=False)
        self._unwritten, self._written = [], time.monotonic()

    def _reasons(self, stage: "Stage", error: Exception, begin: int) -> Iterator[str]:
        """The stage's own words; DVC's where the stage said nothing, or where no stage came to run."""
        component = STARTED.search(str(stage.cmd))
        said = list(logs.excerpt(self._log, begin, component[1] if component else "")) if self._log else []
        yield from said or [_in_full(error)]


def _in_full(error: BaseException | None) -> str:
    """What DVC says, with the causes below it: by itself it may be no more than `validation failed`."""
    told = []
    while error:
        told.append(str(error).strip())
        error = error.__cause__
    return f"dvc: {': '.join(filter(None, told))}"


class _Commands(logging.Handler):
    """Whether DVC ran the stage's command, which it logs; it did not if it took the outputs from its cache."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.ran = False

    def emit(self, record: logging.LogRecord) -> None:
        self.ran = self.ran or str(record.msg).startswith("Running stage")

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        self.ran = False
        logger = logging.getLogger("dvc.stage.run")
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)
