"""Olive: its ONNX passes one by one, and its search over quantization settings with goals for accuracy and latency.

https://microsoft.github.io/Olive/reference/pass.html. Its transformer passes (OrtTransformersOptimization, GPTQ, AWQ
and the like) are for attention and large linear layers, of which there are none here.
"""

import functools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from olive.data.registry import Registry
from olive.workflows import run

from benchmarks.peers.handout import Attempt, Feed, Handout, count, main

VALIDATION = 2000  # windows that the search judges each trial on
TRIALS, SECONDS, LOSS = 24, 180, 1.0
STATIC = {"quant_format": "QDQ", "activation_type": "uint8", "precision": "int8", "per_channel": True}


class Windows(torch.utils.data.Dataset[tuple[Feed, int]]):
    """One window at a time, with its label."""

    def __init__(self, inputs: Feed, label: np.ndarray[Any, Any] | None) -> None:
        self.inputs, self.label = inputs, label

    def __len__(self) -> int:
        return count(self.inputs)

    def __getitem__(self, row: int) -> tuple[Feed, int]:
        label = 0 if self.label is None else int(self.label[row])
        return {name: array[row] for name, array in self.inputs.items()}, label


@Registry.register_dataset()
def handed_out(folder: str, split: str, **_: Any) -> Windows:
    """What Olive calls to load the data that a configuration names."""
    handout = Handout(Path(folder))
    if split == "calibration":
        return Windows(handout.calibration(), None)
    windows = handout.evenly(split, VALIDATION)
    return Windows(handout.fed(windows), windows["label"])


@Registry.register_post_process()
def called_class(output: Any, **_: Any) -> torch.Tensor:
    """Logits (batch, class) -> the class that each window is called."""
    logits = output["logits"] if isinstance(output, dict) else output
    return torch.as_tensor(np.asarray(logits)).argmax(dim=-1)


def data(handout: Handout, split: str) -> dict[str, Any]:
    """A data configuration."""
    return {
        "name": split,
        "type": "DataContainer",
        "load_dataset_config": {"type": "handed_out", "params": {"folder": str(handout.folder), "split": split}},
        "pre_process_data_config": {"type": "skip_pre_process"},
        "post_process_data_config": {"type": "called_class"},
        "dataloader_config": {"params": {"batch_size": 1}},
    }


def workflow(handout: Handout, target: Path, passes: dict[str, Any], **more: Any) -> None:
    """Run passes on the teacher's ONNX file and keep the best file that comes out."""
    device = {"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}
    found = run(
        {
            "input_model": {"type": "ONNXModel", "model_path": str(handout.onnx)},
            "systems": {"here": {"type": "LocalSystem", "accelerators": [device]}},
            "data_configs": [data(handout, split) for split in ("calibration", "validation")],
            "passes": passes,
            "host": "here",
            "target": "here",
            "output_dir": "out",
            "cache_dir": "cache",
            **more,
        }
    )
    best = found.get_best_candidate() if found is not None and found.has_output_model() else None
    if best is None:
        raise RuntimeError("the workflow ended without an output model")
    shutil.copyfile(best.model_path, target)


def searched(handout: Handout, target: Path) -> None:
    """Let Olive choose between static and dynamic quantization and their parameters."""
    accuracy = {
        "name": "accuracy",
        "type": "accuracy",
        "data_config": "validation",
        "sub_types": [
            {
                "name": "accuracy_score",
                "priority": 1,
                "higher_is_better": True,
                "metric_config": {"task": "multiclass", "num_classes": len(handout.facts["classes"])},
                "goal": {"type": "max-degradation", "value": LOSS / 100},
            }
        ],
    }
    latency = {
        "name": "latency",
        "type": "latency",
        "data_config": "calibration",
        "sub_types": [{"name": "avg", "priority": 2, "goal": {"type": "percent-min-improvement", "value": 50}}],
    }
    workflow(
        handout,
        target,
        {"quantization": {"type": "OnnxQuantization", "data_config": "calibration"}},
        search_strategy={
            "execution_order": "joint",
            "sampler": "tpe",
            "sampler_config": {"seed": 0},
            "max_iter": TRIALS,
            "max_time": SECONDS,
        },
        evaluators={"goals": {"type": "OnnxEvaluator", "metrics": [accuracy, latency]}},
        evaluator="goals",
    )


def attempt(name: str, settings: str, kind: str, **config: Any) -> Attempt:
    return Attempt(name, settings, functools.partial(workflow, passes={"only": {"type": kind, **config}}))


ATTEMPTS = [
    attempt("OnnxFloatToFloat16", "keep_io_types", "OnnxFloatToFloat16", keep_io_types=True),
    attempt(
        "OnnxStaticQuantization",
        "QDQ, uint8 activations, int8 weights per channel, min-max on 512 windows, pre-processing",
        "OnnxStaticQuantization",
        data_config="calibration",
        **STATIC,
    ),
    attempt(
        "OnnxDynamicQuantization",
        "uint8 weights per tensor, pre-processing",
        "OnnxDynamicQuantization",
        precision="uint8",
    ),
    Attempt(
        "search over OnnxQuantization",
        f"TPE, {TRIALS} trials over static and dynamic; goals: accuracy on {VALIDATION} validation windows within "
        f"{LOSS:g} point, then latency",
        searched,
    ),
]

if __name__ == "__main__":
    main(ATTEMPTS, ["olive-ai", "onnxruntime"])
