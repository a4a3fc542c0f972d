"""docs/security.md, row by row: every row names a test that exists; what no other file tries is tried here.

Rows of "can" are tried as well: a limit that is gone should leave the page.
"""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bedside import cli
from bedside.artifacts import SEAL_KEY, ArtifactError, commit, open_artifact, sha256, staged
from bedside.errors import RefusedError
from bedside.registry import keys, reviewers, signing
from bedside.registry.going_back import roll_back
from bedside.registry.history import rolled_back
from bedside.registry.log import PromotionLog
from bedside.registry.sign_off import approve
from bedside.tasks.ecg_beats.outcome import OUTCOME
from tests.support import deployments, following
from tests.support.deployments import GATES, Deployed, Maker, changed_gates
from tests.support.mlflow_store import Server
from tests.support.promoting import MODEL, REVIEWER, TARGET, aliases, promoted, registry

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/security.md"


def rows() -> list[list[str]]:
    """The cells of every table row of the page whose table has a column `test`."""
    tables = re.findall(r"^\|.*\| test \|\n\|[-|]+\|\n((?:\|.*\|\n)+)", PAGE.read_text(), re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for table in tables for line in table.splitlines()]


def test_every_row_of_the_threat_model_names_a_test_that_exists() -> None:
    written = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(rows()) > 50
    for row in rows():
        assert re.fullmatch(r"`(test_\w+)`", row[-1]), row
        assert row[-1].strip("`") in written, row


def test_every_table_of_who_can_do_what_has_its_tests() -> None:
    headings = re.findall(r"^\| (cannot|can) \|.*$", PAGE.read_text(), re.MULTILINE)
    tested = re.findall(r"^\| (cannot|can) \|.*\| test \|$", PAGE.read_text(), re.MULTILINE)
    assert headings == tested


# MLflow


