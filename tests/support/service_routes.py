"""What kube-proxy does, for a bare node that has none: the addresses of services lead to their pods."""

import json
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

from tests.support.kubernetes import Namespace

# An answer must come back the way the question went: pods of one bridge would talk past the translation.
HOOKS = (
    ("nat", "PREROUTING", ("-j", "{chain}")),
    ("nat", "OUTPUT", ("-j", "{chain}")),
    (
        "nat",
        "POSTROUTING",
        ("-m", "conntrack", "--ctstate", "DNAT", "-j", "MASQUERADE", "-m", "comment", "--comment", "{chain}"),
    ),
    ("filter", "FORWARD", ("-j", "{chain}")),
    ("filter", "OUTPUT", ("-j", "{chain}")),
)


class ServiceRoutes(threading.Thread):
    """Follows the endpoints of a namespace's services while the block lasts; needs root on the node.

    A service without a ready pod refuses connections; without that they would leave the machine by its default route.
    """

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(daemon=True)
        self.namespace, self._done, self._rules = namespace, threading.Event(), ""
        self._chain = f"TEST-{namespace.name}"  # its own: two namespaces can be followed at once
        self._hooks = [(t, hook, tuple(r.format(chain=self._chain) for r in rule)) for t, hook, rule in HOOKS]

    def __enter__(self) -> "ServiceRoutes":
        for table in ("nat", "filter"):
            _iptables(table, "-N", self._chain, check=False)
        for table, hook, rule in self._hooks:
            if not _iptables(table, "-C", hook, *rule, check=False):
                _iptables(table, "-I", hook, *rule)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()
        for table, hook, rule in self._hooks:
            _iptables(table, "-D", hook, *rule)
        for table in ("nat", "filter"):
            _iptables(table, "-F", self._chain)
            _iptables(table, "-X", self._chain)

    def run(self) -> None:
        while not self._done.wait(0.5):
            self.follow()

    def follow(self) -> None:
        """Bring the rules up to date, all in one step for each table."""
        told = self.namespace("get", "services,endpoints", "-o", "json", check=False)
        if told and (rules := _rules(self._chain, json.loads(told)["items"])) != self._rules:
            subprocess.run(["iptables-restore", "--noflush"], input=rules, text=True, check=True)
            self._rules = rules


def _rules(chain: str, items: list[Any]) -> str:
    """For `iptables-restore`: each service's port to its first ready pod; what is not led anywhere is refused."""
    services = {item["metadata"]["name"]: item["spec"] for item in items if item["kind"] == "Service"}
    endpoints = {item["metadata"]["name"]: item for item in items if item["kind"] == "Endpoints"}
    led = [
        f"-A {chain} -d {spec['clusterIP']} -p tcp --dport {spec['ports'][0]['port']} -j DNAT --to-destination {pod}"
        for name, spec in sorted(services.items())
        for pod in list(_ready(endpoints.get(name, {})))[:1]
    ]
    refused = [
        f"-A {chain} -d {spec['clusterIP']} -p tcp -j REJECT --reject-with tcp-reset" for spec in services.values()
    ]
    tables = {"nat": led, "filter": sorted(refused)}
    return "".join(f"*{table}\n-F {chain}\n" + "\n".join([*rules, "COMMIT", ""]) for table, rules in tables.items())


def _ready(endpoints: Any) -> Iterator[str]:
    for subset in endpoints.get("subsets", []):
        for address in subset.get("addresses", []):
            yield f"{address['ip']}:{subset['ports'][0]['port']}"


def _iptables(table: str, *arguments: str, check: bool = True) -> bool:
    done = subprocess.run(["iptables", "-t", table, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stderr
    return done.returncode == 0
