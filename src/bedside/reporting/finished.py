"""Finding the deployments of a finished pipeline, and putting its table into the README."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from bedside.artifacts import open_artifact, write_atomic
from bedside.errors import RefusedError
from bedside.summary import Summary

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


def deployments(artifacts: Path, params: Path = Path("params.yaml")) -> list[Summary]:
    """All judged deployments under `artifacts`, in the order of `params.yaml`; every file is verified."""
    folders = sorted(folder.parent for folder in (artifacts / "verdicts").glob("*/*/manifest.json"))
    if not folders:
        raise RefusedError(f"{artifacts}: nothing has been judged here; run `make demo` or `make repro` first")
    found = [_summary(folder, artifacts / "evidence" / folder.parent.name / folder.name) for folder in folders]
    order = _order(params)
    return sorted(found, key=lambda s: (order.get(s.target, 99), s.target, order.get(s.variant, 99), s.variant))


def _summary(verdict: Path, evidence: Path) -> Summary:
    measured, judged = open_artifact(evidence), open_artifact(verdict)
    if judged.manifest["inputs"]["evidence"] != measured.digest:
        raise RefusedError(f"{verdict}: was given on other evidence than {evidence} holds now; run `dvc repro`")
    return Summary(measured.json("evidence.json"), judged.json("verdict.json"), measured.labels)


def _order(params: Path) -> Mapping[str, int]:
    if not params.is_file():
        return {}
    evaluated = (yaml.safe_load(params.read_text()) or {}).get("evaluated", {})
    return {
        name: i
        for names in (evaluated.get("targets", []), evaluated.get("variants", []))
        for i, name in enumerate(names)
    }


def write_into(readme: Path, table: str) -> None:
    """Replace what stands between the two markers."""
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RefusedError(f"{readme}: has no {BEGIN} ... {END}; add both lines where the results belong")
    write_atomic(readme, f"{before}{BEGIN}\n{table.strip()}\n{END}{after}")


def write_page(folder: Path, table: str, pareto: bytes) -> Path:
    """`README.md` and `pareto.png` in `folder`: all results, as a page that a repository shows; returns the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pareto.png").write_bytes(pareto)
    page = folder / "README.md"
    told = (
        "Written by `bedside results --write` from the evidence of one run; `dvc.lock` names its data, code and models."
    )
    picture = "![Sensitivity of the worst claimed class against p99 latency and size](pareto.png)"
    write_atomic(page, f"# Results: every variant on every target\n\n{told}\n\n{picture}\n\n{table}")
    return page
