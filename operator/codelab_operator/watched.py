"""A watch as kopf gets it: its objects go to the inbox, and a bookmark of their version stays.

kopf resumes from the last version that it was shown, and judges errors; it needs nothing else.
Hot: benchmarks/reconcile.py.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from codelab_operator.inbox import Item, gone
from codelab_operator.observations import sighting

NEWS: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})

log = logging.getLogger(__name__)

Response = Any


class Watched:
    """A response without the objects in it; what is put has been read from the stream in order."""

    status = 200

    def __init__(self, response: Response, put: Callable[[Item], None]) -> None:
        self._response = response
        self._put = put
        self.headers = response.headers
        self.content = self
        """What kopf reads the stream from."""

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Whole lines: bookmarks, and whatever is no object; `size` bytes are read at most."""
        rest = b""
        async for chunk in self._response.content.iter_chunked(size):
            whole, end, below = chunk.rpartition(b"\n")
            if end:
                yield b"".join(self._lines((rest + whole).splitlines()))
                rest = below
            else:
                rest += chunk

    def close(self) -> None:
        """End the connection."""
        self._response.close()

    async def __aenter__(self) -> "Watched":
        return self

    async def __aexit__(self, *how: object) -> None:
        await self._response.__aexit__(*how)

    def _lines(self, lines: list[bytes]) -> Iterator[bytes]:
        """Hand over the objects of some lines; what kopf is to know of them."""
        version = ""
        for line in lines:
            event = orjson.loads(line)
            if event["type"] in NEWS:
                self._take(event)
                version = event["object"]["metadata"]["resourceVersion"]
            else:
                yield bookmark(version)
                version = ""
                yield line + b"\n"
        yield bookmark(version)

    def _take(self, event: Mapping[str, Any]) -> None:
        """Hand over one object; what is none of ours ends no stream."""
        told = event["object"]
        try:
            self._put(gone(told) if event["type"] == "DELETED" else sighting(told))
        except (KeyError, ValueError):
            log.exception("event not understood")


def bookmark(version: str) -> bytes:
    """The line that says: seen up to here; empty without a version."""
    if not version:
        return b""
    mark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}
    return orjson.dumps(mark) + b"\n"
