"""Stage: gated deployments of one target -> signed bundles, registered models, or recorded refusals."""

from bedside import tracking
from bedside.artifacts import In, ModelIn, Out, write_json
from bedside.component import Metrics, component
from bedside.registry import Promote, Promotion, candidates
from bedside.reporting import advice


@component(image="train")
def promote(
    *, graphs: list[ModelIn], evidence: list[In], verdicts: list[In], decision: Out, params: Promote
) -> Metrics:
    """Sign and register every deployment that passes its gates, point the aliases, record every refusal."""
    promotion = Promotion(candidates(graphs, evidence, verdicts), params, decision / "bundles")
    decided = promotion.run()
    write_json(decision / "decision.json", decided)
    tracking.note(f"{decided['target']}: {advice(decided)}")
    return {
        "promotion/registered": float(len(decided["registered"])),
        "promotion/refused": float(len(decided["refused"])),
    }


if __name__ == "__main__":
    promote.main()
