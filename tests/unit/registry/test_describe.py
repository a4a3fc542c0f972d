"""What a reviewer reads: words from data stay words."""

from pathlib import Path

import pytest

from bedside.artifacts import open_artifact
from bedside.registry import Candidate
from bedside.registry.card import card
from bedside.registry.describe import version
from tests.support.deployments import Maker, rewritten, yardstick

HOSTILE = "<img src=x onerror=alert(1)> ![x](http://evil/x.png) [x](javascript:alert(1)) `|"


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Candidate:
    """A candidate whose every label and name tries to be markup."""
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BEDSIDE_FLUSH", "off")
    made = Maker(tmp_path).make("pruned")
    evidence = open_artifact(made.evidence).json("evidence.json")
    provenance = dict.fromkeys(evidence["provenance"], HOSTILE)
    gross = {name: {**found, "events": HOSTILE, "patients": HOSTILE} for name, found in evidence["gross"].items()}
    changed = {
        "deployment": {"variant": HOSTILE, "target": HOSTILE},
        "environment": {"cpu": HOSTILE},
        "complexity": {HOSTILE: 3},
        "provenance": provenance,
        "gross": gross,
        "statistics": {"beats": HOSTILE, "patients": HOSTILE},
    }
    rewritten(made.evidence, "evidence.json", **changed)
    verdict = open_artifact(made.verdict).json("verdict.json")
    gates = [{**gate, "id": HOSTILE, "status": HOSTILE, "reason": HOSTILE} for gate in verdict["gates"]]
    claims = {name: {**claim, "status": HOSTILE, "reason": HOSTILE} for name, claim in verdict["claims"].items()}
    told = {"reason": HOSTILE, "verdict": HOSTILE, "gates_digest": HOSTILE, "gates": gates, "claims": claims}
    rewritten(made.verdict, "verdict.json", **told)
    return Candidate(
        open_artifact(made.graph), open_artifact(made.evidence), open_artifact(made.verdict), yardstick(made)
    )


@pytest.mark.parametrize("page", ["card", "description"])
def test_names_and_labels_bring_neither_html_nor_images_nor_links(hostile: Candidate, page: str) -> None:
    told = card(hostile, HOSTILE) if page == "card" else version(hostile, "1", "run", ["roc.png"])
    assert "img src" in told
    for markup in ("<img", "![", "](http", "](javascript"):
        assert markup not in told


def test_the_links_of_a_version_survive_a_name_with_blanks(hostile: Candidate) -> None:
    assert "[roc.png](#/experiments/1/runs/run/artifacts/review/%3Cimg%20src" in version(
        hostile, "1", "run", ["roc.png"]
    )
