"""An installed package adds a target and a technique: they are found, checked, started and counted like any."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from bedside.artifacts import open_artifact
from bedside.errors import RefusedError
from bedside.fingerprint import digest
from bedside.installed import group
from bedside.lineage import check, techniques
from bedside.models import Network
from bedside.models.cnn_lstm import CnnLstm
from bedside.params import ParamsError
from bedside.targets import Target
from tests.conftest import MakeArtifact
from tests.support import distributions
from tests.support.networks import model_artifact

ROOT = Path(__file__).parents[2]
COMPONENTS = ROOT / "components"


def run(installed: Path, *argv: object) -> "subprocess.CompletedProcess[str]":
    """A Python of its own with that folder of packages beside the library; it knows no folder of components."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(installed)])}
    command = [sys.executable, *map(str, argv)]
    return subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=False)


def families(installed: Path) -> "subprocess.CompletedProcess[str]":
    return run(
        installed,
        "-c",
        "from bedside.errors import RefusedError\n"
        "from bedside.targets import Target\n"
        "try: print(*sorted(Target.family()))\n"
        "except RefusedError as error: print(error)",
    )


def test_an_installed_target_is_one_of_the_family(tmp_path: Path) -> None:
    done = families(distributions.board(tmp_path))
    assert done.stdout == "board onnxruntime openvino\n", done.stderr


def test_the_digest_of_a_stage_holds_what_the_packages_own_target_is_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = digest("bedside.stages.optimize", {"kind": "board"})
    monkeypatch.syspath_prepend(distributions.board(tmp_path))
    before = counted(tmp_path)
    assert before != without
    for file, counts in {"limits.py": True, "target.py": True, "__init__.py": True, "unrelated.py": False}.items():
        text = (tmp_path / "boardmaker" / file).read_text()
        (tmp_path / "boardmaker" / file).write_text(f"{text}# edited\n")
        assert (counted(tmp_path) != before) is counts, file
        (tmp_path / "boardmaker" / file).write_text(text)


def counted(installed: Path, kind: str = "board") -> str:
    """The digest of optimizing for a target, in a process of its own: what was found once is kept in a process."""
    done = run(
        installed,
        "-c",
        f"from bedside.fingerprint import digest\nprint(digest('bedside.stages.optimize', {{'kind': {kind!r}}}))",
    )
    return done.stdout.strip()


def test_an_upgraded_package_changes_the_digests_of_the_stages_that_use_it(tmp_path: Path) -> None:
    distributions.board(tmp_path)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["targets"]["openvino-cpu"] = {"kind": "board"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    (tmp_path / "components").symlink_to(COMPONENTS)
    before = written(tmp_path)
    (tmp_path / "boardmaker/limits.py").write_text("CORES = 4\n")
    now = written(tmp_path)
    assert {stage for stage in now if now[stage] != before[stage]} == {"optimize", "evaluate"}
    assert now["evaluate"]["onnxruntime-cpu"] == before["evaluate"]["onnxruntime-cpu"]


def written(folder: Path) -> Any:
    """code.json of the parameters there, which `bedside repro` has written anew where packages are registered."""
    assert run(folder, "-c", "from bedside.installed import any_registered; print(any_registered())").stdout == "True\n"
    assert run(folder, "-m", "bedside.fingerprint").returncode == 0
    return json.loads((folder / "code.json").read_text())


def test_a_target_that_is_installed_changes_no_digest_of_a_stage_that_does_not_name_it(tmp_path: Path) -> None:
    before = counted(tmp_path, "onnxruntime")
    assert counted(distributions.board(tmp_path), "onnxruntime") == before


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("import no_such_runtime", "ModuleNotFoundError: No module named 'no_such_runtime'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("", "of kind 'board' boardmaker.target defines none"),
    ],
)
def test_an_entry_point_that_cannot_be_used_is_refused_with_the_name_of_its_distribution(
    tmp_path: Path, module: str, told: str
) -> None:
    distributions.board(tmp_path)
    (tmp_path / "boardmaker/target.py").write_text(module)
    said = families(tmp_path).stdout
    assert said.startswith("'board' in bedside.targets, which boardmaker 1.0 registers, cannot be used: "), said
    assert told in said
    assert said.count("\n") == 1


def test_a_kind_that_is_there_already_is_refused_and_both_are_named(tmp_path: Path) -> None:
    said = families(distributions.board(tmp_path, kind="openvino")).stdout
    assert "kind 'openvino' is both bedside.targets.openvino.OpenVino and boardmaker.target.Board" in said
    assert "boardmaker 1.0" in said


