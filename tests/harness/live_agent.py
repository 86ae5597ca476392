"""An agent on a real cluster that tests disturb while it works."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from codelab_client.places import Gateway
from harness.commands import run
from harness.kubernetes import Cluster, Manifest, agent
from harness.reached import gateway_of

SERVICES = ("gateway", "runtime", "llmproxy")
LITTLE = {"replicas": 2, "resources": {"requests": {"cpu": "20m"}}}
NAME = "live"
CONTAINERS = "jsonpath={.status.containerStatuses[*].containerID}"


@dataclass(frozen=True, slots=True)
class LiveAgent:
    """One agent with its gateway at a port of the node; the only one of its namespace."""

    cluster: Cluster
    namespace: str
    node_port: int
    gateway: Gateway

    def change(self, **spec: Any) -> None:
        """Apply another specification; services that are not named stay as they began."""
        self.cluster.apply(_manifest(self.node_port, spec), self.namespace)

    def ready(self) -> Manifest:
        """Wait until the newest specification is what runs."""
        return self.cluster.ready(NAME, self.namespace)

    def pods(self, component: str) -> list[str]:
        """Names of the pods of a component that are not on their way out."""
        chosen = ",".join(f"{name}={value}" for name, value in labels(component).items())
        found = self.cluster.listed("pods", self.namespace, "-l", chosen)
        kept = [pod["metadata"] for pod in found if "deletionTimestamp" not in pod["metadata"]]
        assert kept, f"no pod has the labels {chosen}"
        return [metadata["name"] for metadata in kept]

    def kill(self, component: str) -> None:
        """SIGKILL to every process of a component, from the node."""
        command = "redis-server" if component == "redis" else f"codelab_{component}"
        run("docker", "exec", self.cluster.node, "pkill", "-KILL", "-f", command)

    def lose(self, component: str) -> None:
        """SIGKILL to a component, and no way back for its pods: others take their place at once.

        A container that dies again and again in its pod would wait ever longer.
        """
        pods = self.pods(component)
        self.kill(component)
        self._delete(*pods)

    def lose_pod(self, pod: str) -> None:
        """SIGKILL to the processes of one pod, which does not come back either."""
        said = ("-n", self.namespace, "get", "pod", pod, "-o", CONTAINERS)
        for container in self.cluster.kubectl(*said).split():
            end = ("tasks", "kill", "--signal", "SIGKILL", container.partition("://")[2])
            run("docker", "exec", self.cluster.node, "ctr", "--namespace", "k8s.io", *end)
        self._delete(pod)

    def _delete(self, *pods: str) -> None:
        """Forget pods at once."""
        now = ("--grace-period=0", "--force", "--wait=false")
        self.cluster.kubectl("-n", self.namespace, "delete", "pod", *pods, *now)

    def evict(self, pod: str) -> bool:
        """Ask for an eviction; whether the budget of disruptions allowed it."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": self.namespace},
        }
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        said = self.cluster.post(path, body)
        assert said.returncode == 0 or "TooManyRequests" in said.stderr, said.stderr
        return said.returncode == 0

    def logged(self, component: str) -> dict[str, list[dict[str, Any]]]:
        """The log lines of each pod."""
        read = ("-n", self.namespace, "logs", "--tail=-1")
        return {
            pod: [json.loads(line) for line in self.cluster.kubectl(*read, pod).splitlines()]
            for pod in self.pods(component)
        }


def labels(component: str) -> dict[str, str]:
    """By what the pods of a component are told from others."""
    return {"app.kubernetes.io/instance": NAME, "app.kubernetes.io/component": component}


def _manifest(node_port: int, spec: dict[str, Any]) -> Manifest:
    exposure = {"service": {"type": "NodePort", "nodePort": node_port}}
    services = {name: LITTLE | spec.get(name, {}) for name in SERVICES}
    return agent(NAME, exposure=exposure, **(spec | services))


@contextmanager
def live_agent(
    cluster: Cluster,
    namespace: str,
    node_port: int,
    prepare: Callable[[], None] = lambda: None,
    **spec: Any,
) -> Iterator[LiveAgent]:
    """A Ready agent, in a namespace of its own, with two pods of each service.

    `prepare` brings what it needs into the namespace.
    """
    cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", timeout_s=180)
    cluster.kubectl("create", "namespace", namespace)
    prepare()
    cluster.apply(_manifest(node_port, spec), namespace)
    cluster.ready(NAME, namespace)
    yield LiveAgent(cluster, namespace, node_port, gateway_of(cluster, NAME, namespace))
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")
