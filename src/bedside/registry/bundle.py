"""What a device gets: one signed folder with the graph, its card, its verdict and the evidence behind it."""

import hashlib
import shutil
from pathlib import Path

from bedside.artifacts import content_digest
from bedside.registry import keys, signing
from bedside.registry.candidate import Candidate
from bedside.registry.card import card
from bedside.registry.signing import SignatureError
from bedside.reporting import PICTURES


def write(candidate: Candidate, folder: Path, intended_use: str) -> str:
    """Fill and sign `folder`; returns the digest of what was signed.

    Only what the sealed manifests name is signed: what is exchanged on the way here is refused, before and after.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    content = {
        name: artifact.read(name)
        for artifact, name in (
            (candidate.graph, "model.onnx"),
            (candidate.graph, "run.json"),
            (candidate.evidence, "evidence.json"),
            (candidate.evidence, "predictions.safetensors"),
            (candidate.verdict, "verdict.json"),
        )
    }
    content["card.md"] = card(candidate, intended_use).encode()
    for name, told in content.items():
        (folder / name).write_bytes(told)
    signing.sign(folder)
    expected = content_digest({name: hashlib.sha256(told).hexdigest() for name, told in content.items()})
    expect(folder, expected)
    return expected


def expect(folder: Path, expected: str) -> None:
    """SignatureError unless the signed folder holds exactly what was judged; then its signature is removed too."""
    try:
        signing.verify(folder, keys.public_key())
        found = signing.digest(folder)
    except SignatureError:
        found = None
    if found != expected:
        (folder / signing.SIGNATURE).unlink(missing_ok=True)
        raise SignatureError(
            f"{folder}: somebody changed it while it was signed, so its signature was removed; find out who, and run "
            "promote again"
        )


def pictures(candidate: Candidate) -> list[Path]:
    """The pictures that the evidence holds."""
    return [candidate.evidence / name for name in PICTURES if name in candidate.evidence.manifest["files"]]
