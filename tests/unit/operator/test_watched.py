"""Watches: objects to the inbox, versions and errors to kopf."""

import logging
from collections.abc import AsyncIterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_operator.children import ObjectKey
from codelab_operator.inbox import Gone, Item
from codelab_operator.observations import Sighting
from codelab_operator.watched import Watched


class Answer:
    """A response whose body comes in these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.headers = {"Content-Type": "application/json"}
        self.content = SimpleNamespace(iter_chunked=self.chunks)
        self.ends: list[str] = []

    async def chunks(self, _: int) -> AsyncIterator[bytes]:
        """The pieces."""
        for piece in self.pieces:
            yield piece

    def close(self) -> None:
        """End at once."""
        self.ends.append("closed")

    async def __aexit__(self, *_: object) -> None:
        self.ends.append("left")


def event(kind: str, version: int, **more: Any) -> bytes:
    """A line of a watch."""
    metadata = {"name": f"s{version}", "namespace": "ns", "uid": f"u{version}"}
    metadata |= {"resourceVersion": str(version)} | more
    body = {"apiVersion": "v1", "kind": "Service", "metadata": metadata}
    return orjson.dumps({"type": kind, "object": body}) + b"\n"


def mark(version: int) -> dict[str, Any]:
    """The bookmark of a version."""
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}}


async def read(*pieces: bytes) -> tuple[list[Item], list[Any]]:
    """What went to the inbox, and the lines that kopf got."""
    items: list[Item] = []
    async with Watched(Answer(*pieces), items.append) as response:
        told = b"".join([chunk async for chunk in response.content.iter_chunked(100)])
    return items, [orjson.loads(line) for line in told.splitlines()]


def names(items: list[Item]) -> list[tuple[type, str]]:
    """What is said of which objects."""
    return [(type(item), item.key.name) for item in items if isinstance(item, Sighting | Gone)]


async def test_objects_go_to_the_inbox_and_a_bookmark_of_the_last_stays() -> None:
    items, told = await read(event("ADDED", 1) + event("MODIFIED", 2) + event("DELETED", 3))

    assert names(items) == [(Sighting, "s1"), (Sighting, "s2"), (Gone, "s3")]
    assert told == [mark(3)]


async def test_an_error_stays_after_what_came_before_it() -> None:
    error = {"type": "ERROR", "object": {"code": 410}}

    items, told = await read(event("ADDED", 1) + orjson.dumps(error) + b"\n")

    assert names(items) == [(Sighting, "s1")]
    assert told == [mark(1), error]


async def test_a_bookmark_of_the_server_stays() -> None:
    items, told = await read(orjson.dumps(mark(7)) + b"\n")

    assert items == []
    assert told == [mark(7)]


@settings(max_examples=200)
@given(cuts=st.lists(st.integers(0, 600), max_size=8))
async def test_lines_may_be_cut_anywhere(cuts: list[int]) -> None:
    whole = b"".join(event("ADDED", n) for n in range(1, 5)) + b'{"type":"ADD'
    places = [0, *sorted(cut % len(whole) for cut in cuts), len(whole)]

    pieces = [whole[a:b] for a, b in pairwise(places)]
    items, told = await read(*pieces)

    assert names(items) == [(Sighting, f"s{n}") for n in range(1, 5)]
    assert told[-1] == mark(4)


async def test_what_is_no_object_of_a_namespace_ends_no_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stray = {"apiVersion": "v1", "kind": "Node", "metadata": {"resourceVersion": "1"}}
    line = orjson.dumps({"type": "ADDED", "object": stray}) + b"\n"

    with caplog.at_level(logging.ERROR):
        items, told = await read(line + event("ADDED", 2))

    assert names(items) == [(Sighting, "s2")]
    assert told == [mark(2)]
    assert [record.message for record in caplog.records] == ["event not understood"]


async def test_the_connection_ends_with_it() -> None:
    answer = Answer()
    items: list[Item] = []
    response = Watched(answer, items.append)

    async with response:
        response.close()

    assert answer.ends == ["closed", "left"]
    assert (response.status, response.headers) == (200, answer.headers)


async def test_the_end_of_an_object_says_whose_it_was() -> None:
    items, _ = await read(event("DELETED", 1, labels={"codelab.dev/agent": "a"}))

    assert items == [Gone(ObjectKey("v1", "Service", "ns", "s1"), "a", "u1")]
