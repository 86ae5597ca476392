"""What agents' services say of themselves."""

import asyncio
from collections.abc import Callable

import orjson
import pytest

from codelab_operator.asking import SETTLED_S, UNSETTLED_S, Asking
from codelab_operator.findings import Health
from codelab_operator.health import TICK_S, HealthChecks, read_checks
from codelab_operator.observations import AgentKey
from fakes.clock import HandClock
from fakes.cluster.server import FakeCluster
from fakes.http_server import Reply, http_server
from harness.waiting import until

A = AgentKey("ns", "a")
URL = "/health/{namespace}/{service}"
BOTH = Asking(("runtime", "llmproxy"))
OFTEN = Asking(("runtime",))
SELDOM = Asking(("runtime",), SETTLED_S)


@pytest.mark.parametrize(
    ("reply", "checks"),
    [
        pytest.param(Reply(200, b'{"checks":{"redis":"ok"}}'), {"redis": "ok"}, id="ok"),
        pytest.param(
            Reply(503, b'{"checks":{"redis":"timeout"}}'), {"redis": "timeout"}, id="not-ready"
        ),
        pytest.param(Reply(200, b'{"checks":{"n":1}}'), {"n": "1"}, id="no-text"),
        pytest.param(Reply(200, b'{"checks":[]}'), None, id="no-table"),
        pytest.param(Reply(200, b"[]"), None, id="no-object"),
        pytest.param(Reply(502, b"<html>"), None, id="no-json"),
        pytest.param(Reply(200, b'"' + b"x" * 100_000 + b'"'), None, id="endless"),
    ],
)
def test_checks_are_read_from_any_answer(reply: Reply, checks: object) -> None:
    with http_server(reply) as server:
        assert read_checks(server.url) == checks


def test_texts_of_checks_are_cut() -> None:
    body = orjson.dumps({"checks": {"redis": "x" * 1000}})

    with http_server(Reply(200, body)) as server:
        found = read_checks(server.url)

    assert found == {"redis": "x" * 256}


def test_a_service_that_is_not_there_has_no_checks() -> None:
    assert read_checks("http://127.0.0.1:1/health") is None


class Asked:
    """Checks that run; agents whose facts changed."""

    def __init__(self, cluster: FakeCluster, clock: HandClock) -> None:
        self.clock = clock
        self.changed: list[AgentKey] = []
        self.checks = HealthChecks(
            cluster.url + URL, clock, lambda low, _: low, self.changed.append
        )

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Ask until something is so."""
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.checks.run())
            await until(is_so)
            running.cancel()


async def test_facts_of_both_services_come_and_their_change_is_told_once(
    cluster: FakeCluster, clock: HandClock
) -> None:
    asked = Asked(cluster, clock)
    cluster.health = {
        "ns/runtime": {"checks": {"redis": "ok"}},
        "ns/a-runtime": {"checks": {"redis": "ok"}},
        "ns/a-llmproxy": {"checks": {"scripted": "ok"}},
    }
    asked.checks.follow(A, BOTH)

    await asked.until(lambda: bool(asked.changed))
    clock.advance(UNSETTLED_S)
    await asked.until(lambda: clock.now < asked.checks._due[A] < float("inf"))

    assert asked.changed == [A]
    assert asked.checks.of(A) == Health({"redis": "ok"}, {"scripted": "ok"})


async def test_an_unsettled_agent_is_asked_every_ten_seconds_and_a_settled_one_each_minute(
    cluster: FakeCluster, clock: HandClock
) -> None:
    asked = Asked(cluster, clock)
    cluster.health = {"ns/a-runtime": {"checks": {"n": "1"}}}
    asked.checks.follow(A, OFTEN)
    await asked.until(lambda: len(asked.changed) == 1)

    due_unsettled = asked.checks._due[A] - clock.now
    cluster.health = {"ns/a-runtime": {"checks": {"n": "2"}}}
    asked.checks.follow(A, SELDOM)
    await asked.until(lambda: len(asked.changed) == 2)

    assert due_unsettled == UNSETTLED_S
    assert asked.checks._due[A] - clock.now == pytest.approx(SETTLED_S * 0.8)
    assert TICK_S < UNSETTLED_S


async def test_an_agent_that_is_no_more_settled_is_asked_at_once(
    cluster: FakeCluster, clock: HandClock
) -> None:
    asked = Asked(cluster, clock)
    cluster.health = {"ns/a-runtime": {"checks": {"n": "1"}}}
    asked.checks.follow(A, SELDOM)
    await asked.until(lambda: len(asked.changed) == 1)
    cluster.health = {}

    asked.checks.follow(A, OFTEN)
    await asked.until(lambda: len(asked.changed) == 2)

    assert asked.checks.of(A) == Health()


async def test_an_agent_is_not_put_off_by_being_followed_again(
    cluster: FakeCluster, clock: HandClock
) -> None:
    asked = Asked(cluster, clock)
    asked.checks.follow(A, OFTEN)
    due = asked.checks._due[A]

    clock.advance(UNSETTLED_S / 2)
    asked.checks.follow(A, OFTEN)

    assert asked.checks._due == {A: due}


async def test_what_a_service_without_pods_said_is_forgotten(
    cluster: FakeCluster, clock: HandClock
) -> None:
    asked = Asked(cluster, clock)
    cluster.health = {"ns/a-llmproxy": {"checks": {"scripted": "ok"}}}
    asked.checks.follow(A, Asking(("llmproxy",)))
    await asked.until(lambda: asked.changed == [A])

    asked.checks.follow(A, Asking())

    assert asked.checks._due == {}
    assert asked.checks.of(A) == Health()


async def test_nothing_is_known_of_an_agent_that_was_never_asked(
    cluster: FakeCluster, clock: HandClock
) -> None:
    asked = Asked(cluster, clock)

    asked.checks.follow(A, SELDOM)

    assert asked.checks.of(A) is None


async def test_an_agent_that_is_gone_is_forgotten(cluster: FakeCluster, clock: HandClock) -> None:
    asked = Asked(cluster, clock)
    cluster.health = {"ns/a-runtime": {"checks": {"n": "1"}}}
    asked.checks.follow(A, SELDOM)
    await asked.until(lambda: len(asked.changed) == 1)

    asked.checks.forget(A)
    await asked.checks._ask(A)  # it was on its way

    assert asked.checks.of(A) is None
    assert asked.checks._due == {}
