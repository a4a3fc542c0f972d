"""OpenVINO on the CPU: compiled once per batch size, because known shapes cost half the time of free ones."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import openvino as ov

from bedside.edge.options import FLOAT32, UnfitRuntimeError, require_known
from bedside.edge.runner import Arrays, Floats, Runner, batch_of
from bedside.edge.whole import require_whole


def settings(threads: int, options: Mapping[str, str]) -> dict[str, Any]:
    """The options that answers depend on, one stream, `threads` threads."""
    return {
        **options,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }


class OpenVinoRunner(Runner):
    """A model and the request for each batch size that was asked for."""

    def __init__(self, model: bytes, threads: int = 1, options: Mapping[str, str] = FLOAT32) -> None:
        require_known("OpenVINO", ov.__version__, options)
        self.threads, self.options = threads, options
        self.core = ov.Core()
        self.model = self.core.read_model(require_whole(model))
        self.inputs = {port.any_name: tuple(port.partial_shape.get_min_shape()[1:]) for port in self.model.inputs}
        self.requests: dict[int, ov.InferRequest] = {}

    def compiled(self, batch: int) -> ov.CompiledModel:
        """The model for this batch size."""
        model = self.model.clone()
        model.reshape({name: [batch, *shape] for name, shape in self.inputs.items()})
        try:
            compiled = self.core.compile_model(model, "CPU", settings(self.threads, self.options))
        except RuntimeError as error:  # of several lines, the last of which says what is wrong
            asked = ", ".join(f"{name}={value}" for name, value in self.options.items())
            reason = str(error).strip().splitlines()[-1]
            raise UnfitRuntimeError(f"OpenVINO cannot load the model with {asked}: {reason}") from None
        _require_honoured(compiled, self.options)
        return compiled

    def request(self, batch: int) -> ov.InferRequest:
        """The request for this batch size; made on first use."""
        if batch not in self.requests:
            self.requests[batch] = self.compiled(batch).create_infer_request()
        return self.requests[batch]

    def __call__(self, inputs: Arrays) -> Floats:
        result = self.request(batch_of(inputs, self.inputs)).infer(dict(inputs))
        return np.array(result["logits"], np.float32)

    def bound(self, inputs: Arrays) -> Callable[[], Any]:
        request = self.compiled(batch_of(inputs, self.inputs)).create_infer_request()
        for name, array in inputs.items():
            request.set_tensor(name, ov.Tensor(array, shared_memory=True))

        def call(alive: Arrays = dict(inputs)) -> Floats:  # noqa: B006  # nobody changes it
            del alive  # held by the default: the request reads these arrays without owning them
            request.infer()
            logits: Floats = request.get_tensor("logits").data
            return logits

        return call


def _require_honoured(compiled: ov.CompiledModel, options: Mapping[str, str]) -> None:
    """OpenVINO takes a hint for a wish: what it made of it can be read."""
    for name, wanted in options.items():
        found = compiled.get_property(name)
        shown = found.get_type_name() if isinstance(found, ov.Type) else str(found)
        if shown != wanted:
            raise UnfitRuntimeError(f"the model asks for {name}={wanted}, and OpenVINO made it {shown} on this CPU")
