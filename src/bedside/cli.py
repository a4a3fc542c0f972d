"""`bedside`: look at results, promote, roll back and keep records. Every command imports only what it needs."""

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; what the user can mend is one message on stderr and exit status 1."""
    parser = argparse.ArgumentParser(prog="bedside", description=__doc__)
    commands = parser.add_subparsers(required=True)
    flush = commands.add_parser("flush", help="replay all journals into the tracking store")
    flush.add_argument("--timeout", type=float, default=60, metavar="SECONDS")
    flush.set_defaults(run=_flush)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except RuntimeError as error:
        sys.exit(f"bedside: {error}")


def _flush(arguments: argparse.Namespace) -> None:
    from bedside import tracking

    done = tracking.flush(arguments.timeout)
    print(f"{done.runs} runs, {done.events} events replayed; {done.live} runs still going on")


if __name__ == "__main__":
    main()