def test_an_edited_page_hides_nothing_from_the_log(
    maker: Maker, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted([maker.make("pruned", p99_ms=3.0)], workspace / "first")
    loose = changed_gates(G4={"floors": {"V": 0.1, "S": 0.1}})
    promoted([maker.make("combined", p99_ms=1.0, gates=loose)], workspace / "second", gates=loose)
    registry().update_model_version(MODEL, "2", description="## PASS: nothing to see")
    registry().delete_model_version_tag(MODEL, "2", "warning")
    registry().set_model_version_tag(MODEL, "2", "verdict", "PASS, by the usual gates")
    cli.main(["log"])
    assert "changes: GATES ARE LOOSER" in capsys.readouterr().out
    assert aliases() == {"challenger": "1", "champion": "1"}


# Artifacts, cache and remote


def forged(deployed: Deployed) -> None:
    """Evidence of a bad network with answers a hair from the teacher's, and figures, seals and verdict that fit."""
    from bedside.evaluation import evidence as clinical
    from components.gate import gate

    teacher, own = open_artifact(deployed.reference), open_artifact(deployed.evidence)
    answers = load_file(teacher / "predictions.safetensors")
    answers["logits"] = answers["logits"] + np.float32(1e-4)
    figures = clinical(
        answers["logits"],
        answers["label"],
        answers["record"],
        answers["patient"],
        answers["sample"],
        load_file(teacher / "predictions.safetensors")["logits"],
        outcome=OUTCOME,
        records=deployments.PATIENTS,
        patients=deployments.PATIENTS,
        rate=360.0,
        seconds=dict.fromkeys(deployments.PATIENTS, deployments.SECONDS),
        replicates=200,
    )
    record = {name: value for name, value in own.manifest.items() if name not in ("files", "schema")}
    told = {**own.json("evidence.json"), **figures}
    with staged(own.path) as staging:
        (staging / "evidence.json").write_text(json.dumps(told))
        save_file(answers, staging / "predictions.safetensors")
        commit(staging, own.path, record)
    gate(
        evidence=deployed.evidence,
        reference=deployed.reference,
        verdict=deployed.verdict,
        gates=dict(GATES),
        budget=dict(deployments.BUDGET),
    )


def test_without_a_seal_key_forged_answers_are_promoted(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = maker.make("quantized", missed=0.2)
    forged(bad)
    assert promoted([bad], workspace / "decision")["registered"]
    assert aliases()["champion"] == "1"  # the limit that the page admits
    monkeypatch.setenv(SEAL_KEY, "what only machines that run stages know: 0123456789")
    with pytest.raises(ArtifactError, match="made without a key"):
        promoted([bad], workspace / "again")


# The state folder


def test_an_old_log_with_its_old_head_makes_what_came_after_it_foreign(
    maker: Maker, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, old = PromotionLog(), workspace / "old"
    old.mkdir()
    for i in range(2):
        promoted([maker.make(f"v{i}", p99_ms=3.0 - i)], workspace / f"decision{i}")
        if i == 0:
            shutil.copy(log.path, old)
            shutil.copy(log.head, old)
    shutil.copy(old / log.path.name, log.path)
    shutil.copy(old / log.head.name, log.head)
    cli.main(["log", "--verify", "--offline"])  # it is whole: the limit
    with pytest.raises(SystemExit):
        cli.main(["log", "--verify"])
    assert "champion is FOREIGN, at version 2 in the registry; this log confirmed version 1" in capsys.readouterr().out


# The signing key


def test_whoever_has_the_signing_key_makes_bundles_that_verify(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned")], workspace / "decision")
    theirs = shutil.copytree(workspace / "decision/bundles/pruned", workspace / "theirs")
    (theirs / "model.onnx").write_bytes(b"another network")
    signing.sign(theirs)
    cli.main(["verify", str(theirs)])
    assert signing.digest(theirs) not in PromotionLog().path.read_text()  # what the log names gives it away


def test_key_and_state_folder_together_write_a_new_log_that_only_a_copy_gives_away(
    maker: Maker, workspace: Path
) -> None:
    promoted([maker.make("pruned")], workspace / "decision", sign_off=True)
    log = PromotionLog()
    copy = log.path.read_text()
    log.path.unlink()
    log.head.unlink()
    for line in copy.splitlines():
        entry = {
            name: value
            for name, value in json.loads(line).items()
            if name not in ("seq", "time", "previous", "key", "digest", "signature")
        }
        log.append(**{**entry, "author": "eve@example.org"} if entry["state"] == "REQUESTED" else entry)
    cli.main(["log", "--verify"])  # the limit
    assert not log.path.read_text().startswith(copy)


# A reviewer's key


def test_two_addresses_of_one_person_are_two_people_here(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned")], workspace / "decision", sign_off=True)  # by grace@example.org
    reviewers.enrol("grace@hospital.example")
    approve(TARGET, "1", reviewer="grace@hospital.example", reason="my own work, from my other address")
    assert aliases()["champion"] == "1"
    enrolled = [entry["reviewer"] for entry in PromotionLog().verify() if entry["state"] == "ENROLLED"]
    assert enrolled == ["grace@hospital.example"]


@pytest.mark.slow
def test_one_account_of_the_tracking_server_is_one_person(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(workspace) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "grace@example.org")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "not asked for by this server")
        promoted([maker.make("pruned")], workspace / "decision", sign_off=True, timeout=60)
        reviewers.enrol(REVIEWER)
        with pytest.raises(RefusedError, match=r"knows you as grace@example\.org, as whom it was promoted"):
            approve(TARGET, "1", reviewer=REVIEWER, reason="looked")
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "eve@example.org")
        with pytest.raises(RefusedError, match=r"knows you as eve@example\.org, not as ada@example\.org"):
            approve(TARGET, "1", reviewer=REVIEWER, reason="looked")
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", REVIEWER)
        approve(TARGET, "1", reviewer=REVIEWER, reason="looked")


# Git and params.yaml


def test_a_new_models_first_gates_are_its_own(maker: Maker, workspace: Path) -> None:
    from components.promote import promote

    promoted([maker.make("pruned", p99_ms=3.0)], workspace / "first")
    loose = changed_gates(G4={"floors": {"V": 0.1, "S": 0.1}})
    made = maker.make("combined", gates=loose)
    promote(
        graphs=[made.graph],
        evidence=[made.evidence],
        verdicts=[made.verdict],
        reference=made.reference,
        decision=workspace / "other",
        params={"model": "another", "intended_use": "The same.", "sign_off": False, "timeout": 5},
        gates=loose,
        budget=dict(deployments.BUDGET),
    )
    assert json.loads((workspace / "other/decision.json").read_text())["changes"] == ""
    assert aliases() == {"challenger": "1", "champion": "1"}  # of the model that devices are told


# What a device is given


def test_an_older_bundle_still_verifies(maker: Maker, workspace: Path) -> None:
    for i in range(2):
        promoted([maker.make(f"v{i}", p99_ms=3.0 - i)], workspace / f"decision{i}")
    roll_back(TARGET, reason="alarm")
    cli.main(["verify", str(workspace / "decision1/bundles/v1")])  # the limit
    graph = sha256(workspace / "decision1/bundles/v1/model.onnx")
    assert rolled_back(PromotionLog().verify(), MODEL)[graph] == "alarm"  # by this the log gives it away


# The commands of the page


@pytest.fixture
def reader(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Reader":
    """Somebody with a promoted bundle in the folder `bundle`."""
    monkeypatch.setenv("HOME", str(workspace / "person"))
    promoted([maker.make("pruned")], workspace / "decision", sign_off=True)
    shutil.copytree(workspace / "decision/bundles/pruned", workspace / "bundle")
    return Reader(keys.public_key().stem, capsys)


class Reader:
    """Types the commands of the page; `0123456789abcdef` is the page's name for the signing key."""

    def __init__(self, key: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.key, self.capsys = key, capsys

    def __call__(self, command: str) -> str:
        command = command.replace("0123456789abcdef", self.key)
        if not command.startswith("bedside "):
            done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
            return done.stdout + done.stderr
        self.capsys.readouterr()
        cli.main(shlex.split(command)[1:])
        return self.capsys.readouterr().out.replace(self.key, "0123456789abcdef")


COMMANDS = following.sections(PAGE)["Keys"]


def those(*words: str) -> list[following.Line]:
    """The commands of the section in which one of these words is."""
    return [line for line in COMMANDS if any(word in line.command for word in words)]


def test_keys_are_listed_and_rotated_as_the_page_shows(reader: Reader) -> None:
    following.follow(those("bedside keys"), reader)


def test_a_reviewer_with_a_machine_of_their_own_is_enrolled_as_the_page_shows(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    following.follow(those("mkdir", "openssl ecparam", "openssl pkey", "bedside reviewer"), reader)
    monkeypatch.setenv("BEDSIDE_REVIEWER_KEY", str(workspace / "person/.config/bedside/reviewer.pem"))
    approve(TARGET, "1", reviewer=REVIEWER, reason="with that key")


def test_the_seal_key_of_the_page_is_long_enough(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    (export,) = those("export")
    made = reader(f"{export.command}; echo ${SEAL_KEY}").strip()
    monkeypatch.setenv(SEAL_KEY, made)
    assert open_artifact(Maker(workspace / "sealed").make("combined").graph)


def certificates(folder: Path) -> None:
    """A certificate authority of an organization (ca.crt), and a key that it certifies for signing (release)."""
    new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    script = f"""
    openssl req -x509 {new} -keyout ca.pem -out ca.crt -days 9 -subj '/CN=Ours' \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
    openssl req {new} -keyout release.pem -out release.csr -subj '/CN=Release'
    printf 'keyUsage=critical,digitalSignature\\nextendedKeyUsage=codeSigning\\n' > extensions
    openssl x509 -req -in release.csr -CA ca.crt -CAkey ca.pem -days 9 -out release.crt -extfile extensions
    """
    subprocess.run(["bash", "-euc", script], cwd=folder, check=True, capture_output=True)


def test_a_certificate_of_the_organization_signs_beside_our_key(reader: Reader, workspace: Path) -> None:
    certificates(workspace)
    signs, verifies, _ = lines = those("certificate", "bedside verify")
    following.follow(lines, reader)
    (workspace / "bundle/model.sig").write_text("{}")
    assert "Verification succeeded" not in reader(verifies.command)  # it covers our signature too
    assert "bundle.release.sig" in signs.command


LIBRARY = Path("/usr/lib/softhsm/libsofthsm2.so")


def token(folder: Path) -> None:
    """A software token with a signing key in it, and its public half as token.pub."""
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\n")
    script = f"""
    softhsm2-util --init-token --free --label hospital --pin 1234 --so-pin 1234
    pkcs11-tool --module {LIBRARY} --login --pin 1234 --token-label hospital --keypairgen --key-type EC:prime256v1 \
        --label release --usage-sign
    pkcs11-tool --module {LIBRARY} --token-label hospital --read-object --type pubkey --label release -o token.der
    openssl ec -pubin -inform DER -in token.der -out token.pub
    """
    subprocess.run(["bash", "-euc", script], cwd=folder, check=True, capture_output=True)


def test_a_hardware_token_signs_beside_our_key(
    reader: Reader, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("PyKCS11", reason="needs model-signing[pkcs11]")
    if not LIBRARY.is_file() or shutil.which("pkcs11-tool") is None:
        pytest.skip("needs softhsm2 and opensc")
    monkeypatch.setenv("SOFTHSM2_CONF", str(workspace / "softhsm2.conf"))
    token(workspace)
    following.follow(those("pkcs11-key", "token.pub"), reader)


def test_every_command_of_the_page_is_one_of_these() -> None:
    tried = those(
        "bedside keys",
        "mkdir",
        "openssl",
        "bedside reviewer",
        "certificate",
        "bedside verify",
        "pkcs11-key",
        "token.pub",
    )
    assert [line.command for line in COMMANDS if line not in tried] == []
    assert len(tried) == len(COMMANDS)
