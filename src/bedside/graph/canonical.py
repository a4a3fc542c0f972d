"""One graph, one sequence of bytes: no traces of the machine, the moment or the tool that wrote it."""

import onnx

from bedside.graph.surgery import branches, reads, with_branches

PRODUCER = "bedside"
STANDARD = frozenset({"", "ai.onnx"})


def canonical_bytes(model: onnx.ModelProto) -> bytes:
    """Check the model and serialize it under names of its own, without comments, metadata or unused operator sets.

    The same model gives the same bytes in every process (an exporter numbers tensors by what the process did before).
    Raises `onnx.checker.ValidationError` for an invalid graph.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    # Shape inference knows only the operators of the standard.
    onnx.checker.check_model(result, full_check=_domains(result) <= STANDARD)
    _strip(result)
    _rename(result.graph, {value.name: value.name for value in (*result.graph.input, *result.graph.output)})
    file: bytes = result.SerializeToString(deterministic=True)
    return file


def _domains(model: onnx.ModelProto) -> set[str]:
    return {node.domain for graph in with_branches(model.graph) for node in graph.node}


def _strip(model: onnx.ModelProto) -> None:
    model.producer_name, model.producer_version, model.doc_string, model.domain = PRODUCER, "", "", ""
    model.model_version = 0
    del model.metadata_props[:]
    del model.functions[:]
    for graph in with_branches(model.graph):
        graph.name, graph.doc_string = PRODUCER, ""
        del graph.value_info[:]
        del graph.metadata_props[:]
        for item in (*graph.node, *graph.initializer, *graph.input, *graph.output):
            item.doc_string = ""
            del item.metadata_props[:]
    used = _domains(model) | {""}
    kept = sorted((entry for entry in model.opset_import if entry.domain in used), key=lambda entry: entry.domain)
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _rename(graph: onnx.GraphProto, known: dict[str, str], within: str = "") -> None:
    """Nodes by place and operator (`3_Conv`), results by their node, constants by their first reader and place.

    What lies in a branch bears the name of its node and branch in front, so that no name is used twice.
    """
    names = known | {"": ""}
    for number, node in enumerate(graph.node):
        node.name = f"{within}{number}_{node.op_type}"
        for index, name in enumerate(reads(node)):
            names.setdefault(name, f"{node.name}.{index}")
        node.input[:] = [names[name] for name in node.input]
        for index, name in enumerate(node.output):
            node.output[index] = names.setdefault(name, node.name + (f".out{index}" if index else ""))
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
        for place, branch in enumerate(branches(node)):
            _rename(branch, names, f"{node.name}/{place}/")
    for item in (*graph.initializer, *graph.output):
        item.name = names[item.name]
    constants = sorted(graph.initializer, key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(constants)
