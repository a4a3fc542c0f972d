"""Activation ranges from calibration patients: one estimator per file, chosen by `ranges: {kind: ...}`."""
