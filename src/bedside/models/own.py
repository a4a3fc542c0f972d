"""A network of the user's: any callable of an importable module that returns an `nn.Module`."""

import importlib
import inspect
from typing import Annotated, Any, Literal, Self

import pydantic
from torch import nn

from bedside.datasets.inputs import Shapes
from bedside.errors import RefusedError
from bedside.models.base import Architecture


class Own(Architecture):
    """`factory` is called with `arguments`; what it returns is called with the data set's inputs by name."""

    kind: Literal["torch"] = "torch"
    factory: Annotated[str, pydantic.Field(pattern=r"^[\w.]+:[\w.]+$", description="package.module:name")]
    arguments: dict[str, Any] = pydantic.Field(default={}, description="plain values, by the factory's own names")

    def fitted(self, inputs: Shapes, classes: int) -> Self:
        del classes  # the arguments say how wide it is; whether it fits shows when it answers
        _require_names(self.network(), inputs, self.factory)
        return self

    def network(self) -> nn.Module:
        """The module with fresh weights; RefusedError where the factory cannot be found or makes none."""
        factory = _found(self.factory)
        try:
            network = factory(**self.arguments)
        except Exception as error:  # whatever somebody else's code may raise
            raise RefusedError(
                f"factory: {self.factory} cannot be called with {self.arguments} ({type(error).__name__}: {error}); "
                "correct `arguments`"
            ) from error
        if not isinstance(network, nn.Module):
            raise RefusedError(
                f"factory: {self.factory} returns a {type(network).__name__}; it must return an nn.Module"
            )
        return network


def _found(reference: str) -> Any:
    module, _, name = reference.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except ImportError as error:
        raise RefusedError(
            f"factory: {module} cannot be imported ({error}); install the package that holds it, or name it as "
            "Python imports it"
        ) from error
    except AttributeError:
        raise RefusedError(f"factory: {module} has no {name}; name a class or function of it") from None
    return found


def _require_names(network: nn.Module, inputs: Shapes, factory: str) -> None:
    """Refuse a forward that cannot be called with exactly these inputs by name."""
    parameters = inspect.signature(network.forward).parameters.values()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return
    named = [one.name for one in parameters if one.kind in {one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY}]
    needed = [one.name for one in parameters if one.default is one.empty and one.kind is not one.VAR_POSITIONAL]
    if not set(needed) <= set(inputs) or not set(inputs) <= set(named):
        raise RefusedError(
            f"factory: forward of {factory} takes {', '.join(map(str, parameters)) or 'nothing'}, and a window has "
            f"{', '.join(inputs)}; name forward's parameters as the window's inputs, which are given by name"
        )
