"""The promotion log: what was written cannot be edited, deleted, reordered, forged or cut off unnoticed."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from bedside.registry import keys
from bedside.registry.log import LogError, PromotionLog
from tests.support.tampering import cut, delete, edit, reorder, repeat

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def log() -> PromotionLog:
    log = PromotionLog()
    for number in range(12):
        log.append(state="REFUSED", variant=f"variant-{number}", reason="V sensitivity 0.88 (floor 0.9)")
    return log


def test_entries_come_back_in_order(log: PromotionLog) -> None:
    entries = log.verify()
    assert [entry["seq"] for entry in entries] == list(range(1, 13))
    assert entries[3]["variant"] == "variant-3"


@pytest.mark.parametrize("tamper", [edit, delete, reorder, repeat, cut])
def test_tampering_is_detected_every_time(
    log: PromotionLog, tamper: Callable[[list[str], random.Random], list[str]]
) -> None:
    lines, rng = log.path.read_text().splitlines(), random.Random(1)
    for _ in range(20):
        log.path.write_text("".join(f"{line}\n" for line in tamper(lines, rng)))
        with pytest.raises(LogError):
            log.verify()
    log.path.write_text("".join(f"{line}\n" for line in lines))
    log.verify()


def test_a_chain_written_anew_without_the_key_is_a_forgery(log: PromotionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = log.path.read_bytes()
    folder = keys.public_key().parent
    monkeypatch.setenv("BEDSIDE_HOME", "stranger")
    forged = PromotionLog(Path("forged.jsonl"))
    for number in range(12):
        forged.append(state="CONFIRMED", variant=f"variant-{number}")
    monkeypatch.setenv("BEDSIDE_HOME", str(folder.parent))
    log.path.write_bytes(forged.path.read_bytes())
    log.head.write_bytes(forged.head.read_bytes())
    with pytest.raises(LogError, match="unknown key"):
        log.verify()
    log.path.write_bytes(honest)
    with pytest.raises(LogError):
        log.verify()


def test_a_log_that_was_cut_is_detected_although_its_head_was_written_anew(log: PromotionLog) -> None:
    lines, last = log.path.read_text().splitlines(), log.verify()[4]
    log.path.write_text("".join(f"{line}\n" for line in lines[:5]))
    head = {"seq": 5, "digest": last["digest"]}
    for signature in (
        {},
        {"signature": last["signature"]},
        {"signature": json.loads(log.head.read_text())["signature"]},
    ):
        log.head.write_text(json.dumps(head | signature))
        with pytest.raises(LogError, match="not signed with this workspace's key; compare the log with a copy"):
            log.verify()


def test_a_log_that_was_cut_to_one_entry_and_lost_its_head_is_no_young_log(log: PromotionLog) -> None:
    log.path.write_text(log.path.read_text().splitlines()[0] + "\n")
    log.head.unlink()
    with pytest.raises(LogError, match="missing, so the end of the log cannot be verified"):
        log.verify()


def test_a_strangers_key_is_not_trusted_for_lying_in_the_key_folder(
    log: PromotionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = keys.public_key()
    monkeypatch.setenv("BEDSIDE_HOME", "stranger")
    forged = PromotionLog(log.path)
    forged.path.unlink()
    forged.head.unlink()
    forged.append(state="CONFIRMED", variant="forged")
    stranger = keys.public_key()
    (own.parent / stranger.name).write_bytes(stranger.read_bytes())
    monkeypatch.setenv("BEDSIDE_HOME", str(own.parent.parent))
    with pytest.raises(LogError, match=f"entry 1: signed with an unknown key {stranger.stem}"):
        log.verify()


def test_the_end_that_an_older_version_left_unsigned_is_signed_by_hand(log: PromotionLog) -> None:
    log.head.write_text(json.dumps({"seq": 12, "digest": log.verify()[-1]["digest"]}))
    with pytest.raises(LogError, match="not signed"):
        log.append(state="CONFIRMED")
    log.sign_head()
    assert len(log.verify()) == 12


def test_an_entry_torn_by_a_kill_is_no_entry_and_the_next_one_takes_its_place(log: PromotionLog) -> None:
    with log.path.open("ab") as file:
        file.write(b'{"seq": 13, "state": "CONF')
    assert len(log.verify()) == 12
    log.append(state="CONFIRMED")
    assert [entry["state"] for entry in log.verify()][-2:] == ["REFUSED", "CONFIRMED"]


def test_a_kill_between_the_entry_and_the_head_is_not_tampering(log: PromotionLog) -> None:
    head = log.head.read_bytes()
    log.append(state="CONFIRMED")
    log.head.write_bytes(head)
    assert len(log.verify()) == 13
    log.append(state="CONFIRMED")
    assert len(log.verify()) == 14


def test_nothing_is_appended_to_a_log_that_was_edited(log: PromotionLog) -> None:
    log.path.write_text(log.path.read_text().replace("0.88", "0.98"))
    with pytest.raises(LogError, match="entry 1: its content was edited"):
        log.append(state="CONFIRMED")