def test_a_kind_that_two_packages_register_is_refused_and_both_are_named(tmp_path: Path) -> None:
    distributions.board(tmp_path)
    said = families(distributions.board(tmp_path, package="copycat")).stdout
    assert said.startswith("'board' in bedside.targets is registered by ")
    assert "boardmaker 1.0" in said
    assert "copycat 1.0" in said


def test_bedside_check_says_what_is_wrong_with_a_package_in_one_message(tmp_path: Path) -> None:
    distributions.board(tmp_path)
    (tmp_path / "boardmaker/target.py").write_text("1 / 0")
    done = run(tmp_path, "-m", "bedside.cli", "check", "--params", ROOT / "params.yaml")
    assert done.returncode == 1
    assert done.stderr.startswith("bedside: 'board' in bedside.targets, which boardmaker 1.0 registers")
    assert "Traceback" not in done.stderr


def test_an_installed_technique_makes_variants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(distributions.technique(tmp_path))
    assert techniques(COMPONENTS)["scale"].takes == ("float",)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["variants"]["scaled"] = {"parent": "distilled", "technique": "scale", "params": {"share": 0.5}}
    check(params, COMPONENTS)
    params["variants"]["scaled"]["parent"] = "quantized"
    with pytest.raises(ParamsError, match="scale takes a float network, and its parent 'quantized' is quantized"):
        check(params, COMPONENTS)


def test_an_installed_technique_is_started_by_the_command_that_starts_every_stage(
    tmp_path: Path, make_artifact: MakeArtifact
) -> None:
    installed = distributions.technique(tmp_path / "installed")
    dataset = make_artifact("dataset", {"dataset.json": "{}"}, source="simulated")
    teacher = network(tmp_path / "teacher")
    ports = ["--dataset", dataset, "--teacher", teacher, "--parent", teacher, "--student", tmp_path / "student"]
    given = ["--params", json.dumps({"share": 0.5}), "--metrics", tmp_path / "metrics.json"]
    done = run(installed, "-m", "bedside.stages", "scale", *ports, *given)
    assert done.returncode == 0, done.stderr
    manifest = open_artifact(tmp_path / "student").manifest
    assert (manifest["component"], manifest["params"]) == ("scale", {"params": {"share": 0.5}})
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"model/share": 0.5}


def network(place: Path) -> Path:
    """An untrained network as a model artifact."""
    base = CnnLstm.model_validate({"convolutions": [{"channels": 4, "kernel": 7, "stride": 4}], "head": 4})
    shape = Network.of(base, {"signal": (2, 120), "rhythm": (14,)}, 4)
    return model_artifact(place, shape.network(), shape).path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def scale() -> None: ...", "scaler.scale has no function scale with the ports dataset, teacher, parent"),
        (None, "there is no module scaler.scale"),
    ],
)
def test_a_technique_that_is_none_is_refused_with_the_name_of_its_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, told: str
) -> None:
    monkeypatch.syspath_prepend(distributions.technique(tmp_path))
    (tmp_path / "scaler/scale.py").write_text(text) if text else (tmp_path / "scaler/scale.py").unlink()
    with pytest.raises(RefusedError, match=rf"'scale' in bedside.techniques, which scaler 1.0 registers, .*{told}"):
        techniques(COMPONENTS)


def test_a_technique_with_a_name_that_is_taken_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(distributions.technique(tmp_path, "prune"))
    with pytest.raises(RefusedError, match=r"'prune' in bedside.techniques, which scaler 1.0 registers, .* already"):
        techniques(COMPONENTS)


def block(language: str) -> str:
    """A code block of docs/how-to/add-from-a-package.md."""
    page = (ROOT / "docs/how-to/add-from-a-package.md").read_text()
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_package_of_the_page_works(tmp_path: Path) -> None:
    about, named = tomllib.loads(block("toml"))["project"], yaml.safe_load(block("yaml"))
    ((named_group, entries),) = about["entry-points"].items()
    modules = {"boards/__init__.py": "", "boards/pair.py": block("python")}
    distributions.install(tmp_path, about["name"], modules, **{named_group.removeprefix("bedside."): entries})
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["targets"] |= named["targets"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    (tmp_path / "components").symlink_to(COMPONENTS)
    done = run(tmp_path, *block("sh").replace("bedside", "-m bedside.cli").split())
    assert "every parameter is valid" in done.stdout, done.stderr


def test_the_page_lists_the_group_of_every_family() -> None:
    page = (ROOT / "docs/how-to/add-from-a-package.md").read_text()
    for base in (ROOT / "src/bedside").rglob("*.py"):
        for family in re.findall(r"^class (\w+)\(Plugin\b", base.read_text(), re.MULTILINE):
            assert f"`{group(family)}`" in page, family


def test_without_packages_the_families_are_those_of_the_library() -> None:
    assert set(Target.family()) == {"onnxruntime", "openvino"}
