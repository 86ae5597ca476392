from ipaddress import ip_network
from pathlib import Path
from typing import Any

import jwt
import pytest

from codelab_core.identity import token_digest
from codelab_core.settings import GatewaySettings, SettingsError
from codelab_gateway.trust import Trust, origins_of, proxies_of
from fakes.clock import HandClock

TOKEN = "a-client-token-of-good-length"
SECRET = "s" * 32
PUBLISHED = {
    "auth_mode": "jwt",
    "jwt_jwks_url": "https://id.example/jwks",
    "jwt_issuer": "https://id.example",
    "jwt_audience": "codelab",
}


def trust(**fields: Any) -> Trust:
    return Trust.load(GatewaySettings.exactly(**fields), HandClock())


@pytest.fixture
def tokens_file(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"{token_digest(TOKEN)} alice\n")
    return file


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    return file


def rewrite(file: Path, text: str) -> None:
    file.write_text(text)


def test_tokens_are_those_of_the_file(tokens_file: Path) -> None:
    loaded = trust(auth_mode="token", tokens_file=tokens_file)

    assert loaded.tokens is not None
    assert loaded.tokens.value.verify(TOKEN) == "alice"
    assert (loaded.jwt, loaded.files) == (None, (loaded.tokens,))


async def test_a_secret_verifies_signed_tokens_and_may_be_replaced(secret_file: Path) -> None:
    loaded = trust(auth_mode="jwt", jwt_secret_file=secret_file, principal_claim="email")
    assert loaded.jwt is not None
    claims = {"email": "a@b", "exp": 2**31}

    first = (await loaded.jwt("")).verify(jwt.encode(claims, SECRET))
    rewrite(secret_file, "t" * 40)
    loaded.files[0].refresh()
    second = (await loaded.jwt("")).verify(jwt.encode(claims, "t" * 40))

    assert [first, second] == ["a@b", "a@b"]


def test_both_files_are_watched(tokens_file: Path, secret_file: Path) -> None:
    loaded = trust(auth_mode="token,jwt", tokens_file=tokens_file, jwt_secret_file=secret_file)

    assert len(loaded.files) == 2


def test_published_keys_need_no_file() -> None:
    loaded = trust(**PUBLISHED)

    assert loaded.jwt is not None
    assert (loaded.tokens, loaded.files) == (None, ())


def test_keys_of_this_machine_need_no_tls() -> None:
    assert trust(**PUBLISHED | {"jwt_jwks_url": "http://127.0.0.1:9/jwks"}).jwt is not None


def test_in_development_nobody_is_asked() -> None:
    assert trust(auth_mode="dev", embedded=True) == Trust()


@pytest.mark.parametrize(
    ("fields", "variable"),
    [
        pytest.param({"auth_mode": "token"}, "CODELAB_TOKENS_FILE", id="no-token-file"),
        pytest.param(
            {"auth_mode": "token", "tokens_file": Path("/nowhere")},
            "CODELAB_TOKENS_FILE",
            id="token-file-missing",
        ),
        pytest.param({"auth_mode": "jwt"}, "exactly one", id="no-keys"),
        pytest.param(PUBLISHED | {"jwt_secret_file": Path("/x")}, "exactly one", id="two-keys"),
        pytest.param(
            {"auth_mode": "jwt", "jwt_secret_file": Path("/nowhere")},
            "CODELAB_JWT_SECRET_FILE",
            id="secret-missing",
        ),
        pytest.param(
            PUBLISHED | {"jwt_jwks_url": "http://id.example/jwks"},
            "CODELAB_JWT_JWKS_URL: must begin with https://",
            id="keys-without-tls",
        ),
        pytest.param(PUBLISHED | {"jwt_issuer": None}, "CODELAB_JWT_ISSUER", id="no-issuer"),
        pytest.param(PUBLISHED | {"jwt_audience": None}, "CODELAB_JWT_AUDIENCE", id="no-audience"),
    ],
)
def test_what_cannot_be_trusted_stops_the_start(fields: dict[str, Any], variable: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        trust(**fields)


def test_a_short_secret_stops_the_start_and_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("guessable")

    with pytest.raises(SettingsError, match="CODELAB_JWT_SECRET_FILE") as refused:
        trust(auth_mode="jwt", jwt_secret_file=tmp_path / "secret")

    assert "guessable" not in str(refused.value)


def test_origins_and_proxies_are_lists_with_commas() -> None:
    settings = GatewaySettings.exactly(
        allowed_origins=" https://a.example,,https://b.example:8443 ", trusted_proxies="10.0.0.0/8"
    )

    assert origins_of(settings) == ["https://a.example", "https://b.example:8443"]
    assert proxies_of(settings) == (ip_network("10.0.0.0/8"),)


def test_a_proxy_that_is_no_network_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="CODELAB_TRUSTED_PROXIES"):
        proxies_of(GatewaySettings.exactly(trusted_proxies="proxy.example"))
