"""What an image may hold and do: read from the images themselves and from containers that run like pods."""

import json
import os
import re
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.models.images import Image

from tests.docker.conftest import Run
from tests.packaging.test_promises import PINS, PROJECT, ROOT
from tests.support import mlflow_store

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]

KINDS = ["train", "runtime", "runtime-openvino"]
STAGES = {"train": "train_teacher report promote", "runtime": "optimize evaluate gate"}
MOST = {"train": 1_200_000_000, "runtime": 400_000_000, "runtime-openvino": 400_000_000}  # bytes that a node pulls
TRAINING = {"torch", "dvc", "kfp", "mlflow", "great-expectations", "optuna", "wfdb"}
SOURCES = ("LICENSE", "components", "dvc.yaml", "params.yaml", "pipelines", "profiles", "pyproject.toml", "src")
NEVER = re.compile(
    r"""(^|/)(\.git|\.dvc|\.env[^/]*|\.netrc|\.pypirc|\.ssh|\.aws|\.bedside|\.cache|mlflow\.db.*|artifacts|mlartifacts
    |pip\.conf|id_(rsa|ed25519)[^/]*|[^/]+\.(key|dat|hea|atr|safetensors|onnx|jsonl|whl))(/|$)""",
    re.VERBOSE,
)

every_image = pytest.mark.parametrize("kind", KINDS)


@every_image
def test_an_image_runs_as_nobody_and_leaves_the_command_to_its_launcher(
    kind: str, image_of: Callable[[str], Image]
) -> None:
    settings = image_of(kind).attrs["Config"]
    assert settings["User"] == "10001:10001"
    assert settings["WorkingDir"] == "/app"
    assert not settings["Entrypoint"]  # KFP's local runner gives a command alone
    assert not settings.get("Volumes")


@every_image
def test_an_image_says_which_commit_it_was_built_from(kind: str, image_of: Callable[[str], Image]) -> None:
    settings = image_of(kind).attrs["Config"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in settings["Labels"].items()}
    assert re.fullmatch(r"[0-9a-f]{40}(-changed)?", labels["revision"])
    assert labels["version"] == PROJECT["project"]["version"]
    assert labels["licenses"] == PROJECT["project"]["license"]
    assert re.fullmatch(r"((https?|ssh)://[^@\s]+)?", labels["source"])
    assert f"BEDSIDE_GIT_COMMIT={labels['revision']}" in settings["Env"]


@every_image
def test_what_a_node_pulls_stays_small(kind: str, image_of: Callable[[str], Image]) -> None:
    squeezed = zlib.compressobj(1, wbits=31)  # gzip, as a registry stores layers, at its quickest
    pulled = sum(len(squeezed.compress(chunk)) for chunk in image_of(kind).save())
    print(f"{kind}: {pulled / 1e6:.0f} MB to pull, {image_of(kind).attrs['Size'] / 1e6:.0f} MB unpacked")
    assert pulled < MOST[kind]


@every_image
def test_an_image_holds_the_sources_and_no_data_nor_secret(
    kind: str, engine: docker.DockerClient, image_of: Callable[[str], Image]
) -> None:
    files = set(files_of(engine, image_of(kind)))
    ours = {name.removeprefix("app/") for name in files if name.startswith("app/")}
    assert {name for name in ours if not name.endswith(".pyc")} <= tracked()
    assert {name for name in tracked() if name.endswith(".py")} <= ours
    found = [name for name in sorted(files) if NEVER.search(name) and not is_of_a_package(name)]
    assert found == []


@every_image
def test_no_layer_was_made_by_a_command_that_names_an_address_or_a_secret(
    kind: str, image_of: Callable[[str], Image]
) -> None:
    made = [layer["CreatedBy"] for layer in image_of(kind).history() if "bedside" in (layer["Tags"] or [""])[0]]
    written = " ".join([*made, *image_of(kind).attrs["Config"]["Env"]])
    assert not re.search(r"://|password|secret|token", written.replace("LABEL org.opencontainers", ""), re.IGNORECASE)


@every_image
def test_the_list_of_contents_is_what_is_installed_at_the_pinned_versions(kind: str, run_in: Run) -> None:
    listed = packages(run_in(kind, "cat", "/usr/share/sbom/bedside.cdx.json"), "pypi")
    script = "import importlib.metadata as m, json; print(json.dumps([[d.name, d.version] for d in m.distributions()]))"
    found = json.loads(run_in(kind, "python", "-c", script))
    installed = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}
    pins = {name.replace(".", "-"): version for name, version in PINS.items()}
    assert listed == installed
    assert {name: v.partition("+")[0] for name, v in listed.items() if name != "bedside"}.items() <= pins.items()


@every_image
def test_the_list_of_contents_names_the_system_too(kind: str, run_in: Run) -> None:
    listed = packages(run_in(kind, "cat", "/usr/share/sbom/bedside.cdx.json"), "deb/debian")
    assert {"libc6", "ca-certificates"} <= listed.keys()
    assert ("git" in listed) is (kind == "train")


