"""ingest: publisher, mirror, own files or simulator -> raw recordings, every file and every signal checked."""

import sys
from pathlib import Path

from bedside.artifacts import DatasetOut, write_json
from bedside.component import Metrics, component
from bedside.datasets.base import Row, Source, seconds
from bedside.datasets.recording import RecordingError
from bedside.errors import RefusedError
from bedside.redaction import cleaned


@component(image="train")
def ingest(*, recordings: DatasetOut, source: Source) -> Metrics:
    """Bring recordings as they were published; a damaged one is quarantined with the reason, never kept."""
    folder = recordings / "records"
    folder.mkdir()
    quarantine: dict[str, str] = cleaned(source.fetch(folder))
    described: list[Row] = []
    for record in _there(folder, source):
        if record in quarantine:  # with the reason why it could not be brought, of which this is what is left
            continue
        try:
            described.append(source.describe(folder, record))
        except RecordingError as error:
            quarantine[record] = str(error)
    if not described:
        reasons = "; ".join(f"{record}: {reason}" for record, reason in list(quarantine.items())[:3])
        raise RefusedError(f"no recording is fit for use ({reasons}); check the source or its mirror")
    for record, reason in sorted(quarantine.items()):
        print(f"quarantined {record}: {reason}", file=sys.stderr)
        for ending in source.layout.endings:
            (folder / f"{record}{ending}").unlink(missing_ok=True)
    write_json(recordings / "records.json", described)
    write_json(recordings / "quarantine.json", quarantine)
    write_json(recordings / "labels.json", {"source": source.label, **source.premises(described)})
    return {
        "recordings/records": float(len(described)),
        "recordings/patients": float(len({each["patient"] for each in described})),
        "recordings/quarantined": float(len(quarantine)),
        **_hours(described),
    }


def _there(folder: Path, source: Source) -> list[str]:
    """The records of which something was brought."""
    ending = source.layout.endings[0]
    return sorted(file.name.removesuffix(ending) for file in folder.glob(f"*{ending}"))


def _hours(described: list[Row]) -> Metrics:
    """What there is in all, where the source knows how long each recording is."""
    known = [length for each in described if (length := seconds(each)) is not None]
    return {"recordings/hours": sum(known) / 3600} if len(known) == len(described) else {}


if __name__ == "__main__":
    ingest.main()
