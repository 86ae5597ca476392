"""The runtime, as the gateway uses it: commands by POST, events by SSE. The only user of aiohttp.

Every phase has its own timeout; a command is repeated under one `cid`, on other addresses first.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Self

import aiohttp
import orjson

from codelab_core.backoff import Backoff
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError, from_wire
from codelab_core.identity import InternalKeys
from codelab_core.observability import REQUEST_ID
from codelab_core.sse import SseEvent, SseParser
from codelab_gateway.endpoints import Endpoints

CONNECT_TIMEOUT_S: Final = 1.0
ANSWER_TIMEOUT_S: Final = 5.0
BUDGET_S: Final = 5.0
SILENCE_TIMEOUT_S: Final = 15.0
TRIES: Final = 3
RETRY: Final = Backoff(first_s=0.05, longest_s=0.5)
SERVER_ERROR: Final = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the runtime answered: status and body as it came."""

    status: int
    body: bytes
    content_type: str

    def json(self) -> Any:
        """The decoded body."""
        return orjson.loads(self.body)


class RuntimeClient:
    """One pool for all sessions of this process."""

    def __init__(self, endpoints: Endpoints, keys: InternalKeys | None, jitter: Random) -> None:
        self._endpoints = endpoints
        self._keys = keys
        self._jitter = jitter
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the pool."""
        await self._http.close()

    @property
    def _http(self) -> aiohttp.ClientSession:
        """The open pool."""
        if self._session is None:
            raise RuntimeError("the client was not opened")
        return self._session

    async def check(self) -> None:
        """Return when a runtime is there; raise otherwise."""
        await self.call("GET", "/health/live", "", "")

    async def command(
        self, path: str, session_id: str, principal: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Post a command; its answer. Raises as `call` does."""
        answer = await self.call("POST", f"/agent{path}", session_id, principal, body)
        return answer.json() if answer.body else {}

    async def call(
        self,
        method: str,
        path: str,
        session_id: str,
        principal: str,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """One request, at most three tries in 5 s.

        Raises what the runtime refused with, or `UNAVAILABLE`/agent where none answered.
        """
        encoded = None if body is None else orjson.dumps(body)
        delays = RETRY.delays(self._jitter.uniform)
        try:
            async with asyncio.timeout(BUDGET_S):
                for number in range(TRIES):
                    address = self._address(session_id, number)
                    answer = address and await self._try(method, address + path, principal, encoded)
                    if answer:
                        return _checked(answer)
                    await asyncio.sleep(next(delays))
        except TimeoutError:
            pass
        raise CodelabError(Code.UNAVAILABLE, "agent", retry_after_ms=1000)

    def _address(self, session_id: str, number: int) -> str | None:
        """The address for try `number`: the session's own first, then the others."""
        order = self._endpoints.order(session_id)
        usable = [address for address in order if self._endpoints.allows(address)]
        return usable[number % len(usable)] if usable else None

    async def _try(
        self, method: str, url: str, principal: str, body: bytes | None
    ) -> Answer | None:
        """One try; `None` where another one may help."""
        address = url[: url.index("/", len("https://"))]
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                async with self._http.request(
                    method, url, data=body, headers=self._headers(principal)
                ) as response:
                    content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._endpoints.failed(address)
            log.info("runtime not reached", extra={"cause": type(error).__name__})
            return None
        answer = Answer(response.status, content, response.content_type)
        if response.status < SERVER_ERROR or _is_final(answer):
            self._endpoints.succeeded(address)
            return answer
        self._endpoints.failed(address)
        return None

    async def events(
        self, session_id: str, principal: str, position: str, *, place: str = ""
    ) -> AsyncIterator[list[SseEvent]]:
        """Events after `<epoch>:<seq>`, or from a `place`, as they come; ends with the connection.

        Raises what the runtime refused with, `aiohttp.ClientError`, `TimeoutError` after 15 s of
        silence, or `UNAVAILABLE`/agent where there is no address to ask.
        """
        address = self._address(session_id, 0)
        if address is None:
            raise CodelabError(Code.UNAVAILABLE, "agent")
        headers = self._headers(principal)
        query = f"?from={place}" if place else ""
        if position:
            headers["Last-Event-ID"] = position
        url = f"{address}/agent/sessions/{session_id}/events{query}"
        try:
            async with self._http.get(url, headers=headers) as response:
                if response.status != 200:  # noqa: PLR2004 -- HTTP OK
                    _checked(Answer(response.status, await response.read(), response.content_type))
                self._endpoints.succeeded(address)
                parser = SseParser()
                while piece := await self._piece(response):
                    yield parser.feed(piece)
        except (aiohttp.ClientConnectionError, TimeoutError):
            self._endpoints.failed(address)
            raise

    async def _piece(self, response: aiohttp.ClientResponse) -> bytes:
        """What came next on a stream; empty at its end."""
        async with asyncio.timeout(SILENCE_TIMEOUT_S):
            return await response.content.readany()

    def _headers(self, principal: str) -> dict[str, str]:
        """The key, who asks, and the id of the request that led here."""
        headers = {"Content-Type": "application/json"}
        if principal:
            headers["X-Principal"] = principal
        if self._keys:
            headers["X-Internal-Auth"] = self._keys.current
        if REQUEST_ID.get():
            headers["X-Request-Id"] = REQUEST_ID.get()
        return headers


def _is_final(answer: Answer) -> bool:
    """Whether a 5xx is the runtime's own last word, such as a full store."""
    if not answer.content_type.endswith("json"):
        return False
    error = answer.json().get("error", {})
    return isinstance(error, dict) and error.get("class") in {"store_full", "overloaded"}


def _checked(answer: Answer) -> Answer:
    """An answer that is no refusal; a refusal is raised."""
    if answer.status < 400:  # noqa: PLR2004 -- HTTP client and server errors
        return answer
    try:
        raise from_wire(answer.json()["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise CodelabError(Code.UNAVAILABLE, "agent") from None
