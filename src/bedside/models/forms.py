"""In which form a network computes: what a technique can start from."""

from bedside.errors import RefusedError
from bedside.models.network import Network

FORMS = {"quantized": "quantized", "early_exit": "two_step"}  # what an edit makes of a network; others leave it float


def form(shape: Network) -> str:
    """`float`, `quantized` (rounded to integer grids) or `two_step` (two networks that answer as one)."""
    if shape.base.kind == "cascade":
        return "two_step"
    return next((FORMS[edit.kind] for edit in reversed(shape.edits) if edit.kind in FORMS), "float")


def require_float(technique: str, shape: Network) -> None:
    """RefusedError for a network in which weights are no longer free to change."""
    if form(shape) != "float":
        raise RefusedError(
            f"{technique} takes a float network, not a {shape.kind}; let {technique} come earlier in the chain "
            "(params.yaml)"
        )
