"""What all peers start from: one folder with the teacher and its windows, made from the pipeline's artifacts."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from bedside.artifacts import Artifact, open_artifact, staged
from bedside.datasets.inputs import declared
from bedside.outcome import outcome_of
from bedside.params import lookup

SPLITS = ("train", "validation", "calibration")


def hand_out(artifacts: Path, params: Path, work: Path) -> Path:
    """The handout for these artifacts; made once, and again when teacher, windows or the fine-tuning changed."""
    teacher, dataset = (open_artifact(artifacts / name) for name in ("models/teacher", "dataset"))
    classes = list(outcome_of(dataset).classes)
    facts = {"classes": classes, "inputs": list(declared(dataset.json("dataset.json"))), "prune": _pruning(params)}
    key = hashlib.sha256(json.dumps([teacher.digest, dataset.digest, facts]).encode()).hexdigest()[:12]
    path = work / f"handout-{key}"
    if not path.is_dir():
        with staged(path) as staging:
            _fill(staging, teacher, dataset)
            (staging / "facts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
            staging.rename(path)
    return path


def _fill(folder: Path, teacher: Artifact, dataset: Artifact) -> None:
    import numpy as np
    import torch

    from bedside.datasets.windows import load_split
    from bedside.graph.export import export
    from bedside.models import load

    torch.set_num_threads(1)
    inputs = declared(dataset.json("dataset.json"))
    (folder / "teacher.onnx").write_bytes(export(load(teacher), inputs))
    shutil.copytree(teacher.path, folder / "teacher")
    for split in SPLITS:
        windows = load_split(dataset, split)
        arrays: dict[str, Any] = {**windows.inputs, "label": windows.label, "patient": windows.patient}
        np.savez(folder / f"{split}.npz", allow_pickle=False, **arrays)


def _pruning(params: Path) -> dict[str, Any]:
    """Schedule and fine-tuning of the first variant that is pruned from the teacher, defaults filled in."""
    from components.prune import Prune

    variants = lookup(params, "variants").values()
    own = (v.get("params", {}) for v in variants if v["technique"] == "prune" and v["parent"] == "teacher")
    found = Prune.model_validate(next(own, {}))
    return {"schedule": found.schedule.model_dump(mode="json"), "training": found.training.model_dump(mode="json")}
