"""What the operator may do, in both ways to install it, and that it needs no more."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.cluster_api import Api
from harness.commands import ROOT
from harness.kubernetes import Cluster, small

pytestmark = pytest.mark.timeout(240)
GOLDEN = Path(__file__).parent / "golden"
CHART = str(ROOT / "charts/codelab-agent")
OPERATOR = ("-n", "codelab-system", "scale", "deployment/codelab-agent-operator")
NARROW = ("watch.clusterWide=false", "rbac.secrets=false", "replicaCount=1")
EVERYBODYS = re.compile(r"^ |^selfsubject")
"""Rights that Kubernetes gives to every account."""
SERVICES = ("gateway", "runtime", "llmproxy")


@contextmanager
def installed(cluster: Cluster, name: str, *values: str) -> Iterator[None]:
    """The chart once more, in a namespace of the release's name."""
    sets = [part for value in values for part in ("--set", value)]
    where = ("-n", name, "--create-namespace")
    cluster.helm("install", name, CHART, *where, *sets, "--wait", "--timeout", "90s")
    try:
        yield
    finally:
        cluster.helm("uninstall", name, "-n", name)
        cluster.kubectl("delete", "namespace", name, "--wait=false")


@contextmanager
def alone(cluster: Cluster) -> Iterator[None]:
    """Without the operator that serves every namespace."""
    cluster.kubectl(*OPERATOR, "--replicas=0")
    gone = ("--for=delete", "-l", "app.kubernetes.io/name=codelab-operator")
    cluster.kubectl("-n", "codelab-system", "wait", "pod", *gone, "--timeout=60s", timeout_s=70)
    try:
        yield
    finally:
        cluster.kubectl(*OPERATOR, "--replicas=2")
        ready = ("rollout", "status", "deployment/codelab-agent-operator", "--timeout=60s")
        cluster.kubectl("-n", "codelab-system", *ready, timeout_s=70)


def rights(cluster: Cluster, account: str, namespace: str) -> str:
    """What an account may do in a namespace, one kind a line, without what everybody may."""

    def ordered(line: str) -> str:
        what, _, verbs = line.rpartition("[")
        return f"{' '.join(what.split())} [{' '.join(sorted(verbs.rstrip(' ]').split()))}]"

    who = f"--as=system:serviceaccount:{account}"
    said = cluster.kubectl("auth", "can-i", "--list", who, "-n", namespace)
    lines = [line for line in said.splitlines()[1:] if not EVERYBODYS.search(line)]
    kept = sorted(ordered(line) for line in lines)
    return "".join(f"{line}\n" for line in kept)


def test_e20_the_rights_for_every_namespace_are_those_of_the_list(cluster: Cluster) -> None:
    account = "codelab-system:codelab-agent-operator"

    assert rights(cluster, account, "default") == (GOLDEN / "rights-cluster.txt").read_text()


def test_e20_an_operator_of_one_namespace_works_there_without_any_right_to_secrets(
    cluster: Cluster, api: Api, stand_in: str
) -> None:
    services = {one: {"image": stand_in} for one in SERVICES}
    services["gateway"]["auth"] = {"tokensSecretName": "clients"}  # type: ignore[assignment]  # a spec
    own = {"internalAuth": {"secretName": "tokens"}, "redis": {"external": {"url": "redis://r"}}}

    with alone(cluster), installed(cluster, "narrow", *NARROW):
        account = "narrow:narrow-operator"
        inside, outside = (rights(cluster, account, where) for where in ("narrow", "default"))
        for name in ("tokens", "clients"):
            secret = {"metadata": {"name": name}, "stringData": {"tokens": f"{name}-0123456789"}}
            api.create("secrets", "narrow", secret)
        api.create("codelabagents", "narrow", small("own", **services, **own))
        said = api.told("narrow", "own", "Ready=True")
        kinds = cluster.kubectl("-n", "narrow", "get", "secrets", "-o", "name").split()

    assert inside == (GOLDEN / "rights-namespace.txt").read_text()
    assert outside == ""
    assert "clientTokenSecret" not in said["status"]
    assert not [name for name in kinds if "own-" in name]
