"""The API server through `kubectl proxy`: requests in milliseconds, and watches with times."""

import json
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any, Final

from codelab_core.clock import SYSTEM_CLOCK
from codelab_operator.kinds import KINDS
from harness.kubernetes import PORT_SAID, Cluster, Manifest, condition

PATHS: Final = {kind.plural: kind for kind in KINDS}
JSON: Final = "application/json"
MERGE: Final = "application/merge-patch+json"
STEPS: Final = "application/json-patch+json"
ANSWER_S: Final = 30.0
FIRST_S: Final = 1.0
"""Within this time a watch has shown everything that there is."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of a watch."""

    at_s: float
    """Monotonic time at which it came."""
    verb: str
    it: Manifest


@dataclass
class Watch:
    """Everything that a watch has shown so far, in order."""

    seen: list[Seen] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def add(self, event: Mapping[str, Any]) -> None:
        """Note an event; called by the thread that reads."""
        with self.came:
            self.seen.append(Seen(SYSTEM_CLOCK.monotonic(), event["type"], event["object"]))
            self.came.notify_all()

    def first(
        self, fits: Callable[[Seen], bool], what: str, after_s: float = 0.0, limit_s: float = 10.0
    ) -> Seen:
        """The first event since `after_s` that fits; waits for it."""
        found: list[Seen] = []

        def is_there() -> bool:
            found[:] = [one for one in self.seen if one.at_s >= after_s and fits(one)][:1]
            return bool(found)

        with self.came:
            assert self.came.wait_for(is_there, limit_s), f"not within {limit_s:g} s: {what}"
        return found[0]

    def quiet(self, span_s: float) -> None:
        """Nothing may come for so long, but for what was there when the watch began."""
        with self.came:
            self.came.wait_for(lambda: False, FIRST_S)
            there = len(self.seen)
            self.came.wait_for(lambda: len(self.seen) > there, span_s - FIRST_S)
            assert self.seen[there:] == []


