"""Finding the deployments of a finished pipeline, and putting its table into the README."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from bedside.artifacts import open_artifact, write_atomic
from bedside.errors import RefusedError
from bedside.params import lookup
from bedside.summary import Summary

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
GUIDE = "how-to-read.md"


def deployments(artifacts: Path, params: Path = Path("params.yaml")) -> list[Summary]:
    """The judged deployments that `params.yaml` names, in its order, or all where there is none; files are verified.

    What an earlier run judged and the parameters no longer name is left where it lies.
    """
    order = _order(params)
    found = sorted(file.parent for file in (artifacts / "verdicts").glob("*/*/manifest.json"))
    folders = [folder for folder in found if not order or {folder.name, folder.parent.name} <= order.keys()]
    if not folders:
        raise RefusedError(f"{artifacts}: nothing has been judged here; run `make demo` or `make repro` first")
    summaries = [_summary(folder, artifacts / "evidence" / folder.parent.name / folder.name) for folder in folders]
    return sorted(summaries, key=lambda s: (order.get(s.target, 99), s.target, order.get(s.variant, 99), s.variant))


def _summary(verdict: Path, evidence: Path) -> Summary:
    measured, judged = open_artifact(evidence), open_artifact(verdict)
    if judged.manifest["inputs"]["evidence"] != measured.digest:
        raise RefusedError(f"{verdict}: was given on other evidence than {evidence} holds now; run `dvc repro`")
    return Summary(measured.json("evidence.json"), judged.json("verdict.json"), measured.labels)


def not_judged(found: Sequence[Summary], params: Path) -> list[str]:
    """What `params.yaml` wants evaluated and these deployments lack, as `tiny on openvino-cpu`."""
    judged = {(summary.target, summary.variant) for summary in found}
    wanted = itertools.product(_evaluated(params, "targets"), _evaluated(params, "variants"))
    return [f"{variant} on {target}" for target, variant in wanted if (target, variant) not in judged]


def _order(params: Path) -> Mapping[str, int]:
    return {name: i for key in ("targets", "variants") for i, name in enumerate(_evaluated(params, key))}


def _evaluated(params: Path, key: str) -> list[str]:
    """Nothing where there are no parameters: results may lie apart from the project that made them."""
    names = lookup(params, f"evaluated.{key}") if params.is_file() else []
    if not isinstance(names, list):
        raise RefusedError(f"{params}:evaluated.{key}: a list of names is needed here, not {names!r}")
    return names


def write_into(readme: Path, table: str) -> None:
    """Replace what stands between the two markers."""
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RefusedError(f"{readme}: has no {BEGIN} ... {END}; add both lines where the results belong")
    write_atomic(readme, f"{before}{BEGIN}\n{table.strip()}\n{END}{after}")


def write_page(folder: Path, table: str, pareto: bytes, note: str = "") -> Path:
    """`README.md` and `pareto.png` in `folder`: all results, as a page that a repository shows; returns the page.

    `note` is a sentence for its top. `how-to-read.md`, where the folder has one, is linked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pareto.png").write_bytes(pareto)
    page = folder / "README.md"
    parts = [
        "# Results: every variant on every target",
        f"**{note}**" if note else "",
        "Written by `bedside results --write` from the evidence of one run; `dvc.lock` names its data, code and models."
        + (f" What it means: [how to read the results]({GUIDE})." if (folder / GUIDE).is_file() else ""),
        "![Sensitivity against p99 latency and file size; what passes is green](pareto.png)",
        table,
    ]
    write_atomic(page, "\n\n".join(filter(None, parts)))
    return page
