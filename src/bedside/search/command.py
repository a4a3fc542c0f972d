"""`bedside search` and `bedside search-recipe`: what they take and what they say."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.errors import RefusedError
from bedside.terminal import console

if TYPE_CHECKING:
    from rich.table import Table

SEARCH = """\
Look for a smaller, faster student: architecture, techniques and their order, and their numbers.

Each trial draws a recipe from `search.space` in params.yaml, trains it briefly, exports it, measures p99 latency and
size on the target itself, and judges it on validation patients (the test patients are never opened). The study keeps
every trial, so the command can be stopped at any time (Ctrl-C) and simply given again: it goes on until the study has
as many finished trials as asked. With a PostgreSQL address, workers on machines of the same kind share one study."""
EXAMPLES = """\
examples:
  bedside search --trials 20
  bedside search --trials 200 --timeout 28800 --study overnight
  BEDSIDE_SEARCH_STORAGE=postgresql://user:password@host/searches bedside search --trials 200     (on every machine)
  bedside search-recipe --out recipe.yaml"""
RECIPE = """\
Show the trials that no other surpasses in quality, p99 and size at once (the Pareto front, among those that keep the
floors and the budget), choose one, and write its recipe as variants for params.yaml, with full training budgets.

Chosen is the lowest p99 among those whose worst average precision is within `search.tolerance` of the best; --trial
chooses another one of the study."""


def add(commands: Any) -> None:
    """Add both sub-commands to the `bedside` command line."""
    raw = argparse.RawDescriptionHelpFormatter
    search = commands.add_parser("search", description=SEARCH, epilog=EXAMPLES, formatter_class=raw)
    arguments(search)
    search.set_defaults(run=_search)

    recipe = commands.add_parser("search-recipe", description=RECIPE, epilog=EXAMPLES, formatter_class=raw)
    _study(recipe)
    recipe.add_argument("--trial", type=int, metavar="TRIAL", help="take this trial's recipe")
    recipe.add_argument("--name", default="found", help="what the variant is called (default: %(default)s)")
    recipe.add_argument("--out", type=Path, metavar="FILE", help="write the recipe there; default: print it")
    recipe.set_defaults(run=_recipe)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What a worker takes, here and as `python -m pipelines.trials`."""
    _study(parser)
    parser.add_argument(
        "--trials", type=int, default=20, metavar="COUNT", help="finished trials in the whole study (20)"
    )
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="begin no trial after so long")
    parser.add_argument("--dataset", type=Path, default=Path("artifacts/dataset"), help="default: %(default)s")
    parser.add_argument("--teacher", type=Path, default=Path("artifacts/models/teacher"), help="default: %(default)s")
    parser.add_argument("--search", default="params.yaml:search", help="file.yaml:dotted.path or JSON (%(default)s)")
    for name, section in {"target": "targets", "budget": "budgets"}.items():
        parser.add_argument(
            f"--{name}", default=f"params.yaml:{section}.onnxruntime-cpu", help="likewise (%(default)s)"
        )
    parser.add_argument("--folder", type=Path, default=Path("build/search"), help="graphs tried (%(default)s)")


def _study(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", default="search", metavar="NAME", help="default: %(default)s")
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="the study's database; default: BEDSIDE_SEARCH_STORAGE (the place for a password), else build/search.db",
    )


def _search(given: argparse.Namespace) -> None:
    """Become a worker: it runs stages, which live in the project's folder and not in this package."""
    if not Path("pipelines/trials.py").is_file():
        raise RefusedError("a trial runs the stages in components/: run this in the project's folder")
    values = {name: value for name, value in vars(given).items() if name != "run" and value is not None}
    flags = [part for name, value in values.items() for part in (f"--{name}", str(value))]
    os.execv(sys.executable, [sys.executable, "-m", "pipelines.trials", *flags])


def _recipe(given: argparse.Namespace) -> None:
    from bedside.artifacts import write_atomic
    from bedside.search import recipe, study

    url = study.address(given.storage)
    with study.answering(url):
        found = study.open_study(url, given.study, None)
        trials, about = found.get_trials(), found.user_attrs["about"]
    front = recipe.front(trials)
    chosen = recipe.chosen(trials, about["search"]["tolerance"], given.trial)
    console(stderr=given.out is None).print(_table(front, chosen.number, about))
    text = recipe.text(chosen, about, given.study, given.name)
    if given.out is None:
        print(text, end="")
        return
    write_atomic(given.out, text)
    print(f"{given.out}: the recipe of trial {chosen.number}; merge it into params.yaml, or run it as a profile")


def _table(front: list[Any], chosen: int, about: dict[str, Any]) -> "Table":
    """The Pareto front, fastest first; `>` marks the chosen one."""
    from rich.table import Table

    watched = about["search"]["watched"]
    names = [f"{name} {figure}" for name in watched for figure in ("AP", "recall", "precision")]
    title = f"validation patients, short training; {about['target']['kind']} on {about['processor']}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("", "trial", "techniques", *names, "p50 ms", "p99 ms", "bytes"):
        table.add_column(column, justify="left" if column in ("", "techniques") else "right", no_wrap=True)
    for trial in front:
        figures = trial.user_attrs["figures"]
        kinds = ("average_precision", "recall", "precision")
        quality = [f"{figures[f'{name}_{kind}']:.3f}" for name in watched for kind in kinds]
        cost = [f"{figures['p50_ms']:.3g}", f"{figures['p99_ms']:.3g}", f"{figures['size_bytes']:,}"]
        chain = " > ".join(step["technique"] for step in trial.user_attrs["chain"])
        table.add_row(">" if trial.number == chosen else "", str(trial.number), chain, *quality, *cost)
    return table
