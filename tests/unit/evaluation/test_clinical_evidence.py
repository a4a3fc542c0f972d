"""The clinical part of the evidence, from worked counts."""

import json
from typing import Any

import numpy as np
import pytest

from bedside.errors import RefusedError
from bedside.evaluation import evidence
from bedside.tasks.ecg_beats.outcome import OUTCOME
from tests.support.cohort import Cohort, everyone

COHORT = Cohort(patients=4, beats={"N": 20, "S": 6, "V": 10, "Q": 1})


def clinical(wrong: Any, reference: Any = None, cohort: Cohort = COHORT, **changes: Any) -> dict[str, Any]:
    return cohort.evidence(cohort.answers(wrong), cohort.answers(reference or {}), **changes)


def test_gross_pools_beats_and_average_weighs_patients_alike() -> None:
    label = np.array([0] * 5 + [2] * 5 + [0] * 5 + [2] * 20)
    patient = np.array([0] * 10 + [1] * 25)
    called = label.copy()
    called[5:9] = 0  # the small patient loses 4 of its 5 V beats
    logits = np.eye(4)[called]
    found = evidence(
        logits, label, patient, patient, np.arange(35), logits, outcome=OUTCOME, records="ab", patients="AB", rate=1.0
    )
    assert found["gross"]["V"]["sensitivity"] == pytest.approx(21 / 25)
    assert found["average"]["V"]["sensitivity"] == pytest.approx((1 / 5 + 1) / 2)
    assert found["gross"]["V"]["largest_patient"] == {"patient": "B", "share": pytest.approx(20 / 25)}
    assert found["gross"]["V"]["leave_one_patient_out"]["sensitivity"] == {"low": pytest.approx(1 / 5), "high": 1.0}


def test_a_patient_with_fewer_than_five_beats_is_left_out_of_the_average_only() -> None:
    label = np.array([2] * 4 + [2] * 10)
    patient = np.array([0] * 4 + [1] * 10)
    called = np.where(patient == 0, 0, 2)
    logits = np.eye(4)[called]
    found = evidence(
        logits, label, patient, patient, np.arange(14), logits, outcome=OUTCOME, records="ab", patients="AB", rate=1.0
    )
    assert found["gross"]["V"]["sensitivity"] == pytest.approx(10 / 14)
    assert found["average"]["V"]["sensitivity"] == 1.0
    assert found["average"]["V"]["patients"] == 1


