"""What every target does: its own form of a graph, an audit of what really runs, and a session to run it in."""

import abc
from typing import Any, ClassVar

import pydantic

from bedside.edge.runner import Runner, load
from bedside.errors import RefusedError
from bedside.graph.quantized import is_quantized
from bedside.plugins import Plugin


class Target(Plugin, abc.ABC):
    """Hardware and runtime; `threads` is what the device will spend on one answer."""

    runtime: ClassVar[str]
    threads: int = pydantic.Field(default=1, gt=0)

    @abc.abstractmethod
    def compiled(self, graph: bytes) -> bytes:
        """The ONNX file for this target, made from the exported one; deterministic."""

    @abc.abstractmethod
    def audited(self, graph: bytes, optimized: bytes) -> dict[str, Any]:
        """What the runtime makes of `optimized`, beside what was exported (`bedside.graph.operators.audit`)."""

    def optimize(self, graph: bytes) -> tuple[bytes, dict[str, Any]]:
        """The bytes to measure, gate and sign, and their audit; refuses a quantized graph that would run in float."""
        optimized = self.compiled(graph)
        audit = self.audited(graph, optimized)
        _refuse_without_integers(graph, audit, self.kind)
        return optimized, audit

    def session(self, model: bytes) -> Runner:
        """Load optimized bytes the way the device will."""
        return load(self.runtime, model, self.threads)

    def described(self) -> dict[str, Any]:
        """The target for the evidence: its parameters and the runtime's version."""
        from importlib.metadata import version

        return {**self.model_dump(), "runtime": self.runtime, "version": version(self.runtime)}


def _refuse_without_integers(graph: bytes, audit: dict[str, Any], kind: str) -> None:
    import onnx

    if is_quantized(onnx.load_from_string(graph)) and not audit["integer_operators"]:
        left = ", ".join(f"{name} x{count}" for name, count in audit["float_operators"].items())
        raise RefusedError(
            f"the graph is quantized, but {kind} would run all of it in float: {left}. Nothing would be gained. "
            "Check that activations and weights of a layer are both quantized (uint8 per tensor, int8 per channel)."
        )
