"""What a window holds is a task's affair: its words stand where the task is, and nowhere else in the source."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Where the words of one clinical problem belong; the networks are those whose `forward` names its inputs so.
AT_HOME = (
    "src/bedside/tasks/",
    "src/bedside/signals/",
    "src/bedside/datasets/simulated",
    "src/bedside/models/cnn_lstm.py",
    "src/bedside/models/quantized_cnn_lstm.py",
    "src/bedside/models/early_exit.py",
    "src/bedside/compression/pruning/cost.py",  # of cnn_lstm
)
WORDS = {"an input of the ECG task": re.compile(r"(?<![a-z])rhythm", re.IGNORECASE)}


def elsewhere() -> Iterator[Path]:
    for folder in ("src", "components", "pipelines"):
        for file in (ROOT / folder).rglob("*.py"):
            if not file.relative_to(ROOT).as_posix().startswith(AT_HOME):
                yield file


@pytest.mark.parametrize("what", WORDS)
def test_no_file_outside_a_task_speaks_its_words(what: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in elsewhere()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if WORDS[what].search(line)
    ]
    assert not found, "\n".join(found)


def test_a_home_of_words_is_a_file_or_folder_that_exists() -> None:
    files = [file.relative_to(ROOT).as_posix() for file in (ROOT / "src").rglob("*.py")]
    assert all(any(file.startswith(home) for file in files) for home in AT_HOME)
