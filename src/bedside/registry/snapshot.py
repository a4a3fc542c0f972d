"""Private copies of what asks to be promoted, so that what is judged is what is signed."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bedside.artifacts import Artifact

LEFT = ("plain.onnx",)  # the graph without its trick is for timing, not for devices


@contextlib.contextmanager
def private_copies() -> Iterator[Callable[[Artifact], Artifact]]:
    """A function that copies an artifact to where nobody else writes, each file as its sealed manifest has it."""
    with tempfile.TemporaryDirectory(prefix="promotion-") as folder:
        count = iter(range(1_000_000))
        yield lambda artifact: _copied(artifact, Path(folder) / str(next(count)))


def _copied(artifact: Artifact, folder: Path) -> Artifact:
    for name in artifact.manifest["files"]:
        if name not in LEFT:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(artifact.read(name))
    return Artifact(folder, artifact.manifest)
