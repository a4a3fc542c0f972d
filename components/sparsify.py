"""The technique is `bedside.techniques.sparsify`; by this name it is started from the project's folder."""

from bedside.techniques.sparsify import Sparsify, sparsify

__all__ = ["Sparsify", "sparsify"]

if __name__ == "__main__":
    sparsify.main()
