from torch import nn

from bedside.graph.complexity import complexity
from tests.support.networks import exported, float_network


def test_multiply_accumulates_are_those_counted_by_hand() -> None:
    first = 60 * 8 * 2 * 5  # time x channels x inputs x kernel
    second = 30 * 16 * 8 * 5
    lstm = 30 * 4 * 12 * (16 + 12)  # steps x gates x units x (inputs + units)
    head = (12 + 7) * 16 + 16 * 4
    assert complexity(exported("fp32", 12))["macs"] == first + second + lstm + head


def test_parameters_are_those_of_the_network_with_its_batch_norms_folded() -> None:
    network = float_network(12)
    own = sum(p.numel() for p in network.parameters())
    norms = sum(p.numel() for name, p in network.named_parameters() if ".norm." in name)
    biases = sum(layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv1d))
    assert complexity(exported("fp32", 12))["parameters"] == own - norms + biases


def test_the_peak_of_a_float_graph_is_its_two_largest_neighbours() -> None:
    # between the convolutions: 60 x 8 in and 30 x 16 out, and the rhythm that waits for the head
    assert complexity(exported("fp32", 12))["activation_peak_bytes"] == 4 * (60 * 8 + 30 * 16 + 7)


def test_quantizing_changes_neither_parameters_nor_work_but_shrinks_activations() -> None:
    full, small = complexity(exported("fp32", 12)), complexity(exported("int8", 12))
    assert small["macs"] == full["macs"]
    assert small["parameters"] == full["parameters"]
    assert small["activation_peak_bytes"] < full["activation_peak_bytes"]
