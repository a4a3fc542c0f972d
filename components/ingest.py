"""The stage is `bedside.stages.ingest`; by this name it is started from the project's folder."""

from bedside.stages.ingest import ingest

__all__ = ["ingest"]

if __name__ == "__main__":
    ingest.main()
