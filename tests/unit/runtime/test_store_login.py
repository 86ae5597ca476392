"""Tests of how the runtime shows a store server who it is."""

from pathlib import Path

import pytest

from codelab_core.settings import RuntimeSettings
from codelab_runtime.store_login import FileLogin, connection_options


def test_a_server_that_asks_nobody_needs_no_options() -> None:
    settings = RuntimeSettings.exactly(redis_url="redis://store")

    assert connection_options(settings) == {}


def test_a_password_comes_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    settings = RuntimeSettings.exactly(redis_username="runtime", redis_password_file=file)

    options = connection_options(settings)

    assert options == {"credential_provider": FileLogin("runtime", file)}
    assert options["credential_provider"].get_credentials() == ("runtime", "first")


async def test_a_password_without_a_name_is_the_default_users(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first")
    login = FileLogin(None, file)

    assert await login.get_credentials_async() == ("first",)


def test_a_name_alone_is_a_user_without_password() -> None:
    settings = RuntimeSettings.exactly(redis_username="runtime")

    assert connection_options(settings) == {"username": "runtime"}


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_certificates_count_over_tls_only(scheme: str) -> None:
    """The plain connection does not know these arguments."""
    settings = RuntimeSettings.exactly(
        redis_url=f"{scheme}://store",
        redis_ca_file=Path("/ca"),
        redis_cert_file=Path("/cert"),
        redis_key_file=Path("/key"),
    )

    files = {"ssl_ca_certs": "/ca", "ssl_certfile": "/cert", "ssl_keyfile": "/key"}
    assert connection_options(settings) == (files if scheme == "rediss" else {})
