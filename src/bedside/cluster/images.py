"""Whether an image is there, as far as its registry tells: a pod would only wait for one that is not."""

import urllib.error
import urllib.request
from collections.abc import Iterable

from bedside.errors import RefusedError

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
TIMEOUT = 5.0


def expect(images: Iterable[str]) -> None:
    """Raises RefusedError naming every image that its registry does not have."""
    gone = [image for image in sorted(set(images)) if is_there(image) is False]
    if gone:
        raise RefusedError(
            f"not in its registry: {', '.join(gone)}; build and push it, or name another with --image KIND=IMAGE"
        )


def is_there(image: str) -> bool | None:
    """None where it cannot be known: a local build, a registry that does not answer or wants a login."""
    name, _, digest = image.partition("@")
    host, _, path = name.partition("/")
    if not path or not ("." in host or ":" in host or host == "localhost"):
        return None
    path, _, tag = path.partition(":")
    scheme = "http" if host.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    request = urllib.request.Request(
        f"{scheme}://{host}/v2/{path}/manifests/{digest or tag or 'latest'}", method="HEAD"
    )
    request.add_header("Accept", ", ".join(MANIFESTS))
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):
            return True
    except urllib.error.HTTPError as error:
        return False if error.code == 404 else None
    except (OSError, ValueError):
        return None
