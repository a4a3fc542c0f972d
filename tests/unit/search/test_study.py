"""A study that is shared, left, killed and taken up again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna")  # the extra `search`

from bedside.errors import RefusedError
from bedside.search import study as studies
from bedside.search.figures import Figures
from bedside.search.space import Chain
from tests.unit.search import desk


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/searches/search.db"


def states(trials: list[Any]) -> list[str]:
    return [trial.state.name for trial in trials]


def test_the_first_trial_is_the_known_recipe(url: str) -> None:
    (first,) = desk.work(desk.opened(url), 1)
    assert first.params == {"chain": '["distill"]', "distill.width": 60}


def test_a_study_goes_on_as_if_it_had_never_been_left(url: str, tmp_path: Path) -> None:
    left = desk.work(desk.opened(url), 4)
    resumed = desk.work(desk.opened(url), 9)
    undisturbed = desk.work(desk.opened(f"sqlite:///{tmp_path}/other.db"), 9)
    assert [trial.params for trial in resumed[:4]] == [trial.params for trial in left]
    assert [trial.params for trial in resumed] == [trial.params for trial in undisturbed]
    assert [trial.number for trial in resumed] == list(range(9))


@pytest.mark.parametrize(("name", "better"), [("worst_average_precision", max), ("p99_ms", min), ("size_bytes", min)])
def test_of_trials_alike_in_all_else_the_better_one_is_best(
    url: str, name: str, better: Callable[[list[float]], float]
) -> None:
    alike = {"worst_average_precision": 0.9, "p99_ms": 0.1, "size_bytes": 10_000}

    def figures(chain: Chain) -> Figures:
        return {**desk.figures(chain), "V_recall": 0.9, **alike, name: chain[0].params["width"] / 64}

    study = desk.opened(url)
    place = list(alike).index(name)
    seen = [trial.values[place] for trial in desk.work(study, 6, figures)]
    assert len(set(seen)) > 1
    assert {trial.values[place] for trial in study.best_trials} == {better(seen)}


def test_a_study_that_has_its_trials_is_left_as_it_is(url: str) -> None:
    desk.work(desk.opened(url), 3)
    assert len(desk.work(desk.opened(url), 2)) == 3


def test_two_workers_never_repeat_a_trial_and_share_the_number_asked_for(url: str) -> None:
    workers = [desk.worker(url, 8, 0.05) for _ in range(2)]
    assert [one.wait(300) for one in workers] == [0, 0]
    trials = desk.opened(url).get_trials()
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert 8 <= len(trials) <= 9  # one more where both were in the middle of one
    assert set(states(trials)) == {"COMPLETE"}
    at_random = [tuple(trial.params.items()) for trial in trials[:5]]
    assert len(set(at_random)) == 5  # workers that drew from one seed would draw the same


def test_what_a_killed_worker_was_doing_is_done_by_the_next(url: str) -> None:
    with desk.worker(url, 5, 3600) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "begun\n"
        study = desk.opened(url)
        desk.heard(study)
        victim.kill()
    (running,) = study.get_trials()
    assert running.state.name == "RUNNING"
    desk.silent_for_long(study)
    trials = desk.work(study, 1)
    assert states(trials) == ["FAIL", "COMPLETE"]
    assert trials[1].params == running.params


def test_what_a_worker_was_doing_that_died_before_its_first_heartbeat_is_done_by_the_next(url: str) -> None:
    desk.work(desk.opened(url), 1)
    with pytest.warns(UserWarning, match="Heartbeat"):
        desk.opened(url).ask()  # begun, and never heard of
    study = desk.opened(url)
    assert states(desk.work(study, 2)) == ["COMPLETE", "RUNNING", "COMPLETE"]  # it may live: the grace begins
    desk.silent_for_long(study)
    assert states(desk.work(study, 4)) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]


def test_ctrl_c_queues_the_trial_again(url: str) -> None:
    def interrupted(_: Chain) -> Figures:
        raise KeyboardInterrupt

    desk.work(desk.opened(url), 2)
    with pytest.raises(KeyboardInterrupt):
        desk.work(desk.opened(url), 3, interrupted)
    trials = desk.work(desk.opened(url), 3)
    assert states(trials) == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE"]
    assert trials[3].params == trials[2].params


def test_a_trial_that_is_done_again_keeps_its_parameters_and_no_figure(url: str) -> None:
    study = desk.opened(url)
    desk.work(study, 1)
    studies.again(study, 0)
    first, second = desk.work(study, 2, lambda chain: {**desk.figures(chain), "V_recall": 0.1})
    assert second.params == first.params
    assert first.constraints["V_recall"] <= 0 < second.constraints["V_recall"]


def test_a_database_that_is_lost_stops_the_worker_with_one_message_and_nothing_else_is_lost(url: str) -> None:
    file, kept = Path(url.removeprefix("sqlite:///")), b""

    def lost(chain: Chain) -> Figures:
        nonlocal kept
        desk.heard(study)  # the next heartbeat would come an hour later
        kept = file.read_bytes()
        file.write_bytes(b"no database" * 1000)
        return desk.figures(chain)

    before = [trial.params for trial in desk.work(desk.opened(url), 2)]
    study = desk.opened(url, heartbeat=3600, grace=7200)
    with pytest.raises(RefusedError, match=r"does not answer: .*run the same command again"), studies.answering(url):
        desk.work(study, 3, lost)
    file.write_bytes(kept)
    again = desk.opened(url)
    desk.silent_for_long(again)
    trials = desk.work(again, 3)
    assert [trial.params for trial in trials[:2]] == before
    assert states(trials) == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE"]
    assert trials[3].params == trials[2].params


def test_another_error_stays_what_it_is(url: str) -> None:
    def broken(_: Chain) -> Figures:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), studies.answering(url):
        desk.work(desk.opened(url), 1, broken)


def test_a_server_that_is_away_is_one_message_without_the_password() -> None:
    try:
        import psycopg  # type: ignore[import-not-found, unused-ignore]  # noqa: F401  (optional)

        message = r"postgresql://me:\*\*\*@localhost:1/x.* does not answer"
    except ModuleNotFoundError:
        message = r"\*\*\*.* needs psycopg: pip install 'psycopg\[binary\]'"
    with pytest.raises(RefusedError, match=message) as refused:
        desk.opened("postgresql://me:secret@localhost:1/x")
    assert "secret" not in str(refused.value)


def test_a_missing_driver_is_named() -> None:
    with pytest.raises(RefusedError, match="needs pymysql"):
        desk.opened("mysql+pymysql://localhost/x")


@pytest.mark.parametrize("wrong", ["nonsense", "oracle-of-delphi://localhost/x"])
def test_what_is_no_address_is_refused_with_an_example(wrong: str) -> None:
    with pytest.raises(RefusedError, match=r"for example sqlite:///build/search\.db"):
        desk.opened(wrong)


def test_figures_of_other_data_or_another_processor_never_meet(url: str) -> None:
    desk.work(desk.opened(url), 1)
    with pytest.raises(RefusedError, match=r"about another processor, .* --study"):
        desk.opened(url, {**desk.ABOUT, "processor": "p2"})


def test_a_recipe_is_not_looked_for_in_a_study_that_is_not_there(url: str) -> None:
    desk.opened(url)
    with pytest.raises(RefusedError, match=r"no study 'desc' .*it has: desk"):
        studies.open_study(url, "desc", None)


def test_the_address_comes_from_the_command_line_then_the_environment_then_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert studies.address() == "sqlite:///build/search.db"
    monkeypatch.setenv("BEDSIDE_SEARCH_STORAGE", "postgresql://host/a")
    assert studies.address() == "postgresql://host/a"
    assert studies.address("sqlite:///b.db") == "sqlite:///b.db"
