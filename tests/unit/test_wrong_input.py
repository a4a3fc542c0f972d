"""Every command and every stage, given what people give by mistake: one message that names it, and no traceback."""

import hashlib
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bedside import cli
from bedside.component import Component, flag
from tests.graphs.wiring import ROOT

STAGES = sorted(file.stem for file in (ROOT / "components").glob("[!_]*.py"))
FILES = {
    "bytes": b"\xff\xfe\x00",
    "empty": b"",
    "list": b"- 1\n- 2\n",
    "nulls": b"source:\ntask:\nvariants:\nevaluated:\nsearch:\n",
    "text": b"hello",
    "torn": b"source: [1\ntask: :",
    "types": b"source: {kind: [1]}\ntask: {kind: {a: 1}}\ntrain_teacher: {architecture: {kind: [1]}}\n"
    b"variants: {a: {parent: [1], technique: {}, params: 3}, 5: 6}\n"
    b"evaluated: {variants: [[1], {}], targets: [[1]]}\ntargets: {x: {kind: [2]}}\n"
    b"search: {space: {chains: [[[]]], techniques: {a: 3}}, watched: [[1]]}\n",
}
INLINE = ["{", "3", "null", '{"kind": [1]}', '{"kind": null}', '{"kind": {"a": 1}}', '{"epochs": true, "kind": 3}']
MANIFESTS = ["[]", '{"files": 3, "seal": 1}', '{"files": ["a"], "labels": {}}', '{"files": {}, "labels": 3}', "null"]


def refused(command: Callable[[list[str]], None], given: list[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        command(given)
    assert isinstance(ended.value.code, str), "argparse's own message, or success"
    return ended.value.code


def stage(name: str) -> Component:
    found: Component = getattr(importlib.import_module(f"components.{name}"), name)
    return found


def arguments(of: Component, *, given: Path, params: str, out: Path) -> list[str]:
    ports = [text for name in of.ports for text in (flag(name), str(out if name in of.outs else given))]
    return ports + [text for name in of.models for text in (flag(name), params)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / f"{name}.yaml").write_bytes(content)
    (tmp_path / "folder").mkdir()
    return tmp_path


def artifact(place: Path, text: str = '{"files": {}, "labels": {}}') -> Path:
    """A folder with this manifest, sealed as one would be."""
    place.mkdir()
    manifest: Any = json.loads(text)
    if isinstance(manifest, dict):
        seal = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
        text = json.dumps({**manifest, "seal": seal}, indent=1, sort_keys=True) + "\n"
    (place / "manifest.json").write_text(text, encoding="utf-8")
    return place


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_refuses_parameters_that_are_none(name: str, folder: Path) -> None:
    own, empty = stage(name), artifact(folder / "empty")
    references = [f"{folder}/{file}:source" for file in ("absent.yaml", "folder", *(f"{one}.yaml" for one in FILES))]
    for params in [*references, *INLINE]:
        told = refused(own.main, arguments(own, given=empty, params=params, out=folder / "out"))
        assert told.startswith(f"{name}: "), (params, told)
    assert not (folder / "out").exists()


@pytest.mark.parametrize("name", [name for name in STAGES if len(stage(name).outs) < len(stage(name).ports)])
def test_a_stage_refuses_inputs_that_are_none(name: str, folder: Path) -> None:
    own = stage(name)
    broken = [artifact(folder / str(number), text) for number, text in enumerate(MANIFESTS)]
    for given in (folder / "absent", folder / "text.yaml", folder / "folder", *broken):
        told = refused(own.main, arguments(own, given=given, params="{}", out=folder / "out"))
        assert told.startswith(f"{name}: {given}"), told
        assert len(told.splitlines()) == 1


@pytest.mark.parametrize("command", ["check", "unfinished"])
@pytest.mark.parametrize("file", ["absent", *FILES])
def test_a_command_refuses_a_parameter_file_that_is_none(command: str, file: str, folder: Path) -> None:
    (folder / "components").symlink_to(ROOT / "components")
    told = refused(cli.main, [command, "--params", f"{folder}/{file}.yaml"])
    assert told.startswith(f"bedside: {folder}/{file}.yaml:")


@pytest.mark.parametrize("command", [["results", "--report"], ["verify"]])
def test_a_command_refuses_a_folder_that_is_none(command: list[str], folder: Path) -> None:
    broken = [artifact(folder / str(number), text) for number, text in enumerate(MANIFESTS)]
    for given in (folder / "absent", folder / "text.yaml", folder / "folder", *broken):
        told = refused(cli.main, [*command, str(given)])
        assert told.startswith(f"bedside: {given}"), told


def test_yaml_that_is_none_is_told_in_one_line_with_its_place(folder: Path) -> None:
    told = refused(cli.main, ["unfinished", "--params", f"{folder}/torn.yaml"])
    assert told.startswith(f"bedside: {folder}/torn.yaml: not YAML (line 2, column ")
    assert len(told.splitlines()) == 1
