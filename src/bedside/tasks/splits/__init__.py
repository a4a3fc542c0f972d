"""How patients are divided into train, validation, calibration and test."""
