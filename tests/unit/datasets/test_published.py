"""Recordings come from a publisher or a mirror: verified, fetched again when damaged, resumed when interrupted."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.datasets.download import DownloadError, fetch
from bedside.datasets.mitdb import Mitdb
from bedside.datasets.wfdb import Wfdb
from bedside.errors import RefusedError
from bedside.scratch import home
from tests.data.mirror import Publisher, publish, serving

RECORDS = ("s001", "s002")


@pytest.fixture
def place(published: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "mirror" / "mitdb" / "1.0.0"
    shutil.copytree(published, folder)
    publish(folder)
    return folder


@pytest.fixture
def publisher(place: Path) -> Iterator[Publisher]:
    with serving(place) as running:
        yield running


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BEDSIDE_MIRROR", raising=False)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    folder.mkdir()
    return folder


def source(where: object, **changes: object) -> Mitdb:
    return Mitdb.model_validate({"url": str(where), "records": RECORDS, "sums_sha256": None, **changes})


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


EVERY = sorted(f"{record}{suffix}" for record in RECORDS for suffix in (".atr", ".dat", ".hea"))


def test_a_folder_that_holds_the_files_or_a_parent_of_it_is_a_mirror(place: Path, into: Path) -> None:
    for folder in (place, place.parents[1]):
        assert source(folder).fetch(into) == {}
        assert names(into) == EVERY
        shutil.rmtree(into)
        into.mkdir()


def test_a_publisher_answers_over_http(publisher: Publisher, into: Path) -> None:
    assert source(publisher.url).fetch(into) == {}
    assert names(into) == EVERY


@pytest.mark.parametrize("record", ["I100", "sel-100", "s0010_re", "a.b", "JS00001"])
def test_a_record_may_have_any_name(place: Path, into: Path, record: str) -> None:
    for suffix in (".hea", ".dat", ".atr"):
        (place / f"s001{suffix}").rename(place / f"{record}{suffix}")
    publish(place)
    assert source(place, records=None).fetch(into) == {}
    assert {f"{record}.hea", f"{record}.dat", f"{record}.atr", "s002.hea"} <= set(names(into))


def test_a_name_in_other_letters_is_fetched_over_http_too(publisher: Publisher, place: Path, into: Path) -> None:
    for suffix in (".hea", ".dat", ".atr"):
        (place / f"s001{suffix}").rename(place / f"\u00c4_1{suffix}")
    publish(place)
    assert source(publisher.url, records=["\u00c4_1"]).fetch(into) == {}
    assert names(into) == ["\u00c4_1.atr", "\u00c4_1.dat", "\u00c4_1.hea"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_gives_the_reason_for_its_record(place: Path, into: Path) -> None:
    (place / "s001.dat").chmod(0)
    assert source(place).fetch(into) == {"s001": f"s001.dat: may not be read in the mirror {place}"}


def test_a_list_of_digests_is_read_as_the_usual_programs_write_it(place: Path, into: Path) -> None:
    sums = publish(place)
    lines = [f"{digest.upper()} *./{name}" for name, digest in sums.items()]
    (place / "SHA256SUMS.txt").write_bytes("\r\n".join(lines).encode())
    assert source(place).fetch(into) == {}
    assert names(into) == EVERY


def test_another_publisher_is_found_by_its_name_and_version(place: Path, into: Path) -> None:
    place.rename(place.parents[1] / "ward-7")
    (place.parents[1] / "holter").mkdir()
    (place.parents[1] / "ward-7").rename(place.parents[1] / "holter/2.1")
    about = {"name": "holter", "version": "2.1", "rate": 360, "sums_sha256": None, "mirror": str(place.parents[1])}
    other = Wfdb.model_validate(about)
    assert other.fetch(into) == {}
    assert other.label == "holter-2.1"
    with pytest.raises(RefusedError, match=r"holds the files of holter/3.0"):
        other.model_copy(update={"version": "3.0"}).fetch(into)


def test_who_vouches_for_the_files_must_be_said() -> None:
    with pytest.raises(ValueError, match="sums_sha256"):
        Wfdb.model_validate({"name": "holter", "version": "2.1", "rate": 360})
    for bad in ("", "..", "a/b", ".hidden"):
        with pytest.raises(ValueError, match="name"):
            Wfdb.model_validate({"name": bad, "version": "2.1", "rate": 360, "sums_sha256": None})


def test_the_environment_variable_goes_before_the_parameter(
    place: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_MIRROR", str(place))
    assert source("http://127.0.0.1:9", mirror="/nowhere").fetch(into) == {}


@pytest.mark.parametrize("nowhere", ["http://127.0.0.1:9", "/no/such/folder", "http://[bad", "http://no host"])
def test_an_unreachable_publisher_gives_one_message_with_both_ways_out(nowhere: str, into: Path) -> None:
    with pytest.raises(RefusedError, match=r"(?s)cannot reach .*BEDSIDE_MIRROR.*make demo") as refusal:
        source(nowhere).fetch(into)
    assert "\n" not in str(refusal.value)


def test_a_mirror_with_sign_in_is_used_and_its_password_shown_nowhere(
    publisher: Publisher, into: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    publisher.asks_for = "ward 3:canary@41d0"
    host = publisher.url.removeprefix("http://")
    assert source(f"http://ward%203:canary%4041d0@{host}").fetch(into) == {}
    assert names(into) == EVERY
    with pytest.raises(RefusedError, match=r"cannot reach http://\*\*\*@127.0.0.1") as refused:
        source(f"http://ward%203:canary-wrong@{host}").fetch(into)
    assert "canary" not in str(refused.value) + "".join(capfd.readouterr())


def test_a_mirror_cannot_vouch_for_itself(place: Path, into: Path) -> None:
    with pytest.raises(RefusedError, match="is not the publisher's list"):
        source(place, sums_sha256="0" * 64).fetch(into)


def test_what_was_fetched_is_not_fetched_again(publisher: Publisher, into: Path) -> None:
    source(publisher.url).fetch(into)
    before = len(publisher.answers)
    source(publisher.url).fetch(into)
    assert [name for name, _ in publisher.answers[before:]] == ["SHA256SUMS.txt"]


def test_an_interrupted_download_goes_on_where_it_stopped(publisher: Publisher, into: Path) -> None:
    cache = home() / "downloads" / "mitdb-1.0.0"
    cache.mkdir(parents=True)
    (cache / "s001.dat.part").write_bytes((publisher.folder / "s001.dat").read_bytes()[:5000])
    assert source(publisher.url).fetch(into) == {}
    assert ("s001.dat", 5000) in publisher.answers
    assert ("s001.dat", 0) not in publisher.answers


def test_a_connection_that_breaks_is_taken_up_again(publisher: Publisher, into: Path) -> None:
    publisher.breaks["s001.dat"] = 2
    assert source(publisher.url).fetch(into) == {}
    assert [first for name, first in publisher.answers if name == "s001.dat"] == [0, 16200, 24300]


def test_a_connection_that_keeps_breaking_is_refused_and_quarantines_nothing(
    publisher: Publisher, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bedside.datasets.download.ATTEMPTS", 2)
    publisher.breaks["s001.dat"] = 99
    with pytest.raises(RefusedError, match="run the stage again"):
        source(publisher.url).fetch(into)


def test_a_part_that_is_longer_than_its_file_is_thrown_away(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "s001.hea.part").write_bytes(b"x" * 10_000)
    digest = publish(publisher.folder)["s001.hea"]
    assert (
        fetch(publisher.url, "s001.hea", tmp_path, digest).read_bytes() == (publisher.folder / "s001.hea").read_bytes()
    )


def test_a_file_damaged_on_the_way_is_fetched_again(publisher: Publisher, into: Path) -> None:
    publisher.damages["s002.dat"] = 1
    assert source(publisher.url).fetch(into) == {}
    assert [first for name, first in publisher.answers if name == "s002.dat"] == [0, 0]


def test_a_file_damaged_at_the_publisher_gives_the_reason_for_its_record(publisher: Publisher, into: Path) -> None:
    publisher.damages["s002.dat"] = 99
    (reason,) = source(publisher.url).fetch(into).items()
    assert reason[0] == "s002"
    assert "s002.dat: sha256" in reason[1]
    assert "fetched twice" in reason[1]


def test_a_damaged_file_in_a_mirror_folder_gives_the_reason_for_its_record(place: Path, into: Path) -> None:
    (place / "s001.atr").write_bytes(b"\0\0")
    assert "s001.atr: sha256" in source(place).fetch(into)["s001"]


def test_a_file_that_is_missing_gives_the_reason_for_its_record(publisher: Publisher, place: Path, into: Path) -> None:
    (place / "s001.atr").unlink()
    assert source(publisher.url).fetch(into) == {"s001": "s001.atr: the publisher answers 404 Not Found"}
    assert source(place).fetch(into) == {"s001": f"s001.atr: not in the mirror {place}"}


def test_a_record_that_the_publisher_does_not_list_gives_a_reason(place: Path, into: Path) -> None:
    assert source(place, records=("s001", "s777")).fetch(into) == {
        "s777": "s777.hea: not in the publisher's SHA256SUMS.txt"
    }


def test_a_fetched_file_that_is_altered_on_disk_is_fetched_again(publisher: Publisher, tmp_path: Path) -> None:
    digest = publish(publisher.folder)["s001.hea"]
    file = fetch(publisher.url, "s001.hea", tmp_path, digest)
    file.write_text("altered")
    assert fetch(publisher.url, "s001.hea", tmp_path, digest).read_text() != "altered"
    with pytest.raises(DownloadError, match="404"):
        fetch(publisher.url, "nothing.hea", tmp_path, digest)
