"""`kubectl` for a node that is old and bare: two commands bend manifests to it, everything else is kubectl's own.

`apply -k` and `create job --from` add what such a node lacks: volumes without a provisioner, names without DNS, older
API versions.
"""

import os
import sys
from pathlib import Path

from tests.support.kubernetes import Document, Namespace, kubectl, rendered, volumes, with_hosts, with_images

CLAIMS = {"data-postgres-0": 10, "data-s3-0": 20, "pipeline": 50}
_SHIM = '#!/bin/sh\nPATH="{path}" PYTHONPATH="{root}" exec "{python}" -m tests.support.bare_node "$@"\n'


def shim(folder: Path) -> Path:
    """A `kubectl` in `folder`, for a PATH that begins with it."""
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(__file__).parents[2]
    (folder / "kubectl").write_text(_SHIM.format(path=os.environ["PATH"], root=root, python=sys.executable))
    (folder / "kubectl").chmod(0o755)
    return folder


def provisions() -> bool:
    """Whether the cluster makes volumes by itself."""
    return "is-default-class" in kubectl("get", "storageclass", "-o", "yaml")


def services(namespace: Namespace, documents: list[Document]) -> dict[str, str]:
    """Make the services, and say at which address each of them is."""
    found = [document for document in documents if document["kind"] == "Service"]
    namespace.apply(*found)
    names = [document["metadata"]["name"] for document in found]
    return {name: namespace.get("service", name)["spec"]["clusterIP"] for name in names}


def _apply(overlay: Path) -> None:
    documents = [with_images(document) for document in rendered(overlay)]
    namespace = Namespace(next(d["metadata"]["name"] for d in documents if d["kind"] == "Namespace"))
    if not provisions():
        namespace.apply(*volumes(CLAIMS, Path(os.environ["BEDSIDE_CLUSTER_DISK"]), namespace.name))
    addresses = services(namespace, documents)
    namespace.apply(*[with_hosts(document, addresses) for document in documents])


def _create_job(namespace: Namespace, cronjob: str, name: str) -> None:
    """`create job --from=cronjob/...`, which a new kubectl does not do for an old server's CronJob."""
    template = namespace.get("cronjob", cronjob)["spec"]["jobTemplate"]
    namespace.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": template["spec"]})


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["apply", "-k", overlay]:
            _apply(Path(overlay))
        case ["-n", where, "create", "job", source, name] if source.startswith("--from=cronjob/"):
            _create_job(Namespace(where), source.removeprefix("--from=cronjob/"), name)
        case arguments:
            os.execvp("kubectl", ["kubectl", *arguments])
