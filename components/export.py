"""The stage is `bedside.stages.export`; by this name it is started from the project's folder."""

from bedside.stages.export import Export, export

__all__ = ["Export", "export"]

if __name__ == "__main__":
    export.main()
