"""The HTTP session of the streams: objects go straight to the inbox, kopf sees versions alone.

kopf makes a task for each object and lets those of a list wait for each other, which takes minutes
for a thousand agents; and after a 410 it does not tell what vanished meanwhile. So it gets an empty
list of the right version and watches from there; we compare the list with what is known, and of a
watch it gets bookmarks. What it does is to keep the streams: docs/adr/0010.
"""

import re
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
import orjson

from codelab_operator.connection import Connection
from codelab_operator.inbox import Item, Listing
from codelab_operator.observations import Sighting, sighting
from codelab_operator.watched import Watched

COLLECTION: Final = re.compile(r"^/apis?/(?:[^/]+/)?[^/]+/(?:namespaces/([^/]+)/)?([a-z]+)$")
"""Namespace and plural of a collection's path."""

Options = Any


class StreamSession:
    """What kopf uses of a session. One for each login: after a 401 kopf asks for another."""

    def __init__(self, place: Connection, put: Callable[[Item], None]) -> None:
        token = place.token()
        self._put = put
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=_trust(place)),
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )
        self.headers = self._session.headers

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._session.closed

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    async def request(self, method: str, url: str, **options: Options) -> Any:
        """One request; a list comes back without its items, a watch without its objects."""
        place = _collection(method, url)
        if place is not None:
            return await self._list(place, url, options)
        response = await self._session.request(method, url, **options)
        if response.status != HTTPStatus.OK or "watch=true" not in urlsplit(url).query:
            return response  # a refusal is for kopf to judge
        return Watched(response, self._put)

    async def _list(self, place: tuple[str, str], url: str, options: Options) -> Any:
        """All pages of a list into the inbox; or the refusal, as it came."""
        objects, address = list[Sighting](), url
        while True:
            response = await self._session.request("GET", address, **options)
            if response.status == HTTPStatus.GONE and objects:
                objects, address = [], url  # the pages took too long: from the first one again
                continue
            if response.status != HTTPStatus.OK:
                return response  # for kopf to judge
            page = orjson.loads(await response.read())
            kind = {"apiVersion": page["apiVersion"], "kind": page["kind"].removesuffix("List")}
            objects += [sighting(kind | item) for item in page.pop("items", None) or ()]
            following = page["metadata"].pop("continue", "")
            if not following:
                version = int(page["metadata"]["resourceVersion"])
                self._put(Listing(place[1], place[0], version, tuple(objects)))
                return EmptyList(page)
            address = f"{url}&continue={quote(following)}"


class EmptyList:
    """A response that says: nothing is there, watch from this version on."""

    status = 200
    closed = True

    def __init__(self, page: dict[str, Any]) -> None:
        self._page = page
        self.headers: dict[str, str] = {}

    async def json(self) -> dict[str, Any]:
        """The list."""
        return self._page | {"items": []}

    async def __aenter__(self) -> "EmptyList":
        return self

    async def __aexit__(self, *_: object) -> None:
        """There is nothing to close."""


def _collection(method: str, url: str) -> tuple[str, str] | None:
    """Namespace and plural that a request lists; None for a watch or anything else."""
    parts = urlsplit(url)
    if method.upper() != "GET" or "watch=" in parts.query or "limit=" not in parts.query:
        return None
    found = COLLECTION.match(parts.path)
    return (found[1] or "", found[2]) if found else None


def _trust(place: Connection) -> ssl.SSLContext | bool:
    """Whom to believe that they are the API server."""
    if place.ca_file is None:
        return True
    return ssl.create_default_context(cafile=str(place.ca_file))
