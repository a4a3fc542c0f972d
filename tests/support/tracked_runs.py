"""What an MLflow server holds of one pipeline run."""

from typing import Any


def of_pipeline(uri: str, name: str) -> list[Any]:
    """The stages' runs of one pipeline run, whatever their status, the earliest first."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    (parent,) = client.search_runs(ids, f"tags.`bedside.pipeline` = '{name}'")
    runs = client.search_runs(ids, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'", max_results=1000)
    return sorted(runs, key=lambda run: run.info.start_time)


def digests(runs: list[Any]) -> dict[str, str]:
    """Content digest of every output that follows from inputs, code and parameters alone, by its port and place."""
    from tests.support.pipeline import REPRODUCIBLE

    found: dict[str, str] = {}
    for run in runs:
        tags = run.data.tags
        if run.info.status == "FINISHED" and tags["component"] in REPRODUCIBLE:
            outputs = {name: value for name, value in tags.items() if name.startswith("output.")}
            found |= {f"{tags['mlflow.runName']} {name}": value for name, value in outputs.items()}
    return found


def points(uri: str, runs: list[Any], component: str) -> dict[str, list[tuple[int, float]]]:
    """Every stored (step, value) of each metric with steps, over all attempts at a stage; times are left out."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found: dict[str, list[tuple[int, float]]] = {}
    for run in (run for run in runs if run.data.tags["component"] == component):
        for name in run.data.metrics:
            if name.startswith(("train/loss", "validation/")):
                history = client.get_metric_history(run.info.run_id, name)
                found.setdefault(name, []).extend((point.step, point.value) for point in history)
    return {name: sorted(history) for name, history in found.items()}
