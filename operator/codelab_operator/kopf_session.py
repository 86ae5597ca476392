"""The HTTP session of the streams: our token, and a sign whenever a kind is listed anew.

After a 410 kopf lists again, but does not tell which objects vanished meanwhile; only the list
request itself shows that it happened.
"""

import re
import ssl
from collections.abc import Callable
from types import SimpleNamespace
from typing import Final

import aiohttp

from codelab_operator.connection import Connection
from codelab_operator.inbox import Listed

COLLECTION: Final = re.compile(r"^/apis?/(?:[^/]+/)?[^/]+/(?:namespaces/([^/]+)/)?([a-z]+)$")
"""Namespace and plural of a collection's path."""


def stream_session(place: Connection, listed: Callable[[Listed], None]) -> aiohttp.ClientSession:
    """A session for one login: after a 401 kopf asks for another one, with the token of then."""
    traces = aiohttp.TraceConfig()

    async def ended(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        request: aiohttp.TraceRequestEndParams,
    ) -> None:
        if (
            found := listing(request.method, request.url.path, dict(request.url.query))
        ) is not None:
            listed(found)

    traces.on_request_end.append(ended)
    token = place.token()
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=_trust(place)),
        headers={"Authorization": f"Bearer {token}"} if token else {},
        trace_configs=[traces],
    )


def listing(method: str, path: str, query: dict[str, str]) -> Listed | None:
    """What a request lists; None for a watch, a further page, or anything else."""
    if method != "GET" or query.keys() & {"watch", "continue"}:
        return None
    found = COLLECTION.match(path)
    return Listed(found[2], found[1] or "") if found else None


def _trust(place: Connection) -> ssl.SSLContext | bool:
    """Whom to believe that they are the API server."""
    if place.ca_file is None:
        return True
    return ssl.create_default_context(cafile=str(place.ca_file))
