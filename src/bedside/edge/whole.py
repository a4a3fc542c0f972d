"""A model is one file: an ONNX file can name others to take its weights from, which nobody verified, signed or counted.

A runtime that is given bytes looks for such files in the working folder. So every ONNX file is asked here before it is
loaded, with nothing but its own bytes: a device has a runtime, and no onnx package.
"""

from collections.abc import Iterator

from bedside.errors import RefusedError

# Fields that lead to a tensor, by message (onnx.proto3); a test compares them with the onnx package.
INSIDE = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # of a tensor
DEEPEST = 100  # messages in each other; protobuf itself reads no more
VARINT, BYTES = 0, 2
FIXED = {1: 8, 5: 4}


def require_whole(model: bytes, name: object = "this ONNX file") -> bytes:
    """The same bytes, if they are one ONNX model with all of its weights in it; RefusedError if not."""
    try:
        is_whole = not any(_outside(memoryview(model), "Model", 0))
    except (ValueError, IndexError):
        raise RefusedError(f"{name} is no ONNX model, or a damaged one; export or optimize it again") from None
    if not is_whole:
        raise RefusedError(
            f"{name} takes weights from another file, which nobody verified, signed or counted; save the model with "
            "all of its weights in one file (onnx.save with save_as_external_data=False)"
        )
    return model


def _outside(message: memoryview, kind: str, depth: int) -> Iterator[bool]:
    """For every tensor of the message: does it say that its data is elsewhere?"""
    if depth > DEEPEST:
        raise ValueError("deeper than protobuf reads")
    for field, content in _fields(message):
        if kind == "Tensor":
            yield field == EXTERNAL_DATA or (field == DATA_LOCATION and content != 0)
        elif (inner := INSIDE[kind].get(field)) is not None:
            if not isinstance(content, memoryview):
                raise ValueError("a number in place of a message")
            yield from _outside(content, inner, depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Number and content of each field of a protobuf message; ValueError or IndexError where it is none."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        field, wire = tag >> 3, tag & 7
        content: memoryview | int = 0
        if wire == VARINT:
            content, position = _varint(message, position)
        else:
            length, position = _varint(message, position) if wire == BYTES else (FIXED.get(wire, -1), position)
            if not 0 <= length <= len(message) - position:
                raise ValueError("longer than what is there, or of an unknown kind")
            content, position = message[position : position + length], position + length
        yield field, content


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """A number of 7 bits per byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number without an end")
