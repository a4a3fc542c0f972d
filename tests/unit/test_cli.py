"""What commands say and how they end where the wrong folder, or half a result, would look like a good one."""

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
    assert "MLflow:" in printed


def test_verdicts_are_held_against_the_parameters_beside_them_and_not_those_of_this_folder(
    judged: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path_factory.mktemp("here")
    evaluated(here, "teacher, something-else")
    monkeypatch.chdir(here)
    main(evaluated(judged, "teacher, pruned"))


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