def test_the_beat_table_of_each_record_has_a_row_for_q() -> None:
    found = clinical({(0, "V"): (3, "S")})
    assert found["tables"]["p00"] == [[20, 0, 0, 0], [0, 6, 0, 0], [0, 3, 7, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert found["statistics"]["unscored"] == 4


def test_flips_are_told_apart_by_who_was_right() -> None:
    found = clinical({(0, "V"): (3, "N")}, reference={(0, "V"): (1, "N"), (1, "S"): (2, "N")})["flips"]
    assert found["all"] == {"units": 144, "harmful": 2, "beneficial": 2, "harmful_share": pytest.approx(2 / 144)}
    assert found["classes"]["V"]["harmful"] == 2
    assert found["classes"]["S"]["beneficial"] == 2
    assert found["patients"]["p00"]["harmful_share"] == pytest.approx(2 / 36)
    assert found["patients"]["p01"]["harmful"] == 0


def test_a_flip_between_two_wrong_answers_is_neither_harmful_nor_beneficial() -> None:
    found = clinical({(0, "V"): (3, "N")}, reference={(0, "V"): (3, "S")})["flips"]["all"]
    assert (found["harmful"], found["beneficial"]) == (0, 0)


def test_false_v_calls_per_hour_count_as_ec57_does() -> None:
    cohort = Cohort(patients=3, beats={"N": 10, "V": 10, "F": 2, "Q": 1})
    wrong = {(0, "N"): (3, "V"), (1, "F"): (2, "V")}
    found = clinical(wrong, cohort=cohort, seconds=dict.fromkeys(cohort.names, 1800.0))["false_calls"]["V"]
    assert found["per_hour"] == {"p00": 6.0, "p01": 0.0, "p02": 0.0}
    assert (found["median"], found["max"], found["max_patient"]) == (0.0, 6.0, "p00")


def test_a_record_without_known_duration_lasts_from_first_to_last_beat() -> None:
    cohort = Cohort(patients=1, beats={"N": 721})
    found = clinical({(0, "N"): (2, "V")}, cohort=cohort)["false_calls"]["V"]
    assert found["max"] == pytest.approx(2 / (720 * 180 / 360 / 3600))


def test_the_worst_patients_are_those_who_fell_most_not_those_who_are_low() -> None:
    cohort = Cohort(patients=3, beats={"N": 5, "V": 20})
    wrong = {(0, "V"): (8, "N"), (1, "V"): (10, "N")}
    worst = clinical(wrong, reference={(1, "V"): (10, "N")}, cohort=cohort)["worst_patients"]["V"]
    assert worst[0]["patient"] == "p00"
    assert worst[0]["change"] == pytest.approx(-8 / 20)


def test_a_class_that_nobody_has_is_none_everywhere_and_never_one() -> None:
    found = clinical({})
    assert found["gross"]["F"]["sensitivity"] is None
    assert found["gross"]["F"]["predictivity"] is None
    assert found["gross"]["F"]["intervals"]["sensitivity"] == {"low": None, "high": None}
    assert found["average"]["F"]["sensitivity"] is None
    assert found["flips"]["classes"]["F"]["harmful_share"] is None


def test_a_class_that_is_never_called_has_no_predictivity() -> None:
    found = clinical(everyone(COHORT, "V", 10, "N"))
    assert found["gross"]["V"]["sensitivity"] == 0.0
    assert found["gross"]["V"]["predictivity"] is None


def test_the_evidence_is_plain_json_and_the_same_for_the_same_seed() -> None:
    first, second = clinical({(0, "V"): (3, "N")}), clinical({(0, "V"): (3, "N")})
    assert json.dumps(first, sort_keys=True, allow_nan=False) == json.dumps(second, sort_keys=True, allow_nan=False)
    assert first != clinical({(0, "V"): (3, "N")}, seed=1)


def test_the_order_of_the_beats_does_not_matter() -> None:
    answers = COHORT.answers({(0, "V"): (3, "N"), (2, "N"): (2, "V")})
    order = np.random.default_rng(0).permutation(len(answers.label))
    shuffled = {name: getattr(answers, name)[order] for name in ("logits", "label", "record", "patient", "sample")}
    names: dict[str, Any] = {
        "reference_logits": answers.logits[order],
        "outcome": OUTCOME,
        "records": COHORT.names,
        "patients": COHORT.names,
        "rate": 360.0,
        "replicates": 400,
    }
    again, first = evidence(**shuffled, **names), COHORT.evidence(answers, answers)
    for name in set(first) - {"calibration"}:  # sums of floats in another order
        assert again[name] == first[name], name


def test_permuted_labels_leave_only_chance() -> None:
    cohort = Cohort(patients=10)
    permuted = np.random.default_rng(0).permutation(cohort.label)
    answers = cohort.predictions(np.maximum(cohort.label, 0), label=permuted)
    found = cohort.evidence(answers, answers)
    assert found["gross"]["V"]["sensitivity"] < 0.2
    assert found["macro_f1"] < 0.45


def test_calibration_of_answers_that_are_always_sure_and_right_is_nearly_perfect() -> None:
    figures = clinical({})["calibration"]["candidate"]
    assert figures["brier"] < 0.01
    assert figures["mean_ece"] < 0.05
    assert clinical(everyone(COHORT, "V", 10, "N"))["calibration"]["candidate"]["brier"] > 0.4


def test_names_that_do_not_fit_the_indices_are_refused() -> None:
    with pytest.raises(RefusedError, match="patient indices reach from 0 to 3 but there are 2 names"):
        clinical({}, patients=["a", "b"])


def test_a_record_of_two_patients_is_refused() -> None:
    label, record = np.array([0, 0]), np.array([0, 0])
    with pytest.raises(RefusedError, match="belongs to two patients"):
        evidence(
            np.eye(4)[label],
            label,
            record,
            np.array([0, 1]),
            record,
            np.eye(4)[label],
            outcome=OUTCOME,
            records=["r"],
            patients=["a", "b"],
            rate=1.0,
        )
