"""One recurring run of a pipeline, as wanted: `bedside schedule`.

python -m pipelines.schedule --cron "0 3 * * 1" --endpoint http://localhost:8888
"""

import argparse
import sys
from collections.abc import Sequence

from bedside.cluster import cron
from bedside.cluster.command import SCHEDULE, arguments, schedule_arguments
from bedside.cluster.schedule import Schedule, apply, remove
from bedside.cluster.server import Server
from bedside.errors import RefusedError
from bedside.params import ParamsError
from bedside.terminal import in_utf8
from pipelines.submit import published


def scheduled(given: argparse.Namespace) -> str:
    """Apply, or remove; returns what was done, in words."""
    name = given.name or f"bedside-{given.pipeline}"
    if given.remove:
        removed = remove(Server(given.endpoint, given.namespace), name)
        return f"schedule {name}: {'removed' if removed else 'there is none'}"
    if given.cron is None:
        raise RefusedError(f"when? give --cron, {cron.EXAMPLE}")
    expression = cron.checked(given.cron)
    server = Server(given.endpoint, given.namespace)
    one = published(given, server)
    wanted = Schedule(name, expression, one.experiment, one.pipeline, one.version, one.parameters, one.service_account)
    return f"schedule {name}: {apply(server, wanted)}; {expression}, one run at a time"


def main(argv: Sequence[str] | None = None) -> None:
    if argv is None:
        in_utf8()
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m pipelines.schedule", description=SCHEDULE, formatter_class=raw)
    arguments(parser)
    schedule_arguments(parser)
    try:
        print(scheduled(parser.parse_args(argv)))
    except (RuntimeError, ParamsError) as error:
        sys.exit(f"schedule: {error}")


if __name__ == "__main__":
    main()
