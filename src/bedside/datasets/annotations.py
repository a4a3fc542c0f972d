"""Annotation files in MIT format: https://wfdb.io/spec, page annotation-files."""

from array import array
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bedside.datasets.recording import Annotations, RecordingError, contents

_SKIP, _NUM, _SUB, _CHN, _AUX = 59, 60, 61, 62, 63
# Annotation codes 0 to 41 of the MIT format; a space has no symbol, and no code above 41 has one either.
SYMBOLS = ' NLRaVFJASEj/Q~ | sT*D"=pB^t+u?![]en@xf()r'
NAMES = np.array([s if s != " " else f"<{c}>" for c, s in enumerate(SYMBOLS)] + [f"<{c}>" for c in range(42, 64)])
BEATS = np.isin(NAMES, list("NLRaVFJASEj/QBenfr?"))  # (code,): a contraction of the heart, which has one time


def read_annotations(file: Path) -> Annotations:
    """Read an annotation file to its end mark; a file that is cut, goes on or goes back in time is a `RecordingError`.

    Nothing after the end mark is read by anybody: beats that lie there were hidden by a damaged word before them.
    """
    samples, codes = _decoded(file.name, np.frombuffer(_whole_words(contents(file)), dtype="<u2"))
    _expect_rising(file, samples, codes)
    return Annotations(samples, NAMES[codes])


def _whole_words(raw: bytes) -> bytes:
    return raw[: len(raw) // 2 * 2]


def _decoded(name: str, words: NDArray[np.uint16]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Sample and code of each annotation (annotation,), in the file's order."""
    samples, codes, time, position, end = array("q"), array("B"), 0, 0, len(words)
    word = words.astype(np.uint16).data  # read in place: a list of Python's numbers takes twenty times the file
    while position < end and word[position] != 0:
        code, interval = word[position] >> 10, word[position] & 0x3FF
        position += 1
        if code == _SKIP:
            high, low = [*word[position : position + 2], 0, 0][:2]  # too few of them: the end mark is missing too
            skipped = high << 16 | low
            time += skipped - (1 << 32) * (skipped >> 31)
            position += 2
        elif code == _AUX:
            position += (interval + 1) // 2
        elif code not in (_NUM, _SUB, _CHN):
            time += interval
            samples.append(time)
            codes.append(code)
    if position >= end:
        raise RecordingError(f"{name}: ends without its end mark; truncated")
    if words[position:].any():
        raise RecordingError(f"{name}: goes on after its end mark; damaged, or two files in one")
    return np.array(samples, dtype=np.int64), np.array(codes, dtype=np.uint8)


def _expect_rising(file: Path, samples: NDArray[np.int64], codes: NDArray[np.uint8]) -> None:
    """Times rise, from 0 on; a mark may stand at the time of a beat, and never one beat at the time of another."""
    before = np.concatenate([[0], samples])[:-1]
    if len(back := np.flatnonzero(samples < before)):
        first = back[0]
        raise RecordingError(
            f"{file.name}: an annotation at sample {samples[first]} follows one at {before[first]}; damaged"
        )
    beats = samples[BEATS[codes]]
    if len(twice := np.flatnonzero(np.diff(beats) == 0)):
        raise RecordingError(f"{file.name}: two beats at sample {beats[twice[0]]}; damaged, or two annotators in one")
