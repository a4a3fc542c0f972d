"""The clinical part of a deployment's evidence, from its logits and the teacher's on the same test windows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bedside.errors import RefusedError
from bedside.evaluation import counts, intervals
from bedside.evaluation.calibration import calibration
from bedside.evaluation.flips import flips
from bedside.evaluation.inferiority import LEAST_UNITS
from bedside.evaluation.predictions import Floats, Ints, Predictions
from bedside.outcome import Outcome

CONFIDENCE = 0.95
WORST, WORST_LEAST = 5, 20


def evidence(  # noqa: PLR0917  # the arrays of a prediction file, in its order
    logits: Any,
    label: Any,
    record: Any,
    patient: Any,
    sample: Any,
    reference_logits: Any,
    *,
    outcome: Outcome,
    records: Sequence[str],
    patients: Sequence[str],
    rate: float | None = None,
    seconds: Mapping[str, float] | None = None,
    replicates: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Everything the clinical gates and the report ask about one deployment, ready for `evidence.json`.

    `logits` and `reference_logits` are `(window, class)`, the other arrays `(window,)`: `label` indexes the classes of
    `outcome` (-1: unscored), `record` indexes `records`, `patient` indexes `patients`, `sample` says when it is, in
    samples of the recording. `seconds` gives the duration of every record; without it, a record lasts from its first to
    its last window, at `rate` samples per second of the recording (not of the windows); with neither, there are no
    false calls per hour. What does not exist is None. RefusedError on unfit arrays.
    """
    windows = {"label": label, "record": record, "patient": patient, "sample": sample, "outcome": outcome}
    candidate = Predictions.of(logits=logits, **windows)
    reference = Predictions.of(logits=reference_logits, **windows)
    _check_names(candidate, records, patients)
    table = counts.tables(candidate, candidate.patient, len(patients))
    before = counts.tables(reference, reference.patient, len(patients))
    weights = _weights(table, replicates, seed)
    here = table.sum((1, 2)) > 0
    names = [name for name, present in zip(patients, here, strict=True) if present]
    present, previous = table[here], before[here]
    pooled, classes, macro = present.sum(0), outcome.classes, outcome.macro.classes
    lasting = hours(candidate, records, patients, rate, seconds)
    figures = {
        "outcome": outcome.model_dump(mode="json"),
        "tables": _by_record(candidate, records),
        "gross": {name: _gross(present, outcome, name, names, weights) for name in classes},
        "average": {name: _average(present, outcome, name, weights) for name in classes},
        "macro_f1": counts.macro_f1(pooled, outcome, macro),
        "macro_f1_classes": list(macro),
        "macro_f1_all_classes": counts.macro_f1(pooled, outcome, classes),
        "accuracy": counts.accuracy(pooled),
        "flips": flips(candidate, reference, patients),
        "false_calls": {name: false_calls(present, outcome, name, names, lasting) for name in classes},
        "patients": _by_patient(present, previous, outcome, names),
        "worst_patients": {name: worst_patients(present, previous, outcome, name, names) for name in classes},
        "calibration": {"candidate": calibration(candidate), "reference": calibration(reference)},
        "statistics": {
            "interval": "logit-t over patient resamples, P - 1 degrees of freedom, never narrower than Wilson",
            "confidence": CONFIDENCE,
            "replicates": replicates,
            "seed": seed,
            "patients": len(names),
            "units": int(candidate.scored.sum()),
            "unscored": int((~candidate.scored).sum()),
            "average_least": LEAST_UNITS,
        },
    }
    return dict(plain(figures))


