"""What a task decides, and the words for it: `dataset.json` and `evidence.json` carry it, every sentence takes them.

Counting, gates and reports know no clinical problem. They know subjects (patients), units (whatever is decided one by
one), classes, and the rules below.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

import pydantic

from bedside.artifacts import Artifact
from bedside.errors import RefusedError
from bedside.params import Params

Word = Annotated[str, pydantic.Field(pattern=r"^\w[\w -]*$")]  # it comes into sentences, pages and tables as it is


class Noun(Params):
    """A word for one and for many: epoch, epochs."""

    one: Word
    many: Word


class Unscored(Params):
    """What label -1 is called, and why nobody is right or wrong about it."""

    name: Word = "unlabelled"
    why: str = "the reference does not say what it is"


class Averaged(Params):
    """The classes whose F1 makes the macro-F1, and why any other is left out."""

    classes: tuple[str, ...] = pydantic.Field(min_length=1)
    why: str = ""


class Outcome(Params):
    """The classes of a task, its nouns, and how answers are counted.

    `background` is the class in which nothing happened: its share that stays so is the specificity. `neither` says for
    a class which others, called so, are neither right nor wrong: `{"B": ["D"]}`. `gravest` lists the classes by how bad
    it is to lose one. `watched` (by validation patients) and `rare` (in the last step of a distillation) are what
    parameters mean that name no class.
    """

    classes: tuple[Word, ...] = pydantic.Field(min_length=2)
    names: dict[str, Word] = pydantic.Field(default={}, description="each class in a word")
    unit: Noun = Noun(one="window", many="windows")
    subject: Noun = Noun(one="patient", many="patients")
    unscored: Unscored = Unscored()
    background: str | None = None
    macro: Averaged
    neither: dict[str, tuple[str, ...]] = pydantic.Field(default={})
    gravest: tuple[str, ...] = ()
    watched: tuple[str, ...] = pydantic.Field(min_length=1)
    rare: tuple[str, ...] = ()
    standard: str | None = pydantic.Field(default=None, description="the rule that answers are counted by")

    @pydantic.model_validator(mode="after")
    def _names_its_own_classes(self) -> Self:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes: {', '.join(self.classes)} has one of them twice")
        for field, name in self._named():
            if name not in self.classes:
                raise ValueError(f"{field}: no class {name!r}; there are {', '.join(self.classes)}")
        return self

    def _named(self) -> Iterator[tuple[str, str]]:
        for field in ("names", "neither", "gravest", "watched", "rare"):
            yield from ((field, name) for name in getattr(self, field))
        yield from (("macro.classes", name) for name in self.macro.classes)
        yield from (("neither", name) for name in itertools.chain(*self.neither.values()))
        yield from (("background", name) for name in [self.background] if name is not None)

    @classmethod
    def of(cls, told: Mapping[str, Any], where: object, again: str) -> Self:
        """The outcome in `dataset.json` or `evidence.json`; RefusedError where there is none: make it `again`."""
        try:
            return cls.model_validate(told.get("outcome"))
        except pydantic.ValidationError as error:
            problem = error.errors()[0]
            path = ".".join(["outcome", *map(str, problem["loc"])])
            raise RefusedError(f"{where}: does not say what is decided ({path}: {problem['msg']}); {again}") from None

    def index(self, name: str) -> int:
        """Where the class stands in logits and tables."""
        return self.classes.index(name)

    def word(self, name: str) -> str:
        """The class in a word, where it has one: `ventricular ectopic`."""
        return self.names.get(name, name)

    def by_gravity(self) -> list[str]:
        """All classes, the gravest to lose first; those that nobody ranked come last, in their order."""
        return [*self.gravest, *(name for name in self.classes if name not in self.gravest)]


def outcome_of(dataset: Artifact) -> Outcome:
    """What the windows of a dataset are labelled with; RefusedError where it does not say."""
    return Outcome.of(dataset.json("dataset.json"), dataset.path, "prepare it again")
