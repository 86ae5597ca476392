"""A gateway's view of one session: commands that are repeated, events that are resumed."""

import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import anyio
import orjson

from codelab_core.sse import SseEvent, SseParser
from harness.runtimes import Cluster

Event = dict[str, Any]
TIMEOUT_S = 20
TRANSPORT = (aiohttp.ClientError, OSError)


class Agent:
    """Talks to whichever runtime is there about one session."""

    def __init__(self, cluster: Cluster, session_id: str | None = None) -> None:
        self.cluster = cluster
        self.session_id = session_id or f"s-{secrets.token_hex(4)}"
        self.headers: dict[str, str] = {}

    async def call(
        self, method: str, path: str, body: Any = None, *, node: int = 0
    ) -> tuple[int, Any]:
        """Status and decoded answer of one request to one runtime, never repeated."""
        sent = io.BytesIO(body if isinstance(body, bytes) else orjson.dumps(body))
        headers = {"Content-Type": "application/json", **self.headers}
        url = self.cluster.urls[node % len(self.cluster.urls)] + path
        async with self.cluster.http.request(method, url, data=sent, headers=headers) as response:
            raw = await response.read()
        return response.status, orjson.loads(raw) if raw else None

    async def post(self, name: str, *, node: int = 0, **fields: Any) -> tuple[int, Any]:
        """One `POST /agent/<name>` about the session."""
        return await self.call(
            "POST", f"/agent/{name}", {"session_id": self.session_id, **fields}, node=node
        )

    async def get(self, view: str = "", *, node: int = 0) -> tuple[int, Any]:
        """One of the session's views."""
        return await self.call("GET", f"/agent/sessions/{self.session_id}{view}", node=node)

    async def sure(self, name: str, **fields: Any) -> Any:
        """The answer to a command that is sent, with one `cid`, until somebody has taken it."""
        fields.setdefault("cid", secrets.token_hex(6))
        with anyio.fail_after(TIMEOUT_S):
            for node in range(1_000):
                try:
                    status, body = await self.post(name, node=node, **fields)
                except (*TRANSPORT, ZeroDivisionError):
                    status, body = 503, None
                if status != 503:
                    assert status in {200, 204}, (name, status, body)
                    return body
                await asyncio.sleep(0.02)
        raise AssertionError

    async def say(self, content: str, **fields: Any) -> Any:
        """A message of the person, taken for sure."""
        return await self.sure(
            "message", message={"type": "user_message", "content": content, **fields}
        )

    async def attach(self, mode: str = "v1", connection_id: str = "x1", **fields: Any) -> Any:
        """A connection that runs tools."""
        known = {"client_id": f"client-{connection_id}", "role": "driver", "mode": mode}
        return await self.sure("attach", connection_id=connection_id, **known | fields)

    @asynccontextmanager
    async def stream(
        self, query: str = "", *, node: int = 0, last_event_id: str = ""
    ) -> AsyncIterator["Stream"]:
        """One event stream of one runtime."""
        headers = {**self.headers, **({"Last-Event-ID": last_event_id} if last_event_id else {})}
        url = self.cluster.urls[node % len(self.cluster.urls)]
        path = f"/agent/sessions/{self.session_id}/events{query}"
        async with self.cluster.http.get(url + path, headers=headers) as response:
            yield Stream(response)

    async def until(self, fits: str | Callable[[Event], bool], after: str = "") -> list[Event]:
        """Events from the start, or a position, up to one of a type, or one that fits."""
        async with self.stream(last_event_id=after) as stream:
            return await stream.until(fits)

    async def whole_log(self, last: str, within_s: float, times: int = 1) -> list[Event]:
        """The log to the n-th event of a type, read again from its start when a reader is cut."""
        with anyio.fail_after(within_s):
            while True:
                async with self.stream() as stream:
                    events = await stream.rest(last, times)
                if sum(event["type"] == last for event in events) == times:
                    return events
                await asyncio.sleep(0.05)

    async def turn(self, content: str, **fields: Any) -> list[Event]:
        """Say something; all events of the session when its turn is over."""
        accepted = await self.say(content, **fields)
        started: list[str] = []

        def over(event: Event) -> bool:
            if event["type"] == "turn_started" and event["message_id"] == accepted["message_id"]:
                started.append(event["turn_id"])
            return event["type"] == "turn_completed" and event["turn_id"] in started

        return await self.until(over)


class Stream:
    """What one response brings; `control` holds its control events, by name."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.control: dict[str, Any] = {}
        self.position = ""
        self._parser = SseParser()
        self._read: list[SseEvent] = []

    async def next(self) -> SseEvent | None:
        """The next block; `None` at the end of the response."""
        while not self._read:
            piece = await self.response.content.readany()
            if not piece:
                return None
            self._read = self._parser.feed(piece)
        return self._read.pop(0)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Events of the log, to the end of the response."""
        while (block := await self.next()) is not None:
            if block.id and block.kind in {b"", b"message"}:
                self.position = block.id.decode()
                yield orjson.loads(block.data)
            elif not block.comment:
                self.control[block.kind.decode()] = orjson.loads(block.data)

    async def until(self, fits: str | Callable[[Event], bool]) -> list[Event]:
        """Events up to one of a type, or one that fits. Fails when there is none."""
        events: list[Event] = []
        with anyio.fail_after(TIMEOUT_S):
            async for event in self:
                events.append(event)
                if event["type"] == fits if isinstance(fits, str) else fits(event):
                    return events
        raise AssertionError(f"the stream ended: {[event['type'] for event in events]}")

    async def next_control(self, name: str) -> Any:
        """Read on until a control event has come; it stands before all events that follow."""
        with anyio.fail_after(TIMEOUT_S):
            while name not in self.control:
                block = await self.next()
                assert block is not None
                assert not block.id, block
                if not block.comment:
                    self.control[block.kind.decode()] = orjson.loads(block.data)
        return self.control[name]

    async def rest(self, last: str = "", times: int = 1) -> list[Event]:
        """Everything up to the end of the response, or the n-th event of a type."""
        events: list[Event] = []
        with anyio.fail_after(TIMEOUT_S):
            async for event in self:
                events.append(event)
                times -= event["type"] == last
                if not times:
                    break
        return events


def text_of(events: list[Event]) -> str:
    """The text that the model is seen to have written."""
    return "".join(e["token"] for e in events if e["type"] == "assistant_message")


def kinds(events: list[Event]) -> list[str]:
    """Types of events, deltas of one message joined."""
    names = [event["type"] for event in events]
    return [n for i, n in enumerate(names) if n != "assistant_message" or names[i - 1] != n]
