"""Clinical evidence: counts, patient-clustered intervals, flips against the reference, calibration, pictures."""

from bedside.evaluation.assemble import evidence as evidence
from bedside.evaluation.predictions import Predictions as Predictions
