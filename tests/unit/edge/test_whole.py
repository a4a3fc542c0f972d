"""A model is one file: what names another one to take weights from is loaded by nobody."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    TrainingInfoProto,
)

from bedside.edge.runner import RunSettings, load
from bedside.edge.whole import DATA_LOCATION, EXTERNAL_DATA, INSIDE, require_whole
from bedside.errors import RefusedError
from bedside.graph.reading import model_of
from tests.support.networks import exported, noise
from tests.support.outside import HIDING, hidden_in, moved_out

READERS: dict[str, Callable[[bytes], object]] = {
    "graph": model_of,
    "onnxruntime": lambda file: load(RunSettings("onnxruntime"), file),
    "openvino": lambda file: load(RunSettings("openvino"), file),
}
MESSAGES: dict[str, Any] = {
    "Model": ModelProto,
    "Training": TrainingInfoProto,
    "Function": FunctionProto,
    "Graph": GraphProto,
    "Node": NodeProto,
    "Attribute": AttributeProto,
    "Sparse": SparseTensorProto,
}
BROKEN = [b"\x08", b"<?xml version='1.0'?>", b"\0\0\0\0ORTM", b"\xff" * 20, b"\x3a\xff\xff\x01"]
REFUSED = "takes weights from another file, which nobody verified, signed or counted"


@pytest.mark.parametrize("reader", READERS)
def test_weights_in_another_file_are_loaded_by_no_reader(
    reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where a runtime that is given bytes looks
    for file in moved_out(exported("fp32", 12), tmp_path):
        with pytest.raises(RefusedError, match=REFUSED):
            READERS[reader](file)


def test_a_device_refuses_them_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "windows.npz", allow_pickle=False, **noise(1))
    (tmp_path / "run.json").write_text('{"runtime": "onnxruntime"}')
    (tmp_path / "model.onnx").write_bytes(next(moved_out(exported("fp32", 12), tmp_path)))
    command = ["model.onnx", "--run", "run.json", "--windows", "windows.npz", "--out", "logits.npy"]
    done = subprocess.run(
        [sys.executable, "-m", "bedside.edge.answer", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"model.onnx: this ONNX file {REFUSED}")
    assert not (tmp_path / "logits.npy").exists()


@pytest.mark.parametrize("place", HIDING)
def test_they_are_found_wherever_a_model_can_hold_a_tensor(place: str) -> None:
    with pytest.raises(RefusedError, match=REFUSED):
        require_whole(hidden_in(place))


def test_a_model_with_all_of_its_weights_is_passed_on_as_it_is() -> None:
    for file in (exported("fp32", 12), exported("int8", 12), exported("fp32", 48, 48)):
        assert require_whole(file) is file


@pytest.mark.parametrize(
    "file", [b"\x08", b"<?xml version='1.0'?>", b"\0\0\0\0ORTM", b"\xff" * 20, b"\x3a\xff\xff\x01"]
)
def test_what_is_no_onnx_model_is_refused_as_such(file: bytes) -> None:
    with pytest.raises(RefusedError, match="tiny is no ONNX model, or a damaged one"):
        require_whole(file, "tiny")


def test_the_fields_are_those_of_the_onnx_package() -> None:
    tensor = TensorProto.DESCRIPTOR
    assert (tensor.fields_by_name["external_data"].number, EXTERNAL_DATA) == (13, 13)
    assert tensor.fields_by_name["data_location"].number == DATA_LOCATION
    assert {name: inside(kind) for name, kind in MESSAGES.items()} == INSIDE


def inside(kind: Any) -> dict[int, str]:
    """Number and message of each field of `kind` that leads to a tensor."""
    names = {message.DESCRIPTOR.full_name: name for name, message in {**MESSAGES, "Tensor": TensorProto}.items()}
    fields = [field for field in kind.DESCRIPTOR.fields if field.message_type]
    return {f.number: names[f.message_type.full_name] for f in fields if f.message_type.full_name in names}


def test_no_other_message_leads_to_a_tensor() -> None:
    named = {message.DESCRIPTOR.name for message in MESSAGES.values()} | {"TensorProto"}
    every = onnx.onnx_ml_pb2.DESCRIPTOR.message_types_by_name
    for message in (every[name] for name in every if name not in named):
        assert not inside(SimpleNamespace(DESCRIPTOR=message)), message.name
