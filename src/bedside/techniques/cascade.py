"""Put a cheaper network before the teacher: it answers alone where it is sure (cascade, dynamic precision)."""

from typing import Any, ClassVar

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.compression.adaptive import Switching, settle_thresholds
from bedside.models import Network, described, load, save
from bedside.models.cascade import Cascade
from bedside.params import Params
from bedside.training.loop import Training, prepare_torch
from bedside.training.stages import Validation, open_splits, parameters, validation_metrics


class FitCascade(Params):
    """How true the pair must be to the teacher, and how seldom it may ask it.

    The parent may be another network, or the teacher itself in fewer bits (dynamic precision). Whether the pair takes
    less time than the teacher alone is measured on each target and judged by a gate (G19).
    """

    switching: Switching = Switching()
    validation: Validation = Validation()

    example_parent: ClassVar[str] = "distill"
    example: ClassVar[dict[str, Any]] = {"switching": {"fidelity": 0.9, "most": 1.0}}
    no_gain: ClassVar[dict[str, Any]] = {"switching": {"fidelity": 1.0, "most": 0.01}}


@component(image="train", gives="two_step")
def cascade(*, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: FitCascade) -> Metrics:
    """Choose on validation patients which of the parent's answers stand; the teacher answers the other windows."""
    prepare_torch(Training())
    splits = open_splits(dataset, params.validation)
    small, large = load(parent), load(teacher)
    base = Cascade(small=described(parent), large=described(teacher))
    pair = Network.of(base, splits.inputs, len(splits.classes))
    network = base.network().eval()
    network.first, network.second = small, large
    figures = settle_thresholds(network, splits, params.switching)
    save(network, pair, student)
    return {
        "model/parameters": float(parameters(network)),
        **figures,
        **validation_metrics(network, splits),
    }


if __name__ == "__main__":
    cascade.main()
