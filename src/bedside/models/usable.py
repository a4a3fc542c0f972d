"""Whether a network can be used for windows of some shape, found out without any data."""

from collections.abc import Iterator, Sequence

import pydantic
from torch import Tensor, nn

from bedside.datasets.inputs import Shapes, said
from bedside.errors import RefusedError
from bedside.models.base import Architecture
from bedside.models.last import asked, require_arguments
from bedside.models.network import Network
from bedside.models.traced import traced


def networks(params: object, where: str) -> Iterator[tuple[str, Architecture]]:
    """Every architecture among parameters that is for whole windows, with its path: a teacher's, a student's."""
    if not isinstance(params, pydantic.BaseModel):
        return
    for name in ("architecture", "student"):
        if isinstance(found := getattr(params, name, None), Architecture):
            yield f"{where}.{name}", found
    yield from networks(getattr(params, "committee", None), f"{where}.committee")


def objection(architecture: Architecture, inputs: Shapes, classes: Sequence[str]) -> str | None:
    """Why this network cannot be used, in a sentence; None for one that can."""
    try:
        tried(Network.of(architecture, inputs, len(classes)), classes)
    except RefusedError as error:
        return str(error)
    return None


def tried(shape: Network, classes: Sequence[str]) -> nn.Module:
    """The network, with fresh weights, once it has shown that it answers its windows with a logit per class.

    RefusedError for one that does not, and for one that no technique could follow and no exporter write.
    """
    try:
        network = shape.network()
        require_arguments(network, shape.inputs, f"this {shape.kind}")
        answer = asked(network, shape.inputs)
    except RefusedError:
        raise
    except (RuntimeError, TypeError, ValueError) as error:  # of whatever somebody else's code does with its inputs
        reason = (str(error) or type(error).__name__).splitlines()[0]
        read = f"windows of {said(shape.inputs)}"
        raise RefusedError(f"this {shape.kind} cannot read {read} ({reason}); change it") from None
    if not isinstance(answer, Tensor) or answer.shape != (2, len(classes)):
        found = (
            f"of shape {tuple(answer.shape)}" if isinstance(answer, Tensor) else f"that is a {type(answer).__name__}"
        )
        raise RefusedError(
            f"this {shape.kind} answers two windows with something {found}; it must answer with logits "
            f"(2, {len(classes)}), one per class ({', '.join(classes)})"
        )
    traced(network, shape.inputs)
    return network
