"""Texts without secrets: what is recorded or shown holds no password, key or token that this process knows."""

import json
import os
import re

_SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|(ACCESS|API|SECRET)_KEY(_ID)?|CREDENTIALS)$", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/@\s\"']+@")
_QUERY = re.compile(r"([?&][\w-]*(?:token|signature|sig|password|key)=)[^&\s\"']+", re.IGNORECASE)
SHORTEST = 6  # characters; a shorter value would blank out ordinary words


def clean(text: str) -> str:
    """`text` without users and passwords of addresses, and without the values of the environment's secrets."""
    for secret in _secrets():
        text = text.replace(secret, "***")
    return _QUERY.sub(r"\1***", _USER.sub("***@", text))


def _secrets() -> list[str]:
    """Values of variables that are named as secrets are, as they are and as JSON writes them; the longest first."""
    values = [value for name, value in os.environ.items() if _SECRET_NAME.search(name) and len(value) >= SHORTEST]
    return sorted({*values, *(json.dumps(value)[1:-1] for value in values)}, key=len, reverse=True)
