import json
import math
from pathlib import Path

import pytest

from bedside.artifacts import ArtifactError, DatasetIn, DatasetOut, In, ModelIn, ModelOut, Out, open_artifact
from bedside.component import Metrics, component
from bedside.errors import RefusedError
from bedside.params import Params, ParamsError
from tests.conftest import MakeArtifact


class Shrink(Params):
    ratio: float = 0.5
    epochs: int = 1


class Source(Params):
    name: str


@component(image="train")
def shrink(*, dataset: DatasetIn, parent: ModelIn, student: ModelOut, log: Out, params: Shrink) -> Metrics:
    """Write what came in to both outputs."""
    if params.ratio >= 1:
        raise RefusedError("a ratio of 1 leaves nothing, use a smaller one")
    (student / "model.txt").write_text(f"{(dataset / 'd').read_text()} {(parent / 'm').read_text()} {params.ratio}")
    (log / "log.txt").write_text("done")
    return {"validation/loss": params.ratio if params.epochs else math.nan}


@component(image="runtime")
def collect(*, evidence: list[In], report: Out) -> Metrics:
    """Join the texts of all evidence."""
    (report / "all.txt").write_text(",".join((one / "e").read_text() for one in evidence))
    return {}


@component(image="train")
def label(*, data: DatasetOut, params: Source) -> Metrics:
    """Write data that carries its source as a label."""
    (data / "labels.json").write_text(json.dumps({"source": params.name}))
    return {}


@pytest.fixture
def inputs(make_artifact: MakeArtifact, tmp_path: Path) -> dict[str, Path]:
    return {
        "dataset": make_artifact("dataset", {"d": "data"}, source="simulated"),
        "parent": make_artifact("parent", {"m": "teacher"}, source="simulated"),
        "student": tmp_path / "out/student",
        "log": tmp_path / "out/log",
    }


def test_a_call_and_a_command_line_write_the_same_contents(inputs: dict[str, Path], tmp_path: Path) -> None:
    shrink(**inputs, params=Shrink(ratio=0.25))
    called = open_artifact(inputs["student"]).digest
    metrics = tmp_path / "metrics.json"
    shrink.main([str(a) for a in shrink.argv({**inputs, "params": '{"ratio": 0.25}', "metrics": metrics})])
    assert open_artifact(inputs["student"]).digest == called
    assert json.loads(metrics.read_text()) == {"validation/loss": 0.25}


def test_a_command_line_records_what_the_stage_cost(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / "home"))
    shrink.main([str(a) for a in shrink.argv({**inputs, "params": "{}"})])
    (journal,) = (tmp_path / "home").rglob("*.jsonl")
    recorded = [json.loads(line) for line in journal.read_text().splitlines()]
    metrics = {k: v for event in recorded if event["event"] == "metrics" for k, v in event["values"].items()}
    assert 0 <= metrics["stage/work_seconds"] < metrics["stage/startup_seconds"]
    assert 20 < metrics["stage/peak_memory_mb"] < 20_000


