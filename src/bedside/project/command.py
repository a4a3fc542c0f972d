"""`bedside init`."""

import argparse
from pathlib import Path

NEXT = """{folder}: made. It runs as it is, on a small example; then put your own in its place:
  cd {folder}
  python example.py                   # a small data set and a trained network, and their digests into params.yaml
  bedside check && bedside repro      # the whole pipeline, to a verdict per variant and target
README.md there says what to edit."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    text = "a project of your own: your network, your data, this pipeline"
    parser = commands.add_parser("init", description=text)
    parser.add_argument("folder", type=Path, help="is made; has to be empty if it is there")
    parser.set_defaults(run=_init)


def _init(given: argparse.Namespace) -> None:
    from bedside.project.make import make

    make(given.folder)
    print(NEXT.format(folder=given.folder))
