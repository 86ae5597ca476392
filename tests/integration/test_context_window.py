"""Long sessions, and the choice of a model, through all three services."""

from pathlib import Path

import aiohttp

from harness.services import Services, Wanted, services
from harness.sockets import opened, text_of

SMALL = "scripted/agent-4k"


async def test_two_hundred_turns_on_a_small_model_never_meet_the_end_of_its_window(
    store_server: str, tmp_path: Path
) -> None:
    """R-06, R-08."""
    fast = Wanted(gateway={"message_rate": 1_000.0, "command_rate": 1_000.0})
    async with (
        services(store_server, tmp_path, fast) as platform,
        opened(f"{platform.socket_url}/ws/long") as socket,
    ):
        for turn in range(200):
            text = f"echo turn {turn} " + "word " * 30
            await socket.send({"type": "user_message", "content": text, "model": SMALL})

            frames = await socket.final()

            assert [frame for frame in frames if frame["type"] == "error"] == []
            assert text_of(frames).startswith(f"Echo: turn {turn} ")


async def test_a_message_too_long_for_its_model_is_an_error_and_the_session_goes_on(
    platform: Services,
) -> None:
    async with opened(f"{platform.socket_url}/ws/too-long") as socket:
        await socket.send({"type": "user_message", "content": "x" * 9_900, "model": SMALL})
        frames = await socket.final()
        await socket.send({"type": "user_message", "content": "echo again", "model": SMALL})
        after = await socket.final()

    (error,) = [frame for frame in frames if frame["type"] == "error"]
    assert (error["code"], error["class"]) == ("CONTEXT_TOO_LONG", "context_length")
    assert text_of(after) == "Echo: again"


async def test_a_message_names_its_model_before_the_session_and_that_before_the_default(
    platform: Services,
) -> None:
    """R-09."""
    async with (
        aiohttp.ClientSession(platform.gateway_url) as http,
        opened(f"{platform.socket_url}/ws/chosen") as socket,
    ):
        await socket.hello()
        used = []
        for session, message in ((None, None), ("echo", None), (None, "scripted/agent-4k")):
            if session:
                await http.patch("/api/v1/sessions/chosen", json={"model": session})
            named = {"model": message} if message else {}
            await socket.send({"type": "user_message", "content": "echo a", **named})
            used.append((await socket.until("turn_completed"))["model"])

    assert used == ["scripted/agent", "echo", "scripted/agent-4k"]


async def test_an_unknown_model_is_an_error_that_lists_the_known_ones(platform: Services) -> None:
    """R-09."""
    async with opened(f"{platform.socket_url}/ws/unknown") as socket:
        await socket.send({"type": "user_message", "content": "hi", "model": "gpt-99"})

        frames = await socket.final()

    (error,) = [frame for frame in frames if frame["type"] == "error"]
    assert (error["code"], error["class"]) == ("NOT_FOUND", "unknown_model")
    assert {"default", "scripted/agent", "echo"} <= set(error["details"]["models"])
