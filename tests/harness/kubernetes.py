"""A real cluster for tests: `kubectl` with deadlines, manifests as values, ports brought here."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from codelab_core.clock import SYSTEM_CLOCK
from harness.commands import ROOT, outcome, run

Manifest = dict[str, Any]
PORT_SAID = re.compile(r"127\.0\.0\.1:(\d+)")
CHILD_KINDS = (
    "deployments,statefulsets,services,serviceaccounts,secrets,configmaps,networkpolicies,"
    "poddisruptionbudgets,horizontalpodautoscalers,ingresses,persistentvolumeclaims"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster, by the context that `kubectl` knows it by."""

    context: str

    def kubectl(self, *arguments: str, timeout_s: float = 60) -> str:
        """Standard output of a command that must succeed."""
        return run("kubectl", "--context", self.context, *arguments, timeout_s=timeout_s)

    def said(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """What a command said, however it ended."""
        return outcome("kubectl", "--context", self.context, *arguments, timeout_s=timeout_s)

    def helm(self, *arguments: str, timeout_s: float = 180) -> str:
        """Standard output of `helm`, which must succeed."""
        return run("helm", "--kube-context", self.context, *arguments, timeout_s=timeout_s)

    @property
    def node(self) -> str:
        """The container that is the cluster's one node."""
        return self.context.removeprefix("kind-") + "-control-plane"

    def load(self, image: str, tag: str, wanted: str) -> None:
        """Bring a local image into the cluster, under another tag there."""
        cluster = self.context.removeprefix("kind-")
        run("kind", "load", "docker-image", f"{image}:{tag}", "--name", cluster, timeout_s=300)
        names = (f"docker.io/{image}:{tag}", f"docker.io/{image}:{wanted}")
        tagging = ("ctr", "--namespace", "k8s.io", "images", "tag", "--force", *names)
        run("docker", "exec", self.node, *tagging)

    def apply(self, manifest: Manifest, namespace: str) -> None:
        """Apply a manifest as a person would."""
        said = self.send("apply", manifest, namespace)
        assert said.returncode == 0, said.stderr

    def send(
        self, verb: str, manifest: Manifest, namespace: str, *options: str
    ) -> subprocess.CompletedProcess[str]:
        """`kubectl VERB -f -`, and what it said."""
        return self._told(manifest, "-n", namespace, verb, *options, "-f", "-")

    def post(self, path: str, body: Manifest) -> subprocess.CompletedProcess[str]:
        """POST to the API server, and what it said."""
        return self._told(body, "create", "--raw", path, "-f", "-")

    def _told(self, manifest: Manifest, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What a command said to a manifest."""
        return subprocess.run(
            ["kubectl", "--context", self.context, *arguments],
            input=json.dumps(manifest),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def get(self, kind: str, name: str, namespace: str) -> Manifest:
        """One object; it must be there."""
        found: Manifest = json.loads(self.kubectl("-n", namespace, "get", kind, name, "-o", "json"))
        return found

    def listed(self, kinds: str, namespace: str, *options: str) -> list[Manifest]:
        """Objects of some kinds."""
        said = self.kubectl("-n", namespace, "get", kinds, "-o", "json", *options)
        items: list[Manifest] = json.loads(said)["items"]
        return items

    def wait(self, target: str, condition: str, namespace: str, timeout_s: float = 120) -> None:
        """Wait for `condition=Name`, `jsonpath=…` or `delete`."""
        limit = f"--timeout={timeout_s:g}s"
        self.kubectl(
            "-n", namespace, "wait", target, f"--for={condition}", limit, timeout_s=timeout_s + 10
        )

    def ready(self, name: str, namespace: str, timeout_s: float = 180) -> Manifest:
        """Wait until an agent is Ready for its newest generation; the agent."""
        self.until(
            lambda: _is_ready(self.get("codelabagent", name, namespace)),
            f"{namespace}/{name} is Ready",
            timeout_s,
        )
        return self.get("codelabagent", name, namespace)

    def until(self, fits: Callable[[], bool], what: str, timeout_s: float = 60) -> float:
        """Ask again and again until something holds; the seconds it took."""
        began = SYSTEM_CLOCK.monotonic()
        while not fits():
            took = SYSTEM_CLOCK.monotonic() - began
            assert took < timeout_s, f"not within {timeout_s:g} s: {what}"
        return SYSTEM_CLOCK.monotonic() - began

    @contextmanager
    def restricted(self, name: str) -> Iterator[str]:
        """A fresh namespace, in which only restricted pods may run."""
        delete = ("delete", "namespace", name)
        self.said(*delete, "--ignore-not-found", timeout_s=120)
        self.kubectl("create", "namespace", name)
        self.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        try:
            yield name
        finally:
            self.said(*delete, "--wait=false")

    @contextmanager
    def forwarded(self, target: str, port: int, namespace: str) -> Iterator[str]:
        """A port of a Service or pod on this machine, as a base URL."""
        command = ["kubectl", "--context", self.context, "-n", namespace, "port-forward"]
        with subprocess.Popen(
            [*command, target, f":{port}"], stdout=subprocess.PIPE, text=True
        ) as forwarding:
            assert forwarding.stdout is not None
            first = forwarding.stdout.readline()
            found = PORT_SAID.search(first)
            assert found, f"kubectl port-forward said: {first!r}"
            try:
                yield f"http://127.0.0.1:{found[1]}"
            finally:
                forwarding.terminate()


def condition(agent: Manifest, name: str) -> Mapping[str, Any]:
    """A condition of an object; empty where it has none of that name."""
    conditions = agent.get("status", {}).get("conditions", [])
    return next((found for found in conditions if found["type"] == name), {})


def _is_ready(agent: Manifest) -> bool:
    """Ready, and of the newest generation."""
    current = agent.get("status", {}).get("observedGeneration") == agent["metadata"]["generation"]
    return current and condition(agent, "Ready").get("status") == "True"


def agent(name: str = "one", **spec: Any) -> Manifest:
    """A `CodelabAgent`."""
    return {
        "apiVersion": "codelab.dev/v1beta1",
        "kind": "CodelabAgent",
        "metadata": {"name": name},
        "spec": spec,
    }


def small(name: str = "one", **spec: Any) -> Manifest:
    """An agent whose pods ask for little, so that many find room on a small machine."""
    little = {"resources": {"requests": {"cpu": "10m"}}}
    for component in ("gateway", "runtime", "llmproxy"):
        spec[component] = little | spec.get(component, {})
    spec.setdefault("redis", {"managed": little})
    return agent(name, **spec)


def sample(name: str) -> str:
    """Path of a sample manifest."""
    return str(ROOT / "manifests/samples" / f"{name}.yaml")
