from pathlib import Path

import pytest

from codelab_client.at_hand import opened_gateway
from codelab_client.opening import Where
from codelab_client.places import Gateway, UnreachableError, codelab_folder
from codelab_client.up import Options, stack
from fakes.http_server import Reply, http_server


async def test_a_gateway_that_is_named_is_used(tmp_path: Path) -> None:
    """Whatever it answers: a way in may know no probes."""
    with http_server(Reply(404)) as server:
        where = Where(tmp_path, url=server.url.replace("http", "ws"), token="secret")

        async with opened_gateway(where) as gateway:
            assert gateway == Gateway(server.url, "secret")


async def test_one_that_is_not_there_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="cannot be reached"):
        async with opened_gateway(Where(tmp_path, url="http://127.0.0.1:9")):
            pass


async def test_the_gateway_of_this_machine_is_found(tmp_path: Path) -> None:
    options = Options(codelab_folder(tmp_path), gateway_port=0, runtime_port=0, llmproxy_port=0)

    async with stack(options) as running, opened_gateway(Where(tmp_path)) as gateway:
        assert gateway == Gateway(running.gateway_url, None)


async def test_without_any_gateway_one_is_started_for_the_occasion(tmp_path: Path) -> None:
    async with opened_gateway(Where(tmp_path)) as gateway:
        answer = await gateway.request("GET", "/health")

    assert answer["status"] == "healthy"
