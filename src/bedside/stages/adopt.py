"""Take a trained network of the user's as the teacher: its weights as they are, judged like every other network."""

from pathlib import Path
from typing import Annotated, Literal

import pydantic
from torch import Tensor, nn

from bedside.approval import accepted
from bedside.artifacts import DatasetIn, In, ModelOut, sha256, write_json
from bedside.component import Metrics, component
from bedside.errors import NotFiniteError, RefusedError
from bedside.models import Architecture, save
from bedside.models.finite import not_finite
from bedside.models.foreign import state_of
from bedside.params import Params
from bedside.plugins import Choice
from bedside.training.loop import Training, prepare_torch
from bedside.training.stages import Splits, Validation, built, open_splits, parameters, validation_metrics

Digest = Annotated[str, pydantic.Field(pattern="^[0-9a-f]{64}$")]


class Adopt(Params):
    """The network's code and its weights, and whom it learned from, as far as that is known.

    `learned_from`: `here`, the training patients of this data set and nobody else; `elsewhere`, other people, as
    `source` says; `undeclared`, nobody knows, and then no figure on test patients means anything (gate G1).
    """

    architecture: Choice[Architecture]
    weights: Path = pydantic.Field(description="safetensors, or a PyTorch state dict that needs no code to be read")
    sha256: Digest = pydantic.Field(description="of the file: other weights are another teacher")
    learned_from: Literal["here", "elsewhere", "undeclared"] = "undeclared"
    source: str = pydantic.Field(default="", description="where the weights come from: a paper, a registry, a team")
    prefix: str = pydantic.Field(default="", description="what stands before each name in the file, as `module.`")
    validation: Validation = Validation()

    @pydantic.model_validator(mode="after")
    def _says_where(self) -> "Adopt":
        if self.learned_from == "elsewhere" and not self.source:
            raise ValueError("learned_from: elsewhere needs `source`, for a reviewer to follow it up")
        return self


@component(image="train")
def adopt(*, dataset: DatasetIn, approval: In, teacher: ModelOut, params: Adopt) -> Metrics:
    """Put weights into the network that they belong to; nothing is trained. Validation patients say how good it is."""
    accepted(approval, dataset)
    prepare_torch(Training())
    splits = open_splits(dataset, params.validation)
    shape = splits.fitted(params.architecture)
    network = built(shape, splits, "adopt.architecture")
    _fill(network, _read(params), params)
    if found := not_finite(network):
        raise NotFiniteError("adopt.weights", f"hold {found}", "train the network again")
    save(network.eval(), shape, teacher)
    about = {"learned_from": params.learned_from, "source": params.source, "sha256": params.sha256}
    write_json(teacher / "provenance.json", about)
    write_json(teacher / "labels.json", {"adopted": params.learned_from})
    return {"model/parameters": float(parameters(network)), **_judged(network, splits)}


def _read(params: Adopt) -> dict[str, Tensor]:
    """The tensors of the weights' file, once it is the one that the parameters mean."""
    if not params.weights.is_file():
        raise RefusedError(f"adopt.weights: no file {params.weights}; its path is relative to the project's folder")
    if (found := sha256(params.weights)) != params.sha256:
        raise RefusedError(
            f"adopt.sha256: {params.weights} has {found}; write that there if these are the weights meant"
        )
    return {name.removeprefix(params.prefix): tensor for name, tensor in state_of(params.weights).items()}


def _fill(network: nn.Module, state: dict[str, Tensor], params: Adopt) -> None:
    """Load every tensor into its place; RefusedError with the first that does not fit."""
    own = network.state_dict()
    if missing := [name for name in own if name not in state]:
        raise RefusedError(_misfit(params, f"the file has no {missing[0]}", len(missing), [*state]))
    if unknown := [name for name in state if name not in own]:
        raise RefusedError(_misfit(params, f"the network has no {unknown[0]}", len(unknown), [*own]))
    for name, tensor in own.items():
        if tensor.shape != state[name].shape:
            sizes = f"{name} is {tuple(state[name].shape)} in the file and {tuple(tensor.shape)} in the network"
            raise RefusedError(f"adopt.weights: {sizes}; correct adopt.architecture, as its `arguments`")
    network.load_state_dict(state)


def _misfit(params: Adopt, what: str, count: int, others: list[str]) -> str:
    more = f" (nor {count - 1} others)" if count > 1 else ""
    return (
        f"adopt.weights: {params.weights} is not of this network: {what}{more}; there are {', '.join(others[:3])} ...; "
        "correct adopt.architecture, or adopt.prefix where all names begin alike"
    )


def _judged(network: nn.Module, splits: Splits) -> dict[str, float]:
    return {**validation_metrics(network, splits), **{f"validation/{k}": v for k, v in splits.score(network).items()}}


if __name__ == "__main__":
    adopt.main()
