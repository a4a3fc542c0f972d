"""How often the intervals cover the truth, and how often the non-inferiority rule errs, on simulated patients.

    python -m benchmarks.statistics_coverage --trials 4000

prints the two tables of docs/clinical-gates.md. Patients are drawn with unequal numbers of beats and unequal true
sensitivities (beta-binomial), as in the test patients of the arrhythmia task.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from bedside.evaluation import intervals
from bedside.evaluation.inferiority import difference
from bedside.evaluation.predictions import Floats, Ints
from bedside.outcome import Averaged, Outcome

OUTCOME = Outcome(classes=("N", "V"), macro=Averaged(classes=("N", "V")), watched=("V",))
# As uneven as V beats over 22 test patients are: five patients hold eight in ten.
UNEVEN = (831, 826, 396, 362, 220, 195, 64, 41, 19, 16, 3, 3, 3, 3, 2, 1, 1, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class World:
    """Where patients come from: `spread` is the intra-patient correlation of being recognized."""

    name: str
    sensitivity: float
    spread: float
    patients: int = 22
    uneven: bool = False

    def beats(self, random: np.random.Generator) -> Ints:
        """Beats of the class per patient."""
        if self.uneven:
            return random.permutation(np.array(UNEVEN))
        return np.maximum(1, random.lognormal(np.log(80), 1.2, self.patients)).astype(np.int64)

    def truth(self, random: np.random.Generator) -> Floats:
        """True sensitivity of each patient; the mean over patients is `sensitivity`."""
        concentration = (1 - self.spread) / self.spread
        return random.beta(self.sensitivity * concentration, (1 - self.sensitivity) * concentration, size=self.patients)


COVERAGE = (
    World("22 patients, similar", 0.92, 0.05),
    World("22 patients, unlike", 0.92, 0.3),
    World("uneven as V in the test split, similar", 0.92, 0.05, uneven=True),
    World("uneven as V in the test split, unlike", 0.92, 0.3, uneven=True),
    World("60 patients, unlike", 0.92, 0.3, patients=60),
)


def coverage(world: World, trials: int, replicates: int, seed: int) -> dict[str, float]:
    """Share of trials whose 95% interval holds the true sensitivity."""
    random = np.random.default_rng(seed)
    covered = dict.fromkeys(("naive Wilson", "gross, P - 1", "gross, effective", "average"), 0)
    for trial in range(trials):
        total = world.beats(random)
        hits = random.binomial(total, world.truth(random))
        weights = intervals.resamples(world.patients, replicates, trial)
        found = {
            "naive Wilson": intervals.wilson(int(hits.sum()), int(total.sum())),
            "gross, P - 1": intervals.gross(hits, total, weights),
            "gross, effective": intervals.gross(hits, total, weights, clusters=intervals.effective(total)),
            "average": intervals.average(hits, total, weights, 5),
        }
        for name, interval in found.items():
            covered[name] += interval.low <= world.sensitivity <= interval.high
    return {name: count / trials for name, count in covered.items()}


@dataclass(frozen=True)
class Loss:
    """A candidate that is `worse` in truth; `uneven` is the coefficient of variation of the loss between patients."""

    name: str
    worse: float
    uneven: float


LOSSES = (
    Loss("exactly delta worse, every patient alike", 0.02, 0.0),
    Loss("exactly delta worse, unlike", 0.02, 1.4),
    Loss("exactly delta worse, a few patients carry it", 0.02, 2.8),
    Loss("twice delta worse, unlike", 0.04, 1.4),
    Loss("as good, 1% of beats differ", 0.0, 0.0),
)
RULES = ("textbook: gross 97.5%", "G5: gross 99.5% and average 97.5%", "G5, G7 and G8 together")
DELTA, CHURN, FLIPS, FALL, ENOUGH = 0.02, 0.005, 0.01, 0.10, 20


def acceptance(world: World, loss: Loss, trials: int, replicates: int, seed: int) -> dict[str, float]:
    """Share of trials in which each rule accepts the candidate as non-inferior at delta .02."""
    random = np.random.default_rng(seed)
    accepted = dict.fromkeys(RULES, 0)
    for trial in range(trials):
        total, baseline, candidate, flipped = _pair(world, loss, random)
        weights = intervals.resamples(world.patients, replicates, trial)
        tables = [_table(hits, total) for hits in (candidate, baseline)]
        apart = difference(tables[0], tables[1], OUTCOME, "V", metric="sensitivity", weights=weights)
        textbook = difference(
            tables[0], tables[1], OUTCOME, "V", metric="sensitivity", weights=weights, confidence=(0.975, 0.975)
        )
        enough = total >= ENOUGH
        falls = (baseline - candidate)[enough] / total[enough]
        guarded = flipped.sum() / total.sum() <= FLIPS and (not enough.any() or falls.max() <= FALL)
        accepted[RULES[0]] += textbook.gross_lower > -DELTA
        accepted[RULES[1]] += apart.above(DELTA)
        accepted[RULES[2]] += apart.above(DELTA) and bool(guarded)
    return {name: count / trials for name, count in accepted.items()}


def _pair(world: World, loss: Loss, random: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints]:
    """Beats, beats the baseline finds, beats the candidate finds, and harmful flips, per patient.

    Every patient gains as many beats as it loses by chance (`CHURN`), so that the expected difference is the loss.
    """
    total, truth = world.beats(random), np.clip(world.truth(random), 0.05, 0.99)
    found = random.binomial(total, truth)
    worse = np.full(world.patients, loss.worse)
    if loss.uneven and loss.worse:
        worse = random.gamma(1 / loss.uneven**2, loss.worse * loss.uneven**2, world.patients)
    flipped = random.binomial(found, np.clip((worse + CHURN) / truth, 0, 1))
    gained = random.binomial(total - found, np.clip(CHURN / (1 - truth), 0, 1))
    return total, found, found - flipped + gained, flipped


def _table(hits: Ints, total: Ints) -> Ints:
    """Beat tables that hold V beats only, `(patient, class + 1, class)`."""
    table = np.zeros((len(hits), len(OUTCOME.classes) + 1, len(OUTCOME.classes)), dtype=np.int64)
    table[:, 1, 1], table[:, 1, 0] = hits, total - hits
    return table


def rows(trials: int, replicates: int, seed: int) -> Iterator[str]:
    """Both tables as markdown lines."""
    yield "| 95% intervals, share that holds the truth | naive Wilson | gross, P - 1 | gross, effective | average |"
    yield "|---|---|---|---|---|"
    for world in tqdm(COVERAGE, desc="coverage", file=sys.stderr):
        shares = coverage(world, trials, replicates, seed)
        yield f"| {world.name} | " + " | ".join(f"{100 * share:.1f}%" for share in shares.values()) + " |"
    yield ""
    yield "| candidate accepted | " + " | ".join(RULES) + " |"
    yield "|---|---|---|---|"
    for world in tqdm((COVERAGE[0], COVERAGE[2]), desc="acceptance", file=sys.stderr):
        for loss in tqdm(LOSSES, leave=False, file=sys.stderr):
            shares = acceptance(world, loss, trials, replicates, seed)
            yield f"| {world.name}; {loss.name} | " + " | ".join(f"{100 * s:.1f}%" for s in shares.values()) + " |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Coverage of the intervals and error rates of the rule")
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for line in rows(arguments.trials, arguments.replicates, arguments.seed):
        print(line)
