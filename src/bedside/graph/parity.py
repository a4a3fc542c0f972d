"""Whether the answers stay the same from the trained network to the exported graph, and from there to the target."""

from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from bedside.edge.on_onnxruntime import OnnxRuntimeRunner
from bedside.edge.runner import Arrays, Floats, Runner, batch_of, rows
from bedside.graph.finite import require_answers
from bedside.graph.quantized import is_quantized
from bedside.graph.reading import model_of

if TYPE_CHECKING:
    from torch import nn


def parity(network: "nn.Module", graph: bytes, inputs: Arrays, batch: int = 256) -> dict[str, Any]:
    """Largest difference of a logit and number of changed answers, torch against ONNX Runtime on the same windows.

    For an int8 graph torch computes with fake quantization, the runtime with integers. NotFiniteError says which of the
    two gives answers that are not finite.
    """
    import torch  # not at the top: targets compare without it

    runner = OnnxRuntimeRunner(graph)
    answers = []
    for start in tqdm(range(0, batch_of(inputs, runner.inputs), batch), desc="parity", unit="batch"):
        part = rows(inputs, slice(start, start + batch))
        with torch.inference_mode():
            answer = network(**{name: torch.from_numpy(array) for name, array in part.items()})
        answers.append((answer.numpy(), runner(part)))
    kind = "int8" if is_quantized(model_of(graph)) else "fp32"
    return {"kind": kind, **_compared(answers, "the network", "the exported graph in ONNX Runtime")}


def on_target(graph: bytes, target: Runner, windows: int = 64) -> dict[str, Any]:
    """The same figures, the exported graph in ONNX Runtime against the target's own file as it is loaded there.

    One window at a time, as on the device. The windows are standard normal noise, always the same, because no patient's
    window may come into an artifact of graphs; an int8 graph may be far off on them, where they lie beyond its grids.
    """
    exported, random = OnnxRuntimeRunner(graph), np.random.default_rng(0)
    answers = []
    for _ in range(windows):
        noise = {name: random.standard_normal((1, *shape), np.float32) for name, shape in exported.inputs.items()}
        answers.append((exported(noise), target(noise)))
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
