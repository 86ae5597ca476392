"""One cluster per run, the operator in it by its chart, a namespace per case."""

import re
from collections.abc import Iterator

import pytest

from harness.commands import ROOT, outcome, run
from harness.kubernetes import Cluster

NODE = "kindest/node:v1.34.2"
IMAGES = ("gateway", "runtime", "llmproxy", "operator")
RELEASE = "0.1.0"
CHART = str(ROOT / "charts/codelab-agent")
VALUES = str(ROOT / "manifests/e2e/values.yaml")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of these tests."""
    about = "use the cluster that is there, and leave it there"
    parser.addoption("--keep-cluster", action="store_true", help=about)
    parser.addoption("--cluster-name", default="codelab-e2e", help="name of the kind cluster")


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The cluster with the operator in it, watching every namespace."""
    kept, name = pytestconfig.getoption("--keep-cluster"), pytestconfig.getoption("--cluster-name")
    if name in run("kind", "get", "clusters").split() and not kept:
        run("kind", "delete", "cluster", "--name", name)
    found = Cluster(f"kind-{name}")
    try:
        if name not in run("kind", "get", "clusters").split():
            _create(found, name)
        yield found
    finally:
        if not kept:
            logs = str(ROOT / "build/e2e-logs")
            run("kind", "export", "logs", logs, "--name", name, timeout_s=120)
            run("kind", "delete", "cluster", "--name", name)


def _create(cluster: Cluster, name: str) -> None:
    """Make the cluster, bring the images, install the chart."""
    names = [f"codelab/{image}:{RELEASE}" for image in IMAGES]
    for image in IMAGES:
        run("docker", "tag", f"codelab/{image}:dev", f"codelab/{image}:{RELEASE}")
    wanted = ("--name", name, "--image", NODE, "--wait", "60s")
    run("kind", "create", "cluster", *wanted, timeout_s=300)
    run("kind", "load", "docker-image", *names, "redis:8.0", "--name", name, timeout_s=300)
    where = ("-n", "codelab-system", "--create-namespace", "-f", VALUES)
    cluster.helm("install", "codelab-agent", CHART, *where, "--wait", "--timeout", "120s")


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of its own, in which only restricted pods may run."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).removeprefix("test-")
    name = name[:50].strip("-")
    delete = ("kubectl", "--context", cluster.context, "delete", "namespace", name)
    outcome(*delete, "--ignore-not-found", timeout_s=120)
    cluster.kubectl("create", "namespace", name)
    label = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", name, label)
    yield name
    outcome(*delete, "--wait=false")
