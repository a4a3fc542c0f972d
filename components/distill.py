"""The technique is `bedside.techniques.distill`; by this name it is started from the project's folder."""

from bedside.techniques.distill import Distill, distill

__all__ = ["Distill", "distill"]

if __name__ == "__main__":
    distill.main()
