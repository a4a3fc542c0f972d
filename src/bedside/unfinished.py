"""What to say after a run in which a stage failed: which variants are missing, what waits for them, what to do."""

from collections.abc import Iterator
from pathlib import Path

from bedside.artifacts import MANIFEST
from bedside.lineage import ROOT, Lineage


def closing_message(lineage: Lineage, models: Path) -> Iterator[str]:
    """The lines of the message; `models` is where the pipeline puts every model of the lineage."""
    missing = [name for name in (ROOT, *lineage.order()) if not (models / name / MANIFEST).is_file()]
    failed = [name for name in missing if name == ROOT or lineage.variants[name].parent not in missing]
    if not failed:
        yield "Every model was made; DVC names the stage that failed above (ERROR), and its message stands before it."
        return
    waiting = [name for name in lineage.order() if set(lineage.path(name)[:-1]) & set(failed)]
    made = [name for name in lineage.variants if name not in {*failed, *waiting}]
    for name in failed:
        stage = f"variant@{name}" if name != ROOT else "train_teacher"
        yield f"NOT MADE: {name}; its reason stands above, after \"Running stage '{stage}'\"."
    if waiting:
        yield f"Waiting for that: {', '.join(waiting)} (what {models} holds of these is from an earlier run)."
    yield f"Made all the same: {', '.join(made) or 'no variant'}. Promotion and report wait until all are made."
    yield (
        "Next: change its numbers in params.yaml, or take it and what follows from it out of `variants` and "
        "`evaluated.variants`; the same command then runs only what is missing."
    )
