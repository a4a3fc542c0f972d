"""`bedside approve`, `rollback`, `restore`, `log`, `verify`, `reviewer` and `keys`: what they take and print."""

import argparse
import sys
from pathlib import Path
from typing import Any

from bedside.errors import RefusedError

RESTORE = """\
Put aliases that somebody moved in MLflow back to what the promotion log confirmed.

--nowhere takes them away instead, for versions whose files are lost: promote again then."""
LOG = """\
The promotion log: promotions, refusals, sign-offs, ways back.

--verify checks that no entry was edited, deleted, moved, forged or cut off, that every sign-off bears its reviewer's
own signature, and that the registry has each alias where the log put it; exit status 1 if any of that is not so.
--offline leaves the registry out."""
KEYS = """\
The keys of this workspace.

`bedside keys` lists them. `rotate` lets the signing key give way to a new one: what was signed stays valid, and
devices need the new .pub file. `revoke` ends the trust in an earlier key: what it signed no longer counts and has to be
promoted again."""


def add(commands: Any) -> None:
    """Add the sub-commands to the `bedside` command line."""
    raw = argparse.RawDescriptionHelpFormatter

    approve = commands.add_parser("approve", description="sign off a registered version: it becomes champion")
    _target(approve)
    approve.add_argument("version", help="the version number in the registry")
    approve.add_argument(
        "--reviewer",
        required=True,
        metavar="ADDRESS",
        help="who looked: an e-mail address that is enrolled as a reviewer",
    )
    approve.add_argument("--reason", required=True, metavar="TEXT", help="what was looked at and why it is fit")
    approve.add_argument("--alias", choices=("champion", "challenger"), default="champion")
    approve.set_defaults(run=_approve)

    rollback = commands.add_parser("rollback", description="point an alias at the version it had before")
    _target(rollback)
    rollback.add_argument("--alias", choices=("champion", "challenger"), help="default: champion, if there is one")
    rollback.add_argument("--reason", default="rolled back by hand", metavar="TEXT")
    rollback.set_defaults(run=_rollback)

    restore = commands.add_parser("restore", description=RESTORE, formatter_class=raw)
    _target(restore)
    restore.add_argument("--alias", choices=("champion", "challenger"), help="default: both")
    restore.add_argument("--nowhere", action="store_true", help="take them away; nothing speaks against their graphs")
    restore.add_argument("--reason", default="taken away by hand", metavar="TEXT", help="with --nowhere")
    restore.set_defaults(run=_restore)

    log = commands.add_parser("log", description=LOG, formatter_class=raw)
    log.add_argument("--verify", action="store_true", help="check the log, the sign-offs and where the aliases are")
    log.add_argument("--offline", action="store_true", help="with --verify: do not ask the registry")
    log.set_defaults(run=_log)

    verify = commands.add_parser("verify", description="check a bundle's signature, offline")
    verify.add_argument("bundle", type=Path)
    verify.add_argument("--key", type=Path, help="public key (PEM); default: this workspace's own")
    verify.set_defaults(run=_verify)

    reviewer = commands.add_parser("reviewer", description="who may sign off: list, enrol, dismiss")
    reviewer.add_argument("address", nargs="?", help="e-mail address of the reviewer; without one: list them")
    reviewer.add_argument(
        "--key", type=Path, help="their public key (PEM), made on their machine; default: make one here"
    )
    reviewer.add_argument("--dismiss", metavar="REASON", help="they may not sign off any more; what they signed stays")
    reviewer.set_defaults(run=_reviewer)

    keys = commands.add_parser("keys", description=KEYS, formatter_class=raw)
    actions = keys.add_subparsers(metavar="ACTION")
    keys.set_defaults(run=_keys)
    rotate = actions.add_parser("rotate", description="let the signing key give way to a new one")
    rotate.add_argument("--reason", required=True, metavar="TEXT")
    rotate.add_argument(
        "--to", type=Path, metavar="PEM", help="the new private key, where BEDSIDE_SIGNING_KEY names it"
    )
    rotate.set_defaults(run=_rotate)
    revoke = actions.add_parser("revoke", description="end the trust in an earlier key")
    revoke.add_argument("key", help="its name, as `bedside keys` lists it")
    revoke.add_argument("--reason", required=True, metavar="TEXT")
    revoke.set_defaults(run=_revoke)


def _target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help="for example onnxruntime-cpu")
    parser.add_argument("--model", metavar="NAME", help="registered model, if the target has several")


