"""Keys that come and go: rotation and revocation, as the promotion log has them."""

import os
from collections.abc import Sequence
from pathlib import Path

from bedside.errors import RefusedError
from bedside.registry import keys
from bedside.registry.history import REVOKED, revoked
from bedside.registry.log import ROTATED, Entry, PromotionLog
from bedside.registry.signing import SignatureError


def trusted(entries: Sequence[Entry], name: str | None) -> Path:
    """The public key of that name; SignatureError where it was revoked or is not here. None: the present one."""
    if name is None:
        return keys.public_key()
    if (reason := revoked(entries).get(name)) is not None:
        raise SignatureError(f"it was signed with key {name}, which was revoked ({reason}); promote it again")
    public = keys.known(name)
    if public is None:
        raise SignatureError(f"it was signed with key {name}, and {keys.folder() / f'{name}.pub'} is not that key")
    return public


def rotate(reason: str, to: Path | None = None) -> tuple[str, str]:
    """Let the workspace's key give way to a new one; names of the old and the new. Devices need the new public half.

    `to`: the new private key, where BEDSIDE_SIGNING_KEY names a file that is not this workspace's. Killed in between,
    the next call finishes it: the log is written first.
    """
    log, own = PromotionLog(), keys.folder() / "signing.pem"
    if os.environ.get(keys.SIGNING_KEY) and to is None:
        raise RefusedError(
            f"{keys.SIGNING_KEY} names the key: make the new one yourself, give it with --to, and let the variable "
            "name it afterwards"
        )
    new = to or keys.make(keys.folder() / "next.pem")
    before, text = keys.public_key().stem, keys.public_text(new)
    if not _is_waiting(log, text):
        log.append(state=ROTATED, reason=reason, to=keys.name_of(text), public=keys.in_one_line(text))
    keys.keep(text)
    if to is None:
        new.replace(own)
    log.sign_head(new if to else own)
    return before, keys.name_of(text)


def _is_waiting(log: PromotionLog, text: str) -> bool:
    """Whether the log already gave way to this key, and only the file was not put in its place."""
    entries = log.read()
    return bool(entries) and (entries[-1]["state"], entries[-1].get("to")) == (ROTATED, keys.name_of(text))


def revoke(name: str, reason: str) -> list[str]:
    """End the trust in a key; the versions that it signed, which count no longer. RefusedError for the present one."""
    log, present = PromotionLog(), keys.public_key().stem
    entries = log.verify()
    if name == present:
        raise RefusedError(f"{name} is this workspace's present key: `bedside keys rotate` first, then revoke it")
    used = {entry["key"] for entry in entries}
    if name not in used:
        raise RefusedError(f"{name}: no entry of {log.path} was signed with it; known: {', '.join(sorted(used))}")
    if name not in revoked(entries):
        log.append(state=REVOKED, revoked=name, reason=reason)
    signed = [entry for entry in entries if entry["state"] == "SIGNED" and entry["key"] == name]
    return [f"{e['model']} version {number}" for e in signed for number in e.get("versions", {}).values()]


def verifying(entries: Sequence[Entry]) -> list[Path]:
    """Public keys by which this workspace's bundles may be signed: the present one first, none that was revoked."""
    gone, names = revoked(entries), dict.fromkeys([keys.public_key().stem, *(e["key"] for e in reversed(entries))])
    return [public for name in names if name not in gone and (public := keys.known(name)) is not None]
