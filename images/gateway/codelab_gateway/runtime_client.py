"""The runtime, as the gateway uses it: commands by POST, events by SSE. The only user of aiohttp.

Every phase has its own timeout; a command is repeated under one `cid`, on other addresses first.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import Any, Final, Self

import aiohttp
import orjson
from yarl import URL

from codelab_core.backoff import Backoff
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.internal_keys import Keyring
from codelab_core.observability import REQUEST_ID
from codelab_core.sse import SseEvent, SseParser
from codelab_gateway.answers import UNAUTHORIZED, Answer, checked, is_final
from codelab_gateway.endpoints import Endpoints

CONNECT_TIMEOUT_S: Final = 1.0
BUDGET_S: Final = 5.0
"""For all tries of one call, and so for each answer."""
ANSWER_TIMEOUT_S: Final = 2.0
"""A pod that hangs must not use up the time in which another would have answered."""
SILENCE_TIMEOUT_S: Final = 15.0
TRIES: Final = 3
RETRY: Final = Backoff(first_s=0.05, longest_s=0.5)
_UNREACHABLE: Final = (aiohttp.ClientError, TimeoutError, OSError)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Longest waits, in seconds.

    For all tries of a call, for one of them while there are other addresses to ask, and for the
    next bytes of a stream.
    """

    budget_s: float = BUDGET_S
    answer_s: float = ANSWER_TIMEOUT_S
    silence_s: float = SILENCE_TIMEOUT_S


class RuntimeClient:
    """One pool for all sessions of this process."""

    def __init__(
        self,
        endpoints: Endpoints,
        keys: Keyring | None,
        jitter: Random,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._keys = keys
        self._jitter = jitter
        self._timeouts = timeouts or Timeouts()
        self._silence = _phases(self._timeouts.silence_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=_phases(),
            cookie_jar=aiohttp.DummyCookieJar(),
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
        fields = answer.json() if answer.body else {}
        return fields if isinstance(fields, dict) else {}

    async def call(
        self,
        method: str,
        path: str,
        session_id: str,
        principal: str,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """One request, at most three tries in 5 s; `path` is sent as it is, also with dots in it.

        Raises what the runtime refused with, or `UNAVAILABLE`/agent where none answered.
        """
        encoded = None if body is None else orjson.dumps(body)
        request = _Request(method, path, self._headers(principal), encoded)
        delays = RETRY.delays(self._jitter.uniform)
        deadline = asyncio.get_running_loop().time() + self._timeouts.budget_s
        tried: set[str] = set()
        for number in range(TRIES):
            if number and not await _sleep(next(delays), deadline):
                break
            address = self._endpoints.choose(session_id, tried)
            if address is None:
                continue
            tried.add(address)
            answer = await self._try(address, request, self._until(tried, deadline))
            if answer:
                return checked(answer)
        raise CodelabError(Code.UNAVAILABLE, "agent", retry_after_ms=1000)

    def _until(self, tried: set[str], deadline: float) -> float:
        """When to give a try up: early where another address has not been asked yet."""
        if set(self._endpoints.addresses) <= tried:
            return deadline
        return min(deadline, asyncio.get_running_loop().time() + self._timeouts.answer_s)

    async def _try(self, address: str, request: "_Request", deadline: float) -> Answer | None:
        """One try; `None` where another one may help."""
        try:
            async with (
                asyncio.timeout_at(deadline),
                self._http.request(
                    request.method,
                    URL(address + request.path, encoded=True),
                    data=request.body and BytesIO(request.body),  # aiohttp takes it apart
                    headers=request.headers,
                ) as response,
            ):
                content = await response.read()
        except _UNREACHABLE as error:
            self._failed(address, error)
            return None
        answer = Answer(response.status, content, response.content_type)
        self._warn_of_key(answer)
        if is_final(answer):
            self._endpoints.succeeded(address)
            return answer
        self._endpoints.failed(address)
        return None

    async def events(
        self, session_id: str, principal: str, position: str, tried: set[str] | None = None
    ) -> AsyncGenerator[list[SseEvent]]:
        """Events after `<epoch>:<seq>` as they come; ends when the runtime ends the stream.

        To be closed by who leaves early. The address that is asked is added to `tried`; others are
        preferred. Raises what the runtime refused with, or `UNAVAILABLE`/agent: not reached, cut,
        silent for 15 s, or no stream of events.
        """
        tried = set() if tried is None else tried
        address = self._endpoints.choose(session_id, tried)
        if address is None:
            raise CodelabError(Code.UNAVAILABLE, "agent")
        tried.add(address)
        headers = {**self._headers(principal), "Last-Event-ID": position}
        url = URL(f"{address}/agent/sessions/{session_id}/events", encoded=True)
        try:
            async with asyncio.timeout(self._timeouts.budget_s):
                response = await self._http.get(url, headers=headers, timeout=self._silence)
            try:
                await self._check_stream(address, response)
                parser = SseParser()
                while piece := await response.content.readany():
                    yield parser.feed(piece)
            finally:
                response.close()
        except (*_UNREACHABLE, ValueError) as error:
            self._failed(address, error)
            raise CodelabError(Code.UNAVAILABLE, "agent") from error

    async def _check_stream(self, address: str, response: aiohttp.ClientResponse) -> None:
        """Raise unless a stream of events begins here."""
        if response.status == 200:  # noqa: PLR2004 -- HTTP OK
            self._endpoints.succeeded(address)
            return
        async with asyncio.timeout(self._timeouts.budget_s):
            body = await response.read()
        answer = Answer(response.status, body, response.content_type)
        self._warn_of_key(answer)
        outcome = self._endpoints.succeeded if is_final(answer) else self._endpoints.failed
        outcome(address)
        checked(answer)
        raise CodelabError(Code.UNAVAILABLE, "agent")

    def _failed(self, address: str, error: Exception) -> None:
        """The address did not do what it should."""
        self._endpoints.failed(address)
        log.info("runtime not reached", extra={"cause": type(error).__name__})

    def _warn_of_key(self, answer: Answer) -> None:
        """A 401 is about the key between services; no client can do anything about it."""
        if answer.status == UNAUTHORIZED:
            log.error("the runtime refused our internal key")

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


def _phases(silence_s: float | None = None) -> aiohttp.ClientTimeout:
    """Longest waits of one connection: for it, and for the next bytes by it, in seconds."""
    return aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=silence_s)


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent, to whichever address."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


async def _sleep(delay_s: float, deadline: float) -> bool:
    """Wait before the next try; false where there would be no time for it."""
    if asyncio.get_running_loop().time() + delay_s >= deadline:
        return False
    await asyncio.sleep(delay_s)
    return True
