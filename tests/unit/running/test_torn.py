"""A kill while DVC writes its table of readers and writers does not stop the next run."""

from pathlib import Path

import pytest

from bedside.running.torn import forget_torn_lock


@pytest.mark.parametrize(("content", "stays"), [(None, False), ("", False), ('{"a": [{"pi', False), ("{}", True)])
def test_only_a_table_that_is_cut_off_is_forgotten(content: str | None, stays: bool, tmp_path: Path) -> None:
    table = tmp_path / ".dvc/tmp/rwlock"
    table.parent.mkdir(parents=True)
    if content is not None:
        table.write_text(content)
    forget_torn_lock(tmp_path)
    assert table.exists() == stays
