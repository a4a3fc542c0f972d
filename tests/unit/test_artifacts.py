import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bedside.artifacts import MANIFEST, ArtifactError, commit, open_artifact, staged, write_atomic, write_json
from bedside.errors import RefusedError
from tests.conftest import MakeArtifact

FILES = {"a.json": '{"x": 1}', "deep/b.txt": "b"}


def test_a_committed_folder_opens_with_its_files_and_labels(make_artifact: MakeArtifact) -> None:
    artifact = open_artifact(make_artifact("dataset", FILES, source="simulated"))
    assert artifact.json("a.json") == {"x": 1}
    assert (artifact / "deep/b.txt").read_text() == "b"
    assert artifact.labels == {"source": "simulated"}


def test_the_digest_is_of_the_contents_alone(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    one = open_artifact(make_artifact("one", FILES, source="simulated"))
    with staged(tmp_path / "elsewhere" / "two") as staging:
        (staging / "deep").mkdir()
        (staging / "deep/b.txt").write_text("b")
        (staging / "a.json").write_text('{"x": 1}')
        two = commit(staging, tmp_path / "elsewhere" / "two", {"component": "other", "labels": {}})
    assert one.digest == two.digest
    assert one.digest != open_artifact(make_artifact("renamed", {"a2.json": '{"x": 1}', "deep/b.txt": "b"})).digest


def test_a_file_written_for_its_owner_alone_is_readable_by_another_account(tmp_path: Path) -> None:
    with staged(tmp_path / "made") as staging:
        (staging / "private").touch(mode=0o600)
        commit(staging, tmp_path / "made", {"component": "any", "labels": {}})
    assert (tmp_path / "made/private").stat().st_mode & 0o777 == 0o644


def test_what_no_stage_made_is_never_replaced(tmp_path: Path, make_artifact: MakeArtifact) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("of somebody")
    for name in ("own", "file"):
        with pytest.raises(ArtifactError, match="no artifact, so it is not replaced"), staged(tmp_path / name):
            pytest.fail("began to work")
    assert (tmp_path / "own/thesis.txt").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    for name in ("empty", "empty"):  # and what a stage made may be made again
        assert open_artifact(make_artifact(name, FILES)).json("a.json") == {"x": 1}


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
@pytest.mark.parametrize("seed", range(5))
def test_one_flipped_bit_is_refused_and_the_file_named(make_artifact: MakeArtifact, name: str, seed: int) -> None:
    path = make_artifact("dataset", FILES)
    raw = bytearray((path / name).read_bytes())
    place = random.Random(seed).randrange(len(raw))
    raw[place] ^= 1 << seed
    (path / name).write_bytes(raw)
    with pytest.raises(ArtifactError, match=name):
        open_artifact(path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: (p / "a.json").unlink(), "a.json: listed in the manifest but missing"),
        (lambda p: (p / "a.json").write_text(""), "a.json: altered since it was written"),
        (lambda p: (p / MANIFEST).unlink(), "no complete artifact here"),
        (lambda p: (p / MANIFEST).write_text("{"), "not a manifest"),
        (lambda p: (p / MANIFEST).write_text("{}"), "not a manifest"),
    ],
)
def test_a_spoiled_folder_is_refused_with_the_reason(make_artifact: MakeArtifact, spoil, message: str) -> None:  # type: ignore[no-untyped-def]  # lambdas
    path = make_artifact("dataset", FILES)
    spoil(path)
    with pytest.raises(ArtifactError, match=message):
        open_artifact(path)


def test_a_report_that_was_sealed_half_written_is_refused_by_its_name(make_artifact: MakeArtifact) -> None:
    path = make_artifact("verdict", {"verdict.json": '{"verdict": "PA'})
    with pytest.raises(ArtifactError, match=r"verdict\.json: no whole JSON \(.*\); run the stage that makes it again"):
        open_artifact(path).json("verdict.json")


def test_a_file_that_is_not_in_the_manifest_cannot_be_read(make_artifact: MakeArtifact) -> None:
    path = make_artifact("dataset", FILES)
    (path / "smuggled.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"holds no 'smuggled.json'; it holds: a.json, deep/b.txt"):
        open_artifact(path).json("smuggled.json")


def test_a_stage_that_fails_leaves_the_previous_artifact_and_no_rubbish(make_artifact: MakeArtifact) -> None:
    path = make_artifact("dataset", FILES)
    before = open_artifact(path).digest
    with contextlib.suppress(ZeroDivisionError), staged(path) as staging:
        (staging / "a.json").write_text("half")
        _ = 1 // 0
    assert open_artifact(path).digest == before
    assert [entry.name for entry in path.parent.iterdir()] == ["dataset"]


def test_a_second_commit_replaces_the_first(make_artifact: MakeArtifact) -> None:
    make_artifact("dataset", FILES)
    artifact = open_artifact(make_artifact("dataset", {"c.txt": "c"}))
    assert sorted(entry.name for entry in artifact.path.iterdir()) == ["c.txt", MANIFEST]
    assert [entry.name for entry in artifact.path.parent.iterdir()] == ["dataset"]


WRITER = """
import sys
from pathlib import Path
from bedside.artifacts import commit, staged
print("ready", flush=True)
for turn in range(10_000):
    with staged(Path("artifact")) as staging:
        for name in "abc":
            (staging / name).write_text(f"{turn}" * 5_000)
        commit(staging, Path("artifact"), {"labels": {}})
"""


def test_a_writer_killed_at_any_instant_leaves_a_complete_folder_or_none(tmp_path: Path) -> None:
    chance, kills, complete = random.Random(0), 0, 0
    while kills < 8 or not complete:  # on a busy machine the first ones may come before there is a folder
        kills += 1
        folder = tmp_path / str(kills)
        folder.mkdir()
        writer = subprocess.Popen([sys.executable, "-c", WRITER], cwd=folder, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0.001, 0.03 * kills))
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        if (folder / "artifact").exists():
            contents = {open_artifact(folder / "artifact") / name for name in "abc"}
            assert len({path.read_text() for path in contents}) == 1
            complete += 1


def test_a_small_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_atomic(tmp_path / "metrics" / "m.json", "old")
    write_atomic(tmp_path / "metrics" / "m.json", "new")
    assert (tmp_path / "metrics" / "m.json").read_text() == "new"
    assert [entry.name for entry in (tmp_path / "metrics").iterdir()] == ["m.json"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_figure_that_is_not_finite_is_refused_by_its_path_and_nothing_is_written(
    tmp_path: Path, value: float
) -> None:
    figures = {"windows": 5, "layers": [{"name": "hidden", "fall": 0.5}, {"name": "lstm", "fall": value}]}
    with pytest.raises(RefusedError, match=rf"^sensitivity\.json: layers\.1\.fall is {value}, not a finite number"):
        write_json(tmp_path / "sensitivity.json", figures)
    assert not list(tmp_path.iterdir())
