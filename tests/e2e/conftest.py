"""One cluster per run, the operator in it by its chart, a namespace per case."""

import re
from collections.abc import Iterator

import pytest

from harness.commands import ROOT, outcome, run
from harness.kubernetes import Cluster

NAME = "codelab-e2e"
NODE = "kindest/node:v1.34.2"
IMAGES = ("gateway", "runtime", "llmproxy", "operator")
RELEASE = "0.1.0"


@pytest.fixture(scope="session")
def bare_cluster() -> Iterator[Cluster]:
    """A cluster with the images on its node and nothing else; deleted at the end."""
    if NAME in run("kind", "get", "clusters").split():
        run("kind", "delete", "cluster", "--name", NAME)
    run(
        "kind", "create", "cluster", "--name", NAME, "--image", NODE, "--wait", "60s", timeout_s=300
    )
    try:
        names = [f"codelab/{image}:{RELEASE}" for image in IMAGES]
        for image in IMAGES:
            run("docker", "tag", f"codelab/{image}:dev", f"codelab/{image}:{RELEASE}")
        run("kind", "load", "docker-image", *names, "redis:8.0", "--name", NAME, timeout_s=300)
        yield Cluster(f"kind-{NAME}")
    finally:
        run("kind", "export", "logs", str(ROOT / "build/e2e-logs"), "--name", NAME, timeout_s=120)
        run("kind", "delete", "cluster", "--name", NAME)


@pytest.fixture(scope="session")
def cluster(bare_cluster: Cluster) -> Cluster:
    """The cluster with the operator in it, watching every namespace."""
    chart = str(ROOT / "charts/codelab-agent")
    values = str(ROOT / "manifests/e2e/values.yaml")
    bare_cluster.helm(
        "install", "codelab-agent", chart, "-n", "codelab-system", "--create-namespace",
        "-f", values, "--wait", "--timeout", "120s",
    )  # fmt: skip
    return bare_cluster


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of its own, in which only restricted pods may run."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:50].rstrip("-")
    cluster.kubectl("create", "namespace", name)
    label = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", name, label)
    yield name
    outcome("kubectl", "--context", cluster.context, "delete", "namespace", name, "--wait=false")
