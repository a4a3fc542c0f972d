"""The technique is `bedside.techniques.substitute`; by this name it is started from the project's folder."""

from bedside.techniques.substitute import Substitute, substitute

__all__ = ["Substitute", "substitute"]

if __name__ == "__main__":
    substitute.main()
