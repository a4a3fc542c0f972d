"""checkout: a git revision and a DVC remote -> exactly the recordings of that revision, in place of `ingest`."""

from bedside import tracking
from bedside.artifacts import MANIFEST, DatasetOut, open_artifact
from bedside.component import Metrics, component
from bedside.versions import DataVersion
from bedside.versions.remote import Remote
from bedside.versions.revision import locked


@component(image="train")
def checkout(*, recordings: DatasetOut, version: DataVersion) -> Metrics:
    """Bring the recordings of one data version; every byte is held against what git and their manifest say."""
    wanted = locked(version.repository, version.revision)
    if run := tracking.current():
        run.tags({"data.version": wanted.md5, "data.commit": wanted.commit})
    Remote(version.remote, version.endpoint).folder(wanted.md5, wanted.size, recordings)
    rows = open_artifact(recordings).json("records.json")
    (recordings / MANIFEST).unlink()  # of the stage that made them; this one writes its own
    return {
        "recordings/records": float(len(rows)),
        "recordings/megabytes": wanted.size / 1e6,
    }


if __name__ == "__main__":
    checkout.main()
