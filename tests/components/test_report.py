"""The report stage: rows from evidence and verdict files only."""

from pathlib import Path

import pytest

from bedside.artifacts import open_artifact
from bedside.errors import RefusedError
from components.report import report
from tests.support.deployments import Deployed, Maker


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Deployed]:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BEDSIDE_FLUSH", "off")
    maker = Maker(tmp_path, source="simulated")
    return [maker.make("teacher", p99_ms=12.0), maker.make("pruned"), maker.make("quantized", missed=0.2)]


def test_the_report_shows_every_deployment_with_its_pictures_inside(deployed: list[Deployed], tmp_path: Path) -> None:
    metrics = report(
        evidence=[d.evidence for d in deployed],
        verdicts=[d.verdict for d in reversed(deployed)],
        decisions=[],
        report=tmp_path / "report",
        params={},
    )
    assert metrics == {"report/deployments": 3.0, "report/passed": 2.0}
    done = open_artifact(tmp_path / "report")
    page, table = (done / "index.html").read_text(), (done / "results.md").read_text()
    assert page.count("data:image/png") == 1 + 3 * 4
    every, several_at_once = table.split("**Several windows at once**")
    assert [line.split(" | ")[1:3] for line in every.splitlines() if line.startswith("| onnxruntime-cpu")] == [
        ["teacher", "PASS"],
        ["pruned", "PASS"],
        ["quantized", "FAIL"],
    ]
    assert several_at_once.count("| onnxruntime-cpu |") == 3
    assert "| quantized | FAIL: finds too few" in (done / "short.md").read_text()
    assert (done / "pareto.png").read_bytes().startswith(b"\x89PNG")
    assert done.labels == {"source": "simulated"}


def test_evidence_without_its_verdict_is_refused(deployed: list[Deployed], tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no verdict was given on this evidence"):
        report(
            evidence=[deployed[0].evidence],
            verdicts=[deployed[1].verdict],
            decisions=[],
            report=tmp_path / "report",
            params={},
        )
