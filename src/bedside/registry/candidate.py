"""A deployment that asks to be promoted: its artifacts are held against each other and judged again."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bedside.artifacts import Artifact, ArtifactError
from bedside.edge.whole import require_whole
from bedside.errors import RefusedError
from bedside.summary import PASS, Summary

if TYPE_CHECKING:
    from bedside.gates import Budget, Gates

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


@dataclass(frozen=True)
class Yardstick:
    """What deployments of a target are judged by: the teacher's evidence, the gates and the budget."""

    reference: Artifact
    gates: "Gates"
    budget: "Budget"


@dataclass(frozen=True)
class Candidate:
    """An optimized graph, the evidence measured on its bytes and the verdict on that evidence."""

    graph: Artifact
    evidence: Artifact
    verdict: Artifact
    yardstick: Yardstick

    @cached_property
    def summary(self) -> Summary:
        evidence, verdict = self.evidence.json("evidence.json"), self.verdict.json("verdict.json")
        return Summary(evidence, verdict, self.labels)

    @property
    def labels(self) -> dict[str, str]:
        """Where it comes from, by every artifact of it."""
        return self.graph.labels | self.evidence.labels | self.verdict.labels

    @property
    def variant(self) -> str:
        return self.summary.variant

    @property
    def graph_sha256(self) -> str:
        return str(self.graph.manifest["files"]["model.onnx"])

    @property
    def digests(self) -> dict[str, str]:
        """What identifies it in the promotion log."""
        return {
            "variant": self.variant,
            "graph": self.graph.digest,
            "evidence": self.evidence.digest,
            "verdict": self.verdict.digest,
        }

    @property
    def judged(self) -> dict[str, str]:
        """What a refusal is about: this graph, by these gates."""
        own = self.summary.verdict if isinstance(self.judgement, str) else self.judgement
        told = str(own["verdict"])
        return {"variant": self.variant, "graph": self.graph_sha256, "gates": self.gates, "verdict": told}

    @cached_property
    def judgement(self) -> dict[str, Any] | str:
        """The verdict that the gates, the budget and the evidence given here come to; in words, why there is none."""
        from bedside.gates import judge, open_case

        by = self.yardstick
        try:
            return judge(open_case(self.evidence, by.reference, by.gates, by.budget))
        except (RefusedError, ArtifactError) as error:
            return str(error)

    @property
    def gates(self) -> str:
        """Digest of the gates that the verdict is by."""
        return str(self.summary.verdict["gates_digest"])

    @property
    def reference(self) -> str:
        """Digest of the evidence that the verdict compares with."""
        return str(self.verdict.manifest.get("inputs", {}).get("reference"))

    def objection(self) -> str | None:
        """Why this may not be promoted, in words; None if nothing speaks against it."""
        from bedside.gates.case import foreign

        elsewhere = foreign(self.summary.evidence)
        found = (
            self._maker()
            or self._in_parts()
            or self._mismatch()
            or self._mislabelled()
            or elsewhere
            or self._contradiction()
        )
        return found or self._verdict() or self._borrowed() or self._judged_again()

    def _maker(self) -> str | None:
        """Each artifact must be what its own stage made: any other may have written the same file names."""
        made = {
            "graph": (self.graph, "optimize"),
            "evidence": (self.evidence, "evaluate"),
            "verdict": (self.verdict, "gate"),
        }
        for name, (artifact, component) in made.items():
            if (by := artifact.manifest.get("component")) != component:
                return f"the {name} was made by {by}, not by {component}"
        return None

    def _in_parts(self) -> str | None:
        """A graph that takes weights from another file is not what was hashed, measured and signed."""
        try:
            require_whole(self.graph.read("model.onnx"), "its graph")
        except RefusedError as error:
            return str(error)
        return None

    def _mismatch(self) -> str | None:
        """Evidence and verdict must be about these very bytes, and the verdict about this very evidence."""
        evidence, verdict = self.summary.evidence, self.summary.verdict
        if not self.graph_sha256 == evidence.get("graph_sha256") == verdict.get("graph_sha256"):
            return (
                f"not the same graph: offered {self.graph_sha256[:12]}, measured "
                f"{str(evidence.get('graph_sha256'))[:12]}, judged {str(verdict.get('graph_sha256'))[:12]}"
            )
        if evidence["deployment"] != verdict.get("deployment"):
            return f"the evidence is about {evidence['deployment']}, the verdict about {verdict.get('deployment')}"
        judged = self.verdict.manifest.get("inputs", {}).get("evidence")
        if judged != self.evidence.digest:
            return f"the verdict was given on other evidence ({str(judged)[:12]}, not {self.evidence.digest[:12]})"
        return None

    def _mislabelled(self) -> str | None:
        """Every part must say the same of where it comes from: labels decide who may become champion."""
        told = {
            "the graph": self.graph.labels,
            "the evidence": self.evidence.labels,
            "evidence.json": self.summary.evidence.get("labels", {}),
            "the verdict": self.verdict.labels,
            "verdict.json": self.summary.verdict.get("labels", {}),
            "the reference": self.yardstick.reference.labels,
        }
        for key in dict.fromkeys(key for labels in told.values() for key in labels):
            values = {part: labels.get(key) for part, labels in told.items()}
            if len(set(values.values())) > 1:
                said = ", ".join(f"{part} says {value or 'nothing'}" for part, value in values.items())
                return f"its parts do not agree on `{key}`: {said}; evaluate and judge it again"
        return None

    def _borrowed(self) -> str | None:
        """Answers that are the teacher's to the last bit were not given by another graph."""
        if self.graph_sha256 == self.summary.evidence.get("reference_sha256"):
            return None
        try:
            own, reference = (_logits(artifact) for artifact in (self.evidence, self.yardstick.reference))
        except ArtifactError as error:
            return str(error)
        if own != reference:
            return None
        return "its predictions are the teacher's, to the last bit, and its graph is another; evaluate it again"

    def _judged_again(self) -> str | None:
        """A seal needs no key, so a PASS counts if the gates, the budget and the evidence here come to it again."""
        by = self.yardstick
        if self.gates != by.gates.digest:
            return (
                f"judged by other gates ({self.gates[:12]}) than those that are to count now ({by.gates.digest[:12]}); "
                "judge it again"
            )
        if self.reference != by.reference.digest:
            return (
                f"judged against other evidence of the teacher ({self.reference[:12]}) than is given here "
                f"({by.reference.digest[:12]}); judge it again"
            )
        again = self.judgement
        if isinstance(again, str):
            return f"cannot be judged again: {again}"
        if again["verdict"] != PASS:
            return f"the verdict says PASS, but judged again it is {again['verdict']}: {again['reason']}"
        told = {name: value for name, value in self.summary.verdict.items() if name != "labels"}
        if different := _differs(told, again):
            return f"judged again, {different} in the verdict comes out otherwise; judge it again"
        return None

    def _contradiction(self) -> str | None:
        """A PASS that its own gates or claims do not carry is no verdict."""
        from bedside.gates.verdict import TITLES

        if not self.summary.passes:
            return None
        if not self.summary.claimed:
            return "the verdict says PASS but claims no class"
        named = {gate["id"] for gate in self.summary.verdict["gates"]}
        if missing := [name for name in TITLES if name not in named]:
            return f"the verdict says PASS but does not name gates {', '.join(missing)}; judge it again"
        failed = ", ".join(str(gate["id"]) for gate in self.summary.failed)
        return f"the verdict says PASS but gate {failed} does not" if failed else None

    def _verdict(self) -> str | None:
        verdict = self.summary.verdict["verdict"]
        return None if verdict == PASS else f"{verdict}: {self.summary.why}"


