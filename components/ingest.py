"""ingest: publisher, mirror or simulator -> raw recordings, every file and every signal checked."""

import sys
from pathlib import Path
from typing import Any

from bedside.artifacts import DatasetOut, write_json
from bedside.component import Metrics, component
from bedside.datasets.base import Source
from bedside.datasets.people import describe
from bedside.datasets.recording import SUFFIXES, RecordingError, differences, read_annotations, read_header, read_signal
from bedside.errors import RefusedError


@component(image="train")
def ingest(*, recordings: DatasetOut, source: Source) -> Metrics:
    """Bring recordings as they were published; a damaged one is quarantined with the reason, never kept."""
    folder = recordings / "records"
    folder.mkdir()
    quarantine = source.fetch(folder)
    described = []
    for header in sorted(folder.glob("*.hea")):
        if header.stem in quarantine:  # with the reason why it could not be brought, of which this is what is left
            continue
        try:
            described.append(_describe(folder, header.stem, source))
        except (RecordingError, OSError) as error:
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
    write_json(recordings / "labels.json", {"source": source.label})
    return {
        "recordings/records": float(len(described)),
        "recordings/patients": float(len({each["patient"] for each in described})),
        "recordings/quarantined": float(len(quarantine)),
        "recordings/hours": sum(each["samples"] / each["fs"] for each in described) / 3600,
    }


def _describe(folder: Path, record: str, source: Source) -> dict[str, Any]:
    """One row of records.json, after the header, the signal and the annotations have been checked."""
    header = read_header(folder / f"{record}.hea")
    if problems := source.mismatches(header) + differences(header, read_signal(folder, header)):
        raise RecordingError("; ".join(problems))
    read_annotations(folder / f"{record}.atr")
    return {
        "record": record,
        "patient": source.same_person().get(record, record),
        **describe(header),
        "fs": header.rate,
        "leads": [lead.name for lead in header.leads],
        "samples": header.samples,
    }


if __name__ == "__main__":
    ingest.main()
