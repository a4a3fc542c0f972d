"""What decides about the container images before an engine is asked: tests/docker looks at the images themselves."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.packaging.test_promises import PROJECT, ROOT

DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
OURS = [ROOT / f"docker/{name}.Dockerfile" for name in ("runtime", "train")]

each_file = pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.stem)


@each_file
def test_the_base_is_an_argument_whose_default_is_a_digest(file: Path) -> None:
    text = file.read_text()
    assert re.search(r"^ARG BASE=\S+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE))
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= {"${BASE}", *stages}


def test_all_images_have_one_base() -> None:
    assert len({line for file in OURS for line in file.read_text().splitlines() if line.startswith("ARG BASE=")}) == 1


@each_file
def test_an_image_ends_as_a_user_without_rights_and_without_an_entrypoint(file: Path) -> None:
    last = file.read_text().rpartition("\nFROM ")[2]
    assert "USER 10001:10001" in last
    assert not re.search(r"^ENTRYPOINT", file.read_text(), re.MULTILINE)


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.stem)
def test_the_extras_of_an_image_are_extras_of_the_project(file: Path) -> None:
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", file.read_text(), re.MULTILINE)
    assert set(extras.split(",")) <= PROJECT["project"]["optional-dependencies"].keys()


def test_only_what_is_named_goes_into_a_build() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    named = {line[1:] for line in lines if line.startswith("!")}
    copied = {name for file in OURS for line in re.findall(r"^COPY (?!--from)(.+) \S+$", file.read_text(), re.MULTILINE)
              for name in line.split()}  # fmt: skip
    assert {name.partition("/")[0] for name in copied} == named


def test_the_same_files_give_the_same_bytes_whenever_and_by_whomever_they_were_written(tmp_path: Path) -> None:
    assert settled(tmp_path / "one", age=10, mode=0o600) == settled(tmp_path / "two", age=10_000_000, mode=0o664)


def test_other_files_give_other_bytes(tmp_path: Path) -> None:
    assert settled(tmp_path / "one", source="A = {'a', 'b'}\n") != settled(tmp_path / "two", source="A = {'a', 'c'}\n")


def settled(folder: Path, source: str = "A = {'a', 'b'}\n", age: int = 0, mode: int = 0o644) -> str:
    """Digest of what a layer would hold of a package, made at some time with some umask."""
    package = folder / "package"
    package.mkdir(parents=True)
    file = package / "module.py"
    file.write_text(source)
    file.chmod(mode)
    os.utime(file, (file.stat().st_mtime - age, file.stat().st_mtime - age))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = ROOT / "docker/settle.sh"
    subprocess.run(["sh", script, "package"], cwd=folder, env=os.environ | {"PATH": path}, check=True)
    assert list(package.rglob("*.pyc"))
    with tarfile.open(folder / "layer.tar", "w", format=tarfile.PAX_FORMAT) as layer:
        for path_ in sorted(package.rglob("*")):
            layer.add(path_, path_.relative_to(folder), recursive=False)
    return hashlib.sha256((folder / "layer.tar").read_bytes()).hexdigest()


def test_the_list_of_contents_is_cyclonedx_and_the_same_every_time(tmp_path: Path) -> None:
    for name, version in (("Some.Package", "1.0"), ("other", "2.0+cpu")):
        about = tmp_path / f"{name.lower().replace('.', '_')}-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n"
        )
    first, again = (listed(tmp_path) for _ in range(2))
    assert first == again
    document = json.loads(first)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    found = {one["purl"]: one for one in document["components"] if one["purl"].startswith("pkg:pypi/")}
    assert list(found) == ["pkg:pypi/other@2.0%2Bcpu", "pkg:pypi/some-package@1.0"]
    assert found["pkg:pypi/some-package@1.0"]["licenses"] == [{"license": {"name": "MIT"}}]


def listed(folder: Path) -> str:
    asked = [sys.executable, str(ROOT / "docker/sbom.py"), str(folder)]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def test_without_an_engine_nothing_is_built_and_the_message_says_so() -> None:
    without = os.environ | {"ENGINE": "no-such-engine"}
    built = subprocess.run([ROOT / "docker/build.sh"], env=without, capture_output=True, text=True, check=False)
    assert built.returncode == 1
    (message,) = built.stderr.splitlines()
    assert message.startswith("images: no container engine answers to 'no-such-engine'; start it, or name another")


def test_an_image_that_no_file_describes_is_refused_with_those_that_are(tmp_path: Path) -> None:
    engine = tmp_path / "engine"
    engine.write_text("#!/bin/sh\n")
    engine.chmod(0o755)
    asked = os.environ | {"ENGINE": str(engine), "IMAGES": "trian"}
    built = subprocess.run([ROOT / "docker/build.sh"], env=asked, capture_output=True, text=True, check=False)
    assert built.returncode == 1
    assert re.fullmatch(r"images: no image 'trian'; known: .*runtime.* train.* runtime-openvino\n", built.stderr)
