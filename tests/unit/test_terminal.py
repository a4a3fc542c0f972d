import pytest
from rich.table import Table

from bedside.terminal import console


def test_a_table_in_a_pipe_keeps_its_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    headings = [f"column-{number}" for number in range(12)]
    table = Table(*headings)
    table.add_row(*headings)
    console().print(table)
    printed = capsys.readouterr().out
    assert [printed.count(heading) for heading in headings[2:]] == [2] * 10


def test_who_says_how_wide_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert console().width == 100
