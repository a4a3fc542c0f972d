"""The stage is `bedside.stages.evaluate`; by this name it is started from the project's folder."""

from bedside.stages.evaluate import Evaluate, evaluate

__all__ = ["Evaluate", "evaluate"]

if __name__ == "__main__":
    evaluate.main()
