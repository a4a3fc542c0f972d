"""Signed bundles and the promotion log, changed by somebody who has no key."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from bedside.registry import keys, signing
from bedside.registry.log import LogError, PromotionLog
from benchmarks.faults import deployed
from benchmarks.faults.flipped import cut, flip, longer, take_away
from benchmarks.faults.rows import HELD, Outcome, Try, row, wrong
from benchmarks.faults.stages import refusal
from tests.support import tampering


def link(file: Path, _: random.Random) -> None:
    """The file lies elsewhere, and a link to it here."""
    elsewhere = file.parent.parent / f"elsewhere-{file.name}"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def smuggle(file: Path, chance: random.Random) -> None:
    """A file that nobody signed."""
    (file.parent / chance.choice([".gitignore", "model.onnx.data", "extra.json"])).write_bytes(chance.randbytes(9))


def rename(file: Path, _: random.Random) -> None:
    file.rename(file.with_name(f"{file.name}.old"))


def of_a_stranger(file: Path, _: random.Random) -> None:
    """Changed, and signed with another key."""
    import os

    file.write_bytes(file.read_bytes() + b" ")
    home = os.environ["BEDSIDE_HOME"]
    os.environ["BEDSIDE_HOME"] = "stranger"
    signing.sign(file.parent)
    os.environ["BEDSIDE_HOME"] = home


def unsigned(file: Path, _: random.Random) -> None:
    (file.parent / signing.SIGNATURE).unlink()


WAYS = (flip, cut, longer, take_away, link, smuggle, rename, of_a_stranger, unsigned)


@row("signed bundle tampered with", 100, "100 refused by whoever has the public key")
def bundle(attempt: Try) -> Outcome:
    folder = attempt.folder / "bundle"
    shutil.copytree(deployed.workspace(attempt).make("pruned").evidence, folder)
    signing.sign(folder)
    signing.verify(folder, keys.public_key())
    file = attempt.chance.choice(sorted(file for file in folder.iterdir() if file.name != signing.SIGNATURE))
    way = WAYS[attempt.number % len(WAYS)]
    way(file, attempt.chance)
    if refusal(signing.verify, folder, keys.public_key()) is None:
        return wrong(f"{way.__name__} {file.name} was not noticed")
    return HELD


TAMPERS: tuple[Callable[[list[str], random.Random], list[str]], ...] = (
    tampering.edit,
    tampering.delete,
    tampering.reorder,
    tampering.repeat,
    tampering.cut,
)


@row("promotion log edited, cut, reordered", 100, "100 detected")
def log(attempt: Try) -> Outcome:
    real = PromotionLog()
    for number in range(attempt.chance.randrange(2, 20)):
        real.append(state="REFUSED", variant=f"variant-{number}", reason="V sensitivity 0.88 (floor 0.9)")
    way = TAMPERS[attempt.number % len(TAMPERS)]
    lines = real.path.read_text(encoding="utf-8").splitlines()
    real.path.write_text("".join(f"{line}\n" for line in way(lines, attempt.chance)), encoding="utf-8")
    try:
        real.verify()
    except LogError:
        return HELD
    return wrong(f"{way.__name__} was not noticed")
