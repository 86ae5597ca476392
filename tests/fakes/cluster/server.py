"""The fake API server: HTTP on a free port of this process's event loop.

Tests drive it from the same loop: they read `store`, set `faults`, and wait on `idle`.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import orjson
from aiohttp import web

from fakes.cluster import answers, writes
from fakes.cluster.controllers import Controllers
from fakes.cluster.faults import Fault, Faults
from fakes.cluster.kinds import BUILT_IN, OPTIONAL, Resource, api_groups, api_resources
from fakes.cluster.reads import continued, serve_watch
from fakes.cluster.requests import Logged, Target, target_of, verb_of, view_of, write_of
from fakes.cluster.store import Collection, Store, Stored
from fakes.cluster.watching import Disturbance

Json = Any
JSON: Final = "application/json"
LAST_CLOSE_S: Final = 0.05
HOW: Final = {
    "apply": writes.apply,
    "create": writes.create,
    "delete": writes.delete,
    "patch": writes.patch,
    "update": writes.replace,
}


class CutError(Exception):
    """The connection ends here."""


class FakeCluster:
    """The state of the cluster and the handler of requests."""

    def __init__(self, *, optional: tuple[Resource, ...] = OPTIONAL) -> None:
        self.store = Store((*BUILT_IN, *optional))
        self.controllers = Controllers(self.store)
        self.controllers.attach()
        self.faults = Faults()
        self.disturbances: dict[str, Disturbance] = defaultdict(Disturbance)
        """By kind."""
        self.log: list[Logged] = []
        self.health: dict[str, Json] = {}
        """Answers of `/health` by `<namespace>/<service>`; absent: 503."""
        self.tokens: set[str] = set()
        """Accepted bearer tokens; empty: anybody."""
        self.url = ""

    @property
    def writes(self) -> list[Logged]:
        """Requests that were meant to change something; Lease and Events aside."""
        return [r for r in self.log if r.is_write and r.kind not in {"Lease", "Event"}]

    def objects(self, kind: str) -> dict[tuple[str, str], Json]:
        """All objects of a kind, by namespace and name."""
        return {key: s.manifest for key, s in self.store.of(kind).objects.items()}

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        try:
            self._authenticate(request)
            target = target_of(request.path)
            if target is None:
                return self._document(request.path)
            return await self._serve(request, target)
        except answers.RefusedError as refusal:
            return refused(refusal)
        except CutError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    def _authenticate(self, request: web.BaseRequest) -> None:
        """Refuse a token that is not accepted."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens and token not in self.tokens:
            raise answers.RefusedError(401, "Unauthorized", "Unauthorized")

    def _document(self, path: str) -> web.Response:
        """Discovery, and the health of services."""
        path = path.strip("/")
        resources = self.store.resources()
        documents = {
            "version": {"major": "1", "minor": "34"},
            "api": {"kind": "APIVersions", "versions": ["v1"]},
            "apis": api_groups(resources),
        }
        if path.startswith("health/"):
            found = self.health.get(path.removeprefix("health/"))
            return as_json(found) if found is not None else web.Response(status=503)
        version = path.removeprefix("apis/").removeprefix("api/")
        found = documents.get(path) or api_resources(resources, version)
        return as_json(found) if found else web.Response(status=404, text="404 page not found")

    async def _serve(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """A request to a collection or an object, with what may go wrong, into the log."""
        collection = self.store.collections.get((target.group_version, target.plural))
        if collection is None:
            return web.Response(status=404, text="404 page not found")
        query = dict(request.query)
        verb = verb_of(request.method, target, query, request.content_type)
        kind = collection.resource.kind
        fault = self.faults.take(verb, kind, target.name)
        body = orjson.loads(raw) if (raw := await request.read()) else {}
        status = 0
        try:
            await _before(fault)
            if verb == "watch":
                status = 200
                return await self._watch(request, collection, target)
            answer = self._carry_out(verb, collection, target, query, body)
            status = answer.status
            await _after(fault)
        except answers.RefusedError as refusal:
            status = refusal.status
            raise
        except CutError:
            status = 0
            raise
        finally:
            entry = _entry(verb, collection, target, body)
            self.log.append(_answered(entry, request, status))
        return answer

    async def _watch(
        self, request: web.BaseRequest, collection: Collection, target: Target
    ) -> web.StreamResponse:
        """Stream until the client goes, the watch's time is over, or it has expired."""
        view = view_of(target, request.query)
        disturbance = self.disturbances[collection.resource.kind]
        return await serve_watch(request, collection, view, self.store.version, disturbance)

    def _carry_out(
        self, verb: str, collection: Collection, target: Target, query: dict[str, str], body: Json
    ) -> web.Response:
        """Everything that has one answer."""
        if verb == "list":
            return continued(self.store, collection, view_of(target, query), query)
        write = write_of(target, query)
        if verb == "get":
            return encoded(writes.existing(collection, write))
        is_there = (write.namespace, write.name) in collection.objects
        stored = HOW[verb](self.store, collection, write, body)
        return encoded(stored, 200 if is_there else 201)


async def _before(fault: Fault) -> None:
    """What goes wrong before anything is kept."""
    if fault.before:
        await fault.before()
    if fault.latency_s:
        await asyncio.sleep(fault.latency_s)
    if fault.reset == "before":
        raise CutError
    if fault.status:
        raise answers.RefusedError(
            fault.status, fault.reason, "on purpose", retry_after_s=fault.retry_after_s
        )


async def _after(fault: Fault) -> None:
    """What goes wrong after the change was kept."""
    if fault.after:
        await fault.after()
    if fault.reset == "after":
        raise CutError


def _entry(verb: str, collection: Collection, target: Target, body: Json) -> Logged:
    """The log's entry of a request that has no answer yet."""
    name = target.name
    if not name and isinstance(body, dict):
        name = body.get("metadata", {}).get("name", "")
    kind = collection.resource.kind
    return Logged(verb, kind, target.namespace, name, target.subresource)


def _answered(entry: Logged, request: web.BaseRequest, status: int) -> Logged:
    """The entry with what the client said of itself, and its answer."""
    return replace(
        entry,
        manager=request.query.get("fieldManager", ""),
        agent=request.headers.get("User-Agent", ""),
        status=status,
        is_dry_run="dryRun" in request.query,
    )


def as_json(body: Json, status: int = 200) -> web.Response:
    """An answer."""
    return web.Response(body=orjson.dumps(body), content_type=JSON, status=status)


def encoded(stored: Stored, status: int = 200) -> web.Response:
    """An object as the answer."""
    return web.Response(body=stored.encoded or orjson.dumps(stored.manifest), status=status)


def refused(refusal: answers.RefusedError) -> web.Response:
    """A refusal as the answer."""
    answer = as_json(refusal.body(), refusal.status)
    if refusal.retry_after_s is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after_s)
    return answer


@asynccontextmanager
async def fake_cluster(
    port: int = 0, *, optional: tuple[Resource, ...] = OPTIONAL
) -> AsyncIterator[FakeCluster]:
    """A running server; `url` says where."""
    cluster = FakeCluster(optional=optional)
    runner = web.ServerRunner(web.Server(cluster.answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    cluster.url = site.name if port else f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield cluster
    finally:
        for disturbance in cluster.disturbances.values():
            disturbance.cut.set()
        for collection in cluster.store.collections.values():
            collection.changed.set()
        await runner.cleanup()
        await asyncio.sleep(LAST_CLOSE_S)  # the sockets of clients that were killed
