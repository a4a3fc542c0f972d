"""Which units to remove: magnitude against Taylor, pooled and class-balanced, at equal multiply-accumulates.

    python -m benchmarks.pruning_scores --teacher artifacts/models/distilled --out docs/results/pruning-scores.md

Every row is the `prune` stage itself, without and with fine-tuning, on one network; its sensitivities are those of
validation patients. Read them as a comparison of rows, not as what a clinic would see: the same patients choose the
epoch, and Taylor scores look at them too, while magnitude does not. Beats of rare classes sit in a handful of them.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from bedside.artifacts import Artifact, open_artifact
from bedside.component import Metrics
from bedside.models import load
from bedside.training.stages import Validation, open_splits, validation_metrics
from components.prune import Prune, prune

ROWS: dict[str, dict[str, Any]] = {
    "magnitude": {"importance": {"kind": "magnitude"}},
    "Taylor, pooled": {"importance": {"kind": "taylor", "balanced": False}},
    "Taylor, class-balanced": {"importance": {"kind": "taylor"}},
    "Taylor, class-balanced, by sensitivity": {
        "importance": {"kind": "taylor"},
        "allocation": {"kind": "sensitivity"},
    },
}
SHOWN = {
    "S Se": "S_sensitivity",
    "V Se": "V_sensitivity",
    "S +P": "S_predictivity",
    "V +P": "V_predictivity",
    "answers kept": "fidelity",
}
WHEN = ("before", "after")


def main() -> None:
    """Write one markdown page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, default=Path("artifacts/dataset"))
    parser.add_argument("--teacher", type=Path, required=True, help="the model to prune, and to stay true to")
    parser.add_argument("--ratio", type=float, default=0.5)
    parser.add_argument("--multiple", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--windows", type=int, default=12000, help="training windows per epoch")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    dataset, teacher = open_artifact(arguments.dataset), open_artifact(arguments.teacher)
    torch.set_num_threads(1)
    runs = list(tqdm(_runs(dataset, teacher, arguments), total=len(ROWS) * (arguments.seeds + 1), file=sys.stderr))
    whole = {**validation_metrics(load(teacher), open_splits(dataset, Validation())), "validation/fidelity": 1.0}
    lines = [_row("nothing", {}, [whole], [])]
    for name in ROWS:
        before, *after = [metrics for row, metrics in runs if row == name]
        lines.append(_row(name, before, [before], after))
    arguments.out.write_text(page(arguments, lines))


def page(how: argparse.Namespace, lines: Sequence[str]) -> str:
    """What was done, then one row per way of scoring."""
    columns = ["removed by", "MACs removed", "parameters removed", *(f"{s}, {w}" for w in WHEN for s in SHOWN)]
    told = (
        f"{how.ratio:.0%} of the units of `{how.teacher.name}` removed at once, before and after {how.epochs} x "
        f"{how.windows:,} windows of fine-tuning: mean (range) of {how.seeds} seeds. Validation patients: a "
        "handful, who also choose the epoch and are looked at by the Taylor scores, so that rows compare with each "
        "other and with nothing else."
    )
    table = "\n".join([f"| {' | '.join(columns)} |", "|" + "---|" * len(columns), *lines])
    return f"# Which units to remove\n\nWritten by `python -m benchmarks.pruning_scores`. {told}\n\n{table}\n"


def _row(name: str, cost: Metrics, *runs: Sequence[Metrics]) -> str:
    costs = [f"{cost.get(f'model/{what}_removed', 0.0):.1%}" for what in ("macs", "parameters")]
    return f"| {' | '.join([name, *costs, *(_shown(metric, run) for run in runs for metric in SHOWN.values())])} |"


def _runs(dataset: Artifact, teacher: Artifact, how: argparse.Namespace) -> Iterator[tuple[str, Metrics]]:
    """(row, metrics) without fine-tuning and then with each seed."""
    schedule = {"kind": "one_shot", "ratio": how.ratio, "multiple": how.multiple}
    for name, choice in ROWS.items():
        for seed in [None, *range(how.seeds)]:
            training = {
                "epochs": 0 if seed is None else how.epochs,
                "seed": seed or 0,
                "learning_rate": 1e-3,
                "sampling": {"windows": how.windows},
            }
            params = Prune.model_validate({**choice, "schedule": schedule, "training": training})
            with tempfile.TemporaryDirectory() as student:
                models = {"dataset": dataset, "teacher": teacher, "parent": teacher, "student": Path(student)}
                yield name, prune.function(**models, params=params)


def _shown(metric: str, runs: Sequence[Metrics]) -> str:
    values = [run[f"validation/{metric}"] for run in runs]
    if len(values) < 2:
        return "".join(f"{value:.3f}" for value in values)
    return f"{statistics.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})"


if __name__ == "__main__":
    main()
