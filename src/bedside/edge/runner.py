"""A loaded model, whatever runtime it is loaded into."""

import abc
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Runner(abc.ABC):
    """A model in memory; it takes any batch size."""

    @abc.abstractmethod
    def __call__(self, signal: Floats, rhythm: Floats) -> Floats:
        """(batch, channel, time), (batch, feature) -> logits (batch, class)."""

    @abc.abstractmethod
    def bound(self, signal: Floats, rhythm: Floats) -> Callable[[], Any]:
        """A call without arguments that runs on these very arrays: the least that a device has to do per window."""


def load(runtime: str, model: bytes, threads: int) -> Runner:
    """The model in `runtime` (onnxruntime or openvino); only that runtime is imported."""
    if runtime == "onnxruntime":
        from bedside.edge.on_onnxruntime import OnnxRuntimeRunner

        return OnnxRuntimeRunner(model, threads)
    if runtime == "openvino":
        from bedside.edge.on_openvino import OpenVinoRunner

        return OpenVinoRunner(model, threads)
    raise ValueError(f"unknown runtime {runtime!r}; known: onnxruntime, openvino")
