import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bedside.artifacts import open_artifact
from bedside.edge.runner import RunSettings
from bedside.params import ParamsError
from bedside.targets import Target
from components.optimize import optimize
from tests.conftest import MakeArtifact
from tests.support.networks import exported, noise

FILES = {"parity.json": '{"kind": "int8"}', "complexity.json": '{"macs": 5}'}


@pytest.fixture
def graph(make_artifact: MakeArtifact) -> Path:
    return make_artifact("graph", {"model.onnx": exported("int8", 12), **FILES}, source="simulated")


@pytest.mark.parametrize("kind", ["onnxruntime", "openvino"])
def test_every_target_gets_its_file_its_audit_and_what_was_known_before(graph: Path, tmp_path: Path, kind: str) -> None:
    metrics = optimize(graph=graph, optimized=tmp_path / "optimized", target={"kind": kind})
    optimized = open_artifact(tmp_path / "optimized")
    audit = optimized.json("audit.json")
    assert audit["operators_before"]["Conv"] == 2
    assert metrics["graph/integer_operators"] == sum(audit["integer_operators"].values()) >= 2
    parity = optimized.json("parity.json")
    assert (parity["kind"], parity["on_target"]["windows"]) == ("int8", 64)
    assert optimized.json("complexity.json") == {"macs": 5}
    assert metrics["graph/size_bytes"] == (optimized / "model.onnx").stat().st_size < len(exported("int8", 12))
    assert optimized.labels == {"source": "simulated"}
    assert RunSettings.read((optimized / "run.json").read_text()).runtime == kind
    assert audit["pairs"]["safe"]
    assert min(audit["pairs"]["layers"].values()) > 0


@pytest.mark.parametrize("kind", ["onnxruntime", "openvino"])
def test_the_measured_bytes_are_compared_with_the_exported_graph_on_the_target(
    make_artifact: MakeArtifact, tmp_path: Path, kind: str
) -> None:
    graph = make_artifact("graph", {"model.onnx": exported("fp32", 12), **FILES}, source="simulated")
    metrics = optimize(graph=graph, optimized=tmp_path / "optimized", target={"kind": kind})
    found = open_artifact(tmp_path / "optimized").json("parity.json")["on_target"]
    assert 0 < found["max_abs_difference"] == metrics["on_target/max_abs_difference"] < 1e-5
    assert found["label_changes"] == metrics["on_target/label_changes"] == 0


@pytest.mark.parametrize("kind", ["onnxruntime", "openvino"])
def test_beside_a_graph_with_a_trick_lies_what_it_would_be_without(graph: Path, tmp_path: Path, kind: str) -> None:
    made = [tmp_path / "optimized", tmp_path / "again"]
    for path in made:
        optimize(graph=graph, optimized=path, target={"kind": kind})
    first, again = map(open_artifact, made)
    assert first.json("plain.json") == {"kind": "float"}
    assert (first / "plain.onnx").read_bytes() == (again / "plain.onnx").read_bytes()
    windows, target = noise(20), Target.build({"kind": kind})
    found, expected = (
        target.session(file)(windows) for file in ((first / "plain.onnx").read_bytes(), exported("fp32", 12))
    )
    np.testing.assert_allclose(found, expected, atol=2e-2)  # its weights stand on the grid they were trained on


def test_a_float_graph_of_one_network_has_nothing_beside_it(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    graph = make_artifact("graph", {"model.onnx": exported("fp32", 12), **FILES}, source="simulated")
    optimize(graph=graph, optimized=tmp_path / "optimized", target={"kind": "onnxruntime"})
    assert not {"plain.onnx", "plain.json"} & set(open_artifact(tmp_path / "optimized").manifest["files"])


def test_the_command_line_reads_the_target_from_a_params_file(graph: Path, tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("targets:\n  large: {kind: onnxruntime, dynamic_lstm_from: 12, integer_linear_from: 1}\n")
    values = {"graph": graph, "optimized": tmp_path / "optimized", "target": f"{params}:targets.large"}
    optimize.main([str(part) for part in optimize.argv(values)])
    assert open_artifact(tmp_path / "optimized").json("audit.json")["float_operators"] == {}


def test_an_unknown_target_is_refused_with_the_known_ones(graph: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="unknown Target kind 'abacus'; known: onnxruntime, openvino"):
        optimize(graph=graph, optimized=tmp_path / "optimized", target={"kind": "abacus"})


def test_the_stages_after_export_never_import_torch_or_mlflow() -> None:
    code = "import json, sys, components.optimize, components.evaluate; print(json.dumps(sorted(sys.modules)))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"torch", "mlflow", "onnxruntime", "openvino", "matplotlib", "great_expectations"}
    assert noise(1)["signal"].shape == (1, 2, 120)
