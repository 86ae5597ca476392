import json
from pathlib import Path

import pytest

from codelab_client.places import (
    Gateway,
    GatewayError,
    codelab_folder,
    environment_state_home,
    installation_id,
    parse_url,
    running_gateway,
    state_home,
)
from fakes.http_server import Reply, http_server

PROBLEM = {"error": {"code": "SESSION_NOT_FOUND", "message": "There is no such session."}}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("/var/state", Path("/var/state")),
        ("relative", Path("/home/me/.local/state")),
        ("", Path("/home/me/.local/state")),
        (None, Path("/home/me/.local/state")),
    ],
)
def test_the_state_folder_is_where_the_specification_says(
    environment: str | None, expected: Path
) -> None:
    assert state_home(environment, Path("/home/me")) == expected


def test_the_state_folder_of_this_user_is_absolute() -> None:
    assert environment_state_home().is_absolute()


def test_an_installation_keeps_its_id(tmp_path: Path) -> None:
    folder = codelab_folder(tmp_path)

    first, second = installation_id(folder), installation_id(folder)

    assert first == second
    assert len(first) == 16


@pytest.mark.parametrize(
    ("url", "base", "socket"),
    [
        ("http://h:8000/", "http://h:8000", "ws://h:8000"),
        ("https://h", "https://h", "wss://h"),
        ("ws://h:1", "http://h:1", "ws://h:1"),
        ("wss://h", "https://h", "wss://h"),
    ],
)
def test_addresses_of_a_gateway(url: str, base: str, socket: str) -> None:
    gateway = parse_url(url, "token")

    assert (gateway.url, gateway.socket_url, gateway.token) == (base, socket, "token")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://h", "file:///etc/passwd"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(GatewayError, match="give an http"):
        parse_url(url, None)


async def test_a_request_carries_the_token_and_returns_the_decoded_body() -> None:
    with http_server(Reply(200, b'{"ok": true}')) as server:
        answer = await Gateway(server.url, "secret").request("GET", "/api/v1/sessions")

    assert answer == {"ok": True}
    assert server.requests == [("GET", "/api/v1/sessions", "Bearer secret")]


async def test_an_empty_answer_is_none() -> None:
    with http_server(Reply(204)) as server:
        assert await Gateway(server.url).request("DELETE", "/x") is None


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (json.dumps(PROBLEM).encode(), "SESSION_NOT_FOUND: There is no such session."),
        (b"<html>", "HTTP 404"),
        (b"[]", "HTTP 404"),
    ],
)
async def test_a_refusal_is_one_sentence(body: bytes, sentence: str) -> None:
    with http_server(Reply(404, body)) as server, pytest.raises(GatewayError) as refused:
        await Gateway(server.url).request("GET", "/x")

    assert str(refused.value) == sentence


async def test_a_gateway_that_is_not_there_is_named() -> None:
    with pytest.raises(GatewayError, match="cannot be reached"):
        await Gateway("http://127.0.0.1:1").request("GET", "/x")


async def test_a_gateway_of_this_machine_is_found_by_its_file(tmp_path: Path) -> None:
    with http_server(Reply(200, b'{"status":"ok"}')) as server:
        (tmp_path / "gateway-url").write_text(f"{server.url}\ntoken\n")

        found = await running_gateway(tmp_path)

    assert found == Gateway(server.url, "token")


@pytest.mark.parametrize("text", [None, "http://127.0.0.1:1\n\n", "one line"])
async def test_a_gateway_that_has_gone_is_not_found(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "gateway-url").write_text(text)

    assert await running_gateway(tmp_path) is None


async def test_an_answer_that_is_no_json_is_not_from_a_gateway() -> None:
    with (
        http_server(Reply(200, b"<html>")) as server,
        pytest.raises(GatewayError, match="does not answer as a gateway does"),
    ):
        await Gateway(server.url, None).request("GET", "/")
