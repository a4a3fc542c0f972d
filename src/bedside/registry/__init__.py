"""Signed bundles, the registry of models and the promotion log."""
