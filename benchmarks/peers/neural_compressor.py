"""Intel Neural Compressor 2.6, its last version for ONNX models: accuracy-aware post-training quantization.

https://github.com/intel/neural-compressor/blob/v2.6/docs/source/quantization.md. SmoothQuant is for the linear
layers of transformers and has nothing to do here.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from neural_compressor.config import AccuracyCriterion, PostTrainingQuantConfig, TuningCriterion
from neural_compressor.quantization import fit

from benchmarks.peers.handout import Attempt, Feed, Handout, count, main, one_by_one

VALIDATION = 2000  # windows that tuning judges each trial on
LOSS, TRIALS, SECONDS = 0.01, 20, 240


class Loader:
    """Calibration windows one by one, each with a label that is not used."""

    batch_size = 1

    def __init__(self, windows: Feed) -> None:
        self.windows = windows

    def __iter__(self) -> Iterator[tuple[Feed, int]]:
        for feed in one_by_one(self.windows):
            yield feed, 0


def quantized(handout: Handout, target: Path, *, approach: str, tuned: bool) -> None:
    how = PostTrainingQuantConfig(
        approach=approach,
        quant_level=1,
        calibration_sampling_size=[count(handout.calibration())],
        accuracy_criterion=AccuracyCriterion(tolerable_loss=LOSS),
        tuning_criterion=TuningCriterion(max_trials=TRIALS, timeout=SECONDS),
    )
    judge = (
        functools.partial(accuracy, handout=handout, windows=handout.evenly("validation", VALIDATION))
        if tuned
        else None
    )
    found = fit(str(handout.onnx), how, calib_dataloader=Loader(handout.calibration()), eval_func=judge)
    if found is None:
        raise RuntimeError("no configuration that was tried met the accuracy criterion")
    found.save(str(target))


def accuracy(model: onnx.ModelProto, handout: Handout, windows: Feed) -> float:
    """Share of right answers."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    logits = session.run(None, handout.fed(windows))[0]
    return float(np.mean(logits.argmax(1) == windows["label"]))


def attempt(approach: str, *, tuned: bool) -> Attempt:
    tuning = f"; tuned: accuracy on {VALIDATION} validation windows within {LOSS:.0%}, {TRIALS} trials" if tuned else ""
    return Attempt(
        f"PTQ, {approach}{', tuned' if tuned else ''}",
        f"PostTrainingQuantConfig, defaults, 512 calibration windows{tuning}",
        functools.partial(quantized, approach=approach, tuned=tuned),
    )


ATTEMPTS = [
    attempt("static", tuned=False),
    attempt("dynamic", tuned=False),
    attempt("auto", tuned=True),
]

if __name__ == "__main__":
    main(ATTEMPTS, ["neural-compressor", "onnxruntime"])
