import base64
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.identity import LEEWAY_S, Principal, token_digest
from codelab_core.middleware import Scope
from codelab_core.settings import GatewaySettings
from codelab_gateway.authentication import Authenticator, Identity, credential
from fakes.clock import HandClock

TOKEN = "a-client-token-of-good-length"
SECRET = "s" * 32
NO_HEADERS: dict[str, str] = {}


def scope(headers: dict[str, str] = NO_HEADERS, query: str = "", *offered: str) -> Scope:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {
        "headers": raw,
        "query_string": query.encode(),
        "subprotocols": list(offered),
        "client": ("203.0.113.5", 9),
    }


def bearer(token: str) -> Scope:
    return scope({"authorization": f"Bearer {token}"})


def in_subprotocol(token: str) -> str:
    return "codelab.bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def guard(tmp_path: Path, clock: HandClock) -> Authenticator:
    """Takes tokens of a file and tokens signed with a secret."""
    (tmp_path / "tokens").write_text(f"{token_digest(TOKEN)} alice\n")
    (tmp_path / "secret").write_text(SECRET)
    settings = GatewaySettings.exactly(
        auth_mode="token,jwt",
        tokens_file=tmp_path / "tokens",
        jwt_secret_file=tmp_path / "secret",
        allowed_origins="https://ide.example",
    )
    return Authenticator.load(settings, clock)


def signed(seconds: int = 600) -> tuple[str, int]:
    ends = int(time.time()) + seconds  # noqa: TID251 -- the library reads this clock too
    return jwt.encode({"sub": "bob", "exp": ends}, SECRET, algorithm="HS256"), ends


async def refusal(guard: Authenticator, request: Scope) -> tuple[Code, str | None]:
    with pytest.raises(CodelabError) as refused:
        await guard.admit(request)
    return refused.value.code, refused.value.reason


@pytest.mark.parametrize(
    "request_scope",
    [
        pytest.param(bearer(TOKEN), id="header"),
        pytest.param(scope({"authorization": f"bearer   {TOKEN} "}), id="header-in-other-words"),
        pytest.param(scope({}, "", "codelab.v1", in_subprotocol(TOKEN)), id="subprotocol"),
    ],
)
async def test_a_good_token_names_the_caller(guard: Authenticator, request_scope: Scope) -> None:
    assert await guard.admit(request_scope) == Identity(Principal("alice"))


async def test_a_signed_token_names_the_caller_and_its_end(guard: Authenticator) -> None:
    token, ends = signed()

    identity = await guard.admit(bearer(token))

    assert (identity.principal, identity.expires_s) == ("bob", ends + LEEWAY_S)


@pytest.mark.parametrize(
    ("request_scope", "expected"),
    [
        pytest.param(scope(), (Code.UNAUTHORIZED, "missing"), id="nothing"),
        pytest.param(scope({}, f"token={TOKEN}"), (Code.UNAUTHORIZED, "missing"), id="in-query"),
        pytest.param(
            scope({"authorization": f"Basic {TOKEN}"}), (Code.UNAUTHORIZED, "missing"), id="basic"
        ),
        pytest.param(
            scope({"x-internal-auth": TOKEN}), (Code.UNAUTHORIZED, "missing"), id="internal"
        ),
        pytest.param(bearer("x" * 24), (Code.UNAUTHORIZED, "invalid"), id="unknown"),
        pytest.param(bearer("\xff" * 24), (Code.UNAUTHORIZED, "invalid"), id="not-ascii"),
        pytest.param(bearer("a.b.c"), (Code.UNAUTHORIZED, "invalid"), id="no-jwt"),
        pytest.param(bearer(signed(-61)[0]), (Code.TOKEN_EXPIRED, None), id="expired"),
        pytest.param(
            scope({}, "", "codelab.bearer.???"), (Code.UNAUTHORIZED, "missing"), id="no-base64"
        ),
        pytest.param(
            scope({"origin": "https://evil.example", "authorization": f"Bearer {TOKEN}"}),
            (Code.FORBIDDEN, "origin"),
            id="foreign-page",
        ),
    ],
)
async def test_a_caller_without_a_good_token_is_refused(
    guard: Authenticator, request_scope: Scope, expected: tuple[Code, str | None]
) -> None:
    assert await refusal(guard, request_scope) == expected


async def test_a_page_of_an_allowed_origin_may_ask(guard: Authenticator) -> None:
    request = scope({"origin": "https://ide.example", "authorization": f"Bearer {TOKEN}"})

    assert (await guard.admit(request)).principal == "alice"


async def test_ten_bad_tokens_shut_an_address_out_for_a_minute(
    guard: Authenticator, clock: HandClock
) -> None:
    outcomes = [await refusal(guard, bearer("x" * 24)) for _ in range(10)]
    shut_out = await refusal(guard, bearer(TOKEN))
    in_band = scope()
    with pytest.raises(CodelabError, match="RATE_LIMIT"):
        await guard.verify(in_band, TOKEN)
    clock.advance(60)

    assert outcomes == [(Code.UNAUTHORIZED, "invalid")] * 10
    assert shut_out == (Code.RATE_LIMIT, "auth")
    assert (await guard.admit(bearer(TOKEN))).principal == "alice"


async def test_neither_missing_nor_expired_tokens_shut_anybody_out(guard: Authenticator) -> None:
    token, _ = signed(-61)
    for _ in range(20):
        await refusal(guard, scope())
        await refusal(guard, bearer(token))

    assert (await guard.admit(bearer(TOKEN))).principal == "alice"


async def test_a_table_alone_takes_no_signed_tokens_and_the_reverse(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"{token_digest(TOKEN)} alice\n")
    (tmp_path / "secret").write_text(SECRET)
    table = GatewaySettings.exactly(auth_mode="token", tokens_file=tmp_path / "tokens")
    secret = GatewaySettings.exactly(auth_mode="jwt", jwt_secret_file=tmp_path / "secret")
    invalid = (Code.UNAUTHORIZED, "invalid")

    assert await refusal(Authenticator.load(table), bearer(signed()[0])) == invalid
    assert await refusal(Authenticator.load(secret), bearer(TOKEN)) == invalid


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("localhost:8000", True),
        ("127.0.0.1", True),
        ("[::1]:8000", True),
        ("LOCALHOST", True),
        ("evil.example:8000", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
async def test_in_development_the_host_must_be_this_machine(host: str, *, is_allowed: bool) -> None:
    """DNS rebinding: a page of another name must not reach a gateway that asks for no token."""
    guard = Authenticator.load(GatewaySettings.exactly(auth_mode="dev", embedded=True))
    request = scope({"host": host})

    if is_allowed:
        assert (await guard.admit(request)).principal == "dev"
    else:
        assert await refusal(guard, request) == (Code.FORBIDDEN, "host")


@pytest.mark.parametrize(
    ("request_scope", "expected"),
    [
        pytest.param(scope({}, "stream=turn&token=abc"), "abc", id="query"),
        pytest.param(scope({"authorization": "Bearer h"}, "token=q"), "h", id="header-wins"),
        pytest.param(scope({}, "tok=x"), "", id="another-parameter"),
    ],
)
def test_a_token_in_the_address_counts_only_where_allowed(
    request_scope: Any, expected: str
) -> None:
    assert credential(request_scope, allow_query=True) == expected
