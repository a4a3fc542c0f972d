"""dvc.yaml and pipelines/compress.py are written by hand; here they are held against the components and each other."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bedside.configuration import value
from bedside.fingerprint import pipeline
from bedside.lineage import ROOT as TEACHER
from bedside.lineage import Lineage, check
from bedside.params import Params, ParamsError, load, raw
from pipelines import compress, revalidate
from tests.graphs.wiring import ROOT, Stage, dvc_edges, dvc_stages, kfp_edges, kfp_spec, params


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def covered(path: str, by: frozenset[str]) -> bool:
    return any(Path(path) == Path(one) or Path(one) in Path(path).parents for one in by)


def stages() -> Iterator[Stage]:
    yield from dvc_stages().values()


def test_every_command_line_is_one_that_its_component_takes() -> None:
    assert {stage.component.name for stage in stages()} == {
        path.stem for path in (ROOT / "components").glob("*.py") if path.stem not in ("__init__", "checkout", "adopt")
    }  # `checkout` brings what DVC itself brings on a laptop; `adopt` stands in the place of `train_teacher`


def test_every_artifact_on_a_command_line_is_declared_and_nothing_else_is() -> None:
    for stage in stages():
        inputs = {path for paths in stage.paths("in").values() for path in paths}
        assert all(covered(path, stage.deps) for path in inputs), stage.name
        folders = {dep for dep in stage.deps if dep.startswith("artifacts/")}
        assert all(any(covered(path, frozenset({folder})) for path in inputs) for folder in folders), stage.name
        assert {path for paths in stage.paths("out").values() for path in paths} == stage.outs, stage.name
        assert {str(stage.values["metrics"])} == stage.metrics, stage.name


def test_every_parameter_reference_is_declared_and_valid() -> None:
    for stage in stages():
        references = {name: stage.values[name] for name in stage.component.models}
        files = {name: reference for name, reference in references.items() if not reference.startswith("{")}
        dotted = {reference.removeprefix("params.yaml:") for reference in files.values()}
        lists = {name for name in stage.params if name.split(".")[0] == "evaluated"}
        assert dotted == stage.params - lists, stage.name
        for name, reference in references.items():
            assert isinstance(load(stage.component.models[name], reference), Params)


def test_every_stage_has_the_digest_of_its_own_code_for_a_parameter() -> None:
    digests = pipeline.digests(params())
    for stage in stages():
        (name,) = stage.code
        assert as_in_dvc(tuple(name.split("."))) == stage.name
        assert len(str(value(digests, name.split("."), "code.json"))) == 64, stage.name


def test_the_code_that_counts_follows_the_graph_of_dvc_yaml() -> None:
    found = {as_in_dvc(stage.name): stage for stage in pipeline.stages(params())}
    assert found.keys() == dvc_stages().keys()
    before = {(producer, consumer) for producer, _, consumer, _ in dvc_edges()}
    assert {(as_in_dvc(name), stage) for stage in found for name in found[stage].after} == before
    for name, stage in found.items():
        assert stage.component == dvc_stages()[name].component.name
        sections = {".".join(section) for section in stage.sections}
        assert sections == {one for one in dvc_stages()[name].params if not one.startswith("evaluated")}, name


def test_what_the_first_stage_reads_is_all_that_its_digests_follow_from() -> None:
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        (code,) = (stage for stage in repo.index.stages if stage.addressing == "code")
    assert {str(dep.def_path) for dep in code.deps} == {"components", "params.yaml", "src/bedside"}
    assert [str(out.def_path) for out in code.outs] == ["code.json"]


def test_parameters_name_the_same_code_before_and_after_their_defaults_are_filled_in() -> None:
    for stage in stages():
        given = [stage.values[name] for name in stage.component.models]
        filled = [
            load(model, reference) for model, reference in zip(stage.component.models.values(), given, strict=True)
        ]
        assert stage.component.code(*map(raw, given)) == stage.component.code(*filled), stage.name


def as_in_dvc(name: tuple[str, ...]) -> str:
    """`evaluate.openvino-cpu.tiny` of code.json is the stage `evaluate@openvino-cpu-tiny`."""
    return f"{name[0]}@{'-'.join(name[1:])}" if name[1:] else name[0]


def test_both_launchers_have_the_same_stages() -> None:
    shown = {task["taskInfo"]["name"] for task in kfp_spec()["root"]["dag"]["tasks"].values()}
    assert shown == set(dvc_stages())


def test_both_launchers_have_the_same_edges() -> None:
    assert dvc_edges() == kfp_edges(kfp_spec())


def test_lists_of_artifacts_are_in_the_same_order_under_both_launchers() -> None:
    tasks = {task["taskInfo"]["name"]: task for task in kfp_spec()["root"]["dag"]["tasks"].values()}
    shown = {key: task["taskInfo"]["name"] for key, task in kfp_spec()["root"]["dag"]["tasks"].items()}
    writers = {path: stage.name for stage in stages() for paths in stage.paths("out").values() for path in paths}
    for stage in (stage for stage in stages() if stage.component.many):
        for port in stage.component.many:
            unrolled = [tasks[stage.name]["inputs"]["artifacts"][f"{port}_{i}"] for i in range(len(stage.values[port]))]
            order = [shown[one["taskOutputArtifact"]["producerTask"]] for one in unrolled]
            assert order == [writers[path] for path in stage.paths("in")[port]]


def test_both_launchers_give_the_same_parameters() -> None:
    for task in kfp_spec()["root"]["dag"]["tasks"].values():
        stage = dvc_stages()[task["taskInfo"]["name"]]
        for name, model in stage.component.models.items():
            given: Any = task["inputs"]["parameters"][name]
            if given.get("componentInputParameter") == "source":
                raw = kfp_spec()["root"]["inputDefinitions"]["parameters"]["source"]["defaultValue"]
            else:
                raw = given["runtimeValue"]["constant"]
            assert stage.component.models[name] is model
            assert load_inline(model, raw) == load(model, stage.values[name]), (stage.name, name)


def load_inline(model: type[Params], raw: Any) -> Params:
    import json

    return load(model, json.dumps(raw))


@pytest.mark.parametrize("address", ["https://u:canary@m.example", "https://m.example/?token=canary"])
def test_no_pipeline_is_compiled_with_a_password_in_it(address: str) -> None:
    source = {**params()["source"], "mirror": address}
    with pytest.raises(ParamsError, match="holds a password or a token") as refused:
        compress.build({**params(), "source": source})
    assert "canary" not in str(refused.value)


def test_only_evaluate_opens_the_test_set() -> None:
    readers = {consumer for _, output, consumer, _ in dvc_edges() if output == "test"}
    assert {name.partition("@")[0] for name in readers} == {"evaluate"}


def test_data_measurements_and_judgements_are_never_cached() -> None:
    for task in kfp_spec()["root"]["dag"]["tasks"].values():
        stage = task["taskInfo"]["name"].partition("@")[0]
        assert bool(task["cachingOptions"]) is (stage not in {"ingest", "evaluate", "gate", "promote"}), stage


@pytest.mark.parametrize(
    "build", [compress.build, functools.partial(compress.build, data_version=True), revalidate.build]
)
def test_replaced_data_under_the_same_parameters_is_never_served_from_the_cache(build: Callable[..., Any]) -> None:
    """What reads no artifact depends on the world outside, which Kubeflow's cache does not look at."""
    tasks = build(params()).pipeline_spec.root.dag.tasks.values()
    first = {task.task_info.name: task for task in tasks if not task.inputs.artifacts}
    assert {"ingest", "checkout"} & first.keys()
    assert [name for name, task in first.items() if task.caching_options.enable_cache and "importer" not in name] == []


