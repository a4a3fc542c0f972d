"""Network x technique x target: does it work, what does it gain, and where it is refused, why.

    python -m benchmarks.zoo --out docs/results/networks.md

Every network is trained on a small simulated cohort for two short epochs: what a file costs and whether a technique
works do not depend on how much a network has learned. Answers are compared, accuracy is not claimed.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch

from bedside.measurement import Measure
from bedside.measurement.environment import environment
from bedside.targets import Target
from benchmarks.zoo.networks import NETWORKS, TECHNIQUES, TRAINING
from benchmarks.zoo.page import page
from benchmarks.zoo.walk import Cell, OnTarget, Walk

TARGETS = {"onnxruntime-cpu": {"kind": "onnxruntime"}, "openvino-cpu": {"kind": "openvino"}}
MEASURE = Measure(windows=3, runs=200, warmup=20, seconds=0.5, batches=(1,), processes=1)


def main() -> None:
    """Walk, keep each network's row as it is done, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--kept", type=Path, default=Path("build/zoo.json"), help="rows that are done already")
    parser.add_argument("--out", type=Path, default=Path("docs/results/networks.md"))
    given = parser.parse_args()
    rows: dict[str, list[dict[str, object]]] = (
        json.loads(given.kept.read_text(encoding="utf-8")) if given.kept.exists() else {}
    )
    torch.set_num_threads(1)
    targets = {name: Target.build({**target, "threads": 1}) for name, target in TARGETS.items()}
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(Path(folder), TRAINING, MEASURE)
        for kind in (kind for kind in given.networks if kind not in rows):
            print(f"== {kind}", file=sys.stderr)
            rows[kind] = [asdict(cell) for cell in walk.cells(kind, TECHNIQUES, targets)]
            given.kept.parent.mkdir(parents=True, exist_ok=True)
            given.kept.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    given.out.write_text(
        page([_cell(row) for kind in given.networks for row in rows[kind]], environment()), encoding="utf-8"
    )


def _cell(row: dict[str, object]) -> Cell:
    on = {name: OnTarget(**one) for name, one in row.pop("targets").items()}  # type: ignore[attr-defined]  # as asdict wrote it
    return Cell(**row, targets=on)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
