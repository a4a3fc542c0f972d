"""What every target does: its own form of a graph, an audit of what really runs, and a session to run it in."""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import pydantic

from bedside.edge.runner import Runner, RunSettings, load
from bedside.errors import RefusedError
from bedside.graph.quantized import activation_grids, is_quantized
from bedside.graph.saturation import pairs
from bedside.plugins import Plugin


class Target(Plugin, abc.ABC):
    """Hardware and runtime; `threads` is what the device will spend on one answer.

    `cpu` names the kind of CPU that times must be measured on (`bedside.measurement.cpu`); null takes any.
    """

    runtime: ClassVar[str]
    threads: int = pydantic.Field(default=1, gt=0)
    cpu: str | None = pydantic.Field(default=None, pattern=r"^\S+ \S+$", description="such as `x86-64 avx512_vnni`")

    @abc.abstractmethod
    def compiled(self, graph: bytes) -> bytes:
        """The ONNX file for this target, made from the exported one; deterministic."""

    @abc.abstractmethod
    def audited(self, graph: bytes, optimized: bytes) -> dict[str, Any]:
        """What the runtime makes of `optimized`, beside what was exported (`bedside.graph.operators.audit`)."""

    def optimize(self, graph: bytes) -> tuple[bytes, dict[str, Any]]:
        """The bytes to measure, gate and sign, and their audit; refuses a quantized graph that would run in float."""
        from bedside.graph.reading import model_of

        optimized, model = self.compiled(graph), model_of(graph)
        grids = activation_grids(model)
        audit = self.audited(graph, optimized)
        audit |= {"activation_grids": grids, "numbers": _numbers(is_quantized(model), grids, audit)}
        audit["pairs"] = self.pairs(optimized)
        _refuse_without_integers(grids, audit, self.kind)
        return optimized, audit

    def pairs(self, optimized: bytes) -> dict[str, Any]:
        """Whether its int8 weights can saturate (`bedside.graph.saturation`), and what rules that out if they can."""
        from bedside.graph.reading import model_of

        return {**pairs(model_of(optimized)), "exact_kernels": self.exact_kernels}

    @property
    def options(self) -> Mapping[str, str]:
        """The runtime's own options that answers depend on."""
        return {}

    @property
    def exact_kernels(self) -> str | None:
        """The option that makes the runtime's int8 kernels exact on every CPU, where it is asked for."""
        return None

    @property
    def run(self) -> RunSettings:
        """How the device must run what this target makes."""
        return RunSettings(self.runtime, self.threads, dict(self.options))

    def session(self, model: bytes) -> Runner:
        """Load optimized bytes the way the device will."""
        return load(self.run, model)

    def described(self) -> dict[str, Any]:
        """The target for the evidence: its parameters and the runtime's version."""
        from importlib.metadata import version

        return {**self.model_dump(), "runtime": self.runtime, "version": version(self.runtime)}


def _numbers(quantized: bool, grids: dict[str, int], audit: dict[str, Any]) -> str:
    """In words: what of the declared numbers the runtime computes with."""
    if not quantized:
        return "float32"
    kernels = "some layers in integers" if audit["integer_operators"] else "all layers in float32"
    rounded = f"activations rounded to {' and '.join(grids)}" if grids else "no activation rounded beforehand"
    wide = "; 16-bit grids are emulated: no kernel computes on them" if "uint16" in grids else ""
    return f"int8 weights, {rounded}, {kernels}{wide}"


def _refuse_without_integers(grids: dict[str, int], audit: dict[str, Any], kind: str) -> None:
    """8-bit activations promise integer kernels; a graph of integer weights or 16-bit grids promises none."""
    if grids.keys() - {"uint16"} and not audit["integer_operators"]:
        left = ", ".join(f"{name} x{count}" for name, count in audit["float_operators"].items())
        raise RefusedError(
            f"the graph is quantized, but {kind} would run all of it in float: {left}. Nothing would be gained. "
            "Check that activations and weights of a layer are both quantized (uint8 per tensor, int8 per channel), "
            "or quantize the weights alone (activations: dynamic)."
        )
