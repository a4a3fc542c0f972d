"""Runs a compiled KFP pipeline of container components on this machine, each task in a process or in a container.

kfp's SubprocessRunner refuses container components, since it cannot know that this machine holds what their image
holds. Here it does: the image is built from these very sources. Both of kfp's local runners look for outputs only where
Python components report them; a container's outputs are simply where KFP told it to write. And its DockerRunner takes
a step for done that it did not see ending (kubeflow/pipelines#13332), so a step whose outputs are missing has failed.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from kfp import local
from kfp.dsl.base_component import BaseComponent
from kfp.local import executor_output_utils as outputs
from kfp.local.subprocess_task_handler import SubprocessTaskHandler

from bedside.errors import RefusedError

USER = "10001:10001"


def run(pipeline: BaseComponent, root: Path, **arguments: Any) -> None:
    """Run every task of `pipeline`; artifacts lie below `root`. Raises RuntimeError naming the task that failed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # tasks start `python`: this one
    with (
        _outputs_where_they_were_written(),
        mock.patch.object(SubprocessTaskHandler, "validate_image"),
        mock.patch.object(SubprocessTaskHandler, "validate_not_container_component"),
        mock.patch.dict(os.environ, {"PATH": path}),
    ):
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
        pipeline(**arguments)


def run_in_containers(pipeline: BaseComponent, root: Path, environment: Mapping[str, str], **arguments: Any) -> None:
    """Run every task in its image as a cluster would: not root, no capabilities, nothing writable but `root` and /tmp.

    Raises RuntimeError naming the task that failed, and RefusedError before anything runs where an image is missing.
    """
    expect_images(pipeline)
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o777)
    runner = local.DockerRunner(
        user=USER,
        read_only=True,
        tmpfs={"/tmp": "mode=1777"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        network_disabled=True,
        environment=dict(environment),
    )
    with _outputs_where_they_were_written():
        local.init(runner, pipeline_root=str(root))
        pipeline(**arguments)


def expect_images(pipeline: BaseComponent) -> None:
    """Raises RefusedError with the images of `pipeline` that this engine does not have."""
    import docker

    executors = pipeline.pipeline_spec.deployment_spec["executors"].values()
    named = {executor["container"]["image"] for executor in executors}
    engine = docker.from_env()
    absent = sorted(image for image in named if not _is_there(engine, image))
    if absent:
        kinds = {match[1] for image in absent if (match := re.match(r"bedside-([\w-]+):", image))}
        how = f'`make images IMAGES="{" ".join(sorted(kinds))}"`' if kinds else "`make images`"
        raise RefusedError(f"this engine has no image {', '.join(absent)}; build it with {how}, or name another")


def _is_there(engine: Any, image: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        engine.images.get(image)
    except ImageNotFound:
        return False
    return True


@contextmanager
def _outputs_where_they_were_written() -> Iterator[None]:
    original = outputs.get_outputs_for_task

    def with_artifacts(executor_input: Any, component_spec: Any) -> dict[str, Any]:
        written = executor_input.outputs.artifacts.items()
        artifacts = {name: outputs.artifact_list_to_dsl_artifact(value, False) for name, value in written}
        absent = [artifact.path for artifact in artifacts.values() if not Path(artifact.path).exists()]
        if absent:
            raise RuntimeError(f"a step ended without its output {absent[0]}: it failed, whatever its runner says")
        return {**artifacts, **original(executor_input, component_spec)}

    with mock.patch.object(outputs, "get_outputs_for_task", with_artifacts):
        yield
