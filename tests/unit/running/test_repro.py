"""`bedside repro` with the pinned DVC: a line per stage, whatever becomes of it, and what follows from how it ended."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from bedside.errors import RefusedError
from bedside.running.pipeline import reproduce
from bedside.running.screen import duration, in_words
from pipelines import workspace

# Stages that are shell commands: `first` is what all need, `second` and `third` need nothing of each other.
STAGES = """
stages:
  first:
    cmd: echo the first; echo ${word} > first.txt
    params: [word]
    outs: [first.txt]
  variant:
    matrix:
      target: [onnxruntime-cpu]
      name: [second, third]
    cmd: ": python -m bedside.stages prune; sh ${item.name}.sh && cp first.txt ${item.name}.txt"
    deps: [first.txt, "${item.name}.sh"]
    outs: ["${item.name}.txt"]
  last:
    cmd: cat second.txt third.txt > last.txt
    deps: [second.txt, third.txt]
    outs: [last.txt]
"""
REFUSAL = "prune: nothing is gained; name a larger share, or take the variant out"
NAMES = ["first", "prune second on onnxruntime-cpu", "prune third on onnxruntime-cpu", "last"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "with blanks"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").write_text(workspace.DVC_CONFIG)
    (folder / "dvc.yaml").write_text(STAGES)
    write(folder, "one")
    for name in ("second", "third"):
        (folder / f"{name}.sh").write_text(f"echo this is the {name}\n")
    return folder


def write(folder: Path, word: str) -> None:
    params = {"word": word, "evaluated": {"targets": ["onnxruntime-cpu"], "variants": ["second", "third"]}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


def command(folder: Path, how: str = "") -> dict[str, object]:
    """How to start the run of the stages there; `bedside repro` checks the parameters before and judges after."""
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a job in the background is deaf
    return {
        "args": [sys.executable, "-c", f"{heard}; from bedside.running.command import run; run({how})"],
        "cwd": folder,
        "env": workspace.environment_of(folder) | {"PYTHONPATH": f"{workspace.ROOT / 'src'}"},
    }


def run(folder: Path, how: str = "") -> str:
    done = subprocess.run(**command(folder, how), capture_output=True, text=True, check=False)  # type: ignore[call-overload]
    assert done.stderr == ""
    return str(done.stdout)


def endings(printed: str) -> list[str]:
    """How each stage ended, in their order; every line names its place, the total and the stage."""
    lines = re.findall(r"^(\d+) of (\d+)  (.{31})   (\w.*)$", printed, re.MULTILINE)
    assert [(int(number), int(total), name.strip()) for number, total, name, _ in lines] == [
        (number, len(NAMES), name) for number, name in enumerate(NAMES, start=1)
    ]
    return [re.sub(r"\d+ s", "# s", ending) for *_, ending in lines]


def log(folder: Path) -> str:
    return max((folder / ".bedside/logs").iterdir(), key=lambda file: file.stat().st_mtime_ns).read_text()


def test_every_stage_is_one_line_and_what_it_prints_is_in_the_log(project: Path) -> None:
    printed = run(project)
    assert endings(printed) == ["# s", "# s", "# s", "# s"]
    assert "4 stages: 4 run; " in printed
    assert "this is the second" not in printed
    assert "> " not in printed
    assert "this is the second\n" in log(project)
    assert "Running stage 'last':\n" in log(project)
    assert f"Log: {project}/.bedside/logs/" in printed


def test_a_stage_that_need_not_run_says_why(project: Path) -> None:
    run(project)
    assert endings(run(project)) == ["unchanged"] * 4
    (project / "third.sh").write_text("echo three")
    assert endings(run(project)) == ["unchanged", "unchanged", "# s", "unchanged"]  # third.txt came out the same
    write(project, "two")
    assert endings(run(project)) == ["# s"] * 4
    write(project, "one")
    printed = run(project)
    assert endings(printed) == ["from cache"] * 4
    assert "4 stages: 4 from cache; " in printed


def test_the_lines_are_what_dvc_says_it_did(project: Path) -> None:
    run(project)
    (project / "second.sh").write_text("echo two")
    status = dvc(project, "status")
    assert "second.sh" in status
    assert "third" not in status
    assert endings(run(project)) == ["unchanged", "# s", "unchanged", "unchanged"]
    assert "up to date" in dvc(project, "status")
    assert dvc(project, "repro").count("didn't change, skipping") == 4


def dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["dvc", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_stage_that_fails_shows_its_refusal_first_and_stops_only_what_needs_it(project: Path) -> None:
    noise = "\n".join(f"echo line {number}" for number in range(20))
    (project / "second.sh").write_text(f"{noise}\nprintf 'ten%%\\rhundred%%\\n'\necho '{REFUSAL}' >&2\nexit 1\n")
    printed = run(project)
    assert endings(printed) == ["# s", "FAILED after # s", "# s", "waits for what failed"]
    assert "4 stages: 2 run, 1 failed, 1 waiting; " in printed
    told = printed[printed.index("FAILED") :].splitlines()[1:]
    assert told[0].strip() == REFUSAL
    assert told[1].strip() == "Its last lines before that:"
    assert [line.strip() for line in told[2:10]] == [f"line {number}" for number in range(13, 20)] + ["hundred%"]
    assert "line 12\n" in log(project)


def test_a_stage_that_fails_without_a_word_has_dvcs(project: Path) -> None:
    (project / "second.sh").write_text("exit 3")
    printed = run(project)
    assert "dvc: failed to run: " in printed
    assert "exited with 3" in printed


def test_what_failed_runs_again_and_nothing_else_does(project: Path) -> None:
    (project / "second.sh").write_text("exit 3")
    run(project)
    (project / "second.sh").write_text("true")
    assert endings(run(project)) == ["unchanged", "# s", "unchanged", "# s"]


def test_verbose_shows_everything_as_it_comes(project: Path) -> None:
    printed = run(project, "verbose=True")
    assert "this is the second\n" in printed
    assert "Running stage 'last':\n" in printed
    assert endings("\n".join(line for line in printed.splitlines() if line.endswith(" s"))) == ["# s"] * 4
    assert not (project / ".bedside/logs").exists()


def test_a_terminal_shows_the_same_lines(project: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(**command(project), stdout=theirs, stderr=theirs) as process:  # type: ignore[call-overload]
        os.close(theirs)
        printed = b""
        while True:
            try:
                printed += os.read(ours, 4096)
            except OSError:  # its other end is closed
                break
    assert process.returncode == 0
    assert endings(printed.decode().replace("\r\n", "\n")) == ["# s"] * 4


def test_ctrl_c_ends_the_run_says_how_to_go_on_and_the_same_command_does(project: Path) -> None:
    (project / "second.sh").write_text("touch begun; exec sleep 60")
    process = started(project)
    waited_for(project / "begun")
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=200)
    assert process.returncode == 130
    assert "Interrupted at stage 2 of 4. What is finished is kept: give the same command again to go on." in printed
    assert "Traceback" not in printed
    assert not (project / "third.txt").exists()  # as `dvc repro --keep-going` would have gone on to make
    (project / "second.sh").write_text("true")
    assert endings(run(project)) == ["unchanged", "# s", "# s", "# s"]


def test_sigterm_reaches_the_stage_that_runs_and_the_same_command_goes_on(project: Path) -> None:
    (project / "second.sh").write_text("touch begun; exec sleep 60")
    how = command(project)
    code = "from bedside import ending; from bedside.running.command import run\nwith ending.passed_on(): run()"
    with subprocess.Popen(  # type: ignore[call-overload]
        **{**how, "args": [sys.executable, "-c", code]}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        waited_for(project / "begun")
        (stage,) = (child for child in psutil.Process(process.pid).children(recursive=True) if child.name() == "sleep")
        process.terminate()  # it alone, as a pod's first process has it
        printed, _ = process.communicate(timeout=30)
    assert process.returncode == 143
    assert not stage.is_running()
    assert "Interrupted at stage 2 of 4. What is finished is kept: give the same command again to go on." in printed
    (project / "second.sh").write_text("true")
    assert endings(run(project)) == ["unchanged", "# s", "# s", "# s"]


def test_a_run_that_is_killed_loses_no_stage_that_was_finished(project: Path) -> None:
    (project / "third.sh").write_text("touch begun; exec sleep 60")
    process = started(project)
    waited_for(project / "begun")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=200)
    (project / "third.sh").write_text("true")
    first, second, *rest = endings(run(project))
    assert {first, second} <= {"unchanged", "from cache"}
    assert rest == ["# s", "# s"]


def started(folder: Path) -> "subprocess.Popen[str]":
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    return subprocess.Popen(**command(folder), **told)  # type: ignore[call-overload,no-any-return]


def waited_for(file: Path) -> None:
    deadline = time.monotonic() + 200
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_dvc_refuses_is_refused_in_its_words(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "dvc.yaml").write_text("stages: {first: {outs: [first.txt]}}")
    monkeypatch.chdir(project)
    with pytest.raises(RefusedError, match=r"^dvc: '\./dvc\.yaml' validation failed.*'cmd'"):
        reproduce([], io.StringIO(), None)


@pytest.mark.parametrize(
    ("stage", "command", "words"),
    [
        ("validate_recordings", "python -m bedside.stages validate --data artifacts/recordings", "validate recordings"),
        ("variant@early-exit", "python -m bedside.stages early_exit --dataset x", "early exit early-exit"),
        (
            "evaluate@onnxruntime-cpu-int8-first",
            "python -m bedside.stages evaluate",
            "evaluate int8-first on onnxruntime-cpu",
        ),
        ("promote@openvino-cpu", "python -m components.promote", "promote for openvino-cpu"),
        ("export@tiny", "python -m bedside.stages export", "export tiny"),
    ],
)
def test_a_stage_is_named_by_what_it_does(stage: str, command: str, words: str) -> None:
    assert in_words(stage, command, ["onnxruntime-cpu", "openvino-cpu"]) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (0.6, "1 s"), (7.6, "8 s"), (60.0, "1 min 0 s"), (125.2, "2 min 5 s"), (3725, "1 h 2 min")],
)
def test_a_duration_is_told_as_one_would_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words
