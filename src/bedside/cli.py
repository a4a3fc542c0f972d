"""Run the pipeline, look at results, sign off, roll back, keep records.

bedside check                       will every stage take its parameters? before anything runs
bedside repro                       run what has changed of the pipeline, and show the verdicts (`make repro`)
bedside verdicts                    every deployment's verdict, and where to look
bedside ui                          MLflow's pages: runs, models, aliases, review pages
bedside results --write             put the results into README.md and docs/results
bedside approve TARGET VERSION ...  a reviewer's sign-off: challenger becomes champion
bedside rollback TARGET ...         the way back, one command
bedside log --verify                what was promoted and refused; detects edits
bedside verify BUNDLE               check a bundle's signature, offline
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
from bedside.errors import RefusedError
from bedside.params import ParamsError
from bedside.redaction import clean
from bedside.running import closing
from bedside.terminal import in_utf8


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; what the user can mend is one message on stderr and exit status 1."""
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

    approve = commands.add_parser("approve", description="sign off a registered version: it becomes champion")
    approve.add_argument("target", help="for example onnxruntime-cpu")
    approve.add_argument("version", help="the version number in the registry")
    approve.add_argument("--reviewer", required=True, metavar="NAME", help="who looked; not who promoted")
    approve.add_argument("--reason", required=True, metavar="TEXT", help="what was looked at and why it is fit")
    approve.add_argument("--model", metavar="NAME", help="registered model, if the target has several")
    approve.set_defaults(run=_approve)

    rollback = commands.add_parser("rollback", description="point an alias at the version it had before")
    rollback.add_argument("target", help="for example onnxruntime-cpu")
    rollback.add_argument("--alias", choices=("champion", "challenger"), help="default: champion, if there is one")
    rollback.add_argument("--reason", default="rolled back by hand", metavar="TEXT")
    rollback.add_argument("--model", metavar="NAME", help="registered model, if the target has several")
    rollback.set_defaults(run=_rollback)

    log = commands.add_parser("log", description="the promotion log: promotions, refusals, sign-offs, rollbacks")
    log.add_argument("--verify", action="store_true", help="only check that nothing was edited, deleted or cut off")
    log.set_defaults(run=_log)

    verify = commands.add_parser("verify", description="check a bundle's signature, offline")
    verify.add_argument("bundle", type=Path)
    verify.add_argument("--key", type=Path, help="public key (PEM); default: this workspace's own")
    verify.set_defaults(run=_verify)

    flush = commands.add_parser("flush", description="replay recorded runs into the tracking store")
    flush.add_argument("--timeout", type=float, default=60, metavar="SECONDS")
    flush.set_defaults(run=_flush)

    from bedside.cluster import command as cluster
    from bedside.running import command as running
    from bedside.search import command as search

    running.add(commands)
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


def _approve(arguments: argparse.Namespace) -> None:
    from bedside.registry.by_hand import approve

    named = {"reviewer": arguments.reviewer, "reason": arguments.reason, "model": arguments.model}
    approve(arguments.target, arguments.version, **named)
    print(f"{arguments.target}: version {arguments.version} is champion, signed off by {arguments.reviewer}")


def _rollback(arguments: argparse.Namespace) -> None:
    from bedside.registry.by_hand import roll_back

    named = {"alias": arguments.alias, "model": arguments.model, "reason": arguments.reason}
    alias, gone, back = roll_back(arguments.target, **named)
    print(f"{arguments.target}: {alias} was version {gone} and is version {back} again; its signature verifies")


def _log(arguments: argparse.Namespace) -> None:
    from bedside.registry.log import PromotionLog

    log = PromotionLog()
    entries = log.verify()
    if arguments.verify and not log.path.exists():
        raise RefusedError(f"no promotion log at {log.path}; wrong folder or BEDSIDE_HOME?")
    if not entries:
        print(f"{log.path}: no entries yet")
        return
    for entry in [] if arguments.verify else entries:
        about = {name: entry[name] for name in ("variant", "version", "reviewer", "aliases", "reason") if name in entry}
        told = ", ".join(f"{name}: {value}" for name, value in about.items())
        print(f"{entry['seq']:>4} {entry['time']} {entry.get('model', '')} {entry['state']}  {told}")
    print(f"{log.path}: {len(entries)} entries; chain, signatures and end of the log are as written")


def _verify(arguments: argparse.Namespace) -> None:
    from bedside.registry import signing

    signing.verify(arguments.bundle, arguments.key or signing.public_key())
    print(f"{arguments.bundle}: signed, complete, unchanged ({signing.digest(arguments.bundle)[:16]})")


def _flush(arguments: argparse.Namespace) -> None:
    from bedside import tracking

    done = tracking.flush(arguments.timeout)
    print(f"{done.runs} runs, {done.events} events replayed; {done.live} runs still going on")


if __name__ == "__main__":
    main()
