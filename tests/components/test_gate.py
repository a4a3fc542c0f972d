"""The gate stage on small real evidence artifacts."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import save

from bedside.artifacts import open_artifact
from bedside.errors import RefusedError
from bedside.evaluation import Predictions
from components.gate import gate
from tests.conftest import MakeArtifact
from tests.support.cohort import Cohort, everyone, measured
from tests.support.limits import BUDGET, changed, gates

COHORT = Cohort()
ARRAYS = ("logits", "label", "record", "patient", "sample")


def write(make: MakeArtifact, name: str, answers: Predictions, **changes: Any) -> Path:
    """An evidence artifact; `labels` among the changes become the artifact's."""
    labels = changes.pop("labels", {})
    teacher = COHORT.answers({}) if len(answers.label) == len(COHORT.label) else answers
    cohort = COHORT if len(answers.label) == len(COHORT.label) else Cohort(patients=13)
    evidence = measured(cohort.evidence(answers, teacher), **changes)
    arrays = save({name: getattr(answers, name) for name in ARRAYS})
    return make(name, {"evidence.json": json.dumps(evidence), "predictions.safetensors": arrays}, **labels)


def teacher(make: MakeArtifact, **changes: Any) -> Path:
    deployment = {"variant": "teacher", "target": "onnxruntime-cpu"}
    return write(make, "teacher", COHORT.answers({}), **({"deployment": deployment} | changes))


def judged(tmp_path: Path, evidence: Path, reference: Path) -> dict[str, Any]:
    gate(evidence=evidence, reference=reference, verdict=tmp_path / "verdict", gates=gates(), budget=BUDGET)
    return dict(open_artifact(tmp_path / "verdict").json("verdict.json"))


def test_good_evidence_becomes_a_verdict_that_passes(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    candidate = write(make_artifact, "candidate", COHORT.answers({(0, "V"): (1, "N")}), labels={"source": "simulated"})
    found = judged(tmp_path, candidate, teacher(make_artifact))
    assert found["verdict"] == "PASS"
    assert found["labels"] == {"source": "simulated"}
    assert open_artifact(tmp_path / "verdict").labels == {"source": "simulated"}


def test_the_metrics_say_which_gates_held(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    candidate = write(make_artifact, "candidate", COHORT.answers(everyone(COHORT, "V", 1, "N")))
    metrics = gate(
        evidence=candidate,
        reference=teacher(make_artifact),
        verdict=tmp_path / "verdict",
        gates=gates(),
        budget=BUDGET,
    )
    assert (metrics["gates/G3"], metrics["gates/G7"], metrics["gates/verdict"]) == (1.0, 0.0, 0.0)


def test_evidence_on_other_windows_than_the_reference_is_refused(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    candidate = write(make_artifact, "candidate", Cohort(patients=13).answers({}))
    with pytest.raises(RefusedError, match="not the same test windows"):
        judged(tmp_path, candidate, teacher(make_artifact))
    assert not (tmp_path / "verdict").exists()


@pytest.mark.parametrize("digest", ["2" * 64, None])
def test_evidence_of_another_test_artifact_is_refused_though_its_beats_are_the_same(
    make_artifact: MakeArtifact, tmp_path: Path, digest: str | None
) -> None:
    candidate = write(make_artifact, "candidate", COHORT.answers({}), test={"digest": digest})
    with pytest.raises(RefusedError, match=r"of test (2{12}|None), the reference of 1{12}; evaluate both on one"):
        judged(tmp_path, candidate, teacher(make_artifact))


def test_a_reference_of_another_target_is_refused(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    other = teacher(make_artifact, deployment={"variant": "teacher", "target": "openvino-cpu"})
    with pytest.raises(RefusedError, match="give the teacher's evidence on the same target"):
        judged(tmp_path, write(make_artifact, "candidate", COHORT.answers({})), other)


def test_a_reference_that_is_not_the_teacher_is_refused(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    candidate = write(make_artifact, "candidate", COHORT.answers({}))
    with pytest.raises(RefusedError, match=r"the reference is the evidence of 'pruned'.*give the teacher's"):
        judged(tmp_path, candidate, candidate)


@pytest.mark.parametrize("beside", ["1" * 64, None])
def test_evidence_measured_beside_another_teacher_is_refused(
    make_artifact: MakeArtifact, tmp_path: Path, beside: str | None
) -> None:
    candidate = write(make_artifact, "candidate", COHORT.answers({}), reference_sha256=beside)
    with pytest.raises(RefusedError, match=r"beside the graph (1{12}|None), the reference is of 0{12}.*evaluate"):
        judged(tmp_path, candidate, teacher(make_artifact))


def test_figures_that_do_not_follow_from_the_predictions_are_refused(
    make_artifact: MakeArtifact, tmp_path: Path
) -> None:
    poor = COHORT.answers(everyone(COHORT, "V", 20, "N"))
    flattering = COHORT.evidence(COHORT.answers({}), COHORT.answers({}))["gross"]
    candidate = write(make_artifact, "candidate", poor, gross=flattering)
    with pytest.raises(RefusedError, match=r"gross\.N\.predictivity is 1\.0 in the evidence but 0\.95"):
        judged(tmp_path, candidate, teacher(make_artifact))


def test_the_same_evidence_gives_the_same_verdict_bytes(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    candidate, reference = write(make_artifact, "candidate", COHORT.answers({})), teacher(make_artifact)
    judged(tmp_path, candidate, reference)
    first = open_artifact(tmp_path / "verdict").digest
    judged(tmp_path, candidate, reference)
    assert open_artifact(tmp_path / "verdict").digest == first


def test_the_command_line_refuses_inverted_gates_with_their_path(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    evidence = write(make_artifact, "candidate", COHORT.answers({}))
    inverted = json.dumps(changed("G3.floors.V.lower", 0.99))
    flags = ["--evidence", evidence, "--reference", evidence, "--verdict", tmp_path / "verdict"]
    with pytest.raises(SystemExit, match=r"gate: inline:G3\.floors\.V: inverted"):
        gate.main([*map(str, flags), "--gates", inverted, "--budget", BUDGET.model_dump_json()])


def test_importing_the_stage_brings_in_none_of_the_heavy_packages() -> None:
    heavy = "{'torch', 'mlflow', 'matplotlib', 'pandas', 'onnxruntime', 'scipy.stats', 'great_expectations'}"
    code = f"import components.gate, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_count_of_patients_that_does_not_follow_from_the_predictions_is_refused(
    make_artifact: MakeArtifact, tmp_path: Path
) -> None:
    evidence = COHORT.evidence(COHORT.answers({}), COHORT.answers({}))
    evidence["gross"]["V"]["patients"] = 40
    candidate = write(make_artifact, "candidate", COHORT.answers({}), gross=evidence["gross"])
    with pytest.raises(RefusedError, match=r"gross\.V\.patients is 40\.0 in the evidence but 14\.0"):
        judged(tmp_path, candidate, teacher(make_artifact))
