"""Tokens that change while the gateway runs: swapped files, rotated signing keys."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from codelab_core import watched_file
from codelab_core.identity import token_digest
from codelab_gateway import jwks
from fakes.fake_runtime import FakeRuntime, fake_runtime
from fakes.http_server import OneAnswerServer, Reply, http_server
from fakes.issuer import AUDIENCE, ISSUER, Signer, ec_key, jwk, published, rsa_key
from harness.front import Front, front
from harness.sockets import opened

OLD, NEW = rsa_key("old"), ec_key("new")


@pytest.fixture
async def runtime() -> AsyncIterator[FakeRuntime]:
    async with fake_runtime() as fake:
        yield fake


@pytest.fixture
def issuer() -> Iterator[OneAnswerServer]:
    with http_server(Reply(200, published(jwk(OLD, kid="old")))) as server:
        yield server


@pytest.fixture
async def with_keys(
    runtime: FakeRuntime, issuer: OneAnswerServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Front]:
    """A gateway that fetches signing keys, as often as it likes."""
    monkeypatch.setattr(jwks, "RETRY_S", 0.0)
    fields: dict[str, Any] = {
        "auth_mode": "jwt",
        "embedded": False,
        "jwt_jwks_url": f"{issuer.url}/jwks",
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
    }
    async with front(runtime.url, **fields) as running:
        yield running


async def status(front: Front, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return (await front.ask("GET", "/api/v1/models", headers=headers)).status_code


async def test_keys_are_rotated_without_a_restart(
    with_keys: Front, issuer: OneAnswerServer
) -> None:
    old, new = Signer(OLD, "old").token(), Signer(NEW, "new").token()
    before = [await status(with_keys, old), await status(with_keys, new)]

    issuer.reply = Reply(200, published(jwk(OLD, kid="old"), jwk(NEW, kid="new")))
    during = [await status(with_keys, old), await status(with_keys, new)]
    issuer.reply = Reply(503)
    away = [await status(with_keys, old), await status(with_keys, new)]

    assert (before, during, away) == ([200, 401], [200, 200], [200, 200])


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"iss": "https://evil.example"}, id="issuer"),
        pytest.param({"aud": "another"}, id="audience"),
        pytest.param({"sub": "internal"}, id="name-of-the-services"),
        pytest.param({"nbf": 2**31}, id="not-yet"),
        pytest.param({"exp": 1}, id="expired"),
    ],
)
async def test_a_token_must_have_been_made_for_us_and_for_now(
    with_keys: Front, claims: dict[str, Any]
) -> None:
    assert await status(with_keys, Signer(OLD, "old").token(**claims)) == 401


async def test_a_socket_opens_with_a_signed_token(runtime: FakeRuntime, with_keys: Front) -> None:
    token = Signer(OLD, "old").token(sub="carol")
    headers = {"Authorization": f"Bearer {token}"}
    async with opened(f"{with_keys.socket_url}/ws/s", additional_headers=headers) as socket:
        await socket.hello()

    assert runtime.of("/attach")[0].headers["x-principal"] == "carol"


def write_version(folder: Path, name: str, token: str) -> None:
    """One version of a mounted Secret."""
    (folder / name).mkdir()
    (folder / name / "tokens").write_text(f"{token_digest(token)} alice\n")


def swap(folder: Path, name: str) -> None:
    """What the kubelet does: a new link over the old one."""
    (folder / "tmp").symlink_to(name)
    (folder / "tmp").rename(folder / "..data")


async def test_a_swapped_secret_counts_within_seconds(
    runtime: FakeRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_file, "POLL_S", 0.01)
    old, new = "o" * 24, "n" * 24
    write_version(tmp_path, "1", old)
    write_version(tmp_path, "2", new)
    swap(tmp_path, "1")
    (tmp_path / "tokens").symlink_to("..data/tokens")
    fields: dict[str, Any] = {"tokens_file": tmp_path / "tokens", "embedded": False}
    async with front(runtime.url, auth_mode="token", **fields) as running:
        before = [await status(running, old), await status(running, new)]
        swap(tmp_path, "2")
        with anyio.fail_after(5):
            while await status(running, old) == 200:
                await anyio.lowlevel.checkpoint()
        after = await status(running, new)

    assert (before, after) == ([200, 401], 200)
