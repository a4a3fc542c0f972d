"""Whether the answers stay the same from the trained network to the exported graph, and from there to the target."""

from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from bedside.edge.on_onnxruntime import OnnxRuntimeRunner
from bedside.edge.runner import Floats, Runner
from bedside.graph.finite import require_answers
from bedside.graph.quantized import is_quantized
from bedside.graph.reading import model_of

if TYPE_CHECKING:
    from torch import nn


def parity(network: "nn.Module", graph: bytes, signal: Floats, rhythm: Floats, batch: int = 256) -> dict[str, Any]:
    """Largest difference of a logit and number of changed answers, torch against ONNX Runtime on the same windows.

    For an int8 graph torch computes with fake quantization, the runtime with integers. NotFiniteError says which of the
    two gives answers that are not finite.
    """
    import torch  # not at the top: targets compare without it

    runner = OnnxRuntimeRunner(graph)
    answers = []
    for start in tqdm(range(0, len(signal), batch), desc="parity", unit="batch"):
        part = signal[start : start + batch], rhythm[start : start + batch]
        with torch.inference_mode():
            answers.append((network(*map(torch.from_numpy, part)).numpy(), runner(*part)))
    kind = "int8" if is_quantized(model_of(graph)) else "fp32"
    return {"kind": kind, **_compared(answers, "the network", "the exported graph in ONNX Runtime")}


def on_target(graph: bytes, target: Runner, windows: int = 64) -> dict[str, Any]:
    """The same figures, the exported graph in ONNX Runtime against the target's own file as it is loaded there.

    One window at a time, as on the device. The windows are standard normal noise, always the same, because no patient's
    window may come into an artifact of graphs; an int8 graph may be far off on them, where they lie beyond its grids.
    """
    exported, random = OnnxRuntimeRunner(graph), np.random.default_rng(0)
    shapes = {value.name: value.type.tensor_type.shape.dim[1:] for value in model_of(graph).graph.input}
    answers = []
    for _ in range(windows):
        signal, rhythm = (
            random.standard_normal((1, *(d.dim_value for d in shapes[name])), np.float32)
            for name in ("signal", "rhythm")
        )
        answers.append((exported(signal, rhythm), target(signal, rhythm)))
    return _compared(answers, "the exported graph in ONNX Runtime", "the target's file")


def _compared(answers: list[tuple[Floats, Floats]], first: str, second: str) -> dict[str, Any]:
    """How far the two sides are apart, of logits (window, class) in batches; the second is made of the first."""
    expected, found = (np.concatenate(side) for side in zip(*answers, strict=True))
    require_answers(first, expected, "train the network again with a lower training.learning_rate")
    require_answers(second, found, f"{first} answers them all: weights are too large for this runtime; train it again")
    return {
        "max_abs_difference": float(np.abs(expected - found).max()),
        "label_changes": int((expected.argmax(1) != found.argmax(1)).sum()),
        "windows": len(expected),
    }
