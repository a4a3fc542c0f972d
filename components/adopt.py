"""The stage is `bedside.stages.adopt`; by this name it is started from the project's folder."""

from bedside.stages.adopt import Adopt, adopt

__all__ = ["Adopt", "adopt"]

if __name__ == "__main__":
    adopt.main()
