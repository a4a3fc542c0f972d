"""Texts without secrets: what is recorded or shown holds no password, key or token that this process knows."""

import json
import os
import re
from collections.abc import Mapping
from typing import Any

_SECRET_NAME = re.compile(
    r"(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS|CONNECTION_STRING"
    r"|(^|_)(PASS|PAT)|(ACCESS|ACCOUNT|API|PRIVATE|SEAL|SECRET)_KEY(_ID)?)$",  # neither COMPASS nor SPAT
    re.IGNORECASE,
)
# A password may hold a slash; what begins as a port does is one, and the `@` behind it is the path's. Of a database's
# address all up to the `@` is the password (as SQLAlchemy reads it), since no `@` is in its path.
_USER = re.compile(r"(?<=://)([^/\s\"']+|[^:/@\[\s\"']*:(?!\d{1,5}/)[^@\s\"']*)@")
_DATABASE_USER = re.compile(r"((?:sql|mariadb|oracle)(?:\+\w+)?://)[^:/@\s\"']*:[^@\s\"']*@")
# Tokens, and what the stores' signed addresses are made of: S3's X-Amz-*, Google's, Azure's sig, CloudFront's Policy.
_QUERY = re.compile(
    r"([?&;#](?:[\w.-]*(?:token|signature|sig|passw(?:or)?d|passphrase|secret|credentials?|key|key-?id|accessid)"
    r"|(?:[\w.-]*[_.-])?(?:auth|authorization|code|hmac|jwt|pass|policy|pwd|sas|session|key-pair-id))=)[^&;#\s\"']+",
    re.IGNORECASE,
)
SHORTEST = 6  # characters; a shorter value would blank out ordinary words


def clean(text: str) -> str:
    """`text` without users and passwords of addresses, and without the values of the environment's secrets."""
    for secret in _secrets():
        text = text.replace(secret, "***")
    text = _USER.sub("***@", _DATABASE_USER.sub(r"\1***@", text))
    return _QUERY.sub(r"\1***", text)


def cleaned(value: Any) -> Any:
    """What is to be recorded, of mappings, lists and texts: every text clean, and nothing under a secret's name."""
    if isinstance(value, Mapping):
        return {key: "***" if _is_secret(key, inner) else cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(inner) for inner in value]
    return clean(value) if isinstance(value, str) else value


def _is_secret(name: object, value: object) -> bool:
    return isinstance(value, str) and value != "" and bool(_SECRET_NAME.search(str(name)))


def _secrets() -> list[str]:
    """Values of variables that are named as secrets are, as they are and as JSON writes them; the longest first."""
    values = [value for name, value in os.environ.items() if _SECRET_NAME.search(name) and len(value) >= SHORTEST]
    return sorted({*values, *(json.dumps(value)[1:-1] for value in values)}, key=len, reverse=True)
