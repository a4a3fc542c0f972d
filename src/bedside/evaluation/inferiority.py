"""Paired non-inferiority of a candidate against a baseline on the same windows, by resampling patients."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bedside.evaluation.counts import predictivity, ratio, sensitivity
from bedside.evaluation.predictions import Floats, Ints
from bedside.outcome import Outcome

Metric = Callable[[Ints, Outcome, str], tuple[Ints, Ints]]
METRICS: dict[str, Metric] = {"sensitivity": sensitivity, "predictivity": predictivity}
GROSS_CONFIDENCE, AVERAGE_CONFIDENCE, LEAST_UNITS = 0.995, 0.975, 5


@dataclass(frozen=True)
class Difference:
    """Candidate minus baseline of one metric, pooled and as a mean over patients, with one-sided lower bounds."""

    gross: float
    gross_lower: float
    average: float
    average_lower: float
    patients: int

    def above(self, delta: float) -> bool:
        """Whether both lower bounds lie above minus `delta`; NaN never does."""
        return bool(self.gross_lower > -delta and self.average_lower > -delta)


def difference(
    candidate: Ints,
    baseline: Ints,
    outcome: Outcome,
    name: str,
    *,
    metric: str,
    weights: Floats,
    confidence: tuple[float, float] = (GROSS_CONFIDENCE, AVERAGE_CONFIDENCE),
    least: int = LEAST_UNITS,
) -> Difference:
    """D = candidate - baseline for class `name`, from tables per patient `(patient, class + 1, class)`.

    Equal answers differ by exactly 0. The mean is over patients with at least `least` reference units for whom both
    shares exist; a patient whose every call is gone has no +P, and shows in the sensitivity instead.
    """
    first, second = METRICS[metric](candidate, outcome, name), METRICS[metric](baseline, outcome, name)
    events = sensitivity(baseline, outcome, name)[1]
    chosen = (events >= least) & (first[1] > 0) & (second[1] > 0)
    gross = float(ratio(first[0].sum(), first[1].sum()) - ratio(second[0].sum(), second[1].sum()))
    apart = ratio(first[0][chosen], first[1][chosen]) - ratio(second[0][chosen], second[1][chosen])
    average = float(apart.mean()) if chosen.any() else float("nan")
    if np.array_equal(candidate, baseline):
        return Difference(gross, gross, average, average, int(chosen.sum()))
    return Difference(
        gross,
        _gross_lower(first, second, weights, confidence[0]),
        average,
        _average_lower(apart, weights[:, chosen], confidence[1]),
        int(chosen.sum()),
    )


def _gross_lower(first: tuple[Ints, Ints], second: tuple[Ints, Ints], weights: Floats, confidence: float) -> float:
    if int(((first[1] > 0) | (second[1] > 0)).sum()) < 2:
        return float("nan")
    draws = ratio(weights @ first[0], weights @ first[1]) - ratio(weights @ second[0], weights @ second[1])
    return _lower(draws, confidence)


def _average_lower(apart: Floats, weights: Floats, confidence: float) -> float:
    if len(apart) < 2:
        return float("nan")
    return _lower(ratio(weights @ apart, weights.sum(1)), confidence)


def _lower(draws: Floats, confidence: float) -> float:
    """The percentile bound; a resample that holds nothing to compare speaks against the candidate, never for it."""
    return float(np.quantile(np.where(np.isnan(draws), -1.0, draws), 1 - confidence))
