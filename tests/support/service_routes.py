"""What kube-proxy does, for a bare node that has none: the addresses of services lead to their pods."""

import json
import subprocess
import threading
from collections.abc import Mapping

from tests.support.kubernetes import Namespace

CHAIN = "BEDSIDE-TESTS"


class ServiceRoutes(threading.Thread):
    """Follows the endpoints of a namespace's services while the block lasts; needs root on the node."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(daemon=True)
        self.namespace, self._done, self._rules = namespace, threading.Event(), [""]

    def __enter__(self) -> "ServiceRoutes":
        _iptables("-N", CHAIN, check=False)
        for hook in ("PREROUTING", "OUTPUT"):
            if not _iptables("-C", hook, "-j", CHAIN, check=False):
                _iptables("-I", hook, "-j", CHAIN)
        if not _iptables("-C", "POSTROUTING", *_ANSWERS, check=False):
            _iptables("-A", "POSTROUTING", *_ANSWERS)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()
        for hook in ("PREROUTING", "OUTPUT"):
            _iptables("-D", hook, "-j", CHAIN)
        _iptables("-D", "POSTROUTING", *_ANSWERS)
        _iptables("-F", CHAIN)
        _iptables("-X", CHAIN)

    def run(self) -> None:
        while not self._done.wait(0.5):
            told = self.namespace("get", "services,endpoints", "-o", "json", check=False)
            rules = _rules(json.loads(told)["items"]) if told else self._rules
            if rules != self._rules:
                text = "\n".join(["*nat", f"-F {CHAIN}", *rules, "COMMIT", ""])
                subprocess.run(["iptables-restore", "--noflush"], input=text, text=True, check=True)
                self._rules = rules


# An answer must come back the way the question went: pods of one bridge would talk past the translation.
_ANSWERS = ("-m", "conntrack", "--ctstate", "DNAT", "-j", "MASQUERADE")


def _rules(items: list[Mapping[str, object]]) -> list[str]:
    """One rule per service port, to the first ready pod; refused at once where there is none."""
    services = {i["metadata"]["name"]: i for i in items if i["kind"] == "Service"}  # type: ignore[index]
    rules = []
    for item in (i for i in items if i["kind"] == "Endpoints"):
        name = item["metadata"]["name"]  # type: ignore[index]
        address = services.get(name, {}).get("spec", {}).get("clusterIP")  # type: ignore[attr-defined]
        for subset in item.get("subsets", []):  # type: ignore[attr-defined]
            for to in subset.get("addresses", [])[:1]:
                port = subset["ports"][0]["port"]
                public = services[name]["spec"]["ports"][0]["port"]  # type: ignore[index]
                rules.append(
                    f"-A {CHAIN} -d {address} -p tcp --dport {public} -j DNAT --to-destination {to['ip']}:{port}"
                )
    return sorted(rules)


def _iptables(*arguments: str, check: bool = True) -> bool:
    done = subprocess.run(["iptables", "-t", "nat", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stderr
    return done.returncode == 0
