"""All measurements of one deployment, beside the reference on the same target, in one process and one run."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pydantic
from tqdm import tqdm

from bedside.edge.runner import Arrays, Runner
from bedside.graph.plain import Plain
from bedside.measurement.adaptive import both_paths
from bedside.measurement.environment import environment, pinned
from bedside.measurement.latency import Rotation, affordable, interleaved, percentiles, ratios, timed
from bedside.measurement.plain import against_plain
from bedside.measurement.process import cold_starts
from bedside.measurement.provenance import provenance
from bedside.params import Params
from bedside.targets.base import Target

POWER = "no energy counter or meter is read"


class Measure(Params):
    """How long to measure: `windows` of `runs` each (or what fits into `seconds`), fresh processes, batch sizes."""

    windows: int = pydantic.Field(default=5, gt=0)
    runs: int = pydantic.Field(default=1000, gt=0)
    warmup: int = pydantic.Field(default=100, ge=0)
    seconds: float = pydantic.Field(default=2.0, gt=0)
    batches: tuple[pydantic.PositiveInt, ...] = (1, 4, 16, 64, 256)
    processes: int = pydantic.Field(default=3, gt=0)

    @property
    def spent(self) -> dict[str, Any]:
        """What graphs that take turns are given (`latency.interleaved`)."""
        return self.model_dump(include={"windows", "runs", "warmup", "seconds"})


@dataclass(frozen=True)
class Measurement:
    """The two graphs (files as optimized for `target`) and real windows to run them on.

    `without` is what the graph would be without its trick, as a file for the same target; None where it has none.
    """

    target: Target
    graph: bytes
    reference: bytes
    inputs: Arrays
    without: Plain | None = None

    def take(self, how: Measure) -> dict[str, Any]:
        """latency, throughput, cold_start, memory, energy, size_bytes, environment; the provenance of each figure."""
        around = environment()
        started = cold_starts(how.processes, self.graph, self.target.run)
        with pinned(self.target.threads) as cores:
            graph, reference = self.target.session(self.graph), self.target.session(self.reference)
            latency = self._latency(graph, reference, how)
            throughput = {str(batch): self._throughput(graph, batch, how) for batch in tqdm(how.batches, "batch sweep")}
            adaptive = both_paths(self.target, self.graph, graph, self.inputs, how.runs, how.seconds / 4)
        figures = {
            "latency": latency,
            "throughput": throughput,
            **started,
            **({"adaptive": adaptive} if adaptive else {}),
            "energy": {"millijoule_per_window": None},
            "size_bytes": len(self.graph),
        }
        return {
            **figures,
            "environment": {**around, "cores_pinned": cores, "energy": POWER},
            "provenance": _labelled(figures, emulated=around["emulated"]),
        }

    def _latency(self, graph: Runner, reference: Runner, how: Measure) -> dict[str, Any]:
        """Batch 1: percentiles of both, and how many times faster than the reference, pair by pair."""
        calls = [Rotation(runner, self.inputs) for runner in (graph, reference)]
        mine, theirs = interleaved(*calls, **how.spent)
        return {
            **percentiles(mine),
            "window_p50_ms": [float(np.median(window)) for window in mine],
            "runs_per_window": len(mine[0]),
            "reference": {**percentiles(theirs), "runs_per_window": len(theirs[0])},
            "times_faster": ratios(mine, theirs),
            "against_plain": self._against_plain(graph, how),
        }

    def _against_plain(self, graph: Runner, how: Measure) -> dict[str, Any] | None:
        if self.without is None:
            return None
        return against_plain(self.target, self.graph, graph, self.without, self.inputs, **how.spent)

    def _throughput(self, graph: Runner, batch: int, how: Measure) -> dict[str, float]:
        """Windows per second at this batch size."""
        call = Rotation(graph, self.inputs, batch)
        spent = timed(call, affordable(call, max(how.runs // batch, 20), how.seconds / 4))
        p50 = float(np.median(spent))
        return {"p50_ms": p50, "windows_per_second": batch / p50 * 1e3}


def _labelled(figures: dict[str, Any], *, emulated: bool) -> dict[str, str]:
    """An emulated CPU's time, memory and energy are not those of any device; a file has its size anywhere."""
    size = {"size_bytes": figures["size_bytes"]}
    return provenance(figures, "emulated" if emulated else "measured") | provenance(size, "measured")
