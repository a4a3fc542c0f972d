"""Pages that are followed: the commands in their `console` blocks are run, and must answer what stands below them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Line(NamedTuple):
    """A command of a page, and what it answers; `...` stands for anything."""

    command: str
    answer: str


def sections(page: Path) -> dict[str, list[Line]]:
    """Heading (`## `) to the commands below it, in order; headings without any are left out."""
    parts = re.split(r"^## (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {heading: list(_lines(text)) for heading, text in zip(parts[::2], parts[1::2], strict=True)}
    return {heading: lines for heading, lines in found.items() if lines}


def _lines(text: str) -> Iterator[Line]:
    for block in BLOCK.findall(text):
        for command, answer in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            yield Line(command, answer)


def follow(lines: list[Line], run: Callable[[str], str]) -> None:
    """Run each command; AssertionError shows the first that answers something else than the page says."""
    for line in lines:
        answered = run(line.command)
        assert says(answered, line.answer), f"$ {line.command}\n{answered}\nand the page says\n{line.answer}"


def says(answered: str, promised: str) -> bool:
    """Whether the parts of what the page shows are in the answer, in order; line ends are blanks here."""
    place, text = 0, " ".join(answered.split())
    for part in promised.split("..."):
        wanted = " ".join(part.split())
        found = text.find(wanted, place)
        if found < 0:
            return False
        place = found + len(wanted)
    return True
