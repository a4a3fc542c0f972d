"""A project of three toy stages, small enough to run under every launcher in a second."""

from pathlib import Path

STAGES = {
    "make": '''
from bedside.artifacts import DatasetOut
from bedside.component import Metrics, component
from bedside.params import Params


class Make(Params):
    text: str
    copies: int = 1


@component(image="data")
def make(*, dataset: DatasetOut, params: Make) -> Metrics:
    """Write a text."""
    (dataset / "text.txt").write_text(params.text * params.copies)
    return {"copies": float(params.copies)}


if __name__ == "__main__":
    make.main()
''',
    "shrink": '''
from bedside.artifacts import DatasetIn, ModelOut
from bedside.component import Metrics, component
from bedside.params import Params


class Shrink(Params):
    ratio: float


@component(image="train")
def shrink(*, dataset: DatasetIn, model: ModelOut, params: Shrink) -> Metrics:
    """Keep a part of the text."""
    text = (dataset / "text.txt").read_text()
    (model / "model.txt").write_text(text[: int(len(text) * params.ratio)])
    return {}


if __name__ == "__main__":
    shrink.main()
''',
    "collect": '''
from bedside.artifacts import In, Out
from bedside.component import Metrics, component


@component(image="runtime")
def collect(*, models: list[In], report: Out) -> Metrics:
    """Join all texts in order."""
    (report / "report.txt").write_text("|".join((model / "model.txt").read_text() for model in models))
    return {}


if __name__ == "__main__":
    collect.main()
''',
}


def lay_out(folder: Path) -> None:
    """Write the toy project's `components/` into `folder`."""
    (folder / "components").mkdir(parents=True)
    (folder / "components/__init__.py").write_text("")
    for name, source in STAGES.items():
        (folder / f"components/{name}.py").write_text(source)
