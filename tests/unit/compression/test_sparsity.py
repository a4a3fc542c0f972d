"""Zeros stay zeros through training and in the exported file, which is smaller only when it is packed."""

import functools
import gzip
import itertools

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from bedside.compression.pruning.masks import Masks, held, largest, nonzero, require_sparser, weights
from bedside.compression.pruning.schedule import Cubic
from bedside.errors import RefusedError
from bedside.graph.export import export
from bedside.training.batches import Batch, Sampling, Tensors
from bedside.training.loop import Training, fit
from tests.support.networks import CLASSES, INPUTS, float_network, noise, tensors

KEPT = functools.partial(Cubic(multiple=1).kept, 0.75)


def train(network: nn.Module) -> None:
    """Two real epochs with a large step and weight decay; the last epoch is kept."""
    data = Tensors(tensors(noise(64)), torch.arange(64) % len(CLASSES), torch.zeros(64, dtype=torch.int64))
    training = Training(epochs=2, learning_rate=0.01, weight_decay=0.1, sampling=Sampling(windows=128, batch=32))
    epoch = itertools.count()

    def loss(net: nn.Module, batch: Batch) -> Tensor:
        return functional.cross_entropy(net(**batch.inputs), batch.target)

    fit(network, data, len(CLASSES), training, loss, lambda _: {"score": float(next(epoch))})


def sparse() -> tuple[nn.Module, Masks]:
    network = float_network(16)
    masks = largest(network, KEPT)
    with held(network, masks):
        train(network)
    return network, masks


def test_the_smallest_weights_of_every_layer_go() -> None:
    network = float_network(16)
    for name, mask in largest(network, KEPT).items():
        sizes = weights(network)[name].detach().abs()
        assert int(mask.sum()) == round(mask.numel() / 4), name
        assert sizes[mask].min() >= sizes[~mask].max(), name


def test_zeros_stay_zero_while_the_other_weights_are_trained() -> None:
    network, masks = sparse()
    before = weights(float_network(16))
    for name, weight in weights(network).items():
        assert torch.all(weight[~masks[name]] == 0), name
        assert not torch.equal(weight[masks[name]], before[name][masks[name]]), name


def test_weights_move_again_when_nothing_holds_them() -> None:
    network, masks = sparse()
    train(network)
    assert any(bool(torch.any(weight[~masks[name]] != 0)) for name, weight in weights(network).items())


def test_what_is_zero_is_never_kept_for_something_that_is_not() -> None:
    network, masks = sparse()
    later = largest(network, functools.partial(Cubic(multiple=1).kept, 0.9))
    assert all(not bool(torch.any(later[name] & ~masks[name])) for name in masks)


def test_the_exported_graph_has_the_zeros() -> None:
    network, masks = sparse()
    graph = onnx.load_from_string(export(network, INPUTS)).graph
    stored = [numpy_helper.to_array(tensor) for tensor in graph.initializer]
    zeros = sum(int((values == 0).sum()) for values in stored if values.dtype == np.float32 and values.ndim > 1)
    assert zeros >= sum(int((~mask).sum()) for mask in masks.values())


def test_a_dense_file_gains_nothing_until_it_is_packed() -> None:
    dense, thin = (export(network, INPUTS) for network in (float_network(16), sparse()[0]))
    assert len(thin) == pytest.approx(len(dense), rel=0.001)
    assert len(gzip.compress(thin)) < 0.6 * len(gzip.compress(dense))


def test_what_zeros_gained_is_named_for_what_it_is() -> None:
    network, masks = sparse()
    gained = require_sparser(float_network(16), network, 0.5)
    everything = sum(p.numel() for p in network.parameters())
    assert gained["model/sparsity"] == pytest.approx(1 - nonzero(network) / everything)
    assert gained["model/nonzero_parameters"] <= everything - sum(int((~mask).sum()) for mask in masks.values())
    assert gained["model/compressed_bytes"] < 0.6 * gained["model/compressed_bytes_of_parent"]


def test_too_few_zeros_are_refused() -> None:
    with pytest.raises(RefusedError, match=r"made 0\.0% of"):
        require_sparser(float_network(16), float_network(16), 0.3)


def test_zeros_that_do_not_pack_are_refused() -> None:
    before, after = nn.Linear(64, 64), nn.Linear(64, 64)
    with torch.no_grad():
        before.weight.fill_(1.0)  # packs to almost nothing
        after.weight[:32] = 0
    with pytest.raises(RefusedError, match="bytes after gzip"):
        require_sparser(before, after, 0.3)
