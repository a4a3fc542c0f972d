"""The last step of distillation: rare conditions that the teacher knows and the student missed, with replay."""

import math
from collections.abc import Mapping, Sequence

import pydantic
import torch
from torch import Tensor, nn

from bedside.compression.fidelity import fidelity
from bedside.params import ClassName, Params
from bedside.training.loop import Score, Training, fit
from bedside.training.soft_targets import SoftTargets, distillation_loss
from bedside.training.stages import Splits
from bedside.training.validation import logits_of


class EdgeCases(Params):
    """Which conditions are rare, how many ordinary windows are replayed, and what counts as forgetting."""

    rare: tuple[ClassName, ...] | None = pydantic.Field(
        default=None, description="classes; []: no such step; null: those that the task calls rare"
    )
    replay: float = pydantic.Field(default=100.0, ge=0, description="ordinary windows per missed one")
    tolerance: float = pydantic.Field(default=0.02, ge=0, le=1, description="largest fall of any class")


def edge_cases(how: EdgeCases, splits: Splits, student: nn.Module, teacher: nn.Module) -> Tensor:
    """Rows of the training windows of rare classes that the teacher has right and the student wrong.

    What the teacher has wrong too is as likely a doubtful label as a rare condition, and contradicts the soft targets.
    """
    label = splits.train.label
    named = splits.outcome.rare if how.rare is None else how.rare
    rare = torch.isin(label, torch.tensor([splits.outcome.index(name) for name in named], dtype=label.dtype))
    missed = torch.nonzero(rare & (logits_of(student, splits.train).argmax(dim=1) != label)).flatten()
    if not len(missed):
        return missed
    candidates = splits.train[missed]
    return missed[logits_of(teacher, candidates, whose="the teacher").argmax(dim=1) == candidates.label]


def with_replay(rows: Tensor, windows: int, replay: float, seed: int) -> Tensor:
    """`rows` and `replay` times as many others of `windows`, drawn without replacement; sorted."""
    ordinary = torch.ones(windows, dtype=torch.bool)
    ordinary[rows] = False
    others = torch.nonzero(ordinary).flatten()
    drawn = torch.randperm(len(others), generator=torch.Generator().manual_seed(seed))[: int(replay * len(rows))]
    return torch.cat([rows, others[drawn]]).sort().values


def floors(before: Mapping[str, float], teacher: Mapping[str, float], tolerance: float) -> dict[str, float]:
    """The least that each number may become: what it was, or the teacher's where that is less, minus `tolerance`.

    Where the student is ahead of its teacher by chance, coming back to the teacher is not forgetting.
    """
    return {name: min(now, teacher.get(name, now)) - tolerance for name, now in before.items() if name != "score"}


def without_forgetting(score: Score, least: Mapping[str, float]) -> Score:
    """A score that is minus infinity as soon as any of its numbers has fallen below its floor."""

    def guarded(network: nn.Module) -> dict[str, float]:
        now = score(network)
        forgotten = [name for name, floor in least.items() if now[name] < floor]
        return {**now, "score": -math.inf} if forgotten else now

    return guarded


def learn_edge_cases(  # noqa: PLR0917  (one straight list of what the step needs)
    how: EdgeCases,
    training: Training,
    soft_targets: SoftTargets,
    student: nn.Module,
    teacher: nn.Module,
    splits: Splits,
    recorded: Tensor | None = None,
) -> dict[str, float]:
    """Fine-tune the student in place on edge cases with replay; of the epochs that forget nothing keep the truest.

    Returns how many edge cases there were, the share of them that is right afterwards, and the epoch kept; epoch 0
    says that nothing was learned or that everything was rolled back. `recorded` as for `distillation_loss`.
    """
    rows = edge_cases(how, splits, student, teacher)
    if not len(rows):
        return {"edge_cases/windows": 0.0, "edge_cases/rescued": 0.0, "edge_cases/kept_epoch": 0.0}
    chosen = with_replay(rows, len(splits.train), how.replay, training.seed)
    loss = distillation_loss(soft_targets, teacher, None if recorded is None else recorded[chosen])
    score = _judgement(teacher, splits)
    guarded = without_forgetting(score, floors(score(student), splits.score(teacher), how.tolerance))
    data = splits.train[chosen]
    history = fit(student, data, len(splits.classes), training, loss, guarded, name="edge-cases")
    rescued = logits_of(student, splits.train[rows]).argmax(dim=1) == splits.train.label[rows]
    return {
        "edge_cases/windows": float(len(rows)),
        "edge_cases/rescued": float(rescued.float().mean()),
        "edge_cases/kept_epoch": float(_best_epoch(history)),
    }


def _judgement(teacher: nn.Module, splits: Splits) -> Score:
    """Fidelity chooses; average precision is watched too, because fidelity is blind to a rare class's false alarms."""
    true = fidelity(teacher, splits)
    return lambda network: {**splits.score(network), **true(network)}


def _best_epoch(history: Sequence[Mapping[str, float]]) -> int:
    """The epoch that `fit` keeps: of equal ones the last."""
    return max(range(len(history)), key=lambda epoch: (history[epoch]["score"], epoch))
