from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.clock import jitter_source
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.frames import Hello
from codelab_core.server import cancelled_at_end
from codelab_core.settings import GatewaySettings
from codelab_gateway import handshake as module
from codelab_gateway.endpoints import Endpoints
from codelab_gateway.handshake import Beginning, Party, attach, beginning, snapshot, welcome
from codelab_gateway.membership import Membership
from codelab_gateway.metrics import Metrics
from codelab_gateway.runtime_client import RuntimeClient, Timeouts
from fakes.clock import HandClock
from fakes.fake_runtime import EPOCH, FakeRuntime, Reply

PARTY = Party("s", "alice", "x_1", "a1b2", "driver", "v1")
OTHER_EPOCH = "0" * 16


@pytest.fixture
async def client(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RuntimeClient]:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    endpoints = Endpoints(runtime.url, HandClock(), Metrics(CollectorRegistry()))
    timeouts = Timeouts(budget_s=0.3)
    async with RuntimeClient(endpoints, None, jitter_source(), timeouts) as opened:
        yield opened


@pytest.fixture
async def membership(client: RuntimeClient) -> AsyncIterator[Membership]:
    async with cancelled_at_end() as tasks:
        yield Membership(client, tasks)


@pytest.fixture
def ways(client: RuntimeClient, membership: Membership) -> tuple[RuntimeClient, Membership]:
    return client, membership


def hello(epoch: str | None = None, seq: int = 0) -> Hello:
    fields: dict[str, Any] = {"type": "hello", "version": 1, "client": {"id": "a1b2"}}
    if epoch:
        fields["resume"] = {"epoch": epoch, "seq": seq}
    return Hello.model_validate(fields)


def log_ends_at(runtime: FakeRuntime, head: int) -> None:
    runtime.replies["/attach"] = [Reply(200, {"epoch": EPOCH, "head": head})]
    body = {"epoch": EPOCH, "seq": head, "snapshot": {"messages": []}}
    runtime.replies["/snapshot"] = [Reply(200, body)]


async def test_attaching_names_the_party(runtime: FakeRuntime, membership: Membership) -> None:
    party = Party("s", "alice", "x_1", "a1b2", "observer", "v1", ["read_file"], create=False)

    answer = await attach(membership, party)

    assert answer["epoch"] == EPOCH
    assert runtime.asked[0].body == {
        "session_id": "s",
        "connection_id": "x_1",
        "client_id": "a1b2",
        "role": "observer",
        "mode": "v1",
        "create": False,
        "tools": ["read_file"],
    }
    assert "tools" not in PARTY.body()


async def test_attaching_waits_for_a_runtime(runtime: FakeRuntime, membership: Membership) -> None:
    away = Reply.refusal(503, "UNAVAILABLE", "draining")
    runtime.replies["/attach"] = [away, away, away, Reply(200, {"epoch": EPOCH, "head": 3})]

    with anyio.fail_after(20):
        answer = await attach(membership, PARTY)

    assert answer == {"epoch": EPOCH, "head": 3}


async def test_a_refusal_ends_the_attempt(runtime: FakeRuntime, membership: Membership) -> None:
    runtime.replies["/attach"] = [Reply.refusal(410, "SESSION_EXPIRED")]

    with pytest.raises(CodelabError) as refused:
        await attach(membership, PARTY)

    assert refused.value.code is Code.SESSION_EXPIRED


