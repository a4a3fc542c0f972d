"""OpenVINO on the CPU: compiled once per batch size, because known shapes cost half the time of free ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino as ov

from bedside.edge.runner import Floats, Runner


def settings(threads: int) -> dict[str, Any]:
    """Float layers stay in float32 (elsewhere OpenVINO may choose bf16), one stream, `threads` threads."""
    return {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }


class OpenVinoRunner(Runner):
    """A model and the request for each batch size that was asked for."""

    def __init__(self, model: bytes, threads: int = 1) -> None:
        self.model, self.threads = model, threads
        self.core = ov.Core()
        self.requests: dict[int, ov.InferRequest] = {}

    def compiled(self, batch: int) -> ov.CompiledModel:
        """The model for this batch size."""
        model = self.core.read_model(self.model)
        model.reshape({port.any_name: [batch, *list(port.partial_shape)[1:]] for port in model.inputs})
        return self.core.compile_model(model, "CPU", settings(self.threads))

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
