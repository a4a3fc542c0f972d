"""torchao: int8 dynamic weights of linear layers, and PT2E quantization, after training and aware of it.

https://docs.pytorch.org/ao/stable/: `quantize_`, `prepare_pt2e`, `prepare_qat_pt2e`. XNNPACKQuantizer is the quantizer
for which convolutions reach ONNX as QDQ; X86InductorQuantizer is made for Inductor, not for ONNX Runtime.
"""

from pathlib import Path

import torch
from torch import nn
from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_
from torchao.quantization.pt2e import allow_exported_model_train_eval, move_exported_model_to_eval
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e, prepare_qat_pt2e
from torchao.testing.pt2e._xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config

from benchmarks.peers.handout import Attempt, Handout, count, main
from benchmarks.peers.torch_teacher import example, export, fine_tune, free_batch, load


def dynamic(handout: Handout, target: Path) -> None:
    network = load(handout)
    quantize_(network, Int8DynamicActivationInt8WeightConfig())
    export(network, handout, target)


def captured(network: nn.Module, handout: Handout) -> nn.Module:
    """The graph that PT2E works on, with a free batch size."""
    shapes = free_batch(handout)
    return torch.export.export(network, example(handout), dynamic_shapes=shapes, strict=True).module()


def quantizer(*, qat: bool) -> XNNPACKQuantizer:
    return XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True, is_qat=qat))


def static(handout: Handout, target: Path) -> None:
    prepared = prepare_pt2e(captured(load(handout), handout), quantizer(qat=False))
    with torch.no_grad():
        prepared(*example(handout, count(handout.calibration())))
    export(convert_pt2e(prepared), handout, target)


def aware(handout: Handout, target: Path) -> None:
    prepared = prepare_qat_pt2e(captured(load(handout).train(), handout), quantizer(qat=True))
    allow_exported_model_train_eval(prepared)
    fine_tune(prepared, handout, "qat")
    move_exported_model_to_eval(prepared)
    export(convert_pt2e(prepared), handout, target)


ATTEMPTS = [
    Attempt("quantize_, int8 dynamic", "Int8DynamicActivationInt8WeightConfig; torch.onnx.export", dynamic),
    Attempt("PT2E static", "XNNPACKQuantizer, int8 per channel, calibrated on 512 windows; torch.onnx.export", static),
    Attempt("PT2E QAT", "XNNPACKQuantizer, int8 per channel; fine-tuned on the labels; torch.onnx.export", aware),
]

if __name__ == "__main__":
    main(ATTEMPTS, ["torchao", "torch"])
