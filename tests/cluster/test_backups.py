"""The nightly dump brings a lost database back; what was deleted goes for good, with its files."""

import pytest

from tests.cluster.conftest import Deployment


def test_a_restored_backup_holds_what_was_there(deployment: Deployment, server: str) -> None:
    from mlflow import MlflowClient

    client, run = MlflowClient(server), deployment.namespace
    kept = client.create_experiment("kept")
    assert run.finish(deployment.job("backup-1", "backup")) == "Complete", run.story("backup-1")
    client.create_experiment("made after the backup")
    assert run.finish(deployment.job("restore-1", "restore")) == "Complete", run.story("restore-1")
    assert {e.name for e in client.search_experiments()} >= {"kept"}
    assert client.get_experiment_by_name("made after the backup") is None
    assert client.get_experiment(kept).name == "kept"


def test_an_unknown_backup_is_refused_with_the_known_ones(deployment: Deployment) -> None:
    run = deployment.namespace
    job = deployment.job("restore-2", "restore", BACKUP="20000101T000000Z.dump", retries="0")
    assert run.finish(job) == "Failed"
    (pod,) = run.job_pods(job)
    assert "no backup 'backups/20000101T000000Z.dump'" in run.logs(pod["metadata"]["name"])


def test_garbage_collection_removes_a_deleted_run_and_its_files(
    deployment: Deployment, server: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client, run = MlflowClient(server), deployment.namespace
    file = tmp_path_factory.mktemp("artifact") / "note.txt"
    file.write_text("to be removed")
    made = client.create_run(client.create_experiment("garbage"))
    client.log_artifact(made.info.run_id, str(file))
    assert len(in_bucket(deployment, made.info.run_id)) == 1
    client.delete_run(made.info.run_id)
    job = deployment.job("gc-1", "garbage-collection", GARBAGE_OLDER_THAN="0s")
    assert run.finish(job) == "Complete", run.story(job)
    with pytest.raises(MlflowException, match="not found"):
        client.get_run(made.info.run_id)
    assert in_bucket(deployment, made.info.run_id) == []


def in_bucket(deployment: Deployment, run_id: str) -> list[str]:
    """The files of a run in the object store itself, as the server's pod sees it."""
    script = (
        "import boto3; pages = boto3.client('s3').get_paginator('list_objects_v2').paginate(Bucket='bedside'); "
        "print('\\n'.join(item['Key'] for page in pages for item in page.get('Contents', [])))"
    )
    found = deployment.namespace("exec", "deployment/mlflow", "--", "python", "-c", script)
    return [name for name in found.splitlines() if run_id in name]
