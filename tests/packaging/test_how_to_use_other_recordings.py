"""docs/how-to/use-other-recordings.md: its profile is accepted, and it names every parameter and format there is."""

import re
from pathlib import Path

import yaml

from bedside.configuration import check
from bedside.datasets.base import Source
from bedside.datasets.samples import FORMATS
from bedside.datasets.wfdb import Wfdb
from pipelines import workspace

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/use-other-recordings.md").read_text(encoding="utf-8")


def test_the_profile_of_the_page_is_accepted() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    params = workspace.merged(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")), yaml.safe_load(block))
    check(params, ROOT / "components")
    assert Source.build(params["source"]).label == "svdb-1.0.0"


def test_every_parameter_of_the_source_has_its_line() -> None:
    named = set(
        re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in PAGE.splitlines() if line.startswith("|")))
    )
    assert set(Wfdb.model_fields) - {"kind", "connections"} <= named


def test_the_formats_of_the_page_are_those_that_are_read() -> None:
    (told,) = re.findall(r"a format other than ([^|]*?), several samples", PAGE)
    assert re.findall(r"\d+", told) == list(FORMATS)
