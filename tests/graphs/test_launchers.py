"""The same pipeline under DVC and under Kubeflow: same inputs, code and parameters, same contents."""

import json
from pathlib import Path

import pytest

from bedside.artifacts import Artifact
from tests.support import pipeline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def kubeflow_run(tiny_run: Path) -> Path:
    pipeline.run_on_kubeflow(tiny_run)
    return tiny_run / "kfp"


def key(artifact: Artifact) -> str:
    """What an artifact follows from."""
    manifest = artifact.manifest
    return json.dumps([manifest[name] for name in ("component", "port", "code", "params", "inputs")], sort_keys=True)


def test_both_launchers_make_the_same_artifacts_with_the_same_contents(tiny_run: Path, kubeflow_run: Path) -> None:
    by_dvc, by_kubeflow = (
        {key(a): a.digest for a in pipeline.artifacts(folder) if a.manifest["component"] in pipeline.REPRODUCIBLE}
        for folder in (tiny_run / "artifacts", kubeflow_run)
    )
    assert by_dvc == by_kubeflow
    made = {json.loads(one)[0] for one in by_dvc}
    assert made == pipeline.REPRODUCIBLE
    assert len(by_dvc) == len(pipeline.digests(tiny_run / "artifacts"))


def test_every_deployment_answers_the_same_under_both_launchers(tiny_run: Path, kubeflow_run: Path) -> None:
    assert sorted(pipeline.answers(tiny_run / "artifacts").values()) == sorted(pipeline.answers(kubeflow_run).values())


def test_nothing_that_was_made_from_simulated_recordings_loses_its_label(tiny_run: Path, kubeflow_run: Path) -> None:
    for artifact in [*pipeline.artifacts(tiny_run / "artifacts"), *pipeline.artifacts(kubeflow_run)]:
        assert artifact.labels["source"] == "simulated", artifact.path


def test_nothing_is_redone_when_nothing_changed(tiny_run: Path) -> None:
    printed = pipeline.reproduce(tiny_run)
    assert "Running stage" not in printed
    assert "up to date" in printed


def test_a_gates_number_redoes_gate_promote_and_report_alone(tiny_run: Path) -> None:
    import yaml

    params = tiny_run / "params.yaml"
    before = params.read_text()
    values = yaml.safe_load(before)
    values["gates"]["G14"]["label_changes"] += 1
    params.write_text(yaml.safe_dump(values, sort_keys=False))
    try:
        printed = pipeline.reproduce(tiny_run)
    finally:
        params.write_text(before)
        pipeline.reproduce(tiny_run)  # as the other tests expect to find it
    redone = {line.split("'")[1].partition("@")[0] for line in printed.splitlines() if line.startswith("Running stage")}
    assert redone == {"code", "gate", "promote", "report"}  # `code` writes what it wrote before
