"""Networks: a base and its edits are data (`network.json`), weights are safetensors."""

from bedside.models.base import Architecture
from bedside.models.io import described, load, save
from bedside.models.network import Network

__all__ = ["Architecture", "Network", "described", "load", "save"]