def test_metrics_stay_in_git_so_that_they_can_be_compared() -> None:
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        outputs = [out for stage in repo.index.stages for out in stage.outs if stage.addressing != "code"]
    assert all(out.use_cache is not bool(out.metric) for out in outputs)


def test_a_decision_is_made_and_never_restored_since_the_registry_is_not_part_of_it() -> None:
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        persistent = {stage.addressing for stage in repo.index.stages for out in stage.outs if out.persist}
    assert persistent == {name for name in dvc_stages() if name.startswith("promote@")}


def test_what_is_evaluated_exists_and_the_teacher_is_always_there_to_compare_with() -> None:
    found = params()
    lineage = Lineage(variants=found["variants"])
    assert found["evaluated"]["variants"][0] == TEACHER
    assert set(found["evaluated"]["variants"]) <= {TEACHER, *lineage.variants}
    assert set(found["evaluated"]["targets"]) == set(found["targets"]) == set(found["budgets"])


def test_every_variant_can_be_made_from_its_parent() -> None:
    assert set(check(params(), ROOT / "components").variants) == set(params()["variants"])


def test_every_code_digest_in_the_compiled_pipeline_is_that_of_the_stage() -> None:
    for task in kfp_spec()["root"]["dag"]["tasks"].values():
        given = task["inputs"]["parameters"]["code"]["runtimeValue"]["constant"]
        stage = dvc_stages()[task["taskInfo"]["name"]]
        code = stage.component.code(*(raw(stage.values[name]) for name in stage.component.models))
        assert given == (stage.component.any_code if stage.name == "ingest" else code), stage.name
