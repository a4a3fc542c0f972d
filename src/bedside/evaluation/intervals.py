"""Confidence intervals: the patient is the unit that is drawn again, because units of one patient fail together."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, ndtri, stdtrit

from bedside.evaluation.counts import ratio
from bedside.evaluation.predictions import Floats, Ints


class Interval(NamedTuple):
    """Bounds of a share; NaN where fewer than two patients hold the class."""

    low: float
    high: float


NOTHING = Interval(float("nan"), float("nan"))


def resamples(patients: int, replicates: int, seed: int) -> Floats:
    """How often each patient is drawn in each replicate, `(replicate, patient)`; every row sums to `patients`."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(patients, np.full(patients, 1 / patients), size=replicates).astype(np.float64)


def wilson(hits: float, total: float, confidence: float = 0.95) -> Interval:
    """Wilson's interval, which takes units for independent: far too narrow here, shown as the naive column only.

    Worked: 9 of 10 gives .596 to .982.
    """
    if total <= 0:
        return NOTHING
    z = float(ndtri(0.5 + confidence / 2))
    share, spread = hits / total, z * z / total
    half = z * np.sqrt(share * (1 - share) / total + spread / (4 * total))
    return Interval(
        float(max(0.0, (share + spread / 2 - half) / (1 + spread))),
        float(min(1.0, (share + spread / 2 + half) / (1 + spread))),
    )


def effective(total: Ints) -> float:
    """How many equally large patients would carry as much: Kish's `(sum n)^2 / sum n^2`; 0 for none.

    Worked: 90, 5 and 5 units are worth 1.2 patients.
    """
    return float(ratio(np.asarray(total.sum() ** 2), np.asarray((total**2).sum()))) if total.any() else 0.0


def gross(
    hits: Ints, total: Ints, weights: Floats, confidence: float = 0.95, clusters: float | None = None
) -> Interval:
    """Interval of a pooled share: logit-t over patient resamples, P - 1 degrees of freedom, P patients with the class.

    `hits` and `total` are counts per patient, `weights` come from `resamples`. Half a unit is added to both outcomes so
    that a share of 0 or 1 has a logit. The interval is never narrower than Wilson's: when all patients agree, the
    resamples do too, and would promise certainty. With `clusters=effective(total)` it is cautious where few patients
    hold most of the units (docs/clinical-gates.md has the measured coverage of both).
    """
    patients = int((total > 0).sum())
    if patients < 2:
        return NOTHING
    drawn_hits, drawn_total = weights @ hits, weights @ total
    usable = drawn_total > 0
    draws = logit((drawn_hits[usable] + 0.5) / (drawn_total[usable] + 1))
    centre = logit((hits.sum() + 0.5) / (total.sum() + 1))
    naive = wilson(float(hits.sum()), float(total.sum()), confidence)
    reach = spread(draws, patients) * _quantile(patients if clusters is None else clusters, confidence)
    return _widest(Interval(float(expit(centre - reach)), float(expit(centre + reach))), naive)


def average(hits: Ints, total: Ints, weights: Floats, least: int, confidence: float = 0.95) -> Interval:
    """Interval of the mean over patients with at least `least` units: logit-t over resamples of those patients.

    When so few patients differ that more than a tail of the resamples holds equal ones alone, their spread is unknown,
    and the interval is never narrower than Wilson's with the patient as the unit: six who all agree give .61 to 1.
    """
    chosen = total >= least
    clusters = int(chosen.sum())
    if clusters < 2:
        return NOTHING
    shares = ratio(hits[chosen], total[chosen])
    drawn = weights[:, chosen]
    usable = drawn.sum(1) > 0
    means = drawn[usable] @ shares / drawn[usable].sum(1)
    edge = 0.5 / (float(total[chosen].sum()) + 1)
    centre = float(logit(np.clip(shares.mean(), edge, 1 - edge)))
    reach = spread(logit(np.clip(means, edge, 1 - edge)), clusters) * _quantile(clusters, confidence)
    found = Interval(float(expit(centre - reach)), float(expit(centre + reach)))
    equal = np.isclose(means, shares.min()) | np.isclose(means, shares.max())
    if equal.mean() <= (1 - confidence) / 2:
        return found
    return _widest(found, wilson(float(shares.sum()), clusters, confidence))


def _quantile(clusters: float, confidence: float) -> float:
    """Student's t for `clusters - 1` degrees of freedom, at least one half so that one large patient keeps a bound."""
    return float(stdtrit(max(clusters - 1, 0.5), 0.5 + confidence / 2))


def spread(draws: Floats, clusters: int) -> float:
    """Standard error from resamples; the bootstrap of P clusters is short by the factor sqrt((P - 1) / P)."""
    return float(draws.std(ddof=1) * np.sqrt(clusters / (clusters - 1)))


def _widest(first: Interval, second: Interval) -> Interval:
    return Interval(min(first.low, second.low), max(first.high, second.high))
