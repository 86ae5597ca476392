import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import orjson
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.clock import jitter_source
from codelab_gateway.commander import Commander
from codelab_gateway.dialects import PlainDialect, V1Dialect
from codelab_gateway.endpoints import Endpoints
from codelab_gateway.handshake import Beginning, Party
from codelab_gateway.metrics import Metrics
from codelab_gateway.outbox import Outbox
from codelab_gateway.plain import PlainView
from codelab_gateway.runtime_client import RuntimeClient
from fakes.clock import HandClock
from fakes.fake_runtime import EPOCH, FakeRuntime

ME = Party("s", "alice", "x_me", "a1b2", "driver", "v1")


class Ends:
    """Both ends of a dialect: what the client got, what the runtime was told."""

    def __init__(self, runtime: FakeRuntime, client: RuntimeClient) -> None:
        self.runtime = runtime
        self.clock = HandClock()
        self.outbox = Outbox(100, 10_000, lambda: None, lambda _: None)
        self.commander = Commander(client, self.outbox.push)
        self.commander.attached(ME)

    def v1(self) -> V1Dialect:
        return V1Dialect(("x_me", "a1b2"), self.outbox, self.commander, self.clock)

    def plain(self) -> PlainDialect:
        view = PlainView("x_me", whole_turns=False)
        return PlainDialect(view, self.outbox, self.commander)

    @property
    def frames(self) -> list[Any]:
        """What waits for the client."""
        return [json.loads(frame) for frame, _ in self.outbox._waiting]

    async def acked(self, count: int = 1) -> list[int]:
        """Numbers that the runtime was told; every round is let through in full."""
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.commander.run)
                asked = await self.runtime.until("/ack", count)
                tasks.cancel_scope.cancel()
        return [one.body["seq"] for one in asked]


@pytest.fixture
async def ends(runtime: FakeRuntime) -> AsyncIterator[Ends]:
    endpoints = Endpoints(runtime.url, HandClock(), Metrics(CollectorRegistry()))
    async with RuntimeClient(endpoints, None, jitter_source()) as client:
        yield Ends(runtime, client)


def event(seq: int, kind: str, **fields: Any) -> bytes:
    return orjson.dumps({"type": kind, "seq": seq, **fields})


def call(seq: int = 1, **fields: Any) -> bytes:
    ids = {"turn_id": "t1", "message_id": "m1", "call_id": f"c{seq}", "tool_name": "read_file"}
    return event(seq, "tool_call", **ids | {"arguments": {}, "requires_approval": False} | fields)


def attached(connection_id: str, client_id: str, driver: str) -> bytes:
    return event(
        1,
        "client_attached",
        connection_id=connection_id,
        client_id=client_id,
        role="driver",
        mode="v1",
        driver=driver,
    )


async def test_version_1_gets_events_as_they_are(ends: Ends) -> None:
    dialect, data = ends.v1(), event(3, "of_a_newer_server", x={"y": 1})

    dialect.begin(Beginning(EPOCH, 2, 2))
    dialect.event(3, data)

    assert [frame for frame, _ in ends.outbox._waiting] == [data]


async def test_version_1_begins_with_a_snapshot_where_it_cannot_resume(ends: Ends) -> None:
    ends.v1().begin(Beginning(EPOCH, 7, 7, {"messages": []}, "ahead"))

    assert ends.frames == [
        {
            "type": "resync",
            "epoch": EPOCH,
            "seq": 7,
            "reason": "ahead",
            "snapshot": {"messages": []},
        }
    ]


async def test_version_1_is_told_of_trouble_and_of_its_end(ends: Ends) -> None:
    dialect = ends.v1()

    dialect.degraded(state=True)
    dialect.degraded(state=False)

    assert ends.frames == [
        {"type": "status", "state": "degraded"},
        {"type": "status", "state": "live"},
    ]


async def test_an_acknowledged_call_is_told_at_once_and_the_rest_every_5_seconds(
    ends: Ends,
) -> None:
    """The tool's deadline starts then."""
    dialect = ends.v1()
    dialect.event(1, event(1, "turn_started"))
    dialect.event(2, call(2))

    dialect.acked(1)
    dialect.acked(2)
    first = await ends.acked()
    dialect.acked(3)
    ends.clock.advance(5)
    dialect.acked(4)

    assert (first, await ends.acked(2)) == ([2], [2, 4])


async def test_the_same_client_elsewhere_replaces_this_connection(ends: Ends) -> None:
    dialect = ends.v1()
    dialect.event(1, attached("x_older", "a1b2", "x_older"))
    before = dialect.replaced
    dialect.event(2, attached("x_me", "a1b2", "x_me"))
    dialect.event(3, attached("x_friend", "c3", "x_me"))
    meanwhile = dialect.replaced
    dialect.event(4, attached("x_newer", "a1b2", "x_newer"))

    assert (before, meanwhile, dialect.replaced) == (False, False, True)


async def test_a_snapshot_tells_whether_this_connection_has_been_seen(ends: Ends) -> None:
    dialect = ends.v1()
    dialect.begin(Beginning(EPOCH, 7, 7, {"driver": "x_me"}))
    dialect.answered("c1")
    dialect.event(8, attached("x_newer", "a1b2", "x_newer"))

    assert dialect.replaced


async def test_a_plain_client_gets_frames_it_knows(ends: Ends) -> None:
    dialect = ends.plain()
    dialect.begin(Beginning(EPOCH, 0, 0))
    dialect.event(1, event(1, "turn_started", turn_id="t1"))
    dialect.event(2, call(2))
    dialect.degraded(state=True)
    dialect.acked(2)

    assert [frame["type"] for frame in ends.frames] == ["tool_call"]


async def test_a_call_is_acknowledged_for_a_plain_client_once_it_was_written(ends: Ends) -> None:
    """P18."""
    ends.plain().event(2, call(2))
    ((_, written),) = ends.outbox._waiting
    assert written is not None
    before = ends.commander._acked

    written()

    assert before is None
    assert await ends.acked() == [2]


async def test_a_plain_client_begins_with_what_is_open(ends: Ends) -> None:
    """P12."""
    dialect = ends.plain()
    open_call = orjson.loads(call(4)) | {"state": "delivered"}
    snapshot = {"tool_calls": [open_call]}

    dialect.begin(Beginning(EPOCH, 5, 5, snapshot))
    dialect.resync({"epoch": EPOCH, "seq": 5, "snapshot": snapshot})

    assert ends.frames == [orjson.loads(call(4))] * 2


async def test_the_decision_that_a_result_implies_is_no_news_to_its_sender(ends: Ends) -> None:
    """P11."""
    dialect = ends.plain()
    dialect.event(1, call(1, requires_approval=True))
    dialect.answered("c1")
    dialect.event(2, event(2, "tool_resolved", call_id="c1", phase="decision", outcome="approved"))

    assert len(ends.frames) == 1
