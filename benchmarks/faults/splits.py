"""The same person in training and test, under another name, at another start, on another offset."""

import json
from pathlib import Path

from bedside.artifacts import open_artifact
from benchmarks.faults import stages
from benchmarks.faults.rows import HELD, Outcome, Try, row, wrong
from benchmarks.faults.stages import TASK, refusal, say
from components.prepare import prepare
from tests.cohort import approve
from tests.support.copies import altered, renamed, shifted


@row("same patient in train and test (renamed, shifted)", 20, "split check fails", base=stages.cohort)
def twin(attempt: Try) -> Outcome:
    """A test patient's recording is a training patient's: renamed, or cut at its start, or also on another offset."""
    train = attempt.chance.choice(_records(attempt.base / "dataset", "train"))
    test = attempt.chance.choice(_records(attempt.base / "test", "test"))
    way, start, offset = attempt.number % 3, attempt.chance.randrange(1, 2000), attempt.chance.randrange(1, 60)

    def change(folder: Path, _: object) -> None:
        if way == 0:
            renamed(folder, train, test)
        else:
            shifted(folder, train, test, start, offset if way == 2 else 0)

    recordings = altered(attempt.base / "recordings", attempt.folder / "recordings", change)
    report = approve(recordings, attempt.folder / "report")
    given = {"recordings": recordings, "approval": report}
    out = {"dataset": attempt.folder / "dataset", "test": attempt.folder / "test"}
    told = refusal(prepare, **given, **out, task=json.dumps(TASK))
    say(f"{train} as {test}, way {way}: {told}")
    if told and "share" in told and not (attempt.folder / "test").exists():
        return HELD
    return wrong(f"{train} is also {test}, and the split was made ({told})")


def _records(dataset: Path, split: str) -> list[str]:
    found: list[str] = open_artifact(dataset).json("dataset.json")["splits"][split]["records"]
    return found
