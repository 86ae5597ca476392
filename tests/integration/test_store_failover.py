"""The store fails over and loses the end of a log: the client is told, and its turn goes on."""

import json
from pathlib import Path

import anyio

from harness.sentinels import watched
from harness.services import services
from harness.sockets import Frame, RawSocket, opened, text_of

WORDS = 600
ANSWER = " ".join(f"t{n:05d}" for n in range(1, WORDS + 1))
FAILOVER_S = 60


async def rest_of_turn(socket: RawSocket) -> list[Frame]:
    """Frames up to the end of the turn, however long the store is away."""
    frames: list[Frame] = []
    with anyio.fail_after(FAILOVER_S):
        while not frames or frames[-1]["type"] != "turn_completed":
            frames.append(json.loads(await socket.socket.recv()))
    return frames


async def test_a_client_is_resynced_and_its_turn_goes_on(tmp_path: Path) -> None:
    say = {
        "type": "user_message",
        "cid": "m1",
        "content": f"write {WORDS} tokens at 100 per second",
    }
    async with (
        watched(tmp_path) as store,
        services(store.url, tmp_path) as running,
        opened(f"{running.socket_url}/ws/s1") as socket,
    ):
        welcome = await socket.hello()
        await socket.send(say)
        await socket.until("assistant_message")
        await store.cut_off("two")
        lost = await socket.until(lambda frame: frame.get("seq", 0) > 30)

        await store.kill("one")
        frames = await rest_of_turn(socket)

    at = [frame["type"] for frame in frames].index("resync")
    before, resync, events = frames[:at], frames[at], frames[at + 1 :]
    assert {frame["type"] for frame in before} <= {"assistant_message", "status"}
    assert lost["type"] == "assistant_message"
    assert resync["epoch"] != welcome["epoch"]
    assert resync["reason"] == "epoch_changed"
    assert resync["seq"] < lost["seq"] + len(before)
    numbers = [event["seq"] for event in events if "seq" in event]
    assert numbers == [resync["seq"] + n for n in range(1, len(numbers) + 1)]
    shown = resync["snapshot"]["messages"][-1]
    assert shown["content"] + text_of(events) == ANSWER
