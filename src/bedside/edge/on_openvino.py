"""OpenVINO on the CPU: compiled once per batch size, because known shapes cost half the time of free ones."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import openvino as ov

from bedside.edge.options import FLOAT32, UnfitRuntimeError, require_known
from bedside.edge.runner import Floats, Runner
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
        self.model, self.threads, self.options = require_whole(model), threads, options
        self.core = ov.Core()
        self.requests: dict[int, ov.InferRequest] = {}

    def compiled(self, batch: int) -> ov.CompiledModel:
        """The model for this batch size."""
        model = self.core.read_model(self.model)
        model.reshape({port.any_name: [batch, *list(port.partial_shape)[1:]] for port in model.inputs})
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

    def __call__(self, signal: Floats, rhythm: Floats) -> Floats:
        result = self.request(len(signal)).infer({"signal": signal, "rhythm": rhythm})
        return np.array(result["logits"], np.float32)

    def bound(self, signal: Floats, rhythm: Floats) -> Callable[[], Any]:
        request = self.compiled(len(signal)).create_infer_request()
        request.set_tensor("signal", ov.Tensor(signal, shared_memory=True))
        request.set_tensor("rhythm", ov.Tensor(rhythm, shared_memory=True))

        def call(alive: tuple[Floats, Floats] = (signal, rhythm)) -> Floats:
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
