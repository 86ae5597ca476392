"""The client's verbs on a fake cluster of the same process: no HTTP, no time, the same refusals."""

from dataclasses import dataclass
from http import HTTPStatus

import orjson

from codelab_operator.api_errors import ApiError, error_of
from codelab_operator.api_group import FIELD_MANAGER
from codelab_operator.children import Manifest, ObjectKey
from codelab_operator.kinds import Kind, kind_of
from fakes.cluster.answers import RefusedError
from fakes.cluster.requests import Call, Target
from fakes.cluster.server import CutError, FakeCluster


@dataclass(frozen=True, slots=True)
class DirectApi:
    """Reads and writes as `Kube` does; `agent` is the `User-Agent` in the log."""

    cluster: FakeCluster
    agent: str = "direct"

    async def get(self, key: ObjectKey) -> Manifest:
        """One object. Raises `ApiError`."""
        return await self._send("get", key, {}, {})

    async def is_served(self, kind: Kind) -> bool:
        """Whether the cluster knows a kind."""
        return any(r.kind == kind.name for r in self.cluster.store.resources())

    async def apply(
        self,
        manifest: Manifest,
        *,
        force: bool,
        manager: str = FIELD_MANAGER,
        subresource: str = "",
    ) -> Manifest:
        """Server-side apply. Raises `ApiError`."""
        query = {"fieldManager": manager, "force": str(force).lower()}
        return await self._send("apply", _key(manifest), query, manifest, subresource)

    async def create(self, manifest: Manifest) -> Manifest:
        """POST. Raises `ApiError`."""
        key = _key(manifest)._replace(name="")
        return await self._send("create", key, {"fieldManager": FIELD_MANAGER}, manifest)

    async def merge(self, key: ObjectKey, change: Manifest) -> Manifest:
        """JSON merge patch. Raises `ApiError`."""
        return await self._send("patch", key, {"fieldManager": FIELD_MANAGER}, change)

    async def delete(self, key: ObjectKey, uid: str) -> None:
        """Delete one object. Raises `ApiError`."""
        await self._send("delete", key, {}, {"preconditions": {"uid": uid}})

    async def _send(
        self, verb: str, key: ObjectKey, query: dict[str, str], body: Manifest, below: str = ""
    ) -> Manifest:
        """One request; a body that is sent is a copy, as over HTTP."""
        plural = kind_of(key.api_version, key.kind).plural
        target = Target(key.api_version, plural, key.namespace, key.name, below)
        call = Call(verb, target, query, orjson.loads(orjson.dumps(body)), self.agent)
        try:
            answer = await self.cluster.call(call)
        except RefusedError as refusal:
            asked = refusal.retry_after_s
            header = None if asked is None else str(asked)
            raise error_of(refusal.status, refusal.body(), header) from refusal
        except CutError as cut:
            raise ApiError(0, "Unreachable", "the connection ended") from cut
        if answer.status == HTTPStatus.NOT_FOUND:
            raise ApiError(404, "", "404 page not found")  # the kind is not served
        assert isinstance(answer.body, bytes)
        found: Manifest = orjson.loads(answer.body)
        return found


def _key(manifest: Manifest) -> ObjectKey:
    """Which object a manifest is."""
    metadata = manifest["metadata"]
    names = (metadata.get("namespace", ""), metadata["name"])
    return ObjectKey(manifest["apiVersion"], manifest["kind"], *names)
