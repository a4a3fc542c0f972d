"""What commands say and how they end where the wrong folder, or half a result, would look like a good one."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.cli import main
from bedside.registry.log import PromotionLog
from tests.support.deployments import Maker


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A project in which the teacher and `pruned` were judged on one target."""
    maker = Maker(tmp_path / "artifacts", source="simulated")
    for variant in ("teacher", "pruned"):
        maker.make(variant)
    return tmp_path


def evaluated(project: Path, variants: str, targets: str = "onnxruntime-cpu") -> list[str]:
    (project / "params.yaml").write_text(f"evaluated: {{targets: [{targets}], variants: [{variants}]}}")
    return ["verdicts", "--artifacts", str(project / "artifacts")]


def test_verdicts_of_everything_that_is_evaluated_end_well(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(evaluated(judged, "teacher, pruned"))
    assert "not judged" not in capsys.readouterr().out


def test_verdicts_name_what_was_not_judged_and_end_with_1(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(evaluated(judged, "teacher, pruned, tiny", "onnxruntime-cpu, openvino-cpu"))
    assert ended.value.code == 1
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("not judged")] == [
        "not judged: tiny on onnxruntime-cpu",
        "not judged: teacher on openvino-cpu",
        "not judged: pruned on openvino-cpu",
        "not judged: tiny on openvino-cpu",
    ]
    assert "\nNext:\n" in printed


def test_what_the_parameters_no_longer_name_is_not_shown(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(evaluated(judged, "teacher, pruned"))
    assert "\npruned " in capsys.readouterr().out
    (judged / "artifacts/evidence/onnxruntime-cpu/pruned/evidence.json").write_text("{}")  # nor held against its seal
    main(evaluated(judged, "teacher"))
    assert "\npruned " not in capsys.readouterr().out


def test_verdicts_are_held_against_the_parameters_beside_them_and_not_those_of_this_folder(
    judged: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path_factory.mktemp("here")
    evaluated(here, "teacher, something-else")
    monkeypatch.chdir(here)
    main(evaluated(judged, "teacher, pruned"))


def test_the_screen_explains_what_did_not_pass_in_a_sentence_and_once_for_all_targets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maker = Maker(tmp_path / "artifacts")
    for target in ("onnxruntime-cpu", "openvino-cpu"):
        maker.make("teacher", target)
        maker.make("pruned", target, missed=0.02)
    maker.make("distilled", "openvino-cpu", p99_ms=30)
    main(["verdicts", "--artifacts", str(tmp_path / "artifacts")])
    lines = capsys.readouterr().out.splitlines()
    told = lines[lines.index(next(line for line in lines if line.startswith("distilled is"))) - 1 :]
    assert re.fullmatch(
        r"pruned answers wrongly on more V beats than its teacher: \d\.?\d*% changed, 1% allowed "
        r"\(on onnxruntime-cpu and openvino-cpu\)",
        told[0],
    )
    assert told[1] == "distilled is too slow for its target: 30 ms p99 latency, 20 allowed (on openvino-cpu)"
    assert told[2] == "All figures and reasons: in the report."
    assert "gates fail" not in "\n".join(lines)


def test_the_screen_ends_with_commands_that_can_be_pasted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the folder's name has blanks, and from any other folder."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    project = tmp_path / "a demo's folder"
    Maker(project / "artifacts").make("pruned")
    for name, text in {
        "report/index.html": "",
        "decisions/onnxruntime-cpu/decision.json": json.dumps(
            {"target": "onnxruntime-cpu", "changes": "GATES ARE LOOSER", "challenger": {"version": "7"}}
        ),
    }.items():
        (project / "artifacts" / name).parent.mkdir(parents=True, exist_ok=True)
        (project / "artifacts" / name).write_text(text)
    main(["verdicts", "--artifacts", str(project / "artifacts")])
    printed = capsys.readouterr().out
    commands = [line.strip() for line in printed[printed.index("Next:") :].splitlines() if re.match(r"  \S", line)]
    there = ["cd", str(project), "&&", str(Path(sys.executable).parent / "bedside")]
    assert [shlex.split(line.strip("()")) for line in commands] == [
        [sys.executable, "-m", "webbrowser", (project / "artifacts/report/index.html").as_uri()],
        [*there, "ui"],
        [*there, "approve", "onnxruntime-cpu", "7", "--reviewer", "YOUR ADDRESS", "--reason", "WHAT YOU LOOKED AT"],
    ]
    assert "onnxruntime-cpu: GATES ARE LOOSER" in printed.splitlines()
    assert "your sign-off of version 7: it becomes the champion on onnxruntime-cpu" in printed
    where = subprocess.run(
        ["bash", "-c", commands[1].partition(" &&")[0].strip("(") + " && pwd"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.strip() == str(project)


@pytest.mark.parametrize(
    "text", ["evaluated:", "[]", "evaluated: {targets: [onnxruntime-cpu]}", "evaluated: {targets: , variants: teacher}"]
)
def test_verdicts_beside_unfit_parameters_are_one_message(judged: Path, text: str) -> None:
    (judged / "params.yaml").write_text(text)
    with pytest.raises(SystemExit, match=r"bedside: .*params\.yaml.*: (no key|a list of names)"):
        main(["verdicts", "--artifacts", str(judged / "artifacts")])


def test_to_verify_a_log_that_is_not_there_fails_and_names_the_place() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["log", "--verify"])
    assert ended.value.code == f"bedside: no promotion log at {PromotionLog().path}; wrong folder or BEDSIDE_HOME?"


def test_to_look_at_a_log_that_is_not_there_says_where_it_would_be(capsys: pytest.CaptureFixture[str]) -> None:
    main(["log"])
    assert capsys.readouterr().out == f"{PromotionLog().path}: no entries yet\n"


def test_a_log_that_was_removed_and_left_its_end_behind_is_a_log_that_was_cut() -> None:
    log = PromotionLog()
    log.append(state="REFUSED", variant="tiny", reason="V sensitivity 0.88 (floor 0.9)")
    log.path.unlink()
    with pytest.raises(SystemExit, match=str(log.path)):
        main(["log", "--verify"])


@pytest.mark.parametrize("flags", [[], ["--verify"]])
def test_a_log_that_is_as_written_is_named_with_its_place(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    log = PromotionLog()
    log.append(state="REFUSED", variant="tiny", reason="V sensitivity 0.88 (floor 0.9)")
    main(["log", *flags])
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f"{log.path}: 1 entries; chain, signatures and end of the log are as written"
    assert len(printed) == (1 if flags else 2)
