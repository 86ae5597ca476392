"""Inferences of the LLM proxy: open, attach at chunk k, cancel. The only user of aiohttp here.

Hot for every token: benchmarks/token_path.py.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Self
from zlib import crc32

import aiohttp
import orjson

from codelab_core.backoff import Backoff
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError, from_wire
from codelab_core.internal_keys import Keyring
from codelab_core.observability import REQUEST_ID
from codelab_core.sse import SseEvent, SseParser

CONNECT_TIMEOUT_S: Final = 3.0
SILENCE_TIMEOUT_S: Final = 25.0
"""The proxy sends a comment every 10 s: two lost ones mean a dead connection."""
PHASES: Final = aiohttp.ClientTimeout(
    total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_TIMEOUT_S
)
RETRY: Final = Backoff(first_s=0.05, longest_s=2.0, tries=40)
"""For half a minute: so long may all pods of the proxy be away while others replace them."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Progress:
    """How far an inference has been read: chunks, and the CRC-32 of their data."""

    n: int = 0
    crc: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """What one read of the stream brought: a run of text, or one other event.

    `kind` is empty for text; else that of the event, with `fields` its data. `n` and `crc` say how
    far the inference is read with it.
    """

    n: int
    crc: int
    text: str = ""
    kind: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


class InferenceClient:
    """Talks to the LLM proxy; a cut stream is attached again, from where it was read.

    No connection is used twice: behind one address are many pods, and one that refuses, or that has
    given its address to another program, would be met again and again.
    """

    def __init__(self, url: str, keys: Keyring | None, jitter: Random) -> None:
        self._url = url.rstrip("/")
        self._keys = keys
        self._jitter = jitter
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=PHASES,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the pool."""
        await self._http.close()

    async def check(self) -> None:
        """Return when the proxy is there; raise what it says instead."""
        await self.get("/health/live")

    @property
    def _http(self) -> aiohttp.ClientSession:
        """The open pool."""
        if self._session is None:
            raise RuntimeError("the client was not opened")
        return self._session

    async def follow(self, request: Mapping[str, Any], start: Progress) -> AsyncGenerator[Read]:
        """Read an inference from `start` to its end; the last item is `done` or `error`.

        Raises `CodelabError`: what the proxy refused with, or `UNAVAILABLE` after 40 tries in vain.
        """
        progress = Progress(start.n, start.crc)
        delays = RETRY.delays(self._jitter.uniform)
        while True:
            before, fault = progress.n, CodelabError(Code.UNAVAILABLE, "proxy")
            try:
                async for read in self._attached(request, progress):
                    yield read
                    if read.kind in {"done", "error"}:
                        return
            except CodelabError as error:
                if error.code is not Code.UNAVAILABLE:
                    raise
                fault = error  # it is down, drains or is full: another one, or a moment, may help
            if progress.n > before:
                delays = RETRY.delays(self._jitter.uniform)
            delay = next(delays, None)
            if delay is None:
                raise fault
            await asyncio.sleep(delay)

    async def _attached(
        self, request: Mapping[str, Any], progress: Progress
    ) -> AsyncIterator[Read]:
        """One connection's worth of the stream. Raises as `follow`, at the first failure."""
        body = dict(request)
        if progress.n:
            body |= {"from": progress.n, "crc": progress.crc}
        try:
            async with self._http.post(
                f"{self._url}/llm/stream", data=orjson.dumps(body), headers=self._headers()
            ) as response:
                if response.status != 200:  # noqa: PLR2004 -- HTTP OK
                    raise await _refusal(response)
                parser = SseParser()
                while piece := await response.content.readany():
                    for read in _reads(parser.feed(piece), progress):
                        yield read
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("inference stream cut", extra={"cause": type(error).__name__})
            raise CodelabError(Code.UNAVAILABLE, "proxy") from error

    async def cancel(self, inference_id: str, fence: int) -> None:
        """Stop an inference; one that is over or unknown is fine. Failures are logged only."""
        url = f"{self._url}/llm/inferences/{inference_id}"
        headers = self._headers() | {"X-Fence": str(fence)}
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                response = await self._http.delete(url, headers=headers)
                response.release()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("inference not cancelled", extra={"cause": type(error).__name__})

    async def get(self, path: str) -> Any:
        """The JSON of a GET. Raises as `follow` does."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                async with self._http.get(self._url + path, headers=self._headers()) as response:
                    if response.status != 200:  # noqa: PLR2004 -- HTTP OK
                        raise await _refusal(response)
                    return orjson.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError) as error:
            raise CodelabError(Code.UNAVAILABLE, "proxy") from error

    def _headers(self) -> dict[str, str]:
        """The key, the request's id, and what the body is."""
        headers = {"Content-Type": "application/json"}
        if self._keys:
            headers["X-Internal-Auth"] = self._keys.current
        if REQUEST_ID.get():
            headers["X-Request-Id"] = REQUEST_ID.get()
        return headers


async def _refusal(response: aiohttp.ClientResponse) -> CodelabError:
    """The error in an answer that is no stream; a proxy of ours always says one."""
    try:
        body = orjson.loads(await response.read())
        return from_wire(body["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return CodelabError(Code.UNAVAILABLE, "proxy", message=f"The proxy said {response.status}.")


def _reads(events: list[SseEvent], progress: Progress) -> list[Read]:
    """Events as reads, neighbouring pieces of text joined; counts those that are recorded."""
    reads: list[Read] = []
    pieces: list[str] = []
    for event in events:
        if not event.id:  # heartbeats and progress are not recorded
            continue
        fields = orjson.loads(event.data)
        if event.kind != b"token" and pieces:
            reads.append(Read(progress.n, progress.crc, "".join(pieces)))
            pieces = []
        progress.n += 1
        progress.crc = crc32(event.data, progress.crc)
        if event.kind == b"token":
            pieces.append(fields["token"])
        else:
            reads.append(Read(progress.n, progress.crc, kind=event.kind.decode(), fields=fields))
    if pieces:
        reads.append(Read(progress.n, progress.crc, "".join(pieces)))
    return reads
