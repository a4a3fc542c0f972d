"""The stage is `bedside.stages.checkout`; by this name it is started from the project's folder."""

from bedside.stages.checkout import checkout

__all__ = ["checkout"]

if __name__ == "__main__":
    checkout.main()
