"""Damage to files, one kind per function, each drawn from a try's number: what a reader must find before it is used."""

import random
from collections.abc import Callable

Damage = Callable[[bytes, int], bytes]


def flipped(content: bytes, number: int) -> bytes:
    """One bit is another."""
    place = random.Random(number).randrange(len(content) * 8)
    return content[: place // 8] + bytes([content[place // 8] ^ 1 << place % 8]) + content[place // 8 + 1 :]


def cut(content: bytes, number: int) -> bytes:
    """The end is missing."""
    return content[: random.Random(number).randrange(1, len(content))]


def longer(content: bytes, number: int) -> bytes:
    """Something follows."""
    return content + random.Random(number).randbytes(number % 64 + 1)


def emptied(_: bytes, __: int) -> bytes:
    """Nothing is left."""
    return b""


def zeroed(content: bytes, number: int) -> bytes:
    """A block was never written, as after a loss of power."""
    begin = random.Random(number).randrange(len(content))
    return content[:begin] + bytes(len(content[begin : begin + 512])) + content[begin + 512 :]


DAMAGES: tuple[Damage, ...] = (flipped, cut, longer, emptied, zeroed)
