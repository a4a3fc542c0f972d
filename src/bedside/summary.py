"""One deployment in figures and words, from its evidence and verdict alone: for tables, cards and registry pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from bedside.lineage import ROOT
from bedside.outcome import Outcome

PASS = "PASS"
MISSING = "-"
UNNAMED = "an unnamed kind of CPU"
SIMULATED = "simulated"


class Share(NamedTuple):
    """A proportion with the bounds of its 95% interval over patients; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.value is None:
            return MISSING
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Summary:
    """What `evidence.json` and `verdict.json` of one deployment say. `labels` say where the data comes from."""

    evidence: Mapping[str, Any]
    verdict: Mapping[str, Any]
    labels: Mapping[str, str]

    @property
    def variant(self) -> str:
        return str(self.evidence["deployment"]["variant"])

    @property
    def target(self) -> str:
        return str(self.evidence["deployment"]["target"])

    @cached_property
    def outcome(self) -> Outcome:
        """What was decided, and the words for it."""
        return Outcome.of(self.evidence, f"the evidence of {self.variant} on {self.target}", "evaluate it again")

    @property
    def passes(self) -> bool:
        return bool(self.verdict["verdict"] == PASS)

    @property
    def is_compressed(self) -> bool:
        """Whether this is anything but the teacher, which is the yardstick and not a candidate."""
        return self.variant != ROOT

    @property
    def is_simulated(self) -> bool:
        return self.labels.get("source") == SIMULATED

    @property
    def source(self) -> str:
        """Where the patients come from, in words."""
        return "simulated cohort" if self.is_simulated else self.labels.get("source", "unlabelled data")

    @property
    def considered(self) -> list[str]:
        """The classes that the gates ask about, those that must be claimed first."""
        claims = self.verdict["claims"]
        return sorted(claims, key=lambda name: not claims[name].get("required", False))

    @property
    def required(self) -> list[str]:
        """The classes without which there is no intended use."""
        return [name for name in self.considered if self.verdict["claims"][name].get("required", False)]

    @property
    def claimed(self) -> list[str]:
        """The classes that stay in the intended use."""
        return [name for name in self.considered if self.verdict["claims"][name]["status"] == PASS]

    @property
    def failed(self) -> list[Mapping[str, Any]]:
        """Gates that do not hold: `id`, `title`, `status`, `reason`."""
        return [gate for gate in self.verdict["gates"] if gate["status"] not in (PASS, "NOT CLAIMED")]

    @property
    def why(self) -> str:
        """The verdict's reason in words."""
        return str(self.verdict.get("reason", ""))

    @property
    def briefly(self) -> str:
        """Why it did not pass, in one sentence about it: `answers wrongly on more units than its teacher: ...`."""
        return str(self.verdict.get("plain") or f"does not pass, {self.verdict['verdict']}: {self.why}")

    def gross(self, name: str, metric: str) -> Share:
        """`sensitivity` or `predictivity` of class `name`, all units pooled."""
        figures = self.evidence["gross"][name]
        bounds = (figures.get("intervals") or {}).get(metric) or {}
        return Share(figures.get(metric), bounds.get("low"), bounds.get("high"))

    def average(self, name: str, metric: str) -> Share:
        """The same as the mean over patients."""
        figures = self.evidence["average"][name]
        bounds = (figures.get("intervals") or {}).get(metric) or {}
        return Share(figures.get(metric), bounds.get("low"), bounds.get("high"))

    @property
    def worst_sensitivity(self) -> float | None:
        """Gross sensitivity of the class that is caught least, of those that are claimed or would have to be."""
        claims = self.verdict["claims"]
        counted = [name for name in self.considered if name in self.claimed or claims[name].get("required", False)]
        values = [self.gross(name, "sensitivity").value for name in counted]
        known = [value for value in values if value is not None]
        return min(known) if known else None

    def figure(self, path: str) -> float | None:
        """The number at a dotted path of the evidence, None where there is none."""
        value: Any = self.evidence
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def provenance(self, path: str) -> str:
        """measured, emulated, estimated or not available; nothing is shown without it."""
        labels = self.evidence.get("provenance")
        return (
            str(labels.get(path, "of unknown provenance")) if isinstance(labels, Mapping) else "of unknown provenance"
        )

    def said(self, path: str, unit: str, scale: float = 1.0, digits: int = 3) -> str:
        """A figure with its unit, and with its provenance where that is not `measured`."""
        value = self.figure(path)
        if value is None:
            return MISSING
        label = self.provenance(path)
        return f"{value * scale:,.{digits}g} {unit}" + ("" if label == "measured" else f" ({label})")

    @property
    def size(self) -> str:
        value = self.figure("size_bytes")
        label = self.provenance("size_bytes")
        return MISSING if value is None else bytes_in_words(value) + ("" if label == "measured" else f" ({label})")

    @property
    def times_faster(self) -> float | None:
        """How many times faster than the teacher on this target (p50, batch 1, measured in turns in one run)."""
        return self.figure("latency.times_faster.p50.median")

    @property
    def cpu_kind(self) -> str:
        """The kind of CPU that times were measured on, in words; those of another kind are not compared with them."""
        around = self.evidence.get("environment") or {}
        return f"{around.get('cpu_kind') or UNNAMED}{' (emulated)' if around.get('emulated') else ''}"

    @property
    def cpu(self) -> str:
        """That kind, with the model's name."""
        return f"{self.cpu_kind} ({(self.evidence.get('environment') or {}).get('cpu', 'an unnamed model')})"

    @property
    def against_plain(self) -> str | None:
        """How its time compares with the same answers without its trick; None for a float graph of one network."""
        path = "latency.against_plain"
        found, ratio = (self.evidence.get("latency") or {}).get("against_plain"), self.figure(f"{path}.median")
        if not found or ratio is None:
            return None
        label = self.provenance(f"{path}.median")
        return f"{ratio:.2f} times as long as {found['what']}" + ("" if label == "measured" else f" ({label})")

    @property
    def worst_patients(self) -> list[Mapping[str, Any]]:
        """Patients whose sensitivity fell most against the teacher, each with its class."""
        found = self.evidence.get("worst_patients") or {}
        every = [{**row, "class": name} for name in self.considered for row in found.get(name, [])]
        return sorted(every, key=lambda row: float(row["change"]))

    @property
    def rank(self) -> tuple[float, float]:
        """Smaller is better among deployments that pass, measured on one kind of CPU: p99 latency, then size."""
        unknown = float("inf")
        p99, size = self.figure("latency.p99_ms"), self.figure("size_bytes")
        return (unknown if p99 is None else p99, unknown if size is None else size)


def bytes_in_words(size: float) -> str:
    """1234567 as `1.23 MB` (10^6 bytes)."""
    for unit, scale in (("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:.0f} B"


def text(value: object) -> str:
    """Data as plain text inside markdown: no HTML, image or link, no table cell that ends early, no second line."""
    told = " ".join(str(value).split())
    for markup, harmless in _HARMLESS:
        told = told.replace(markup, harmless)
    return told


_HARMLESS = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    (">", "&gt;"),
    ("|", "\\|"),
    ("`", "'"),
    ("![", "!&#91;"),  # brackets alone stay: every interval has them
    ("](", "]&#40;"),
)
