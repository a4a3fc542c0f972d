"""The technique is `bedside.techniques.factorize`; by this name it is started from the project's folder."""

from bedside.techniques.factorize import Factorize, factorize

__all__ = ["Factorize", "factorize"]

if __name__ == "__main__":
    factorize.main()