@every_image
def test_the_list_beside_the_build_is_the_one_inside(kind: str, run_in: Run) -> None:
    beside = ROOT / f"build/sbom/bedside-{kind}.json"
    if not beside.is_file():
        pytest.skip("the images were built in another folder")
    assert beside.read_text() == run_in(kind, "cat", "/usr/share/sbom/bedside.cdx.json")


@pytest.mark.parametrize("kind", ["runtime", "runtime-openvino"])
def test_what_trains_and_orchestrates_is_not_in_a_runtime_image(kind: str, run_in: Run) -> None:
    listed = packages(run_in(kind, "cat", "/usr/share/sbom/bedside.cdx.json"), "pypi")
    assert TRAINING & listed.keys() == set()
    assert ("openvino" in listed) is (kind == "runtime-openvino")
    assert {"onnxruntime", "mlflow-skinny"} <= listed.keys()


@pytest.mark.parametrize(("kind", "stage"), [(kind, one) for kind, names in STAGES.items() for one in names.split()])
def test_a_stage_starts_on_a_read_only_root_with_compiled_code(kind: str, stage: str, run_in: Run) -> None:
    printed = run_in(kind, "python", "-v", "-m", "bedside.stages", stage, "--help")
    assert f"usage: python -m bedside.stages {stage}" in printed
    assert "code object from '/app/src/bedside/__pycache__" in printed
    assert not re.search(r"code object from /(app|opt/venv)/", printed)  # from source: compiled again in every pod


@every_image
def test_nothing_but_tmp_can_be_written_even_on_a_root_that_is_not_read_only(kind: str, run_in: Run) -> None:
    find = "find / -xdev -writable ! -type l ! -path '/proc*' ! -path '/dev*' ! -path '/sys*' 2>/dev/null || true"
    writable = set(run_in(kind, "sh", "-c", find, read_only=False).split())
    assert writable <= {"/tmp", "/var/tmp", "/run/lock"}
    assert run_in(kind, "id", "-u").strip() == "10001"


def test_the_journal_of_a_runtime_container_reaches_the_tracking_server(tmp_path: Path, run_in: Run) -> None:
    script = (
        "from bedside import tracking\n"
        "record = {'inputs': {}, 'params': {}, 'labels': {}, 'code': 'c'}\n"
        "with tracking.run('gate', record) as run: run.metrics({'gates/verdict': 1.0})\n"
    )
    with mlflow_store.Server(tmp_path) as server:
        to_it = {"MLFLOW_TRACKING_URI": server.uri, "BEDSIDE_PIPELINE_RUN": "in a container"}
        printed = run_in("runtime", "python", "-c", script, network_mode="host", environment=to_it)
        (sent,) = mlflow_store.runs(server.uri, component="gate")
    assert printed == ""
    assert sent.data.metrics == {"gates/verdict": 1.0}
    assert re.match(r"[0-9a-f]{40}", sent.data.tags["git.commit"])


@pytest.mark.slow
def test_building_again_gives_the_same_layers(engine: docker.DockerClient, image_of: Callable[[str], Image]) -> None:
    """Minutes, and the network: BASE and ENGINE_BUILD_FLAGS from the environment, as they were for the first build."""
    again = os.environ | {"ENGINE_BUILD_FLAGS": f"{os.environ.get('ENGINE_BUILD_FLAGS', '')} --no-cache"}
    subprocess.run(["make", "images", "IMAGES=runtime", "TAG=again"], cwd=ROOT, env=again, check=True)
    try:
        built = engine.images.get("bedside-runtime:again")
        assert built.attrs["RootFS"]["Layers"] == image_of("runtime").attrs["RootFS"]["Layers"]
    finally:
        engine.images.remove("bedside-runtime:again")


def test_a_base_that_is_not_there_ends_the_build_with_its_name(engine: docker.DockerClient) -> None:
    absent = "bedside-tests/no-such-base:1"
    built = subprocess.run(
        ["make", "images", "IMAGES=runtime", f"BASE={absent}", "TAG=never"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode != 0
    message, _ = built.stderr.splitlines()[-2:]  # the last is make's own
    assert message.startswith(f"images: the base {absent} is not on this engine and cannot be fetched")
    assert not engine.images.list("bedside-runtime:never")


def files_of(engine: docker.DockerClient, image: Image) -> Iterator[str]:
    """Every file of an image, as its layers add up to."""
    container = engine.containers.create(image)
    try:
        with tempfile.TemporaryFile() as file:
            for chunk in container.export():
                file.write(chunk)  # type: ignore[arg-type]  # the stubs say text; it is bytes
            file.seek(0)
            with tarfile.open(fileobj=file) as archive:
                yield from (member.name for member in archive if not member.isdir())
    finally:
        container.remove()


def tracked() -> set[str]:
    """The files that an image may take from the repository."""
    listed = subprocess.run(["git", "ls-files", *SOURCES], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


def is_of_a_package(name: str) -> bool:
    """Whether a package from the registry or the system brought this file."""
    return name.startswith(("opt/venv/lib/", "usr/", "var/cache/debconf/"))


def packages(document: str, kind: str) -> dict[str, str]:
    """Name and version of what a CycloneDX document lists of one kind."""
    listed = json.loads(document)["components"]
    return {one["name"]: one["version"] for one in listed if one["purl"].startswith(f"pkg:{kind}/")}
