"""A deployment that asks to be promoted: its three artifacts, held against each other before anything is signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bedside.artifacts import Artifact
from bedside.errors import RefusedError
from bedside.summary import PASS, Summary


@dataclass(frozen=True)
class Candidate:
    """An optimized graph, the evidence measured on its bytes and the verdict on that evidence."""

    graph: Artifact
    evidence: Artifact
    verdict: Artifact

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
        return {"variant": self.variant, "graph": self.graph_sha256, "gates": self.gates}

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
        return self._maker() or self._mismatch() or elsewhere or self._contradiction() or self._verdict()

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


def candidates(
    graphs: Sequence[Artifact], evidence: Sequence[Artifact], verdicts: Sequence[Artifact]
) -> list[Candidate]:
    """The deployments of one target, from three lists in one order; RefusedError where they do not belong together."""
    if not len(graphs) == len(evidence) == len(verdicts) or not graphs:
        raise RefusedError(
            f"{len(graphs)} graphs, {len(evidence)} evidence and {len(verdicts)} verdict folders: "
            "give one of each per variant, in the same order"
        )
    found = [Candidate(*three) for three in zip(graphs, evidence, verdicts, strict=True)]
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