@dataclass(frozen=True, slots=True)
class Api:
    """The API server at an address that asks for no credentials."""

    url: str

    def request(
        self, method: str, path: str, body: Any = None, kind: str = JSON
    ) -> tuple[int, Manifest]:
        """Status and body of an answer, whatever it is."""
        content = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(  # noqa: S310 -- an address of our own
            self.url + path, content, {"Content-Type": kind}, method=method
        )
        with _OPENER.open(asked, timeout=ANSWER_S) as answer:
            return answer.status, json.loads(answer.read())

    def told(self, namespace: str, name: str, said: str, limit_s: float = 90.0) -> Manifest:
        """Wait until an agent's status says `Type=Status` or `Type=Status/Reason`; the agent.

        Of its newest generation; `Type=` stands for a condition that is not there.
        """
        with self.watched("codelabagents", namespace) as watch:
            try:
                return watch.first(lambda one: _tells(one.it, name, said), "", 0.0, limit_s).it
            except AssertionError:
                seen = [one.it for one in watch.seen if one.it["metadata"]["name"] == name]
        instead = seen[-1].get("status", {}).get("conditions") if seen else "nothing"
        raise AssertionError(f"{name} not {said} within {limit_s:g} s, but {instead}")

    def pods(self, namespace: str, selector: str = "") -> dict[str, str]:
        """Uids of pods that are not about to go, with the component that each belongs to."""
        path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}"
        return {
            pod["metadata"]["uid"]: pod["metadata"]["labels"]["app.kubernetes.io/component"]
            for pod in self.items(path)
            if "deletionTimestamp" not in pod["metadata"]
        }

    def table(self, path: str, form: str) -> Manifest:
        """A list in another form, such as the columns that people see."""
        asked = urllib.request.Request(self.url + path, headers={"Accept": form})  # noqa: S310 -- ours
        with _OPENER.open(asked, timeout=ANSWER_S) as answer:
            found: Manifest = json.loads(answer.read())
            return found

    def text(self, path: str) -> str:
        """Body of an answer that must be good."""
        with _OPENER.open(self.url + path, timeout=ANSWER_S) as answer:
            said: str = answer.read().decode()
            assert answer.status == 200, said
            return said

    def get(self, plural: str, namespace: str, name: str) -> Manifest | None:
        """One object; None where there is none."""
        status, found = self.request("GET", PATHS[plural].path(namespace, name))
        assert status in {200, 404}, found
        return found if status == 200 else None

    def items(self, path: str) -> list[Manifest]:
        """A list by its path, with selectors where wanted."""
        status, found = self.request("GET", path)
        assert status == 200, found
        listed: list[Manifest] = found["items"]
        return listed

    def create(self, plural: str, namespace: str, manifest: Manifest) -> Manifest:
        """Post an object."""
        return self._good("POST", PATHS[plural].path(namespace), manifest)

    def post(self, path: str, manifest: Manifest) -> Manifest:
        """Post an object of a kind that agents do not have."""
        return self._good("POST", path, manifest)

    def delete_path(self, path: str) -> None:
        """Delete such an object."""
        self._good("DELETE", path)

    def delete(self, plural: str, namespace: str, name: str) -> None:
        """Delete an object; what it owns goes later."""
        self._good("DELETE", PATHS[plural].path(namespace, name))

    def merge(self, plural: str, namespace: str, name: str, change: Manifest) -> Manifest:
        """Change fields, as a person with `kubectl patch` would."""
        return self._good("PATCH", PATHS[plural].path(namespace, name), change, MERGE)

    def edit(self, plural: str, namespace: str, name: str, values: Mapping[str, Any]) -> Manifest:
        """Replace values, by their JSON pointers."""
        steps = [{"op": "replace", "path": path, "value": it} for path, it in values.items()]
        return self._good("PATCH", PATHS[plural].path(namespace, name), steps, STEPS)

    @contextmanager
    def watched(self, plural: str, namespace: str) -> Iterator[Watch]:
        """Events of a kind in a namespace from now on, after one for each object there is."""
        path = f"{PATHS[plural].path(namespace)}?watch=1&timeoutSeconds=300"
        watch = Watch()
        answer = self._stream(path)
        reader = threading.Thread(target=_read, args=(answer, watch), daemon=True)
        reader.start()
        try:
            yield watch
        finally:
            with suppress(AttributeError, OSError):  # it may have ended by itself
                answer.fp.raw._sock.shutdown(2)
            reader.join(5)
            answer.close()

    def _stream(self, path: str) -> Any:
        """An answer that goes on; while a definition changes the server asks to come again."""
        began = SYSTEM_CLOCK.monotonic()
        while (answer := _OPENER.open(self.url + path, timeout=300)).status != HTTPStatus.OK:
            said = answer.read()
            assert SYSTEM_CLOCK.monotonic() - began < ANSWER_S, said
        return answer

    def _good(self, method: str, path: str, body: Any = None, kind: str = JSON) -> Manifest:
        status, answer = self.request(method, path, body, kind)
        assert status < 300, answer
        return answer


@contextmanager
def proxied(cluster: Cluster) -> Iterator[Api]:
    """`kubectl proxy` for as long as it is needed."""
    command = ["kubectl", "--context", cluster.context, "proxy", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        first = proxy.stdout.readline()
        found = PORT_SAID.search(first)
        assert found, f"kubectl proxy said: {first!r}"
        try:
            yield Api(f"http://127.0.0.1:{found[1]}")
        finally:
            proxy.terminate()


def _tells(agent: Manifest, name: str, said: str) -> bool:
    """Whether this is the agent, and its status of now says so."""
    status = agent.get("status", {})
    if agent["metadata"]["name"] != name:
        return False
    if status.get("observedGeneration") != agent["metadata"]["generation"]:
        return False
    kind, _, wanted = said.partition("=")
    found = condition(agent, kind)
    return wanted in {found.get("status", ""), f"{found.get('status')}/{found.get('reason')}"}


def _read(answer: HTTPResponse, watch: Watch) -> None:
    """Thread of a watch: one event a line until it ends."""
    with suppress(OSError, ValueError, AttributeError, HTTPException):
        for line in answer:
            watch.add(json.loads(line))


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Refusals are answers, too."""

    def http_response(self, _: object, response: Any) -> Any:
        return response


_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}), _AnyStatus())
