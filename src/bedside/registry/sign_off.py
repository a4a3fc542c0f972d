"""A reviewer's sign-off: fitness, four eyes and a signature of the reviewer's own key, then an alias moves."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bedside.artifacts import sha256
from bedside.errors import RefusedError
from bedside.registry import aliases, identity, moving, reviewers, signing, standing
from bedside.registry.by_hand import ByHand
from bedside.registry.delivered import delivered, read_json
from bedside.registry.history import (
    CHALLENGER,
    CHAMPION,
    author_of,
    of_promotion,
    refused_since,
    rolled_back,
    signed_as,
    stands_at,
)
from bedside.registry.log import Entry
from bedside.summary import PASS, SIMULATED
from bedside.terminal import printable

SIGNED_OFF = "signed off by"


class SignOff(ByHand):
    """One reviewer's decision about one version."""

    def approve(self, number: str, reviewer: str, reason: str, alias: str = CHAMPION) -> None:
        """Give a registered version an alias on a reviewer's word; RefusedError (and an entry) if it may not be."""
        reason = printable(reason)  # what is signed is what the log keeps
        places = {place.alias: place for place in standing.tell(self.log, self.models, self.target)}
        entries = self.log.verify()
        self.id = f"approval-{len(entries) + 1}"
        at_server, expected = identity.at_server(), {alias: places[alias].found}
        about = {"version": number, "reviewer": reviewer, "at_server": at_server}
        self._append("REQUESTED", reason=reason, expected=expected, **about)
        try:
            who, statement = self._sound(number, reviewer, reason, alias)
            signature = reviewers.sign(statement, str(who), entries)
        except RefusedError as error:
            self._append("REFUSED", version=number, reason=str(error))
            raise RefusedError(f"{self.name} version {number} may not become {alias}: {error}") from None
        self._append("GATES_PASSED", version=number)
        self._step("SIGNED", lambda: {name: told for name, told in statement.items() if name != "model"} | signature)
        told = f"signed off by {who}: {reason}"
        self._carry_out(alias, number, places[alias].found, told, reviewer=str(who))
        self.models.tag(number, SIGNED_OFF, str(who))

    def _sound(self, number: str, reviewer: str, reason: str, alias: str) -> tuple[identity.Identity, dict[str, Any]]:
        """Who signs, and the statement that they sign; RefusedError where this version may not have this alias.

        Only the log and the signed bundle count: tags can be edited.
        """
        entries = self.log.verify()
        signed = signed_as(entries, self.name, number)
        if signed is None or self.models.version(number) is None:
            raise RefusedError("no promotion in this workspace's log registered it")
        who = self._four_eyes(signed, reviewer, reason)
        with tempfile.TemporaryDirectory() as folder:
            bundle = delivered(self.models, number, Path(folder) / "bundle")
            verdict, digests = read_json(bundle / "verdict.json"), _digests(bundle)
        objection = self._judgement(number, signed, verdict, digests["graph"]) or self._fitness(number, verdict, alias)
        if objection:
            raise RefusedError(objection)
        statement = {"model": self.name, "version": number, "alias": alias, **digests, "verdict": verdict["verdict"]}
        return who, {**statement, "reviewer": str(who), "reason": reason}

    def _four_eyes(self, signed: Entry, reviewer: str, reason: str) -> identity.Identity:
        """The reviewer, who is somebody else than whoever promoted, here and for the server."""
        if not reviewer.strip() or not reason.strip():
            raise RefusedError("a sign-off names its reviewer and its reason")
        who = identity.of_person(reviewer)
        asked = next(of_promotion(self.log.verify(), signed["promotion"]), {})
        told = author_of([asked])
        author = identity.identity(told)
        if author is None:
            raise RefusedError(
                f"nobody knows who promoted it ({told or 'no name'}); set BEDSIDE_AUTHOR where promote runs to an "
                "e-mail address, or to a service's name such as `pipeline`, and promote again"
            )
        if identity.same(who, author):
            raise RefusedError(f"the reviewer is its author ({author}); somebody else has to look")
        _expect_own_account(who, asked.get("at_server"))
        return who

    def _judgement(self, number: str, signed: Entry, verdict: Mapping[str, Any], graph: str) -> str | None:
        """What rollbacks, later promotions and its own verdict say against it."""
        entries = self.log.verify()
        gone = rolled_back(entries, self.name)
        if told := [gone[name] for name in (number, graph) if name in gone]:
            return f"it was rolled back ({told[0]}); promote another graph"
        if refused := refused_since(entries, signed, [graph]):
            return f"a later promotion refused its graph ({refused['reason']}); promote one that passes"
        return None if verdict["verdict"] == PASS else f"its verdict is {verdict['verdict']}"

    def _fitness(self, number: str, verdict: Mapping[str, Any], alias: str) -> str | None:
        """What the data and the version that has the alias now, by the log, say against it."""
        entries, source = self.log.verify(), verdict.get("labels", {}).get("source")
        held = aliases.present(entries, self.name, stands_at(entries, self.name, alias))
        if alias == CHALLENGER:
            simulated = source == SIMULATED and held is not None and held.facts.get("source") != SIMULATED
            return f"{held.named} was made from real data" if simulated and held else None
        choice = aliases.fit_for_champion(self.models, source, number, held)
        return choice.reason if choice.version is None else None


def _digests(bundle: Path) -> dict[str, str]:
    return {
        "bundle": signing.digest(bundle),
        "graph": sha256(bundle / "model.onnx"),
        "verdict_sha256": sha256(bundle / "verdict.json"),
    }


def _expect_own_account(who: identity.Identity, promoted_as: str | None) -> None:
    """Where the server knows people, its word counts: the reviewer's account, not the one that promoted."""
    here = identity.at_server()
    if here is None:
        return
    if here == promoted_as:
        raise RefusedError(f"the tracking server knows you as {here}, as whom it was promoted; sign in as yourself")
    known = identity.identity(here)
    if known is not None and known.address and not identity.same(known, who):
        raise RefusedError(f"the tracking server knows you as {here}, not as {who}; sign in as yourself")


def approve(
    target: str, number: str, *, reviewer: str, reason: str, model: str | None = None, alias: str = CHAMPION
) -> None:
    """`SignOff.approve` under the promotion lock; RefusedError where the store is away."""
    moving.alone(lambda: SignOff(target, model).approve(number, reviewer, reason, alias))
