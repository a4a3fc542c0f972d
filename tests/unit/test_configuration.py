"""What stands in params.yaml is refused before anything runs, with its path, and everything that is wrong at once."""

import copy
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bedside.catalog import stage
from bedside.cli import main
from bedside.configuration import check, sections
from bedside.params import ParamsError, validate
from pipelines import workspace
from tests.graphs.wiring import ROOT, dvc_stages

COMPONENTS = ROOT / "components"


@functools.cache
def own() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    return found


def changed(path: str, value: Any) -> dict[str, Any]:
    """The project's own parameters with another value at `path`; `...` takes the key away."""
    params = copy.deepcopy(own())
    *way, last = path.split(".")
    section = functools.reduce(lambda found, key: found[key], way, params)
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return params


def problems(params: Any) -> list[str]:
    with pytest.raises(ParamsError) as told:
        check(params, COMPONENTS)
    return str(told.value).splitlines()


def test_the_projects_own_parameters_are_accepted() -> None:
    assert set(check(own(), COMPONENTS).variants) == set(own()["variants"])


def places(value: Any) -> Iterator[tuple[Any, ...]]:
    """Where the numbers are."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from ((key, *place) for place in places(part))
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield ()


def test_no_boolean_counts_as_a_number_in_any_place_of_the_projects_own_parameters() -> None:
    tried = 0
    for keys, name, parameter in sections(own()):
        model, given = stage(name).models[parameter], functools.reduce(lambda found, key: found[key], keys, own())
        for *way, last in places(given):
            altered = copy.deepcopy(given)
            functools.reduce(lambda found, key: found[key], way, altered)[last] = True
            with pytest.raises(ParamsError):
                validate(model, altered, ".".join(keys))
            tried += 1
    assert tried > 150


@pytest.mark.parametrize("profile", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_projects_own_profiles_are_accepted(profile: Path) -> None:
    check(workspace.merged(own(), yaml.safe_load(profile.read_text())), COMPONENTS)


def test_every_reference_of_dvc_yaml_is_checked_with_the_model_that_its_stage_reads_it_with() -> None:
    read = {
        (found.values[name].removeprefix("params.yaml:"), model)
        for found in dvc_stages().values()
        for name, model in found.component.models.items()
        if not found.values[name].startswith("{")
    }
    assert read == {(".".join(keys), stage(name).models[model]) for keys, name, model in sections(own())}


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("variants.smallest.params.training.epcohs", 3, "variants.smallest.params.training.epcohs: unknown parameter"),
        ("variants.smallest.params.training.epochs", "many", "variants.smallest.params.training.epochs: Input should"),
        ("variants.pruned.params.schedule.ratio", -0.3, "variants.pruned.params"),
        ("variants.pruned.params.training.learning_rate", float("nan"), "variants.pruned.params.training.learning"),
        ("variants.quantized.params", ..., "variants.quantized.params: missing"),
        ("gates.G77", {}, "gates.G77: unknown parameter; known: classes, G1"),
        ("gates.G7", ..., "gates.G7: Field required"),
        ("gates", ..., "gates: missing; there are: source, validate"),
        (
            "source.kind",
            "mitbd",
            "source: unknown Source kind 'mitbd'; known: csv, edf, ",
        ),
        ("task.kind", "ecg", "task: unknown Task kind 'ecg'"),
        ("targets.openvino-cpu.kind", "tpu", "targets.openvino-cpu: unknown Target kind 'tpu'"),
        ("budgets.openvino-cpu", ..., "budgets.openvino-cpu: missing; there are: onnxruntime-cpu"),
        ("evaluated.targets", ["onnx-cpu"], "evaluated.targets: unknown target 'onnx-cpu'; known: onnxruntime-cpu"),
        ("evaluated.targets", [], "evaluated.targets: List should have at least 1 item"),
        ("evaluated.variants", [], "evaluated.variants: List should have at least 1 item"),
        ("evaluated.variants", ["pruned"], "evaluated.variants: teacher is missing"),
        ("evaluated.variants", ["teacher", "tiny", "tiny"], "evaluated.variants: tiny is listed twice"),
        ("evaluated.variants", "teacher", "evaluated.variants: Input should be a valid list"),
        ("evaluated.variants", ["teacher", "tiniest"], "evaluated.variants: unknown variant 'tiniest'"),
        ("evaluated", None, "evaluated: Input should be a valid dictionary"),
        ("variants", None, "variants: Input should be a valid dictionary"),
        ("variants.pruned", None, "variants.pruned: Input should be a valid dictionary"),
        (
            "variants.a/b",
            {"parent": "teacher", "technique": "quantize", "params": {}},
            "variants.a/b: a name of letters",
        ),
        ("train_teacher", None, "train_teacher: Input should be a valid dictionary"),
        ("train_teacher.architecture", None, "train_teacher.architecture: a Architecture is a mapping"),
        ("task.rate", 7, "task.rate: 7 Hz is too low to see a beat"),
        ("task.rate", 119.83, "task.rate: 360 Hz cannot become 119.83 Hz in few steps; choose a simpler ratio, 120 Hz"),
        (
            "source",
            {"kind": "simulated"},
            "task.split.kind: de-chazal divides MIT-BIH's records by name, not simulated",
        ),
        ("source", {"kind": "mitdb", "same_person": {"202": "201", "201": "200"}}, "source: same_person: 201 is of"),
        ("train_teacher.training.epochs", True, "train_teacher.training.epochs: Input should be a number, not true"),
        ("train_teacher.operating_point", {"Z": 0.1}, "train_teacher.operating_point: no class 'Z'; the task has N"),
        (
            "variants.pruned.params.validation",
            {"watched": ["Q"]},
            "variants.pruned.params.validation.watched: no class",
        ),
        (
            "variants.pruned.params.validation",
            {"watched": []},
            "variants.pruned.params.validation.watched: Tuple should",
        ),
        (
            "variants.distilled.params.edge_cases",
            {"rare": ["A"]},
            "variants.distilled.params.edge_cases.rare: no class",
        ),
        ("gates.G5.macro_f1_classes", ["N", "Y"], "gates.G5.macro_f1_classes: no class 'Y'; the task has N, S, V, F"),
        ("gates.G3.normal_specificity", None, "gates.G3.normal_specificity: no number, and class 'N' is the task's"),
        ("search.watched", ["V", "S", "X"], "search.watched: no class 'X'; the task has N, S, V, F"),
        (
            "validate.windows.min_windows",
            {"train": {"W": 1}},
            "validate.windows.min_windows.train: no class 'W'; the task",
        ),
        (
            "validate.windows.min_windows",
            {"test": {"N": 1}},
            "validate.windows.min_windows.test.[key]: Input should be",
        ),
        ("validate.recordings.min_beats", {"N": -1}, "validate.recordings.min_beats.N: Input should be greater"),
        ("validate.recordings.max_flat_share", 40, "validate.recordings.max_flat_share: Input should be less than"),
        (
            "validate.recordings.amplitude_mv",
            [10, 0.1],
            "validate.recordings.amplitude_mv: the lower limit 10 is above",
        ),
        ("task.window_before_s", 0.001, "task: window_before_s: 0.001 s at 120 Hz is not one sample; widen it"),
        ("task.split", {"kind": "by-share", "test": 40}, "task.split.test: Input should be less than 1"),
        ("task.split", {"kind": "by-share", "test": -0.2}, "task.split.test: Input should be greater than 0"),
        ("task.split", {"kind": "by-share", "test": 0.9}, "task.split: test, validation and calibration together are"),
        ("task.split", {"kind": "de-chazal", "validation": ["112"]}, "task.split: 112 stands twice in validation and"),
        ("train_teacher.training.seed", -1, "train_teacher.training.seed: Input should be greater than or equal to 0"),
        ("train_teacher.architecture.lstm", [0], "train_teacher.architecture.lstm.0: Input should be greater than 0"),
        ("export.split", "test", "export.split: Input should be 'train', 'validation' or 'calibration'"),
        (
            "source.kind",
            ["mitdb"],
            "source: unknown Source kind ['mitdb']; known: csv, edf, ",
        ),
        (
            "search.space.techniques.prune.schedule.ratio",
            {"low": 0.1, "high": 1.5},
            "search.space.techniques.prune.schedule.ratio: Input should be less than 1",
        ),
        (
            "search.space.techniques.quantize.activations",
            {"choose": [8, 7]},
            "search.space.techniques.quantize.activations: Input should be 'dynamic', 8 or 16",
        ),
        (
            "search.space.techniques.distill.soft_targets.temperature",
            {"low": 0.0, "high": 2.0, "log": True},
            "search.space: distill.soft_targets.temperature: log needs a low above 0 and no step",
        ),
        ("search.space.techniques.shrink", {}, "search.space.techniques.shrink: unknown technique 'shrink'; known: "),
        ("search.floors.F", {"recall": 0.5, "precision": 0.5}, "search: floors: F is not among watched"),
    ],
)
def test_what_a_stage_would_refuse_hours_later_is_refused_now(path: str, value: Any, told: str) -> None:
    (line,) = problems(changed(path, value))
    assert line.startswith(f"params.yaml:{told}")


def test_a_misspelt_teacher_is_one_problem_and_not_one_of_every_chain() -> None:
    (line,) = problems(changed("train_teacher.architecture.kind", "cnn_lstn"))
    assert line.startswith("params.yaml:train_teacher.architecture: unknown Architecture kind 'cnn_lstn'")


def test_everything_that_is_wrong_is_told_at_once_a_line_each() -> None:
    params = changed("variants.smallest.params.training.epochs", "many")
    params["variants"]["combined"]["technique"] = "quantise"
    params["evaluated"]["variants"] += ["tiniest"]
    del params["budgets"]["onnxruntime-cpu"]
    assert [line.split(": ")[0] for line in problems(params)] == [
        "params.yaml:variants.combined.technique",
        "params.yaml:evaluated.variants",
        "params.yaml:variants.smallest.params.training.epochs",
        "params.yaml:budgets.onnxruntime-cpu",
    ]


def test_parameters_without_a_search_are_accepted() -> None:
    check(changed("search", ...), COMPONENTS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "a mapping of sections is needed here, not nothing"),
        (b"- source\n", "a mapping of sections is needed here, not a list"),
        (b"source: {kind: \xff}\n", "not UTF-8"),
        (b"source: [\n", "not YAML"),
    ],
)
def test_a_file_that_holds_no_parameters_is_one_message(tmp_path: Path, text: bytes, told: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_bytes(text)
    (tmp_path / "components").symlink_to(COMPONENTS)
    with pytest.raises(SystemExit, match=rf"bedside: {file}: {told}"):
        main(["check", "--params", str(file)])


def test_parameters_may_lie_anywhere_for_the_stages_are_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(own()))
    main(["check", "--params", str(tmp_path / "params.yaml")])
    assert f"all {len(own()['variants'])} variants" in capsys.readouterr().out
