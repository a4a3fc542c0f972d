"""Windows of fixed length of named channels, at one rate: their classes and the words for them are parameters."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from bedside.datasets.base import Source
from bedside.datasets.inputs import Shapes
from bedside.datasets.layouts import ANNOTATED, SIGNALS, Layout
from bedside.datasets.reading import Entry, read
from bedside.datasets.recording import Recording, millivolts
from bedside.params import ClassName
from bedside.signals.filters import highpass, resample, unreachable
from bedside.tasks.base import RecordWindows
from bedside.tasks.declared import Declared, Label, expect_classes
from bedside.tasks.epochs.labels import Table, by_annotation, by_name


class Epochs(Declared):
    """Epochs of `seconds`, one every `stride_seconds` (none named: end to end), of `channels` in mV at `rate` Hz.

    `highpass_hz` removes slow drift by a causal filter; null leaves it. One of these says what an epoch is:
    `by_record` (regular expressions for the record's name: class or null), `by_table` (a CSV with a row a record),
    `by_annotation` (texts of annotations in the file: class or null; an epoch without one is unscored).
    """

    kind: Literal["epochs"] = "epochs"
    reads: ClassVar[tuple[Layout, ...]] = (SIGNALS, ANNOTATED)

    channels: tuple[str, ...] = pydantic.Field(min_length=1)
    rate: pydantic.PositiveFloat
    seconds: pydantic.PositiveFloat
    stride_seconds: pydantic.PositiveFloat | None = None
    highpass_hz: pydantic.PositiveFloat | None = 0.5
    by_record: dict[str, ClassName | None] | None = pydantic.Field(default=None, min_length=1)
    by_table: Table | None = None
    by_annotation: dict[Label, ClassName | None] | None = pydantic.Field(default=None, min_length=1)

    @pydantic.model_validator(mode="after")
    def _is_labelled(self) -> Self:
        ways = {name: getattr(self, name) for name in ("by_record", "by_table", "by_annotation")}
        if len(chosen := [name for name, way in ways.items() if way is not None]) != 1:
            raise ValueError(f"one of {', '.join(ways)} says what an epoch is; here are {', '.join(chosen) or 'none'}")
        expect_classes(chosen[0], self.by_table.labels if self.by_table else ways[chosen[0]], self.decided)
        for pattern in self.by_record or ():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"by_record: {pattern!r} is no regular expression ({error})") from None
        if self._samples(self.stride_seconds or self.seconds) < 1 or self._samples(self.seconds) < 2:
            raise ValueError(f"seconds: an epoch of {self.seconds:g} s at {self.rate:g} Hz has no samples; widen it")
        return self

    def windows(self, folder: Path, entry: Entry, training: bool) -> RecordWindows:  # noqa: ARG002  # all alike
        recording = read(folder, entry)
        signal = np.stack([self._channel(recording, name) for name in self.channels])
        starts = np.arange(0, signal.shape[1] - self._samples(self.seconds) + 1, self._stride)
        record, scored = str(entry["record"]), self._told(folder, str(entry["record"]), starts)
        at = np.round(starts * (recording.header.rate / self.rate)).astype(np.int64)
        length = round(self.seconds * recording.header.rate)
        return RecordWindows(
            inputs={"signal": _cut(signal, starts, self._samples(self.seconds))},
            label=self.indices(record, len(starts), scored),
            sample=at,
            digests=_digests(recording.signal[:, self._columns(recording)], at, length),
        )

    def shapes(self, source: Source) -> Shapes:
        del source  # every recording comes to this rate
        return {"signal": (len(self.channels), self._samples(self.seconds))}

    def left_out(self, folder: Path, entries: Iterable[Entry]) -> Mapping[str, str]:  # noqa: ARG002
        """Recordings of a rate that no filter brings to the task's, and those that are shorter than an epoch."""
        return {str(entry["record"]): why for entry in entries if (why := self._unfit(entry))}

    def objections(self, source: Source) -> list[str]:
        rate = getattr(source, "rate", None)
        why = unreachable(rate, self.rate) if rate else None
        of_table = self.by_table.objections() if self.by_table else []
        return [*([f"rate: {why}"] if why else []), *of_table, *super().objections(source)]

    def description(self) -> dict[str, Any]:
        return {"sampling_rate": self.rate, "channels": list(self.channels), "epoch_seconds": self.seconds}

    @property
    def _stride(self) -> int:
        return self._samples(self.stride_seconds or self.seconds)

    def _samples(self, seconds: float) -> int:
        return round(seconds * self.rate)

    def _unfit(self, entry: Entry) -> str | None:
        if entry["samples"] / entry["fs"] < self.seconds:
            return f"shorter than an epoch of {self.seconds:g} s"
        return unreachable(entry["fs"], self.rate)

    def _columns(self, recording: Recording) -> list[int]:
        return [recording.header.index(name) for name in self.channels]

    def _channel(self, recording: Recording, name: str) -> NDArray[np.float32]:
        """(sample,) in mV at the task's rate."""
        header = recording.header
        column = header.index(name)
        signal = millivolts(recording.signal[:, column], header.leads[column])
        steady = signal if self.highpass_hz is None else highpass(signal, header.rate, self.highpass_hz)
        return resample(steady, header.rate, self.rate)

    def _told(self, folder: Path, record: str, starts: NDArray[np.int64]) -> Sequence[str | None]:
        if self.by_annotation is not None:
            middles = (starts / self.rate + self.seconds / 2).tolist()
            return by_annotation(folder, record, middles, self.by_annotation)
        name = by_name(record, self.by_record) if self.by_record is not None else self._in_table(record)
        return [name] * len(starts)

    def _in_table(self, record: str) -> str | None:
        assert self.by_table is not None  # or one of the others
        return self.by_table.of(record)


def _cut(signal: NDArray[np.float32], starts: NDArray[np.int64], length: int) -> NDArray[np.float32]:
    """Epochs (epoch, channel, sample) of (channel, sample)."""
    return np.ascontiguousarray(signal[:, starts[:, None] + np.arange(length)].transpose(1, 0, 2))


def _digests(signal: NDArray[np.int16], starts: NDArray[np.int64], length: int) -> frozenset[bytes]:
    """Digests of the steps between raw samples (sample, channel) in each epoch, before any filter."""
    windows = (np.diff(signal[start : start + length], axis=0).astype(np.int16) for start in starts.tolist())
    return frozenset(hashlib.blake2b(w.tobytes(), digest_size=16).digest() for w in windows if w.any())
