from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codelab_core.identity import token_digest
from fakes.fake_runtime import FakeRuntime
from harness.front import Front, front

FORM = {"username": "anybody", "password": "anything"}


@pytest.mark.parametrize("path", ["/oauth/token", "/auth/oauth/token"])
async def test_any_login_is_answered_with_a_pair_of_tokens(gateway: Front, path: str) -> None:
    answer = await gateway.ask("POST", path, data=FORM)

    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert sorted(body) == ["access_token", "expires_in", "refresh_token", "token_type"]
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert body["access_token"] != body["refresh_token"]


async def test_a_page_from_elsewhere_cannot_log_in(gateway: Front) -> None:
    answer = await gateway.ask(
        "POST", "/oauth/token", data=FORM, headers={"origin": "https://evil.example"}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")


@pytest.fixture
async def guarded(runtime: FakeRuntime, tmp_path: Path) -> AsyncIterator[Front]:
    file = tmp_path / "tokens"
    file.write_text(f"{token_digest('x' * 24)} alice\n")
    async with front(runtime.url, auth_mode="token", embedded=False, tokens_file=file) as running:
        yield running


async def test_only_development_has_a_login(guarded: Front) -> None:
    answer = await guarded.ask("POST", "/oauth/token", data=FORM)

    assert answer.status_code == 404
