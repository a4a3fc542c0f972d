"""The library knows no clinical problem: its words belong to the task, and a sentence takes them from the outcome."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("src/bedside", "components", "pipelines")
FILES = ("*.py", "*.html")
# What belongs to a task: its own package, what its signals need, and where its recordings come from.
THE_TASKS_OWN = ("src/bedside/tasks/ecg_beats/", "src/bedside/signals/", "src/bedside/datasets/")

WORDS = {
    "the unit of a task": re.compile(r"(?<![a-z])beats?(?![a-z])", re.IGNORECASE),
    "an input of a task": re.compile(r"(?<![a-z])rhythm", re.IGNORECASE),
    "a standard": re.compile(r"\bAAMI\b|EC57", re.IGNORECASE),
    "a data set": re.compile(r"MIT-?BIH|mitdb", re.IGNORECASE),
    "a class": re.compile(r"""(?<!TypeVar\()(["'])[NSVFQ]\1"""),
}


def library() -> Iterator[Path]:
    for place in PLACES:
        for pattern in FILES:
            for path in sorted((ROOT / place).rglob(pattern)):
                if not path.relative_to(ROOT).as_posix().startswith(THE_TASKS_OWN):
                    yield path


@pytest.mark.parametrize("what", WORDS)
def test_no_word_of_a_task_is_spoken_outside_it(what: str) -> None:
    spoken = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in library()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if WORDS[what].search(line)
    ]
    assert not spoken, "\n".join(spoken)


def test_a_network_class_is_named_by_its_own_file_alone() -> None:
    kind = re.compile(r"CnnLstm|cnn_lstm")
    home = {"src/bedside/models/cnn_lstm.py"}
    named = {path.relative_to(ROOT).as_posix() for path in library() if kind.search(path.read_text(encoding="utf-8"))}
    assert named - home == set()


def test_the_search_finds_the_words_where_they_belong() -> None:
    told = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / THE_TASKS_OWN[0]).glob("*.py"))
    assert [what for what, word in WORDS.items() if not word.search(told)] == []
    assert {"src/bedside/gates/paired.py", "src/bedside/stages/evaluate.py"} <= {
        path.relative_to(ROOT).as_posix() for path in library()
    }
