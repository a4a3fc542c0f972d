"""Times count for the kind of CPU that they were measured on: nothing is promoted, ranked or replaced across kinds."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from bedside.artifacts import open_artifact
from bedside.errors import RefusedError
from bedside.registry import Candidate, candidates
from tests.support.deployments import Deployed, Maker, rewritten, yardstick
from tests.support.promoting import aliases, promoted, registry

OTHER = "aarch64 asimddp"
Elsewhere = Callable[..., Maker]


@pytest.fixture
def elsewhere(workspace: Path) -> Elsewhere:
    """Makes deployments that are measured on another kind of CPU than the usual x86-64 avx2."""

    def make(folder: str = "elsewhere", asks_for: str | None = None) -> Maker:
        return Maker(workspace / folder, cpu_kind=OTHER, asks_for=asks_for)

    return make


def opened(*deployed: Deployed) -> list[Candidate]:
    graphs, evidence, verdicts = (
        [open_artifact(getattr(d, name)) for d in deployed] for name in ("graph", "evidence", "verdict")
    )
    return candidates(graphs, evidence, verdicts, yardstick(deployed[0]))


def test_the_verdict_says_on_which_kind_the_budget_was_judged(elsewhere: Elsewhere) -> None:
    verdict = open_artifact(elsewhere().make("pruned").verdict).json("verdict.json")
    (budget,) = (gate for gate in verdict["gates"] if gate["id"] == "G15")
    assert verdict["cpu_kind"] == budget["values"]["cpu_kind"] == OTHER
    assert f"1 ms p99 latency on {OTHER} (limit 20)" in budget["reason"]


def test_evidence_of_another_kind_than_the_target_names_is_not_judged(workspace: Path) -> None:
    with pytest.raises(RefusedError, match=rf"measured on {OTHER}, but onnxruntime-cpu asks for times on x86-64 avx2"):
        Maker(workspace / "named", cpu_kind=OTHER, asks_for="x86-64 avx2").make("pruned")
    with pytest.raises(
        RefusedError, match=r"measured on an unnamed kind of CPU, but onnxruntime-cpu asks for times on"
    ):
        Maker(workspace / "unnamed", cpu_kind="", asks_for="x86-64 avx2").make("pruned")


def test_nor_is_it_promoted_whatever_its_verdict_says(workspace: Path) -> None:
    deployed = Maker(workspace, asks_for="x86-64 avx2").make("pruned")
    assert opened(deployed)[0].objection() is None
    rewritten(deployed.evidence, "evidence.json", environment={"cpu_kind": OTHER})
    graph, evidence, verdict = (open_artifact(getattr(deployed, name)) for name in ("graph", "evidence", "verdict"))
    inputs = {**verdict.manifest["inputs"], "evidence": evidence.digest}  # as if it had been judged so
    judged = dataclasses.replace(verdict, manifest={**verdict.manifest, "inputs": inputs})
    assert str(Candidate(graph, evidence, judged, yardstick(deployed)).objection()).startswith(
        f"measured on {OTHER}, but onnxruntime-cpu asks for times on x86-64"
    )


def test_deployments_of_different_kinds_are_not_ranked_together(maker: Maker) -> None:
    one, two = maker.make("pruned"), maker.make("combined")
    rewritten(two.evidence, "evidence.json", environment={"cpu_kind": OTHER})
    with pytest.raises(
        RefusedError, match=rf"different kinds of CPU: pruned on x86-64 avx2, combined on {OTHER}; evaluate them again"
    ):
        opened(one, two)


def test_a_challenger_of_another_kind_stays_until_somebody_can_say_which_is_faster(
    maker: Maker, elsewhere: Elsewhere, workspace: Path
) -> None:
    promoted([maker.make("pruned", p99_ms=2.0)], workspace / "decision", sign_off=True)
    other = elsewhere()
    decision = promoted([other.make("combined", p99_ms=0.1)], workspace / "second", sign_off=True)
    assert decision["challenger"]["reason"] == (
        f"version 1 (pruned) stays: it was measured on x86-64 avx2, combined on {OTHER}, and times of different kinds "
        "of CPU are not compared; evaluate both on one kind, or name the one that devices have "
        "(targets.onnxruntime-cpu.cpu)"
    )
    assert aliases() == {"challenger": "1"}
    both = [other.make("combined", p99_ms=0.1), other.make("pruned", p99_ms=3.0)]
    decided = promoted(both, workspace / "both", sign_off=True)
    assert decided["challenger"]["variant"] == "combined"
    assert aliases() == {"challenger": decided["challenger"]["version"]}


def test_where_the_target_names_a_kind_what_was_measured_on_another_gives_way(
    maker: Maker, elsewhere: Elsewhere, workspace: Path
) -> None:
    promoted([maker.make("pruned", p99_ms=0.1)], workspace / "decision", sign_off=True)
    named = elsewhere("named", OTHER).make("combined", p99_ms=5.0)
    assert promoted([named], workspace / "second", sign_off=True)["challenger"]["variant"] == "combined"


def test_a_new_champion_of_another_kind_says_that_no_times_were_compared(
    maker: Maker, elsewhere: Elsewhere, workspace: Path
) -> None:
    promoted([maker.make("pruned")], workspace / "decision")
    other = elsewhere()
    decision = promoted([other.make("combined", p99_ms=0.1), other.make("pruned")], workspace / "second")
    assert decision["champion"]["reason"] == (
        f"not inferior to champion version 1; timed on {OTHER}, the champion on x86-64 avx2, and times of different "
        "kinds of CPU are not compared"
    )
    assert decision["champion"]["variant"] == "combined"


def test_a_reviewer_reads_the_kind_and_the_time_beside_the_same_answers_without_the_trick(
    maker: Maker, workspace: Path
) -> None:
    deployed = maker.make("pruned")
    latency = open_artifact(deployed.evidence).json("evidence.json")["latency"]
    found = {"kind": "float", "what": "the same network in float", "median": 0.31}
    rewritten(deployed.evidence, "evidence.json", latency={**latency, "against_plain": found})
    told = opened(deployed)[0].summary
    assert told.against_plain == "0.31 times as long as the same network in float (of unknown provenance)"
    promoted([maker.make("pruned")], workspace / "decision")
    page = registry().search_model_versions("name = 'ecg-arrhythmia.onnxruntime-cpu'")[0].description
    assert "On x86-64 avx2 (a test's imagination):" in page
