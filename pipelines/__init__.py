"""Wiring only: the KFP graph and what submits it."""
