"""A run at a glance: which five rows, and in which words."""

from dataclasses import replace
from pathlib import Path

import pytest

from bedside.artifacts import open_artifact
from bedside.gates.verdict import TITLES
from bedside.reporting.brief import FAILS, chosen, short
from bedside.reporting.claims import SEED
from bedside.summary import Summary
from tests.support.deployments import Maker


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path, source="simulated")


def summary(maker: Maker, variant: str, target: str = "onnxruntime-cpu", **made: float) -> Summary:
    deployed = maker.make(variant, target, missed=made.pop("missed", 0.0), **made)  # type: ignore[arg-type]  # a size is whole
    found, verdict = open_artifact(deployed.evidence), open_artifact(deployed.verdict)
    return Summary(found.json("evidence.json"), verdict.json("verdict.json"), found.labels)


def names(rows: list[Summary]) -> list[str]:
    return [row.variant for row in rows]


def test_the_rows_are_the_teacher_the_best_and_the_techniques_of_the_article_in_the_order_of_the_run(
    maker: Maker,
) -> None:
    found = [
        summary(maker, name, p99_ms=p99)
        for name, p99 in (("teacher", 12.0), ("own", 2.0), ("distilled", 1.0), ("pruned", 6.0), ("quantized", 3.0))
    ]
    found += [summary(maker, "fastest", p99_ms=0.1), summary(maker, "combined", missed=0.3)]
    assert names(chosen(found, SEED)) == ["teacher", "distilled", "pruned", "quantized", "fastest"]


def test_a_run_of_other_names_shows_what_passes_before_what_fails(maker: Maker) -> None:
    found = [
        summary(maker, "teacher", p99_ms=12.0),
        summary(maker, "a", missed=0.3),
        summary(maker, "b"),
        summary(maker, "c", missed=0.3),
        summary(maker, "d"),
        summary(maker, "e"),
    ]
    assert names(chosen(found, SEED)) == ["teacher", "a", "b", "d", "e"]


def test_the_best_is_the_fastest_that_passes(maker: Maker) -> None:
    failing = [summary(maker, f"failing-{i}", missed=0.3, p99_ms=0.1) for i in range(6)]
    assert "slow" in names(chosen([*failing, summary(maker, "slow", p99_ms=9.0)], ()))


def test_rows_are_of_the_first_target_only(maker: Maker) -> None:
    found = [summary(maker, "pruned", target) for target in ("openvino-cpu", "onnxruntime-cpu")]
    assert [row.target for row in chosen(found, SEED)] == ["openvino-cpu"]


def test_figures_are_in_words_that_need_no_glossary(maker: Maker) -> None:
    told = short([summary(maker, "pruned", p99_ms=1.5, size=90_000)], SEED)
    _, headings, _, row = [line for line in told.splitlines() if line][:4]
    cells = dict(zip(headings.split(" | "), row.split(" | "), strict=True))
    assert cells["| network"] == "| pruned"
    assert cells["verdict"] == "PASS"
    assert cells["file size"] == "90.1 kB"
    assert cells["time per answer"] == "1.05 ms"
    assert cells["times faster"] == "8.0"
    assert cells["V found"].startswith("98.3% (9")
    assert "S found" not in cells
    assert "SIMULATED PATIENTS" in told
    assert "Target: onnxruntime-cpu." in told


def test_a_verdict_says_what_the_failing_gates_mean(maker: Maker) -> None:
    told = short([summary(maker, "pruned", missed=0.3)], SEED)
    assert "| FAIL: finds too few, not shown to be as good as the teacher," in told
    assert set(TITLES) <= FAILS.keys()


def test_a_gate_without_words_is_shown_by_its_title(maker: Maker) -> None:
    found = summary(maker, "pruned")
    verdict = {"verdict": "FAIL", "gates": [{"id": "G99", "title": "a rule of tomorrow", "status": "FAIL"}]}
    assert "| FAIL: a rule of tomorrow |" in short([replace(found, verdict={**found.verdict, **verdict})], SEED)


def test_nothing_judged_is_said() -> None:
    assert short([], SEED) == "Nothing has been judged yet.\n"
