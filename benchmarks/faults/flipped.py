"""One flipped bit, or a file cut, emptied or taken away, wherever something is read again: refused before use."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from bedside.artifacts import MANIFEST, open_artifact
from bedside.registry import keys, signing
from benchmarks.faults import deployed, stages, training
from benchmarks.faults.rows import HELD, Outcome, Try, corrupt, row, wrong
from benchmarks.faults.stages import refusal
from tests.support.deployments import Deployed
from tests.support.promoting import aliases, promoted, stored

Damage = Callable[[Path, random.Random], None]


def flip(file: Path, chance: random.Random, bits: int = 1) -> None:
    """Flip one bit, or each of several bytes in one bit."""
    content = bytearray(file.read_bytes())
    for place in chance.sample(range(len(content)), bits):
        content[place] ^= 1 << chance.randrange(8)
    write(file, bytes(content))


def cut(file: Path, chance: random.Random) -> None:
    content = file.read_bytes()
    write(file, content[: chance.randrange(1, len(content))])


def empty(file: Path, _: random.Random) -> None:
    write(file, b"")


def take_away(file: Path, _: random.Random) -> None:
    file.unlink()


def write(file: Path, content: bytes) -> None:
    """Other bytes in the same place, also where the file may not be written (DVC's cache)."""
    mode = file.stat().st_mode
    file.chmod(0o644)
    file.write_bytes(content)
    file.chmod(mode)


def any_file(folder: Path, chance: random.Random, but: str = "-") -> Path:
    """A file of a folder that has content."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.stat().st_size and file.name != but)
    return chance.choice(files)


def of_artifact(attempt: Try, damage: Damage) -> Outcome:
    """A dataset is damaged; the training that reads it must refuse."""
    for name in ("dataset", "dataset-report"):
        shutil.copytree(attempt.base / name, attempt.folder / name)
    file = any_file(attempt.folder / "dataset", attempt.chance)
    damage(file, attempt.chance)
    return refused(refusal(stages.BEFORE[4].run, attempt.folder, attempt.folder), file)


def of_graph(attempt: Try, damage: Damage) -> Outcome:
    """An ONNX file is damaged; promotion, which signs it, must refuse, and nothing may be registered."""
    return _of_deployment(attempt, damage, lambda made: made.graph / "model.onnx")


def of_verdict(attempt: Try, damage: Damage) -> Outcome:
    """A gate's report is damaged."""
    return _of_deployment(attempt, damage, lambda made: any_file(made.verdict, attempt.chance))


def of_evidence(attempt: Try, damage: Damage) -> Outcome:
    """Evidence or predictions are damaged."""
    return _of_deployment(attempt, damage, lambda made: any_file(made.evidence, attempt.chance))


def _of_deployment(attempt: Try, damage: Damage, where: Callable[[Deployed], Path]) -> Outcome:
    maker = deployed.workspace(attempt)
    made = maker.make("pruned")
    file = where(made)
    damage(file, attempt.chance)
    outcome = refused(refusal(promoted, [made], attempt.folder / "decision"), file)
    return deployed.counted(outcome, ()) if aliases() else outcome


def of_registry(attempt: Try, damage: Damage) -> Outcome:
    """A file of a version is damaged where the registry keeps it; a sign-off must refuse."""
    maker = deployed.workspace(attempt)
    promoted([maker.make("pruned")], attempt.folder / "decision", sign_off=True)
    file = any_file(stored("1"), attempt.chance, but=signing.SIGNATURE)
    damage(file, attempt.chance)
    told = deployed.signed_off("1")
    if "champion" in aliases():
        return deployed.counted(wrong(f"{file.name} was damaged, and it became champion"), ())
    return refused(told, file)


def of_bundle(attempt: Try, damage: Damage) -> Outcome:
    """A signed bundle is damaged on its way to the device."""
    maker = deployed.workspace(attempt)
    promoted([maker.make("pruned")], attempt.folder / "decision", sign_off=True)
    bundle = attempt.folder / "decision/bundles/pruned"
    file = any_file(bundle, attempt.chance, but=signing.SIGNATURE)
    damage(file, attempt.chance)
    return refused(refusal(signing.verify, bundle, keys.public_key()), file)


def of_checkpoint(attempt: Try, damage: Damage) -> Outcome:
    """A checkpoint is damaged; the training must go on from another, and end with the same weights."""
    file = training.checkpointed(attempt)
    if file is None:
        return Outcome("late", "the training was done")
    damage(file, attempt.chance)
    return training.resumed(attempt, attempt.folder / "stage.log")


def of_cache(attempt: Try, damage: Damage) -> Outcome:
    """An object of DVC's cache is damaged, then checked out: DVC may not notice, the reader must."""
    shutil.copytree(attempt.base / "dvc", attempt.folder / "dvc")
    os.chdir(attempt.folder / "dvc")
    shutil.rmtree("dataset")
    file = any_file(Path(".dvc/cache/files"), attempt.chance)
    damage(file, attempt.chance)
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            repo.checkout(force=True)
    except DvcException as error:
        stages.say(str(error))
        return HELD
    return refused(refusal(open_artifact, Path("dataset")), file)


def refused(told: str | None, file: Path) -> Outcome:
    """Held where there was a refusal."""
    stages.say(str(told))
    return corrupt(f"{file.parent.name}/{file.name} was damaged, and was used") if told is None else HELD


def begin(folder: Path) -> None:
    """Base: a teacher and what it is made from, and its dataset in a DVC cache."""
    from dvc.repo import Repo

    stages.trained(folder)
    (folder / "dvc").mkdir()
    shutil.copytree(folder / "dataset", folder / "dvc/dataset")
    os.chdir(folder / "dvc")
    with Repo.init(no_scm=True) as repo:
        repo.add("dataset")


PLACES = (of_artifact, of_cache, of_registry, of_checkpoint, of_graph, of_verdict, of_evidence, of_bundle)


@row(
    "one bit flipped in cache, registry, checkpoint, ONNX, report", 200, "200 detected before use",
    base=begin,
)  # fmt: skip
def flipped(attempt: Try) -> Outcome:
    return PLACES[attempt.number % len(PLACES)](attempt, flip)


@row("truncated, empty, missing artifact", 60, "an error that names it", base=begin)
def absent(attempt: Try) -> Outcome:
    """Beside the refusal, its words: they must name the file, or the folder where the file that is gone tells all."""
    damage: Damage = (cut, empty, take_away)[attempt.number % 3]
    place = (of_artifact, of_graph, of_checkpoint, of_verdict, of_evidence)[attempt.number // 3 % 5]
    if place is of_checkpoint:
        return of_checkpoint(attempt, damage)
    named: list[Path] = []

    def remembering(file: Path, chance: random.Random) -> None:
        named.append(file)
        damage(file, chance)

    outcome = place(attempt, remembering)
    told = (attempt.folder / "log.txt").read_text(errors="replace", encoding="utf-8")
    if outcome is HELD and not (named[0].name in told or (named[0].name == MANIFEST and named[0].parent.name in told)):
        return wrong(f"{named[0]} was damaged, and no message names it: {told[-200:]}")
    return outcome


@row("damaged ONNX", 300, "300 mutants refused before they are loaded", base=None)
def mutant(attempt: Try) -> Outcome:
    """Up to eight bytes, a cut, or bytes that are added, in an artifact or in a bundle."""
    how = (several, cut, longer)[attempt.number % 3]
    return (of_graph, _of_bundled_graph)[attempt.number // 3 % 2](attempt, how)


def _of_bundled_graph(attempt: Try, damage: Damage) -> Outcome:
    bundle = attempt.folder / "bundle"
    shutil.copytree(deployed.workspace(attempt).make("pruned").graph, bundle)
    signing.sign(bundle)
    damage(bundle / "model.onnx", attempt.chance)
    return refused(refusal(signing.verify, bundle, keys.public_key()), bundle / "model.onnx")


def several(file: Path, chance: random.Random) -> None:
    flip(file, chance, chance.randrange(1, 9))


def longer(file: Path, chance: random.Random) -> None:
    write(file, file.read_bytes() + chance.randbytes(chance.randrange(1, 64)))
