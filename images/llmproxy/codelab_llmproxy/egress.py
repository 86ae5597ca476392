"""HTTP to providers: the pool, the addresses that may be called, what goes wrong on the way.

The only module here that opens sockets.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from codelab_core.clock import Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_llmproxy.addresses import is_address, is_public
from codelab_llmproxy.clocks import Phase, Watch

KEEP_ALIVE_S: Final = 60.0
SLICE_BYTES: Final = 256 * 1024
"""A larger body is written in slices, so that others get their turn."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to send; `allow_private` lets it go to private addresses and without TLS."""

    url: str
    headers: Mapping[str, str]
    body: bytes | None = field(repr=False)
    allow_private: bool
    method: str = "POST"


class ForbiddenAddressError(OSError):
    """A name that leads to an address which is not public."""


class GuardedResolver(AbstractResolver):
    """Resolves names to public addresses only; what it returns is what is connected to."""

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All addresses of a host; raises `ForbiddenAddressError` where one is not public."""
        found = await self._resolver.resolve(host, port, family)
        if not all(is_public(one["host"]) for one in found):
            raise ForbiddenAddressError("the name leads to an address that is not public")
        return found

    async def close(self) -> None:
        """Release what the inner one holds."""
        await self._resolver.close()


class Reply:
    """An answer whose headers are there; names of headers are in lower case."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}

    @property
    def pieces(self) -> AsyncIterator[bytes]:
        """The bytes of the body, as they come."""
        return self._response.content.iter_any()

    async def body(self, max_bytes: int) -> bytes:
        """The beginning of the body."""
        parts: list[bytes] = []
        size = 0
        async for piece in self.pieces:
            parts.append(piece)
            size += len(piece)
            if size >= max_bytes:
                break
        return b"".join(parts)[:max_bytes]


class Egress:
    """The pools of this process: guarded and free, each also without keep-alive."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._sessions: dict[tuple[bool, bool], aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    @asynccontextmanager
    async def answer(self, call: Call, watch: Watch) -> AsyncGenerator[Reply]:
        """Send a request; the connection is closed with the block, or kept where all was read.

        Raises `PROVIDER_ERROR`: connect_failed, reset (closed before the headers), server_error
        (no HTTP), cut (closed inside of the block).
        """
        response = await self._sent(call, watch)
        try:
            yield Reply(response)
        except (aiohttp.ClientError, OSError) as error:
            raise CodelabError(Code.PROVIDER_ERROR, "cut") from error
        finally:
            response.close()

    async def _sent(self, call: Call, watch: Watch) -> aiohttp.ClientResponse:
        """The response to a request, once its headers are there.

        A connection that the provider closed while it lay in the pool says nothing about this
        request: it is sent once more, on a fresh one.
        """
        if not call.allow_private:
            _check_host(call.url)
        try:
            return await self._request(call, watch, fresh=False)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not watch.reused or isinstance(error, aiohttp.ClientConnectorError):
                raise _failure(error) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(error) from error
        try:
            return await self._request(call, watch, fresh=True)
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(error) from error

    async def _request(self, call: Call, watch: Watch, *, fresh: bool) -> aiohttp.ClientResponse:
        """One try."""
        size = {} if call.body is None else {"Content-Length": str(len(call.body))}
        return await self._session(call.allow_private, fresh).request(
            call.method,
            call.url,
            data=_payload(call.body),
            headers={**call.headers, **size},
            allow_redirects=False,
            trace_request_ctx=watch,
        )

    def _session(self, allow_private: bool, fresh: bool) -> aiohttp.ClientSession:  # noqa: FBT001 -- a key of two parts
        """The pool for a kind of call, made when it is first wanted."""
        key = (allow_private, fresh)
        if key not in self._sessions:
            plain = aiohttp.ThreadedResolver()
            connector = aiohttp.TCPConnector(
                limit=0,
                resolver=plain if allow_private else GuardedResolver(plain),
                **({"force_close": True} if fresh else {"keepalive_timeout": KEEP_ALIVE_S}),
            )
            self._sessions[key] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=None),
                trace_configs=[_phases()],
                trust_env=False,
            )
        return self._sessions[key]


def _check_host(url: str) -> None:
    """Raise for an address, not a name, that is not public: resolvers are not asked about those."""
    host = urlsplit(url).hostname or ""
    if is_address(host) and not is_public(host):
        raise _forbidden()


def _forbidden() -> CodelabError:
    """The error of an address that may not be called."""
    message = "The provider's address is not public; allow_private permits that."
    return CodelabError(Code.PROVIDER_ERROR, "connect_failed", message=message)


def _failure(error: Exception) -> CodelabError:
    """What went wrong before the headers; texts of the library hold addresses, none is kept."""
    if isinstance(error, aiohttp.ClientConnectorError):
        is_forbidden = isinstance(error.os_error, ForbiddenAddressError)
        return _forbidden() if is_forbidden else _provider_error("connect_failed")
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return _provider_error("server_error")
    is_no_url = isinstance(error, aiohttp.InvalidURL)
    return _provider_error("connect_failed" if is_no_url else "reset")


def _provider_error(reason: str) -> CodelabError:
    """A failure of the provider or of the way there."""
    return CodelabError(Code.PROVIDER_ERROR, reason)


def _payload(body: bytes | None) -> Any:
    """A body as the library takes it: whole, or in slices where it is large."""
    return body if body is None or len(body) <= SLICE_BYTES else _slices(body)


async def _slices(body: bytes) -> AsyncGenerator[bytes]:
    """A large body in parts."""
    for at in range(0, len(body), SLICE_BYTES):
        yield body[at : at + SLICE_BYTES]
        await asyncio.sleep(0)


def _phases() -> aiohttp.TraceConfig:
    """Tells the watch of each request what it waits for."""
    trace = aiohttp.TraceConfig()

    async def connecting(_session: object, context: SimpleNamespace, _: object) -> None:
        context.trace_request_ctx.enter(Phase.CONNECT)

    async def connected(_session: object, context: SimpleNamespace, _: object) -> None:
        context.trace_request_ctx.enter(Phase.HEADERS)

    async def reusing(_session: object, context: SimpleNamespace, _: object) -> None:
        context.trace_request_ctx.enter(Phase.HEADERS)
        context.trace_request_ctx.reused = True

    trace.on_connection_create_start.append(connecting)
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(reusing)
    return trace
