from typing import Any, cast

import fakeredis
import pytest
from redis.exceptions import OutOfMemoryError, ResponseError
from redis.exceptions import TimeoutError as StoreTimeoutError

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.connection import (
    TRIES,
    Call,
    Connection,
    Script,
    as_codelab_error,
    client,
    reached,
)


class Flaky(Connection):
    """A connection that loses its first replies."""

    def __init__(self, redis: Any, losses: int) -> None:
        super().__init__(redis)
        self.losses = losses

    async def _pipeline(self, calls: Any) -> list[Any]:
        replies = await super()._pipeline(calls)
        if self.losses:
            self.losses -= 1
            raise StoreTimeoutError("lost")
        return replies


def due_call() -> Call:
    return Call(Script.load("due"), ["ready", "lease"], [10, 3000])


@pytest.mark.parametrize("name", ["claim", "commit"])
def test_a_script_is_known_by_the_hash_of_its_text(name: str) -> None:
    script = Script.load(name)

    assert len(script.sha) == 40
    assert (b"local function now_ms" in script.text) == (name == "claim")


async def test_a_lost_reply_is_asked_for_again() -> None:
    redis = fakeredis.FakeAsyncRedis(protocol=3)
    connection = Flaky(redis, TRIES - 1)

    assert await connection.run(due_call()) == [0]
    await connection.close()


async def test_a_server_that_stays_silent_is_unavailable() -> None:
    connection = Flaky(fakeredis.FakeAsyncRedis(protocol=3), TRIES)

    with pytest.raises(CodelabError) as caught:
        await connection.run(due_call())

    assert (caught.value.code, caught.value.reason) == (Code.UNAVAILABLE, "store_unavailable")
    await connection.close()


async def test_a_script_that_fails_is_an_error_of_its_own() -> None:
    connection = Connection(fakeredis.FakeAsyncRedis(protocol=3))

    with pytest.raises(CodelabError, match="UNAVAILABLE"):
        await connection.run(Call(Script.load("due"), [], []))

    await connection.close()


async def test_the_server_is_asked_for_its_time() -> None:
    connection = Connection(fakeredis.FakeAsyncRedis(protocol=3))

    await connection.ping()
    now_ms = await connection.now_ms()

    assert now_ms > 1_700_000_000_000
    await connection.close()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OutOfMemoryError("no room"), "store_full"),
        (ResponseError("OOM command not allowed"), "store_full"),
        (ResponseError("MISCONF Redis is configured to save"), "store_full"),
        (ResponseError("wrong"), "store_unavailable"),
        (OSError("refused"), "store_unavailable"),
    ],
)
async def test_errors_of_the_server_say_what_they_mean(error: Exception, reason: str) -> None:
    async def fails() -> None:
        raise error

    with pytest.raises(CodelabError) as caught:
        await reached(fails())

    assert as_codelab_error(error).reason == caught.value.reason == reason


def test_a_client_never_repeats_by_itself() -> None:
    options = cast("Any", client("redis://h:1/0")).connection_pool.connection_kwargs

    assert options["socket_timeout"] == 2.0
    assert options["socket_keepalive"]
    assert options["retry"]._retries == 0
