"""Which units to remove: magnitude against Taylor, pooled and class-balanced, at equal multiply-accumulates.

    python -m benchmarks.pruning_scores

Every row is the `prune` stage itself, without and with fine-tuning, on the `distilled` network of the project's run and
on those that `python -m benchmarks.seeds` has trained with other seeds; sensitivities are those of validation patients.
Read them as a comparison of rows, not as what a clinic would see: the same patients choose the epoch, and Taylor scores
look at them too, while magnitude does not. Beats of rare classes sit in a handful of them.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from bedside.artifacts import Artifact, ArtifactError, open_artifact
from bedside.component import Metrics
from bedside.models import load
from bedside.training.stages import Validation, open_splits, validation_metrics
from components.prune import Prune, prune

MAGNITUDE, TAYLOR, BY_SENSITIVITY = "magnitude", "Taylor, class-balanced", "Taylor, class-balanced, by sensitivity"
ROWS: dict[str, dict[str, Any]] = {
    MAGNITUDE: {"importance": {"kind": "magnitude"}},
    "Taylor, pooled": {"importance": {"kind": "taylor", "balanced": False}},
    TAYLOR: {"importance": {"kind": "taylor"}},
    BY_SENSITIVITY: {
        "importance": {"kind": "taylor"},
        "allocation": {"kind": "sensitivity"},
    },
}
SHOWN = {
    "S recall": "S_recall",
    "V recall": "V_recall",
    "S precision": "S_precision",
    "V precision": "V_precision",
    "answers kept": "fidelity",
}
WHEN = ("before", "after")
MODELS = [Path("artifacts/models/distilled"), *(Path(f"build/seeds/{s}/artifacts/models/distilled") for s in (1, 2))]


def main() -> None:
    """Write one markdown page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, default=Path("artifacts/dataset"))
    parser.add_argument("--models", type=Path, nargs="+", default=MODELS, help="each is pruned, and its own guide")
    parser.add_argument("--ratio", type=float, default=0.5)
    parser.add_argument("--multiple", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--windows", type=int, default=12000, help="training windows per epoch")
    parser.add_argument("--out", type=Path, default=Path("docs/results/pruning-scores.md"))
    arguments = parser.parse_args()
    try:
        dataset, models = open_artifact(arguments.dataset), [open_artifact(path) for path in arguments.models]
    except ArtifactError as error:
        sys.exit(f"pruning_scores: {error}; run `make repro` and `python -m benchmarks.seeds`, or name --models")
    torch.set_num_threads(1)
    runs = list(tqdm(_runs(dataset, models, arguments), total=2 * len(ROWS) * len(models), file=sys.stderr))
    splits = open_splits(dataset, Validation())
    whole = [{**validation_metrics(load(model), splits), "validation/fidelity": 1.0} for model in models]
    found = {(name, when): [m for row, at, m in runs if (row, at) == (name, when)] for name in ROWS for when in WHEN}
    lines = [_row("nothing", {}, whole, [])]
    lines += [_row(name, found[name, "before"][0], found[name, "before"], found[name, "after"]) for name in ROWS]
    after = {name: found[name, "after"] for name in ROWS}
    compared = [_compared(name, after[name], after[MAGNITUDE]) for name in (TAYLOR, BY_SENSITIVITY)]
    arguments.out.write_text(page(arguments, lines, "\n\n".join(compared)), encoding="utf-8")


def page(how: argparse.Namespace, lines: Sequence[str], compared: str) -> str:
    """What was done, then one row per way of scoring, then what it says."""
    columns = ["removed by", "MACs removed", "parameters removed", *(f"{s}, {w}" for w in WHEN for s in SHOWN)]
    told = (
        f"{how.ratio:.0%} of the units of `{how.models[0].name}` removed at once, before and after {how.epochs} x "
        f"{how.windows:,} windows of fine-tuning: mean (range) of {len(how.models)} networks, each trained and "
        "fine-tuned with a seed of its own. Costs are the first one's. Validation patients: a handful, who also choose "
        "the epoch and are looked at by the Taylor scores, so that rows compare with each other and with nothing else."
    )
    table = "\n".join([f"| {' | '.join(columns)} |", "|" + "---|" * len(columns), *lines])
    head = "# Which units to remove\n\nWritten by `python -m benchmarks.pruning_scores`."
    return f"{head} {told}\n\n{table}\n\n{compared}\n"


def _compared(name: str, scored: Sequence[Metrics], magnitude: Sequence[Metrics]) -> str:
    """A way of scoring against magnitude, network by network."""
    told = []
    for shown, metric in SHOWN.items():
        pairs = [(a[f"validation/{metric}"], b[f"validation/{metric}"]) for a, b in zip(scored, magnitude, strict=True)]
        ahead = sum(a > b for a, b in pairs)
        told.append(f"{shown} {statistics.mean(a - b for a, b in pairs):+.3f} (higher in {ahead} of {len(pairs)})")
    return f"{name}, against magnitude after fine-tuning: {', '.join(told)}."


def _row(name: str, cost: Metrics, *runs: Sequence[Metrics]) -> str:
    costs = [f"{cost.get(f'model/{what}_removed', 0.0):.1%}" for what in ("macs", "parameters")]
    return f"| {' | '.join([name, *costs, *(_shown(metric, run) for run in runs for metric in SHOWN.values())])} |"


def _runs(dataset: Artifact, models: Sequence[Artifact], how: argparse.Namespace) -> Iterator[tuple[str, str, Metrics]]:
    """(row, before or after, metrics) of each network without fine-tuning and with it."""
    schedule = {"kind": "one_shot", "ratio": how.ratio, "multiple": how.multiple}
    for name, when, (seed, model) in itertools.product(ROWS, WHEN, enumerate(models)):
        training = {
            "epochs": 0 if when == "before" else how.epochs,
            "seed": seed,
            "learning_rate": 1e-3,
            "sampling": {"windows": how.windows},
        }
        params = Prune.model_validate({**ROWS[name], "schedule": schedule, "training": training})
        with tempfile.TemporaryDirectory() as student:
            ports = {"dataset": dataset, "teacher": model, "parent": model, "student": Path(student)}
            yield name, when, prune.function(**ports, params=params)


def _shown(metric: str, runs: Sequence[Metrics]) -> str:
    values = [run[f"validation/{metric}"] for run in runs]
    if len(values) < 2:
        return "".join(f"{value:.3f}" for value in values)
    return f"{statistics.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})"


if __name__ == "__main__":
    main()
