"""The stage is `bedside.stages.prepare`; by this name it is started from the project's folder."""

from bedside.stages.prepare import prepare

__all__ = ["prepare"]

if __name__ == "__main__":
    prepare.main()
