"""Proof that no patient, recording or window is in two splits, and the refusal when one is."""

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.errors import RefusedError


@dataclass(frozen=True)
class Fingerprint:
    """What identifies the contents of a split: patients, digests of the recordings, digests of the windows."""

    patients: frozenset[str]
    records: frozenset[str]
    windows: frozenset[bytes]


def window_digests(signal: NDArray[np.int16], peaks: NDArray[np.int64], before: int, after: int) -> frozenset[bytes]:
    """Digests of the raw samples of (sample,) around each peak that has its whole window inside the recording.

    Taken from the ADC steps between samples, before any filter: a copy that was renamed, cut, shifted in time or moved
    by an offset still has them.
    """
    inside = peaks[(peaks >= before) & (peaks + after <= len(signal))]
    windows = np.diff(signal[inside[:, None] + np.arange(-before, after)], axis=1).astype(np.int16)
    moving = windows[np.ptp(windows, axis=1) > 0]
    return frozenset(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in np.ascontiguousarray(moving))


def prove(splits: Mapping[str, Fingerprint]) -> dict[str, Any]:
    """The proof for dataset.json: counts, digests, and zero overlaps for every pair; refuse when one is not zero."""
    overlaps = {}
    for (one, first), (other, second) in itertools.combinations(splits.items(), 2):
        shared = {
            "patients": sorted(first.patients & second.patients),
            "records": sorted(first.records & second.records),
            "windows": sorted(digest.hex() for digest in first.windows & second.windows),
        }
        if found := {kind: len(items) for kind, items in shared.items() if items}:
            what = ", ".join(f"{number} {kind}" for kind, number in found.items())
            who = f" (patients {', '.join(shared['patients'])})" if shared["patients"] else ""
            raise RefusedError(
                f"{one} and {other} share {what}{who}: a model would be judged on people it has learned from; mend "
                "task.split, or say in the source which records are of one person"
            )
        overlaps[f"{one}/{other}"] = {f"shared_{kind}": 0 for kind in shared}
    return {"splits": {name: _describe(split) for name, split in splits.items()}, "overlaps": overlaps}


def _describe(split: Fingerprint) -> dict[str, Any]:
    joined = hashlib.sha256(b"".join(sorted(split.windows))).hexdigest()
    return {
        "patients": len(split.patients),
        "record_sha256": sorted(split.records),
        "windows": len(split.windows),
        "windows_sha256": joined,
    }