def test_of_several_processes_only_the_first_records_and_writes(
    inputs: dict[str, Path], own_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert shrink(**inputs, params=Shrink()) == {"validation/loss": 0.5}
    assert not inputs["student"].exists()
    assert not list(own_state.iterdir())
    monkeypatch.setenv("RANK", "0")
    shrink(**inputs, params=Shrink())
    assert open_artifact(inputs["student"]).manifest["component"] == "shrink"


def test_the_manifest_says_what_the_output_follows_from(inputs: dict[str, Path]) -> None:
    shrink(**inputs, params={"ratio": 0.25, "epochs": 3.0})  # a launcher that sends every number as a float
    manifest = open_artifact(inputs["student"]).manifest
    assert manifest["component"] == "shrink"
    assert manifest["params"] == {"params": {"ratio": 0.25, "epochs": 3}}
    assert manifest["inputs"] == {name: open_artifact(inputs[name]).digest for name in ("dataset", "parent")}
    assert manifest["code"] == shrink.code()
    assert manifest["labels"] == {"source": "simulated"}


def test_an_altered_input_stops_the_stage_before_it_starts(inputs: dict[str, Path]) -> None:
    (inputs["dataset"] / "d").write_text("tampered")
    with pytest.raises(ArtifactError, match="altered since it was written"):
        shrink(**inputs, params=Shrink())
    assert not inputs["student"].exists()


def test_a_refusal_is_one_message_and_leaves_no_output(inputs: dict[str, Path]) -> None:
    with pytest.raises(SystemExit, match=r"^shrink: a ratio of 1 leaves nothing, use a smaller one$"):
        shrink.main([str(a) for a in shrink.argv({**inputs, "params": '{"ratio": 1}'})])
    assert not inputs["student"].exists()
    assert not inputs["log"].exists()


def test_a_disk_that_refuses_is_one_message(inputs: dict[str, Path]) -> None:
    below_a_file = inputs["dataset"] / "d" / "student"
    with pytest.raises(SystemExit, match=rf"^shrink: .*{inputs['dataset'] / 'd'}"):
        shrink.main([str(a) for a in shrink.argv({**inputs, "student": below_a_file, "params": "{}"})])


def test_ctrl_c_is_one_line_and_the_status_that_shells_know(
    inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**_: object) -> Metrics:
        raise KeyboardInterrupt

    monkeypatch.setattr(shrink, "function", interrupted)
    with pytest.raises(SystemExit) as ended:
        shrink.main([str(a) for a in shrink.argv({**inputs, "params": "{}"})])
    assert ended.value.code == 130
    assert capsys.readouterr().err == "shrink: interrupted; the same command takes it up again\n"
    assert not inputs["student"].exists()


def test_an_unknown_parameter_is_named_with_the_known_ones(inputs: dict[str, Path]) -> None:
    with pytest.raises(
        SystemExit, match="inline:ratios: unknown parameter; known: ratio, epochs; did you mean 'ratio'"
    ):
        shrink.main([str(a) for a in shrink.argv({**inputs, "params": '{"ratios": 0.3}'})])


def test_other_sources_than_the_pipeline_was_compiled_from_are_refused(inputs: dict[str, Path]) -> None:
    argv = [str(a) for a in shrink.argv({**inputs, "params": "{}"})]
    with pytest.raises(SystemExit, match="not the ones the pipeline was compiled from"):
        shrink.main([*argv, "--code", "0" * 64])
    shrink.main([*argv, "--code", shrink.code()])
    assert open_artifact(inputs["student"]).manifest["code"] == shrink.code()


def test_a_list_port_takes_its_flag_several_times_and_keeps_the_order(
    make_artifact: MakeArtifact, tmp_path: Path
) -> None:
    evidence = [make_artifact(name, {"e": name}) for name in ("b", "a", "c")]
    collect.main([str(a) for a in collect.argv({"evidence": evidence, "report": tmp_path / "report"})])
    assert (tmp_path / "report/all.txt").read_text() == "b,a,c"


def test_a_list_port_takes_one_folder_per_name_listed_in_the_parameters(
    make_artifact: MakeArtifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cpu/b", "cpu/a", "gpu/b", "gpu/a", "gpu/stale"):
        make_artifact(name, {"e": name})
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("evaluated: {variants: [b, a], targets: [gpu, cpu]}")
    pattern = "{params.yaml:evaluated.targets}/{params.yaml:evaluated.variants}"
    collect.main(["--evidence", pattern, "--report", "report"])
    assert Path("report/all.txt").read_text() == "gpu/b,gpu/a,cpu/b,cpu/a"


@pytest.mark.parametrize("value", ["[]", "b", "[1, 2]", "{b: 1}"])
def test_a_list_port_refuses_what_is_no_list_of_names(
    tmp_path: Path, value: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(f"variants: {value}")
    with pytest.raises(SystemExit):
        collect.main(["--evidence", "{params.yaml:variants}", "--report", "report"])
    assert "params.yaml:variants: a list of names is needed here" in capsys.readouterr().err


def test_labels_travel_and_two_sources_never_meet(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    label(data=tmp_path / "data", params=Source(name="simulated"))
    assert open_artifact(tmp_path / "data").labels == {"source": "simulated"}
    evidence = [make_artifact("s", {"e": "1"}, source="simulated"), make_artifact("r", {"e": "2"}, source="real")]
    with pytest.raises(RefusedError, match="source is 'simulated' and 'real'"):
        collect(evidence=evidence, report=tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_parameters_are_read_from_a_file_at_a_dotted_path(inputs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("variants: {small: {params: {ratio: 0.125}}}")
    reference = f"{tmp_path}/params.yaml:variants.small.params"
    assert shrink(**inputs, params=reference) == {"validation/loss": 0.125}
    with pytest.raises(ParamsError, match="no key 'large'; known: small"):
        shrink(**inputs, params=f"{tmp_path}/params.yaml:variants.large.params")


def test_the_help_names_every_port_and_field(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        shrink.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "Write what came in to both outputs." in text
    for part in ("--dataset", "input Dataset folder", "--student", "output Model folder", "ratio=0.5, epochs=1"):
        assert part in text


def test_a_metric_that_is_not_finite_refuses_the_stage_before_any_output_is_there(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(RefusedError, match="metrics of shrink: validation/loss is nan, not a finite number"):
        shrink(**inputs, params=Shrink(epochs=0), metrics=tmp_path / "metrics.json")
    assert not (tmp_path / "metrics.json").exists()
    assert not list((tmp_path / "out").iterdir())
