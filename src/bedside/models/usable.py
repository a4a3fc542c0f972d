"""Whether a network can be used for windows of some shape, found out without any data."""

from collections.abc import Iterator

import pydantic

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


def objection(architecture: Architecture, inputs: Shapes, classes: int) -> str | None:
    """Why this network cannot be used, in a sentence; None for one that answers and can be followed."""
    try:
        shape = Network.of(architecture, inputs, classes)
        network = shape.network()
        require_arguments(network, inputs, f"this {shape.kind}")
        answer = asked(network, inputs)
        traced(network, inputs)
    except RefusedError as error:
        return str(error)
    except (RuntimeError, TypeError, ValueError) as error:  # of whatever somebody else's code does with its inputs
        return (
            f"this {architecture.kind} cannot read windows of {said(inputs)} ({str(error).splitlines()[0]}); change it"
        )
    found = tuple(getattr(answer, "shape", ())) or type(answer).__name__
    if found != (2, classes):
        needed = f"logits (2, {classes}) are needed, one per class"
        return f"this {architecture.kind} answers two windows with {found}; {needed}"
    return None
