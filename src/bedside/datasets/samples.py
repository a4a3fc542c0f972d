"""Signal files in WFDB format, read with numpy alone: https://wfdb.io/spec, page signal-files."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bedside.datasets.recording import MOST_VALUES, Header, RecordingError, Samples

Bytes = NDArray[np.uint8]
BLOCK = 3 << 20  # bytes: whole samples of every format


@dataclass(frozen=True)
class Format:
    """How samples lie in a file: `bits` each, and `decode`, which gets whole bytes and returns ADC values."""

    bits: int
    decode: Callable[[Bytes], Samples]

    def size(self, values: int) -> int:
        """How many bytes hold so many values."""
        return (values * self.bits + 7) // 8


def read_signal(folder: Path, header: Header) -> Samples:
    """ADC values (sample, lead) of `<record>.dat`; its size must be what the header says, if it says one."""
    file = folder / f"{header.record}.dat"
    kind, leads = FORMATS[header.leads[0].format], len(header.leads)
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
    samples = header.samples or size * 8 // kind.bits // leads
    if size != (expected := kind.size(samples * leads)):
        raise RecordingError(f"{file.name}: {size} bytes, but its header promises {expected}; truncated or altered")
    if not samples:
        raise RecordingError(f"{file.name}: holds no samples")
    if samples * leads > MOST_VALUES:
        raise RecordingError(
            f"{file.name}: holds more than the {MOST_VALUES:,} values that are read; cut it into parts"
        )
    return _decoded(file, kind, samples * leads).reshape(samples, leads)


def _decoded(file: Path, kind: Format, values: int) -> Samples:
    """So many ADC values (value,), block by block: decoding takes several times the memory of what it makes."""
    decoded, done = np.empty(values, dtype=np.int16), 0
    with file.open("rb") as opened:
        while done < values and (block := opened.read(BLOCK)):
            part = kind.decode(np.frombuffer(block, dtype=np.uint8))[: values - done]
            decoded[done : done + len(part)] = part
            done += len(part)
    if done < values:
        raise RecordingError(f"{file.name}: became shorter while it was read")
    return decoded


def _unpack_212(raw: Bytes) -> Samples:
    """Two 12-bit two's complement values from every three bytes."""
    packed = np.zeros(-(-len(raw) // 3) * 3, dtype=np.int16)
    packed[: len(raw)] = raw
    low, middle, high = packed.reshape(-1, 3).T
    pairs = np.stack([low | (middle & 0x0F) << 8, high | (middle & 0xF0) << 4], axis=1).reshape(-1)
    return np.asarray(pairs - (pairs >> 11 << 12), dtype=np.int16)


def _offset_binary(raw: Bytes) -> Samples:
    return np.asarray(raw.view("<u2").astype(np.int32) - 32768, dtype=np.int16)


FORMATS = {
    "16": Format(16, lambda raw: raw.view("<i2").astype(np.int16)),
    "61": Format(16, lambda raw: raw.view(">i2").astype(np.int16)),
    "80": Format(8, lambda raw: raw.astype(np.int16) - np.int16(128)),
    "160": Format(16, _offset_binary),
    "212": Format(12, _unpack_212),
}
