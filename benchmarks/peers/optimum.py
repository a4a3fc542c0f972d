"""Optimum for ONNX Runtime: ORTQuantizer with the configurations its documentation gives for AVX512-VNNI.

https://huggingface.co/docs/optimum-onnx/onnxruntime/usage_guides/quantization
"""

from pathlib import Path

from optimum.onnxruntime import ORTQuantizer
from optimum.onnxruntime.configuration import AutoCalibrationConfig, AutoQuantizationConfig

from benchmarks.peers.handout import Attempt, Handout, main


def dynamic(handout: Handout, target: Path) -> None:
    quantizer = ORTQuantizer(handout.onnx)
    quantize(quantizer, target, AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=True))


def static(handout: Handout, target: Path) -> None:
    from datasets import Dataset

    windows = Dataset.from_dict({name: list(array) for name, array in handout.calibration().items()})
    quantizer = ORTQuantizer(handout.onnx)
    how = AutoQuantizationConfig.avx512_vnni(is_static=True, per_channel=True)
    ranges = quantizer.fit(
        windows, AutoCalibrationConfig.minmax(windows), operators_to_quantize=how.operators_to_quantize
    )
    quantize(quantizer, target, how, calibration_tensors_range=ranges)


def quantize(quantizer: ORTQuantizer, target: Path, how: object, **more: object) -> None:
    """Quantize into a folder of its own, and take the file out of it."""
    quantizer.quantize(save_dir="quantized", quantization_config=how, **more)
    (file,) = Path("quantized").glob("*.onnx")
    file.replace(target)


ATTEMPTS = [
    Attempt("ORTQuantizer, dynamic", "AutoQuantizationConfig.avx512_vnni, per channel", dynamic),
    Attempt("ORTQuantizer, static", "AutoQuantizationConfig.avx512_vnni, per channel, min-max calibration", static),
]

if __name__ == "__main__":
    main(ATTEMPTS, ["optimum-onnx", "optimum"])