@pytest.mark.parametrize(
    ("head", "greeting", "expected"),
    [
        pytest.param(0, hello(), Beginning(EPOCH, 0, 0), id="empty-session"),
        pytest.param(0, None, Beginning(EPOCH, 0, 0), id="plain-on-an-empty-session"),
        pytest.param(9, hello(EPOCH, 7), Beginning(EPOCH, 7, 9), id="resumed"),
        pytest.param(9, hello(EPOCH, 9), Beginning(EPOCH, 9, 9), id="resumed-at-the-head"),
        pytest.param(
            9,
            hello(),
            Beginning(EPOCH, 9, 9, {"messages": []}, "first_attach"),
            id="first-time",
        ),
        pytest.param(
            9, hello(EPOCH, 10), Beginning(EPOCH, 9, 9, {"messages": []}, "ahead"), id="ahead"
        ),
        pytest.param(
            9,
            hello(OTHER_EPOCH, 3),
            Beginning(EPOCH, 9, 9, {"messages": []}, "epoch_changed"),
            id="another-epoch",
        ),
        pytest.param(
            0,
            hello(OTHER_EPOCH, 3),
            Beginning(EPOCH, 0, 0, {"messages": []}, "epoch_changed"),
            id="another-epoch-of-an-empty-session",
        ),
    ],
)
async def test_a_client_starts_where_it_was_or_from_a_snapshot(
    runtime: FakeRuntime,
    ways: tuple[RuntimeClient, Membership],
    head: int,
    greeting: Hello | None,
    expected: Beginning,
) -> None:
    log_ends_at(runtime, head)

    assert await beginning(*ways, PARTY, greeting) == expected


async def test_a_snapshot_is_waited_for(runtime: FakeRuntime, client: RuntimeClient) -> None:
    good = {"epoch": EPOCH, "seq": 4, "snapshot": {}}
    away = Reply.refusal(503, "UNAVAILABLE", "store_unavailable")
    runtime.replies["/snapshot"] = [away, away, away, Reply(200, good)]

    with anyio.fail_after(20):
        assert await snapshot(client, PARTY) == good


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(Reply(0), Code.RESYNC_FAILED, id="none-in-10-s"),
        pytest.param(Reply.refusal(404, "SESSION_NOT_FOUND"), Code.SESSION_NOT_FOUND, id="refused"),
    ],
)
async def test_without_a_snapshot_there_is_no_beginning(
    runtime: FakeRuntime,
    client: RuntimeClient,
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
    code: Code,
) -> None:
    monkeypatch.setattr(module, "SNAPSHOT_TIMEOUT_S", 0.1)
    runtime.replies["/snapshot"] = [reply]

    with anyio.fail_after(20), pytest.raises(CodelabError) as refused:
        await snapshot(client, PARTY)

    assert refused.value.code is code


@pytest.mark.parametrize(
    ("begin", "resumed", "replay"),
    [
        (Beginning(EPOCH, 0, 0), False, "none"),
        (Beginning(EPOCH, 7, 9), True, "tail"),
        (Beginning(EPOCH, 9, 9, {"messages": []}), False, "snapshot"),
        (Beginning(EPOCH, 9, 9, {"messages": []}), True, "snapshot"),
        (Beginning(EPOCH, 9, 9, {}), True, "snapshot"),
    ],
)
def test_the_welcome_says_how_the_client_catches_up(
    begin: Beginning, replay: str, *, resumed: bool
) -> None:
    frame = welcome(PARTY, begin, resumed=resumed, settings=GatewaySettings.exactly())

    assert frame.encode() == (
        b'{"type":"welcome","version":1,"session_id":"s","connection_id":"x_1",'
        b'"epoch":"9f0c1d2e3a4b5c6d","head":%d,"replay":"%s","heartbeat_ms":15000,'
        b'"limits":{"max_frame_bytes":1048576,"max_user_message_chars":10000,'
        b'"max_queued_messages":16},"server":{"name":"codelab-gateway","version":"%s"},'
        b'"features":["steer","review_lines"]}'
        % (begin.head, replay.encode(), frame.server.version.encode())
    )


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Party("s", "alice", "x_2", "a1b2", "observer", "v1"), True),
        (Party("s", "alice", "x_2", "c3", "driver", "v1"), False),
        (Party("s2", "alice", "x_2", "a1b2", "driver", "v1"), False),
        (Party("s", "bob", "x_2", "a1b2", "driver", "v1"), False),
    ],
)
def test_one_installation_is_one_client_per_session(other: Party, *, expected: bool) -> None:
    assert PARTY.is_same_client(other) is expected
