"""The workspace's own state: room on the disk, journals that wait, keys, and the promotion log against the registry."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bedside.doctor.finding import Finding, note, ok, wrong
from bedside.errors import RefusedError
from bedside.scratch import home

LEAST = 1e9  # bytes: artifacts and cache of thirteen variants on 48 half-hour recordings took 0.6 GB


def disk(folder: Path) -> Iterator[Finding]:
    """Whether state can be written, and how much room there is."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        yield wrong(
            f"state: {folder} takes no file ({error.strerror})", "make room there, or point BEDSIDE_HOME elsewhere"
        )
        return
    free = shutil.disk_usage(folder).free
    told = f"state: {folder} can be written, {free / 1e9:.1f} GB are free"
    yield ok(told) if free >= LEAST else wrong(told, f"make room: a run needs about {LEAST / 1e9:.0f} GB")


def journals() -> Iterator[Finding]:
    """Recorded runs that the tracking store has not taken yet."""
    from bedside.tracking import journal

    waiting = journal.pending()
    live = sum(journal.is_alive(path) for path in waiting)
    if len(waiting) > live:
        yield note(f"tracking: {len(waiting) - live} recorded runs wait for the store", "`bedside flush` replays them")
    else:
        yield ok(f"tracking: nothing waits for the store{f'; {live} runs are going on' if live else ''}")


def keys() -> Iterator[Finding]:
    """The signing key: there, private, and no rotation half done."""
    from bedside.registry import keys as files

    given = os.environ.get(files.SIGNING_KEY)
    path = Path(given) if given else files.folder() / "signing.pem"
    if not path.is_file():
        log = home() / "promotions.jsonl"
        if log.is_file() and log.stat().st_size:
            yield wrong(
                f"keys: {path} is missing, and {log} was signed with it", "docs/how-to/recover.md, lost signing key"
            )
        else:
            yield note("keys: none yet; the first promotion makes one")
        return
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield wrong(
            f"keys: {path} can be read by others", f"chmod 600 {path}; if others were here, rotate and revoke it"
        )
    if (files.folder() / "next.pem").exists():
        yield wrong("keys: a rotation was interrupted", "`bedside keys rotate --reason TEXT` finishes it")
    try:
        yield ok(f"keys: {path} signs as {files.name_of(files.public_text(path))}")
    except RefusedError as error:
        yield wrong(f"keys: {error}", "docs/how-to/recover.md, lost signing key")


def promotions() -> Iterator[Finding]:
    """The promotion log, its sign-offs, and the aliases in the registry."""
    from bedside.registry import audit
    from bedside.registry.log import PromotionLog

    log = PromotionLog()
    if not log.path.exists():
        yield note("promotions: no log yet")
        return
    try:
        found = [*audit.whole(log), *audit.who_is_where(log)]
    except RefusedError as error:
        yield wrong(f"promotions: {error}", "docs/how-to/recover.md")
        return
    for finding in found:
        told = f"promotions: {finding.text}"
        yield ok(told) if finding.right else wrong(told, _step(finding.text))


def _step(text: str) -> str:
    if "FOREIGN" in text:
        return "find out who moved it; `bedside restore TARGET` puts back what the log confirmed"
    if "could not be asked" in text:
        return "start the tracking server, or correct MLFLOW_TRACKING_URI"
    return "docs/how-to/recover.md"
