"""One cluster per run, the operator in it by its chart, a namespace per case."""

import re
from collections.abc import Iterator

import pytest

from harness.cluster_api import Api, proxied
from harness.commands import ROOT, outcome, run
from harness.kubernetes import Cluster, small

NODE = "kindest/node:v1.34.2"
IMAGES = ("gateway", "runtime", "llmproxy", "operator")
RELEASE = "0.1.0"
CHART = str(ROOT / "charts/codelab-agent")
VALUES = str(ROOT / "manifests/e2e/values.yaml")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of these tests."""
    about = "use the cluster that is there, and leave it there"
    parser.addoption("--keep-cluster", action="store_true", help=about)
    bring = "command that brings Prometheus into the kind cluster whose name it is given"
    parser.addoption("--monitoring", metavar="COMMAND", help=bring)
    parser.addoption("--cluster-name", default="codelab-e2e", help="name of the kind cluster")
    parser.addoption("--image-tag", default="dev", help="tag of the images to bring into it")
    often = "how often the cases of faults do what they do"
    parser.addoption("--rounds", type=int, default=1, metavar="N", help=often)
    many = "how many sessions stream while pods are rolled or evicted"
    parser.addoption("--sessions", type=int, default=30, metavar="N", help=many)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A case with a `round_number` is a case for each round."""
    if "round_number" in metafunc.fixturenames:
        metafunc.parametrize("round_number", range(metafunc.config.getoption("--rounds")))


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The cluster with the operator in it, watching every namespace."""
    kept, name = pytestconfig.getoption("--keep-cluster"), pytestconfig.getoption("--cluster-name")
    if name in run("kind", "get", "clusters").split() and not kept:
        run("kind", "delete", "cluster", "--name", name, timeout_s=300)
    found = Cluster(f"kind-{name}")
    try:
        if name not in run("kind", "get", "clusters").split():
            _create(found, name, pytestconfig.getoption("--image-tag"))
        yield found
    finally:
        if not kept:
            logs = str(ROOT / "build/e2e-logs")
            outcome("kind", "export", "logs", logs, "--name", name, timeout_s=120)
            run("kind", "delete", "cluster", "--name", name, timeout_s=300)


def _create(cluster: Cluster, name: str, tag: str) -> None:
    """Make the cluster, bring the images, install the chart."""
    wanted = ("--name", name, "--image", NODE, "--wait", "60s")
    run("kind", "create", "cluster", *wanted, timeout_s=300)
    run("kind", "load", "docker-image", "redis:8.0", "--name", name, timeout_s=300)
    for image in IMAGES:
        cluster.load(f"codelab/{image}", tag, RELEASE)
    where = ("-n", "codelab-system", "--create-namespace", "-f", VALUES)
    cluster.helm("install", "codelab-agent", CHART, *where, "--wait", "--timeout", "120s")


@pytest.fixture(scope="session")
def sessions(pytestconfig: pytest.Config) -> int:
    """How many sessions stream while pods are rolled or evicted."""
    return int(pytestconfig.getoption("--sessions"))


@pytest.fixture(scope="session")
def api(cluster: Cluster) -> Iterator[Api]:
    """The API server of the cluster."""
    with proxied(cluster) as found:
        yield found


@pytest.fixture(scope="session")
def stand_in(cluster: Cluster) -> str:
    """An image that is well in the place of any service, for cases about objects, not turns."""
    folder = ROOT / "tests/harness"
    file, image, tag = folder / "stand_in.Dockerfile", "codelab/stand-in", "e2e"
    run("docker", "build", "-q", "-f", file, "-t", f"{image}:{tag}", folder, timeout_s=120)
    cluster.load(image, tag, tag)
    return f"{image}:{tag}"


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of its own, in which only restricted pods may run."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).removeprefix("test-")
    with cluster.restricted(name[:50].strip("-")) as found:
        yield found


@pytest.fixture(scope="module")
def standing(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace with the agent `one`, Ready, that the tests of a module share."""
    name = request.module.__name__.rpartition(".")[2].replace("_", "-")
    with cluster.restricted(name) as found:
        cluster.apply(small(), found)
        cluster.ready("one", found)
        yield found
