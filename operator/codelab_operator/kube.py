"""The only user of the Kubernetes client: requests on plain JSON, with deadlines and an error map.

The client library never repeats a PATCH or POST; here a request whose connection broke is sent
once more. That is safe: applies and merges come to the same, and a second POST answers 409.
"""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import orjson
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from codelab_core.clock import Clock
from codelab_operator.api_errors import ApiError, error_of
from codelab_operator.api_group import FIELD_MANAGER
from codelab_operator.children import Manifest, ObjectKey
from codelab_operator.connection import Connection
from codelab_operator.kinds import Kind, kind_of
from codelab_operator.metrics import Metrics

CONNECT_S: Final = 3.0
WRITE_S: Final = 4.0
TRIES: Final = 2
JSON: Final = "application/json"
# With a parameter the client library sends our bytes as they are; the server cuts it off.
APPLY: Final = "application/apply-patch+yaml; charset=utf-8"
MERGE: Final = "application/merge-patch+json"


class Kube:
    """One session with the API server. `agent` is the `User-Agent`: it tells processes apart."""

    def __init__(self, place: Connection, metrics: Metrics, clock: Clock, agent: str) -> None:
        self._place = place
        self._metrics = metrics
        self._clock = clock
        self._agent = agent
        self._rest: Any = RESTClientObject(_configuration(place))

    async def close(self) -> None:
        """End all connections."""
        await self._rest.close()

    async def get(self, key: ObjectKey) -> Manifest:
        """One object. Raises `ApiError`."""
        kind = kind_of(key.api_version, key.kind)
        return await self._send("GET", kind, kind.path(key.namespace, key.name))

    async def is_served(self, kind: Kind) -> bool:
        """Whether the cluster knows a kind. Raises `ApiError`."""
        try:
            served = await self._send("GET", kind, f"/apis/{kind.api_version}")
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return any(entry["name"] == kind.plural for entry in served["resources"])

    async def apply(
        self,
        manifest: Manifest,
        *,
        force: bool,
        manager: str = FIELD_MANAGER,
        subresource: str = "",
    ) -> Manifest:
        """Server-side apply; the object as it is now. Raises `ApiError`."""
        kind = kind_of(manifest["apiVersion"], manifest["kind"])
        metadata = manifest["metadata"]
        path = kind.path(metadata.get("namespace", ""), metadata["name"], subresource)
        query = {"fieldManager": manager, "force": str(force).lower()}
        return await self._send("APPLY", kind, path, query, manifest)

    async def create(self, manifest: Manifest) -> Manifest:
        """POST; the object as it is now. Raises `ApiError`."""
        kind = kind_of(manifest["apiVersion"], manifest["kind"])
        path = kind.path(manifest["metadata"]["namespace"])
        return await self._send("POST", kind, path, {"fieldManager": FIELD_MANAGER}, manifest)

    async def replace(self, manifest: Manifest) -> Manifest:
        """PUT, for the resourceVersion that the object names. Raises `ApiError`."""
        kind = kind_of(manifest["apiVersion"], manifest["kind"])
        path = kind.path(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        return await self._send("PUT", kind, path, {"fieldManager": FIELD_MANAGER}, manifest)

    async def merge(self, key: ObjectKey, change: Manifest) -> Manifest:
        """JSON merge patch; the object as it is now. Raises `ApiError`."""
        kind = kind_of(key.api_version, key.kind)
        path = kind.path(key.namespace, key.name)
        return await self._send("MERGE", kind, path, {"fieldManager": FIELD_MANAGER}, change)

    async def delete(self, key: ObjectKey, uid: str) -> None:
        """Delete the object of this uid, and what it owns in the background. Raises `ApiError`."""
        kind = kind_of(key.api_version, key.kind)
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        await self._send("DELETE", kind, kind.path(key.namespace, key.name), None, options)

    async def _send(
        self,
        verb: str,
        kind: Kind,
        path: str,
        query: dict[str, str] | None = None,
        body: Manifest | None = None,
    ) -> dict[str, Any]:
        """One request, once more if the connection broke; counted by verb, kind and answer."""
        url = self._place.url + path + (f"?{urlencode(query)}" if query else "")
        deadline = self._clock.monotonic() + WRITE_S
        for left in reversed(range(TRIES)):
            code = "none"
            try:
                status, answer = await self._exchange(verb, url, body, deadline)
                code = str(status)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
                if left and self._clock.monotonic() < deadline:
                    continue
                raise ApiError(0, "Unreachable", repr(error)) from error
            except TimeoutError as error:
                raise ApiError(0, "Timeout", f"no answer to {verb} {path} in time") from error
            except ApiError as error:
                code = str(error.status)
                raise
            finally:
                self._metrics.api_requests.labels(verb.lower(), kind.name, code).inc()
            return answer
        raise AssertionError("every try returns or raises")

    async def _exchange(
        self, verb: str, url: str, body: Manifest | None, deadline: float
    ) -> tuple[int, dict[str, Any]]:
        """Status and answer. Raises `ApiError` for anything but success."""
        method = {"APPLY": "PATCH", "MERGE": "PATCH"}.get(verb, verb)
        kind = {"APPLY": APPLY, "MERGE": MERGE}.get(verb, JSON)
        headers = {"Content-Type": kind, "Accept": JSON, "User-Agent": self._agent}
        if token := self._place.token():
            headers["Authorization"] = f"Bearer {token}"
        left_s = max(deadline - self._clock.monotonic(), 0.001)
        timeout = aiohttp.ClientTimeout(total=left_s, sock_connect=CONNECT_S)
        content = orjson.dumps(body) if verb == "APPLY" else body
        response = await self._rest.request(
            method, url, headers=headers, body=content, _request_timeout=timeout
        )
        raw = await response.read()
        if response.status < HTTPStatus.MULTIPLE_CHOICES:
            return response.status, orjson.loads(raw) if raw else {}
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._place.doubt()
        raise error_of(response.status, _status(raw), response.headers.get("Retry-After"))


def _status(raw: bytes) -> dict[str, Any]:
    """The `Status` object of a refusal; a proxy's page becomes its message."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = None
    return found if isinstance(found, dict) else {"message": raw[:256].decode(errors="replace")}


def _configuration(place: Connection) -> Configuration:
    """What the client library wants to know."""
    configuration = Configuration(host=place.url)
    if place.ca_file is not None:
        configuration.ssl_ca_cert = str(place.ca_file)
    configuration.connection_pool_maxsize = 64
    # The library looks up proxy settings at each call, for three times the CPU of the call.
    configuration.client_session_kwargs = {"trust_env": False}
    return configuration
