"""EDF and EDF+ files, read by pyEDFlib; kept as WFDB format 16, so that everything after reads one format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray
from tqdm import tqdm

from bedside.artifacts import sha256, write_json
from bedside.datasets.base import Name, Row, Source
from bedside.datasets.conversion import write_signals
from bedside.datasets.layouts import SIGNALS, Layout
from bedside.datasets.people_of_records import SubjectPattern, subject_of
from bedside.datasets.reading import read
from bedside.datasets.recording import MILLIVOLTS, MOST_VALUES, RecordingError
from bedside.datasets.tables.files import Sha256, digest_of, found, objection
from bedside.datasets.tables.records import about
from bedside.errors import RefusedError

LOWEST = -(2**15) + 1  # below it lies WFDB's mark of a missing sample, which EDF does not have


class Edf(Source):
    """The EDF file, or all of a folder, at `path` (relative to the project); a record is called as its file.

    `channels` are the labels of those that are kept, which every file must have, in volts of any size and of one rate;
    `rate` in Hz is what that must be, if one is named. `subject` is a regular expression that finds the subject in the
    record's name, in its group if it has one; none named: every record is a subject. `sha256` is the file's digest, or
    that of the folder, which a refusal without it prints.
    """

    kind: Literal["edf"] = "edf"
    layout: ClassVar[Layout] = SIGNALS

    path: str = pydantic.Field(min_length=1)
    sha256: Sha256 | None = None
    name: Name
    channels: tuple[str, ...] = pydantic.Field(min_length=1)
    rate: pydantic.PositiveFloat | None = None
    subject: SubjectPattern | None = None

    @property
    def label(self) -> str:
        return f"{self.name}-{(self.sha256 or 'unstated')[:12]}"

    def objections(self) -> list[str]:
        """A digest that is missing or another, or a path where nothing lies; what ingest would refuse."""
        try:
            told = objection(self.path, found(self.path, ".edf"), self.sha256)
        except RefusedError as error:
            return [str(error)]
        return [told] if told else []

    def fetch(self, folder: Path) -> dict[str, str]:
        for told in self.objections():
            raise RefusedError(f"source.{told}")
        files = found(self.path, ".edf")
        reasons = {}
        for file in tqdm(files, desc=self.path, unit="record"):
            try:
                self._keep(file, folder)
            except RecordingError as error:
                reasons[file.stem] = str(error)
        if digest_of(files) != self.sha256:
            raise RefusedError(f"source.path: {self.path} changed while it was read; run the stage again")
        return reasons

    def describe(self, folder: Path, record: str) -> Row:
        recording = read(folder, {"record": record, "annotated": False})
        if problems := recording.problems():
            raise RecordingError("; ".join(problems))
        return {
            "record": record,
            "patient": self.patient(record),
            "annotated": False,
            "fs": recording.header.rate,
            "leads": list(self.channels),
            "samples": recording.header.samples,
            "original_sha256": about(folder, record)["original_sha256"],
        }

    def patient(self, record: str) -> str:
        who = subject_of(record, self.subject)
        if who is None:
            raise RecordingError(f"{record}: source.subject finds no subject in its name")
        return who

    def _keep(self, file: Path, folder: Path) -> None:
        made = _read(file, self.channels)
        if self.rate is not None and made.rate != self.rate:
            raise RecordingError(f"{file.name}: its rate is {made.rate:g} Hz, not {self.rate:g}")
        write_signals(
            folder,
            file.stem,
            made.digital,
            rate=made.rate,
            names=self.channels,
            units=made.units,
            gain=made.gain,
            baseline=made.baseline,  # rounded to a step of the converter
            resolution=[16] * len(self.channels),
            zero=[0] * len(self.channels),
        )
        told = {"annotations": made.annotations, "original_sha256": sha256(file)}
        write_json(folder / f"{file.stem}.json", told)


@dataclass(frozen=True)
class _Signals:
    """Digital values (sample, channel); gain in steps per unit and the value of zero (channel,); annotations as
    `[onset, duration, text]` in s.
    """

    rate: float
    digital: NDArray[np.int64]
    gain: list[float]
    baseline: list[int]
    units: list[str]
    annotations: list[list[Any]]


def _read(file: Path, channels: tuple[str, ...]) -> _Signals:
    pyedflib = _library()
    try:
        with pyedflib.EdfReader(str(file)) as opened:
            return _signals(file, opened, channels)
    except RecordingError:
        raise
    except Exception as error:  # damage of any kind is damage of this file alone
        what = " ".join(str(error).replace(str(file), "").split()).lstrip(": ")
        raise RecordingError(f"{file.name}: cannot be read as EDF ({what or type(error).__name__})") from None


def _library() -> Any:
    try:
        import pyedflib
    except ModuleNotFoundError:
        raise RefusedError(
            "EDF files are read by pyEDFlib, which is not installed: pip install 'bedside[edf]'"
        ) from None
    return pyedflib


def _signals(file: Path, opened: Any, channels: tuple[str, ...]) -> _Signals:
    places = [_place(file, [text.strip() for text in opened.getSignalLabels()], channel) for channel in channels]
    headers = [opened.getSignalHeader(place) for place in places]
    rates = {float(opened.getSampleFrequency(place)) for place in places}
    if len(rates) > 1:
        raise RecordingError(f"{file.name}: its channels are of {len(rates)} rates; name channels of one")
    if max(opened.getNSamples()) * len(places) > MOST_VALUES:
        raise RecordingError(
            f"{file.name}: holds more than the {MOST_VALUES:,} values that are read; cut it into parts"
        )
    digital = np.stack([opened.readSignal(place, digital=True) for place in places], axis=1).astype(np.int64)
    for channel, header, column in zip(channels, headers, digital.T, strict=True):
        _expect_life(file, channel, header, column)
    gains = [_gain(header) for header in headers]
    return _Signals(
        rate=rates.pop(),
        digital=np.maximum(digital, LOWEST),
        gain=gains,
        baseline=[round(h["digital_min"] - h["physical_min"] * g) for h, g in zip(headers, gains, strict=True)],
        units=[header["dimension"].strip() for header in headers],
        annotations=[
            [float(on), _lasting(for_), str(text)] for on, for_, text in zip(*opened.readAnnotations(), strict=True)
        ],
    )


def _place(file: Path, labels: list[str], channel: str) -> int:
    if (there := labels.count(channel)) != 1:
        what = "no channel" if not there else f"{there} channels"
        raise RecordingError(f"{file.name}: {what} {channel!r} among its {len(labels)}")
    return labels.index(channel)


def _expect_life(file: Path, channel: str, header: Any, digital: NDArray[np.int64]) -> None:
    if header["dimension"].strip() not in MILLIVOLTS:
        raise RecordingError(f"{file.name}: {channel}: its unit is none of voltage; known: {', '.join(MILLIVOLTS)}")
    if not header["physical_max"] > header["physical_min"] or not header["digital_max"] > header["digital_min"]:
        raise RecordingError(f"{file.name}: {channel}: its header gives it no scale")
    if not len(digital) or np.ptp(digital) == 0:
        raise RecordingError(f"{file.name}: {channel} is dead: it has one value throughout")


def _gain(header: Any) -> float:
    span = header["physical_max"] - header["physical_min"]
    return float((header["digital_max"] - header["digital_min"]) / span)


def _lasting(duration: Any) -> float:
    """Seconds; 0 where the file does not say how long."""
    return max(0.0, float(duration))
