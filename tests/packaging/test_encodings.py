"""Text is UTF-8, whatever the locale of the machine says: no call leaves the encoding to it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    file for top in ("src", "components", "pipelines", "docker", "benchmarks") for file in (ROOT / top).rglob("*.py")
)


def left_to_the_locale(source: str) -> Iterator[int]:
    """The lines of calls that read or write text and do not say how."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        said = {word.arg for word in call.keywords}
        is_text = (
            name in ("read_text", "write_text")
            or (name in ("open", "fdopen") and _is_file(call) and not _is_of_bytes(call))
            or bool({"text", "universal_newlines"} & said)
        )
        if is_text and "encoding" not in said:
            yield call.lineno


def _is_of_bytes(call: ast.Call) -> bool:
    """Whether a mode such as "rb" is among what it is called with."""
    texts = [str(part.value) for part in ast.walk(call) if isinstance(part, ast.Constant)]
    return any(re.fullmatch(r"[rwxab+]*b[rwxab+]*", text) for text in texts)


def _is_file(call: ast.Call) -> bool:
    """`path.open("a")` and `open(path)`; `os.open`, `opener.open(url)` and the like give bytes."""
    owner = ast.unparse(call.func).rpartition(".")[0]
    return owner not in ("os", "opener", "tarfile", "zipfile", "webbrowser")


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("a.read_text()\nb.write_text(x)\nc.read_text(encoding='utf-8')", [1, 2]),
        ("open(f)\np.open('a')\np.open('rb')\nos.open(p, os.O_RDONLY)\np.open('ab' if x else 'wb')", [1, 2]),
        ("run(c, text=True)\nrun(c, capture_output=True)\nrun(c, text=True, encoding='utf-8')", [1]),
    ],
)
def test_a_call_that_does_not_say_its_encoding_is_found(source: str, lines: list[int]) -> None:
    assert sorted(left_to_the_locale(source)) == lines


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_text_is_read_or_written_as_the_locale_wants_it(file: Path) -> None:
    assert list(left_to_the_locale(file.read_text(encoding="utf-8"))) == []
