import asyncio

import anyio
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import Usage, WholeCall
from codelab_llmproxy.chunks import Content, Finish, Text, Thought
from codelab_llmproxy.inference import HEARTBEAT, Inference, Reader
from codelab_llmproxy.plan import Shown
from codelab_llmproxy.record import MAX_BYTES
from fakes.clock import HandClock
from fakes.stage import stage_target

TARGET = stage_target()
DONE = (
    b'{"finish_reason":"stop","model":"stage","provider":"stage","attempts":[{"provider":"stage",'
    b'"model":"stage","class":"ok","billed":"yes"}],"warnings":[]}'
)


def inference(clock: HandClock | None = None, *, detachable: bool = True) -> Inference:
    return Inference("i-1", TARGET, clock or HandClock(), lambda _: None, detachable=detachable)


async def all_frames(reader: Reader) -> bytes:
    frames = []
    with anyio.fail_after(5):
        while more := await reader.frames():
            frames += more
    return b"".join(frames)


async def test_a_reader_gets_what_was_and_what_comes_until_the_end() -> None:
    running = inference()
    running.append(Text("a"))

    with running.reader(0) as reader:
        first = await reader.frames()
        asyncio.get_running_loop().call_soon(running.append, Text("b"))
        second = await reader.frames()
        running.append(Usage(prompt_tokens=1))
        running.finish(Finish("stop"))
        rest = await all_frames(reader)

    assert first == [b'id: i-1:0\nevent: token\ndata: {"token":"a"}\n\n']
    assert second == [b'id: i-1:1\nevent: token\ndata: {"token":"b"}\n\n']
    assert rest == (
        b'id: i-1:2\nevent: usage\ndata: {"prompt_tokens":1,"source":"provider"}\n\n'
        b"id: i-1:3\nevent: done\ndata: " + DONE + b"\n\n"
    )
    assert (running.state, running.usage, running.read_to) == ("done", Usage(prompt_tokens=1), 4)


async def test_readers_from_every_chunk_get_the_same_bytes() -> None:
    running = inference()
    for number in range(50):
        running.append(Text(str(number)))
    running.finish(Finish("stop"))
    whole = b"".join(running.record.read(0))

    for position in range(running.record.head + 1):
        with running.reader(position) as reader:
            assert whole.endswith(await all_frames(reader))


async def test_a_slow_reader_never_holds_up_the_record() -> None:
    running = inference()

    with running.reader(0) as slow, running.reader(0) as fast:
        for number in range(1_000):
            running.append(Text(str(number)))
        running.finish(Finish("stop"))
        quick = await all_frames(fast)

        assert await all_frames(slow) == quick


async def test_nothing_is_added_after_the_end() -> None:
    running = inference()
    running.finish(Finish("stop"))

    running.append(Text("late"))
    running.fail(CodelabError(Code.INTERNAL))
    running.cancel("cancelled")
    running.abandon()

    assert (running.state, running.record.head) == ("done", 1)


async def test_a_failure_is_an_event() -> None:
    running = inference()

    running.fail(CodelabError(Code.PROVIDER_ERROR, "cut"))

    assert running.state == "failed"
    assert running.record.read(0)[0].startswith(
        b'id: i-1:0\nevent: error\ndata: {"code":"PROVIDER_ERROR","class":"cut",'
    )


async def test_a_cancelled_one_says_so_and_an_abandoned_one_just_ends() -> None:
    cancelled, abandoned = inference(), inference()

    cancelled.cancel("orphaned")
    abandoned.abandon()

    assert cancelled.record.read(0) == [
        b'id: i-1:0\nevent: done\ndata: {"finish_reason":"cancelled","model":"stage",'
        b'"provider":"stage","attempts":[],"warnings":[]}\n\n'
    ]
    assert (cancelled.state, abandoned.state) == ("orphaned", "abandoned")
    assert abandoned.record.read(0) == []


async def test_the_owner_is_told_once() -> None:
    told: list[str] = []
    running = Inference(
        "i-1", TARGET, HandClock(), lambda one: told.append(one.state), detachable=True
    )

    running.finish(Finish("stop"))
    running.cancel("cancelled")

    assert told == ["done"]


async def test_a_reader_that_leaves_only_detaches() -> None:
    clock = HandClock()
    running = inference(clock)
    idle = [running.idle_since]

    with running.reader(0):
        idle.append(running.idle_since)
        with running.reader(0):
            clock.advance(1)
        idle.append(running.idle_since)
    idle.append(running.idle_since)

    assert idle == [1_000.0, None, None, 1_001.0]
    assert running.is_live


async def test_without_an_id_to_come_back_to_it_is_cancelled() -> None:
    running = inference(detachable=False)

    with running.reader(0):
        pass

    assert running.state == "cancelled"


async def test_silence_is_filled_with_heartbeats() -> None:
    running = inference()

    with running.reader(0, heartbeat_s=0.01) as reader, anyio.fail_after(5):
        beats = [await reader.frames(), await reader.frames()]
        running.append(Text("a"))
        rest = await reader.frames()

    assert beats == [[HEARTBEAT], [HEARTBEAT]]
    assert rest == running.record.read(0)


async def test_a_closed_reader_is_at_its_end() -> None:
    running = inference()

    with running.reader(0) as reader, anyio.fail_after(5):
        asyncio.get_running_loop().call_soon(reader.close)
        waiting = await reader.frames()
        running.append(Text("a"))
        after = await reader.frames()

    assert (waiting, after) == ([], [])


async def test_a_reader_that_lost_chunks_is_at_its_end() -> None:
    running = inference()
    with running.reader(0) as reader:
        for _ in range(12):
            running.append(Text("x" * (MAX_BYTES // 4)))
        kept = await reader.frames()
        lost = await reader.frames()
    running.finish(Finish("stop"))

    assert (len(kept), lost) == (4, [])
    assert b'"warnings":["not_recorded"]' in running.record.read(12)[0]


async def test_a_lower_fence_is_refused() -> None:
    running = inference()

    running.check_fence(7)
    running.check_fence(None)
    running.check_fence(7)

    with pytest.raises(CodelabError) as caught:
        running.check_fence(6)
    assert (caught.value.code, caught.value.details) == ("CONFLICT", {"fence": 7})


def test_what_was_shown_can_be_taken_back() -> None:
    running = inference()
    unread = running.begin_anew()
    running.append(Text("a"))
    running.append(Usage(prompt_tokens=1))

    taken = running.begin_anew()

    assert (unread, taken, running.begin_anew()) == (0, 2, 0)
    assert (running.shown, running.usage) == (Shown.NOTHING, None)
    assert running.record.read(2) == [b'id: i-1:2\nevent: restart\ndata: {"reason":"provider"}\n\n']


@pytest.mark.parametrize(
    ("chunks", "shown"),
    [
        ((), Shown.NOTHING),
        ((Usage(prompt_tokens=1),), Shown.NOTHING),
        ((Thought("a"),), Shown.TEXT),
        ((WholeCall(index=0, name="x", arguments={}), Text("a")), Shown.CALLS),
    ],
)
def test_it_knows_what_its_readers_may_have_seen(chunks: tuple[Content, ...], shown: Shown) -> None:
    running = inference()

    for chunk in chunks:
        running.append(chunk)

    assert running.shown is shown


def test_nothing_is_taken_back_of_an_answer_that_is_over() -> None:
    running = inference()
    running.append(Text("a"))
    running.abandon()

    assert running.begin_anew() == 0
