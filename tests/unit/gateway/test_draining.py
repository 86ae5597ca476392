import asyncio

import anyio

from fakes.fake_runtime import FakeRuntime
from harness.front import Front
from harness.sockets import opened, refusal


async def drained(gateway: Front) -> None:
    await gateway.running.drain()


async def test_clients_are_told_then_closed_and_nobody_new_is_admitted(gateway: Front) -> None:
    url = f"{gateway.socket_url}/ws/s"
    with anyio.fail_after(10):
        async with opened(url) as v1, opened(url) as plain:
            await v1.hello()
            await plain.send({"type": "ping"})
            await plain.until("pong")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(drained(gateway))
                status = await v1.receive()
                status_code, error, headers = await refusal(url)
                ends = [await v1.closed(), await plain.closed()]
    ready = await gateway.ask("GET", "/health/ready")
    live = await gateway.ask("GET", "/health/live")

    assert status == {"type": "status", "state": "draining"}
    assert ends == [(4503, "UNAVAILABLE retry_after_ms=0")] * 2
    assert (status_code, error["class"], headers["retry-after"]) == (503, "draining", "0")
    assert [frame["type"] for frame in plain.seen] == ["pong"]
    assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
    assert live.status_code == 200


async def test_without_clients_a_drain_is_over_at_once(gateway: Front) -> None:
    with anyio.fail_after(1):
        await gateway.running.drain()


async def test_the_runtime_hears_of_everybody_who_was_closed(
    runtime: FakeRuntime, gateway: Front
) -> None:
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        await socket.hello()
        await gateway.running.drain()
        await socket.closed()

    assert len(await runtime.until("/detach")) == 1
