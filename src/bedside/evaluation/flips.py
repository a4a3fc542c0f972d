"""Answers that changed against the reference: harmful where it was right, beneficial where it was wrong."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bedside.evaluation.predictions import Flags, Ints, Predictions


def harmful(candidate: Predictions, reference: Predictions) -> Flags:
    """Windows that the reference calls rightly and the candidate wrongly, `(window,)`; unscored ones never."""
    return np.asarray(candidate.scored & reference.right & ~candidate.right)


def beneficial(candidate: Predictions, reference: Predictions) -> Flags:
    """Windows that the reference calls wrongly and the candidate rightly, `(window,)`."""
    return np.asarray(candidate.scored & ~reference.right & candidate.right)


def flips(candidate: Predictions, reference: Predictions, patients: Sequence[str]) -> dict[str, Any]:
    """Counts and shares of both kinds: over all scored units, per reference class, per patient.

    Shares are of the reference units of that class or patient (the negative flip rate of Yan et al., CVPR 2021).
    Worked: of 100 units of class B the reference calls 90 rightly and the candidate misses 2 of these: 2% harmful.
    """
    bad, good, scored = harmful(candidate, reference), beneficial(candidate, reference), candidate.scored
    by_class = {name: _count(bad, good, candidate.label == index) for index, name in enumerate(candidate.classes)}
    per_patient = {
        patients[index]: _count(bad, good, scored & (candidate.patient == index))
        for index in np.unique(candidate.patient).tolist()
    }
    return {"all": _count(bad, good, scored), "classes": by_class, "patients": per_patient}


def _count(bad: Flags, good: Flags, where: Flags) -> dict[str, Any]:
    units, worse, better = int(where.sum()), int((bad & where).sum()), int((good & where).sum())
    return {
        "units": units,
        "harmful": worse,
        "beneficial": better,
        "harmful_share": worse / units if units else None,
    }


def per_patient(flags: Flags, predictions: Predictions, patients: int) -> Ints:
    """How many flagged windows each patient has, `(patient,)`."""
    return np.bincount(predictions.patient[flags], minlength=patients)
