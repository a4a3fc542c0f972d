"""Answer stored windows with one model and store the logits: on a device, or under an emulated CPU.

python -m bedside.edge.answer model.onnx --run run.json --windows windows.npz --out logits.npy
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bedside.edge.runner import Arrays, Floats, Runner, RunSettings, batch_of, load, rows
from bedside.errors import RefusedError


def main(argv: list[str] | None = None) -> None:
    """The graph's inputs, by name (window, *shape) in an .npz -> logits (window, class) as .npy."""
    parser = argparse.ArgumentParser(prog="python -m bedside.edge.answer", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--run", type=Path, required=True, help="run.json: the runtime and how it must run the model")
    parser.add_argument(
        "--windows", type=Path, required=True, help=".npz with an array for each input of the model, by its name"
    )
    parser.add_argument("--out", type=Path, required=True, help=".npy to write")
    parser.add_argument("--batch", type=int, default=16, help="windows per call")
    given = parser.parse_args(argv)
    try:
        runner = load(RunSettings.read(given.run.read_text(encoding="utf-8")), given.model.read_bytes())
        with np.load(given.windows) as windows:
            inputs = {name: windows[name] for name in runner.inputs if name in windows}
        np.save(given.out, np.concatenate(list(logits(runner, inputs, given.batch))))
    except (RefusedError, OSError) as error:
        sys.exit(f"{given.model}: {error}")


def logits(runner: Runner, inputs: Arrays, batch: int) -> Iterator[Floats]:
    """Logits (batch, class), batch by batch; the last one may be smaller."""
    for start in range(0, batch_of(inputs, runner.inputs), batch):
        yield runner(rows(inputs, slice(start, start + batch)))


if __name__ == "__main__":
    main()
