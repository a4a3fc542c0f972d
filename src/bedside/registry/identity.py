"""Who somebody is: people by their e-mail address, services by a plain name. What looks like another's is refused."""

import base64
import json
import os
import re
import subprocess
from typing import NamedTuple

from bedside.errors import RefusedError
from bedside.scratch import project
from bedside.terminal import is_hidden
from bedside.tracking import store

_ADDRESS = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)+")
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>\s*")
NOBODY = ("unknown", "nobody", "root")  # what a machine says where it knows no one
_SERVICE = re.compile(r"[a-z0-9][a-z0-9._-]*")


class Identity(NamedTuple):
    """A person, by `address` (as written, in lower case), or a service, by `service`."""

    address: str | None
    service: str | None = None

    @property
    def person(self) -> str | None:
        """The mailbox behind the address: what follows a plus sign reaches the same person."""
        if self.address is None:
            return None
        local, _, domain = self.address.partition("@")
        return f"{local.partition('+')[0]}@{domain}"

    def __str__(self) -> str:
        return str(self.address or self.service)


def of_person(told: str) -> Identity:
    """`ada@example.org` or `Ada Lovelace <ada@example.org>`; RefusedError where that is no address in plain letters.

    Letters beyond ASCII are refused in the address, so that none looks like another; a domain of other letters is
    written as its `xn--` form.
    """
    found = identity(told)
    if found is None or found.address is None:
        raise RefusedError(
            f"{told!r}: a person is named by an e-mail address, `ada@example.org` or `Ada Lovelace <ada@example.org>`, "
            "in plain letters (a-z)"
        )
    return found


def identity(told: str) -> Identity | None:
    """A person or a service; None where `told` is neither, so that nobody could be told apart from it."""
    if any(is_hidden(letter) for letter in told):
        return None
    named = _NAMED.fullmatch(told)
    address = (named["address"] if named else told).strip().lower()
    if _ADDRESS.fullmatch(address):
        return Identity(address)
    return Identity(None, told) if _SERVICE.fullmatch(told) and told not in NOBODY else None


def same(one: Identity, other: Identity) -> bool:
    """Whether both may be one: the same mailbox, or a service by the name of somebody's mailbox."""
    if one.person and other.person:
        return one.person == other.person
    if one.service and other.service:
        return one.service == other.service
    person, service = (one, other) if one.person else (other, one)
    return str(person.person).partition("@")[0] == service.service


def author() -> str:
    """Who promotes: BEDSIDE_AUTHOR, else the address that git knows; empty where nobody is known."""
    given = os.environ.get("BEDSIDE_AUTHOR", "").strip()
    if given:
        return given
    try:
        command = ["git", "-C", str(project()), "config", "user.email"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def at_server() -> str | None:
    """Whom the tracking server takes this process for: its sign-in's user, or who the token of the organization's
    identity provider names. None without a server or a sign-in. The server has checked both; this only reads them.
    """
    if not store.uri().startswith("http"):
        return None
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return _of_token(token)
    return os.environ.get("MLFLOW_TRACKING_USERNAME") or None


def _of_token(token: str) -> str | None:
    """The person or account that a JSON Web Token names (RFC 7519, OpenID Connect's claims); None for other tokens."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        found = next((claims[name] for name in ("email", "preferred_username", "sub") if claims.get(name)), None)
    except (IndexError, ValueError, TypeError, AttributeError):
        return None
    return None if found is None else str(found)
