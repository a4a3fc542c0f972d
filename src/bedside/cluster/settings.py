"""What a stage's pod gets on a cluster: resources, patience, credentials, nodes; see docker/kubernetes/cluster.yaml.

Nothing that a stage computes follows from these settings, so they are no parameters of the pipeline.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from bedside.params import Params, ParamsError, load

DEFAULT = Path("docker/kubernetes/cluster.yaml")
Cpu = Annotated[str, pydantic.Field(pattern=r"^([0-9]+m|[0-9]+(\.[0-9]+)?)$")]
Memory = Annotated[str, pydantic.Field(pattern=r"^[0-9]+(Ki|Mi|Gi|Ti|K|M|G|T)?$")]
Name = Annotated[str, pydantic.Field(pattern=r"^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$")]
LabelValue = Annotated[str, pydantic.Field(pattern=r"^([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?$")]


class Amount(Params):
    """Processors and memory, as Kubernetes writes quantities: `500m`, `2`, `4Gi`."""

    cpu: Cpu
    memory: Memory


class Stage(Params):
    """One kind of stage. `timeout`: seconds of one attempt; `retries`: attempts after the first; `keeps`: the folder of
    the state volume that is its BEDSIDE_HOME (checkpoints, journals, the promotion log); `secrets`: see Cluster."""

    requests: Amount
    limits: Amount
    timeout: int = pydantic.Field(gt=0)
    retries: int = pydantic.Field(default=2, ge=0, le=10)
    keeps: Name = "work"
    secrets: tuple[Name, ...] = ()


class Toleration(Params):
    """A taint that a pod puts up with."""

    key: str
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class Placement(Params):
    """The nodes that are one target: what a stage measures there is that target's figure."""

    node_selector: dict[str, LabelValue] = pydantic.Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()


class Backoff(Params):
    """Seconds before the first retry, and by how much each further wait is longer."""

    seconds: int = pydantic.Field(default=30, gt=0)
    factor: float = pydantic.Field(default=2.0, ge=1)

    def total(self, retries: int) -> int:
        """Seconds waited before all `retries`."""
        return int(sum(self.seconds * self.factor**n for n in range(retries))) + 1


class Cluster(Params):
    """`config` and `secrets`: by the name of a ConfigMap or Secret, its keys and the environment variables they become;
    every stage gets `config`, and the secrets that `common` or its own entry names."""

    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: tuple[Name, ...] = ()
    by_digest: bool = False
    user: int = pydantic.Field(default=10001, gt=0)
    group: int = pydantic.Field(default=10001, gt=0)
    labels: dict[str, LabelValue] = pydantic.Field(default_factory=dict)
    scratch: Memory = "8Gi"
    state: Name | None = None
    service_account: Name | None = None
    environment: dict[str, str] = pydantic.Field(default_factory=dict)
    config: dict[Name, dict[str, str]] = pydantic.Field(default_factory=dict)
    secrets: dict[Name, dict[str, str]] = pydantic.Field(default_factory=dict)
    common: tuple[Name, ...] = ()
    backoff: Backoff = Backoff()
    default: Stage
    stages: dict[str, Stage] = pydantic.Field(default_factory=dict)
    targets: dict[str, Placement] = pydantic.Field(default_factory=dict)

    @pydantic.model_validator(mode="after")
    def _names_known_secrets(self) -> "Cluster":
        for where, stage in {"default": self.default, **self.stages}.items():
            for name in (*self.common, *stage.secrets):
                if name not in self.secrets:
                    known = ", ".join(self.secrets) or "none"
                    raise ValueError(f"{where}: secret {name!r} is not listed under `secrets`; known: {known}")
        return self

    def stage(self, name: str) -> Stage:
        """What the stage of that name gets."""
        return self.stages.get(name, self.default)

    def expect(self, stages: Collection[str], targets: Collection[str], where: str) -> None:
        """Raises ParamsError for an entry about a stage or a target that does not exist."""
        for section, given, known in (("stages", self.stages, stages), ("targets", self.targets, targets)):
            for name in given:
                if name not in known:
                    raise ParamsError(f"{where}:{section}: there is no {name!r}; known: {', '.join(sorted(known))}")

    def expect_image(self, image: str) -> None:
        """Raises ParamsError for an image named by a tag where these settings ask for digests."""
        if self.by_digest and "@sha256:" not in image:
            raise ParamsError(
                f"image {image!r} is named by a tag, which may be another image tomorrow; name it as "
                "NAME@sha256:DIGEST, or set `by_digest: false`"
            )


def read(file: Path) -> Cluster:
    """The settings of a file; ParamsError names what is wrong in it."""
    return load(Cluster, f"{file}:")
