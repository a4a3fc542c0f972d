"""Whether a graph is made of numbers, and answers in them."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from bedside.errors import NotFiniteError
from bedside.graph.surgery import with_branches


def require_constants(model: onnx.ModelProto, whose: str) -> None:
    """NotFiniteError for a constant that is not finite, in branches too; minus infinity is how a mask says "never"."""
    for graph in with_branches(model.graph):
        for tensor in graph.initializer:
            value = numpy_helper.to_array(tensor)
            if value.dtype.kind == "f" and (np.isnan(value) | (value == np.inf)).any():
                readers = sorted({node.op_type for node in graph.node if tensor.name in node.input})
                raise NotFiniteError(
                    whose,
                    f"holds weights that are not finite (of {' and '.join(readers)})",
                    "train the network again with a lower training.learning_rate, and export that",
                )


def require_answers(whose: str, logits: NDArray[np.float32], advice: str) -> None:
    """NotFiniteError where any of the logits (window, class) is not finite: its argmax would still name a class."""
    silent = int((~np.isfinite(logits)).any(axis=1).sum())
    if silent:
        found = f"answers {silent} of {len(logits)} windows with numbers that are not finite"
        raise NotFiniteError(whose, found, advice)
