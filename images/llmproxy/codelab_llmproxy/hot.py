"""The POSTs that ask a model, as raw ASGI: a handler and a watcher per request, no task per chunk.

FastAPI routes to them, so that its middleware and error answers hold; it is not on the path of a
chunk.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.middleware import Receive, Scope, Send, header
from codelab_core.service import json_response
from codelab_llmproxy.inference import HEARTBEAT_S, Inference, Reader
from codelab_llmproxy.inferences import Inferences
from codelab_llmproxy.neutral_answer import AnswerFold
from codelab_llmproxy.neutral_body import parse

_STREAM_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Lane:
    """What both POSTs share: the body, the inference it asks for, a reader of it."""

    def __init__(
        self, inferences: Inferences, max_body_bytes: int, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._inferences = inferences
        self._max_body_bytes = max_body_bytes
        self._heartbeat_s = heartbeat_s

    async def admit(self, scope: Scope, receive: Receive) -> tuple[Inference, int]:
        """The inference that a request creates or attaches to, and the first chunk it wants.

        Raises every refusal; afterwards failures are events. The body is not kept.
        """
        body = await read_body(scope, receive, self._max_body_bytes)
        request, decoded = parse(body, header(scope, b"last-event-id"))
        return self._inferences.open(request, decoded), request.from_chunk

    @asynccontextmanager
    async def attached(
        self, inference: Inference, position: int, receive: Receive
    ) -> AsyncGenerator[Reader]:
        """A reader that ends when the caller leaves."""
        with inference.reader(position, self._heartbeat_s) as reader:
            async with asyncio.TaskGroup() as tasks:
                watcher = tasks.create_task(_close_on_disconnect(reader, receive))
                try:
                    yield reader
                finally:
                    watcher.cancel()


class StreamEndpoint:
    """`POST /llm/stream`: the chunks as server-sent events, as they come."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Hot: the loop runs once per chunk."""
        inference, position = await self._lane.admit(scope, receive)
        async with self._lane.attached(inference, position, receive) as reader:
            start = {"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS}
            await send(start)
            while frames := await reader.frames():
                body = b"".join(frames)
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class ChatEndpoint:
    """`POST /llm/chat`: the same as a stream, gathered into one JSON answer."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        inference, _ = await self._lane.admit(scope, receive)
        fold = AnswerFold(inference.id)
        async with self._lane.attached(inference, 0, receive) as reader:
            while frames := await reader.frames():
                for frame in frames:
                    fold.add(frame)
        await json_response(fold.answer())(scope, receive, send)


async def read_body(scope: Scope, receive: Receive, max_bytes: int) -> bytes:
    """The body of a request.

    Raises `TOO_LARGE`/body as soon as that is known, and `CANCELLED` when the caller leaves.
    """
    declared = header(scope, b"content-length") or b""
    if declared.isdigit() and int(declared) > max_bytes:
        raise CodelabError(Code.TOO_LARGE, "body", max=max_bytes)
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CodelabError(Code.CANCELLED, "user")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_bytes:
            raise CodelabError(Code.TOO_LARGE, "body", max=max_bytes)
        more = message.get("more_body", False)
    return b"".join(parts)


async def _close_on_disconnect(reader: Reader, receive: Receive) -> None:
    """Close the reader when its caller leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.close()
