import functools
import os
import shutil
import subprocess
import sys
import typing
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from bedside.catalog import stage
from bedside.configuration import check, sections
from bedside.datasets.mitdb import Mitdb
from bedside.params import Params, validate
from pipelines.workspace import COPIED, NAMED, ROOT, environment_of, lay_out, merged


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    file = tmp_path / "profile.yaml"
    file.write_text("source: {kind: simulated, patients: 3}\nvariants: {pruned: {params: {schedule: {ratio: 0.123}}}}")
    return file


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_a_workspace_holds_the_pipeline_and_the_merged_parameters(tmp_path: Path, profile: Path) -> None:
    lay_out(tmp_path / "work", profile)
    params = yaml.safe_load((tmp_path / "work/params.yaml").read_text())
    real = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert params["source"] == {"kind": "simulated", "patients": 3}
    assert params["variants"]["pruned"]["params"]["schedule"]["ratio"] == 0.123
    assert params["variants"]["pruned"]["technique"] == real["variants"]["pruned"]["technique"]
    assert params["gates"] == real["gates"]
    assert (tmp_path / "work/components/ingest.py").read_bytes() == (ROOT / "components/ingest.py").read_bytes()
    assert not (tmp_path / "work/dvc.lock").exists()


def test_a_second_lay_out_touches_nothing(tmp_path: Path, profile: Path) -> None:
    lay_out(tmp_path / "work", profile)
    before = contents(tmp_path / "work")
    lay_out(tmp_path / "work", profile)
    assert contents(tmp_path / "work") == before


def test_changed_sources_are_refreshed_and_vanished_ones_removed(tmp_path: Path, profile: Path) -> None:
    lay_out(tmp_path / "work", profile)
    (tmp_path / "work/components/ingest.py").write_text("changed")
    (tmp_path / "work/components/renamed.py").write_text("was a stage once")
    (tmp_path / "work/artifacts").mkdir()
    (tmp_path / "work/artifacts/kept.txt").write_text("results stay")
    lay_out(tmp_path / "work", profile)
    assert (tmp_path / "work/components/ingest.py").read_bytes() == (ROOT / "components/ingest.py").read_bytes()
    assert not (tmp_path / "work/components/renamed.py").exists()
    assert (tmp_path / "work/artifacts/kept.txt").exists()


@pytest.mark.parametrize(
    ("base", "overlay", "result"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"s": {"kind": "mitdb", "retries": 3}}, {"s": {"kind": "simulated"}}, {"s": {"kind": "simulated"}}),
        ({"s": {"kind": "mitdb", "retries": 3}}, {"s": {"retries": 1}}, {"s": {"kind": "mitdb", "retries": 1}}),
        ({"a": 1}, {"b": {"c": 2}}, {"a": 1, "b": {"c": 2}}),
        ({"a": 1}, {"a": {"c": 2}}, {"a": {"c": 2}}),
        ({"a": {"b": 1}, "c": 2}, {"a": None, "c": None, "d": None}, {"a": None, "c": None, "d": None}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"variants": {"sparse": {"params": {"ratios": 1}}}}, {"variants": {"sparse": None}}, {"variants": {}}),
        (
            {"gates": {"G7": {"classes": {"S": 1}}}},
            {"gates": {"G7": {"classes": {"S": None}}}},
            {"gates": {"G7": {"classes": {}}}},
        ),
        ({}, {"variants": {"sparse": None}}, {"variants": {}}),
    ],
)
def test_a_profile_replaces_what_it_names_and_nothing_else(base: Any, overlay: Any, result: Any) -> None:
    assert merged(base, overlay) == result


def test_all_run_state_of_a_workspace_lies_inside_it(tmp_path: Path) -> None:
    environment = environment_of(tmp_path / "work")
    for name in ("BEDSIDE_HOME", "MLFLOW_TRACKING_URI", "PYTHONPATH"):
        assert str(tmp_path / "work") in environment[name]


def test_what_a_profile_sets_to_null_is_null_and_not_the_default(tmp_path: Path) -> None:
    """As the refusal of a mirror whose list is not the publisher's advises."""
    (profile := tmp_path / "profile.yaml").write_text("source: {sums_sha256: null}")
    lay_out(tmp_path / "work", profile)
    source = yaml.safe_load((tmp_path / "work/params.yaml").read_text())["source"]
    assert validate(Mitdb, source, where="source").sums_sha256 is None
    assert Mitdb().sums_sha256 is not None


def test_a_variant_that_a_profile_sets_to_null_is_gone_for_dvc_and_for_the_check_alike(tmp_path: Path) -> None:
    own = yaml.safe_load((ROOT / "params.yaml").read_text())
    rest = [name for name in own["variants"] if name != "distilled"]
    (profile := tmp_path / "profile.yaml").write_text(
        yaml.safe_dump({"variants": dict.fromkeys(rest), "evaluated": {"variants": ["teacher", "distilled"]}})
    )
    lay_out(tmp_path / "work", profile)
    params = yaml.safe_load((tmp_path / "work/params.yaml").read_text())
    assert list(check(params, ROOT / "components").variants) == ["distilled"]
    listed = subprocess.run(
        ["dvc", "stage", "list", "--name-only"], cwd=tmp_path / "work", capture_output=True, text=True, check=True
    )
    assert [name for name in listed.stdout.splitlines() if name.startswith("variant@")] == ["variant@distilled"]


def test_every_mapping_of_names_in_params_yaml_gives_up_an_entry_to_null() -> None:
    own = yaml.safe_load((ROOT / "params.yaml").read_text())
    given = {".".join(keys): stage(name).models[parameter] for keys, name, parameter in sections(own)}
    found = {path for at, model in given.items() if not at.startswith("variants.") for path in names_in(model, at, own)}
    assert {"gates.classes", "gates.G3.floors", "train_teacher.operating_point"} <= found
    assert [path for path in found if not any(fnmatch(path, names) for names in NAMED)] == []


def names_in(model: type[Params], at: str, own: Any) -> Iterator[str]:
    """The mappings of names that params.yaml fills, by their path."""
    there = functools.reduce(lambda section, key: section.get(key) or {}, at.split("."), own)
    for name, field in model.model_fields.items():
        if typing.get_origin(field.annotation) is dict and name in there:
            yield f"{at}.{name}"
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Params):
            yield from names_in(field.annotation, f"{at}.{name}", own)


def test_a_workspace_is_laid_out_where_git_refuses_and_where_there_is_none(tmp_path: Path) -> None:
    """A clone of another owner (a container's mount), and a copy without a repository."""
    for name in COPIED:
        source, target = ROOT / name, tmp_path / "copy" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "copy/params.yaml")
    lay_out_there(tmp_path / "copy")
    without = contents(tmp_path / "copy/build")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path / "copy", check=True)
    lay_out_there(tmp_path / "copy", GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert contents(tmp_path / "copy/build") == without
    assert "components/ingest.py" in without
    assert not [name for name in without if "__pycache__" in name]


def lay_out_there(folder: Path, **variables: str) -> None:
    environment = os.environ | {"PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}"} | variables
    subprocess.run([sys.executable, "-m", "pipelines.workspace", "build"], cwd=folder, env=environment, check=True)
