"""Sign-offs that must not count: the author's own, and one of a bundle that somebody else signed."""

import os

from bedside.registry import signing
from bedside.registry.log import PromotionLog
from benchmarks.faults import deployed
from benchmarks.faults.rows import HELD, Outcome, Try, not_built, row, wrong
from benchmarks.faults.stages import say
from tests.support.promoting import aliases, promoted, stored

SPELLINGS = (
    "grace@example.org",
    "Grace@Example.org",
    " grace@example.org ",
    "GRACE@EXAMPLE.ORG",
    "grace@example.org\n",
)


@row("reviewer = author, forged signature", 10, "refused and logged")
def reviewer(attempt: Try) -> Outcome:
    """The author signs off; or somebody else does, on a bundle that was signed again with a stranger's key."""
    maker = deployed.workspace(attempt)
    promoted([maker.make("pruned")], attempt.folder / "decision", sign_off=True)
    who = SPELLINGS[attempt.number // 2 % len(SPELLINGS)] if attempt.number % 2 else "ada@example.org"
    if not attempt.number % 2:
        forge()
    told = deployed.signed_off("1", who)
    say(str(told))
    if told is None or "champion" in aliases():
        return wrong(f"{who!r} made it champion")
    logged = [entry["state"] for entry in PromotionLog().verify()]
    return HELD if logged[-1] == "REFUSED" else wrong(f"the refusal is not in the log, which ends with {logged[-1]}")


def forge() -> None:
    """Write over the graph in the registry, and sign the folder with another key."""
    folder = stored("1")
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes() + b"\0")
    own = os.environ["BEDSIDE_HOME"]
    os.environ["BEDSIDE_HOME"] = "stranger"
    signing.sign(folder)
    os.environ["BEDSIDE_HOME"] = own


not_built("expired waiver, also by a moved clock", 5, "refused and logged", "no waivers: nothing sets a gate aside")
