"""The promotion log: append-only, each entry signed and chained to the one before, refusals beside promotions.

The signature keeps anyone without the key from writing history anew; the head file, written after each entry, shows
that the end was cut off. Order is the sequence number, never the clock.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bedside.artifacts import write_atomic
from bedside.registry import signing
from bedside.scratch import home

Entry = dict[str, Any]
START = "0" * 64


class LogError(RuntimeError):
    """The promotion log was edited, reordered or cut; the message names the entry."""


class PromotionLog:
    """`BEDSIDE_HOME/promotions.jsonl`. Appending needs the promotion lock, which the caller holds."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home() / "promotions.jsonl"
        self.head = self.path.with_suffix(".head")

    def append(self, **entry: Any) -> Entry:
        """Verify the log, add one entry, flush it to disk; returns the entry."""
        entries = self.verify()
        previous = entries[-1]["digest"] if entries else START
        body = {"seq": len(entries) + 1, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **entry}
        whole = _sealed({**body, "previous": previous})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.truncate(self._whole_bytes())  # the part of a line that a kill left
            file.write(json.dumps(whole, sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        write_atomic(self.head, json.dumps({"seq": whole["seq"], "digest": whole["digest"]}) + "\n")
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
        entries = self.read()
        previous = START
        for number, entry in enumerate(entries, start=1):
            problem = _problem(entry, number, previous)
            if problem:
                raise LogError(
                    f"{self.path}: entry {number}: {problem}; compare it with a copy and find out who did it"
                )
            previous = entry["digest"]
        self._check_head(entries)
        return entries

    def _check_head(self, entries: list[Entry]) -> None:
        """An entry may be ahead of the head (a kill between the two writes), the head never ahead of the log."""
        if not self.head.exists():
            if len(entries) > 1:
                raise LogError(f"{self.head}: missing, so the end of the log cannot be verified")
            return
        head = json.loads(self.head.read_text())
        if head["seq"] > len(entries) or entries[head["seq"] - 1]["digest"] != head["digest"]:
            raise LogError(f"{self.path}: ends at entry {len(entries)}, but entry {head['seq']} was written: cut off")

    def _whole_bytes(self) -> int:
        """Length up to the last line end."""
        return self.path.read_bytes().rfind(b"\n") + 1 if self.path.exists() else 0


def _sealed(body: Mapping[str, Any]) -> Entry:
    private = signing.private_key()
    body = {**body, "key": signing.public_key(private).stem}
    digest = _digest(body)
    return {**body, "digest": digest, "signature": signing.sign_bytes(digest.encode(), private).hex()}


def _problem(entry: Entry, number: int, previous: str) -> str | None:
    if {"seq", "previous", "key", "digest", "signature"} - set(entry):
        return "fields are missing"
    body = {name: value for name, value in entry.items() if name not in ("digest", "signature")}
    if entry["digest"] != _digest(body):
        return "its content was edited"
    if entry["previous"] != previous or entry["seq"] != number:
        return "an entry before it was deleted, added or moved"
    return _forgery(entry)


def _forgery(entry: Entry) -> str | None:
    public = home() / "keys" / f"{entry['key']}.pub"
    if not public.is_file():
        return f"signed with an unknown key {entry['key']}"
    if hashlib.sha256(public.read_bytes()).hexdigest()[:16] != entry["key"]:
        return f"the public key {public} was replaced"
    genuine = signing.is_signed(entry["digest"].encode(), bytes.fromhex(entry["signature"]), public)
    return None if genuine else "its signature is forged"


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _bad_line(lines: list[bytes]) -> int:
    return next((number for number, line in enumerate(lines, start=1) if not _is_object(line)), 0)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def of_promotion(entries: list[Entry], promotion: str) -> Iterator[Entry]:
    """The entries of one promotion, in order."""
    return (entry for entry in entries if entry.get("promotion") == promotion)
