"""The fake API server: HTTP on a free port of this process's event loop.

Tests drive it from the same loop: they read `store`, set `faults`, and wait on `idle`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
from aiohttp import web

from fakes.cluster import answers, writes
from fakes.cluster.controllers import Controllers
from fakes.cluster.faults import Fault, Faults
from fakes.cluster.kinds import BUILT_IN, OPTIONAL, Resource, api_groups, api_resources
from fakes.cluster.reads import continued, serve_watch
from fakes.cluster.requests import Call, Logged, Target, target_of, verb_of, view_of, write_of
from fakes.cluster.store import Collection, Store, Stored
from fakes.cluster.watching import Disturbance

Json = Any
JSON: Final = "application/json"
LAST_CLOSE_S: Final = 0.02
LAST_CLOSES: Final = 100
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

    @property
    def is_read(self) -> bool:
        """Every watch was sent everything."""
        return all(collection.is_read for collection in self.store.collections.values())

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
        """A request to a collection or an object."""
        query = dict(request.query)
        verb = verb_of(request.method, target, query, request.content_type)
        body = orjson.loads(raw) if (raw := await request.read()) else {}
        call = Call(verb, target, query, body, request.headers.get("User-Agent", ""))
        if verb == "watch":
            return await self._watch(request, call)
        return await self.call(call)

    async def call(self, call: Call) -> web.Response:
        """Everything that has one answer, with what may go wrong. Raises refusals and cuts."""
        collection = self._collection(call.target)
        if collection is None:
            return web.Response(status=404, text="404 page not found")
        with self._logged(call, collection) as answered:
            fault = self.faults.take(call.verb, collection.resource.kind, call.target.name)
            await _before(fault)
            answer = self._carry_out(call, collection)
            answered(answer.status)
            await _after(fault)
        return answer

    def _collection(self, target: Target) -> Collection | None:
        """The collection of a path; None where the kind is not served."""
        return self.store.collections.get((target.group_version, target.plural))

    @contextmanager
    def _logged(self, call: Call, collection: Collection) -> Iterator[Callable[[int], None]]:
        """Log a request at its end, with the status that was set or raised."""
        statuses = [0]
        try:
            yield statuses.append
        except answers.RefusedError as refusal:
            statuses.append(refusal.status)
            raise
        except CutError:
            statuses.append(0)
            raise
        finally:
            self.log.append(_entry(call, collection.resource.kind, statuses[-1]))

    async def _watch(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        """Stream until the client goes, the watch's time is over, or it has expired."""
        collection = self._collection(call.target)
        if collection is None:
            return web.Response(status=404, text="404 page not found")
        with self._logged(call, collection) as answered:
            kind = collection.resource.kind
            await _before(self.faults.take(call.verb, kind, call.target.name))
            answered(200)
            view = view_of(call.target, call.query)
            trouble = self.disturbances[kind]
            return await serve_watch(request, collection, view, self.store.version, trouble)

    def _carry_out(self, call: Call, collection: Collection) -> web.Response:
        """The answer to a request that nothing disturbs."""
        if call.verb == "list":
            view = view_of(call.target, call.query)
            return continued(self.store, collection, view, dict(call.query))
        write = write_of(call.target, call.query)
        if call.verb == "get":
            return encoded(writes.existing(collection, write))
        is_there = (write.namespace, write.name) in collection.objects
        stored = HOW[call.verb](self.store, collection, write, call.body)
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


def _entry(call: Call, kind: str, status: int) -> Logged:
    """The log's entry of an answered request."""
    name = call.target.name
    if not name and isinstance(call.body, dict):
        name = call.body.get("metadata", {}).get("name", "")
    return Logged(
        call.verb,
        kind,
        call.target.namespace,
        name,
        call.target.subresource,
        manager=call.query.get("fieldManager", ""),
        agent=call.agent,
        status=status,
        is_dry_run="dryRun" in call.query,
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
