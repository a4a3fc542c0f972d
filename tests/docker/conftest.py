"""The engine that DOCKER_HOST names, and the images that `make images` has left on it."""

from collections.abc import Callable
from typing import Any

import docker
import pytest
from docker.errors import DockerException, ImageNotFound
from docker.models.images import Image

from pipelines.compress import default_image

Run = Callable[..., str]


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    try:
        found = docker.from_env(timeout=600)
        found.ping()
    except DockerException as error:
        pytest.skip(f"no container engine answers here (DOCKER_HOST names one): {error}")
    return found


@pytest.fixture(scope="session")
def image_of(engine: docker.DockerClient) -> Callable[[str], Image]:
    """`image_of("runtime")`: the image that a pipeline compiled here would name."""

    def found(kind: str) -> Image:
        name = default_image(kind)
        try:
            return engine.images.get(name)
        except ImageNotFound:
            pytest.fail(f'no image {name} on this engine; build it with `make images IMAGES="{kind}"`')

    return found


@pytest.fixture
def run_in(engine: docker.DockerClient, image_of: Callable[[str], Image]) -> Run:
    """`run_in("runtime", "id")`: what a command prints, in a container as a cluster would start it."""

    def output(kind: str, *command: str, **options: Any) -> str:
        pod: dict[str, Any] = {"read_only": True, "tmpfs": {"/tmp": "mode=1777"}, "cap_drop": ["ALL"]}
        pod |= {"security_opt": ["no-new-privileges"], "network_mode": "none", "remove": True, "stderr": True}
        printed: bytes = engine.containers.run(image_of(kind), list(command), **{**pod, **options})
        return printed.decode()

    return output
