"""A stage that takes data also takes the report that approved it, and checks that the two belong together."""

from bedside.artifacts import Artifact
from bedside.errors import RefusedError


def accepted(approval: Artifact, data: Artifact) -> list[str]:
    """The records that `validate` accepted in exactly this data; anything else is refused."""
    verdict = approval.json("approval.json")
    if verdict.get("data") != data.digest:
        raise RefusedError(f"{approval.path} judges other data than {data.path}; run validate on it again")
    records = [str(record) for record in verdict.get("accepted", [])]
    if verdict.get("success") is not True or not records:
        raise RefusedError(f"{data.path} was not approved; open data_docs/index.html in {approval.path}")
    return records
