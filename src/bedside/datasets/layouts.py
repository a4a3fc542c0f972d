"""How recordings lie in an artifact: what a source gives, and what a task reads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """Files `<record><ending>`, the first of which every record has; that of `contents` tells a recording from others,
    whatever it is called.
    """

    name: str
    endings: tuple[str, ...]
    contents: str


ANNOTATED = Layout("recordings in WFDB format with annotations", (".hea", ".dat", ".atr"), ".dat")
SIGNALS = Layout("recordings in WFDB format", (".hea", ".dat", ".json"), ".dat")
WINDOWS = Layout("windows in tables", (".safetensors", ".json"), ".safetensors")
