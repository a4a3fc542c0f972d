"""Promotions that are cut off: the store is away, death comes at any state, others race for the same alias."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.errors import RefusedError
from bedside.registry.promotion import Promotion
from tests.support import deployments
from tests.support.deployments import Deployed, Maker
from tests.support.mlflow_store import HangingUpOnce, Server
from tests.support.promoting import MODEL, NAMED, aliases, promoted, registry, states


def test_a_tracking_store_that_is_away_refuses_and_leaves_nothing_half_done(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = [maker.make("pruned")]
    store = _store(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(RefusedError, match=r"needs the tracking store: .*run promote again"):
        promoted(deployed, workspace / "decision")
    assert not (workspace / "decision").exists()
    assert states() == ["INTERRUPTED"]
    _store(monkeypatch, store)
    promoted(deployed, workspace / "decision")
    assert aliases() == {"challenger": "1", "champion": "1"}


@pytest.mark.slow
def test_a_tracking_store_that_hangs_up_for_a_moment_is_asked_again(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bedside.tracking.store.RETRY", 0.1)
    with Server(workspace) as server, HangingUpOnce(server) as front:
        _store(monkeypatch, front.uri)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        for at in itertools.count(0, 5):
            front.hang_up(at)
            deployed = [maker.make(f"v{at}", p99_ms=3.0 - at / 100)]
            decision = promoted(deployed, workspace / f"decision{at}", timeout=300)
            assert decision["champion"]["variant"] == f"v{at}"
            if not front.hung_up:
                break
        assert at > 20
        front.hang_up(10**9)  # not on what this test asks
        assert "INTERRUPTED" not in states()
        assert aliases()["champion"] == str(at // 5 + 1)


def _store(monkeypatch: pytest.MonkeyPatch, uri: str) -> str:
    before = os.environ["MLFLOW_TRACKING_URI"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    return before


class _Killed(BaseException):
    """Ends a promotion where a signal would."""


@pytest.mark.parametrize(
    ("state", "moment"),
    [
        ("SIGNED", "before"),
        ("ALIASED", "before"),
        ("ALIASED", "after"),
        *(
            pytest.param(s, m, marks=pytest.mark.slow)
            for s in ("REQUESTED", "GATES_PASSED")
            for m in ("before", "after")
        ),
        *(pytest.param("CONFIRMED", m, marks=pytest.mark.slow) for m in ("before", "after")),
        pytest.param("SIGNED", "after", marks=pytest.mark.slow),
    ],
)
def test_a_promotion_that_dies_around_any_state_goes_on_where_it_stopped(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch, state: str, moment: str
) -> None:
    promoted([maker.make("distilled", p99_ms=3.0)], workspace / "first")
    deployed = [maker.make("pruned", p99_ms=2.0)]
    append = Promotion._append

    def dying(self: Promotion, name: str, details: dict[str, object]) -> dict[str, object]:
        if name == state and moment == "before":
            raise _Killed
        entry = append(self, name, details)
        if name == state:
            raise _Killed
        return entry

    with monkeypatch.context() as patched:
        patched.setattr(Promotion, "_append", dying)
        with pytest.raises(_Killed):
            promoted(deployed, workspace / "second")
    assert set(aliases()) == {"challenger", "champion"}
    promoted(deployed, workspace / "second")
    assert aliases() == {"challenger": "2", "champion": "2"}
    assert states() == ["REQUESTED", "GATES_PASSED", "SIGNED", "DECIDED", "ALIASED", "CONFIRMED"] * 2
    assert len(registry().search_model_versions(f"name = '{MODEL}'")) == 2


STAGE = [sys.executable, "-m", "components.promote", "--params", json.dumps({**NAMED, "sign_off": False})]


def command(deployed: Deployed, decision: Path) -> list[str]:
    ports = ["--graphs", deployed.graph, "--evidence", deployed.evidence, "--verdicts", deployed.verdict]
    by = ["--gates", json.dumps(deployments.GATES), "--budget", json.dumps(deployments.BUDGET)]
    return [*STAGE, *map(str, [*ports, "--reference", deployed.reference]), *by, "--decision", str(decision)]


@pytest.mark.slow
def test_of_eight_promoters_that_race_for_one_alias_the_best_wins(
    maker: Maker, workspace: Path, request: pytest.FixtureRequest
) -> None:
    deployed = [maker.make(f"v{i}", p99_ms=1.0 + i) for i in range(8)]
    order = [5, 0, 3, 7, 1, 6, 2, 4]
    root = request.config.rootpath
    racing = [
        subprocess.Popen(command(deployed[i], workspace / f"decision{i}"), cwd=root, stderr=subprocess.PIPE)
        for i in order
    ]
    assert [process.communicate()[1] and process.returncode for process in racing if process.wait()] == []
    version = registry().get_model_version_by_alias(MODEL, "challenger")
    assert version.tags["variant"] == "v0"
    assert states().count("CONFIRMED") == 8


@pytest.mark.slow
def test_promotions_killed_at_random_instants_end_as_one_promotion_each(
    maker: Maker, workspace: Path, request: pytest.FixtureRequest
) -> None:
    for i in range(4):
        deployed = maker.make(f"v{i}", p99_ms=9.0 - i)
        run = command(deployed, workspace / f"decision{i}")
        process = subprocess.Popen(run, cwd=request.config.rootpath)
        try:
            process.wait(2.0 + i)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        subprocess.run(run, cwd=request.config.rootpath, check=True)
        assert aliases()["challenger"] == str(i + 1)
    assert states().count("CONFIRMED") == 4
