"""The technique is `bedside.techniques.cascade`; by this name it is started from the project's folder."""

from bedside.techniques.cascade import FitCascade, cascade

__all__ = ["FitCascade", "cascade"]

if __name__ == "__main__":
    cascade.main()
