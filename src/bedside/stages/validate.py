"""validate: recordings or windows -> an approval with Data Docs; fails closed."""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bedside.artifacts import In, Out, write_json
from bedside.component import Metrics, component
from bedside.errors import RefusedError
from bedside.quality.base import Judgement, Validate
from bedside.scratch import home


@component(image="train")
def validate(*, data: In, report: Out, params: Validate) -> Metrics:
    """Judge data with Great Expectations; quarantine what breaks a rule, refuse data that is unfit as a whole."""
    judgement = params.judge(data, report / "data_docs")
    approval = {
        "suite": params.kind,
        "data": data.digest,
        "accepted": judgement.accepted,
        "quarantined": judgement.quarantined,
        "problems": judgement.problems,
        "success": not judgement.problems,
    }
    write_json(report / "approval.json", approval)
    write_json(report / "table.json", [_stated(row) for row in judgement.rows])
    if judgement.problems:
        raise RefusedError(_refusal(judgement, _set_aside(report, params.kind)))
    return {
        f"{params.kind}/accepted": float(len(judgement.accepted)),
        f"{params.kind}/quarantined": float(len(judgement.quarantined)),
    }


def _stated(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for JSON, which has no NaN: such a figure is absent, as the judgement calls it too."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


def _refusal(judgement: Judgement, kept: Path) -> str:
    lines = [*judgement.problems, *(f"{record}: {why}" for record, why in judgement.quarantined.items())]
    more = f" (and {len(lines) - 6} more)" if len(lines) > 6 else ""
    return (
        "\n  ".join(["the data are not fit for use:", *lines[:6]]) + f"{more}\n  Data Docs: {kept}/data_docs/index.html"
    )


def _set_aside(report: Path, suite: str) -> Path:
    """Keep the report of a refusal where it can be read, because a refused stage leaves no artifact."""
    kept = home() / "refused" / suite
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(report, kept)
    return kept


if __name__ == "__main__":
    validate.main()
