"""Stage: gated deployments of one target -> signed bundles, registered models, or recorded refusals."""

from bedside import tracking
from bedside.artifacts import In, ModelIn, Out, write_json
from bedside.component import Metrics, component
from bedside.gates import Budget, Gates
from bedside.registry import Promote, Promotion, Yardstick, candidates, private_copies
from bedside.reporting import advice


@component(image="train")
def promote(
    *,
    graphs: list[ModelIn],
    evidence: list[In],
    verdicts: list[In],
    reference: In,
    decision: Out,
    params: Promote,
    gates: Gates,
    budget: Budget,
) -> Metrics:
    """Judge again, sign and register every deployment that passes, point the aliases, record every refusal."""
    with private_copies() as copied:
        own = [list(map(copied, artifacts)) for artifacts in (graphs, evidence, verdicts)]
        offered = candidates(own[0], own[1], own[2], Yardstick(copied(reference), gates, budget))
        decided = Promotion(offered, params, decision / "bundles").run()
    write_json(decision / "decision.json", decided)
    told = f"{decided['target']}: {advice(decided)}"
    tracking.note(told)
    print(told)  # whoever promotes by hand, or reads a pod's log, looks here first
    return {
        "promotion/registered": float(len(decided["registered"])),
        "promotion/refused": float(len(decided["refused"])),
    }


if __name__ == "__main__":
    promote.main()
