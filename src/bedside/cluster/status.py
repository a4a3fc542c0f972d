"""How the runs of an experiment stand, and what to do next."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.cluster.server import Server

if TYPE_CHECKING:
    import kfp_server_api as api

DONE = {"SUCCEEDED", "SKIPPED"}
NEXT = {
    "PENDING": "waits for a node, an image or a claim: kubectl describe pods -l pipeline/runid={id}",
    "RUNNING": "",
    "SUCCEEDED": "verdicts and the report are in MLflow",
    "CANCELING": "",
    "CANCELED": "retry it in Kubeflow's pages, which keeps finished stages; bedside submit brings the data anew",
    "PAUSED": "resume it in Kubeflow's pages",
    "FAILED": "kubectl logs -l pipeline/runid={id} -c main; retry the run in Kubeflow's pages, which keeps finished "
    "stages; after a change, bedside submit, which brings the data anew",
}


@dataclass(frozen=True)
class Standing:
    """One run: `said` is what went wrong, `advice` what to do."""

    name: str
    state: str
    created: str
    said: str
    advice: str


def standings(server: Server, experiment: str, count: int) -> list[Standing]:
    """The newest runs of an experiment, by its id."""
    return [_standing(server, run) for run in server.runs(experiment, count)]


def _standing(server: Server, run: "api.V2beta1Run") -> Standing:
    state = str(run.state or "PENDING")
    created = f"{run.created_at:%Y-%m-%d %H:%M}" if run.created_at else "-"
    said = _said(server.run(run.run_id)) if state in ("FAILED", "RUNNING") else ""
    return Standing(str(run.display_name), state, created, said, NEXT.get(state, "").format(id=run.run_id))


def _said(run: "api.V2beta1Run") -> str:
    """The tasks that failed with what they said; of a run that goes on, how far it is."""
    tasks = (run.run_details.task_details if run.run_details else None) or []
    failed = [task for task in tasks if task.state == "FAILED" and task.display_name not in (None, "root")]
    if failed:
        return "; ".join(f"{task.display_name}: {task.error.message if task.error else 'failed'}" for task in failed)
    if run.error and run.error.message:
        return str(run.error.message)
    return f"{sum(task.state in DONE for task in tasks)} of {len(tasks)} tasks done" if tasks else ""


def every(cron: str) -> str:
    """A schedule's cron as it was given to `bedside schedule`: without the seconds."""
    seconds, _, rest = cron.partition(" ")
    return rest if seconds == "0" and len(rest.split()) == 5 else cron
