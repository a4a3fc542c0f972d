"""The technique is `bedside.techniques.early_exit`; by this name it is started from the project's folder."""

from bedside.techniques.early_exit import FitEarlyExit, early_exit

__all__ = ["FitEarlyExit", "early_exit"]

if __name__ == "__main__":
    early_exit.main()
