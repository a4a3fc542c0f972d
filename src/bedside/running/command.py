"""`bedside repro`, `verdicts` and `unfinished`: what they take, and what a run does one after the other."""

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bedside import ending
from bedside.installed import any_registered
from bedside.running import log as logs
from bedside.running.pipeline import COUNTED, Interrupted, reproduce
from bedside.running.screen import duration, own_screen

REPRO = """\
Run what has changed of the pipeline (dvc.yaml), as `dvc repro --keep-going` does, with a line per stage.

The parameters are checked first; a stage that fails stops only those that need it; at the end stand the verdicts, or
what is missing and why. Everything that stages print goes to a file in BEDSIDE_HOME/logs. Ctrl-C or SIGTERM ends it;
what is finished is kept, and the same command goes on from there."""
PARAMS = Path("params.yaml")


def add(commands: Any) -> None:
    """Add the sub-commands to the `bedside` command line."""
    raw = argparse.RawDescriptionHelpFormatter
    repro = commands.add_parser("repro", description=REPRO, formatter_class=raw)
    repro.add_argument("--pull", action="store_true", help="take what others finished from the DVC remote")
    repro.add_argument("-v", "--verbose", action="store_true", help="show everything that DVC and the stages print")
    repro.set_defaults(run=_repro)

    verdicts = commands.add_parser("verdicts", description="every deployment's verdict, and where to look")
    verdicts.add_argument(
        "--artifacts",
        type=Path,
        default=Path("artifacts"),
        help="where the pipeline put its results, with `params.yaml` beside it",
    )
    verdicts.set_defaults(run=_verdicts)

    unfinished = commands.add_parser("unfinished", description="what is missing after a run that failed, and what next")
    unfinished.add_argument("--params", type=Path, default=Path("params.yaml"))
    unfinished.add_argument("--models", type=Path, default=Path("artifacts/models"))
    unfinished.set_defaults(run=_unfinished)


def _repro(arguments: argparse.Namespace) -> None:
    with ending.passed_on():
        _checked_run(arguments)


def _checked_run(arguments: argparse.Namespace) -> None:
    if status := _bedside("check"):  # in a process of its own, which loads torch and gives the memory back
        sys.exit(status)
    if any_registered() and (status := _counted_anew()):
        sys.exit(status)
    if run(pull=arguments.pull, verbose=arguments.verbose)["failed"]:
        _bedside("unfinished")
        sys.exit(1)
    sys.exit(_bedside("verdicts"))


def run(*, pull: bool = False, verbose: bool = False) -> Counter[str]:
    """Run the stages of the project here and print a line for each; how many ended how. Ctrl-C is exit status 130."""
    from bedside.configuration import read

    begun, targets = time.monotonic(), read(PARAMS)["evaluated"]["targets"]
    # by this name MLflow groups what belongs together; without it each stage would be looking for `dvc` to name it by
    os.environ.setdefault("BEDSIDE_PIPELINE_RUN", f"{time.strftime('%Y-%m-%d %H:%M:%S')} (repro {os.getpid()})")
    try:
        with own_screen() as screen, logs.nowhere() if verbose else logs.opened() as log:
            ended = reproduce(targets, screen, log, pull=pull)
    except Interrupted as interrupted:
        print(f"\n\nInterrupted {interrupted}. What is finished is kept: give the same command again to go on.")
        sys.exit(ending.STATUS if ending.asked() else 130)
    told = ", ".join(f"{ended[how]} {how}" for how in COUNTED if ended[how])
    print(f"\n{sum(ended.values())} stages: {told}; {duration(time.monotonic() - begun)}", flush=True)
    if log:
        print(f"Log: {log}\n", flush=True)
    return ended


def _counted_anew() -> int:
    """Write the digests of the code as the first stage does; DVC does not see that an installed package has changed."""
    return subprocess.run([sys.executable, "-m", "bedside.fingerprint"], check=False).returncode


def _bedside(command: str) -> int:
    status = subprocess.run([sys.executable, "-m", "bedside.cli", command], check=False).returncode
    return ending.STATUS if ending.asked() else status


def _verdicts(arguments: argparse.Namespace) -> None:
    from bedside.running.closing import show

    if not show(arguments.artifacts):
        sys.exit(1)


def _unfinished(arguments: argparse.Namespace) -> None:
    from bedside.configuration import read
    from bedside.lineage import Lineage
    from bedside.params import validate
    from bedside.unfinished import closing_message

    lineage = validate(Lineage, {"variants": read(arguments.params).get("variants")}, where=str(arguments.params))
    print("\n" + "\n".join(closing_message(lineage, arguments.models)), file=sys.stderr)
