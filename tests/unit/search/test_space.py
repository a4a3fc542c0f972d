"""Ranges in the place of values: drawn, refused, and started from what is known."""

from typing import Any

import pytest
import yaml

from bedside.params import ParamsError, validate
from bedside.search.space import Space, label

SPACE = yaml.safe_load("""
chains: [[distill], [distill, quantize]]
techniques:
  distill:
    student:
      kind: cnn_lstm
      convolutions:
        choose:
          - [{channels: {choose: [16, 32]}, kernel: 5}]
          - [{channels: 8, kernel: 7}, {channels: 16, kernel: 3}]
      lstm: {choose: [[], [16]]}
      head: {low: 8, high: 32, step: 8, start: 16}
    soft_targets: {temperature: {low: 1.0, high: 6.0, log: true}}
  quantize: {training: {epochs: 2}}
""")


def space(**changed: Any) -> Space:
    return validate(Space, {**SPACE, **changed}, "search.space")


def test_every_chain_starts_from_the_first_choices() -> None:
    first, second = space().starts()
    assert [step.technique for step in second] == ["distill", "quantize"]
    assert first[0].params["student"] == {
        "kind": "cnn_lstm",
        "convolutions": [{"channels": 16, "kernel": 5}],
        "lstm": [],
        "head": 16,
    }
    assert second[1].params == {"training": {"epochs": 2}}


def test_only_what_earlier_choices_leave_open_is_asked() -> None:
    asked: list[str] = []

    def last(name: str, vary: Any) -> Any:
        asked.append(name)
        return vary.choose[-1] if hasattr(vary, "choose") else vary.high

    (step, _) = space().drawn(last)
    assert step.params["student"]["convolutions"][1] == {"channels": 16, "kernel": 3}
    assert asked == [
        "chain",
        "distill.student.convolutions",
        "distill.student.lstm",
        "distill.student.head",
        "distill.soft_targets.temperature",
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"chains": [["distill", "fold"]]}, "name one or more of distill, quantize"),
        ({"chains": [["distill", "distill"]]}, "each at most once"),
        ({"techniques": {**SPACE["techniques"], "quantize": {"x": {"low": 3, "high": 1}}}}, "low <= start <= high"),
        ({"techniques": {**SPACE["techniques"], "quantize": {"x": {"low": 1, "hihg": 2}}}}, "hihg|high"),
    ],
)
def test_a_space_that_cannot_be_drawn_from_is_refused_before_anything_runs(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        space(**changed)


def test_choices_that_are_lists_are_called_by_their_json() -> None:
    assert [label(value) for value in ([32, 16], "taylor", 3)] == ["[32, 16]", "taylor", 3]
