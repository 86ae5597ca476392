"""One request id from the client's connection to the provider's request."""

import logging
import re
from collections.abc import Iterator

import pytest

from codelab_core.observability import REQUEST_ID, SERVICE, SESSION_ID
from harness.services import Services
from harness.sockets import opened

ALICE = {"Authorization": "Bearer a-token-of-alice-long-enough"}


class Lines(logging.Handler):
    """Which service logged under which request id."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.seen: set[tuple[str, str]] = set()
        self.sessions: set[tuple[str, str]] = set()

    def emit(self, _record: logging.LogRecord) -> None:
        self.seen.add((SERVICE.get(), REQUEST_ID.get()))
        self.sessions.add((REQUEST_ID.get(), SESSION_ID.get()))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


async def talk(platform: Services, session_id: str, request_id: str) -> None:
    """A whole turn on a connection that came with this id."""
    headers = ALICE | {"X-Request-Id": request_id}
    url = f"{platform.socket_url}/ws/{session_id}"
    async with opened(url, additional_headers=headers) as socket:
        await socket.send({"type": "user_message", "content": "echo hi"})
        await socket.final()


async def test_all_services_log_under_the_id_of_the_connection(
    platform: Services, session_id: str, lines: Lines
) -> None:
    """G-05, W-08."""
    await talk(platform, session_id, "r-42")

    assert {("gateway", "r-42"), ("agent-runtime", "r-42"), ("llm-proxy", "r-42")} <= lines.seen
    assert ("r-42", session_id) in lines.sessions


@pytest.mark.parametrize("given", ["a b", "x" * 65, "<script>"])
async def test_an_id_that_is_none_is_replaced(
    platform: Services, session_id: str, lines: Lines, given: str
) -> None:
    await talk(platform, session_id, given)

    ids = {request_id for service, request_id in lines.seen if service == "llm-proxy"}
    assert len(ids) == 1
    assert all(re.fullmatch("[0-9a-f]{16}", request_id) for request_id in ids)
