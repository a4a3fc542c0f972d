"""ONNX Runtime's own quantization tools, as its documentation says: static for CNNs, dynamic for recurrent layers.

https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from pathlib import Path

from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.peers.handout import Attempt, Feed, Handout, main, one_by_one

STATIC = "quant_pre_process; QDQ, uint8 activations, int8 weights per channel, {} calibration on 512 windows"


class Reader(CalibrationDataReader):  # type: ignore[misc]  # its package ships no types
    """Calibration windows one at a time, as a device sees them."""

    def __init__(self, windows: Feed) -> None:
        self.rows = iter(one_by_one(windows))

    def get_next(self) -> Feed | None:
        return next(self.rows, None)


def prepared(handout: Handout) -> Path:
    """The teacher after the pre-processing that the documentation asks for."""
    path = Path("prepared.onnx").resolve()
    quant_pre_process(handout.onnx, path)
    return path


def static(handout: Handout, target: Path, method: CalibrationMethod) -> None:
    quantize_static(
        prepared(handout),
        target,
        Reader(handout.calibration()),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        calibrate_method=method,
    )


def minmax(handout: Handout, target: Path) -> None:
    static(handout, target, CalibrationMethod.MinMax)


def entropy(handout: Handout, target: Path) -> None:
    static(handout, target, CalibrationMethod.Entropy)


def dynamic(handout: Handout, target: Path) -> None:
    quantize_dynamic(prepared(handout), target, weight_type=QuantType.QUInt8)


def dynamic_lstm(handout: Handout, target: Path) -> None:
    quantize_dynamic(
        prepared(handout), target, op_types_to_quantize=["LSTM"], per_channel=True, weight_type=QuantType.QInt8
    )


def static_and_dynamic(handout: Handout, target: Path) -> None:
    half = Path("static.onnx").resolve()
    minmax(handout, half)
    quantize_dynamic(half, target, op_types_to_quantize=["LSTM"], per_channel=True, weight_type=QuantType.QInt8)


ATTEMPTS = [
    Attempt("quantize_static, min-max", STATIC.format("min-max"), minmax),
    Attempt("quantize_static, entropy", STATIC.format("entropy"), entropy),
    Attempt(
        "quantize_dynamic", "quant_pre_process; all operators, uint8 weights (the CPU has no int8 ConvInteger)", dynamic
    ),
    Attempt("quantize_dynamic, LSTM alone", "quant_pre_process; LSTM, int8 weights per channel", dynamic_lstm),
    Attempt(
        "quantize_static, then quantize_dynamic of the LSTM",
        f"{STATIC.format('min-max')}; then LSTM, int8 weights per channel (two calls put together by hand)",
        static_and_dynamic,
    ),
]

if __name__ == "__main__":
    main(ATTEMPTS, ["onnxruntime"])
