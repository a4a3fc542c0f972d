"""ONNX Runtime on the CPU, set up for one small model and short answers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from bedside.edge.options import require_known
from bedside.edge.runner import Arrays, Floats, Runner, batch_of
from bedside.edge.whole import require_whole

ERROR = 3


def options(threads: int, extra: Mapping[str, str] | None = None) -> ort.SessionOptions:
    """Operators one after the other, in `threads` threads; no output but errors. `extra`: session configuration."""
    result = ort.SessionOptions()
    require_known("ONNX Runtime", ort.__version__, extra or {})
    for name, value in (extra or {}).items():
        result.add_session_config_entry(name, value)
    result.intra_op_num_threads, result.inter_op_num_threads = threads, 1
    result.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    result.log_severity_level = ERROR
    return result


def session(model: bytes, settings: ort.SessionOptions) -> ort.InferenceSession:
    """Load verified bytes; never a path nor what lies beside it, so that what runs is what was verified."""
    return ort.InferenceSession(require_whole(model), settings, providers=["CPUExecutionProvider"])


def rewritten(model: bytes, level: ort.GraphOptimizationLevel, target: Path) -> bytes:
    """The graph after ONNX Runtime's own optimizations up to `level`; `target` is a file that may be written."""
    settings = options(1)
    settings.graph_optimization_level, settings.optimized_model_filepath = level, str(target)
    session(model, settings)
    return target.read_bytes()


class OnnxRuntimeRunner(Runner):
    """A session and its ways to be called."""

    def __init__(self, model: bytes, threads: int = 1, extra: Mapping[str, str] | None = None) -> None:
        self.session = session(model, options(threads, extra))
        self.inputs = {value.name: tuple(value.shape[1:]) for value in self.session.get_inputs()}

    def __call__(self, inputs: Arrays) -> Floats:
        batch_of(inputs, self.inputs)
        (logits,) = self.session.run(["logits"], dict(inputs))
        result: Floats = logits
        return result

    def bound(self, inputs: Arrays) -> Callable[[], Any]:
        logits = self(inputs)
        binding = self.session.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        binding.bind_output("logits", "cpu", 0, np.float32, logits.shape, logits.ctypes.data)
        run = self.session.run_with_iobinding

        def call() -> Floats:
            run(binding)
            return logits

        return call
