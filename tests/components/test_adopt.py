"""A trained network of one's own becomes the teacher: its weights as they are, labelled with whom it learned from."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from bedside.artifacts import open_artifact, sha256
from bedside.datasets.inputs import declared
from bedside.errors import NotFiniteError, RefusedError
from bedside.models import load
from bedside.models.traced import example
from components.adopt import adopt
from components.prune import prune
from tests.cohort import Cohort


class Own(nn.Module):
    """A network that bedside has never seen: two branches that are added up, squeezed by a gate."""

    def __init__(self, width: int = 12, features: int = 14, classes: int = 4) -> None:
        super().__init__()
        self.short = nn.Conv1d(2, width, 5, stride=4, padding=2)
        self.long = nn.Conv1d(2, width, 21, stride=4, padding=10)
        self.gate = nn.Linear(width, width)
        self.head = nn.Linear(width + features, classes)

    def forward(self, signal: Tensor, rhythm: Tensor) -> Tensor:
        read = torch.relu(self.short(signal) + self.long(signal)).mean(dim=2)
        gated = read * torch.sigmoid(self.gate(read))
        logits: Tensor = self.head(torch.cat([gated, rhythm], dim=1))
        return logits


class Positional(Own):
    """Takes its inputs by place."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return super().forward(*inputs)


class Pair(Own):
    """Answers with two things."""

    def forward(self, signal: Tensor, rhythm: Tensor) -> Any:
        return super().forward(signal, rhythm), signal


class Moody(Own):
    """Takes another path for other numbers."""

    def forward(self, signal: Tensor, rhythm: Tensor) -> Tensor:
        return super().forward(signal if signal.mean() > 0 else -signal, rhythm)


def not_a_network() -> dict[str, int]:
    return {}


HERE = "tests.components.test_adopt"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    safetensors.torch.save_file(Own().state_dict(), tmp_path / "own.safetensors")
    return tmp_path / "own.safetensors"


def adopted(cohort: Cohort, approval: Path, out: Path, weights: Path, **params: Any) -> Path:
    given = {"architecture": {"kind": "torch", "factory": f"{HERE}:Own"}, "weights": str(weights)}
    if weights.is_file():
        given["sha256"] = sha256(weights)
    adopt(dataset=cohort.dataset, approval=approval, teacher=out, params={**given, **params})
    return out


def test_it_answers_as_it_did_before(cohort: Cohort, approval: Path, tmp_path: Path, weights: Path) -> None:
    made = open_artifact(adopted(cohort, approval, tmp_path / "teacher", weights, learned_from="here"))
    windows = example(declared(open_artifact(cohort.dataset).json("dataset.json")), 5)
    before = Own()
    before.load_state_dict(safetensors.torch.load_file(weights))
    assert torch.equal(load(made)(**windows), before.eval()(**windows))
    assert made.labels["adopted"] == "here"
    assert made.json("provenance.json")["sha256"] == sha256(weights)


@pytest.mark.parametrize("wrapped", [False, True], ids=["a state dict", "a checkpoint that holds one"])
def test_a_pytorch_file_of_numbers_is_as_good(
    wrapped: bool, cohort: Cohort, approval: Path, tmp_path: Path, weights: Path
) -> None:
    state = {f"module.{name}": tensor for name, tensor in safetensors.torch.load_file(weights).items()}
    torch.save({"epoch": 3, "state_dict": state} if wrapped else state, tmp_path / "own.pt")
    made = adopted(cohort, approval, tmp_path / "teacher", tmp_path / "own.pt", prefix="module.")
    other = adopted(cohort, approval, tmp_path / "other", weights)
    assert sha256(made / "model.safetensors") == sha256(other / "model.safetensors")


def test_it_is_a_parent_like_any_other(cohort: Cohort, approval: Path, tmp_path: Path, weights: Path) -> None:
    teacher = adopted(cohort, approval, tmp_path / "teacher", weights, learned_from="elsewhere", source="a paper")
    training = {"epochs": 1, "sampling": {"windows": 64, "batch": 32}}
    schedule = {"kind": "one_shot", "ratio": 0.5, "multiple": 2}
    params = {"schedule": schedule, "training": training}
    metrics = prune(dataset=cohort.dataset, teacher=teacher, parent=teacher, student=tmp_path / "pruned", params=params)
    made = open_artifact(tmp_path / "pruned")
    assert metrics["model/parameters_removed"] > 0.4
    assert made.labels["adopted"] == "elsewhere"
    assert load(made).get_parameter("short.weight").shape[0] == 6


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"architecture": {"kind": "torch", "factory": "nowhere.nets:Own"}}, "nowhere.nets cannot be imported"),
        ({"architecture": {"kind": "torch", "factory": f"{HERE}:Missing"}}, f"{HERE} has no Missing"),
        ({"architecture": {"kind": "torch", "factory": f"{HERE}:not_a_network"}}, "returns a dict; it must return"),
        (
            {"architecture": {"kind": "torch", "factory": f"{HERE}:Own", "arguments": {"wide": 3}}},
            r"cannot be called with \{'wide': 3\}",
        ),
        ({"architecture": {"kind": "torch", "factory": f"{HERE}:Positional"}}, "takes \\*inputs.*, and a window has"),
        ({"architecture": {"kind": "torch", "factory": f"{HERE}:Pair"}}, "something that is a tuple"),
        ({"architecture": {"kind": "torch", "factory": f"{HERE}:Moody"}}, "takes another path for other numbers"),
        (
            {"architecture": {"kind": "torch", "factory": f"{HERE}:Own", "arguments": {"width": 13}}},
            r"short.weight is \(12, 2, 5\) in the file and \(13, 2, 5\) in the network",
        ),
        ({"architecture": {"kind": "perceptron"}}, "is not of this network: the file has no hidden.0.weight"),
        ({"sha256": "0" * 64}, "write that there if these are the weights meant"),
    ],
)
def test_what_cannot_be_adopted_is_refused_with_the_cause_and_what_to_change(  # noqa: PLR0917
    params: dict[str, Any], words: str, cohort: Cohort, approval: Path, tmp_path: Path, weights: Path
) -> None:
    with pytest.raises(RefusedError, match=words):
        adopted(cohort, approval, tmp_path / "teacher", weights, **params)
    assert not (tmp_path / "teacher").exists()


def test_a_pickle_is_refused_unread(cohort: Cohort, approval: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "it ran",))

    (tmp_path / "own.pt").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(RefusedError, match="that would run code to be read; save the network's state_dict"):
        adopted(cohort, approval, tmp_path / "teacher", tmp_path / "own.pt")
    torch.save(Own(), tmp_path / "whole.pt")
    with pytest.raises(RefusedError, match="that would run code"):
        adopted(cohort, approval, tmp_path / "teacher", tmp_path / "whole.pt")
    assert not (tmp_path / "it ran").exists()


def test_weights_that_are_no_numbers_are_refused(cohort: Cohort, approval: Path, tmp_path: Path, weights: Path) -> None:
    state = safetensors.torch.load_file(weights)
    state["head.weight"][0, 0] = float("nan")
    safetensors.torch.save_file(state, weights)
    with pytest.raises(NotFiniteError, match=r"adopt.weights hold 1 values that are not finite .in head.weight"):
        adopted(cohort, approval, tmp_path / "teacher", weights)


def test_weights_from_elsewhere_need_a_source(cohort: Cohort, approval: Path, tmp_path: Path, weights: Path) -> None:
    with pytest.raises(ValueError, match="learned_from: elsewhere needs `source`"):
        adopted(cohort, approval, tmp_path / "teacher", weights, learned_from="elsewhere")
