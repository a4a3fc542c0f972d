"""Clinical evidence: EC57 counts, patient-clustered intervals, flips against the reference, calibration, pictures."""

from bedside.evaluation.evidence import evidence as evidence
from bedside.evaluation.predictions import Predictions as Predictions
from bedside.evaluation.predictions import predictions as predictions
from bedside.evaluation.predictions import read as read
