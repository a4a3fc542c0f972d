"""One graph, one sequence of bytes: no traces of the machine, the moment or the tool that wrote it."""

import onnx

PRODUCER = "bedside"


def canonical_bytes(model: onnx.ModelProto) -> bytes:
    """Check the model and serialize it without names of nodes, comments, metadata or unused operator sets.

    The same model gives the same bytes in every process. Raises `onnx.checker.ValidationError` for an invalid graph.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    _strip(result)
    onnx.checker.check_model(result, full_check=not _has_vendor_operators(result))
    return result.SerializeToString(deterministic=True)


def _strip(model: onnx.ModelProto) -> None:
    model.producer_name, model.producer_version, model.doc_string, model.domain = PRODUCER, "", "", ""
    model.model_version = 0
    del model.metadata_props[:]
    del model.functions[:]
    graph = model.graph
    graph.name, graph.doc_string = PRODUCER, ""
    del graph.value_info[:]
    del graph.metadata_props[:]
    for item in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        item.doc_string = ""
        del item.metadata_props[:]
    for number, node in enumerate(graph.node):
        node.name = f"{number}_{node.op_type}"
    used = {node.domain for node in graph.node} | {""}
    kept = sorted((o for o in model.opset_import if o.domain in used), key=lambda o: o.domain)
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _has_vendor_operators(model: onnx.ModelProto) -> bool:
    """Shape inference knows only the operators of the standard."""
    return any(node.domain not in {"", "ai.onnx"} for node in model.graph.node)
