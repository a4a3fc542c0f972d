"""The technique is `bedside.techniques.prune`; by this name it is started from the project's folder."""

from bedside.techniques.prune import Prune, prune

__all__ = ["Prune", "prune"]

if __name__ == "__main__":
    prune.main()
