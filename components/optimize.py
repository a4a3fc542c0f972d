"""Stage: exported graph -> the file for one target, with an audit of what its runtime executes and its parity there."""

import json
import shutil

from bedside.artifacts import ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.edge.runner import FILE
from bedside.targets import Target


@component(image="runtime")
def optimize(*, graph: ModelIn, optimized: ModelOut, target: Target) -> Metrics:
    """Make the very bytes that will be measured, gated and signed; refuse a quantized graph that would run in float."""
    from bedside.graph.parity import on_target
    from bedside.graph.plain import plain

    exported = (graph / "model.onnx").read_bytes()
    file, audit = target.optimize(exported)
    if without := plain(exported):  # for `evaluate` to time it beside; never shipped
        (optimized / "plain.onnx").write_bytes(target.compiled(without.graph))
        (optimized / "plain.json").write_text(json.dumps({"kind": without.kind}) + "\n")
    (optimized / "model.onnx").write_bytes(file)
    (optimized / FILE).write_text(json.dumps(target.run.as_json(), indent=1, sort_keys=True) + "\n")
    (optimized / "audit.json").write_text(json.dumps(audit, indent=1, sort_keys=True) + "\n")
    shutil.copyfile(graph / "complexity.json", optimized / "complexity.json")
    there = on_target(exported, target.session(file))
    parity = {**graph.json("parity.json"), "on_target": there}
    (optimized / "parity.json").write_text(json.dumps(parity, indent=1, sort_keys=True) + "\n")
    return {
        "graph/size_bytes": float(len(file)),
        "graph/operators_before": float(sum(audit["operators_before"].values())),
        "graph/operators_after": float(sum(audit["operators_after"].values())),
        "graph/integer_operators": float(sum(audit["integer_operators"].values())),
        "graph/float_operators": float(sum(audit["float_operators"].values())),
        "on_target/max_abs_difference": there["max_abs_difference"],
        "on_target/label_changes": float(there["label_changes"]),
    }


if __name__ == "__main__":
    optimize.main()
