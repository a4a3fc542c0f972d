"""What to say after a run in which a stage failed: what is missing, what waits for it, what to do."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from bedside.artifacts import MANIFEST
from bedside.lineage import ROOT, Lineage

# What every model is made from, in the order in which it is made, and the stage that makes it (dvc.yaml).
DATA = {
    "recordings": "ingest",
    "recordings-report": "validate_recordings",
    "dataset": "prepare",
    "dataset-report": "validate_windows",
    "test": "prepare",
}


def closing_message(lineage: Lineage, models: Path) -> Iterator[str]:
    """The lines of the message; `models` is where the pipeline puts every model of the lineage, beside the data."""
    unmade = next((name for name in DATA if not _is_made(models.parent / name)), None)
    if unmade is None:
        yield from _about_models(lineage, models)
        return
    yield _not_made(str(models.parent / unmade), DATA[unmade])
    yield f"Everything else waits for that{_earlier(models, (ROOT, *lineage.variants), 'holds')}."
    yield "Next: fix what that message names; the same command then runs only what is missing."


def _about_models(lineage: Lineage, models: Path) -> Iterator[str]:
    missing = [name for name in (ROOT, *lineage.order()) if not _is_made(models / name)]
    failed = [name for name in missing if name == ROOT or lineage.variants[name].parent not in missing]
    if not failed:
        yield "Every model was made; the stage that failed, and why, stands above."
        return
    waiting = [name for name in lineage.order() if set(lineage.path(name)[:-1]) & set(failed)]
    made = [name for name in lineage.variants if name not in {*failed, *waiting}]
    for name in failed:
        yield _not_made(name, f"variant@{name}" if name != ROOT else "train_teacher")
    if waiting:
        yield f"Waiting for that: {', '.join(waiting)}{_earlier(models, waiting, 'holds of these')}."
    yield f"Made all the same: {', '.join(made) or 'no variant'}. Promotion and report wait until all are made."
    instead = ", or take it and what follows from it out of `variants` and `evaluated.variants`"
    yield (
        f"Next: change its numbers in params.yaml{instead if ROOT not in failed else ''}; "
        "the same command then runs only what is missing."
    )


def _not_made(name: str, stage: str) -> str:
    return f"NOT MADE: {name}; its reason stands above, where stage {stage} failed."


def _earlier(models: Path, names: Iterable[str], holds: str) -> str:
    """A remark on models that this run did not come to, where an earlier one left any."""
    return f" (what {models} {holds} is from an earlier run)" if any(_is_made(models / name) for name in names) else ""


def _is_made(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()
