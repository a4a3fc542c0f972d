"""Networks are read as graphs, whatever their code looks like, and what has no one graph is refused."""

import pytest
import torch
from torch import Tensor, nn

from bedside.errors import RefusedError
from bedside.models.traced import VALUE, answer, calls, example, traced
from tests.support import zoo

INPUTS = {"signal": (2, 30)}


class Careful(nn.Module):
    """Asks tensors for their shapes, unpacks them, and asserts what it expects."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 5, batch_first=True)
        self.head = nn.Linear(5 * 30, 3)

    def forward(self, signal: Tensor) -> Tensor:
        batch, channels, time = signal.shape
        assert channels == 2
        assert signal.dim() == 3
        sequence, (last, _) = self.lstm(signal.transpose(1, 2))
        if sequence.size(1) != time:
            sequence = last[0]
        logits: Tensor = self.head(sequence.reshape(batch, -1))
        return logits


class Moody(nn.Module):
    """Takes another path for other numbers."""

    def forward(self, signal: Tensor) -> Tensor:
        return signal.mean(dim=2) if signal.sum() > 0 else signal.amax(dim=2)


def test_code_that_looks_at_shapes_is_followed_and_works_for_any_batch() -> None:
    network = Careful().eval()
    graph = traced(network, INPUTS)
    windows = example(INPUTS, 7)
    assert torch.equal(graph(**windows), network(**windows))
    assert list(calls(graph)) == ["lstm", "head"]
    assert answer(graph).meta[VALUE].shape == (2, 3)


def test_a_path_that_depends_on_the_numbers_is_refused_with_what_to_do() -> None:
    with pytest.raises(RefusedError, match=r"Moody\.forward takes another path for other numbers .* torch\.where"):
        traced(Moody(), INPUTS)


def test_tracing_leaves_the_network_in_the_mode_it_was_in() -> None:
    network = Careful().train()
    network.head.eval()
    traced(network, INPUTS)
    assert network.training
    assert not network.head.training


@pytest.mark.parametrize("kind", zoo.SMALL)
@pytest.mark.parametrize("inputs", [zoo.INPUTS, zoo.OTHER_INPUTS], ids=["with features", "a signal alone"])
def test_every_ready_made_network_answers_as_its_graph_does(kind: str, inputs: dict[str, tuple[int, ...]]) -> None:
    network = zoo.lively(zoo.shape_of(kind, inputs).network())
    windows = example(inputs, 3)
    answered = network(**windows)
    assert answered.shape == (3, zoo.CLASSES)
    assert torch.equal(traced(network, inputs)(**windows), answered)
