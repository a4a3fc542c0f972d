"""The stage is `bedside.stages.optimize`; by this name it is started from the project's folder."""

from bedside.stages.optimize import optimize

__all__ = ["optimize"]

if __name__ == "__main__":
    optimize.main()
