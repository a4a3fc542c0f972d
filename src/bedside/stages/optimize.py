"""Stage: exported graph -> the file for one target, with an audit of what its runtime executes and its parity there."""

import shutil

from bedside.artifacts import ModelIn, ModelOut, write_json
from bedside.component import Metrics, component
from bedside.edge.runner import FILE
from bedside.targets import Target


@component(image="runtime")
def optimize(*, graph: ModelIn, optimized: ModelOut, target: Target) -> Metrics:
    """Make the very bytes that will be measured, gated and signed; refuse a quantized graph that would run in float."""
    from bedside.graph.finite import require_constants
    from bedside.graph.parity import on_target
    from bedside.graph.plain import plain
    from bedside.graph.reading import model_of

    exported = (graph / "model.onnx").read_bytes()
    require_constants(model_of(exported), f"the graph in {graph.path}")
    file, audit = target.optimize(exported)
    if without := plain(exported):  # for `evaluate` to time it beside; never shipped
        (optimized / "plain.onnx").write_bytes(target.compiled(without.graph))
        write_json(optimized / "plain.json", {"kind": without.kind})
    (optimized / "model.onnx").write_bytes(file)
    write_json(optimized / FILE, target.run.as_json())
    write_json(optimized / "audit.json", audit)
    shutil.copyfile(graph / "complexity.json", optimized / "complexity.json")
    there = on_target(exported, target.session(file))
    parity = {**graph.json("parity.json"), "on_target": there}
    write_json(optimized / "parity.json", parity)
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
