"""Known-good evidence passes, known-bad evidence is refused by the gate that is there for it."""

import copy
import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from bedside.evaluation import Predictions
from bedside.gates import Budget, Gates, judge
from bedside.gates.case import Case
from bedside.gates.result import percent
from bedside.gates.verdict import TITLES
from bedside.params import validate
from tests.support.cohort import Cohort, Wrong, everyone, measured
from tests.support.limits import BUDGET, changed, gates

COHORT = Cohort()
# A teacher as good as one may hope: 2 of 50 V beats, 4 of 30 S beats and 2 of 400 N beats wrong in every patient.
TEACHER = {**everyone(COHORT, "V", 2, "N"), **everyone(COHORT, "S", 4, "N"), **everyone(COHORT, "N", 2, "V")}
NO_S = {**TEACHER, **everyone(COHORT, "S", 20, "N")}
ON_TARGET = {"max_abs_difference": 1.5, "label_changes": 2, "windows": 64}
S_REQUIRED = validate(
    Gates,
    {**changed("classes.S.required", True), "G8": {"events": 20, "fall": {"V": 0.10, "S": 0.10}}},
    where="params.yaml:gates",
)
PORTABLE = {"limit": 128, "layers": {"1_QLinearConv": 128}, "unknown": [], "safe": True, "exact_kernels": None}
SATURATING = {**PORTABLE, "layers": {"1_QLinearConv": 128, "2_QGemm": 131}, "safe": False}
UNPROVEN = {**PORTABLE, "unknown": ["1_ConvInteger: weights are uint8"], "safe": False}
INT8 = {"kind": "int8", "max_abs_difference": 0.8, "label_changes": 3, "windows": 512, "on_target": ON_TARGET}
AS_INT8 = {
    "parity": INT8,
    "latency|against_plain": {"kind": "float", "median": 0.4, "lowest": 0.3, "highest": 0.5, "least_runs": 500},
    "provenance|latency.against_plain.median": "measured",
}


@dataclasses.dataclass(frozen=True)
class Example:
    """Errors of both sides, and what differs from the usual evidence, gates and budget."""

    name: str
    candidate: Mapping[tuple[int, str], tuple[int, str]] = dataclasses.field(default_factory=lambda: TEACHER)
    teacher: Mapping[tuple[int, str], tuple[int, str]] = dataclasses.field(default_factory=lambda: TEACHER)
    cohort: Cohort = COHORT
    changes: dict[str, Any] = dataclasses.field(default_factory=dict)
    gates: Gates = dataclasses.field(default_factory=gates)
    budget: Budget = BUDGET
    is_reference: bool = False
    fails: str = ""

    def verdict(self) -> dict[str, Any]:
        return verdict(self.cohort.answers(self.candidate), self.cohort.answers(self.teacher), self)


def verdict(candidate: Predictions, teacher: Predictions, example: Example) -> dict[str, Any]:
    evidence = measured(example.cohort.evidence(candidate, teacher))
    for path, value in copy.deepcopy(example.changes).items():  # a later one may change what an earlier one put
        put(evidence, path, value)
    return judge(Case(evidence, candidate, teacher, example.gates, example.budget, is_reference=example.is_reference))


