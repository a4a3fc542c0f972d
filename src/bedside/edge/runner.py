"""A loaded model, whatever runtime it is loaded into."""

import abc
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.edge.options import UnfitRuntimeError
from bedside.errors import RefusedError

Floats = NDArray[np.float32]
Arrays = Mapping[str, Floats]  # by the names of the graph's inputs, (batch, *shape) each
Shapes = Mapping[str, tuple[int, ...]]  # of one window, without the batch
FILE = "run.json"  # beside the model, in a bundle too


@dataclass(frozen=True)
class RunSettings:
    """How a model was run when it was judged, and so must be run on the device.

    `options` are the runtime's own, by its names for them: those that answers depend on.
    """

    runtime: str
    threads: int = 1
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "RunSettings":
        """From the text of a `run.json`; UnfitRuntimeError for one that asks for what this code does not know."""
        try:
            found = json.loads(text)
            settings = cls(**found)
        except (ValueError, TypeError) as error:
            raise UnfitRuntimeError(f"{FILE} holds no run settings that this version knows: {error}") from None
        if not isinstance(settings.threads, int) or not isinstance(settings.options, Mapping):
            raise UnfitRuntimeError(f"{FILE}: threads must be a number and options a mapping, not {found}")
        return settings

    def as_json(self) -> dict[str, Any]:
        """What `read` reads."""
        return asdict(self)


class Runner(abc.ABC):
    """A model in memory; it takes any batch size. RefusedError for inputs that are not those of its graph."""

    inputs: Shapes

    @abc.abstractmethod
    def __call__(self, inputs: Arrays) -> Floats:
        """(batch, *shape) each -> logits (batch, class)."""

    @abc.abstractmethod
    def bound(self, inputs: Arrays) -> Callable[[], Any]:
        """A call without arguments that runs on these very arrays: the least that a device has to do per window."""


def batch_of(inputs: Arrays, of: Shapes) -> int:
    """How many windows these are; RefusedError unless they are one array for each input, of its shape."""
    found = {name: tuple(array.shape[1:]) for name, array in inputs.items()}
    if found != dict(of):
        raise RefusedError(f"the graph reads windows of {said(of)}, and was given {said(found)}")
    lengths = {name: len(array) for name, array in inputs.items()}
    if len(set(lengths.values())) != 1:
        raise RefusedError(f"the graph was given as many windows as {lengths}; it needs one of each input per window")
    return next(iter(lengths.values()))


def rows(inputs: Arrays, chosen: slice | NDArray[np.bool_] | NDArray[np.int64]) -> dict[str, Floats]:
    """These windows of each input."""
    return {name: array[chosen] for name, array in inputs.items()}


def said(shapes: Shapes) -> str:
    """In words, such as `signal (2, 120), age (1)`."""
    return ", ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in shapes.items()) or "nothing"


def load(settings: RunSettings, model: bytes) -> Runner:
    """The model in the runtime that `settings` name, run as they say; only that runtime is imported.

    UnfitRuntimeError where the runtime cannot honour them: it would run, and answer otherwise than was judged.
    """
    if settings.runtime == "onnxruntime":
        from bedside.edge.on_onnxruntime import OnnxRuntimeRunner

        return OnnxRuntimeRunner(model, settings.threads, settings.options)
    if settings.runtime == "openvino":
        from bedside.edge.on_openvino import OpenVinoRunner

        return OpenVinoRunner(model, settings.threads, settings.options)
    raise UnfitRuntimeError(f"no runtime {settings.runtime!r} here; known: onnxruntime, openvino")
