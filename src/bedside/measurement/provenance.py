"""Where each figure comes from; nothing is shown without its label."""

from collections.abc import Mapping
from typing import Any, Literal

Provenance = Literal["measured", "emulated", "estimated", "not available"]


def provenance(figures: Mapping[str, Any], where_known: Provenance, prefix: str = "") -> dict[str, str]:
    """`{dotted path: label}` of every figure: `where_known` where there is a value, else "not available".

    Words are no figures.

    Worked: {"p99_ms": 1.5, "energy": {"mj": None}} -> {"p99_ms": "measured", "energy.mj": "not available"}.
    """
    labels: dict[str, str] = {}
    for name, value in figures.items():
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, Mapping):
            labels |= provenance(value, where_known, path)
        elif not isinstance(value, str):
            labels[path] = "not available" if value is None else where_known
    return labels
