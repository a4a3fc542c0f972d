"""The family of edits: each says in data how a module of a network was replaced."""

import abc
from collections.abc import Iterable

from torch import nn

from bedside.datasets.inputs import Shapes
from bedside.errors import RefusedError
from bedside.plugins import Plugin


class Edit(Plugin, abc.ABC):
    """One change; its fields are enough to make it again in a network that has not had it."""

    @abc.abstractmethod
    def apply(self, network: nn.Module, inputs: Shapes) -> nn.Module:
        """The network with this change, its new parts with fresh weights; the one given is changed and not kept."""


def layer(network: nn.Module, path: str) -> nn.Module:
    """The module at a path; RefusedError for one that is not there."""
    try:
        return network.get_submodule(path)
    except AttributeError:
        known = ", ".join(name for name, module in network.named_modules() if name and not list(module.children()))
        raise RefusedError(f"the network has no module {path!r}; known: {known}") from None


def among(path: str, named: Iterable[str]) -> bool:
    """Whether a module, or one that holds it, is named: `blocks.0` names `blocks.0.conv` too."""
    return any(path == name or path.startswith(f"{name}.") for name in named)
