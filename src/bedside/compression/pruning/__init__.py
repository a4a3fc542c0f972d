"""Structured pruning: score, schedule and surgery, kept apart."""
