"""One graph, one sequence of bytes: no traces of the machine, the moment or the tool that wrote it."""

import onnx

PRODUCER = "bedside"


def canonical_bytes(model: onnx.ModelProto) -> bytes:
    """Check the model and serialize it under names of its own, without comments, metadata or unused operator sets.

    The same model gives the same bytes in every process (an exporter numbers tensors by what the process did before).
    Raises `onnx.checker.ValidationError` for an invalid graph.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    # Shape inference knows only the operators of the standard.
    onnx.checker.check_model(result, full_check=all(node.domain in {"", "ai.onnx"} for node in result.graph.node))
    _strip(result)
    _rename(result.graph)
    file: bytes = result.SerializeToString(deterministic=True)
    return file


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
    used = {node.domain for node in graph.node} | {""}
    kept = sorted((entry for entry in model.opset_import if entry.domain in used), key=lambda entry: entry.domain)
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _rename(graph: onnx.GraphProto) -> None:
    """Nodes by place and operator (`3_Conv`), results by their node, constants by their first reader and place."""
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    for number, node in enumerate(graph.node):
        node.name = f"{number}_{node.op_type}"
        for index, name in enumerate(node.input):
            node.input[index] = names.setdefault(name, f"{node.name}.{index}")
        for index, name in enumerate(node.output):
            node.output[index] = names.setdefault(name, node.name + (f".out{index}" if index else ""))
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
    constants = sorted(graph.initializer, key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(constants)
