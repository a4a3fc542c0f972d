"""The technique is `bedside.techniques.quantize`; by this name it is started from the project's folder."""

from bedside.techniques.quantize import Quantize, quantize

__all__ = ["Quantize", "quantize"]

if __name__ == "__main__":
    quantize.main()
