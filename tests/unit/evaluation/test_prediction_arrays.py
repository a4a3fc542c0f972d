"""What a graph answered is checked before anything is counted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from bedside.errors import RefusedError
from bedside.evaluation import Predictions
from bedside.tasks.ecg_beats.outcome import OUTCOME
from tests.support.cohort import Cohort

COHORT = Cohort(patients=2)


def arrays(**changes: Any) -> dict[str, Any]:
    good = COHORT.answers({})
    names = ("logits", "label", "record", "patient", "sample")
    return {name: getattr(good, name).copy() for name in names} | changes


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_logit_that_is_not_a_number_is_refused_although_argmax_would_name_a_class(value: float) -> None:
    values = arrays()
    values["logits"][3, 1] = value
    with pytest.raises(RefusedError, match=r"1 of \d+ windows"):
        Predictions.of(**values, outcome=OUTCOME)


@pytest.mark.parametrize("label", [4, -2])
def test_an_unknown_label_is_refused_with_the_known_ones(label: int) -> None:
    values = arrays()
    values["label"][0] = label
    with pytest.raises(RefusedError, match=rf"unknown labels \[{label}\]; known: -1 \(Q\) and 0 to 3"):
        Predictions.of(**values, outcome=OUTCOME)


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(RefusedError, match="logits have shape"):
        Predictions.of(**arrays(logits=np.zeros((3, 4))), outcome=OUTCOME)
    with pytest.raises(RefusedError, match="sample has shape"):
        Predictions.of(**arrays(sample=np.zeros(3, dtype=np.int64)), outcome=OUTCOME)


def test_labels_that_are_not_integers_are_refused() -> None:
    with pytest.raises(RefusedError, match="label holds float64"):
        Predictions.of(**arrays(label=COHORT.label.astype(np.float64)), outcome=OUTCOME)


def test_predictions_come_back_from_their_file(tmp_path: Path) -> None:
    save_file(arrays(), tmp_path / "predictions.safetensors")
    back = Predictions.read(tmp_path / "predictions.safetensors", OUTCOME)
    assert back.same_windows(COHORT.answers({}))
    assert (back.called == COHORT.answers({}).called).all()


def test_a_file_without_patients_is_refused(tmp_path: Path) -> None:
    values = arrays()
    del values["patient"]
    save_file(values, tmp_path / "predictions.safetensors")
    with pytest.raises(RefusedError, match="no patient in it"):
        Predictions.read(tmp_path / "predictions.safetensors", OUTCOME)
