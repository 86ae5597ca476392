"""What the original clients rely on (docs/protocol.md, plain mode)."""

import pytest

from harness.services import Services
from harness.sockets import opened, text_of

NULLS = dict.fromkeys(
    [
        "role",
        "is_final",
        "call_id",
        "tool_name",
        "arguments",
        "requires_approval",
        "result",
        "error",
        "agent_type",
        "from_agent",
        "to_agent",
        "reason",
        "metadata",
        "token",
    ]
)


@pytest.mark.parametrize("path", ["/ws/cli-session", "/api/v1/ws/cli-session"])
async def test_a_client_that_knows_nothing_gets_an_answer(platform: Services, path: str) -> None:
    """P1, P2, P5, P6, P15, W-01, W-02."""
    async with opened(platform.socket_url + path) as socket:
        await socket.send({"type": "user_message", "content": "echo Привет мир"})

        frames = await socket.final()

    assert {frame["type"] for frame in frames} == {"assistant_message"}
    assert all(frame["token"] == frame["content"] for frame in frames)
    assert all(frame["token"] for frame in frames[:-1])
    assert [frame["is_final"] for frame in frames] == [False] * (len(frames) - 1) + [True]
    assert text_of(frames) == "Echo: Привет мир"


async def test_fourteen_null_fields_are_accepted(platform: Services) -> None:
    """P3."""
    async with opened(f"{platform.socket_url}/ws/nulls") as socket:
        await socket.send({"type": "user_message", "content": "echo hello", **NULLS})

        frames = await socket.final()

    assert text_of(frames) == "Echo: hello"
