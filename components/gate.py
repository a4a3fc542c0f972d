"""The stage is `bedside.stages.gate`; by this name it is started from the project's folder."""

from bedside.stages.gate import gate

__all__ = ["gate"]

if __name__ == "__main__":
    gate.main()
