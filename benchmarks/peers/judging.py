"""Every file is judged as a deployment of this project is: same stage, same test patients, same gates, same clock."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from bedside.artifacts import Artifact, ArtifactError, commit, open_artifact, staged
from bedside.edge.on_onnxruntime import OnnxRuntimeRunner
from bedside.gates import Budget, Gates, judge, open_case
from bedside.graph.operators import histogram
from bedside.graph.reading import model_of
from bedside.lineage import ROOT, Deployment
from bedside.measurement import Measure
from bedside.summary import Summary
from bedside.targets.onnxruntime import OnnxRuntime
from benchmarks.peers.handout import EXPECTED, Handout, in_a_line, one_by_one
from components.evaluate import Evaluate, evaluate

HOW = Evaluate(measure=Measure(seconds=1.0, batches=(1,), processes=1))
# Shares of a graph's numbers that are not fp32: then it answers to G5 and G7, not to equality with its network (G14).
OTHER_NUMBERS = frozenset({onnx.TensorProto.INT8, onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT16})


@dataclass(frozen=True)
class Judge:
    """The test artifact, the limits, and the folder where evidence is kept for as long as nothing changes."""

    test: Artifact
    gates: Gates
    budget: Budget
    target: OnnxRuntime
    target_name: str
    handout: Handout
    work: Path
    how: Evaluate = HOW

    def teacher(self) -> Artifact:
        """The yardstick: the handed-out teacher as this project deploys it, in fp32."""
        return self.wrapped(ROOT, self.target.compiled(self.handout.onnx.read_bytes()), None)

    def wrapped(self, name: str, file: bytes, expected: Path | None) -> Artifact:
        """A file as the artifact that the evaluation reads: with its audit, its parity, and what it is timed beside."""
        exported = self.handout.onnx.read_bytes()
        facts = {
            "audit": {**self.target.audited(exported, file), "pairs": self.target.pairs(file)},
            "parity": self._parity(file, expected),
            "complexity": {"parameters": None, "macs": None, "activation_peak_bytes": None},  # of unknown operators
        }
        path = self.work / "graphs" / name
        with staged(path) as staging:
            (staging / "model.onnx").write_bytes(file)
            if facts["parity"]["kind"] == "int8":  # what the tool was given is what its integers are timed beside (G19)
                (staging / "plain.onnx").write_bytes(self.target.compiled(exported))
                facts["plain"] = {"kind": "float"}
            facts["run"] = self.target.run.as_json()
            for key, told in facts.items():
                (staging / f"{key}.json").write_text(json.dumps(told), encoding="utf-8")
            return open_artifact(commit(staging, path, {"labels": self.test.labels}).path)

    def _parity(self, file: bytes, expected: Path | None) -> dict[str, Any]:
        """Against the network that the file was exported from; without its answers, against the teacher."""
        feed = {name: array[:EXPECTED] for name, array in self.handout.calibration().items()}
        found = _alone(file, feed)
        known = expected is not None and expected.is_file()
        wanted = np.load(expected) if known and expected else _alone(self.handout.onnx.read_bytes(), feed)
        told = {
            "max_abs_difference": float(np.abs(found - wanted).max()),
            "label_changes": int((found.argmax(1) != wanted.argmax(1)).sum()),
            "windows": len(found),
        }
        kind = "int8" if _has_other_numbers(file) else "fp32"
        return {"kind": kind, **told, "on_target": told}  # the file itself was run: there is no step in between

    def evidence(self, name: str, graph: Artifact, reference: Artifact) -> Artifact:
        """The evaluation of one graph beside the teacher; what was found before is kept as long as all inputs are."""
        artifacts = {"graph": graph, "reference": reference, "test": self.test}
        inputs = {name: artifact.digest for name, artifact in artifacts.items()}
        inputs["code"] = evaluate.code(self.target, self.how)
        path = self.work / "evidence" / name
        try:
            found = open_artifact(path)
            if found.manifest["inputs"] == inputs:
                return found
        except ArtifactError:  # not there, or damaged: evaluate
            pass
        with staged(path) as staging:
            evaluate.function(
                test=self.test,
                graph=graph,
                reference=reference,
                evidence=staging,
                deployment=Deployment(variant=name, target=self.target_name),
                target=self.target,
                params=self.how,
            )
            commit(staging, path, {"inputs": inputs, "labels": self.test.labels})
        return open_artifact(path)

    def summary(self, evidence: Artifact, reference: Artifact) -> Summary:
        """Figures and verdict of an evaluated graph."""
        verdict = judge(open_case(evidence, reference, self.gates, self.budget))
        return Summary(evidence.json("evidence.json"), verdict, evidence.labels)


def judged(judge_: Judge, name: str, row: dict[str, Any], reference: Artifact, baseline: Artifact) -> dict[str, Any]:
    """A row with its summary, or with what went wrong when its file was loaded, run or counted."""
    try:
        graph = row["graph"] if "graph" in row else _graph(judge_, name, row["path"])
        evidence = judge_.evidence(name, graph, reference)
        return {**row, "summary": judge_.summary(evidence, baseline)}
    except Exception as problem:  # a file that cannot be run is a finding about its maker
        return {**row, "error": f"made a file that cannot be used: {in_a_line(problem)}"}


def _graph(judge_: Judge, name: str, file: Path) -> Artifact:
    return judge_.wrapped(name, file.read_bytes(), file.with_suffix(".expected.npy"))


def _alone(file: bytes, feed: dict[str, Any]) -> Any:
    """Logits (window, class), one window at a time as on a device."""
    run = OnnxRuntimeRunner(file)
    return np.concatenate([run(window) for window in one_by_one(feed)])


def _has_other_numbers(file: bytes) -> bool:
    model = model_of(file)
    stored = {tensor.data_type for tensor in model.graph.initializer}
    return bool(stored & OTHER_NUMBERS) or "DynamicQuantizeLinear" in histogram(file)
