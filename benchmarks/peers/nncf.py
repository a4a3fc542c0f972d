"""NNCF: post-training quantization of the ONNX model, plain and with accuracy control, and of the torch model with QAT.

https://docs.openvino.ai/2025/openvino-workflow/model-optimization-guide/quantizing-models-post-training.html
"""

from collections.abc import Iterable
from pathlib import Path

import nncf
import numpy as np
import onnx
import onnxruntime
from nncf import QuantizationPreset, TargetDevice

from benchmarks.peers.handout import Attempt, Feed, Handout, main, one_by_one

HOW = "preset MIXED, target_device CPU, {} bias correction, subset_size 512"
MAX_DROP = 0.01
VALIDATION = 2000  # windows that accuracy control judges each trial on


def post_training(handout: Handout, target: Path) -> None:
    quantized = nncf.quantize(
        onnx.load(handout.onnx, load_external_data=False),
        nncf.Dataset(one_by_one(handout.calibration())),
        preset=QuantizationPreset.MIXED,
        target_device=TargetDevice.CPU,
        subset_size=512,
        fast_bias_correction=False,
    )
    onnx.save(quantized, target)


def accuracy_control(handout: Handout, target: Path) -> None:
    validation = handout.evenly("validation", VALIDATION)
    labelled = list(zip(one_by_one(handout.fed(validation)), validation["label"], strict=True))
    quantized = nncf.quantize_with_accuracy_control(
        onnx.load(handout.onnx, load_external_data=False),
        nncf.Dataset(one_by_one(handout.calibration())),
        nncf.Dataset(labelled, lambda pair: pair[0]),
        accuracy,
        max_drop=MAX_DROP,
        preset=QuantizationPreset.MIXED,
        target_device=TargetDevice.CPU,
        subset_size=512,
        fast_bias_correction=False,
    )
    onnx.save(quantized, target)


def accuracy(model: onnx.ModelProto, data: Iterable[tuple[Feed, int]]) -> float:
    """Share of right answers."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return float(np.mean([int(session.run(None, feed)[0].argmax()) == label for feed, label in data]))


def quantization_aware(handout: Handout, target: Path) -> None:
    import torch

    from benchmarks.peers.torch_teacher import example, fine_tune, load

    feeds = [tuple(map(torch.from_numpy, feed.values())) for feed in one_by_one(handout.calibration())]
    quantized = nncf.quantize(
        load(handout),
        nncf.Dataset(feeds, lambda feed: feed),
        preset=QuantizationPreset.MIXED,
        target_device=TargetDevice.CPU,
        subset_size=512,
    )
    fine_tune(quantized, handout, "nncf")
    whole = nncf.strip(quantized, strip_format=nncf.StripFormat.NATIVE, example_input=example(handout))
    names = [*handout.facts["inputs"], "logits"]
    torch.onnx.export(  # the TorchScript exporter, as in NNCF's examples: the newer one cannot trace its quantizers
        whole.eval(),
        example(handout),
        str(target),
        dynamo=False,
        opset_version=17,
        input_names=names[:-1],
        output_names=names[-1:],
        dynamic_axes={name: {0: "batch"} for name in names},
    )


ATTEMPTS = [
    Attempt("nncf.quantize", HOW.format("accurate"), post_training),
    Attempt(
        "nncf.quantize_with_accuracy_control",
        f"{HOW.format('accurate')}, max_drop {MAX_DROP} of accuracy on {VALIDATION} validation windows",
        accuracy_control,
    ),
    Attempt(
        "nncf.quantize of the torch model, QAT",
        f"{HOW.format('fast')}; fine-tuned on the labels; strip NATIVE, TorchScript export",
        quantization_aware,
    ),
]

if __name__ == "__main__":
    main(ATTEMPTS, ["nncf"])
