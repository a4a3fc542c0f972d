"""int8 files answer alike on emulated CPUs without VNNI; one on the full int8 grid shows that differences are seen."""

from pathlib import Path

import numpy as np
import pytest

from bedside.errors import RefusedError
from bedside.graph.export import export
from bedside.targets import Target
from bedside.targets.onnxruntime import OnnxRuntime
from bedside.targets.openvino import OpenVino
from benchmarks.cpus import Cpu, native, without_vnni
from tests.support.networks import INPUTS, exported, full_grid, int8_network, noise

pytestmark = pytest.mark.slow
EVERYTHING = OnnxRuntime(integer_linear_from=1, dynamic_lstm_from=1)
TARGETS = {"onnxruntime": OnnxRuntime(), "everything": EVERYTHING, "openvino": OpenVino()}
each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
WINDOWS = 3000


def emulated(model: str) -> Cpu:
    try:
        return without_vnni(model)
    except RefusedError as error:  # `.ci/run` installs it where it can
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def avx2() -> Cpu:
    return emulated("Haswell")


@pytest.fixture(scope="module")
def sse4() -> Cpu:
    return emulated("Nehalem")


def apart(target: Target, graph: bytes, cpu: Cpu) -> tuple[int, float]:
    """Changed answers and the largest difference of a logit, that CPU against this machine."""
    file, _ = target.optimize(graph)
    windows = noise(WINDOWS)
    here, there = (each.answers(file, target.run, windows, batch=64) for each in (native(), cpu))
    return int((here.argmax(1) != there.argmax(1)).sum()), float(np.abs(here - there).max())


def widened(bits: int) -> bytes:
    return export(int8_network(48, bits=bits), INPUTS)


GRAPHS = {
    "convolutions": lambda: exported("int8"),
    "small LSTM": lambda: exported("int8", 12),
    "dynamic LSTM": lambda: exported("int8", 48),
    "16 bits": lambda: widened(16),
    "weights alone": lambda: widened(32),
    "float": lambda: exported("fp32", 12),  # of the emulator itself
}


@each_target
@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS.keys())
def test_a_cpu_without_vnni_gives_the_same_answers(target: Target, graph, avx2: Cpu) -> None:  # type: ignore[no-untyped-def]
    changes, most = apart(target, graph(), avx2)
    assert changes == 0
    assert most < 1e-4


@each_target
def test_a_cpu_without_avx_gives_the_same_answers(target: Target, sse4: Cpu) -> None:
    changes, most = apart(target, exported("int8", 48), sse4)
    assert changes == 0
    assert most < 2e-2  # its float LSTM rounds otherwise, and grids make a step of that


def test_a_file_on_the_full_int8_grid_answers_otherwise_there_unless_exact_kernels_are_asked_for(avx2: Cpu) -> None:
    full, windows = full_grid(exported("int8", 48)), noise(500)
    exact = OnnxRuntime(integer_linear_from=1, dynamic_lstm_from=1, exact_integers=True)
    file, _ = EVERYTHING.optimize(full)
    cut_off, right = (avx2.answers(file, run, windows) for run in (EVERYTHING.run, exact.run))
    assert np.abs(cut_off - right).max() > 1e-3  # whatever this machine is
    assert apart(exact, full, avx2)[1] < 1e-4


@each_target
def test_a_target_makes_the_same_bytes_there_and_refuses_nothing(target: Target, avx2: Cpu, tmp_path: Path) -> None:
    (tmp_path / "exported.onnx").write_bytes(exported("int8", 48))
    code = (
        "from pathlib import Path; from bedside.targets import Target; "
        f"target = Target.build({target.model_dump()!r}); "
        "file, audit = target.optimize(Path('exported.onnx').read_bytes()); Path('made.onnx').write_bytes(file); "
        "print(audit['pairs']['safe'], bool(audit['integer_operators']))"
    )
    assert avx2.run("-c", code, folder=tmp_path).splitlines()[-1] == "True True"
    here, _ = target.optimize(exported("int8", 48))
    assert (tmp_path / "made.onnx").read_bytes() == here
