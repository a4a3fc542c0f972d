"""Bringing one data version: just the bytes that git names, or a refusal that says what to do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bedside.artifacts import open_artifact
from bedside.errors import RefusedError
from bedside.params import ParamsError, load
from bedside.versions import DataVersion
from components.checkout import checkout
from tests.conftest import MakeArtifact
from tests.support.published import Published

ROWS = [{"record": "100", "patient": "100"}, {"record": "101", "patient": "101"}]
FILES = {
    "records.json": json.dumps(ROWS),
    "labels.json": json.dumps({"source": "simulated"}),
    "records/100.dat": bytes(range(256)) * 20,
    "records/101.dat": bytes(range(255, -1, -1)) * 20,
}


@pytest.fixture
def published(tmp_path: Path, make_artifact: MakeArtifact) -> Published:
    """Two versions: `v1` as FILES, `v2` with one byte more in a record."""
    made = Published.at(tmp_path / "published")
    made.add(make_artifact("one", FILES, source="simulated"), "v1")
    made.add(make_artifact("two", FILES | {"records/101.dat": b"other"}, source="simulated"), "v2")
    return made


def test_the_contents_are_those_that_were_published(published: Published, tmp_path: Path) -> None:
    metrics = checkout(recordings=tmp_path / "came", version=published.version("v1"))
    came, was = open_artifact(tmp_path / "came"), open_artifact(tmp_path / "one")
    assert came.digest == was.digest
    assert came.labels == was.labels
    assert came.manifest["component"] == "checkout"
    assert came.manifest["params"]["version"]["revision"] == "v1"
    assert metrics["recordings/records"] == 2


def test_a_branch_a_tag_and_a_commit_bring_their_own_version(published: Published, tmp_path: Path) -> None:
    first = published.git("rev-parse", "v1")
    named = {"v1": "one", first: "one", first[:10]: "one", "v2": "two", "main": "two"}
    for number, (revision, name) in enumerate(named.items()):
        checkout(recordings=tmp_path / str(number), version=published.version(revision))
        assert open_artifact(tmp_path / str(number)).digest == open_artifact(tmp_path / name).digest, revision


def test_no_home_and_nobodys_settings_are_needed_or_read(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text("this is no git configuration\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    checkout(recordings=tmp_path / "came", version=published.version("v1"))
    assert sorted(path.name for path in tmp_path.glob(".*")) == [".gitconfig"]


def test_the_run_says_which_data_it_brought(published: Published, tmp_path: Path, own_state: Path) -> None:
    checkout(recordings=tmp_path / "came", version=published.version("v1"))
    (journal,) = (own_state / "journal").glob("*.jsonl")
    lines = map(json.loads, journal.read_text().splitlines())
    tags = {name: value for line in lines if line["event"] == "tags" for name, value in line["values"].items()}
    assert tags["data.commit"] == published.git("rev-parse", "v1")
    assert tags["data.version"].endswith(".dir")


def listing(published: Published) -> Path:
    (first, *_) = sorted(published.remote.rglob("*.dir"), key=lambda path: path.stat().st_mtime_ns)
    return first


def record(published: Published) -> Path:
    return next(
        path for path in published.remote.rglob("*") if path.is_file() and path.read_bytes() == FILES["records/100.dat"]
    )


def rewrite(change: Callable[[list[dict[str, str]]], object]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        entries = json.loads(path.read_text())
        change(entries)
        path.write_text(json.dumps(entries, sort_keys=True))

    return apply


DAMAGE: dict[str, tuple[Callable[[Published], Path], Callable[[Path], object], str]] = {
    "a file is missing": (record, Path.unlink, "is missing; run `dvc push`"),
    "one byte of a file differs": (record, lambda path: path.write_bytes(b"\1" + path.read_bytes()[1:]), "is damaged"),
    "a file is empty": (record, lambda path: path.write_bytes(b""), "is damaged"),
    "the list is missing": (listing, Path.unlink, "is missing; run `dvc push`"),
    "the list is cut": (listing, lambda path: path.write_bytes(path.read_bytes()[:-9]), "is damaged"),
    "the list leaves a file out": (listing, rewrite(lambda entries: entries.pop()), "is damaged"),
    "the list leads outside": (listing, rewrite(lambda entries: entries[0].update(relpath="../../evil")), "is damaged"),
    "the list names another object": (listing, rewrite(lambda entries: entries[0].update(md5="../../x")), "is damaged"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_remote_is_refused_and_leaves_nothing(published: Published, tmp_path: Path, damage: str) -> None:
    where, change, message = DAMAGE[damage]
    change(where(published))
    with pytest.raises(RefusedError, match=message):
        checkout(recordings=tmp_path / "here/came", version=published.version("v1"))
    assert list((tmp_path / "here").iterdir()) == []
    assert not list(tmp_path.rglob("evil"))


def test_recordings_that_were_altered_before_they_were_published_are_refused(
    published: Published, tmp_path: Path
) -> None:
    """DVC commits what lies there; the artifact's own manifest knows better."""
    (tmp_path / "one/records/100.dat").write_bytes(b"altered")
    published.add(tmp_path / "one", "v3")
    with pytest.raises(RuntimeError, match=r"records/100.dat: altered since it was written"):
        checkout(recordings=tmp_path / "came", version=published.version("v3"))


def test_what_git_cannot_say_is_refused_by_name(published: Published, tmp_path: Path) -> None:
    published.commit({"dvc.lock": "schema: '2.0'\nstages: {}\n"}, "no-recordings")
    published.commit({"dvc.lock": ": no yaml ["}, "no-yaml")
    (published.repository / "dvc.lock").unlink()
    published.commit({}, "no-lock")
    known = published.version("v1")
    for change, message in {
        ("revision", "v9"): r"has no revision 'v9'; push it there, or name a branch",
        ("revision", "no-recordings"): r"has no artifacts/recordings; run `dvc repro ingest`",
        ("revision", "no-yaml"): r"has no artifacts/recordings",
        ("revision", "no-lock"): r"has no dvc.lock: commit it",
        ("repository", str(tmp_path / "nowhere")): r"nowhere cannot be read; check the address",
        ("remote", "ftp://somewhere/else"): r"ftp://somewhere/else is no remote that can be read here",
    }.items():
        with pytest.raises(RefusedError, match=message):
            checkout(recordings=tmp_path / "came", version=known.model_copy(update=dict([change])))
    assert not (tmp_path / "came").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"repository": "https://user:password@example.org/data.git"},
        {"repository": "https://token@example.org/data.git"},
        {"remote": "s3://key:secret@bucket/folder"},
        {"endpoint": "http://key:secret@s3:8333"},
        {"remote": "https://example.org/data?X-Amz-Signature=abc"},
    ],
)
def test_an_address_with_a_secret_is_refused_because_addresses_are_recorded(change: dict[str, str]) -> None:
    given = {"repository": "https://example.org/data.git", "revision": "main", "remote": "s3://bucket/folder"}
    load(DataVersion, json.dumps(given | {"repository": "git@example.org:group/data.git"}))
    with pytest.raises(ParamsError, match="put them in the environment") as refused:
        load(DataVersion, json.dumps(given | change))
    assert not any(secret in str(refused.value) for secret in ("password@", "token@", "secret@", "abc"))


@pytest.mark.parametrize("name", ["--upload-pack=touch /tmp/x", "-x", "", "a b", "main\nother"])
def test_a_revision_cannot_be_an_option(name: str) -> None:
    with pytest.raises(ParamsError, match="one word, and no option"):
        load(DataVersion, json.dumps({"repository": "data.git", "revision": name, "remote": "s3://bucket"}))
