from collections.abc import AsyncIterator

import anyio
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.clock import jitter_source
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.server import cancelled_at_end
from codelab_gateway import membership as module
from codelab_gateway.endpoints import Endpoints
from codelab_gateway.membership import Membership
from codelab_gateway.metrics import Metrics
from codelab_gateway.runtime_client import RuntimeClient
from fakes.clock import HandClock
from fakes.fake_runtime import EPOCH, FakeRuntime, Reply

BODY = {"session_id": "s", "connection_id": "x_1", "mode": "v1"}


@pytest.fixture
async def membership(runtime: FakeRuntime) -> AsyncIterator[Membership]:
    endpoints = Endpoints(runtime.url, HandClock(), Metrics(CollectorRegistry()))
    async with (
        RuntimeClient(endpoints, None, jitter_source()) as client,
        cancelled_at_end() as tasks,
    ):
        yield Membership(client, tasks)


async def test_joining_and_leaving_are_told(runtime: FakeRuntime, membership: Membership) -> None:
    answer = await membership.attach("alice", BODY)
    membership.leave("s", "alice", "x_1")
    await membership.settled()

    assert answer["epoch"] == EPOCH
    assert [(asked.path, asked.body) for asked in runtime.asked] == [
        ("/agent/attach", BODY),
        ("/agent/detach", {"session_id": "s", "connection_id": "x_1"}),
    ]


async def test_a_refusal_is_raised_and_harms_nobody_else(
    runtime: FakeRuntime, membership: Membership
) -> None:
    runtime.replies["/attach"].insert(0, Reply.refusal(404, "SESSION_NOT_FOUND"))

    with pytest.raises(CodelabError) as refused:
        await membership.attach("alice", BODY)
    second = await membership.attach("alice", BODY)

    assert refused.value.code is Code.SESSION_NOT_FOUND
    assert second["head"] == 0


async def test_leaving_never_overtakes_a_joining_that_was_given_up(
    runtime: FakeRuntime, membership: Membership
) -> None:
    """Else the runtime keeps a driver that is gone."""
    hold = runtime.hold("/attach")
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(membership.attach, "alice", BODY)
            await runtime.until("/attach")
            tasks.cancel_scope.cancel()
        membership.leave("s", "alice", "x_1")
        for _ in range(3):  # so that a detach on its way would have arrived
            await membership._client.check()
        before = len(runtime.of("/detach"))
        hold.set()
        await runtime.until("/detach")

    assert before == 0
    assert len(runtime.of("/attach")) == 1


async def test_a_leaving_that_is_refused_is_let_go(
    runtime: FakeRuntime, membership: Membership
) -> None:
    runtime.replies["/detach"] = [Reply.refusal(404, "SESSION_NOT_FOUND")]

    membership.leave("s", "alice", "x_1")
    with anyio.fail_after(20):
        await membership.settled()
        await membership.settled()

    assert len(runtime.of("/detach")) == 1


async def test_waiting_for_those_who_left_has_an_end(
    runtime: FakeRuntime, membership: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLE_TIMEOUT_S", 0.01)
    runtime.replies["/detach"] = [Reply(0)]

    membership.leave("s", "alice", "x_1")
    with anyio.fail_after(1):
        await membership.settled()
