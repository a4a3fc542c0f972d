"""The compiled pipeline in the images that it names, through KFP's DockerRunner: the same contents as `dvc repro`."""

from pathlib import Path

import docker
import pytest
import yaml
from kfp import dsl

from bedside.errors import RefusedError
from pipelines.compress import default_image
from tests.docker.conftest import Run
from tests.graphs.test_launchers import key
from tests.support import local_kubeflow, pipeline

pytestmark = [pytest.mark.docker, pytest.mark.timeout(5400)]

WRITE = 'mkdir -p "$0" && printf "{}" > "$0/manifest.json"'


@pytest.fixture(scope="module")
def by_dvc(tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient) -> Path:  # noqa: ARG001  (skips where there is none)
    """The tiny cohort on every runtime that there is an image for."""
    params = yaml.safe_load(pipeline.TINY.read_text())
    params["evaluated"]["targets"] = ["onnxruntime-cpu", "openvino-cpu"]
    profile = tmp_path_factory.mktemp("profile") / "both.yaml"
    profile.write_text(yaml.safe_dump(params))
    folder = pipeline.lay_out(tmp_path_factory.mktemp("both"), profile)
    pipeline.reproduce(folder)
    return folder


@pytest.fixture(scope="module")
def in_containers(by_dvc: Path) -> Path:
    pipeline.run_in_containers(by_dvc)
    (run,) = (by_dvc / "containers").glob("bedside-compress-*")  # beside it lies what is not an artifact
    return run


def test_containers_make_the_same_artifacts_with_the_same_contents(by_dvc: Path, in_containers: Path) -> None:
    here, there = (
        {key(a): a.digest for a in pipeline.artifacts(folder) if a.manifest["component"] in pipeline.REPRODUCIBLE}
        for folder in (by_dvc / "artifacts", in_containers)
    )
    assert here == there
    assert len(here) == len(pipeline.digests(by_dvc / "artifacts"))


def test_every_deployment_answers_the_same_in_a_container(by_dvc: Path, in_containers: Path) -> None:
    here, there = (pipeline.answers(folder) for folder in (by_dvc / "artifacts", in_containers))
    assert sorted(here.values()) == sorted(there.values())


def test_every_file_of_a_run_in_containers_belongs_to_a_user_without_rights(in_containers: Path) -> None:
    made = [path for artifact in pipeline.artifacts(in_containers) for path in artifact.path.rglob("*")]
    assert {path.stat().st_uid for path in made} == {10001}


def step(command: str) -> dsl.base_component.BaseComponent:
    """A pipeline of one container that runs `command`, given the place of its output."""

    def one(made: dsl.Output[dsl.Artifact]) -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image=default_image("runtime"), command=["sh", "-c", command], args=[made.path])

    make = dsl.container_component(one)

    @dsl.pipeline(name="one-step")  # type: ignore[untyped-decorator]  # kfp ships no types
    def steps() -> None:
        make()

    return steps


@pytest.mark.usefixtures("engine")
def test_a_step_that_writes_its_output_is_done(tmp_path: Path) -> None:
    local_kubeflow.run_in_containers(step(WRITE), tmp_path / "root", {})


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("attempt", range(10))
def test_a_step_that_fails_at_once_is_never_taken_for_done(attempt: int, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"FAILURE|one-step"):
        local_kubeflow.run_in_containers(step("exit 3"), tmp_path / f"root{attempt}", {})


@pytest.mark.usefixtures("engine")
def test_a_step_without_its_output_has_failed_even_if_its_runner_calls_it_done(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"ended without its output .*made"):
        local_kubeflow.run_in_containers(step("exit 0"), tmp_path / "root", {})


@pytest.mark.usefixtures("engine")
def test_an_image_that_is_not_there_is_named_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_RUNTIME_IMAGE", "bedside-runtime:never-built")
    with pytest.raises(RefusedError, match=r"no image bedside-runtime:never-built; build it with `make images IMAGES="):
        local_kubeflow.run_in_containers(step(WRITE), tmp_path / "root", {})
    assert not (tmp_path / "root").exists()


def test_an_image_of_other_sources_refuses_to_run_a_stage(run_in: Run) -> None:
    flags = [part for name in ("evidence", "reference", "verdict", "gates", "budget") for part in (f"--{name}", "{}")]
    with pytest.raises(docker.errors.ContainerError, match="build the image and compile the pipeline from the same"):
        run_in("runtime", "python", "-m", "components.gate", *flags, "--code", "0" * 64)
