"""Annotation files in MIT format: https://wfdb.io/spec, page annotation-files."""

from pathlib import Path

import numpy as np

from bedside.datasets.recording import Annotations, RecordingError

_SKIP, _NUM, _SUB, _CHN, _AUX = 59, 60, 61, 62, 63
# Annotation codes 0 to 41 of the MIT format; a space has no symbol, and no code above 41 has one either.
SYMBOLS = ' NLRaVFJASEj/Q~ | sT*D"=pB^t+u?![]en@xf()r'


def read_annotations(file: Path) -> Annotations:
    """Read an annotation file to its end mark; a file that is cut, goes on or goes back in time is a `RecordingError`.

    Nothing after the end mark is read by anybody: beats that lie there were hidden by a damaged word before them.
    """
    raw = file.read_bytes()
    words: list[int] = np.frombuffer(raw[: len(raw) // 2 * 2], dtype="<u2").tolist()
    samples, codes, time, position = [], [], 0, 0
    while position < len(words) and words[position] != 0:
        code, interval = words[position] >> 10, words[position] & 0x3FF
        position += 1
        if code == _SKIP:
            high, low = [*words[position : position + 2], 0, 0][:2]  # too few of them: the end mark is missing too
            skipped = high << 16 | low
            time += skipped - (1 << 32) * (skipped >> 31)
            position += 2
        elif code == _AUX:
            position += (interval + 1) // 2
        elif code not in (_NUM, _SUB, _CHN):
            time += interval
            samples.append(time)
            codes.append(code)
    if position >= len(words):
        raise RecordingError(f"{file.name}: ends without its end mark; truncated")
    if any(words[position:]):
        raise RecordingError(f"{file.name}: goes on after its end mark; damaged, or two files in one")
    _expect_rising(file, samples)
    symbols = [SYMBOLS[c] if c < len(SYMBOLS) and SYMBOLS[c] != " " else f"<{c}>" for c in codes]
    return Annotations(np.array(samples, dtype=np.int64), np.array(symbols, dtype=np.str_))


def _expect_rising(file: Path, samples: list[int]) -> None:
    """Two annotations may stand at one time; none may stand before the one that it follows, or before the signal."""
    for before, after in zip([0, *samples], samples, strict=False):
        if after < before:
            raise RecordingError(f"{file.name}: an annotation at sample {after} follows one at {before}; damaged")
