"""The stage is `bedside.stages.validate`; by this name it is started from the project's folder."""

from bedside.stages.validate import validate

__all__ = ["validate"]

if __name__ == "__main__":
    validate.main()