def _logits(evidence: Artifact) -> bytes:
    from bedside import tensors

    file = evidence / "predictions.safetensors"
    with tensors.reading(file):
        return bytes(tensors.load(file)["logits"].tobytes())


def _differs(told: Any, again: Any, path: str = "") -> str | None:
    """Where two verdicts differ by more than another CPU's rounding; None where they do not."""
    if isinstance(told, Mapping) and isinstance(again, Mapping):
        missing = sorted(set(told) ^ set(again))
        both = [name for name in again if name in told]
        inner = (_differs(told[name], again[name], f"{path}.{name}" if path else str(name)) for name in both)
        return f"{path}.{missing[0]}".strip(".") if missing else next(filter(None, inner), None)
    if isinstance(told, list | tuple) and isinstance(again, list | tuple):
        if len(told) != len(again):
            return path
        return next(
            filter(None, (_differs(*pair, f"{path}.{i}") for i, pair in enumerate(zip(told, again, strict=True)))), None
        )
    return None if _alike(told, again) else path


def _alike(told: Any, again: Any) -> bool:
    if isinstance(told, str) and isinstance(again, str) and told != again:
        numbers = [[float(number) for number in _NUMBER.findall(text)] for text in (told, again)]
        same_words = _NUMBER.sub("", told) == _NUMBER.sub("", again)
        return same_words and all(math.isclose(*pair, rel_tol=0.01) for pair in zip(*numbers, strict=True))
    if isinstance(told, float | int) and isinstance(again, float | int):
        return math.isclose(told, again, rel_tol=1e-4, abs_tol=1e-9)
    return bool(told == again)


