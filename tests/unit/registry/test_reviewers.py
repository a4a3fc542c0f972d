"""Who signs off: a person with a key of their own, who is not the author in any spelling."""

import json
import subprocess
from pathlib import Path

import pytest

from bedside import cli
from bedside.errors import RefusedError
from bedside.registry import audit, identity, keys, reviewers
from bedside.registry.log import PromotionLog
from bedside.registry.sign_off import approve
from tests.support.deployments import Maker
from tests.support.promoting import TARGET, aliases, promoted, signed_off

AUTHOR = "grace@example.org"
SPELLINGS = [
    "grace@example.org",
    "GRACE@EXAMPLE.ORG",
    " grace@example.org ",
    "Grace <grace@example.org>",
    "Somebody Else <grace@example.org>",
    "grace+review@example.org",
    "gr\u0430ce@example.org",  # a Cyrillic letter
    "grace\u200b@example.org",  # a space of no width
    "grace\u00ad@example.org",  # a soft hyphen
    "\u202egrace@example.org",  # right to left
    "\uff47race@example.org",  # a wide letter
    "grace@ex\u0430mple.org",
    "grace@example\u3002org",
    "gra\u0441e@example.org",
    "grace\n@example.org",
    "grace@example.org\u2060",
    "Grace Hopper",
    "grace",
    "\u2800",
    "",
    "\uff27\uff32\uff21\uff23\uff25@example.org",
]


@pytest.fixture
def one(maker: Maker, workspace: Path) -> None:
    """One version that waits for its sign-off."""
    promoted([maker.make("pruned")], workspace / "decision", sign_off=True)


@pytest.mark.usefixtures("one")
def test_the_author_is_not_the_reviewer_in_any_spelling() -> None:
    reviewers.enrol(AUTHOR)
    for told in SPELLINGS:
        with pytest.raises(RefusedError):
            approve(TARGET, "1", reviewer=told, reason="mine")
    assert aliases() == {"challenger": "1"}


@pytest.mark.usefixtures("one")
def test_who_is_not_enrolled_or_has_another_key_does_not_sign_off(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RefusedError, match=r"not enrolled as a reviewer here; do that first: `bedside reviewer eve@"):
        approve(TARGET, "1", reviewer="eve@example.org", reason="mine")
    reviewers.enrol("ada@example.org")
    monkeypatch.setenv("BEDSIDE_REVIEWER_KEY", str(keys.make(workspace / "eve.pem")))
    with pytest.raises(RefusedError, match=r"eve\.pem: not the key with which ada@example\.org was enrolled"):
        approve(TARGET, "1", reviewer="ada@example.org", reason="mine")
    monkeypatch.setenv("BEDSIDE_REVIEWER_KEY", str(workspace / "nowhere.pem"))
    with pytest.raises(RefusedError, match="the reviewer's key is not there"):
        approve(TARGET, "1", reviewer="ada@example.org", reason="mine")
    assert aliases() == {"challenger": "1"}


@pytest.mark.usefixtures("one")
def test_the_sign_off_is_the_reviewers_signature_over_bundle_verdict_and_reason() -> None:
    signed_off("1", "all 12 flips looked at")
    entry = next(e for e in PromotionLog().verify() if "signature_of_reviewer" in e)
    assert {"bundle", "graph", "verdict_sha256", "verdict", "reason", "alias", "version"} <= set(entry)
    assert all(finding.right for finding in audit.whole(PromotionLog()))
    names = ("model", "version", "alias", "bundle", "graph", "verdict_sha256", "verdict", "reviewer", "reason")
    statement = {name: entry[name] for name in names}
    public = reviewers.enrolled(PromotionLog().verify())["ada@example.org"]
    assert reviewers.is_signed(statement, entry["signature_of_reviewer"], public)
    for name in names:
        assert not reviewers.is_signed({**statement, name: "x"}, entry["signature_of_reviewer"], public)


@pytest.mark.usefixtures("one")
def test_a_sign_off_that_the_workspaces_key_alone_wrote_is_wrong_in_the_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    signed_off("1", "all 12 flips looked at")
    log = PromotionLog()
    entry = next(e for e in log.verify() if "signature_of_reviewer" in e)
    forged = {n: v for n, v in entry.items() if n not in ("seq", "time", "previous", "key", "digest", "signature")}
    log.append(**{**forged, "version": "7"})
    with pytest.raises(SystemExit):
        cli.main(["log", "--verify", "--offline"])
    assert "not signed by ada@example.org's own key" in capsys.readouterr().out


def test_one_key_is_one_persons_and_never_the_workspaces(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PromotionLog().append(state="REFUSED")
    reviewers.enrol("ada@example.org")
    with pytest.raises(RefusedError, match=r"this key is ada@example\.org's; each reviewer has a key of their own"):
        reviewers.enrol("eve@example.org")
    monkeypatch.setenv("BEDSIDE_REVIEWER_KEY", str(keys.private_key()))
    with pytest.raises(RefusedError, match="the workspace's own key"):
        reviewers.enrol("eve@example.org")
    theirs = workspace / "theirs.pub"
    theirs.write_text(keys.public_text(keys.make(workspace / "theirs.pem")))
    assert reviewers.enrol("eve@example.org", theirs) == ("eve@example.org", None)
    theirs.write_text("no key")
    with pytest.raises(RefusedError, match=r"theirs\.pub: not a PEM public key"):
        reviewers.enrol("bob@example.org", theirs)


@pytest.mark.usefixtures("one")
def test_a_dismissed_reviewer_signs_nothing_more_and_what_they_signed_stays(capsys: pytest.CaptureFixture[str]) -> None:
    signed_off("1")
    cli.main(["reviewer", "ada@example.org", "--dismiss", "left the ward"])
    with pytest.raises(RefusedError, match="not enrolled"):
        approve(TARGET, "1", reviewer="ada@example.org", reason="again")
    cli.main(["log", "--verify", "--offline"])
    cli.main(["reviewer"])
    assert "no reviewer is enrolled" in capsys.readouterr().out


@pytest.mark.usefixtures("one")
def test_a_reason_fakes_no_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "fine\n   9 2026-01-01 CONFIRMED\x1b[2J\u202e reviewer: eve"
    signed_off("1", hostile)
    capsys.readouterr()
    cli.main(["log"])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(shown.splitlines()) == len(PromotionLog().verify()) + 1
    assert all(finding.right for finding in audit.whole(PromotionLog()))


def test_a_token_of_the_identity_provider_says_who_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    import base64

    claims = base64.urlsafe_b64encode(json.dumps({"sub": "7", "email": "ada@example.org"}).encode()).decode()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", f"header.{claims.rstrip('=')}.signature")
    assert identity.at_server() == "ada@example.org"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "opaque")
    assert identity.at_server() is None
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    assert identity.at_server() == "ada"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    assert identity.at_server() is None


@pytest.mark.usefixtures("workspace")
def test_the_author_is_the_address_that_git_knows_where_no_other_is_given(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert identity.author() == AUTHOR
    monkeypatch.delenv("BEDSIDE_AUTHOR")
    subprocess.run(["git", "init", "-q", workspace], check=True)
    subprocess.run(["git", "-C", workspace, "config", "user.email", "alan@example.org"], check=True)
    assert identity.author() == "alan@example.org"
