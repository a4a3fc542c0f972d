"""A variant that fails is named, what follows from it waits, and everything else is made: with the real commands."""

import re
from pathlib import Path

import pytest
import yaml

from bedside.cli import main
from bedside.lineage import Lineage, Variant
from bedside.unfinished import DATA, closing_message
from pipelines import workspace

LINEAGE = Lineage(
    variants={
        "pruned": Variant(parent="teacher", technique="prune"),
        "combined": Variant(parent="pruned", technique="quantize"),
        "quantized": Variant(parent="teacher", technique="quantize"),
    }
)
OWN = yaml.safe_load((workspace.ROOT / "params.yaml").read_text())
PARAMS = (
    yaml.safe_dump({name: section for name, section in OWN.items() if name not in {"variants", "evaluated"}})
    + """
variants:
  pruned: {parent: teacher, params: {}, technique: prune}
  combined: {parent: pruned, params: {}, technique: quantize}
  quantized: {parent: teacher, params: {}, technique: quantize}
evaluated: {variants: [teacher], targets: [onnxruntime-cpu]}
"""
)
# A technique here is a shell command: `prune` refuses, the others write what the pipeline looks for.
STAGES = """
stages:
  prepare:
    foreach: [recordings, recordings-report, dataset, dataset-report, test]
    do:
      cmd: mkdir -p artifacts/${item} && touch artifacts/${item}/manifest.json
      outs: ["artifacts/${item}"]
  train_teacher:
    cmd: mkdir -p artifacts/models/teacher && touch artifacts/models/teacher/manifest.json
    outs: [artifacts/models/teacher]
  variant:
    foreach: ${variants}
    do:
      cmd: >-
        test ${item.technique} != prune &&
        mkdir -p artifacts/models/${key} && touch artifacts/models/${key}/manifest.json
      deps: ["artifacts/models/${item.parent}"]
      outs: ["artifacts/models/${key}"]
  report:
    cmd: ls artifacts/models > report.txt
    deps: [artifacts/models/combined, artifacts/models/quantized]
    outs: [report.txt]
"""


def made(folder: Path, *names: str) -> Path:
    """`artifacts/models` of a run that made these models, and all of the data."""
    for path in (*(folder / name for name in DATA), *(folder / "models" / name for name in names)):
        path.mkdir(parents=True)
        (path / "manifest.json").touch()
    return folder / "models"


def test_what_failed_what_waits_and_what_was_made_are_told_apart(tmp_path: Path) -> None:
    told = "\n".join(closing_message(LINEAGE, made(tmp_path, "teacher", "quantized", "combined")))  # of an earlier run
    assert "NOT MADE: pruned" in told
    assert f"Waiting for that: combined (what {tmp_path}/models holds of these is from an earlier run)." in told
    assert "Made all the same: quantized." in told
    assert "take it and what follows from it out of `variants`" in told


def test_an_earlier_run_is_spoken_of_only_where_there_was_one(tmp_path: Path) -> None:
    told = "\n".join(closing_message(LINEAGE, made(tmp_path, "teacher", "quantized")))
    assert "Waiting for that: combined." in told
    assert "earlier run" not in told


def test_without_a_teacher_everything_waits_and_nobody_is_told_to_take_it_out(tmp_path: Path) -> None:
    told = "\n".join(closing_message(LINEAGE, made(tmp_path)))
    assert "NOT MADE: teacher" in told
    assert "where stage train_teacher failed" in told
    assert "Made all the same: no variant" in told
    assert told.count("NOT MADE") == 1
    assert "Next: change its numbers in params.yaml" in told
    assert "out of `variants`" not in told
    assert "earlier run" not in told


@pytest.mark.parametrize(("name", "stage"), DATA.items())
def test_data_that_were_not_made_are_named_before_the_models_that_wait_for_them(
    tmp_path: Path, name: str, stage: str
) -> None:
    models = made(tmp_path)
    (tmp_path / name / "manifest.json").unlink()
    told = "\n".join(closing_message(LINEAGE, models))
    assert told.startswith(f"NOT MADE: {tmp_path / name}; its reason stands above, where stage {stage} failed.")
    assert told.count("NOT MADE") == 1
    assert "`variants`" not in told
    assert "earlier run" not in told


def test_of_data_that_were_not_made_the_first_is_named_and_models_of_an_earlier_run_are_told_as_such(
    tmp_path: Path,
) -> None:
    models = made(tmp_path, "teacher", *LINEAGE.variants)
    for name in ("dataset", "test", "recordings-report"):
        (tmp_path / name / "manifest.json").unlink()
    told = "\n".join(closing_message(LINEAGE, models))
    assert f"NOT MADE: {tmp_path}/recordings-report;" in told
    assert f"what {models} holds is from an earlier run" in told


def test_the_data_that_models_are_made_from_are_what_dvc_yaml_calls_them() -> None:
    stages = yaml.safe_load((workspace.ROOT / "dvc.yaml").read_text())["stages"]
    made_by = {out: name for name, stage in stages.items() for out in stage.get("outs", []) if isinstance(out, str)}
    before = list(stages)[: list(stages).index("train_teacher")]
    assert {f"artifacts/{name}": stage for name, stage in DATA.items()} == {
        out: name for out, name in made_by.items() if name in before
    }


@pytest.mark.parametrize("text", ["", "[]", "variants: null"])
def test_parameters_without_variants_are_one_message(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(SystemExit, match=r"bedside: .*params\.yaml:"):
        main(["unfinished", "--params", str(tmp_path / "params.yaml"), "--models", str(tmp_path)])


def test_a_stage_that_failed_behind_the_models_is_left_to_dvc_to_name(tmp_path: Path) -> None:
    every = made(tmp_path, "teacher", *LINEAGE.variants)
    assert list(closing_message(LINEAGE, every)) == [next(closing_message(LINEAGE, every))]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "dvc.yaml").write_text(STAGES)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text(workspace.DVC_CONFIG)
    for name in ("components", "src"):
        (tmp_path / name).symlink_to(workspace.ROOT / name)
    return tmp_path


def test_a_variant_that_fails_stops_only_what_follows_from_it(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert workspace.run(project) != 0
    models = project / "artifacts/models"
    assert {path.name for path in models.iterdir()} == {"teacher", "quantized"}
    assert not (project / "report.txt").exists()
    assert capfd.readouterr().err.rstrip().splitlines()[-4].startswith("NOT MADE: pruned")


def test_a_lineage_that_cannot_be_made_is_refused_before_any_stage_runs(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "params.yaml").write_text(
        PARAMS.replace(
            "parent: teacher, params: {}, technique: prune", "parent: quantized, params: {}, technique: prune"
        )
    )
    assert workspace.run(project) != 0
    assert not (project / "artifacts").exists()
    assert "variants.pruned.technique: prune takes a float network" in capfd.readouterr().err


def test_bedside_check_says_that_a_lineage_can_be_made(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "--params", str(project / "params.yaml")])
    assert "all 3 variants" in capsys.readouterr().out
    (project / "params.yaml").write_text(PARAMS.replace("prune}", "prunes}"))
    with pytest.raises(SystemExit, match="unknown technique 'prunes'"):
        main(["check", "--params", str(project / "params.yaml")])


def test_make_repro_runs_what_the_demo_runs() -> None:
    recipe = re.search(r"^repro:.*\n((?:\t.*\n)+)", (workspace.ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    assert recipe[1] == "\t@bedside repro $(if $(VERBOSE),--verbose)\n"
