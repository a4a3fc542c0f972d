"""A peer as toolkits are: one attempt works, one raises, one says nothing, and one may take long."""

import shutil
import time
from pathlib import Path

from benchmarks.peers.handout import Attempt, Handout, main


def copy(handout: Handout, target: Path) -> None:
    with (handout.folder / "calls.txt").open("a") as calls:
        calls.write("copy\n")
    shutil.copyfile(handout.onnx, target)


def fail(handout: Handout, target: Path) -> None:
    del handout, target
    try:
        raise IndexError("\n\x1b[96mno kernel for LSTM\x1b[0m\nsee the log")
    except IndexError as cause:
        raise RuntimeError("the export failed") from cause


def nothing(handout: Handout, target: Path) -> None:
    pass


def slow(handout: Handout, target: Path) -> None:
    time.sleep(handout.facts["seconds"])
    shutil.copyfile(handout.onnx, target)


if __name__ == "__main__":
    main([Attempt(make.__name__, "as documented", make) for make in (copy, fail, nothing, slow)], ["numpy"])
