"""Real trials on a tiny problem: students are trained, exported, run on the target and measured there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

pytest.importorskip("optuna")  # the extra `search`

from bedside.artifacts import commit, open_artifact, staged
from bedside.datasets.inputs import described
from bedside.datasets.windows import Windows, write_windows
from bedside.errors import RefusedError
from bedside.lineage import Lineage
from bedside.models import Network
from bedside.models.cnn_lstm import CnnLstm, ConvBlock
from bedside.params import ParamsError, load, validate
from bedside.search.settings import Search
from bedside.search.space import Chain, Step
from bedside.targets import Target
from bedside.tasks.ecg_beats.outcome import OUTCOME
from bedside.training.batches import Tensors
from bedside.training.loop import Training, fit
from bedside.training.validation import watch
from components.distill import Distill
from pipelines.trials import Workbench, technique
from tests.support.networks import CLASSES, INPUTS, model_artifact

ROOT = Path(__file__).parents[2]
PLAIN: dict[str, Any] = {"gain": 0, "noise": 0, "shift": 0, "flip": 0, "features": 0, "mixup": 0}
SAMPLING = {"windows": 2048, "batch": 64, "augmentation": PLAIN}
TRAINING: dict[str, Any] = {"epochs": 3, "learning_rate": 0.01, "sampling": SAMPLING}
# Three students: few bytes but 120 steps of an LSTM; more bytes and no LSTM; one that is cheapest and cannot learn.
SLOW = {"kind": "cnn_lstm", "convolutions": [{"channels": 8, "kernel": 5}], "lstm": [24, 24], "head": 8}
FAST = {"kind": "cnn_lstm", "convolutions": [{"channels": 32, "kernel": 31, "stride": 2}], "head": 128}
USELESS = {"kind": "cnn_lstm", "convolutions": [{"channels": 1, "kernel": 1, "stride": 120}], "head": 1}
SMALL = {"kind": "cnn_lstm", "convolutions": [{"channels": 32, "kernel": 9, "stride": 8}], "head": 128}
SETTINGS = {
    "space": {
        "chains": [["distill"]],
        "techniques": {
            "distill": {
                "student": {"choose": [SLOW, FAST, USELESS]},
                "training": {**TRAINING, "epochs": 30},
                "edge_training": {"epochs": 2},
                "least_share": 0.0,
            }
        },
    },
    "short": {"distill": {"training": TRAINING, "edge_training": {"epochs": 0}}},
    "watched": ["V", "S"],
    "floors": {"V": {"recall": 0.8, "precision": 0.8}},
    "tolerance": 1.0,  # whatever keeps the floors, the fastest is taken
    "measure": {"windows": 3, "runs": 100, "warmup": 10, "seconds": 0.3, "batches": [1], "processes": 1},
}
BUDGET = {"size_bytes": 10_000_000, "p99_ms": 50.0, "peak_rss_mb": 400.0, "slower": 0.1, "cheaper": 0.1}


def beats(count: int, seed: int) -> Windows:
    """Each class is a tone of its own, under noise."""
    random = np.random.default_rng(seed)
    label = np.arange(count) % len(CLASSES)
    channels, length = INPUTS["signal"]
    time = np.arange(length) / length
    tone = np.sin(2 * np.pi * (2 + 4 * label[:, None]) * time + random.uniform(0, 6, (count, 1)))
    signal = np.repeat(tone[:, None], channels, axis=1) + 0.3 * random.normal(size=(count, channels, length))
    owner = np.arange(count) % 4
    return Windows(
        {"signal": signal.astype("f4"), "rhythm": np.zeros((count, 7), "f4")},
        label,
        owner,
        owner,
        np.arange(count) * 300,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with artifacts and params.yaml, as `bedside search` expects it."""
    folder = tmp_path_factory.mktemp("project")
    about = {"outcome": OUTCOME.model_dump(mode="json"), "inputs": described(INPUTS)}
    dataset = folder / "artifacts/dataset"
    with staged(dataset) as staging:
        for seed, (split, count) in enumerate({"train": 1200, "validation": 400, "calibration": 200}.items()):
            write_windows(staging / f"{split}.safetensors", beats(count, seed))
        (staging / "dataset.json").write_text(json.dumps(about))
        commit(staging, dataset, {"labels": {"source": "simulated"}})
    base = CnnLstm(convolutions=(ConvBlock(channels=32, kernel=9, stride=4),), head=2048)
    shape = Network.of(base, INPUTS, 4)
    torch.manual_seed(0)
    network, train = shape.network(), Tensors.of(beats(1200, 0))
    training = validate(Training, TRAINING, "training")

    def loss(network: torch.nn.Module, batch: Any) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(network(**batch.inputs), batch.target)

    fit(network, train, 4, training, loss, lambda n: watch(n, train, {"V": 2}))
    model_artifact(folder / "artifacts/models/teacher", network, shape)
    params = {
        "search": SETTINGS,
        "targets": {"onnxruntime-cpu": {"kind": "onnxruntime"}},
        "budgets": {"onnxruntime-cpu": BUDGET},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / "pipelines").symlink_to(ROOT / "pipelines")
    return folder


