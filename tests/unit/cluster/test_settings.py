from pathlib import Path
from typing import Any

import pytest
import yaml

from bedside.cluster import settings
from bedside.params import ParamsError

FILE = Path(__file__).parents[3] / settings.DEFAULT


def changed(folder: Path, **values: Any) -> Path:
    file = folder / "cluster.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(FILE.read_text()) | values))
    return file


def test_the_projects_own_settings_are_valid() -> None:
    assert settings.read(FILE).stage("train_teacher").retries == 4
    assert settings.read(FILE).stage("report") == settings.read(FILE).default


def test_who_promotes_has_one_name_in_kubeflows_pods_and_in_the_scheduled_one() -> None:
    _, job = yaml.safe_load_all((FILE.parent / "base/pipeline.yaml").read_text())
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    (author,) = (one["value"] for one in container["env"] if one["name"] == "BEDSIDE_AUTHOR")
    assert settings.read(FILE).environment["BEDSIDE_AUTHOR"] == author


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"image_pull": "Always"}, "cluster.yaml:image_pull: unknown parameter; known: .*did you mean 'image_pull_"),
        ({"image_pull_policy": "Sometimes"}, "cluster.yaml:image_pull_policy: Input should be 'Always'"),
        ({"user": 0}, "cluster.yaml:user: Input should be greater than 0"),
        (
            {"common": ["bedside-mlfow"]},
            "default: secret 'bedside-mlfow' is not listed under `secrets`; known: ",
        ),
        ({"labels": {"team": "two words"}}, "cluster.yaml:labels.team: String should match"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, values: dict[str, Any], told: str) -> None:
    with pytest.raises(ParamsError, match=told):
        settings.read(changed(tmp_path, **values))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"timeout": "soon"}, "default.timeout: Input should be a valid integer"),
        ({"retries": -1}, "default.retries: Input should be greater than or equal to 0"),
        ({"limits": {"cpu": "two", "memory": "1Gi"}}, "default.limits.cpu: String should match"),
        ({"limits": {"cpu": "2", "memory": "lots"}}, "default.limits.memory: String should match"),
        ({"limits": {"cpu": "2"}}, "default.limits.memory: Field required"),
        ({"gpu": 1}, "default.gpu: unknown parameter; known: requests, limits"),
        ({"keeps": "../secrets"}, "default.keeps: String should match"),
    ],
)
def test_what_is_wrong_with_a_stage_is_named_with_its_place(tmp_path: Path, values: dict[str, Any], told: str) -> None:
    default = yaml.safe_load(FILE.read_text())["default"] | values
    with pytest.raises(ParamsError, match=told):
        settings.read(changed(tmp_path, default=default))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"nowhere.yaml: no such parameter file"):
        settings.read(tmp_path / "nowhere.yaml")


def test_waits_grow_with_every_retry() -> None:
    assert settings.Backoff(seconds=30, factor=2).total(3) == 30 + 60 + 120 + 1
