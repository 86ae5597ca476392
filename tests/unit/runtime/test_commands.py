from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.agent import CancelBody
from codelab_runtime.answers import Ingested
from codelab_runtime.commands import Inbox, Sender, digest, encoded, message_id_for
from codelab_runtime.workers import Workers
from fakes.clock import HandClock
from harness.stores import SID, Bench, bench_of

SENDER = Sender(SID, "ann", "k", "1", "x1")


@dataclass
class Crew:
    """Workers that only take note."""

    has_room: bool = True
    draining: bool = False
    is_overloaded: bool = False
    heard: list[Ingested] = field(default_factory=list)

    def ingested(self, _session_id: str, entry: Ingested) -> None:
        self.heard.append(entry)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with bench_of("embedded:memory") as made:
        yield made


def inbox(bench: Bench, crew: Crew) -> Inbox:
    return Inbox(bench.one, cast("Workers", crew), HandClock(), 3600, 2)


def test_a_sender_without_a_cid_never_repeats() -> None:
    body = CancelBody(session_id=SID, client_id="k")

    first, second = Sender.of(body, "ann"), Sender.of(body, "ann")

    assert first.cid != second.cid
    assert first.key == f"k/{first.cid}"


def test_equal_bodies_have_one_digest_whatever_the_order() -> None:
    one = {"type": "x", "a": 1, "b": {"c": 2, "d": 3}, "cid": "1"}
    other = {"b": {"d": 3, "c": 2}, "a": 1, "type": "x", "cid": "2", "connection_id": "x9"}

    assert digest(one) == digest(other)
    assert len(digest(one)) == 32
    assert digest(one) != digest({**one, "a": 2})


@pytest.mark.parametrize("value", ["\ud800", 2**70, {1: 2}])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(CodelabError) as caught:
        encoded({"content": value})

    assert (caught.value.code, caught.value.reason) == (Code.INVALID_REQUEST, "body")


def test_a_message_without_an_id_gets_the_same_one_again() -> None:
    assert message_id_for(SENDER) == message_id_for(SENDER)
    assert message_id_for(SENDER) != message_id_for(Sender(SID, "ann", "k", "2"))


async def test_a_command_is_durable_with_who_sent_it_and_when(bench: Bench) -> None:
    crew = Crew()

    entry = await inbox(bench, crew).put(SENDER, {"type": "cancel"})

    (command,) = await bench.reader.inbox(SID, 0, 10)
    assert command.command == {
        "type": "cancel",
        "connection_id": "x1",
        "by": "k",
        "cid": "1",
        "at_ms": 1_000_000,
    }
    assert entry.claim is not None
    assert crew.heard == [entry]


async def test_nobody_is_claimed_for_by_a_crew_without_room(bench: Bench) -> None:
    entry = await inbox(bench, Crew(has_room=False)).put(SENDER, {"type": "cancel"})

    assert entry.claim is None


async def test_a_repetition_reaches_the_same_entry(bench: Bench) -> None:
    box = inbox(bench, Crew())
    await box.put(SENDER, {"type": "cancel"})

    again = await box.put(SENDER, {"type": "cancel"})

    assert again == Ingested(1, duplicate=True)


async def test_an_unknown_session_is_made_only_by_put(bench: Bench) -> None:
    with pytest.raises(CodelabError, match="SESSION_NOT_FOUND"):
        await inbox(bench, Crew()).put_known(SENDER, {"type": "cancel"})


async def test_a_message_moves_its_session_up_the_list(bench: Bench) -> None:
    box = inbox(bench, Crew())
    await bench.opened("s-2")
    await bench.redis.zadd(bench.keys.of_principal("ann"), {"s-2": SYSTEM_CLOCK.wall_ms() - 9})

    await box.put(SENDER, {"type": "user_message", "content": "hi"})

    assert (await bench.reader.listed("ann", 0, 10))[0] == [SID, "s-2"]


@pytest.mark.parametrize(
    ("crew", "kind", "reason"),
    [
        (Crew(draining=True), "user_message", "draining"),
        (Crew(draining=True), "cancel", "draining"),
        (Crew(is_overloaded=True), "user_message", "overloaded"),
        (Crew(is_overloaded=True), "cancel", None),
    ],
)
async def test_load_refuses_new_turns_first(
    bench: Bench, crew: Crew, kind: str, reason: str | None
) -> None:
    refused = None
    try:
        await inbox(bench, crew).put(SENDER, {"type": kind})
    except CodelabError as error:
        refused = error.reason

    assert refused == reason
    assert len(await bench.stream("in")) == (0 if reason else 1)


async def test_only_so_many_messages_wait(bench: Bench) -> None:
    await bench.opened()
    await bench.set_meta(q=2)

    with pytest.raises(CodelabError, match="RATE_LIMIT"):
        await inbox(bench, Crew()).put(SENDER, {"type": "user_message"})


async def test_what_is_kept_is_json(bench: Bench) -> None:
    await inbox(bench, Crew()).put(SENDER, {"type": "ack", "seq": 3})

    ((_, body),) = await bench.stream("in")
    assert orjson.loads(body)["seq"] == 3
