"""How bodies of requests are read here: bounded, and as strict JSON.

The framework's own reader takes NaN, half a surrogate pair and a body of any size.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError

MAX_BODY_BYTES: Final = 2 * 1_048_576


class BoundedRequest(Request):
    """A request whose body is read before anything is made of it."""

    async def read(self) -> None:
        """Read the body. Raises `TOO_LARGE`/body as soon as that is known."""
        said = self.headers.get("content-length", "")
        pieces, size = [], int(said) if said.isdecimal() else 0
        if size <= MAX_BODY_BYTES:
            size = 0
            async for piece in self.stream():
                pieces.append(piece)
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    break
        if size > MAX_BODY_BYTES:
            raise CodelabError(Code.TOO_LARGE, "body", max=MAX_BODY_BYTES)
        self._body = b"".join(pieces)

    async def json(self) -> Any:
        """The decoded body; raises `json.JSONDecodeError`."""
        return orjson.loads(await self.body())


class JsonRoute(APIRoute):
    """A route that reads its body so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the reader."""
        handler = super().get_route_handler()

        async def read_first(request: Request) -> Response:
            bounded = BoundedRequest(request.scope, request.receive)
            await bounded.read()
            return await handler(bounded)

        return read_first
