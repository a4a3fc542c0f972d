"""What a kill in the wrong instant leaves of DVC's own files."""

import json
from pathlib import Path


def forget_torn_lock(project: Path) -> None:
    """Remove DVC's table of readers and writers where it is cut off.

    DVC writes it in place: a kill in that instant leaves a file that no later `dvc repro` reads. Nothing is lost with
    it: who it names was killed.
    """
    table = project / ".dvc/tmp/rwlock"
    try:
        json.loads(table.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except ValueError:
        table.unlink(missing_ok=True)
