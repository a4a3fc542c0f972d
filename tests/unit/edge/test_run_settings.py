"""A model is run as it was judged, or not at all."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bedside.edge.options import EXACT_INTEGERS, FLOAT32, UnfitRuntimeError, require_known
from bedside.edge.runner import RunSettings, load
from bedside.targets.onnxruntime import OnnxRuntime
from tests.support.networks import exported, noise


def test_settings_survive_being_written_and_read() -> None:
    settings = OnnxRuntime(exact_integers=True, threads=2).run
    assert RunSettings.read(json.dumps(settings.as_json())) == settings
    assert settings.options == EXACT_INTEGERS


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_an_option_that_the_runtime_would_ignore_is_refused(runtime: str) -> None:
    asked = RunSettings(runtime, options={"make.it.exact": "1"})
    with pytest.raises(UnfitRuntimeError, match=r"make.it.exact=1, which this version of bedside cannot vouch for"):
        load(asked, exported("int8", 12))


def test_a_runtime_too_old_for_an_option_is_refused() -> None:
    with pytest.raises(UnfitRuntimeError, match=r"knows from version 1.15 on; here is 1.9.0"):
        require_known("ONNX Runtime", "1.9.0", EXACT_INTEGERS)
    require_known("ONNX Runtime", "1.31.1", EXACT_INTEGERS)
    require_known("OpenVINO", "2026.4.1-22982-e213a147257-releases/2026/4", FLOAT32)


def test_a_precision_that_openvino_does_not_take_is_refused() -> None:
    with pytest.raises(UnfitRuntimeError, match=r"INFERENCE_PRECISION_HINT=i4"):
        load(RunSettings("openvino", options={"INFERENCE_PRECISION_HINT": "i4"}), exported("fp32", 12))(noise(1))


@pytest.mark.parametrize(
    "text", ["{}", "[]", "not json", '{"runtime": "onnxruntime", "cores": 4}', '{"runtime": "x", "threads": "two"}']
)
def test_settings_that_are_not_understood_are_refused(text: str) -> None:
    with pytest.raises(UnfitRuntimeError, match=r"run\.json"):
        RunSettings.read(text)


def test_an_unknown_runtime_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnfitRuntimeError, match="known: onnxruntime, openvino"):
        load(RunSettings("abacus"), b"")


def test_stored_windows_are_answered_as_in_this_process(tmp_path: Path) -> None:
    target, windows = OnnxRuntime(), noise(20)
    graph, _ = target.optimize(exported("int8", 12))
    (tmp_path / "model.onnx").write_bytes(graph)
    (tmp_path / "run.json").write_text(json.dumps(target.run.as_json()))
    np.savez(tmp_path / "windows.npz", allow_pickle=False, **windows)
    files = ["--run", "run.json", "--windows", "windows.npz", "--out", "logits.npy", "--batch", "8"]
    subprocess.run([sys.executable, "-m", "bedside.edge.answer", "model.onnx", *files], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "logits.npy"), target.session(graph)(windows))
