from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.workspace import ROOT, environment_of, lay_out, merged


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
    ],
)
def test_a_profile_replaces_what_it_names_and_nothing_else(base: Any, overlay: Any, result: Any) -> None:
    assert merged(base, overlay) == result


def test_all_run_state_of_a_workspace_lies_inside_it(tmp_path: Path) -> None:
    environment = environment_of(tmp_path / "work")
    for name in ("BEDSIDE_HOME", "MLFLOW_TRACKING_URI", "PYTHONPATH"):
        assert str(tmp_path / "work") in environment[name]
