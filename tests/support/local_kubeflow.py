"""Runs a KFP pipeline of container components without a container engine: each task is a process on this machine.

kfp's SubprocessRunner refuses container components, since it cannot know that this machine holds what their image
holds. Here it does: the image is built from these very sources. It also looks for outputs only where Python components
report them; a container's outputs are simply where KFP told it to write.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from kfp import local
from kfp.dsl.base_component import BaseComponent
from kfp.local import executor_output_utils as outputs
from kfp.local.subprocess_task_handler import SubprocessTaskHandler


def run(pipeline: BaseComponent, root: Path, **arguments: Any) -> None:
    """Run every task of `pipeline`; artifacts lie below `root`. Raises RuntimeError naming the task that failed."""
    with _container_components_allowed():
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
        pipeline(**arguments)


@contextmanager
def _container_components_allowed() -> Iterator[None]:
    original = outputs.get_outputs_for_task

    def with_artifacts(executor_input: Any, component_spec: Any) -> dict[str, Any]:
        written = executor_input.outputs.artifacts.items()
        artifacts = {name: outputs.artifact_list_to_dsl_artifact(value, False) for name, value in written}
        return {**artifacts, **original(executor_input, component_spec)}

    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # tasks start `python`: this one
    with (
        mock.patch.object(SubprocessTaskHandler, "validate_image"),
        mock.patch.object(SubprocessTaskHandler, "validate_not_container_component"),
        mock.patch.object(outputs, "get_outputs_for_task", with_artifacts),
        mock.patch.dict(os.environ, {"PATH": path}),
    ):
        yield
