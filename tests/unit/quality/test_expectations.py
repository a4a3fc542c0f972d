"""Great Expectations judges rules: the row, the reason and the value come back, and nothing passes by absence."""

from pathlib import Path
from typing import Any

import pytest

from bedside.quality.expectations import Rule, Table, judging

RULES = [
    Rule("share", "shares are small", 0, 0.1),
    Rule("unit", "one unit", allowed=("mV",)),
    Rule("text", "no complaints", allowed=("",)),
]
GOOD: dict[str, Any] = {"row": "good", "share": 0.05, "unit": "mV", "text": ""}


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[str]], Path]:
    """One judgement for every test here, because each costs half a second."""
    rows = [
        GOOD,
        {**GOOD, "row": "large", "share": 0.25},
        {**GOOD, "row": "nan", "share": float("nan")},
        {"row": "absent", "text": ""},
        {**GOOD, "row": "two", "unit": "uV", "text": "<script>alert(1)</script>"},
    ]
    docs = tmp_path_factory.mktemp("judged") / "data_docs"
    with judging(docs) as judge:
        reasons = judge(Table("first", rows, RULES))
        assert judge(Table("second", [GOOD], RULES)) == {}
    return reasons, docs


def test_a_good_row_has_no_reasons(judged: tuple[dict[str, list[str]], Path]) -> None:
    assert "good" not in judged[0]


def test_a_value_outside_its_limits_is_told_with_the_meaning_and_the_value(
    judged: tuple[dict[str, list[str]], Path],
) -> None:
    assert judged[0]["large"] == ["shares are small (share is 0.25)"]


def test_nan_and_absent_values_break_every_rule_about_them(judged: tuple[dict[str, list[str]], Path]) -> None:
    assert judged[0]["nan"] == ["shares are small (share is absent)"]
    assert judged[0]["absent"] == ["shares are small (share is absent)", "one unit (unit is absent)"]


def test_all_broken_rules_of_a_row_are_told(judged: tuple[dict[str, list[str]], Path]) -> None:
    assert judged[0]["two"][0] == "one unit (unit is 'uV')"
    assert judged[0]["two"][1] == "no complaints (text is '<script>alert(1)</script>')"


def test_data_docs_show_every_table_and_carry_no_clock_path_or_remote_beacon(
    judged: tuple[dict[str, list[str]], Path],
) -> None:
    pages = {page: page.read_text() for page in judged[1].rglob("*.html")}
    everything = "".join(pages.values())
    assert (judged[1] / "index.html") in pages
    assert {"first.html", "second.html"} <= {page.name for page in pages}
    assert "dataContextId" not in everything
    assert "/tmp" not in everything
    assert "shares are small" in everything
    assert "<script>alert(1)</script>" not in everything


def test_a_row_that_must_be_there_and_is_not_has_the_reason_it_was_given(tmp_path: Path) -> None:
    expected = {"good": "it is there", "lost": "nothing is known of it"}
    with judging(tmp_path / "docs") as judge:
        assert judge(Table("some", [GOOD], RULES, expected)) == {"lost": ["nothing is known of it"]}
        assert judge(Table("none", [], RULES, expected)).keys() == expected.keys()


def test_a_rule_that_cannot_be_evaluated_fails_every_row(tmp_path: Path) -> None:
    rows = [{"row": "a", "share": "not a number"}, {"row": "b", "share": "neither"}]
    with judging(tmp_path / "docs") as judge:
        assert set(judge(Table("broken", rows, RULES[:1]))) == {"a", "b"}
