"""What ECG recordings with annotated beats must hold, beside what holds of any recording."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pydantic

from bedside.datasets.recording import Annotations, Header
from bedside.params import ClassName, Share
from bedside.quality.expectations import Rule
from bedside.quality.recordings import RecordingsSuite
from bedside.tasks.ecg_beats.aami import BEATS, CLASSES, NOT_BEATS, SYMBOLS, UNCLASSIFIED
from bedside.tasks.ecg_beats.outcome import OUTCOME

PLAUSIBLE_S = (0.2, 3.0)  # intervals between beats outside this are missed or doubled beats


def _rising(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError(f"the lower limit {limits[0]:g} is above the upper one {limits[1]:g}, so nothing could pass")
    return limits


Range = Annotated[tuple[pydantic.NonNegativeFloat, pydantic.PositiveFloat], pydantic.AfterValidator(_rising)]


class Recordings(RecordingsSuite):
    """The size of a heart beat in mV, how many of them a minute, and how many of each class there must be."""

    kind: Literal["recordings"] = "recordings"
    amplitude_mv: Range = (0.1, 10.0)
    beats_per_minute: Range = (20.0, 250.0)
    max_implausible_intervals: Share = 0.05
    min_beats: dict[ClassName, pydantic.NonNegativeInt] = pydantic.Field(default=dict.fromkeys(CLASSES, 1))

    def annotated(self, header: Header, annotations: Annotations) -> dict[str, Any]:
        return beats(header, annotations)

    def own_rules(self) -> list[Rule]:
        return [
            Rule("amplitude_mv", "a heart beat has this size in mV", *self.amplitude_mv),
            Rule("beats", "a rhythm is between beats", low=2),
            Rule("beats_per_minute", "a heart beats at this rate", *self.beats_per_minute),
            Rule("implausible_intervals", "beats are missed or doubled", 0, self.max_implausible_intervals),
            Rule("beats_outside", "annotations belong to this signal", 0, 0),
            Rule("unknown_symbols", "every annotation must be known to the task", allowed=("",)),
        ]

    def totals(self, accepted: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {f"beats_{name}": sum(r[f"beats_{name}"] for r in accepted) for name in self.min_beats}

    def total_rules(self) -> list[Rule]:
        return [Rule(f"beats_{name}", f"class {name} must be present", low=n) for name, n in self.min_beats.items()]


def beats(header: Header, annotations: Annotations) -> dict[str, Any]:
    """How many beats there are, of each class too, at which intervals, and which symbols nobody knows."""
    symbols = annotations.symbol.tolist()
    samples = annotations.sample[[symbol in BEATS for symbol in symbols]]
    intervals = np.diff(samples) / header.rate
    implausible = (intervals < PLAUSIBLE_S[0]) | (intervals > PLAUSIBLE_S[1])
    counts = {
        f"beats_{name}": sum(symbol in SYMBOLS[label] for symbol in symbols)
        for label, name in [*enumerate(CLASSES), (UNCLASSIFIED, OUTCOME.unscored.name)]
    }
    return {
        "beats": len(samples),
        **counts,
        "beats_per_minute": float(60 * len(samples) / (header.samples / header.rate)),
        "implausible_intervals": float(implausible.mean()) if len(intervals) else 1.0,
        "beats_outside": int((samples >= header.samples).sum()),
        "unknown_symbols": " ".join(sorted(set(symbols) - BEATS.keys() - NOT_BEATS)),
    }
