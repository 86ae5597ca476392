import asyncio
from collections.abc import MutableMapping
from typing import Any

import anyio
import orjson
import pytest

from codelab_core.errors import CodelabError
from codelab_core.sse import SseParser
from codelab_runtime import events_api as module
from codelab_runtime.events_api import Start
from harness.runtime_app import runtime_app


def scope(query: bytes = b"", last: bytes | None = None) -> dict[str, Any]:
    headers = [] if last is None else [(b"last-event-id", last)]
    return {"type": "http", "query_string": query, "headers": headers}


@pytest.mark.parametrize(
    ("given", "start"),
    [
        (scope(), Start(place="start")),
        (scope(b"from=head"), Start(place="head")),
        (scope(b"from=pending"), Start(place="pending")),
        (scope(b"after=ab:7"), Start("ab", 7)),
        (scope(b"after=ab:7", b"cd:8"), Start("cd", 8)),
        (scope(b"", b":8"), Start("", 8)),
    ],
)
def test_where_a_reader_begins(given: dict[str, Any], start: Start) -> None:
    assert Start.parse(given) == start


@pytest.mark.parametrize(
    "given",
    [
        scope(b"from=end"),
        scope(b"", b"8"),
        scope(b"", b"ab:-1"),
        scope(b"", b"ab:1234567890123456"),
        scope(b"", b"a b:1"),
        scope(b"", b"x" * 65 + b":1"),
        scope("after=ä:1".encode()),
    ],
)
def test_a_position_that_is_none_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(CodelabError, match="INVALID_REQUEST"):
        Start.parse(given)


class Reader:
    """The other end of one response, below any client library."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.status = 0
        self.body = b""
        self.changed = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")
        self.changed.set()

    async def until(self, mark: bytes) -> None:
        with anyio.fail_after(20):
            while mark not in self.body:
                self.changed.clear()
                await self.changed.wait()

    def scope(self) -> dict[str, Any]:
        path = "/agent/sessions/s-1/events"
        common = {"type": "http", "http_version": "1.1", "method": "GET", "scheme": "http"}
        rest = {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": ""}
        return {**common, **rest, "headers": [], "client": ("c", 1), "server": ("s", 2)}


async def test_a_stream_beats_and_ends_with_the_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_S", 0.02)
    reader = Reader()
    async with runtime_app() as (http, running), asyncio.TaskGroup() as tasks:
        made = await http.post("/agent/sessions", json={"session_id": "s-1"})
        serving = tasks.create_task(running.app(reader.scope(), reader.receive, reader.send))
        epoch = made.json()["epoch"]
        await reader.until(b": head %b:0\n\n" % epoch.encode())
        await running.drain()
        with anyio.fail_after(20):
            await serving

    first, *_, last = SseParser().feed(reader.body)
    assert (reader.status, first.kind) == (200, b"attached")
    assert orjson.loads(first.data) == {"epoch": epoch, "head": 0, "replay": "tail"}
    assert last.kind == b"drain"
    assert b"retry: 0\n" in reader.body


async def test_a_reader_that_leaves_leaves_nothing_behind() -> None:
    reader = Reader()
    async with runtime_app() as (http, running), asyncio.TaskGroup() as tasks:
        await http.post("/agent/sessions", json={"session_id": "s-1"})
        serving = tasks.create_task(running.app(reader.scope(), reader.receive, reader.send))
        await reader.until(b"event: attached")
        reader.gone.set()
        with anyio.fail_after(20):
            await serving

    assert reader.body.count(b"\n\n") == 1
