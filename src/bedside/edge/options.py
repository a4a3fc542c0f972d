"""The runtimes' own options that answers depend on, and whether a runtime at hand honours them."""

import re
from collections.abc import Mapping

from bedside.errors import RefusedError

# ONNX Runtime adds int8 products in 32 bits on x86 CPUs without VNNI too, where it otherwise lets them saturate at 16.
EXACT_INTEGERS = {"session.x64quantprecision": "1"}
# Without it OpenVINO computes float layers in bf16 where the CPU can.
FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}
# The oldest version of each runtime that was looked at; it may know the option longer.
SINCE = {"session.x64quantprecision": "1.15", "INFERENCE_PRECISION_HINT": "2026.0"}


class UnfitRuntimeError(RefusedError):
    """The runtime at hand cannot run a model as it was judged; the message says what it lacks."""


def require_known(runtime: str, version: str, options: Mapping[str, str]) -> None:
    """UnfitRuntimeError unless each option is one that answers are known to follow, in this version of the runtime.

    A runtime says nothing of an option that it does not know: it ignores it.
    """
    for name in options:
        if name not in SINCE:
            raise UnfitRuntimeError(
                f"the model asks {runtime} for {name}={options[name]}, which this version of bedside cannot vouch for; "
                f"known: {', '.join(SINCE)}"
            )
        if _parts(version) < _parts(SINCE[name]):
            raise UnfitRuntimeError(
                f"the model asks for {name}={options[name]}, which {runtime} knows from version {SINCE[name]} on; "
                f"here is {version}, which would ignore it and answer otherwise: install a newer one"
            )


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
