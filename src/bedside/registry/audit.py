"""The promotion log read for people: entry by entry, and who is where, held against the registry."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bedside.registry import identity, reviewers, standing
from bedside.registry.history import author_of, of_promotion
from bedside.registry.log import Entry, PromotionLog
from bedside.registry.models import Models
from bedside.terminal import printable
from bedside.tracking import TrackingError

TOLD = ("variant", "version", "reviewer", "aliases", "changes", "reason")


class Finding(NamedTuple):
    """One line of the check: what it is about, and whether it is right."""

    right: bool
    text: str


def lines(entries: Sequence[Entry]) -> Iterator[str]:
    """A line per entry; whatever was written into it, it stays one line."""
    for entry in entries:
        told = ", ".join(f"{name}: {entry[name]}" for name in TOLD if entry.get(name) not in (None, ""))
        yield printable(f"{entry['seq']:>4} {entry['time']} {entry.get('model', '')} {entry['state']}  {told}")


def whole(log: PromotionLog) -> list[Finding]:
    """Chain, signatures and end of the log, and every sign-off in it; LogError where an entry is not as written."""
    entries = log.verify()
    intact = Finding(True, f"{log.path}: {len(entries)} entries; chain, signatures and end of the log are as written")
    return [intact, *_sign_offs(entries)]


def _sign_offs(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Sign-offs whose reviewer's signature does not verify, or whose reviewer was the author. Older logs have none."""
    for entry in entries:
        if "signature_of_reviewer" not in entry:
            continue
        names = ("model", "version", "alias", "bundle", "graph", "verdict_sha256", "verdict", "reviewer", "reason")
        public = reviewers.enrolled(entries[: entry["seq"]]).get(entry["reviewer"])
        statement = {name: entry[name] for name in names}
        if public is None or not reviewers.is_signed(statement, entry["signature_of_reviewer"], public):
            yield Finding(False, f"entry {entry['seq']}: not signed by {entry['reviewer']}'s own key")


def who_is_where(log: PromotionLog) -> list[Finding]:
    """Each alias of each model: where the log confirmed it, who signed it off, and where the registry has it."""
    entries = log.verify()
    models = sorted({entry["model"] for entry in entries if "model" in entry})
    found: list[Finding] = []
    for name in models:
        try:
            found += [_told(entries, name, place) for place in standing.places(entries, Models(name))]
        except TrackingError as error:
            return [*found, Finding(False, f"the registry could not be asked: {error}")]
    return found


def _told(entries: Sequence[Entry], model: str, place: standing.Place) -> Finding:
    if place.wrong:
        return Finding(False, place.wrong)
    where = f"version {place.found}{_by(entries, model, place)}" if place.found else "nowhere"
    return Finding(True, f"{model}: {place.alias} is {where}, in the log and in the registry")


def _by(entries: Sequence[Entry], model: str, place: standing.Place) -> str:
    """Who signed it off last, before whatever ways back; else the author of its promotion."""
    confirmed = [
        e
        for e in entries
        if e["state"] == "CONFIRMED" and e.get("model") == model and e["aliases"].get(place.alias) == place.found
    ]
    if people := [entry["reviewer"] for entry in confirmed if "reviewer" in entry]:
        return f", signed off by {people[-1]}"
    told = [identity.identity(author_of(list(of_promotion(entries, entry["promotion"])))) for entry in confirmed]
    authors = [str(author) for author in told if author]
    return f", promoted by {authors[-1]}" if authors else ""
