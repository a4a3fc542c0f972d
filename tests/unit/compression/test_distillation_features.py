"""Feature distillation: the student comes to see what the teacher sees, and a kill costs no bit of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bedside import scratch
from bedside.compression.distillation import Features, Hinted, SoftTargets, distillation_loss, feature_distillation
from bedside.compression.distillation.features import unexplained
from bedside.models.cnn_lstm import CnnLstmNetwork
from bedside.training.batches import Tensors
from bedside.training.loop import Training, fit, prepare_torch
from tests.support.networks import cnn_lstm
from tests.unit.compression.waves import CLASSES, LARGE, RHYTHM, SMALL, latest, training, weights

LONG, SHORT = training(epochs=12, learning_rate=1e-2), training(epochs=3, learning_rate=1e-2, windows=64)
RECORD = {"component": "distill", "params": {}}


def noise(windows: int) -> Tensors:
    inputs = {"signal": torch.randn(windows, 2, 40), "rhythm": torch.randn(windows, RHYTHM)}
    return Tensors(inputs, torch.arange(windows) % 4, torch.zeros(windows, dtype=torch.int64))


torch.manual_seed(0)
DATA = noise(200)


@pytest.fixture(scope="module")
def teacher() -> CnnLstmNetwork:
    """One that sees many things in noise, and has no use for most of them in its answers."""
    torch.manual_seed(1)
    network = cnn_lstm(LARGE)
    with torch.no_grad():
        network(**DATA.inputs)  # its batch norm has seen something
    return network.eval()


def hinted(
    teacher: nn.Module, weight: float, how: Training, score: Callable[[nn.Module], dict[str, float]] = latest
) -> Hinted:
    """A student and its projection after a training on soft targets and features."""
    prepare_torch(how)
    pair = Hinted(SMALL.network(), teacher, DATA.shapes)
    loss = distillation_loss(SoftTargets(), teacher)
    with feature_distillation(Features(weight=weight), pair, loss) as both:
        fit(pair, DATA, len(CLASSES), how, both, score)
    return pair


def features(network: CnnLstmNetwork) -> Tensor:
    """What enters the last layer."""
    heard: list[Tensor] = []
    hook = network.output.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    network(**DATA.inputs)
    hook.remove()
    return heard[0]


def least_unexplained(student: CnnLstmNetwork, teacher: CnnLstmNetwork) -> float:
    """What the best linear map of the student's features leaves unexplained of the teacher's."""
    with torch.no_grad():
        own, wanted = (features(network).double() for network in (student, teacher))
        own = torch.cat([own, torch.ones(len(own), 1)], dim=1)
        return unexplained(own @ torch.linalg.pinv(own) @ wanted, wanted).item()


def test_features_become_those_of_the_teacher_up_to_a_linear_map(teacher: CnnLstmNetwork) -> None:
    told, untold = (hinted(teacher, weight, LONG).student for weight in (10.0, 1e-9))
    assert isinstance(told, CnnLstmNetwork)
    assert isinstance(untold, CnnLstmNetwork)
    assert least_unexplained(told, teacher) < 0.95 * least_unexplained(untold, teacher)


def test_the_same_seed_gives_the_same_student_and_projection(teacher: CnnLstmNetwork) -> None:
    assert weights(hinted(teacher, 1.0, SHORT)) == weights(hinted(teacher, 1.0, SHORT))


@pytest.mark.parametrize("killed_at", [1, 2])
def test_a_killed_training_goes_on_with_the_projection_it_had(
    killed_at: int, teacher: CnnLstmNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path))
    judged = 0

    def interrupted(network: nn.Module) -> dict[str, float]:
        nonlocal judged
        judged += 1
        if judged == killed_at + 2:  # it is judged before the first epoch too
            raise KeyboardInterrupt
        return latest(network)

    with pytest.raises(KeyboardInterrupt), scratch.opened(RECORD):
        hinted(teacher, 1.0, SHORT, interrupted)
    with scratch.opened(RECORD):
        resumed = hinted(teacher, 1.0, SHORT)
    assert weights(resumed) == weights(hinted(teacher, 1.0, SHORT))


def test_the_student_is_left_as_it_was_built(teacher: CnnLstmNetwork) -> None:
    student = hinted(teacher, 1.0, SHORT).student
    assert student.state_dict().keys() == SMALL.network().state_dict().keys()
    assert not student.get_submodule("output")._forward_pre_hooks
    assert not teacher.output._forward_pre_hooks
