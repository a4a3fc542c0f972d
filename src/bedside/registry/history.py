"""What the promotion log says: of a promotion, a version, a graph, and of where each alias stands."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from bedside.registry.log import Entry
from bedside.summary import PASS

CHALLENGER, CHAMPION = "challenger", "champion"
ALIASES = (CHALLENGER, CHAMPION)
LAST = ("CONFIRMED", "CLOSED", "ABANDONED")  # with one of these a promotion ends
SETTLED = ("CONFIRMED", "ABANDONED", "EMPTIED")  # with `aliases` in it, one of these says where they stand
REVOKED = "REVOKED"  # a key counts no longer, nor does what it signed
EMPTIED = "EMPTIED"  # the registry has lost what was promoted into it; version numbers begin again


def of_promotion(entries: Sequence[Entry], promotion: str) -> Iterator[Entry]:
    """The entries of one promotion, in order."""
    return (entry for entry in entries if entry.get("promotion") == promotion)


def of_model(entries: Sequence[Entry], model: str) -> list[Entry]:
    """The entries about one registered model, in order."""
    return [entry for entry in entries if entry.get("model") == model]


def since_emptied(entries: Sequence[Entry], model: str) -> list[Entry]:
    """The entries about a model whose version numbers mean what they mean now."""
    about = of_model(entries, model)
    emptied = [place for place, entry in enumerate(about) if entry["state"] == EMPTIED]
    return about[emptied[-1] :] if emptied else about


def revoked(entries: Sequence[Entry]) -> dict[str, str]:
    """Names of the keys that no longer count, each with the reason."""
    return {entry["revoked"]: entry["reason"] for entry in entries if entry["state"] == REVOKED}


def graphs_of(entries: Sequence[Entry], model: str) -> dict[str, str]:
    """Version number to sha256 of its graph, as promotions of `model` wrote them down."""
    signed = [entry for entry in since_emptied(entries, model) if entry["state"] == "SIGNED"]
    return {number: graph for entry in signed for number, graph in entry.get("graphs", {}).items()}


def signed_as(entries: Sequence[Entry], model: str, number: str) -> Entry | None:
    """What a promotion wrote down when it signed this version; the newest, where version numbers began again."""
    made = (e for e in reversed(since_emptied(entries, model)) if e["state"] == "SIGNED")
    return next((entry for entry in made if number in entry.get("versions", {}).values()), None)


def facts_of(entries: Sequence[Entry], model: str, number: str) -> dict[str, Any]:
    """What a promotion wrote down of a version that is compared with later ones; empty in logs older than that."""
    return dict((signed_as(entries, model, number) or {}).get("facts", {}).get(number, {}))


def refused_since(entries: Sequence[Entry], signed: Entry, graphs: Collection[str]) -> Entry | None:
    """The refusal of one of these graphs by a later promotion of the same model than the one that signed."""
    later = (e for e in entries[signed["seq"] :] if e["state"] == "REFUSED" and e["model"] == signed["model"])
    return next((entry for entry in later if entry.get("graph") in graphs), None)


def refused_before(entries: Sequence[Entry], model: str, graph: str, promotion: str) -> Entry | None:
    """The newest refusal of this graph in another promotion for what its gates found, by whatever gates."""
    return next(
        (
            entry
            for entry in reversed(of_model(entries, model))
            if entry["state"] == "REFUSED"
            and entry.get("graph") == graph
            and entry.get("verdict") != PASS  # or its parts did not belong together, which says nothing of the graph
            and entry["promotion"] != promotion
        ),
        None,
    )


def rolled_back(entries: Sequence[Entry], model: str) -> dict[str, str]:
    """Versions and graphs (sha256) of `model` that a rollback was asked for, with its reason; they never come back."""
    asked = [entry for entry in of_model(entries, model) if entry["state"] == "ROLLBACK"]
    numbered = [entry for entry in since_emptied(entries, model) if entry["state"] == "ROLLBACK"]
    graphs = {entry["graph"]: entry["reason"] for entry in asked if entry.get("graph")}
    return graphs | {entry["from"]: entry["reason"] for entry in numbered}


def stands_at(entries: Sequence[Entry], model: str, alias: str) -> str | None:
    """The version that `alias` was confirmed at last; None where it never was."""
    settled = _settled(entries, model, alias)
    return settled[-1]["aliases"][alias] if settled else None


def may_stand_at(entries: Sequence[Entry], model: str, alias: str) -> set[str | None]:
    """Where `alias` may be: where it was confirmed last, or where a decision since then was about to move it.

    Whoever moves an alias writes the decision down first, so a kill between the two leaves it in one of these places.
    """
    about = since_emptied(entries, model)
    settled, counting = _settled(entries, model, alias), _counting(entries, model)
    later = about[about.index(settled[-1]) + 1 :] if settled else about
    decided = [e["aliases"][alias]["version"] for e in later if e["state"] == "DECIDED" and alias in e["aliases"]]
    return {stands_at(entries, model, alias), *(number for number in decided if number in counting)}


def been_at(entries: Sequence[Entry], model: str, alias: str) -> list[str]:
    """The versions that `alias` was confirmed at, the present one last; a way back cuts off what it left."""
    past: list[str] = []
    for entry in _settled(entries, model, alias):
        number = entry["aliases"][alias]
        if number is not None:
            past = [*past[: past.index(number)], number] if number in past else [*past, number]
    return past


def _settled(entries: Sequence[Entry], model: str, alias: str) -> list[Entry]:
    """The entries that say where `alias` stands: nowhere, or at a version that counts."""
    counting = {None, *_counting(entries, model)}
    return [
        entry
        for entry in since_emptied(entries, model)
        if entry["state"] in SETTLED and alias in entry.get("aliases", {}) and entry["aliases"][alias] in counting
    ]


def _counting(entries: Sequence[Entry], model: str) -> set[str]:
    """The versions that a promotion signed, with a key that was not revoked since."""
    signed = [entry for entry in since_emptied(entries, model) if entry["state"] == "SIGNED"]
    keys = {number: entry["key"] for entry in signed for number in entry.get("versions", {}).values()}
    gone = revoked(entries)
    return {number for number, key in keys.items() if key not in gone}


def author_of(entries: Sequence[Entry]) -> str:
    """Who requested a promotion, from its entries; empty where nobody is known."""
    asked: Entry = next((entry for entry in entries if entry["state"] == "REQUESTED"), {})
    return str(asked.get("author") or "").strip()
