"""One recurring run per name, as wanted; Kubeflow cannot change one, so what differs is replaced.

The new one is made switched off, the others are deleted, then it is switched on. Killed anywhere in between, there are
never two that start runs, and applying again mends it.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bedside.cluster.cron import for_kubeflow
from bedside.cluster.server import Server

if TYPE_CHECKING:
    import kfp_server_api as api

CONCURRENCY = 1
Outcome = Literal["created", "replaced", "mended", "unchanged"]


@dataclass(frozen=True)
class Schedule:
    """What shall run, and when; `cron` has the usual five fields."""

    name: str
    cron: str
    experiment: str
    pipeline: str
    version: str
    parameters: dict[str, Any] = field(default_factory=dict)
    service_account: str | None = None

    def body(self) -> "api.V2beta1RecurringRun":
        """As the server takes it: no catching up of missed times, one run at a time, switched off."""
        import kfp_server_api as api

        reference = api.V2beta1PipelineVersionReference(pipeline_id=self.pipeline, pipeline_version_id=self.version)
        return api.V2beta1RecurringRun(
            display_name=self.name,
            experiment_id=self.experiment,
            pipeline_version_reference=reference,
            runtime_config=api.V2beta1RuntimeConfig(parameters=self.parameters),
            trigger=api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron=for_kubeflow(self.cron))),
            max_concurrency=str(CONCURRENCY),
            no_catchup=True,
            mode="DISABLE",
            service_account=self.service_account,
        )

    def is_that_of(self, found: "api.V2beta1RecurringRun") -> bool:
        """Whether `found` does just this, switched on or not."""
        wanted = self.body()
        account = found.service_account if self.service_account is None else self.service_account
        return _essence(found) == _essence(wanted) and account == found.service_account


def apply(server: Server, wanted: Schedule) -> Outcome:
    """Make it so. Doing it twice changes nothing, by two at once leaves one."""
    before = server.schedules(wanted.name)
    if not any(wanted.is_that_of(one) for one in before):
        server.schedule(wanted.body())
    now = server.schedules(wanted.name)
    kept = next(one for one in now if wanted.is_that_of(one))
    others = [one for one in now if one.recurring_run_id != kept.recurring_run_id]
    for one in others:
        server.unschedule(one.recurring_run_id)
    if kept.mode != "ENABLE":
        server.enable(kept.recurring_run_id)
    if not before:
        return "created"
    if not any(wanted.is_that_of(one) for one in before):
        return "replaced"
    return "mended" if others or kept.mode != "ENABLE" else "unchanged"


def remove(server: Server, name: str) -> int:
    """Take every recurring run of that name away; how many there were."""
    found = server.schedules(name)
    for one in found:
        server.unschedule(one.recurring_run_id)
    return len(found)


def _essence(run: "api.V2beta1RecurringRun") -> tuple[Any, ...]:
    """What makes two recurring runs the same; a server leaves out what is empty."""
    reference, config = run.pipeline_version_reference, run.runtime_config
    cron = run.trigger.cron_schedule if run.trigger else None
    return (
        run.experiment_id,
        (reference.pipeline_id, reference.pipeline_version_id) if reference else None,
        (config.parameters if config else None) or {},
        cron.cron if cron else None,
        str(run.max_concurrency),
        bool(run.no_catchup),
    )
