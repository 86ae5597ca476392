import logging
from typing import Any, cast

import pytest
from redis.exceptions import NoPermissionError, ResponseError

from codelab_runtime.connection import Connection
from codelab_runtime.eviction import ASK_S, Eviction, EvictionPolicyError
from fakes.clock import HandClock


class Telling:
    """A client of a store that answers, and tells its policy, or an error."""

    def __init__(self, policy: str | Exception) -> None:
        self.policy = policy
        self.asked = 0

    async def ping(self) -> bool:
        return True

    async def info(self, section: str) -> dict[str, str]:
        assert section == "memory"
        self.asked += 1
        if isinstance(self.policy, Exception):
            raise self.policy
        return {"maxmemory_policy": self.policy}


def judged(store: Telling, clock: HandClock, *, is_allowed: bool = False) -> Eviction:
    return Eviction(Connection(cast("Any", store)), clock, is_allowed=is_allowed)


async def test_a_store_that_keeps_everything_is_safe() -> None:
    eviction = judged(Telling("noeviction"), HandClock())

    await eviction.look()

    assert eviction.is_safe
    await eviction.check()


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_store_that_drops_entries_fails_its_check_by_name(
    policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    eviction = judged(Telling(policy), HandClock())

    await eviction.look()

    assert not eviction.is_safe
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    with pytest.raises(EvictionPolicyError, match=policy):
        await eviction.check()


async def test_it_is_asked_for_now_and_then() -> None:
    store, clock = Telling("allkeys-lru"), HandClock()
    eviction = judged(store, clock)
    await eviction.look()
    store.policy = "noeviction"

    clock.advance(ASK_S - 0.1)
    await eviction.look()
    early = (store.asked, eviction.is_safe)
    clock.advance(0.1)
    await eviction.look()

    assert (early, store.asked, eviction.is_safe) == ((1, False), 2, True)


@pytest.mark.parametrize("refusal", [NoPermissionError("no"), ResponseError("unknown command")])
async def test_a_store_that_does_not_tell_is_trusted_and_not_asked_again(
    refusal: ResponseError,
) -> None:
    store, clock = Telling(refusal), HandClock()
    eviction = judged(store, clock)

    for _ in range(3):
        await eviction.look()
        clock.advance(ASK_S)

    assert (store.asked, eviction.is_safe) == (1, True)


async def test_where_any_policy_is_allowed_nobody_asks() -> None:
    store = Telling("allkeys-lru")
    eviction = judged(store, HandClock(), is_allowed=True)

    await eviction.look()

    assert (store.asked, eviction.is_safe) == (0, True)


async def test_a_store_that_is_away_is_asked_again() -> None:
    store = Telling(ConnectionError())
    eviction = judged(store, HandClock())
    with pytest.raises(ConnectionError):
        await eviction.look()

    store.policy = "allkeys-lru"
    await eviction.look()

    assert eviction.policy == "allkeys-lru"
