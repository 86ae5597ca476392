import time
from typing import Any

import jwt
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.identity import (
    InternalKeys,
    JwtVerifier,
    TokenTable,
    principal_hash,
    principal_of,
    token_digest,
)

SECRET = "s" * 32
TOKEN = "a-client-token-of-good-length"
SHORT = "shorter-than-24-chars"
DIGEST = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"  # of "hello world"


def reason_of(error: pytest.ExceptionInfo[CodelabError]) -> tuple[Code, str | None]:
    return error.value.code, error.value.reason


def test_tokens_are_stored_as_sha_256() -> None:
    assert token_digest("hello world") == DIGEST


def test_a_principal_is_hidden_behind_16_hex_digits() -> None:
    assert principal_hash("hello world") == DIGEST[:16]


@pytest.mark.parametrize("name", ["dev", "a", "x" * 255, "Ада Лавлейс", "auth0|5f7c8ec7c33c6c004"])
def test_a_printable_name_is_a_principal(name: str) -> None:
    assert principal_of(name) == name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 256, id="too-long"),
        pytest.param(" alice", id="blank-in-front"),
        pytest.param("alice ", id="blank-behind"),
        pytest.param("alice\r\nX-Internal-Auth: x", id="header-injection"),
        pytest.param("al\x00ice", id="control-character"),
        pytest.param("internal", id="name-of-the-services"),
        pytest.param(7, id="number"),
        pytest.param(None, id="nothing"),
    ],
)
def test_what_a_header_would_change_is_no_principal(name: object) -> None:
    assert principal_of(name) is None


def test_a_token_file_maps_digests_to_principals() -> None:
    text = (
        f"# clients\n\n{token_digest(TOKEN)} alice\n  {token_digest('x' * 24).upper()}   bob b \n"
    )

    table = TokenTable.parse(text)

    assert table.verify(TOKEN) == "alice"
    assert table.verify("x" * 24) == "bob b"
    assert TOKEN not in repr(table)
    assert "alice" not in repr(table)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("alice", id="no-digest"),
        pytest.param(DIGEST, id="no-principal"),
        pytest.param(f"{DIGEST[:-1]}x alice", id="no-hex"),
        pytest.param(f"{DIGEST}0 alice", id="too-long"),
        pytest.param(f"{'é' * 64} alice", id="not-ascii"),
        pytest.param(f"{DIGEST} internal", id="name-of-the-services"),
    ],
)
def test_a_line_that_is_no_token_is_named(line: str) -> None:
    with pytest.raises(ValueError, match=r"line 2 is not: sha256\(token\) principal"):
        TokenTable.parse(f"# first\n{line}\n")


@pytest.mark.parametrize("token", ["unknown-token-of-good-length", SHORT, "", "ключ" * 10])
def test_an_unknown_or_short_token_is_refused(token: str) -> None:
    table = TokenTable.parse(f"{token_digest(TOKEN)} alice\n{token_digest(SHORT)} bob\n")

    with pytest.raises(CodelabError) as refused:
        table.verify(token)

    assert reason_of(refused) == (Code.UNAUTHORIZED, "invalid")


def signed(key: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    usual = {"sub": "alice", "exp": int(time.time()) + 600}  # noqa: TID251 -- of the library
    kept = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm)


def now() -> int:
    return int(time.time())  # noqa: TID251 -- the library reads this clock too


def verifier(**fields: Any) -> JwtVerifier:
    usual = {"key": SECRET, "algorithm": "HS256", "issuer": None, "audience": None}
    return JwtVerifier(**usual | fields)


def test_a_signed_token_names_its_principal() -> None:
    strict = verifier(issuer="https://id", audience="codelab", claim="email")
    token = signed(iss="https://id", aud=["codelab", "other"], email="a@b")

    assert strict.verify(token) == "a@b"


def test_a_token_is_good_for_a_minute_more_than_it_says() -> None:
    late = signed(exp=now() - 50)

    assert verifier().verify(late) == "alice"
    assert verifier().expires_at(late) > now()


@pytest.mark.parametrize(
    ("fields", "claims"),
    [
        pytest.param({}, {"exp": None}, id="no-expiry"),
        pytest.param({}, {"exp": "soon"}, id="expiry-is-no-number"),
        pytest.param({}, {"exp": float("inf")}, id="expiry-is-infinite"),
        pytest.param({}, {"nbf": now() + 3600}, id="not-yet"),
        pytest.param({}, {"sub": None}, id="no-principal"),
        pytest.param({"claim": "groups"}, {"groups": ["a"]}, id="principal-is-a-list"),
        pytest.param({"claim": "name"}, {"name": " root"}, id="principal-with-blank"),
        pytest.param({"claim": "name"}, {"name": "internal"}, id="name-of-the-services"),
        pytest.param({"issuer": "https://id"}, {"iss": "https://evil"}, id="issuer"),
        pytest.param({"issuer": "https://id"}, {}, id="no-issuer"),
        pytest.param({"audience": "codelab"}, {"aud": "other"}, id="audience"),
        pytest.param({"audience": "codelab"}, {}, id="no-audience"),
        pytest.param({}, {"key": "t" * 32}, id="other-key"),
        pytest.param({}, {"key": "t" * 64, "algorithm": "HS512"}, id="other-algorithm"),
    ],
)
def test_a_token_with_a_fault_is_refused(fields: dict[str, Any], claims: dict[str, Any]) -> None:
    with pytest.raises(CodelabError) as refused:
        verifier(**fields).verify(signed(**claims))

    assert reason_of(refused) == (Code.UNAUTHORIZED, "invalid")


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("a.b.c", id="no-base64"),
        pytest.param("ü.ü.ü", id="not-ascii"),
        pytest.param("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwiZXhwIjo5OTk5OTk5OTk5fQ.", id="none"),
    ],
)
def test_what_is_no_token_of_ours_is_refused(token: str) -> None:
    with pytest.raises(CodelabError) as refused:
        verifier().verify(token)

    assert reason_of(refused) == (Code.UNAUTHORIZED, "invalid")


def test_an_expired_token_is_told_from_a_bad_one() -> None:
    with pytest.raises(CodelabError) as refused:
        verifier().verify(signed(exp=now() - 61))

    assert reason_of(refused) == (Code.TOKEN_EXPIRED, None)


@pytest.mark.parametrize("secret", ["", "s" * 31])
def test_a_secret_that_can_be_guessed_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="less than 32 bytes"):
        verifier(key=secret)


def test_the_current_and_the_previous_key_are_accepted() -> None:
    keys = InternalKeys.parse("current\n\n  previous \n")

    assert keys.current == "current"
    assert [keys.accepts(key) for key in ("current", "previous", "", "Current", "ключ")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert "current" not in repr(keys)


def test_a_text_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="holds no internal key"):
        InternalKeys.parse("\n \n")


def test_the_published_key_works_only_where_it_is_allowed() -> None:
    text = "own\ninternal-poc-key\n"

    with pytest.raises(ValueError, match="CODELAB_ALLOW_SAMPLE_KEY"):
        InternalKeys.parse(text)

    assert InternalKeys.parse(text, allow_sample=True).accepts("internal-poc-key")
