"""Every manifest in docker/kubernetes: valid for a current Kubernetes, and every pod in it safe."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bedside.cluster import settings
from tests.graphs.wiring import ROOT
from tests.support.pod_security import house_rules, pods, violations

FOLDER = ROOT / "docker/kubernetes"
VERSION = "1.34"
NO_MANIFESTS = {"kustomization.yaml", settings.DEFAULT.name}


@functools.cache
def manifests() -> tuple[tuple[str, Any], ...]:
    """File, kind and name of every manifest, with its content."""
    return tuple(_read())


def _read() -> Iterator[tuple[str, Any]]:
    for file in sorted(FOLDER.rglob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()) if file.name not in NO_MANIFESTS else ():
            if document is not None:
                name = document.get("metadata", {}).get("name")
                yield f"{file.relative_to(FOLDER)}: {document.get('kind')} {name}", document


def is_patch(file: str) -> bool:
    """Whether a kustomization of the same folder takes the file as a patch: it need not be whole."""
    kustomization = (FOLDER / file.partition(":")[0]).parent / "kustomization.yaml"
    found = yaml.safe_load(kustomization.read_text()) if kustomization.is_file() else {}
    return Path(file.partition(":")[0]).name in {patch.get("path") for patch in found.get("patches", [])}


def test_every_pod_meets_the_restricted_standard_and_the_rules_of_the_house() -> None:
    found = {f"{name} {where}": pod for name, document in manifests() for where, pod in pods(document)}
    told = {name: [*violations(pod), *house_rules(pod)] for name, pod in found.items() if not is_patch(name)}
    assert {name: one for name, one in told.items() if one} == {}


def test_every_manifest_is_valid_for_a_current_kubernetes() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for name, document in manifests():
        api = document["apiVersion"].partition("/")[0]
        if not is_patch(name) and (api in ("v1", "apps", "batch", "policy") or api.endswith(".k8s.io")):
            try:
                validate.validate(document, VERSION, strict=True)
            except validate.ValidationError as error:
                pytest.fail(f"{name}: {error.message}")