def bedside(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    own = {"PYTHONPATH": path, "BEDSIDE_HOME": str(project / "home"), "BEDSIDE_FLUSH": "off"}
    command = [sys.executable, "-W", "ignore", "-m", "bedside.cli", *arguments]
    return subprocess.run(command, cwd=project, env=os.environ | own, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def searched(project: Path) -> Path:
    done = bedside(project, "search", "--trials", "6")
    assert done.returncode == 0, done.stderr[-4000:]
    assert "6 trials in study 'search'; next: bedside search-recipe" in done.stdout
    return project


def tried(project: Path) -> dict[int, dict[str, Any]]:
    """Figures of each student that was tried, by the channels of its first convolution."""
    from bedside.search.study import open_study

    found = {}
    for trial in open_study(f"sqlite:///{project}/build/search.db", "search", None).get_trials():
        convolutions = trial.user_attrs["chain"][0]["params"]["student"]["convolutions"]
        found[convolutions[0]["channels"]] = trial.user_attrs["figures"]
    return found


def test_the_fastest_on_the_target_wins_not_the_smallest_and_never_one_below_the_floor(searched: Path) -> None:
    done = bedside(searched, "search-recipe", "--out", "recipe.yaml")
    assert done.returncode == 0, done.stderr
    lineage = Lineage.model_validate(yaml.safe_load((searched / "recipe.yaml").read_text()))
    figures = tried(searched)
    assert figures[1]["V_recall"] < 0.8 or figures[1]["V_precision"] < 0.8
    fastest = min((8, 32), key=lambda channels: float(figures[channels]["p99_ms"]))  # by what was measured there
    found = load(Distill, json.dumps(lineage.variants["found"].params))
    assert found.student.model_dump()["convolutions"][0]["channels"] == fastest
    assert found.training.epochs == 30  # the recipe is for a full training, not for the search's short one


def test_the_table_shows_what_was_found(searched: Path) -> None:
    done = bedside(searched, "search-recipe")
    assert "validation patients" in done.stderr
    assert "distill" in done.stderr
    assert yaml.safe_load(done.stdout)["variants"]["found"]["parent"] == "teacher"


def test_a_recipe_that_comes_up_again_is_not_made_again_and_a_trial_is_one_run(searched: Path) -> None:
    assert len(list((searched / "build/search").glob("trial-*"))) == 3
    assert len(list((searched / "home/journal").glob("*.jsonl"))) == 3
    assert not list((searched / "home/scratch").iterdir())


def test_other_parameters_need_a_study_of_their_own(searched: Path) -> None:
    done = bedside(searched, "search", "--search", json.dumps({**SETTINGS, "watched": ["V"]}))
    assert done.returncode == 1
    assert "about another search" in done.stderr.splitlines()[-1]


def test_outside_a_project_there_is_nothing_to_run(tmp_path: Path) -> None:
    done = bedside(tmp_path, "search")
    assert done.stderr == "bedside: a trial runs the stages in components/: run this in the project's folder\n"


def bench(project: Path, **changed: Any) -> Workbench:
    search = validate(Search, {**SETTINGS, **changed}, "search")
    target = load(Target, '{"kind": "onnxruntime"}')  # type: ignore[type-abstract]  # built by its kind
    paths = project / "artifacts/dataset", project / "artifacts/models/teacher"
    return Workbench(*paths, target, search, project / "build/search")


def chain(*names: str, student: Any = SMALL) -> Chain:
    training = {"epochs": 1, "learning_rate": 0.005, "sampling": {"windows": 512, "augmentation": PLAIN}}
    params: dict[str, Any] = {
        "distill": {"student": student, "training": TRAINING, "edge_training": {"epochs": 0}},
        "prune": {"schedule": {"ratio": 0.5, "steps": 1, "multiple": 8}, "training": training},
        "quantize": {"training": {**training, "learning_rate": 0.0005}, "gain": {"smaller": 0.0}},
    }
    return tuple(Step(technique=name, params=params[name]) for name in names)


def test_a_chain_of_three_techniques_ends_in_a_small_integer_graph(project: Path) -> None:
    figures = bench(project, short={})(chain("distill", "prune", "quantize"))
    assert "stopped" not in figures
    assert figures["size_bytes"] == (Path(figures["graph"]) / "model.onnx").stat().st_size < 40_000
    assert figures["V_recall"] > 0.5


def test_a_student_that_no_later_technique_could_mend_is_not_compressed_further(project: Path) -> None:
    figures = bench(project, short={}, hopeless=0.3)(chain("distill", "quantize", student=USELESS))
    assert "after distill is" in figures["stopped"]
    assert not (Path(figures["graph"]) / "model.onnx").exists()


def test_what_a_technique_refuses_is_a_result_with_its_reason(project: Path) -> None:
    too_large = {**SMALL, "head": 4096}
    figures = bench(project, short={})(chain("distill", student=too_large))
    assert figures["stopped"].startswith("distill removed -")


def test_a_mistyped_parameter_is_found_before_the_first_trial(project: Path) -> None:
    space = {"chains": [["quantize"]], "techniques": {"quantize": {"trainings": {}}}}
    with pytest.raises(ParamsError, match=r"techniques\.quantize:trainings: unknown parameter"):
        bench(project, space=space).check()


def test_a_chain_that_no_technique_could_follow_is_found_before_the_first_trial(project: Path) -> None:
    params = chain("distill", "quantize", "prune")
    techniques = {step.technique: step.params for step in params}
    space = {"chains": [["distill", "quantize", "prune"]], "techniques": techniques}
    with pytest.raises(ParamsError, match=r"search.space.chains: .*prune takes a float network, and its parent"):
        bench(project, space=space, short={}).check()


def test_a_class_that_is_not_there_is_found_before_the_first_trial(project: Path) -> None:
    with pytest.raises(ParamsError, match=r"floors: V is not among watched \(S\)"):
        bench(project, watched=["S"])
    with pytest.raises(RefusedError, match=r"search.watched: no class X here; this dataset has N, S, V"):
        bench(project, watched=["X", "V"]).check()


def test_every_technique_watches_the_classes_that_the_search_watches(project: Path) -> None:
    floors = {"F": {"recall": 0.0, "precision": 0.0}}
    figures = bench(project, short={}, watched=["F"], floors=floors)(chain("distill"))
    assert {"F_recall", "F_average_precision"} <= figures.keys()


def test_a_killed_trial_goes_on_with_the_techniques_it_had_finished(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_way = chain("distill", "quantize", student={**SMALL, "head": 512})
    distilled, quantized = (technique(step) for step in long_way)
    made: list[str] = []

    def noting(name: str, function: Any) -> Any:
        def run(**values: Any) -> Any:
            made.append(name)
            if made == ["distill", "quantize"]:
                raise KeyboardInterrupt
            return function(**values)

        return run

    for stage in (distilled, quantized):
        monkeypatch.setattr(stage, "function", noting(stage.name, stage.function))
    with pytest.raises(KeyboardInterrupt):
        bench(project, short={})(long_way)
    assert open_artifact(Path(bench(project, short={})(long_way)["graph"]))
    assert made == ["distill", "quantize", "quantize"]
