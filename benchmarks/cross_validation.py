"""How good is the teacher's recipe for patients it never saw, and where should it decide? Training patients alone.

    python -m benchmarks.cross_validation --seeds 0 1 --out docs/results/cross-validation.md

Of DS1 without 201, four patient-disjoint folds: the teacher of params.yaml, committee included, is trained without the
patients of a fold and answers for them, so every patient is judged by a network that never saw a beat of theirs. This
is what docs/adr/0018 chose by; the test set is not opened. A fold that is done is kept in --work and not done again.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.artifacts import Artifact, open_artifact
from bedside.datasets.windows import Windows, concatenate, load_split
from bedside.evaluation import Predictions, counts
from bedside.evaluation.intervals import gross, resamples
from bedside.gates.case import tables
from bedside.outcome import Outcome, outcome_of
from bedside.params import lookup, validate
from bedside.training.batches import Tensors
from bedside.training.stages import Splits
from bedside.training.validation import average_precision, logits_of
from benchmarks.seeds import with_seed
from components.train_teacher import TrainTeacher, trained

Floats = NDArray[np.floating[Any]]
FOLDS = (  # each with patients of many and of few ventricular and supraventricular beats
    ("101", "106", "114", "118", "203", "230"),
    ("112", "116", "119", "124", "209"),
    ("108", "109", "115", "207", "223"),
    ("122", "205", "208", "215", "220"),
)
BIASES = np.arange(-60, 35, 5) / 100  # on the logit of V
FLOORS = {"sensitivity": 0.90, "lower": 0.80, "predictivity": 0.85}  # of gates G3 and G4 for V
REPLICATES = 2000


def main() -> None:
    """Train what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, default=Path("artifacts/dataset"))
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--work", type=Path, default=Path("build/cross-validation"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/cross-validation.md"))
    given = parser.parse_args()
    dataset = open_artifact(given.dataset)
    recipe = lookup(given.params, "train_teacher")
    rows = [row for seed in given.seeds for row in table(seed, *held_out(dataset, recipe, seed, given.work))]
    given.out.write_text(page(rows, dataset.labels["source"]), encoding="utf-8")
    print(f"{given.out}: seeds {' '.join(map(str, given.seeds))}", file=sys.stderr)


def held_out(dataset: Artifact, recipe: dict[str, Any], seed: int, work: Path) -> tuple[Floats, Windows, Outcome]:
    """Logits of every beat by the network of its fold, `(beat, class)`, unshifted; the beats; how they are counted."""
    about, outcome = dataset.json("dataset.json"), outcome_of(dataset)
    windows = concatenate([load_split(dataset, name) for name in ("train", "validation", "calibration")])
    names = np.array(about["patients"])[windows.patient]
    if absent := sorted({name for fold in FOLDS for name in fold} - set(names)):
        sys.exit(f"cross-validation: no patient {', '.join(absent)} in {dataset.path}; it is for MIT-BIH's DS1")
    params = validate(TrainTeacher, {**with_seed(recipe, seed), "operating_point": {}}, "train_teacher")
    answers, beats = [], []
    for number, fold in enumerate(FOLDS):
        out = np.isin(names, fold)
        judged = windows[np.flatnonzero(out & _first_views(windows))]
        file = work / f"{seed}-{number}-{dataset.digest[:8]}.npy"
        if not file.exists():
            print(f"seed {seed}, fold {number + 1} of {len(FOLDS)}: without {' '.join(fold)}", file=sys.stderr)
            seen, held = (Tensors.of(part) for part in (windows[~out], judged))
            network, _ = trained(Splits(outcome, seen, held, params.validation), params)
            work.mkdir(parents=True, exist_ok=True)
            np.save(file, logits_of(network, held).numpy())
        answers.append(np.load(file))
        beats.append(judged)
    return np.concatenate(answers), concatenate(beats), outcome


def _first_views(windows: Windows) -> NDArray[np.bool_]:
    """One window of each beat, of the lead that a device has; the beat's other leads come after it and only train."""
    beats = np.stack([windows.record, windows.sample], axis=1)
    first = np.zeros(len(windows), dtype=bool)
    first[np.unique(beats, axis=0, return_index=True)[1]] = True
    return first


def table(seed: int, logits: Floats, beats: Windows, outcome: Outcome) -> Iterator[list[str]]:
    """The figures at every bias on the logit of V, and those of S, which no bias on V decides."""
    probability = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability /= probability.sum(axis=1, keepdims=True)
    s = outcome.index("S")
    s_precision = average_precision(probability[:, s], beats.label == s)
    for bias in BIASES:
        found = at(bias, logits, beats, outcome)
        margin = min(found[name] - floor for name, floor in FLOORS.items())
        figures = [f"{found[name]:.3f}" for name in FLOORS]
        yield [str(seed), f"{bias:+.2f}", *figures, f"{margin:+.3f}", f"{s_precision:.3f}"]


def at(bias: float, logits: Floats, beats: Windows, outcome: Outcome) -> dict[str, float]:
    """V sensitivity, the lower end of its interval over patients, and +P, counted as the gates count them."""
    shifted = logits.copy()
    shifted[:, outcome.index("V")] += bias
    indices = {name: getattr(beats, name) for name in ("label", "record", "patient", "sample")}
    of_patient = tables(Predictions.of(logits=shifted, **indices, outcome=outcome))
    hits, total = counts.sensitivity(of_patient, outcome, "V")
    return {
        "sensitivity": float(counts.ratio(hits.sum(), total.sum())),
        "lower": gross(hits, total, resamples(len(total), REPLICATES, 0)).low,
        "predictivity": float(counts.ratio(*counts.predictivity(of_patient.sum(0), outcome, "V"))),
    }


def page(rows: Sequence[Sequence[str]], source: str) -> str:
    """A markdown page with one table."""
    columns = ["seed", "bias on V", "V Se", "lower bound", "V +P", "margin", "S average precision"]
    lines = [f"| {' | '.join(row)} |" for row in [columns, ["---"] * len(columns), *rows]]
    told = (
        f"Written by `python -m benchmarks.cross_validation`: {source}, {sum(map(len, FOLDS))} training patients, each "
        "judged by a network that never saw them; no test patient. The bias is added to the score of V: more of it "
        "finds more V beats and makes more false calls. The margin is the least distance to the floors of "
        f"G3 ({FLOORS['sensitivity']}, lower bound {FLOORS['lower']}) and G4 (+P {FLOORS['predictivity']})."
    )
    return "\n\n".join(["# The teacher's recipe on patients it never saw", told, "\n".join(lines)]) + "\n"


if __name__ == "__main__":
    main()
