"""Signals: causal filters, beat windows and rhythm, in functions that a device can repeat sample by sample."""
