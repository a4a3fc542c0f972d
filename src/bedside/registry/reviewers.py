"""Reviewers: people with a key of their own, enrolled in the promotion log; a sign-off is a signature of theirs.

The private half stays with the reviewer (BEDSIDE_REVIEWER_KEY, else `~/.config/bedside/reviewer.pem`); the log holds
the public one. Whoever holds the workspace's key can enrol, and the log shows whom.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bedside.errors import RefusedError
from bedside.registry import identity, keys
from bedside.registry.log import Entry, PromotionLog

REVIEWER_KEY = "BEDSIDE_REVIEWER_KEY"
ENROLLED, DISMISSED = "ENROLLED", "DISMISSED"


def own_key() -> Path:
    """Where the private key of whoever sits here is."""
    given = os.environ.get(REVIEWER_KEY)
    return Path(given) if given else Path.home() / ".config" / "bedside" / "reviewer.pem"


def enrolled(entries: Sequence[Entry]) -> dict[str, str]:
    """Address to public key (PEM) of everybody who may sign off now."""
    people: dict[str, str] = {}
    for entry in entries:
        if entry["state"] == ENROLLED:
            people[entry["reviewer"]] = keys.pem(entry["public"])
        elif entry["state"] == DISMISSED:
            people.pop(entry["reviewer"], None)
    return people


def enrol(told: str, public: Path | None = None) -> tuple[str, Path | None]:
    """Enter a reviewer into the log, by the public key in a file, or with a key made here where there is none yet.

    Returns the address and, where the key is this machine's, the private file. RefusedError where the key is another
    reviewer's or the workspace's own.
    """
    who, log = identity.of_person(told), PromotionLog()
    private = None if public else keys.make(own_key())
    text = keys.public_text(private) if private else _read(public)
    entries = log.verify()
    _refuse_shared(text, who, enrolled(entries))
    if enrolled(entries).get(str(who)) != text:
        log.append(state=ENROLLED, reviewer=str(who), key_of_reviewer=keys.name_of(text), public=keys.in_one_line(text))
    return str(who), private


def dismiss(told: str, reason: str) -> str:
    """End somebody's right to sign off; earlier sign-offs stay. RefusedError where there is no such reviewer."""
    who, log = identity.of_person(told), PromotionLog()
    if str(who) not in enrolled(log.verify()):
        raise RefusedError(f"{who} is no reviewer here")
    log.append(state=DISMISSED, reviewer=str(who), reason=reason)
    return str(who)


def _refuse_shared(text: str, who: identity.Identity, people: Mapping[str, str]) -> None:
    """One key, one person: and the workspace's key is everybody's who may promote."""
    owner = next((name for name, theirs in people.items() if theirs == text and name != str(who)), None)
    if owner is not None:
        raise RefusedError(f"{who}: this key is {owner}'s; each reviewer has a key of their own")
    if keys.name_of(text) == keys.public_key().stem:
        raise RefusedError(
            f"{who}: this is the workspace's own key, which promotes; each reviewer has a key of their own"
        )


def _read(public: Path | None) -> str:
    assert public is not None
    text = public.read_text(encoding="ascii", errors="replace")
    keys.load_public(text, str(public))
    return text


def sign(statement: Mapping[str, Any], reviewer: str, entries: Sequence[Entry]) -> dict[str, str]:
    """The reviewer's signature over what they decide; RefusedError unless the key here is the one they enrolled."""
    private, public = own_key(), enrolled(entries).get(reviewer)
    if public is None:
        raise RefusedError(
            f"{reviewer} is not enrolled as a reviewer here; do that first: `bedside reviewer {reviewer}`"
        )
    if not private.is_file():
        raise RefusedError(f"{private}: the reviewer's key is not there; {REVIEWER_KEY} names another place")
    if keys.public_text(private) != public:
        raise RefusedError(
            f"{private}: not the key with which {reviewer} was enrolled; only they can sign off as {reviewer}"
        )
    return {
        "key_of_reviewer": keys.name_of(public),
        "signature_of_reviewer": keys.sign_bytes(_as_bytes(statement), private).hex(),
    }


def is_signed(statement: Mapping[str, Any], signature: str, public: str) -> bool:
    """Whether a sign-off's signature is by that key, over exactly this."""
    try:
        return keys.is_signed(_as_bytes(statement), bytes.fromhex(signature), public)
    except ValueError:
        return False


def _as_bytes(statement: Mapping[str, Any]) -> bytes:
    return json.dumps(statement, sort_keys=True, ensure_ascii=False).encode()
