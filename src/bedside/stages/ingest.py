"""ingest: publisher, mirror or simulator -> raw recordings, every file and every signal checked."""

import sys
from pathlib import Path
from typing import Any

from bedside.artifacts import DatasetOut, write_json
from bedside.component import Metrics, component
from bedside.datasets.base import Source
from bedside.datasets.people import describe
from bedside.datasets.reading import read
from bedside.datasets.recording import SUFFIXES, RecordingError, shown
from bedside.errors import RefusedError
from bedside.redaction import cleaned


@component(image="train")
def ingest(*, recordings: DatasetOut, source: Source) -> Metrics:
    """Bring recordings as they were published; a damaged one is quarantined with the reason, never kept."""
    folder = recordings / "records"
    folder.mkdir()
    quarantine = cleaned(source.fetch(folder))
    described = []
    for header in sorted(folder.glob("*.hea")):
        if header.stem in quarantine:  # with the reason why it could not be brought, of which this is what is left
            continue
        try:
            described.append(_describe(folder, header.stem, source))
        except RecordingError as error:
            quarantine[header.stem] = str(error)
    if not described:
        reasons = "; ".join(f"{record}: {reason}" for record, reason in list(quarantine.items())[:3])
        raise RefusedError(f"no recording is fit for use ({reasons}); check the source or its mirror")
    for record, reason in sorted(quarantine.items()):
        print(f"quarantined {record}: {reason}", file=sys.stderr)
        for suffix in SUFFIXES:
            (folder / f"{record}{suffix}").unlink(missing_ok=True)
    write_json(recordings / "records.json", described)
    write_json(recordings / "quarantine.json", quarantine)
    write_json(recordings / "labels.json", {"source": source.label, **_assumed(described)})
    return {
        "recordings/records": float(len(described)),
        "recordings/patients": float(len({each["patient"] for each in described})),
        "recordings/quarantined": float(len(quarantine)),
        "recordings/hours": sum(each["samples"] / each["fs"] for each in described) / 3600,
    }


def _describe(folder: Path, record: str, source: Source) -> dict[str, Any]:
    """One row of records.json, after the header, the signal and the annotations have been checked."""
    recording = read(folder, {"record": record, "assumed_gain": source.uncalibrated_gain})
    header = recording.header
    if problems := source.mismatches(header) + recording.problems():
        raise RecordingError("; ".join(problems))
    assumed = {} if recording.assumed_gain is None else {"assumed_gain": recording.assumed_gain}
    return {
        "record": record,
        "patient": source.patient(record),
        **describe(header),
        **assumed,
        "fs": header.rate,
        "leads": [shown(number, lead) for number, lead in enumerate(header.leads)],
        "samples": header.samples,
    }


def _assumed(described: list[dict[str, Any]]) -> dict[str, str]:
    """A label that travels into the evidence: amplitudes that nobody measured are a premise of what was shown."""
    gains = [each["assumed_gain"] for each in described if "assumed_gain" in each]
    return {"assumed_gain": f"{gains[0]:g} in {len(gains)} of {len(described)} recordings"} if gains else {}


if __name__ == "__main__":
    ingest.main()
