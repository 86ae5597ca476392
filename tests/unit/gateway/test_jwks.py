from collections.abc import Iterator

import anyio
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.identity import JwtVerifier
from codelab_gateway.jwks import MAX_BYTES, Jwks
from fakes.clock import HandClock
from fakes.http_server import OneAnswerServer, Reply, http_server
from fakes.issuer import AUDIENCE, ISSUER, Signer, ec_key, jwk, published

OLD, NEW = ec_key("old"), ec_key("new")
OLD_SET = Reply(200, published(jwk(OLD, kid="old")))
BOTH = Reply(200, published(jwk(OLD, kid="old"), jwk(NEW, kid="new")))
OLD_TOKEN, NEW_TOKEN = Signer(OLD, "old").token(), Signer(NEW, "new").token()


@pytest.fixture
def issuer() -> Iterator[OneAnswerServer]:
    with http_server(OLD_SET) as server:
        yield server


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def keys(issuer: OneAnswerServer, clock: HandClock) -> Jwks:
    return Jwks(f"{issuer.url}/jwks", JwtVerifier(None, "RS256", ISSUER, AUDIENCE), clock)


async def principal(keys: Jwks, token: str) -> str:
    return (await keys.verifier(token)).verify(token)


async def refusal(keys: Jwks, token: str) -> tuple[Code, str | None]:
    with pytest.raises(CodelabError) as refused:
        await principal(keys, token)
    return refused.value.code, refused.value.reason


async def test_keys_are_fetched_once_for_ten_minutes(
    keys: Jwks, issuer: OneAnswerServer, clock: HandClock
) -> None:
    names = [await principal(keys, OLD_TOKEN) for _ in range(3)]
    clock.advance(599)
    await principal(keys, OLD_TOKEN)
    fetched = list(issuer.requests)
    clock.advance(1)
    await principal(keys, OLD_TOKEN)

    assert names == ["alice"] * 3
    assert fetched == [("GET", "/jwks", None)]
    assert len(issuer.requests) == 2


async def test_a_token_of_a_new_key_is_good_at_once(
    keys: Jwks, issuer: OneAnswerServer, clock: HandClock
) -> None:
    await principal(keys, OLD_TOKEN)
    issuer.reply = BOTH
    clock.advance(30)

    assert await principal(keys, NEW_TOKEN) == "alice"


async def test_unknown_keys_cost_one_fetch_in_30_seconds(
    keys: Jwks, issuer: OneAnswerServer, clock: HandClock
) -> None:
    await principal(keys, OLD_TOKEN)
    clock.advance(30)

    refusals = {await refusal(keys, Signer(NEW, f"x{n}").token()) for n in range(20)}

    assert refusals == {(Code.UNAUTHORIZED, "invalid")}
    assert len(issuer.requests) == 2


async def test_a_key_that_is_no_longer_published_is_no_longer_good(
    keys: Jwks, issuer: OneAnswerServer, clock: HandClock
) -> None:
    await principal(keys, OLD_TOKEN)
    issuer.reply = Reply(200, published(jwk(NEW, kid="new")))
    clock.advance(600)

    assert await refusal(keys, OLD_TOKEN) == (Code.UNAUTHORIZED, "invalid")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(503), id="down"),
        pytest.param(Reply(302), id="redirect"),
        pytest.param(Reply(200, b"<html>"), id="no-key-set"),
        pytest.param(Reply(200, b" " * (MAX_BYTES + 1)), id="too-large"),
    ],
)
async def test_old_keys_stay_good_while_there_are_no_others(
    keys: Jwks, issuer: OneAnswerServer, clock: HandClock, reply: Reply
) -> None:
    await principal(keys, OLD_TOKEN)
    issuer.reply = reply
    clock.advance(10_000)

    assert await principal(keys, OLD_TOKEN) == "alice"


async def test_without_any_keys_the_client_is_told_to_come_back(
    keys: Jwks, issuer: OneAnswerServer, clock: HandClock
) -> None:
    issuer.reply = Reply(503)
    first, second = await refusal(keys, OLD_TOKEN), await refusal(keys, OLD_TOKEN)
    asked = len(issuer.requests)
    issuer.reply = OLD_SET
    clock.advance(1)

    assert first == second == (Code.UNAVAILABLE, None)
    assert asked == 1
    assert await principal(keys, OLD_TOKEN) == "alice"


async def test_many_callers_share_one_fetch(keys: Jwks, issuer: OneAnswerServer) -> None:
    names: list[str] = []

    async def ask() -> None:
        names.append(await principal(keys, OLD_TOKEN))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(ask)

    assert names == ["alice"] * 20
    assert len(issuer.requests) == 1
