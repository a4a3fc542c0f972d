"""Keys come and go: a rotation keeps what was signed, a revocation does not, and a lost key is named."""

from pathlib import Path

import pytest

from bedside import cli
from bedside.errors import RefusedError
from bedside.registry import keys, rotation, signing
from bedside.registry.going_back import restore, roll_back
from bedside.registry.log import LogError, PromotionLog
from bedside.registry.standing import ForeignError
from tests.support.deployments import Maker
from tests.support.promoting import TARGET, aliases, promoted, signed_off


@pytest.fixture
def two(workspace: Path) -> Maker:
    """Two champions, one after the other."""
    maker = Maker(workspace)
    for i in range(2):
        promoted([maker.make(f"v{i}", p99_ms=3.0 - i)], workspace / f"decision{i}")
    return maker


def test_after_a_rotation_earlier_bundles_count_and_new_ones_bear_the_new_key(two: Maker, workspace: Path) -> None:
    before = keys.public_key()
    old, new = rotation.rotate("every year")
    assert (old, new) == (before.stem, keys.public_key().stem)
    promoted([two.make("v2", p99_ms=1.0)], workspace / "third")
    signing.verify(workspace / "third/bundles/v2", keys.public_key())
    with pytest.raises(signing.SignatureError):
        signing.verify(workspace / "third/bundles/v2", before)
    assert roll_back(TARGET, reason="alarm") == ("champion", "3", "2")
    cli.main(["log", "--verify"])
    cli.main(["verify", str(workspace / "decision0/bundles/v0")])
    rotation.rotate("again")
    cli.main(["log", "--verify"])


@pytest.mark.usefixtures("two")
def test_what_a_revoked_key_signed_counts_no_longer(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = keys.public_key().stem
    with pytest.raises(RefusedError, match="present key: `bedside keys rotate` first"):
        rotation.revoke(old, "stolen")
    rotation.rotate("stolen")
    assert rotation.revoke(old, "a laptop was stolen") == [
        f"ecg-arrhythmia.{TARGET} version {number}" for number in ("1", "2")
    ]
    with pytest.raises(RefusedError, match=r"which was revoked \(a laptop was stolen\); promote it again"):
        signed_off("1")
    with pytest.raises(RefusedError, match="nothing to roll back to"):
        roll_back(TARGET, reason="alarm")
    with pytest.raises(SystemExit, match="does not fit"):
        cli.main(["verify", str(workspace / "decision0/bundles/v0")])
    cli.main(["keys"])
    assert f"{old}  revoked: a laptop was stolen" in capsys.readouterr().out
    with pytest.raises(RefusedError, match=r"no entry of .* was signed with it"):
        rotation.revoke("0" * 16, "what?")


def test_after_a_revocation_the_same_graph_is_promoted_again_under_the_new_key(maker: Maker, workspace: Path) -> None:
    deployed = [maker.make("pruned")]
    promoted(deployed, workspace / "first")
    old = keys.public_key().stem
    rotation.rotate("stolen")
    rotation.revoke(old, "a laptop was stolen")
    with pytest.raises(ForeignError, match=r"at version 1 \(its key was revoked: a laptop was stolen\)"):
        promoted(deployed, workspace / "too-early")
    assert restore(TARGET) == [("challenger", "1", None), ("champion", "1", None)]
    promoted(deployed, workspace / "second", sign_off=True)
    signed_off("2", "the same bytes as before")
    assert aliases() == {"challenger": "2", "champion": "2"}


def test_an_earlier_champion_of_a_key_that_still_counts_is_what_stands_after_a_revocation(
    two: Maker, workspace: Path
) -> None:
    rotation.rotate("every year")
    stolen = keys.public_key().stem
    promoted([two.make("v2", p99_ms=1.0)], workspace / "third")
    rotation.rotate("stolen")
    rotation.revoke(stolen, "stolen")
    assert restore(TARGET, alias="champion") == [("champion", "3", "2")]


def _killed(_: str) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("two")
def test_a_rotation_that_was_killed_is_finished_by_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(keys, "keep", _killed)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate("every year")
    with pytest.raises(LogError, match="`bedside keys rotate` finishes the rotation that was interrupted"):
        PromotionLog().verify()
    rotation.rotate("every year")
    assert [entry["state"] for entry in PromotionLog().verify()].count("ROTATED") == 1


@pytest.mark.usefixtures("two")
def test_without_its_key_nothing_is_blamed_on_the_log_and_no_new_key_is_made(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = workspace / "home/keys/signing.pem"
    key.rename(workspace / "lost.pem")
    with pytest.raises(
        SystemExit, match=r"signing\.pem: the signing key is missing, and .*promotions\.jsonl was signed"
    ):
        cli.main(["log", "--verify"])
    assert not key.exists()
    (workspace / "lost.pem").rename(key)
    cli.main(["log", "--verify"])
    assert "entries; chain, signatures and end of the log are as written" in capsys.readouterr().out


def test_a_key_elsewhere_is_rotated_to_one_that_is_given(
    two: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "home/keys/signing.pem").rename(workspace / "vault.pem")
    monkeypatch.setenv(keys.SIGNING_KEY, str(workspace / "vault.pem"))
    with pytest.raises(RefusedError, match="make the new one yourself, give it with --to"):
        rotation.rotate("every year")
    new = keys.make(workspace / "vault-2.pem")
    rotation.rotate("every year", new)
    monkeypatch.setenv(keys.SIGNING_KEY, str(new))
    promoted([two.make("v2", p99_ms=1.0)], workspace / "third")
    assert aliases()["champion"] == "3"


def test_a_bundle_is_verified_by_a_relative_path_as_the_review_page_says(
    maker: Maker, workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted([maker.make("pruned")], workspace / "decision")
    for given in ("decision/bundles/pruned", "./decision/bundles/../bundles/pruned/"):
        cli.main(["verify", given])
        assert "signed, complete, unchanged" in capsys.readouterr().out
    monkeypatch.chdir(workspace / "decision/bundles/pruned")
    cli.main(["verify", ".", "--key", str(next((workspace / "home/keys").glob("*.pub")))])
    with pytest.raises(SystemExit, match="no such folder; give the bundle's folder"):
        cli.main(["verify", "elsewhere"])
