"""Networks: an architecture is data (`architecture.json`), its weights are safetensors."""

from bedside.models.base import Architecture
from bedside.models.io import load, save

__all__ = ["Architecture", "load", "save"]
