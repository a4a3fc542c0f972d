"""The stage `code` of dvc.yaml: one digest per stage, which the stages have for a parameter.

python -m bedside.fingerprint --params params.yaml --out code.json
"""

import argparse
import json
import sys
from pathlib import Path

from bedside.configuration import read
from bedside.errors import RefusedError
from bedside.fingerprint.pipeline import digests
from bedside.params import ParamsError


def main() -> None:
    """What the user can correct is one message."""
    parser = argparse.ArgumentParser(prog="python -m bedside.fingerprint", description=__doc__)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--out", type=Path, default=Path("code.json"))
    given = parser.parse_args()
    try:
        told = digests(read(given.params))
    except (ParamsError, RefusedError, SyntaxError) as error:
        sys.exit(f"code: {error}")
    given.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
