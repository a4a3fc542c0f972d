"""A variant that fails is named, what follows from it waits, and everything else is made: with the real commands."""

import re
from pathlib import Path

import pytest

from bedside.cli import main
from bedside.lineage import Lineage, Variant
from bedside.unfinished import closing_message
from pipelines import workspace

LINEAGE = Lineage(
    variants={
        "pruned": Variant(parent="teacher", technique="prune"),
        "combined": Variant(parent="pruned", technique="quantize"),
        "quantized": Variant(parent="teacher", technique="quantize"),
    }
)
PARAMS = """
train_teacher: {architecture: {kind: cnn_lstm}}
variants:
  pruned: {parent: teacher, technique: prune}
  combined: {parent: pruned, technique: quantize}
  quantized: {parent: teacher, technique: quantize}
"""
# A technique here is a shell command: `prune` refuses, the others write what the pipeline looks for.
STAGES = """
stages:
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
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "manifest.json").touch()
    return folder


def test_what_failed_what_waits_and_what_was_made_are_told_apart(tmp_path: Path) -> None:
    told = "\n".join(closing_message(LINEAGE, made(tmp_path, "teacher", "quantized", "combined")))  # of an earlier run
    assert "NOT MADE: pruned" in told
    assert "Waiting for that: combined " in told
    assert "Made all the same: quantized." in told


def test_without_a_teacher_everything_waits(tmp_path: Path) -> None:
    told = "\n".join(closing_message(LINEAGE, tmp_path))
    assert "NOT MADE: teacher" in told
    assert "'train_teacher'" in told
    assert "Made all the same: no variant" in told
    assert told.count("NOT MADE") == 1


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
        PARAMS.replace("parent: teacher, technique: prune", "parent: quantized, technique: prune")
    )
    assert workspace.run(project) != 0
    assert not (project / "artifacts").exists()
    assert "variants.pruned.technique: prune takes cnn_lstm" in capfd.readouterr().err


def test_bedside_check_says_that_a_lineage_can_be_made(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "--params", str(project / "params.yaml")])
    assert "all 3 variants" in capsys.readouterr().out
    (project / "params.yaml").write_text(PARAMS.replace("prune}", "prunes}"))
    with pytest.raises(SystemExit, match="unknown technique 'prunes'"):
        main(["check", "--params", str(project / "params.yaml")])


def test_make_repro_runs_what_the_demo_runs() -> None:
    recipe = re.search(r"^repro:.*\n((?:\t.*\n)+)", (workspace.ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    assert recipe[1].replace("\t@", "").splitlines() == [
        "bedside check",
        "dvc repro --keep-going || { bedside unfinished; exit 1; }",
        "bedside verdicts",
    ]
