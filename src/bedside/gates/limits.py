"""The gates as data: `params.yaml:gates` and `params.yaml:budgets`, refused with their path when malformed.

No number has a default here: what decides is written in params.yaml, where a diff shows it (docs/clinical-gates.md
explains each one and gives the proposal).
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from bedside.outcome import Outcome
from bedside.params import ClassName, Params, Seed

LEAST_REPLICATES = 200  # with a few resamples of the patients a bound is luck
Floor = Annotated[float, Field(gt=0, lt=1)]
Tolerance = Annotated[float, Field(gt=0, le=0.2)]
Confidence = Annotated[float, Field(ge=0.9, lt=1)]


class Claim(Params):
    """A class that the intended use names; without `required`, it may leave the intended use instead of failing."""

    required: bool


class SplitIntegrity(Params):
    """G1: how many patients, records and windows the splits may share (none), and the least number of test patients."""

    shared: Annotated[int, Field(ge=0, le=0)]
    test_patients: Annotated[int, Field(ge=2)]


class EnoughEvidence(Params):
    """G2: the least number of test patients with the class and of its units before a class may be claimed."""

    patients: Annotated[int, Field(ge=2)]
    events: Annotated[int, Field(ge=1)]


class SensitivityFloor(Params):
    """G3 for one class: floors for the gross sensitivity and for the lower bound of its interval."""

    gross: Floor
    lower: Floor

    @model_validator(mode="after")
    def _not_inverted(self) -> "SensitivityFloor":
        if self.lower > self.gross:
            raise ValueError(f"inverted: the lower bound's floor {self.lower} is above the gross floor {self.gross}")
        return self


class Sensitivity(Params):
    """G3: sensitivity floors per class, and the least share of the background class that must stay so.

    A task without such a class says `normal_specificity: null`.

    `interval` says which lower bound counts: `patients` (P - 1 degrees of freedom) or `effective` (cautious where a few
    patients hold most of the units).
    """

    interval: Literal["patients", "effective"]
    floors: dict[ClassName, SensitivityFloor]
    normal_specificity: Floor | None


class Predictivity(Params):
    """G4: positive predictivity floors per class."""

    floors: dict[ClassName, Floor]


class NonInferiority(Params):
    """G5: how much worse than a baseline the true sensitivity and +P may be, and with which confidence."""

    delta: dict[ClassName, Tolerance]
    gross_confidence: Confidence
    average_confidence: Confidence
    macro_f1_ratio: Annotated[float, Field(ge=0.8, le=1)]
    macro_f1_classes: Annotated[list[ClassName], Field(min_length=1)]
    replicates: Annotated[int, Field(ge=LEAST_REPLICATES, le=100_000)]
    seed: Seed


class HarmfulFlips(Params):
    """G7: the largest share of units that may turn from right to wrong: per class, over all, in any patient."""

    classes: dict[ClassName, Tolerance]
    all: Tolerance
    patient: Annotated[float, Field(gt=0, le=0.5)]

    @model_validator(mode="after")
    def _not_inverted(self) -> "HarmfulFlips":
        if self.patient < self.all:
            raise ValueError(f"inverted: the limit for one patient {self.patient} is below the one for all {self.all}")
        return self


class WorstPatient(Params):
    """G8: how far a class's sensitivity may fall in any patient with at least `events` units of it."""

    events: Annotated[int, Field(ge=1)]
    fall: dict[ClassName, Annotated[float, Field(gt=0, le=0.5)]]


class Parity(Params):
    """G14: how far an fp32 graph may be from the trained network."""

    max_logit_difference: Annotated[float, Field(gt=0, le=1e-2)]
    label_changes: Annotated[int, Field(ge=0)]


class WithinBudget(Params):
    """G15: which figures count against the budget; emulated and estimated ones do not."""

    provenance: Literal["measured"]


class NoSlower(Params):
    """G19: which figures count; how much slower a graph may be is the target's to say."""

    provenance: Literal["measured"]


class Budget(Params):
    """What a target allows a graph to cost.

    `slower`: 0.1 allows integers 1.1 times their float parent's time. `cheaper`: 0.1 asks of two networks that answer
    as one to save a tenth of the second's.
    """

    size_bytes: Annotated[int, Field(gt=0)]
    p99_ms: Annotated[float, Field(gt=0)]
    peak_rss_mb: Annotated[float, Field(gt=0)]
    slower: Annotated[float, Field(ge=0)]
    cheaper: Annotated[float, Field(lt=1)]


class Gates(Params):
    """All gates; every one must be given, and must have a number for every class that is claimed."""

    classes: Annotated[dict[ClassName, Claim], Field(min_length=1)]
    G1: SplitIntegrity
    G2: EnoughEvidence
    G3: Sensitivity
    G4: Predictivity
    G5: NonInferiority
    G7: HarmfulFlips
    G8: WorstPatient
    G14: Parity
    G15: WithinBudget
    G19: NoSlower

    @model_validator(mode="after")
    def _complete(self) -> "Gates":
        if not any(claim.required for claim in self.classes.values()):
            raise ValueError("classes: none is required, so nothing could fail; set `required: true` for one")
        per_class: dict[str, Mapping[str, object]] = {
            "G3.floors": self.G3.floors,
            "G4.floors": self.G4.floors,
            "G5.delta": self.G5.delta,
            "G7.classes": self.G7.classes,
        }
        for name in self.classes:
            for path, numbers in per_class.items():
                if name not in numbers:
                    raise ValueError(f"{path}: no number for class {name!r}, which `classes` names; give it one")
            if self.classes[name].required and name not in self.G8.fall:
                raise ValueError(f"G8.fall: no number for class {name!r}, which is required; give it one")
        per_class["G8.fall"] = self.G8.fall
        for path, numbers in per_class.items():
            if unknown := sorted(set(numbers) - set(self.classes)):
                raise ValueError(f"{path}: {', '.join(unknown)} not in `classes`: {', '.join(self.classes)}")
        return self

    def about_background(self, outcome: Outcome) -> str | None:
        """Why G3 cannot ask this task what it asks about the class in which nothing happens; None if it can."""
        asked, background = self.G3.normal_specificity, outcome.background
        if asked is not None and background is None:
            return "G3.normal_specificity asks about a background class, and the task names none: set it to null"
        if asked is None and background is not None:
            return f"G3.normal_specificity: no number, and class {background!r} is the task's background: give it one"
        return None

    @property
    def digest(self) -> str:
        """sha256 of the canonical JSON of the whole definition."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
