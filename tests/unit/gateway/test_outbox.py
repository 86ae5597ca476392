from collections.abc import Callable
from typing import Any

import anyio
import pytest

from codelab_core.middleware import Message
from codelab_gateway import outbox as module
from codelab_gateway.outbox import Outbox


class Socket:
    """Takes frames while `is_open`."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.gate = anyio.Event()
        self.gate.set()
        self.fault: OSError | None = None

    async def send(self, message: Message) -> None:
        await self.gate.wait()
        if self.fault:
            raise self.fault
        self.sent.append(message["text"])

    def stall(self) -> None:
        self.gate = anyio.Event()


class Box:
    """An outbox and what it said."""

    def __init__(self, max_frames: int = 8, max_bytes: int = 1000) -> None:
        self.slow = 0
        self.counted: list[bytes] = []
        self.outbox = Outbox(max_frames, max_bytes, self._slow, self.counted.append)

    def _slow(self) -> None:
        self.slow += 1


async def pumped(box: Box, socket: Socket, then: Callable[[], Any]) -> None:
    """Pump while `then` runs."""
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(box.outbox.pump, socket.send)
            await then()
            tasks.cancel_scope.cancel()


async def test_frames_are_written_in_order_and_counted() -> None:
    box, socket = Box(), Socket()
    written: list[str] = []
    box.outbox.push(b"1")
    box.outbox.push(b"2", lambda: written.append("2"))

    await pumped(box, socket, box.outbox.flushed)

    assert (socket.sent, written, box.counted) == (["1", "2"], ["2"], [b"1", b"2"])


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([b"x"] * 9, id="too-many"),
        pytest.param([b"x" * 600, b"x" * 401], id="too-large"),
    ],
)
def test_a_slow_reader_is_told_of_once_and_gets_no_more(frames: list[bytes]) -> None:
    box = Box()
    for frame in [*frames, *frames]:
        box.outbox.push(frame)

    assert box.slow == 1
    assert len(box.outbox._waiting) == len(frames)


def test_as_much_as_the_bounds_is_not_slow() -> None:
    box = Box()
    for _ in range(8):
        box.outbox.push(b"x" * 125)

    assert box.slow == 0


async def test_what_was_written_does_not_count() -> None:
    box, socket = Box(), Socket()

    async def push_many() -> None:
        for _ in range(10):
            box.outbox.push(b"x" * 600)
            await box.outbox.flushed()

    await pumped(box, socket, push_many)

    assert (box.slow, len(socket.sent)) == (0, 10)


async def test_a_frame_under_way_counts_until_the_socket_has_taken_it() -> None:
    box, socket = Box(max_frames=1), Socket()
    socket.stall()

    async def push_two() -> None:
        box.outbox.push(b"1")
        await anyio.wait_all_tasks_blocked()
        box.outbox.push(b"2")

    await pumped(box, socket, push_two)

    assert (box.slow, socket.sent) == (1, [])


async def test_the_pump_ends_when_the_peer_is_gone() -> None:
    box, socket = Box(), Socket()
    socket.fault = ConnectionResetError()
    box.outbox.push(b"1")

    with anyio.fail_after(20):
        await box.outbox.pump(socket.send)

    assert box.counted == []


async def test_flushing_a_stalled_socket_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLUSH_TIMEOUT_S", 0.01)
    box = Box()
    box.outbox.push(b"1")

    assert await box.outbox.flushed() is False


async def test_there_is_room_for_a_batch_once_most_is_written() -> None:
    box, socket = Box(), Socket()
    for _ in range(4):
        box.outbox.push(b"x")

    await pumped(box, socket, box.outbox.room)

    assert len(box.outbox._waiting) <= 2


async def test_a_peer_that_makes_no_room_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM_TIMEOUT_S", 0.01)
    box = Box()
    for _ in range(4):
        box.outbox.push(b"x")

    with anyio.fail_after(20):
        await box.outbox.room()
        await box.outbox.room()

    assert box.slow == 1
