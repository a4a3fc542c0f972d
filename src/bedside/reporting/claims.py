"""The figures that the article behind this project claims, as data, beside what was measured here."""

from collections.abc import Mapping, Sequence

import pydantic

from bedside.lineage import ROOT
from bedside.params import Params
from bedside.summary import MISSING, Summary


class SeedClaim(Params):
    """One row of the article's table; None where it says nothing."""

    technique: str
    size_reduction: float | None = pydantic.Field(default=None, ge=0, lt=1)
    times_faster: float | None = pydantic.Field(default=None, gt=0)
    accuracy: float = pydantic.Field(gt=0, le=1)


# The article of 2025-05-06 on an ICU monitor: one unnamed device, unnamed data, accuracy as the only yardstick.
COMBINED = SeedClaim(technique="combined", size_reduction=0.84, times_faster=5.3, accuracy=0.927)
SEED = {
    ROOT: SeedClaim(technique="baseline CNN-LSTM", accuracy=0.942),
    "quantized": SeedClaim(technique="QAT (int8)", size_reduction=0.75, times_faster=3.2, accuracy=0.938),
    "pruned": SeedClaim(technique="structured pruning 30%", size_reduction=0.52, times_faster=1.8, accuracy=0.929),
    "distilled": SeedClaim(technique="knowledge distillation", size_reduction=0.68, times_faster=2.5, accuracy=0.931),
    "weights-only": SeedClaim(
        technique="ONNX + hardware optimization", size_reduction=0.75, times_faster=4.1, accuracy=0.938
    ),
    "combined": COMBINED,
    "smallest": COMBINED,  # the same techniques, with one more distillation before them
}
COLUMNS = (
    "technique",
    "target",
    "smaller: claimed",
    "measured",
    "faster: claimed",
    "measured",
    "accuracy: claimed",
    "measured",
)


def rows(summaries: Sequence[Summary], claims: Mapping[str, SeedClaim]) -> list[list[str]]:
    """A row per claimed technique and target; the yardstick of both is the teacher on the same target."""
    teachers = {s.target: s for s in summaries if not s.is_compressed}
    found = [(claims[s.variant], s) for s in summaries if s.variant in claims]
    return [_row(claim, summary, teachers.get(summary.target)) for claim, summary in found]


def _row(claim: SeedClaim, summary: Summary, teacher: Summary | None) -> list[str]:
    size, baseline = summary.figure("size_bytes"), teacher.figure("size_bytes") if teacher else None
    reduction = 1 - size / baseline if size and baseline and summary.is_compressed else None
    faster = summary.times_faster if summary.is_compressed else None
    return [
        f"{claim.technique} ({summary.variant})",
        summary.target,
        _percent(claim.size_reduction),
        _percent(reduction),
        _times(claim.times_faster),
        _times(faster),
        f"{claim.accuracy:.1%}",
        _percent(summary.figure("accuracy"), 1),
    ]


def _percent(value: float | None, digits: int = 0) -> str:
    """Whole percents, unless that would say that nothing is left."""
    if value is None:
        return MISSING
    return f"{value:.{1 if value >= 0.99 else digits}%}"


def _times(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1f}x"