def _approve(arguments: argparse.Namespace) -> None:
    from bedside.registry.sign_off import approve

    named = {"reviewer": arguments.reviewer, "reason": arguments.reason, "model": arguments.model}
    approve(arguments.target, arguments.version, **named, alias=arguments.alias)
    who = f"signed off by {arguments.reviewer}"
    print(f"{arguments.target}: version {arguments.version} is {arguments.alias}, {who}")


def _rollback(arguments: argparse.Namespace) -> None:
    from bedside.registry.going_back import roll_back

    named = {"alias": arguments.alias, "model": arguments.model, "reason": arguments.reason}
    alias, gone, back = roll_back(arguments.target, **named)
    print(f"{arguments.target}: {alias} was version {gone} and is version {back} again; its signature verifies")


def _restore(arguments: argparse.Namespace) -> None:
    from bedside.registry.going_back import restore, take_away

    named = {"alias": arguments.alias, "model": arguments.model}
    moved = (
        take_away(arguments.target, **named, reason=arguments.reason)
        if arguments.nowhere
        else restore(arguments.target, **named)
    )
    for alias, found, stands in moved:
        print(f"{arguments.target}: {alias} was version {found} and is {f'version {stands}' if stands else 'gone'}")
    if not moved:
        print(f"{arguments.target}: the aliases are where the log put them")


def _log(arguments: argparse.Namespace) -> None:
    from bedside.registry import audit
    from bedside.registry.log import PromotionLog

    log = PromotionLog()
    if not log.path.exists():
        if arguments.verify:
            raise RefusedError(f"no promotion log at {log.path}; wrong folder or BEDSIDE_HOME?")
        print(f"{log.path}: no entries yet")
        return
    for line in [] if arguments.verify else audit.lines(log.verify()):
        print(line)
    ask = arguments.verify and not arguments.offline
    findings = [*audit.whole(log), *(audit.who_is_where(log) if ask else [])]
    for finding in findings:
        print(finding.text if finding.right else f"WRONG: {finding.text}")
    if not all(finding.right for finding in findings):
        sys.exit(1)


def _verify(arguments: argparse.Namespace) -> None:
    from bedside.registry import rotation, signing
    from bedside.registry.log import PromotionLog

    if not arguments.bundle.is_dir():
        raise RefusedError(
            f"{arguments.bundle}: no such folder; give the bundle's folder, with {signing.SIGNATURE} in it"
        )
    signing.verify_any(
        arguments.bundle, [arguments.key] if arguments.key else rotation.verifying(PromotionLog().verify())
    )
    print(f"{arguments.bundle}: signed, complete, unchanged ({signing.digest(arguments.bundle)[:16]})")


def _reviewer(arguments: argparse.Namespace) -> None:
    from bedside.registry import moving, reviewers
    from bedside.registry.log import PromotionLog

    if arguments.address is None:
        people = reviewers.enrolled(PromotionLog().verify())
        for who in people:
            print(who)
        if not people:
            print("no reviewer is enrolled; `bedside reviewer ADDRESS` enrols one")
        return
    if arguments.dismiss:
        who = moving.alone(lambda: reviewers.dismiss(arguments.address, arguments.dismiss))
        print(f"{who}: may not sign off any more")
        return
    who, private = moving.alone(lambda: reviewers.enrol(arguments.address, arguments.key))
    kept = f"; the private key is {private}: only {who} should be able to read it" if private else ""
    print(f"{who}: enrolled as a reviewer{kept}")


def _keys(_: argparse.Namespace) -> None:
    from bedside.registry import history, keys
    from bedside.registry.log import PromotionLog

    entries, present = PromotionLog().verify(), keys.public_key()
    gone = history.revoked(entries)
    for name in dict.fromkeys([*(entry["key"] for entry in entries), present.stem]):
        state = (
            f"revoked: {gone[name]}"
            if name in gone
            else "signs now"
            if name == present.stem
            else "gave way, still valid"
        )
        print(f"{name}  {state}  {keys.folder() / f'{name}.pub'}")


def _rotate(arguments: argparse.Namespace) -> None:
    from bedside.registry import keys, moving, rotation

    old, new = moving.alone(lambda: rotation.rotate(arguments.reason, arguments.to))
    print(f"{old} gave way to {new}; give {keys.folder() / f'{new}.pub'} to the devices before the next bundle")


def _revoke(arguments: argparse.Namespace) -> None:
    from bedside.registry import moving, rotation

    lost = moving.alone(lambda: rotation.revoke(arguments.key, arguments.reason))
    again = ", ".join(lost) or "nothing"
    print(f"{arguments.key} no longer counts; take its .pub file from the devices. Promote again: {again}")
