"""The lineage tree: a variant is a parent and a technique; the tree is data in params.yaml."""

from typing import Any

import pydantic

from bedside.params import Params

ROOT = "teacher"


class Variant(Params):
    """One node: `technique` names the component that makes it from `parent`; `params` are that component's."""

    parent: str
    technique: str
    params: dict[str, Any] = pydantic.Field(default_factory=dict)


class Lineage(Params):
    """All variants of a pipeline, checked before anything runs."""

    variants: dict[str, Variant]

    @pydantic.model_validator(mode="after")
    def _is_a_tree(self) -> "Lineage":
        for name in self.variants:
            self.path(name)
        return self

    def path(self, name: str) -> list[str]:
        """The variants from the teacher down to `name`."""
        walked: list[str] = [name]
        while walked[0] != ROOT:
            variant = self.variants.get(walked[0])
            if variant is None:
                raise ValueError(
                    f"variants.{walked[-1]}: unknown parent {walked[0]!r}; known: {ROOT}, {', '.join(self.variants)}"
                )
            if variant.parent in walked:
                raise ValueError(f"variants.{name}: goes in a circle: {' <- '.join([variant.parent, *walked])}")
            walked.insert(0, variant.parent)
        return walked

    def order(self) -> list[str]:
        """Variants so that every parent comes before its children."""
        return sorted(self.variants, key=lambda name: len(self.path(name)))


class Deployment(Params):
    """A variant on a target: what evidence, verdicts and bundles are about."""

    variant: str
    target: str
