"""What may vary, as data: techniques' parameters as in params.yaml, with ranges where there would be a value.

head: {choose: [16, 32]}                              one of these; a choice may hold ranges in turn
temperature: {low: 1.0, high: 6.0, log: true}         between two numbers, both included
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pydantic

from bedside.params import Params, validate


class Choose(Params):
    """One of several values; the first is where the search starts."""

    choose: tuple[Any, ...] = pydantic.Field(min_length=1)

    @property
    def start(self) -> Any:
        return self.choose[0]


class Between(Params):
    """A number from `low` to `high`: whole if both are; `start` (default `low`) is where the search starts."""

    low: int | float
    high: int | float
    step: pydantic.PositiveInt | pydantic.PositiveFloat | None = None
    log: bool = False
    begin: int | float | None = pydantic.Field(default=None, alias="start")

    @pydantic.model_validator(mode="after")
    def _is_a_range(self) -> "Between":
        if not self.low <= self.start <= self.high:
            raise ValueError(f"low <= start <= high is needed, not {self.low}, {self.start}, {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0 and no step")
        return self

    @property
    def start(self) -> int | float:
        return self.low if self.begin is None else self.begin

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


class Step(Params):
    """One technique of a chain, with that component's parameters."""

    technique: str
    params: dict[str, Any] = pydantic.Field(default_factory=dict)


Chain = tuple[Step, ...]
# Given a name such as `distill.student.head` and what it may be, says what it is.
Pick = Callable[[str, Choose | Between], Any]


class Space(Params):
    """`chains`: techniques and their order; `techniques`: each one's parameters, with ranges in them."""

    chains: tuple[tuple[str, ...], ...] = pydantic.Field(min_length=1)
    techniques: dict[str, dict[str, Any]]

    @pydantic.model_validator(mode="after")
    def _is_whole(self) -> "Space":
        for chain in self.chains:
            unknown = [name for name in chain if name not in self.techniques]
            if unknown or not chain or len(set(chain)) < len(chain):
                known = ", ".join(self.techniques)
                raise ValueError(f"chain {list(chain)}: name one or more of {known}, each at most once")
        for _ in self.starts():  # a range that is none is found here
            pass
        return self

    def drawn(self, pick: Pick) -> Chain:
        """The chain that `pick` decides on; it is asked only for what its own earlier answers leave open."""
        names = pick("chain", Choose(choose=self.chains))
        return tuple(_step(name, self.techniques[name], pick) for name in names)

    def starts(self) -> Iterator[Chain]:
        """Every chain at its starting point: what a look at the parameters can find wrong is wrong here."""
        for chain in self.chains:
            yield tuple(_step(name, self.techniques[name], lambda _, vary: vary.start) for name in chain)

    def corners(self) -> Iterator[Step]:
        """Every technique at its starting point, and with each choice and each end of a range in turn."""
        for name, template in self.techniques.items():
            yield from _corners(name, template)


def _corners(technique: str, template: Any) -> Iterator[Step]:
    todo: list[dict[str, Any]] = [{}]
    seen: set[str] = set()
    while todo:
        chosen = todo.pop()

        def pick(path: str, vary: Choose | Between, chosen: dict[str, Any] = chosen) -> Any:
            if path not in seen:
                seen.add(path)
                todo.extend({**chosen, path: other} for other in _ends(vary) if other != vary.start)
            return chosen.get(path, vary.start)

        yield _step(technique, template, pick)


def _step(technique: str, template: Any, pick: Pick) -> Step:
    return Step(technique=technique, params=_resolved(template, technique, pick))


def _resolved(template: Any, path: str, pick: Pick) -> Any:
    """The template with every range replaced by what was picked for it."""
    vary = _vary(template, path)
    if isinstance(vary, Choose):
        return _resolved(pick(path, vary), path, pick)
    if isinstance(vary, Between):
        return pick(path, vary)
    if isinstance(template, dict):
        return {key: _resolved(value, f"{path}.{key}", pick) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [_resolved(value, f"{path}.{i}", pick) for i, value in enumerate(template)]
    return template


def _ends(vary: Choose | Between) -> tuple[Any, ...]:
    return vary.choose if isinstance(vary, Choose) else (vary.low, vary.high)


def _vary(template: Any, path: str) -> Choose | Between | None:
    if isinstance(template, dict) and "choose" in template:
        return validate(Choose, template, path)
    if isinstance(template, dict) and {"low", "high"} & template.keys():
        return validate(Between, template, path)
    return None


def label(value: Any) -> str | int | float:
    """How a choice is called in the study's database, which holds plain values only: `[32, 16]` as its JSON."""
    return value if isinstance(value, str | int | float) else json.dumps(value)
