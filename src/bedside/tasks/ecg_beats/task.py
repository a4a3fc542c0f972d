"""Heart beats of one ECG lead into the AAMI classes N, S, V and F (ANSI/AAMI EC57)."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from bedside.datasets.annotations import read_annotations
from bedside.datasets.base import Source
from bedside.datasets.inputs import Shapes
from bedside.datasets.reading import Entry, read
from bedside.datasets.recording import Annotations, Header, millivolts, shown
from bedside.errors import RefusedError
from bedside.outcome import Outcome
from bedside.plugins import Choice
from bedside.signals.beats import against_template, cut, normalize
from bedside.signals.filters import highpass, resample, unreachable
from bedside.signals.rhythm import FEATURES, rhythm
from bedside.tasks.base import RecordWindows, Task, joined
from bedside.tasks.ecg_beats.aami import BEATS, NOT_BEATS, PACEMAKER
from bedside.tasks.ecg_beats.de_chazal import DeChazal
from bedside.tasks.ecg_beats.outcome import OUTCOME
from bedside.tasks.proof import window_digests
from bedside.tasks.splits.base import Split

Ints = NDArray[np.int64]


class EcgArrhythmia(Task):
    """Windows from `window_before_s` before to `window_after_s` after each annotated R peak of `lead`, at `rate` Hz.

    Channel 0 is the beat on the scale of the last `template_beats` beats, channel 1 its difference from the typical
    beat among them. A decision waits for the next beat, whose interval is a rhythm feature, and for the window's end,
    whichever is later. Training patients may give windows of all their leads, which teaches what every view of a beat
    has in common; all others give windows of `lead` alone.
    """

    kind: Literal["ecg-arrhythmia"] = "ecg-arrhythmia"
    lead: str = "MLII"
    rate: float = pydantic.Field(default=120.0, gt=0)
    window_before_s: float = pydantic.Field(default=0.45, gt=0, le=10)
    window_after_s: float = pydantic.Field(default=0.55, gt=0, le=10)
    template_beats: int = pydantic.Field(default=128, ge=1)
    train_on_every_lead: bool = True
    split: Choice[Split] = DeChazal()

    @pydantic.model_validator(mode="after")
    def _has_samples(self) -> Self:
        for name in ("window_before_s", "window_after_s"):
            if round(getattr(self, name) * self.rate) < 1:
                raise ValueError(f"{name}: {getattr(self, name):g} s at {self.rate:g} Hz is not one sample; widen it")
        return self

    def windows(self, folder: Path, entry: Entry, training: bool) -> RecordWindows:
        """Every beat of one recording, in time order, with what a device could know when it decides."""
        recording = read(folder, entry)
        header = recording.header
        leads = [header.index(self.lead)]
        if training and self.train_on_every_lead:
            leads += [index for index in range(len(header.leads)) if index not in leads]
        peaks, label = _labelled_beats(header.record, recording.annotations)
        return joined([self._lead(header, recording.signal[:, lead], lead, peaks, label) for lead in leads])

    def left_out(self, folder: Path, entries: Iterable[Entry]) -> Mapping[str, str]:
        """Paced recordings, found by their beats, and those of a rate that no filter brings to the task's."""
        return {str(entry["record"]): why for entry in entries if (why := self._unfit(folder, entry))}

    def _unfit(self, folder: Path, entry: Entry) -> str | None:
        if PACEMAKER & set(read_annotations(folder / f"{entry['record']}.atr").symbol.tolist()):
            return "paced (excluded by AAMI EC57)"
        return unreachable(entry["fs"], self.rate) if "fs" in entry else None

    def shapes(self, source: Source) -> Shapes:
        del source  # every recording comes to this rate
        samples = sum(round(span * self.rate) for span in (self.window_before_s, self.window_after_s))
        return {"signal": (2, samples), "rhythm": (len(FEATURES),)}

    def objections(self, source: Source) -> list[str]:
        rate = getattr(source, "rate", None)  # a source may have none, or one of each recording's own
        why = unreachable(rate, self.rate) if rate else None
        return [*([f"rate: {why}"] if why else []), *super().objections(source)]

    def _lead(self, header: Header, adc: NDArray[np.int16], lead: int, peaks: Ints, label: Ints) -> RecordWindows:
        signal = resample(highpass(millivolts(adc, header.leads[lead]), header.rate), header.rate, self.rate)
        if not np.isfinite(signal).all():
            name = f"{header.record}: {shown(lead, header.leads[lead])}"
            raise RefusedError(f"{name} has missing samples; validate must quarantine it before prepare")
        at = np.round(peaks * (self.rate / header.rate)).astype(np.int64)
        beats = cut(signal, at, round(self.window_before_s * self.rate), round(self.window_after_s * self.rate))
        half_second = round(header.rate / 2)
        return RecordWindows(
            inputs={
                "signal": against_template(normalize(beats, self.template_beats), self.template_beats),
                "rhythm": rhythm(peaks / header.rate, self.template_beats),
            },
            label=label,
            sample=peaks,
            digests=window_digests(adc, peaks, half_second, half_second),
        )

    @property
    def outcome(self) -> Outcome:
        return OUTCOME

    def description(self) -> dict[str, Any]:
        return {
            "rhythm_features": list(FEATURES),
            "sampling_rate": self.rate,
            "decision_delay": "until the next beat, and at least until the window's end",
        }


def _labelled_beats(record: str, annotations: Annotations) -> tuple[Ints, Ints]:
    """Peaks and labels (beat,); a symbol that is neither a known beat nor a known mark is refused, never called N."""
    symbols = annotations.symbol.tolist()
    if unknown := sorted(set(symbols) - BEATS.keys() - NOT_BEATS):
        raise RefusedError(f"{record}: unknown annotation symbol {', '.join(unknown)}; validate must quarantine it")
    beat = np.array([symbol in BEATS for symbol in symbols], dtype=bool)
    if beat.sum() < 2:
        raise RefusedError(f"{record}: {beat.sum()} annotated beats are too few; validate must quarantine it")
    return annotations.sample[beat], np.array([BEATS[s] for s in symbols if s in BEATS], dtype=np.int64)
