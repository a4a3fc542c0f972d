"""The stage is `bedside.stages.promote`; by this name it is started from the project's folder."""

from bedside.stages.promote import promote

__all__ = ["promote"]

if __name__ == "__main__":
    promote.main()
