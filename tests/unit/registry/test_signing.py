"""Signed bundles: verified offline, every kind of tampering refused."""

import random
import stat
import subprocess
from pathlib import Path

import pytest

from bedside.errors import RefusedError
from bedside.registry import keys, signing


@pytest.fixture
def bundle(workspace: Path) -> Path:
    folder = workspace / "bundle"
    (folder / "deep").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(bytes(range(256)))
    (folder / "verdict.json").write_text('{"verdict": "PASS"}')
    (folder / "deep" / "card.md").write_text("# Card")
    signing.sign(folder)
    return folder


def test_a_signed_bundle_is_verified_with_the_public_key_alone(bundle: Path, workspace: Path) -> None:
    public = workspace / "device.pub"
    public.write_bytes(keys.public_key().read_bytes())
    (workspace / "home").rename(workspace / "gone")
    signing.verify(bundle, public)
    moved = bundle.rename(workspace / "renamed")
    signing.verify(moved, public)


def test_the_key_is_made_once_and_is_its_owners_alone(workspace: Path) -> None:
    key = keys.private_key()
    assert key == workspace / "home/keys/signing.pem" or key.resolve() == workspace / "home/keys/signing.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    assert keys.private_key().read_bytes() == before
    assert [f.name for f in key.parent.iterdir()] == ["signing.pem"]


def test_another_public_key_under_the_name_of_the_own_one_is_replaced(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = keys.public_key()
    before = own.read_bytes()
    monkeypatch.setenv("BEDSIDE_HOME", "stranger")
    own.write_bytes(keys.public_key().read_bytes())
    monkeypatch.setenv("BEDSIDE_HOME", str(workspace / "home"))
    assert keys.public_key().read_bytes() == before


def test_one_flipped_bit_anywhere_is_refused(bundle: Path) -> None:
    public, rng = keys.public_key(), random.Random(0)
    files = sorted(f for f in bundle.rglob("*") if f.is_file())
    for _ in range(40):
        file = rng.choice(files)
        content = file.read_bytes()
        position, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
        changed = content[:position] + bytes([content[position] ^ bit]) + content[position + 1 :]
        file.write_bytes(changed)
        if _still_means_the_same(file, content, changed):
            file.write_bytes(content)
            continue
        with pytest.raises(signing.SignatureError, match="does not fit"):
            signing.verify(bundle, public)
        file.write_bytes(content)
    signing.verify(bundle, public)


def _still_means_the_same(file: Path, content: bytes, changed: bytes) -> bool:
    """The signature file is JSON: unused bits of its base64 padding carry nothing."""
    import base64
    import json

    def meaning(text: bytes) -> object:
        envelope = json.loads(text)["dsseEnvelope"]
        return base64.b64decode(envelope["payload"]), base64.b64decode(envelope["signatures"][0]["sig"]), len(text)

    if file.name != signing.SIGNATURE:
        return False
    try:
        return meaning(content) == meaning(changed) and set(json.loads(changed)) == set(json.loads(content))
    except (ValueError, KeyError, TypeError):
        return False


def test_added_removed_and_renamed_files_are_refused(bundle: Path) -> None:
    public = keys.public_key()
    for hidden in ("extra.py", ".gitattributes", "deep/loader.txt"):
        (bundle / hidden).write_text("added")
        with pytest.raises(signing.SignatureError, match="Extra files"):
            signing.verify(bundle, public)
        (bundle / hidden).unlink()
    (bundle / "verdict.json").rename(bundle / "renamed.json")
    with pytest.raises(signing.SignatureError, match="does not fit"):
        signing.verify(bundle, public)
    (bundle / "renamed.json").unlink()
    with pytest.raises(signing.SignatureError, match="Missing files"):
        signing.verify(bundle, public)


def test_a_link_in_the_place_of_a_file_is_refused(bundle: Path, workspace: Path) -> None:
    (bundle / "model.onnx").rename(workspace / "elsewhere.onnx")
    (bundle / "model.onnx").symlink_to(workspace / "elsewhere.onnx")
    with pytest.raises(signing.SignatureError, match="a link"):
        signing.verify(bundle, keys.public_key())


def test_another_key_and_a_missing_signature_are_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", "stranger")
    with pytest.raises(signing.SignatureError, match="does not fit"):
        signing.verify(bundle, keys.public_key())
    (bundle / signing.SIGNATURE).unlink()
    with pytest.raises(signing.SignatureError, match="not signed"):
        signing.verify(bundle, keys.public_key())


def test_a_given_key_signs_and_a_wrong_one_is_named(
    bundle: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = workspace / "own.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", own], check=True)
    monkeypatch.setenv("BEDSIDE_SIGNING_KEY", str(own))
    signing.sign(bundle)
    signing.verify(bundle, keys.public_key())
    own.write_text("not a key")
    with pytest.raises(RefusedError, match="not an unencrypted PEM private key"):
        keys.public_key()
    monkeypatch.setenv("BEDSIDE_SIGNING_KEY", str(workspace / "nowhere.pem"))
    with pytest.raises(RefusedError, match=r"nowhere\.pem, which is not there"):
        keys.private_key()


def test_the_digest_is_of_what_is_signed_and_not_of_the_signature(bundle: Path) -> None:
    before, signature = signing.digest(bundle), (bundle / signing.SIGNATURE).read_bytes()
    signing.sign(bundle)
    assert (bundle / signing.SIGNATURE).read_bytes() != signature
    assert signing.digest(bundle) == before
    (bundle / "model.onnx").write_bytes(b"other")
    assert signing.digest(bundle) != before
