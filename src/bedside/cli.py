"""Run the pipeline, look at results, sign off, roll back, keep records.

bedside init FOLDER                 a project of your own: your network, your data, this pipeline
bedside check                       will every stage take its parameters? before anything runs
bedside repro                       run what has changed of the pipeline, and show the verdicts (`make repro`)
bedside verdicts                    every deployment's verdict, and where to look
bedside ui                          MLflow's pages: runs, models, aliases, review pages
bedside results --write             put the results into README.md and docs/results
bedside approve TARGET VERSION ...  a reviewer's sign-off: challenger becomes champion
bedside reviewer ADDRESS            who may sign off
bedside rollback TARGET ...         the way back, one command
bedside restore TARGET              undo what somebody moved in MLflow, past bedside
bedside log --verify                what was promoted and refused; who is where; detects edits
bedside verify BUNDLE               check a bundle's signature, offline
bedside keys rotate|revoke          new keys, and the end of old ones
bedside doctor                      what is wrong in this workspace, and what to do
bedside flush                       replay recorded runs into the tracking store
bedside unfinished                  after a run that failed: what is missing, what waits for it, what to do
bedside search --trials 20          look for a better recipe, measured on the target
bedside search-recipe               what was found, as variants for params.yaml
bedside submit                      run the pipeline on a Kubeflow server
bedside schedule --cron "0 3 * * 1" run it there again and again
bedside status                      how the runs there stand, and what to do next
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bedside import disk
from bedside.params import ParamsError
from bedside.redaction import clean
from bedside.running import closing
from bedside.terminal import in_utf8


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; what the user can correct is one message on stderr and exit status 1."""
    if argv is None:
        in_utf8()
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (RuntimeError, ParamsError) as error:
        sys.exit(f"bedside: {clean(str(error))}")
    except OSError as error:
        sys.exit(f"bedside: {clean(disk.explained(error))}")
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="bedside", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", help="one of the above; `bedside COMMAND --help` tells more"
    )

    check = commands.add_parser(
        "check", description="whether every stage takes its section of params.yaml, and every variant can be made"
    )
    check.add_argument("--params", type=Path, default=Path("params.yaml"), help="with `components/` beside it")
    check.set_defaults(run=_check)

    ui = commands.add_parser("ui", description="flush what is recorded, then serve MLflow's pages on this machine")
    ui.add_argument("--port", type=int, default=closing.PORT)
    ui.set_defaults(run=_ui)

    results = commands.add_parser("results", description="print all results, or put them into README.md and docs")
    results.add_argument("--report", type=Path, default=Path("artifacts/report"), help="the report's folder")
    results.add_argument("--readme", type=Path, default=Path("README.md"), help="gets the short table, between markers")
    results.add_argument("--docs", type=Path, default=Path("docs/results"), help="gets every variant, and the picture")
    results.add_argument("--write", action="store_true", help="write them instead of printing")
    results.add_argument("--note", default="", metavar="TEXT", help="a sentence above them, as about their commit")
    results.set_defaults(run=_results)

    flush = commands.add_parser("flush", description="replay recorded runs into the tracking store")
    flush.add_argument("--timeout", type=float, default=60, metavar="SECONDS")
    flush.set_defaults(run=_flush)

    from bedside.cluster import command as cluster
    from bedside.doctor import command as doctor
    from bedside.project import command as project
    from bedside.registry import command as registry
    from bedside.running import command as running
    from bedside.search import command as search

    project.add(commands)
    running.add(commands)
    registry.add(commands)
    doctor.add(commands)
    search.add(commands)
    cluster.add(commands)
    return parser


def _check(arguments: argparse.Namespace) -> None:
    from bedside.configuration import check, read

    file = arguments.params
    sys.path.insert(0, str(file.parent.resolve()))  # stages live in the project's folder and not in this package
    lineage = check(read(file), file.parent / "components", where=str(file))
    print(f"{file}: every parameter is valid, and all {len(lineage.variants)} variants can be made from their parents")


def _ui(arguments: argparse.Namespace) -> None:
    from bedside.tracking import store

    closing.flushed()
    if store.uri().startswith("http"):
        print(f"The tracking store is a server: open {store.shown()}")
        return
    print(f"Registered models: {closing.PAGES.format(arguments.port)}  (Ctrl-C ends it)", flush=True)
    # Their job runner is eight processes for features that this project does not use.
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri(), "--workers", "1"]
    os.execve(sys.executable, [*command, "--port", str(arguments.port)], {**quiet, **os.environ})


def _results(arguments: argparse.Namespace) -> None:
    from bedside.artifacts import open_artifact
    from bedside.reporting.finished import write_into, write_page

    report = open_artifact(arguments.report)
    table = (report / "results.md").read_text(encoding="utf-8")
    if not arguments.write:
        print(table, end="")
        return
    note, brief = arguments.note, (report / "short.md").read_text(encoding="utf-8")
    write_into(arguments.readme, f"{note}\n\n{brief}" if note else brief)
    page = write_page(arguments.docs, table, (report / "pareto.png").read_bytes(), note)
    print(f"results written to {arguments.readme} and {page}")


def _flush(arguments: argparse.Namespace) -> None:
    from bedside import tracking

    done = tracking.flush(arguments.timeout)
    print(f"{done.runs} runs, {done.events} events replayed; {done.live} runs still going on")


if __name__ == "__main__":
    main()
