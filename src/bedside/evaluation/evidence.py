"""The clinical part of a deployment's evidence, from its logits and the teacher's on the same test windows."""

from collections.abc import Mapping, Sequence
from typing import Any


def evidence(
    logits: Any,
    label: Any,
    record: Any,
    patient: Any,
    sample: Any,
    reference_logits: Any,
    *,
    classes: Sequence[str],
    records: Sequence[str],
    patients: Sequence[str],
    rate: float,
    seconds: Mapping[str, float] | None = None,
    replicates: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Everything the clinical gates and the report ask about one deployment, ready for `evidence.json`.

    `logits` and `reference_logits` are `(beats, class)`, the other arrays `(beats,)`: `label` indexes `classes` (-1 for Q),
    `record` indexes `records`, `patient` indexes `patients`, `sample` is the R peak in samples of the recording, whose
    rate is `rate` per second (not the rate of the windows). `seconds` gives the duration of records; without it, a
    record lasts from its first to its last beat.
    """
    raise NotImplementedError