def put(evidence: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split("|")
    for parent in parents:
        evidence = evidence[parent]
    if value is KeyError:
        del evidence[last]
    else:
        evidence[last] = value


def status(verdict: Mapping[str, Any], gate: str) -> str:
    return str(next(result["status"] for result in verdict["gates"] if result["id"] == gate))


def reason(verdict: Mapping[str, Any], gate: str) -> str:
    return str(next(result["reason"] for result in verdict["gates"] if result["id"] == gate))


def without(wrong: Wrong, patient: int, name: str) -> dict[tuple[int, str], tuple[int, str]]:
    return {key: errors for key, errors in wrong.items() if key != (patient, name)}


THIN = Cohort(beats={"N": 400, "V": 50, "S": 3})
GOOD = [
    Example("the teacher against itself", is_reference=True),
    Example("the same answers"),
    Example("no error at all", candidate={}),
    Example("one V beat less in one patient", candidate={**TEACHER, (0, "V"): (3, "N")}),
    Example("one V beat less in two patients", candidate={**TEACHER, (0, "V"): (3, "N"), (5, "V"): (3, "S")}),
    Example("one V beat more in every patient", candidate={**TEACHER, **everyone(COHORT, "V", 1, "N")}),
    Example("a few more false V calls", candidate={**TEACHER, (0, "N"): (3, "V"), (1, "N"): (3, "V")}),
    Example("some N called F", candidate={**TEACHER, (3, "N"): (6, "F")}),
    Example("one S beat less in one patient", candidate={**TEACHER, (2, "S"): (5, "N")}),
    Example("F beats are never gated", candidate={**TEACHER, **everyone(COHORT, "F", 4, "V")}),
    Example("S below its floor leaves the intended use", candidate=NO_S, teacher=NO_S),
    Example("too few S beats leave the intended use", candidate={}, teacher={}, cohort=THIN),
    Example("int8 with other logits but the same answers", changes=AS_INT8),
    Example("int8 with one V flip", candidate={**TEACHER, (0, "V"): (3, "N")}, changes=AS_INT8),
    Example("int8 weights that cannot saturate", changes={**AS_INT8, "audit|pairs": PORTABLE}),
    Example(
        "int8 weights that could, run by exact kernels",
        changes={**AS_INT8, "audit|pairs": {**SATURATING, "exact_kernels": "session.x64quantprecision=1"}},
    ),
    Example("adopted from training patients of this data set", changes={"labels": {"adopted": "here"}}),
    Example("adopted from other patients, as declared", changes={"labels": {"adopted": "elsewhere"}}),
    Example("exactly within the budget", changes={"size_bytes": 200_000}),
    Example("exactly at the parity limit", changes={"parity|max_abs_difference": 1e-4}),
    Example("the cautious interval", gates=gates("G3.interval", "effective")),
    Example("the least number of patients", cohort=Cohort(patients=10)),
    Example("S required and good", gates=S_REQUIRED),
    Example(
        "a patient better, another a little worse",
        candidate={**without(TEACHER, 0, "V"), (1, "V"): (3, "N")},
    ),
    Example("twice as many patients", cohort=Cohort(patients=28)),
]
BAD = [
    Example("a patient in two splits", changes={"proof|overlaps|train/test|shared_patients": 1}, fails="G1"),
    Example("a window in two splits", changes={"proof|overlaps|calibration/test|shared_windows": 7}, fails="G1"),
    Example("no proof of the split", changes={"proof": KeyError}, fails="G1"),
    Example("a test patient that dropped out", changes={"proof|splits|test|patients": 21}, fails="G1"),
    Example("no count of test patients", changes={"proof|splits": KeyError}, fails="G1"),
    Example("adopted from nobody knows whom", changes={"labels": {"adopted": "undeclared"}}, fails="G1"),
    Example("a proof in words", changes={"proof": "disjoint"}, fails="G1"),
    Example("no list of the worst patients", changes={"worst_patients": KeyError}, fails="G8"),
    Example("parity in words", changes={"parity": "good"}, fails="G14"),
    Example("no proof for one pair", changes={"proof|overlaps|train/test": KeyError}, fails="G1"),
    Example("too few patients with V", cohort=Cohort(patients=9), fails="G2"),
    Example("too few V beats", cohort=Cohort(beats={"N": 400, "S": 30, "V": 6}), candidate={}, teacher={}, fails="G2"),
    Example("V sensitivity below its floor", candidate=(low := everyone(COHORT, "V", 6, "N")), teacher=low, fails="G3"),
    Example(
        "V lower bound below its floor",
        candidate=(uneven := {(0, "V"): (48, "N"), (1, "V"): (20, "N")}),
        teacher=uneven,
        fails="G3",
    ),
    Example("N specificity below its floor", candidate=(n := everyone(COHORT, "N", 50, "F")), teacher=n, fails="G3"),
    Example("V +P below its floor", candidate=(false := everyone(COHORT, "N", 12, "V")), teacher=false, fails="G4"),
    Example("V sensitivity worse than the teacher's", candidate=everyone(COHORT, "V", 2, "N"), teacher={}, fails="G5"),
    Example("V +P worse than the teacher's", candidate=everyone(COHORT, "N", 3, "V"), teacher={}, fails="G5"),
    Example("S collapses, unclaimed", candidate={**TEACHER, **everyone(COHORT, "S", 25, "N")}, fails="G5"),
    Example("harmful V flips", candidate=everyone(COHORT, "V", 1, "N"), teacher={}, fails="G7"),
    Example("harmful flips of N", candidate=everyone(COHORT, "N", 12, "F"), teacher={}, fails="G7"),
    Example("one patient with many harmful flips", candidate={(4, "N"): (60, "F")}, teacher={}, fails="G7"),
    Example("one patient loses V beats", candidate={(4, "V"): (6, "N")}, teacher={}, fails="G8"),
    Example("fp32 logits differ", changes={"parity|max_abs_difference": 2e-4}, fails="G14"),
    Example("fp32 changes an answer", changes={"parity|label_changes": 1}, fails="G14"),
    Example("parity of no window", changes={"parity|windows": 0}, fails="G14"),
    Example("the target's logits differ", changes={"parity|on_target|max_abs_difference": 2e-4}, fails="G14"),
    Example("the target changes an answer", changes={"parity|on_target|label_changes": 1}, fails="G14"),
    Example("the target answered no window", changes={"parity|on_target|windows": 0}, fails="G14"),
    Example("no parity on the target", changes={"parity|on_target": KeyError}, fails="G14"),
    Example("int8 without parity on the target", changes={"parity": {**INT8, "on_target": None}}, fails="G14"),
    Example("no parity", changes={"parity": KeyError}, fails="G14"),
    Example(
        "int8 weights that saturate on some CPUs", changes={"parity": INT8, "audit|pairs": SATURATING}, fails="G14"
    ),
    Example("int8 weights of which nothing is proven", changes={"parity": INT8, "audit|pairs": UNPROVEN}, fails="G14"),
    Example("no word on saturation", changes={"audit": KeyError}, fails="G14"),
    Example("safe in words", changes={"audit|pairs": {**SATURATING, "safe": "yes"}}, fails="G14"),
    Example("parity of unknown kind", changes={"parity|kind": "fp16"}, fails="G14"),
    Example(
        "int8 that flips",
        candidate=everyone(COHORT, "V", 1, "N"),
        teacher={},
        changes={"parity": INT8},
        fails="G14",
    ),
    Example("too large", changes={"size_bytes": 200_001}, fails="G15"),
    Example("too slow", changes={"latency|p99_ms": 1.01}, fails="G15"),
    Example("a percentile of too few answers", changes={"latency|runs_per_window": 49}, fails="G15"),
    Example("an unknown number of timed answers", changes={"latency|window_p50_ms": KeyError}, fails="G15"),
    Example("too much memory", changes={"memory|peak_rss_mb": 100.1}, fails="G15"),
    Example("an estimated latency", changes={"provenance|latency.p99_ms": "estimated"}, fails="G15"),
    Example("a latency of unknown provenance", changes={"provenance": KeyError}, fails="G15"),
    Example("a memory that is not a number", changes={"memory|peak_rss_mb": float("nan")}, fails="G15"),
    Example("a size in words", changes={"size_bytes": "small"}, fails="G15"),
    Example("no latency", changes={"latency": KeyError}, fails="G15"),
    Example("slower than its float parent", changes={**AS_INT8, "latency|against_plain|median": 1.2}, fails="G19"),
    Example("integers timed beside nothing", changes={"parity": INT8}, fails="G19"),
    Example("times of an unknown kind of CPU", changes={"environment": KeyError}, fails="G15"),
    Example("no V figures", changes={"gross|V|patients": KeyError}, fails="G2"),
    Example("a lower bound that is NaN", changes={"gross|V|intervals|sensitivity|low": float("nan")}, fails="G3"),
    Example("an undefined lower bound", changes={"gross|V|intervals|sensitivity|low": None}, fails="G3"),
    Example("no interval of an unclaimed class", changes={"gross|S|intervals": KeyError}, fails="G3"),
    Example("an interval from two resamples", changes={"statistics|replicates": 2}, fails="G3"),
    Example("an interval from nobody knows what", changes={"statistics": KeyError}, fails="G3"),
    Example("S required and below its floor", candidate=NO_S, teacher=NO_S, gates=S_REQUIRED, fails="G3"),
]


@pytest.mark.parametrize("example", GOOD, ids=lambda example: example.name)
def test_known_good_evidence_passes(example: Example) -> None:
    found = example.verdict()
    assert found["verdict"] == "PASS", found["reason"]
    assert {result["status"] for result in found["gates"]} == {"PASS"}
    assert found["claims"]["V"]["status"] == "PASS"


@pytest.mark.parametrize("example", BAD, ids=lambda example: example.name)
def test_known_bad_evidence_is_refused_by_the_gate_that_is_there_for_it(example: Example) -> None:
    found = example.verdict()
    assert found["verdict"] != "PASS"
    assert status(found, example.fails) != "PASS"
    assert any(character.isdigit() for character in reason(found, example.fails)) or "no" in reason(
        found, example.fails
    )


def test_there_are_twenty_of_each() -> None:
    assert len(GOOD) >= 20
    assert len(BAD) >= 20


def test_better_on_average_but_worse_in_one_patient_is_stopped() -> None:
    candidate = {(3, "V"): (8, "N")}
    found = Example("", candidate=candidate, teacher=everyone(COHORT, "V", 2, "N")).verdict()
    assert found["gates"][4]["values"]["V.sensitivity"]["average"] > 0
    assert status(found, "G8") == "FAIL"
    assert "largest fall of V sensitivity" in found["reason"]
    assert "0.12 (limit 0.1)" in found["reason"]


def test_as_many_beneficial_as_harmful_flips_do_not_hide_the_harmful_ones() -> None:
    teacher = COHORT.answers(everyone(COHORT, "V", 2, "N"))
    candidate = COHORT.answers(everyone(COHORT, "V", 2, "N"), skip=2)
    found = verdict(candidate, teacher, Example(""))
    assert found["gates"][4]["values"]["V.sensitivity"]["gross"] == 0
    assert status(found, "G5") == "PASS"
    assert status(found, "G7") == "FAIL"


def test_permuted_labels_fail_the_floors() -> None:
    permuted = np.random.default_rng(1).permutation(COHORT.label)
    answers = COHORT.predictions(np.maximum(COHORT.label, 0), label=permuted)
    found = verdict(answers, answers, Example(""))
    assert found["verdict"] == "FAIL"
    assert status(found, "G3") == "FAIL"


def test_too_little_evidence_is_neither_pass_nor_fail() -> None:
    found = Example("", cohort=Cohort(patients=9)).verdict()
    assert found["verdict"] == "INSUFFICIENT EVIDENCE"
    assert found["claims"]["V"]["status"] == "INSUFFICIENT EVIDENCE"
    assert "9 patients (needs 100 of 10)" in reason(found, "G2")


def test_a_gate_that_fails_outweighs_missing_evidence() -> None:
    found = Example("", cohort=Cohort(patients=9), changes={"size_bytes": 10**9}).verdict()
    assert found["verdict"] == "FAIL"


def test_a_class_that_leaves_the_intended_use_is_named_with_its_reason() -> None:
    found = Example("", candidate=NO_S, teacher=NO_S).verdict()
    assert found["verdict"] == "PASS"
    assert "no S claim" in found["reason"]
    assert found["claims"]["S"]["status"] == "NOT CLAIMED"
    assert "S sensitivity 0.3333 (floor 0.7)" in found["claims"]["S"]["reason"]


def test_losing_more_of_an_optional_class_never_turns_a_failure_into_a_pass() -> None:
    rank = {"PASS": 1, "INSUFFICIENT EVIDENCE": 0, "FAIL": 0}
    verdicts = [
        Example("", candidate={**TEACHER, **everyone(COHORT, "S", lost, "N")}).verdict() for lost in range(4, 30, 3)
    ]
    passed = [rank[found["verdict"]] for found in verdicts]
    assert passed == sorted(passed, reverse=True)
    assert passed[0] == 1
    assert passed[-1] == 0


def test_the_teacher_is_told_that_it_is_its_own_reference() -> None:
    found = Example("", is_reference=True).verdict()
    assert reason(found, "G5").startswith("this is the reference itself")
    assert reason(found, "G8").startswith("this is the reference itself")


def test_int8_parity_is_g5_and_g7_on_this_target() -> None:
    found = Example("", changes={"parity": INT8}).verdict()
    assert "G5 PASS and G7 PASS" in reason(found, "G14")
    assert "3 of 512 answers change" in reason(found, "G14")
    assert "2 of 64 on windows of noise" in reason(found, "G14")


def test_a_graph_that_would_answer_otherwise_elsewhere_names_the_layer_and_the_way_out() -> None:
    found = Example("", changes={"parity": INT8, "audit|pairs": SATURATING}).verdict()
    reason = next(gate["reason"] for gate in found["gates"] if gate["id"] == "G14")
    assert "weights of 2_QGemm add up to 131 (limit 128): a CPU without VNNI would answer otherwise" in reason
    assert "exact_integers" in reason


def test_fp32_parity_names_the_step_to_the_exported_graph_and_the_step_to_the_target() -> None:
    found = reason(Example("").verdict(), "G14")
    assert "2e-06 from the trained network to the exported graph, 3e-06 from there to the target's file" in found


def test_the_verdict_carries_what_it_is_about() -> None:
    found = Example("").verdict()
    assert found["deployment"] == {"variant": "pruned", "target": "onnxruntime-cpu"}
    assert found["graph_sha256"] == "0" * 64
    assert found["gates_digest"] == gates().digest
    assert [result["id"] for result in found["gates"]] == [
        *("G1", "G2", "G3", "G4", "G5", "G7", "G8", "G14", "G15", "G19"),
    ]


def test_the_verdict_names_what_failed_and_spares_the_reader_the_rest() -> None:
    found = Example("", candidate={**TEACHER, (3, "V"): (8, "N")}).verdict()
    assert found["reason"].startswith(
        "It misses more V beats of one patient than its teacher: 12% of them, 10% allowed. "
        f"2 of {len(TITLES)} gates fail: G5 (not inferior to the teacher): V sensitivity -0.0086"
    )
    assert "S sensitivity" not in found["reason"]
    assert "6 of 700 V beats turn from right to wrong (0.86%, limit 1%)" in reason(found, "G7")
    assert found["gates"][6]["values"]["V"]["worst_patients"][0]["patient"] == "p03"


@pytest.mark.parametrize(
    "example", [example for example in BAD if example.fails != "G2"], ids=lambda example: example.name
)
def test_what_fails_is_first_told_in_a_sentence_without_gates_and_then_with_them(example: Example) -> None:
    found = example.verdict()
    assert re.fullmatch(r"(?!.*\bG\d)[a-z].+[^.]", found["plain"]), found["plain"]
    assert found["reason"].startswith(f"It {found['plain']}. ")
    assert f"{example.fails} (" in found["reason"]


@pytest.mark.parametrize("example", GOOD, ids=lambda example: example.name)
def test_what_passes_has_nothing_to_explain(example: Example) -> None:
    assert example.verdict()["plain"] == ""


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        ("harmful V flips", "answers wrongly on more V beats than its teacher: 2% changed, 1% allowed"),
        ("V sensitivity below its floor", "finds too few V beats: 88%, 90% needed"),
        ("V +P below its floor", "calls too many beats V that are not: 81% of its V calls are right, 85% needed"),
        (
            "one patient with many harmful flips",
            "answers wrongly on more beats of the worst patient than its teacher: 12% changed",
        ),
        ("V sensitivity worse than the teacher's", "answers wrongly on more V beats than its teacher: 4% changed"),
        ("too large", "is too large for its target: 200,001 bytes, 200,000 allowed"),
        ("too slow", "is too slow for its target: 1.01 ms p99 latency, 1 allowed"),
        ("a patient in two splits", "is judged on patients, records or windows that another split has too"),
        ("no parity", "cannot be judged: the evidence holds no parity"),
    ],
)
def test_the_sentence_says_what_a_patient_would_notice(fails: str, told: str) -> None:
    (example,) = (example for example in BAD if example.name == fails)
    assert example.verdict()["plain"].startswith(told)


@pytest.mark.parametrize(
    ("share", "limit", "told"),
    [(0.012780, 0.01, "1.3%"), (0.02, 0.02, "2%"), (0.1004, 0.1, "10.04%"), (0.9, 0.85, "90%")],
)
def test_a_share_is_told_with_the_digits_that_set_it_apart_from_its_limit(
    share: float, limit: float, told: str
) -> None:
    assert percent(share, limit) == told
