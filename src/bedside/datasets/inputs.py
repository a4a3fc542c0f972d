"""Named inputs."""
from collections.abc import Mapping
Shapes = Mapping[str, tuple[int, ...]]
