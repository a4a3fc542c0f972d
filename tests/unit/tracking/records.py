"""What `bedside.component` hands to a run."""

from typing import Any

PRUNE: dict[str, Any] = {
    "component": "prune",
    "code": "c" * 64,
    "inputs": {"dataset": "d" * 64, "parent": "e" * 64},
    "params": {"params": {"ratio": 0.5, "schedule": {"steps": 3}}},
    "labels": {"source": "simulated"},
}
