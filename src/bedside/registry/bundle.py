"""What a device gets: one signed folder with the graph, its card, its verdict and the evidence behind it."""

import shutil
from pathlib import Path

from bedside.registry import signing
from bedside.registry.candidate import Candidate
from bedside.registry.card import card
from bedside.reporting import PICTURES


def write(candidate: Candidate, folder: Path, intended_use: str) -> str:
    """Fill and sign `folder`; returns the digest of what was signed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for artifact, name in (
        (candidate.graph, "model.onnx"),
        (candidate.graph, "run.json"),
        (candidate.evidence, "evidence.json"),
        (candidate.evidence, "predictions.safetensors"),
        (candidate.verdict, "verdict.json"),
    ):
        shutil.copyfile(artifact / name, folder / name)
    (folder / "card.md").write_text(card(candidate, intended_use), encoding="utf-8")
    signing.sign(folder)
    return signing.digest(folder)


def pictures(candidate: Candidate) -> list[Path]:
    """The pictures that the evidence holds."""
    return [candidate.evidence / name for name in PICTURES if name in candidate.evidence.manifest["files"]]
