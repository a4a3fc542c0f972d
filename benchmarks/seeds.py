"""How much of a result is luck: the teacher and some variants again, with other seeds.

    python -m benchmarks.seeds --seeds 1 2 --out docs/results/seeds.md

Each seed is the pipeline itself in a workspace of its own (build/seeds/1, ...): same data, split, recipe and gates, but
every training on the way draws other weights, windows and dropout, the committee's members too. The first rows are
the project's own run, from --artifacts. Nothing is chosen by what the test patients show here.
"""

import argparse
import copy
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bedside.lineage import ROOT, Lineage
from bedside.params import read_yaml
from bedside.reporting.finished import deployments
from bedside.summary import Summary, text
from benchmarks.peers.table import verdict
from pipelines.workspace import lay_out, run

OWN = "the project's run"
CLASSES = ("V", "S")
TRAININGS = ("training", "edge_training")
LEGEND = (
    "F1, Se (sensitivity), +P (positive predictivity): all test beats pooled; in brackets 95% intervals over patients, "
    "in parentheses the lowest and highest figure when one patient is left out. Plain accuracy flatters: answering N "
    "to everything scores 89.0% on MIT-BIH's test patients. The verdict names the gates that "
    "fail (docs/clinical-gates.md); a teacher fails the size budget (G15) by design."
)


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), help="of the project's own run")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--variants", nargs="+", default=["tiny", "smallest"])
    parser.add_argument("--target", default="onnxruntime-cpu")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--work", type=Path, default=Path("build/seeds"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/seeds.md"))
    given = parser.parse_args()
    rows = [(OWN, summary) for summary in _of(given.artifacts, given)]
    for seed in given.seeds:
        folder = given.work / str(seed)
        rows += [(str(seed), summary) for summary in _of(trained(folder, seed, given) / "artifacts", given)]
    given.out.write_text(page(rows), encoding="utf-8")
    print(f"{given.out}: {len(rows)} deployments", file=sys.stderr)


def trained(folder: Path, seed: int, given: argparse.Namespace) -> Path:
    """The workspace of one seed with its pipeline run to the end; done stages are not done again."""
    profile = folder.parent / f"{seed}.yaml"
    profile.parent.mkdir(parents=True, exist_ok=True)
    params = read_yaml(given.params)
    profile.write_text(
        yaml.safe_dump(overlay(params, given.variants, given.target, seed), sort_keys=False), encoding="utf-8"
    )
    lay_out(folder, profile)
    if run(folder):
        sys.exit(f"seeds: the pipeline in {folder} is not finished; its messages are above, the same command goes on")
    return folder


def overlay(params: Mapping[str, Any], wanted: Sequence[str], target: str, seed: int) -> dict[str, Any]:
    """What to change in `params`: only the ways to `wanted`, on one target, with every training's seed another one."""
    tree = Lineage(variants=params["variants"])
    way = {step for name in wanted for step in tree.path(name)[1:]}
    variants: dict[str, Any] = {name: {"params": _seeded(params["variants"][name]["params"], seed)} for name in way}
    variants |= {name: None for name in params["variants"] if name not in way}
    teacher = with_seed(params["train_teacher"], seed)
    evaluated = {"variants": [ROOT, *wanted], "targets": [target]}
    return {"train_teacher": teacher, "variants": variants, "evaluated": evaluated}


def with_seed(params: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The teacher's recipe with other draws throughout; seed 0 is the recipe itself."""
    teacher = _seeded(params, seed)
    if committee := teacher.get("committee"):
        members = len(committee["seeds"])
        committee["seeds"] = [seed * members + member for member in range(members)]
    return teacher


def _seeded(params: Mapping[str, Any], seed: int) -> dict[str, Any]:
    changed = copy.deepcopy(dict(params))
    for name in TRAININGS:
        if name in changed:
            changed[name]["seed"] = seed
    return changed


def _of(artifacts: Path, given: argparse.Namespace) -> Iterator[Summary]:
    """The teacher and the variants on the target, as their evidence says."""
    found = {(one.variant, one.target): one for one in deployments(artifacts, given.params)}
    for name in (ROOT, *given.variants):
        if (name, given.target) not in found:
            sys.exit(f"seeds: no evidence of {name} on {given.target} in {artifacts}; run `make repro` there first")
        yield found[name, given.target]


def page(rows: Iterable[tuple[str, Summary]]) -> str:
    """A markdown page with one table."""
    told = list(rows)
    columns = [
        "seeds",
        "variant",
        "accuracy",
        *(f"{name} {figure}" for name in CLASSES for figure in ("F1", "Se", "+P")),
    ]
    lines = [
        [seed, one.variant, f"{one.figure('accuracy') or 0:.3f}", *_figures(one), verdict(one)] for seed, one in told
    ]
    table = [f"| {' | '.join([*columns, 'verdict'])} |", "|" + "---|" * (len(columns) + 1)]
    table += [f"| {' | '.join(map(text, line))} |" for line in lines]
    where = f"{told[0][1].source}, {told[0][1].evidence['statistics']['patients']} test patients, {told[0][1].target}."
    head = ["# The same recipe with other seeds", f"Written by `python -m benchmarks.seeds`: {where}"]
    return "\n\n".join([*head, "\n".join(table), LEGEND]) + "\n"


def _figures(one: Summary) -> Iterator[str]:
    for name in CLASSES:
        yield f"{one.figure(f'gross.{name}.f1') or 0:.3f}"
        for metric in ("sensitivity", "predictivity"):
            left_out = one.evidence["gross"][name]["leave_one_patient_out"][metric]
            yield f"{one.gross(name, metric)} ({left_out['low']:.3f}-{left_out['high']:.3f})"


if __name__ == "__main__":
    main()
