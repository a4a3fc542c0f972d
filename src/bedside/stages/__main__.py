"""Start a stage by its name, wherever it lies: `python -m bedside.stages distill --dataset ...`."""

import importlib
import sys

from bedside import catalog
from bedside.errors import RefusedError


def main() -> None:
    """As `python -m` of the stage's own module; without a name, or with an unknown one, those that there are."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(f"usage: python -m bedside.stages NAME ...; there are: {', '.join(sorted(catalog.names()))}")
    name = sys.argv.pop(1)
    try:
        stage = catalog.stage(name)
    except RefusedError as error:
        sys.exit(f"{name}: {error}")
    own = getattr(importlib.import_module(stage.function.__module__), "main", None)
    (own or stage.main)()


if __name__ == "__main__":
    main()
