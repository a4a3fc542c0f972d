"""`bedside doctor`: runs every check, prints what is wrong and the next step; exit status 1 if anything is wrong."""

import argparse
import importlib.metadata
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from bedside.doctor.finding import Finding, ok, wrong
from bedside.errors import RefusedError
from bedside.params import ParamsError

DOCTOR = """\
Check this workspace: versions, parameters, artifacts, DVC's cache, state and disk, keys, the promotion log against the
registry, and the kind of CPU. Nothing is changed. Exit status 1 if anything is wrong."""
EXTRAS = ("runtime", "train", "pipeline")


def add(commands: Any) -> None:
    """Add the sub-command to the `bedside` command line."""
    doctor = commands.add_parser("doctor", description=DOCTOR, formatter_class=argparse.RawDescriptionHelpFormatter)
    doctor.add_argument("--artifacts", type=Path, default=Path("artifacts"))
    doctor.add_argument("--params", type=Path, default=Path("params.yaml"))
    doctor.add_argument("--quick", action="store_true", help="leave out what reads every byte: artifacts and cache")
    doctor.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> None:
    found: Counter[str] = Counter()
    for finding in every(arguments.artifacts, arguments.params, quick=arguments.quick):
        found[finding.state] += 1
        print(
            f"{finding.state:<5} {finding.text}" + (f"\n      next: {finding.next}" if finding.next else ""), flush=True
        )
    print(f"\n{found['WRONG']} wrong, {found['note']} to know, {found['ok']} in order")
    if found["WRONG"]:
        sys.exit(1)


def every(artifacts: Path, params: Path, *, quick: bool = False) -> Iterator[Finding]:
    """All findings, the cheap checks first; a check that breaks is itself a finding."""
    from bedside.doctor import results, state
    from bedside.measurement.cpu import this_cpu
    from bedside.scratch import home

    checks: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("versions", versions),
        ("parameters", lambda: parameters(params)),
        ("state", lambda: state.disk(home())),
        ("keys", state.keys),
        ("CPU", lambda: results.cpus(artifacts, this_cpu().kind)),
        ("tracking", state.journals),
    ]
    if not quick:
        checks += [
            ("artifacts", lambda: results.artifacts(artifacts)),
            ("cache", lambda: results.cache(params.parent)),
        ]
    for name, check in [*checks, ("promotions", state.promotions)]:
        try:
            yield from check()
        except (RuntimeError, OSError) as error:
            yield wrong(f"{name}: could not be checked: {error}", "fix that, and run the doctor again")


def versions() -> Iterator[Finding]:
    """Packages against what this project asks for."""
    from packaging.requirements import Requirement

    asked = [Requirement(text) for text in importlib.metadata.requires("bedside") or []]
    wanted = [r for r in asked if r.marker is None or any(r.marker.evaluate({"extra": extra}) for extra in EXTRAS)]
    unfit = [told for told in map(_unfit, wanted) if told]
    for told in unfit:
        yield wrong(f"versions: {told}", "`make setup` installs what fits together")
    if not unfit:
        yield ok(f"versions: Python {sys.version.split()[0]}, {len(wanted)} packages as this project asks for them")


def _unfit(requirement: Any) -> str | None:
    try:
        found = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    return (
        None
        if requirement.specifier.contains(found, prereleases=True)
        else f"{requirement.name} {found} is not {requirement}"
    )


def parameters(file: Path) -> Iterator[Finding]:
    """Whether every stage takes its section."""
    from bedside.configuration import check, read

    sys.path.insert(0, str(file.parent.resolve()))
    try:
        lineage = check(read(file), file.parent / "components", where=str(file))
    except (ParamsError, RefusedError) as error:
        yield wrong(f"parameters: {error}", f"correct {file}; `bedside check` tells the same")
        return
    yield ok(f"parameters: every stage takes its section, {len(lineage.variants)} variants")
