"""`bedside submit`, `bedside schedule`, `bedside status`: the pipeline on a Kubeflow server."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from bedside.errors import RefusedError
from bedside.terminal import console

EXPERIMENT = "bedside"
SUBMIT = """\
Compile the pipeline, upload it as a version named after its content, and start a run.

Nothing is sent before everything that can be known is: the lineage, the revisions, the images, the experiment."""
SCHEDULE = """\
Compile and upload as `bedside submit` does, then make one recurring run of it: missed times are not caught up, and one
run goes on at a time. Applying again changes nothing; with another cron, pipeline or data the old one is replaced."""
STATUS = """\
The schedules, and the newest runs of an experiment with their state, what failed and what to do next."""
EXAMPLES = """\
examples:
  export KF_PIPELINES_ENDPOINT=http://localhost:8888 KF_PIPELINES_TOKEN=...
  bedside submit --image train=registry.example/bedside-train@sha256:... --image runtime=...
  bedside submit --revision v1.2                       the pipeline as it was then
  bedside schedule --cron "0 3 * * 1"                  Mondays at 3 o'clock in the server's time zone (UTC)
  bedside schedule --pipeline revalidate --cron "0 4 * * *" --argument graph=s3://... --argument reference=s3://... \\
      -- --target openvino-cpu
  bedside schedule --remove
  bedside status"""


def add(commands: Any) -> None:
    """Add the three sub-commands to the `bedside` command line."""
    raw = argparse.RawDescriptionHelpFormatter
    for name, about, extra in (("submit", SUBMIT, None), ("schedule", SCHEDULE, schedule_arguments)):
        parser = commands.add_parser(name, description=about, epilog=EXAMPLES, formatter_class=raw)
        arguments(parser)
        if extra:
            extra(parser)
        parser.set_defaults(run=_pipelines, command=name)
    status = commands.add_parser("status", description=STATUS, epilog=EXAMPLES, formatter_class=raw)
    _server(status)
    status.add_argument("--runs", type=int, default=10, metavar="COUNT", help="how many (%(default)s)")
    status.set_defaults(run=_status)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What is compiled, from which revisions, and where it goes."""
    from bedside.cluster.settings import DEFAULT

    _server(parser)
    parser.add_argument("--new-experiment", action="store_true", help="make it if it is not there")
    parser.add_argument(
        "--pipeline",
        default="compress",
        metavar="NAME",
        help="in pipelines/: compress or revalidate (%(default)s)",
    )
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")
    parser.add_argument("--cluster", type=Path, default=DEFAULT, help="what pods get (%(default)s)")
    parser.add_argument("--image", action="append", default=[], metavar="KIND=IMAGE", help="best by digest")
    parser.add_argument("--revision", metavar="REV", help="compile this git revision; default: the files as they are")
    parser.add_argument(
        "--argument",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the run, as JSON or as text, for example --argument graph=s3://bucket/graph",
    )
    parser.add_argument("compiler", nargs="*", help="after `--`: flags of `python -m pipelines.PIPELINE`")
    parser.add_argument("--data", metavar="REV", help="the data of this git revision in place of params.yaml's source")
    parser.add_argument("--remote", metavar="NAME", help="the DVC remote that holds them; default: .dvc/config's")
    parser.add_argument("--repository", metavar="URL", help="as the cluster reaches it; default: git's origin")


def schedule_arguments(parser: argparse.ArgumentParser) -> None:
    """When, and under which name."""
    parser.add_argument("--cron", metavar="EXPR", help="minute, hour, day of month, month, day of week: '0 3 * * 1'")
    parser.add_argument("--name", help="of the schedule; default: bedside-PIPELINE")
    parser.add_argument("--remove", action="store_true", help="take the schedule of that name away")


def _server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint", metavar="URL", help="of Kubeflow Pipelines; default: KF_PIPELINES_ENDPOINT")
    parser.add_argument("--namespace", metavar="NAME", help="where it has several; default: KF_PIPELINES_NAMESPACE")
    parser.add_argument("--experiment", default=EXPERIMENT, metavar="NAME", help="default: %(default)s")


def _pipelines(given: argparse.Namespace) -> None:
    """Wiring lives in the project's folder and not in this package."""
    if not Path(f"pipelines/{given.command}.py").is_file():
        raise RefusedError("pipelines are compiled from pipelines/ and components/: run this in the project's folder")
    flags = [flag for name, value in vars(given).items() for flag in _flags(name, value)]
    flags += ["--", *given.compiler]
    os.execv(sys.executable, [sys.executable, "-W", "ignore", "-m", f"pipelines.{given.command}", *flags])


def _flags(name: str, value: Any) -> list[str]:
    if name in ("run", "command", "compiler") or value is None or value is False:
        return []
    flag = f"--{name.replace('_', '-')}"
    if value is True:
        return [flag]
    return [part for one in (value if isinstance(value, list) else [value]) for part in (flag, str(one))]


def _status(given: argparse.Namespace) -> None:
    from rich.table import Table

    from bedside.cluster.server import Server
    from bedside.cluster.status import every, standings

    server, out = Server(given.endpoint, given.namespace), console()
    experiment = server.experiment(given.experiment)
    for one in server.schedules():
        cron = one.trigger.cron_schedule.cron if one.trigger and one.trigger.cron_schedule else "no cron"
        state = "on" if one.mode == "ENABLE" else "off; `bedside schedule` with the same flags switches it on"
        out.print(f"schedule {one.display_name}: {every(cron)}, {state}", highlight=False, markup=False)
    found = standings(server, experiment, given.runs)
    table = Table(title=f"{len(found)} newest runs of {given.experiment}", title_justify="left", box=None)
    for column in ("created", "state", "run", "", "next"):
        table.add_column(column, overflow="fold")
    for run in found:
        table.add_row(run.created, run.state, run.name, run.said, run.advice)
    out.print(table if found else f"no runs in {given.experiment} yet: `bedside submit`")