def hours(
    of: Predictions,
    records: Sequence[str],
    patients: Sequence[str],
    rate: float | None = None,
    seconds: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Recorded hours per patient: the given seconds, or the span from first to last window of each record at `rate`."""
    if seconds is None and rate is None:
        return {}
    total: dict[str, float] = {}
    for index in np.unique(of.record).tolist():
        where = of.record == index
        owner = patients[int(of.patient[where][0])]
        span = seconds[records[index]] if seconds is not None else float(np.ptp(of.sample[where])) / (rate or 1)
        total[owner] = total.get(owner, 0.0) + span / 3600
    return total


def false_calls(
    table: Ints, outcome: Outcome, name: str, patients: Sequence[str], hours: Mapping[str, float]
) -> dict[str, Any]:
    """False calls of class `name` per hour and patient (answers that +P counts as wrong), with median and maximum.

    Worked: 3 false B calls in half an hour are 6 per hour.
    """
    hits, answers = counts.predictivity(table, outcome, name)
    per_hour = {
        patient: float(wrong) / hours[patient]
        for patient, wrong in zip(patients, answers - hits, strict=True)
        if hours.get(patient, 0) > 0
    }
    if not per_hour:
        return {"median": None, "max": None, "max_patient": None, "per_hour": {}}
    worst = max(per_hour, key=lambda patient: per_hour[patient])
    return {
        "median": float(np.median(list(per_hour.values()))),
        "max": per_hour[worst],
        "max_patient": worst,
        "per_hour": per_hour,
    }


def worst_patients(
    table: Ints, before: Ints, outcome: Outcome, name: str, patients: Sequence[str]
) -> list[dict[str, Any]]:
    """The patients with enough units of the class whose sensitivity fell most against the reference, worst first."""
    hits, events = counts.sensitivity(table, outcome, name)
    reference_hits, _ = counts.sensitivity(before, outcome, name)
    now, then = counts.ratio(hits, events), counts.ratio(reference_hits, events)
    order = [i for i in np.argsort(now - then, kind="stable").tolist() if events[i] >= WORST_LEAST]
    return [
        {
            "patient": patients[i],
            "events": int(events[i]),
            "sensitivity": float(now[i]),
            "reference_sensitivity": float(then[i]),
            "change": float(now[i] - then[i]),
        }
        for i in order[:WORST]
    ]


def plain(value: Any) -> Any:
    """The same as JSON holds it: plain numbers, None for NaN."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value


def _check_names(of: Predictions, records: Sequence[str], patients: Sequence[str]) -> None:
    if not len(of.label):
        raise RefusedError("the test split holds no window; prepare it again")
    for what, index, names in (("record", of.record, records), ("patient", of.patient, patients)):
        if index.min() < 0 or index.max() >= len(names):
            raise RefusedError(
                f"{what} indices reach from {index.min()} to {index.max()} but there are {len(names)} names; "
                "prepare the test split again"
            )
    owners = np.unique(np.stack([of.record, of.patient]), axis=1)[0]
    if len(owners) != len(np.unique(owners)):
        raise RefusedError("a record belongs to two patients; prepare the test split again")


def _weights(table: Ints, replicates: int, seed: int) -> Floats:
    return intervals.resamples(int((table.sum((1, 2)) > 0).sum()), replicates, seed)


def _by_record(of: Predictions, records: Sequence[str]) -> dict[str, Any]:
    table = counts.tables(of, of.record, len(records))
    return {records[index]: table[index] for index in np.unique(of.record).tolist()}


def _gross(table: Ints, outcome: Outcome, name: str, patients: Sequence[str], weights: Floats) -> dict[str, Any]:
    events = counts.sensitivity(table, outcome, name)[1]
    metrics = {
        "sensitivity": counts.sensitivity(table, outcome, name),
        "predictivity": counts.predictivity(table, outcome, name),
        "specificity": _specificity(table, outcome, name),
    }
    largest = int(events.argmax())
    return {
        **{metric: float(counts.ratio(hits.sum(), total.sum())) for metric, (hits, total) in metrics.items()},
        "f1": float(counts.f1(table.sum(0), outcome, name)),
        "events": int(events.sum()),
        "patients": int((events > 0).sum()),
        "effective_patients": intervals.effective(events),
        "largest_patient": {
            "patient": patients[largest] if events.any() else None,
            "share": float(counts.ratio(events[largest], events.sum())),
        },
        "intervals": {
            metric: intervals.gross(*pair, weights, CONFIDENCE)._asdict() for metric, pair in metrics.items()
        },
        "cautious": {
            metric: intervals.gross(*pair, weights, CONFIDENCE, intervals.effective(pair[1]))._asdict()
            for metric, pair in metrics.items()
        },
        "naive": {
            metric: intervals.wilson(int(hits.sum()), int(total.sum()), CONFIDENCE)._asdict()
            for metric, (hits, total) in metrics.items()
        },
        "leave_one_patient_out": {metric: _leave_one_out(*pair) for metric, pair in metrics.items()},
    }


def _specificity(table: Ints, outcome: Outcome, name: str) -> tuple[Ints, Ints]:
    """Units of other classes that are not called `name`; rows that are neither for it are left out."""
    index, rows = outcome.index(name), counts.counted(outcome, name)
    rows[index] = False
    others = table[..., rows, :]
    return others.sum((-1, -2)) - others[..., index].sum(-1), others.sum((-1, -2))


def _leave_one_out(hits: Ints, total: Ints) -> dict[str, float]:
    shares = counts.ratio(hits.sum() - hits, total.sum() - total)
    known = shares[~np.isnan(shares)]
    return {"low": float(known.min()), "high": float(known.max())} if len(known) else intervals.NOTHING._asdict()


def _average(table: Ints, outcome: Outcome, name: str, weights: Floats) -> dict[str, Any]:
    hits, events = counts.sensitivity(table, outcome, name)
    right, answers = counts.predictivity(table, outcome, name)
    chosen = events >= LEAST_UNITS
    called = np.where(chosen, answers, 0)  # a patient without any call of the class has no +P
    return {
        "patients": int(chosen.sum()),
        "sensitivity": _mean(hits, events, chosen),
        "predictivity": _mean(right, answers, chosen & (answers > 0)),
        "intervals": {
            "sensitivity": intervals.average(hits, events, weights, LEAST_UNITS, CONFIDENCE)._asdict(),
            "predictivity": intervals.average(right, called, weights, 1, CONFIDENCE)._asdict(),
        },
    }


def _mean(hits: Ints, total: Ints, chosen: Any) -> float:
    return float(counts.ratio(hits[chosen], total[chosen]).mean()) if chosen.any() else float("nan")


def _by_patient(table: Ints, before: Ints, outcome: Outcome, patients: Sequence[str]) -> dict[str, Any]:
    figures: dict[str, Any] = {patient: {} for patient in patients}
    for name in outcome.classes:
        hits, events = counts.sensitivity(table, outcome, name)
        reference_hits, _ = counts.sensitivity(before, outcome, name)
        now, then = counts.ratio(hits, events), counts.ratio(reference_hits, events)
        precise = counts.ratio(*counts.predictivity(table, outcome, name))
        for i, patient in enumerate(patients):
            figures[patient][name] = {
                "events": int(events[i]),
                "sensitivity": now[i],
                "reference_sensitivity": then[i],
                "predictivity": precise[i],
            }
    return figures
