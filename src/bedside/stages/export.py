"""Stage: trained network -> one ONNX file, with its parity to the network and its complexity."""

import gzip
from typing import Literal

from bedside.artifacts import DatasetIn, ModelIn, ModelOut, write_json
from bedside.component import Metrics, component
from bedside.datasets.inputs import shapes
from bedside.datasets.windows import load_split
from bedside.params import Params


class Export(Params):
    """`split` is what parity is compared on; the test windows are evaluate's alone."""

    split: Literal["train", "validation", "calibration"] = "validation"


@component(image="train")
def export(*, dataset: DatasetIn, model: ModelIn, graph: ModelOut, params: Export) -> Metrics:
    """Write the network as a graph and compare the two on every window of the split."""
    import torch

    from bedside.graph.complexity import complexity
    from bedside.graph.export import export as to_onnx
    from bedside.graph.parity import parity
    from bedside.models import load

    torch.set_num_threads(1)  # sums are added in another order by more threads, and the last digits differ
    network, windows = load(model), load_split(dataset, params.split)
    onnx = to_onnx(network, shapes(windows.inputs))
    compared = parity(network, onnx, windows.inputs)
    cost = complexity(onnx)
    (graph / "model.onnx").write_bytes(onnx)
    for name, facts in {"parity": compared, "complexity": cost}.items():
        write_json(graph / f"{name}.json", facts)
    return {
        "graph/size_bytes": float(len(onnx)),
        "graph/compressed_bytes": float(len(gzip.compress(onnx, mtime=0))),  # what zeros gain: a shorter download
        "parity/max_abs_difference": compared["max_abs_difference"],
        "parity/label_changes": float(compared["label_changes"]),
        **{f"complexity/{name}": float(value) for name, value in cost.items()},
    }


if __name__ == "__main__":
    export.main()
