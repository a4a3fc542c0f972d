"""What existing toolkits make of the same teacher, beside this project's own variants, in one run.

    python -m benchmarks.peers --artifacts artifacts --out docs/results/peers --install

Settings are fixed in the peers' files before anything is measured. The test windows are used only for measuring, as
evaluate opens them, and counted there; nothing is chosen by what they show.
"""

import argparse
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bedside.artifacts import ArtifactError, open_artifact
from bedside.errors import RefusedError
from bedside.gates import Budget, Gates
from bedside.lineage import ROOT, Lineage
from bedside.measurement.environment import environment
from bedside.params import ParamsError, load, lookup
from bedside.targets import Target
from benchmarks.peers.handing_out import hand_out
from benchmarks.peers.handout import Handout
from benchmarks.peers.judging import Judge, judged
from benchmarks.peers.roster import PEERS
from benchmarks.peers.table import markdown, plain

TARGET = "onnxruntime-cpu"


def main() -> None:
    """Make, judge, write; what the user can mend is one message."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"))
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/peers"), help="written with .md and .json")
    parser.add_argument("--work", type=Path, default=Path("build/peers"), help="environments, files made, evidence")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS), metavar="PEER")
    parser.add_argument("--variants", nargs="*", metavar="VARIANT", help="of this project, beside them (default: all)")
    parser.add_argument("--minutes", type=float, default=20.0, help="for one peer's attempts together")
    parser.add_argument("--install", action="store_true", help="make the peers' environments that are not there")
    arguments = parser.parse_args()
    try:
        compare(**vars(arguments))
    except (RefusedError, ParamsError, ArtifactError) as error:
        sys.exit(f"peers: {error}")


def compare(
    *,
    artifacts: Path,
    params: Path,
    out: Path,
    work: Path,
    peers: list[str],
    variants: list[str] | None,
    minutes: float,
    install: bool,
) -> None:
    """The whole comparison; peers and files that are done are not done again."""
    work.mkdir(parents=True, exist_ok=True)
    handout = hand_out(artifacts, params, work)
    attempts = []
    for name in tqdm(peers, desc="peers", unit="peer"):
        if install and PEERS[name].own_python:
            PEERS[name].install(work)
        attempts += PEERS[name].run(handout, work, minutes * 60)
    rows = judge_all(attempts + own_variants(artifacts, params, variants), judge_of(artifacts, params, handout, work))
    write(out, rows)


def judge_of(artifacts: Path, params: Path, handout: Path, work: Path) -> Judge:
    """Gates, budget and target as params.yaml has them."""
    return Judge(
        test=open_artifact(artifacts / "test"),
        gates=load(Gates, f"{params}:gates"),
        budget=load(Budget, f"{params}:budgets.{TARGET}"),
        target=load(Target, f"{params}:targets.{TARGET}"),  # type: ignore[type-abstract, arg-type]  # picked by kind
        target_name=TARGET,
        handout=Handout(handout),
        work=work,
    )


def own_variants(artifacts: Path, params: Path, wanted: list[str] | None = None) -> list[dict[str, Any]]:
    """This project's deployments for the same runtime, as they lie there; all, or those that are wanted."""
    tree = Lineage(variants=lookup(params, "variants"))
    paths = {path.name: path for path in sorted((artifacts / "optimized" / TARGET).glob("[!.]*")) if path.name != ROOT}
    if unknown := set(wanted or ()) - set(paths):
        raise RefusedError(f"--variants: no {', '.join(sorted(unknown))} for {TARGET}; known: {', '.join(paths)}")
    rows = []
    for name in paths if wanted is None else wanted:
        how = " > ".join(tree.variants[step].technique for step in tree.path(name)[1:]) if name in tree.variants else ""
        row = {"peer": "bedside", "tool": "bedside", "name": name, "settings": how, "error": None, "seconds": None}
        rows.append({**row, "graph": open_artifact(paths[name])})
    return rows


def judge_all(attempts: list[dict[str, Any]], judge: Judge) -> list[dict[str, Any]]:
    """The teacher first, then every file beside it; what was not made stays as it is."""
    reference = judge.teacher()
    baseline = judge.evidence(ROOT, reference, reference)
    first = {"peer": "bedside", "tool": "none", "name": "teacher, fp32", "settings": "", "error": None}
    rows = [{**first, "summary": judge.summary(baseline, baseline)}]
    for row in tqdm(attempts, desc="judged", unit="file"):
        name = re.sub(r"[^a-z0-9]+", "-", f"{row['peer']} {row['name']}".lower()).strip("-")
        rows.append(row if row["error"] else judged(judge, name, row, reference, baseline))
    return rows


def write(out: Path, rows: list[dict[str, Any]]) -> None:
    """`out`.md and `out`.json."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".md").write_text(markdown(rows, notes(rows)), encoding="utf-8")
    told = {"date": datetime.now(UTC).date().isoformat(), "environment": environment(), "rows": list(map(plain, rows))}
    out.with_suffix(".json").write_text(
        json.dumps(told, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8"
    )
    print(
        f"{out.with_suffix('.md')}: {sum('summary' in row for row in rows)} graphs, {len(rows)} rows", file=sys.stderr
    )


def notes(rows: list[dict[str, Any]]) -> list[str]:
    """Where the figures come from, and how often the test patients have been used."""
    teacher = rows[0]["summary"]
    openings = sorted(row["summary"].evidence["test"]["openings"] for row in rows if "summary" in row)
    where = teacher.cpu
    return [
        f"{teacher.source}, {teacher.evidence['statistics']['patients']} test patients, {where}, ONNX Runtime "
        f"{teacher.evidence['target']['version']}, one thread, batch 1. Every tool was given the same teacher (ONNX "
        "and torch), the same training, validation and calibration windows, and the settings that its documentation "
        "recommends; none was asked to distil.",
        f"The test patients were used for this comparison (times {openings[0]} to {openings[-1]} that this workspace "
        "measured on them), after all settings were fixed; nothing was chosen by their answers.",
    ]


if __name__ == "__main__":
    main()
