"""A file of tensors that cannot be read or written is one message that names it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from bedside import tensors
from bedside.artifacts import ArtifactError, commit, open_artifact, staged
from bedside.datasets.windows import read_windows
from bedside.evaluation.predictions import Predictions
from bedside.models import load
from tests.support.damage import DAMAGES
from tests.support.networks import INPUTS, float_network, model_artifact, shape
from tests.support.outcomes import deciding

READERS: dict[str, Callable[[Path], object]] = {
    "tensors": tensors.load,
    "windows": lambda file: read_windows(file, INPUTS),
    "predictions": lambda file: Predictions.read(file, deciding("N", "V")),
}
ARRAYS = {"logits": np.arange(6.0).reshape(3, 2), "label": np.arange(3)}


def test_the_bytes_are_those_that_the_library_writes(tmp_path: Path) -> None:
    tensors.save(tmp_path / "own", ARRAYS)
    save_file(ARRAYS, tmp_path / "librarys")
    assert (tmp_path / "own").read_bytes() == (tmp_path / "librarys").read_bytes()
    assert {name: array.tolist() for name, array in tensors.load(tmp_path / "own").items()} == {
        name: array.tolist() for name, array in ARRAYS.items()
    }


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_of_tensors_is_refused_by_every_reader(reader: str, tmp_path: Path) -> None:
    tensors.save(tmp_path / "sound", ARRAYS)
    sound, file = (tmp_path / "sound").read_bytes(), tmp_path / "a.safetensors"
    for number, content in enumerate((b"", b"\0" * 8, b"\xff" * 40, sound[:20], sound[:-1], sound + b"\0", b"{}" * 9)):
        file.write_bytes(content)
        with pytest.raises(ArtifactError, match=r"a.safetensors: cannot be read \(") as refused:
            READERS[reader](file)
        assert "\n" not in str(refused.value), number
    file.unlink()
    with pytest.raises(ArtifactError, match=r"a.safetensors: missing"):
        READERS[reader](file)


@pytest.mark.parametrize("number", range(20))
def test_no_damage_to_a_networks_weights_is_a_traceback(number: int, tmp_path: Path) -> None:
    network = model_artifact(tmp_path / "model", float_network(8), shape(8))
    with staged(tmp_path / "forged") as staging:  # sealed anew, so that the digests are right
        for name in network.manifest["files"]:
            (staging / name).write_bytes((network / name).read_bytes())
        weights = staging / "model.safetensors"
        weights.write_bytes(DAMAGES[number % 4](weights.read_bytes()[:400], number))
        commit(staging, tmp_path / "forged", {"labels": {}})
    with pytest.raises(ArtifactError, match=r"model.safetensors: cannot be read"):
        load(open_artifact(tmp_path / "forged"))


def test_a_network_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"model.safetensors: cannot be read \(Error"):
        load(model_artifact(tmp_path / "model", float_network(8), shape(12)))


def test_a_full_disk_is_named_by_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"a.safetensors"):
        tensors.save(tmp_path / "a.safetensors", ARRAYS)
