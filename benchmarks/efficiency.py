"""What the operator adds to the time that pods need by themselves, on a real cluster.

The same children twice: posted side by side by a client, and made by the operator from a
`CodelabAgent`. The cluster is a kind cluster with the chart installed, and the images on its node.
"""

import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson

from codelab_core.clock import random_token
from codelab_operator.api_group import GROUP_VERSION, KIND
from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Manifest, Offering
from codelab_operator.kinds import AGENT, Kind, kind_of
from codelab_operator.manifests import desired
from codelab_operator.secrets import filled
from harness import Row, percentile

LOOK_S: Final = 0.05
LONGEST_S: Final = 180.0
NAME: Final = "one"
LITTLE: Final = {"resources": {"requests": {"cpu": "10m", "memory": "32Mi"}}}
SPEC: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("gateway", "runtime", "llmproxy"), LITTLE),
    "redis": {"managed": LITTLE},
    "monitoring": {"serviceMonitor": "Disabled"},
}
"""The smallest agent; its pods ask for little, so that none waits for another one's end."""


WORKLOADS: Final = frozenset({"Deployment", "StatefulSet"})


@dataclass(frozen=True, slots=True)
class Api:
    """The API server behind `kubectl proxy`."""

    url: str

    def call(self, method: str, path: str, body: Manifest | None = None) -> Manifest:
        """The answer; raises for a refusal."""
        content = None if body is None else orjson.dumps(body)
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(self.url + path, content, headers, method=method)  # noqa: S310 -- ours
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 -- ours
            found: Manifest = orjson.loads(answer.read())
        return found

    def status(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any]:
        """The status of an object."""
        found = self.call("GET", kind.path(namespace, name))
        status: Mapping[str, Any] = found.get("status") or {}
        return status


@contextmanager
def proxied(context: str) -> Iterator[Api]:
    """`kubectl proxy` for as long as it is needed."""
    command = ["kubectl", "--context", context, "proxy", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:  # noqa: S603 -- ours
        said = proxy.stdout.readline() if proxy.stdout else ""
        found = re.search(r"127\.0\.0\.1:(\d+)", said)
        if found is None:
            raise OSError(f"kubectl proxy said {said!r}")
        try:
            yield Api(f"http://127.0.0.1:{found[1]}")
        finally:
            proxy.terminate()


def bare(namespace: str) -> list[tuple[Kind, Manifest]]:
    """Children that nobody owns."""
    agent = Agent(namespace, NAME, "nobody", 1, Spec.model_validate(SPEC))
    made: list[tuple[Kind, Manifest]] = []
    for child in desired(agent, Offering()):
        whole = filled(child, random_token) if child.secret else child.manifest
        metadata = {k: v for k, v in whole["metadata"].items() if k != "ownerReferences"}
        kind = kind_of(child.key.api_version, child.key.kind)
        made.append((kind, {**whole, "metadata": metadata}))
    return made


def waited(is_so: Callable[[], bool]) -> None:
    """Return when it is so."""
    deadline = time.monotonic() + LONGEST_S
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("pods did not become available")
        time.sleep(LOOK_S)  # noqa: TID251 -- a cluster far away has no other sign


def by_hand(api: Api, namespace: str) -> float:
    """Seconds from the first POST of the children until all their pods are available."""
    children = bare(namespace)
    pods = [(kind, it["metadata"]["name"]) for kind, it in children if kind.name in WORKLOADS]

    def is_available() -> bool:
        found = [api.status(kind, namespace, name) for kind, name in pods]
        return all(it.get("availableReplicas", 0) >= 1 for it in found)

    began = time.monotonic()
    with ThreadPoolExecutor(len(children)) as posting:
        made = [posting.submit(api.call, "POST", k.path(namespace), it) for k, it in children]
    for one in made:
        one.result()
    waited(is_available)
    return time.monotonic() - began


def by_operator(api: Api, namespace: str) -> float:
    """Seconds from the POST of the agent until it is Ready for its generation."""

    def is_ready() -> bool:
        status = api.status(AGENT, namespace, NAME)
        listed = status.get("conditions") or ()
        is_true = any(c["type"] == "Ready" and c["status"] == "True" for c in listed)
        return is_true and status.get("observedGeneration") == 1

    agent = {"apiVersion": GROUP_VERSION, "kind": KIND, "metadata": {"name": NAME}, "spec": SPEC}
    began = time.monotonic()
    api.call("POST", AGENT.path(namespace), agent)
    waited(is_ready)
    return time.monotonic() - began


@contextmanager
def namespace(api: Api, name: str) -> Iterator[str]:
    """A namespace for one run; gone before the next one begins."""
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api.call("POST", "/api/v1/namespaces", made)
    path = f"/api/v1/namespaces/{name}"
    try:
        yield name
    finally:
        api.call("DELETE", path)
        waited(lambda: _is_gone(api, path))


def _is_gone(api: Api, path: str) -> bool:
    """Whether there is nothing at a path."""
    try:
        api.call("GET", path)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code == 404  # noqa: PLR2004 -- not found
    return False


def efficiency(cluster: str, pairs: int) -> Iterator[Row]:
    """A row for each pair, one way first and then the other, and one with the medians."""
    ratios: list[float] = []
    with proxied(f"kind-{cluster}") as api:
        for number in range(pairs + 1):  # the first pair warms the node
            times: dict[str, float] = {}
            ways = {"bare": by_hand, "operator": by_operator}
            for way in sorted(ways, reverse=bool(number % 2)):
                with namespace(api, f"efficiency-{number}-{way}") as place:
                    times[way] = ways[way](api, place)
            if number:
                ratios.append(times["bare"] / times["operator"])
                yield {"part": f"pair {number}", **_row(times, ratios[-1])}
    yield {"part": "efficiency", "bare s": 0.0, "operator s": 0.0, "ratio": percentile(ratios, 0.5)}


def _row(times: Mapping[str, float], ratio: float) -> dict[str, float]:
    """Columns of a pair."""
    return {"bare s": times["bare"], "operator s": times["operator"], "ratio": ratio}
