"""Kubeflow container components, derived from the declarations that make the command line; kfp lives only here.

A KFP component has one named input per artifact, so a list port is unrolled: `evidence_0`, `evidence_1`, ...
"""

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp import compiler, dsl
from kfp.compiler.compiler_utils import KubernetesManifestOptions
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.pipeline_task import PipelineTask

from bedside.component import Component
from bedside.params import ParamsError, validate


def container_component(stage: Component, *, image: str, sizes: Mapping[str, int] | None = None) -> BaseComponent:
    """The KFP component of `stage`; `sizes` gives the length of each list port.

    Beside its ports and parameter models it takes `code`, the digest of the stage's sources: KFP's cache compares
    images by name alone and would not notice changed code, and the stage refuses to start on other sources.
    """
    sizes = sizes or {}
    ports = {name: port for declared, port in stage.ports.items() for name in unrolled(declared, sizes)}
    types: dict[str, Any] = {
        name: (dsl.Input if port.direction == "in" else dsl.Output)[getattr(dsl, port.kind)]
        for name, port in ports.items()
    }
    types |= dict.fromkeys(stage.models, dict) | {"code": str, "metrics": dsl.OutputPath(dict)}

    def spec(*placeholders: Any) -> dsl.ContainerSpec:
        given = dict(zip(types, placeholders, strict=True))
        values = {name: value.path if name in ports else value for name, value in given.items()}
        values |= {port: [values[name] for name in unrolled(port, sizes)] for port in stage.many}
        command = ["python", "-m", "bedside.stages", stage.name]
        return dsl.ContainerSpec(image=image, command=command, args=[*stage.argv(values), "--code", values["code"]])

    position = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, position, annotation=kind) for name, kind in types.items()]
    spec.__name__, spec.__doc__, spec.__annotations__ = stage.name, stage.__doc__, types
    spec.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what kfp reads
    return dsl.container_component(spec)


def unrolled(port: str, sizes: Mapping[str, int]) -> list[str]:
    """The KFP input names of a port."""
    return [f"{port}_{i}" for i in range(sizes[port])] if port in sizes else [port]


def add(stage: Component, shown: str, *, image: str, cached: bool = True, **values: Any) -> PipelineTask:
    """Add a task, `shown` in the UI, to the pipeline being defined; `values`: artifacts, lists of them, parameters."""
    sizes = {port: len(values[port]) for port in stage.many}
    make = container_component(stage, image=image, sizes=sizes)
    values |= {name: without_nulls(stage, name, values[name]) for name in stage.models}
    task = make(**dict(_flat(values, sizes)), code=_code(stage, values))
    task.set_display_name(shown)
    task.set_caching_options(cached)
    return task


def _code(stage: Component, values: Mapping[str, Any]) -> str:
    """What the task will expect of its image: sources of every kind where a parameter is given when it is run."""
    params = [values[name] for name in stage.models]
    return stage.code(*params) if all(isinstance(each, Mapping) for each in params) else stage.any_code


def without_nulls(stage: Component, parameter: str, value: Any) -> Any:
    """`value` as kfp can pass it, which knows no null; what only a null can say is refused.

    What is no mapping, an output of another task, is left as it is.
    """
    if not isinstance(value, Mapping):
        return value
    model, where = stage.models[parameter], f"{stage.name}.{parameter}"
    said = _without_nulls(value)
    if validate(model, said, where) != validate(model, value, where):
        raise ParamsError(
            f"{where}: Kubeflow Pipelines cannot pass null, and leaving it out would mean something else; say it in "
            f"another way: {value}"
        )
    return said


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return value


def _flat(values: Mapping[str, Any], sizes: Mapping[str, int]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        yield from zip(unrolled(name, sizes), value, strict=True) if name in sizes else [(name, value)]


def compile_to(file: Path, pipeline: BaseComponent, *, manifests: bool = False, namespace: str | None = None) -> None:
    """Write the IR YAML that a Kubeflow Pipelines server takes, or `manifests` that `kubectl apply` does.

    A PipelineVersion never changes once it is there, so its name carries the digest of what it holds.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if not manifests:
        compiler.Compiler().compile(pipeline, str(file))
        return
    options = {"include_pipeline_manifest": True, "namespace": namespace}
    name = f"{pipeline.name}-{_digest(pipeline)[:12]}"
    wanted = KubernetesManifestOptions(pipeline_name=pipeline.name, pipeline_version_name=name, **options)
    compiler.Compiler().compile(
        pipeline, str(file), kubernetes_manifest_format=True, kubernetes_manifest_options=wanted
    )


def _digest(pipeline: BaseComponent) -> str:
    parts = [json_format.MessageToDict(part) for part in (pipeline.pipeline_spec, pipeline.platform_spec)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
