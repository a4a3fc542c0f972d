"""Targets: a hardware and its runtime. Adding one is adding one file to this package."""

from bedside.targets.base import Target

__all__ = ["Target"]
