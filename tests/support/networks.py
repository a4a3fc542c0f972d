"""Small real networks and the artifacts around them, for everything that exports, optimizes and measures."""

import functools
import json
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from torch import fx, nn

from bedside.artifacts import Artifact, commit, open_artifact, staged
from bedside.datasets.inputs import Arrays, Shapes, described
from bedside.datasets.windows import Windows, write_windows
from bedside.graph.export import export
from bedside.models import Network, save
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork, ConvBlock
from bedside.models.edits.quantized import Quantized, grids, quantized, settle, use
from bedside.tasks.ecg_beats.outcome import OUTCOME

INPUTS: Shapes = {"signal": (2, 120), "rhythm": (7,)}
Floats = NDArray[np.float32]
Kind = Literal["fp32", "int8"]
CLASSES = OUTCOME.classes


def shape(*units: int, channels: tuple[int, ...] = (8, 16), head: int = 16) -> Network:
    """A CNN-LSTM with these LSTM layers."""
    blocks = tuple(ConvBlock(channels=c, kernel=5, stride=2) for c in channels)
    return Network.of(CnnLstm(convolutions=blocks, lstm=units, head=head), INPUTS, len(CLASSES))


def int8_shape(*units: int) -> Network:
    """The same with every activation on 8 bits."""
    return shape(*units).edited(Quantized())


def cnn_lstm(shape: Network) -> CnnLstmNetwork:
    """The module of a CNN-LSTM, with fresh weights."""
    network = shape.network()
    assert isinstance(network, CnnLstmNetwork)
    return network


def float_network(*units: int, seed: int = 0) -> CnnLstmNetwork:
    """An untrained network whose batch norms have seen something, so that folding them shows."""
    torch.manual_seed(seed)
    network = cnn_lstm(shape(*units))
    with torch.no_grad():
        network.train()(**tensors(noise(64)))
    return network.eval()


def int8_network(*units: int, seed: int = 0, bits: int = 8) -> fx.GraphModule:
    """A fake-quantized network whose ranges come from noise; `bits` are those of its activations."""
    network = quantized(float_network(*units, seed=seed), INPUTS)
    with torch.no_grad():
        network.train()(**tensors(noise(64)))
    settle(network)
    use(network, dict.fromkeys(grids(network), bits))
    return network.eval()


@functools.cache
def exported(kind: Kind, *units: int) -> bytes:
    """The exported graph of a small network with these LSTM layers; made once per test run."""
    return export(float_network(*units) if kind == "fp32" else int8_network(*units), INPUTS)


def full_grid(graph: bytes) -> bytes:
    """Weights as other tools round them: the largest of each row at 127, and the second wherever it falls."""
    model = onnx.load_from_string(graph)
    for tensor in model.graph.initializer:
        steps = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.INT8 and steps.ndim > 1:
            rows = steps.reshape(len(steps), -1).astype(np.float32)
            wide = np.rint(rows * 127 / np.abs(rows).max(axis=1, keepdims=True)).astype(np.int8)
            tensor.CopyFrom(numpy_helper.from_array(wide.reshape(steps.shape), tensor.name))
    widened: bytes = model.SerializeToString()
    return widened


def noise(windows: int, seed: int = 0) -> dict[str, Floats]:
    """Windows of noise for each input."""
    random = np.random.default_rng(seed)
    return {name: random.normal(size=(windows, *size)).astype(np.float32) for name, size in INPUTS.items()}


def tensors(arrays: Arrays) -> dict[str, torch.Tensor]:
    """The same inputs as a network takes them."""
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def model_artifact(path: Path, network: nn.Module, architecture: Network) -> Artifact:
    """A complete model artifact at `path`."""
    with staged(path) as staging:
        save(network, architecture, staging)
        return open_artifact(commit(staging, path, {"labels": {"source": "simulated"}}).path)


def dataset_artifact(path: Path, split: str, windows: int = 200, patients: int = 5) -> Artifact:
    """A dataset with one split: noise, every class in every patient, one unscored beat in 50."""
    rows = np.arange(windows)
    label = np.where(rows % 50 == 49, -1, rows % len(CLASSES))
    owner = rows * patients // windows
    about = {
        "outcome": OUTCOME.model_dump(mode="json"),
        "inputs": described(INPUTS),
        "sampling_rate": 90.0,
        "recording_rate": 360.0,
        "proof": {"shared_patients": 0},
        "records": [f"r{i}" for i in range(patients)],
        "patients": [f"p{i}" for i in range(patients)],
    }
    with staged(path) as staging:
        write_windows(staging / f"{split}.safetensors", Windows(noise(windows), label, owner, owner, rows * 300))
        (staging / "dataset.json").write_text(json.dumps(about))
        return open_artifact(commit(staging, path, {"labels": {"source": "simulated"}}).path)
