"""A network as data: a base and the edits made to it. Its weights lie beside it, and the two rebuild it."""

from typing import Self

import pydantic
from torch import nn

from bedside.datasets.inputs import Shapes
from bedside.models.base import Architecture
from bedside.models.edits.base import Edit
from bedside.params import Params
from bedside.plugins import Choice


class Network(Params):
    """What reads `inputs` (name -> shape of one window) and answers with a logit for each of `classes`."""

    base: Choice[Architecture]
    edits: tuple[Choice[Edit], ...] = ()
    inputs: dict[str, tuple[pydantic.PositiveInt, ...]]
    classes: int = pydantic.Field(ge=2)

    @classmethod
    def of(cls, base: Architecture, inputs: Shapes, classes: int) -> Self:
        """The network of an architecture for windows of these inputs."""
        shapes = {name: tuple(shape) for name, shape in inputs.items()}
        return cls(base=base.fitted(shapes, classes), inputs=shapes, classes=classes)

    @property
    def kind(self) -> str:
        """What to call it: its base, and what was done to it."""
        return " ".join([*(edit.kind for edit in reversed(self.edits)), self.base.kind])

    def network(self) -> nn.Module:
        """The module, with fresh weights: `forward(**inputs) -> logits (batch, class)`."""
        module = self.base.network()
        for edit in self.edits:
            module = edit.apply(module, self.inputs)
        return module

    def edited(self, edit: Edit) -> Self:
        """The same network after one more edit."""
        return self.model_copy(update={"edits": (*self.edits, edit)})
