"""The promotion log: append-only, each entry signed and chained to the one before, refusals beside promotions.

The signature keeps anyone without the workspace's key from writing history anew; the head file, signed after each
entry, shows that the end was cut off. An old log put back with its old head is found out only by a copy kept elsewhere.
Order is the sequence number, never the clock. A key that gave way to another (ROTATED) counts up to that entry; the
last one has to be this workspace's.
"""

import functools
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bedside.artifacts import write_atomic
from bedside.errors import RefusedError
from bedside.registry import keys
from bedside.scratch import home
from bedside.terminal import printable

Entry = dict[str, Any]
START = "0" * 64
ROTATED = "ROTATED"  # the key gave way to the one whose public half is in this entry
LOST_KEY = "put the right one back from its copy (docs/how-to/recover.md)"
BY_HAND = (
    "compare the log with a copy, and if nothing is missing sign its end: "
    "python -c 'from bedside.registry.log import PromotionLog; PromotionLog().sign_head()'"
)


class LogError(RefusedError):
    """The promotion log was edited, reordered or cut; the message names the entry."""


class PromotionLog:
    """`BEDSIDE_HOME/promotions.jsonl`. Appending needs the promotion lock, which the caller holds."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home() / "promotions.jsonl"
        self.head = self.path.with_suffix(".head")

    def append(self, **entry: Any) -> Entry:
        """Verify the log, add one entry, flush it to disk; returns the entry."""
        entries = self.verify()
        if not entries:  # or a log that was cut down to its first entry would look like a kill before the first head
            self._sign_head(0, START)
        previous = entries[-1]["digest"] if entries else START
        told = {name: printable(value) for name, value in entry.items()}
        body = {"seq": len(entries) + 1, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **told}
        whole = _sealed({**body, "previous": previous})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.truncate(self._whole_bytes())  # the part of a line that a kill left
            file.write(json.dumps(whole, sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._sign_head(whole["seq"], whole["digest"])
        return whole

    def read(self) -> list[Entry]:
        """All entries as they stand, unverified; a last line torn by a kill is not an entry."""
        if not self.path.exists():
            return []
        lines = self.path.read_bytes()[: self._whole_bytes()].splitlines()
        try:
            return [dict(json.loads(line)) for line in lines]
        except (ValueError, TypeError) as error:
            raise LogError(f"{self.path}: line {_bad_line(lines)} is not an entry ({error})") from None

    def verify(self) -> list[Entry]:
        """All entries; LogError at the first that was edited, deleted, reordered or forged."""
        entries = self._chained()
        self._check_head(entries)
        return entries

    def sign_head(self, private: Path | None = None) -> None:
        """Sign where the log ends now: after a rotation, or by hand where an older version left the head unsigned."""
        entries = self._chained(private)
        self._sign_head(len(entries), entries[-1]["digest"] if entries else START, private)

    def _chained(self, private: Path | None = None) -> list[Entry]:
        entries = self.read()
        if not entries:
            return entries  # to look at an empty log makes no key
        rotations = [entry for entry in entries if entry.get("state") == ROTATED]
        own = keys.public_key(private)
        public = self._first_key(entries[0]) if rotations else own
        previous = START
        for number, entry in enumerate(entries, start=1):
            if problem := _problem(entry, number, previous, public):
                raise LogError(
                    f"{self.path}: entry {number}: {problem}; compare it with a copy and find out who did it"
                )
            previous = entry["digest"]
            if entry.get("state") == ROTATED:
                public = keys.keep(keys.pem(entry["public"]))
        if public.stem != own.stem:
            waits = (keys.folder() / "next.pem").is_file()
            advice = "`bedside keys rotate` finishes the rotation that was interrupted" if waits else LOST_KEY
            raise LogError(f"{self.path}: its last key is {public.stem}, and this workspace holds {own.stem}; {advice}")
        return entries

    def _first_key(self, first: Entry) -> Path:
        public = keys.known(str(first.get("key")))
        if public is None:
            missing = keys.folder() / f"{first.get('key')}.pub"
            raise LogError(
                f"{self.path}: entry 1 was signed with a key whose public half should be {missing}; {LOST_KEY}"
            )
        return public

    def _sign_head(self, seq: int, digest: str, private: Path | None = None) -> None:
        signature = keys.sign_bytes(_end(seq, digest).encode(), private or keys.private_key()).hex()
        write_atomic(self.head, json.dumps({"seq": seq, "digest": digest, "signature": signature}) + "\n")

    def _check_head(self, entries: list[Entry]) -> None:
        """An entry may be ahead of the head (a kill between the two writes), the head never ahead of the log."""
        if not self.head.exists():
            if entries:
                raise LogError(f"{self.head}: missing, so the end of the log cannot be verified; {BY_HAND}")
            return
        try:
            head = dict(json.loads(self.head.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            head = {}
        seq, digest = head.get("seq", 0), head.get("digest", "")
        if not _is_signed(_end(seq, digest), head.get("signature"), keys.public_key()):
            raise LogError(f"{self.head}: not signed with this workspace's key; {BY_HAND}")
        if seq > len(entries) or [START, *(entry["digest"] for entry in entries)][seq] != digest:
            raise LogError(f"{self.path}: ends at entry {len(entries)}, but entry {seq} was written: cut off")

    def _whole_bytes(self) -> int:
        """Length up to the last line end."""
        return self.path.read_bytes().rfind(b"\n") + 1 if self.path.exists() else 0


def _sealed(body: Mapping[str, Any]) -> Entry:
    private = keys.private_key()
    body = {**body, "key": keys.public_key(private).stem}
    digest = _digest(body)
    return {**body, "digest": digest, "signature": keys.sign_bytes(digest.encode(), private).hex()}


def _problem(entry: Entry, number: int, previous: str, public: Path) -> str | None:
    if {"seq", "previous", "key", "digest", "signature"} - set(entry):
        return "fields are missing"
    body = {name: value for name, value in entry.items() if name not in ("digest", "signature")}
    if entry["digest"] != _digest(body):
        return "its content was edited"
    if entry["previous"] != previous or entry["seq"] != number:
        return "an entry before it was deleted, added or moved"
    if entry["key"] != public.stem:
        return f"signed with an unknown key {entry['key']}, not with this workspace's {public.stem}"
    return None if _is_signed(entry["digest"], entry["signature"], public) else "its signature is forged"


def _is_signed(message: str, signature: object, public: Path) -> bool:
    return _verifies(message, str(signature), public.read_text(encoding="ascii", errors="replace"))


@functools.lru_cache(maxsize=1 << 17)  # a promotion reads a log of years a few dozen times
def _verifies(message: str, signature: str, public: str) -> bool:
    try:
        return keys.is_signed(message.encode(), bytes.fromhex(signature), public)
    except ValueError:
        return False


def _end(seq: int, digest: str) -> str:
    """What the head signs: never what an entry signs, whose signature anyone could copy."""
    return f"the log ends at entry {seq} {digest}"


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _bad_line(lines: list[bytes]) -> int:
    return next((number for number, line in enumerate(lines, start=1) if not _is_object(line)), 0)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
