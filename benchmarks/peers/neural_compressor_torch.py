"""Intel Neural Compressor 3: static, dynamic and quantization-aware paths of its PyTorch API, then export to ONNX.

https://github.com/intel/neural-compressor/blob/master/docs/source/3x/PyTorch.md
"""

from pathlib import Path
from typing import Any

import torch
from neural_compressor.torch.export import export as capture
from neural_compressor.torch.quantization import (
    convert,
    get_default_dynamic_config,
    get_default_static_config,
    prepare,
)

from benchmarks.peers.handout import Attempt, Handout, count, main
from benchmarks.peers.torch_teacher import example, export, free_batch, load


def quantized(handout: Handout, target: Path, how: Any) -> None:
    shapes = free_batch(handout)
    prepared = prepare(capture(load(handout), example(handout), shapes), how)
    with torch.no_grad():
        prepared(*example(handout, count(handout.calibration())))
    export(convert(prepared), handout, target)


def static(handout: Handout, target: Path) -> None:
    quantized(handout, target, get_default_static_config())


def dynamic(handout: Handout, target: Path) -> None:
    quantized(handout, target, get_default_dynamic_config())


ATTEMPTS = [
    Attempt(
        "PyTorch API, PT2E static", "get_default_static_config, 512 calibration windows; torch.onnx.export", static
    ),
    Attempt("PyTorch API, PT2E dynamic", "get_default_dynamic_config; torch.onnx.export", dynamic),
]

if __name__ == "__main__":
    main(ATTEMPTS, ["neural-compressor", "torch"])
