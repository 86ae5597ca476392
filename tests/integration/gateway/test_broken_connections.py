"""Sockets that end at every frame of a turn: the turn completes, and nothing is left behind."""

import anyio
import httpx2
import pytest

from harness.services import Services
from harness.sockets import RawSocket, opened

ALICE = {"Authorization": "Bearer a-token-of-alice-long-enough"}
FRAMES = 9
"""Of the turn below, as a version 1 client sees it."""


async def end(socket: RawSocket, how: str) -> None:
    """Leave, in peace or not."""
    if how == "close":
        await socket.socket.close()
    else:
        socket.socket.transport.abort()


async def gauge(platform: Services) -> float:
    """Open connections, as the gateway counts them."""
    async with httpx2.AsyncClient(base_url=platform.gateway_url, trust_env=False) as http:
        text = (await http.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("gateway_ws_connections ")]
    return float(lines[0].split()[1])


async def state(platform: Services, session_id: str) -> str:
    """What the session is doing."""
    async with httpx2.AsyncClient(base_url=platform.gateway_url, trust_env=False) as http:
        answer = await http.get(f"/api/v1/sessions/{session_id}", headers=ALICE)
    return str(answer.json()["state"])


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("read", range(FRAMES))
async def test_a_connection_that_breaks_costs_nothing(
    platform: Services, session_id: str, how: str, read: int
) -> None:
    """G-08: cut after each frame; the next connection sees the whole turn, once."""
    url = f"{platform.socket_url}/ws/{session_id}"
    async with opened(url, additional_headers=ALICE) as first:
        welcome = await first.hello("a")
        await first.send({"type": "user_message", "content": "write 5 tokens", "cid": "k1"})
        await first.until("ok")
        for _ in range(read):  # a turn may have fewer frames: text that waits is joined
            if (await first.receive())["type"] == "turn_completed":
                break
        await end(first, how)
    seen = [frame for frame in first.seen if "seq" in frame]
    last = seen[-1]["seq"] if seen else 0

    async with opened(url, additional_headers=ALICE) as second:
        await second.hello("a", resume={"epoch": welcome["epoch"], "seq": last})
        if "turn_completed" not in [frame["type"] for frame in seen]:
            await second.until("turn_completed")
    events = seen + [frame for frame in second.seen if "seq" in frame]
    with anyio.fail_after(10):
        while await gauge(platform):
            await anyio.lowlevel.checkpoint()
        while await state(platform, session_id) != "idle":
            await anyio.lowlevel.checkpoint()

    texts = [frame["token"] for frame in events if frame["type"] == "assistant_message"]
    assert [frame["seq"] for frame in events] == list(range(1, len(events) + 1))
    assert "".join(texts).split() == [f"t{number:05d}" for number in range(1, 6)]
