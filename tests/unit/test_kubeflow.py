"""Toy stages as Kubeflow components: compiled here, and run in a project of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bedside.artifacts import open_artifact
from bedside.params import ParamsError
from components.ingest import ingest
from tests.support import toys

ROOT = Path(__file__).parents[2]
PIPELINE = """
import sys
from pathlib import Path
from kfp import dsl
from bedside import kubeflow
from components.make import make
from components.shrink import shrink
from components.collect import collect
from tests.support import local_kubeflow

@dsl.pipeline(name="toys")
def toys(params: dict = {"text": "abcdefgh", "copies": 2}):
    dataset = kubeflow.add(make, "make", image="toys:dev", params=params).outputs["dataset"]
    ratios = {"half": 0.5, "quarter": 0.25, "eighth": 0.125}
    models = [
        kubeflow.add(shrink, f"variant@{n}", image="toys:dev", dataset=dataset, params={"ratio": r}).outputs["model"]
        for n, r in ratios.items()
    ]
    kubeflow.add(collect, "collect", image="toys:dev", cached=False, models=models)

if __name__ == "__main__":
    kubeflow.compile_to(Path("build/toys.yaml"), toys)
    if "run" in sys.argv:
        local_kubeflow.run(toys, Path("kfp"), params={"text": "ABCD", "copies": 4})
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy project after its pipeline was compiled and run."""
    folder = tmp_path_factory.mktemp("toys")
    toys.lay_out(folder)
    (folder / "pipeline.py").write_text(PIPELINE)
    path = os.pathsep.join(str(p) for p in (folder, ROOT / "src", ROOT))
    environment = os.environ | {"PYTHONPATH": path, "BEDSIDE_HOME": str(folder / "home"), "BEDSIDE_FLUSH": "off"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "pipeline.py", "run"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def spec(project: Path) -> Any:
    return next(yaml.safe_load_all((project / "build/toys.yaml").read_text()))


def test_a_task_runs_the_same_command_line_as_every_launcher(spec: Any) -> None:
    container = spec["deploymentSpec"]["executors"]["exec-shrink"]["container"]
    assert container["command"] == ["python", "-m", "bedside.stages", "shrink"]
    assert container["args"] == [
        "--dataset",
        "{{$.inputs.artifacts['dataset'].path}}",
        "--model",
        "{{$.outputs.artifacts['model'].path}}",
        "--params",
        "{{$.inputs.parameters['params']}}",
        "--metrics",
        "{{$.outputs.parameters['metrics'].output_file}}",
        "--code",
        "{{$.inputs.parameters['code']}}",
    ]


def test_a_task_carries_the_digest_of_its_sources_so_that_the_cache_sees_a_change(spec: Any) -> None:
    codes = {
        task["taskInfo"]["name"]: task["inputs"]["parameters"]["code"]["runtimeValue"]["constant"]
        for task in spec["root"]["dag"]["tasks"].values()
    }
    assert all(len(code) == 64 for code in codes.values())
    assert len(set(codes.values())) == 3  # one per stage, the three variants share theirs


def test_only_what_may_be_cached_is(spec: Any) -> None:
    cached = {t["taskInfo"]["name"]: bool(t["cachingOptions"]) for t in spec["root"]["dag"]["tasks"].values()}
    assert cached.pop("collect") is False
    assert cached == dict.fromkeys(["make", "variant@half", "variant@quarter", "variant@eighth"], True)


def test_a_list_port_keeps_its_order_through_the_unrolled_inputs(project: Path) -> None:
    (report,) = project.glob("kfp/**/report.txt")
    assert report.read_text() == "ABCDABCD|ABCD|AB"


def test_every_task_leaves_a_verified_artifact_and_its_metrics(project: Path) -> None:
    artifacts = [open_artifact(manifest.parent) for manifest in project.glob("kfp/**/manifest.json")]
    made = sorted(artifact.manifest["component"] for artifact in artifacts)
    assert made == ["collect", "make", "shrink", "shrink", "shrink"]
    (make,) = [artifact for artifact in artifacts if artifact.manifest["component"] == "make"]
    assert make.manifest["params"] == {"params": {"text": "ABCD", "copies": 4}}
    assert json.loads((make.path.parent / "metrics").read_text()) == {"copies": 4.0}


def test_a_null_that_says_the_default_is_left_out_and_any_other_is_refused() -> None:
    from bedside.kubeflow import without_nulls  # kfp is slow to import

    assert without_nulls(ingest, "source", {"kind": "mitdb", "mirror": None}) == {"kind": "mitdb"}
    with pytest.raises(ParamsError, match=r"ingest\.source: Kubeflow Pipelines cannot pass null"):
        without_nulls(ingest, "source", {"kind": "mitdb", "sums_sha256": None})
