"""The one way from the bytes of an ONNX file to its graph."""

import onnx

from bedside.edge.whole import require_whole


def model_of(file: bytes) -> onnx.ModelProto:
    """The model in these bytes; RefusedError unless all of its weights are in them (onnx would look beside them)."""
    return onnx.load_from_string(require_whole(file))
