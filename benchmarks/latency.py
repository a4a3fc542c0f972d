"""What shapes cost: untrained networks, exported and optimized as the pipeline does, measured beside the teacher.

    python benchmarks/latency.py                                     # the teacher and students of several shapes
    python benchmarks/latency.py --students 32-64-64/2-2-2/64/32     # channels / strides / LSTM units / head

Weights are random: speed and size do not depend on what a network has learned, its answers do.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from bedside.datasets.inputs import Arrays
from bedside.graph.export import export
from bedside.measurement import Measure, Measurement
from bedside.models import Network
from bedside.models.cnn_lstm import CnnLstm, ConvBlock
from bedside.models.edits.quantized import quantized, settle
from bedside.targets import Target

INPUTS = {"signal": (2, 120), "rhythm": (7,)}
CLASSES = 4
KERNELS = (7, 5, 3)
TEACHER = "64-128-128/2-2-1/256-256/128"
STUDENTS = [
    "16-32-32/2-2-1/32/32",
    "16-32-32/2-2-2/32/32",
    "32-64-64/2-2-2/32/32",
    "32-64-64/2-2-2/64/32",
    "16-32-32/4-2-2/32/32",
]
HEADER = "| target | network | numbers | size kB | p50 us | p99 us | times faster, p50 (range) | peak memory MB |"


def main() -> None:
    """Print one markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", default=TEACHER)
    parser.add_argument("--students", nargs="*", default=STUDENTS)
    parser.add_argument("--targets", nargs="*", default=["onnxruntime", "openvino"])
    parser.add_argument("--runs", type=int, default=1000, help="runs per window")
    arguments = parser.parse_args()
    how = Measure(runs=arguments.runs, batches=(1,))
    print(HEADER)
    print("|" + "---|" * (HEADER.count("|") - 1))
    for row in rows(arguments.teacher, arguments.students, arguments.targets, how):
        print(row, flush=True)


def rows(teacher: str, students: list[str], kinds: list[str], how: Measure) -> Iterator[str]:
    """One line per target, network and kind of numbers."""
    torch.set_num_threads(1)
    names = [teacher, *students]
    graphs = {
        (name, numbers): graph_of(shape(name), numbers)
        for name, numbers in tqdm(list(itertools.product(names, ("fp32", "int8"))), "export", file=sys.stderr)
    }
    for kind in kinds:
        target = Target.build({"kind": kind})
        reference, _ = target.optimize(graphs[teacher, "fp32"])
        for (name, numbers), graph in graphs.items():
            file, _ = target.optimize(graph)
            found = Measurement(target, file, reference, noise(64)).take(how)
            yield line(kind, name, numbers, found)


def shape(name: str) -> Network:
    """`16-32-32/2-2-2/32/32` -> channels, strides, LSTM units, head."""
    channels, strides, units, head = (tuple(map(int, part.split("-"))) for part in name.split("/"))
    blocks = (ConvBlock(channels=c, kernel=k, stride=s) for c, k, s in zip(channels, KERNELS, strides, strict=True))
    return Network.of(CnnLstm(convolutions=tuple(blocks), lstm=units, head=head[0]), INPUTS, CLASSES)


def graph_of(network: Network, numbers: str) -> bytes:
    """The exported graph; for int8 with ranges from noise."""
    torch.manual_seed(0)
    module = network.network().eval()
    if numbers == "int8":
        module = quantized(module, INPUTS)
        with torch.no_grad():
            module.train()(**{name: torch.from_numpy(array) for name, array in noise(64).items()})
        settle(module)
    return export(module.eval(), INPUTS)


def noise(windows: int) -> Arrays:
    """So many windows of each input."""
    random = np.random.default_rng(0)
    return {name: random.normal(size=(windows, *size)).astype(np.float32) for name, size in INPUTS.items()}


def line(kind: str, name: str, numbers: str, found: dict[str, Any]) -> str:
    """One row of the table."""
    latency, ratio = found["latency"], found["latency"]["times_faster"]["p50"]
    cells = [
        *(kind, name, numbers, f"{found['size_bytes'] / 1e3:.1f}"),
        *(f"{latency[key] * 1e3:.1f}" for key in ("p50_ms", "p99_ms")),
        f"{ratio['median']:.1f} ({ratio['lowest']:.1f}-{ratio['highest']:.1f})",
        f"{found['memory']['peak_rss_mb']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
