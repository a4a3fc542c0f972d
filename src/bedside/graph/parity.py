"""Whether the exported graph answers as the trained network does, window by window."""

from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from bedside.edge.on_onnxruntime import OnnxRuntimeRunner
from bedside.graph.quantized import is_quantized

Floats = NDArray[np.float32]


def parity(network: nn.Module, graph: bytes, signal: Floats, rhythm: Floats, batch: int = 256) -> dict[str, Any]:
    """Largest difference of a logit and number of changed answers, torch against ONNX Runtime on the same windows.

    For an int8 graph torch computes with fake quantization, the runtime with integers.
    """
    runner = OnnxRuntimeRunner(graph)
    difference, changes = 0.0, 0
    for start in tqdm(range(0, len(signal), batch), desc="parity", unit="batch"):
        part = signal[start : start + batch], rhythm[start : start + batch]
        with torch.inference_mode():
            expected = network(*map(torch.from_numpy, part)).numpy()
        found = runner(*part)
        difference = max(difference, float(np.abs(expected - found).max()))
        changes += int((expected.argmax(1) != found.argmax(1)).sum())
    kind = "int8" if is_quantized(onnx.load_from_string(graph)) else "fp32"
    return {"kind": kind, "max_abs_difference": difference, "label_changes": changes, "windows": len(signal)}
