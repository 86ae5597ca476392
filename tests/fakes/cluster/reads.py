"""Lists in pages, and watches over HTTP."""

import asyncio
import contextlib
from typing import Final

import orjson
from aiohttp import web

from fakes.cluster import answers
from fakes.cluster.store import Collection, Store, Stored
from fakes.cluster.watching import Disturbance, View, stream

LONGEST_WATCH_S: Final = 3600.0


def continued(
    store: Store, collection: Collection, view: View, query: dict[str, str]
) -> web.Response:
    """One page of a list, in the order of names; the token is version and position."""
    version, position = store.version, 0
    if token := query.get("continue"):
        version, position = (int(number) for number in token.split(":"))
        if version < collection.compacted:
            raise answers.RefusedError(410, "Expired", "the continue token is too old")
    limit = int(query.get("limit") or 0)
    stored = [collection.objects[key] for key in sorted(collection.objects)]
    page = list[Stored]()
    while position < len(stored) and (not limit or len(page) < limit):
        if view.shows(stored[position]):
            page.append(stored[position])
        position += 1
    metadata = {"resourceVersion": str(version)}
    if position < len(stored):
        metadata["continue"] = f"{version}:{position}"
    resource = collection.resource
    head = orjson.dumps(
        {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.group_version,
            "metadata": metadata,
        }
    )
    items = b",".join(one.encoded for one in page)
    return web.Response(
        body=head[:-1] + b',"items":[' + items + b"]}", content_type="application/json"
    )


async def serve_watch(
    request: web.BaseRequest,
    collection: Collection,
    view: View,
    version: int,
    disturbance: Disturbance,
) -> web.StreamResponse:
    """Stream events until the client goes, the watch's time is over, or it has expired."""
    since = int(request.query.get("resourceVersion") or version)
    span_s = float(request.query.get("timeoutSeconds") or LONGEST_WATCH_S)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(span_s):
            async for lines in stream(collection, view, since, disturbance):
                await response.write(lines)
    return response
