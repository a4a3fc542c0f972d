"""Safetensors files: what cannot be read or written is a message that names the file."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from bedside.artifacts import ArtifactError
from bedside.disk import named

Arrays = dict[str, Any]


def save(file: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name; the bytes depend on the values alone."""
    with named(file):
        file.write_bytes(to_bytes(dict(arrays)))


def load(file: Path) -> Arrays:
    """Arrays by name; ArtifactError for a file that holds none, or kinds of numbers that numpy has not."""
    with reading(file):
        return load_file(file)


@contextlib.contextmanager
def reading(file: Path) -> Iterator[None]:
    """ArtifactError where what is read inside is no safetensors file, or not the one that is needed there."""
    try:
        yield
    except FileNotFoundError:
        raise ArtifactError(f"{file}: missing; run the stage that makes it") from None
    except (SafetensorError, LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ArtifactError(f"{file}: cannot be read ({reason}); run the stage that makes it again") from None
