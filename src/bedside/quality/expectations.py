"""Rules about tables, judged by Great Expectations, with Data Docs that depend on tables and rules alone."""

import contextlib
import html
import math
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

KEY = "row"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # Data Docs carry the time of the run; the tracked run has the real one
_TIME = re.compile(r"\d{8}T\d{6}\.\d{6}Z")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BEACON = re.compile(r"https://great-expectations-web-assets[^\"']*")  # a remote picture that reports each reading


@dataclass(frozen=True)
class Rule:
    """A column must lie in `low` to `high`, or be one of `allowed`, and never be absent; `meaning` says why."""

    column: str
    meaning: str
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Table:
    """Rows of plain values, each with a `row` key that names it, and what must hold of every row.

    `expected` are the keys that must have a row, and what it means when one has none: of a row that is not there every
    rule holds.
    """

    name: str
    rows: Sequence[Mapping[str, Any]]
    rules: Sequence[Rule]
    expected: Mapping[str, str] = field(default_factory=dict)


Judge = Callable[[Table], dict[str, list[str]]]


@contextlib.contextmanager
def judging(docs: Path) -> Iterator[Judge]:
    """A judge that returns the reasons per failing row key; afterwards the Data Docs of all tables are in `docs`."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    with tempfile.TemporaryDirectory() as project:
        context = gx.get_context(mode="file", project_root_dir=project)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        yield lambda table: _judge(context, table)
        context.build_data_docs()
        _keep(Path(project) / "gx/uncommitted/data_docs/local_site", docs)


def _judge(context: Any, table: Table) -> dict[str, list[str]]:
    import pandas as pd

    columns = [KEY, *dict.fromkeys(rule.column for rule in table.rules)]
    frame = pd.DataFrame([{c: _plain(row.get(c)) for c in columns} for row in table.rows], columns=columns)
    there = {row[KEY] for row in table.rows}
    reasons = {key: [meaning] for key, meaning in table.expected.items() if key not in there}
    for rule, broken in _run(context, table, frame):
        for key, value in broken:
            text = f"{rule.meaning} ({rule.column} is {_show(value)})"
            if text not in reasons.setdefault(key, []):
                reasons[key].append(text)
    return reasons


def _run(context: Any, table: Table, frame: Any) -> list[tuple[Rule, list[tuple[str, Any]]]]:
    """Each rule with the (row key, value) pairs that break it."""
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier

    asset = context.data_sources.add_pandas(f"derived {table.name}").add_dataframe_asset(table.name)
    batch = asset.add_batch_definition_whole_dataframe("all")
    expectations = [e for number, rule in enumerate(table.rules) for e in _expect(rule, number)]
    suite = context.suites.add(gx.ExpectationSuite(name=table.name, expectations=expectations))
    validation = context.validation_definitions.add(gx.ValidationDefinition(name=table.name, data=batch, suite=suite))
    result = validation.run(
        batch_parameters={"dataframe": frame},
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [KEY]},
        run_id=RunIdentifier(run_name=table.name, run_time=EPOCH),
    )
    return [(table.rules[e.expectation_config.meta["rule"]], _broken(e, frame)) for e in result.results]


def _expect(rule: Rule, number: int) -> list[Any]:
    import great_expectations as gx

    gxe: Any = gx.expectations  # its names are not exported for a type checker
    common: dict[str, Any] = {"column": rule.column, "meta": {"rule": number}, "notes": rule.meaning}
    if rule.allowed is not None:
        within: Any = gxe.ExpectColumnValuesToBeInSet(value_set=list(rule.allowed), **common)
    else:
        within = gxe.ExpectColumnValuesToBeBetween(min_value=rule.low, max_value=rule.high, **common)
    return [gxe.ExpectColumnValuesToNotBeNull(**common), within]  # a null passes every other expectation


def _broken(result: Any, frame: Any) -> list[tuple[str, Any]]:
    """(row key, value) pairs; an expectation that could not be evaluated is broken by every row."""
    if result.success:
        return []
    rows = result.result.get("unexpected_index_list")
    column = result.expectation_config.kwargs["column"]
    return [(row[KEY], row[column]) for row in rows] if rows else [(key, "not evaluated") for key in frame[KEY]]


def _plain(value: Any) -> Any:
    """Text without markup, because Data Docs print it as it is."""
    return html.escape(value, quote=False) if isinstance(value, str) else value


def _show(value: Any) -> str:
    if isinstance(value, float):
        return "absent" if math.isnan(value) else f"{value:.4g}"
    return "absent" if value is None else repr(html.unescape(value)) if isinstance(value, str) else str(value)


def _keep(site: Path, docs: Path) -> None:
    """Move Data Docs to `docs` without clocks, random names, unused pictures and the remote picture."""
    for picture in (site / "static/images").iterdir():
        if picture.name != "favicon.ico":
            picture.unlink()
    for page in sorted(site.rglob("*.html")):
        text = _BEACON.sub("", _TIME.sub(EPOCH.strftime("%Y%m%dT%H%M%S.%fZ"), page.read_text(encoding="utf-8")))
        names = {name: f"id-{number}" for number, name in enumerate(dict.fromkeys(_ID.findall(text)))}
        for name, replacement in names.items():
            text = text.replace(name, replacement)
        page.write_text(text, encoding="utf-8")
    shutil.move(site, docs)