def candidates(
    graphs: Sequence[Artifact], evidence: Sequence[Artifact], verdicts: Sequence[Artifact], yardstick: Yardstick
) -> list[Candidate]:
    """The deployments of one target, from three lists in one order; RefusedError where they do not belong together."""
    if not len(graphs) == len(evidence) == len(verdicts) or not graphs:
        raise RefusedError(
            f"{len(graphs)} graphs, {len(evidence)} evidence and {len(verdicts)} verdict folders: "
            "give one of each per variant, in the same order"
        )
    found = [Candidate(*three, yardstick) for three in zip(graphs, evidence, verdicts, strict=True)]
    for candidate in found:
        _check_form(candidate)
    targets, variants = {c.summary.target for c in found}, [c.variant for c in found]
    if len(targets) > 1:
        raise RefusedError(
            f"promotion is per target, but these are of {', '.join(sorted(targets))}; call it once for each"
        )
    doubled = sorted({name for name in variants if variants.count(name) > 1})
    if doubled:
        raise RefusedError(f"given twice: {', '.join(doubled)}; give each variant once")
    _check_alike("gates", {c.variant: c.gates for c in found})
    _check_alike("references", {c.variant: c.reference for c in found})
    _check_one_cpu({c.variant: c.summary.cpu_kind for c in found})
    return found


def _check_one_cpu(kinds: dict[str, str]) -> None:
    """The fastest is sought, and times of different kinds of CPU cannot be ranked; RefusedError names one of each."""
    examples = {kind: variant for variant, kind in reversed(kinds.items())}
    if len(examples) > 1:
        told = ", ".join(f"{variant} on {kind}" for kind, variant in reversed(examples.items()))
        raise RefusedError(f"measured on different kinds of CPU: {told}; evaluate them again, all on one")


def _check_alike(what: str, digests: Mapping[str, str]) -> None:
    """What was judged by different yardsticks cannot be ranked; RefusedError names one deployment of each."""
    examples: dict[str, str] = {}
    for variant, digest in digests.items():
        examples.setdefault(digest, variant)
    if len(examples) > 1:
        told = ", ".join(f"{variant} by {digest[:12]}" for digest, variant in examples.items())
        raise RefusedError(f"judged by different {what}: {told}; judge them again, all by the same")


def _check_form(candidate: Candidate) -> None:
    """Half-written reports are refused by name, before anything reads them."""
    needed: list[tuple[Artifact, str, Any, tuple[str, ...]]] = [
        (candidate.evidence, "evidence.json", candidate.summary.evidence, ("deployment", "gross", "latency")),
        (candidate.verdict, "verdict.json", candidate.summary.verdict, ("verdict", "claims", "gates", "gates_digest")),
    ]
    for artifact, file, content, names in needed:
        missing = [name for name in names if not isinstance(content, dict) or name not in content]
        if missing:
            raise RefusedError(
                f"{artifact.path / file}: no {', '.join(missing)} in it; run the stage that makes it again"
            )
