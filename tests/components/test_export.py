import json
from pathlib import Path

import numpy as np
import pytest

from bedside.artifacts import ArtifactError, open_artifact
from bedside.edge.on_onnxruntime import OnnxRuntimeRunner
from components.export import Export, export
from tests.support.networks import (
    dataset_artifact,
    float_network,
    int8_network,
    int8_shape,
    model_artifact,
    noise,
    shape,
)


def test_a_float_network_becomes_a_graph_that_answers_alike_on_every_validation_window(tmp_path: Path) -> None:
    dataset = dataset_artifact(tmp_path / "dataset", "validation", windows=60)
    model = model_artifact(tmp_path / "model", float_network(12), shape(12))
    metrics = export(dataset=dataset.path, model=model.path, graph=tmp_path / "graph", params=Export())
    graph = open_artifact(tmp_path / "graph")
    parity = graph.json("parity.json")
    assert parity["kind"] == "fp32"
    assert parity["windows"] == 60
    assert parity["max_abs_difference"] < 1e-4
    assert parity["label_changes"] == metrics["parity/label_changes"] == 0
    assert graph.json("complexity.json").keys() == {"parameters", "macs", "activation_peak_bytes"}
    assert OnnxRuntimeRunner((graph / "model.onnx").read_bytes())(noise(3)).shape == (3, 4)
    assert graph.labels == {"source": "simulated"}


def test_the_command_line_exports_a_quantized_network_to_integers(tmp_path: Path) -> None:
    dataset = dataset_artifact(tmp_path / "dataset", "validation", windows=60)
    model = model_artifact(tmp_path / "model", int8_network(12), int8_shape(12))
    ports = {"dataset": dataset.path, "model": model.path, "graph": tmp_path / "graph"}
    export.main([str(part) for part in export.argv({**ports, "params": "{}", "metrics": tmp_path / "metrics.json"})])
    graph = open_artifact(tmp_path / "graph")
    assert graph.json("parity.json")["kind"] == "int8"
    assert graph.json("parity.json")["max_abs_difference"] < 0.05
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["graph/size_bytes"] == (graph / "model.onnx").stat().st_size
    assert np.isfinite(list(metrics.values())).all()


def test_a_dataset_without_the_split_is_refused_by_name(tmp_path: Path) -> None:
    dataset = dataset_artifact(tmp_path / "dataset", "train", windows=60)
    model = model_artifact(tmp_path / "model", float_network(12), shape(12))
    with pytest.raises(ArtifactError, match="validation"):
        export(dataset=dataset.path, model=model.path, graph=tmp_path / "graph", params=Export())
    assert not (tmp_path / "graph").exists()
