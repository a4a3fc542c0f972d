"""Suite for recordings: a record that breaks a rule is quarantined; a cohort that is left too small is refused."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from tqdm import tqdm

from bedside.artifacts import Artifact
from bedside.datasets.recording import MILLIVOLTS
from bedside.params import ClassName, Share
from bedside.quality.base import Judgement, Validate
from bedside.quality.expectations import KEY, Rule, Table, judging
from bedside.quality.recordings_table import row


def _rising(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError(f"the lower limit {limits[0]:g} is above the upper one {limits[1]:g}, so nothing could pass")
    return limits


Range = Annotated[tuple[pydantic.NonNegativeFloat, pydantic.PositiveFloat], pydantic.AfterValidator(_rising)]


class Recordings(Validate):
    """Limits for every recording, then for the cohort of accepted ones; shares are of the worst lead.

    `rate`, `gain` and `units` say what every header must say; where none is named, the rate is the one that ingest took
    from the source, the unit any of voltage, and the gain each lead's own. No sample may be missing: a causal filter
    never gets over one.
    """

    kind: Literal["recordings"] = "recordings"
    rate: pydantic.PositiveFloat | None = None
    gain: pydantic.PositiveFloat | None = None
    units: str | None = None
    min_seconds: pydantic.NonNegativeFloat = 30.0
    max_flat_share: Share = 0.01
    max_clipped_share: Share = 0.01
    amplitude_mv: Range = (0.1, 10.0)
    beats_per_minute: Range = (20.0, 250.0)
    max_implausible_intervals: Share = 0.05
    max_quarantined_share: Share = 0.2
    min_beats: dict[ClassName, pydantic.NonNegativeInt] = {"N": 1, "S": 1, "V": 1, "F": 1}  # noqa: RUF012  # pydantic copies it

    def judge(self, data: Artifact, docs: Path) -> Judgement:
        entries = data.json("records.json")
        folder = data.path / "records"
        rows = [{KEY: e["record"], **row(folder, e)} for e in tqdm(entries, desc="signal quality", unit="record")]
        with judging(docs) as judge:
            broken = judge(Table("recordings", rows, self._record_rules(entries)))
            unreadable = {r[KEY]: r["problem"] for r in rows if r["problem"]}
            quarantined = {key: unreadable.get(key, "; ".join(reasons)) for key, reasons in broken.items()}
            accepted = [r for r in rows if r[KEY] not in quarantined]
            cohort = self._cohort(entries, accepted, lost=len(quarantined) + len(data.json("quarantine.json")))
            problems = judge(Table("cohort", [cohort], self._cohort_rules()))
        return Judgement([r[KEY] for r in accepted], quarantined, problems.get("cohort", []), rows)

    def _record_rules(self, entries: Sequence[Any]) -> list[Rule]:
        rate = self.rate or statistics.mode(entry["fs"] for entry in entries)
        return [
            Rule("problem", "the files must agree with their header", allowed=("",)),
            Rule("rate", "every window is cut at this rate", rate, rate),
            Rule("units", "amplitudes are in this unit", allowed=(self.units,) if self.units else (*MILLIVOLTS,)),
            *self._gain_rules(),
            Rule("seconds", "long enough for a typical beat to be known", low=self.min_seconds),
            Rule("missing_share", "no sample may be missing", 0, 0),
            Rule("flat_share", "a lead that does not move for a second is off", 0, self.max_flat_share),
            Rule("clipped_share", "the converter must not cut beats off", 0, self.max_clipped_share),
            Rule("amplitude_mv", "a heart beat has this size in mV", *self.amplitude_mv),
            Rule("beats", "intervals are between beats", low=2),
            Rule("beats_per_minute", "a heart beats at this rate", *self.beats_per_minute),
            Rule("implausible_intervals", "beats are missed or doubled", 0, self.max_implausible_intervals),
            Rule("beats_outside", "annotations belong to this signal", 0, 0),
            Rule("unknown_symbols", "every annotation must be known to the task", allowed=("",)),
        ]

    def _gain_rules(self) -> list[Rule]:
        if self.gain is None:
            return []
        meaning = "amplitudes follow from this gain"
        return [Rule(column, meaning, self.gain, self.gain) for column in ("smallest_gain", "largest_gain")]

    def _cohort(self, entries: Sequence[Any], accepted: Sequence[Mapping[str, Any]], lost: int) -> dict[str, Any]:
        kept = {r[KEY] for r in accepted}
        return {
            KEY: "cohort",
            "patients": len({e["patient"] for e in entries if e["record"] in kept}),
            "quarantined_share": lost / max(1, len(accepted) + lost),
            **{f"beats_{name}": sum(r[f"beats_{name}"] for r in accepted) for name in self.min_beats},
        }

    def _cohort_rules(self) -> list[Rule]:
        return [
            Rule("patients", "four splits need four patients", low=4),
            Rule("quarantined_share", "too many records are damaged to trust the rest", 0, self.max_quarantined_share),
            *(Rule(f"beats_{name}", f"class {name} must be present", low=n) for name, n in self.min_beats.items()),
        ]
